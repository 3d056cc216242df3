/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates of clients: who is asked for one, who is let in with which. The types mean what they mean in
 * Go's crypto/tls, the names what they mean in exporter-toolkit.
 */
#include "tls_fixture.h"

#include <gnutls/abstract.h>

enum who { NOBODY, RIGHT, BY_INTERMEDIATE, OF_OTHERS, FOR_SERVERS, EXPIRED, SELF_SIGNED, N_WHO };

static const char *const who_text[] = {[NOBODY] = "without a certificate",
                                       [RIGHT] = "the right one",
                                       [BY_INTERMEDIATE] = "by an intermediate",
                                       [OF_OTHERS] = "of others",
                                       [FOR_SERVERS] = "for servers",
                                       [EXPIRED] = "expired",
                                       [SELF_SIGNED] = "self-signed"};

static struct identity authority;
static struct identity other_authority;
static struct identity intermediate;
static struct identity server;
static struct identity clients[N_WHO];
static char *chains[N_WHO]; /* NULL: the certificate alone */

static const unsigned char ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
static const unsigned char mapped[16] = {[10] = 0xff, [11] = 0xff, 198, 51, 100, 9};

static struct wish client_of(const struct identity *issuer, const char *purpose) {
    return (struct wish){.key = GNUTLS_PK_ECDSA,
                         .issuer = issuer,
                         .purpose = purpose,
                         .sans = {{GNUTLS_SAN_DNSNAME, "scraper.example.net", 0},
                                  {GNUTLS_SAN_RFC822NAME, "ops@example.net", 0},
                                  {GNUTLS_SAN_IPADDRESS, "\xc0\x00\x02\x07", 4},
                                  {GNUTLS_SAN_IPADDRESS, (const char *)ipv6, 16},
                                  {GNUTLS_SAN_IPADDRESS, (const char *)mapped, 16},
                                  {GNUTLS_SAN_URI, "spiffe://example.net/scraper", 0}}};
}

static int make_all(void **state) {
    authority = make_identity("authority", (struct wish){.key = GNUTLS_PK_ECDSA});
    other_authority = make_identity("other", (struct wish){.key = GNUTLS_PK_ECDSA});
    intermediate = make_identity("intermediate", (struct wish){.key = GNUTLS_PK_ECDSA, .issuer = &authority});
    server = make_identity("server", (struct wish){.key = GNUTLS_PK_ECDSA, .purpose = SERVER_PURPOSE});
    clients[RIGHT] = make_identity("client", client_of(&authority, CLIENT_PURPOSE));
    clients[BY_INTERMEDIATE] = make_identity("client", client_of(&intermediate, CLIENT_PURPOSE));
    clients[OF_OTHERS] = make_identity("client", client_of(&other_authority, CLIENT_PURPOSE));
    clients[FOR_SERVERS] = make_identity("client", client_of(&authority, SERVER_PURPOSE));
    struct wish expired = client_of(&authority, CLIENT_PURPOSE);
    expired.is_expired = true;
    clients[EXPIRED] = make_identity("client", expired);
    clients[SELF_SIGNED] = make_identity("client", client_of(NULL, CLIENT_PURPOSE));
    chains[BY_INTERMEDIATE] = joined(clients[BY_INTERMEDIATE].cert, intermediate.cert);
    return 0;
}

static int release_all(void **state) {
    free(chains[BY_INTERMEDIATE]);
    for (int who = RIGHT; who < N_WHO; who++)
        identity_release(&clients[who]);
    identity_release(&server);
    identity_release(&intermediate);
    identity_release(&other_authority);
    identity_release(&authority);
    return 0;
}

static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"};

/* 200, or 0 and the alert. */
static int visit_as(const struct fixture *f, const char *version, enum who who,
                    gnutls_alert_description_t *alert) {
    struct client c = client_open(f, version, who == NOBODY ? NULL : &clients[who], chains[who]);
    const int status = client_status(&c, GET_AND_CLOSE);
    *alert = c.alert;
    client_close(&c);
    return status;
}

/* --- The five types --- */

static const bool let_in[][N_WHO] = {
    [WEB_NO_CLIENT_CERT] = {true, true, true, true, true, true, true},
    [WEB_REQUEST_CLIENT_CERT] = {true, true, true, true, true, true, true},
    [WEB_REQUIRE_ANY_CLIENT_CERT] = {false, true, true, true, true, true, true},
    [WEB_VERIFY_CLIENT_CERT_IF_GIVEN] = {true, true, true, false, false, false, false},
    [WEB_REQUIRE_AND_VERIFY_CLIENT_CERT] = {false, true, true, false, false, false, false},
};

