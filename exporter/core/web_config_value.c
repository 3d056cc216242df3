/* SPDX-License-Identifier: Apache-2.0 */
#include "core/web_config_internal.h"

#include <stdio.h>
#include <string.h>

/* What YAML 1.1 takes for a boolean, as the library of Go programs does. */
static const char *const bools[] = {
    "true",  "True",  "TRUE",  "yes", "Yes", "YES", "on",  "On",  "ON",  "y", "Y",
    "false", "False", "FALSE", "no",  "No",  "NO",  "off", "Off", "OFF", "n", "N",
};

/* In nanoseconds; the micro sign and the Greek letter are both in use. */
static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000},
    {"\xce\xbcs", 1000},
    {"ms", 1000000},
    {"s", INT64_C(1000000000)},
    {"m", INT64_C(60000000000)},
    {"h", INT64_C(3600000000000)},
};
enum { N_UNITS = sizeof units / sizeof *units };

const char *web_text(struct web_reader *r, const struct node *value) {
    if (value->type != NODE_SCALAR) {
        web_wrong(r, value, "a text", false);
        return NULL;
    }
    const char *text = arena_copy(&r->config->arena, value->text, value->len);
    if (!text)
        r->problems->no_memory = true;
    return text;
}

void web_read_ignored_bool(struct web_reader *r, const struct node *value) {
    bool is_bool = false;
    for (size_t i = 0; i < sizeof bools / sizeof *bools && value->type == NODE_SCALAR; i++)
        is_bool = is_bool || (!value->quoted && strcmp(value->text, bools[i]) == 0);
    if (!is_bool)
        web_wrong(r, value, "true or false", true);
}

/* The names in one text, for a message. Returns `out`. */
static const char *join(const char *const *names, char *out, size_t size) {
    size_t len = (size_t)snprintf(out, size, "one of ");
    for (size_t i = 0; names[i] && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "", names[i]);
    return out;
}

int web_choice(struct web_reader *r, const struct node *value, const char *const *names) {
    char type[256];
    for (int i = 0; names[i] && value->type == NODE_SCALAR; i++)
        if (strcmp(value->text, names[i]) == 0)
            return i;
    web_wrong(r, value, join(names, type, sizeof type), true);
    return -1;
}

bool web_is_list(struct web_reader *r, const struct node *value, const char *type) {
    if (value->type != NODE_SEQUENCE)
        web_wrong(r, value, type, true);
    return value->type == NODE_SEQUENCE;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The unit that stands between `text` and the next digit or point; NULL if none. */
static const struct unit *find_unit(const char *text, size_t *len) {
    *len = strcspn(text, "0123456789.");
    for (size_t i = 0; i < N_UNITS; i++)
        if (strlen(units[i].name) == *len && memcmp(units[i].name, text, *len) == 0)
            return &units[i];
    return NULL;
}

/* Digits, perhaps with a point in, before or behind them: `*whole`, and `*part` of `*scale`, which is cut
 * where it says nothing any more. */
static bool read_decimal(const char **at, int64_t *whole, int64_t *part, int64_t *scale) {
    const char *text = *at;
    size_t n_digits = 0;
    *whole = *part = 0;
    *scale = 1;
    for (; is_digit(*text); text++, n_digits++)
        if (__builtin_mul_overflow(*whole, 10, whole) || __builtin_add_overflow(*whole, *text - '0', whole))
            return false;
    if (*text == '.')
        for (text++; is_digit(*text); text++, n_digits++)
            if (*scale < INT64_C(100000)) {
                *part = *part * 10 + (*text - '0');
                *scale *= 10;
            }
    *at = text;
    return n_digits > 0;
}

bool web_parse_duration(const char *text, int64_t *out_ns) {
    int64_t total = 0;
    if (*text == '\0')
        return false;
    if (strcmp(text, "0") == 0) {
        *out_ns = 0;
        return true;
    }
    while (*text) {
        int64_t whole;
        int64_t part;
        int64_t scale;
        size_t len;
        if (!read_decimal(&text, &whole, &part, &scale))
            return false;
        const struct unit *unit = find_unit(text, &len);
        if (!unit || __builtin_mul_overflow(whole, unit->ns, &whole) ||
            __builtin_add_overflow(total, whole, &total) ||
            __builtin_add_overflow(total, part * unit->ns / scale, &total))
            return false;
        text += len;
    }
    *out_ns = total;
    return true;
}
