/* SPDX-License-Identifier: Apache-2.0 */
#include "core/throttle.h"

/* How long an empty bucket takes to fill. */
static int64_t filling_ns(int64_t interval_ns, unsigned burst) {
    int64_t product;
    return __builtin_mul_overflow(interval_ns, (int64_t)burst, &product) ? INT64_MAX : product;
}

bool throttle_take(struct throttle *t, int64_t interval_ns, unsigned burst, int64_t now_ns,
                   int64_t *wait_ns) {
    const int64_t whole_ns = filling_ns(interval_ns, burst);
    int64_t missing_ns = t->full_ns > now_ns ? t->full_ns - now_ns : 0;
    *wait_ns = INT64_MAX;
    if (burst == 0)
        return false;
    if (missing_ns > whole_ns) { /* spent under a wider rule */
        missing_ns = whole_ns;
        t->full_ns = now_ns + whole_ns;
    }
    const int64_t spare_ns = whole_ns - missing_ns;
    if (spare_ns < interval_ns) {
        *wait_ns = interval_ns - spare_ns;
        return false;
    }
    if (__builtin_add_overflow(now_ns, missing_ns + interval_ns, &t->full_ns))
        t->full_ns = INT64_MAX;
    *wait_ns = 0;
    return true;
}
