/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections, and the thread that ends those that take too long.
 *
 * libmicrohttpd's own time-out is restarted by every byte, so a client that drips one a second holds its
 * place for ever. The reaper looks at all connections several times a second, and shuts down (no more than
 * that: closing is libmicrohttpd's) those without a finished request in time. What libmicrohttpd does not
 * say, whether an idle client has begun its next request and whether a slow reader reads at all, the kernel's
 * counters of the connection say. The same thread resumes what the loop does not answer in time: it must not
 * depend on the loop.
 *
 * A connection that is closed while data is unread is reset by the kernel, and the reset can overtake the
 * answer. So when an upload has been refused early, a copy of the descriptor is kept here for a moment and
 * what comes is swallowed.
 */
#include "edge/httpd_internal.h"

#include "edge/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTION_MAGIC = 0x434f4e4e,
    TICKS_PER_LIMIT = 8,
    CLOSE_WAIT = 8, /* of the kernel's tcp_states.h; libc's header does not go with linux/tcp.h */
};

static const int64_t MS = 1000000;
static const int64_t LONGEST_TICK_MS = 250;
static const int64_t SHORTEST_TICK_MS = 5;
static const int64_t LINGER_TICK_MS = 20; /* for a receive buffer of 64 KB: 3 MB a second */

/* --- The list; called with the lock held --- */

static void enlist(struct httpd *server, struct connection *c) {
    c->prev = NULL;
    c->next = server->connections;
    if (c->next)
        c->next->prev = c;
    else
        pthread_cond_signal(&server->reaper_wake);
    server->connections = c;
    server->n_connections++;
}

static void delist(struct httpd *server, struct connection *c) {
    if (c->prev)
        c->prev->next = c->next;
    else
        server->connections = c->next;
    if (c->next)
        c->next->prev = c->prev;
    server->n_connections--;
    server->n_accepted -= c->phase == HTTPD_ACCEPTED;
    httpd_place_leave(c);
    pthread_cond_signal(&server->accept_wake);
}

static struct connection *find_accepted(const struct httpd *server, int fd) {
    struct connection *c = server->connections;
    while (c && !(c->phase == HTTPD_ACCEPTED && c->fd == fd))
        c = c->next;
    return c;
}

/* libmicrohttpd does not say when it fails to begin with a connection (no memory): a second one with the same
 * descriptor tells. */
void httpd_connection_add(struct connection *c) {
    struct connection *lost = find_accepted(c->server, c->fd);
    if (lost)
        httpd_connection_forget(lost);
    c->magic = CONNECTION_MAGIC;
    c->phase = HTTPD_ACCEPTED;
    c->since_ns = clock_now_ns();
    c->server->n_accepted++;
    enlist(c->server, c);
}

void httpd_connection_forget(struct connection *c) {
    delist(c->server, c);
    free(c);
}

/* --- Callbacks on the server thread --- */

/* What is in force now holds for this connection until it ends. */
static bool connection_secure(struct connection *c, struct MHD_Connection *mhd) {
    if (!c->server->has_tls)
        return true;
    struct httpd_security *security = httpd_security_current(c->server);
    c->tls = httpd_tls_ref(security->tls);
    httpd_security_unref(security);
    return httpd_tls_begin(c, MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
}

static void connection_start(struct httpd *server, struct MHD_Connection *mhd, void **socket_context) {
    const int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    pthread_mutex_lock(&server->lock);
    struct connection *c = find_accepted(server, fd);
    if (c) {
        c->phase = HTTPD_FIRST;
        server->n_accepted--;
        pthread_cond_signal(&server->accept_wake);
    }
    pthread_mutex_unlock(&server->lock);
    *socket_context = c;
    if (!c || !connection_secure(c, mhd)) /* it has waited too long for us; or there is no memory */
        shutdown(fd, SHUT_RDWR);
}

/* With the lock held. False: not worth it, or too many. */
static bool linger(struct httpd *server, struct connection *c) {
    if (!c->upload_unread || c->phase == HTTPD_CUT || server->stopping ||
        server->n_lingering >= HTTPD_LINGERING)
        return false;
    const int copy = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return false;
    c->fd = copy;
    c->phase = HTTPD_LINGER;
    c->since_ns = clock_now_ns();
    httpd_place_leave(c);
    server->n_lingering++;
    pthread_cond_signal(&server->reaper_wake);
    return true;
}

static void connection_end(struct httpd *server, struct connection *c) {
    if (!c)
        return;
    assert(c->magic == CONNECTION_MAGIC);
    httpd_tls_unref(c->tls); /* libmicrohttpd has ended the session before */
    c->tls = NULL;
    pthread_mutex_lock(&server->lock);
    const bool stays = linger(server, c);
    if (!stays)
        delist(server, c);
    pthread_mutex_unlock(&server->lock);
    if (!stays)
        free(c);
}

void httpd_connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                             enum MHD_ConnectionNotificationCode code) {
    struct httpd *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_start(server, mhd, socket_context);
    else
        connection_end(server, *socket_context);
}

