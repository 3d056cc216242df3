/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that show an event wait until the store has it, but not for long.
 */
/* LINK: -Wl,--wrap=page_render,--wrap=metrics_render,--wrap=httpd_answer,--wrap=httpd_turn */
/* LINK: -Wl,--wrap=loop_now_ns,--wrap=clock_now_ns,--wrap=calloc */
#include "web_fixture.h"

static struct {
    uint64_t put, written;
    int64_t late_ns; /* who has waited so long may be told */
} store;

static uint64_t store_mark(void *context) {
    return store.put;
}

static bool store_may_tell(void *context, uint64_t mark, int64_t since_ns, int64_t now_ns) {
    return mark <= store.written || now_ns - since_ns >= store.late_ns;
}

static int setup_with_a_store(void **state) {
    setup(state);
    store.put = 1;
    store.written = 0;
    store.late_ns = APP_STORE_TELL_NS;
    seen.cost_ns = 0;
    web.options.mark = store_mark;
    web.options.may_tell = store_may_tell;
    assert_true(app_web_held_start(&web));
    return 0;
}

static int64_t held_turn(void) {
    turn();
    return app_web_held_turn(&web, seen.now_ns);
}

static void shows_what_the_store_has_once_it_has_it(void **state) {
    unsigned first = scrape();
    unsigned page = ask_for(ROUTE_STATUS, "", "");
    assert_int_equal(held_turn(), seen.now_ns + APP_STORE_TELL_NS);
    held_turn();
    expect_waiting(first);
    store.put = 2; /* after the renderings: they do not wait for it */
    store.written = 1;
    unsigned next = scrape();
    held_turn();
    expect_answer(first, "scrape 1");
    expect_answer(page, "page 1");
    expect_waiting(next);
    store.written = 2;
    assert_int_equal(held_turn(), INT64_MAX);
    expect_answer(next, "scrape 2");
    unsigned last = scrape();
    turn();
    expect_answer(last, "scrape 3"); /* nothing to wait for */
}

static void waits_no_longer_than_it_may(void **state) {
    unsigned first = scrape();
    int64_t until_ns = held_turn();
    seen.now_ns = until_ns - 1;
    held_turn();
    expect_waiting(first);
    seen.now_ns = until_ns;
    assert_int_equal(held_turn(), INT64_MAX);
    expect_answer(first, "scrape 1");
}

static void a_rendering_that_is_shared_waits_for_what_it_shows(void **state) {
    seen.cost_ns = 10 * MS;
    unsigned first = scrape();
    held_turn();
    store.put = 2;
    unsigned second = scrape(); /* the same rendering */
    store.written = 1;
    held_turn();
    expect_answer(first, "scrape 1");
    expect_answer(second, "scrape 1");
}

static void what_shows_no_verdict_waits_for_nothing(void **state) {
    unsigned healthy = ask_for(ROUTE_HEALTHY, "", "");
    expect_answer(healthy, "rbl_exporter is healthy.\n");
}

static void more_than_there_are_places_are_answered_at_once(void **state) {
    for (unsigned i = 0; i < PLACES; i++) {
        scrape();
        turn();
    }
    for (unsigned i = 1; i <= PLACES; i++)
        expect_waiting(i);
    unsigned one_more = scrape();
    turn();
    assert_int_equal(answers[one_more].n, 1);
}

#define WITH_A_STORE(test) cmocka_unit_test_setup_teardown(test, setup_with_a_store, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(shows_what_the_store_has_once_it_has_it),
        WITH_A_STORE(waits_no_longer_than_it_may),
        WITH_A_STORE(a_rendering_that_is_shared_waits_for_what_it_shows),
        WITH_A_STORE(what_shows_no_verdict_waits_for_nothing),
        WITH_A_STORE(more_than_there_are_places_are_answered_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
