/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: its life, and what the loop hears of it.
 *
 * state_file.c and state_schema.c are about the file as a whole, state_write.c, state_load.c and
 * state_history.c about what is in it, state_queue.c about what waits to be written, state_thread.c about who
 * writes it.
 */
#include "edge/state_internal.h"

#include "edge/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int64_t SECOND_NS = INT64_C(1000000000);

static const struct state_pace usual_pace = {
    .retry_ns = STATE_RETRY_NS,
    .stall_ns = STATE_STALL_NS,
    .linger_ns = INT64_C(200000000),
    .look_ns = INT64_C(10000000000),
    .ask_ns = INT64_C(3000000000),
    .prune_ns = INT64_C(3600) * 1000000000,
    .pause_ns = INT64_C(100000000),
    .history_rows = STATE_HISTORY_ROWS,
    .checkpoint_ns = INT64_C(60) * 1000000000,
};

/* --- Up and down --- */

static void say(struct state *s, bool works, bool for_good, const char *why) {
    pthread_mutex_lock(&s->lock);
    s->works = works;
    s->for_good = for_good;
    if (!works)
        snprintf(s->thread_why, sizeof s->thread_why, "%s; %s", why,
                 for_good ? "nothing is kept until the program is started again"
                          : "what is new waits in memory and is tried again");
    pthread_mutex_unlock(&s->lock);
    state_wake_loop(s);
}

void state_say(struct state *s, bool works, const char *why) {
    say(s, works, false, why);
}

void state_say_for_good(struct state *s, const char *why) {
    say(s, false, true, why);
}

void state_wake_loop(struct state *s) {
    pthread_mutex_lock(&s->lock);
    if (s->loop)
        loop_wake(s->loop);
    pthread_mutex_unlock(&s->lock);
}

void state_count_error(struct state *s) {
    atomic_fetch_add(&s->errors, 1);
}

uint64_t state_errors(const struct state *s) {
    return atomic_load(&s->errors);
}

bool state_up(const struct state *s) {
    return s->up;
}

const char *state_why(const struct state *s) {
    return s->up ? "" : s->why;
}

bool state_is_for_good(const struct state *s) {
    struct state *locked = (struct state *)s; /* the lock is no part of what is asked for */
    pthread_mutex_lock(&locked->lock);
    const bool for_good = s->for_good;
    pthread_mutex_unlock(&locked->lock);
    return for_good;
}

int64_t state_wall_ns(const struct state *s) {
    const int64_t wall_ns = clock_wall_ns();
    return wall_ns >= STATE_LEAST_WALL_NS || s->alive_ns == 0
               ? wall_ns
               : s->alive_ns + (clock_now_ns() - s->alive_mono_ns);
}

bool state_is_taken(const struct state *s) {
    return s->file.taken;
}

bool state_was_damaged(const struct state *s) {
    return s->damaged;
}

void state_look(struct state *s, int64_t now_ns) {
    pthread_mutex_lock(&s->lock);
    const int64_t busy_ns = s->busy_since_ns != 0 ? now_ns - s->busy_since_ns : 0;
    s->stalled = busy_ns >= s->pace.stall_ns;
    s->up = s->works && !s->stalled;
    if (s->stalled && s->works)
        snprintf(
            s->why, sizeof s->why,
            "the disk of %s has not answered for %lld s; what is new waits in memory; look into the disk, "
            "and into the kernel's log",
            s->file.path, (long long)(busy_ns / SECOND_NS));
    else if (!s->up)
        memcpy(s->why, s->thread_why, sizeof s->why);
    pthread_mutex_unlock(&s->lock);
}

/* --- The loop's turn --- */

static void tell_written(struct state *s, struct state_items *written) {
    for (const struct state_item *item = written->first; item; item = item->next) {
        if (item->event)
            s->events_written = item->ticket;
        else
            s->watch.written(s->watch.context, item->ticket);
    }
    state_items_free(written);
}

int64_t state_turn(struct state *s, int64_t now_ns) {
    if (!s->started)
        return INT64_MAX;
    pthread_mutex_lock(&s->lock);
    struct state_items written = {0};
    state_items_move(&written, &s->written);
    const bool lost = s->lost;
    s->lost = false;
    pthread_mutex_unlock(&s->lock);
    state_look(s, now_ns);
    if (lost)
        s->watch.lost(s->watch.context);
    tell_written(s, &written);
    if (s->up != s->told_up) {
        s->told_up = s->up;
        s->watch.changed(s->watch.context, s->up, state_why(s));
    }
    const int64_t ask_ns = state_tell_asks(s, now_ns);
    const int64_t stall_ns = s->has_thread ? now_ns + s->pace.stall_ns : INT64_MAX;
    return ask_ns < stall_ns ? ask_ns : stall_ns;
}

/* --- Start --- */

static void init_locks(struct state *s) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_cond_init(&s->ended, &monotonic);
    pthread_cond_init(&s->recalled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->lock, NULL);
}

