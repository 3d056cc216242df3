/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes back for a probe, how it is proven, and what time does to it.
 */
#include "core/checker_internal.h"
#include "core/checker_probe.h"
#include "core/checker_probe_internal.h"

#include <assert.h>
#include <string.h>

static void end_proven(struct checker *c, uint32_t list, struct checker_probe *probe,
                       struct checker_pair *pair, int64_t now_ns) {
    checker_pair_end(pair, WHY_NONE, now_ns);
    if (pair->verdict == REGISTRY_LISTED && c->registry->lists[list].scores == NULL)
        checker_pair_want_txt(c, list, probe, pair, now_ns);
}

/* ---- questions ---- */

struct checker_pair *checker_pair_of_item(const struct checker *c, uint32_t list,
                                          const struct plan_item *item) {
    struct checker_probe *probe = checker_probe_numbered(c, item->index);
    struct checker_pair *pair = probe != NULL ? &probe->pairs[list] : NULL;
    return pair != NULL && pair->question == item->ring ? pair : NULL;
}

/* The open pair of a target, of the `i`-th live probe; NULL: that is none. */
static struct checker_pair *open_target(const struct checker *c, uint32_t i, uint32_t list, uint32_t index) {
    struct checker_pair *pair = &checker_probe_live(c, i)->pairs[list];
    return checker_pair_is_open(pair) && pair->is_target && pair->index == index ? pair : NULL;
}

bool checker_probe_is_moot(const struct checker *c, uint32_t list, const struct plan_item *item) {
    for (uint32_t i = 0; item->purpose == PLAN_LOOK && i < checker_probes_live(c); i++)
        if (open_target(c, i, list, item->index) != NULL)
            return false;
    const struct checker_pair *pair = item->purpose != PLAN_LOOK ? checker_pair_of_item(c, list, item) : NULL;
    if (pair == NULL)
        return true;
    return item->purpose == PLAN_PROBE ? pair->state != PAIR_ASKED : !pair->txt_wanted;
}

struct ip checker_probe_ip(const struct checker *c, const struct plan_item *item) {
    const struct checker_probe *probe = checker_probe_numbered(c, item->index);
    assert(probe != NULL); /* else it were moot */
    return probe->ip;
}

/* A reload begins what is open anew: not before what is under way can be lost, nor before an agreeing look
 * would be asked for. */
static void note_flight(const struct checker *c, struct checker_pair *pair, bool is, int64_t now_ns) {
    pair->in_flight = is;
    pair->sent = true;
    if (is)
        pair->pause_ns = now_ns + c->settings->resolver.timeout_ns;
    else
        pair->pause_ns = now_ns + PLAN_CONFIRM_PAUSE_NS;
}

void checker_probe_in_flight(struct checker *c, uint32_t list, const struct plan_item *item, bool is,
                             int64_t now_ns) {
    bool is_probe = item->purpose == PLAN_PROBE || item->purpose == PLAN_PROBE_TXT;
    struct checker_pair *pair = is_probe ? checker_pair_of_item(c, list, item) : NULL;
    if (pair != NULL)
        note_flight(c, pair, is, now_ns);
    if (!plan_is_of_target(item) || plan_is_txt(item))
        return;
    for (uint32_t i = 0; i < checker_probes_live(c); i++) {
        pair = open_target(c, i, list, item->index);
        if (pair != NULL)
            note_flight(c, pair, is, now_ns);
    }
}

/* ---- answers of probes ---- */

static void confirm(struct checker *c, uint32_t list, const struct checker_probe *probe,
                    struct checker_pair *pair, int64_t now_ns) {
    enum status status = plan_add_probe_confirm(&c->lists[list].plan, probe->number, ++pair->question,
                                                probe->ip.family, pair->track, now_ns);
    if (status != STATUS_OK)
        checker_pair_end(pair, WHY_NO_MEMORY, now_ns);
}

static void note_time(struct checker_pair *pair, int64_t took_ns) {
    if (took_ns >= 0)
        pair->took_us = took_ns / 1000 < UINT32_MAX ? (uint32_t)(took_ns / 1000) : UINT32_MAX - 1;
}

void checker_probe_decided(struct checker *c, uint32_t list, const struct plan_item *item, uint32_t track,
                           const struct verdict *verdict, int64_t took_ns, int64_t now_ns) {
    struct checker_probe *probe = checker_probe_numbered(c, item->index);
    struct checker_pair *pair = checker_pair_of_item(c, list, item);
    if (pair == NULL || pair->state != PAIR_ASKED)
        return;
    bool is_score = c->registry->lists[list].scores != NULL;
    bool is_listing = verdict->kind == VERDICT_LISTED && !is_score;
    pair->verdict = verdict->kind == VERDICT_LISTED ? REGISTRY_LISTED : REGISTRY_NOT_LISTED;
    pair->codes = verdict->codes;
    pair->score = (int16_t)verdict->score;
    pair->track = (uint8_t)track;
    note_time(pair, took_ns);
    pair->looks++;
    pair->look_ns = now_ns;
    pair->proof_ns = is_listing ? now_ns : now_ns - PROBE_PROOF_NS;
    if (is_listing && pair->looks < c->lists[list].list->confirm) {
        confirm(c, list, probe, pair, now_ns);
        return;
    }
    pair->state = PAIR_UNPROVEN;
    const struct health *health = &c->lists[list].tracks[track].health[probe->ip.family];
    if (!is_listing && health->right_ns >= pair->proof_ns)
        end_proven(c, list, probe, pair, now_ns);
}

