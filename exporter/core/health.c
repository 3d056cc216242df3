/* SPDX-License-Identifier: Apache-2.0
 *
 * A test is read in two steps: what each of its answers says about the list (judge), and what both say
 * together (conclude): the state is the worst of the two, and one lie makes the test wrong, whatever the
 * other answer was.
 *
 * What the negative answer teaches about SOA owners is kept aside until the whole test is right. An expired
 * zone also answers "no such name", with its parent's SOA; learnt at once, it would make clean answers of all
 * that follow until the positive entry's answer arrives.
 *
 * Rejected: reopening a list when ordinary checks succeed again (a list that refuses every other query would
 * flap, and only a test proves both directions).
 */
#include "core/health.h"

#include <assert.h>
#include <string.h>

#define DAY_NS (INT64_C(24) * 3600 * 1000000000)

const char *const health_state_text[HEALTH_STATES] = {
    [HEALTH_OK] = "ok",
    [HEALTH_REFUSED] = "refused",
    [HEALTH_WILDCARD] = "wildcard",
    [HEALTH_SILENT] = "silent",
    [HEALTH_TIMEOUT] = "timeout",
    [HEALTH_SERVFAIL] = "servfail",
    [HEALTH_QUOTA_EXHAUSTED] = "quota_exhausted",
    [HEALTH_UNKNOWN] = "unknown",
};

const char *const health_state_advice[HEALTH_STATES] = {
    [HEALTH_OK] = "",
    [HEALTH_REFUSED] = "The list refuses to answer: its resolver is public or not registered, or too many "
                       "queries were sent. "
                       "Use a resolver of your own, register its egress address with the operator of the "
                       "list, or lower the budget. A resolver that does not serve you refuses, too.",
    [HEALTH_WILDCARD] = "The list calls an address listed that never is, or answers with addresses outside "
                        "127.0.0.0/8: it lists "
                        "everything, its domain has changed hands, or the resolver rewrites answers. "
                        "Switch the list off, or use a resolver that does not rewrite.",
    [HEALTH_SILENT] =
        "The list does not contain its own test entry: it is empty or dead, or the resolver filters answers "
        "in "
        "127.0.0.0/8. Look for rebinding protection in the resolver (unbound: private-address, dnsmasq: "
        "--stop-dns-rebind) and exempt the zone; if there is none, switch the list off.",
    [HEALTH_TIMEOUT] = "The list does not answer in time, or its name server cannot be reached. "
                       "If other lists answer, the list is down or drops your queries; if none does, look at "
                       "the resolver and the network.",
    [HEALTH_SERVFAIL] = "The resolver could not get an answer from the list's name servers (SERVFAIL). "
                        "Ask the zone by hand through another resolver: if that fails as well, the list is "
                        "down, else look at your resolver's log.",
    [HEALTH_QUOTA_EXHAUSTED] =
        "All queries that the budget allows in its window have been sent, and checks wait until older ones "
        "leave it. "
        "Check fewer addresses or less often on this list, or arrange a larger limit with its operator.",
    [HEALTH_UNKNOWN] = "The list has not been tested yet, or its answers to the self-test make no sense. "
                       "If this lasts, ask for its test entries by hand, and compare the answers with the "
                       "codes configured for it.",
};

/* How much a person must hear of a state; more is worse. */
static const unsigned severity[HEALTH_STATES] = {
    [HEALTH_OK] = 0,     [HEALTH_UNKNOWN] = 1,         [HEALTH_TIMEOUT] = 2,  [HEALTH_SERVFAIL] = 3,
    [HEALTH_SILENT] = 4, [HEALTH_QUOTA_EXHAUSTED] = 5, [HEALTH_WILDCARD] = 6, [HEALTH_REFUSED] = 7,
};

enum health_state health_worst(enum health_state a, enum health_state b) {
    return severity[a] >= severity[b] ? a : b;
}

static bool is_refusal(const struct verdict *verdict) {
    return verdict->kind == VERDICT_UNKNOWN &&
           (verdict->reason == REASON_REFUSED || verdict->reason == REASON_BLOCKED_ANSWER);
}

