/* SPDX-License-Identifier: Apache-2.0
 *
 * What a forecast means for whoever wrote the configuration.
 */
#include "core/forecast.h"
#include "core/forecast_internal.h"

#include "core/human.h"

#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)
#define LONGEST_INTERVAL_NS (366 * DAY_NS) /* that the configuration takes */

/* A twentieth more than what is wanted is worth no word. */
static bool is_late(int64_t achieved_ns, int64_t wanted_ns) {
    return (double)achieved_ns > 1.05 * (double)wanted_ns;
}

/* An interval that is not too short, in round numbers. */
static const char *round_interval(int64_t ns, char out[HUMAN_SIZE]) {
    static const int64_t steps[][2] = {{600, 10}, {3600, 60}, {21600, 900}, {172800, 3600}};
    int64_t seconds = (ns + SECOND_NS - 1) / SECOND_NS;
    int64_t step = 86400;
    for (size_t i = sizeof steps / sizeof *steps; i > 0; i--)
        if (seconds <= steps[i - 1][0])
            step = steps[i - 1][1];
    return human_duration((seconds + step - 1) / step * step * SECOND_NS, out);
}

/* Upwards, to two digits. */
static uint64_t round_number(double x) {
    uint64_t step = 1;
    while (x / (double)step > 99)
        step *= 10;
    return ((uint64_t)(x / (double)step) + 1) * step;
}

/* ---- what it would need ---- */

enum aim { WATCHED_IN_TIME, ALL_IN_TIME };

static bool is_reached(const struct forecast_member *m, enum aim aim) {
    const double close = 1 - 1e-6;
    return m->given.watched >= m->wanted.watched * close &&
           (aim == WATCHED_IN_TIME || m->given.sweep >= m->wanted.sweep * close);
}

static bool would_do(const struct forecast *f, const struct forecast_list *l, enum aim aim, double a_day,
                     struct forecast_member *members) {
    struct forecast_quota quota = forecast_quota_of(f->settings, &f->settings->lists[l->list]);
    double quota_a_day = 0;
    if (quota.queries > 0)
        quota_a_day = (double)quota.queries * ((double)DAY_NS / (double)quota.per_ns);
    size_t self = 0;
    size_t n = forecast_members(f, l, members, &self);
    if (!l->by_quota)
        members[self].rate = a_day;
    forecast_divide(members, n, l->by_quota ? a_day : quota_a_day, true);
    return is_reached(&members[self], aim);
}

/* The least that would do of what limits now, the quota or the rate, a day; 0: the other one would not allow
 * it. */
static double needed(const struct forecast *f, const struct forecast_list *l, enum aim aim) {
    struct forecast_member *members = calloc(f->n_lists, sizeof *members);
    if (members == NULL)
        return 0;
    double low = l->allowed;
    double high = l->allowed * 1e6;
    if (!would_do(f, l, aim, high, members))
        high = 0;
    for (unsigned step = 0; high > 0 && step < 48; step++) {
        double middle = (low + high) / 2;
        *(would_do(f, l, aim, middle, members) ? &high : &low) = middle;
    }
    free(members);
    return high;
}

/* "allow 160,000 queries per 30d". */
static void say_need(const struct forecast *f, const struct forecast_list *l, enum aim aim,
                     const char *before, struct buf *out) {
    struct forecast_quota quota = forecast_quota_of(f->settings, &f->settings->lists[l->list]);
    double a_day = needed(f, l, aim);
    char number[HUMAN_SIZE];
    char per[HUMAN_SIZE];
    if (a_day <= 0)
        return;
    if (l->by_quota)
        buf_addf(out, "%sallow %s queries per %s", before,
                 human_number(round_number(a_day * ((double)quota.per_ns / (double)DAY_NS)), number),
                 human_duration(quota.per_ns, per));
    else
        buf_addf(out, "%sraise its rate to %llu/h", before, (unsigned long long)round_number(a_day / 24));
    if (l->by_quota && quota.name != NULL)
        buf_addf(out, " in the budget %s", quota.name);
}

/* ---- sentences ---- */

static void advise_watched(const struct forecast *f, const struct forecast_list *l, struct buf *out) {
    char texts[4][HUMAN_SIZE];
    if (l->n_rings == 0 || !is_late(l->rings[0].achieved_ns, l->rings[0].wanted_ns))
        return;
    uint32_t late = 0;
    double in_time = l->given.watched; /* what is left for those that are late */
    for (uint32_t i = 0; i < l->n_rings; i++) {
        const struct forecast_ring *r = &l->rings[i];
        if (is_late(r->achieved_ns, r->wanted_ns))
            late += r->n;
        else
            in_time -= r->n * ((double)DAY_NS / (double)r->wanted_ns);
    }
    double fit = in_time * ((double)l->rings[0].wanted_ns / (double)DAY_NS);
    bool one = late == 1;
    int64_t achieved_ns = l->rings[0].achieved_ns;
    const char *sep = ": ";
    buf_addf(out, "%s watched %s re-checked every %s, not every %s", human_number(late, texts[0]),
             one ? "address is" : "addresses are", human_duration(achieved_ns, texts[1]),
             human_duration(l->rings[0].wanted_ns, texts[2]));
    if (achieved_ns <= LONGEST_INTERVAL_NS) {
        buf_addf(out, ": set %s interval to %s", one ? "its" : "their",
                 round_interval(achieved_ns, texts[3]));
        sep = ", or ";
    }
    if (fit >= 1)
        buf_addf(out, ", watch no more than %s", human_number((uint64_t)fit, texts[0]));
    say_need(f, l, WATCHED_IN_TIME, sep, out);
    buf_add_text(out, ".\n");
}

static void advise_sweep(const struct forecast *f, const struct forecast_list *l, struct buf *out) {
    char texts[3][HUMAN_SIZE];
    if (l->sweep_wanted_ns == 0 || !is_late(l->sweep_ns, l->sweep_wanted_ns))
        return;
    buf_addf(out, "One sweep of %s addresses takes about %s, not %s", human_number(l->n_swept, texts[0]),
             human_time((double)l->sweep_ns / 1e9, texts[1]), human_duration(l->sweep_wanted_ns, texts[2]));
    if (l->sweep_ns <= LONGEST_INTERVAL_NS)
        buf_addf(out, ": set sweep_interval to %s", round_interval(l->sweep_ns, texts[0]));
    say_need(f, l, ALL_IN_TIME, l->sweep_ns <= LONGEST_INTERVAL_NS ? ", or " : ": for that ", out);
    buf_add_text(out, ". The share that is listed is told all the same, within its bound.\n");
}

static void advise_tests(const struct forecast_list *l, struct buf *out) {
    char texts[3][HUMAN_SIZE];
    if (!is_late(l->test_ns, l->test_wanted_ns))
        return;
    buf_addf(
        out,
        "Self-tests run every %s, not every %s%s: set self_test.interval to %s. Flips do not wait for them, "
        "they have tests of their own.\n",
        human_duration(l->test_ns, texts[0]), human_duration(l->test_wanted_ns, texts[1]),
        l->by_quota ? ", for they get 5 % of a quota" : "", round_interval(l->test_ns, texts[2]));
}

void forecast_advise(const struct forecast *f, const struct forecast_list *l, struct buf *out) {
    if (l->n_watched == 0 && l->n_swept == 0)
        buf_add_text(out,
                     "No group is checked on it, only its test entries are asked: name it in a group, or set "
                     "enabled to false.\n");
    advise_watched(f, l, out);
    advise_sweep(f, l, out);
    advise_tests(l, out);
}
