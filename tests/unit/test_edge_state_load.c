/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what is kept while SQLite refuses one statement after the other, and rows that no put would write.
 * What comes back was put, whatever fails; want of memory is never taken for damage.
 */
/* LINK: -Wl,--wrap=state_sql,--wrap=state_schema_is_whole,--wrap=clock_wall_ns */
/* LINK: -Wl,--wrap=sqlite3_step,--wrap=sqlite3_reset */
/* LINK: -Wl,--wrap=sqlite3_column_text,--wrap=sqlite3_column_bytes */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "damage_fixture.h"

enum { NONE = -1, GENERATIONS = 20 };

enum how { PREPARE, STEP, TEXTLESS, OTHER_TEXT, HUGE_DATA };

static _Thread_local struct {
    int which; /* the statement that fails; NONE: none */
    enum how how;
    int rc;
    sqlite3_stmt *statement;
    unsigned n_used;
    int n_partial; /* so many checks of the tables fail */
    int n_texts;   /* so many texts are others */
} fault = {.which = NONE};

static int64_t wall_shift_ns;

int64_t __real_clock_wall_ns(void);
int64_t __wrap_clock_wall_ns(void) {
    return __real_clock_wall_ns() + wall_shift_ns;
}

int __real_state_sql(struct state_file *f, enum state_sql which, sqlite3_stmt **out);
int __wrap_state_sql(struct state_file *f, enum state_sql which, sqlite3_stmt **out) {
    const bool ours = (int)which == fault.which;
    fault.n_used += ours;
    *out = NULL;
    if (ours && fault.how == PREPARE)
        return fault.rc;
    const int rc = __real_state_sql(f, which, out);
    if (ours)
        fault.statement = *out;
    return rc;
}

static bool fails(const sqlite3_stmt *statement, enum how how) {
    return fault.which != NONE && statement && statement == fault.statement && fault.how == how;
}

int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement) {
    return fails(statement, STEP) ? fault.rc : __real_sqlite3_step(statement);
}

/* Says once more how the last step ended. */
int __real_sqlite3_reset(sqlite3_stmt *statement);
int __wrap_sqlite3_reset(sqlite3_stmt *statement) {
    const int rc = __real_sqlite3_reset(statement);
    return fails(statement, STEP) ? fault.rc : rc;
}

const unsigned char *__real_sqlite3_column_text(sqlite3_stmt *row, int column);
const unsigned char *__wrap_sqlite3_column_text(sqlite3_stmt *row, int column) {
    if (fails(row, OTHER_TEXT) && fault.n_texts-- > 0)
        return (const unsigned char *)"a page is not used";
    return fails(row, TEXTLESS) ? NULL : __real_sqlite3_column_text(row, column);
}

int __real_sqlite3_column_bytes(sqlite3_stmt *row, int column);
int __wrap_sqlite3_column_bytes(sqlite3_stmt *row, int column) {
    return fails(row, HUGE_DATA) ? RECORD_SIZE : __real_sqlite3_column_bytes(row, column);
}

bool __real_state_schema_is_whole(struct state_file *f);
bool __wrap_state_schema_is_whole(struct state_file *f) {
    return fault.n_partial > 0 ? fault.n_partial-- < 0 : __real_state_schema_is_whole(f);
}

/* --- A store, again and again --- */

static struct bytes whole;
static char all[6000]; /* what it brings back */

/* A bit of everything, more generations than most lists have, and a list that is to be forgotten. */
static void make_store(struct world *w) {
    quiet();
    disk.lazy = true;
    wall_shift_ns = -STATE_FORGET_NS - 10 * DAY;
    begin(w);
    put(w, RECORD_LIST, "old", 0, 0, "old");
    put_ip(w, RECORD_ENTRY, "old", 1, "192.0.2.9", "long gone");
    end(w);
    wall_shift_ns = 0;
    begin(w);
    fill(w);
    for (uint32_t i = GENERATIONS; i > 2; i--)
        put(w, RECORD_LAYOUT, "bl", i, 0, "another layout");
    snprintf(all, sizeof all, "%s", w->text); /* the old list */
    end(w);
    whole = read_all(w->file);
}

