/* SPDX-License-Identifier: Apache-2.0
 *
 * In which order addresses named one by one are asked. Each has a place that only it decides, so that an
 * order holds whatever comes and goes, and however often the program begins anew. Sorted by digits: there may
 * be millions.
 */
#include "core/targets.h"

#include "core/targets_internal.h"

#include <stdlib.h>

enum { DIGITS = 4, DIGIT_VALUES = 256 };

struct turn {
    uint32_t place;
    uint32_t number; /* among the watched */
};

static uint32_t place_of(const struct ip *ip) {
    return (uint32_t)(ip_hash(ip, 0) >> 32);
}

uint32_t target_place(const struct target_set *set, uint32_t index) {
    struct ip ip = target_ip(set, index);
    return place_of(&ip);
}

uint32_t target_watched_find(const struct target_set *set, uint32_t index) {
    uint32_t from = 0;
    uint32_t to = set->n_watched;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (set->watched[mid].index < index)
            from = mid + 1;
        else
            to = mid;
    }
    return from < set->n_watched && set->watched[from].index == index ? from : UINT32_MAX;
}

/* One pass: by the digit at `shift`, keeping the order of equals. */
static void sort_digit(const struct turn *from, struct turn *to, size_t n, unsigned shift) {
    size_t places[DIGIT_VALUES] = {0};
    size_t place = 0;
    for (size_t i = 0; i < n; i++)
        places[from[i].place >> shift & 0xff]++;
    for (size_t value = 0; value < DIGIT_VALUES; value++) {
        size_t count = places[value];
        places[value] = place;
        place += count;
    }
    for (size_t i = 0; i < n; i++)
        to[places[from[i].place >> shift & 0xff]++] = from[i];
}

static void sort_turns(struct turn *turns, size_t n, struct turn *spare) {
    for (unsigned digit = 0; digit < DIGITS; digit += 2) {
        sort_digit(turns, spare, n, 8 * digit);
        sort_digit(spare, turns, n, 8 * (digit + 1));
    }
}

enum status targets_take_turns(struct arena *arena, struct target_set *set) {
    enum status status = STATUS_NO_MEMORY;
    struct turn *turns = calloc((size_t)set->n_watched + 1, sizeof *turns);
    struct turn *spare = calloc((size_t)set->n_watched + 1, sizeof *spare);
    uint32_t *numbers = arena_array(arena, set->n_watched, sizeof *numbers);
    uint32_t *indexes = arena_array(arena, set->n_watched, sizeof *indexes);
    if (turns == NULL || spare == NULL || numbers == NULL || indexes == NULL)
        goto out;
    const struct target_span *span = set->spans;
    for (uint32_t i = 0; i < set->n_watched; i++) {
        struct ip ip = target_next_ip(&span, set->watched[i].index);
        turns[i] = (struct turn){place_of(&ip), i};
    }
    sort_turns(turns, set->n_watched, spare);
    for (uint32_t i = 0; i < set->n_watched; i++) {
        numbers[i] = turns[i].number;
        indexes[i] = set->watched[turns[i].number].index;
    }
    set->turns = numbers;
    set->turn_indexes = indexes;
    status = STATUS_OK;
out:
    free(turns);
    free(spare);
    return status;
}
