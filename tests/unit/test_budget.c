/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotas; the rate has its own program. Time is simulated. What is promised of any window is checked over all
 * of them, by the times of all queries that were sent.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/budget.h"

#include <stdlib.h>

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define MONTH (30 * DAY)
#define START (1000 * HOUR) /* a machine that has been up for a while */

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int64_t up_to(int64_t most) {
    return (int64_t)(next_random() % (uint64_t)(most + 1));
}

/* --- Quota --- */

struct sent {
    int64_t *at;
    size_t n;
    size_t most;
    size_t by_class[BUDGET_CLASSES];
};

static struct sent sent_new(size_t most) {
    struct sent sent = {.at = calloc(most, sizeof(int64_t)), .most = most};
    assert_non_null(sent.at);
    return sent;
}

/* Any stretch of per_ns: the query `limit` places on is always at least that much later. */
static void assert_window_kept(const struct sent *sent, size_t limit, int64_t per) {
    for (size_t i = limit; i < sent->n; i++)
        if (sent->at[i] - sent->at[i - limit] < per)
            fail_msg("limit %zu: queries %zu and %zu are %f of the window apart", limit, i - limit, i,
                     (double)(sent->at[i] - sent->at[i - limit]) / (double)per);
}

static size_t count_between(const struct sent *sent, int64_t from, int64_t to) {
    size_t n = 0;
    for (size_t i = 0; i < sent->n; i++)
        n += sent->at[i] >= from && sent->at[i] < to;
    return n;
}

static void send_one(struct quota *q, enum budget_class class, int64_t now, struct sent *sent) {
    quota_take(q, class, now);
    assert_true(sent->n < sent->most);
    sent->at[sent->n++] = now;
    sent->by_class[class]++;
}

/* Classes of the set `hungry` ask whenever they were told to, until `end`; no one waits longer than told.
 * Returns how often the clock had to be advanced, which is what a loop would have been woken. */
static size_t run(struct quota *q, unsigned hungry, int64_t *now, int64_t end, struct sent *sent) {
    size_t wakes = 0;
    while (*now < end) {
        int64_t next = INT64_MAX;
        unsigned first = (unsigned)up_to(BUDGET_CLASSES - 1);
        for (unsigned i = 0; i < BUDGET_CLASSES; i++) {
            enum budget_class class = (enum budget_class)((first + i) % BUDGET_CLASSES);
            if ((hungry >> class & 1) == 0)
                continue;
            int64_t ready = quota_ready_ns(q, class, *now);
            assert_true(ready >= *now);
            if (ready == *now) {
                send_one(q, class, *now, sent);
                ready = *now;
            }
            next = ready < next ? ready : next;
        }
        *now = next;
        wakes++;
    }
    *now = end;
    return wakes;
}

enum { ALL = (1 << BUDGET_CLASSES) - 1 };

static const struct {
    uint64_t limit;
    int64_t per;
} quotas[] = {
    {10000, MONTH}, {1000, MONTH}, {1000, DAY},    {10000, DAY},
    {100000, DAY},  {50000, HOUR}, {2000, SECOND}, {3001, 7 * HOUR + 1},
};

