/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranges to segments: configured ranges are merged where they overlap, and cut at every end of a range or
 * safelist.
 */
#include "core/targets.h"

#include "core/targets_internal.h"

#include <stdlib.h>

static int range_order(const void *a, const void *b) {
    return ip_range_compare(a, b);
}

/* A boundary is the first address of a segment, or the one after its last. */
struct boundary {
    struct ip at;
    bool wraps; /* behind the last address of the family: sorts after all of it */
};

static int boundary_order(const void *a, const void *b) {
    const struct boundary *x = a;
    const struct boundary *y = b;
    if (x->at.family != y->at.family)
        return x->at.family < y->at.family ? -1 : 1;
    if (x->wraps != y->wraps)
        return x->wraps ? 1 : -1;
    return x->wraps ? 0 : ip_compare(&x->at, &y->at);
}

static bool is_last_of_family(const struct ip *ip) {
    return ip->family == IP_V4 ? ip->lo == UINT32_MAX : ip->hi == UINT64_MAX && ip->lo == UINT64_MAX;
}

static struct boundary boundary_after(const struct ip *last) {
    if (is_last_of_family(last))
        return (struct boundary){.at = *last, .wraps = true};
    return (struct boundary){.at = ip_add(*last, 1)};
}

static struct ip boundary_before(const struct boundary *b) {
    if (b->wraps)
        return b->at;
    struct ip ip = b->at;
    if (ip.lo == 0)
        ip.hi--;
    ip.lo--;
    return ip;
}

size_t targets_count_ranges(const struct settings *settings) {
    size_t n = 0;
    for (size_t g = 0; g < settings->n_groups; g++)
        n += settings->groups[g].n_ranges;
    return n;
}

size_t targets_count_safelisted(const struct settings *settings) {
    size_t n = 0;
    for (size_t i = 0; i < settings->n_safelists; i++)
        n += settings->safelists[i].n_ranges;
    return n;
}

static size_t add_boundaries(const struct group_range *ranges, size_t n, struct boundary *out) {
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = (struct boundary){.at = ranges[i].range.first};
        out[2 * i + 1] = boundary_after(&ranges[i].range.last);
    }
    return 2 * n;
}

/* All boundaries of all ranges, sorted, without repetition. */
static size_t collect_boundaries(const struct settings *settings, struct boundary *out) {
    size_t n = 0;
    for (size_t g = 0; g < settings->n_groups; g++)
        n += add_boundaries(settings->groups[g].ranges, settings->groups[g].n_ranges, out + n);
    for (size_t i = 0; i < settings->n_safelists; i++)
        n += add_boundaries(settings->safelists[i].ranges, settings->safelists[i].n_ranges, out + n);
    qsort(out, n, sizeof *out, boundary_order);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || boundary_order(&out[kept - 1], &out[i]) != 0)
            out[kept++] = out[i];
    return kept;
}

/* The configured ranges sorted by first address and merged where they touch or overlap, into `out`. */
static size_t merge_ranges(const struct settings *settings, struct ip_range *out) {
    size_t n = 0;
    for (size_t g = 0; g < settings->n_groups; g++)
        for (size_t r = 0; r < settings->groups[g].n_ranges; r++)
            out[n++] = settings->groups[g].ranges[r].range;
    qsort(out, n, sizeof *out, range_order);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && out[kept - 1].last.family == out[i].first.family &&
            ip_compare(&out[i].first, &out[kept - 1].last) <= 0) {
            if (ip_compare(&out[i].last, &out[kept - 1].last) > 0)
                out[kept - 1].last = out[i].last;
        } else {
            out[kept++] = out[i];
        }
    }
    return kept;
}

/* Cuts the merged ranges at every boundary. */
enum status targets_cut(struct targets *targets) {
    const struct settings *settings = targets->settings;
    size_t n_ranges = targets_count_ranges(settings);
    if (n_ranges == 0)
        return STATUS_OK;
    enum status status = STATUS_NO_MEMORY;
    size_t most = 2 * (n_ranges + targets_count_safelisted(settings));
    struct boundary *boundaries = calloc(most, sizeof *boundaries);
    struct ip_range *merged = calloc(n_ranges, sizeof *merged);
    struct ip_range *segments = arena_array(&targets->arena, most, sizeof *segments);
    if (boundaries == NULL || merged == NULL || segments == NULL)
        goto out;
    size_t n_boundaries = collect_boundaries(settings, boundaries);
    size_t n_merged = merge_ranges(settings, merged);
    size_t m = 0;
    uint32_t n = 0;
    for (size_t i = 0; i + 1 < n_boundaries && m < n_merged; i++) {
        struct boundary end = boundary_after(&merged[m].last);
        if (boundary_order(&boundaries[i], &(struct boundary){.at = merged[m].first}) < 0)
            continue; /* between two merged ranges */
        segments[n++] = (struct ip_range){boundaries[i].at, boundary_before(&boundaries[i + 1])};
        if (boundary_order(&boundaries[i + 1], &end) == 0)
            m++;
    }
    targets->segments = segments;
    targets->n_segments = n;
    status = STATUS_OK;
out:
    free(boundaries);
    free(merged);
    return status;
}
