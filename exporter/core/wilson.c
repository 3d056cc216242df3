/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wilson.h"

static const double z = 1.959963984540054; /* 95 % of a normal distribution lie within */

/* Newton's; `x` >= 0. The C library's would be no pure arithmetic to the compiler. */
static double square_root(double x) {
    double root = x > 1 ? x : 1;
    for (unsigned i = 0; i < 64; i++)
        root = (root + x / root) / 2;
    return root;
}

struct wilson wilson_bound(double p, double n) {
    if (n < 1)
        return (struct wilson){0, 1};
    double scale = 1 + z * z / n;
    double centre = (p + z * z / (2 * n)) / scale;
    double half = z * square_root(p * (1 - p) / n + z * z / (4 * n * n)) / scale;
    double low = centre - half;
    double high = centre + half;
    /* At both ends the bound is the share itself, but for rounding. */
    return (struct wilson){p <= 0 || low < 0 ? 0 : low, p >= 1 || high > 1 ? 1 : high};
}
