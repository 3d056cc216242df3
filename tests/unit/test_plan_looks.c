/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes before scheduled work: looks, probes, and the self-tests that they want.
 */
#include "plan_fixture.h"

static void a_look_goes_before_scheduled_work_and_one_stands_for_all_of_the_address(void **state) {
    (void)state;
    struct world w;
    struct plan_item item;
    int64_t wake = 0;
    world_init(&w);
    fixture_address(&w.f, w.group, "192.0.2.1");
    fixture_range(&w.f, w.group, "198.18.0.0/24");
    world_start(&w);
    assert_int_equal(plan_add_test(&w.plan, IP_V4, 0, 0, BUDGET_SELF_TEST, 0), STATUS_OK);
    assert_int_equal(plan_add_look(&w.plan, 7, BUDGET_URGENT, 0), STATUS_OK);
    assert_int_equal(plan_add_look(&w.plan, 8, BUDGET_URGENT, 0), STATUS_OK);
    assert_int_equal(plan_add_look(&w.plan, 7, BUDGET_URGENT, 1), STATUS_OK);
    assert_true(plan_next(&w.plan, &tests_only, 2, &item, &wake));
    assert_int_equal(item.purpose, PLAN_SELF_TEST); /* the others wait for the list to be believed */
    for (uint32_t index = 7; index <= 8; index++) {
        assert_true(plan_next(&w.plan, &open_gate, 2, &item, &wake));
        assert_int_equal(item.purpose, PLAN_LOOK);
        assert_int_equal(item.class, BUDGET_URGENT);
        assert_int_equal(item.index, index);
        plan_take(&w.plan, &item, 2);
    }
    assert_true(plan_next(&w.plan, &open_gate, 2, &item, &wake));
    assert_int_equal(item.purpose, PLAN_SELF_TEST);
    world_release(&w);
}

static void no_more_looks_wait_than_can_be_worked_off(void **state) {
    (void)state;
    struct world w;
    world_init(&w);
    fixture_range(&w.f, w.group, "198.18.0.0/16");
    world_start(&w);
    for (uint32_t i = 0; i < PLAN_LOOK_MAX; i++)
        assert_int_equal(plan_add_look(&w.plan, i, BUDGET_URGENT, 0), STATUS_OK);
    assert_int_equal(plan_add_look(&w.plan, PLAN_LOOK_MAX, BUDGET_URGENT, 0), STATUS_FULL);
    assert_int_equal(plan_add_look(&w.plan, 0, BUDGET_URGENT, 0), STATUS_OK);
    world_release(&w);
}

static void take(struct world *w, int64_t now, enum plan_purpose purpose, enum budget_class class,
                 struct plan_item *item) {
    int64_t wake = 0;
    assert_true(plan_next(&w->plan, &open_gate, now, item, &wake));
    assert_int_equal(item->purpose, purpose);
    assert_int_equal(item->class, class);
    plan_take(&w->plan, item, now);
}

/* Probes come after what is urgent, and by turns with what is scheduled, which begins with the second query;
 * confirmations of theirs have their pause. */
