/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the lists can be believed, what to do about those that cannot, and what is left of their budgets.
 */
#include "core/page_internal.h"
#include "core/why.h"

bool page_is_block(const struct page *p, uint32_t list) {
    return p->settings->lists[list].enabled && p->settings->lists[list].kind == LIST_BLOCK;
}

struct page_lists_state page_lists_state(const struct page *p) {
    struct page_lists_state state = {0};
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        const struct checker_list *l = &p->checker->lists[list];
        if (l->list == NULL)
            continue;
        bool blind = l->state != HEALTH_OK;
        state.all++;
        state.blind += blind;
        state.block += page_is_block(p, list);
        state.blind_block += blind && page_is_block(p, list);
        state.unproven_block += l->unproven && page_is_block(p, list);
    }
    return state;
}

static void add_failure(struct page *p, const struct verdict *verdict) {
    char text[WHY_FAILURE_SIZE];
    buf_add_text(p->out, why_failure(verdict, text));
}

/* --- Those that cannot be believed, by state: what to do is said once --- */

static void add_next(struct page *p, uint32_t list) {
    const struct checker_list *l = &p->checker->lists[list];
    struct quota *quota = checker_quota(p->checker, list);
    if (l->state == HEALTH_QUOTA_EXHAUSTED && quota->limit > 0) {
        buf_add_text(p->out, " The next queries come back ");
        page_time(p, quota_reset_ns(quota, p->now_ns));
        buf_add_char(p->out, '.');
        return;
    }
    int64_t due_ns = checker_next_test_ns(p->checker, list);
    if (due_ns == INT64_MAX)
        return;
    buf_add_text(p->out, " It is tested again ");
    if (due_ns > p->now_ns)
        page_age(p, due_ns);
    else
        buf_add_text(p->out, "now");
    buf_add_char(p->out, '.');
}

static void add_blind_list(struct page *p, uint32_t list) {
    const struct checker_list *l = &p->checker->lists[list];
    const struct registry_list *of = &p->registry->lists[list];
    buf_add_text(p->out, "<li><strong>");
    page_text(p, l->list->name);
    buf_add_text(p->out, "</strong>");
    if (of->frozen) {
        buf_add_text(p->out, " since ");
        page_time(p, of->frozen_since_ns);
    }
    buf_add_text(p->out, l->last_failure.kind == VERDICT_UNKNOWN ? ": " : "");
    add_failure(p, &l->last_failure);
    buf_add_char(p->out, '.');
    add_next(p, list);
    if (l->state == HEALTH_REFUSED && l->list->note != NULL && l->list->note[0] != '\0') {
        buf_add_char(p->out, ' ');
        page_text(p, l->list->note);
    }
    buf_add_text(p->out, "</li>\n");
}

static void add_blind_state(struct page *p, enum health_state state) {
    bool any = false;
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        if (p->checker->lists[list].list == NULL || p->checker->lists[list].state != state)
            continue;
        if (!any) {
            buf_addf(p->out, "<h3 class=\"bad\">%s</h3>\n<p>", health_state_text[state]);
            page_text(p, health_state_advice[state]);
            buf_add_text(p->out, "</p>\n<ul>\n");
        }
        any = true;
        add_blind_list(p, list);
    }
    if (any)
        buf_add_text(p->out, "</ul>\n");
}

void page_blind(struct page *p, const struct page_lists_state *lists) {
    if (lists->blind == 0)
        return;
    buf_add_text(p->out, "<h2 id=\"blind\">Lists that cannot be believed</h2>\n");
    for (int state = HEALTH_OK + 1; state < HEALTH_STATES; state++)
        add_blind_state(p, (enum health_state)state);
}

/* --- All lists --- */

static void add_state(struct page *p, const struct checker_list *l) {
    buf_addf(p->out, "<td><strong class=\"%s\">%s</strong>", l->state == HEALTH_OK ? "good" : "bad",
             health_state_text[l->state]);
    if (l->unproven)
        buf_add_text(p->out, " (unproven: without a test entry that must be listed)");
    buf_add_text(p->out, "</td>");
}

static void add_budget(struct page *p, uint32_t list) {
    struct quota *quota = checker_quota(p->checker, list);
    int share = p->settings->lists[list].budget.share;
    if (quota->limit == 0) {
        buf_add_text(p->out, "no quota");
        return;
    }
    uint64_t used = quota_used(quota, p->now_ns);
    buf_add_text(p->out, used < quota->limit ? "<strong>" : "<strong class=\"bad\">");
    page_number(p, used < quota->limit ? quota->limit - used : 0);
    buf_add_text(p->out, "</strong> left, ");
    page_number(p, used);
    buf_add_text(p->out, " of ");
    page_number(p, quota->limit);
    buf_add_text(p->out, " used in ");
    page_duration(p, quota->per_ns);
    if (share >= 0) {
        buf_add_text(p->out, ", shared: ");
        page_text(p, p->settings->budgets[share].name);
    }
    if (used > 0) {
        buf_add_text(p->out, "; the next come back ");
        page_age(p, quota_reset_ns(quota, p->now_ns));
    }
}

static void add_sweep(struct page *p, const struct plan_sweep *sweep) {
    if (sweep->n == 0)
        return;
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

static void add_list(struct page *p, uint32_t list) {
    const struct checker_list *l = &p->checker->lists[list];
    buf_add_text(p->out, "<tr><th scope=\"row\">");
    page_text(p, l->list->name);
    buf_add_text(p->out, " <small>");
    page_text(p, l->list->zone);
    buf_addf(p->out, "</small></th><td>%s, %s</td>", list_kind_text[l->list->kind],
             list_tier_text[l->list->tier]);
    add_state(p, l);
    buf_add_text(p->out, "<td>");
    if (l->health_check_ns != 0)
        page_age(p, l->health_check_ns);
    else
        buf_add_text(p->out, "none yet");
    buf_add_text(p->out, "</td><td>");
    if (l->last_failure.kind == VERDICT_UNKNOWN) {
        page_age(p, l->last_failure_ns);
        buf_add_text(p->out, ": ");
    }
    add_failure(p, &l->last_failure);
    buf_add_text(p->out, "</td><td>");
    add_budget(p, list);
    buf_add_text(p->out, "</td><td>");
    add_sweep(p, &l->plan.sweep);
    buf_add_text(p->out, "</td></tr>\n");
}

void page_lists(struct page *p) {
    static const char *const heads[] = {"list",         "kind, tier", "state",       "self-test",
                                        "last failure", "queries",    "ranges swept"};
    buf_add_text(p->out, "<h2 id=\"lists\">All lists</h2>\n");
    page_table(p, "lists", "Whether they answer as they must, and how many queries they may still be sent.",
               heads, sizeof heads / sizeof *heads);
    for (uint32_t list = 0; list < p->settings->n_lists; list++)
        if (p->checker->lists[list].list != NULL)
            add_list(p, list);
    page_table_end(p);
}
