/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/client.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char library_name[] = "libcurl-gnutls.so.4";
enum { TURN_MS = 100, NS_PER_MS = 1000000, RETRY_MOST_S = 3600 };

/* Its functions, by their own types. */
#define FUNCTIONS(X)                                                                                         \
    X(global_init)                                                                                           \
    X(easy_init)                                                                                             \
    X(easy_setopt)                                                                                           \
    X(easy_getinfo)                                                                                          \
    X(easy_cleanup)                                                                                          \
    X(easy_strerror)                                                                                         \
    X(slist_append)                                                                                          \
    X(slist_free_all)                                                                                        \
    X(multi_init)                                                                                            \
    X(multi_setopt)                                                                                          \
    X(multi_add_handle)                                                                                      \
    X(multi_remove_handle)                                                                                   \
    X(multi_perform)                                                                                         \
    X(multi_poll)                                                                                            \
    X(multi_info_read)                                                                                       \
    X(multi_cleanup)                                                                                         \
    X(url)                                                                                                   \
    X(url_set)                                                                                               \
    X(url_get)                                                                                               \
    X(url_cleanup)                                                                                           \
    X(url_strerror)                                                                                          \
    X(free)
#define MEMBER(name) __typeof__(curl_##name) *(name);
/* The macros that check types are of no use here. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

struct client {
    void *library;
    FUNCTIONS(MEMBER)
    CURLM *multi;
};

/* An exchange under way. */
struct transfer {
    struct client_exchange *exchange;
    CURL *easy;
    struct curl_slist *headers;
    char url[2 * CLIENT_URL];
    char error[CURL_ERROR_SIZE];
    bool too_large;
};

/* ---- the library ---- */

static bool load(struct client *c) {
    c->library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    bool all = c->library != NULL;
#define LOOK_UP(name)                                                                                        \
    if (all) {                                                                                               \
        *(void **)&c->name = dlsym(c->library, "curl_" #name);                                               \
        all = c->name != NULL;                                                                               \
    }
    FUNCTIONS(LOOK_UP)
    return all;
}

struct client *client_new(char *why, size_t size) {
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)snprintf(why, size, "not enough memory to ask an exporter");
        return NULL;
    }
    if (!load(c)) {
        (void)snprintf(why, size,
                       "the library %s, which asking an exporter needs, cannot be used (install the package "
                       "libcurl3-gnutls)",
                       library_name);
        client_free(c);
        return NULL;
    }
    if (c->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        c->multi = c->multi_init();
    if (c->multi == NULL) {
        (void)snprintf(why, size, "not enough memory to ask an exporter");
        client_free(c);
        return NULL;
    }
    return c;
}

/* The library stays: its threads' and other libraries' ends are not made to happen before that of the
 * program.
 */
void client_free(struct client *client) {
    if (client == NULL)
        return;
    if (client->multi != NULL)
        (void)client->multi_cleanup(client->multi);
    free(client);
}

/* ---- places ---- */

static bool refuse(char *why, size_t size, const char *text) {
    (void)snprintf(why, size, "%s", text);
    return false;
}

/* Copies a part; false: it is not there, or too long. */
static bool get(const struct client *c, CURLU *url, CURLUPart part, char *out, size_t size) {
    char *text = NULL;
    if (c->url_get(url, part, &text, 0) != CURLUE_OK || text == NULL)
        return false;
    size_t len = strlen(text);
    bool fits = len < size;
    if (fits)
        memcpy(out, text, len + 1);
    c->free(text);
    return fits;
}

static void cut_slashes(char *text) {
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '/')
        text[--len] = '\0';
}

static bool judge(const struct client *c, CURLU *url, char *why, size_t size) {
    char text[CLIENT_URL];
    if (!get(c, url, CURLUPART_SCHEME, text, sizeof text) ||
        (strcasecmp(text, "http") != 0 && strcasecmp(text, "https") != 0))
        return refuse(why, size, "it must begin with http:// or https://");
    if (get(c, url, CURLUPART_QUERY, text, sizeof text) || get(c, url, CURLUPART_FRAGMENT, text, sizeof text))
        return refuse(why, size, "nothing may stand behind the path, no ? and no #");
    return true;
}

