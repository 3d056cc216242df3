/* SPDX-License-Identifier: Apache-2.0
 *
 * qname: from an address and a zone to the DNS query that asks about it (RFC 5782 sections 2.1 and 2.4).
 *
 * Names are in wire form (length-prefixed labels, RFC 1035 section 3.1). IPv4: octets reversed; IPv6: 32
 * nibbles reversed, without ip6.arpa; then the zone. The name of an address in the reverse tree is the same
 * with in-addr.arpa or ip6.arpa as the zone (RFC 1035 section 3.5, RFC 3596 section 2.5).
 */
#ifndef RBL_CORE_QNAME_H
#define RBL_CORE_QNAME_H

#include "core/ip.h"
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

enum { QNAME_MAX = 255, QUERY_MAX = 12 + QNAME_MAX + 4 };
enum query_type { QUERY_A = 1, QUERY_PTR = 12, QUERY_TXT = 16 };

struct qname {
    uint8_t wire[QNAME_MAX];
    uint8_t len; /* with the root label */
};

/* A zone in text (letters, digits, '-', '_', dots; a final dot allowed; case kept) to wire form.
 * STATUS_SYNTAX: an empty or oversized label or a bad character; STATUS_RANGE: over 255 octets. */
enum status qname_from_zone(const char *zone, size_t len, struct qname *out) MUST_CHECK;
/* Whether reversed addresses of `family` in front of `zone` stay within 255 octets. */
int qname_fits(const struct qname *zone, enum ip_family family);
/* The name to ask for `ip` in `zone`; STATUS_RANGE if it would exceed 255 octets. */
enum status qname_for_ip(const struct ip *ip, const struct qname *zone, struct qname *out) MUST_CHECK;
/* The name under in-addr.arpa or ip6.arpa whose PTR records name the host `ip`. */
void qname_for_ptr(const struct ip *ip, struct qname *out);
/* Mixes the case of the letters by the bits of `random` (used round-robin): the 0x20 of
 * draft-vixie-dnsext-dns0x20. */
void qname_mix_case(struct qname *name, uint64_t random);
/* Equal without regard to ASCII case. */
int qname_equal(const struct qname *a, const struct qname *b);
/* Dotted text without the final dot; `out` holds at least 4 * QNAME_MAX + 1 bytes (odd bytes as \DDD).
 * Returns the length. */
size_t qname_format(const struct qname *name, char *out);
/* A whole query message for `name`: the id, RD=1, one question, no OPT. Returns its length, at most
 * QUERY_MAX. */
size_t qname_query(const struct qname *name, enum query_type type, uint16_t id, uint8_t out[QUERY_MAX]);

#endif
