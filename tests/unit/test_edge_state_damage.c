/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_fixture.h"

/* Primes, so that samples fall on every bit of a byte. The environment variable STATE_FLIP_STEP sets
 * the first one: 1 for every bit. */
enum { FLIP_STEP = 509, CUT_STEP = 127, WAL_STEP = 1499 };

struct bytes {
    char *data;
    size_t len;
};

static struct bytes read_all(const char *path) {
    struct stat found;
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &found), 0);
    struct bytes b = {malloc((size_t)found.st_size), (size_t)found.st_size};
    assert_int_equal(read(fd, b.data, b.len), (ssize_t)b.len);
    close(fd);
    return b;
}

static void write_all(const char *path, const char *data, size_t len) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    close(fd);
}

/* A bit of everything. */
static void fill(struct world *w) {
    for (int i = 0; i < 2; i++) {
        const char *list = i == 0 ? "zen" : "bl";
        put(w, RECORD_LIST, list, 0, 0, "health and counters");
        put(w, RECORD_LAYOUT, list, 1, 0, "which address is which");
        put(w, RECORD_CELLS, list, 1, 0, "cells of the first chunk");
        put(w, RECORD_CELLS, list, 1, 1, "cells of the second");
        put(w, RECORD_LOOKS, list, 1, 0, "a look");
        put(w, RECORD_LOOKS, list, 1, 0, "another look");
        put(w, RECORD_LAYOUT, list, 2, 0, "which address is which now");
        put(w, RECORD_LOOKS, list, 2, 0, "a new look");
        put_ip(w, RECORD_ENTRY, list, 1, "192.0.2.1", "an entry");
        put_ip(w, RECORD_ENTRY, list, 2, "2001:db8::1", "an entry of IPv6");
        put(w, RECORD_BUDGET, list, 0, i, "spent");
        put(w, RECORD_KEPT, list, 0, KEPT_SPF, "what a name led to");
        put(w, RECORD_KEPT, list, 0, KEPT_BOUNCED, "addresses out of bounces");
        put_event(w, clock_wall_ns(), "192.0.2.1", "SBL,XBL");
    }
    put_event(w, clock_wall_ns(), NULL, "0.2.0");
}

static void quiet(void) {
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
}

/* Every line of `text` is one of `all`. */
static void expect_lines_of(const char *text, const char *all, const char *what, size_t at) {
    char line[256] = "\n";
    char padded[8192];
    snprintf(padded, sizeof padded, "\n%s", all);
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n") + 1;
        assert_true(n + 2 < sizeof line);
        memcpy(line + 1, text, n);
        line[n + 1] = '\0';
        if (!strstr(padded, line))
            fail_msg("%s %zu: was never put: %s", what, at, line);
        text += n;
    }
}

/* Opens and loads what is there; whether it passed for whole. */
static bool passes(struct world *w) {
    open_store(w);
    load_store(w);
    const bool whole = state_up(w->s) && !state_was_damaged(w->s);
    if (state_was_damaged(w->s)) {
        assert_true(state_errors(w->s) > 0);
        assert_true(count_files(w, "damaged") > 0);
    }
    state_close(w->s, PATIENCE_NS);
    w->s = NULL;
    return whole;
}

static void expect_events_of(struct world *w, const char *what, size_t at) {
    for (size_t i = 0; i < w->n_events; i++) {
        const char *detail = w->events[i].detail;
        if (strcmp(detail, "SBL,XBL") != 0 && strcmp(detail, "0.2.0") != 0)
            fail_msg("%s %zu: event never put: %s", what, at, detail);
    }
}

