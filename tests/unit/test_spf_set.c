/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/spf_set.h"

#include <string.h>

static struct source_set set;
static struct source_set other;
static struct buf bytes;

static int begin(void **state) {
    source_set_init(&set);
    source_set_init(&other);
    buf_init(&bytes, 1 << 20);
    return 0;
}

static int end(void **state) {
    source_set_release(&set);
    source_set_release(&other);
    buf_release(&bytes);
    return 0;
}

/* Ranges separated by spaces. */
static void fill(struct source_set *out, const char *text) {
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        struct ip_range range;
        if (ip_range_parse(text, len, &range) != IP_RANGE_OK)
            fail_msg("%s", text);
        assert_int_equal(source_set_add_range(out, &range), STATUS_OK);
        text += len + (text[len] == ' ');
    }
    source_set_finish(out);
}

static const struct spf_set_about about = {
    .domain = "spf.protection.outlook.com", .good_ns = INT64_C(1795000000000000001), .changed_ns = 7};

static void comes_back_from_bytes(void **state) {
    struct spf_set_about back = {.good_ns = 0};
    fill(&set, "40.92.0.0/15 2a01:111:f403:f000::/52 1.2.3.4");
    spf_set_pack(&about, &set, &bytes);
    assert_int_equal(spf_set_unpack(bytes.data, bytes.len, &back, &other), STATUS_OK);
    assert_string_equal(back.domain, about.domain);
    assert_int_equal(back.good_ns, about.good_ns);
    assert_int_equal(back.changed_ns, about.changed_ns);
    assert_true(source_set_equal(&set, &other));
}

static void bytes_that_are_cut_or_changed_are_none(void **state) {
    struct spf_set_about back = {.good_ns = 5};
    fill(&set, "40.92.0.0/15 2a01:111:f403:f000::/52");
    spf_set_pack(&about, &set, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(spf_set_unpack(bytes.data, len, &back, &other), STATUS_SYNTAX);
        source_set_release(&other);
    }
    buf_add_char(&bytes, 'x');
    assert_int_equal(spf_set_unpack(bytes.data, bytes.len, &back, &other), STATUS_SYNTAX);
    source_set_release(&other);
    bytes.data[0] = 9;
    assert_int_equal(spf_set_unpack(bytes.data, bytes.len - 1, &back, &other), STATUS_SYNTAX);
    assert_int_equal(back.good_ns, 5);
}

static void a_range_that_ends_before_it_begins_is_none(void **state) {
    struct spf_set_about back;
    fill(&set, "1.2.3.4 5.6.7.8");
    struct ip first = set.ranges[0].first;
    set.ranges[0].first = set.ranges[1].last;
    set.ranges[0].last = first;
    spf_set_pack(&about, &set, &bytes);
    assert_int_equal(spf_set_unpack(bytes.data, bytes.len, &back, &other), STATUS_SYNTAX);
}

static void tells_which_ranges_are_missing(void **state) {
    char text[SPF_SET_TEXT_SIZE];
    fill(&set, "40.92.0.0/15 40.107.0.0/16 2a01:111:f400::/48");
    fill(&other, "40.107.0.0/16 1.2.3.4");
    assert_int_equal(spf_set_missing(&set, &other, text), 2);
    assert_string_equal(text, "40.92.0.0/15, 2a01:111:f400::/48");
    assert_int_equal(spf_set_missing(&other, &set, text), 1);
    assert_string_equal(text, "1.2.3.4/32");
    assert_int_equal(spf_set_missing(&set, &set, text), 0);
    assert_string_equal(text, "");
    assert_int_equal(spf_set_missing(NULL, &set, text), 0);
    assert_int_equal(spf_set_missing(&other, NULL, text), 2);
}

static void names_ten_of_them_and_counts_the_rest(void **state) {
    char text[SPF_SET_TEXT_SIZE];
    for (uint64_t i = 0; i < 25; i++) {
        struct ip ip = {
            .hi = UINT64_C(0x2a01011122223333), .lo = UINT64_C(0x4444555566667777) + 2 * i, .family = IP_V6};
        const struct ip_range range = {ip, ip_add(ip, 9)};
        assert_int_equal(source_set_add_range(&set, &range), STATUS_OK);
    }
    source_set_finish(&set);
    assert_int_equal(spf_set_missing(&set, &other, text), 25);
    assert_non_null(strstr(
        text, "2a01:111:2222:3333:4444:5555:6666:7789-2a01:111:2222:3333:4444:5555:6666:7792 and 15 more"));
}

static void counts_ipv4_addresses_once(void **state) {
    assert_int_equal(spf_set_count_v4(NULL), 0);
    fill(&set, "10.0.0.0/24 10.0.0.0/25 10.0.0.128-10.0.1.3 10.0.0.200 11.0.0.0 2a01:111:f400::/48");
    assert_int_equal(spf_set_count_v4(&set), 256 + 4 + 1);
    fill(&other, "0.0.0.0/0 255.255.255.255");
    assert_int_equal(spf_set_count_v4(&other), UINT64_C(1) << 32);
}

