/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of the status page: text, times, shares.
 */
#include "core/page_internal.h"

#include "core/promtext.h"
#include "core/rfc3339.h"

#include <string.h>

#define SECOND_NS INT64_C(1000000000)
enum { MINUTE = 60, HOUR = 3600, DAY = 86400, C1_FIRST = 0xc2, C1_END = 0xa0, DELETE = 0x7f };

static const char *entity(char c) {
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    }
    return NULL;
}

static bool is_control(const unsigned char *at) {
    return at[0] < ' ' || at[0] == DELETE || (at[0] == C1_FIRST && at[1] < C1_END);
}

void page_text(struct page *p, const char *text) {
    while (*text != '\0') {
        size_t n = promtext_utf8(text);
        if (n == 0 || is_control((const unsigned char *)text))
            buf_add_text(p->out, "\xef\xbf\xbd");
        else if (entity(*text) != NULL)
            buf_add_text(p->out, entity(*text));
        else
            buf_add(p->out, text, n);
        text += n > 0 ? n : 1;
    }
}

void page_cell(struct page *p, const char *text) {
    buf_add_text(p->out, "<td>");
    page_text(p, text);
    buf_add_text(p->out, "</td>");
}

void page_duration(struct page *p, int64_t ns) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{DAY, "d"}, {HOUR, "h"}, {MINUTE, "min"}, {1, "s"}};
    enum { LAST = sizeof units / sizeof *units - 1 };
    int64_t seconds = ns > 0 ? ns / SECOND_NS : 0;
    int unit = 0;
    while (unit < LAST && seconds < units[unit].seconds)
        unit++;
    buf_addf(p->out, "%jd %s", (intmax_t)(seconds / units[unit].seconds), units[unit].name);
    int64_t rest = seconds % units[unit].seconds;
    if (unit < LAST && rest >= units[unit + 1].seconds)
        buf_addf(p->out, " %jd %s", (intmax_t)(rest / units[unit + 1].seconds), units[unit + 1].name);
}

void page_time(struct page *p, int64_t monotonic_ns) {
    enum { DATE = 10, TIME = 8 };
    char text[RFC3339_SIZE];
    int64_t age_ns = p->now_ns - monotonic_ns;
    (void)rfc3339_format(monotonic_ns + p->wall_offset_ns, text);
    buf_addf(p->out, "%.*s %.*s UTC (%s", DATE, text, TIME, text + DATE + 1, age_ns < 0 ? "in " : "");
    page_duration(p, age_ns < 0 ? -age_ns : age_ns);
    buf_add_text(p->out, age_ns < 0 ? ")" : " ago)");
}

/* Cut, not rounded: 100 % is all of it. */
void page_share(struct page *p, uint64_t part, uint64_t whole) {
    buf_add_u64(p->out, part);
    buf_add_text(p->out, " of ");
    buf_add_u64(p->out, whole);
    if (whole > 0) {
        uint64_t hundredths = (uint64_t)(10000.0 * (double)part / (double)whole);
        buf_addf(p->out, " (%ju.%02ju %%)", (uintmax_t)(hundredths / 100), (uintmax_t)(hundredths % 100));
    }
}
