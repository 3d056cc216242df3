/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/hist.h"

#include <stdlib.h>

/* The contract of the metrics names them. */
static const struct {
    int64_t ns;
    const char *text;
} bounds[HIST_BOUNDS] = {
    {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},  {10000000, "0.01"},
    {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},  {250000000, "0.25"},
    {500000000, "0.5"},  {1000000000, "1.0"}, {2500000000, "2.5"}, {5000000000, "5.0"},
};

static void has_the_bounds_of_the_contract(void **state) {
    for (int i = 0; i < HIST_BOUNDS; i++) {
        assert_int_equal(hist_bound_ns[i], bounds[i].ns);
        assert_string_equal(hist_bound_text[i], bounds[i].text);
    }
}

static void counts_a_bound_in_its_own_bucket_and_more_in_the_next(void **state) {
    for (int i = 0; i < HIST_BOUNDS; i++) {
        struct hist h = {0};
        hist_add(&h, hist_bound_ns[i] - 1);
        hist_add(&h, hist_bound_ns[i]);
        hist_add(&h, hist_bound_ns[i] + 1);
        if (h.buckets[i] != 2 || h.buckets[i + 1] != 1)
            fail_msg("around %s s: %d and %d", hist_bound_text[i], (int)h.buckets[i], (int)h.buckets[i + 1]);
        assert_int_equal(hist_count(&h), 3);
        assert_int_equal(h.sum_ns, 3 * hist_bound_ns[i]);
    }
}

static void counts_below_zero_as_zero(void **state) {
    struct hist h = {0};
    hist_add(&h, -1);
    hist_add(&h, INT64_MIN);
    hist_add(&h, 0);
    assert_int_equal(h.buckets[0], 3);
    assert_int_equal(h.sum_ns, 0);
}

static void counts_the_longest_durations_in_the_last_bucket(void **state) {
    struct hist h = {0};
    hist_add(&h, INT64_MAX);
    assert_int_equal(h.buckets[HIST_BOUNDS], 1);
    assert_int_equal(h.sum_ns, INT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_bounds_of_the_contract),
        cmocka_unit_test(counts_a_bound_in_its_own_bucket_and_more_in_the_next),
        cmocka_unit_test(counts_below_zero_as_zero),
        cmocka_unit_test(counts_the_longest_durations_in_the_last_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
