/* SPDX-License-Identifier: Apache-2.0
 *
 * checker_probe: one address is checked now, because somebody waits for it, whether it is configured or not.
 *
 * An address that is a target of a list is looked at as by checker_look_now(): what comes of it is the
 * registry's, and everybody's. About any other address the list is asked through the same plan, rate and
 * quota, and the answer is kept here alone. Both are paid by BUDGET_PROBE, which leaves to flips what they
 * cost; what a flip of a target then takes is as urgent as any. Proof is the same as the registry's: "listed"
 * needs `confirm` agreeing looks and a right self-test begun after the last of them; "not listed", and a
 * score, a look and a right self-test begun at most PROBE_PROOF_NS before it, run on demand if there is none.
 * A self-test that goes wrong takes back what none has proven since. A list that cannot be believed is not
 * asked.
 *
 * There is one probe per address: who asks about it again joins, and what ended less than PROBE_KEPT_NS ago
 * is not asked again, unless no query was sent. It is forgotten as a whole, when the last list that was asked
 * has ended that long ago. Each list has PROBE_NS, after which it is unknown. A reload carries probes on:
 * what was under way is asked again, within the same time, and no sooner than what was sent can be lost.
 *
 * A Prometheus may have hundreds of addresses probed every minute, so there is room for PROBES of them, found
 * by a hash of the address; all that goes through probes goes through those alone of which something is still
 * to come. A probe costs 96 bytes for each list that is configured.
 *
 * For people who want to know why, each query about an address is kept with what came back, as long as the
 * probe is: the first PROBE_LOOKS of a list, and PROBE_LOOKS_ALL in all. A reload forgets them.
 *
 * Callers poll: answers, checker_turn() and reloads are all that changes a probe.
 */
#ifndef RBL_CORE_CHECKER_PROBE_H
#define RBL_CORE_CHECKER_PROBE_H

#include "core/checker.h"
#include "core/why.h"

enum { PROBES = 1024 /* at once, those that are kept included: so many addresses a minute */ };
enum { PROBE_LOOKS = 8, PROBE_LOOKS_ALL = 16384, PROBE_LOOK_ADDRESSES = 8 };
#define PROBE_NS (INT64_C(30) * 1000000000)
#define PROBE_KEPT_NS (INT64_C(60) * 1000000000)
#define PROBE_PROOF_NS (INT64_C(600) * 1000000000)

/* What one list says about one address. */
struct probe_result {
    bool open; /* it has not said anything yet; then nothing else is known but asked_ns */
    enum registry_verdict verdict;
    uint8_t why;      /* enum why; WHY_NONE unless unknown */
    bool is_target;   /* the registry knows more about it */
    bool sent;        /* a query has been spent on it */
    uint64_t codes;   /* listed */
    int score;        /* reputation lists: 0..100; -1: none */
    const char *txt;  /* the reason of a listing; NULL: none. Valid until the checker is called again */
    uint32_t took_us; /* how long the last answer took; UINT32_MAX: none came, or nothing had to be asked */
    int64_t asked_ns; /* when it was asked for */
    int64_t ended_ns; /* when the answer was known */
};

/* A query about an address, and what came back. */
struct probe_look {
    struct endpoint server;
    bool is_txt;
    bool is_tcp;
    bool has_txt;     /* of a question for a reason: there is one */
    uint8_t outcome;  /* enum checker_outcome; what follows is about an answer, */
    uint8_t form;     /* enum reply_form; of a question for a reason: sound, or truncated and asked again */
    uint16_t rcode;   /* ... that is sound, as the following */
    uint8_t verdict;  /* enum verdict_kind */
    uint8_t reason;   /* enum verdict_reason */
    uint8_t detail;   /* enum verdict_detail */
    uint32_t took_us; /* UINT32_MAX: no answer came */
    int64_t at_ns;    /* when it came, or was given up */
    uint32_t n_addresses;
    uint32_t addresses[PROBE_LOOK_ADDRESSES]; /* the first of them, host byte order */
};

/* Why `ip` may not be asked about, as ip_special(); NULL: it may. What is configured always may. */
const char *checker_probe_refusal(const struct checker *c, const struct ip *ip);
/* Asks `lists` (by index; NULL: all) about `ip`, those that are enabled and have not been asked just now.
 * STATUS_INVALID: checker_probe_refusal(); STATUS_FULL: PROBES others are under way or kept. */
enum status checker_probe(struct checker *c, const struct ip *ip, const bool *lists, int64_t now_ns)
    MUST_CHECK;
/* Nothing more will come of it: all that was asked has ended, and reasons of listings are there or will not
 * be. Also if nothing was asked. */
bool checker_probe_is_over(const struct checker *c, const struct ip *ip);
/* The same of `lists` alone, by index; reasons are waited for `with_reasons` only. */
bool checker_probe_has_ended(const struct checker *c, const struct ip *ip, const bool *lists,
                             bool with_reasons);
/* What `list` said when it was asked about `ip`; false: it was not, or that has been forgotten. */
bool checker_probe_read(const struct checker *c, uint32_t list, const struct ip *ip, int64_t now_ns,
                        struct probe_result *out);
/* The queries that were sent to `list` about `ip` since it was asked, in the order of what came back;
 * `*more`: there were others, which are not kept. Valid until the checker is called again. */
size_t checker_probe_looks(const struct checker *c, uint32_t list, const struct ip *ip,
                           const struct probe_look **looks, bool *more);
/* Why the registry shows no verdict about a target: the list cannot be believed (WHY_STATE), or
 * WHY_UNCONFIRMED, WHY_STALE, WHY_NOT_CHECKED. */
unsigned checker_why_unknown(const struct checker *c, uint32_t list, uint32_t index);

#endif
