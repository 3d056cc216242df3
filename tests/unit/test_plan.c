/* SPDX-License-Identifier: Apache-2.0 */
#include "plan_fixture.h"

/* ---- rings ---- */

enum { MEMBERS = 10 };

struct gaps {
    int64_t last[MEMBERS];
    int64_t least, most;
    unsigned seen[MEMBERS];
};

static void see_gap(void *context, const struct plan_item *item, int64_t now) {
    struct gaps *g = context;
    assert_int_equal(item->purpose, PLAN_WATCHED);
    if (g->seen[item->index] > 0) {
        int64_t gap = now - g->last[item->index];
        if (g->seen[item->index] > 1 && gap < g->least)
            g->least = gap;
        if (gap > g->most)
            g->most = gap;
    }
    g->last[item->index] = now;
    g->seen[item->index]++;
}

static void watched_addresses_are_asked_at_once_and_then_at_their_interval_with_jitter(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    for (int i = 0; i < MEMBERS; i++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "192.0.2.%d", 10 * i);
        fixture_address(&w.f, w.group, ip);
    }
    world_start(&w);
    struct gaps g = {.least = INT64_MAX};
    assert_int_equal(play(&w, &open_gate, 0, SECOND, see_gap, &g), MEMBERS);
    uint64_t n = play(&w, &open_gate, SECOND, 100 * 15 * MINUTE, see_gap, &g);
    assert_in_range(n, 99 * MEMBERS, 101 * MEMBERS);
    assert_true(g.least >= 15 * MINUTE * 9 / 10);
    assert_true(g.most <= 15 * MINUTE * 11 / 10);
    assert_int_equal(plan_ring_interval(&w.plan, 0, 100 * 15 * MINUTE), 15 * MINUTE);
    world_release(&w);
}

static void an_interval_of_the_list_overrides_those_of_groups(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.list->interval_ns = HOUR;
    fixture_address(&w.f, w.group, "192.0.2.1");
    world_start(&w);
    assert_int_equal(w.plan.n_rings, 1);
    assert_int_equal(w.plan.rings[0].interval_ns, HOUR);
    assert_int_equal(w.plan.recheck_interval_ns, HOUR);
    world_release(&w);
}

static void a_ring_that_cannot_keep_up_says_what_it_achieves_and_never_hurries(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.group->interval_ns = 10 * SECOND;
    w.list->budget.rate = 1;
    for (int i = 0; i < 40; i++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "192.0.2.%d", i);
        fixture_address(&w.f, w.group, ip);
    }
    world_start(&w);
    uint64_t n = play(&w, &open_gate, 0, HOUR, NULL, NULL);
    assert_in_range(n, 3500, 3601);
    assert_in_range(plan_ring_interval(&w.plan, 0, HOUR) / SECOND, 38, 44);
    world_release(&w);
}

/* ---- sweeps ---- */

static void a_sweep_asks_each_address_once_per_interval(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    fixture_range(&w.f, w.group, "10.0.0.0/20");
    fixture_range(&w.f, w.group, "10.0.8.0/21");
    world_start(&w);
    uint8_t times[4096] = {0};
    struct seen s = {.times = times};
    (void)play(&w, &open_gate, 0, 1, see_address, &s); /* no rate: all at once */
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 1);
    assert_int_equal(w.plan.sweep.completed_ns, 0);
    assert_false(w.plan.sweep.running);
    (void)play(&w, &open_gate, 1, 10 * DAY - 1, see_address, &s);
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 10);
    world_release(&w);
}

static void an_unfinished_sweep_is_no_whole_one(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    fixture_range(&w.f, w.group, "10.0.0.0/30");
    world_start(&w);
    struct plan_item item;
    int64_t wake = 0;
    for (int i = 0; i < 4; i++) {
        assert_true(plan_next(&w.plan, &open_gate, 5, &item, &wake));
        plan_take(&w.plan, &item, 5);
    }
    assert_true(w.plan.sweep.running);
    assert_false(plan_next(&w.plan, &open_gate, 6, &item, &wake));
    for (int i = 0; i < 3; i++)
        plan_sweep_answered(&w.plan, 100);
    assert_true(w.plan.sweep.running); /* its last verdict is missing */
    plan_sweep_answered(&w.plan, 200);
    assert_false(w.plan.sweep.running);
    assert_int_equal(w.plan.sweep.completed_ns, 200);
    assert_int_equal(w.plan.sweep.duration_ns, 195);
    world_release(&w);
}

