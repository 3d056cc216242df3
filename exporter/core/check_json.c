/* SPDX-License-Identifier: Apache-2.0
 *
 * A check as JSON. An address of a range is there if it is listed.
 */
#include "core/check.h"

#include "core/check_internal.h"
#include "core/json.h"

static void add_codes(struct json *j, const struct list *list, uint64_t codes) {
    json_array(j, "codes");
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++)
        if ((codes >> bit & 1) != 0)
            json_string(j, NULL, list_code_name(list, bit));
    json_close(j);
}

static void add_list(struct json *j, const struct list *list, const struct check_result *result,
                     int64_t wall_offset_ns) {
    json_object(j, NULL);
    json_string(j, "list", list->name);
    json_string(j, "zone", list->zone);
    json_string(j, "kind", list_kind_text[list->kind]);
    json_string(j, "verdict", registry_verdict_text[result->verdict]);
    json_string(j, "reason", result->reason);
    add_codes(j, list, result->codes);
    if (result->score >= 0)
        json_i64(j, "score", result->score);
    else
        json_null(j, "score");
    if (result->since_ns != INT64_MIN)
        json_time(j, "since", result->since_ns + wall_offset_ns);
    else
        json_null(j, "since");
    json_string(j, "txt", result->txt);
    if (result->took_us != UINT32_MAX)
        json_double(j, "latency_seconds", result->took_us / 1e6);
    else
        json_null(j, "latency_seconds");
    json_string(j, "delisting_page", list->delist_url[0] != '\0' ? list->delist_url : NULL);
    json_close(j);
}

static void add_address(struct json *j, const struct check_view *view, const struct ip *ip,
                        int64_t wall_offset_ns) {
    char text[IP_TEXT_SIZE];
    (void)ip_format(ip, text);
    json_object(j, NULL);
    json_string(j, "address", text);
    json_rows(j, "lists");
    for (uint32_t i = 0; i < view->n_lists; i++) {
        struct check_result result;
        if (view->result(view, i, ip, &result))
            add_list(j, &view->lists[i], &result, wall_offset_ns);
    }
    json_close(j);
    json_close(j);
}

static void add_range(struct json *j, const struct check_view *view, const struct ip_range *range,
                      int64_t wall_offset_ns) {
    uint64_t n = ip_range_count(range);
    bool unknown = false;
    for (uint64_t i = 0; i < n; i++) {
        struct ip ip = ip_add(range->first, i);
        if (check_is_single(range) || check_is_listed(view, &ip, &unknown))
            add_address(j, view, &ip, wall_offset_ns);
    }
}

static void add_counts(struct json *j, const struct check_counts *counts) {
    json_u64(j, "addresses", counts->listed + counts->not_listed + counts->unknown);
    json_u64(j, "listed", counts->listed);
    json_u64(j, "not_listed", counts->not_listed);
    json_u64(j, "unknown", counts->unknown);
}

static void add_lists(struct json *j, const struct check_view *view, const struct ip_range *ranges,
                      size_t n) {
    json_rows(j, "lists");
    for (uint32_t i = 0; i < view->n_lists; i++) {
        struct check_counts counts = {0};
        enum health_state state = HEALTH_UNKNOWN;
        if (view->stand(view, i, &state) == CHECK_NOT_WANTED)
            continue;
        for (size_t k = 0; k < n; k++) {
            struct check_counts more = check_count(view, &ranges[k], i);
            check_add_counts(&counts, &more);
        }
        json_object(j, NULL);
        json_string(j, "list", view->lists[i].name);
        json_string(j, "kind", list_kind_text[view->lists[i].kind]);
        json_string(j, "state", health_state_text[state]);
        add_counts(j, &counts);
        json_close(j);
    }
    json_close(j);
}

static void add_ranges(struct json *j, const struct check_view *view) {
    json_rows(j, "ranges");
    for (size_t i = 0; i < view->n_ranges; i++) {
        const struct ip_range *range = &view->ranges[i];
        char text[IP_RANGE_TEXT_SIZE];
        if (check_is_single(range))
            continue;
        struct check_counts counts = check_count(view, range, -1);
        (void)ip_range_format(range, text);
        json_object(j, NULL);
        json_string(j, "range", text);
        add_counts(j, &counts);
        add_lists(j, view, range, 1);
        json_close(j);
    }
    json_close(j);
}

void check_json(struct buf *out, const struct check_view *view, int64_t wall_offset_ns) {
    struct check_counts all = {0};
    struct json j;
    json_begin(&j, out);
    json_object(&j, NULL);
    json_rows(&j, "checks");
    for (size_t i = 0; i < view->n_ranges; i++) {
        struct check_counts more = check_count(view, &view->ranges[i], -1);
        check_add_counts(&all, &more);
        add_range(&j, view, &view->ranges[i], wall_offset_ns);
    }
    json_close(&j);
    json_object(&j, "summary");
    add_counts(&j, &all);
    add_lists(&j, view, view->ranges, view->n_ranges);
    add_ranges(&j, view);
    json_close(&j);
    json_close(&j);
}
