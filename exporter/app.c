/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "app_bounce.h"
#include "app_bounce_read.h"
#include "app_check.h"
#include "app_config.h"
#include "app_daemon.h"
#include "app_files.h"
#include "app_text.h"
#include "app_web_config.h"

#include "edge/cli.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/process.h"
#include "edge/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE, TEXT_CAP = 8 << 20 };

/* Prints a text; false if it was cut for want of memory or could not be written. */
static bool print(struct buf *text) {
    bool ok = buf_status(text) == STATUS_OK && fwrite(buf_text(text), 1, text->len, stdout) == text->len &&
              fflush(stdout) == 0;
    if (!ok)
        (void)fprintf(stderr, "rbl_exporter: cannot write the output\n");
    return ok;
}

static void say_no_memory(const char *file) {
    (void)fprintf(stderr, "%s: out of memory\n", file);
}

static void print_problems(const char *file, const struct problems *problems) {
    struct buf text;
    buf_init(&text, TEXT_CAP);
    app_problems_text(&text, file, problems);
    (void)fwrite(buf_text(&text), 1, text.len, stderr);
    if (buf_status(&text) != STATUS_OK)
        say_no_memory(file);
    buf_release(&text);
}

/* What the command says about the configuration `base` and, with what its files hold now, `settings`. */
static enum status print_settings(const struct cli *cli, const struct catalog *catalog,
                                  const struct settings *base, const struct settings *settings,
                                  size_t n_warnings, struct buf *text) {
    if (cli->config_check)
        buf_addf(text, "%s: OK, %zu lists, %zu groups, %zu warnings\n", app_config_name(cli->config_file),
                 base->n_lists, base->n_groups, n_warnings);
    else if (cli->command == CLI_LISTS)
        app_text_lists(text, catalog, base);
    else if (cli->command == CLI_PLAN)
        return app_text_plan(text, settings);
    else
        app_text_ranges(text, settings);
    return STATUS_OK;
}

/* --config.check, lists, ranges, plan: what needs the configuration and no more. */
static int run_with_settings(const struct cli *cli, const struct catalog *catalog) {
    struct settings *base = NULL;
    struct settings *settings = NULL;
    struct buf text;
    struct problems *problems = malloc(sizeof *problems);
    size_t n_warnings = 0;
    int code = EXIT_FAILED;
    if (problems == NULL) {
        say_no_memory(app_config_name(cli->config_file));
        return code;
    }
    buf_init(&text, TEXT_CAP);
    problems_init(problems);
    enum status status = app_config_load(cli->config_file, catalog, problems, &base);
    if (status == STATUS_OK && cli->command != CLI_LISTS)
        status = app_files_expand(base, problems, &n_warnings, &settings);
    print_problems(app_config_name(cli->config_file), problems);
    if (status == STATUS_OK && cli->config_check)
        app_config_age(base, clock_wall_ns());
    if (status == STATUS_OK)
        status = print_settings(cli, catalog, base, settings, n_warnings + problems->n_warnings, &text);
    if (status == STATUS_OK && print(&text))
        code = EXIT_OK;
    if (status == STATUS_NO_MEMORY && !problems_failed(problems)) /* else it has been said */
        say_no_memory(app_config_name(cli->config_file));
    settings_free(settings);
    settings_free(base);
    problems_release(problems);
    free(problems);
    buf_release(&text);
    return code;
}

/* --config.check of the web configuration; true: it can be used. */
static bool check_web_config(const char *file) {
    struct app_web_config *config = NULL;
    struct problems *problems = malloc(sizeof *problems);
    if (problems == NULL) {
        say_no_memory(file);
        return false;
    }
    problems_init(problems);
    enum status status = app_web_config_open(file, NULL, clock_now_ns(), problems, &config);
    print_problems(file, problems);
    if (status == STATUS_NO_MEMORY)
        say_no_memory(file);
    if (status == STATUS_OK)
        (void)printf("%s: OK, %zu warnings\n", file, problems->n_warnings);
    app_web_config_free(config);
    problems_release(problems);
    free(problems);
    return status == STATUS_OK;
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
    int code = EXIT_FAILED;
    if (!is_daemon)
        code = run_with_settings(cli, catalog);
    else if (app_daemon_run(cli, catalog))
        code = EXIT_OK;
    if (cli->config_check && cli->web_config_file != NULL && !check_web_config(cli->web_config_file))
        code = EXIT_FAILED;
    catalog_free(catalog);
    return code;
}

/* A mail server behind whose alias it stands knows the codes of sysexits.h. */
static bool is_bounce(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "bounce") == 0)
            return true;
    return false;
}

int app_main(int argc, char **argv) {
    struct cli cli;
    if (!process_keep_streams())
        return EXIT_FAILED; /* there is nowhere to say why */
    if (cli_parse(argc, argv, &cli) != STATUS_OK)
        return is_bounce(argc, argv) ? BOUNCE_EXIT_USAGE : EXIT_USAGE;
    log_setup(cli.log_level, cli.log_format);
    switch (cli.command) {
    case CLI_HELP: cli_print_help(); return EXIT_OK;
    case CLI_VERSION:
        cli_print_version(version_text, version_branch, version_revision, version_compiler, version_arch);
        return EXIT_OK;
    case CLI_REFERENCE: return run_reference();
    case CLI_CHECK: return app_check_run(&cli);
    case CLI_BOUNCE: return app_bounce_run(&cli);
    case CLI_READ_BOUNCES: return app_bounce_read_run(&cli);
    case CLI_DAEMON:
    case CLI_LISTS:
    case CLI_RANGES:
    case CLI_PLAN: return run(&cli);
    }
    return EXIT_USAGE;
}
