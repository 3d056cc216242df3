/* SPDX-License-Identifier: Apache-2.0
 *
 * page_check_internal: what the files of the page about one address share.
 */
#ifndef RBL_CORE_PAGE_CHECK_INTERNAL_H
#define RBL_CORE_PAGE_CHECK_INTERNAL_H

#include "core/page_internal.h"

/* Lists by what they say; those that are not asked about such addresses at all do not count. */
struct page_check_counts {
    /* Block lists. */
    unsigned listed;     /* now, or when they were last believed */
    unsigned doubted;    /* of them: cannot be believed now */
    unsigned not_listed; /* they say so now */
    unsigned kept;       /* they said so before they stopped being ok */
    unsigned unproven;   /* of not_listed and kept: without a test entry that must be listed */
    unsigned blank;      /* they were asked and could not say, nor ever have */
    unsigned not_asked;  /* or their answer has been forgotten */
    /* Lists of any kind. */
    unsigned unknown;
    unsigned open;
    unsigned other; /* of other kinds, that have been asked */
};

struct page_check_counts page_check_count(const struct page *p, const struct ip *ip);
/* The table: a row for each list that is enabled. */
void page_check_rows(struct page *p, const struct ip *ip);

#endif
