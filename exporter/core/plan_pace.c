/* SPDX-License-Identifier: Apache-2.0
 *
 * How often a sweep comes to an address.
 */
#include "core/plan.h"

#include "core/plan_internal.h"

static int64_t longer(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* How long `n` addresses take when `reached` of them took since `since_ns`. */
static int64_t expected(const struct plan *p, uint32_t n, uint32_t reached, int64_t since_ns,
                        int64_t now_ns) {
    if (reached == 0)
        return 0;
    double whole_ns = (double)(now_ns - since_ns) * n / reached;
    /* The first burst says nothing about the rest: a quota cannot be beaten. */
    double at_best = p->quota->limit > 0 ? (double)n / (double)p->quota->limit * (double)p->quota->per_ns : 0;
    if (whole_ns < at_best)
        whole_ns = at_best;
    return whole_ns > (double)PLAN_LONGEST_NS ? PLAN_LONGEST_NS : (int64_t)whole_ns;
}

static uint32_t reached_of(const struct plan_sweep *s) {
    return s->reached > s->position ? s->reached : s->position;
}

/* Of what was asked before a reload or a start nobody knows how much was of the first lap: which comes first.
 */
static int64_t first_lap(const struct plan *p, int64_t now_ns) {
    const struct plan_sweep *s = &p->sweep;
    const struct plan_laps *l = s->laps;
    if (l->n_wanted == 0 || l->anew)
        return 0;
    uint32_t before = s->reached < l->n_first ? s->reached : l->n_first;
    uint32_t now = l->n_first - l->n_wanted;
    return expected(p, l->n_first, before > now ? before : now, s->started_ns, now_ns);
}

int64_t plan_sweep_interval(const struct plan *p, int64_t now_ns) {
    const struct plan_sweep *s = &p->sweep;
    if (s->n == 0 || !s->asked)
        return 0;
    int64_t known_ns = longer(s->last_interval_ns, s->interval_ns);
    if (!s->running)
        return known_ns;
    if (s->laps != NULL && s->laps->n_first > 0)
        return longer(known_ns, first_lap(p, now_ns));
    return longer(known_ns, expected(p, s->n, reached_of(s), s->started_ns, now_ns));
}

int64_t plan_whole_interval(const struct plan *p, int64_t now_ns) {
    const struct plan_sweep *s = &p->sweep;
    int64_t sweep_ns = plan_sweep_interval(p, now_ns);
    if (s->laps == NULL || sweep_ns == 0)
        return sweep_ns;
    sweep_ns = longer(sweep_ns, s->duration_ns);
    return s->running ? longer(sweep_ns, expected(p, s->n, reached_of(s), s->whole_ns, now_ns)) : sweep_ns;
}
