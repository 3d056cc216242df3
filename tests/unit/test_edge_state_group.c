/* SPDX-License-Identifier: Apache-2.0
 *
 * What was put while the store was held back is there as a whole or not at all, wherever in a transaction it
 * would have come: the process is killed after each of them, a statement of the group fails, and the history
 * is asked for while the group is not whole yet.
 */
/* LINK: -Wl,--wrap=state_begin,--wrap=state_commit,--wrap=state_write_record,--wrap=state_write_event */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_fixture.h"

enum { GROUP = 3, NOBODY = -1 };

static struct {
    atomic_bool closed;  /* no transaction begins */
    atomic_bool waiting; /* one would */
    int die_at;          /* the commit after which the process is killed; 0: none */
    int n_commits;
    int fail_at; /* which item of the group fails, once; NOBODY: none */
    int at;      /* items of the group that were written */
} gate;

int __real_state_begin(struct state_file *f);
int __wrap_state_begin(struct state_file *f) {
    gate.waiting = gate.closed;
    while (gate.closed)
        usleep(500);
    return __real_state_begin(f);
}

int __real_state_commit(struct state_file *f, int64_t wall_ns);
int __wrap_state_commit(struct state_file *f, int64_t wall_ns) {
    const int rc = __real_state_commit(f, wall_ns);
    if (rc == SQLITE_OK && ++gate.n_commits == gate.die_at)
        kill(getpid(), SIGKILL);
    return rc;
}

static bool fails(void) {
    const bool now = gate.at == gate.fail_at;
    gate.fail_at = now ? NOBODY : gate.fail_at;
    gate.at += !now;
    return now;
}

int __real_state_write_record(struct state_file *f, const struct record *record, int64_t wall_ns);
int __wrap_state_write_record(struct state_file *f, const struct record *record, int64_t wall_ns) {
    const bool ours = record->kind == RECORD_ENTRY || record->kind == RECORD_BUDGET;
    return ours && fails() ? SQLITE_FULL : __real_state_write_record(f, record, wall_ns);
}

int __real_state_write_event(struct state_file *f, const struct history_event *event);
int __wrap_state_write_event(struct state_file *f, const struct history_event *event) {
    return fails() ? SQLITE_FULL : __real_state_write_event(f, event);
}

/* An address that became listed, and what was spent on it. */
static void put_group(struct world *w) {
    state_hold(w->s, true);
    put_event(w, STATE_LEAST_WALL_NS, "192.0.2.1", "code");
    put_ip(w, RECORD_ENTRY, "zen", 1, "192.0.2.1", "listed");
    put(w, RECORD_BUDGET, "zen", 0, 0, "spent");
    state_hold(w->s, false);
}

/* `before` others wait in front of the group, so that one transaction may end in it. */
static void put_behind(struct world *w, int before) {
    gate.closed = true;
    put(w, RECORD_LIST, "zen", 0, 0, "list");
    UNTIL(gate.waiting);
    for (int i = 0; i < before; i++)
        put(w, RECORD_BUDGET_GONE, "none", 0, 0, NULL);
    put_group(w);
    gate.closed = false;
}

/* How many of the group's three a new start finds. */
static int parts_kept(struct world *w) {
    gate.die_at = 0;
    open_store(w);
    load_store(w);
    assert_true(state_up(w->s) && !state_was_damaged(w->s));
    const int n = (w->n_events > 0) + (strstr(w->text, "ENTRY zen 1 0 192.0.2.1 6 listed") != NULL) +
                  (strstr(w->text, "BUDGET zen 0 0 - 5 spent") != NULL);
    end(w);
    return n;
}

/* In a process that is killed after a transaction; whether it was. */
static bool killed_after(struct world *w, int before, int commits, int fail_at) {
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        gate.die_at = commits;
        gate.n_commits = 0;
        gate.fail_at = fail_at;
        begin(w);
        put_behind(w, before);
        settle(w);
        _exit(close_store(w) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

/* With each number of commits until it gets through: nothing of it first, all of it in the end. */
static void expect_whole(struct world *w, int before, int fail_at) {
    bool seen[GROUP + 1] = {false};
    bool killed = true;
    for (int commits = 1; killed; commits++) {
        remove_folder(w->path);
        killed = killed_after(w, before, commits, fail_at);
        const int n = parts_kept(w);
        if (n != 0 && n != GROUP)
            fail_msg("%d in front, killed after commit %d, item %d failed: %d of %d are there", before,
                     commits, fail_at, n, GROUP);
        seen[n] = true;
        assert_true(killed || n == GROUP);
        assert_true(commits < 20);
    }
    assert_true(seen[0] && seen[GROUP]);
}

static void no_transaction_ends_within_a_group(void **state) {
    disk.lazy = true;
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    for (int before = STATE_BATCH_ITEMS - GROUP; before <= STATE_BATCH_ITEMS; before++)
        expect_whole(*state, before, NOBODY);
}

static void a_statement_that_fails_takes_the_whole_group_with_it(void **state) {
    disk.lazy = true;
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    for (int item = 0; item < GROUP; item++)
        expect_whole(*state, 1, item);
}

static const struct answer *ask(struct world *w) {
    struct ip ip;
    assert_int_equal(ip_parse("192.0.2.1", 9, &ip), STATUS_OK);
    const size_t n = w->n_answers;
    assert_true(state_ask_history(w->s, &ip, INT64_MAX, 10, n));
    UNTIL(w->n_answers > n);
    assert_true(w->answers[n].ok);
    return &w->answers[n];
}

/* A question makes the thread write what waits. */
static void nothing_is_written_of_a_group_that_is_not_whole_yet(void **state) {
    struct world *w = *state;
    begin(w);
    state_hold(w->s, true);
    put_event(w, STATE_LEAST_WALL_NS, "192.0.2.1", "code");
    assert_int_equal(ask(w)->n, 0);
    put_ip(w, RECORD_ENTRY, "zen", 1, "192.0.2.1", "listed");
    assert_int_equal(ask(w)->n, 0);
    state_hold(w->s, false);
    assert_int_equal(ask(w)->n, 1);
    end(w);
}

static int set_up_gate(void **state) {
    memset(&gate, 0, sizeof gate);
    gate.fail_at = NOBODY;
    return set_up(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_transaction_ends_within_a_group, set_up_gate, tear_down),
        cmocka_unit_test_setup_teardown(a_statement_that_fails_takes_the_whole_group_with_it, set_up_gate,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_written_of_a_group_that_is_not_whole_yet, set_up_gate,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
