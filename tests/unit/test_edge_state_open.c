/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=clock_wall_ns,--wrap=state_prune */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_fixture.h"

static _Atomic int64_t wall_shift_ns; /* the thread of the store reads it too */
int64_t __real_clock_wall_ns(void);
int64_t __wrap_clock_wall_ns(void) {
    return __real_clock_wall_ns() + wall_shift_ns;
}

static atomic_int n_prunings; /* by the thread of the store */
int __real_state_prune(struct state_file *f, int64_t wall_ns, int64_t cutoff_ns, int64_t rows, bool *more);
int __wrap_state_prune(struct state_file *f, int64_t wall_ns, int64_t cutoff_ns, int64_t rows, bool *more) {
    const int rc = __real_state_prune(f, wall_ns, cutoff_ns, rows, more);
    n_prunings++;
    return rc;
}

/* --- Files that are not ours to write --- */

static void expect_down(struct world *w, const char *why) {
    open_store(w);
    load_store(w);
    assert_false(state_up(w->s));
    if (!strstr(state_why(w->s), why))
        fail_msg("expected \"%s\" in: %s", why, state_why(w->s));
    start_store(w, DAY);
    state_turn(w->s, clock_now_ns());
    assert_int_equal(w->n_down, 1);
    state_turn(w->s, clock_now_ns());
    assert_int_equal(w->n_down, 1);
    const struct record r = rec(RECORD_LIST, "a", 0, 0, "new");
    assert_false(state_put(w->s, &r, 0));
    end(w);
    w->n_down = 0;
}

static void does_not_touch_a_file_of_a_later_version(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "x");
    end(w);
    run_sql(w, "PRAGMA user_version = 3");
    struct stat before;
    struct stat after;
    assert_int_equal(stat(w->file, &before), 0);
    expect_down(w, "later version");
    assert_int_equal(w->n_records, 0);
    assert_int_equal(stat(w->file, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
    assert_int_equal(count_files(w, ""), 1);
}

static void does_not_touch_a_file_of_somebody_else(void **state) {
    struct world *w = *state;
    assert_int_equal(mkdir(w->path, 0755), 0);
    run_sql(w, "CREATE TABLE theirs(x)");
    expect_down(w, "is no store of rbl_exporter");
    assert_int_equal(ask_sql(w, "SELECT count(*) FROM sqlite_schema"), 1);
    run_sql(w, "PRAGMA application_id = 7; PRAGMA user_version = 1");
    expect_down(w, "is no store of rbl_exporter");
    assert_int_equal(count_files(w, ""), 1);
}

static void says_why_a_folder_cannot_be_used(void **state) {
    struct world *w = *state;
    const int fd = open(w->path, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0);
    close(fd);
    expect_down(w, "Not a directory");
    strcat(w->path, "/below");
    expect_down(w, "Not a directory");
    strcpy(w->path, "/proc/nothing/here");
    expect_down(w, "No such file or directory");
}

static void says_why_a_file_cannot_be_used(void **state) {
    struct world *w = *state;
    assert_int_equal(mkdir(w->path, 0755), 0);
    assert_int_equal(mkdir(w->file, 0755), 0);
    open_store(w);
    load_store(w);
    assert_non_null(strstr(state_why(w->s), w->file));
    start_store(w, DAY);
    state_turn(w->s, clock_now_ns());
    assert_int_equal(w->n_down, 1);
    put(w, RECORD_LIST, "a", 0, 0, "x"); /* waits until the way is free */
    assert_int_equal(rmdir(w->file), 0);
    settle(w);
    again(w);
    assert_string_equal(w->text, "LIST a 0 0 - 1 x\n");
    end(w);
}

/* As on a file system that became read-only. */
static int open_refused(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *out) {
    struct disk_file *file = (struct disk_file *)f;
    file->base.pMethods = NULL;
    if (flags & (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE))
        return SQLITE_CANTOPEN;
    return disk_open(vfs, name, f, flags, out);
}

static void shows_what_is_known_when_it_cannot_be_written(void **state) {
    struct world *w = *state;
    begin(w);
    put_some(w);
    end(w);
    disk_vfs.xOpen = open_refused;
    open_store(w);
    load_store(w);
    disk_vfs.xOpen = disk_open;
    assert_string_equal(w->text, "LIST a 0 0 - 4 list\nLAYOUT a 1 0 - 6 layout\nCELLS a 1 0 - 5 cells\n"
                                 "LOOKS a 1 0 - 6 look-1\n");
    assert_int_equal(w->n_events, 1);
    assert_false(state_up(w->s));
    assert_non_null(strstr(state_why(w->s), "until the program is started again"));
    assert_int_equal(count_files(w, ""), 1);
    end(w);
}

/* --- Lists of long ago --- */

static void age(struct world *w, const char *list, int64_t put_ns) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT id FROM list WHERE name = '%s'", list);
    const int64_t id = ask_sql(w, sql);
    const struct record r = rec(RECORD_LIST, list, 0, 0, "x");
    snprintf(sql, sizeof sql, "UPDATE list SET put_at = %lld, crc = %u WHERE id = %lld", (long long)put_ns,
             state_record_crc(&r, state_list_extra(id, put_ns)), (long long)id);
    run_sql(w, sql);
}

