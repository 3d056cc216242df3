/* SPDX-License-Identifier: Apache-2.0
 *
 * state: the store on disk (SQLite, WAL), in a thread of its own.
 *
 * PATH/state.db holds records (core/record.h) and the history of events. It is read once, before the thread
 * starts. From then on the loop puts copies of records into a queue, and the thread writes them, in order, in
 * transactions that are on the disk (fsync) before they count as written. So the loop never waits for a disk.
 *
 * While writing fails (disk full, read-only, I/O error) or stands still (STATE_STALL_NS), the store is down:
 * the thread tries the same records again every STATE_RETRY_NS, none is lost, and the loop is told by
 * state_watch.changed. The queue is bounded: state_put() refuses when it holds STATE_QUEUE_BYTES, and the
 * caller keeps what it has to say; events are taken until twice that, then dropped, counted and told.
 *
 * A file that is damaged is renamed to state.db.damaged-YYYYMMDDTHHMMSSZ (never deleted), what of it can be
 * believed is brought back first, and a new one begins. One of a later version, one that another process
 * uses, and a folder that cannot be used leave the program without a store until it is started again; what is
 * known is read all the same if the file only cannot be written (after a crash on a file system that became
 * read-only: without the last minutes). A damaged WAL is as if what it held had never been written.
 *
 * Of the lists that are configured no more, records are kept for STATE_FORGET_NS, as measured by what was
 * written since: a program that was off forgets nothing. A list that comes back within a run is not brought
 * back; its new generations have to be above those that state_load() has shown.
 */
#ifndef RBL_EDGE_STATE_H
#define RBL_EDGE_STATE_H

#include "core/history.h"
#include "core/record.h"
#include "core/status.h"
#include "edge/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_RETRY_NS (INT64_C(5) * 1000000000)
#define STATE_STALL_NS (INT64_C(10) * 1000000000)
#define STATE_RECALL_NS (INT64_C(2) * 1000000000)
#define STATE_LEAST_WALL_NS (INT64_C(1767225600) * 1000000000) /* 2026-01-01: the program is younger */
#define STATE_FORGET_NS (INT64_C(30) * 86400 * 1000000000)
enum {
    STATE_QUEUE_BYTES = 16 << 20,
    STATE_HISTORY_ROWS = 1000000, /* the oldest go, whatever `history` says */
    STATE_HISTORY_PAGE = 1000,    /* events in one answer at most */
};

/* Takes one record while the store is read; anything but STATUS_OK says that its bytes make no sense (counted
 * as damage; reading goes on), but for STATUS_NO_MEMORY, which ends it. */
typedef enum status state_record_handler(void *context, const struct record *record);
/* Takes one of the latest HISTORY_SHOWN events, the oldest first. */
typedef void state_event_handler(void *context, const struct history_event *event);

/* What the thread has to tell; called in state_turn(), on the loop thread. */
struct state_watch {
    /* The store works (again), or not, with a sentence for people (which file, why, what to do). */
    void (*changed)(void *context, bool up, const char *why);
    /* A record put with a ticket other than 0 is on the disk. */
    void (*written)(void *context, uint64_t ticket);
    /* The file was damaged or deleted while in use and a new one begun: everything has to be put again. The
     * tickets of records that were put before are never told. */
    void (*lost)(void *context);
    /* The events that state_ask_history() asked for, the latest first; `n` 0 and `ok` false: the store is
     * down. */
    void (*history)(void *context, uint64_t ticket, bool ok, const struct history_event *events, size_t n,
                    bool more);
    void *context;
};

struct state;
/* Opens or makes the store in folder `path` (made if missing, mode 0750); waits up to `wait_ns` for another
 * process to let go of it. Never NULL but for want of memory: a store that cannot be used is down for good,
 * and says why at the first state_turn(). */
struct state *state_open(const char *path, int64_t wait_ns) MUST_CHECK;
/* Why the store is down, a sentence for people that names the file and what to do; "" while it is up. Valid
 * until the next state_turn(). */
const char *state_why(const struct state *s);
/* Whether it is down until the program is started again. */
bool state_is_for_good(const struct state *s);
/* What moments are kept by, from state_load() on: the wall clock, or, while that is before
 * STATE_LEAST_WALL_NS (not set yet), the time of the last commit and what has passed since it was read. */
