/* SPDX-License-Identifier: Apache-2.0
 *
 * external_url: where users find the exporter (--web.external-url), and the path that all its pages are under
 * (--web.route-prefix), as Prometheus's programs have them.
 *
 * A proxy that passes paths on as they came needs the external URL alone: its path is the prefix. One that
 * takes the path off needs `--web.route-prefix=/` besides. A prefix begins with a slash and does not end with
 * one; "" is none. Neither is decoded: what has a percent sign, or what browsers would change (`//`, `..`),
 * is refused, because paths are compared as they come.
 */
#ifndef RBL_CORE_EXTERNAL_URL_H
#define RBL_CORE_EXTERNAL_URL_H

#include <stdbool.h>
#include <stddef.h>

enum { EXTERNAL_URL_SIZE = 512, EXTERNAL_URL_WHY = 160 };

struct external_url {
    char origin[EXTERNAL_URL_SIZE]; /* "https://rbl.example.net:8443"; "" if no URL is given */
    char path[EXTERNAL_URL_SIZE];   /* under which users see the pages: that of the URL, else the prefix */
    char prefix[EXTERNAL_URL_SIZE]; /* under which the pages are served */
};

/* Reads what the flags say (NULL: not given). False: a sentence that says what is wrong and what was expected
 * is in `why`, and `*of_prefix` tells with which of the two. */
bool external_url_read(const char *url, const char *prefix, struct external_url *out, bool *of_prefix,
                       char why[EXTERNAL_URL_WHY]);

#endif
