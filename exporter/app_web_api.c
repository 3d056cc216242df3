/* SPDX-License-Identifier: Apache-2.0
 *
 * The API's endpoints. Verdicts are in memory, history is in the store, whose thread answers when it can: so
 * a question about an address waits in a table, and is answered, once, when its history comes, when the store
 * says that there is none, or when it has waited APP_WEB_HISTORY_NS. Verdicts are rendered at that moment, by
 * whichever checker is in force then.
 *
 * Half of the requests that may be in work at once may wait: a disk that stands still must not keep
 * Prometheus from its scrapes.
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "core/api.h"

#include <stdlib.h>

static const char json_type[] = "application/json";

static struct api api_now(const struct app_web *web, int64_t now_ns) {
    return (struct api){web->checker, now_ns, app_web_wall_offset(now_ns)};
}

bool app_web_api_start(struct app_web *web) {
    unsigned half = web->options.cli->max_requests / 2;
    web->n_waits = half > 0 ? half : 1;
    web->waits = calloc(web->n_waits, sizeof *web->waits);
    return web->waits != NULL;
}

void app_web_api_stop(struct app_web *web) {
    free(web->waits);
    web->waits = NULL;
    web->n_waits = 0;
}

void app_web_api_listings(const struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    const struct api api = api_now(web, now_ns);
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    unsigned status = api_listings(&body, &api, request->query);
    app_web_answer(web, request->ticket, status, json_type, &body);
}

/* ---- addresses ---- */

static void answer_address(const struct app_web *web, void *request, const struct api_question *question,
                           const struct api_history *history) {
    const struct api api = api_now(web, loop_now_ns(web->options.loop));
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    unsigned status = api_address(&body, &api, question, history);
    app_web_answer(web, request, status, json_type, &body);
}

static void answer_without(const struct app_web *web, void *request, const struct api_question *question,
                           const char *error) {
    const struct api_history none = {.error = error};
    answer_address(web, request, question, &none);
}

/* Why the store has no answer, a sentence. */
static const char *store_error(const struct app_web *web) {
    const char *why;
    uint64_t errors;
    if (web->options.ask_history == NULL)
        return "no history is kept: there is no store";
    (void)app_web_storage(web, &why, &errors);
    return why[0] != '\0' ? why : "the store cannot be read at present";
}

static struct app_web_wait *find_wait(const struct app_web *web, uint64_t ticket) {
    for (unsigned i = 0; i < web->n_waits; i++)
        if (web->waits[i].ticket == ticket)
            return &web->waits[i];
    return NULL;
}

/* Whom the answer may come to before ask_history() has returned. */
static void ask(struct app_web *web, void *request, const struct api_question *question, int64_t now_ns) {
    struct app_web_wait *wait = find_wait(web, 0);
    if (wait == NULL) {
        answer_without(web, request, question, "too many questions wait for the store: ask again later");
        return;
    }
    uint64_t ticket = ++web->last_ticket;
    *wait = (struct app_web_wait){ticket, request, *question, now_ns + APP_WEB_HISTORY_NS};
    if (!web->options.ask_history(web->options.context, &question->ip, question->before_ns, question->limit,
                                  ticket))
        app_web_history(web, ticket, false, NULL, 0, false);
}

void app_web_api_address(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    struct api_question question;
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    unsigned status = api_question_read(&body, request->path_rest, request->query, &question);
    if (status != API_OK)
        app_web_answer(web, request->ticket, status, json_type, &body);
    else if (web->options.ask_history == NULL)
        answer_without(web, request->ticket, &question, store_error(web));
    else
        ask(web, request->ticket, &question, now_ns);
    buf_release(&body);
}

void app_web_history(struct app_web *web, uint64_t ticket, bool ok, const struct history_event *events,
                     size_t n, bool more) {
    struct app_web_wait *wait = ticket != 0 ? find_wait(web, ticket) : NULL;
    if (wait == NULL)
        return;
    const struct api_history history = {.events = events, .n = n, .more = more};
    wait->ticket = 0;
    if (ok)
        answer_address(web, wait->request, &wait->question, &history);
    else
        answer_without(web, wait->request, &wait->question, store_error(web));
}

int64_t app_web_api_turn(struct app_web *web, int64_t now_ns) {
    int64_t next_ns = INT64_MAX;
    for (unsigned i = 0; i < web->n_waits; i++) {
        struct app_web_wait *wait = &web->waits[i];
        if (wait->ticket == 0)
            continue;
        if (wait->until_ns <= now_ns) {
            wait->ticket = 0;
            answer_without(web, wait->request, &wait->question, "the store did not answer in time");
        } else if (wait->until_ns < next_ns) {
            next_ns = wait->until_ns;
        }
    }
    return next_ns;
}
