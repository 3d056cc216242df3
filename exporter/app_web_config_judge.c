/* SPDX-License-Identifier: Apache-2.0
 *
 * What all the files together say.
 */
#include "app_web_config_internal.h"

#include "core/node.h"
#include "core/web_config.h"

#include "edge/secret.h"
#include "edge/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* While it is judged. */
struct judging {
    struct app_web_config *c;
    struct problems *problems;
    struct arena arena; /* of the nodes */
    const struct node *root;
    struct web_config *config;
    struct httpd_tls *tls;
};

/* The keys of a PEM, by number: what names a file, what has the text. */
static const char *const file_keys[WEB_PEMS] = {"cert_file", "key_file", "client_ca_file"};
static const char *const text_keys[WEB_PEMS] = {"cert", "key", "client_ca"};

static const struct web_pem *pem_of(const struct web_tls *tls, int pem) {
    const struct web_pem *const pems[WEB_PEMS] = {&tls->cert, &tls->key, &tls->client_ca};
    return pems[pem];
}

/* --- The configuration --- */

static enum web_judgement of_status(enum status status, enum web_judgement wrong) {
    if (status == STATUS_OK)
        return WEB_RIGHT;
    return status == STATUS_NO_MEMORY ? WEB_NO_MEMORY : wrong;
}

static enum web_judgement read_config(struct judging *j) {
    const struct web_file *file = &j->c->config;
    if (file->text == NULL) {
        problems_error(j->problems, 0, 0, "%s", app_web_config_why(file));
        return WEB_WRONG;
    }
    enum status status = yaml_parse(file->text, file->len, &j->arena, j->problems, &j->root);
    if (status == STATUS_OK)
        status = web_config_read(j->root, j->c->folder, j->problems, &j->config);
    return of_status(status, WEB_WRONG);
}

static enum web_judgement check_tls_stays(struct judging *j) {
    const struct node *section = node_find(j->root, "tls_server_config");
    if (!j->c->is_started || j->config->tls.used == j->c->has_tls)
        return WEB_RIGHT;
    problems_error(j->problems, section != NULL ? section->key->line : 0,
                   section != NULL ? section->key->column : 0,
                   "the program was started %s TLS, and that cannot change while it runs: restart it, or %s",
                   j->c->has_tls ? "with" : "without",
                   j->c->has_tls ? "put tls_server_config back" : "take tls_server_config out");
    return WEB_WRONG;
}

/* --- What it names --- */

PRINTF_LIKE(3, 4)
static void complain(struct judging *j, int pem, const char *format, ...) {
    char text[FILES_WHY_SIZE];
    const struct web_pem *where = pem_of(&j->config->tls, pem);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (where->file != NULL)
        problems_error(j->problems, where->line, where->column, "%s \"%s\" %s", file_keys[pem], where->file,
                       text);
    else
        problems_error(j->problems, where->line, where->column, "%s %s", text_keys[pem], text);
}

/* The text of a PEM, NULL if none was given or can be had. */
static const char *text_of(struct judging *j, int pem, size_t *len) {
    const struct web_pem *from = pem_of(&j->config->tls, pem);
    const struct web_file *file = &j->c->pems[pem];
    *len = 0;
    if (from->file == NULL) {
        *len = from->text != NULL ? strlen(from->text) : 0;
        return from->text;
    }
    if (file->text == NULL)
        complain(j, pem, "%s", app_web_config_why(file));
    *len = file->len;
    return file->text;
}

static void tell_tls_error(struct judging *j, const struct httpd_tls_error *error) {
    const struct node *section = node_find(j->root, "tls_server_config");
    switch (error->part) {
    case HTTPD_TLS_CERT: complain(j, WEB_CERT, "cannot be used: %s", error->text); return;
    case HTTPD_TLS_KEY: complain(j, WEB_KEY, "cannot be used: %s", error->text); return;
    case HTTPD_TLS_CLIENT_CA: complain(j, WEB_CLIENT_CA, "cannot be used: %s", error->text); return;
    case HTTPD_TLS_RULES:
        problems_error(j->problems, section->key->line, section->key->column,
                       "tls_server_config cannot be used: %s", error->text);
        return;
    }
}

static enum web_judgement make_tls(struct judging *j) {
    struct httpd_tls_pem pem;
    struct httpd_tls_error error = {.text = ""};
    pem.cert = text_of(j, WEB_CERT, &pem.cert_len);
    pem.key = text_of(j, WEB_KEY, &pem.key_len);
    pem.client_ca = text_of(j, WEB_CLIENT_CA, &pem.client_ca_len);
    if (problems_failed(j->problems))
        return WEB_WRONG_PEM;
    j->tls = httpd_tls_new(&j->config->tls, &pem, &error);
    if (j->tls != NULL)
        return WEB_RIGHT;
    if (strcmp(error.text, "out of memory") == 0)
        return WEB_NO_MEMORY;
    tell_tls_error(j, &error);
    return WEB_WRONG_PEM;
}

/* Who may read the key may pretend to be this server. */
static void warn_of_public_key(struct judging *j) {
    const struct web_pem *key = &j->config->tls.key;
    const char *path = key->file != NULL ? key->file : j->c->path;
    if (!secret_is_public(path))
        return;
    problems_warn(j->problems, key->line, key->column,
                  "every user of this system can read the key: chmod o= %s", path);
}

static enum web_judgement judge_tls(struct judging *j, int64_t now_ns) {
    enum status status = STATUS_OK;
    if (j->c->is_new)
        status = app_web_config_watch_pems(j->c, &j->config->tls, now_ns);
    if (status != STATUS_OK)
        return WEB_NO_MEMORY;
    j->c->is_new = false;
    if (!j->config->tls.used)
        return WEB_RIGHT;
    enum web_judgement judgement = make_tls(j);
    if (judgement == WEB_RIGHT)
        warn_of_public_key(j);
    return judgement;
}

/* --- The whole --- */

static enum web_judgement conclude(struct judging *j, struct httpd_security **out) {
    struct app_web_config *c = j->c;
    bool has_tls = j->tls != NULL;
    struct httpd_tls *tls = has_tls ? httpd_tls_ref(j->tls) : NULL;
    struct httpd_security *security = httpd_security_new(&j->config, j->tls);
    if (security == NULL) {
        httpd_tls_unref(tls);
        return WEB_NO_MEMORY;
    }
    j->tls = NULL;
    httpd_tls_unref(c->tls);
    c->tls = tls;
    c->has_tls = has_tls;
    c->is_started = true;
    c->is_other = false;
    *out = security;
    return WEB_RIGHT;
}

enum web_judgement app_web_config_judge(struct app_web_config *c, int64_t now_ns, struct problems *problems,
                                        struct httpd_security **out) {
    struct judging j = {.c = c, .problems = problems};
    arena_init(&j.arena);
    enum web_judgement judgement = read_config(&j);
    if (judgement == WEB_RIGHT)
        judgement = check_tls_stays(&j);
    if (judgement == WEB_RIGHT)
        judgement = judge_tls(&j, now_ns);
    if (judgement == WEB_RIGHT)
        judgement = conclude(&j, out);
    if (judgement != WEB_RIGHT && problems->no_memory)
        judgement = WEB_NO_MEMORY;
    problems_sort(problems);
    web_config_free(j.config);
    httpd_tls_unref(j.tls);
    arena_wipe(&j.arena);
    return judgement;
}
