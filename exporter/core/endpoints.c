/* SPDX-License-Identifier: Apache-2.0 */
#include "core/endpoints.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The address of the list, for messages. */
#define SOURCE "https://endpoints.office.com/endpoints/worldwide"

struct reader {
    struct problems *problems;
    struct ip_range *ranges;
    struct endpoints out;
};

static void complain(struct reader *r, const struct node *node, const char *what) {
    problems_error(r->problems, node->line, node->column, "%s", what);
}

bool endpoints_is(const char *text, size_t len) {
    size_t i = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (i < len && (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r')))
        i++;
    return i < len && (text[i] == '[' || text[i] == '{');
}

/* Whether `name` (as `*.mail.protection.outlook.com`) is `domain` or lies under it. */
static bool is_under(const struct node *name, const char *domain) {
    size_t len = strlen(domain);
    if (name->type != NODE_SCALAR || name->len < len)
        return false;
    const char *tail = name->text + name->len - len;
    return strcasecmp(tail, domain) == 0 && (name->len == len || tail[-1] == '.');
}

static bool sends_mail(const struct node *set) {
    const struct node *area = node_find(set, "serviceArea");
    const struct node *urls = node_find(set, "urls");
    if (area == NULL || area->type != NODE_SCALAR || strcasecmp(area->text, "Exchange") != 0)
        return false;
    for (const struct node *url = urls ? urls->first : NULL; url; url = url->next)
        if (is_under(url, "protection.outlook.com") || is_under(url, "mx.microsoft"))
            return true;
    return false;
}

static void read_range(struct reader *r, const struct node *item) {
    char why[320];
    struct ip_range *range = &r->ranges[r->out.n_ranges];
    if (item->type != NODE_SCALAR) {
        complain(r, item, "expected a range, like \"40.92.0.0/15\"");
        return;
    }
    enum ip_range_error error = ip_range_parse(item->text, item->len, range);
    if (error == IP_RANGE_OK) {
        r->out.n_ranges++;
        return;
    }
    ip_range_explain(error, item->text, item->len, range, why, sizeof why);
    complain(r, item, why);
}

static void check_set(struct reader *r, const struct node *set) {
    const struct node *ips = node_find(set, "ips");
    const struct node *urls = node_find(set, "urls");
    if (set->type != NODE_MAPPING || node_find(set, "serviceArea") == NULL)
        complain(r, set, "expected a set of endpoints with a \"serviceArea\", as in " SOURCE);
    else if (ips != NULL && ips->type != NODE_SEQUENCE)
        complain(r, ips, "expected a list of ranges under \"ips\"");
    else if (urls != NULL && urls->type != NODE_SEQUENCE)
        complain(r, urls, "expected a list of names under \"urls\"");
}

static const struct node *ips_taken(const struct node *set) {
    const struct node *ips = sends_mail(set) ? node_find(set, "ips") : NULL;
    return ips != NULL && ips->type == NODE_SEQUENCE ? ips : NULL;
}

static size_t count_ips(const struct node *root) {
    size_t n = 0;
    for (const struct node *set = root->first; set; set = set->next) {
        const struct node *ips = ips_taken(set);
        n += ips ? ips->n_children : 0;
    }
    return n;
}

static int compare_ranges(const void *a, const void *b) {
    return ip_range_compare(a, b);
}

static void sort_ranges(struct reader *r) {
    size_t n = 0;
    qsort(r->ranges, r->out.n_ranges, sizeof *r->ranges, compare_ranges);
    for (size_t i = 0; i < r->out.n_ranges; i++)
        if (i == 0 || compare_ranges(&r->ranges[n - 1], &r->ranges[i]) != 0)
            r->ranges[n++] = r->ranges[i];
    r->out.n_ranges = n;
}

static void read_sets(struct reader *r, const struct node *root) {
    for (const struct node *set = root->first; set; set = set->next) {
        const struct node *ips = ips_taken(set);
        check_set(r, set);
        r->out.n_sets++;
        r->out.n_sets_taken += ips != NULL;
        for (const struct node *item = ips ? ips->first : NULL; item; item = item->next)
            read_range(r, item);
    }
    if (r->out.n_ranges == 0 && !problems_failed(r->problems))
        complain(
            r, root,
            "none of its sets sends mail; expected at least one with the serviceArea \"Exchange\", a name "
            "under protection.outlook.com or mx.microsoft, and \"ips\", as in " SOURCE);
    sort_ranges(r);
}

enum status endpoints_read(const struct node *root, struct arena *arena, struct problems *problems,
                           struct endpoints *out) {
    struct reader r = {.problems = problems};
    if (root == NULL || root->type != NODE_SEQUENCE) {
        problems_error(problems, root ? root->line : 0, root ? root->column : 0,
                       "is no list of endpoints; expected the JSON that " SOURCE " answers, a list of sets");
        return problems->no_memory ? STATUS_NO_MEMORY : STATUS_INVALID;
    }
    r.ranges = arena_array(arena, count_ips(root), sizeof *r.ranges);
    if (r.ranges == NULL)
        return STATUS_NO_MEMORY;
    read_sets(&r, root);
    if (problems_failed(problems))
        return problems->no_memory ? STATUS_NO_MEMORY : STATUS_INVALID;
    r.out.ranges = r.ranges;
    *out = r.out;
    return STATUS_OK;
}
