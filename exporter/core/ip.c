/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ip.h"

#include <string.h>

enum { OCTETS_V4 = 4, OCTETS_V6 = 16, GROUPS = 8, GROUP_DIGITS = 4, NO_GAP = GROUPS + 1 };

struct ip ip_v6(const uint8_t bytes[16]) {
    struct ip ip = {.family = IP_V6};
    for (int i = 0; i < 8; i++) {
        ip.hi = ip.hi << 8 | bytes[i];
        ip.lo = ip.lo << 8 | bytes[i + 8];
    }
    return ip;
}

/* --- Text to address --- */

/* A decimal octet at `*at`, as short as it can be written; moves `*at` behind it. */
static bool parse_octet(const char **at, const char *end, uint32_t *out) {
    const char *start = *at;
    const char *p = start;
    uint32_t value = 0;
    for (; p < end && p - start < 3 && *p >= '0' && *p <= '9'; p++)
        value = value * 10 + (uint32_t)(*p - '0');
    bool leading_zero = p - start > 1 && *start == '0';
    if (p == start || leading_zero || value > 255)
        return false;
    *at = p;
    *out = value;
    return true;
}

/* A dotted quad that fills `at..end`. */
static bool parse_quad(const char *at, const char *end, uint32_t *out) {
    uint32_t number = 0;
    for (int i = 0; i < OCTETS_V4; i++) {
        uint32_t octet = 0;
        if (i > 0 && (at == end || *at++ != '.'))
            return false;
        if (!parse_octet(&at, end, &octet))
            return false;
        number = number << 8 | octet;
    }
    if (at != end)
        return false;
    *out = number;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Up to four hex digits at `*at`; moves `*at` behind them. False if there are none. */
static bool parse_group(const char **at, const char *end, uint16_t *out) {
    const char *p = *at;
    unsigned value = 0;
    for (; p < end && p - *at < GROUP_DIGITS && hex_digit(*p) >= 0; p++)
        value = value << 4 | (unsigned)hex_digit(*p);
    if (p == *at)
        return false;
    *at = p;
    *out = (uint16_t)value;
    return true;
}

/* The groups of an IPv6 text as they are read. */
struct groups {
    uint16_t value[GROUPS];
    unsigned n;
    unsigned gap; /* number of groups before the `::`, or NO_GAP */
};

/* The last group, if it is a dotted quad: two groups (RFC 4291 section 2.2 form 3). */
static bool parse_last_quad(const char *at, const char *end, struct groups *g) {
    uint32_t quad = 0;
    if (g->n + 2 > GROUPS || !parse_quad(at, end, &quad))
        return false;
    g->value[g->n++] = (uint16_t)(quad >> 16);
    g->value[g->n++] = (uint16_t)quad;
    return true;
}

/* What stands between two groups: `:`, or once `::`. False also for a single `:` at the end. */
static bool parse_separator(const char **at, const char *end, struct groups *g) {
    if (*(*at)++ != ':' || *at == end)
        return false;
    if (**at != ':')
        return true;
    if (g->gap != NO_GAP)
        return false;
    g->gap = g->n;
    ++*at;
    return true;
}

static bool parse_groups(const char *at, const char *end, struct groups *g) {
    if (end - at >= 2 && at[0] == ':' && at[1] == ':') {
        g->gap = 0;
        at += 2;
    }
    while (at < end) {
        const char *start = at;
        if (g->n == GROUPS || !parse_group(&at, end, &g->value[g->n]))
            return false;
        if (at < end && *at == '.')
            return parse_last_quad(start, end, g);
        g->n++;
        if (at < end && !parse_separator(&at, end, g))
            return false;
    }
    return true;
}

static bool parse_v6(const char *text, size_t len, struct ip *out) {
    struct groups g = {.gap = NO_GAP};
    if (!parse_groups(text, text + len, &g))
        return false;
    /* `::` stands for at least one group of zeros. */
    if (g.gap == NO_GAP ? g.n != GROUPS : g.n >= GROUPS)
        return false;
    uint8_t bytes[OCTETS_V6] = {0};
    for (unsigned i = 0; i < g.n; i++) {
        size_t at = 2 * (size_t)(i < g.gap ? i : i + GROUPS - g.n);
        bytes[at] = (uint8_t)(g.value[i] >> 8);
        bytes[at + 1] = (uint8_t)g.value[i];
    }
    *out = ip_v6(bytes);
    return true;
}

enum status ip_parse(const char *text, size_t len, struct ip *out) {
    if (len >= IP_TEXT_SIZE)
        return STATUS_SYNTAX;
    if (len > 0 && memchr(text, ':', len))
        return parse_v6(text, len, out) ? STATUS_OK : STATUS_SYNTAX;
    uint32_t number = 0;
    if (!parse_quad(text, text + len, &number))
        return STATUS_SYNTAX;
    *out = ip_v4(number);
    return STATUS_OK;
}

/* --- Address to text --- */

static char *format_octet(char *to, unsigned octet) {
    if (octet >= 100)
        *to++ = (char)('0' + octet / 100);
    if (octet >= 10)
        *to++ = (char)('0' + octet / 10 % 10);
    *to++ = (char)('0' + octet % 10);
    return to;
}

static char *format_quad(char *to, uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        to = format_octet(to, number >> shift & 0xff);
        if (shift > 0)
            *to++ = '.';
    }
    return to;
}

