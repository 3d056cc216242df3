/* SPDX-License-Identifier: Apache-2.0
 *
 * The page about one address. Its rows are in page_check_rows.c.
 */
#include "core/page_check.h"
#include "core/page_check_internal.h"

#include "core/checker_probe.h"
#include "core/rfc3339.h"
#include "core/url.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DAY_NS (INT64_C(86400) * 1000000000)
#define ALLOWED "one IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1"
enum { DATE = 10 };

/* ---- what is wanted ---- */

static bool refuse(struct page_check *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out->error, sizeof out->error, format, args);
    va_end(args);
    return false;
}

static const char *trim(const char *text, size_t *len) {
    static const char space[] = " \t\r\n";
    for (; *len > 0 && strchr(space, text[0]) != NULL; --*len)
        text++;
    while (*len > 0 && strchr(space, text[*len - 1]) != NULL)
        --*len;
    return text;
}

/* Of "[192.0.2.1]" and "[IPv6:2001:db8::1]", as bounces write them (RFC 5321, 4.1.3), the address. */
static const char *unwrap(const char *text, size_t *len) {
    static const char tag[] = "IPv6:";
    size_t tag_len = sizeof tag - 1;
    text = trim(text, len);
    if (*len < 2 || text[0] != '[' || text[*len - 1] != ']')
        return text;
    *len -= 2;
    text = trim(text + 1, len);
    bool is_tagged = *len > tag_len && strncasecmp(text, tag, tag_len) == 0;
    if (is_tagged && memchr(text + tag_len, ':', *len - tag_len) != NULL) {
        text += tag_len;
        *len -= tag_len;
    }
    return text;
}

static bool read_ip(const struct checker *checker, const char *text, struct page_check *out) {
    char canonical[IP_TEXT_SIZE];
    struct ip ip;
    size_t len = strlen(text);
    text = unwrap(text, &len);
    (void)snprintf(out->typed, sizeof out->typed, "%.*s",
                   (int)(len < sizeof out->typed ? len : sizeof out->typed), text);
    if (ip_parse(text, len, &ip) != STATUS_OK)
        return refuse(out, "'%.100s' is no address. Allowed is " ALLOWED ".", out->typed);
    const char *special = checker_probe_refusal(checker, &ip);
    (void)ip_format(&ip, canonical);
    if (special != NULL)
        return refuse(out,
                      "%s is %s: no mail comes from it over the internet, so lists are not asked about it. "
                      "Allowed is " ALLOWED ", that is public or configured.",
                      canonical, special);
    (void)snprintf(out->typed, sizeof out->typed, "%s", canonical);
    out->ip = ip;
    out->has_ip = true;
    return true;
}

bool page_check_read(const struct checker *checker, const char *form, bool needs_ip, struct page_check *out) {
    struct url_query query;
    enum url_error error = url_query_parse(form, &query);
    *out = (struct page_check){.has_ip = false};
    if (error != URL_OK)
        return refuse(out, "What was sent cannot be read: %s. Allowed is ip=ADDRESS.", url_error_text[error]);
    for (size_t i = 0; i < query.n; i++)
        if (strcmp(query.parameters[i].name, "ip") != 0)
            return refuse(out, "There is no field '%.100s'. Allowed is ip=ADDRESS.",
                          query.parameters[i].name);
    const char *text = url_query_find(&query, "ip");
    if (text != NULL)
        return read_ip(checker, text, out);
    return !needs_ip || refuse(out, "No address was given. Allowed is " ALLOWED ".");
}

/* ---- about the address ---- */

/* No block list has been asked, or none could be. */
static bool is_unasked(const struct page_check_counts *n) {
    return n->listed + n->open + n->not_listed + n->kept + n->blank == 0;
}

/* All block lists that know such addresses say so now, and have shown that they can say otherwise. */
static bool is_good(const struct page_check_counts *n) {
    return n->not_listed > 0 && n->listed + n->open + n->unknown + n->kept + n->not_asked + n->unproven == 0;
}

static void add_clean(struct page *p, const struct page_check_counts *n) {
    unsigned all = n->not_listed + n->kept;
    if (n->kept > 0 && all == 1)
        buf_add_text(p->out, " was not on the one block list when it could last say");
    else if (n->kept > 0)
        buf_addf(p->out, " was on none of the %u block lists when they could last say", all);
    else if (all == 1)
        buf_add_text(p->out, " is not on the one block list that could say");
    else
        buf_addf(p->out, " is on none of the %u block lists that could say", all);
}

