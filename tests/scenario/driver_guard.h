/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_guard: what must hold in every scenario at every moment, whatever it is about:
 * - in any t seconds at most rate * t + burst queries to a list, and in any window at most its quota;
 * - a list that is not ok is asked nothing but self-tests;
 * - nothing is published or shown as listed that never was, or whose listing ended more than an hour ago;
 * - nothing is published as delisted that has been listed all the time since it was published as listed;
 * - no series appears twice in /metrics.
 * Reckoned from what is sent and told, with other means than the program's own.
 */
#ifndef RBL_SCENARIO_DRIVER_GUARD_H
#define RBL_SCENARIO_DRIVER_GUARD_H

#include "driver_world.h"

#include "core/checker.h"

struct guard_list {
    char name[SETTINGS_NAME_MAX + 1];
    enum health_state state; /* as told */
    double level;            /* queries that the rate has not yet worked off */
    int64_t level_ns;
};

/* A quota, of one list or shared. */
struct guard_quota {
    char name[SETTINGS_NAME_MAX + 2]; /* of a budget, or of a list with a * before it */
    int64_t *sent_ns;
    size_t n, size;
};

struct guard {
    struct world *world;
    const struct settings *settings;
    struct guard_list lists[WORLD_ZONES]; /* by list */
    struct guard_quota quotas[2 * WORLD_ZONES];
    unsigned n_quotas;
};

/* The program runs with other settings from now on; what lists and quotas of the same name have used stays.
 */
void guard_settings(struct guard *g, const struct settings *settings, int64_t now_ns);
void guard_release(struct guard *g);
/* A question has been sent; returns whether it is a self-test. */
bool guard_sent(struct guard *g, const struct world_question *q, int64_t now_ns);
/* What the program told. */
void guard_state(struct guard *g, uint32_t list, enum health_state state);
void guard_event(struct guard *g, const struct registry_event *event, int64_t now_ns);
/* The share of a quota (of a budget, or of a list by itself) that was sent within its window up to now; fails
 * if there is no such quota. */
double guard_used(struct guard *g, const char *name, int64_t now_ns);
/* All samples of /metrics; `text` is cut up. */
void guard_metrics(struct guard *g, char *text);

#endif
