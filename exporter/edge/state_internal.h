/* SPDX-License-Identifier: Apache-2.0
 *
 * state_internal: what the files of the store share. Nobody else but its tests includes it.
 *
 * Two things meet here. `struct state_file` is a file of SQLite and how records are written to it and read
 * from it; it knows no threads and is used by one at a time: the caller's until state_start(), the store's
 * own from then on. `struct state` is the queue between the loop and that thread, and what they tell each
 * other. state.lock guards what stands below it and is never held while a file is touched or memory copied.
 */
#ifndef RBL_EDGE_STATE_INTERNAL_H
#define RBL_EDGE_STATE_INTERNAL_H

#include "core/history.h"
#include "core/record.h"
#include "core/status.h"
#include "edge/log.h"
#include "edge/loop.h"
#include "edge/state.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STATE_BATCH_BYTES = 2 << 20, /* in one transaction, and 4,096 records */
    STATE_BATCH_ITEMS = 4096,
    STATE_PRUNE_ROWS = 1000, /* looked at in one transaction */
    STATE_WHY_SIZE = 640,
    STATE_ASIDE_MOST = 3, /* files set aside while running: more, and the disk itself is broken */
};

/* --- The file (state_file.c, state_schema.c) --- */

/* How opening went. */
enum state_outcome {
    STATE_OPEN,    /* ready to be read and written */
    STATE_DAMAGED, /* not open; to be set aside */
    STATE_LATER,   /* not open; nothing of it is lost by trying again */
    STATE_DOWN,    /* not to be written until the next start; open for reading if `db` is set */
};

/* A list by its name. Its number is its key in the tables, and never given again in this run. */
struct state_list {
    char name[RECORD_NAME_SIZE];
    int64_t id; /* 0: has no row yet */
    int64_t put_ns;
    int64_t next_look; /* grows within a run, also when rows are deleted: `fold_look` stays true */
    int64_t fold_look; /* LOOKS up to this one were put before the last FOLD */
    uint32_t fold_generation;
    bool folding;      /* a FOLD was put in this run */
    bool uncommitted;  /* its row is new in this transaction */
    int64_t gone_id;   /* the row that this transaction takes away; 0: none */
    int64_t gone_look; /* next_look of that */
};

enum state_sql {
    STATE_SQL_BEGIN,
    STATE_SQL_COMMIT,
    STATE_SQL_ROLLBACK,
    STATE_SQL_ALIVE_PUT,
    STATE_SQL_LIST_NEW,
    STATE_SQL_LIST_PUT,
    STATE_SQL_LAYOUT_PUT,
    STATE_SQL_CELLS_PUT,
    STATE_SQL_LOOKS_PUT,
    STATE_SQL_ENTRY_PUT,
    STATE_SQL_ENTRY_GONE,
    STATE_SQL_BUDGET_PUT,
    STATE_SQL_BUDGET_GONE,
    STATE_SQL_KEPT_PUT,
    STATE_SQL_KEPT_GONE,
    STATE_SQL_EVENT_LAST,
    STATE_SQL_EVENT_PUT,
    STATE_SQL_FOLDED_LOOKS,
    STATE_SQL_FOLDED_LAYOUT,
    STATE_SQL_FOLDED_CELLS,
    STATE_SQL_FOLDED_ENTRY,
    STATE_SQL_FORGET_LIST,
    STATE_SQL_FORGET_LAYOUT,
    STATE_SQL_FORGET_CELLS,
    STATE_SQL_FORGET_LOOKS,
    STATE_SQL_FORGET_ENTRY,
    STATE_SQL_CHECK,
    STATE_SQL_ALIVE,
    STATE_SQL_LISTS,
    STATE_SQL_LAST_LOOK,
    STATE_SQL_GENERATIONS_LAYOUT,
    STATE_SQL_GENERATIONS_CELLS,
    STATE_SQL_GENERATIONS_LOOKS,
    STATE_SQL_BUDGET,
    STATE_SQL_KEPT,
    STATE_SQL_LIST,
    STATE_SQL_LAYOUT,
    STATE_SQL_CELLS,
    STATE_SQL_LOOKS,
    STATE_SQL_ENTRY,
    STATE_SQL_COUNT_LAYOUT,
    STATE_SQL_COUNT_CELLS,
    STATE_SQL_COUNT_LOOKS,
    STATE_SQL_COUNT_ENTRY,
    STATE_SQL_EVENTS_LATEST,
    STATE_SQL_EVENTS_OF,
    STATE_SQL_PRUNE_END,
    STATE_SQL_PRUNE,
    STATE_SQL_SPARE,
    STATE_SQL_SHRINK,
    STATE_SQLS,
};

struct state_file {
    char *folder;
    char *path; /* FOLDER/state.db */
    sqlite3 *db;
    sqlite3_stmt *statements[STATE_SQLS]; /* made when first needed */
    struct state_list *lists;
    size_t n_lists;
    size_t room_lists;
    int64_t last_list_id;
    int64_t prune_cursor;
    int64_t version; /* of its tables */
    bool read_only;
    bool taken;               /* another process has it */
    bool busy;                /* another process was opening it when this one tried */
    bool untouched;           /* no WAL when it was opened, and nothing written since */
    int wait_ms;              /* how long to wait for another process to let go of it */
    char why[STATE_WHY_SIZE]; /* of the last outcome but STATE_OPEN */
};