/* What was proven before a list went blind stays said, but not as if it were proven now. */
static void add_listed(struct page *p, const struct page_check_counts *n) {
    const char *plural = n->listed == 1 ? "" : "s";
    if (n->doubted == n->listed)
        buf_addf(p->out, " was listed on %u block list%s when %s could last say", n->listed, plural,
                 n->listed == 1 ? "it" : "they");
    else
        buf_addf(p->out, " is listed on %u block list%s", n->listed, plural);
    if (n->doubted > 0 && n->doubted < n->listed)
        buf_addf(p->out, ", as of before on %u that cannot be believed now", n->doubted);
    if (n->blank > 0)
        buf_addf(p->out, "; %u could not say", n->blank);
}

static void add_title(struct page *p, const struct page_check_counts *n, const char *ip) {
    const char *class = is_good(n) ? " class=\"good\"" : "";
    buf_addf(p->out, "<h1%s>%s", n->listed > 0 ? " class=\"bad\"" : class, ip);
    if (n->listed > 0)
        add_listed(p, n);
    else if (n->open > 0)
        buf_add_text(p->out, " is being checked");
    else if (n->not_listed + n->kept > 0)
        add_clean(p, n);
    else if (n->blank > 0)
        buf_add_text(p->out, " may be listed or not: no block list could say");
    else if (n->other > 0 || n->not_asked == 0)
        buf_add_text(p->out, ": no block list is asked");
    else
        buf_add_text(p->out, " has not been asked about");
    if (n->not_asked > 0 && !is_unasked(n))
        buf_addf(p->out, "; %u list%s not asked", n->not_asked, n->not_asked == 1 ? " was" : "s were");
    buf_add_text(p->out, "</h1>\n");
}

static void add_progress(struct page *p, const struct page_check_counts *n, const char *ip) {
    if (n->open > 0)
        buf_addf(
            p->out,
            "<p>No answer yet from %u list%s. <a href=\"check?ip=%s\">Look again</a> in some seconds.</p>\n",
            n->open, n->open == 1 ? "" : "s", ip);
}

/* Where it is configured. */
static void add_places(struct page *p, const struct ip *ip) {
    const char *before = "<p>It is configured: ";
    for (uint32_t g = 0; g < p->settings->n_groups; g++) {
        if (!target_group_names(p->targets, g, ip))
            continue;
        buf_addf(p->out, "%sin group ", before);
        page_text(p, p->settings->groups[g].name);
        before = ", ";
    }
    for (uint32_t i = 0; i < p->targets->n_ranges; i++) {
        const struct target_range *range = &p->targets->ranges[i];
        if (!ip_range_contains(&range->range->range, ip))
            continue;
        buf_addf(p->out, "%sin range %s of group ", before, range->range->label);
        page_text(p, p->settings->groups[range->group].name);
        before = ", ";
    }
    buf_add_text(
        p->out,
        target_is_configured(p->targets, ip)
            ? ".</p>\n"
            : "<p>It is not configured, so it is not watched: what is said here is said of now.</p>\n");
}

static const struct group_range *published_range(const struct page_check *check) {
    for (size_t i = 0; check->microsoft != NULL && i < check->microsoft->n_ranges; i++)
        if (ip_range_contains(&check->microsoft->ranges[i].range, &check->ip))
            return &check->microsoft->ranges[i];
    return NULL;
}

static bool knows_family(const struct page_check *check) {
    for (size_t i = 0; check->microsoft != NULL && i < check->microsoft->n_ranges; i++)
        if (check->microsoft->ranges[i].range.first.family == check->ip.family)
            return true;
    return false;
}

static void add_published(struct page *p, const struct page_check *check) {
    const struct group_range *range = published_range(check);
    char date[RFC3339_SIZE];
    if (!knows_family(check)) {
        buf_add_text(
            p->out,
            "<p>Whether it is Microsoft's is not known here: no ranges of this kind are known.</p>\n");
        return;
    }
    (void)rfc3339_format(check->microsoft->ranges_date_days * DAY_NS, date);
    if (range != NULL)
        buf_addf(p->out, "<p>It is Microsoft's: in %s, from where Microsoft 365 sends mail", range->label);
    else
        buf_add_text(p->out, "<p>It is in none of the ranges from where Microsoft 365 sends mail");
    buf_addf(p->out, " (as published on %.*s).</p>\n", DATE, date);
}

/* ---- what to do ---- */

static void add_listed_advice(struct page *p, bool is_microsoft) {
    if (is_microsoft)
        buf_add_text(
            p->out,
            "<p>Many customers of Microsoft send from this address: somebody else's mail got it listed, and "
            "SPF, DKIM and DMARC of your domain neither caused that nor mend it.</p>\n"
            "<p>Open a ticket with Microsoft in the Microsoft 365 admin center: name this address and the "
            "list, send the whole bounce along, and ask for delisting and for sending from clean addresses. "
            "The delisting page shows what the list has against it; often only the owner of the address may "
            "ask for removal.</p>\n");
    else
        buf_add_text(
            p->out,
            "<p>The list is about the address, not about your domain: SPF, DKIM and DMARC do not mend it. If "
            "the address is a provider's, open a ticket there, and send the whole bounce along. If it is "
            "yours, find what was sent from it and stop that, then ask for removal at the delisting "
            "page.</p>\n");
}

