/* SPDX-License-Identifier: Apache-2.0
 *
 * How a plan is made for a list, and what it takes over from the plan before a reload.
 */
#include "core/plan.h"

#include "core/plan_internal.h"

#include <stdlib.h>
#include <string.h>

static int64_t ring_interval_of(const struct list *list, const struct target_watch *watch) {
    return list->interval_ns != 0 ? list->interval_ns : watch->interval_ns;
}

static struct plan_ring *find_ring(struct plan *p, int64_t interval_ns) {
    for (uint32_t i = 0; i < p->n_rings; i++)
        if (p->rings[i].interval_ns == interval_ns)
            return &p->rings[i];
    return NULL;
}

static struct plan_ring *make_ring(struct plan *p, int64_t interval_ns, int64_t now_ns) {
    struct plan_ring *ring = find_ring(p, interval_ns);
    if (ring != NULL)
        return ring;
    struct plan_ring *rings = realloc(p->rings, (p->n_rings + 1) * sizeof *rings);
    if (rings == NULL)
        return NULL;
    p->rings = rings;
    rings[p->n_rings] = (struct plan_ring){.interval_ns = interval_ns, .start_ns = now_ns};
    return &rings[p->n_rings++];
}

/* Members of each ring, in an order that does not follow the addresses, so that neighbours are not asked in a
 * row. */
static enum status fill_rings(struct plan *p, const struct list *list, const struct target_set *set,
                              uint64_t seed, int64_t now_ns) {
    if (set->n_watched == 0)
        return STATUS_OK;
    p->members = calloc(set->n_watched, sizeof *p->members);
    if (p->members == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < set->n_watched; i++) {
        struct plan_ring *ring = make_ring(p, ring_interval_of(list, &set->watched[i]), now_ns);
        if (ring == NULL)
            return STATUS_NO_MEMORY;
        ring->n++;
    }
    uint32_t *next = p->members;
    for (uint32_t r = 0; r < p->n_rings; r++) {
        p->rings[r].members = next;
        next += p->rings[r].n;
        p->rings[r].n = 0;
    }
    struct permute order = permute_make(set->n_watched, seed);
    for (uint32_t i = 0; i < set->n_watched; i++) {
        const struct target_watch *watch = &set->watched[permute_at(&order, i)];
        struct plan_ring *ring = find_ring(p, ring_interval_of(list, watch));
        struct ip ip = target_ip(set, watch->index);
        p->members[(ring->members - p->members) + ring->n++] = watch->index;
        ring->hash = ip_hash(&ip, ring->hash);
    }
    return STATUS_OK;
}

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
    *p = (struct plan){.quota = quota};
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
    enum status status = fill_rings(p, l, set, seed, now_ns);
    if (status != STATUS_OK)
        plan_release(p);
    return status;
}

void plan_release(struct plan *p) {
    for (int i = 0; i < LANES; i++)
        free(p->lanes[i].items);
    free(p->rings);
    free(p->members);
    plan_laps_free(p->sweep.laps);
    *p = (struct plan){.quota = NULL};
}

const struct plan_ring *plan_ring_before(const struct plan_ring *ring, const struct plan *old) {
    for (uint32_t i = 0; i < old->n_rings; i++) {
        const struct plan_ring *o = &old->rings[i];
        if (ring->interval_ns == o->interval_ns && ring->n == o->n && ring->hash == o->hash)
            return o;
    }
    return NULL;
}

/* A ring of the same addresses goes on where it was. */
static void carry_ring(struct plan_ring *ring, const struct plan_ring *old) {
    if (old == NULL)
        return;
    ring->position = old->position;
    ring->start_ns = old->start_ns;
    ring->ended_ns = old->ended_ns;
    ring->last_ns = old->last_ns;
    ring->round = old->round;
}

void plan_carry(struct plan *p, const struct plan *old, const struct list *list, int64_t now_ns) {
    p->rate = old->rate;
    rate_change(&p->rate, list->budget.rate, list->budget.burst, now_ns);
    p->deferred = old->deferred;
    for (uint32_t i = 0; i < p->n_rings; i++)
        carry_ring(&p->rings[i], plan_ring_before(&p->rings[i], old));
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

void plan_restart(struct plan *p, int64_t now_ns) {
    for (uint32_t i = 0; i < p->n_rings; i++) {
        p->rings[i].position = 0;
        p->rings[i].round = 0;
        p->rings[i].start_ns = now_ns;
        p->rings[i].ended_ns = 0;
        p->rings[i].last_ns = 0;
    }
    p->sweep.running = false;
    p->sweep.asked = false;
    p->sweep.position = 0;
    p->sweep.open = 0;
    p->sweep.next_ns = now_ns;
    p->sweep.skip_since_ns = INT64_MAX;
    plan_laps_reset(&p->sweep);
}
