/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog.h"

#include "core/settings_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void read_lists(struct settings_reader *r, const struct node *node, struct catalog *out) {
    struct list *lists = settings_alloc(r, node->n_children, sizeof *lists);
    if (!lists)
        return;
    out->lists = lists;
    for (const struct node *item = node->first; item; item = item->next) {
        struct list *list = &lists[out->n_lists];
        settings_read_list(r, item, NULL, list);
        list->builtin = true;
        if (catalog_find(out, list->name))
            settings_error(r, item, "a second list is named \"%s\"", list->name);
        out->n_lists++;
    }
}

static void read_dead(struct settings_reader *r, const struct node *node, struct catalog *out) {
    struct dead_list *dead = settings_alloc(r, node->n_children, sizeof *dead);
    if (!dead)
        return;
    out->dead = dead;
    for (const struct node *item = node->first; item; item = item->next) {
        struct settings_dead entry = {.zone = "", .since = "", .what = "", .source = ""};
        settings_read_section(r, SECTION_DEAD, "a dead list", item, &entry);
        dead[out->n_dead++] = (struct dead_list){entry.zone, entry.since, entry.what, entry.source};
    }
}

static void read_all(struct settings_reader *r, const struct node *root, struct catalog *out) {
    struct settings_top top = {.lists = NULL};
    if (!settings_read_section(r, SECTION_CATALOG, "the catalog", root, &top))
        return;
    settings_read_budgets(r, top.budgets);
    if (top.lists && !r->problems->no_memory)
        read_lists(r, top.lists, out);
    if (top.dead)
        read_dead(r, top.dead, out);
    out->budgets = r->budgets;
    out->n_budgets = r->n_budgets;
}

enum status catalog_read(const struct node *root, struct problems *problems, struct catalog **out) {
    struct catalog *catalog = calloc(1, sizeof *catalog);
    if (!catalog)
        return STATUS_NO_MEMORY;
    arena_init(&catalog->arena);
    struct settings_reader r = {.problems = problems, .arena = &catalog->arena, .in_catalog = true};
    if (root)
        read_all(&r, root, catalog);
    else
        problems_error(problems, 0, 0, "the catalog is empty");
    problems_sort(problems);
    if (!problems_failed(problems)) {
        *out = catalog;
        return STATUS_OK;
    }
    catalog_free(catalog);
    return problems->no_memory ? STATUS_NO_MEMORY : STATUS_INVALID;
}

void catalog_free(struct catalog *catalog) {
    if (!catalog)
        return;
    arena_release(&catalog->arena);
    free(catalog);
}

const struct list *catalog_find(const struct catalog *catalog, const char *name) {
    for (size_t i = 0; i < catalog->n_lists; i++)
        if (strcmp(catalog->lists[i].name, name) == 0)
            return &catalog->lists[i];
    return NULL;
}

const char *catalog_nearest(const struct catalog *catalog, const char *name) {
    const char *near = NULL;
    for (size_t i = 0; i < catalog->n_lists; i++)
        near = settings_nearer(name, near, catalog->lists[i].name);
    return near;
}

/* Whether `zone` (of `len` bytes) is what `pattern` says; "*.example.net" is also example.net itself. */
static bool zone_matches(const char *pattern, const char *zone, size_t len) {
    bool wild = pattern[0] == '*' && pattern[1] == '.';
    const char *suffix = wild ? pattern + 2 : pattern;
    size_t suffix_len = strlen(suffix);
    if (len < suffix_len || strncasecmp(zone + len - suffix_len, suffix, suffix_len) != 0)
        return false;
    return len == suffix_len || (wild && zone[len - suffix_len - 1] == '.');
}

const struct dead_list *catalog_dead(const struct catalog *catalog, const char *zone) {
    size_t len = strlen(zone);
    if (len > 1 && zone[len - 1] == '.')
        len--;
    for (size_t i = 0; i < catalog->n_dead; i++)
        if (zone_matches(catalog->dead[i].zone, zone, len))
            return &catalog->dead[i];
    return NULL;
}
