/* SPDX-License-Identifier: Apache-2.0
 *
 * mirror: what is known about the names that stand in bounces (config/mirrors.yml, embedded): what receivers
 * call a list, which public list a private mirror of a receiver carries, and whose the sending addresses are.
 *
 * It is data and never changes. A zone of a name that begins with "*." or "{key}." stands for every name with
 * labels before the rest; where it is {key} they are a secret of the receiver. Behind it "*." stands for one
 * label. Other zones are compared whole. Neither zones nor names are compared by case.
 */
#ifndef RBL_CORE_MIRROR_H
#define RBL_CORE_MIRROR_H

#include "core/arena.h"
#include "core/ip.h"
#include "core/node.h"
#include "core/problem.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mirror_texts {
    const char *const *items;
    size_t n;
};

/* What receivers call a list. */
struct mirror_name {
    const char *name;          /* the canonical spelling */
    struct mirror_texts also;  /* other spellings, and hosts of links */
    struct mirror_texts zones; /* DNS zones that carry it */
    struct mirror_texts codes; /* what those lists call its answers; empty: every answer is its */
    struct mirror_texts lists; /* names of built-in lists that hold it, the public one first; may be empty */
    const char *page;          /* where its listings are looked up and removed; "" if not said */
    bool domains;              /* it lists names of domains, not addresses */
};

/* Answers first..last (host byte order) of a private mirror. */
struct mirror_code {
    uint32_t first;
    uint32_t last;
    const struct mirror_name *means;
};

struct mirror {
    const char *zone;
    const char *owner; /* the receiver */
    const struct mirror_code *codes;
    size_t n_codes;
};

struct mirrors {
    struct arena arena;
    const struct mirror_name *names;
    size_t n_names;
    const struct mirror *items;
    size_t n_items;
    const struct ip_range *ranges; /* from which Microsoft 365 sends */
    size_t n_ranges;
};

/* Reads the document of config/mirrors.yml; STATUS_INVALID with reasons in `problems`. What was read needs
 * neither `root` nor its arena afterwards. */
enum status mirrors_read(const struct node *root, struct problems *problems, struct mirrors **out) MUST_CHECK;
void mirrors_free(struct mirrors *mirrors); /* NULL allowed */

/* The mirror with this zone, NULL if it is none. */
const struct mirror *mirror_find(const struct mirrors *mirrors, const char *zone);
/* What an answer of a mirror stands for, NULL if that is not known. */
const struct mirror_name *mirror_meaning(const struct mirror *mirror, uint32_t code);
/* The name whose zone this is, NULL if none; *secret: how many bytes at its front are a key. */
const struct mirror_name *mirror_name_of_zone(const struct mirrors *mirrors, const char *zone,
                                              size_t *secret);
/* The longest of the spellings of a name with which `text` begins (no letter or digit may follow); NULL if
 * there is none. *len: how long it is. */
const struct mirror_name *mirror_name_at(const struct mirrors *mirrors, const char *text, size_t *len);
/* The range of Microsoft 365 that holds the address, NULL if none does. */
const struct ip_range *mirror_range_of(const struct mirrors *mirrors, const struct ip *ip);

#endif