static void uses_nearly_all_of_a_quota_and_never_more(void **state) {
    for (size_t i = 0; i < sizeof quotas / sizeof *quotas; i++) {
        uint64_t limit = quotas[i].limit;
        int64_t per = quotas[i].per;
        for (unsigned hungry = 1; hungry <= ALL; hungry += hungry == 1   ? 3
                                                           : hungry == 4 ? 4
                                                                         : 7) { /* 1, 4, 8, 15 */
            struct quota q;
            struct sent sent = sent_new(limit * 5);
            int64_t now = START;
            quota_init(&q, limit, per, now);
            size_t wakes = run(&q, hungry, &now, START + 4 * per, &sent);
            assert_window_kept(&sent, limit, per);
            double first_day = (double)count_between(&sent, START, START + per / 30) / (double)limit;
            double worst = 1;
            for (int k = 0; k <= 30; k++) {
                int64_t from = START + per / 10 * k;
                double part = (double)count_between(&sent, from, from + per) / (double)limit;
                if (k > 0 && k < 10)
                    part += 1.0 / 30; /* the first day's burst, which counts until its own window ends */
                worst = part < worst ? part : worst;
            }
            if (worst < (hungry == ALL ? 0.99 : 0.985) || first_day > 3.0 / 30 ||
                wakes > 3 * sent.n + (size_t)4 * QUOTA_SLOTS)
                fail_msg("%ju per %jd s, classes %x: %f used, %f on the first day, %zu wakes for %zu",
                         (uintmax_t)limit, (intmax_t)(per / SECOND), hungry, worst, first_day, wakes, sent.n);
            free(sent.at);
        }
    }
}

/* Not a day without queries: neither the urgent ones nor self-tests would get through on it. */
static void never_runs_dry_while_all_are_hungry(void **state) {
    struct quota q;
    struct sent sent = sent_new(50000);
    int64_t now = START;
    quota_init(&q, 10000, MONTH, now);
    run(&q, ALL, &now, START + 4 * MONTH, &sent);
    for (size_t i = 1; i < sent.n; i++)
        if (sent.at[i] - sent.at[i - 1] > 2 * (MONTH / 10000))
            fail_msg("%jd s without a query after %f days",
                     (intmax_t)((sent.at[i] - sent.at[i - 1]) / SECOND),
                     (double)(sent.at[i - 1] - START) / (double)DAY);
    free(sent.at);
}

/* Hours of hunger of this class or that, and long pauses. */
static void keeps_the_window_whatever_the_pattern(void **state) {
    for (int i = 0; i < 60; i++) {
        uint64_t limit = (uint64_t)(1 + up_to(i % 2 == 0 ? 20 : 3000));
        int64_t per = i % 3 == 0 ? DAY : SECOND + up_to(MONTH);
        struct quota q;
        struct sent sent = sent_new(limit * 8 + 10);
        int64_t now = START;
        quota_init(&q, limit, per, now);
        while (now < START + 6 * per) {
            run(&q, (unsigned)up_to(ALL - 1) + 1, &now, now + up_to(per / 5), &sent);
            now += up_to(up_to(3) == 0 ? per : per / 50);
        }
        assert_window_kept(&sent, limit, per);
        free(sent.at);
    }
}

static void gets_the_smallest_quotas_spent_too(void **state) {
    for (uint64_t limit = 1; limit <= 100; limit += limit < 10 ? 1 : 45) {
        struct quota q;
        struct sent sent = sent_new((size_t)limit * 12);
        int64_t now = START;
        quota_init(&q, limit, DAY, now);
        run(&q, ALL, &now, START + 10 * DAY, &sent);
        assert_window_kept(&sent, limit, DAY);
        if (sent.n < limit * 8 || count_between(&sent, START, START + DAY / 30) > limit / 10 + 4)
            fail_msg("limit %ju a day: %zu in ten days", (uintmax_t)limit, sent.n);
        free(sent.at);
    }
}

/* --- Classes --- */

static const double shares[BUDGET_CLASSES] = {0.10, 0.05, 0.20, 0.65};

static void gives_each_hungry_class_its_share(void **state) {
    static const double paces[] = {0.01, 0.5, 5, 100, 100000};
    for (size_t i = 0; i < sizeof paces / sizeof *paces; i++) {
        for (unsigned hungry = 1; hungry <= ALL; hungry++) {
            struct quota q;
            struct sent sent = sent_new(30000);
            int64_t now = START;
            int64_t time = (int64_t)(10000 / paces[i] * 1e9);
            quota_init_rate(&q, paces[i], 1, now);
            run(&q, hungry, &now, START + time, &sent);
            for (unsigned class = 0; class < BUDGET_CLASSES; class ++)
                if ((hungry >> class & 1) != 0 &&
                    (double)sent.by_class[class] < 10000 * shares[class] * 0.99 - 1)
                    fail_msg("%g/s, classes %x: class %u got %zu", paces[i], hungry, class,
                             sent.by_class[class]);
            double allowed = 10000 + 10 + (paces[i] > 20 ? paces[i] / 5 : 4);
            if (sent.n < 9900 || (double)sent.n > allowed)
                fail_msg("%g/s, classes %x: %zu of 10000", paces[i], hungry, sent.n);
            free(sent.at);
        }
    }
}

