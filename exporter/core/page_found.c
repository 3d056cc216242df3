/* SPDX-License-Identifier: Apache-2.0
 *
 * What is listed now, found before the first word is written, because the first word counts it.
 *
 * Addresses named one by one are looked for before those of ranges, list by list, and the first
 * PAGE_MAX_LISTED are kept; all are counted. Then they are put in order: named ones first, by address, so
 * that whatever lists one address stands together.
 */
#include "core/page_internal.h"

#include <stdlib.h>

static void found(struct page *p, struct page_found *f, uint32_t list, uint32_t index, bool named) {
    f->by_list[list]++;
    f->named_pairs += named;
    if (f->all++ >= PAGE_MAX_LISTED)
        return;
    const struct page_pair pair = {
        .ip = target_ip(p->registry->lists[list].set, index), .list = list, .index = index, .named = named};
    buf_add(&f->kept, &pair, sizeof pair);
}

static void find_watched(struct page *p, struct page_found *f, uint32_t list) {
    const struct registry_list *l = &p->registry->lists[list];
    for (uint32_t i = 0; i < l->set->n_watched; i++) {
        uint32_t index = l->set->watched[i].index;
        f->fresh_watched += registry_is_fresh(l, index);
        if (registry_next_listed(l, index, index + 1) == index)
            found(p, f, list, index, true);
    }
    f->watched += l->set->n_watched;
}

static bool is_watched(const struct target_set *set, uint32_t index, uint32_t *watch) {
    while (*watch < set->n_watched && set->watched[*watch].index < index)
        ++*watch;
    return *watch < set->n_watched && set->watched[*watch].index == index;
}

/* Segments without a listing are passed over: their counts say so. */
static void find_swept(struct page *p, struct page_found *f, uint32_t list) {
    const struct registry_list *l = &p->registry->lists[list];
    uint32_t watch = 0;
    for (uint32_t i = 0; i < l->set->n_segment_spans; i++) {
        const struct target_span *span = &l->set->spans[i];
        uint32_t end = span->base + span->count;
        uint32_t left = l->counts[span->segment].listed;
        f->fresh_swept += l->counts[span->segment].checked;
        for (uint32_t at = span->base; left > 0; at++, left--) {
            at = registry_next_listed(l, at, end);
            if (at == end)
                break;
            if (!is_watched(l->set, at, &watch))
                found(p, f, list, at, false);
        }
    }
    f->swept += l->set->n_swept;
}

static int by_address(const void *a, const void *b) {
    const struct page_pair *x = a;
    const struct page_pair *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    return order != 0 ? order : (x->list > y->list) - (x->list < y->list);
}

static int named_first(const void *a, const void *b) {
    const struct page_pair *x = a;
    const struct page_pair *y = b;
    return x->named != y->named ? y->named - x->named : by_address(a, b);
}

/* An address that is named for one list is named, and counts once. */
static void count_addresses(struct page_found *f, struct page_pair *pairs) {
    for (uint32_t i = 0, end; i < f->n; i = end) {
        bool named = false;
        for (end = i; end < f->n && ip_equal(&pairs[i].ip, &pairs[end].ip); end++)
            named = named || pairs[end].named;
        for (uint32_t at = i; at < end; at++)
            pairs[at].named = named;
        f->addresses++;
        f->named += named;
    }
}

static void count_lists(struct page *p, struct page_found *f) {
    uint64_t most = 0;
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        f->n_lists += f->by_list[list] > 0;
        most = f->by_list[list] > most ? f->by_list[list] : most;
    }
    /* Whether those that are not kept are on several lists is not known. */
    f->at_least = f->all > f->n && f->n_lists > 1;
    if (f->all > f->n && f->addresses < most)
        f->addresses = most;
}

/* Whether every address has a verdict, on every block list that can be believed; without addresses there is
 * nothing to be said of them. */
static bool is_complete(const struct page *p) {
    bool any = false;
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        const struct registry_list *l = &p->registry->lists[list];
        if (!page_is_block(p, list) || p->checker->lists[list].state != HEALTH_OK)
            continue;
        for (uint32_t i = 0; i < l->set->n_watched; i++)
            if (!registry_is_fresh(l, l->set->watched[i].index))
                return false;
        for (uint32_t i = 0; i < l->set->n_segment_spans; i++)
            if (l->counts[l->set->spans[i].segment].checked < l->set->spans[i].count)
                return false;
        any = any || l->set->n > 0;
    }
    return any;
}

void page_find(struct page *p, struct page_found *f) {
    *f = (struct page_found){0};
    buf_init(&f->kept, PAGE_MAX_LISTED * sizeof(struct page_pair));
    for (int swept = 0; swept < 2; swept++)
        for (uint32_t list = 0; list < p->settings->n_lists; list++)
            if (page_is_block(p, list))
                (swept ? find_swept : find_watched)(p, f, list);
    f->unasked = p->targets->n_unasked;
    f->complete = f->unasked == 0 && is_complete(p);
    if (buf_status(&f->kept) != STATUS_OK)
        p->out->status = buf_status(&f->kept);
    f->n = (uint32_t)(f->kept.len / sizeof(struct page_pair));
    if (f->n > 0) {
        f->pairs = (const struct page_pair *)(void *)f->kept.data;
        qsort(f->kept.data, f->n, sizeof(struct page_pair), by_address);
        count_addresses(f, (struct page_pair *)(void *)f->kept.data);
        qsort(f->kept.data, f->n, sizeof(struct page_pair), named_first);
    }
    count_lists(p, f);
}
