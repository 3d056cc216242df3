/* SPDX-License-Identifier: Apache-2.0 */
#include "core/qname.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum {
    LABEL_MAX = 63,
    REVERSED_V4_MAX = 4 * 4,  /* four labels of up to three digits */
    REVERSED_V6_MAX = 32 * 2, /* a label for each nibble */
    HEADER = 12,
    FLAG_RD = 0x01, /* in the third octet of the header */
    CLASS_IN = 1,
};

/* --- Names --- */

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_zone_char(char c) {
    return is_letter((uint8_t)c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Whether `text` is dot-separated labels of 1 to 63 allowed characters. */
static bool is_zone(const char *text, size_t len) {
    size_t label = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' ? label == 0 : !is_zone_char(text[i]) || label == LABEL_MAX)
            return false;
        label = text[i] == '.' ? 0 : label + 1;
    }
    return label > 0;
}

enum status qname_from_zone(const char *zone, size_t len, struct qname *out) {
    if (len > 0 && zone[len - 1] == '.')
        len--;
    if (!is_zone(zone, len))
        return STATUS_SYNTAX;
    /* The first length and the root label come on top; each dot becomes a length. */
    if (len + 2 > QNAME_MAX)
        return STATUS_RANGE;
    size_t length_at = 0;
    for (size_t i = 0; i < len; i++) {
        if (zone[i] == '.') {
            out->wire[length_at] = (uint8_t)(i - length_at);
            length_at = i + 1;
        } else {
            out->wire[i + 1] = (uint8_t)zone[i];
        }
    }
    out->wire[length_at] = (uint8_t)(len - length_at);
    out->wire[len + 1] = 0;
    out->len = (uint8_t)(len + 2);
    return STATUS_OK;
}

int qname_fits(const struct qname *zone, enum ip_family family) {
    return zone->len + (family == IP_V4 ? REVERSED_V4_MAX : REVERSED_V6_MAX) <= QNAME_MAX;
}

/* A label with `octet` in decimal; returns its length with the length octet. */
static size_t octet_label(uint8_t octet, uint8_t *to) {
    size_t n = 1;
    if (octet >= 100)
        to[n++] = (uint8_t)('0' + octet / 100);
    if (octet >= 10)
        to[n++] = (uint8_t)('0' + octet / 10 % 10);
    to[n++] = (uint8_t)('0' + octet % 10);
    to[0] = (uint8_t)(n - 1);
    return n;
}

static size_t nibble_label(unsigned nibble, uint8_t *to) {
    to[0] = 1;
    to[1] = (uint8_t) "0123456789abcdef"[nibble];
    return 2;
}

/* The labels of `ip`, lowest part first; returns their length. */
static size_t reversed(const struct ip *ip, uint8_t out[REVERSED_V6_MAX]) {
    uint8_t bytes[16];
    size_t len = 0;
    for (size_t i = ip_bytes(ip, bytes); i-- > 0;) {
        if (ip->family == IP_V4) {
            len += octet_label(bytes[i], out + len);
        } else {
            len += nibble_label(bytes[i] & 0xf, out + len);
            len += nibble_label(bytes[i] >> 4, out + len);
        }
    }
    return len;
}

enum status qname_for_ip(const struct ip *ip, const struct qname *zone, struct qname *out) {
    uint8_t labels[REVERSED_V6_MAX];
    size_t len = reversed(ip, labels);
    if (len + zone->len > QNAME_MAX)
        return STATUS_RANGE;
    size_t zone_len = zone->len; /* `out` may be `zone` */
    memmove(out->wire + len, zone->wire, zone_len);
    memcpy(out->wire, labels, len);
    out->len = (uint8_t)(len + zone_len);
    return STATUS_OK;
}

void qname_for_ptr(const struct ip *ip, struct qname *out) {
    static const struct qname trees[IP_FAMILIES] = {
        [IP_V4] = {.wire = "\7in-addr\4arpa", .len = 14},
        [IP_V6] = {.wire = "\3ip6\4arpa", .len = 10},
    };
    enum status status = qname_for_ip(ip, &trees[ip->family], out);
    assert(status == STATUS_OK); /* 78 octets at most */
}

/* Lengths of labels are below 'A', so looking at letters can walk over all octets of a name alike. */
_Static_assert(LABEL_MAX < 'A', "a length octet is no letter");

void qname_mix_case(struct qname *name, uint64_t random) {
    unsigned bit = 0;
    for (unsigned i = 0; i < name->len; i++) {
        if (!is_letter(name->wire[i]))
            continue;
        bool upper = random >> bit++ % 64 & 1;
        name->wire[i] = (uint8_t)(upper ? name->wire[i] & ~0x20 : name->wire[i] | 0x20);
    }
}

int qname_equal(const struct qname *a, const struct qname *b) {
    if (a->len != b->len)
        return 0;
    for (unsigned i = 0; i < a->len; i++) {
        uint8_t difference = a->wire[i] ^ b->wire[i];
        if (difference != 0 && (difference != 0x20 || !is_letter(a->wire[i])))
            return 0;
    }
    return 1;
}

/* One octet of a label: plain if it prints and has no meaning in a name, else \DDD (RFC 1035 section 5.1). */
static char *format_octet(char *to, uint8_t c) {
    if (c > ' ' && c < 0x7f && c != '.' && c != '\\' && c != '"') {
        *to++ = (char)c;
        return to;
    }
    *to++ = '\\';
    *to++ = (char)('0' + c / 100);
    *to++ = (char)('0' + c / 10 % 10);
    *to++ = (char)('0' + c % 10);
    return to;
}

size_t qname_format(const struct qname *name, char *out) {
    char *to = out;
    unsigned at = 0;
    while (at < name->len && name->wire[at] != 0) {
        unsigned end = at + 1 + name->wire[at];
        assert(end < name->len);
        if (at > 0)
            *to++ = '.';
        while (++at < end)
            to = format_octet(to, name->wire[at]);
    }
    if (to == out)
        *to++ = '.'; /* the root has no other name */
    *to = '\0';
    return (size_t)(to - out);
}

/* --- The query --- */

static uint8_t *put_u16(uint8_t *to, unsigned value) {
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
    return to + 2;
}

size_t qname_query(const struct qname *name, enum query_type type, uint16_t id, uint8_t out[QUERY_MAX]) {
    memset(out, 0, HEADER);
    put_u16(out, id);
    out[2] = FLAG_RD;
    put_u16(out + 4, 1); /* one question */
    memcpy(out + HEADER, name->wire, name->len);
    uint8_t *end = put_u16(out + HEADER + name->len, (unsigned)type);
    end = put_u16(end, CLASS_IN);
    return (size_t)(end - out);
}
