/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_store: a store in memory, with the meaning that core/record.h gives to records, so that a scenario
 * can end the program at any moment and start it again.
 */
#ifndef RBL_SCENARIO_DRIVER_STORE_H
#define RBL_SCENARIO_DRIVER_STORE_H

#include "core/restore.h"
#include "core/save.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STORE_TICKETS = 1024 };

struct store_record {
    struct record key; /* .list and .data are owned */
    char list[RECORD_NAME_SIZE];
    uint8_t *data;
    bool gone;
    uint64_t fold; /* of LOOKS: how many folds of the list had begun */
};

struct store {
    struct store_record *records; /* in the order they were put */
    size_t n, size;
    uint64_t n_folds;
    uint64_t tickets[STORE_TICKETS]; /* of what was written and not yet told */
    unsigned n_tickets;
    uint64_t bytes; /* put so far */
};

void store_release(struct store *s);
/* A `save_put`; `context` is the store. */
bool store_put(void *context, const struct record *record, uint64_t ticket);
/* Tells what was written since the last call. */
void store_tell(struct store *s, struct save *save, int64_t now_ns);
/* Brings everything back. */
enum status store_load(const struct store *s, struct restore *restore);

#endif
