/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/qname.h"

#include <stdlib.h>
#include <string.h>

#define ZEROS_20 "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
#define LABEL_61 "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456"

enum { TEXT_SIZE = 4 * QNAME_MAX + 1 };

static struct qname zone_of(const char *text) {
    struct qname zone = {0};
    if (qname_from_zone(text, strlen(text), &zone) != STATUS_OK)
        fail_msg("zone \"%s\"", text);
    return zone;
}

static struct ip ip_of(const char *text) {
    struct ip ip = {0};
    if (ip_parse(text, strlen(text), &ip) != STATUS_OK)
        fail_msg("address \"%s\"", text);
    return ip;
}

/* A zone whose wire form has `len` octets, in labels of at most 63. */
static struct qname zone_of_length(unsigned len) {
    char text[QNAME_MAX];
    unsigned n = len - 2;
    for (unsigned i = 0; i < n; i++)
        text[i] = i % 60 == 59 && i + 1 < n ? '.' : 'z';
    struct qname zone = {0};
    assert_int_equal(qname_from_zone(text, n, &zone), STATUS_OK);
    assert_int_equal(zone.len, len);
    return zone;
}

/* --- Zones --- */

static void writes_a_zone_as_labels_with_lengths(void **state) {
    struct qname zone = zone_of("bl.Score-1.x_y");
    static const uint8_t wire[] = "\2bl\7Score-1\3x_y";
    assert_int_equal(zone.len, sizeof wire);
    assert_memory_equal(zone.wire, wire, sizeof wire);
    struct qname with_dot = zone_of("bl.Score-1.x_y.");
    assert_int_equal(with_dot.len, sizeof wire);
    assert_memory_equal(with_dot.wire, wire, sizeof wire);
    struct qname single = zone_of("x");
    assert_memory_equal(single.wire, "\1x", 3);
}

