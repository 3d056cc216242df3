/* SPDX-License-Identifier: Apache-2.0
 *
 * One request on the server thread: what is asked, whether it is allowed, the body, the question, the
 * response.
 *
 * libmicrohttpd calls httpd_request_serve() once after the headers, once per piece of the body, and once when
 * all has come; after a suspension once more. A response can be queued at the first call, which ends the
 * connection, and at the last, not in between. So what has a body and is refused is refused at once,
 * everything else at the end, where the connection can go on.
 *
 * A connection that is suspended while libmicrohttpd waits to read from it is read from when it is resumed,
 * and closed if the client has said that it has no more to send, answer or not. So before it is suspended it
 * is let go round once without an answer, after which libmicrohttpd no longer waits to read.
 *
 * Paths are compared as they came: nothing is decoded. A NUL in the request line is one libmicrohttpd does
 * not see (it has C strings), but the version follows the target in its buffer, and is too far away then.
 */
#include "edge/httpd_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- Path and method --- */

static bool knows_method(const char *method) {
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(method, known[i]) == 0)
            return true;
    }
    return false;
}

/* "https://host/path", as it is sent to a proxy, has to be understood by servers (RFC 9112, 3.2.2). */
static const char *origin_form(const char *path) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const size_t len = strlen(schemes[i]);
        if (strncasecmp(path, schemes[i], len) != 0)
            continue;
        const char *slash = strchr(path + len, '/');
        return slash ? slash : "/";
    }
    return path;
}

static const char *allow_text(bool get, bool post) {
    if (get)
        return post ? "GET, HEAD, POST" : "GET, HEAD";
    return "POST";
}

/* What of `path` is behind the route's; NULL: it is none of the route's. */
static const char *rest_of(const struct httpd_route *route, const char *path) {
    const size_t len = strlen(route->path);
    if (strncmp(route->path, path, len) != 0 || (path[len] != '\0') != route->prefix)
        return NULL;
    return path + len;
}

/* Among the exact routes, or among those that are prefixes. */
static enum httpd_refusal find_among(const struct httpd *server, bool prefix, const char *path, bool get,
                                     bool post, struct request *r) {
    bool takes_get = false;
    bool takes_post = false;
    for (size_t i = 0; i < server->options.n_routes; i++) {
        const struct httpd_route *route = &server->options.routes[i];
        const char *rest = route->prefix == prefix ? rest_of(route, path) : NULL;
        if (!rest)
            continue;
        takes_get = takes_get || route->get;
        takes_post = takes_post || route->post;
        if ((get && route->get) || (post && route->post)) {
            r->route = route->route;
            r->path_rest = rest;
            r->method = get ? HTTPD_GET : HTTPD_POST;
            if (route->body_most > 0)
                r->body_most = route->body_most;
            if (route->answer_seconds * INT64_C(1000000000) > r->answer_ns)
                r->answer_ns = route->answer_seconds * INT64_C(1000000000);
            return HTTPD_FINE;
        }
    }
    r->allow = allow_text(takes_get, takes_post);
    return takes_get || takes_post ? HTTPD_METHOD_NOT_ALLOWED : HTTPD_NOT_FOUND;
}

static enum httpd_refusal find_route(const struct httpd *server, const char *path, const char *method,
                                     struct request *r) {
    const bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    const bool post = strcmp(method, "POST") == 0;
    if (!knows_method(method))
        return HTTPD_METHOD_UNKNOWN;
    const enum httpd_refusal refusal = find_among(server, false, path, get, post, r);
    return refusal == HTTPD_NOT_FOUND ? find_among(server, true, path, get, post, r) : refusal;
}

