/* SPDX-License-Identifier: Apache-2.0
 *
 * Birth and the way out: what is asked next. The way back is in checker_reply.c, self-tests in
 * checker_test.c, ageing in checker_age.c, a reload in checker_carry.c.
 */
#include "core/checker.h"

#include "core/checker_internal.h"
#include "core/checker_probe_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
enum { SKIPS_PER_CALL = 4096 };

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
    enum status status = add_servers(c, l, system, n_system);
    if (status != STATUS_OK)
        return status;
    for (int family = 0; family < IP_FAMILIES; family++) {
        l->unproven = l->unproven || (list->families[family] && !list->self_test.positive[family]);
        for (uint32_t t = 0; t < l->n_servers; t++) {
            health_init(&l->tracks[t].health[family], list->self_test.positive[family], now_ns);
            l->tracks[t].answered_ns[family] = INT64_MIN;
            l->tracks[t].heard_ns[family] = INT64_MIN;
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

/* ---- slots ---- */

static struct checker_slot *slot_new(struct checker *c) {
    if (c->free_slot != UINT32_MAX) {
        struct checker_slot *slot = &c->slots[c->free_slot];
        c->free_slot = slot->next_free;
        return slot;
    }
    if (c->n_slots == c->slots_size) {
        uint32_t size = c->slots_size == 0 ? 64 : c->slots_size * 2;
        if (size > CHECKER_IN_FLIGHT)
            return NULL;
        struct checker_slot *slots = realloc(c->slots, size * sizeof *slots);
        if (slots == NULL)
            return NULL;
        memset(slots + c->slots_size, 0, (size - c->slots_size) * sizeof *slots);
        c->slots = slots;
        c->slots_size = size;
    }
    return &c->slots[c->n_slots++];
}

void checker_slot_free(struct checker *c, struct checker_slot *slot) {
    slot->list = UINT32_MAX;
    slot->generation++;
    slot->next_free = c->free_slot;
    c->free_slot = (uint32_t)(slot - c->slots);
}

/* ---- asking ---- */

/* Whether the running sweep had come to this address before a reload or a start. */
static bool was_swept(const struct checker *c, uint32_t list, uint32_t index) {
    const struct registry_list *r = &c->registry->lists[list];
    int64_t since_ns = plan_skip_since(&c->lists[list].plan, index);
    if (since_ns == INT64_MAX || registry_verdict_of(r, index) == REGISTRY_UNKNOWN)
        return false;
    const struct registry_entry *entry = registry_entry_find(c->registry, list, index);
    uint32_t asked = entry != NULL ? entry->sampled : r->stamps[index];
    /* Whole seconds, from two clocks: many a sweep ends in the second in which it began. */
    return asked != 0 && asked + 1 >= registry_stamp(c->registry, since_ns);
}

void checker_sweep_rest(struct checker *c, uint32_t list, int64_t now_ns) {
    struct plan_sweep *s = &c->lists[list].plan.sweep;
    if (s->n == 0 || s->running || !s->asked || s->next_ns <= now_ns)
        return;
    s->skip_since_ns = s->whole_ns;
    for (s->position = 0; s->position < s->n; s->position++) {
        if (was_swept(c, list, permute_at(&s->order, s->position)))
            continue;
        s->running = true;
        return;
    }
    s->skip_since_ns = INT64_MAX;
}

/* A confirmation or a self-test is on its way, and as urgent as a look would be. */
static bool is_being_decided(const struct registry_entry *entry) {
    return entry != NULL && entry->pending != REGISTRY_UNKNOWN && (entry->confirming || entry->awaiting);
}

/* Whether an offered question needs no query any more. */
static bool is_moot(struct checker *c, uint32_t list, const struct plan_item *item, int64_t now_ns) {
    const struct registry_list *r = &c->registry->lists[list];
    const struct checker_list *l = &c->lists[list];
    const struct registry_entry *entry = NULL;
    if (plan_is_of_target(item) && item->purpose != PLAN_SWEEP)
        entry = registry_entry_find(c->registry, list, item->index);
    switch ((enum plan_purpose)item->purpose) {
    case PLAN_CONFIRM: return entry == NULL || entry->pending == REGISTRY_UNKNOWN || entry->awaiting;
    case PLAN_WATCHED:
        return !c->anew && item->first_round && item->lane == LANES && registry_is_fresh(r, item->index) &&
               now_ns - registry_ns(c->registry, registry_cell_stamp(c->registry, list, item->index)) <
                   l->plan.rings[item->ring].interval_ns;
    case PLAN_RECHECK: /* the address is gone, or a later item stands for it */
        return entry == NULL || entry->ring != REGISTRY_NO_RING ||
               (item->lane == LANE_RECHECK && entry->recheck_ns != item->due_ns);
    case PLAN_SWEEP:
        if (c->anew || item->lane != LANES)
            return false;
        return was_swept(c, list, item->index) || registry_sample(c->registry, list, item->index, now_ns);
    case PLAN_TXT:
        return entry == NULL || entry->txt != NULL || registry_verdict_of(r, item->index) != REGISTRY_LISTED;
    case PLAN_LOOK:
        if (item->class == BUDGET_PROBE && checker_probe_is_moot(c, list, item))
            return true;
        return is_being_decided(entry) || registry_cell_stamp(c->registry, list, item->index) >
                                              registry_stamp(c->registry, item->due_ns);
    case PLAN_PROBE:
    case PLAN_PROBE_TXT: return checker_probe_is_moot(c, list, item);
    case PLAN_SELF_TEST:
    case PLAN_PURPOSES: break;
    }
    return false;
}

/* Whom to ask: the nameserver of a self-test; else the first that is right and has room, not `avoid` if there
 * is another. */
static uint32_t choose_track(const struct checker *c, const struct checker_list *l,
                             const struct plan_item *item, enum ip_family family) {
    uint32_t spare = UINT32_MAX;
    for (uint32_t t = 0; t < l->n_servers; t++) {
        bool room = window_room(&c->servers[l->servers[t]].window) > 0;
        if (item->purpose == PLAN_SELF_TEST) {
            if (t == item->server)
                return room ? t : UINT32_MAX;
            continue;
        }
        if (!room || l->tracks[t].health[family].state != HEALTH_OK)
            continue;
        if (t != item->server)
            return t;
        spare = t;
    }
    return spare;
}

static struct ip question_ip(const struct checker *c, uint32_t list, const struct plan_item *item) {
    const struct list_self_test *test = &c->lists[list].list->self_test;
    if (plan_is_of_target(item))
        return target_ip(c->registry->lists[list].set, item->index);
    if (item->purpose != PLAN_SELF_TEST)
        return checker_probe_ip(c, item);
    return item->index == HEALTH_LISTED_ENTRY ? test->listed[item->family] : test->not_listed[item->family];
}

static enum checker_channel channel_of(const struct plan_item *item) {
    if (item->tcp)
        return CHECKER_TCP;
    return plan_is_txt(item) ? CHECKER_UDP_TXT : CHECKER_UDP;
}

static void send(struct checker *c, uint32_t list, uint32_t track, struct checker_slot *slot,
                 const struct plan_item *item, const struct ip *ip, uint64_t random, int64_t now_ns,
                 struct checker_ask *ask) {
    struct checker_list *l = &c->lists[list];
    /* The configuration was refused if a name of this family did not fit. */
    enum status status = qname_for_ip(ip, &l->list->zone_name, &slot->name);
    assert(status == STATUS_OK);
    qname_mix_case(&slot->name, random >> 16);
    slot->item = *item;
    slot->list = list;
    slot->track = track;
    slot->id = (uint16_t)random;
    slot->exact_case = item->purpose != PLAN_SELF_TEST && l->tracks[track].case_kept[ip->family];
    slot->sent_ns = now_ns;
    plan_take(&l->plan, item, now_ns);
    checker_probe_in_flight(c, list, item, true, now_ns);
    window_sent(&c->servers[l->servers[track]].window);
    l->tracks[track].in_flight++;
    c->in_flight++;
    l->counters.queries++;
    if (item->attempt > 0 || item->tcp)
        l->counters.retries++;
    ask->cookie = ((uint64_t)c->generation << 48) | ((uint64_t)(slot->generation & 0xffff) << 32) |
                  (uint32_t)(slot - c->slots);
    ask->server = l->servers[track];
    ask->channel = channel_of(item);
    ask->timeout_ns = c->settings->resolver.timeout_ns;
    ask->len = qname_query(&slot->name, plan_is_txt(item) ? QUERY_TXT : QUERY_A, slot->id, ask->message);
}

static uint32_t full_servers(const struct checker *c, const struct checker_list *l) {
    uint32_t full = 0;
    for (uint32_t t = 0; t < l->n_servers; t++)
        if (window_room(&c->servers[l->servers[t]].window) == 0)
            full |= 1u << t;
    return full;
}

/* Offers of one list until one is sent, none is left, or its nameservers have no room. */
static bool next_of_list(struct checker *c, uint32_t list, uint64_t random, int64_t now_ns,
                         struct checker_ask *ask) {
    struct checker_list *l = &c->lists[list];
    const struct registry_list *r = &c->registry->lists[list];
    l->blocked = 0;
    struct quota *quota = checker_quota(c, list);
    if (!quota_is_reserved(quota)) { /* checker_granted() will wake it, unless there is nothing to reserve */
        l->wake_ns = quota_exhausted(quota, now_ns) ? quota_reset_ns(quota, now_ns) : now_ns + SECOND_NS;
        return false;
    }
    const struct plan_gate gate = {
        .checks = checker_is_believed(l),
        .sweep = r->n_journal < REGISTRY_JOURNAL_MAX && checker_sweep_proven(c, list, now_ns),
        .full = full_servers(c, l),
    };
    for (int skips = 0; skips < SKIPS_PER_CALL; skips++) {
        struct plan_item item;
        if (!plan_next(&l->plan, &gate, now_ns, &item, &l->wake_ns)) {
            l->blocked = gate.full != 0 ? c->answers : 0;
            return false;
        }
        if (is_moot(c, list, &item, now_ns)) {
            plan_skip(&l->plan, &item, now_ns);
            if (item.purpose == PLAN_CONFIRM)
                checker_confirmed(c, list, item.index);
            continue;
        }
        struct ip ip = question_ip(c, list, &item);
        uint32_t track = choose_track(c, l, &item, ip.family);
        struct checker_slot *slot = track != UINT32_MAX ? slot_new(c) : NULL;
        if (slot == NULL) {
            l->blocked = c->answers;
            l->wake_ns = now_ns + SECOND_NS;
            return false;
        }
        send(c, list, track, slot, &item, &ip, random, now_ns, ask);
        l->wake_ns = now_ns;
        return true;
    }
    l->wake_ns = now_ns;
    return false;
}

/* A self-test of a list that is believed is no turn: every twentieth query of a shared quota is one, and
 * strict turns would give all of them to the same list. */
static bool is_turn(const struct checker *c, uint32_t list, const struct checker_ask *ask) {
    return !checker_is_believed(&c->lists[list]) ||
           c->slots[(uint32_t)ask->cookie].item.purpose != PLAN_SELF_TEST;
}

/* The list at `place` has had its turn. One that waits for room at its nameserver keeps its place meanwhile,
 * whatever lists of other nameservers may send. */
static void end_turn(struct checker *c, uint32_t place) {
    uint32_t list = c->turns[place];
    uint32_t n_behind = (uint32_t)c->settings->n_lists - 1 - place;
    memmove(&c->turns[place], &c->turns[place + 1], n_behind * sizeof *c->turns);
    c->turns[place + n_behind] = list;
}

/* Those that would ask now, if there were room, and those whose questions are open. */
static void count_asking(struct checker *c, int64_t now_ns) {
    for (uint32_t i = 0; i < c->n_servers; i++)
        c->servers[i].n_asking = 0;
    for (size_t i = 0; i < c->settings->n_lists; i++) {
        const struct checker_list *l = &c->lists[i];
        bool wants = l->list != NULL && (l->blocked != 0 || l->wake_ns <= now_ns);
        for (uint32_t t = 0; l->list != NULL && t < l->n_servers; t++)
            if (wants || l->tracks[t].in_flight > 0)
                c->servers[l->servers[t]].n_asking++;
    }
}

/* Whether a list has its share of the window of a nameserver that others are asked by as well. */
static bool has_its_share(const struct checker *c, const struct checker_list *l) {
    for (uint32_t t = 0; t < l->n_servers; t++) {
        const struct checker_server *server = &c->servers[l->servers[t]];
        if (server->n_asking > 1 && l->tracks[t].in_flight * (double)server->n_asking >= server->window.size)
            return true;
    }
    return false;
}

/* In turn; `fair`: lists that have their share are passed over. */
static bool next_in_turn(struct checker *c, bool fair, uint64_t random, int64_t now_ns,
                         struct checker_ask *ask) {
    for (uint32_t place = 0; place < c->settings->n_lists; place++) {
        uint32_t list = c->turns[place];
        const struct checker_list *l = &c->lists[list];
        if (l->list == NULL || (l->wake_ns > now_ns && (l->blocked == 0 || l->blocked == c->answers)))
            continue;
        if (fair && has_its_share(c, l))
            continue;
        if (next_of_list(c, list, random, now_ns, ask)) {
            if (is_turn(c, list, ask))
                end_turn(c, place);
            return true;
        }
    }
    return false;
}

/* Turns alone would be no fair division of a window: the questions of a list whose answers are slow, or do
 * not come, stay in it for longer, until nothing else is there. So what becomes free goes to those that hold
 * less than their share, and to the others what is left. */
bool checker_next(struct checker *c, uint64_t random, int64_t now_ns, struct checker_ask *ask) {
    count_asking(c, now_ns);
    return next_in_turn(c, true, random, now_ns, ask) || next_in_turn(c, false, random, now_ns, ask);
}

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
        checker_age(c, i, now_ns);
        if (tests_ns < wake_ns)
            wake_ns = tests_ns;
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
