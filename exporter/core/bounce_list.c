/* SPDX-License-Identifier: Apache-2.0
 *
 * On the word of which list, and what kind of a bounce that makes.
 *
 * A zone stands behind "blocked using" (Postfix's template: `$rbl_class [$rbl_what] blocked using
 * $rbl_domain; $rbl_reason`) and may have the answer behind it: ZONE=127.22.0.2 NAME. Elsewhere a host name
 * is a zone only if it is known, or looks like one: "listed by mx.example.net" is none. Else names are looked
 * for, in the words first and then in the links.
 */
#include "core/bounce_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *const bounce_kind_text[BOUNCE_KINDS] = {
    [BOUNCE_LISTING] = "listing", [BOUNCE_REFUSED] = "refused",         [BOUNCE_REPUTATION] = "reputation",
    [BOUNCE_DOMAIN] = "domain",   [BOUNCE_GREYLISTING] = "greylisting", [BOUNCE_OTHER] = "other",
};

enum { LOOPBACK = 127, LOCALHOST = 0x7f000001 };

static bool has_one(const char *text, const char *const *phrases, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strstr(text, phrases[i]) != NULL)
            return true;
    return false;
}
#define HAS(text, phrases) has_one(text, phrases, sizeof(phrases) / sizeof *(phrases))

static const char *const listings[] = {
    "rbl",          "dnsbl",         "blacklist",   "blocklist",         "block list",    "black list",
    "block-list",   "is listed",     "listed in",   "listed on",         "listed by",     "listed at",
    "block listed", "blocked using", "lookup site", "banned sending ip", "blocked - see", "spamhaus",
    "spamcop",      "in an rbl",
};
static const char *const reputations[] = {
    "reputation",
    "rate limit",
    "rate-limit",
    "ratelimit",
    "too many",
    "unusual rate",
    "unexpected volume",
    "user complaints",
    "throttl",
    "temporarily deferred",
    "unsolicited mail originating",
    "sending too",
};
static const char *const refusals[] = {
    "open resolver", "public resolver", "/returnc/",    "excessive number of queries",
    "query refused", "20961730681243",  "127.255.255.",
};
static const char *const greylistings[] = {"greylist",  "graylist",  "grey-list", "gray-list",
                                           "grey list", "gray list", "postgrey"};
static const char *const domains[] = {
    "sender address [", "sender address <", "helo command [",  "recipient address [", "rhsbl",
    "your domain",      "sender domain",    "sender's domain", "from domain",         "domain is ",
};

bool bounce_is_blocked(const char *lower) {
    static const char *const phrases[] = {"blocked using", "banned sending ip", "dns_rbl;", "client host [",
                                          "is listed by the lookup site"};
    return HAS(lower, phrases);
}

bool bounce_has_trigger(const char *lower) {
    static const char *const more[] = {"block", "banned", "client host"};
    return HAS(lower, listings) || HAS(lower, reputations) || HAS(lower, more);
}

/* ---- the zone ---- */

struct place {
    const struct statement *s;
    const struct mirrors *mirrors;
    struct bounce *out;
};

static bool looks_like_list(const char *zone) {
    static const char *const marks[] = {"bl.",  "rbl",  "dnsbl", "block", "black", "spam",
                                        "zen.", "sbl.", "xbl.",  "pbl.",  "surbl", "uribl"};
    return HAS(zone, marks);
}

/* 127.22.0.2 behind `=`; one that is masked (127.5.0.X) is none. */
static size_t take_code(const char *text, struct bounce *out) {
    struct ip ip;
    size_t len = 0;
    while (bounce_is_word(text[len]) || (text[len] == '.' && bounce_is_word(text[len + 1])))
        len++;
    if (len > 0 && ip_parse(text, len, &ip) == STATUS_OK && ip.family == IP_V4 && ip.lo >> 24 == LOOPBACK)
        out->code = (uint32_t)ip.lo;
    return len;
}

