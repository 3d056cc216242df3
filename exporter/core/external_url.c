/* SPDX-License-Identifier: Apache-2.0 */
#include "core/external_url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PORT_MAX = 65535, PORT_DIGITS = 5 };

static bool refuse(char why[EXTERNAL_URL_WHY], const char *text) {
    (void)snprintf(why, EXTERNAL_URL_WHY, "%s", text);
    return false;
}

static bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- paths ---- */

/* Visible characters of a path (RFC 3986, 3.3) that mean themselves wherever a path is written. */
static bool is_path_character(char c) {
    return is_alnum(c) || (c != '\0' && strchr("-._~!$()*+,;=:@/", c) != NULL);
}

/* Whether a part between two slashes is `.` or `..`, or there is none. */
static bool has_odd_part(const char *path, size_t len) {
    for (size_t from = 0; from < len;) {
        const char *part = path + from;
        size_t n = strcspn(part, "/");
        n = from + n > len ? len - from : n;
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            return true;
        from += n + 1;
    }
    return false;
}

/* `text` with a slash before it and none behind, or "". */
static bool read_path(const char *text, char out[EXTERNAL_URL_SIZE], char why[EXTERNAL_URL_WHY]) {
    for (const char *at = text; *at != '\0'; at++)
        if (!is_path_character(*at))
            return refuse(why, "its path may not hold spaces, ?, #, %, quotes or bytes that are not ASCII");
    text += strspn(text, "/");
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '/')
        len--;
    if (has_odd_part(text, len))
        return refuse(why, "its path may not hold //, /./ or /../, which browsers would change");
    if (len + 2 > EXTERNAL_URL_SIZE)
        return refuse(why, "it is too long");
    (void)snprintf(out, EXTERNAL_URL_SIZE, "%s%.*s", len > 0 ? "/" : "", (int)len, text);
    return true;
}

/* ---- the URL ---- */

static size_t scheme_length(const char *url) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return strlen(schemes[i]);
    return 0;
}

static bool is_port(const char *text, size_t len) {
    unsigned port = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || i == PORT_DIGITS)
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port > 0 && port <= PORT_MAX;
}

/* The length of the host: a name, an IPv4 address, or an IPv6 address in brackets; 0: it is none. */
static size_t host_length(const char *text, size_t len) {
    size_t n = 0;
    if (len > 0 && text[0] == '[') {
        n = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
        return n > 3 && n < len && text[n] == ']' ? n + 1 : 0;
    }
    while (n < len && (is_alnum(text[n]) || strchr("-._", text[n]) != NULL))
        n++;
    return n;
}

static bool judge_authority(const char *text, size_t len, char why[EXTERNAL_URL_WHY]) {
    size_t host = host_length(text, len);
    if (memchr(text, '@', len) != NULL)
        return refuse(why, "it may not hold a user or a password");
    if (len == 0 || (host == 0 && text[0] == ':'))
        return refuse(why, "it has no host; expected one such as https://rbl.example.net/path");
    if (host == 0 || (host < len && text[host] != ':'))
        return refuse(why, "its host is no name and no address (one of IPv6 stands in brackets)");
    if (host < len && !is_port(text + host + 1, len - host - 1))
        return refuse(why, "its port is no number from 1 to 65535");
    return true;
}

static bool read_url(const char *url, struct external_url *out, char why[EXTERNAL_URL_WHY]) {
    size_t scheme = scheme_length(url);
    if (url[0] == '"' || url[0] == '\'')
        return refuse(why, "it begins with a quotation mark; leave it out");
    if (scheme == 0)
        return refuse(why, "it must begin with http:// or https://");
    size_t authority = strcspn(url + scheme, "/?#");
    const char *path = url + scheme + authority;
    if (strpbrk(path, "?#") != NULL)
        return refuse(why, "nothing may stand behind its path, no ? and no #");
    if (!judge_authority(url + scheme, authority, why) || !read_path(path, out->path, why))
        return false;
    if (scheme + authority >= EXTERNAL_URL_SIZE)
        return refuse(why, "it is too long");
    (void)snprintf(out->origin, sizeof out->origin, "%.*s", (int)(scheme + authority), url);
    return true;
}

bool external_url_read(const char *url, const char *prefix, struct external_url *out, bool *of_prefix,
                       char why[EXTERNAL_URL_WHY]) {
    struct external_url read = {.origin = ""};
    *of_prefix = false;
    if (url != NULL && !read_url(url, &read, why))
        return false;
    *of_prefix = true;
    if (!read_path(prefix != NULL ? prefix : read.path, read.prefix, why))
        return false;
    if (url == NULL)
        (void)stpcpy(read.path, read.prefix);
    *out = read;
    return true;
}
