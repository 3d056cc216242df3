/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd: the web server (libmicrohttpd), in threads of its own, asking the loop.
 *
 * A request is read and checked in a server thread, then handed to the loop as a question; the connection is
 * suspended meanwhile. The loop answers with a response (whose body is an immutable, counted buffer), or the
 * server answers 503 when the answer takes too long. Compression, slow readers and time-outs never touch the
 * loop. Answered without asking: 401, 404, 405 (with Allow), 413, 414/431 and 400 for what is no HTTP, 429
 * over a rate, 503 over the limits, 500 for all while the web configuration is broken. HEAD is answered as
 * GET without a body; other methods by the table of routes.
 *
 * Limits (each an enum constant below): connections in all and per client address, header and body bytes,
 * seconds until a request is complete, idle seconds, questions waiting at once. When all connections are
 * taken a new client does not lose to those who only hold them: httpd_places.c says who goes.
 */
#ifndef RBL_EDGE_HTTPD_H
#define RBL_EDGE_HTTPD_H

#include "core/buf.h"
#include "core/status.h"
#include "core/web_config.h"
#include "edge/httpd_tls.h"
#include "edge/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTPD_MAX_CONNECTIONS = 512,
    HTTPD_MAX_PER_ADDRESS = 64,         /* of IPv6: per /64; not of unix sockets */
    HTTPD_MAX_HEADER_BYTES = 16 * 1024, /* request line and headers together */
    HTTPD_MAX_BODY_BYTES = 64 * 1024,   /* unless the route says otherwise */
    HTTPD_LARGE_BODIES = 8,             /* larger ones at once */
    HTTPD_REQUEST_SECONDS = 10, /* from connect, or the first byte of a later request, until it is complete;
                                   and for reading a response without progress */
    HTTPD_IDLE_SECONDS = 60,    /* between a response and the first byte of the next request */
    HTTPD_ANSWER_SECONDS = 10,  /* how long the loop may take, unless the route gives more; and before that,
                                   how long a password may wait */
    HTTPD_MAX_LISTENERS = 16,
};

enum httpd_method { HTTPD_GET, HTTPD_POST };

/* What the loop sees of a request: valid until httpd_answer(). */
struct httpd_request {
    int route;                /* as given in the table */
    enum httpd_method method; /* HEAD arrives as HTTPD_GET */
    const char *path_rest;    /* what follows the path of a route with `prefix`, as it came; else "" */
    const char *query;        /* the raw text behind '?', "" if none */
    const char *accept;       /* header Accept, "" if none */
    const char *content_type; /* of the body; "" if none */
    const char *host;         /* header Host, "" if none */
    const char *origin;       /* header Origin, "" if none */
    const char *fetch_site;   /* header Sec-Fetch-Site, "" if none */
    const char *scrape_limit; /* header X-Prometheus-Scrape-Timeout-Seconds, "" if none */
    const char *body;
    size_t body_len;
    void *ticket; /* for httpd_answer() */
};

/* One path, matched exactly (bytes; a NUL or percent-encoding in the path makes it another path). With
 * `prefix` it stands for all longer paths that begin with it, unless one is in the table itself; of several
 * such routes the first counts. */
struct httpd_route {
    const char *path;
    bool get;
    bool post;
    int route;
    bool prefix;
    size_t body_most; /* bytes; 0: HTTPD_MAX_BODY_BYTES */
    /* How long the loop may take, if that is more than HTTPD_ANSWER_SECONDS. */
    unsigned answer_seconds;
};

/* A body that several responses share, with its compressed form made once by whoever needs it first. */
struct httpd_body;
/* Takes the bytes of `from` (which is empty afterwards); the reference returned is the caller's. NULL: no
 * memory. */
struct httpd_body *httpd_body_new(struct buf *from) MUST_CHECK;
struct httpd_body *httpd_body_ref(struct httpd_body *body);
void httpd_body_unref(struct httpd_body *body); /* NULL allowed */

