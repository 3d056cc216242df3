/* SPDX-License-Identifier: Apache-2.0
 *
 * What waits to be written, and who waits for an answer.
 */
#include "edge/state_internal.h"

#include "edge/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { DROPPED_LINES = 2, ASKS_MOST = 256 };

/* --- Lists of items --- */

void state_items_add(struct state_items *items, struct state_item *item) {
    item->next = NULL;
    *(items->first ? items->end : &items->first) = item;
    items->end = &item->next;
}

void state_items_move(struct state_items *to, struct state_items *from) {
    if (!from->first)
        return;
    *(to->first ? to->end : &to->first) = from->first;
    to->end = from->end;
    *from = (struct state_items){0};
}

void state_items_free(struct state_items *items) {
    while (items->first) {
        struct state_item *item = items->first;
        items->first = item->next;
        free(item);
    }
    items->end = NULL;
}

/* --- Putting --- */

static struct state_item *new_item(size_t len) {
    const size_t bytes = sizeof(struct state_item) + len;
    struct state_item *item = malloc(bytes);
    if (!item)
        return NULL;
    *item = (struct state_item){.bytes = bytes};
    return item;
}

static struct state_item *copy_record(const struct record *record, uint64_t ticket) {
    const size_t name = strlen(record->list) + 1;
    assert(name <= RECORD_NAME_SIZE && record->len < RECORD_SIZE && record->kind < RECORD_KINDS);
    struct state_item *item = new_item(name + record->len);
    if (!item)
        return NULL;
    item->ticket = ticket;
    item->record = *record;
    item->record.list = memcpy(item->data, record->list, name);
    if (record->len > 0)
        item->record.data = memcpy(item->data + name, record->data, record->len);
    return item;
}

/* Under the lock. The thread is woken for the first item, when somebody is waiting, and when there is enough
 * for a transaction. */
static void queue_items(struct state *s, struct state_items *items, bool urgent, int64_t linger_ns) {
    if (!s->queue.first)
        s->linger_ns = linger_ns;
    if (!s->queue.first || (urgent && !s->urgent) || s->queued_bytes >= STATE_BATCH_BYTES)
        pthread_cond_signal(&s->wake);
    state_items_move(&s->queue, items);
    s->urgent = s->urgent || urgent;
}

/* Takes `item`, for which there is room: nobody else puts. */
static void queue(struct state *s, struct state_item *item, bool urgent) {
    struct state_items one = {0};
    const int64_t linger_ns = clock_now_ns() + s->pace.linger_ns;
    item->follows = s->held && s->group.first;
    state_items_add(s->held ? &s->group : &one, item);
    pthread_mutex_lock(&s->lock);
    s->queued_bytes += item->bytes;
    if (!s->held)
        queue_items(s, &one, urgent, linger_ns);
    pthread_mutex_unlock(&s->lock);
    s->group_urgent = s->group_urgent || (s->held && urgent);
}

void state_hold(struct state *s, bool hold) {
    const int64_t linger_ns = clock_now_ns() + s->pace.linger_ns;
    s->held = hold;
    if (hold || !s->group.first)
        return;
    pthread_mutex_lock(&s->lock);
    queue_items(s, &s->group, s->group_urgent, linger_ns);
    pthread_mutex_unlock(&s->lock);
    s->group_urgent = false;
}

/* An empty queue takes any record, or one that is larger than it would never get through. */
static bool has_room(struct state *s, size_t bytes, size_t most) {
    pthread_mutex_lock(&s->lock);
    const bool room = !s->for_good && (s->queued_bytes == 0 || s->queued_bytes + bytes <= most);
    pthread_mutex_unlock(&s->lock);
    return room;
}

bool state_put(struct state *s, const struct record *record, uint64_t ticket) {
    if (!has_room(s, sizeof(struct state_item) + record->len, STATE_QUEUE_BYTES))
        return false;
    struct state_item *item = copy_record(record, ticket);
    if (item)
        queue(s, item, ticket != 0);
    return item != NULL;
}

static bool keep_event(struct state *s, const struct history_event *event) {
    if (!has_room(s, sizeof(struct state_item) + sizeof *event, (size_t)2 * STATE_QUEUE_BYTES))
        return false;
    struct state_item *item = new_item(sizeof *event);
    if (!item)
        return false;
    item->event = memcpy(item->data, event, sizeof *event);
    item->ticket = ++s->events_put;
    queue(s, item, true);
    return true;
}

void state_put_event(struct state *s, const struct history_event *event) {
    if (keep_event(s, event))
        return;
    state_count_error(s);
    if (!state_is_for_good(s) && log_allowed(&s->dropped_limit, DROPPED_LINES, clock_now_ns()))
        log_write(LOG_ERROR, "an event is not in the history: too much waits to be written", "event",
                  history_kind_text[event->kind], "list", event->list, NULL);
}

uint64_t state_events_put(const struct state *s) {
    return s->events_put;
}

uint64_t state_events_written(const struct state *s) {
    return s->events_written;
}

size_t state_queued(const struct state *s) {
    struct state *locked = (struct state *)s; /* the lock is no part of what is asked for */
    pthread_mutex_lock(&locked->lock);
    const size_t bytes = s->queued_bytes;
    pthread_mutex_unlock(&locked->lock);
    return bytes;
}

/* --- Asking --- */

void state_ask_free(struct state_ask *ask) {
    free(ask->events);
    free(ask);
}

bool state_ask_history(struct state *s, const struct ip *ip, int64_t before_ns, unsigned limit,
                       uint64_t ticket) {
    assert(limit <= STATE_HISTORY_PAGE);
    struct state_ask *ask = calloc(1, sizeof *ask);
    if (!ask)
        return false;
    *ask = (struct state_ask){.ip = *ip, .before_ns = before_ns, .limit = limit, .ticket = ticket};
    ask->deadline_ns = clock_now_ns() + s->pace.ask_ns;
    pthread_mutex_lock(&s->lock);
    struct state_ask **at = &s->asks;
    int n = 0;
    for (; *at; at = &(*at)->next)
        n++;
    const bool taken = s->has_thread && !s->for_good && n < ASKS_MOST;
    if (taken) {
        *at = ask;
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->lock);
    if (!taken)
        free(ask);
    return taken;
}

/* Takes the next one that is answered or has waited too long out of the list; NULL: none. `*next_ns`: when
 * the first of the others has. */
static struct state_ask *take_ask(struct state *s, int64_t now_ns, int64_t *next_ns) {
    *next_ns = INT64_MAX;
    for (struct state_ask **at = &s->asks; *at; at = &(*at)->next) {
        struct state_ask *ask = *at;
        if (ask->done || now_ns >= ask->deadline_ns) {
            *at = ask->next;
            ask->told = true;
            return ask;
        }
        if (ask->deadline_ns < *next_ns)
            *next_ns = ask->deadline_ns;
    }
    return NULL;
}

int64_t state_tell_asks(struct state *s, int64_t now_ns) {
    for (;;) {
        int64_t next_ns;
        pthread_mutex_lock(&s->lock);
        struct state_ask *ask = take_ask(s, now_ns, &next_ns);
        const uint64_t ticket = ask ? ask->ticket : 0;
        const bool done = ask && ask->done;
        const bool thread_has_it = ask && ask->taken && !done;
        pthread_mutex_unlock(&s->lock);
        if (!ask)
            return next_ns;
        const bool ok = done && ask->ok;
        s->watch.history(s->watch.context, ticket, ok, ok ? ask->events : NULL, ok ? ask->n : 0,
                         ok && ask->more);
        if (!thread_has_it)
            state_ask_free(ask);
    }
}
