/* SPDX-License-Identifier: Apache-2.0
 *
 * What each list says about one address.
 */
#include "core/checker_probe.h"
#include "core/page_check_internal.h"
#include "core/why.h"

struct row {
    const struct checker_list *l;
    uint32_t list;
    bool is_asked; /* there is something to say at all */
    bool open;
    enum registry_verdict verdict;
    unsigned why;
    uint64_t codes;
    int score;
    const char *txt;
    int64_t at_ns;                      /* when that was so; INT64_MIN: not known */
    const struct registry_entry *entry; /* of a target; NULL: none */
    bool is_kept;       /* the registry shows what was proven before the list stopped being ok */
    bool keeps_listing; /* ... and that is a listing, though `verdict` is unknown now */
};

/* Of when a verdict of the registry is, and whether the list can say so still. */
static void read_age(const struct page *p, struct row *row, uint32_t index) {
    uint32_t stamp = registry_cell_stamp(p->registry, row->list, index);
    row->is_kept = row->verdict != REGISTRY_UNKNOWN && p->registry->lists[row->list].frozen;
    row->at_ns = stamp != 0 ? registry_ns(p->registry, stamp) : INT64_MIN;
}

/* What the registry knows. */
static void read_registry(const struct page *p, struct row *row, uint32_t index) {
    const struct registry_list *r = &p->registry->lists[row->list];
    bool fresh = registry_is_fresh(r, index);
    row->is_asked = true;
    row->verdict = fresh ? registry_verdict_of(r, index) : REGISTRY_UNKNOWN;
    row->why = fresh ? WHY_NONE : checker_why_unknown(p->checker, row->list, index);
    read_age(p, row, index);
    if (fresh && r->scores != NULL && r->scores[index] != REGISTRY_NO_SCORE)
        row->score = r->scores[index];
    if (row->entry != NULL && row->verdict == REGISTRY_LISTED) {
        row->codes = row->entry->codes;
        row->txt = row->entry->txt;
    }
}

static void read_probe(const struct page *p, struct row *row, uint32_t index,
                       const struct probe_result *result) {
    row->is_asked = true;
    row->open = result->open;
    row->verdict = result->open ? REGISTRY_UNKNOWN : result->verdict;
    row->why = result->why;
    row->codes = result->codes;
    row->score = result->score;
    row->txt = result->txt;
    row->at_ns = result->open ? INT64_MIN : result->ended_ns;
    if (result->is_target && row->verdict != REGISTRY_UNKNOWN)
        read_age(p, row, index);
    const struct registry_list *r = &p->registry->lists[row->list];
    row->keeps_listing = row->verdict == REGISTRY_UNKNOWN && index != UINT32_MAX &&
                         registry_is_fresh(r, index) && registry_verdict_of(r, index) == REGISTRY_LISTED;
}

static struct row read_row(const struct page *p, uint32_t list, const struct ip *ip) {
    struct row row = {
        .l = &p->checker->lists[list], .list = list, .score = -1, .why = WHY_NOT_CHECKED, .at_ns = INT64_MIN};
    struct probe_result result;
    uint32_t index = target_index(p->registry->lists[list].set, ip);
    if (index != UINT32_MAX)
        row.entry = registry_entry_find(p->registry, list, index);
    if (checker_probe_read(p->checker, list, ip, p->now_ns, &result))
        read_probe(p, &row, index, &result);
    else if (index != UINT32_MAX)
        read_registry(p, &row, index);
    if (!row.l->list->families[ip->family]) {
        row.why = WHY_FAMILY;
        row.at_ns = INT64_MIN;
    }
    return row;
}

static void count_block(struct page_check_counts *n, const struct row *row) {
    bool clean = row->verdict == REGISTRY_NOT_LISTED;
    n->not_asked += !row->is_asked;
    n->listed += row->verdict == REGISTRY_LISTED || row->keeps_listing;
    n->not_listed += clean && !row->is_kept;
    n->kept += clean && row->is_kept;
    n->unproven += clean && row->l->unproven;
    n->doubted += row->keeps_listing || (row->verdict == REGISTRY_LISTED && row->is_kept);
    n->blank += row->is_asked && !row->open && !row->keeps_listing && row->verdict == REGISTRY_UNKNOWN;
}

