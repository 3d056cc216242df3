/* SPDX-License-Identifier: Apache-2.0
 *
 * A question keeps its place from question_put() to its end, waiting or open. All places are looked at when
 * something may be sent, which the rate makes rare; until then `wake_ns` answers.
 */
#include "core/question.h"

#include "core/budget.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NO_SERVER = QUESTION_SERVERS, GENERATIONS = 0x7fffffff };

enum place_state { PLACE_FREE, PLACE_WAITING, PLACE_OPEN };

struct place {
    enum place_state state;
    enum query_type type;
    uint64_t id;
    uint64_t order; /* of question_put() */
    int64_t due_ns; /* waiting: not before */
    uint32_t generation;
    uint32_t server; /* asked last, or NO_SERVER */
    unsigned attempt;
    bool tcp;
    bool respelled;  /* an answer came back in another spelling ... */
    bool any_case;   /* ... and could not be had over TCP */
    uint16_t dns_id; /* open: as sent */
    struct qname name;
};

struct server {
    struct endpoint endpoint;
    int64_t rests_until_ns;
};

struct questions {
    struct question_limits limits;
    struct rate rate;
    struct server servers[QUESTION_SERVERS];
    size_t n_servers;
    int64_t timeout_ns;
    unsigned attempts;
    struct place *places; /* [limits.queue] */
    size_t n_used;
    size_t n_open;
    uint64_t order;
    int64_t wake_ns;
    struct reply *reply; /* scratch */
    struct reply_texts texts;
};

/* ---- birth ---- */

enum status question_new(const struct question_limits *limits, int64_t now_ns, struct questions **out) {
    assert(limits->rate > 0 && limits->burst >= 1 && limits->window > 0 && limits->queue > 0 &&
           limits->queue <= QUESTION_QUEUE_MAX);
    struct questions *q = calloc(1, sizeof *q);
    if (q == NULL)
        return STATUS_NO_MEMORY;
    q->limits = *limits;
    q->wake_ns = INT64_MAX;
    q->places = calloc(limits->queue, sizeof *q->places);
    q->reply = calloc(1, sizeof *q->reply);
    reply_texts_init(&q->texts);
    rate_init(&q->rate, limits->rate, limits->burst, now_ns);
    if (q->places == NULL || q->reply == NULL) {
        question_free(q);
        return STATUS_NO_MEMORY;
    }
    *out = q;
    return STATUS_OK;
}

void question_free(struct questions *q) {
    if (q == NULL)
        return;
    reply_texts_release(&q->texts);
    free(q->reply);
    free(q->places);
    free(q);
}

static uint32_t find_server(const struct questions *q, const struct endpoint *endpoint) {
    for (uint32_t i = 0; i < q->n_servers; i++)
        if (q->servers[i].endpoint.port == endpoint->port &&
            ip_equal(&q->servers[i].endpoint.ip, &endpoint->ip))
            return i;
    return NO_SERVER;
}

void question_ask_through(struct questions *q, const struct endpoint *servers, size_t n, int64_t timeout_ns,
                          unsigned attempts) {
    assert(n > 0 && n <= QUESTION_SERVERS && timeout_ns > 0 && attempts > 0);
    const struct questions old = *q;
    q->n_servers = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t was = find_server(&old, &servers[i]);
        q->servers[q->n_servers++] =
            (struct server){.endpoint = servers[i],
                            .rests_until_ns = was != NO_SERVER ? old.servers[was].rests_until_ns : INT64_MIN};
    }
    for (size_t i = 0; i < q->limits.queue; i++) {
        struct place *place = &q->places[i];
        if (place->server < old.n_servers)
            place->server = find_server(q, &old.servers[place->server].endpoint);
        /* Its connection, or its answer, was another server's. */
        if (place->server == NO_SERVER && place->state == PLACE_WAITING)
            place->tcp = false;
    }
    q->timeout_ns = timeout_ns;
    q->attempts = attempts;
    q->wake_ns = INT64_MIN;
}

/* ---- asking ---- */

