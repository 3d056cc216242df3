/* SPDX-License-Identifier: Apache-2.0 */
#include "core/targets.h"

#include "core/targets_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    struct targets *targets;
    const struct settings *settings;
    bool *segment_wanted; /* by segment, for the set being made */
};

int targets_ip_order(const void *a, const void *b) {
    return ip_compare(a, b);
}

uint32_t targets_segment_at(const struct targets *t, const struct ip *first) {
    uint32_t lo = 0;
    uint32_t hi = t->n_segments;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (ip_compare(&t->segments[mid].first, first) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint32_t targets_count_segments(const struct targets *t, uint32_t first, const struct ip_range *range) {
    uint32_t end = first;
    while (end < t->n_segments && ip_compare(&t->segments[end].last, &range->last) <= 0)
        end++;
    return end - first;
}

static int label_order(const void *a, const void *b, void *context) {
    const struct target_range *ranges = context;
    return strcmp(ranges[*(const uint32_t *)a].range->label, ranges[*(const uint32_t *)b].range->label);
}

/* Of each group its ranges by their labels: there may be many, and all of them may be looked for. */
static enum status sort_labels(struct targets *t) {
    uint32_t *sorted = arena_array(&t->arena, t->n_ranges, sizeof *sorted);
    if (sorted == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < t->n_ranges; i++)
        sorted[i] = i;
    for (size_t g = 0; g < t->settings->n_groups; g++) {
        uint32_t first = t->group_ranges[g];
        qsort_r(sorted + first, t->group_ranges[g + 1] - first, sizeof *sorted, label_order,
                (void *)t->ranges);
    }
    t->ranges_by_label = sorted;
    return STATUS_OK;
}

static enum status build_ranges(struct builder *b) {
    struct targets *t = b->targets;
    const struct settings *s = b->settings;
    struct target_range *ranges = arena_array(&t->arena, targets_count_ranges(s), sizeof *ranges);
    uint32_t *starts = arena_array(&t->arena, s->n_groups + 1, sizeof *starts);
    if (ranges == NULL || starts == NULL)
        return STATUS_NO_MEMORY;
    uint32_t n = 0;
    for (uint32_t g = 0; g < s->n_groups; g++) {
        starts[g] = n;
        for (size_t r = 0; r < s->groups[g].n_ranges; r++) {
            const struct group_range *range = &s->groups[g].ranges[r];
            uint32_t first = targets_segment_at(t, &range->range.first);
            ranges[n++] = (struct target_range){.group = g,
                                                .range = range,
                                                .first_segment = first,
                                                .n_segments = targets_count_segments(t, first, &range->range),
                                                .n_addresses = ip_range_count(&range->range)};
        }
    }
    starts[s->n_groups] = n;
    t->ranges = ranges;
    t->n_ranges = n;
    t->group_ranges = starts;
    return sort_labels(t);
}

static enum status sort_addresses(struct builder *b) {
    const struct settings *s = b->settings;
    const struct ip **sorted = arena_array(&b->targets->arena, s->n_groups, sizeof *sorted);
    if (sorted == NULL)
        return STATUS_NO_MEMORY;
    for (size_t g = 0; g < s->n_groups; g++) {
        struct ip *copy = arena_array(&b->targets->arena, s->groups[g].n_addresses, sizeof *copy);
        if (copy == NULL)
            return STATUS_NO_MEMORY;
        for (size_t i = 0; i < s->groups[g].n_addresses; i++)
            copy[i] = s->groups[g].addresses[i];
        ip_sort(copy, s->groups[g].n_addresses);
        sorted[g] = copy;
    }
    b->targets->group_sorted = sorted;
    return STATUS_OK;
}

static bool same_coverage(const struct settings *s, uint32_t a, uint32_t b) {
    const struct list *x = &s->lists[a];
    const struct list *y = &s->lists[b];
    if (x->families[IP_V4] != y->families[IP_V4] || x->families[IP_V6] != y->families[IP_V6])
        return false;
    for (size_t g = 0; g < s->n_groups; g++)
        if (s->groups[g].lists[a] != s->groups[g].lists[b])
            return false;
    return true;
}

/* Which segments `list` sweeps, and how often. */
static int64_t mark_segments(struct builder *b, uint32_t list) {
    const struct targets *t = b->targets;
    int64_t interval = 0;
    if (t->n_segments > 0)
        memset(b->segment_wanted, 0, t->n_segments * sizeof *b->segment_wanted);
    for (uint32_t r = 0; r < t->n_ranges; r++) {
        const struct target_range *range = &t->ranges[r];
        const struct group *group = &b->settings->groups[range->group];
        if (!group->lists[list] || !b->settings->lists[list].families[range->range->range.first.family])
            continue;
        memset(b->segment_wanted + range->first_segment, 1, range->n_segments * sizeof *b->segment_wanted);
        if (interval == 0 || group->sweep_interval_ns < interval)
            interval = group->sweep_interval_ns;
    }
    return interval;
}

struct named {
    struct ip ip;
    int64_t interval_ns;
};

static int named_order(const void *a, const void *b) {
    const struct named *x = a;
    const struct named *y = b;
    int order = targets_ip_order(&x->ip, &y->ip);
    if (order != 0)
        return order;
    return x->interval_ns < y->interval_ns ? -1 : x->interval_ns > y->interval_ns;
}

/* The addresses that groups name one by one for `list`, sorted, each once with its shortest interval. */
static enum status collect_named(const struct targets *t, uint32_t list, struct named **out,
                                 uint32_t *n_out) {
    const struct settings *s = t->settings;
    bool sorted = true;
    size_t n = 0;
    for (size_t g = 0; g < s->n_groups; g++)
        if (s->groups[g].lists[list])
            n += s->groups[g].n_addresses;
    struct named *named = calloc(n > 0 ? n : 1, sizeof *named);
    if (named == NULL)
        return STATUS_NO_MEMORY;
    n = 0;
    for (size_t g = 0; g < s->n_groups; g++) {
        const struct group *group = &s->groups[g];
        for (size_t i = 0; group->lists[list] && i < group->n_addresses; i++) {
            const struct ip *ip = &t->group_sorted[g][i];
            if (!s->lists[list].families[ip->family])
                continue;
            sorted = sorted && (n == 0 || ip_compare(&named[n - 1].ip, ip) < 0);
            named[n++] = (struct named){*ip, group->interval_ns};
        }
    }
    if (!sorted)
        qsort(named, n, sizeof *named, named_order);
    uint32_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !ip_equal(&named[kept - 1].ip, &named[i].ip))
            named[kept++] = named[i];
    *out = named;
    *n_out = kept;
    return STATUS_OK;
}

/* Spans of the wanted segments, joined with nothing: one each. */
static uint64_t add_segment_spans(const struct builder *b, struct target_span *spans, uint32_t *n_spans) {
    uint64_t base = 0;
    for (uint32_t i = 0; i < b->targets->n_segments; i++) {
        if (!b->segment_wanted[i])
            continue;
        uint64_t count = ip_range_count(&b->targets->segments[i]);
        if (base + count > INT32_MAX)
            return UINT64_MAX;
        spans[(*n_spans)++] = (struct target_span){.first = b->targets->segments[i].first,
                                                   .count = (uint32_t)count,
                                                   .base = (uint32_t)base,
                                                   .segment = (int32_t)i};
        base += count;
    }
    return base;
}

/* How many of the spans, which are in order, begin at or before `ip`. */
static uint32_t count_spans_up_to(const struct target_span *spans, uint32_t n, const struct ip *ip) {
    uint32_t from = 0;
    uint32_t to = n;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (ip_compare(&spans[mid].first, ip) <= 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static uint32_t find_in_spans(const struct target_span *spans, uint32_t n, const struct ip *ip) {
    uint32_t begun = count_spans_up_to(spans, n, ip);
    if (begun == 0)
        return UINT32_MAX;
    const struct target_span *span = &spans[begun - 1];
    if (span->first.family != ip->family || ip_compare(&span->first, ip) > 0)
        return UINT32_MAX;
    uint64_t offset = ip_distance(&span->first, ip);
    return offset < span->count ? span->base + (uint32_t)offset : UINT32_MAX;
}

/* Gives each named address its index: in a range, or behind all ranges, neighbours joined into one span. */
static bool add_single_spans(struct target_set *set, struct target_span *spans, const struct named *named,
                             uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (find_in_spans(spans, set->n_segment_spans, &named[i].ip) != UINT32_MAX)
            continue;
        if (set->n == INT32_MAX)
            return false;
        struct target_span *last = set->n_spans > set->n_segment_spans ? &spans[set->n_spans - 1] : NULL;
        if (last != NULL && last->first.family == named[i].ip.family &&
            ip_distance(&last->first, &named[i].ip) == last->count)
            last->count++;
        else
            spans[set->n_spans++] = (struct target_span){
                .first = named[i].ip, .count = 1, .base = set->n, .segment = TARGET_NO_SEGMENT};
        set->n++;
    }
    return true;
}

/* In order of index: those in ranges, then the others, each in the order of their addresses. */
static enum status watch(struct arena *arena, struct target_set *set, const struct named *named, uint32_t n) {
    struct target_watch *watched = arena_array(arena, n, sizeof *watched);
    uint32_t *indexes = calloc((size_t)n + 1, sizeof *indexes);
    if (watched != NULL && indexes != NULL) {
        struct target_walk walk = target_walk_begin(set->spans, set->n_spans);
        for (uint32_t i = 0; i < n; i++)
            (void)target_walk_run(&walk, &named[i].ip, 1, &indexes[i]);
        for (int swept = 1; swept >= 0; swept--)
            for (uint32_t i = 0; i < n; i++)
                if ((indexes[i] < set->n_swept) == swept)
                    watched[set->n_watched++] = (struct target_watch){indexes[i], named[i].interval_ns};
        set->watched = watched;
    }
    free(indexes);
    return set->watched != NULL ? targets_take_turns(arena, set) : STATUS_NO_MEMORY;
}

static enum status build_set(struct builder *b, uint32_t list, const struct target_set **out) {
    struct arena *arena = &b->targets->arena;
    struct named *named = NULL;
    uint32_t n_named = 0;
    enum status status = collect_named(b->targets, list, &named, &n_named);
    if (status != STATUS_OK)
        return status;
    status = STATUS_NO_MEMORY;
    struct target_set *set = arena_alloc(arena, sizeof *set);
    struct target_span *spans = arena_array(arena, (size_t)b->targets->n_segments + n_named, sizeof *spans);
    if (set == NULL || spans == NULL)
        goto out;
    status = STATUS_RANGE;
    set->sweep_interval_ns = mark_segments(b, list);
    uint64_t swept = add_segment_spans(b, spans, &set->n_spans);
    if (swept == UINT64_MAX)
        goto out;
    set->n_segment_spans = set->n_spans;
    set->n_swept = (uint32_t)swept;
    set->n = set->n_swept;
    if (!add_single_spans(set, spans, named, n_named))
        goto out;
    set->spans = spans;
    status = watch(arena, set, named, n_named);
    *out = set;
out:
    free(named);
    return status;
}

static enum status build_sets(struct builder *b) {
    const struct settings *s = b->settings;
    const struct target_set **sets = arena_array(&b->targets->arena, s->n_lists, sizeof *sets);
    b->segment_wanted = calloc(b->targets->n_segments + 1, sizeof *b->segment_wanted);
    if (sets == NULL || b->segment_wanted == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t l = 0; l < s->n_lists; l++) {
        for (uint32_t other = 0; s->lists[l].enabled && other < l && sets[l] == NULL; other++)
            if (sets[other] != NULL && same_coverage(s, l, other))
                sets[l] = sets[other];
        if (s->lists[l].enabled && sets[l] == NULL) {
            enum status status = build_set(b, l, &sets[l]);
            if (status != STATUS_OK)
                return status;
        }
    }
    b->targets->sets = sets;
    return STATUS_OK;
}

enum status targets_build(const struct settings *settings, struct targets **out) {
    struct targets *targets = calloc(1, sizeof *targets);
    if (targets == NULL)
        return STATUS_NO_MEMORY;
    arena_init(&targets->arena);
    targets->settings = settings;
    struct builder b = {.targets = targets, .settings = settings};
    enum status status = targets_cut(targets);
    if (status == STATUS_OK)
        status = build_ranges(&b);
    if (status == STATUS_OK)
        status = sort_addresses(&b);
    if (status == STATUS_OK)
        status = build_sets(&b);
    if (status == STATUS_OK)
        status = targets_view_safelists(targets);
    if (status == STATUS_OK)
        status = targets_find_unasked(targets);
    free(b.segment_wanted);
    if (status != STATUS_OK)
        targets_free(targets);
    else
        *out = targets;
    return status;
}

void targets_free(struct targets *targets) {
    if (targets == NULL)
        return;
    arena_release(&targets->arena);
    free(targets);
}

uint32_t target_range_find(const struct targets *targets, uint32_t group, const char *label, uint32_t hint) {
    uint32_t from = targets->group_ranges[group];
    uint32_t to = targets->group_ranges[group + 1];
    if (hint >= from && hint < to && strcmp(targets->ranges[hint].range->label, label) == 0)
        return hint;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        uint32_t i = targets->ranges_by_label[mid];
        int order = strcmp(targets->ranges[i].range->label, label);
        if (order == 0)
            return i;
        if (order < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return UINT32_MAX;
}

struct target_span target_run(const struct target_set *set, uint32_t *i) {
    struct target_span run = set->spans[(*i)++];
    for (; *i < set->n_spans; (*i)++) {
        const struct target_span *next = &set->spans[*i];
        if (next->first.family != run.first.family || ip_compare(&next->first, &run.first) < 0 ||
            ip_distance(&run.first, &next->first) != run.count)
            break;
        run.count += next->count;
    }
    return run;
}

const struct target_span *target_span_find(const struct target_span *spans, uint32_t n, uint32_t index) {
    uint32_t lo = 0;
    uint32_t hi = n;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (spans[mid].base <= index)
            lo = mid;
        else
            hi = mid;
    }
    return &spans[lo];
}

const struct target_span *target_span_of(const struct target_set *set, uint32_t index) {
    assert(index < set->n);
    return target_span_find(set->spans, set->n_spans, index);
}

struct ip target_ip(const struct target_set *set, uint32_t index) {
    const struct target_span *span = target_span_of(set, index);
    return ip_add(span->first, index - span->base);
}

uint32_t target_index(const struct target_set *set, const struct ip *ip) {
    uint32_t index = find_in_spans(set->spans, set->n_segment_spans, ip);
    if (index != UINT32_MAX || set->n_spans == set->n_segment_spans)
        return index;
    return find_in_spans(set->spans + set->n_segment_spans, set->n_spans - set->n_segment_spans, ip);
}

bool target_group_covers(const struct targets *targets, uint32_t group, uint32_t list) {
    const struct group *g = &targets->settings->groups[group];
    const struct list *l = &targets->settings->lists[list];
    if (!g->lists[list])
        return false;
    for (size_t i = 0; i < g->n_addresses; i++)
        if (l->families[g->addresses[i].family])
            return true;
    for (size_t i = 0; i < g->n_ranges; i++)
        if (l->families[g->ranges[i].range.first.family])
            return true;
    return false;
}

bool target_group_names(const struct targets *targets, uint32_t group, const struct ip *ip) {
    return bsearch(ip, targets->group_sorted[group], targets->settings->groups[group].n_addresses, sizeof *ip,
                   targets_ip_order) != NULL;
}

bool target_is_configured(const struct targets *targets, const struct ip *ip) {
    for (uint32_t g = 0; g < targets->settings->n_groups; g++)
        if (target_group_names(targets, g, ip))
            return true;
    for (uint32_t i = 0; i < targets->n_ranges; i++)
        if (ip_range_contains(&targets->ranges[i].range->range, ip))
            return true;
    return false;
}
