/* SPDX-License-Identifier: Apache-2.0 */
#include "core/advice.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *const advice_result_text[ADVICE_RESULTS] = {
    [ADVICE_CONFIRMED] = "confirmed",
    [ADVICE_NOT_LISTED] = "not_listed",
    [ADVICE_UNKNOWN] = "unknown",
    [ADVICE_UNPARSED] = "unparsed",
};

/* The enabled list that is called `name`, or asks the zone of the built-in list of that name. */
static uint32_t find_list(const struct settings *s, const struct catalog *catalog, const char *name) {
    const struct list *builtin = catalog_find(catalog, name);
    for (uint32_t i = 0; i < s->n_lists; i++) {
        const struct list *list = &s->lists[i];
        bool same =
            strcmp(list->name, name) == 0 || (builtin != NULL && strcasecmp(list->zone, builtin->zone) == 0);
        if (list->enabled && list->kind == LIST_BLOCK && same)
            return i;
    }
    return ADVICE_NO_LIST;
}

static uint32_t find_zone(const struct settings *s, const char *zone) {
    for (uint32_t i = 0; i < s->n_lists && zone[0] != '\0'; i++)
        if (s->lists[i].enabled && s->lists[i].kind == LIST_BLOCK && strcasecmp(s->lists[i].zone, zone) == 0)
            return i;
    return ADVICE_NO_LIST;
}

static const struct list *builtin_of_zone(const struct catalog *catalog, const char *zone) {
    for (size_t i = 0; i < catalog->n_lists; i++)
        if (strcasecmp(catalog->lists[i].zone, zone) == 0)
            return &catalog->lists[i];
    return NULL;
}

static void find_public(struct advice *a, const struct catalog *catalog, const struct settings *settings) {
    const struct mirror_name *known = a->bounce->known;
    const struct list *builtin = builtin_of_zone(catalog, a->bounce->zone);
    a->list = find_zone(settings, a->bounce->zone);
    for (size_t i = 0; known != NULL && i < known->lists.n && a->list == ADVICE_NO_LIST; i++)
        a->list = find_list(settings, catalog, known->lists.items[i]);
    if (known != NULL && known->lists.n > 0)
        a->public_list = known->lists.items[0];
    else if (a->list != ADVICE_NO_LIST)
        a->public_list = settings->lists[a->list].name;
    else if (builtin != NULL)
        a->public_list = builtin->name;
}

/* Whether the group has it; ranges that are too large to be swept are good for this. */
static bool find_in_group(struct advice *a, const struct group *group, const struct ip *ip) {
    for (size_t i = 0; i < group->n_addresses && a->group == NULL; i++)
        if (ip_equal(&group->addresses[i], ip)) {
            a->group = group;
            a->group_range = (struct ip_range){*ip, *ip};
        }
    for (size_t i = 0; i < group->n_ranges && a->group == NULL; i++)
        if (ip_range_contains(&group->ranges[i].range, ip)) {
            a->group = group;
            a->group_range = group->ranges[i].range;
        }
    for (size_t i = 0; i < group->n_recognised && a->group == NULL; i++)
        if (ip_range_contains(&group->recognised[i], ip)) {
            a->group = group;
            a->group_range = group->recognised[i];
        }
    return a->group != NULL;
}

/* The first group of the configuration that has it; that of bounced addresses is none. */
static void find_group(struct advice *a, const struct settings *settings) {
    for (size_t i = 0; i < settings->n_groups; i++)
        if (strcmp(settings->groups[i].name, SETTINGS_BOUNCED) != 0 &&
            find_in_group(a, &settings->groups[i], &a->bounce->address))
            return;
}

void advice_find_list(struct advice *a, const struct bounce *bounce, const struct catalog *catalog,
                      const struct settings *settings) {
    *a = (struct advice){.bounce = bounce, .list = ADVICE_NO_LIST, .page = "", .result = ADVICE_UNKNOWN};
    find_public(a, catalog, settings);
}

void advice_prepare(struct advice *a, const struct bounce *bounce, const struct mirrors *mirrors,
                    const struct catalog *catalog, const struct settings *settings) {
    advice_find_list(a, bounce, catalog, settings);
    const struct list *builtin = a->public_list != NULL ? catalog_find(catalog, a->public_list) : NULL;
    if (a->list != ADVICE_NO_LIST)
        a->page = settings->lists[a->list].delist_url;
    if (a->page[0] == '\0' && builtin != NULL)
        a->page = builtin->delist_url;
    if (a->page[0] == '\0' && bounce->known != NULL)
        a->page = bounce->known->page;
    a->result = bounce->has_address ? ADVICE_UNKNOWN : ADVICE_UNPARSED;
    if (bounce->has_address) {
        a->microsoft = mirror_range_of(mirrors, &bounce->address);
        find_group(a, settings);
    }
}

static bool is_one_of(const char *name, const struct mirror_texts *names) {
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

void advice_listed(struct advice *a, const struct list *list, uint64_t codes) {
    const struct mirror_name *known = a->bounce->known;
    a->result = ADVICE_CONFIRMED;
    if (known == NULL || known->codes.n == 0)
        return;
    for (unsigned bit = 0; bit < LIST_CODE_OTHER; bit++) {
        size_t len = strlen(a->as);
        if ((codes >> bit & 1) == 0)
            continue;
        const char *name = list_code_name(list, bit);
        if (is_one_of(name, &known->codes))
            return;
        (void)snprintf(a->as + len, sizeof a->as - len, "%s%s", len > 0 ? ", " : "", name);
    }
    a->is_part = true;
    a->result = a->as[0] != '\0' && codes >> LIST_CODE_OTHER == 0 ? ADVICE_NOT_LISTED : ADVICE_UNKNOWN;
}

void advice_add_other(struct advice *a, const char *name) {
    size_t len = strlen(a->others);
    if (len + strlen(name) + 3 < sizeof a->others)
        (void)snprintf(a->others + len, sizeof a->others - len, "%s%s", len > 0 ? ", " : "", name);
}
