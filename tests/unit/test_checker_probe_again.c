/* SPDX-License-Identifier: Apache-2.0
 *
 * What the scenarios do not see of probes that are asked for again, carried over a reload, or want a
 * self-test.
 */
/* LINK: -Wl,--wrap=calloc -Wl,--wrap=malloc */
#include "probe_fixture.h"

/* ---- asking again ---- */

static void look_at(struct world *w, const struct ip *ip, int64_t now) {
    assert_int_equal(checker_probe(w->c, ip, NULL, now), STATUS_OK);
    (void)checker_turn(w->c, now);
}

/* How many questions about what is no test entry are sent at this moment; they are not answered. */
static unsigned send_checks(struct world *w, int64_t now, struct checker_ask *last) {
    static const uint8_t entry[] = {1, '0', 1, '0', 3, '1', '2', '7'};
    struct checker_ask ask;
    unsigned n = 0;
    (void)checker_turn(w->c, now);
    while (next(w, now, &ask)) {
        if (memcmp(ask.message + 14, entry, sizeof entry) == 0) {
            answer(w, &ask, false, now);
            continue;
        }
        *last = ask;
        n++;
    }
    return n;
}

/* However often somebody loads the page again while the budget is spent. */
static void asking_again_while_it_cannot_be_paid_queues_one_question(void **state) {
    static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        struct world w;
        struct checker_ask ask;
        struct ip ip = fixture_ip(ips[i]);
        int64_t now = 725 * SECOND;
        world_with_quota(&w, 2);
        settle(&w, false, SECOND);
        settle(&w, false, 600 * SECOND);
        for (int k = 0; k < 100; k++, now += SECOND / 10) {
            empty(&w, now);
            look_at(&w, &ip, now);
            assert_string_equal(why_text(read(&w, ips[i], now).why), "budget");
        }
        assert_int_equal(w.c->lists[0].plan.lanes[LANE_LOOK].n, 0);
        assert_int_equal(w.c->lists[0].plan.lanes[LANE_PROBE].n, 1);
        checker_quota(w.c, 0)->spare = 30;
        look_at(&w, &ip, now);
        assert_int_equal(send_checks(&w, now, &ask), 1);
        answer(&w, &ask, true, now);
        assert_int_equal(send_checks(&w, now, &ask), 0); /* the agreeing look has its pause */
        assert_true(read(&w, ips[i], now).open);
        assert_int_equal(send_checks(&w, now + PLAN_CONFIRM_PAUSE_NS, &ask), 1);
        assert_int_equal(send_checks(&w, now + 2 * PLAN_CONFIRM_PAUSE_NS, &ask), 0);
        world_release(&w);
    }
}

/* Lists "a", with a quota, and "b"; somebody has asked both about an address, "b" half a minute later, which
 * keeps what is known of it. "a" lists the world, "b" nothing. */
static const bool only_b[] = {false, true};

static void world_of_two(struct world *w) {
    memset(w, 0, sizeof *w);
    fails_at = 0;
    fixture_init(&w->f);
    fixture_list(&w->f, "a", "a.example.net")->budget =
        (struct list_budget){.share = -1, .queries = 1000, .per_ns = DAY, .burst = 1};
    (void)fixture_list(&w->f, "b", "b.example.net");
    fixture_address(&w->f, fixture_group(&w->f, "g"), "192.0.2.1");
    (void)fixture_targets(&w->f);
    assert_int_equal(make(w, 1, 0, &w->c), STATUS_OK);
    settle(w, false, SECOND);
    settle(w, false, 600 * SECOND);
}

/* A confirmation that could not be paid is none of the next time: that begins with a look. */
static void a_confirmation_of_the_last_time_counts_for_nothing(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    static const bool only_a[] = {true, false};
    int64_t now = 725 * SECOND;
    world_of_two(&w);
    assert_int_equal(checker_probe(w.c, &ip, only_a, now), STATUS_OK);
    assert_int_equal(send_checks(&w, now, &ask), 1);
    answer(&w, &ask, true, now);
    empty(&w, now);
    (void)checker_turn(w.c, now);
    assert_string_equal(why_text(read(&w, "203.0.113.9", now).why), "budget");
    assert_int_equal(w.c->lists[0].plan.lanes[LANE_PROBE_CONFIRM].n, 1);
    empty(&w, now + 30 * SECOND);
    assert_int_equal(checker_probe(w.c, &ip, only_b, now + 30 * SECOND), STATUS_OK);
    assert_int_equal(send_checks(&w, now + 30 * SECOND, &ask), 1);
    answer(&w, &ask, false, now + 30 * SECOND);
    now += PROBE_KEPT_NS;
    (void)quota_ready_ns(checker_quota(w.c, 0), BUDGET_URGENT, now);
    checker_quota(w.c, 0)->spare = 30;
    look_at(&w, &ip, now);
    assert_int_equal(send_checks(&w, now, &ask), 1);
    assert_int_equal(send_checks(&w, now + PLAN_CONFIRM_PAUSE_NS / 2, &ask), 0);
    world_release(&w);
}

