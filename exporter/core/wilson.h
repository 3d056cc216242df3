/* SPDX-License-Identifier: Apache-2.0
 *
 * wilson: between what bounds a share lies of which a fair sample is known: the score interval of a
 * proportion (Wilson 1927), at 95 %. The recording rules use the same.
 */
#ifndef RBL_CORE_WILSON_H
#define RBL_CORE_WILSON_H

struct wilson {
    double low, high; /* 0 to 1 */
};

/* For a sample of `n`, of which the share `p` (0 to 1) has it; below one it is known to be from 0 to 1. */
struct wilson wilson_bound(double p, double n);

#endif
