/* SPDX-License-Identifier: Apache-2.0
 *
 * spf: from a domain to the addresses that its SPF record (RFC 7208) names as senders.
 *
 * A pure state machine: it says whose TXT records it needs next, is told them, and ends with ranges or with
 * an error that names the domain and the term.
 *
 *   spf_question()  ->  a name; the caller asks for its TXT records
 *   spf_answer()    <-  how that ended
 *
 * What is taken: the ranges of `ip4` and `ip6`, also those of records that `include` and, where a record has
 * no `all`, `redirect` lead to. Only mechanisms that pass (`+`, or no sign) name senders: `-ip4`, `~include`
 * and the like add nothing. They take nothing away either: a range from which an earlier term takes a part
 * out is taken whole. What follows `all` is not looked at, except for its syntax.
 * What is not taken: `a`, `mx`, `ptr`, `exists`, `+all`, and names that hold macros depend on the
 * message, or would need look-ups of another kind; spf_not_followed() says which there were.
 *
 * Limits, each a permanent error:
 * - one record that begins with "v=spf1" in each domain, without an error in any of its terms;
 * - SPF_LOOK_UPS terms that need look-ups, those that are not followed included (section 4.6.4); the limit of
 *   two look-ups without an answer is never reached, as one ends all: an `include` or `redirect` must lead to
 *   a record;
 * - no domain leads back to itself;
 * - SPF_TERMS_MAX terms in all records, and so as many ranges: how many of them are watched is not decided
 * here but by spf_set_bound(). How long a record may be is left to DNS. An answer that could not be had is a
 * temporary error. On either the caller keeps what it had.
 */
#ifndef RBL_CORE_SPF_H
#define RBL_CORE_SPF_H

#include "core/ip.h"
#include "core/qname.h"
#include "core/question.h"
#include "core/status.h"

#include <stddef.h>

enum { SPF_LOOK_UPS = 10, SPF_TERMS_MAX = 10000, SPF_TEXT_SIZE = 1024 };

enum spf_state {
    SPF_ASKS,
    SPF_GOOD,
    SPF_PERMANENT, /* what is published is wrong */
    SPF_TEMPORARY, /* an answer could not be had, or there was no memory */
};

struct spf;

/* STATUS_SYNTAX, STATUS_RANGE: `domain` is no DNS name; STATUS_NO_MEMORY. */
enum status spf_new(const char *domain, struct spf **out) MUST_CHECK;
void spf_free(struct spf *s); /* NULL allowed */
enum spf_state spf_state(const struct spf *s);
/* The name whose TXT records are needed now; only while it asks. */
const struct qname *spf_question(const struct spf *s);
/* How the question for them ended; only while it asks. */
void spf_answer(struct spf *s, const struct question_end *end);
/* When good: the ranges in the order in which they were met, maybe some twice, maybe none. Borrowed. */
const struct ip_range *spf_ranges(const struct spf *s, size_t *n);
/* What went wrong, a sentence for people without its final point; "" if nothing did. */
const char *spf_error(const struct spf *s);
/* The terms that may name further senders and were not followed: "mx of example.net, a of b.example", at the
 * end cut with the number of the others; "" if none. */
const char *spf_not_followed(const struct spf *s);

#endif
