/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of connections over TLS share: a server with a certificate, and clients by GnuTLS.
 */
#ifndef RBL_TESTS_TLS_FIXTURE_H
#define RBL_TESTS_TLS_FIXTURE_H

#include "certs_fixture.h"
#include "httpd_fixture.h"

#define GET_AND_CLOSE "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static const struct web_tls usual = {.used = true, .min_version = WEB_TLS12, .max_version = WEB_TLS13};

/* --- The server --- */

static inline struct httpd_security *security_of(const struct web_tls *rules, const struct identity *as,
                                                 const char *client_ca) {
    struct httpd_tls_error error;
    const struct httpd_tls_pem pem = {.cert = as->cert,
                                      .cert_len = strlen(as->cert),
                                      .key = as->key,
                                      .key_len = strlen(as->key),
                                      .client_ca = client_ca,
                                      .client_ca_len = client_ca ? strlen(client_ca) : 0};
    struct httpd_tls *tls = httpd_tls_new(rules, &pem, &error);
    if (!tls)
        fail_msg("%s", error.text);
    struct web_config *config = calloc(1, sizeof *config);
    assert_non_null(config);
    arena_init(&config->arena);
    struct httpd_security *security = httpd_security_new(&config, tls);
    assert_non_null(security);
    assert_null(config);
    return security;
}

static inline struct fixture *start_tls(const struct web_tls *rules, const struct identity *as,
                                        const char *client_ca) {
    struct httpd_options options = patient;
    options.security = security_of(rules, as, client_ca);
    return start(options);
}

/* --- Clients --- */

struct client {
    int fd;
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    int code;                         /* of the last call */
    gnutls_alert_description_t alert; /* that ended it; GNUTLS_A_CLOSE_NOTIFY: none did */
};

static inline void client_close(struct client *c) {
    if (c->code >= 0)
        gnutls_bye(c->session, GNUTLS_SHUT_WR);
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
    close(c->fd);
}

static inline int noted(struct client *c, ssize_t code) {
    c->code = (int)code;
    if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
        c->alert = gnutls_alert_get(c->session);
    return c->code;
}

/* `priority` NULL: what is normal. `as` NULL: without a certificate; else with the chain `chain` (NULL: its
 * own alone). Trusts whoever it meets; the handshake has been tried when it returns. */
static inline struct client client_open(const struct fixture *f, const char *priority,
                                        const struct identity *as, const char *chain) {
    struct client c = {.fd = dial(f)};
    must(gnutls_certificate_allocate_credentials(&c.credentials));
    if (as) {
        const char *cert = chain ? chain : as->cert;
        const gnutls_datum_t certs = {.data = (unsigned char *)cert, .size = (unsigned)strlen(cert)};
        const gnutls_datum_t key = {.data = (unsigned char *)as->key, .size = (unsigned)strlen(as->key)};
        must(gnutls_certificate_set_x509_key_mem(c.credentials, &certs, &key, GNUTLS_X509_FMT_PEM));
    }
    /* Sent whether or not the server names the issuer. */
    must(gnutls_init(&c.session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT));
    must(gnutls_priority_set_direct(c.session, priority ? priority : "NORMAL", NULL));
    must(gnutls_credentials_set(c.session, GNUTLS_CRD_CERTIFICATE, c.credentials));
    gnutls_transport_set_int(c.session, c.fd);
    do
        noted(&c, gnutls_handshake(c.session));
    while (c.code < 0 && !gnutls_error_is_fatal(c.code));
    return c;
}

static inline void client_send(struct client *c, const char *bytes, size_t len) {
    while (c->code >= 0 && len > 0) {
        const int sent = noted(c, gnutls_record_send(c->session, bytes, len));
        bytes += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
}

static inline void client_say(struct client *c, const char *text) {
    client_send(c, text, strlen(text));
}

/* One byte, or false at the end. */
static inline bool client_byte(struct client *c, char *out) {
    return c->code >= 0 && noted(c, gnutls_record_recv(c->session, out, 1)) == 1;
}

/* As receive() does without TLS. */
static inline struct reply client_receive(struct client *c) {
    struct reply r = {0};
    char value[32];
    size_t len = 0;
    char *text = calloc(1, 8192);
    assert_non_null(text);
    while (len < 8191 && (len < 4 || memcmp(text + len - 4, "\r\n\r\n", 4) != 0)) {
        if (!client_byte(c, text + len)) {
            free(text);
            return r;
        }
        len++;
    }
    r.text = text;
    r.status = atoi(text + strcspn(text, " "));
    if (header_of(&r, "Content-Length", value, sizeof value))
        r.body_len = strtoul(value, NULL, 10);
    r.text = realloc(text, len + 1 + r.body_len + 1);
    assert_non_null(r.text);
    char *body = r.text + len + 1;
    for (size_t got = 0; got < r.body_len; got += (size_t)c->code) {
        if (noted(c, gnutls_record_recv(c->session, body + got, r.body_len - got)) <= 0) {
            reply_release(&r);
            return r;
        }
    }
    body[r.body_len] = '\0';
    r.body = body;
    return r;
}

/* The status of a request on a connection that is open; 0: there was no answer. */
static inline int client_status(struct client *c, const char *request) {
    client_say(c, request);
    struct reply r = client_receive(c);
    const int status = r.status;
    reply_release(&r);
    return status;
}

/* What comes of a handshake and one request: 200, or 0 and the alert if there was one. */
static inline int visit(const struct fixture *f, const char *priority, const struct identity *as,
                        gnutls_alert_description_t *alert) {
    struct client c = client_open(f, priority, as, NULL);
    const int status = client_status(&c, GET_AND_CLOSE);
    if (alert)
        *alert = c.alert;
    client_close(&c);
    return status;
}

#endif
