/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /config: the configuration in force. It changes with a reload alone, so it is written once for each.
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "core/settings_write.h"

void app_web_configured(struct app_web *web, const struct settings *base) {
    httpd_body_unref(web->settings_text);
    web->settings_text = NULL;
    web->base = base;
}

void app_web_settings(struct app_web *web, const struct httpd_request *request) {
    struct httpd_response response = {.status = 503, .content_type = "text/plain; charset=utf-8"};
    if (web->settings_text == NULL) {
        struct buf text;
        buf_init(&text, APP_WEB_BODY_CAP);
        settings_write(&text, web->base);
        if (buf_status(&text) == STATUS_OK)
            web->settings_text = httpd_body_new(&text);
        buf_release(&text);
    }
    if (web->settings_text != NULL) {
        response.status = 200;
        response.body = httpd_body_ref(web->settings_text);
    }
    httpd_answer(web->server, request->ticket, &response);
}