static void write_store(struct world *w) {
    remove_folder(w->path);
    assert_int_equal(mkdir(w->path, 0755), 0);
    write_all(w->file, whole.data, whole.len);
}

static enum status load_faulty(struct world *w, int which, enum how how, int rc) {
    w->len = w->n_records = w->n_events = 0;
    w->text[0] = '\0';
    open_store(w);
    fault.which = which;
    fault.how = how;
    fault.rc = rc;
    fault.statement = NULL;
    fault.n_used = 0;
    const enum status status = state_load(w->s, on_record, on_event, w, &w->alive_ns);
    fault.which = NONE;
    return status;
}

static void close_loaded(struct world *w) {
    (void)close_store(w);
}

static void expect_only_what_was_put(struct world *w, int which) {
    expect_lines_of(w->text, all, "statement", (size_t)which);
    expect_events_of(w, "statement", (size_t)which);
}

static int set_up_store(void **state) {
    if (set_up(state) != 0)
        return -1;
    struct world *w = *state;
    memset(&fault, 0, sizeof fault);
    fault.which = NONE;
    make_store(w);
    const size_t old = strlen(all);
    write_store(w);
    assert_true(passes(w)); /* and forgets the old list */
    assert_null(strstr(w->text, "old"));
    snprintf(all + old, sizeof all - old, "%s", w->text);
    return 0;
}

static int tear_down_store(void **state) {
    free(whole.data);
    whole = (struct bytes){NULL, 0};
    return tear_down(state);
}

/* --- One statement after the other --- */

static bool is_of_forgetting(int which) {
    return which <= STATE_SQL_ALIVE_PUT ||
           (which >= STATE_SQL_FORGET_LIST && which <= STATE_SQL_FORGET_ENTRY);
}

/* Whether the load had any use for it. */
static bool try_statement(struct world *w, int which, enum how how, int rc) {
    write_store(w);
    const enum status status = load_faulty(w, which, how, rc);
    const bool used = fault.n_used > 0;
    print_message("statement %d, %s fails with %d\n", which, how == PREPARE ? "preparing" : "step", rc);
    expect_only_what_was_put(w, which);
    if (rc == SQLITE_NOMEM || is_of_forgetting(which)) {
        assert_int_equal(count_files(w, "damaged"), 0);
        assert_false(state_was_damaged(w->s));
    } else if (used && !state_was_damaged(w->s)) {
        fail_msg("statement %d failed with %d, and nobody noticed", which, rc);
    }
    if (used && is_of_forgetting(which))
        assert_true(status == STATUS_OK && state_errors(w->s) > 0);
    else
        assert_int_equal(status, used && rc == SQLITE_NOMEM ? STATUS_NO_MEMORY : STATUS_OK);
    const bool damaged = state_was_damaged(w->s);
    close_loaded(w);
    assert_true(passes(w)); /* the file, or the new one that was begun */
    assert_int_equal(w->n_records == 0, damaged);
    return used;
}

static void what_a_refused_statement_leaves_out_is_told(void **state) {
    static const int codes[] = {SQLITE_NOMEM, SQLITE_IOERR_READ, SQLITE_CORRUPT};
    struct world *w = *state;
    int n_used = 0;
    for (int which = 0; which < STATE_SQLS; which++) {
        for (size_t i = 0; i < 3; i++) {
            if (!try_statement(w, which, PREPARE, codes[i]))
                break;
            n_used += i == 0;
            if (which != STATE_SQL_ROLLBACK)
                (void)try_statement(w, which, STEP, codes[i]);
        }
    }
    assert_true(n_used >= 20);
}

