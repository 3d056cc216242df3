/* SPDX-License-Identifier: Apache-2.0 */
#include "app_send.h"

#include "app_complain.h"

#include "core/arena.h"
#include "core/problem.h"

#include "edge/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS INT64_C(1000000)
#define CONNECT_NS (200 * MS_NS)
#define LOOK_NS (1000 * MS_NS)
static const char default_url[] = "http://127.0.0.1:10554";
static const char healthy[] = "rbl_exporter is healthy.";
enum { SAID_SIZE = 400 };

/* ---- which one ---- */

static struct client_exchange look_at(const char *path) {
    return (struct client_exchange){.request = {.path = path, .connect_ns = CONNECT_NS, .total_ns = LOOK_NS}};
}

static bool is_exporter(const struct client_answer *answer) {
    return answer->result == CLIENT_ANSWERED && answer->status == 200 &&
           strncmp(buf_text(&answer->body), healthy, sizeof healthy - 1) == 0;
}

/* What takes a POST alone refuses a GET by its method. */
static bool takes_post(const struct client_answer *answer) {
    return answer->result == CLIENT_ANSWERED && answer->status == 405;
}

static bool answers(const struct app_send *send, const char *page) {
    struct client_exchange looks[] = {look_at("/-/healthy"), look_at(page != NULL ? page : "/-/healthy")};
    client_run(send->client, &send->place, looks, page != NULL ? 2 : 1, 2, NULL, NULL);
    bool good = is_exporter(&looks[0].answer) && (page == NULL || takes_post(&looks[1].answer));
    buf_release(&looks[0].answer.body);
    if (page != NULL)
        buf_release(&looks[1].answer.body);
    return good;
}

static enum app_send_found find_default(const char *page, struct app_send *send) {
    char why[CLIENT_WHY];
    send->is_default = true;
    if (!client_place_read(send->client, default_url, &send->place, why, sizeof why))
        return APP_SEND_NONE; /* for want of memory */
    send->place.direct = true;
    return answers(send, page) ? APP_SEND_FOUND : APP_SEND_NONE;
}

enum app_send_found app_send_find(const char *send, const char *page, struct app_send *out) {
    char why[CLIENT_WHY];
    *out = (struct app_send){.is_default = send == NULL};
    if (send != NULL && strcmp(send, "none") == 0)
        return APP_SEND_NONE;
    out->client = client_new(why, sizeof why);
    if (out->client == NULL) {
        app_complain(send != NULL ? "error: %s" : "no running exporter was looked for: %s", why);
        return send != NULL ? APP_SEND_FAILED : APP_SEND_NONE;
    }
    enum app_send_found found = APP_SEND_FOUND;
    if (send == NULL)
        found = find_default(page, out);
    else if (!client_place_read(out->client, send, &out->place, why, sizeof why)) {
        /* It is not shown: a password may be in it. */
        app_complain("error: --send is no URL of an exporter: %s; expected one such as "
                     "http://127.0.0.1:10554, or none",
                     why);
        found = APP_SEND_BAD_URL;
    }
    if (found != APP_SEND_FOUND)
        app_send_release(out);
    return found;
}

void app_send_release(struct app_send *send) {
    client_free(send->client);
    send->client = NULL;
}

/* ---- what is said ---- */

/* What an answer gives as its reason: its `error`, or its first line of text. */
static void read_said(const struct client_answer *answer, char said[SAID_SIZE]) {
    const char *text = buf_text(&answer->body);
    struct arena arena;
    const struct node *root = NULL;
    struct problems *problems = malloc(sizeof *problems);
    said[0] = '\0';
    if (problems == NULL)
        return;
    problems_init(problems);
    arena_init(&arena);
    if (text[0] == '{' && yaml_parse_json(text, answer->body.len, &arena, problems, &root) == STATUS_OK) {
        const struct node *error = node_find(root, "error");
        if (error != NULL && error->type == NODE_SCALAR)
            (void)snprintf(said, SAID_SIZE, ": %s", error->text);
    } else if (text[0] != '\0' && text[0] != '<' && text[0] != '{') {
        (void)snprintf(said, SAID_SIZE, ": %.*s", (int)strcspn(text, "\n"), text);
    }
    arena_release(&arena);
    problems_release(problems);
    free(problems);
}

static void complain_of_status(const char *where, const struct client_answer *answer) {
    char said[SAID_SIZE];
    unsigned status = answer->status;
    read_said(answer, said);
    if (status >= 300 && status < 400)
        app_complain("error: %s answers with a redirect (status %u), which is not followed: give the address "
                     "that it leads to with --send",
                     where, status);
    else if (status == 401)
        app_complain("error: %s wants a user and a password, or other ones: give them with "
                     "--send=http://USER:PASSWORD@HOST:PORT",
                     where);
    else if (status == 404 || status == 405)
        app_complain(
            "error: %s is not there (status %u): --send takes the address of an rbl_exporter of this "
            "version, with its route prefix if it has one",
            where, status);
    else if (status == 429 || status == 503)
        app_complain("error: %s has too much to do (status %u)%s", where, status, said);
    else
        app_complain("error: %s refuses (status %u)%s", where, status, said);
}

void app_send_complain(const struct app_send *send, const struct client_exchange *exchange) {
    const struct client_answer *answer = &exchange->answer;
    char where[2 * CLIENT_URL];
    int path_len = (int)strcspn(exchange->request.path, "?");
    (void)snprintf(where, sizeof where, "%s%.*s", send->place.shown, path_len, exchange->request.path);
    switch (answer->result) {
    case CLIENT_ANSWERED: complain_of_status(where, answer); return;
    case CLIENT_UNREACHABLE:
        app_complain("error: %s does not answer: %s; start the exporter, or do without it by --send=none",
                     where, answer->why);
        return;
    case CLIENT_BROKEN:
        app_complain("error: %s gives no answer that could be used: %s", where, answer->why);
        return;
    case CLIENT_STOPPED: app_complain("error: %s was asked, but the answer was not awaited", where); return;
    }
}
