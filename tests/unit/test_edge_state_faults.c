/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_fixture.h"

/* --- A disk that refuses --- */

static const struct {
    const char *label;
    int rc;
    bool sync; /* else writes */
    const char *why;
} refusals[] = {
    {"full", SQLITE_FULL, false, "free space"},
    {"write error", SQLITE_IOERR_WRITE, false, "disk I/O error"},
    {"sync error", SQLITE_IOERR_FSYNC, true, "disk I/O error"},
    {"read-only", SQLITE_READONLY, false, "writable"},
};

static void set_refusal(size_t i, bool refuses) {
    *(refusals[i].sync ? &disk.sync_rc : &disk.write_rc) = refuses ? refusals[i].rc : 0;
}

static void put_number(struct world *w, int number) {
    char data[16];
    snprintf(data, sizeof data, "%d", number);
    const struct record r = rec(RECORD_LOOKS, "a", 1, 0, data);
    assert_true(state_put(w->s, &r, (uint64_t)number));
}

static void keeps_all_and_its_order_while_the_disk_refuses(void **state) {
    struct world *w = *state;
    int number = 0;
    begin(w);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const uint64_t errors = state_errors(w->s);
        print_message("%s\n", refusals[i].label);
        w->n_up = w->n_down = 0;
        put_number(w, ++number);
        UNTIL(w->n_tickets == (size_t)number);
        set_refusal(i, true);
        put_number(w, ++number);
        put_event(w, clock_wall_ns(), "192.0.2.1", refusals[i].label);
        UNTIL(w->n_down == 1 && state_errors(w->s) >= errors + 3); /* it has tried again */
        assert_int_equal(w->n_down, 1);
        assert_non_null(strstr(w->why, refusals[i].why));
        assert_non_null(strstr(w->why, w->file));
        put_number(w, ++number);
        usleep(50000);
        state_turn(w->s, clock_now_ns());
        assert_int_equal(w->n_tickets, number - 2);
        assert_false(state_up(w->s));
        set_refusal(i, false);
        UNTIL(w->n_tickets == (size_t)number);
        UNTIL(w->n_up == 1);
        assert_int_equal(w->n_down, 1);
        assert_string_equal(state_why(w->s), "");
    }
    for (int i = 0; i < number; i++)
        assert_int_equal(w->tickets[i], i + 1);
    again(w);
    char expected[512] = "";
    for (int i = 1; i <= number; i++)
        sprintf(expected + strlen(expected), "LOOKS a 1 0 - %d %d\n", i < 10 ? 1 : 2, i);
    assert_string_equal(w->text, expected);
    assert_int_equal(w->n_events, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(w->events[i].detail, refusals[i].label);
    assert_false(state_was_damaged(w->s));
    end(w);
}

static void comes_up_without_anything_to_write(void **state) {
    struct world *w = *state;
    begin(w);
    disk.write_rc = SQLITE_FULL;
    put(w, RECORD_LIST, "a", 0, 0, "x");
    UNTIL(w->n_down == 1);
    disk.write_rc = 0;
    UNTIL(w->n_up == 1);
    end(w);
}

static void gives_a_list_its_number_again_when_its_first_row_failed(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "first", 0, 0, "x");
    settle(w);
    disk.sync_rc = SQLITE_IOERR_FSYNC;
    put(w, RECORD_LOOKS, "second", 1, 0, "look");
    put(w, RECORD_LIST, "second", 0, 0, "y");
    UNTIL(w->n_down == 1);
    disk.sync_rc = 0;
    UNTIL(w->n_up == 1);
    put(w, RECORD_LOOKS, "second", 1, 0, "look-2");
    again(w);
    assert_string_equal(w->text, "LIST first 0 0 - 1 x\nLIST second 0 0 - 1 y\n"
                                 "LOOKS second 1 0 - 4 look\nLOOKS second 1 0 - 6 look-2\n");
    end(w);
}

static void folds_when_the_fold_had_to_be_tried_again(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LOOKS, "a", 1, 0, "before");
    settle(w);
    disk.write_rc = SQLITE_FULL;
    put(w, RECORD_FOLD, "a", 1, 0, NULL);
    put(w, RECORD_CELLS, "a", 1, 0, "cells");
    put(w, RECORD_LOOKS, "a", 1, 0, "within");
    UNTIL(w->n_down == 1);
    put(w, RECORD_FOLDED, "a", 1, 0, NULL);
    put(w, RECORD_LOOKS, "a", 1, 0, "after");
    disk.write_rc = 0;
    again(w);
    assert_string_equal(w->text, "CELLS a 1 0 - 5 cells\nLOOKS a 1 0 - 6 within\nLOOKS a 1 0 - 5 after\n");
    end(w);
}

