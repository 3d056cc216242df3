/* SPDX-License-Identifier: Apache-2.0 */
#include "core/history.h"

const char *const history_kind_text[HISTORY_KINDS] = {
    [HISTORY_LISTED] = "listed",   [HISTORY_DELISTED] = "delisted", [HISTORY_FIRST_LISTED] = "first_listed",
    [HISTORY_CODES] = "codes",     [HISTORY_STATE] = "state",       [HISTORY_STARTED] = "started",
    [HISTORY_STOPPED] = "stopped", [HISTORY_RELOADED] = "reloaded",
};

void history_add(struct history *h, const struct history_event *event) {
    h->events[h->next] = *event;
    h->next = (h->next + 1) % HISTORY_SHOWN;
    if (h->n < HISTORY_SHOWN)
        h->n++;
}

const struct history_event *history_at(const struct history *h, uint32_t age) {
    if (age >= h->n)
        return NULL;
    return &h->events[(h->next + HISTORY_SHOWN - 1 - age) % HISTORY_SHOWN];
}
