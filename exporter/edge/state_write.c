/* SPDX-License-Identifier: Apache-2.0
 *
 * Records into the file.
 */
#include "edge/state_internal.h"

#include "edge/clock.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* They are in checksums. */
static_assert(RECORD_LIST == 0 && RECORD_LAYOUT == 1 && RECORD_CELLS == 2 && RECORD_LOOKS == 3 &&
                  RECORD_ENTRY == 6 && RECORD_BUDGET == 8 && RECORD_KEPT == 11,
              "kinds of records that are in files keep their numbers");

/* Only what the row of such a record holds: the rest comes back as zero, whatever it was when it was put. */
static struct record key_of(const struct record *record) {
    const enum record_kind kind = record->kind;
    struct record key = {.kind = kind};
    if (kind == RECORD_LAYOUT || kind == RECORD_CELLS || kind == RECORD_LOOKS || kind == RECORD_ENTRY)
        key.generation = record->generation;
    if (kind == RECORD_CELLS || kind == RECORD_BUDGET || kind == RECORD_KEPT)
        key.number = record->number;
    if (kind == RECORD_ENTRY)
        key.ip = record->ip;
    return key;
}

uint32_t state_record_crc(const struct record *record, int64_t extra) {
    const struct record key = key_of(record);
    const uint64_t words[] = {
        htole64((uint64_t)key.kind << 32 | key.generation),
        htole64((uint64_t)key.number << 32 | (uint32_t)key.ip.family),
        htole64(key.ip.hi),
        htole64(key.ip.lo),
        htole64((uint64_t)extra),
    };
    unsigned long crc = crc32(0, (const unsigned char *)words, sizeof words);
    crc = crc32(crc, (const unsigned char *)record->list, (unsigned)strlen(record->list) + 1);
    if (record->len > 0)
        crc = crc32(crc, record->data, (unsigned)record->len);
    return (uint32_t)crc;
}

uint32_t state_alive_crc(int64_t wall_ns) {
    const uint64_t value = htole64((uint64_t)wall_ns);
    return (uint32_t)crc32(0, (const unsigned char *)&value, sizeof value);
}

/* --- Transactions --- */

int state_begin(struct state_file *f) {
    const int rc = state_schema_is_current(f) ? SQLITE_OK : state_schema_migrate(f);
    return rc == SQLITE_OK ? state_run(f, STATE_SQL_BEGIN) : rc;
}

int state_commit(struct state_file *f, int64_t wall_ns) {
    sqlite3_stmt *put;
    int rc = state_sql(f, STATE_SQL_ALIVE_PUT, &put);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(put, 1, wall_ns);
        sqlite3_bind_int64(put, 2, state_alive_crc(wall_ns));
        rc = state_step(put);
    }
    if (rc == SQLITE_OK)
        rc = state_run(f, STATE_SQL_COMMIT);
    for (size_t i = 0; rc == SQLITE_OK && i < f->n_lists; i++) {
        f->lists[i].uncommitted = false;
        f->lists[i].gone_id = 0;
    }
    return rc;
}

void state_rollback(struct state_file *f) {
    /* What failed may have rolled back already. */
    if (!sqlite3_get_autocommit(f->db) && state_run(f, STATE_SQL_ROLLBACK) != SQLITE_OK)
        (void)sqlite3_exec(f->db, "ROLLBACK", NULL, NULL, NULL);
    for (size_t i = 0; i < f->n_lists; i++) {
        struct state_list *list = &f->lists[i];
        if (list->uncommitted || list->gone_id != 0)
            list->id = list->gone_id;
        if (list->gone_id != 0)
            list->next_look = list->gone_look;
        list->uncommitted = false;
        list->gone_id = 0;
    }
}

/* --- Lists --- */

