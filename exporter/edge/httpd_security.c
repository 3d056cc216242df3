/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of clients: one counted value, and which of them is in force.
 *
 * The loop thread replaces it, the server thread takes a reference for each connection and each request. What
 * has begun under one ends under it, so a file that changes cuts nobody off.
 */
#include "edge/httpd_internal.h"

#include <assert.h>
#include <stdlib.h>

struct httpd_security *httpd_security_new(struct web_config **config, struct httpd_tls *tls) {
    struct httpd_security *security = calloc(1, sizeof *security);
    if (!security)
        return NULL;
    atomic_init(&security->refs, 1);
    security->config = *config;
    security->tls = tls;
    *config = NULL;
    return security;
}

struct httpd_security *httpd_security_refusing(struct httpd_tls *tls) {
    struct httpd_security *security = calloc(1, sizeof *security);
    if (!security)
        return NULL;
    atomic_init(&security->refs, 1);
    security->tls = tls;
    security->refusing = true;
    return security;
}

void httpd_security_unref(struct httpd_security *security) {
    if (!security || atomic_fetch_sub(&security->refs, 1) > 1)
        return;
    httpd_tls_unref(security->tls);
    web_config_free(security->config);
    free(security);
}

void httpd_secure(struct httpd *server, struct httpd_security *security) {
    assert((security && security->tls) == server->has_tls);
    pthread_mutex_lock(&server->lock);
    struct httpd_security *before = server->security;
    server->security = security;
    pthread_mutex_unlock(&server->lock);
    httpd_security_unref(before);
}

struct httpd_security *httpd_security_current(struct httpd *server) {
    pthread_mutex_lock(&server->lock);
    struct httpd_security *security = server->security;
    if (security)
        atomic_fetch_add(&security->refs, 1);
    pthread_mutex_unlock(&server->lock);
    return security;
}
