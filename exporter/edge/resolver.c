/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a query: open (c-ares holds it, it stands in a queue of deadlines) - then either answered,
 * which is reported at once; or failed, which is reported by the next resolver_turn(); or lost: our deadline
 * has come, it is reported, but c-ares holds it on, and what comes later is swallowed.
 *
 * Deadlines: a queue for each time-out value in use, in order of deadline. As time never falls, a query goes
 * to the end of its queue, so sending and ending cost the same however many are open. When all queues are
 * taken by other values, it is put into one of them at its place: slower, not wrong.
 *
 * Channels: all are in one list; a server points at those that take new queries. One that is full drains in
 * the list. Destroying is done only by resolver_turn(), never inside c-ares. Lost queries keep a UDP channel
 * for a few seconds more, so that late answers do not hit a closed port; a TCP channel that lost one is not
 * used again, as the connection may hang. Where packets get lost a channel is used up within milliseconds,
 * and would be kept for its few lost queries until their time-out: no more than DRAINING_MOST are, and of the
 * oldest beyond them, to which at least 1,000 queries more were sent for each of the others, what is open is
 * lost.
 */
#include "edge/resolver.h"

#include "edge/resolver_ares.h"

#include <assert.h>
#include <stdlib.h>

enum { QUEUES = 64, REFUSED_MAX = 4096, DRAINING_MOST = 128 };
static const int64_t LINGER_NS = INT64_C(5000000000);
static const uint32_t QUERY_MAGIC = 0x51756572;

enum query_state { QUERY_OPEN, QUERY_LOST };

struct query {
    uint32_t magic;
    enum query_state state;
    enum resolver_outcome outcome; /* of one that has failed */
    struct resolver *resolver;
    struct resolver_ares *channel;
    struct query_list *list; /* NULL: in none */
    struct query *next;
    struct query *prev;
    uint64_t cookie;
    int64_t sent_ns;
    int64_t deadline_ns;
};

struct query_list {
    struct query *first;
    struct query *last;
    size_t n;
};

struct deadline_queue {
    int64_t timeout_ns;
    struct query_list queries;
};

struct server {
    struct endpoint endpoint;
    struct resolver_ares *channels[RESOLVER_CHANNELS]; /* NULL: to be made */
};

struct resolver {
    struct loop *loop;
    resolver_handler *handler;
    void *context;
    struct server *servers;
    size_t n_servers;
    struct resolver_ares *channels;
    struct deadline_queue queues[QUEUES];
    struct query_list failed; /* to be reported by the next turn */
    size_t n_unreported;
    struct log_limit shortages;
    bool sending; /* inside ares_send() */
    bool ending;  /* inside resolver_free() */
    /* Queries for which there was no memory, to be reported as failed. A window never lets as many be sent in
     * a turn. */
    uint64_t refused[REFUSED_MAX];
    size_t n_refused;
};

/* Puts `q` before `next`; NULL: at the end. */
static void list_insert(struct query_list *list, struct query *q, struct query *next) {
    q->list = list;
    q->next = next;
    q->prev = next ? next->prev : list->last;
    *(q->prev ? &q->prev->next : &list->first) = q;
    *(next ? &next->prev : &list->last) = q;
    list->n++;
}

static void list_remove(struct query *q) {
    struct query_list *list = q->list;
    assert(list && list->n > 0);
    if (q->prev)
        q->prev->next = q->next;
    else
        list->first = q->next;
    if (q->next)
        q->next->prev = q->prev;
    else
        list->last = q->prev;
    list->n--;
    q->list = NULL;
}

/* Takes the first of `list`; NULL: there is none. */
static struct query *list_pop(struct query_list *list) {
    struct query *q = list->first;
    if (!q)
        return NULL;
    list->first = q->next;
    if (q->next)
        q->next->prev = NULL;
    else
        list->last = NULL;
    list->n--;
    q->list = NULL;
    return q;
}

struct resolver *resolver_new(struct loop *loop, resolver_handler *handler, void *context) {
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        free(r);
        return NULL;
    }
    r->loop = loop;
    r->handler = handler;
    r->context = context;
    return r;
}

void resolver_free(struct resolver *r) {
    if (!r)
        return;
    r->ending = true;
    while (r->channels) {
        struct resolver_ares *channel = r->channels;
        r->channels = channel->next;
        resolver_ares_free(channel);
    }
    struct query *q;
    while ((q = list_pop(&r->failed)))
        free(q);
    ares_library_cleanup();
    free(r->servers);
    free(r);
}

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b) {
    return a->port == b->port && ip_equal(&a->ip, &b->ip);
}

/* Gives `channel` to a server that it leads to, if one wants it; else it drains. False: there is no such
 * server. */
