/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon: how it starts, what it does at each turn of the loop, and how it stops. Its configuration, and
 * all that is made of it, is a generation (app_generation.c).
 */
#include "app_daemon.h"

#include "app_ask.h"
#include "app_config.h"
#include "app_daemon_internal.h"
#include "app_text.h"

#include "core/event.h"

#include "edge/clock.h"
#include "edge/entropy.h"
#include "edge/log.h"
#include "edge/process.h"
#include "edge/version.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Within two seconds of SIGTERM all is over; the web server may take half a second. */
#define CLOSE_NS (INT64_C(1200) * 1000000)
/* How often free memory goes back to the kernel, and how long after a reload, when the store has written what
 * it was told anew. */
#define GIVE_BACK_NS (INT64_C(60) * 1000000000)
#define SETTLED_NS (INT64_C(3) * 1000000000)

/* The program's own events. */
static void note_event(struct app *app, enum history_kind kind) {
    struct history_event event;
    event_of_program(kind, version_text, &event);
    app_store_event(app->store, &event);
}

/* SIGHUP and POST /-/reload; `problems` gets what was wrong. */
static bool reload(void *context, struct problems *problems) {
    struct app *app = context;
    const char *name = app_config_name(app->cli->config_file);
    app_web_config_hurry(app->web_config);
    bool ok = app_generation_load(app, problems) == STATUS_OK;
    app_problems_log(name, problems);
    if (ok) {
        app_config_age(app->now.settings, clock_wall_ns());
        log_write(LOG_INFO, "configuration reloaded", "file", name, NULL);
        note_event(app, HISTORY_RELOADED);
    } else {
        log_write(LOG_ERROR, "configuration not reloaded: the old one keeps running", "file", name, NULL);
    }
    app_web_reloaded(&app->web, ok, clock_wall_ns());
    int64_t settled_ns = clock_now_ns() + SETTLED_NS;
    if (settled_ns < app->give_back_ns)
        app->give_back_ns = settled_ns;
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
    int64_t now_ns = loop_now_ns(app->loop);
    if (!app_question_answer(app->question, cookie, outcome, message, len, now_ns))
        app_ask_answer(app->now.checker, cookie, outcome, message, len, took_ns, now_ns);
}

/* Before requests are answered, so that they are judged by what the web configuration says now. */
static int64_t turn_web_config(struct app *app, int64_t now_ns) {
    int64_t wake_ns;
    struct httpd_security *security = app_web_config_turn(app->web_config, now_ns, &wake_ns);
    if (security != NULL)
        app_web_secure(&app->web, security);
    return wake_ns;
}

/* Nothing wakes the loop for it: something else does, once a minute at least. */
static void turn_memory(struct app *app, int64_t now_ns) {
    if (now_ns < app->give_back_ns)
        return;
    process_give_back();
    app->give_back_ns = now_ns + GIVE_BACK_NS;
}