static void gives_each_hungry_class_its_share_of_a_quota(void **state) {
    struct quota q;
    struct sent sent = sent_new(50000);
    int64_t now = START;
    quota_init(&q, 10000, MONTH, now);
    run(&q, ALL, &now, START + 3 * MONTH, &sent);
    for (unsigned class = 0; class < BUDGET_CLASSES; class ++)
        if ((double)sent.by_class[class] < 0.98 * shares[class] * (double)sent.n)
            fail_msg("class %u got %zu of %zu", class, sent.by_class[class], sent.n);
    free(sent.at);
}

static void lends_all_to_a_sweep_that_is_alone(void **state) {
    struct quota q;
    struct sent sent = sent_new(100000);
    int64_t now = START;
    quota_init(&q, 10000, MONTH, now);
    run(&q, 1 << BUDGET_SWEEP, &now, START + 5 * MONTH, &sent);
    for (int k = 0; k < 5; k++) {
        size_t n = count_between(&sent, START + k * MONTH, START + (k + 1) * MONTH);
        if (n < 9900)
            fail_msg("month %d: %zu of 10000", k, n);
    }
    assert_window_kept(&sent, 10000, MONTH);
    free(sent.at);
}

static void pays_a_sleeping_urgent_class_at_once_when_it_wakes(void **state) {
    for (int days = 0; days <= 90; days += 3) {
        struct quota q;
        struct sent sent = sent_new(50000);
        int64_t now = START;
        quota_init(&q, 10000, MONTH, now);
        run(&q, 1 << BUDGET_SWEEP | 1 << BUDGET_WATCHED, &now, START + days * DAY, &sent);
        int urgent = 0;
        int tests = 0;
        for (; quota_ready_ns(&q, BUDGET_URGENT, now) == now; urgent++)
            quota_take(&q, BUDGET_URGENT, now);
        for (; quota_ready_ns(&q, BUDGET_SELF_TEST, now) == now; tests++)
            quota_take(&q, BUDGET_SELF_TEST, now);
        if (urgent < 33 || tests < 16) /* 10 and 5 % of a day's 333 */
            fail_msg("after %d days: %d urgent, %d tests", days, urgent, tests);
        free(sent.at);
    }
}

/* However many of them there are, and however small the quota. */
static void probes_leave_to_flips_what_they_cost(void **state) {
    static const uint64_t limits[] = {10, 60, 100, 300, 1000, 10000, 100000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct quota q;
        struct sent sent = sent_new(200000);
        int64_t now = START;
        quota_init(&q, limits[i], MONTH, now);
        run(&q, 1 << BUDGET_SWEEP | 1 << BUDGET_WATCHED, &now, START + 9 * DAY, &sent);
        double before = q.tokens[BUDGET_URGENT];
        double full = (double)limits[i] / 300 > 1 ? (double)limits[i] / 300 : 1;
        double flip = (double)limits[i] / 50 < 5 ? (double)limits[i] / 50 : 5;
        full = flip > full ? flip : full;
        double least = full * 0.75 < full - 1 ? full * 0.75 : full - 1;
        while (quota_ready_ns(&q, BUDGET_PROBE, now) == now)
            quota_take(&q, BUDGET_PROBE, now);
        double left = q.tokens[BUDGET_URGENT];
        if (left < (before < least ? before : least) - 1e-3 || left >= least + 1)
            fail_msg("%llu: %f of %f left, of %f", (unsigned long long)limits[i], left, before, full);
        assert_int_equal(quota_room(&q, BUDGET_PROBE, now), 0);
        uint64_t urgent = quota_room(&q, BUDGET_URGENT, now);
        if (urgent + 1 < (uint64_t)least)
            fail_msg("%llu: %llu urgent", (unsigned long long)limits[i], (unsigned long long)urgent);
        free(sent.at);
    }
}

