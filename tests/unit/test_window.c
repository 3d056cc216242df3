/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/window.h"

#define MS INT64_C(1000000)

static void send(struct window *w, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        window_sent(w);
}

static void answer(struct window *w, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        window_answered(w, 0, 200 * MS);
}

/* As many losses as halve it, of queries that are sent besides. */
static void lose_a_period(struct window *w, int64_t sent_ns, int64_t now_ns) {
    double before = w->size;
    for (int i = 0; i < WINDOW_PERIOD && w->size >= before; i++) {
        window_sent(w);
        window_lost(w, sent_ns, now_ns);
    }
}

/* A window's worth of answers while the window is kept full, as a sweep does. Returns how many are under way
 * then. */
static uint32_t round_trip(struct window *w) {
    send(w, window_room(w));
    for (uint32_t left = w->in_flight; left > 0; left--) {
        window_answered(w, 0, 200 * MS);
        send(w, window_room(w));
    }
    return w->in_flight;
}

static const struct {
    unsigned configured;
    uint32_t start;
    uint32_t end;
    uint32_t after_losses;
} sizes[] = {
    {0, WINDOW_START, WINDOW_MAX_AUTO, WINDOW_MIN},
    {1, 1, 1, 1},
    {3, 3, 3, 3},
    {4, 4, 4, 4},
    {31, 31, 31, WINDOW_MIN},
    {100, WINDOW_START, 100, WINDOW_MIN},
    {100000, WINDOW_START, 5000, WINDOW_MIN},
};

static void keeps_between_its_bounds_whatever_comes(void **state) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct window w;
        window_init(&w, sizes[i].configured);
        if (window_room(&w) != sizes[i].start)
            fail_msg("configured %u: starts with %u", sizes[i].configured, window_room(&w));
        for (int trip = 0; trip < 20; trip++)
            round_trip(&w);
        answer(&w, w.in_flight);
        if (window_room(&w) != sizes[i].end)
            fail_msg("configured %u: grows to %u", sizes[i].configured, window_room(&w));
        for (int64_t t = 1; t < 20000; t++) {
            window_sent(&w);
            window_lost(&w, t * MS, t * MS);
        }
        if (window_room(&w) != sizes[i].after_losses)
            fail_msg("configured %u: shrinks to %u", sizes[i].configured, window_room(&w));
        assert_int_equal(w.in_flight, 0);
    }
}

static void doubles_each_round_trip_until_the_first_loss(void **state) {
    struct window w;
    window_init(&w, 0);
    for (uint32_t want = 2 * WINDOW_START; want <= WINDOW_MAX_AUTO; want *= 2) {
        uint32_t size = round_trip(&w);
        if (size != want)
            fail_msg("grown to %u, not %u", size, want);
    }
}

static void stops_doubling_where_it_brings_no_more_answers(void **state) {
    struct window w;
    window_init(&w, 0);
    /* A server that answers 10 a millisecond, whatever waits in its buffer, after a path of 5 ms: 50 fill it.
     */
    for (int trip = 0; trip < 50; trip++) {
        uint32_t n = window_room(&w);
        send(&w, n);
        int64_t rtt_ns = n > 50 ? n * MS / 10 : 5 * MS;
        for (uint32_t i = 0; i < n; i++)
            window_answered(&w, 0, rtt_ns);
    }
    if (w.size < 50 || w.size > 200)
        fail_msg("stands at %f", w.size);
}

static void never_becomes_a_long_queue_on_a_short_path(void **state) {
    struct window w;
    window_init(&w, 0);
    /* 60,000 a second, and rounds that seem to get faster and faster while the machine is busy with something
     * else. */
    for (int trip = 0; trip < 500; trip++) {
        uint32_t n = window_room(&w);
        send(&w, n);
        for (uint32_t i = 0; i < n; i++)
            window_answered(&w, 0, trip < 6 ? 10 * MS >> trip : n * MS / 60);
        if (w.size > 256)
            fail_msg("trip %d: %f", trip, w.size);
    }
}

static void doubles_again_when_the_path_has_become_longer(void **state) {
    struct window w;
    window_init(&w, 0);
    send(&w, WINDOW_START);
    for (uint32_t i = 0; i < WINDOW_START; i++)
        window_answered(&w, 0, MS);
    lose_a_period(&w, 0, 100 * MS);
    for (int trip = 0; trip < 400; trip++)
        round_trip(&w); /* of 200 ms each */
    assert_true(w.size > 1000);
}

static void grows_by_one_per_window_after_a_loss(void **state) {
    struct window w;
    window_init(&w, 64);
    w.size = 64;
    send(&w, 64);
    lose_a_period(&w, 0, 100 * MS);
    assert_int_equal(w.in_flight, 64);
    assert_int_equal(window_room(&w), 0); /* 32, and more than that under way */
    answer(&w, 64);
    assert_true(w.size >= 32 && w.size < 35);
    for (int trip = 0; trip < 12; trip++) {
        double before = w.size;
        round_trip(&w);
        if (w.size - before < 0.9 || w.size - before > 1.01)
            fail_msg("trip %d: grown by %f", trip, w.size - before);
    }
    for (int trip = 0; trip < 100; trip++)
        round_trip(&w);
    assert_int_equal((int)w.size, 64); /* where the loss was, and no further */
}

