/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/child.h"
#include "edge/clock.h"
#include "edge/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define MIB ((size_t)1 << 20)
enum { MOST = 8 };

static long allocations_left = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static bool allocation_fails(void) {
    return allocations_left == 0 || (allocations_left > 0 && allocations_left-- == 0);
}

void *__wrap_malloc(size_t size) {
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return allocation_fails() ? NULL : __real_realloc(old, size);
}

/* ---- a world in which processes run until so many have ended ---- */

static struct loop *loop;
static struct child_pool *pool;
static unsigned n_ended;
static unsigned wanted;
static unsigned n_fds;
static struct {
    enum child_outcome outcome;
    char why[80];
    char *output;
    size_t len;
} ends[MOST];

static unsigned count_fds(void) {
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static int64_t turn(void *context, int64_t now_ns) {
    int64_t next_ns = child_turn(pool, now_ns);
    if (n_ended >= wanted)
        loop_stop(loop);
    return next_ns;
}

static void done(void *context, const struct child_end *end) {
    unsigned *place = context;
    unsigned i = place != NULL ? *place : n_ended;
    assert_true(i < MOST);
    n_ended++;
    ends[i].outcome = end->outcome;
    (void)snprintf(ends[i].why, sizeof ends[i].why, "%s", end->why);
    ends[i].output = __real_malloc(end->len + 1);
    memcpy(ends[i].output, end->output, end->len);
    ends[i].output[end->len] = '\0';
    ends[i].len = end->len;
}

static int begin(void **state) {
    n_fds = count_fds();
    loop = loop_new();
    n_ended = 0;
    wanted = 1;
    alarm(60); /* what hangs ends the test */
    loop_on_turn(loop, turn, NULL);
    return loop != NULL ? 0 : -1;
}

static void use(const char *path, unsigned running, unsigned waiting, int64_t limit_ns, size_t output_most) {
    const struct child_options options = {path, running, waiting, limit_ns, output_most};
    pool = child_pool_new(loop, &options);
    assert_non_null(pool);
}

static int end(void **state) {
    int how;
    child_pool_free(pool);
    pool = NULL;
    loop_free(loop);
    for (unsigned i = 0; i < MOST; i++) {
        free(ends[i].output);
        ends[i].output = NULL;
    }
    alarm(0);
    assert_int_equal(count_fds(), n_fds);
    assert_int_equal(waitpid(-1, &how, WNOHANG), -1); /* there is none left, not even a zombie */
    assert_int_equal(errno, ECHILD);
    return 0;
}

static void ask(const char *const *argv, const void *input, size_t len) {
    assert_int_equal(child_run(pool, argv, input, len, done, NULL, clock_now_ns()), STATUS_OK);
}

static void run_until(unsigned n) {
    wanted = n;
    loop_wake(loop);
    assert_int_equal(loop_run(loop), STATUS_OK);
}

static void expect(unsigned i, enum child_outcome outcome, const char *why) {
    assert_string_equal(ends[i].why, why);
    assert_int_equal(ends[i].outcome, outcome);
    assert_true(outcome == CHILD_OK || ends[i].len == 0);
}

#define SHELL(text) ((const char *const[]){"sh", "-c", text, NULL})
static const char *const cat[] = {"cat", NULL};

/* ---- what goes well ---- */

static void what_goes_in_comes_out_again(void **state) {
    char *megabyte = malloc(MIB);
    assert_non_null(megabyte);
    for (size_t i = 0; i < MIB; i++)
        megabyte[i] = (char)(i * 2654435761U >> 13);
    use("/bin/cat", 1, 0, 20000 * MS, MIB);
    ask(cat, megabyte, MIB);
    assert_int_equal(n_ended, 0);
    run_until(1);
    expect(0, CHILD_OK, "");
    assert_int_equal(ends[0].len, MIB);
    assert_memory_equal(ends[0].output, megabyte, MIB);
    free(megabyte);
}

static void nothing_in_is_nothing_out(void **state) {
    use("/bin/cat", 1, 0, 20000 * MS, MIB);
    ask(cat, NULL, 0);
    run_until(1);
    expect(0, CHILD_OK, "");
    assert_int_equal(ends[0].len, 0);
}

static void one_that_does_not_read_may_still_answer(void **state) {
    char *megabyte = calloc(1, MIB);
    assert_non_null(megabyte);
    use("/bin/sh", 1, 0, 20000 * MS, MIB);
    ask(SHELL("exec <&-; echo well"), megabyte, MIB);
    run_until(1);
    expect(0, CHILD_OK, "");
    assert_string_equal(ends[0].output, "well\n");
    free(megabyte);
}

static void it_has_three_descriptors_and_no_signal_held_back(void **state) {
    int leaked = open("/dev/null", O_RDONLY); /* not close-on-exec */
    use("/bin/sh", 1, 0, 20000 * MS, MIB);
    ask(SHELL("for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do [ -e /proc/$$/fd/$i ] && echo $i; done; "
              "exec sed -n 's/^SigBlk:.//p; s/^SigIgn:.//p' /proc/self/status"),
        "", 0);
    run_until(1);
    close(leaked);
    expect(0, CHILD_OK, "");
    unsigned long long blocked = 1;
    unsigned long long ignored = 1;
    assert_int_equal(sscanf(ends[0].output, "0 1 2 %llx %llx", &blocked, &ignored), 2);
    assert_int_equal(blocked & INT32_MAX, 0); /* above are those of the C library */
    assert_int_equal(ignored & INT32_MAX, 0);
}

static void a_few_run_at_once_and_some_wait(void **state) {
    static const char *const copy[] = {"sh", "-c", "cat", NULL};
    static unsigned places[] = {0, 1, 2, 3};
    use("/bin/sh", 2, 2, 20000 * MS, MIB);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(child_run(pool, copy, &"abcd"[i], 1, done, &places[i], clock_now_ns()), STATUS_OK);
    assert_int_equal(child_run(pool, copy, "e", 1, done, NULL, clock_now_ns()), STATUS_FULL);
    run_until(4);
    for (unsigned i = 0; i < 4; i++) {
        expect(i, CHILD_OK, "");
        assert_int_equal(ends[i].output[0], "abcd"[i]);
    }
    ask(copy, "f", 1);
    run_until(5);
    assert_string_equal(ends[4].output, "f");
}

static void ask_again(void *context, const struct child_end *end) {
    done(NULL, end);
    assert_int_equal(child_run(pool, cat, "x", 1, done, NULL, clock_now_ns()), STATUS_OK);
}

static void who_is_told_may_ask_for_another(void **state) {
    use("/bin/cat", 1, 0, 20000 * MS, MIB);
    assert_int_equal(child_run(pool, cat, "x", 1, ask_again, NULL, clock_now_ns()), STATUS_OK);
    run_until(2);
    expect(1, CHILD_OK, "");
}

/* ---- what goes wrong ---- */

static void one_that_hangs_is_killed_with_what_it_started(void **state) {
    static unsigned places[] = {0, 1};
    char path[] = "/tmp/test_edge_child.XXXXXX";
    char pid[32] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    int64_t began_ns = clock_now_ns();
    const char *const hangs[] = {"sh", "-c", "trap '' TERM; sleep 1000 & echo $! > $0; wait", path, NULL};
    const char *const never[] = {"sh", "-c", "sleep 1000", NULL};
    use("/bin/sh", 1, 1, 1000 * MS, MIB);
    assert_int_equal(child_run(pool, hangs, "", 0, done, &places[0], began_ns), STATUS_OK);
    assert_int_equal(child_run(pool, never, "", 0, done, &places[1], began_ns), STATUS_OK);
    run_until(2);
    expect(0, CHILD_TOO_LONG, "did not end in time");
    expect(1, CHILD_TOO_LONG, "did not get its turn in time");
    assert_true(clock_now_ns() - began_ns >= 1000 * MS);
    assert_true(read(fd, pid, sizeof pid - 1) > 0);
    close(fd);
    unlink(path);
    while (kill(atoi(pid), 0) == 0) /* whoever adopted it has yet to wait for it; alarm() ends this */
        usleep(1000);
}

static void one_that_has_closed_its_output_and_stays_is_killed(void **state) {
    use("/bin/sh", 1, 0, 300 * MS, MIB);
    ask(SHELL("echo before; exec >&-; sleep 1000"), "", 0);
    run_until(1);
    expect(0, CHILD_TOO_LONG, "did not end in time");
}

static void one_whose_child_holds_the_output_is_killed(void **state) {
    use("/bin/sh", 1, 0, 300 * MS, MIB);
    ask(SHELL("sleep 1000 & exit 0"), "", 0);
    run_until(1);
    expect(0, CHILD_TOO_LONG, "did not end in time");
}

static void one_that_floods_is_killed(void **state) {
    use("/bin/sh", 1, 0, 20000 * MS, MIB);
    ask(SHELL("exec cat /dev/zero"), "", 0);
    run_until(1);
    expect(0, CHILD_TOO_MUCH, "put out more than is taken");
}

static void as_much_as_is_taken_is_not_too_much(void **state) {
    use("/bin/sh", 1, 1, 20000 * MS, 1000);
    ask(SHELL("head -c 1000 /dev/zero"), "", 0);
    ask(SHELL("head -c 1001 /dev/zero"), "", 0);
    run_until(2);
    expect(0, CHILD_OK, "");
    assert_int_equal(ends[0].len, 1000);
    expect(1, CHILD_TOO_MUCH, "put out more than is taken");
}

static void one_that_dies_is_told_of(void **state) {
    static unsigned places[] = {0, 1, 2, 3};
    use("/bin/sh", 4, 0, 20000 * MS, MIB);
    const char *const *const argvs[] = {SHELL("echo half; kill -SEGV $$"), SHELL("echo half; exit 3"),
                                        SHELL("kill -KILL $$"), SHELL("echo half; exit 75")};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(child_run(pool, argvs[i], "", 0, done, &places[i], clock_now_ns()), STATUS_OK);
    run_until(4);
    expect(0, CHILD_FAILED, "ended by signal 11");
    expect(1, CHILD_FAILED, "ended with code 3");
    expect(2, CHILD_NOT_NOW, "ended by signal 9");
    expect(3, CHILD_NOT_NOW, "ended with code 75");
}

static void a_program_that_is_not_there_is_told_of(void **state) {
    use("/nonexistent/program", 1, 1, 20000 * MS, MIB);
    ask(cat, "x", 1);
    ask(cat, "x", 1);
    assert_int_equal(n_ended, 0);
    run_until(2);
    expect(0, CHILD_NO_START, "cannot be started: No such file or directory");
    expect(1, CHILD_NO_START, "cannot be started: No such file or directory");
}

static void without_descriptors_it_is_not_started(void **state) {
    struct rlimit was;
    use("/bin/cat", 1, 0, 20000 * MS, MIB);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    for (unsigned more = 0; more < 4; more++) {
        int free_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct rlimit few = {(rlim_t)free_fd + more, was.rlim_max};
        close(free_fd);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        n_ended = 0;
        ask(cat, "x", 1);
        run_until(1);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
        expect(0, CHILD_NO_START, "cannot be started: Too many open files");
        free(ends[0].output);
        ends[0].output = NULL;
    }
}

static void what_runs_at_the_end_is_killed_and_nobody_is_told(void **state) {
    use("/bin/sh", 2, 2, 20000 * MS, MIB);
    const char *const *const argv = SHELL("sleep 1000");
    for (unsigned i = 0; i < 4; i++)
        ask(argv, "x", 1);
    wanted = 0;
    assert_int_equal(loop_run(loop), STATUS_OK);
    child_pool_free(pool);
    pool = NULL;
    assert_int_equal(n_ended, 0);
}

static void without_memory_it_fails_and_leaks_nothing(void **state) {
    bool through = false;
    allocations_left = 0;
    const struct child_options options = {"/bin/cat", 1, 0, 20000 * MS, MIB};
    pool = child_pool_new(loop, &options);
    allocations_left = -1;
    assert_null(pool);
    use("/bin/cat", 1, 0, 20000 * MS, MIB);
    for (long n = 0; !through; n++) {
        assert_true(n < 100);
        n_ended = 0;
        allocations_left = n;
        enum status status = child_run(pool, cat, "words", 5, done, NULL, clock_now_ns());
        if (status == STATUS_OK)
            run_until(1);
        allocations_left = -1;
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        through = status == STATUS_OK && ends[0].outcome == CHILD_OK;
        if (status != STATUS_OK)
            continue;
        assert_string_equal(ends[0].output, through ? "words" : "");
        free(ends[0].output);
        ends[0].output = NULL;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_goes_in_comes_out_again, begin, end),
        cmocka_unit_test_setup_teardown(nothing_in_is_nothing_out, begin, end),
        cmocka_unit_test_setup_teardown(one_that_does_not_read_may_still_answer, begin, end),
        cmocka_unit_test_setup_teardown(it_has_three_descriptors_and_no_signal_held_back, begin, end),
        cmocka_unit_test_setup_teardown(a_few_run_at_once_and_some_wait, begin, end),
        cmocka_unit_test_setup_teardown(who_is_told_may_ask_for_another, begin, end),
        cmocka_unit_test_setup_teardown(one_that_hangs_is_killed_with_what_it_started, begin, end),
        cmocka_unit_test_setup_teardown(one_that_has_closed_its_output_and_stays_is_killed, begin, end),
        cmocka_unit_test_setup_teardown(one_whose_child_holds_the_output_is_killed, begin, end),
        cmocka_unit_test_setup_teardown(one_that_floods_is_killed, begin, end),
        cmocka_unit_test_setup_teardown(as_much_as_is_taken_is_not_too_much, begin, end),
        cmocka_unit_test_setup_teardown(one_that_dies_is_told_of, begin, end),
        cmocka_unit_test_setup_teardown(a_program_that_is_not_there_is_told_of, begin, end),
        cmocka_unit_test_setup_teardown(without_descriptors_it_is_not_started, begin, end),
        cmocka_unit_test_setup_teardown(what_runs_at_the_end_is_killed_and_nobody_is_told, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_it_fails_and_leaks_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