static bool read_place(const struct client *c, CURLU *url, struct client_place *out, char *why, size_t size) {
    *out = (struct client_place){.direct = false};
    if (!judge(c, url, why, size))
        return false;
    bool fits = get(c, url, CURLUPART_URL, out->url, sizeof out->url) &&
                c->url_set(url, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
                c->url_set(url, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
                get(c, url, CURLUPART_URL, out->shown, sizeof out->shown);
    cut_slashes(out->url);
    cut_slashes(out->shown);
    return fits || refuse(why, size, "it is too long");
}

bool client_place_read(const struct client *client, const char *url, struct client_place *out, char *why,
                       size_t size) {
    CURLU *parts = client->url();
    bool good = false;
    if (parts == NULL)
        return refuse(why, size, "not enough memory to read it");
    CURLUcode code = client->url_set(parts, CURLUPART_URL, url, 0);
    if (code == CURLUE_OK)
        good = read_place(client, parts, out, why, size);
    else if (code == CURLUE_BAD_SCHEME || code == CURLUE_UNSUPPORTED_SCHEME)
        (void)refuse(why, size, "it must begin with http:// or https://");
    else
        (void)refuse(why, size, client->url_strerror(code));
    client->url_cleanup(parts);
    return good;
}

/* ---- one exchange ---- */

static size_t on_body(char *data, size_t size, size_t n, void *context) {
    struct transfer *t = context;
    buf_add(&t->exchange->answer.body, data, size * n);
    t->too_large = buf_status(&t->exchange->answer.body) != STATUS_OK;
    return t->too_large ? 0 : size * n;
}

/* A header without a value is none: libcurl's own would be sent ("Expect: 100-continue" costs a second with
 * servers that do not know it). */
static bool add_header(const struct client *c, struct transfer *t, const char *name, const char *value) {
    char line[256];
    (void)snprintf(line, sizeof line, value != NULL ? "%s: %s" : "%s:", name, value);
    struct curl_slist *headers = c->slist_append(t->headers, line);
    if (headers != NULL)
        t->headers = headers;
    return headers != NULL;
}

static bool set_body(const struct client *c, struct transfer *t) {
    const struct client_request *r = &t->exchange->request;
    return c->easy_setopt(t->easy, CURLOPT_POST, 1L) == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len) == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_POSTFIELDS, r->body_len > 0 ? r->body : "") == CURLE_OK &&
           add_header(c, t, "Content-Type", r->content_type) && add_header(c, t, "Expect", NULL);
}

static bool set_limits(const struct client *c, const struct transfer *t, const struct client_place *place) {
    const struct client_request *r = &t->exchange->request;
    return c->easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(r->connect_ns / NS_PER_MS)) ==
               CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)(r->total_ns / NS_PER_MS)) == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           (!place->direct || c->easy_setopt(t->easy, CURLOPT_PROXY, "") == CURLE_OK);
}

static bool set_up(const struct client *c, struct transfer *t, const struct client_place *place) {
    const struct client_request *r = &t->exchange->request;
    int n = snprintf(t->url, sizeof t->url, "%s%s", place->url, r->path);
    t->easy = n > 0 && (size_t)n < sizeof t->url ? c->easy_init() : NULL;
    return t->easy != NULL && set_limits(c, t, place) &&
           c->easy_setopt(t->easy, CURLOPT_URL, t->url) == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_PRIVATE, t) == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_USERAGENT, "rbl_exporter") == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           c->easy_setopt(t->easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
           add_header(c, t, "Accept", r->accept != NULL ? r->accept : "*/*") &&
           (!r->post || set_body(c, t)) &&
           c->easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
           c->multi_add_handle(c->multi, t->easy) == CURLM_OK;
}

static void close_transfer(const struct client *c, struct transfer *t) {
    if (t->easy != NULL)
        (void)c->multi_remove_handle(c->multi, t->easy);
    if (t->easy != NULL)
        c->easy_cleanup(t->easy);
    c->slist_free_all(t->headers);
    *t = (struct transfer){.exchange = NULL};
}

