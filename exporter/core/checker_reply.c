/* SPDX-License-Identifier: Apache-2.0
 *
 * What came back for a question, and what follows from it.
 *
 * A check is given up only after its attempts; while the list is not ok none is burnt: what was under way is
 * asked again when the list is back.
 */
#include "core/checker.h"
#include "core/checker_internal.h"
#include "core/checker_probe_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One question and what is known about it, for the length of one call. */
struct answered {
    struct checker *c;
    uint32_t list;
    struct checker_list *l;
    struct plan_item item;
    uint32_t track;
    enum ip_family family;
    struct health *health;
    int64_t sent_ns;
    int64_t took_ns; /* -1: no answer came */
    int64_t now_ns;
};

/* ---- what the plan holds of an entry ---- */

bool checker_add_recheck(struct checker *c, uint32_t list, uint32_t index, int64_t due_ns) {
    struct registry_entry *entry = registry_entry_find(c->registry, list, index);
    if (plan_add_recheck(&c->lists[list].plan, index, due_ns) != STATUS_OK)
        return false;
    entry->recheck_ns = due_ns;
    return true;
}

static bool add_confirm(struct checker *c, uint32_t list, struct registry_entry *entry, uint8_t avoid,
                        int64_t now_ns) {
    if (entry->confirming)
        return true;
    entry->confirming = plan_add_confirm(&c->lists[list].plan, entry->index, avoid, now_ns) == STATUS_OK;
    return entry->confirming;
}

void checker_confirmed(struct checker *c, uint32_t list, uint32_t index) {
    struct registry_entry *entry = registry_entry_find(c->registry, list, index);
    if (entry != NULL)
        entry->confirming = false;
}

void checker_confirm_again(struct checker *c, uint32_t list, int64_t now_ns) {
    const struct registry_list *r = &c->registry->lists[list];
    for (uint32_t i = 0; i < r->n_entries; i++) {
        struct registry_entry *entry = &r->entries[i];
        if (entry->used && entry->pending != REGISTRY_UNKNOWN && entry->looks == 0 &&
            !add_confirm(c, list, entry, CHECKER_NOBODY, now_ns))
            registry_drop_pending(c->registry, list, entry->index);
    }
}

/* ---- events of the registry ---- */

void checker_changed(void *context, const struct registry_event *event) {
    struct checker *c = context;
    struct checker_list *l = &c->lists[event->list];
    if (event->change == CHANGE_LISTED || event->change == CHANGE_FIRST_LISTED) {
        const struct registry_entry *entry = registry_entry_find(c->registry, event->list, event->index);
        /* Without memory it is not looked at again before it is stale, or there is no reason text. */
        if (entry->ring == REGISTRY_NO_RING)
            (void)checker_add_recheck(c, event->list, event->index,
                                      event->at_ns + l->plan.recheck_interval_ns);
        /* The reason for each of a sweep's listings is worth no query of an allowance. */
        if (entry->ring != REGISTRY_NO_RING || checker_quota(c, event->list)->limit == 0)
            (void)!plan_add_txt(&l->plan, event->index, event->at_ns);
    }
    checker_probe_changed(c, event->list, event->index, event->at_ns);
    c->watch.changed(c->watch.context, event);
}

/* ---- self-tests ---- */

/* Right self-tests prove what came before them, once the list as a whole is believed: a list of two families
 * may have to wait for the other one. */
static void apply_right_tests(const struct answered *a) {
    for (uint32_t t = 0; checker_is_believed(a->l) && t < a->l->n_servers; t++) {
        struct checker_track *track = &a->l->tracks[t];
        for (int family = 0; family < IP_FAMILIES; family++) {
            const struct health *h = &track->health[family];
            if (!track->right[family] || h->running)
                continue;
            track->right[family] = false;
            registry_right(a->c->registry, a->list, checker_registry_server(t, (enum ip_family)family),
                           track->mark[family], h->started_ns, a->now_ns, checker_changed, a->c);
            checker_probe_right(a->c, a->list, t, (enum ip_family)family, h->started_ns, a->now_ns);
        }
    }
}

