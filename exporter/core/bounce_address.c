/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose address is which. Each address of a statement gets a claim to be the sender's from the words before
 * and behind it; the highest claim wins, and equal claims of different addresses are none. The receiver's
 * address is known by its words as well, and by where the statement ends: `host A[192.0.2.3] said: ...`.
 */
#include "core/bounce_internal.h"

#include <string.h>
#include <strings.h>

enum { CONTEXT = 96 };

enum role {
    ROLE_RECEIVER = -1,
    ROLE_NONE,
    ROLE_WEAK,   /* stands in the receiver's words, and nothing says whose it is */
    ROLE_SENDER, /* "from", or "is listed" behind it */
    ROLE_CLIENT, /* "client host" and the like */
};

struct found {
    struct ip ip;
    size_t begin;
    size_t end;
    bool in_link;
    enum role role;
};

/* ---- addresses ---- */

static bool is_run(char c) {
    return bounce_is_word(c) || c == '.' || c == ':' || c == '*' || c == '_' || c == '-' || c == '%';
}

/* An IPv4 address that is written as IPv6 is the IPv4 address; of the rest of IPv6 only what is routed
 * (RFC 4291 section 2.4). */
static bool read_ip(const char *text, size_t len, struct ip *out) {
    struct ip ip;
    if (len < 2 || len > 45 || ip_parse(text, len, &ip) != STATUS_OK)
        return false;
    if (ip.family == IP_V6 && ip.hi == 0 && ip.lo >> 32 == 0xffff)
        ip = ip_v4((uint32_t)ip.lo);
    *out = ip;
    return ip.family == IP_V4 || ip.hi >> 61 == 1;
}

struct finder {
    const char *text;
    struct found *out;
    size_t n;
};

static void keep(struct finder *f, size_t begin, size_t end) {
    struct ip ip;
    const char *text = f->text;
    bool literal = begin > 0 && (text[begin - 1] == '@' || (begin > 1 && text[begin - 2] == '@'));
    bool network = text[end] == '/' && bounce_is_digit(text[end + 1]);
    if (f->n == STATEMENT_ADDRESSES || literal || network || !read_ip(text + begin, end - begin, &ip))
        return;
    f->out[f->n++] = (struct found){.ip = ip, .begin = begin, .end = end};
}

/* A run of characters that addresses are made of; between colons there may be one of IPv4 ("ip:192.0.2.1",
 * "192.0.2.1:25"). */
static void take_run(struct finder *f, size_t begin, size_t end) {
    struct ip ip;
    const char *text = f->text;
    while (end > begin && strchr(".:-", text[end - 1]) != NULL &&
           !(end - begin > 2 && text[end - 1] == ':' && text[end - 2] == ':'))
        end--;
    if (end - begin > 5 && strncasecmp(text + begin, "ipv6:", 5) == 0)
        begin += 5;
    if (read_ip(text + begin, end - begin, &ip)) {
        keep(f, begin, end);
        return;
    }
    for (size_t piece = begin; piece < end;) {
        size_t n = piece;
        while (n < end && text[n] != ':')
            n++;
        if (memchr(text + piece, '.', n - piece) != NULL)
            keep(f, piece, n);
        piece = n + 1;
    }
}

/* Adds the addresses of a text behind the `n` that are there; returns how many there are then. */
static size_t find_all(const char *text, struct found out[STATEMENT_ADDRESSES], size_t n) {
    struct finder f = {text, out, n};
    for (size_t i = 0; text[i] != '\0';) {
        size_t begin = i;
        while (is_run(text[i]))
            i++;
        if (i > begin)
            take_run(&f, begin, i);
        else
            i++;
    }
    return f.n;
}

/* ---- the words around ---- */

