/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that accepts clients, on all listening sockets, and hands them to libmicrohttpd.
 *
 * libmicrohttpd 0.9.75 listens on one socket only, has no say in who is turned away when its limit is
 * reached, and spins when there are no descriptors left. MHD_add_connection() may be called from another
 * thread (it queues under a lock and wakes the server thread, which alone begins with the connection and
 * calls MHD_OPTION_NOTIFY_CONNECTION), and what is still queued when it stops is closed. Its own limit must
 * never be reached: then the server thread returns from new_connection_process_() with a lock held, and
 * stands still for ever. So it is given one above all that we let in.
 *
 * Another thread, and not the loop: a stuck loop must not keep anybody from being told 503.
 */
#include "edge/httpd_internal.h"

#include "edge/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    AT_ONCE = 64, /* clients of one socket, before others get their turn */
    CLOSING_MS = 2,
    PAUSE_MS = 20,
    SHORTAGES_PER_MINUTE = 1,
};

static const uint64_t END = UINT64_MAX; /* what epoll says of `accept_end` */

/* --- Waiting for something but clients --- */

static struct timespec from_now(int64_t ms) {
    const int64_t ns = clock_now_ns() + ms * 1000000;
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* When nothing can be accepted, epoll would not let us wait. Lock held. */
static void pause_for(struct httpd *server, int64_t ms) {
    const struct timespec until = from_now(ms);
    while (!server->accept_ends && pthread_cond_timedwait(&server->accept_wake, &server->lock, &until) == 0)
        ;
}

/* Accepting is faster than beginning and closing, which are libmicrohttpd's. A flood must not outrun it: then
 * a client would lose its place again before its request, which has come, is looked at. The others wait in
 * the kernel. False: the end has come. */
static bool wait_for_room(struct httpd *server) {
    pthread_mutex_lock(&server->lock);
    while (!server->accept_ends &&
           (server->n_accepted >= HTTPD_WAITING ||
            server->n_connections - server->n_lingering >= HTTPD_MAX_CONNECTIONS + HTTPD_SURPLUS))
        pthread_cond_wait(&server->accept_wake, &server->lock);
    const bool goes_on = !server->accept_ends;
    pthread_mutex_unlock(&server->lock);
    return goes_on;
}

/* --- One client --- */

static void turn_away(struct httpd *server, int fd, const char *why) {
    char detail[128];
    close(fd);
    server->n_turned_away++;
    snprintf(detail, sizeof detail, "%s; %llu since the start", why,
             (unsigned long long)server->n_turned_away);
    httpd_say(server, "web client turned away", detail);
}

static const char *try_to_admit(struct httpd *server, int fd, const struct sockaddr_storage *from,
                                struct connection *c) {
    *c = (struct connection){.server = server, .fd = fd};
    pthread_mutex_lock(&server->lock);
    const enum httpd_place place = httpd_place_take(c, from);
    if (place == HTTPD_PLACE_TAKEN)
        httpd_connection_add(c);
    pthread_mutex_unlock(&server->lock);
    switch (place) {
    case HTTPD_PLACE_TAKEN: break;
    case HTTPD_PLACE_ADDRESS_FULL: return "its address has too many connections";
    case HTTPD_PLACE_ALL_FULL: return "all connections are taken";
    }
    return NULL;
}

/* From the moment that libmicrohttpd has it the connection is the server thread's, and may be gone. On
 * failure it was closed, but nobody else knows of it. */
static void admit(struct httpd *server, int fd, const struct sockaddr_storage *from, socklen_t from_len) {
    struct connection *c = malloc(sizeof *c);
    const char *why = c ? try_to_admit(server, fd, from, c) : "out of memory";
    if (why) {
        free(c);
        turn_away(server, fd, why);
    } else if (MHD_add_connection(server->daemon, fd, (const struct sockaddr *)from, from_len) != MHD_YES) {
        pthread_mutex_lock(&server->lock);
        httpd_connection_forget(c);
        pthread_mutex_unlock(&server->lock);
    }
}

/* --- When accepting fails --- */

static void tell_shortage(struct httpd *server, int cause) {
    char reason[128];
    if (log_allowed(&server->shortage_limit, SHORTAGES_PER_MINUTE, clock_now_ns()))
        log_write(
            LOG_WARN,
            "web clients cannot be let in: idle ones are cut off for them; if it goes on, allow more open "
            "files (LimitNOFILE= of a systemd service, ulimit -n)",
            "error", strerror_r(cause, reason, sizeof reason), NULL);
}

static bool is_passing(int cause) {
    switch (cause) { /* accept(2): errors of the new connection are ours to see too */
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
    case EPERM: return true;
    default: return false;
    }
}

/* No descriptors or no memory: libmicrohttpd closes what is cut off, and then there is one. */
static void run_short(struct httpd *server, int cause) {
    tell_shortage(server, cause);
    pthread_mutex_lock(&server->lock);
    pause_for(server, httpd_place_clear(server) ? CLOSING_MS : PAUSE_MS);
    pthread_mutex_unlock(&server->lock);
}

/* Without descriptors accept4() fails before it looks whether anybody waits. */
static bool somebody_waits(int listener) {
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    return poll(&waiting, 1, 0) != 0;
}

static void accept_some(struct httpd *server, int listener) {
    for (int i = 0; i < AT_ONCE && wait_for_room(server); i++) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof from;
        const int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            admit(server, fd, &from, len);
        } else if (errno == EAGAIN) {
            return;
        } else if (!is_passing(errno)) {
            const int cause = errno;
            if (somebody_waits(listener))
                run_short(server, cause);
            return;
        }
    }
}