/* The check of the file has found something, and there is no memory to say what. */
static void a_check_without_words_is_want_of_memory(void **state) {
    struct world *w = *state;
    write_store(w);
    assert_int_equal(load_faulty(w, STATE_SQL_CHECK, TEXTLESS, 0), STATUS_NO_MEMORY);
    assert_int_equal(count_files(w, "damaged"), 0);
    close_loaded(w);
    assert_true(passes(w));
}

/* Once is no damage: a read may fail for a moment. */
static void tables_are_looked_at_twice(void **state) {
    struct world *w = *state;
    write_store(w);
    fault.n_partial = 1;
    assert_true(passes(w));
    fault.n_partial = 2;
    assert_false(passes(w));
}

static void what_a_check_finds_twice_is_damage(void **state) {
    struct world *w = *state;
    for (int times = 1; times <= 2; times++) {
        write_store(w);
        fault.n_texts = times;
        assert_int_equal(load_faulty(w, STATE_SQL_CHECK, OTHER_TEXT, 0), STATUS_OK);
        assert_int_equal(state_was_damaged(w->s), times == 2);
        assert_non_null(strstr(w->text, "LIST zen")); /* what can be read is used */
        close_loaded(w);
    }
}

static void a_record_that_is_too_large_or_has_no_name_is_damage(void **state) {
    static const enum how ways[] = {HUGE_DATA, TEXTLESS};
    struct world *w = *state;
    for (size_t i = 0; i < 2; i++) {
        write_store(w);
        assert_int_equal(load_faulty(w, STATE_SQL_BUDGET, ways[i], 0), STATUS_OK);
        assert_true(state_was_damaged(w->s));
        assert_null(strstr(w->text, "BUDGET"));
        assert_non_null(strstr(w->text, "KEPT"));
        expect_only_what_was_put(w, 0);
        close_loaded(w);
    }
}

static void keys_that_no_put_makes_are_damage(void **state) {
    static const char *const changes[] = {
        "UPDATE budget SET name = printf('%.*c', 64, 'x') WHERE name = 'zen'",
        "UPDATE entry SET ip = x'c000' WHERE length(ip) = 4",
        "UPDATE entry SET ip = x'' WHERE length(ip) = 16",
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        write_store(w);
        run_sql(w, changes[i]);
        assert_false(passes(w));
        expect_only_what_was_put(w, (int)i);
    }
}

/* --- A list to be forgotten, and damage --- */

static void nothing_is_forgotten_on_the_word_of_a_damaged_file(void **state) {
    struct world *w = *state;
    write_store(w);
    run_sql(w, "UPDATE budget SET crc = crc + 1 WHERE name = 'zen'");
    assert_false(passes(w));
    assert_null(strstr(w->text, "old"));
    write_store(w);
    run_sql(w, "UPDATE list SET data = x'00' WHERE name = 'old'"); /* whether it is that old */
    assert_false(passes(w));
    assert_non_null(strstr(w->text, "ENTRY old"));
}

/* Who may only read forgets nothing, and sets nothing aside. */
static void load_to_read(struct world *w, bool damaged) {
    write_store(w);
    if (damaged)
        run_sql(w, "UPDATE budget SET crc = crc + 1 WHERE name = 'zen'");
    w->len = w->n_records = w->n_events = 0;
    open_store(w);
    w->s->file.read_only = true;
    assert_int_equal(state_load(w->s, on_record, on_event, w, &w->alive_ns), STATUS_OK);
    expect_only_what_was_put(w, 0);
    assert_non_null(strstr(w->text, "LIST zen"));
    assert_int_equal(state_errors(w->s) > 0, damaged);
    assert_false(state_was_damaged(w->s));
    close_loaded(w);
    assert_int_equal(count_files(w, "damaged"), 0);
    assert_int_equal(ask_sql(w, "SELECT count(*) FROM list WHERE name = 'old'"), 1);
}

static void who_may_only_read_changes_nothing(void **state) {
    load_to_read(*state, false);
    load_to_read(*state, true);
}

