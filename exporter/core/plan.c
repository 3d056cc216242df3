/* SPDX-License-Identifier: Apache-2.0 */
#include "core/plan.h"

#include "core/plan_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_SHARE 5 /* of every five queries that both want, the sweep gets one at least */
enum { NOBODY = 255 /* among servers */, PASSED_MAX = 64 };

/* ---- lanes ---- */

static enum budget_class lane_class(enum plan_lane lane) {
    switch (lane) {
    case LANE_TEST_URGENT:
    case LANE_CONFIRM:
    case LANE_RETRY_URGENT:
    case LANE_LOOK: return BUDGET_URGENT;
    case LANE_PROBE_TEST:
    case LANE_PROBE_CONFIRM:
    case LANE_PROBE_RETRY:
    case LANE_PROBE: return BUDGET_PROBE;
    case LANE_TEST:
    case LANE_RETRY_TEST: return BUDGET_SELF_TEST;
    case LANE_RETRY_WATCHED:
    case LANE_TXT: return BUDGET_WATCHED;
    case LANE_RETRY_SWEEP:
    case LANE_RECHECK:
    case LANES: break;
    }
    return BUDGET_SWEEP;
}

/* ---- rings ---- */

/* The ring whose next address is due first. */
static struct plan_ring *earliest_ring(const struct plan *p, int64_t *due_ns) {
    struct plan_ring *best = NULL;
    for (uint32_t i = 0; i < p->n_rings; i++) {
        const struct plan_ring *ring = &p->rings[i];
        int64_t due = ring->n_newcomers > 0 ? ring->newcomers_ns : plan_ring_due(ring);
        if (best == NULL || due < *due_ns) {
            best = &p->rings[i];
            *due_ns = due;
        }
    }
    return best;
}

/* ---- offering ---- */

struct offer {
    struct plan *p;
    int64_t now_ns;
    uint32_t full;
    uint32_t others_full;
    int64_t rate_ns; /* when the rate allows the next query */
    int64_t wake_ns;
};

/* Whether something due at `due_ns` may be asked now at the cost of `class`; else remembers when. `mark`,
 * never 0, tells it from what waited in the same place before. */
static bool allowed(struct offer *o, int64_t due_ns, enum budget_class class, int source, uint64_t mark) {
    int64_t at = due_ns > o->rate_ns ? due_ns : o->rate_ns;
    if (due_ns <= o->now_ns) {
        int64_t quota_ns = quota_ready_ns(o->p->quota, class, o->now_ns);
        if (quota_ns > o->now_ns && o->p->quota->limit > 0 && mark != o->p->deferred_marks[source]) {
            o->p->deferred++;
            o->p->deferred_marks[source] = mark;
        }
        if (quota_ns > at)
            at = quota_ns;
    }
    if (at <= o->now_ns)
        return true;
    if (at < o->wake_ns)
        o->wake_ns = at;
    return false;
}

/* For want of room at its nameserver. */
static bool waits_for_room(const struct offer *o, const struct plan_item *item) {
    if (item->server >= 32)
        return false;
    if (item->purpose == PLAN_SELF_TEST)
        return (o->full >> item->server & 1) != 0;
    return item->confirms && (o->others_full >> item->server & 1) != 0;
}

/* The first of a lane that may be asked. What waits for room lets others pass, but not so many of a lane that
 * looking for one that does not wait takes long. */
static bool offer_lane(struct offer *o, enum plan_lane lane, struct plan_item *item) {
    const struct plan_queue *q = &o->p->lanes[lane];
    for (uint32_t place = 0; place < q->n && place < PASSED_MAX; place++) {
        const struct plan_item *here = plan_queue_at(q, place);
        if (waits_for_room(o, here))
            continue;
        uint64_t mark = plan_mix((uint64_t)here->due_ns << 1 | 1) ^ here->index;
        if (!allowed(o, here->due_ns, (enum budget_class)here->class, (int)lane, mark))
            return false;
        *item = *here;
        item->lane = (uint8_t)lane;
        item->place = place;
        return true;
    }
    return false;
}

static bool offer_ring(struct offer *o, struct plan_item *item) {
    int64_t due_ns = 0;
    struct plan_ring *ring = earliest_ring(o->p, &due_ns);
    if (ring == NULL)
        return false;
    bool is_new = plan_ring_welcomes(ring, o->now_ns);
    uint32_t index = is_new ? ring->newcomers[ring->n_newcomers - 1] : ring->members[ring->position];
    uint64_t mark = ((uint64_t)ring->round << 32 | index) + 1;
    if (!allowed(o, due_ns, BUDGET_WATCHED, FROM_RING, mark))
        return false;
    *item = (struct plan_item){
        .due_ns = due_ns,
        .index = index,
        .ring = (uint16_t)(ring - o->p->rings),
        .purpose = PLAN_WATCHED,
        .server = 255,
        .class = BUDGET_WATCHED,
        .lane = LANES,
        .place = is_new,
        .first_round = is_new || ring->round == 0,
    };
    return true;
}

