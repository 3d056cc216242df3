/* SPDX-License-Identifier: Apache-2.0
 *
 * Which role the words around give to an address, or to what stands in the place of one. Before it the
 * longest phrase decides: "DNS IP" is the receiver's, "client IP" the sender's, and "IP" alone somebody's who
 * is spoken of.
 */
#include "core/bounce_internal.h"

#include <string.h>

/* ---- the words around ---- */

struct phrase {
    const char *words;
    enum bounce_role role;
};
static const struct phrase before[] = {
    {"client host", ROLE_CLIENT},
    {"client", ROLE_CLIENT},
    {"client ip", ROLE_CLIENT},
    {"client address", ROLE_CLIENT},
    {"client-ip", ROLE_CLIENT},
    {"client_ip", ROLE_CLIENT},
    {"sending ip", ROLE_CLIENT},
    {"sending ip address", ROLE_CLIENT},
    {"sending host", ROLE_CLIENT},
    {"sending server", ROLE_CLIENT},
    {"sending server ip", ROLE_CLIENT},
    {"sending server ip address", ROLE_CLIENT},
    {"sending mta", ROLE_CLIENT},
    {"sending address", ROLE_CLIENT},
    {"sender ip", ROLE_CLIENT},
    {"sender's ip", ROLE_CLIENT},
    {"sender ip address", ROLE_CLIENT},
    {"source ip", ROLE_CLIENT},
    {"source ip address", ROLE_CLIENT},
    {"originating ip", ROLE_CLIENT},
    {"outbound ip", ROLE_CLIENT},
    {"connecting host", ROLE_CLIENT},
    {"connecting ip", ROLE_CLIENT},
    {"connecting server", ROLE_CLIENT},
    {"connecting mta", ROLE_CLIENT},
    {"connecting from", ROLE_CLIENT},
    {"connection from", ROLE_CLIENT},
    {"connections from", ROLE_CLIENT},
    {"accepted from", ROLE_CLIENT},
    {"your ip", ROLE_CLIENT},
    {"your ip address", ROLE_CLIENT},
    {"your server", ROLE_CLIENT},
    {"your server ip", ROLE_CLIENT},
    {"your server's ip", ROLE_CLIENT},
    {"your server ip address", ROLE_CLIENT},
    {"your server's ip address", ROLE_CLIENT},
    {"your mail server", ROLE_CLIENT},
    {"your mail server ip", ROLE_CLIENT},
    {"your mail server's ip", ROLE_CLIENT},
    {"your host", ROLE_CLIENT},
    {"your mta", ROLE_CLIENT},
    {"your address", ROLE_CLIENT},
    {"remote client", ROLE_CLIENT},

    {"from", ROLE_SENDER},
    {"ip", ROLE_SENDER},
    {"ips", ROLE_SENDER},
    {"ip address", ROLE_SENDER},
    {"ip addresses", ROLE_SENDER},
    {"the host", ROLE_SENDER},
    {"the ip", ROLE_SENDER},
    {"the ip address", ROLE_SENDER},
    {"peer", ROLE_SENDER},
    {"remote ip", ROLE_SENDER},
    {"remote address", ROLE_SENDER},

    {"relay", ROLE_RECEIVER},
    {"connect to", ROLE_RECEIVER},
    {"connected to", ROLE_RECEIVER},
    {"connection to", ROLE_RECEIVER},
    {"talking to", ROLE_RECEIVER},
    {"server", ROLE_RECEIVER},
    {"server at", ROLE_RECEIVER},
    {"server ip", ROLE_RECEIVER},
    {"server ip address", ROLE_RECEIVER},
    {"dns ip", ROLE_RECEIVER},
    {"your dns ip", ROLE_RECEIVER},
    {"dns server ip", ROLE_RECEIVER},
    {"dns", ROLE_RECEIVER},
    {"nameserver", ROLE_RECEIVER},
    {"resolver", ROLE_RECEIVER},
    {"resolver ip", ROLE_RECEIVER},
    {"resolver ip address", ROLE_RECEIVER},
    {"recipient host", ROLE_RECEIVER},
    {"recipient ip", ROLE_RECEIVER},
    {"receiving host", ROLE_RECEIVER},
    {"receiving ip", ROLE_RECEIVER},
    {"our ip", ROLE_RECEIVER},
    {"our ip address", ROLE_RECEIVER},
    {"our host", ROLE_RECEIVER},
    {"our address", ROLE_RECEIVER},
    {"our address is", ROLE_RECEIVER},
    {"to", ROLE_RECEIVER},
    {"by", ROLE_RECEIVER},
    {"mx", ROLE_RECEIVER},
    {"gateway", ROLE_RECEIVER},
    {"gateway ip", ROLE_RECEIVER},
    {"gateway address", ROLE_RECEIVER},
    {"gateway address is", ROLE_RECEIVER},
    {"error from", ROLE_RECEIVER},
    {"response from", ROLE_RECEIVER},
    {"reply from", ROLE_RECEIVER},
    {"answer from", ROLE_RECEIVER},
    {"message from remote host", ROLE_RECEIVER},

    {"blocked", ROLE_WEAK},
    {"blacklisted", ROLE_WEAK},
    {"blocklisted", ROLE_WEAK},
    {"listed", ROLE_WEAK},
    {"banned", ROLE_WEAK},
    {"rejected", ROLE_WEAK},
    {"rbl", ROLE_WEAK},
    {"dnsbl", ROLE_WEAK},
    {"due to", ROLE_WEAK},

    /* numbers with dots that are no addresses, and addresses that policies name */
    {"version", ROLE_NOBODY},
    {"engine", ROLE_NOBODY},
    {"rule", ROLE_NOBODY},
    {"ticket", ROLE_NOBODY},
    {"id", ROLE_NOBODY},
    {"ip4", ROLE_NOBODY},
    {"ip6", ROLE_NOBODY},
};
/* Behind an address. */
static const char *const condemned[] = {
    "blocked",          "is blocked",     "was blocked", "has been blocked", "is listed",
    "listed",           "found on",       "found in",    "is in an rbl",     "is in ",
    "is on ",           "is blacklisted", "blacklisted", "blocklisted",      "is blocklisted",
    "has been",         "banned",         "is banned",   "not allowed",      "is not allowed",
    "weren't sent",     "was not sent",   "has a poor",  "has poor",         "temporarily deferred",
    ", because the ip", "rejected",       "denied",      "exceeded",         "appears on",
    "is sending",
};
/* "The mail server [192.0.2.1] has been temporarily rate limited": it suffers what the receiver does. */
static const char *const suffering[] = {
    "has been",  "is listed", "is blocked", "is blacklisted", "is blocklisted",
    "is banned", "is on ",    "is in ",     "was blocked",    "is not allowed",
};
static const char *const speaking[] = {
    "said",
    "refused to talk",
    "returned",
    "responded",
    "replied",
    "answered",
    "reports",
    "reported",
    "gave",
    "refuses",
    "rejects",
    "rejected your",
    "rejected the",
    "blocked us",
    "blocked your",
    "denied your",
    "esmtp",
    "smtp",
    "does not like",
    "failed after",
    ", the server for",
    "but sender was rejected",
    "but recipient was rejected",
};

