/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd_internal: what the files of the web server share. Nobody else includes it.
 *
 * Four kinds of thread meet here. The server thread (libmicrohttpd's) owns every `struct request`. The loop
 * thread owns nothing: it holds a reference to each question until it has answered it. The reaper thread ends
 * what takes too long. The hasher's tries passwords (httpd_guard.h). httpd.lock guards the list of
 * connections with their phases, and the questions; it may be held while calling MHD_suspend_connection and
 * MHD_resume_connection (which take locks of their own and call nobody back), and while taking the hasher's
 * lock.
 */
#ifndef RBL_EDGE_HTTPD_INTERNAL_H
#define RBL_EDGE_HTTPD_INTERNAL_H

#include "core/buf.h"
#include "core/status.h"
#include "core/throttle.h"
#include "edge/httpd.h"
#include "edge/httpd_guard.h"
#include "edge/log.h"
#include "edge/loop.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTPD_THROW_AWAY_BYTES =
        1024 * 1024, /* of a body that is refused while it streams: more ends the connection */
    HTTPD_LEAST_PROGRESS = 16 * 1024, /* bytes of a response a client has to take per HTTPD_REQUEST_SECONDS */
    HTTPD_LINGERING = 64, /* refused uploads whose rest is still read, so that the refusal arrives */
    HTTPD_LINGER_MS = 1000,
    HTTPD_LEAST_GZIP = 1400, /* bytes: what fits in one packet gains nothing */
    HTTPD_ADDRESS_SIZE = 64,
};

/* --- One connection, and the request that it is working on --- */

enum httpd_phase {
    HTTPD_FIRST,   /* connected, no request line yet */
    HTTPD_IDLE,    /* answered, nothing of a next request yet */
    HTTPD_READING, /* some of a request has come */
    HTTPD_ASKING,  /* suspended until the loop answers */
    HTTPD_SENDING, /* a response is under way */
    HTTPD_CUT,     /* shut down; libmicrohttpd will notice */
    HTTPD_LINGER,  /* closed by libmicrohttpd, our copy of the descriptor swallows what the client still sends
                    */
};

enum httpd_stage {
    HTTPD_STAGE_LINE,  /* the request line has been read */
    HTTPD_STAGE_BODY,  /* the headers too */
    HTTPD_STAGE_READY, /* all of it */
    HTTPD_STAGE_ASKED, /* `question` is set */
};

/* Why a request is answered without asking the loop; httpd_response.c has the texts. */
enum httpd_refusal {
    HTTPD_FINE,
    HTTPD_MALFORMED,
    HTTPD_BODY_UNWANTED,
    HTTPD_UNAUTHORIZED,
    HTTPD_NOT_FOUND,
    HTTPD_METHOD_NOT_ALLOWED,
    HTTPD_BODY_TOO_LARGE,
    HTTPD_HEADERS_TOO_LARGE,
    HTTPD_TOO_OFTEN,
    HTTPD_TOO_MANY_TRIES, /* of passwords, by one address */
    HTTPD_BROKEN,         /* the web configuration */
    HTTPD_METHOD_UNKNOWN,
    HTTPD_CODING_UNKNOWN,
    HTTPD_BUSY,
    HTTPD_TRIES_FULL,
    HTTPD_TOO_SLOW,
    HTTPD_STOPPING,
    HTTPD_NO_MEMORY,
};

/* How far a request is with its password. */
enum httpd_login {
    HTTPD_LOGIN_DONE,   /* it is right, or none is needed */
    HTTPD_LOGIN_NEEDED, /* it has to be tried */
    HTTPD_LOGIN_TRIED,  /* suspended for it, or resumed since */
};

struct httpd_question;

struct request {
    enum httpd_stage stage;
    enum httpd_refusal refusal;
    const char *uri; /* as it came, in libmicrohttpd's memory */
    size_t uri_len;
    const char *path_rest; /* libmicrohttpd's memory; "" if none */
    char *query;           /* NULL: none */
    const char *accept;    /* libmicrohttpd's memory, as all headers here; "" if none */
    const char *content_type;
    const char *host;
    const char *origin;
    const char *fetch_site;
    const char *allow;               /* for 405 */
    unsigned retry_after_s;          /* for 429 and 503; 0: one */
    struct httpd_security *security; /* what was in force when it began; NULL: nothing is asked */
    int route;
    enum httpd_method method;
    bool gzip;
    bool has_body;
    bool chunked;
    size_t length;    /* bytes, as Content-Length says; 0: none, or chunked */
    size_t body_most; /* bytes, of the route */
    bool is_large;    /* has one of the server's places for that */
    struct buf body;
    size_t thrown_away; /* bytes */
    struct httpd_question *question;
    const char *authorization; /* the header, if `login` is not DONE */
    enum httpd_login login;
    struct httpd_waiter waiter;
};

