/* SPDX-License-Identifier: Apache-2.0
 *
 * What is listed now: each address once per block list. There may be thousands of rows: they are short.
 *
 * Each row names the ranges that its address is in, and there may be tens of thousands of those, which may
 * overlap. They are put in order of their first segment once per page; read as a binary tree (the middle is
 * the root, on either side of it is a subtree), in which each knows the furthest end below it, so that a row
 * passes over whatever ends before its segment or begins behind it.
 */
#include "core/page_internal.h"

#include <stdlib.h>

struct range_node {
    uint32_t first, end; /* segments */
    uint32_t furthest;   /* of .end, in the subtree */
    uint32_t range;      /* in targets->ranges */
};

/* Names what an address belongs to: "outbound, microsoft365 40.107.0.0/16". */
struct places {
    struct page *page;
    const struct range_node *nodes; /* of all ranges */
    uint32_t n_nodes;
    bool any;
};

static int by_first(const void *a, const void *b) {
    const struct range_node *x = a;
    const struct range_node *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->range < y->range ? -1 : x->range > y->range;
}

static uint32_t set_furthest(struct range_node *nodes, uint32_t from, uint32_t to) {
    if (from == to)
        return 0;
    uint32_t mid = from + (to - from) / 2;
    uint32_t before = set_furthest(nodes, from, mid);
    uint32_t behind = set_furthest(nodes, mid + 1, to);
    uint32_t furthest = before > behind ? before : behind;
    nodes[mid].furthest = furthest > nodes[mid].end ? furthest : nodes[mid].end;
    return nodes[mid].furthest;
}

/* Into `kept`, which the caller releases. */
static void index_ranges(struct places *places, struct buf *kept) {
    const struct targets *t = places->page->targets;
    buf_init(kept, (size_t)t->n_ranges * sizeof(struct range_node));
    for (uint32_t i = 0; i < t->n_ranges; i++) {
        const struct target_range *range = &t->ranges[i];
        const struct range_node node = {
            .first = range->first_segment, .end = range->first_segment + range->n_segments, .range = i};
        buf_add(kept, &node, sizeof node);
    }
    if (buf_status(kept) != STATUS_OK)
        places->page->out->status = buf_status(kept);
    if (buf_status(kept) != STATUS_OK || t->n_ranges == 0)
        return;
    struct range_node *nodes = (struct range_node *)(void *)kept->data;
    qsort(nodes, t->n_ranges, sizeof *nodes, by_first);
    (void)set_furthest(nodes, 0, t->n_ranges);
    places->nodes = nodes;
    places->n_nodes = t->n_ranges;
}

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

/* Those of nodes from <= i < to that hold `segment`, in order. */
static void add_ranges(struct places *places, uint32_t list, uint32_t segment, uint32_t from, uint32_t to) {
    if (from == to)
        return;
    uint32_t mid = from + (to - from) / 2;
    const struct range_node *node = &places->nodes[mid];
    if (node->furthest <= segment)
        return;
    add_ranges(places, list, segment, from, mid);
    if (node->first > segment)
        return;
    const struct target_range *range = &places->page->targets->ranges[node->range];
    const struct group *group = &places->page->settings->groups[range->group];
    if (segment < node->end && group->lists[list])
        add_place(places, group, range->range->label);
    add_ranges(places, list, segment, mid + 1, to);
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

static void add_row(struct places *places, const struct page_pair *pair) {
    struct page *p = places->page;
    const struct target_set *set = p->registry->lists[pair->list].set;
    const struct registry_entry *entry = registry_entry_find(p->registry, pair->list, pair->index);
    int32_t segment = target_span_of(set, pair->index)->segment;
    places->any = false;
    buf_add_text(p->out, "<tr><th scope=\"row\">");
    page_ip(p, &pair->ip);
    buf_add_text(p->out, "</th><td>");
    add_groups(places, pair->list, &pair->ip);
    if (segment != TARGET_NO_SEGMENT)
        add_ranges(places, pair->list, (uint32_t)segment, 0, places->n_nodes);
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
    struct places places = {.page = p};
    struct buf kept;
    if (found->all == 0)
        return;
    buf_add_text(p->out, "<h2 id=\"listed\">Listed now</h2>\n");
    page_table(
        p, "listed",
        "Once for each list that has the address; those named one by one come first. An address leads to "
        "what is known of it.",
        heads, sizeof heads / sizeof *heads);
    index_ranges(&places, &kept);
    for (uint32_t i = 0; i < found->n; i++)
        add_row(&places, &found->pairs[i]);
    buf_release(&kept);
    page_table_end(p);
    if (found->all > found->n) {
        buf_add_text(p->out, "<p>");
        page_number(p, found->all - found->n);
        buf_add_text(p->out,
                     " more are listed and not shown: <a href=\"api/v1/listings\">listings as JSON</a> "
                     "has all of them.</p>\n");
    }
}
