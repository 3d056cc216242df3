/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/lists: what each list is, whether it can be believed, what it costs and how far it has come.
 * The numbers are those of /metrics, taken from where those are taken.
 */
#include "core/api.h"
#include "core/api_internal.h"
#include "core/why.h"

#include <string.h>

#define SECONDS(ns) ((double)(ns) / 1e9)

struct lists {
    const struct api *api;
    const struct checker *checker;
    const struct settings *settings;
    bool wanted[LIST_MAX];
    struct json json;
};

/* ---- what is asked ---- */

static bool choose(struct buf *out, struct lists *l, const char *name) {
    char names[API_NAMES_SIZE] = "";
    for (uint32_t i = 0; i < l->settings->n_lists; i++) {
        if (strcmp(l->settings->lists[i].name, name) == 0) {
            l->wanted[i] = true;
            return true;
        }
    }
    for (uint32_t i = 0; i < l->settings->n_lists; i++)
        if (!api_add_name(names, l->settings->lists[i].name))
            break;
    api_refuse(out, "there is no list '%.100s': there are %s", name, names);
    return false;
}

static bool read_parameter(struct buf *out, struct lists *l, const struct url_parameter *parameter) {
    if (parameter->name == NULL)
        return true;
    if (strcmp(parameter->name, "list") == 0)
        return choose(out, l, parameter->value);
    api_refuse(out, "there is no parameter '%.100s': there is list", parameter->name);
    return false;
}

static bool read_query(struct buf *out, struct lists *l, const char *query) {
    char room[URL_SIZE];
    bool any = false;
    for (const char *at = query; *at != '\0';) {
        struct url_parameter parameter;
        enum url_error error = url_query_next(&at, room, &parameter);
        if (error != URL_OK) {
            api_refuse(out, "the text behind ? cannot be read: %s", url_error_text[error]);
            return false;
        }
        if (!read_parameter(out, l, &parameter))
            return false;
        any = any || parameter.name != NULL;
    }
    for (uint32_t i = 0; i < l->settings->n_lists; i++)
        l->wanted[i] = l->wanted[i] || !any;
    return true;
}

/* ---- what it is ---- */

static void add_families(struct json *j, const struct list *list) {
    json_array(j, "families");
    if (list->families[IP_V4])
        json_string(j, NULL, "ipv4");
    if (list->families[IP_V6])
        json_string(j, NULL, "ipv6");
    json_close(j);
}

static void add_codes(struct json *j, const struct list *list) {
    char text[LIST_ANSWERS_SIZE];
    json_array(j, "codes");
    for (size_t i = 0; i < list->n_codes; i++) {
        list_answers_format(&list->codes[i], 0, text);
        json_object(j, NULL);
        json_string(j, "answer", text);
        json_string(j, "name", list->code_names[list->codes[i].name]);
        json_close(j);
    }
    json_close(j);
}

static void add_what_it_is(struct json *j, const struct list *list) {
    json_string(j, "name", list->name);
    json_string(j, "dns_zone", list->zone);
    json_string(j, "kind", list_kind_text[list->kind]);
    json_string(j, "tier", list_tier_text[list->tier]);
    json_bool(j, "enabled", list->enabled);
    add_families(j, list);
    add_codes(j, list);
    json_string(j, "delisting_page", list->delist_url[0] != '\0' ? list->delist_url : NULL);
    json_string(j, "note", list->note[0] != '\0' ? list->note : NULL);
}

/* ---- whether it can be believed ---- */

static void add_moment(struct lists *l, const char *name, int64_t ns, bool known) {
    if (known)
        json_time(&l->json, name, ns + l->api->wall_offset_ns);
    else
        json_null(&l->json, name);
}

static void add_last_failure(struct lists *l, const struct checker_list *of) {
    char text[WHY_FAILURE_SIZE];
    if (of->last_failure.kind != VERDICT_UNKNOWN) {
        json_null(&l->json, "last_failure");
        return;
    }
    json_object(&l->json, "last_failure");
    add_moment(l, "time", of->last_failure_ns, true);
    json_string(&l->json, "reason",
                of->last_failure.reason < REASON_LABELS ? verdict_reason_text[of->last_failure.reason]
                                                        : NULL);
    json_string(&l->json, "text", why_failure(&of->last_failure, text));
    json_close(&l->json);
}

static void add_state(struct lists *l, uint32_t list) {
    const struct checker_list *of = &l->checker->lists[list];
    bool on = of->list != NULL;
    const char *why = on ? why_advice(WHY_STATE + (unsigned)of->state) : "";
    int64_t next_ns = on ? checker_next_test_ns(l->checker, list) : INT64_MAX;
    json_string(&l->json, "state", on ? health_state_text[of->state] : NULL);
    if (on)
        json_bool(&l->json, "up", checker_is_up(l->checker, list));
    else
        json_null(&l->json, "up");
    json_string(&l->json, "why", why[0] != '\0' ? why : NULL);
    json_bool(&l->json, "unproven", on && of->unproven);
    add_last_failure(l, of);
    add_moment(l, "last_health_check", of->health_check_ns, on && of->health_check_ns != 0);
    add_moment(l, "next_health_check", next_ns, next_ns != INT64_MAX);
}

