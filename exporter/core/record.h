/* SPDX-License-Identifier: Apache-2.0
 *
 * record: what is kept on disk, in the pieces in which it travels between the program and its store.
 *
 * A record is a key (kind, list, and what the kind adds) and bytes that only core/save and core/restore
 * understand; the store (edge/state) keeps them, with a checksum, without looking in. Several records make up
 * what is kept of one list:
 * - one LIST, replaced as a whole: its health, counters, until when safelisted ranges were listed and since
 * when they are known, the state of its sweep and rings.
 * - what is known about each address, by index into the list's set of targets. Which address an index is says
 *   the LAYOUT of a generation; a new set of targets begins a new generation. CELLS hold all of it in chunks
 * of RECORD_CHUNK indexes, as of some moment; LOOKS hold what came later, in order. Now and then the chunks
 * are written anew (a fold): FOLD says that it begins, FOLDED that all of it has been handed over. Then LOOKS
 * put before that FOLD, and everything of older generations, can go.
 * - an ENTRY for each address of which more is known, by address; ENTRY_GONE takes one back.
 * BUDGET is what an allowance has spent, by its name.
 * KEPT is what somebody else than the checker keeps, whole, by a name of its own (a group, a source) and its
 * `enum record_kept`: bytes of its owner. No LIST_GONE touches it, nor does time: KEPT_GONE takes it back.
 *
 * Brought back in the order LIST (of all lists), then for each list by rising generation LAYOUT, CELLS, LOOKS
 * (in the order they were put), then ENTRY, the records give the state as of the last of them that was kept:
 * a fold may be broken off anywhere.
 */
#ifndef RBL_CORE_RECORD_H
#define RBL_CORE_RECORD_H

#include "core/ip.h"

#include <stddef.h>
#include <stdint.h>

enum {
    RECORD_CHUNK = 16384,    /* indexes in one CELLS record */
    RECORD_NAME_SIZE = 64,   /* of lists and budgets, with NUL */
    RECORD_SIZE = 1 << 28,   /* the data of any record is smaller */
    RECORD_FORMAT = 1,       /* first byte of LAYOUT, CELLS, ENTRY and BUDGET */
    RECORD_LIST_FORMAT = 4,  /* ... and of LIST; 1 had no safelists, 2 not since when they are known, 3 not
                                since when a sweep in two laps is under way */
    RECORD_LOOKS_FORMAT = 2, /* ... and of LOOKS; 1 had that neither */
    RECORD_PENDING = 256,    /* addresses whose change waits for its proof, at most, in one LIST or LOOKS */
    RECORD_SAMPLED = 0x40,   /* flag of a look: when it was sampled is told besides */
};

enum record_kind {
    RECORD_LIST,       /* list */
    RECORD_LAYOUT,     /* list, generation */
    RECORD_CELLS,      /* list, generation, number: which chunk */
    RECORD_LOOKS,      /* list, generation; adds to those before */
    RECORD_FOLD,       /* list, generation; no data */
    RECORD_FOLDED,     /* list, generation; no data */
    RECORD_ENTRY,      /* list, generation, ip; replaces that of any generation */
    RECORD_ENTRY_GONE, /* list, ip; no data */
    RECORD_BUDGET, /* list: the name of the budget or list; number: 1 of a shared budget, 0 of a list's own */
    RECORD_BUDGET_GONE, /* the same; no data */
    RECORD_LIST_GONE,   /* list, with all that is of it but BUDGET and KEPT; no data */
    RECORD_KEPT,        /* list: the name; number: enum record_kept; replaced as a whole */
    RECORD_KEPT_GONE,   /* the same; no data */
    RECORD_KINDS,
};

/* Whose a KEPT is. The numbers are in files: they stay. */
enum record_kept {
    KEPT_SPF,     /* name: a group; what its SPF record led to */
    KEPT_SENDERS, /* which addresses of ranges are senders */
    KEPT_BOUNCED, /* the addresses out of bounces */
};

struct record {
    enum record_kind kind;
    const char *list; /* borrowed; at most RECORD_NAME_SIZE with its NUL */
    uint32_t generation;
    uint32_t number;
    struct ip ip;
    const void *data; /* borrowed; NULL where the kind has none */
    size_t len;
};

#endif
