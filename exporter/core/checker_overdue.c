/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions whose answers are overdue (core/roundtrip says when): they give their place at the nameserver
 * back, and are repeated where that costs nothing.
 *
 * The open questions of a list at a nameserver stand in a row, in the order in which they were sent. When one
 * is overdue it leaves the row. Its answer still counts until its time-out. Where the list has neither quota
 * nor rate, and can be believed, it is asked once more, as a query of its own: the queries of one check then
 * form a ring, and whichever is answered first decides it; the others are moot, and only measured. Each
 * time-out counts as a failed query, as it does without repetitions; the check fails when the last of its
 * ring does. So repetitions are no attempts: those have the whole time-out each, with a pause between them,
 * and each may be repeated CHECKER_REPEATS times.
 *
 * The last questions of a sweep have none behind them that could tell whether they are lost. One of them is
 * repeated, and what comes of it tells; so is the question of a self-test that everything waits for. Nothing
 * else is ever sent into silence.
 */
#include "core/checker.h"

#include "core/checker_internal.h"

#include <assert.h>

static struct checker_slot *slot_at(const struct checker *c, uint32_t number) {
    return number != CHECKER_NO_SLOT ? &c->slots[number] : NULL;
}

static uint32_t number_of(const struct checker *c, const struct checker_slot *slot) {
    return (uint32_t)(slot - c->slots);
}

/* ---- rows ---- */

static void row_add(struct checker *c, struct checker_row *row, struct checker_slot *slot) {
    uint32_t number = number_of(c, slot);
    struct checker_slot *last = slot_at(c, row->last);
    slot->row = row;
    slot->next = CHECKER_NO_SLOT;
    slot->prev = row->last;
    *(last != NULL ? &last->next : &row->first) = number;
    row->last = number;
}

static void row_remove(struct checker *c, struct checker_slot *slot) {
    if (slot->row == NULL)
        return;
    struct checker_slot *prev = slot_at(c, slot->prev);
    struct checker_slot *next = slot_at(c, slot->next);
    *(prev != NULL ? &prev->next : &slot->row->first) = slot->next;
    *(next != NULL ? &next->prev : &slot->row->last) = slot->prev;
    slot->row = NULL;
}

static struct checker_pace *pace_of(struct checker *c, const struct checker_slot *slot) {
    return &c->lists[slot->list].tracks[slot->track].pace[slot->family];
}

/* TCP has its own repetitions; a TXT record may be elsewhere than the rest of the list. */
static bool is_timed(const struct checker_slot *slot) {
    return !slot->item.tcp && !plan_is_txt(&slot->item);
}

void checker_await(struct checker *c, struct checker_slot *slot, struct checker_slot *repeated) {
    slot->number = ++c->n_sent;
    slot->overdue = false;
    slot->moot = false;
    slot->row = NULL;
    slot->ring = number_of(c, slot);
    slot->repeats = 0;
    if (repeated != NULL) {
        slot->repeats = repeated->repeats + 1;
        slot->ring = repeated->ring;
        repeated->ring = number_of(c, slot);
        row_remove(c, repeated);
    }
    if (is_timed(slot))
        row_add(c, &pace_of(c, slot)->open, slot);
}

/* ---- rings ---- */

static bool leave_ring(struct checker *c, struct checker_slot *slot) {
    struct checker_slot *before = slot;
    while (&c->slots[before->ring] != slot)
        before = &c->slots[before->ring];
    before->ring = slot->ring;
    return before != slot;
}

/* What its ring waits for is decided. */
static void end_ring(struct checker *c, const struct checker_slot *slot) {
    for (struct checker_slot *other = &c->slots[slot->ring]; other != slot; other = &c->slots[other->ring]) {
        other->moot = true;
        if (other->overdue)
            row_remove(c, other); /* it needs no repetition */
    }
}

