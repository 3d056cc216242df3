/* SPDX-License-Identifier: Apache-2.0
 *
 * status: the one enumeration of errors that functions of this program return.
 *
 * Zero is success. On failure a function leaves its outputs untouched. A status says what kind of thing
 * failed; the text for a person is made by whoever knows the file, the line and the key. What a DNS server
 * answers (a timeout, REFUSED) is a value and never a status.
 */
#ifndef RBL_CORE_STATUS_H
#define RBL_CORE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_NO_MEMORY, /* an allocation failed; nothing has changed */
    STATUS_SYNTAX,    /* the input has not the form that was asked for */
    STATUS_RANGE,     /* of the right form, but outside what is allowed */
    STATUS_FULL,      /* a capped container is at its cap */
    STATUS_NOT_FOUND, /* what was named does not exist */
    STATUS_IO,        /* the system refused; errno says why */
    STATUS_INVALID,   /* several errors, reported to a `struct problems` */
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* A short text in lower case for `status`, never NULL. */
const char *status_text(enum status status);

#endif