static void notices_every_flipped_bit_that_matters(void **state) {
    struct world *w = *state;
    begin(w);
    fill(w);
    end(w);
    quiet();
    disk.lazy = true;
    struct bytes whole = read_all(w->file);
    assert_true(passes(w));
    char *all = strdup(w->text);
    assert_int_equal(w->n_records, 26);
    size_t n_noticed = 0;
    const char *wish = getenv("STATE_FLIP_STEP");
    const size_t step = wish ? strtoul(wish, NULL, 10) : FLIP_STEP;
    alarm(0);
    for (size_t bit = 0; bit < whole.len * 8; bit += bit < 800 ? (step + 72) / 73 : step) {
        whole.data[bit / 8] ^= (char)(1 << bit % 8);
        remove_folder(w->path);
        mkdir(w->path, 0755);
        write_all(w->file, whole.data, whole.len);
        const bool passed = passes(w);
        if (passed && (strcmp(w->text, all) != 0 || w->n_events != 3))
            fail_msg("bit %zu (byte %zu of page %zu): changed what is brought back, unnoticed:\n%s", bit,
                     bit / 8 % 4096, bit / 8 / 4096, w->text);
        expect_lines_of(w->text, all, "bit", bit);
        expect_events_of(w, "bit", bit);
        n_noticed += !passed;
        whole.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    print_message("%zu bytes, %zu flips noticed\n", whole.len, n_noticed);
    assert_true(n_noticed > 50);
    free(all);
    free(whole.data);
}

static void notices_every_cut(void **state) {
    struct world *w = *state;
    begin(w);
    fill(w);
    end(w);
    quiet();
    disk.lazy = true;
    struct bytes whole = read_all(w->file);
    assert_true(passes(w));
    char *all = strdup(w->text);
    for (size_t len = 1; len < whole.len; len += CUT_STEP) {
        remove_folder(w->path);
        mkdir(w->path, 0755);
        write_all(w->file, whole.data, len);
        const bool passed = passes(w);
        /* Less than a page at the end may have been none. */
        if (passed && (strcmp(w->text, all) != 0 || w->n_events != 3))
            fail_msg("cut to %zu bytes: unnoticed:\n%s", len, w->text);
        expect_lines_of(w->text, all, "cut", len);
        expect_events_of(w, "cut", len);
    }
    free(all);
    free(whole.data);
}

/* What follows a damaged frame of the WAL is as if it had never been written: SQLite cannot tell it from what
 * was being written when the power went. Nothing else may come of it. */
static void takes_a_damaged_wal_for_an_earlier_state(void **state) {
    struct world *w = *state;
    char wal_path[192];
    snprintf(wal_path, sizeof wal_path, "%s-wal", w->file);
    begin(w);
    fill(w);
    settle(w);
    struct bytes base = read_all(w->file);
    struct bytes wal = read_all(wal_path);
    end(w);
    quiet();
    disk.lazy = true;
    assert_true(passes(w));
    char *all = strdup(w->text);
    size_t n_earlier = 0;
    for (size_t bit = 0; bit < wal.len * 8; bit += WAL_STEP) {
        wal.data[bit / 8] ^= (char)(1 << bit % 8);
        remove_folder(w->path);
        mkdir(w->path, 0755);
        write_all(w->file, base.data, base.len);
        write_all(wal_path, wal.data, wal.len);
        passes(w);
        n_earlier += strcmp(w->text, all) != 0;
        expect_lines_of(w->text, all, "bit of the WAL", bit);
        wal.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(n_earlier > 10);
    free(all);
    free(base.data);
    free(wal.data);
}

static void sets_a_file_aside_that_is_no_database(void **state) {
    struct world *w = *state;
    quiet();
    mkdir(w->path, 0755);
    for (int i = 1; i <= 3; i++) {
        write_all(w->file,
                  "this is no database, whatever its name says, and longer than a header is: "
                  "one hundred bytes and then some",
                  106);
        begin(w);
        assert_true(state_was_damaged(w->s));
        assert_true(state_up(w->s));
        assert_int_equal(w->n_records, 0);
        put(w, RECORD_LIST, "a", 0, 0, "x");
        again(w);
        assert_false(state_was_damaged(w->s));
        assert_string_equal(w->text, "LIST a 0 0 - 1 x\n");
        end(w);
        assert_int_equal(count_files(w, "damaged"), i); /* within one second, too */
    }
}

static void brings_back_what_can_be_believed_and_keeps_the_events(void **state) {
    struct world *w = *state;
    begin(w);
    fill(w);
    end(w);
    quiet();
    run_sql(w, "UPDATE list SET data = CAST('health and countess' AS BLOB) WHERE name = 'zen'");
    begin(w);
    assert_true(state_was_damaged(w->s));
    assert_int_equal(state_errors(w->s), 1);
    assert_int_equal(w->n_records, 25);
    assert_memory_equal(w->text, "BUDGET ", 7);
    assert_null(strstr(w->text, "LIST zen"));
    assert_non_null(strstr(w->text, "LOOKS zen 1 0 - 6 a look\n"));
    assert_int_equal(w->n_events, 3);
    again(w);
    assert_false(state_was_damaged(w->s));
    assert_int_equal(w->n_records, 0);
    assert_int_equal(w->n_events, 3);
    assert_string_equal(w->events[2].detail, "0.2.0");
    end(w);
}

static void believes_a_handler_that_makes_no_sense_of_a_record(void **state) {
    struct world *w = *state;
    begin(w);
    fill(w);
    end(w);
    quiet();
    w->answer_record = STATUS_SYNTAX;
    begin(w);
    assert_int_equal(w->n_records, 26);
    assert_true(state_was_damaged(w->s));
    assert_int_equal(state_errors(w->s), 26);
    end(w);
    assert_int_equal(count_files(w, "damaged"), 1);
}

static void stops_when_a_handler_has_no_memory(void **state) {
    struct world *w = *state;
    begin(w);
    fill(w);
    end(w);
    w->answer_record = STATUS_NO_MEMORY;
    open_store(w);
    w->len = w->n_records = 0;
    assert_int_equal(state_load(w->s, on_record, on_event, w, &w->alive_ns), STATUS_NO_MEMORY);
    assert_int_equal(w->n_records, 1);
    assert_false(state_was_damaged(w->s));
    end(w);
    w->answer_record = STATUS_OK;
    assert_true(passes(w));
    assert_int_equal(w->n_records, 26);
}

static void notices_rows_that_are_not_where_they_belong(void **state) {
    static const char *const changes[] = {
        "UPDATE cells SET list = 77 WHERE list = 1 AND number = 1",
        "UPDATE layout SET list = 2, generation = 9 WHERE list = 1 AND generation = 1",
        "UPDATE entry SET list = 3 WHERE list = 2",
        "UPDATE looks SET id = id + (5 << 40) WHERE id = (SELECT min(id) FROM looks)",
        "UPDATE list SET id = 4 WHERE name = 'bl'",
        "UPDATE list SET put_at = 0 WHERE name = 'bl'",
        "UPDATE budget SET name = 'zem' WHERE name = 'zen'",
        "UPDATE kept SET name = 'zem' WHERE name = 'zen' AND kind = 0",
        "UPDATE kept SET kind = 1 WHERE name = 'zen' AND kind = 0",
    };
    struct world *w = *state;
    quiet();
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        remove_folder(w->path);
        begin(w);
        fill(w);
        end(w);
        run_sql(w, changes[i]);
        print_message("%s\n", changes[i]);
        assert_false(passes(w));
    }
}

static void notices_a_schema_that_somebody_changed(void **state) {
    static const char *const changes[] = {
        "DROP TABLE budget",
        "DROP TABLE kept",
        "ALTER TABLE looks RENAME COLUMN data TO datum",
        "CREATE TABLE looks2 AS SELECT * FROM looks; DROP TABLE looks; ALTER TABLE looks2 RENAME TO looks",
        "PRAGMA user_version = 0",
        "DROP TABLE meta",
        "DELETE FROM list WHERE name = 'zen'; INSERT INTO list VALUES(100, 'bl', 0, NULL, 0)",
    };
    struct world *w = *state;
    quiet();
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        remove_folder(w->path);
        begin(w);
        fill(w);
        end(w);
        run_sql(w, changes[i]);
        print_message("%s\n", changes[i]);
        assert_false(passes(w));
        assert_int_equal(count_files(w, "damaged"), 1);
        assert_true(passes(w));
    }
}

static void gives_up_when_the_file_cannot_be_renamed(void **state) {
    struct world *w = *state;
    quiet();
    mkdir(w->path, 0755);
    write_all(w->file,
              "this is no database, whatever its name says, and longer than a header is: "
              "one hundred bytes and then some",
              106);
    open_store(w);
    remove_folder(w->path);
    load_store(w);
    assert_false(state_up(w->s));
    assert_non_null(strstr(state_why(w->s), "cannot be renamed"));
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(notices_every_flipped_bit_that_matters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notices_every_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_a_damaged_wal_for_an_earlier_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_a_file_aside_that_is_no_database, set_up, tear_down),
        cmocka_unit_test_setup_teardown(brings_back_what_can_be_believed_and_keeps_the_events, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(believes_a_handler_that_makes_no_sense_of_a_record, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(stops_when_a_handler_has_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notices_rows_that_are_not_where_they_belong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notices_a_schema_that_somebody_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_up_when_the_file_cannot_be_renamed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
