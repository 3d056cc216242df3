/* SPDX-License-Identifier: Apache-2.0
 *
 * The web configuration and what it names, as they change while the program runs.
 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup */
/* LINK: -Wl,--wrap=log_write,--wrap=httpd_tls_new,--wrap=httpd_tls_ref,--wrap=httpd_tls_unref */
#include "web_config_fixture.h"

static void goes_over_to_what_changes(void **state) {
    struct world *w = *state;
    write_file(w, "web-config.yml", TLS USER("alice"));
    write_pair(w, 1);
    open_good(w);
    write_file(w, "web-config.yml", TLS USER("bob"));
    assert_true(pass(w, SECOND));
    assert_string_equal(user(w), "bob");
    demand_told("I web configuration reloaded");
    write_pair(w, 2);
    assert_true(pass(w, SECOND));
    assert_int_equal(number(w), 2);
    write_file(w, "web-config.yml", TLS);
    assert_true(pass(w, SECOND));
    assert_int_equal(w->security->config->n_users, 0);
    assert_false(pass(w, SECOND));
}

static void watches_the_files_that_a_new_configuration_names(void **state) {
    struct world *w = *state;
    write_file(w, "web-config.yml", TLS);
    write_pair(w, 1);
    open_good(w);
    write_file(w, "other.pem", "cert 1");
    write_file(w, "web-config.yml", "tls_server_config: {cert_file: other.pem, key_file: k.pem}");
    assert_true(pass(w, SECOND));
    write_file(w, "c.pem", "cert 2");
    assert_false(pass(w, SECOND));
    write_file(w, "other.pem", "cert 3");
    write_file(w, "k.pem", "key 3");
    assert_true(pass(w, SECOND));
    assert_int_equal(number(w), 3);
}

static void refuses_everybody_while_the_file_is_broken(void **state) {
    static const char *const broken[] = {"a: [", "basic_auth_users: {alice: s3cret}", NULL};
    struct world *w = *state;
    write_file(w, "web-config.yml", TLS USER("alice"));
    write_pair(w, 1);
    open_good(w);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        if (broken[i] != NULL)
            write_file(w, "web-config.yml", broken[i]);
        else
            assert_int_equal(unlink(w->path), 0);
        assert_true(pass(w, SECOND));
        assert_true(w->security->refusing);
        assert_int_equal(number(w), 1);
        assert_null(strstr(told, "s3cret"));
        demand_told("E the web configuration cannot be used: all requests are refused until it is mended");
        assert_false(pass(w, SECOND));
        assert_string_equal(told, "");
        write_file(w, "web-config.yml", TLS USER("carol"));
        assert_true(pass(w, SECOND));
        assert_false(w->security->refusing);
        assert_string_equal(user(w), "carol");
        demand_told("I the web configuration is right again: requests are served");
    }
}

static void keeps_the_old_pair_until_both_halves_are_renewed(void **state) {
    struct world *w = *state;
    write_file(w, "web-config.yml", TLS);
    write_pair(w, 1);
    open_good(w);
    write_file(w, "c.pem", "cert 2");
    assert_false(pass(w, SECOND));
    demand_told("W the certificate, key or authorities have changed and cannot be used");
    assert_false(pass(w, SECOND));
    write_file(w, "k.pem", "key 2");
    assert_true(pass(w, SECOND));
    assert_int_equal(number(w), 2);
    assert_string_equal(told, "I web configuration reloaded\n");
    assert_false(pass(w, APP_WEB_CONFIG_GRACE_NS));
}

static void refuses_everybody_when_the_other_half_does_not_follow(void **state) {
    struct world *w = *state;
    char path[256];
    write_file(w, "web-config.yml", TLS);
    write_pair(w, 1);
    open_good(w);
    path_of(w, "k.pem", path);
    assert_int_equal(unlink(path), 0);
    assert_false(pass(w, SECOND));
    write_file(w, "c.pem", "cert 2");
    assert_false(pass(w, APP_WEB_CONFIG_GRACE_NS - 1));
    told[0] = '\0';
    assert_true(pass(w, 1));
    assert_true(w->security->refusing);
    assert_int_equal(number(w), 1);
    demand_told("k.pem\" is gone\nE the web configuration cannot be used");
    assert_false(pass(w, APP_WEB_CONFIG_GRACE_NS));
    write_file(w, "k.pem", "key 2");
    assert_true(pass(w, SECOND));
    assert_int_equal(number(w), 2);
    assert_false(w->security->refusing);
}

