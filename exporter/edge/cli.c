/* SPDX-License-Identifier: Apache-2.0
 *
 * One table of flags drives the parsing and the help; one of commands likewise. getopt_long() is not used: it
 * takes abbreviations, so that a flag added later would change what an old command line means.
 */
#include "edge/cli.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum flag_id {
    FLAG_HELP,
    FLAG_VERSION,
    FLAG_CONFIG_FILE,
    FLAG_CONFIG_CHECK,
    FLAG_LISTEN,
    FLAG_TELEMETRY_PATH,
    FLAG_MAX_REQUESTS,
    FLAG_LOG_LEVEL,
    FLAG_LOG_FORMAT,
    FLAG_LATER, /* named by the contract, not there yet */
};

enum { HELP_COLUMN = 32, HELP_WIDTH = 80, MAX_REQUESTS_LIMIT = 10000 };

struct flag {
    enum flag_id id;
    const char *name;
    const char *value; /* how help shows it; NULL: boolean */
    const char *help;
};

static const struct flag flags[] = {
    {FLAG_HELP, "help", NULL, "Show this help."},
    {FLAG_CONFIG_FILE, "config.file", "FILE",
     "Configuration file (YAML). Without it the embedded default configuration is used."},
    {FLAG_CONFIG_CHECK, "config.check", NULL,
     "Validate the configuration, print every error as file:line:column: message, and exit with 0 or 1."},
    {FLAG_LISTEN, "web.listen-address", ":10554",
     "Address and port on which to serve metrics and the status page."},
    {FLAG_TELEMETRY_PATH, "web.telemetry-path", "/metrics", "Path under which to expose metrics."},
    {FLAG_MAX_REQUESTS, "web.max-requests", "40", "Maximum number of requests in work at once, at least 1."},
    {FLAG_LOG_LEVEL, "log.level", "info",
     "Only log messages with the given severity or above. One of: [debug, info, warn, error]"},
    {FLAG_LOG_FORMAT, "log.format", "logfmt", "Output format of log messages. One of: [logfmt, json]"},
    {FLAG_VERSION, "version", NULL, "Show what this program was built from."},
    {FLAG_LATER, "web.config.file", "", NULL},
    {FLAG_LATER, "web.external-url", "", NULL},
    {FLAG_LATER, "web.route-prefix", "", NULL},
    {FLAG_LATER, "web.systemd-socket", NULL, NULL},
    {FLAG_LATER, "storage.path", "", NULL},
    {FLAG_LATER, "shard.index", "", NULL},
    {FLAG_LATER, "shard.count", "", NULL},
};
enum { N_FLAGS = sizeof flags / sizeof flags[0] };
static_assert(N_FLAGS <= 32, "a bit for each flag");

static const struct {
    const char *name;
    bool later;
    enum cli_command command;
    const char *help; /* NULL: not shown */
} commands[] = {
    {"lists", false, CLI_LISTS, "Show the lists that are known: built in and configured."},
    {"ranges", false, CLI_RANGES, "Show the configured groups expanded: CIDR, count, % notation."},
    {"reference", false, CLI_REFERENCE, NULL}, /* for whoever edits the README */
    {"check", true, CLI_DAEMON, NULL},
    {"bounce", true, CLI_DAEMON, NULL},
    {"plan", true, CLI_DAEMON, NULL},
};

/* Where the web server has something else. */
static const char *const endpoints[] = {
    "/",      "/-/healthy",       "/-/ready",      "/-/reload",       "/config",
    "/probe", "/api/v1/listings", "/api/v1/lists", "/api/v1/bounces",
};
static const char endpoint_addresses[] = "/api/v1/addresses/";

static enum status fail(const char *format, ...) PRINTF_LIKE(1, 2);

