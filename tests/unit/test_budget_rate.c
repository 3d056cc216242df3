/* SPDX-License-Identifier: Apache-2.0
 *
 * The rate of budget, and what a quota gives at once; quotas have their own program. Time is simulated.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/budget.h"

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
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

/* A bucket that leaks `rate` a second and holds `burst` overflows if, and only if, some stretch of t seconds
 * holds more than rate * t + burst queries. */
struct leak {
    double level;
    int64_t at_ns;
};

static void leak_until(struct leak *l, double rate, int64_t now) {
    l->level -= rate * (double)(now - l->at_ns) / 1e9;
    if (l->level < 0)
        l->level = 0;
    l->at_ns = now;
}

static void leak_count(struct leak *l, double rate, double burst, int64_t now) {
    leak_until(l, rate, now);
    l->level += 1;
    if (l->level > burst + 1e-6)
        fail_msg("rate %g/s, burst %g: %f queries too many", rate, burst, l->level - burst);
}

static const double rates[] = {0.01, 0.1, 1.0 / 3, 0.9, 1, 3, 5, 7.5, 99, 1000, 3333.3, 70000, 100000};
static const double bursts[] = {1, 1.5, 2, 10, 333};

enum pattern { HUNGRY, LATE, PAUSING, SLEEPY, PATTERNS };

/* When a caller that was told `ready` really comes. */
static int64_t comes_at(enum pattern pattern, int64_t ready, double rate) {
    int64_t interval = (int64_t)(1e9 / rate);
    switch (pattern) {
    case HUNGRY: return ready;
    case LATE: return ready + up_to(interval / 2);
    case PAUSING: return ready + (up_to(50) == 0 ? up_to(1000 * interval) : 0);
    case SLEEPY: return ready + up_to(3 * interval);
    case PATTERNS: break;
    }
    return ready;
}

static void ask_for_a_while(double rate, double burst, enum pattern pattern) {
    struct rate r;
    struct leak leak = {.at_ns = START};
    int64_t now = START;
    rate_init(&r, rate, burst, now);
    for (int i = 0; i < 3000; i++) {
        int64_t ready = rate_ready_ns(&r, now);
        if (ready > now)
            now = comes_at(pattern, ready, rate);
        assert_true(rate_ready_ns(&r, now) <= now);
        rate_take(&r, now);
        leak_count(&leak, rate, burst, now);
    }
    double wanted = 3000 / rate;
    double took = (double)(now - START) / 1e9;
    if (pattern == HUNGRY && took > wanted * 1.001)
        fail_msg("rate %g/s, burst %g: %f s for what needs %f s", rate, burst, took, wanted);
}

static void never_sends_more_than_rate_times_t_plus_burst(void **state) {
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        for (size_t k = 0; k < sizeof bursts / sizeof *bursts; k++)
            for (int pattern = 0; pattern < PATTERNS; pattern++)
                ask_for_a_while(rates[i], bursts[k], (enum pattern)pattern);
}

/* Reloads at any moment. Each has its own limits; what the bucket holds at a reload stays in it. */
static void never_sends_more_over_reloads_either(void **state) {
    for (int run = 0; run < 300; run++) {
        double rate = rates[up_to(sizeof rates / sizeof *rates - 1)];
        double burst = bursts[up_to(sizeof bursts / sizeof *bursts - 1)];
        struct rate r;
        struct leak leak = {.level = 0, .at_ns = START};
        int64_t now = START;
        rate_init(&r, rate, burst, now);
        for (int i = 0; i < 1000; i++) {
            int64_t ready = rate_ready_ns(&r, now);
            if (up_to(20) == 0) { /* before the next query is due */
                now += ready > now ? up_to(ready - now) : up_to(SECOND);
                leak_until(&leak, rate, now);
                rate = rates[up_to(sizeof rates / sizeof *rates - 1)];
                burst = bursts[up_to(sizeof bursts / sizeof *bursts - 1)];
                rate_change(&r, rate, burst, now);
                continue;
            }
            now = ready > now ? comes_at((enum pattern)(run % PATTERNS), ready, rate) : now;
            rate_take(&r, now);
            leak_count(&leak, rate, burst, now);
        }
    }
}

