/* SPDX-License-Identifier: Apache-2.0
 *
 * When a list is tested, and what its tests make of its state.
 *
 * A self-test of a (family, nameserver) begins when it is due by its own schedule; when flips wait for one;
 * when many results are unproven; and around a sweep: at its start and end, and every SWEEP_TEST_NS of it
 * where no quota is spent. Nameservers behind the first are tested at the start and then rarely: they are
 * only needed when the first fails.
 */
#include "core/checker.h"
#include "core/checker_internal.h"

#define SECOND_NS INT64_C(1000000000)
#define SWEEP_TEST_NS (60 * SECOND_NS)
#define ON_DEMAND_PAUSE_NS (1 * SECOND_NS)

static bool has_quota(const struct checker *c, uint32_t list) {
    return checker_quota(c, list)->limit > 0;
}

static bool sweep_is_due(const struct plan_sweep *s, int64_t now_ns) {
    return s->n > 0 && !s->running && s->next_ns <= now_ns;
}

/* The right self-test that a sweep needs at its start: a recent one, or with a quota, whichever made the list
 * ok. */
bool checker_sweep_proven(const struct checker *c, uint32_t list, int64_t now_ns) {
    const struct checker_list *l = &c->lists[list];
    if (l->plan.sweep.running || has_quota(c, list))
        return true;
    for (uint32_t t = 0; t < l->n_servers; t++)
        for (int family = 0; family < IP_FAMILIES; family++)
            if (l->list->families[family] && l->tracks[t].health[family].state == HEALTH_OK &&
                l->tracks[t].health[family].right_ns >= now_ns - SWEEP_TEST_NS)
                return true;
    return false;
}

enum want { WANT_NOTHING, WANT_TEST, WANT_URGENT_TEST };

/* Why a healthy nameserver should be tested before its time. */
static enum want wanted_early(const struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                              int64_t now_ns) {
    const struct checker_list *l = &c->lists[list];
    const struct health *h = &l->tracks[track].health[family];
    const struct registry_list *r = &c->registry->lists[list];
    int64_t latest_ns = 0;
    if (r->n_awaiting > 0 &&
        registry_awaits(c->registry, list, checker_registry_server(track, family), &latest_ns) &&
        h->started_ns < latest_ns)
        return WANT_URGENT_TEST;
    if (r->n_journal >= REGISTRY_JOURNAL_WANT_TEST)
        return WANT_TEST;
    if (has_quota(c, list) || track > 0)
        return WANT_NOTHING;
    bool ended = l->sweep_was_running && !l->plan.sweep.running;
    bool long_ago = now_ns - h->started_ns >= SWEEP_TEST_NS;
    return ended || ((l->plan.sweep.running || sweep_is_due(&l->plan.sweep, now_ns)) && long_ago)
               ? WANT_TEST
               : WANT_NOTHING;
}

static void begin(struct checker *c, uint32_t list, uint32_t track, enum ip_family family, bool urgent,
                  int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    struct health *h = &l->tracks[track].health[family];
    enum status status = STATUS_OK;
    if (h->positive)
        status =
            plan_add_test(&l->plan, (uint8_t)family, (uint8_t)track, HEALTH_LISTED_ENTRY, urgent, now_ns);
    if (status == STATUS_OK)
        status =
            plan_add_test(&l->plan, (uint8_t)family, (uint8_t)track, HEALTH_NOT_LISTED_ENTRY, urgent, now_ns);
    if (status != STATUS_OK)
        return; /* no memory: it stays due, and a question without a test running is ignored */
    health_begin(h, now_ns);
    l->tracks[track].mark[family] = registry_mark(c->registry, list);
    l->tracks[track].case_lost[family] = false;
    l->wake_ns = now_ns;
}

int64_t checker_begin_tests(struct checker *c, uint32_t list, int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    int64_t wake_ns = INT64_MAX;
    for (uint32_t t = 0; t < l->n_servers; t++) {
        for (int family = 0; family < IP_FAMILIES; family++) {
            struct health *h = &l->tracks[t].health[family];
            if (!l->list->families[family] || h->running)
                continue;
            enum want want = health_due(h, now_ns) ? WANT_TEST : WANT_NOTHING;
            int64_t pause_ns = h->tested ? h->started_ns + ON_DEMAND_PAUSE_NS : now_ns;
            if (want == WANT_NOTHING && h->state == HEALTH_OK && now_ns >= pause_ns)
                want = wanted_early(c, list, t, (enum ip_family)family, now_ns);
            if (want != WANT_NOTHING)
                begin(c, list, t, (enum ip_family)family, want == WANT_URGENT_TEST, now_ns);
            int64_t next_ns = pause_ns > now_ns && pause_ns < h->due_ns ? pause_ns : h->due_ns;
            if (!h->running && next_ns < wake_ns)
                wake_ns = next_ns;
        }
    }
    l->sweep_was_running = l->plan.sweep.running;
    return wake_ns;
}

/* ok if one nameserver of the family can be believed, else the worst of them. */
static enum health_state family_state(const struct checker_list *l, int family) {
    enum health_state state = HEALTH_OK;
    for (uint32_t t = 0; t < l->n_servers; t++) {
        enum health_state one = l->tracks[t].health[family].state;
        if (one == HEALTH_OK)
            return HEALTH_OK;
        state = health_worst(state, one);
    }
    return state;
}

void checker_update_state(struct checker *c, uint32_t list, const struct verdict *because, int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    enum health_state state = HEALTH_OK;
    for (int family = 0; family < IP_FAMILIES; family++)
        if (l->list->families[family])
            state = health_worst(state, family_state(l, family));
    if ((state == HEALTH_OK || state == HEALTH_UNKNOWN) && quota_exhausted(checker_quota(c, list), now_ns))
        state = HEALTH_QUOTA_EXHAUSTED;
    registry_freeze(c->registry, list, state != HEALTH_OK, now_ns);
    if (state == l->state)
        return;
    enum health_state from = l->state;
    l->state = state;
    l->wake_ns = now_ns;
    c->watch.state(c->watch.context, list, from, state, because);
}
