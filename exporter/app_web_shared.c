/* SPDX-License-Identifier: Apache-2.0
 *
 * Renderings that are shared, so that showing never keeps the loop from checking.
 *
 * /metrics of a large configuration, and the status page, take tens of milliseconds of the loop's time. A
 * rendering that cost c serves all who ask for the same within the next 9 c; and whoever asks for something
 * else (another format, other names, the page) waits until these are over. So renderings take a tenth of the
 * loop's time at most, whatever is asked and by how many, and there is never more than one to be kept. A
 * small configuration takes a tenth of a millisecond: nobody sees that.
 *
 * Nobody waits long: 9 c is at most REST_NS, after which one more rendering is made, for the first who waits
 * and all who want the same as they do.
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "edge/clock.h"

#include <stdlib.h>
#include <string.h>

enum { REST_TIMES = 9 };
#define REST_NS INT64_C(1000000000)

bool app_web_shared_start(struct app_web_shared *shared, unsigned places) {
    *shared = (struct app_web_shared){.n_places = places};
    shared->waiters = calloc(places, sizeof *shared->waiters);
    return shared->waiters != NULL;
}

void app_web_shared_stop(struct app_web_shared *shared) {
    httpd_body_unref(shared->body);
    free(shared->waiters);
    *shared = (struct app_web_shared){.n_places = 0};
}

void app_web_shared_renew(struct app_web_shared *shared) {
    httpd_body_unref(shared->body);
    shared->body = NULL;
}

static bool is_same(const struct app_web_show *a, const struct app_web_show *b) {
    if (a->page || b->page)
        return a->page && b->page;
    return a->format == b->format && memcmp(&a->filter, &b->filter, sizeof a->filter) == 0;
}

/* With the present rendering; without one (no memory) with 503. */
static void answer_waiter(const struct app_web *web, const struct app_web_waiter *waiter) {
    struct httpd_body *body = web->shared.body;
    const struct httpd_response response = {
        .status = body != NULL ? 200 : 503,
        .content_type = body != NULL ? waiter->content_type : "text/plain; charset=utf-8",
        .body = body != NULL ? httpd_body_ref(body) : NULL,
        .vary_accept = !waiter->show.page,
        .security_policy = waiter->show.page ? PAGE_SECURITY_POLICY : NULL,
    };
    app_web_hold(web, waiter->request, &response, web->shared.mark);
}

static void render(struct app_web *web, const struct app_web_show *show, int64_t now_ns) {
    struct app_web_shared *shared = &web->shared;
    struct buf text;
    int64_t begin_ns = clock_now_ns();
    app_web_shared_renew(shared);
    buf_init(&text, APP_WEB_BODY_CAP);
    app_web_render(web, show, &text, now_ns);
    if (buf_status(&text) == STATUS_OK)
        shared->body = httpd_body_new(&text);
    buf_release(&text);
    shared->show = *show;
    shared->mark = app_web_mark(web);
    int64_t end_ns = clock_now_ns();
    int64_t rest_ns = REST_TIMES * (end_ns - begin_ns);
    shared->until_ns = end_ns + (rest_ns < REST_NS ? rest_ns : REST_NS);
}

/* Answers all who want what has just been rendered. */
static void answer_waiters(struct app_web *web) {
    struct app_web_shared *shared = &web->shared;
    unsigned n_left = 0;
    for (unsigned i = 0; i < shared->n_waiters; i++) {
        if (is_same(&shared->waiters[i].show, &shared->show))
            answer_waiter(web, &shared->waiters[i]);
        else
            shared->waiters[n_left++] = shared->waiters[i];
    }
    shared->n_waiters = n_left;
}

void app_web_shared_ask(struct app_web *web, void *request, const struct app_web_show *show,
                        const char *content_type, int64_t now_ns) {
    struct app_web_shared *shared = &web->shared;
    const struct app_web_waiter waiter = {request, content_type, *show};
    if (shared->body != NULL && now_ns < shared->until_ns && is_same(show, &shared->show))
        answer_waiter(web, &waiter);
    else if (shared->n_waiters < shared->n_places)
        shared->waiters[shared->n_waiters++] = waiter;
    else
        app_web_answer_text(web, request, 503, "too many wait for what takes long to show\n");
}

int64_t app_web_shared_turn(struct app_web *web, int64_t now_ns) {
    struct app_web_shared *shared = &web->shared;
    if (shared->n_waiters > 0 && now_ns >= shared->until_ns) {
        render(web, &shared->waiters[0].show, now_ns);
        answer_waiters(web);
    }
    return shared->n_waiters > 0 ? shared->until_ns : INT64_MAX;
}
