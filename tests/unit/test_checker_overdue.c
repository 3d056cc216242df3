/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions whose answers are overdue: which are repeated, and what of them is counted.
 */
#include "fixture.h"
#include "ignore.h"
#include "wire.h"

#include "core/checker.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define MS INT64_C(1000000)
enum { ASKED = 8192, WARM = 32 };

struct world {
    struct fixture f;
    struct checker *c;
    struct checker_ask asked[ASKED];
    size_t n_asked;
    int64_t now_ns;
    uint64_t random;
    unsigned decided, failed;
};

static void on_looked(void *context, uint32_t list, uint32_t index, const struct verdict *verdict,
                      int64_t took_ns) {
    struct world *w = context;
    (void)list;
    (void)index;
    (void)took_ns;
    w->decided += verdict->kind != VERDICT_UNKNOWN;
    w->failed += verdict->kind == VERDICT_UNKNOWN;
}

/* Sends what can be sent now; returns how much that was. */
static size_t ask(struct world *w) {
    size_t before = w->n_asked;
    (void)checker_turn(w->c, w->now_ns);
    while (w->n_asked < ASKED) {
        w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        if (!checker_next(w->c, w->random, w->now_ns, &w->asked[w->n_asked]))
            break;
        w->n_asked++;
    }
    return w->n_asked - before;
}

/* The answer to the `n`-th question. */
static void answer(struct world *w, size_t n, int64_t took_ns) {
    static struct wire m;
    static const uint8_t test_entry[] = {1, '2', 1, '0', 1, '0', 3, '1', '2', '7'};
    const struct checker_ask *ask = &w->asked[n];
    wire_answer(&m, ask->message, ask->len, memcmp(ask->message + 12, test_entry, sizeof test_entry) == 0);
    checker_reply(w->c, ask->cookie, CHECKER_ANSWER, m.bytes, m.len, took_ns, w->now_ns);
}

static void time_out(struct world *w, size_t n) {
    checker_reply(w->c, w->asked[n].cookie, CHECKER_TIMEOUT, NULL, 0, w->asked[n].timeout_ns, w->now_ns);
}

static bool same_name(const struct world *w, size_t a, size_t b) {
    const struct checker_ask *x = &w->asked[a], *y = &w->asked[b];
    if (x->len != y->len)
        return false;
    for (size_t i = 12; i < x->len; i++)
        if ((x->message[i] | 0x20) != (y->message[i] | 0x20))
            return false;
    return true;
}

/* A list that is believed, and a path of 1 ms that is measured; then the window is full of questions of a
 * sweep of `n_addresses`, of which the first is returned. */
static size_t begin(struct world *w, const struct list_budget *budget, const char *range) {
    memset(w, 0, sizeof *w);
    fixture_init(&w->f);
    struct list *list = fixture_list(&w->f, "a", "a.example.net");
    if (budget != NULL)
        list->budget = *budget;
    fixture_range(&w->f, fixture_group(&w->f, "g"), range);
    const struct checker_watch watch = {
        .changed = ignore_change, .state = ignore_state, .context = w, .looked = on_looked};
    const struct endpoint system = {.ip = ip_v4(0x7f000001), .port = 53};
    assert_int_equal(checker_new(fixture_targets(&w->f), &system, 1, registry_epoch(0), 1, &watch, 0, &w->c),
                     STATUS_OK);
    for (size_t n = 0; n < WARM;) {
        (void)ask(w);
        assert_true(n < w->n_asked);
        w->now_ns += MS;
        answer(w, n++, MS);
        if (n == WARM)
            while (n < w->n_asked)
                answer(w, n++, MS);
    }
    size_t first = w->n_asked;
    assert_true(ask(w) >= 8);
    return first;
}

static void end(struct world *w) {
    checker_free(w->c);
    fixture_release(&w->f);
}

static void expect(const struct world *w, uint64_t retries, uint64_t time_outs) {
    const struct checker_counters *n = &w->c->lists[0].counters;
    assert_int_equal(n->queries, w->n_asked);
    assert_int_equal(n->retries, retries);
    assert_int_equal(n->failures[REASON_TIMEOUT], time_outs);
    assert_int_equal(w->failed, 0);
}

static void repeats_what_is_overdue_when_a_later_one_was_answered(void **state) {
    (void)state;
    struct world w;
    size_t lost = begin(&w, NULL, "10.0.0.0/16");
    unsigned before = w.decided;
    w.now_ns += MS;
    answer(&w, lost + 1, MS);
    size_t next = w.n_asked;
    (void)ask(&w); /* it is not overdue yet */
    for (size_t n = next; n < w.n_asked; n++)
        assert_false(same_name(&w, n, lost));
    expect(&w, 0, 0);
    w.now_ns += 20 * MS;
    next = w.n_asked;
    (void)ask(&w);
    assert_true(same_name(&w, next, lost)); /* before anything else */
    assert_memory_not_equal(w.asked[next].message, w.asked[lost].message, 2);
    expect(&w, 1, 0);
    answer(&w, next, MS);
    assert_int_equal(w.decided, before + 2);
    w.now_ns += 2 * SECOND;
    time_out(&w, lost); /* that query failed, its check did not */
    expect(&w, 1, 1);
    assert_int_equal(w.decided, before + 2);
    end(&w);
}

