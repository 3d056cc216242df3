/* SPDX-License-Identifier: Apache-2.0
 *
 * why: one number for every reason why a check, done because somebody asked, gave no verdict. The reasons of
 * verdicts and the states of lists have places of their own in it.
 */
#ifndef RBL_CORE_WHY_H
#define RBL_CORE_WHY_H

#include "core/health.h"
#include "core/verdict.h"

enum why {
    WHY_NONE,
    WHY_BUDGET,      /* rate or quota let no query pass in time */
    WHY_TIMEOUT,     /* it did not come to an end in time */
    WHY_INTERRUPTED, /* somebody ended it */
    WHY_NO_MEMORY,
    WHY_WITHDRAWN,                           /* a later self-test took the result back */
    WHY_FAMILY,                              /* the list is not asked about such addresses */
    WHY_UNCONFIRMED,                         /* seen once: a second look or a self-test is awaited */
    WHY_STALE,                               /* known too long ago */
    WHY_NOT_CHECKED,                         /* its turn has not come */
    WHY_VERDICT,                             /* + enum verdict_reason */
    WHY_STATE = WHY_VERDICT + REASON_LABELS, /* + enum health_state */
    WHY_END = WHY_STATE + HEALTH_STATES,
};

/* In one word, as JSON and tables show it: "budget", or that of the verdict or of the state. Not for
 * WHY_NONE.
 */
const char *why_text(unsigned why);
/* What came in place of a verdict, to stand within a sentence: "no answer came in time"; "" for REASON_NONE.
 */
const char *why_fact(enum verdict_reason reason);
enum { WHY_FAILURE_SIZE = 256 };
/* The same with what is known besides: "... : the answer's name is another (127.255.255.254)"; "" for what is
 * no failure. Returns `out`. */
const char *why_failure(const struct verdict *verdict, char out[WHY_FAILURE_SIZE]);
/* What it means and what to do, a sentence or several for people; "" if there is nothing to say. */
const char *why_advice(unsigned why);

#endif