enum status question_put(struct questions *q, uint64_t id, enum query_type type, const struct qname *name,
                         int64_t now_ns) {
    assert(type == QUERY_TXT || type == QUERY_PTR);
    if (q->n_used == q->limits.queue)
        return STATUS_FULL;
    struct place *place = q->places;
    while (place->state != PLACE_FREE)
        place++;
    *place = (struct place){.state = PLACE_WAITING,
                            .type = type,
                            .id = id,
                            .order = q->order++,
                            .due_ns = now_ns,
                            .generation = place->generation,
                            .server = NO_SERVER,
                            .name = *name};
    q->n_used++;
    if (q->wake_ns > now_ns)
        q->wake_ns = now_ns;
    return STATUS_OK;
}

size_t question_room(const struct questions *q) {
    return q->limits.queue - q->n_used;
}

static bool goes_before(const struct place *a, const struct place *b) {
    if (a->type != b->type)
        return a->type == QUERY_TXT;
    return a->order < b->order;
}

/* The question whose turn it is; NULL: none is due before `*due_ns`. */
static struct place *choose_place(const struct questions *q, int64_t now_ns, int64_t *due_ns) {
    struct place *best = NULL;
    *due_ns = INT64_MAX;
    for (size_t i = 0; i < q->limits.queue; i++) {
        struct place *place = &q->places[i];
        if (place->state != PLACE_WAITING)
            continue;
        if (place->due_ns > now_ns)
            *due_ns = place->due_ns < *due_ns ? place->due_ns : *due_ns;
        else if (best == NULL || goes_before(place, best))
            best = place;
    }
    return best;
}

/* The first that has not failed of late, for a retry another than before; else the next in turn. */
static uint32_t choose_server(const struct questions *q, const struct place *place, int64_t now_ns) {
    if (place->tcp)
        return place->server;
    for (uint32_t i = 0; i < q->n_servers; i++)
        if (i != place->server && q->servers[i].rests_until_ns <= now_ns)
            return i;
    return place->server < q->n_servers ? (place->server + 1) % (uint32_t)q->n_servers : 0;
}

static enum question_channel channel_of(const struct place *place) {
    if (place->tcp)
        return QUESTION_TCP;
    return place->type == QUERY_TXT ? QUESTION_UDP_TXT : QUESTION_UDP;
}

static void send(struct questions *q, struct place *place, uint64_t random, int64_t now_ns,
                 struct question_ask *out) {
    rate_take(&q->rate, now_ns);
    place->server = choose_server(q, place, now_ns);
    place->state = PLACE_OPEN;
    place->generation = (place->generation + 1) & GENERATIONS;
    place->dns_id = (uint16_t)random;
    qname_mix_case(&place->name, random >> 16);
    q->n_open++;
    out->cookie = QUESTION_COOKIE | (uint64_t)place->generation << 32 | (uint64_t)(place - q->places);
    out->server = place->server;
    out->channel = channel_of(place);
    out->timeout_ns = q->timeout_ns;
    out->len = qname_query(&place->name, place->type, place->dns_id, out->message);
}

bool question_next(struct questions *q, uint64_t random, int64_t now_ns, struct question_ask *out) {
    if (q->wake_ns > now_ns)
        return false;
    struct place *place = NULL;
    if (q->n_servers > 0 && q->n_open < q->limits.window)
        place = choose_place(q, now_ns, &q->wake_ns);
    else
        q->wake_ns = INT64_MAX;
    if (place == NULL)
        return false;
    q->wake_ns = rate_ready_ns(&q->rate, now_ns);
    if (q->wake_ns > now_ns)
        return false;
    send(q, place, random, now_ns, out);
    return true;
}

int64_t question_wake_ns(const struct questions *q) {
    return q->wake_ns;
}

/* ---- what comes back ---- */

static enum question_result result_of(enum reply_says says) {
    switch (says) {
    case REPLY_SAYS_RECORDS: return QUESTION_ANSWERED;
    case REPLY_SAYS_NODATA: return QUESTION_NODATA;
    case REPLY_SAYS_NXDOMAIN: return QUESTION_NXDOMAIN;
    case REPLY_SAYS_SERVFAIL: return QUESTION_SERVFAIL;
    case REPLY_SAYS_REFUSED: return QUESTION_REFUSED;
    case REPLY_SAYS_NOTHING: break;
    }
    return QUESTION_BAD_ANSWER;
}

