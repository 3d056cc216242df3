/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept, brought back.
 *
 * Damage is looked for in two ways, for neither finds all: PRAGMA quick_check walks every page (rows that
 * vanished from a page leave a hole in it), and each row has a checksum over its data and key. Whatever fails
 * does not end the reading: the budgets, the other rows, the other lists may be whole. Only when all that can
 * be read has been handed over is the file set aside, and the latest events are written into the new one.
 */
#include "edge/state_internal.h"

#include "edge/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FOUND_SIZE = 256,
    KEPT_SINCE = 2, /* the version that brought the table; an older file may only be readable */
};

struct loading {
    struct state *s;
    struct state_file *f;
    state_record_handler *record;
    void *context;
    int64_t alive_ns;
    bool no_memory;
    bool early;       /* state_load_kept(): what is damaged is told when all is read */
    bool passed_over; /* there are rows of lists that are forgotten */
    int64_t n_rows[RECORD_KINDS];
    size_t n_damaged;
    char found[FOUND_SIZE]; /* the first of it */
};

static void note_damage(struct loading *l, const char *what, const char *detail) {
    if (l->early)
        return;
    if (l->n_damaged++ == 0)
        snprintf(l->found, sizeof l->found, "%s: %.200s", what, detail);
    state_count_error(l->s);
}

/* A code of SQLite that ends the reading of some rows. */
static void note_code(struct loading *l, const char *what, int rc) {
    if ((rc & 0xff) == SQLITE_NOMEM)
        l->no_memory = true;
    else if (rc != SQLITE_OK && rc != SQLITE_DONE)
        note_damage(l, what, sqlite3_errstr(rc));
}

/* Whether every page is as it has to be; if not, `found` says why, or it is empty and `*rc` does. */
static bool is_sound(struct loading *l, char found[FOUND_SIZE], int *rc) {
    sqlite3_stmt *check;
    found[0] = '\0';
    *rc = state_sql(l->f, STATE_SQL_CHECK, &check);
    if (*rc != SQLITE_OK)
        return false;
    *rc = sqlite3_step(check);
    const char *text = *rc == SQLITE_ROW ? (const char *)sqlite3_column_text(check, 0) : NULL;
    const bool sound = text && strcmp(text, "ok") == 0;
    if (text)
        snprintf(found, FOUND_SIZE, "%.200s", text);
    else if (*rc == SQLITE_ROW)
        *rc = SQLITE_NOMEM;
    sqlite3_reset(check);
    return sound;
}

/* Both looks are taken twice before damage is believed: a disk that fails to read once must not cost the
 * file. */
enum { LOOKS = 2 };

static void check_file(struct loading *l) {
    char found[FOUND_SIZE];
    int rc = SQLITE_OK;
    if (!state_schema_is_current(l->f) && !l->f->read_only) {
        const int cause = state_schema_migrate(l->f);
        if (state_is_damage(cause))
            note_code(l, "tables of this version", cause);
    }
    bool whole = false;
    bool sound = false;
    for (int i = 0; i < LOOKS && !whole; i++)
        whole = state_schema_is_whole(l->f);
    for (int i = 0; i < LOOKS && !sound; i++)
        sound = is_sound(l, found, &rc);
    if (!whole)
        note_damage(l, "check of the file", "its tables are not those of this program");
    if (sound)
        return;
    if (found[0] != '\0')
        note_damage(l, "check of the file", found);
    else
        note_code(l, "check of the file", rc);
}

static void read_alive(struct loading *l) {
    sqlite3_stmt *alive;
    int rc = state_sql(l->f, STATE_SQL_ALIVE, &alive);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(alive);
    if (rc == SQLITE_ROW) {
        const int64_t wall_ns = sqlite3_column_int64(alive, 0);
        if ((uint32_t)sqlite3_column_int64(alive, 1) == state_alive_crc(wall_ns))
            l->alive_ns = wall_ns;
        else
            note_damage(l, "time of the last write", "its checksum is wrong");
        rc = SQLITE_OK;
    }
    note_code(l, "time of the last write", rc);
    sqlite3_reset(alive);
}

static void take_alive(struct loading *l) {
    read_alive(l);
    l->s->alive_ns = l->alive_ns;
    l->s->alive_mono_ns = clock_now_ns();
}

/* --- Records --- */

static const char *const table_of[RECORD_KINDS] = {
    [RECORD_LIST] = "table list",   [RECORD_LAYOUT] = "table layout", [RECORD_CELLS] = "table cells",
    [RECORD_LOOKS] = "table looks", [RECORD_ENTRY] = "table entry",   [RECORD_BUDGET] = "table budget",
    [RECORD_KEPT] = "table kept",
};

