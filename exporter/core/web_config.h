/* SPDX-License-Identifier: Apache-2.0
 *
 * web_config: what --web.config.file says: TLS, passwords, headers, a rate limit; the format of Prometheus's
 * exporter-toolkit (https://github.com/prometheus/exporter-toolkit, docs/web-configuration.md).
 *
 * web_config_read() turns a tree of nodes into one `struct web_config`, or reports every error it finds, each
 * with its place; nothing is half applied. Everything it points at lives in its arena. It judges what is
 * written; what is in the files that are named is judged by whoever reads them.
 */
#ifndef RBL_CORE_WEB_CONFIG_H
#define RBL_CORE_WEB_CONFIG_H

#include "core/arena.h"
#include "core/node.h"
#include "core/problem.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of strictness; the names in the file are NoClientCert and so on (RequireClientCert is another
 * name of the third). */
enum web_client_auth {
    WEB_NO_CLIENT_CERT,
    WEB_REQUEST_CLIENT_CERT,
    WEB_REQUIRE_ANY_CLIENT_CERT,
    WEB_VERIFY_CLIENT_CERT_IF_GIVEN,
    WEB_REQUIRE_AND_VERIFY_CLIENT_CERT,
};
enum web_tls_version { WEB_TLS10, WEB_TLS11, WEB_TLS12, WEB_TLS13 };
enum web_curve { WEB_P256, WEB_P384, WEB_P521, WEB_X25519 };

/* A place for a certificate, a key or authorities: a file, or the text itself. Both NULL: not given. */
struct web_pem {
    const char *file; /* path, relative ones made relative to the folder of web-config.yml */
    const char *text; /* PEM as it stands in the configuration */
    uint32_t line, column;
};

struct web_tls {
    bool used; /* there is a tls_server_config: HTTPS, and no plain HTTP */
    struct web_pem cert;
    struct web_pem key;
    struct web_pem client_ca;
    enum web_client_auth client_auth;
    const char *const *allowed_sans;  /* one of them has to be in the client's certificate */
    size_t n_allowed_sans;            /* 0: any */
    enum web_tls_version min_version; /* WEB_TLS12 unless it is said */
    enum web_tls_version max_version; /* WEB_TLS13 */
    const char *const
        *cipher_suites;           /* of TLS 1.2 and below, by their IANA names, known ones only, in order */
    size_t n_cipher_suites;       /* 0: the library's choice */
    const enum web_curve *curves; /* in order */
    size_t n_curves;              /* 0: the library's choice */
};

struct web_header {
    const char *name;
    const char *value;
};

struct web_user {
    const char *name;
    const char *hash; /* bcrypt: $2a$, $2b$ or $2y$ */
};

struct web_config {
    struct arena arena;
    struct web_tls tls;
    const struct web_header *headers; /* sent with every response, in place of our own of that name */
    size_t n_headers;
    const struct web_user *users; /* none: no password is needed */
    size_t n_users;
    int64_t rate_interval_ns; /* one request each, of all clients together; 0: no limit */
    unsigned rate_burst;
};

/* Reads `root` (NULL: an empty document, which is right and asks for nothing). `folder` is where relative
 * paths begin: that of the file. STATUS_INVALID: the reasons are in `problems`, sorted by place; an error
 * that was there before (a duplicate key) counts like one of its own. `*out` is the caller's to
 * web_config_free().
 */
enum status web_config_read(const struct node *root, const char *folder, struct problems *problems,
                            struct web_config **out) MUST_CHECK;
void web_config_free(struct web_config *config); /* NULL allowed */

#endif
