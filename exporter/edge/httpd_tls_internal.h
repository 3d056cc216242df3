/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd_tls_internal: what the three files of TLS share: the value (httpd_tls.c), its rules as GnuTLS wants
 * them (httpd_tls_rules.c), and one connection (httpd_tls_session.c).
 *
 * A priority string of GnuTLS names key exchanges, ciphers and MACs apart, and what it allows is their
 * product. So each cipher suite that is named gets a priority of its own; when a client has said what it
 * offers, the first in our order is put in force for its handshake.
 */
#ifndef RBL_EDGE_HTTPD_TLS_INTERNAL_H
#define RBL_EDGE_HTTPD_TLS_INTERNAL_H

#include "core/status.h"
#include "core/web_config.h"
#include "edge/httpd_tls.h"

#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTPD_TLS_SUITES = 32 }; /* more than core/web_cipher has, and bits of `connection.tls_offered` */

struct httpd_tls_suite {
    uint16_t number;
    bool from_tls12; /* it does not exist before TLS 1.2 */
    gnutls_priority_t priority;
};

struct httpd_tls {
    atomic_uint refs;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority; /* what a handshake begins with */
    enum web_tls_version min_version;
    enum web_tls_version max_version;
    bool chooses; /* below TLS 1.3 it goes on with one of `suites`, or ends */
    struct httpd_tls_suite suites[HTTPD_TLS_SUITES]; /* in order of preference */
    size_t n_suites;
    enum web_client_auth client_auth;
    bool names_authorities; /* clients are told whose certificates are wanted */
    char **sans;
    size_t n_sans;
};

/* Writes a sentence into `error`, false. */
bool httpd_tls_fail(struct httpd_tls_error *error, enum httpd_tls_part part, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Fills the rules of `tls` but for the certificates; `key` is the algorithm of the server's. False: why is in
 * `error`, and what was made is httpd_tls_rules_release()'s. */
bool httpd_tls_rules(struct httpd_tls *tls, const struct web_tls *rules, gnutls_pk_algorithm_t key,
                     struct httpd_tls_error *error) MUST_CHECK;
void httpd_tls_rules_release(struct httpd_tls *tls);

#endif
