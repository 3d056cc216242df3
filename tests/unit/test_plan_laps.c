/* SPDX-License-Identifier: Apache-2.0
 *
 * A sweep in two laps: what matters most, then the rest.
 */
/* LINK: -Wl,--wrap=calloc */
#include "plan_fixture.h"

static unsigned long fails_at; /* which allocation from now on fails; 0: none */

void *__real_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_calloc(n, size);
}

/* Addresses of the first lap, by index. */
static bool first[1 << 17];

static bool is_first(const void *context, uint32_t index) {
    return ((const bool *)context)[index];
}

static void begin(struct world *w, const char *range) {
    memset(first, 0, sizeof first);
    world_init(w);
    fixture_range(&w->f, w->group, range);
}

static void start(struct world *w) {
    world_start(w);
    assert_int_equal(plan_set_laps(&w->plan, is_first, first), STATUS_OK);
}

static void now_first(struct plan *p, uint32_t index, bool value) {
    first[index] = value;
    plan_lap_changed(p, index, value);
}

/* The next address of the sweep; it is taken, and answered. */
static uint32_t next(struct plan *p, int64_t now) {
    struct plan_item item;
    int64_t wake = 0;
    while (!plan_next(p, &open_gate, now, &item, &wake))
        assert_int_equal(wake, now); /* a rest on a long way */
    assert_int_equal(item.purpose, PLAN_SWEEP);
    plan_take(p, &item, now);
    plan_sweep_answered(p, now);
    return item.index;
}

static void assert_nothing(struct plan *p, int64_t now) {
    struct plan_item item;
    int64_t wake = 0;
    assert_false(plan_next(p, &open_gate, now, &item, &wake));
    assert_true(wake > now);
}

/* ---- laps ---- */

static void what_matters_most_comes_first_and_both_laps_keep_the_order(void **state) {
    struct world w;
    uint32_t expected[256];
    (void)state;
    begin(&w, "10.0.0.0/24");
    for (uint32_t i = 0; i < 256; i += 3)
        first[i] = true;
    start(&w);
    size_t n = 0;
    for (int lap = 0; lap < 2; lap++)
        for (uint32_t at = 0; at < 256; at++)
            if (first[permute_at(&w.plan.sweep.order, at)] == (lap == 0))
                expected[n++] = permute_at(&w.plan.sweep.order, at);
    for (int sweep = 0; sweep < 3; sweep++) {
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(w.plan.sweep.position, i > 0 || sweep == 0 ? i : 256);
            assert_int_equal(next(&w.plan, sweep * DAY + (int64_t)i), expected[i]);
        }
        assert_nothing(&w.plan, sweep * DAY + HOUR);
        assert_false(w.plan.sweep.running);
        assert_int_equal(w.plan.sweep.completed_ns, sweep * DAY + 255);
        assert_int_equal(w.plan.sweep.duration_ns, 255);
        assert_int_equal(plan_sweep_interval(&w.plan, sweep * DAY + HOUR), DAY);
    }
    world_release(&w);
}

static void without_any_it_is_the_sweep_that_it_was(void **state) {
    struct world w;
    (void)state;
    for (int all = 0; all < 2; all++) {
        begin(&w, "10.0.0.0/24");
        memset(first, all, 256);
        start(&w);
        for (uint32_t at = 0; at < 256; at++)
            assert_int_equal(next(&w.plan, at), permute_at(&w.plan.sweep.order, at));
        assert_nothing(&w.plan, HOUR);
        world_release(&w);
    }
}

static void who_becomes_one_is_asked_next_unless_it_was_asked_already(void **state) {
    struct world w;
    uint8_t times[256] = {0};
    (void)state;
    begin(&w, "10.0.0.0/24");
    first[7] = true;
    start(&w);
    for (int i = 0; i < 100; i++)
        times[next(&w.plan, 0)]++;
    uint32_t asked = 0;
    uint32_t not_asked = 0;
    while (asked == 7 || times[asked] == 0)
        asked++;
    while (times[not_asked] > 0)
        not_asked++;
    now_first(&w.plan, asked, true);
    now_first(&w.plan, not_asked, true);
    assert_int_equal(next(&w.plan, 0), not_asked);
    times[not_asked]++;
    for (int i = 0; i < 155; i++)
        times[next(&w.plan, 0)]++;
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 1);
    assert_nothing(&w.plan, HOUR);
    /* While it rests. */
    now_first(&w.plan, 7, false);
    now_first(&w.plan, 200, true);
    uint32_t of_first = 0;
    for (int i = 0; i < 3; i++)
        of_first += first[next(&w.plan, DAY)];
    assert_int_equal(of_first, 3);
    world_release(&w);
}

