/* SPDX-License-Identifier: Apache-2.0
 *
 * How long one sweep takes: the addresses of all ranges that are swept on a list, overlaps counted once,
 * divided by what its quota (or that of all lists that share it) or its rate gives. core/forecast knows more,
 * but only once the targets are built, and a warning needs its place in the file. All ranges are sorted once,
 * so that each list then takes one pass. The time is that of a program that has nothing else to do: a bound
 * from below, said as "about".
 */
#include "core/budget.h"
#include "core/human.h"
#include "core/settings_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is said of a list; lists of which the same is said are named in one warning. */
struct sweep {
    uint64_t addresses;
    uint64_t total; /* of all lists that share the allowance */
    size_t sharers;
    uint64_t queries; /* 0: limited by the rate alone */
    int64_t per_ns;
    double rate;
    double seconds;
    int64_t wanted_ns;
    int share;
    bool done; /* said, or not worth saying */
};

static int compare_ranges(const void *a, const void *b) {
    const struct settings_swept *left = a;
    const struct settings_swept *right = b;
    return ip_range_compare(&left->range, &right->range);
}

struct settings_swept *settings_collect_ranges(const struct settings *settings, bool addresses,
                                               size_t *n_out) {
    size_t n = 0;
    for (size_t i = 0; i < settings->n_groups; i++)
        n += settings->groups[i].n_ranges + (addresses ? settings->groups[i].n_addresses : 0);
    struct settings_swept *ranges = calloc(n + 1, sizeof *ranges);
    if (!ranges)
        return NULL;
    size_t at = 0;
    for (size_t i = 0; i < settings->n_groups; i++) {
        const struct group *group = &settings->groups[i];
        for (size_t j = 0; j < group->n_ranges; j++)
            ranges[at++] = (struct settings_swept){.range = group->ranges[j].range, .group = i};
        for (size_t j = 0; addresses && j < group->n_addresses; j++)
            ranges[at++] = (struct settings_swept){{group->addresses[j], group->addresses[j]}, i};
    }
    qsort(ranges, n, sizeof *ranges, compare_ranges);
    *n_out = n;
    return ranges;
}

/* The addresses that are swept on list `index`, each once. `ranges` are sorted. */
static uint64_t count_addresses(const struct settings *settings, const struct settings_swept *ranges,
                                size_t n, size_t index) {
    const struct list *list = &settings->lists[index];
    const struct ip *end = NULL; /* the last address counted so far */
    uint64_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct ip_range *range = &ranges[i].range;
        if (!settings->groups[ranges[i].group].lists[index] || !list->families[range->first.family])
            continue;
        bool overlaps = end && ip_compare(&range->first, end) <= 0;
        if (overlaps && ip_compare(&range->last, end) <= 0)
            continue;
        count += overlaps ? ip_distance(end, &range->last) : ip_range_count(range);
        end = &range->last;
    }
    return count;
}

static int64_t wanted_interval(const struct settings *settings, size_t index) {
    int64_t shortest = INT64_MAX;
    for (size_t i = 0; i < settings->n_groups; i++) {
        const struct group *group = &settings->groups[i];
        if (group->n_ranges > 0 && group->lists[index] && group->sweep_interval_ns < shortest)
            shortest = group->sweep_interval_ns;
    }
    return shortest;
}

static void measure(const struct settings *settings, size_t index, struct sweep *sweep) {
    const struct list_budget *budget = &settings->lists[index].budget;
    double by_rate = budget_seconds((double)sweep->addresses, budget->rate, 0, 0);
    double by_quota = 0;
    sweep->rate = budget->rate;
    sweep->wanted_ns = wanted_interval(settings, index);
    if (budget->share >= 0 || budget->queries > 0) {
        const struct budget_settings *shared = budget->share >= 0 ? &settings->budgets[budget->share] : NULL;
        sweep->queries = shared ? shared->queries : budget->queries;
        sweep->per_ns = shared ? shared->per_ns : budget->per_ns;
        by_quota = budget_seconds((double)sweep->total, 0, sweep->queries, sweep->per_ns);
    }
    if (by_rate > by_quota) {
        sweep->queries = 0;
        sweep->total = sweep->addresses;
        sweep->share = -1;
        sweep->sharers = 1;
    }
    sweep->seconds = by_rate > by_quota ? by_rate : by_quota;
    sweep->done =
        sweep->addresses == 0 || sweep->seconds <= (double)sweep->wanted_ns / (double)SETTINGS_SECOND_NS;
}