static int64_t on_turn(void *context, int64_t now_ns) {
    struct app *app = context;
    int64_t web_config_ns = turn_web_config(app, now_ns);
    int64_t files_ns = app_files_turn(app->files, &app->sources, now_ns);
    if (app_sources_are_due(&app->sources, now_ns))
        app_generation_follow(app);
    app_web_probed(&app->web); /* before others may take the place of what has ended */
    int64_t web_ns = app_web_turn(&app->web, now_ns);
    int64_t bounced_ns = app_bounced_turn(&app->bounced, now_ns);
    int64_t wake_ns = checker_turn(app->now.checker, now_ns);
    int64_t store_ns = app_store_turn(app->store, now_ns);
    app_web_probed(&app->web);
    int64_t told_ns = app_told_turn(&app->told, app->store, now_ns); /* the log says it first */
    int64_t held_ns = app_web_held_turn(&app->web, now_ns);
    bool more = app_ask_some(app->now.checker, app->resolver, now_ns);
    app_spf_turn(&app->spf, now_ns);
    int64_t senders_ns = app_senders_turn(&app->senders, now_ns);
    app_question_some(app->question, app->resolver, now_ns);
    turn_memory(app, now_ns);
    int64_t resolver_ns = resolver_turn(app->resolver, now_ns);
    int64_t checker_ns = checker_wake_ns(app->now.checker);
    int64_t question_ns = app_question_wake_ns(app->question);
    if (!app->ready_logged && checker_ready(app->now.checker)) {
        app->ready_logged = true;
        log_write(LOG_INFO, "ready: the first round of self-tests is done", NULL);
    }
    if (more || app_store_is_due(app->store))
        return now_ns;
    const int64_t moments[] = {web_ns,
                               web_config_ns,
                               bounced_ns,
                               resolver_ns,
                               store_ns,
                               told_ns,
                               held_ns,
                               question_ns,
                               files_ns,
                               senders_ns,
                               checker_ns,
                               app->spf.wake_ns,
                               app_sources_wake_ns(&app->sources)};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
        if (moments[i] < wake_ns)
            wake_ns = moments[i];
    return wake_ns;
}

/* ---- running ---- */

static void log_start(const struct app *app) {
    char lists[24];
    char groups[24];
    size_t enabled = 0;
    for (size_t i = 0; i < app->now.settings->n_lists; i++)
        enabled += app->now.settings->lists[i].enabled ? 1 : 0;
    (void)snprintf(lists, sizeof lists, "%zu", enabled);
    (void)snprintf(groups, sizeof groups, "%zu", app->base->n_groups);
    app_plan_log(app->now.settings, app->now.targets);
    log_write(LOG_INFO, "rbl_exporter started", "version", version_text, "config",
              app_config_name(app->cli->config_file), "lists", lists, "groups", groups, "address",
              app_web_addresses(&app->web), "metrics", app_web_metrics_path(&app->web), NULL);
}

/* ---- what the web pages want of the store ---- */

static bool ask_history(void *context, const struct ip *ip, int64_t before_ns, unsigned limit,
                        uint64_t ticket) {
    const struct app *app = context;
    return app_store_ask_history(app->store, ip, before_ns, limit, ticket);
}

static void on_history(void *context, uint64_t ticket, bool ok, const struct history_event *events, size_t n,
                       bool more) {
    struct app *app = context;
    app_web_history(&app->web, ticket, ok, events, n, more);
}

static bool storage(void *context, const char **why, uint64_t *errors) {
    const struct app *app = context;
    *why = app_store_why(app->store);
    *errors = app_store_errors(app->store);
    return app_store_up(app->store);
}

static uint64_t mark(void *context) {
    const struct app *app = context;
    return app_store_mark(app->store);
}

static bool may_tell(void *context, uint64_t mark, int64_t since_ns, int64_t now_ns) {
    const struct app *app = context;
    return app_store_may_tell(app->store, mark, since_ns, now_ns);
}

/* ---- starting and stopping ---- */

/* The group of the default configuration whose ranges are those that Microsoft publishes; NULL: for want of
 * memory it is not known. */
static const struct group *published_by_microsoft(struct app *app) {
    struct problems *problems = malloc(sizeof *problems);
    if (problems == NULL)
        return NULL;
    problems_init(problems);
    enum status status = app_config_load(NULL, app->catalog, problems, &app->embedded);
    problems_release(problems);
    free(problems);
    return status == STATUS_OK && app->embedded->n_groups > 0 ? &app->embedded->groups[0] : NULL;
}

/* False, with the reasons in the log: what --web.config.file names cannot be used. */
static bool open_web_config(struct app *app) {
    const char *file = app->cli->web_config_file;
    struct problems *problems = file != NULL ? malloc(sizeof *problems) : NULL;
    enum status status = file != NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (problems != NULL) {
        problems_init(problems);
        status = app_web_config_open(file, app->loop, clock_now_ns(), problems, &app->web_config);
        app_problems_log(file, problems);
        problems_release(problems);
        free(problems);
    }
    if (status != STATUS_OK)
        log_write(LOG_ERROR, "the web configuration cannot be used", "file", file, "error",
                  status == STATUS_INVALID ? "see above" : status_text(status), NULL);
    return status == STATUS_OK;
}