static const gnutls_alert_description_t alerts[] = {
    [OF_OTHERS] = GNUTLS_A_UNKNOWN_CA,
    [FOR_SERVERS] = GNUTLS_A_BAD_CERTIFICATE,
    [EXPIRED] = GNUTLS_A_CERTIFICATE_EXPIRED,
    [SELF_SIGNED] = GNUTLS_A_UNKNOWN_CA,
};

static void each_type_lets_in_whom_it_says(void **state) {
    for (int type = WEB_NO_CLIENT_CERT; type <= WEB_REQUIRE_AND_VERIFY_CLIENT_CERT; type++) {
        struct web_tls rules = usual;
        rules.client_auth = (enum web_client_auth)type;
        struct fixture *f = start_tls(&rules, &server, type == WEB_NO_CLIENT_CERT ? NULL : authority.cert);
        for (int i = 0; i < N_WHO * 2; i++) {
            const enum who who = (enum who)(i / 2);
            gnutls_alert_description_t alert;
            gnutls_alert_description_t expected = alerts[who];
            if (who == NOBODY)
                expected = i % 2 ? GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE;
            const int status = visit_as(f, versions[i % 2], who, &alert);
            const bool right = let_in[type][who] ? status == 200 : status == 0 && alert == expected;
            if (!right)
                fail_msg("type %d, %s, %s: status %d, alert %d", type, who_text[who], versions[i % 2], status,
                         (int)alert);
        }
        stop(f);
    }
}

static void of_several_authorities_each_counts(void **state) {
    char *both = joined(other_authority.cert, authority.cert);
    struct web_tls rules = usual;
    rules.client_auth = WEB_REQUIRE_AND_VERIFY_CLIENT_CERT;
    struct fixture *f = start_tls(&rules, &server, both);
    gnutls_alert_description_t alert;
    assert_int_equal(visit_as(f, NULL, RIGHT, &alert), 200);
    assert_int_equal(visit_as(f, NULL, OF_OTHERS, &alert), 200);
    assert_int_equal(visit_as(f, NULL, SELF_SIGNED, &alert), 0);
    stop(f);
    free(both);
}

/* Without an intermediate its authority is not found. */
static void a_chain_with_a_gap_is_refused(void **state) {
    struct web_tls rules = usual;
    rules.client_auth = WEB_REQUIRE_AND_VERIFY_CLIENT_CERT;
    struct fixture *f = start_tls(&rules, &server, authority.cert);
    assert_int_equal(visit(f, NULL, &clients[BY_INTERMEDIATE], NULL), 0);
    stop(f);
}

/* As Go has it: an authority vouches for nobody any more when its own time is over. */
static void an_expired_authority_vouches_for_nobody(void **state) {
    struct identity old = make_identity("old", (struct wish){.key = GNUTLS_PK_ECDSA, .is_expired = true});
    struct identity client = make_identity("client", client_of(&old, CLIENT_PURPOSE));
    struct web_tls rules = usual;
    rules.client_auth = WEB_REQUIRE_AND_VERIFY_CLIENT_CERT;
    struct fixture *f = start_tls(&rules, &server, old.cert);
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        assert_int_equal(visit(f, versions[i], &client, NULL), 0);
    stop(f);
    identity_release(&client);
    identity_release(&old);
}

/* Go takes what the system trusts when no authority is named: that is nobody whom this test knows. */
static void without_an_authority_of_its_own_it_trusts_those_of_the_system(void **state) {
    struct web_tls rules = usual;
    struct httpd_tls_error error;
    const struct httpd_tls_pem pem = {.cert = server.cert,
                                      .cert_len = strlen(server.cert),
                                      .key = server.key,
                                      .key_len = strlen(server.key)};
    rules.client_auth = WEB_VERIFY_CLIENT_CERT_IF_GIVEN;
    struct httpd_tls *tls = httpd_tls_new(&rules, &pem, &error);
    httpd_tls_unref(tls);
    if (!tls) { /* nor has the system any */
        assert_int_equal(error.part, HTTPD_TLS_CLIENT_CA);
        assert_non_null(strstr(error.text, "ca-certificates"));
        return;
    }
    struct fixture *f = start_tls(&rules, &server, NULL);
    gnutls_alert_description_t alert;
    assert_int_equal(visit_as(f, NULL, RIGHT, &alert), 0);
    assert_int_equal(alert, GNUTLS_A_UNKNOWN_CA);
    assert_int_equal(visit_as(f, NULL, NOBODY, &alert), 200);
    stop(f);
}

