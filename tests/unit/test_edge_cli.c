/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGS = 6 };

/* What went to descriptor `fd` since capture_begin(). */
struct capture {
    FILE *file;
    int saved;
    int fd;
    char text[8192];
};

static void capture_begin(struct capture *c, int fd) {
    fflush(NULL);
    c->fd = fd;
    c->file = tmpfile();
    c->saved = dup(fd);
    assert_non_null(c->file);
    dup2(fileno(c->file), fd);
}

static const char *capture_end(struct capture *c) {
    fflush(NULL);
    dup2(c->saved, c->fd);
    close(c->saved);
    rewind(c->file);
    c->text[fread(c->text, 1, sizeof c->text - 1, c->file)] = '\0';
    fclose(c->file);
    return c->text;
}

static enum status parse(const char *const args[ARGS], struct cli *out, char message[8192]) {
    const char *argv[ARGS + 1] = {"rbl_exporter"};
    int argc = 1;
    for (; argc <= ARGS && args[argc - 1]; argc++)
        argv[argc] = args[argc - 1];
    struct capture c;
    capture_begin(&c, STDERR_FILENO);
    enum status status = cli_parse(argc, (char **)argv, out);
    strcpy(message, capture_end(&c));
    return status;
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

#define DEFAULTS                                                                                             \
    .listen_addresses = {":10554"}, .n_listen_addresses = 1, .telemetry_path = "/metrics",                   \
    .max_requests = 40, .storage_path = "data/", .log_level = LOG_INFO, .log_format = LOG_LOGFMT

static const struct {
    const char *args[ARGS];
    struct cli expected;
} accepted[] = {
    {{0}, {.command = CLI_DAEMON, DEFAULTS}},
    {{"--"}, {.command = CLI_DAEMON, DEFAULTS}},
    {{"--config.file=a.yml"}, {.config_file = "a.yml", DEFAULTS}},
    {{"--config.file", "a.yml"}, {.config_file = "a.yml", DEFAULTS}},
    {{"--config.file", "--help"}, {.config_file = "--help", DEFAULTS}},
    {{"--config.file=a=b"}, {.config_file = "a=b", DEFAULTS}},
    {{"--config.check"}, {.config_check = true, DEFAULTS}},
    {{"--no-config.check"}, {.config_check = false, DEFAULTS}},
    {{"--help"}, {.command = CLI_HELP, DEFAULTS}},
    {{"-h"}, {.command = CLI_HELP, DEFAULTS}},
    {{"--version"}, {.command = CLI_VERSION, DEFAULTS}},
    {{"--help", "--version"}, {.command = CLI_HELP, DEFAULTS}},
    {{"--version", "--help"}, {.command = CLI_HELP, DEFAULTS}},
    {{"lists", "--help"}, {.command = CLI_HELP, DEFAULTS}},
    {{"--help", "lists"}, {.command = CLI_HELP, DEFAULTS}},
    {{"lists"}, {.command = CLI_LISTS, DEFAULTS}},
    {{"ranges", "--config.file=a.yml"}, {.command = CLI_RANGES, .config_file = "a.yml", DEFAULTS}},
    {{"--config.file", "a.yml", "ranges"}, {.command = CLI_RANGES, .config_file = "a.yml", DEFAULTS}},
    {{"--", "lists"}, {.command = CLI_LISTS, DEFAULTS}},
    {{"reference"}, {.command = CLI_REFERENCE, DEFAULTS}},
    {{"read-bounces"}, {.command = CLI_READ_BOUNCES, DEFAULTS}},
    {{"read-bounces", "message"}, {.command = CLI_READ_BOUNCES, .n_words = 1, DEFAULTS}},
    {{"--web.listen-address=127.0.0.1:0", "--web.telemetry-path=/m/x", "--web.max-requests=1",
      "--log.level=debug", "--log.format", "json"},
     {.listen_addresses = {"127.0.0.1:0"},
      .n_listen_addresses = 1,
      .telemetry_path = "/m/x",
      .max_requests = 1,
      .storage_path = "data/",
      .log_level = LOG_DEBUG,
      .log_format = LOG_JSON}},
    {{"--web.max-requests=10000"},
     {.listen_addresses = {":10554"},
      .n_listen_addresses = 1,
      .telemetry_path = "/metrics",
      .max_requests = 10000,
      .storage_path = "data/",
      .log_level = LOG_INFO}},
    {{"--storage.path=/var/lib/x"},
     {.listen_addresses = {":10554"},
      .n_listen_addresses = 1,
      .telemetry_path = "/metrics",
      .max_requests = 40,
      .storage_path = "/var/lib/x",
      .log_level = LOG_INFO}},
    {{"--web.listen-address=:1", "--web.listen-address", "unix:/run/x", "--web.listen-address=[::1]:1"},
     {.listen_addresses = {":1", "unix:/run/x", "[::1]:1"},
      .n_listen_addresses = 3,
      .telemetry_path = "/metrics",
      .max_requests = 40,
      .storage_path = "data/",
      .log_level = LOG_INFO}},
    {{"--web.systemd-socket"}, {.systemd_socket = true, DEFAULTS}},
    {{"--no-web.systemd-socket"}, {.systemd_socket = false, DEFAULTS}},
    {{"--web.config.file=web.yml"}, {.web_config_file = "web.yml", DEFAULTS}},
    {{"--web.config.file", "web.yml"}, {.web_config_file = "web.yml", DEFAULTS}},
    {{"--web.external-url=https://x/rbl", "--web.route-prefix=/"},
     {.external_url = "https://x/rbl", .route_prefix = "/", DEFAULTS}},
    {{"check", "--help"}, {.command = CLI_HELP, DEFAULTS}},
    {{"--force", "--help"}, {.command = CLI_HELP, .force = true, DEFAULTS}},
    {{"check", "192.0.2.1"}, {.command = CLI_CHECK, .n_words = 1, DEFAULTS}},
    {{"check", "192.0.2.1", "192.0.2.0/24", "a - b"}, {.command = CLI_CHECK, .n_words = 3, DEFAULTS}},
    {{"check", "lists"}, {.command = CLI_CHECK, .n_words = 1, DEFAULTS}},
    {{"check", "--", "192.0.2.1", "--force"}, {.command = CLI_CHECK, .n_words = 2, DEFAULTS}},
    {{"check", "192.0.2.1", "--output=json"},
     {.command = CLI_CHECK, .n_words = 1, .output = CLI_JSON, DEFAULTS}},
    {{"check", "192.0.2.1", "--output=table"}, {.command = CLI_CHECK, .n_words = 1, DEFAULTS}},
    {{"--force", "check", "192.0.2.1"}, {.command = CLI_CHECK, .n_words = 1, .force = true, DEFAULTS}},
    {{"check", "--no-force", "192.0.2.1"}, {.command = CLI_CHECK, .n_words = 1, DEFAULTS}},
    {{"bounce"}, {.command = CLI_BOUNCE, DEFAULTS}},
    {{"bounce", "-"}, {.command = CLI_BOUNCE, .n_words = 1, DEFAULTS}},
    {{"bounce", "a.eml", "-", "--output=json"},
     {.command = CLI_BOUNCE, .n_words = 2, .output = CLI_JSON, DEFAULTS}},
    {{"bounce", "--check"}, {.command = CLI_BOUNCE, DEFAULTS}},
    {{"bounce", "--no-check"}, {.command = CLI_BOUNCE, .no_check = true, DEFAULTS}},
    {{"bounce", "--send=http://x"}, {.command = CLI_BOUNCE, .send = "http://x", DEFAULTS}},
    {{"bounce", "--send=none", "--no-check"},
     {.command = CLI_BOUNCE, .no_check = true, .send = "none", DEFAULTS}},
    {{"check", "192.0.2.1", "--send", "none"},
     {.command = CLI_CHECK, .n_words = 1, .send = "none", DEFAULTS}},
    {{"check", "--list=a", "192.0.2.1", "--list", "b"},
     {.command = CLI_CHECK, .n_words = 1, .n_list_names = 2, .list_names = {"a", "b"}, DEFAULTS}},
};

static void reads_flags_and_commands(void **state) {
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        const struct cli *e = &accepted[i].expected;
        struct cli got;
        char message[8192];
        if (parse(accepted[i].args, &got, message) != STATUS_OK || message[0] != '\0')
            fail_msg("row %zu: %s", i, message);
        if (got.command != e->command || got.config_check != e->config_check ||
            !same_text(got.config_file, e->config_file) || got.n_listen_addresses != e->n_listen_addresses ||
            got.systemd_socket != e->systemd_socket || !same_text(got.web_config_file, e->web_config_file) ||
            !same_text(got.external_url, e->external_url) || !same_text(got.route_prefix, e->route_prefix) ||
            !same_text(got.telemetry_path, e->telemetry_path) || got.max_requests != e->max_requests ||
            got.log_level != e->log_level || got.log_format != e->log_format ||
            !same_text(got.storage_path, e->storage_path) || got.n_words != e->n_words ||
            got.output != e->output || got.force != e->force || got.no_check != e->no_check ||
            !same_text(got.send, e->send) || got.n_list_names != e->n_list_names)
            fail_msg("row %zu (%s)", i, accepted[i].args[0]);
        for (size_t k = 0; k < e->n_list_names; k++)
            assert_string_equal(got.list_names[k], e->list_names[k]);
        for (size_t k = 0; k < e->n_listen_addresses; k++)
            assert_string_equal(got.listen_addresses[k], e->listen_addresses[k]);
    }
}

