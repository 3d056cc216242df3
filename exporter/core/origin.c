/* SPDX-License-Identifier: Apache-2.0 */
#include "core/origin.h"

#include <string.h>
#include <strings.h>

/* What is behind `scheme`; NULL: it is another one. */
static const char *behind(const char *origin, const char *scheme) {
    size_t len = strlen(scheme);
    return strncasecmp(origin, scheme, len) == 0 ? origin + len : NULL;
}

/* Browsers leave the default port out of both headers. */
bool origin_is_own(const char *fetch_site, const char *origin, const char *host) {
    if (fetch_site[0] != '\0' && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0)
        return false;
    if (origin[0] == '\0')
        return true;
    const char *authority = behind(origin, "http://");
    if (authority == NULL)
        authority = behind(origin, "https://");
    return authority != NULL && host[0] != '\0' && strcasecmp(authority, host) == 0;
}
