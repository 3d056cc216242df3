/* SPDX-License-Identifier: Apache-2.0 */
#include "app_store_kept.h"

#include <stdlib.h>
#include <string.h>

static struct kept_item *find(const struct kept_items *kept, const char *name, enum record_kept which) {
    for (size_t i = 0; i < kept->n; i++)
        if (kept->items[i].which == which && strcmp(kept->items[i].name, name) == 0)
            return &kept->items[i];
    return NULL;
}

const struct app_store_kept *kept_items_find(const struct kept_items *kept, const char *name,
                                             enum record_kept which) {
    const struct kept_item *item = find(kept, name, which);
    return item != NULL && !item->gone ? &item->bytes : NULL;
}

static void set_bytes(struct kept_item *item, void *data, size_t len) {
    free((void *)item->bytes.data);
    item->bytes = (struct app_store_kept){data, len};
}

static struct kept_item *add(struct kept_items *kept, const char *name, enum record_kept which) {
    if (kept->n == kept->room) {
        size_t room = kept->room == 0 ? 8 : kept->room * 2;
        struct kept_item *items = realloc(kept->items, room * sizeof *items);
        if (items == NULL)
            return NULL;
        kept->items = items;
        kept->room = room;
    }
    struct kept_item *item = &kept->items[kept->n++];
    *item = (struct kept_item){.which = which, .gone = true};
    memccpy(item->name, name, '\0', sizeof item->name);
    return item;
}

static bool is_same(const struct kept_item *item, const void *data, size_t len) {
    return !item->gone && item->bytes.len == len && (len == 0 || memcmp(item->bytes.data, data, len) == 0);
}

enum status kept_items_put(struct kept_items *kept, const char *name, enum record_kept which,
                           const void *data, size_t len, bool waits) {
    if (strlen(name) >= RECORD_NAME_SIZE || len >= RECORD_SIZE)
        return STATUS_RANGE;
    struct kept_item *item = find(kept, name, which);
    if (item != NULL && is_same(item, data, len))
        return STATUS_OK;
    void *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    if (item == NULL)
        item = add(kept, name, which);
    if (item == NULL) {
        free(copy);
        return STATUS_NO_MEMORY;
    }
    if (len > 0)
        memcpy(copy, data, len);
    set_bytes(item, copy, len);
    item->gone = false;
    item->waits = waits;
    return STATUS_OK;
}

void kept_items_forget(struct kept_items *kept, const char *name, enum record_kept which) {
    struct kept_item *item = find(kept, name, which);
    if (item == NULL || item->gone)
        return;
    set_bytes(item, NULL, 0);
    item->gone = true;
    item->waits = true;
}

void kept_items_all_wait(struct kept_items *kept) {
    for (size_t i = 0; i < kept->n; i++)
        kept->items[i].waits = true;
}

bool kept_items_offer(struct kept_items *kept, kept_taker *take, void *context) {
    size_t n = 0;
    bool all = true;
    for (size_t i = 0; i < kept->n; i++) {
        struct kept_item *item = &kept->items[i];
        const struct record record = {.kind = item->gone ? RECORD_KEPT_GONE : RECORD_KEPT,
                                      .list = item->name,
                                      .number = item->which,
                                      .data = item->bytes.data,
                                      .len = item->bytes.len};
        if (item->waits)
            item->waits = !take(context, &record, 0);
        all = all && !item->waits;
        if (item->waits || !item->gone)
            kept->items[n++] = *item;
    }
    kept->n = n;
    return all;
}

void kept_items_release(struct kept_items *kept) {
    for (size_t i = 0; i < kept->n; i++)
        set_bytes(&kept->items[i], NULL, 0);
    free(kept->items);
    *kept = (struct kept_items){0};
}
