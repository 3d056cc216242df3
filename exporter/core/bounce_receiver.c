/* SPDX-License-Identifier: Apache-2.0
 *
 * Who rejected: the host that a report names, or the words by which mail servers introduce another's reply.
 */
#include "core/bounce_internal.h"

#include <stdio.h>
#include <string.h>

bool bounce_is_host(const char *text, size_t len) {
    size_t label = 0;
    size_t dots = 0;
    bool letter = false;
    if (len > 0 && text[len - 1] == '.')
        len--;
    if (len == 0 || len >= BOUNCE_HOST_SIZE)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '.') {
            if (label == 0)
                return false;
            dots++;
            label = 0;
            letter = false;
        } else if (bounce_is_word(c) || c == '-' || c == '_') {
            letter = letter || !bounce_is_digit(c);
            label++;
        } else {
            return false;
        }
    }
    return dots > 0 && label > 0 && letter;
}

/* The host name at `text`, in brackets or not; the address, if there is no name. */
static bool take_host(const char *text, char out[BOUNCE_HOST_SIZE]) {
    struct ip ip;
    text += strspn(text, " [(<'\"");
    size_t len = strcspn(text, " [](){}<>'\",;#|=");
    bool v6 = len > 0 && ip_parse(text, len, &ip) == STATUS_OK;
    if (!v6)
        len = strcspn(text, " [](){}<>'\",;:#|=");
    while (len > 0 && text[len - 1] == '.')
        len--;
    if (len >= BOUNCE_HOST_SIZE || bounce_is_masked(text, len) ||
        (!bounce_is_host(text, len) && ip_parse(text, len, &ip) != STATUS_OK))
        return false;
    (void)snprintf(out, BOUNCE_HOST_SIZE, "%.*s", (int)len, text);
    return true;
}

/* The word that ends at `end` (blanks before it are passed over), which may have an address in brackets
 * behind it. */
static bool host_before(const struct statement *s, size_t end, char out[BOUNCE_HOST_SIZE]) {
    while (end > 0 && strchr(" :", s->text[end - 1]) != NULL)
        end--;
    if (end > 0 && (s->text[end - 1] == ']' || s->text[end - 1] == ')')) {
        size_t open = end - 1;
        while (open > 0 && s->text[open] != '[' && s->text[open] != '(')
            open--;
        size_t name = open;
        while (name > 0 && s->text[name - 1] == ' ')
            name--;
        if (host_before(s, name, out))
            return true;
        return take_host(s->text + open, out);
    }
    size_t begin = end;
    while (begin > 0 && strchr(" ([<'\"=;,", s->text[begin - 1]) == NULL)
        begin--;
    return begin < end && take_host(s->text + begin, out);
}

static bool behind_words(const struct statement *s, char out[BOUNCE_HOST_SIZE]) {
    static const char *const leads[] = {"remote server at ",
                                        "while talking to ",
                                        "message rejected by: ",
                                        "server: ",
                                        "remote server: ",
                                        "connected to ",
                                        "fqdn="};
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        const char *p = strstr(s->lower, leads[i]);
        bool alone = p != NULL && (p == s->lower || !bounce_is_word(p[-1])) &&
                     !(p - s->lower >= 11 && memcmp(p - 11, "generating ", 11) == 0);
        if (alone && take_host(s->text + (p - s->lower) + strlen(leads[i]), out))
            return true;
    }
    return false;
}

static bool before_words(const struct statement *s, char out[BOUNCE_HOST_SIZE]) {
    static const char *const tails[] = {" gave this error", " said:",          " refused to talk to me",
                                        " smtp error from", " does not like ", " failed after "};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        const char *p = strstr(s->lower, tails[i]);
        if (p != NULL && host_before(s, (size_t)(p - s->lower), out))
            return true;
    }
    return false;
}

/* `<mx.example.net #5.7.1 smtp; 554 ...>`, `host mx.example.net [192.0.2.3]: 554 ...`. */
static bool before_reply(const struct statement *s, char out[BOUNCE_HOST_SIZE]) {
    const char *hash = strstr(s->text, " #");
    if (hash != NULL &&
        (bounce_enhanced_at(s->text, (size_t)(hash + 2 - s->text)) > 0 ||
         bounce_reply_at(s->text, (size_t)(hash + 2 - s->text)) != 0) &&
        host_before(s, (size_t)(hash - s->text), out))
        return true;
    for (size_t i = 1; i < s->len; i++) {
        if (bounce_reply_at(s->text, i) == 0)
            continue;
        size_t end = i;
        while (end > 0 && s->text[end - 1] == ' ')
            end--;
        return end > 1 && s->text[end - 1] == ':' && host_before(s, end, out);
    }
    return false;
}

/* The receiver signs its own reply: `554 mx.example.net ...`, or at the end `[NAME.prod.outlook.com ...]`. */
static bool signature(const struct statement *s, char out[BOUNCE_HOST_SIZE]) {
    if (bounce_reply_at(s->text, 0) != 0) {
        size_t n = bounce_enhanced_at(s->text, 4);
        size_t at = n > 0 ? 4 + n + 1 : 4;
        size_t len = at < s->len ? strcspn(s->text + at, " ") : 0;
        bool greets =
            strncmp(s->lower + at + len, " esmtp", 6) == 0; /* an address alone may be the sender's */
        if (len > 0 && (bounce_is_host(s->text + at, len) || greets) && take_host(s->text + at, out))
            return true;
    }
    for (const char *p = s->lower; (p = strstr(p, ".prod.")) != NULL; p++) {
        size_t begin = (size_t)(p - s->lower);
        while (begin > 0 && strchr("[ ", s->text[begin]) == NULL)
            begin--;
        if (s->text[begin] == '[' && strstr(p, "outlook.com") != NULL && take_host(s->text + begin, out))
            return true;
    }
    return false;
}

void bounce_read_receiver(const struct statement *s, char out[BOUNCE_HOST_SIZE]) {
    out[0] = '\0';
    if (s->remote[0] != '\0' && take_host(s->remote, out))
        return;
    if (before_words(s, out) || behind_words(s, out) || before_reply(s, out))
        return;
    (void)signature(s, out);
}
