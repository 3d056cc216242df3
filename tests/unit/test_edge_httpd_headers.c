/* SPDX-License-Identifier: Apache-2.0
 *
 * What the web configuration asks of all responses and all requests: headers, a rate; and what everybody is
 * told when it cannot be used.
 */
/* LINK: -Wl,--wrap=crypt_r */
#include "auth_fixture.h"

static const char LONG_REQUEST[] = "GET / with too much in it";

static const struct {
    const char *request;
    int status;
} answers[] = {
    {"GET / " HOST "\r\n", 200},
    {"HEAD / " HOST "\r\n", 200},
    {"GET /empty " HOST "\r\n", 200},
    {"GET /metrics " HOST "Accept-Encoding: gzip\r\n\r\n", 200},
    {"GET /nowhere " HOST "\r\n", 404},
    {"GET /post " HOST "\r\n", 405},
    {"POST /post " HOST "Content-Length: 1000000\r\n\r\n", 413},
    {LONG_REQUEST, 431},
    {"BREW / " HOST "\r\n", 501},
    {"GET / HTTP/1.1\r\n\r\n", 400},
};

/* Each header is there once, with this value; NULL: not at all. */
static void assert_header(const struct reply *r, const char *request, const char *name, const char *wanted) {
    char value[256];
    char pattern[128];
    const char *got = header_of(r, name, value, sizeof value);
    snprintf(pattern, sizeof pattern, "\n%s: ", name);
    const char *first = r->text ? strcasestr(r->text, pattern) : NULL;
    if ((got != NULL) != (wanted != NULL) || (got && strcmp(got, wanted) != 0) ||
        (first && strcasestr(first + 1, pattern)))
        fail_msg("%.40s: %s should be %s:\n%s", request, name, wanted ? wanted : "absent", r->text);
}

static const struct web_header ours[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "same-origin"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
    {"Strict-Transport-Security", NULL},
};
enum { N_OURS = sizeof ours / sizeof *ours };

static void assert_headers(const struct fixture *f, const char *request, int status,
                           const struct web_header *wanted, size_t n) {
    char text[20000];
    snprintf(text, sizeof text, "GET / " HOST "X-Long: %016400d\r\n\r\n", 0);
    struct reply r = ask(f, request == LONG_REQUEST ? text : request);
    if (r.status != status)
        fail_msg("%.40s: %d", request, r.status);
    for (size_t i = 0; i < n; i++)
        assert_header(&r, request, wanted[i].name, wanted[i].value);
    reply_release(&r);
}

static void all_responses_have_our_headers(void **state) {
    struct fixture *f = start(patient);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        assert_headers(f, answers[i].request, answers[i].status, ours, N_OURS);
    stop(f);
}

static void configured_headers_take_the_place_of_ours(void **state) {
    static const struct web_header configured[] = {
        {"x-frame-options", "sameorigin"},
        {"Strict-Transport-Security", "max-age=31536000"},
        {"Content-Security-Policy", "default-src 'self'"},
    };
    static const struct web_header wanted[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "sameorigin"},
        {"Strict-Transport-Security", "max-age=31536000"},
        {"Content-Security-Policy", "default-src 'self'"},
        {"Cache-Control", "no-store"},
    };
    struct web_config *config = config_of(NULL, 0);
    config->headers = configured;
    config->n_headers = sizeof configured / sizeof *configured;
    struct fixture *f = start(guarded_by(security_of(config)));
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        assert_headers(f, answers[i].request, answers[i].status, wanted, sizeof wanted / sizeof *wanted);
    stop(f);
}

static void what_asks_for_a_password_has_them_too(void **state) {
    struct fixture *f = start_guarded();
    assert_headers(f, "GET / " HOST "\r\n", 401, ours, N_OURS);
    stop(f);
}

/* --- The rate --- */

enum { BURST = 3 };

static struct httpd_security *limited(size_t n_users) {
    struct web_config *config = config_of(users, n_users);
    config->rate_interval_ns = 3600LL * 1000000000; /* nothing comes back while this test runs */
    config->rate_burst = BURST;
    return security_of(config);
}

static void all_clients_together_have_one_rate(void **state) {
    static const char *const sources[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    char value[32];
    struct fixture *f = start(guarded_by(limited(0)));
    for (int i = 0; i < BURST; i++)
        assert_int_equal(status_of(knock(f, sources[i % 3], "")), 200);
    for (int i = 0; i < 3; i++) {
        const int fd = knock(f, sources[i % 3], "");
        struct reply r = receive(fd, false);
        assert_int_equal(r.status, 429);
        assert_non_null(header_of(&r, "Retry-After", value, sizeof value));
        assert_in_range(atoi(value), 1, 3600);
        assert_true(atoi(value) > 3000); /* and not one, as for what is over at once */
        for (size_t at = 0; at < N_OURS; at++)
            assert_header(&r, "429", ours[at].name, ours[at].value);
        reply_release(&r);
        close(fd);
    }
    httpd_secure(f->server, limited(0)); /* the same again: what is spent stays spent */
    assert_int_equal(status_of(knock(f, "127.0.0.1", "")), 429);
    httpd_secure(f->server, security_of(config_of(NULL, 0)));
    assert_int_equal(status_of(knock(f, "127.0.0.1", "")), 200);
    stop(f);
}

static void the_rate_comes_before_the_password(void **state) {
    struct fixture *f = start(guarded_by(limited(N_USERS)));
    assert_int_equal(status_for(f, "alice:x"), 401); /* costs as much as what is right */
    assert_int_equal(status_for(f, RIGHT), 200);
    assert_int_equal(status_for(f, ""), 401);
    assert_int_equal(status_for(f, "alice:y"), 429);
    assert_int_equal(status_for(f, RIGHT), 429);
    assert_int_equal(atomic_load(&n_hashed), 2);
    stop(f);
}

/* --- A web configuration that is broken --- */

static void a_broken_configuration_serves_nobody(void **state) {
    static const char *const lines[] = {"GET /", "GET /nowhere", "POST /metrics", "DELETE /"};
    struct httpd_security *refusing = httpd_security_refusing(NULL);
    struct fixture *f = start_guarded();
    assert_non_null(refusing);
    assert_int_equal(status_for(f, RIGHT), 200);
    httpd_secure(f->server, refusing);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const int fd = call(f, "127.0.0.1", lines[i], RIGHT, "\r\n");
        struct reply r = receive(fd, false);
        assert_int_equal(r.status, 500);
        assert_non_null(strstr(r.body, "the web configuration file is broken: see the log of rbl_exporter"));
        for (size_t at = 0; at < N_OURS; at++)
            assert_header(&r, lines[i], ours[at].name, ours[at].value);
        reply_release(&r);
        close(fd);
    }
    assert_int_equal(atomic_load(&f->n_asked), 1);
    httpd_secure(f->server, security_of(config_of(users, N_USERS)));
    assert_int_equal(status_for(f, RIGHT), 200);
    stop(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_responses_have_our_headers, reset_counts),
        cmocka_unit_test_setup(configured_headers_take_the_place_of_ours, reset_counts),
        cmocka_unit_test_setup(what_asks_for_a_password_has_them_too, reset_counts),
        cmocka_unit_test_setup(all_clients_together_have_one_rate, reset_counts),
        cmocka_unit_test_setup(the_rate_comes_before_the_password, reset_counts),
        cmocka_unit_test_setup(a_broken_configuration_serves_nobody, reset_counts),
    };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
