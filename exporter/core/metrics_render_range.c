/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples about ranges, rbl_range_*, and when a group got its own. A range is a run of segments, and its
 * counts are the sums of theirs.
 */
#include "core/metrics_internal.h"

static void open_sample(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    metrics_open(s, &s->ranges[range], &s->lists[list]);
}

static void number(struct metrics_scrape *s, uint32_t range, uint32_t list, uint64_t value) {
    open_sample(s, range, list);
    promtext_u64(&s->text, value);
}

static bool is_kind(const struct metrics_scrape *s, uint32_t list, enum list_kind kind) {
    return s->settings->lists[list].kind == kind;
}

/* The sum of one field of `struct registry_count`, that at `offset`, over the segments of a range. */
static uint64_t sum(const struct metrics_scrape *s, uint32_t range, uint32_t list, size_t offset) {
    const struct target_range *r = &s->targets->ranges[range];
    const struct registry_count *counts = &s->registry->lists[list].counts[r->first_segment];
    uint64_t total = 0;
    for (uint32_t i = 0; i < r->n_segments; i++)
        total += *(const uint32_t *)(const void *)((const char *)&counts[i] + offset);
    return total;
}

void metrics_range_addresses(struct metrics_scrape *s) {
    for (uint32_t i = 0; i < s->targets->n_ranges; i++) {
        metrics_open(s, &s->ranges[i], NULL);
        promtext_u64(&s->text, s->targets->ranges[i].n_addresses);
    }
}

void metrics_range_senders(struct metrics_scrape *s) {
    struct senders_count count;
    for (uint32_t i = 0; s->checker->senders != NULL && i < s->targets->n_ranges; i++) {
        if (!senders_count(s->checker->senders, i, &count))
            continue;
        metrics_open(s, &s->ranges[i], NULL);
        promtext_u64(&s->text, count.senders);
    }
}

void metrics_range_checked(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    number(s, range, list, sum(s, range, list, offsetof(struct registry_count, checked)));
}

static uint64_t listed(const struct metrics_scrape *s, uint32_t range, uint32_t list) {
    return sum(s, range, list, offsetof(struct registry_count, listed));
}

void metrics_range_listed(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    if (is_kind(s, list, LIST_BLOCK))
        number(s, range, list, listed(s, range, list));
}

void metrics_range_omitted(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    if (!is_kind(s, list, LIST_BLOCK))
        return;
    uint64_t all = listed(s, range, list);
    uint64_t limit = s->settings->defaults.series_limit;
    number(s, range, list, all > limit ? all - limit : 0);
}

void metrics_range_sample_checked(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    number(s, range, list, sum(s, range, list, offsetof(struct registry_count, sample_checked)));
}

void metrics_range_sample_listed(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    if (is_kind(s, list, LIST_BLOCK))
        number(s, range, list, sum(s, range, list, offsetof(struct registry_count, sample_listed)));
}

void metrics_range_listings(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    if (is_kind(s, list, LIST_BLOCK))
        number(s, range, list, s->registry->lists[list].range_flips[range].listings);
}

void metrics_range_delistings(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    if (is_kind(s, list, LIST_BLOCK))
        number(s, range, list, s->registry->lists[list].range_flips[range].delistings);
}

void metrics_range_reputation(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    static const char *const bands[REGISTRY_BANDS] = {"0-9",   "10-19", "20-29", "30-39", "40-49",
                                                      "50-59", "60-69", "70-79", "80-89", "90-100"};
    if (!is_kind(s, list, LIST_REPUTATION))
        return;
    for (size_t band = 0; band < REGISTRY_BANDS; band++) {
        open_sample(s, range, list);
        promtext_label(&s->text, "band", bands[band]);
        size_t offset = offsetof(struct registry_count, bands) + band * sizeof(uint32_t);
        promtext_u64(&s->text, sum(s, range, list, offset));
    }
}

void metrics_range_oldest(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    const struct target_range *r = &s->targets->ranges[range];
    uint32_t oldest = 0;
    for (uint32_t i = r->first_segment; i < r->first_segment + r->n_segments; i++) {
        uint32_t stamp = s->registry->lists[list].counts[i].oldest;
        if (stamp != 0 && (oldest == 0 || stamp < oldest))
            oldest = stamp;
    }
    if (oldest == 0)
        return;
    open_sample(s, range, list);
    metrics_stamp(s, oldest);
}

void metrics_range_last_change(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    uint32_t changed = s->registry->lists[list].range_flips[range].changed;
    if (changed == 0)
        return;
    open_sample(s, range, list);
    metrics_stamp(s, changed);
}

void metrics_range_sweep_completion(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    const struct plan_sweep *sweep = &s->checker->lists[list].plan.sweep;
    if (sweep->completed_ns == 0)
        return;
    open_sample(s, range, list);
    metrics_moment(s, sweep->completed_ns);
}

void metrics_range_sweep_duration(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    const struct plan_sweep *sweep = &s->checker->lists[list].plan.sweep;
    if (sweep->completed_ns == 0)
        return;
    open_sample(s, range, list);
    promtext_seconds(&s->text, sweep->duration_ns);
}

/* --- The listed addresses of a range, one by one --- */

/* Where a segment's addresses are in a list's set that holds it. */
static const struct target_span *span_of_segment(const struct target_set *set, uint32_t segment) {
    uint32_t from = 0;
    uint32_t to = set->n_segment_spans;
    while (to - from > 1) {
        uint32_t mid = from + (to - from) / 2;
        if ((uint32_t)set->spans[mid].segment <= segment)
            from = mid;
        else
            to = mid;
    }
    return &set->spans[from];
}

/* At most `limit` listed addresses of one segment, which has `n`; returns how many were written. */
static uint64_t segment_listed(struct metrics_scrape *s, uint32_t range, uint32_t list, uint32_t segment,
                               uint32_t n, uint64_t limit) {
    const struct registry_list *l = &s->registry->lists[list];
    const struct target_span *span = span_of_segment(l->set, segment);
    uint32_t end = span->base + span->count;
    uint64_t written = 0;
    for (uint32_t at = span->base; written < n && written < limit; at++, written++) {
        at = registry_next_listed(l, at, end);
        if (at == end)
            break;
        char text[IP_TEXT_SIZE];
        struct ip ip = ip_add(span->first, at - span->base);
        size_t len = ip_format(&ip, text);
        metrics_open(s, &s->ranges[range], NULL);
        promtext_plain_label(&s->text, "ip", text, len);
        promtext_label(&s->text, "list", s->settings->lists[list].name);
        promtext_u64(&s->text, 1);
    }
    return written;
}

void metrics_range_ip_listed(struct metrics_scrape *s, uint32_t range, uint32_t list) {
    const struct target_range *r = &s->targets->ranges[range];
    uint64_t left = s->settings->defaults.series_limit;
    if (!is_kind(s, list, LIST_BLOCK))
        return;
    for (uint32_t i = r->first_segment; i < r->first_segment + r->n_segments && left > 0; i++) {
        uint32_t n = s->registry->lists[list].counts[i].listed;
        if (n > 0)
            left -= segment_listed(s, range, list, i, n, left);
    }
}

void metrics_group_ranges_changed(struct metrics_scrape *s) {
    for (uint32_t i = 0; i < s->settings->n_groups; i++) {
        int64_t changed_ns = s->settings->groups[i].sources_changed_ns;
        if (changed_ns <= 0)
            continue;
        metrics_open(s, &s->groups[i], NULL);
        promtext_u64(&s->text, (uint64_t)changed_ns / 1000000000);
    }
}