static void a_probe_comes_after_a_look_and_by_turns_with_scheduled_work(void **state) {
    (void)state;
    struct world w;
    struct plan_item item;
    world_init(&w);
    fixture_range(&w.f, w.group, "198.18.0.0/24");
    world_start(&w);
    assert_int_equal(plan_add_test(&w.plan, IP_V4, 0, 0, BUDGET_SELF_TEST, 0), STATUS_OK);
    assert_int_equal(plan_add_probe_confirm(&w.plan, 7, 2, IP_V6, 3, 0), STATUS_OK);
    assert_int_equal(plan_add_probe(&w.plan, PLAN_PROBE, 7, 1, IP_V6, 0), STATUS_OK);
    assert_int_equal(plan_add_look(&w.plan, 7, BUDGET_URGENT, 0), STATUS_OK);
    assert_int_equal(plan_add_probe(&w.plan, PLAN_PROBE_TXT, 7, 1, IP_V6, 0), STATUS_OK);
    assert_int_equal(plan_add_test(&w.plan, IP_V4, 0, 1, BUDGET_PROBE, 0), STATUS_OK);
    take(&w, 2, PLAN_LOOK, BUDGET_URGENT, &item);
    take(&w, 2, PLAN_SELF_TEST, BUDGET_PROBE, &item);
    take(&w, 2, PLAN_SELF_TEST, BUDGET_SELF_TEST, &item);
    take(&w, 2, PLAN_PROBE, BUDGET_PROBE, &item);
    assert_int_equal(item.ring, 1);
    take(&w, 2, PLAN_PROBE_TXT, BUDGET_PROBE, &item);
    take(&w, PLAN_CONFIRM_PAUSE_NS - 1, PLAN_SWEEP, BUDGET_SWEEP, &item);
    take(&w, PLAN_CONFIRM_PAUSE_NS, PLAN_PROBE, BUDGET_PROBE, &item);
    assert_int_equal(item.server, 3);
    assert_int_equal(item.family, IP_V6);
    assert_int_equal(item.ring, 2);
    assert_false(plan_is_of_target(&item));
    assert_int_equal(plan_add_retry(&w.plan, &item, 2 * SECOND), STATUS_OK);
    take(&w, 3 * SECOND, PLAN_PROBE, BUDGET_PROBE, &item);
    for (uint32_t i = 0; i < PLAN_LOOK_MAX; i++)
        assert_int_equal(plan_add_probe(&w.plan, PLAN_PROBE, i, 0, IP_V4, 0), STATUS_OK);
    assert_int_equal(plan_add_probe(&w.plan, PLAN_PROBE, PLAN_LOOK_MAX, 0, IP_V4, 0), STATUS_FULL);
    assert_int_equal(plan_add_probe(&w.plan, PLAN_PROBE, 5, 0, IP_V4, 0), STATUS_OK);
    world_release(&w);
}

/* However many wait: it is asked for by what has its own pace, after watched addresses. */
static void probes_leave_room_for_the_reason_of_a_listing(void **state) {
    (void)state;
    struct world w;
    struct plan_item item;
    world_init(&w);
    fixture_address(&w.f, w.group, "192.0.2.1");
    fixture_range(&w.f, w.group, "198.18.0.0/24");
    world_start(&w);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(plan_add_probe(&w.plan, PLAN_PROBE, i, 0, IP_V4, 0), STATUS_OK);
    assert_int_equal(plan_add_txt(&w.plan, 0, 0), STATUS_OK);
    take(&w, 0, PLAN_PROBE, BUDGET_PROBE, &item);
    take(&w, 0, PLAN_WATCHED, BUDGET_WATCHED, &item);
    take(&w, 0, PLAN_PROBE, BUDGET_PROBE, &item);
    take(&w, 0, PLAN_TXT, BUDGET_WATCHED, &item);
    take(&w, 0, PLAN_PROBE, BUDGET_PROBE, &item);
    take(&w, 0, PLAN_SWEEP, BUDGET_SWEEP, &item);
    take(&w, 0, PLAN_PROBE, BUDGET_PROBE, &item);
    world_release(&w);
}