static void forgets_lists_that_nobody_has_put_for_a_month(void **state) {
    struct world *w = *state;
    begin(w);
    for (int i = 0; i < 3; i++) {
        const char *list = i == 0 ? "gone" : i == 1 ? "here" : "last";
        put(w, RECORD_LIST, list, 0, 0, "x");
        put(w, RECORD_LAYOUT, list, 1, 0, "layout");
        put(w, RECORD_CELLS, list, 1, 0, "cells");
        put(w, RECORD_LOOKS, list, 1, 0, "look");
        put_ip(w, RECORD_ENTRY, list, 1, "192.0.2.1", "entry");
    }
    put(w, RECORD_BUDGET, "gone", 0, 0, "spent");
    end(w);
    const int64_t now_ns = clock_wall_ns();
    age(w, "gone", now_ns - 31 * DAY);
    age(w, "here", now_ns - 29 * DAY);
    begin(w);
    assert_null(strstr(w->text, " gone 1"));
    assert_null(strstr(w->text, "LIST gone"));
    assert_non_null(strstr(w->text, "BUDGET gone 0 0 - 5 spent"));
    assert_int_equal(w->n_records, 11);
    /* It comes back as a list that was never there. */
    put(w, RECORD_LOOKS, "gone", 9, 0, "new");
    again(w);
    assert_int_equal(w->n_records, 12);
    assert_non_null(strstr(w->text, "LOOKS gone 9 0 - 3 new\n"));
    end(w);
    assert_int_equal(ask_sql(w, "SELECT (SELECT count(*) FROM layout) + (SELECT count(*) FROM cells)"
                                " + (SELECT count(*) FROM looks) + (SELECT count(*) FROM entry)"),
                     9);
}

/* As after a start without a battery: nothing is older or younger for that, and what is kept stays in order.
 */
static void goes_on_from_the_last_write_when_the_clock_is_not_set(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "x");
    end(w);
    begin(w);
    const int64_t alive_ns = w->alive_ns;
    assert_true(state_wall_ns(w->s) >= alive_ns);
    wall_shift_ns = -clock_wall_ns() + 1000 * MS; /* a second after 1970 */
    assert_true(clock_wall_ns() < 2000 * MS);
    assert_in_range(state_wall_ns(w->s) - alive_ns, 0, 60000 * MS);
    put(w, RECORD_LIST, "a", 0, 0, "y");
    again(w);
    assert_in_range(w->alive_ns - alive_ns, 0, 60000 * MS);
    wall_shift_ns = 0;
    assert_true(state_wall_ns(w->s) - clock_wall_ns() <= 0);
    end(w);
}

/* A clock that is years ahead at one start takes no history with it. */
static void keeps_the_history_when_the_clock_is_years_ahead(void **state) {
    struct world *w = *state;
    begin(w);
    put_event(w, clock_wall_ns(), NULL, "1.0");
    end(w);
    wall_shift_ns = 4000 * DAY;
    n_prunings = 0;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "x");
    UNTIL(n_prunings > 0);
    end(w);
    wall_shift_ns = 0;
    begin(w);
    assert_int_equal(w->n_events, 1);
    end(w);
}

/* What pruning does not believe is still the time: a program that was off for days has been alive today. */
static void pruning_says_when_it_was(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "x");
    end(w);
    wall_shift_ns = 10 * DAY;
    n_prunings = 0;
    const int64_t started_ns = clock_wall_ns();
    begin(w);
    UNTIL(n_prunings > 0); /* nothing else is written */
    again(w);
    wall_shift_ns = 0;
    assert_in_range(w->alive_ns - started_ns, 0, 600000 * MS);
    end(w);
}

static void forgets_nothing_for_having_been_off(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "x");
    end(w);
    const int64_t then_ns = clock_wall_ns() - 400 * DAY;
    char sql[128];
    age(w, "a", then_ns);
    snprintf(sql, sizeof sql, "UPDATE meta SET value = %lld, crc = %u", (long long)then_ns,
             state_alive_crc(then_ns));
    run_sql(w, sql);
    begin(w);
    assert_string_equal(w->text, "LIST a 0 0 - 1 x\n");
    assert_int_equal(w->alive_ns, then_ns);
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(does_not_touch_a_file_of_a_later_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(does_not_touch_a_file_of_somebody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_why_a_folder_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_why_a_file_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shows_what_is_known_when_it_cannot_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_lists_that_nobody_has_put_for_a_month, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_from_the_last_write_when_the_clock_is_not_set, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_history_when_the_clock_is_years_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pruning_says_when_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_nothing_for_having_been_off, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
