/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of pages: text, times, shares, addresses, codes; and the beginning and end of their tables.
 */
#include "core/page_internal.h"

#include "core/human.h"
#include "core/promtext.h"
#include "core/rfc3339.h"

#include <string.h>

#define SECOND_NS INT64_C(1000000000)
enum { MINUTE = 60, HOUR = 3600, DAY = 86400, C1_FIRST = 0xc2, C1_END = 0xa0, DELETE = 0x7f };

/* What changes the direction of text around it (Unicode 15.0, UAX #9), in UTF-8: from `first` to `last`,
 * which differ in their last byte alone. */
static const struct {
    char first[4], last[4];
} bidi[] = {
    {"\xd8\x9c", "\xd8\x9c"},         /* U+061C */
    {"\xe2\x80\x8e", "\xe2\x80\x8f"}, /* U+200E, U+200F */
    {"\xe2\x80\xaa", "\xe2\x80\xae"}, /* U+202A to U+202E */
    {"\xe2\x81\xa6", "\xe2\x81\xa9"}, /* U+2066 to U+2069 */
};

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

static bool is_bidi(const char *at, size_t n) {
    for (size_t i = 0; i < sizeof bidi / sizeof *bidi; i++)
        if (n == strlen(bidi[i].first) && memcmp(at, bidi[i].first, n) >= 0 &&
            memcmp(at, bidi[i].last, n) <= 0)
            return true;
    return false;
}

void page_text(struct page *p, const char *text) {
    while (*text != '\0') {
        size_t n = promtext_utf8(text);
        if (n == 0 || is_control((const unsigned char *)text) || is_bidi(text, n))
            buf_add_text(p->out, "\xef\xbf\xbd");
        else if (entity(*text) != NULL)
            buf_add_text(p->out, entity(*text));
        else
            buf_add(p->out, text, n);
        text += n > 0 ? n : 1;
    }
}

void page_quote(struct page *p, const char *text) {
    buf_add_text(p->out, "<bdi>");
    page_text(p, text);
    buf_add_text(p->out, "</bdi>");
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

static void add_age(struct page *p, int64_t age_ns) {
    buf_add_text(p->out, age_ns < 0 ? "in " : "");
    page_duration(p, age_ns < 0 ? -age_ns : age_ns);
    buf_add_text(p->out, age_ns < 0 ? "" : " ago");
}

/* `<time datetime="2025-01-01T00:00:00Z">`; the text is in `text` afterwards. */
static void open_time(struct page *p, int64_t monotonic_ns, char text[RFC3339_SIZE]) {
    (void)rfc3339_format(monotonic_ns + p->wall_offset_ns, text);
    buf_add_text(p->out, "<time datetime=\"");
    buf_add_text(p->out, text);
    buf_add_text(p->out, "\">");
}

void page_time(struct page *p, int64_t monotonic_ns) {
    enum { DATE = 10, TIME = 5 };
    char text[RFC3339_SIZE];
    open_time(p, monotonic_ns, text);
    buf_add(p->out, text, DATE);
    buf_add_char(p->out, ' ');
    buf_add(p->out, text + DATE + 1, TIME);
    buf_add_text(p->out, " UTC</time> (");
    add_age(p, p->now_ns - monotonic_ns);
    buf_add_char(p->out, ')');
}

void page_age(struct page *p, int64_t monotonic_ns) {
    char text[RFC3339_SIZE];
    open_time(p, monotonic_ns, text);
    add_age(p, p->now_ns - monotonic_ns);
    buf_add_text(p->out, "</time>");
}

void page_number(struct page *p, uint64_t number) {
    char text[HUMAN_SIZE];
    buf_add_text(p->out, human_number(number, text));
}

/* Cut, not rounded: 100 % is all of it. */
void page_share(struct page *p, uint64_t part, uint64_t whole) {
    page_number(p, part);
    buf_add_text(p->out, " of ");
    page_number(p, whole);
    if (whole > 0) {
        uint64_t hundredths = (uint64_t)(10000.0 * (double)part / (double)whole);
        buf_addf(p->out, " (%ju.%02ju %%)", (uintmax_t)(hundredths / 100), (uintmax_t)(hundredths % 100));
    }
}

void page_percent(struct page *p, double share) {
    buf_addf(p->out, "%.2f %%", 100 * share);
}

void page_ip(struct page *p, const struct ip *ip) {
    char text[IP_TEXT_SIZE];
    (void)ip_format(ip, text);
    buf_add_text(p->out, "<a href=\"check?ip=");
    buf_add_text(p->out, text);
    buf_add_text(p->out, "\">");
    buf_add_text(p->out, text);
    buf_add_text(p->out, "</a>");
}

void page_codes(struct page *p, const struct list *list, uint64_t codes) {
    const char *comma = "";
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++) {
        if ((codes >> bit & 1) == 0)
            continue;
        buf_add_text(p->out, comma);
        page_text(p, list_code_name(list, bit));
        comma = ", ";
    }
}

static bool is_web_address(const char *url) {
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

void page_delisting(struct page *p, const struct list *list) {
    if (!is_web_address(list->delist_url)) {
        page_text(p, list->delist_url);
        return;
    }
    buf_add_text(p->out, "<a href=\"");
    page_text(p, list->delist_url);
    buf_add_text(p->out, "\">delisting page</a>");
}

void page_unproven(struct page *p, unsigned n) {
    if (n == 1)
        buf_add_text(p->out, "<p>1 list has no test entry that must be listed: what it does not list is "
                             "unproven.</p>\n");
    else if (n > 0)
        buf_addf(p->out,
                 "<p>%u lists have no test entry that must be listed: what they do not list is "
                 "unproven.</p>\n",
                 n);
}

void page_table(struct page *p, const char *name, const char *caption, const char *const *heads, size_t n) {
    buf_addf(p->out, "<table class=\"%s\">\n<caption>%s</caption>\n<thead><tr>", name, caption);
    for (size_t i = 0; i < n; i++)
        buf_addf(p->out, "<th scope=\"col\">%s</th>", heads[i]);
    buf_add_text(p->out, "</tr></thead>\n<tbody>\n");
}

void page_table_end(struct page *p) {
    buf_add_text(p->out, "</tbody>\n</table>\n");
}
