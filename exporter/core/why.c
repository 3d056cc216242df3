/* SPDX-License-Identifier: Apache-2.0 */
#include "core/why.h"

#include "core/ip.h"

#include <stdio.h>

const char *why_text(unsigned why) {
    switch (why) {
    case WHY_BUDGET: return "budget";
    case WHY_TIMEOUT: return "timeout";
    case WHY_INTERRUPTED: return "interrupted";
    case WHY_NO_MEMORY: return "no_memory";
    case WHY_WITHDRAWN: return "withdrawn";
    case WHY_FAMILY: return "family";
    case WHY_UNCONFIRMED: return "unconfirmed";
    case WHY_STALE: return "stale";
    case WHY_NOT_CHECKED: return "not_checked";
    default: break; /* two enumerations in one number */
    }
    return why < WHY_STATE ? verdict_reason_text[why - WHY_VERDICT] : health_state_text[why - WHY_STATE];
}

/* The fact within another sentence; and as a sentence, with what to do about it. */
static const struct {
    const char *fact;
    const char *advice;
} reasons[REASON_LABELS] = {
    [REASON_TIMEOUT] = {"no answer came in time", "No answer came in time. Ask again later."},
    [REASON_SERVFAIL] = {"the name server failed (SERVFAIL)",
                         "The name server failed (SERVFAIL). Ask again later."},
    [REASON_REFUSED] = {"the name server refused to answer (REFUSED)",
                        "The name server refused to answer (REFUSED): it does not serve this exporter, or "
                        "the list does not serve it."},
    [REASON_NETWORK] = {"the query could not be sent, or the connection was refused",
                        "The query could not be sent, or the connection was refused: look at the network."},
    [REASON_INVALID_ANSWER] = {"an answer came that proves nothing",
                               "An answer came that proves nothing. Ask again later."},
    [REASON_BLOCKED_ANSWER] = {"the list answered that it may not be asked",
                               "The list answered that it may not be asked."},
};

const char *why_fact(enum verdict_reason reason) {
    return reason < REASON_LABELS ? reasons[reason].fact : "";
}

const char *why_failure(const struct verdict *verdict, char out[WHY_FAILURE_SIZE]) {
    bool has_detail = verdict->detail != DETAIL_NONE;
    char culprit[IP_TEXT_SIZE] = "";
    out[0] = '\0';
    if (verdict->kind != VERDICT_UNKNOWN)
        return out;
    if (verdict->culprit != 0) {
        const struct ip ip = ip_v4(verdict->culprit);
        (void)ip_format(&ip, culprit);
    }
    (void)snprintf(out, WHY_FAILURE_SIZE, "%s%s%s%s%s%s", why_fact(verdict->reason), has_detail ? ": " : "",
                   has_detail ? verdict_detail_text[verdict->detail] : "", culprit[0] != '\0' ? " (" : "",
                   culprit, culprit[0] != '\0' ? ")" : "");
    return out;
}

const char *why_advice(unsigned why) {
    switch (why) {
    case WHY_BUDGET:
        return "The rate or the quota of the list lets no query pass in time. Ask again later, or ask at its "
               "delisting page.";
    case WHY_TIMEOUT: return "It took too long. Ask again later.";
    case WHY_INTERRUPTED: return "It was ended before the answer came.";
    case WHY_NO_MEMORY: return "There was not enough memory.";
    case WHY_WITHDRAWN: return "A later self-test of the list went wrong and took the answer back.";
    case WHY_FAMILY: return "The list is not asked about addresses of this kind.";
    case WHY_UNCONFIRMED:
        return "It was seen to be listed or delisted; a second look or a self-test is awaited.";
    case WHY_STALE: return "The last answer is too old to be shown.";
    case WHY_NOT_CHECKED: return "Its turn has not come yet.";
    default: break; /* two enumerations in one number */
    }
    if (why < WHY_STATE)
        return why >= WHY_VERDICT ? reasons[why - WHY_VERDICT].advice : "";
    return health_state_advice[why - WHY_STATE];
}