/* It names the moment from below what flips left, and comes to it. */
static void probes_wait_until_flips_have_theirs_again(void **state) {
    for (int taken = 0; taken <= 33; taken += 3) {
        struct quota q;
        struct sent sent = sent_new(50000);
        int64_t now = START;
        quota_init(&q, 10000, MONTH, now);
        run(&q, 1 << BUDGET_SWEEP | 1 << BUDGET_WATCHED, &now, START + 9 * DAY, &sent);
        for (int k = 0; k < taken; k++)
            quota_take(&q, BUDGET_URGENT, now);
        while (quota_ready_ns(&q, BUDGET_PROBE, now) == now)
            quota_take(&q, BUDGET_PROBE, now);
        double spare = q.spare;
        double missing = 1 - spare + 25 - q.tokens[BUDGET_URGENT];
        int64_t ready = now;
        for (int k = 0; quota_ready_ns(&q, BUDGET_PROBE, ready) > ready; k++) {
            assert_true(k < 100);
            ready = quota_ready_ns(&q, BUDGET_PROBE, ready);
        }
        /* A day brings 33 into the urgent bucket, and what overflows the others, up to 333 in all. */
        double waited = (double)(ready - now) / DAY;
        if (waited < (1 - spare) / 334 || waited > missing / 33.3 + 1e-3)
            fail_msg("%d taken: %f days for %f tokens", taken, waited, missing);
        quota_take(&q, BUDGET_PROBE, ready);
        free(sent.at);
    }
}

/* Who uses nothing else may have all of it checked, as anybody may whose class sleeps. */
static void probes_borrow_what_nobody_wants(void **state) {
    struct quota q;
    quota_init(&q, 10000, MONTH, START);
    int n = 0;
    for (; quota_ready_ns(&q, BUDGET_PROBE, START) == START; n++)
        quota_take(&q, BUDGET_PROBE, START);
    assert_in_range(n, 250, 300); /* of 333 */
    assert_true(q.tokens[BUDGET_URGENT] >= 24.9);
    struct quota rate;
    quota_init_rate(&rate, 1, 1, START);
    for (int k = 0; k < 100; k++) {
        int64_t ready = quota_ready_ns(&rate, BUDGET_PROBE, START + k * SECOND);
        assert_true(ready <= START + k * SECOND);
        quota_take(&rate, BUDGET_PROBE, START + k * SECOND);
    }
}

/* Two looks and a self-test of two questions, at once. */
static void keeps_enough_of_a_small_quota_for_one_flip(void **state) {
    static const uint64_t limits[] = {200, 300, 1000, 10000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct quota q;
        int64_t now = 0;
        quota_init(&q, limits[i], DAY, 0);
        while (now < 2 * DAY) { /* others take all that they can get */
            while (quota_ready_ns(&q, BUDGET_WATCHED, now) <= now)
                quota_take(&q, BUDGET_WATCHED, now);
            now += 60 * SECOND;
        }
        for (unsigned n = 0; n < 4; n++, now += SECOND) {
            print_message("# %llu: %u\n", (unsigned long long)limits[i], n);
            assert_true(quota_ready_ns(&q, BUDGET_URGENT, now) <= now);
            quota_take(&q, BUDGET_URGENT, now);
        }
    }
}

