/* SPDX-License-Identifier: Apache-2.0
 *
 * app_store_kept: what others than the checker keep in the store (RECORD_KEPT), in memory, and which of it
 * the store does not have yet.
 *
 * Everything that is kept stays here as long as the program runs: the store may lose its file and has to be
 * given all of it again. What the store's queue refuses waits here, the latest of each name and kind only.
 */
#ifndef RBL_APP_STORE_KEPT_H
#define RBL_APP_STORE_KEPT_H

#include "core/record.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app_store_kept {
    const void *data; /* never NULL */
    size_t len;
};

struct kept_item {
    struct app_store_kept bytes; /* owned */
    char name[RECORD_NAME_SIZE];
    enum record_kept which;
    bool gone;  /* taken back; the item stays until the store has heard of it */
    bool waits; /* the store does not have it yet */
};

struct kept_items {
    struct kept_item *items;
    size_t n;
    size_t room;
};

typedef bool kept_taker(void *context, const struct record *record, uint64_t ticket);

void kept_items_release(struct kept_items *kept);
/* What is kept under a name; NULL: nothing. */
const struct app_store_kept *kept_items_find(const struct kept_items *kept, const char *name,
                                             enum record_kept which);
/* Keeps a copy in place of what was there. `waits`: the store is to get it; bytes that it has already are not
 * written again. STATUS_RANGE: the name or the data is longer than a record may have. */
enum status kept_items_put(struct kept_items *kept, const char *name, enum record_kept which,
                           const void *data, size_t len, bool waits) MUST_CHECK;
/* Takes back what is kept, if anything is. */
void kept_items_forget(struct kept_items *kept, const char *name, enum record_kept which);
/* The store has nothing any more: it is to get everything. */
void kept_items_all_wait(struct kept_items *kept);
/* Hands over what waits, as state_put() takes it: false is a refusal. False: some of it still waits. */
bool kept_items_offer(struct kept_items *kept, kept_taker *take, void *context);

#endif
