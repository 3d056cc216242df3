/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings that the program runs with: the configuration, and what its sources add to it. What a group
 * has by itself keeps its order and comes first.
 */
#include "core/sources.h"

#include <stdlib.h>
#include <string.h>

struct expander {
    const struct sources *sources;
    struct problems *problems;
    struct arena *arena;
    uint64_t n_swept; /* addresses in all ranges so far */
    size_t n_refused; /* ranges beyond what can be swept in all */
};

/* ---- what the sources of a group say ---- */

static void collect(const struct expander *e, const char *group, const struct source_set *out[SOURCE_KINDS]) {
    static const struct source_set nothing;
    for (enum source_kind kind = SOURCE_FILES; kind < SOURCE_KINDS; kind++) {
        const struct source_set *set = sources_find(e->sources, group, kind);
        out[kind] = set != NULL ? set : &nothing;
    }
}

/* Addresses in the largest IPv6 range of a source that is swept. */
static uint64_t most_of_v6(enum source_kind kind) {
    return kind == SOURCE_SPF ? SOURCES_SPF_ADDRESSES : SETTINGS_MAX_RANGE;
}

static int address_order(const void *a, const void *b) {
    return ip_compare(a, b);
}

static int range_order(const void *a, const void *b) {
    return ip_range_compare(a, b);
}

static int group_range_order(const void *a, const void *b) {
    const struct group_range *x = a;
    const struct group_range *y = b;
    return ip_range_compare(&x->range, &y->range);
}

/* ---- addresses ---- */

/* What `sets` have and `own` (the group's, sorted) has not, each once, in order; returns how many. */
static size_t gather_addresses(const struct ip *own, size_t n_own, const struct source_set *const *sets,
                               struct ip *out) {
    size_t n = 0;
    size_t kept = 0;
    for (size_t i = 0; i < SOURCE_KINDS; i++)
        for (size_t k = 0; k < sets[i]->n_addresses; k++)
            if (bsearch(&sets[i]->addresses[k], own, n_own, sizeof *own, address_order) == NULL)
                out[n++] = sets[i]->addresses[k];
    ip_sort(out, n);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !ip_equal(&out[kept - 1], &out[i]))
            out[kept++] = out[i];
    return kept;
}

