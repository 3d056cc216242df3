/* SPDX-License-Identifier: Apache-2.0
 *
 * forecast: what a configuration costs and achieves, reckoned before a query is sent.
 *
 * A model of flows, in queries a day, of what core/budget and core/plan do in the long run. What each list
 * wants is known: its self-tests, its watched addresses, its sweep. What it gets:
 * - By its rate: self-tests first, then watched addresses; where these leave less than a fifth, the sweep
 * gets a fifth (without a quota the classes share the rate).
 * - By its quota, own or shared: self-tests at most their 5 %. What they and urgent questions leave is for
 * watched addresses and sweeps; if both want more than there is, it is divided as 65 to 20. Within a class
 * the lists that share a quota take turns, so each gets what it wants or as much as the others.
 * - Watched addresses of several intervals on one list: those that cannot have their interval have all the
 * same one (plan_next() takes what is due first, and a round that is late begins anew).
 *
 * Of what is kept for urgent questions half is reckoned as used; the rest serves the others meanwhile.
 * Re-checks of what a sweep found listed take up to half of the sweep's part; how much nobody knows
 * beforehand, so the sample is promised for that half. Of the self-tests of lists that share a quota only the
 * sum is exact: which list takes the next one depends on what it asks besides.
 *
 * Against simulated weeks and months (tests/scenario/plan_*.scn, senderscore_months.scn) the intervals are
 * right within 10 %.
 */
#ifndef RBL_CORE_FORECAST_H
#define RBL_CORE_FORECAST_H

#include "core/buf.h"
#include "core/status.h"
#include "core/targets.h"

#include <stdbool.h>
#include <stdint.h>

/* Queries a day. */
struct forecast_flow {
    double tests;
    double watched;
    double sweep;
};

/* The watched addresses of a list that have the same interval. */
struct forecast_ring {
    uint32_t n;
    int64_t wanted_ns;
    int64_t achieved_ns;
};

struct forecast_list {
    uint32_t list; /* index in the settings */
    struct forecast_flow wanted;
    struct forecast_flow given;
    double allowed;   /* queries a day that quota and rate allow, of a shared quota all lists together; 0:
                         unlimited */
    bool by_quota;    /* it is the quota that limits, not the rate */
    uint32_t sharers; /* lists that share the quota, this one included */
    uint32_t n_watched;
    uint32_t n_swept;
    struct forecast_ring *rings; /* the shortest interval first */
    uint32_t n_rings;
    int64_t test_wanted_ns;  /* between two self-tests of the nameserver in use */
    int64_t test_ns;         /* ... achieved */
    int64_t sweep_wanted_ns; /* from start to start; 0: nothing is swept */
    int64_t sweep_ns;        /* ... achieved */
    int64_t sweep_took_ns;   /* how long one takes; 0: as long as the nameservers need */
    double sample;           /* addresses of which the sample of 30 days consists, at least */
    double low, high; /* 95 % bound of the listed share that it states when FORECAST_SHARE are listed */
};

#define FORECAST_SHARE 0.01

struct forecast {
    const struct settings *settings; /* borrowed */
    struct forecast_list *lists;     /* the enabled ones, in the order of the configuration */
    uint32_t n_lists;
};

/* STATUS_NO_MEMORY. `targets` may go before it, their settings may not. */
enum status forecast_new(const struct targets *targets, struct forecast **out) MUST_CHECK;
void forecast_free(struct forecast *f); /* NULL allowed */
/* That of a list; NULL if it is disabled. */
const struct forecast_list *forecast_find(const struct forecast *f, uint32_t list);
/* The interval between two checks of an address of (list, group), as rbl_list_recheck_interval_seconds will
 * show it; 0: the group is not checked on it. */
int64_t forecast_interval(const struct forecast *f, uint32_t list, uint32_t group);
/* What to change about a list: whole sentences, one a line; nothing if all that is wanted is achieved. */
void forecast_advise(const struct forecast *f, const struct forecast_list *l, struct buf *out);

#endif