static void a_sweep_never_starves_and_never_is_starved(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.list->budget.rate = 5;
    w.group->interval_ns = SECOND; /* 40 addresses a second wanted, 5 to be had */
    fixture_range(&w.f, w.group, "10.0.0.0/16");
    for (int i = 0; i < 40; i++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "192.0.2.%d", i);
        fixture_address(&w.f, w.group, ip);
    }
    world_start(&w);
    struct seen s = {.times = NULL};
    uint64_t n = play(&w, &open_gate, 0, 2 * HOUR, see_address, &s);
    assert_in_range(n, 35900, 36001);
    assert_in_range(s.sweeps * 100 / n, 20, 40);
    assert_in_range(s.watched * 100 / n, 60, 80);
    world_release(&w);
}

static void rechecks_and_the_sweep_take_turns(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.list->budget.rate = 10;
    fixture_range(&w.f, w.group, "10.0.0.0/16");
    world_start(&w);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(plan_add_recheck(&w.plan, i, 0), STATUS_OK);
    struct seen s = {.times = NULL};
    (void)play(&w, &open_gate, 0, 100 * SECOND, see_address, &s);
    assert_in_range(s.rechecks, 450, 550);
    assert_in_range(s.sweeps, 450, 550);
    world_release(&w);
}

static void the_order_of_a_sweep_does_not_follow_the_addresses(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    fixture_range(&w.f, w.group, "10.0.0.0/16");
    world_start(&w);
    unsigned quarter[4] = {0};
    for (int i = 0; i < 4000; i++) {
        struct plan_item item;
        int64_t wake = 0;
        assert_true(plan_next(&w.plan, &open_gate, 0, &item, &wake));
        plan_take(&w.plan, &item, 0);
        quarter[item.index / 16384]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(quarter[i], 900, 1100);
    world_release(&w);
}

/* ---- gates, order, pay ---- */

static void a_list_that_is_not_ok_is_asked_its_test_entries_only(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    fixture_range(&w.f, w.group, "10.0.0.0/24");
    fixture_address(&w.f, w.group, "192.0.2.1");
    world_start(&w);
    assert_int_equal(plan_add_confirm(&w.plan, 3, 0, 0), STATUS_OK);
    assert_int_equal(plan_add_test(&w.plan, IP_V4, 0, 0, BUDGET_SELF_TEST, 0), STATUS_OK);
    assert_int_equal(plan_add_test(&w.plan, IP_V4, 0, 1, BUDGET_URGENT, 0), STATUS_OK);
    struct plan_item item;
    int64_t wake = 0;
    for (uint32_t entry = 2; entry > 0; entry--) { /* the urgent one first */
        assert_true(plan_next(&w.plan, &tests_only, MINUTE, &item, &wake));
        assert_int_equal(item.purpose, PLAN_SELF_TEST);
        assert_int_equal(item.index, entry - 1);
        plan_take(&w.plan, &item, MINUTE);
    }
    assert_false(plan_next(&w.plan, &tests_only, MINUTE, &item, &wake));
    assert_true(plan_next(&w.plan, &open_gate, MINUTE, &item, &wake));
    assert_int_equal(item.purpose, PLAN_CONFIRM);
    world_release(&w);
}

static void self_tests_of_a_full_nameserver_let_others_pass(void **state) {
    struct world w;
    world_init(&w);
    fixture_address(&w.f, w.group, "192.0.2.1");
    world_start(&w);
    for (uint8_t server = 0; server < 3; server++)
        assert_int_equal(plan_add_test(&w.plan, IP_V4, server, 0, BUDGET_SELF_TEST, 0), STATUS_OK);
    const struct plan_gate full = {.checks = true, .full = 1 | 4};
    struct plan_item item;
    int64_t wake = 0;
    assert_true(plan_next(&w.plan, &full, 0, &item, &wake));
    assert_int_equal(item.server, 1);
    plan_take(&w.plan, &item, 0);
    assert_true(plan_next(&w.plan, &full, 0, &item, &wake));
    assert_int_equal(item.purpose, PLAN_WATCHED);
    assert_true(plan_next(&w.plan, &open_gate, 0, &item, &wake));
    assert_int_equal(item.server, 0);
    plan_take(&w.plan, &item, 0);
    assert_true(plan_next(&w.plan, &open_gate, 0, &item, &wake));
    assert_int_equal(item.server, 2);
    world_release(&w);
}

static void what_confirms_waits_for_room_elsewhere_and_lets_others_pass(void **state) {
    struct world w;
    world_init(&w);
    fixture_address(&w.f, w.group, "192.0.2.1");
    world_start(&w);
    struct plan_item item;
    int64_t wake = 0;
    /* Of what 0 has said, first asked of 1 without an answer; and of what 1 has said. */
    assert_int_equal(plan_add_confirm(&w.plan, 0, 0, 0), STATUS_OK);
    assert_true(plan_next(&w.plan, &open_gate, MINUTE, &item, &wake));
    plan_take(&w.plan, &item, MINUTE);
    assert_true(item.confirms && item.server == 0);
    assert_int_equal(plan_add_retry(&w.plan, &item, 0), STATUS_OK);
    assert_int_equal(plan_add_probe_confirm(&w.plan, 7, 1, IP_V4, 1, 0), STATUS_OK);
    const struct plan_gate full = {.checks = true, .others_full = 1};
    assert_true(plan_next(&w.plan, &full, MINUTE, &item, &wake));
    assert_int_equal(item.purpose, PLAN_PROBE);
    const struct plan_gate all_full = {.checks = true, .others_full = 1 | 2};
    assert_true(plan_next(&w.plan, &all_full, MINUTE, &item, &wake));
    assert_int_equal(item.purpose, PLAN_WATCHED);
    assert_true(plan_next(&w.plan, &open_gate, MINUTE, &item, &wake));
    assert_true(item.purpose == PLAN_CONFIRM && item.confirms);
    /* Looking for one that may pass is no walk through thousands. */
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(plan_add_confirm(&w.plan, i, i < 100 ? 0 : 1, 0), STATUS_OK);
    assert_true(plan_next(&w.plan, &full, MINUTE, &item, &wake));
    assert_int_equal(item.purpose, PLAN_PROBE);
    world_release(&w);
    (void)state;
}

static void a_reload_lets_rings_go_on_where_they_were(void **state) {
    struct world w;
    world_init(&w);
    for (int i = 0; i < 4; i++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "192.0.2.%d", i);
        fixture_address(&w.f, w.group, ip);
    }
    world_start(&w);
    (void)play(&w, &open_gate, 0, 10 * MINUTE, NULL, NULL);
    struct plan next;
    assert_int_equal(plan_init(&next, w.f.targets, 0, &w.quota, 42, 10 * MINUTE), STATUS_OK);
    fixture_carry(&next, &w.plan, w.list, 10 * MINUTE);
    assert_int_equal(next.rings[0].round, 1);
    assert_int_equal(next.rings[0].position, w.plan.rings[0].position);
    assert_int_equal(next.rings[0].start_ns, w.plan.rings[0].start_ns);
    plan_release(&next);
    world_release(&w);
}

