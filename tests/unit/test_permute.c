/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/permute.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GOLDEN = 8 };

/* Positions in these orders are stored: the values must be the same in every version. They were calculated
 * with a second implementation. */
static const struct {
    uint32_t n;
    uint64_t seed;
    uint32_t first[GOLDEN];
} golden[] = {
    {1, 0x0, {0}},
    {5, 0x0, {4, 3, 1, 0, 2}},
    {10, 0x7, {9, 8, 5, 0, 7, 3, 2, 4}},
    {1000, 0x123456789abcdef, {340, 27, 517, 698, 427, 774, 589, 616}},
    {65536, 0x1, {15166, 64179, 51427, 42026, 1130, 20820, 62422, 5833}},
    {262144, 0x0, {111490, 233682, 8067, 46777, 96380, 217668, 138862, 85492}},
    {262144, 0xffffffffffffffff, {232632, 90530, 178290, 82068, 149410, 229316, 247240, 166517}},
    {16777216, 0x2a, {3877272, 8772543, 12099460, 1189365, 11521305, 4224166, 12829319, 9664323}},
    {2147483648,
     0x9,
     {853115844, 154790451, 1640555333, 926664282, 1317254914, 233239274, 1807082807, 1306135490}},
};

static void keeps_the_order_of_earlier_versions(void **state) {
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct permute p = permute_make(golden[i].n, golden[i].seed);
        for (uint32_t at = 0; at < GOLDEN && at < golden[i].n; at++) {
            if (permute_at(&p, at) != golden[i].first[at])
                fail_msg("n %u seed %#llx position %u: %u, expected %u", golden[i].n,
                         (unsigned long long)golden[i].seed, at, permute_at(&p, at), golden[i].first[at]);
        }
    }
}

/* Whether each of 0..n-1 comes once; `seen` holds n bytes. */
static void assert_bijection(uint32_t n, uint64_t seed, unsigned char *seen) {
    struct permute p = permute_make(n, seed);
    memset(seen, 0, n);
    for (uint32_t at = 0; at < n; at++) {
        uint32_t element = permute_at(&p, at);
        if (element >= n || seen[element])
            fail_msg("n %u seed %llu: position %u gives %u, %s", n, (unsigned long long)seed, at, element,
                     element >= n ? "outside" : "again");
        seen[element] = 1;
    }
}

static void gives_each_element_once(void **state) {
    static unsigned char seen[UINT32_C(1) << 24];
    for (uint32_t n = 1; n <= 3000; n++)
        assert_bijection(n, n % 3, seen);
    assert_bijection(65537, 4, seen);
    assert_bijection(262144, 5, seen);
    assert_bijection(UINT32_C(1) << 24, 6, seen);
}

static void stays_in_the_largest_domain(void **state) {
    uint32_t n = UINT32_C(1) << 31;
    struct permute p = permute_make(n, 1);
    assert_int_equal(p.half_bits, 16);
    for (uint32_t i = 0; i < 1000; i++)
        assert_true(permute_at(&p, n - 1 - i) < n);
}

static void uses_the_smallest_even_number_of_bits(void **state) {
    static const struct {
        uint32_t n, half_bits;
    } rows[] = {{1, 0}, {2, 1}, {4, 1}, {5, 2}, {16, 2}, {17, 3}, {65536, 8}, {65537, 9}, {262144, 9}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (permute_make(rows[i].n, 0).half_bits != rows[i].half_bits)
            fail_msg("n %u: %u bits in a half", rows[i].n, permute_make(rows[i].n, 0).half_bits);
    }
}

static void differs_by_seed(void **state) {
    struct permute a = permute_make(65536, 1);
    struct permute b = permute_make(65536, 2);
    uint32_t same = 0;
    for (uint32_t at = 0; at < 65536; at++)
        same += permute_at(&a, at) == permute_at(&b, at);
    assert_in_range(same, 0, 10); /* one is expected by chance */
}

/* Over several seeds: how many of `take` positions from `from` on fall into each of `n_parts` parts of a /16.
 * Each count may be five standard deviations off. */
static void assert_fair(uint32_t from, uint32_t take, uint32_t n_parts) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct permute p = permute_make(65536, seed);
        uint32_t counts[16] = {0};
        for (uint32_t at = from; at < from + take; at++)
            counts[permute_at(&p, at) / (65536 / n_parts)]++;
        uint32_t expected = take / n_parts;
        for (uint32_t part = 0; part < n_parts; part++) {
            int64_t off = (int64_t)counts[part] - expected;
            if (off * off > 25 * (int64_t)expected)
                fail_msg("seed %llu: %u of %u positions from %u in part %u of %u", (unsigned long long)seed,
                         counts[part], take, from, part, n_parts);
        }
    }
}

static void gives_a_fair_sample_in_any_prefix(void **state) {
    assert_fair(0, 655, 4);
    assert_fair(0, 655, 16);
    assert_fair(0, 6553, 16);
    assert_fair(30000, 655, 4);
}

/* A sample that only took every hundredth address would be fair by quarters as well. */
static void hits_many_small_networks_and_no_pattern(void **state) {
    struct permute p = permute_make(65536, 3);
    bool hit[256] = {false};
    uint32_t networks = 0;
    uint32_t odd = 0;
    uint32_t rising = 0;
    for (uint32_t at = 0; at < 655; at++) {
        uint32_t element = permute_at(&p, at);
        networks += !hit[element / 256];
        hit[element / 256] = true;
        odd += element & 1;
        rising += permute_at(&p, at + 1) > element;
    }
    assert_in_range(networks, 215, 255); /* 236 on average */
    assert_in_range(odd, 270, 385);
    assert_in_range(rising, 270, 385);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_of_earlier_versions),
        cmocka_unit_test(gives_each_element_once),
        cmocka_unit_test(stays_in_the_largest_domain),
        cmocka_unit_test(uses_the_smallest_even_number_of_bits),
        cmocka_unit_test(differs_by_seed),
        cmocka_unit_test(gives_a_fair_sample_in_any_prefix),
        cmocka_unit_test(hits_many_small_networks_and_no_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
