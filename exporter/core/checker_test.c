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
#include "core/checker_probe_internal.h"

#define SECOND_NS INT64_C(1000000000)
#define SWEEP_TEST_NS (60 * SECOND_NS)
#define TEST_MOST_NS (86400 * SECOND_NS)
#define STANDBY_PAUSE_NS (60 * SECOND_NS)
#define ON_DEMAND_PAUSE_NS (1 * SECOND_NS)

static bool has_quota(const struct checker *c, uint32_t list) {
    return checker_quota(c, list)->limit > 0;
}

static bool sweep_is_due(const struct plan_sweep *s, int64_t now_ns) {
    return s->n > 0 && !s->running && s->next_ns <= now_ns;
}

uint32_t checker_active_track(const struct checker_list *l, enum ip_family family) {
    for (uint32_t t = 0; t < l->n_servers; t++)
        if (l->tracks[t].health[family].state == HEALTH_OK)
            return t;
    return 0;
}

/* How long a right self-test is good for a sweep without a quota: a minute, and where queries are slow, long
 * enough that not all of them are self-tests. None takes a day, but a store may say that it began in 1970. */
static int64_t good_for_ns(const struct health *h) {
    int64_t took_ns = h->ended_ns - h->started_ns;
    if (took_ns < 0 || took_ns > TEST_MOST_NS)
        return SWEEP_TEST_NS;
    return 20 * took_ns > SWEEP_TEST_NS ? 20 * took_ns : SWEEP_TEST_NS;
}

/* The right self-test that a sweep needs at its start: a recent one, or with a quota, whichever made the list
 * ok. */
bool checker_sweep_proven(const struct checker *c, uint32_t list, int64_t now_ns) {
    const struct checker_list *l = &c->lists[list];
    if (l->plan.sweep.running || has_quota(c, list))
        return true;
    for (int family = 0; family < IP_FAMILIES; family++) {
        const struct health *h = &l->tracks[checker_active_track(l, (enum ip_family)family)].health[family];
        if (l->list->families[family] && h->state == HEALTH_OK && now_ns - h->ended_ns <= good_for_ns(h))
            return true;
    }
    return false;
}

/* So many results wait for their proof that the next test cannot wait: at its full journal a sweep stands
 * still. */
static bool has_much_to_prove(const struct checker *c, uint32_t list, uint32_t track, enum ip_family family) {
    const struct registry_list *r = &c->registry->lists[list];
    return checker_is_believed(&c->lists[list]) &&
           c->lists[list].tracks[track].health[family].state == HEALTH_OK &&
           r->unproven[checker_registry_server(track, family)] >= REGISTRY_JOURNAL_WANT_TEST;
}

enum want { WANT_NOTHING, WANT_TEST, WANT_PROBE_TEST, WANT_URGENT_TEST };

static enum budget_class payer_of(enum want want) {
    if (want == WANT_PROBE_TEST)
        return BUDGET_PROBE;
    return want == WANT_URGENT_TEST ? BUDGET_URGENT : BUDGET_SELF_TEST;
}

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
    if (checker_probe_awaits(c, list, track, family, &latest_ns) && h->started_ns < latest_ns)
        return WANT_PROBE_TEST;
    if (track != checker_active_track(l, family))
        return WANT_NOTHING;
    /* It may have been tested as one that stands by, which is rarer. */
    if (now_ns - h->ended_ns >= l->list->self_test.interval_ns)
        return WANT_TEST;
    bool sweeps = l->plan.sweep.running || sweep_is_due(&l->plan.sweep, now_ns);
    bool wanted = l->sweep_ended || (sweeps && now_ns - h->ended_ns >= good_for_ns(h));
    return wanted && !has_quota(c, list) ? WANT_TEST : WANT_NOTHING;
}

static void mark_begin(struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                       int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    health_begin(&l->tracks[track].health[family], now_ns);
    l->tracks[track].mark[family] = registry_mark(c->registry, list);
    l->tracks[track].case_lost[family] = false;
    l->tracks[track].right[family] = false;
    if (track == checker_active_track(l, family))
        l->sweep_ended = false;
    l->wake_ns = now_ns;
}

static void begin(struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                  enum budget_class class, int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    struct health *h = &l->tracks[track].health[family];
    enum status status = STATUS_OK;
    if (h->positive)
        status = plan_add_test(&l->plan, (uint8_t)family, (uint8_t)track, HEALTH_LISTED_ENTRY, class, now_ns);
    if (status == STATUS_OK)
        status =
            plan_add_test(&l->plan, (uint8_t)family, (uint8_t)track, HEALTH_NOT_LISTED_ENTRY, class, now_ns);
    if (status != STATUS_OK) { /* a question without a test running is ignored */
        h->due_ns = now_ns + ON_DEMAND_PAUSE_NS;
        return;
    }
    mark_begin(c, list, track, family, now_ns);
}

/* When the next scheduled test of one may begin. One that failed while another can be believed is in no
 * hurry. */
static int64_t due_of(const struct checker_list *l, uint32_t track, enum ip_family family) {
    const struct health *h = &l->tracks[track].health[family];
    int64_t later_ns = h->ended_ns + STANDBY_PAUSE_NS;
    bool needed = l->tracks[checker_active_track(l, family)].health[family].state != HEALTH_OK;
    return h->tested && h->state != HEALTH_OK && !needed && h->due_ns < later_ns ? later_ns : h->due_ns;
}

static bool probes_can_pay(const struct checker *c, uint32_t list, int64_t now_ns) {
    return quota_ready_ns(checker_quota(c, list), BUDGET_PROBE, now_ns) <= now_ns;
}