/* One whose time was over while it was under way for long. */
static void a_late_answer_is_none_to_the_next_question(void **state) {
    struct world w;
    struct checker_ask late;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    static const bool only_a[] = {true, false};
    int64_t now = 725 * SECOND;
    world_of_two(&w);
    assert_int_equal(checker_probe(w.c, &ip, only_a, now), STATUS_OK);
    assert_int_equal(send_checks(&w, now, &late), 1);
    now += PROBE_NS;
    (void)checker_turn(w.c, now);
    assert_string_equal(why_text(read(&w, "203.0.113.9", now).why), "timeout");
    assert_int_equal(checker_probe(w.c, &ip, only_b, now + 30 * SECOND), STATUS_OK);
    assert_int_equal(send_checks(&w, now + 30 * SECOND, &ask), 1);
    answer(&w, &ask, false, now + 30 * SECOND);
    now += PROBE_KEPT_NS;
    look_at(&w, &ip, now);
    assert_int_equal(send_checks(&w, now, &ask), 1);
    answer(&w, &late, true, now);
    (void)checker_turn(w.c, now);
    assert_int_equal(send_checks(&w, now + PLAN_CONFIRM_PAUSE_NS, &late), 0);
    assert_true(read(&w, "203.0.113.9", now).open);
    world_release(&w);
}

/* It has been paid for, although nothing came of it. */
static void what_was_sent_in_vain_is_not_asked_again_at_once(void **state) {
    static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        struct world w;
        struct checker_ask ask;
        struct ip ip = fixture_ip(ips[i]);
        int64_t now = 725 * SECOND;
        world_with_quota(&w, 2);
        settle(&w, false, SECOND);
        settle(&w, false, 600 * SECOND);
        look_at(&w, &ip, now);
        assert_int_equal(send_checks(&w, now, &ask), 1);
        empty(&w, now);
        checker_reply(w.c, ask.cookie, CHECKER_TIMEOUT, NULL, 0, 0, now + 2 * SECOND);
        (void)checker_turn(w.c, now + 2 * SECOND);
        assert_string_equal(why_text(read(&w, ips[i], now + 2 * SECOND).why), "budget");
        checker_quota(w.c, 0)->spare = 30;
        for (int k = 2; k < 60; k++) {
            look_at(&w, &ip, now + k * SECOND);
            assert_int_equal(send_checks(&w, now + k * SECOND, &ask), 0);
        }
        look_at(&w, &ip, now + 63 * SECOND);
        assert_int_equal(send_checks(&w, now + 63 * SECOND, &ask), 1);
        world_release(&w);
    }
}

/* ---- reloads ---- */

static void reload(struct world *w, int64_t now) {
    struct checker *c = NULL;
    assert_int_equal(make(w, w->c->generation + 1, now, &c), STATUS_OK);
    assert_int_equal(checker_carry(c, w->c, now), STATUS_OK);
    checker_free(w->c);
    w->c = c;
}

/* Sixty of them at 50 ms each, while a list is silent, and while it answers in 10 ms that it lists. */
static void reloads_do_not_make_queries(void **state) {
    for (int i = 0; i < 4; i++) {
        static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
        struct world w;
        struct checker_ask ask;
        struct ip ip = fixture_ip(ips[i % 2]);
        bool answers = i >= 2;
        unsigned n = 0;
        world_init(&w, 2);
        settle(&w, false, SECOND);
        int64_t now = 100 * SECOND;
        settle(&w, false, now - 1);
        look_at(&w, &ip, now);
        for (int k = 0; k < 60; k++, now += SECOND / 20) {
            unsigned sent = send_checks(&w, now, &ask);
            assert_true(sent <= 1);
            n += sent;
            if (sent > 0 && answers && i % 2 == 0)
                answer(&w, &ask, true, now + SECOND / 100);
            reload(&w, now + SECOND / 50);
        }
        assert_in_range(n, 1, 4);
        world_release(&w);
    }
}

