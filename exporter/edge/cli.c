/* SPDX-License-Identifier: Apache-2.0
 *
 * One table of flags drives the parsing and the help; one of commands likewise. getopt_long() is not used: it
 * takes abbreviations, so that a flag added later would change what an old command line means.
 */
#include "edge/cli.h"

#include "core/external_url.h"

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
    FLAG_SYSTEMD_SOCKET,
    FLAG_TELEMETRY_PATH,
    FLAG_WEB_CONFIG,
    FLAG_EXTERNAL_URL,
    FLAG_ROUTE_PREFIX,
    FLAG_MAX_REQUESTS,
    FLAG_STORAGE,
    FLAG_LOG_LEVEL,
    FLAG_LOG_FORMAT,
    FLAG_LIST,
    FLAG_OUTPUT,
    FLAG_FORCE,
    FLAG_CHECK,
    FLAG_SEND,
    FLAG_LATER, /* named by the contract, not there yet */
};

enum { HELP_COLUMN = 32, HELP_WIDTH = 80, MAX_REQUESTS_LIMIT = 10000 };

struct flag {
    enum flag_id id;
    const char *name;
    const char *value; /* how help shows it; NULL: boolean */
    const char *help;
    enum cli_command command; /* the only one that it goes with; CLI_DAEMON: it is a general flag */
    enum cli_command also;    /* but for this one; CLI_DAEMON: none */
};

static const struct flag flags[] = {
    {FLAG_HELP, "help", NULL, "Show this help.", CLI_DAEMON, CLI_DAEMON},
    {FLAG_CONFIG_FILE, "config.file", "FILE",
     "Configuration file (YAML). Without it the embedded default configuration is used.", CLI_DAEMON,
     CLI_DAEMON},
    {FLAG_CONFIG_CHECK, "config.check", NULL,
     "Validate the configuration, print every error as file:line:column: message, and exit with 0 or 1.",
     CLI_DAEMON, CLI_DAEMON},
    {FLAG_LISTEN, "web.listen-address", ":10554",
     "Address and port on which to serve metrics and the status page, or unix:PATH; may be given more than "
     "once.",
     CLI_DAEMON, CLI_DAEMON},
    {FLAG_SYSTEMD_SOCKET, "web.systemd-socket", NULL,
     "Serve on the sockets that systemd hands over, in place of --web.listen-address.", CLI_DAEMON,
     CLI_DAEMON},
    {FLAG_TELEMETRY_PATH, "web.telemetry-path", "/metrics", "Path under which to expose metrics.", CLI_DAEMON,
     CLI_DAEMON},
    {FLAG_WEB_CONFIG, "web.config.file", "FILE",
     "Web configuration (YAML) with TLS, passwords, headers and a rate limit, as of Prometheus's "
     "exporter-toolkit.",
     CLI_DAEMON, CLI_DAEMON},
    {FLAG_EXTERNAL_URL, "web.external-url", "URL",
     "URL under which users reach the exporter, for example through a proxy.", CLI_DAEMON, CLI_DAEMON},
    {FLAG_ROUTE_PREFIX, "web.route-prefix", "PATH",
     "Path that all pages are under. Default: the path of --web.external-url.", CLI_DAEMON, CLI_DAEMON},
    {FLAG_MAX_REQUESTS, "web.max-requests", "40", "Maximum number of requests in work at once, 1 to 10000.",
     CLI_DAEMON, CLI_DAEMON},
    {FLAG_STORAGE, "storage.path", "data/",
     "Folder for what survives a restart: listings, history, spent queries. Made if it does not exist.",
     CLI_DAEMON, CLI_DAEMON},
    {FLAG_LOG_LEVEL, "log.level", "info",
     "Only log messages with the given severity or above. One of: [debug, info, warn, error]", CLI_DAEMON,
     CLI_DAEMON},
    {FLAG_LOG_FORMAT, "log.format", "logfmt", "Output format of log messages. One of: [logfmt, json]",
     CLI_DAEMON, CLI_DAEMON},
    {FLAG_VERSION, "version", NULL, "Show what this program was built from.", CLI_DAEMON, CLI_DAEMON},
    {FLAG_LIST, "list", "NAME", "Ask only this list; may be given more than once.", CLI_CHECK, CLI_DAEMON},
    {FLAG_OUTPUT, "output", "table", "Form of the result. One of: [table, json]", CLI_CHECK, CLI_BOUNCE},
    {FLAG_FORCE, "force", NULL,
     "Check a range although it takes long or has more addresses than the budget of a list allows now; "
     "no more queries are sent than it allows.",
     CLI_CHECK, CLI_DAEMON},
    {FLAG_CHECK, "check", NULL, "Look the addresses up now, in at most 5 seconds; --no-check only reads.",
     CLI_BOUNCE, CLI_DAEMON},
    {FLAG_SEND, "send", "URL",
     "Have the exporter at this address do it; --send=none does without. Default: the one at "
     "http://127.0.0.1:10554, if one answers there.",
     CLI_CHECK, CLI_BOUNCE},
    {FLAG_LATER, "shard.index", "", NULL, CLI_DAEMON, CLI_DAEMON},
    {FLAG_LATER, "shard.count", "", NULL, CLI_DAEMON, CLI_DAEMON},
};
enum { N_FLAGS = sizeof flags / sizeof flags[0] };
static_assert(N_FLAGS <= 32, "a bit for each flag");

