/* SPDX-License-Identifier: Apache-2.0 */
#include "core/why.h"

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