static struct state_list *find_list(struct state_file *f, const char *name) {
    for (size_t i = 0; i < f->n_lists; i++) {
        if (strcmp(f->lists[i].name, name) == 0)
            return &f->lists[i];
    }
    if (f->n_lists == f->room_lists) {
        const size_t room = f->room_lists ? 2 * f->room_lists : 32;
        struct state_list *lists = realloc(f->lists, room * sizeof *lists);
        if (!lists)
            return NULL;
        f->lists = lists;
        f->room_lists = room;
    }
    struct state_list *list = &f->lists[f->n_lists++];
    *list = (struct state_list){0};
    memccpy(list->name, name, '\0', sizeof list->name - 1);
    return list;
}

/* A row without data, which holds the number until a LIST comes. */
static int write_new_list(struct state_file *f, struct state_list *list, int64_t wall_ns) {
    sqlite3_stmt *put;
    const int rc = state_sql(f, STATE_SQL_LIST_NEW, &put);
    if (rc != SQLITE_OK)
        return rc;
    const struct record nothing = {.kind = RECORD_LIST, .list = list->name};
    list->id = ++f->last_list_id;
    list->put_ns = wall_ns;
    list->next_look = state_first_look(list->id);
    list->folding = false;
    list->uncommitted = true;
    sqlite3_bind_int64(put, 1, list->id);
    sqlite3_bind_text(put, 2, list->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, 3, wall_ns);
    sqlite3_bind_int64(put, 4, state_record_crc(&nothing, state_list_extra(list->id, wall_ns)));
    return state_step(put);
}

static int read_last_look(struct state_file *f, struct state_list *list) {
    sqlite3_stmt *last;
    int rc = state_sql(f, STATE_SQL_LAST_LOOK, &last);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(last, 1, state_first_look(list->id));
    sqlite3_bind_int64(last, 2, state_first_look(list->id + 1) - 1);
    rc = sqlite3_step(last);
    list->next_look = state_first_look(list->id);
    if (rc == SQLITE_ROW && sqlite3_column_type(last, 0) == SQLITE_INTEGER)
        list->next_look = sqlite3_column_int64(last, 0) + 1;
    rc = sqlite3_reset(last);
    return rc;
}

static int take_list(struct state_file *f, sqlite3_stmt *row) {
    const char *name = (const char *)sqlite3_column_text(row, 1);
    const int64_t id = sqlite3_column_int64(row, 0);
    if (!name || strlen(name) >= RECORD_NAME_SIZE || id <= f->last_list_id ||
        id >= INT64_MAX >> STATE_LOOK_BITS)
        return SQLITE_CORRUPT;
    struct state_list *list = find_list(f, name);
    if (!list)
        return SQLITE_NOMEM;
    if (list->id != 0)
        return SQLITE_CORRUPT;
    list->id = id;
    list->put_ns = sqlite3_column_int64(row, 2);
    f->last_list_id = id;
    return read_last_look(f, list);
}

int state_read_lists(struct state_file *f) {
    sqlite3_stmt *rows;
    int rc = state_sql(f, STATE_SQL_LISTS, &rows);
    if (rc != SQLITE_OK)
        return rc;
    int cause = SQLITE_OK; /* the first; the rows behind it are tried all the same */
    f->n_lists = 0;
    f->last_list_id = 0;
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        const int taken = take_list(f, rows);
        cause = cause == SQLITE_OK ? taken : cause;
    }
    sqlite3_reset(rows);
    if (cause != SQLITE_OK)
        return cause;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int get_list(struct state_file *f, const char *name, int64_t wall_ns, struct state_list **out) {
    struct state_list *list = find_list(f, name);
    if (!list)
        return SQLITE_NOMEM;
    *out = list;
    return list->id != 0 ? SQLITE_OK : write_new_list(f, list, wall_ns);
}

/* --- Records --- */

/* Values of a statement, in order. */
static void bind_int(sqlite3_stmt *put, int *at, int64_t value) {
    sqlite3_bind_int64(put, (*at)++, value);
}

static void bind_data(sqlite3_stmt *put, int *at, const struct record *record) {
    /* A blob of no bytes, and not NULL. */
    sqlite3_bind_blob64(put, (*at)++, record->len > 0 ? record->data : "", record->len, SQLITE_STATIC);
}

