/* SPDX-License-Identifier: Apache-2.0
 *
 * app_store: what ties the checker to the store on disk: brings back at start, hands over what changes,
 * reserves queries before they are sent, and keeps the history.
 *
 * What has been told survives a crash: an answer or a log line that shows an event waits until the store has
 * that event on the disk, together with what it says of its list and address (one transaction). So it is made
 * at once, as of then, with app_store_mark(), and let go when app_store_may_tell() allows it: after a sync,
 * usually milliseconds. It waits at most APP_STORE_TELL_NS, and not at all while the store is down: a disk
 * that is slow or stands still delays nobody for longer, and what is told then is told on the word of the
 * memory alone, which the log says. The loop never waits.
 *
 * Rejected: to wait first and make the answer afterwards (in a sweep that finds listings there is always an
 * event under way); a registry that shows what is written only (two of everything).
 *
 * Every function but app_store_open() is for the loop thread.
 */
#ifndef RBL_APP_STORE_H
#define RBL_APP_STORE_H

#include "app_store_kept.h"

#include "core/checker.h"
#include "core/history.h"

#include "edge/loop.h"
#include "edge/state.h"

#include <stdbool.h>
#include <stdint.h>

#define APP_STORE_TELL_NS (INT64_C(250) * 1000000)

enum app_store_keep {
    APP_STORE_ALL,     /* the daemon: everything */
    APP_STORE_BUDGETS, /* a command that asks and ends: only what it spends */
};

struct app_store;
/* Opens the store in folder `path`, and looks at what others than the checker keep in it
 * (app_store_kept_find()): it may be needed to make the checker. Waits up to `wait_ns` for another process to
 * let go of it. NULL: no memory. A store that cannot be used is no failure: app_store_why(). */
struct app_store *app_store_open(const char *path, enum app_store_keep keep, int64_t wait_ns) MUST_CHECK;
/* Brings back into `c` (fresh from checker_new()) what is kept of its lists, and the latest events. From then
 * on queries of lists with a quota are sent only when they are reserved on disk. To be called once.
 * STATUS_NO_MEMORY: `c` is to be thrown away. */
enum status app_store_restore(struct app_store *store, struct checker *c, int64_t now_ns) MUST_CHECK;
/* Starts the store's thread. */
enum status app_store_start(struct app_store *store, struct loop *loop, int64_t history_ns) MUST_CHECK;
/* After checker_carry(): brings back into `c` the lists that `old` did not have, if the store knows them.
 * What cannot be brought back begins anew. STATUS_NO_MEMORY: `c` is to be thrown away. */
enum status app_store_recall(struct app_store *store, struct checker *c, const struct checker *old,
                             int64_t now_ns) MUST_CHECK;
/* The checker to keep from now on: after a reload, when checker_carry() is done. */
void app_store_use(struct app_store *store, struct checker *c, int64_t history_ns, int64_t now_ns);
/* Every turn, after checker_turn() and before checker_next(): hands over what has changed. Returns when to be
 * called next at the latest. */
int64_t app_store_turn(struct app_store *store, int64_t now_ns);
/* Keeps `len` bytes, whole, in place of what was kept under `name` (up to 63 bytes) as `which`; they survive
 * a crash a second later. What the store cannot take at once is given to it later: nothing is lost for that,
 * and nobody waits. All of it is written anew each time that it differs: who changes much and often gathers.
 * False: no memory, or name or data are too long; what was kept stays. After app_store_restore(). */
bool app_store_keep(struct app_store *store, const char *name, enum record_kept which, const void *data,
                    size_t len) MUST_CHECK;
/* Takes it back; false: nothing was kept. */
bool app_store_forget_kept(struct app_store *store, const char *name, enum record_kept which);
/* What is kept, as of app_store_open() and what was put since; NULL: nothing. Valid until the next call
 * that keeps or forgets anything. */
const struct app_store_kept *app_store_kept_find(const struct app_store *store, const char *name,
                                                 enum record_kept which);
/* The wall clock, as far as it can be believed: see state_wall_ns(). After app_store_open(). */
int64_t app_store_wall_ns(const struct app_store *store);
/* Adds an event to the history (its wall_ns is set here), in memory and on disk. */
void app_store_event(struct app_store *store, struct history_event *event);
/* Whether an event has not been handed over: app_store_turn() is to be called at once. */
bool app_store_is_due(const struct app_store *store);
/* The last event so far, which whatever is made now may show; 0: none. */
uint64_t app_store_mark(const struct app_store *store);
/* Whether what was made at `since_ns` and shows events up to `mark` may be told: to be asked in each turn
 * behind app_store_turn(), and at `since_ns` + APP_STORE_TELL_NS. */
bool app_store_may_tell(struct app_store *store, uint64_t mark, int64_t since_ns, int64_t now_ns);
/* Asks for the history of an address as state_ask_history() does; false: there is none to be had. The answer
 * comes through `app_store_history_handler`. */
typedef void app_store_history_handler(void *context, uint64_t ticket, bool ok,
                                       const struct history_event *events, size_t n, bool more);
void app_store_on_history(struct app_store *store, app_store_history_handler *handler, void *context);
bool app_store_ask_history(struct app_store *store, const struct ip *ip, int64_t before_ns, unsigned limit,
                           uint64_t ticket);
/* The latest events, for the status page. */
const struct history *app_store_history(const struct app_store *store);
/* Whether it is down because another process uses it. */
bool app_store_is_taken(const struct app_store *store);
/* Whether the store works; why not, a sentence for people ("" if it does). */
bool app_store_up(const struct app_store *store);
const char *app_store_why(const struct app_store *store);
uint64_t app_store_errors(const struct app_store *store);
/* Hands over all that is left, gives back what is reserved and unused, and closes; waits at most `wait_ns`
 * for the disk. NULL allowed. */
void app_store_close(struct app_store *store, int64_t wait_ns, int64_t now_ns);

#endif
