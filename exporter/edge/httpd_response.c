/* SPDX-License-Identifier: Apache-2.0
 *
 * What is sent: the loop's answers, refusals that need none, and the headers of both.
 *
 * What libmicrohttpd answers by itself has none of the headers below, and there is no way to add any: 400 and
 * 505 to what is no HTTP/1, 413 to a chunk larger than a number can be, 414 and 431 to what exceeds the
 * memory of a connection, 500 when a pool is used up. These close the connection.
 */
#include "edge/httpd_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct refusal_text {
    unsigned status;
    const char *text;
};

static const struct refusal_text refusal_texts[] = {
    [HTTPD_FINE] = {MHD_HTTP_OK, ""},
    [HTTPD_MALFORMED] = {MHD_HTTP_BAD_REQUEST, "400 bad request\n"},
    [HTTPD_BODY_UNWANTED] = {MHD_HTTP_BAD_REQUEST, "400 a body does not belong here\n"},
    [HTTPD_UNAUTHORIZED] = {MHD_HTTP_UNAUTHORIZED, "401 a user and a password are needed\n"},
    [HTTPD_NOT_FOUND] = {MHD_HTTP_NOT_FOUND, "404 page not found\n"},
    [HTTPD_METHOD_NOT_ALLOWED] = {MHD_HTTP_METHOD_NOT_ALLOWED, "405 method not allowed\n"},
    [HTTPD_BODY_TOO_LARGE] = {MHD_HTTP_CONTENT_TOO_LARGE, "413 body too large\n"},
    [HTTPD_HEADERS_TOO_LARGE] = {MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "431 headers too large\n"},
    [HTTPD_TOO_OFTEN] = {MHD_HTTP_TOO_MANY_REQUESTS, "429 more requests than rate_limit allows\n"},
    [HTTPD_TOO_MANY_TRIES] = {MHD_HTTP_TOO_MANY_REQUESTS, "429 too many passwords to try from one address\n"},
    [HTTPD_BROKEN] = {MHD_HTTP_INTERNAL_SERVER_ERROR,
                      "500 the web configuration file is broken: see the log of rbl_exporter\n"},
    [HTTPD_METHOD_UNKNOWN] = {MHD_HTTP_NOT_IMPLEMENTED, "501 unknown method\n"},
    [HTTPD_CODING_UNKNOWN] = {MHD_HTTP_NOT_IMPLEMENTED, "501 unknown transfer coding\n"},
    [HTTPD_BUSY] = {MHD_HTTP_SERVICE_UNAVAILABLE, "503 too many requests at once\n"},
    [HTTPD_TRIES_FULL] = {MHD_HTTP_SERVICE_UNAVAILABLE, "503 too many passwords to try at once\n"},
    [HTTPD_TOO_SLOW] = {MHD_HTTP_SERVICE_UNAVAILABLE, "503 no answer in time\n"},
    [HTTPD_STOPPING] = {MHD_HTTP_SERVICE_UNAVAILABLE, "503 shutting down\n"},
    [HTTPD_NO_MEMORY] = {MHD_HTTP_SERVICE_UNAVAILABLE, "503 out of memory\n"},
};

static bool add(struct MHD_Response *response, const char *name, const char *value) {
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* On every response, unless the web configuration says otherwise. With the referrer policy `no-referrer` a
 * browser would send the page's own forms with `Origin: null`, and they would be refused. */
static const struct web_header own_headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
};
static const char policy_name[] = "Content-Security-Policy";
static const char policy_of_data[] = "default-src 'none'; frame-ancestors 'none'";

