/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses in running text. What is a part of something else (a network, a longer number, the host of a mail
 * address) is none.
 */
#include "core/bounce_internal.h"

#include <string.h>
#include <strings.h>

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
    struct bounce_found *out;
    size_t n;
};

static void keep(struct finder *f, size_t begin, size_t end) {
    struct ip ip;
    const char *text = f->text;
    bool literal = begin > 0 && (text[begin - 1] == '@' || (begin > 1 && text[begin - 2] == '@'));
    bool network = text[end] == '/' && bounce_is_digit(text[end + 1]);
    if (f->n == STATEMENT_ADDRESSES || literal || network || !read_ip(text + begin, end - begin, &ip))
        return;
    f->out[f->n++] = (struct bounce_found){.ip = ip, .begin = begin, .end = end};
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

size_t bounce_find_all(const char *text, struct bounce_found out[STATEMENT_ADDRESSES], size_t n) {
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

bool bounce_is_masked(const char *word, size_t len) {
    size_t dots = 0;
    size_t colons = 0;
    bool masked = false;
    for (size_t i = 0; i < len; i++) {
        char c = bounce_lower(word[i]);
        bool hex = c >= 'a' && c <= 'f' && memchr(word, ':', len) != NULL;
        if (!bounce_is_digit(c) && !hex && strchr("x*#.:", c) == NULL)
            return false;
        dots += c == '.';
        colons += c == ':';
        masked = masked || strchr("x*#", c) != NULL;
    }
    return masked && (dots == 3 || colons > 1);
}
