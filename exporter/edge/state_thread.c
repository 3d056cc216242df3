/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that writes.
 *
 * What is queued is taken as a whole and written in order, a transaction at a time. What fails stays the
 * first in line. A failure of the world (full, read-only, I/O) is waited out; one that says that the file is
 * damaged makes a new file. There the records that wait are of no use, for they build on what is lost: the
 * loop is told to put everything again. Events are kept.
 */
#include "edge/state_internal.h"

#include "edge/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const int64_t SECOND_NS = INT64_C(1000000000);
#define DAY_NS (86400 * SECOND_NS)

/* --- At the disk --- */

/* Between these two the loop watches how long it takes. */
static void enter(struct state *s) {
    const int64_t now_ns = clock_now_ns();
    pthread_mutex_lock(&s->lock);
    s->busy_since_ns = now_ns;
    pthread_mutex_unlock(&s->lock);
}

static void leave(struct state *s) {
    const int64_t now_ns = clock_now_ns();
    pthread_mutex_lock(&s->lock);
    const bool slow = now_ns - s->busy_since_ns >= s->pace.stall_ns;
    s->busy_since_ns = 0;
    pthread_mutex_unlock(&s->lock);
    if (slow)
        state_wake_loop(s);
}

static void take_queue(struct state *s) {
    pthread_mutex_lock(&s->lock);
    state_items_move(&s->taken, &s->queue);
    s->urgent = false;
    pthread_mutex_unlock(&s->lock);
}

/* --- Failures --- */

static void fail(struct state *s) {
    state_count_error(s);
    s->retry_at_ns = clock_now_ns() + s->pace.retry_ns;
    state_say(s, false, s->file.why);
}

/* Frees what waits: all, or all but events. */
static void drop_taken(struct state *s, bool events_too) {
    struct state_items kept = {0};
    size_t bytes = 0;
    take_queue(s);
    while (s->taken.first) {
        struct state_item *item = s->taken.first;
        s->taken.first = item->next;
        if (item->event && !events_too) {
            state_items_add(&kept, item);
            continue;
        }
        bytes += item->bytes;
        free(item);
    }
    s->taken = kept;
    pthread_mutex_lock(&s->lock);
    s->queued_bytes -= bytes;
    pthread_mutex_unlock(&s->lock);
}

static void give_up(struct state *s) {
    state_file_close(&s->file, false);
    state_count_error(s);
    state_say_for_good(s, s->file.why);
    drop_taken(s, true);
}

/* The loop hears of it, and puts everything again. */
static void lose(struct state *s) {
    state_count_error(s);
    drop_taken(s, false);
    pthread_mutex_lock(&s->lock);
    s->lost = true;
    pthread_mutex_unlock(&s->lock);
    state_wake_loop(s);
}

static bool set_aside(struct state *s, int rc) {
    char where[PATH_MAX];
    struct state_file *f = &s->file;
    if (++s->n_aside > STATE_ASIDE_MOST) {
        snprintf(f->why, sizeof f->why, "%s was damaged again and again; look into the disk and the memory",
                 f->path);
        return false;
    }
    if (!state_file_set_aside(f, where, sizeof where))
        return false;
    log_write(LOG_ERROR, "the store was found damaged while in use: a new one is begun", "file", f->path,
              "found", sqlite3_errstr(rc), "kept_as", where, NULL);
    return true;
}

static bool open_anew(struct state *s) {
    struct state_file *f = &s->file;
    switch (state_file_open(f)) {
    case STATE_OPEN:
        if (state_read_lists(f) == SQLITE_OK)
            return true;
        state_file_close(f, false);
        snprintf(f->why, sizeof f->why, "cannot read %s", f->path);
        fail(s);
        return false;
    case STATE_DAMAGED: set_aside(s, SQLITE_CORRUPT) ? fail(s) : give_up(s); return false;
    case STATE_LATER: fail(s); return false;
    case STATE_DOWN: give_up(s); return false;
    }
    return false;
}

/* Begins a new file. The latest events are read from the old one as far as that goes. */
static void replace(struct state *s, int rc) {
    struct history_event *events = calloc(HISTORY_SHOWN, sizeof *events);
    size_t n = 0;
    size_t n_damaged = 0;
    if (events && s->file.db)
        (void)!state_events_latest(&s->file, events, &n, &n_damaged);
    if (set_aside(s, rc)) {
        lose(s);
        if (open_anew(s) && state_write_events(&s->file, events, n, clock_wall_ns()) != SQLITE_OK)
            state_count_error(s);
    } else {
        give_up(s);
    }
    free(events);
}

/* After a failure of the file that is open. */
static void handle(struct state *s, int rc) {
    if (state_is_damage(rc)) {
        replace(s, rc);
        return;
    }
    state_file_explain(&s->file, "cannot write", rc);
    fail(s);
}

