/* SPDX-License-Identifier: Apache-2.0
 *
 * What came of a check: of one list and address, and counted.
 */
#include "core/check.h"

#include "core/check_internal.h"

static void read_registry(const struct check *check, uint32_t list, uint32_t index,
                          struct check_result *out) {
    const struct registry *r = check->checker->registry;
    const struct registry_list *l = &r->lists[list];
    const struct registry_entry *entry = registry_entry_find(r, list, index);
    out->verdict = registry_verdict_of(l, index);
    if (l->scores != NULL && l->scores[index] != REGISTRY_NO_SCORE)
        out->score = l->scores[index];
    /* Scores come and go without a flip. */
    if (entry != NULL && l->scores == NULL && entry->since != 0)
        out->since_ns = registry_ns(r, entry->since);
    if (entry != NULL && out->verdict == REGISTRY_LISTED) {
        out->codes = entry->codes;
        out->txt = entry->txt;
    }
}

bool check_result(const struct check *check, uint32_t list, const struct ip *ip, struct check_result *out) {
    const struct check_list *of = &check->lists[list];
    *out = (struct check_result){
        .verdict = REGISTRY_UNKNOWN, .score = -1, .since_ns = INT64_MIN, .took_us = UINT32_MAX};
    if (check->request.unpaid[list]) {
        out->reason = why_text(WHY_BUDGET);
        return check->checker->settings->lists[list].families[ip->family];
    }
    const struct target_set *set = check->checker->targets->sets[list];
    uint32_t index = of->pairs != NULL ? target_index(set, ip) : UINT32_MAX;
    if (index == UINT32_MAX)
        return false;
    const struct check_pair *pair = &of->pairs[index];
    enum health_state state = check->checker->lists[list].state;
    out->took_us = pair->took_us;
    if (!pair->closed)
        out->reason = why_text(WHY_INTERRUPTED);
    else if (pair->why != WHY_NONE)
        out->reason = why_text(pair->why);
    else if (registry_is_fresh(&check->checker->registry->lists[list], index))
        read_registry(check, list, index, out);
    else
        out->reason = why_text(state != HEALTH_OK ? WHY_STATE + state : WHY_WITHDRAWN);
    return true;
}

/* ---- as a view ---- */

static enum check_stand stand(const struct check_view *view, uint32_t list, enum health_state *state) {
    const struct check *check = view->of;
    if (check->lists[list].pairs == NULL)
        return check->request.unpaid[list] ? CHECK_UNPAID : CHECK_NOT_WANTED;
    *state = check->checker->lists[list].state;
    return CHECK_ASKED;
}

static bool result_of(const struct check_view *view, uint32_t list, const struct ip *ip,
                      struct check_result *out) {
    return check_result(view->of, list, ip, out);
}

struct check_view check_view(const struct check *check) {
    return (struct check_view){.lists = check->checker->settings->lists,
                               .n_lists = check->checker->settings->n_lists,
                               .ranges = check->request.ranges,
                               .n_ranges = check->request.n_ranges,
                               .stand = stand,
                               .result = result_of,
                               .of = check};
}

/* ---- counted ---- */

bool check_is_listed(const struct check_view *view, const struct ip *ip, bool *unknown) {
    bool listed = false;
    *unknown = false;
    for (uint32_t i = 0; i < view->n_lists; i++) {
        struct check_result result;
        if (!view->result(view, i, ip, &result))
            continue;
        listed = listed || (result.verdict == REGISTRY_LISTED && view->lists[i].kind == LIST_BLOCK);
        *unknown = *unknown || result.verdict == REGISTRY_UNKNOWN;
    }
    return listed;
}

struct check_counts check_count(const struct check_view *view, const struct ip_range *range, int64_t list) {
    struct check_counts counts = {0};
    struct check_result result;
    uint64_t n = ip_range_count(range);
    for (uint64_t i = 0; i < n; i++) {
        struct ip ip = ip_add(range->first, i);
        bool unknown = false;
        bool listed = false;
        if (list < 0) {
            listed = check_is_listed(view, &ip, &unknown);
        } else if (view->result(view, (uint32_t)list, &ip, &result)) {
            listed = result.verdict == REGISTRY_LISTED;
            unknown = result.verdict == REGISTRY_UNKNOWN;
        } else {
            continue;
        }
        *(listed ? &counts.listed : unknown ? &counts.unknown : &counts.not_listed) += 1;
    }
    return counts;
}

enum check_outcome check_outcome(const struct check_view *view) {
    struct check_counts counts = {0};
    for (size_t i = 0; i < view->n_ranges; i++) {
        struct check_counts more = check_count(view, &view->ranges[i], -1);
        check_add_counts(&counts, &more);
    }
    if (counts.listed > 0)
        return CHECK_SOME_LISTED;
    return counts.unknown > 0 ? CHECK_UNKNOWN : CHECK_NONE_LISTED;
}

uint64_t check_listings(const struct check *check) {
    const struct checker *c = check->checker;
    uint64_t n = 0;
    for (uint32_t list = 0; list < c->settings->n_lists; list++) {
        const struct registry_list *l = &c->registry->lists[list];
        for (uint32_t i = 0; check->lists[list].pairs != NULL && i < l->n_entries; i++)
            n += l->entries[i].used && l->list->kind == LIST_BLOCK &&
                 registry_is_fresh(l, l->entries[i].index) &&
                 registry_verdict_of(l, l->entries[i].index) == REGISTRY_LISTED;
    }
    return n;
}
