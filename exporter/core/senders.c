/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known, and of what. The walks are in senders_walk.c, what outlives a reload or the program in
 * senders_keep.c.
 *
 * Rejected: three values in fewer bits (a byte holds five of them: a fifth less memory, and a division for
 * each look), and a list of senders (of the ranges of large providers a third of the addresses are).
 */
#include "core/senders.h"

#include "core/senders_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- birth ---- */

static void *zeroed(size_t n, size_t size) {
    return calloc(n > 0 ? n : 1, size);
}

static uint32_t pattern_of(struct senders *s, const char *text) {
    for (uint32_t i = 0; i < s->n_patterns; i++)
        if (strcmp(s->patterns[i], text) == 0)
            return i;
    s->patterns[s->n_patterns] = text;
    return s->n_patterns++;
}

static const struct group *group_of(const struct senders *s, const struct target_range *range) {
    return &s->targets->settings->groups[range->group];
}

/* Parts are the segments of all ranges that ask for senders. */
static enum status find_parts(struct senders *s) {
    const struct targets *t = s->targets;
    s->by_segment = zeroed(t->n_segments, sizeof *s->by_segment);
    s->patterns = zeroed(t->settings->n_groups, sizeof *s->patterns);
    if (s->by_segment == NULL || s->patterns == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t r = 0; r < t->n_ranges; r++)
        for (uint32_t i = 0; group_of(s, &t->ranges[r])->only_ptr != NULL && i < t->ranges[r].n_segments; i++)
            s->by_segment[t->ranges[r].first_segment + i] = 1;
    for (uint32_t i = 0; i < t->n_segments; i++)
        s->n_parts += s->by_segment[i];
    s->parts = zeroed(s->n_parts, sizeof *s->parts);
    if (s->parts == NULL)
        return STATUS_NO_MEMORY;
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_segments; i++) {
        bool wanted = s->by_segment[i] != 0;
        s->by_segment[i] = wanted ? n : SENDERS_NOWHERE;
        if (!wanted)
            continue;
        struct senders_part *part = &s->parts[n++];
        part->first = t->segments[i].first;
        part->count = (uint32_t)ip_range_count(&t->segments[i]);
        part->order = permute_make(part->count, ip_hash(&part->first, 0));
    }
    return STATUS_OK;
}

/* Calls `see` for every range and part of it. */
typedef void see_cover(struct senders *s, struct senders_part *part, const struct target_range *range);

static void each_cover(struct senders *s, see_cover *see) {
    for (uint32_t r = 0; r < s->targets->n_ranges; r++) {
        const struct target_range *range = &s->targets->ranges[r];
        for (uint32_t i = 0; i < range->n_segments; i++) {
            uint32_t number = s->by_segment[range->first_segment + i];
            if (number != SENDERS_NOWHERE)
                see(s, &s->parts[number], range);
        }
    }
}

static void count_cover(struct senders *s, struct senders_part *part, const struct target_range *range) {
    (void)range;
    part->n_covers++;
    s->n_covers++;
}

/* The plane of a pattern among those of a part; made if there is none. */
static uint32_t plane_of(struct senders *s, struct senders_part *part, uint32_t pattern) {
    for (uint32_t i = part->first_plane; i < part->first_plane + part->n_planes; i++)
        if (s->planes[i].pattern == pattern)
            return i;
    uint32_t plane = part->first_plane + part->n_planes++;
    s->planes[plane].pattern = pattern;
    return plane;
}

static void add_cover(struct senders *s, struct senders_part *part, const struct target_range *range) {
    const char *pattern = group_of(s, range)->only_ptr;
    uint32_t plane = SENDERS_NOWHERE;
    if (pattern != NULL)
        plane = plane_of(s, part, pattern_of(s, pattern));
    s->covers[part->first_cover + part->n_covers++] = (struct senders_cover){range->group, plane};
}

/* Where planes are, there is room for one of each cover; most covers of a part share one. */
static enum status find_covers(struct senders *s) {
    each_cover(s, count_cover);
    s->covers = zeroed(s->n_covers, sizeof *s->covers);
    s->planes = zeroed(s->n_covers, sizeof *s->planes);
    if (s->covers == NULL || s->planes == NULL)
        return STATUS_NO_MEMORY;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_parts; i++) {
        s->parts[i].first_cover = n;
        s->parts[i].first_plane = n;
        n += s->parts[i].n_covers;
        s->parts[i].n_covers = 0;
    }
    s->n_planes = n;
    each_cover(s, add_cover);
    return STATUS_OK;
}

static enum status make_bits(struct senders *s) {
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct senders_part *part = &s->parts[i];
        part->n_unknown = part->count;
        for (uint32_t k = 0; k < part->n_planes; k++) {
            struct senders_plane *plane = &s->planes[part->first_plane + k];
            plane->bits = zeroed(senders_bytes(part->count), 1);
            if (plane->bits == NULL)
                return STATUS_NO_MEMORY;
        }
    }
    return STATUS_OK;
}

