/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole of a configuration, in the order in which its parts need each other: defaults and budgets, lists,
 * groups. Apart from settings.c, because the catalog of built-in lists stands between the two: it is read
 * with the same table, and lists start from it.
 */
#include "core/settings.h"

#include "core/catalog.h"
#include "core/settings_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *builtin_with_zone(const struct catalog *catalog, const char *zone) {
    for (size_t i = 0; i < catalog->n_lists; i++)
        if (strcasecmp(catalog->lists[i].zone, zone) == 0)
            return catalog->lists[i].name;
    return NULL;
}

/* What is known about a dead zone, with the date if there is one. */
static const char *dead_text(const struct dead_list *dead, char *out, size_t size) {
    bool dated = dead->since[0] >= '0' && dead->since[0] <= '9';
    snprintf(out, size, "%s%s%s%s", dead->what, dated ? " (" : "", dated ? dead->since : "",
             dated ? ")" : "");
    return out;
}

static void refuse_builtin(struct settings_reader *r, const struct catalog *catalog, const struct node *use) {
    char hint[96];
    char why[256];
    char shown[SETTINGS_SHOWN_SIZE];
    settings_show(use, shown);
    const struct dead_list *dead = catalog_dead(catalog, use->text);
    const char *by_zone = builtin_with_zone(catalog, use->text);
    if (dead)
        settings_error(r, use, "%s cannot be used: %s", shown, dead_text(dead, why, sizeof why));
    else if (by_zone)
        settings_error(r, use, "%s is a zone; the built-in list that asks it is \"%s\"", shown, by_zone);
    else
        settings_error(
            r, use, "there is no built-in list %s%s", shown,
            settings_did_you_mean(settings_wants_suggestion(r) ? catalog_nearest(catalog, use->text) : NULL,
                                  hint, sizeof hint));
}

/* The built-in list that the list at `node` starts from; NULL if there is none, which is reported if it
 * should be. */
static const struct list *find_base(struct settings_reader *r, const struct catalog *catalog,
                                    const struct node *node) {
    const struct node *use = node_find(node, "use");
    if (!use || use->type != NODE_SCALAR || node_is_null(use))
        return NULL;
    const struct list *base = catalog_find(catalog, use->text);
    if (!base)
        refuse_builtin(r, catalog, use);
    return base;
}

static void warn_of_dead_zone(struct settings_reader *r, const struct catalog *catalog,
                              const struct node *node, const struct list *list) {
    char why[256];
    const struct node *zone = node_find(node, "zone");
    const struct dead_list *dead = zone ? catalog_dead(catalog, list->zone) : NULL;
    if (dead)
        problems_warn(r->problems, zone->line, zone->column, "%s should not be asked: %s", list->zone,
                      dead_text(dead, why, sizeof why));
}

static void check_list_name(struct settings_reader *r, const struct list *lists, size_t n,
                            const struct node *const *places) {
    for (size_t i = 0; i < n && lists[n].name[0]; i++)
        if (strcmp(lists[i].name, lists[n].name) == 0) {
            settings_error(r, places[n], "a second list is named \"%s\"; the first is on line %u",
                           lists[n].name, places[i]->line);
            return;
        }
}

static void read_lists(struct settings_reader *r, const struct catalog *catalog, const struct node *node,
                       struct settings *out, const struct node **places) {
    struct list *lists =
        settings_alloc(r, LIST_MAX < node->n_children ? LIST_MAX : node->n_children, sizeof *lists);
    size_t n = 0;
    size_t n_enabled = 0;
    for (const struct node *item = node->first; item && lists; item = item->next) {
        if (n == LIST_MAX) {
            settings_error(r, item, "more than %d lists", LIST_MAX);
            break;
        }
        places[n] = item;
        settings_read_list(r, item, find_base(r, catalog, item), &lists[n]);
        warn_of_dead_zone(r, catalog, item, &lists[n]);
        check_list_name(r, lists, n, places);
        n_enabled += lists[n++].enabled;
    }
    if (lists && n_enabled == 0)
        settings_error(r, node, "no list is enabled");
    out->lists = lists;
    out->n_lists = n;
}

static void check_group_name(struct settings_reader *r, const struct group *groups, size_t n,
                             const struct node *first, const struct node *node) {
    if (strcmp(groups[n].name, SETTINGS_BOUNCED) == 0)
        settings_error(r, node, "the name \"%s\" is taken by the group of bounced addresses; choose another",
                       groups[n].name);
    for (size_t i = 0; i < n && groups[n].name[0]; i++, first = first->next)
        if (strcmp(groups[i].name, groups[n].name) == 0) {
            settings_error(r, node, "a second group is named \"%s\"; the first is on line %u", groups[n].name,
                           first->line);
            return;
        }
}

