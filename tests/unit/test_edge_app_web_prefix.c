/* SPDX-License-Identifier: Apache-2.0
 *
 * Where pages are, who is led to them, and /config, which is written once for each configuration.
 */
/* LINK: -Wl,--wrap=httpd_answer,--wrap=settings_write,--wrap=malloc,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_web_prefix.c"
#include "app_web_settings.c"

#include "core/settings_write.h"
#include "world.h"

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_malloc(size);
}
void *__wrap_realloc(void *old, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_realloc(old, size);
}

static struct {
    unsigned n_written;
    const struct settings *written;
    struct httpd_response last;
    bool had_body;
} seen;

void __real_settings_write(struct buf *out, const struct settings *settings);
void __wrap_settings_write(struct buf *out, const struct settings *settings) {
    seen.n_written++;
    seen.written = settings;
    __real_settings_write(out, settings);
}

void __wrap_httpd_answer(struct httpd *server, void *ticket, const struct httpd_response *response) {
    (void)server;
    (void)ticket;
    seen.last = *response;
    seen.had_body = response->body != NULL;
    httpd_body_unref(response->body);
}

static struct app_web web;
static struct cli cli;
static struct httpd_route routes[APP_WEB_ROUTES];

static int setup(void **state) {
    (void)state;
    fails_at = 0;
    memset(&seen, 0, sizeof seen);
    cli = (struct cli){.telemetry_path = "/metrics"};
    web = (struct app_web){.options = {.cli = &cli}};
    for (int i = 0; i < APP_WEB_ROUTES; i++)
        routes[i] = (struct httpd_route){.path = i == 0 ? "/metrics" : "/x", .get = true, .route = i};
    return 0;
}

static void start(void) {
    char error[256] = "";
    if (!app_web_prefix_start(&web, routes, error, sizeof error))
        fail_msg("%s", error);
}

static void pages_are_where_they_are_without_a_prefix(void **state) {
    (void)state;
    start();
    assert_int_equal(web.n_routes, APP_WEB_ROUTES);
    assert_string_equal(app_web_metrics_path(&web), "/metrics");
    assert_string_equal(web.routes[APP_WEB_ROUTES - 1].path, "/x");
    assert_int_equal(web.routes[APP_WEB_ROUTES - 1].route, APP_WEB_ROUTES - 1);
    app_web_prefix_stop(&web);
}

static void pages_are_under_the_prefix_and_who_is_outside_is_led_there(void **state) {
    (void)state;
    const struct httpd_request request = {.route = APP_WEB_REDIRECT};
    cli.external_url = "https://here/out";
    cli.route_prefix = "in/";
    start();
    assert_int_equal(web.n_routes, APP_WEB_ROUTES + APP_WEB_REDIRECTS);
    assert_string_equal(app_web_metrics_path(&web), "/in/metrics");
    assert_string_equal(web.routes[APP_WEB_ROUTES].path, "/");
    assert_string_equal(web.routes[APP_WEB_ROUTES + 1].path, "/in");
    assert_true(web.routes[APP_WEB_ROUTES].get && !web.routes[APP_WEB_ROUTES].post);
    app_web_redirect(&web, &request);
    assert_int_equal(seen.last.status, 302);
    assert_string_equal(seen.last.location, "/out/");
    assert_true(seen.had_body);
    fails_at = 1;
    app_web_redirect(&web, &request);
    assert_int_equal(seen.last.status, 302);
    assert_false(seen.had_body);
    app_web_prefix_stop(&web);
}

static void nobody_is_led_in_circles_where_a_proxy_shows_the_pages_at_its_root(void **state) {
    (void)state;
    const struct httpd_request request = {.route = APP_WEB_REDIRECT};
    cli.external_url = "https://here/";
    cli.route_prefix = "/in";
    start();
    assert_string_equal(web.routes[APP_WEB_ROUTES].path, "/");
    app_web_redirect(&web, &request);
    assert_int_equal(seen.last.status, 302);
    assert_string_equal(seen.last.location, "/in/");
    app_web_prefix_stop(&web);
}

static void says_which_flag_cannot_be_used_and_where_memory_ends(void **state) {
    (void)state;
    char error[256] = "";
    cli.route_prefix = "/a b";
    assert_false(app_web_prefix_start(&web, routes, error, sizeof error));
    assert_non_null(strstr(error, "--web.route-prefix: its path"));
    cli.external_url = "here";
    assert_false(app_web_prefix_start(&web, routes, error, sizeof error));
    assert_non_null(strstr(error, "--web.external-url: it must begin"));
    cli = (struct cli){.route_prefix = "/a"};
    for (unsigned long i = 1; i <= APP_WEB_ROUTES; i++) {
        fails_at = i;
        assert_false(app_web_prefix_start(&web, routes, error, sizeof error));
        assert_string_equal(error, "out of memory");
        app_web_prefix_stop(&web);
    }
    fails_at = 0;
}

static void writes_a_configuration_once(void **state) {
    (void)state;
    const struct httpd_request request = {.route = 0};
    struct settings first = world_settings();
    struct settings second = world_settings();
    app_web_configured(&web, &first);
    for (int i = 0; i < 3; i++)
        app_web_settings(&web, &request);
    assert_true(seen.n_written == 1 && seen.written == &first && seen.had_body);
    assert_int_equal(seen.last.status, 200);
    assert_string_equal(seen.last.content_type, "text/plain; charset=utf-8");
    app_web_configured(&web, &second);
    for (int i = 0; i < 3; i++)
        app_web_settings(&web, &request);
    assert_true(seen.n_written == 2 && seen.written == &second);
    app_web_configured(&web, NULL);
}

static void has_no_configuration_to_show_without_memory_and_tries_again(void **state) {
    (void)state;
    const struct httpd_request request = {.route = 0};
    struct settings settings = world_settings();
    unsigned long n = 0;
    app_web_configured(&web, &settings);
    for (bool failed = true; failed; n++) {
        fails_at = n + 1;
        app_web_settings(&web, &request);
        failed = fails_at == 0;
        fails_at = 0;
        assert_int_equal(seen.last.status, failed ? 503 : 200);
        assert_int_equal(seen.had_body, !failed);
    }
    assert_true(n > 2);
    app_web_configured(&web, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pages_are_where_they_are_without_a_prefix, setup),
        cmocka_unit_test_setup(pages_are_under_the_prefix_and_who_is_outside_is_led_there, setup),
        cmocka_unit_test_setup(nobody_is_led_in_circles_where_a_proxy_shows_the_pages_at_its_root, setup),
        cmocka_unit_test_setup(says_which_flag_cannot_be_used_and_where_memory_ends, setup),
        cmocka_unit_test_setup(writes_a_configuration_once, setup),
        cmocka_unit_test_setup(has_no_configuration_to_show_without_memory_and_tries_again, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