/* ---- what it costs ---- */

static void add_counters(struct json *j, const struct checker_counters *counters) {
    json_u64(j, "queries", counters->queries);
    json_u64(j, "retries", counters->retries);
    json_object(j, "failures");
    for (int reason = 0; reason < REASON_LABELS; reason++)
        json_u64(j, verdict_reason_text[reason], counters->failures[reason]);
    json_close(j);
}

/* Where nothing is spent, nothing comes back. */
static void add_quota(struct lists *l, uint32_t list) {
    struct quota *quota = l->settings->lists[list].enabled ? checker_quota(l->checker, list) : NULL;
    int share = l->settings->lists[list].budget.share;
    if (quota == NULL || quota->limit == 0) {
        json_null(&l->json, "quota");
        return;
    }
    uint64_t used = quota_used(quota, l->api->now_ns);
    json_object(&l->json, "quota");
    json_string(&l->json, "budget", share >= 0 ? l->settings->budgets[share].name : NULL);
    json_u64(&l->json, "limit", quota->limit);
    json_double(&l->json, "per_seconds", SECONDS(quota->per_ns));
    json_u64(&l->json, "used", used);
    add_moment(l, "reset", quota_reset_ns(quota, l->api->now_ns), used > 0);
    json_close(&l->json);
}

static void add_rate(struct json *j, const struct list_budget *budget) {
    if (budget->rate > 0)
        json_double(j, "rate_per_second", budget->rate);
    else
        json_null(j, "rate_per_second");
    json_double(j, "burst", budget->burst);
}

/* ---- how far it has come ---- */

static void add_intervals(struct lists *l, uint32_t list) {
    json_array(&l->json, "recheck_intervals");
    for (uint32_t group = 0; group < l->settings->n_groups; group++) {
        if (!l->settings->lists[list].enabled || !target_group_covers(l->checker->targets, group, list))
            continue;
        int64_t ns = checker_interval(l->checker, list, group, l->api->now_ns);
        json_object(&l->json, NULL);
        json_string(&l->json, "group", l->settings->groups[group].name);
        if (ns > 0)
            json_double(&l->json, "seconds", SECONDS(ns));
        else
            json_null(&l->json, "seconds");
        json_close(&l->json);
    }
    json_close(&l->json);
}

static void add_sweep(struct lists *l, uint32_t list) {
    const struct plan_sweep *sweep = &l->checker->lists[list].plan.sweep;
    bool ended = sweep->completed_ns != 0;
    if (!l->settings->lists[list].enabled || sweep->n == 0) {
        json_null(&l->json, "sweep");
        return;
    }
    json_object(&l->json, "sweep");
    json_u64(&l->json, "addresses", sweep->n);
    json_bool(&l->json, "running", sweep->running);
    json_u64(&l->json, "checked", sweep->running ? sweep->position : ended ? sweep->n : 0);
    add_moment(l, "started", sweep->whole_ns, sweep->running || ended);
    add_moment(l, "last_completion", sweep->completed_ns, ended);
    if (ended)
        json_double(&l->json, "last_duration_seconds", SECONDS(sweep->duration_ns));
    else
        json_null(&l->json, "last_duration_seconds");
    json_close(&l->json);
}

/* Counts per segment say how many of ranges are; the others are looked at. */
static uint64_t count_listed(const struct lists *l, uint32_t list) {
    const struct registry_list *of = &l->checker->registry->lists[list];
    uint64_t n = 0;
    for (uint32_t i = 0; i < of->set->n_segment_spans; i++)
        n += of->counts[of->set->spans[i].segment].listed;
    for (uint32_t at = of->set->n_swept; at < of->set->n; at++) {
        at = registry_next_listed(of, at, of->set->n);
        n += at < of->set->n;
    }
    return n;
}

static void add_listed(struct lists *l, uint32_t list) {
    const struct list *of = &l->settings->lists[list];
    if (of->enabled && of->kind == LIST_BLOCK)
        json_u64(&l->json, "listed", count_listed(l, list));
    else
        json_null(&l->json, "listed");
}

/* ---- all of them ---- */

static void add_list(struct lists *l, uint32_t list) {
    json_object(&l->json, NULL);
    add_what_it_is(&l->json, &l->settings->lists[list]);
    add_state(l, list);
    add_listed(l, list);
    add_counters(&l->json, &l->checker->lists[list].counters);
    add_quota(l, list);
    add_rate(&l->json, &l->settings->lists[list].budget);
    add_intervals(l, list);
    add_sweep(l, list);
    json_close(&l->json);
}

unsigned api_lists(struct buf *out, const struct api *api, const char *query) {
    struct lists l = {.api = api, .checker = api->checker, .settings = api->checker->settings};
    if (!read_query(out, &l, query))
        return API_BAD_REQUEST;
    json_begin(&l.json, out);
    json_object(&l.json, NULL);
    json_rows(&l.json, "lists");
    for (uint32_t list = 0; list < l.settings->n_lists; list++)
        if (l.wanted[list])
            add_list(&l, list);
    json_close(&l.json);
    json_time(&l.json, "generated_at", api->now_ns + api->wall_offset_ns);
    json_close(&l.json);
    return API_OK;
}
