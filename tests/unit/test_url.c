/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/url.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    enum url_error error;
    const char *want;
} paths[] = {
    {"", URL_OK, ""},
    {"192.0.2.1", URL_OK, "192.0.2.1"},
    {"2001%3Adb8%3a%3A1", URL_OK, "2001:db8::1"},
    {"a+b%20c%2B", URL_OK, "a+b c+"},
    {"%25%2541", URL_OK, "%%41"},
    {"%fF/%C3%A9", URL_OK, "\xff/\xc3\xa9"},
    {"%", URL_ESCAPE, ""},
    {"a%", URL_ESCAPE, ""},
    {"a%4", URL_ESCAPE, ""},
    {"%4g", URL_ESCAPE, ""},
    {"%g4", URL_ESCAPE, ""},
    {"%%41", URL_ESCAPE, ""},
    {"% 41", URL_ESCAPE, ""},
    {"192.0.2.1%00", URL_NUL, ""},
    {"%00", URL_NUL, ""},
};

static void decodes_a_piece_of_a_path(void **state) {
    char out[URL_SIZE];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        memset(out, 'x', sizeof out);
        enum url_error error = url_path(paths[i].text, out);
        if (error != paths[i].error || strcmp(out, paths[i].want) != 0)
            fail_msg("%s: error %d, %s", paths[i].text, error, out);
    }
}

/* What a query says, as "name=value;name=value". */
static const struct {
    const char *text;
    enum url_error error;
    const char *want;
} queries[] = {
    {"", URL_OK, ""},
    {"a=1", URL_OK, "a=1;"},
    {"a=1&b=2&c=", URL_OK, "a=1;b=2;c=;"},
    {"&&a=1&&b&", URL_OK, "a=1;b=;"},
    {"=", URL_OK, "=;"},
    {"a=b=c", URL_OK, "a=b=c;"},
    {"%61+b=%31+2%2B%26%3D", URL_OK, "a b=1 2+&=;"},
    {"range=198.51.100.0/24&list=x~r~2001:db8::1", URL_OK, "range=198.51.100.0/24;list=x~r~2001:db8::1;"},
    {"a=?&b=#", URL_OK, "a=?;b=#;"},
    {"a=%", URL_ESCAPE, ""},
    {"a=%4&b=1", URL_ESCAPE, ""},
    {"a=1&b%=", URL_ESCAPE, ""},
    {"a=%00", URL_NUL, ""},
    {"a%00b=1", URL_NUL, ""},
    {"a=1&a=1", URL_TWICE, ""},
    {"a=1&b=2&%61=3", URL_TWICE, ""},
    {"a&a", URL_TWICE, ""},
    {"1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16", URL_OK,
     "1=;2=;3=;4=;5=;6=;7=;8=;9=;10=;11=;12=;13=;14=;15=;16=;"},
    {"1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", URL_TOO_MANY, ""},
};

static void takes_a_query_apart(void **state) {
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct url_query query;
        char found[512] = "";
        enum url_error error = url_query_parse(queries[i].text, &query);
        for (size_t k = 0; k < query.n; k++) {
            size_t len = strlen(found);
            snprintf(found + len, sizeof found - len, "%s=%s;", query.parameters[k].name,
                     query.parameters[k].value);
        }
        if (error != queries[i].error || strcmp(found, queries[i].want) != 0)
            fail_msg("%s: error %d, %s", queries[i].text, error, found);
        assert_true((url_error_text[error][0] == '\0') == (error == URL_OK));
    }
}

static void finds_a_parameter_by_its_name(void **state) {
    struct url_query query;
    assert_int_equal(url_query_parse("limit=10&page", &query), URL_OK);
    assert_string_equal(url_query_find(&query, "limit"), "10");
    assert_string_equal(url_query_find(&query, "page"), "");
    assert_null(url_query_find(&query, "Limit"));
    assert_null(url_query_find(&query, ""));
}

static void takes_what_just_fits_and_no_more(void **state) {
    static char text[URL_SIZE + 8];
    char out[URL_SIZE];
    struct url_query query;
    memset(text, 'a', URL_SIZE - 1);
    assert_int_equal(url_path(text, out), URL_OK);
    text[URL_SIZE - 1] = 'a';
    assert_int_equal(url_path(text, out), URL_TOO_LONG);
    assert_string_equal(out, "");
    /* Of a query two NULs are kept as well. */
    text[1] = '=';
    text[URL_SIZE - 1] = '\0';
    assert_int_equal(url_query_parse(text, &query), URL_OK);
    text[URL_SIZE - 1] = 'a';
    assert_int_equal(url_query_parse(text, &query), URL_TOO_LONG);
    memset(text, '=', sizeof text - 1);
    memset(text, 'a', URL_SIZE - 1);
    text[URL_SIZE] = '\0';
    assert_int_equal(url_query_parse(text, &query), URL_TOO_LONG);
    assert_int_equal(query.n, 0);
}

static void takes_parameters_one_by_one(void **state) {
    char room[URL_SIZE];
    char found[128] = "";
    struct url_parameter parameter;
    const char *at = "list=a%20b&&list=c&limit&=x";
    while (*at != '\0') {
        size_t len = strlen(found);
        assert_int_equal(url_query_next(&at, room, &parameter), URL_OK);
        snprintf(found + len, sizeof found - len, "%s=%s;", parameter.name != NULL ? parameter.name : "-",
                 parameter.value != NULL ? parameter.value : "-");
    }
    assert_string_equal(found, "list=a b;-=-;list=c;limit=;=x;");
    at = "a=1&b=%0";
    assert_int_equal(url_query_next(&at, room, &parameter), URL_OK);
    assert_int_equal(url_query_next(&at, room, &parameter), URL_ESCAPE);
    assert_string_equal(at, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_a_piece_of_a_path),     cmocka_unit_test(takes_a_query_apart),
        cmocka_unit_test(finds_a_parameter_by_its_name), cmocka_unit_test(takes_what_just_fits_and_no_more),
        cmocka_unit_test(takes_parameters_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
