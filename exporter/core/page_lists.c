/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the lists can be believed, and how much of each range has been looked at.
 */
#include "core/page_internal.h"

/* --- Lists --- */

static const char *reason_words(enum verdict_reason reason) {
    switch (reason) {
    case REASON_TIMEOUT: return "no answer in time";
    case REASON_SERVFAIL: return "the name server failed (SERVFAIL)";
    case REASON_REFUSED: return "the name server refused (REFUSED)";
    case REASON_NETWORK: return "the query could not be sent, or the connection was refused";
    case REASON_INVALID_ANSWER: return "an answer that proves nothing";
    case REASON_BLOCKED_ANSWER: return "the list answered that it may not be asked";
    case REASON_NONE: break;
    }
    return "";
}

static void add_failure(struct page *p, const struct verdict *verdict) {
    if (verdict->kind != VERDICT_UNKNOWN)
        return;
    buf_add_text(p->out, reason_words(verdict->reason));
    if (verdict->detail != DETAIL_NONE)
        buf_addf(p->out, ": %s", verdict_detail_text[verdict->detail]);
    if (verdict->culprit != 0) {
        struct ip ip = ip_v4(verdict->culprit);
        char text[IP_TEXT_SIZE];
        ip_format(&ip, text);
        buf_addf(p->out, " (%s)", text);
    }
}

static void add_state(struct page *p, const struct checker_list *l) {
    const char *advice = health_state_advice[l->state];
    buf_addf(p->out, "<td><strong class=\"%s\">%s</strong>", l->state == HEALTH_OK ? "good" : "bad",
             health_state_text[l->state]);
    if (l->unproven)
        buf_add_text(p->out, " (unproven: without a test entry that must be listed)");
    if (advice[0] != '\0') {
        buf_add_text(p->out, "<br>");
        page_text(p, advice);
    }
    buf_add_text(p->out, "</td>");
}

static void add_budget(struct page *p, uint32_t list) {
    struct quota *quota = checker_quota(p->checker, list);
    int share = p->settings->lists[list].budget.share;
    if (quota->limit == 0) {
        buf_add_text(p->out, "no quota");
        return;
    }
    page_share(p, quota_used(quota, p->now_ns), quota->limit);
    buf_add_text(p->out, " queries in ");
    page_duration(p, quota->per_ns);
    if (share >= 0) {
        buf_add_text(p->out, ", shared: ");
        page_text(p, p->settings->budgets[share].name);
    }
}

static void add_list(struct page *p, uint32_t list) {
    const struct checker_list *l = &p->checker->lists[list];
    buf_add_text(p->out, "<tr>");
    page_cell(p, l->list->name);
    page_cell(p, l->list->zone);
    page_cell(p, list_kind_text[l->list->kind]);
    page_cell(p, list_tier_text[l->list->tier]);
    add_state(p, l);
    buf_add_text(p->out, "<td>");
    if (l->health_check_ns != 0)
        page_time(p, l->health_check_ns);
    else
        buf_add_text(p->out, "none yet");
    buf_add_text(p->out, "</td><td>");
    add_failure(p, &l->last_failure);
    buf_add_text(p->out, "</td><td>");
    add_budget(p, list);
    buf_add_text(p->out, "</td></tr>\n");
}

void page_lists(struct page *p) {
    buf_add_text(
        p->out,
        "<h2>Lists</h2>\n<div class=\"wide\"><table>\n<tr><th>list</th><th>zone</th><th>kind</th>"
        "<th>tier</th><th>state</th><th>last self-test</th><th>last failure</th><th>budget</th></tr>\n");
    for (uint32_t list = 0; list < p->settings->n_lists; list++)
        if (p->checker->lists[list].list != NULL)
            add_list(p, list);
    buf_add_text(p->out, "</table></div>\n");
}

/* --- Ranges --- */

struct coverage {
    uint64_t checked;
    uint64_t listed;
    uint32_t oldest; /* stamp, 0: unknown */
};

static struct coverage coverage_of(const struct page *p, const struct target_range *range, uint32_t list) {
    struct coverage sum = {0};
    const struct registry_count *counts = &p->registry->lists[list].counts[range->first_segment];
    for (uint32_t i = 0; i < range->n_segments; i++) {
        sum.checked += counts[i].checked;
        sum.listed += counts[i].listed;
        if (counts[i].oldest != 0 && (sum.oldest == 0 || counts[i].oldest < sum.oldest))
            sum.oldest = counts[i].oldest;
    }
    return sum;
}

static void add_sweep(struct page *p, const struct plan_sweep *sweep) {
    if (sweep->running) {
        buf_add_text(p->out, "running: ");
        page_share(p, sweep->position, sweep->n);
    }
    if (sweep->completed_ns != 0) {
        buf_add_text(p->out, sweep->running ? "; the last ended " : "ended ");
        page_time(p, sweep->completed_ns);
        buf_add_text(p->out, " after ");
        page_duration(p, sweep->duration_ns);
    } else if (!sweep->running) {
        buf_add_text(p->out, "not begun");
    }
}

static void add_range(struct page *p, const struct target_range *range, uint32_t list) {
    const struct list *l = &p->settings->lists[list];
    struct coverage sum = coverage_of(p, range, list);
    buf_add_text(p->out, "<tr>");
    page_cell(p, p->settings->groups[range->group].name);
    page_cell(p, range->range->label);
    page_cell(p, l->name);
    buf_add_text(p->out, "<td>");
    page_share(p, sum.checked, range->n_addresses);
    buf_add_text(p->out, "</td><td>");
    if (l->kind == LIST_BLOCK)
        buf_add_u64(p->out, sum.listed);
    buf_add_text(p->out, "</td><td>");
    if (sum.oldest != 0)
        page_time(p, registry_ns(p->registry, sum.oldest));
    buf_add_text(p->out, "</td><td>");
    add_sweep(p, &p->checker->lists[list].plan.sweep);
    buf_add_text(p->out, "</td></tr>\n");
}

void page_ranges(struct page *p) {
    uint64_t n = 0;
    if (p->targets->n_ranges == 0)
        return;
    buf_add_text(p->out,
                 "<h2>Ranges</h2>\n<div class=\"wide\"><table>\n<tr><th>group</th><th>range</th><th>list</th>"
                 "<th>checked</th><th>listed</th><th>oldest result</th><th>the list's sweep</th></tr>\n");
    for (uint32_t i = 0; i < p->targets->n_ranges; i++) {
        const struct target_range *range = &p->targets->ranges[i];
        for (uint32_t list = 0; list < p->settings->n_lists; list++)
            if (p->settings->groups[range->group].lists[list] &&
                p->settings->lists[list].families[range->range->range.first.family] && n++ < PAGE_MAX_RANGES)
                add_range(p, range, list);
    }
    buf_add_text(p->out, "</table></div>\n");
    if (n > PAGE_MAX_RANGES)
        buf_addf(p->out, "<p>%ju more rows are not shown.</p>\n", (uintmax_t)(n - PAGE_MAX_RANGES));
}
