/* SPDX-License-Identifier: Apache-2.0
 *
 * The history in the file. It is text that people can read with sqlite3(1).
 *
 * No two events of an address have the same time, or a page of answers could not say where the next begins:
 * one that would is written as a nanosecond later.
 */
#include "edge/state_internal.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { SAME_TIME_MOST = 1000, SPARE_LEAST = 4096 };

static uint32_t event_crc(int64_t id, int64_t at, const char *const text[4]) {
    const uint64_t key[] = {htole64((uint64_t)id), htole64((uint64_t)at)};
    unsigned long crc = crc32(0, (const unsigned char *)key, sizeof key);
    for (int i = 0; i < 4; i++) {
        if (text[i])
            crc = crc32(crc, (const unsigned char *)text[i], (unsigned)strlen(text[i]));
        crc = crc32(crc, (const unsigned char *)(text[i] ? "\n" : "\t"), 1);
    }
    return (uint32_t)crc;
}

/* One more than the last, 1 in an empty table: as SQLite counts, but known before, for the checksum. */
static int next_id(struct state_file *f, int64_t *out) {
    sqlite3_stmt *last;
    int rc = state_sql(f, STATE_SQL_EVENT_LAST, &last);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(last);
    *out = sqlite3_column_int64(last, 0) + 1;
    return rc == SQLITE_ROW ? sqlite3_reset(last) : rc;
}

static int insert_event(sqlite3_stmt *put, int64_t id, int64_t at, const char *const text[4]) {
    sqlite3_bind_int64(put, 1, id);
    sqlite3_bind_int64(put, 2, at);
    for (int i = 0; i < 4; i++)
        sqlite3_bind_text(put, 3 + i, text[i], -1, SQLITE_STATIC); /* NULL for no text */
    sqlite3_bind_int64(put, 7, event_crc(id, at, text));
    return state_step(put);
}

int state_write_event(struct state_file *f, const struct history_event *event) {
    char ip[IP_TEXT_SIZE];
    if (event->has_ip)
        ip_format(&event->ip, ip);
    const char *const text[] = {history_kind_text[event->kind], event->list, event->has_ip ? ip : NULL,
                                event->detail};
    sqlite3_stmt *put;
    int64_t id = 0;
    int rc = state_sql(f, STATE_SQL_EVENT_PUT, &put);
    if (rc == SQLITE_OK)
        rc = next_id(f, &id);
    if (rc != SQLITE_OK)
        return rc;
    for (int i = 0; i < SAME_TIME_MOST; i++) {
        rc = insert_event(put, id, event->wall_ns + i, text);
        if (rc != SQLITE_CONSTRAINT_UNIQUE)
            break;
    }
    return rc;
}

int state_write_events(struct state_file *f, const struct history_event *events, size_t n, int64_t wall_ns) {
    int rc = state_begin(f);
    for (size_t i = n; rc == SQLITE_OK && i-- > 0;)
        rc = state_write_event(f, &events[i]);
    if (rc == SQLITE_OK)
        rc = state_commit(f, wall_ns);
    if (rc != SQLITE_OK)
        state_rollback(f);
    return rc;
}

/* --- Reading --- */