static void end_as(struct client_answer *answer, enum client_result result, const char *why) {
    answer->result = result;
    (void)snprintf(answer->why, sizeof answer->why, "%s", why);
}

/* What another time may be otherwise, and what will not. */
static enum client_result result_of(CURLcode code) {
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_SSL_CONNECT_ERROR: return CLIENT_UNREACHABLE;
    default: return CLIENT_BROKEN;
    }
}

static void end_transfer(const struct client *c, struct transfer *t, CURLcode code) {
    struct client_answer *answer = &t->exchange->answer;
    long status = 0;
    curl_off_t retry_s = 0;
    (void)c->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)c->easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_s);
    answer->status = (unsigned)status;
    answer->retry_after_s = (unsigned)(retry_s > RETRY_MOST_S ? RETRY_MOST_S : retry_s > 0 ? retry_s : 0);
    if (code == CURLE_OK)
        end_as(answer, CLIENT_ANSWERED, "");
    else if (t->too_large)
        end_as(answer, CLIENT_BROKEN, "its answer is too large");
    else
        end_as(answer, result_of(code), t->error[0] != '\0' ? t->error : c->easy_strerror(code));
    close_transfer(c, t);
}

/* ---- all of them ---- */

struct run {
    struct client *client;
    const struct client_place *place;
    struct client_exchange *exchanges;
    size_t n;
    size_t n_begun;
    size_t n_ended;
    struct transfer *transfers; /* [at_once] */
    unsigned at_once;
};

static void begin_some(struct run *run) {
    for (unsigned i = 0; i < run->at_once && run->n_begun < run->n; i++) {
        struct transfer *t = &run->transfers[i];
        if (t->exchange != NULL)
            continue;
        t->exchange = &run->exchanges[run->n_begun++];
        if (set_up(run->client, t, run->place))
            continue;
        end_as(&t->exchange->answer, CLIENT_UNREACHABLE, "there is not enough memory to ask it");
        close_transfer(run->client, t);
        run->n_ended++;
    }
}

static void end_some(struct run *run) {
    const CURLMsg *message;
    int left;
    while ((message = run->client->multi_info_read(run->client->multi, &left)) != NULL) {
        void *transfer = NULL;
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE ||
            run->client->easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer) != CURLE_OK)
            continue;
        end_transfer(run->client, transfer, code);
        run->n_ended++;
    }
}

static void stop_all(struct run *run) {
    for (unsigned i = 0; i < run->at_once; i++) {
        struct transfer *t = &run->transfers[i];
        if (t->exchange != NULL)
            close_transfer(run->client, t);
    }
}

void client_run(struct client *client, const struct client_place *place, struct client_exchange *exchanges,
                size_t n, unsigned at_once, client_turn *turn, void *context) {
    struct run run = {.client = client, .place = place, .exchanges = exchanges, .n = n, .at_once = at_once};
    int n_running;
    run.transfers = calloc(at_once, sizeof *run.transfers);
    for (size_t i = 0; i < n; i++) {
        exchanges[i].answer = (struct client_answer){.status = 0};
        buf_init(&exchanges[i].answer.body, CLIENT_BODY);
        if (run.transfers == NULL)
            end_as(&exchanges[i].answer, CLIENT_UNREACHABLE, "there is not enough memory to ask it");
        else
            end_as(&exchanges[i].answer, CLIENT_STOPPED, "it was interrupted");
    }
    while (run.transfers != NULL && run.n_ended < n) {
        begin_some(&run);
        if (client->multi_perform(client->multi, &n_running) != CURLM_OK)
            break;
        end_some(&run);
        if (turn != NULL && !turn(context, run.n_ended))
            break;
        if (run.n_ended < n && run.n_begun - run.n_ended > 0)
            (void)client->multi_poll(client->multi, NULL, 0, TURN_MS, NULL);
    }
    if (run.transfers != NULL)
        stop_all(&run);
    free(run.transfers);
}
