/* SPDX-License-Identifier: Apache-2.0
 *
 * Generations: a configuration and all that is made of it. A reload replaces the whole, or nothing. So does a
 * source of addresses that says something new, but for the configuration: the next generation is made of the
 * same one.
 */
#include "app_daemon_internal.h"

#include "app_ask.h"
#include "app_config.h"

#include "edge/clock.h"
#include "edge/log.h"

#include <stdlib.h>

/* Numbers of generations begin anew behind it, so that the highest bit of a cookie is never theirs. */
enum { GENERATIONS = 1 << 15 };
/* As long as a command that is about to end may hold the store when the program starts. */
#define STORE_WAIT_NS (INT64_C(5) * 1000000000)

void app_generation_free(struct app_generation *g) {
    checker_free(g->checker);
    senders_free(g->senders);
    targets_free(g->targets);
    settings_free(g->settings);
    *g = (struct app_generation){.settings = NULL};
}

static struct app_question_servers general_servers(const struct settings *s, const struct endpoint *system,
                                                   size_t n_system) {
    const struct endpoint *from = s->resolver.n_nameservers > 0 ? s->resolver.nameservers : system;
    struct app_question_servers general = {.n = s->resolver.n_nameservers > 0 ? s->resolver.n_nameservers
                                                                              : n_system};
    for (size_t i = 0; i < general.n; i++)
        general.endpoints[i] = from[i];
    return general;
}

/* Builds the generation that `base` and what its sources say ask for. On failure the reason is in `problems`.
 */
static enum status generation_build(struct app *app, const struct settings *base,
                                    const struct sources *sources, struct problems *problems, int64_t now_ns,
                                    struct app_generation *out) {
    struct app_generation g = {.settings = NULL};
    uint32_t number = (app->generation + 1) % GENERATIONS;
    struct endpoint system[3];
    const struct checker_watch watch = app_watch_make(&app->watch);
    size_t n_system = app_ask_system(base, system, problems);
    g.general = general_servers(base, system, n_system);
    enum status status =
        problems_failed(problems) ? STATUS_INVALID : sources_expand(sources, base, problems, &g.settings);
    if (status == STATUS_OK)
        status = targets_build(g.settings, &g.targets);
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
        app_generation_free(&g);
    return status;
}

/* The store is opened with the first configuration that can be read. One that cannot be used is no failure.
 */
static enum status open_store(struct app *app) {
    if (app->store == NULL)
        app->store = app_store_open(app->cli->storage_path, APP_STORE_ALL, STORE_WAIT_NS);
    return app->store != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The new generation takes the place of the old one. */
static void generation_use(struct app *app, const struct app_generation *next, int64_t now_ns) {
    struct app_generation old = app->now;
    app->now = *next;
    app_bounced_use(&app->bounced, next->settings, old.settings);
    app->generation = (app->generation + 1) % GENERATIONS;
    app->watch = (struct app_watch){next->settings, next->targets, next->checker, app->store, &app->told};
    if (old.checker != NULL)
        app_store_use(app->store, next->checker, next->settings->storage.history_ns, now_ns);
    app_senders_use(&app->senders, app->store, next->senders, next->checker);
    app_generation_free(&old);
    app_web_use(&app->web, app->now.checker);
}

/* Builds the next generation, which the first time takes over from the store, later from the one that runs.
 * Nothing has changed on failure. */
static enum status generation_next(struct app *app, const struct settings *base,
                                   const struct sources *sources, struct problems *problems, int64_t now_ns,
                                   struct app_generation *out) {
    struct app_generation next = {.settings = NULL};
    enum status status = generation_build(app, base, sources, problems, now_ns, &next);
    if (status == STATUS_OK)
        status = app->now.checker != NULL ? checker_carry(next.checker, app->now.checker, now_ns)
                                          : app_store_restore(app->store, next.checker, now_ns);
    if (status == STATUS_OK && app->now.checker != NULL)
        status = app_store_recall(app->store, next.checker, app->now.checker, now_ns);
    if (status == STATUS_OK)
        status =
            app_senders_begin(&app->senders, app->store, next.targets, next.checker, now_ns, &next.senders);
    if (status == STATUS_OK)
        status = app_question_use(app->question, app->resolver, next.checker, &next.general);
    if (status == STATUS_OK) {
        *out = next;
        return STATUS_OK;
    }
    if (!problems_failed(problems))
        problems_error(problems, 0, 0, "not enough memory for this configuration");
    app_generation_free(&next);
    return status;
}

/* Of a configuration that is not in force yet: what its groups have from outside, files read anew. */
static enum status sources_begin(struct app *app, const struct settings *base, int64_t now_ns,
                                 struct app_files **files, struct sources **sources) {
    enum status status = app_sources_begin(&app->sources, base, sources);
    if (status == STATUS_OK)
        status = app_files_open(base, app->loop, app->files, app_files_log, NULL, now_ns, files);
    if (status == STATUS_OK)
        status = app_files_fill(*files, app->sources.now, *sources);
    return status;
}

enum status app_generation_load(struct app *app, struct problems *problems) {
    int64_t now_ns = clock_now_ns();
    struct settings *base = NULL;
    struct sources *sources = NULL;
    struct app_files *files = NULL;
    struct app_spf_groups groups = {.items = NULL};
    struct app_generation next;
    enum status status = app_config_load(app->cli->config_file, app->catalog, problems, &base);
    if (status == STATUS_OK)
        status = open_store(app);
    if (status == STATUS_OK)
        status = sources_begin(app, base, now_ns, &files, &sources);
    app->spf.store = app->store;
    if (status == STATUS_OK)
        status = app_spf_begin(&app->spf, base, sources, &groups);
    if (status == STATUS_OK && app->now.checker == NULL)
        status = app_bounced_recall(&app->bounced, app->store, &base->bounces, sources);
    if (status == STATUS_OK)
        status = generation_next(app, base, sources, problems, now_ns, &next);
    if (status == STATUS_OK) {
        struct settings *old = app->base;
        struct app_files *old_files = app->files;
        generation_use(app, &next, now_ns);
        app->base = base;
        app_web_configured(&app->web, base);
        app->files = files;
        app_sources_use(&app->sources, &sources);
        app_spf_use(&app->spf, &groups, now_ns);
        app_bounced_set_rules(&app->bounced, &base->bounces);
        base = old;
        files = old_files;
    }
    problems->no_memory = problems->no_memory || status == STATUS_NO_MEMORY;
    app_spf_groups_free(&groups);
    app_files_free(files);
    sources_free(sources);
    settings_free(base);
    return status;
}

void app_generation_follow(struct app *app) {
    int64_t began_ns = clock_now_ns();
    struct app_generation next;
    struct problems *problems = malloc(sizeof *problems);
    enum status status = STATUS_NO_MEMORY;
    if (problems != NULL) {
        problems_init(problems);
        status = generation_next(app, app->base, app->sources.now, problems, began_ns, &next);
        app_problems_log(app_config_name(app->cli->config_file), problems);
        problems_release(problems);
        free(problems);
    }
    if (status == STATUS_OK)
        generation_use(app, &next, began_ns);
    else
        log_write(LOG_ERROR,
                  "what groups get from outside the configuration has changed, but cannot be used: the "
                  "addresses stay as they were, and it is tried again in a minute",
                  NULL);
    int64_t ended_ns = clock_now_ns();
    app_sources_settled(&app->sources, status == STATUS_OK, ended_ns - began_ns, ended_ns);
}