static const char *const clients[] = {
    "client host",       "client",
    "client ip",         "client address",
    "client-ip",         "client_ip",
    "sending ip",        "sending ip address",
    "sending host",      "sending server",
    "sending mta",       "sending address",
    "sender ip",         "sender's ip",
    "sender ip address", "source ip",
    "source ip address", "originating ip",
    "outbound ip",       "connecting host",
    "connecting ip",     "connecting server",
    "connecting mta",    "connecting from",
    "connection from",   "connections from",
    "accepted from",     "your ip",
    "your ip address",   "your server",
    "your mail server",  "your host",
    "your mta",          "your address",
    "remote client",
};
static const char *const senders[] = {
    "from",           "ip",   "ips",       "ip address",     "ip addresses", "the host", "the ip",
    "the ip address", "peer", "remote ip", "remote address",
};
static const char *const receivers[] = {
    "relay",
    "connect to",
    "connected to",
    "connection to",
    "talking to",
    "server",
    "server at",
    "to",
    "by",
    "mx",
    "gateway",
    "error from",
    "response from",
    "reply from",
    "answer from",
    "message from remote host",
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
    "gave",
    "does not like",
    "failed after",
    "smtp error",
    ", the server for",
    "but sender was rejected",
    "but recipient was rejected",
};

static bool ends_with_one(const char *text, size_t len, const char *const *phrases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t k = strlen(phrases[i]);
        bool same = len >= k && memcmp(text + len - k, phrases[i], k) == 0;
        if (same && (len == k || !bounce_is_word(text[len - k - 1])))
            return true;
    }
    return false;
}

static bool starts_with_one(const char *text, const char *const *phrases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t k = strlen(phrases[i]);
        if (strncmp(text, phrases[i], k) == 0 && (phrases[i][k - 1] == ' ' || !bounce_is_word(text[k])))
            return true;
    }
    return false;
}

#define ENDS(text, len, phrases) ends_with_one(text, len, phrases, sizeof(phrases) / sizeof *(phrases))
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

