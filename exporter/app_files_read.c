/* SPDX-License-Identifier: Apache-2.0 */
#include "app_files_internal.h"

#include "core/endpoints.h"
#include "core/range_file.h"

#include "edge/yaml.h"

#include <stdio.h>
#include <stdlib.h>

struct reading {
    const struct app_files *files;
    const struct file_group *group;
    const char *path;
    size_t room; /* addresses and ranges that the group may still get */
    size_t n_wrong;
    struct source_set *out;
    struct file_refusal *why;
};

static size_t count(const struct source_set *set) {
    return set->n_addresses + set->n_ranges;
}

static enum status add(struct reading *r, bool is_address, const struct ip_range *range) {
    if (count(r->out) < r->room)
        return is_address ? source_set_add_address(r->out, &range->first)
                          : source_set_add_range(r->out, range);
    (void)snprintf(r->why->text, sizeof r->why->text,
                   "has too many lines: a group gets at most %d addresses and ranges from files",
                   APP_FILES_ENTRIES);
    return STATUS_INVALID;
}

static void tell_wrong(struct reading *r, uint32_t line, const char *why) {
    if (r->n_wrong++ < APP_FILES_WRONG)
        app_files_sayf(r->files, LOG_WARN, r->group, r->path, line, "line left out: %s", why);
}

static enum status read_lines(struct reading *r, const char *text, size_t len) {
    struct range_file file;
    struct range_file_entry entry;
    enum status status = STATUS_OK;
    if (!range_file_open(&file, text, len, r->why->text, sizeof r->why->text))
        return STATUS_INVALID;
    while (status == STATUS_OK && range_file_next(&file, &entry)) {
        if (entry.kind == RANGE_FILE_WRONG)
            tell_wrong(r, entry.line, entry.why);
        else
            status = add(r, entry.kind == RANGE_FILE_ADDRESS, &entry.range);
    }
    if (r->n_wrong > APP_FILES_WRONG)
        app_files_sayf(r->files, LOG_WARN, r->group, r->path, 0, "%zu more lines are left out",
                       r->n_wrong - APP_FILES_WRONG);
    if (status == STATUS_OK && r->n_wrong > 0 && count(r->out) == 0) {
        (void)snprintf(r->why->text, sizeof r->why->text, "has no line with an address or range");
        return STATUS_INVALID;
    }
    return status;
}

static enum status take_tree(struct reading *r, const struct node *root, struct arena *arena,
                             struct problems *problems) {
    struct endpoints endpoints;
    enum status status = endpoints_read(root, arena, problems, &endpoints);
    for (size_t i = 0; status == STATUS_OK && i < endpoints.n_ranges; i++)
        status = add(r, false, &endpoints.ranges[i]);
    return status;
}

/* The first of what is wrong says why; a list of endpoints is made by a program. */
static enum status read_endpoints(struct reading *r, const char *text, size_t len) {
    const struct node *root = NULL;
    struct arena arena;
    struct problems *problems = malloc(sizeof *problems);
    if (problems == NULL)
        return STATUS_NO_MEMORY;
    problems_init(problems);
    arena_init(&arena);
    enum status status = STATUS_INVALID;
    if (len > APP_FILES_JSON)
        problems_error(problems, 0, 0, "it has %zu bytes; a list of endpoints has at most %d", len,
                       APP_FILES_JSON);
    else
        status = yaml_parse(text, len, &arena, problems, &root);
    if (status == STATUS_OK)
        status = take_tree(r, root, &arena, problems);
    if (status == STATUS_INVALID && problems->n_shown > 0)
        (void)snprintf(r->why->text, sizeof r->why->text,
                       "is no list of endpoints that can be used (line %u, column %u): %s",
                       problems->shown[0].line, problems->shown[0].column, problems->shown[0].text);
    arena_release(&arena);
    problems_release(problems);
    free(problems);
    return status;
}

enum status app_files_read(const struct app_files *f, const struct file_group *g,
                           const struct files_news *news, struct source_set *out, struct file_refusal *why) {
    const struct kept_file *old = app_files_find(g, news->path);
    size_t held = app_files_count(g) - (old != NULL ? count(&old->set) : 0);
    struct reading r = {.files = f,
                        .group = g,
                        .path = news->path,
                        .room = held < APP_FILES_ENTRIES ? APP_FILES_ENTRIES - held : 0,
                        .out = out,
                        .why = why};
    source_set_init(out);
    enum status status = endpoints_is(news->text, news->len) ? read_endpoints(&r, news->text, news->len)
                                                             : read_lines(&r, news->text, news->len);
    if (status != STATUS_OK)
        source_set_release(out);
    return status;
}
