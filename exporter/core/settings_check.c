/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a check on demand: those of the configuration, with the addresses asked for in place of its
 * groups. Rounds are put off to the far future: each address is asked once.
 */
#include "core/settings_internal.h"

#include <stdlib.h>
#include <string.h>

#define ONCE_NS (366 * SETTINGS_DAY_NS)

static size_t find_list(const struct settings *s, const char *name) {
    size_t i = 0;
    while (i < s->n_lists && strcmp(s->lists[i].name, name) != 0)
        i++;
    return i;
}

static void refuse_name(const struct settings *s, const char *name, struct problems *problems) {
    const char *near = NULL;
    char hint[96];
    for (size_t i = 0; i < s->n_lists; i++)
        near = settings_nearer(name, near, s->lists[i].name);
    problems_error(problems, 0, 0, "there is no list \"%.*s\" in the configuration%s", SETTINGS_NAME_MAX,
                   name, settings_did_you_mean(near, hint, sizeof hint));
}

bool settings_choose_lists(const struct settings *s, const char *const *names, size_t n,
                           struct problems *problems, bool *chosen) {
    for (size_t i = 0; i < s->n_lists; i++)
        chosen[i] = n == 0 && s->lists[i].enabled;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        size_t list = find_list(s, names[i]);
        if (list == s->n_lists)
            refuse_name(s, names[i], problems);
        else if (!s->lists[list].enabled)
            problems_error(problems, 0, 0, "list \"%s\" is disabled in the configuration", names[i]);
        else
            chosen[list] = true;
        good = good && list < s->n_lists && s->lists[list].enabled;
    }
    return good;
}

/* ---- the group ---- */

static int range_order(const void *a, const void *b) {
    return ip_range_compare(a, b);
}

static bool is_single(const struct ip_range *range) {
    return ip_equal(&range->first, &range->last);
}

/* `ranges` are sorted; one that comes again is passed over. */
static enum status fill_group(struct arena *arena, const struct ip_range *ranges, size_t n,
                              struct group *group) {
    struct ip *addresses = arena_array(arena, n + 1, sizeof *addresses);
    struct group_range *swept = arena_array(arena, n + 1, sizeof *swept);
    if (!addresses || !swept)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        char label[IP_RANGE_TEXT_SIZE];
        if (i > 0 && range_order(&ranges[i - 1], &ranges[i]) == 0)
            continue;
        if (is_single(&ranges[i])) {
            addresses[group->n_addresses++] = ranges[i].first;
            continue;
        }
        struct group_range *range = &swept[group->n_ranges++];
        range->range = ranges[i];
        range->label = arena_copy(arena, label, ip_range_format(&ranges[i], label));
        if (!range->label)
            return STATUS_NO_MEMORY;
    }
    group->addresses = addresses;
    group->ranges = swept;
    return STATUS_OK;
}

static enum status make_group(struct arena *arena, const struct ip_range *ranges, size_t n, const bool *lists,
                              struct group *out) {
    struct group group = {.name = "check",
                          .lists = lists,
                          .interval_ns = ONCE_NS,
                          .sweep_interval_ns = ONCE_NS,
                          .ranges_date_days = -1};
    struct ip_range *sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted)
        return STATUS_NO_MEMORY;
    memcpy(sorted, ranges, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, range_order);
    enum status status = fill_group(arena, sorted, n, &group);
    free(sorted);
    if (status == STATUS_OK)
        *out = group;
    return status;
}

/* ---- the whole ---- */

static struct list *copy_lists(struct arena *arena, const struct settings *s,
                               const struct settings_check *wanted) {
    struct list *lists = arena_array(arena, s->n_lists + 1, sizeof *lists);
    for (size_t i = 0; lists && i < s->n_lists; i++) {
        unsigned seen = wanted->seen ? wanted->seen[i] : 0;
        lists[i] = s->lists[i];
        lists[i].enabled = wanted->asked[i];
        lists[i].interval_ns = 0;
        lists[i].confirm = lists[i].confirm > seen ? lists[i].confirm - seen : 1;
    }
    return lists;
}

/* Group `i` of `n`: all ranges, or the one that it is for. */
static enum status add_group(struct arena *arena, const struct settings *s,
                             const struct settings_check *wanted, size_t i, struct group *out) {
    bool *on = arena_array(arena, s->n_lists + 1, sizeof *on);
    if (!on)
        return STATUS_NO_MEMORY;
    for (size_t k = 0; k < s->n_lists; k++)
        on[k] = wanted->asked[k] && (!wanted->pairs || wanted->pairs[i * s->n_lists + k]);
    return wanted->pairs ? make_group(arena, wanted->ranges + i, 1, on, out)
                         : make_group(arena, wanted->ranges, wanted->n_ranges, on, out);
}

enum status settings_for_check(const struct settings *s, const struct settings_check *wanted,
                               struct settings **out) {
    struct settings *check = malloc(sizeof *check);
    if (!check)
        return STATUS_NO_MEMORY;
    *check = *s;
    arena_init(&check->arena);
    check->defaults.stale_after_ns = 0;
    size_t n_groups = wanted->pairs ? wanted->n_ranges : 1;
    struct list *lists = copy_lists(&check->arena, s, wanted);
    struct group *groups = arena_array(&check->arena, n_groups, sizeof *groups);
    enum status status = lists && groups ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < n_groups && status == STATUS_OK; i++)
        status = add_group(&check->arena, s, wanted, i, &groups[i]);
    check->lists = lists;
    check->groups = groups;
    check->n_groups = n_groups;
    check->n_safelists = 0;
    if (status == STATUS_OK)
        *out = check;
    else
        settings_free(check);
    return status;
}