static bool read_kind(const char *text, enum history_kind *out) {
    for (int i = 0; text && i < HISTORY_KINDS; i++) {
        if (strcmp(text, history_kind_text[i]) == 0) {
            *out = (enum history_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_event(sqlite3_stmt *row, struct history_event *out) {
    const char *text[4];
    for (int i = 0; i < 4; i++)
        text[i] = (const char *)sqlite3_column_text(row, 2 + i);
    const int64_t at = sqlite3_column_int64(row, 1);
    *out = (struct history_event){.wall_ns = at, .has_ip = text[2] != NULL};
    if ((uint32_t)sqlite3_column_int64(row, 6) != event_crc(sqlite3_column_int64(row, 0), at, text))
        return false;
    if (!read_kind(text[0], &out->kind) || !text[1] || !text[3] || strlen(text[1]) >= sizeof out->list ||
        strlen(text[3]) >= sizeof out->detail)
        return false;
    snprintf(out->list, sizeof out->list, "%s", text[1]);
    snprintf(out->detail, sizeof out->detail, "%s", text[3]);
    return !out->has_ip || ip_parse(text[2], strlen(text[2]), &out->ip) == STATUS_OK;
}

static int read_events(sqlite3_stmt *rows, struct history_event *events, size_t *n, size_t *n_damaged) {
    int rc;
    *n = 0;
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        if (read_event(rows, &events[*n]))
            ++*n;
        else
            ++*n_damaged;
    }
    sqlite3_reset(rows);
    sqlite3_clear_bindings(rows);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int state_events_of(struct state_file *f, const struct ip *ip, int64_t before_ns, unsigned limit,
                    struct history_event *events, size_t *n, size_t *n_damaged) {
    sqlite3_stmt *rows;
    const int rc = state_sql(f, STATE_SQL_EVENTS_OF, &rows);
    if (rc != SQLITE_OK)
        return rc;
    char text[IP_TEXT_SIZE];
    ip_format(ip, text);
    sqlite3_bind_text(rows, 1, text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(rows, 2, before_ns);
    sqlite3_bind_int64(rows, 3, (int64_t)limit + 1);
    return read_events(rows, events, n, n_damaged);
}

int state_events_latest(struct state_file *f, struct history_event *events, size_t *n, size_t *n_damaged) {
    sqlite3_stmt *rows;
    *n = 0;
    const int rc = state_sql(f, STATE_SQL_EVENTS_LATEST, &rows);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(rows, 1, HISTORY_SHOWN);
    return read_events(rows, events, n, n_damaged);
}

/* --- Pruning --- */

/* The last of the next rows to be looked at, and how many there are. */
static int prune_end(struct state_file *f, int64_t *end, int64_t *n) {
    sqlite3_stmt *rows;
    int rc = state_sql(f, STATE_SQL_PRUNE_END, &rows);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(rows, 1, f->prune_cursor);
    sqlite3_bind_int64(rows, 2, STATE_PRUNE_ROWS);
    rc = sqlite3_step(rows);
    *end = sqlite3_column_int64(rows, 0);
    *n = sqlite3_column_int64(rows, 1);
    return rc == SQLITE_ROW ? sqlite3_reset(rows) : rc;
}

/* Gives some of the file back when more than a quarter of it is empty. */
static int shrink(struct state_file *f, bool *more) {
    sqlite3_stmt *spare;
    int rc = state_sql(f, STATE_SQL_SPARE, &spare);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(spare);
    const int64_t n_free = sqlite3_column_int64(spare, 0);
    const int64_t n_pages = sqlite3_column_int64(spare, 1);
    sqlite3_reset(spare);
    if (rc != SQLITE_ROW)
        return rc;
    *more = n_free > SPARE_LEAST && n_free > n_pages / 4;
    return *more ? state_run(f, STATE_SQL_SHRINK) : SQLITE_OK;
}

static int prune_rows(struct state_file *f, int64_t end, int64_t cutoff_ns, int64_t rows, int *n_gone) {
    sqlite3_stmt *gone;
    int rc = state_sql(f, STATE_SQL_PRUNE, &gone);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(gone, 1, f->prune_cursor);
    sqlite3_bind_int64(gone, 2, end);
    sqlite3_bind_int64(gone, 3, cutoff_ns);
    sqlite3_bind_int64(gone, 4, rows);
    rc = state_step(gone);
    *n_gone = sqlite3_changes(f->db);
    return rc;
}

/* Goes through the history from its oldest row, and stops at the first step without one that is too old: a
 * few with a time that was wrong do not keep the rest. */
int state_prune(struct state_file *f, int64_t wall_ns, int64_t cutoff_ns, int64_t rows, bool *more) {
    int64_t end = 0;
    int64_t n = 0;
    int n_gone = 0;
    bool shrinks = false;
    int rc = prune_end(f, &end, &n);
    if (rc != SQLITE_OK)
        return rc;
    rc = state_begin(f);
    if (rc == SQLITE_OK && n > 0)
        rc = prune_rows(f, end, cutoff_ns, rows, &n_gone);
    if (rc == SQLITE_OK)
        rc = shrink(f, &shrinks);
    if (rc == SQLITE_OK)
        rc = state_commit(f, wall_ns);
    if (rc != SQLITE_OK) {
        state_rollback(f);
        return rc;
    }
    const bool goes_on = n_gone > 0 && n == STATE_PRUNE_ROWS;
    f->prune_cursor = goes_on ? end : 0;
    *more = goes_on || shrinks;
    return SQLITE_OK;
}
