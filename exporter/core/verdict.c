/* SPDX-License-Identifier: Apache-2.0 */
#include "core/verdict.h"

#include <assert.h>

enum { RCODE_NOERROR = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5 };

const char *const verdict_reason_text[REASON_LABELS] = {
    [REASON_TIMEOUT] = "timeout",
    [REASON_SERVFAIL] = "servfail",
    [REASON_REFUSED] = "refused",
    [REASON_NETWORK] = "network",
    [REASON_INVALID_ANSWER] = "invalid_answer",
    [REASON_BLOCKED_ANSWER] = "blocked_answer",
};

const char *const verdict_detail_text[DETAILS] = {
    [DETAIL_NONE] = "",
    [DETAIL_MALFORMED] = "malformed message",
    [DETAIL_FOREIGN] = "no answer to our question",
    [DETAIL_RCODE] = "unexpected response code",
    [DETAIL_OUTSIDE_127] = "address that no list gives",
    [DETAIL_UNKNOWN_CODE] = "code that is not in the list's table",
    [DETAIL_UNCLEAN] = "records that do not belong in the answer",
    [DETAIL_NO_SOA] = "negative answer without SOA",
    [DETAIL_FOREIGN_SOA] = "negative answer with the SOA of another zone",
    [DETAIL_UNPROVEN] = "negative answer before the first self-test",
    [DETAIL_TRUNCATED] = "truncated even over TCP",
};

static struct verdict unknown(enum verdict_reason reason, enum verdict_detail detail, uint32_t culprit) {
    return (struct verdict){
        .kind = VERDICT_UNKNOWN, .reason = reason, .detail = detail, .score = -1, .culprit = culprit};
}

static struct verdict invalid(enum verdict_detail detail) {
    return unknown(REASON_INVALID_ANSWER, detail, 0);
}

static struct verdict of_rcode(unsigned rcode) {
    if (rcode == RCODE_SERVFAIL)
        return unknown(REASON_SERVFAIL, DETAIL_NONE, 0);
    if (rcode == RCODE_REFUSED)
        return unknown(REASON_REFUSED, DETAIL_NONE, 0);
    return invalid(DETAIL_RCODE);
}

static bool is_error(unsigned rcode) {
    return rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN;
}

static struct verdict of_addresses(const struct list *list, const struct reply *reply) {
    struct list_classified says = list_classify(list, reply->addresses, reply->n_addresses);
    switch (says.meaning) {
    case LIST_SAYS_LISTED:
        return (struct verdict){
            .kind = VERDICT_LISTED, .reason = REASON_NONE, .codes = says.codes, .score = says.score};
    case LIST_SAYS_NOT_LISTED:
        return (struct verdict){.kind = VERDICT_NOT_LISTED, .reason = REASON_NONE, .score = -1};
    case LIST_SAYS_REFUSED: return unknown(REASON_BLOCKED_ANSWER, DETAIL_NONE, says.culprit);
    case LIST_SAYS_BROKEN: return unknown(REASON_INVALID_ANSWER, DETAIL_OUTSIDE_127, says.culprit);
    case LIST_SAYS_UNKNOWN_CODE: break;
    }
    return unknown(REASON_INVALID_ANSWER, DETAIL_UNKNOWN_CODE, says.culprit);
}

/* Rule 4. A name that does not exist has no records: NXDOMAIN with answers contradicts itself. */
static struct verdict of_answers(const struct list *list, const struct reply *reply) {
    if (reply->rcode == RCODE_NXDOMAIN || !reply->answers_clean || reply->contradictory ||
        reply->addresses_overflow || reply->n_addresses == 0)
        return invalid(DETAIL_UNCLEAN);
    return of_addresses(list, reply);
}

/* Rule 5: what speaks against believing a negative answer; DETAIL_NONE if nothing does. Any SOA but the
 * learnt one is a foreign one, also where negative answers may lack it. */
static enum verdict_detail doubt(const struct reply *reply, const struct soa_lesson *lesson) {
    if (reply->contradictory)
        return DETAIL_UNCLEAN;
    if (lesson != NULL && !lesson->learnt)
        return DETAIL_UNPROVEN;
    if (reply->soa_foreign)
        return DETAIL_FOREIGN_SOA;
    if (lesson == NULL)
        return DETAIL_NONE;
    if (reply->has_soa)
        return qname_equal(&reply->soa_owner, &lesson->owner) ? DETAIL_NONE : DETAIL_FOREIGN_SOA;
    return lesson->without_soa ? DETAIL_NONE : DETAIL_NO_SOA;
}

static struct verdict of_nothing(const struct reply *reply, const struct soa_lesson *lesson) {
    enum verdict_detail detail = doubt(reply, lesson);
    if (detail != DETAIL_NONE)
        return invalid(detail);
    return (struct verdict){
        .kind = VERDICT_NOT_LISTED,
        .reason = REASON_NONE,
        .score = -1,
        .nodata = reply->rcode == RCODE_NOERROR,
        .unmarked = !reply->has_soa,
    };
}

static struct verdict of_sound(const struct list *list, const struct reply *reply,
                               const struct soa_lesson *lesson) {
    if (is_error(reply->rcode))
        return of_rcode(reply->rcode);
    return reply->n_answer_records > 0 ? of_answers(list, reply) : of_nothing(reply, lesson);
}

struct verdict verdict_of_reply(const struct list *list, const struct reply *reply,
                                const struct soa_lesson *lesson) {
    switch (reply->form) {
    case REPLY_SOUND: return of_sound(list, reply, lesson);
    case REPLY_NOT_OURS: return invalid(DETAIL_FOREIGN);
    case REPLY_TRUNCATED: return invalid(DETAIL_TRUNCATED);
    case REPLY_NO_SERVICE:
        /* A server that refuses often does so with neither RA nor AA; that it refuses is still worth knowing.
         */
        return is_error(reply->rcode) ? of_rcode(reply->rcode) : invalid(DETAIL_FOREIGN);
    case REPLY_SHORT:
    case REPLY_BAD_NAME:
    case REPLY_BAD_RECORD: break;
    }
    return invalid(DETAIL_MALFORMED);
}

struct verdict verdict_of_silence(enum verdict_reason reason) {
    assert(reason == REASON_TIMEOUT || reason == REASON_NETWORK);
    return unknown(reason, DETAIL_NONE, 0);
}
