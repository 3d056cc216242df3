/* SPDX-License-Identifier: Apache-2.0
 *
 * What the scenarios do not see of probes: answers that come when nobody waits for them any more, memory that
 * is not there, and who pays.
 */
/* LINK: -Wl,--wrap=calloc -Wl,--wrap=malloc */
#include "probe_fixture.h"

static void an_answer_that_comes_when_its_time_is_over_changes_nothing(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    assert_int_equal(checker_probe(w.c, &ip, NULL, 2 * SECOND), STATUS_OK);
    assert_true(checker_turn(w.c, 2 * SECOND) <= 2 * SECOND + PROBE_NS);
    assert_true(next(&w, 2 * SECOND, &ask));
    assert_false(checker_probe_is_over(w.c, &ip));
    (void)checker_turn(w.c, 2 * SECOND + PROBE_NS - 1);
    assert_true(read(&w, "203.0.113.9", 2 * SECOND + PROBE_NS).open);
    (void)checker_turn(w.c, 2 * SECOND + PROBE_NS);
    assert_true(checker_probe_is_over(w.c, &ip));
    assert_string_equal(why_text(read(&w, "203.0.113.9", 40 * SECOND).why), "timeout");
    answer(&w, &ask, true, 40 * SECOND);
    settle(&w, true, 41 * SECOND);
    assert_string_equal(why_text(read(&w, "203.0.113.9", 42 * SECOND).why), "timeout");
    world_release(&w);
}

/* Its place is another one's by then. */
static void an_answer_for_a_probe_that_was_forgotten_is_nobodys(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip first = fixture_ip("203.0.113.9");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    assert_int_equal(checker_probe(w.c, &first, NULL, 2 * SECOND), STATUS_OK);
    assert_true(next(&w, 2 * SECOND, &ask));
    int64_t now = 3 * SECOND + PROBE_NS;
    (void)checker_turn(w.c, now);
    now += PROBE_KEPT_NS;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
    }
    struct probe_result result;
    assert_false(checker_probe_read(w.c, 0, &first, now, &result));
    assert_true(checker_probe_is_over(w.c, &first));
    answer(&w, &ask, true, now);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_true(checker_probe_read(w.c, 0, &ip, now, &result) && result.open);
        assert_int_equal(checker_probe_find(w.c, &ip)->pairs[0].looks, 0);
    }
    assert_int_equal(checker_probe(w.c, &first, NULL, now), STATUS_FULL);
    world_release(&w);
}

/* The one that has been over for longest makes room, but not while who asks again is to have its answer. */
static void the_oldest_makes_room_when_its_minute_is_over(void **state) {
    struct world w;
    struct probe_result result;
    struct ip last = fixture_ip("203.0.113.9");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        int64_t now = 2 * SECOND + i * (SECOND / 100);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
        settle(&w, false, now);
    }
    int64_t now = 2 * SECOND + PROBE_KEPT_NS;
    assert_int_equal(checker_probe(w.c, &last, NULL, now - 1), STATUS_FULL);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_true(checker_probe_read(w.c, 0, &ip, now - 1, &result));
    }
    assert_int_equal(checker_probe(w.c, &last, NULL, now), STATUS_OK);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_true(checker_probe_read(w.c, 0, &ip, now, &result) == (i > 0));
    }
    world_release(&w);
}

/* Those that have made room are gone from among others of the same hash, and their places are new ones'. */
static void finds_the_others_when_some_have_made_room(void **state) {
    struct world w;
    int64_t now = 2 * SECOND;
    world_init(&w, 1);
    settle(&w, false, SECOND);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
    }
    settle(&w, false, now);
    for (uint32_t i = 0; i < PROBES; i++) { /* the last is the first to go */
        struct ip ip = ip_v4(0xc6336400 + i);
        checker_probe_find(w.c, &ip)->pairs[0].ended_ns = now + (PROBES - i) * (SECOND / 1000);
    }
    now += PROBE_KEPT_NS + PROBES / 2 * (SECOND / 1000);
    for (uint32_t i = 0; i < PROBES / 2; i++) {
        struct ip ip = ip_v4(0x08080000 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
    }
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        struct ip other = ip_v4(0x08080000 + i);
        assert_true((checker_probe_find(w.c, &ip) != NULL) == (i < PROBES / 2));
        assert_true((checker_probe_find(w.c, &other) != NULL) == (i < PROBES / 2));
    }
    assert_int_equal(checker_probes_live(w.c), PROBES / 2);
    settle(&w, false, now);
    (void)checker_turn(w.c, now);
    assert_int_equal(checker_probes_live(w.c), 0);
    world_release(&w);
}

