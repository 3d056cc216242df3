/* SPDX-License-Identifier: Apache-2.0 */
#include "core/origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *text;
    size_t len;
};

/* Without the white space that may stand around a value (RFC 9110, 5.5). */
static struct span value_of(const char *header) {
    static const char space[] = " \t";
    struct span value = {.text = header + strspn(header, space)};
    value.len = strlen(value.text);
    while (value.len > 0 && strchr(space, value.text[value.len - 1]) != NULL)
        value.len--;
    return value;
}

static bool is(struct span value, const char *text) {
    return value.len == strlen(text) && memcmp(value.text, text, value.len) == 0;
}

/* Takes `scheme` off the front; false: it is another one. */
static bool take_scheme(struct span *origin, const char *scheme) {
    size_t len = strlen(scheme);
    if (origin->len < len || strncasecmp(origin->text, scheme, len) != 0)
        return false;
    *origin = (struct span){origin->text + len, origin->len - len};
    return true;
}

/* Browsers leave the default port out of both headers, proxies write it into one of them. */
static struct span without_port(struct span authority, const char *port) {
    size_t len = strlen(port);
    if (authority.len > len && memcmp(authority.text + authority.len - len, port, len) == 0)
        authority.len -= len;
    return authority;
}

/* An origin's authority without the default port of its scheme, and that port. False: its scheme is another.
 */
static bool split(struct span origin, struct span *authority, const char **port) {
    *port = ":80";
    if (!take_scheme(&origin, "http://")) {
        *port = ":443";
        if (!take_scheme(&origin, "https://"))
            return false;
    }
    *authority = without_port(origin, *port);
    return true;
}

static bool is_same(struct span a, struct span b) {
    return b.len > 0 && a.len == b.len && strncasecmp(a.text, b.text, b.len) == 0;
}

bool origin_is_own(const char *fetch_site, const char *origin, const char *host, const char *external) {
    struct span site = value_of(fetch_site);
    struct span from = value_of(origin);
    struct span authority;
    struct span outside;
    const char *port;
    const char *outside_port;
    if (site.len > 0 && !is(site, "same-origin") && !is(site, "none"))
        return false;
    if (from.len == 0)
        return true;
    if (!split(from, &authority, &port))
        return false;
    if (split(value_of(external), &outside, &outside_port) && strcmp(port, outside_port) == 0 &&
        is_same(authority, outside))
        return true;
    return is_same(authority, without_port(value_of(host), port));
}
