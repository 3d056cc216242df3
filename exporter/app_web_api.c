/* SPDX-License-Identifier: Apache-2.0
 *
 * The API's endpoints. Verdicts are in memory, history is in the store: a question about an address waits for
 * it (app_web_wait.c).
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "core/api.h"
#include "core/checker_probe.h"

#include <string.h>

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

void app_web_api_lists(const struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    const struct api api = api_now(web, now_ns);
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    unsigned status = api_lists(&body, &api, request->query);
    app_web_answer(web, request->ticket, status, json_type, &body);
}

/* ---- addresses ---- */

static void answer_asked(const struct app_web *web, const struct app_web_wait *wait,
                         const struct api_history *history, struct buf *body) {
    const struct api api = api_now(web, loop_now_ns(web->options.loop));
    struct api_question question;
    struct buf refusal;
    bool lists[LIST_MAX];
    char ip[IP_TEXT_SIZE];
    (void)ip_format(&wait->question.ip, ip);
    buf_init(&refusal, APP_WEB_BODY_CAP);
    /* A list that was named may have gone with a reload: then all of them are shown. */
    if (api_check_read(&refusal, &api, ip, wait->query, &question, lists) != API_OK)
        for (size_t i = 0; i < LIST_MAX; i++)
            lists[i] = true;
    buf_release(&refusal);
    api_check(body, &api, &wait->question, lists, history);
}

void app_web_api_answer(const struct app_web *web, const struct app_web_wait *wait,
                        const struct api_history *history) {
    const struct api api = api_now(web, loop_now_ns(web->options.loop));
    struct buf body;
    unsigned status = API_OK;
    buf_init(&body, APP_WEB_BODY_CAP);
    if (wait->query != NULL)
        answer_asked(web, wait, history, &body);
    else
        status = api_address(&body, &api, &wait->question, history);
    app_web_answer(web, wait->request, status, json_type, &body);
}

static void ask(struct app_web *web, void *request, const struct api_question *question, int64_t now_ns) {
    const struct api_history busy = {.error = "too many questions wait for the store: ask again later"};
    const struct app_web_wait *wait = app_web_wait_take(web, request, question, now_ns + APP_WEB_HISTORY_NS);
    if (wait != NULL)
        app_web_wait_ask(web, wait);
    else
        app_web_api_answer(web, &(struct app_web_wait){.request = request, .question = *question}, &busy);
}

static void begin_asking(struct app_web *web, const struct httpd_request *request,
                         const struct api_question *question, const bool *lists, int64_t now_ns) {
    struct app_web_wait *wait = app_web_wait_has_room(web) ? app_web_wait_take(web, request->ticket, question,
                                                                               now_ns + APP_WEB_CHECK_NS)
                                                           : NULL;
    if (wait == NULL) {
        app_web_refuse(web, request->ticket, 503, "6",
                       "too many checks wait for their lists: try again in some seconds");
        return;
    }
    wait->query = strdup(request->query);
    enum status status =
        wait->query != NULL ? checker_probe(web->checker, &question->ip, lists, now_ns) : STATUS_NO_MEMORY;
    wait->is_asking = true;
    if (status == STATUS_OK)
        return; /* app_web_probed() looks at it, in this turn */
    app_web_wait_drop(wait);
    if (status == STATUS_FULL)
        app_web_refuse(web, request->ticket, 429, "30",
                       "too many addresses have been checked within a minute: try again in half a minute");
    else
        app_web_refuse(web, request->ticket, 503, "30",
                       "there is not enough memory for another check: try again in half a minute");
}

static void ask_now(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    const struct api api = api_now(web, now_ns);
    struct api_question question;
    bool lists[LIST_MAX];
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    unsigned status = api_check_read(&body, &api, request->path_rest, request->query, &question, lists);
    if (status != API_OK)
        app_web_answer(web, request->ticket, status, json_type, &body);
    else
        begin_asking(web, request, &question, lists, now_ns);
    buf_release(&body);
}

void app_web_api_address(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    if (request->method == HTTPD_POST) {
        ask_now(web, request, now_ns);
        return;
    }
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