static const struct command {
    const char *name; /* with what it takes behind it, if it takes words */
    enum cli_command command;
    const char *help; /* NULL: not shown */
} commands[] = {
    {"check IP|RANGE...", CLI_CHECK,
     "Look up addresses and ranges now; exit code 0: none listed, 1: some listed, 3: unknown, 2: usage."},
    {"lists", CLI_LISTS, "Show the lists that are known: built in and configured."},
    {"ranges", CLI_RANGES, "Show the configured groups expanded: CIDR, count, % notation."},
    {"reference", CLI_REFERENCE, NULL},                 /* for whoever edits the README */
    {"read-bounces [message]", CLI_READ_BOUNCES, NULL}, /* the daemon's own: app_bounce_read.h */
    {"bounce [FILE...]", CLI_BOUNCE,
     "Read bounces (- or nothing: standard input): what was rejected, by which list, how it stands now, and "
     "what to "
     "do. For pipes of a mail server too; exit code 0: read, 64: usage, 65: refused, 66: no such file, 75: "
     "try again "
     "later."},
    {"plan", CLI_PLAN, "Show what the configuration will cost and achieve, and what to change."},
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static int command_len(const struct command *command) {
    return (int)strcspn(command->name, " ");
}

static bool takes_words(const struct command *command) {
    return command->name[command_len(command)] != '\0';
}

/* `[...]`: it can do without. */
static bool needs_words(const struct command *command) {
    return takes_words(command) && command->name[command_len(command) + 1] != '[';
}

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < N_COMMANDS; i++) {
        size_t len = (size_t)command_len(&commands[i]);
        if (strlen(name) == len && memcmp(name, commands[i].name, len) == 0)
            return &commands[i];
    }
    return NULL;
}

