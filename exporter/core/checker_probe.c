/* SPDX-License-Identifier: Apache-2.0
 *
 * Probes as a whole: how they begin, what is read of them, and what becomes of them at a reload. What comes
 * back is in checker_probe_answer.c.
 */
#include "core/checker_probe.h"

#include "core/checker_internal.h"
#include "core/checker_probe_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- finding ---- */

struct checker_probe *checker_probe_at(const struct checker *c, uint32_t i) {
    struct checker_probe *probe = c->probes != NULL ? &c->probes->probes[i] : NULL;
    return probe != NULL && probe->used ? probe : NULL;
}

struct checker_probe *checker_probe_numbered(const struct checker *c, uint32_t number) {
    struct checker_probe *probe = checker_probe_at(c, number % PROBES);
    return probe != NULL && probe->number == number ? probe : NULL;
}

static uint32_t *chain_of(const struct checker *c, const struct ip *ip) {
    return &c->probes->first[ip_hash(ip, 0) % PROBES];
}

struct checker_probe *checker_probe_find(const struct checker *c, const struct ip *ip) {
    for (uint32_t at = c->probes != NULL ? *chain_of(c, ip) : 0; at != 0;) {
        struct checker_probe *probe = &c->probes->probes[at - 1];
        if (ip_equal(&probe->ip, ip))
            return probe;
        at = probe->next;
    }
    return NULL;
}

/* ---- of which something may come ---- */

static void wake(struct checker *c, struct checker_probe *probe) {
    if (!probe->is_live)
        c->probes->live[c->probes->n_live++] = (uint16_t)(probe - c->probes->probes);
    probe->is_live = true;
}

void checker_probe_rests(struct checker *c, uint32_t i) {
    checker_probe_live(c, i)->is_live = false;
    c->probes->live[i] = c->probes->live[--c->probes->n_live];
}

static void lay_to_rest(struct checker *c, const struct checker_probe *probe) {
    for (uint32_t i = 0; probe->is_live; i++)
        if (checker_probe_live(c, i) == probe)
            checker_probe_rests(c, i);
}

static bool is_over(const struct checker *c, const struct checker_probe *probe) {
    for (size_t i = 0; i < c->settings->n_lists; i++)
        if (checker_pair_is_open(&probe->pairs[i]) || probe->pairs[i].txt_wanted)
            return false;
    return true;
}

static int64_t last_end_ns(const struct checker *c, const struct checker_probe *probe) {
    int64_t last_ns = INT64_MIN / 2;
    for (size_t i = 0; i < c->settings->n_lists; i++)
        if (probe->pairs[i].state == PAIR_ENDED && probe->pairs[i].ended_ns > last_ns)
            last_ns = probe->pairs[i].ended_ns;
    return last_ns;
}

/* As a whole: who reads it must not see that one list lists nothing, and not any more that another does. */
static bool is_kept(const struct checker *c, const struct checker_probe *probe, int64_t now_ns) {
    return !is_over(c, probe) || now_ns - last_end_ns(c, probe) < PROBE_KEPT_NS;
}

static bool is_known(const struct checker_pair *pair, int64_t now_ns) {
    return checker_pair_is_open(pair) ||
           (pair->state == PAIR_ENDED && now_ns - pair->ended_ns < PROBE_KEPT_NS);
}

/* ---- birth and death ---- */

static void free_pairs(const struct checker *c, struct checker_probe *probe) {
    for (size_t i = 0; i < c->settings->n_lists; i++) {
        free(probe->pairs[i].txt);
        checker_pair_forget_looks(c, &probe->pairs[i]);
    }
    free(probe->pairs);
}

static void release_probe(struct checker *c, struct checker_probe *probe) {
    uint32_t *at = chain_of(c, &probe->ip);
    while (&c->probes->probes[*at - 1] != probe)
        at = &c->probes->probes[*at - 1].next;
    *at = probe->next;
    lay_to_rest(c, probe);
    free_pairs(c, probe);
    *probe = (struct checker_probe){.used = false, .number = probe->number};
}

void checker_probe_release(struct checker *c) {
    for (uint32_t i = 0; i < PROBES; i++)
        if (checker_probe_at(c, i) != NULL)
            free_pairs(c, checker_probe_at(c, i));
    free(c->probes);
    c->probes = NULL;
}

