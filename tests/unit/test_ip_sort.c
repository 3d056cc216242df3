/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc */
#include "core/ip.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool no_memory;

void *__real_malloc(size_t size);

void *__wrap_malloc(size_t size) {
    return no_memory ? NULL : __real_malloc(size);
}

static uint64_t next_random(void) {
    static uint64_t x = 0x9e3779b97f4a7c15;
    x ^= x << 13;
    x ^= x >> 7;
    return x ^= x << 17;
}

/* One in `every_v6` is of IPv6; 0: none. With `few` most are there several times. */
static void fill(struct ip *ips, size_t n, unsigned every_v6, bool few) {
    for (size_t i = 0; i < n; i++) {
        uint64_t number = few ? next_random() % 97 : next_random();
        bool v6 = every_v6 > 0 && next_random() % every_v6 == 0;
        ips[i] = v6 ? (struct ip){few ? number % 3 : next_random(), number, IP_V6} : ip_v4((uint32_t)number);
    }
}

static int order(const void *a, const void *b) {
    return ip_compare(a, b);
}

static void sorts_as_ip_compare_says(void **state) {
    static const size_t sizes[] = {0, 1, 2, 3, 100, 255, 256, 257, 1000, 20000};
    struct ip *ips = calloc(20000, sizeof *ips);
    struct ip *expected = calloc(20000, sizeof *expected);
    assert_true(ips && expected);
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes * 8; i++) {
        size_t n = sizes[i / 16];
        no_memory = i % 2;
        fill(ips, n, (unsigned)(i / 2 % 4), i / 8 % 2);
        memcpy(expected, ips, n * sizeof *ips);
        qsort(expected, n, sizeof *expected, order);
        ip_sort(ips, n);
        for (size_t k = 0; k < n; k++)
            if (!ip_equal(&ips[k], &expected[k]))
                fail_msg("row %zu: place %zu of %zu is wrong", i, k, n);
    }
    no_memory = false;
    free(ips);
    free(expected);
}

static void takes_nothing_at_all(void **state) {
    ip_sort(NULL, 0);
}

static void sorts_a_million(void **state) {
    enum { MILLION = 1000000 };
    struct ip *ips = calloc(MILLION, sizeof *ips);
    assert_non_null(ips);
    fill(ips, MILLION, 0, false);
    clock_t start = clock();
    ip_sort(ips, MILLION);
    print_message("a million addresses: %.0f ms\n", 1e3 * (double)(clock() - start) / CLOCKS_PER_SEC);
    for (size_t i = 1; i < MILLION; i++)
        assert_true(ips[i - 1].lo <= ips[i].lo);
    free(ips);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_as_ip_compare_says),
        cmocka_unit_test(takes_nothing_at_all),
        cmocka_unit_test(sorts_a_million),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
