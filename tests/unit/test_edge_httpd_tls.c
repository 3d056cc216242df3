/* SPDX-License-Identifier: Apache-2.0
 *
 * What the web server makes of certificates, keys, authorities and rules: the value before there is a
 * connection. What it does to connections: test_edge_httpd_handshake.c.
 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup */
#include "certs_fixture.h"

#include "edge/httpd_tls.h"

#include <stdio.h>

/* --- Memory --- */

static int allocations_left; /* 0: none fails */

static bool fails(void) {
    return allocations_left > 0 && --allocations_left == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text) {
    return fails() ? NULL : __real_strdup(text);
}

/* --- What is served --- */

static struct identity authority;
static struct identity other_authority;
static struct identity rsa;
static struct identity ecdsa;
static struct identity ed25519;
static char *rsa_pkcs8;
static char *rsa_encrypted;

static int make_all(void **state) {
    authority = make_identity("authority", (struct wish){.key = GNUTLS_PK_ECDSA});
    other_authority = make_identity("other authority", (struct wish){.key = GNUTLS_PK_EDDSA_ED25519});
    rsa = make_identity("rsa",
                        (struct wish){.key = GNUTLS_PK_RSA, .issuer = &authority, .purpose = SERVER_PURPOSE});
    ecdsa = make_identity(
        "ecdsa", (struct wish){.key = GNUTLS_PK_ECDSA, .issuer = &authority, .purpose = SERVER_PURPOSE});
    ed25519 = make_identity("ed25519", (struct wish){.key = GNUTLS_PK_EDDSA_ED25519,
                                                     .issuer = &other_authority,
                                                     .purpose = SERVER_PURPOSE,
                                                     .is_expired = true});
    rsa_pkcs8 = pkcs8_of(&rsa, NULL);
    rsa_encrypted = pkcs8_of(&rsa, "secret");
    return 0;
}

static int release_all(void **state) {
    free(rsa_pkcs8);
    free(rsa_encrypted);
    identity_release(&ed25519);
    identity_release(&ecdsa);
    identity_release(&rsa);
    identity_release(&other_authority);
    identity_release(&authority);
    return 0;
}

static const struct web_tls usual = {.used = true, .min_version = WEB_TLS12, .max_version = WEB_TLS13};

static struct httpd_tls *make(const struct web_tls *rules, const char *cert, const char *key, const char *ca,
                              struct httpd_tls_error *error) {
    const struct httpd_tls_pem pem = {.cert = cert,
                                      .cert_len = cert ? strlen(cert) : 0,
                                      .key = key,
                                      .key_len = key ? strlen(key) : 0,
                                      .client_ca = ca,
                                      .client_ca_len = ca ? strlen(ca) : 0};
    *error = (struct httpd_tls_error){.text = ""};
    return httpd_tls_new(rules, &pem, error);
}

static void assert_made(const struct web_tls *rules, const char *cert, const char *key, const char *ca) {
    struct httpd_tls_error error;
    struct httpd_tls *tls = make(rules, cert, key, ca, &error);
    if (!tls)
        fail_msg("%s", error.text);
    httpd_tls_unref(tls);
}

static void assert_refused(const struct web_tls *rules, const char *cert, const char *key, const char *ca,
                           enum httpd_tls_part part, const char *sentence) {
    struct httpd_tls_error error;
    struct httpd_tls *tls = make(rules, cert, key, ca, &error);
    httpd_tls_unref(tls);
    if (tls)
        fail_msg("not refused, expected: %s", sentence);
    if (error.part != part || !strstr(error.text, sentence))
        fail_msg("part %d: %s\nexpected %d: %s", (int)error.part, error.text, (int)part, sentence);
}

/* --- Certificates and keys --- */

static void keys_of_all_kinds_and_forms_are_taken(void **state) {
    char *sec1 =
        joined("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", ecdsa.key);
    assert_non_null(strstr(rsa.key, "BEGIN RSA PRIVATE KEY"));
    assert_non_null(strstr(ecdsa.key, "BEGIN EC PRIVATE KEY"));
    assert_non_null(strstr(ed25519.key, "BEGIN PRIVATE KEY"));
    assert_non_null(strstr(rsa_pkcs8, "BEGIN PRIVATE KEY"));
    assert_made(&usual, rsa.cert, rsa.key, NULL);
    assert_made(&usual, rsa.cert, rsa_pkcs8, NULL);
    assert_made(&usual, ecdsa.cert, ecdsa.key, NULL);
    assert_made(&usual, ecdsa.cert, sec1, NULL);
    free(sec1);
}

static void an_expired_certificate_is_taken(void **state) {
    assert_made(&usual, ed25519.cert, ed25519.key, NULL);
}

