/* SPDX-License-Identifier: Apache-2.0 */
#include "app_web.h"
#include "app_web_internal.h"

#include "app_config.h"

#include "core/metrics.h"
#include "core/origin.h"
#include "core/page.h"
#include "core/probe.h"
#include "core/url.h"

#include "edge/clock.h"
#include "edge/log.h"
#include "edge/process.h"
#include "edge/version.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    ROUTE_PROBE,
    ROUTE_CONFIG,
    ROUTE_LISTS,
    ROUTE_REDIRECT = APP_WEB_REDIRECT,
};
enum { STATUS_TEXT_CAP = 1 << 20, NAMES_MOST = 256 /* name[] in one scrape */ };

/* Over the time that a probe may take: it answers, and the server has not given up. */
enum { PROBE_SECONDS = PROBE_MOST_SECONDS + 5 };
static_assert((int)CLI_LISTEN_MAX <= (int)HTTPD_MAX_LISTENERS, "what may be given can be opened");

static const char plain[] = "text/plain; charset=utf-8";

/* `mark`: the last event that it may show. */
static void answer(const struct app_web *web, void *request, unsigned status, const char *retry_after,
                   const char *type, struct buf *body, uint64_t mark) {
    struct httpd_response response = {.status = status,
                                      .content_type = type,
                                      .security_policy = PAGE_SECURITY_POLICY,
                                      .retry_after = retry_after};
    if (buf_status(body) == STATUS_OK)
        response.body = httpd_body_new(body);
    if (response.body == NULL)
        response.status = 503;
    app_web_hold(web, request, &response, mark);
    buf_release(body);
}

void app_web_answer(const struct app_web *web, void *request, unsigned status, const char *type,
                    struct buf *body) {
    answer(web, request, status, NULL, type, body, app_web_mark(web));
}

void app_web_answer_later(const struct app_web *web, void *request, unsigned status, const char *retry_after,
                          const char *type, struct buf *body) {
    answer(web, request, status, retry_after, type, body, app_web_mark(web));
}

void app_web_answer_text(const struct app_web *web, void *request, unsigned status, const char *text) {
    struct buf body;
    buf_init(&body, STATUS_TEXT_CAP);
    buf_add_text(&body, text);
    answer(web, request, status, NULL, plain, &body, 0);
}