static bool read_ip(sqlite3_stmt *row, int column, struct ip *out) {
    const uint8_t *bytes = sqlite3_column_blob(row, column);
    const int n = sqlite3_column_bytes(row, column);
    if (n == 4)
        *out =
            ip_v4((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3]);
    else if (n == 16)
        *out = ip_v6(bytes);
    return n == 4 || n == 16;
}

/* Columns as the statements in state_schema.c give them. False: not what was written. */
static bool read_row(enum record_kind kind, const char *list, sqlite3_stmt *row, struct record *out) {
    *out = (struct record){
        .kind = kind,
        .list =
            kind == RECORD_BUDGET || kind == RECORD_KEPT ? (const char *)sqlite3_column_text(row, 6) : list,
        .generation = (uint32_t)sqlite3_column_int64(row, 0),
        .number = (uint32_t)sqlite3_column_int64(row, 1),
        .data = sqlite3_column_blob(row, 4),
        .len = (size_t)sqlite3_column_bytes(row, 4),
    };
    int64_t extra = sqlite3_column_int64(row, 3);
    if (kind == RECORD_LIST)
        extra = state_list_extra(sqlite3_column_int64(row, 6), extra);
    return out->list && strlen(out->list) < RECORD_NAME_SIZE && out->len < RECORD_SIZE &&
           (kind != RECORD_ENTRY || read_ip(row, 2, &out->ip)) &&
           (uint32_t)sqlite3_column_int64(row, 5) == state_record_crc(out, extra);
}

static void take_row(struct loading *l, enum record_kind kind, const char *list, sqlite3_stmt *row) {
    struct record record;
    l->n_rows[kind]++;
    if (!read_row(kind, list, row, &record)) {
        note_damage(l, table_of[kind], "the checksum of a row is wrong");
        return;
    }
    if (kind == RECORD_LIST && sqlite3_column_type(row, 4) == SQLITE_NULL)
        return; /* no LIST was ever put */
    if (record.len == 0)
        record.data = "";
    switch (l->record(l->context, &record)) {
    case STATUS_OK: break;
    case STATUS_NO_MEMORY: l->no_memory = true; break;
    case STATUS_SYNTAX:
    case STATUS_RANGE:
    case STATUS_FULL:
    case STATUS_NOT_FOUND:
    case STATUS_IO:
    case STATUS_INVALID: note_damage(l, table_of[kind], "a record makes no sense"); break;
    }
}

/* All rows of a statement that has its values (`rc`: whether it could be had). */
static void take_rows(struct loading *l, enum record_kind kind, const char *list, sqlite3_stmt *rows,
                      int rc) {
    if (rc == SQLITE_OK) {
        while (!l->no_memory && (rc = sqlite3_step(rows)) == SQLITE_ROW)
            take_row(l, kind, list, rows);
        sqlite3_reset(rows);
    }
    note_code(l, table_of[kind], rc == SQLITE_ROW ? SQLITE_OK : rc);
}

static void take_named(struct loading *l, enum state_sql which, enum record_kind kind) {
    sqlite3_stmt *rows;
    const int rc = state_sql(l->f, which, &rows);
    take_rows(l, kind, NULL, rows, rc);
}

static void take_of_list(struct loading *l, enum state_sql which, enum record_kind kind,
                         const struct state_list *list) {
    sqlite3_stmt *rows;
    const int rc = state_sql(l->f, which, &rows);
    if (rc == SQLITE_OK)
        sqlite3_bind_int64(rows, 1, list->id);
    take_rows(l, kind, list->name, rows, rc);
}

static void take_of_generation(struct loading *l, enum state_sql which, enum record_kind kind,
                               const struct state_list *list, int64_t generation) {
    sqlite3_stmt *rows;
    const bool looks = kind == RECORD_LOOKS;
    const int rc = state_sql(l->f, which, &rows);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(rows, 1, looks ? state_first_look(list->id) : list->id);
        if (looks)
            sqlite3_bind_int64(rows, 2, state_first_look(list->id + 1) - 1);
        sqlite3_bind_int64(rows, looks ? 3 : 2, generation);
    }
    take_rows(l, kind, list->name, rows, rc);
}

/* --- Generations --- */

struct generations {
    int64_t *numbers; /* rising */
    size_t n;
    size_t room;
};

static bool add_generation(struct generations *g, int64_t number) {
    size_t at = g->n;
    while (at > 0 && g->numbers[at - 1] > number)
        at--;
    if (at > 0 && g->numbers[at - 1] == number)
        return true;
    if (g->n == g->room) {
        const size_t room = g->room ? 2 * g->room : 16;
        int64_t *numbers = realloc(g->numbers, room * sizeof *numbers);
        if (!numbers)
            return false;
        g->numbers = numbers;
        g->room = room;
    }
    memmove(g->numbers + at + 1, g->numbers + at, (g->n - at) * sizeof *g->numbers);
    g->numbers[at] = number;
    g->n++;
    return true;
}

