/* SPDX-License-Identifier: Apache-2.0
 *
 * What is watched is a table indexed by descriptor. Every epoll event carries the generation of its entry, so
 * an event that was fetched together with others is dropped when one of their handlers has unwatched the
 * descriptor, also when the same number has been watched anew since.
 *
 * The deadline is the time-out of epoll_pwait2(2), in nanoseconds; milliseconds would either spin or be late
 * by one, which is a lot for a resolver that answers in 50 us.
 */
#include "edge/loop.h"

#include "edge/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, TABLE_LEAST = 64 };

struct watch {
    loop_fd_handler *handler;
    void *context;
    unsigned events; /* 0: not watched */
    uint32_t generation;
};

struct loop {
    int epoll_fd;
    int signal_fd;
    int wake_fd;
    struct watch *watches;
    size_t n_watches;
    loop_signal_handler *on_signal;
    void *signal_context;
    loop_turn_handler *on_turn;
    void *turn_context;
    int64_t now_ns;
    int64_t deadline_ns;
    bool no_pwait2; /* the kernel, or a sandbox, has only milliseconds */
    bool stopping;
};

static void take_signals(void *context, int fd, unsigned events, int64_t now_ns) {
    (void)events;
    (void)now_ns;
    struct loop *loop = context;
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (loop->on_signal)
            loop->on_signal(loop->signal_context, (int)info.ssi_signo);
    }
}

static void take_wakes(void *context, int fd, unsigned events, int64_t now_ns) {
    (void)context;
    (void)events;
    (void)now_ns;
    uint64_t wakes;
    ssize_t n = read(fd, &wakes, sizeof wakes);
    (void)n; /* EAGAIN: nothing to take */
}

static int open_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (errno != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->now_ns = clock_now_ns();
    loop->deadline_ns = loop->now_ns; /* the first turn comes at once */
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop->signal_fd = open_signals();
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 || loop->signal_fd < 0 ||
        loop_watch(loop, loop->signal_fd, LOOP_READ, take_signals, loop) != STATUS_OK ||
        loop_watch(loop, loop->wake_fd, LOOP_READ, take_wakes, loop) != STATUS_OK) {
        int saved_errno = errno;
        loop_free(loop);
        errno = saved_errno;
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop) {
    if (!loop)
        return;
    const int fds[] = {loop->signal_fd, loop->wake_fd, loop->epoll_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(loop->watches);
    free(loop);
}

void loop_on_signal(struct loop *loop, loop_signal_handler *handler, void *context) {
    loop->on_signal = handler;
    loop->signal_context = context;
}

void loop_on_turn(struct loop *loop, loop_turn_handler *handler, void *context) {
    loop->on_turn = handler;
    loop->turn_context = context;
}

static enum status grow_table(struct loop *loop, size_t fd) {
    size_t n = loop->n_watches ? loop->n_watches : TABLE_LEAST;
    while (n <= fd)
        n *= 2;
    struct watch *watches = realloc(loop->watches, n * sizeof *watches);
    if (!watches)
        return STATUS_NO_MEMORY;
    memset(watches + loop->n_watches, 0, (n - loop->n_watches) * sizeof *watches);
    loop->watches = watches;
    loop->n_watches = n;
    return STATUS_OK;
}

static void unwatch(struct loop *loop, int fd) {
    if ((size_t)fd >= loop->n_watches || loop->watches[fd].events == 0)
        return;
    loop->watches[fd].events = 0;
    loop->watches[fd].generation++;
    /* A descriptor that was closed before has left the epoll by itself: nothing to report. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

enum status loop_watch(struct loop *loop, int fd, unsigned events, loop_fd_handler *handler, void *context) {
    assert(fd >= 0 && (events & ~(unsigned)(LOOP_READ | LOOP_WRITE)) == 0);
    if (events == 0) {
        unwatch(loop, fd);
        return STATUS_OK;
    }
    if ((size_t)fd >= loop->n_watches && grow_table(loop, (size_t)fd) != STATUS_OK)
        return STATUS_NO_MEMORY;
    struct watch *watch = &loop->watches[fd];
    struct epoll_event event = {
        .events = ((events & LOOP_READ) ? EPOLLIN : 0U) | ((events & LOOP_WRITE) ? EPOLLOUT : 0U),
        .data.u64 = (uint64_t)watch->generation << 32 | (uint32_t)fd,
    };
    if (watch->events != events) {
        int op = watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        if (epoll_ctl(loop->epoll_fd, op, fd, &event) != 0)
            return STATUS_IO;
    }
    watch->events = events;
    watch->handler = handler;
    watch->context = context;
    return STATUS_OK;
}

void loop_wake(struct loop *loop) {
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof one);
    (void)n; /* EAGAIN: 2^64 - 2 wakes wait already */
}

int64_t loop_now_ns(const struct loop *loop) {
    return loop->now_ns;
}

/* Waits in milliseconds, rounded up: late by at most one, never early (which would spin). */
static int wait_ms(int epoll_fd, struct epoll_event *events, int64_t ns) {
    const int64_t longest_ms = INT64_C(3600) * 1000;
    int64_t ms = ns / 1000000 + (ns % 1000000 != 0);
    return epoll_wait(epoll_fd, events, BATCH,
                      ns == INT64_MAX ? -1 : (int)(ms < longest_ms ? ms : longest_ms));
}

/* The number of events that are ready before the deadline; a signal in between counts as none. -1 on failure.
 */
static int wait_events(struct loop *loop, struct epoll_event *events) {
    int64_t ns = INT64_MAX;
    if (loop->deadline_ns != INT64_MAX) {
        int64_t now_ns = clock_now_ns();
        ns = loop->deadline_ns > now_ns ? loop->deadline_ns - now_ns : 0;
    }
    int n = -1;
    if (!loop->no_pwait2) {
        struct timespec timeout = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
        n = epoll_pwait2(loop->epoll_fd, events, BATCH, ns == INT64_MAX ? NULL : &timeout, NULL);
        loop->no_pwait2 = n < 0 && (errno == ENOSYS || errno == EPERM);
    }
    if (loop->no_pwait2)
        n = wait_ms(loop->epoll_fd, events, ns);
    return n < 0 && errno == EINTR ? 0 : n;
}

static void dispatch(struct loop *loop, const struct epoll_event *event) {
    uint32_t fd = (uint32_t)event->data.u64;
    struct watch watch = loop->watches[fd]; /* a copy: the handler may grow the table */
    if (watch.generation != (uint32_t)(event->data.u64 >> 32))
        return;
    unsigned ready =
        ((event->events & EPOLLIN) ? LOOP_READ : 0U) | ((event->events & EPOLLOUT) ? LOOP_WRITE : 0U);
    if (event->events & (EPOLLERR | EPOLLHUP))
        ready = LOOP_READ | LOOP_WRITE;
    /* An earlier handler of this turn may have narrowed what is waited for. */
    if (ready & watch.events)
        watch.handler(watch.context, (int)fd, ready & watch.events, loop->now_ns);
}

enum status loop_run(struct loop *loop) {
    while (!loop->stopping) {
        struct epoll_event events[BATCH];
        int n = wait_events(loop, events);
        if (n < 0)
            return STATUS_IO;
        loop->now_ns = clock_now_ns();
        for (int i = 0; i < n; i++)
            dispatch(loop, &events[i]);
        loop->deadline_ns = loop->on_turn ? loop->on_turn(loop->turn_context, loop->now_ns) : INT64_MAX;
    }
    loop->stopping = false;
    return STATUS_OK;
}

void loop_stop(struct loop *loop) {
    loop->stopping = true;
}
