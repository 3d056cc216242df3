/* SPDX-License-Identifier: Apache-2.0
 *
 * basic_auth: a user and password out of a header Authorization (RFC 7617).
 *
 * Base64 is taken strictly (RFC 4648, 3.5 and section 4): whole groups of four, padded, no other characters,
 * no bits left over; so there is one way to write each text. A NUL in what it says is refused: it would end a
 * C string, and no password that is typed has one.
 */
#ifndef RBL_CORE_BASIC_AUTH_H
#define RBL_CORE_BASIC_AUTH_H

#include <stdbool.h>
#include <stddef.h>

enum { BASIC_AUTH_MOST = 1024 /* bytes of user, colon and password together */ };

struct basic_auth {
    char text[BASIC_AUTH_MOST + 1]; /* the user, a NUL, the password, a NUL */
    size_t user_len;
    size_t password_len;
};

/* Reads the value of a header Authorization. False: it is none of the scheme Basic, or malformed, and nothing
 * of it is left in `out`. The user ends at the first colon; user and password may be empty. The caller wipes
 * `out` when it is done with it. */
bool basic_auth_parse(const char *value, struct basic_auth *out);
static inline const char *basic_auth_user(const struct basic_auth *auth) {
    return auth->text;
}
static inline const char *basic_auth_password(const struct basic_auth *auth) {
    return auth->text + auth->user_len + 1;
}

#endif
