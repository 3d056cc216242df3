/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml: from bytes to a tree of nodes, strictly (libyaml's event interface).
 *
 * Refused, each with its place: syntax errors, anchors and aliases, tags, merge keys (`<<`), duplicate keys,
 * keys that are no scalars, a second document, NUL and control characters, invalid UTF-8, UTF-16, a byte
 * order mark is skipped, more than YAML_DEPTH levels, YAML_NODES nodes or YAML_BYTES bytes. 50 KB of brackets
 * end in well under 0.1 s.
 *
 * Where the rest can still be understood (a duplicate key, an anchor, a tag) the error is noted and the tree
 * made, so that whoever reads the tree adds the errors found there: a user sees all of them at once.
 * settings_read() and catalog_read() fail on any error in `problems`, also on one that was there before them.
 */
#ifndef RBL_EDGE_YAML_H
#define RBL_EDGE_YAML_H

#include "core/arena.h"
#include "core/node.h"
#include "core/problem.h"
#include "core/status.h"

#include <stddef.h>

enum { YAML_DEPTH = 16, YAML_NODES = 1000000, YAML_BYTES = 64 * 1024 * 1024 };

/* Parses `text`; `*root` is in `arena`, or NULL for an empty document (that is no error here).
 * STATUS_INVALID, with the reasons in `problems`, if no tree could be made; or STATUS_NO_MEMORY. */
enum status yaml_parse(const char *text, size_t len, struct arena *arena, struct problems *problems,
                       const struct node **root) MUST_CHECK;
/* The same for JSON that a program has written: an escape may make any character but NUL. */
enum status yaml_parse_json(const char *text, size_t len, struct arena *arena, struct problems *problems,
                            const struct node **root) MUST_CHECK;
/* Reads a whole regular file (no FIFO, directory or device; at most YAML_BYTES) and parses it. A file that
 * cannot be read is a problem at line 0 with the system's reason. */
enum status yaml_load(const char *path, struct arena *arena, struct problems *problems,
                      const struct node **root) MUST_CHECK;

#endif
