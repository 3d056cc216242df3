/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/clock.h"

#include <assert.h>
#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec t;
    int failed = clock_gettime(id, &t);
    assert(!failed);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_now_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void) {
    return read_clock(CLOCK_REALTIME);
}
