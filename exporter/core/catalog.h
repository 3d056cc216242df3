/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog: the lists that the program knows by name (config/lists.yml, embedded), and those that are dead.
 *
 * Read by the same code and schema as a user's lists, with three keys more: `limits`, `note`, `source`. Also
 * holds the shared budgets of built-in lists (`validity`), so that using two lists of one operator shares its
 * allowance without being told.
 */
#ifndef RBL_CORE_CATALOG_H
#define RBL_CORE_CATALOG_H

#include "core/settings.h"

struct dead_list {
    const char *zone;  /* "ix.dnsbl.manitu.net"; a leading "*." stands for any labels, none included */
    const char *since; /* "2025-01-17", "2013" */
    const char *what;  /* what happened and how it fails, a sentence */
    const char *source;
};

struct catalog {
    struct arena arena;
    const struct list
        *lists; /* confirm 0: what `defaults` say; a zone with {key} has no zone_name (length 0) */
    size_t n_lists;
    const struct budget_settings *budgets; /* list.budget.share of a built-in list is an index into these */
    size_t n_budgets;
    const struct dead_list *dead;
    size_t n_dead;
};

/* Reads the document of config/lists.yml; STATUS_INVALID with reasons in `problems`. Settings that were read
 * with a catalog do not need it afterwards. */
enum status catalog_read(const struct node *root, struct problems *problems, struct catalog **out) MUST_CHECK;
void catalog_free(struct catalog *catalog); /* NULL allowed */
/* A built-in list by name, NULL if unknown. */
const struct list *catalog_find(const struct catalog *catalog, const char *name);
/* The nearest name by spelling, for "did you mean"; NULL if nothing is near. */
const char *catalog_nearest(const struct catalog *catalog, const char *name);
/* What is known about a zone that is dead or harmful (without regard to case), NULL if nothing. */
const struct dead_list *catalog_dead(const struct catalog *catalog, const char *zone);

#endif
