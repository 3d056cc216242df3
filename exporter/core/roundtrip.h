/* SPDX-License-Identifier: Apache-2.0
 *
 * roundtrip: how long answers take, and when one is overdue.
 *
 * A question whose answer does not come holds its place among those that may be open for the whole configured
 * time-out: thousands of times as long as an answer takes, so that one lost packet in a hundred makes a sweep
 * several times as long. So a question counts as lost, long before its time-out, when
 * - one that was sent later has been answered (the caller sees to that; RFC 9002, section 6.1). A nameserver
 *   that pauses, hangs or is far away has answered nothing that was sent later: it is never asked again into
 *   its silence, and what waits in its queue is no loss.
 * - and it has waited for longer than answers take: the smoothed round-trip time and four times its variation
 *   (RFC 6298, section 2), at least ROUNDTRIP_LEAST_NS. Each question has an id of its own, so that every
 *   answer measures, also one to a question that was repeated (Karn's rule needs no exception).
 * Its answer is still waited for. One that comes late all the same was not lost, and shows that patience was
 * too short: it is ROUNDTRIP_WIDER times as long as the latest answer took from then on. That is how a
 * recursive resolver looks whose answers are in its cache or take a second: it is not asked twice for long.
 * Each question that proves to be lost takes an eighth of that again.
 *
 * However wrong all this may be, at most one question in ROUNDTRIP_SHARE counts as lost: each answer gives an
 * allowance of so much, of which ROUNDTRIP_SAVED can be saved. What is beyond that waits for its time-out.
 *
 * Rejected: a shorter time-out for all, as it would ask a nameserver that hangs again into its silence, and
 * take its answers for none; three later answers instead of one and a time (RFC 9002's packet threshold),
 * as resolvers answer in any order; back-off between repetitions, as only silence would need it.
 */
#ifndef RBL_CORE_ROUNDTRIP_H
#define RBL_CORE_ROUNDTRIP_H

#include <stdbool.h>
#include <stdint.h>

#define ROUNDTRIP_LEAST_NS (INT64_C(2) * 1000000)
#define ROUNDTRIP_NEVER_NS (INT64_MAX / 4) /* can be added to a time */
#define ROUNDTRIP_WIDER 1.25
enum { ROUNDTRIP_SHARE = 8, ROUNDTRIP_SAVED = 512 };

struct roundtrip {
    int64_t srtt_ns; /* 0: nothing measured */
    int64_t rttvar_ns;
    int64_t late_ns; /* of an answer that came late, less what was proven lost since; 0: none */
    double allowance;
};

/* An answer came after `took_ns`. */
void roundtrip_answered(struct roundtrip *r, int64_t took_ns);
/* ... to a question that had been given up. */
void roundtrip_late(struct roundtrip *r, int64_t took_ns);
/* No answer came to a question that had been given up. */
void roundtrip_lost(struct roundtrip *r);
/* How long an answer is waited for when later ones have come; ROUNDTRIP_NEVER_NS: nothing is known yet. */
int64_t roundtrip_patience_ns(const struct roundtrip *r);
/* Gives a question up, if the allowance has room for it. */
bool roundtrip_give_up(struct roundtrip *r);

#endif
