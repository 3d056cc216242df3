/* SPDX-License-Identifier: Apache-2.0 */
#include "core/forecast.h"
#include "core/forecast_internal.h"

#include "core/budget.h"
#include "core/plan.h"

#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)
#define SAMPLE_NS (30 * DAY_NS)
/* Of core/checker: a standby nameserver is tested that many times as rarely; without a quota a sweep is
 * tested every minute, and where queries are slow, when twenty times as long as a test takes have passed. */
enum { STANDBY = 8, SWEEP_TEST_S = 60, SWEEP_TEST_TIMES = 20 };

static double a_day(uint64_t n, int64_t interval_ns) {
    return interval_ns > 0 ? (double)n * ((double)DAY_NS / (double)interval_ns) : 0;
}

static int64_t whole_ns(double ns) {
    return ns < (double)FORECAST_NEVER_NS ? (int64_t)ns : FORECAST_NEVER_NS;
}

struct forecast_quota forecast_quota_of(const struct settings *s, const struct list *list) {
    if (list->budget.share >= 0) {
        const struct budget_settings *b = &s->budgets[list->budget.share];
        return (struct forecast_quota){b->queries, b->per_ns, b->name};
    }
    return (struct forecast_quota){list->budget.queries, list->budget.per_ns, NULL};
}

/* ---- what is wanted ---- */

/* Queries of one self-test of all families. */
static unsigned test_queries(const struct list *list) {
    unsigned n = 0;
    for (int family = 0; family < IP_FAMILIES; family++)
        n += list->families[family] ? 1u + list->self_test.positive[family] : 0;
    return n;
}

/* Nameservers of the system count as one. */
static double tracks_of(const struct settings *s, const struct list *list) {
    size_t n = list->n_nameservers > 0 ? list->n_nameservers : s->resolver.n_nameservers;
    return n > 1 ? 1 + (double)(n - 1) / STANDBY : 1;
}

/* The self-tests that a sweep wants which runs without a quota, in place of scheduled ones. */
static double tests_of_sweep(const struct settings *s, const struct list *list, double sweep) {
    double rate = list->budget.rate;
    if (forecast_quota_of(s, list).queries > 0 || rate <= 0)
        return 0;
    double busy = sweep < rate * 86400 ? sweep / (rate * 86400) : 1;
    double took_s = (test_queries(list) - 1) / rate;
    double pause_s = SWEEP_TEST_TIMES * took_s > SWEEP_TEST_S ? SWEEP_TEST_TIMES * took_s : SWEEP_TEST_S;
    return test_queries(list) * busy * 86400 / pause_s;
}

static int compare_rings(const void *a, const void *b) {
    const struct forecast_ring *x = a;
    const struct forecast_ring *y = b;
    return (x->wanted_ns > y->wanted_ns) - (x->wanted_ns < y->wanted_ns);
}

/* Takes the rings and the sweep from a plan like the one that will run. */
static enum status read_plan(const struct targets *targets, struct forecast_list *l) {
    struct plan plan;
    struct quota unused = {.limit = 0};
    enum status status = plan_init(&plan, targets, l->list, &unused, 1, 0);
    if (status != STATUS_OK)
        return status;
    l->rings = calloc(plan.n_rings + 1, sizeof *l->rings);
    if (l->rings == NULL) {
        plan_release(&plan);
        return STATUS_NO_MEMORY;
    }
    l->n_rings = plan.n_rings;
    for (uint32_t i = 0; i < plan.n_rings; i++) {
        l->rings[i] = (struct forecast_ring){.n = plan.rings[i].n, .wanted_ns = plan.rings[i].interval_ns};
        l->n_watched += plan.rings[i].n;
        l->wanted.watched += a_day(plan.rings[i].n, plan.rings[i].interval_ns);
    }
    qsort(l->rings, l->n_rings, sizeof *l->rings, compare_rings);
    l->n_swept = plan.sweep.n;
    l->sweep_wanted_ns = plan.sweep.n > 0 ? plan.sweep.interval_ns : 0;
    l->wanted.sweep = a_day(l->n_swept, l->sweep_wanted_ns);
    plan_release(&plan);
    return STATUS_OK;
}

static enum status read_list(const struct targets *targets, uint32_t index, struct forecast_list *l) {
    const struct settings *s = targets->settings;
    const struct list *list = &s->lists[index];
    l->list = index;
    l->sharers = 1;
    enum status status = read_plan(targets, l);
    if (status != STATUS_OK)
        return status;
    l->test_wanted_ns = list->self_test.interval_ns;
    l->wanted.tests = a_day(test_queries(list), l->test_wanted_ns) * tracks_of(s, list);
    double of_sweep = tests_of_sweep(s, list, l->wanted.sweep);
    if (of_sweep > l->wanted.tests)
        l->wanted.tests = of_sweep;
    return STATUS_OK;
}

/* ---- what is given ---- */

size_t forecast_members(const struct forecast *f, const struct forecast_list *l, struct forecast_member *out,
                        size_t *self) {
    const struct settings *s = f->settings;
    int share = s->lists[l->list].budget.share;
    size_t n = 0;
    for (uint32_t i = 0; i < f->n_lists; i++) {
        const struct list *list = &s->lists[f->lists[i].list];
        if (&f->lists[i] != l && (share < 0 || list->budget.share != share))
            continue;
        if (&f->lists[i] == l)
            *self = n;
        out[n++] = (struct forecast_member){.wanted = f->lists[i].wanted, .rate = list->budget.rate * 86400};
    }
    return n;
}

