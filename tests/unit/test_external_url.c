/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/external_url.h"

#include <string.h>

static void reads_where_the_pages_are(void **state) {
    static const struct {
        const char *url, *prefix; /* NULL: not given */
        const char *origin, *path, *served;
    } rows[] = {
        {NULL, NULL, "", "", ""},
        {NULL, "/", "", "", ""},
        {NULL, "rbl", "", "/rbl", "/rbl"},
        {NULL, "/rbl/", "", "/rbl", "/rbl"},
        {NULL, "//a/b//", "", "/a/b", "/a/b"},
        {"http://here", NULL, "http://here", "", ""},
        {"https://here/", NULL, "https://here", "", ""},
        {"https://here:8443/rbl", NULL, "https://here:8443", "/rbl", "/rbl"},
        {"https://here/a/b/", NULL, "https://here", "/a/b", "/a/b"},
        {"HTTPS://Here_x-1.example.net/~a;b=1,2@x:(y)", NULL, "HTTPS://Here_x-1.example.net",
         "/~a;b=1,2@x:(y)", "/~a;b=1,2@x:(y)"},
        {"http://[2001:db8::1]/rbl", NULL, "http://[2001:db8::1]", "/rbl", "/rbl"},
        {"http://[::1]:80/rbl", "/", "http://[::1]:80", "/rbl", ""},
        {"http://192.0.2.1:10554/rbl", "x/y", "http://192.0.2.1:10554", "/rbl", "/x/y"},
        {"http://here", "/rbl", "http://here", "", "/rbl"},
        {"http://here/...", NULL, "http://here", "/...", "/..."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct external_url out;
        char why[EXTERNAL_URL_WHY] = "";
        bool of_prefix;
        if (!external_url_read(rows[i].url, rows[i].prefix, &out, &of_prefix, why))
            fail_msg("row %zu: %s", i, why);
        assert_string_equal(out.origin, rows[i].origin);
        assert_string_equal(out.path, rows[i].path);
        assert_string_equal(out.prefix, rows[i].served);
    }
}

static void says_what_is_wrong_and_changes_nothing(void **state) {
    static char long_text[EXTERNAL_URL_SIZE + 16];
    static char long_host[EXTERNAL_URL_SIZE + 16] = "http://";
    memset(long_text, 'a', sizeof long_text - 1);
    memset(long_host + 7, 'a', sizeof long_host - 8);
    const struct {
        const char *url, *prefix, *why;
    } rows[] = {
        {"", NULL, "must begin with http:// or https://"},
        {"here/rbl", NULL, "must begin with http:// or https://"},
        {"ftp://here", NULL, "must begin with http:// or https://"},
        {"\"http://here\"", NULL, "quotation mark"},
        {"'http://here'", NULL, "quotation mark"},
        {"http://", NULL, "has no host"},
        {"http:///rbl", NULL, "has no host"},
        {"http://:80/", NULL, "has no host"},
        {"http://me@here/", NULL, "user or a password"},
        {"http://me:secret@here/", NULL, "user or a password"},
        {"http://a b/", NULL, "no name and no address"},
        {"http://2001:db8::1/", NULL, "port is no number"},
        {"http://[2001:db8::1", NULL, "no name and no address"},
        {"http://[here]/", NULL, "no name and no address"},
        {"http://here:/", NULL, "port is no number from 1 to 65535"},
        {"http://here:0/", NULL, "port is no number"},
        {"http://here:65536/", NULL, "port is no number"},
        {"http://here:000080/", NULL, "port is no number"},
        {"http://here:8o/", NULL, "port is no number"},
        {"http://here?x", NULL, "no ? and no #"},
        {"http://here/?", NULL, "no ? and no #"},
        {"http://here/#top", NULL, "no ? and no #"},
        {"http://here/a b", NULL, "may not hold spaces"},
        {"http://here/%41", NULL, "may not hold spaces, ?, #, %"},
        {"http://here/a\"b", NULL, "quotes"},
        {"http://here/a'b", NULL, "quotes"},
        {"http://here/<x>", NULL, "may not hold"},
        {"http://here/a\r\nb", NULL, "may not hold"},
        {"http://here/\xc3\xa4", NULL, "not ASCII"},
        {"http://here/a//b", NULL, "may not hold //"},
        {"http://here/a/../b", NULL, "may not hold //, /./ or /../"},
        {"http://here/./a", NULL, "/./"},
        {"http://here/a/..", NULL, "/../"},
        {long_host, NULL, "too long"},
        {NULL, long_text, "too long"},
        {NULL, "/a?b", "may not hold"},
        {NULL, "\"/a\"", "quotes"},
        {NULL, "/a/./b", "/./"},
        {"http://here/a", "/b%", "may not hold"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct external_url out = {.origin = "as it was"};
        char why[EXTERNAL_URL_WHY] = "";
        bool of_prefix;
        if (external_url_read(rows[i].url, rows[i].prefix, &out, &of_prefix, why) ||
            strstr(why, rows[i].why) == NULL)
            fail_msg("row %zu: expected '%s', found '%s'", i, rows[i].why, why);
        assert_int_equal(of_prefix, rows[i].prefix != NULL);
        assert_string_equal(out.origin, "as it was");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_where_the_pages_are),
        cmocka_unit_test(says_what_is_wrong_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