static void test_answered(const struct answered *a, const struct verdict *verdict,
                          const struct reply *reply) {
    struct checker *c = a->c;
    struct health *h = a->health;
    if (!h->running)
        return;
    struct checker_track *track = &a->l->tracks[a->track];
    if (reply != NULL && reply->form == REPLY_SOUND && !reply->case_kept)
        track->case_lost[a->family] = true;
    bool standby = a->track > checker_active_track(a->l, a->family);
    int64_t interval_ns = a->l->list->self_test.interval_ns * (standby ? CHECKER_STANDBY : 1);
    enum health_outcome outcome =
        health_answer(h, (enum health_entry)a->item.index, verdict, reply, interval_ns, a->now_ns);
    if (outcome == HEALTH_PENDING)
        return;
    track->right[a->family] = outcome == HEALTH_RIGHT;
    if (outcome == HEALTH_RIGHT)
        track->case_kept[a->family] = !track->case_lost[a->family];
    if (outcome == HEALTH_WRONG) {
        registry_wrong(c->registry, a->list, checker_registry_server(a->track, a->family));
        checker_probe_wrong(c, a->list, a->track, a->family, a->now_ns);
    }
    a->l->health_check_ns = a->now_ns;
    checker_update_state(c, a->list, verdict, a->now_ns);
    checker_confirm_again(c, a->list, a->now_ns);
    apply_right_tests(a);
}

/* ---- checks ---- */

/* Whether asking again may give another answer. */
static bool is_worth_retrying(const struct verdict *verdict) {
    switch (verdict->reason) {
    case REASON_TIMEOUT:
    case REASON_SERVFAIL:
    case REASON_NETWORK: return true;
    case REASON_INVALID_ANSWER:
        return verdict->detail != DETAIL_OUTSIDE_127 && verdict->detail != DETAIL_UNKNOWN_CODE;
    case REASON_REFUSED:
    case REASON_BLOCKED_ANSWER:
    case REASON_LABELS: break;
    }
    return false;
}

/* Asks again after a pause; false if the attempts are used up. */
static bool retry(const struct answered *a, bool counts) {
    struct plan_item again = a->item;
    if (counts && ++again.attempt >= a->c->settings->resolver.attempts)
        return false;
    /* A confirmation is no matter for the one that said it first, however often the other is silent. */
    bool stays = again.purpose == PLAN_SELF_TEST || (again.confirms && again.server != CHECKER_NOBODY);
    if (!stays)
        again.server = (uint8_t)a->track;
    return plan_add_retry(&a->l->plan, &again, a->now_ns) == STATUS_OK;
}

static void recheck_later(const struct answered *a) {
    const struct registry_entry *entry = registry_entry_find(a->c->registry, a->list, a->item.index);
    if (entry != NULL && entry->ring == REGISTRY_NO_RING &&
        registry_verdict_of(&a->c->registry->lists[a->list], a->item.index) == REGISTRY_LISTED)
        (void)checker_add_recheck(a->c, a->list, a->item.index, a->now_ns + a->l->plan.recheck_interval_ns);
}

static void tell_looked(const struct answered *a, const struct verdict *verdict) {
    const struct checker_watch *watch = &a->c->watch;
    checker_probe_looked(a->c, a->list, a->item.index, verdict, a->took_ns, a->now_ns);
    if (watch->looked != NULL)
        watch->looked(watch->context, a->list, a->item.index, verdict, a->took_ns);
}

/* Who was to confirm did not answer. If it is dead, which its self-test will show, the flip is confirmed by
 * whoever is left: so it is put back until that is known. */
static bool is_put_back(const struct answered *a) {
    if (a->l->n_servers == 1 || !registry_put_back(a->c->registry, a->list, a->item.index))
        return false;
    health_hurry(a->health, a->now_ns);
    return true;
}

static void give_up(const struct answered *a, const struct verdict *verdict) {
    if (a->item.purpose == PLAN_PROBE) {
        checker_probe_failed(a->c, a->list, &a->item, verdict, a->took_ns, a->now_ns);
        return;
    }
    if (a->item.purpose == PLAN_SWEEP)
        plan_sweep_answered(&a->l->plan, a->now_ns);
    if (a->item.purpose == PLAN_CONFIRM) {
        checker_confirmed(a->c, a->list, a->item.index);
        if (!is_put_back(a))
            registry_drop_pending(a->c->registry, a->list, a->item.index);
    }
    if (a->item.purpose == PLAN_RECHECK)
        recheck_later(a);
    tell_looked(a, verdict);
}

static enum look_source look_source(const struct plan_item *item) {
    switch ((enum plan_purpose)item->purpose) {
    case PLAN_WATCHED: return LOOK_WATCHED;
    case PLAN_SWEEP: return LOOK_SWEEP;
    case PLAN_RECHECK: return LOOK_RECHECK;
    case PLAN_LOOK: return LOOK_ASKED;
    case PLAN_CONFIRM:
    case PLAN_SELF_TEST:
    case PLAN_TXT:
    case PLAN_PROBE:
    case PLAN_PROBE_TXT:
    case PLAN_PURPOSES: break;
    }
    return LOOK_CONFIRM;
}

