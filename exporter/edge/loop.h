/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: the one thread that owns everything mutable: an epoll of descriptors, a deadline, signals, and a
 * mailbox through which other threads wake it.
 *
 * One turn: wait until a descriptor is ready or the deadline has come; read the clock once; call the handlers
 * of ready descriptors; call the turn handler. Handlers may add, change and remove descriptors, their own
 * too.
 */
#ifndef RBL_EDGE_LOOP_H
#define RBL_EDGE_LOOP_H

#include "core/status.h"

#include <stdint.h>

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop;
/* `events`: LOOP_READ, LOOP_WRITE or both; errors and hang-ups arrive as every event the descriptor waits
 * for. */
typedef void loop_fd_handler(void *context, int fd, unsigned events, int64_t now_ns);
/* A signal that loop_new was told to catch. */
typedef void loop_signal_handler(void *context, int signal);
/* Called at the end of every turn; returns the deadline of the next (monotonic ns; INT64_MAX: none). */
typedef int64_t loop_turn_handler(void *context, int64_t now_ns);

/* Blocks SIGHUP, SIGTERM and SIGINT in the calling thread (before any other is started) and takes them by
 * signalfd; ignores SIGPIPE. NULL with errno set on failure. */
struct loop *loop_new(void) MUST_CHECK;
void loop_free(struct loop *loop);
void loop_on_signal(struct loop *loop, loop_signal_handler *handler, void *context);
void loop_on_turn(struct loop *loop, loop_turn_handler *handler, void *context);
/* Watches `fd`, or changes what is watched; `events` 0 stops watching (also when it was not watched). */
enum status loop_watch(struct loop *loop, int fd, unsigned events, loop_fd_handler *handler, void *context)
    MUST_CHECK;
/* Makes the running or next turn happen now; the only function that other threads may call. */
void loop_wake(struct loop *loop);
/* The time read at the start of this turn. */
int64_t loop_now_ns(const struct loop *loop);
/* Runs until loop_stop(); STATUS_IO if epoll itself fails. */
enum status loop_run(struct loop *loop) MUST_CHECK;
void loop_stop(struct loop *loop);

#endif
