/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc */
#include "core/bounced.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR (INT64_C(3600) * 1000000000)
#define NOON (INT64_C(1800000000) * 1000000000)

static long allocations_left = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static bool allocation_fails(void) {
    return allocations_left == 0 || (allocations_left > 0 && allocations_left-- == 0);
}

void *__wrap_malloc(size_t size) {
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return allocation_fails() ? NULL : __real_realloc(old, size);
}

static struct bounced *b;

static int begin(void **state) {
    b = bounced_new(24 * HOUR, 4);
    return b != NULL ? 0 : -1;
}

static int end(void **state) {
    bounced_free(b);
    return 0;
}

static struct ip ip_of(const char *text) {
    struct ip ip;
    assert_int_equal(ip_parse(text, strlen(text), &ip), STATUS_OK);
    return ip;
}

static bool add(const char *text, const char *list, int64_t wall_ns) {
    struct ip ip = ip_of(text);
    bool joined = false;
    assert_int_equal(bounced_add(b, &ip, list, wall_ns, &joined), STATUS_OK);
    return joined;
}

/* "192.0.2.1 2 zen, ..." */
static const char *all_of(const struct bounced *table) {
    static char text[4096];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < bounced_count(table); i++) {
        const struct bounced_address *a = bounced_get(table, i);
        char ip[IP_TEXT_SIZE];
        (void)ip_format(&a->ip, ip);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %u %s", i > 0 ? ", " : "", ip, (unsigned)a->n,
                              a->list[0] != '\0' ? a->list : "-");
    }
    return text;
}

static const char *all(void) {
    return all_of(b);
}

static const struct bounced_address *find(const struct ip *ip) {
    for (size_t i = 0; i < bounced_count(b); i++)
        if (ip_equal(&bounced_get(b, i)->ip, ip))
            return bounced_get(b, i);
    return NULL;
}

static void an_address_is_there_once_however_often_it_bounces(void **state) {
    struct ip ip = ip_of("192.0.2.9");
    assert_true(add("192.0.2.9", "zen", NOON));
    assert_true(add("2001:db8::1", "", NOON + 1));
    assert_true(add("192.0.2.1", "", NOON + 2));
    assert_false(add("192.0.2.9", "spamcop", NOON + 3));
    assert_false(add("192.0.2.9", "", NOON + 4));
    assert_string_equal(all(), "192.0.2.1 1 -, 192.0.2.9 3 spamcop, 2001:db8::1 1 -");
    assert_int_equal(find(&ip)->first_ns, NOON);
    assert_int_equal(find(&ip)->last_ns, NOON + 4);
    ip = ip_of("192.0.2.2");
    assert_null(find(&ip));
}

static void an_address_leaves_when_its_last_bounce_is_too_old(void **state) {
    assert_int_equal(bounced_next_ns(b), INT64_MAX);
    assert_false(bounced_expire(b, NOON));
    add("192.0.2.1", "", NOON);
    add("192.0.2.2", "", NOON + HOUR);
    add("192.0.2.1", "", NOON + 2 * HOUR);
    assert_int_equal(bounced_next_ns(b), NOON + 25 * HOUR);
    assert_false(bounced_expire(b, NOON + 25 * HOUR - 1));
    assert_true(bounced_expire(b, NOON + 25 * HOUR));
    assert_string_equal(all(), "192.0.2.1 2 -");
    assert_int_equal(bounced_next_ns(b), NOON + 26 * HOUR);
    assert_true(bounced_expire(b, NOON + 26 * HOUR));
    assert_string_equal(all(), "");
    assert_int_equal(bounced_next_ns(b), INT64_MAX);
}

static void over_the_limit_the_oldest_by_its_last_bounce_leaves(void **state) {
    add("192.0.2.1", "", NOON);
    add("192.0.2.2", "", NOON + 1);
    add("192.0.2.3", "", NOON + 2);
    add("192.0.2.4", "", NOON + 3);
    add("192.0.2.1", "", NOON + 4);
    assert_true(add("192.0.2.5", "", NOON + 5));
    assert_string_equal(all(), "192.0.2.1 2 -, 192.0.2.3 1 -, 192.0.2.4 1 -, 192.0.2.5 1 -");
    assert_true(add("192.0.2.0", "", NOON + 6));
    assert_string_equal(all(), "192.0.2.0 1 -, 192.0.2.1 2 -, 192.0.2.4 1 -, 192.0.2.5 1 -");
}

static void new_rules_hold_at_once(void **state) {
    add("192.0.2.1", "", NOON);
    add("192.0.2.2", "", NOON + 3 * HOUR);
    add("192.0.2.3", "", NOON + 2 * HOUR);
    add("192.0.2.4", "", NOON + HOUR);
    assert_false(bounced_set_rules(b, 48 * HOUR, 4, NOON + 3 * HOUR));
    assert_true(bounced_set_rules(b, 48 * HOUR, 2, NOON + 3 * HOUR));
    assert_string_equal(all(), "192.0.2.2 1 -, 192.0.2.3 1 -");
    assert_true(bounced_set_rules(b, HOUR, 2, NOON + 3 * HOUR));
    assert_string_equal(all(), "192.0.2.2 1 -");
    add("192.0.2.5", "", NOON + 3 * HOUR);
    assert_false(bounced_set_rules(b, HOUR, BOUNCED_MOST, NOON + 3 * HOUR));
    assert_string_equal(all(), "192.0.2.2 1 -, 192.0.2.5 1 -");
}