/* The phrase with which text[0..len) ends: its last words. */
static bool ends_with(const char *text, size_t len, const char *words, size_t k) {
    bool same = len >= k && memcmp(text + len - k, words, k) == 0;
    return same && (len == k || !bounce_is_word(text[len - k - 1]));
}

static bool starts_with_one(const char *text, const char *const *phrases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t k = strlen(phrases[i]);
        if (strncmp(text, phrases[i], k) == 0 && (phrases[i][k - 1] == ' ' || !bounce_is_word(text[k])))
            return true;
    }
    return false;
}

#define STARTS(text, phrases) starts_with_one(text, phrases, sizeof(phrases) / sizeof *(phrases))

/* Brackets and what ties a word to what it says. A full stop goes only before a bracket ("your IP address.
 * [192.0.2.1]"). */
static size_t without_ties(const struct statement *s, size_t end) {
    bool bracket = false;
    for (; end > 0; end--) {
        char c = s->lower[end - 1];
        bracket = bracket || c == '[' || c == '(';
        bool tie = strchr(" [(<'\"=:", c) != NULL || (c == '.' && bracket);
        if (!tie)
            break;
    }
    return end;
}

/* Goes back over a host name before an address: "client mail.example.net[192.0.2.1]", "[name] [192.0.2.1]".
 */
