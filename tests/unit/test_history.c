/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/history.h"

static struct history history;

static int setup(void **state) {
    history = (struct history){.n = 0};
    return 0;
}

static void add(int64_t number) {
    history_add(&history, &(struct history_event){.wall_ns = number, .kind = HISTORY_STATE});
}

static void is_empty_when_all_zero(void **state) {
    assert_null(history_at(&history, 0));
    assert_null(history_at(&history, UINT32_MAX));
}

static void gives_the_latest_first(void **state) {
    for (int i = 1; i <= 3; i++)
        add(i);
    assert_int_equal(history.n, 3);
    for (uint32_t age = 0; age < 3; age++)
        assert_int_equal(history_at(&history, age)->wall_ns, 3 - age);
    assert_null(history_at(&history, 3));
}

static void keeps_the_latest_when_it_is_full(void **state) {
    enum { ALL = 3 * HISTORY_SHOWN + 7 };
    for (int i = 1; i <= ALL; i++) {
        add(i);
        assert_int_equal(history_at(&history, 0)->wall_ns, i);
    }
    assert_int_equal(history.n, HISTORY_SHOWN);
    for (uint32_t age = 0; age < HISTORY_SHOWN; age++)
        assert_int_equal(history_at(&history, age)->wall_ns, ALL - age);
    assert_null(history_at(&history, HISTORY_SHOWN));
}

static void has_a_name_for_every_kind(void **state) {
    for (int kind = 0; kind < HISTORY_KINDS; kind++) {
        assert_non_null(history_kind_text[kind]);
        assert_true(history_kind_text[kind][0] != '\0');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(is_empty_when_all_zero, setup),
        cmocka_unit_test_setup(gives_the_latest_first, setup),
        cmocka_unit_test_setup(keeps_the_latest_when_it_is_full, setup),
        cmocka_unit_test(has_a_name_for_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
