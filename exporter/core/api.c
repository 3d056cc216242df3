/* SPDX-License-Identifier: Apache-2.0 */
#include "core/api.h"

#include "core/api_internal.h"

#include <stdio.h>
#include <string.h>

enum { ERROR_SIZE = 2048 };

void api_refuse(struct buf *out, const char *format, ...) {
    char text[ERROR_SIZE];
    struct json j;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_begin(&j, out);
    json_object(&j, NULL);
    json_string(&j, "error", text);
    json_close(&j);
}

bool api_add_name(char names[API_NAMES_SIZE], const char *name) {
    size_t len = strlen(names);
    if (len + strlen(name) + sizeof ", , ..." > API_NAMES_SIZE) {
        (void)stpcpy(names + len, ", ...");
        return false;
    }
    (void)stpcpy(stpcpy(names + len, len > 0 ? ", " : ""), name);
    return true;
}

static bool is_known(const char *known, const char *name) {
    size_t n = strlen(name);
    for (const char *at = known + strspn(known, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        if (len == n && memcmp(at, name, n) == 0)
            return true;
        at += len;
    }
    return false;
}

bool api_read_query(struct buf *out, const char *text, const char *known, struct url_query *query) {
    enum url_error error = url_query_parse(text, query);
    if (error != URL_OK) {
        api_refuse(out, "the text behind ? cannot be read: %s", url_error_text[error]);
        return false;
    }
    for (size_t i = 0; i < query->n; i++) {
        if (!is_known(known, query->parameters[i].name)) {
            api_refuse(out, "there is no parameter '%.100s': there are %s", query->parameters[i].name, known);
            return false;
        }
    }
    return true;
}

bool api_read_number(struct buf *out, const struct url_query *query, const char *name, unsigned max,
                     unsigned *value) {
    const char *text = url_query_find(query, name);
    if (text == NULL)
        return true;
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && number <= max; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    if (at == text || *at != '\0' || number < 1 || number > max) {
        api_refuse(out, "%s must be a whole number from 1 to %u, not '%.100s'", name, max, text);
        return false;
    }
    *value = (unsigned)number;
    return true;
}

void api_stamp(struct json *j, const struct api *api, const char *name, uint32_t stamp) {
    if (stamp == 0)
        json_null(j, name);
    else
        json_time(j, name, registry_ns(api->checker->registry, stamp) + api->wall_offset_ns);
}

/* A configured name may be "other", as that of answers without a name is. */
void api_codes(struct json *j, const struct list *list, uint64_t codes) {
    const char *other = list_code_name(list, LIST_CODE_OTHER);
    bool other_written = false;
    json_array(j, "codes");
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++) {
        if ((codes >> bit & 1) == 0)
            continue;
        const char *name = list_code_name(list, bit);
        bool is_other = strcmp(name, other) == 0;
        if (!is_other || !other_written)
            json_string(j, NULL, name);
        other_written = other_written || is_other;
    }
    json_close(j);
}

void api_since(struct json *j, const struct api *api, const struct registry_entry *entry) {
    uint32_t since = entry != NULL ? entry->since : 0;
    bool flip_seen = entry != NULL && entry->changed != 0;
    api_stamp(j, api, "since", flip_seen ? since : 0);
    api_stamp(j, api, "first_seen", flip_seen ? 0 : since);
}

void api_range(struct json *j, const struct api *api, const struct target_range *range) {
    json_object(j, NULL);
    json_string(j, "group", api->checker->settings->groups[range->group].name);
    json_string(j, "range", range->range->label);
    json_close(j);
}

void api_advice(struct json *j, const struct list *list, const struct registry_entry *entry) {
    json_string(j, "txt", entry != NULL ? entry->txt : NULL);
    json_string(j, "delisting_page", list->delist_url[0] != '\0' ? list->delist_url : NULL);
}
