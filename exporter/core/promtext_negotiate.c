/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the two formats an Accept header asks for (RFC 9110 section 12.5.1). What cannot be read is as if
 * it were not there: the answer is text 0.0.4 then, which every client takes.
 */
#include "core/promtext.h"

#include <string.h>

enum { Q_MAX = 1000, NOT_NAMED = -1 };

/* A piece of the header. */
struct span {
    const char *at;
    size_t len;
};

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

static struct span trim(struct span s) {
    while (s.len > 0 && is_space(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equals(struct span s, const char *text) {
    if (strlen(text) != s.len)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (lower(s.at[i]) != text[i])
            return false;
    return true;
}

/* Cuts off what stands before the next `cut` outside quotes; `*rest` goes on behind it. False: nothing was
 * left. */
static bool next_piece(struct span *rest, char cut, struct span *piece) {
    if (rest->at == NULL)
        return false;
    bool quoted = false;
    size_t n = 0;
    for (; n < rest->len && (quoted || rest->at[n] != cut); n++) {
        if (rest->at[n] == '"')
            quoted = !quoted;
        else if (quoted && rest->at[n] == '\\' && n + 1 < rest->len)
            n++;
    }
    *piece = trim((struct span){rest->at, n});
    *rest = n < rest->len ? (struct span){rest->at + n + 1, rest->len - n - 1} : (struct span){NULL, 0};
    return true;
}

/* "0", "1", "0.5", "1.000": in thousandths, or NOT_NAMED. */
static int parse_q(struct span s) {
    if (s.len == 0 || s.len > 5 || (s.at[0] != '0' && s.at[0] != '1') || (s.len > 1 && s.at[1] != '.'))
        return NOT_NAMED;
    int q = (s.at[0] - '0') * Q_MAX;
    int weight = Q_MAX / 10;
    for (size_t i = 2; i < s.len; i++, weight /= 10) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return NOT_NAMED;
        q += (s.at[i] - '0') * weight;
    }
    return q <= Q_MAX ? q : NOT_NAMED;
}

/* One element of the header. */
struct media {
    struct span type;
    struct span version; /* length 0: none */
    int q;               /* NOT_NAMED: it cannot be read */
};

static struct span unquote(struct span s) {
    return s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"' ? (struct span){s.at + 1, s.len - 2} : s;
}

static struct media parse_media(struct span element) {
    struct media media = {.q = Q_MAX};
    struct span piece;
    next_piece(&element, ';', &media.type);
    while (next_piece(&element, ';', &piece)) {
        const char *equal = memchr(piece.at, '=', piece.len);
        if (equal == NULL)
            continue;
        struct span name = trim((struct span){piece.at, (size_t)(equal - piece.at)});
        struct span value =
            unquote(trim((struct span){equal + 1, piece.len - (size_t)(equal - piece.at) - 1}));
        if (equals(name, "q"))
            media.q = parse_q(value);
        else if (equals(name, "version"))
            media.version = value;
    }
    return media;
}

/* What the header says of each; the place of an element breaks ties. */
struct wish {
    int q; /* NOT_NAMED: no element speaks of it */
    int place;
};

static void wish_more(struct wish *wish, const struct media *media, int place) {
    if (media->q > wish->q)
        *wish = (struct wish){media->q, place};
}

enum promtext_format promtext_negotiate(const char *accept) {
    struct wish open = {NOT_NAMED, 0};
    struct wish text = {NOT_NAMED, 0};
    struct wish any_text = {NOT_NAMED, 0};
    struct wish any = {NOT_NAMED, 0};
    struct span rest = {accept, accept != NULL ? strlen(accept) : 0};
    struct span element;
    for (int place = 0; next_piece(&rest, ',', &element); place++) {
        struct media media = parse_media(element);
        bool plain = media.version.len == 0;
        if (equals(media.type, "application/openmetrics-text")) {
            if (plain || equals(media.version, "1.0.0") || equals(media.version, "0.0.1"))
                wish_more(&open, &media, place);
        } else if (equals(media.type, "text/plain")) {
            if (plain || equals(media.version, "0.0.4"))
                wish_more(&text, &media, place);
        } else if (equals(media.type, "text/*")) {
            wish_more(&any_text, &media, place);
        } else if (equals(media.type, "*/*")) {
            wish_more(&any, &media, place);
        }
    }
    if (open.q <= 0)
        return PROMTEXT_004;
    bool named = text.q != NOT_NAMED;
    int text_q = named ? text.q : any_text.q != NOT_NAMED ? any_text.q : any.q;
    /* An element of its own says more than a wildcard that is worth the same. */
    bool first = open.q == text_q && (!named || open.place < text.place);
    return open.q > text_q || first ? PROMTEXT_OPENMETRICS : PROMTEXT_004;
}
