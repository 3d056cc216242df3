/* SPDX-License-Identifier: Apache-2.0
 *
 * page_check_internal: what the files of the page about one address share.
 */
#ifndef RBL_CORE_PAGE_CHECK_INTERNAL_H
#define RBL_CORE_PAGE_CHECK_INTERNAL_H

#include "core/page_internal.h"

/* Block lists by what they say. `open` and `unknown` count lists of any kind; those that are not asked about
 * such addresses at all do not count. */
struct page_check_counts {
    unsigned listed;
    unsigned not_listed;
    unsigned unknown;
    unsigned open;
};

struct page_check_counts page_check_count(const struct page *p, const struct ip *ip);
/* The table: a row for each list that is enabled. */
void page_check_rows(struct page *p, const struct ip *ip);

#endif
