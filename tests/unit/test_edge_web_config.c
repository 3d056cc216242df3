/* SPDX-License-Identifier: Apache-2.0
 *
 * What a web configuration says, and what is wrong with one, at which place. What Prometheus's own tool makes
 * of the same files is asked in tests/e2e/test_web_config.py.
 */
/* LINK: -Wl,--wrap=malloc -Wl,--wrap=calloc */
#include "core/web_config_internal.h"

#include "edge/yaml.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
#define SALTED "X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
#define PAIR "cert_file: c.pem, key_file: k.pem"
#define TLS(more) "tls_server_config: {" PAIR more "}"
#define CA ", client_ca_file: ca.pem"
#define VERIFY ", client_auth_type: RequireAndVerifyClientCert"

static struct problems problems;
static long allocations_left = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);

static bool is_out(void) {
    return allocations_left == 0 || (allocations_left > 0 && allocations_left-- == 0);
}

void *__wrap_malloc(size_t size) {
    return is_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return is_out() ? NULL : __real_calloc(n, size);
}

/* Reads `text` as the file /etc/rbl/web-config.yml; the problems stay until the next call. */
static enum status read_in(const char *text, const char *folder, long allocations, struct web_config **out) {
    struct arena arena;
    const struct node *root = NULL;
    problems_release(&problems);
    problems_init(&problems);
    arena_init(&arena);
    enum status status = yaml_parse(text, strlen(text), &arena, &problems, &root);
    allocations_left = allocations;
    if (status == STATUS_OK)
        status = web_config_read(root, folder, &problems, out);
    allocations_left = -1;
    arena_release(&arena);
    return status;
}

static struct web_config *read_good(const char *text) {
    struct web_config *config = NULL;
    if (read_in(text, "/etc/rbl", -1, &config) != STATUS_OK)
        fail_msg("%s: %s", text, problems.n_shown > 0 ? problems.shown[0].text : "?");
    return config;
}

