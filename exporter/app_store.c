/* SPDX-License-Identifier: Apache-2.0
 *
 * Before the store has told that a reservation is written nothing of a quota is sent; while the store is down
 * the program goes on from memory, and says so.
 */
#include "app_store.h"

#include "core/restore.h"
#include "core/save.h"

#include "edge/clock.h"
#include "edge/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* When what did not fit into the store's queue is offered again. */
#define OFFER_NS (INT64_C(200) * 1000000)

struct app_store {
    struct state *state;
    enum app_store_keep keep;
    struct save *save;
    struct kept_items kept;
    struct history history;
    app_store_history_handler *on_history;
    void *history_context;
    int64_t event_ns; /* of the last event */
    int64_t now_ns;   /* of the running turn */
    bool keeps;       /* the store is up or may come up */
    bool started;
    bool is_due;   /* an event waits for the end of the turn */
    uint64_t told; /* up to this event all was told without waiting for the disk any longer */
    struct log_limit told_limit;
};

static enum status take_kept(struct app_store *store, const struct record *record) {
    return kept_items_put(&store->kept, record->list, (enum record_kept)record->number, record->data,
                          record->len, false);
}

static enum status on_kept(void *context, const struct record *record) {
    return take_kept(context, record);
}

struct app_store *app_store_open(const char *path, enum app_store_keep keep, int64_t wait_ns) {
    struct app_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    store->keep = keep;
    store->state = state_open(path, wait_ns);
    if (store->state == NULL) {
        free(store);
        return NULL;
    }
    if (keep == APP_STORE_ALL && state_load_kept(store->state, on_kept, store) != STATUS_OK) {
        app_store_close(store, 0, 0);
        return NULL;
    }
    return store;
}

static bool put(void *context, const struct record *record, uint64_t ticket) {
    const struct app_store *store = context;
    return state_put(store->state, record, ticket);
}

/* ---- bringing back ---- */

/* What reading the store needs. */
struct load {
    struct app_store *store;
    struct checker *c;
    int64_t now_ns;
    struct restore *restore;
};

static int64_t wall_offset_ns(const struct app_store *store) {
    return state_wall_ns(store->state) - clock_now_ns();
}

/* With the first record: before, the store does not say what time it is. */
static bool begin(struct load *load) {
    if (load->restore == NULL)
        load->restore = restore_new(load->c, load->now_ns, wall_offset_ns(load->store));
    return load->restore != NULL;
}

static enum status on_record(void *context, const struct record *record) {
    struct load *load = context;
    if (!begin(load))
        return STATUS_NO_MEMORY;
    if (record->kind == RECORD_KEPT)
        return take_kept(load->store, record);
    return restore_record(load->restore, record);
}

static void on_event(void *context, const struct history_event *event) {
    const struct load *load = context;
    history_add(&load->store->history, event);
}

static void forget_budgets(struct app_store *store, struct restore *restore) {
    struct record gone;
    while (restore_next_gone(restore, &gone))
        (void)!put(store, &gone, 0); /* it is tried again at the next start */
}

static void use(struct app_store *store, struct checker *c, int64_t now_ns) {
    if (save_use(store->save, c, now_ns) != STATUS_OK)
        log_write(LOG_ERROR, "not enough memory to save the state of every list", NULL);
}

/* A command has no use for what is kept, but must not lose it with a file that it found damaged. */
static void keep_kept(struct app_store *store) {
    if (state_was_damaged(store->state))
        kept_items_all_wait(&store->kept);
    else if (store->keep == APP_STORE_BUDGETS)
        kept_items_release(&store->kept);
}

static enum status keep_on(struct app_store *store, struct restore *restore, struct checker *c,
                           int64_t now_ns) {
    size_t n = 0;
    const struct save_known *known = restore_known(restore, &n);
    store->save = save_new(store->keep == APP_STORE_BUDGETS, known, n, put, store);
    if (store->save == NULL)
        return STATUS_NO_MEMORY;
    store->keeps = !state_is_for_good(store->state);
    keep_kept(store);
    if (!store->keeps)
        return STATUS_OK;
    save_reserve(store->save, state_up(store->state), now_ns);
    use(store, c, now_ns);
    if (state_was_damaged(store->state))
        save_all(store->save);
    if (store->keep == APP_STORE_ALL)
        forget_budgets(store, restore);
    return STATUS_OK;
}

