/* SPDX-License-Identifier: Apache-2.0
 *
 * child: processes that work on bytes for the loop: what goes in on their standard input comes out on their
 * standard output, and neither their time, their memory nor their death is the loop's.
 *
 * They are started by posix_spawn(), which copies no memory; the loop waits until the program has been
 * found, 0.2 ms. They have no descriptor but the three standard ones (standard error is this process's), no
 * signal blocked or ignored, and a process group of their own. A few run at once, some more wait. Each has
 * its time from when it was asked for: then it and what it has started are killed. So are those that say
 * too much. All that waits is on the loop's descriptors; a process that has closed its output is waited for
 * in child_turn(), and takes its place until it is gone.
 */
#ifndef RBL_EDGE_CHILD_H
#define RBL_EDGE_CHILD_H

#include "core/status.h"
#include "edge/loop.h"

#include <stddef.h>
#include <stdint.h>

enum child_outcome {
    CHILD_OK,       /* ended with 0 */
    CHILD_FAILED,   /* ended with another code, or by a signal */
    CHILD_NOT_NOW,  /* ended with 75 (EX_TEMPFAIL), or was killed by others: the kernel that lacks memory */
    CHILD_TOO_LONG, /* had not ended in time, or had not even begun */
    CHILD_TOO_MUCH, /* put out more than is taken */
    CHILD_NO_START, /* could not be started */
};

/* How one ended; valid during the call. */
struct child_end {
    enum child_outcome outcome;
    const char *why; /* what there is to say of it: "ended by signal 9"; "" for CHILD_OK */
    const char *output;
    size_t len; /* 0 unless CHILD_OK */
};

/* Called from child_turn(), once for each child_run(). */
typedef void child_done(void *context, const struct child_end *end);

struct child_pool;
struct child_options {
    const char *path;   /* of the program */
    unsigned running;   /* at once, at least 1 */
    unsigned waiting;   /* beside those that run */
    int64_t limit_ns;   /* from child_run() to the end */
    size_t output_most; /* bytes */
};

/* This very program, also when its file has been replaced. */
extern const char child_own_path[];

/* NULL: no memory. `loop` (which ignores SIGPIPE) and the texts of `options` are borrowed. */
struct child_pool *child_pool_new(struct loop *loop, const struct child_options *options) MUST_CHECK;
/* Kills what runs and waits for it; nobody is told. NULL allowed. */
void child_pool_free(struct child_pool *pool);
/* Has a process work on a copy of `input`. `argv` ends with NULL and is kept as it is: static. STATUS_FULL:
 * as many as may be are waiting; STATUS_NO_MEMORY. */
enum status child_run(struct child_pool *pool, const char *const *argv, const void *input, size_t len,
                      child_done *done, void *context, int64_t now_ns) MUST_CHECK;
/* Every turn of the loop, behind what may call child_run(); returns when to be called next at the latest
 * (INT64_MAX: when woken). */
int64_t child_turn(struct child_pool *pool, int64_t now_ns);

#endif
