/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_churn: a range whose listings come and go. Each address is listed and not listed by turns, for times
 * that are exponentially distributed, so that at any moment a given share of them is listed. What becomes of
 * an address depends on the seed alone, not on when or whether it is looked at: it costs nothing until then.
 */
#ifndef RBL_SCENARIO_DRIVER_CHURN_H
#define RBL_SCENARIO_DRIVER_CHURN_H

#include "core/ip.h"

#include <stdbool.h>
#include <stdint.h>

struct churn_cell {
    uint64_t random;
    int64_t since_ns; /* the present state */
    int64_t next_ns;  /* ... ends then */
    bool listed;
};

struct churn {
    struct ip_range range;
    double listed_ns, free_ns; /* mean times */
    struct churn_cell *cells;
    int64_t counted_ns; /* the listed time so far is counted up to then */
    double sum_ns;      /* of listed times that ended since then */
};

void churn_init(struct churn *c, const struct ip_range *range, double share, int64_t lifetime_ns,
                uint64_t seed, int64_t now_ns);
void churn_release(struct churn *c);
/* Whether `ip`, of the range, is listed now, and since when that is so. Time never falls. */
bool churn_listed(struct churn *c, const struct ip *ip, int64_t now_ns, int64_t *since_ns);
/* The share of the range that was listed since the last call (or the beginning), on average over that time.
 */
double churn_share(struct churn *c, int64_t now_ns);
/* A random time of that mean. */
double churn_exponential(double mean, uint64_t *random);

#endif
