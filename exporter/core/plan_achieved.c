/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a plan is achieved: how often its rings come round, and how late it is.
 */
#include "core/plan.h"

#include "core/plan_internal.h"

int64_t plan_ring_interval(const struct plan *p, uint32_t ring, int64_t now_ns) {
    const struct plan_ring *r = &p->rings[ring];
    if (r->round == 0)
        return 0;
    int64_t running = now_ns - (r->ended_ns != 0 ? r->ended_ns : r->start_ns);
    int64_t longest = r->last_ns > running ? r->last_ns : running;
    /* The jitter of two ends is no delay. */
    return longest > r->interval_ns + plan_ring_jitter(r) ? longest : r->interval_ns;
}

static void count_due(int64_t due_ns, uint64_t n, int64_t now_ns, int64_t *lag_ns, uint64_t *n_due) {
    if (due_ns >= now_ns || n == 0)
        return;
    *n_due += n;
    if (now_ns - due_ns > *lag_ns)
        *lag_ns = now_ns - due_ns;
}

/* Without a quota its classes only share the rate, and what waits for that is late. */
static bool waits_for_quota(const struct plan *p, enum budget_class class, int64_t now_ns) {
    return p->quota->limit > 0 && quota_ready_ns(p->quota, class, now_ns) > now_ns;
}

/* How many of a lane are due; they wait in the order of their time. */
static uint64_t due_in_lane(const struct plan_queue *q, int64_t now_ns) {
    uint32_t lo = 0;
    uint32_t hi = q->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (plan_queue_at(q, mid)->due_ns < now_ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int64_t plan_lag(const struct plan *p, int64_t now_ns, uint64_t *n_due) {
    int64_t lag_ns = 0;
    *n_due = 0;
    for (int lane = 0; lane < LANES; lane++) {
        const struct plan_item *front = plan_queue_front(&p->lanes[lane]);
        if (front != NULL && !waits_for_quota(p, (enum budget_class)front->class, now_ns))
            count_due(front->due_ns, due_in_lane(&p->lanes[lane], now_ns), now_ns, &lag_ns, n_due);
    }
    bool rings_wait = waits_for_quota(p, BUDGET_WATCHED, now_ns);
    for (uint32_t i = 0; !rings_wait && i < p->n_rings; i++) {
        const struct plan_ring *r = &p->rings[i];
        int64_t due_ns = plan_ring_due(r);
        uint64_t n = r->round == 0 ? r->n - r->position
                                   : (uint64_t)((__int128)(now_ns - due_ns) * r->n / r->interval_ns) + 1;
        if (due_ns < now_ns)
            count_due(due_ns, n < r->n ? n : r->n, now_ns, &lag_ns, n_due);
        count_due(r->newcomers_ns, r->n_newcomers, now_ns, &lag_ns, n_due);
    }
    return lag_ns;
}