/* The program stood still between the answer and its next turn. */
static void makes_room_before_it_has_come_to_rest(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    assert_int_equal(checker_probe(w.c, &ip, NULL, 2 * SECOND), STATUS_OK);
    assert_true(next(&w, 2 * SECOND, &ask));
    answer(&w, &ask, false, 2 * SECOND);
    assert_int_equal(checker_probes_live(w.c), 1);
    assert_int_equal(checker_probe(w.c, &ip, NULL, 3 * SECOND + PROBE_KEPT_NS), STATUS_OK);
    assert_int_equal(checker_probes_live(w.c), 1);
    assert_true(read(&w, "203.0.113.9", 3 * SECOND + PROBE_KEPT_NS).open);
    settle(&w, false, 3 * SECOND + PROBE_KEPT_NS);
    assert_int_equal(checker_probes_live(w.c), 0);
    world_release(&w);
}

static void begins_or_says_that_there_is_no_memory(void **state) {
    struct world w;
    struct ip ip = fixture_ip("203.0.113.9");
    world_init(&w, 2);
    settle(&w, false, SECOND);
    for (unsigned long n = 1;; n++) {
        fails_at = n;
        enum status status = checker_probe(w.c, &ip, NULL, 2 * SECOND);
        bool failed = fails_at == 0;
        fails_at = 0;
        if (!failed) {
            assert_int_equal(status, STATUS_OK);
            assert_true(n > 2);
            break;
        }
        assert_true(status == STATUS_NO_MEMORY || (status == STATUS_OK && checker_probe_is_over(w.c, &ip)));
        if (status == STATUS_OK)
            assert_string_equal(why_text(read(&w, "203.0.113.9", 2 * SECOND).why), "no_memory");
    }
    settle(&w, true, 2 * SECOND);
    settle(&w, true, 4 * SECOND);
    settle(&w, true, 6 * SECOND);
    assert_int_equal(read(&w, "203.0.113.9", 6 * SECOND).verdict, REGISTRY_LISTED);
    world_release(&w);
}

/* All or nothing, as any reload. */
static void a_reload_carries_all_or_fails(void **state) {
    struct world w;
    struct probe_result result;
    world_init(&w, 2);
    settle(&w, false, SECOND);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, 2 * SECOND), STATUS_OK);
        if (i < PROBES / 2)
            settle(&w, i % 2 != 0, 2 * SECOND);
    }
    struct checker *next_one = NULL;
    for (unsigned long n = 1; next_one == NULL; n++) {
        struct checker *c = NULL;
        assert_int_equal(make(&w, 2, 3 * SECOND, &c), STATUS_OK);
        fails_at = n;
        enum status status = checker_carry(c, w.c, 3 * SECOND);
        bool failed = fails_at == 0;
        fails_at = 0;
        if (status == STATUS_OK && !failed)
            next_one = c;
        else
            checker_free(c);
    }
    checker_free(w.c);
    w.c = next_one;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_true(checker_probe_read(w.c, 0, &ip, 3 * SECOND, &result));
        assert_int_equal(result.open, i >= PROBES / 2 || i % 2 != 0);
        assert_int_equal(result.asked_ns, 2 * SECOND);
    }
    settle(&w, false, 4 * SECOND);
    struct ip last = ip_v4(0xc6336400 + PROBES - 1);
    assert_true(checker_probe_read(w.c, 0, &last, 4 * SECOND, &result) && !result.open);
    assert_int_equal(result.verdict, REGISTRY_NOT_LISTED);
    world_release(&w);
}

/* The spare bucket first, and the list's rate. */
static void pays_for_what_it_asks(void **state) {
    struct world w;
    struct checker_ask ask;
    memset(&w, 0, sizeof w);
    fixture_init(&w.f);
    struct list *list = fixture_list(&w.f, "a", "a.example.net");
    list->budget = (struct list_budget){.share = -1, .queries = 1000, .per_ns = DAY, .rate = 2, .burst = 1};
    fixture_address(&w.f, fixture_group(&w.f, "g"), "192.0.2.1");
    (void)fixture_targets(&w.f);
    assert_int_equal(make(&w, 1, 0, &w.c), STATUS_OK);
    for (int64_t now = 0; now < 10 * SECOND; now += SECOND / 2)
        settle(&w, false, now);
    struct quota *quota = checker_quota(w.c, 0);
    uint64_t used = quota_used(quota, 10 * SECOND);
    double spare = quota->spare;
    double urgent = quota->tokens[BUDGET_URGENT];
    for (uint32_t i = 0; i < 4; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, 10 * SECOND), STATUS_OK);
    }
    assert_true(next(&w, 10 * SECOND, &ask));
    assert_false(next(&w, 10 * SECOND, &ask)); /* the rate */
    assert_true(next(&w, 10 * SECOND + SECOND / 2, &ask));
    assert_int_equal(quota_used(quota, 11 * SECOND), used + 2);
    assert_true(quota->spare < spare && quota->tokens[BUDGET_URGENT] >= urgent);
    world_release(&w);
}

