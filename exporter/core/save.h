/* SPDX-License-Identifier: Apache-2.0
 *
 * save: what of a checker the store has to be told, in records (core/record.h), and when.
 *
 * The registry marks what has changed; save_turn() hands it over as far as it is taken, and what is not taken
 * stays marked: a store that stands still costs memory per address, not per event, and loses nothing. Results
 * of a sweep go out as LOOKS, nine bytes each; when these have grown to SAVE_FOLD_SHARE bytes per address the
 * cells are written anew, a few chunks a turn. So what is written is about three times what is learnt,
 * however slow or fast a sweep is.
 *
 * Spent queries go out when more have to be reserved (see core/budget), and at the end.
 *
 * Rejected: cells in the order of addresses, written when they change (a sweep at 5/s in pseudo-random order
 * touches all of them within minutes: 2 GB a day); nothing but a snapshot every few minutes (a crash forgets
 * what was asked, and asks again).
 */
#ifndef RBL_CORE_SAVE_H
#define RBL_CORE_SAVE_H

#include "core/checker.h"
#include "core/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAVE_INTERVAL_NS (INT64_C(500) * 1000000)
enum { SAVE_FOLD_SHARE = 2 };

/* Takes a record; false: not now, it is offered again. With a `ticket` other than 0 it is a BUDGET of which
 * more may be sent once it is safely written: see save_written(). */
typedef bool save_put(void *context, const struct record *record, uint64_t ticket);

/* What the store holds of a list. */
struct save_known {
    char name[RECORD_NAME_SIZE];
    uint32_t generation;  /* the newest; 0: none */
    uint64_t layout_hash; /* of its LAYOUT; 0: not to be gone on with */
    size_t looks_bytes;   /* of its LOOKS */
};

struct save;
/* `budgets_only`: nothing else is handed over. NULL: no memory. `known` is copied. */
struct save *save_new(bool budgets_only, const struct save_known *known, size_t n_known, save_put *put,
                      void *context) MUST_CHECK;
void save_free(struct save *s); /* NULL allowed */
/* The checker to keep from now on; its changes are marked. STATUS_NO_MEMORY: some lists are not kept. */
enum status save_use(struct save *s, struct checker *c, int64_t now_ns) MUST_CHECK;
/* Whether the store holds a list of that name that is not in use now. */
bool save_has_spare(const struct save *s, const char *name);
/* Something happened that has to be on disk soon: the next save_turn() does not wait for its time. */
void save_hurry(struct save *s);
/* Hands over what has changed. Wall clock is monotonic time plus `wall_offset_ns`. Returns when to be called
 * again at the latest. */
int64_t save_turn(struct save *s, int64_t now_ns, int64_t wall_offset_ns);
/* What was put with `ticket` is written. */
void save_written(struct save *s, uint64_t ticket, int64_t now_ns);
/* The store works again, or not: only while it does, queries have to be reserved. */
void save_reserve(struct save *s, bool reserves, int64_t now_ns);
/* The store has lost everything: all of it is handed over again. */
void save_all(struct save *s);
/* The end: hands over all that is left, and what was reserved and not sent is given back. False: not all was
 * taken.
 */
bool save_end(struct save *s, int64_t now_ns, int64_t wall_offset_ns);

/* The hash of a set's LAYOUT, never 0; 0: no memory. */
uint64_t save_layout_hash(const struct target_set *set);

#endif