static bool start(struct app *app, struct problems *problems) {
    char error[512] = "";
    const char *name = app_config_name(app->cli->config_file);
    app->loop = loop_new();
    app->resolver = app->loop != NULL ? resolver_new(app->loop, on_answer, app) : NULL;
    app->question = app_question_new(clock_now_ns());
    if (app->resolver == NULL || app->question == NULL) {
        log_write(LOG_ERROR, "cannot start", "error", strerror(errno), NULL);
        return false;
    }
    if (!open_web_config(app))
        return false;
    app_spf_init(&app->spf, app->question, &app->sources);
    if (!app_bounced_start(&app->bounced, app->catalog, &app->sources)) {
        log_write(LOG_ERROR, "cannot start", "error", "out of memory", NULL);
        return false;
    }
    app_senders_init(&app->senders, app->question);
    enum status status = app_generation_load(app, problems);
    app_problems_log(name, problems);
    if (status != STATUS_OK) {
        log_write(LOG_ERROR, "the configuration cannot be used: the errors are above", "file", name, NULL);
        return false;
    }
    app_config_age(app->now.settings, clock_wall_ns());
    const struct app_web_options web = {.loop = app->loop,
                                        .cli = app->cli,
                                        .reload = reload,
                                        .ask_history = ask_history,
                                        .storage = storage,
                                        .mark = mark,
                                        .may_tell = may_tell,
                                        .history = app_store_history(app->store),
                                        .bounced = &app->bounced,
                                        .microsoft = published_by_microsoft(app),
                                        .context = app,
                                        .security = app_web_config_first(app->web_config),
                                        .start_wall_ns = clock_wall_ns()};
    if (!app_web_start(&app->web, &web, error, sizeof error)) {
        log_write(LOG_ERROR, "cannot serve", "error", error, NULL);
        return false;
    }
    app_web_use(&app->web, app->now.checker);
    app_store_on_history(app->store, on_history, app);
    if (app_store_start(app->store, app->loop, app->now.settings->storage.history_ns) != STATUS_OK) {
        log_write(LOG_ERROR, "cannot start the thread of the store", "error", strerror(errno), NULL);
        return false;
    }
    note_event(app, HISTORY_STARTED);
    return true;
}

/* Ends what start() began, whatever it came to. */
static void stop(struct app *app) {
    app_web_stop(&app->web);
    app_web_config_free(app->web_config);
    resolver_free(app->resolver);
    app_question_free(app->question);
    app_bounced_stop(&app->bounced);
    app_senders_end(&app->senders, clock_now_ns());
    app_store_close(app->store, CLOSE_NS, clock_now_ns());
    app_told_end(&app->told);
    app_generation_free(&app->now);
    app_spf_free(&app->spf);
    app_files_free(app->files);
    app_sources_free(&app->sources);
    settings_free(app->base);
    settings_free(app->embedded);
    loop_free(app->loop);
}

bool app_daemon_run(const struct cli *cli, const struct catalog *catalog) {
    struct app app = {.cli = cli, .catalog = catalog, .epoch_ns = registry_epoch(clock_now_ns())};
    struct problems *problems = malloc(sizeof *problems);
    bool ok = false;
    process_share_memory();
    if (problems == NULL) {
        log_write(LOG_ERROR, "cannot start", "error", "out of memory", NULL);
        return false;
    }
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
        ok = loop_run(app.loop) == STATUS_OK;
        if (!ok)
            log_write(LOG_ERROR, "the event loop failed", "error", strerror(errno), NULL);
        note_event(&app, HISTORY_STOPPED);
    }
    stop(&app);
    problems_release(problems);
    free(problems);
    return ok;
}