static unsigned why_of(const struct verdict *verdict) {
    return verdict->reason < REASON_LABELS ? WHY_VERDICT + verdict->reason : WHY_NO_MEMORY;
}

void checker_probe_failed(struct checker *c, uint32_t list, const struct plan_item *item,
                          const struct verdict *verdict, int64_t took_ns, int64_t now_ns) {
    struct checker_pair *pair = checker_pair_of_item(c, list, item);
    if (pair == NULL || pair->state != PAIR_ASKED)
        return;
    note_time(pair, took_ns);
    checker_pair_end(pair, why_of(verdict), now_ns);
}

void checker_probe_txt(struct checker *c, uint32_t list, const struct plan_item *item, const char *txt) {
    for (uint32_t i = 0; i < checker_probes_live(c); i++) {
        const struct checker_probe *probe = checker_probe_live(c, i);
        struct checker_pair *pair = &probe->pairs[list];
        bool is_meant =
            pair->txt_wanted && (pair->is_target ? plan_is_of_target(item) && pair->index == item->index
                                                 : !plan_is_of_target(item) && probe->number == item->index);
        if (!is_meant)
            continue;
        pair->txt_wanted = false;
        if (!pair->is_target && txt != NULL)
            pair->txt = strdup(txt); /* a reason is worth no failure */
    }
}

/* ---- answers about targets ---- */

void checker_probe_looked(struct checker *c, uint32_t list, uint32_t index, const struct verdict *verdict,
                          int64_t took_ns, int64_t now_ns) {
    for (uint32_t i = 0; i < checker_probes_live(c); i++) {
        struct checker_pair *pair = open_target(c, i, list, index);
        if (pair == NULL)
            continue;
        note_time(pair, took_ns);
        pair->looks++;
        if (verdict->kind == VERDICT_UNKNOWN)
            checker_pair_end(pair, why_of(verdict), now_ns);
        else if (!checker_pair_is_pending(c, list, index))
            checker_pair_end_target(c, list, checker_probe_live(c, i), pair, now_ns);
    }
}

void checker_probe_changed(struct checker *c, uint32_t list, uint32_t index, int64_t now_ns) {
    for (uint32_t i = 0; i < checker_probes_live(c); i++) {
        struct checker_pair *pair = open_target(c, i, list, index);
        if (pair != NULL && !checker_pair_is_pending(c, list, index))
            checker_pair_end_target(c, list, checker_probe_live(c, i), pair, now_ns);
    }
}

/* ---- proof ---- */

/* The pair of a probe, if it is no target's and was last told something by this nameserver, or by one from
 * before a reload. */
static struct checker_pair *told_by(const struct checker_probe *probe, uint32_t list, uint32_t track,
                                    enum ip_family family) {
    struct checker_pair *pair = probe != NULL && probe->ip.family == family ? &probe->pairs[list] : NULL;
    return pair != NULL && !pair->is_target && pair->state != PAIR_NONE && pair->looks > 0 &&
                   (pair->track == track || pair->track == CHECKER_NOBODY)
               ? pair
               : NULL;
}

bool checker_probe_awaits(const struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                          int64_t *latest_ns) {
    bool any = false;
    for (uint32_t i = 0; i < checker_probes_live(c); i++) {
        const struct checker_pair *pair = told_by(checker_probe_live(c, i), list, track, family);
        if (pair == NULL || pair->state != PAIR_UNPROVEN)
            continue;
        if (!any || pair->proof_ns > *latest_ns)
            *latest_ns = pair->proof_ns;
        any = true;
    }
    return any;
}

void checker_probe_right(struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                         int64_t started_ns, int64_t now_ns) {
    for (uint32_t i = 0; i < checker_probes_live(c); i++) {
        struct checker_probe *probe = checker_probe_live(c, i);
        struct checker_pair *pair = told_by(probe, list, track, family);
        if (pair != NULL && pair->state == PAIR_UNPROVEN && pair->proof_ns <= started_ns)
            end_proven(c, list, probe, pair, now_ns);
    }
}

