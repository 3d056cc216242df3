/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: the command line: sub-command, flags, help.
 *
 * GNU long options, `--flag=value` (or `--flag value`), `--no-flag` where boolean; exact names only, no
 * abbreviations, given twice is an error unless repeatable. A flag of a command goes with that command only,
 * and may stand before it. Flags that the contract names and that are not there yet are refused by name as
 * not yet supported.
 */
#ifndef RBL_EDGE_CLI_H
#define RBL_EDGE_CLI_H

#include "core/status.h"
#include "edge/log.h"

#include <stdbool.h>
#include <stddef.h>

enum cli_command {
    CLI_DAEMON,
    CLI_CHECK,
    CLI_BOUNCE,
    CLI_LISTS,
    CLI_RANGES,
    CLI_PLAN,
    CLI_REFERENCE,
    CLI_READ_BOUNCES,
    CLI_HELP,
    CLI_VERSION
};
enum cli_output { CLI_TABLE, CLI_JSON };
enum { CLI_LIST_NAMES = 250 }; /* --list at most that often */
enum { CLI_LISTEN_MAX = 16 };  /* --web.listen-address at most that often */

struct cli {
    enum cli_command command;
    const char *config_file; /* NULL: the embedded default */
    bool config_check;
    const char *listen_addresses[CLI_LISTEN_MAX]; /* in the order given; ":10554" */
    size_t n_listen_addresses;
    bool systemd_socket;         /* the sockets are systemd's, and the addresses above none */
    const char *web_config_file; /* NULL: plain HTTP, no passwords */
    const char *external_url;    /* NULL: not given */
    const char *route_prefix;    /* NULL: not given */
    const char *telemetry_path;  /* "/metrics" */
    unsigned max_requests;       /* 40 */
    const char *storage_path;    /* "data/" */
    enum log_level log_level;
    enum log_format log_format;
    /* What follows a command that takes words; at least one if it needs any. */
    const char *const *words;
    size_t n_words;
    /* Flags of `check` and `bounce`. */
    const char *list_names[CLI_LIST_NAMES]; /* --list, in the order given */
    size_t n_list_names;
    enum cli_output output;
    bool force;
    bool no_check;    /* --no-check */
    const char *send; /* --send: a URL, or "none"; NULL: not given */
};

/* Reads argv (strings stay borrowed; `words` are moved to its front). On an error prints a sentence to stderr
 * that names the argument and says where help is, and returns STATUS_SYNTAX (exit code 2). */
enum status cli_parse(int argc, char **argv, struct cli *out) MUST_CHECK;
/* The text of --help on stdout. */
void cli_print_help(void);
/* The text of --version on stdout, in the form of Prometheus's programs. */
void cli_print_version(const char *version, const char *branch, const char *revision, const char *compiler,
                       const char *arch);

#endif