struct httpd_response {
    unsigned status;
    const char *content_type;    /* static text */
    struct httpd_body *body;     /* reference is taken over; NULL: empty */
    bool vary_accept;            /* the representation depends on Accept */
    const char *security_policy; /* Content-Security-Policy, static text; NULL: one that allows nothing */
    const char *retry_after;     /* of a 429 or 503: seconds, static text; NULL: one */
    const char *location;        /* of a redirect: Location, which lives as long as the server; NULL: none */
};

/* Called on the loop thread, once per request; it must lead to exactly one httpd_answer(), now or later. */
typedef void httpd_handler(void *context, const struct httpd_request *request);

/* What is asked of whoever comes: TLS, passwords, a rate; and headers for every response. A value that never
 * changes once it is made, and is counted: what has begun under one ends under it. */
struct httpd_security;
/* Takes `*config` (which is NULL then) and the reference `tls` (NULL: plain HTTP); the reference returned is
 * the caller's. NULL: no memory, and nothing is taken. */
struct httpd_security *httpd_security_new(struct web_config **config, struct httpd_tls *tls) MUST_CHECK;
/* Nobody is served: all requests get 500, over `tls` (taken; NULL: plain HTTP). NULL: no memory. */
struct httpd_security *httpd_security_refusing(struct httpd_tls *tls) MUST_CHECK;
void httpd_security_unref(struct httpd_security *security); /* NULL allowed */

struct httpd;
struct httpd_options {
    /* ":10554", "127.0.0.1:0", "[::1]:10554", "[fe80::1%eth0]:10554", "localhost:10554" (one address of that
     * name, of IPv4 if it has any), "unix:/run/web.sock" or "unix:///run/web.sock" (permissions by the
     * umask). One to HTTPD_MAX_LISTENERS. */
    const char *const *listen_addresses;
    size_t n_listen_addresses;
    bool systemd_socket;             /* in place of the addresses: the sockets that systemd hands over */
    struct httpd_security *security; /* reference is taken over, also on failure; NULL: plain HTTP for all */
    const struct httpd_route *routes;
    size_t n_routes;
    httpd_handler *handler;
    void *context;
    unsigned max_requests; /* questions in work at once, the next one gets 503 */
    unsigned request_ms; /* instead of HTTPD_REQUEST_SECONDS, HTTPD_IDLE_SECONDS and HTTPD_ANSWER_SECONDS; */
    unsigned idle_ms;    /* 0: those */
    unsigned answer_ms;
};

/* Starts listening and serving, on all addresses or not at all; the options' tables are borrowed for the life
 * of the server, the addresses for this call. On failure NULL, with a sentence in `error`. With systemd's
 * sockets the environment is changed: no other thread may be running yet that reads it. */
struct httpd *httpd_new(struct loop *loop, const struct httpd_options *options, char *error,
                        size_t error_size) MUST_CHECK;
/* Stops accepting, answers what waits with 503, ends the threads; takes at most half a second. Call it on the
 * loop thread. Tickets that were never answered are void from then on. NULL allowed. */
void httpd_free(struct httpd *server);
/* The addresses bound, with the ports that the kernel chose and spaces between them: "127.0.0.1:43211",
 * "[::]:10554", "unix:PATH". */
const char *httpd_addresses(const struct httpd *server);
/* Takes the reference; it holds for all connections and requests that begin from now on. Whether there is TLS
 * cannot change: it has to be as in the options. Loop thread. */
void httpd_secure(struct httpd *server, struct httpd_security *security);
/* Loop thread: hands waiting questions to the handler. To be called every turn. */
void httpd_turn(struct httpd *server, int64_t now_ns);
/* Answers a request; `response` is copied. Without effect (but for taking over the body) when the client has
 * already been told that the answer took too long. Loop thread only. */
void httpd_answer(struct httpd *server, void *ticket, const struct httpd_response *response);

#endif
