/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and keys, from PEM to what GnuTLS serves by.
 *
 * As in Go, whose exporters read the same files: other blocks among the PEM are passed over, the first
 * certificate is the server's and the order of the rest is left as it is, an expired certificate is served.
 * Keys are nowhere copied here; GnuTLS wipes its own.
 */
#include "edge/httpd_tls_internal.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_CHAIN = 16 };

bool httpd_tls_fail(struct httpd_tls_error *error, enum httpd_tls_part part, const char *format, ...) {
    va_list args;
    va_start(args, format);
    error->part = part;
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return false;
}

/* `what` begins the sentence: "the key". */
static bool fail_by_code(struct httpd_tls_error *error, enum httpd_tls_part part, const char *what,
                         int code) {
    if (code == GNUTLS_E_MEMORY_ERROR)
        return httpd_tls_fail(error, part, "out of memory");
    return httpd_tls_fail(error, part, "%s cannot be read: %s", what, gnutls_strerror(code));
}

static bool datum_of(const char *text, size_t len, enum httpd_tls_part part, gnutls_datum_t *out,
                     struct httpd_tls_error *error) {
    *out = (gnutls_datum_t){0};
    if (len > INT_MAX)
        return httpd_tls_fail(error, part, "too large");
    *out = (gnutls_datum_t){.data = (unsigned char *)text, .size = text ? (unsigned)len : 0};
    return true;
}

static bool holds(const gnutls_datum_t *pem, const char *mark) {
    return pem->size > 0 && memmem(pem->data, pem->size, mark, strlen(mark)) != NULL;
}

/* --- The certificate --- */

/* Certificates as GnuTLS sends them; `n` of them are set. */
struct chain {
    gnutls_pcert_st certs[LONGEST_CHAIN];
    unsigned n;
};

static void chain_release(struct chain *chain) {
    for (unsigned i = 0; i < chain->n; i++)
        gnutls_pcert_deinit(&chain->certs[i]);
    chain->n = 0;
}

static int chain_fill(struct chain *chain, gnutls_x509_crt_t *certs, unsigned n) {
    for (chain->n = 0; chain->n < n; chain->n++) {
        const int code = gnutls_pcert_import_x509(&chain->certs[chain->n], certs[chain->n], 0);
        if (code < 0)
            return code;
    }
    return 0;
}

/* On failure the chain is empty. */
static bool read_chain(const gnutls_datum_t *pem, struct chain *chain, struct httpd_tls_error *error) {
    gnutls_x509_crt_t *certs = NULL;
    unsigned n = 0;
    *chain = (struct chain){.n = 0};
    int code = pem->size > 0 ? gnutls_x509_crt_list_import2(&certs, &n, pem, GNUTLS_X509_FMT_PEM, 0)
                             : GNUTLS_E_NO_CERTIFICATE_FOUND;
    if (code == GNUTLS_E_NO_CERTIFICATE_FOUND || code == GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR)
        return httpd_tls_fail(
            error, HTTPD_TLS_CERT,
            "no certificate in it: expected PEM that begins with -----BEGIN CERTIFICATE-----");
    if (code < 0)
        return fail_by_code(error, HTTPD_TLS_CERT, "the certificate", code);
    const bool short_enough = n <= LONGEST_CHAIN;
    code = short_enough ? chain_fill(chain, certs, n) : 0;
    for (unsigned i = 0; i < n; i++)
        gnutls_x509_crt_deinit(certs[i]);
    gnutls_free(certs);
    if (!short_enough)
        return httpd_tls_fail(error, HTTPD_TLS_CERT,
                              "%u certificates in it: expected the server's and those that lead to its "
                              "authority, %d at most",
                              n, LONGEST_CHAIN);
    if (code >= 0)
        return true;
    chain_release(chain);
    return fail_by_code(error, HTTPD_TLS_CERT, "the certificate", code);
}

/* --- The key --- */

