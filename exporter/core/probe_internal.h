/* SPDX-License-Identifier: Apache-2.0
 *
 * probe_internal: what the files of probe share.
 */
#ifndef RBL_CORE_PROBE_INTERNAL_H
#define RBL_CORE_PROBE_INTERNAL_H

#include "core/checker_probe.h"
#include "core/probe.h"

/* What the list has said; what it has not said is unknown, for want of time. */
struct probe_result probe_result_of(const struct probe_answer *answer, uint32_t list);
/* The next list that was asked, from `list` on; n_lists: there is none. */
uint32_t probe_next_list(const struct probe_answer *answer, uint32_t list);
/* How many lists were asked, and how many of them gave a conclusive verdict. */
struct probe_count {
    unsigned n_asked;
    unsigned n_conclusive;
};
struct probe_count probe_count(const struct probe_answer *answer);

#endif