/* What has been paid for is waited for; what would have to be paid once more is not. */
static void waits_for_what_is_under_way(void **state) {
    static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
    for (size_t i = 0; i < 4; i++) {
        struct world w;
        struct checker_ask ask;
        struct ip ip = fixture_ip(ips[i % 2]);
        int64_t now = 725 * SECOND; /* far from where the pace may change */
        bool answers = i < 2;
        world_with_quota(&w, 2);
        settle(&w, false, 600 * SECOND);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
        assert_true(next(&w, now, &ask));
        empty(&w, now);
        (void)checker_turn(w.c, now);
        assert_true(read(&w, ips[i % 2], now).open);
        if (answers)
            answer(&w, &ask, false, now + SECOND);
        else
            checker_reply(w.c, ask.cookie, CHECKER_TIMEOUT, NULL, 0, 0, now + SECOND);
        (void)checker_turn(w.c, now + SECOND);
        struct probe_result result = read(&w, ips[i % 2], now + SECOND);
        assert_false(result.open);
        if (answers)
            assert_int_equal(result.verdict, REGISTRY_NOT_LISTED);
        else
            assert_string_equal(why_text(result.why), "budget");
        world_release(&w);
    }
}

/* At its end it is the budget that was missing, although the budget could have quickened before. */
static void says_that_the_budget_was_missing(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    world_with_quota(&w, 2);
    settle(&w, false, SECOND);
    empty(&w, 110 * SECOND);
    assert_int_equal(checker_probe(w.c, &ip, NULL, 110 * SECOND), STATUS_OK);
    (void)checker_turn(w.c, 110 * SECOND);
    assert_false(next(&w, 110 * SECOND, &ask));
    assert_true(read(&w, "203.0.113.9", 110 * SECOND).open);
    (void)checker_turn(w.c, 110 * SECOND + PROBE_NS);
    assert_string_equal(why_text(read(&w, "203.0.113.9", 111 * SECOND + PROBE_NS).why), "budget");
    world_release(&w);
}

/* A reason that cannot be paid for is not waited for. */
static void is_over_when_the_reason_cannot_be_paid(void **state) {
    static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        struct world w;
        struct ip ip = fixture_ip(ips[i]);
        world_with_quota(&w, 1);
        struct quota *quota = checker_quota(w.c, 0);
        settle(&w, false, SECOND);
        assert_int_equal(checker_probe(w.c, &ip, NULL, 125 * SECOND), STATUS_OK);
        for (int64_t now = 125 * SECOND; read(&w, ips[i], now).open; now += SECOND) {
            assert_true(now < 135 * SECOND);
            empty(&w, now);
            quota->spare = 3;
            settle(&w, true, now);
        }
        assert_int_equal(read(&w, ips[i], 135 * SECOND).verdict, REGISTRY_LISTED);
        empty(&w, 135 * SECOND);
        (void)checker_turn(w.c, 135 * SECOND);
        assert_true(checker_probe_is_over(w.c, &ip));
        world_release(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_comes_when_its_time_is_over_changes_nothing),
        cmocka_unit_test(an_answer_for_a_probe_that_was_forgotten_is_nobodys),
        cmocka_unit_test(the_oldest_makes_room_when_its_minute_is_over),
        cmocka_unit_test(finds_the_others_when_some_have_made_room),
        cmocka_unit_test(makes_room_before_it_has_come_to_rest),
        cmocka_unit_test(begins_or_says_that_there_is_no_memory),
        cmocka_unit_test(a_reload_carries_all_or_fails),
        cmocka_unit_test(pays_for_what_it_asks),
        cmocka_unit_test(is_over_when_the_reason_cannot_be_paid),
        cmocka_unit_test(says_that_the_budget_was_missing),
        cmocka_unit_test(waits_for_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
