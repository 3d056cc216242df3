/* SPDX-License-Identifier: Apache-2.0
 *
 * What the scenarios do not see: how questions are numbered and shared out between lists. What comes of
 * answers is played in tests/scenario.
 */
#include "fixture.h"
#include "wire.h"

#include "core/checker.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static struct {
    unsigned states, changes, looks, failures;
    int64_t took_ns;
} told;

static void on_change(void *context, const struct registry_event *event) {
    (void)context;
    (void)event;
    told.changes++;
}

static void on_state(void *context, uint32_t list, enum health_state from, enum health_state to,
                     const struct verdict *because) {
    (void)context;
    (void)list;
    (void)from;
    (void)to;
    (void)because;
    told.states++;
}

static void on_looked(void *context, uint32_t list, uint32_t index, const struct verdict *verdict,
                      int64_t took_ns) {
    (void)context;
    (void)list;
    (void)index;
    told.looks += verdict->kind != VERDICT_UNKNOWN;
    told.failures += verdict->kind == VERDICT_UNKNOWN && verdict->reason == REASON_TIMEOUT;
    told.took_ns = took_ns;
}

static void on_txt(void *context, uint32_t list, uint32_t index, const char *txt) {
    (void)context;
    (void)list;
    (void)index;
    (void)txt;
}

struct world {
    struct fixture f;
    struct checker *c;
    uint64_t random;
    uint64_t asked[FIXTURE_LISTS];
};

static void world_init(struct world *w, size_t n_lists) {
    static const char *const names[] = {"a", "b", "c", "d"};
    static const char *const zones[] = {"a.example.net", "b.example.net", "c.example.net", "d.example.net"};
    memset(w, 0, sizeof *w);
    memset(&told, 0, sizeof told);
    fixture_init(&w->f);
    for (size_t i = 0; i < n_lists; i++)
        (void)fixture_list(&w->f, names[i], zones[i]);
}

static void world_start(struct world *w, uint32_t generation) {
    const struct checker_watch watch = {
        .changed = on_change, .state = on_state, .txt = on_txt, .context = w, .looked = on_looked};
    const struct endpoint system = {.ip = ip_v4(0x7f000001), .port = 53};
    const struct targets *t = w->f.targets != NULL ? w->f.targets : fixture_targets(&w->f);
    assert_int_equal(checker_new(t, &system, 1, registry_epoch(0), generation, &watch, 0, &w->c), STATUS_OK);
}

static void world_release(struct world *w) {
    checker_free(w->c);
    fixture_release(&w->f);
}

static bool next(struct world *w, int64_t now, struct checker_ask *ask) {
    w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return checker_next(w->c, w->random, now, ask);
}

/* Which list an ask is for: the first letter of its zone, which follows the reversed address. */
static size_t list_of(const struct checker_ask *ask) {
    size_t at = 12;
    for (int label = 0; label < 4; label++)
        at += 1u + ask->message[at];
    return (ask->message[at + 1] | 0x20u) - 'a';
}

/* The answer of a list on which only 127.0.0.2 is listed. */
static void answer(struct world *w, const struct checker_ask *ask, int64_t now) {
    static struct wire m;
    static const uint8_t test_entry[] = {1, '2', 1, '0', 1, '0', 3, '1', '2', '7'};
    bool listed = memcmp(ask->message + 12, test_entry, sizeof test_entry) == 0;
    wire_answer(&m, ask->message, ask->len, listed);
    checker_reply(w->c, ask->cookie, CHECKER_ANSWER, m.bytes, m.len, now > 0 ? 1000000 : 0, now);
}

/* Answers everything at once until there is nothing more to ask now. */
static void play_at(struct world *w, int64_t now) {
    for (bool any = true; any;) {
        struct checker_ask ask;
        any = false;
        (void)checker_turn(w->c, now);
        while (next(w, now, &ask)) {
            w->asked[list_of(&ask)]++;
            answer(w, &ask, now);
            any = true;
        }
    }
}

static void is_ready_after_the_first_round_of_self_tests(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 2);
    fixture_address(&w.f, fixture_group(&w.f, "g"), "192.0.2.1");
    world_start(&w, 1);
    assert_false(checker_ready(w.c));
    struct checker_ask ask;
    (void)checker_turn(w.c, 0);
    for (int i = 0; i < 4; i++) { /* nothing but test entries before the lists are believed */
        assert_true(next(&w, 0, &ask));
        assert_int_equal(ask.message[12], 1);
        answer(&w, &ask, 0);
    }
    assert_true(checker_ready(w.c));
    assert_int_equal(told.states, 2);
    play_at(&w, 1);
    const struct registry_list *l = &w.c->registry->lists[1];
    assert_int_equal(registry_verdict_of(l, 0), REGISTRY_NOT_LISTED);
    world_release(&w);
}