static void find_generations(struct loading *l, const struct state_list *list, struct generations *out) {
    for (int i = STATE_SQL_GENERATIONS_LAYOUT; i <= STATE_SQL_GENERATIONS_LOOKS; i++) {
        sqlite3_stmt *rows;
        int rc = state_sql(l->f, (enum state_sql)i, &rows);
        if (rc != SQLITE_OK) {
            note_code(l, "generations of a list", rc);
            continue;
        }
        const bool looks = i == STATE_SQL_GENERATIONS_LOOKS;
        sqlite3_bind_int64(rows, 1, looks ? state_first_look(list->id) : list->id);
        if (looks)
            sqlite3_bind_int64(rows, 2, state_first_look(list->id + 1) - 1);
        while (!l->no_memory && (rc = sqlite3_step(rows)) == SQLITE_ROW)
            l->no_memory = !add_generation(out, sqlite3_column_int64(rows, 0));
        sqlite3_reset(rows);
        note_code(l, "generations of a list", rc == SQLITE_ROW ? SQLITE_OK : rc);
    }
}

static void take_list(struct loading *l, const struct state_list *list) {
    struct generations g = {0};
    find_generations(l, list, &g);
    for (size_t i = 0; !l->no_memory && i < g.n; i++) {
        take_of_generation(l, STATE_SQL_LAYOUT, RECORD_LAYOUT, list, g.numbers[i]);
        take_of_generation(l, STATE_SQL_CELLS, RECORD_CELLS, list, g.numbers[i]);
        take_of_generation(l, STATE_SQL_LOOKS, RECORD_LOOKS, list, g.numbers[i]);
    }
    free(g.numbers);
    if (!l->no_memory)
        take_of_list(l, STATE_SQL_ENTRY, RECORD_ENTRY, list);
}

/* --- Lists --- */

/* A list that is deleted when its time has come. Time is measured up to the last write and not up to now: a
 * program that was off for a summer, or a clock that is wrong at start, forgets nothing. When the deleting
 * fails, the rows stay until the next start; the name gets another number if it comes back. */
static void forget_list(struct loading *l, size_t i) {
    struct state_list *lists = l->f->lists;
    const struct state_list gone = lists[i];
    memmove(lists + i, lists + i + 1, (l->f->n_lists - i - 1) * sizeof *lists);
    l->f->n_lists--;
    l->passed_over = true;
    if (l->f->read_only || l->n_damaged > 0)
        return;
    int rc = state_begin(l->f);
    if (rc == SQLITE_OK)
        rc = state_forget_list(l->f, gone.id);
    if (rc == SQLITE_OK)
        rc = state_commit(l->f, l->alive_ns);
    if (rc == SQLITE_OK) {
        l->passed_over = false;
        log_write(LOG_INFO, "forgot what was kept of a list that has long been configured no more", "list",
                  gone.name, NULL);
        return;
    }
    state_rollback(l->f);
    state_count_error(l->s);
}

/* Nothing is forgotten on the word of a damaged row. */
static bool is_long_gone(struct loading *l, const struct state_list *list) {
    if (list->put_ns >= l->alive_ns - STATE_FORGET_NS)
        return false;
    sqlite3_stmt *row;
    struct record record;
    int rc = state_sql(l->f, STATE_SQL_LIST, &row);
    if (rc != SQLITE_OK)
        return false;
    sqlite3_bind_int64(row, 1, list->id);
    rc = sqlite3_step(row);
    const bool whole = rc == SQLITE_ROW && read_row(RECORD_LIST, list->name, row, &record);
    sqlite3_reset(row);
    return whole;
}

static void take_lists(struct loading *l) {
    note_code(l, "table list", state_read_lists(l->f));
    for (size_t i = l->f->n_lists; i-- > 0;) {
        if (is_long_gone(l, &l->f->lists[i]))
            forget_list(l, i);
    }
    for (size_t i = 0; !l->no_memory && i < l->f->n_lists; i++)
        take_of_list(l, STATE_SQL_LIST, RECORD_LIST, &l->f->lists[i]);
    for (size_t i = 0; !l->no_memory && i < l->f->n_lists; i++)
        take_list(l, &l->f->lists[i]);
}

/* A row whose key says another list or generation than it was put with may be where nobody looks for it: only
 * the number of rows tells. */
static void check_counts(struct loading *l) {
    static const enum record_kind kinds[] = {RECORD_LAYOUT, RECORD_CELLS, RECORD_LOOKS, RECORD_ENTRY};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !l->passed_over; i++) {
        sqlite3_stmt *count;
        int rc = state_sql(l->f, (enum state_sql)(STATE_SQL_COUNT_LAYOUT + i), &count);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(count);
        if (rc == SQLITE_ROW && sqlite3_column_int64(count, 0) != l->n_rows[kinds[i]])
            note_damage(l, table_of[kinds[i]], "a row is not where it belongs");
        sqlite3_reset(count);
        note_code(l, table_of[kinds[i]], rc == SQLITE_ROW ? SQLITE_OK : rc);
    }
}

