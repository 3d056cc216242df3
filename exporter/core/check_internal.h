/* SPDX-License-Identifier: Apache-2.0
 *
 * check_internal: what the check's own files share: results of one list and counts of many.
 */
#ifndef RBL_CORE_CHECK_INTERNAL_H
#define RBL_CORE_CHECK_INTERNAL_H

#include "core/check.h"
#include "core/why.h"

/* Addresses, by what block lists say of them; with `list` >= 0 by what one list says. */
struct check_counts {
    uint64_t listed;
    uint64_t not_listed;
    uint64_t unknown;
};

/* Whether a block list lists it; *unknown: a list of any kind could not say. */
bool check_is_listed(const struct check_view *view, const struct ip *ip, bool *unknown);
struct check_counts check_count(const struct check_view *view, const struct ip_range *range, int64_t list);
static inline bool check_is_single(const struct ip_range *range) {
    return ip_equal(&range->first, &range->last);
}
static inline void check_add_counts(struct check_counts *sum, const struct check_counts *more) {
    sum->listed += more->listed;
    sum->not_listed += more->not_listed;
    sum->unknown += more->unknown;
}

#endif