static void a_cookie_is_good_for_one_answer_of_its_own_generation(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    fixture_address(&w.f, fixture_group(&w.f, "g"), "192.0.2.1");
    world_start(&w, 7);
    (void)checker_turn(w.c, 0);
    struct checker_ask ask;
    assert_true(next(&w, 0, &ask));
    const struct checker_ask first = ask;
    ask.cookie ^= UINT64_C(1) << 48; /* of the configuration before a reload */
    answer(&w, &ask, 0);
    assert_int_equal(w.c->in_flight, 1);
    answer(&w, &first, 0);
    assert_int_equal(w.c->in_flight, 0);
    answer(&w, &first, 0); /* a second answer to the same question */
    assert_int_equal(w.c->in_flight, 0);
    static const uint64_t strange[] = {0, UINT64_MAX, 0xffffffff, UINT64_C(7) << 48 | 12345};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        checker_reply(w.c, strange[i], CHECKER_TIMEOUT, NULL, 0, 0, 0);
    assert_int_equal(w.c->in_flight, 0);
    world_release(&w);
}

static void ids_and_letter_case_come_from_the_random_bits(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    fixture_range(&w.f, fixture_group(&w.f, "g"), "10.0.0.0/24");
    world_start(&w, 1);
    struct checker_ask ask;
    (void)checker_turn(w.c, 0);
    while (next(&w, 0, &ask) && ask.message[13] != 0 && w.asked[0]++ < 2)
        answer(&w, &ask, 0);
    unsigned spellings = 0;
    char last[QNAME_MAX] = "";
    for (int i = 0; i < 20 && next(&w, 0, &ask); i++) {
        assert_int_equal((unsigned)ask.message[0] << 8 | ask.message[1], w.random & 0xffff);
        const char *zone = (const char *)ask.message + ask.len - 4 - 15;
        spellings += memcmp(zone, last, 15) != 0;
        memcpy(last, zone, 15);
    }
    assert_true(spellings > 10);
    world_release(&w);
}

static void lists_share_a_nameserver_fairly(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 3);
    struct group *g = fixture_group(&w.f, "g");
    fixture_range(&w.f, g, "10.0.0.0/16");
    world_start(&w, 1);
    (void)checker_turn(w.c, 0);
    struct checker_ask ask;
    uint64_t asked[3] = {0};
    struct checker_ask open[4096];
    size_t n = 0;
    for (int round = 0; round < 300; round++) {
        while (n < 4096 && next(&w, round * 1000, &ask)) {
            asked[list_of(&ask)]++;
            open[n++] = ask;
        }
        assert_true(n > 0);
        /* The answers of list c are slow: they come only when nothing else is open. */
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            if (list_of(&open[i]) == 2 && round % 4 != 3)
                open[kept++] = open[i];
            else
                answer(&w, &open[i], round * 1000);
        }
        n = kept;
        (void)checker_turn(w.c, round * 1000);
    }
    print_message("# %llu %llu %llu\n", (unsigned long long)asked[0], (unsigned long long)asked[1],
                  (unsigned long long)asked[2]);
    assert_true(asked[0] > 1000 && asked[0] < 2 * asked[1] && asked[1] < 2 * asked[0]);
    assert_true(asked[2] > 100);
    world_release(&w);
}

/* Three lists wait for the little room that one nameserver has, while the list between them, which has one of
 * its own, is asked all the time: its turns are none of theirs. */
