/* SPDX-License-Identifier: Apache-2.0 */
#include "app_question.h"

#include "edge/entropy.h"

#include <assert.h>
#include <stdlib.h>

_Static_assert((int)QUESTION_SERVERS >= (int)SETTINGS_MAX_NAMESERVERS, "all general nameservers are asked");
enum { OWNER_SHIFT = 57, SERVERS = CHECKER_SERVERS + QUESTION_SERVERS };

struct owner {
    app_question_handler *handler;
    void *context;
};

struct app_question {
    struct questions *questions;
    struct owner owners[APP_QUESTION_OWNERS];
    uint32_t indexes[QUESTION_SERVERS]; /* in the resolver's set */
};

struct app_question *app_question_new(int64_t now_ns) {
    static const struct question_limits limits = {.rate = APP_QUESTION_RATE,
                                                  .burst = APP_QUESTION_RATE,
                                                  .window = APP_QUESTION_WINDOW,
                                                  .queue = APP_QUESTION_QUEUE};
    struct app_question *q = calloc(1, sizeof *q);
    if (q != NULL && question_new(&limits, now_ns, &q->questions) != STATUS_OK) {
        free(q);
        return NULL;
    }
    return q;
}

void app_question_free(struct app_question *q) {
    if (q == NULL)
        return;
    question_free(q->questions);
    free(q);
}

void app_question_on_end(struct app_question *q, enum app_question_owner owner, app_question_handler *handler,
                         void *context) {
    q->owners[owner] = (struct owner){handler, context};
}

/* Where `endpoint` is in the set, at the end if it was not there. */
static uint32_t add_server(struct endpoint *servers, size_t *n, const struct endpoint *endpoint) {
    for (uint32_t i = 0; i < *n; i++)
        if (servers[i].port == endpoint->port && ip_equal(&servers[i].ip, &endpoint->ip))
            return i;
    servers[*n] = *endpoint;
    return (uint32_t)(*n)++;
}

enum status app_question_use(struct app_question *q, struct resolver *resolver, const struct checker *checker,
                             const struct app_question_servers *general) {
    struct endpoint servers[SERVERS];
    uint32_t indexes[QUESTION_SERVERS] = {0};
    size_t n = checker->n_servers;
    for (size_t i = 0; i < n; i++)
        servers[i] = checker->servers[i].endpoint;
    for (size_t i = 0; i < general->n; i++)
        indexes[i] = add_server(servers, &n, &general->endpoints[i]);
    enum status status = resolver_set_servers(resolver, servers, n);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < QUESTION_SERVERS; i++)
        q->indexes[i] = indexes[i];
    question_ask_through(q->questions, general->endpoints, general->n, checker->settings->resolver.timeout_ns,
                         checker->settings->resolver.attempts);
    return STATUS_OK;
}

size_t app_question_room(const struct app_question *q, enum app_question_owner owner) {
    size_t room = question_room(q->questions);
    if (owner == APP_QUESTION_SPF)
        return room;
    return room > APP_QUESTION_RESERVED ? room - APP_QUESTION_RESERVED : 0;
}

enum status app_question_put(struct app_question *q, enum app_question_owner owner, uint64_t number,
                             enum query_type type, const struct qname *name, int64_t now_ns) {
    assert(number >> OWNER_SHIFT == 0);
    if (app_question_room(q, owner) == 0)
        return STATUS_FULL;
    return question_put(q->questions, (uint64_t)owner << OWNER_SHIFT | number, type, name, now_ns);
}

void app_question_some(struct app_question *q, struct resolver *resolver, int64_t now_ns) {
    static const enum resolver_channel channels[] = {
        [QUESTION_UDP] = RESOLVER_UDP,
        [QUESTION_UDP_TXT] = RESOLVER_UDP_TXT,
        [QUESTION_TCP] = RESOLVER_TCP,
    };
    struct question_ask ask;
    /* The random numbers are asked of the kernel only if there is something to send. */
    while (question_wake_ns(q->questions) <= now_ns &&
           question_next(q->questions, entropy_u64(), now_ns, &ask))
        resolver_send(resolver, q->indexes[ask.server], channels[ask.channel], ask.message, ask.len,
                      ask.timeout_ns, ask.cookie, now_ns);
}

bool app_question_answer(struct app_question *q, uint64_t cookie, enum resolver_outcome outcome,
                         const uint8_t *message, size_t len, int64_t now_ns) {
    static const enum question_arrival arrivals[] = {
        [RESOLVER_ANSWER] = QUESTION_CAME,
        [RESOLVER_TIMEOUT] = QUESTION_SILENCE,
        [RESOLVER_NETWORK] = QUESTION_UNREACHABLE,
    };
    struct question_end end;
    if ((cookie & QUESTION_COOKIE) == 0)
        return false;
    if (question_reply(q->questions, cookie, arrivals[outcome], message, len, now_ns, &end)) {
        const struct owner *owner = &q->owners[end.id >> OWNER_SHIFT];
        if (owner->handler != NULL)
            owner->handler(owner->context, end.id & ((UINT64_C(1) << OWNER_SHIFT) - 1), &end, now_ns);
    }
    return true;
}

int64_t app_question_wake_ns(const struct app_question *q) {
    return question_wake_ns(q->questions);
}
