/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/throttle.h"

static const int64_t S = 1000000000;

/* One request after the other, under a rule. */
static const struct {
    int64_t interval_s;
    unsigned burst;
    int64_t at_s;
    int64_t wait_s; /* 0: let through; -1: never */
} rows[] = {
    /* Three at once, then one every ten seconds. */
    {10, 3, 100, 0},
    {10, 3, 100, 0},
    {10, 3, 100, 0},
    {10, 3, 100, 10},
    {10, 3, 104, 6},
    {10, 3, 109, 1},
    {10, 3, 110, 0},
    {10, 3, 110, 10},
    {10, 3, 115, 5},
    /* What was refused has cost nothing. */
    {10, 3, 120, 0},
    {10, 3, 129, 1},
    /* Two tokens after twenty seconds and a bit. */
    {10, 3, 145, 0},
    {10, 3, 145, 0},
    {10, 3, 145, 5},
    /* A long pause is worth a full bucket and no more. */
    {10, 3, 5000, 0},
    {10, 3, 5000, 0},
    {10, 3, 5000, 0},
    {10, 3, 5000, 10},
    /* A stricter rule: what was spent under the old one counts, but no longer than its own bucket takes to
       fill. */
    {1, 2, 5000, 1},
    {1, 2, 5001, 0},
    {1, 2, 5001, 1},
    {1, 2, 5003, 0},
    {1, 2, 5003, 0},
    {1, 2, 5003, 1},
    /* A wider one gives its room at once. */
    {10, 3, 5003, 0},
    {10, 3, 5003, 0},
    {10, 3, 5003, 2},
    /* A bucket that holds nothing. */
    {10, 0, 9000, -1},
    {10, 0, 9999, -1},
};

static void lets_a_burst_through_and_then_one_every_so_often(void **state) {
    struct throttle t = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t wait_ns = -1;
        const bool taken =
            throttle_take(&t, rows[i].interval_s * S, rows[i].burst, rows[i].at_s * S, &wait_ns);
        const int64_t wanted_ns = rows[i].wait_s < 0 ? INT64_MAX : rows[i].wait_s * S;
        if (taken != (rows[i].wait_s == 0) || wait_ns != wanted_ns)
            fail_msg("row %zu: %s, wait %lld ns", i, taken ? "taken" : "refused", (long long)wait_ns);
    }
}

static void never_lets_more_through_than_it_may(void **state) {
    struct throttle t = {0};
    int64_t wait_ns;
    int64_t n = 0;
    const int64_t seconds = 1000;
    for (int64_t at = 0; at < seconds * 100; at++) /* a hundred times as many as may */
        n += throttle_take(&t, S, 20, at * S / 100, &wait_ns) ? 1 : 0;
    assert_int_equal(n, 20 + seconds - 1);
}

static void the_largest_rules_do_not_overflow(void **state) {
    static const struct {
        int64_t interval_ns;
        unsigned burst;
    } rules[] = {{INT64_MAX, 1}, {INT64_MAX, UINT32_MAX}, {INT64_MAX / 2, 3}, {1, UINT32_MAX}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct throttle t = {0};
        int64_t wait_ns;
        const int64_t now_ns = INT64_MAX / 4;
        assert_true(throttle_take(&t, rules[i].interval_ns, rules[i].burst, now_ns, &wait_ns));
        assert_true(t.full_ns > now_ns);
        (void)throttle_take(&t, rules[i].interval_ns, rules[i].burst, now_ns, &wait_ns);
        assert_true(wait_ns >= 0 && t.full_ns > now_ns);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_a_burst_through_and_then_one_every_so_often),
        cmocka_unit_test(never_lets_more_through_than_it_may),
        cmocka_unit_test(the_largest_rules_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
