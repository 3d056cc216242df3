/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses in links. A link is a word with a scheme, or a host name with a path or a query behind it.
 */
#include "core/bounce_internal.h"

#include <string.h>

static size_t word_begin(const struct statement *s, size_t at) {
    while (at > 0 && s->text[at - 1] != ' ')
        at--;
    return at;
}

bool bounce_is_in_link(const struct statement *s, size_t at) {
    size_t begin = word_begin(s, at);
    const char *word = s->text + begin;
    size_t before = at - begin;
    for (size_t i = 0; i < before; i++) {
        if (i + 2 < before && memcmp(word + i, "://", 3) == 0)
            return true;
        if (word[i] != '/' && word[i] != '?')
            continue;
        size_t host = i;
        while (host > 0 && (bounce_is_word(word[host - 1]) || word[host - 1] == '.' || word[host - 1] == '-'))
            host--;
        return bounce_is_host(word + host, i - host);
    }
    return false;
}

bool bounce_is_looked_up(const struct statement *s, size_t at) {
    static const char *const names[] = {
        "ip",       "ipaddr",   "ipaddress", "ip_address", "ip-address", "client_ip",
        "clientip", "sourceip", "source_ip", "sender_ip",  "senderip",   "ipv4",
        "ipv6",     "q",        "query",     "addr",       "address",    "lookup",
        "search",   "check",    "pub",       "vol",        "",
    };
    size_t end = at;
    if (end == 0 || strchr("=/?", s->text[end - 1]) == NULL)
        return false;
    char mark = s->text[--end];
    size_t begin = end;
    while (begin > 0 && strchr("?&;/= ", s->text[begin - 1]) == NULL)
        begin--;
    bool bare = begin == end;
    if (bare && mark != '?')
        return false;
    if (mark == '?')
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == end - begin && strncmp(s->lower + begin, names[i], end - begin) == 0)
            return true;
    return false;
}