static void what_is_skipped_costs_nothing(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.list->budget.queries = 1000;
    w.list->budget.per_ns = DAY;
    fixture_range(&w.f, w.group, "10.0.0.0/24");
    world_start(&w);
    for (int i = 0; i < 200; i++) {
        struct plan_item item;
        int64_t wake = 0;
        assert_true(plan_next(&w.plan, &open_gate, SECOND, &item, &wake));
        plan_skip(&w.plan, &item, SECOND);
    }
    assert_int_equal(quota_used(&w.quota, SECOND), 0);
    world_release(&w);
}

static void waiting_for_the_quota_is_counted_once_per_check(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.list->budget.queries = 300;
    w.list->budget.per_ns = DAY;
    w.group->interval_ns = MINUTE;
    fixture_address(&w.f, w.group, "192.0.2.1");
    world_start(&w);
    int64_t wake = 0;
    struct plan_item item;
    uint64_t asked = play(&w, &open_gate, 0, HOUR, NULL, NULL);
    assert_true(asked < 60);
    uint64_t deferred = w.plan.deferred;
    assert_in_range(deferred, 1, 60);
    for (int i = 0; i < 100; i++)
        (void)plan_next(&w.plan, &open_gate, HOUR + i, &item, &wake);
    assert_in_range(w.plan.deferred, deferred, deferred + 1);
    uint64_t n_due = 0;
    assert_int_equal(plan_lag(&w.plan, HOUR, &n_due), 0); /* waiting as planned is not being late */
    world_release(&w);
}