struct state *state_open(const char *path, int64_t wait_ns) {
    struct state *s = calloc(1, sizeof *s);
    if (!s || !state_file_init(&s->file, path)) {
        free(s);
        return NULL;
    }
    init_locks(s);
    s->file.wait_ms = (int)(wait_ns / (SECOND_NS / 1000));
    s->pace = usual_pace;
    s->works = true;
    s->told_up = true;
    switch (state_file_open(&s->file)) {
    case STATE_OPEN: break;
    case STATE_DAMAGED: s->unreadable = true; break;
    case STATE_LATER: state_say(s, false, s->file.why); break;
    case STATE_DOWN: state_say_for_good(s, s->file.why); break;
    }
    if (!s->works)
        state_count_error(s);
    s->file.wait_ms = 0;
    state_look(s, clock_now_ns());
    return s;
}

void state_set_pace(struct state *s, const struct state_pace *pace) {
    s->pace = *pace;
}

enum status state_recall(struct state *s, const char *const *names, size_t n, state_record_handler *record,
                         void *context) {
    struct state_recall r = {
        .names = names, .n = n, .record = record, .context = context, .status = STATUS_IO};
    const int64_t until_ns = clock_now_ns() + STATE_RECALL_NS;
    const struct timespec until = {.tv_sec = until_ns / SECOND_NS, .tv_nsec = until_ns % SECOND_NS};
    if (!s->has_thread || !s->up)
        return STATUS_IO;
    pthread_mutex_lock(&s->lock);
    s->recall = &r;
    pthread_cond_signal(&s->wake);
    while (!r.done && (r.taken || clock_now_ns() < until_ns)) {
        if (r.taken)
            pthread_cond_wait(&s->recalled, &s->lock);
        else
            pthread_cond_timedwait(&s->recalled, &s->lock, &until);
    }
    s->recall = NULL;
    pthread_mutex_unlock(&s->lock);
    return r.status;
}

/* With all signals blocked: those are the loop's. */
static int start_thread(struct state *s) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int cause = pthread_create(&s->thread, NULL, state_thread_run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return cause;
}

enum status state_start(struct state *s, struct loop *loop, const struct state_watch *watch,
                        int64_t history_ns) {
    s->watch = *watch;
    s->loop = loop;
    s->history_ns = history_ns;
    s->started = true;
    if (s->for_good) /* no thread is needed to say so */
        return STATUS_OK;
    const int cause = start_thread(s);
    s->has_thread = cause == 0;
    errno = cause;
    return cause == 0 ? STATUS_OK : STATUS_IO;
}

void state_set_history(struct state *s, int64_t history_ns) {
    pthread_mutex_lock(&s->lock);
    s->history_changed = s->history_changed || s->history_ns != history_ns;
    s->history_ns = history_ns;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

/* --- End --- */

void state_free(struct state *s) {
    state_file_release(&s->file);
    state_items_free(&s->taken);
    state_items_free(&s->queue);
    state_items_free(&s->written);
    while (s->asks) {
        struct state_ask *ask = s->asks;
        s->asks = ask->next;
        state_ask_free(ask);
    }
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->ended);
    free(s);
}

static void log_unwritten(const struct state *s, const char *why) {
    char bytes[24];
    snprintf(bytes, sizeof bytes, "%zu", s->queued_bytes);
    log_write(LOG_ERROR, "not everything was written to the store before the end", "file", s->file.path,
              "bytes", bytes, "why", why, NULL);
}

/* Whether the thread has ended in time; if not, it is left alone: nobody can take a thread out of a disk that
 * does not answer. It frees everything itself, should it come back. */
static bool stop_thread(struct state *s, int64_t wait_ns) {
    const int64_t end_ns = clock_now_ns() + wait_ns;
    const struct timespec end = {.tv_sec = end_ns / SECOND_NS, .tv_nsec = end_ns % SECOND_NS};
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    s->stop_by_ns = end_ns - wait_ns / 4; /* the rest is for closing the file */
    pthread_cond_signal(&s->wake);
    int cause = 0;
    while (!s->thread_ended && cause == 0)
        cause = pthread_cond_timedwait(&s->ended, &s->lock, &end);
    const bool ended = s->thread_ended;
    s->loop = NULL;
    if (!ended) {
        log_unwritten(s, "the disk does not answer in time");
        s->abandoned = true;
        pthread_detach(s->thread);
    }
    pthread_mutex_unlock(&s->lock);
    return ended;
}

bool state_close(struct state *s, int64_t wait_ns) {
    if (!s)
        return true;
    if (s->has_thread) {
        if (!stop_thread(s, wait_ns))
            return false;
        pthread_join(s->thread, NULL);
    } else {
        s->stop_by_ns = clock_now_ns() + wait_ns;
        state_drain(s);
    }
    const bool all = s->queued_bytes == 0;
    if (!all)
        log_unwritten(s, s->thread_why);
    state_free(s);
    return all;
}
