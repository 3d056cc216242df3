/* SPDX-License-Identifier: Apache-2.0
 *
 * spf_set: what an SPF record led to: what of it is watched, as bytes to keep, and what is told when it
 * changes.
 *
 * The record is somebody else's, who decides neither how much there is to be asked and shown, nor that lists
 * are asked about addresses that no mail comes from: see spf_set_bound().
 */
#ifndef RBL_CORE_SPF_SET_H
#define RBL_CORE_SPF_SET_H

#include "core/buf.h"
#include "core/qname.h"
#include "core/sources.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPF_SET_SHOWN = 10,
    SPF_SET_TEXT_SIZE = SPF_SET_SHOWN * (IP_RANGE_TEXT_SIZE + 2) + 32,
    SPF_SET_WHY_SIZE = 256,
};

struct spf_set_about {
    char domain[QNAME_MAX + 1]; /* whose record it was */
    int64_t good_ns;            /* when it was last seen, on the wall clock */
    int64_t changed_ns;         /* when the set last changed, likewise */
};

/* Takes the ranges out of a finished set that hold addresses from which no mail comes (ip_range_special()),
 * and says which they are: "a, b and 3 more" as below, "" for none. False: what is left is more than
 * SOURCES_SPF_ADDRESSES, a /12, or SOURCES_SPF_RANGES, and not to be used; `why` says so, a sentence for
 * people about the record without its final point. IPv6 ranges of more addresses than that only recognise,
 * and count as ranges alone. */
bool spf_set_bound(struct source_set *set, char left_out[SPF_SET_TEXT_SIZE], char why[SPF_SET_WHY_SIZE])
    MUST_CHECK;
/* The ranges of a finished set as bytes; failure is in buf_status(out). */
void spf_set_pack(const struct spf_set_about *about, const struct source_set *set, struct buf *out);
/* Back from bytes, into an initialised empty set, which is finished then. STATUS_SYNTAX: they are no such
 * bytes; STATUS_NO_MEMORY. On failure `*about` is untouched, and the set is the caller's to release. */
enum status spf_set_unpack(const void *data, size_t len, struct spf_set_about *about, struct source_set *set)
    MUST_CHECK;
/* Which ranges of `set` are not in `other` (both finished; NULL: empty): "a, b and 3 more", of
 * SPF_SET_SHOWN at most. Returns how many, and "" for none. */
size_t spf_set_missing(const struct source_set *set, const struct source_set *other,
                       char out[SPF_SET_TEXT_SIZE]);
/* IPv4 addresses in the ranges of a finished set (NULL: empty), what overlaps once. */
uint64_t spf_set_count_v4(const struct source_set *set);

#endif
