/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/listings. Counts per segment say where nothing is listed, so that only spans with a listing are
 * walked; spans that match as a whole are walked no further than the page reaches.
 */
#include "core/api.h"
#include "core/api_internal.h"

#include <stdlib.h>
#include <string.h>

#define PARAMETERS "limit page list group range"
enum { CURSOR_SIZE = 160, ANY = -1 };
/* The two parts of a list's addresses, as a cursor names them. */
enum { IN_RANGES = 'r', ONE_BY_ONE = 'a', SEPARATOR = '~' };

struct filter {
    int64_t list;      /* ANY or an index */
    int64_t group;     /* ANY or an index */
    const char *range; /* NULL or a label */
};

/* Which addresses of a span match. */
enum match { MATCH_NONE, MATCH_NAMED, MATCH_ALL };

struct listings {
    const struct api *api;
    const struct settings *settings;
    const struct targets *targets;
    const struct registry *registry;
    struct url_query query;
    struct filter filter;
    unsigned limit;
    uint32_t from_list; /* where the page begins */
    uint32_t from_index;
    struct json json;
    unsigned n_shown;
    bool more;
    uint32_t last_list; /* of those shown */
    uint32_t last_index;
    uint64_t total;
};

static bool is_block_list(const struct settings *settings, uint32_t list) {
    return settings->lists[list].enabled && settings->lists[list].kind == LIST_BLOCK;
}

/* ---- what is asked ---- */

static int64_t find_list(const struct settings *settings, const char *name, size_t len) {
    for (uint32_t i = 0; i < settings->n_lists; i++) {
        const char *has = settings->lists[i].name;
        if (is_block_list(settings, i) && strncmp(has, name, len) == 0 && has[len] == '\0')
            return i;
    }
    return ANY;
}

static bool read_list(struct buf *out, struct listings *l) {
    char names[API_NAMES_SIZE] = "";
    const char *name = url_query_find(&l->query, "list");
    l->filter.list = name != NULL ? find_list(l->settings, name, strlen(name)) : ANY;
    if (name == NULL || l->filter.list != ANY)
        return true;
    for (uint32_t i = 0; i < l->settings->n_lists; i++)
        if (is_block_list(l->settings, i) && !api_add_name(names, l->settings->lists[i].name))
            break;
    api_refuse(out, "there is no block list '%.100s' that is asked: there %s %s", name,
               names[0] != '\0' ? "are" : "is", names[0] != '\0' ? names : "none");
    return false;
}

static bool read_group(struct buf *out, struct listings *l) {
    char names[API_NAMES_SIZE] = "";
    const char *name = url_query_find(&l->query, "group");
    l->filter.group = ANY;
    for (uint32_t i = 0; name != NULL && i < l->settings->n_groups; i++)
        if (strcmp(l->settings->groups[i].name, name) == 0)
            l->filter.group = i;
    if (name == NULL || l->filter.group != ANY)
        return true;
    for (uint32_t i = 0; i < l->settings->n_groups; i++)
        if (!api_add_name(names, l->settings->groups[i].name))
            break;
    api_refuse(out, "there is no group '%.100s': there are %s", name, names);
    return false;
}

static bool is_wanted(const struct listings *l, const struct target_range *range) {
    return (l->filter.group == ANY || l->filter.group == range->group) &&
           (l->filter.range == NULL || strcmp(l->filter.range, range->range->label) == 0);
}

static bool read_range(struct buf *out, struct listings *l) {
    l->filter.range = url_query_find(&l->query, "range");
    if (l->filter.range == NULL)
        return true;
    for (uint32_t i = 0; i < l->targets->n_ranges; i++)
        if (is_wanted(l, &l->targets->ranges[i]))
            return true;
    api_refuse(out,
               "%s has no range '%.100s': it is named as the label `range` of the metrics names it, such as "
               "198.51.100.0/24 or 198.51.100.8-198.51.100.20",
               l->filter.group == ANY ? "the configuration" : "that group", l->filter.range);
    return false;
}

/* ---- the cursor: LIST~r~ADDRESS ---- */

/* The index that follows an address (which need not be there any more) among spans[first..end). */
static uint32_t index_after(const struct target_set *set, uint32_t first, uint32_t end, const struct ip *ip) {
    uint32_t lo = first;
    uint32_t hi = end;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (ip_compare(&set->spans[mid].first, ip) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == first)
        return first < set->n_spans ? set->spans[first].base : set->n;
    const struct target_span *span = &set->spans[lo - 1];
    uint64_t distance = span->first.family == ip->family ? ip_distance(&span->first, ip) : UINT64_MAX;
    return span->base + (distance < span->count ? (uint32_t)distance + 1 : span->count);
}

