/* SPDX-License-Identifier: Apache-2.0
 *
 * restore_internal: what the files of core/restore share.
 */
#ifndef RBL_CORE_RESTORE_INTERNAL_H
#define RBL_CORE_RESTORE_INTERNAL_H

#include "core/pack.h"
#include "core/restore.h"

/* A list in the store. */
struct restore_list {
    struct save_known known;
    char zone[256];
    enum list_kind kind;
    char share[RECORD_NAME_SIZE]; /* the shared budget that paid for it; "" : its own */
    uint8_t *data;                /* of LIST, owned */
    size_t len;
    uint32_t index; /* in the settings; UINT32_MAX: it is not in use */
    uint32_t n_generations;
    bool same_addresses; /* the newest layout is that of the list now */
    /* Of LIST: */
    bool frozen;
    int64_t frozen_since_ns;
    struct registry_period freezes[REGISTRY_FREEZES];
    uint32_t n_freezes;
    struct ip pending[RECORD_PENDING]; /* of LIST, and of LOOKS after it */
    uint32_t n_pending;
    int64_t right_ns[IP_FAMILIES]; /* start of the last right self-test; INT64_MIN: none */
};

/* The layout by which indexes are read now. */
struct restore_layout {
    struct restore_list *list; /* NULL: none */
    uint32_t generation;
    struct target_span *spans; /* without segments */
    uint32_t n_spans, n;
    bool same; /* as that of the list now: indexes need no translation */
};

struct restore_budget {
    char name[RECORD_NAME_SIZE];
    bool shared;
    struct quota quota;
};

struct restore {
    struct checker *c;
    int64_t now_ns;
    int64_t offset_ns;
    struct restore_list *lists;
    size_t n_lists, lists_size;
    const bool *chosen; /* by index in the settings; NULL: all, and budgets */
    bool matched;       /* lists have their .index */
    struct restore_layout layout;
    struct restore_budget *budgets;
    size_t n_budgets, budgets_size;
    size_t next_gone;
    struct save_known *known; /* for restore_known() */
};

/* A moment, at most now; INT64_MIN: never. */
int64_t restore_moment(const struct restore *r, struct unpack *u);
/* One that may lie ahead, by at most `ahead_ns`. */
int64_t restore_due(const struct restore *r, struct unpack *u, int64_t ahead_ns);
/* Wall clock seconds of an address as a stamp of the registry, at most now; 0: never. */
uint32_t restore_stamp(const struct restore *r, struct unpack *u);

/* --- restore_list.c --- */
/* Applies LIST to the list that it now is. */
enum status restore_list_data(struct restore *r, struct restore_list *list) MUST_CHECK;
/* Only the sweep's and rings' progress, the rate and what was pending, from where `u` stands. `has_whole`:
 * since when a sweep in two laps is under way as well, which is a part since RECORD_LIST_FORMAT 4. */
void restore_progress(const struct restore *r, struct restore_list *list, struct unpack *u, bool has_whole);
/* --- restore_cells.c --- */
enum status restore_layout_data(struct restore *r, struct restore_list *list, const struct record *record)
    MUST_CHECK;
enum status restore_cells(struct restore *r, const struct record *record) MUST_CHECK;
enum status restore_looks(struct restore *r, const struct record *record) MUST_CHECK;
enum status restore_entry(struct restore *r, const struct restore_list *list, const struct record *record)
    MUST_CHECK;
/* --- restore_budget.c --- */
enum status restore_budget_data(struct restore *r, const struct record *record) MUST_CHECK;
/* Hands all budgets over to the checker. */
enum status restore_budgets(struct restore *r) MUST_CHECK;

#endif
