/* SPDX-License-Identifier: Apache-2.0
 *
 * app_web_internal: what the files of the endpoints share.
 */
#ifndef RBL_APP_WEB_INTERNAL_H
#define RBL_APP_WEB_INTERNAL_H

#include "app_web.h"

#include "core/page_check.h"

enum { APP_WEB_BODY_CAP = 1 << 30 };

/* Answers the request of a ticket with what is in `body` (emptied); without memory with a bare 503. This and
 * the next two wait for the store if they have to (app_web_hold()). */
void app_web_answer(const struct app_web *web, void *request, unsigned status, const char *type,
                    struct buf *body);
/* The same with a 429 or 503; `retry_after` is when it may be otherwise, in seconds (static text). */
void app_web_answer_later(const struct app_web *web, void *request, unsigned status, const char *retry_after,
                          const char *type, struct buf *body);
/* Answers with what the header Accept has a say in. */
void app_web_answer_exposition(const struct app_web *web, void *request, const char *content_type,
                               struct buf *body);
/* Refuses a question to the API with the error as JSON. `retry_after` NULL: it will be no better later. */
static inline void app_web_refuse(const struct app_web *web, void *request, unsigned status,
                                  const char *retry_after, const char *error) {
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    api_refuse(&body, "%s", error);
    app_web_answer_later(web, request, status, retry_after, "application/json", &body);
}
/* Answers with a few lines of plain text, at once: they show no verdict. */
void app_web_answer_text(const struct app_web *web, void *request, unsigned status, const char *text);
/* As app_web_options.storage, whether it is there or not. */
bool app_web_storage(const struct app_web *web, const char **why, uint64_t *errors);
/* What to add to monotonic time for the wall clock. */
int64_t app_web_wall_offset(int64_t now_ns);

/* What every page says of the program. */
struct page_process app_web_page_process(const struct app_web *web);

/* --- app_web_prefix.c: where the pages are --- */

/* Makes the routes of the APP_WEB_ROUTES that are given without the prefix. False with a sentence in `error`.
 */
bool app_web_prefix_start(struct app_web *web, const struct httpd_route *routes, char *error, size_t size)
    MUST_CHECK;
/* Call it when the server has gone. */
void app_web_prefix_stop(struct app_web *web);
void app_web_redirect(const struct app_web *web, const struct httpd_request *request);

/* --- app_web_settings.c: /config --- */

void app_web_settings(struct app_web *web, const struct httpd_request *request);

/* Renders what is to be shown; failure is in buf_status(out). */
void app_web_render(const struct app_web *web, const struct app_web_show *show, struct buf *out,
                    int64_t now_ns);

/* --- app_web_held.c: answers that wait for the store --- */

/* False: no memory. */
bool app_web_held_start(struct app_web *web) MUST_CHECK;
/* Forgets them: their requests are over. Call it after the server has gone. */
void app_web_held_stop(struct app_web *web);
/* The last event that what is made now may show. */
uint64_t app_web_mark(const struct app_web *web);
/* httpd_answer(), now or as soon as the store has the events up to `mark`, but within APP_STORE_TELL_NS. */
void app_web_hold(const struct app_web *web, void *request, const struct httpd_response *response,
                  uint64_t mark);

/* --- app_web_shared.c: renderings that many get --- */

/* `places`: how many may wait at once. False: no memory. */
bool app_web_shared_start(struct app_web_shared *shared, unsigned places) MUST_CHECK;
/* Forgets who waits: their requests are over. Call it after the server has gone. */
void app_web_shared_stop(struct app_web_shared *shared);
/* Something has changed that whoever asks next has to see: the latest rendering is used no longer. When the
 * next one may be made is as it was. */
void app_web_shared_renew(struct app_web_shared *shared);
/* Answers the request with the latest rendering if it shows that, and is fresh enough; else it waits for
 * app_web_shared_turn(). `content_type` is a static text. */
void app_web_shared_ask(struct app_web *web, void *request, const struct app_web_show *show,
                        const char *content_type, int64_t now_ns);
/* Renders for who waits, if it is time for it; returns when it will be (INT64_MAX: nobody waits). */
int64_t app_web_shared_turn(struct app_web *web, int64_t now_ns);

/* --- app_web_wait.c: who waits for history or lists --- */

/* False: no memory. */
bool app_web_wait_start(struct app_web *web) MUST_CHECK;
/* Forgets who waits: their requests are over. Call it after the server has gone. */
void app_web_wait_stop(struct app_web *web);
/* A place for a request that waits for the history that `question` is about, at most until `until_ns`; NULL:
 * there is none free. */
struct app_web_wait *app_web_wait_take(struct app_web *web, void *request,
                                       const struct api_question *question, int64_t until_ns);
/* Whether one more may wait for lists: they may take seconds, for which half of the places is enough. */
bool app_web_wait_has_room(const struct app_web *web);
/* Gives it back without an answer. */
void app_web_wait_drop(struct app_web_wait *wait);
/* Asks the store for that history. The request may be answered before this returns, and `wait` be gone. */
void app_web_wait_ask(struct app_web *web, const struct app_web_wait *wait);
/* Answers those who have waited too long; returns when the next one has. */
int64_t app_web_wait_turn(struct app_web *web, int64_t now_ns);

/* --- app_web_api.c: the API --- */

void app_web_api_listings(const struct app_web *web, const struct httpd_request *request, int64_t now_ns);
void app_web_api_lists(const struct app_web *web, const struct httpd_request *request, int64_t now_ns);
void app_web_api_address(struct app_web *web, const struct httpd_request *request, int64_t now_ns);
void app_web_api_answer(const struct app_web *web, const struct app_web_wait *wait,
                        const struct api_history *history);

/* --- app_web_check.c: the page about one address --- */

/* What such a page will show, while it waits. */
struct app_web_check {
    struct page_check page;
    struct history_event events[PAGE_CHECK_EVENTS];
    char error[PAGE_CHECK_ERROR];
};

void app_web_check(struct app_web *web, const struct httpd_request *request, int64_t now_ns);
/* Keeps the history that has come, or why none will. */
void app_web_check_keep(struct app_web_check *check, const struct api_history *history);
void app_web_check_answer(const struct app_web *web, const struct app_web_wait *wait);

/* --- app_web_probe.c: probes of Prometheus --- */

/* False: no memory. */
bool app_web_probes_start(struct app_web *web) MUST_CHECK;
/* Forgets who waits, as app_web_wait_stop(). */
void app_web_probes_stop(struct app_web *web);
void app_web_probe(struct app_web *web, const struct httpd_request *request, int64_t now_ns);
/* Answers those whose lists have ended. */
void app_web_probes_look(struct app_web *web);
/* Answers those whose time is over; returns when the next one's is. */
int64_t app_web_probes_turn(struct app_web *web, int64_t now_ns);
/* The checker is another one: what waits is asked of it. */
void app_web_probes_use(struct app_web *web);

/* --- app_web_bounce.c: what bounces say --- */

enum { APP_WEB_BOUNCE_BYTES = 1 << 20 /* of a post */ };

/* False: no memory. */
bool app_web_bounces_start(struct app_web *web) MUST_CHECK;
/* Ends what reads; call it when the server has gone. */
void app_web_bounces_stop(struct app_web *web);
void app_web_bounce(struct app_web *web, const struct httpd_request *request, int64_t now_ns);
/* As app_web_turn(). */
int64_t app_web_bounces_turn(struct app_web *web, int64_t now_ns);

#endif
