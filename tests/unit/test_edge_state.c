/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_fixture.h"

/* --- What is put comes back --- */

static void brings_back_nothing_from_nothing(void **state) {
    struct world *w = *state;
    begin(w);
    assert_string_equal(w->text, "");
    assert_int_equal(w->alive_ns, 0);
    assert_int_equal(w->n_events, 0);
    assert_true(state_up(w->s));
    assert_string_equal(state_why(w->s), "");
    assert_false(state_was_damaged(w->s));
    end(w);
    assert_int_equal(w->n_up + w->n_down, 0);
}

static void makes_folder_and_file_for_nobody_else(void **state) {
    struct world *w = *state;
    const mode_t before = umask(0);
    strcat(w->path, "/deep//down/");
    snprintf(w->file, sizeof w->file, "%s/state.db", w->path);
    begin(w);
    umask(before);
    put(w, RECORD_LIST, "a", 0, 0, "x");
    settle(w);
    struct stat found;
    assert_int_equal(stat(w->path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0750);
    assert_int_equal(stat(w->file, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0640);
    assert_int_equal(count_files(w, "state.db-wal"), 1);
    assert_int_equal(count_files(w, "-shm"), 0);
    end(w);
}

static void brings_records_back_in_the_promised_order(void **state) {
    struct world *w = *state;
    begin(w);
    put_ip(w, RECORD_ENTRY, "a", 2, "192.0.2.9", "entry-9");
    put(w, RECORD_LOOKS, "b", 7, 0, "b-look");
    put(w, RECORD_LOOKS, "a", 1, 0, "look-1");
    put(w, RECORD_LOOKS, "a", 1, 0, "look-2");
    put(w, RECORD_LAYOUT, "a", 2, 0, "layout-2");
    put(w, RECORD_CELLS, "a", 2, 1, "cells-2-1");
    put(w, RECORD_CELLS, "a", 2, 0, "cells-2-0");
    put(w, RECORD_LOOKS, "a", 2, 0, "look-3");
    put(w, RECORD_LAYOUT, "a", 1, 0, "layout-1");
    put(w, RECORD_CELLS, "a", 1, 0, "");
    put_ip(w, RECORD_ENTRY, "a", 2, "192.0.2.1", "entry-1");
    put_ip(w, RECORD_ENTRY, "a", 1, "2001:db8::1", "entry-v6");
    put(w, RECORD_LIST, "b", 0, 0, "list-b");
    put(w, RECORD_LIST, "a", 0, 0, "list-a");
    put(w, RECORD_BUDGET, "zen", 0, 1, "shared");
    put(w, RECORD_BUDGET, "zen", 0, 0, "own");
    const int64_t before_ns = clock_wall_ns();
    again(w);
    assert_string_equal(w->text, "BUDGET zen 0 0 - 3 own\n"
                                 "BUDGET zen 0 1 - 6 shared\n"
                                 "LIST a 0 0 - 6 list-a\n"
                                 "LIST b 0 0 - 6 list-b\n"
                                 "LAYOUT a 1 0 - 8 layout-1\n"
                                 "CELLS a 1 0 - 0 \n"
                                 "LOOKS a 1 0 - 6 look-1\n"
                                 "LOOKS a 1 0 - 6 look-2\n"
                                 "LAYOUT a 2 0 - 8 layout-2\n"
                                 "CELLS a 2 0 - 9 cells-2-0\n"
                                 "CELLS a 2 1 - 9 cells-2-1\n"
                                 "LOOKS a 2 0 - 6 look-3\n"
                                 "ENTRY a 1 0 2001:db8::1 8 entry-v6\n"
                                 "ENTRY a 2 0 192.0.2.1 7 entry-1\n"
                                 "ENTRY a 2 0 192.0.2.9 7 entry-9\n"
                                 "LOOKS b 7 0 - 6 b-look\n");
    assert_true(w->alive_ns >= before_ns - 1000 * MS && w->alive_ns <= clock_wall_ns());
    assert_int_equal(state_errors(w->s), 0);
    end(w);
}

static void replaces_and_takes_back(void **state) {
    struct world *w = *state;
    begin(w);
    for (int round = 0; round < 2; round++) {
        const char *data = round == 0 ? "old" : "new";
        put(w, RECORD_LIST, "a", 0, 0, data);
        put(w, RECORD_LAYOUT, "a", 1, 0, data);
        put(w, RECORD_CELLS, "a", 1, 3, data);
        put(w, RECORD_BUDGET, "a", 0, 0, data);
        put(w, RECORD_BUDGET, "gone", 0, 1, data);
        put_ip(w, RECORD_ENTRY, "a", (uint32_t)(2 - round), "192.0.2.1", data);
        put_ip(w, RECORD_ENTRY, "a", 1, "192.0.2.2", data);
        again(w);
    }
    put(w, RECORD_BUDGET_GONE, "gone", 0, 1, NULL);
    put(w, RECORD_BUDGET_GONE, "a", 0, 1, NULL); /* the other of that name */
    put_ip(w, RECORD_ENTRY_GONE, "a", 0, "192.0.2.2", NULL);
    put_ip(w, RECORD_ENTRY_GONE, "b", 0, "192.0.2.1", NULL);
    again(w);
    assert_string_equal(w->text, "BUDGET a 0 0 - 3 new\nLIST a 0 0 - 3 new\nLAYOUT a 1 0 - 3 new\n"
                                 "CELLS a 1 3 - 3 new\nENTRY a 1 0 192.0.2.1 3 new\n");
    end(w);
}

/* All of a list, but for budgets of its name; in one transaction with what comes after. */
static void forgets_a_list_on_request(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "other", 0, 0, "x");
    put(w, RECORD_LAYOUT, "b", 1, 0, "old");
    put(w, RECORD_BUDGET, "b", 0, 0, "spent");
    settle(w);
    put(w, RECORD_LIST_GONE, "b", 0, 0, NULL);
    put(w, RECORD_LIST_GONE, "never_seen", 0, 0, NULL);
    put(w, RECORD_LAYOUT, "b", 2, 0, "new");
    put(w, RECORD_LIST_GONE, "other", 0, 0, NULL);
    again(w);
    assert_null(strstr(w->text, "old"));
    assert_null(strstr(w->text, "other"));
    assert_non_null(strstr(w->text, "BUDGET b 0 0 - 5 spent\n"));
    assert_non_null(strstr(w->text, "LAYOUT b 2 0 - 3 new\n"));
    assert_false(state_was_damaged(w->s));
    end(w);
    assert_int_equal(ask_sql(w, "SELECT count(*) FROM list WHERE name IN ('other', 'never_seen')"), 0);
}

/* What a kind does not have is not kept, and does no harm. */
static void takes_records_with_more_than_their_kind_has(void **state) {
    struct world *w = *state;
    begin(w);
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        if (kind == RECORD_FOLDED || kind == RECORD_ENTRY_GONE || kind == RECORD_BUDGET_GONE ||
            kind == RECORD_LIST_GONE || kind == RECORD_KEPT_GONE)
            continue;
        struct record r = rec((enum record_kind)kind, "a", 5, 6, "x");
        r.ip = ip_v4(0xc0000201);
        assert_true(state_put(w->s, &r, 0));
    }
    again(w);
    assert_false(state_was_damaged(w->s));
    assert_string_equal(w->text,
                        "BUDGET a 0 6 - 1 x\nKEPT a 0 6 - 1 x\nLIST a 0 0 - 1 x\nLAYOUT a 5 0 - 1 x\n"
                        "CELLS a 5 6 - 1 x\nLOOKS a 5 0 - 1 x\nENTRY a 5 0 192.0.2.1 1 x\n");
    end(w);
}