/* --- Names --- */

#define DNS "scraper.example.net"

static void one_name_has_to_be_equal_to_an_allowed_one(void **state) {
    static const struct {
        const char *allowed;
        bool is_let_in;
    } rows[] = {
        {DNS, true},
        {"ops@example.net", true},
        {"192.0.2.7", true},
        {"2001:db8::7", true},
        {"198.51.100.9", true}, /* is mapped into IPv6 in the certificate */
        {"spiffe://example.net/scraper", true},
        {"SCRAPER.example.net", false},
        {"scraper.example.ne", false},
        {"scraper.example.net.", false},
        {"scraper.example.net2", false},
        {"*.example.net", false},
        {"2001:db8:0::7", false},
        {"::ffff:198.51.100.9", false},
        {"192.0.2.70", false},
        {"client", false}, /* the common name */
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const allowed[] = {"nobody.example.net", rows[i].allowed};
        struct web_tls rules = usual;
        rules.client_auth = WEB_REQUIRE_AND_VERIFY_CLIENT_CERT;
        rules.allowed_sans = allowed;
        rules.n_allowed_sans = 2;
        struct fixture *f = start_tls(&rules, &server, authority.cert);
        for (size_t version = 0; version < 2; version++) {
            gnutls_alert_description_t alert;
            const int status = visit_as(f, versions[version], RIGHT, &alert);
            if (status != (rows[i].is_let_in ? 200 : 0) ||
                (!rows[i].is_let_in && alert != GNUTLS_A_BAD_CERTIFICATE))
                fail_msg("\"%s\": status %d, alert %d", rows[i].allowed, status, (int)alert);
        }
        stop(f);
    }
}

/* exporter-toolkit looks at names in whatever certificate comes, verified or not; where one is asked for and
 * none comes, its look ends in a panic and the connection with it. */