static bool is_configured(const struct web_config *config, const char *name) {
    for (size_t i = 0; config && i < config->n_headers; i++) {
        if (strcasecmp(config->headers[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool add_own(struct MHD_Response *response, const struct web_config *config, const char *name,
                    const char *value) {
    return is_configured(config, name) || add(response, name, value);
}

static bool add_headers(struct MHD_Response *response, const struct httpd_security *security,
                        const char *policy) {
    const struct web_config *config = security ? security->config : NULL;
    bool added = add_own(response, config, policy_name, policy ? policy : policy_of_data);
    for (size_t i = 0; added && i < sizeof own_headers / sizeof *own_headers; i++)
        added = add_own(response, config, own_headers[i].name, own_headers[i].value);
    for (size_t i = 0; added && config && i < config->n_headers; i++)
        added = add(response, config->headers[i].name, config->headers[i].value);
    return added;
}

/* Takes `response` (NULL: no memory for one; the connection is closed). */
static enum MHD_Result send_response(struct connection *c, struct MHD_Connection *mhd, unsigned status,
                                     const char *content_type, const char *policy,
                                     struct MHD_Response *response) {
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if ((!content_type || add(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type)) &&
        add_headers(response, c->request.security, policy)) {
        httpd_connection_enter(c, HTTPD_SENDING);
        result = MHD_queue_response(mhd, status, response);
    }
    MHD_destroy_response(response);
    return result;
}

static bool add_retry_after(struct MHD_Response *response, unsigned seconds) {
    char text[16];
    snprintf(text, sizeof text, "%u", seconds > 0 ? seconds : 1);
    return add(response, MHD_HTTP_HEADER_RETRY_AFTER, text);
}

/* What its status asks for besides a text. */
static bool add_remedy(struct MHD_Response *response, const struct request *r, unsigned status) {
    switch (status) {
    case MHD_HTTP_UNAUTHORIZED: return add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic");
    case MHD_HTTP_METHOD_NOT_ALLOWED: return add(response, MHD_HTTP_HEADER_ALLOW, r->allow);
    case MHD_HTTP_TOO_MANY_REQUESTS:
    case MHD_HTTP_SERVICE_UNAVAILABLE: return add_retry_after(response, r->retry_after_s);
    default: return true;
    }
}

/* What follows such a request may be the rest of it, and no other: the connection must not go on. */
static bool ends_connection(enum httpd_refusal refusal) {
    return refusal == HTTPD_MALFORMED || refusal == HTTPD_CODING_UNKNOWN;
}

enum MHD_Result httpd_send_refusal(struct connection *c, struct MHD_Connection *mhd,
                                   enum httpd_refusal refusal) {
    const struct refusal_text *with = &refusal_texts[refusal];
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(with->text), (void *)with->text, MHD_RESPMEM_PERSISTENT);
    if (response && ((ends_connection(refusal) && !add(response, MHD_HTTP_HEADER_CONNECTION, "close")) ||
                     !add_remedy(response, &c->request, with->status))) {
        MHD_destroy_response(response);
        return MHD_NO;
    }
    return send_response(c, mhd, with->status, "text/plain; charset=utf-8", NULL, response);
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

/* What an answer has besides the headers of every response. */
static bool add_of_answer(struct MHD_Response *response, const struct httpd_response *answer,
                          const struct httpd_view *view) {
    const bool later =
        answer->status == MHD_HTTP_SERVICE_UNAVAILABLE || answer->status == MHD_HTTP_TOO_MANY_REQUESTS;
    const char *vary = answer->vary_accept ? "Accept, Accept-Encoding" : "Accept-Encoding";
    return (view->len == 0 || add(response, MHD_HTTP_HEADER_VARY, vary)) &&
           (!view->gzip || add(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip")) &&
           (!answer->location || add(response, MHD_HTTP_HEADER_LOCATION, answer->location)) &&
           (!later ||
            add(response, MHD_HTTP_HEADER_RETRY_AFTER, answer->retry_after ? answer->retry_after : "1"));
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
    if (response && !add_of_answer(response, &answer, &view)) {
        MHD_destroy_response(response);
        return MHD_NO;
    }
    return send_response(c, mhd, answer.status, answer.content_type, answer.security_policy, response);
}