static bool offer_sweep(struct offer *o, struct plan_item *item) {
    struct plan_sweep *s = &o->p->sweep;
    if (s->n == 0 || (s->running && s->position == s->n && !plan_laps_want(s)))
        return false;
    int64_t due_ns = s->running ? o->now_ns : s->next_ns;
    uint64_t mark = (uint64_t)s->position + 1;
    uint32_t index = 0;
    if (s->laps != NULL && due_ns <= o->now_ns) {
        if (!plan_laps_next(s, o->now_ns, &index)) {
            o->wake_ns = o->now_ns;
            return false;
        }
        mark = (uint64_t)index + 1;
    }
    if (!allowed(o, due_ns, BUDGET_SWEEP, FROM_SWEEP, mark))
        return false;
    *item = (struct plan_item){
        .due_ns = due_ns,
        .index = s->laps != NULL ? index : permute_at(&s->order, s->running ? s->position : 0),
        .ring = 0,
        .purpose = PLAN_SWEEP,
        .server = 255,
        .class = BUDGET_SWEEP,
        .lane = LANES,
    };
    return true;
}

static bool offer_ranges(struct offer *o, const struct plan_gate *gate, struct plan_item *item) {
    if (offer_lane(o, LANE_RETRY_SWEEP, item))
        return true;
    bool sweep_first = o->p->sweep_turn;
    if (sweep_first && gate->sweep && offer_sweep(o, item))
        return true;
    if (offer_lane(o, LANE_RECHECK, item))
        return true;
    return !sweep_first && gate->sweep && offer_sweep(o, item);
}

static bool offer_lanes(struct offer *o, enum plan_lane first, enum plan_lane last, struct plan_item *item) {
    bool found = false;
    for (int lane = (int)first; !found && lane <= (int)last; lane++)
        found = offer_lane(o, (enum plan_lane)lane, item);
    return found;
}

/* What has its own pace: self-tests, watched addresses and the reasons of listings, and the sweep where it
 * has waited long enough. */
static bool offer_paced(struct offer *o, const struct plan_gate *gate, struct plan_item *item) {
    if (offer_lanes(o, LANE_TEST, LANE_RETRY_TEST, item))
        return true;
    /* Where the rate is less than the quota gives, the sweep's bucket is always full. */
    if (o->p->since_ranges >= SWEEP_SHARE - 1 &&
        (o->p->probed_last || quota_kept_waiting(o->p->quota, BUDGET_SWEEP, o->now_ns)) &&
        offer_ranges(o, gate, item))
        return true;
    return offer_lane(o, LANE_RETRY_WATCHED, item) || offer_ring(o, item) || offer_lane(o, LANE_TXT, item);
}

/* A quota may have hours of queries for probes, and who asks for probes may want all that the rate allows: of
 * every two queries that both want, one is left to what has its own pace. */
static bool offer_check(struct offer *o, const struct plan_gate *gate, struct plan_item *item) {
    if (offer_lanes(o, LANE_TEST_URGENT, LANE_LOOK, item))
        return true;
    if (o->p->probed_last && offer_paced(o, gate, item))
        return true;
    return offer_lanes(o, LANE_PROBE_TEST, LANE_PROBE, item) || offer_paced(o, gate, item) ||
           offer_ranges(o, gate, item);
}

bool plan_next(struct plan *p, const struct plan_gate *gate, int64_t now_ns, struct plan_item *item,
               int64_t *wake_ns) {
    struct offer o = {.p = p,
                      .now_ns = now_ns,
                      .full = gate->full,
                      .others_full = gate->others_full,
                      .rate_ns = rate_ready_ns(&p->rate, now_ns),
                      .wake_ns = INT64_MAX};
    static const enum plan_lane test_lanes[] = {LANE_TEST_URGENT, LANE_PROBE_TEST, LANE_TEST,
                                                LANE_RETRY_TEST};
    bool found = false;
    for (size_t i = 0; !gate->checks && !found && i < sizeof test_lanes / sizeof *test_lanes; i++)
        found = offer_lane(&o, test_lanes[i], item);
    if (gate->checks)
        found = offer_check(&o, gate, item);
    *wake_ns = o.wake_ns;
    return found;
}

/* ---- taking ---- */

