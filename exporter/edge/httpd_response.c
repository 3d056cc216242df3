/* SPDX-License-Identifier: Apache-2.0
 *
 * What is sent: the loop's answers, and refusals that need none.
 */
#include "edge/httpd_internal.h"

#include <string.h>

struct refusal_text {
    unsigned status;
    const char *text;
};

static const struct refusal_text refusal_texts[] = {
    [HTTPD_FINE] = {MHD_HTTP_OK, ""},
    [HTTPD_MALFORMED] = {MHD_HTTP_BAD_REQUEST, "400 bad request\n"},
    [HTTPD_BODY_UNWANTED] = {MHD_HTTP_BAD_REQUEST, "400 a body does not belong here\n"},
    [HTTPD_NOT_FOUND] = {MHD_HTTP_NOT_FOUND, "404 page not found\n"},
    [HTTPD_METHOD_NOT_ALLOWED] = {MHD_HTTP_METHOD_NOT_ALLOWED, "405 method not allowed\n"},
    [HTTPD_BODY_TOO_LARGE] = {MHD_HTTP_CONTENT_TOO_LARGE, "413 body too large\n"},
    [HTTPD_HEADERS_TOO_LARGE] = {MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "431 headers too large\n"},
    [HTTPD_METHOD_UNKNOWN] = {MHD_HTTP_NOT_IMPLEMENTED, "501 unknown method\n"},
    [HTTPD_CODING_UNKNOWN] = {MHD_HTTP_NOT_IMPLEMENTED, "501 unknown transfer coding\n"},
    [HTTPD_BUSY] = {MHD_HTTP_SERVICE_UNAVAILABLE, "503 too many requests at once\n"},
    [HTTPD_TOO_SLOW] = {MHD_HTTP_SERVICE_UNAVAILABLE, "503 no answer in time\n"},
    [HTTPD_STOPPING] = {MHD_HTTP_SERVICE_UNAVAILABLE, "503 shutting down\n"},
    [HTTPD_NO_MEMORY] = {MHD_HTTP_SERVICE_UNAVAILABLE, "503 out of memory\n"},
};

static bool add(struct MHD_Response *response, const char *name, const char *value) {
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* Takes `response` (NULL: no memory for one; the connection is closed). */
static enum MHD_Result send_response(struct connection *c, struct MHD_Connection *mhd, unsigned status,
                                     const char *content_type, struct MHD_Response *response) {
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if ((!content_type || add(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type)) &&
        add(response, "X-Content-Type-Options", "nosniff") &&
        add(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store")) {
        httpd_connection_enter(c, HTTPD_SENDING);
        result = MHD_queue_response(mhd, status, response);
    }
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result httpd_send_refusal(struct connection *c, struct MHD_Connection *mhd,
                                   enum httpd_refusal refusal) {
    const struct refusal_text *with = &refusal_texts[refusal];
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(with->text), (void *)with->text, MHD_RESPMEM_PERSISTENT);
    if (response &&
        ((refusal == HTTPD_METHOD_NOT_ALLOWED && !add(response, MHD_HTTP_HEADER_ALLOW, c->request.allow)) ||
         (with->status == MHD_HTTP_SERVICE_UNAVAILABLE &&
          !add(response, MHD_HTTP_HEADER_RETRY_AFTER, "1")))) {
        MHD_destroy_response(response);
        return MHD_NO;
    }
    return send_response(c, mhd, with->status, "text/plain; charset=utf-8", response);
}

static void body_sent(void *context) {
    httpd_body_unref(context);
}

/* Without a copy: the response holds the reference to the body until it is destroyed. */
static struct MHD_Response *response_from_body(struct httpd_body *body, struct httpd_view view) {
    struct MHD_Response *response;
    if (view.len == 0) {
        httpd_body_unref(body);
        return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    }
    response =
        MHD_create_response_from_buffer_with_free_callback_cls(view.len, (void *)view.data, body_sent, body);
    if (!response)
        httpd_body_unref(body);
    return response;
}

enum MHD_Result httpd_send_answer(struct connection *c, struct MHD_Connection *mhd) {
    struct httpd_response answer = {0};
    const enum httpd_refusal refusal = httpd_take_answer(c, &answer);
    if (refusal != HTTPD_FINE)
        return httpd_send_refusal(c, mhd, refusal);
    struct httpd_view view = {0};
    if (answer.body)
        view = httpd_body_view(answer.body, c->request.gzip);
    struct MHD_Response *response = response_from_body(answer.body, view);
    const char *vary = answer.vary_accept ? "Accept, Accept-Encoding" : "Accept-Encoding";
    if (response && view.len > 0 &&
        ((answer.security_policy && !add(response, "Content-Security-Policy", answer.security_policy)) ||
         !add(response, MHD_HTTP_HEADER_VARY, vary) ||
         (view.gzip && !add(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip")))) {
        MHD_destroy_response(response);
        return MHD_NO;
    }
    const bool later =
        answer.status == MHD_HTTP_SERVICE_UNAVAILABLE || answer.status == MHD_HTTP_TOO_MANY_REQUESTS;
    if (response && later &&
        !add(response, MHD_HTTP_HEADER_RETRY_AFTER, answer.retry_after ? answer.retry_after : "1")) {
        MHD_destroy_response(response);
        return MHD_NO;
    }
    return send_response(c, mhd, answer.status, answer.content_type, response);
}