static void begins_a_new_file_once_there_is_room(void **state) {
    struct world *w = *state;
    disk.write_rc = SQLITE_FULL;
    open_store(w);
    assert_false(state_up(w->s));
    load_store(w);
    start_store(w, DAY);
    UNTIL(w->n_down == 1);
    put(w, RECORD_LIST, "a", 0, 0, "x");
    disk.write_rc = 0;
    UNTIL(w->n_up == 1);
    again(w);
    assert_string_equal(w->text, "LIST a 0 0 - 1 x\n");
    end(w);
}

static void says_what_was_not_written_when_it_closes(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "kept");
    settle(w);
    disk.write_rc = SQLITE_FULL;
    put(w, RECORD_LIST, "a", 0, 0, "lost");
    UNTIL(w->n_down == 1);
    assert_false(close_store(w));
    disk.write_rc = 0;
    begin(w);
    assert_string_equal(w->text, "LIST a 0 0 - 4 kept\n");
    end(w);
}

static void drains_when_closed_while_down(void **state) {
    struct world *w = *state;
    w->pace.retry_ns = 3600 * 1000 * MS;
    begin(w);
    disk.write_rc = SQLITE_FULL;
    put(w, RECORD_LIST, "a", 0, 0, "x");
    UNTIL(w->n_down == 1);
    disk.write_rc = 0;
    again(w);
    assert_string_equal(w->text, "LIST a 0 0 - 1 x\n");
    end(w);
}

/* --- A disk that stands still --- */

static void says_that_the_disk_stands_still_and_goes_on(void **state) {
    struct world *w = *state;
    w->pace.stall_ns = 100 * MS;
    begin(w);
    settle(w);
    w->n_up = w->n_down = 0;
    disk.sync_ms = 1000;
    put(w, RECORD_LIST, "a", 0, 0, "x");
    UNTIL(w->n_down == 1);
    assert_non_null(strstr(w->why, "has not answered for "));
    assert_false(state_up(w->s));
    disk.sync_ms = 0;
    UNTIL(w->n_up == 1);
    assert_int_equal(w->n_down, 1);
    assert_int_equal(state_errors(w->s), 0);
    again(w);
    assert_string_equal(w->text, "LIST a 0 0 - 1 x\n");
    end(w);
}

static void wakes_the_loop_in_time_to_notice_a_stall(void **state) {
    struct world *w = *state;
    begin(w);
    const int64_t now_ns = clock_now_ns();
    assert_true(state_turn(w->s, now_ns) <= now_ns + w->pace.stall_ns);
    end(w);
}

static void bounds_what_waits_and_never_blocks(void **state) {
    struct world *w = *state;
    begin(w);
    settle(w);
    disk.write_rc = SQLITE_FULL;
    static char data[100000];
    struct record r = {.kind = RECORD_CELLS, .list = "a", .data = data, .len = sizeof data};
    size_t n = 0;
    for (; state_put(w->s, &r, 0); n++)
        r.number++;
    assert_in_range(state_queued(w->s), STATE_QUEUE_BYTES - sizeof data - 1000, STATE_QUEUE_BYTES);
    const size_t queued = state_queued(w->s);
    assert_false(state_put(w->s, &r, 7));
    assert_int_equal(state_queued(w->s), queued);
    const uint64_t errors = state_errors(w->s);
    size_t n_events = 0;
    while (state_queued(w->s) + 2 * sizeof(struct state_item) + sizeof(struct history_event) <=
           (size_t)2 * STATE_QUEUE_BYTES) {
        put_event(w, clock_wall_ns(), "192.0.2.1", "code");
        n_events++;
    }
    const uint64_t failed_meanwhile = state_errors(w->s) - errors;
    for (int i = 0; i < 1000; i++)
        put_event(w, clock_wall_ns(), "192.0.2.1", "dropped");
    assert_in_range(state_errors(w->s), errors + failed_meanwhile + 999, errors + failed_meanwhile + 1200);
    assert_true(state_queued(w->s) <= (size_t)2 * STATE_QUEUE_BYTES);
    disk.write_rc = 0;
    UNTIL(state_queued(w->s) == 0);
    assert_true(n_events > 10000);
    end(w);
    assert_in_range(ask_sql(w, "SELECT count(*) FROM history"), n_events, n_events + 1);
    assert_int_equal(ask_sql(w, "SELECT count(*) FROM cells"), n);
}