static void bounds_what_a_long_sleep_saves_up(void **state) {
    struct quota q;
    struct sent sent = sent_new(50000);
    int64_t now = START + 10 * MONTH;
    quota_init(&q, 10000, MONTH, START);
    run(&q, ALL, &now, now + 1, &sent);
    assert_in_range(sent.n, 300, 667);
    free(sent.at);
}

/* --- When to ask again --- */

static void names_a_moment_that_is_neither_too_early_nor_too_late(void **state) {
    static const double paces[] = {0.001, 0.01, 1, 20, 5000, 100000};
    for (size_t i = 0; i < sizeof paces / sizeof *paces; i++) {
        struct quota q;
        int64_t now = START;
        int64_t interval = (int64_t)(1e9 / paces[i]);
        quota_init_rate(&q, paces[i], 1, now);
        for (int n = 0; n < 20000; n++) {
            enum budget_class class = (enum budget_class)up_to(BUDGET_CLASSES - 1);
            int64_t ready = quota_ready_ns(&q, class, now);
            if (ready == now) {
                quota_take(&q, class, now);
                continue;
            }
            int64_t wait = ready - now;
            if (wait <= 0 || (interval >= 100 * MS && wait < MS))
                fail_msg("%g/s, class %d: %jd ns to wait", paces[i], class, (intmax_t)wait);
            struct quota early = q; /* nobody takes: exactly then, within a few percent of the interval */
            int64_t before = ready - interval / 20;
            if (before > now && quota_ready_ns(&early, class, before) == before)
                fail_msg("%g/s, class %d: ready before the moment named", paces[i], class);
            struct quota due = q;
            if (quota_ready_ns(&due, class, ready) != ready)
                fail_msg("%g/s, class %d: not ready at the moment named", paces[i], class);
            now = up_to(2) == 0 ? ready : now + up_to(wait);
        }
    }
}

/* A reload that leaves `spare` queries of the window, or less than none: the pace is 0 or nearly so at first,
 * and quickens slot by slot. */
static void wait_for_window(int64_t hours, int64_t spare) {
    struct quota old;
    struct quota q;
    int64_t now = START;
    struct sent sent = sent_new(40000);
    quota_init(&old, 10000, DAY, now);
    run(&old, ALL, &now, START + hours * HOUR, &sent);
    int64_t limit = (int64_t)quota_used(&old, now) + spare;
    quota_init(&q, (uint64_t)limit, DAY, now);
    quota_carry(&q, &old, now);
    assert_int_equal(quota_exhausted(&q, now), spare <= 0);
    struct quota impatient = q;
    int64_t first = now;
    while (quota_ready_ns(&impatient, BUDGET_URGENT, first) > first)
        first += SECOND;
    size_t asked = 0;
    for (int64_t ready; (ready = quota_ready_ns(&q, BUDGET_URGENT, now)) > now; asked++) {
        assert_true(ready == quota_reset_ns(&q, now) || !quota_exhausted(&q, now));
        now = ready;
    }
    int64_t within = 0;
    for (size_t i = 0; i < sent.n; i++)
        within += now - sent.at[i] < DAY;
    int64_t late = now - first;
    if (within >= limit || asked > QUOTA_SLOTS + 10 || late > DAY / limit / 20 + SECOND)
        fail_msg("after %jd h, %jd left: asked %zu times, %jd s late, %jd in the window", (intmax_t)hours,
                 (intmax_t)spare, asked, (intmax_t)(late / SECOND), (intmax_t)within);
    free(sent.at);
}

static void waits_for_the_window_and_no_longer(void **state) {
    static const int64_t spares[] = {-5000, -1000, -100, -5, 0, 1, 2, 3, 4, 20};
    for (size_t i = 0; i < sizeof spares / sizeof *spares; i++)
        for (int64_t hours = 20; hours <= 50; hours += 6)
            wait_for_window(hours, spares[i]);
}

