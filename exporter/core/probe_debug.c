/* SPDX-License-Identifier: Apache-2.0
 *
 * What is answered to debug=true: what was done, line by line, then the metrics.
 *
 * Texts of lists are safe to print when the checker keeps them (see reply_read_txt()).
 */
#include "core/human.h"
#include "core/probe.h"
#include "core/probe_internal.h"
#include "core/why.h"

#include <string.h>

struct log {
    struct buf *out;
    const struct probe_answer *answer;
    const struct checker *c;
    uint32_t list;
    const struct list *of;
};

/* ---- pieces ---- */

static void add_seconds(struct buf *out, int64_t ns) {
    buf_addf(out, "%.3f s", (double)ns / 1e9);
}

/* A line about the list. */
static void begin_line(const struct log *log) {
    buf_addf(log->out, "list %s: ", log->of->name);
}

static void add_ip(struct buf *out, const struct ip *ip) {
    char text[IP_TEXT_SIZE];
    (void)ip_format(ip, text);
    buf_add_text(out, text);
}

static void add_server(struct buf *out, const struct endpoint *server) {
    bool brackets = server->ip.family == IP_V6;
    buf_add_text(out, brackets ? "[" : "");
    add_ip(out, &server->ip);
    buf_addf(out, "%s:%u", brackets ? "]" : "", (unsigned)server->port);
}

/* As it is asked, but for a key in the zone. */
static void add_name(const struct log *log) {
    static const struct qname root = {.wire = {0}, .len = 1};
    char text[4 * QNAME_MAX + 1];
    struct qname name;
    if (qname_for_ip(&log->answer->question->ip, &root, &name) != STATUS_OK)
        return;
    (void)qname_format(&name, text);
    buf_addf(log->out, "%s.%s", text, log->of->zone);
}

static void add_quoted(struct buf *out, const char *text) {
    buf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
    buf_add_char(out, '"');
}

/* ---- the list and its tests ---- */

static void add_test(const struct log *log, uint32_t track) {
    const struct checker_list *l = &log->c->lists[log->list];
    const struct health *h = &l->tracks[track].health[log->answer->question->ip.family];
    begin_line(log);
    buf_add_text(log->out, "self-test by ");
    add_server(log->out, &log->c->servers[l->servers[track]].endpoint);
    if (h->tested) {
        buf_addf(log->out, ": %s, ended ", h->state == HEALTH_OK ? "right" : health_state_text[h->state]);
        add_seconds(log->out, log->answer->now_ns - h->ended_ns);
        buf_add_text(log->out, " ago");
    } else {
        buf_add_text(log->out, ": none has ended yet");
    }
    buf_addf(log->out, "%s\n", h->running ? "; one is running" : "");
}

static void add_budget(const struct log *log) {
    struct quota *quota = checker_quota(log->c, log->list);
    char limit[HUMAN_SIZE];
    char used[HUMAN_SIZE];
    char per[HUMAN_SIZE];
    if (quota->limit == 0)
        return;
    begin_line(log);
    buf_addf(log->out, "budget of %s queries in %s, of which %s are spent\n",
             human_number(quota->limit, limit), human_duration(quota->per_ns, per),
             human_number(quota_used(quota, log->answer->now_ns), used));
}

static void add_state(const struct log *log) {
    const struct checker_list *l = &log->c->lists[log->list];
    begin_line(log);
    buf_addf(log->out, "%s, state %s, asked for ", list_kind_text[log->of->kind],
             health_state_text[l->state]);
    add_name(log);
    buf_add_char(log->out, '\n');
    for (uint32_t track = 0; track < l->n_servers; track++)
        add_test(log, track);
    add_budget(log);
}

/* ---- what was asked ---- */

static void add_rcode(struct buf *out, unsigned rcode) {
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
    if (rcode < sizeof names / sizeof *names)
        buf_add_text(out, names[rcode]);
    else
        buf_addf(out, "rcode %u", rcode);
}

static void add_addresses(struct buf *out, const struct probe_look *look) {
    for (uint32_t i = 0; i < look->n_addresses && i < PROBE_LOOK_ADDRESSES; i++) {
        struct ip ip = ip_v4(look->addresses[i]);
        buf_add_text(out, i == 0 ? " " : ", ");
        add_ip(out, &ip);
    }
    if (look->n_addresses > PROBE_LOOK_ADDRESSES)
        buf_addf(out, ", ... (%u addresses)", (unsigned)look->n_addresses);
}

static void add_answer(struct buf *out, const struct probe_look *look) {
    static const char *const forms[] = {
        [REPLY_SOUND] = "",
        [REPLY_SHORT] = "a message of less than 12 bytes",
        [REPLY_NOT_OURS] = "no answer to the question",
        [REPLY_TRUNCATED] = "a truncated answer",
        [REPLY_NO_SERVICE] = "an answer of one who does not serve the zone",
        [REPLY_BAD_NAME] = "a message with a broken name",
        [REPLY_BAD_RECORD] = "a message with a broken record",
    };
    if (look->is_txt && look->form == REPLY_SOUND) {
        buf_add_text(out, look->has_txt ? "a reason" : "no reason");
    } else if (look->form != REPLY_SOUND) {
        buf_add_text(out, forms[look->form]);
    } else {
        add_rcode(out, look->rcode);
        add_addresses(out, look);
    }
    buf_addf(out, ", took %.1f ms", look->took_us / 1e3);
}

