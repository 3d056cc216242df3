/* SPDX-License-Identifier: Apache-2.0
 *
 * Birth, and when something is to be done. The way out is in checker_next.c, the way back in checker_reply.c,
 * self-tests in checker_test.c, what is overdue in checker_overdue.c, ageing in checker_age.c, a reload in
 * checker_carry.c.
 */
#include "core/checker.h"

#include "core/checker_internal.h"
#include "core/checker_probe_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- birth ---- */

static enum status add_server(struct checker *c, const struct endpoint *endpoint, uint32_t *out) {
    for (uint32_t i = 0; i < c->n_servers; i++) {
        if (checker_endpoint_equal(&c->servers[i].endpoint, endpoint)) {
            *out = i;
            return STATUS_OK;
        }
    }
    if (c->n_servers == CHECKER_SERVERS)
        return STATUS_RANGE;
    c->servers[c->n_servers].endpoint = *endpoint;
    c->servers[c->n_servers].answered_ns = INT64_MIN;
    window_init(&c->servers[c->n_servers].window, c->settings->resolver.max_in_flight);
    *out = c->n_servers++;
    return STATUS_OK;
}

static enum status add_servers(struct checker *c, struct checker_list *l, const struct endpoint *system,
                               size_t n_system) {
    const struct endpoint *from = l->list->nameservers;
    size_t n = l->list->n_nameservers;
    if (n == 0) {
        from = c->settings->resolver.n_nameservers > 0 ? c->settings->resolver.nameservers : system;
        n = c->settings->resolver.n_nameservers > 0 ? c->settings->resolver.n_nameservers : n_system;
    }
    for (size_t i = 0; i < n && l->n_servers < LIST_MAX_NAMESERVERS; i++) {
        enum status status = add_server(c, &from[i], &l->servers[l->n_servers]);
        if (status != STATUS_OK)
            return status;
        l->n_servers++;
    }
    return l->n_servers > 0 ? STATUS_OK : STATUS_RANGE;
}

/* The order of a sweep depends on the list alone, so that it is the same after every restart and reload. */
static uint64_t sweep_seed(const struct list *list) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *p = list->name; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    return hash;
}

static void init_quotas(struct checker *c, int64_t now_ns) {
    const struct settings *s = c->settings;
    for (size_t i = 0; i < s->n_budgets; i++)
        quota_init(&c->quotas[i], s->budgets[i].queries, s->budgets[i].per_ns, now_ns);
    for (size_t i = 0; i < s->n_lists; i++) {
        const struct list_budget *b = &s->lists[i].budget;
        struct quota *own = &c->quotas[s->n_budgets + i];
        if (b->queries > 0)
            quota_init(own, b->queries, b->per_ns, now_ns);
        else
            quota_init_rate(own, b->rate, b->burst, now_ns);
    }
}

struct quota *checker_quota(const struct checker *c, uint32_t list) {
    int share = c->settings->lists[list].budget.share;
    return &c->quotas[share >= 0 ? (size_t)share : c->settings->n_budgets + list];
}

