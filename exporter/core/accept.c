/* SPDX-License-Identifier: Apache-2.0 */
#include "core/accept.h"

#include <stdint.h>
#include <string.h>

static struct accept_text trim(struct accept_text s) {
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool accept_is(struct accept_text piece, const char *text) {
    if (strlen(text) != piece.len)
        return false;
    for (size_t i = 0; i < piece.len; i++)
        if (lower(piece.at[i]) != text[i])
            return false;
    return true;
}

/* How much of text[0..len), which may end sooner with a NUL, stands before the next `mark` that is not in
 * quotes. */
static size_t up_to(const char *text, size_t len, char mark) {
    bool quoted = false;
    size_t n = 0;
    for (; n < len && text[n] != '\0' && (quoted || text[n] != mark); n++) {
        if (text[n] == '"')
            quoted = !quoted;
        else if (quoted && text[n] == '\\' && n + 1 < len && text[n + 1] != '\0')
            n++;
    }
    return n;
}

/* Takes what stands before the next `mark` off `*rest`, and the mark. */
static struct accept_text cut(struct accept_text *rest, char mark) {
    size_t n = up_to(rest->at, rest->len, mark);
    struct accept_text piece = {rest->at, n};
    size_t taken = n < rest->len ? n + 1 : n;
    *rest = (struct accept_text){rest->at + taken, rest->len - taken};
    return trim(piece);
}

static struct accept_text unquote(struct accept_text s) {
    bool quoted = s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"';
    return quoted ? (struct accept_text){s.at + 1, s.len - 2} : s;
}

static bool find(const struct accept_element *element, const char *name, struct accept_text *value) {
    struct accept_text rest = element->parameters;
    bool found = false;
    while (rest.len > 0) {
        struct accept_text piece = cut(&rest, ';');
        const char *equal = memchr(piece.at, '=', piece.len);
        size_t n = equal != NULL ? (size_t)(equal - piece.at) : 0;
        if (equal == NULL || !accept_is(trim((struct accept_text){piece.at, n}), name))
            continue;
        *value = unquote(trim((struct accept_text){equal + 1, piece.len - n - 1}));
        found = true;
    }
    return found;
}

struct accept_text accept_parameter(const struct accept_element *element, const char *name) {
    struct accept_text value = {"", 0};
    (void)find(element, name, &value);
    return value;
}

/* "0", "1", "0.5", "1.000" */
static int weight(struct accept_text s) {
    if (s.len == 0 || (s.at[0] != '0' && s.at[0] != '1') || (s.len > 1 && s.at[1] != '.'))
        return ACCEPT_UNREADABLE;
    int q = (s.at[0] - '0') * ACCEPT_Q_MOST;
    int unit = ACCEPT_Q_MOST / 10;
    for (size_t i = 2; i < s.len; i++, unit /= 10) {
        int digit = s.at[i] - '0';
        if (digit < 0 || digit > 9 || (digit > 0 && s.at[0] == '1'))
            return ACCEPT_UNREADABLE;
        q += digit * unit;
    }
    return q;
}

/* The header's length is not asked for: that of a long one would be counted anew for each element. */
bool accept_next(const char **header, struct accept_element *out) {
    if (**header == '\0')
        return false;
    size_t n = up_to(*header, SIZE_MAX, ',');
    struct accept_element element = {.parameters = {*header, n}, .q = ACCEPT_Q_MOST};
    struct accept_text q;
    element.value = cut(&element.parameters, ';');
    if (find(&element, "q", &q))
        element.q = weight(q);
    *header += n + ((*header)[n] == ',');
    *out = element;
    return true;
}
