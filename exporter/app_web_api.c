/* SPDX-License-Identifier: Apache-2.0
 *
 * The API's endpoints. Verdicts are in memory, history is in the store: a question about an address waits for
 * it (app_web_wait.c).
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "core/api.h"

static const char json_type[] = "application/json";

static struct api api_now(const struct app_web *web, int64_t now_ns) {
    return (struct api){web->checker, now_ns, app_web_wall_offset(now_ns)};
}

void app_web_api_listings(const struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    const struct api api = api_now(web, now_ns);
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    unsigned status = api_listings(&body, &api, request->query);
    app_web_answer(web, request->ticket, status, json_type, &body);
}

/* ---- addresses ---- */

void app_web_api_answer(const struct app_web *web, void *request, const struct api_question *question,
                        const struct api_history *history) {
    const struct api api = api_now(web, loop_now_ns(web->options.loop));
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    unsigned status = api_address(&body, &api, question, history);
    app_web_answer(web, request, status, json_type, &body);
}

static void ask(struct app_web *web, void *request, const struct api_question *question, int64_t now_ns) {
    const struct api_history busy = {.error = "too many questions wait for the store: ask again later"};
    const struct app_web_wait *wait = app_web_wait_take(web, request, question, now_ns + APP_WEB_HISTORY_NS);
    if (wait != NULL)
        app_web_wait_ask(web, wait);
    else
        app_web_api_answer(web, request, question, &busy);
}

void app_web_api_address(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    struct api_question question;
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    unsigned status = api_question_read(&body, request->path_rest, request->query, &question);
    if (status != API_OK)
        app_web_answer(web, request->ticket, status, json_type, &body);
    else
        ask(web, request->ticket, &question, now_ns);
    buf_release(&body);
}
