/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/files_internal.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first folder that glob(3) could not look into; it calls back without a context. */
static _Thread_local struct { char text[FILES_WHY_SIZE]; } trouble;

static int note_trouble(const char *path, int error) {
    if (error != ENOENT && error != ENOTDIR && trouble.text[0] == '\0')
        (void)snprintf(trouble.text, sizeof trouble.text, "%.400s: %s", path, strerror(error));
    return 0;
}

void files_paths_release(struct files_paths *paths) {
    for (size_t i = 0; i < paths->n; i++)
        free(paths->items[i]);
    free(paths->items);
    *paths = (struct files_paths){0};
}

static enum status add_path(struct files_paths *paths, const char *path) {
    if (paths->n == paths->size) {
        size_t size = paths->size > 0 ? 2 * paths->size : 16;
        char **items = realloc(paths->items, size * sizeof *items);
        if (!items)
            return STATUS_NO_MEMORY;
        paths->items = items;
        paths->size = size;
    }
    char *copy = strdup(path);
    if (!copy)
        return STATUS_NO_MEMORY;
    paths->items[paths->n++] = copy;
    return STATUS_OK;
}

/* A path without a wildcard: it is there, or why it cannot be known. */
static enum status add_plain(const char *path, struct files_paths *out) {
    struct stat about;
    if (lstat(path, &about) == 0)
        return add_path(out, path);
    (void)note_trouble(path, errno);
    return STATUS_OK;
}

static enum status add_matches(const char *pattern, int flags, struct files_paths *out) {
    glob_t found;
    enum status status = STATUS_OK;
    trouble.text[0] = '\0';
    if (strpbrk(pattern, "*?[\\") == NULL)
        return add_plain(pattern, out);
    int error = glob(pattern, flags, note_trouble, &found);
    for (size_t i = 0; error == 0 && status == STATUS_OK && i < found.gl_pathc; i++)
        status = add_path(out, found.gl_pathv[i]);
    globfree(&found);
    return error == GLOB_NOSPACE ? STATUS_NO_MEMORY : status;
}

static int compare_paths(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_paths(struct files_paths *paths) {
    size_t n = 0;
    if (paths->n > 0)
        qsort(paths->items, paths->n, sizeof *paths->items, compare_paths);
    for (size_t i = 0; i < paths->n; i++) {
        if (n > 0 && strcmp(paths->items[n - 1], paths->items[i]) == 0)
            free(paths->items[i]);
        else
            paths->items[n++] = paths->items[i];
    }
    paths->n = n;
}

enum status files_glob_set(struct files_set *set, struct files_paths *out) {
    for (size_t i = 0; i < set->n_patterns; i++) {
        struct files_pattern *pattern = &set->patterns[i];
        size_t before = out->n;
        enum status status = add_matches(pattern->text, GLOB_NOSORT, out);
        if (status != STATUS_OK)
            return status;
        pattern->n_matches = out->n - before;
        memcpy(pattern->trouble, trouble.text, sizeof pattern->trouble);
    }
    sort_paths(out);
    set->n_omitted = out->n > FILES_MAX ? out->n - FILES_MAX : 0;
    while (out->n > FILES_MAX)
        free(out->items[--out->n]);
    return STATUS_OK;
}

enum status files_glob_folders(const char *prefix, struct files_paths *out) {
    return add_matches(prefix, GLOB_NOSORT | GLOB_ONLYDIR, out);
}
