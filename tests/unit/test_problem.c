/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc */
#include "core/problem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static bool out_of_memory;
static struct problems problems;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t size) {
    return out_of_memory ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return out_of_memory ? NULL : __real_calloc(n, size);
}

static int set_up(void **state) {
    problems_init(&problems);
    return 0;
}

static int tear_down(void **state) {
    problems_release(&problems);
    return 0;
}

static void fails_for_an_error_and_not_for_a_warning(void **state) {
    assert_false(problems_failed(&problems));
    problems_warn(&problems, 3, 1, "%s is odd", "this");
    assert_false(problems_failed(&problems));
    problems_error(&problems, 2, 7, "%s is %d", "that", 5);
    assert_true(problems_failed(&problems));
    assert_int_equal(problems.n_warnings, 1);
    assert_int_equal(problems.n_errors, 1);
    assert_string_equal(problems.shown[0].text, "this is odd");
    assert_true(problems.shown[0].warning);
    assert_string_equal(problems.shown[1].text, "that is 5");
    assert_int_equal(problems.shown[1].line, 2);
    assert_int_equal(problems.shown[1].column, 7);
}

static void sorts_by_place_and_keeps_the_order_of_equals(void **state) {
    static const struct {
        uint32_t line;
        uint32_t column;
        const char *text;
    } rows[] = {{5, 1, "d"}, {2, 9, "b"}, {5, 1, "e"}, {2, 10, "c"}, {0, 0, "a"}, {5, 1, "f"}};
    for (size_t i = 0; i < 6; i++)
        problems_error(&problems, rows[i].line, rows[i].column, "%s", rows[i].text);
    problems_sort(&problems);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(problems.shown[i].text[0], "abcdef"[i]);
}

static void counts_what_it_does_not_keep(void **state) {
    for (unsigned i = 1; i <= PROBLEMS_SHOWN + 50; i++)
        problems_error(&problems, i, 1, "error %u", i);
    assert_int_equal(problems.n_shown, PROBLEMS_SHOWN);
    assert_int_equal(problems.n_errors, PROBLEMS_SHOWN + 50);
}

static void keeps_an_error_rather_than_a_warning(void **state) {
    for (unsigned i = 1; i <= PROBLEMS_SHOWN + 5; i++)
        problems_warn(&problems, i, 1, "warning %u", i);
    problems_error(&problems, 900, 1, "first error");
    problems_error(&problems, 901, 1, "second error");
    assert_int_equal(problems.n_shown, PROBLEMS_SHOWN);
    assert_int_equal(problems.n_warnings, PROBLEMS_SHOWN + 5);
    assert_string_equal(problems.shown[PROBLEMS_SHOWN - 2].text, "first error");
    assert_string_equal(problems.shown[PROBLEMS_SHOWN - 1].text, "second error");
    assert_string_equal(problems.shown[PROBLEMS_SHOWN - 3].text, "warning 198");
}

static void takes_want_of_memory_for_an_error(void **state) {
    out_of_memory = true;
    problems_warn(&problems, 1, 1, "a warning that finds no memory");
    out_of_memory = false;
    assert_true(problems_failed(&problems));
    assert_true(problems.no_memory);
    assert_non_null(problems.shown[0].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fails_for_an_error_and_not_for_a_warning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sorts_by_place_and_keeps_the_order_of_equals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_what_it_does_not_keep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_an_error_rather_than_a_warning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_want_of_memory_for_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