static void counts_the_losses_of_one_overflow_once(void **state) {
    struct window w;
    window_init(&w, 0);
    lose_a_period(&w, 1 * MS, 2000 * MS);
    assert_int_equal((int)w.size, WINDOW_START / 2);
    lose_a_period(&w, 1999 * MS, 3999 * MS); /* sent before the first was noticed */
    assert_int_equal((int)w.size, WINDOW_START / 2);
    lose_a_period(&w, 2000 * MS, 4000 * MS); /* sent at the smaller size, and lost all the same */
    assert_int_equal((int)w.size, WINDOW_START / 4);
    assert_int_equal(w.in_flight, 0);
}

/* A path that loses `per_mille`, whatever the window, under a server that answers after 20 ms. Where the
 * window stands after so many queries, by a million of them the least. */
static double stands_at(struct window *w, unsigned per_mille, unsigned buffer, int n) {
    uint64_t random = 1;
    double least = w->maximum;
    for (int i = 0; i < n; i++) {
        int64_t now_ns = i * MS;
        send(w, window_room(w));
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        /* What finds the buffer full is lost as well: of a full window all that is over it. */
        bool overflows = (random >> 20) % 100000 * w->in_flight >= (uint64_t)buffer * 100000;
        if ((random >> 33) % 1000 < per_mille || overflows)
            window_lost(w, now_ns, now_ns);
        else
            window_answered(w, now_ns, 20 * MS);
        least = i > 10000 && w->size < least ? w->size : least;
    }
    return least;
}

/* 20 ms for 25,000 a second. */
static void keeps_its_size_where_the_path_loses_some_by_chance(void **state) {
    static const unsigned shares[] = {0, 10, 20, 50, 100};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        struct window w;
        window_init(&w, 0);
        double least = stands_at(&w, shares[i], 100000, 500000);
        if (w.size < 499 || least < 249)
            fail_msg("%u of 1,000 lost: stands at %f, once at %f", shares[i], w.size, least);
    }
}

static void shrinks_to_what_the_server_holds(void **state) {
    static const unsigned shares[] = {0, 10, 50};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        struct window w;
        window_init(&w, 0);
        (void)stands_at(&w, shares[i], 150, 500000);
        if (w.size < 75 || w.size > 200)
            fail_msg("%u of 1,000 lost besides: stands at %f", shares[i], w.size);
    }
}

static void bears_less_again_when_the_path_loses_less(void **state) {
    struct window w;
    window_init(&w, 0);
    (void)stands_at(&w, 100, 100000, 100000);
    assert_true(w.borne > 0.15);
    (void)stands_at(&w, 0, 100000, 100000);
    assert_true(w.borne < 0.03);
}

static void takes_back_a_loss_whose_answer_comes(void **state) {
    struct window w;
    window_init(&w, 0);
    send(&w, WINDOW_START);
    window_lost(&w, 0, 0);
    window_found(&w, 0);
    assert_int_equal(w.n_lost, 0);
    assert_int_equal(w.n_answered, 1);
    assert_int_equal(w.in_flight, WINDOW_START - 1);
    window_found(&w, 0); /* of a period that is over */
    assert_int_equal(w.n_answered, 1);
}

static void does_not_grow_while_it_is_not_used(void **state) {
    struct window w;
    window_init(&w, 0);
    for (int i = 0; i < 1000; i++) {
        send(&w, WINDOW_START / 2 - 1);
        answer(&w, WINDOW_START / 2 - 1);
    }
    assert_int_equal(window_room(&w), WINDOW_START);
    for (int i = 0; i < WINDOW_START; i++) {
        send(&w, WINDOW_START / 2);
        answer(&w, WINDOW_START / 2);
    }
    assert_true(window_room(&w) > WINDOW_START);
}

static void forgets_a_query_without_learning_from_it(void **state) {
    struct window w;
    window_init(&w, 0);
    send(&w, WINDOW_START);
    for (int i = 0; i < WINDOW_START; i++)
        window_forgotten(&w);
    assert_int_equal(window_room(&w), WINDOW_START);
    assert_int_equal(w.n_lost, 0);
    assert_true(w.slow_start);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_between_its_bounds_whatever_comes),
        cmocka_unit_test(doubles_each_round_trip_until_the_first_loss),
        cmocka_unit_test(stops_doubling_where_it_brings_no_more_answers),
        cmocka_unit_test(never_becomes_a_long_queue_on_a_short_path),
        cmocka_unit_test(doubles_again_when_the_path_has_become_longer),
        cmocka_unit_test(grows_by_one_per_window_after_a_loss),
        cmocka_unit_test(counts_the_losses_of_one_overflow_once),
        cmocka_unit_test(keeps_its_size_where_the_path_loses_some_by_chance),
        cmocka_unit_test(shrinks_to_what_the_server_holds),
        cmocka_unit_test(bears_less_again_when_the_path_loses_less),
        cmocka_unit_test(takes_back_a_loss_whose_answer_comes),
        cmocka_unit_test(does_not_grow_while_it_is_not_used),
        cmocka_unit_test(forgets_a_query_without_learning_from_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