/* LOOKS of a list lie together, in the order they were put: their key is the list's number and a count. */
enum { STATE_LOOK_BITS = 40 };
static inline int64_t state_first_look(int64_t list_id) {
    return list_id << STATE_LOOK_BITS;
}

/* What else than its name and data is in the row of a list. */
static inline int64_t state_list_extra(int64_t list_id, int64_t put_ns) {
    return put_ns ^ state_first_look(list_id);
}

/* False: no memory. */
bool state_file_init(struct state_file *f, const char *folder) MUST_CHECK;
/* Closes without a checkpoint. */
void state_file_release(struct state_file *f);
/* Makes folder and file where missing, opens, migrates. */
enum state_outcome state_file_open(struct state_file *f) MUST_CHECK;
/* `tidy`: moves the WAL into the file, which leaves one file; otherwise both stay as they are. */
void state_file_close(struct state_file *f, bool tidy);
/* Closes and renames it, and its WAL; `where` gets the new name. False with `why` set. */
bool state_file_set_aside(struct state_file *f, char *where, size_t size) MUST_CHECK;
/* Whether the file is no longer the one at its path. */
bool state_file_moved(const struct state_file *f);
/* Sets `why` for a failure of SQLite while doing `what` ("cannot write"). */
void state_file_explain(struct state_file *f, const char *what, int rc);
/* Whether a code of SQLite says that the file is damaged, and not that the world around it has a problem. */
bool state_is_damage(int rc);

/* The statement, reset and without values, or NULL; an SQLite code. */
int state_sql(struct state_file *f, enum state_sql which, sqlite3_stmt **out) MUST_CHECK;
/* Runs a statement without values and rows. */
int state_run(struct state_file *f, enum state_sql which) MUST_CHECK;
/* Steps a statement that gives no rows, and resets it. */
int state_step(sqlite3_stmt *statement) MUST_CHECK;
/* The first column of the first row of `sql`. */
int state_number(struct state_file *f, const char *sql, int64_t *out) MUST_CHECK;
/* Judges what is in the file before it is changed. */
enum state_outcome state_schema_judge(struct state_file *f) MUST_CHECK;
/* Brings it to this program's version. What fails leaves it at the one it has, where it can be read. */
int state_schema_migrate(struct state_file *f) MUST_CHECK;
/* Whether it is of this program's version. */
bool state_schema_is_current(const struct state_file *f);
/* Whether the tables are those that the migrations up to the file's version make: a changed letter in the
 * text of one can make its rows vanish without an error. */
bool state_schema_is_whole(struct state_file *f) MUST_CHECK;

/* --- Records in the file (state_write.c, state_load.c, state_history.c) --- */

int state_begin(struct state_file *f) MUST_CHECK;
/* Writes `alive` too. */
int state_commit(struct state_file *f, int64_t wall_ns) MUST_CHECK;
void state_rollback(struct state_file *f);
int state_write_record(struct state_file *f, const struct record *record, int64_t wall_ns) MUST_CHECK;
int state_write_event(struct state_file *f, const struct history_event *event) MUST_CHECK;
/* Deletes all of a list; within a transaction. */
int state_forget_list(struct state_file *f, int64_t list_id) MUST_CHECK;
/* Over the data and all that says what it is of; `extra`: state_list_extra() of a LIST, the key of LOOKS.
 */
uint32_t state_record_crc(const struct record *record, int64_t extra);
uint32_t state_alive_crc(int64_t wall_ns);

struct state;
/* Reads all of some lists, by name. STATUS_IO: not all could be read. */
enum status state_load_lists(struct state *s, const char *const *names, size_t n,
                             state_record_handler *record, void *context) MUST_CHECK;
/* Reads which lists there are. */
int state_read_lists(struct state_file *f) MUST_CHECK;

/* Reads at most `limit` + 1 events into `events`; `*n` of them. */
int state_events_of(struct state_file *f, const struct ip *ip, int64_t before_ns, unsigned limit,
                    struct history_event *events, size_t *n, size_t *n_damaged) MUST_CHECK;
/* Reads the latest HISTORY_SHOWN events, the latest first. */
int state_events_latest(struct state_file *f, struct history_event *events, size_t *n, size_t *n_damaged)
    MUST_CHECK;
/* Writes such events, in a transaction of their own. */
int state_write_events(struct state_file *f, const struct history_event *events, size_t n, int64_t wall_ns)
    MUST_CHECK;
/* Deletes events before `cutoff_ns`, one step in a transaction of its own; `*more`: go on. */
int state_prune(struct state_file *f, int64_t wall_ns, int64_t cutoff_ns, int64_t rows, bool *more)
    MUST_CHECK;