static bool read_cursor(struct buf *out, struct listings *l) {
    const char *text = url_query_find(&l->query, "page");
    if (text == NULL)
        return true;
    size_t len = strcspn(text, "~");
    char part = text[len] != '\0' ? text[len + 1] : '\0';
    struct ip ip;
    if ((part != IN_RANGES && part != ONE_BY_ONE) || text[len + 2] != SEPARATOR ||
        ip_parse(text + len + 3, strlen(text + len + 3), &ip) != STATUS_OK) {
        api_refuse(out, "page must be what `next` of the answer before this says, not '%.100s'", text);
        return false;
    }
    int64_t list = find_list(l->settings, text, len);
    if (list == ANY) {
        api_refuse(out,
                   "page goes on behind a listing of '%.*s', which is asked no longer: begin again without "
                   "page",
                   len < 100 ? (int)len : 100, text);
        return false;
    }
    const struct target_set *set = l->registry->lists[list].set;
    l->from_list = (uint32_t)list;
    l->from_index = part == IN_RANGES ? index_after(set, 0, set->n_segment_spans, &ip)
                                      : index_after(set, set->n_segment_spans, set->n_spans, &ip);
    return true;
}

static void add_cursor(struct listings *l) {
    char text[CURSOR_SIZE];
    char ip_text[IP_TEXT_SIZE];
    if (!l->more) {
        json_null(&l->json, "next");
        return;
    }
    const struct target_set *set = l->registry->lists[l->last_list].set;
    struct ip ip = target_ip(set, l->last_index);
    (void)ip_format(&ip, ip_text);
    char *to = stpcpy(text, l->settings->lists[l->last_list].name);
    *to++ = SEPARATOR;
    *to++ = l->last_index < set->n_swept ? IN_RANGES : ONE_BY_ONE;
    *to++ = SEPARATOR;
    (void)stpcpy(to, ip_text);
    json_string(&l->json, "next", text);
}

/* ---- one listing ---- */

static int watch_order(const void *key, const void *watch) {
    uint32_t index = *(const uint32_t *)key;
    uint32_t other = ((const struct target_watch *)watch)->index;
    return (index > other) - (index < other);
}

static void add_groups(struct listings *l, uint32_t list, uint32_t index, const struct ip *ip) {
    const struct target_set *set = l->registry->lists[list].set;
    json_array(&l->json, "groups");
    if (bsearch(&index, set->watched, set->n_watched, sizeof *set->watched, watch_order) != NULL)
        for (uint32_t g = 0; g < l->settings->n_groups; g++)
            if (l->settings->groups[g].lists[list] && target_group_names(l->targets, g, ip))
                json_string(&l->json, NULL, l->settings->groups[g].name);
    json_close(&l->json);
}

static bool holds(const struct target_range *range, int32_t segment) {
    return segment != TARGET_NO_SEGMENT && (uint32_t)segment - range->first_segment < range->n_segments;
}

static void add_ranges(struct listings *l, uint32_t list, int32_t segment) {
    json_array(&l->json, "ranges");
    for (uint32_t i = 0; segment != TARGET_NO_SEGMENT && i < l->targets->n_ranges; i++) {
        const struct target_range *range = &l->targets->ranges[i];
        if (holds(range, segment) && l->settings->groups[range->group].lists[list])
            api_range(&l->json, l->api, range);
    }
    json_close(&l->json);
}

static void show(struct listings *l, uint32_t list, const struct target_span *span, uint32_t index) {
    const struct list *of = &l->settings->lists[list];
    const struct registry_entry *entry = registry_entry_find(l->registry, list, index);
    struct ip ip = ip_add(span->first, index - span->base);
    char text[IP_TEXT_SIZE];
    (void)ip_format(&ip, text);
    json_object(&l->json, NULL);
    json_string(&l->json, "ip", text);
    json_string(&l->json, "list", of->name);
    json_string(&l->json, "zone", of->zone);
    json_string(&l->json, "tier", list_tier_text[of->tier]);
    add_groups(l, list, index, &ip);
    add_ranges(l, list, span->segment);
    api_codes(&l->json, of, entry != NULL ? entry->codes : 0);
    api_since(&l->json, l->api, entry);
    api_stamp(&l->json, l->api, "last_check", registry_cell_stamp(l->registry, list, index));
    api_advice(&l->json, of, entry);
    json_close(&l->json);
    l->last_list = list;
    l->last_index = index;
    l->n_shown++;
}