/* Reads an answer. True: it has to be had over TCP, because it is cut or its spelling is not ours. */
static bool read_answer(struct questions *q, struct place *place, const uint8_t *message, size_t len,
                        enum question_result *result) {
    const struct reply_question asked = {.name = &place->name, .type = place->type, .id = place->dns_id};
    *result = result_of(reply_read_texts(message, len, &asked, q->reply, &q->texts));
    bool is_ours = q->reply->form == REPLY_SOUND || q->reply->form == REPLY_NO_SERVICE ||
                   q->reply->form == REPLY_TRUNCATED;
    if (place->tcp)
        return false;
    if (is_ours && !q->reply->case_kept && !place->any_case) {
        place->respelled = true;
        return true;
    }
    return q->reply->form == REPLY_TRUNCATED;
}

static enum question_result result_of_arrival(enum question_arrival arrival) {
    return arrival == QUESTION_SILENCE ? QUESTION_TIMEOUT : QUESTION_NETWORK;
}

/* Whether there is a point in asking again, and an attempt left. A spelling that is given up costs none. */
static bool is_asked_again(const struct questions *q, struct place *place, enum question_result result) {
    if (result < QUESTION_TIMEOUT)
        return false;
    if (place->tcp && place->respelled && !place->any_case) {
        place->any_case = true;
        return true;
    }
    if (result == QUESTION_REFUSED && q->n_servers == 1)
        return false;
    return ++place->attempt < q->attempts;
}

static void note_server(struct questions *q, uint32_t server, enum question_result result, int64_t now_ns) {
    bool fails = result == QUESTION_TIMEOUT || result == QUESTION_NETWORK || result == QUESTION_REFUSED;
    if (server < q->n_servers)
        q->servers[server].rests_until_ns = fails ? now_ns + QUESTION_REST_NS : INT64_MIN;
}

static void put_back(struct place *place, bool tcp, int64_t due_ns) {
    place->state = PLACE_WAITING;
    place->tcp = tcp;
    place->due_ns = due_ns;
}

static struct place *find_open(const struct questions *q, uint64_t cookie) {
    uint32_t number = (uint32_t)cookie;
    if ((cookie & QUESTION_COOKIE) == 0 || number >= q->limits.queue)
        return NULL;
    struct place *place = &q->places[number];
    bool is_it = place->state == PLACE_OPEN && place->generation == (cookie >> 32 & GENERATIONS);
    return is_it ? place : NULL;
}

bool question_reply(struct questions *q, uint64_t cookie, enum question_arrival arrival,
                    const uint8_t *message, size_t len, int64_t now_ns, struct question_end *end) {
    struct place *place = find_open(q, cookie);
    if (place == NULL)
        return false;
    enum question_result result = result_of_arrival(arrival);
    q->n_open--;
    q->wake_ns = now_ns;
    if (arrival == QUESTION_CAME && read_answer(q, place, message, len, &result)) {
        /* The server may have gone meanwhile, and with it whom to ask over TCP. */
        put_back(place, place->server != NO_SERVER, now_ns);
        return false;
    }
    note_server(q, place->server, result, now_ns);
    if (is_asked_again(q, place, result)) {
        put_back(place, false, now_ns + QUESTION_PAUSE_NS);
        return false;
    }
    place->state = PLACE_FREE;
    q->n_used--;
    *end = (struct question_end){.id = place->id,
                                 .type = place->type,
                                 .result = result,
                                 .texts = result == QUESTION_ANSWERED ? &q->texts : NULL};
    return true;
}

const char *question_result_text(enum question_result result) {
    static const char *const texts[QUESTION_RESULTS] = {
        [QUESTION_ANSWERED] = "answered",
        [QUESTION_NODATA] = "no such records",
        [QUESTION_NXDOMAIN] = "no such name",
        [QUESTION_TIMEOUT] = "no answer in time",
        [QUESTION_NETWORK] = "the nameserver cannot be reached",
        [QUESTION_SERVFAIL] = "the nameserver could not find out (SERVFAIL)",
        [QUESTION_REFUSED] = "the nameserver refuses to answer (REFUSED)",
        [QUESTION_BAD_ANSWER] = "the nameserver's answer makes no sense",
    };
    return texts[result];
}
