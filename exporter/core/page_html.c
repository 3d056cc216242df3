/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of the status page: text, times, shares.
 */
#include "core/page_internal.h"

#include "core/promtext.h"

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

/* Year, month and day of a day since 1970-01-01, in eras of 400 years that begin on the 1st of March, so that
 * the leap day is the last of its year. */
static void add_date(struct buf *out, int64_t days) {
    enum { ERA = 146097, BEFORE_1970 = 719468 };
    int64_t day = days + BEFORE_1970;
    int64_t era = day / ERA;
    int64_t of_era = day % ERA;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA - 1)) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
    int64_t of_month = of_year - (153 * month + 2) / 5 + 1;
    bool next_year = month >= 10;
    buf_addf(out, "%04jd-%02jd-%02jd", (intmax_t)(era * 400 + year + next_year),
             (intmax_t)(next_year ? month - 9 : month + 3), (intmax_t)of_month);
}

void page_time(struct page *p, int64_t monotonic_ns) {
    int64_t wall_ns = monotonic_ns + p->wall_offset_ns;
    int64_t seconds = wall_ns > 0 ? wall_ns / SECOND_NS : 0;
    int64_t age_ns = p->now_ns - monotonic_ns;
    add_date(p->out, seconds / DAY);
    buf_addf(p->out, " %02d:%02d:%02d UTC (%s", (int)(seconds % DAY / HOUR), (int)(seconds % HOUR / MINUTE),
             (int)(seconds % MINUTE), age_ns < 0 ? "in " : "");
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
