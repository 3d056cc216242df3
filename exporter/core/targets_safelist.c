/* SPDX-License-Identifier: Apache-2.0
 *
 * Safelisted ranges as views, and what of them a list is asked about.
 */
#include "core/targets.h"

#include "core/targets_internal.h"

/* Also where they are too many to be numbered. */
static double count_all(const struct ip_range *range) {
    const double two_to_64 = 18446744073709551616.0;
    uint64_t count = ip_range_count(range);
    if (count < UINT64_MAX)
        return (double)count;
    return ((double)range->last.hi - (double)range->first.hi) * two_to_64 +
           ((double)range->last.lo - (double)range->first.lo) + 1;
}

/* How many addresses of the single spans sort before `ip`; with `after` set, before or with it. */
static uint32_t singles_before(const struct target_set *set, const struct ip *ip, bool after) {
    uint32_t from = set->n_segment_spans;
    uint32_t to = set->n_spans;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (ip_compare(&set->spans[mid].first, ip) <= 0)
            from = mid + 1;
        else
            to = mid;
    }
    if (from == set->n_segment_spans)
        return set->n_swept;
    const struct target_span *span = &set->spans[from - 1];
    if (span->first.family != ip->family)
        return span->base + span->count;
    uint64_t offset = ip_distance(&span->first, ip);
    offset = offset < span->count ? offset + (after ? 1 : 0) : span->count;
    return span->base + (uint32_t)offset;
}

void target_singles_within(const struct target_set *set, const struct ip_range *range, uint32_t *from,
                           uint32_t *to) {
    *from = singles_before(set, &range->first, false);
    *to = singles_before(set, &range->last, true);
}

/* Whether `set` holds any address of `s`. */
static bool holds_any(const struct target_set *set, const struct target_safelist *s) {
    uint32_t from = 0;
    uint32_t to = 0;
    target_singles_within(set, &s->range->range, &from, &to);
    if (from < to)
        return true;
    /* The first span of a segment at or behind the first of the safelist. */
    from = 0;
    to = set->n_segment_spans;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if ((uint32_t)set->spans[mid].segment < s->first_segment)
            from = mid + 1;
        else
            to = mid;
    }
    return from < set->n_segment_spans &&
           (uint32_t)set->spans[from].segment < s->first_segment + s->n_segments;
}

/* Which lists count: those that are named; else those that are asked about any of it; without any, all. */
static enum status choose_lists(struct targets *t, struct target_safelist *s) {
    const struct settings *settings = t->settings;
    const bool *named = settings->safelists[s->safelist].lists;
    bool *lists = arena_array(&t->arena, settings->n_lists, sizeof *lists);
    if (lists == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < settings->n_lists; i++) {
        bool may_count = t->sets[i] != NULL && settings->lists[i].kind == LIST_BLOCK;
        bool asked = may_count && holds_any(t->sets[i], s);
        lists[i] = named != NULL ? named[i] : asked;
        s->watched = s->watched || (asked && lists[i]);
    }
    for (size_t i = 0; i < settings->n_lists && named == NULL && !s->watched; i++)
        lists[i] = t->sets[i] != NULL && settings->lists[i].kind == LIST_BLOCK;
    s->lists = lists;
    return STATUS_OK;
}

enum status targets_view_safelists(struct targets *t) {
    const struct settings *s = t->settings;
    struct target_safelist *safelists =
        arena_array(&t->arena, targets_count_safelisted(s), sizeof *safelists);
    if (safelists == NULL)
        return STATUS_NO_MEMORY;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_safelists; i++) {
        for (size_t r = 0; r < s->safelists[i].n_ranges; r++) {
            const struct group_range *range = &s->safelists[i].ranges[r];
            uint32_t first = targets_segment_at(t, &range->range.first);
            safelists[n] =
                (struct target_safelist){.safelist = i,
                                         .range = range,
                                         .first_segment = first,
                                         .n_segments = targets_count_segments(t, first, &range->range),
                                         .n_addresses = count_all(&range->range)};
            if (choose_lists(t, &safelists[n++]) != STATUS_OK)
                return STATUS_NO_MEMORY;
        }
    }
    t->safelists = safelists;
    t->n_safelists = n;
    return STATUS_OK;
}
