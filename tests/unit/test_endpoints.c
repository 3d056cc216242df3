/* SPDX-License-Identifier: Apache-2.0
 *
 * What a text is, and trees that are no list of endpoints. Whole documents are in test_edge_endpoints.c.
 */
#include "core/endpoints.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void tells_a_list_of_endpoints_from_lines_of_ranges(void **state) {
    static const struct {
        const char *text;
        bool is;
    } rows[] = {
        {"[", true},
        {"{", true},
        {"\xef\xbb\xbf[", true},
        {" \r\n\t[{\"id\": 1}]", true},
        {"\xef\xbb\xbf\n{", true},
        {"", false},
        {" \n", false},
        {"\xef\xbb\xbf", false},
        {"\xef\xbb", false},
        {"40.107.%.%", false},
        {"# [", false},
        {"2a01::/16\n[", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (endpoints_is(rows[i].text, strlen(rows[i].text)) != rows[i].is)
            fail_msg("\"%s\": expected %d", rows[i].text, rows[i].is);
}

static void refuses_what_is_no_list(void **state) {
    static const struct node scalar = {.type = NODE_SCALAR, .line = 2, .column = 3, .text = "x", .len = 1};
    static const struct node mapping = {.type = NODE_MAPPING, .line = 2, .column = 3};
    static const struct node *const rows[] = {NULL, &scalar, &mapping};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct endpoints out = {.n_sets = 7};
        struct problems problems;
        struct arena arena;
        problems_init(&problems);
        arena_init(&arena);
        assert_int_equal(endpoints_read(rows[i], &arena, &problems, &out), STATUS_INVALID);
        assert_int_equal(problems.n_shown, 1);
        assert_string_equal(problems.shown[0].text,
                            "is no list of endpoints; expected the JSON that "
                            "https://endpoints.office.com/endpoints/worldwide answers, a list of sets");
        assert_int_equal(problems.shown[0].line, rows[i] ? 2 : 0);
        assert_int_equal(out.n_sets, 7);
        problems_release(&problems);
        arena_release(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_a_list_of_endpoints_from_lines_of_ranges),
        cmocka_unit_test(refuses_what_is_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
