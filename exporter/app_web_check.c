/* SPDX-License-Identifier: Apache-2.0
 *
 * The page about one address. POST has the lists asked, and waits for what they say; GET shows what is known.
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "core/checker_probe.h"
#include "core/origin.h"
#include "core/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char html[] = "text/html; charset=utf-8";
static const char form_type[] = "application/x-www-form-urlencoded";

static void render(const struct app_web *web, const struct page_check *check, struct buf *page) {
    int64_t now_ns = loop_now_ns(web->options.loop);
    const struct page_process process = app_web_page_process(web);
    struct page_check all = *check;
    all.microsoft = web->options.microsoft;
    buf_init(page, APP_WEB_BODY_CAP);
    page_check_render(page, web->checker, &process, &all, now_ns, app_web_wall_offset(now_ns));
}

static void answer_page(const struct app_web *web, void *request, unsigned status,
                        const struct page_check *check) {
    struct buf page;
    render(web, check, &page);
    app_web_answer(web, request, status, html, &page);
}

/* The box, and why there is nothing else; what was read of the question stays in it. */
static void set_error(struct page_check *check, const char *error) {
    check->has_ip = false;
    (void)strncpy(check->error, error, sizeof check->error - 1);
}

static void refuse(const struct app_web *web, void *request, unsigned status, struct page_check *check,
                   const char *error) {
    set_error(check, error);
    answer_page(web, request, status, check);
}

static void put_off(const struct app_web *web, void *request, const char *retry_after,
                    struct page_check *check, const char *error) {
    struct buf page;
    set_error(check, error);
    render(web, check, &page);
    app_web_answer_later(web, request, 503, retry_after, html, &page);
}

/* ---- what a form must be ---- */

static bool is_form(const char *content_type) {
    size_t len = strcspn(content_type, "; \t");
    return len == sizeof form_type - 1 && strncasecmp(content_type, form_type, len) == 0;
}

/* 200, or the status with which a POST is refused and why. */
static unsigned judge_post(const struct app_web *web, const struct httpd_request *request,
                           const char **error) {
    if (!origin_is_own(request->fetch_site, request->origin, request->host, web->external.origin)) {
        *error =
            "A page of another site sent this, so that no list was asked: what lists allow is not for others "
            "to spend. Use the box here. (Behind a proxy: it has to pass the header Host on as it came, or "
            "--web.external-url has to name the address that users see.)";
        return 403;
    }
    if (!is_form(request->content_type)) {
        *error =
            "Only a form is taken: Content-Type: application/x-www-form-urlencoded, with ip=ADDRESS in the "
            "body.";
        return 415;
    }
    if (request->body_len >= URL_SIZE) {
        *error = "That is too much for one address. Allowed is ip=ADDRESS.";
        return 413;
    }
    if (memchr(request->body, '\0', request->body_len) != NULL) {
        *error = "What was sent cannot be read: a NUL is no text. Allowed is ip=ADDRESS.";
        return 400;
    }
    return 200;
}

/* ---- who waits ---- */

void app_web_check_keep(struct app_web_check *check, const struct api_history *history) {
    struct page_check *page = &check->page;
    size_t n = history->n < PAGE_CHECK_EVENTS ? history->n : PAGE_CHECK_EVENTS;
    if (n > 0)
        memcpy(check->events, history->events, n * sizeof *check->events);
    page->events = check->events;
    page->n_events = n;
    page->more = history->more;
    (void)strncpy(check->error, history->error != NULL ? history->error : "", sizeof check->error - 1);
    page->history_error = history->error != NULL ? check->error : NULL;
}

void app_web_check_answer(const struct app_web *web, const struct app_web_wait *wait) {
    answer_page(web, wait->request, 200, &wait->check->page);
}

/* Takes a place among those who wait. STATUS_FULL: there is none; STATUS_NO_MEMORY. */
static enum status take_place(struct app_web *web, const struct httpd_request *request,
                              const struct page_check *page, int64_t now_ns, struct app_web_wait **out) {
    const struct api_question question = {.ip = page->ip, .before_ns = INT64_MAX, .limit = PAGE_CHECK_EVENTS};
    int64_t limit_ns = page->asked ? APP_WEB_CHECK_NS : APP_WEB_HISTORY_NS;
    if (page->asked && !app_web_wait_has_room(web))
        return STATUS_FULL;
    struct app_web_wait *wait = app_web_wait_take(web, request->ticket, &question, now_ns + limit_ns);
    if (wait == NULL)
        return STATUS_FULL;
    wait->check = calloc(1, sizeof *wait->check);
    if (wait->check == NULL) {
        app_web_wait_drop(wait);
        return STATUS_NO_MEMORY;
    }
    wait->check->page = *page;
    *out = wait;
    return STATUS_OK;
}

static void show_known(struct app_web *web, const struct httpd_request *request, struct page_check *page,
                       int64_t now_ns) {
    struct app_web_wait *wait = NULL;
    enum status status = take_place(web, request, page, now_ns, &wait);
    page->history_error = status == STATUS_NO_MEMORY
                              ? "out of memory: ask again later"
                              : "too many questions wait for the store: ask again later";
    if (wait != NULL)
        app_web_wait_ask(web, wait);
    else
        answer_page(web, request->ticket, 200, page);
}

static const char no_memory[] = "There is not enough memory for another check. Try again in half a minute.";

static void ask_lists(struct app_web *web, const struct httpd_request *request, struct page_check *page,
                      int64_t now_ns) {
    page->asked = true;
    struct app_web_wait *wait = NULL;
    enum status status = take_place(web, request, page, now_ns, &wait);
    if (status == STATUS_FULL) {
        put_off(web, request->ticket, "6", page,
                "Too many checks wait for their lists. Try again in some seconds.");
        return;
    }
    if (status == STATUS_OK)
        status = checker_probe(web->checker, &page->ip, NULL, now_ns);
    if (status == STATUS_OK) {
        app_web_wait_ask(web, wait);
        return;
    }
    if (wait != NULL)
        app_web_wait_drop(wait);
    put_off(web, request->ticket, "30", page,
            status == STATUS_NO_MEMORY
                ? no_memory
                : "Too many addresses have been checked within a minute. Try again in half a minute.");
}

void app_web_check(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    bool is_post = request->method == HTTPD_POST;
    struct page_check page = {.has_ip = false};
    const char *error = "";
    unsigned status = is_post ? judge_post(web, request, &error) : 200;
    if (status != 200)
        refuse(web, request->ticket, status, &page, error);
    else if (!page_check_read(web->checker, is_post ? request->body : request->query, is_post, &page))
        answer_page(web, request->ticket, 400, &page);
    else if (is_post)
        ask_lists(web, request, &page, now_ns);
    else if (page.has_ip)
        show_known(web, request, &page, now_ns);
    else
        answer_page(web, request->ticket, 200, &page);
}
