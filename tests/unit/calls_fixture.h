/* SPDX-License-Identifier: Apache-2.0
 *
 * calls_fixture: the system calls by which the store changes or reads its files, taken over: they are
 * recorded (for what a power loss may leave), counted, and the N-th can be a kill, an error or half a write.
 *
 * The definitions below stand before those of the C library, also for SQLite. Calls that are about nothing
 * below `calls.root` pass.
 */
#ifndef RBL_TESTS_CALLS_FIXTURE_H
#define RBL_TESTS_CALLS_FIXTURE_H

#undef _FORTIFY_SOURCE /* its inline versions of what is defined here */

#include "state_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { FDS = 1024, NAMES = 64, OPS = 20000, NAME_SIZE = 96, NO_FILE = -1 };

enum op_kind { OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_CREATE, OP_MKDIR, OP_UNLINK, OP_RENAME, OP_SYNC_FOLDER };

/* A change, or what makes changes last. */
struct op {
    enum op_kind kind;
    int file;             /* number of the file; of OP_SYNC_FOLDER 0: the root, 1: the folder of the store */
    char name[NAME_SIZE]; /* below the root */
    char to[NAME_SIZE];
    size_t at;
    size_t len;
    char *data;
    int told; /* the latest change that somebody had been told of when this began */
};

/* What a call does; which of them are counted. */
enum { CALL_READS = 1, CALL_WRITES = 2, CALL_OTHER = 4, CALL_ANY = 7 };

enum what { DO_NOTHING, DO_KILL, DO_FAIL, DO_FAIL_FOR_EVER, DO_HALF };

static struct {
    pthread_mutex_t lock;
    char root[64]; /* "": nothing is taken over */
    bool lazy;     /* syncs do nothing, for speed */
    bool records;
    struct op *ops;
    size_t n_ops;
    int file_of[FDS]; /* by descriptor: number + 1; below 0: a folder */
    struct {
        char name[NAME_SIZE];
        int file;
    } names[NAMES];
    int n_names;
    int n_files;
    int told;
    /* Faults */
    long n_calls;
    long at; /* the call, counted from 1, that */
    enum what what;
    int error;
    unsigned which; /* only these are counted; 0: all */
    unsigned met;   /* what the call did */
} calls = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- Names --- */