static void a_retry_waits_and_pays_as_its_first_attempt_did(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    fixture_range(&w.f, w.group, "10.0.0.0/32");
    world_start(&w);
    struct plan_item item;
    int64_t wake = 0;
    assert_true(plan_next(&w.plan, &open_gate, 0, &item, &wake));
    plan_take(&w.plan, &item, 0);
    item.attempt++;
    assert_int_equal(plan_add_retry(&w.plan, &item, 0), STATUS_OK);
    assert_false(plan_next(&w.plan, &open_gate, 1, &item, &wake));
    assert_int_equal(wake, PLAN_RETRY_PAUSE_NS);
    assert_true(plan_next(&w.plan, &open_gate, wake, &item, &wake));
    assert_int_equal(item.purpose, PLAN_SWEEP);
    assert_int_equal(item.class, BUDGET_SWEEP);
    plan_take(&w.plan, &item, PLAN_RETRY_PAUSE_NS);
    plan_sweep_answered(&w.plan, PLAN_RETRY_PAUSE_NS);
    assert_false(w.plan.sweep.running);
    world_release(&w);
}

static void questions_for_reasons_are_bounded(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    fixture_address(&w.f, w.group, "192.0.2.1");
    world_start(&w);
    for (uint32_t i = 0; i < PLAN_TXT_MAX; i++)
        assert_int_equal(plan_add_txt(&w.plan, 0, 0), STATUS_OK);
    assert_int_equal(plan_add_txt(&w.plan, 0, 0), STATUS_FULL);
    world_release(&w);
}

static void a_reload_in_mid_sweep_walks_again_and_says_what_may_be_skipped(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    fixture_range(&w.f, w.group, "10.0.0.0/24");
    world_start(&w);
    for (int i = 0; i < 100; i++) {
        struct plan_item item;
        int64_t wake = 0;
        assert_true(plan_next(&w.plan, &open_gate, HOUR, &item, &wake));
        plan_take(&w.plan, &item, HOUR);
    }
    struct plan next;
    assert_int_equal(plan_init(&next, w.f.targets, 0, &w.quota, 42, 2 * HOUR), STATUS_OK);
    fixture_carry(&next, &w.plan, w.list, 2 * HOUR);
    assert_true(next.sweep.running);
    assert_int_equal(next.sweep.position, 0);
    assert_int_equal(next.sweep.started_ns, HOUR);
    assert_int_equal(next.sweep.skip_since_ns, HOUR);
    plan_release(&next);
    world_release(&w);
}

static void a_restart_asks_everything_from_the_beginning(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    fixture_range(&w.f, w.group, "10.0.0.0/28");
    fixture_address(&w.f, w.group, "192.0.2.1");
    fixture_address(&w.f, w.group, "192.0.2.2");
    world_start(&w);
    assert_int_equal(play(&w, &open_gate, 0, SECOND, NULL, NULL), 18);
    assert_int_equal(play(&w, &open_gate, SECOND, 2 * SECOND, NULL, NULL), 0);
    plan_restart(&w.plan, 2 * SECOND);
    assert_int_equal(play(&w, &open_gate, 2 * SECOND, 3 * SECOND, NULL, NULL), 18);
    for (int i = 0; i < 5; i++) { /* in the middle of a sweep, too */
        struct plan_item item;
        int64_t wake = 0;
        plan_restart(&w.plan, 3 * SECOND);
        assert_true(plan_next(&w.plan, &open_gate, 3 * SECOND, &item, &wake));
        plan_take(&w.plan, &item, 3 * SECOND);
    }
    plan_restart(&w.plan, 3 * SECOND);
    assert_int_equal(play(&w, &open_gate, 3 * SECOND, 4 * SECOND, NULL, NULL), 18);
    world_release(&w);
}

