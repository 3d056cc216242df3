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

bool origin_is_own(const char *fetch_site, const char *origin, const char *host) {
    struct span site = value_of(fetch_site);
    struct span from = value_of(origin);
    if (site.len > 0 && !is(site, "same-origin") && !is(site, "none"))
        return false;
    if (from.len == 0)
        return true;
    const char *port = ":80";
    if (!take_scheme(&from, "http://")) {
        port = ":443";
        if (!take_scheme(&from, "https://"))
            return false;
    }
    from = without_port(from, port);
    struct span here = without_port(value_of(host), port);
    return here.len > 0 && from.len == here.len && strncasecmp(from.text, here.text, here.len) == 0;
}
