/* SPDX-License-Identifier: Apache-2.0
 *
 * Nothing here may change what permute_at() gives: positions in the order are kept on disk. Four rounds are
 * the number from which a Feistel network with random round functions looks random from both sides (Luby and
 * Rackoff); the order has to be fair, not secret, so a mixing function does for the round.
 */
#include "core/permute.h"

#include <assert.h>

enum { ROUNDS = 4 };

/* The finaliser of splitmix64. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

struct permute permute_make(uint32_t n, uint64_t seed) {
    assert(n >= 1 && n <= UINT32_C(1) << 31);
    struct permute p = {.seed = seed, .n = n, .half_bits = 0};
    while (UINT64_C(1) << 2 * p.half_bits < n)
        p.half_bits++;
    return p;
}

/* One pass of the network: a bijection on the numbers of 2 * half_bits bits. */
static uint32_t network(const struct permute *p, uint32_t x) {
    uint32_t mask = (UINT32_C(1) << p->half_bits) - 1;
    uint32_t left = x >> p->half_bits;
    uint32_t right = x & mask;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t input = (round << 32 | right) + 1;
        uint32_t next = left ^ ((uint32_t)mix(p->seed + input * 0x9e3779b97f4a7c15) & mask);
        left = right;
        right = next;
    }
    return left << p->half_bits | right;
}

uint32_t permute_at(const struct permute *p, uint32_t position) {
    assert(position < p->n);
    uint32_t x = position;
    /* Walks along its cycle to the next number below n. That ends, at the latest at `position` itself. */
    do
        x = network(p, x);
    while (x >= p->n);
    return x;
}
