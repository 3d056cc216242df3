/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_internal: what the registry's own files share: cells that keep the counts right, and the table of
 * entries.
 */
#ifndef RBL_CORE_REGISTRY_INTERNAL_H
#define RBL_CORE_REGISTRY_INTERNAL_H

#include "core/registry.h"

/* Sets flags, verdict and score of a cell, keeping the counts of its segment; CELL_MARKS are left as they
 * are. The store need not be told. */
void registry_cell_put(struct registry_list *l, uint32_t index, unsigned state, uint8_t score);
/* The same where the segment of `index` is known (TARGET_NO_SEGMENT: it has none). */
void registry_cell_put_at(struct registry_list *l, uint32_t index, int32_t segment, unsigned state,
                          uint8_t score);
/* The same as registry_cell_put() for what the store has to be told. */
void registry_cell_set(struct registry_list *l, uint32_t index, unsigned state, uint8_t score);
uint8_t registry_cell_score(const struct registry_list *l, uint32_t index);
/* Sets when the cell was last checked, where registry_cell_stamp() finds it. */
void registry_cell_stamp_set(struct registry *r, uint32_t list, uint32_t index, uint32_t stamp);
/* The entry of `index`, made if there is none; NULL: no memory. */
struct registry_entry *registry_entry_make(struct registry *r, uint32_t list, uint32_t index);
/* Makes room for `n` at once; false: no memory. */
bool registry_entries_expect(struct registry_list *l, uint32_t n);
/* Forgets an entry; its cell keeps what is known. */
void registry_entry_drop(struct registry *r, uint32_t list, struct registry_entry *entry);
/* Forgets it if nothing needs it any more: it is not named one by one, not listed, has no flip that waits,
 * and was last checked when it was sampled, so that the cell's own stamp tells both. */
void registry_entry_tidy(struct registry *r, uint32_t list, struct registry_entry *entry);
/* Gives up an entry's flip, and the entry if nothing else needs it. */
void registry_pending_clear(struct registry *r, uint32_t list, struct registry_entry *entry);

/* An address was delisted: until now it was listed. */
void registry_safelists_delisted(struct registry *r, uint32_t list, const struct ip *ip, uint32_t stamp);
/* What the old one knew of the past of safelisted ranges, those that are new included. */
void registry_safelists_carry(struct registry *r, uint32_t list, const struct registry *old,
                              uint32_t old_list, uint32_t now);

/* Remembers a cell as it is before a result of `server` changes it; false: no memory. */
bool registry_journal_add(struct registry *r, uint32_t list, uint32_t index, uint8_t server);
/* The same, as if nothing had been known of it before. */
bool registry_journal_add_unknown(struct registry *r, uint32_t list, uint32_t index, uint8_t server);
/* Forgets what `server` said before `mark`: it is proven. `proven` is called for each such entry that is
 * tracked. */
typedef void registry_proven_handler(void *context, struct registry_entry *entry);
void registry_journal_prove(struct registry *r, uint32_t list, uint8_t server, uint32_t mark,
                            registry_proven_handler *proven, void *context);
/* Takes back what `server` said and was not proven. */
void registry_journal_withdraw(struct registry *r, uint32_t list, uint8_t server);
/* Takes over the journal of a list whose cells have been carried; takes back what a nameserver said that is
 * gone. */
enum status registry_journal_carry(struct registry *r, uint32_t list, const struct registry *old,
                                   uint32_t old_list, registry_server_map *map, void *context) MUST_CHECK;

/* The cell is one of those that the store has to be told. */
void registry_touch(struct registry_list *l, uint32_t index);

#endif
