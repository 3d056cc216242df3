/* SPDX-License-Identifier: Apache-2.0
 *
 * What all who ask in one turn of the loop share.
 */
/* LINK: -Wl,--wrap=page_render,--wrap=metrics_render,--wrap=httpd_answer,--wrap=loop_now_ns */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_web.c"

#include "world.h"

static struct {
    int64_t now_ns;
    unsigned n_pages, n_scrapes, n_answers;
    struct httpd_response last;
} seen;

void __real_page_render(struct buf *out, const struct checker *checker, const struct page_process *process,
                        int64_t now_ns, int64_t wall_offset_ns);
void __real_metrics_render(struct buf *out, enum promtext_format format, const struct checker *checker,
                           const struct metrics_process *process, int64_t now_ns, int64_t wall_offset_ns);

void __wrap_page_render(struct buf *out, const struct checker *checker, const struct page_process *process,
                        int64_t now_ns, int64_t wall_offset_ns) {
    seen.n_pages++;
    __real_page_render(out, checker, process, now_ns, wall_offset_ns);
}

void __wrap_metrics_render(struct buf *out, enum promtext_format format, const struct checker *checker,
                           const struct metrics_process *process, int64_t now_ns, int64_t wall_offset_ns) {
    seen.n_scrapes++;
    __real_metrics_render(out, format, checker, process, now_ns, wall_offset_ns);
}

void __wrap_httpd_answer(struct httpd *server, void *ticket, const struct httpd_response *response) {
    (void)server;
    (void)ticket;
    seen.n_answers++;
    seen.last = *response;
    httpd_body_unref(response->body);
}

int64_t __wrap_loop_now_ns(const struct loop *loop) {
    (void)loop;
    return seen.now_ns;
}

/* --- Of the rest of the program, nothing is called here --- */

const char *app_config_name(const char *file) {
    return file;
}
void app_problems_text(struct buf *out, const char *file, const struct problems *problems) {
    (void)out;
    (void)file;
    (void)problems;
}
bool app_web_wait_start(struct app_web *web) {
    return web != NULL;
}
void app_web_wait_stop(struct app_web *web) {
    (void)web;
}
int64_t app_web_wait_turn(struct app_web *web, int64_t now_ns) {
    (void)web;
    return now_ns;
}
void app_web_api_listings(const struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    (void)web;
    (void)request;
    (void)now_ns;
}
void app_web_api_address(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    (void)web;
    (void)request;
    (void)now_ns;
}
void app_web_check(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    (void)web;
    (void)request;
    (void)now_ns;
}
bool app_web_bounces_start(struct app_web *web) {
    return web != NULL;
}
void app_web_bounces_stop(struct app_web *web) {
    (void)web;
}
void app_web_bounce(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    (void)web;
    (void)request;
    (void)now_ns;
}
int64_t app_web_bounces_turn(struct app_web *web, int64_t now_ns) {
    (void)web;
    return now_ns;
}

/* --- Tests --- */

static struct app_bounced bounced;
static struct world world;
static struct app_web web;
static const struct cli cli = {.telemetry_path = "/metrics"};

static int setup(void **state) {
    (void)state;
    const struct settings settings = world_settings();
    memset(&seen, 0, sizeof seen);
    world_begin(&world, &settings);
    web = (struct app_web){
        .options = {.cli = &cli, .bounced = &bounced}, .checker = world.checker, .reload_ok = true};
    return 0;
}

static int teardown(void **state) {
    (void)state;
    app_web_stop(&web);
    world_end(&world);
    return 0;
}

static void ask(enum route route, int64_t now_ns) {
    const struct httpd_request request = {.route = route, .accept = ""};
    seen.now_ns = now_ns;
    on_request(&web, &request);
    assert_int_equal(seen.last.status, 200);
}

static void all_who_ask_in_one_turn_get_one_page(void **state) {
    (void)state;
    for (unsigned turn = 1; turn <= 3; turn++) {
        for (unsigned i = 0; i < 5; i++) {
            ask(ROUTE_STATUS, world.now_ns + turn);
            assert_string_equal(seen.last.security_policy, PAGE_SECURITY_POLICY);
            assert_string_equal(seen.last.content_type, "text/html; charset=utf-8");
        }
        assert_int_equal(seen.n_pages, turn);
    }
    assert_int_equal(seen.n_answers, 15);
}

static void all_who_scrape_in_one_turn_get_one_rendering(void **state) {
    (void)state;
    for (unsigned turn = 1; turn <= 3; turn++) {
        for (unsigned i = 0; i < 5; i++)
            ask(ROUTE_METRICS, world.now_ns + turn);
        assert_int_equal(seen.n_scrapes, turn);
        assert_true(seen.last.vary_accept && seen.last.security_policy == NULL);
    }
    assert_int_equal(seen.n_answers, 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_who_ask_in_one_turn_get_one_page, setup, teardown),
        cmocka_unit_test_setup_teardown(all_who_scrape_in_one_turn_get_one_rendering, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
