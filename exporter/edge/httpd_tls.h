/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd_tls: the certificate, the authorities and the rules of TLS that connections are served by (GnuTLS).
 *
 * A value that never changes once it is made, and is counted: a connection holds the one that was in force
 * when it began, and all that begin later get the one that is then. So a renewed certificate needs no
 * restart, and cuts nobody off.
 */
#ifndef RBL_EDGE_HTTPD_TLS_H
#define RBL_EDGE_HTTPD_TLS_H

#include "core/status.h"
#include "core/web_config.h"

#include <stddef.h>

/* The texts that a struct web_tls names: contents of its files, or what is inline. PEM; NULL: not given. */
struct httpd_tls_pem {
    const char *cert; /* the server's first, then those that lead to its authority */
    size_t cert_len;
    const char *key;
    size_t key_len;
    const char *client_ca;
    size_t client_ca_len;
};

/* What went wrong, for whoever knows where the text came from. */
enum httpd_tls_part { HTTPD_TLS_CERT, HTTPD_TLS_KEY, HTTPD_TLS_CLIENT_CA, HTTPD_TLS_RULES };
struct httpd_tls_error {
    enum httpd_tls_part part;
    char text[256]; /* a sentence without a full stop: "the key does not belong to the certificate"; "out of
                       memory" for want of it, which may pass */
};

struct httpd_tls;
/* Copies what it needs; the reference returned is the caller's. NULL: why is in `error`. */
struct httpd_tls *httpd_tls_new(const struct web_tls *rules, const struct httpd_tls_pem *pem,
                                struct httpd_tls_error *error) MUST_CHECK;
struct httpd_tls *httpd_tls_ref(struct httpd_tls *tls);
void httpd_tls_unref(struct httpd_tls *tls); /* NULL allowed */

#endif