static void check_decided(const struct answered *a, const struct verdict *verdict) {
    struct checker *c = a->c;
    if (a->item.purpose == PLAN_PROBE) {
        checker_probe_decided(c, a->list, &a->item, a->track, verdict, a->took_ns, a->now_ns);
        return;
    }
    enum look_follow follow = LOOK_DONE;
    uint16_t ring = a->item.purpose == PLAN_WATCHED ? a->item.ring : REGISTRY_NO_RING;
    enum status status = registry_look(c->registry, a->list, a->item.index, look_source(&a->item), ring,
                                       checker_registry_server(a->track, a->family), verdict, a->now_ns,
                                       &follow, checker_changed, c);
    if (status != STATUS_OK) {
        const struct verdict lost = {.kind = VERDICT_UNKNOWN, .reason = REASON_NONE, .score = -1};
        give_up(a, &lost);
        return;
    }
    if (a->item.purpose == PLAN_CONFIRM)
        checker_confirmed(c, a->list, a->item.index);
    if (follow == LOOK_WANTS_CONFIRM &&
        !add_confirm(c, a->list, registry_entry_find(c->registry, a->list, a->item.index), (uint8_t)a->track,
                     a->now_ns))
        registry_drop_pending(c->registry, a->list, a->item.index);
    if (a->item.purpose == PLAN_SWEEP)
        plan_sweep_answered(&a->l->plan, a->now_ns);
    if (a->item.purpose == PLAN_RECHECK)
        recheck_later(a);
    tell_looked(a, verdict);
}

/* A silence says nothing about the list if a question that was sent no earlier has been answered: then a
 * packet was lost, not the list. What answers came in meanwhile is no measure: a full window is sent as
 * answers to those before it come in, so that a nameserver that hangs from one moment to the next would be
 * excused for all of it, and its questions asked once more. */
static bool is_of_the_list(const struct answered *a, const struct verdict *verdict) {
    return verdict->reason != REASON_TIMEOUT || a->l->tracks[a->track].heard_ns[a->family] < a->sent_ns;
}

static bool is_ok(const struct answered *a) {
    return checker_is_believed(a->l) && a->health->state == HEALTH_OK;
}

/* An answer that came while the list was not ok counts for nothing, not even as an attempt; the one that
 * closes it does, or the same question would close it again whenever it is back. */
static void check_answered(const struct answered *a, const struct verdict *verdict) {
    bool was_ok = is_ok(a);
    if (is_of_the_list(a, verdict) && health_observe(a->health, verdict, a->now_ns))
        checker_update_state(a->c, a->list, verdict, a->now_ns);
    if (was_ok && verdict->kind != VERDICT_UNKNOWN) {
        check_decided(a, verdict);
        return;
    }
    bool again = !is_ok(a) || is_worth_retrying(verdict);
    if (!again || !retry(a, was_ok))
        give_up(a, verdict);
}

/* ---- what probes keep ---- */

static struct probe_look look_of(const struct answered *a, enum checker_outcome outcome) {
    return (struct probe_look){
        .server = a->c->servers[a->l->servers[a->track]].endpoint,
        .is_txt = plan_is_txt(&a->item),
        .is_tcp = a->item.tcp,
        .outcome = (uint8_t)outcome,
        .took_us =
            a->took_ns >= 0 && a->took_ns / 1000 < UINT32_MAX ? (uint32_t)(a->took_ns / 1000) : UINT32_MAX,
        .at_ns = a->now_ns,
    };
}

/* `reply` NULL: none came; `verdict` NULL: it is asked again over TCP. */
static void tell_probes(const struct answered *a, enum checker_outcome outcome, const struct reply *reply,
                        const struct verdict *verdict) {
    if (checker_probes_live(a->c) == 0 || a->item.purpose == PLAN_SELF_TEST)
        return;
    struct probe_look look = look_of(a, outcome);
    look.form = (uint8_t)(reply != NULL ? reply->form : REPLY_SOUND);
    look.rcode = (uint16_t)(reply != NULL ? reply->rcode : 0);
    look.verdict = (uint8_t)(verdict != NULL ? verdict->kind : VERDICT_UNKNOWN);
    look.reason = (uint8_t)(verdict != NULL ? verdict->reason : REASON_NONE);
    look.detail = (uint8_t)(verdict != NULL ? verdict->detail : DETAIL_NONE);
    if (reply != NULL && reply->form == REPLY_SOUND)
        look.n_addresses = reply->n_addresses;
    for (uint32_t i = 0; i < look.n_addresses && i < PROBE_LOOK_ADDRESSES; i++)
        look.addresses[i] = reply->addresses[i];
    checker_probe_saw(a->c, a->list, &a->item, &look);
}

