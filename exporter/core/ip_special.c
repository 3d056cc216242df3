/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses that no mail server on the internet sends from (IANA special-purpose address registries, RFC 6890
 * and RFC 8190; multicast RFC 5771 and RFC 4291). Those for documentation and benchmarks are not among them:
 * they are harmless, and what people try things with.
 */
#include "core/ip.h"

struct special {
    uint64_t hi;
    uint64_t lo;
    enum ip_family family;
    unsigned bits;
    const char *what;
};

/* The first that holds an address says what it is. */
static const struct special specials[] = {
    {0, 0x00000000, IP_V4, 8, "an address of this host"},
    {0, 0x7f000000, IP_V4, 8, "a loopback address"},
    {0, 0x0a000000, IP_V4, 8, "a private address"},
    {0, 0xac100000, IP_V4, 12, "a private address"},
    {0, 0xc0a80000, IP_V4, 16, "a private address"},
    {0, 0x64400000, IP_V4, 10, "an address behind a carrier's NAT"},
    {0, 0xa9fe0000, IP_V4, 16, "a link-local address"},
    {0, 0xe0000000, IP_V4, 4, "a multicast address"},
    {0, 0xf0000000, IP_V4, 4, "a reserved address"},
    {0, 0, IP_V6, 128, "no address of a host"},
    {0, 1, IP_V6, 128, "a loopback address"},
    {0, 0, IP_V6, 96, "an IPv4 address written as IPv6"},
    {0, UINT64_C(0xffff00000000), IP_V6, 96, "an IPv4 address written as IPv6"},
    {UINT64_C(0x0064ff9b) << 32, 0, IP_V6, 96, "an IPv4 address written as IPv6"},     /* RFC 6052 */
    {UINT64_C(0x0064ff9b0001) << 16, 0, IP_V6, 48, "an IPv4 address written as IPv6"}, /* RFC 8215 */
    {UINT64_C(0x2002) << 48, 0, IP_V6, 16, "an IPv4 address written as IPv6"},         /* RFC 3056 */
    {UINT64_C(0xfc00) << 48, 0, IP_V6, 7, "a private address"},
    {UINT64_C(0xfe80) << 48, 0, IP_V6, 10, "a link-local address"},
    {UINT64_C(0xff00) << 48, 0, IP_V6, 8, "a multicast address"},
};

static bool same_prefix(uint64_t a, uint64_t b, unsigned bits) {
    return bits == 0 || (a ^ b) >> (64 - bits) == 0;
}

static bool is_in(const struct ip *ip, const struct special *s) {
    if (ip->family != s->family)
        return false;
    if (ip->family == IP_V4)
        return (ip->lo ^ s->lo) >> (32 - s->bits) == 0;
    return same_prefix(ip->hi, s->hi, s->bits < 64 ? s->bits : 64) &&
           (s->bits <= 64 || same_prefix(ip->lo, s->lo, s->bits - 64));
}

const char *ip_special(const struct ip *ip) {
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (is_in(ip, &specials[i]))
            return specials[i].what;
    return NULL;
}

const char *ip_range_special(const struct ip_range *range, bool *whole) {
    const char *what = NULL;
    *whole = false;
    for (size_t i = 0; i < sizeof specials / sizeof *specials && !*whole; i++) {
        const struct special *s = &specials[i];
        const struct ip first = {.hi = s->hi, .lo = s->lo, .family = s->family};
        *whole = is_in(&range->first, s) && is_in(&range->last, s);
        if (*whole || (what == NULL && (is_in(&range->first, s) || ip_range_contains(range, &first))))
            what = s->what;
    }
    return what;
}
