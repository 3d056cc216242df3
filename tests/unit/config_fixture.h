/* SPDX-License-Identifier: Apache-2.0
 *
 * config_fixture: YAML text to settings, with the built-in lists of config/lists.yml (under RBL_ROOT, or
 * where the test is started), for the tests of whole configurations. Included after cmocka.h.
 */
#ifndef RBL_TESTS_CONFIG_FIXTURE_H
#define RBL_TESTS_CONFIG_FIXTURE_H

#include "core/catalog.h"
#include "core/settings.h"
#include "edge/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct catalog *catalog;
static struct problems problems;

static const char *path_of(const char *name, char out[512]) {
    const char *root = getenv("RBL_ROOT");
    snprintf(out, 512, "%s/%s", root ? root : ".", name);
    return out;
}

static void print_problems(const char *what) {
    print_error("of this document:\n%s\nthe problems were:\n", what);
    for (size_t i = 0; i < problems.n_shown; i++)
        print_error("  %u:%u: %s%s\n", problems.shown[i].line, problems.shown[i].column,
                    problems.shown[i].warning ? "warning: " : "", problems.shown[i].text);
}

static int read_catalog(void **state) {
    char path[512];
    struct arena arena;
    const struct node *root = NULL;
    problems_release(
        &problems); /* of an earlier use; at first it is zeroed, which is as good as initialised */
    problems_init(&problems);
    arena_init(&arena);
    enum status status = yaml_load(path_of("config/lists.yml", path), &arena, &problems, &root);
    if (status == STATUS_OK)
        status = catalog_read(root, &problems, &catalog);
    if (status != STATUS_OK || problems.n_warnings > 0)
        print_problems(path);
    arena_release(&arena);
    problems_release(&problems);
    return status == STATUS_OK ? 0 : -1;
}

static int free_catalog(void **state) {
    problems_release(&problems);
    catalog_free(catalog);
    return 0;
}

/* The key of a path that says "good" is abc; one that says "bad" holds what no name can; others cannot be
 * read. */
static inline const char *read_key(void *context, const char *path, struct arena *arena, char *error,
                                   size_t size) {
    if (strstr(path, "good"))
        return arena_copy(arena, "abc", 3);
    if (strstr(path, "bad"))
        return arena_copy(arena, "s3cret.example", 14);
    snprintf(error, size, "%s: no such file", path);
    return NULL;
}

static inline enum status read_tree(enum status status, const struct node *root, struct settings **out) {
    return status == STATUS_OK ? settings_read(root, catalog, read_key, NULL, &problems, out) : status;
}

/* Reads `text`; the problems stay until the next call. */
static inline enum status read_text(const char *text, struct settings **out) {
    struct arena arena;
    const struct node *root = NULL;
    problems_release(&problems);
    problems_init(&problems);
    arena_init(&arena);
    enum status status = yaml_parse(text, strlen(text), &arena, &problems, &root);
    status = read_tree(status, root, out);
    arena_release(&arena);
    return status;
}

static inline bool has_problem(const char *place, const char *piece, bool warning) {
    for (size_t i = 0; i < problems.n_shown; i++) {
        const struct problem *p = &problems.shown[i];
        char at[32];
        snprintf(at, sizeof at, "%u:%u", p->line, p->column);
        if (p->warning == warning && strcmp(at, place) == 0 && strstr(p->text, piece))
            return true;
    }
    return false;
}

#endif
