/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sources.h"

#include <stdlib.h>
#include <string.h>

struct source {
    char group[SETTINGS_NAME_MAX + 1];
    enum source_kind kind;
    struct source_set set;
    int64_t changed_ns;
};

struct sources {
    struct source *items;
    size_t n, size;
};

/* ---- sets ---- */

void source_set_init(struct source_set *set) {
    *set = (struct source_set){.addresses = NULL};
}

void source_set_release(struct source_set *set) {
    free(set->addresses);
    free(set->ranges);
    source_set_init(set);
}

/* Room for one more of `each` bytes. */
static enum status make_room(void **items, size_t n, size_t *size, size_t each) {
    if (n < *size)
        return STATUS_OK;
    size_t wanted = *size > 0 ? *size * 2 : 16;
    void *grown = reallocarray(*items, wanted, each);
    if (grown == NULL)
        return STATUS_NO_MEMORY;
    *items = grown;
    *size = wanted;
    return STATUS_OK;
}

enum status source_set_add_address(struct source_set *set, const struct ip *ip) {
    void *items = set->addresses;
    enum status status = make_room(&items, set->n_addresses, &set->addresses_size, sizeof *ip);
    set->addresses = items;
    if (status == STATUS_OK)
        set->addresses[set->n_addresses++] = *ip;
    return status;
}

enum status source_set_add_range(struct source_set *set, const struct ip_range *range) {
    void *items = set->ranges;
    enum status status = make_room(&items, set->n_ranges, &set->ranges_size, sizeof *range);
    set->ranges = items;
    if (status == STATUS_OK)
        set->ranges[set->n_ranges++] = *range;
    return status;
}

static int range_order(const void *a, const void *b) {
    return ip_range_compare(a, b);
}

void source_set_finish(struct source_set *set) {
    size_t n = 0;
    ip_sort(set->addresses, set->n_addresses);
    for (size_t i = 0; i < set->n_addresses; i++)
        if (n == 0 || !ip_equal(&set->addresses[n - 1], &set->addresses[i]))
            set->addresses[n++] = set->addresses[i];
    set->n_addresses = n;
    n = 0;
    if (set->n_ranges > 0)
        qsort(set->ranges, set->n_ranges, sizeof *set->ranges, range_order);
    for (size_t i = 0; i < set->n_ranges; i++)
        if (n == 0 || range_order(&set->ranges[n - 1], &set->ranges[i]) != 0)
            set->ranges[n++] = set->ranges[i];
    set->n_ranges = n;
}

bool source_set_equal(const struct source_set *a, const struct source_set *b) {
    if (a->n_addresses != b->n_addresses || a->n_ranges != b->n_ranges)
        return false;
    for (size_t i = 0; i < a->n_addresses; i++)
        if (!ip_equal(&a->addresses[i], &b->addresses[i]))
            return false;
    for (size_t i = 0; i < a->n_ranges; i++)
        if (range_order(&a->ranges[i], &b->ranges[i]) != 0)
            return false;
    return true;
}

/* ---- the collection ---- */

struct sources *sources_new(void) {
    return calloc(1, sizeof(struct sources));
}

void sources_free(struct sources *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        source_set_release(&s->items[i].set);
    free(s->items);
    free(s);
}

static struct source *find(const struct sources *s, const char *group, enum source_kind kind) {
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].kind == kind && strcmp(s->items[i].group, group) == 0)
            return &s->items[i];
    return NULL;
}

static struct source *make(struct sources *s, const char *group, enum source_kind kind) {
    void *items = s->items;
    enum status status = make_room(&items, s->n, &s->size, sizeof *s->items);
    s->items = items;
    if (status != STATUS_OK)
        return NULL;
    struct source *source = &s->items[s->n++];
    *source = (struct source){.kind = kind};
    strncpy(source->group, group, SETTINGS_NAME_MAX);
    return source;
}

enum status sources_put(struct sources *s, const char *group, enum source_kind kind, struct source_set *set,
                        int64_t changed_wall_ns, bool *changed) {
    struct source *source = find(s, group, kind);
    bool differs = source == NULL || !source_set_equal(&source->set, set);
    if (source == NULL)
        source = make(s, group, kind);
    if (source == NULL)
        return STATUS_NO_MEMORY;
    if (differs)
        source->changed_ns = changed_wall_ns;
    source_set_release(&source->set);
    source->set = *set;
    source_set_init(set);
    *changed = differs;
    return STATUS_OK;
}

static enum status copy_set(const struct source_set *from, struct source_set *out) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < from->n_addresses && status == STATUS_OK; i++)
        status = source_set_add_address(out, &from->addresses[i]);
    for (size_t i = 0; i < from->n_ranges && status == STATUS_OK; i++)
        status = source_set_add_range(out, &from->ranges[i]);
    return status;
}

enum status sources_copy(struct sources *s, const struct sources *from, const char *group,
                         enum source_kind kind) {
    const struct source *source = find(from, group, kind);
    struct source_set set;
    bool changed;
    if (source == NULL)
        return STATUS_OK;
    source_set_init(&set);
    enum status status = copy_set(&source->set, &set);
    if (status == STATUS_OK)
        status = sources_put(s, group, kind, &set, source->changed_ns, &changed);
    source_set_release(&set);
    return status;
}

const struct source_set *sources_find(const struct sources *s, const char *group, enum source_kind kind) {
    const struct source *source = find(s, group, kind);
    return source != NULL ? &source->set : NULL;
}

int64_t sources_changed_ns(const struct sources *s, const char *group) {
    int64_t latest = 0;
    for (enum source_kind kind = SOURCE_FILES; kind <= SOURCE_SPF; kind++) {
        const struct source *source = find(s, group, kind);
        if (source != NULL && source->changed_ns > latest)
            latest = source->changed_ns;
    }
    return latest;
}