static void takes_labels_and_names_up_to_their_limits_only(void **state) {
    static const struct {
        const char *zone;
        enum status status;
    } rows[] = {
        {LABEL_61 "62", STATUS_OK},
        {LABEL_61 "623", STATUS_SYNTAX},
        {"a." LABEL_61 "623.b", STATUS_SYNTAX},
        {LABEL_61 "." LABEL_61 "." LABEL_61 "." LABEL_61, STATUS_OK},
        {LABEL_61 "." LABEL_61 "." LABEL_61 "." LABEL_61 "." LABEL_61, STATUS_RANGE},
        {LABEL_61 "." LABEL_61 "." LABEL_61 "." LABEL_61 "." LABEL_61 ".*", STATUS_SYNTAX},
        {"", STATUS_SYNTAX},
        {".", STATUS_SYNTAX},
        {"..", STATUS_SYNTAX},
        {".a", STATUS_SYNTAX},
        {"a..b", STATUS_SYNTAX},
        {"a..", STATUS_SYNTAX},
        {"a b", STATUS_SYNTAX},
        {"*.a", STATUS_SYNTAX},
        {"{key}.zen", STATUS_SYNTAX},
        {"b\xc3\xa4r.example", STATUS_SYNTAX},
        {"a/b", STATUS_SYNTAX},
        {"@", STATUS_SYNTAX},
        {"[a]", STATUS_SYNTAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qname zone;
        struct qname before;
        memset(&zone, 0xaa, sizeof zone);
        before = zone;
        enum status status = qname_from_zone(rows[i].zone, strlen(rows[i].zone), &zone);
        if (status != rows[i].status)
            fail_msg("\"%s\": %s", rows[i].zone, status_text(status));
        if (status != STATUS_OK)
            assert_memory_equal(&zone, &before, sizeof zone);
    }
    struct qname zone;
    assert_int_equal(qname_from_zone("a\0b", 3, &zone), STATUS_SYNTAX);
}

static void takes_a_name_of_255_octets_and_none_of_256(void **state) {
    char text[300];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 50 == 49 ? '.' : 'a';
    struct qname zone;
    assert_int_equal(qname_from_zone(text, 253, &zone), STATUS_OK);
    assert_int_equal(zone.len, 255);
    assert_int_equal(qname_from_zone(text, 254, &zone), STATUS_RANGE);
    text[253] = '.';
    assert_int_equal(qname_from_zone(text, 254, &zone), STATUS_OK);
}

/* --- Names to ask for --- */

/* RFC 5782 sections 2.1, 2.4 and 5. */
static void asks_for_the_names_of_rfc_5782(void **state) {
    static const struct {
        const char *ip, *zone, *name;
    } rows[] = {
        {"192.0.2.99", "bad.example.com", "99.2.0.192.bad.example.com"},
        {"40.107.130.132", "bl.score.senderscore.com", "132.130.107.40.bl.score.senderscore.com"},
        {"127.0.0.2", "zen.spamhaus.org", "2.0.0.127.zen.spamhaus.org"},
        {"127.0.0.1", "zen.spamhaus.org", "1.0.0.127.zen.spamhaus.org"},
        {"0.0.0.0", "z", "0.0.0.0.z"},
        {"255.250.100.10", "z", "10.100.250.255.z"},
        {"2001:db8:1:2:3:4:567:89ab", "ugly.example.com",
         "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com"},
        {"::FFFF:7F00:2", "z", "2.0.0.0.0.0.f.7.f.f.f.f." ZEROS_20 "z"},
        {"::FFFF:7F00:1", "z", "1.0.0.0.0.0.f.7.f.f.f.f." ZEROS_20 "z"},
        {"::ffff:127.0.0.2", "z", "2.0.0.0.0.0.f.7.f.f.f.f." ZEROS_20 "z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qname zone = zone_of(rows[i].zone);
        struct ip ip = ip_of(rows[i].ip);
        struct qname name;
        char text[TEXT_SIZE];
        assert_int_equal(qname_for_ip(&ip, &zone, &name), STATUS_OK);
        size_t len = qname_format(&name, text);
        if (strcmp(text, rows[i].name) != 0 || len != strlen(text))
            fail_msg("%s in %s: \"%s\"", rows[i].ip, rows[i].zone, text);
        struct qname expected = zone_of(rows[i].name);
        assert_int_equal(name.len, expected.len);
        assert_memory_equal(name.wire, expected.wire, name.len);
    }
}

static void writes_the_name_over_its_zone_too(void **state) {
    struct qname name = zone_of("bl.example");
    struct ip ip = ip_of("10.0.0.1");
    char text[TEXT_SIZE];
    assert_int_equal(qname_for_ip(&ip, &name, &name), STATUS_OK);
    qname_format(&name, text);
    assert_string_equal(text, "1.0.0.10.bl.example");
}

/* RFC 1035 section 3.5, RFC 3596 section 2.5. */
static void knows_the_name_of_an_address_in_the_reverse_tree(void **state) {
    static const struct {
        const char *ip, *name;
    } rows[] = {
        {"10.2.0.52", "52.0.2.10.in-addr.arpa"},
        {"255.255.255.255", "255.255.255.255.in-addr.arpa"},
        {"4321:0:1:2:3:4:567:89ab",
         "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip ip = ip_of(rows[i].ip);
        struct qname name;
        char text[TEXT_SIZE];
        qname_for_ptr(&ip, &name);
        qname_format(&name, text);
        struct qname expected = zone_of(rows[i].name);
        if (strcmp(text, rows[i].name) != 0 || name.len != expected.len)
            fail_msg("%s: \"%s\"", rows[i].ip, text);
    }
}

static void knows_which_zones_leave_room_for_addresses(void **state) {
    static const struct {
        const char *ip;
        unsigned room; /* for the zone, with its root label */
    } rows[] = {{"200.200.200.200", 239}, {"2001:db8::1", 191}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip ip = ip_of(rows[i].ip);
        struct qname fits = zone_of_length(rows[i].room);
        struct qname too_long = zone_of_length(rows[i].room + 1);
        struct qname name;
        assert_true(qname_fits(&fits, ip.family));
        assert_false(qname_fits(&too_long, ip.family));
        assert_int_equal(qname_for_ip(&ip, &fits, &name), STATUS_OK);
        assert_int_equal(name.len, 255);
        assert_int_equal(name.wire[254], 0);
        struct qname before = name;
        assert_int_equal(qname_for_ip(&ip, &too_long, &name), STATUS_RANGE);
        assert_memory_equal(&name, &before, sizeof name);
    }
    /* A shorter address may still fit where others do not. */
    struct qname zone = zone_of_length(247);
    struct ip ip = ip_of("1.2.3.4");
    struct qname name;
    assert_int_equal(qname_for_ip(&ip, &zone, &name), STATUS_OK);
}

/* --- Case --- */

static void mixes_case_by_the_bits_and_nothing_else(void **state) {
    static const struct {
        uint64_t random;
        const char *text;
    } rows[] = {
        {0, "2.0.0.127.bl-1.ex_ample"},     {UINT64_MAX, "2.0.0.127.BL-1.EX_AMPLE"},
        {1, "2.0.0.127.Bl-1.ex_ample"},     {2, "2.0.0.127.bL-1.ex_ample"},
        {0x104, "2.0.0.127.bl-1.Ex_amplE"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qname name = zone_of("2.0.0.127.bL-1.EX_AmPle");
        struct qname plain = name;
        char text[TEXT_SIZE];
        qname_mix_case(&name, rows[i].random);
        qname_format(&name, text);
        if (strcmp(text, rows[i].text) != 0)
            fail_msg("%#llx: \"%s\"", (unsigned long long)rows[i].random, text);
        assert_true(qname_equal(&name, &plain));
    }
}

static void uses_the_64_bits_again_for_more_letters(void **state) {
    struct qname name = zone_of_length(140);
    struct qname plain = name;
    qname_mix_case(&name, UINT64_C(1) << 63);
    unsigned letter = 0;
    for (unsigned i = 0; i < name.len; i++) {
        if (plain.wire[i] != 'z') {
            assert_int_equal(name.wire[i], plain.wire[i]);
            continue;
        }
        letter++;
        assert_int_equal(name.wire[i], letter % 64 == 0 ? 'Z' : 'z');
    }
    assert_true(letter > 128);
}

static void compares_names_without_regard_to_ascii_case_only(void **state) {
    static const struct {
        const char *a, *b;
        int equal;
    } rows[] = {
        {"bl.example", "bl.example", 1},
        {"bl.example", "BL.eXample", 1},
        {"bl.example", "bl.examples", 0},
        {"bl.example", "bl.exampld", 0},
        {"a.bc", "ab.c", 0},
        {"a-b", "a_b", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qname a = zone_of(rows[i].a);
        struct qname b = zone_of(rows[i].b);
        if (qname_equal(&a, &b) != rows[i].equal)
            fail_msg("%s, %s", rows[i].a, rows[i].b);
    }
    /* These differ in the bit of the case and are no letters. */
    static const struct qname at = {"\1@", 3};
    static const struct qname backquote = {"\1`", 3};
    assert_false(qname_equal(&at, &backquote));
    assert_false(qname_equal(&backquote, &at));
}

/* --- Text and message --- */

static void prints_odd_octets_by_number(void **state) {
    static const struct {
        struct qname name;
        const char *text;
    } rows[] = {
        {{"\0", 1}, "."},
        {{"\3a.b\1c", 7}, "a\\046b.c"},
        {{"\2a\\\2 \"", 7}, "a\\092.\\032\\034"},
        {{"\4\x00\x7f\xff*", 6}, "\\000\\127\\255*"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[TEXT_SIZE];
        size_t len = qname_format(&rows[i].name, text);
        if (strcmp(text, rows[i].text) != 0 || len != strlen(text))
            fail_msg("\"%s\", expected \"%s\"", text, rows[i].text);
    }
}

static void prints_the_longest_name_into_the_room_promised(void **state) {
    struct qname name = {.len = 255};
    for (unsigned at = 0; at < 254;) {
        unsigned n = 253 - at < 63 ? 253 - at : 63;
        name.wire[at] = (uint8_t)n;
        memset(name.wire + at + 1, 0xfe, n);
        at += n + 1;
    }
    char text[TEXT_SIZE];
    assert_int_equal(qname_format(&name, text), 4 * 250 + 3);
    assert_int_equal(strlen(text), 4 * 250 + 3);
}

static void builds_the_whole_query_message(void **state) {
    struct qname name = zone_of("2.0.0.127.bl.example");
    static const uint8_t expected[] = "\xab\xcd\x01\x00\0\1\0\0\0\0\0\0"
                                      "\1"
                                      "2\1"
                                      "0\1"
                                      "0\3"
                                      "127\2bl\7example\0"
                                      "\0\20\0\1";
    uint8_t out[QUERY_MAX];
    assert_int_equal(qname_query(&name, QUERY_TXT, 0xabcd, out), sizeof expected - 1);
    assert_memory_equal(out, expected, sizeof expected - 1);
    assert_int_equal(qname_query(&name, QUERY_A, 1, out), sizeof expected - 1);
    assert_memory_equal(out + sizeof expected - 5, "\0\1\0\1", 4);
    struct qname longest = zone_of_length(255);
    assert_int_equal(qname_query(&longest, QUERY_A, 1, out), QUERY_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_zone_as_labels_with_lengths),
        cmocka_unit_test(takes_labels_and_names_up_to_their_limits_only),
        cmocka_unit_test(takes_a_name_of_255_octets_and_none_of_256),
        cmocka_unit_test(asks_for_the_names_of_rfc_5782),
        cmocka_unit_test(writes_the_name_over_its_zone_too),
        cmocka_unit_test(knows_the_name_of_an_address_in_the_reverse_tree),
        cmocka_unit_test(knows_which_zones_leave_room_for_addresses),
        cmocka_unit_test(mixes_case_by_the_bits_and_nothing_else),
        cmocka_unit_test(uses_the_64_bits_again_for_more_letters),
        cmocka_unit_test(compares_names_without_regard_to_ascii_case_only),
        cmocka_unit_test(prints_odd_octets_by_number),
        cmocka_unit_test(prints_the_longest_name_into_the_room_promised),
        cmocka_unit_test(builds_the_whole_query_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
