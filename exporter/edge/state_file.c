/* SPDX-License-Identifier: Apache-2.0
 *
 * The file: opened, closed, set aside, and what is said about it.
 *
 * It is locked as long as it is open (locking_mode=EXCLUSIVE before anything is read), so a second process
 * hears SQLITE_BUSY at once, and no shared memory is needed beside the WAL. SQLite moves the WAL into the
 * file at 2,048 pages; with the largest transaction upon that it stays within about 4 MiB.
 *
 * Whoever opens it reads first and keeps that lock, then needs the one of who writes: of two that begin
 * together, each would wait for the other to stop reading. So nobody waits with a lock in hand: who hears
 * SQLITE_BUSY closes the file and begins again, a little later than the other.
 *
 * What cannot be written is opened to be read, so that what is known is shown all the same: as it is, and, if
 * SQLite cannot do its work beside it on a file system that lets nothing be written, as if nobody ever wrote
 * to it (`immutable`); then what is still in the WAL is not seen.
 */
#include "edge/state_internal.h"

#include "edge/clock.h"
#include "edge/entropy.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const int64_t MS_NS = INT64_C(1000000);
enum { STAMP_SIZE = 32, ASIDE_NAMES = 100, LEAST_BYTES = 512 };
/* Between two attempts to open it one to two PAUSEs pass. However short the wait, of two that begin together
 * one is to get it. */
enum { PAUSE_MS = 10, LEAST_WAIT_MS = 200 };

static const char before_reading[] = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON;";
/* Only while the file is empty; later it would be a write at every start. */
static const char before_all[] = "PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL;";
static const char before_writing[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "PRAGMA wal_autocheckpoint = 2048; PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -512;"
    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";

bool state_file_init(struct state_file *f, const char *folder) {
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/')
        len--;
    f->folder = strndup(folder, len);
    if (!f->folder || asprintf(&f->path, "%s/state.db", f->folder) < 0) {
        free(f->folder);
        f->folder = NULL;
        f->path = NULL;
        return false;
    }
    return true;
}

void state_file_release(struct state_file *f) {
    state_file_close(f, false);
    free(f->lists);
    free(f->folder);
    free(f->path);
    *f = (struct state_file){0};
}

bool state_is_damage(int rc) {
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT: /* our statements break none, so what they rest on is wrong; the same of these: */
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_EMPTY:
    case SQLITE_FORMAT:
    case SQLITE_INTERNAL:
    case SQLITE_TOOBIG:
    case SQLITE_SCHEMA: return true;
    default: return false;
    }
}

/* --- What is said --- */

static const char *what_to_do(int rc) {
    switch (rc & 0xff) {
    case SQLITE_FULL: return "; free space on its file system";
    case SQLITE_IOERR: return "; look into the disk, and into the kernel's log";
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY: return "; make folder and file writable for the user that runs the program";
    default: return "";
    }
}

void state_file_explain(struct state_file *f, const char *what, int rc) {
    char cause[128] = "";
    const int base = rc & 0xff;
    const int number =
        f->db && (base == SQLITE_CANTOPEN || base == SQLITE_IOERR) ? sqlite3_system_errno(f->db) : 0;
    if (number != 0) {
        char text[96];
        snprintf(cause, sizeof cause, " (%s)", strerror_r(number, text, sizeof text));
    }
    snprintf(f->why, sizeof f->why, "%s %s: %s%s%s", what, f->path, sqlite3_errstr(rc), cause,
             what_to_do(rc));
}

static void explain_errno(struct state_file *f, const char *what, const char *path, int cause) {
    char text[96];
    snprintf(f->why, sizeof f->why,
             "cannot %s %s: %s; make the folder writable for the user that runs the program, or give another "
             "--storage.path",
             what, path, strerror_r(cause, text, sizeof text));
}

/* --- Opening --- */

/* Whoever syncs a file in a new folder does not say that the folder is to be there after a power loss. A file
 * system that cannot sync a folder is no reason not to use it. */
