/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples about addresses named one by one: rbl_ip_*. There may be 100,000 of them.
 */
#include "core/metrics_internal.h"

#include <string.h>

/* Goes through a group's addresses that one list is asked about. */
struct walk {
    const struct registry_list *registry;
    const uint32_t *indexes;
    uint32_t next, end; /* in scrape.singles */
    uint32_t at;        /* the present one, there */
    uint32_t index;     /* ... and in the registry */
};

/* Without memory it goes through none, and the rendering has failed. */
static struct walk walk(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    if (!metrics_need_singles(s))
        return (struct walk){.next = 0, .end = 0};
    return (struct walk){
        .registry = &s->registry->lists[list],
        .indexes = s->indexes[list],
        .next = s->group_singles[group],
        .end = s->group_singles[group + 1],
    };
}

static bool next(struct walk *w) {
    while (w->next < w->end) {
        w->at = w->next++;
        w->index = w->indexes[w->at];
        if (w->index != UINT32_MAX)
            return true;
    }
    return false;
}

static void number(struct metrics_scrape *s, const struct walk *w, uint32_t list, uint64_t value) {
    metrics_open(s, &s->singles[w->at], &s->lists[list]);
    promtext_u64(&s->text, value);
}

void metrics_ip_listed(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    if (s->settings->lists[list].kind != LIST_BLOCK)
        return;
    for (struct walk w = walk(s, group, list); next(&w);) {
        enum registry_verdict verdict = registry_verdict_of(w.registry, w.index);
        if (registry_is_fresh(w.registry, w.index) && verdict != REGISTRY_UNKNOWN)
            number(s, &w, list, verdict == REGISTRY_LISTED);
    }
}

static void code(struct metrics_scrape *s, const struct walk *w, uint32_t list, const char *name) {
    metrics_open(s, &s->singles[w->at], &s->lists[list]);
    promtext_label(&s->text, "code", name);
    promtext_u64(&s->text, 1);
}

static void codes(struct metrics_scrape *s, const struct walk *w, uint32_t list, uint64_t bits) {
    const char *other = list_code_name(&s->settings->lists[list], LIST_CODE_OTHER);
    bool other_written = false; /* a configured name may be the same */
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++) {
        if ((bits >> bit & 1) == 0)
            continue;
        const char *name = list_code_name(&s->settings->lists[list], bit);
        bool is_other = strcmp(name, other) == 0;
        if (!is_other || !other_written)
            code(s, w, list, name);
        other_written = other_written || is_other;
    }
}

void metrics_ip_code(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    if (s->settings->lists[list].kind == LIST_REPUTATION)
        return;
    for (struct walk w = walk(s, group, list); next(&w);) {
        if (!registry_is_fresh(w.registry, w.index) ||
            registry_verdict_of(w.registry, w.index) != REGISTRY_LISTED)
            continue;
        const struct registry_entry *entry = registry_entry_find(s->registry, list, w.index);
        if (entry != NULL)
            codes(s, &w, list, entry->codes);
    }
}

void metrics_ip_score(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    if (s->settings->lists[list].kind != LIST_REPUTATION)
        return;
    for (struct walk w = walk(s, group, list); next(&w);)
        if (registry_is_fresh(w.registry, w.index) && w.registry->scores[w.index] != REGISTRY_NO_SCORE)
            number(s, &w, list, w.registry->scores[w.index]);
}

void metrics_ip_last_check(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    for (struct walk w = walk(s, group, list); next(&w);) {
        if (registry_verdict_of(w.registry, w.index) == REGISTRY_UNKNOWN)
            continue;
        uint32_t checked = registry_cell_stamp(s->registry, list, w.index);
        if (checked == 0)
            continue;
        metrics_open(s, &s->singles[w.at], &s->lists[list]);
        metrics_stamp(s, checked);
    }
}

void metrics_ip_last_change(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    for (struct walk w = walk(s, group, list); next(&w);) {
        const struct registry_entry *entry = registry_entry_find(s->registry, list, w.index);
        if (entry == NULL || entry->changed == 0)
            continue;
        metrics_open(s, &s->singles[w.at], &s->lists[list]);
        metrics_stamp(s, entry->changed);
    }
}

static bool has_flips(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    return s->settings->lists[list].kind == LIST_BLOCK && metrics_covers_singles(s, group, list);
}

void metrics_ip_listings(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    if (!has_flips(s, group, list))
        return;
    metrics_open(s, &s->groups[group], &s->lists[list]);
    promtext_u64(&s->text, s->registry->lists[list].group_flips[group].listings);
}

void metrics_ip_delistings(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    if (!has_flips(s, group, list))
        return;
    metrics_open(s, &s->groups[group], &s->lists[list]);
    promtext_u64(&s->text, s->registry->lists[list].group_flips[group].delistings);
}