static bool adopt_channel(struct server *servers, size_t n, struct resolver_ares *channel) {
    bool found = false, adopted = false;
    for (size_t i = 0; i < n && !adopted; i++) {
        if (!same_endpoint(&servers[i].endpoint, &channel->server))
            continue;
        found = true;
        struct resolver_ares **home = &servers[i].channels[channel->kind];
        if (!*home && !channel->retired && !channel->broken) {
            *home = channel;
            adopted = true;
        }
    }
    channel->retired = !adopted;
    return found;
}

enum status resolver_set_servers(struct resolver *r, const struct endpoint *servers, size_t n) {
    struct server *fresh = calloc(n + 1, sizeof *fresh);
    if (!fresh)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        fresh[i].endpoint = servers[i];
    for (struct resolver_ares *channel = r->channels; channel; channel = channel->next) {
        if (!adopt_channel(fresh, n, channel))
            channel->broken = true;
    }
    free(r->servers);
    r->servers = fresh;
    r->n_servers = n;
    return STATUS_OK;
}

/* The queue for `timeout_ns`: one that has it, else an empty one, else any. */
static struct deadline_queue *find_queue(struct resolver *r, int64_t timeout_ns) {
    struct deadline_queue *empty = NULL;
    for (size_t i = 0; i < QUEUES; i++) {
        struct deadline_queue *queue = &r->queues[i];
        if (queue->timeout_ns == timeout_ns)
            return queue;
        if (!empty && queue->queries.n == 0)
            empty = queue;
    }
    if (!empty)
        return &r->queues[(uint64_t)timeout_ns % QUEUES];
    empty->timeout_ns = timeout_ns;
    return empty;
}

static void queue_query(struct resolver *r, struct query *q, int64_t timeout_ns) {
    struct query_list *list = &find_queue(r, timeout_ns)->queries;
    struct query *next = NULL;
    for (struct query *last = list->last; last && last->deadline_ns > q->deadline_ns; last = last->prev)
        next = last;
    list_insert(list, q, next);
}

static void fail_query(struct query *q, enum resolver_outcome outcome) {
    q->outcome = outcome;
    q->channel = NULL;
    list_insert(&q->resolver->failed, q, NULL);
}

/* c-ares has done with a query: answered, failed at once or later, or its channel goes. */
static void on_end(void *context, int ares_status, int timeouts, unsigned char *message, int len) {
    (void)timeouts;
    struct query *q = context;
    assert(q->magic == QUERY_MAGIC);
    struct resolver *r = q->resolver;
    q->channel->held--;
    if (q->state == QUERY_LOST) {
        free(q);
        return;
    }
    q->channel->open--;
    list_remove(q);
    if (r->ending) {
        free(q);
    } else if (ares_status == ARES_SUCCESS && message && len > 0 && !r->sending) {
        uint64_t cookie = q->cookie;
        int64_t took_ns = loop_now_ns(r->loop) - q->sent_ns;
        free(q);
        r->n_unreported--;
        r->handler(r->context, cookie, RESOLVER_ANSWER, message, (size_t)len, took_ns > 0 ? took_ns : 0);
    } else {
        bool is_late = ares_status == ARES_ETIMEOUT || q->channel->given_up;
        fail_query(q, is_late ? RESOLVER_TIMEOUT : RESOLVER_NETWORK);
    }
}

static bool is_used_up(const struct resolver_ares *channel, int64_t now_ns) {
    return channel->retired || channel->sent >= RESOLVER_QUERIES_PER_PORT ||
           (channel->kind == RESOLVER_UDP_CONFIRM && now_ns - channel->since_ns >= RESOLVER_CONFIRM_PORT_NS);
}

/* The channel that takes the next query to `server`. NULL: there is no such server, no memory, or the network
 * has refused a query of this very turn: a fresh channel would only hear the same, and a socket would be
 * spent on it. */
static struct resolver_ares *get_channel(struct resolver *r, size_t server, enum resolver_channel kind,
                                         int64_t now_ns) {
    if (server >= r->n_servers)
        return NULL;
    struct resolver_ares **home = &r->servers[server].channels[kind];
    if (*home && (*home)->broken)
        return NULL;
    if (*home && is_used_up(*home, now_ns)) {
        (*home)->retired = true;
        *home = NULL;
    }
    if (!*home) {
        *home = resolver_ares_new(r->loop, &r->shortages, &r->servers[server].endpoint, kind);
        if (*home) {
            (*home)->next = r->channels;
            r->channels = *home;
        }
    }
    return *home;
}