bool checker_await_end(struct checker *c, struct checker_slot *slot, enum checker_outcome outcome,
                       int64_t took_ns) {
    struct checker_pace *pace = pace_of(c, slot);
    if (outcome == CHECKER_ANSWER && is_timed(slot)) {
        if (slot->overdue)
            roundtrip_late(&pace->roundtrip, took_ns);
        else
            roundtrip_answered(&pace->roundtrip, took_ns);
        pace->heard = slot->number > pace->heard ? slot->number : pace->heard;
        pace->tried = false;
    } else if (outcome == CHECKER_TIMEOUT && slot->overdue) {
        roundtrip_lost(&pace->roundtrip);
    }
    if (outcome == CHECKER_ANSWER && !slot->moot)
        end_ring(c, slot);
    row_remove(c, slot);
    return leave_ring(c, slot);
}

/* ---- what is overdue ---- */

/* What people have checked is asked as often as they were told: an answer that is late comes in time for
 * them. */
static bool is_for_people(const struct plan_item *item) {
    return item->purpose == PLAN_LOOK || item->purpose == PLAN_PROBE || item->purpose == PLAN_PROBE_TXT;
}

static bool may_repeat(const struct checker *c, uint32_t list, const struct checker_slot *slot) {
    const struct checker_list *l = &c->lists[list];
    if (is_for_people(&slot->item))
        return false;
    return !slot->moot && slot->repeats < CHECKER_REPEATS && l->plan.rate.interval_ns == 0 &&
           checker_quota(c, list)->limit == 0 && checker_is_believed(l) &&
           l->tracks[slot->track].health[slot->family].state == HEALTH_OK;
}

static void give_up(struct checker *c, struct checker_slot *slot, int64_t now_ns) {
    struct checker_list *l = &c->lists[slot->list];
    row_remove(c, slot);
    slot->overdue = true;
    window_lost(&c->servers[l->servers[slot->track]].window, slot->sent_ns, now_ns);
    assert(l->tracks[slot->track].in_flight > 0);
    l->tracks[slot->track].in_flight--;
    if (may_repeat(c, slot->list, slot))
        row_add(c, &l->again, slot);
    /* In any case there is room now. */
    l->wake_ns = now_ns;
    if (++c->answers == 0)
        c->answers = 1;
}

/* Whether nothing is to come that could tell whether `slot`, the first of the row, is lost. */
static bool is_last(const struct checker *c, const struct checker_slot *slot) {
    const struct checker_list *l = &c->lists[slot->list];
    return may_repeat(c, slot->list, slot) &&
           (slot->item.purpose == PLAN_SELF_TEST || plan_sweep_is_asked(&l->plan));
}

/* When the first of a row is overdue. */
static int64_t due_of(const struct checker *c, const struct checker_slot *slot,
                      const struct checker_pace *pace) {
    int64_t patience_ns = roundtrip_patience_ns(&pace->roundtrip);
    if (slot->number < pace->heard)
        return slot->sent_ns + patience_ns;
    if (pace->tried || !is_last(c, slot))
        return INT64_MAX;
    return slot_at(c, pace->open.last)->sent_ns + patience_ns;
}

static int64_t look_at_row(struct checker *c, struct checker_pace *pace, int64_t now_ns) {
    struct checker_slot *slot;
    while ((slot = slot_at(c, pace->open.first)) != NULL) {
        int64_t due_ns = due_of(c, slot, pace);
        if (due_ns > now_ns)
            return due_ns;
        if (!roundtrip_give_up(&pace->roundtrip))
            break; /* an answer brings more */
        pace->tried = slot->number > pace->heard;
        give_up(c, slot, now_ns);
    }
    return INT64_MAX;
}

int64_t checker_overdue(struct checker *c, uint32_t list, int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    int64_t wake_ns = INT64_MAX;
    for (uint32_t t = 0; t < l->n_servers; t++) {
        for (int family = 0; family < IP_FAMILIES; family++) {
            int64_t due_ns = look_at_row(c, &l->tracks[t].pace[family], now_ns);
            wake_ns = due_ns < wake_ns ? due_ns : wake_ns;
        }
    }
    return wake_ns;
}

uint32_t checker_again(const struct checker *c, uint32_t list) {
    const struct checker_list *l = &c->lists[list];
    const struct checker_slot *slot = slot_at(c, l->again.first);
    bool can_go = slot != NULL && may_repeat(c, list, slot) &&
                  window_room(&c->servers[l->servers[slot->track]].window) > 0;
    return can_go ? l->again.first : CHECKER_NO_SLOT;
}
