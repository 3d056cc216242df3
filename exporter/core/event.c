/* SPDX-License-Identifier: Apache-2.0 */
#include "core/event.h"

#include <stdio.h>
#include <string.h>

static void begin(struct history_event *out, enum history_kind kind, const struct list *list) {
    *out = (struct history_event){.kind = kind};
    if (list != NULL)
        (void)snprintf(out->list, sizeof out->list, "%s", list->name);
}

/* Whole names only: half of one would be another. */
static void add_codes(const struct list *list, uint64_t codes, char out[HISTORY_DETAIL_SIZE]) {
    size_t len = 0;
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++) {
        if ((codes >> bit & 1) == 0)
            continue;
        const char *name = list_code_name(list, bit);
        size_t n = strlen(name);
        if (len + (len > 0) + n >= HISTORY_DETAIL_SIZE)
            return;
        if (len > 0)
            out[len++] = ',';
        memcpy(out + len, name, n + 1);
        len += n;
    }
}

void event_of_change(const struct list *list, const struct registry_event *change,
                     struct history_event *out) {
    static const enum history_kind kinds[] = {
        [CHANGE_LISTED] = HISTORY_LISTED,
        [CHANGE_DELISTED] = HISTORY_DELISTED,
        [CHANGE_FIRST_LISTED] = HISTORY_FIRST_LISTED,
        [CHANGE_CODES] = HISTORY_CODES,
    };
    begin(out, kinds[change->change], list);
    out->has_ip = true;
    out->ip = change->ip;
    add_codes(list, change->codes, out->detail);
}

void event_of_state(const struct list *list, enum health_state from, enum health_state to,
                    const struct verdict *because, struct history_event *out) {
    const char *reason =
        because != NULL && because->reason < REASON_LABELS ? verdict_reason_text[because->reason] : "";
    begin(out, HISTORY_STATE, list);
    (void)snprintf(out->detail, sizeof out->detail, "%s %s%s%s", health_state_text[from],
                   health_state_text[to], reason[0] != '\0' ? " " : "", reason);
}

void event_of_program(enum history_kind kind, const char *version, struct history_event *out) {
    begin(out, kind, NULL);
    (void)snprintf(out->detail, sizeof out->detail, "%s", version);
}
