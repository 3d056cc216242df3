/* SPDX-License-Identifier: Apache-2.0
 *
 * A kill, an error or half a transfer at each system call of the store, one after the other, until two lives
 * get through without meeting it.
 *
 * RBL_STATE_ALL=1 takes each (`make soak`), otherwise samples are taken.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "calls_fixture.h"

enum { KILL_STEP = 19, FAIL_STEP = 43, HALF_STEP = 61, READ_STEP = 13, CALLS_MOST = 5000 };

static long step_of(long sampled) {
    return getenv("RBL_STATE_ALL") ? 1 : sampled;
}

static void arm(struct world *w, long at, enum what what, int error) {
    watch_calls(w);
    calls.at = at;
    calls.what = what;
    calls.error = error;
}

/* What the next start says of it; `told`: the least that has to be there. */
static void expect_kept(struct world *w, int told, const char *what, long at) {
    unwatch_calls();
    open_store(w);
    load_store(w);
    if (!state_up(w->s) || state_was_damaged(w->s) || count_files(w, "damaged") > 0)
        fail_msg("%s at call %ld: the file passes for damaged", what, at);
    const int step = loaded_step(w);
    if (step < 0)
        fail_msg("%s at call %ld: %s", what, at, wrong);
    if (step < told || step > told + 1)
        fail_msg("%s at call %ld: brought back %d of %d", what, at, step, told);
    end(w);
}

/* In a process of its own; true: it got through without the call. */
static bool die_at(struct world *w, long at, atomic_int *told) {
    *told = 0;
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        arm(w, at, DO_KILL, 0);
        live(w, told);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    return !WIFSIGNALED(status);
}

static void keeps_what_was_told_when_killed_at_any_call(void **state) {
    struct world *w = *state;
    atomic_int *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    quiet_calls();
    long at = 1;
    for (bool whole = false; !whole; at += step_of(KILL_STEP)) {
        assert_true(at < CALLS_MOST);
        remove_folder(w->path);
        whole = die_at(w, at, told);
        assert_true(!whole || *told == STEPS);
        expect_kept(w, *told, "killed", at);
    }
    print_message("killed at every %ld. call of %ld\n", step_of(KILL_STEP), at);
    munmap((void *)told, sizeof *told);
}

/* Each life ends, whatever it met, and keeps what it said was written. */
static void try_error(struct world *w, unsigned which, int error, const char *name, long step) {
    long at = 1;
    long n_calls;
    size_t n_tried = 0;
    quiet_calls();
    do {
        atomic_int told = 0;
        remove_folder(w->path);
        calls.which = which;
        arm(w, at, DO_FAIL, error);
        live(w, &told);
        n_calls = calls.n_calls;
        expect_kept(w, told, name, at);
        at += step;
        n_tried++;
    } while (n_calls >= at - step && at < CALLS_MOST);
    print_message("%s: %zu of %ld calls\n", name, n_tried, n_calls);
    assert_true(n_tried > 3);
}

static void survives_a_disk_that_is_full_for_a_moment(void **state) {
    try_error(*state, CALL_WRITES | CALL_OTHER, ENOSPC, "ENOSPC", step_of(FAIL_STEP));
}

static void survives_an_error_of_the_disk_at_any_change(void **state) {
    try_error(*state, CALL_WRITES | CALL_OTHER, EIO, "EIO", step_of(FAIL_STEP));
}

static void survives_a_read_that_fails_for_a_moment(void **state) {
    try_error(*state, CALL_READS, EIO, "EIO of a read", step_of(READ_STEP));
}

static void survives_a_file_system_that_becomes_read_only_for_a_moment(void **state) {
    try_error(*state, CALL_WRITES | CALL_OTHER, EROFS, "EROFS", step_of(FAIL_STEP));
}

/* Reads and writes that were interrupted, or did half of what they were to do, are gone on with. */
static void goes_on_after_transfers_that_were_cut_short(void **state) {
    struct world *w = *state;
    quiet_calls();
    for (int i = 0; i < 2; i++) {
        long n_calls = 0;
        for (long at = 1; at == 1 || at <= n_calls; at += step_of(HALF_STEP)) {
            atomic_int told = 0;
            remove_folder(w->path);
            calls.which = CALL_READS | CALL_WRITES;
            arm(w, at, i == 0 ? DO_HALF : DO_FAIL, EINTR);
            live(w, &told);
            n_calls = calls.n_calls;
            assert_int_equal(told, STEPS);
            expect_kept(w, STEPS, i == 0 ? "half a transfer" : "EINTR", at);
        }
    }
}

/* From some call on nothing goes any more; the store is closed in that state. */
static void loses_nothing_told_to_a_disk_that_dies(void **state) {
    struct world *w = *state;
    const long step = step_of(FAIL_STEP);
    static const int errors[] = {EIO, ENOSPC};
    quiet_calls();
    for (long at = 1; at == 1 || calls.n_calls >= at - step; at += step) {
        atomic_int told = 0;
        remove_folder(w->path);
        arm(w, at, DO_FAIL_FOR_EVER, errors[at / step % 2]);
        w->n_tickets = 0;
        w->pace.checkpoint_ns = 0;
        open_store(w);
        load_store(w);
        start_store(w, 400 * DAY);
        for (int i = 1; i <= STEPS && put_step(w, i); i++) {
            UNTIL(w->n_tickets == (size_t)i || !state_up(w->s));
            if (w->n_tickets < (size_t)i)
                break;
            told = i;
        }
        struct state *s = w->s;
        w->s = NULL;
        (void)state_close(s, PATIENCE_NS);
        const long n_calls = calls.n_calls;
        expect_kept(w, told, "dead", at);
        calls.n_calls = n_calls;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_what_was_told_when_killed_at_any_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_a_disk_that_is_full_for_a_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_an_error_of_the_disk_at_any_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_a_read_that_fails_for_a_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_a_file_system_that_becomes_read_only_for_a_moment, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(goes_on_after_transfers_that_were_cut_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loses_nothing_told_to_a_disk_that_dies, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