/* The events of a damaged file cannot be written into the new one. */
static void events_that_cannot_be_saved_are_counted(void **state) {
    struct world *w = *state;
    write_store(w);
    run_sql(w, "UPDATE budget SET crc = crc + 1 WHERE name = 'zen'");
    assert_int_equal(load_faulty(w, STATE_SQL_EVENT_PUT, STEP, SQLITE_FULL), STATUS_OK);
    assert_true(state_was_damaged(w->s));
    assert_int_equal(w->n_events, 3);
    assert_int_equal(state_errors(w->s), 2);
    close_loaded(w);
    assert_true(passes(w));
    assert_int_equal(w->n_events, 0);
}

/* --- An older file --- */

static void an_older_file_that_cannot_be_written_has_nothing_for_others(void **state) {
    struct world *w = *state;
    write_store(w);
    run_sql(w, "DROP TABLE kept; PRAGMA user_version = 1");
    disk.write_rc = SQLITE_FULL;
    open_store(w);
    w->len = w->n_records = 0;
    w->text[0] = '\0';
    assert_int_equal(state_load_kept(w->s, on_record, w), STATUS_OK);
    assert_int_equal(w->n_records, 0);
    load_store(w);
    assert_non_null(strstr(w->text, "LIST zen"));
    assert_null(strstr(w->text, "KEPT"));
    disk.write_rc = 0;
    close_loaded(w);
    assert_int_equal(count_files(w, "damaged"), 0);
    assert_true(passes(w));
}

/* --- Some lists only --- */

static enum status no_memory_for_looks(void *context, const struct record *record) {
    const enum status status = on_record(context, record);
    return record->kind == RECORD_LOOKS ? STATUS_NO_MEMORY : status;
}

static enum status recall(struct world *w, state_record_handler *handler, enum status answer) {
    static const char *const names[] = {"none", "bl", "zen"};
    w->len = w->n_records = 0;
    w->text[0] = '\0';
    w->answer_record = answer;
    const enum status status = state_recall(w->s, names, 3, handler, w);
    w->answer_record = STATUS_OK;
    return status;
}

static void lists_are_recalled_whole_or_why_not_is_said(void **state) {
    struct world *w = *state;
    write_store(w);
    begin(w);
    assert_int_equal(recall(w, on_record, STATUS_OK), STATUS_OK);
    assert_memory_equal(w->text, "LIST bl 0 0 - 19 health and counters\nLIST zen", 41);
    assert_non_null(strstr(w->text, "ENTRY zen 1 0 192.0.2.1 8 an entry\n"));
    assert_null(strstr(w->text, "KEPT"));
    expect_only_what_was_put(w, 0);
    assert_int_equal(recall(w, on_record, STATUS_SYNTAX), STATUS_IO);
    assert_non_null(strstr(w->text, "ENTRY zen")); /* the rest is tried all the same */
    assert_int_equal(recall(w, on_record, STATUS_NO_MEMORY), STATUS_NO_MEMORY);
    assert_int_equal(w->n_records, 1);
    assert_int_equal(recall(w, no_memory_for_looks, STATUS_OK), STATUS_NO_MEMORY);
    assert_null(strstr(w->text, "LOOKS zen"));
    assert_int_equal(count_files(w, "damaged"), 0);
    end(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_store, tear_down_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_a_refused_statement_leaves_out_is_told),
        TEST(a_check_without_words_is_want_of_memory),
        TEST(tables_are_looked_at_twice),
        TEST(what_a_check_finds_twice_is_damage),
        TEST(a_record_that_is_too_large_or_has_no_name_is_damage),
        TEST(keys_that_no_put_makes_are_damage),
        TEST(nothing_is_forgotten_on_the_word_of_a_damaged_file),
        TEST(who_may_only_read_changes_nothing),
        TEST(events_that_cannot_be_saved_are_counted),
        TEST(an_older_file_that_cannot_be_written_has_nothing_for_others),
        TEST(lists_are_recalled_whole_or_why_not_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
