/* SPDX-License-Identifier: Apache-2.0
 *
 * bounce: from the text of a bounce to what it says: which address was rejected, by whom, and on the word of
 * which list.
 *
 * It reads what mail servers and people hand on: single replies, replies of several lines (`550-`), log
 * lines, reports with the fields of RFC 3464, the prose around them. Every piece that holds an SMTP reply or
 * names a blocked client is a statement, and every statement gives at most one bounce. What decides is the
 * role that the words around an address give it, never the address alone:
 *   - the receiver's address (the first in `host mx.example.net[192.0.2.3] said: ...`) is never taken, nor
 *     one from which no mail comes over the internet (ip_special()), nor a part of a network or masked one;
 *   - an address in a link counts only if the text itself names no sender, masked or by name either;
 *   - two different addresses with equal claims cancel each other.
 * What cannot be told for sure stays empty: a bounce without an address is "unparsed". The text is never
 * believed beyond that: a bounce is no proof of a listing.
 */
#ifndef RBL_CORE_BOUNCE_H
#define RBL_CORE_BOUNCE_H

#include "core/buf.h"
#include "core/ip.h"
#include "core/mirror.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BOUNCE_BYTES = 1 << 20, /* of text that are read; the rest is passed over */
    BOUNCES_MOST = 100,     /* in one text; more are counted */
    BOUNCE_HOST_SIZE = 254,
    BOUNCE_NAME_SIZE = 64,
    BOUNCE_ENHANCED_SIZE = 12,
};

enum bounce_kind {
    BOUNCE_LISTING,
    BOUNCE_REFUSED,    /* the list refused to answer the receiver, who took that for a listing */
    BOUNCE_REPUTATION, /* reputation or rate limit of the receiver's own */
    BOUNCE_DOMAIN,     /* a domain is listed, not the address */
    BOUNCE_GREYLISTING,
    BOUNCE_OTHER,
    BOUNCE_KINDS,
};
/* "listing", "refused", "reputation", "domain", "greylisting", "other". */
extern const char *const bounce_kind_text[BOUNCE_KINDS];

struct bounce {
    bool has_address;
    struct ip address;                   /* that was rejected */
    char receiver[BOUNCE_HOST_SIZE];     /* host name, or address if it has none here; "" if not said */
    char list[BOUNCE_NAME_SIZE];         /* what the list is called: canonical if known, else as it stands */
    char zone[BOUNCE_HOST_SIZE];         /* DNS zone asked by the receiver, a known key in it as {key} */
    uint32_t code;                       /* the list's answer, host byte order; 0: not said */
    const struct mirror_name *known;     /* what is known of the list; NULL: nothing */
    unsigned smtp_status;                /* 400 to 599; 0: not said */
    char enhanced[BOUNCE_ENHANCED_SIZE]; /* RFC 3463; "" if not said */
    enum bounce_kind kind;
    bool high_risk_pool; /* Microsoft says that it left from its pool for suspicious mail */
};

struct bounces {
    struct bounce items[BOUNCES_MOST];
    size_t n;
    size_t n_omitted;
};

/* Reads `text` (UTF-8 or anything; `len` bytes) and adds what it finds to `out`. What is said twice is one
 * bounce. `message`: it is one message, where prose stands around the replies: then what has no address is
 * kept only if nothing else was found in it. STATUS_NO_MEMORY. */
enum status bounces_read(const char *text, size_t len, const struct mirrors *mirrors, bool message,
                         struct bounces *out) MUST_CHECK;

/* What was found as bytes and back, for a process that reads and another that goes on with it. Both hold the
 * same `mirrors`. The bytes are not believed: STATUS_SYNTAX, and nothing of them is taken, if they could not
 * have come from bounces_encode() of what bounces_read() finds. */
void bounces_encode(const struct bounces *bounces, const struct mirrors *mirrors, struct buf *out);
enum status bounces_decode(const void *data, size_t len, const struct mirrors *mirrors, struct bounces *out)
    MUST_CHECK;

#endif
