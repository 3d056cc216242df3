/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_internal: what the registry's own files share: cells that keep the counts right, and the table of
 * entries.
 */
#ifndef RBL_CORE_REGISTRY_INTERNAL_H
#define RBL_CORE_REGISTRY_INTERNAL_H

#include "core/registry.h"

/* Sets flags, verdict and score of a cell, keeping the counts of its segment. CELL_TRACKED is left as it is.
 */
void registry_cell_set(struct registry_list *l, uint32_t index, unsigned state, uint8_t score);
uint8_t registry_cell_score(const struct registry_list *l, uint32_t index);
/* When the cell was last checked (the entry has it for tracked addresses). */
uint32_t registry_cell_stamp(const struct registry *r, uint32_t list, uint32_t index);
void registry_cell_stamp_set(struct registry *r, uint32_t list, uint32_t index, uint32_t stamp);
/* The entry of `index`, made if there is none; NULL: no memory. */
struct registry_entry *registry_entry_make(struct registry *r, uint32_t list, uint32_t index);
/* Forgets an entry; its cell keeps what is known. */
void registry_entry_drop(struct registry *r, uint32_t list, struct registry_entry *entry);
/* Gives up an entry's flip, and the entry if nothing else needs it. */
void registry_pending_clear(struct registry *r, uint32_t list, struct registry_entry *entry);

#endif
