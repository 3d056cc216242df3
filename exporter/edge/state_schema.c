/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables, how they came to be, and every statement over them.
 *
 * A list is a small number in all tables but its own. There are no indexes beside the keys (but for the
 * history of an address): a damaged index would hide rows without anybody noticing, and none is needed, for
 * the keys keep together what is read together. LOOKS have the list in the upper bits of their key, so that
 * those of a list are one stretch, in order, in a table that keeps long rows whole.
 *
 * `crc` is over a row's data and its key (state_write.c), so that a flipped bit is found wherever it is.
 */
#include "edge/state_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "rblx" */
static const int64_t APPLICATION_ID = 0x72626c78;

/* What leads from each version to the next; user_version counts those that were run. */
static const char *const migrations[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER, crc INTEGER) WITHOUT ROWID;"
    "CREATE TABLE list(id INTEGER PRIMARY KEY, name TEXT, put_at INTEGER, data BLOB, crc INTEGER);"
    "CREATE TABLE layout(list INTEGER, generation INTEGER, data BLOB, crc INTEGER,"
    " PRIMARY KEY(list, generation)) WITHOUT ROWID;"
    "CREATE TABLE cells(list INTEGER, generation INTEGER, number INTEGER, data BLOB, crc INTEGER,"
    " PRIMARY KEY(list, generation, number)) WITHOUT ROWID;"
    "CREATE TABLE looks(id INTEGER PRIMARY KEY, generation INTEGER, data BLOB, crc INTEGER);"
    "CREATE TABLE entry(list INTEGER, ip BLOB, generation INTEGER, data BLOB, crc INTEGER,"
    " PRIMARY KEY(list, ip)) WITHOUT ROWID;"
    "CREATE TABLE budget(name TEXT, shared INTEGER, data BLOB, crc INTEGER,"
    " PRIMARY KEY(name, shared)) WITHOUT ROWID;"
    "CREATE TABLE history(id INTEGER PRIMARY KEY, at INTEGER, kind TEXT, list TEXT, ip TEXT, detail TEXT,"
    " crc INTEGER);"
    "CREATE UNIQUE INDEX history_of ON history(ip, at) WHERE ip IS NOT NULL;",
    "CREATE TABLE kept(name TEXT, kind INTEGER, data BLOB, crc INTEGER, PRIMARY KEY(name, kind))"
    " WITHOUT ROWID;",
};
enum { VERSION = sizeof migrations / sizeof migrations[0] };

/* What does not fit on a line below. */
static const char cells_of[] = "SELECT generation, number, NULL, 0, data, crc FROM cells"
                               " WHERE list = ? AND generation = ? ORDER BY number";
static const char looks_of[] = "SELECT generation, 0, NULL, id, data, crc FROM looks"
                               " WHERE id BETWEEN ? AND ? AND generation = ? ORDER BY id";
static const char events_of[] = "SELECT id, at, kind, list, ip, detail, crc FROM history"
                                " WHERE ip = ? AND at < ? ORDER BY at DESC LIMIT ?";
static const char prune[] = "DELETE FROM history WHERE id > ?1 AND id <= ?2 AND"
                            " (at < ?3 OR id <= (SELECT max(id) FROM history) - ?4)";