/* ---- all of them ---- */

static enum match match(const struct listings *l, uint32_t list, const struct target_span *span) {
    if (l->filter.group == ANY && l->filter.range == NULL)
        return MATCH_ALL;
    for (uint32_t i = 0; span->segment != TARGET_NO_SEGMENT && i < l->targets->n_ranges; i++) {
        const struct target_range *range = &l->targets->ranges[i];
        if (holds(range, span->segment) && is_wanted(l, range) &&
            l->settings->groups[range->group].lists[list])
            return MATCH_ALL;
    }
    bool named = l->filter.range == NULL && l->settings->groups[l->filter.group].lists[list];
    return named ? MATCH_NAMED : MATCH_NONE;
}

static bool is_named(const struct listings *l, const struct target_span *span, uint32_t index) {
    struct ip ip = ip_add(span->first, index - span->base);
    return target_group_names(l->targets, (uint32_t)l->filter.group, &ip);
}

static bool is_on_page(const struct listings *l, uint32_t list, uint32_t index) {
    return list > l->from_list || (list == l->from_list && index >= l->from_index);
}

/* Shows and counts the listings of a span, of which there are at most `listed`. */
static void walk(struct listings *l, uint32_t list, const struct target_span *span, uint32_t listed) {
    const struct registry_list *of = &l->registry->lists[list];
    enum match matches = match(l, list, span);
    bool counted = matches == MATCH_ALL && span->segment != TARGET_NO_SEGMENT;
    uint32_t end = span->base + span->count;
    uint32_t at = span->base;
    if (matches == MATCH_NONE)
        return;
    if (counted) {
        l->total += listed;
        if (!is_on_page(l, list, end - 1))
            return;
        if (list == l->from_list && at < l->from_index)
            at = l->from_index;
    }
    for (; listed > 0 && !(counted && l->more); at++, listed--) {
        at = registry_next_listed(of, at, end);
        if (at == end)
            return;
        if (matches == MATCH_NAMED && !is_named(l, span, at))
            continue;
        if (!counted)
            l->total++;
        if (!is_on_page(l, list, at))
            continue;
        if (l->n_shown < l->limit)
            show(l, list, span, at);
        else
            l->more = true;
    }
}

static void walk_list(struct listings *l, uint32_t list) {
    const struct registry_list *of = &l->registry->lists[list];
    for (uint32_t i = 0; i < of->set->n_spans; i++) {
        const struct target_span *span = &of->set->spans[i];
        uint32_t listed = span->segment != TARGET_NO_SEGMENT ? of->counts[span->segment].listed : span->count;
        if (listed > 0)
            walk(l, list, span, listed);
    }
}

/* Their verdicts are those of before, kept. */
static void add_blind(struct listings *l) {
    json_array(&l->json, "blind_lists");
    for (uint32_t i = 0; i < l->settings->n_lists; i++)
        if (is_block_list(l->settings, i) && l->registry->lists[i].frozen)
            json_string(&l->json, NULL, l->settings->lists[i].name);
    json_close(&l->json);
}

static void render(struct listings *l) {
    json_object(&l->json, NULL);
    json_rows(&l->json, "listings");
    for (uint32_t list = 0; list < l->settings->n_lists; list++)
        if (is_block_list(l->settings, list) && (l->filter.list == ANY || l->filter.list == list))
            walk_list(l, list);
    json_close(&l->json);
    json_u64(&l->json, "total", l->total);
    add_cursor(l);
    json_time(&l->json, "generated_at", l->api->now_ns + l->api->wall_offset_ns);
    add_blind(l);
    json_close(&l->json);
}

unsigned api_listings(struct buf *out, const struct api *api, const char *query) {
    struct listings l = {
        .api = api,
        .settings = api->checker->settings,
        .targets = api->checker->targets,
        .registry = api->checker->registry,
        .limit = API_LISTINGS_DEFAULT,
    };
    json_begin(&l.json, out);
    if (!api_read_query(out, query, PARAMETERS, &l.query) ||
        !api_read_number(out, &l.query, "limit", API_LISTINGS_MAX, &l.limit) || !read_list(out, &l) ||
        !read_group(out, &l) || !read_range(out, &l) || !read_cursor(out, &l))
        return API_BAD_REQUEST;
    render(&l);
    return API_OK;
}