static enum status fail(const char *format, ...) {
    char sentence[512];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    /* Arguments are printed as they are, but they cannot steer the terminal. */
    for (char *p = sentence; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    fprintf(stderr, "rbl_exporter: error: %s, try --help\n", sentence);
    return STATUS_SYNTAX;
}

static const struct flag *find_flag(const char *name, size_t len) {
    for (size_t i = 0; i < N_FLAGS; i++) {
        if (strlen(flags[i].name) == len && memcmp(flags[i].name, name, len) == 0)
            return &flags[i];
    }
    return NULL;
}

static enum status set_max_requests(struct cli *cli, const char *value) {
    assert(value);
    unsigned n = 0;
    size_t digits = strspn(value, "0123456789");
    if (digits > 0 && digits <= 5 && value[digits] == '\0') {
        for (const char *p = value; *p != '\0'; p++)
            n = n * 10 + (unsigned)(*p - '0');
    }
    if (n < 1 || n > MAX_REQUESTS_LIMIT)
        return fail("--web.max-requests=%s: expected a number from 1 to %d", value, MAX_REQUESTS_LIMIT);
    cli->max_requests = n;
    return STATUS_OK;
}

static enum status set_telemetry_path(struct cli *cli, const char *value) {
    assert(value);
    if (value[0] != '/')
        return fail("--web.telemetry-path=%s: expected a path that begins with /", value);
    for (const char *p = value; *p != '\0'; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '?' || *p == '#' || *p == '%')
            return fail(
                "--web.telemetry-path=%s: a path may not hold spaces, ?, #, %% or bytes that are not ASCII",
                value);
    }
    bool taken = strncmp(value, endpoint_addresses, sizeof endpoint_addresses - 1) == 0;
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
        taken = taken || strcmp(value, endpoints[i]) == 0;
    if (taken)
        return fail("--web.telemetry-path=%s: this path is another page of the exporter", value);
    cli->telemetry_path = value;
    return STATUS_OK;
}

/* `on` is for booleans, `value` for the others. */
static enum status set_flag(struct cli *cli, const struct flag *flag, const char *value, bool on) {
    switch (flag->id) {
    case FLAG_HELP: cli->command = on ? CLI_HELP : cli->command; return STATUS_OK;
    case FLAG_VERSION:
        if (on && cli->command != CLI_HELP)
            cli->command = CLI_VERSION;
        return STATUS_OK;
    case FLAG_CONFIG_FILE: cli->config_file = value; return STATUS_OK;
    case FLAG_CONFIG_CHECK: cli->config_check = on; return STATUS_OK;
    case FLAG_LISTEN: cli->listen_address = value; return STATUS_OK;
    case FLAG_TELEMETRY_PATH: return set_telemetry_path(cli, value);
    case FLAG_MAX_REQUESTS: return set_max_requests(cli, value);
    case FLAG_LOG_LEVEL:
        if (!log_level_parse(value, &cli->log_level))
            return fail("--log.level=%s: expected debug, info, warn or error", value);
        return STATUS_OK;
    case FLAG_LOG_FORMAT:
        if (!log_format_parse(value, &cli->log_format))
            return fail("--log.format=%s: expected logfmt or json", value);
        return STATUS_OK;
    case FLAG_LATER: return fail("--%s is not yet supported", flag->name);
    }
    return STATUS_SYNTAX;
}

/* What is left of argv, and what was seen of it. */
struct reader {
    char **next;
    char **end;
    uint32_t seen; /* a bit for each flag */
    const char *command;
};

static enum status check_repeated(struct reader *reader, const struct flag *flag) {
    uint32_t bit = UINT32_C(1) << (flag - flags);
    if (reader->seen & bit) {
        if (flag->id == FLAG_LISTEN)
            return fail("--%s is given more than once: several addresses are not supported yet", flag->name);
        return fail("--%s is given more than once", flag->name);
    }
    reader->seen |= bit;
    return STATUS_OK;
}

