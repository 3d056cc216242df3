/* SPDX-License-Identifier: Apache-2.0
 *
 * A reload: what a new configuration takes over from the old one. The old one is only read, so that a failure
 * changes nothing.
 */
#include "core/checker.h"
#include "core/checker_internal.h"
#include "core/checker_probe_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What both sides of one reload are, for the maps that the registry asks. */
struct reload {
    struct checker *c;
    const struct checker *old;
    int64_t now_ns;
};

/* What list `i` was, if both are in use. */
static const struct checker_list *find_list(const struct checker *c, uint32_t i, const struct checker *old) {
    if (c->lists[i].list == NULL)
        return NULL;
    uint32_t from = settings_list_before(c->settings, i, old->settings);
    return from != UINT32_MAX && old->lists[from].list != NULL ? &old->lists[from] : NULL;
}

/* ---- health ---- */

static bool same_tests(const struct list *a, const struct list *b, int family) {
    const struct list_self_test *x = &a->self_test;
    const struct list_self_test *y = &b->self_test;
    return qname_equal(&a->zone_name, &b->zone_name) && a->families[family] == b->families[family] &&
           x->positive[family] == y->positive[family] && ip_equal(&x->listed[family], &y->listed[family]) &&
           ip_equal(&x->not_listed[family], &y->not_listed[family]);
}

/* The nameserver of `l` that is nameserver `track` of `from`; UINT32_MAX: none. */
static uint32_t same_track(const struct reload *reload, const struct checker_list *l,
                           const struct checker_list *from, uint32_t track) {
    const struct endpoint *wanted = &reload->old->servers[from->servers[track]].endpoint;
    for (uint32_t t = 0; t < l->n_servers; t++)
        if (checker_endpoint_equal(&reload->c->servers[l->servers[t]].endpoint, wanted))
            return t;
    return UINT32_MAX;
}

static uint8_t map_server(void *context, uint32_t list, uint32_t old_list, uint8_t old_server) {
    const struct reload *reload = context;
    const struct checker_list *l = &reload->c->lists[list];
    const struct checker_list *from = &reload->old->lists[old_list];
    uint32_t family = old_server % IP_FAMILIES;
    uint32_t track = same_track(reload, l, from, old_server / IP_FAMILIES);
    if (track == UINT32_MAX || !same_tests(l->list, from->list, (int)family))
        return REGISTRY_NO_SERVER;
    return checker_registry_server(track, (enum ip_family)family);
}

static void carry_health(const struct reload *reload, struct checker_list *l,
                         const struct checker_list *from) {
    for (uint32_t u = 0; u < from->n_servers; u++) {
        uint32_t t = same_track(reload, l, from, u);
        for (int family = 0; t != UINT32_MAX && family < IP_FAMILIES; family++) {
            if (!same_tests(l->list, from->list, family))
                continue;
            struct health *h = &l->tracks[t].health[family];
            *h = from->tracks[u].health[family];
            l->tracks[t].case_kept[family] = from->tracks[u].case_kept[family];
            if (h->running) { /* its questions were under way: begin again */
                h->running = false;
                h->due_ns = reload->now_ns;
            }
        }
    }
}

/* ---- the plan ---- */

