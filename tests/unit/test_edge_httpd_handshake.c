/* SPDX-License-Identifier: Apache-2.0
 *
 * Handshakes with the web server: versions, cipher suites, curves, and what is no handshake.
 */
#include "tls_fixture.h"

#include <poll.h>

static struct identity rsa;
static struct identity ecdsa;

static int make_all(void **state) {
    rsa = make_identity("rsa", (struct wish){.key = GNUTLS_PK_RSA, .purpose = SERVER_PURPOSE});
    ecdsa = make_identity("ecdsa", (struct wish){.key = GNUTLS_PK_ECDSA, .purpose = SERVER_PURPOSE});
    return 0;
}

static int release_all(void **state) {
    identity_release(&ecdsa);
    identity_release(&rsa);
    return 0;
}

/* --- Versions --- */

static const char *const only_version[] = {[WEB_TLS10] = "NORMAL:-VERS-ALL:+VERS-TLS1.0",
                                           [WEB_TLS11] = "NORMAL:-VERS-ALL:+VERS-TLS1.1",
                                           [WEB_TLS12] = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                           [WEB_TLS13] = "NORMAL:-VERS-ALL:+VERS-TLS1.3"};

static void versions_are_those_between_the_least_and_the_highest(void **state) {
    for (int least = WEB_TLS10; least <= WEB_TLS13; least++) {
        for (int highest = least; highest <= WEB_TLS13; highest++) {
            struct web_tls rules = usual;
            rules.min_version = (enum web_tls_version)least;
            rules.max_version = (enum web_tls_version)highest;
            struct fixture *f = start_tls(&rules, &rsa, NULL);
            for (int client = WEB_TLS10; client <= WEB_TLS13; client++) {
                gnutls_alert_description_t alert;
                const int status = visit(f, only_version[client], NULL, &alert);
                const bool inside = client >= least && client <= highest;
                /* A client of TLS 1.1 or 1.2 does not say what its least is, and refuses by itself. */
                const bool is_told = !inside && (client < least || client == WEB_TLS13);
                const bool right =
                    status == (inside ? 200 : 0) && (!is_told || alert == GNUTLS_A_PROTOCOL_VERSION);
                if (!right)
                    fail_msg("least %d, highest %d, client %d: status %d, alert %d", least, highest, client,
                             status, (int)alert);
            }
            assert_int_equal(visit(f, "NORMAL:+VERS-TLS1.1:+VERS-TLS1.0", NULL, NULL), 200);
            stop(f);
        }
    }
}

static void with_a_choice_it_is_the_highest_version(void **state) {
    struct fixture *f = start_tls(&usual, &rsa, NULL);
    struct client c = client_open(f, NULL, NULL, NULL);
    assert_int_equal(c.code, 0);
    assert_int_equal(gnutls_protocol_get_version(c.session), GNUTLS_TLS1_3);
    client_close(&c);
    stop(f);
}

/* --- Cipher suites --- */

