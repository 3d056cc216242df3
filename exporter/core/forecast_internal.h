/* SPDX-License-Identifier: Apache-2.0
 *
 * forecast_internal: the flows of lists that share one allowance.
 */
#ifndef RBL_CORE_FORECAST_INTERNAL_H
#define RBL_CORE_FORECAST_INTERNAL_H

#include "core/forecast.h"

/* What is longer is as good as never. */
#define FORECAST_NEVER_NS (INT64_C(1000000000) * 86400 * 3650)

/* A list that takes part in an allowance. */
struct forecast_member {
    struct forecast_flow wanted;
    double rate; /* queries a day; 0: unlimited */
    struct forecast_flow given;
};

/* What `n` lists get that share `quota` queries a day (0: none). `smooth`: it is large enough to be divided
 * into classes. */
void forecast_divide(struct forecast_member *members, size_t n, double quota, bool smooth);
/* The longest of what `n` rings get who share `given` queries a day. */
void forecast_rings(struct forecast_ring *rings, uint32_t n, double given);
/* Fills in `low` and `high`. */
void forecast_bound(struct forecast_list *l);
/* The lists whose queries count for the quota of `l`: how many, and their members in `out` (of n_lists). */
size_t forecast_members(const struct forecast *f, const struct forecast_list *l, struct forecast_member *out,
                        size_t *self);

/* The quota that pays for a list: queries (0: none) within how long, and its name if it is shared, else NULL.
 */
struct forecast_quota {
    uint64_t queries;
    int64_t per_ns;
    const char *name;
};
struct forecast_quota forecast_quota_of(const struct settings *s, const struct list *list);

#endif