static void leaves_a_thread_behind_that_does_not_come_back_in_time(void **state) {
    struct world *w = *state;
    begin(w);
    settle(w);
    disk.sync_ms = 3000;
    put(w, RECORD_LIST, "a", 0, 0, "x");
    while (!disk.syncing)
        usleep(1000);
    struct state *s = w->s;
    w->s = NULL;
    const int64_t before_ns = clock_now_ns();
    assert_false(state_close(s, 50 * MS));
    assert_true(clock_now_ns() - before_ns < 2500 * MS);
    disk.sync_ms = 0;
    /* It comes back, and leaves the file to the next. */
    for (int i = 0; i < 1000; i++) {
        usleep(10000);
        open_store(w);
        if (state_up(w->s))
            break;
        assert_true(close_store(w));
    }
    load_store(w);
    assert_true(w->n_records <= 1);
    assert_false(state_was_damaged(w->s));
    assert_true(close_store(w));
}

/* --- A file that breaks while in use --- */

static void begins_anew_when_the_file_is_damaged_in_use(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "old");
    put_event(w, clock_wall_ns(), "192.0.2.1", "before");
    settle(w);
    disk.write_rc = SQLITE_CORRUPT;
    put(w, RECORD_LIST, "a", 0, 0, "dropped");
    put_event(w, clock_wall_ns(), "192.0.2.1", "kept");
    for (int i = 0; count_files(w, "damaged") < 2; i++) /* with its WAL */
        usleep(1000);
    disk.write_rc = 0;
    UNTIL(w->n_lost == 1);
    put(w, RECORD_LIST, "b", 0, 0, "new");
    settle(w);
    assert_true(state_up(w->s));
    assert_true(state_errors(w->s) > 0);
    again(w);
    assert_string_equal(w->text, "LIST b 0 0 - 3 new\n");
    assert_string_equal(w->events[w->n_events - 1].detail, "kept");
    assert_false(state_was_damaged(w->s));
    end(w);
}

static void gives_up_on_a_disk_that_damages_every_file(void **state) {
    struct world *w = *state;
    begin(w);
    settle(w);
    disk.write_rc = SQLITE_CORRUPT;
    for (int i = 0; i < 1000 && !strstr(state_why(w->s), "started again"); i++) {
        const struct record r = rec(RECORD_LIST, "a", 0, 0, "x");
        (void)state_put(w->s, &r, 1);
        usleep(10000);
        state_turn(w->s, clock_now_ns());
    }
    assert_non_null(strstr(state_why(w->s), "started again"));
    const struct record r = rec(RECORD_LIST, "a", 0, 0, "x");
    assert_false(state_put(w->s, &r, 0));
    assert_true(count_files(w, "damaged") <= 2 * STATE_ASIDE_MOST);
    disk.write_rc = 0;
    end(w);
}

static void begins_anew_when_the_file_is_deleted_in_use(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "old");
    settle(w);
    remove_folder(w->path);
    put_event(w, clock_wall_ns(), NULL, "kept");
    UNTIL(w->n_lost == 1);
    put(w, RECORD_LIST, "a", 0, 0, "new");
    again(w);
    assert_string_equal(w->text, "LIST a 0 0 - 3 new\n");
    assert_int_equal(w->n_events, 1);
    assert_int_equal(count_files(w, "damaged"), 0);
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_all_and_its_order_while_the_disk_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(comes_up_without_anything_to_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_a_list_its_number_again_when_its_first_row_failed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(folds_when_the_fold_had_to_be_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(begins_a_new_file_once_there_is_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_what_was_not_written_when_it_closes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drains_when_closed_while_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_that_the_disk_stands_still_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wakes_the_loop_in_time_to_notice_a_stall, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_what_waits_and_never_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_a_thread_behind_that_does_not_come_back_in_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(begins_anew_when_the_file_is_damaged_in_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_up_on_a_disk_that_damages_every_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(begins_anew_when_the_file_is_deleted_in_use, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