/* A free place; if there is none, that of the probe which has been over for longest, if that is not kept any
 * more. */
static struct checker_probe *free_place(struct checker *c, int64_t now_ns) {
    struct checker_probe *best = NULL;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct checker_probe *probe = &c->probes->probes[i];
        if (!probe->used)
            return probe;
        if (!is_kept(c, probe, now_ns) && (best == NULL || last_end_ns(c, probe) < last_end_ns(c, best)))
            best = probe;
    }
    if (best != NULL)
        release_probe(c, best);
    return best;
}

static enum status make_probe(struct checker *c, const struct ip *ip, int64_t now_ns,
                              struct checker_probe **out) {
    if (c->probes == NULL)
        c->probes = calloc(1, sizeof *c->probes);
    if (c->probes == NULL)
        return STATUS_NO_MEMORY;
    struct checker_probe *probe = free_place(c, now_ns);
    if (probe == NULL)
        return STATUS_FULL;
    struct checker_pair *pairs = calloc(c->settings->n_lists + 1, sizeof *pairs);
    if (pairs == NULL)
        return STATUS_NO_MEMORY;
    uint32_t place = (uint32_t)(probe - c->probes->probes);
    uint32_t *chain = chain_of(c, ip);
    *probe = (struct checker_probe){.used = true,
                                    .number = probe->number / PROBES * PROBES + PROBES + place,
                                    .next = *chain,
                                    .ip = *ip,
                                    .pairs = pairs};
    *chain = place + 1;
    *out = probe;
    return STATUS_OK;
}

/* ---- ending ---- */

void checker_pair_want_txt(struct checker *c, uint32_t list, struct checker_probe *probe,
                           struct checker_pair *pair, int64_t now_ns) {
    struct plan *plan = &c->lists[list].plan;
    enum status status = pair->is_target ? plan_add_txt(plan, pair->index, now_ns)
                                         : plan_add_probe(plan, PLAN_PROBE_TXT, probe->number, pair->question,
                                                          probe->ip.family, now_ns);
    pair->txt_wanted = status == STATUS_OK;
    if (pair->txt_wanted)
        wake(c, probe);
    c->lists[list].wake_ns = now_ns;
}

void checker_pair_end(struct checker_pair *pair, unsigned why, int64_t now_ns) {
    pair->state = PAIR_ENDED;
    pair->why = (uint8_t)why;
    pair->in_flight = false;
    pair->ended_ns = now_ns;
}

bool checker_pair_is_pending(const struct checker *c, uint32_t list, uint32_t index) {
    const struct registry_entry *entry = registry_entry_find(c->registry, list, index);
    return entry != NULL && entry->pending != REGISTRY_UNKNOWN;
}

void checker_pair_end_target(struct checker *c, uint32_t list, struct checker_probe *probe,
                             struct checker_pair *pair, int64_t now_ns) {
    const struct registry_list *r = &c->registry->lists[list];
    const struct registry_entry *entry = registry_entry_find(c->registry, list, pair->index);
    checker_pair_end(pair, WHY_NONE, now_ns);
    if (r->scores == NULL && registry_verdict_of(r, pair->index) == REGISTRY_LISTED && entry != NULL &&
        entry->txt == NULL)
        checker_pair_want_txt(c, list, probe, pair, now_ns);
}

/* ---- beginning ---- */

static bool is_known_just_now(const struct checker *c, uint32_t list, uint32_t index, int64_t now_ns) {
    return registry_is_fresh(&c->registry->lists[list], index) && !checker_pair_is_pending(c, list, index) &&
           now_ns - registry_ns(c->registry, registry_cell_stamp(c->registry, list, index)) < PROBE_KEPT_NS;
}

