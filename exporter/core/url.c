/* SPDX-License-Identifier: Apache-2.0 */
#include "core/url.h"

#include <stdbool.h>
#include <string.h>

const char *const url_error_text[URL_ERRORS] = {
    [URL_OK] = "",
    [URL_ESCAPE] = "a % must be followed by two hexadecimal digits (% itself is written %25)",
    [URL_NUL] = "there must be no NUL (%00)",
    [URL_TOO_LONG] = "it is too long",
    [URL_TOO_MANY] = "there are too many parameters",
    [URL_TWICE] = "a parameter is there twice",
};

static int digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes text[0..len) to out + *used, with a NUL; `*used` is then behind that. */
static enum url_error decode(const char *text, size_t len, bool plus, char *out, size_t *used) {
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            int high = len - i > 2 ? digit(text[i + 1]) : -1;
            int low = high >= 0 ? digit(text[i + 2]) : -1;
            if (low < 0)
                return URL_ESCAPE;
            c = high * 16 + low;
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (c == '\0')
            return URL_NUL;
        if (*used >= URL_SIZE - 1)
            return URL_TOO_LONG;
        out[(*used)++] = (char)c;
    }
    if (*used >= URL_SIZE)
        return URL_TOO_LONG;
    out[(*used)++] = '\0';
    return URL_OK;
}

enum url_error url_path(const char *text, char out[URL_SIZE]) {
    size_t used = 0;
    enum url_error error = decode(text, strlen(text), false, out, &used);
    if (error != URL_OK)
        out[0] = '\0';
    return error;
}

const char *url_query_find(const struct url_query *query, const char *name) {
    for (size_t i = 0; i < query->n; i++)
        if (strcmp(query->parameters[i].name, name) == 0)
            return query->parameters[i].value;
    return NULL;
}

/* One piece between `&`, decoded to room + *used. */
static enum url_error split(const char *piece, size_t len, char *room, size_t *used,
                            struct url_parameter *out) {
    const char *equals = memchr(piece, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - piece) : len;
    size_t skip = equals != NULL ? name_len + 1 : name_len;
    out->name = room + *used;
    enum url_error error = decode(piece, name_len, true, room, used);
    out->value = room + *used;
    if (error == URL_OK)
        error = decode(piece + skip, len - skip, true, room, used);
    return error;
}

static enum url_error add(struct url_query *query, const char *piece, size_t len, size_t *used) {
    struct url_parameter parameter;
    enum url_error error = split(piece, len, query->text, used, &parameter);
    if (error != URL_OK)
        return error;
    if (query->n == URL_PARAMETERS)
        return URL_TOO_MANY;
    if (url_query_find(query, parameter.name) != NULL)
        return URL_TWICE;
    query->parameters[query->n++] = parameter;
    return URL_OK;
}

enum url_error url_query_next(const char **text, char room[URL_SIZE], struct url_parameter *out) {
    size_t len = strcspn(*text, "&");
    size_t used = 0;
    const char *piece = *text;
    *out = (struct url_parameter){NULL, NULL};
    *text += len + (piece[len] == '&');
    return len > 0 ? split(piece, len, room, &used, out) : URL_OK;
}

enum url_error url_query_parse(const char *text, struct url_query *out) {
    enum url_error error = URL_OK;
    size_t used = 0;
    out->n = 0;
    while (error == URL_OK && *text != '\0') {
        size_t len = strcspn(text, "&");
        if (len > 0)
            error = add(out, text, len, &used);
        text += len + (text[len] == '&');
    }
    if (error != URL_OK)
        out->n = 0;
    return error;
}