/* --- What becomes of the file --- */

static size_t read_events(struct loading *l, struct history_event *events) {
    size_t n = 0;
    size_t n_damaged = 0;
    note_code(l, "table history", state_events_latest(l->f, events, &n, &n_damaged));
    while (n_damaged-- > 0)
        note_damage(l, "table history", "the checksum of a row is wrong");
    return n;
}

static void begin_anew(struct loading *l, const struct history_event *events, size_t n) {
    char where[PATH_MAX];
    if (!state_file_set_aside(l->f, where, sizeof where)) {
        log_write(LOG_ERROR, "the store is damaged and cannot be set aside", "file", l->f->path, "found",
                  l->found, "why", l->f->why, NULL);
        state_say_for_good(l->s, l->f->why);
        return;
    }
    log_write(LOG_ERROR, "the store is damaged: what can be read is used, and a new one begun", "file",
              l->f->path, "found", l->found, "kept_as", where, NULL);
    switch (state_file_open(l->f)) {
    case STATE_OPEN:
        if (state_write_events(l->f, events, n, clock_wall_ns()) != SQLITE_OK)
            state_count_error(l->s);
        break;
    case STATE_LATER: state_say(l->s, false, l->f->why); break;
    case STATE_DAMAGED:
    case STATE_DOWN: state_say_for_good(l->s, l->f->why); break;
    }
}

static void end_loading(struct loading *l, const struct history_event *events, size_t n) {
    if (l->n_damaged > 0 && !l->f->read_only) {
        l->s->damaged = true;
        begin_anew(l, events, n);
    } else if (l->n_damaged > 0) {
        log_write(LOG_ERROR, "the store is damaged, and cannot be written: what can be read is used", "file",
                  l->f->path, "found", l->found, NULL);
    }
}

static const struct state_list *find_list(const struct state_file *f, const char *name) {
    for (size_t i = 0; i < f->n_lists; i++)
        if (strcmp(f->lists[i].name, name) == 0)
            return &f->lists[i];
    return NULL;
}

enum status state_load_lists(struct state *s, const char *const *names, size_t n,
                             state_record_handler *record, void *context) {
    struct loading l = {.s = s, .f = &s->file, .record = record, .context = context};
    for (size_t i = 0; !l.no_memory && i < n; i++)
        if (find_list(l.f, names[i]))
            take_of_list(&l, STATE_SQL_LIST, RECORD_LIST, find_list(l.f, names[i]));
    for (size_t i = 0; !l.no_memory && i < n; i++)
        if (find_list(l.f, names[i]))
            take_list(&l, find_list(l.f, names[i]));
    if (l.no_memory)
        return STATUS_NO_MEMORY;
    return l.n_damaged > 0 ? STATUS_IO : STATUS_OK;
}

enum status state_load_kept(struct state *s, state_record_handler *record, void *context) {
    struct loading l = {.s = s, .f = &s->file, .record = record, .context = context, .early = true};
    if (s->file.db && s->file.version >= KEPT_SINCE) {
        take_alive(&l); /* what is kept may depend on the time of day */
        take_named(&l, STATE_SQL_KEPT, RECORD_KEPT);
    }
    return l.no_memory ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status state_load(struct state *s, state_record_handler *record, state_event_handler *event,
                       void *context, int64_t *alive_ns) {
    struct loading l = {.s = s, .f = &s->file, .record = record, .context = context};
    struct history_event *events = calloc(HISTORY_SHOWN, sizeof *events);
    if (!events)
        return STATUS_NO_MEMORY;
    size_t n_events = 0;
    if (s->file.db) {
        check_file(&l);
        take_alive(&l);
        take_named(&l, STATE_SQL_BUDGET, RECORD_BUDGET);
        if (!l.no_memory && s->file.version >= KEPT_SINCE)
            take_named(&l, STATE_SQL_KEPT, RECORD_KEPT);
        take_lists(&l);
        if (!l.no_memory)
            check_counts(&l);
        if (!l.no_memory)
            n_events = read_events(&l, events);
        for (size_t i = n_events; i-- > 0;)
            event(context, &events[i]);
    } else if (s->unreadable) {
        note_damage(&l, "the file", s->file.why);
    }
    if (!l.no_memory) {
        end_loading(&l, events, n_events);
        *alive_ns = l.alive_ns;
    }
    free(events);
    if (s->file.read_only)
        state_file_close(&s->file, false);
    state_look(s, clock_now_ns());
    return l.no_memory ? STATUS_NO_MEMORY : STATUS_OK;
}