/* Also where one has to wait, and others need not. */
static void a_probe_has_one_question_that_waits(void **state) {
    (void)state;
    struct world w;
    struct plan_item item;
    int64_t wake = 0;
    world_init(&w);
    fixture_address(&w.f, w.group, "192.0.2.1");
    fixture_range(&w.f, w.group, "198.18.0.0/24");
    world_start(&w);
    for (uint16_t question = 1; question <= 3; question++)
        assert_int_equal(plan_add_probe(&w.plan, PLAN_PROBE, 7, question, IP_V4, SECOND), STATUS_OK);
    assert_int_equal(plan_add_probe(&w.plan, PLAN_PROBE, 8, 1, IP_V4, 0), STATUS_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(plan_add_look(&w.plan, 7, BUDGET_PROBE, SECOND / 2), STATUS_OK);
    assert_int_equal(w.plan.lanes[LANE_PROBE].n, 3);
    take(&w, 0, PLAN_PROBE, BUDGET_PROBE, &item);
    assert_int_equal(item.index, 8);
    assert_int_equal(plan_add_look(&w.plan, 7, BUDGET_URGENT, 0), STATUS_OK); /* ... stands for both */
    assert_int_equal(plan_add_look(&w.plan, 7, BUDGET_PROBE, 0), STATUS_OK);
    assert_int_equal(w.plan.lanes[LANE_PROBE].n, 1);
    take(&w, 0, PLAN_LOOK, BUDGET_URGENT, &item);
    take(&w, SECOND, PLAN_WATCHED, BUDGET_WATCHED, &item); /* it is their turn */
    take(&w, SECOND, PLAN_PROBE, BUDGET_PROBE, &item);
    assert_int_equal(item.ring, 3);
    while (plan_next(&w.plan, &open_gate, 2 * SECOND, &item, &wake)) {
        assert_true(item.purpose == PLAN_WATCHED || item.purpose == PLAN_SWEEP);
        plan_take(&w.plan, &item, 2 * SECOND);
    }
    world_release(&w);
}

/* Who wants it pays; nobody takes an urgent one back. */
static void a_self_test_goes_over_to_who_wants_it_too(void **state) {
    (void)state;
    static const struct {
        enum budget_class from, to;
        unsigned n;
    } rows[] = {
        {BUDGET_SELF_TEST, BUDGET_PROBE, 1}, {BUDGET_SELF_TEST, BUDGET_URGENT, 1},
        {BUDGET_PROBE, BUDGET_SELF_TEST, 1}, {BUDGET_PROBE, BUDGET_URGENT, 1},
        {BUDGET_URGENT, BUDGET_PROBE, 0},    {BUDGET_URGENT, BUDGET_SELF_TEST, 0},
        {BUDGET_PROBE, BUDGET_PROBE, 0},     {BUDGET_SELF_TEST, BUDGET_SELF_TEST, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        struct plan_item item;
        int64_t wake = 0;
        world_init(&w);
        fixture_address(&w.f, w.group, "192.0.2.1");
        world_start(&w);
        assert_int_equal(plan_add_test(&w.plan, IP_V4, 0, 1, rows[i].from, 0), STATUS_OK);
        assert_int_equal(plan_move_tests(&w.plan, IP_V4, 0, rows[i].to), rows[i].n);
        assert_true(plan_next(&w.plan, &tests_only, 0, &item, &wake));
        assert_int_equal(item.class, rows[i].n > 0 ? rows[i].to : rows[i].from);
        plan_take(&w.plan, &item, 0);
        assert_int_equal(plan_add_retry(&w.plan, &item, 0), STATUS_OK);
        assert_true(plan_next(&w.plan, &tests_only, SECOND, &item, &wake));
        assert_int_equal(item.class, rows[i].n > 0 ? rows[i].to : rows[i].from);
        world_release(&w);
    }
}

static void a_self_test_that_waits_can_be_hurried(void **state) {
    (void)state;
    struct world w;
    struct plan_item item;
    int64_t wake = 0;
    world_init(&w);
    fixture_address(&w.f, w.group, "192.0.2.1");
    world_start(&w);
    assert_int_equal(plan_add_test(&w.plan, IP_V4, 1, 0, BUDGET_SELF_TEST, 0), STATUS_OK);
    assert_int_equal(plan_add_test(&w.plan, IP_V4, 0, 0, BUDGET_SELF_TEST, 0), STATUS_OK);
    assert_int_equal(plan_add_test(&w.plan, IP_V4, 0, 1, BUDGET_SELF_TEST, 0), STATUS_OK);
    assert_int_equal(plan_move_tests(&w.plan, IP_V6, 0, BUDGET_URGENT), 0);
    assert_int_equal(plan_move_tests(&w.plan, IP_V4, 0, BUDGET_URGENT), 2);
    assert_int_equal(plan_move_tests(&w.plan, IP_V4, 0, BUDGET_URGENT), 0);
    for (uint32_t entry = 0; entry < 2; entry++) {
        assert_true(plan_next(&w.plan, &tests_only, 0, &item, &wake));
        assert_int_equal(item.server, 0);
        assert_int_equal(item.index, entry);
        assert_int_equal(item.class, BUDGET_URGENT);
        plan_take(&w.plan, &item, 0);
    }
    assert_true(plan_next(&w.plan, &tests_only, 0, &item, &wake));
    assert_int_equal(item.server, 1);
    assert_int_equal(item.class, BUDGET_SELF_TEST);
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_goes_before_scheduled_work_and_one_stands_for_all_of_the_address),
        cmocka_unit_test(no_more_looks_wait_than_can_be_worked_off),
        cmocka_unit_test(a_probe_comes_after_a_look_and_by_turns_with_scheduled_work),
        cmocka_unit_test(probes_leave_room_for_the_reason_of_a_listing),
        cmocka_unit_test(a_probe_has_one_question_that_waits),
        cmocka_unit_test(a_self_test_goes_over_to_who_wants_it_too),
        cmocka_unit_test(a_self_test_that_waits_can_be_hurried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