/* --- The thread --- */

static void *run(void *context) {
    struct httpd *server = context;
    struct epoll_event events[HTTPD_MAX_LISTENERS + 1];
    for (;;) {
        const int n = epoll_wait(server->accept_epoll, events, HTTPD_MAX_LISTENERS + 1, -1);
        if (n < 0 && errno != EINTR)
            abort(); /* the descriptor is none, or the memory: neither can be */
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == END)
                return NULL;
            accept_some(server, server->listeners.at[events[i].data.u64].fd);
        }
    }
}

static bool watch(struct httpd *server, int fd, uint64_t data) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
    return epoll_ctl(server->accept_epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool watch_all(struct httpd *server) {
    bool ok = watch(server, server->accept_end, END);
    for (size_t i = 0; ok && i < server->listeners.n; i++)
        ok = watch(server, server->listeners.at[i].fd, i);
    return ok;
}

static void close_ends(struct httpd *server) {
    if (server->accept_epoll >= 0)
        close(server->accept_epoll);
    if (server->accept_end >= 0)
        close(server->accept_end);
}

bool httpd_accept_start(struct httpd *server, char *error, size_t error_size) {
    int cause = 0;
    server->accept_epoll = epoll_create1(EPOLL_CLOEXEC);
    server->accept_end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->accept_epoll < 0 || server->accept_end < 0 || !watch_all(server))
        cause = errno;
    else
        cause = pthread_create(&server->acceptor, NULL, run, server);
    if (cause == 0)
        return true;
    char reason[128];
    snprintf(error, error_size, "cannot start accepting web clients: %s",
             strerror_r(cause, reason, sizeof reason));
    close_ends(server);
    return false;
}

void httpd_accept_stop(struct httpd *server) {
    pthread_mutex_lock(&server->lock);
    server->accept_ends = true;
    pthread_cond_broadcast(&server->accept_wake);
    pthread_mutex_unlock(&server->lock);
    const uint64_t one = 1;
    const ssize_t written = write(server->accept_end, &one, sizeof one);
    (void)written; /* nobody else has counted it up to where it would fail */
    pthread_join(server->acceptor, NULL);
    httpd_listeners_close(&server->listeners);
    close_ends(server);
}