static void one_file_may_hold_the_chain_and_the_key(void **state) {
    char *chain = joined(ecdsa.cert, authority.cert);
    char *all = joined(ecdsa.key, chain);
    assert_made(&usual, chain, ecdsa.key, NULL);
    assert_made(&usual, all, all, NULL);
    free(all);
    free(chain);
}

static void what_is_no_certificate_is_refused(void **state) {
    static const char *const texts[] = {NULL, "", "hello\n", "-----BEGIN CERTIFICATE REQUEST-----\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_refused(&usual, texts[i], rsa.key, NULL, HTTPD_TLS_CERT,
                       "no certificate in it: expected PEM that begins with -----BEGIN CERTIFICATE-----");
    assert_refused(&usual, rsa.key, rsa.key, NULL, HTTPD_TLS_CERT, "no certificate in it");
    assert_refused(&usual, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", rsa.key, NULL,
                   HTTPD_TLS_CERT, "the certificate cannot be read: ");
}

static void a_chain_of_too_many_is_refused(void **state) {
    char *chain = joined(rsa.cert, "");
    for (int i = 0; i < 16; i++) {
        char *longer = joined(chain, authority.cert);
        free(chain);
        chain = longer;
    }
    assert_refused(&usual, chain, rsa.key, NULL, HTTPD_TLS_CERT, "17 certificates in it: ");
    free(chain);
}