static void turns_at_one_nameserver_are_none_of_anothers(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 4);
    w.f.settings.resolver.max_in_flight = 5;
    w.f.lists[1].n_nameservers = 1;
    w.f.lists[1].nameservers[0] = (struct endpoint){.ip = ip_v4(0x7f000009), .port = 53};
    fixture_range(&w.f, fixture_group(&w.f, "g"), "10.0.0.0/16");
    world_start(&w, 1);
    uint64_t asked[4] = {0};
    struct checker_ask open[16];
    size_t n = 0;
    for (int round = 0; round < 3000; round++) {
        int64_t now_ns = round * INT64_C(1000);
        (void)checker_turn(w.c, now_ns);
        while (n < 16 && next(&w, now_ns, &open[n]))
            asked[list_of(&open[n++])]++;
        assert_true(n > 0);
        /* One answer at a time, the longest open first: at either nameserver one place becomes free. */
        size_t first = 0;
        while (first + 1 < n && (list_of(&open[first]) == 1) != (round % 2 == 1))
            first++;
        answer(&w, &open[first], now_ns);
        memmove(&open[first], &open[first + 1], (--n - first) * sizeof *open);
    }
    print_message("# %llu %llu %llu %llu\n", (unsigned long long)asked[0], (unsigned long long)asked[1],
                  (unsigned long long)asked[2], (unsigned long long)asked[3]);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 4; k++)
            if (i != 1 && k != 1)
                assert_true(asked[i] < 2 * asked[k]);
    assert_true(asked[1] > 1000);
    world_release(&w);
}

static void a_spent_quota_does_not_vouch_for_a_list_that_was_never_tested(void **state) {
    struct world w;
    world_init(&w, 1);
    w.f.lists[0].budget.queries = 1;
    w.f.lists[0].budget.per_ns = DAY;
    fixture_address(&w.f, fixture_group(&w.f, "g"), "192.0.2.1");
    world_start(&w, 1);
    play_at(&w, 0); /* half a self-test */
    (void)checker_turn(w.c, 1);
    assert_true(quota_exhausted(checker_quota(w.c, 0), 1));
    assert_int_equal(w.c->lists[0].state, HEALTH_UNKNOWN);
    world_release(&w);
}

static void never_more_is_open_than_the_window_allows(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 2);
    w.f.settings.resolver.max_in_flight = 5;
    fixture_range(&w.f, fixture_group(&w.f, "g"), "10.0.0.0/16");
    world_start(&w, 1);
    (void)checker_turn(w.c, 0);
    struct checker_ask ask;
    unsigned n = 0;
    while (next(&w, 0, &ask))
        n++;
    assert_true(n <= 4); /* the self-tests of two lists */
    assert_true(checker_max_in_flight(w.c) <= 5);
    world_release(&w);
}

static void more_nameservers_than_it_has_place_for_are_refused(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 0);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                        "j", "k", "l", "m", "n", "o", "p", "q"};
    for (size_t i = 0; i < 17; i++) {
        struct list *list = fixture_list(&w.f, names[i], "x.example.net");
        list->n_nameservers = 4;
        for (uint16_t k = 0; k < 4; k++)
            list->nameservers[k] = (struct endpoint){ip_v4(0x7f000001), (uint16_t)(1000 + 4 * i + k)};
    }
    fixture_address(&w.f, fixture_group(&w.f, "g"), "192.0.2.1");
    const struct checker_watch watch = {
        .changed = on_change, .state = on_state, .txt = on_txt, .context = &w};
    struct checker *c = NULL;
    assert_int_equal(checker_new(fixture_targets(&w.f), NULL, 0, registry_epoch(0), 1, &watch, 0, &c),
                     STATUS_RANGE);
    assert_null(c);
    fixture_release(&w.f);
}

static void tells_how_each_check_has_ended(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    fixture_address(&w.f, fixture_group(&w.f, "g"), "192.0.2.9");
    world_start(&w, 1);
    play_at(&w, SECOND);
    assert_int_equal(told.looks, 1);
    assert_int_equal(told.took_ns, 1000000);
    for (int64_t now = HOUR; told.failures == 0; now += SECOND) { /* only the last attempt is told */
        struct checker_ask ask;
        (void)checker_turn(w.c, now);
        assert_true(now < HOUR + MINUTE);
        while (next(&w, now, &ask)) {
            if (ask.message[12] == 1 && ask.message[13] == '9')
                checker_reply(w.c, ask.cookie, CHECKER_TIMEOUT, NULL, 0, 2 * SECOND, now);
            else
                answer(&w, &ask, now);
        }
    }
    assert_int_equal(told.failures, 1);
    assert_int_equal(told.took_ns, -1);
    world_release(&w);
}

