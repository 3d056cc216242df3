/* SPDX-License-Identifier: Apache-2.0 */
#include "core/recent.h"

#include <string.h>

static bool equal(const uint8_t *a, const uint8_t *b) {
    unsigned difference = 0;
    for (size_t i = 0; i < RECENT_KEY_BYTES; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

bool recent_has(struct recent *set, const uint8_t key[RECENT_KEY_BYTES]) {
    bool found = false;
    set->moment++;
    for (size_t i = 0; i < set->n; i++) {
        if (equal(set->keys[i], key)) {
            set->used[i] = set->moment;
            found = true;
        }
    }
    return found;
}

static size_t oldest(const struct recent *set) {
    size_t found = 0;
    for (size_t i = 1; i < set->n; i++) {
        if (set->used[i] < set->used[found])
            found = i;
    }
    return found;
}

void recent_add(struct recent *set, const uint8_t key[RECENT_KEY_BYTES]) {
    if (recent_has(set, key))
        return;
    const size_t at = set->n < RECENT_MOST ? set->n++ : oldest(set);
    memcpy(set->keys[at], key, RECENT_KEY_BYTES);
    set->used[at] = set->moment;
}
