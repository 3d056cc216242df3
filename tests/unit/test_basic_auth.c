/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/basic_auth.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *value;
    const char *user; /* NULL: refused */
    const char *password;
} rows[] = {
    /* RFC 7617, sections 2 and 2.1 */
    {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"},
    {"Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3"},
    /* The scheme: any case, one space or more, nothing else. */
    {"basic YTpi", "a", "b"},
    {"BASIC YTpi", "a", "b"},
    {"Basic   YTpi", "a", "b"},
    {"BasicYTpi", NULL, NULL},
    {"Basic\tYTpi", NULL, NULL},
    {" Basic YTpi", NULL, NULL},
    {"Bearer YTpi", NULL, NULL},
    {"Basic", NULL, NULL},
    {"Basic ", NULL, NULL},
    {"Bas", NULL, NULL},
    {"", NULL, NULL},
    /* The first colon ends the user, and both may be empty. */
    {"Basic YTpiOmM=", "a", "b:c"},
    {"Basic Og==", "", ""},
    {"Basic YTo=", "a", ""},
    {"Basic OmI=", "", "b"},
    {"Basic YWI=", NULL, NULL},               /* "ab": no colon */
    {"Basic Pz8+Ojw/Pz8=", "?\?>", "<?\?\?"}, /* the alphabet has + and / */
    /* Base64, strictly */
    {"Basic YTpi=", NULL, NULL},
    {"Basic YTpiYg", NULL, NULL},
    {"Basic YTpiYg=", NULL, NULL},
    {"Basic YTpiYg==", "a", "bb"},
    {"Basic YTpiYg===", NULL, NULL},
    {"Basic YTpiYh==", NULL, NULL}, /* bits left over */
    {"Basic YTpiYmJ=", NULL, NULL},
    {"Basic YTpi====", NULL, NULL},
    {"Basic ====", NULL, NULL},
    {"Basic YT==YTpi", NULL, NULL},
    {"Basic YT-_", NULL, NULL}, /* the other alphabet */
    {"Basic YTpi ", NULL, NULL},
    {"Basic YTpi\r\n", NULL, NULL},
    {"Basic YT pi", NULL, NULL},
    {"Basic YTpi, Basic YTpi", NULL, NULL},
    {"Basic YTp\xe9", NULL, NULL},
    /* NUL */
    {"Basic YQA6Yg==", NULL, NULL},
    {"Basic YTpiAA==", NULL, NULL},
    {"Basic ADpi", NULL, NULL},
};

static void reads_a_user_and_a_password(void **state) {
    struct basic_auth auth;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(&auth, 'x', sizeof auth);
        const bool good = basic_auth_parse(rows[i].value, &auth);
        if (good != (rows[i].user != NULL))
            fail_msg("\"%s\" is %s", rows[i].value, good ? "taken" : "refused");
        if (good && (strcmp(basic_auth_user(&auth), rows[i].user) != 0 ||
                     strcmp(basic_auth_password(&auth), rows[i].password) != 0))
            fail_msg("\"%s\": %s, %s", rows[i].value, basic_auth_user(&auth), basic_auth_password(&auth));
        if (good && (auth.user_len != strlen(rows[i].user) || auth.password_len != strlen(rows[i].password)))
            fail_msg("\"%s\": lengths %zu, %zu", rows[i].value, auth.user_len, auth.password_len);
    }
}

static void nothing_is_left_of_what_is_refused(void **state) {
    static const struct basic_auth nothing;
    struct basic_auth auth;
    assert_false(basic_auth_parse("Basic c2VjcmV0c2VjcmV0", &auth)); /* no colon */
    assert_memory_equal(&auth, &nothing, sizeof auth);
    assert_false(basic_auth_parse("Basic c2VjcmV0OnNlY3JldA=", &auth));
    assert_memory_equal(&auth, &nothing, sizeof auth);
}

/* "aaa...:" and a user of `n` bytes in all, in groups of "YWFh", which is "aaa". */
static bool takes(size_t n) {
    static char value[8192];
    struct basic_auth auth;
    static const char *const ends[] = {"OmFh", "Og==", "YTo="}; /* ":aa", ":", "a:" */
    int at = snprintf(value, sizeof value, "Basic ");
    for (size_t i = 0; i < (n % 3 == 0 ? n - 3 : n - n % 3); i += 3)
        at += snprintf(value + at, sizeof value - (size_t)at, "YWFh");
    snprintf(value + at, sizeof value - (size_t)at, "%s", ends[n % 3]);
    const bool good = basic_auth_parse(value, &auth);
    assert_true(!good || auth.user_len + 1 + auth.password_len == n);
    return good;
}

static void what_is_too_long_is_refused(void **state) {
    assert_true(takes(3));
    assert_true(takes(BASIC_AUTH_MOST - 1));
    assert_true(takes(BASIC_AUTH_MOST));
    assert_false(takes(BASIC_AUTH_MOST + 1));
    assert_false(takes(BASIC_AUTH_MOST + 2));
    assert_false(takes(BASIC_AUTH_MOST + 3));
    assert_false(takes(4000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_user_and_a_password),
        cmocka_unit_test(nothing_is_left_of_what_is_refused),
        cmocka_unit_test(what_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
