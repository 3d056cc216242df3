/* SPDX-License-Identifier: Apache-2.0 */
#include "core/settings_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An address or range and where it was written. */
struct entry {
    struct ip_range range;
    const struct node *node;
};

static int compare_entries(const void *a, const void *b) {
    const struct entry *left = a;
    const struct entry *right = b;
    int order = ip_range_compare(&left->range, &right->range);
    if (order == 0)
        order = left->node->line < right->node->line ? -1 : left->node->line > right->node->line;
    if (order == 0)
        order = left->node->column < right->node->column ? -1 : left->node->column > right->node->column;
    return order;
}

/* Sorts `entries`, so that the time grows little more than their number. */
static void refuse_duplicates(struct settings_reader *r, struct entry *entries, size_t n, const char *what) {
    char shown[SETTINGS_SHOWN_SIZE];
    size_t first = 0;
    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 1; i < n; i++) {
        const struct ip_range *a = &entries[first].range;
        const struct ip_range *b = &entries[i].range;
        if (ip_equal(&a->first, &b->first) && ip_equal(&a->last, &b->last))
            settings_error(r, entries[i].node, "%s %s is given twice; the first is on line %u", what,
                           settings_show(entries[i].node, shown), entries[first].node->line);
        else
            first = i;
    }
}

/* Reads one item of a sequence into `out`, or reports why it cannot. */
typedef bool read_item(struct settings_reader *r, const struct node *item, struct ip_range *out);

/* Reads all items; `*n_out` good ones are in the returned memory (free() it), NULL if there is none. */
static struct entry *read_items(struct settings_reader *r, const struct schema_key *key,
                                const struct node *value, read_item *read, size_t *n_out) {
    if (!settings_expect(r, key, value, NODE_SEQUENCE))
        return NULL;
    struct entry *entries = calloc(value->n_children, sizeof *entries);
    if (!entries) {
        r->problems->no_memory = true;
        return NULL;
    }
    size_t n = 0;
    for (const struct node *item = value->first; item; item = item->next) {
        if (item->type != NODE_SCALAR) {
            settings_wrong(r, key, item);
        } else if (read(r, item, &entries[n].range)) {
            enum ip_family family = entries[n].range.first.family;
            if (!r->first_of_family[family])
                r->first_of_family[family] = item;
            entries[n++].node = item;
        }
    }
    *n_out = n;
    return entries;
}

static bool read_address(struct settings_reader *r, const struct node *item, struct ip_range *out) {
    char shown[SETTINGS_SHOWN_SIZE];
    struct ip_range range;
    if (ip_parse(item->text, item->len, &out->first) == STATUS_OK) {
        out->last = out->first;
        return true;
    }
    enum ip_range_error error = ip_range_parse(item->text, item->len, &range);
    if (error == IP_RANGE_SYNTAX)
        settings_error(r, item, "%s is no IPv4 or IPv6 address", settings_show(item, shown));
    else
        settings_error(r, item,
                       "%s is a range; \"addresses\" takes single addresses, put it under \"ranges\"",
                       settings_show(item, shown));
    return false;
}

void settings_read_addresses(struct settings_reader *r, const struct schema_key *key,
                             const struct node *value, void *target) {
    struct group *group = target;
    size_t n = 0;
    struct entry *entries = read_items(r, key, value, read_address, &n);
    struct ip *addresses = entries ? settings_alloc(r, n, sizeof *addresses) : NULL;
    if (addresses) {
        for (size_t i = 0; i < n; i++)
            addresses[i] = entries[i].range.first;
        group->addresses = addresses;
        group->n_addresses = n;
        refuse_duplicates(r, entries, n, "address");
    }
    free(entries);
}

