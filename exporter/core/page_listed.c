/* SPDX-License-Identifier: Apache-2.0
 *
 * What is listed now: each address once per block list. There may be thousands of rows: they are short.
 */
#include "core/page_internal.h"

/* Names what an address belongs to: "outbound, microsoft365 40.107.0.0/16". */
struct places {
    struct page *page;
    bool any;
};

static void add_place(struct places *places, const struct group *group, const char *range) {
    buf_add_text(places->page->out, places->any ? ", " : "");
    page_text(places->page, group->name);
    if (range != NULL) {
        buf_add_char(places->page->out, ' ');
        page_text(places->page, range);
    }
    places->any = true;
}

static void add_groups(struct places *places, uint32_t list, const struct ip *ip) {
    const struct page *p = places->page;
    for (uint32_t g = 0; g < p->settings->n_groups; g++)
        if (p->settings->groups[g].lists[list] && target_group_names(p->targets, g, ip))
            add_place(places, &p->settings->groups[g], NULL);
}

static void add_ranges(struct places *places, uint32_t list, int32_t segment) {
    const struct targets *t = places->page->targets;
    for (uint32_t i = 0; segment != TARGET_NO_SEGMENT && i < t->n_ranges; i++) {
        const struct target_range *range = &t->ranges[i];
        const struct group *group = &t->settings->groups[range->group];
        if (group->lists[list] && (uint32_t)segment - range->first_segment < range->n_segments)
            add_place(places, group, range->range->label);
    }
}

/* Its name and tier, and why its word is an old one if it is. */
static void add_list(struct page *p, uint32_t list) {
    const struct list *l = &p->settings->lists[list];
    enum health_state state = p->checker->lists[list].state;
    page_text(p, l->name);
    buf_add_text(p->out, " <small>");
    buf_add_text(p->out, list_tier_text[l->tier]);
    if (state != HEALTH_OK) {
        buf_add_text(p->out, ", <strong class=\"bad\">");
        buf_add_text(p->out, health_state_text[state]);
        buf_add_text(p->out, "</strong>");
    }
    buf_add_text(p->out, "</small>");
}

static void add_entry(struct page *p, const struct list *list, const struct registry_entry *entry) {
    page_codes(p, list, entry->codes);
    buf_add_text(p->out, entry->changed != 0 ? "</td><td>" : "</td><td>first seen ");
    page_time(p, registry_ns(p->registry, entry->since));
    buf_add_text(p->out, "</td><td>");
    page_age(p, registry_ns(p->registry, entry->checked));
    buf_add_text(p->out, "</td><td>");
    if (entry->txt == NULL)
        return;
    page_quote(p, entry->txt);
}

static void add_row(struct page *p, const struct page_pair *pair) {
    const struct target_set *set = p->registry->lists[pair->list].set;
    const struct registry_entry *entry = registry_entry_find(p->registry, pair->list, pair->index);
    struct places places = {.page = p};
    buf_add_text(p->out, "<tr><th scope=\"row\">");
    page_ip(p, &pair->ip);
    buf_add_text(p->out, "</th><td>");
    add_groups(&places, pair->list, &pair->ip);
    add_ranges(&places, pair->list, target_span_of(set, pair->index)->segment);
    buf_add_text(p->out, "</td><td>");
    add_list(p, pair->list);
    buf_add_text(p->out, "</td><td>");
    if (entry != NULL)
        add_entry(p, &p->settings->lists[pair->list], entry);
    else
        buf_add_text(p->out, "</td><td></td><td></td><td>");
    buf_add_text(p->out, "</td><td>");
    page_delisting(p, &p->settings->lists[pair->list]);
    buf_add_text(p->out, "</td></tr>\n");
}

void page_listed(struct page *p, const struct page_found *found) {
    static const char *const heads[] = {"address", "belongs to", "list",   "codes",
                                        "since",   "last check", "reason", "get off it"};
    if (found->all == 0)
        return;
    buf_add_text(p->out, "<h2 id=\"listed\">Listed now</h2>\n");
    page_table(
        p, "listed",
        "Once for each list that has the address; those named one by one come first. An address leads to "
        "what is known of it.",
        heads, sizeof heads / sizeof *heads);
    for (uint32_t i = 0; i < found->n; i++)
        add_row(p, &found->pairs[i]);
    page_table_end(p);
    if (found->all > found->n) {
        buf_add_text(p->out, "<p>");
        page_number(p, found->all - found->n);
        buf_add_text(p->out,
                     " more are listed and not shown: <a href=\"api/v1/listings\">listings as JSON</a> "
                     "has all of them.</p>\n");
    }
}