static void bind_ip(sqlite3_stmt *put, int *at, const struct record *record) {
    uint8_t bytes[16];
    const size_t n = ip_bytes(&record->ip, bytes);
    sqlite3_bind_blob64(put, (*at)++, bytes, n, SQLITE_TRANSIENT);
}

/* The data and its checksum, which end every row. */
static int put_data(sqlite3_stmt *put, int at, const struct record *record, int64_t extra) {
    bind_data(put, &at, record);
    bind_int(put, &at, state_record_crc(record, extra));
    return state_step(put);
}

/* A row of BUDGET or KEPT, whose key is a name and a number. */
static int write_named(struct state_file *f, enum state_sql which, const struct record *record, bool gone) {
    sqlite3_stmt *put;
    const int rc = state_sql(f, which, &put);
    if (rc != SQLITE_OK)
        return rc;
    int at = 1;
    sqlite3_bind_text(put, at++, record->list, -1, SQLITE_STATIC);
    bind_int(put, &at, record->number);
    return gone ? state_step(put) : put_data(put, at, record, 0);
}

static int write_list(struct state_file *f, struct state_list *list, const struct record *record,
                      int64_t wall_ns) {
    sqlite3_stmt *put;
    const int rc = state_sql(f, STATE_SQL_LIST_PUT, &put);
    if (rc != SQLITE_OK)
        return rc;
    list->put_ns = wall_ns;
    int at = 1;
    bind_int(put, &at, list->id);
    bind_int(put, &at, wall_ns);
    return put_data(put, at, record, state_list_extra(list->id, wall_ns));
}

static int write_looks(struct state_file *f, struct state_list *list, const struct record *record) {
    sqlite3_stmt *put;
    const int rc = state_sql(f, STATE_SQL_LOOKS_PUT, &put);
    if (rc != SQLITE_OK)
        return rc;
    const int64_t key = list->next_look++;
    int at = 1;
    bind_int(put, &at, key);
    bind_int(put, &at, record->generation);
    return put_data(put, at, record, key);
}

static int write_entry(struct state_file *f, const struct state_list *list, const struct record *record) {
    sqlite3_stmt *put;
    const bool gone = record->kind == RECORD_ENTRY_GONE;
    const int rc = state_sql(f, gone ? STATE_SQL_ENTRY_GONE : STATE_SQL_ENTRY_PUT, &put);
    if (rc != SQLITE_OK)
        return rc;
    int at = 1;
    bind_int(put, &at, list->id);
    bind_ip(put, &at, record);
    if (gone)
        return state_step(put);
    bind_int(put, &at, record->generation);
    return put_data(put, at, record, 0);
}

static int write_cells(struct state_file *f, const struct state_list *list, const struct record *record) {
    sqlite3_stmt *put;
    const bool cells = record->kind == RECORD_CELLS;
    const int rc = state_sql(f, cells ? STATE_SQL_CELLS_PUT : STATE_SQL_LAYOUT_PUT, &put);
    if (rc != SQLITE_OK)
        return rc;
    int at = 1;
    bind_int(put, &at, list->id);
    bind_int(put, &at, record->generation);
    if (cells)
        bind_int(put, &at, record->number);
    return put_data(put, at, record, 0);
}

/* Drops what the chunks that have just been written replace. Without a FOLD in this run nobody knows which
 * LOOKS came before it. */
static int end_fold(struct state_file *f, const struct state_list *list, uint32_t generation) {
    if (!list->folding || list->fold_generation != generation)
        return SQLITE_OK;
    sqlite3_stmt *gone;
    int rc = state_sql(f, STATE_SQL_FOLDED_LOOKS, &gone);
    if (rc != SQLITE_OK)
        return rc;
    int at = 1;
    bind_int(gone, &at, state_first_look(list->id));
    bind_int(gone, &at, list->fold_look);
    bind_int(gone, &at, state_first_look(list->id + 1) - 1);
    bind_int(gone, &at, generation);
    rc = state_step(gone);
    for (int i = STATE_SQL_FOLDED_LAYOUT; rc == SQLITE_OK && i <= STATE_SQL_FOLDED_ENTRY; i++) {
        rc = state_sql(f, (enum state_sql)i, &gone);
        if (rc != SQLITE_OK)
            return rc;
        at = 1;
        bind_int(gone, &at, list->id);
        bind_int(gone, &at, generation);
        rc = state_step(gone);
    }
    return rc;
}

