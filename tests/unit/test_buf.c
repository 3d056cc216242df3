/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/buf.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Allocations that still succeed; below zero: all. */
static long allocations_left = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static int allocation_fails(void) {
    if (allocations_left < 0)
        return 0;
    return allocations_left == 0 || allocations_left-- == 0;
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

/* --- Growing, the cap, errors --- */

static void begins_empty_without_an_allocation(void **state) {
    struct buf b;
    buf_init(&b, 100);
    assert_null(b.data);
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_status(&b), STATUS_OK);
    buf_add(&b, NULL, 0);
    assert_null(b.data);
    buf_release(&b);
}

static void keeps_all_bytes_while_growing(void **state) {
    struct buf b;
    buf_init(&b, SIZE_MAX);
    for (int i = 0; i < 100000; i++)
        buf_add_char(&b, (char)('a' + i % 26));
    assert_int_equal(buf_status(&b), STATUS_OK);
    assert_int_equal(b.len, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    assert_int_equal(b.data[b.len], '\0');
    buf_release(&b);
}

static void fills_up_to_the_cap_and_not_beyond(void **state) {
    for (size_t cap = 0; cap < 200; cap++) {
        struct buf b;
        buf_init(&b, cap);
        for (size_t i = 0; i < cap; i++)
            buf_add_char(&b, 'x');
        assert_int_equal(buf_status(&b), STATUS_OK);
        assert_int_equal(b.len, cap);
        buf_add_char(&b, 'y');
        assert_int_equal(buf_status(&b), STATUS_FULL);
        assert_int_equal(b.len, cap);
        assert_int_equal(strlen(buf_text(&b)), cap);
        assert_true(b.size <= cap + 1);
        buf_release(&b);
    }
}

static void drops_every_append_after_an_error_even_one_that_would_fit(void **state) {
    struct buf b;
    buf_init(&b, 5);
    buf_add_text(&b, "abc");
    buf_add_text(&b, "def");
    assert_int_equal(buf_status(&b), STATUS_FULL);
    buf_add_char(&b, 'x');
    buf_add_u64(&b, 1);
    buf_add_double(&b, 0.5);
    buf_addf(&b, "%d", 1);
    assert_null(buf_reserve(&b, 0));
    assert_string_equal(buf_text(&b), "abc");
    assert_int_equal(buf_status(&b), STATUS_FULL);
    buf_release(&b);
}

static void forgets_the_error_when_cleared_and_keeps_the_memory(void **state) {
    struct buf b;
    buf_init(&b, 5);
    buf_add_text(&b, "abc");
    buf_add_text(&b, "def");
    const char *data = b.data;
    buf_clear(&b);
    assert_string_equal(buf_text(&b), "");
    buf_add_text(&b, "defgh");
    assert_int_equal(buf_status(&b), STATUS_OK);
    assert_string_equal(buf_text(&b), "defgh");
    assert_ptr_equal(b.data, data);
    buf_release(&b);
}

static void reserves_room_that_counts_only_when_committed(void **state) {
    struct buf b;
    buf_init(&b, 1000);
    buf_add_text(&b, "ab");
    char *to = buf_reserve(&b, 500);
    assert_non_null(to);
    memset(to, 'c', 500);
    buf_commit(&b, 3);
    assert_string_equal(buf_text(&b), "abccc");
    assert_non_null(buf_reserve(&b, 995));
    assert_null(buf_reserve(&b, 996));
    assert_int_equal(buf_status(&b), STATUS_FULL);
    assert_string_equal(buf_text(&b), "abccc");
    buf_release(&b);
}

static void refuses_a_size_that_would_overflow(void **state) {
    struct buf b;
    buf_init(&b, SIZE_MAX);
    buf_add_text(&b, "ab");
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_int_equal(buf_status(&b), STATUS_FULL);
    assert_string_equal(buf_text(&b), "ab");
    buf_release(&b);
}

static void build(struct buf *b) {
    for (int i = 0; i < 50; i++) {
        buf_add_text(b, "line ");
        buf_add_u64(b, (uint64_t)i);
        buf_addf(b, " %s\n", "of several");
    }
}

static void keeps_what_it_has_when_any_allocation_fails(void **state) {
    struct buf whole;
    buf_init(&whole, SIZE_MAX);
    build(&whole);
    enum status status = STATUS_NO_MEMORY;
    long n = 0;
    for (; status != STATUS_OK && n < 100; n++) {
        struct buf b;
        buf_init(&b, SIZE_MAX);
        allocations_left = n;
        build(&b);
        allocations_left = -1;
        status = buf_status(&b);
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        assert_int_equal(strlen(buf_text(&b)), b.len);
        assert_true(strncmp(buf_text(&whole), buf_text(&b), b.len) == 0);
        assert_true((status == STATUS_OK) == (b.len == whole.len));
        buf_release(&b);
    }
    assert_in_range(n, 3, 20);
    buf_release(&whole);
}

/* --- Numbers --- */

static void assert_text(struct buf *b, const char *expected) {
    assert_int_equal(buf_status(b), STATUS_OK);
    assert_string_equal(buf_text(b), expected);
    buf_release(b);
}

static void writes_whole_numbers_as_printf_does(void **state) {
    static const uint64_t rows[] = {
        0, 9, 10, 99, 100, 101, 999, 1000, 12345, 4294967295, UINT64_MAX - 1, UINT64_MAX};
    uint64_t power = 1;
    char expected[32];
    struct buf b;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)rows[i]);
        buf_init(&b, strlen(expected));
        buf_add_u64(&b, rows[i]);
        assert_text(&b, expected);
    }
    for (int digits = 1; digits <= 20; digits++, power *= 10) {
        for (int off = -1; off <= 1; off++) {
            snprintf(expected, sizeof expected, "%llu", (unsigned long long)(power + (uint64_t)off));
            buf_init(&b, 20);
            buf_add_u64(&b, power + (uint64_t)off);
            assert_text(&b, expected);
        }
    }
}

