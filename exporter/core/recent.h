/* SPDX-License-Identifier: Apache-2.0
 *
 * recent: a set of keys of which the last RECENT_MOST used are remembered.
 *
 * A key that is new takes the place of the one that has not been looked for longest. Keys are compared in a
 * time that does not depend on what they hold.
 */
#ifndef RBL_CORE_RECENT_H
#define RBL_CORE_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECENT_MOST = 100, RECENT_KEY_BYTES = 32 };

/* Zeroed it is empty. */
struct recent {
    uint8_t keys[RECENT_MOST][RECENT_KEY_BYTES];
    uint64_t used[RECENT_MOST]; /* the value of `moment` then */
    uint64_t moment;
    size_t n;
};

/* Whether `key` is remembered; if so it counts as used just now. */
bool recent_has(struct recent *set, const uint8_t key[RECENT_KEY_BYTES]);
/* Remembers `key`, as used just now. */
void recent_add(struct recent *set, const uint8_t key[RECENT_KEY_BYTES]);

#endif
