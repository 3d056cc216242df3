/* SPDX-License-Identifier: Apache-2.0
 *
 * targets_internal: the steps of building targets, and what they share.
 */
#ifndef RBL_CORE_TARGETS_INTERNAL_H
#define RBL_CORE_TARGETS_INTERNAL_H

#include "core/targets.h"

#include <stddef.h>

/* How many ranges all groups, and all safelists, have. */
size_t targets_count_ranges(const struct settings *settings);
size_t targets_count_safelisted(const struct settings *settings);
/* The first segment that begins at `first` or later: at it for every configured range. */
uint32_t targets_segment_at(const struct targets *t, const struct ip *first);
/* How many segments from number `first` on end within `range`. */
uint32_t targets_count_segments(const struct targets *t, uint32_t first, const struct ip_range *range);

/* Of two struct ip, for qsort() and bsearch(). */
int targets_ip_order(const void *a, const void *b);

/* Sets .segments, by .settings. */
enum status targets_cut(struct targets *targets) MUST_CHECK;
/* Sets .turns and .turn_indexes of a set, by .spans and .watched. */
enum status targets_take_turns(struct arena *arena, struct target_set *set) MUST_CHECK;
/* Sets .safelists, by .settings, .segments and .sets. */
enum status targets_view_safelists(struct targets *targets) MUST_CHECK;
/* Sets .n_unasked and .unasked_groups, by all the others. */
enum status targets_find_unasked(struct targets *targets) MUST_CHECK;

#endif
