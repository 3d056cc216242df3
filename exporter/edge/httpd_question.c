/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions: how a request gets from the server thread to the loop, and its answer back.
 *
 * A question has two holders: the connection that waits (suspended) and the loop that is to answer. Whoever
 * settles it first, the loop or the reaper's time-out, resumes the connection, once; the other finds it
 * settled. It is freed by the one who lets go last, so a late httpd_answer() always finds its ticket. What
 * the request says is copied into it, because libmicrohttpd's memory is gone after a time-out.
 *
 * A question that the loop has taken and not answered counts against max_requests even when its client has
 * been told 503: a loop that is stuck must not collect work without bound.
 */
#include "edge/httpd_internal.h"

#include "edge/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTION_MAGIC = 0x51554553 };

enum outcome { OPEN, ANSWERED, TOO_SLOW, STOPPED };

struct httpd_question {
    unsigned magic;
    unsigned refs;
    struct httpd_question *next; /* in httpd.first, as long as the loop holds it */
    struct httpd_question *prev;
    struct MHD_Connection *mhd; /* suspended while OPEN */
    int64_t deadline_ns;
    enum outcome outcome;
    bool handed;
    struct httpd_request request;
    struct httpd_response response; /* if ANSWERED; the body is the connection's */
    struct buf body;
    char texts[]; /* what it points to */
};

static const char *copy_text(char **at, const char *text) {
    const char *copy = *at;
    *at = stpcpy(*at, text) + 1;
    return copy;
}

static struct httpd_question *question_new(struct request *r) {
    const char *const texts[] = {
        r->path_rest,  r->query ? r->query : "", r->accept, r->content_type, r->host, r->origin,
        r->fetch_site, r->scrape_limit};
    size_t size = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        size += strlen(texts[i]) + 1;
    struct httpd_question *q = calloc(1, sizeof *q + size);
    if (!q)
        return NULL;
    char *at = q->texts;
    q->magic = QUESTION_MAGIC;
    q->body = r->body;
    buf_init(&r->body, r->body.cap);
    q->request = (struct httpd_request){
        .route = r->route,
        .method = r->method,
        .path_rest = copy_text(&at, texts[0]),
        .query = copy_text(&at, texts[1]),
        .accept = copy_text(&at, r->accept),
        .content_type = copy_text(&at, r->content_type),
        .host = copy_text(&at, r->host),
        .origin = copy_text(&at, r->origin),
        .fetch_site = copy_text(&at, r->fetch_site),
        .scrape_limit = copy_text(&at, r->scrape_limit),
        .body = buf_text(&q->body),
        .body_len = q->body.len,
        .ticket = q,
    };
    return q;
}

static void question_free(struct httpd_question *q) {
    httpd_body_unref(q->response.body);
    buf_release(&q->body);
    q->magic = 0;
    free(q);
}

/* The rest, up to httpd_ask(), is called with the lock held. */

static void append(struct httpd *server, struct httpd_question *q) {
    q->prev = server->last;
    if (q->prev)
        q->prev->next = q;
    else
        server->first = q;
    server->last = q;
    server->n_questions++;
    server->n_queued++;
}

static void withdraw(struct httpd *server, struct httpd_question *q) {
    if (q->prev)
        q->prev->next = q->next;
    else
        server->first = q->next;
    if (q->next)
        q->next->prev = q->prev;
    else
        server->last = q->prev;
    server->n_questions--;
    if (!q->handed)
        server->n_queued--;
}

static void settle(struct httpd_question *q, enum outcome outcome) {
    assert(q->outcome == OPEN);
    q->outcome = outcome;
    MHD_resume_connection(q->mhd);
}

/* Settles what nobody has answered; what the loop has not even seen is taken back from it. */
static void give_up(struct httpd *server, struct httpd_question *q, enum outcome outcome) {
    if (q->outcome != OPEN)
        return;
    settle(q, outcome);
    if (!q->handed) {
        withdraw(server, q);
        q->refs--; /* not the last: the connection has one until it has been resumed */
    }
}