static void a_clock_that_was_set_back_keeps_nothing_longer(void **state) {
    struct ip ip = ip_of("192.0.2.1");
    add("192.0.2.1", "", NOON);
    assert_false(bounced_expire(b, NOON - 1000 * HOUR));
    assert_int_equal(find(&ip)->first_ns, NOON - 1000 * HOUR);
    assert_int_equal(bounced_next_ns(b), NOON - 976 * HOUR);
    add("192.0.2.1", "", NOON - 2000 * HOUR);
    assert_int_equal(find(&ip)->first_ns, NOON - 2000 * HOUR);
    assert_int_equal(find(&ip)->last_ns, NOON - 2000 * HOUR);
    assert_false(bounced_set_rules(b, INT64_MAX, 4, NOON));
    assert_int_equal(bounced_next_ns(b), INT64_MAX);
}

static void an_address_from_which_no_mail_comes_does_not_join(void **state) {
    static const char *const texts[] = {"10.0.0.1", "127.0.0.2", "fe80::1", "::1", "::ffff:192.0.2.1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ip ip = ip_of(texts[i]);
        bool joined;
        assert_int_equal(bounced_add(b, &ip, "", NOON, &joined), STATUS_INVALID);
    }
    assert_string_equal(all(), "");
}

static void the_name_of_a_list_is_cut_and_ends_at_a_control_character(void **state) {
    char longest[BOUNCED_LIST_SIZE + 10];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct ip ip = ip_of("192.0.2.1");
    add("192.0.2.1", longest, NOON);
    assert_int_equal(strlen(find(&ip)->list), BOUNCED_LIST_SIZE - 1);
    add("192.0.2.1", "zen\nx", NOON);
    assert_string_equal(find(&ip)->list, "zen");
}

/* ---- bytes ---- */

static void fill(struct buf *bytes) {
    add("192.0.2.1", "zen", NOON);
    add("192.0.2.1", "", NOON + 5);
    add("203.0.113.7", "", NOON + 1);
    add("2001:db8::1", "Proofpoint dynamic reputation", NOON + 2);
    buf_init(bytes, 1 << 20);
    bounced_encode(b, bytes);
    assert_int_equal(buf_status(bytes), STATUS_OK);
}

static void what_is_encoded_comes_back_as_it_was(void **state) {
    struct buf bytes;
    struct buf again;
    fill(&bytes);
    buf_init(&again, 1 << 20);
    struct bounced *other = bounced_new(24 * HOUR, 100);
    assert_non_null(other);
    assert_int_equal(bounced_decode(other, bytes.data, bytes.len, NOON + HOUR), STATUS_OK);
    assert_string_equal(all_of(other),
                        "192.0.2.1 2 zen, 203.0.113.7 1 -, 2001:db8::1 1 Proofpoint dynamic reputation");
    assert_int_equal(bounced_get(other, 0)->first_ns, NOON);
    assert_int_equal(bounced_get(other, 0)->last_ns, NOON + 5);
    bounced_encode(other, &again);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
    buf_release(&bytes);
    buf_release(&again);
    bounced_free(other);
}

static void what_comes_back_obeys_the_rules_of_today(void **state) {
    struct buf bytes;
    fill(&bytes);
    struct bounced *other = bounced_new(HOUR, 2);
    assert_non_null(other);
    assert_int_equal(bounced_decode(other, bytes.data, bytes.len, NOON + 6), STATUS_OK);
    assert_string_equal(all_of(other), "192.0.2.1 2 zen, 2001:db8::1 1 Proofpoint dynamic reputation");
    assert_int_equal(bounced_decode(other, bytes.data, bytes.len, NOON + HOUR + 2), STATUS_OK);
    assert_string_equal(all_of(other), "192.0.2.1 2 zen");
    assert_int_equal(bounced_decode(other, bytes.data, bytes.len, NOON - HOUR), STATUS_OK);
    assert_int_equal(bounced_get(other, 0)->last_ns, NOON - HOUR);
    buf_release(&bytes);
    bounced_free(other);
}

