/* SPDX-License-Identifier: Apache-2.0 */
#include "app_web.h"
#include "app_web_internal.h"

#include "app_config.h"

#include "core/metrics.h"
#include "core/origin.h"
#include "core/page.h"

#include "edge/clock.h"
#include "edge/log.h"
#include "edge/process.h"
#include "edge/version.h"

#include <stdio.h>
#include <stdlib.h>

enum route {
    ROUTE_METRICS,
    ROUTE_STATUS,
    ROUTE_HEALTHY,
    ROUTE_READY,
    ROUTE_RELOAD,
    ROUTE_LISTINGS,
    ROUTE_ADDRESS,
    ROUTE_CHECK,
    ROUTE_BOUNCES,
};
enum { BODY_CAP = APP_WEB_BODY_CAP, STATUS_TEXT_CAP = 1 << 20 };

static const char plain[] = "text/plain; charset=utf-8";

static void answer(const struct app_web *web, void *request, unsigned status, const char *retry_after,
                   const char *type, struct buf *body) {
    struct httpd_response response = {.status = status,
                                      .content_type = type,
                                      .security_policy = PAGE_SECURITY_POLICY,
                                      .retry_after = retry_after};
    if (buf_status(body) == STATUS_OK)
        response.body = httpd_body_new(body);
    if (response.body == NULL)
        response.status = 503;
    httpd_answer(web->server, request, &response);
    buf_release(body);
}

void app_web_answer(const struct app_web *web, void *request, unsigned status, const char *type,
                    struct buf *body) {
    answer(web, request, status, NULL, type, body);
}

void app_web_answer_later(const struct app_web *web, void *request, unsigned status, const char *retry_after,
                          const char *type, struct buf *body) {
    answer(web, request, status, retry_after, type, body);
}

static void answer_text(const struct app_web *web, const struct httpd_request *request, unsigned status,
                        const char *text) {
    struct buf body;
    buf_init(&body, STATUS_TEXT_CAP);
    buf_add_text(&body, text);
    app_web_answer(web, request->ticket, status, plain, &body);
}

bool app_web_storage(const struct app_web *web, const char **why, uint64_t *errors) {
    *why = "";
    *errors = 0;
    return web->options.storage != NULL && web->options.storage(web->options.context, why, errors);
}

static void describe_process(const struct app_web *web, struct metrics_process *p) {
    struct process_usage usage;
    const char *why;
    process_read(&usage);
    *p = (struct metrics_process){
        .version = version_text,
        .revision = version_revision,
        .branch = version_branch,
        .compiler = version_compiler,
        .arch = version_arch,
        .reload_ok = web->reload_ok,
        .reload_ns = web->reload_wall_ns,
        .log_levels = log_level_text,
        .bounces = &web->options.bounced->n,
        .bounce_results = advice_result_text,
        .cpu_ns = usage.cpu_ns,
        .open_fds = usage.open_fds,
        .max_fds = usage.max_fds,
        .virtual_bytes = usage.virtual_bytes,
        .virtual_max_bytes = usage.virtual_max_bytes,
        .resident_bytes = usage.resident_bytes,
        .start_ns = web->options.start_wall_ns,
        .threads = usage.threads,
    };
    p->storage_up = app_web_storage(web, &why, &p->storage_errors);
    for (int level = 0; level < METRICS_LOG_LEVELS; level++)
        p->log_messages[level] = log_count((enum log_level)level);
}

int64_t app_web_wall_offset(int64_t now_ns) {
    return clock_wall_ns() - now_ns;
}

static bool is_of_turn(const struct app_web_shared *shared, int64_t now_ns) {
    return shared->body != NULL && shared->turn_ns == now_ns;
}

/* Takes the bytes of `text`. */
static void share(struct app_web_shared *shared, struct buf *text, int64_t now_ns) {
    httpd_body_unref(shared->body);
    shared->body = buf_status(text) == STATUS_OK ? httpd_body_new(text) : NULL;
    shared->turn_ns = now_ns;
    buf_release(text);
}

static struct httpd_response response_of(const struct app_web_shared *shared, const char *type) {
    return (struct httpd_response){
        .status = shared->body != NULL ? 200 : 503,
        .content_type = shared->body != NULL ? type : plain,
        .body = shared->body != NULL ? httpd_body_ref(shared->body) : NULL,
    };
}

static void answer_metrics(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    enum promtext_format format = promtext_negotiate(request->accept);
    struct app_web_shared *shared = &web->metrics[format];
    if (!is_of_turn(shared, now_ns)) {
        struct metrics_process process;
        struct buf text;
        describe_process(web, &process);
        buf_init(&text, BODY_CAP);
        metrics_render(&text, format, web->checker, &process, now_ns, app_web_wall_offset(now_ns));
        share(shared, &text, now_ns);
    }
    struct httpd_response response = response_of(shared, promtext_content_type(format));
    response.vary_accept = true;
    httpd_answer(web->server, request->ticket, &response);
}

struct page_process app_web_page_process(const struct app_web *web) {
    struct page_process process = {
        .telemetry_path = web->options.cli->telemetry_path,
        .version = version_text,
        .history = web->options.history,
        .reload_failed = !web->reload_ok,
    };
    uint64_t errors;
    (void)app_web_storage(web, &process.storage_why, &errors);
    return process;
}

static void answer_status(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    if (!is_of_turn(&web->page, now_ns)) {
        const struct page_process process = app_web_page_process(web);
        struct buf page;
        buf_init(&page, BODY_CAP);
        page_render(&page, web->checker, &process, now_ns, app_web_wall_offset(now_ns));
        share(&web->page, &page, now_ns);
    }
    struct httpd_response response = response_of(&web->page, "text/html; charset=utf-8");
    response.security_policy = PAGE_SECURITY_POLICY;
    httpd_answer(web->server, request->ticket, &response);
}