enum status app_store_restore(struct app_store *store, struct checker *c, int64_t now_ns) {
    int64_t alive_ns = 0;
    struct load load = {store, c, now_ns, NULL};
    enum status status = state_load(store->state, on_record, on_event, &load, &alive_ns);
    if (status == STATUS_OK && !begin(&load))
        status = STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = restore_end(load.restore, alive_ns, state_was_damaged(store->state));
    if (status == STATUS_OK)
        status = keep_on(store, load.restore, c, now_ns);
    restore_free(load.restore);
    return status;
}

/* Which enabled lists of `c` are new to it, and known to the store; how many. */
static size_t choose_lists(const struct app_store *store, const struct checker *c, const struct checker *old,
                           bool *chosen, const char **names) {
    size_t n = 0;
    for (uint32_t i = 0; i < c->settings->n_lists; i++) {
        uint32_t from = settings_list_before(c->settings, i, old->settings);
        bool carried = from != UINT32_MAX && old->lists[from].list != NULL;
        chosen[i] =
            c->lists[i].list != NULL && !carried && save_has_spare(store->save, c->settings->lists[i].name);
        if (chosen[i])
            names[n++] = c->settings->lists[i].name;
    }
    return n;
}

enum status app_store_recall(struct app_store *store, struct checker *c, const struct checker *old,
                             int64_t now_ns) {
    bool chosen[LIST_MAX] = {false};
    const char *names[LIST_MAX];
    size_t n = store->keeps ? choose_lists(store, c, old, chosen, names) : 0;
    if (n == 0)
        return STATUS_OK;
    struct load load = {store, c, now_ns, restore_new_lists(c, chosen, now_ns, wall_offset_ns(store))};
    if (load.restore == NULL)
        return STATUS_NO_MEMORY;
    enum status status = state_recall(store->state, names, n, on_record, &load);
    if (status == STATUS_IO)
        log_write(LOG_WARN, "not all that is kept of lists that came back could be read: they begin anew",
                  "first", names[0], NULL);
    if (status != STATUS_NO_MEMORY)
        status = restore_end(load.restore, state_wall_ns(store->state), status == STATUS_IO);
    restore_free(load.restore);
    return status;
}

/* ---- what the store tells ---- */

static void on_changed(void *context, bool up, const char *why) {
    struct app_store *store = context;
    bool told = store->keep == APP_STORE_ALL; /* a command says itself what that means for it */
    if (told && up)
        log_write(LOG_INFO, "the store works again: state is being saved", NULL);
    else if (told)
        log_write(LOG_ERROR, "state is not being saved: the program goes on from memory", "error", why, NULL);
    if (store->keeps)
        save_reserve(store->save, up, store->now_ns);
}

static void on_written(void *context, uint64_t ticket) {
    struct app_store *store = context;
    save_written(store->save, ticket, store->now_ns);
}

static void on_lost(void *context) {
    struct app_store *store = context;
    save_all(store->save);
    kept_items_all_wait(&store->kept);
}

static void on_history(void *context, uint64_t ticket, bool ok, const struct history_event *events, size_t n,
                       bool more) {
    const struct app_store *store = context;
    if (store->on_history != NULL)
        store->on_history(store->history_context, ticket, ok, events, n, more);
}

enum status app_store_start(struct app_store *store, struct loop *loop, int64_t history_ns) {
    const struct state_watch watch = {on_changed, on_written, on_lost, on_history, store};
    enum status status = state_start(store->state, loop, &watch, history_ns);
    store->started = status == STATUS_OK;
    return status;
}

/* ---- running ---- */

void app_store_use(struct app_store *store, struct checker *c, int64_t history_ns, int64_t now_ns) {
    state_set_history(store->state, history_ns);
    if (store->keeps) { /* what lists that go now have to say */
        save_hurry(store->save);
        (void)save_turn(store->save, now_ns, wall_offset_ns(store));
    }
    if (store->keeps)
        use(store, c, now_ns);
}

/* Returns when to try again. */
static int64_t offer_kept(struct app_store *store, int64_t now_ns) {
    if (!store->keeps || kept_items_offer(&store->kept, put, store))
        return INT64_MAX;
    return now_ns + OFFER_NS;
}

