/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/ip.h"

#include <string.h>

/* The first and last address of each block, and their neighbours outside. */
static const struct {
    const char *text;
    const char *what; /* NULL: an address like any other */
} rows[] = {
    {"0.0.0.0", "an address of this host"},
    {"0.255.255.255", "an address of this host"},
    {"1.0.0.0", NULL},
    {"9.255.255.255", NULL},
    {"10.0.0.0", "a private address"},
    {"10.255.255.255", "a private address"},
    {"11.0.0.0", NULL},
    {"100.63.255.255", NULL},
    {"100.64.0.0", "an address behind a carrier's NAT"},
    {"100.127.255.255", "an address behind a carrier's NAT"},
    {"100.128.0.0", NULL},
    {"126.255.255.255", NULL},
    {"127.0.0.2", "a loopback address"},
    {"127.255.255.255", "a loopback address"},
    {"128.0.0.0", NULL},
    {"169.253.255.255", NULL},
    {"169.254.0.0", "a link-local address"},
    {"169.255.0.0", NULL},
    {"172.15.255.255", NULL},
    {"172.16.0.0", "a private address"},
    {"172.31.255.255", "a private address"},
    {"172.32.0.0", NULL},
    {"192.0.2.1", NULL},
    {"192.167.255.255", NULL},
    {"192.168.0.0", "a private address"},
    {"192.169.0.0", NULL},
    {"223.255.255.255", NULL},
    {"224.0.0.0", "a multicast address"},
    {"239.255.255.255", "a multicast address"},
    {"240.0.0.0", "a reserved address"},
    {"255.255.255.255", "a reserved address"},
    {"40.107.130.132", NULL},
    {"::", "no address of a host"},
    {"::1", "a loopback address"},
    {"::2", "an IPv4 address written as IPv6"},
    {"::1.2.3.4", "an IPv4 address written as IPv6"},
    {"::ffff:ffff", "an IPv4 address written as IPv6"},
    {"::1:0:0", NULL},
    {"::fffe:ffff:ffff", NULL},
    {"64:ff9a:ffff::", NULL},
    {"64:ff9b::", "an IPv4 address written as IPv6"},
    {"64:ff9b::192.0.2.1", "an IPv4 address written as IPv6"},
    {"64:ff9b::1:0:0", NULL},
    {"64:ff9b:0:ffff::", NULL},
    {"64:ff9b:1::", "an IPv4 address written as IPv6"},
    {"64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "an IPv4 address written as IPv6"},
    {"64:ff9b:2::", NULL},
    {"2001:ffff::", NULL},
    {"2002::", "an IPv4 address written as IPv6"},
    {"2002:ffff:ffff::1", "an IPv4 address written as IPv6"},
    {"2003::", NULL},
    {"::ffff:0:0", "an IPv4 address written as IPv6"},
    {"::ffff:192.0.2.1", "an IPv4 address written as IPv6"},
    {"::1:0:0:0", NULL},
    {"1::ffff:192.0.2.1", NULL},
    {"2001:db8::1", NULL},
    {"fbff:ffff::", NULL},
    {"fc00::", "a private address"},
    {"fdff:ffff::1", "a private address"},
    {"fe00::", NULL},
    {"fe7f::", NULL},
    {"fe80::1", "a link-local address"},
    {"febf::", "a link-local address"},
    {"fec0::", NULL},
    {"feff::", NULL},
    {"ff00::", "a multicast address"},
    {"ffff::1", "a multicast address"},
};

static void tells_addresses_that_send_no_mail(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip ip;
        assert_int_equal(ip_parse(rows[i].text, strlen(rows[i].text), &ip), STATUS_OK);
        const char *what = ip_special(&ip);
        if ((what == NULL) != (rows[i].what == NULL) || (what != NULL && strcmp(what, rows[i].what) != 0))
            fail_msg("%s: %s", rows[i].text, what != NULL ? what : "nothing");
    }
}

static const struct {
    const char *text;
    const char *what; /* NULL: none of its addresses is special */
    bool whole;
} ranges[] = {
    {"10.0.0.0/8", "a private address", true},
    {"10.20.30.40", "a private address", true},
    {"172.16.0.0/12", "a private address", true},
    {"172.0.0.0/11", "a private address", false},
    {"172.0.0.0/8", "a private address", false},
    {"192.160.0.0/12", "a private address", false},
    {"192.168.255.255-192.169.0.0", "a private address", false},
    {"192.167.0.0-192.167.255.255", NULL, false},
    {"11.0.0.0/8", NULL, false},
    {"0.0.0.0/0", "an address of this host", false},
    {"224.0.0.0/3", "a multicast address", false},
    {"198.51.100.0/24", NULL, false},
    {"::/96", "an IPv4 address written as IPv6", true},
    {"::1/128", "a loopback address", true},
    {"::/0", "no address of a host", false},
    {"2002:102:304::/48", "an IPv4 address written as IPv6", true},
    {"2000::/3", "an IPv4 address written as IPv6", false},
    {"2a01:111:f400::/48", NULL, false},
    {"fd00::/8", "a private address", true},
    {"f000::/4", "a private address", false},
};

static void tells_ranges_that_hold_such_addresses(void **state) {
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct ip_range range;
        bool whole = !ranges[i].whole;
        assert_int_equal(ip_range_parse(ranges[i].text, strlen(ranges[i].text), &range), IP_RANGE_OK);
        const char *what = ip_range_special(&range, &whole);
        if ((what == NULL) != (ranges[i].what == NULL) ||
            (what != NULL && strcmp(what, ranges[i].what) != 0) || whole != ranges[i].whole)
            fail_msg("%s: %s, %s", ranges[i].text, what != NULL ? what : "nothing",
                     whole ? "whole" : "in part");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_addresses_that_send_no_mail),
        cmocka_unit_test(tells_ranges_that_hold_such_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
