/* SPDX-License-Identifier: Apache-2.0
 *
 * spf_internal: one term of an SPF record, for spf*.c only (RFC 7208 sections 4.6.1, 5, 6, 7.1 and 12).
 */
#ifndef RBL_CORE_SPF_INTERNAL_H
#define RBL_CORE_SPF_INTERNAL_H

#include "core/spf.h"

#include <stdbool.h>

enum spf_kind {
    SPF_ALL,
    SPF_INCLUDE,
    SPF_A,
    SPF_MX,
    SPF_PTR,
    SPF_IP4,
    SPF_IP6,
    SPF_EXISTS,
    SPF_MECHANISMS,
    SPF_REDIRECT = SPF_MECHANISMS,
    SPF_EXP,
    SPF_OTHER, /* a modifier that we do not know: to be ignored */
};

struct spf_term {
    enum spf_kind kind;
    bool passes;           /* the mechanism's sign is `+` or none */
    bool has_macros;       /* in its domain */
    struct ip_range range; /* IP4, IP6 */
    struct qname domain;   /* INCLUDE, REDIRECT without macros */
};

/* Reads the one term in text[0..len), without spaces. NULL: `*out` is set; else what is wrong with it, a
 * clause. */
const char *spf_term_parse(const char *text, size_t len, struct spf_term *out) MUST_CHECK;

#endif
