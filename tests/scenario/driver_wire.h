/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_wire: reads a query and writes the answer, byte by byte, without the code under test (RFC 1035
 * section 4).
 */
#ifndef RBL_SCENARIO_DRIVER_WIRE_H
#define RBL_SCENARIO_DRIVER_WIRE_H

#include "core/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_TYPE_A = 1,
    WIRE_TYPE_TXT = 16,
    WIRE_NOERROR = 0,
    WIRE_FORMERR,
    WIRE_SERVFAIL,
    WIRE_NXDOMAIN,
    WIRE_NOTIMP,
    WIRE_REFUSED
};

struct wire_query {
    const uint8_t *bytes;
    size_t len;
    char name[512]; /* lower case, with dots, without the last */
    unsigned type;
};
/* Fails unless it is a query with one question, no more and no less. */
void wire_read(const uint8_t *bytes, size_t len, struct wire_query *out);
/* The address that `prefix` (what is before the zone, lower case) asks about; false if it is none. */
bool wire_address(const char *prefix, size_t len, struct ip *out);

struct wire {
    uint8_t bytes[1024];
    size_t len;
};
/* The header and the query's question. `truncated`: TC=1. */
void wire_begin(struct wire *w, const struct wire_query *q, unsigned rcode, bool truncated);
void wire_lower_case(struct wire *w);
void wire_a(struct wire *w, uint32_t address);
void wire_txt(struct wire *w, const char *text);
/* An SOA whose owner is the question's name less its first `labels` labels. */
void wire_soa(struct wire *w, unsigned labels);

#endif