static void keeps_large_records_and_all_bytes(void **state) {
    struct world *w = *state;
    begin(w);
    const size_t len = (size_t)20 << 20; /* more than the queue is to hold */
    char *data = malloc(len);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(i * 31 >> 3);
    struct record r = {.kind = RECORD_CELLS, .list = "a", .generation = UINT32_MAX, .number = UINT32_MAX};
    r.data = data;
    r.len = len;
    assert_true(state_put(w->s, &r, 0));
    free(data);
    char name[RECORD_NAME_SIZE];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    UNTIL(state_queued(w->s) == 0);
    put(w, RECORD_LIST, name, 0, 0, "x");
    again(w);
    char line[256];
    snprintf(line, sizeof line, "CELLS a %u %u - %zu \n", UINT32_MAX, UINT32_MAX, len);
    assert_non_null(strstr(w->text, line));
    snprintf(line, sizeof line, "LIST %s 0 0 - 1 x\n", name);
    assert_non_null(strstr(w->text, line));
    assert_int_equal(state_errors(w->s), 0);
    settle(w);
    struct stat found;
    char wal[192];
    snprintf(wal, sizeof wal, "%s-wal", w->file);
    assert_int_equal(stat(wal, &found), 0);
    assert_true(found.st_size <= 4 << 20);
    end(w);
}

