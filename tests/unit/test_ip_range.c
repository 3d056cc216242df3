/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/ip.h"

#include <stdlib.h>
#include <string.h>

static struct ip ip_of(const char *text) {
    struct ip ip = {0};
    if (ip_parse(text, strlen(text), &ip) != STATUS_OK)
        fail_msg("address \"%s\"", text);
    return ip;
}

static void reads_each_notation_of_a_range(void **state) {
    static const struct {
        const char *text, *first, *last;
        const char *canonical; /* NULL: as text */
        const char *percent;   /* NULL: has none */
        uint64_t count;
    } rows[] = {
        {"40.107.130.132", "40.107.130.132", "40.107.130.132", "40.107.130.132/32", "40.107.130.132", 1},
        {"40.107.130.132/32", "40.107.130.132", "40.107.130.132", NULL, "40.107.130.132", 1},
        {"10.0.0.0/31", "10.0.0.0", "10.0.0.1", NULL, NULL, 2},
        {"40.92.0.0/15", "40.92.0.0", "40.93.255.255", NULL, NULL, 131072},
        {"40.107.0.0/16", "40.107.0.0", "40.107.255.255", NULL, "40.107.%.%", 65536},
        {"40.107.%.%", "40.107.0.0", "40.107.255.255", "40.107.0.0/16", "40.107.%.%", 65536},
        {"40.%.%.%", "40.0.0.0", "40.255.255.255", "40.0.0.0/8", "40.%.%.%", 1 << 24},
        {"40.107.130.%", "40.107.130.0", "40.107.130.255", "40.107.130.0/24", "40.107.130.%", 256},
        {"%.%.%.%", "0.0.0.0", "255.255.255.255", "0.0.0.0/0", "%.%.%.%", UINT64_C(1) << 32},
        {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", NULL, "%.%.%.%", UINT64_C(1) << 32},
        {"0.0.0.0-255.255.255.255", "0.0.0.0", "255.255.255.255", "0.0.0.0/0", "%.%.%.%", UINT64_C(1) << 32},
        {"128.0.0.0/1", "128.0.0.0", "255.255.255.255", NULL, NULL, UINT64_C(1) << 31},
        {"52.103.0.0-52.103.127.255", "52.103.0.0", "52.103.127.255", "52.103.0.0/17", NULL, 32768},
        {"10.0.0.1-10.0.0.2", "10.0.0.1", "10.0.0.2", NULL, NULL, 2},
        {"10.0.0.0-10.0.0.2", "10.0.0.0", "10.0.0.2", NULL, NULL, 3},
        {"10.0.0.0-10.0.2.255", "10.0.0.0", "10.0.2.255", NULL, NULL, 768},
        {"10.0.0.128-10.0.1.127", "10.0.0.128", "10.0.1.127", NULL, NULL, 256},
        {"10.0.0.7-10.0.0.7", "10.0.0.7", "10.0.0.7", "10.0.0.7/32", "10.0.0.7", 1},
        {"2a01:111:f403::1", "2a01:111:f403::1", "2a01:111:f403::1", "2a01:111:f403::1/128", NULL, 1},
        {"2a01:111:f403::/48", "2a01:111:f403::", "2a01:111:f403:ffff:ffff:ffff:ffff:ffff", NULL, NULL,
         UINT64_MAX},
        {"2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", NULL, NULL, UINT64_MAX},
        {"2001:db8::/65", "2001:db8::", "2001:db8::7fff:ffff:ffff:ffff", NULL, NULL, UINT64_C(1) << 63},
        {"2001:db8::/63", "2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff", NULL, NULL, UINT64_MAX},
        {"2001:DB8:0::/104", "2001:db8::", "2001:db8::ff:ffff", "2001:db8::/104", NULL, 1 << 24},
        {"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL, UINT64_MAX},
        {"2001:db8::1-2001:db8::ff", "2001:db8::1", "2001:db8::ff", NULL, NULL, 255},
        {"::1-0:0:0:1::", "::1", "0:0:0:1::", NULL, NULL, UINT64_MAX},
        {"2001:db8:0:2::-2001:db8:0:3::1", "2001:db8:0:2::", "2001:db8:0:3::1", NULL, NULL, UINT64_MAX},
        {"2001:db8:0:1::-2001:db8:0:2::", "2001:db8:0:1::", "2001:db8:0:2::", NULL, NULL, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip_range range = {{0}, {0}};
        struct ip first = ip_of(rows[i].first);
        struct ip last = ip_of(rows[i].last);
        enum ip_range_error error = ip_range_parse(rows[i].text, strlen(rows[i].text), &range);
        if (error != IP_RANGE_OK || !ip_equal(&range.first, &first) || !ip_equal(&range.last, &last))
            fail_msg("\"%s\": error %d, or not %s to %s", rows[i].text, (int)error, rows[i].first,
                     rows[i].last);
        char text[IP_RANGE_TEXT_SIZE];
        size_t len = ip_range_format(&range, text);
        const char *canonical = rows[i].canonical ? rows[i].canonical : rows[i].text;
        if (strcmp(text, canonical) != 0 || len != strlen(text))
            fail_msg("\"%s\" is written \"%s\", expected \"%s\"", rows[i].text, text, canonical);
        bool has_percent = ip_range_percent(&range, text);
        if (has_percent != (rows[i].percent != NULL) || (has_percent && strcmp(text, rows[i].percent) != 0))
            fail_msg("\"%s\" with %%: \"%s\"", rows[i].text, has_percent ? text : "none");
        if (ip_range_count(&range) != rows[i].count)
            fail_msg("\"%s\": %llu addresses", rows[i].text, (unsigned long long)ip_range_count(&range));
    }
}

#define NO_RANGE(shown)                                                                                      \
    "\"" shown                                                                                               \
    "\" is no address or range; expected one like 40.107.130.132, 2a01:111:f403::1, 40.92.0.0/15, "          \
    "52.103.0.0-52.103.127.255 or 40.107.%.%"
#define WRONG_PREFIX(shown)                                                                                  \
    "\"" shown                                                                                               \
    "\" has a wrong prefix length; expected a number without leading zeros, 0 to 32 for IPv4, 0 to 128 "     \
    "for IPv6"
#define WRONG_PERCENT(shown)                                                                                 \
    "\"" shown                                                                                               \
    "\" has a % in the wrong place; expected it to stand for whole octets at the right end, as in "          \
    "40.107.%.%"
#define HOST_BITS(shown, meant)                                                                              \
    "\"" shown "\" has bits set behind the prefix; the range meant is probably " meant

static const struct {
    const char *text;
    enum ip_range_error error;
    const char *sentence; /* NULL: not looked at */
} wrong[] = {
    {"", IP_RANGE_SYNTAX, NO_RANGE("")},
    {"outlook.com", IP_RANGE_SYNTAX, NO_RANGE("outlook.com")},
    {"a\tb\x7f", IP_RANGE_SYNTAX, NO_RANGE("a?b?")},
    {"123456789.123456789.123456789.123456789.123456789.123456789", IP_RANGE_SYNTAX,
     NO_RANGE("123456789.123456789.123456789.123456789.123456789.123456789")},
    {"123456789.123456789.123456789.123456789.123456789.123456789.1", IP_RANGE_SYNTAX,
     NO_RANGE("123456789.123456789.123456789.123456789.123456789.123456789....")},
    {"123456789.123456789.123456789.123456789.123456789.123456789\xc3\xa4", IP_RANGE_SYNTAX,
     NO_RANGE("123456789.123456789.123456789.123456789.123456789.123456789...")},
    {"40.107.130.132/", IP_RANGE_SYNTAX, NULL},
    {"/16", IP_RANGE_SYNTAX, NULL},
    {"40.107.0.0/16/16", IP_RANGE_SYNTAX, NULL},
    {"40.107.0.0/255.255.0.0", IP_RANGE_SYNTAX, NULL},
    {"40.107.0.0/+16", IP_RANGE_SYNTAX, NULL},
    {"40.107.0.0/-1", IP_RANGE_SYNTAX, NULL},
    {"40.107.0.0 /16", IP_RANGE_SYNTAX, NULL},
    {"40.107/16", IP_RANGE_SYNTAX, NULL},
    {"040.107.0.0/16", IP_RANGE_SYNTAX, NULL},
    {"40.107.0.0/33", IP_RANGE_PREFIX, WRONG_PREFIX("40.107.0.0/33")},
    {"40.107.0.0/016", IP_RANGE_PREFIX, WRONG_PREFIX("40.107.0.0/016")},
    {"0.0.0.0/00", IP_RANGE_PREFIX, NULL},
    {"40.107.0.0/4294967312", IP_RANGE_PREFIX, NULL},
    {"40.107.0.0/99999999999999999999999999999999", IP_RANGE_PREFIX, NULL},
    {"2001:db8::/129", IP_RANGE_PREFIX, NULL},
    {"40.92.0.1/15", IP_RANGE_HOST_BITS, HOST_BITS("40.92.0.1/15", "40.92.0.0/15")},
    {"40.93.0.0/15", IP_RANGE_HOST_BITS, HOST_BITS("40.93.0.0/15", "40.92.0.0/15")},
    {"1.2.3.4/0", IP_RANGE_HOST_BITS, HOST_BITS("1.2.3.4/0", "0.0.0.0/0")},
    {"10.0.0.1/31", IP_RANGE_HOST_BITS, HOST_BITS("10.0.0.1/31", "10.0.0.0/31")},
    {"2a01:111:f403::1/48", IP_RANGE_HOST_BITS, HOST_BITS("2a01:111:f403::1/48", "2a01:111:f403::/48")},
    {"2001:db8:0:1::/63", IP_RANGE_HOST_BITS, HOST_BITS("2001:db8:0:1::/63", "2001:db8::/63")},
    {"10.0.0.2-10.0.0.1", IP_RANGE_ORDER,
     "\"10.0.0.2-10.0.0.1\" ends before it begins; expected the lower address first"},
    {"2001:db8::2-2001:db8::1", IP_RANGE_ORDER, NULL},
    {"10.0.0.1-::1", IP_RANGE_FAMILY_MIX,
     "\"10.0.0.1-::1\" mixes IPv4 and IPv6; expected two addresses of one family"},
    {"::1-10.0.0.1", IP_RANGE_FAMILY_MIX, NULL},
    {"10.0.0.1-", IP_RANGE_SYNTAX, NULL},
    {"-10.0.0.1", IP_RANGE_SYNTAX, NULL},
    {"10.0.0.1-5", IP_RANGE_SYNTAX, NULL},
    {"10.0.0.1 - 10.0.0.5", IP_RANGE_SYNTAX, NULL},
    {"10.0.0.1-10.0.0.5-10.0.0.9", IP_RANGE_SYNTAX, NULL},
    {"10.0.0.0-10.0.0.0/8", IP_RANGE_SYNTAX, NULL},
    {"40.%.1.%", IP_RANGE_PERCENT, WRONG_PERCENT("40.%.1.%")},
    {"%.107.1.1", IP_RANGE_PERCENT, NULL},
    {"40.107.1%.%", IP_RANGE_PERCENT, NULL},
    {"40.107.%1.%", IP_RANGE_PERCENT, NULL},
    {"40.107.%%.%", IP_RANGE_PERCENT, NULL},
    {"40.107.%.%/16", IP_RANGE_PERCENT, NULL},
    {"40.107.%", IP_RANGE_SYNTAX, NULL},
    {"%", IP_RANGE_SYNTAX, NULL},
    {"40.107.%.%.%", IP_RANGE_SYNTAX, NULL},
    {"40.107.%.%.", IP_RANGE_SYNTAX, NULL},
    {"40..%.%", IP_RANGE_SYNTAX, NULL},
    {"300.107.%.%", IP_RANGE_SYNTAX, NULL},
    {"040.107.%.%", IP_RANGE_SYNTAX, NULL},
    {"fe80::1%eth0", IP_RANGE_SYNTAX, NULL},
};

static bool same_range(const struct ip_range *a, const struct ip_range *b) {
    return ip_equal(&a->first, &b->first) && ip_equal(&a->last, &b->last);
}

static void refuses_other_texts_and_says_what_is_wrong(void **state) {
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct ip_range before = {ip_v4(7), ip_v4(8)};
        struct ip_range range = before;
        size_t len = strlen(wrong[i].text);
        enum ip_range_error error = ip_range_parse(wrong[i].text, len, &range);
        if (error != wrong[i].error)
            fail_msg("\"%s\": error %d, expected %d", wrong[i].text, (int)error, (int)wrong[i].error);
        if (error != IP_RANGE_HOST_BITS && !same_range(&range, &before))
            fail_msg("\"%s\" changed the output", wrong[i].text);
        char sentence[300];
        ip_range_explain(error, wrong[i].text, len, &range, sentence, sizeof sentence);
        if (wrong[i].sentence && strcmp(sentence, wrong[i].sentence) != 0)
            fail_msg("%s\nexpected\n%s", sentence, wrong[i].sentence);
    }
}

static void cuts_a_sentence_to_the_room_it_has(void **state) {
    struct ip_range meant = {ip_v4(0), ip_v4(1)};
    char whole[300];
    ip_range_explain(IP_RANGE_HOST_BITS, "0.0.0.1/31", 10, &meant, whole, sizeof whole);
    for (size_t size = 1; size < 60; size++) {
        char cut[64];
        memset(cut, 'x', sizeof cut);
        ip_range_explain(IP_RANGE_HOST_BITS, "0.0.0.1/31", 10, &meant, cut, size);
        assert_int_equal(strlen(cut), size - 1);
        assert_true(strncmp(cut, whole, size - 1) == 0);
        assert_int_equal(cut[size], 'x');
    }
}

static void writes_the_longest_range_into_its_room(void **state) {
    static const char text[] =
        "1111:1111:1111:1111:1111:1111:1111:1111-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    struct ip_range range;
    char out[IP_RANGE_TEXT_SIZE];
    assert_int_equal(ip_range_parse(text, sizeof text - 1, &range), IP_RANGE_OK);
    assert_int_equal(ip_range_format(&range, out), sizeof text - 1);
    assert_string_equal(out, text);
}

static struct ip_range range_of(const char *text) {
    struct ip_range range = {{0}, {0}};
    if (ip_range_parse(text, strlen(text), &range) != IP_RANGE_OK)
        fail_msg("range \"%s\"", text);
    return range;
}

static void contains_its_ends_and_nothing_beyond(void **state) {
    static const struct {
        const char *range, *ip;
        bool inside;
    } rows[] = {
        {"40.107.%.%", "40.107.0.0", true},
        {"40.107.%.%", "40.107.255.255", true},
        {"40.107.%.%", "40.106.255.255", false},
        {"40.107.%.%", "40.108.0.0", false},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "1.2.3.4", false},
        {"::/0", "::ffff:1.2.3.4", true},
        {"2001:db8::/63", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
        {"2001:db8::/63", "2001:db8:0:2::", false},
        {"10.0.0.1", "10.0.0.1", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip_range range = range_of(rows[i].range);
        struct ip ip = ip_of(rows[i].ip);
        if (ip_range_contains(&range, &ip) != rows[i].inside)
            fail_msg("%s in %s", rows[i].ip, rows[i].range);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_notation_of_a_range),
        cmocka_unit_test(refuses_other_texts_and_says_what_is_wrong),
        cmocka_unit_test(cuts_a_sentence_to_the_room_it_has),
        cmocka_unit_test(writes_the_longest_range_into_its_room),
        cmocka_unit_test(contains_its_ends_and_nothing_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
