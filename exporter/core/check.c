/* SPDX-License-Identifier: Apache-2.0 */
#include "core/check.h"

#include "core/check_internal.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
/* Where nothing limits it: what a resolver far away can be expected to bear. */
static const double rate_of_unlimited = 1000;
/* Retries, confirmations, and lists that are slow to answer. */
static const double reserve_s = 30;
static const double reserve_share = 1.25;

/* ---- the request ---- */

struct placed {
    struct ip_range range;
    size_t place;
};

static int placed_order(const void *a, const void *b) {
    const struct placed *x = a;
    const struct placed *y = b;
    int order = ip_range_compare(&x->range, &y->range);
    return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

static bool is_same(const struct ip_range *a, const struct ip_range *b) {
    return ip_equal(&a->first, &b->first) && ip_equal(&a->last, &b->last);
}

static int place_order(const void *a, const void *b) {
    const struct placed *x = a;
    const struct placed *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

size_t check_unique(struct ip_range *ranges, size_t n) {
    struct placed *sorted = calloc(n + 1, sizeof *sorted);
    size_t kept = 0;
    if (sorted == NULL)
        return SIZE_MAX;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct placed){ranges[i], i};
    qsort(sorted, n, sizeof *sorted, placed_order);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !is_same(&sorted[kept - 1].range, &sorted[i].range))
            sorted[kept++] = sorted[i];
    qsort(sorted, kept, sizeof *sorted, place_order);
    for (size_t i = 0; i < kept; i++)
        ranges[i] = sorted[i].range;
    free(sorted);
    return kept;
}

static const struct target_set *set_of(const struct check *check, uint32_t list) {
    return check->checker->targets->sets[list];
}

enum status check_init(struct check *check, const struct check_request *request, struct checker *checker,
                       int64_t now_ns) {
    size_t n_lists = checker->settings->n_lists;
    *check = (struct check){.request = *request, .checker = checker};
    check->lists = calloc(n_lists + 1, sizeof *check->lists);
    for (uint32_t i = 0; check->lists != NULL && i < n_lists; i++) {
        struct check_list *l = &check->lists[i];
        if (checker->lists[i].list == NULL)
            continue;
        l->n_open = set_of(check, i)->n;
        l->blind_ns = now_ns;
        check->n_pairs += l->n_open;
        l->pairs = malloc((l->n_open + 1) * sizeof *l->pairs);
        if (l->pairs == NULL) {
            check_release(check);
            return STATUS_NO_MEMORY;
        }
        for (uint32_t k = 0; k < l->n_open; k++)
            l->pairs[k] = (struct check_pair){.took_us = UINT32_MAX};
    }
    return check->lists != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void check_release(struct check *check) {
    for (size_t i = 0; check->lists != NULL && i < check->checker->settings->n_lists; i++)
        free(check->lists[i].pairs);
    free(check->lists);
    check->lists = NULL;
}

/* ---- what it costs ---- */

static enum budget_class class_of(const struct target_set *set) {
    return set->n_swept > 0 ? BUDGET_SWEEP : BUDGET_WATCHED;
}

/* What all lists want of the allowance that pays for `list`. */
static uint64_t wanted_of_quota(const struct check *check, uint32_t list) {
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < check->checker->settings->n_lists; i++)
        if (check->lists[i].pairs != NULL &&
            checker_quota(check->checker, i) == checker_quota(check->checker, list))
            wanted += set_of(check, i)->n;
    return wanted;
}

static void weigh(const struct check *check, uint32_t list, struct check_cost *cost, double *queries,
                  int64_t now_ns) {
    const struct target_set *set = set_of(check, list);
    uint64_t room = quota_room(checker_quota(check->checker, list), class_of(set), now_ns);
    uint64_t wanted = wanted_of_quota(check, list);
    double rate = check->checker->settings->lists[list].budget.rate;
    double passes = (double)(set->n < room ? set->n : room);
    if (set->n > cost->addresses)
        cost->addresses = set->n;
    if (set->n_swept > 0 && wanted > room && !cost->over_budget) {
        cost->over_budget = true;
        cost->dearest = list;
        cost->wanted = wanted;
        cost->room = room;
    }
    *queries += passes;
    if (rate > 0 && passes / rate > cost->seconds) {
        cost->seconds = passes / rate;
        cost->slowest = list;
    }
}

