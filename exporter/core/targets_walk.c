/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking for many addresses in their order: in steps, where searching for each would take long.
 */
#include "core/targets.h"

#include <stdlib.h>

struct target_walk target_walk_begin(const struct target_span *spans, uint32_t n) {
    struct target_walk w = {.spans = spans, .ends = {n, n}, .at = {0, n}};
    for (uint32_t i = 1; i < n && w.ends[0] == n; i++)
        if (ip_compare(&spans[i].first, &spans[i - 1].first) < 0)
            w.ends[0] = w.at[1] = i;
    return w;
}

static void step_to(const struct target_walk *w, uint32_t begin, uint32_t end, uint32_t *at,
                    const struct ip *ip) {
    if (*at < end && ip_compare(&w->spans[*at].first, ip) > 0)
        *at = begin;
    while (*at + 1 < end && ip_compare(&w->spans[*at + 1].first, ip) <= 0)
        ++*at;
}

/* Of one part of the spans: how many of `most` addresses from `ip` it holds, under *index; or, if that is
 * UINT32_MAX, how many it does not. */
static uint32_t run_in(const struct target_walk *w, uint32_t at, uint32_t end, const struct ip *ip,
                       uint32_t most, uint32_t *index) {
    *index = UINT32_MAX;
    if (at < end && ip_compare(&w->spans[at].first, ip) <= 0) {
        const struct target_span *span = &w->spans[at];
        uint64_t offset = span->first.family == ip->family ? ip_distance(&span->first, ip) : UINT64_MAX;
        if (offset < span->count) {
            *index = span->base + (uint32_t)offset;
            return span->count - (uint32_t)offset < most ? span->count - (uint32_t)offset : most;
        }
        at++;
    }
    if (at >= end || w->spans[at].first.family != ip->family)
        return most;
    uint64_t gap = ip_distance(ip, &w->spans[at].first);
    return gap < most ? (uint32_t)gap : most;
}

uint32_t target_walk_run(struct target_walk *w, const struct ip *ip, uint32_t most, uint32_t *index) {
    for (int part = 0; part < 2; part++) {
        uint32_t begin = part == 0 ? 0 : w->ends[0];
        step_to(w, begin, w->ends[part], &w->at[part], ip);
        most = run_in(w, w->at[part], w->ends[part], ip, most, index);
        if (*index != UINT32_MAX)
            return most;
    }
    return most;
}

/* ---- maps ---- */

static enum status add_run(struct target_map *m, uint32_t index, uint32_t from, uint32_t count) {
    struct target_mapped *last = m->n > 0 ? &m->runs[m->n - 1] : NULL;
    if (last != NULL && last->index + last->count == index && last->from + last->count == from) {
        last->count += count;
        return STATUS_OK;
    }
    if (m->n == m->size) {
        uint32_t size = m->size == 0 ? 64 : m->size * 2;
        struct target_mapped *runs = realloc(m->runs, size * sizeof *runs);
        if (runs == NULL)
            return STATUS_NO_MEMORY;
        m->runs = runs;
        m->size = size;
    }
    m->runs[m->n++] = (struct target_mapped){index, from, count};
    return STATUS_OK;
}

static enum status map_span(struct target_map *m, const struct target_span *span,
                            struct target_walk *before) {
    enum status status = STATUS_OK;
    uint32_t n = 0;
    for (uint32_t i = 0; i < span->count && status == STATUS_OK; i += n) {
        struct ip ip = ip_add(span->first, i);
        uint32_t from;
        n = target_walk_run(before, &ip, span->count - i, &from);
        if (from != UINT32_MAX)
            status = add_run(m, span->base + i, from, n);
    }
    return status;
}

enum status target_map_make(struct target_map *m, const struct target_set *now,
                            const struct target_set *before) {
    if (m->now == now && m->before == before)
        return STATUS_OK;
    struct target_walk walk = target_walk_begin(before->spans, before->n_spans);
    enum status status = STATUS_OK;
    m->n = 0;
    m->now = NULL;
    for (uint32_t s = 0; status == STATUS_OK && s < now->n_spans; s++)
        status = map_span(m, &now->spans[s], &walk);
    if (status == STATUS_OK) {
        m->now = now;
        m->before = before;
    }
    return status;
}

void target_map_release(struct target_map *m) {
    free(m->runs);
    *m = (struct target_map){.n = 0};
}

bool target_map_is_same(const struct target_map *m) {
    uint32_t n = m->now->n;
    bool all = n == 0 || (m->n == 1 && m->runs[0].from == 0 && m->runs[0].count == n);
    return all && n == m->before->n && m->now->n_swept == m->before->n_swept;
}

uint32_t target_map_find(const struct target_map *m, uint32_t index) {
    uint32_t from = 0;
    uint32_t to = m->n;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (m->runs[mid].index <= index)
            from = mid + 1;
        else
            to = mid;
    }
    if (from == 0 || index - m->runs[from - 1].index >= m->runs[from - 1].count)
        return UINT32_MAX;
    return m->runs[from - 1].from + (index - m->runs[from - 1].index);
}