/* A file that somebody deleted or replaced would take everything, and show it to nobody. */
static bool has_moved(struct state *s) {
    if (!state_file_moved(&s->file))
        return false;
    log_write(LOG_ERROR, "the store was moved or deleted while in use: a new one is begun", "file",
              s->file.path, NULL);
    state_file_close(&s->file, false);
    lose(s);
    return true;
}

/* --- Writing --- */

/* Writes the first of what is taken; `*end` is the first that was not. */
static int write_some(struct state *s, const struct state_item **end) {
    struct state_file *f = &s->file;
    const int64_t wall_ns = state_wall_ns(s);
    const struct state_item *item = s->taken.first;
    size_t bytes = 0;
    int rc = state_begin(f);
    for (int n = 0; rc == SQLITE_OK && item; n++) {
        if (!item->follows && (n >= STATE_BATCH_ITEMS || bytes >= STATE_BATCH_BYTES))
            break;
        rc = item->event ? state_write_event(f, item->event) : state_write_record(f, &item->record, wall_ns);
        bytes += item->bytes;
        item = item->next;
    }
    if (rc == SQLITE_OK)
        rc = state_commit(f, wall_ns);
    if (rc != SQLITE_OK)
        state_rollback(f);
    *end = item;
    return rc;
}

/* What is on the disk now: freed, or told to who waits for it. */
static void finish(struct state *s, const struct state_item *end) {
    struct state_items told = {0};
    size_t bytes = 0;
    while (s->taken.first != end) {
        struct state_item *item = s->taken.first;
        s->taken.first = item->next;
        bytes += item->bytes;
        if (item->ticket != 0)
            state_items_add(&told, item);
        else
            free(item);
    }
    const bool wake = told.first != NULL;
    pthread_mutex_lock(&s->lock);
    s->queued_bytes -= bytes;
    state_items_move(&s->written, &told);
    pthread_mutex_unlock(&s->lock);
    if (wake)
        state_wake_loop(s);
}

/* Now and then what is in the WAL goes into the file: the less lies in it, the less a damage of it can take,
 * and the more sees who may only read. */