static void leaves_one_file_when_closed(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "x");
    end(w);
    assert_int_equal(count_files(w, ""), 1);
    assert_int_equal(ask_sql(w, "SELECT count(*) FROM list WHERE name = 'a' AND data = CAST('x' AS BLOB)"),
                     1);
    assert_int_equal(ask_sql(w, "PRAGMA application_id"), 0x72626c78);
    assert_int_equal(ask_sql(w, "PRAGMA user_version"), 2);
}

static void writes_without_a_thread_when_closed(void **state) {
    struct world *w = *state;
    open_store(w);
    load_store(w);
    put(w, RECORD_BUDGET, "a", 0, 0, "x");
    end(w);
    begin(w);
    assert_string_equal(w->text, "BUDGET a 0 0 - 1 x\n");
    end(w);
    assert_true(state_close(NULL, 0));
}

static void tells_tickets_in_order_and_only_what_is_synced(void **state) {
    struct world *w = *state;
    begin(w);
    settle(w);
    const int syncs = disk.syncs;
    disk.sync_ms = 100;
    for (uint64_t i = 1; i <= 100; i++) {
        const struct record r = rec(RECORD_LOOKS, "a", 1, 0, "look");
        assert_true(state_put(w->s, &r, i % 2 ? i : 0));
    }
    assert_true(state_queued(w->s) > 0);
    UNTIL(w->n_tickets == 50);
    assert_true(w->syncs_when_told > syncs);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(w->tickets[i], 2 * i + 1);
    UNTIL(state_queued(w->s) == 0); /* the last one has no ticket, and may come after the others */
    disk.sync_ms = 0;
    end(w);
}

/* --- Folds --- */

static void drops_what_a_fold_replaces(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LAYOUT, "a", 1, 0, "layout");
    put(w, RECORD_CELLS, "a", 1, 0, "old");
    put(w, RECORD_LOOKS, "a", 1, 0, "look-1");
    put(w, RECORD_LOOKS, "b", 1, 0, "look-b");
    put_ip(w, RECORD_ENTRY, "a", 1, "192.0.2.1", "old");
    put_ip(w, RECORD_ENTRY, "a", 2, "192.0.2.2", "new");
    put_fold(w, 2, "new");
    put(w, RECORD_LOOKS, "a", 2, 0, "look-2");
    put(w, RECORD_FOLDED, "a", 2, 0, NULL);
    put(w, RECORD_LOOKS, "a", 2, 0, "look-3");
    again(w);
    assert_string_equal(w->text, "LAYOUT a 2 0 - 6 layout\nCELLS a 2 0 - 3 new\n"
                                 "LOOKS a 2 0 - 6 look-2\nLOOKS a 2 0 - 6 look-3\n"
                                 "ENTRY a 2 0 192.0.2.2 3 new\nLOOKS b 1 0 - 6 look-b\n");
    /* The same generation, in another run: numbers of LOOKS go on. */
    put_fold(w, 2, "newer");
    put(w, RECORD_LOOKS, "a", 2, 0, "look-4");
    put(w, RECORD_FOLDED, "a", 2, 0, NULL);
    put(w, RECORD_FOLDED, "a", 2, 0, NULL);
    put(w, RECORD_LOOKS, "a", 2, 0, "look-5");
    put(w, RECORD_FOLDED, "a", 2, 0, NULL);
    again(w);
    assert_string_equal(w->text, "LAYOUT a 2 0 - 6 layout\nCELLS a 2 0 - 5 newer\n"
                                 "LOOKS a 2 0 - 6 look-4\nLOOKS a 2 0 - 6 look-5\n"
                                 "ENTRY a 2 0 192.0.2.2 3 new\nLOOKS b 1 0 - 6 look-b\n");
    end(w);
}