static void what_is_no_key_is_refused(void **state) {
    static const char *const texts[] = {NULL, "", "hello\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_refused(&usual, rsa.cert, texts[i], NULL, HTTPD_TLS_KEY, "no key in it: ");
    assert_refused(&usual, rsa.cert, rsa.cert, NULL, HTTPD_TLS_KEY, "no key in it: ");
    assert_refused(&usual, rsa.cert, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NULL,
                   HTTPD_TLS_KEY, "the key cannot be read: ");
}

static void an_encrypted_key_is_refused_by_name(void **state) {
    static const char old[] = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
                              "DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
                              "-----END RSA PRIVATE KEY-----\n";
    assert_refused(&usual, rsa.cert, rsa_encrypted, NULL, HTTPD_TLS_KEY, "the key is encrypted");
    assert_refused(&usual, rsa.cert, old, NULL, HTTPD_TLS_KEY, "the key is encrypted");
}

static void a_key_has_to_belong_to_the_certificate(void **state) {
    struct identity same_kind = make_identity("same kind", (struct wish){.key = GNUTLS_PK_ECDSA});
    assert_refused(&usual, rsa.cert, ecdsa.key, NULL, HTTPD_TLS_KEY,
                   "the key does not belong to the certificate");
    assert_refused(&usual, ecdsa.cert, same_kind.key, NULL, HTTPD_TLS_KEY,
                   "the key does not belong to the certificate");
    identity_release(&same_kind);
}

static void a_key_that_tls_cannot_use_is_refused(void **state) {
    struct identity dsa =
        make_identity("dsa", (struct wish){.key = GNUTLS_PK_DSA, .purpose = SERVER_PURPOSE});
    assert_refused(&usual, dsa.cert, dsa.key, NULL, HTTPD_TLS_KEY, "RSA, ECDSA or Ed25519");
    identity_release(&dsa);
}

/* --- Rules --- */

static void authorities_of_clients_may_be_several(void **state) {
    struct web_tls rules = usual;
    char *both = joined(authority.cert, other_authority.cert);
    rules.client_auth = WEB_REQUIRE_AND_VERIFY_CLIENT_CERT;
    assert_made(&rules, rsa.cert, rsa.key, both);
    assert_refused(&rules, rsa.cert, rsa.key, "", HTTPD_TLS_CLIENT_CA, "no certificate in it: ");
    assert_refused(&rules, rsa.cert, rsa.key, "hello\n", HTTPD_TLS_CLIENT_CA, "no certificate in it: ");
    assert_refused(&rules, rsa.cert, rsa.key,
                   "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", HTTPD_TLS_CLIENT_CA,
                   "an authority cannot be read: ");
    free(both);
}

static void the_least_version_is_not_above_the_highest(void **state) {
    struct web_tls rules = usual;
    rules.min_version = WEB_TLS13;
    rules.max_version = WEB_TLS12;
    assert_refused(&rules, rsa.cert, rsa.key, NULL, HTTPD_TLS_RULES,
                   "min_version TLS 1.3 is above max_version TLS 1.2");
    rules.max_version = WEB_TLS13;
    assert_made(&rules, rsa.cert, rsa.key, NULL);
    rules.min_version = WEB_TLS10;
    rules.max_version = WEB_TLS10;
    assert_made(&rules, rsa.cert, rsa.key, NULL);
}

static void a_curve_may_be_named_again_and_again(void **state) {
    enum web_curve curves[100];
    struct web_tls rules = usual;
    for (size_t i = 0; i < 100; i++)
        curves[i] = i % 2 ? WEB_P521 : WEB_P384;
    rules.curves = curves;
    rules.n_curves = 100;
    assert_made(&rules, rsa.cert, rsa.key, NULL);
}

#define ECDHE_RSA_GCM "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
#define ECDHE_RSA_SHA "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
#define ECDHE_ECDSA_GCM "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
#define OF_TLS13 "TLS_AES_128_GCM_SHA256"

static void cipher_suites_that_cannot_be_served_are_refused(void **state) {
    static const struct {
        const char *suites[3];
        bool is_ecdsa;
        enum web_tls_version max;
        bool is_fine;
    } rows[] = {
        {{ECDHE_RSA_GCM}, false, WEB_TLS12, true},
        {{ECDHE_RSA_GCM}, true, WEB_TLS12, false},
        {{ECDHE_ECDSA_GCM}, false, WEB_TLS12, false},
        {{ECDHE_ECDSA_GCM, ECDHE_RSA_GCM}, false, WEB_TLS12, true},
        {{ECDHE_ECDSA_GCM, ECDHE_ECDSA_GCM, ECDHE_ECDSA_GCM}, true, WEB_TLS12, true},
        {{ECDHE_RSA_GCM}, false, WEB_TLS11, false},
        {{ECDHE_RSA_GCM, ECDHE_RSA_SHA}, false, WEB_TLS11, true},
        {{OF_TLS13}, false, WEB_TLS12, false},
        {{OF_TLS13}, false, WEB_TLS13, true}, /* TLS 1.3 goes on, as in Go */
        {{ECDHE_ECDSA_GCM}, false, WEB_TLS13, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct identity *with = rows[i].is_ecdsa ? &ecdsa : &rsa;
        struct web_tls rules = usual;
        struct httpd_tls_error error;
        rules.min_version = WEB_TLS10;
        rules.max_version = rows[i].max;
        rules.cipher_suites = rows[i].suites;
        while (rules.n_cipher_suites < 3 && rows[i].suites[rules.n_cipher_suites])
            rules.n_cipher_suites++;
        struct httpd_tls *tls = make(&rules, with->cert, with->key, NULL, &error);
        httpd_tls_unref(tls);
        if ((tls != NULL) != rows[i].is_fine)
            fail_msg("row %zu: %s", i, error.text);
        if (!tls && (error.part != HTTPD_TLS_RULES || !strstr(error.text, "none of cipher_suites")))
            fail_msg("row %zu: part %d: %s", i, (int)error.part, error.text);
    }
}

/* --- Life --- */

static void a_reference_keeps_it_alive(void **state) {
    struct httpd_tls_error error;
    struct httpd_tls *tls = make(&usual, rsa.cert, rsa.key, NULL, &error);
    assert_non_null(tls);
    assert_ptr_equal(httpd_tls_ref(tls), tls);
    httpd_tls_unref(tls);
    httpd_tls_unref(tls);
    httpd_tls_unref(NULL);
}

/* Of ours; GnuTLS loses some of its own when one fails. */
static void every_allocation_may_fail(void **state) {
    static const char *const suites[] = {ECDHE_RSA_GCM, ECDHE_RSA_SHA};
    static const char *const sans[] = {"a", "b"};
    struct web_tls rules = usual;
    int n = 0;
    rules.cipher_suites = suites;
    rules.n_cipher_suites = 2;
    rules.allowed_sans = sans;
    rules.n_allowed_sans = 2;
    rules.client_auth = WEB_REQUIRE_AND_VERIFY_CLIENT_CERT;
    bool fired = true;
    while (fired) {
        struct httpd_tls_error error;
        allocations_left = ++n;
        struct httpd_tls *tls = make(&rules, rsa.cert, rsa.key, authority.cert, &error);
        fired = allocations_left == 0;
        allocations_left = 0;
        if ((tls != NULL) == fired || (!tls && strcmp(error.text, "out of memory") != 0))
            fail_msg("allocation %d: %s", n, error.text);
        httpd_tls_unref(tls);
    }
    assert_true(n > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_all_kinds_and_forms_are_taken),
        cmocka_unit_test(an_expired_certificate_is_taken),
        cmocka_unit_test(one_file_may_hold_the_chain_and_the_key),
        cmocka_unit_test(what_is_no_certificate_is_refused),
        cmocka_unit_test(a_chain_of_too_many_is_refused),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(an_encrypted_key_is_refused_by_name),
        cmocka_unit_test(a_key_has_to_belong_to_the_certificate),
        cmocka_unit_test(a_key_that_tls_cannot_use_is_refused),
        cmocka_unit_test(authorities_of_clients_may_be_several),
        cmocka_unit_test(the_least_version_is_not_above_the_highest),
        cmocka_unit_test(a_curve_may_be_named_again_and_again),
        cmocka_unit_test(cipher_suites_that_cannot_be_served_are_refused),
        cmocka_unit_test(a_reference_keeps_it_alive),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_all, release_all);
}