static enum role role_before(const struct statement *s, size_t begin) {
    size_t end = begin;
    for (int hosts = 0; hosts < 3; hosts++) {
        end = without_ties(s, end);
        size_t from = end > CONTEXT ? end - CONTEXT : 0;
        const char *text = s->lower + from;
        if (ENDS(text, end - from, clients))
            return ROLE_CLIENT;
        if (ENDS(text, end - from, receivers) && !(end >= 6 && memcmp(s->lower + end - 6, "due to", 6) == 0))
            return ROLE_RECEIVER;
        if (ENDS(text, end - from, senders))
            return ROLE_SENDER;
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

static enum role role_behind(const struct statement *s, size_t end) {
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

static bool is_suffering_server(const struct statement *s, const struct found *f) {
    const char *p = behind(s, f->end);
    size_t end = without_ties(s, f->begin);
    static const char *const servers[] = {"server"};
    return ENDS(s->lower, end, servers) && STARTS(p + strspn(p, " "), suffering);
}

static enum role role_of(const struct statement *s, const struct found *f, size_t words) {
    enum role before = role_before(s, f->begin);
    enum role after = role_behind(s, f->end);
    if (before == ROLE_CLIENT || after == ROLE_CLIENT)
        return ROLE_CLIENT;
    if (before == ROLE_RECEIVER && is_suffering_server(s, f))
        return ROLE_SENDER;
    if (before == ROLE_RECEIVER || after == ROLE_RECEIVER)
        return ROLE_RECEIVER;
    if (before == ROLE_SENDER || after == ROLE_SENDER)
        return ROLE_SENDER;
    return f->begin >= words ? ROLE_WEAK : ROLE_NONE;
}

/* ---- a sender without an address ---- */

/* "Client host [mail.example.net]", "client [192.0.2.xxx]": somebody is named, though not by an address. */
static bool names_somebody(const struct statement *s) {
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
        size_t k = strlen(clients[i]);
        for (const char *p = s->lower; (p = strstr(p, clients[i])) != NULL; p += k) {
            const char *object = p + k + strspn(p + k, " ='\":");
            bool bracketed = *object == '[' || *object == '(';
            bool alone = p == s->lower || !bounce_is_word(p[-1]);
            size_t len = strcspn(object + bracketed, " ])>'\"");
            bool dotted = memchr(object, '.', len) != NULL && memchr(object, '/', len) == NULL;
            if (alone && !bounce_is_word(p[k]) && (bracketed || (dotted && object[len - 1] != '.')))
                return true;
        }
    }
    return false;
}

/* ---- the choice ---- */

static bool is_receivers(const struct found *found, size_t n, const struct ip *ip) {
    for (size_t i = 0; i < n; i++)
        if (found[i].role == ROLE_RECEIVER && ip_equal(&found[i].ip, ip))
            return true;
    return false;
}

/* The one address with the highest claim of at least `least`; NULL if there is none, or two. */
static const struct found *choose(const struct found *found, size_t n, enum role least, bool in_link) {
    const struct found *best = NULL;
    bool torn = false;
    for (size_t i = 0; i < n; i++) {
        const struct found *f = &found[i];
        if (f->in_link != in_link || f->role < least || ip_special(&f->ip) != NULL ||
            is_receivers(found, n, &f->ip))
            continue;
        if (best == NULL || f->role > best->role) {
            best = f;
            torn = false;
        } else if (f->role == best->role && !ip_equal(&f->ip, &best->ip)) {
            torn = true;
        }
    }
    return torn ? NULL : best;
}

/* Where the words of whoever rejected begin: behind the last reply before which nothing of it can stand. */
static size_t reply_begin(const struct statement *s) {
    size_t words = bounce_words(s);
    for (size_t i = words; i < s->len; i++)
        if (bounce_reply_at(s->text, i) != 0 || bounce_enhanced_at(s->text, i) > 0)
            return i;
    return s->len;
}

static void read_roles(const struct statement *s, struct found *found, size_t n, struct bounce_parties *out) {
    size_t words = reply_begin(s);
    for (size_t i = 0; i < n; i++) {
        found[i].in_link = bounce_is_in_link(s, found[i].begin);
        if (found[i].in_link)
            found[i].role = bounce_is_looked_up(s, found[i].begin) ? ROLE_WEAK : ROLE_NONE;
        else
            found[i].role = role_of(s, &found[i], words);
        out->names_sender = out->names_sender || (!found[i].in_link && found[i].role >= ROLE_SENDER &&
                                                  found[i].ip.lo >> 24 != 127);
    }
}

/* What the report and the words around say of the receiver may be an address too. */
static size_t add_receivers(const struct statement *s, const char *receiver,
                            struct found found[STATEMENT_ADDRESSES], size_t n) {
    size_t all = find_all(receiver, found, find_all(s->remote, found, n));
    for (; n < all; n++)
        found[n].role = ROLE_RECEIVER;
    return all;
}

void bounce_read_parties(const struct statement *s, struct bounce_parties *out) {
    struct found found[STATEMENT_ADDRESSES];
    size_t n = find_all(s->text, found, 0);
    *out = (struct bounce_parties){.at = s->len};
    read_roles(s, found, n, out);
    bounce_read_receiver(s, out->receiver);
    n = add_receivers(s, out->receiver, found, n);
    const struct found *sender = choose(found, n, ROLE_SENDER, false);
    out->names_sender = out->names_sender || names_somebody(s);
    if (n == STATEMENT_ADDRESSES) /* there may be more */
        return;
    if (sender == NULL && !out->names_sender && bounce_has_trigger(s->lower)) {
        sender = choose(found, n, ROLE_WEAK, false);
        bool any = false;
        for (size_t i = 0; i < n; i++)
            any =
                any || (!found[i].in_link && found[i].role == ROLE_WEAK && ip_special(&found[i].ip) == NULL);
        if (sender == NULL && !any)
            sender = choose(found, n, ROLE_WEAK, true);
    }
    if (sender == NULL)
        return;
    out->has_sender = true;
    out->is_client = sender->role == ROLE_CLIENT;
    out->sender = sender->ip;
    out->at = sender->begin;
}
