/* SPDX-License-Identifier: Apache-2.0
 *
 * throttle: so many requests at once, and one more every so often.
 *
 * A bucket of `burst` tokens, full at first, into which one falls every interval, kept as the one time at
 * which the bucket will be full again (GCRA, cf. ITU-T I.371). The rule is an argument and no part of the
 * state, so that a changed rule holds at once and takes along what is still spent of the bucket. (A list's
 * `struct rate` begins with one query, so that a restart is no burst, and has its rule for life.) Time is
 * monotonic nanoseconds, given by the caller, never falling.
 */
#ifndef RBL_CORE_THROTTLE_H
#define RBL_CORE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

struct throttle {
    int64_t full_ns; /* when the bucket is full again; zeroed: now */
};

/* Takes a token; false: there is none, nothing is taken, and `*wait_ns` says in how long there will be one
 * (INT64_MAX: never). interval_ns > 0; a burst of 0 lets nothing through. */
bool throttle_take(struct throttle *t, int64_t interval_ns, unsigned burst, int64_t now_ns, int64_t *wait_ns);

#endif
