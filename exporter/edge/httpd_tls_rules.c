/* SPDX-License-Identifier: Apache-2.0
 *
 * Versions, curves, cipher suites and names of clients, as GnuTLS wants them.
 *
 * Without cipher suites of the user's all are allowed that GnuTLS holds for normal and whose keys are made
 * anew for each connection over an elliptic curve, as Go does by default: neither plain RSA, whose recorded
 * connections can be read by whoever gets the key later, nor finite fields, which cost the server much.
 */
#include "edge/httpd_tls_internal.h"

#include "core/buf.h"
#include "core/web_cipher.h"

#include <stdlib.h>
#include <string.h>

enum { PRIORITY_BYTES = 1024 };

static const char *const version_names[] = {
    [WEB_TLS10] = "TLS 1.0", [WEB_TLS11] = "TLS 1.1", [WEB_TLS12] = "TLS 1.2", [WEB_TLS13] = "TLS 1.3"};

static const char *const version_words[] = {[WEB_TLS10] = ":+VERS-TLS1.0",
                                            [WEB_TLS11] = ":+VERS-TLS1.1",
                                            [WEB_TLS12] = ":+VERS-TLS1.2",
                                            [WEB_TLS13] = ":+VERS-TLS1.3"};

static const char *const curve_words[] = {[WEB_P256] = ":+GROUP-SECP256R1",
                                          [WEB_P384] = ":+GROUP-SECP384R1",
                                          [WEB_P521] = ":+GROUP-SECP521R1",
                                          [WEB_X25519] = ":+GROUP-X25519"};

/* First what most clients bring a share for: with another there is one more round trip (RFC 8446, 4.1.4). */
static const char usual_curves[] = ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1";

/* --- Priorities --- */

/* Versions from `max` down to the least, curves in order. `suite` NULL: what is normal. */
static void write_priority(struct buf *text, const struct web_tls *rules, enum web_tls_version max,
                           const struct web_cipher *suite) {
    buf_add_text(text, "NORMAL:%SERVER_PRECEDENCE:-VERS-ALL");
    for (int version = (int)max; version >= (int)rules->min_version; version--)
        buf_add_text(text, version_words[version]);
    buf_add_text(text, ":-KX-ALL");
    if (suite)
        buf_addf(text, ":+%s:-CIPHER-ALL:+%s:-MAC-ALL:+%s", suite->kx, suite->cipher, suite->mac);
    else
        buf_add_text(text, ":+ECDHE-ECDSA:+ECDHE-RSA");
    buf_add_text(text, ":-GROUP-ALL");
    if (rules->n_curves == 0)
        buf_add_text(text, usual_curves);
    bool named[sizeof curve_words / sizeof curve_words[0]] = {false};
    for (size_t i = 0; i < rules->n_curves; i++) {
        if (!named[rules->curves[i]])
            buf_add_text(text, curve_words[rules->curves[i]]);
        named[rules->curves[i]] = true;
    }
}

/* The code of GnuTLS. */
static int make_priority(gnutls_priority_t *out, const struct web_tls *rules, enum web_tls_version max,
                         const struct web_cipher *suite) {
    struct buf text;
    int code = GNUTLS_E_MEMORY_ERROR;
    buf_init(&text, PRIORITY_BYTES);
    write_priority(&text, rules, max, suite);
    buf_add(&text, "", 1);
    if (buf_status(&text) == STATUS_OK)
        code = gnutls_priority_init(out, text.data, NULL);
    buf_release(&text);
    return code;
}

/* --- Cipher suites --- */

static bool key_fits(const struct web_cipher *suite, gnutls_pk_algorithm_t key) {
    const bool is_rsa = key == GNUTLS_PK_RSA;
    if (strcmp(suite->kx, "RSA") == 0)
        return is_rsa;
    if (strcmp(suite->kx, "ECDHE-RSA") == 0)
        return is_rsa || key == GNUTLS_PK_RSA_PSS;
    return !is_rsa && key != GNUTLS_PK_RSA_PSS;
}

static bool is_new(const struct web_cipher *suite) {
    return strcmp(suite->mac, "SHA1") != 0;
}

static bool has_suite(const struct httpd_tls *tls, uint16_t number) {
    for (size_t i = 0; i < tls->n_suites; i++) {
        if (tls->suites[i].number == number)
            return true;
    }
    return false;
}