static size_t without_host(const struct statement *s, size_t end) {
    size_t begin = end;
    bool bracketed = begin > 0 && strchr(")]>", s->lower[begin - 1]) != NULL;
    while (begin > 0 && s->lower[begin - 1] != ' ')
        begin--;
    const char *word = s->lower + begin;
    size_t len = end - begin;
    bool host = bracketed || bounce_is_host(word, len) || (len == 7 && memcmp(word, "unknown", 7) == 0);
    for (size_t cut = 0; !host && cut < len; cut++) /* "=mx.example.net", "(host" */
        if (strchr("=(<[", word[cut]) != NULL && bounce_is_host(word + cut + 1, len - cut - 1)) {
            host = true;
            begin += cut;
        }
    return host ? begin : end;
}

/* `FQDN=mx.example.net; IP=192.0.2.3` is how Exchange names the next hop. */
static bool is_next_hop(const struct statement *s, size_t end) {
    enum { REACH = 64 };
    const char *fqdn = strstr(s->lower + (end > REACH ? end - REACH : 0), "fqdn=");
    return fqdn != NULL && fqdn < s->lower + end;
}

/* The role by the longest phrase that ends at `end`; false: none does. */
static bool phrase_before(const struct statement *s, size_t end, enum bounce_role *role) {
    size_t longest = 0;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        size_t k = strlen(before[i].words);
        if (k <= longest || !ends_with(s->lower, end, before[i].words, k))
            continue;
        longest = k;
        *role = before[i].role;
    }
    if (longest == 2 && *role == ROLE_SENDER && is_next_hop(s, end))
        *role = ROLE_RECEIVER;
    return longest > 0;
}

static enum bounce_role role_before(const struct statement *s, size_t begin) {
    enum bounce_role role = ROLE_NONE;
    size_t end = begin;
    for (int hosts = 0; hosts < 3; hosts++) {
        end = without_ties(s, end);
        if (phrase_before(s, end, &role) && (role != ROLE_WEAK || hosts == 0))
            return role;
        size_t shorter = without_host(s, end);
        if (shorter == end)
            break;
        end = shorter;
    }
    return ROLE_NONE;
}

/* Behind the port and the brackets that close. */
static const char *behind(const struct statement *s, size_t end) {
    const char *p = s->lower + end;
    for (;;) {
        if (p[0] == ':' && bounce_is_digit(p[1]) &&
            bounce_reply_at(s->lower, (size_t)(p + 1 - s->lower)) == 0)
            p += 1 + strspn(p + 1, "0123456789");
        else if (p[0] != '\0' && strchr("])>'\"", p[0]) != NULL)
            p++;
        else
            return p;
    }
}

static enum bounce_role role_behind(const struct statement *s, size_t end) {
    const char *p = behind(s, end);
    if (strncmp(p, ": client host rejected", 22) == 0)
        return ROLE_CLIENT;
    if (p[0] == ':') {
        size_t next = (size_t)(p + 1 - s->lower) + strspn(p + 1, " ");
        if (bounce_reply_at(s->lower, next) != 0)
            return ROLE_RECEIVER;
    }
    p += strspn(p, " ");
    if (STARTS(p, speaking))
        return ROLE_RECEIVER;
    return STARTS(p, condemned) ? ROLE_SENDER : ROLE_NONE;
}

static bool is_suffering_server(const struct statement *s, size_t begin, size_t end) {
    const char *p = behind(s, end);
    return ends_with(s->lower, without_ties(s, begin), "server", 6) && STARTS(p + strspn(p, " "), suffering);
}

/* Whether nothing but codes and brackets stands between the beginning of the reply and `begin`. */
static bool is_first(const struct statement *s, size_t begin, size_t words) {
    size_t i = words;
    while (i < begin) {
        size_t n = bounce_reply_at(s->text, i) != 0 ? 4 : bounce_enhanced_at(s->text, i);
        if (n == 0 && strchr(" [(<'\":-", s->text[i]) == NULL)
            return false;
        i += n > 0 ? n : 1;
    }
    return true;
}