static const char *const statements[STATE_SQLS] = {
    [STATE_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [STATE_SQL_COMMIT] = "COMMIT",
    [STATE_SQL_ROLLBACK] = "ROLLBACK",
    [STATE_SQL_ALIVE_PUT] = "INSERT OR REPLACE INTO meta VALUES('alive', ?, ?)",
    [STATE_SQL_LIST_NEW] = "INSERT INTO list VALUES(?, ?, ?, NULL, ?)",
    [STATE_SQL_LIST_PUT] = "UPDATE list SET put_at = ?2, data = ?3, crc = ?4 WHERE id = ?1",
    [STATE_SQL_LAYOUT_PUT] = "INSERT OR REPLACE INTO layout VALUES(?, ?, ?, ?)",
    [STATE_SQL_CELLS_PUT] = "INSERT OR REPLACE INTO cells VALUES(?, ?, ?, ?, ?)",
    [STATE_SQL_LOOKS_PUT] = "INSERT INTO looks VALUES(?, ?, ?, ?)",
    [STATE_SQL_ENTRY_PUT] = "INSERT OR REPLACE INTO entry VALUES(?, ?, ?, ?, ?)",
    [STATE_SQL_ENTRY_GONE] = "DELETE FROM entry WHERE list = ? AND ip = ?",
    [STATE_SQL_BUDGET_PUT] = "INSERT OR REPLACE INTO budget VALUES(?, ?, ?, ?)",
    [STATE_SQL_BUDGET_GONE] = "DELETE FROM budget WHERE name = ? AND shared = ?",
    [STATE_SQL_KEPT_PUT] = "INSERT OR REPLACE INTO kept VALUES(?, ?, ?, ?)",
    [STATE_SQL_KEPT_GONE] = "DELETE FROM kept WHERE name = ? AND kind = ?",
    [STATE_SQL_EVENT_LAST] = "SELECT max(id) FROM history",
    [STATE_SQL_EVENT_PUT] = "INSERT INTO history VALUES(?, ?, ?, ?, ?, ?, ?)",
    [STATE_SQL_FOLDED_LOOKS] =
        "DELETE FROM looks WHERE id BETWEEN ?1 AND ?2 OR (id BETWEEN ?1 AND ?3 AND generation < ?4)",
    [STATE_SQL_FOLDED_LAYOUT] = "DELETE FROM layout WHERE list = ? AND generation < ?",
    [STATE_SQL_FOLDED_CELLS] = "DELETE FROM cells WHERE list = ? AND generation < ?",
    [STATE_SQL_FOLDED_ENTRY] = "DELETE FROM entry WHERE list = ? AND generation < ?",
    [STATE_SQL_FORGET_LIST] = "DELETE FROM list WHERE id = ?",
    [STATE_SQL_FORGET_LAYOUT] = "DELETE FROM layout WHERE list = ?",
    [STATE_SQL_FORGET_CELLS] = "DELETE FROM cells WHERE list = ?",
    [STATE_SQL_FORGET_LOOKS] = "DELETE FROM looks WHERE id BETWEEN ? AND ?",
    [STATE_SQL_FORGET_ENTRY] = "DELETE FROM entry WHERE list = ?",
    [STATE_SQL_CHECK] = "PRAGMA quick_check(1)",
    [STATE_SQL_ALIVE] = "SELECT value, crc FROM meta WHERE key = 'alive'",
    [STATE_SQL_LISTS] = "SELECT id, name, put_at FROM list ORDER BY id",
    [STATE_SQL_LAST_LOOK] = "SELECT max(id) FROM looks WHERE id BETWEEN ? AND ?",
    [STATE_SQL_GENERATIONS_LAYOUT] = "SELECT DISTINCT generation FROM layout WHERE list = ?",
    [STATE_SQL_GENERATIONS_CELLS] = "SELECT DISTINCT generation FROM cells WHERE list = ?",
    [STATE_SQL_GENERATIONS_LOOKS] = "SELECT generation FROM looks WHERE id BETWEEN ? AND ?",
    /* Those that give records: generation, number, ip, what else is in the checksum, data, crc,
     * name or number. */
    [STATE_SQL_BUDGET] = "SELECT 0, shared, NULL, 0, data, crc, name FROM budget",
    [STATE_SQL_KEPT] = "SELECT 0, kind, NULL, 0, data, crc, name FROM kept",
    [STATE_SQL_LIST] = "SELECT 0, 0, NULL, put_at, data, crc, id FROM list WHERE id = ?",
    [STATE_SQL_LAYOUT] =
        "SELECT generation, 0, NULL, 0, data, crc FROM layout WHERE list = ? AND generation = ?",
    [STATE_SQL_CELLS] = cells_of,
    [STATE_SQL_LOOKS] = looks_of,
    [STATE_SQL_ENTRY] = "SELECT generation, 0, ip, 0, data, crc FROM entry WHERE list = ? ORDER BY ip",
    [STATE_SQL_COUNT_LAYOUT] = "SELECT count(*) FROM layout",
    [STATE_SQL_COUNT_CELLS] = "SELECT count(*) FROM cells",
    [STATE_SQL_COUNT_LOOKS] = "SELECT count(*) FROM looks",
    [STATE_SQL_COUNT_ENTRY] = "SELECT count(*) FROM entry",
    [STATE_SQL_EVENTS_LATEST] =
        "SELECT id, at, kind, list, ip, detail, crc FROM history ORDER BY id DESC LIMIT ?",
    [STATE_SQL_EVENTS_OF] = events_of,
    [STATE_SQL_PRUNE_END] =
        "SELECT max(id), count(*) FROM (SELECT id FROM history WHERE id > ? ORDER BY id LIMIT ?)",
    [STATE_SQL_PRUNE] = prune,
    [STATE_SQL_SPARE] = "SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count",
    [STATE_SQL_SHRINK] = "PRAGMA incremental_vacuum(256)",
};

int state_sql(struct state_file *f, enum state_sql which, sqlite3_stmt **out) {
    sqlite3_stmt **statement = &f->statements[which];
    *out = NULL;
    if (!*statement) {
        const int rc =
            sqlite3_prepare_v3(f->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
        if (rc != SQLITE_OK)
            return rc;
    }
    *out = *statement;
    return SQLITE_OK;
}

int state_step(sqlite3_stmt *statement) {
    int rc;
    do
        rc = sqlite3_step(statement);
    while (rc == SQLITE_ROW);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int state_run(struct state_file *f, enum state_sql which) {
    sqlite3_stmt *statement;
    const int rc = state_sql(f, which, &statement);
    return rc == SQLITE_OK ? state_step(statement) : rc;
}

int state_number(struct state_file *f, const char *sql, int64_t *out) {
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(f->db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
        rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_EMPTY;
    }
    sqlite3_finalize(statement);
    return rc;
}

/* A file of somebody else, or of a later version of this program: whatever is in it is not ours to change. */
static enum state_outcome refuse(struct state_file *f, const char *what, int64_t version) {
    const char *todo = "move it away, or give another --storage.path";
    if (version > 0)
        todo = "update the program, or give another --storage.path";
    snprintf(f->why, sizeof f->why, "%s %s; %s", f->path, what, todo);
    return STATE_DOWN;
}

enum state_outcome state_schema_judge(struct state_file *f) {
    int64_t application = 0;
    int64_t tables = 0;
    f->version = 0;
    int rc = state_number(f, "PRAGMA user_version", &f->version);
    if (rc == SQLITE_OK)
        rc = state_number(f, "PRAGMA application_id", &application);
    if (rc == SQLITE_OK)
        rc = state_number(f, "SELECT count(*) FROM sqlite_schema", &tables);
    if ((rc & 0xff) == SQLITE_BUSY) {
        snprintf(f->why, sizeof f->why,
                 "%s is used by another process; give each exporter its own --storage.path", f->path);
        f->taken = true;
        return STATE_DOWN;
    }
    if (rc != SQLITE_OK) {
        state_file_explain(f, "cannot read", rc);
        return state_is_damage(rc) ? STATE_DAMAGED : STATE_LATER;
    }
    if (f->version == 0 && application == 0 && tables == 0)
        return STATE_OPEN;
    if (application != APPLICATION_ID)
        return refuse(f, "is no store of rbl_exporter", 0);
    if (f->version > VERSION)
        return refuse(f, "was written by a later version of rbl_exporter", f->version);
    if (f->version > 0)
        return STATE_OPEN;
    snprintf(f->why, sizeof f->why, "%s has no version", f->path);
    return STATE_DAMAGED;
}

static int migrate_from(struct state_file *f, int64_t version) {
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT",
             (int)version + 1, (int)APPLICATION_ID);
    int rc = state_run(f, STATE_SQL_BEGIN);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(f->db, migrations[version], NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(f->db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        state_rollback(f);
    return rc;
}

int state_schema_migrate(struct state_file *f) {
    int rc = state_number(f, "PRAGMA user_version", &f->version);
    while (rc == SQLITE_OK && f->version < VERSION) {
        rc = migrate_from(f, f->version);
        f->version += rc == SQLITE_OK;
    }
    return rc;
}

bool state_schema_is_current(const struct state_file *f) {
    return f->version == VERSION;
}

static char *schema_of(sqlite3 *db) {
    static const char sql[] =
        "SELECT group_concat(type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, ''), char(10))"
        " FROM (SELECT * FROM sqlite_schema ORDER BY type, name)";
    sqlite3_stmt *row;
    char *text = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW &&
        sqlite3_column_text(row, 0))
        text = strdup((const char *)sqlite3_column_text(row, 0));
    sqlite3_finalize(row);
    return text;
}

bool state_schema_is_whole(struct state_file *f) {
    sqlite3 *fresh;
    int rc = sqlite3_open_v2(":memory:", &fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    for (int64_t i = 0; rc == SQLITE_OK && i < f->version && i < VERSION; i++)
        rc = sqlite3_exec(fresh, migrations[i], NULL, NULL, NULL);
    char *found = schema_of(f->db);
    char *expected = rc == SQLITE_OK ? schema_of(fresh) : NULL;
    /* Without memory to compare with nothing can be said against it. */
    const bool whole = !expected || (found && strcmp(found, expected) == 0);
    sqlite3_close(fresh);
    free(found);
    free(expected);
    return whole;
}