struct check_cost check_estimate(struct check *check, int64_t now_ns) {
    struct check_cost cost = {.slowest = UINT32_MAX};
    double queries = 0;
    for (uint32_t i = 0; i < check->checker->settings->n_lists; i++)
        if (check->lists[i].pairs != NULL)
            weigh(check, i, &cost, &queries, now_ns);
    double seconds = queries / rate_of_unlimited;
    if (seconds < cost.seconds)
        seconds = cost.seconds;
    double limit_s = reserve_s + reserve_share * seconds;
    if (limit_s < CHECK_LEAST_S)
        limit_s = CHECK_LEAST_S;
    check->deadline_ns = now_ns + (int64_t)(limit_s * (double)SECOND_NS);
    return cost;
}

/* ---- closing ---- */

static void close_pair(struct check *check, uint32_t list, uint32_t index, unsigned why) {
    struct check_pair *pair = &check->lists[list].pairs[index];
    if (pair->closed)
        return;
    pair->closed = true;
    pair->why = (uint8_t)why;
    check->lists[list].n_open--;
    check->n_closed++;
}

static void close_list(struct check *check, uint32_t list, unsigned why) {
    uint32_t n = set_of(check, list)->n;
    for (uint32_t i = 0; i < n && check->lists[list].n_open > 0; i++)
        close_pair(check, list, i, why);
}

static bool is_pending(const struct check *check, uint32_t list, uint32_t index) {
    const struct registry_entry *entry = registry_entry_find(check->checker->registry, list, index);
    return entry != NULL && entry->pending != REGISTRY_UNKNOWN;
}

void check_looked(struct check *check, uint32_t list, uint32_t index, const struct verdict *verdict,
                  int64_t took_ns) {
    struct check_pair *pair = &check->lists[list].pairs[index];
    if (pair->closed)
        return;
    if (took_ns >= 0)
        pair->took_us = took_ns / 1000 < UINT32_MAX ? (uint32_t)(took_ns / 1000) : UINT32_MAX - 1;
    if (verdict->kind == VERDICT_UNKNOWN)
        close_pair(check, list, index,
                   verdict->reason < REASON_LABELS ? WHY_VERDICT + verdict->reason : WHY_NO_MEMORY);
    else if (!is_pending(check, list, index))
        close_pair(check, list, index, WHY_NONE);
}

void check_changed(struct check *check, const struct registry_event *event) {
    if (!is_pending(check, event->list, event->index))
        close_pair(check, event->list, event->index, WHY_NONE);
}

void check_interrupt(struct check *check) {
    for (uint32_t i = 0; i < check->checker->settings->n_lists; i++)
        if (check->lists[i].pairs != NULL)
            close_list(check, i, WHY_INTERRUPTED);
}

/* ---- when it is over ---- */

static bool is_believed(const struct checker_list *l) {
    return l->state == HEALTH_OK || l->state == HEALTH_QUOTA_EXHAUSTED;
}

static bool is_being_tested(const struct checker_list *l) {
    for (uint32_t t = 0; t < l->n_servers; t++)
        for (int family = 0; family < IP_FAMILIES; family++)
            if (l->tracks[t].health[family].running)
                return true;
    return false;
}

/* No good of it can be expected: it answered and refuses or lies, or a self-test since `blind_ns` went
 * unanswered. */
static bool has_failed(const struct health *h, int64_t blind_ns) {
    switch (h->state) {
    case HEALTH_OK:
    case HEALTH_QUOTA_EXHAUSTED: return false;
    case HEALTH_REFUSED:
    case HEALTH_WILDCARD:
    case HEALTH_SILENT: return !h->running;
    case HEALTH_TIMEOUT:
    case HEALTH_SERVFAIL:
    case HEALTH_UNKNOWN:
    case HEALTH_STATES: break;
    }
    return !h->running && h->tested && h->ended_ns >= blind_ns;
}

/* A family of the list that no nameserver answers well for, and will not soon. */
static bool is_hopeless(const struct checker_list *l, int64_t blind_ns) {
    for (int family = 0; family < IP_FAMILIES; family++) {
        bool hope = !l->list->families[family];
        for (uint32_t t = 0; t < l->n_servers; t++)
            hope = hope || !has_failed(&l->tracks[t].health[family], blind_ns);
        if (!hope)
            return true;
    }
    return false;
}

static uint32_t in_flight(const struct checker *c, uint32_t list) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_slots; i++)
        n += c->slots[i].list == list && !c->slots[i].moot ? 1 : 0;
    return n;
}

