/* SPDX-License-Identifier: Apache-2.0
 *
 * The web configuration and what it names, at start. Real certificates are in
 * tests/e2e/test_web_config_live.py.
 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup */
/* LINK: -Wl,--wrap=log_write,--wrap=httpd_tls_new,--wrap=httpd_tls_ref,--wrap=httpd_tls_unref */
#include "web_config_fixture.h"

static void asks_nothing_of_anybody_without_a_file(void **state) {
    int64_t wake_ns;
    assert_null(app_web_config_first(NULL));
    assert_null(app_web_config_turn(NULL, 1, &wake_ns));
    assert_true(wake_ns == INT64_MAX);
    app_web_config_hurry(NULL);
    app_web_config_free(NULL);
}

static void reads_the_file_and_what_it_names(void **state) {
    struct world *w = *state;
    write_file(w, "web-config.yml", TLS USER("alice"));
    write_pair(w, 7);
    open_good(w);
    assert_string_equal(user(w), "alice");
    assert_int_equal(number(w), 7);
    assert_null(app_web_config_first(w->c));
    assert_false(pass(w, SECOND));
    assert_string_equal(told, "");
}

static void reads_an_empty_file_and_texts_in_the_file_itself(void **state) {
    struct world *w = *state;
    write_file(w, "web-config.yml", "");
    open_good(w);
    assert_null(w->security->tls);
    end(w);
    write_file(w, "web-config.yml", "tls_server_config:\n  cert: cert 3\n  key: key 3\n");
    open_good(w);
    assert_int_equal(number(w), 3);
}

static void says_at_start_what_is_wrong_and_where(void **state) {
    static const struct {
        const char *config; /* NULL: there is none */
        const char *cert;
        const char *key;
        const char *piece;
    } rows[] = {
        {NULL, NULL, NULL, "E 0:0: does not exist"},
        {"a: [", NULL, NULL, "not valid YAML"},
        {"rate_limt: {}", NULL, NULL, "E 1:1: unknown key \"rate_limt\""},
        {TLS, NULL, "key 1", "E 1:32: cert_file \"%s/c.pem\" does not exist"},
        {TLS, "cert 1", NULL, "E 1:49: key_file \"%s/k.pem\" does not exist"},
        {TLS, "x", "key 1", "E 1:32: cert_file \"%s/c.pem\" cannot be used: it holds no certificate"},
        {TLS, "cert 1", "key 2",
         "E 1:49: key_file \"%s/k.pem\" cannot be used: it does not belong to the certificate"},
        {"tls_server_config:\n  cert: x\n  key: key 1\n", NULL, NULL,
         "E 2:9: cert cannot be used: it holds no certificate"},
        {"\ntls_server_config: {cert: cert 1, key: key 1, cipher_suites: [TLS_AES_128_GCM_SHA256]}", NULL,
         NULL, "E 2:1: tls_server_config cannot be used: no cipher suite is left"},
        {"tls_server_config: {cert_file: ., key: key 1}", NULL, NULL,
         "E 1:32: cert_file \"%s/.\" is no regular file"},
        {"tls_server_config: {cert: cert 1, key: key 1, client_ca_file: c.pem,"
         " client_auth_type: RequireAndVerifyClientCert}",
         "x", NULL, "client_ca_file \"%s/c.pem\" cannot be used: it holds no certificate"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char piece[256];
        char path[256];
        const char *const files[][2] = {
            {"web-config.yml", rows[i].config}, {"c.pem", rows[i].cert}, {"k.pem", rows[i].key}};
        for (size_t f = 0; f < 3; f++) {
            path_of(w, files[f][0], path);
            (void)unlink(path);
            if (files[f][1] != NULL)
                write_file(w, files[f][0], files[f][1]);
        }
        assert_int_equal(open_config(w), STATUS_INVALID);
        assert_null(w->c);
        (void)snprintf(piece, sizeof piece, rows[i].piece, w->folder);
        demand_told(piece);
    }
}

static void takes_no_character_of_a_path_for_a_pattern(void **state) {
    struct world *w = *state;
    write_file(w, "w[x]*\\?.yml", "tls_server_config: {cert_file: 'c[1]*.pem', key: key 5}");
    write_file(w, "c[1]*.pem", "cert 5");
    write_file(w, "c1.pem", "cert 6");
    (void)snprintf(w->path, sizeof w->path, "%s/w[x]*\\?.yml", w->folder);
    open_good(w);
    assert_int_equal(number(w), 5);
}

static void refuses_files_that_are_too_large(void **state) {
    struct world *w = *state;
    char path[256];
    write_file(w, "web-config.yml", TLS);
    write_pair(w, 1);
    path_of(w, "c.pem", path);
    assert_int_equal(truncate(path, APP_WEB_CONFIG_BYTES + 1), 0);
    assert_int_equal(open_config(w), STATUS_INVALID);
    demand_told("c.pem\" has 1048577 bytes; at most 1048576 are read");
    assert_int_equal(truncate(w->path, APP_WEB_CONFIG_BYTES + 1), 0);
    assert_int_equal(open_config(w), STATUS_INVALID);
    demand_told("E 0:0: has 1048577 bytes; at most 1048576 are read");
}

static void warns_of_a_key_that_everybody_can_read(void **state) {
    struct world *w = *state;
    char path[256];
    write_file(w, "web-config.yml", TLS);
    write_pair(w, 1);
    path_of(w, "k.pem", path);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(open_config(w), STATUS_OK);
    demand_told("W 1:49: every user of this system can read the key: chmod o= ");
    end(w);
    write_file(w, "web-config.yml", "tls_server_config: {cert: cert 3, key: key 3}\n");
    assert_int_equal(chmod(w->path, 0644), 0);
    assert_int_equal(open_config(w), STATUS_OK);
    demand_told("W 1:40: every user of this system can read the key: chmod o= ");
}

static void opens_or_says_that_there_is_no_memory(void **state) {
    struct world *w = *state;
    write_file(w, "web-config.yml", TLS USER("alice"));
    write_pair(w, 1);
    long n = 1;
    for (; n < 1000; n++) {
        n_allocations = 0;
        fail_at = n;
        enum status status = open_config(w);
        bool reached = n_allocations >= n;
        fail_at = 0;
        if (status == STATUS_OK && !reached)
            break;
        if (status != STATUS_OK)
            assert_int_equal(status, STATUS_NO_MEMORY);
        end(w);
        told[0] = '\0';
    }
    assert_in_range(n, 20, 999);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_nothing_of_anybody_without_a_file),
        TEST(reads_the_file_and_what_it_names),
        TEST(reads_an_empty_file_and_texts_in_the_file_itself),
        TEST(says_at_start_what_is_wrong_and_where),
        TEST(takes_no_character_of_a_path_for_a_pattern),
        TEST(refuses_files_that_are_too_large),
        TEST(warns_of_a_key_that_everybody_can_read),
        TEST(opens_or_says_that_there_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
