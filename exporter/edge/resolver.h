/* SPDX-License-Identifier: Apache-2.0
 *
 * resolver: sends ready DNS queries and brings back raw answers (c-ares in the loop's epoll). It knows
 * nothing of lists, verdicts or budgets, never retries, and never looks into an answer beyond what c-ares
 * needs to match it.
 *
 * Each nameserver has channels of its own, so that one cannot disturb another: UDP for A queries, UDP for
 * those that confirm others, UDP for TXT queries (all ARES_FLAG_IGNTC | NOCHECKRESP, no EDNS, 1 try, 4 MB
 * receive buffer), replaced by a fresh one with a new source port after at most 1,000 queries, the
 * confirmations' after RESOLVER_CONFIRM_PORT_NS (the old one lives until it has drained, or too many younger
 * ones do); and one for TCP (ARES_FLAG_USEVC), left for a fresh connection when it has lost a query. When no
 * socket can be opened for want of descriptors, the log says so once a minute. c-ares never reads resolv.conf
 * here: servers are given by option and its files are pointed at nothing. Time-outs are ours: a queue in
 * order of deadline per time-out value, no timer per query inside c-ares (its own is long). A callback runs
 * exactly once per query and never inside resolver_send(): what c-ares reports early is queued for
 * resolver_turn().
 */
#ifndef RBL_EDGE_RESOLVER_H
#define RBL_EDGE_RESOLVER_H

#include "core/settings.h"
#include "core/status.h"
#include "edge/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESOLVER_QUERIES_PER_PORT = 1000 };
/* Less than the pause between two looks that confirm each other: so no two of them have the same port. */
#define RESOLVER_CONFIRM_PORT_NS (500 * INT64_C(1000000))

enum resolver_outcome {
    RESOLVER_ANSWER,  /* bytes came, whatever they say */
    RESOLVER_TIMEOUT, /* nothing came in time */
    RESOLVER_NETWORK, /* could not be sent, or refused by the network (ICMP, TCP reset, no route) */
};

/* Queries of different kinds share no channel, so that one kind cannot disturb another. */
enum resolver_channel {
    RESOLVER_UDP,         /* A queries */
    RESOLVER_UDP_CONFIRM, /* the second A query about the same, from another port than the first */
    RESOLVER_UDP_TXT,     /* TXT queries, often truncated */
    RESOLVER_TCP,         /* what was truncated, again */
    RESOLVER_CHANNELS,
};

struct resolver;
/* `cookie` as given to resolver_send(); `message` is borrowed for the call. `took_ns` from send to answer. */
typedef void resolver_handler(void *context, uint64_t cookie, enum resolver_outcome outcome,
                              const uint8_t *message, size_t len, int64_t took_ns);

/* NULL with errno set on failure. */
struct resolver *resolver_new(struct loop *loop, resolver_handler *handler, void *context) MUST_CHECK;
/* Every open query is dropped without its callback. NULL allowed. */
void resolver_free(struct resolver *r);
/* The set of nameservers from now on; a query names one by its index. Queries under way to servers that stay
 * (same address and port) go on; those to servers that go are reported as RESOLVER_NETWORK.
 * STATUS_NO_MEMORY leaves the old set in force. */
enum status resolver_set_servers(struct resolver *r, const struct endpoint *servers, size_t n) MUST_CHECK;
/* Sends one query message, from now on timed; `timeout_ns` > 0. Always leads to one callback in a later
 * resolver_turn() or fd event; a `server` that is not in the set is RESOLVER_NETWORK. */
void resolver_send(struct resolver *r, size_t server, enum resolver_channel channel, const uint8_t *query,
                   size_t len, int64_t timeout_ns, uint64_t cookie, int64_t now_ns);
/* Reports time-outs and early ends, retires drained channels. To be called every turn, after what the turn
 * sends and never inside a resolver_handler; returns when it wants to be called next at the latest (monotonic
 * ns). */
int64_t resolver_turn(struct resolver *r, int64_t now_ns);
/* Queries without an answer yet, over all servers. */
size_t resolver_in_flight(const struct resolver *r);
/* The system's nameservers from `path` (/etc/resolv.conf), strictly read by ourselves: at most 3,
 * 127.0.0.1:53 when the file names none; those with a scope id are passed over. STATUS_IO (errno set), or
 * STATUS_SYNTAX (NUL bytes, more than 64 KiB, only addresses that cannot be used), on a file that cannot be
 * believed. */
enum status resolver_system_servers(const char *path, struct endpoint out[3], size_t *n) MUST_CHECK;

#endif
