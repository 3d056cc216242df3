/* SPDX-License-Identifier: Apache-2.0
 *
 * When results become stale, and how often that is looked at.
 *
 * What is stale vanishes at most a hundredth too late, or some seconds. A pass through a range that is swept
 * once a month may take hours then, and a program that has nothing to do sleeps. Addresses named one by one
 * are looked at by themselves: they become stale much sooner than the range in which they may lie.
 */
#include "core/checker.h"
#include "core/checker_internal.h"

#define SECOND_NS INT64_C(1000000000)
#define STALE_LEAST_NS (SECOND_NS * 6 * 3600)
#define PAUSE_NS (60 * SECOND_NS)
enum {
    SCANS = 100,        /* of all cells within the shortest time in which one can become stale */
    SCAN_CELLS = 65536, /* at once, if shorter pauses can help it; a fraction of a millisecond */
    SCAN_SHARE = 64,    /* ... and at most this part of all, and SCAN_LEAST */
    SCAN_LEAST = 1024
};

static int64_t at_most(int64_t value, int64_t limit) {
    return value < limit ? value : limit;
}

/* Three turns, of which the longest may be one since 1970: a store may say so. */
static int64_t stale_after(int64_t turn_ns) {
    int64_t stale_ns = 3 * at_most(turn_ns, PLAN_LONGEST_NS);
    return stale_ns > STALE_LEAST_NS ? stale_ns : STALE_LEAST_NS;
}

/* How long results may be shown. */
static struct registry_stale stale_of(struct checker *c, uint32_t list, int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    int64_t fixed_ns = c->settings->defaults.stale_after_ns;
    int64_t sweep_ns = plan_whole_interval(&l->plan, now_ns);
    if (sweep_ns < l->plan.sweep.interval_ns)
        sweep_ns = l->plan.sweep.interval_ns;
    for (uint32_t i = 0; i < l->plan.n_rings; i++) {
        int64_t ring_ns = plan_ring_interval(&l->plan, i, now_ns);
        if (ring_ns < l->plan.rings[i].interval_ns)
            ring_ns = l->plan.rings[i].interval_ns;
        l->ring_stale_ns[i] = fixed_ns != 0 ? fixed_ns : stale_after(ring_ns);
    }
    return (struct registry_stale){.sweep_ns = fixed_ns != 0 ? fixed_ns : stale_after(sweep_ns),
                                   .ring_ns = l->ring_stale_ns,
                                   .n_rings = l->plan.n_rings};
}

/* How many of `n` are looked at in each step, so that all of them are within `pass_ns`. */
static uint32_t scan_steps(uint32_t n, int64_t pass_ns, int64_t pause_ns) {
    if (pause_ns >= pass_ns)
        return n;
    return (uint32_t)((__int128)n * pause_ns / pass_ns) + 1;
}

void checker_age(struct checker *c, uint32_t list, int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    if (now_ns < l->scan_ns)
        return;
    uint32_t n = c->registry->lists[list].set->n;
    struct registry_stale stale = stale_of(c, list, now_ns);
    int64_t pass_ns = at_most(stale.sweep_ns, REGISTRY_SAMPLE_NS) / SCANS + 1;
    int64_t watched_ns = INT64_MAX;
    for (uint32_t i = 0; i < stale.n_rings; i++)
        watched_ns = at_most(watched_ns, stale.ring_ns[i] / SCANS + 1);
    int64_t pause_ns = at_most(at_most(pass_ns, watched_ns), PAUSE_NS);
    if (scan_steps(n, pass_ns, pause_ns) > SCAN_CELLS)
        pause_ns = (int64_t)((__int128)pass_ns * SCAN_CELLS / n);
    if (pause_ns < SECOND_NS)
        pause_ns = SECOND_NS;
    l->scan_ns = now_ns + pause_ns;
    registry_scan(c->registry, list, &stale,
                  (uint32_t)at_most(scan_steps(n, pass_ns, pause_ns), n / SCAN_SHARE + SCAN_LEAST), now_ns);
    registry_scan_watched(c->registry, list, &stale,
                          scan_steps(c->registry->lists[list].set->n_watched, watched_ns, pause_ns), now_ns);
    if (now_ns >= l->safelists_ns) {
        registry_safelists_note(c->registry, list, now_ns);
        l->safelists_ns = now_ns + PAUSE_NS;
    }
}

void checker_age_all(struct checker *c, uint32_t list, int64_t now_ns) {
    struct registry_stale stale = stale_of(c, list, now_ns);
    registry_scan(c->registry, list, &stale, c->registry->lists[list].set->n, now_ns);
    registry_scan_watched(c->registry, list, &stale, c->registry->lists[list].set->n_watched, now_ns);
}