struct page_check_counts page_check_count(const struct page *p, const struct ip *ip) {
    struct page_check_counts n = {0};
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        if (p->checker->lists[list].list == NULL)
            continue;
        const struct row row = read_row(p, list, ip);
        if (row.why == WHY_FAMILY)
            continue;
        n.open += row.open;
        n.unknown += row.is_asked && !row.open && row.verdict == REGISTRY_UNKNOWN;
        if (row.l->list->kind == LIST_BLOCK)
            count_block(&n, &row);
        else
            n.other += row.is_asked;
    }
    return n;
}

/* ---- cells ---- */

static const char *verdict_words(const struct row *row) {
    bool listed = row->verdict == REGISTRY_LISTED;
    bool is_proof = !row->is_kept && !row->l->unproven;
    switch (row->l->list->kind) {
    case LIST_BLOCK:
        if (listed)
            return "<strong class=\"bad\">listed</strong>";
        return is_proof ? "<strong class=\"good\">not listed</strong>" : "<strong>not listed</strong>";
    case LIST_ALLOW: return listed ? "<strong class=\"good\">on the allow list</strong>" : "not on it";
    case LIST_REPUTATION: return listed ? "score" : "no score";
    case LIST_KINDS: break;
    }
    return "";
}

static void add_verdict(struct page *p, const struct row *row) {
    if (row->why == WHY_FAMILY || !row->is_asked)
        buf_add_text(p->out, "not asked");
    else if (row->open)
        buf_add_text(p->out, "no answer yet");
    else if (row->verdict == REGISTRY_UNKNOWN)
        buf_addf(p->out, "<strong>unknown</strong> (%s)", why_text(row->why));
    else
        buf_add_text(p->out, verdict_words(row));
    if (row->verdict == REGISTRY_LISTED && row->score >= 0)
        buf_addf(p->out, " %d", row->score);
    if (row->is_kept)
        buf_addf(p->out, ", as of before: the list cannot be believed now (%s)",
                 health_state_text[row->l->state]);
    if (row->keeps_listing)
        buf_add_text(p->out, "; <strong class=\"bad\">listed</strong> when it was last proven");
    if (row->l->unproven && row->verdict != REGISTRY_UNKNOWN)
        buf_add_text(p->out, " (unproven: without a test entry that must be listed)");
}

static void add_reason(struct page *p, const struct row *row) {
    if (row->why != WHY_NONE && row->verdict == REGISTRY_UNKNOWN && !row->open && row->is_asked) {
        page_text(p, why_advice(row->why));
        return;
    }
    if (row->verdict != REGISTRY_LISTED || row->score >= 0)
        return;
    page_codes(p, row->l->list, row->codes);
    if (row->txt != NULL) {
        buf_add_text(p->out, row->codes != 0 ? ": " : "");
        page_quote(p, row->txt);
    }
}

/* Scores come and go without a flip. */
static void add_since(struct page *p, const struct row *row) {
    bool flip_seen = row->entry != NULL && row->entry->changed != 0;
    if (row->verdict == REGISTRY_UNKNOWN || row->l->list->kind == LIST_REPUTATION)
        return;
    if (row->verdict == REGISTRY_NOT_LISTED && !flip_seen)
        return;
    if (row->entry != NULL && row->entry->since != 0) {
        buf_add_text(p->out, flip_seen ? "" : "first seen ");
        page_time(p, registry_ns(p->registry, row->entry->since));
    } else if (row->verdict == REGISTRY_LISTED) {
        buf_add_text(p->out, "not known");
    }
}

static void add_row(struct page *p, const struct row *row) {
    buf_add_text(p->out, "<tr><th scope=\"row\">");
    page_text(p, row->l->list->name);
    buf_add_text(p->out, "</th><td>");
    add_verdict(p, row);
    buf_add_text(p->out, "</td><td>");
    add_reason(p, row);
    buf_add_text(p->out, "</td><td>");
    add_since(p, row);
    buf_add_text(p->out, "</td><td>");
    if (row->at_ns != INT64_MIN)
        page_time(p, row->at_ns);
    buf_add_text(p->out, "</td><td>");
    if (row->l->list->kind == LIST_BLOCK && (row->verdict == REGISTRY_LISTED || row->keeps_listing))
        page_delisting(p, row->l->list);
    buf_add_text(p->out, "</td></tr>\n");
}

void page_check_rows(struct page *p, const struct ip *ip) {
    static const char *const heads[] = {"list", "verdict", "reason", "since", "asked", "get off it"};
    page_table(p, "checked", "What the lists say", heads, sizeof heads / sizeof *heads);
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        if (p->checker->lists[list].list == NULL)
            continue;
        const struct row row = read_row(p, list, ip);
        add_row(p, &row);
    }
    page_table_end(p);
}