static void many_that_become_one_at_once_are_all_asked_before_the_rest(void **state) {
    struct world w;
    uint8_t times[4096] = {0};
    (void)state;
    begin(&w, "10.0.0.0/20");
    start(&w);
    for (int i = 0; i < 2000; i++)
        times[next(&w.plan, 0)]++;
    unsigned n = 0;
    for (uint32_t i = 0; i < 4096; i += 5) {
        n += times[i] == 0;
        now_first(&w.plan, i, true);
    }
    assert_true(n > 300); /* and not 64 */
    for (; n > 0; n--) {
        uint32_t index = next(&w.plan, 0);
        assert_int_equal(index % 5, 0);
        times[index]++;
    }
    for (int i = 0; i < 4096 && w.plan.sweep.running; i++)
        times[next(&w.plan, 0)]++;
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 1);
    world_release(&w);
}

static void who_ceases_to_be_one_is_of_the_rest(void **state) {
    struct world w;
    uint8_t times[256] = {0};
    (void)state;
    begin(&w, "10.0.0.0/24");
    memset(first, 1, 100);
    start(&w);
    for (int i = 0; i < 50; i++)
        times[next(&w.plan, 0)]++;
    for (uint32_t i = 0; i < 100; i++)
        now_first(&w.plan, i, false);
    for (int i = 0; i < 206; i++)
        times[next(&w.plan, 0)]++;
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 1);
    assert_nothing(&w.plan, HOUR);
    world_release(&w);
}

/* ---- what is left ---- */

static void count_laps(void *context, const struct plan_item *item, int64_t now) {
    uint64_t *n = context;
    (void)now;
    n[first[item->index] ? 0 : 1]++;
}

/* 1,000 a day: the 400 of the first lap have a day, and of the rest 600 are asked each day. */
static void the_rest_gets_what_the_first_lap_leaves_of_each_interval(void **state) {
    struct world w;
    uint64_t n[2] = {0, 0};
    (void)state;
    begin(&w, "10.0.0.0/20");
    w.list->budget.rate = 1000.0 / 86400;
    for (uint32_t i = 0; i < 4096; i += 10)
        first[i] = true;
    start(&w);
    (void)play(&w, &open_gate, 0, 12 * DAY, count_laps, n);
    assert_in_range(n[0], 11 * 410, 13 * 410);
    assert_in_range(n[1], 6580, 6700); /* it rests from the end of the whole to the next interval */
    assert_true(w.plan.sweep.completed_ns > 0);
    assert_in_range(w.plan.sweep.duration_ns / HOUR, 6 * 24, 7 * 24);
    assert_in_range(plan_sweep_interval(&w.plan, 12 * DAY) / MINUTE, 24 * 60, 24 * 60 + 30);
    assert_in_range(plan_whole_interval(&w.plan, 12 * DAY) / HOUR, 6 * 24, 8 * 24);
    world_release(&w);
}

/* 200 a day for 410: nothing is left. */
static void where_nothing_is_left_the_rest_waits(void **state) {
    struct world w;
    uint64_t n[2] = {0, 0};
    (void)state;
    begin(&w, "10.0.0.0/20");
    w.list->budget.rate = 200.0 / 86400;
    for (uint32_t i = 0; i < 4096; i += 10)
        first[i] = true;
    start(&w);
    (void)play(&w, &open_gate, 0, 10 * DAY, count_laps, n);
    assert_in_range(n[0], 1990, 2010);
    assert_int_equal(n[1], 0);
    assert_in_range(plan_sweep_interval(&w.plan, 10 * DAY) / MINUTE, 2 * 24 * 60, 50 * 60);
    assert_true(plan_whole_interval(&w.plan, 10 * DAY) > 50 * DAY);
    world_release(&w);
}

