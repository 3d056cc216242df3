/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked. Whatever is wrong is refused with one line that says what, and what would do.
 */
#include "core/probe.h"

#include "core/checker_probe.h"
#include "core/url.h"

#include <string.h>

enum { SHOWN_MOST = 100, WHOLE_DIGITS = 9, FRACTION_DIGITS = 18 };
#define SECOND_NS INT64_C(1000000000)

struct reader {
    struct buf *out;
    const struct checker *c;
    struct probe_question *question;
    bool has_target;
    bool has_debug;
    bool has_lists;
};

/* ---- refusals ---- */

/* What a client has sent, so that it can do nothing but be read. */
static void add_shown(struct buf *out, const char *text) {
    buf_add_char(out, '\'');
    for (int i = 0; i < SHOWN_MOST && text[i] != '\0'; i++)
        buf_add_char(out, text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    buf_add_char(out, '\'');
}

static bool refuse(struct buf *out, const char *before, const char *shown, const char *after) {
    buf_add_text(out, before);
    if (shown != NULL)
        add_shown(out, shown);
    buf_add_text(out, after);
    buf_add_char(out, '\n');
    return false;
}

static bool refuse_list(const struct reader *r, const char *name) {
    const struct settings *settings = r->c->settings;
    const char *before = "";
    buf_add_text(r->out, "there is no list ");
    add_shown(r->out, name);
    buf_add_text(r->out, ": there are ");
    for (uint32_t i = 0; i < settings->n_lists; i++) {
        if (r->c->lists[i].list == NULL)
            continue;
        buf_addf(r->out, "%s%s", before, settings->lists[i].name);
        before = ", ";
    }
    buf_add_char(r->out, '\n');
    return false;
}

/* ---- parameters ---- */

static bool read_target(struct reader *r, const char *text) {
    if (r->has_target)
        return refuse(r->out, "the parameter target is there twice: a probe is of one address", NULL, "");
    r->has_target = true;
    if (text[0] == '\0')
        return refuse(r->out, "the parameter target is empty: expected an address such as 192.0.2.1", NULL,
                      "");
    if (ip_parse(text, strlen(text), &r->question->ip) != STATUS_OK)
        return refuse(r->out, "the target ", text,
                      " is no IP address: lists are asked about addresses, such as 192.0.2.1 or 2001:db8::1, "
                      "not about host names, ports or ranges");
    const char *special = checker_probe_refusal(r->c, &r->question->ip);
    if (special == NULL)
        return true;
    buf_addf(r->out,
             "the target %s is %s: no mail comes from it over the internet, so lists are not asked about it "
             "unless it is configured\n",
             text, special);
    return false;
}

static bool read_list(struct reader *r, const char *name) {
    const struct settings *settings = r->c->settings;
    r->has_lists = true;
    for (uint32_t i = 0; i < settings->n_lists; i++) {
        if (strcmp(settings->lists[i].name, name) != 0)
            continue;
        if (r->c->lists[i].list == NULL)
            return refuse(r->out, "the list ", name, " is disabled in the configuration (enabled: false)");
        r->question->lists[i] = true;
        return true;
    }
    return refuse_list(r, name);
}

static bool read_debug(struct reader *r, const char *text) {
    r->question->debug = strcmp(text, "true") == 0;
    if (r->has_debug)
        return refuse(r->out, "the parameter debug is there twice", NULL, "");
    r->has_debug = true;
    return r->question->debug || strcmp(text, "false") == 0 ||
           refuse(r->out, "debug must be true or false, not ", text, "");
}

/* Prometheus' users add parameters of their own, such as `module`. */
static bool read_parameter(struct reader *r, const struct url_parameter *parameter) {
    if (strcmp(parameter->name, "target") == 0)
        return read_target(r, parameter->value);
    if (strcmp(parameter->name, "list") == 0)
        return read_list(r, parameter->value);
    return strcmp(parameter->name, "debug") != 0 || read_debug(r, parameter->value);
}

/* Lists that were named have to be of the address's family; of all, those that are. */
static bool choose_lists(struct reader *r) {
    enum ip_family family = r->question->ip.family;
    const char *name = family == IP_V4 ? "IPv4" : "IPv6";
    bool any = false;
    for (uint32_t i = 0; i < r->c->settings->n_lists; i++) {
        const struct list *list = r->c->lists[i].list;
        bool fits = list != NULL && list->families[family];
        if (r->question->lists[i] && !fits) {
            buf_addf(r->out, "the list '%s' is not asked about %s addresses (families)\n",
                     r->c->settings->lists[i].name, name);
            return false;
        }
        r->question->lists[i] = fits && (r->question->lists[i] || !r->has_lists);
        any = any || r->question->lists[i];
    }
    if (!any)
        buf_addf(r->out, "no list is enabled that is asked about %s addresses\n", name);
    return any;
}

bool probe_read(struct buf *out, const struct checker *c, const char *query,
                struct probe_question *question) {
    struct probe_question read = {.debug = false};
    struct reader r = {.out = out, .c = c, .question = &read};
    char room[URL_SIZE];
    for (const char *at = query; *at != '\0';) {
        struct url_parameter parameter;
        enum url_error error = url_query_next(&at, room, &parameter);
        if (error != URL_OK)
            return refuse(out, "what is behind ? cannot be read: ", NULL, url_error_text[error]);
        if (parameter.name != NULL && !read_parameter(&r, &parameter))
            return false;
    }
    if (!r.has_target)
        return refuse(out, "the parameter target is missing: expected /probe?target=IP", NULL, "");
    if (!choose_lists(&r))
        return false;
    *question = read;
    return true;
}

/* ---- time ---- */

/* Digits with a fraction or without, of which nanoseconds count. */
static bool read_seconds(const char *text, int64_t *ns) {
    int64_t whole = 0;
    int64_t fraction = 0;
    int64_t unit = SECOND_NS;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && at - text < WHOLE_DIGITS; at++)
        whole = whole * 10 + (*at - '0');
    if (at == text)
        return false;
    if (*at == '.') {
        const char *from = ++at;
        for (; *at >= '0' && *at <= '9' && at - from < FRACTION_DIGITS; at++) {
            unit /= 10;
            fraction += unit * (*at - '0');
        }
        if (at == from)
            return false;
    }
    *ns = whole * SECOND_NS + fraction;
    return *at == '\0' && *ns > 0;
}

bool probe_read_time(struct buf *out, const char *seconds, int64_t *ns) {
    const int64_t most_ns = PROBE_MOST_SECONDS * SECOND_NS;
    int64_t allowed_ns;
    if (seconds[0] == '\0') {
        *ns = PROBE_UNSAID_NS;
        return true;
    }
    if (!read_seconds(seconds, &allowed_ns))
        return refuse(out, "the header X-Prometheus-Scrape-Timeout-Seconds must be a positive number, not ",
                      seconds, "");
    allowed_ns -= PROBE_LESS_NS;
    if (allowed_ns < PROBE_LEAST_NS)
        allowed_ns = PROBE_LEAST_NS;
    *ns = allowed_ns < most_ns ? allowed_ns : most_ns;
    return true;
}