static bool lane_has_room(const struct plan *p, enum plan_lane lane, int64_t now_ns) {
    const struct plan_queue *q = &p->lanes[lane];
    return q->n > 0 && quota_room(p->quota, (enum budget_class)q->items[q->head].class, now_ns) > 0;
}

/* What waits although its allowance has room for it, is waiting for the room to be written down. */
static bool waits_for_disk(const struct check *check, uint32_t list, int64_t now_ns) {
    const struct checker_list *l = &check->checker->lists[list];
    const struct plan *p = &l->plan;
    if (p->quota->limit == 0 || check->unpaid_now)
        return false;
    if (!is_believed(l)) /* nothing but self-tests may be asked */
        return lane_has_room(p, LANE_TEST_URGENT, now_ns) || lane_has_room(p, LANE_TEST, now_ns) ||
               lane_has_room(p, LANE_RETRY_TEST, now_ns);
    for (int lane = 0; lane < LANES; lane++)
        if (lane_has_room(p, (enum plan_lane)lane, now_ns))
            return true;
    for (uint32_t i = 0; i < p->n_rings; i++)
        if (p->rings[i].round == 0 && quota_room(p->quota, BUDGET_WATCHED, now_ns) > 0)
            return true;
    bool sweeps = p->sweep.n > 0 && (p->sweep.running ? p->sweep.position < p->sweep.n : !p->sweep.asked);
    return sweeps && quota_room(p->quota, BUDGET_SWEEP, now_ns) > 0;
}

/* Nothing more will happen before the deadline: no answer is awaited, and what waits cannot be paid. */
static bool is_stuck(const struct check *check, uint32_t list, int64_t now_ns) {
    const struct checker_list *l = &check->checker->lists[list];
    bool test_comes = check->checker->registry->lists[list].n_awaiting > 0 || !is_believed(l);
    return l->wake_ns > check->deadline_ns && (!test_comes || is_being_tested(l)) &&
           in_flight(check->checker, list) == 0 && !waits_for_disk(check, list, now_ns);
}

static bool lacks_budget(const struct check *check, uint32_t list, int64_t now_ns) {
    struct quota *quota = checker_quota(check->checker, list);
    if (quota->limit == 0)
        return false;
    for (int class = 0; class < BUDGET_CLASSES; class ++)
        if (quota_ready_ns(quota, (enum budget_class) class, now_ns) > now_ns)
            return true;
    return check->unpaid_now;
}

/* Why the rest of a list stays open for ever. */
static unsigned why_not(const struct check *check, uint32_t list, int64_t now_ns) {
    const struct checker_list *l = &check->checker->lists[list];
    if (!is_believed(l) && l->state != HEALTH_UNKNOWN)
        return WHY_STATE + l->state;
    return lacks_budget(check, list, now_ns) ? WHY_BUDGET : WHY_TIMEOUT;
}

static void watch_state(struct check_list *of, const struct checker_list *l, int64_t now_ns) {
    bool believed = is_believed(l);
    if (of->was_believed && !believed)
        of->blind_ns = now_ns;
    of->was_believed = believed;
}

/* Reasons of listings, and the self-test after a sweep. */
static bool is_busy(const struct check *check, uint32_t list, int64_t now_ns) {
    const struct checker *c = check->checker;
    const struct checker_list *l = &c->lists[list];
    if (!is_believed(l) || is_stuck(check, list, now_ns))
        return false;
    bool is_swept = set_of(check, list)->n_swept > 0 && checker_quota(c, list)->limit == 0;
    if (is_swept && (l->sweep_was_running || l->sweep_ended || is_being_tested(l)))
        return true;
    return l->plan.lanes[LANE_TXT].n > 0 || in_flight(c, list) > 0;
}

bool check_turn(struct check *check, int64_t now_ns) {
    bool over = true;
    for (uint32_t i = 0; i < check->checker->settings->n_lists; i++) {
        struct check_list *of = &check->lists[i];
        const struct checker_list *l = &check->checker->lists[i];
        if (of->pairs == NULL)
            continue;
        watch_state(of, l, now_ns);
        if (of->n_open > 0 && !is_believed(l) && is_hopeless(l, of->blind_ns))
            close_list(check, i, WHY_STATE + l->state);
        else if (of->n_open > 0 && (now_ns >= check->deadline_ns || is_stuck(check, i, now_ns)))
            close_list(check, i, why_not(check, i, now_ns));
        over = over && of->n_open == 0 && !is_busy(check, i, now_ns);
    }
    return over || now_ns >= check->deadline_ns;
}