static void a_reload_without_a_change_changes_nothing(void **state) {
    struct rate r;
    rate_init(&r, 5, 10, START);
    for (int i = 0; i < 1000; i++) {
        int64_t ready = rate_ready_ns(&r, START);
        rate_change(&r, 5, 10, START);
        assert_true(rate_ready_ns(&r, START) == ready);
        if (ready <= START)
            rate_take(&r, START);
    }
    assert_true(rate_ready_ns(&r, START) == START + 200 * MS);
}

static void starts_with_one_query_and_earns_its_burst(void **state) {
    struct rate r;
    rate_init(&r, 1, 10, START);
    assert_true(rate_ready_ns(&r, START) <= START);
    rate_take(&r, START);
    assert_true(rate_ready_ns(&r, START) == START + SECOND);
    int64_t later = START + HOUR;
    int sent = 0;
    for (; rate_ready_ns(&r, later) <= later; sent++)
        rate_take(&r, later);
    assert_int_equal(sent, 10);
}

static void asks_for_no_patience_without_a_limit(void **state) {
    struct rate r;
    rate_init(&r, 0, 1, START);
    for (int i = 0; i < 10000; i++) {
        assert_true(rate_ready_ns(&r, START) <= START);
        rate_take(&r, START);
    }
    rate_change(&r, 2, 5, START);
    rate_take(&r, START);
    assert_true(rate_ready_ns(&r, START) == START + SECOND / 2);
    rate_change(&r, 0, 5, START);
    assert_true(rate_ready_ns(&r, START) <= START);
}

static void bears_rates_beyond_all_reason(void **state) {
    static const double odd[] = {1e-300, 1e-12, 1e12, 1e300};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct rate r;
        rate_init(&r, odd[i], 1e300, START);
        rate_take(&r, START);
        rate_change(&r, 5, 1, START);
        rate_change(&r, odd[i], 1, START);
        assert_true(rate_ready_ns(&r, START) > 0);
    }
}

/* ---- what a quota gives at once ---- */

static void as_much_as_it_says_may_be_taken_at_once(void **state) {
    static const uint64_t limits[] = {1, 4, 30, 99, 100, 3000, 10000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        for (int class = 0; class < BUDGET_CLASSES; class ++) {
            struct quota q;
            quota_init(&q, limits[i], HOUR, START);
            uint64_t room = quota_room(&q, (enum budget_class) class, START);
            uint64_t taken = 0;
            while (quota_ready_ns(&q, (enum budget_class) class, START) <= START) {
                quota_take(&q, (enum budget_class) class, START);
                taken++;
            }
            if (taken != room)
                fail_msg("quota of %llu, class %d: %llu said, %llu taken", (unsigned long long)limits[i],
                         class, (unsigned long long)room, (unsigned long long)taken);
            assert_int_equal(quota_room(&q, (enum budget_class) class, START), 0);
        }
    }
}

static void without_a_quota_there_is_no_end_of_room(void **state) {
    struct quota q;
    quota_init_rate(&q, 5, 1, START);
    assert_true(quota_room(&q, BUDGET_SWEEP, START) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_sends_more_than_rate_times_t_plus_burst),
        cmocka_unit_test(never_sends_more_over_reloads_either),
        cmocka_unit_test(a_reload_without_a_change_changes_nothing),
        cmocka_unit_test(starts_with_one_query_and_earns_its_burst),
        cmocka_unit_test(asks_for_no_patience_without_a_limit),
        cmocka_unit_test(bears_rates_beyond_all_reason),
        cmocka_unit_test(as_much_as_it_says_may_be_taken_at_once),
        cmocka_unit_test(without_a_quota_there_is_no_end_of_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
