/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_guard.h"

#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_NS (3600 * SECOND_NS)
#define LONGEST_WINDOW_NS (366 * 24 * HOUR_NS)

/* ---- settings ---- */

/* What was sent without a limit is of no account later. */
static void work_off(struct guard_list *l, double rate, int64_t now_ns) {
    l->level -= rate * (double)(now_ns - l->level_ns) / 1e9;
    l->level = rate > 0 && l->level > 0 ? l->level : 0;
    l->level_ns = now_ns;
}

/* A list that was renamed is the same list: what it was sent counts under its new name. */
static void rename_list(struct guard *g, const struct guard_list *old, struct guard_list *fresh) {
    char before[SETTINGS_NAME_MAX + 2];
    char now[SETTINGS_NAME_MAX + 2];
    snprintf(before, sizeof before, "*%s", old->name);
    snprintf(now, sizeof now, "*%s", fresh->name);
    for (unsigned i = 0; i < g->n_quotas; i++)
        if (strcmp(g->quotas[i].name, before) == 0)
            memcpy(g->quotas[i].name, now, sizeof now);
    memcpy(now, fresh->name, sizeof fresh->name);
    *fresh = *old;
    memcpy(fresh->name, now, sizeof fresh->name);
}

void guard_settings(struct guard *g, const struct settings *settings, int64_t now_ns) {
    struct guard_list old[WORLD_ZONES];
    for (size_t i = 0; g->settings != NULL && i < g->settings->n_lists; i++)
        work_off(&g->lists[i], g->settings->lists[i].budget.rate, now_ns);
    memcpy(old, g->lists, sizeof old);
    if (settings->n_lists > WORLD_ZONES)
        driver_misread("more than %d lists", WORLD_ZONES);
    for (size_t i = 0; i < settings->n_lists; i++) {
        struct guard_list fresh = {.state = HEALTH_UNKNOWN};
        snprintf(fresh.name, sizeof fresh.name, "%s", settings->lists[i].name);
        g->lists[i] = fresh;
        uint32_t from =
            g->settings != NULL ? settings_list_before(settings, (uint32_t)i, g->settings) : UINT32_MAX;
        if (from != UINT32_MAX && strcmp(old[from].name, fresh.name) != 0)
            rename_list(g, &old[from], &g->lists[i]);
        for (size_t k = 0; k < WORLD_ZONES && g->settings != NULL; k++)
            if (strcmp(old[k].name, fresh.name) == 0)
                g->lists[i] = old[k];
    }
    for (size_t i = settings->n_lists; i < WORLD_ZONES; i++)
        g->lists[i].name[0] = '\0';
    g->settings = settings;
}

void guard_release(struct guard *g) {
    for (unsigned i = 0; i < g->n_quotas; i++)
        free(g->quotas[i].sent_ns);
}

/* ---- sending ---- */

static uint32_t list_of_zone(const struct guard *g, const struct world_zone *zone) {
    for (uint32_t i = 0; i < g->settings->n_lists; i++) {
        const char *name = g->settings->lists[i].zone;
        if (g->settings->lists[i].enabled && strcasecmp(name, zone->name) == 0)
            return i;
    }
    driver_fail("the program asked about zone %s, which no list has", zone->name);
}

static void check_rate(const struct list *list, struct guard_list *l, int64_t now_ns) {
    if (list->budget.rate <= 0)
        return;
    work_off(l, list->budget.rate, now_ns);
    if (++l->level > list->budget.burst + 1e-4)
        driver_fail("list %s was sent more than its rate of %g/s with a burst of %g allows", list->name,
                    list->budget.rate, list->budget.burst);
}

static struct guard_quota *quota_named(struct guard *g, const char *mark, const char *name) {
    char wanted[SETTINGS_NAME_MAX + 2];
    snprintf(wanted, sizeof wanted, "%s%s", mark, name);
    for (unsigned i = 0; i < g->n_quotas; i++)
        if (strcmp(g->quotas[i].name, wanted) == 0)
            return &g->quotas[i];
    if (g->n_quotas == 2 * WORLD_ZONES)
        driver_misread("too many budgets");
    struct guard_quota *quota = &g->quotas[g->n_quotas++];
    memcpy(quota->name, wanted, sizeof wanted);
    return quota;
}

/* Whatever window a reload may bring, it is no longer than that. */
static void forget_old(struct guard_quota *quota, int64_t now_ns) {
    size_t old = 0;
    while (old < quota->n && quota->sent_ns[old] < now_ns - LONGEST_WINDOW_NS)
        old++;
    quota->n -= old;
    memmove(quota->sent_ns, quota->sent_ns + old, quota->n * sizeof *quota->sent_ns);
}

static void check_quota(struct guard *g, const struct list *list, int64_t now_ns) {
    uint64_t limit = list->budget.queries;
    int64_t per_ns = list->budget.per_ns;
    bool shared = list->budget.share >= 0;
    const struct budget_settings *budget = shared ? &g->settings->budgets[list->budget.share] : NULL;
    if (shared) {
        limit = budget->queries;
        per_ns = budget->per_ns;
    }
    if (limit == 0)
        return;
    struct guard_quota *quota = shared ? quota_named(g, "", budget->name) : quota_named(g, "*", list->name);
    if (quota->n > 0 && quota->n == quota->size)
        forget_old(quota, now_ns);
    if (quota->n == quota->size) {
        quota->size = quota->size == 0 ? 1024 : quota->size * 2;
        quota->sent_ns = driver_alloc(quota->sent_ns, quota->size, sizeof *quota->sent_ns);
    }
    quota->sent_ns[quota->n++] = now_ns;
    if (quota->n > limit && quota->sent_ns[quota->n - 1 - limit] > now_ns - per_ns)
        driver_fail("list %s was sent more than its quota of %llu queries", list->name,
                    (unsigned long long)limit);
}

