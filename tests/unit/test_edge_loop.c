/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/clock.h"
#include "edge/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t MS = 1000000;

/* A world with two connected sockets in a loop that ends after so many turns, or when a handler stops it. */
struct world {
    struct loop *loop;
    int pair[2];
    int turns;
    int turns_left;
    int calls[2];
    unsigned events[2];
    int64_t deadline_ns;
    int64_t handler_now_ns;
    int signals[4];
    int n_signals;
};

static int64_t count_turn(void *context, int64_t now_ns) {
    struct world *w = context;
    assert_int_equal(now_ns, loop_now_ns(w->loop));
    w->turns++;
    if (--w->turns_left <= 0)
        loop_stop(w->loop);
    return w->deadline_ns;
}

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    if (!w || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, w->pair) != 0)
        return -1;
    w->loop = loop_new();
    w->deadline_ns = INT64_MAX;
    if (!w->loop)
        return -1;
    loop_on_turn(w->loop, count_turn, w);
    alarm(30); /* a loop that hangs ends the test */
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    struct world *w = *state;
    loop_free(w->loop);
    close(w->pair[0]);
    close(w->pair[1]);
    free(w);
    alarm(0);
    return 0;
}

static void run_turns(struct world *w, int turns) {
    w->turns_left = turns;
    assert_int_equal(loop_run(w->loop), STATUS_OK);
}

static int side_of(const struct world *w, int fd) {
    return fd == w->pair[1];
}

static void note(void *context, int fd, unsigned events, int64_t now_ns) {
    struct world *w = context;
    w->calls[side_of(w, fd)]++;
    w->events[side_of(w, fd)] = events;
    w->handler_now_ns = now_ns;
}

static void watch(struct world *w, int side, unsigned events, loop_fd_handler *handler) {
    assert_int_equal(loop_watch(w->loop, w->pair[side], events, handler, w), STATUS_OK);
}

static void makes_a_first_turn_at_once(void **state) {
    struct world *w = *state;
    run_turns(w, 1);
    assert_int_equal(w->turns, 1);
}

