/* SPDX-License-Identifier: Apache-2.0
 *
 * reply_internal: the walk over the records of a DNS message, for reply*.c only.
 *
 * Nothing here reads outside of message[0..len), whatever the bytes are, and no name takes more than
 * REPLY_MAX_HOPS pointers and QNAME_MAX octets of work.
 */
#ifndef RBL_CORE_REPLY_INTERNAL_H
#define RBL_CORE_REPLY_INTERNAL_H

#include "core/reply.h"

enum { REPLY_HEADER_SIZE = 12, REPLY_MAX_HOPS = 128, REPLY_CLASS_IN = 1, REPLY_RCODE_NOERROR = 0 };
enum { REPLY_TYPE_CNAME = 5, REPLY_TYPE_DNAME = 39 };

struct reply_walk {
    const uint8_t *message;
    size_t len;
    size_t at; /* where the next question or record begins */
};

struct reply_record {
    struct qname owner; /* as spelt in the message */
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    size_t rdata; /* offset in the message; rdata_len bytes from there are inside it */
    size_t rdata_len;
};

/* The two or four bytes at `bytes` in network order. */
uint16_t reply_u16(const uint8_t *bytes);
uint32_t reply_u32(const uint8_t *bytes);
/* Reads the question and steps over it, or says why it is none (REPLY_BAD_NAME, REPLY_BAD_RECORD). */
enum reply_form reply_next_question(struct reply_walk *walk, struct reply_record *out) MUST_CHECK;
/* Reads the next record, its owner and fixed fields, and steps over it; what its RDATA holds is not looked
 * at. REPLY_SOUND, or REPLY_BAD_NAME or REPLY_BAD_RECORD with `*walk` untouched. */
enum reply_form reply_next_record(struct reply_walk *walk, struct reply_record *out) MUST_CHECK;
/* Reads the name at `*at` and moves `*at` behind it; REPLY_SOUND, or as above. */
enum reply_form reply_name(const struct reply_walk *walk, size_t *at, struct qname *out) MUST_CHECK;
/* `name` is `zone` or below it. */
bool reply_is_under(const struct qname *name, const struct qname *zone);
/* The RDATA of a TXT record: at least one string, and the last ends where it ends. */
bool reply_has_strings(const struct reply_walk *walk, const struct reply_record *record);

#endif
