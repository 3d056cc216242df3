/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/ip.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static struct ip ip_of(const char *text) {
    struct ip ip = {0};
    if (ip_parse(text, strlen(text), &ip) != STATUS_OK)
        fail_msg("address \"%s\"", text);
    return ip;
}

/* A generator whose numbers are the same in each run. */
static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state ^ *state >> 29;
}

static void reads_addresses_and_writes_them_in_canonical_form(void **state) {
    static const struct {
        const char *text;
        struct ip ip;
        const char *canonical; /* NULL: as text */
    } rows[] = {
        {"0.0.0.0", {0, 0, IP_V4}, NULL},
        {"255.255.255.255", {0, 0xffffffff, IP_V4}, NULL},
        {"40.107.130.132", {0, 0x286b8284, IP_V4}, NULL},
        {"1.20.100.9", {0, 0x01146409, IP_V4}, NULL},
        {"::", {0, 0, IP_V6}, NULL},
        {"::1", {0, 1, IP_V6}, NULL},
        {"1::", {0x0001000000000000, 0, IP_V6}, NULL},
        {"0:0:0:0:0:0:0:0", {0, 0, IP_V6}, "::"},
        {"2001:db8:1:2:3:4:567:89ab", {0x20010db800010002, 0x00030004056789ab, IP_V6}, NULL},
        {"2001:0DB8:0001:0002:0003:0004:0567:89AB",
         {0x20010db800010002, 0x00030004056789ab, IP_V6},
         "2001:db8:1:2:3:4:567:89ab"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", {UINT64_MAX, UINT64_MAX, IP_V6}, NULL},
        {"2a01:111:f403:c111::1", {0x2a010111f403c111, 1, IP_V6}, NULL},
        /* One group of zeros is no run (RFC 5952 section 4.2.2), but may be written as one. */
        {"2001:db8:0:1:1:1:1:1", {0x20010db800000001, 0x0001000100010001, IP_V6}, NULL},
        {"2001:db8::1:1:1:1:1", {0x20010db800000001, 0x0001000100010001, IP_V6}, "2001:db8:0:1:1:1:1:1"},
        {"1:2:3:4:5:6:7::", {0x0001000200030004, 0x0005000600070000, IP_V6}, "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", {0x0000000200030004, 0x0005000600070008, IP_V6}, "0:2:3:4:5:6:7:8"},
        /* The longest run, and the first of two that are equal (section 4.2.3). */
        {"2001:0:0:1:0:0:0:1", {0x2001000000000001, 1, IP_V6}, "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", {0x20010db800000000, 0x0001000000000001, IP_V6}, "2001:db8::1:0:0:1"},
        {"0:0:1:0:0:0:0:0", {0x0000000000010000, 0, IP_V6}, "0:0:1::"},
        {"0:0:0:1:0:0:0:1", {0x0000000000000001, 1, IP_V6}, "::1:0:0:0:1"},
        {"1:0:0:2:3:4:0:0", {0x0001000000000002, 0x0003000400000000, IP_V6}, "1::2:3:4:0:0"},
        /* IPv4-mapped stays IPv6, in mixed notation (section 5). */
        {"::ffff:127.0.0.2", {0, 0xffff7f000002, IP_V6}, NULL},
        {"::FFFF:7F00:2", {0, 0xffff7f000002, IP_V6}, "::ffff:127.0.0.2"},
        {"0:0:0:0:0:ffff:255.255.255.255", {0, 0xffffffffffff, IP_V6}, "::ffff:255.255.255.255"},
        {"0000:0000:0000:0000:0000:ffff:255.255.255.255",
         {0, 0xffffffffffff, IP_V6},
         "::ffff:255.255.255.255"},
        {"::ffff:0.0.0.0", {0, 0xffff00000000, IP_V6}, NULL},
        {"::1.2.3.4", {0, 0x01020304, IP_V6}, "::102:304"},
        {"64:ff9b::192.0.2.33", {0x0064ff9b00000000, 0xc0000221, IP_V6}, "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:7.8.9.10", {0x0001000200030004, 0x000500060708090a, IP_V6}, "1:2:3:4:5:6:708:90a"},
        {"1:2:3:4:5::7.8.9.10", {0x0001000200030004, 0x000500000708090a, IP_V6}, "1:2:3:4:5:0:708:90a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip ip = {0};
        char text[IP_TEXT_SIZE];
        enum status status = ip_parse(rows[i].text, strlen(rows[i].text), &ip);
        if (status != STATUS_OK || !ip_equal(&ip, &rows[i].ip))
            fail_msg("\"%s\": %s, %#llx %#llx", rows[i].text, status_text(status), (unsigned long long)ip.hi,
                     (unsigned long long)ip.lo);
        size_t len = ip_format(&ip, text);
        const char *expected = rows[i].canonical ? rows[i].canonical : rows[i].text;
        if (strcmp(text, expected) != 0 || len != strlen(text))
            fail_msg("\"%s\" is written \"%s\", expected \"%s\"", rows[i].text, text, expected);
    }
}

static void refuses_everything_that_is_not_exactly_one_address(void **state) {
    static const char *const rows[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.",
        ".1.2.3.4",
        "1..2.3",
        "1.2.3.4.",
        "1.2.3.256",
        "1.2.3.1000",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4\n",
        "1.2.3.-4",
        "+1.2.3.4",
        "1.2.3.4/32",
        "1.2.3.4:53",
        "[::1]",
        "a.b.c.d",
        /* Octal, hex and numbers for several octets, as inet_aton takes them. */
        "010.1.2.3",
        "1.2.3.00",
        "1.2.3.04",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "1.2.3.0004",
        ":",
        ":::",
        "1:",
        ":1",
        "1::2::3",
        "::1::",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8:",
        ":1:2:3:4:5:6:7:8",
        "::1:2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8",
        "1:2:3:4:5:6:7:8::",
        "12345::",
        "::12345",
        "::g",
        "::1 ",
        "::1%eth0",
        "fe80::1%1",
        "::1/128",
        "1:::2",
        "::-1",
        "0x1::",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.256",
        "::01.2.3.4",
        "::1.2.3.4:5",
        "1.2.3.4::",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:1.2.3.4",
        "1:2:3:4:5:6::1.2.3.4",
        "::ffff:1.2.3.4.",
        ":1.2.3.4",
        "00000000000000000000000000000000000000000000::1",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip ip = {.hi = 7, .lo = 8, .family = IP_V6};
        if (ip_parse(rows[i], strlen(rows[i]), &ip) != STATUS_SYNTAX)
            fail_msg("\"%s\" was taken", rows[i]);
        if (ip.hi != 7 || ip.lo != 8 || ip.family != IP_V6)
            fail_msg("\"%s\" changed the output", rows[i]);
    }
    struct ip ip;
    assert_int_equal(ip_parse("1.2.3.4\0", 8, &ip), STATUS_SYNTAX);
    assert_int_equal(ip_parse("::1\0", 4, &ip), STATUS_SYNTAX);
    assert_int_equal(ip_parse("1.2.3.45", 7, &ip), STATUS_OK);
    assert_int_equal(ip.lo, 0x01020304);
}

/* The C library is the second opinion: on texts that are one change away from an address, and any others. */
static void agrees_with_the_c_library_on_damaged_texts(void **state) {
    static const char *const seeds[] = {"40.107.130.132",    "0.0.0.0",      "1:2:3:4:5:6:7:8",
                                        "2001:db8::1",       "::",           "::ffff:1.2.3.4",
                                        "1::5:6:255.0.10.1", "fe80::a:b:c:d"};
    static const char alphabet[] = "0123459abfF:::..:.gx% ";
    uint64_t random = 1;
    unsigned n_valid = 0;
    for (int i = 0; i < 300000; i++) {
        char text[64];
        strcpy(text, seeds[next_random(&random) % (sizeof seeds / sizeof *seeds)]);
        for (uint64_t changes = 1 + next_random(&random) % 3; changes > 0; changes--) {
            size_t len = strlen(text);
            size_t at = next_random(&random) % (len + 1);
            char c = alphabet[next_random(&random) % (sizeof alphabet - 1)];
            if (next_random(&random) % 3 == 0) {
                memmove(text + at, text + at + (at < len), len - at + 1 - (at < len));
            } else {
                memmove(text + at + 1, text + at, len - at + 1);
                text[at] = c;
            }
        }
        uint8_t expected[16] = {0};
        uint8_t bytes[16] = {0};
        struct ip ip;
        int family = strchr(text, ':') ? AF_INET6 : AF_INET;
        bool valid = inet_pton(family, text, expected) == 1;
        if ((ip_parse(text, strlen(text), &ip) == STATUS_OK) != valid)
            fail_msg("\"%s\" is %s", text, valid ? "an address" : "no address");
        if (!valid)
            continue;
        n_valid++;
        assert_int_equal(ip_bytes(&ip, bytes), family == AF_INET ? 4 : 16);
        if (memcmp(bytes, expected, sizeof bytes) != 0)
            fail_msg("\"%s\" is another address", text);
    }
    assert_in_range(n_valid, 30000, 290000);
}

static void writes_what_the_c_library_writes_and_reads_it_back(void **state) {
    uint64_t random = 2;
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[16];
        uint64_t zeros = next_random(&random);
        for (int at = 0; at < 16; at++)
            bytes[at] = (uint8_t)(zeros >> at / 2 & 1 ? 0 : next_random(&random) >> (at % 2 ? 0 : i % 8));
        bytes[0] |= 1; /* the library writes ::1.2.3.4 where RFC 5952 does not */
        struct ip ip = ip_v6(bytes);
        struct ip again;
        char expected[INET6_ADDRSTRLEN];
        char text[IP_TEXT_SIZE];
        inet_ntop(AF_INET6, bytes, expected, sizeof expected);
        size_t len = ip_format(&ip, text);
        assert_string_equal(text, expected);
        assert_int_equal(ip_parse(text, len, &again), STATUS_OK);
        assert_true(ip_equal(&ip, &again));
    }
}

static void sorts_by_family_and_then_by_number(void **state) {
    static const char *const sorted[] = {
        "0.0.0.0",        "9.255.255.255",         "10.0.0.0",  "255.255.255.255", "::",    "::1",
        "::ffff:1.2.3.4", "::ffff:ffff:ffff:ffff", "0:0:0:1::", "2001:db8::",      "ffff::"};
    for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++) {
        for (size_t k = 0; k < sizeof sorted / sizeof *sorted; k++) {
            struct ip a = ip_of(sorted[i]);
            struct ip b = ip_of(sorted[k]);
            int order = ip_compare(&a, &b);
            if ((order > 0) != (i > k) || (order < 0) != (i < k) || ip_equal(&a, &b) != (i == k))
                fail_msg("%s and %s: %d", sorted[i], sorted[k], order);
        }
    }
}

