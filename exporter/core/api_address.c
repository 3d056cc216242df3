/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/addresses/IP: where one address is configured, what each list says about it, and what happened.
 */
#include "core/api.h"
#include "core/api_internal.h"
#include "core/checker_probe.h"
#include "core/rfc3339.h"
#include "core/why.h"

#include <string.h>

#define PARAMETERS "limit before"

struct address {
    const struct api *api;
    const struct settings *settings;
    const struct targets *targets;
    const struct registry *registry;
    const struct ip *ip;
    struct json json;
};

/* ---- what is asked ---- */

static bool read_ip(struct buf *out, const char *path, struct ip *ip) {
    char text[URL_SIZE];
    enum url_error error = url_path(path, text);
    if (error != URL_OK) {
        api_refuse(out, "the address cannot be read: %s", url_error_text[error]);
        return false;
    }
    if (ip_parse(text, strlen(text), ip) == STATUS_OK)
        return true;
    api_refuse(out, "'%.100s' is no address: expected one such as 192.0.2.1 or 2001:db8::1", text);
    return false;
}

static bool read_before(struct buf *out, const struct url_query *query, int64_t *before_ns) {
    const char *text = url_query_find(query, "before");
    *before_ns = INT64_MAX;
    if (text == NULL || rfc3339_parse(text, before_ns) == STATUS_OK)
        return true;
    api_refuse(out,
               "before must be a time in UTC such as 2026-01-31T12:00:00Z or what `history_next` says, not "
               "'%.100s'",
               text);
    return false;
}

unsigned api_question_read_of(struct buf *out, const char *path, const char *query, const char *known,
                              struct api_question *question) {
    struct api_question read = {.limit = API_HISTORY_DEFAULT};
    struct url_query parameters;
    if (!read_ip(out, path, &read.ip) || !api_read_query(out, query, known, &parameters) ||
        !api_read_number(out, &parameters, "limit", API_HISTORY_MAX, &read.limit) ||
        !read_before(out, &parameters, &read.before_ns))
        return API_BAD_REQUEST;
    *question = read;
    return API_OK;
}

unsigned api_question_read(struct buf *out, const char *path, const char *query,
                           struct api_question *question) {
    return api_question_read_of(out, path, query, PARAMETERS, question);
}

/* ---- where it is configured ---- */

static bool holds(const struct address *a, uint32_t range) {
    return ip_range_contains(&a->targets->ranges[range].range->range, a->ip);
}

static void add_places(struct address *a) {
    json_array(&a->json, "groups");
    for (uint32_t g = 0; g < a->settings->n_groups; g++)
        if (target_group_names(a->targets, g, a->ip))
            json_string(&a->json, NULL, a->settings->groups[g].name);
    json_close(&a->json);
    json_array(&a->json, "ranges");
    for (uint32_t i = 0; i < a->targets->n_ranges; i++)
        if (holds(a, i))
            api_range(&a->json, a->api, &a->targets->ranges[i]);
    json_close(&a->json);
}

/* ---- what the lists say ---- */

static void add_score(struct address *a, const struct registry_list *of, uint32_t index, bool shown) {
    if (shown && of->scores != NULL && of->scores[index] != REGISTRY_NO_SCORE)
        json_u64(&a->json, "score", of->scores[index]);
    else
        json_null(&a->json, "score");
}