void httpd_connection_enter(struct connection *c, enum httpd_phase phase) {
    struct httpd *server = c->server;
    pthread_mutex_lock(&server->lock);
    /* The time for a request runs from its first byte, or from the connection. */
    if (phase != HTTPD_READING || (c->phase != HTTPD_FIRST && c->phase != HTTPD_READING))
        c->since_ns = clock_now_ns();
    if (c->phase != HTTPD_CUT)
        c->phase = phase;
    c->measured = false;
    if (phase == HTTPD_IDLE)
        pthread_cond_signal(&server->went_idle);
    pthread_mutex_unlock(&server->lock);
}

/* --- The reaper; with the lock held --- */

static bool is_local(const struct connection *c) {
    return c->peer && c->peer->family == HTTPD_LOCAL;
}

/* Bytes since the connection began that have been received, or that the client has acknowledged. A unix
 * socket counts neither: of that, the bytes which wait in it for the client. */
static uint64_t traffic(const struct connection *c) {
    struct tcp_info info = {0};
    int queued = 0;
    if (is_local(c))
        return ioctl(c->fd, SIOCOUTQ, &queued) == 0 ? (uint64_t)queued : 0;
    socklen_t len = sizeof info;
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return 0;
    return c->phase == HTTPD_IDLE ? info.tcpi_bytes_received : info.tcpi_bytes_acked;
}

/* libmicrohttpd may miss the end of what a client sends when it comes together with a request. At the second
 * look: before the first it may just have been about to begin with the next of several that came at once. */
static bool has_left(const struct connection *c) {
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == CLOSE_WAIT;
}

static bool idle_too_long(struct connection *c, int64_t now_ns) {
    const uint64_t received = is_local(c) ? 0 : traffic(c);
    if (c->measured && received > c->traffic) {
        c->phase = HTTPD_READING;
        c->since_ns = now_ns;
        return false;
    }
    const bool ended = c->measured && has_left(c);
    c->traffic = received;
    c->measured = true;
    return ended || now_ns - c->since_ns >= c->server->idle_ns;
}

/* libmicrohttpd fills up what a local client takes, in steps of tens of kilobytes: to look once per limit
 * could meet the same number twice, to look at every tick cannot well. */
static bool local_reads_too_slowly(struct connection *c, int64_t now_ns) {
    const uint64_t queued = traffic(c);
    if (c->measured && queued == c->traffic)
        return now_ns - c->since_ns >= c->server->request_ns;
    c->traffic = queued;
    c->measured = true;
    c->since_ns = now_ns;
    return false;
}

static bool reads_too_slowly(struct connection *c, int64_t now_ns) {
    if (is_local(c))
        return local_reads_too_slowly(c, now_ns);
    if (c->measured && now_ns - c->since_ns < c->server->request_ns)
        return false;
    const uint64_t acknowledged = traffic(c);
    const bool progress = !c->measured || acknowledged - c->traffic >= HTTPD_LEAST_PROGRESS;
    c->traffic = acknowledged;
    c->measured = true;
    c->since_ns = now_ns;
    return !progress;
}

static bool takes_too_long(struct connection *c, int64_t now_ns) {
    switch (c->phase) {
    case HTTPD_FIRST:
    case HTTPD_READING: return now_ns - c->since_ns >= c->server->request_ns;
    case HTTPD_IDLE: return idle_too_long(c, now_ns);
    case HTTPD_SENDING: return reads_too_slowly(c, now_ns);
    case HTTPD_ACCEPTED:
    case HTTPD_TRYING:
    case HTTPD_ASKING:
    case HTTPD_CUT:
    case HTTPD_LINGER: break;
    }
    return false;
}