int64_t state_wall_ns(const struct state *s);
/* Whether it is down because another process uses it. */
bool state_is_taken(const struct state *s);
/* Brings back only what is KEPT, as far as it can be read: before state_load(), which brings it back again
 * and sees to what is damaged, for those whose addresses have to be there first. STATUS_NO_MEMORY. */
enum status state_load_kept(struct state *s, state_record_handler *record, void *context) MUST_CHECK;
/* Brings back what is kept, in the order of core/record.h (BUDGET first, then KEPT), then the latest events.
 * `alive_ns` gets the wall clock of the last commit (0: never). Records of lists that nobody has put for
 * STATE_FORGET_NS are forgotten. To be called once, before state_start(). STATUS_NO_MEMORY if a handler or
 * this ran out of it; damage is no failure: it is logged, and the file set aside. */
enum status state_load(struct state *s, state_record_handler *record, state_event_handler *event,
                       void *context, int64_t *alive_ns) MUST_CHECK;
/* Whether state_load() met damage. What it brought back is then not in the new file (but for the events): the
 * caller has to put everything again. */
bool state_was_damaged(const struct state *s);
/* Brings back some lists by name, as state_load() does (LIST of all of them first), while the thread runs:
 * after a reload that has brought them back. The caller waits, at most STATE_RECALL_NS for the thread to
 * begin. STATUS_IO: the store is down or busy, and some or all were not brought back. */
enum status state_recall(struct state *s, const char *const *names, size_t n, state_record_handler *record,
                         void *context) MUST_CHECK;
/* Starts the thread. Events older than `history_ns` are pruned, now and hourly. STATUS_IO: no thread. */
enum status state_start(struct state *s, struct loop *loop, const struct state_watch *watch,
                        int64_t history_ns) MUST_CHECK;
/* The same for a reload. */
void state_set_history(struct state *s, int64_t history_ns);

/* Copies a record into the queue; it is written within about a second. False: it is full, the store is down
 * for good, or there is no memory; nothing was taken. `ticket` other than 0: tell when it is written, and
 * hurry. What `record` has beyond what its kind has is not kept. */
bool state_put(struct state *s, const struct record *record, uint64_t ticket);
/* Copies an event into the queue, to be written at once. When there is no room for it, it is dropped, which
 * is counted in state_errors() and logged. */
void state_put_event(struct state *s, const struct history_event *event);
/* How many events were taken so far; and how many of them, the first ones, are on the disk, together with
 * what was put in the same transaction, as far as the last state_turn() has heard. While the store is down
 * nobody knows when the rest follows; after a damage they are in the new file. */
uint64_t state_events_put(const struct state *s);
uint64_t state_events_written(const struct state *s);
/* Between `hold` true and false, what is put belongs together: it is written in one transaction, or none of
 * it. */
void state_hold(struct state *s, bool hold);
/* Asks for the events of an address that are older than `before` (its wall_ns; INT64_MAX: all), at most
 * `limit` (<= STATE_HISTORY_PAGE), after what was put before. No two events of an address come back with the
 * same wall_ns: that of the last one on a page is the `before` of the next. Leads to one call of
 * state_watch.history, within three seconds; false: the store is down for good, or too many wait. */
bool state_ask_history(struct state *s, const struct ip *ip, int64_t before_ns, unsigned limit,
                       uint64_t ticket);

/* Loop thread, every turn: calls the handlers of the watch; notices a stall. Returns when to be called next
 * at the latest (monotonic ns; INT64_MAX: when woken). */
int64_t state_turn(struct state *s, int64_t now_ns);
/* For rbl_storage_up and rbl_storage_errors_total (failed writes and reads, damaged records, dropped events).
 */
bool state_up(const struct state *s);
uint64_t state_errors(const struct state *s);
/* Bytes that wait in the queue. */
size_t state_queued(const struct state *s);
/* Lets the thread write what is queued, at most `wait_ns`, and closes the file. False: not all of it was
 * written (logged). NULL allowed. */
bool state_close(struct state *s, int64_t wait_ns);

#endif
