/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files hold, as far as it was told. The configuration is watched from start to end; the files that
 * it names by another watch, which is made anew with each new configuration.
 */
#include "app_web_config_internal.h"

#include "edge/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- One file --- */

static void forget(struct web_file *file) {
    if (file->text != NULL)
        explicit_bzero(file->text, file->len);
    free(file->text);
    *file = (struct web_file){.text = NULL};
}

/* False: no memory, and nothing has changed. */
static bool keep(struct web_file *file, const struct files_news *news) {
    if (news->what == FILES_LOST || news->len > APP_WEB_CONFIG_BYTES) {
        forget(file);
        if (news->what == FILES_LOST)
            (void)snprintf(file->why, sizeof file->why, "%s", news->why);
        else
            (void)snprintf(file->why, sizeof file->why, "has %zu bytes; at most %d are read", news->len,
                           APP_WEB_CONFIG_BYTES);
        return true;
    }
    char *copy = malloc(news->len + 1);
    if (copy == NULL)
        return false;
    forget(file);
    memcpy(copy, news->text, news->len + 1);
    file->text = copy;
    file->len = news->len;
    return true;
}

const char *app_web_config_why(const struct web_file *file) {
    return file->why[0] != '\0' ? file->why : "does not exist";
}

/* --- Watching --- */

static bool on_config(void *context, const struct files_news *news) {
    struct app_web_config *c = context;
    if (!keep(&c->config, news))
        return false;
    c->is_new = c->is_other = c->is_changed = true;
    return true;
}

static bool on_pem(void *context, const struct files_news *news) {
    struct app_web_config *c = context;
    if (!keep(&c->pems[c->pem_of_set[news->set]], news))
        return false;
    c->is_changed = true;
    return true;
}

/* What matches the path and nothing else; NULL: no memory. */
static char *pattern_of(const char *path) {
    char *pattern = malloc(2 * strlen(path) + 1);
    char *end = pattern;
    if (pattern == NULL)
        return NULL;
    for (; *path != '\0'; *end++ = *path++)
        if (strchr("*?[\\", *path) != NULL)
            *end++ = '\\';
    *end = '\0';
    return pattern;
}

static enum status add(struct files *files, const char *path, size_t *set) {
    char *pattern = pattern_of(path);
    const char *const patterns[] = {pattern};
    enum status status = pattern != NULL ? files_add(files, patterns, 1, set) : STATUS_NO_MEMORY;
    free(pattern);
    return status;
}

/* A file that is not there is told of by nobody; perhaps its folder cannot be looked into. */
static void note_trouble(const struct files *files, size_t set, struct web_file *file) {
    const char *trouble = files_trouble(files, set, 0);
    if (file->text == NULL && file->why[0] == '\0' && trouble != NULL)
        (void)snprintf(file->why, sizeof file->why, "cannot be found: %.400s", trouble);
}

enum status app_web_config_watch(struct app_web_config *c, int64_t now_ns) {
    size_t set;
    c->files = files_new(c->loop, on_config, c);
    if (c->files == NULL || add(c->files, c->path, &set) != STATUS_OK)
        return STATUS_NO_MEMORY;
    (void)files_turn(c->files, now_ns);
    note_trouble(c->files, set, &c->config);
    c->is_new = c->is_other = c->is_changed = true;
    return files_starved(c->files) ? STATUS_NO_MEMORY : STATUS_OK;
}

/* Fills `files` with the sets of what `tls` names, and notes which is which. */
static enum status add_pems(struct files *files, const struct web_tls *tls, int pem_of_set[WEB_PEMS],
                            size_t *n) {
    const struct web_pem *const pems[WEB_PEMS] = {&tls->cert, &tls->key, &tls->client_ca};
    enum status status = STATUS_OK;
    *n = 0;
    for (int i = 0; i < WEB_PEMS && status == STATUS_OK; i++) {
        size_t set;
        if (pems[i]->file == NULL)
            continue;
        status = add(files, pems[i]->file, &set);
        if (status == STATUS_OK)
            pem_of_set[(*n)++] = i;
    }
    return status;
}

enum status app_web_config_watch_pems(struct app_web_config *c, const struct web_tls *tls, int64_t now_ns) {
    int pem_of_set[WEB_PEMS] = {0};
    size_t n = 0;
    struct files *files = files_new(c->loop, on_pem, c);
    if (files == NULL || add_pems(files, tls, pem_of_set, &n) != STATUS_OK) {
        files_free(files);
        return STATUS_NO_MEMORY;
    }
    files_free(c->pem_files);
    c->pem_files = NULL;
    memcpy(c->pem_of_set, pem_of_set, sizeof c->pem_of_set);
    for (int i = 0; i < WEB_PEMS; i++)
        forget(&c->pems[i]);
    if (n == 0) {
        files_free(files);
        return STATUS_OK;
    }
    c->pem_files = files;
    (void)files_turn(files, now_ns);
    for (size_t set = 0; set < n; set++)
        note_trouble(files, set, &c->pems[pem_of_set[set]]);
    return files_starved(files) ? STATUS_NO_MEMORY : STATUS_OK;
}

/* --- Looking --- */

static void tell_blind(struct app_web_config *c) {
    const char *why = files_blind(c->files);
    if (why == NULL && c->pem_files != NULL)
        why = files_blind(c->pem_files);
    if (why != NULL && !c->is_blind)
        log_write(LOG_WARN, "changes of the web configuration are noticed only once a minute", "file",
                  c->path, "error", why, NULL);
    c->is_blind = why != NULL;
}

void app_web_config_look(struct app_web_config *c, int64_t now_ns) {
    if (now_ns >= app_web_config_look_ns(c)) {
        (void)files_turn(c->files, now_ns);
        if (c->pem_files != NULL)
            (void)files_turn(c->pem_files, now_ns);
    }
    tell_blind(c);
}

int64_t app_web_config_look_ns(const struct app_web_config *c) {
    int64_t due_ns = files_due_ns(c->files);
    int64_t pems_ns = c->pem_files != NULL ? files_due_ns(c->pem_files) : INT64_MAX;
    return due_ns < pems_ns ? due_ns : pems_ns;
}

void app_web_config_hurry(struct app_web_config *c) {
    if (c == NULL)
        return;
    files_hurry(c->files);
    if (c->pem_files != NULL)
        files_hurry(c->pem_files);
}

void app_web_config_unwatch(struct app_web_config *c) {
    files_free(c->files);
    files_free(c->pem_files);
    forget(&c->config);
    for (int i = 0; i < WEB_PEMS; i++)
        forget(&c->pems[i]);
}
