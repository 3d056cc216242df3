/* SPDX-License-Identifier: Apache-2.0 */
#include "app_text.h"

#include "core/metrics.h"

#include <stdio.h>
#include <string.h>

static const char *families_text(const struct list *list) {
    if (list->families[IP_V4] && list->families[IP_V6])
        return "4+6";
    return list->families[IP_V6] ? "6" : "4";
}

static void limits_text(struct buf *out, const struct list *list, const struct budget_settings *budgets) {
    const struct list_budget *b = &list->budget;
    uint64_t queries = b->share >= 0 ? budgets[b->share].queries : b->queries;
    int64_t per_ns = b->share >= 0 ? budgets[b->share].per_ns : b->per_ns;
    if (queries > 0) {
        buf_addf(out, "%llu/", (unsigned long long)queries);
        int64_t hours = per_ns / (INT64_C(3600) * 1000000000);
        if (hours > 0 && hours % 24 == 0)
            buf_addf(out, "%lldd", (long long)hours / 24);
        else
            buf_addf(out, "%llds", (long long)(per_ns / 1000000000));
    } else {
        buf_add_text(out, "no quota");
    }
    if (b->share >= 0)
        buf_addf(out, " (%s)", budgets[b->share].name);
    if (b->rate > 0)
        buf_addf(out, ", %g/s", b->rate);
}

static void list_line(struct buf *out, const char *status, const struct list *list,
                      const struct budget_settings *budgets) {
    struct buf limits;
    buf_init(&limits, 256);
    limits_text(&limits, list, budgets);
    buf_addf(out, "%-28s %-10s %-40s %-10s %-4s %-3s %-34s %s\n", list->name, status, list->zone,
             list_kind_text[list->kind], list_tier_text[list->tier], families_text(list), buf_text(&limits),
             list->delist_url[0] != '\0' ? list->delist_url : "-");
    buf_release(&limits);
}

static const struct list *configured(const struct settings *settings, const char *zone) {
    for (size_t i = 0; i < settings->n_lists; i++)
        if (strcmp(settings->lists[i].zone, zone) == 0)
            return &settings->lists[i];
    return NULL;
}

void app_text_lists(struct buf *out, const struct catalog *catalog, const struct settings *settings) {
    buf_addf(out, "%-28s %-10s %-40s %-10s %-4s %-3s %-34s %s\n", "NAME", "STATUS", "ZONE", "KIND", "TIER",
             "IP", "BUDGET", "DELISTING");
    for (size_t i = 0; i < settings->n_lists; i++)
        list_line(out, settings->lists[i].enabled ? "enabled" : "disabled", &settings->lists[i],
                  settings->budgets);
    for (size_t i = 0; i < catalog->n_lists; i++)
        if (configured(settings, catalog->lists[i].zone) == NULL)
            list_line(out, "built-in", &catalog->lists[i], catalog->budgets);
    buf_add_text(out, "\nLimits and notes of the built-in lists\n");
    for (size_t i = 0; i < catalog->n_lists; i++) {
        const struct list *list = &catalog->lists[i];
        if (list->limits[0] != '\0' || list->note[0] != '\0')
            buf_addf(out, "%-28s %s%s%s\n", list->name, list->limits,
                     list->limits[0] != '\0' && list->note[0] != '\0' ? "; " : "", list->note);
    }
    buf_add_text(out, "\nDead or harmful, not to be used\n");
    for (size_t i = 0; i < catalog->n_dead; i++)
        buf_addf(out, "%-28s %-10s %s\n", catalog->dead[i].zone, catalog->dead[i].since,
                 catalog->dead[i].what);
}

static void range_line(struct buf *out, const char *group, const struct ip_range *range, const char *label) {
    char percent[IP_RANGE_TEXT_SIZE];
    char count[IP_COUNT_SIZE];
    if (!ip_range_percent(range, percent))
        (void)snprintf(percent, sizeof percent, "-");
    buf_addf(out, "%-24s %-34s %10s  %s\n", group, label, ip_range_format_count(range, count), percent);
}

/* Those that are too large to be swept; no address of theirs is in the sum. */
static void recognised_lines(struct buf *out, const struct group *group) {
    for (size_t i = 0; i < group->n_recognised; i++) {
        char label[IP_RANGE_TEXT_SIZE];
        char count[IP_COUNT_SIZE];
        (void)ip_range_format(&group->recognised[i], label);
        buf_addf(out, "%-24s %-34s %10s  not swept, only recognises bounced addresses\n", group->name, label,
                 ip_range_format_count(&group->recognised[i], count));
    }
}

void app_text_ranges(struct buf *out, const struct settings *settings) {
    uint64_t total = 0;
    bool has_spf = false;
    buf_addf(out, "%-24s %-34s %10s  %s\n", "GROUP", "RANGE", "ADDRESSES", "PANEL NOTATION");
    for (size_t g = 0; g < settings->n_groups; g++) {
        const struct group *group = &settings->groups[g];
        for (size_t i = 0; i < group->n_addresses; i++) {
            const struct ip_range one = {group->addresses[i], group->addresses[i]};
            char label[IP_RANGE_TEXT_SIZE];
            (void)ip_range_format(&one, label);
            range_line(out, group->name, &one, label);
            total++;
        }
        for (size_t i = 0; i < group->n_ranges; i++) {
            range_line(out, group->name, &group->ranges[i].range, group->ranges[i].label);
            total += ip_range_count(&group->ranges[i].range);
        }
        recognised_lines(out, group);
        has_spf = has_spf || group->spf != NULL;
        if (group->spf != NULL)
            buf_addf(out, "%-24s SPF of %-27s %10s  looked up by the running exporter\n", group->name,
                     group->spf, "?");
    }
    buf_addf(out, "%-24s %-34s %10llu  (overlaps counted in each%s)\n", "all", "", (unsigned long long)total,
             has_spf ? ", without those of SPF records" : "");
    if (settings->n_safelists > 0)
        buf_addf(out, "\n%-24s %-34s %10s  %s\n", "SAFELIST", "RANGE", "ADDRESSES", "PANEL NOTATION");
    for (size_t i = 0; i < settings->n_safelists; i++) {
        const struct safelist *safelist = &settings->safelists[i];
        for (size_t k = 0; k < safelist->n_ranges; k++)
            range_line(out, safelist->name, &safelist->ranges[k].range, safelist->ranges[k].label);
    }
}

void app_text_reference(struct buf *out) {
    buf_add_text(out, "## Configuration\n\n");
    settings_reference(out);
    buf_add_text(out, "\n## Metrics\n\n");
    metrics_reference(out);
}