static void count_purposes(void *context, const struct plan_item *item, int64_t now) {
    unsigned *n = context;
    (void)now;
    n[item->purpose]++;
}

/* There the sweep's part of the quota is more than the rate can use, so its bucket is always full. */
static void a_sweep_leaves_four_fifths_to_watched_addresses_where_the_rate_is_what_limits(void **state) {
    (void)state;
    struct world w;
    unsigned n[PLAN_PURPOSES] = {0};
    world_init(&w);
    w.list->budget =
        (struct list_budget){.share = -1, .queries = 100000, .per_ns = DAY, .rate = 1.0 / 60, .burst = 1};
    w.group->interval_ns = MINUTE;
    for (int i = 1; i <= 20; i++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "192.0.2.%d", i);
        fixture_address(&w.f, w.group, ip);
    }
    fixture_range(&w.f, w.group, "198.18.0.0/16");
    world_start(&w);
    (void)play(&w, &open_gate, 0, 2 * DAY, count_purposes, n);
    assert_in_range(n[PLAN_WATCHED], 2250, 2350);
    assert_in_range(n[PLAN_SWEEP], 550, 620);
    world_release(&w);
}

/* A round that is a little late makes no other one hurry: the interval that is shown is the one that
 * addresses see. */
static void the_interval_achieved_is_from_end_to_end(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    w.list->budget = (struct list_budget){.share = -1, .rate = 1.0 / 66, .burst = 1};
    w.group->interval_ns = 20 * MINUTE;
    for (int i = 1; i <= 20; i++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "192.0.2.%d", i);
        fixture_address(&w.f, w.group, ip);
    }
    world_start(&w);
    for (int day = 1; day <= 20; day++) {
        (void)play(&w, &open_gate, (day - 1) * DAY, day * DAY, NULL, NULL);
        assert_in_range(plan_ring_interval(&w.plan, 0, day * DAY) / SECOND, 20 * 66 - 30, 20 * 66 + 30);
    }
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watched_addresses_are_asked_at_once_and_then_at_their_interval_with_jitter),
        cmocka_unit_test(an_interval_of_the_list_overrides_those_of_groups),
        cmocka_unit_test(a_ring_that_cannot_keep_up_says_what_it_achieves_and_never_hurries),
        cmocka_unit_test(a_sweep_asks_each_address_once_per_interval),
        cmocka_unit_test(an_unfinished_sweep_is_no_whole_one),
        cmocka_unit_test(a_sweep_never_starves_and_never_is_starved),
        cmocka_unit_test(rechecks_and_the_sweep_take_turns),
        cmocka_unit_test(the_order_of_a_sweep_does_not_follow_the_addresses),
        cmocka_unit_test(a_list_that_is_not_ok_is_asked_its_test_entries_only),
        cmocka_unit_test(self_tests_of_a_full_nameserver_let_others_pass),
        cmocka_unit_test(what_confirms_waits_for_room_elsewhere_and_lets_others_pass),
        cmocka_unit_test(a_reload_lets_rings_go_on_where_they_were),
        cmocka_unit_test(what_is_skipped_costs_nothing),
        cmocka_unit_test(waiting_for_the_quota_is_counted_once_per_check),
        cmocka_unit_test(a_retry_waits_and_pays_as_its_first_attempt_did),
        cmocka_unit_test(questions_for_reasons_are_bounded),
        cmocka_unit_test(a_reload_in_mid_sweep_walks_again_and_says_what_may_be_skipped),
        cmocka_unit_test(a_restart_asks_everything_from_the_beginning),
        cmocka_unit_test(a_sweep_leaves_four_fifths_to_watched_addresses_where_the_rate_is_what_limits),
        cmocka_unit_test(the_interval_achieved_is_from_end_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