static enum health_state state_of_unknown(const struct verdict *verdict) {
    switch (verdict->reason) {
    case REASON_TIMEOUT:
    case REASON_NETWORK: return HEALTH_TIMEOUT;
    case REASON_SERVFAIL: return HEALTH_SERVFAIL;
    case REASON_REFUSED:
    case REASON_BLOCKED_ANSWER: return HEALTH_REFUSED;
    case REASON_INVALID_ANSWER:
        return verdict->detail == DETAIL_OUTSIDE_127 ? HEALTH_WILDCARD : HEALTH_UNKNOWN;
    case REASON_NONE: break;
    }
    return HEALTH_UNKNOWN;
}

/* What one answer of a test says about the list. */
static enum health_state judge(enum health_entry entry, const struct verdict *verdict) {
    switch (verdict->kind) {
    case VERDICT_LISTED: return entry == HEALTH_LISTED_ENTRY ? HEALTH_OK : HEALTH_WILDCARD;
    case VERDICT_NOT_LISTED: return entry == HEALTH_NOT_LISTED_ENTRY ? HEALTH_OK : HEALTH_SILENT;
    case VERDICT_UNKNOWN: break;
    }
    return state_of_unknown(verdict);
}

static enum health_outcome outcome_of(enum health_state state) {
    switch (state) {
    case HEALTH_OK: return HEALTH_RIGHT;
    case HEALTH_REFUSED:
    case HEALTH_WILDCARD:
    case HEALTH_SILENT: return HEALTH_WRONG;
    case HEALTH_TIMEOUT:
    case HEALTH_SERVFAIL:
    case HEALTH_UNKNOWN: return HEALTH_UNANSWERED;
    case HEALTH_QUOTA_EXHAUSTED:
    case HEALTH_STATES: break;
    }
    assert(!"no answer gives such a state");
    return HEALTH_UNANSWERED;
}

void health_init(struct health *h, bool positive, int64_t now_ns) {
    memset(h, 0, sizeof *h);
    h->state = HEALTH_UNKNOWN;
    h->positive = positive;
    h->right_ns = INT64_MIN;
    h->due_ns = now_ns;
}

void health_begin(struct health *h, int64_t now_ns) {
    assert(!h->running);
    h->running = true;
    h->refused_meanwhile = false;
    h->soa_answered = false;
    h->answered[HEALTH_LISTED_ENTRY] = !h->positive;
    h->answered[HEALTH_NOT_LISTED_ENTRY] = false;
    h->started_ns = now_ns;
}

static int64_t longer(int64_t pause_ns, int64_t first_ns, int64_t max_ns) {
    if (pause_ns < first_ns)
        return first_ns;
    return pause_ns > max_ns / 2 ? max_ns : pause_ns * 2;
}

static void leave_alone(struct health *h, int64_t now_ns) {
    h->refused_ns = longer(h->refused_ns, HEALTH_REFUSED_FIRST_NS, HEALTH_REFUSED_MAX_NS);
    h->back_off_ns = h->refused_ns;
    h->due_ns = now_ns + h->back_off_ns;
}

static void try_again_soon(struct health *h, int64_t now_ns) {
    bool was_soon = h->back_off_ns <= HEALTH_SILENT_MAX_NS;
    h->back_off_ns = longer(was_soon ? h->back_off_ns : 0, HEALTH_SILENT_FIRST_NS, HEALTH_SILENT_MAX_NS);
    h->due_ns = now_ns + h->back_off_ns;
}

static void keep_soa(struct health *h, const struct reply *reply) {
    h->soa_answered = true;
    h->soa_owner.len = 0;
    if (reply->has_soa)
        h->soa_owner = reply->soa_owner;
}

static void learn_soa(struct health *h, int64_t now_ns) {
    if (!h->soa_answered)
        return;
    h->lesson.learnt = true;
    if (h->soa_owner.len != 0) {
        h->lesson.owner = h->soa_owner;
        return;
    }
    h->lesson.without_soa = true;
    h->without_soa_ns = now_ns;
}

