/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void fill(struct buf *out) {
    const struct ip v4 = ip_v4(0xc0000201);
    const struct ip v6 = {.hi = UINT64_C(0x20010db800000000), .lo = 1, .family = IP_V6};
    buf_init(out, 1000);
    pack_u8(out, 200);
    pack_u32(out, 0xdeadbeef);
    pack_u64(out, UINT64_MAX);
    pack_i64(out, INT64_MIN);
    pack_double(out, -0.1);
    pack_text(out, "a text");
    pack_text(out, "");
    pack_ip(out, &v4);
    pack_ip(out, &v6);
    assert_int_equal(buf_status(out), STATUS_OK);
}

static void read_all(struct unpack *u, bool whole) {
    char text[8];
    struct ip v4;
    struct ip v6;
    bool right = unpack_u8(u) == 200;
    right = unpack_u32(u) == 0xdeadbeef && right;
    right = unpack_u64(u) == UINT64_MAX && right;
    right = unpack_i64(u) == INT64_MIN && right;
    double number = unpack_double(u);
    right = number < -0.09 && number > -0.11 && right;
    unpack_text(u, text, sizeof text);
    right = strcmp(text, "a text") == 0 && right;
    unpack_text(u, text, sizeof text);
    right = text[0] == '\0' && right;
    unpack_ip(u, &v4);
    unpack_ip(u, &v6);
    right = v4.family == IP_V4 && v4.lo == 0xc0000201 && v6.family == IP_V6 && v6.lo == 1 && right;
    assert_true(right == whole);
}

static void what_was_packed_comes_back(void **state) {
    struct buf bytes;
    fill(&bytes);
    struct unpack u = unpack_begin(bytes.data, bytes.len);
    read_all(&u, true);
    assert_true(unpack_is_done(&u));
    buf_release(&bytes);
}

static void a_cut_anywhere_is_noticed_and_nothing_is_read_behind_it(void **state) {
    struct buf bytes;
    fill(&bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *copy = test_malloc(len > 0 ? len : 1);
        memcpy(copy, bytes.data, len);
        struct unpack u = unpack_begin(copy, len);
        char text[8];
        struct ip ip;
        (void)unpack_u8(&u);
        (void)unpack_u32(&u);
        (void)unpack_u64(&u);
        (void)unpack_i64(&u);
        (void)unpack_double(&u);
        unpack_text(&u, text, sizeof text);
        unpack_text(&u, text, sizeof text);
        unpack_ip(&u, &ip);
        unpack_ip(&u, &ip);
        assert_true(u.bad);
        assert_false(unpack_is_done(&u));
        test_free(copy);
    }
    buf_release(&bytes);
}

static void what_is_left_over_is_noticed(void **state) {
    struct buf bytes;
    fill(&bytes);
    pack_u8(&bytes, 0);
    struct unpack u = unpack_begin(bytes.data, bytes.len);
    read_all(&u, true);
    assert_false(unpack_is_done(&u));
    buf_release(&bytes);
}

static void texts_that_do_not_fit_or_hold_a_nul_are_bad(void **state) {
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"\x08\0"
                 "12345678",
                 10},
                {"\x03\0"
                 "a\0b",
                 5},
                {"\xff\xff"
                 "abc",
                 5},
                {"\x05", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[8] = "x";
        struct unpack u = unpack_begin(rows[i].bytes, rows[i].len);
        unpack_text(&u, text, sizeof text);
        if (!u.bad || text[0] != '\0')
            fail_msg("row %zu is taken for a text", i);
    }
}

static void no_number_and_no_address_is_bad(void **state) {
    struct buf bytes;
    buf_init(&bytes, 100);
    pack_u64(&bytes, UINT64_C(0x7ff8000000000000)); /* NaN */
    struct unpack u = unpack_begin(bytes.data, bytes.len);
    assert_true(unpack_double(&u) == 0);
    assert_true(u.bad);
    buf_clear(&bytes);
    pack_u64(&bytes, UINT64_C(0x7ff0000000000000)); /* infinite */
    u = unpack_begin(bytes.data, bytes.len);
    assert_true(unpack_double(&u) == 0);
    assert_true(u.bad);
    buf_clear(&bytes);
    struct ip ip = {.hi = 1, .lo = 1, .family = IP_V4};
    pack_ip(&bytes, &ip);
    u = unpack_begin(bytes.data, bytes.len);
    unpack_ip(&u, &ip);
    assert_true(u.bad);
    buf_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_back),
        cmocka_unit_test(a_cut_anywhere_is_noticed_and_nothing_is_read_behind_it),
        cmocka_unit_test(what_is_left_over_is_noticed),
        cmocka_unit_test(texts_that_do_not_fit_or_hold_a_nul_are_bad),
        cmocka_unit_test(no_number_and_no_address_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