void resolver_send(struct resolver *r, size_t server, enum resolver_channel channel, const uint8_t *query,
                   size_t len, int64_t timeout_ns, uint64_t cookie, int64_t now_ns) {
    assert(timeout_ns > 0 && len <= UINT16_MAX && !r->sending);
    r->n_unreported++;
    struct query *q = calloc(1, sizeof *q);
    if (!q) {
        assert(r->n_refused < REFUSED_MAX);
        r->refused[r->n_refused++] = cookie;
        return;
    }
    *q = (struct query){.magic = QUERY_MAGIC,
                        .state = QUERY_OPEN,
                        .resolver = r,
                        .channel = get_channel(r, server, channel, now_ns),
                        .cookie = cookie,
                        .sent_ns = now_ns,
                        .deadline_ns = now_ns < INT64_MAX - timeout_ns ? now_ns + timeout_ns : INT64_MAX};
    if (!q->channel) {
        fail_query(q, RESOLVER_NETWORK);
        return;
    }
    queue_query(r, q, timeout_ns);
    q->channel->sent++;
    q->channel->held++;
    q->channel->open++;
    r->sending = true;
    ares_send(q->channel->ares, query, (int)len, on_end, q);
    r->sending = false;
}

/* When `channel` has to be destroyed; INT64_MAX: not as it stands. */
static int64_t channel_end_ns(const struct resolver_ares *channel) {
    if (channel->broken || channel->given_up)
        return INT64_MIN;
    if (channel->open > 0)
        return INT64_MAX;
    if (channel->held == 0)
        return channel->retired ? INT64_MIN : INT64_MAX;
    return channel->kind == RESOLVER_TCP ? INT64_MIN : channel->last_loss_ns + LINGER_NS;
}

static void forget_channel(struct resolver *r, const struct resolver_ares *channel) {
    for (size_t i = 0; i < r->n_servers; i++) {
        if (r->servers[i].channels[channel->kind] == channel)
            r->servers[i].channels[channel->kind] = NULL;
    }
}

/* Destroys the channels whose time has come; returns when the next one's comes. */
static int64_t end_channels(struct resolver *r, int64_t now_ns) {
    int64_t next_ns = INT64_MAX;
    unsigned n_draining = 0;
    struct resolver_ares **link = &r->channels; /* the latest first */
    while (*link) {
        struct resolver_ares *channel = *link;
        channel->given_up = channel->retired && ++n_draining > DRAINING_MOST;
        int64_t end_ns = channel_end_ns(channel);
        if (end_ns <= now_ns) {
            *link = channel->next;
            forget_channel(r, channel);
            resolver_ares_free(channel);
        } else {
            next_ns = end_ns < next_ns ? end_ns : next_ns;
            link = &channel->next;
        }
    }
    return next_ns;
}

/* Only what has failed before this turn: a handler may send anew, and that may fail at once. */
static void report_failed(struct resolver *r, int64_t now_ns) {
    for (size_t n = r->n_refused; n > 0; n--) {
        uint64_t cookie = r->refused[--r->n_refused];
        r->n_unreported--;
        r->handler(r->context, cookie, RESOLVER_NETWORK, NULL, 0, 0);
    }
    for (size_t n = r->failed.n; n > 0; n--) {
        struct query *first = list_pop(&r->failed);
        assert(first);
        struct query q = *first;
        free(first);
        r->n_unreported--;
        r->handler(r->context, q.cookie, q.outcome, NULL, 0, now_ns - q.sent_ns);
    }
}

/* Reports the queries of `queue` whose deadline has come. */
static void report_lost(struct resolver *r, struct deadline_queue *queue, int64_t now_ns) {
    while (queue->queries.first && queue->queries.first->deadline_ns <= now_ns) {
        struct query *q = list_pop(&queue->queries);
        q->state = QUERY_LOST;
        q->channel->open--;
        q->channel->last_loss_ns = now_ns;
        q->channel->retired = q->channel->retired || q->channel->kind == RESOLVER_TCP;
        r->n_unreported--;
        r->handler(r->context, q->cookie, RESOLVER_TIMEOUT, NULL, 0, now_ns - q->sent_ns);
    }
}

int64_t resolver_turn(struct resolver *r, int64_t now_ns) {
    assert(!r->sending);
    (void)end_channels(r, now_ns); /* first: what it ends is reported below */
    report_failed(r, now_ns);
    int64_t next_ns = INT64_MAX;
    for (size_t i = 0; i < QUEUES; i++)
        report_lost(r, &r->queues[i], now_ns);
    for (size_t i = 0; i < QUEUES; i++) {
        const struct query *first = r->queues[i].queries.first;
        if (first && first->deadline_ns < next_ns)
            next_ns = first->deadline_ns;
    }
    int64_t end_ns = end_channels(r, now_ns);
    if (r->failed.n > 0 || r->n_refused > 0)
        return now_ns;
    return end_ns < next_ns ? end_ns : next_ns;
}

size_t resolver_in_flight(const struct resolver *r) {
    return r->n_unreported;
}
