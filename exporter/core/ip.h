/* SPDX-License-Identifier: Apache-2.0
 *
 * ip: addresses, prefixes and ranges as values, IPv4 and IPv6.
 *
 * An address is a number of 128 bits and a family; an IPv4 address has its 32 bits in `lo`. Order is by
 * family (IPv4 first), then by number. Ranges are closed and of one family: first <= last. `.0` and `.255`
 * are addresses like any other.
 */
#ifndef RBL_CORE_IP_H
#define RBL_CORE_IP_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ip_family { IP_V4 = 0, IP_V6 = 1 };
enum { IP_FAMILIES = 2, IP_TEXT_SIZE = 46, IP_RANGE_TEXT_SIZE = 96, IP_COUNT_SIZE = 24 };

struct ip {
    uint64_t hi;
    uint64_t lo;
    enum ip_family family;
};

struct ip_range {
    struct ip first;
    struct ip last;
};

/* Why a text is no range; IP_RANGE_HOST_BITS also gives the range that was probably meant. */
enum ip_range_error {
    IP_RANGE_OK = 0,
    IP_RANGE_SYNTAX,     /* not an address, CIDR, a-b or a.b.%.% */
    IP_RANGE_PREFIX,     /* prefix length over 32 or 128, or with leading zeros */
    IP_RANGE_HOST_BITS,  /* CIDR whose address has bits behind the prefix */
    IP_RANGE_ORDER,      /* a-b with b below a */
    IP_RANGE_FAMILY_MIX, /* a-b of two families */
    IP_RANGE_PERCENT,    /* a % that is not a whole octet at the right end */
};

static inline struct ip ip_v4(uint32_t number) {
    return (struct ip){.hi = 0, .lo = number, .family = IP_V4};
}
/* The 16 bytes in network order as an IPv6 address. */
struct ip ip_v6(const uint8_t bytes[16]);
/* Exactly one address in `text[0..len)`: dotted quad without leading zeros, or RFC 4291 text (no zone id).
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d) stays IPv6. STATUS_SYNTAX otherwise. */
enum status ip_parse(const char *text, size_t len, struct ip *out) MUST_CHECK;
/* Dotted quad or RFC 5952 text, NUL-terminated; returns its length (at most 45). */
size_t ip_format(const struct ip *ip, char out[IP_TEXT_SIZE]);
/* <0, 0, >0 as a sorts before, with, or after b. */
int ip_compare(const struct ip *a, const struct ip *b);
/* The same of ranges: by their first address, then by their last. */
int ip_range_compare(const struct ip_range *a, const struct ip_range *b);
bool ip_equal(const struct ip *a, const struct ip *b);
/* Sorts in that order, in no more than linear time for IPv4, or for what is sorted; needs as much memory
 * again, or is slower without. */
void ip_sort(struct ip *ips, size_t n);
/* ip + n; the caller knows that it does not leave the family. */
struct ip ip_add(struct ip ip, uint64_t n);
/* to - from, for addresses of one family with from <= to; UINT64_MAX if larger. */
uint64_t ip_distance(const struct ip *from, const struct ip *to);
/* The address in network order: 4 or 16 bytes written, the number returned. */
size_t ip_bytes(const struct ip *ip, uint8_t out[16]);
/* A mixing hash of the address (not for use against an adversary who knows the seed 0). */
uint64_t ip_hash(const struct ip *ip, uint64_t seed);

/* A range in any notation that the configuration takes: address, CIDR, `a-b`, `40.107.%.%` (whole octets,
 * from the right). On IP_RANGE_HOST_BITS `*out` holds the range meant; on other errors it is untouched. */
enum ip_range_error ip_range_parse(const char *text, size_t len, struct ip_range *out) MUST_CHECK;
/* A sentence for a person: what is wrong with `text`, what was expected, and for host bits the range meant
 * (`meant` as ip_range_parse left it). NUL-terminated, cut at `size`. */
void ip_range_explain(enum ip_range_error error, const char *text, size_t len, const struct ip_range *meant,
                      char *out, size_t size);
/* Canonical CIDR where the range is one (a single address: /32 or /128), else `a-b`; returns the length. */
size_t ip_range_format(const struct ip_range *range, char out[IP_RANGE_TEXT_SIZE]);
/* The `%` notation of mail control panels (whole octets, from the right), e.g. `40.107.%.%`, for an IPv4
 * range that is one: true and a text; else false. A single address is its own notation. */
bool ip_range_percent(const struct ip_range *range, char out[IP_RANGE_TEXT_SIZE]);
/* Number of addresses, UINT64_MAX if that or more. */
uint64_t ip_range_count(const struct ip_range *range);
/* That number in digits; 2^64 and more as a power of two or as a bound: "2^80", "more than 2^64". Returns
 * `out`. */
const char *ip_range_format_count(const struct ip_range *range, char out[IP_COUNT_SIZE]);
bool ip_range_contains(const struct ip_range *range, const struct ip *ip);
/* What an address is from which no mail comes over the internet: "a loopback address", "a private address",
 * ...; NULL: one like any other. */
const char *ip_special(const struct ip *ip);
/* The same of the addresses of a range; `*whole`: of all of them, else of some. NULL: of none. */
const char *ip_range_special(const struct ip_range *range, bool *whole);

#endif
