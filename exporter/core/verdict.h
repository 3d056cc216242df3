/* SPDX-License-Identifier: Apache-2.0
 *
 * verdict: from one reply (or its absence) to listed, not listed, or unknown with a reason.
 *
 * The only way to a verdict is the acceptance rule (rules 3 to 5): a listing needs a clean answer whose
 * addresses the list's own tables call a listing; "not listed" needs a negative answer with the SOA of the
 * list's own zone, as learnt from its negative self-test on the same nameserver. Everything else is unknown.
 * Pure: same arguments, same verdict.
 */
#ifndef RBL_CORE_VERDICT_H
#define RBL_CORE_VERDICT_H

#include "core/list.h"
#include "core/reply.h"

enum verdict_kind { VERDICT_NOT_LISTED, VERDICT_LISTED, VERDICT_UNKNOWN };

/* Why a verdict is unknown; the first six are the label `reason` of rbl_list_query_failures_total. */
enum verdict_reason {
    REASON_TIMEOUT,
    REASON_SERVFAIL,
    REASON_REFUSED,        /* rcode REFUSED */
    REASON_NETWORK,        /* not sent, ICMP, reset */
    REASON_INVALID_ANSWER, /* malformed, foreign, other rcodes, outside 127/8, unknown code, no SOA */
    REASON_BLOCKED_ANSWER, /* a refusal code of the list */
    REASON_LABELS,         /* number of label values */
    REASON_NONE = REASON_LABELS,
};
extern const char *const verdict_reason_text[REASON_LABELS];

/* Finer than the label, for the log, the status page and the list's state. */
enum verdict_detail {
    DETAIL_NONE,
    DETAIL_MALFORMED,    /* the message breaks the form */
    DETAIL_FOREIGN,      /* not an answer to our question */
    DETAIL_RCODE,        /* FORMERR, NOTIMP and the like */
    DETAIL_OUTSIDE_127,  /* an address that no block list gives: wildcard, parked, rewritten */
    DETAIL_UNKNOWN_CODE, /* inside 127/8, not in the list's table */
    DETAIL_UNCLEAN,      /* CNAME, foreign records, wrong types in the answer */
    DETAIL_NO_SOA,       /* a negative answer without the SOA of the list's zone */
    DETAIL_FOREIGN_SOA,  /* ... with another zone's SOA */
    DETAIL_UNPROVEN,     /* no negative self-test has been answered yet: the SOA is not known */
    DETAIL_TRUNCATED,    /* TC=1 even over TCP */
    DETAILS,
};
extern const char *const verdict_detail_text[DETAILS];

/* What the negative self-test of a (list, family, nameserver) taught about its negative answers. */
struct soa_lesson {
    bool learnt;        /* a negative self-test was answered at all */
    bool without_soa;   /* ... without an SOA, within the last day: some caches drop it */
    struct qname owner; /* lower case, if there was one */
};

struct verdict {
    enum verdict_kind kind;
    enum verdict_reason reason; /* REASON_NONE unless unknown */
    enum verdict_detail detail;
    uint64_t codes;   /* listed: see list_classify() */
    int score;        /* reputation lists, listed: 0..100; else -1 */
    uint32_t culprit; /* the address that made it unknown, 0 if none */
    bool nodata;      /* not listed by NOERROR without answers instead of NXDOMAIN */
    bool unmarked;    /* not listed, accepted without an SOA (see soa_lesson.without_soa) */
};

/* Decides about a sound or unsound `reply` to an A question (REPLY_TRUNCATED counts as invalid here: the
 * caller has asked over TCP by then). `lesson` NULL: the question is itself a negative self-test, and a
 * negative answer is accepted whatever SOA it has, as long as that can be learnt (reply.soa_foreign says when
 * not). */
struct verdict verdict_of_reply(const struct list *list, const struct reply *reply,
                                const struct soa_lesson *lesson);
/* No answer came: REASON_TIMEOUT or REASON_NETWORK. */
struct verdict verdict_of_silence(enum verdict_reason reason);

#endif
