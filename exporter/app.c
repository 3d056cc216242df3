/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "app_config.h"
#include "app_text.h"
#include "app_web.h"

#include "core/checker.h"
#include "core/targets.h"

#include "edge/cli.h"
#include "edge/clock.h"
#include "edge/entropy.h"
#include "edge/httpd.h"
#include "edge/log.h"
#include "edge/loop.h"
#include "edge/process.h"
#include "edge/resolver.h"
#include "edge/version.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"
enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE, ASKS_PER_TURN = 256, TEXT_CAP = 8 << 20 };

/* Everything that one configuration brings with it; a reload replaces the whole. */
struct generation {
    struct settings *settings;
    struct targets *targets;
    struct checker *checker;
};

struct app {
    const struct cli *cli;
    struct catalog *catalog;
    struct loop *loop;
    struct resolver *resolver;
    struct generation now;
    uint32_t generation; /* number of the current one */
    int64_t epoch_ns;
    bool ready_logged;
    struct app_web web;
};

/* ---- what happened, for the log ---- */

static void codes_text(struct buf *out, const struct list *list, uint64_t codes) {
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++)
        if ((codes >> bit & 1) != 0)
            buf_addf(out, "%s%s", out->len > 0 ? "," : "", list_code_name(list, bit));
}

/* What a sweep finds listed when it first looks can be thousands of addresses: counted on /metrics, not worth
 * a line each. */
static enum log_level change_level(const struct list *list, const struct registry_event *event) {
    if (!event->named)
        return event->change == CHANGE_FIRST_LISTED ? LOG_DEBUG : LOG_INFO;
    return list->tier == LIST_INFO || list->kind == LIST_ALLOW ? LOG_INFO : LOG_WARN;
}

static void log_change(void *context, const struct registry_event *event) {
    const struct app *app = context;
    static const char *const texts[] = {
        [CHANGE_LISTED] = "address listed",
        [CHANGE_DELISTED] = "address delisted",
        [CHANGE_FIRST_LISTED] = "address listed when first seen",
        [CHANGE_CODES] = "codes of a listing changed",
    };
    const struct list *list = &app->now.settings->lists[event->list];
    if (!log_wants(change_level(list, event)))
        return;
    char ip[IP_TEXT_SIZE];
    struct buf codes;
    buf_init(&codes, 4096);
    (void)ip_format(&event->ip, ip);
    codes_text(&codes, list, event->codes);
    log_write(change_level(list, event), texts[event->change], "list", list->name, "ip", ip, "codes",
              codes.len > 0 ? buf_text(&codes) : NULL, "delisting_page",
              event->change != CHANGE_DELISTED && list->delist_url[0] != '\0' ? list->delist_url : NULL,
              NULL);
    buf_release(&codes);
}

static void log_state(void *context, uint32_t index, enum health_state from, enum health_state to,
                      const struct verdict *because) {
    const struct app *app = context;
    const struct list *list = &app->now.settings->lists[index];
    char answer[IP_TEXT_SIZE] = "";
    if (because != NULL && because->culprit != 0) {
        struct ip ip = ip_v4(because->culprit);
        (void)ip_format(&ip, answer);
    }
    log_write(to == HEALTH_OK ? LOG_INFO : LOG_WARN,
              to == HEALTH_OK ? "list can be believed" : "list cannot be believed, its verdicts are frozen",
              "list", list->name, "zone", list->zone, "from", health_state_text[from], "state",
              health_state_text[to], "reason",
              because != NULL && because->reason != REASON_NONE ? verdict_reason_text[because->reason] : NULL,
              "answer", answer[0] != '\0' ? answer : NULL, "detail",
              because != NULL && because->detail != DETAIL_NONE ? verdict_detail_text[because->detail] : NULL,
              "advice", to != HEALTH_OK ? health_state_advice[to] : NULL, "note",
              to == HEALTH_REFUSED && list->note[0] != '\0' ? list->note : NULL, NULL);
}

static void log_txt(void *context, uint32_t index, uint32_t address, const char *txt) {
    const struct app *app = context;
    const struct list *list = &app->now.settings->lists[index];
    struct ip ip = target_ip(app->now.targets->sets[index], address);
    char text[IP_TEXT_SIZE];
    (void)ip_format(&ip, text);
    const struct registry_entry *entry = registry_entry_find(app->now.checker->registry, index, address);
    bool named = entry != NULL && entry->ring != REGISTRY_NO_RING;
    log_write(named ? LOG_INFO : LOG_DEBUG, "reason for a listing", "list", list->name, "ip", text, "txt",
              txt, NULL);
}

