/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the web server share: a server with a loop in a thread of its own behind it, and clients
 * made of plain sockets. No test asserts how long something takes, except that it ends at all (PATIENCE_S).
 */
#ifndef RBL_TESTS_HTTPD_FIXTURE_H
#define RBL_TESTS_HTTPD_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/buf.h"
#include "edge/httpd.h"
#include "edge/log.h"
#include "edge/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE_S = 20,
    SHORT_MS = 300,
    LONG_MS = 60000,
    LINES = 4000,
    HUGE_BYTES = 10 * 1024 * 1024,
    LARGE_BYTES = 300 * 1024,
    MAX_KEPT = 64
};

/* --- The server under test --- */

enum route { METRICS, SMALL, ECHO, KEEP, HUGE, EMPTY, STUCK, REST };

static const struct httpd_route routes[] = {
    {.path = "/metrics", .get = true, .route = METRICS},
    {.path = "/", .get = true, .route = SMALL},
    {.path = "/echo", .get = true, .post = true, .route = ECHO},
    {.path = "/keep", .get = true, .route = KEEP},
    {.path = "/keep/long", .get = true, .route = KEEP, .answer_seconds = LONG_MS / 1000},
    {.path = "/huge", .get = true, .route = HUGE},
    {.path = "/empty", .get = true, .route = EMPTY},
    {.path = "/post", .post = true, .route = ECHO},
    {.path = "/large", .post = true, .route = ECHO, .body_most = LARGE_BYTES},
    {.path = "/stuck", .get = true, .route = STUCK},
    {.path = "/of/", .get = true, .route = REST, .prefix = true},
    {.path = "/of/itself", .get = true, .route = SMALL},
    {.path = "/of/posts/", .post = true, .route = REST, .prefix = true},
    {.path = "/of/post", .post = true, .route = ECHO},
};

struct fixture {
    struct loop *loop;
    struct httpd *server;
    pthread_t thread;
    atomic_bool ends;
    atomic_bool answer_kept;
    atomic_uint n_asked;
    atomic_uint n_kept;
    void *kept[MAX_KEPT]; /* of the loop thread */
    struct httpd_body *huge;
};

/* NULL: no memory. `b` is released. */
static inline struct httpd_body *body_from(struct buf *b) {
    struct httpd_body *body = buf_status(b) == STATUS_OK ? httpd_body_new(b) : NULL;
    buf_release(b);
    return body;
}

static inline struct httpd_body *body_of(const char *bytes, size_t len) {
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    buf_add(&b, bytes, len);
    return body_from(&b);
}

static inline struct httpd_body *metrics_body(void) {
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    for (unsigned i = 0; i < LINES; i++)
        buf_addf(&b, "rbl_ip_listed{group=\"outbound\",ip=\"192.0.2.%u\",list=\"example\"} %u\n", i, i % 3);
    return body_from(&b);
}

static inline struct httpd_body *echo_body(const struct httpd_request *request) {
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    if (request->path_rest[0] != '\0')
        abort();
    buf_addf(&b, "query=%s accept=%s body=", request->query, request->accept);
    buf_add(&b, request->body, request->body_len);
    return body_from(&b);
}

static inline struct httpd_body *rest_body(const struct httpd_request *request) {
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    buf_addf(&b, "rest=%s query=%s accept=%s", request->path_rest, request->query, request->accept);
    if (request->content_type[0] != '\0' || request->origin[0] != '\0' || request->fetch_site[0] != '\0')
        buf_addf(&b, " type=%s host=%s origin=%s site=%s", request->content_type, request->host,
                 request->origin, request->fetch_site);
    if (request->scrape_limit[0] != '\0')
        buf_addf(&b, " limit=%s", request->scrape_limit);
    return body_from(&b);
}

static inline void answer(struct fixture *f, void *ticket, unsigned status, struct httpd_body *body) {
    const struct httpd_response response = {
        .status = status, .content_type = "text/plain; version=0.0.4", .body = body, .vary_accept = true};
    httpd_answer(f->server, ticket, &response);
}

static inline void answer_with(struct fixture *f, void *ticket, struct httpd_body *body) {
    answer(f, ticket, body ? 200 : 500, body);
}

