/* SPDX-License-Identifier: Apache-2.0
 *
 * A store in a folder of its own, what it has said, and a disk that fails on demand: a VFS of SQLite that
 * lies between it and the system's.
 */
#ifndef RBL_TESTS_STATE_FIXTURE_H
#define RBL_TESTS_STATE_FIXTURE_H

#include "edge/clock.h"
#include "edge/state_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t MS = 1000000;
static const int64_t DAY = INT64_C(86400) * 1000000000;
/* How long what has to come true may take: as long as a machine with much else to do may need. */
static const int64_t PATIENCE_NS = INT64_C(90) * 1000000000;

/* --- A disk that fails --- */

static struct {
    atomic_int write_rc; /* what writes answer instead of writing; 0: they write */
    atomic_int sync_rc;
    atomic_int read_rc;
    atomic_int sync_ms; /* how long a sync takes */
    atomic_bool lazy;   /* a sync does nothing, for speed */
    atomic_int syncing; /* how many are under way */
    atomic_int syncs;
    atomic_int writes;
    void (*before_lock)(int how); /* called before a lock is taken */
} disk;

struct disk_file {
    sqlite3_file base;
    sqlite3_file *real;
};

#define REAL(f) (((struct disk_file *)(f))->real)

static int disk_close(sqlite3_file *f) {
    return REAL(f)->pMethods ? REAL(f)->pMethods->xClose(REAL(f)) : SQLITE_OK;
}
static int disk_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
    return disk.read_rc ? disk.read_rc : REAL(f)->pMethods->xRead(REAL(f), to, n, at);
}
static int disk_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
    disk.writes++;
    return disk.write_rc ? disk.write_rc : REAL(f)->pMethods->xWrite(REAL(f), from, n, at);
}
static int disk_truncate(sqlite3_file *f, sqlite3_int64 size) {
    return REAL(f)->pMethods->xTruncate(REAL(f), size);
}
static int disk_sync(sqlite3_file *f, int flags) {
    disk.syncing++;
    if (disk.sync_ms)
        usleep((unsigned)disk.sync_ms * 1000);
    disk.syncing--;
    disk.syncs++;
    if (disk.sync_rc || disk.lazy)
        return disk.sync_rc;
    return REAL(f)->pMethods->xSync(REAL(f), flags);
}
static int disk_size(sqlite3_file *f, sqlite3_int64 *size) {
    return REAL(f)->pMethods->xFileSize(REAL(f), size);
}
static int disk_lock(sqlite3_file *f, int how) {
    if (disk.before_lock)
        disk.before_lock(how);
    return REAL(f)->pMethods->xLock(REAL(f), how);
}
static int disk_unlock(sqlite3_file *f, int how) {
    return REAL(f)->pMethods->xUnlock(REAL(f), how);
}
static int disk_reserved(sqlite3_file *f, int *out) {
    return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out);
}
static int disk_control(sqlite3_file *f, int what, void *with) {
    return REAL(f)->pMethods->xFileControl(REAL(f), what, with);
}
static int disk_sector(sqlite3_file *f) {
    return REAL(f)->pMethods->xSectorSize(REAL(f));
}
static int disk_traits(sqlite3_file *f) {
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static const sqlite3_io_methods disk_methods = {
    .iVersion = 1,
    .xClose = disk_close,
    .xRead = disk_read,
    .xWrite = disk_write,
    .xTruncate = disk_truncate,
    .xSync = disk_sync,
    .xFileSize = disk_size,
    .xLock = disk_lock,
    .xUnlock = disk_unlock,
    .xCheckReservedLock = disk_reserved,
    .xFileControl = disk_control,
    .xSectorSize = disk_sector,
    .xDeviceCharacteristics = disk_traits,
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs disk_vfs;

static int disk_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *out) {
    struct disk_file *file = (struct disk_file *)f;
    file->real = (sqlite3_file *)(file + 1);
    const int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
    file->base.pMethods = rc == SQLITE_OK ? &disk_methods : NULL;
    return rc;
}

static void use_disk(void) {
    if (real_vfs)
        return;
    real_vfs = sqlite3_vfs_find(NULL);
    disk_vfs = *real_vfs;
    disk_vfs.zName = "disk";
    disk_vfs.szOsFile = (int)sizeof(struct disk_file) + real_vfs->szOsFile;
    disk_vfs.xOpen = disk_open;
    disk_vfs.pNext = NULL;
    sqlite3_vfs_register(&disk_vfs, 1);
}

/* --- A store, and what it says --- */

enum { TEXT = 1 << 20, TICKETS = 4096, ANSWERS = 8 };

struct answer {
    uint64_t ticket;
    bool ok;
    bool more;
    size_t n;
    struct history_event events[STATE_HISTORY_PAGE];
};

struct world {
    char folder[64];
    char path[96];  /* of the store: FOLDER/data */
    char file[128]; /* state.db in it */
    struct loop *loop;
    struct state *s;
    struct state_pace pace;
    char *text; /* records as they were brought back, one a line */
    size_t len;
    size_t n_records;
    enum status answer_record; /* what the handler of records says */
    struct history_event events[HISTORY_SHOWN];
    size_t n_events;
    int64_t alive_ns;
    uint64_t tickets[TICKETS];
    size_t n_tickets;
    int syncs_when_told;
    int n_up;
    int n_down;
    char why[STATE_WHY_SIZE];
    int n_lost;
    struct answer answers[ANSWERS];
    size_t n_answers;
};

static const char *const kind_text[RECORD_KINDS] = {
    "LIST",       "LAYOUT", "CELLS",       "LOOKS",     "FOLD", "FOLDED",   "ENTRY",
    "ENTRY_GONE", "BUDGET", "BUDGET_GONE", "LIST_GONE", "KEPT", "KEPT_GONE"};

static enum status on_record(void *context, const struct record *r) {
    struct world *w = context;
    char ip[IP_TEXT_SIZE] = "-";
    if (r->kind == RECORD_ENTRY)
        ip_format(&r->ip, ip);
    const bool shown = r->len < 64;
    int n =
        snprintf(w->text + w->len, TEXT - w->len, "%s %s %u %u %s %zu %.*s\n", kind_text[r->kind], r->list,
                 r->generation, r->number, ip, r->len, shown ? (int)r->len : 0, (const char *)r->data);
    assert_true(w->len + (size_t)n < TEXT);
    w->len += (size_t)n;
    w->n_records++;
    return w->answer_record;
}

static void on_event(void *context, const struct history_event *event) {
    struct world *w = context;
    assert_true(w->n_events < HISTORY_SHOWN);
    w->events[w->n_events++] = *event;
}

static void on_changed(void *context, bool up, const char *why) {
    struct world *w = context;
    *(up ? &w->n_up : &w->n_down) += 1;
    assert_int_equal(up, state_up(w->s));
    assert_string_equal(why, state_why(w->s));
    assert_int_equal(up, why[0] == '\0');
    snprintf(w->why, sizeof w->why, "%s", why);
}

static void on_written(void *context, uint64_t ticket) {
    struct world *w = context;
    assert_true(w->n_tickets < TICKETS);
    w->tickets[w->n_tickets++] = ticket;
    w->syncs_when_told = disk.syncs;
}

static void on_lost(void *context) {
    ((struct world *)context)->n_lost++;
}

static void on_history(void *context, uint64_t ticket, bool ok, const struct history_event *events, size_t n,
                       bool more) {
    struct world *w = context;
    assert_true(w->n_answers < ANSWERS);
    struct answer *a = &w->answers[w->n_answers++];
    *a = (struct answer){.ticket = ticket, .ok = ok, .more = more, .n = n};
    if (n > 0)
        memcpy(a->events, events, n * sizeof *events);
}

static void open_store(struct world *w) {
    assert_null(w->s);
    w->s = state_open(w->path, 0);
    assert_non_null(w->s);
}

static void load_store(struct world *w) {
    w->len = 0;
    w->text[0] = '\0';
    w->n_records = 0;
    w->n_events = 0;
    w->alive_ns = 0;
    assert_int_equal(state_load(w->s, on_record, on_event, w, &w->alive_ns), STATUS_OK);
}

static void start_store(struct world *w, int64_t history_ns) {
    const struct state_watch watch = {on_changed, on_written, on_lost, on_history, w};
    state_set_pace(w->s, &w->pace);
    assert_int_equal(state_start(w->s, w->loop, &watch, history_ns), STATUS_OK);
}

static void begin(struct world *w) {
    open_store(w);
    load_store(w);
    start_store(w, 400 * DAY);
}

static bool close_store(struct world *w) {
    struct state *s = w->s;
    w->s = NULL;
    return state_close(s, PATIENCE_NS);
}

static inline void end(struct world *w) {
    assert_true(close_store(w));
}

/* Turns until `condition`, which may use `w`; fails after PATIENCE_NS. */
#define UNTIL(condition)                                                                                     \
    do {                                                                                                     \
        const int64_t until_ns = clock_now_ns() + PATIENCE_NS;                                               \
        for (state_turn(w->s, clock_now_ns()); !(condition); state_turn(w->s, clock_now_ns())) {             \
            if (clock_now_ns() > until_ns)                                                                   \
                fail_msg("never came true: %s", #condition);                                                 \
            usleep(1000);                                                                                    \
        }                                                                                                    \
    } while (0)

static struct record rec(enum record_kind kind, const char *list, uint32_t generation, uint32_t number,
                         const char *data) {
    return (struct record){.kind = kind,
                           .list = list,
                           .generation = generation,
                           .number = number,
                           .data = data,
                           .len = data ? strlen(data) : 0};
}

static inline void put(struct world *w, enum record_kind kind, const char *list, uint32_t generation,
                       uint32_t number, const char *data) {
    const struct record r = rec(kind, list, generation, number, data);
    assert_true(state_put(w->s, &r, 0));
}

static inline void put_ip(struct world *w, enum record_kind kind, const char *list, uint32_t generation,
                          const char *ip, const char *data) {
    struct record r = rec(kind, list, generation, 0, data);
    assert_int_equal(ip_parse(ip, strlen(ip), &r.ip), STATUS_OK);
    assert_true(state_put(w->s, &r, 0));
}

static inline struct history_event make_event(int64_t wall_ns, enum history_kind kind, const char *list,
                                              const char *ip, const char *detail) {
    struct history_event e = {.wall_ns = wall_ns, .kind = kind, .has_ip = ip != NULL};
    snprintf(e.list, sizeof e.list, "%s", list);
    snprintf(e.detail, sizeof e.detail, "%s", detail);
    if (ip)
        assert_int_equal(ip_parse(ip, strlen(ip), &e.ip), STATUS_OK);
    return e;
}

static inline void put_event(struct world *w, int64_t wall_ns, const char *ip, const char *detail) {
    const struct history_event e =
        make_event(wall_ns, ip ? HISTORY_LISTED : HISTORY_STARTED, ip ? "zen" : "", ip, detail);
    state_put_event(w->s, &e);
}

/* Waits until all that was put is on the disk. */
static inline void settle(struct world *w) {
    static uint64_t ticket = UINT64_C(1) << 40;
    const struct record r = rec(RECORD_BUDGET_GONE, "settle", 0, 0, NULL);
    assert_true(state_put(w->s, &r, ++ticket));
    UNTIL(w->n_tickets > 0 && w->tickets[w->n_tickets - 1] == ticket);
    w->n_tickets--;
}

/* Closes, and looks at what the next start brings back. */
static inline void again(struct world *w) {
    end(w);
    begin(w);
}

/* Runs SQL on the store while nobody has it. */
static inline void run_sql(struct world *w, const char *sql) {
    sqlite3 *db;
    assert_int_equal(
        sqlite3_open_v2(w->file, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, real_vfs->zName),
        SQLITE_OK);
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    sqlite3_close(db);
}

static inline int64_t ask_sql(struct world *w, const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *row;
    assert_int_equal(
        sqlite3_open_v2(w->file, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, real_vfs->zName),
        SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return value;
}

/* How many files of the folder have `part` in their name. */
static inline int count_files(struct world *w, const char *part) {
    int n = 0;
    DIR *dir = opendir(w->path);
    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.' && strstr(entry->d_name, part) != NULL;
    closedir(dir);
    return n;
}

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    if (!w)
        return -1;
    use_disk();
    memset(&disk, 0, sizeof disk);
    strcpy(w->folder, "/tmp/test_state.XXXXXX");
    w->text = malloc(TEXT);
    w->loop = loop_new();
    if (!w->text || !w->loop || !mkdtemp(w->folder))
        return -1;
    snprintf(w->path, sizeof w->path, "%s/data", w->folder);
    snprintf(w->file, sizeof w->file, "%s/state.db", w->path);
    w->pace = (struct state_pace){.retry_ns = 20 * MS,
                                  .stall_ns = 15000 * MS,
                                  .linger_ns = 5 * MS,
                                  .ask_ns = 15000 * MS,
                                  .prune_ns = 3600 * 1000 * MS,
                                  .pause_ns = 1 * MS,
                                  .history_rows = STATE_HISTORY_ROWS,
                                  .look_ns = 20 * MS,
                                  .checkpoint_ns = 60000 * MS};
    alarm(120); /* a test that hangs ends */
    *state = w;
    return 0;
}

static void remove_folder(const char *path) {
    DIR *dir = opendir(path);
    char name[512];
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (unlink(name) != 0)
            remove_folder(name);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int tear_down(void **state) {
    struct world *w = *state;
    memset(&disk, 0, sizeof disk);
    if (w->s)
        state_close(w->s, PATIENCE_NS);
    remove_folder(w->folder);
    loop_free(w->loop);
    free(w->text);
    free(w);
    alarm(0);
    return 0;
}

static inline void put_fold(struct world *w, uint32_t generation, const char *cells) {
    put(w, RECORD_FOLD, "a", generation, 0, NULL);
    put(w, RECORD_LAYOUT, "a", generation, 0, "layout");
    put(w, RECORD_CELLS, "a", generation, 0, cells);
}

static inline void put_some(struct world *w) {
    put(w, RECORD_LIST, "a", 0, 0, "list");
    put(w, RECORD_LOOKS, "a", 1, 0, "look-1");
    put_fold(w, 1, "cells");
    put_event(w, clock_wall_ns(), "192.0.2.1", "code");
}

#endif
