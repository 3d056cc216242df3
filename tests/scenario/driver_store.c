/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_store.h"

#include "driver.h"

#include <stdlib.h>
#include <string.h>

static void forget(struct store_record *record) {
    free(record->data);
    record->data = NULL;
    record->gone = true;
}

void store_release(struct store *s) {
    for (size_t i = 0; i < s->n; i++)
        free(s->records[i].data);
    free(s->records);
}

static bool is_list(const struct store_record *at, const struct record *record) {
    return !at->gone && strcmp(at->list, record->list) == 0 && at->key.kind != RECORD_BUDGET;
}

/* Whether `record` replaces what is at `at`. */
static bool replaces(const struct store_record *at, const struct record *record) {
    if (at->gone || strcmp(at->list, record->list) != 0)
        return false;
    switch (record->kind) {
    case RECORD_LIST: return at->key.kind == RECORD_LIST;
    case RECORD_LAYOUT: return at->key.kind == RECORD_LAYOUT && at->key.generation == record->generation;
    case RECORD_CELLS:
        return at->key.kind == RECORD_CELLS && at->key.generation == record->generation &&
               at->key.number == record->number;
    case RECORD_ENTRY:
    case RECORD_ENTRY_GONE: return at->key.kind == RECORD_ENTRY && ip_equal(&at->key.ip, &record->ip);
    case RECORD_BUDGET:
    case RECORD_BUDGET_GONE: return at->key.kind == RECORD_BUDGET && at->key.number == record->number;
    case RECORD_LIST_GONE: return at->key.kind != RECORD_BUDGET;
    case RECORD_LOOKS:
    case RECORD_FOLD:
    case RECORD_FOLDED:
    case RECORD_KEPT: /* core/save puts none */
    case RECORD_KEPT_GONE:
    case RECORD_KINDS: break;
    }
    return false;
}

static void folded(struct store *s, const struct record *record) {
    uint64_t begun = 0;
    for (size_t i = 0; i < s->n; i++)
        if (is_list(&s->records[i], record) && s->records[i].key.kind == RECORD_FOLD)
            begun = s->records[i].fold;
    for (size_t i = 0; i < s->n; i++) {
        struct store_record *at = &s->records[i];
        if (!is_list(at, record))
            continue;
        bool old_looks = at->key.kind == RECORD_LOOKS && at->fold < begun;
        bool old = at->key.kind != RECORD_LIST && at->key.generation < record->generation;
        if (old_looks || old || at->key.kind == RECORD_FOLD)
            forget(at);
    }
}

static void append(struct store *s, const struct record *record) {
    if (s->n == s->size) {
        s->size = s->size == 0 ? 256 : s->size * 2;
        s->records = driver_alloc(s->records, s->size, sizeof *s->records);
    }
    struct store_record *at = &s->records[s->n++];
    *at = (struct store_record){.key = *record, .fold = s->n_folds};
    strncpy(at->list, record->list, sizeof at->list - 1);
    at->data = driver_alloc(NULL, record->len + 1, 1);
    if (record->len > 0)
        memcpy(at->data, record->data, record->len);
}

/* Places of what is gone are used again. */
static void pack(struct store *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (!s->records[i].gone)
            s->records[n++] = s->records[i];
    s->n = n;
}

bool store_put(void *context, const struct record *record, uint64_t ticket) {
    struct store *s = context;
    s->bytes += record->len;
    for (size_t i = 0; i < s->n; i++)
        if (replaces(&s->records[i], record))
            forget(&s->records[i]);
    if (record->kind == RECORD_FOLD)
        s->n_folds++;
    if (record->kind == RECORD_FOLDED)
        folded(s, record);
    else if (record->kind != RECORD_ENTRY_GONE && record->kind != RECORD_BUDGET_GONE &&
             record->kind != RECORD_LIST_GONE)
        append(s, record);
    if (ticket != 0 && s->n_tickets == STORE_TICKETS)
        driver_fail("more than %d tickets are open", STORE_TICKETS);
    if (ticket != 0)
        s->tickets[s->n_tickets++] = ticket;
    pack(s);
    return true;
}

void store_tell(struct store *s, struct save *save, int64_t now_ns) {
    unsigned n = s->n_tickets;
    s->n_tickets = 0;
    for (unsigned i = 0; i < n; i++)
        save_written(save, s->tickets[i], now_ns);
}

static enum status give(const struct store *s, struct restore *restore, size_t i) {
    struct record record = s->records[i].key;
    record.list = s->records[i].list;
    record.data = s->records[i].data;
    return restore_record(restore, &record);
}

static enum status give_kind(const struct store *s, struct restore *restore, enum record_kind kind) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < s->n; i++)
        if (s->records[i].key.kind == kind)
            status = give(s, restore, i);
    return status;
}

static uint32_t next_generation(const struct store *s, const char *list, uint32_t after) {
    uint32_t next = UINT32_MAX;
    for (size_t i = 0; i < s->n; i++) {
        const struct store_record *at = &s->records[i];
        if (at->key.kind == RECORD_LAYOUT && strcmp(at->list, list) == 0 && at->key.generation > after &&
            at->key.generation < next)
            next = at->key.generation;
    }
    return next;
}

static enum status give_generation(const struct store *s, struct restore *restore, const char *list,
                                   uint32_t generation) {
    static const enum record_kind kinds[] = {RECORD_LAYOUT, RECORD_CELLS, RECORD_LOOKS};
    enum status status = STATUS_OK;
    for (unsigned k = 0; k < 3; k++)
        for (size_t i = 0; status == STATUS_OK && i < s->n; i++)
            if (s->records[i].key.kind == kinds[k] && s->records[i].key.generation == generation &&
                strcmp(s->records[i].list, list) == 0)
                status = give(s, restore, i);
    return status;
}

enum status store_load(const struct store *s, struct restore *restore) {
    enum status status = give_kind(s, restore, RECORD_BUDGET);
    if (status == STATUS_OK)
        status = give_kind(s, restore, RECORD_LIST);
    for (size_t i = 0; status == STATUS_OK && i < s->n; i++) {
        if (s->records[i].key.kind != RECORD_LIST)
            continue;
        uint32_t generation = next_generation(s, s->records[i].list, 0);
        for (; status == STATUS_OK && generation != UINT32_MAX;
             generation = next_generation(s, s->records[i].list, generation))
            status = give_generation(s, restore, s->records[i].list, generation);
    }
    return status == STATUS_OK ? give_kind(s, restore, RECORD_ENTRY) : status;
}