static bool is_sweepable(struct settings_reader *r, const struct node *item, const struct ip_range *range) {
    char shown[SETTINGS_SHOWN_SIZE];
    char number[IP_COUNT_SIZE];
    uint64_t count = ip_range_count(range);
    if (count > SETTINGS_MAX_RANGE) {
        settings_error(r, item, "range %s has %s addresses; at most %d can be swept",
                       settings_show(item, shown), ip_range_format_count(range, number), SETTINGS_MAX_RANGE);
        return false;
    }
    bool was_within = r->n_swept <= SETTINGS_MAX_TOTAL;
    r->n_swept += count;
    if (was_within && r->n_swept > SETTINGS_MAX_TOTAL)
        settings_error(r, item,
                       "from here on the ranges have more than %d addresses together, which is the most that "
                       "can be swept",
                       SETTINGS_MAX_TOTAL);
    return true;
}

static bool read_range(struct settings_reader *r, const struct node *item, struct ip_range *out) {
    char text[256];
    enum ip_range_error error = ip_range_parse(item->text, item->len, out);
    if (error == IP_RANGE_OK)
        return true;
    ip_range_explain(error, item->text, item->len, out, text, sizeof text);
    settings_error(r, item, "%s", text);
    return false;
}

/* IPv6 is too large to be swept: such a range tells which bounced addresses are the group's. */
static bool is_recognised_only(const struct ip_range *range) {
    return range->first.family == IP_V6 && ip_range_count(range) > SETTINGS_MAX_RANGE;
}

static bool read_swept_range(struct settings_reader *r, const struct node *item, struct ip_range *out) {
    if (!read_range(r, item, out))
        return false;
    if (!is_recognised_only(out))
        return is_sweepable(r, item, out);
    char shown[SETTINGS_SHOWN_SIZE];
    problems_warn(r->problems, item->line, item->column,
                  "range %s is too large to be swept: it only serves to recognise bounced addresses",
                  settings_show(item, shown));
    return true;
}

static const char *label_of(struct settings_reader *r, const struct ip_range *range) {
    char text[IP_RANGE_TEXT_SIZE];
    const char *label = arena_copy(r->arena, text, ip_range_format(range, text));
    if (!label)
        r->problems->no_memory = true;
    return label;
}

struct group_range *settings_read_range_list(struct settings_reader *r, const struct schema_key *key,
                                             const struct node *value, bool swept, size_t *n_out) {
    size_t n = 0;
    struct entry *entries = read_items(r, key, value, swept ? read_swept_range : read_range, &n);
    struct group_range *ranges = entries ? settings_alloc(r, n, sizeof *ranges) : NULL;
    if (ranges) {
        for (size_t i = 0; i < n; i++)
            ranges[i] =
                (struct group_range){.range = entries[i].range, .label = label_of(r, &entries[i].range)};
        *n_out = n;
        refuse_duplicates(r, entries, n, "range");
    }
    free(entries);
    return ranges;
}

/* Those that are too large to be swept are put aside. */
static void part_ranges(struct settings_reader *r, struct group_range *ranges, size_t n,
                        struct group *group) {
    struct ip_range *recognised = settings_alloc(r, n, sizeof *recognised);
    for (size_t i = 0; recognised && i < n; i++)
        if (is_recognised_only(&ranges[i].range))
            recognised[group->n_recognised++] = ranges[i].range;
        else
            ranges[group->n_ranges++] = ranges[i];
    group->ranges = ranges;
    group->recognised = recognised;
}

void settings_read_ranges(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                          void *target) {
    size_t n = 0;
    struct group_range *ranges = settings_read_range_list(r, key, value, true, &n);
    if (ranges)
        part_ranges(r, ranges, n, target);
}

static size_t find_list(const struct settings_reader *r, const char *name) {
    size_t i = 0;
    while (i < r->n_lists && strcmp(r->lists[i].name, name) != 0)
        i++;
    return i;
}

static void refuse_list(struct settings_reader *r, const struct node *item) {
    const char *near = NULL;
    for (size_t i = 0; i < r->n_lists && settings_wants_suggestion(r); i++)
        near = settings_nearer(item->text, near, r->lists[i].name);
    char hint[96];
    char shown[SETTINGS_SHOWN_SIZE];
    settings_error(r, item, "there is no list %s under \"lists\"%s", settings_show(item, shown),
                   settings_did_you_mean(near, hint, sizeof hint));
}

