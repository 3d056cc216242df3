/* SPDX-License-Identifier: Apache-2.0
 *
 * resolver_ares: one c-ares channel to one nameserver, over UDP or TCP, its sockets in the loop's epoll. A
 * part of the resolver: nobody else includes this.
 *
 * The sockets are made, read and written by functions of our own (ares_set_socket_functions), for what c-ares
 * does not do: it must be known why a datagram could not be sent; a flood of datagrams must not keep the loop
 * in one handler; an empty datagram is no end of file; SIGPIPE is never raised.
 */
#ifndef RBL_EDGE_RESOLVER_ARES_H
#define RBL_EDGE_RESOLVER_ARES_H

#include "core/list.h"
#include "edge/log.h"
#include "edge/loop.h"
#include "edge/resolver.h"

/* Newer versions deprecate what older ones do not replace; nothing that was removed is used. */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include <stdbool.h>
#include <stdint.h>

struct resolver_ares {
    struct resolver_ares *next; /* in the resolver's list of all channels */
    ares_channel ares;
    struct loop *loop;
    struct log_limit *shortages; /* borrowed: of lines about descriptors */
    struct endpoint server;
    enum resolver_channel kind;
    int64_t since_ns;     /* when it was made */
    bool retired;         /* takes no new queries */
    bool broken;          /* takes no new queries, and those under way have failed */
    bool given_up;        /* takes no new queries, and those under way are lost */
    unsigned sent;        /* queries in its life */
    unsigned held;        /* queries that c-ares still holds */
    unsigned open;        /* of these, the ones that somebody waits for */
    int64_t last_loss_ns; /* when a query timed out last */
    unsigned reads_left;  /* datagrams that this event may still read */
};

/* NULL: no memory, or whatever else c-ares says. Opens no socket before the first query. */
struct resolver_ares *resolver_ares_new(struct loop *loop, struct log_limit *shortages,
                                        const struct endpoint *server, enum resolver_channel kind) MUST_CHECK;
/* Ends the callbacks of all queries that c-ares holds (ARES_EDESTRUCTION). Never to be called inside one. */
void resolver_ares_free(struct resolver_ares *channel);

#endif