static void find_sweep_time(const struct forecast *f, struct forecast_list *l,
                            const struct forecast_quota *quota) {
    const struct list *list = &f->settings->lists[l->list];
    l->sweep_ns = l->sweep_wanted_ns;
    bool behind = l->given.sweep < l->wanted.sweep * (1 - 1e-9);
    if (behind)
        l->sweep_ns = whole_ns(l->n_swept / l->given.sweep * (double)DAY_NS);
    l->sweep_took_ns = l->sweep_ns;
    if (behind)
        return;
    /* It runs on what was saved up while it rested, and then on what the others leave. */
    double saved = (double)quota->queries / QUOTA_BUCKET;
    double pace = l->allowed - l->given.tests - l->given.watched;
    double slow =
        quota->queries > 0 && l->by_quota && l->n_swept > saved && pace > 0 ? (l->n_swept - saved) / pace : 0;
    double fast = budget_seconds(l->n_swept, list->budget.rate, 0, 0) / 86400;
    if (quota->queries == 0 && pace > 0)
        fast = l->n_swept / pace;
    l->sweep_took_ns = whole_ns((slow > fast ? slow : fast) * (double)DAY_NS);
}

static void find_sample(struct forecast_list *l) {
    bool behind = l->sweep_ns > l->sweep_wanted_ns;
    double looks = 0;
    if (behind)
        looks = l->given.sweep * ((double)SAMPLE_NS / (double)DAY_NS) / 2;
    else if (l->sweep_ns > 0)
        looks = (double)l->n_swept * ((double)SAMPLE_NS / (double)l->sweep_ns);
    l->sample = looks < l->n_swept ? looks : l->n_swept;
    forecast_bound(l);
}

static enum status give(struct forecast *f, struct forecast_list *l) {
    const struct list *list = &f->settings->lists[l->list];
    struct forecast_quota quota = forecast_quota_of(f->settings, list);
    struct forecast_member *members = calloc(f->n_lists, sizeof *members);
    if (members == NULL)
        return STATUS_NO_MEMORY;
    size_t self = 0;
    size_t n = forecast_members(f, l, members, &self);
    double quota_a_day = a_day(quota.queries, quota.per_ns);
    double rate_a_day = list->budget.rate * 86400;
    l->sharers = (uint32_t)n;
    /* Of a shared quota the other lists want their part. */
    l->by_quota = quota.queries > 0 && (rate_a_day <= 0 || quota_a_day / (double)n < rate_a_day);
    l->allowed =
        quota.queries > 0 && (rate_a_day <= 0 || quota_a_day < rate_a_day) ? quota_a_day : rate_a_day;
    forecast_divide(members, n, quota_a_day, quota.queries >= QUOTA_SMALLEST_SMOOTH);
    l->given = members[self].given;
    free(members);
    double part = l->given.tests > 0 ? l->wanted.tests / l->given.tests : 1;
    l->test_ns = whole_ns((double)l->test_wanted_ns * part);
    forecast_rings(l->rings, l->n_rings, l->given.watched);
    find_sweep_time(f, l, &quota);
    find_sample(l);
    return STATUS_OK;
}

/* ---- birth and questions ---- */

enum status forecast_new(const struct targets *targets, struct forecast **out) {
    const struct settings *s = targets->settings;
    struct forecast *f = calloc(1, sizeof *f);
    enum status status = f != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        f->settings = s;
        f->lists = calloc(s->n_lists + 1, sizeof *f->lists);
        status = f->lists != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; status == STATUS_OK && i < s->n_lists; i++)
        if (s->lists[i].enabled)
            status = read_list(targets, i, &f->lists[f->n_lists++]);
    for (uint32_t i = 0; status == STATUS_OK && i < f->n_lists; i++)
        status = give(f, &f->lists[i]);
    if (status == STATUS_OK)
        *out = f;
    else
        forecast_free(f);
    return status;
}

void forecast_free(struct forecast *f) {
    if (f == NULL)
        return;
    for (uint32_t i = 0; i < f->n_lists; i++)
        free(f->lists[i].rings);
    free(f->lists);
    free(f);
}

const struct forecast_list *forecast_find(const struct forecast *f, uint32_t list) {
    for (uint32_t i = 0; i < f->n_lists; i++)
        if (f->lists[i].list == list)
            return &f->lists[i];
    return NULL;
}

int64_t forecast_interval(const struct forecast *f, uint32_t list, uint32_t group) {
    const struct forecast_list *l = forecast_find(f, list);
    const struct group *g = &f->settings->groups[group];
    if (l == NULL || !g->lists[list])
        return 0;
    int64_t wanted_ns = f->settings->lists[list].interval_ns;
    if (wanted_ns == 0)
        wanted_ns = g->interval_ns;
    int64_t interval_ns = 0;
    for (uint32_t i = 0; g->n_addresses > 0 && i < l->n_rings; i++)
        if (l->rings[i].wanted_ns <= wanted_ns && l->rings[i].achieved_ns > interval_ns)
            interval_ns = l->rings[i].achieved_ns;
    if (g->n_ranges > 0 && l->sweep_ns > interval_ns)
        interval_ns = l->sweep_ns;
    return interval_ns;
}
