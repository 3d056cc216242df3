/* SPDX-License-Identifier: Apache-2.0
 *
 * How a plan is made for a list, and what it takes over from the plan before a reload.
 */
#include "core/plan.h"

#include "core/plan_internal.h"

#include <stdlib.h>
#include <string.h>

static int64_t recheck_interval(const struct settings *s, const struct list *list, uint32_t index) {
    int64_t interval_ns = list->interval_ns;
    for (size_t g = 0; list->interval_ns == 0 && g < s->n_groups; g++) {
        const struct group *group = &s->groups[g];
        if (group->lists[index] && group->n_ranges > 0 &&
            (interval_ns == 0 || group->interval_ns < interval_ns))
            interval_ns = group->interval_ns;
    }
    return interval_ns != 0 ? interval_ns : s->defaults.interval_ns;
}

enum status plan_init(struct plan *p, const struct targets *targets, uint32_t list, struct quota *quota,
                      uint64_t seed, int64_t now_ns) {
    const struct list *l = &targets->settings->lists[list];
    const struct target_set *set = targets->sets[list];
    *p = (struct plan){.quota = quota, .set = set};
    rate_init(&p->rate, l->budget.rate, l->budget.burst, now_ns);
    p->recheck_interval_ns = recheck_interval(targets->settings, l, list);
    p->sweep = (struct plan_sweep){
        .n = set->n_swept,
        .interval_ns = set->sweep_interval_ns,
        .next_ns = now_ns,
        .skip_since_ns = INT64_MAX,
        .rest_since_ns = INT64_MAX,
    };
    if (set->n_swept > 0)
        p->sweep.order = permute_make(set->n_swept, seed);
    enum status status = plan_rings_make(p, l, now_ns);
    if (status != STATUS_OK)
        plan_release(p);
    return status;
}

void plan_release(struct plan *p) {
    for (int i = 0; i < LANES; i++)
        free(p->lanes[i].items);
    plan_rings_release(p);
    plan_laps_free(p->sweep.laps);
    *p = (struct plan){.quota = NULL};
}

static void carry_sweep(struct plan *p, const struct plan *old) {
    if (p->sweep.n == 0 || old->sweep.n == 0)
        return;
    p->sweep.completed_ns = old->sweep.completed_ns;
    p->sweep.duration_ns = old->sweep.duration_ns;
    p->sweep.last_interval_ns = old->sweep.last_interval_ns;
    p->sweep.started_ns = old->sweep.started_ns;
    p->sweep.whole_ns = old->sweep.whole_ns;
    p->sweep.order = permute_make(p->sweep.n, old->sweep.order.seed);
    if (old->sweep.running && old->sweep.asked) {
        p->sweep.running = true;
        p->sweep.asked = true;
        p->sweep.skip_since_ns = old->sweep.started_ns;
        if (p->sweep.n == old->sweep.n)
            p->sweep.reached =
                old->sweep.reached > old->sweep.position ? old->sweep.reached : old->sweep.position;
    } else if (!old->sweep.running && old->sweep.asked) {
        p->sweep.asked = true;
        p->sweep.next_ns = old->sweep.started_ns + p->sweep.interval_ns;
    }
}

enum status plan_carry(struct plan *p, const struct plan *old, const struct list *list,
                       const struct target_map *map, int64_t now_ns) {
    p->rate = old->rate;
    rate_change(&p->rate, list->budget.rate, list->budget.burst, now_ns);
    p->deferred = old->deferred;
    carry_sweep(p, old);
    return plan_rings_carry(p, old, list, map, now_ns);
}

void plan_restart(struct plan *p, int64_t now_ns) {
    plan_rings_restart(p, now_ns);
    p->sweep.running = false;
    p->sweep.asked = false;
    p->sweep.position = 0;
    p->sweep.open = 0;
    p->sweep.next_ns = now_ns;
    p->sweep.skip_since_ns = INT64_MAX;
    plan_laps_reset(&p->sweep);
}