static void checkpoint(struct state *s) {
    const int64_t now_ns = clock_now_ns();
    if (now_ns < s->checkpoint_at_ns)
        return;
    s->checkpoint_at_ns = now_ns + s->pace.checkpoint_ns;
    enter(s);
    /* What fails here fails at the next write as well, and is told then. */
    (void)sqlite3_wal_checkpoint_v2(s->file.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    leave(s);
}

/* One transaction, also an empty one, which shows that writing works. */
static bool write_batch(struct state *s) {
    enter(s);
    const bool ready = (s->file.db && !has_moved(s)) || (!s->for_good && open_anew(s));
    const struct state_item *end = NULL;
    const int rc = ready ? write_some(s, &end) : SQLITE_OK;
    leave(s);
    if (!ready)
        return false;
    if (rc != SQLITE_OK) {
        enter(s);
        handle(s, rc);
        leave(s);
        return false;
    }
    finish(s, end);
    checkpoint(s);
    if (s->retry_at_ns != 0)
        state_say(s, true, "");
    s->retry_at_ns = 0;
    return true;
}

/* A clock that is years ahead must not take the history with it: it is believed as far as time has passed
 * since the last write before this run, and a day. */
static int64_t believable_wall_ns(const struct state *s) {
    const int64_t wall_ns = state_wall_ns(s);
    const int64_t most_ns = s->alive_ns + (clock_now_ns() - s->alive_mono_ns) + DAY_NS;
    return s->alive_ns == 0 || wall_ns < most_ns ? wall_ns : most_ns;
}

static void prune(struct state *s, int64_t now_ns) {
    bool more = false;
    pthread_mutex_lock(&s->lock);
    const int64_t history_ns = s->history_ns;
    pthread_mutex_unlock(&s->lock);
    enter(s);
    const int64_t cutoff_ns = believable_wall_ns(s) - history_ns;
    const int rc = state_prune(&s->file, state_wall_ns(s), cutoff_ns, s->pace.history_rows, &more);
    if (rc != SQLITE_OK)
        handle(s, rc);
    leave(s);
    s->prune_at_ns = now_ns + (more ? s->pace.pause_ns : s->pace.prune_ns);
}

/* --- Answering --- */

static struct state_ask *next_ask(struct state *s) {
    pthread_mutex_lock(&s->lock);
    struct state_ask *ask = s->asks;
    while (ask && ask->taken)
        ask = ask->next;
    if (ask)
        ask->taken = true;
    pthread_mutex_unlock(&s->lock);
    return ask;
}

static void answer(struct state *s, struct state_ask *ask) {
    struct history_event *events = calloc((size_t)ask->limit + 1, sizeof *events);
    size_t n = 0;
    size_t n_damaged = 0;
    enter(s);
    int rc = SQLITE_NOMEM;
    if (events && s->file.db)
        rc = state_events_of(&s->file, &ask->ip, ask->before_ns, ask->limit, events, &n, &n_damaged);
    if (n_damaged > 0 || (s->file.db && rc != SQLITE_OK))
        state_count_error(s);
    if (s->file.db && state_is_damage(rc))
        replace(s, rc);
    leave(s);
    pthread_mutex_lock(&s->lock);
    ask->ok = rc == SQLITE_OK;
    ask->more = n > ask->limit;
    ask->n = ask->more ? ask->limit : n;
    ask->events = events;
    ask->done = true;
    const bool told = ask->told;
    pthread_mutex_unlock(&s->lock);
    if (told) /* too late: it is nobody's any more */
        state_ask_free(ask);
    else
        state_wake_loop(s);
}

/* --- The thread --- */

/* When there is something to do. Under the lock. */
static int64_t work_at(const struct state *s) {
    for (const struct state_ask *ask = s->asks; ask; ask = ask->next) {
        if (!ask->taken)
            return 0;
    }
    if (s->recall)
        return 0;
    if (s->for_good)
        return INT64_MAX;
    if (s->retry_at_ns != 0)
        return s->retry_at_ns;
    if (s->history_changed || s->taken.first || s->urgent || s->queued_bytes >= STATE_BATCH_BYTES)
        return 0;
    const int64_t idle_ns = s->look_at_ns < s->prune_at_ns ? s->look_at_ns : s->prune_at_ns;
    return s->queue.first && s->linger_ns < idle_ns ? s->linger_ns : idle_ns;
}

/* The loop waits for this: what was put before is written, then the lists are read. */
static void recall(struct state *s, struct state_recall *r) {
    enum status status = STATUS_IO;
    while (s->taken.first && write_batch(s)) {
    }
    if (!s->taken.first && s->file.db && s->retry_at_ns == 0) {
        enter(s);
        status = state_load_lists(s, r->names, r->n, r->record, r->context);
        leave(s);
    }
    pthread_mutex_lock(&s->lock);
    r->status = status;
    r->done = true;
    pthread_cond_signal(&s->recalled);
    pthread_mutex_unlock(&s->lock);
}

static struct state_recall *take_recall(struct state *s) {
    pthread_mutex_lock(&s->lock);
    struct state_recall *r = s->recall;
    if (r)
        r->taken = true;
    s->recall = NULL;
    pthread_mutex_unlock(&s->lock);
    return r;
}

/* While nothing is written: a file that was deleted would only be missed at the end. */
static bool is_in_place(struct state *s, int64_t now_ns) {
    if (now_ns < s->look_at_ns || !s->file.db)
        return true;
    s->look_at_ns = now_ns + s->pace.look_ns;
    enter(s);
    const bool moved = has_moved(s);
    leave(s);
    return !moved;
}

/* Who asks sees what was put before (but for a backlog of more than one transaction): the question is taken
 * before the queue. */
static void work(struct state *s) {
    const int64_t now_ns = clock_now_ns();
    struct state_ask *ask = next_ask(s);
    struct state_recall *wanted = take_recall(s);
    if (wanted) {
        take_queue(s);
        recall(s, wanted);
    }
    if (!s->for_good && now_ns >= s->retry_at_ns) {
        take_queue(s);
        const bool works = (!s->taken.first && s->retry_at_ns == 0) ? is_in_place(s, now_ns) : write_batch(s);
        if (works && now_ns >= s->prune_at_ns)
            prune(s, now_ns);
    }
    if (ask)
        answer(s, ask);
}

/* Waits until there is something to do; false: the end. */
static bool wait(struct state *s) {
    pthread_mutex_lock(&s->lock);
    int64_t at_ns;
    while (!s->stopping && (at_ns = work_at(s)) > clock_now_ns()) {
        const struct timespec at = {.tv_sec = at_ns / SECOND_NS, .tv_nsec = at_ns % SECOND_NS};
        pthread_cond_timedwait(&s->wake, &s->lock, &at);
    }
    if (s->history_changed)
        s->prune_at_ns = 0;
    s->history_changed = false;
    const bool goes_on = !s->stopping;
    pthread_mutex_unlock(&s->lock);
    return goes_on;
}

void state_drain(struct state *s) {
    for (;;) {
        take_queue(s);
        if (s->for_good || !s->taken.first || clock_now_ns() >= s->stop_by_ns || !write_batch(s))
            break;
    }
    state_file_close(&s->file, true);
}

void *state_thread_run(void *context) {
    struct state *s = context;
    if (!s->works)
        s->retry_at_ns = clock_now_ns() + s->pace.retry_ns;
    s->checkpoint_at_ns = clock_now_ns() + s->pace.checkpoint_ns;
    while (wait(s))
        work(s);
    state_drain(s);
    pthread_mutex_lock(&s->lock);
    s->thread_ended = true;
    const bool abandoned = s->abandoned;
    pthread_cond_signal(&s->ended);
    pthread_mutex_unlock(&s->lock);
    if (abandoned)
        state_free(s);
    return NULL;
}