static void writes_signed_numbers_as_printf_does(void **state) {
    static const int64_t rows[] = {0, 1, -1, -9, -10, 99, -100, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "%lld", (long long)rows[i]);
        struct buf b;
        buf_init(&b, strlen(expected));
        buf_add_i64(&b, rows[i]);
        assert_text(&b, expected);
    }
}

static void writes_doubles_as_short_as_they_read_back(void **state) {
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1, "-1"},
        {100, "100"},
        {1e15, "1000000000000000"},
        {9007199254740991, "9007199254740991"},
        {-9007199254740991, "-9007199254740991"},
        {9007199254740992, "9007199254740992"},
        {9007199254740994, "9007199254740994"},
        {1e21, "1e+21"},
        {0.1, "0.1"},
        {-0.1, "-0.1"},
        {0.25, "0.25"},
        {0.5, "0.5"},
        {0.001, "0.001"},
        {-0.001, "-0.001"},
        {0.0005, "0.0005"},
        {0.0025, "0.0025"},
        {0.00001, "1e-05"},
        {10.01, "10.01"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1764000000.125, "1764000000.125"},
        {1764000000.0626, "1764000000.0626"},
        {999999999999.999, "999999999999.999"},
        {-999999999999.999, "-999999999999.999"},
        {1000000000000.25, "1000000000000.25"},
        {23456789012345.672, "23456789012345.67"},
        {99999999999999.984, "99999999999999.98"},
        {5e-324, "4.94065645841247e-324"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {-DBL_MAX, "-1.7976931348623157e+308"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        buf_init(&b, 100);
        buf_add_double(&b, rows[i].value);
        if (strcmp(buf_text(&b), rows[i].text) != 0)
            fail_msg("%.17g: \"%s\", expected \"%s\"", rows[i].value, buf_text(&b), rows[i].text);
        buf_release(&b);
    }
}

/* The quick way for thousandths must not be seen in the text. */
static void writes_any_double_as_the_shortest_printf_form(void **state) {
    uint64_t random = 1;
    struct buf b;
    buf_init(&b, 100);
    for (int i = 0; i < 200000; i++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        double value =
            (double)(int64_t)(random >> 11) / (i % 3 ? 1000 : 4096) / (double)(UINT64_C(1) << i % 45);
        value = i % 2 ? (double)(int64_t)(value * 1000) / 1000 : -value;
        char expected[40];
        for (int precision = 15; precision <= 17; precision++) {
            snprintf(expected, sizeof expected, "%.*g", precision, value);
            if (strtod(expected, NULL) == value)
                break;
        }
        if (value == floor(value))
            snprintf(expected, sizeof expected, "%.0f", value);
        buf_clear(&b);
        buf_add_double(&b, value);
        if (strcmp(buf_text(&b), expected) != 0 && value != 0)
            fail_msg("\"%s\", expected \"%s\"", buf_text(&b), expected);
    }
    buf_release(&b);
}

static void formats_texts_of_any_length(void **state) {
    struct buf b;
    buf_init(&b, 2000);
    buf_addf(&b, "%s:%d", "file", 12);
    buf_addf(&b, "%0*d", 1000, 7);
    assert_int_equal(b.len, 1007);
    assert_true(strncmp(buf_text(&b), "file:120000", 11) == 0);
    buf_addf(&b, "%0*d", 994, 7);
    assert_int_equal(buf_status(&b), STATUS_FULL);
    assert_int_equal(strlen(buf_text(&b)), 1007);
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_empty_without_an_allocation),
        cmocka_unit_test(keeps_all_bytes_while_growing),
        cmocka_unit_test(fills_up_to_the_cap_and_not_beyond),
        cmocka_unit_test(drops_every_append_after_an_error_even_one_that_would_fit),
        cmocka_unit_test(forgets_the_error_when_cleared_and_keeps_the_memory),
        cmocka_unit_test(reserves_room_that_counts_only_when_committed),
        cmocka_unit_test(refuses_a_size_that_would_overflow),
        cmocka_unit_test(keeps_what_it_has_when_any_allocation_fails),
        cmocka_unit_test(writes_whole_numbers_as_printf_does),
        cmocka_unit_test(writes_signed_numbers_as_printf_does),
        cmocka_unit_test(writes_doubles_as_short_as_they_read_back),
        cmocka_unit_test(writes_any_double_as_the_shortest_printf_form),
        cmocka_unit_test(formats_texts_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
