/* SPDX-License-Identifier: Apache-2.0
 *
 * The web server: start, end, and what it says to the log.
 *
 * libmicrohttpd runs in epoll mode with one thread of its own. A second would not help: sending large bodies
 * never blocks, a ready buffer is written about as fast as the kernel copies it, and the one thing that
 * computes, gzip, costs 15 ms for 100,000 lines, once per body. That is the longest that anybody waits for
 * somebody else. A pool of two spreads connections at random (so a health check could still be behind a
 * scrape), halves the limit of connections for each, and takes the second core from the checks. What takes
 * 90 ms and more, password hashes, has a thread of its own (httpd_hasher.c).
 *
 * httpd_accept.c lets clients in, as httpd_places.c says, on the sockets that httpd_listen.c has opened. A
 * request goes: httpd_request.c reads it, httpd_headers.c and httpd_guard.c judge it; a password that has to
 * be tried first goes to httpd_hasher.c, the connection suspended; httpd_question.c suspends it and queues a
 * question for the loop; httpd_turn() hands it to the handler; httpd_answer() resumes; httpd_response.c sends
 * the body (httpd_body.c) without a copy. httpd_reaper.c ends what takes too long: clients, hashes, and the
 * loop.
 *
 * Nothing is ever sent to libmicrohttpd from another thread but "here is one more" and "resume this". It has
 * no listening socket, so it is never told to quiesce, which races with its own thread over that.
 */
#include "edge/httpd_internal.h"

#include "edge/clock.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DRAIN_MS = 300,
    LINES_PER_MINUTE = 6,
    /* Of a connection: the request as it came, parsed headers, and the header of the response. */
    CONNECTION_MEMORY = HTTPD_MAX_HEADER_BYTES + 8 * 1024,
    /* For libmicrohttpd, and never reached: httpd_accept.c says why it must not be. */
    BEYOND_ALL = HTTPD_MAX_CONNECTIONS + 2 * HTTPD_SURPLUS,
};

static const int64_t MS = 1000000;

/* --- The log --- */

void httpd_say(struct httpd *server, const char *message, const char *detail) {
    pthread_mutex_lock(&server->log_lock);
    const bool allowed = log_allowed(&server->log_limit, LINES_PER_MINUTE, clock_now_ns());
    pthread_mutex_unlock(&server->log_lock);
    if (allowed)
        log_write(LOG_DEBUG, message, "detail", detail, NULL);
}

/* What libmicrohttpd says is mostly what clients did wrong, so it is neither a warning nor without a limit.
 */
static void mhd_says(void *context, const char *format, va_list args) PRINTF_LIKE(2, 0);
static void mhd_says(void *context, const char *format, va_list args) {
    char text[256];
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    httpd_say(context, "web server", text);
}

/* Paths stay as they came: "/metrics%00" and "/%6detrics" are not "/metrics". */
static size_t keep_escapes(void *context, struct MHD_Connection *mhd, char *text) {
    (void)context;
    (void)mhd;
    return strlen(text);
}

/* --- Start --- */

static int64_t limit_ns(unsigned ms, int64_t seconds) {
    return ms > 0 ? ms * MS : seconds * 1000 * MS;
}

static struct httpd *server_new(struct loop *loop, const struct httpd_options *options) {
    struct httpd *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->hasher = httpd_hasher_new();
    if (!server->hasher) {
        free(server);
        return NULL;
    }
    server->loop = loop;
    server->options = *options;
    server->options.security = NULL;
    server->security = options->security;
    server->has_tls = options->security && options->security->tls;
    server->request_ns = limit_ns(options->request_ms, HTTPD_REQUEST_SECONDS);
    server->idle_ns = limit_ns(options->idle_ms, HTTPD_IDLE_SECONDS);
    server->answer_ns = limit_ns(options->answer_ms, HTTPD_ANSWER_SECONDS);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->reaper_wake, &monotonic);
    pthread_cond_init(&server->went_idle, &monotonic);
    pthread_cond_init(&server->accept_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->log_lock, NULL);
    return server;
}

static void server_free(struct httpd *server) {
    httpd_security_unref(server->security);
    httpd_hasher_free(server->hasher);
    pthread_mutex_destroy(&server->log_lock);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->accept_wake);
    pthread_cond_destroy(&server->went_idle);
    pthread_cond_destroy(&server->reaper_wake);
    free(server);
}

/* libmicrohttpd wants a certificate of its own, or someone who has one. Each connection gets credentials of
 * ours before its handshake (httpd_tls_session.c), so this is never asked unless memory has run out. */