/* clang-format off */
static const struct bad {
    const char *text;
    const char *place; /* of the error... */
    const char *piece; /* ...that holds this, */
    size_t n_errors;   /* in all; 0 means 1 */
} bad_documents[] = {
    {"hello", "1:1", "the web configuration must be a mapping of keys and values, found a value", 0},
    {"[a]", "1:1", "found a list", 0},
    {"tls_serverconfig: {}", "1:1", "unknown key \"tls_serverconfig\" in the web configuration; did you mean \"tls_server_config\"?", 0},
    {"a: 1\nb: 2", "2:1", "unknown key \"b\"", 2},
    {"rate_limit: {}\nrate_limit: {}", "2:1", "\"rate_limit\" is given twice; the first is on line 1", 0},
    /* tls_server_config */
    {"tls_server_config: yes", "1:20", "tls_server_config must be a mapping", 0},
    {"tls_server_config: {cert_filse: a}", "1:21", "unknown key \"cert_filse\" in tls_server_config; did you mean \"cert_file\"?", 0},
    {"tls_server_config:\n  Key_File: k", "2:3", "did you mean \"key_file\"?", 0},
    {"tls_server_config: {cert_file: a}", "1:1", "has no key: give \"key_file\" (or \"key\")", 0},
    {"tls_server_config: {key_file: a, cert_file: \"\"}", "1:1", "has no certificate: give \"cert_file\" (or \"cert\")", 0},
    {"tls_server_config: {min_version: TLS13}", "1:1", "has no certificate", 2},
    {"tls_server_config: {client_auth_type: NoClientCert}", "1:1", "has no key", 2},
    {"tls_server_config: {cert_file: [a], key_file: b}", "1:32", "\"cert_file\" expects a text, found a list", 0},
    {TLS(", cert: x"), "1:56", "\"cert\" and \"cert_file\" exclude each other", 0},
    {"tls_server_config:\n  cert_file: a\n  key_file: |\n    -----BEGIN\n    x\n", "3:13", "\"key_file\" expects the name of a file; a text itself is given as \"key\"", 0},
    {"tls_server_config: {cert_file: '-----BEGIN CERTIFICATE----- x', key_file: k}", "1:32", "a text itself is given as \"cert\"", 0},
    {"tls_server_config: {client_ca_file: \"a\\nb\", " PAIR "}", "1:37", "a text itself is given as \"client_ca\"", 0},
    {"tls_server_config: {key: x, " PAIR "}", "1:47", "\"key\" and \"key_file\" exclude each other", 0},
    {TLS(CA ", client_ca: x" VERIFY), "1:80", "\"client_ca\" and \"client_ca_file\" exclude each other", 0},
    {TLS(VERIFY), "1:74", "\"RequireAndVerifyClientCert\" needs \"client_ca_file\"", 0},
    {TLS(", client_auth_type: VerifyClientCertIfGiven"), "1:74", "needs \"client_ca_file\" (or \"client_ca\")", 0},
    {TLS(CA), "1:72", "authorities for certificates of clients without \"client_auth_type\"", 0},
    {TLS(CA ", client_auth_type: NoClientCert"), "1:72", "without \"client_auth_type\"", 0},
    {TLS(", client_auth_type: x"), "1:74", "expects one of NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert, RequireClientCert, found \"x\"", 0},
    {TLS(", client_allowed_sans: [a]"), "1:56", "\"client_allowed_sans\" without \"client_auth_type\"", 0},
    {TLS(CA VERIFY ", client_allowed_sans: []"), "1:147", "\"client_allowed_sans\" is empty", 0},
    {TLS(CA VERIFY ", client_allowed_sans: [a, ~]"), "1:151", "expects names in certificates, found an empty one", 0},
    {TLS(CA VERIFY ", client_allowed_sans: [{}]"), "1:148", "found a mapping", 0},
    {TLS(", min_version: TLS111"), "1:69", "\"min_version\" expects one of TLS10, TLS11, TLS12, TLS13, found \"TLS111\"", 0},
    {TLS(", max_version: \"\""), "1:69", "\"max_version\" expects one of", 0},
    {TLS(", min_version: TLS13, max_version: TLS12"), "1:69", "(TLS13) is above \"max_version\" (TLS12)", 0},
    {TLS(", max_version: TLS11"), "1:69", "\"min_version\" (TLS12) is above \"max_version\" (TLS11)", 0},
    {TLS(", cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048]"), "1:72", "unknown cipher suite \"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048\"", 0},
    {TLS(", cipher_suites: TLS_AES_128_GCM_SHA256"), "1:71", "expects a list of cipher suites", 0},
    {TLS(", cipher_suites: [[]]"), "1:72", "found a list", 0},
    {TLS(", curve_preferences: [X25519, CurveP257]"), "1:84", "unknown curve \"CurveP257\"", 0},
    {TLS(", prefer_server_cipher_suites: 1"), "1:85", "expects true or false, found \"1\"", 0},
    {TLS(", prefer_server_cipher_suites: 'true'"), "1:85", "expects true or false", 0},
    /* http_server_config */
    {"http_server_config: {http2: maybe}", "1:29", "\"http2\" expects true or false, found \"maybe\"", 0},
    {"http_server_config: {headers: {Content-Type: foo}}", "1:32", "unknown key \"Content-Type\" in the headers that can be set", 0},
    {"http_server_config: {headers: {x-frame-options: deny}}", "1:32", "did you mean \"X-Frame-Options\"?", 0},
    {"http_server_config: {headers: {X-Frame-Options: DENY}}", "1:49", "expects one of deny, sameorigin, found \"DENY\"", 0},
    {"http_server_config: {headers: {X-Content-Type-Options: sniff}}", "1:56", "expects one of nosniff", 0},
    {"http_server_config: {headers: {X-XSS-Protection: \"1\\nX-Evil: 2\"}}", "1:50", "the header \"X-XSS-Protection\" holds a line feed or another control", 0},
    {"http_server_config: {headers: {X-XSS-Protection: {a: b}}}", "1:50", "expects a text, found a mapping", 0},
    /* basic_auth_users */
    {"basic_auth_users: [alice]", "1:19", "\"basic_auth_users\" expects a mapping of user names and bcrypt hashes, found a list", 0},
    {"basic_auth_users: s3cret", "1:19", "found a value", 0},
    {"basic_auth_users: {alice: s3cret}", "1:27", "the password of \"alice\" is no bcrypt hash: it does not begin with $2a$, $2b$ or $2y$: passwords are not written down themselves. To make one: htpasswd -nBC 10 \"\" | tr -d ':\\n'", 0},
    {"basic_auth_users: {" HASH ": alice}", "1:20", "a hash stands where a user name is expected", 0},
    {"basic_auth_users: {alice: }", "1:27", "is no bcrypt hash", 0},
    {"basic_auth_users: {alice: [a]}", "1:27", "it is no text", 0},
    {"basic_auth_users: {alice: $2x$10$" SALTED "}", "1:27", "does not begin with $2a$", 0},
    {"basic_auth_users: {alice: $2y$1$" SALTED "}", "1:27", "two digits for the cost", 0},
    {"basic_auth_users: {alice: $2y$03$" SALTED "}", "1:27", "its cost is not 04 to 31", 0},
    {"basic_auth_users: {alice: $2y$32$" SALTED "}", "1:27", "its cost is not 04 to 31", 0},
    {"basic_auth_users: {alice: " HASH "x}", "1:27", "it is too long", 0},
    {"basic_auth_users: {alice: $2y$10$X0h1gDsPszWURQaxFh}", "1:27", "it is too short", 0},
    {"basic_auth_users: {alice: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7Esimh+7zG}", "1:27", "a character that no hash has", 0},
    {"basic_auth_users: {'a:b': " HASH "}", "1:20", "the user name \"a:b\" holds a colon", 0},
    {"basic_auth_users: {\"a\\tb\": " HASH "}", "1:20", "holds a control character", 0},
    {"basic_auth_users: {a: " HASH ", a: " HASH "}", "1:85", "\"a\" is given twice", 0},
    /* rate_limit */
    {"rate_limit: 5", "1:13", "rate_limit must be a mapping", 0},
    {"rate_limit: {interval: 5}", "1:24", "\"interval\" expects a duration such as 100ms, 1s or 1m30s, or 0 for no limit, found \"5\"", 0},
    {"rate_limit: {interval: -1s, burst: 1}", "1:24", "expects a duration", 0},
    {"rate_limit: {interval: 25h, burst: 1}", "1:24", "it must be 0 to 24h", 0},
    {"rate_limit: {interval: 1s}", "1:1", "needs a \"burst\" of at least 1", 0},
    {"rate_limit: {interval: 1s, burst: 0}", "1:1", "needs a \"burst\" of at least 1", 0},
    {"rate_limit: {burst: -1}", "1:21", "\"burst\" expects a whole number, found \"-1\"", 0},
    {"rate_limit: {burst: '1'}", "1:21", "expects a whole number", 0},
    {"rate_limit: {burst: 100001}", "1:21", "it must be 1 to 100000", 0},
    {"rate_limit: {bursts: 1}", "1:14", "did you mean \"burst\"?", 0},
};
/* clang-format on */

