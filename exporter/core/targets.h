/* SPDX-License-Identifier: Apache-2.0
 *
 * targets: every address that is to be checked, once, as numbers instead of objects.
 *
 * All ranges of all groups are cut at each other's ends, and at those of safelists, into disjoint segments,
 * so that each configured range is a run of whole segments and counts kept per segment add up to counts per
 * range, however ranges overlap. What one list checks is a `struct target_set`: its addresses have the
 * indexes 0..n-1, first those of ranges (0..n_swept-1, the sweep), then single addresses outside all ranges.
 * An address named one by one that lies in a range has its index there. Lists that check the same groups and
 * families share one set. Immutable once built; lives in its own arena.
 */
#ifndef RBL_CORE_TARGETS_H
#define RBL_CORE_TARGETS_H

#include "core/settings.h"

#include <stdint.h>

enum { TARGET_NO_SEGMENT = -1 };

/* A run of addresses with consecutive indexes. */
struct target_span {
    struct ip first;
    uint32_t count;
    uint32_t base;   /* index of `first` */
    int32_t segment; /* TARGET_NO_SEGMENT: single addresses outside all ranges */
};

/* An address named one by one. */
struct target_watch {
    uint32_t index;
    int64_t interval_ns; /* the shortest of the groups that name it */
};

struct target_set {
    const struct target_span
        *spans; /* those of segments, in order of address; then those of single addresses, in order */
    uint32_t n_spans;
    uint32_t n_segment_spans;
    uint32_t n;                         /* addresses */
    uint32_t n_swept;                   /* of them in ranges */
    const struct target_watch *watched; /* in order of index */
    uint32_t n_watched;
    const uint32_t *turns;        /* [n_watched]: numbers of the watched, in the order of target_place() */
    const uint32_t *turn_indexes; /* [n_watched]: ... and their indexes */
    int64_t sweep_interval_ns;    /* the shortest of the groups with ranges; 0 without ranges */
};

/* A configured range as a view: the counts of segments first_segment .. first_segment + n_segments - 1. */
struct target_range {
    uint32_t group;
    const struct group_range *range;
    uint32_t first_segment;
    uint32_t n_segments;
    uint64_t n_addresses;
};

/* A safelisted range as a view: of those of its addresses that lie in configured ranges, the segments
 * first_segment .. first_segment + n_segments - 1 hold all and nothing else. */
struct target_safelist {
    uint32_t safelist; /* in the settings */
    const struct group_range *range;
    uint32_t first_segment;
    uint32_t n_segments;
    double n_addresses; /* watched or not */
    bool watched;       /* some block list that counts is asked about any of it */
    const bool *lists;  /* by list: whether it counts, for all that is said of the range */
};

struct targets {
    struct arena arena;
    const struct settings *settings; /* borrowed: outlives this */
    const struct ip_range *segments; /* in order of address */
    uint32_t n_segments;
    const struct target_range *ranges; /* of all groups, in the order of the configuration */
    uint32_t n_ranges;
    const struct target_safelist *safelists; /* the ranges of all safelists, as configured */
    uint32_t n_safelists;
    const uint32_t *group_ranges;         /* [n_groups + 1]: where each group's ranges begin in `ranges` */
    const uint32_t *ranges_by_label;      /* indexes into `ranges`, those of each group by their labels */
    const struct ip *const *group_sorted; /* by group: its single addresses in order */
    const struct target_set *const *sets; /* by list; NULL for a disabled list */
    uint64_t n_unasked;                   /* addresses that no enabled block list is asked about, each once */
    const bool *unasked_groups;           /* [n_groups]: which have some of them */
};

/* Builds the targets of `settings`; STATUS_NO_MEMORY, or STATUS_RANGE if a list would get more than 2^31 - 1
 * addresses. */
enum status targets_build(const struct settings *settings, struct targets **out) MUST_CHECK;
void targets_free(struct targets *targets); /* NULL allowed */
/* The address with `index` < set->n. */
struct ip target_ip(const struct target_set *set, uint32_t index);
/* The index of `ip`, or UINT32_MAX if the set does not hold it. */
uint32_t target_index(const struct target_set *set, const struct ip *ip);
/* The address with `index`, for one index after another in their order: *span, set->spans at first, goes
 * along. */
static inline struct ip target_next_ip(const struct target_span **span, uint32_t index) {
    while (index - (*span)->base >= (*span)->count)
        ++*span;
    return ip_add((*span)->first, index - (*span)->base);
}
/* The number among the watched of what has `index`; UINT32_MAX: it is not named one by one. */
uint32_t target_watched_find(const struct target_set *set, uint32_t index);
/* Where an address stands in the order in which those named one by one are asked: that of a hash of it. */
uint32_t target_place(const struct target_set *set, uint32_t index);
/* To find many addresses, which for the most part come in their order. The spans, `n`, are those of a set:
 * of a set's two parts each is in order. */
struct target_walk {
    const struct target_span *spans;
    uint32_t ends[2];
    uint32_t at[2];
};
struct target_walk target_walk_begin(const struct target_span *spans, uint32_t n);
/* The index of `ip`, the first of up to `most` neighbours (at least one), in *index, or UINT32_MAX; returns
 * how many of them there are under consecutive indexes, or, if it is not there, how many are not. */
uint32_t target_walk_run(struct target_walk *w, const struct ip *ip, uint32_t most, uint32_t *index);
/* What index each address of a set had in another: in runs of neighbours by index in both, in the order of
 * `index`. What is in none of them was not there. */
struct target_mapped {
    uint32_t index;
    uint32_t from; /* in `before` */
    uint32_t count;
};
struct target_map {
    const struct target_set *now;
    const struct target_set *before;
    struct target_mapped *runs;
    uint32_t n, size;
};
/* Makes it of two sets, of which `before` may have no more than spans; nothing if it is theirs already. `m`
 * is all zero at first. */
enum status target_map_make(struct target_map *m, const struct target_set *now,
                            const struct target_set *before) MUST_CHECK;
void target_map_release(struct target_map *m);
/* What `index` was in `before`; UINT32_MAX: it was not there. */
uint32_t target_map_find(const struct target_map *m, uint32_t index);
/* Whether both sets hold the same addresses under the same indexes. */
bool target_map_is_same(const struct target_map *m);
/* The range of `group` with the label, in `targets->ranges`; UINT32_MAX: none. `hint` is where it may be. */
uint32_t target_range_find(const struct targets *targets, uint32_t group, const char *label, uint32_t hint);
/* The longest run of addresses that span *i begins, with consecutive indexes, whatever segments it is cut
 * into (its .segment says nothing); moves *i behind it. */
struct target_span target_run(const struct target_set *set, uint32_t *i);
/* Of `n` spans in the order of their .base (n > 0), the last that begins at or before `index`. */
const struct target_span *target_span_find(const struct target_span *spans, uint32_t n, uint32_t index);
/* The span that holds `index`. */
const struct target_span *target_span_of(const struct target_set *set, uint32_t index);
/* Whether `group`, being checked on `list`, has any address of a family that the list is asked about. */
bool target_group_covers(const struct targets *targets, uint32_t group, uint32_t list);
/* The single addresses outside all ranges of `set` that lie in `range`: *from <= index < *to. */
void target_singles_within(const struct target_set *set, const struct ip_range *range, uint32_t *from,
                           uint32_t *to);
/* Whether `group` names `ip` one by one (not by a range). */
bool target_group_names(const struct targets *targets, uint32_t group, const struct ip *ip);
/* Whether any group names it, or holds it in a range. */
bool target_is_configured(const struct targets *targets, const struct ip *ip);

#endif
