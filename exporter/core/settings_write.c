/* SPDX-License-Identifier: Apache-2.0
 *
 * Sections stand in the order of the reference. One list is in settings_write_list.c.
 */
#include "core/settings_write.h"

#include "core/settings_internal.h"
#include "core/settings_write_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- values ---- */

void settings_write_duration(struct yamltext *y, const char *name, int64_t ns) {
    char text[64];
    yamltext_word(y, name, settings_format_duration(ns, text, sizeof text));
}

static void add_duration_or_auto(struct yamltext *y, const char *name, int64_t ns) {
    if (ns == 0)
        yamltext_word(y, name, "auto");
    else
        settings_write_duration(y, name, ns);
}

static void add_date(struct yamltext *y, const char *name, int64_t days) {
    char text[SETTINGS_DATE_SIZE];
    if (days >= 0)
        yamltext_word(y, name, settings_format_date(days, text));
}

void settings_write_nameservers(struct yamltext *y, const struct endpoint *servers, size_t n) {
    if (n == 0)
        return;
    yamltext_flow(y, "nameservers");
    for (size_t i = 0; i < n; i++) {
        char ip[IP_TEXT_SIZE];
        char text[IP_TEXT_SIZE + 16];
        (void)ip_format(&servers[i].ip, ip);
        (void)snprintf(text, sizeof text, servers[i].ip.family == IP_V6 ? "[%s]:%u" : "%s:%u", ip,
                       (unsigned)servers[i].port);
        yamltext_element(y, text);
    }
    yamltext_flow_end(y);
}

/* Names of lists. That all which are named are disabled is written by naming one of those. */
static void add_lists(struct yamltext *y, const struct settings *s, const bool *lists, bool block_only) {
    bool any = false;
    yamltext_flow(y, "lists");
    for (size_t i = 0; i < s->n_lists; i++)
        if (lists[i])
            yamltext_element(y, s->lists[i].name);
    for (size_t i = 0; i < s->n_lists; i++)
        any = any || lists[i];
    for (size_t i = 0; i < s->n_lists && !any; i++) {
        any = !s->lists[i].enabled && (!block_only || s->lists[i].kind == LIST_BLOCK);
        if (any)
            yamltext_element(y, s->lists[i].name);
    }
    yamltext_flow_end(y);
}

/* ---- sections ---- */

static void add_resolver(struct yamltext *y, const struct resolver_settings *resolver) {
    yamltext_open(y, "resolver");
    settings_write_nameservers(y, resolver->nameservers, resolver->n_nameservers);
    settings_write_duration(y, "timeout", resolver->timeout_ns);
    yamltext_u64(y, "attempts", resolver->attempts);
    if (resolver->max_in_flight == 0)
        yamltext_word(y, "max_in_flight", "auto");
    else
        yamltext_u64(y, "max_in_flight", resolver->max_in_flight);
    yamltext_close(y);
}

static void add_defaults(struct yamltext *y, const struct default_settings *defaults) {
    yamltext_open(y, "defaults");
    settings_write_duration(y, "interval", defaults->interval_ns);
    settings_write_duration(y, "sweep_interval", defaults->sweep_interval_ns);
    add_duration_or_auto(y, "stale_after", defaults->stale_after_ns);
    yamltext_u64(y, "confirm", defaults->confirm);
    yamltext_u64(y, "series_limit", defaults->series_limit);
    yamltext_close(y);
}

static void add_budgets(struct yamltext *y, const struct settings *s) {
    if (s->n_budgets == 0)
        return;
    yamltext_open(y, "budgets");
    for (size_t i = 0; i < s->n_budgets; i++) {
        yamltext_open(y, s->budgets[i].name);
        yamltext_u64(y, "queries", s->budgets[i].queries);
        settings_write_duration(y, "per", s->budgets[i].per_ns);
        yamltext_close(y);
    }
    yamltext_close(y);
}

static void add_all_lists(struct yamltext *y, const struct settings *s) {
    yamltext_open(y, "lists");
    for (size_t i = 0; i < s->n_lists; i++)
        settings_write_list(y, s, &s->lists[i]);
    yamltext_close(y);
}