void app_web_answer_exposition(const struct app_web *web, void *request, const char *content_type,
                               struct buf *body) {
    struct httpd_response response = {.status = 200, .content_type = content_type};
    if (buf_status(body) == STATUS_OK)
        response.body = httpd_body_new(body);
    if (response.body == NULL)
        response = (struct httpd_response){.status = 503, .content_type = plain};
    response.vary_accept = true;
    app_web_hold(web, request, &response, app_web_mark(web));
    buf_release(body);
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

void app_web_render(const struct app_web *web, const struct app_web_show *show, struct buf *out,
                    int64_t now_ns) {
    int64_t offset_ns = app_web_wall_offset(now_ns);
    if (show->page) {
        const struct page_process process = app_web_page_process(web);
        page_render(out, web->checker, &process, now_ns, offset_ns);
    } else {
        struct metrics_process process;
        describe_process(web, &process);
        metrics_render(out, show->format, &show->filter, web->checker, &process, now_ns, offset_ns);
    }
}

/* --- Endpoints --- */

/* Takes the names that `name[]` asks for, and passes over other parameters: Prometheus may be told to send
 * some. Returns what is wrong, a sentence without a full stop, or NULL. */
static const char *read_names(const char *query, struct metrics_filter *filter) {
    struct url_parameter parameter;
    char room[URL_SIZE];
    unsigned n = 0;
    while (*query != '\0') {
        enum url_error error = url_query_next(&query, room, &parameter);
        if (error != URL_OK)
            return url_error_text[error];
        if (parameter.name == NULL || strcmp(parameter.name, "name[]") != 0)
            continue;
        if (n++ == NAMES_MOST)
            return url_error_text[URL_TOO_MANY];
        metrics_want(filter, parameter.value);
    }
    return NULL;
}

static void answer_metrics(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    struct app_web_show show = {.page = false};
    const char *type;
    const char *wrong = read_names(request->query, &show.filter);
    if (wrong != NULL) {
        struct buf text;
        buf_init(&text, STATUS_TEXT_CAP);
        buf_addf(&text,
                 "400 what stands behind the ? is not understood: %s. Ask for single metrics as in "
                 "%s?name[]=rbl_ip_listed&name[]=rbl_list_up, with at most %d names.\n",
                 wrong, app_web_metrics_path(web), NAMES_MOST);
        app_web_answer(web, request->ticket, 400, plain, &text);
        return;
    }
    show.format = promtext_negotiate(request->accept, &type);
    app_web_shared_ask(web, request->ticket, &show, type, now_ns);
}

static void answer_status(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    const struct app_web_show show = {.page = true};
    app_web_shared_ask(web, request->ticket, &show, "text/html; charset=utf-8", now_ns);
}

static void answer_reload(struct app_web *web, const struct httpd_request *request) {
    struct buf text;
    struct problems *problems = malloc(sizeof *problems);
    if (problems == NULL) {
        app_web_answer_text(web, request->ticket, 500,
                            "out of memory: the old configuration keeps running\n");
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
static bool is_foreign(const struct app_web *web, const struct httpd_request *request) {
    return request->method == HTTPD_POST &&
           !origin_is_own(request->fetch_site, request->origin, request->host, web->external.origin);
}

static void on_request(void *context, const struct httpd_request *request) {
    struct app_web *web = context;
    int64_t now_ns = loop_now_ns(web->options.loop);
    if (is_foreign(web, request) && request->route != ROUTE_CHECK) { /* that one says so on its page */
        app_web_answer_text(
            web, request->ticket, 403,
            "a page of another site sent this: nothing was done. (Behind a proxy: it has to pass the "
            "header Host on as it came, or --web.external-url has to name the address that users see.)\n");
        return;
    }
    if (request->method == HTTPD_POST) /* who has changed something sees it */
        app_web_shared_renew(&web->shared);
    switch ((enum route)request->route) {
    case ROUTE_METRICS: answer_metrics(web, request, now_ns); return;
    case ROUTE_STATUS: answer_status(web, request, now_ns); return;
    case ROUTE_HEALTHY: app_web_answer_text(web, request->ticket, 200, "rbl_exporter is healthy.\n"); return;
    case ROUTE_READY:
        if (checker_ready(web->checker))
            app_web_answer_text(web, request->ticket, 200, "rbl_exporter is ready.\n");
        else
            app_web_answer_text(web, request->ticket, 503,
                                "rbl_exporter is not ready: the first round of self-tests is not done.\n");
        return;
    case ROUTE_RELOAD: answer_reload(web, request); return;
    case ROUTE_LISTINGS: app_web_api_listings(web, request, now_ns); return;
    case ROUTE_ADDRESS: app_web_api_address(web, request, now_ns); return;
    case ROUTE_CHECK: app_web_check(web, request, now_ns); return;
    case ROUTE_BOUNCES: app_web_bounce(web, request, now_ns); return;
    case ROUTE_PROBE: app_web_probe(web, request, now_ns); return;
    case ROUTE_CONFIG: app_web_settings(web, request); return;
    case ROUTE_LISTS: app_web_api_lists(web, request, now_ns); return;
    case ROUTE_REDIRECT: app_web_redirect(web, request); return;
    }
}

static bool start_parts(struct app_web *web, char *error, size_t size) {
    if (app_web_shared_start(&web->shared, web->options.cli->max_requests) && app_web_wait_start(web) &&
        app_web_bounces_start(web) && app_web_probes_start(web) && app_web_held_start(web))
        return true;
    (void)snprintf(error, size, "out of memory");
    return false;
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
        {.path = "/probe", .get = true, .route = ROUTE_PROBE, .answer_seconds = PROBE_SECONDS},
        {.path = "/config", .get = true, .route = ROUTE_CONFIG},
        {.path = "/api/v1/lists", .get = true, .route = ROUTE_LISTS},
    };
    app_web_reloaded(web, true, options->start_wall_ns);
    if (!app_web_prefix_start(web, routes, error, size) || !start_parts(web, error, size)) {
        httpd_security_unref(options->security);
        return false;
    }
    const struct httpd_options server = {
        .listen_addresses = options->cli->listen_addresses,
        .n_listen_addresses = options->cli->n_listen_addresses,
        .systemd_socket = options->cli->systemd_socket,
        .security = options->security,
        .routes = web->routes,
        .n_routes = web->n_routes,
        .handler = on_request,
        .context = web,
        .max_requests = options->cli->max_requests,
    };
    web->server = httpd_new(options->loop, &server, error, size);
    return web->server != NULL;
}

void app_web_stop(struct app_web *web) {
    httpd_free(web->server);
    web->server = NULL;
    app_web_wait_stop(web);
    app_web_bounces_stop(web);
    app_web_probes_stop(web);
    app_web_held_stop(web);
    app_web_shared_stop(&web->shared);
    app_web_prefix_stop(web);
    app_web_configured(web, NULL);
}

void app_web_use(struct app_web *web, struct checker *checker) {
    web->checker = checker;
    app_web_shared_renew(&web->shared);
    app_web_probes_use(web);
}

void app_web_secure(struct app_web *web, struct httpd_security *security) {
    httpd_secure(web->server, security);
}

void app_web_reloaded(struct app_web *web, bool ok, int64_t wall_ns) {
    web->reload_ok = ok;
    if (ok)
        web->reload_wall_ns = wall_ns;
    app_web_shared_renew(&web->shared);
}

int64_t app_web_turn(struct app_web *web, int64_t now_ns) {
    httpd_turn(web->server, now_ns);
    int64_t wait_ns = app_web_wait_turn(web, now_ns);
    int64_t bounces_ns = app_web_bounces_turn(web, now_ns);
    int64_t probes_ns = app_web_probes_turn(web, now_ns);
    int64_t shared_ns = app_web_shared_turn(web, now_ns);
    if (bounces_ns < wait_ns)
        wait_ns = bounces_ns;
    if (probes_ns < wait_ns)
        wait_ns = probes_ns;
    return shared_ns < wait_ns ? shared_ns : wait_ns;
}

const char *app_web_addresses(const struct app_web *web) {
    return httpd_addresses(web->server);
}
