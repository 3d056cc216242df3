/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and keys for the tests of TLS, made when they are needed.
 */
#ifndef RBL_TESTS_CERTS_FIXTURE_H
#define RBL_TESTS_CERTS_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SERVER_PURPOSE GNUTLS_KP_TLS_WWW_SERVER
#define CLIENT_PURPOSE GNUTLS_KP_TLS_WWW_CLIENT

struct san {
    gnutls_x509_subject_alt_name_t type;
    const char *value;
    unsigned len; /* 0: that of the text */
};

enum { DAY_S = 86400, CENTURY_DAYS = 36500, MOST_SANS = 6 };

/* What to make. All zero but for `key`: an authority that signs itself. */
struct wish {
    gnutls_pk_algorithm_t key;
    const struct identity *issuer;
    const char *purpose; /* NULL: it is an authority */
    bool is_expired;
    struct san sans[MOST_SANS];
};

struct identity {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t priv;
    char *cert; /* PEM */
    char *key;  /* PEM: PKCS#1, SEC1 or, for Ed25519, PKCS#8 */
};

static inline void must(int code) {
    if (code < 0)
        fail_msg("GnuTLS: %s", gnutls_strerror(code));
}

/* The caller frees it. */
static inline char *text_of(gnutls_datum_t *datum) {
    char *text = strndup((char *)datum->data, datum->size);
    assert_non_null(text);
    gnutls_free(datum->data);
    return text;
}

/* The key as PKCS#8, encrypted if there is a password; the caller frees it. */
static inline char *pkcs8_of(const struct identity *identity, const char *password) {
    gnutls_datum_t text;
    must(gnutls_x509_privkey_export2_pkcs8(identity->priv, GNUTLS_X509_FMT_PEM, password,
                                           password ? GNUTLS_PKCS_PBES2_AES_256 : GNUTLS_PKCS_PLAIN, &text));
    return text_of(&text);
}

static inline gnutls_x509_privkey_t make_key(gnutls_pk_algorithm_t algorithm) {
    gnutls_x509_privkey_t key;
    const unsigned bits = algorithm == GNUTLS_PK_ECDSA ? GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)
                          : algorithm == GNUTLS_PK_EDDSA_ED25519
                              ? GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519)
                              : 2048;
    must(gnutls_x509_privkey_init(&key));
    must(gnutls_x509_privkey_generate(key, algorithm, bits, 0));
    return key;
}

static inline void add_sans(gnutls_x509_crt_t crt, const struct san *sans) {
    for (size_t i = 0; i < MOST_SANS && sans[i].value; i++)
        must(gnutls_x509_crt_set_subject_alt_name(
            crt, sans[i].type, sans[i].value, sans[i].len > 0 ? sans[i].len : (unsigned)strlen(sans[i].value),
            GNUTLS_FSAN_APPEND));
}

static inline struct identity make_identity(const char *name, struct wish wish) {
    static unsigned char serial;
    struct identity made = {.priv = make_key(wish.key)};
    gnutls_datum_t text;
    const time_t now = time(NULL);
    serial++;
    must(gnutls_x509_crt_init(&made.crt));
    must(gnutls_x509_crt_set_version(made.crt, 3));
    must(gnutls_x509_crt_set_serial(made.crt, &serial, 1));
    must(gnutls_x509_crt_set_dn_by_oid(made.crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                       (unsigned)strlen(name)));
    must(gnutls_x509_crt_set_activation_time(made.crt, now - 10 * DAY_S));
    must(gnutls_x509_crt_set_expiration_time(made.crt, wish.is_expired ? now - DAY_S
                                                                       : now + (time_t)CENTURY_DAYS * DAY_S));
    must(gnutls_x509_crt_set_key(made.crt, made.priv));
    if (wish.purpose)
        must(gnutls_x509_crt_set_key_purpose_oid(made.crt, wish.purpose, 0));
    else
        must(gnutls_x509_crt_set_ca_status(made.crt, 1));
    add_sans(made.crt, wish.sans);
    const struct identity *issuer = wish.issuer ? wish.issuer : &made;
    must(gnutls_x509_crt_sign2(made.crt, issuer->crt, issuer->priv,
                               gnutls_x509_crt_get_pk_algorithm(issuer->crt, NULL) == GNUTLS_PK_EDDSA_ED25519
                                   ? GNUTLS_DIG_SHA512
                                   : GNUTLS_DIG_SHA256,
                               0));
    must(gnutls_x509_crt_export2(made.crt, GNUTLS_X509_FMT_PEM, &text));
    made.cert = text_of(&text);
    if (wish.key == GNUTLS_PK_EDDSA_ED25519) {
        made.key = pkcs8_of(&made, NULL);
        return made;
    }
    must(gnutls_x509_privkey_export2(made.priv, GNUTLS_X509_FMT_PEM, &text));
    made.key = text_of(&text);
    return made;
}

static inline void identity_release(struct identity *identity) {
    gnutls_x509_crt_deinit(identity->crt);
    gnutls_x509_privkey_deinit(identity->priv);
    free(identity->cert);
    free(identity->key);
}

/* Both texts, one behind the other; the caller frees it. */
static inline char *joined(const char *a, const char *b) {
    char *text = malloc(strlen(a) + strlen(b) + 1);
    assert_non_null(text);
    strcpy(text, a);
    strcat(text, b);
    return text;
}

#endif
