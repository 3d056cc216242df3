/* SPDX-License-Identifier: Apache-2.0 */
#include "app_config.h"

#include "edge/clock.h"
#include "edge/embedded.h"
#include "edge/log.h"
#include "edge/secret.h"
#include "edge/yaml.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_NS (INT64_C(86400) * 1000000000)
enum { RANGES_OLD_DAYS = 180 };

/* NULL, and it has been said: no memory. */
static struct problems *new_problems(void) {
    struct problems *problems = malloc(sizeof *problems);
    if (problems == NULL)
        log_write(LOG_ERROR, "out of memory", NULL);
    return problems;
}

/* Parses a file of the binary; what it says goes on living in `arena`. */
static enum status parse_embedded(const char *text, size_t size, struct arena *arena,
                                  struct problems *problems, const struct node **root) {
    arena_init(arena);
    problems_init(problems);
    return yaml_parse(text, size, arena, problems, root);
}

static void end_embedded(const char *name, enum status status, struct arena *arena,
                         struct problems *problems) {
    problems->no_memory = problems->no_memory || status == STATUS_NO_MEMORY;
    if (status != STATUS_OK)
        app_problems_log(name, problems);
    problems_release(problems);
    free(problems);
    arena_release(arena);
}

struct catalog *app_catalog(void) {
    struct catalog *catalog = NULL;
    struct arena arena;
    const struct node *root = NULL;
    struct problems *problems = new_problems();
    if (problems == NULL)
        return NULL;
    enum status status = parse_embedded(embedded_lists_yml, embedded_lists_yml_size, &arena, problems, &root);
    if (status == STATUS_OK)
        status = catalog_read(root, problems, &catalog);
    end_embedded("(embedded lists.yml)", status, &arena, problems);
    return catalog;
}

struct mirrors *app_mirrors(void) {
    struct mirrors *mirrors = NULL;
    struct arena arena;
    const struct node *root = NULL;
    struct problems *problems = new_problems();
    if (problems == NULL)
        return NULL;
    enum status status =
        parse_embedded(embedded_mirrors_yml, embedded_mirrors_yml_size, &arena, problems, &root);
    if (status == STATUS_OK)
        status = mirrors_read(root, problems, &mirrors);
    end_embedded("(embedded mirrors.yml)", status, &arena, problems);
    return mirrors;
}

const char *app_config_name(const char *file) {
    return file != NULL ? file : "(embedded default)";
}

static const char *read_key(void *context, const char *path, struct arena *arena, char *error, size_t size) {
    (void)context;
    return secret_read(path, arena, error, size);
}

enum status app_config_load(const char *file, const struct catalog *catalog, struct problems *problems,
                            struct settings **out) {
    struct arena arena;
    arena_init(&arena);
    const struct node *root = NULL;
    enum status status =
        file != NULL ? yaml_load(file, &arena, problems, &root)
                     : yaml_parse(embedded_default_yml, embedded_default_yml_size, &arena, problems, &root);
    if (status == STATUS_OK)
        status = settings_read(root, catalog, read_key, NULL, problems, out);
    if (status == STATUS_OK)
        settings_check_dates(*out, clock_wall_ns() / DAY_NS, problems);
    problems->no_memory = problems->no_memory || status == STATUS_NO_MEMORY;
    problems_sort(problems);
    arena_release(&arena);
    return status;
}

void app_problems_text(struct buf *out, const char *file, const struct problems *problems) {
    for (size_t i = 0; i < problems->n_shown; i++) {
        const struct problem *p = &problems->shown[i];
        /* A problem of the file as a whole stands at its beginning. */
        buf_addf(out, "%s:%u:%u: %s: %s\n", file, p->line > 0 ? p->line : 1, p->column > 0 ? p->column : 1,
                 p->warning ? "warning" : "error", p->text);
    }
    size_t all = problems->n_errors + problems->n_warnings;
    if (all > problems->n_shown)
        buf_addf(out, "%s: %zu more\n", file, all - problems->n_shown);
    if (problems->no_memory)
        buf_addf(out, "%s: out of memory while reading it\n", file);
}

void app_problems_log(const char *file, const struct problems *problems) {
    for (size_t i = 0; i < problems->n_shown; i++) {
        const struct problem *p = &problems->shown[i];
        char place[32];
        (void)snprintf(place, sizeof place, "%u:%u", p->line, p->column);
        log_write(p->warning ? LOG_WARN : LOG_ERROR, p->text, "file", file, "place",
                  p->line > 0 ? place : NULL, NULL);
    }
    if (problems->no_memory)
        log_write(LOG_ERROR, "out of memory while reading the configuration", "file", file, NULL);
}

void app_config_age(const struct settings *settings, int64_t wall_ns) {
    for (size_t i = 0; i < settings->n_groups; i++) {
        const struct group *group = &settings->groups[i];
        int64_t age = wall_ns / DAY_NS - group->ranges_date_days;
        if (group->ranges_date_days < 0 || age <= RANGES_OLD_DAYS)
            continue;
        char days[24];
        (void)snprintf(days, sizeof days, "%lld", (long long)age);
        log_write(LOG_WARN,
                  "the ranges of this group are old: compare them with what their owner publishes today, and "
                  "correct "
                  "them and ranges_date",
                  "group", group->name, "age_days", days, NULL);
    }
}