/* ---- over TCP ---- */

/* What is cut has to be had over TCP, at no cost of an attempt; false: it is, or cannot be asked. */
static bool retry_over_tcp(const struct answered *a) {
    struct answered over_tcp = *a;
    over_tcp.item.tcp = true;
    return !a->item.tcp && retry(&over_tcp, false);
}

/* ---- TXT ---- */

static bool is_cut(const struct answered *a, const struct reply_question *question, const uint8_t *message,
                   size_t len) {
    reply_read(message, len, question, NULL, a->c->reply);
    return a->c->reply->form == REPLY_TRUNCATED;
}

static void txt_answered(const struct answered *a, const struct reply_question *question,
                         enum checker_outcome outcome, const uint8_t *message, size_t len) {
    char txt[CHECKER_TXT_SIZE];
    bool has_txt = outcome == CHECKER_ANSWER && reply_read_txt(message, len, question, txt, sizeof txt);
    struct probe_look look = look_of(a, outcome);
    look.has_txt = has_txt;
    bool again = outcome == CHECKER_ANSWER && is_cut(a, question, message, len) && retry_over_tcp(a);
    look.form = again ? REPLY_TRUNCATED : REPLY_SOUND;
    look.verdict = VERDICT_UNKNOWN;
    look.reason = REASON_NONE;
    checker_probe_saw(a->c, a->list, &a->item, &look);
    if (again)
        return;
    checker_probe_txt(a->c, a->list, &a->item, has_txt ? txt : NULL);
    struct registry_entry *entry =
        plan_is_of_target(&a->item) ? registry_entry_find(a->c->registry, a->list, a->item.index) : NULL;
    if (entry == NULL || !has_txt)
        return;
    free(entry->txt);
    entry->txt = strdup(txt);
    registry_touch_entry(&a->c->registry->lists[a->list], a->item.index);
    a->c->watch.txt(a->c->watch.context, a->list, a->item.index, txt);
}

/* ---- the way in ---- */

static void count(struct checker_list *l, const struct verdict *verdict, int64_t now_ns) {
    if (verdict->kind != VERDICT_UNKNOWN)
        return;
    l->counters.failures[verdict->reason]++;
    l->last_failure = *verdict;
    l->last_failure_ns = now_ns;
}

static struct verdict read_answer(const struct answered *a, const struct reply_question *question,
                                  const uint8_t *message, size_t len) {
    const struct list *list = a->l->list;
    reply_read(message, len, question, list->cname_allowed ? &list->cname_suffix : NULL, a->c->reply);
    bool is_test = a->item.purpose == PLAN_SELF_TEST;
    return verdict_of_reply(list, a->c->reply, is_test ? NULL : health_lesson(a->health, a->now_ns));
}

static void a_answered(const struct answered *a, const struct reply_question *question,
                       enum checker_outcome outcome, const uint8_t *message, size_t len) {
    struct reply *reply = NULL;
    struct verdict verdict;
    if (outcome == CHECKER_ANSWER) {
        verdict = read_answer(a, question, message, len);
        reply = a->c->reply;
        if (reply->form == REPLY_TRUNCATED && retry_over_tcp(a)) {
            tell_probes(a, outcome, reply, NULL);
            return;
        }
    } else {
        verdict = verdict_of_silence(outcome == CHECKER_TIMEOUT ? REASON_TIMEOUT : REASON_NETWORK);
    }
    count(a->l, &verdict, a->now_ns);
    tell_probes(a, outcome, reply, &verdict);
    if (a->item.purpose != PLAN_SELF_TEST)
        check_answered(a, &verdict);
    else if (verdict.kind != VERDICT_UNKNOWN || !is_worth_retrying(&verdict) || !retry(a, true))
        test_answered(a, &verdict, reply);
}

/* A time-out counts against the nameserver's window, unless it is the list that is dead and not a packet that
 * was lost: it is being tested because it failed before, or the nameserver has answered other lists meanwhile
 * and this one never. */
static bool is_dead_list(const struct answered *a) {
    if (a->item.purpose == PLAN_SELF_TEST && a->health->state != HEALTH_OK)
        return true;
    return a->c->servers[a->l->servers[a->track]].answered_ns > a->sent_ns &&
           a->l->tracks[a->track].answered_ns[a->family] < a->sent_ns;
}

