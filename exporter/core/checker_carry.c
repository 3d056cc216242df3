/* SPDX-License-Identifier: Apache-2.0
 *
 * A reload: what a new configuration takes over from the old one. The old one is only read, so that a failure
 * changes nothing.
 */
#include "core/checker.h"
#include "core/checker_internal.h"

#include <stdlib.h>
#include <string.h>

/* What both sides of one reload are, for the maps that the registry asks. */
struct reload {
    struct checker *c;
    const struct checker *old;
    int64_t now_ns;
};

static const struct checker_list *find_list(const struct checker *c, const struct list *wanted) {
    for (size_t i = 0; i < c->settings->n_lists; i++)
        if (c->lists[i].list != NULL && strcmp(c->lists[i].list->name, wanted->name) == 0 &&
            qname_equal(&c->lists[i].list->zone_name, &wanted->zone_name))
            return &c->lists[i];
    return NULL;
}

/* ---- health ---- */

static bool same_tests(const struct list *a, const struct list *b, int family) {
    const struct list_self_test *x = &a->self_test;
    const struct list_self_test *y = &b->self_test;
    return a->families[family] == b->families[family] && x->positive[family] == y->positive[family] &&
           ip_equal(&x->listed[family], &y->listed[family]) &&
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

/* Entries carried over get their place in the plan: a ring for what is named one by one, re-checks for what a
 * sweep found. */
static enum status place_entries(struct checker *c, uint32_t list) {
    struct checker_list *l = &c->lists[list];
    const struct registry_list *r = &c->registry->lists[list];
    for (uint32_t i = 0; i < l->plan.n_rings; i++) {
        for (uint32_t k = 0; k < l->plan.rings[i].n; k++) {
            struct registry_entry *entry =
                registry_entry_find(c->registry, list, l->plan.rings[i].members[k]);
            if (entry != NULL)
                entry->ring = (uint16_t)i;
        }
    }
    registry_prune(c->registry, list);
    for (uint32_t i = 0; i < r->n_entries; i++) {
        struct registry_entry *entry = &r->entries[i];
        if (!entry->used || entry->ring != REGISTRY_NO_RING)
            continue;
        int64_t due_ns = registry_ns(c->registry, entry->checked) + l->plan.recheck_interval_ns;
        if (!checker_add_recheck(c, list, entry->index, due_ns))
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

/* ---- budgets: by name, of lists that are switched off too; what has no name any more is kept aside ---- */

static const struct quota *spent_by_budget(const struct checker *old, const char *name) {
    for (size_t i = 0; i < old->settings->n_budgets; i++)
        if (strcmp(old->settings->budgets[i].name, name) == 0)
            return &old->quotas[i];
    for (uint32_t i = 0; i < old->n_retired; i++)
        if (old->retired[i].shared && strcmp(old->retired[i].name, name) == 0)
            return &old->retired[i].quota;
    return NULL;
}

static const struct quota *spent_by_list(const struct checker *old, const char *name) {
    for (uint32_t i = 0; i < old->settings->n_lists; i++)
        if (strcmp(old->settings->lists[i].name, name) == 0)
            return checker_quota(old, i);
    for (uint32_t i = 0; i < old->n_retired; i++)
        if (!old->retired[i].shared && strcmp(old->retired[i].name, name) == 0)
            return &old->retired[i].quota;
    return NULL;
}

/* An allowance that nobody had under its name: what the first list under it has spent, rather too much than
 * too little. */
static const struct quota *spent_by_members(const struct checker *c, size_t budget,
                                            const struct checker *old) {
    const struct quota *most = NULL;
    for (size_t i = 0; i < c->settings->n_lists; i++) {
        const struct list *list = &c->settings->lists[i];
        const struct quota *spent = list->budget.share == (int)budget ? spent_by_list(old, list->name) : NULL;
        if (spent != NULL && spent->limit > 0 && (most == NULL || spent->used > most->used))
            most = spent;
    }
    return most;
}

static void carry_quotas(struct checker *c, const struct checker *old, int64_t now_ns) {
    const struct settings *s = c->settings;
    for (size_t i = 0; i < s->n_budgets; i++) {
        const struct quota *spent = spent_by_budget(old, s->budgets[i].name);
        if (spent == NULL)
            spent = spent_by_members(c, i, old);
        if (spent != NULL && spent->limit > 0)
            quota_carry(&c->quotas[i], spent, now_ns);
    }
    for (size_t i = 0; i < s->n_lists; i++) {
        const struct quota *spent = spent_by_list(old, s->lists[i].name);
        struct quota *own = &c->quotas[s->n_budgets + i];
        if (s->lists[i].budget.share < 0 && own->limit > 0 && spent != NULL && spent->limit > 0)
            quota_carry(own, spent, now_ns);
    }
}

static bool still_named(const struct checker *c, const char *name, bool shared) {
    for (size_t i = 0; shared && i < c->settings->n_budgets; i++)
        if (strcmp(c->settings->budgets[i].name, name) == 0)
            return true;
    for (size_t i = 0; !shared && i < c->settings->n_lists; i++)
        if (strcmp(c->settings->lists[i].name, name) == 0 && checker_quota(c, (uint32_t)i)->limit > 0)
            return true;
    return false;
}

static void retire(struct checker *c, const char *name, bool shared, const struct quota *quota) {
    if (quota->limit == 0 || quota->used == 0 || still_named(c, name, shared))
        return;
    struct checker_retired *retired = &c->retired[c->n_retired++];
    strncpy(retired->name, name, sizeof retired->name - 1);
    retired->shared = shared;
    retired->quota = *quota;
}

static enum status carry_retired(struct checker *c, const struct checker *old) {
    const struct settings *o = old->settings;
    c->retired = calloc(old->n_retired + o->n_budgets + o->n_lists + 1, sizeof *c->retired);
    if (c->retired == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < old->n_retired; i++)
        retire(c, old->retired[i].name, old->retired[i].shared, &old->retired[i].quota);
    for (size_t i = 0; i < o->n_budgets; i++)
        retire(c, o->budgets[i].name, true, &old->quotas[i]);
    for (uint32_t i = 0; i < o->n_lists; i++)
        if (o->lists[i].budget.share < 0)
            retire(c, o->lists[i].name, false, checker_quota(old, i));
    return STATUS_OK;
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
    enum status status = registry_carry(c->registry, old->registry, map_server, &reload);
    if (status == STATUS_OK)
        status = carry_retired(c, old);
    for (uint32_t i = 0; status == STATUS_OK && i < c->settings->n_lists; i++) {
        struct checker_list *l = &c->lists[i];
        const struct checker_list *from = l->list != NULL ? find_list(old, l->list) : NULL;
        if (from == NULL)
            continue;
        l->counters = from->counters;
        l->state = from->state;
        l->state_is_old = true;
        l->health_check_ns = from->health_check_ns;
        l->last_failure = from->last_failure;
        carry_health(&reload, l, from);
        plan_carry(&l->plan, &from->plan, l->list, now_ns);
        status = place_entries(c, i);
    }
    carry_quotas(c, old, now_ns);
    carry_windows(c, old);
    return status;
}