static void keeps_when_the_last_failure_was_across_a_reload(void **state) {
    (void)state;
    struct world w;
    struct checker_ask ask;
    world_init(&w, 1);
    fixture_address(&w.f, fixture_group(&w.f, "g"), "192.0.2.9");
    world_start(&w, 1);
    play_at(&w, SECOND);
    assert_int_not_equal(w.c->lists[0].last_failure.kind, VERDICT_UNKNOWN);
    (void)checker_turn(w.c, HOUR);
    assert_true(next(&w, HOUR, &ask));
    checker_reply(w.c, ask.cookie, CHECKER_TIMEOUT, NULL, 0, 0, HOUR + 2 * SECOND);
    struct checker *old = w.c;
    world_start(&w, 2);
    assert_int_equal(checker_carry(w.c, old, HOUR + MINUTE), STATUS_OK);
    checker_free(old);
    assert_int_equal(w.c->lists[0].last_failure.kind, VERDICT_UNKNOWN);
    assert_int_equal(w.c->lists[0].last_failure.reason, REASON_TIMEOUT);
    assert_int_equal(w.c->lists[0].last_failure_ns, HOUR + 2 * SECOND);
    world_release(&w);
}

/* What a restart brought back as known, and would not be asked for a while. */
static void asks_anew_what_is_known_when_somebody_wants_to_know(void **state) {
    (void)state;
    for (int anew = 0; anew < 2; anew++) {
        struct world w;
        world_init(&w, 1);
        struct group *group = fixture_group(&w.f, "g");
        fixture_address(&w.f, group, "192.0.2.1");
        fixture_range(&w.f, group, "10.0.0.0/28");
        world_start(&w, 1);
        play_at(&w, SECOND);
        assert_int_equal(told.looks, 17);
        struct checker *old = w.c;
        world_start(&w, 2);
        assert_int_equal(checker_carry(w.c, old, 2 * SECOND), STATUS_OK);
        checker_free(old);
        if (anew)
            checker_look_anew(w.c, 2 * SECOND);
        told.looks = 0;
        play_at(&w, 3 * SECOND);
        assert_int_equal(told.looks, anew ? 17 : 0);
        world_release(&w);
    }
}

static void refuse(struct world *w, const struct checker_ask *ask, int64_t now) {
    uint8_t message[QUERY_MAX];
    memcpy(message, ask->message, ask->len);
    message[2] = 0x81;
    message[3] = 0x85; /* RA, REFUSED */
    checker_reply(w->c, ask->cookie, CHECKER_ANSWER, message, ask->len, 1000000, now);
}

/* Two questions are under way when the list refuses the first: what comes for the second says nothing. */
static void an_answer_that_comes_while_the_list_is_not_ok_counts_for_nothing(void **state) {
    (void)state;
    struct world w;
    struct checker_ask asks[2];
    unsigned n = 0;
    world_init(&w, 1);
    struct group *group = fixture_group(&w.f, "g");
    fixture_address(&w.f, group, "192.0.2.8");
    fixture_address(&w.f, group, "192.0.2.9");
    world_start(&w, 1);
    play_at(&w, SECOND);
    assert_int_equal(told.looks, 2);
    int64_t now = HOUR;
    for (; n < 2; now += SECOND) {
        struct checker_ask ask;
        (void)checker_turn(w.c, now);
        assert_true(now < 2 * HOUR);
        while (n < 2 && next(&w, now, &ask)) {
            bool is_check = ask.message[12] == 1 && ask.message[13] >= '8';
            if (is_check)
                asks[n++] = ask;
            else
                answer(&w, &ask, now);
        }
    }
    refuse(&w, &asks[0], now);
    assert_int_equal(w.c->lists[0].state, HEALTH_REFUSED);
    told.looks = 0;
    answer(&w, &asks[1], now);
    assert_int_equal(told.looks, 0);
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_ready_after_the_first_round_of_self_tests),
        cmocka_unit_test(a_cookie_is_good_for_one_answer_of_its_own_generation),
        cmocka_unit_test(ids_and_letter_case_come_from_the_random_bits),
        cmocka_unit_test(lists_share_a_nameserver_fairly),
        cmocka_unit_test(turns_at_one_nameserver_are_none_of_anothers),
        cmocka_unit_test(a_spent_quota_does_not_vouch_for_a_list_that_was_never_tested),
        cmocka_unit_test(never_more_is_open_than_the_window_allows),
        cmocka_unit_test(more_nameservers_than_it_has_place_for_are_refused),
        cmocka_unit_test(tells_how_each_check_has_ended),
        cmocka_unit_test(keeps_when_the_last_failure_was_across_a_reload),
        cmocka_unit_test(asks_anew_what_is_known_when_somebody_wants_to_know),
        cmocka_unit_test(an_answer_that_comes_while_the_list_is_not_ok_counts_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
