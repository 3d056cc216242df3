/* SPDX-License-Identifier: Apache-2.0
 *
 * question: general DNS look-ups (TXT and PTR) through the general nameservers, without the world.
 *
 *   question_put()    a question, with a number of the caller's
 *   question_next()   ->  a DNS message to send to a nameserver   (the caller sends it)
 *   question_reply()  <-  the raw answer, or that none came; says when a question has ended, and how
 *
 * They are no list's: nothing here is counted in a list's budget. Instead they have a rate and a window of
 * their own, so that they disturb nobody, and a limit to how many wait. TXT questions go before PTR ones,
 * of which there may be many; else it is first come, first served. Every question ends exactly once:
 * - Without an answer in time, or with SERVFAIL, REFUSED or nonsense, it is asked again after a pause, of
 *   another nameserver if there is one, until its attempts are used up; the last attempt names the reason.
 *   (A lone nameserver that refuses is not asked again.)
 * - What is truncated is asked again over TCP, which counts as no attempt.
 * - The spelling of the name is mixed at random and has to come back (0x20). From a nameserver that changes
 *   it the answer is asked for again over TCP, where nobody can slip in another; only if that fails is the
 *   spelling given up.
 * A nameserver that was silent, could not be reached, or refused, is left alone for QUESTION_REST_NS if
 * there is another.
 *
 * Time, random numbers and bytes are arguments.
 */
#ifndef RBL_CORE_QUESTION_H
#define RBL_CORE_QUESTION_H

#include "core/list.h"
#include "core/qname.h"
#include "core/reply.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUESTION_SERVERS = 4, QUESTION_QUEUE_MAX = 1024 };
#define QUESTION_PAUSE_NS (250 * INT64_C(1000000))
#define QUESTION_REST_NS (30 * INT64_C(1000000000))
/* Set in every cookie of a question, and in none of the checker's. */
#define QUESTION_COOKIE (UINT64_C(1) << 63)

struct question_limits {
    double rate;  /* messages a second, retries counted; more than 0 */
    double burst; /* at least 1 */
    unsigned window;
    unsigned queue; /* questions that have not ended, open ones included; at most QUESTION_QUEUE_MAX */
};

enum question_channel { QUESTION_UDP, QUESTION_UDP_TXT, QUESTION_TCP };

/* A message ready to be sent. */
struct question_ask {
    uint64_t cookie;
    uint32_t server; /* index into the nameservers of question_ask_through() */
    enum question_channel channel;
    int64_t timeout_ns;
    uint8_t message[QUERY_MAX];
    size_t len;
};

/* What came of a message. */
enum question_arrival { QUESTION_CAME, QUESTION_SILENCE, QUESTION_UNREACHABLE };

/* How a question ended. */
enum question_result {
    QUESTION_ANSWERED,
    QUESTION_NODATA,   /* the name exists, such records of it do not */
    QUESTION_NXDOMAIN, /* the name does not exist */
    /* From here on nothing is known: */
    QUESTION_TIMEOUT,
    QUESTION_NETWORK,
    QUESTION_SERVFAIL,
    QUESTION_REFUSED,
    QUESTION_BAD_ANSWER,
    QUESTION_RESULTS,
};

struct question_end {
    uint64_t id; /* the caller's */
    enum query_type type;
    enum question_result result;
    const struct reply_texts *texts; /* ANSWERED: the records, until the next question_reply(); else NULL */
};

struct questions;

/* STATUS_NO_MEMORY. Nothing can be asked before question_ask_through(). */
enum status question_new(const struct question_limits *limits, int64_t now_ns, struct questions **out)
    MUST_CHECK;
void question_free(struct questions *q); /* NULL allowed */
/* Whom to ask from now on (1 to QUESTION_SERVERS, in order of preference) and how: after a reload, too. What
 * is under way to one that is there no longer still has to come back through question_reply(). */
void question_ask_through(struct questions *q, const struct endpoint *servers, size_t n, int64_t timeout_ns,
                          unsigned attempts);
/* Asks for the records of `type`, QUERY_TXT or QUERY_PTR, of `name`. STATUS_FULL: too many wait. */
enum status question_put(struct questions *q, uint64_t id, enum query_type type, const struct qname *name,
                         int64_t now_ns) MUST_CHECK;
/* How many more can be put. */
size_t question_room(const struct questions *q);
/* The next message that may be sent now; `random` is 64 fresh random bits. False: none before
 * question_wake_ns(). */
bool question_next(struct questions *q, uint64_t random, int64_t now_ns, struct question_ask *out);
/* What came of a message: once per cookie; what is no cookie of a message under way is passed over. True: a
 * question has ended, and `*end` says how. */
bool question_reply(struct questions *q, uint64_t cookie, enum question_arrival arrival,
                    const uint8_t *message, size_t len, int64_t now_ns, struct question_end *end) MUST_CHECK;
/* When question_next() may have something; INT64_MAX: not before something is put or comes back. */
int64_t question_wake_ns(const struct questions *q);
/* A clause for people: "no answer in time". */
const char *question_result_text(enum question_result result);

#endif