static const char *below_root(const char *path) {
    const size_t n = strlen(calls.root);
    if (n == 0 || strncmp(path, calls.root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
        return NULL;
    return path[n] == '/' ? path + n + 1 : path + n;
}

static int find_name(const char *name) {
    for (int i = 0; i < calls.n_names; i++)
        if (strcmp(calls.names[i].name, name) == 0)
            return i;
    return NO_FILE;
}

static int add_name(const char *name) {
    assert_true(calls.n_names < NAMES);
    snprintf(calls.names[calls.n_names].name, NAME_SIZE, "%s", name);
    calls.names[calls.n_names].file = calls.n_files++;
    return calls.names[calls.n_names++].file;
}

static void drop_name(int i) {
    if (i != NO_FILE)
        calls.names[i] = calls.names[--calls.n_names];
}

static struct op *add_op(enum op_kind kind, int file, const char *name) {
    static struct op none;
    if (!calls.records)
        return &none;
    assert_true(calls.n_ops < OPS);
    struct op *op = &calls.ops[calls.n_ops++];
    *op = (struct op){.kind = kind, .file = file, .told = calls.told};
    if (name)
        snprintf(op->name, NAME_SIZE, "%s", name);
    return op;
}

/* --- Faults --- */

/* Counts a call; true: it fails with `errno` set. */
static bool is_due(unsigned class, bool *half) {
    if (calls.what == DO_NOTHING || ((calls.which ? calls.which : CALL_ANY) & class) == 0)
        return false;
    const long n = ++calls.n_calls;
    if (n != calls.at && !(calls.what == DO_FAIL_FOR_EVER && n > calls.at))
        return false;
    calls.met |= class;
    if (calls.what == DO_KILL) {
        raise(SIGKILL);
        pause();
    }
    *half = calls.what == DO_HALF;
    errno = calls.error;
    return calls.what != DO_HALF;
}

/* Enters a call about the store; false: it is to fail. */
static bool enter_call(unsigned class, bool *half) {
    pthread_mutex_lock(&calls.lock);
    *half = false;
    if (!is_due(class, half))
        return true;
    const int error = errno;
    pthread_mutex_unlock(&calls.lock);
    errno = error;
    return false;
}

static long leave_call(long result) {
    const int error = errno;
    pthread_mutex_unlock(&calls.lock);
    errno = error;
    return result;
}

static bool is_ours(int fd) {
    return fd >= 0 && fd < FDS && calls.file_of[fd] != 0;
}

/* --- The calls --- */

static int take_fd(int fd, const char *name, bool creates) {
    if (fd < 0 || fd >= FDS)
        return fd;
    const int at = find_name(name);
    if (name[0] == '\0' || strcmp(name, "data") == 0)
        calls.file_of[fd] = name[0] == '\0' ? -1 : -2;
    else if (at != NO_FILE)
        calls.file_of[fd] = calls.names[at].file + 1;
    else if (creates)
        calls.file_of[fd] = add_op(OP_CREATE, add_name(name), name)->file + 1;
    if (calls.file_of[fd] == 0)
        calls.file_of[fd] = FDS; /* one that was there before: not recorded, but counted */
    return fd;
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const int mode = (flags & O_CREAT) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    const char *name = below_root(path);
    bool half;
    if (!name)
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (!enter_call(CALL_OTHER, &half))
        return -1;
    return (int)leave_call(
        take_fd((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), name, (flags & O_CREAT) != 0));
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const int mode = (flags & O_CREAT) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return open64(path, flags, mode);
}

int close(int fd) {
    if (is_ours(fd))
        calls.file_of[fd] = 0;
    return (int)syscall(SYS_close, fd);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    bool half;
    if (!is_ours(fd))
        return syscall(SYS_pwrite64, fd, data, len, at);
    if (!enter_call(CALL_WRITES, &half))
        return -1;
    const long n = syscall(SYS_pwrite64, fd, data, half && len > 1 ? len / 2 : len, at);
    if (n > 0 && calls.records) {
        struct op *op = add_op(OP_WRITE, calls.file_of[fd] - 1, NULL);
        op->at = (size_t)at;
        op->len = (size_t)n;
        op->data = memcpy(malloc((size_t)n), data, (size_t)n);
    }
    return leave_call(n);
}

ssize_t pread64(int fd, void *to, size_t len, off64_t at) {
    bool half;
    if (!is_ours(fd))
        return syscall(SYS_pread64, fd, to, len, at);
    if (!enter_call(CALL_READS, &half))
        return -1;
    return leave_call(syscall(SYS_pread64, fd, to, half && len > 1 ? len / 2 : len, at));
}

int ftruncate64(int fd, off64_t size) {
    bool half;
    if (!is_ours(fd))
        return (int)syscall(SYS_ftruncate, fd, size);
    if (!enter_call(CALL_OTHER, &half))
        return -1;
    const long rc = syscall(SYS_ftruncate, fd, size);
    if (rc == 0)
        add_op(OP_TRUNCATE, calls.file_of[fd] - 1, NULL)->at = (size_t)size;
    return (int)leave_call(rc);
}

static int sync_fd(int fd, int number) {
    bool half;
    if (!is_ours(fd))
        return (int)syscall(number, fd);
    if (!enter_call(CALL_OTHER, &half))
        return -1;
    const long rc = calls.lazy ? 0 : syscall(number, fd);
    const int file = calls.file_of[fd];
    if (rc == 0)
        add_op(file < 0 ? OP_SYNC_FOLDER : OP_SYNC, file < 0 ? -file - 1 : file - 1, NULL);
    return (int)leave_call(rc);
}

int fsync(int fd) {
    return sync_fd(fd, SYS_fsync);
}

int fdatasync(int fd) {
    return sync_fd(fd, SYS_fdatasync);
}

int unlink(const char *path) {
    const char *name = below_root(path);
    bool half;
    if (!name)
        return (int)syscall(SYS_unlink, path);
    if (!enter_call(CALL_OTHER, &half))
        return -1;
    const long rc = syscall(SYS_unlink, path);
    if (rc == 0) {
        add_op(OP_UNLINK, 0, name);
        drop_name(find_name(name));
    }
    return (int)leave_call(rc);
}

int rename(const char *from, const char *to) {
    const char *name = below_root(from);
    const char *new_name = below_root(to);
    bool half;
    if (!name || !new_name)
        return (int)syscall(SYS_rename, from, to);
    if (!enter_call(CALL_OTHER, &half))
        return -1;
    const long rc = syscall(SYS_rename, from, to);
    const int at = find_name(name);
    if (rc == 0 && at != NO_FILE) {
        snprintf(add_op(OP_RENAME, 0, name)->to, NAME_SIZE, "%s", new_name);
        drop_name(find_name(new_name));
        snprintf(calls.names[find_name(name)].name, NAME_SIZE, "%s", new_name);
    }
    return (int)leave_call(rc);
}

int mkdir(const char *path, mode_t mode) {
    const char *name = below_root(path);
    bool half;
    if (!name || name[0] == '\0')
        return (int)syscall(SYS_mkdir, path, mode);
    if (!enter_call(CALL_OTHER, &half))
        return -1;
    const long rc = syscall(SYS_mkdir, path, mode);
    if (rc == 0)
        add_op(OP_MKDIR, 0, name);
    return (int)leave_call(rc);
}

/* --- What the store has to do meanwhile --- */

enum { STEPS = 12, CHANGED_AT = 6, CHECKPOINTED_AT = 3 };

static const char STEP_IP[] = "192.0.2.1";

/* One transaction: an address that is listed and delisted by turns, its event, and what a budget has spent,
 * which somebody waits for. */
static inline bool put_step(struct world *w, int step) {
    char text[32];
    snprintf(text, sizeof text, "%s-%d", step % 2 ? "listed" : "clean", step);
    struct record entry = rec(RECORD_ENTRY, "a", 1, 0, text);
    assert_int_equal(ip_parse(STEP_IP, strlen(STEP_IP), &entry.ip), STATUS_OK);
    const struct record budget = rec(RECORD_BUDGET, "a", 0, 0, text);
    struct history_event event = make_event(STATE_LEAST_WALL_NS + step,
                                            step % 2 ? HISTORY_LISTED : HISTORY_DELISTED, "a", STEP_IP, text);
    state_hold(w->s, true);
    state_put_event(w->s, &event);
    const bool taken = state_put(w->s, &entry, 0) && state_put(w->s, &budget, (uint64_t)step);
    state_hold(w->s, false);
    return taken;
}

/* What is wrong with what was loaded. */
static char wrong[512];

static inline int say_wrong(const char *what, const char *found) {
    snprintf(wrong, sizeof wrong, "%s: %.400s", what, found);
    return -1;
}

/* The step that what was loaded is of; 0: nothing is there; -1: it is no step, or parts of two. */
static inline int loaded_step(struct world *w) {
    int entry = 0;
    int budget = 0;
    int event = 0;
    char word[8] = "";
    const char *last = w->n_events > 0 ? w->events[w->n_events - 1].detail : "none";
    const char *found = strstr(w->text, "ENTRY a 1 0 ");
    if (found && (sscanf(found, "ENTRY a 1 0 192.0.2.1 %*d %7[a-z]-%d", word, &entry) != 2 ||
                  strcmp(word, entry % 2 ? "listed" : "clean") != 0))
        return say_wrong("a false verdict", w->text);
    found = strstr(w->text, "BUDGET a 0 0 ");
    if (found && sscanf(found, "BUDGET a 0 0 - %*d %*[a-z]-%d", &budget) != 1)
        return say_wrong("a false budget", w->text);
    if (w->n_events > 0 && sscanf(last, "%*[a-z]-%d", &event) != 1)
        return say_wrong("a false event", last);
    if (entry != budget || entry != event || w->n_events != (size_t)entry)
        return say_wrong(last, w->text);
    return entry;
}

/* A whole life, or two with a good end between: `told` follows what is on the disk. A store that is down for
 * good takes nothing: then this ends. */
static inline void live(struct world *w, atomic_int *told) {
    w->pace.checkpoint_ns = 0; /* with every write */
    begin(w);
    for (int step = 1; step <= STEPS && !state_is_for_good(w->s); step++) {
        if (step == CHANGED_AT)
            again(w);
        w->n_tickets = 0;
        if (state_is_for_good(w->s) || !put_step(w, step))
            break;
        UNTIL(w->n_tickets > 0 || state_is_for_good(w->s));
        if (w->n_tickets == 0)
            continue;
        pthread_mutex_lock(&calls.lock); /* the thread of the store prunes meanwhile */
        calls.told = *told = step;
        pthread_mutex_unlock(&calls.lock);
    }
    (void)close_store(w);
}

static inline void watch_calls(struct world *w) {
    calls.n_ops = 0;
    calls.n_names = calls.n_files = calls.told = 0;
    calls.n_calls = 0;
    calls.met = 0;
    memset(calls.file_of, 0, sizeof calls.file_of);
    snprintf(calls.root, sizeof calls.root, "%s", w->folder);
}

static inline void unwatch_calls(void) {
    calls.root[0] = '\0';
    calls.records = false;
    calls.what = DO_NOTHING;
    calls.which = 0;
}

static inline void quiet_calls(void) {
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    alarm(0);
    calls.lazy = true;
}

#endif
