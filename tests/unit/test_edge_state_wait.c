/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that open a store at the same moment. Each is a child of the test: locks are between processes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_fixture.h"

#include <poll.h>

enum { CROWD = 6, MEETING_MS = 2000 };

/* Pipes: one tells who has come, the other that all have. */
static int came[2];
static int go_on[2];

static void give_a_byte(int fd) {
    if (write(fd, "x", 1) != 1)
        abort();
}

static void take_a_byte(int fd) {
    char byte;
    if (read(fd, &byte, 1) != 1)
        abort();
}

/* With the lock of who reads in hand, waits until the other has it, too. One that comes alone (the other was
 * kept from reading) goes on. */
static void meet_the_other(int how) {
    struct pollfd all_have_come = {.fd = go_on[0], .events = POLLIN};
    if (how <= SQLITE_LOCK_SHARED)
        return;
    disk.before_lock = NULL;
    give_a_byte(came[1]);
    if (poll(&all_have_come, 1, MEETING_MS) == 1)
        take_a_byte(go_on[0]);
}

/* Opens the store, writes a list of this name, and closes it; an exit code. */
static int use_store(struct world *w, const char *list, int64_t wait_ns) {
    const struct record r = rec(RECORD_LIST, list, 0, 0, "x");
    w->s = state_open(w->path, wait_ns);
    if (!w->s || !state_up(w->s)) {
        print_message("%s: %s\n", list, w->s ? state_why(w->s) : "no memory");
        return 1;
    }
    load_store(w);
    start_store(w, DAY);
    return state_put(w->s, &r, 0) && close_store(w) ? 0 : 2;
}

static pid_t fork_one(struct world *w, int number, int64_t wait_ns) {
    char list[16];
    snprintf(list, sizeof list, "list%d", number);
    const pid_t pid = fork();
    if (pid == 0)
        _exit(use_store(w, list, wait_ns));
    return pid;
}

static void expect_all_to_end_well(const pid_t *pids, int n) {
    int n_bad = 0;
    for (int i = 0; i < n; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        n_bad += status != 0;
    }
    assert_int_equal(n_bad, 0);
}

static void expect_lists(struct world *w, int n) {
    begin(w);
    for (int i = 0; i < n; i++) {
        char line[32];
        snprintf(line, sizeof line, "LIST list%d 0 0 - 1 x\n", i);
        assert_non_null(strstr(w->text, line));
    }
    assert_int_equal(w->n_records, n);
    end(w);
}

static void let_two_meet(struct world *w) {
    pid_t pids[2];
    assert_int_equal(pipe(came), 0);
    assert_int_equal(pipe(go_on), 0);
    disk.before_lock = meet_the_other;
    for (int i = 0; i < 2; i++)
        pids[i] = fork_one(w, i, PATIENCE_NS / 6);
    disk.before_lock = NULL;
    for (int i = 0; i < 2; i++)
        take_a_byte(came[0]);
    for (int i = 0; i < 2; i++)
        give_a_byte(go_on[1]);
    expect_all_to_end_well(pids, 2);
    for (int i = 0; i < 2; i++) {
        close(came[i]);
        close(go_on[i]);
    }
    expect_lists(w, 2);
}

static void two_that_make_it_together_wait_for_each_other(void **state) {
    let_two_meet(*state);
}

static void two_that_open_it_together_wait_for_each_other(void **state) {
    struct world *w = *state;
    begin(w);
    end(w);
    let_two_meet(w);
}

static void all_of_a_crowd_get_it_one_after_the_other(void **state) {
    struct world *w = *state;
    pid_t pids[CROWD];
    for (int i = 0; i < CROWD; i++)
        pids[i] = fork_one(w, i, PATIENCE_NS);
    expect_all_to_end_well(pids, CROWD);
    expect_lists(w, CROWD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_that_make_it_together_wait_for_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_that_open_it_together_wait_for_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_of_a_crowd_get_it_one_after_the_other, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
