/* SPDX-License-Identifier: Apache-2.0
 *
 * What others than the checker keep, and files of the version that had no table for it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_fixture.h"

static void brings_back_what_was_kept_last(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_KEPT, "out", 0, KEPT_SPF, "old");
    put(w, RECORD_KEPT, "out", 0, KEPT_SENDERS, "senders");
    put(w, RECORD_KEPT, "in", 0, KEPT_SPF, "");
    settle(w);
    put(w, RECORD_KEPT, "out", 0, KEPT_SPF, "new");
    put(w, RECORD_BUDGET, "out", 0, 0, "spent");
    again(w);
    assert_string_equal(w->text, "BUDGET out 0 0 - 5 spent\nKEPT in 0 0 - 0 \nKEPT out 0 0 - 3 new\n"
                                 "KEPT out 0 1 - 7 senders\n");
    put(w, RECORD_KEPT_GONE, "out", 0, KEPT_SENDERS, NULL);
    put(w, RECORD_KEPT_GONE, "in", 0, KEPT_SENDERS, NULL); /* nothing was kept there */
    again(w);
    assert_string_equal(w->text, "BUDGET out 0 0 - 5 spent\nKEPT in 0 0 - 0 \nKEPT out 0 0 - 3 new\n");
    end(w);
}

/* A list of that name may go, and come back. */
static void is_of_no_list(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_KEPT, "a", 0, KEPT_BOUNCED, "kept");
    put(w, RECORD_LIST, "a", 0, 0, "x");
    settle(w);
    put(w, RECORD_LIST_GONE, "a", 0, 0, NULL);
    again(w);
    assert_string_equal(w->text, "KEPT a 0 2 - 4 kept\n");
    end(w);
    assert_int_equal(ask_sql(w, "SELECT count(*) FROM list"), 0);
}

static void keeps_a_megabyte_with_every_byte(void **state) {
    struct world *w = *state;
    const size_t len = (size_t)1 << 20;
    char *data = malloc(len);
    begin(w);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(i * 31 >> 3);
    const struct record r = {
        .kind = RECORD_KEPT, .list = "bounced", .number = KEPT_BOUNCED, .data = data, .len = len};
    for (int i = 0; i < 3; i++)
        assert_true(state_put(w->s, &r, 0));
    free(data);
    again(w);
    assert_string_equal(w->text, "KEPT bounced 0 2 - 1048576 \n"); /* its checksum was right */
    assert_int_equal(state_errors(w->s), 0);
    end(w);
}

/* --- Files of version 1 --- */

static void make_version_1(struct world *w) {
    begin(w);
    put_some(w);
    put(w, RECORD_BUDGET, "a", 0, 0, "spent");
    put_ip(w, RECORD_ENTRY, "a", 1, "192.0.2.1", "entry");
    end(w);
    run_sql(w, "DROP TABLE kept; PRAGMA user_version = 1");
}

static const char of_version_1[] = "BUDGET a 0 0 - 5 spent\nLIST a 0 0 - 4 list\nLAYOUT a 1 0 - 6 layout\n"
                                   "CELLS a 1 0 - 5 cells\nLOOKS a 1 0 - 6 look-1\n"
                                   "ENTRY a 1 0 192.0.2.1 5 entry\n";

static void takes_over_a_file_of_the_version_before(void **state) {
    struct world *w = *state;
    make_version_1(w);
    begin(w);
    assert_string_equal(w->text, of_version_1);
    assert_int_equal(w->n_events, 1);
    assert_false(state_was_damaged(w->s));
    put(w, RECORD_KEPT, "out", 0, KEPT_SPF, "new");
    again(w);
    assert_int_equal(w->n_records, 7);
    assert_non_null(strstr(w->text, "KEPT out 0 0 - 3 new\n"));
    assert_int_equal(count_files(w, "damaged"), 0);
    end(w);
    assert_int_equal(ask_sql(w, "PRAGMA user_version"), 2);
}

/* As on a file system that became read-only. */
static int open_refused(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *out) {
    struct disk_file *file = (struct disk_file *)f;
    file->base.pMethods = NULL;
    if (flags & (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE))
        return SQLITE_CANTOPEN;
    return disk_open(vfs, name, f, flags, out);
}

static void shows_a_file_of_the_version_before_that_it_cannot_write(void **state) {
    struct world *w = *state;
    make_version_1(w);
    disk_vfs.xOpen = open_refused;
    open_store(w);
    load_store(w);
    disk_vfs.xOpen = disk_open;
    assert_string_equal(w->text, of_version_1);
    assert_false(state_up(w->s));
    assert_false(state_was_damaged(w->s));
    assert_int_equal(state_errors(w->s), 1); /* that it is down */
    end(w);
    assert_int_equal(ask_sql(w, "PRAGMA user_version"), 1);
}

/* The disk is full when a new version of the program starts: it has read everything, and writes as soon as
 * there is room. */
static void takes_a_file_over_when_there_is_room(void **state) {
    struct world *w = *state;
    make_version_1(w);
    disk.write_rc = SQLITE_FULL;
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    begin(w);
    assert_string_equal(w->text, of_version_1);
    assert_false(state_was_damaged(w->s));
    put(w, RECORD_KEPT, "out", 0, KEPT_SPF, "new");
    UNTIL(w->n_down == 1);
    assert_false(state_is_for_good(w->s));
    disk.write_rc = 0;
    UNTIL(w->n_up == 1);
    settle(w);
    again(w);
    assert_int_equal(w->n_records, 7);
    assert_int_equal(count_files(w, "damaged"), 0);
    end(w);
    assert_int_equal(ask_sql(w, "PRAGMA user_version"), 2);
}

/* What can be read is brought back, and a new file begun. */
static void sets_a_file_aside_that_cannot_be_taken_over(void **state) {
    struct world *w = *state;
    make_version_1(w);
    run_sql(w, "CREATE TABLE kept(x)");
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    begin(w);
    assert_string_equal(w->text, of_version_1);
    assert_int_equal(w->n_events, 1);
    assert_true(state_was_damaged(w->s));
    assert_true(state_up(w->s));
    assert_int_equal(count_files(w, "damaged"), 1);
    put(w, RECORD_KEPT, "out", 0, KEPT_SPF, "new");
    again(w);
    assert_string_equal(w->text, "KEPT out 0 0 - 3 new\n");
    assert_false(state_was_damaged(w->s));
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(brings_back_what_was_kept_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_of_no_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_a_megabyte_with_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_over_a_file_of_the_version_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shows_a_file_of_the_version_before_that_it_cannot_write, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(takes_a_file_over_when_there_is_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_a_file_aside_that_cannot_be_taken_over, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
