/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mirror.h"

#include <string.h>
#include <strings.h>

/* ---- zones ---- */

static bool zone_matches(const char *pattern, const char *zone, size_t *secret) {
    static const char key[] = "{key}";
    bool keyed = strncmp(pattern, key, sizeof key - 1) == 0;
    *secret = 0;
    if (!keyed && pattern[0] != '*')
        return strcasecmp(pattern, zone) == 0;
    const char *tail = pattern + (keyed ? sizeof key - 1 : 1); /* with the dot before it */
    bool label = strncmp(tail, ".*.", 3) == 0;
    tail += label ? 2 : 0;
    size_t len = strlen(zone);
    size_t tail_len = strlen(tail);
    if (len <= tail_len || strcasecmp(zone + len - tail_len, tail) != 0)
        return false;
    size_t front = len - tail_len;
    while (label && front > 0 && zone[front - 1] != '.')
        front--;
    front -= label && front > 0; /* the dot before the label */
    *secret = keyed ? front : 0;
    return front > 0;
}

const struct mirror *mirror_find(const struct mirrors *mirrors, const char *zone) {
    for (size_t i = 0; i < mirrors->n_items; i++)
        if (strcasecmp(mirrors->items[i].zone, zone) == 0)
            return &mirrors->items[i];
    return NULL;
}

const struct mirror_name *mirror_meaning(const struct mirror *mirror, uint32_t code) {
    for (size_t i = 0; i < mirror->n_codes; i++)
        if (mirror->codes[i].first <= code && code <= mirror->codes[i].last)
            return mirror->codes[i].means;
    return NULL;
}

const struct mirror_name *mirror_name_of_zone(const struct mirrors *mirrors, const char *zone,
                                              size_t *secret) {
    for (size_t i = 0; i < mirrors->n_names; i++) {
        const struct mirror_name *name = &mirrors->names[i];
        for (size_t k = 0; k < name->zones.n; k++)
            if (zone_matches(name->zones.items[k], zone, secret))
                return name;
    }
    *secret = 0;
    return NULL;
}

/* ---- names ---- */

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static size_t match_len(const char *spelling, const char *text) {
    size_t len = strlen(spelling);
    bool same = strncasecmp(spelling, text, len) == 0;
    return same && !is_word(text[len]) && text[len] != '-' ? len : 0;
}

const struct mirror_name *mirror_name_at(const struct mirrors *mirrors, const char *text, size_t *len) {
    const struct mirror_name *best = NULL;
    *len = 0;
    for (size_t i = 0; i < mirrors->n_names; i++) {
        const struct mirror_name *name = &mirrors->names[i];
        for (size_t k = 0; k <= name->also.n; k++) {
            size_t n = match_len(k == 0 ? name->name : name->also.items[k - 1], text);
            if (n <= *len)
                continue;
            *len = n;
            best = name;
        }
    }
    return best;
}

const struct ip_range *mirror_range_of(const struct mirrors *mirrors, const struct ip *ip) {
    for (size_t i = 0; i < mirrors->n_ranges; i++)
        if (ip_range_contains(&mirrors->ranges[i], ip))
            return &mirrors->ranges[i];
    return NULL;
}
