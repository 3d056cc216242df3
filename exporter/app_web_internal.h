/* SPDX-License-Identifier: Apache-2.0
 *
 * app_web_internal: what the files of the endpoints share.
 */
#ifndef RBL_APP_WEB_INTERNAL_H
#define RBL_APP_WEB_INTERNAL_H

#include "app_web.h"

enum { APP_WEB_BODY_CAP = 1 << 30 };

/* Answers the request of a ticket with what is in `body` (emptied); without memory with a bare 503. */
void app_web_answer(const struct app_web *web, void *request, unsigned status, const char *type,
                    struct buf *body);
/* As app_web_options.storage, whether it is there or not. */
bool app_web_storage(const struct app_web *web, const char **why, uint64_t *errors);
/* What to add to monotonic time for the wall clock. */
int64_t app_web_wall_offset(int64_t now_ns);

/* --- app_web_api.c: the API, and who waits for history --- */

/* False: no memory. */
bool app_web_api_start(struct app_web *web) MUST_CHECK;
/* Forgets who waits: their requests are over. Call it after the server has gone. */
void app_web_api_stop(struct app_web *web);
void app_web_api_listings(const struct app_web *web, const struct httpd_request *request, int64_t now_ns);
void app_web_api_address(struct app_web *web, const struct httpd_request *request, int64_t now_ns);
/* Answers those who have waited too long; returns when the next one has. */
int64_t app_web_api_turn(struct app_web *web, int64_t now_ns);

#endif