/* `(bl.example.net - 192.0.2.1)` */
static bool is_behind_zone(const struct statement *s, size_t begin) {
    size_t end = begin >= 3 && strncmp(&s->text[begin - 3], " - ", 3) == 0 ? begin - 3 : 0;
    size_t host = end;
    while (host > 0 && strchr(" (", s->text[host - 1]) == NULL)
        host--;
    return host > 0 && s->text[host - 1] == '(' && bounce_is_host(s->text + host, end - host);
}

/* A place where receivers put the address that they reject, though they do not say so. */
static bool is_weak(const struct statement *s, size_t begin, size_t words) {
    size_t open = begin;
    while (open > 0 && s->text[open - 1] == ' ')
        open--;
    bool bracketed = open > 0 && strchr("[(<", s->text[open - 1]) != NULL;
    return begin >= words && (bracketed || is_first(s, begin, words) || is_behind_zone(s, begin));
}

enum bounce_role bounce_role_of(const struct statement *s, size_t begin, size_t end, size_t words) {
    enum bounce_role named = role_before(s, begin);
    enum bounce_role after = role_behind(s, end);
    if (named == ROLE_NOBODY)
        return ROLE_NOBODY;
    if (named == ROLE_CLIENT || after == ROLE_CLIENT)
        return ROLE_CLIENT;
    if (named == ROLE_RECEIVER && is_suffering_server(s, begin, end))
        return ROLE_SENDER;
    if (named == ROLE_RECEIVER || after == ROLE_RECEIVER)
        return ROLE_RECEIVER;
    if (named == ROLE_SENDER)
        return ROLE_SENDER;
    if (after == ROLE_SENDER && (begin >= words || words == s->len)) /* who rejects stands before the reply */
        return ROLE_SENDER;
    return (named == ROLE_WEAK && begin >= words) || is_weak(s, begin, words) ? ROLE_WEAK : ROLE_NONE;
}

/* ---- a sender without an address ---- */

/* Whether a good address stands in the word, or next behind it: "mail.example.net[192.0.2.1]". */
static bool has_address(const struct statement *s, size_t begin, size_t end, const struct bounce_found *found,
                        size_t n) {
    size_t next = end + strspn(s->lower + end, " ])[(>:=");
    for (size_t i = 0; i < n; i++)
        if (((found[i].begin >= begin && found[i].begin < end) || found[i].begin == next) &&
            ip_special(&found[i].ip) == NULL)
            return true;
    return false;
}

static bool is_mailer(const struct statement *s, size_t begin) {
    static const char *const mailers[] = {"mail from", "message from", "messages from", "email from",
                                          "emails from"};
    size_t end = without_ties(s, begin);
    for (size_t i = 0; i < sizeof mailers / sizeof *mailers; i++)
        if (ends_with(s->lower, end, mailers[i], strlen(mailers[i])))
            return true;
    return false;
}

/* Whether the word at [begin, end) names a sender, if it is no address. */
static bool is_another(const struct statement *s, size_t begin, size_t end, size_t words) {
    const char *word = s->lower + begin;
    size_t len = end - begin;
    bool bracketed = begin > 0 && strchr("[(", word[-1]) != NULL;
    bool dotted = memchr(word, '.', len) != NULL && word[len - 1] != '.';
    bool code = bounce_enhanced_at(s->lower, begin) > 0 ||
                (bounce_is_digit(word[0]) && len > 3 && word[3] == '-') || memchr(word, '@', len) != NULL;
    bool in_link = memchr(word, '/', len) != NULL && !bounce_is_digit(word[0]);
    enum bounce_role role = ROLE_NONE;
    if (code || in_link || (!bracketed && !dotted))
        return false;
    if (bounce_is_masked(word, len) && !bounce_is_in_link(s, begin))
        return bounce_role_of(s, begin, end, words) != ROLE_RECEIVER;
    return (phrase_before(s, without_ties(s, begin), &role) && role == ROLE_CLIENT) ||
           (dotted && is_mailer(s, begin));
}

bool bounce_names_another(const struct statement *s, size_t words, const struct bounce_found *found,
                          size_t n) {
    for (size_t i = 0; i < s->len;) {
        size_t len = strcspn(s->lower + i, " ])>'\",;[(<|=");
        if (len > 0 && is_another(s, i, i + len, words) && !has_address(s, i, i + len, found, n))
            return true;
        i += len + 1;
    }
    return false;
}
