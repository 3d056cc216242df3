/* SPDX-License-Identifier: Apache-2.0
 *
 * A pointer must lead to before the piece of name that it ends. Targets then decrease strictly, so no name
 * can loop, and what the limit on hops bounds is only work: a message of 64 KB full of the longest chains
 * stays linear, with at most REPLY_MAX_HOPS pointers and QNAME_MAX octets per record.
 */
#include "core/reply_internal.h"

#include <string.h>

enum {
    POINTER = 0xc0, /* the two high bits of a pointer's first byte; one of them alone is reserved */
    MAX_LABEL = 63,
    QUESTION_TAIL = 4, /* type, class */
    RECORD_TAIL = 10,  /* type, class, TTL, RDLENGTH */
};

uint16_t reply_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

uint32_t reply_u32(const uint8_t *bytes) {
    return (uint32_t)reply_u16(bytes) << 16 | reply_u16(bytes + 2);
}

/* Appends the label at `at`; a name that is not ended by it must leave room for the root label. */
static enum reply_form take_label(const struct reply_walk *walk, size_t at, struct qname *out, size_t *used) {
    size_t size = 1 + (size_t)walk->message[at];
    if (size > 1 + MAX_LABEL)
        return REPLY_BAD_NAME;
    if (size > walk->len - at)
        return REPLY_BAD_RECORD;
    if (size > 1 && *used + size > QNAME_MAX - 1)
        return REPLY_BAD_NAME;
    memcpy(out->wire + *used, walk->message + at, size);
    *used += size;
    return REPLY_SOUND;
}

enum reply_form reply_name(const struct reply_walk *walk, size_t *at, struct qname *out) {
    size_t pos = *at;
    size_t piece = pos; /* where the labels being read began */
    size_t end = 0;     /* behind the first pointer */
    size_t used = 0;
    unsigned hops = 0;
    for (;;) {
        if (pos >= walk->len)
            return REPLY_BAD_RECORD;
        uint8_t head = walk->message[pos];
        if (head < POINTER) {
            enum reply_form form = take_label(walk, pos, out, &used);
            if (form != REPLY_SOUND)
                return form;
            pos += 1 + (size_t)head;
            if (head == 0)
                break;
            continue;
        }
        if (walk->len - pos < 2)
            return REPLY_BAD_RECORD;
        if (hops++ == 0)
            end = pos + 2;
        size_t target = reply_u16(walk->message + pos) & ~((size_t)POINTER << 8);
        if (hops > REPLY_MAX_HOPS || target < REPLY_HEADER_SIZE || target >= piece)
            return REPLY_BAD_NAME;
        pos = piece = target;
    }
    out->len = (uint8_t)used;
    *at = hops > 0 ? end : pos;
    return REPLY_SOUND;
}

enum reply_form reply_next_question(struct reply_walk *walk, struct reply_record *out) {
    size_t at = walk->at;
    enum reply_form form = reply_name(walk, &at, &out->owner);
    if (form != REPLY_SOUND)
        return form;
    if (walk->len - at < QUESTION_TAIL)
        return REPLY_BAD_RECORD;
    out->type = reply_u16(walk->message + at);
    out->class = reply_u16(walk->message + at + 2);
    walk->at = at + QUESTION_TAIL;
    return REPLY_SOUND;
}

enum reply_form reply_next_record(struct reply_walk *walk, struct reply_record *out) {
    size_t at = walk->at;
    enum reply_form form = reply_name(walk, &at, &out->owner);
    if (form != REPLY_SOUND)
        return form;
    if (walk->len - at < RECORD_TAIL)
        return REPLY_BAD_RECORD;
    const uint8_t *fixed = walk->message + at;
    out->type = reply_u16(fixed);
    out->class = reply_u16(fixed + 2);
    out->ttl = reply_u32(fixed + 4);
    out->rdata_len = reply_u16(fixed + 8);
    out->rdata = at + RECORD_TAIL;
    if (out->rdata_len > walk->len - out->rdata)
        return REPLY_BAD_RECORD;
    walk->at = out->rdata + out->rdata_len;
    return REPLY_SOUND;
}
