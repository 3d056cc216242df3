/* SPDX-License-Identifier: Apache-2.0
 *
 * Safelists, and what of them nobody watches: a range may go only when every block list that counts has
 * looked at nearly all of it, so that a list which is asked about a part of it only, because a group names
 * some addresses, keeps it for ever.
 */
#include "core/human.h"
#include "core/settings_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

void settings_read_safelist_ranges(struct settings_reader *r, const struct schema_key *key,
                                   const struct node *value, void *target) {
    struct safelist *safelist = target;
    safelist->ranges = settings_read_range_list(r, key, value, false, &safelist->n_ranges);
}

void settings_read_safelist_lists(struct settings_reader *r, const struct schema_key *key,
                                  const struct node *value, void *target) {
    struct safelist *safelist = target;
    const bool *lists = settings_read_list_names(r, key, value, "the safelist");
    const struct node *item = lists ? value->first : NULL;
    for (; item; item = item->next)
        for (size_t i = 0; i < r->n_lists && item->type == NODE_SCALAR; i++)
            if (strcmp(r->lists[i].name, item->text) == 0 && r->lists[i].kind != LIST_BLOCK)
                settings_error(r, item, "list \"%s\" is no block list: it tells of no listings", item->text);
    safelist->lists = lists;
}

void settings_read_added(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                         void *target) {
    struct safelist *safelist = target;
    settings_read_date(r, key, value, target);
    safelist->added_line = value->line;
    safelist->added_column = value->column;
}

/* C0, DEL and C1; a label or a page must not be steered by it. */
void settings_read_ticket(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                          void *target) {
    if (value->type != NODE_SCALAR || value->len == 0 || settings_has_control(value->text))
        settings_wrong(r, key, value);
    else if (value->len > SETTINGS_TICKET_MAX)
        settings_error(r, value, "\"%s\" has %zu bytes; at most %d are shown as a label", key->name,
                       value->len, SETTINGS_TICKET_MAX);
    else
        settings_read_text(r, key, value, target);
}

static void check_name(struct settings_reader *r, const struct safelist *safelists, size_t n,
                       const struct node *first, const struct node *node) {
    for (size_t i = 0; i < n && safelists[n].name[0]; i++, first = first->next)
        if (strcmp(safelists[i].name, safelists[n].name) == 0) {
            settings_error(r, node, "a second safelist is named \"%s\"; the first is on line %u",
                           safelists[n].name, first->line);
            return;
        }
}

void settings_read_safelists(struct settings_reader *r, const struct node *node, struct settings *out) {
    size_t most = SETTINGS_MAX_SAFELISTS < node->n_children ? SETTINGS_MAX_SAFELISTS : node->n_children;
    struct safelist *safelists = settings_alloc(r, most, sizeof *safelists);
    size_t n = 0;
    for (const struct node *item = node->first; item && safelists; item = item->next) {
        if (n == SETTINGS_MAX_SAFELISTS) {
            settings_error(r, item, "more than %d safelists", SETTINGS_MAX_SAFELISTS);
            break;
        }
        safelists[n] = (struct safelist){.name = "", .added_days = -1, .ticket = ""};
        (void)settings_read_section(r, SECTION_SAFELIST, "a safelist", item, &safelists[n]);
        check_name(r, safelists, n, node->first, item);
        n++;
    }
    out->safelists = safelists;
    out->n_safelists = n;
}

/* A day more, because somewhere it is tomorrow already. */
void settings_check_dates(const struct settings *settings, int64_t today_days, struct problems *problems) {
    for (size_t i = 0; i < settings->n_safelists; i++) {
        const struct safelist *safelist = &settings->safelists[i];
        if (safelist->added_days > today_days + 1)
            problems_warn(problems, safelist->added_line, safelist->added_column,
                          "safelist \"%s\" was added in %lld days, says \"added\": correct it, or this "
                          "machine's clock",
                          safelist->name, (long long)(safelist->added_days - today_days));
    }
}

/* ---- what nobody watches ---- */

/* What of one safelisted range the lists that count are asked about. */
struct watched {
    bool any;       /* some of it, on some list */
    size_t n_lists; /* that are not asked about all of it */
    uint64_t least; /* ... of these the one that is asked about least */
    const char *least_list;
};

/* The ranges that are checked on list `index`, cut to be disjoint, in order; returns how many. */
static size_t ranges_of_list(const struct settings *settings, const struct settings_swept *all, size_t n,
                             size_t index, struct ip_range *out) {
    const struct list *list = &settings->lists[index];
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct ip_range range = all[i].range;
        if (!settings->groups[all[i].group].lists[index] || !list->families[range.first.family])
            continue;
        struct ip_range *before = kept > 0 ? &out[kept - 1] : NULL;
        if (!before || ip_compare(&range.first, &before->last) > 0)
            out[kept++] = range;
        else if (ip_compare(&range.last, &before->last) > 0)
            before->last = range.last;
    }
    return kept;
}

static const struct ip *later(const struct ip *a, const struct ip *b) {
    return ip_compare(a, b) < 0 ? b : a;
}

static const struct ip *earlier(const struct ip *a, const struct ip *b) {
    return ip_compare(a, b) < 0 ? a : b;
}