#define MOST "no more than 1048576 are swept of a record; name those that mail leaves from under \"ranges\""

static const struct {
    const char *ranges;
    const char *left_out;
    const char *why; /* "": the rest is taken */
    size_t n;        /* ranges of the rest */
} bounds[] = {
    {"40.92.0.0/15 40.107.0.0/16 52.100.0.0/15 52.102.0.0/16 52.103.0.0/17 104.47.0.0/17 "
     "2a01:111:f400::/48 2a01:111:f403::/49",
     "", "", 8},
    {"1.0.0.0/12", "", "", 1},
    {"1.0.0.0/13 1.8.0.0/13 2001:db8::/32", "", "", 3},
    {"1.0.0.0/12 9.9.9.9", "", "its ranges have 1048577 addresses in all, and " MOST, 2},
    {"1.0.0.0/13 1.0.0.0/14 1.4.0.0/14 9.9.9.9", "", "its ranges have 1048577 addresses in all, and " MOST,
     4},
    {"1.0.0.0/12 2001:db8::/120", "", "its ranges have 1048832 addresses in all, and " MOST, 2},
    {"2001:db8::/108 2001:db8:1::/107 2a00::/104 2a01::/103", "", "", 4},
    {"192.0.2.1 1.0.0.0/8 2.0.0.0/8", "", "it leads to a range of 16777216 addresses, 1.0.0.0/8, and " MOST,
     3},
    {"0.0.0.0/0", "", "it leads to a range of 4294967296 addresses, 0.0.0.0/0, and " MOST, 1},
    {"8.0.0.0/6", "", "it leads to a range of 67108864 addresses, 8.0.0.0/6, and " MOST, 1},
    {"10.0.0.0/8 192.168.1.0/24 198.51.100.0/24 203.0.113.7", "10.0.0.0/8, 192.168.1.0/24", "", 2},
    {"192.168.0.0/15 127.0.0.2 fd00::/8 ::/0 ::ffff:1.2.3.4 2001:db8::/32",
     "127.0.0.2/32, 192.168.0.0/15, ::/0, ::ffff:1.2.3.4/128, fd00::/8", "", 1},
    {"10.0.0.0/8 172.16.0.0/12", "10.0.0.0/8, 172.16.0.0/12", "", 0},
    {"10.0.0.0/8 1.0.0.0/11", "10.0.0.0/8", "it leads to a range of 2097152 addresses, 1.0.0.0/11, and " MOST,
     1},
};

static void somebody_else_decides_neither_how_much_nor_what_is_swept(void **state) {
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        char left_out[SPF_SET_TEXT_SIZE];
        char why[SPF_SET_WHY_SIZE];
        fill(&set, bounds[i].ranges);
        bool is_bounded = spf_set_bound(&set, left_out, why);
        if (is_bounded != (bounds[i].why[0] == '\0') || strcmp(why, bounds[i].why) != 0 ||
            strcmp(left_out, bounds[i].left_out) != 0 || set.n_ranges != bounds[i].n)
            fail_msg("%s:\n  why \"%s\"\n  left out \"%s\"\n  %zu ranges", bounds[i].ranges, why, left_out,
                     set.n_ranges);
        source_set_release(&set);
    }
}

static void a_thousand_ranges_are_taken_and_one_more_is_not(void **state) {
    char left_out[SPF_SET_TEXT_SIZE];
    char why[SPF_SET_WHY_SIZE];
    for (uint32_t i = 0; i <= SOURCES_SPF_RANGES; i++) {
        const struct ip_range range = {ip_v4(0x28000000 + 2 * i), ip_v4(0x28000000 + 2 * i)};
        assert_int_equal(source_set_add_range(&set, &range), STATUS_OK);
        if (i == 0)
            fill(&set, "10.0.0.1 10.0.0.3 10.0.0.5 10.0.0.7 10.0.0.9 10.1.0.1 10.1.0.3 10.1.0.5 10.1.0.7 "
                       "10.1.0.9 10.2.0.0/16"); /* these do not count */
    }
    source_set_finish(&set);
    assert_false(spf_set_bound(&set, left_out, why));
    assert_non_null(strstr(left_out, "10.1.0.9/32 and 1 more"));
    assert_string_equal(why, "it leads to 1001 ranges, and no more than 1000 are taken of a record; name "
                             "those that mail leaves from under \"ranges\"");
    set.n_ranges--;
    assert_true(spf_set_bound(&set, left_out, why));
    assert_int_equal(set.n_ranges, SOURCES_SPF_RANGES);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(comes_back_from_bytes),
        TEST(bytes_that_are_cut_or_changed_are_none),
        TEST(a_range_that_ends_before_it_begins_is_none),
        TEST(tells_which_ranges_are_missing),
        TEST(names_ten_of_them_and_counts_the_rest),
        TEST(counts_ipv4_addresses_once),
        TEST(somebody_else_decides_neither_how_much_nor_what_is_swept),
        TEST(a_thousand_ranges_are_taken_and_one_more_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
