/* SPDX-License-Identifier: Apache-2.0
 *
 * client: an HTTP client (libcurl) for the commands, which ask a running exporter.
 *
 * The library is loaded when the first client is made, and not with the program: with all that it brings, it
 * would cost the daemon, which never uses it, 3 MB of memory and each start 5 ms. It has to be there when a
 * command wants it, under the name it has in Debian (libcurl3-gnutls).
 *
 * HTTP and HTTPS only, certificates are verified, no redirect is followed, an answer larger than CLIENT_BODY
 * is none. User and password in a URL are sent (basic) and never shown.
 */
#ifndef RBL_EDGE_CLIENT_H
#define RBL_EDGE_CLIENT_H

#include "core/buf.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLIENT_URL = 2048, CLIENT_WHY = 512, CLIENT_BODY = 16 << 20 };

/* Where a server is: the beginning of its paths, without a slash at the end. */
struct client_place {
    char url[CLIENT_URL];
    char shown[CLIENT_URL]; /* without user and password: for messages */
    bool direct;            /* no proxy of the environment, for what is on this machine */
};

struct client_request {
    const char *path; /* behind the place, with its query: "/-/healthy" */
    bool post;        /* else GET */
    const void *body; /* of a POST; borrowed */
    size_t body_len;
    const char *content_type; /* of the body; NULL: there is none */
    const char *accept;       /* NULL: anything */
    int64_t connect_ns;       /* limits: until it is connected, and in all */
    int64_t total_ns;
};

enum client_result {
    CLIENT_ANSWERED,    /* with whatever status */
    CLIENT_UNREACHABLE, /* no answer came, and another time one may */
    CLIENT_BROKEN,      /* what came is no answer of HTTP, or too large; or the certificate is not believed */
    CLIENT_STOPPED,     /* by the caller */
};

struct client_answer {
    enum client_result result;
    unsigned status;
    unsigned retry_after_s; /* of the header; 0: there is none */
    struct buf body;        /* to be released whatever came */
    char why[CLIENT_WHY];   /* unless it is answered: what, a sentence without place and full stop */
};

struct client_exchange {
    struct client_request request;
    struct client_answer answer;
};

struct client;
/* NULL with a sentence in `why`: the library is not there, or no memory. */
struct client *client_new(char *why, size_t size) MUST_CHECK;
void client_free(struct client *client); /* NULL allowed */
/* Reads a URL that somebody gave, such as http://rbl.example.net:10554/prefix/. False with a sentence in
 * `why`, which does not show it. */
bool client_place_read(const struct client *client, const char *url, struct client_place *out, char *why,
                       size_t size) MUST_CHECK;
/* Called about ten times a second, and when something has ended; false: stop. */
typedef bool client_turn(void *context, size_t n_ended);
/* Makes `n` requests of one place, `at_once` at a time, and fills in their answers. `turn` may be NULL. */
void client_run(struct client *client, const struct client_place *place, struct client_exchange *exchanges,
                size_t n, unsigned at_once, client_turn *turn, void *context);

#endif