static inline void handle(void *context, const struct httpd_request *request) {
    struct fixture *f = context;
    atomic_fetch_add(&f->n_asked, 1);
    switch ((enum route)request->route) {
    case METRICS: answer_with(f, request->ticket, metrics_body()); break;
    case SMALL: answer_with(f, request->ticket, body_of("small\n", 6)); break;
    case ECHO: answer_with(f, request->ticket, echo_body(request)); break;
    case REST: answer_with(f, request->ticket, rest_body(request)); break;
    case HUGE: answer_with(f, request->ticket, httpd_body_ref(f->huge)); break;
    case EMPTY: answer(f, request->ticket, 200, NULL); break;
    case KEEP:
        f->kept[atomic_load(&f->n_kept)] = request->ticket;
        atomic_fetch_add(&f->n_kept, 1);
        break;
    case STUCK: /* the loop itself stands still until the client has gone away with its 503 */
        while (!atomic_load(&f->answer_kept) && !atomic_load(&f->ends))
            usleep(1000);
        answer_with(f, request->ticket, body_of("late\n", 5));
        break;
    }
}

static inline int64_t turn(void *context, int64_t now_ns) {
    struct fixture *f = context;
    httpd_turn(f->server, now_ns);
    if (atomic_load(&f->answer_kept)) {
        for (unsigned i = 0; i < atomic_load(&f->n_kept); i++)
            answer_with(f, f->kept[i], body_of("kept\n", 5));
        atomic_store(&f->n_kept, 0);
        atomic_store(&f->answer_kept, false);
    }
    if (atomic_load(&f->ends)) {
        httpd_free(f->server);
        loop_stop(f->loop);
    }
    return INT64_MAX;
}

static inline void *run(void *context) {
    struct fixture *f = context;
    if (loop_run(f->loop) != STATUS_OK)
        abort();
    return NULL;
}

static const char *const loopback[] = {"127.0.0.1:0"};

static const struct httpd_options patient = {.listen_addresses = loopback,
                                             .n_listen_addresses = 1,
                                             .max_requests = 100,
                                             .request_ms = LONG_MS,
                                             .idle_ms = LONG_MS,
                                             .answer_ms = LONG_MS};

static inline struct httpd_options with_limits(unsigned request_ms, unsigned idle_ms, unsigned answer_ms) {
    struct httpd_options options = patient;
    options.request_ms = request_ms;
    options.idle_ms = idle_ms;
    options.answer_ms = answer_ms;
    return options;
}

static inline struct fixture *start(struct httpd_options options) {
    char error[256];
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->loop = loop_new();
    assert_non_null(f->loop);
    options.routes = routes;
    options.n_routes = sizeof routes / sizeof routes[0];
    options.handler = handle;
    options.context = f;
    char *bytes = malloc(HUGE_BYTES);
    assert_non_null(bytes);
    for (size_t i = 0; i < HUGE_BYTES; i++)
        bytes[i] = (char)('a' + i % 23);
    f->huge = body_of(bytes, HUGE_BYTES);
    assert_non_null(f->huge);
    free(bytes);
    f->server = httpd_new(f->loop, &options, error, sizeof error);
    if (!f->server)
        fail_msg("%s", error);
    loop_on_turn(f->loop, turn, f);
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
    return f;
}

static inline void stop(struct fixture *f) {
    atomic_store(&f->ends, true);
    loop_wake(f->loop);
    assert_int_equal(pthread_join(f->thread, NULL), 0);
    loop_free(f->loop);
    httpd_body_unref(f->huge);
    free(f);
}

static inline void answer_what_was_kept(struct fixture *f) {
    atomic_store(&f->answer_kept, true);
    loop_wake(f->loop);
    for (int i = 0; atomic_load(&f->answer_kept) && i < PATIENCE_S * 100; i++)
        usleep(10000);
    assert_false(atomic_load(&f->answer_kept));
}

static inline void wait_for_count(const atomic_uint *count, unsigned wanted) {
    for (int i = 0; atomic_load(count) < wanted && i < PATIENCE_S * 100; i++)
        usleep(10000);
    assert_true(atomic_load(count) >= wanted);
}

/* --- Clients --- */