static void tells_what_is_ready_of_what_was_asked(void **state) {
    static const struct {
        unsigned asked;
        bool has_data, peer_closed;
        unsigned told; /* 0: not called */
    } rows[] = {
        {LOOP_READ, false, false, 0},
        {LOOP_READ, true, false, LOOP_READ},
        {LOOP_WRITE, true, false, LOOP_WRITE},
        {LOOP_READ | LOOP_WRITE, false, false, LOOP_WRITE},
        {LOOP_READ | LOOP_WRITE, true, false, LOOP_READ | LOOP_WRITE},
        {LOOP_READ, false, true, LOOP_READ},
        {LOOP_WRITE, false, true, LOOP_WRITE},
        {LOOP_READ | LOOP_WRITE, false, true, LOOP_READ | LOOP_WRITE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *fresh;
        assert_int_equal(set_up(&fresh), 0);
        struct world *w = fresh;
        w->deadline_ns = clock_now_ns() + 5 * MS;
        watch(w, 0, rows[i].asked, note);
        if (rows[i].has_data)
            assert_int_equal(write(w->pair[1], "x", 1), 1);
        if (rows[i].peer_closed)
            shutdown(w->pair[1], SHUT_RDWR);
        run_turns(w, 1);
        if (w->calls[0] != (rows[i].told != 0) || w->events[0] != rows[i].told)
            fail_msg("row %zu: %d calls, events %u", i, w->calls[0], w->events[0]);
        tear_down(&fresh);
    }
    (void)state;
}

static void stops_watching_and_changes_what_is_watched(void **state) {
    struct world *w = *state;
    assert_int_equal(write(w->pair[1], "x", 1), 1);
    w->deadline_ns = 0;
    watch(w, 0, 0, note); /* was not watched */
    watch(w, 0, LOOP_READ, note);
    run_turns(w, 1);
    assert_int_equal(w->calls[0], 1);
    watch(w, 0, 0, note);
    run_turns(w, 1);
    assert_int_equal(w->calls[0], 1);
    watch(w, 0, LOOP_WRITE, note);
    run_turns(w, 1);
    assert_int_equal(w->events[0], LOOP_WRITE);
    watch(w, 0, LOOP_READ, note);
    run_turns(w, 1);
    assert_int_equal(w->events[0], LOOP_READ);
}

static void unwatch_other(void *context, int fd, unsigned events, int64_t now_ns) {
    struct world *w = context;
    note(context, fd, events, now_ns);
    watch(w, !side_of(w, fd), 0, unwatch_other);
}

static void renew_other(void *context, int fd, unsigned events, int64_t now_ns) {
    struct world *w = context;
    note(context, fd, events, now_ns);
    watch(w, !side_of(w, fd), 0, renew_other);
    watch(w, !side_of(w, fd), LOOP_READ, note);
}

static void drops_the_event_of_what_was_unwatched_in_the_same_turn(void **state) {
    struct world *w = *state;
    assert_int_equal(write(w->pair[0], "x", 1), 1);
    assert_int_equal(write(w->pair[1], "x", 1), 1);
    for (int i = 0; i < 2; i++) {
        loop_fd_handler *handler = i == 0 ? unwatch_other : renew_other;
        w->calls[0] = w->calls[1] = 0;
        watch(w, 0, LOOP_READ, handler);
        watch(w, 1, LOOP_READ, handler);
        run_turns(w, 1);
        assert_int_equal(w->calls[0] + w->calls[1], 1);
    }
}

static void close_other_and_reuse_its_number(void *context, int fd, unsigned events, int64_t now_ns) {
    struct world *w = context;
    note(context, fd, events, now_ns);
    int other = !side_of(w, fd), number = w->pair[other];
    watch(w, other, 0, note);
    close(number);
    int fresh = open("/dev/null", O_RDONLY);
    assert_int_equal(dup2(fresh, number), number);
    if (fresh != number)
        close(fresh);
}

static void leaves_a_reused_descriptor_alone(void **state) {
    struct world *w = *state;
    assert_int_equal(write(w->pair[0], "x", 1), 1);
    assert_int_equal(write(w->pair[1], "x", 1), 1);
    watch(w, 0, LOOP_READ, close_other_and_reuse_its_number);
    watch(w, 1, LOOP_READ, close_other_and_reuse_its_number);
    run_turns(w, 1);
    assert_int_equal(w->calls[0] + w->calls[1], 1);
}

static void watch_high_number(void *context, int fd, unsigned events, int64_t now_ns) {
    struct world *w = context;
    int high = fcntl(fd, F_DUPFD, 900); /* far behind the end of the table */
    assert_in_range(high, 900, 1023);
    assert_int_equal(loop_watch(w->loop, high, LOOP_READ, note, w), STATUS_OK);
    assert_int_equal(loop_watch(w->loop, high, 0, note, w), STATUS_OK);
    close(high);
    note(context, fd, events, now_ns);
}

static void grows_its_table_while_handlers_run(void **state) {
    struct world *w = *state;
    assert_int_equal(write(w->pair[0], "x", 1), 1);
    assert_int_equal(write(w->pair[1], "x", 1), 1);
    watch(w, 0, LOOP_READ, watch_high_number);
    watch(w, 1, LOOP_READ, watch_high_number);
    run_turns(w, 1);
    assert_int_equal(w->calls[0], 1);
    assert_int_equal(w->calls[1], 1);
}

static void refuses_a_descriptor_that_is_not_open(void **state) {
    struct world *w = *state;
    assert_int_equal(loop_watch(w->loop, 1000, LOOP_READ, note, w), STATUS_IO);
    run_turns(w, 1);
}

static int64_t cpu_ns(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000000) +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

struct pulse {
    struct loop *loop;
    int64_t next_ns, step_ns, early, turns;
    int left;
};

static int64_t beat(void *context, int64_t now_ns) {
    struct pulse *p = context;
    p->turns++;
    if (p->turns > 1 && now_ns < p->next_ns)
        p->early++;
    if (--p->left == 0)
        loop_stop(p->loop);
    return p->next_ns = now_ns + p->step_ns;
}

static void keeps_deadlines_of_200_us_without_spinning(void **state) {
    struct world *w = *state;
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5 && best > 400 * MS; i++) { /* a busy machine may spoil some */
        struct pulse p = {.loop = w->loop, .step_ns = 200000, .left = 500};
        loop_on_turn(w->loop, beat, &p);
        int64_t start = clock_now_ns();
        assert_int_equal(loop_run(w->loop), STATUS_OK);
        int64_t took = clock_now_ns() - start;
        best = took < best ? took : best;
        assert_int_equal(p.turns, 500);
        assert_int_equal(p.early, 0);
    }
    assert_in_range(best, 99 * MS, 480 * MS); /* a millisecond each would be 500 ms */
}

