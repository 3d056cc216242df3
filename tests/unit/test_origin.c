/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/origin.h"

static const struct {
    const char *fetch_site, *origin, *host;
    bool own;
} rows[] = {
    {"", "", "here:10554", true}, /* a program */
    {"", "", "", true},
    {"", "http://here:10554", "here:10554", true},
    {"", "https://here", "here", true},
    {"", "HTTP://Here", "hERE", true},
    {"", "http://[2001:db8::1]:10554", "[2001:db8::1]:10554", true},
    {"same-origin", "http://here", "here", true},
    {"none", "", "here", true}, /* somebody typed it */
    {"same-origin", "", "here", true},
    {"cross-site", "", "here", false},
    {"cross-site", "http://here", "here", false},
    {"same-site", "", "here", false},
    {"something-new", "", "here", false},
    {"", "http://here", "here:80", true}, /* a proxy wrote it */
    {"", "http://here:80", "here", true},
    {"", "https://here", "here:443", true},
    {"", "https://here:443", "here", true},
    {"", "http://[2001:db8::1]", "[2001:db8::1]:80", true},
    {"", "https://here", "here:80", false},
    {"", "http://here:443", "here", false},
    {"", "http://here", "here:8080", false},
    {"", "http://", ":80", false},
    {"", "http://:80", ":80", true}, /* no browser's, and not foreign to itself */
    {" same-origin\t", " http://here ", "\there ", true},
    {" cross-site", "", "here", false},
    {" ", " ", "here", true},
    {"", " http://there", "here", false},
    {"same-origin", "http://there", "here", false},
    {"none", "http://there", "here", false},
    {"", "null", "here", false},
    {"", "null", "null", false},
    {"", "http://there", "here", false},
    {"", "http://here:1", "here", false},
    {"", "http://here", "here:10554", false},
    {"", "http://here.there", "here", false},
    {"", "http://here/", "here", false},
    {"", "http://", "", false},
    {"", "ftp://here", "here", false},
    {"", "here", "here", false},
    {"", "http://a@here", "here", false},
};

/* Behind a proxy that does not pass Host on. */
static const struct {
    const char *fetch_site, *origin, *host;
    bool own;
    const char *external;
} behind[] = {
    {"", "https://rbl.example.net", "127.0.0.1:10554", true, "https://rbl.example.net"},
    {"same-origin", "https://RBL.example.net:443", "127.0.0.1:10554", true, "https://rbl.example.net"},
    {"", "https://rbl.example.net", "127.0.0.1", true, "HTTPS://rbl.example.net:443"},
    {"", "http://rbl.example.net:8080", "", true, "http://rbl.example.net:8080"},
    {"", "http://127.0.0.1:10554", "127.0.0.1:10554", true, "https://rbl.example.net"},
    {"", "http://rbl.example.net", "127.0.0.1", false, "https://rbl.example.net"}, /* another scheme */
    {"", "https://rbl.example.net:8443", "127.0.0.1", false, "https://rbl.example.net"},
    {"", "https://evil.example.net", "127.0.0.1", false, "https://rbl.example.net"},
    {"", "https://rbl.example.net.evil", "127.0.0.1", false, "https://rbl.example.net"},
    {"cross-site", "https://rbl.example.net", "127.0.0.1", false, "https://rbl.example.net"},
    {"", "null", "127.0.0.1", false, "https://rbl.example.net"},
    {"", "http://", "127.0.0.1", false, ""},
};

static void tells_own_requests_from_those_of_foreign_pages(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (origin_is_own(rows[i].fetch_site, rows[i].origin, rows[i].host, "") != rows[i].own)
            fail_msg("'%s' '%s' '%s': expected %d", rows[i].fetch_site, rows[i].origin, rows[i].host,
                     rows[i].own);
}

static void knows_the_address_that_a_proxy_shows_for_its_own(void **state) {
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++)
        if (origin_is_own(behind[i].fetch_site, behind[i].origin, behind[i].host, behind[i].external) !=
            behind[i].own)
            fail_msg("'%s' '%s' '%s' of '%s': expected %d", behind[i].fetch_site, behind[i].origin,
                     behind[i].host, behind[i].external, behind[i].own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_own_requests_from_those_of_foreign_pages),
        cmocka_unit_test(knows_the_address_that_a_proxy_shows_for_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
