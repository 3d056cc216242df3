/* SPDX-License-Identifier: Apache-2.0
 *
 * node: a parsed YAML document as a tree of values, each with its place in the file.
 *
 * Made by edge/yaml into an arena, read by core/settings. Keys of a mapping are scalars and unique.
 */
#ifndef RBL_CORE_NODE_H
#define RBL_CORE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_type { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

struct node {
    enum node_type type;
    bool quoted;      /* scalar in quotes or a block: a string, whatever it looks like */
    uint32_t line;    /* from 1 */
    uint32_t column;  /* from 1, in characters */
    const char *text; /* scalar: UTF-8 without NUL, NUL-terminated */
    size_t len;
    struct node *key;   /* child of a mapping: its key, a scalar */
    struct node *first; /* sequence, mapping: children in order */
    struct node *next;
    size_t n_children;
};

/* The value of `key` in a mapping, NULL if absent or `mapping` is none. */
const struct node *node_find(const struct node *mapping, const char *key);
/* "a mapping", "a list", "a value": for messages. */
const char *node_type_text(const struct node *node);
/* Whether an unquoted scalar is empty, ~ or null: a key without a value. */
bool node_is_null(const struct node *node);

#endif
