/* SPDX-License-Identifier: Apache-2.0
 *
 * What is listed now: each address once per block list, those named one by one first.
 */
#include "core/page_internal.h"

struct listed {
    struct page *page;
    uint64_t n; /* found, shown or not */
};

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

static void add_row(struct page *p, uint32_t list, uint32_t index) {
    const struct list *l = &p->settings->lists[list];
    const struct target_set *set = p->registry->lists[list].set;
    const struct registry_entry *entry = registry_entry_find(p->registry, list, index);
    struct ip ip = target_ip(set, index);
    buf_add_text(p->out, "<tr><th scope=\"row\">");
    page_ip(p, &ip);
    buf_add_text(p->out, "</th><td>");
    struct places places = {.page = p};
    add_groups(&places, list, &ip);
    add_ranges(&places, list, target_span_of(set, index)->segment);
    buf_add_text(p->out, "</td>");
    page_cell(p, l->name);
    buf_add_text(p->out, "<td>");
    if (entry != NULL) {
        page_codes(p, l, entry->codes);
        buf_add_text(p->out, entry->changed != 0 ? "</td><td>since " : "</td><td>first seen listed ");
        page_time(p, registry_ns(p->registry, entry->since));
        buf_add_text(p->out, "</td><td>");
        page_time(p, registry_ns(p->registry, entry->checked));
    } else {
        buf_add_text(p->out, "</td><td></td><td>");
    }
    buf_add_text(p->out, "</td><td><bdi>");
    if (entry != NULL && entry->txt != NULL)
        page_text(p, entry->txt);
    buf_add_text(p->out, "</bdi></td><td>");
    page_delisting(p, l);
    buf_add_text(p->out, "</td></tr>\n");
}

static void found(struct listed *listed, uint32_t list, uint32_t index) {
    if (listed->n == 0)
        buf_add_text(listed->page->out,
                     "<div class=\"wide\"><table>\n<tr><th>address</th><th>group or range</th><th>list</th>"
                     "<th>codes</th><th>listed</th><th>last check</th><th>the list's reason</th>"
                     "<th>delisting</th></tr>\n");
    if (listed->n++ < PAGE_MAX_LISTED)
        add_row(listed->page, list, index);
}

static void find_watched(struct listed *listed, uint32_t list) {
    const struct registry_list *l = &listed->page->registry->lists[list];
    for (uint32_t i = 0; i < l->set->n_watched; i++) {
        uint32_t index = l->set->watched[i].index;
        if (registry_next_listed(l, index, index + 1) == index)
            found(listed, list, index);
    }
}

static bool is_watched(const struct target_set *set, uint32_t index, uint32_t *watch) {
    while (*watch < set->n_watched && set->watched[*watch].index < index)
        ++*watch;
    return *watch < set->n_watched && set->watched[*watch].index == index;
}

static void find_swept(struct listed *listed, uint32_t list) {
    const struct registry_list *l = &listed->page->registry->lists[list];
    uint32_t watch = 0;
    for (uint32_t i = 0; i < l->set->n_segment_spans; i++) {
        const struct target_span *span = &l->set->spans[i];
        uint32_t end = span->base + span->count;
        uint32_t left = l->counts[span->segment].listed;
        for (uint32_t at = span->base; left > 0; at++, left--) {
            at = registry_next_listed(l, at, end);
            if (at == end)
                break;
            if (!is_watched(l->set, at, &watch))
                found(listed, list, at);
        }
    }
}

void page_listed(struct page *p) {
    struct listed listed = {.page = p};
    buf_add_text(p->out, "<h2>Listed now</h2>\n");
    for (int swept = 0; swept < 2; swept++)
        for (uint32_t list = 0; list < p->settings->n_lists; list++)
            if (p->settings->lists[list].enabled && p->settings->lists[list].kind == LIST_BLOCK)
                (swept ? find_swept : find_watched)(&listed, list);
    if (listed.n == 0) {
        buf_add_text(p->out, "<p>No address is known to be listed.</p>\n");
        return;
    }
    buf_add_text(p->out, "</table></div>\n");
    if (listed.n > PAGE_MAX_LISTED)
        buf_addf(p->out, "<p>%ju more are listed and not shown.</p>\n",
                 (uintmax_t)(listed.n - PAGE_MAX_LISTED));
}
