/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_fixture.h"

/* Allocations of this thread that still succeed, and of the store's; below zero: all. */
static _Thread_local long allocations_left = -1;
static atomic_long others_left = -1;
static _Thread_local bool is_ours;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static bool allocation_fails(void) {
    if (!is_ours)
        return others_left >= 0 && (others_left == 0 || others_left-- == 0);
    if (allocations_left < 0)
        return false;
    return allocations_left == 0 || allocations_left-- == 0;
}

void *__wrap_malloc(size_t size) {
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return allocation_fails() ? NULL : __real_realloc(old, size);
}

static int set_up_ours(void **state) {
    is_ours = true;
    return set_up(state);
}

static void opens_and_loads_or_says_that_there_is_no_memory(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "x");
    put(w, RECORD_LOOKS, "a", 1, 0, "y");
    end(w);
    bool done = false;
    for (long n = 0; !done; n++) {
        assert_true(n < 100);
        w->n_records = w->len = 0;
        allocations_left = n;
        w->s = state_open(w->path, 0);
        if (w->s && state_load(w->s, on_record, on_event, w, &w->alive_ns) == STATUS_OK) {
            /* The end of loading came through: nothing is missing. */
            assert_string_equal(w->text, "LIST a 0 0 - 1 x\nLOOKS a 1 0 - 1 y\n");
            assert_true(state_up(w->s));
            done = true;
        }
        allocations_left = -1;
        assert_true(close_store(w));
    }
    assert_int_equal(count_files(w, "damaged"), 0);
}

static void refuses_a_record_and_counts_an_event_without_memory(void **state) {
    struct world *w = *state;
    begin(w);
    const struct record r = rec(RECORD_LIST, "a", 0, 0, "x");
    const struct history_event e = make_event(clock_wall_ns(), HISTORY_STARTED, "", NULL, "1.0");
    const struct ip ip = ip_v4(1);
    allocations_left = 0;
    const bool put = state_put(w->s, &r, 1);
    state_put_event(w->s, &e);
    const bool asked = state_ask_history(w->s, &ip, INT64_MAX, 1, 1);
    allocations_left = -1;
    assert_false(put);
    assert_false(asked);
    assert_int_equal(state_queued(w->s), 0);
    assert_int_equal(state_errors(w->s), 1);
    assert_true(state_put(w->s, &r, 1));
    again(w);
    assert_string_equal(w->text, "LIST a 0 0 - 1 x\n");
    assert_int_equal(w->n_events, 0);
    end(w);
}

static void waits_for_memory_in_the_thread(void **state) {
    struct world *w = *state;
    const struct ip ip = ip_v4(1);
    begin(w);
    others_left = 0;
    put(w, RECORD_LIST, "a", 0, 0, "x");
    UNTIL(w->n_down == 1);
    assert_non_null(strstr(w->why, "out of memory"));
    assert_true(state_ask_history(w->s, &ip, INT64_MAX, 1, 1));
    UNTIL(w->n_answers == 1);
    assert_false(w->answers[0].ok);
    others_left = -1;
    UNTIL(w->n_up == 1);
    again(w);
    assert_string_equal(w->text, "LIST a 0 0 - 1 x\n");
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opens_and_loads_or_says_that_there_is_no_memory, set_up_ours,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_record_and_counts_an_event_without_memory, set_up_ours,
                                        tear_down),
        cmocka_unit_test_setup_teardown(waits_for_memory_in_the_thread, set_up_ours, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
