/* SPDX-License-Identifier: Apache-2.0 */
#include "app_bounce_send.h"

#include "app_bounce.h"
#include "app_complain.h"

#include "core/json_node.h"
#include "core/problem.h"

#include "edge/httpd.h"
#include "edge/mime.h"
#include "edge/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define CONNECT_NS (5 * SECOND_NS)
#define TOTAL_NS (30 * SECOND_NS)
enum { TEXT_CAP = 256 << 20 };

struct sending {
    const struct cli *cli;
    const struct app_send *send;
    const char *const *names;
    size_t n;
    struct buf *inputs; /* [n] */
    struct buf text;    /* what is printed: the texts, or the elements of one JSON document */
    struct json json;
    size_t n_bounces; /* JSON: how many were told; text: how many answers had any */
};

static bool is_json(const struct sending *s) {
    return s->cli->output == CLI_JSON;
}

static const char *shown_name(const char *name) {
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

/* ---- one message ---- */

/* Behind a byte order mark and empty lines, as the exporter reads it. */
static bool is_message(const struct buf *input) {
    const char *text = buf_text(input);
    size_t front = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    front += strspn(text + front, "\r\n");
    return mime_is_message(text + front, input->len - front);
}

static void post(const struct sending *s, const struct buf *input, size_t len, struct client_exchange *out) {
    *out = (struct client_exchange){
        .request = {.path = APP_BOUNCE_PAGE,
                    .post = true,
                    .body = buf_text(input),
                    .body_len = len,
                    .content_type = is_message(input) ? "message/rfc822" : "text/plain",
                    .accept = is_json(s) ? "application/json" : "text/plain",
                    .connect_ns = CONNECT_NS,
                    .total_ns = TOTAL_NS}};
    client_run(s->send->client, &s->send->place, out, 1, 1, NULL, NULL);
}

/* What was said of a message stands at its front; behind it may be the whole of what was rejected. */
static void post_front(const struct sending *s, size_t i, struct client_exchange *exchange) {
    const struct buf *input = &s->inputs[i];
    post(s, input, input->len, exchange);
    if (exchange->answer.result != CLIENT_ANSWERED || exchange->answer.status != 413 ||
        input->len <= HTTPD_MAX_BODY_BYTES)
        return;
    buf_release(&exchange->answer.body);
    app_complain("%s: only the first %d bytes were sent, for the exporter takes no more",
                 shown_name(s->names[i]), HTTPD_MAX_BODY_BYTES);
    post(s, input, HTTPD_MAX_BODY_BYTES, exchange);
}

/* ---- its answer ---- */

/* Whether it can be written as a whole: nothing is printed of what makes no sense. */
static enum status try(const struct node *root) {
    struct buf scratch;
    struct json j;
    buf_init(&scratch, TEXT_CAP);
    json_begin(&j, &scratch);
    enum status status = json_node(&j, NULL, root);
    if (status == STATUS_OK)
        status = buf_status(&scratch);
    buf_release(&scratch);
    return status;
}

static enum status add_bounces(struct sending *s, const struct node *root) {
    const struct node *bounces = node_find(root, "bounces");
    enum status status = bounces != NULL && bounces->type == NODE_SEQUENCE ? try(bounces) : STATUS_SYNTAX;
    const struct node *bounce = status == STATUS_OK ? bounces->first : NULL;
    for (; status == STATUS_OK && bounce != NULL; bounce = bounce->next) {
        status = json_node(&s->json, NULL, bounce);
        s->n_bounces++;
    }
    return status;
}

static enum status add_json(struct sending *s, const struct buf *body) {
    struct arena arena;
    const struct node *root = NULL;
    struct problems *problems = malloc(sizeof *problems);
    if (problems == NULL)
        return STATUS_NO_MEMORY;
    problems_init(problems);
    arena_init(&arena);
    enum status status = yaml_parse_json(buf_text(body), body->len, &arena, problems, &root);
    if (status == STATUS_OK)
        status = add_bounces(s, root);
    arena_release(&arena);
    problems_release(problems);
    free(problems);
    return status;
}

/* It must not steer the terminal. That there was none is told by the command, once. */
static void add_text(struct sending *s, const struct buf *body) {
    if (body->len == 0 || strcmp(buf_text(body), "no bounce was found\n") == 0)
        return;
    if (s->n_bounces++ > 0)
        buf_add_char(&s->text, '\n');
    for (size_t i = 0; i < body->len; i++) {
        char c = body->data[i];
        bool plain = (unsigned char)c >= ' ' && c != 0x7f;
        buf_add_char(&s->text, plain || c == '\n' || c == '\t' ? c : '?');
    }
}

static int take_answer(struct sending *s, const struct client_answer *answer) {
    enum status status = STATUS_OK;
    if (is_json(s))
        status = add_json(s, &answer->body);
    else
        add_text(s, &answer->body);
    if (status == STATUS_OK)
        return BOUNCE_EXIT_OK;
    if (status == STATUS_NO_MEMORY)
        app_complain("error: not enough memory");
    else
        app_complain("error: what %s answers is not what an rbl_exporter says of a bounce",
                     s->send->place.shown);
    return BOUNCE_EXIT_LATER;
}

/* Another time it will be refused as well. */
static bool is_refused(const struct client_answer *answer) {
    unsigned status = answer->status;
    return answer->result == CLIENT_ANSWERED &&
           (status == 400 || status == 413 || status == 415 || status == 422);
}

static int end_exchange(struct sending *s, size_t i, const struct client_exchange *exchange) {
    const struct client_answer *answer = &exchange->answer;
    if (answer->result == CLIENT_ANSWERED && answer->status == 200)
        return take_answer(s, answer);
    app_send_complain(s->send, exchange);
    if (!is_refused(answer))
        return BOUNCE_EXIT_LATER;
    app_complain("%s was not taken, and will not be another time", shown_name(s->names[i]));
    return strcmp(s->names[i], "-") == 0 ? BOUNCE_EXIT_OK : BOUNCE_EXIT_DATA;
}

/* ---- all of them ---- */

/* Before anything is sent: a file that cannot be read is no half of a success. */
static int read_all(struct sending *s) {
    int code = BOUNCE_EXIT_OK;
    for (size_t i = 0; i < s->n && code == BOUNCE_EXIT_OK; i++)
        code = app_bounce_input(s->names[i], &s->inputs[i]);
    return code;
}

static int send_all(struct sending *s) {
    int code = BOUNCE_EXIT_OK;
    for (size_t i = 0; i < s->n && code == BOUNCE_EXIT_OK; i++) {
        struct client_exchange exchange;
        post_front(s, i, &exchange);
        code = end_exchange(s, i, &exchange);
        buf_release(&exchange.answer.body);
    }
    return code;
}

static int print(const struct sending *s) {
    bool ok = buf_status(&s->text) == STATUS_OK &&
              fwrite(buf_text(&s->text), 1, s->text.len, stdout) == s->text.len && fflush(stdout) == 0;
    if (!ok)
        app_complain("error: cannot write the output");
    return ok ? BOUNCE_EXIT_OK : BOUNCE_EXIT_LATER;
}

/* What was answered before a failure is printed: the exporter has it. */
static int run(struct sending *s) {
    int code = read_all(s);
    if (code != BOUNCE_EXIT_OK)
        return code;
    if (s->send->is_default && (s->cli->config_file != NULL || isatty(STDERR_FILENO)))
        app_complain("the exporter at %s reads this, by its configuration and budgets (--send=none: here)",
                     s->send->place.shown);
    json_begin(&s->json, &s->text);
    if (is_json(s)) {
        json_object(&s->json, NULL);
        json_rows(&s->json, "bounces");
    }
    code = send_all(s);
    if (code == BOUNCE_EXIT_OK && s->n_bounces == 0)
        app_complain("no bounce was found");
    if (is_json(s)) {
        json_close(&s->json);
        json_close(&s->json);
    }
    int printed = code == BOUNCE_EXIT_OK || s->n_bounces > 0 ? print(s) : BOUNCE_EXIT_OK;
    return code != BOUNCE_EXIT_OK ? code : printed;
}

int app_bounce_send(const struct cli *cli, const struct app_send *send) {
    static const char *const none[] = {"-"};
    bool named = cli->n_words > 0;
    struct sending s = {
        .cli = cli, .send = send, .names = named ? cli->words : none, .n = named ? cli->n_words : 1};
    int code = BOUNCE_EXIT_LATER;
    s.inputs = calloc(s.n, sizeof *s.inputs);
    buf_init(&s.text, TEXT_CAP);
    if (s.inputs == NULL)
        app_complain("error: not enough memory");
    for (size_t i = 0; s.inputs != NULL && i < s.n; i++)
        buf_init(&s.inputs[i], MIME_BYTES);
    if (s.inputs != NULL)
        code = run(&s);
    for (size_t i = 0; s.inputs != NULL && i < s.n; i++)
        buf_release(&s.inputs[i]);
    free(s.inputs);
    buf_release(&s.text);
    return code;
}