/* What was told before the last right self-test stands. */
void checker_probe_wrong(struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                         int64_t now_ns) {
    const struct health *health = &c->lists[list].tracks[track].health[family];
    for (uint32_t i = 0; i < PROBES; i++) {
        struct checker_pair *pair = told_by(checker_probe_at(c, i), list, track, family);
        bool stands = pair != NULL && pair->state == PAIR_ENDED &&
                      (pair->why != WHY_NONE || pair->look_ns <= health->right_ns);
        if (pair == NULL || stands)
            continue;
        checker_pair_end(pair, WHY_STATE + health->state, now_ns);
        pair->txt_wanted = false;
    }
}

void checker_probe_blind(struct checker *c, uint32_t list, int64_t now_ns) {
    for (uint32_t i = 0; i < checker_probes_live(c); i++) {
        struct checker_pair *pair = &checker_probe_live(c, i)->pairs[list];
        if (checker_pair_is_open(pair))
            checker_pair_end(pair, WHY_STATE + c->lists[list].state, now_ns);
        pair->txt_wanted = false; /* nothing but self-tests is asked now */
    }
}

/* ---- time ---- */

/* Flips that want the same have it paid. */
static enum budget_class payer_of(const struct checker *c, uint32_t list, const struct checker_pair *pair) {
    bool is_test = pair->state == PAIR_UNPROVEN && c->lists[list].plan.lanes[LANE_TEST_URGENT].n > 0;
    bool is_flip = pair->is_target && checker_pair_is_pending(c, list, pair->index);
    return is_test || is_flip ? BUDGET_URGENT : BUDGET_PROBE;
}

/* Whether what a pair waits for may be sent before its time is over, as far as one can see. */
static bool can_be_paid(const struct checker *c, uint32_t list, const struct checker_probe *probe,
                        const struct checker_pair *pair, int64_t now_ns) {
    const struct checker_list *l = &c->lists[list];
    bool is_tested = pair->state == PAIR_UNPROVEN && l->plan.lanes[LANE_TEST_URGENT].n == 0 &&
                     l->plan.lanes[LANE_PROBE_TEST].n == 0 &&
                     l->tracks[pair->track].health[probe->ip.family].running;
    if (pair->in_flight || is_tested)
        return true;
    int64_t until_ns = pair->asked_ns + PROBE_NS;
    return quota_ready_ns(checker_quota(c, list), payer_of(c, list, pair), now_ns) <= until_ns &&
           rate_ready_ns(&l->plan.rate, now_ns) <= until_ns;
}

/* The reason of a target's listing is paid for as that of any other. */
static bool txt_can_be_paid(const struct checker *c, uint32_t list, const struct checker_pair *pair,
                            int64_t now_ns) {
    enum budget_class class = pair->is_target ? BUDGET_WATCHED : BUDGET_PROBE;
    return pair->in_flight ||
           quota_ready_ns(checker_quota(c, list), class, now_ns) <= pair->asked_ns + PROBE_NS;
}

static unsigned why_late(const struct checker *c, uint32_t list, const struct checker_pair *pair,
                         int64_t now_ns) {
    enum budget_class payer = payer_of(c, list, pair);
    bool waits = !pair->in_flight && quota_ready_ns(checker_quota(c, list), payer, now_ns) > now_ns;
    return waits ? WHY_BUDGET : WHY_TIMEOUT;
}

static void turn_pair(struct checker *c, uint32_t list, const struct checker_probe *probe,
                      struct checker_pair *pair, int64_t now_ns, int64_t *wake_ns) {
    int64_t until_ns = pair->asked_ns + PROBE_NS;
    if (!checker_pair_is_open(pair) && !pair->txt_wanted)
        return;
    if (now_ns >= until_ns || !txt_can_be_paid(c, list, pair, now_ns))
        pair->txt_wanted = false;
    if (checker_pair_is_open(pair) && now_ns >= until_ns)
        checker_pair_end(pair, why_late(c, list, pair, now_ns), now_ns);
    else if (checker_pair_is_open(pair) && !can_be_paid(c, list, probe, pair, now_ns))
        checker_pair_end(pair, WHY_BUDGET, now_ns);
    else if (until_ns > now_ns && until_ns < *wake_ns)
        *wake_ns = until_ns;
}

int64_t checker_probe_turn(struct checker *c, int64_t now_ns) {
    int64_t wake_ns = INT64_MAX;
    for (uint32_t i = checker_probes_live(c); i > 0; i--) {
        const struct checker_probe *probe = checker_probe_live(c, i - 1);
        bool is_live = false;
        for (uint32_t list = 0; list < c->settings->n_lists; list++) {
            struct checker_pair *pair = &probe->pairs[list];
            turn_pair(c, list, probe, pair, now_ns, &wake_ns);
            is_live = is_live || checker_pair_is_open(pair) || pair->txt_wanted;
        }
        if (!is_live)
            checker_probe_rests(c, i - 1);
    }
    return wake_ns;
}
