/* SPDX-License-Identifier: Apache-2.0
 *
 * accept: the elements of the headers Accept and Accept-Encoding (RFC 9110, section 12.5), one after the
 * other. Nothing is allocated; all that is handed out points into the header.
 */
#ifndef RBL_CORE_ACCEPT_H
#define RBL_CORE_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

enum {
    ACCEPT_Q_MOST = 1000000000, /* the weight 1 */
    ACCEPT_UNREADABLE = -1,     /* a weight that is none: the element is best passed over */
};

/* A piece of the header, without spaces around it. */
struct accept_text {
    const char *at;
    size_t len;
};

/* An element: a media range or a coding, with its parameters and its weight. */
struct accept_element {
    struct accept_text value;
    struct accept_text parameters; /* what follows the first `;` */
    int q; /* 0 (refused) to ACCEPT_Q_MOST, which it is when none is named; or ACCEPT_UNREADABLE. Clients
              write more digits than the three that the RFC allows: nine count */
};

/* Takes the next element off `*header`; false at its end. Elements may be empty. */
bool accept_next(const char **header, struct accept_element *out);
/* The value of a parameter, without quotes; its length is 0 if it is not there. `name` in small letters. The
 * last counts. */
struct accept_text accept_parameter(const struct accept_element *element, const char *name);
/* Whether it is `text` (in small letters), in whatever letters. */
bool accept_is(struct accept_text piece, const char *text);

#endif