static void add_list(struct address *a, uint32_t list, uint32_t index) {
    const struct list *l = &a->settings->lists[list];
    const struct registry_list *of = &a->registry->lists[list];
    const struct registry_entry *entry = registry_entry_find(a->registry, list, index);
    enum registry_verdict verdict =
        registry_is_fresh(of, index) ? registry_verdict_of(of, index) : REGISTRY_UNKNOWN;
    bool shown = verdict != REGISTRY_UNKNOWN;
    bool listed = verdict == REGISTRY_LISTED;
    json_object(&a->json, NULL);
    json_string(&a->json, "list", l->name);
    json_string(&a->json, "zone", l->zone);
    json_string(&a->json, "kind", list_kind_text[l->kind]);
    json_string(&a->json, "tier", list_tier_text[l->tier]);
    json_string(&a->json, "state", health_state_text[a->api->checker->lists[list].state]);
    json_string(&a->json, "verdict", registry_verdict_text[verdict]);
    json_string(&a->json, "reason",
                shown ? NULL : why_text(checker_why_unknown(a->api->checker, list, index)));
    json_bool(&a->json, "fresh", shown && !of->frozen);
    api_codes(&a->json, l, listed && entry != NULL ? entry->codes : 0);
    add_score(a, of, index, shown);
    /* Scores come and go without a flip. */
    api_since(&a->json, a->api, shown && l->kind != LIST_REPUTATION ? entry : NULL);
    api_stamp(&a->json, a->api, "last_check", registry_cell_stamp(a->registry, list, index));
    api_stamp(&a->json, a->api, "last_change", entry != NULL ? entry->changed : 0);
    api_advice(&a->json, l, listed ? entry : NULL);
    json_close(&a->json);
}

static void add_lists(struct address *a) {
    json_rows(&a->json, "lists");
    for (uint32_t list = 0; list < a->settings->n_lists; list++) {
        const struct target_set *set = a->registry->lists[list].set;
        uint32_t index = set != NULL ? target_index(set, a->ip) : UINT32_MAX;
        if (index != UINT32_MAX)
            add_list(a, list, index);
    }
    json_close(&a->json);
}

/* ---- what happened ---- */

static void add_history(struct address *a, const struct api_history *history) {
    json_rows(&a->json, "history");
    for (size_t i = 0; i < history->n; i++) {
        const struct history_event *event = &history->events[i];
        json_object(&a->json, NULL);
        json_time(&a->json, "time", event->wall_ns);
        json_string(&a->json, "event", history_kind_text[event->kind]);
        json_string(&a->json, "list", event->list);
        json_string(&a->json, "detail", event->detail);
        json_close(&a->json);
    }
    json_close(&a->json);
    if (history->more && history->n > 0)
        json_time_ns(&a->json, "history_next", history->events[history->n - 1].wall_ns);
    else
        json_null(&a->json, "history_next");
    json_string(&a->json, "history_error", history->error);
}

static struct address begin(const struct api *api, const struct api_question *question) {
    return (struct address){
        .api = api,
        .settings = api->checker->settings,
        .targets = api->checker->targets,
        .registry = api->checker->registry,
        .ip = &question->ip,
    };
}

/* `asked` NULL: what is known of all lists. */
static void render(struct address *a, struct buf *out, const bool *asked, const struct api_history *history) {
    char text[IP_TEXT_SIZE];
    (void)ip_format(a->ip, text);
    json_begin(&a->json, out);
    json_object(&a->json, NULL);
    json_string(&a->json, "address", text);
    add_places(a);
    json_bool(&a->json, "watched", target_is_configured(a->targets, a->ip));
    if (asked != NULL)
        api_check_lists(&a->json, a->api, a->ip, asked);
    else
        add_lists(a);
    add_history(a, history);
    json_close(&a->json);
}

void api_check(struct buf *out, const struct api *api, const struct api_question *question, const bool *lists,
               const struct api_history *history) {
    struct address a = begin(api, question);
    render(&a, out, lists, history);
}

unsigned api_address(struct buf *out, const struct api *api, const struct api_question *question,
                     const struct api_history *history) {
    struct address a = begin(api, question);
    char text[IP_TEXT_SIZE];
    (void)ip_format(&question->ip, text);
    if (!target_is_configured(a.targets, a.ip) && history->n == 0) {
        api_refuse(out, "%s is not among the configured addresses and ranges, so it is not checked%s%s", text,
                   history->error != NULL ? "; of its history: " : ", and there is no history of it",
                   history->error != NULL ? history->error : "");
        return API_NOT_FOUND;
    }
    render(&a, out, NULL, history);
    return API_OK;
}