static void is_always_ready_without_limits(void **state) {
    struct quota q;
    quota_init_rate(&q, 0, 1, START);
    for (int i = 0; i < 100000; i++) {
        enum budget_class class = (enum budget_class)(i % BUDGET_CLASSES);
        assert_true(quota_ready_ns(&q, class, START) == START);
        quota_take(&q, class, START);
    }
    assert_int_equal(quota_used(&q, START), 0);
    assert_false(quota_exhausted(&q, START));
    assert_true(quota_reset_ns(&q, START) == START);
}

/* --- What is left to tell --- */

static void counts_what_was_spent_until_it_leaves_the_window(void **state) {
    struct quota q;
    int64_t slot = (DAY + QUOTA_SLOTS - 2) / (QUOTA_SLOTS - 1);
    quota_init(&q, 1000, DAY, START);
    assert_true(quota_reset_ns(&q, START) == START);
    quota_take(&q, BUDGET_WATCHED, START + 7 * slot + 5);
    quota_take(&q, BUDGET_URGENT, START + 9 * slot);
    assert_int_equal(quota_used(&q, START + 9 * slot), 2);
    int64_t reset = quota_reset_ns(&q, START + 9 * slot);
    assert_in_range(reset - (START + 7 * slot + 5), DAY, DAY + 2 * slot);
    assert_int_equal(quota_used(&q, reset - 1), 2);
    assert_int_equal(quota_used(&q, reset), 1);
    assert_int_equal(quota_used(&q, reset + 2 * slot), 0);
    assert_true(quota_reset_ns(&q, reset + 2 * slot) == reset + 2 * slot);
    assert_int_equal(quota_used(&q, reset + 100 * MONTH), 0);
}

/* --- Reloads --- */

static void a_reload_forgets_nothing_that_was_spent(void **state) {
    for (int i = 0; i < 40; i++) {
        uint64_t limit = (uint64_t)(100 + up_to(2000));
        int64_t per = i % 2 == 0 ? DAY : HOUR + up_to(DAY);
        struct quota q;
        struct sent sent = sent_new(200000);
        int64_t now = START;
        int64_t known_from = START; /* what has left a shorter window is no longer known to a longer one */
        quota_init(&q, limit, per, now);
        for (int reload = 0; reload < 10; reload++) {
            size_t before = sent.n;
            int64_t begun = now;
            run(&q, (unsigned)up_to(ALL - 1) + 1, &now, now + up_to(per), &sent);
            /* What the limits of this time allow counts queries of earlier times as well. */
            for (size_t k = before; k < sent.n; k++)
                if (k >= limit && sent.at[k - limit] >= known_from && sent.at[k] - sent.at[k - limit] < per)
                    fail_msg("run %d, reload %d, %f s on: over %ju per %jd s", i, reload,
                             (double)(sent.at[k] - begun) / 1e9, (uintmax_t)limit, (intmax_t)(per / SECOND));
            known_from = now - per > known_from ? now - per : known_from;
            if (i % 4 != 0)
                limit = (uint64_t)(100 + up_to(2000));
            if (i % 4 > 1)
                per = HOUR + up_to(DAY);
            struct quota old = q;
            quota_init(&q, limit, per, now);
            quota_carry(&q, &old, now);
        }
        free(sent.at);
    }
}

/* A script that reloads every second must neither earn tokens by it nor keep old queries in the window for
 * ever. */
static void a_thousand_reloads_are_like_none(void **state) {
    struct quota kept;
    struct quota reloaded;
    int64_t now = START;
    quota_init(&kept, 1000, DAY, now);
    quota_init(&reloaded, 1000, DAY, now);
    for (int i = 0; i < 20000; i++) {
        now += up_to(60 * SECOND);
        enum budget_class class = (enum budget_class)up_to(BUDGET_CLASSES - 1);
        if (quota_ready_ns(&kept, class, now) == now && quota_ready_ns(&reloaded, class, now) == now) {
            quota_take(&kept, class, now);
            quota_take(&reloaded, class, now);
        }
        struct quota old = reloaded;
        quota_init(&reloaded, 1000, DAY, now);
        quota_carry(&reloaded, &old, now);
        assert_int_equal(quota_used(&kept, now), quota_used(&reloaded, now));
        assert_true(quota_reset_ns(&kept, now) == quota_reset_ns(&reloaded, now));
    }
}

