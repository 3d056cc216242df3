/* SPDX-License-Identifier: Apache-2.0 */
#include "core/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)
#define START (1000 * SECOND)

static struct quota quota_of(uint64_t limit, int64_t per_ns) {
    struct quota q;
    quota_init(&q, limit, per_ns, START);
    quota_reserve(&q, true);
    return q;
}

/* Asks for and is granted what is wanted; returns how many that were. */
static uint64_t reserve(struct quota *q, int64_t now_ns) {
    uint64_t n = quota_wanted(q, now_ns);
    if (n > 0) {
        quota_asked(q, n);
        quota_granted(q);
    }
    return n;
}

static void nothing_may_be_sent_before_it_is_reserved(void **state) {
    struct quota q = quota_of(10000, 30 * DAY);
    assert_false(quota_is_reserved(&q));
    quota_asked(&q, quota_wanted(&q, START));
    assert_false(quota_is_reserved(&q));
    assert_int_equal(quota_wanted(&q, START), 0); /* it is under way */
    quota_granted(&q);
    assert_true(quota_is_reserved(&q));
    while (q.reserved > 0)
        quota_take(&q, BUDGET_WATCHED, START);
    assert_false(quota_is_reserved(&q));
}

static void what_has_no_limit_or_no_store_needs_no_reservation(void **state) {
    struct quota q;
    quota_init_rate(&q, 5, 1, START);
    quota_reserve(&q, true);
    assert_true(quota_is_reserved(&q));
    assert_int_equal(quota_wanted(&q, START), 0);
    quota_init(&q, 100, DAY, START);
    assert_true(quota_is_reserved(&q));
    assert_int_equal(quota_wanted(&q, START), 0);
}

static void a_slow_list_reserves_a_few_and_a_fast_one_for_a_minute(void **state) {
    struct quota q = quota_of(700, 30 * DAY);
    assert_int_equal(reserve(&q, START), 4);
    quota_take(&q, BUDGET_WATCHED, START);
    assert_int_equal(quota_wanted(&q, START), 0); /* three are enough for now */
    struct quota larger = quota_of(10000, 30 * DAY);
    assert_int_equal(reserve(&larger, START), 50);
    struct quota fast = quota_of(1000000, DAY);
    int64_t now_ns = START;
    for (int i = 0; i < 1500; i++) {
        now_ns += SECOND / 10;
        reserve(&fast, now_ns);
        quota_take(&fast, BUDGET_WATCHED, now_ns);
    }
    /* 600 a minute: what is left is worth more than half of one. */
    assert_in_range(fast.reserved, 300, 5000);
}

static void never_more_is_reserved_than_the_window_holds(void **state) {
    struct quota q = quota_of(24, 8 * SECOND);
    uint64_t sent = 0;
    for (int i = 0; i < 100; i++) {
        reserve(&q, START);
        assert_true(quota_used(&q, START) + q.reserved <= 24);
        if (quota_is_reserved(&q) && quota_ready_ns(&q, BUDGET_SELF_TEST, START) <= START) {
            quota_take(&q, BUDGET_SELF_TEST, START);
            sent++;
        }
    }
    assert_true(sent > 0 && sent <= 24);
}

static void a_reload_keeps_what_is_reserved_and_asks_again_for_what_was_under_way(void **state) {
    struct quota old = quota_of(700, 30 * DAY);
    struct quota q;
    reserve(&old, START);
    quota_take(&old, BUDGET_WATCHED, START);
    quota_take(&old, BUDGET_WATCHED, START);
    quota_take(&old, BUDGET_WATCHED, START);
    quota_asked(&old, quota_wanted(&old, START));
    quota_init(&q, 350, 30 * DAY, START);
    quota_carry(&q, &old, START);
    quota_reserve(&q, true);
    assert_int_equal(q.reserved, 1);
    assert_true(quota_wanted(&q, START) > 0);
}

static void after_a_start_what_was_reserved_counts_as_spent_now(void **state) {
    struct quota kept = quota_of(10000, 30 * DAY);
    struct quota q;
    for (int i = 0; i < 10; i++) {
        reserve(&kept, START);
        quota_take(&kept, BUDGET_WATCHED, START);
    }
    quota_asked(&kept, 3);
    uint64_t reserved = kept.reserved;
    int64_t now_ns = START + 10 * DAY;
    quota_init(&q, 10000, 30 * DAY, now_ns);
    quota_restore(&q, &kept, now_ns);
    assert_int_equal(quota_used(&q, now_ns), 10 + reserved + 3);
    /* Those that were sent leave the window first. */
    assert_int_equal(quota_used(&q, START + 31 * DAY), reserved + 3);
    assert_int_equal(quota_used(&q, now_ns + 29 * DAY), reserved + 3);
    assert_int_equal(quota_used(&q, now_ns + 31 * DAY), 0);
    assert_false(q.reserves);
}

static void many_starts_neither_refill_the_buckets_nor_keep_queries_longer(void **state) {
    struct quota q = quota_of(10000, 30 * DAY);
    int64_t now_ns = START;
    uint64_t sent = 0;
    for (int i = 0; i < 500; i++) {
        reserve(&q, now_ns);
        while (quota_is_reserved(&q) && quota_ready_ns(&q, BUDGET_WATCHED, now_ns) <= now_ns) {
            quota_take(&q, BUDGET_WATCHED, now_ns);
            sent++;
            reserve(&q, now_ns);
        }
        struct quota kept = q;
        kept.reserved = 0; /* it ended well */
        kept.asked = 0;
        now_ns += 60 * SECOND;
        quota_init(&q, 10000, 30 * DAY, now_ns);
        quota_restore(&q, &kept, now_ns);
        quota_reserve(&q, true);
    }
    /* A day's worth at first, and 8.3 hours at 333 a day. */
    assert_in_range(sent, 300, 460);
    assert_int_equal(quota_used(&q, now_ns), sent);
    assert_int_equal(quota_used(&q, now_ns + 30 * DAY + 30 * DAY / 700), 0);
}

static void a_clock_that_was_set_back_frees_nothing_early(void **state) {
    struct quota kept = quota_of(1000, DAY);
    struct quota q;
    reserve(&kept, START);
    quota_take(&kept, BUDGET_WATCHED, START);
    kept.reserved = 0;
    kept.slot_start_ns += 3 * DAY; /* ahead of the clock now */
    kept.filled_ns += 3 * DAY;
    quota_init(&q, 1000, DAY, START);
    quota_restore(&q, &kept, START);
    assert_int_equal(quota_used(&q, START), 1);
    assert_int_equal(quota_used(&q, START + DAY - SECOND), 1);
    assert_int_equal(quota_used(&q, START + 2 * DAY), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_may_be_sent_before_it_is_reserved),
        cmocka_unit_test(what_has_no_limit_or_no_store_needs_no_reservation),
        cmocka_unit_test(a_slow_list_reserves_a_few_and_a_fast_one_for_a_minute),
        cmocka_unit_test(never_more_is_reserved_than_the_window_holds),
        cmocka_unit_test(a_reload_keeps_what_is_reserved_and_asks_again_for_what_was_under_way),
        cmocka_unit_test(after_a_start_what_was_reserved_counts_as_spent_now),
        cmocka_unit_test(many_starts_neither_refill_the_buckets_nor_keep_queries_longer),
        cmocka_unit_test(a_clock_that_was_set_back_frees_nothing_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