static void read_groups(struct settings_reader *r, const struct node *node, struct settings *out) {
    size_t most = SETTINGS_MAX_GROUPS < node->n_children ? SETTINGS_MAX_GROUPS : node->n_children;
    struct group *groups = settings_alloc(r, most, sizeof *groups);
    size_t n = 0;
    r->lists = out->lists;
    r->n_lists = out->n_lists;
    for (const struct node *item = node->first; item && groups; item = item->next) {
        if (n == SETTINGS_MAX_GROUPS) {
            settings_error(r, item, "more than %d groups", SETTINGS_MAX_GROUPS);
            break;
        }
        settings_read_group(r, item, &groups[n]);
        check_group_name(r, groups, n, node->first, item);
        n++;
    }
    out->groups = groups;
    out->n_groups = n;
}

/* A list that no group is checked on costs its self-tests and shows nothing. */
static void warn_of_useless_lists(struct settings_reader *r, const struct settings *settings,
                                  const struct node *const *places) {
    for (size_t i = 0; i < settings->n_lists; i++) {
        bool used = false;
        for (size_t g = 0; g < settings->n_groups; g++)
            used = used || settings->groups[g].lists[i];
        if (settings->lists[i].enabled && !used)
            problems_warn(r->problems, places[i]->line, places[i]->column,
                          "list \"%s\" is used by no group: only its test entries are asked",
                          settings->lists[i].name);
    }
}

/* Two lists of one zone with an allowance each may be asked twice what their operator allows. */
static void warn_of_twin_lists(struct settings_reader *r, const struct settings *settings,
                               const struct node *const *places) {
    for (size_t i = 0; i < settings->n_lists; i++) {
        for (size_t k = 0; k < i; k++) {
            const struct list *a = &settings->lists[k];
            const struct list *b = &settings->lists[i];
            bool shared = a->budget.share >= 0 && a->budget.share == b->budget.share;
            if (a->enabled && b->enabled && !shared && qname_equal(&a->zone_name, &b->zone_name))
                problems_warn(
                    r->problems, places[i]->line, places[i]->column,
                    "lists \"%s\" and \"%s\" ask the same zone within budgets of their own; let them "
                    "share one",
                    a->name, b->name);
        }
    }
}

static void read_all(struct settings_reader *r, const struct node *root, const struct catalog *catalog,
                     struct settings *out) {
    const struct node *places[LIST_MAX] = {NULL};
    struct settings_top top = {
        .resolver = {.timeout_ns = 2 * SETTINGS_SECOND_NS, .attempts = 3},
        .storage = {.history_ns = 400 * SETTINGS_DAY_NS},
        .bounces = {.keep_ns = 7 * SETTINGS_DAY_NS, .limit = 1000},
    };
    if (!settings_read_section(r, SECTION_TOP, "the configuration", root, &top))
        return;
    settings_read_budgets(r, top.budgets);
    if (top.lists && !r->problems->no_memory)
        read_lists(r, catalog, top.lists, out, places);
    if (top.groups && !r->problems->no_memory)
        read_groups(r, top.groups, out);
    if (top.safelists && !r->problems->no_memory)
        settings_read_safelists(r, top.safelists, out);
    out->resolver = top.resolver;
    out->defaults = r->defaults;
    out->storage = top.storage;
    out->bounces = top.bounces;
    out->budgets = r->budgets;
    out->n_budgets = r->n_budgets;
    if (!problems_failed(r->problems)) {
        settings_warn_of_slow_sweeps(r, out, places);
        warn_of_useless_lists(r, out, places);
        warn_of_twin_lists(r, out, places);
        settings_warn_of_unwatched(r, out, top.safelists);
    }
}

enum status settings_read(const struct node *root, const struct catalog *catalog,
                          settings_key_reader *key_reader, void *key_context, struct problems *problems,
                          struct settings **out) {
    struct settings *settings = calloc(1, sizeof *settings);
    if (!settings)
        return STATUS_NO_MEMORY;
    arena_init(&settings->arena);
    struct settings_reader r = {
        .problems = problems,
        .arena = &settings->arena,
        .defaults = {.interval_ns = SETTINGS_SECOND_NS * 60 * 15,
                     .sweep_interval_ns = SETTINGS_DAY_NS,
                     .confirm = 2,
                     .series_limit = 5000},
        .known_budgets = catalog->budgets,
        .n_known_budgets = catalog->n_budgets,
        .key_reader = key_reader,
        .key_context = key_context,
    };
    if (root)
        read_all(&r, root, catalog, settings);
    else
        problems_error(problems, 0, 0,
                       "the configuration is empty; expected at least \"lists\" and \"groups\"");
    problems_sort(problems);
    if (!problems_failed(problems)) {
        *out = settings;
        return STATUS_OK;
    }
    settings_free(settings);
    return problems->no_memory ? STATUS_NO_MEMORY : STATUS_INVALID;
}