static void sweep_start(struct plan_sweep *s, int64_t now_ns) {
    if (s->asked)
        s->last_interval_ns = now_ns - s->started_ns;
    s->running = true;
    s->asked = false;
    s->position = 0;
    s->reached = 0;
    s->open = 0;
    s->started_ns = now_ns;
    s->whole_ns = now_ns;
}

static bool is_asked(const struct plan_sweep *s) {
    return s->running && s->position == s->n && !plan_laps_want(s);
}

bool plan_sweep_is_asked(const struct plan *p) {
    return is_asked(&p->sweep);
}

static void sweep_check_end(struct plan_sweep *s, int64_t now_ns) {
    if (!is_asked(s) || s->open > 0)
        return;
    s->running = false;
    s->completed_ns = now_ns;
    s->duration_ns = now_ns - s->whole_ns;
    s->next_ns = s->started_ns + s->interval_ns > now_ns ? s->started_ns + s->interval_ns : now_ns;
    s->skip_since_ns = INT64_MAX;
    plan_laps_reset(s);
}

static void leave(struct plan *p, const struct plan_item *item, bool asked, int64_t now_ns) {
    struct plan_sweep *s = &p->sweep;
    if (item->lane < LANES) {
        plan_queue_remove(&p->lanes[item->lane], item->place);
        p->sweep_turn = item->lane == LANE_RECHECK;
    } else if (item->purpose == PLAN_WATCHED) {
        plan_ring_advance(&p->rings[item->ring], item->place == 1, now_ns);
    } else {
        if (!s->running)
            sweep_start(s, now_ns);
        if (s->laps != NULL)
            plan_laps_leave(s, item->index, now_ns);
        else
            s->position++;
        s->open += asked ? 1 : 0;
        s->asked = s->asked || asked;
        p->sweep_turn = false;
        sweep_check_end(s, now_ns);
    }
}

void plan_take(struct plan *p, const struct plan_item *item, int64_t now_ns) {
    leave(p, item, true, now_ns);
    if (item->class == BUDGET_SWEEP)
        p->since_ranges = 0;
    else if (item->class == BUDGET_WATCHED || item->class == BUDGET_PROBE)
        p->since_ranges++;
    if (item->class != BUDGET_URGENT)
        p->probed_last = item->class == BUDGET_PROBE;
    plan_take_again(p, item, now_ns);
}

void plan_take_again(struct plan *p, const struct plan_item *item, int64_t now_ns) {
    rate_take(&p->rate, now_ns);
    quota_take(p->quota, (enum budget_class)item->class, now_ns);
}

void plan_skip(struct plan *p, const struct plan_item *item, int64_t now_ns) {
    leave(p, item, false, now_ns);
}

void plan_sweep_answered(struct plan *p, int64_t now_ns) {
    assert(p->sweep.open > 0);
    p->sweep.open--;
    sweep_check_end(&p->sweep, now_ns);
}

/* ---- adding ---- */

static enum plan_lane test_lane(enum budget_class class) {
    if (class == BUDGET_PROBE)
        return LANE_PROBE_TEST;
    return class == BUDGET_URGENT ? LANE_TEST_URGENT : LANE_TEST;
}

enum status plan_add_test(struct plan *p, uint8_t family, uint8_t server, uint8_t entry,
                          enum budget_class class, int64_t now_ns) {
    enum plan_lane lane = test_lane(class);
    return plan_queue_push(&p->lanes[lane], &(struct plan_item){.due_ns = now_ns,
                                                                .index = entry,
                                                                .purpose = PLAN_SELF_TEST,
                                                                .server = server,
                                                                .family = family,
                                                                .class = (uint8_t)lane_class(lane)});
}

static unsigned move_lane(struct plan *p, enum plan_lane lane, uint8_t family, uint8_t server,
                          enum budget_class class) {
    struct plan_queue *q = &p->lanes[lane];
    unsigned n = 0;
    for (uint32_t place = 0; place < q->n;) {
        struct plan_item item = *plan_queue_at(q, place);
        bool is_meant = item.family == family && item.server == server;
        item.class = (uint8_t) class;
        if (is_meant && plan_queue_push(&p->lanes[test_lane(class)], &item) == STATUS_OK) {
            plan_queue_remove(q, place);
            n++;
        } else {
            place++;
        }
    }
    return n;
}

unsigned plan_move_tests(struct plan *p, uint8_t family, uint8_t server, enum budget_class class) {
    unsigned n = 0;
    if (class != BUDGET_PROBE)
        n += move_lane(p, LANE_PROBE_TEST, family, server, class);
    if (class != BUDGET_SELF_TEST) {
        n += move_lane(p, LANE_TEST, family, server, class);
        n += move_lane(p, LANE_RETRY_TEST, family, server, class);
    }
    return n;
}