static void sync_parent(const char *path) {
    char *copy = strdup(path);
    const int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(copy);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

/* Makes every folder of the path that is missing; 0 or errno. */
static int make_folder(const char *folder) {
    char *path = strdup(folder);
    if (!path)
        return ENOMEM;
    int cause = 0;
    for (char *at = path + 1; cause == 0; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char cut = *at;
        *at = '\0';
        struct stat found;
        if (mkdir(path, 0750) == 0)
            sync_parent(path);
        else if (stat(path, &found) != 0)
            cause = errno;
        *at = cut;
        if (cut == '\0')
            break;
    }
    free(path);
    return cause;
}

/* SQLite would let everybody read it. Nothing but a missing file is opened here: closing it would take away
 * the locks of who has it open in this process. */
static int make_file(const char *path) {
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0 || errno == EEXIST ? 0 : errno;
}

static bool has_wal(const char *path) {
    char *wal = NULL;
    struct stat found;
    const bool has = asprintf(&wal, "%s-wal", path) < 0 || stat(wal, &found) == 0;
    free(wal);
    return has;
}

static int open_db(struct state_file *f, const char *path, int flags) {
    f->untouched = !has_wal(path);
    const int rc = sqlite3_open_v2(path, &f->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK)
        sqlite3_db_config(f->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return rc;
}

static int64_t size_of(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 ? found.st_size : 0;
}

static enum state_outcome set_up(struct state_file *f, bool *empty) {
    int64_t tables = 1;
    int rc = sqlite3_exec(f->db, before_reading, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        const enum state_outcome judged = state_schema_judge(f);
        if (judged != STATE_OPEN)
            return judged;
        rc = state_number(f, "SELECT count(*) FROM sqlite_schema", &tables);
        *empty = rc == SQLITE_OK && tables == 0;
    }
    if (rc == SQLITE_OK && *empty)
        rc = sqlite3_exec(f->db, before_all, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(f->db, before_writing, NULL, NULL, NULL);
    bool readable = false;
    if (rc == SQLITE_OK) {
        rc = state_schema_migrate(f);
        readable = f->version > 0;
    }
    f->busy = (rc & 0xff) == SQLITE_BUSY;
    if (rc == SQLITE_OK || (readable && !f->busy)) /* who writes to it tries again */
        return STATE_OPEN;
    state_file_explain(f, "cannot write", rc);
    return state_is_damage(rc) ? STATE_DAMAGED : STATE_LATER;
}

/* STATE_LATER: the world around it has a problem; `empty`: and there is nothing in it yet. */
static enum state_outcome open_to_write(struct state_file *f, bool *empty) {
    const int folder_cause = make_folder(f->folder);
    if (folder_cause != 0) {
        explain_errno(f, "make the folder", f->folder, folder_cause);
        *empty = folder_cause == ENOSPC || folder_cause == EIO;
        return STATE_LATER;
    }
    const int file_cause = make_file(f->path);
    if (file_cause != 0) {
        explain_errno(f, "make", f->path, file_cause);
        *empty = file_cause == ENOSPC || file_cause == EIO;
        return STATE_LATER;
    }
    struct stat found;
    if (stat(f->path, &found) != 0 || !S_ISREG(found.st_mode)) { /* opening a FIFO would never end */
        snprintf(f->why, sizeof f->why, "%s is in the way: it is no file; move it away", f->path);
        *empty = true;
        return STATE_LATER;
    }
    const int64_t size = size_of(f->path);
    *empty = size == 0;
    if (size > 0 && size < LEAST_BYTES) { /* SQLite would begin it anew without a word */
        snprintf(f->why, sizeof f->why, "%s is cut off", f->path);
        return STATE_DAMAGED;
    }
    const int rc = open_db(f, f->path, SQLITE_OPEN_READWRITE);
    if (rc != SQLITE_OK) {
        state_file_explain(f, "cannot open", rc);
        *empty = false;
        return STATE_LATER;
    }
    if (sqlite3_db_readonly(f->db, "main") == 1) {
        *empty = false;
        explain_errno(f, "write", f->path, access(f->path, W_OK) != 0 ? errno : EACCES);
        return STATE_LATER;
    }
    return set_up(f, empty);
}

/* The path as a URI that says that nobody writes to the file. */
static char *immutable_uri(const char *path) {
    char *uri = malloc(3 * strlen(path) + 32);
    if (!uri)
        return NULL;
    size_t n = (size_t)sprintf(uri, "file:");
    for (; *path != '\0'; path++) {
        if (*path == '?' || *path == '#' || *path == '%')
            n += (size_t)sprintf(uri + n, "%%%02x", (unsigned char)*path);
        else
            uri[n++] = *path;
    }
    sprintf(uri + n, "?immutable=1");
    return uri;
}

/* Whether what was opened can be read. `why` stays what it was. */
static bool is_readable(struct state_file *f) {
    char why[STATE_WHY_SIZE];
    int64_t tables = 0;
    memcpy(why, f->why, sizeof why);
    const bool fine = state_schema_judge(f) == STATE_OPEN &&
                      state_number(f, "SELECT count(*) FROM sqlite_schema", &tables) == SQLITE_OK &&
                      tables > 0;
    memcpy(f->why, why, sizeof why);
    return fine;
}

static void open_to_read(struct state_file *f) {
    f->read_only = true;
    if (open_db(f, f->path, SQLITE_OPEN_READONLY) == SQLITE_OK && is_readable(f))
        return;
    state_file_close(f, false);
    char *uri = immutable_uri(f->path);
    if (uri && open_db(f, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI) == SQLITE_OK && is_readable(f))
        sqlite3_exec(f->db, "PRAGMA cell_size_check = ON", NULL, NULL, NULL);
    else
        state_file_close(f, false);
    free(uri);
}

static void pause_a_little(void) {
    const int64_t pause_ns = PAUSE_MS * MS_NS + (int64_t)(entropy_u64() % (uint64_t)(PAUSE_MS * MS_NS));
    const struct timespec pause = {.tv_nsec = pause_ns};
    (void)nanosleep(&pause, NULL);
}

/* Until nobody else has it, or the wait is over. A read that failed once looks like damage to SQLite: only
 * what is found twice is believed. */
static enum state_outcome wait_to_write(struct state_file *f, bool *empty) {
    bool doubted = false;
    const int wait_ms = f->wait_ms > LEAST_WAIT_MS ? f->wait_ms : LEAST_WAIT_MS;
    const int64_t until_ns = clock_now_ns() + wait_ms * MS_NS;
    for (;;) {
        f->taken = false;
        f->busy = false;
        const enum state_outcome outcome = open_to_write(f, empty);
        const bool again = outcome == STATE_DAMAGED && !doubted;
        if (!again && ((!f->taken && !f->busy) || clock_now_ns() >= until_ns))
            return outcome;
        doubted = doubted || again;
        state_file_close(f, false);
        pause_a_little();
    }
}

enum state_outcome state_file_open(struct state_file *f) {
    bool empty = false;
    f->read_only = false;
    enum state_outcome outcome = wait_to_write(f, &empty);
    if (outcome == STATE_OPEN) {
        f->untouched = false;
        return STATE_OPEN;
    }
    state_file_close(f, false);
    if ((outcome == STATE_LATER && !empty) || f->taken) {
        outcome = STATE_DOWN;
        open_to_read(f);
    }
    return outcome;
}

/* --- Closing --- */

void state_file_close(struct state_file *f, bool tidy) {
    for (int i = 0; i < STATE_SQLS; i++) {
        sqlite3_finalize(f->statements[i]);
        f->statements[i] = NULL;
    }
    if (f->db && tidy)
        sqlite3_wal_checkpoint_v2(f->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    /* Without a checkpoint the WAL stays, but for an empty one that came with looking into the file. */
    if (f->db)
        sqlite3_db_config(f->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !tidy && !f->untouched, NULL);
    if (f->db) {
        const int rc = sqlite3_close(f->db);
        assert(rc == SQLITE_OK); /* every statement is finalized */
    }
    f->db = NULL;
    f->n_lists = 0;
    f->last_list_id = 0;
    f->prune_cursor = 0;
}

bool state_file_moved(const struct state_file *f) {
    int moved = 0;
    return f->db && sqlite3_file_control(f->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

/* A name that nothing has yet. */
static bool name_aside(const struct state_file *f, char *where, size_t size) {
    const time_t now = (time_t)(clock_wall_ns() / 1000000000);
    struct tm utc = {0};
    char stamp[STAMP_SIZE];
    (void)gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    for (int i = 1; i < ASIDE_NAMES; i++) {
        int n = snprintf(where, size, "%s.damaged-%s", f->path, stamp);
        if (i > 1)
            n += snprintf(where + n, size - (size_t)n, "-%d", i);
        struct stat found;
        if ((size_t)n >= size)
            return false;
        if (lstat(where, &found) != 0)
            return errno == ENOENT;
    }
    return false;
}

bool state_file_set_aside(struct state_file *f, char *where, size_t size) {
    char *wal = NULL;
    char *wal_where = NULL;
    state_file_close(f, false);
    bool done = name_aside(f, where, size - sizeof "-wal") && asprintf(&wal, "%s-wal", f->path) >= 0 &&
                asprintf(&wal_where, "%s-wal", where) >= 0;
    /* The WAL first: were it left behind, it would be taken for that of the new file. */
    if (done)
        done = (size_of(wal) > 0 ? rename(wal, wal_where) : unlink(wal)) == 0 || errno == ENOENT;
    if (done && rename(f->path, where) != 0)
        done = false;
    if (!done) {
        char text[96];
        snprintf(f->why, sizeof f->why, "%s is damaged and cannot be renamed: %s; move it away", f->path,
                 strerror_r(errno, text, sizeof text));
    }
    free(wal);
    free(wal_where);
    return done;
}