static void set_zone(const struct place *at, const char *text, size_t len) {
    size_t secret = 0;
    char zone[BOUNCE_HOST_SIZE];
    (void)snprintf(zone, sizeof zone, "%.*s", (int)len, text);
    const struct mirror_name *name = mirror_name_of_zone(at->mirrors, zone, &secret);
    if (at->out->known == NULL)
        at->out->known = name;
    (void)snprintf(at->out->zone, sizeof at->out->zone, "%s%.*s", secret > 0 ? "{key}" : "",
                   (int)(BOUNCE_HOST_SIZE - sizeof "{key}"), zone + secret);
    for (char *p = at->out->zone; *p != '\0'; p++)
        *p = bounce_lower(*p);
}

/* A name as it stands, up to what ends it; nothing if that is too far. */
static void take_name(const struct place *at, const char *text) {
    static const char *const ends[] = {". ",    "; ",    ", ", " (", " Please", " please", " For ", " To ",
                                       " see ", " See ", "'",  "\"", "-",       ": ",      ">",     " http"};
    size_t len = strlen(text);
    size_t known = 0;
    const struct mirror_name *name = mirror_name_at(at->mirrors, text, &known);
    if (name != NULL) {
        at->out->known = name;
        return;
    }
    if (strncasecmp(text, "please", 6) == 0 || !bounce_is_word(text[0]))
        return;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *end = strstr(text, ends[i]);
        if (end != NULL && (size_t)(end - text) < len)
            len = (size_t)(end - text);
    }
    while (len > 0 && strchr(" .,;)]", text[len - 1]) != NULL)
        len--;
    if (len > 0 && len < BOUNCE_NAME_SIZE - 1)
        (void)snprintf(at->out->list, sizeof at->out->list, "%.*s", (int)len, text);
    for (char *p = at->out->list; *p != '\0'; p++) /* it need not be UTF-8 */
        *p = (unsigned char)*p < 0x80 ? *p : '?';
}

/* What stands behind "blocked using" and the like. `sure`: what looks like a host name is a zone. */
static bool take_list(const struct place *at, size_t from, bool sure) {
    const char *text = at->s->text + from;
    text += strspn(text, " '\"<[(:");
    if (strncasecmp(text, "the ", 4) == 0)
        text += 4;
    size_t len = 0;
    size_t secret = 0;
    char zone[BOUNCE_HOST_SIZE];
    while (bounce_is_word(text[len]) || strchr(".-_", text[len]) != NULL) {
        if (text[len] == '\0')
            break;
        len++;
    }
    bool is_link = text[len] == '/' || text[len] == '@' || text[len] == '?';
    while (len > 0 && text[len - 1] == '.')
        len--;
    if (bounce_is_host(text, len) && !is_link) {
        (void)snprintf(zone, sizeof zone, "%.*s", (int)len, text);
        bool known = mirror_find(at->mirrors, zone) != NULL ||
                     mirror_name_of_zone(at->mirrors, zone, &secret) != NULL || looks_like_list(zone);
        if (!sure && !known)
            return false;
        set_zone(at, text, len);
        if (text[len] != '=')
            return true;
        len += 1 + take_code(text + len + 1, at->out);
        if (text[len] == ' ')
            take_name(at, text + len + 1);
        return true;
    }
    if (sure && !is_link) {
        take_name(at, text);
        return at->out->list[0] != '\0' || at->out->known != NULL;
    }
    at->out->known = mirror_name_at(at->mirrors, text, &len);
    return at->out->known != NULL;
}

static bool behind_phrases(const struct place *at, size_t words) {
    static const struct {
        const char *phrase;
        bool sure;
    } leads[] = {
        {"blocked using ", true}, {"lookup site ", true}, {"listed by ", false},    {"listed in ", false},
        {"listed at ", false},    {"listed on ", false},  {"blocked by ", false},   {"found on ", false},
        {"found in ", false},     {"rbl on ", false},     {"according to ", false}, {" using ", false},
        {" is in ", false},       {" is on ", false},     {" on ", false},          {" rbl ", false},
        {"rbl: ", false},
    };
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        const char *p = at->s->lower + words;
        for (; (p = strstr(p, leads[i].phrase)) != NULL; p++)
            if (take_list(at, (size_t)(p - at->s->lower) + strlen(leads[i].phrase), leads[i].sure))
                return true;
    }
    return false;
}