enum status plan_add_confirm(struct plan *p, uint32_t index, uint8_t avoid_server, int64_t now_ns) {
    return plan_queue_push(&p->lanes[LANE_CONFIRM],
                           &(struct plan_item){.due_ns = now_ns + PLAN_CONFIRM_PAUSE_NS,
                                               .index = index,
                                               .purpose = PLAN_CONFIRM,
                                               .server = avoid_server,
                                               .confirms = true,
                                               .class = BUDGET_URGENT});
}

enum status plan_add_recheck(struct plan *p, uint32_t index, int64_t due_ns) {
    return plan_queue_push(
        &p->lanes[LANE_RECHECK],
        &(struct plan_item){
            .due_ns = due_ns, .index = index, .purpose = PLAN_RECHECK, .server = 255, .class = BUDGET_SWEEP});
}

enum status plan_add_txt(struct plan *p, uint32_t index, int64_t now_ns) {
    if (p->lanes[LANE_TXT].n >= PLAN_TXT_MAX)
        return STATUS_FULL;
    return plan_queue_push(
        &p->lanes[LANE_TXT],
        &(struct plan_item){
            .due_ns = now_ns, .index = index, .purpose = PLAN_TXT, .server = 255, .class = BUDGET_WATCHED});
}

enum status plan_add_look(struct plan *p, uint32_t index, enum budget_class class, int64_t due_ns) {
    struct plan_queue *probes = &p->lanes[LANE_PROBE];
    struct plan_queue *q = class == BUDGET_PROBE ? probes : &p->lanes[LANE_LOOK];
    const struct plan_item look = {
        .due_ns = due_ns, .index = index, .purpose = PLAN_LOOK, .server = NOBODY, .class = (uint8_t) class};
    uint32_t place;
    if (plan_queue_find(&p->lanes[LANE_LOOK], PLAN_LOOK, index, &place) != NULL)
        return STATUS_OK;
    bool waits = plan_queue_find(probes, PLAN_LOOK, index, &place) != NULL;
    if (waits && q == probes)
        return STATUS_OK;
    enum status status = q->n < PLAN_LOOK_MAX ? plan_queue_insert(q, &look) : STATUS_FULL;
    if (waits && status == STATUS_OK)
        plan_queue_remove(probes, place);
    return status;
}

enum status plan_add_probe(struct plan *p, enum plan_purpose purpose, uint32_t number, uint16_t question,
                           enum ip_family family, int64_t due_ns) {
    struct plan_queue *q = &p->lanes[LANE_PROBE];
    const struct plan_item item = {.due_ns = due_ns,
                                   .index = number,
                                   .ring = question,
                                   .purpose = (uint8_t)purpose,
                                   .server = NOBODY,
                                   .family = (uint8_t)family,
                                   .class = BUDGET_PROBE};
    uint32_t place;
    if (plan_queue_find(q, purpose, number, &place) != NULL)
        plan_queue_remove(q, place); /* there is room for one now */
    return q->n < PLAN_LOOK_MAX ? plan_queue_insert(q, &item) : STATUS_FULL;
}

enum status plan_add_probe_confirm(struct plan *p, uint32_t number, uint16_t question, enum ip_family family,
                                   uint8_t avoid_server, int64_t now_ns) {
    return plan_queue_push(&p->lanes[LANE_PROBE_CONFIRM],
                           &(struct plan_item){.due_ns = now_ns + PLAN_CONFIRM_PAUSE_NS,
                                               .index = number,
                                               .ring = question,
                                               .purpose = PLAN_PROBE,
                                               .server = avoid_server,
                                               .confirms = true,
                                               .family = (uint8_t)family,
                                               .class = BUDGET_PROBE});
}

static enum plan_lane retry_lane(const struct plan_item *item) {
    if (item->purpose == PLAN_SELF_TEST && item->class != BUDGET_SELF_TEST)
        return test_lane((enum budget_class)item->class);
    switch ((enum budget_class)item->class) {
    case BUDGET_URGENT: return LANE_RETRY_URGENT;
    case BUDGET_SELF_TEST: return LANE_RETRY_TEST;
    case BUDGET_WATCHED: return LANE_RETRY_WATCHED;
    case BUDGET_PROBE: return LANE_PROBE_RETRY;
    case BUDGET_SWEEP:
    case BUDGET_CLASSES: break;
    }
    return LANE_RETRY_SWEEP;
}

enum status plan_add_retry(struct plan *p, const struct plan_item *item, int64_t now_ns) {
    struct plan_item retry = *item;
    retry.due_ns = now_ns + PLAN_RETRY_PAUSE_NS;
    return plan_queue_push(&p->lanes[retry_lane(item)], &retry);
}