static void begin_fold(struct state_list *list, uint32_t generation) {
    list->folding = true;
    list->fold_generation = generation;
    list->fold_look = list->next_look - 1;
}

/* A list that there is not gets no row by that. */
static int write_list_gone(struct state_file *f, const char *name) {
    struct state_list *list = find_list(f, name);
    if (!list)
        return SQLITE_NOMEM;
    if (list->id == 0)
        return SQLITE_OK;
    const int rc = state_forget_list(f, list->id);
    if (rc == SQLITE_OK && !list->uncommitted) {
        list->gone_id = list->id;
        list->gone_look = list->next_look;
    }
    if (rc == SQLITE_OK) {
        list->id = 0;
        list->folding = false;
    }
    return rc;
}

static int write_of_list(struct state_file *f, const struct record *record, int64_t wall_ns) {
    struct state_list *list;
    const int rc = get_list(f, record->list, wall_ns, &list);
    if (rc != SQLITE_OK)
        return rc;
    switch (record->kind) {
    case RECORD_LIST: return write_list(f, list, record, wall_ns);
    case RECORD_LAYOUT:
    case RECORD_CELLS: return write_cells(f, list, record);
    case RECORD_LOOKS: return write_looks(f, list, record);
    case RECORD_FOLD: begin_fold(list, record->generation); return SQLITE_OK;
    case RECORD_FOLDED: return end_fold(f, list, record->generation);
    case RECORD_ENTRY:
    case RECORD_ENTRY_GONE: return write_entry(f, list, record);
    case RECORD_BUDGET:
    case RECORD_BUDGET_GONE:
    case RECORD_LIST_GONE:
    case RECORD_KEPT:
    case RECORD_KEPT_GONE:
    case RECORD_KINDS: break;
    }
    return SQLITE_OK;
}

int state_write_record(struct state_file *f, const struct record *record, int64_t wall_ns) {
    switch (record->kind) {
    case RECORD_BUDGET: return write_named(f, STATE_SQL_BUDGET_PUT, record, false);
    case RECORD_BUDGET_GONE: return write_named(f, STATE_SQL_BUDGET_GONE, record, true);
    case RECORD_KEPT: return write_named(f, STATE_SQL_KEPT_PUT, record, false);
    case RECORD_KEPT_GONE: return write_named(f, STATE_SQL_KEPT_GONE, record, true);
    case RECORD_LIST_GONE: return write_list_gone(f, record->list);
    case RECORD_LIST:
    case RECORD_LAYOUT:
    case RECORD_CELLS:
    case RECORD_LOOKS:
    case RECORD_FOLD:
    case RECORD_FOLDED:
    case RECORD_ENTRY:
    case RECORD_ENTRY_GONE:
    case RECORD_KINDS: break;
    }
    return write_of_list(f, record, wall_ns);
}

int state_forget_list(struct state_file *f, int64_t list_id) {
    int rc = SQLITE_OK;
    for (int i = STATE_SQL_FORGET_LIST; rc == SQLITE_OK && i <= STATE_SQL_FORGET_ENTRY; i++) {
        sqlite3_stmt *gone;
        rc = state_sql(f, (enum state_sql)i, &gone);
        if (rc != SQLITE_OK)
            return rc;
        const bool looks = i == STATE_SQL_FORGET_LOOKS;
        sqlite3_bind_int64(gone, 1, looks ? state_first_look(list_id) : list_id);
        if (looks)
            sqlite3_bind_int64(gone, 2, state_first_look(list_id + 1) - 1);
        rc = state_step(gone);
    }
    return rc;
}