static bool has_error(const char *place, const char *piece) {
    for (size_t i = 0; i < problems.n_shown; i++) {
        char at[32];
        snprintf(at, sizeof at, "%u:%u", problems.shown[i].line, problems.shown[i].column);
        if (strcmp(at, place) == 0 && strstr(problems.shown[i].text, piece))
            return true;
    }
    return false;
}

static void refuses_what_is_wrong_at_its_place_and_says_what_was_expected(void **state) {
    size_t n_wrong = 0;
    for (size_t i = 0; i < sizeof bad_documents / sizeof *bad_documents; i++) {
        const struct bad *bad = &bad_documents[i];
        struct web_config *config = NULL;
        enum status status = read_in(bad->text, "", -1, &config);
        if (status == STATUS_INVALID && !config && has_error(bad->place, bad->piece) &&
            problems.n_errors == (bad->n_errors ? bad->n_errors : 1))
            continue;
        print_error("%s\n  expected at %s: %s\n", bad->text, bad->place, bad->piece);
        for (size_t j = 0; j < problems.n_shown; j++)
            print_error("  found at %u:%u: %s\n", problems.shown[j].line, problems.shown[j].column,
                        problems.shown[j].text);
        web_config_free(config);
        n_wrong++;
    }
    assert_int_equal(n_wrong, 0);
}

static void never_shows_a_secret(void **state) {
    static const char *const texts[] = {
        "s3cret",
        "basic_auth_users: s3cret",
        "basic_auth_users: {alice: s3cret}",
        "basic_auth_users: {alice: $2y$10$s3cret}",
        "basic_auth_users: {$2y$10$s3cret: alice}",
        "tls_server_config: s3cret",
        TLS(", key: s3cret"),
        "tls_server_config: {cert_file: a, key_file: \"-----BEGIN PRIVATE KEY-----\\ns3cret\\n\"}",
        "tls_server_config: {cert_file: a, key_file: '-----BEGIN PRIVATE KEY----- s3cret'}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct web_config *config = NULL;
        assert_int_equal(read_in(texts[i], "", -1, &config), STATUS_INVALID);
        for (size_t j = 0; j < problems.n_shown; j++)
            assert_null(strstr(problems.shown[j].text, "s3cret"));
    }
}

