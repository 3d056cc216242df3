/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd_internal: what the files of the web server share. Nobody else includes it.
 *
 * Five kinds of thread meet here. The accept thread lets clients in, or not. The server thread
 * (libmicrohttpd's) owns every `struct request`. The loop thread owns nothing: it holds a reference to each
 * question until it has answered it. The reaper thread ends what takes too long. The hasher's tries passwords
 * (httpd_guard.h). httpd.lock guards the list of connections with their phases and places, and the questions;
 * it may be held while calling MHD_suspend_connection and MHD_resume_connection (which take locks of their
 * own and call nobody back), and while taking the hasher's lock.
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
#include <sys/socket.h>
#include <sys/types.h>

enum {
    HTTPD_THROW_AWAY_BYTES =
        1024 * 1024, /* of a body that is refused while it streams: more ends the connection */
    HTTPD_LEAST_PROGRESS = 16 * 1024, /* bytes of a response a client has to take per HTTPD_REQUEST_SECONDS */
    HTTPD_LINGERING = 64, /* refused uploads whose rest is still read, so that the refusal arrives */
    HTTPD_LINGER_MS = 1000,
    HTTPD_LEAST_GZIP = 1400,  /* bytes: what fits in one packet gains nothing */
    HTTPD_ADDRESS_SIZE = 128, /* "unix:" and the longest path, or "[IPV6%INTERFACE]:PORT" */
    HTTPD_PATH_SIZE = 108,    /* of a unix socket, by the kernel */
    HTTPD_WAITING = 64,       /* connections that libmicrohttpd has not begun with yet */
    HTTPD_SURPLUS = 128, /* connections that have been cut off and that libmicrohttpd has not closed yet */
};

/* --- Where clients come from, and how many places they have --- */

struct httpd_listener {
    int fd;
    char name[HTTPD_ADDRESS_SIZE];
    char path[HTTPD_PATH_SIZE]; /* a file that we have made... */
    bool is_ours;               /* ...if this is set: to be removed at the end if it is still this one */
    dev_t device;
    ino_t inode;
};

struct httpd_listeners {
    struct httpd_listener at[HTTPD_MAX_LISTENERS];
    size_t n;
};

enum httpd_family { HTTPD_LOCAL, HTTPD_IPV4, HTTPD_IPV6 };

/* One client address (of IPv6 a /64, which is what one customer has; all who come by unix sockets are one).
 */
struct httpd_peer {
    enum httpd_family family;
    uint8_t address[8];
    unsigned n; /* connections; 0: the place is free */
};

/* --- One connection, and the request that it is working on --- */

enum httpd_phase {
    HTTPD_ACCEPTED, /* handed to libmicrohttpd, which has not begun with it; the descriptor may be closed */
    HTTPD_FIRST,    /* connected, no request line yet */
    HTTPD_IDLE,     /* answered, nothing of a next request yet */
    HTTPD_READING,  /* some of a request has come */
    HTTPD_TRYING,   /* suspended until its password has been tried */
    HTTPD_ASKING,   /* suspended until the loop answers */
    HTTPD_SENDING,  /* a response is under way */
    HTTPD_CUT,      /* shut down; libmicrohttpd will notice */
    HTTPD_LINGER, /* closed by libmicrohttpd, our copy of the descriptor swallows what the client still sends
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
    const char *scrape_limit;
    const char *allow;               /* for 405 */
    unsigned retry_after_s;          /* for 429 and 503; 0: one */
    struct httpd_security *security; /* what was in force when it began; NULL: nothing is asked */
    int route;
    enum httpd_method method;
    int64_t answer_ns; /* that the loop may take */
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
    struct httpd_peer *peer; /* whose connections it counts among; NULL: it has no place any more */
    enum httpd_phase phase;
    int64_t since_ns;      /* when the phase began; in HTTPD_SENDING, when progress was last seen; in
                              HTTPD_TRYING somewhat later */
    uint64_t traffic;      /* bytes received (HTTPD_IDLE) or acknowledged (HTTPD_SENDING) at that time... */
    bool measured;         /* ...if this is set */
    bool upload_unread;    /* answered before all had come: a body, or the rest of a handshake */
    struct httpd_tls *tls; /* reference; NULL: plain HTTP */
    uint32_t tls_offered;  /* of the suites of `tls`, a bit for each that the client can do */
    bool tls_heard;        /* its first bytes have come */
    size_t tls_unheard;    /* bytes received since the last of a request */
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
    struct httpd_listeners listeners;
    char addresses[HTTPD_MAX_LISTENERS * HTTPD_ADDRESS_SIZE];
    struct MHD_Daemon *daemon;
    pthread_t reaper;
    pthread_t acceptor;
    int accept_epoll;
    int accept_end;         /* an eventfd: readable when the thread is to end */
    uint64_t n_turned_away; /* of the accept thread */
    struct log_limit shortage_limit;
    bool has_tls;
    unsigned n_large;         /* bodies over HTTPD_MAX_BODY_BYTES; of the server thread */
    struct throttle throttle; /* of requests; of the server thread */
    struct httpd_hasher *hasher;

    pthread_mutex_t lock;
    pthread_cond_t reaper_wake; /* first connection, first to linger, or the end */
    pthread_cond_t went_idle;   /* some connection has had its answer */
    bool stopping;              /* nothing is asked any more */
    bool reaper_ends;
    bool accept_ends;
    pthread_cond_t accept_wake;      /* a connection has begun or gone, or the end */
    struct httpd_security *security; /* for what begins now; NULL: nothing is asked of anybody */
    struct connection *connections;
    size_t n_connections; /* of them; those that linger too */
    size_t n_accepted;    /* of them: HTTPD_ACCEPTED */
    size_t n_places;      /* taken */
    struct httpd_peer peers[HTTPD_MAX_CONNECTIONS];
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

/* Opens all that the options say, or nothing: then false with a sentence in `error`, which names the address
 * that failed. */
bool httpd_listen(const struct httpd_options *options, struct httpd_listeners *out, char *error,
                  size_t error_size) MUST_CHECK;
/* Closes them, and removes the files that are ours. */
void httpd_listeners_close(struct httpd_listeners *listeners);

/* --- httpd_unix.c --- */

/* Listens on a path (what stands behind "unix:"); sets all of `listener` but its name. False with a sentence
 * in `error`. */
bool httpd_unix_open(struct httpd_listener *listener, const char *path, char *error, size_t error_size)
    MUST_CHECK;
/* Removes the file, if there is one and it is the one that httpd_unix_open() has made. */
void httpd_unix_remove(const struct httpd_listener *listener);

/* --- httpd_systemd.c --- */

/* The sockets that systemd has handed over (sd_listen_fds(3)), added to `out`; false with a sentence in
 * `error`, and what was added is the caller's to close. */
bool httpd_systemd_take(struct httpd_listeners *out, char *error, size_t error_size) MUST_CHECK;

/* --- httpd_accept.c --- */

/* Starts the thread that accepts; false with a sentence in `error`. */
bool httpd_accept_start(struct httpd *server, char *error, size_t error_size) MUST_CHECK;
/* Ends it, closes the listening sockets and removes their files. */
void httpd_accept_stop(struct httpd *server);

/* --- httpd_places.c; all with the lock held --- */

enum httpd_place { HTTPD_PLACE_TAKEN, HTTPD_PLACE_ADDRESS_FULL, HTTPD_PLACE_ALL_FULL };
/* Gives `c`, a client from this address, a place. If none is free one is made so by cutting off a connection
 * of the address that holds the most, unless the newcomer's holds more. */
enum httpd_place httpd_place_take(struct connection *c, const struct sockaddr_storage *from) MUST_CHECK;
/* Gives the place back; without effect if it has none. */
void httpd_place_leave(struct connection *c);
/* Cuts off the connection that can be spared first; false: there is none. */
bool httpd_place_clear(struct httpd *server);

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
    const char *scrape_limit; /* X-Prometheus-Scrape-Timeout-Seconds */
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
/* Puts a connection that has been accepted into the list, before libmicrohttpd gets it. Lock held. */
void httpd_connection_add(struct connection *c);
/* Takes it out of the list again and frees it: libmicrohttpd did not want it. Lock held. */
void httpd_connection_forget(struct connection *c);
/* Ends a connection that libmicrohttpd has begun with, and that is not HTTPD_ASKING: it will notice and close
 * it. Lock held. */
void httpd_connection_cut(struct connection *c);
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
