/* SPDX-License-Identifier: Apache-2.0
 *
 * health: whether a list can be believed, by its own test entries (RFC 5782 section 5, RFC 6471 section 3).
 *
 * There is one `struct health` per (list, family, nameserver). A self-test is two questions: an address that
 * must be listed and one that must not be. Its outcome is
 * - right: both as they must be. The list may be believed, and what was learnt before the test began is
 * proven.
 * - wrong: the list answered, and lies or refuses (positive entry not listed, negative one listed, an address
 * outside 127/8, a refusal). The caller withdraws what was learnt since the last right test.
 * - unanswered: no answer or no sense (time-out, SERVFAIL, malformed). It withdraws nothing, and freezes.
 * The next test is due after the interval when right; after a refusal or a lie after HEALTH_REFUSED_FIRST,
 * doubling to HEALTH_REFUSED_MAX; unanswered after HEALTH_SILENT_FIRST, doubling to HEALTH_SILENT_MAX (so
 * that a return is seen within seconds; a quota's share for self-tests stretches this as needed). Ordinary
 * checks feed it too: a refusal closes the list at once, and HEALTH_BREAKER unanswered queries in a row open
 * the breaker. The state changes here and nowhere else.
 */
#ifndef RBL_CORE_HEALTH_H
#define RBL_CORE_HEALTH_H

#include "core/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum health_state {
    HEALTH_OK,
    HEALTH_REFUSED,
    HEALTH_WILDCARD,
    HEALTH_SILENT,
    HEALTH_TIMEOUT,
    HEALTH_SERVFAIL,
    HEALTH_QUOTA_EXHAUSTED, /* never the state of a `struct health`: the list as a whole has no query left */
    HEALTH_UNKNOWN,
    HEALTH_STATES,
};
/* The values of the label `state`. */
extern const char *const health_state_text[HEALTH_STATES];
/* What a person should do about a list in `state`; "" for ok. `silent` names rebinding protection of the
 * resolver as a cause. */
extern const char *const health_state_advice[HEALTH_STATES];

enum health_outcome {
    HEALTH_PENDING, /* the other question is still open */
    HEALTH_RIGHT,
    HEALTH_WRONG,
    HEALTH_UNANSWERED,
};

#define HEALTH_REFUSED_FIRST_NS (INT64_C(300) * 1000000000)
#define HEALTH_REFUSED_MAX_NS (INT64_C(6) * 3600 * 1000000000)
#define HEALTH_SILENT_FIRST_NS (INT64_C(2) * 1000000000)
#define HEALTH_SILENT_MAX_NS (INT64_C(4) * 1000000000)
enum { HEALTH_BREAKER = 10 };

struct health {
    enum health_state state; /* HEALTH_UNKNOWN until the first test has ended */
    bool tested;             /* a first test has ended, whatever its outcome */
    bool positive;           /* the positive question is part of the test */
    bool running;            /* a test's questions are open */
    bool answered[2];        /* of the running test, by enum health_entry */
    struct verdict verdicts[2];
    int64_t started_ns;  /* of the running or last test */
    int64_t ended_ns;    /* of the last test that ended; only if tested */
    int64_t right_ns;    /* start of the last right test: all looks before it are proven; INT64_MIN if none */
    int64_t due_ns;      /* when the next scheduled test may start */
    int64_t back_off_ns; /* the pause after the last failure, 0 after a right test */
    int64_t refused_ns; /* the pause after the last refusal or lie, 0 after a right test: time-outs in between
                           do not shorten the next */
    unsigned failures;  /* unanswered ordinary queries in a row */
    bool
        refused_meanwhile; /* an ordinary check was refused while the test was running: it cannot end right */
    struct soa_lesson lesson;
    int64_t without_soa_ns; /* when lesson.without_soa was last learnt */
    bool soa_answered;      /* the running test's negative entry was answered right, ... */
    struct qname soa_owner; /* ... with this SOA (length 0: none): learnt when the whole test is right */
};
enum health_entry { HEALTH_LISTED_ENTRY, HEALTH_NOT_LISTED_ENTRY };

/* Unknown, due at once. `positive` false: `self_test.listed: none`. */
void health_init(struct health *h, bool positive, int64_t now_ns);
/* Opens a test: both (or the one) questions are about to be asked. */
void health_begin(struct health *h, int64_t now_ns);
/* Takes the verdict of one question (already after its retries), decided without a lesson; `reply` is the
 * answer it was decided from, NULL if none came: the SOA of the negative entry's answer is learnt from it,
 * once the whole test is right. `interval_ns` is the pause after a right test. On every outcome but
 * HEALTH_PENDING the test has ended, and the state, due_ns and right_ns are new. For a reputation list any
 * score passes the positive entry. */
enum health_outcome health_answer(struct health *h, enum health_entry entry, const struct verdict *verdict,
                                  const struct reply *reply, int64_t interval_ns, int64_t now_ns);
/* An ordinary check ended with `verdict` (each attempt is told). Returns true if the state changed for the
 * worse by it. An address outside 127/8 does not change the state, but makes a test due now (a list that is
 * already in back-off keeps its pause). */
bool health_observe(struct health *h, const struct verdict *verdict, int64_t now_ns);
/* A test is due now; one in back-off keeps its pause. */
void health_hurry(struct health *h, int64_t now_ns);
/* A test is due: none is running and its time has come. */
bool health_due(const struct health *h, int64_t now_ns);
/* What may be believed of negative answers now (forgets `without_soa` after a day). */
const struct soa_lesson *health_lesson(struct health *h, int64_t now_ns);
/* Of several states the one that a person must hear of first (ok is the least). */
enum health_state health_worst(enum health_state a, enum health_state b);

#endif
