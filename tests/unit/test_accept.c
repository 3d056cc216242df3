/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/accept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ONE = ACCEPT_Q_MOST, NONE = ACCEPT_UNREADABLE };

static const struct {
    const char *header;
    const char *values; /* of its elements, each with a | behind it */
} headers[] = {
    {"", ""},
    {"a", "a|"},
    {" a\t", "a|"},
    {"a,b", "a|b|"},
    {"a , b ;q=1, c;x", "a|b|c|"},
    {",", "|"},
    {"a,", "a|"},
    {",,a", "||a|"},
    {";q=1,a", "|a|"},
    {"a;x=\",b;\",c", "a|c|"},
    {"a;x=\"\\\",b\",c", "a|c|"},
    {"a;x=\"b,c", "a|"},
    {"a;x=\"\\", "a|"},
    {"a\"b,c\",d", "a\"b,c\"|d|"},
};

static void takes_a_header_apart(void **state) {
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char values[100] = "";
        const char *rest = headers[i].header;
        struct accept_element element;
        while (accept_next(&rest, &element))
            snprintf(values + strlen(values), sizeof values - strlen(values), "%.*s|", (int)element.value.len,
                     element.value.at);
        if (strcmp(values, headers[i].values) != 0)
            fail_msg("%s: %s, not %s", headers[i].header, values, headers[i].values);
    }
}

static const struct {
    const char *element;
    int q;
} weights[] = {
    {"a", ONE},
    {"a;q=1", ONE},
    {"a;q=1.", ONE},
    {"a;q=1.000", ONE},
    {"a;q=0.5", ONE / 2},
    {"a;Q=0.5", ONE / 2},
    {"a; q = 0.5 ", ONE / 2},
    {"a;q=\"0.5\"", ONE / 2},
    {"a;x=y;q=0.25;z", ONE / 4},
    {"a;q=0.1;q=0.5", ONE / 2},
    {"a;q=0", 0},
    {"a;q=0.", 0},
    {"a;q=0.000", 0},
    {"a;q=0.001", ONE / 1000},
    {"a;q=0.1234", 123400000},
    {"a;q=0.333333333", 333333333},
    {"a;q=0.33333333399999999999999999999999999999999999", 333333333},
    {"a;q=1.00000000000000000000000000000000000000000000", ONE},
    {"a;q", ONE},
    {"a;qq=0.5", ONE},
    {"a;x=\"q=0.5\"", ONE},
    {"a;x=\";q=0.5;\"", ONE},
    {"a;q=", NONE},
    {"a;q= ", NONE},
    {"a;q=2", NONE},
    {"a;q=1.5", NONE},
    {"a;q=1.0000000000000001", NONE},
    {"a;q=-1", NONE},
    {"a;q=+1", NONE},
    {"a;q=.5", NONE},
    {"a;q=00", NONE},
    {"a;q=0.5x", NONE},
    {"a;q=0.0000000000x", NONE},
    {"a;q=0x1", NONE},
    {"a;q=1e0", NONE},
    {"a;q=nan", NONE},
    {"a;q=high", NONE},
};

static void reads_weights(void **state) {
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        const char *rest = weights[i].element;
        struct accept_element element;
        assert_true(accept_next(&rest, &element));
        if (element.q != weights[i].q)
            fail_msg("%s: %d", weights[i].element, element.q);
    }
}

static void finds_parameters_in_any_letters_and_without_quotes(void **state) {
    const char *header = "A/b; VERSION = \"1.0.0\" ;x;y=;z=a;z=b";
    struct accept_element element;
    assert_true(accept_next(&header, &element));
    assert_true(accept_is(element.value, "a/b"));
    assert_false(accept_is(element.value, "a/bc"));
    assert_false(accept_is(element.value, "a/"));
    assert_true(accept_is(accept_parameter(&element, "version"), "1.0.0"));
    assert_true(accept_is(accept_parameter(&element, "z"), "b"));
    assert_int_equal(accept_parameter(&element, "x").len, 0);
    assert_int_equal(accept_parameter(&element, "y").len, 0);
    assert_int_equal(accept_parameter(&element, "w").len, 0);
    assert_false(accept_next(&header, &element));
}

/* A header of 16 KiB has at most as many elements: it is read once, and not once per element. */
static void reads_headers_of_any_length(void **state) {
    enum { LENGTH = 1 << 22 };
    char *header = malloc(LENGTH + 1);
    assert_non_null(header);
    memset(header, ',', LENGTH);
    header[LENGTH] = '\0';
    const char *rest = header;
    struct accept_element element;
    unsigned n = 0;
    while (accept_next(&rest, &element))
        n++;
    assert_int_equal(n, LENGTH);
    free(header);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_header_apart),
        cmocka_unit_test(reads_weights),
        cmocka_unit_test(finds_parameters_in_any_letters_and_without_quotes),
        cmocka_unit_test(reads_headers_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
