/* SPDX-License-Identifier: Apache-2.0
 *
 * history: what has happened, as people read it: the events themselves, and the latest of them in memory for
 * the status page. All of them are in the store.
 */
#ifndef RBL_CORE_HISTORY_H
#define RBL_CORE_HISTORY_H

#include "core/ip.h"

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_SHOWN = 200, HISTORY_LIST_SIZE = 64, HISTORY_DETAIL_SIZE = 192 };

enum history_kind {
    HISTORY_LISTED,
    HISTORY_DELISTED,
    HISTORY_FIRST_LISTED, /* listed when it was first looked at: no transition */
    HISTORY_CODES,        /* of a listing: others than before */
    HISTORY_STATE,        /* of a list */
    HISTORY_STARTED,      /* the program */
    HISTORY_STOPPED,
    HISTORY_RELOADED,
    HISTORY_KINDS,
};
/* "listed", "delisted", "first_listed", "codes", "state", "started", "stopped", "reloaded". */
extern const char *const history_kind_text[HISTORY_KINDS];

struct history_event {
    int64_t wall_ns; /* since 1970 */
    enum history_kind kind;
    char list[HISTORY_LIST_SIZE]; /* "" if it is of no list */
    bool has_ip;
    struct ip ip;
    /* Listings: the names of the codes, with commas between them. State: "FROM TO" or "FROM TO REASON". The
     * program's own: its version. Cut if need be. */
    char detail[HISTORY_DETAIL_SIZE];
};

/* The latest HISTORY_SHOWN events. All zero: empty. */
struct history {
    struct history_event events[HISTORY_SHOWN];
    uint32_t next; /* where the next one goes */
    uint32_t n;
};

void history_add(struct history *h, const struct history_event *event);
/* The `age`-th latest event, 0 being the latest; NULL: there are not so many. */
const struct history_event *history_at(const struct history *h, uint32_t age);

#endif