static void add_addresses(struct yamltext *y, const struct group *group) {
    char text[IP_TEXT_SIZE];
    if (group->n_addresses == 0)
        return;
    yamltext_open(y, "addresses");
    for (size_t i = 0; i < group->n_addresses; i++) {
        (void)ip_format(&group->addresses[i], text);
        yamltext_entry_string(y, text);
    }
    yamltext_close(y);
}

static void add_ranges(struct yamltext *y, const struct group *group) {
    char text[IP_RANGE_TEXT_SIZE];
    if (group->n_ranges + group->n_recognised == 0)
        return;
    yamltext_open(y, "ranges");
    for (size_t i = 0; i < group->n_ranges; i++)
        yamltext_entry_string(y, group->ranges[i].label);
    for (size_t i = 0; i < group->n_recognised; i++) {
        (void)ip_range_format(&group->recognised[i], text);
        yamltext_entry_string(y, text);
    }
    yamltext_close(y);
}

static void add_sources(struct yamltext *y, const struct group *group) {
    if (group->n_files > 0) {
        yamltext_open(y, "files");
        for (size_t i = 0; i < group->n_files; i++)
            yamltext_entry_string(y, group->files[i]);
        yamltext_close(y);
    }
    if (group->spf != NULL)
        yamltext_string(y, "spf", group->spf);
    if (group->only_ptr != NULL)
        yamltext_string(y, "only_ptr", group->only_ptr);
}

static void add_groups(struct yamltext *y, const struct settings *s) {
    yamltext_open(y, "groups");
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct group *group = &s->groups[i];
        yamltext_entry(y);
        yamltext_string(y, "name", group->name);
        add_addresses(y, group);
        add_ranges(y, group);
        add_date(y, "ranges_date", group->ranges_date_days);
        add_lists(y, s, group->lists, false);
        settings_write_duration(y, "interval", group->interval_ns);
        settings_write_duration(y, "sweep_interval", group->sweep_interval_ns);
        add_sources(y, group);
        yamltext_close(y);
    }
    yamltext_close(y);
}

static void add_safelists(struct yamltext *y, const struct settings *s) {
    if (s->n_safelists == 0)
        return;
    yamltext_open(y, "safelists");
    for (size_t i = 0; i < s->n_safelists; i++) {
        const struct safelist *safelist = &s->safelists[i];
        yamltext_entry(y);
        yamltext_string(y, "name", safelist->name);
        yamltext_open(y, "ranges");
        for (size_t k = 0; k < safelist->n_ranges; k++)
            yamltext_entry_string(y, safelist->ranges[k].label);
        yamltext_close(y);
        if (safelist->lists != NULL)
            add_lists(y, s, safelist->lists, true);
        add_date(y, "added", safelist->added_days);
        if (safelist->ticket[0] != '\0')
            yamltext_string(y, "ticket", safelist->ticket);
        yamltext_close(y);
    }
    yamltext_close(y);
}

static void add_rest(struct yamltext *y, const struct settings *s) {
    yamltext_open(y, "bounces");
    settings_write_duration(y, "keep", s->bounces.keep_ns);
    yamltext_u64(y, "limit", s->bounces.limit);
    yamltext_close(y);
    yamltext_open(y, "storage");
    settings_write_duration(y, "history", s->storage.history_ns);
    yamltext_close(y);
}

void settings_write(struct buf *out, const struct settings *settings) {
    const char *keys[LIST_MAX];
    size_t n_keys = 0;
    struct yamltext y;
    yamltext_begin(&y, out);
    for (size_t i = 0; i < settings->n_lists; i++) {
        const char *key = settings->lists[i].key;
        if (key != NULL && strlen(key) >= SETTINGS_WRITE_KEY_LEAST)
            keys[n_keys++] = key;
    }
    yamltext_hide(&y, keys, n_keys);
    add_resolver(&y, &settings->resolver);
    add_defaults(&y, &settings->defaults);
    add_budgets(&y, settings);
    add_all_lists(&y, settings);
    add_groups(&y, settings);
    add_safelists(&y, settings);
    add_rest(&y, settings);
}