/* ---- generations ---- */

static void generation_free(struct generation *g) {
    checker_free(g->checker);
    targets_free(g->targets);
    settings_free(g->settings);
    *g = (struct generation){.settings = NULL};
}

/* The nameservers of the system, when the settings leave them to it. */
static size_t system_servers(const struct settings *settings, struct endpoint out[3],
                             struct problems *problems) {
    size_t n = 0;
    if (settings->resolver.n_nameservers > 0)
        return 0;
    enum status status = resolver_system_servers(RESOLV_CONF, out, &n);
    if (status == STATUS_OK)
        return n;
    problems_error(problems, 0, 0,
                   "cannot take nameservers from " RESOLV_CONF " (%s): set resolver.nameservers",
                   status == STATUS_IO ? strerror(errno) : "it is no text file");
    return 0;
}

/* Builds the generation that `settings` (taken over) asks for. On failure the reason is in `problems`. */
static enum status generation_build(const struct app *app, struct settings *settings, uint32_t number,
                                    struct problems *problems, int64_t now_ns, struct generation *out) {
    struct generation g = {.settings = settings};
    struct endpoint system[3];
    const struct checker_watch watch = {
        .changed = log_change, .state = log_state, .txt = log_txt, .context = (void *)app};
    size_t n_system = system_servers(settings, system, problems);
    enum status status = problems_failed(problems) ? STATUS_INVALID : targets_build(settings, &g.targets);
    if (status == STATUS_OK)
        status = checker_new(g.targets, system, n_system, app->epoch_ns, number, &watch, now_ns, &g.checker);
    if (status == STATUS_RANGE)
        problems_error(
            problems, 0, 0,
            "too large: a list has more than 2147483647 addresses, or there are more than %d different "
            "nameservers; make it smaller",
            CHECKER_SERVERS);
    else if (status == STATUS_NO_MEMORY)
        problems_error(problems, 0, 0, "not enough memory for this configuration");
    if (status == STATUS_OK)
        *out = g;
    else
        generation_free(&g);
    return status;
}

static enum status tell_servers(const struct app *app, const struct checker *checker) {
    struct endpoint servers[CHECKER_SERVERS];
    for (uint32_t i = 0; i < checker->n_servers; i++)
        servers[i] = checker->servers[i].endpoint;
    return resolver_set_servers(app->resolver, servers, checker->n_servers);
}

/* Loads and builds; `carry`: takes over from the running generation. Nothing has changed on failure. */
static enum status generation_load(struct app *app, struct problems *problems, bool carry) {
    int64_t now_ns = clock_now_ns();
    struct settings *settings = NULL;
    struct generation next = {.settings = NULL};
    enum status status = app_config_load(app->cli->config_file, app->catalog, problems, &settings);
    if (status == STATUS_OK)
        status = generation_build(app, settings, app->generation + 1, problems, now_ns, &next);
    if (status == STATUS_OK && carry)
        status = checker_carry(next.checker, app->now.checker, now_ns);
    if (status == STATUS_OK)
        status = tell_servers(app, next.checker);
    if (status != STATUS_OK) {
        if (!problems_failed(problems))
            problems_error(problems, 0, 0, "not enough memory for this configuration");
        generation_free(&next);
        return status;
    }
    struct generation old = app->now;
    app->now = next;
    app->generation++;
    generation_free(&old);
    app_web_use(&app->web, app->now.checker);
    return STATUS_OK;
}

/* SIGHUP and POST /-/reload; `problems` gets what was wrong. */
static bool reload(void *context, struct problems *problems) {
    struct app *app = context;
    const char *name = app_config_name(app->cli->config_file);
    bool ok = generation_load(app, problems, true) == STATUS_OK;
    app_problems_log(name, problems);
    if (ok) {
        app_config_age(app->now.settings, clock_wall_ns());
        log_write(LOG_INFO, "configuration reloaded", "file", name, NULL);
    } else {
        log_write(LOG_ERROR, "configuration not reloaded: the old one keeps running", "file", name, NULL);
    }
    app_web_reloaded(&app->web, ok, clock_wall_ns());
    return ok;
}

/* ---- the loop's handlers ---- */

