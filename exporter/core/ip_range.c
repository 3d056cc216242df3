/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ip.h"

#include <stdio.h>
#include <string.h>

enum { QUOTE_MAX = 60 };

static unsigned family_bits(enum ip_family family) {
    return family == IP_V4 ? 32 : 128;
}

/* A number whose lowest `n` bits are ones; n up to 64. */
static uint64_t ones(unsigned n) {
    return n >= 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1;
}

/* The network of `prefix` bits that `ip` lies in. */
static struct ip_range network_of(const struct ip *ip, unsigned prefix) {
    unsigned host_bits = family_bits(ip->family) - prefix;
    uint64_t lo = ones(host_bits);
    uint64_t hi = host_bits > 64 ? ones(host_bits - 64) : 0;
    struct ip_range range = {*ip, *ip};
    range.first.hi &= ~hi;
    range.first.lo &= ~lo;
    range.last.hi |= hi;
    range.last.lo |= lo;
    return range;
}

/* The bits of `ip` at the right that run from all zeros to all ones in `range`, or -1 if it is no network. */
static int network_host_bits(const struct ip_range *range) {
    uint64_t hi = range->first.hi ^ range->last.hi;
    uint64_t lo = range->first.lo ^ range->last.lo;
    if ((range->first.hi & hi) != 0 || (range->first.lo & lo) != 0)
        return -1;
    uint64_t top = hi != 0 ? hi : lo;
    bool whole = (top & (top + 1)) == 0 && (hi == 0 || lo == UINT64_MAX);
    if (!whole)
        return -1;
    int top_bits = top != 0 ? 64 - __builtin_clzll(top) : 0;
    return hi != 0 ? 64 + top_bits : top_bits;
}

/* --- Text to range --- */

/* The whole of `text` as a decimal number: STATUS_SYNTAX if it is none, STATUS_RANGE if it is over `max` or
 * has leading zeros. */
static enum status parse_number(const char *text, size_t len, unsigned max, unsigned *out) {
    unsigned value = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return STATUS_SYNTAX;
        /* Digits beyond the maximum change nothing any more, and must not overflow. */
        if (value <= max)
            value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (len == 0)
        return STATUS_SYNTAX;
    if (value > max || (len > 1 && text[0] == '0'))
        return STATUS_RANGE;
    *out = value;
    return STATUS_OK;
}

static enum ip_range_error parse_cidr(const char *text, const char *slash, const char *end,
                                      struct ip_range *out) {
    struct ip ip;
    unsigned prefix = 0;
    if (ip_parse(text, (size_t)(slash - text), &ip) != STATUS_OK)
        return IP_RANGE_SYNTAX;
    enum status status = parse_number(slash + 1, (size_t)(end - slash - 1), family_bits(ip.family), &prefix);
    if (status != STATUS_OK)
        return status == STATUS_RANGE ? IP_RANGE_PREFIX : IP_RANGE_SYNTAX;
    *out = network_of(&ip, prefix);
    return ip_equal(&ip, &out->first) ? IP_RANGE_OK : IP_RANGE_HOST_BITS;
}

static enum ip_range_error parse_pair(const char *text, const char *dash, const char *end,
                                      struct ip_range *out) {
    struct ip_range range;
    if (ip_parse(text, (size_t)(dash - text), &range.first) != STATUS_OK ||
        ip_parse(dash + 1, (size_t)(end - dash - 1), &range.last) != STATUS_OK)
        return IP_RANGE_SYNTAX;
    if (range.first.family != range.last.family)
        return IP_RANGE_FAMILY_MIX;
    if (ip_compare(&range.first, &range.last) > 0)
        return IP_RANGE_ORDER;
    *out = range;
    return IP_RANGE_OK;
}

/* `40.107.%.%`. What is wrong with a `%` is said only of a text that is four octets otherwise. */
static enum ip_range_error parse_percent(const char *text, const char *end, struct ip_range *out) {
    uint32_t number = 0;
    unsigned n_wild = 0;
    bool misplaced = false;
    const char *at = text;
    for (int i = 0; i < 4; i++) {
        if (i > 0 && (at == end || *at++ != '.'))
            return IP_RANGE_SYNTAX;
        const char *dot = memchr(at, '.', (size_t)(end - at));
        size_t len = (size_t)((dot ? dot : end) - at);
        bool percent = memchr(at, '%', len) != NULL;
        bool wild = percent && len == 1;
        unsigned octet = 0;
        if (!percent && parse_number(at, len, 255, &octet) != STATUS_OK)
            return IP_RANGE_SYNTAX;
        misplaced = misplaced || (percent ? !wild : n_wild > 0);
        n_wild += wild;
        number = number << 8 | octet;
        at += len;
    }
    if (at != end)
        return IP_RANGE_SYNTAX;
    if (misplaced)
        return IP_RANGE_PERCENT;
    struct ip ip = ip_v4(number);
    *out = network_of(&ip, 32 - 8 * n_wild);
    return IP_RANGE_OK;
}

enum ip_range_error ip_range_parse(const char *text, size_t len, struct ip_range *out) {
    if (len == 0)
        return IP_RANGE_SYNTAX;
    const char *end = text + len;
    const char *slash = memchr(text, '/', len);
    const char *dash = memchr(text, '-', len);
    if (memchr(text, '%', len))
        return parse_percent(text, end, out);
    if (slash)
        return parse_cidr(text, slash, end, out);
    if (dash)
        return parse_pair(text, dash, end, out);
    struct ip ip;
    if (ip_parse(text, len, &ip) != STATUS_OK)
        return IP_RANGE_SYNTAX;
    *out = (struct ip_range){ip, ip};
    return IP_RANGE_OK;
}