struct connection {
    unsigned magic;
    struct httpd *server;
    struct connection *next;
    struct connection *prev;
    int fd;
    enum httpd_phase phase;
    int64_t since_ns;      /* when the phase began; in HTTPD_SENDING, when progress was last seen */
    uint64_t traffic;      /* bytes received (HTTPD_IDLE) or acknowledged (HTTPD_SENDING) at that time... */
    bool measured;         /* ...if this is set */
    bool upload_unread;    /* answered before all had come: a body, or the rest of a handshake */
    struct httpd_tls *tls; /* reference; NULL: plain HTTP */
    uint32_t tls_offered;  /* of the suites of `tls`, a bit for each that the client can do */
    bool tls_heard;        /* its first bytes have come */
    struct request request;
};

struct httpd_security {
    atomic_uint refs;
    struct web_config *config; /* NULL: it refuses */
    struct httpd_tls *tls;     /* NULL: plain HTTP */
    bool refusing;             /* every request gets 500 */
};

struct httpd {
    struct httpd_options options; /* but for its `security`, which is below */
    struct loop *loop;
    int64_t request_ns;
    int64_t idle_ns;
    int64_t answer_ns;
    char address[HTTPD_ADDRESS_SIZE];
    struct MHD_Daemon *daemon;
    pthread_t reaper;
    bool has_tls;
    unsigned n_large;         /* bodies over HTTPD_MAX_BODY_BYTES; of the server thread */
    struct throttle throttle; /* of requests; of the server thread */
    struct httpd_hasher *hasher;

    pthread_mutex_t lock;
    pthread_cond_t reaper_wake; /* first connection, first to linger, or the end */
    pthread_cond_t went_idle;   /* some connection has had its answer */
    bool stopping;              /* nothing is asked any more */
    bool reaper_ends;
    struct httpd_security *security; /* for what begins now; NULL: nothing is asked of anybody */
    struct connection *connections;
    size_t n_lingering;
    struct httpd_question *first; /* held by the loop, oldest first */
    struct httpd_question *last;
    unsigned n_questions;
    unsigned n_queued; /* of them not yet handed over */

    pthread_mutex_t log_lock;
    struct log_limit log_limit;
};

/* --- httpd.c --- */

/* A line to the log about what clients can provoke, a few a minute. */
void httpd_say(struct httpd *server, const char *message, const char *detail);

/* --- httpd_security.c --- */

/* The value in force: a reference that is the caller's. NULL: nothing is asked of anybody. */
struct httpd_security *httpd_security_current(struct httpd *server) MUST_CHECK;

/* --- httpd_tls_session.c --- */

/* Puts `c->tls` in force for a handshake that has not begun; `c` has to outlive the session. False: no
 * memory. */
bool httpd_tls_begin(struct connection *c, gnutls_session_t session) MUST_CHECK;
/* --- httpd_guard.c --- */

struct httpd_headers;
/* Whether the request may be asked: HTTPD_FINE, and r->login says whether its password has to be tried
 * before; or why not. To be called once, before the path is looked at. */
enum httpd_refusal httpd_guard_judge(struct connection *c, const struct httpd_headers *h) MUST_CHECK;
/* Of a request whose login is NEEDED: suspends the connection, and its login is TRIED; or says why not, or
 * HTTPD_FINE if the password has turned out right since, and its login is DONE. */
enum httpd_refusal httpd_guard_try(struct connection *c, struct MHD_Connection *mhd) MUST_CHECK;
/* After it has been resumed: HTTPD_FINE, and its login is DONE; or why not. */
enum httpd_refusal httpd_guard_outcome(struct connection *c) MUST_CHECK;

/* --- httpd_listen.c --- */

/* A listening socket for an address in the forms of httpd_options, or -1 with a sentence in `error`. */
int httpd_listen(const char *address, char *error, size_t error_size) MUST_CHECK;
/* The address that `fd` is bound to, "127.0.0.1:43211" or "[::]:10554". */
void httpd_name(int fd, char out[HTTPD_ADDRESS_SIZE]);

