/* SPDX-License-Identifier: Apache-2.0
 *
 * What changed last: the newest events of the history, in words.
 */
#include "core/page_internal.h"

#include <stdio.h>
#include <string.h>

/* "FROM TO REASON" as "list FROM -> TO (REASON)". */
static void add_state(struct page *p, const char *detail) {
    char text[HISTORY_DETAIL_SIZE];
    (void)stpcpy(text, detail);
    char *to = text + strcspn(text, " ");
    if (*to != '\0')
        *to++ = '\0';
    char *reason = to + strcspn(to, " ");
    if (*reason != '\0')
        *reason++ = '\0';
    buf_add_text(p->out, "list ");
    page_text(p, text);
    buf_add_text(p->out, " &rarr; ");
    page_text(p, to);
    if (*reason != '\0') {
        buf_add_text(p->out, " (");
        page_text(p, reason);
        buf_add_char(p->out, ')');
    }
}

/* A detail behind a phrase: `before` DETAIL `after`; nothing if there is none. */
static void add_detail(struct page *p, const char *before, const char *detail, const char *after) {
    if (detail[0] == '\0')
        return;
    buf_add_text(p->out, before);
    page_text(p, detail);
    buf_add_text(p->out, after);
}

void page_event_words(struct page *p, const struct history_event *event) {
    static const char *const phrases[HISTORY_KINDS] = {
        [HISTORY_LISTED] = "<strong class=\"bad\">listed</strong>",
        [HISTORY_DELISTED] = "<strong class=\"good\">delisted</strong>",
        [HISTORY_FIRST_LISTED] = "was listed when first seen",
        [HISTORY_CODES] = "codes changed",
        [HISTORY_STATE] = "",
        [HISTORY_STARTED] = "started",
        [HISTORY_STOPPED] = "stopped",
        [HISTORY_RELOADED] = "configuration reloaded",
    };
    buf_add_text(p->out, phrases[event->kind]);
    switch (event->kind) {
    case HISTORY_STATE: add_state(p, event->detail); break;
    case HISTORY_LISTED:
    case HISTORY_DELISTED:
    case HISTORY_FIRST_LISTED: add_detail(p, " (", event->detail, ")"); break;
    case HISTORY_CODES: add_detail(p, ": ", event->detail, ""); break;
    case HISTORY_STARTED:
    case HISTORY_STOPPED:
    case HISTORY_RELOADED: add_detail(p, ", version ", event->detail, ""); break;
    case HISTORY_KINDS: break;
    }
}

static void add_row(struct page *p, const struct history_event *event) {
    buf_add_text(p->out, "<tr><td>");
    page_time(p, event->wall_ns - p->wall_offset_ns);
    buf_add_text(p->out, "</td><td>");
    page_event_words(p, event);
    buf_add_text(p->out, "</td><td>");
    if (event->has_ip)
        page_ip(p, &event->ip);
    buf_add_text(p->out, "</td>");
    page_cell(p, event->list);
    buf_add_text(p->out, "</tr>\n");
}

void page_changes(struct page *p) {
    static const char *const heads[] = {"time", "event", "address", "list"};
    const struct history *history = p->process->history;
    buf_add_text(p->out, "<h2 id=\"changes\">Latest changes</h2>\n");
    if (history == NULL || history->n == 0) {
        buf_add_text(p->out, "<p>Nothing has happened yet.</p>\n");
        return;
    }
    char caption[128] = "The newest first.";
    if (history->n > PAGE_MAX_CHANGES)
        (void)snprintf(caption, sizeof caption,
                       "The latest %d, the newest first; an address leads to what is known of it.",
                       PAGE_MAX_CHANGES);
    page_table(p, "changes", caption, heads, sizeof heads / sizeof *heads);
    for (uint32_t age = 0; age < history->n && age < PAGE_MAX_CHANGES; age++)
        add_row(p, history_at(history, age));
    page_table_end(p);
}