static void asks_for_nothing_if_it_is_empty(void **state) {
    static const char *const texts[] = {
        "",
        "# nothing\n",
        "---\n",
        "{}",
        "tls_server_config:\nhttp_server_config: ~\nbasic_auth_users:\nrate_limit: null\n",
        "tls_server_config: {}\nbasic_auth_users: {}\n",
        "tls_server_config: {cert_file: \"\", key_file: '', client_auth_type: \"\"}\n",
        "http_server_config: {http2: false, headers: {Content-Security-Policy: \"\"}}\n",
        "rate_limit: {interval: 0, burst: 0}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct web_config *config = read_good(texts[i]);
        assert_false(config->tls.used);
        assert_int_equal(config->tls.min_version, WEB_TLS12);
        assert_int_equal(config->tls.max_version, WEB_TLS13);
        assert_int_equal(config->n_headers + config->n_users, 0);
        assert_int_equal(config->rate_interval_ns, 0);
        web_config_free(config);
    }
}

static void reads_all_of_tls(void **state) {
    struct web_config *config = read_good("tls_server_config:\n"
                                          "  cert_file: tls/server.pem\n"
                                          "  key: |\n    -----BEGIN\n    x\n"
                                          "  client_ca_file: /etc/ca.pem\n"
                                          "  client_auth_type: RequireClientCert\n"
                                          "  client_allowed_sans: [prometheus.example.net, 192.0.2.1]\n"
                                          "  min_version: TLS10\n"
                                          "  max_version: TLS12\n"
                                          "  cipher_suites:\n"
                                          "    - TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n"
                                          "    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n"
                                          "  prefer_server_cipher_suites: False\n"
                                          "  curve_preferences: [X25519, CurveP521]\n");
    const struct web_tls *tls = &config->tls;
    assert_true(tls->used);
    assert_string_equal(tls->cert.file, "/etc/rbl/tls/server.pem");
    assert_null(tls->cert.text);
    assert_int_equal(tls->cert.line, 2);
    assert_int_equal(tls->cert.column, 14);
    assert_null(tls->key.file);
    assert_string_equal(tls->key.text, "-----BEGIN\nx\n");
    assert_int_equal(tls->key.line, 3);
    assert_string_equal(tls->client_ca.file, "/etc/ca.pem");
    assert_int_equal(tls->client_auth, WEB_REQUIRE_ANY_CLIENT_CERT);
    assert_int_equal(tls->n_allowed_sans, 2);
    assert_string_equal(tls->allowed_sans[1], "192.0.2.1");
    assert_int_equal(tls->min_version, WEB_TLS10);
    assert_int_equal(tls->max_version, WEB_TLS12);
    assert_int_equal(tls->n_cipher_suites, 2);
    assert_string_equal(tls->cipher_suites[0], "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_int_equal(tls->n_curves, 2);
    assert_int_equal(tls->curves[0], WEB_X25519);
    assert_int_equal(tls->curves[1], WEB_P521);
    web_config_free(config);
}

static void leaves_it_to_the_library_when_no_suite_or_curve_is_named(void **state) {
    struct web_config *config = read_good(TLS(", cipher_suites: [], curve_preferences: []"));
    assert_int_equal(config->tls.n_cipher_suites + config->tls.n_curves, 0);
    web_config_free(config);
}

static void knows_every_policy_for_clients(void **state) {
    static const struct {
        const char *text;
        enum web_client_auth auth;
    } rows[] = {
        {TLS(", client_auth_type: NoClientCert"), WEB_NO_CLIENT_CERT},
        {TLS(", client_auth_type: RequestClientCert"), WEB_REQUEST_CLIENT_CERT},
        {TLS(", client_auth_type: RequireAnyClientCert"), WEB_REQUIRE_ANY_CLIENT_CERT},
        {TLS(CA ", client_auth_type: VerifyClientCertIfGiven"), WEB_VERIFY_CLIENT_CERT_IF_GIVEN},
        {TLS(CA ", client_auth_type: RequireAndVerifyClientCert"), WEB_REQUIRE_AND_VERIFY_CLIENT_CERT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct web_config *config = read_good(rows[i].text);
        assert_int_equal(config->tls.client_auth, rows[i].auth);
        web_config_free(config);
    }
}

static void reads_headers_users_and_a_rate(void **state) {
    struct web_config *config = read_good("http_server_config:\n"
                                          "  http2: Off\n"
                                          "  headers:\n"
                                          "    X-Frame-Options: sameorigin\n"
                                          "    X-XSS-Protection: 1\n"
                                          "    Strict-Transport-Security: ''\n"
                                          "    Content-Security-Policy: >\n"
                                          "      default-src 'self';\n"
                                          "      img-src 'self'\n"
                                          "basic_auth_users:\n"
                                          "  alice: " HASH "\n"
                                          "  42: |\n"
                                          "    $2a$04$" SALTED "\n"
                                          "  '': $2b$31$" SALTED "\n"
                                          "rate_limit: {interval: 1m30.5s, burst: 20}\n");
    assert_int_equal(config->n_headers, 3);
    assert_string_equal(config->headers[0].name, "X-Frame-Options");
    assert_string_equal(config->headers[0].value, "sameorigin");
    assert_string_equal(config->headers[1].value, "1");
    assert_string_equal(config->headers[2].value, "default-src 'self'; img-src 'self'");
    assert_int_equal(config->n_users, 3);
    assert_string_equal(config->users[0].name, "alice");
    assert_string_equal(config->users[0].hash, HASH);
    assert_string_equal(config->users[1].name, "42");
    assert_string_equal(config->users[1].hash, "$2a$04$" SALTED);
    assert_string_equal(config->users[2].name, "");
    assert_int_equal(config->rate_interval_ns, INT64_C(90500000000));
    assert_int_equal(config->rate_burst, 20);
    web_config_free(config);
}

static void lets_relative_paths_begin_in_the_folder_of_the_file(void **state) {
    static const char *const rows[][2] = {
        {"/etc/rbl", "/etc/rbl/c.pem"}, {"conf", "conf/c.pem"}, {".", "c.pem"}, {"", "c.pem"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct web_config *config = NULL;
        assert_int_equal(read_in(TLS(""), rows[i][0], -1, &config), STATUS_OK);
        assert_string_equal(config->tls.cert.file, rows[i][1]);
        web_config_free(config);
    }
}

static void reads_durations_as_go_writes_them(void **state) {
    static const struct {
        const char *text;
        int64_t ns; /* -1: none */
    } rows[] = {
        {"0", 0},
        {"0s", 0},
        {"1ns", 1},
        {"1us", 1000},
        {"1\xc2\xb5s", 1000},
        {"1\xce\xbcs", 1000},
        {"100ms", 100000000},
        {"1.5s", 1500000000},
        {".5s", 500000000},
        {"5.s", 5000000000},
        {"1m30s", 90000000000},
        {"1h1m1s", 3661000000000},
        {"0.123456789s", 123450000},
        {"", -1},
        {"1", -1},
        {".s", -1},
        {"s", -1},
        {"1d", -1},
        {"-1s", -1},
        {"1 s", -1},
        {"1s ", -1},
        {"1s1", -1},
        {"9999999999999999999h", -1},
        {"3000000h", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ns = -1;
        bool good = web_parse_duration(rows[i].text, &ns);
        if (good != (rows[i].ns >= 0) || (good && ns != rows[i].ns))
            fail_msg("\"%s\" gave %lld ns", rows[i].text, (long long)ns);
    }
}

static void says_so_when_any_allocation_fails(void **state) {
    static const char text[] =
        TLS(CA VERIFY ", client_allowed_sans: [a], cipher_suites: [TLS_AES_128_GCM_SHA256], "
                      "curve_preferences: [X25519]") "\n"
                                                     "http_server_config: {headers: {X-Frame-Options: deny, "
                                                     "Content-Security-Policy: a}}\n"
                                                     "basic_auth_users: {alice: " HASH "}\n";
    long n = 0;
    for (; n < 100; n++) {
        struct web_config *config = NULL;
        enum status status = read_in(text, "/etc/rbl", n, &config);
        web_config_free(config);
        if (status == STATUS_OK)
            break;
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_null(config);
    }
    assert_in_range(n, 2, 99);
}

static int release(void **state) {
    problems_release(&problems);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_wrong_at_its_place_and_says_what_was_expected),
        cmocka_unit_test(never_shows_a_secret),
        cmocka_unit_test(asks_for_nothing_if_it_is_empty),
        cmocka_unit_test(reads_all_of_tls),
        cmocka_unit_test(leaves_it_to_the_library_when_no_suite_or_curve_is_named),
        cmocka_unit_test(knows_every_policy_for_clients),
        cmocka_unit_test(reads_headers_users_and_a_rate),
        cmocka_unit_test(lets_relative_paths_begin_in_the_folder_of_the_file),
        cmocka_unit_test(reads_durations_as_go_writes_them),
        cmocka_unit_test(says_so_when_any_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