static void hands_on_the_words_of_a_command_in_order(void **state) {
    const char *argv[] = {"rbl_exporter", "--log.level", "warn", "check",   "a",    "--list=x", "b",
                          "--output",     "json",        "--",   "--force", "check"};
    static const char *const words[] = {"a", "b", "--force", "check"};
    struct cli got;
    assert_int_equal(cli_parse((int)(sizeof argv / sizeof *argv), (char **)argv, &got), STATUS_OK);
    assert_int_equal(got.n_words, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(got.words[i], words[i]);
    assert_string_equal(got.list_names[0], "x");
    assert_false(got.force);
}

static void takes_as_many_lists_as_there_can_be(void **state) {
    static const char *argv[CLI_LIST_NAMES + 4] = {"rbl_exporter", "check", "192.0.2.1"};
    for (size_t i = 3; i < CLI_LIST_NAMES + 4; i++)
        argv[i] = "--list=a";
    struct cli got;
    assert_int_equal(cli_parse(CLI_LIST_NAMES + 3, (char **)argv, &got), STATUS_OK);
    assert_int_equal(got.n_list_names, CLI_LIST_NAMES);
    struct capture c;
    argv[1] = "check"; /* the words were moved to the front */
    argv[2] = "192.0.2.1";
    capture_begin(&c, STDERR_FILENO);
    enum status status = cli_parse(CLI_LIST_NAMES + 4, (char **)argv, &got);
    assert_non_null(strstr(capture_end(&c), "--list=a: there are more than 250 of them"));
    assert_int_equal(status, STATUS_SYNTAX);
}

static void takes_as_many_listen_addresses_as_there_can_be(void **state) {
    static const char *argv[CLI_LISTEN_MAX + 2] = {"rbl_exporter"};
    for (size_t i = 1; i < CLI_LISTEN_MAX + 2; i++)
        argv[i] = "--web.listen-address=:1";
    struct cli got;
    assert_int_equal(cli_parse(CLI_LISTEN_MAX + 1, (char **)argv, &got), STATUS_OK);
    assert_int_equal(got.n_listen_addresses, CLI_LISTEN_MAX);
    struct capture c;
    capture_begin(&c, STDERR_FILENO);
    enum status status = cli_parse(CLI_LISTEN_MAX + 2, (char **)argv, &got);
    assert_non_null(strstr(capture_end(&c), "--web.listen-address=:1: there are more than 16 of them"));
    assert_int_equal(status, STATUS_SYNTAX);
}

static const struct {
    const char *args[ARGS];
    const char *sentence;
} refused[] = {
    {{"--config"}, "unknown flag --config"},
    {{"--config.fil=x"}, "unknown flag --config.fil"},
    {{"--hel"}, "unknown flag --hel"},
    {{"--Help"}, "unknown flag --Help"},
    {{"--=x"}, "unknown flag --"},
    {{"-c"}, "unknown flag -c"},
    {{"-"}, "unknown flag -"},
    {{"-help"}, "unknown flag -help"},
    {{"--no-config.file"}, "unknown flag --no-config.file"},
    {{"--no-"}, "unknown flag --no-"},
    {{"--no"}, "unknown flag --no"},
    {{"--config.file"}, "--config.file needs a value"},
    {{"--config.file="}, "--config.file needs a value that is not empty"},
    {{"--config.file", ""}, "--config.file needs a value that is not empty"},
    {{"--config.check=true"}, "--config.check takes no value"},
    {{"--no-config.check=1"}, "--no-config.check takes no value"},
    {{"--config.file=a", "--config.file=b"}, "--config.file is given more than once"},
    {{"--config.check", "--no-config.check"}, "--config.check is given more than once"},
    {{"--web.listen-address="}, "--web.listen-address needs a value that is not empty"},
    {{"--web.systemd-socket=yes"}, "--web.systemd-socket takes no value"},
    {{"--web.systemd-socket", "--no-web.systemd-socket"}, "--web.systemd-socket is given more than once"},
    {{"--web.config.file=a", "--web.config.file=b"}, "--web.config.file is given more than once"},
    {{"--web.external-url"}, "--web.external-url needs a value"},
    {{"--web.route-prefix="}, "--web.route-prefix needs a value that is not empty"},
    {{"--web.max-requests=0"}, "--web.max-requests=0: expected a number from 1 to 10000"},
    {{"--web.max-requests=10001"}, "--web.max-requests=10001: expected"},
    {{"--web.max-requests=-1"}, "--web.max-requests=-1: expected"},
    {{"--web.max-requests=4x"}, "--web.max-requests=4x: expected"},
    {{"--web.max-requests= 4"}, "--web.max-requests= 4: expected"},
    {{"--web.max-requests=4294967297"}, "--web.max-requests=4294967297: expected"},
    {{"--log.level=warning"}, "--log.level=warning: expected debug, info, warn or error"},
    {{"--log.format=text"}, "--log.format=text: expected logfmt or json"},
    {{"--web.telemetry-path=metrics"}, "--web.telemetry-path=metrics: expected a path that begins with /"},
    {{"--web.telemetry-path=/a?b"}, "--web.telemetry-path=/a?b: a path may not hold spaces, ?, #, % or"},
    {{"--web.telemetry-path=/a#b"}, "a path may not hold"},
    {{"--web.telemetry-path=/a b"}, "a path may not hold"},
    {{"--web.telemetry-path=/a%62"}, "a path may not hold"},
    {{"--web.telemetry-path=/a\nb"}, "--web.telemetry-path=/a?b: a path may not hold"},
    {{"--web.telemetry-path=/\xc3\xbc"}, "a path may not hold"},
    {{"--web.telemetry-path=/"}, "--web.telemetry-path=/: this path is another page of the exporter"},
    {{"--web.telemetry-path=/-/reload"}, "another page"},
    {{"--web.telemetry-path=/probe"}, "another page"},
    {{"--web.telemetry-path=/api/v1/addresses/x"}, "another page"},
    {{"--storage.path="}, "--storage.path needs a value that is not empty"},
    {{"--storage.path=a", "--storage.path=b"}, "--storage.path is given more than once"},
    {{"--shard.index=0"}, "--shard.index is not yet supported"},
    {{"--shard.count=1"}, "--shard.count is not yet supported"},
    {{"check"}, "the command check needs IP|RANGE..."},
    {{"check", "--output=json"}, "the command check needs IP|RANGE..."},
    {{"check", ""}, "check: an argument is empty"},
    {{"check", "192.0.2.1", "--output=xml"}, "--output=xml: expected table or json"},
    {{"check", "192.0.2.1", "--output=json", "--output=json"}, "--output is given more than once"},
    {{"check", "192.0.2.1", "--force", "--no-force"}, "--force is given more than once"},
    {{"check", "192.0.2.1", "--force=1"}, "--force takes no value"},
    {{"check", "192.0.2.1", "--list="}, "--list needs a value that is not empty"},
    {{"check", "192.0.2.1", "--config.check"}, "--config.check does not go with the command check"},
    {{"check", "192.0.2.1", "--send"}, "--send needs a value"},
    {{"check", "192.0.2.1", "--send=none", "--send=none"}, "--send is given more than once"},
    {{"lists", "--send=none"}, "--send goes only with the command check"},
    {{"bounce", "--no-check", "--send=http://x"}, "--no-check reads without asking anybody"},
    {{"--force"}, "--force goes only with the command check"},
    {{"lists", "--output=json"}, "--output goes only with the command check"},
    {{"--list=a", "ranges"}, "--list goes only with the command check"},
    {{"check IP|RANGE...", "192.0.2.1"}, "unknown command check IP|RANGE..."},
    {{"bounce", ""}, "bounce: an argument is empty"},
    {{"bounce", "--list=a"}, "--list goes only with the command check"},
    {{"bounce", "--no-check=x"}, "--no-check takes no value"},
    {{"check", "192.0.2.1", "--no-check"}, "--check goes only with the command bounce"},
    {{"bounce", "-x"}, "unknown flag -x"},
    {{"lists", "-"}, "unknown flag -"},
    {{"list"}, "unknown command list"},
    {{""}, "unknown command "},
    {{"--", "--help"}, "unknown command --help"},
    {{"lists", "ranges"}, "unexpected argument ranges"},
    {{"lists", "--config.check"}, "--config.check does not go with the command lists"},
    {{"--help", "--unknown"}, "unknown flag --unknown"},
};

static void refuses_with_a_sentence_that_names_the_argument(void **state) {
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct cli got, untouched;
        memset(&got, 0x5a, sizeof got);
        untouched = got;
        char message[8192];
        enum status status = parse(refused[i].args, &got, message);
        size_t len = strlen(message);
        if (status != STATUS_SYNTAX || !strstr(message, refused[i].sentence) ||
            strncmp(message, "rbl_exporter: error: ", 21) != 0 || len < 14 ||
            strcmp(message + len - 13, ", try --help\n") != 0 || strchr(message, '\n') != message + len - 1)
            fail_msg("row %zu (%s): status %d, %s", i, refused[i].args[0], status, message);
        assert_memory_equal(&got, &untouched, sizeof got);
    }
}

