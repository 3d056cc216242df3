/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/wilson.h"

/* Calculated with 40 digits, by Python's decimal. */
static const struct {
    double k, n, low, high;
} rows[] = {
    {0, 1, 0, 0.793450685622763},
    {1, 1, 0.206549314377237, 1},
    {0, 10000, 0, 0.000383998370677},
    {20, 10000, 0.001295111712543, 0.003087350664651},
    {1, 100, 0.001767432064141, 0.054486196178705},
    {5000, 65536, 0.074286236777673, 0.078351322852467},
    {50, 100, 0.403831530365996, 0.596168469634004},
};

static void bounds_a_share_as_the_literature_does(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wilson bound = wilson_bound(rows[i].k / rows[i].n, rows[i].n);
        assert_float_equal(bound.low, rows[i].low, 1e-12);
        assert_float_equal(bound.high, rows[i].high, 1e-12);
    }
}

static void knows_nothing_without_a_sample(void **state) {
    struct wilson bound = wilson_bound(0.5, 0);
    assert_float_equal(bound.low, 0, 0);
    assert_float_equal(bound.high, 1, 0);
}

static void is_exact_at_both_ends(void **state) {
    for (double n = 1; n < 1e9; n *= 3) {
        assert_true(wilson_bound(0, n).low == 0);
        assert_true(wilson_bound(1, n).high == 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_a_share_as_the_literature_does),
        cmocka_unit_test(knows_nothing_without_a_sample),
        cmocka_unit_test(is_exact_at_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