bool guard_sent(struct guard *g, const struct world_question *q, int64_t now_ns) {
    uint32_t index = list_of_zone(g, q->zone);
    const struct list *list = &g->settings->lists[index];
    const struct list_self_test *test = &list->self_test;
    bool positive = test->positive[q->ip.family] && ip_equal(&q->ip, &test->listed[q->ip.family]);
    bool is_test = positive || ip_equal(&q->ip, &test->not_listed[q->ip.family]);
    check_rate(list, &g->lists[index], now_ns);
    check_quota(g, list, now_ns);
    if (!is_test && g->lists[index].state != HEALTH_OK)
        driver_fail("list %s is %s, and was asked about %s", list->name,
                    health_state_text[g->lists[index].state], q->query.name);
    return is_test;
}

/* ---- what the program says ---- */

void guard_state(struct guard *g, uint32_t list, enum health_state state) {
    g->lists[list].state = state;
}

static struct world_entry *truth(const struct guard *g, const struct list *list, const struct ip *ip) {
    return world_entry_find(world_zone(g->world, list->zone), ip);
}

double guard_used(struct guard *g, const char *name, int64_t now_ns) {
    for (size_t i = 0; i < g->settings->n_lists; i++) {
        const struct list *list = &g->settings->lists[i];
        const struct budget_settings *shared =
            list->budget.share >= 0 ? &g->settings->budgets[list->budget.share] : NULL;
        uint64_t limit = shared != NULL ? shared->queries : list->budget.queries;
        int64_t per_ns = shared != NULL ? shared->per_ns : list->budget.per_ns;
        if (limit == 0 || strcmp(shared != NULL ? shared->name : list->name, name) != 0)
            continue;
        const struct guard_quota *quota = quota_named(g, shared != NULL ? "" : "*", name);
        size_t n = 0;
        while (n < quota->n && quota->sent_ns[quota->n - 1 - n] > now_ns - per_ns)
            n++;
        return (double)n / (double)limit;
    }
    driver_misread("no budget, and no list with a quota of its own: %s", name);
}

void guard_event(struct guard *g, const struct registry_event *event, int64_t now_ns) {
    const struct list *list = &g->settings->lists[event->list];
    world_refresh(world_zone(g->world, list->zone), &event->ip, now_ns);
    struct world_entry *entry = truth(g, list, &event->ip);
    char ip[IP_TEXT_SIZE];
    ip_format(&event->ip, ip);
    switch (event->change) {
    case CHANGE_LISTED:
    case CHANGE_FIRST_LISTED:
        if (entry == NULL || (!entry->listed && entry->since_ns < now_ns - HOUR_NS))
            driver_fail("%s was published as listed on %s, and is not", ip, list->name);
        entry->told_ns = now_ns;
        return;
    case CHANGE_DELISTED:
        if (entry != NULL && entry->listed && entry->since_ns <= entry->told_ns)
            driver_fail("%s was published as delisted on %s, and has been listed all the time", ip,
                        list->name);
        return;
    case CHANGE_CODES: return;
    }
}

/* ---- /metrics ---- */

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The value of a label in a sample, up to its quote. */
static bool label(const char *sample, const char *name, char *out, size_t size) {
    char start[32];
    snprintf(start, sizeof start, "%s=\"", name);
    const char *at = strstr(sample, start);
    if (at == NULL)
        return false;
    at += strlen(start);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
    return true;
}

static void check_listed(const struct guard *g, const char *sample) {
    char ip_text[IP_TEXT_SIZE];
    char name[SETTINGS_NAME_MAX + 1];
    struct ip ip;
    if (!label(sample, "ip", ip_text, sizeof ip_text) || !label(sample, "list", name, sizeof name) ||
        ip_parse(ip_text, strlen(ip_text), &ip) != STATUS_OK)
        driver_fail("a sample without its labels: %s", sample);
    for (size_t i = 0; i < g->settings->n_lists; i++)
        if (strcmp(g->settings->lists[i].name, name) == 0 && truth(g, &g->settings->lists[i], &ip) == NULL)
            driver_fail("%s is shown as listed on %s, and never was", ip_text, name);
}

void guard_metrics(struct guard *g, char *text) {
    size_t n = 0;
    for (const char *at = text; *at != '\0'; at++)
        n += *at == '\n';
    char **samples = driver_alloc(NULL, n + 1, sizeof *samples);
    n = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *value = strrchr(line, ' ');
        if (*line == '#' || value == NULL)
            continue;
        *value = '\0';
        bool is_listed =
            strncmp(line, "rbl_ip_listed{", 14) == 0 || strncmp(line, "rbl_range_ip_listed{", 20) == 0;
        if (is_listed && strcmp(value + 1, "1") == 0)
            check_listed(g, line);
        samples[n++] = line;
    }
    qsort(samples, n, sizeof *samples, compare_texts);
    for (size_t i = 1; i < n; i++)
        if (strcmp(samples[i - 1], samples[i]) == 0)
            driver_fail("this series appears twice: %s", samples[i]);
    free(samples);
}