/* --- httpd_body.c --- */

/* What to send of `body`, and whether that is its compressed form (if wanted, and worth it). Borrowed from
 * `body`. */
struct httpd_view {
    const char *data;
    size_t len;
    bool gzip;
};
struct httpd_view httpd_body_view(struct httpd_body *body, bool want_gzip);
/* Whether the value of a header Accept-Encoding lets us send gzip (RFC 9110, 12.5.3). */
bool httpd_accepts_gzip(const char *accept_encoding);

/* --- httpd_question.c --- */

/* Suspends the connection and puts its request to the loop: HTTPD_FINE, and the request holds a question; or
 * why not. */
enum httpd_refusal httpd_ask(struct connection *c, struct MHD_Connection *mhd) MUST_CHECK;
/* After the connection has been resumed: the loop's answer (its body's reference goes to the caller), or
 * HTTPD_TOO_SLOW, or HTTPD_STOPPING. */
enum httpd_refusal httpd_take_answer(struct connection *c, struct httpd_response *out) MUST_CHECK;
/* The request is over; NULL allowed. */
void httpd_question_drop(struct httpd *server, struct httpd_question *question);
/* Resumes what waits too long. The caller holds the lock. */
void httpd_questions_expire(struct httpd *server, int64_t now_ns);
/* Resumes all that waits, and from now on nothing is asked. */
void httpd_questions_stop(struct httpd *server);
/* Forgets what the loop has not answered; after the server thread has ended. */
void httpd_questions_release(struct httpd *server);

/* --- httpd_headers.c --- */

/* What of a request's headers counts, in libmicrohttpd's memory; NULL: not sent. Of those that are counted
 * the last one, of the others the first. */
struct httpd_headers {
    bool malformed; /* a name is no token (RFC 9110, 5.6.2) */
    unsigned n_host;
    unsigned n_length;
    unsigned n_coding; /* Transfer-Encoding */
    unsigned n_type;
    unsigned n_origin;
    unsigned n_site; /* Sec-Fetch-Site */
    unsigned n_authorization;
    const char *length;
    const char *coding;
    const char *host;
    const char *type;
    const char *origin;
    const char *site;
    const char *accept;
    const char *encoding;
    const char *authorization;
};
void httpd_headers_read(struct MHD_Connection *mhd, struct httpd_headers *out);
/* Content-Length in bytes, 0 if there is none. libmicrohttpd has refused what is no number. */
size_t httpd_headers_length(const struct httpd_headers *h);
/* What RFC 9112 calls malformed, and shapes that two servers could understand differently. */
enum httpd_refusal httpd_headers_judge(const struct httpd_headers *h, bool http_1_0) MUST_CHECK;

/* --- httpd_response.c --- */

/* Answers without asking the loop. MHD_NO: no memory, the connection is closed. */
enum MHD_Result httpd_send_refusal(struct connection *c, struct MHD_Connection *mhd,
                                   enum httpd_refusal refusal) MUST_CHECK;
/* Sends what the loop has answered, or why it has not. MHD_NO as above. */
enum MHD_Result httpd_send_answer(struct connection *c, struct MHD_Connection *mhd) MUST_CHECK;

/* --- httpd_reaper.c --- */

/* MHD_OPTION_NOTIFY_CONNECTION. */
void httpd_connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                             enum MHD_ConnectionNotificationCode code);
/* The connection goes on to `phase`. */
void httpd_connection_enter(struct connection *c, enum httpd_phase phase);
/* The body of the reaper thread; `context` is the server. */
void *httpd_reaper_run(void *context);
/* Waits until no answer is under way, at most `limit_ms`. */
void httpd_connections_drain(struct httpd *server, unsigned limit_ms);
/* Closes the descriptors that linger; after all threads have ended. */
void httpd_connections_release(struct httpd *server);

/* --- httpd_request.c: libmicrohttpd's callbacks --- */

/* MHD_OPTION_URI_LOG_CALLBACK: the start of a request; returns its connection. */
void *httpd_request_begin(void *context, const char *uri, struct MHD_Connection *mhd);
/* MHD_AccessHandlerCallback. */
enum MHD_Result httpd_request_serve(void *context, struct MHD_Connection *mhd, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_size, void **request_context);
/* MHD_OPTION_NOTIFY_COMPLETED. */
void httpd_request_end(void *context, struct MHD_Connection *mhd, void **request_context,
                       enum MHD_RequestTerminationCode code);

#endif