static void proven(struct health *h, int64_t interval_ns, int64_t now_ns) {
    h->right_ns = h->started_ns;
    h->due_ns = now_ns + interval_ns;
    h->back_off_ns = 0;
    h->refused_ns = 0;
    h->failures = 0;
    learn_soa(h, now_ns);
}

static enum health_outcome conclude(struct health *h, int64_t interval_ns, int64_t now_ns) {
    enum health_state state = h->refused_meanwhile ? HEALTH_REFUSED : HEALTH_OK;
    if (h->positive)
        state = health_worst(state, judge(HEALTH_LISTED_ENTRY, &h->verdicts[HEALTH_LISTED_ENTRY]));
    state = health_worst(state, judge(HEALTH_NOT_LISTED_ENTRY, &h->verdicts[HEALTH_NOT_LISTED_ENTRY]));
    enum health_outcome outcome = outcome_of(state);
    h->state = state;
    h->running = false;
    h->tested = true;
    h->ended_ns = now_ns;
    switch (outcome) {
    case HEALTH_RIGHT: proven(h, interval_ns, now_ns); break;
    case HEALTH_WRONG: leave_alone(h, now_ns); break;
    case HEALTH_UNANSWERED: try_again_soon(h, now_ns); break;
    case HEALTH_PENDING: break;
    }
    return outcome;
}

enum health_outcome health_answer(struct health *h, enum health_entry entry, const struct verdict *verdict,
                                  const struct reply *reply, int64_t interval_ns, int64_t now_ns) {
    assert(h->running && !h->answered[entry]);
    h->answered[entry] = true;
    h->verdicts[entry] = *verdict;
    if (entry == HEALTH_NOT_LISTED_ENTRY && verdict->kind == VERDICT_NOT_LISTED && reply != NULL)
        keep_soa(h, reply);
    if (!h->answered[HEALTH_LISTED_ENTRY] || !h->answered[HEALTH_NOT_LISTED_ENTRY])
        return HEALTH_PENDING;
    return conclude(h, interval_ns, now_ns);
}

/* Answers that are still under way when the list closes must not lengthen its pause; a running test sets the
 * pause at its end. */
static bool observe_refusal(struct health *h, int64_t now_ns) {
    if (h->running)
        h->refused_meanwhile = true;
    if (h->state == HEALTH_REFUSED)
        return false;
    h->state = HEALTH_REFUSED;
    if (!h->running)
        leave_alone(h, now_ns);
    return true;
}

static bool observe_failure(struct health *h, const struct verdict *verdict, int64_t now_ns) {
    if (h->failures < HEALTH_BREAKER)
        h->failures++;
    if (h->failures < HEALTH_BREAKER || h->state != HEALTH_OK)
        return false;
    h->state = state_of_unknown(verdict);
    if (!h->running)
        try_again_soon(h, now_ns);
    return true;
}

bool health_observe(struct health *h, const struct verdict *verdict, int64_t now_ns) {
    if (is_refusal(verdict))
        return observe_refusal(h, now_ns);
    if (verdict->kind != VERDICT_UNKNOWN || verdict->detail == DETAIL_UNKNOWN_CODE) {
        h->failures = 0; /* a code without a name is an answer, if a useless one */
        return false;
    }
    if (verdict->detail != DETAIL_OUTSIDE_127)
        return observe_failure(h, verdict, now_ns);
    health_hurry(h, now_ns);
    return false;
}

void health_hurry(struct health *h, int64_t now_ns) {
    if (h->back_off_ns == 0 && h->due_ns > now_ns)
        h->due_ns = now_ns;
}

bool health_due(const struct health *h, int64_t now_ns) {
    return !h->running && h->due_ns <= now_ns;
}

const struct soa_lesson *health_lesson(struct health *h, int64_t now_ns) {
    if (h->lesson.without_soa && now_ns - h->without_soa_ns > DAY_NS)
        h->lesson.without_soa = false;
    return &h->lesson;
}