static void tell_window(const struct answered *a, enum checker_outcome outcome, int64_t took_ns) {
    struct window *w = &a->c->servers[a->l->servers[a->track]].window;
    switch (outcome) {
    case CHECKER_ANSWER: window_answered(w, a->sent_ns, took_ns); return;
    case CHECKER_TIMEOUT:
        if (is_dead_list(a))
            window_forgotten(w);
        else
            window_lost(w, a->sent_ns, a->now_ns);
        return;
    case CHECKER_NETWORK: window_forgotten(w); return;
    }
}

/* Its place at the nameserver becomes free, unless it did when it was overdue. */
static void free_place(const struct answered *a, const struct checker_slot *slot,
                       enum checker_outcome outcome, int64_t took_ns) {
    struct checker_track *track = &a->l->tracks[a->track];
    a->c->in_flight--;
    if (++a->c->answers == 0)
        a->c->answers = 1;
    if (slot->overdue) {
        if (outcome == CHECKER_ANSWER)
            window_found(&a->c->servers[a->l->servers[a->track]].window, a->sent_ns);
        return;
    }
    tell_window(a, outcome, took_ns);
    assert(track->in_flight > 0);
    track->in_flight--;
}

static void note_answer(const struct answered *a, enum query_type type, int64_t took_ns) {
    struct checker_track *track = &a->l->tracks[a->track];
    if (type == QUERY_A)
        hist_add(&a->l->counters.duration, took_ns);
    a->c->servers[a->l->servers[a->track]].answered_ns = a->now_ns;
    track->answered_ns[a->family] = a->now_ns;
    if (a->sent_ns > track->heard_ns[a->family])
        track->heard_ns[a->family] = a->sent_ns;
}

/* A query of an attempt that another one decides, or has decided: it fails or not, and that is all. */
static void other_answered(const struct answered *a, const struct reply_question *question,
                           enum checker_outcome outcome, const uint8_t *message, size_t len) {
    struct verdict verdict = verdict_of_silence(outcome == CHECKER_TIMEOUT ? REASON_TIMEOUT : REASON_NETWORK);
    if (outcome == CHECKER_ANSWER) {
        verdict = read_answer(a, question, message, len);
        if (a->c->reply->form == REPLY_TRUNCATED) /* the first answer has seen to that */
            return;
    }
    count(a->l, &verdict, a->now_ns);
    if (a->item.purpose != PLAN_SELF_TEST && is_of_the_list(a, &verdict) &&
        health_observe(a->health, &verdict, a->now_ns))
        checker_update_state(a->c, a->list, &verdict, a->now_ns);
}

void checker_reply(struct checker *c, uint64_t cookie, enum checker_outcome outcome, const uint8_t *message,
                   size_t len, int64_t took_ns, int64_t now_ns) {
    uint32_t number = (uint32_t)cookie;
    if ((uint16_t)(cookie >> 48) != (uint16_t)c->generation || number >= c->n_slots)
        return;
    struct checker_slot *slot = &c->slots[number];
    if (slot->list == UINT32_MAX || (uint16_t)slot->generation != (uint16_t)(cookie >> 32))
        return;
    struct checker_list *l = &c->lists[slot->list];
    struct answered a = {.c = c,
                         .list = slot->list,
                         .l = l,
                         .item = slot->item,
                         .track = slot->track,
                         .family = (enum ip_family)slot->family,
                         .sent_ns = slot->sent_ns,
                         .took_ns = outcome == CHECKER_ANSWER ? took_ns : -1,
                         .now_ns = now_ns};
    a.health = &l->tracks[slot->track].health[a.family];
    free_place(&a, slot, outcome, took_ns);
    bool moot = slot->moot;
    bool others = checker_await_end(c, slot, outcome, took_ns);
    struct qname name = slot->name;
    const struct reply_question question = {
        .name = &name,
        .type = plan_is_txt(&slot->item) ? QUERY_TXT : QUERY_A,
        .id = slot->id,
        .exact_case = slot->exact_case,
    };
    checker_slot_free(c, slot);
    l->wake_ns = now_ns;
    if (outcome == CHECKER_ANSWER)
        note_answer(&a, question.type, took_ns);
    if (moot || (others && outcome != CHECKER_ANSWER)) {
        other_answered(&a, &question, outcome, message, len);
        return;
    }
    checker_probe_in_flight(c, a.list, &a.item, false, now_ns);
    if (question.type == QUERY_TXT)
        txt_answered(&a, &question, outcome, message, len);
    else
        a_answered(&a, &question, outcome, message, len);
}