/* A key in the zone has changed: the list is the same by its name, and nothing it said is known to stand. Who
 * has been answered is not asked for again, as that would end at once as too late; who waits is. */
static void what_was_said_under_another_key_is_dropped(void **state) {
    struct world w;
    struct world next_one;
    struct probe_result result;
    struct checker_ask ask;
    struct ip ended = fixture_ip("203.0.113.9");
    struct ip open = fixture_ip("203.0.113.10");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    look_at(&w, &ended, 2 * SECOND);
    settle(&w, false, 2 * SECOND);
    look_at(&w, &open, 35 * SECOND);
    assert_int_equal(send_checks(&w, 35 * SECOND, &ask), 1);
    memset(&next_one, 0, sizeof next_one);
    fixture_init(&next_one.f);
    fixture_list(&next_one.f, "a", "b.example.net")->zone = "a.example.net";
    fixture_address(&next_one.f, fixture_group(&next_one.f, "g"), "192.0.2.1");
    (void)fixture_targets(&next_one.f);
    assert_int_equal(make(&next_one, 2, 36 * SECOND, &next_one.c), STATUS_OK);
    assert_int_equal(checker_carry(next_one.c, w.c, 36 * SECOND), STATUS_OK);
    (void)checker_turn(next_one.c, 36 * SECOND);
    assert_false(checker_probe_read(next_one.c, 0, &ended, 36 * SECOND, &result));
    assert_true(checker_probe_read(next_one.c, 0, &open, 36 * SECOND, &result));
    world_release(&next_one);
    world_release(&w);
}

/* ---- self-tests that probes want ---- */

/* A probe has been told something, and the self-test that is to prove it cannot be paid. */
static void want_test(struct world *w, int64_t now) {
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    look_at(w, &ip, now);
    assert_int_equal(send_checks(w, now, &ask), 1);
    answer(w, &ask, true, now);
    (void)checker_turn(w->c, now);
    empty(w, now);
    assert_int_equal(w->c->lists[0].plan.lanes[LANE_PROBE_TEST].n, 2);
}

/* It is due by the list's own schedule meanwhile, and paid by that. */
static void a_probe_that_cannot_pay_does_not_leave_the_list_untested(void **state) {
    struct world w;
    world_with_quota(&w, 1);
    settle(&w, false, SECOND);
    settle(&w, false, 600 * SECOND);
    want_test(&w, 725 * SECOND);
    int64_t due = w.c->lists[0].tracks[0].health[IP_V4].due_ns;
    int64_t ended = w.c->lists[0].tracks[0].health[IP_V4].ended_ns;
    empty(&w, due - 1);
    (void)checker_turn(w.c, due - 1);
    empty(&w, due);
    checker_quota(w.c, 0)->tokens[BUDGET_SELF_TEST] = 2;
    assert_true(checker_turn(w.c, due - 1) <= due);
    settle(&w, false, due);
    assert_true(w.c->lists[0].tracks[0].health[IP_V4].ended_ns > ended);
    world_release(&w);
}

/* A flip that is seen before it was sent pays for it from what probes leave. */
static void a_flip_does_not_wait_for_the_test_of_a_probe_that_cannot_pay(void **state) {
    struct world w;
    struct ip watched = fixture_ip("192.0.2.1");
    world_with_quota(&w, 1);
    settle(&w, false, SECOND);
    settle(&w, false, 600 * SECOND);
    want_test(&w, 725 * SECOND);
    int64_t now = 730 * SECOND;
    empty(&w, now);
    checker_quota(w.c, 0)->tokens[BUDGET_URGENT] = 3.5;
    assert_int_equal(checker_look_now(w.c, &watched, now), 1);
    settle(&w, true, now);
    uint32_t index = target_index(w.c->registry->lists[0].set, &watched);
    assert_int_equal(registry_verdict_of(&w.c->registry->lists[0], index), REGISTRY_LISTED);
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asking_again_while_it_cannot_be_paid_queues_one_question),
        cmocka_unit_test(a_confirmation_of_the_last_time_counts_for_nothing),
        cmocka_unit_test(a_late_answer_is_none_to_the_next_question),
        cmocka_unit_test(what_was_sent_in_vain_is_not_asked_again_at_once),
        cmocka_unit_test(reloads_do_not_make_queries),
        cmocka_unit_test(what_was_said_under_another_key_is_dropped),
        cmocka_unit_test(a_probe_that_cannot_pay_does_not_leave_the_list_untested),
        cmocka_unit_test(a_flip_does_not_wait_for_the_test_of_a_probe_that_cannot_pay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
