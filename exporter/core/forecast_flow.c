/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets how much of an allowance.
 */
#include "core/forecast_internal.h"
#include "core/wilson.h"

#include "core/budget.h"

#include <stdlib.h>

/* A slot's queries count until the whole of it has left the window (see core/budget.h). */
static const double usable = 1 - 4.0 / QUOTA_SLOTS;
/* Of what is kept for urgent questions. In simulated months they use a quarter of it, on some days all. */
static const double urgent_used = 0.5;
/* A hungry sweep beside hungry watched addresses, where the rate is the limit. */
static const double sweep_of_rate = 0.2;

static double least(double a, double b) {
    return a < b ? a : b;
}

static double most(double a, double b) {
    return a > b ? a : b;
}

/* ---- division ---- */

/* Watched addresses and sweep share `rest`; if both want more, the sweep gets `guaranteed`. */
static void split(double rest, double guaranteed, double watched, double sweep, double *got_watched,
                  double *got_sweep) {
    rest = most(rest, 0);
    *got_sweep = least(sweep, most(rest - watched, least(guaranteed, rest)));
    *got_watched = least(watched, rest - *got_sweep);
}

static void limit_by_rate(struct forecast_member *m) {
    m->given = m->wanted;
    if (m->rate <= 0)
        return;
    m->given.tests = least(m->wanted.tests, m->rate);
    split(m->rate - m->given.tests, sweep_of_rate * m->rate, m->wanted.watched, m->wanted.sweep,
          &m->given.watched, &m->given.sweep);
}

enum part { TESTS, WATCHED, SWEEP };

static double *part_of(struct forecast_member *m, enum part part) {
    switch (part) {
    case TESTS: return &m->given.tests;
    case WATCHED: return &m->given.watched;
    case SWEEP: break;
    }
    return &m->given.sweep;
}

static double sum_of(struct forecast_member *members, size_t n, enum part part) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += *part_of(&members[i], part);
    return sum;
}

/* Lists take turns: none gets more than it wants, and who gets less than that gets as much as any other. */
static void take_turns(struct forecast_member *members, size_t n, enum part part, double total) {
    double low = 0;
    double high = sum_of(members, n, part);
    if (high <= total)
        return;
    for (unsigned step = 0; step < 48; step++) {
        double each = (low + high) / 2;
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += least(*part_of(&members[i], part), each);
        *(sum > total ? &high : &low) = each;
    }
    for (size_t i = 0; i < n; i++)
        *part_of(&members[i], part) = least(*part_of(&members[i], part), low);
}

void forecast_divide(struct forecast_member *members, size_t n, double quota, bool smooth) {
    for (size_t i = 0; i < n; i++)
        limit_by_rate(&members[i]);
    if (quota <= 0)
        return;
    double wanted = sum_of(members, n, TESTS);
    double tests = least(wanted, quota * (smooth ? budget_share(BUDGET_SELF_TEST) : usable));
    double urgent = smooth ? urgent_used * budget_share(BUDGET_URGENT) : 0;
    double rest = quota * (usable - urgent) - tests;
    double sweep = budget_share(BUDGET_SWEEP);
    double watched = budget_share(BUDGET_WATCHED);
    double got_watched = 0;
    double got_sweep = 0;
    split(rest, rest * sweep / (sweep + watched), sum_of(members, n, WATCHED), sum_of(members, n, SWEEP),
          &got_watched, &got_sweep);
    take_turns(members, n, TESTS, tests);
    take_turns(members, n, WATCHED, got_watched);
    take_turns(members, n, SWEEP, got_sweep);
}

/* ---- rings ---- */

/* Those with the shortest intervals are stretched to one interval that uses what the others leave. */
void forecast_rings(struct forecast_ring *rings, uint32_t n, double given) {
    const double day_ns = 86400e9;
    double rest = given; /* for the stretched ones */
    double wanted = 0;
    for (uint32_t i = 0; i < n; i++) {
        rings[i].achieved_ns = rings[i].wanted_ns;
        wanted += rings[i].n * day_ns / (double)rings[i].wanted_ns;
    }
    if (wanted <= given * (1 + 1e-9))
        return;
    for (uint32_t i = 0; i < n; i++)
        rest -= rings[i].n * day_ns / (double)rings[i].wanted_ns;
    double stretched = 0;
    for (uint32_t i = 0; i < n; i++) {
        stretched += rings[i].n;
        rest += rings[i].n * day_ns / (double)rings[i].wanted_ns;
        double each_ns = rest > 0 ? stretched / rest * day_ns : (double)FORECAST_NEVER_NS;
        if (i + 1 < n && each_ns > (double)rings[i + 1].wanted_ns)
            continue;
        for (uint32_t k = 0; k <= i; k++)
            rings[k].achieved_ns = (int64_t)least(each_ns, (double)FORECAST_NEVER_NS);
        return;
    }
}

/* ---- the bound ---- */

void forecast_bound(struct forecast_list *l) {
    struct wilson bound = wilson_bound(FORECAST_SHARE, l->sample);
    l->low = bound.low;
    l->high = bound.high;
}