static void begin_pair(struct checker *c, uint32_t list, struct checker_probe *probe,
                       struct checker_pair *pair, int64_t asked_ns, int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    int64_t due_ns = pair->pause_ns > now_ns ? pair->pause_ns : now_ns;
    free(pair->txt);
    checker_pair_forget_looks(c, pair);
    *pair = (struct checker_pair){.state = PAIR_ASKED,
                                  .track = CHECKER_NOBODY,
                                  .question = (uint16_t)(pair->question + 1),
                                  .score = -1,
                                  .took_us = UINT32_MAX,
                                  .asked_ns = asked_ns,
                                  .pause_ns = pair->pause_ns};
    wake(c, probe);
    if (!l->list->families[probe->ip.family]) {
        checker_pair_end(pair, WHY_FAMILY, now_ns);
        return;
    }
    pair->index = target_index(c->registry->lists[list].set, &probe->ip);
    pair->is_target = pair->index != UINT32_MAX;
    if (!checker_is_believed(l)) {
        checker_pair_end(pair, WHY_STATE + l->state, now_ns);
        return;
    }
    if (pair->is_target && is_known_just_now(c, list, pair->index, now_ns)) {
        checker_pair_end_target(c, list, probe, pair, now_ns);
        return;
    }
    enum status status = pair->is_target ? plan_add_look(&l->plan, pair->index, BUDGET_PROBE, due_ns)
                                         : plan_add_probe(&l->plan, PLAN_PROBE, probe->number, pair->question,
                                                          probe->ip.family, due_ns);
    if (status != STATUS_OK)
        checker_pair_end(pair, status == STATUS_FULL ? WHY_BUDGET : WHY_NO_MEMORY, now_ns);
    l->wake_ns = now_ns;
}

/* Asking again costs no query as long as the reason lasts, and is right when it does not. */
static bool was_free(const struct checker_pair *pair) {
    return pair->state == PAIR_ENDED && !pair->sent &&
           (pair->why == WHY_BUDGET || pair->why == WHY_NO_MEMORY || pair->why >= WHY_STATE);
}

const char *checker_probe_refusal(const struct checker *c, const struct ip *ip) {
    return target_is_configured(c->targets, ip) ? NULL : ip_special(ip);
}

enum status checker_probe(struct checker *c, const struct ip *ip, const bool *lists, int64_t now_ns) {
    struct checker_probe *probe = checker_probe_find(c, ip);
    if (checker_probe_refusal(c, ip) != NULL)
        return STATUS_INVALID;
    if (probe != NULL && !is_kept(c, probe, now_ns)) {
        release_probe(c, probe);
        probe = NULL;
    }
    if (probe == NULL) {
        enum status status = make_probe(c, ip, now_ns, &probe);
        if (status != STATUS_OK)
            return status;
    }
    for (uint32_t i = 0; i < c->settings->n_lists; i++) {
        struct checker_pair *pair = &probe->pairs[i];
        if (c->lists[i].list != NULL && (lists == NULL || lists[i]) &&
            (!is_known(pair, now_ns) || was_free(pair)))
            begin_pair(c, i, probe, pair, now_ns, now_ns);
    }
    return STATUS_OK;
}

/* ---- results ---- */

bool checker_probe_is_over(const struct checker *c, const struct ip *ip) {
    const struct checker_probe *probe = checker_probe_find(c, ip);
    return probe == NULL || is_over(c, probe);
}

bool checker_probe_has_ended(const struct checker *c, const struct ip *ip, const bool *lists,
                             bool with_reasons) {
    const struct checker_probe *probe = checker_probe_find(c, ip);
    for (size_t i = 0; probe != NULL && i < c->settings->n_lists; i++)
        if (lists[i] &&
            (checker_pair_is_open(&probe->pairs[i]) || (with_reasons && probe->pairs[i].txt_wanted)))
            return false;
    return true;
}

static void read_target(const struct checker *c, uint32_t list, uint32_t index, struct probe_result *out) {
    const struct registry_list *r = &c->registry->lists[list];
    const struct registry_entry *entry = registry_entry_find(c->registry, list, index);
    enum health_state state = c->lists[list].state;
    if (!registry_is_fresh(r, index)) {
        out->why = (uint8_t)(state != HEALTH_OK ? WHY_STATE + state : WHY_WITHDRAWN);
        return;
    }
    out->verdict = registry_verdict_of(r, index);
    if (r->scores != NULL && r->scores[index] != REGISTRY_NO_SCORE)
        out->score = r->scores[index];
    if (entry != NULL && out->verdict == REGISTRY_LISTED) {
        out->codes = entry->codes;
        out->txt = entry->txt;
    }
}