static void waits_for_no_certificate_that_a_new_configuration_names(void **state) {
    struct world *w = *state;
    write_file(w, "web-config.yml", TLS);
    write_pair(w, 1);
    open_good(w);
    write_file(w, "web-config.yml", "tls_server_config: {cert_file: other.pem, key_file: k.pem}");
    assert_true(pass(w, SECOND));
    assert_true(w->security->refusing);
    demand_told("E 1:32: cert_file \"");
}

static void turns_tls_neither_on_nor_off_while_it_runs(void **state) {
    struct world *w = *state;
    write_pair(w, 1);
    write_file(w, "web-config.yml", USER("alice"));
    open_good(w);
    write_file(w, "web-config.yml", "\n" TLS);
    assert_true(pass(w, SECOND));
    assert_true(w->security->refusing);
    assert_null(w->security->tls);
    demand_told("E 2:1: the program was started without TLS, and that cannot change while it runs: restart "
                "it, or take tls_server_config out");
    end(w);
    write_file(w, "web-config.yml", TLS);
    open_good(w);
    write_file(w, "web-config.yml", "");
    assert_true(pass(w, SECOND));
    assert_true(w->security->refusing);
    assert_int_equal(number(w), 1);
    demand_told("E 0:0: the program was started with TLS, and that cannot change while it runs: restart it, "
                "or put tls_server_config back");
    write_file(w, "web-config.yml", TLS);
    assert_true(pass(w, SECOND));
    assert_false(w->security->refusing);
}

static void keeps_what_is_in_force_for_want_of_memory_and_tries_again(void **state) {
    struct world *w = *state;
    long n = 1;
    for (; n < 1000; n++) {
        write_file(w, "web-config.yml", TLS USER("alice"));
        write_pair(w, 1);
        open_good(w);
        write_file(w, "web-config.yml", TLS USER("bob"));
        n_allocations = 0;
        fail_at = n;
        (void)pass(w, SECOND);
        bool reached = n_allocations >= n;
        fail_at = 0;
        for (int tries = 0; tries < 3 && (w->security->refusing || strcmp(user(w), "bob") != 0); tries++)
            (void)pass(w, 2 * SECOND);
        assert_false(w->security->refusing);
        assert_string_equal(user(w), "bob");
        end(w);
        if (!reached)
            break;
    }
    assert_in_range(n, 20, 999);
}

static void waits_for_no_other_half_again_because_memory_was_missing(void **state) {
    struct world *w = *state;
    long n = 1;
    for (; n < 1000; n++) {
        write_file(w, "web-config.yml", TLS);
        write_pair(w, 1);
        open_good(w);
        write_file(w, "c.pem", "cert 2");
        assert_false(pass(w, SECOND));
        assert_false(pass(w, APP_WEB_CONFIG_GRACE_NS - 1));
        n_allocations = 0;
        fail_at = n;
        (void)pass(w, 1);
        bool reached = n_allocations >= n;
        fail_at = 0;
        for (int tries = 0; tries < 3 && !w->security->refusing; tries++)
            (void)pass(w, SECOND);
        if (!w->security->refusing)
            fail_msg("not refused after allocation %ld had failed", n);
        end(w);
        if (!reached)
            break;
    }
    assert_in_range(n, 3, 999);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(goes_over_to_what_changes),
        TEST(watches_the_files_that_a_new_configuration_names),
        TEST(refuses_everybody_while_the_file_is_broken),
        TEST(keeps_the_old_pair_until_both_halves_are_renewed),
        TEST(refuses_everybody_when_the_other_half_does_not_follow),
        TEST(waits_for_no_certificate_that_a_new_configuration_names),
        TEST(turns_tls_neither_on_nor_off_while_it_runs),
        TEST(keeps_what_is_in_force_for_want_of_memory_and_tries_again),
        TEST(waits_for_no_other_half_again_because_memory_was_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
