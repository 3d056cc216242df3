/* SPDX-License-Identifier: Apache-2.0
 *
 * Which configured addresses no block list is asked about: nobody would see them listed.
 */
#include "core/targets.h"

#include "core/targets_internal.h"

#include <stdlib.h>

struct unasked {
    struct targets *targets;
    bool *segments; /* by segment: a block list is asked about it */
    struct ip *ips; /* single addresses outside all ranges that none is asked about */
    size_t n_ips;
    bool *groups;
};

static bool is_block(const struct targets *t, uint32_t list) {
    return t->sets[list] != NULL && t->settings->lists[list].kind == LIST_BLOCK;
}

/* Whether `group` itself has its addresses of `family` asked of a block list. */
static bool group_asks(const struct targets *t, uint32_t group, enum ip_family family) {
    for (uint32_t list = 0; list < t->settings->n_lists; list++)
        if (is_block(t, list) && t->settings->groups[group].lists[list] &&
            t->settings->lists[list].families[family])
            return true;
    return false;
}

static bool is_asked(const struct targets *t, const struct ip *ip) {
    const struct target_set *last = NULL;
    for (uint32_t list = 0; list < t->settings->n_lists; list++) {
        if (!is_block(t, list) || t->sets[list] == last)
            continue;
        last = t->sets[list];
        if (target_index(last, ip) != UINT32_MAX)
            return true;
    }
    return false;
}

static bool is_in_segment(const struct targets *t, const struct ip *ip) {
    uint32_t at = targets_segment_at(t, ip);
    return (at < t->n_segments && ip_range_contains(&t->segments[at], ip)) ||
           (at > 0 && ip_range_contains(&t->segments[at - 1], ip));
}

static void look_at_ranges(struct unasked *u) {
    struct targets *t = u->targets;
    for (uint32_t i = 0; i < t->n_ranges; i++) {
        const struct target_range *r = &t->ranges[i];
        bool asks = group_asks(t, r->group, r->range->range.first.family);
        for (uint32_t s = 0; asks && s < r->n_segments; s++)
            u->segments[r->first_segment + s] = true;
    }
    for (uint32_t i = 0; i < t->n_ranges; i++)
        for (uint32_t s = 0; s < t->ranges[i].n_segments && !u->groups[t->ranges[i].group]; s++)
            u->groups[t->ranges[i].group] = !u->segments[t->ranges[i].first_segment + s];
    for (uint32_t s = 0; s < t->n_segments; s++)
        t->n_unasked += u->segments[s] ? 0 : ip_range_count(&t->segments[s]);
}

static void look_at_addresses(struct unasked *u, uint32_t group) {
    const struct targets *t = u->targets;
    bool asks[IP_FAMILIES];
    for (int family = 0; family < IP_FAMILIES; family++)
        asks[family] = group_asks(t, group, (enum ip_family)family);
    for (size_t i = 0; i < t->settings->groups[group].n_addresses; i++) {
        const struct ip *ip = &t->group_sorted[group][i];
        if (asks[ip->family] || is_asked(t, ip))
            continue;
        u->groups[group] = true;
        if (!is_in_segment(t, ip))
            u->ips[u->n_ips++] = *ip;
    }
}

enum status targets_find_unasked(struct targets *targets) {
    const struct settings *s = targets->settings;
    size_t n = 0;
    for (size_t g = 0; g < s->n_groups; g++)
        n += s->groups[g].n_addresses;
    struct unasked u = {.targets = targets,
                        .segments = calloc(targets->n_segments + 1, sizeof *u.segments),
                        .ips = calloc(n + 1, sizeof *u.ips),
                        .groups = arena_array(&targets->arena, s->n_groups, sizeof *u.groups)};
    bool has_memory = u.segments != NULL && u.ips != NULL && u.groups != NULL;
    if (has_memory) {
        look_at_ranges(&u);
        for (uint32_t g = 0; g < s->n_groups; g++)
            look_at_addresses(&u, g);
        qsort(u.ips, u.n_ips, sizeof *u.ips, targets_ip_order);
        for (size_t i = 0; i < u.n_ips; i++)
            targets->n_unasked += i == 0 || !ip_equal(&u.ips[i - 1], &u.ips[i]);
        targets->unasked_groups = u.groups;
    }
    free(u.segments);
    free(u.ips);
    return has_memory ? STATUS_OK : STATUS_NO_MEMORY;
}