static void read_own(const struct checker_pair *pair, struct probe_result *out) {
    out->verdict = (enum registry_verdict)pair->verdict;
    out->codes = pair->codes;
    out->score = pair->score;
    out->txt = pair->txt;
}

bool checker_probe_read(const struct checker *c, uint32_t list, const struct ip *ip, int64_t now_ns,
                        struct probe_result *out) {
    const struct checker_probe *probe = checker_probe_find(c, ip);
    const struct checker_pair *pair = probe != NULL ? &probe->pairs[list] : NULL;
    if (pair == NULL || pair->state == PAIR_NONE || !is_kept(c, probe, now_ns))
        return false;
    *out = (struct probe_result){.open = checker_pair_is_open(pair),
                                 .verdict = REGISTRY_UNKNOWN,
                                 .is_target = pair->is_target,
                                 .sent = pair->sent,
                                 .score = -1,
                                 .took_us = pair->took_us,
                                 .asked_ns = pair->asked_ns,
                                 .ended_ns = pair->ended_ns};
    if (out->open)
        return true;
    out->why = pair->why;
    if (pair->why == WHY_NONE && pair->is_target)
        read_target(c, list, pair->index, out);
    else if (pair->why == WHY_NONE)
        read_own(pair, out);
    return true;
}

unsigned checker_why_unknown(const struct checker *c, uint32_t list, uint32_t index) {
    const struct registry_list *r = &c->registry->lists[list];
    if (r->frozen)
        return WHY_STATE + c->lists[list].state;
    if (checker_pair_is_pending(c, list, index))
        return WHY_UNCONFIRMED;
    return registry_verdict_of(r, index) != REGISTRY_UNKNOWN ? WHY_STALE : WHY_NOT_CHECKED;
}

/* ---- a reload ---- */

/* What a list has said still stands if it is the same list; what it is to say is asked again, after a while
 * if it has been asked already: reloads must not make queries. */
static void carry_pair(struct checker *c, uint32_t list, struct checker_probe *probe,
                       const struct checker_pair *from, const struct list *old_list, int64_t now_ns) {
    struct checker_pair *to = &probe->pairs[list];
    if (checker_pair_is_open(from)) {
        to->pause_ns = from->pause_ns;
        begin_pair(c, list, probe, to, from->asked_ns, now_ns);
        to->sent = from->sent;
        to->unseen = from->sent;
        return;
    }
    if (from->state == PAIR_NONE || !qname_equal(&old_list->zone_name, &c->lists[list].list->zone_name))
        return;
    uint32_t index = target_index(c->registry->lists[list].set, &probe->ip);
    if (from->is_target && from->why == WHY_NONE && index == UINT32_MAX)
        return; /* the registry knew it, and has forgotten it */
    *to = *from;
    to->index = index;
    to->in_flight = false;
    to->track = CHECKER_NOBODY; /* nameservers may be others now */
    to->codes = registry_translate_codes(old_list, c->lists[list].list, from->codes);
    to->txt = from->txt != NULL ? strdup(from->txt) : NULL;
    to->seen = NULL;
    to->n_seen = to->seen_size = 0;
    to->unseen = from->sent;
    if (from->txt_wanted)
        checker_pair_want_txt(c, list, probe, to, now_ns);
}

enum status checker_probe_carry(struct checker *c, const struct checker *old, int64_t now_ns) {
    for (uint32_t i = 0; i < PROBES; i++) {
        const struct checker_probe *from = checker_probe_at(old, i);
        struct checker_probe *to = NULL;
        bool carries = from != NULL && is_kept(old, from, now_ns);
        enum status status = carries ? make_probe(c, &from->ip, now_ns, &to) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        for (uint32_t list = 0; to != NULL && list < c->settings->n_lists; list++) {
            uint32_t was = settings_list_before(c->settings, list, old->settings);
            if (c->lists[list].list != NULL && was != UINT32_MAX && old->lists[was].list != NULL)
                carry_pair(c, list, to, &from->pairs[was], old->lists[was].list, now_ns);
        }
    }
    return STATUS_OK;
}