/* Where the web server has something else. */
static const char *const endpoints[] = {
    "/",      "/-/healthy", "/-/ready",         "/-/reload",     "/config",
    "/probe", "/check",     "/api/v1/listings", "/api/v1/lists", "/api/v1/bounces",
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

/* What a URL (else a prefix) says of where the pages are. */
static enum status check_place(const char *name, const char *value, bool is_url) {
    assert(value);
    struct external_url place;
    char why[EXTERNAL_URL_WHY];
    bool of_prefix;
    if (external_url_read(is_url ? value : NULL, is_url ? NULL : value, &place, &of_prefix, why))
        return STATUS_OK;
    if (strchr(value, '@')) /* a password may be in it */
        return fail("--%s: %s", name, why);
    return fail("--%s=%s: %s", name, value, why);
}

static enum status add_list_name(struct cli *cli, const char *value) {
    if (cli->n_list_names == CLI_LIST_NAMES)
        return fail("--list=%s: there are more than %d of them", value, CLI_LIST_NAMES);
    cli->list_names[cli->n_list_names++] = value;
    return STATUS_OK;
}

static enum status add_listen_address(struct cli *cli, const char *value) {
    if (cli->n_listen_addresses == CLI_LISTEN_MAX)
        return fail("--web.listen-address=%s: there are more than %d of them", value, CLI_LISTEN_MAX);
    cli->listen_addresses[cli->n_listen_addresses++] = value;
    return STATUS_OK;
}

static enum status set_output(struct cli *cli, const char *value) {
    assert(value);
    bool json = strcmp(value, "json") == 0;
    if (!json && strcmp(value, "table") != 0)
        return fail("--output=%s: expected table or json", value);
    cli->output = json ? CLI_JSON : CLI_TABLE;
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
    case FLAG_LISTEN: return add_listen_address(cli, value);
    case FLAG_SYSTEMD_SOCKET: cli->systemd_socket = on; return STATUS_OK;
    case FLAG_WEB_CONFIG: cli->web_config_file = value; return STATUS_OK;
    case FLAG_EXTERNAL_URL: cli->external_url = value; return check_place(flag->name, value, true);
    case FLAG_ROUTE_PREFIX: cli->route_prefix = value; return check_place(flag->name, value, false);
    case FLAG_TELEMETRY_PATH: return set_telemetry_path(cli, value);
    case FLAG_MAX_REQUESTS: return set_max_requests(cli, value);
    case FLAG_STORAGE: cli->storage_path = value; return STATUS_OK;
    case FLAG_LIST: return add_list_name(cli, value);
    case FLAG_OUTPUT: return set_output(cli, value);
    case FLAG_FORCE: cli->force = on; return STATUS_OK;
    case FLAG_CHECK: cli->no_check = !on; return STATUS_OK;
    case FLAG_SEND: cli->send = value; return STATUS_OK;
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
    const struct command *command;
    char **words;
    size_t n_words;
};

static enum status check_repeated(struct reader *reader, const struct flag *flag) {
    uint32_t bit = UINT32_C(1) << (flag - flags);
    if (reader->seen & bit && flag->id != FLAG_LIST && flag->id != FLAG_LISTEN)
        return fail("--%s is given more than once", flag->name);
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

/* The command, or one of the words behind it: they are kept in argv, where what was read before them stood.
 */
static enum status read_word(struct reader *reader, char *word, struct cli *cli) {
    if (reader->command && takes_words(reader->command)) {
        if (word[0] == '\0')
            return fail("%.*s: an argument is empty", command_len(reader->command), reader->command->name);
        reader->words[reader->n_words++] = word;
        return STATUS_OK;
    }
    if (reader->command)
        return fail("unexpected argument %s", word);
    const struct command *command = find_command(word);
    if (!command)
        return fail("unknown command %s", word);
    reader->command = command;
    if (cli->command == CLI_DAEMON)
        cli->command = command->command;
    return STATUS_OK;
}

static const char *name_of(enum cli_command command, int *len) {
    size_t i = 0;
    while (commands[i].command != command)
        i++;
    *len = command_len(&commands[i]);
    return commands[i].name;
}

/* What can only be judged when all of it has been read. */
static enum status check_all(const struct reader *reader, const struct cli *cli) {
    const struct command *command = reader->command;
    int len = command ? command_len(command) : 0;
    if (cli->command == CLI_HELP || cli->command == CLI_VERSION)
        return STATUS_OK;
    if (cli->config_check && command)
        return fail("--config.check does not go with the command %.*s", len, command->name);
    for (size_t i = 0; i < N_FLAGS; i++) {
        if ((reader->seen >> i & 1) == 0 || flags[i].command == CLI_DAEMON ||
            flags[i].command == cli->command ||
            (flags[i].also != CLI_DAEMON && flags[i].also == cli->command))
            continue;
        int owner_len = 0;
        const char *owner = name_of(flags[i].command, &owner_len);
        return fail("--%s goes only with the command %.*s", flags[i].name, owner_len, owner);
    }
    if (cli->no_check && cli->send && strcmp(cli->send, "none") != 0)
        return fail("--no-check reads without asking anybody: it does not go with --send");
    if (command && needs_words(command) && reader->n_words == 0)
        return fail("the command %.*s needs %s", len, command->name, command->name + len + 1);
    return STATUS_OK;
}

enum status cli_parse(int argc, char **argv, struct cli *out) {
    struct cli cli = {
        .command = CLI_DAEMON,
        .telemetry_path = "/metrics",
        .max_requests = 40,
        .storage_path = "data/",
        .log_level = LOG_INFO,
        .log_format = LOG_LOGFMT,
    };
    struct reader reader = {.next = argv + (argc > 0), .end = argv + argc, .words = argv};
    bool only_words = false; /* after -- */
    enum status status = STATUS_OK;
    while (status == STATUS_OK && reader.next < reader.end) {
        char *argument = *reader.next++;
        bool is_stdin = strcmp(argument, "-") == 0 && reader.command && takes_words(reader.command);
        if (only_words || argument[0] != '-' || is_stdin)
            status = read_word(&reader, argument, &cli);
        else if (strcmp(argument, "--") == 0)
            only_words = true;
        else if (strcmp(argument, "-h") == 0)
            cli.command = CLI_HELP;
        else if (argument[1] != '-')
            status = fail("unknown flag %s", argument);
        else
            status = read_flag(&reader, argument, &cli);
    }
    if (status == STATUS_OK)
        status = check_all(&reader, &cli);
    if (status != STATUS_OK)
        return status;
    if (cli.n_listen_addresses == 0)
        cli.listen_addresses[cli.n_listen_addresses++] = ":10554";
    cli.words = (const char *const *)reader.words;
    cli.n_words = reader.n_words;
    *out = cli;
    return STATUS_OK;
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

static void print_flag(const struct flag *flag, const char *indent) {
    char name[64];
    bool can_be_off = !flag->value && flag->id != FLAG_HELP && flag->id != FLAG_VERSION;
    snprintf(name, sizeof name, "  %s --%s%s%s%s", indent, can_be_off ? "[no-]" : "", flag->name,
             flag->value ? "=" : "", flag->value ? flag->value : "");
    print_entry(name, flag->help);
}

void cli_print_help(void) {
    puts("usage: rbl_exporter [<flags>] [<command>]\n\n"
         "Prometheus exporter that polls DNS block lists for the addresses and ranges\n"
         "you send mail from. Without a command it is the daemon.\n\n\nFlags:");
    for (size_t i = 0; i < N_FLAGS; i++)
        if (flags[i].id != FLAG_LATER && flags[i].command == CLI_DAEMON)
            print_flag(&flags[i], flags[i].id == FLAG_HELP ? "-h," : "   ");
    puts("\nCommands:");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        char name[64];
        if (!commands[i].help)
            continue;
        snprintf(name, sizeof name, "  %s", commands[i].name);
        print_entry(name, commands[i].help);
        for (size_t k = 0; k < N_FLAGS; k++)
            if (flags[k].command == commands[i].command ||
                (flags[k].also != CLI_DAEMON && flags[k].also == commands[i].command))
                print_flag(&flags[k], "   ");
    }
}

void cli_print_version(const char *version, const char *branch, const char *revision, const char *compiler,
                       const char *arch) {
    printf("rbl_exporter, version %s (branch: %s, revision: %s)\n", version, branch, revision);
    printf("  compiler:         %s\n  platform:         linux/%s\n", compiler, arch);
}