static void a_long_way_is_walked_in_steps(void **state) {
    struct world w;
    struct plan_item item;
    int64_t wake = 0;
    (void)state;
    begin(&w, "10.0.0.0/15");
    start(&w);
    first[permute_at(&w.plan.sweep.order, (1 << 17) - 1)] = true;
    assert_int_equal(plan_set_laps(&w.plan, is_first, first), STATUS_OK);
    unsigned calls = 0;
    for (; !plan_next(&w.plan, &open_gate, 5, &item, &wake); calls++)
        assert_int_equal(wake, 5);
    assert_int_equal(calls, (1 << 17) / 4096 - 1);
    assert_true(first[item.index]);
    assert_false(w.plan.sweep.running); /* nothing was taken yet */
    world_release(&w);
}

/* ---- reloads and starts ---- */

/* Takes `n` of the sweep; what was checked since plan_skip_since() is skipped and not counted, as the checker
 * does. */
static void ask(struct plan *p, uint32_t n, int64_t *checked, uint8_t *times, int64_t now) {
    while (n > 0) {
        struct plan_item item;
        int64_t wake = 0;
        if (!plan_next(p, &open_gate, now, &item, &wake)) {
            assert_int_equal(wake, now);
            continue;
        }
        if (checked[item.index] >= plan_skip_since(p, item.index)) {
            plan_skip(p, &item, now);
            continue;
        }
        plan_take(p, &item, now);
        plan_sweep_answered(p, now);
        checked[item.index] = now;
        times[item.index]++;
        n--;
    }
}

static void reload(struct world *w, int64_t now) {
    struct plan after;
    assert_int_equal(plan_init(&after, w->f.targets, 0, &w->quota, 42, now), STATUS_OK);
    fixture_carry(&after, &w->plan, w->list, now);
    assert_int_equal(plan_set_laps(&after, is_first, first), STATUS_OK);
    plan_release(&w->plan);
    w->plan = after;
}

static void a_reload_in_either_lap_asks_nothing_twice(void **state) {
    (void)state;
    for (uint32_t at = 1; at < 256; at += 9) {
        struct world w;
        int64_t checked[256] = {0};
        uint8_t times[256] = {0};
        begin(&w, "10.0.0.0/24");
        for (uint32_t i = 0; i < 256; i += 3)
            first[i] = true;
        start(&w);
        ask(&w.plan, at, checked, times, HOUR);
        reload(&w, 2 * HOUR);
        ask(&w.plan, (256 - at) / 2, checked, times, 3 * HOUR);
        reload(&w, 4 * HOUR);
        ask(&w.plan, 256 - at - (256 - at) / 2, checked, times, 5 * HOUR);
        for (size_t i = 0; i < sizeof times; i++)
            assert_int_equal(times[i], 1);
        struct plan_item item;
        int64_t wake = 0;
        while (plan_next(&w.plan, &open_gate, 5 * HOUR, &item, &wake) || wake == 5 * HOUR)
            plan_skip(&w.plan, &item, 5 * HOUR);
        assert_int_equal(wake, HOUR + DAY);
        assert_int_equal(w.plan.sweep.completed_ns, 5 * HOUR);
        assert_int_equal(w.plan.sweep.duration_ns, 4 * HOUR);
        world_release(&w);
    }
}

/* The first lap has been begun again; then a reload. */
static void the_rest_goes_on_where_it_was_after_a_lap_and_a_reload(void **state) {
    struct world w;
    int64_t checked[256] = {0};
    uint8_t times[256] = {0};
    (void)state;
    begin(&w, "10.0.0.0/24");
    memset(first, 1, 50);
    start(&w);
    ask(&w.plan, 150, checked, times, HOUR);
    ask(&w.plan, 20, checked, times, HOUR + DAY); /* due again */
    for (uint32_t i = 0; i < 50; i++)
        assert_in_range(times[i], 1, 2);
    reload(&w, 2 * HOUR + DAY);
    assert_int_equal(w.plan.sweep.started_ns, HOUR + DAY);
    assert_int_equal(w.plan.sweep.whole_ns, HOUR);
    ask(&w.plan, 30, checked, times, 3 * HOUR + DAY);
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(times[i], 2);
    ask(&w.plan, 106, checked, times, 4 * HOUR + DAY);
    for (uint32_t i = 50; i < 256; i++)
        assert_int_equal(times[i], 1);
    world_release(&w);
}

