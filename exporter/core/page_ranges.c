/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of each range has been looked at, how old that is, and which share of it is listed.
 */
#include "core/page_internal.h"

/* What RBLRangeListed of the alert rules goes by. */
#define MUCH 0.001

bool page_range_has(const struct page *p, uint32_t range, uint32_t list) {
    const struct target_range *r = &p->targets->ranges[range];
    return p->settings->groups[r->group].lists[list] &&
           p->settings->lists[list].families[r->range->range.first.family];
}

struct page_coverage page_coverage(const struct page *p, uint32_t range, uint32_t list) {
    struct page_coverage sum = {0};
    const struct target_range *r = &p->targets->ranges[range];
    const struct registry_count *counts = &p->registry->lists[list].counts[r->first_segment];
    for (uint32_t i = 0; i < r->n_segments; i++) {
        sum.checked += counts[i].checked;
        sum.listed += counts[i].listed;
        sum.sample += counts[i].sample_checked;
        sum.sample_listed += counts[i].sample_listed;
        if (counts[i].oldest != 0 && (sum.oldest == 0 || counts[i].oldest < sum.oldest))
            sum.oldest = counts[i].oldest;
    }
    sum.is_block = page_is_block(p, list);
    if (sum.sample > 0)
        sum.bound = wilson_bound((double)sum.sample_listed / (double)sum.sample, (double)sum.sample);
    return sum;
}

bool page_is_much(const struct page_coverage *c) {
    return c->is_block && c->sample > 0 && c->bound.low > MUCH;
}

/* The share in the sample, and between what bounds that of the whole range lies. */
static void add_listed_share(struct page *p, const struct page_coverage *c) {
    if (!c->is_block || c->sample == 0)
        return;
    buf_add_text(p->out, page_is_much(c) ? "<strong class=\"bad\">" : "<strong>");
    page_percent(p, (double)c->sample_listed / (double)c->sample);
    buf_add_text(p->out, "</strong> (");
    page_percent(p, c->bound.low);
    buf_add_text(p->out, " to ");
    page_percent(p, c->bound.high);
    buf_add_text(p->out, ") of ");
    page_number(p, c->sample);
}

static void add_range(struct page *p, uint32_t range, uint32_t list) {
    const struct target_range *r = &p->targets->ranges[range];
    struct page_coverage c = page_coverage(p, range, list);
    buf_add_text(p->out, "<tr><th scope=\"row\">");
    page_text(p, r->range->label);
    buf_add_text(p->out, "</th>");
    page_cell(p, p->settings->groups[r->group].name);
    page_cell(p, p->settings->lists[list].name);
    buf_add_text(p->out, "<td>");
    if (c.is_block)
        page_number(p, c.listed);
    buf_add_text(p->out, "</td><td>");
    add_listed_share(p, &c);
    buf_add_text(p->out, "</td><td>");
    page_share(p, c.checked, r->n_addresses);
    buf_add_text(p->out, "</td><td>");
    if (c.oldest != 0)
        page_time(p, registry_ns(p->registry, c.oldest));
    buf_add_text(p->out, "</td></tr>\n");
}

bool page_has_ranges(const struct page *p) {
    for (uint32_t i = 0; i < p->targets->n_ranges; i++)
        for (uint32_t list = 0; list < p->settings->n_lists; list++)
            if (page_range_has(p, i, list))
                return true;
    return false;
}

void page_ranges(struct page *p) {
    static const char *const heads[] = {"range",        "group",     "list",         "listed now",
                                        "listed share", "looked at", "oldest result"};
    uint64_t n = 0;
    if (!page_has_ranges(p))
        return;
    buf_add_text(p->out, "<h2 id=\"ranges\">Ranges</h2>\n");
    page_table(
        p, "ranges",
        "The listed share is that of the sweep's fair sample, with the bounds between which the share of "
        "the whole range lies (95 %).",
        heads, sizeof heads / sizeof *heads);
    for (uint32_t i = 0; i < p->targets->n_ranges; i++)
        for (uint32_t list = 0; list < p->settings->n_lists; list++)
            if (page_range_has(p, i, list) && n++ < PAGE_MAX_RANGES)
                add_range(p, i, list);
    page_table_end(p);
    if (n > PAGE_MAX_RANGES) {
        buf_add_text(p->out, "<p>");
        page_number(p, n - PAGE_MAX_RANGES);
        buf_add_text(p->out, " more rows are not shown.</p>\n");
    }
}