/* NULL: why is in `error`. */
static gnutls_x509_privkey_t read_pem_key(const gnutls_datum_t *pem, struct httpd_tls_error *error) {
    gnutls_x509_privkey_t key = NULL;
    if (!holds(pem, "PRIVATE KEY-----")) {
        httpd_tls_fail(error, HTTPD_TLS_KEY,
                       "no key in it: expected PEM that begins with -----BEGIN PRIVATE KEY-----");
        return NULL;
    }
    if (holds(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(pem, "Proc-Type: 4,ENCRYPTED")) {
        httpd_tls_fail(error, HTTPD_TLS_KEY,
                       "the key is encrypted, and there is nobody to ask for its password: write it without "
                       "one (openssl pkey -in KEY -out NEW)");
        return NULL;
    }
    int code = gnutls_x509_privkey_init(&key);
    if (code >= 0)
        code = gnutls_x509_privkey_import(key, pem, GNUTLS_X509_FMT_PEM);
    if (code >= 0)
        return key;
    gnutls_x509_privkey_deinit(key);
    fail_by_code(error, HTTPD_TLS_KEY, "the key", code);
    return NULL;
}

/* NULL: why is in `error`. */
static gnutls_privkey_t read_key(const gnutls_datum_t *pem, struct httpd_tls_error *error) {
    gnutls_privkey_t key = NULL;
    gnutls_x509_privkey_t from = read_pem_key(pem, error);
    if (!from)
        return NULL;
    int code = gnutls_privkey_init(&key);
    if (code >= 0) {
        code = gnutls_privkey_import_x509(key, from, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE);
        if (code >= 0)
            return key;
        gnutls_privkey_deinit(key);
    }
    gnutls_x509_privkey_deinit(from);
    fail_by_code(error, HTTPD_TLS_KEY, "the key", code);
    return NULL;
}

static bool can_serve(gnutls_pk_algorithm_t algorithm) {
    return algorithm == GNUTLS_PK_RSA || algorithm == GNUTLS_PK_RSA_PSS || algorithm == GNUTLS_PK_ECDSA ||
           algorithm == GNUTLS_PK_EDDSA_ED25519 || algorithm == GNUTLS_PK_EDDSA_ED448;
}

/* On success both belong to the credentials. */
static bool pair(gnutls_certificate_credentials_t credentials, struct chain *chain, gnutls_privkey_t key,
                 struct httpd_tls_error *error) {
    const int algorithm = gnutls_privkey_get_pk_algorithm(key, NULL);
    if (!can_serve((gnutls_pk_algorithm_t)algorithm))
        return httpd_tls_fail(error, HTTPD_TLS_KEY,
                              "a key of this kind cannot be used: RSA, ECDSA or Ed25519 can");
    const int code = gnutls_certificate_set_key(credentials, NULL, 0, chain->certs, (int)chain->n, key);
    if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return httpd_tls_fail(error, HTTPD_TLS_KEY, "the key does not belong to the certificate");
    return code >= 0 || fail_by_code(error, HTTPD_TLS_CERT, "the certificate", code);
}

static bool set_pair(struct httpd_tls *tls, const gnutls_datum_t *cert, const gnutls_datum_t *key_pem,
                     gnutls_pk_algorithm_t *algorithm, struct httpd_tls_error *error) {
    struct chain chain;
    if (!read_chain(cert, &chain, error))
        return false;
    gnutls_privkey_t key = read_key(key_pem, error);
    if (key && pair(tls->credentials, &chain, key, error)) {
        *algorithm = (gnutls_pk_algorithm_t)gnutls_privkey_get_pk_algorithm(key, NULL);
        return true;
    }
    if (key)
        gnutls_privkey_deinit(key);
    chain_release(&chain);
    return false;
}

/* --- Clients --- */

static bool verifies(const struct web_tls *rules) {
    return rules->client_auth >= WEB_VERIFY_CLIENT_CERT_IF_GIVEN;
}

/* Without authorities of its own Go takes those that the system trusts. */
static bool set_authorities(struct httpd_tls *tls, const struct web_tls *rules, const gnutls_datum_t *pem,
                            struct httpd_tls_error *error) {
    if (!pem->data && !verifies(rules))
        return true;
    tls->names_authorities = pem->data != NULL;
    int code;
    if (!pem->data)
        code = gnutls_certificate_set_x509_system_trust(tls->credentials);
    else
        code = pem->size > 0
                   ? gnutls_certificate_set_x509_trust_mem(tls->credentials, pem, GNUTLS_X509_FMT_PEM)
                   : GNUTLS_E_NO_CERTIFICATE_FOUND;
    if (code > 0)
        return true;
    if (!pem->data && code != GNUTLS_E_MEMORY_ERROR)
        return httpd_tls_fail(error, HTTPD_TLS_CLIENT_CA,
                              "no authority to verify the certificates of clients by: none is named, and "
                              "this system has none either (Debian: ca-certificates)");
    if (code == 0 || code == GNUTLS_E_NO_CERTIFICATE_FOUND)
        return httpd_tls_fail(
            error, HTTPD_TLS_CLIENT_CA,
            "no certificate in it: expected PEM that begins with -----BEGIN CERTIFICATE-----");
    return fail_by_code(error, HTTPD_TLS_CLIENT_CA, "an authority", code);
}

/* --- The value --- */

static bool fill(struct httpd_tls *tls, const struct web_tls *rules, const struct httpd_tls_pem *pem,
                 struct httpd_tls_error *error) {
    gnutls_datum_t cert;
    gnutls_datum_t key;
    gnutls_datum_t ca;
    gnutls_pk_algorithm_t algorithm;
    if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
        return httpd_tls_fail(error, HTTPD_TLS_RULES, "out of memory");
    return datum_of(pem->cert, pem->cert_len, HTTPD_TLS_CERT, &cert, error) &&
           datum_of(pem->key, pem->key_len, HTTPD_TLS_KEY, &key, error) &&
           datum_of(pem->client_ca, pem->client_ca_len, HTTPD_TLS_CLIENT_CA, &ca, error) &&
           set_pair(tls, &cert, &key, &algorithm, error) && set_authorities(tls, rules, &ca, error) &&
           httpd_tls_rules(tls, rules, algorithm, error);
}

struct httpd_tls *httpd_tls_new(const struct web_tls *rules, const struct httpd_tls_pem *pem,
                                struct httpd_tls_error *error) {
    struct httpd_tls *tls = calloc(1, sizeof *tls);
    if (!tls) {
        httpd_tls_fail(error, HTTPD_TLS_RULES, "out of memory");
        return NULL;
    }
    atomic_init(&tls->refs, 1);
    if (!fill(tls, rules, pem, error)) {
        httpd_tls_unref(tls);
        return NULL;
    }
    return tls;
}

struct httpd_tls *httpd_tls_ref(struct httpd_tls *tls) {
    atomic_fetch_add(&tls->refs, 1);
    return tls;
}

void httpd_tls_unref(struct httpd_tls *tls) {
    if (!tls || atomic_fetch_sub(&tls->refs, 1) > 1)
        return;
    if (tls->credentials)
        gnutls_certificate_free_credentials(tls->credentials);
    httpd_tls_rules_release(tls);
    free(tls);
}
