/* SPDX-License-Identifier: Apache-2.0
 *
 * app_told: lines of the log that wait until the store has what they tell (see app_store.h).
 *
 * They are written in the order in which they came. When APP_TOLD_LINES wait, the oldest is written for the
 * next one: a flood is told without waiting.
 */
#ifndef RBL_APP_TOLD_H
#define RBL_APP_TOLD_H

#include "app_store.h"

#include "edge/log.h"

#include <stdint.h>

enum { APP_TOLD_LINES = 1024 };

struct app_told_line {
    struct log_line *line; /* owned */
    uint64_t mark;
    int64_t since_ns;
};

/* All zero: nothing waits. */
struct app_told {
    struct app_told_line lines[APP_TOLD_LINES];
    uint32_t first;
    uint32_t n;
};

/* Takes a line that tells of what has just been handed to `store` (NULL: there is none); NULL: no line. */
void app_told_add(struct app_told *told, const struct app_store *store, struct log_line *line);
/* Every turn, behind app_store_turn() and before anything else is told. Returns when to be called next at the
 * latest. */
int64_t app_told_turn(struct app_told *told, struct app_store *store, int64_t now_ns);
/* Writes all that waits: the store is closed. */
void app_told_end(struct app_told *told);

#endif
