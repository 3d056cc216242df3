/* SPDX-License-Identifier: Apache-2.0
 *
 * permute: the fixed pseudo-random order of a sweep, without a list in memory.
 *
 * A bijection on 0..n-1 made of a four-round Feistel network on the smallest even number of bits that holds
 * n, with cycle walking for results >= n (fewer than four steps on average). The same (n, seed) gives the
 * same order on every machine and in every version, because positions are stored: any prefix of it is a fair
 * sample.
 */
#ifndef RBL_CORE_PERMUTE_H
#define RBL_CORE_PERMUTE_H

#include <stdint.h>

struct permute {
    uint64_t seed;
    uint32_t n;         /* 1 .. 2^31 */
    uint32_t half_bits; /* each half of the network */
};

/* The order of 0..n-1 for `seed`; n at least 1. */
struct permute permute_make(uint32_t n, uint64_t seed);
/* The element at `position` < n. */
uint32_t permute_at(const struct permute *p, uint32_t position);

#endif
