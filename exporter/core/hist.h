/* SPDX-License-Identifier: Apache-2.0
 *
 * hist: a histogram of durations with the fixed bucket bounds of the metrics contract.
 */
#ifndef RBL_CORE_HIST_H
#define RBL_CORE_HIST_H

#include <stdint.h>

enum { HIST_BOUNDS = 12 };

struct hist {
    uint64_t buckets[HIST_BOUNDS + 1]; /* not cumulative; the last one is +Inf */
    uint64_t sum_ns;
};

/* Upper bounds in nanoseconds, rising: 1 ms, 2.5 ms, ... 5 s; a value equal to a bound is in its bucket. */
extern const int64_t hist_bound_ns[HIST_BOUNDS];
/* The same as label text: "0.001" ... "1.0" "2.5" "5.0". */
extern const char *const hist_bound_text[HIST_BOUNDS];

/* Counts one duration; below zero counts as zero. */
void hist_add(struct hist *h, int64_t ns);
/* All observations. */
uint64_t hist_count(const struct hist *h);

#endif