enum status senders_new(const struct targets *targets, struct senders **out) {
    struct senders *s = calloc(1, sizeof *s);
    if (s == NULL)
        return STATUS_NO_MEMORY;
    s->targets = targets;
    s->retry_ns = SENDERS_RETRY_NS;
    s->passes[SENDERS_AGAIN].next_ns = INT64_MAX;
    enum status status = find_parts(s);
    if (status == STATUS_OK)
        status = find_covers(s);
    if (status == STATUS_OK)
        status = make_bits(s);
    if (status != STATUS_OK)
        senders_free(s);
    else
        *out = s;
    return status;
}

void senders_free(struct senders *s) {
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->n_planes; i++)
        free(s->planes[i].bits);
    free(s->patterns);
    free(s->parts);
    free(s->by_segment);
    free(s->planes);
    free(s->covers);
    free(s);
}

bool senders_are_wanted(const struct senders *s) {
    return s->n_parts > 0;
}

/* ---- bits ---- */

static void count_state(struct senders_plane *plane, enum sender_state state, uint32_t by) {
    plane->n_known += state != SENDER_NOT_KNOWN ? by : 0;
    plane->n_senders += state == SENDER_YES ? by : 0;
}

void senders_set(struct senders_plane *plane, uint32_t offset, enum sender_state state) {
    uint8_t *byte = &plane->bits[offset / SENDERS_PER_BYTE];
    unsigned shift = 2 * (offset % SENDERS_PER_BYTE);
    count_state(plane, senders_get(plane, offset), (uint32_t)-1);
    count_state(plane, state, 1);
    *byte = (uint8_t)((*byte & ~(3u << shift)) | (unsigned)state << shift);
}

bool senders_is_unknown(const struct senders *s, const struct senders_part *part, uint32_t offset) {
    for (uint32_t i = 0; i < part->n_planes; i++)
        if (senders_get(&s->planes[part->first_plane + i], offset) == SENDER_NOT_KNOWN)
            return true;
    return false;
}

struct senders_part *senders_part_of(struct senders *s, const struct ip *ip) {
    uint32_t lo = 0;
    uint32_t hi = s->n_parts;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (ip_compare(&s->parts[mid].first, ip) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0 || s->parts[lo - 1].first.family != ip->family)
        return NULL;
    struct senders_part *part = &s->parts[lo - 1];
    return ip_distance(&part->first, ip) < part->count ? part : NULL;
}

/* ---- questions ---- */

/* The plane of a group in a part. */
static const struct senders_plane *plane_for(const struct senders *s, const struct senders_part *part,
                                             uint32_t group) {
    for (uint32_t i = 0; i < part->n_covers; i++) {
        const struct senders_cover *cover = &s->covers[part->first_cover + i];
        if (cover->group == group && cover->plane != SENDERS_NOWHERE)
            return &s->planes[cover->plane];
    }
    return NULL;
}

bool senders_count(const struct senders *s, uint32_t range, struct senders_count *out) {
    const struct target_range *r = &s->targets->ranges[range];
    if (group_of(s, r)->only_ptr == NULL)
        return false;
    *out = (struct senders_count){.known = 0};
    for (uint32_t i = 0; i < r->n_segments; i++) {
        const struct senders_part *part = &s->parts[s->by_segment[r->first_segment + i]];
        const struct senders_plane *plane = plane_for(s, part, r->group);
        assert(plane != NULL);
        out->known += plane->n_known;
        out->senders += plane->n_senders;
    }
    return true;
}

bool senders_all_first(const struct senders *s, uint32_t list, uint32_t segment) {
    uint32_t number = s->by_segment[segment];
    if (number == SENDERS_NOWHERE)
        return true;
    const struct senders_part *part = &s->parts[number];
    for (uint32_t i = 0; i < part->n_covers; i++) {
        const struct senders_cover *cover = &s->covers[part->first_cover + i];
        if (cover->plane == SENDERS_NOWHERE && s->targets->settings->groups[cover->group].lists[list])
            return true;
    }
    return false;
}

bool senders_goes_first(const struct senders *s, uint32_t list, uint32_t segment, uint32_t offset) {
    uint32_t number = s->by_segment[segment];
    if (number == SENDERS_NOWHERE)
        return true;
    const struct senders_part *part = &s->parts[number];
    for (uint32_t i = 0; i < part->n_covers; i++) {
        const struct senders_cover *cover = &s->covers[part->first_cover + i];
        if (s->targets->settings->groups[cover->group].lists[list] &&
            (cover->plane == SENDERS_NOWHERE || senders_get(&s->planes[cover->plane], offset) == SENDER_YES))
            return true;
    }
    return false;
}

uint64_t senders_changes(const struct senders *s) {
    return s->changes;
}