enum status checker_place_entries(struct checker *c, uint32_t list) {
    struct checker_list *l = &c->lists[list];
    const struct registry_list *r = &c->registry->lists[list];
    for (uint32_t i = 0; i < r->n_entries; i++) {
        uint32_t ring =
            r->entries[i].used ? plan_ring_of(&l->plan, l->list, r->entries[i].index) : UINT32_MAX;
        if (ring != UINT32_MAX)
            r->entries[i].ring = (uint16_t)ring;
    }
    registry_prune(c->registry, list);
    for (uint32_t i = 0; i < r->n_entries; i++) {
        struct registry_entry *entry = &r->entries[i];
        if (!entry->used || entry->ring != REGISTRY_NO_RING || r->scores != NULL ||
            registry_verdict_of(r, entry->index) != REGISTRY_LISTED)
            continue;
        int64_t due_ns = registry_ns(c->registry, entry->checked) + l->plan.recheck_interval_ns;
        if (!checker_add_recheck(c, list, entry->index, due_ns))
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

/* What a probe has asked is carried with it. */
static bool is_look(const struct plan_item *item) {
    return item->purpose == PLAN_LOOK && item->class == BUDGET_URGENT;
}

/* More than can wait is asked less urgently, in its turn. */
static enum status carry_look(struct checker *c, uint32_t list, const struct target_set *old_set,
                              uint32_t old_index, int64_t now_ns) {
    struct ip ip = target_ip(old_set, old_index);
    uint32_t index = target_index(c->registry->lists[list].set, &ip);
    enum status status = STATUS_OK;
    if (index != UINT32_MAX)
        status = plan_add_look(&c->lists[list].plan, index, BUDGET_URGENT, now_ns);
    return status == STATUS_FULL ? STATUS_OK : status;
}

/* Looks that somebody waits for: those in the plan, those that were under way, and those of changes that were
 * seen and are not proven yet. */
static enum status carry_looks(struct checker *c, uint32_t list, const struct checker *old,
                               const struct checker_list *from, int64_t now_ns) {
    static const enum plan_lane lanes[] = {LANE_LOOK, LANE_RETRY_URGENT};
    uint32_t old_list = (uint32_t)(from - old->lists);
    const struct target_set *old_set = old->registry->lists[old_list].set;
    enum status status = STATUS_OK;
    for (size_t k = 0; k < sizeof lanes / sizeof *lanes; k++) {
        const struct plan_queue *q = &from->plan.lanes[lanes[k]];
        for (uint32_t i = 0; status == STATUS_OK && i < q->n; i++)
            if (is_look(&q->items[(q->head + i) % q->size]))
                status = carry_look(c, list, old_set, q->items[(q->head + i) % q->size].index, now_ns);
    }
    for (uint32_t i = 0; status == STATUS_OK && i < old->n_slots; i++)
        if (old->slots[i].list == old_list && !old->slots[i].moot && is_look(&old->slots[i].item))
            status = carry_look(c, list, old_set, old->slots[i].item.index, now_ns);
    const struct registry_list *r = &old->registry->lists[old_list];
    for (uint32_t i = 0; status == STATUS_OK && i < r->n_entries && r->n_pending > 0; i++)
        if (r->entries[i].used && r->entries[i].pending != REGISTRY_UNKNOWN)
            status = carry_look(c, list, old_set, r->entries[i].index, now_ns);
    return status;
}

/* ---- budgets ---- */

/* What all allowances of the old configuration have spent. Lists under the name that they have now come
 * first: what was kept aside under it is older. */
static size_t collect_spent(const struct checker *c, const struct checker *old, struct checker_spent *out) {
    const struct settings *o = old->settings;
    bool renamed[LIST_MAX] = {false};
    size_t n = 0;
    for (uint32_t i = 0; i < c->settings->n_lists; i++) {
        uint32_t from = settings_list_before(c->settings, i, o);
        if (from == UINT32_MAX || strcmp(c->settings->lists[i].name, o->lists[from].name) == 0)
            continue;
        renamed[from] = true;
        out[n++] = (struct checker_spent){c->settings->lists[i].name, false, checker_quota(old, from), false};
    }
    for (size_t i = 0; i < o->n_budgets; i++)
        out[n++] = (struct checker_spent){o->budgets[i].name, true, &old->quotas[i], true};
    for (uint32_t i = 0; i < o->n_lists; i++)
        out[n++] = (struct checker_spent){o->lists[i].name, false, checker_quota(old, i),
                                          o->lists[i].budget.share < 0 && !renamed[i]};
    for (uint32_t i = 0; i < old->n_retired; i++)
        out[n++] = (struct checker_spent){old->retired[i].name, old->retired[i].shared,
                                          &old->retired[i].quota, true};
    return n;
}

static enum status carry_budgets(struct checker *c, const struct checker *old, int64_t now_ns) {
    size_t most = old->settings->n_budgets + old->settings->n_lists + c->settings->n_lists + old->n_retired;
    struct checker_spent *spent = calloc(most + 1, sizeof *spent);
    if (spent == NULL)
        return STATUS_NO_MEMORY;
    enum status status = checker_take_spent(c, spent, collect_spent(c, old, spent), now_ns);
    free(spent);
    return status;
}

/* ---- all of it ---- */

static void carry_windows(struct checker *c, const struct checker *old) {
    for (uint32_t i = 0; i < c->n_servers; i++) {
        for (uint32_t k = 0; k < old->n_servers; k++) {
            struct window *w = &c->servers[i].window;
            if (!checker_endpoint_equal(&c->servers[i].endpoint, &old->servers[k].endpoint) ||
                w->maximum != old->servers[k].window.maximum)
                continue;
            *w = old->servers[k].window;
            w->in_flight = 0; /* what is under way belongs to the old generation */
        }
    }
}

enum status checker_carry(struct checker *c, const struct checker *old, int64_t now_ns) {
    struct reload reload = {c, old, now_ns};
    struct target_map map = {.n = 0};
    enum status status = registry_carry(c->registry, old->registry, map_server, &reload, now_ns);
    if (status == STATUS_OK)
        status = carry_budgets(c, old, now_ns);
    for (uint32_t i = 0; status == STATUS_OK && i < c->settings->n_lists; i++) {
        struct checker_list *l = &c->lists[i];
        const struct checker_list *from = find_list(c, i, old);
        if (from == NULL)
            continue;
        (void)snprintf(l->kept_as, sizeof l->kept_as, "%s", from->list->name);
        l->counters = from->counters;
        l->state = from->state;
        l->state_is_old = true;
        l->health_check_ns = from->health_check_ns;
        l->last_failure = from->last_failure;
        l->last_failure_ns = from->last_failure_ns;
        carry_health(&reload, l, from);
        status = target_map_make(&map, l->plan.set, from->plan.set);
        if (status == STATUS_OK)
            status = plan_carry(&l->plan, &from->plan, l->list, &map, now_ns);
        if (status == STATUS_OK)
            status = checker_place_entries(c, i);
        if (status == STATUS_OK)
            status = carry_looks(c, i, old, from, now_ns);
        if (status == STATUS_OK && !target_map_is_same(&map))
            checker_sweep_rest(c, i, now_ns);
    }
    target_map_release(&map);
    carry_windows(c, old);
    return status == STATUS_OK ? checker_probe_carry(c, old, now_ns) : status;
}