static void answer_reload(struct app_web *web, const struct httpd_request *request) {
    struct buf text;
    struct problems *problems = malloc(sizeof *problems);
    if (problems == NULL) {
        answer_text(web, request, 500, "out of memory: the old configuration keeps running\n");
        return;
    }
    problems_init(problems);
    buf_init(&text, STATUS_TEXT_CAP);
    bool ok = web->options.reload(web->options.context, problems);
    if (!ok)
        buf_add_text(&text, "the configuration was not reloaded; the old one keeps running\n");
    app_problems_text(&text, app_config_name(web->options.cli->config_file), problems);
    app_web_answer(web, request->ticket, ok ? 200 : 500, plain, &text);
    problems_release(problems);
    free(problems);
}

/* POST is what changes or spends something, now and for whatever may come. */
static bool is_foreign(const struct httpd_request *request) {
    return request->method == HTTPD_POST &&
           !origin_is_own(request->fetch_site, request->origin, request->host);
}

static void on_request(void *context, const struct httpd_request *request) {
    struct app_web *web = context;
    int64_t now_ns = loop_now_ns(web->options.loop);
    if (is_foreign(request) && request->route != ROUTE_CHECK) { /* that one says so on its page */
        answer_text(web, request, 403,
                    "a page of another site sent this: nothing was done. (Behind a proxy: it has to pass the "
                    "header Host on as it came.)\n");
        return;
    }
    switch ((enum route)request->route) {
    case ROUTE_METRICS: answer_metrics(web, request, now_ns); return;
    case ROUTE_STATUS: answer_status(web, request, now_ns); return;
    case ROUTE_HEALTHY: answer_text(web, request, 200, "rbl_exporter is healthy.\n"); return;
    case ROUTE_READY:
        if (checker_ready(web->checker))
            answer_text(web, request, 200, "rbl_exporter is ready.\n");
        else
            answer_text(web, request, 503,
                        "rbl_exporter is not ready: the first round of self-tests is not done.\n");
        return;
    case ROUTE_RELOAD: answer_reload(web, request); return;
    case ROUTE_LISTINGS: app_web_api_listings(web, request, now_ns); return;
    case ROUTE_ADDRESS: app_web_api_address(web, request, now_ns); return;
    case ROUTE_CHECK: app_web_check(web, request, now_ns); return;
    case ROUTE_BOUNCES: app_web_bounce(web, request, now_ns); return;
    }
}

bool app_web_start(struct app_web *web, const struct app_web_options *options, char *error, size_t size) {
    web->options = *options;
    const struct httpd_route routes[APP_WEB_ROUTES] = {
        {.path = options->cli->telemetry_path, .get = true, .route = ROUTE_METRICS},
        {.path = "/", .get = true, .route = ROUTE_STATUS},
        {.path = "/-/healthy", .get = true, .route = ROUTE_HEALTHY},
        {.path = "/-/ready", .get = true, .route = ROUTE_READY},
        {.path = "/-/reload", .post = true, .route = ROUTE_RELOAD},
        {.path = "/api/v1/listings", .get = true, .route = ROUTE_LISTINGS},
        {.path = "/api/v1/addresses/", .get = true, .post = true, .route = ROUTE_ADDRESS, .prefix = true},
        {.path = "/check", .get = true, .post = true, .route = ROUTE_CHECK},
        {.path = "/api/v1/bounces", .post = true, .route = ROUTE_BOUNCES, .body_most = APP_WEB_BOUNCE_BYTES},
    };
    for (int i = 0; i < APP_WEB_ROUTES; i++)
        web->routes[i] = routes[i];
    const struct httpd_options server = {
        .listen_addresses = options->cli->listen_addresses,
        .n_listen_addresses = options->cli->n_listen_addresses,
        .systemd_socket = options->cli->systemd_socket,
        .security = options->security,
        .routes = web->routes,
        .n_routes = APP_WEB_ROUTES,
        .handler = on_request,
        .context = web,
        .max_requests = options->cli->max_requests,
    };
    app_web_reloaded(web, true, options->start_wall_ns);
    if (!app_web_wait_start(web) || !app_web_bounces_start(web)) {
        (void)snprintf(error, size, "out of memory");
        httpd_security_unref(options->security);
        return false;
    }
    web->server = httpd_new(options->loop, &server, error, size);
    return web->server != NULL;
}

void app_web_stop(struct app_web *web) {
    httpd_free(web->server);
    web->server = NULL;
    app_web_wait_stop(web);
    app_web_bounces_stop(web);
    for (int i = 0; i <= PROMTEXT_OPENMETRICS; i++)
        httpd_body_unref(web->metrics[i].body);
    httpd_body_unref(web->page.body);
}

void app_web_use(struct app_web *web, struct checker *checker) {
    web->checker = checker;
}

void app_web_secure(struct app_web *web, struct httpd_security *security) {
    httpd_secure(web->server, security);
}

void app_web_reloaded(struct app_web *web, bool ok, int64_t wall_ns) {
    web->reload_ok = ok;
    if (ok)
        web->reload_wall_ns = wall_ns;
}

int64_t app_web_turn(struct app_web *web, int64_t now_ns) {
    httpd_turn(web->server, now_ns);
    int64_t wait_ns = app_web_wait_turn(web, now_ns);
    int64_t bounces_ns = app_web_bounces_turn(web, now_ns);
    return wait_ns < bounces_ns ? wait_ns : bounces_ns;
}

const char *app_web_addresses(const struct app_web *web) {
    return httpd_addresses(web->server);
}
