/* SPDX-License-Identifier: Apache-2.0 */
#include "core/roundtrip.h"

static int64_t distance(int64_t a, int64_t b) {
    return a < b ? b - a : a - b;
}

static int64_t longer(int64_t a, int64_t b) {
    return a > b ? a : b;
}

void roundtrip_answered(struct roundtrip *r, int64_t took_ns) {
    if (took_ns < 1)
        took_ns = 1; /* 0 means that nothing has been measured */
    r->allowance += 1.0 / ROUNDTRIP_SHARE;
    if (r->allowance > ROUNDTRIP_SAVED)
        r->allowance = ROUNDTRIP_SAVED;
    if (r->srtt_ns == 0) {
        r->srtt_ns = took_ns;
        r->rttvar_ns = took_ns / 2;
        return;
    }
    r->rttvar_ns += (distance(r->srtt_ns, took_ns) - r->rttvar_ns) / 4;
    r->srtt_ns += (took_ns - r->srtt_ns) / 8;
}

void roundtrip_late(struct roundtrip *r, int64_t took_ns) {
    roundtrip_answered(r, took_ns);
    r->late_ns = longer(r->late_ns, took_ns);
}

void roundtrip_lost(struct roundtrip *r) {
    r->late_ns -= r->late_ns / 8;
}

int64_t roundtrip_patience_ns(const struct roundtrip *r) {
    if (r->srtt_ns == 0)
        return ROUNDTRIP_NEVER_NS;
    int64_t usual_ns = longer(r->srtt_ns + 4 * r->rttvar_ns, ROUNDTRIP_LEAST_NS);
    return longer(usual_ns, (int64_t)(ROUNDTRIP_WIDER * (double)r->late_ns));
}

bool roundtrip_give_up(struct roundtrip *r) {
    if (r->allowance < 1)
        return false;
    r->allowance -= 1;
    return true;
}
