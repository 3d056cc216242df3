/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hist.h"

#define MS INT64_C(1000000)

const int64_t hist_bound_ns[HIST_BOUNDS] = {
    1 * MS,   5 * MS / 2, 5 * MS,   10 * MS,   25 * MS,   50 * MS,
    100 * MS, 250 * MS,   500 * MS, 1000 * MS, 2500 * MS, 5000 * MS,
};

const char *const hist_bound_text[HIST_BOUNDS] = {
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0",
};

void hist_add(struct hist *h, int64_t ns) {
    if (ns < 0)
        ns = 0;
    int i = 0;
    while (i < HIST_BOUNDS && ns > hist_bound_ns[i])
        i++;
    h->buckets[i]++;
    h->sum_ns += (uint64_t)ns;
}

uint64_t hist_count(const struct hist *h) {
    uint64_t n = 0;
    for (int i = 0; i <= HIST_BOUNDS; i++)
        n += h->buckets[i];
    return n;
}