static void on_signal(void *context, int signal) {
    struct app *app = context;
    if (signal != SIGHUP) {
        log_write(LOG_INFO, "stopping", "signal", signal == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
        loop_stop(app->loop);
        return;
    }
    struct problems *problems = malloc(sizeof *problems);
    if (problems == NULL) {
        log_write(LOG_ERROR, "configuration not reloaded: out of memory", NULL);
        return;
    }
    problems_init(problems);
    (void)reload(app, problems);
    problems_release(problems);
    free(problems);
}

static void on_answer(void *context, uint64_t cookie, enum resolver_outcome outcome, const uint8_t *message,
                      size_t len, int64_t took_ns) {
    const struct app *app = context;
    static const enum checker_outcome outcomes[] = {
        [RESOLVER_ANSWER] = CHECKER_ANSWER,
        [RESOLVER_TIMEOUT] = CHECKER_TIMEOUT,
        [RESOLVER_NETWORK] = CHECKER_NETWORK,
    };
    checker_reply(app->now.checker, cookie, outcomes[outcome], message, len, took_ns, loop_now_ns(app->loop));
}

static const enum resolver_channel channels[] = {
    [CHECKER_UDP] = RESOLVER_UDP,
    [CHECKER_UDP_TXT] = RESOLVER_UDP_TXT,
    [CHECKER_TCP] = RESOLVER_TCP,
};

/* Sends what may be sent now; true if there may be more. */
static bool send_some(struct app *app, int64_t now_ns) {
    struct checker_ask ask;
    for (int i = 0; i < ASKS_PER_TURN; i++) {
        if (!checker_next(app->now.checker, entropy_u64(), now_ns, &ask))
            return false;
        resolver_send(app->resolver, ask.server, channels[ask.channel], ask.message, ask.len, ask.timeout_ns,
                      ask.cookie, now_ns);
    }
    return true;
}

static int64_t on_turn(void *context, int64_t now_ns) {
    struct app *app = context;
    app_web_turn(&app->web, now_ns);
    int64_t wake_ns = checker_turn(app->now.checker, now_ns);
    bool more = send_some(app, now_ns);
    int64_t resolver_ns = resolver_turn(app->resolver, now_ns);
    int64_t checker_ns = checker_wake_ns(app->now.checker);
    if (!app->ready_logged && checker_ready(app->now.checker)) {
        app->ready_logged = true;
        log_write(LOG_INFO, "ready: the first round of self-tests is done", NULL);
    }
    if (more)
        return now_ns;
    if (resolver_ns < wake_ns)
        wake_ns = resolver_ns;
    return checker_ns < wake_ns ? checker_ns : wake_ns;
}

/* ---- running ---- */

static void log_start(const struct app *app) {
    char lists[24];
    char groups[24];
    size_t enabled = 0;
    for (size_t i = 0; i < app->now.settings->n_lists; i++)
        enabled += app->now.settings->lists[i].enabled ? 1 : 0;
    (void)snprintf(lists, sizeof lists, "%zu", enabled);
    (void)snprintf(groups, sizeof groups, "%zu", app->now.settings->n_groups);
    log_write(LOG_INFO, "rbl_exporter started", "version", version_text, "config",
              app_config_name(app->cli->config_file), "lists", lists, "groups", groups, "address",
              app_web_address(&app->web), "metrics", app->cli->telemetry_path, NULL);
}

static bool start(struct app *app, struct problems *problems) {
    char error[256] = "";
    const char *name = app_config_name(app->cli->config_file);
    app->loop = loop_new();
    app->resolver = app->loop != NULL ? resolver_new(app->loop, on_answer, app) : NULL;
    if (app->resolver == NULL) {
        log_write(LOG_ERROR, "cannot start", "error", strerror(errno), NULL);
        return false;
    }
    enum status status = generation_load(app, problems, false);
    app_problems_log(name, problems);
    if (status != STATUS_OK) {
        log_write(LOG_ERROR, "the configuration cannot be used: the errors are above", "file", name, NULL);
        return false;
    }
    app_config_age(app->now.settings, clock_wall_ns());
    const struct app_web_options web = {.loop = app->loop,
                                        .cli = app->cli,
                                        .reload = reload,
                                        .context = app,
                                        .start_wall_ns = clock_wall_ns()};
    if (!app_web_start(&app->web, &web, error, sizeof error)) {
        log_write(LOG_ERROR, "cannot serve", "error", error, NULL);
        return false;
    }
    app_web_use(&app->web, app->now.checker);
    return true;
}

static int run_daemon(const struct cli *cli, struct catalog *catalog) {
    struct app app = {.cli = cli, .catalog = catalog, .epoch_ns = registry_epoch(clock_now_ns())};
    struct problems *problems = malloc(sizeof *problems);
    int code = EXIT_FAILED;
    if (problems == NULL)
        return code;
    problems_init(problems);
    if (entropy_check() != STATUS_OK) {
        log_write(
            LOG_ERROR,
            "the kernel gives no random numbers: DNS answers could be forged, so this program does not run",
            "error", strerror(errno), NULL);
    } else if (start(&app, problems)) {
        loop_on_signal(app.loop, on_signal, &app);
        loop_on_turn(app.loop, on_turn, &app);
        log_start(&app);
        if (loop_run(app.loop) == STATUS_OK)
            code = EXIT_OK;
        else
            log_write(LOG_ERROR, "the event loop failed", "error", strerror(errno), NULL);
    }
    app_web_stop(&app.web);
    resolver_free(app.resolver);
    generation_free(&app.now);
    loop_free(app.loop);
    problems_release(problems);
    free(problems);
    return code;
}

/* ---- sub-commands ---- */

/* Prints a text; false if it was cut for want of memory or could not be written. */
static bool print(struct buf *text) {
    bool ok = buf_status(text) == STATUS_OK && fwrite(buf_text(text), 1, text->len, stdout) == text->len &&
              fflush(stdout) == 0;
    if (!ok)
        (void)fprintf(stderr, "rbl_exporter: cannot write the output\n");
    return ok;
}

static void print_problems(const char *file, const struct problems *problems) {
    struct buf text;
    buf_init(&text, TEXT_CAP);
    app_problems_text(&text, file, problems);
    (void)fwrite(buf_text(&text), 1, text.len, stderr);
    buf_release(&text);
}

/* --config.check, lists, ranges: what needs the configuration and no more. */
static int run_with_settings(const struct cli *cli, const struct catalog *catalog) {
    const char *name = app_config_name(cli->config_file);
    struct settings *settings = NULL;
    struct buf text;
    struct problems *problems = malloc(sizeof *problems);
    int code = EXIT_FAILED;
    if (problems == NULL)
        return code;
    buf_init(&text, TEXT_CAP);
    problems_init(problems);
    enum status status = app_config_load(cli->config_file, catalog, problems, &settings);
    print_problems(name, problems);
    if (status == STATUS_OK && cli->config_check)
        app_config_age(settings, clock_wall_ns());
    if (status == STATUS_OK && cli->config_check)
        buf_addf(&text, "%s: OK, %zu lists, %zu groups, %zu warnings\n", name, settings->n_lists,
                 settings->n_groups, problems->n_warnings);
    else if (status == STATUS_OK && cli->command == CLI_LISTS)
        app_text_lists(&text, catalog, settings);
    else if (status == STATUS_OK)
        app_text_ranges(&text, settings);
    if (status == STATUS_OK && print(&text))
        code = EXIT_OK;
    settings_free(settings);
    problems_release(problems);
    free(problems);
    buf_release(&text);
    return code;
}

static int run_reference(void) {
    struct buf text;
    buf_init(&text, TEXT_CAP);
    app_text_reference(&text);
    bool ok = print(&text);
    buf_release(&text);
    return ok ? EXIT_OK : EXIT_FAILED;
}

static int run(const struct cli *cli) {
    struct catalog *catalog = app_catalog();
    if (catalog == NULL)
        return EXIT_FAILED;
    bool is_daemon = cli->command == CLI_DAEMON && !cli->config_check;
    int code = is_daemon ? run_daemon(cli, catalog) : run_with_settings(cli, catalog);
    catalog_free(catalog);
    return code;
}

int app_main(int argc, char **argv) {
    struct cli cli;
    if (!process_keep_streams())
        return EXIT_FAILED; /* there is nowhere to say why */
    if (cli_parse(argc, argv, &cli) != STATUS_OK)
        return EXIT_USAGE;
    log_setup(cli.log_level, cli.log_format);
    switch (cli.command) {
    case CLI_HELP: cli_print_help(); return EXIT_OK;
    case CLI_VERSION:
        cli_print_version(version_text, version_branch, version_revision, version_compiler, version_arch);
        return EXIT_OK;
    case CLI_REFERENCE: return run_reference();
    case CLI_DAEMON:
    case CLI_LISTS:
    case CLI_RANGES: return run(&cli);
    }
    return EXIT_USAGE;
}