void httpd_questions_expire(struct httpd *server, int64_t now_ns) {
    struct httpd_question *next;
    for (struct httpd_question *q = server->first; q; q = next) { /* some have longer than others */
        next = q->next;
        if (q->deadline_ns <= now_ns)
            give_up(server, q, TOO_SLOW);
    }
}

static enum httpd_refusal why_not(const struct connection *c) {
    const struct httpd *server = c->server;
    if (server->stopping)
        return HTTPD_STOPPING;
    if (c->phase == HTTPD_CUT)
        return HTTPD_BUSY; /* another has its place already */
    return server->n_questions < server->options.max_requests ? HTTPD_FINE : HTTPD_BUSY;
}

enum httpd_refusal httpd_ask(struct connection *c, struct MHD_Connection *mhd) {
    struct httpd *server = c->server;
    struct httpd_question *q = question_new(&c->request);
    if (!q)
        return HTTPD_NO_MEMORY;
    q->mhd = mhd;
    q->refs = 2;
    q->deadline_ns = clock_now_ns() + c->request.answer_ns;
    pthread_mutex_lock(&server->lock);
    const enum httpd_refusal refusal = why_not(c);
    if (refusal == HTTPD_FINE) {
        c->request.question = q;
        c->phase = HTTPD_ASKING;
        append(server, q);
        MHD_suspend_connection(mhd);
    }
    pthread_mutex_unlock(&server->lock);
    if (refusal == HTTPD_FINE)
        loop_wake(server->loop);
    else
        question_free(q);
    return refusal;
}

enum httpd_refusal httpd_take_answer(struct connection *c, struct httpd_response *out) {
    struct httpd_question *q = c->request.question;
    pthread_mutex_lock(&c->server->lock);
    const enum outcome outcome = q->outcome;
    if (outcome == ANSWERED) {
        *out = q->response;
        q->response.body = NULL;
    }
    pthread_mutex_unlock(&c->server->lock);
    assert(outcome != OPEN); /* only settle() resumes */
    if (outcome == ANSWERED)
        return HTTPD_FINE;
    return outcome == STOPPED ? HTTPD_STOPPING : HTTPD_TOO_SLOW;
}

void httpd_question_drop(struct httpd *server, struct httpd_question *question) {
    if (!question)
        return;
    pthread_mutex_lock(&server->lock);
    const bool last = --question->refs == 0;
    pthread_mutex_unlock(&server->lock);
    if (last)
        question_free(question);
}

void httpd_questions_stop(struct httpd *server) {
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    struct httpd_question *next;
    for (struct httpd_question *q = server->first; q; q = next) {
        next = q->next;
        give_up(server, q, STOPPED);
    }
    pthread_mutex_unlock(&server->lock);
}

void httpd_questions_release(struct httpd *server) {
    struct httpd_question *next;
    for (struct httpd_question *q = server->first; q; q = next) {
        next = q->next;
        assert(q->refs == 1);
        question_free(q);
    }
    server->first = NULL;
    server->last = NULL;
}

/* --- On the loop thread --- */

static struct httpd_question *next_queued(const struct httpd *server) {
    struct httpd_question *q = server->first;
    while (q && q->handed)
        q = q->next;
    return q;
}

void httpd_turn(struct httpd *server, int64_t now_ns) {
    (void)now_ns;
    pthread_mutex_lock(&server->lock);
    for (unsigned left = server->n_queued; left > 0 && server->n_queued > 0; left--) {
        struct httpd_question *q = next_queued(server);
        assert(q != NULL);
        q->handed = true;
        server->n_queued--;
        pthread_mutex_unlock(&server->lock);
        server->options.handler(server->options.context, &q->request);
        pthread_mutex_lock(&server->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

void httpd_answer(struct httpd *server, void *ticket, const struct httpd_response *response) {
    struct httpd_question *q = ticket;
    struct httpd_body *unwanted = response->body;
    pthread_mutex_lock(&server->lock);
    assert(q->magic == QUESTION_MAGIC && q->handed);
    if (q->outcome == OPEN) {
        q->response = *response;
        unwanted = NULL;
        settle(q, ANSWERED);
    }
    withdraw(server, q);
    const bool last = --q->refs == 0;
    pthread_mutex_unlock(&server->lock);
    if (last)
        question_free(q);
    httpd_body_unref(unwanted);
}