/* Whether the client has gone, or had its time. */
static bool has_lingered(struct connection *c, int64_t now_ns) {
    char trash[16 * 1024];
    ssize_t got;
    size_t most = HTTPD_THROW_AWAY_BYTES / sizeof trash;
    do {
        got = recv(c->fd, trash, sizeof trash, MSG_DONTWAIT);
    } while (got > 0 && --most > 0);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
           now_ns - c->since_ns >= HTTPD_LINGER_MS * MS;
}

static void end_lingering(struct httpd *server, struct connection *c) {
    delist(server, c);
    server->n_lingering--;
    close(c->fd);
    free(c);
}

/* libmicrohttpd notices and closes, once it is not suspended. What a slow reader has not taken by then would
 * stay in the kernel for minutes, so that connection is reset. */
void httpd_connection_cut(struct connection *c) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    const bool tries = c->phase == HTTPD_TRYING;
    if (c->phase == HTTPD_SENDING)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    c->phase = HTTPD_CUT;
    httpd_place_leave(c);
    shutdown(c->fd, SHUT_RDWR);
    if (tries)
        httpd_hasher_leave(c->server->hasher, &c->request.waiter);
}

/* Returns how many clients were cut off in the middle of something. */
static unsigned reap(struct httpd *server, int64_t now_ns) {
    unsigned n_cut = 0;
    struct connection *next;
    for (struct connection *c = server->connections; c; c = next) {
        next = c->next;
        if (c->phase == HTTPD_LINGER && has_lingered(c, now_ns)) {
            end_lingering(server, c);
        } else if (c->phase == HTTPD_ACCEPTED && now_ns - c->since_ns >= server->request_ns) {
            httpd_connection_forget(c);
        } else if (takes_too_long(c, now_ns)) {
            n_cut += c->phase != HTTPD_IDLE;
            httpd_connection_cut(c);
        }
    }
    return n_cut;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t tick_ns(const struct httpd *server) {
    const int64_t limit = least(server->request_ns, least(server->idle_ns, server->answer_ns));
    const int64_t tick = least(limit / TICKS_PER_LIMIT, LONGEST_TICK_MS * MS);
    return tick < SHORTEST_TICK_MS * MS ? SHORTEST_TICK_MS * MS : tick;
}

static struct timespec moment(int64_t ns) {
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

void *httpd_reaper_run(void *context) {
    struct httpd *server = context;
    const int64_t tick = tick_ns(server);
    pthread_mutex_lock(&server->lock);
    while (!server->reaper_ends) {
        if (!server->connections) {
            pthread_cond_wait(&server->reaper_wake, &server->lock);
            continue;
        }
        const int64_t now_ns = clock_now_ns();
        httpd_questions_expire(server, now_ns);
        httpd_hasher_expire(server->hasher, now_ns);
        const unsigned n_cut = reap(server, now_ns);
        if (n_cut > 0) {
            pthread_mutex_unlock(&server->lock);
            char count[16];
            snprintf(count, sizeof count, "%u", n_cut);
            httpd_say(server, "web clients cut off: request or reading too slow", count);
            pthread_mutex_lock(&server->lock);
            if (server->reaper_ends)
                break;
        }
        const struct timespec until = moment(now_ns + (server->n_lingering > 0 ? LINGER_TICK_MS * MS : tick));
        pthread_cond_timedwait(&server->reaper_wake, &server->lock, &until);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* --- The end --- */

static bool answer_under_way(const struct httpd *server) {
    for (const struct connection *c = server->connections; c; c = c->next) {
        if (c->phase == HTTPD_TRYING || c->phase == HTTPD_ASKING || c->phase == HTTPD_SENDING)
            return true;
    }
    return false;
}

void httpd_connections_drain(struct httpd *server, unsigned limit_ms) {
    const struct timespec until = moment(clock_now_ns() + limit_ms * MS);
    pthread_mutex_lock(&server->lock);
    while (answer_under_way(server)) {
        if (pthread_cond_timedwait(&server->went_idle, &server->lock, &until) != 0)
            break;
    }
    pthread_mutex_unlock(&server->lock);
}

void httpd_connections_release(struct httpd *server) {
    struct connection *next;
    for (struct connection *c = server->connections; c; c = next) {
        next = c->next;
        assert(c->phase == HTTPD_LINGER || c->phase == HTTPD_ACCEPTED);
        if (c->phase == HTTPD_LINGER)
            close(c->fd);
        httpd_connection_forget(c);
    }
}