static void adds_and_measures_across_the_middle_of_128_bits(void **state) {
    static const struct {
        const char *from;
        uint64_t n;
        const char *to;
    } rows[] = {
        {"10.0.0.255", 1, "10.0.1.0"},
        {"0.0.0.0", 0xffffffff, "255.255.255.255"},
        {"::", 0, "::"},
        {"::ffff:ffff:ffff:ffff", 1, "0:0:0:1::"},
        {"::ffff:ffff:ffff:fffe", 3, "0:0:0:1::1"},
        {"::1", UINT64_MAX - 1, "::ffff:ffff:ffff:ffff"},
        {"2001:db8::8000:0:0:0", UINT64_C(1) << 63, "2001:db8:0:1::"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip from = ip_of(rows[i].from);
        struct ip to = ip_of(rows[i].to);
        struct ip sum = ip_add(from, rows[i].n);
        if (!ip_equal(&sum, &to) || ip_distance(&from, &to) != rows[i].n)
            fail_msg("%s + %llu, distance %llu", rows[i].from, (unsigned long long)rows[i].n,
                     (unsigned long long)ip_distance(&from, &to));
    }
    struct ip low = ip_of("::");
    struct ip high = ip_of("0:0:0:1::");
    assert_true(ip_distance(&low, &high) == UINT64_MAX);
    high = ip_of("ffff::");
    assert_true(ip_distance(&low, &high) == UINT64_MAX);
}

static void gives_its_octets_in_network_order(void **state) {
    uint8_t bytes[16] = {0};
    struct ip ip = ip_of("1.2.3.4");
    assert_int_equal(ip_bytes(&ip, bytes), 4);
    assert_memory_equal(bytes, "\1\2\3\4\0", 5);
    ip = ip_of("102:304:506:708:90a:b0c:d0e:f10");
    assert_int_equal(ip_bytes(&ip, bytes), 16);
    for (int i = 0; i < 16; i++)
        assert_int_equal(bytes[i], i + 1);
    struct ip again = ip_v6(bytes);
    assert_true(ip_equal(&ip, &again));
}

static void spreads_neighbours_and_tells_families_apart_by_hash(void **state) {
    uint32_t counts[16] = {0};
    for (uint32_t i = 0; i < 65536; i++) {
        struct ip ip = ip_v4(0x286b0000 + i);
        counts[ip_hash(&ip, 0) % 16]++;
    }
    for (int i = 0; i < 16; i++)
        assert_in_range(counts[i], 4096 - 320, 4096 + 320);
    struct ip v4 = ip_v4(1);
    struct ip v6 = ip_of("::1");
    struct ip far = ip_of("0:0:0:1::1");
    assert_true(ip_hash(&v4, 0) != ip_hash(&v6, 0));
    assert_true(ip_hash(&v6, 0) != ip_hash(&far, 0));
    assert_true(ip_hash(&v4, 0) != ip_hash(&v4, 1));
    assert_true(ip_hash(&v4, 5) == ip_hash(&v4, 5));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses_and_writes_them_in_canonical_form),
        cmocka_unit_test(refuses_everything_that_is_not_exactly_one_address),
        cmocka_unit_test(agrees_with_the_c_library_on_damaged_texts),
        cmocka_unit_test(writes_what_the_c_library_writes_and_reads_it_back),
        cmocka_unit_test(sorts_by_family_and_then_by_number),
        cmocka_unit_test(adds_and_measures_across_the_middle_of_128_bits),
        cmocka_unit_test(gives_its_octets_in_network_order),
        cmocka_unit_test(spreads_neighbours_and_tells_families_apart_by_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