static void sleeps_until_the_deadline(void **state) {
    struct world *w = *state;
    int64_t start = clock_now_ns(), cpu = cpu_ns();
    w->deadline_ns = start + 120 * MS;
    run_turns(w, 2);
    assert_true(clock_now_ns() >= start + 120 * MS);
    assert_true(cpu_ns() - cpu < 30 * MS);
    assert_int_equal(w->turns, 2);
}

static void *wake_after_a_while(void *loop) {
    usleep(30000);
    loop_wake(loop);
    return NULL;
}

static void wakes_for_another_thread(void **state) {
    struct world *w = *state;
    pthread_t thread;
    int64_t start = clock_now_ns();
    assert_int_equal(pthread_create(&thread, NULL, wake_after_a_while, w->loop), 0);
    run_turns(w, 2);
    pthread_join(thread, NULL);
    assert_in_range(clock_now_ns() - start, 29 * MS, 10000 * MS);
}

static void merges_wakes_that_wait(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 1000; i++)
        loop_wake(w->loop);
    w->deadline_ns = clock_now_ns() + 30 * MS;
    run_turns(w, 1); /* all of them at once */
    run_turns(w, 1); /* the deadline */
    assert_true(clock_now_ns() >= w->deadline_ns);
}

static void note_signal(void *context, int signal_number) {
    struct world *w = context;
    w->signals[w->n_signals++ % 4] = signal_number;
}

static void takes_signals_in_the_loop(void **state) {
    struct world *w = *state;
    loop_on_signal(w->loop, note_signal, w);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGPIPE); /* ignored */
    run_turns(w, 1);
    assert_int_equal(w->n_signals, 2);
    assert_int_equal(w->signals[0] + w->signals[1], SIGHUP + SIGTERM);
    kill(getpid(), SIGINT);
    run_turns(w, 1);
    assert_int_equal(w->signals[2], SIGINT);
}

static void reads_the_clock_once_a_turn(void **state) {
    struct world *w = *state;
    watch(w, 0, LOOP_WRITE, note);
    int64_t before = clock_now_ns();
    run_turns(w, 1);
    assert_int_equal(w->handler_now_ns, loop_now_ns(w->loop));
    assert_in_range(w->handler_now_ns, before, clock_now_ns());
}

static void a_stop_before_the_run_ends_it_at_once(void **state) {
    struct world *w = *state;
    loop_stop(w->loop);
    assert_int_equal(loop_run(w->loop), STATUS_OK);
    assert_int_equal(w->turns, 0);
    run_turns(w, 1);
    assert_int_equal(w->turns, 1);
}

static void frees_nothing(void **state) {
    loop_free(NULL);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(makes_a_first_turn_at_once),
        cmocka_unit_test(tells_what_is_ready_of_what_was_asked),
        IN_A_WORLD(stops_watching_and_changes_what_is_watched),
        IN_A_WORLD(drops_the_event_of_what_was_unwatched_in_the_same_turn),
        IN_A_WORLD(leaves_a_reused_descriptor_alone),
        IN_A_WORLD(grows_its_table_while_handlers_run),
        IN_A_WORLD(refuses_a_descriptor_that_is_not_open),
        IN_A_WORLD(keeps_deadlines_of_200_us_without_spinning),
        IN_A_WORLD(sleeps_until_the_deadline),
        IN_A_WORLD(wakes_for_another_thread),
        IN_A_WORLD(merges_wakes_that_wait),
        IN_A_WORLD(takes_signals_in_the_loop),
        IN_A_WORLD(reads_the_clock_once_a_turn),
        IN_A_WORLD(a_stop_before_the_run_ends_it_at_once),
        cmocka_unit_test(frees_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
