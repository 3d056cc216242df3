/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_fixture: a plan of one list and one group, and time that passes for it.
 */
#ifndef RBL_TESTS_PLAN_FIXTURE_H
#define RBL_TESTS_PLAN_FIXTURE_H

#include "fixture.h"

#include "core/plan.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static const struct plan_gate open_gate = {.checks = true, .sweep = true};
static const struct plan_gate tests_only = {.checks = false, .sweep = false};

struct world {
    struct fixture f;
    struct quota quota;
    struct plan plan;
    struct list *list;
    struct group *group;
};

static inline void world_init(struct world *w) {
    fixture_init(&w->f);
    w->list = fixture_list(&w->f, "bl", "bl.test");
    w->group = fixture_group(&w->f, "g");
}

static inline void world_start(struct world *w) {
    const struct list_budget *b = &w->list->budget;
    if (b->queries > 0)
        quota_init(&w->quota, b->queries, b->per_ns, 0);
    else
        quota_init_rate(&w->quota, b->rate, b->burst, 0);
    assert_int_equal(plan_init(&w->plan, fixture_targets(&w->f), 0, &w->quota, 42, 0), STATUS_OK);
}

/* Hands over from one plan to the next of the same world. */
static inline void fixture_carry(struct plan *next, const struct plan *old, const struct list *list,
                                 int64_t now_ns) {
    struct target_map map = {.n = 0};
    assert_int_equal(target_map_make(&map, next->set, old->set), STATUS_OK);
    assert_int_equal(plan_carry(next, old, list, &map, now_ns), STATUS_OK);
    target_map_release(&map);
}

static inline void world_release(struct world *w) {
    plan_release(&w->plan);
    fixture_release(&w->f);
}

/* Takes all that may be asked until `end`; calls `see` for each; returns how many. */
typedef void see_item(void *context, const struct plan_item *item, int64_t now);

static inline uint64_t play(struct world *w, const struct plan_gate *gate, int64_t from, int64_t end,
                            see_item *see, void *context) {
    uint64_t n = 0;
    int64_t now = from;
    while (now < end) {
        struct plan_item item;
        int64_t wake = 0;
        if (!plan_next(&w->plan, gate, now, &item, &wake)) {
            assert_true(wake > now);
            now = wake;
            continue;
        }
        plan_take(&w->plan, &item, now);
        if (see != NULL)
            see(context, &item, now);
        if (item.purpose == PLAN_SWEEP)
            plan_sweep_answered(&w->plan, now);
        n++;
    }
    return n;
}

struct seen {
    uint8_t *times;
    uint64_t sweeps, watched, rechecks;
};

static inline void see_address(void *context, const struct plan_item *item, int64_t now) {
    struct seen *s = context;
    (void)now;
    s->sweeps += item->purpose == PLAN_SWEEP;
    s->watched += item->purpose == PLAN_WATCHED;
    s->rechecks += item->purpose == PLAN_RECHECK;
    if (item->purpose == PLAN_SWEEP && s->times != NULL)
        s->times[item->index]++;
}

#endif
