/* SPDX-License-Identifier: Apache-2.0
 *
 * save_internal: the contents of records, as they are written; core/restore reads them.
 *
 * Moments are wall clock nanoseconds (INT64_MIN: never), those of addresses wall clock seconds.
 */
#ifndef RBL_CORE_SAVE_INTERNAL_H
#define RBL_CORE_SAVE_INTERNAL_H

#include "core/buf.h"
#include "core/save.h"

#include <string.h>

#define SAVE_SECOND_NS INT64_C(1000000000)

/* What to add to a stamp of the registry to get wall clock seconds. The same whole number in both directions,
 * so that a moment is not another one after each start. */
static inline int64_t save_base_s(const struct registry *r, int64_t offset_ns) {
    return (r->epoch_ns + offset_ns) / SAVE_SECOND_NS;
}

/* A list with a key in its zone has to pass a self-test at each start: what its answers look like is not
 * kept, because the key is in it. */
static inline bool save_is_keyed(const struct list *list) {
    return strstr(list->zone, "{key}") != NULL;
}

/* LIST without its progress: what changes rarely. */
void save_encode_list(struct buf *out, const struct checker *c, uint32_t list, int64_t offset_ns);
/* What changes with every query: how far sweep and rings are, and the rate. */
void save_encode_progress(struct buf *out, const struct checker *c, uint32_t list, int64_t offset_ns);
void save_encode_layout(struct buf *out, const struct target_set *set);
/* One chunk; false if nothing is known of any of its addresses. */
bool save_encode_cells(struct buf *out, const struct registry *r, uint32_t list, uint32_t chunk,
                       int64_t offset_ns);
/* One look of LOOKS. */
void save_encode_look(struct buf *out, const struct registry *r, uint32_t list, uint32_t index,
                      int64_t offset_ns);
/* ENTRY; false if it says nothing. */
bool save_encode_entry(struct buf *out, const struct registry *r, uint32_t list,
                       const struct registry_entry *entry, int64_t offset_ns);
/* `more`: queries that are being reserved besides quota->reserved. */
void save_encode_budget(struct buf *out, const struct quota *quota, uint64_t more, int64_t offset_ns);

#endif