/* --- The queue and the thread (state.c, state_queue.c, state_thread.c) --- */

/* Something to write: a record with what it points to, or an event. */
struct state_item {
    struct state_item *next;
    size_t bytes;
    uint64_t ticket;                   /* of an event: its number */
    bool follows;                      /* in the same transaction as the one before */
    const struct history_event *event; /* NULL: a record */
    struct record record;
    alignas(max_align_t) unsigned char data[];
};

struct state_items {
    struct state_item *first;
    struct state_item **end; /* where the next one is hung; NULL while empty */
};

/* Somebody who asks for the history of an address. Freed on the loop thread when told, or, if the thread has
 * it then, by the thread. */
struct state_ask {
    struct state_ask *next;
    struct ip ip;
    int64_t before_ns;
    int64_t deadline_ns;
    uint64_t ticket;
    unsigned limit;
    bool taken; /* the thread has it */
    bool done;
    bool told;
    bool ok;
    bool more;
    size_t n;
    struct history_event *events;
};

/* Lists that are to be read again; on the stack of the loop, which waits. */
struct state_recall {
    const char *const *names;
    size_t n;
    state_record_handler *record;
    void *context;
    bool taken; /* the thread has it: it will be done */
    bool done;
    enum status status;
};

/* What tests make shorter. */
struct state_pace {
    int64_t retry_ns;
    int64_t stall_ns;
    int64_t linger_ns; /* what nobody waits for is written together with what comes within this */
    int64_t ask_ns;    /* an answer takes no longer */
    int64_t prune_ns;  /* between two prunings */
    int64_t pause_ns;  /* between two steps of one */
    int64_t history_rows;
    int64_t look_ns;       /* how often an idle thread looks whether the file is still there */
    int64_t checkpoint_ns; /* how often the WAL goes into the file */
};

struct state {
    struct state_file file;
    struct state_pace pace;
    atomic_uint_fast64_t errors;

    /* The loop's */
    struct state_watch watch;
    bool started;
    bool has_thread;
    bool unreadable;       /* state_open() could not make sense of the file */
    bool damaged;          /* state_load() met damage */
    int64_t alive_ns;      /* wall clock of the last write before this run; 0: none */
    int64_t alive_mono_ns; /* when that was read */
    bool up;               /* as of the last turn */
    bool told_up;
    bool stalled;
    char why[STATE_WHY_SIZE];
    struct log_limit dropped_limit;
    uint64_t events_put; /* so many were taken */
    uint64_t events_written;
    bool held; /* what is put goes to `group` */
    bool group_urgent;
    struct state_items group; /* to be queued as one */
    pthread_t thread;

    /* The thread's (before it starts, of whoever calls) */
    struct state_items taken; /* in order, before what is in the queue */
    int64_t retry_at_ns;      /* not before; only while down */
    int64_t prune_at_ns;
    int64_t checkpoint_at_ns; /* the WAL goes into the file with the first write after that */
    int64_t look_at_ns;       /* whether the file is still where it was */
    unsigned n_aside;

    pthread_mutex_t lock;
    pthread_cond_t wake;  /* of the thread */
    pthread_cond_t ended; /* of state_close() */
    pthread_cond_t recalled;
    /* Under the lock */
    struct loop *loop; /* NULL: nobody to be woken */
    struct state_items queue;
    size_t queued_bytes;        /* those taken too, until they are written */
    bool urgent;                /* somebody waits for what is in the queue */
    int64_t linger_ns;          /* until then the rest may wait */
    struct state_items written; /* with a ticket; to be told */
    struct state_ask *asks;
    struct state_recall *recall;
    bool works; /* what the thread says; a stall is seen by the loop */
    bool for_good;
    bool lost;
    char thread_why[STATE_WHY_SIZE];
    int64_t busy_since_ns; /* the thread is at the disk; 0: it is not */
    int64_t history_ns;
    bool history_changed;
    bool stopping;
    int64_t stop_by_ns;
    bool thread_ended;
    bool abandoned; /* nobody waits for the thread: it frees everything */
};

/* Before state_start(). */
void state_set_pace(struct state *s, const struct state_pace *pace);

void state_items_add(struct state_items *items, struct state_item *item);
void state_items_free(struct state_items *items);
/* Moves all of `from` to the end of `to`. */
void state_items_move(struct state_items *to, struct state_items *from);

/* Says whether the store works, and why not; to be told in the next turn. */
void state_say(struct state *s, bool works, const char *why);
void state_say_for_good(struct state *s, const char *why);
void state_wake_loop(struct state *s);
void state_count_error(struct state *s);
/* The loop's view of it, from the thread's. */
void state_look(struct state *s, int64_t now_ns);
/* Answers what has been asked too long ago or is answered; returns when the next one has waited too long. */
int64_t state_tell_asks(struct state *s, int64_t now_ns);
void state_ask_free(struct state_ask *ask);

/* Writes what is taken and queued, until done, the first failure, or `stop_by_ns`; closes the file. */
void state_drain(struct state *s);
void *state_thread_run(void *context);
void state_free(struct state *s);

#endif