static void names_count_for_every_type_that_asks(void **state) {
    static const struct {
        enum web_client_auth type;
        const char *allowed;
        enum who who;
        bool is_let_in;
    } rows[] = {
        {WEB_NO_CLIENT_CERT, "other.example.net", NOBODY, true},
        {WEB_NO_CLIENT_CERT, "other.example.net", RIGHT, true},
        {WEB_REQUEST_CLIENT_CERT, DNS, SELF_SIGNED, true},
        {WEB_REQUEST_CLIENT_CERT, "other.example.net", SELF_SIGNED, false},
        {WEB_REQUEST_CLIENT_CERT, DNS, NOBODY, false},
        {WEB_REQUIRE_ANY_CLIENT_CERT, DNS, OF_OTHERS, true},
        {WEB_REQUIRE_ANY_CLIENT_CERT, "other.example.net", OF_OTHERS, false},
        {WEB_REQUIRE_ANY_CLIENT_CERT, DNS, NOBODY, false},
        {WEB_VERIFY_CLIENT_CERT_IF_GIVEN, DNS, RIGHT, true},
        {WEB_VERIFY_CLIENT_CERT_IF_GIVEN, DNS, OF_OTHERS, false},
        {WEB_VERIFY_CLIENT_CERT_IF_GIVEN, "other.example.net", RIGHT, false},
        {WEB_VERIFY_CLIENT_CERT_IF_GIVEN, DNS, NOBODY, false},
        {WEB_REQUIRE_AND_VERIFY_CLIENT_CERT, DNS, EXPIRED, false},
        {WEB_REQUIRE_AND_VERIFY_CLIENT_CERT, DNS, BY_INTERMEDIATE, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web_tls rules = usual;
        rules.client_auth = rows[i].type;
        rules.allowed_sans = &rows[i].allowed;
        rules.n_allowed_sans = 1;
        struct fixture *f = start_tls(&rules, &server, authority.cert);
        for (size_t version = 0; version < 2; version++) {
            gnutls_alert_description_t alert;
            const int status = visit_as(f, versions[version], rows[i].who, &alert);
            if (status != (rows[i].is_let_in ? 200 : 0))
                fail_msg("row %zu, %s: status %d, alert %d", i, who_text[rows[i].who], status, (int)alert);
        }
        stop(f);
    }
}

static void a_certificate_without_names_has_none_that_is_allowed(void **state) {
    static const char *const allowed[] = {""};
    struct identity nameless = make_identity(
        "nameless", (struct wish){.key = GNUTLS_PK_ECDSA, .issuer = &authority, .purpose = CLIENT_PURPOSE});
    struct web_tls rules = usual;
    rules.client_auth = WEB_REQUIRE_AND_VERIFY_CLIENT_CERT;
    rules.allowed_sans = allowed;
    rules.n_allowed_sans = 1;
    struct fixture *f = start_tls(&rules, &server, authority.cert);
    assert_int_equal(visit(f, NULL, &nameless, NULL), 0);
    stop(f);
    identity_release(&nameless);
}

/* --- What a client is told, and proves --- */

static int n_asked_for;
static int n_authorities;

static int note_request(gnutls_session_t session, const gnutls_datum_t *authorities, int n,
                        const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **certs,
                        unsigned *n_certs, gnutls_privkey_t *key) {
    n_asked_for++;
    n_authorities = n;
    *n_certs = 0;
    return 0;
}

static void assert_asked(enum web_client_auth type, const char *ca, int asked, int authorities) {
    struct web_tls rules = usual;
    rules.client_auth = type;
    struct fixture *f = start_tls(&rules, &server, ca);
    struct client c = {.fd = dial(f)};
    n_asked_for = 0;
    n_authorities = 0;
    must(gnutls_certificate_allocate_credentials(&c.credentials));
    gnutls_certificate_set_retrieve_function2(c.credentials, note_request);
    must(gnutls_init(&c.session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL));
    must(gnutls_set_default_priority(c.session));
    must(gnutls_credentials_set(c.session, GNUTLS_CRD_CERTIFICATE, c.credentials));
    gnutls_transport_set_int(c.session, c.fd);
    c.code = gnutls_handshake(c.session);
    client_close(&c);
    stop(f);
    assert_int_equal(n_asked_for, asked);
    assert_int_equal(n_authorities, authorities);
}

static void clients_are_told_whose_certificates_are_wanted(void **state) {
    char *both = joined(other_authority.cert, authority.cert);
    assert_asked(WEB_NO_CLIENT_CERT, NULL, 0, 0);
    assert_asked(WEB_REQUEST_CLIENT_CERT, NULL, 1, 0);
    assert_asked(WEB_REQUEST_CLIENT_CERT, authority.cert, 1, 1);
    assert_asked(WEB_REQUIRE_AND_VERIFY_CLIENT_CERT, both, 1, 2);
    free(both);
}

static void a_certificate_without_its_key_is_of_no_use(void **state) {
    struct identity stolen = {.cert = clients[RIGHT].cert, .key = clients[SELF_SIGNED].key};
    struct web_tls rules = usual;
    rules.client_auth = WEB_REQUIRE_ANY_CLIENT_CERT;
    struct fixture *f = start_tls(&rules, &server, authority.cert);
    for (size_t version = 0; version < 2; version++) {
        struct client c = {.fd = dial(f)};
        const gnutls_datum_t key = {.data = (unsigned char *)stolen.key,
                                    .size = (unsigned)strlen(stolen.key)};
        const gnutls_datum_t cert = {.data = (unsigned char *)stolen.cert,
                                     .size = (unsigned)strlen(stolen.cert)};
        must(gnutls_certificate_allocate_credentials(&c.credentials));
        gnutls_certificate_set_flags(c.credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
        must(gnutls_certificate_set_x509_key_mem(c.credentials, &cert, &key, GNUTLS_X509_FMT_PEM));
        must(gnutls_init(&c.session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT));
        must(gnutls_priority_set_direct(c.session, versions[version], NULL));
        must(gnutls_credentials_set(c.session, GNUTLS_CRD_CERTIFICATE, c.credentials));
        gnutls_transport_set_int(c.session, c.fd);
        noted(&c, gnutls_handshake(c.session));
        assert_int_equal(client_status(&c, GET_AND_CLOSE), 0);
        client_close(&c);
    }
    assert_int_equal(atomic_load(&f->n_asked), 0);
    stop(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_lets_in_whom_it_says),
        cmocka_unit_test(of_several_authorities_each_counts),
        cmocka_unit_test(a_chain_with_a_gap_is_refused),
        cmocka_unit_test(an_expired_authority_vouches_for_nobody),
        cmocka_unit_test(without_an_authority_of_its_own_it_trusts_those_of_the_system),
        cmocka_unit_test(one_name_has_to_be_equal_to_an_allowed_one),
        cmocka_unit_test(names_count_for_every_type_that_asks),
        cmocka_unit_test(a_certificate_without_names_has_none_that_is_allowed),
        cmocka_unit_test(clients_are_told_whose_certificates_are_wanted),
        cmocka_unit_test(a_certificate_without_its_key_is_of_no_use),
    };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, make_all, release_all);
}