/* Senders become known only after a sweep has begun, or nothing is asked about them any more. */
static void laps_may_begin_in_the_middle_of_a_sweep(void **state) {
    struct world w;
    int64_t checked[256] = {0};
    uint8_t times[256] = {0};
    (void)state;
    begin(&w, "10.0.0.0/24");
    world_start(&w);
    ask(&w.plan, 100, checked, times, HOUR);
    memset(first, 1, 50);
    reload(&w, 2 * HOUR);
    ask(&w.plan, 156, checked, times, 3 * HOUR);
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 1);
    world_release(&w);
}

static void a_restart_begins_with_the_first_lap(void **state) {
    struct world w;
    (void)state;
    begin(&w, "10.0.0.0/24");
    memset(first, 1, 50);
    start(&w);
    for (int i = 0; i < 120; i++)
        (void)next(&w.plan, 0);
    plan_restart(&w.plan, HOUR);
    for (int i = 0; i < 256; i++)
        assert_int_equal(next(&w.plan, HOUR) < 50, i < 50);
    assert_nothing(&w.plan, 2 * HOUR);
    world_release(&w);
}

/* ---- chance ---- */

static uint64_t chance(uint64_t *x) {
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Senders come and go while it runs: in each whole sweep every address is asked, and one of the rest only
 * while no other is to be asked before it. */
static void whatever_becomes_of_the_first_lap_nothing_is_left_out(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w;
        uint8_t times[256] = {0};
        uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15);
        begin(&w, "10.0.0.0/24");
        for (int i = 0; i < 256; i++)
            first[i] = chance(&x) % 4 == 0;
        start(&w);
        for (unsigned asked = 0; asked < 256; asked++) {
            uint32_t index = next(&w.plan, asked);
            times[index]++;
            for (uint32_t i = 0; !first[index] && i < 256; i++)
                assert_true(!first[i] || times[i] > 0);
            for (uint64_t n = chance(&x) % (seed % 3 == 0 ? 200 : 4); n > 0; n--) {
                uint32_t other = (uint32_t)(chance(&x) % 256);
                now_first(&w.plan, other, !first[other]);
            }
        }
        for (size_t i = 0; i < sizeof times; i++)
            assert_int_equal(times[i], 1);
        assert_nothing(&w.plan, HOUR);
        assert_false(w.plan.sweep.running);
        world_release(&w);
    }
}

static void without_memory_the_sweep_stays_as_it_was(void **state) {
    struct world w;
    (void)state;
    begin(&w, "10.0.0.0/24");
    world_start(&w);
    for (unsigned long n = 1; n <= 4; n++) {
        fails_at = n;
        assert_int_equal(plan_set_laps(&w.plan, is_first, first), STATUS_NO_MEMORY);
        assert_int_equal(fails_at, 0);
        assert_null(w.plan.sweep.laps);
    }
    plan_lap_changed(&w.plan, 3, true); /* nothing */
    assert_int_equal(next(&w.plan, 0), permute_at(&w.plan.sweep.order, 0));
    assert_int_equal(plan_set_laps(&w.plan, is_first, first), STATUS_OK);
    plan_lap_changed(&w.plan, 256, true); /* no address of ranges */
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_matters_most_comes_first_and_both_laps_keep_the_order),
        cmocka_unit_test(without_any_it_is_the_sweep_that_it_was),
        cmocka_unit_test(who_becomes_one_is_asked_next_unless_it_was_asked_already),
        cmocka_unit_test(many_that_become_one_at_once_are_all_asked_before_the_rest),
        cmocka_unit_test(who_ceases_to_be_one_is_of_the_rest),
        cmocka_unit_test(the_rest_gets_what_the_first_lap_leaves_of_each_interval),
        cmocka_unit_test(where_nothing_is_left_the_rest_waits),
        cmocka_unit_test(a_long_way_is_walked_in_steps),
        cmocka_unit_test(a_reload_in_either_lap_asks_nothing_twice),
        cmocka_unit_test(the_rest_goes_on_where_it_was_after_a_lap_and_a_reload),
        cmocka_unit_test(laps_may_begin_in_the_middle_of_a_sweep),
        cmocka_unit_test(a_restart_begins_with_the_first_lap),
        cmocka_unit_test(whatever_becomes_of_the_first_lap_nothing_is_left_out),
        cmocka_unit_test(without_memory_the_sweep_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
