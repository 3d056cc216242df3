/* SPDX-License-Identifier: Apache-2.0
 *
 * store_fixture: records as they are put, in memory, for tests of core/save and core/restore.
 */
#ifndef RBL_TESTS_STORE_FIXTURE_H
#define RBL_TESTS_STORE_FIXTURE_H

#include "core/restore.h"
#include "core/save.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MAX = 512 };

struct kept {
    struct record record; /* .list is `name`, .data is owned */
    char name[RECORD_NAME_SIZE];
    uint64_t ticket;
};

struct kept_store {
    struct kept kept[KEPT_MAX];
    size_t n;
    size_t room; /* how many more it takes */
};

static inline bool kept_put(void *context, const struct record *record, uint64_t ticket) {
    struct kept_store *s = context;
    if (s->room == 0)
        return false;
    s->room--;
    assert(s->n < KEPT_MAX);
    struct kept *k = &s->kept[s->n++];
    *k = (struct kept){.record = *record, .ticket = ticket};
    strncpy(k->name, record->list, sizeof k->name - 1);
    void *data = malloc(record->len > 0 ? record->len : 1);
    assert(data != NULL);
    if (record->len > 0)
        memcpy(data, record->data, record->len);
    k->record.data = data;
    return true;
}

static inline void kept_clear(struct kept_store *s) {
    for (size_t i = 0; i < s->n; i++)
        free((void *)(uintptr_t)s->kept[i].record.data);
    s->n = 0;
}

static inline size_t kept_count(const struct kept_store *s, enum record_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->kept[i].record.kind == kind;
    return n;
}

static inline struct record kept_record(const struct kept_store *s, size_t i) {
    struct record record = s->kept[i].record;
    record.list = s->kept[i].name;
    return record;
}

/* Whether a later record has taken the place of the `i`-th. */
static inline bool kept_is_replaced(const struct kept_store *s, size_t i) {
    const struct record *a = &s->kept[i].record;
    for (size_t j = i + 1; j < s->n; j++) {
        const struct record *b = &s->kept[j].record;
        if (b->kind == a->kind && strcmp(s->kept[j].name, s->kept[i].name) == 0 && b->number == a->number &&
            (a->kind == RECORD_LIST || a->kind == RECORD_BUDGET ||
             (a->kind == RECORD_ENTRY && ip_equal(&a->ip, &b->ip))))
            return true;
    }
    return false;
}

/* In the order that restore_record() wants; the first status that is none of STATUS_OK, but all are given. */
static inline enum status kept_load(const struct kept_store *s, struct restore *restore) {
    static const enum record_kind kinds[] = {RECORD_BUDGET, RECORD_LIST, RECORD_LAYOUT, RECORD_ENTRY};
    enum status worst = STATUS_OK;
    for (unsigned k = 0; k < 4; k++) {
        for (size_t i = 0; i < s->n; i++) {
            if (s->kept[i].record.kind != kinds[k] || kept_is_replaced(s, i))
                continue;
            for (size_t j = i; j < s->n; j++) {
                const struct record record = kept_record(s, j);
                bool of_layout = kinds[k] == RECORD_LAYOUT && j > i &&
                                 strcmp(record.list, s->kept[i].name) == 0 &&
                                 (record.kind == RECORD_CELLS || record.kind == RECORD_LOOKS);
                if (j > i && !of_layout)
                    continue;
                enum status status = restore_record(restore, &record);
                worst = worst == STATUS_OK ? status : worst;
            }
        }
    }
    return worst;
}

#endif