int64_t app_store_turn(struct app_store *store, int64_t now_ns) {
    store->now_ns = now_ns;
    int64_t state_ns = state_turn(store->state, now_ns);
    if (!store->keeps)
        return state_ns;
    int64_t offer_ns = offer_kept(store, now_ns);
    int64_t save_ns = save_turn(store->save, now_ns, wall_offset_ns(store));
    state_hold(store->state, false);
    store->is_due = false;
    int64_t next_ns = state_ns < save_ns ? state_ns : save_ns;
    return offer_ns < next_ns ? offer_ns : next_ns;
}

bool app_store_keep(struct app_store *store, const char *name, enum record_kept which, const void *data,
                    size_t len) {
    if (kept_items_put(&store->kept, name, which, data, len, true) != STATUS_OK)
        return false;
    (void)offer_kept(store, store->now_ns);
    return true;
}

bool app_store_forget_kept(struct app_store *store, const char *name, enum record_kept which) {
    bool had = kept_items_find(&store->kept, name, which) != NULL;
    kept_items_forget(&store->kept, name, which);
    (void)offer_kept(store, store->now_ns);
    return had;
}

const struct app_store_kept *app_store_kept_find(const struct app_store *store, const char *name,
                                                 enum record_kept which) {
    return kept_items_find(&store->kept, name, which);
}

int64_t app_store_wall_ns(const struct app_store *store) {
    return state_wall_ns(store->state);
}

void app_store_event(struct app_store *store, struct history_event *event) {
    /* No two of one moment: a page of the history goes on behind a moment. */
    int64_t wall_ns = clock_wall_ns();
    bool is_same = wall_ns <= store->event_ns && wall_ns > store->event_ns - 1000000;
    store->event_ns = is_same ? store->event_ns + 1 : wall_ns;
    event->wall_ns = store->event_ns;
    history_add(&store->history, event);
    if (store->keep == APP_STORE_BUDGETS || !store->keeps)
        return;
    /* Until the end of this turn: the event, and what it says of its list and address, in one transaction. */
    state_hold(store->state, true);
    state_put_event(store->state, event);
    save_hurry(store->save);
    store->is_due = true;
}

bool app_store_is_due(const struct app_store *store) {
    return store->is_due;
}

uint64_t app_store_mark(const struct app_store *store) {
    return state_events_put(store->state);
}

bool app_store_may_tell(struct app_store *store, uint64_t mark, int64_t since_ns, int64_t now_ns) {
    if (mark <= store->told || mark <= state_events_written(store->state) || !state_up(store->state))
        return true;
    if (now_ns - since_ns < APP_STORE_TELL_NS)
        return false;
    store->told = mark;
    if (log_allowed(&store->told_limit, 1, now_ns))
        log_write(LOG_WARN, "the disk is slow: what was found is told before it is kept", NULL);
    return true;
}

void app_store_on_history(struct app_store *store, app_store_history_handler *handler, void *context) {
    store->on_history = handler;
    store->history_context = context;
}

bool app_store_ask_history(struct app_store *store, const struct ip *ip, int64_t before_ns, unsigned limit,
                           uint64_t ticket) {
    return state_ask_history(store->state, ip, before_ns, limit, ticket);
}

const struct history *app_store_history(const struct app_store *store) {
    return &store->history;
}

bool app_store_up(const struct app_store *store) {
    return state_up(store->state);
}

bool app_store_is_taken(const struct app_store *store) {
    return state_is_taken(store->state);
}

const char *app_store_why(const struct app_store *store) {
    return state_why(store->state);
}

uint64_t app_store_errors(const struct app_store *store) {
    return state_errors(store->state);
}

void app_store_close(struct app_store *store, int64_t wait_ns, int64_t now_ns) {
    if (store == NULL)
        return;
    bool all = offer_kept(store, now_ns) == INT64_MAX; /* also without a thread: it is written at the end */
    if (store->keeps && store->started)
        all = save_end(store->save, now_ns, wall_offset_ns(store)) && all;
    if (!all)
        log_write(LOG_WARN, "the queue of the store is full: the last moments are not saved", NULL);
    state_hold(store->state, false);
    save_free(store->save);
    kept_items_release(&store->kept);
    (void)!state_close(store->state, wait_ns);
    free(store);
}