/* Refused, and nothing has changed. */
static void refuses(const uint8_t *bytes, size_t len, const char *was) {
    uint8_t *exact = malloc(len + 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    assert_int_equal(bounced_decode(b, exact, len, NOON), STATUS_SYNTAX);
    assert_string_equal(all(), was);
    free(exact);
}

static void a_part_of_the_bytes_or_more_than_them_is_refused(void **state) {
    struct buf bytes;
    char was[200];
    fill(&bytes);
    (void)snprintf(was, sizeof was, "%s", all());
    for (size_t n = 0; n < bytes.len; n++)
        refuses((const uint8_t *)bytes.data, n, was);
    buf_add_char(&bytes, '\0');
    refuses((const uint8_t *)bytes.data, bytes.len, was);
    buf_release(&bytes);
}

/* Offsets into what fill() makes: 5 bytes, then 17 address, 8 first, 8 last, 4 count, 2 length, name. */
static void impossible_values_are_refused(void **state) {
    static const struct {
        const char *what;
        size_t at;
        size_t n;
        uint8_t bytes[8];
    } rows[] = {
        {"another format", 0, 1, {2}},
        {"fewer addresses", 1, 1, {2}},
        {"more addresses", 1, 1, {4}},
        {"four thousand million addresses", 1, 4, {255, 255, 255, 255}},
        {"no family", 5, 1, {2}},
        {"an IPv4 address of more than 32 bits", 6, 1, {1}},
        {"a loopback address", 14, 4, {2, 0, 0, 127}},
        {"an address behind the next", 14, 4, {1, 0, 0, 220}},
        {"the same address as the next", 14, 4, {7, 113, 0, 203}},
        {"a first bounce before 1970", 22, 8, {0, 0, 0, 0, 0, 0, 0, 0x80}},
        {"a first bounce behind the last", 22, 8, {255, 255, 255, 255, 255, 255, 255, 0x7f}},
        {"a last bounce before the first", 30, 8, {0}},
        {"never bounced", 38, 4, {0}},
        {"a name that is too long", 42, 2, {255, 255}},
        {"a name with a NUL", 45, 1, {0}},
        {"a name with a line end", 45, 1, {'\n'}},
    };
    struct buf bytes;
    char was[200];
    fill(&bytes);
    (void)snprintf(was, sizeof was, "%s", all());
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t changed[400];
        assert_true(bytes.len <= sizeof changed);
        memcpy(changed, bytes.data, bytes.len);
        memcpy(changed + rows[i].at, rows[i].bytes, rows[i].n);
        print_message("%s\n", rows[i].what);
        refuses(changed, bytes.len, was);
    }
    buf_release(&bytes);
}

/* What is not refused is a table that can be encoded, in order and within its rules. */
static void any_bit_may_be_wrong(void **state) {
    struct buf bytes;
    fill(&bytes);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
        if (bounced_decode(b, bytes.data, bytes.len, NOON + HOUR) == STATUS_OK) {
            assert_true(bounced_count(b) <= 3);
            for (size_t i = 0; i < bounced_count(b); i++) {
                const struct bounced_address *a = bounced_get(b, i);
                assert_true(i == 0 || ip_compare(&bounced_get(b, i - 1)->ip, &a->ip) < 0);
                assert_true(a->n > 0 && a->first_ns <= a->last_ns && a->last_ns <= NOON + HOUR);
            }
        }
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
    }
    buf_release(&bytes);
}

/* ---- without memory ---- */

static void without_memory_nothing_changes(void **state) {
    struct buf bytes;
    fill(&bytes);
    bounced_free(b);
    allocations_left = 0;
    b = bounced_new(24 * HOUR, 100);
    allocations_left = -1;
    assert_null(b);
    b = bounced_new(24 * HOUR, 100);
    for (unsigned i = 0; i < 40; i++) {
        struct ip ip = ip_v4(0xc0000200 + i);
        bool joined = false;
        allocations_left = 0;
        enum status status = bounced_add(b, &ip, "zen", NOON, &joined);
        size_t n = bounced_count(b);
        allocations_left = -1;
        assert_true(status == STATUS_OK ? n == i + 1 : status == STATUS_NO_MEMORY && n == i);
        assert_int_equal(bounced_add(b, &ip, "zen", NOON, &joined), STATUS_OK);
        assert_int_equal(bounced_count(b), i + 1);
    }
    allocations_left = 0;
    assert_int_equal(bounced_decode(b, bytes.data, bytes.len, NOON), STATUS_NO_MEMORY);
    allocations_left = -1;
    assert_int_equal(bounced_count(b), 40);
    assert_int_equal(bounced_decode(b, bytes.data, bytes.len, NOON), STATUS_OK);
    assert_int_equal(bounced_count(b), 3);
    buf_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_address_is_there_once_however_often_it_bounces, begin, end),
        cmocka_unit_test_setup_teardown(an_address_leaves_when_its_last_bounce_is_too_old, begin, end),
        cmocka_unit_test_setup_teardown(over_the_limit_the_oldest_by_its_last_bounce_leaves, begin, end),
        cmocka_unit_test_setup_teardown(new_rules_hold_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_clock_that_was_set_back_keeps_nothing_longer, begin, end),
        cmocka_unit_test_setup_teardown(an_address_from_which_no_mail_comes_does_not_join, begin, end),
        cmocka_unit_test_setup_teardown(the_name_of_a_list_is_cut_and_ends_at_a_control_character, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_is_encoded_comes_back_as_it_was, begin, end),
        cmocka_unit_test_setup_teardown(what_comes_back_obeys_the_rules_of_today, begin, end),
        cmocka_unit_test_setup_teardown(a_part_of_the_bytes_or_more_than_them_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(impossible_values_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(any_bit_may_be_wrong, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_nothing_changes, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