static void takes_the_first_answer_and_only_measures_the_other(void **state) {
    (void)state;
    struct world w;
    size_t late = begin(&w, NULL, "10.0.0.0/16");
    unsigned before = w.decided;
    answer(&w, late + 1, MS);
    w.now_ns += 30 * MS;
    size_t repeated = w.n_asked;
    (void)ask(&w);
    assert_true(same_name(&w, repeated, late));
    w.now_ns += 70 * MS;
    answer(&w, late, 100 * MS);
    assert_int_equal(w.decided, before + 2);
    uint32_t in_flight = w.c->servers[0].window.in_flight;
    answer(&w, repeated, 70 * MS);
    assert_int_equal(w.decided, before + 2);
    assert_int_equal(w.c->servers[0].window.in_flight, in_flight - 1);
    assert_true(roundtrip_patience_ns(&w.c->lists[0].tracks[0].pace[IP_V4].roundtrip) >= 125 * MS);
    expect(&w, 1, 0);
    end(&w);
}

/* Nothing that was sent later has been answered. */
static void asks_nothing_into_silence(void **state) {
    (void)state;
    struct world w;
    (void)begin(&w, NULL, "10.0.0.0/16");
    w.now_ns += 500 * MS;
    assert_int_equal(ask(&w), 0);
    expect(&w, 0, 0);
    end(&w);
}

static void repeats_one_of_the_last_of_a_sweep_to_see_whether_they_are_lost(void **state) {
    (void)state;
    struct world w;
    size_t first = begin(&w, NULL, "10.0.0.0/25");
    while (!plan_sweep_is_asked(&w.c->lists[0].plan)) {
        w.now_ns += MS;
        answer(&w, first++, MS);
        (void)ask(&w);
    }
    size_t repeated = w.n_asked;
    assert_true(repeated - first > 8);
    w.now_ns += 100 * MS;
    assert_int_equal(ask(&w), 1);
    assert_true(same_name(&w, repeated, first));
    w.now_ns += 100 * MS;
    assert_int_equal(ask(&w), 0); /* it tells nothing: the rest waits */
    answer(&w, repeated, MS);
    assert_true(ask(&w) > 1); /* what was sent before it is lost */
    end(&w);
}

static void spends_nothing_of_a_rate_or_quota_on_it(void **state) {
    (void)state;
    static const struct list_budget budgets[] = {
        {.share = -1, .rate = 100000, .burst = 1000},
        {.share = -1, .queries = 100000000, .per_ns = DAY, .burst = 1000},
    };
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        struct world w;
        size_t lost = begin(&w, &budgets[i], "10.0.0.0/16");
        const struct window *window = &w.c->servers[0].window;
        answer(&w, lost + 1, MS);
        w.now_ns += 100 * MS;
        uint32_t in_flight = window->in_flight;
        (void)checker_turn(w.c, w.now_ns);
        assert_int_equal(window->in_flight, in_flight - 1); /* its place is free all the same */
        size_t next = w.n_asked;
        (void)ask(&w);
        for (size_t n = next; n < w.n_asked; n++)
            assert_false(same_name(&w, n, lost));
        expect(&w, 0, 0);
        end(&w);
    }
}

static void fails_a_check_when_all_of_its_queries_have(void **state) {
    (void)state;
    struct world w;
    size_t lost = begin(&w, NULL, "10.0.0.0/16");
    size_t queries[16] = {lost};
    size_t n_queries = 1;
    for (int i = 0; i < 20; i++) { /* all others are answered */
        size_t from = w.n_asked;
        (void)ask(&w);
        w.now_ns += 5 * MS;
        for (size_t n = i == 0 ? lost + 1 : from; n < w.n_asked; n++) {
            if (!same_name(&w, n, lost))
                answer(&w, n, MS);
            else
                queries[n_queries++] = n;
        }
    }
    assert_int_equal(n_queries, 1 + CHECKER_REPEATS);
    unsigned attempts = w.f.settings.resolver.attempts;
    for (size_t i = 0; i < n_queries; i++) {
        expect(&w, CHECKER_REPEATS, i);
        time_out(&w, queries[i]);
    }
    expect(&w, CHECKER_REPEATS, 1 + CHECKER_REPEATS);
    size_t next = w.n_asked;
    w.now_ns += PLAN_RETRY_PAUSE_NS;
    (void)ask(&w); /* the second of its attempts, with a pause */
    unsigned n_again = 0;
    for (size_t n = next; n < w.n_asked; n++)
        n_again += same_name(&w, n, lost);
    assert_int_equal(n_again, 1);
    assert_true(attempts > 1);
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_what_is_overdue_when_a_later_one_was_answered),
        cmocka_unit_test(takes_the_first_answer_and_only_measures_the_other),
        cmocka_unit_test(asks_nothing_into_silence),
        cmocka_unit_test(repeats_one_of_the_last_of_a_sweep_to_see_whether_they_are_lost),
        cmocka_unit_test(spends_nothing_of_a_rate_or_quota_on_it),
        cmocka_unit_test(fails_a_check_when_all_of_its_queries_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