static void add_ask(struct page *p, const struct page_check_counts *n) {
    if (n->not_asked == 0) {
        buf_add_text(p->out, "<p>No block list that is enabled is asked about such addresses: what is said "
                             "here says nothing of listings.</p>\n");
        return;
    }
    buf_add_text(p->out, n->other > 0 ? "<p>No block list has been asked. Ask them" : "<p>Ask the lists");
    buf_add_text(p->out, ": that takes a few queries of each, and a few seconds.</p>\n");
}

static void add_advice(struct page *p, const struct page_check *check, const struct page_check_counts *n) {
    buf_add_text(p->out, "<h2>What to do</h2>\n");
    if (n->listed > 0)
        add_listed_advice(p, published_range(check) != NULL);
    if (n->unknown > 0)
        buf_add_text(p->out,
                     "<p>A list that could not say may list it all the same: the table says why it could "
                     "not, and what helps.</p>\n");
    if (n->kept > 0)
        buf_add_text(p->out, "<p>A list that cannot be believed now may list it all the same: the <a "
                             "href=\"./#blind\">status page</a> says why, and what to do.</p>\n");
    if (n->listed == 0 && n->open == 0 && n->not_listed > 0)
        buf_add_text(p->out,
                     "<p>If mail from it bounces all the same, the bounce names the list: the receiver "
                     "uses one that is not asked here, or the listing has just ended.</p>\n");
    if (is_unasked(n))
        add_ask(p, n);
    buf_add_text(p->out,
                 "<form method=\"post\" action=\"check\">\n<input type=\"hidden\" name=\"ip\" value=\"");
    page_text(p, check->typed);
    buf_add_text(p->out,
                 "\">\n<button>Ask the lists now</button>\n<span class=\"soft\">What was asked in the last "
                 "minute is not asked again.</span>\n</form>\n");
}

/* ---- history ---- */

static void add_history(struct page *p, const struct page_check *check) {
    buf_add_text(p->out, "<h2>History</h2>\n");
    if (check->history_error != NULL) {
        buf_add_text(p->out, "<p>There is none to be had: ");
        page_text(p, check->history_error);
        buf_add_text(p->out, ".</p>\n");
        return;
    }
    if (check->n_events == 0) {
        buf_add_text(p->out, "<p>Nothing has been seen to happen to it.</p>\n");
        return;
    }
    buf_add_text(p->out, "<ul>\n");
    for (size_t i = 0; i < check->n_events; i++) {
        const struct history_event *event = &check->events[i];
        buf_add_text(p->out, "<li>");
        page_time(p, event->wall_ns - p->wall_offset_ns);
        buf_add_text(p->out, ": ");
        page_text(p, event->list);
        buf_add_char(p->out, ' ');
        page_event_words(p, event);
        buf_add_text(p->out, "</li>\n");
    }
    buf_add_text(p->out, "</ul>\n");
    if (check->more)
        buf_add_text(p->out, "<p>There is more of it in the JSON.</p>\n");
}

/* ---- all of it ---- */

static void add_address(struct page *p, const struct page_check *check) {
    const struct page_check_counts n = page_check_count(p, &check->ip);
    const char *ip = check->typed;
    add_title(p, &n, ip);
    add_progress(p, &n, ip);
    page_unproven(p, n.unproven);
    add_places(p, &check->ip);
    add_published(p, check);
    page_check_rows(p, &check->ip);
    add_advice(p, check, &n);
    add_history(p, check);
    if (target_is_configured(p->targets, &check->ip) || check->n_events > 0)
        buf_addf(p->out, "<p><a href=\"api/v1/addresses/%s\">What is known of it as JSON</a></p>\n", ip);
}

void page_check_render(struct buf *out, const struct checker *checker, const struct page_process *process,
                       const struct page_check *check, int64_t now_ns, int64_t wall_offset_ns) {
    struct page p = page_make(out, checker, process, now_ns, wall_offset_ns);
    page_begin(&p, check->has_ip ? check->typed : "check");
    if (!check->has_ip)
        buf_add_text(out, "<h1>Check an address</h1>\n");
    if (check->error[0] != '\0') {
        buf_add_text(out, "<p class=\"bad\">");
        page_text(&p, check->error);
        buf_add_text(out, "</p>\n");
    }
    if (check->has_ip)
        add_address(&p, check);
    page_check_box(&p, check->has_ip ? "" : check->typed);
    page_end(&p);
}