static void measure_all(const struct settings *settings, const struct settings_swept *ranges, size_t n,
                        struct sweep *sweeps) {
    for (size_t i = 0; i < settings->n_lists; i++) {
        sweeps[i].addresses = count_addresses(settings, ranges, n, i);
        sweeps[i].share = settings->lists[i].budget.share;
    }
    for (size_t i = 0; i < settings->n_lists; i++)
        for (size_t j = 0; j < settings->n_lists; j++)
            if (i == j || (sweeps[i].share >= 0 && settings->lists[j].budget.share == sweeps[i].share &&
                           sweeps[j].addresses > 0)) {
                sweeps[i].total += sweeps[j].addresses;
                sweeps[i].sharers++;
            }
    for (size_t i = 0; i < settings->n_lists; i++)
        measure(settings, i, &sweeps[i]);
}

static bool is_alike(const struct sweep *a, const struct sweep *b) {
    return a->share == b->share && a->total == b->total && a->queries == b->queries &&
           a->per_ns == b->per_ns && a->wanted_ns == b->wanted_ns &&
           (a->queries > 0 || (a->addresses == b->addresses && a->rate >= b->rate && a->rate <= b->rate));
}

/* The names of all lists of which the same is to be said as of `index`, which are then done. */
static void name_lists(const struct settings *settings, struct sweep *sweeps, size_t index, char *out,
                       size_t size) {
    size_t len = 0;
    size_t unnamed = 0;
    for (size_t i = index; i < settings->n_lists; i++) {
        if (sweeps[i].done || !is_alike(&sweeps[index], &sweeps[i]))
            continue;
        const char *name = settings->lists[i].name;
        sweeps[i].done = i != index;
        if (unnamed > 0 || len + strlen(name) + 24 > size)
            unnamed++;
        else
            len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", name);
    }
    if (unnamed > 0)
        snprintf(out + len, size - len, " and %zu more", unnamed);
    sweeps[index].done = true;
}

static void warn(struct settings_reader *r, const struct sweep *sweep, const char *names,
                 const struct node *place) {
    char total[HUMAN_SIZE];
    char limit[96];
    char number[HUMAN_SIZE];
    char time[HUMAN_SIZE];
    char wanted[48];
    (void)human_time(sweep->seconds, time);
    settings_format_duration(sweep->wanted_ns, wanted, sizeof wanted);
    if (sweep->queries > 0) {
        char per[48];
        snprintf(limit, sizeof limit, "within %s queries per %s", human_number(sweep->queries, number),
                 settings_format_duration(sweep->per_ns, per, sizeof per));
    } else {
        snprintf(limit, sizeof limit, "at %.4g queries a second", sweep->rate);
    }
    problems_warn(r->problems, place->line, place->column,
                  "%s: one sweep of %s addresses%s %s takes about %s; the sweep_interval is %s", names,
                  human_number(sweep->total, total), sweep->sharers > 1 ? " in all" : "", limit, time,
                  wanted);
}

void settings_warn_of_slow_sweeps(struct settings_reader *r, const struct settings *settings,
                                  const struct node *const *places) {
    size_t n = 0;
    struct settings_swept *ranges = settings_collect_ranges(settings, false, &n);
    struct sweep *sweeps = calloc(settings->n_lists + 1, sizeof *sweeps);
    if (!ranges || !sweeps) {
        r->problems->no_memory = true;
        goto out;
    }
    measure_all(settings, ranges, n, sweeps);
    for (size_t i = 0; i < settings->n_lists; i++) {
        char names[320];
        if (sweeps[i].done)
            continue;
        name_lists(settings, sweeps, i, names, sizeof names);
        warn(r, &sweeps[i], names, places[i]);
    }
out:
    free(ranges);
    free(sweeps);
}
