/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "damage_fixture.h"

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
