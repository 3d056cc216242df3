/* SPDX-License-Identifier: Apache-2.0
 *
 * bounced: the addresses that bounces have named: since when, until when, how often, and on the word of which
 * list.
 *
 * An address stays for `keep` after its last bounce. There are at most `limit` of them: when one more comes,
 * the one whose last bounce is the oldest leaves. Times are of the wall clock, since they outlive the
 * process; one that lies in the future (a clock has been set back) counts as now, so that nothing stays
 * longer than `keep`.
 *
 * The table is a sorted array: it is small (its limit says how small), and what is asked of it most often is
 * all of it in order.
 */
#ifndef RBL_CORE_BOUNCED_H
#define RBL_CORE_BOUNCED_H

#include "core/buf.h"
#include "core/ip.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BOUNCED_FORMAT = 1,     /* first byte of what bounced_encode() writes */
    BOUNCED_LIST_SIZE = 64, /* of the name of a list, with NUL */
    BOUNCED_MOST = 1 << 20, /* no limit is higher */
};

struct bounced_address {
    struct ip ip;
    int64_t first_ns; /* since it has been here, without a break */
    int64_t last_ns;
    uint32_t n;                   /* bounces since then, at least 1; UINT32_MAX: that or more */
    char list[BOUNCED_LIST_SIZE]; /* that the last bounce named which named one; "": none has */
};

struct bounced;

/* An empty table. `limit` is 1 to BOUNCED_MOST. NULL: no memory. */
struct bounced *bounced_new(int64_t keep_ns, unsigned limit) MUST_CHECK;
void bounced_free(struct bounced *b); /* NULL allowed */
/* New rules, which hold at once: true if addresses have left. */
bool bounced_set_rules(struct bounced *b, int64_t keep_ns, unsigned limit, int64_t wall_ns);
/* A bounce of `ip` at `wall_ns`. `list`: cut at BOUNCED_LIST_SIZE, without control characters; "" if none is
 * named. `*joined`: whether it was not here before (then another may have left). STATUS_NO_MEMORY;
 * STATUS_INVALID for an address from which no mail comes (ip_special()). */
enum status bounced_add(struct bounced *b, const struct ip *ip, const char *list, int64_t wall_ns,
                        bool *joined) MUST_CHECK;
/* Drops what has been here long enough: true if there was any. */
bool bounced_expire(struct bounced *b, int64_t wall_ns);
/* When the next one leaves, if no bounce comes; INT64_MAX: there is none. */
int64_t bounced_next_ns(const struct bounced *b);

size_t bounced_count(const struct bounced *b);
/* By address, in the order of ip_compare(); valid until the table changes. `i` < bounced_count(). */
const struct bounced_address *bounced_get(const struct bounced *b, size_t i);

/* Appends the whole table, for a store. */
void bounced_encode(const struct bounced *b, struct buf *out);
/* What bounced_encode() wrote takes the place of what is here, as far as the rules allow at `wall_ns`.
 * STATUS_SYNTAX: it is not that, or damaged: all of it is refused. STATUS_NO_MEMORY. */
enum status bounced_decode(struct bounced *b, const void *data, size_t len, int64_t wall_ns) MUST_CHECK;

#endif