static void read_list_name(struct settings_reader *r, const struct schema_key *key, const struct node *item,
                           const char *who, bool *seen, bool *lists) {
    if (item->type != NODE_SCALAR) {
        settings_wrong(r, key, item);
        return;
    }
    size_t index = find_list(r, item->text);
    if (index == r->n_lists) {
        refuse_list(r, item);
    } else if (seen[index]) {
        settings_error(r, item, "list \"%s\" is given twice", item->text);
    } else {
        seen[index] = true;
        lists[index] = r->lists[index].enabled;
        if (!lists[index])
            problems_warn(r->problems, item->line, item->column,
                          "list \"%s\" is disabled; %s is not checked on it", item->text, who);
    }
}

bool *settings_read_list_names(struct settings_reader *r, const struct schema_key *key,
                               const struct node *value, const char *who) {
    bool seen[LIST_MAX] = {false};
    if (!settings_expect(r, key, value, NODE_SEQUENCE))
        return NULL;
    if (value->n_children > r->n_lists) {
        settings_error(r, value, "\"lists\" has %zu entries, but only %zu lists are configured",
                       value->n_children, r->n_lists);
        return NULL;
    }
    bool *lists = settings_alloc(r, r->n_lists, sizeof *lists);
    for (const struct node *item = value->first; item && lists; item = item->next)
        read_list_name(r, key, item, who, seen, lists);
    return lists;
}

void settings_read_group_lists(struct settings_reader *r, const struct schema_key *key,
                               const struct node *value, void *target) {
    struct group *group = target;
    const bool *lists = settings_read_list_names(r, key, value, "the group");
    if (lists)
        group->lists = lists;
}

/* Warns of what no list of the group will ever be asked about. */
static void check_families(struct settings_reader *r, const struct node *node, const struct group *group) {
    size_t n = 0;
    bool asked[IP_FAMILIES] = {false};
    for (size_t i = 0; i < r->n_lists; i++) {
        n += group->lists[i];
        for (size_t family = 0; family < IP_FAMILIES; family++)
            asked[family] |= group->lists[i] && r->lists[i].families[family];
    }
    if (n == 0) {
        problems_warn(r->problems, node->line, node->column, "group \"%s\" is checked on no list",
                      group->name);
        return;
    }
    for (size_t family = 0; family < IP_FAMILIES; family++) {
        const struct node *first = r->first_of_family[family];
        if (first && !asked[family])
            problems_warn(r->problems, first->line, first->column,
                          "none of the lists of group \"%s\" is asked about IPv%d addresses", group->name,
                          family == IP_V4 ? 4 : 6);
    }
}

static const bool *enabled_lists(struct settings_reader *r) {
    bool *lists = settings_alloc(r, r->n_lists, sizeof *lists);
    for (size_t i = 0; lists && i < r->n_lists; i++)
        lists[i] = r->lists[i].enabled;
    return lists;
}

void settings_read_group(struct settings_reader *r, const struct node *node, struct group *out) {
    *out = (struct group){.name = "",
                          .lists = enabled_lists(r),
                          .interval_ns = r->defaults.interval_ns,
                          .sweep_interval_ns = r->defaults.sweep_interval_ns,
                          .ranges_date_days = -1};
    memset(r->first_of_family, 0, sizeof r->first_of_family);
    if (!out->lists || !settings_read_section(r, SECTION_GROUP, "a group", node, out))
        return;
    bool sources = node_find(node, "files") || node_find(node, "spf");
    if (!node_find(node, "addresses") && !node_find(node, "ranges") && !sources)
        settings_error(r, node, "group \"%s\" has none of \"addresses\", \"ranges\", \"files\" and \"spf\"",
                       out->name);
    if (node_find(node, "ranges_date") && !node_find(node, "ranges"))
        settings_error(r, node_find(node, "ranges_date")->key,
                       "\"ranges_date\" is of no use without \"ranges\"");
    if (node_find(node, "only_ptr") && !node_find(node, "ranges") && !sources)
        settings_error(
            r, node_find(node, "only_ptr")->key,
            "\"only_ptr\" is about ranges: it is of no use without \"ranges\", \"files\" or \"spf\"");
    check_families(r, node, out);
}