static void survives_an_argument_longer_than_any_sentence(void **state) {
    static char huge[100000];
    memset(huge, 'x', sizeof huge - 1);
    memcpy(huge, "--", 2);
    struct cli got;
    char message[8192];
    assert_int_equal(parse((const char *const[ARGS]){huge}, &got, message), STATUS_SYNTAX);
    assert_int_equal(message[strlen(message) - 1], '\n');
}

static void takes_an_empty_argv(void **state) {
    struct cli got;
    char *argv[] = {NULL};
    assert_int_equal(cli_parse(0, argv, &got), STATUS_OK);
    assert_int_equal(got.command, CLI_DAEMON);
}

static void helps_with_all_that_is_supported_and_nothing_else(void **state) {
    struct capture c;
    capture_begin(&c, STDOUT_FILENO);
    cli_print_help();
    const char *text = capture_end(&c);
    static const char *const shown[] = {
        "usage: rbl_exporter [<flags>] [<command>]\n",
        "  -h, --help                    Show this help.\n",
        "      --config.file=FILE        Configuration file",
        "      --[no-]config.check ",
        "      --web.listen-address=:10554\n                                Address and port",
        "      --[no-]web.systemd-socket\n",
        "      --web.config.file=FILE ",
        "      --web.external-url=URL ",
        "      --web.route-prefix=PATH ",
        "      --web.telemetry-path=/metrics\n",
        "      --web.max-requests=40 ",
        "      --log.level=info ",
        "      --log.format=logfmt ",
        "      --version ",
        "      --storage.path=data/ ",
        "\n  check IP|RANGE... ",
        "      --list=NAME ",
        "      --output=table ",
        "      --[no-]force ",
        "\n  bounce [FILE...] ",
        "      --[no-]check ",
        "      --send=URL ",
        "\n  lists ",
        "\n  ranges ",
    };
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        if (!strstr(text, shown[i]))
            fail_msg("no \"%s\" in\n%s", shown[i], text);
    }
    static const char *const hidden[] = {"reference", "read-bounces", "shard", "(null)"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        assert_null(strstr(text, hidden[i]));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_in_range(strcspn(line, "\n"), 0, 80);
        assert_true(line[0] == '\n' || line[strcspn(line, "\n") - 1] != ' ');
    }
}

static void says_its_version_as_prometheus_does(void **state) {
    struct capture c;
    capture_begin(&c, STDOUT_FILENO);
    cli_print_version("1.2.3", "main", "abc", "gcc 12.2.0", "x86_64");
    assert_string_equal(capture_end(&c),
                        "rbl_exporter, version 1.2.3 (branch: main, revision: abc)\n"
                        "  compiler:         gcc 12.2.0\n  platform:         linux/x86_64\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_flags_and_commands),
        cmocka_unit_test(hands_on_the_words_of_a_command_in_order),
        cmocka_unit_test(takes_as_many_lists_as_there_can_be),
        cmocka_unit_test(takes_as_many_listen_addresses_as_there_can_be),
        cmocka_unit_test(refuses_with_a_sentence_that_names_the_argument),
        cmocka_unit_test(survives_an_argument_longer_than_any_sentence),
        cmocka_unit_test(takes_an_empty_argv),
        cmocka_unit_test(helps_with_all_that_is_supported_and_nothing_else),
        cmocka_unit_test(says_its_version_as_prometheus_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