static unsigned group_of(const struct ip *ip, unsigned i) {
    uint64_t half = i < 4 ? ip->hi : ip->lo;
    return (unsigned)(half >> (48 - 16 * (i % 4)) & 0xffff);
}

static char *format_group(char *to, unsigned value) {
    bool begun = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = value >> shift & 0xf;
        begun = begun || digit != 0 || shift == 0;
        if (begun)
            *to++ = "0123456789abcdef"[digit];
    }
    return to;
}

/* The first of the longest runs of zero groups; its length, 0 if there is none of two or more
 * (RFC 5952 section 4.2). */
static unsigned longest_zero_run(const struct ip *ip, unsigned *start) {
    unsigned best = 1;
    unsigned run = 0;
    for (unsigned i = 0; i < GROUPS; i++) {
        run = group_of(ip, i) == 0 ? run + 1 : 0;
        if (run > best) {
            best = run;
            *start = i + 1 - run;
        }
    }
    return best > 1 ? best : 0;
}

static char *format_v6(char *to, const struct ip *ip) {
    if (ip->hi == 0 && ip->lo >> 32 == 0xffff) {
        /* IPv4-mapped: mixed notation (RFC 5952 section 5). */
        return format_quad(stpcpy(to, "::ffff:"), (uint32_t)ip->lo);
    }
    unsigned gap = GROUPS;
    unsigned gap_length = longest_zero_run(ip, &gap);
    for (unsigned i = 0; i < GROUPS; i++) {
        if (i == gap) {
            *to++ = ':';
            *to++ = ':';
            i += gap_length - 1;
            continue;
        }
        if (i > 0 && i != gap + gap_length)
            *to++ = ':';
        to = format_group(to, group_of(ip, i));
    }
    return to;
}

size_t ip_format(const struct ip *ip, char out[IP_TEXT_SIZE]) {
    char *end = ip->family == IP_V4 ? format_quad(out, (uint32_t)ip->lo) : format_v6(out, ip);
    *end = '\0';
    return (size_t)(end - out);
}

/* --- Address as number --- */

static int compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

int ip_compare(const struct ip *a, const struct ip *b) {
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return a->hi != b->hi ? compare_u64(a->hi, b->hi) : compare_u64(a->lo, b->lo);
}

bool ip_equal(const struct ip *a, const struct ip *b) {
    return ip_compare(a, b) == 0;
}

struct ip ip_add(struct ip ip, uint64_t n) {
    ip.lo += n;
    ip.hi += ip.lo < n;
    return ip;
}

uint64_t ip_distance(const struct ip *from, const struct ip *to) {
    uint64_t borrow = to->lo < from->lo;
    return to->hi - from->hi - borrow == 0 ? to->lo - from->lo : UINT64_MAX;
}

size_t ip_bytes(const struct ip *ip, uint8_t out[16]) {
    size_t n = ip->family == IP_V4 ? OCTETS_V4 : OCTETS_V6;
    for (size_t i = 0; i < n; i++) {
        size_t from_right = n - 1 - i;
        uint64_t half = from_right < 8 ? ip->lo : ip->hi;
        out[i] = (uint8_t)(half >> 8 * (from_right % 8));
    }
    return n;
}

/* The finaliser of splitmix64: a bijection in which each bit of `x` decides each bit of the result. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

uint64_t ip_hash(const struct ip *ip, uint64_t seed) {
    uint64_t hash = mix(seed + 0x9e3779b97f4a7c15 + (uint64_t)ip->family);
    hash = mix(hash ^ ip->hi);
    return mix(hash ^ ip->lo);
}