/* What flips wait for comes first: it is paid by another class than the scheduled test that may be due too.
 */
static enum want wanted(const struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                        int64_t pause_ns, int64_t now_ns) {
    enum want want = WANT_NOTHING;
    if (c->lists[list].tracks[track].health[family].state == HEALTH_OK && now_ns >= pause_ns)
        want = wanted_early(c, list, track, family, now_ns);
    bool is_due =
        now_ns >= due_of(&c->lists[list], track, family) || has_much_to_prove(c, list, track, family);
    if (is_due && (want == WANT_NOTHING || (want == WANT_PROBE_TEST && !probes_can_pay(c, list, now_ns))))
        want = WANT_TEST;
    return want;
}

/* Who wants the running test now, besides those for whom it was begun. The list must not stay untested
 * because a probe that wanted to know cannot pay. */
static enum want wanted_too(const struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                            int64_t now_ns) {
    enum want want = wanted_early(c, list, track, family, now_ns);
    if (want == WANT_URGENT_TEST)
        return want;
    if (probes_can_pay(c, list, now_ns))
        return want == WANT_PROBE_TEST ? want : WANT_NOTHING;
    return now_ns >= due_of(&c->lists[list], track, family) ? WANT_TEST : WANT_NOTHING;
}

/* A scheduled test that was begun before a flip was seen may wait for hours for its next question where the
 * budget is small, and proves nothing about the flip. If none of its questions has been answered, it may as
 * well begin now; else it has to end before another can begin. */
static void hurry(struct checker *c, uint32_t list, uint32_t track, enum ip_family family, int64_t now_ns) {
    struct health *h = &c->lists[list].tracks[track].health[family];
    enum want want = wanted_too(c, list, track, family, now_ns);
    if (want == WANT_NOTHING)
        return;
    unsigned n = plan_move_tests(&c->lists[list].plan, (uint8_t)family, (uint8_t)track, payer_of(want));
    if (n == 0)
        return;
    if (n == (h->positive ? 2 : 1) && want != WANT_TEST) {
        h->running = false;
        mark_begin(c, list, track, family, now_ns);
    }
    c->lists[list].wake_ns = now_ns;
}

int64_t checker_begin_tests(struct checker *c, uint32_t list, int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    int64_t wake_ns = INT64_MAX;
    l->sweep_ended = (l->sweep_ended || l->sweep_was_running) && !l->plan.sweep.running;
    l->sweep_was_running = l->plan.sweep.running;
    for (uint32_t t = 0; t < l->n_servers; t++) {
        for (int family = 0; family < IP_FAMILIES; family++) {
            const struct health *h = &l->tracks[t].health[family];
            if (!l->list->families[family])
                continue;
            if (h->running) {
                hurry(c, list, t, (enum ip_family)family, now_ns);
                int64_t due_ns = due_of(l, t, (enum ip_family)family);
                if (l->plan.lanes[LANE_PROBE_TEST].n > 0 && due_ns > now_ns && due_ns < wake_ns)
                    wake_ns = due_ns;
                continue;
            }
            int64_t pause_ns = h->tested ? h->started_ns + ON_DEMAND_PAUSE_NS : now_ns;
            enum want want = wanted(c, list, t, (enum ip_family)family, pause_ns, now_ns);
            if (want != WANT_NOTHING)
                begin(c, list, t, (enum ip_family)family, payer_of(want), now_ns);
            int64_t due_ns = due_of(l, t, (enum ip_family)family);
            int64_t next_ns = pause_ns > now_ns && pause_ns < due_ns ? pause_ns : due_ns;
            if (!h->running && next_ns < wake_ns)
                wake_ns = next_ns;
        }
    }
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

enum health_state checker_state_of(const struct checker *c, uint32_t list, int64_t now_ns) {
    const struct checker_list *l = &c->lists[list];
    enum health_state state = HEALTH_OK;
    for (int family = 0; family < IP_FAMILIES; family++)
        if (l->list->families[family])
            state = health_worst(state, family_state(l, family));
    if (state == HEALTH_OK && quota_exhausted(checker_quota(c, list), now_ns))
        state = HEALTH_QUOTA_EXHAUSTED;
    return state;
}

void checker_update_state(struct checker *c, uint32_t list, const struct verdict *because, int64_t now_ns) {
    struct checker_list *l = &c->lists[list];
    enum health_state state = checker_state_of(c, list, now_ns);
    registry_freeze(c->registry, list, state != HEALTH_OK, now_ns);
    if (state == l->state)
        return;
    enum health_state from = l->state;
    bool was_believed = checker_is_believed(l);
    l->state = state;
    /* A look from before may be of a list that was blind already. */
    if (was_believed && !checker_is_believed(l)) {
        registry_doubt_pending(c->registry, list, REGISTRY_NO_SERVER);
        checker_confirm_again(c, list, now_ns);
        checker_probe_blind(c, list, now_ns);
    }
    l->wake_ns = now_ns;
    c->watch.state(c->watch.context, list, from, state, because);
}

bool checker_is_up(const struct checker *c, uint32_t list) {
    enum health_state state = c->lists[list].state;
    return state == HEALTH_OK || state == HEALTH_QUOTA_EXHAUSTED;
}

int64_t checker_next_test_ns(const struct checker *c, uint32_t list) {
    const struct checker_list *l = &c->lists[list];
    int64_t due_ns = INT64_MAX;
    for (uint32_t server = 0; server < l->n_servers; server++)
        for (int family = 0; family < IP_FAMILIES; family++) {
            const struct health *health = &l->tracks[server].health[family];
            if (l->list->families[family] && !health->running && health->due_ns < due_ns)
                due_ns = health->due_ns;
        }
    return due_ns;
}