/* --- What is wrong with a text --- */

/* `text` as it may stand in a message: control characters as `?`, and cut where it is long, between
 * characters of UTF-8. */
static void quote(const char *text, size_t len, char out[QUOTE_MAX + 4]) {
    size_t n = len;
    if (len > QUOTE_MAX) {
        n = QUOTE_MAX;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        out[i] = c < ' ' || c == 0x7f ? '?' : (char)c;
    }
    snprintf(out + n, QUOTE_MAX + 4 - n, "%s", len > n ? "..." : "");
}

void ip_range_explain(enum ip_range_error error, const char *text, size_t len, const struct ip_range *meant,
                      char *out, size_t size) {
    char shown[QUOTE_MAX + 4];
    char range[IP_RANGE_TEXT_SIZE];
    quote(text, len, shown);
    switch (error) {
    case IP_RANGE_OK: snprintf(out, size, "\"%s\" is an address or range", shown); return;
    case IP_RANGE_SYNTAX:
        snprintf(out, size,
                 "\"%s\" is no address or range; expected one like 40.107.130.132, 2a01:111:f403::1, "
                 "40.92.0.0/15, "
                 "52.103.0.0-52.103.127.255 or 40.107.%%.%%",
                 shown);
        return;
    case IP_RANGE_PREFIX:
        snprintf(
            out, size,
            "\"%s\" has a wrong prefix length; expected a number without leading zeros, 0 to 32 for IPv4, "
            "0 to 128 for IPv6",
            shown);
        return;
    case IP_RANGE_HOST_BITS:
        ip_range_format(meant, range);
        snprintf(out, size, "\"%s\" has bits set behind the prefix; the range meant is probably %s", shown,
                 range);
        return;
    case IP_RANGE_ORDER:
        snprintf(out, size, "\"%s\" ends before it begins; expected the lower address first", shown);
        return;
    case IP_RANGE_FAMILY_MIX:
        snprintf(out, size, "\"%s\" mixes IPv4 and IPv6; expected two addresses of one family", shown);
        return;
    case IP_RANGE_PERCENT:
        snprintf(out, size,
                 "\"%s\" has a %% in the wrong place; expected it to stand for whole octets at the right "
                 "end, as in "
                 "40.107.%%.%%",
                 shown);
        return;
    }
}

/* --- Range to text, range as set --- */

size_t ip_range_format(const struct ip_range *range, char out[IP_RANGE_TEXT_SIZE]) {
    char first[IP_TEXT_SIZE];
    char last[IP_TEXT_SIZE];
    int host_bits = network_host_bits(range);
    ip_format(&range->first, first);
    if (host_bits >= 0) {
        unsigned prefix = family_bits(range->first.family) - (unsigned)host_bits;
        return (size_t)snprintf(out, IP_RANGE_TEXT_SIZE, "%s/%u", first, prefix);
    }
    ip_format(&range->last, last);
    return (size_t)snprintf(out, IP_RANGE_TEXT_SIZE, "%s-%s", first, last);
}

bool ip_range_percent(const struct ip_range *range, char out[IP_RANGE_TEXT_SIZE]) {
    int host_bits = network_host_bits(range);
    if (range->first.family != IP_V4 || host_bits < 0 || host_bits % 8 != 0)
        return false;
    uint8_t octets[16];
    ip_bytes(&range->first, octets);
    int named = 4 - host_bits / 8;
    int len = 0;
    for (int i = 0; i < 4; i++) {
        const char *dot = i > 0 ? "." : "";
        size_t room = (size_t)(IP_RANGE_TEXT_SIZE - len);
        len += i < named ? snprintf(out + len, room, "%s%u", dot, (unsigned)octets[i])
                         : snprintf(out + len, room, "%s%%", dot);
    }
    return true;
}

uint64_t ip_range_count(const struct ip_range *range) {
    uint64_t distance = ip_distance(&range->first, &range->last);
    return distance == UINT64_MAX ? distance : distance + 1;
}

const char *ip_range_format_count(const struct ip_range *range, char out[IP_COUNT_SIZE]) {
    unsigned __int128 first = (unsigned __int128)range->first.hi << 64 | range->first.lo;
    unsigned __int128 last = (unsigned __int128)range->last.hi << 64 | range->last.lo;
    unsigned __int128 less_one = last - first;
    uint64_t high = (uint64_t)(less_one >> 64);
    if (high == 0 && (uint64_t)less_one < UINT64_MAX) {
        snprintf(out, IP_COUNT_SIZE, "%llu", (unsigned long long)less_one + 1);
        return out;
    }
    unsigned bits = 64;
    for (uint64_t rest = high; rest; rest >>= 1)
        bits++;
    bool power = (less_one & (less_one + 1)) == 0;
    snprintf(out, IP_COUNT_SIZE, "%s2^%u", power ? "" : "more than ", power ? bits : bits - 1);
    return out;
}

int ip_range_compare(const struct ip_range *a, const struct ip_range *b) {
    int order = ip_compare(&a->first, &b->first);
    return order != 0 ? order : ip_compare(&a->last, &b->last);
}

bool ip_range_contains(const struct ip_range *range, const struct ip *ip) {
    return ip_compare(&range->first, ip) <= 0 && ip_compare(ip, &range->last) <= 0;
}
