/* SPDX-License-Identifier: Apache-2.0
 *
 * web_fixture: what is asked of app_web, renderings that are counted, and a clock that stands still but while
 * something is rendered, which takes as long as the test says. A test that includes it links with the --wrap
 * flags of test_edge_app_web.c.
 */
#ifndef TESTS_WEB_FIXTURE_H
#define TESTS_WEB_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_web.c"
#include "app_web_held.c"
#include "app_web_shared.c"
#include "edge/httpd_internal.h"

#include "world.h"

enum { MAX = 64, PLACES = 40 };

static struct {
    int64_t now_ns;
    int64_t cost_ns;  /* of a rendering */
    int64_t spent_ns; /* on all of them */
    unsigned n_pages, n_scrapes;
    enum promtext_format format;
    struct metrics_filter filter;
    bool fails;
} seen;

/* What was answered, by the number of the request, from 1. */
static struct {
    unsigned n;
    unsigned status;
    const char *type;
    bool vary_accept;
    const char *security_policy;
    char text[400];
} answers[MAX];

static void spend(struct buf *out) {
    seen.now_ns += seen.cost_ns;
    seen.spent_ns += seen.cost_ns;
    if (seen.fails)
        out->status = STATUS_NO_MEMORY;
}

void __wrap_page_render(struct buf *out, const struct checker *checker, const struct page_process *process,
                        int64_t now_ns, int64_t wall_offset_ns) {
    seen.n_pages++;
    buf_addf(out, "page %u", seen.n_pages);
    spend(out);
}

void __wrap_metrics_render(struct buf *out, enum promtext_format format, const struct metrics_filter *filter,
                           const struct checker *checker, const struct metrics_process *process,
                           int64_t now_ns, int64_t wall_offset_ns) {
    seen.n_scrapes++;
    seen.format = format;
    seen.filter = *filter;
    buf_addf(out, "scrape %u", seen.n_scrapes);
    spend(out);
}

void __wrap_httpd_answer(struct httpd *server, void *ticket, const struct httpd_response *response) {
    size_t i = (size_t)(uintptr_t)ticket;
    assert_true(i > 0 && i < MAX);
    answers[i].n++;
    answers[i].status = response->status;
    answers[i].type = response->content_type;
    answers[i].vary_accept = response->vary_accept;
    answers[i].security_policy = response->security_policy;
    if (response->body != NULL) {
        struct httpd_view view = httpd_body_view(response->body, false);
        snprintf(answers[i].text, sizeof answers[i].text, "%.*s", (int)view.len, view.data);
    }
    httpd_body_unref(response->body);
}

int64_t __wrap_loop_now_ns(const struct loop *loop) {
    return seen.now_ns;
}

int64_t __wrap_clock_now_ns(void) {
    return seen.now_ns;
}

void __wrap_httpd_turn(struct httpd *server, int64_t now_ns) {
    assert_true(now_ns <= seen.now_ns);
}

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_calloc(n, size);
}

/* --- Of the rest of the program, nothing is called here --- */

const char *app_config_name(const char *file) {
    return file;
}
void app_problems_text(struct buf *out, const char *file, const struct problems *problems) {}
bool app_web_wait_start(struct app_web *web) {
    return web != NULL;
}
void app_web_wait_stop(struct app_web *web) {}
int64_t app_web_wait_turn(struct app_web *web, int64_t now_ns) {
    return INT64_MAX;
}
void app_web_api_listings(const struct app_web *web, const struct httpd_request *request, int64_t now_ns) {}
void app_web_api_address(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {}
void app_web_check(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {}
bool app_web_bounces_start(struct app_web *web) {
    return web != NULL;
}
void app_web_bounces_stop(struct app_web *web) {}
void app_web_bounce(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {}
int64_t app_web_bounces_turn(struct app_web *web, int64_t now_ns) {
    return INT64_MAX;
}

bool app_web_probes_start(struct app_web *web) {
    return web != NULL;
}
void app_web_probes_stop(struct app_web *web) {}
void app_web_probe(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {}
int64_t app_web_probes_turn(struct app_web *web, int64_t now_ns) {
    return INT64_MAX;
}
void app_web_probes_use(struct app_web *web) {}

void app_web_api_lists(const struct app_web *web, const struct httpd_request *request, int64_t now_ns) {}
bool app_web_prefix_start(struct app_web *web, const struct httpd_route *routes, char *error, size_t size) {
    return web != NULL;
}
void app_web_prefix_stop(struct app_web *web) {}
const char *app_web_metrics_path(const struct app_web *web) {
    return "/metrics";
}
void app_web_redirect(const struct app_web *web, const struct httpd_request *request) {}
void app_web_settings(struct app_web *web, const struct httpd_request *request) {}
void app_web_configured(struct app_web *web, const struct settings *base) {}

/* --- Asking --- */

static struct app_bounced bounced;
static struct world world;
static struct app_web web;
static const struct cli cli = {.telemetry_path = "/metrics", .max_requests = PLACES};
static unsigned n_asked;

#define MS INT64_C(1000000)
#define OPEN "application/openmetrics-text"

static int setup(void **state) {
    const struct settings settings = world_settings();
    memset(&seen, 0, sizeof seen);
    memset(answers, 0, sizeof answers);
    n_asked = 0;
    world_begin(&world, &settings);
    seen.now_ns = world.now_ns;
    seen.cost_ns = 10 * MS;
    web = (struct app_web){
        .options = {.cli = &cli, .bounced = &bounced}, .checker = world.checker, .reload_ok = true};
    assert_true(app_web_shared_start(&web.shared, PLACES));
    return 0;
}

static int teardown(void **state) {
    app_web_stop(&web);
    world_end(&world);
    return 0;
}

/* One more request; returns its number. */
static unsigned ask_for(enum route route, const char *query, const char *accept) {
    const struct httpd_request request = {
        .route = route, .query = query, .accept = accept, .ticket = (void *)(uintptr_t)++n_asked};
    on_request(&web, &request);
    return n_asked;
}

static unsigned scrape(void) {
    return ask_for(ROUTE_METRICS, "", "");
}

static int64_t turn(void) {
    return app_web_turn(&web, seen.now_ns);
}

static void expect_answer(unsigned i, const char *text) {
    if (answers[i].n != 1 || answers[i].status != 200 || strcmp(answers[i].text, text) != 0)
        fail_msg("request %u: %u answers, status %u, \"%s\", not \"%s\"", i, answers[i].n, answers[i].status,
                 answers[i].text, text);
}

static void expect_waiting(unsigned i) {
    if (answers[i].n != 0)
        fail_msg("request %u was answered: %s", i, answers[i].text);
}

/* --- What is shown --- */

#endif