/* How many addresses of `range` are in `ranges`, which are disjoint and in order. */
static uint64_t count_within(const struct ip_range *range, const struct ip_range *ranges, size_t n) {
    size_t at = 0;
    size_t end = n;
    while (at < end) {
        size_t mid = at + (end - at) / 2;
        if (ip_compare(&ranges[mid].last, &range->first) < 0)
            at = mid + 1;
        else
            end = mid;
    }
    uint64_t count = 0;
    for (; at < n && ip_compare(&ranges[at].first, &range->last) <= 0; at++) {
        const struct ip_range both = {*later(&ranges[at].first, &range->first),
                                      *earlier(&ranges[at].last, &range->last)};
        count += ip_range_count(&both);
    }
    return count;
}

/* A list that is named counts, however little it is asked about; else it counts if that is anything. */
static void count_range(const struct safelist *safelist, const struct group_range *range, const char *list,
                        uint64_t addresses, struct watched *watched) {
    watched->any = watched->any || addresses > 0;
    if (addresses == ip_range_count(&range->range) || (addresses == 0 && !safelist->lists))
        return;
    if (watched->n_lists == 0 || addresses < watched->least) {
        watched->least = addresses;
        watched->least_list = list;
    }
    watched->n_lists++;
}

static void count_list(const struct settings *settings, const struct ip_range *ranges, size_t n, size_t list,
                       struct watched *watched) {
    for (size_t i = 0; i < settings->n_safelists; i++) {
        const struct safelist *safelist = &settings->safelists[i];
        for (size_t k = 0; k < safelist->n_ranges; k++, watched++)
            if (!safelist->lists || safelist->lists[list])
                count_range(safelist, &safelist->ranges[k], settings->lists[list].name,
                            count_within(&safelist->ranges[k].range, ranges, n), watched);
    }
}

#define TOO_LARGE "it is too large to be swept, so name the part of it that your mail leaves from"

static bool is_sweepable(const struct group_range *range) {
    return ip_range_count(&range->range) <= SETTINGS_MAX_RANGE;
}

static const char *count_text(const struct ip_range *range, char out[HUMAN_SIZE]) {
    uint64_t count = ip_range_count(range);
    return count < UINT64_MAX ? human_number(count, out) : ip_range_format_count(range, out);
}

static void warn_of_part(struct settings_reader *r, const struct group_range *range,
                         const struct watched *watched, const struct node *place) {
    char total[HUMAN_SIZE];
    char number[HUMAN_SIZE];
    char more[64] = "";
    bool enough = (double)watched->least >= SETTINGS_ENOUGH * (double)ip_range_count(&range->range);
    if (watched->n_lists > 1)
        snprintf(more, sizeof more, ", and %zu more list%s about a part", watched->n_lists - 1,
                 watched->n_lists > 2 ? "s" : "");
    problems_warn(r->problems, place->line, place->column,
                  "\"%s\" is asked about only %s of the %s addresses of %s%s%s; %s", watched->least_list,
                  human_number(watched->least, number), count_text(&range->range, total), range->label, more,
                  enough ? "" : ", so it is never said that it may go",
                  is_sweepable(range) ? "put all of it under \"ranges\" of a group that is checked there, or "
                                        "name the lists that count under \"lists\""
                                      : TOO_LARGE);
}

static void warn_of_range(struct settings_reader *r, const struct safelist *safelist,
                          const struct group_range *range, const struct watched *watched,
                          const struct node *place) {
    if (watched->any && watched->n_lists > 0)
        warn_of_part(r, range, watched, place);
    if (!watched->any)
        problems_warn(r->problems, place->line, place->column,
                      "nobody watches %s: no group that is checked on %s has any of it, so it is never said "
                      "that it may go; %s",
                      range->label, safelist->lists ? "its \"lists\"" : "a block list",
                      is_sweepable(range) ? "put all of it under \"ranges\" of a group" : TOO_LARGE);
}

static void warn_of_all(struct settings_reader *r, const struct settings *settings,
                        const struct watched *watched, const struct node *node) {
    const struct node *item = node->first;
    for (size_t i = 0; i < settings->n_safelists; i++, item = item->next) {
        const struct safelist *safelist = &settings->safelists[i];
        const struct node *place = node_find(item, "ranges")->first;
        for (size_t k = 0; k < safelist->n_ranges; k++, place = place->next)
            warn_of_range(r, safelist, &safelist->ranges[k], watched++, place);
    }
}

/* What files and SPF records say is not known yet, so nothing can be said of what nobody watches. */
static bool has_sources(const struct settings *settings) {
    for (size_t i = 0; i < settings->n_groups; i++)
        if (settings->groups[i].n_files > 0 || settings->groups[i].spf)
            return true;
    return false;
}

void settings_warn_of_unwatched(struct settings_reader *r, const struct settings *settings,
                                const struct node *node) {
    size_t n = 0;
    size_t n_safelisted = 0;
    for (size_t i = 0; i < settings->n_safelists; i++)
        n_safelisted += settings->safelists[i].n_ranges;
    if (n_safelisted == 0 || has_sources(settings))
        return;
    struct settings_swept *all = settings_collect_ranges(settings, true, &n);
    struct ip_range *ranges = calloc(n + 1, sizeof *ranges);
    struct watched *watched = calloc(n_safelisted, sizeof *watched);
    if (all && ranges && watched) {
        for (size_t i = 0; i < settings->n_lists; i++)
            if (settings->lists[i].enabled && settings->lists[i].kind == LIST_BLOCK)
                count_list(settings, ranges, ranges_of_list(settings, all, n, i, ranges), i, watched);
        warn_of_all(r, settings, watched, node);
    } else {
        r->problems->no_memory = true;
    }
    free(all);
    free(ranges);
    free(watched);
}