static enum web_tls_version below_tls13(const struct web_tls *rules) {
    return rules->max_version < WEB_TLS12 ? rules->max_version : WEB_TLS12;
}

/* Whether a server with this key and these versions can serve it. */
static bool is_of_use(const struct web_cipher *suite, const struct web_tls *rules,
                      gnutls_pk_algorithm_t key) {
    return !suite->tls13 && key_fits(suite, key) && rules->min_version <= WEB_TLS12 &&
           !(is_new(suite) && rules->max_version < WEB_TLS12);
}

/* What a policy of the system forbids is left out, like what does not fit. */
static bool add_suite(struct httpd_tls *tls, const struct web_tls *rules, const struct web_cipher *suite) {
    struct httpd_tls_suite *to = &tls->suites[tls->n_suites];
    const int code = make_priority(&to->priority, rules, below_tls13(rules), suite);
    if (code >= 0) {
        to->number = suite->number;
        to->from_tls12 = is_new(suite);
        tls->n_suites++;
    }
    return code != GNUTLS_E_MEMORY_ERROR;
}

static bool add_suites(struct httpd_tls *tls, const struct web_tls *rules, gnutls_pk_algorithm_t key,
                       struct httpd_tls_error *error) {
    tls->chooses = rules->n_cipher_suites > 0;
    for (size_t i = 0; i < rules->n_cipher_suites; i++) {
        const struct web_cipher *suite = web_cipher_find(rules->cipher_suites[i]);
        if (!suite)
            return httpd_tls_fail(error, HTTPD_TLS_RULES, "%s is no cipher suite", rules->cipher_suites[i]);
        if (!has_suite(tls, suite->number) && is_of_use(suite, rules, key) && !add_suite(tls, rules, suite))
            return httpd_tls_fail(error, HTTPD_TLS_RULES, "out of memory");
    }
    if (tls->chooses && tls->n_suites == 0 && rules->max_version < WEB_TLS13)
        return httpd_tls_fail(error, HTTPD_TLS_RULES,
                              "none of cipher_suites can be served with a certificate whose key is %s and "
                              "at most %s: name others, or allow TLS13",
                              gnutls_pk_get_name(key), version_names[rules->max_version]);
    return true;
}

/* --- Names of clients --- */

static bool copy_sans(struct httpd_tls *tls, const struct web_tls *rules) {
    tls->sans = calloc(rules->n_allowed_sans + 1, sizeof *tls->sans);
    if (!tls->sans)
        return false;
    for (; tls->n_sans < rules->n_allowed_sans; tls->n_sans++) {
        tls->sans[tls->n_sans] = strdup(rules->allowed_sans[tls->n_sans]);
        if (!tls->sans[tls->n_sans])
            return false;
    }
    return true;
}

/* --- All of it --- */

bool httpd_tls_rules(struct httpd_tls *tls, const struct web_tls *rules, gnutls_pk_algorithm_t key,
                     struct httpd_tls_error *error) {
    if (rules->min_version > rules->max_version)
        return httpd_tls_fail(error, HTTPD_TLS_RULES, "min_version %s is above max_version %s",
                              version_names[rules->min_version], version_names[rules->max_version]);
    tls->min_version = rules->min_version;
    tls->max_version = rules->max_version;
    tls->client_auth = rules->client_auth;
    const int code = make_priority(&tls->priority, rules, rules->max_version, NULL);
    if (code == GNUTLS_E_MEMORY_ERROR || !copy_sans(tls, rules))
        return httpd_tls_fail(error, HTTPD_TLS_RULES, "out of memory");
    if (code < 0)
        return httpd_tls_fail(error, HTTPD_TLS_RULES,
                              "GnuTLS refuses these versions and curves: %s (does a policy of this system "
                              "forbid them?)",
                              gnutls_strerror(code));
    return add_suites(tls, rules, key, error);
}

void httpd_tls_rules_release(struct httpd_tls *tls) {
    if (tls->priority)
        gnutls_priority_deinit(tls->priority);
    for (size_t i = 0; i < tls->n_suites; i++)
        gnutls_priority_deinit(tls->suites[i].priority);
    for (size_t i = 0; i < tls->n_sans; i++)
        free(tls->sans[i]);
    free(tls->sans);
}