static size_t header_size(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

/* What the path and the method say; the password has been right. */
static enum httpd_refusal look_up(struct connection *c, const char *path, const char *method) {
    struct request *r = &c->request;
    enum httpd_refusal refusal = find_route(c->server, origin_form(path), method, r);
    if (refusal == HTTPD_FINE && r->has_body && r->method != HTTPD_POST)
        refusal = HTTPD_BODY_UNWANTED;
    if (refusal == HTTPD_FINE && (r->length > r->body_most || r->body.len > r->body_most))
        refusal = HTTPD_BODY_TOO_LARGE;
    return refusal;
}

/* All that is known before the body; sets what the request asks for. */
static enum httpd_refusal examine(struct connection *c, struct MHD_Connection *mhd, const char *path,
                                  const char *method, const char *version) {
    struct request *r = &c->request;
    struct httpd_headers h;
    httpd_headers_read(mhd, &h);
    r->length = httpd_headers_length(&h);
    r->has_body = r->length > 0 || h.n_coding > 0;
    r->chunked = h.n_coding > 0;
    r->accept = h.accept ? h.accept : "";
    r->content_type = h.type ? h.type : "";
    r->host = h.host ? h.host : "";
    r->origin = h.origin ? h.origin : "";
    r->fetch_site = h.site ? h.site : "";
    r->scrape_limit = h.scrape_limit ? h.scrape_limit : "";
    r->gzip = h.encoding && httpd_accepts_gzip(h.encoding);
    if (header_size(mhd) > HTTPD_MAX_HEADER_BYTES)
        return HTTPD_HEADERS_TOO_LARGE;
    if (version != r->uri + r->uri_len + 1)
        return HTTPD_MALFORMED;
    enum httpd_refusal refusal = httpd_headers_judge(&h, strcmp(version, MHD_HTTP_VERSION_1_0) == 0);
    if (refusal == HTTPD_FINE)
        refusal = httpd_guard_judge(c, &h);
    if (refusal == HTTPD_FINE && r->login == HTTPD_LOGIN_DONE)
        refusal = look_up(c, path, method);
    return refusal;
}

/* --- The calls --- */

void *httpd_request_begin(void *context, const char *uri, struct MHD_Connection *mhd) {
    (void)context;
    struct connection *c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (!c)
        return NULL;
    c->request = (struct request){.stage = HTTPD_STAGE_LINE,
                                  .uri = uri,
                                  .uri_len = strlen(uri),
                                  .path_rest = "",
                                  .accept = "",
                                  .content_type = "",
                                  .host = "",
                                  .origin = "",
                                  .fetch_site = "",
                                  .scrape_limit = "",
                                  .security = httpd_security_current(c->server),
                                  .body_most = HTTPD_MAX_BODY_BYTES,
                                  .answer_ns = c->server->answer_ns};
    buf_init(&c->request.body, 0);
    const char *query = strchr(uri, '?');
    if (query) {
        c->request.query = strdup(query + 1); /* libmicrohttpd takes it apart in place */
        if (!c->request.query)
            c->request.refusal = HTTPD_NO_MEMORY;
    }
    httpd_connection_enter(c, HTTPD_READING);
    return c;
}

/* Slow clients with large bodies must not fill the memory: there are few places for them. */
static bool has_place(struct httpd *server, struct request *r, size_t more) {
    if (r->is_large || r->body.len + more <= HTTPD_MAX_BODY_BYTES)
        return true;
    r->is_large = server->n_large < HTTPD_LARGE_BODIES;
    server->n_large += r->is_large ? 1 : 0;
    return r->is_large;
}

static void refuse_body(struct request *r, enum httpd_refusal refusal) {
    r->refusal = refusal;
    buf_release(&r->body);
    buf_init(&r->body, 0);
}

/* Takes a piece of the body; a refusal has to wait for the end of it, which must not be too far away. */
static enum MHD_Result take_body(struct httpd *server, struct request *r, const char *piece, size_t *len) {
    if (r->refusal == HTTPD_FINE && r->body.len + *len > r->body_most)
        refuse_body(r, HTTPD_BODY_TOO_LARGE);
    else if (r->refusal == HTTPD_FINE && !has_place(server, r, *len))
        refuse_body(r, HTTPD_BUSY);
    if (r->refusal == HTTPD_FINE) {
        r->body.cap = r->body_most;
        buf_add(&r->body, piece, *len);
        if (buf_status(&r->body) != STATUS_OK)
            refuse_body(r, HTTPD_NO_MEMORY);
    }
    if (r->refusal != HTTPD_FINE)
        r->thrown_away += *len;
    *len = 0;
    return r->thrown_away > HTTPD_THROW_AWAY_BYTES ? MHD_NO : MHD_YES;
}

/* A stranger's body is read up to what any path takes; of one that may be larger nothing is kept before the
 * password has been tried. (Not all are tried that early: see above about suspending.) */
static bool needs_password_now(const struct request *r) {
    return r->login != HTTPD_LOGIN_DONE && (r->chunked || r->length > HTTPD_MAX_BODY_BYTES);
}

/* Whether the connection is now suspended for its password. When it has been tried, the path is looked at. */
static bool tries_password(struct connection *c, struct MHD_Connection *mhd, const char *path,
                           const char *method) {
    struct request *r = &c->request;
    enum httpd_refusal refusal = HTTPD_FINE;
    switch (r->login) {
    case HTTPD_LOGIN_DONE: return false;
    case HTTPD_LOGIN_NEEDED: refusal = httpd_guard_try(c, mhd); break;
    case HTTPD_LOGIN_TRIED: refusal = httpd_guard_outcome(c); break;
    }
    if (r->login == HTTPD_LOGIN_TRIED)
        return true;
    if (refusal == HTTPD_FINE)
        refusal = look_up(c, path, method);
    if (refusal != HTTPD_FINE)
        refuse_body(r, refusal);
    return false;
}

static enum MHD_Result finish(struct connection *c, struct MHD_Connection *mhd, const char *path,
                              const char *method) {
    struct request *r = &c->request;
    if (r->refusal == HTTPD_FINE && r->stage == HTTPD_STAGE_BODY) {
        r->stage = HTTPD_STAGE_READY;
        return MHD_YES;
    }
    if (r->refusal == HTTPD_FINE && tries_password(c, mhd, path, method))
        return MHD_YES;
    if (r->refusal == HTTPD_FINE)
        r->refusal = httpd_ask(c, mhd);
    if (r->refusal != HTTPD_FINE)
        return httpd_send_refusal(c, mhd, r->refusal);
    r->stage = HTTPD_STAGE_ASKED;
    return MHD_YES;
}

enum MHD_Result httpd_request_serve(void *context, struct MHD_Connection *mhd, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_size, void **request_context) {
    (void)context;
    struct connection *c = *request_context;
    if (!c)
        return MHD_NO;
    struct request *r = &c->request;
    c->tls_unheard = 0;
    switch (r->stage) {
    case HTTPD_STAGE_LINE:
        if (r->refusal == HTTPD_FINE)
            r->refusal = examine(c, mhd, url, method, version);
        r->stage = HTTPD_STAGE_BODY;
        c->upload_unread = r->has_body && r->refusal != HTTPD_FINE;
        return c->upload_unread ? httpd_send_refusal(c, mhd, r->refusal) : MHD_YES;
    case HTTPD_STAGE_BODY:
        if (*upload_size > 0 && needs_password_now(r) && tries_password(c, mhd, url, method))
            return MHD_YES; /* this piece comes again */
        if (*upload_size > 0)
            return take_body(c->server, r, upload, upload_size);
        return finish(c, mhd, url, method);
    case HTTPD_STAGE_READY: return finish(c, mhd, url, method);
    case HTTPD_STAGE_ASKED: break;
    }
    return httpd_send_answer(c, mhd);
}

void httpd_request_end(void *context, struct MHD_Connection *mhd, void **request_context,
                       enum MHD_RequestTerminationCode code) {
    (void)mhd;
    (void)code;
    struct connection *c = *request_context;
    if (!c)
        return;
    *request_context = NULL;
    struct request *r = &c->request;
    httpd_question_drop(context, r->question);
    r->question = NULL;
    free(r->query);
    r->query = NULL;
    httpd_security_unref(r->security);
    r->security = NULL;
    buf_release(&r->body);
    buf_init(&r->body, 0);
    c->server->n_large -= r->is_large ? 1 : 0;
    r->is_large = false;
    httpd_connection_enter(c, HTTPD_IDLE);
}