/* `--name`, `--no-name`, `--name=value`, or `--name` with the value in the next argument. */
static enum status read_flag(struct reader *reader, const char *argument, struct cli *cli) {
    const char *name = argument + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    const struct flag *flag = find_flag(name, len);
    bool on = true;
    if (!flag && strncmp(name, "no-", 3) == 0) {
        flag = find_flag(name + 3, len - 3);
        flag = flag && !flag->value ? flag : NULL;
        on = false;
    }
    if (!flag)
        return fail("unknown flag --%.*s", (int)len, name);
    if (flag->id == FLAG_LATER)
        return set_flag(cli, flag, value, on);
    if (!flag->value && value)
        return fail("--%.*s takes no value", (int)len, name);
    if (flag->value && !value) {
        if (reader->next == reader->end)
            return fail("--%s needs a value", flag->name);
        value = *reader->next++;
    }
    if (value && value[0] == '\0')
        return fail("--%s needs a value that is not empty", flag->name);
    enum status status = check_repeated(reader, flag);
    return status == STATUS_OK ? set_flag(cli, flag, value, on) : status;
}

static enum status read_command(struct reader *reader, const char *name, struct cli *cli) {
    if (reader->command)
        return fail("unexpected argument %s", name);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        if (commands[i].later)
            return fail("the command %s is not yet supported", name);
        reader->command = name;
        if (cli->command == CLI_DAEMON)
            cli->command = commands[i].command;
        return STATUS_OK;
    }
    return fail("unknown command %s", name);
}

enum status cli_parse(int argc, char **argv, struct cli *out) {
    struct cli cli = {
        .command = CLI_DAEMON,
        .listen_address = ":10554",
        .telemetry_path = "/metrics",
        .max_requests = 40,
        .log_level = LOG_INFO,
        .log_format = LOG_LOGFMT,
    };
    struct reader reader = {.next = argv + (argc > 0), .end = argv + argc};
    bool only_words = false; /* after -- */
    enum status status = STATUS_OK;
    while (status == STATUS_OK && reader.next < reader.end) {
        const char *argument = *reader.next++;
        if (only_words || argument[0] != '-')
            status = read_command(&reader, argument, &cli);
        else if (strcmp(argument, "--") == 0)
            only_words = true;
        else if (strcmp(argument, "-h") == 0)
            cli.command = CLI_HELP;
        else if (argument[1] != '-')
            status = fail("unknown flag %s", argument);
        else
            status = read_flag(&reader, argument, &cli);
    }
    if (status == STATUS_OK && cli.config_check && reader.command)
        status = fail("--config.check does not go with the command %s", reader.command);
    if (status == STATUS_OK)
        *out = cli;
    return status;
}

/* `name` at the left, `text` in a column of its own, broken at spaces. */
static void print_entry(const char *name, const char *text) {
    int at = printf("%s", name);
    if (at >= HELP_COLUMN - 1) {
        putchar('\n');
        at = 0;
    }
    printf("%*s", HELP_COLUMN - at, "");
    const int width = HELP_WIDTH - HELP_COLUMN;
    while ((int)strlen(text) > width) {
        int cut = width;
        while (text[cut] != ' ')
            cut--;
        printf("%.*s\n%*s", cut, text, HELP_COLUMN, "");
        text += cut + 1;
    }
    puts(text);
}

void cli_print_help(void) {
    puts("usage: rbl_exporter [<flags>] [<command>]\n\n"
         "Prometheus exporter that polls DNS block lists for the addresses and ranges\n"
         "you send mail from. Without a command it is the daemon.\n\n\nFlags:");
    for (size_t i = 0; i < N_FLAGS; i++) {
        char name[64];
        if (flags[i].id == FLAG_LATER)
            continue;
        snprintf(name, sizeof name, "  %s --%s%s%s%s", flags[i].id == FLAG_HELP ? "-h," : "   ",
                 flags[i].id == FLAG_CONFIG_CHECK ? "[no-]" : "", flags[i].name, flags[i].value ? "=" : "",
                 flags[i].value ? flags[i].value : "");
        print_entry(name, flags[i].help);
    }
    puts("\nCommands:");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char name[64];
        if (!commands[i].help)
            continue;
        snprintf(name, sizeof name, "  %s", commands[i].name);
        print_entry(name, commands[i].help);
    }
}

void cli_print_version(const char *version, const char *branch, const char *revision, const char *compiler,
                       const char *arch) {
    printf("rbl_exporter, version %s (branch: %s, revision: %s)\n", version, branch, revision);
    printf("  compiler:         %s\n  platform:         linux/%s\n", compiler, arch);
}