static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                          gnutls_pcert_st **certs, unsigned *n_certs, gnutls_ocsp_data_st **ocsp,
                          unsigned *n_ocsp, gnutls_privkey_t *key, unsigned *flags) {
    (void)session, (void)info, (void)certs, (void)ocsp, (void)key;
    *n_certs = 0;
    *n_ocsp = 0;
    *flags = 0;
    return -1;
}

/* The logger comes first, so that it hears of errors in the other options. The time-out of libmicrohttpd is
 * only the second net under the reaper's. */
static struct MHD_Daemon *start_daemon(struct httpd *server) {
    const unsigned tls = server->has_tls ? MHD_USE_TLS : 0;
    struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)no_certificate},
        {MHD_OPTION_TLS_NO_ALPN, 1, NULL}, /* ours has no http/1.0 */
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
            MHD_USE_ERROR_LOG | tls,
        0, NULL, NULL, httpd_request_serve, server, MHD_OPTION_EXTERNAL_LOGGER, mhd_says, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)BEYOND_ALL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(HTTPD_IDLE_SECONDS + HTTPD_REQUEST_SECONDS), MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
        NULL, MHD_OPTION_URI_LOG_CALLBACK, httpd_request_begin, server, MHD_OPTION_NOTIFY_CONNECTION,
        httpd_connection_notify, server, MHD_OPTION_NOTIFY_COMPLETED, httpd_request_end, server,
        MHD_OPTION_ARRAY, tls ? tls_options : &tls_options[2], MHD_OPTION_END);
}

static void end_reaper(struct httpd *server) {
    pthread_mutex_lock(&server->lock);
    server->reaper_ends = true;
    pthread_cond_signal(&server->reaper_wake);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->reaper, NULL);
}

static bool start_serving(struct httpd *server, char *error, size_t error_size) {
    server->daemon = start_daemon(server);
    if (!server->daemon) {
        snprintf(error, error_size, "cannot start the web server: see the line of the log before this");
        return false;
    }
    if (httpd_accept_start(server, error, error_size))
        return true;
    MHD_stop_daemon(server->daemon);
    return false;
}

/* Starts all threads, with all signals blocked: those are the loop's. */
static bool start_threads(struct httpd *server, char *error, size_t error_size) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int cause = pthread_create(&server->reaper, NULL, httpd_reaper_run, server);
    const bool ok = cause == 0 && start_serving(server, error, error_size);
    if (cause != 0)
        snprintf(error, error_size, "cannot start a thread for the web server: %s", strerror(cause));
    else if (!ok)
        end_reaper(server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

static void list_addresses(struct httpd *server) {
    size_t len = 0;
    for (size_t i = 0; i < server->listeners.n; i++)
        len += (size_t)snprintf(server->addresses + len, sizeof server->addresses - len, "%s%s",
                                i > 0 ? " " : "", server->listeners.at[i].name);
}

struct httpd *httpd_new(struct loop *loop, const struct httpd_options *options, char *error,
                        size_t error_size) {
    assert(options->handler && options->max_requests > 0 &&
           (options->systemd_socket ||
            (options->n_listen_addresses > 0 && options->n_listen_addresses <= HTTPD_MAX_LISTENERS)));
    struct httpd *server = server_new(loop, options);
    if (!server) {
        snprintf(error, error_size, "cannot start the web server: out of memory");
        httpd_security_unref(options->security);
        return NULL;
    }
    if (!httpd_listen(options, &server->listeners, error, error_size)) {
        server_free(server);
        return NULL;
    }
    list_addresses(server);
    if (!start_threads(server, error, error_size)) {
        httpd_listeners_close(&server->listeners);
        httpd_connections_release(server);
        server_free(server);
        return NULL;
    }
    return server;
}

const char *httpd_addresses(const struct httpd *server) {
    return server->addresses;
}

/* --- End --- */

/* libmicrohttpd aborts when it is stopped with a connection suspended: so once nobody is let in, nothing is
 * asked any more, all that waits is resumed and gets a moment to be sent its 503. */
void httpd_free(struct httpd *server) {
    if (!server)
        return;
    httpd_accept_stop(server);
    httpd_questions_stop(server);
    httpd_hasher_stop(server->hasher);
    httpd_connections_drain(server, DRAIN_MS);
    MHD_stop_daemon(server->daemon);
    end_reaper(server);
    httpd_connections_release(server);
    httpd_questions_release(server);
    server_free(server);
}
