/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd_guard: passwords in the web server. A part of httpd_internal.h, included by it alone.
 *
 * A bcrypt hash takes from 90 ms (cost 10) to minutes, and every client can make us compute one. So they are
 * computed by one thread, one at a time: never on the loop, never on the server thread. What is wanted of it
 * waits as a `trial`, its connections suspended; the addresses of clients take turns, each may have a few
 * trials waiting, and there are some tens in all. What does not fit is refused at once. Who has been wrong
 * lately lets others go first. Requests with the same user and password share a trial. What came out of it is
 * remembered, right ones and wrong ones apart, so that a flood of wrong passwords cannot push a right one
 * out.
 *
 * Passwords are kept only while their trial waits; a verdict is remembered under an HMAC of user, hash
 * and password with a key that is drawn at start. A hash that has changed is another key, so a changed
 * password holds from the next request on.
 */
#ifndef RBL_EDGE_HTTPD_GUARD_H
#define RBL_EDGE_HTTPD_GUARD_H

#include "core/basic_auth.h"
#include "core/recent.h"
#include "core/status.h"
#include "core/web_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTPD_TRIALS = 64,           /* waiting at once */
    HTTPD_TRIALS_PER_CLIENT = 4, /* of one address (IPv6: of one /64; all unix sockets: one) */
    HTTPD_HASH_BYTES = 60,       /* of a bcrypt hash: $2b$10$, 22 characters of salt, 31 of the hash itself */
    HTTPD_PASSWORD_BYTES = 72,   /* that bcrypt looks at: what follows may be anything */
};

/* --- httpd_password.c --- */

/* What somebody claims to know. */
struct httpd_claim {
    uint8_t key[RECENT_KEY_BYTES];   /* stands for user, hash and password */
    char hash[HTTPD_HASH_BYTES + 1]; /* the user's, or one in its place */
    bool known;                      /* there is such a user */
    char password[HTTPD_PASSWORD_BYTES + 1];
};

/* What `auth` claims, under `config`, which has users. `secret` is the key of the HMAC. The caller wipes
 * `*out` when it is done with it, also on failure. STATUS_NO_MEMORY is the only error. */
enum status httpd_claim_make(const struct web_config *config, const struct basic_auth *auth,
                             const uint8_t secret[RECENT_KEY_BYTES], struct httpd_claim *out) MUST_CHECK;
/* Whether it is true. Computes one hash, also for a user that does not exist. */
bool httpd_claim_holds(const struct httpd_claim *claim);

/* --- httpd_hasher.c --- */

struct MHD_Connection;

/* What became of a claim. */
enum httpd_verdict {
    HTTPD_VERDICT_OPEN, /* nothing yet */
    HTTPD_VERDICT_RIGHT,
    HTTPD_VERDICT_WRONG,
    HTTPD_VERDICT_TOO_MANY, /* this client has enough trials waiting */
    HTTPD_VERDICT_FULL,     /* there are enough in all */
    HTTPD_VERDICT_TOO_SLOW,
    HTTPD_VERDICT_STOPPING,
    HTTPD_VERDICT_NO_MEMORY,
};

/* One suspended connection that waits for it. Part of its request. */
struct httpd_waiter {
    struct httpd_waiter *next;
    struct MHD_Connection *mhd;
    int64_t deadline_ns;
    enum httpd_verdict verdict; /* OPEN while it is suspended */
};

/* Where a client comes from, as far as turns go: its family, and an IPv4 address or an IPv6 network of 64
 * bits, or zeros. */
struct httpd_client {
    uint8_t bytes[9];
};

struct httpd_hasher;
/* Its thread starts with the first trial. NULL: no memory, or no random key. */
struct httpd_hasher *httpd_hasher_new(void) MUST_CHECK;
/* The key for httpd_claim_make(). */
const uint8_t *httpd_hasher_secret(const struct httpd_hasher *hasher);
/* What is remembered of a claim with this key: right, wrong, or open. */
enum httpd_verdict httpd_hasher_recall(struct httpd_hasher *hasher, const uint8_t key[RECENT_KEY_BYTES]);
/* Has the claim, which is copied, tried: OPEN, and waiter->mhd is suspended until waiter->verdict is another.
 * Anything else is the verdict, and it has not been suspended. The caller sets `mhd` and `deadline_ns`. */
enum httpd_verdict httpd_hasher_try(struct httpd_hasher *hasher, const struct httpd_claim *claim,
                                    const struct httpd_client *client, struct httpd_waiter *waiter)
    MUST_CHECK;
/* The verdict, after the connection has been resumed. */
enum httpd_verdict httpd_hasher_verdict(struct httpd_hasher *hasher, const struct httpd_waiter *waiter)
    MUST_CHECK;
/* Resumes this one, which waits for nothing any more: HTTPD_VERDICT_FULL. Without effect if it has been
 * resumed, and then nothing of `waiter` is looked at. */
void httpd_hasher_leave(struct httpd_hasher *hasher, struct httpd_waiter *waiter);
/* Resumes what has waited too long. */
void httpd_hasher_expire(struct httpd_hasher *hasher, int64_t now_ns);
/* Resumes all that waits, and from now on nothing is tried. */
void httpd_hasher_stop(struct httpd_hasher *hasher);
/* After httpd_hasher_stop(). A hash that is being computed cannot be interrupted: after a moment its thread
 * is left alone with it, touches nothing of the server any more, and frees what is its own. NULL allowed. */
void httpd_hasher_free(struct httpd_hasher *hasher);

#endif