static void earns_no_tokens_by_a_reload(void **state) {
    static const uint64_t limits[] = {10, 500, 1000, 100000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct quota old;
        struct quota q;
        struct sent sent = sent_new(5000);
        int64_t now = START;
        quota_init(&old, 1000, DAY, now);
        run(&old, ALL, &now, now + DAY / 2, &sent);
        quota_init(&q, limits[i], DAY, now);
        quota_carry(&q, &old, now);
        for (int class = 0; class < BUDGET_CLASSES; class ++)
            if (quota_ready_ns(&q, (enum budget_class) class, now) == now)
                fail_msg("limit %ju: class %d is ready", (uintmax_t)limits[i], class);
        free(sent.at);
    }
}

static void carries_nothing_between_a_quota_and_none(void **state) {
    struct quota q;
    struct quota none;
    quota_init_rate(&none, 5, 1, START);
    quota_init(&q, 1000, DAY, START);
    quota_carry(&q, &none, START);
    assert_true(quota_ready_ns(&q, BUDGET_WATCHED, START) == START);
    quota_take(&q, BUDGET_WATCHED, START);
    quota_carry(&none, &q, START);
    assert_int_equal(quota_used(&none, START), 0);
}

static void self_tests_of_a_list_that_wants_nothing_else_spend_no_more_than_their_share(void **state) {
    static struct quota q;
    const int64_t day = INT64_C(86400) * 1000000000;
    uint64_t n = 0;
    quota_init(&q, 10000, 30 * day, 0);
    for (int64_t now = 0; now < 30 * day;) {
        int64_t ready = quota_ready_ns(&q, BUDGET_SELF_TEST, now);
        if (ready > now) {
            now = ready;
            continue;
        }
        quota_take(&q, BUDGET_SELF_TEST, now);
        n++;
    }
    if (n < 450 || n > 550)
        fail_msg("%llu of 10,000", (unsigned long long)n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_nearly_all_of_a_quota_and_never_more),
        cmocka_unit_test(never_runs_dry_while_all_are_hungry),
        cmocka_unit_test(keeps_the_window_whatever_the_pattern),
        cmocka_unit_test(gets_the_smallest_quotas_spent_too),
        cmocka_unit_test(gives_each_hungry_class_its_share),
        cmocka_unit_test(gives_each_hungry_class_its_share_of_a_quota),
        cmocka_unit_test(lends_all_to_a_sweep_that_is_alone),
        cmocka_unit_test(pays_a_sleeping_urgent_class_at_once_when_it_wakes),
        cmocka_unit_test(keeps_enough_of_a_small_quota_for_one_flip),
        cmocka_unit_test(probes_leave_to_flips_what_they_cost),
        cmocka_unit_test(probes_wait_until_flips_have_theirs_again),
        cmocka_unit_test(probes_borrow_what_nobody_wants),
        cmocka_unit_test(bounds_what_a_long_sleep_saves_up),
        cmocka_unit_test(names_a_moment_that_is_neither_too_early_nor_too_late),
        cmocka_unit_test(waits_for_the_window_and_no_longer),
        cmocka_unit_test(is_always_ready_without_limits),
        cmocka_unit_test(counts_what_was_spent_until_it_leaves_the_window),
        cmocka_unit_test(a_reload_forgets_nothing_that_was_spent),
        cmocka_unit_test(a_thousand_reloads_are_like_none),
        cmocka_unit_test(earns_no_tokens_by_a_reload),
        cmocka_unit_test(carries_nothing_between_a_quota_and_none),
        cmocka_unit_test(self_tests_of_a_list_that_wants_nothing_else_spend_no_more_than_their_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
