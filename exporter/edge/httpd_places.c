/* SPDX-License-Identifier: Apache-2.0
 *
 * Places: how many connections there may be, in all and per client address, and who goes when all are taken.
 *
 * To hold a connection costs a stranger nothing, so a limit alone would let anybody lock everybody out for as
 * long as he likes. When no place is free, a newcomer gets that of the connection which has waited longest
 * (for a first or next request, the rest of one, or its password to be tried) at the address that holds most,
 * if the newcomer's does not hold more. So with ten thousand idle connections from as many addresses a client
 * always gets in, whoever holds many loses first, and whoever holds more than all others displaces only his
 * own. If nobody waits, one that reads its response goes, from an address that holds more than the
 * newcomer's: to read slowly costs a stranger little more, and he has thousands of addresses of IPv6.
 *
 * What the loop works on is never cut off; there are at most max_requests of those. Passwords are no such
 * work: any number of connections can wait for one hash, and eight addresses would hold all places by that.
 * Those who wait for one get a head start over the others (httpd_guard.c).
 *
 * The table of addresses is walked: 512 entries of 16 bytes, a microsecond. Rejected: libmicrohttpd's limits,
 * which know no eviction and count single IPv6 addresses, of which a stranger has 2^64.
 */
#include "edge/httpd_internal.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

/* --- Addresses --- */

static struct httpd_peer peer_of(const struct sockaddr_storage *from) {
    struct httpd_peer peer = {.family = HTTPD_LOCAL};
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        peer.family = HTTPD_IPV4;
        memcpy(peer.address, &v4->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)from)->sin6_addr;
        const bool mapped = IN6_IS_ADDR_V4MAPPED(v6); /* on a socket for both families */
        peer.family = mapped ? HTTPD_IPV4 : HTTPD_IPV6;
        memcpy(peer.address, mapped ? &v6->s6_addr[12] : v6->s6_addr, mapped ? 4 : 8);
    }
    return peer;
}

/* The entry of that address, or a free one: there are as many as places. */
static struct httpd_peer *find(struct httpd *server, const struct httpd_peer *wanted) {
    struct httpd_peer *vacant = NULL;
    for (size_t i = 0; i < HTTPD_MAX_CONNECTIONS; i++) {
        struct httpd_peer *peer = &server->peers[i];
        if (peer->n == 0)
            vacant = vacant ? vacant : peer;
        else if (peer->family == wanted->family &&
                 memcmp(peer->address, wanted->address, sizeof peer->address) == 0)
            return peer;
    }
    return vacant;
}

/* --- Who goes --- */

static bool waits(const struct connection *c) {
    return c->phase == HTTPD_FIRST || c->phase == HTTPD_IDLE || c->phase == HTTPD_READING ||
           c->phase == HTTPD_TRYING;
}

/* The one that has been longest at it, of an address that holds the most, and at least `least`. */
static struct connection *find_spared(const struct httpd *server, bool waiting, unsigned least) {
    struct connection *best = NULL;
    for (struct connection *c = server->connections; c; c = c->next) {
        if (!c->peer || c->peer->n < least || !(waiting ? waits(c) : c->phase == HTTPD_SENDING))
            continue;
        if (!best || c->peer->n > best->peer->n ||
            (c->peer->n == best->peer->n && c->since_ns < best->since_ns))
            best = c;
    }
    return best;
}

/* At an address that holds at least so many: one that waits, or else one that reads. */
static bool make_room(struct httpd *server, unsigned least_waiting, unsigned least_reading) {
    struct connection *spared = find_spared(server, true, least_waiting);
    if (!spared)
        spared = find_spared(server, false, least_reading);
    if (spared)
        httpd_connection_cut(spared);
    return spared != NULL;
}

bool httpd_place_clear(struct httpd *server) {
    return make_room(server, 0, 2);
}

enum httpd_place httpd_place_take(struct connection *c, const struct sockaddr_storage *from) {
    struct httpd *server = c->server;
    const struct httpd_peer wanted = peer_of(from);
    struct httpd_peer *peer = find(server, &wanted);
    const unsigned held = peer ? peer->n : 0;
    if (held >= HTTPD_MAX_PER_ADDRESS && wanted.family != HTTPD_LOCAL)
        return HTTPD_PLACE_ADDRESS_FULL;
    if (server->n_places >= HTTPD_MAX_CONNECTIONS && !make_room(server, held, held + 1))
        return HTTPD_PLACE_ALL_FULL;
    peer = find(server, &wanted); /* one more may be free now */
    assert(peer != NULL);         /* there are as many as connections */
    if (peer->n == 0)
        *peer = wanted;
    peer->n++;
    server->n_places++;
    c->peer = peer;
    return HTTPD_PLACE_TAKEN;
}

void httpd_place_leave(struct connection *c) {
    if (!c->peer)
        return;
    c->peer->n--;
    c->peer = NULL;
    c->server->n_places--;
}
