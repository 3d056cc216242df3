/* SPDX-License-Identifier: Apache-2.0
 *
 * url: the parts of a request's target that say what is wanted, decoded strictly (RFC 3986 section 2.1).
 *
 * A `%` must be followed by two hexadecimal digits; a NUL is refused however it is spelled. What is neither
 * is taken as it came, byte for byte; it need not be UTF-8.
 */
#ifndef RBL_CORE_URL_H
#define RBL_CORE_URL_H

#include <stddef.h>

enum { URL_SIZE = 1024, URL_PARAMETERS = 16 };

enum url_error {
    URL_OK = 0,
    URL_ESCAPE,   /* a % without two hexadecimal digits */
    URL_NUL,      /* %00 */
    URL_TOO_LONG, /* URL_SIZE bytes or more when decoded */
    URL_TOO_MANY, /* more than URL_PARAMETERS parameters */
    URL_TWICE,    /* a parameter that is there twice */
    URL_ERRORS,
};
/* A sentence for people without a full stop; "" for URL_OK. */
extern const char *const url_error_text[URL_ERRORS];

struct url_parameter {
    const char *name;
    const char *value; /* "" for one without `=` */
};

struct url_query {
    char text[URL_SIZE];
    struct url_parameter parameters[URL_PARAMETERS];
    size_t n;
};

/* Decodes a piece of a path, where `+` means itself. `out` is NUL-terminated; on an error it is "". */
enum url_error url_path(const char *text, char out[URL_SIZE]);
/* Takes a query (what is behind `?`) apart: names and values, where `+` means a space. Empty pieces between
 * `&` are passed over. On an error `out` has no parameters. */
enum url_error url_query_parse(const char *text, struct url_query *out);
/* Takes the next parameter off `*text`, for those that may be there more than once; `room` holds it. Its name
 * is NULL where nothing stands between two `&`. */
enum url_error url_query_next(const char **text, char room[URL_SIZE], struct url_parameter *out);
/* The value of a parameter, NULL if it is not there. */
const char *url_query_find(const struct url_query *query, const char *name);

#endif