static void add_meaning(struct buf *out, const struct probe_look *look) {
    switch ((enum verdict_kind)look->verdict) {
    case VERDICT_NOT_LISTED: buf_add_text(out, ": not listed"); return;
    case VERDICT_LISTED: buf_add_text(out, ": listed"); return;
    case VERDICT_UNKNOWN: break;
    }
    if (look->reason == REASON_NONE) {
        buf_add_text(out, ": asked again over TCP");
        return;
    }
    buf_addf(out, ": unknown (%s", verdict_reason_text[look->reason]);
    if (look->detail != DETAIL_NONE)
        buf_addf(out, ": %s", verdict_detail_text[look->detail]);
    buf_add_char(out, ')');
}

static void add_look(const struct log *log, const struct probe_look *look) {
    int64_t after_ns = look->at_ns - log->answer->began_ns;
    begin_line(log);
    buf_addf(log->out, "%+.3f s %s%s, ", (double)after_ns / 1e9, look->is_txt ? "TXT" : "A",
             look->is_tcp ? " over TCP" : "");
    add_server(log->out, &look->server);
    buf_add_text(log->out, ": ");
    switch ((enum checker_outcome)look->outcome) {
    case CHECKER_ANSWER: add_answer(log->out, look); break;
    case CHECKER_TIMEOUT: buf_add_text(log->out, why_fact(REASON_TIMEOUT)); break;
    case CHECKER_NETWORK: buf_add_text(log->out, why_fact(REASON_NETWORK)); break;
    }
    if (look->outcome == CHECKER_ANSWER && (!look->is_txt || look->form == REPLY_TRUNCATED))
        add_meaning(log->out, look);
    buf_add_char(log->out, '\n');
}

static void add_looks(const struct log *log, const struct probe_result *result) {
    const struct probe_look *looks;
    bool more;
    size_t n = checker_probe_looks(log->c, log->list, &log->answer->question->ip, &looks, &more);
    for (size_t i = 0; i < n; i++)
        add_look(log, &looks[i]);
    const char *note = NULL;
    if (more)
        note = "there were more queries than are kept";
    else if (n == 0 && result->sent)
        note = "a query was sent and not answered";
    else if (n == 0 && result->verdict != REGISTRY_UNKNOWN)
        note = "no query was sent: the exporter itself had asked within the last minute";
    else if (n == 0)
        note = "no query was sent";
    if (note == NULL)
        return;
    begin_line(log);
    buf_addf(log->out, "%s\n", note);
}

/* ---- the verdict ---- */

static void add_listing(const struct log *log, const struct probe_result *result) {
    const char *before = " (";
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++) {
        if ((result->codes >> bit & 1) == 0)
            continue;
        buf_addf(log->out, "%s%s", before, list_code_name(log->of, bit));
        before = ", ";
    }
    buf_add_text(log->out, result->codes != 0 ? ")" : "");
    if (result->txt == NULL)
        return;
    buf_add_text(log->out, ", reason ");
    add_quoted(log->out, result->txt);
}

static void add_verdict(const struct log *log, const struct probe_result *result) {
    begin_line(log);
    buf_addf(log->out, "verdict: %s", registry_verdict_text[result->verdict]);
    if (result->verdict == REGISTRY_UNKNOWN)
        buf_addf(log->out, " (%s): %s", why_text(result->why), why_advice(result->why));
    else if (result->score >= 0)
        buf_addf(log->out, ", score %d", result->score);
    else if (result->verdict == REGISTRY_LISTED)
        add_listing(log, result);
    int64_t before_ns = log->answer->began_ns - result->ended_ns;
    if (result->verdict != REGISTRY_UNKNOWN && before_ns > 0) {
        buf_add_text(log->out, "; it was known ");
        add_seconds(log->out, before_ns);
        buf_add_text(log->out, " before: a list is not asked again within a minute");
    }
    buf_add_char(log->out, '\n');
}

static void add_list(const struct log *log) {
    const struct probe_result result = probe_result_of(log->answer, log->list);
    add_state(log);
    add_looks(log, &result);
    add_verdict(log, &result);
}

/* ---- the whole ---- */

static void add_beginning(const struct log *log, const struct probe_count *count) {
    const struct ip *ip = &log->answer->question->ip;
    buf_add_text(log->out, "Logs for the probe:\ntarget ");
    add_ip(log->out, ip);
    buf_addf(log->out, ": %s, asked of %u list%s, at most ",
             target_is_configured(log->c->targets, ip) ? "configured" : "not configured", count->n_asked,
             count->n_asked == 1 ? "" : "s");
    add_seconds(log->out, log->answer->allowed_ns);
    buf_add_char(log->out, '\n');
}

static void add_end(const struct log *log, const struct probe_count *count) {
    buf_addf(log->out, "probe %s: %u of %u verdicts after ",
             count->n_conclusive == count->n_asked ? "succeeded" : "failed", count->n_conclusive,
             count->n_asked);
    add_seconds(log->out, log->answer->now_ns - log->answer->began_ns);
    buf_add_char(log->out, '\n');
}

void probe_debug(struct buf *out, const struct probe_answer *answer) {
    struct log log = {.out = out, .answer = answer, .c = answer->checker};
    const struct probe_count count = probe_count(answer);
    uint32_t n = (uint32_t)log.c->settings->n_lists;
    add_beginning(&log, &count);
    for (log.list = probe_next_list(answer, 0); log.list < n;
         log.list = probe_next_list(answer, log.list + 1)) {
        log.of = &log.c->settings->lists[log.list];
        add_list(&log);
    }
    add_end(&log, &count);
    buf_add_text(out, "\n\n\nMetrics that would have been returned:\n");
    probe_render(out, PROMTEXT_004, answer);
}
