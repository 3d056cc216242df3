/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /probe: lists are asked about an address within the time that a scrape has.
 *
 * Who asks waits here until all lists that were asked have ended, or the time is over; then the answer is
 * made of what is known. A reload reads the question again: lists may have come, gone, or have other numbers.
 *
 * A quarter of the requests that may be in work at once may wait here, besides those of app_web_wait.c, so
 * that probes of silent lists do not keep Prometheus from /metrics. Probes of lists that answer take a
 * moment.
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "core/checker_probe.h"
#include "core/origin.h"
#include "core/probe.h"

#include <stdlib.h>
#include <string.h>

static const char plain[] = "text/plain; charset=utf-8";

struct waiting {
    void *request; /* NULL: free */
    struct probe_question question;
    enum promtext_format format;
    const char *content_type;
    char *query; /* owned */
    int64_t began_ns;
    int64_t allowed_ns;
};

struct app_web_probes {
    struct waiting *waiting;
    unsigned n_places;
};

bool app_web_probes_start(struct app_web *web) {
    unsigned quarter = web->options.cli->max_requests / 4;
    struct app_web_probes *probes = calloc(1, sizeof *probes);
    if (probes == NULL)
        return false;
    probes->n_places = quarter > 0 ? quarter : 1;
    probes->waiting = calloc(probes->n_places, sizeof *probes->waiting);
    web->probes = probes;
    return probes->waiting != NULL;
}

void app_web_probes_stop(struct app_web *web) {
    struct app_web_probes *probes = web->probes;
    if (probes == NULL)
        return;
    for (unsigned i = 0; probes->waiting != NULL && i < probes->n_places; i++)
        free(probes->waiting[i].query);
    free(probes->waiting);
    free(probes);
    web->probes = NULL;
}

static struct waiting *free_place(const struct app_web_probes *probes) {
    for (unsigned i = 0; i < probes->n_places; i++)
        if (probes->waiting[i].request == NULL)
            return &probes->waiting[i];
    return NULL;
}

/* The request that waited; the place is free. */
static void *leave(struct waiting *w) {
    void *request = w->request;
    free(w->query);
    *w = (struct waiting){.request = NULL};
    return request;
}

/* ---- answers ---- */

static void answer(const struct app_web *web, struct waiting *w, int64_t now_ns) {
    const struct probe_answer answer = {.checker = web->checker,
                                        .question = &w->question,
                                        .began_ns = w->began_ns,
                                        .allowed_ns = w->allowed_ns,
                                        .now_ns = now_ns};
    const char *content_type = w->question.debug ? plain : w->content_type;
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    if (w->question.debug)
        probe_debug(&body, &answer);
    else
        probe_render(&body, w->format, &answer);
    app_web_answer_exposition(web, leave(w), content_type, &body);
}

static bool has_ended(const struct app_web *web, const struct waiting *w) {
    return checker_probe_has_ended(web->checker, &w->question.ip, w->question.lists, w->question.debug);
}

void app_web_probes_look(struct app_web *web) {
    struct app_web_probes *probes = web->probes;
    for (unsigned i = 0; i < probes->n_places; i++)
        if (probes->waiting[i].request != NULL && has_ended(web, &probes->waiting[i]))
            answer(web, &probes->waiting[i], loop_now_ns(web->options.loop));
}

int64_t app_web_probes_turn(struct app_web *web, int64_t now_ns) {
    struct app_web_probes *probes = web->probes;
    int64_t next_ns = INT64_MAX;
    for (unsigned i = 0; i < probes->n_places; i++) {
        struct waiting *w = &probes->waiting[i];
        int64_t until_ns = w->began_ns + w->allowed_ns;
        if (w->request == NULL)
            continue;
        if (until_ns <= now_ns)
            answer(web, w, now_ns);
        else if (until_ns < next_ns)
            next_ns = until_ns;
    }
    return next_ns;
}

void app_web_probes_use(struct app_web *web) {
    struct app_web_probes *probes = web->probes;
    for (unsigned i = 0; probes != NULL && i < probes->n_places;
         i++) { /* the first is there before the server */
        struct waiting *w = &probes->waiting[i];
        struct buf refusal;
        if (w->request == NULL)
            continue;
        buf_init(&refusal, APP_WEB_BODY_CAP);
        if (!probe_read(&refusal, web->checker, w->query, &w->question))
            app_web_answer(web, leave(w), 400, plain, &refusal);
        else /* those that are asked already are joined; what finds no room or memory stays unknown */
            (void)!checker_probe(web->checker, &w->question.ip, w->question.lists,
                                 loop_now_ns(web->options.loop));
        buf_release(&refusal);
    }
}

/* ---- questions ---- */

static void put_off(const struct app_web *web, void *request, const char *retry_after, const char *why) {
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    buf_add_text(&body, why);
    app_web_answer_later(web, request, 503, retry_after, plain, &body);
}

static void begin(struct app_web *web, const struct httpd_request *request,
                  const struct probe_question *question, int64_t allowed_ns, int64_t now_ns) {
    struct waiting *w = free_place(web->probes);
    if (w == NULL) {
        put_off(web, request->ticket, "6",
                "too many probes wait for their lists: try again in some seconds, or give "
                "--web.max-requests a larger number, of which a quarter may wait\n");
        return;
    }
    char *query = strdup(request->query);
    enum status status = query != NULL ? checker_probe(web->checker, &question->ip, question->lists, now_ns)
                                       : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        *w = (struct waiting){.request = request->ticket,
                              .question = *question,
                              .query = query,
                              .began_ns = now_ns,
                              .allowed_ns = allowed_ns};
        w->format = promtext_negotiate(request->accept, &w->content_type);
        return; /* app_web_probed() looks at it, in this turn */
    }
    free(query);
    put_off(web, request->ticket, "30",
            status == STATUS_FULL
                ? "too many addresses have been probed within a minute: try again in half a minute\n"
                : "there is not enough memory for another probe: try again in half a minute\n");
}

static const char foreign[] = "a page of another site sent this, so that no list was asked: what lists allow "
                              "is not for others to spend. "
                              "If you have followed a link: press Enter in the address bar\n";

/* The status with which the request is refused, with why in `refusal`; 200: it is not. */
static unsigned judge(const struct app_web *web, const struct httpd_request *request, struct buf *refusal,
                      struct probe_question *question, int64_t *allowed_ns) {
    if (!origin_is_own(request->fetch_site, request->origin, request->host, web->external.origin)) {
        buf_add_text(refusal, foreign);
        return 403;
    }
    bool is_read = probe_read_time(refusal, request->scrape_limit, allowed_ns) &&
                   probe_read(refusal, web->checker, request->query, question);
    return is_read ? 200 : 400;
}

void app_web_probe(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    struct probe_question question;
    int64_t allowed_ns;
    struct buf refusal;
    buf_init(&refusal, APP_WEB_BODY_CAP);
    unsigned status = judge(web, request, &refusal, &question, &allowed_ns);
    if (status == 200)
        begin(web, request, &question, allowed_ns, now_ns);
    else
        app_web_answer(web, request->ticket, status, plain, &refusal);
    buf_release(&refusal);
}