static enum status add_addresses(const struct expander *e, struct group *group,
                                 const struct source_set *const *sets) {
    size_t n_own = group->n_addresses;
    size_t n = n_own;
    for (size_t i = 0; i < SOURCE_KINDS; i++)
        n += sets[i]->n_addresses;
    if (n == n_own)
        return STATUS_OK;
    struct ip *all = arena_array(e->arena, n, sizeof *all);
    struct ip *own = calloc(n_own + 1, sizeof *own);
    if (all != NULL && own != NULL) {
        for (size_t i = 0; i < n_own; i++)
            own[i] = all[i] = group->addresses[i];
        ip_sort(own, n_own);
        group->n_addresses += gather_addresses(own, n_own, sets, all + n_own);
        group->addresses = all;
    }
    free(own);
    return all != NULL && own != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* ---- ranges ---- */

/* Whether `range` can be swept besides all others; if not, it recognises addresses, or that is told. */
static bool takes(struct expander *e, const struct group *group, enum source_kind kind,
                  const struct ip_range *range, bool *recognises) {
    char text[IP_RANGE_TEXT_SIZE];
    uint64_t count = ip_range_count(range);
    *recognises = range->first.family == IP_V6 && count > most_of_v6(kind);
    if (*recognises)
        return false;
    if (count <= SETTINGS_MAX_RANGE && e->n_swept + count <= SETTINGS_MAX_TOTAL) {
        e->n_swept += count;
        return true;
    }
    (void)ip_range_format(range, text);
    if (count > SETTINGS_MAX_RANGE)
        problems_warn(
            e->problems, 0, 0,
            "group \"%s\": range %s from its sources is left out: it has more than %d addresses, the most "
            "that can be swept; give the parts that mail leaves from",
            group->name, text, SETTINGS_MAX_RANGE);
    else if (e->n_refused++ == 0)
        problems_warn(
            e->problems, 0, 0,
            "group \"%s\": range %s from its sources is left out, and so may be more: all ranges together "
            "would have more than %d addresses, the most that can be swept",
            group->name, text, SETTINGS_MAX_TOTAL);
    return false;
}

static enum status add_range(const struct expander *e, const struct ip_range *range,
                             struct group_range *out) {
    char text[IP_RANGE_TEXT_SIZE];
    out->range = *range;
    out->label = arena_copy(e->arena, text, ip_range_format(range, text));
    return out->label != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* A range of the sources that the group has already, from itself or from another of them. */
static bool has_range(const struct group_range *own, size_t n_own, const struct source_set *const *sets,
                      enum source_kind before, const struct ip_range *range) {
    const struct group_range key = {.range = *range};
    if (bsearch(&key, own, n_own, sizeof *own, group_range_order) != NULL)
        return true;
    for (size_t i = 0; i < before; i++)
        if (sets[i]->n_ranges > 0 &&
            bsearch(range, sets[i]->ranges, sets[i]->n_ranges, sizeof *range, range_order) != NULL)
            return true;
    return false;
}

struct range_builder {
    struct group_range *ranges;
    struct ip_range *recognised;
    struct group_range *own; /* the group's, sorted */
    size_t n_ranges, n_recognised;
};

static enum status fill_ranges(struct expander *e, const struct group *group,
                               const struct source_set *const *sets, struct range_builder *b) {
    enum status status = STATUS_OK;
    for (enum source_kind kind = SOURCE_FILES; kind < SOURCE_KINDS; kind++)
        for (size_t k = 0; k < sets[kind]->n_ranges && status == STATUS_OK; k++) {
            const struct ip_range *range = &sets[kind]->ranges[k];
            bool recognises = false;
            if (has_range(b->own, group->n_ranges, sets, kind, range))
                continue;
            if (takes(e, group, kind, range, &recognises))
                status = add_range(e, range, &b->ranges[b->n_ranges++]);
            else if (recognises)
                b->recognised[b->n_recognised++] = *range;
        }
    return status;
}

static enum status add_ranges(struct expander *e, struct group *group, const struct source_set *const *sets) {
    size_t n = 0;
    for (size_t i = 0; i < SOURCE_KINDS; i++)
        n += sets[i]->n_ranges;
    if (n == 0)
        return STATUS_OK;
    struct range_builder b = {
        .ranges = arena_array(e->arena, group->n_ranges + n, sizeof *b.ranges),
        .recognised = arena_array(e->arena, group->n_recognised + n, sizeof *b.recognised),
        .own = calloc(group->n_ranges + 1, sizeof *b.own),
        .n_ranges = group->n_ranges,
        .n_recognised = group->n_recognised,
    };
    enum status status = STATUS_NO_MEMORY;
    if (b.ranges != NULL && b.recognised != NULL && b.own != NULL) {
        for (size_t i = 0; i < group->n_ranges; i++)
            b.own[i] = b.ranges[i] = group->ranges[i];
        for (size_t i = 0; i < group->n_recognised; i++)
            b.recognised[i] = group->recognised[i];
        qsort(b.own, group->n_ranges, sizeof *b.own, group_range_order);
        status = fill_ranges(e, group, sets, &b);
    }
    if (status == STATUS_OK) {
        group->ranges = b.ranges;
        group->n_ranges = b.n_ranges;
        group->recognised = b.recognised;
        group->n_recognised = b.n_recognised;
    }
    free(b.own);
    return status;
}

/* ---- groups ---- */

static enum status add_sources(struct expander *e, struct group *group) {
    const struct source_set *sets[SOURCE_KINDS];
    collect(e, group->name, sets);
    enum status status = add_addresses(e, group, sets);
    return status == STATUS_OK ? add_ranges(e, group, sets) : status;
}

static enum status make_bounced(const struct expander *e, const struct settings *base, struct group *out) {
    bool *lists = arena_array(e->arena, base->n_lists + 1, sizeof *lists);
    if (lists == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < base->n_lists; i++)
        lists[i] = base->lists[i].enabled;
    *out = (struct group){.name = SETTINGS_BOUNCED,
                          .lists = lists,
                          .interval_ns = base->defaults.interval_ns,
                          .sweep_interval_ns = base->defaults.sweep_interval_ns,
                          .ranges_date_days = -1};
    return STATUS_OK;
}

static enum status expand_groups(struct expander *e, const struct settings *base, struct group *groups) {
    enum status status = make_bounced(e, base, &groups[base->n_groups]);
    for (size_t g = 0; g < base->n_groups; g++) {
        groups[g] = base->groups[g];
        groups[g].sources_changed_ns = sources_changed_ns(e->sources, groups[g].name);
        for (size_t r = 0; r < groups[g].n_ranges; r++)
            e->n_swept += ip_range_count(&groups[g].ranges[r].range);
    }
    for (size_t g = 0; g <= base->n_groups && status == STATUS_OK; g++)
        status = add_sources(e, &groups[g]);
    return status;
}

enum status sources_expand(const struct sources *s, const struct settings *base, struct problems *problems,
                           struct settings **out) {
    struct settings *settings = malloc(sizeof *settings);
    if (settings == NULL)
        return STATUS_NO_MEMORY;
    *settings = *base;
    arena_init(&settings->arena);
    struct expander e = {.sources = s, .problems = problems, .arena = &settings->arena};
    struct group *groups = arena_array(&settings->arena, base->n_groups + 1, sizeof *groups);
    enum status status = groups != NULL ? expand_groups(&e, base, groups) : STATUS_NO_MEMORY;
    settings->groups = groups;
    settings->n_groups = base->n_groups + 1;
    if (status == STATUS_OK)
        *out = settings;
    else
        settings_free(settings);
    return status;
}
