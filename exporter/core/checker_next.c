/* SPDX-License-Identifier: Apache-2.0
 *
 * The way out: what is asked next, of which list, and at which nameserver.
 */
#include "core/checker.h"

#include "core/checker_internal.h"
#include "core/checker_probe_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
enum { SKIPS_PER_CALL = 4096 };

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

/* Whoever has found the port of a first look does not know that of the second. */
static enum checker_channel channel_of(const struct plan_item *item) {
    if (item->tcp)
        return CHECKER_TCP;
    if (item->confirms)
        return CHECKER_UDP_CONFIRM;
    return plan_is_txt(item) ? CHECKER_UDP_TXT : CHECKER_UDP;
}

/* `slot` has its item, list, track, name and family; `repeated`: see checker_await(). */
static void send(struct checker *c, struct checker_slot *slot, struct checker_slot *repeated, uint64_t random,
                 int64_t now_ns, struct checker_ask *ask) {
    struct checker_list *l = &c->lists[slot->list];
    struct checker_track *track = &l->tracks[slot->track];
    const struct plan_item *item = &slot->item;
    qname_mix_case(&slot->name, random >> 16);
    slot->id = (uint16_t)random;
    slot->exact_case = item->purpose != PLAN_SELF_TEST && track->case_kept[slot->family];
    slot->sent_ns = now_ns;
    checker_await(c, slot, repeated);
    window_sent(&c->servers[l->servers[slot->track]].window);
    track->in_flight++;
    c->in_flight++;
    l->counters.queries++;
    if (item->attempt > 0 || item->tcp || repeated != NULL)
        l->counters.retries++;
    ask->cookie = ((uint64_t)c->generation << 48) | ((uint64_t)(slot->generation & 0xffff) << 32) |
                  (uint32_t)(slot - c->slots);
    ask->server = l->servers[slot->track];
    ask->channel = channel_of(item);
    ask->timeout_ns = c->settings->resolver.timeout_ns;
    ask->len = qname_query(&slot->name, plan_is_txt(item) ? QUERY_TXT : QUERY_A, slot->id, ask->message);
}

static void send_first(struct checker *c, uint32_t list, uint32_t track, struct checker_slot *slot,
                       const struct plan_item *item, const struct ip *ip, uint64_t random, int64_t now_ns,
                       struct checker_ask *ask) {
    struct checker_list *l = &c->lists[list];
    /* The configuration was refused if a name of this family did not fit. */
    enum status status = qname_for_ip(ip, &l->list->zone_name, &slot->name);
    assert(status == STATUS_OK);
    slot->item = *item;
    slot->list = list;
    slot->track = track;
    slot->family = (uint8_t)ip->family;
    plan_take(&l->plan, item, now_ns);
    checker_probe_in_flight(c, list, item, true, now_ns);
    send(c, slot, NULL, random, now_ns, ask);
}

/* The question of another slot once more, if one is overdue. */
static bool send_again(struct checker *c, uint32_t list, uint64_t random, int64_t now_ns,
                       struct checker_ask *ask) {
    uint32_t number = checker_again(c, list);
    struct checker_slot *slot = number != CHECKER_NO_SLOT ? slot_new(c) : NULL;
    if (slot == NULL)
        return false;
    struct checker_slot *repeated = &c->slots[number];
    slot->item = repeated->item;
    slot->list = list;
    slot->track = repeated->track;
    slot->name = repeated->name;
    slot->family = repeated->family;
    plan_take_again(&c->lists[list].plan, &slot->item, now_ns);
    send(c, slot, repeated, random, now_ns, ask);
    return true;
}

static uint32_t full_servers(const struct checker *c, const struct checker_list *l) {
    uint32_t full = 0;
    for (uint32_t t = 0; t < l->n_servers; t++)
        if (window_room(&c->servers[l->servers[t]].window) == 0)
            full |= 1u << t;
    return full;
}

/* Whether another nameserver of the list's can be believed, but none of those has room: all are in `full`. */
static bool are_others_full(const struct checker_list *l, uint32_t full, uint32_t track) {
    bool any = false;
    for (uint32_t t = 0; t < l->n_servers; t++) {
        bool right = false;
        for (int family = 0; family < IP_FAMILIES; family++)
            right = right || (l->list->families[family] && l->tracks[t].health[family].state == HEALTH_OK);
        if (t == track || !right)
            continue;
        if ((full >> t & 1) == 0)
            return false;
        any = true;
    }
    return any;
}

static uint32_t others_full(const struct checker_list *l, uint32_t full) {
    uint32_t others = 0;
    for (uint32_t t = 0; full != 0 && t < l->n_servers; t++)
        if (are_others_full(l, full, t))
            others |= 1u << t;
    return others;
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
    if (send_again(c, list, random, now_ns, ask)) {
        l->wake_ns = now_ns;
        return true;
    }
    const uint32_t full = full_servers(c, l);
    const struct plan_gate gate = {
        .checks = checker_is_believed(l),
        .sweep = r->n_journal < REGISTRY_JOURNAL_MAX && checker_sweep_proven(c, list, now_ns),
        .full = full,
        .others_full = others_full(l, full),
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
        send_first(c, list, track, slot, &item, &ip, random, now_ns, ask);
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