static const struct {
    const char *name;
    const char *parts; /* of a priority */
    bool is_ecdsa;
    bool is_tls12;
} suites[] = {
    {"TLS_RSA_WITH_RC4_128_SHA", "+RSA:+ARCFOUR-128:+SHA1", false, false},
    {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "+RSA:+3DES-CBC:+SHA1", false, false},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", "+RSA:+AES-128-CBC:+SHA1", false, false},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", "+RSA:+AES-256-CBC:+SHA1", false, false},
    {"TLS_RSA_WITH_AES_128_CBC_SHA256", "+RSA:+AES-128-CBC:+SHA256", false, true},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", "+RSA:+AES-128-GCM:+AEAD", false, true},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "+RSA:+AES-256-GCM:+AEAD", false, true},
    {"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "+ECDHE-ECDSA:+ARCFOUR-128:+SHA1", true, false},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "+ECDHE-ECDSA:+AES-128-CBC:+SHA1", true, false},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "+ECDHE-ECDSA:+AES-256-CBC:+SHA1", true, false},
    {"TLS_ECDHE_RSA_WITH_RC4_128_SHA", "+ECDHE-RSA:+ARCFOUR-128:+SHA1", false, false},
    {"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "+ECDHE-RSA:+3DES-CBC:+SHA1", false, false},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "+ECDHE-RSA:+AES-128-CBC:+SHA1", false, false},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "+ECDHE-RSA:+AES-256-CBC:+SHA1", false, false},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "+ECDHE-ECDSA:+AES-128-CBC:+SHA256", true, true},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "+ECDHE-RSA:+AES-128-CBC:+SHA256", false, true},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "+ECDHE-ECDSA:+AES-128-GCM:+AEAD", true, true},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "+ECDHE-ECDSA:+AES-256-GCM:+AEAD", true, true},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "+ECDHE-RSA:+AES-128-GCM:+AEAD", false, true},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "+ECDHE-RSA:+AES-256-GCM:+AEAD", false, true},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "+ECDHE-RSA:+CHACHA20-POLY1305:+AEAD", false, true},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "+ECDHE-ECDSA:+CHACHA20-POLY1305:+AEAD", true, true},
};
enum { N_SUITES = sizeof suites / sizeof suites[0] };

/* What a client with this one suite gets. */
static bool is_served(const struct fixture *f, size_t i, enum web_tls_version version) {
    char priority[256];
    gnutls_alert_description_t alert;
    snprintf(priority, sizeof priority, "%s:-KX-ALL:-CIPHER-ALL:-MAC-ALL:%s", only_version[version],
             suites[i].parts);
    const int status = visit(f, priority, NULL, &alert);
    if (status != 200 && alert != GNUTLS_A_HANDSHAKE_FAILURE)
        fail_msg("%s: status %d, alert %d", suites[i].name, status, (int)alert);
    return status == 200;
}

static bool is_named(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static void assert_served_are_exactly(const char *const *names, size_t n, bool is_ecdsa,
                                      enum web_tls_version version) {
    struct web_tls rules = usual;
    rules.min_version = WEB_TLS10;
    rules.cipher_suites = names;
    rules.n_cipher_suites = n;
    struct fixture *f = start_tls(&rules, is_ecdsa ? &ecdsa : &rsa, NULL);
    for (size_t i = 0; i < N_SUITES; i++) {
        const bool expected = is_named(names, n, suites[i].name) && suites[i].is_ecdsa == is_ecdsa &&
                              (version >= WEB_TLS12 || !suites[i].is_tls12);
        if ((suites[i].is_tls12 && version < WEB_TLS12) || is_served(f, i, version) == expected)
            continue;
        fail_msg("%s is %s", suites[i].name, expected ? "not served" : "served");
    }
    assert_int_equal(visit(f, only_version[WEB_TLS13], NULL, NULL), 200);
    stop(f);
}

static void each_cipher_suite_alone_is_the_only_one_served(void **state) {
    for (size_t i = 0; i < N_SUITES; i++)
        assert_served_are_exactly(&suites[i].name, 1, suites[i].is_ecdsa, WEB_TLS12);
}

/* Key exchange, cipher and MAC of these combine to more than these. */
static const char *const mixed[] = {
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",   "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",      "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",     "TLS_AES_128_GCM_SHA256"};
enum { N_MIXED = sizeof mixed / sizeof mixed[0] };

static void cipher_suites_are_those_named_and_not_what_their_parts_combine_to(void **state) {
    assert_served_are_exactly(mixed, N_MIXED, false, WEB_TLS12);
    assert_served_are_exactly(mixed, N_MIXED, true, WEB_TLS12);
    assert_served_are_exactly(mixed, N_MIXED, false, WEB_TLS10);
    assert_served_are_exactly(mixed, N_MIXED, true, WEB_TLS11);
}

static void of_several_cipher_suites_ours_comes_first(void **state) {
    static const char *const names[] = {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
                                        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                                        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
    struct web_tls rules = usual;
    rules.cipher_suites = names;
    rules.n_cipher_suites = 3;
    struct fixture *f = start_tls(&rules, &ecdsa, NULL);
    struct client all = client_open(f, only_version[WEB_TLS12], NULL, NULL);
    struct client some = client_open(f, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-AES-256-CBC", NULL, NULL);
    assert_int_equal(all.code, 0);
    assert_int_equal(gnutls_cipher_get(all.session), GNUTLS_CIPHER_AES_256_CBC);
    assert_int_equal(some.code, 0);
    assert_int_equal(gnutls_cipher_get(some.session), GNUTLS_CIPHER_CHACHA20_POLY1305);
    client_close(&all);
    client_close(&some);
    stop(f);
}

/* The suite that the server answers a hello of TLS 1.1 with. */
static unsigned suite_for_old_client(const struct fixture *f, const char suites_offered[6]) {
    char hello[54] = "\x16\x03\x01\0\x31\x01\0\0\x2d\x03\x02"; /* record, ClientHello, version */
    unsigned char answer[256];
    const size_t at = 11 + 32; /* behind the random bytes */
    memcpy(hello + at, "\0\0\x06", 3);
    memcpy(hello + at + 3, suites_offered, 6);
    memcpy(hello + at + 9, "\x01\0", 2);
    const int fd = dial(f);
    send_bytes(fd, hello, sizeof hello);
    assert_int_equal(recv(fd, answer, 5, MSG_WAITALL), 5);
    const size_t len = (size_t)answer[3] << 8 | answer[4];
    assert_in_range(len, 41, sizeof answer);
    assert_int_equal(recv(fd, answer, len, MSG_WAITALL), len);
    assert_int_equal(answer[0], GNUTLS_HANDSHAKE_SERVER_HELLO);
    close(fd);
    const size_t session = answer[38];
    assert_in_range(39 + session + 2, 41, len);
    return (unsigned)answer[39 + session] << 8 | answer[39 + session + 1];
}

/* Old clients may offer what their version has not; the next suite is taken then. */
static void a_suite_of_tls_1_2_is_not_for_older_versions(void **state) {
    static const char *const names[] = {"TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"};
    struct web_tls rules = usual;
    rules.min_version = WEB_TLS10;
    rules.cipher_suites = names;
    rules.n_cipher_suites = 2;
    struct fixture *f = start_tls(&rules, &rsa, NULL);
    assert_int_equal(suite_for_old_client(f, "\x00\x9c\x00\x2f\x00\xff"), 0x002f);
    stop(f);
}

static void without_named_suites_keys_are_made_anew_for_each_connection(void **state) {
    struct fixture *f = start_tls(&usual, &rsa, NULL);
    assert_int_equal(visit(f, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", NULL, NULL), 0);
    assert_int_equal(visit(f, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA", NULL, NULL), 0);
    assert_int_equal(visit(f, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA", NULL, NULL), 200);
    stop(f);
}

/* --- Curves --- */

static gnutls_group_t group_with(const struct fixture *f, const char *priority) {
    struct client c = client_open(f, priority, NULL, NULL);
    const gnutls_group_t group = c.code == 0 ? gnutls_group_get(c.session) : GNUTLS_GROUP_INVALID;
    client_close(&c);
    return group;
}

#define OFFERING(version, groups) "NORMAL:-VERS-ALL:+VERS-TLS1." version ":-GROUP-ALL:" groups

static void curves_are_those_named_in_their_order(void **state) {
    static const enum web_curve curves[] = {WEB_P521, WEB_P256};
    struct web_tls rules = usual;
    rules.curves = curves;
    rules.n_curves = 2;
    struct fixture *f = start_tls(&rules, &ecdsa, NULL);
    static const struct {
        const char *priority;
        gnutls_group_t group;
    } rows[] = {
        {OFFERING("2", "+GROUP-SECP256R1:+GROUP-SECP521R1"), GNUTLS_GROUP_SECP521R1},
        {OFFERING("3", "+GROUP-SECP256R1:+GROUP-SECP521R1"), GNUTLS_GROUP_SECP521R1},
        {OFFERING("2", "+GROUP-X25519:+GROUP-SECP256R1"), GNUTLS_GROUP_SECP256R1},
        {OFFERING("3", "+GROUP-X25519:+GROUP-SECP256R1"), GNUTLS_GROUP_SECP256R1},
        {OFFERING("2", "+GROUP-X25519:+GROUP-SECP384R1"), GNUTLS_GROUP_INVALID},
        {OFFERING("3", "+GROUP-X25519:+GROUP-SECP384R1"), GNUTLS_GROUP_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const gnutls_group_t group = group_with(f, rows[i].priority);
        if (group != rows[i].group)
            fail_msg("%s: group %d", rows[i].priority, (int)group);
    }
    stop(f);
}

static void the_usual_curve_is_that_which_clients_bring_a_share_for(void **state) {
    struct fixture *f = start_tls(&usual, &ecdsa, NULL);
    assert_int_equal(group_with(f, OFFERING("3", "+GROUP-SECP256R1:+GROUP-X25519")), GNUTLS_GROUP_X25519);
    assert_int_equal(group_with(f, OFFERING("2", "+GROUP-SECP384R1")), GNUTLS_GROUP_SECP384R1);
    stop(f);
}

/* --- ALPN and tickets --- */

static int visit_by_protocol(const struct fixture *f, const char *first, const char *second,
                             char chosen[32]) {
    gnutls_datum_t names[2] = {{(unsigned char *)first, (unsigned)strlen(first)},
                               {(unsigned char *)second, (unsigned)strlen(second)}};
    gnutls_datum_t got = {0};
    struct client c = {.fd = dial(f)};
    must(gnutls_certificate_allocate_credentials(&c.credentials));
    must(gnutls_init(&c.session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL));
    must(gnutls_set_default_priority(c.session));
    must(gnutls_credentials_set(c.session, GNUTLS_CRD_CERTIFICATE, c.credentials));
    must(gnutls_alpn_set_protocols(c.session, names, second[0] != '\0' ? 2 : 1, 0));
    gnutls_transport_set_int(c.session, c.fd);
    c.code = gnutls_handshake(c.session);
    if (gnutls_alpn_get_selected_protocol(c.session, &got) == 0)
        snprintf(chosen, 32, "%.*s", (int)got.size, (char *)got.data);
    const int status = client_status(&c, GET_AND_CLOSE);
    client_close(&c);
    return status;
}

static void http_1_1_is_all_that_is_spoken(void **state) {
    struct fixture *f = start_tls(&usual, &ecdsa, NULL);
    char chosen[32] = "";
    assert_int_equal(visit_by_protocol(f, "h2", "http/1.1", chosen), 200);
    assert_string_equal(chosen, "http/1.1");
    assert_int_equal(visit_by_protocol(f, "h2", "", chosen), 0);
    stop(f);
}

static void no_tickets_are_given_out(void **state) {
    struct fixture *f = start_tls(&usual, &ecdsa, NULL);
    struct client c = client_open(f, NULL, NULL, NULL);
    assert_int_equal(client_status(&c, GET_AND_CLOSE), 200);
    assert_int_equal(gnutls_session_get_flags(c.session) & GNUTLS_SFLAGS_SESSION_TICKET, 0);
    client_close(&c);
    stop(f);
}

/* --- What is no handshake --- */

static void plain_http_is_told_so(void **state) {
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                                           "HEAD / HTTP/1.0\r\n\r\n"};
    struct fixture *f = start_tls(&usual, &ecdsa, NULL);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        char text[512] = "";
        size_t len = 0;
        ssize_t got;
        const int fd = dial(f);
        send_text(fd, requests[i]);
        while (len < sizeof text - 1 && (got = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0)
            len += (size_t)got;
        assert_ptr_equal(strstr(text, "HTTP/1.0 400 Bad Request\r\n"), text);
        assert_non_null(strstr(text, "\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"));
        close(fd);
    }
    assert_int_equal(atomic_load(&f->n_asked), 0);
    assert_int_equal(visit(f, NULL, NULL, NULL), 200);
    stop(f);
}

static void rubbish_is_hung_up_on(void **state) {
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"SSH-2.0-x\r\n", 11},
        {"\x16\x03\x01\xff\xff", 5},                                      /* a record that is too large */
        {"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", 10},                 /* a hello of one byte */
        {"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", 11},             /* a version and no more */
        {"\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9},                      /* a server's */
        {"\x80\x2e\x01\x03\x01\x00\x03\x00\x00\x00\x20\x00\x00\x2f", 14}, /* SSL 2.0 */
        {"\x15\x03\x01\x00\x02\x02\x28", 7},                              /* an alert */
        {"\0\0\0\0\0\0\0\0", 8},
    };
    struct fixture *f = start_tls(&usual, &ecdsa, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int fd = dial(f);
        send_bytes(fd, rows[i].bytes, rows[i].len);
        shutdown(fd, SHUT_WR);
        if (!is_ended(fd))
            fail_msg("row %zu is not hung up on", i);
        close(fd);
    }
    assert_int_equal(visit(f, NULL, NULL, NULL), 200);
    stop(f);
}

/* Not kept until the rest has come: it never does here. */
static void a_message_that_is_too_large_is_hung_up_on(void **state) {
    static const char start_of_hello[] = "\x16\x03\x01\x40\0\x01\xff\xff\xff"; /* 16 MiB are to follow */
    struct fixture *f = start_tls(&usual, &ecdsa, NULL);
    const int fd = dial(f);
    char record[5 + 0x4000] = {0};
    for (int i = 0; i < 6; i++) {
        memcpy(record, start_of_hello, i == 0 ? sizeof start_of_hello - 1 : 5);
        if (!send_bytes(fd, record, sizeof record))
            break;
        memset(record, 0, sizeof record);
    }
    assert_true(is_ended(fd));
    close(fd);
    assert_int_equal(visit(f, NULL, NULL, NULL), 200);
    stop(f);
}

static void a_handshake_that_drips_in_is_cut_off(void **state) {
    static const char hello[] = "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03";
    struct httpd_options options = with_limits(SHORT_MS, LONG_MS, LONG_MS);
    options.security = security_of(&usual, &ecdsa, NULL);
    struct fixture *f = start(options);
    const int silent = dial(f);
    const int fd = dial(f);
    bool cut = false;
    for (int i = 0; i < PATIENCE_S * 50 && !cut; i++) {
        struct pollfd hung_up = {.fd = fd, .events = POLLIN};
        char trash;
        cut = send(fd, i < (int)sizeof hello - 1 ? &hello[i] : "a", 1, MSG_NOSIGNAL) != 1 ||
              (poll(&hung_up, 1, 20) == 1 && recv(fd, &trash, 1, 0) <= 0);
    }
    assert_true(cut);
    assert_true(is_ended(silent));
    close(fd);
    close(silent);
    stop(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_those_between_the_least_and_the_highest),
        cmocka_unit_test(with_a_choice_it_is_the_highest_version),
        cmocka_unit_test(each_cipher_suite_alone_is_the_only_one_served),
        cmocka_unit_test(cipher_suites_are_those_named_and_not_what_their_parts_combine_to),
        cmocka_unit_test(of_several_cipher_suites_ours_comes_first),
        cmocka_unit_test(a_suite_of_tls_1_2_is_not_for_older_versions),
        cmocka_unit_test(without_named_suites_keys_are_made_anew_for_each_connection),
        cmocka_unit_test(curves_are_those_named_in_their_order),
        cmocka_unit_test(the_usual_curve_is_that_which_clients_bring_a_share_for),
        cmocka_unit_test(http_1_1_is_all_that_is_spoken),
        cmocka_unit_test(no_tickets_are_given_out),
        cmocka_unit_test(plain_http_is_told_so),
        cmocka_unit_test(rubbish_is_hung_up_on),
        cmocka_unit_test(a_message_that_is_too_large_is_hung_up_on),
        cmocka_unit_test(a_handshake_that_drips_in_is_cut_off),
    };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, make_all, release_all);
}