static void keeps_all_when_a_fold_is_broken_off(void **state) {
    struct world *w = *state;
    begin(w);
    put(w, RECORD_LAYOUT, "a", 1, 0, "layout");
    put(w, RECORD_CELLS, "a", 1, 0, "old");
    put(w, RECORD_LOOKS, "a", 1, 0, "look-1");
    put_fold(w, 2, "new");
    again(w);
    const char *const all = "LAYOUT a 1 0 - 6 layout\nCELLS a 1 0 - 3 old\nLOOKS a 1 0 - 6 look-1\n"
                            "LAYOUT a 2 0 - 6 layout\nCELLS a 2 0 - 3 new\n";
    assert_string_equal(w->text, all);
    /* Nobody knows any more which LOOKS came before the FOLD; one of another generation is not it. */
    put(w, RECORD_FOLDED, "a", 2, 0, NULL);
    put(w, RECORD_FOLD, "a", 1, 0, NULL);
    put(w, RECORD_FOLDED, "a", 2, 0, NULL);
    again(w);
    assert_string_equal(w->text, all);
    end(w);
}

/* --- Ends without a close --- */

/* Runs `what` in another process, which is killed when it has written. */
static void in_a_process_that_is_killed(struct world *w, void (*what)(struct world *w)) {
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        begin(w);
        what(w);
        settle(w);
        const ssize_t n = write(pipe_fds[1], "x", 1);
        for (;;)
            usleep((unsigned)n * 1000000);
    }
    char byte;
    close(pipe_fds[1]);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    close(pipe_fds[0]);
    kill(pid, SIGKILL);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void keeps_what_was_told_when_the_process_is_killed(void **state) {
    struct world *w = *state;
    in_a_process_that_is_killed(w, put_some);
    assert_int_equal(count_files(w, "-wal"), 1);
    begin(w);
    assert_string_equal(w->text, "LIST a 0 0 - 4 list\nLAYOUT a 1 0 - 6 layout\nCELLS a 1 0 - 5 cells\n"
                                 "LOOKS a 1 0 - 6 look-1\n");
    assert_int_equal(w->n_events, 1);
    assert_string_equal(w->events[0].detail, "code");
    end(w);
    in_a_process_that_is_killed(w, put_some);
    begin(w);
    assert_int_equal(w->n_events, 2);
    assert_int_equal(state_errors(w->s), 0);
    end(w);
}

/* What a second process sees of the store in use; 0: what it should. */
static int try_to_share(struct world *w) {
    open_store(w);
    load_store(w);
    const bool fine = !state_up(w->s) && strstr(state_why(w->s), "used by another process") &&
                      strstr(state_why(w->s), w->file) && w->n_records == 0;
    start_store(w, DAY);
    const int64_t next_ns = state_turn(w->s, clock_now_ns());
    const struct record r = rec(RECORD_LIST, "a", 0, 0, "theirs");
    const struct ip ip = ip_v4(1);
    const bool down = w->n_down == 1 && next_ns == INT64_MAX && !state_put(w->s, &r, 1) &&
                      !state_ask_history(w->s, &ip, INT64_MAX, 10, 1);
    put_event(w, 1, NULL, "1.0");
    return fine && down && close_store(w) ? 0 : 1;
}

/* The other process begins before there is a thread here: a lock that one holds would stay locked in it. */
static void refuses_a_store_that_another_process_uses(void **state) {
    struct world *w = *state;
    int go[2];
    char byte = 'x';
    assert_int_equal(pipe(go), 0);
    const pid_t pid = fork();
    if (pid == 0)
        _exit(read(go[0], &byte, 1) == 1 ? try_to_share(w) : 2);
    begin(w);
    put(w, RECORD_LIST, "a", 0, 0, "mine");
    settle(w);
    assert_int_equal(write(go[1], &byte, 1), 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(go[0]);
    close(go[1]);
    put(w, RECORD_LIST, "a", 0, 0, "still mine");
    again(w);
    assert_string_equal(w->text, "LIST a 0 0 - 10 still mine\n");
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(brings_back_nothing_from_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(makes_folder_and_file_for_nobody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(brings_records_back_in_the_promised_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaces_and_takes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_a_list_on_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_records_with_more_than_their_kind_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_large_records_and_all_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_one_file_when_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_without_a_thread_when_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_tickets_in_order_and_only_what_is_synced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_what_a_fold_replaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_all_when_a_fold_is_broken_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_what_was_told_when_the_process_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_store_that_another_process_uses, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
