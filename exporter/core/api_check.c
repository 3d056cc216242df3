/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/addresses/IP: what is wanted of which lists, and what each of them says when asked.
 */
#include "core/api.h"
#include "core/api_internal.h"
#include "core/checker_probe.h"
#include "core/why.h"

#include <string.h>

#define PARAMETERS "limit before list"

/* ---- what is asked ---- */

static bool is_asked(const struct api *api, uint32_t list) {
    return api->checker->lists[list].list != NULL;
}

static bool choose(struct buf *out, const struct api *api, const char *name, bool *lists) {
    const struct settings *settings = api->checker->settings;
    char names[API_NAMES_SIZE] = "";
    for (uint32_t i = 0; i < settings->n_lists; i++) {
        if (is_asked(api, i) && strcmp(settings->lists[i].name, name) == 0) {
            lists[i] = true;
            return true;
        }
    }
    for (uint32_t i = 0; i < settings->n_lists; i++)
        if (is_asked(api, i) && !api_add_name(names, settings->lists[i].name))
            break;
    api_refuse(out, "there is no list '%.100s' that is asked: there %s %s", name,
               names[0] != '\0' ? "are" : "is", names[0] != '\0' ? names : "none");
    return false;
}

/* Takes the lists out of the query; the rest goes to `rest`. `any`: lists were named. */
static bool read_lists(struct buf *out, const struct api *api, const char *query, char rest[URL_SIZE],
                       bool *lists, bool *any) {
    char room[URL_SIZE];
    size_t used = 0;
    rest[0] = '\0';
    for (const char *at = query; *at != '\0';) {
        const char *piece = at;
        struct url_parameter parameter;
        enum url_error error = url_query_next(&at, room, &parameter);
        size_t len = (size_t)(at - piece);
        bool is_list = error == URL_OK && parameter.name != NULL && strcmp(parameter.name, "list") == 0;
        if (error == URL_OK && !is_list && used + len >= URL_SIZE)
            error = URL_TOO_LONG;
        if (error != URL_OK) {
            api_refuse(out, "the text behind ? cannot be read: %s", url_error_text[error]);
            return false;
        }
        if (is_list && !choose(out, api, parameter.value, lists))
            return false;
        *any = *any || is_list;
        if (!is_list) {
            memcpy(rest + used, piece, len);
            used += len;
            rest[used] = '\0';
        }
    }
    return true;
}

unsigned api_check_read(struct buf *out, const struct api *api, const char *path, const char *query,
                        struct api_question *question, bool *lists) {
    char rest[URL_SIZE];
    bool any = false;
    memset(lists, 0, LIST_MAX * sizeof *lists);
    if (!read_lists(out, api, query, rest, lists, &any) ||
        api_question_read_of(out, path, rest, PARAMETERS, question) != API_OK)
        return API_BAD_REQUEST;
    for (uint32_t i = 0; i < api->checker->settings->n_lists; i++)
        lists[i] = is_asked(api, i) && (lists[i] || !any);
    const char *special = checker_probe_refusal(api->checker, &question->ip);
    if (special == NULL)
        return API_OK;
    char text[IP_TEXT_SIZE];
    (void)ip_format(&question->ip, text);
    api_refuse(out,
               "%s is %s: no mail comes from it over the internet, so lists are not asked about it unless it "
               "is configured",
               text, special);
    return API_BAD_REQUEST;
}

/* ---- what the lists say ---- */

static void read_result(const struct api *api, uint32_t list, const struct ip *ip, struct probe_result *out) {
    if (checker_probe_read(api->checker, list, ip, api->now_ns, out))
        return;
    *out = (struct probe_result){
        .verdict = REGISTRY_UNKNOWN, .why = WHY_NOT_CHECKED, .score = -1, .took_us = UINT32_MAX};
}

/* An answer that has not come yet is one that did not come in time. */
static const char *reason_of(const struct probe_result *result) {
    if (result->verdict != REGISTRY_UNKNOWN)
        return NULL;
    return why_text(result->open ? WHY_TIMEOUT : result->why);
}

static void add_result(struct json *j, const struct list *list, const struct probe_result *result,
                       bool frozen) {
    json_string(j, "verdict", registry_verdict_text[result->verdict]);
    json_string(j, "reason", reason_of(result));
    json_bool(j, "open", result->open);
    json_bool(j, "fresh", result->verdict != REGISTRY_UNKNOWN && !frozen);
    api_codes(j, list, result->codes);
    if (result->score >= 0)
        json_i64(j, "score", result->score);
    else
        json_null(j, "score");
}

static void add_times(struct json *j, const struct api *api, uint32_t list, const struct ip *ip,
                      const struct probe_result *result) {
    const struct registry *registry = api->checker->registry;
    bool known = result->verdict != REGISTRY_UNKNOWN;
    const struct target_set *set = result->is_target ? registry->lists[list].set : NULL;
    uint32_t index = set != NULL ? target_index(set, ip) : UINT32_MAX;
    const struct registry_entry *entry =
        index != UINT32_MAX ? registry_entry_find(registry, list, index) : NULL;
    bool is_score = registry->lists[list].scores != NULL; /* scores come and go without a flip */
    api_since(j, api, known && !is_score ? entry : NULL);
    if (index != UINT32_MAX)
        api_stamp(j, api, "last_check", registry_cell_stamp(registry, list, index));
    else if (known)
        json_time(j, "last_check", result->ended_ns + api->wall_offset_ns);
    else
        json_null(j, "last_check");
    api_stamp(j, api, "last_change", entry != NULL ? entry->changed : 0);
    if (result->took_us != UINT32_MAX)
        json_double(j, "latency_seconds", result->took_us / 1e6);
    else
        json_null(j, "latency_seconds");
}

static void add_list(struct json *j, const struct api *api, uint32_t list, const struct ip *ip) {
    const struct list *l = &api->checker->settings->lists[list];
    struct probe_result result;
    read_result(api, list, ip, &result);
    json_object(j, NULL);
    json_string(j, "list", l->name);
    json_string(j, "zone", l->zone);
    json_string(j, "kind", list_kind_text[l->kind]);
    json_string(j, "tier", list_tier_text[l->tier]);
    json_string(j, "state", health_state_text[api->checker->lists[list].state]);
    add_result(j, l, &result, api->checker->registry->lists[list].frozen);
    add_times(j, api, list, ip, &result);
    json_string(j, "txt", result.txt);
    json_string(j, "delisting_page", l->delist_url[0] != '\0' ? l->delist_url : NULL);
    json_string(j, "note", l->note[0] != '\0' ? l->note : NULL);
    json_close(j);
}

void api_check_lists(struct json *j, const struct api *api, const struct ip *ip, const bool *lists) {
    json_rows(j, "lists");
    for (uint32_t list = 0; list < api->checker->settings->n_lists; list++)
        if (lists[list] && is_asked(api, list))
            add_list(j, api, list, ip);
    json_close(j);
}