/* A zone that is known, wherever it stands. */
static bool find_zone(const struct place *at, size_t words) {
    const struct statement *s = at->s;
    size_t len = 0;
    size_t secret = 0;
    for (size_t i = words; i < s->len; i += len + 1) {
        char zone[BOUNCE_HOST_SIZE];
        len = strspn(s->lower + i, "abcdefghijklmnopqrstuvwxyz0123456789.-_");
        char behind = s->text[i + len];
        size_t n = len > 0 && s->text[i + len - 1] == '.' ? len - 1 : len;
        bool part =
            (i > words && strchr("/@=", s->text[i - 1]) != NULL) || (behind != '\0' && strchr("/@", behind));
        if (part || !bounce_is_host(s->text + i, n))
            continue;
        (void)snprintf(zone, sizeof zone, "%.*s", (int)n, s->text + i);
        if (mirror_find(at->mirrors, zone) == NULL && mirror_name_of_zone(at->mirrors, zone, &secret) == NULL)
            continue;
        set_zone(at, s->text + i, n);
        return true;
    }
    return false;
}

/* ---- names ---- */

static bool is_in_link(const struct statement *s, size_t at) {
    size_t begin = at;
    while (begin > 0 && s->text[begin - 1] != ' ')
        begin--;
    size_t end = at + strcspn(s->text + at, " ");
    for (size_t i = begin; i < end; i++)
        if (s->text[i] == '/' || s->text[i] == '@')
            return true;
    return false;
}

/* The first name in the words, or in the links. */
static void find_name(const struct place *at, size_t words, bool in_links) {
    const struct statement *s = at->s;
    for (size_t i = words; i < s->len && at->out->known == NULL; i++) {
        char before = i > 0 ? s->text[i - 1] : ' ';
        size_t len = 0;
        if (bounce_is_word(before) || before == '-' || !bounce_is_word(s->text[i]))
            continue;
        if (is_in_link(s, i) != in_links || (!in_links && before == '.'))
            continue;
        const struct mirror_name *name = mirror_name_at(at->mirrors, s->text + i, &len);
        bool host = s->text[i + len] == '.' && bounce_is_word(s->text[i + len + 1]);
        if (name != NULL && !host)
            at->out->known = name;
    }
}

/* An answer that stands by itself: ":127.0.0.4:Client host ...". */
static void find_code(const struct statement *s, size_t words, struct bounce *out) {
    for (const char *p = s->text + words; out->code == 0 && (p = strstr(p, "127.")) != NULL; p++) {
        bool inside = p > s->text && (bounce_is_word(p[-1]) || p[-1] == '.' || p[-1] == '-');
        if (inside || is_in_link(s, (size_t)(p - s->text)))
            continue;
        (void)take_code(p, out);
        if (out->code == LOCALHOST)
            out->code = 0;
    }
}

void bounce_read_list(const struct statement *s, const struct mirrors *mirrors, struct bounce *out) {
    size_t words = bounce_words(s);
    const struct place at = {s, mirrors, out};
    bool said = behind_phrases(&at, words) || find_zone(&at, words);
    find_code(s, words, out);
    const struct mirror *mirror = mirror_find(mirrors, out->zone);
    if (out->known == NULL && out->list[0] == '\0' && mirror != NULL)
        out->known = mirror_meaning(mirror, out->code);
    if (!said && out->list[0] == '\0') {
        find_name(&at, words, false);
        find_name(&at, words, true);
    }
    if (out->known != NULL)
        (void)snprintf(out->list, sizeof out->list, "%.*s", BOUNCE_NAME_SIZE - 1, out->known->name);
}

/* ---- the kind ---- */

enum bounce_kind bounce_read_kind(const struct statement *s, const struct bounce *b) {
    const char *words = s->lower + bounce_words(s);
    bool on_list = b->zone[0] != '\0' || b->list[0] != '\0';
    if (HAS(words, refusals) || b->code >> 16 == 0x7fff)
        return BOUNCE_REFUSED;
    if (!on_list && HAS(words, greylistings))
        return BOUNCE_GREYLISTING;
    if ((b->known != NULL && b->known->domains) || HAS(words, domains))
        return BOUNCE_DOMAIN;
    if (b->zone[0] != '\0' || HAS(words, listings))
        return BOUNCE_LISTING;
    if (HAS(words, reputations))
        return BOUNCE_REPUTATION;
    return on_list && bounce_has_trigger(words) ? BOUNCE_LISTING : BOUNCE_OTHER;
}