static enum status init_list(struct checker *c, uint32_t index, const struct endpoint *system,
                             size_t n_system, int64_t now_ns) {
    struct checker_list *l = &c->lists[index];
    const struct list *list = &c->settings->lists[index];
    l->state = HEALTH_UNKNOWN;
    if (!list->enabled)
        return STATUS_OK;
    l->list = list;
    l->again = (struct checker_row){CHECKER_NO_SLOT, CHECKER_NO_SLOT};
    enum status status = add_servers(c, l, system, n_system);
    if (status != STATUS_OK)
        return status;
    for (int family = 0; family < IP_FAMILIES; family++) {
        l->unproven = l->unproven || (list->families[family] && !list->self_test.positive[family]);
        for (uint32_t t = 0; t < l->n_servers; t++) {
            health_init(&l->tracks[t].health[family], list->self_test.positive[family], now_ns);
            l->tracks[t].answered_ns[family] = INT64_MIN;
            l->tracks[t].heard_ns[family] = INT64_MIN;
            l->tracks[t].pace[family].open = (struct checker_row){CHECKER_NO_SLOT, CHECKER_NO_SLOT};
        }
    }
    status = plan_init(&l->plan, c->targets, index, checker_quota(c, index), sweep_seed(list), now_ns);
    if (status != STATUS_OK)
        return status;
    l->scan_ns = now_ns;
    l->ring_stale_ns = calloc(l->plan.n_rings + 1, sizeof *l->ring_stale_ns);
    return l->ring_stale_ns != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status checker_new(const struct targets *targets, const struct endpoint *system, size_t n_system,
                        int64_t epoch_ns, uint32_t generation, const struct checker_watch *watch,
                        int64_t now_ns, struct checker **out) {
    const struct settings *s = targets->settings;
    struct checker *c = calloc(1, sizeof *c);
    if (c == NULL)
        return STATUS_NO_MEMORY;
    c->settings = s;
    c->targets = targets;
    c->watch = *watch;
    c->generation = generation;
    c->free_slot = UINT32_MAX;
    c->answers = 1;
    c->lists = calloc(s->n_lists + 1, sizeof *c->lists);
    c->quotas = calloc(s->n_budgets + s->n_lists + 1, sizeof *c->quotas);
    c->reply = malloc(sizeof *c->reply);
    enum status status = STATUS_NO_MEMORY;
    if (c->lists != NULL && c->quotas != NULL && c->reply != NULL)
        status = registry_new(targets, epoch_ns, now_ns, &c->registry);
    if (status == STATUS_OK)
        init_quotas(c, now_ns);
    assert(s->n_lists <= LIST_MAX);
    for (uint32_t i = 0; status == STATUS_OK && i < s->n_lists; i++) {
        c->turns[i] = i;
        status = init_list(c, i, system, n_system, now_ns);
    }
    if (status != STATUS_OK)
        checker_free(c);
    else
        *out = c;
    return status;
}

void checker_free(struct checker *c) {
    if (c == NULL)
        return;
    for (size_t i = 0; c->lists != NULL && i < c->settings->n_lists; i++) {
        plan_release(&c->lists[i].plan);
        free(c->lists[i].ring_stale_ns);
    }
    checker_probe_release(c);
    registry_free(c->registry);
    free(c->lists);
    free(c->quotas);
    free(c->retired);
    free(c->slots);
    free(c->reply);
    free(c);
}

/* ---- when, and what else is to be done ---- */

int64_t checker_wake_ns(const struct checker *c) {
    int64_t wake_ns = INT64_MAX;
    for (size_t i = 0; i < c->settings->n_lists; i++)
        if (c->lists[i].list != NULL && c->lists[i].wake_ns < wake_ns)
            wake_ns = c->lists[i].wake_ns;
    return wake_ns;
}

void checker_look_anew(struct checker *c, int64_t now_ns) {
    assert(c->in_flight == 0);
    c->anew = true;
    for (size_t i = 0; i < c->settings->n_lists; i++)
        if (c->lists[i].list != NULL)
            plan_restart(&c->lists[i].plan, now_ns);
}

/* ---- looks at once ---- */

unsigned checker_look_now(struct checker *c, const struct ip *ip, int64_t now_ns) {
    unsigned n = 0;
    for (uint32_t i = 0; i < c->settings->n_lists; i++) {
        struct checker_list *l = &c->lists[i];
        uint32_t index = l->list != NULL ? target_index(c->registry->lists[i].set, ip) : UINT32_MAX;
        if (index == UINT32_MAX || plan_add_look(&l->plan, index, BUDGET_URGENT, now_ns) != STATUS_OK)
            continue;
        l->wake_ns = now_ns;
        n++;
    }
    return n;
}

/* ---- turning ---- */

int64_t checker_turn(struct checker *c, int64_t now_ns) {
    int64_t wake_ns = INT64_MAX;
    for (uint32_t i = 0; i < c->settings->n_lists; i++) {
        struct checker_list *l = &c->lists[i];
        if (l->list == NULL)
            continue;
        bool exhausted = quota_exhausted(checker_quota(c, i), now_ns);
        if (l->state_is_old || exhausted != (l->state == HEALTH_QUOTA_EXHAUSTED))
            checker_update_state(c, i, NULL, now_ns);
        l->state_is_old = false;
        int64_t tests_ns = checker_begin_tests(c, i, now_ns);
        int64_t overdue_ns = checker_overdue(c, i, now_ns);
        checker_age(c, i, now_ns);
        if (tests_ns < wake_ns)
            wake_ns = tests_ns;
        if (overdue_ns < wake_ns)
            wake_ns = overdue_ns;
        if (l->scan_ns < wake_ns)
            wake_ns = l->scan_ns;
    }
    int64_t probes_ns = checker_probe_turn(c, now_ns);
    return probes_ns < wake_ns ? probes_ns : wake_ns;
}

/* ---- what is achieved ---- */

bool checker_ready(const struct checker *c) {
    for (size_t i = 0; i < c->settings->n_lists; i++) {
        const struct checker_list *l = &c->lists[i];
        for (int family = 0; l->list != NULL && family < IP_FAMILIES; family++) {
            bool tested = !l->list->families[family];
            for (uint32_t t = 0; t < l->n_servers; t++)
                tested = tested || l->tracks[t].health[family].tested;
            if (!tested)
                return false;
        }
    }
    return true;
}

int64_t checker_interval(const struct checker *c, uint32_t list, uint32_t group, int64_t now_ns) {
    const struct checker_list *l = &c->lists[list];
    const struct group *g = &c->settings->groups[group];
    int64_t wanted_ns = l->list->interval_ns != 0 ? l->list->interval_ns : g->interval_ns;
    int64_t interval_ns = 0;
    for (uint32_t i = 0; g->n_addresses > 0 && i < l->plan.n_rings; i++) {
        int64_t ring_ns = plan_ring_interval(&l->plan, i, now_ns);
        if (l->plan.rings[i].interval_ns <= wanted_ns && ring_ns > interval_ns)
            interval_ns = ring_ns;
    }
    int64_t sweep_ns = g->n_ranges > 0 ? plan_sweep_interval(&l->plan, now_ns) : 0;
    return sweep_ns > interval_ns ? sweep_ns : interval_ns;
}

int64_t checker_lag(const struct checker *c, int64_t now_ns, uint64_t *n_due) {
    int64_t lag_ns = 0;
    *n_due = 0;
    for (size_t i = 0; i < c->settings->n_lists; i++) {
        if (c->lists[i].list == NULL || c->lists[i].state != HEALTH_OK)
            continue;
        uint64_t n = 0;
        int64_t list_lag_ns = plan_lag(&c->lists[i].plan, now_ns, &n);
        *n_due += n;
        if (list_lag_ns > lag_ns)
            lag_ns = list_lag_ns;
    }
    return lag_ns;
}

uint64_t checker_max_in_flight(const struct checker *c) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < c->n_servers; i++)
        n += c->servers[i].window.in_flight + window_room(&c->servers[i].window);
    return n;
}