/* To a port of 127.0.0.1. */
static inline int dial_port(const char *port, const char *source) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    struct sockaddr_in from = {.sin_family = AF_INET};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    inet_pton(AF_INET, source, &from.sin_addr);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* The first address that is served, until the next call. */
static inline const char *first_address(const struct fixture *f) {
    static _Thread_local char address[128]; /* a path of a unix socket, or less */
    const char *all = httpd_addresses(f->server);
    snprintf(address, sizeof address, "%.*s", (int)strcspn(all, " "), all);
    return address;
}

static inline const char *first_port(const struct fixture *f) {
    return strrchr(first_address(f), ':') + 1;
}

static inline int dial_from(const struct fixture *f, const char *source) {
    return dial_port(first_port(f), source);
}

static inline int dial(const struct fixture *f) {
    return dial_from(f, "127.0.0.1");
}

/* False: the server has hung up. */
static inline bool send_bytes(int fd, const char *bytes, size_t len) {
    size_t sent = 0;
    while (sent < len) {
        const ssize_t n = send(fd, bytes + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static inline bool send_text(int fd, const char *text) {
    return send_bytes(fd, text, strlen(text));
}

/* One response: everything up to its end by Content-Length (for HEAD only the header). status 0: none came.
 */
struct reply {
    int status;
    char *text; /* header, NUL, body, NUL */
    const char *body;
    size_t body_len;
};

static inline void reply_release(struct reply *r) {
    free(r->text);
    *r = (struct reply){0};
}

static inline const char *header_of(const struct reply *r, const char *name, char *out, size_t size) {
    char pattern[128];
    snprintf(pattern, sizeof pattern, "\n%s: ", name);
    const char *found = r->text ? strcasestr(r->text, pattern) : NULL;
    if (!found)
        return NULL;
    found += strlen(pattern);
    snprintf(out, size, "%.*s", (int)strcspn(found, "\r"), found);
    return out;
}

/* Byte for byte up to the empty line, so that nothing of a pipelined response behind it is taken. */
static inline struct reply receive(int fd, bool head_only) {
    struct reply r = {0};
    char value[32];
    size_t len = 0;
    char *text = calloc(1, 8192);
    assert_non_null(text);
    while (len < 8191 && (len < 4 || memcmp(text + len - 4, "\r\n\r\n", 4) != 0)) {
        if (recv(fd, text + len, 1, 0) != 1) {
            free(text);
            return r;
        }
        len++;
    }
    r.text = text;
    r.status = atoi(text + strcspn(text, " "));
    if (header_of(&r, "Content-Length", value, sizeof value) && !head_only)
        r.body_len = strtoul(value, NULL, 10);
    r.text = realloc(text, len + 1 + r.body_len + 1);
    assert_non_null(r.text);
    char *body = r.text + len + 1;
    for (size_t got = 0; got < r.body_len;) {
        const ssize_t n = recv(fd, body + got, r.body_len - got, 0);
        if (n <= 0) {
            reply_release(&r);
            return r;
        }
        got += (size_t)n;
    }
    body[r.body_len] = '\0';
    r.body = body;
    return r;
}

static inline struct reply ask_bytes(const struct fixture *f, const char *request, size_t len) {
    const int fd = dial(f);
    send_bytes(fd, request, len);
    const struct reply r = receive(fd, strncmp(request, "HEAD ", 5) == 0);
    close(fd);
    return r;
}

static inline struct reply ask(const struct fixture *f, const char *request) {
    return ask_bytes(f, request, strlen(request));
}

static inline struct reply get(const struct fixture *f, const char *path) {
    char request[256];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    return ask(f, request);
}

/* Several attempts: on a busy machine a short limit may strike an honest client. */
static inline void assert_serves(const struct fixture *f) {
    struct reply r = get(f, "/");
    for (int i = 0; r.status != 200 && i < 5; i++) {
        reply_release(&r);
        r = get(f, "/");
    }
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "small\n");
    reply_release(&r);
}

/* Whether the server ends this connection, answered or not. */
static inline bool is_ended(int fd) {
    char trash[65536];
    ssize_t n;
    do {
        n = recv(fd, trash, sizeof trash, 0);
    } while (n > 0);
    return n == 0 || errno == ECONNRESET;
}

#define HOST "HTTP/1.1\r\nHost: x\r\n"

#endif
