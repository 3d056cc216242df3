/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: the command line: sub-command, flags, help.
 *
 * GNU long options, `--flag=value` (or `--flag value`), `--no-flag` where boolean; exact names only, no
 * abbreviations, given twice is an error unless repeatable. Flags that the contract names and that are not
 * there yet are refused by name as not yet supported.
 */
#ifndef RBL_EDGE_CLI_H
#define RBL_EDGE_CLI_H

#include "core/status.h"
#include "edge/log.h"

#include <stdbool.h>
#include <stddef.h>

enum cli_command { CLI_DAEMON, CLI_LISTS, CLI_RANGES, CLI_REFERENCE, CLI_HELP, CLI_VERSION };

struct cli {
    enum cli_command command;
    const char *config_file; /* NULL: the embedded default */
    bool config_check;
    const char *listen_address; /* ":10554" */
    const char *telemetry_path; /* "/metrics" */
    unsigned max_requests;      /* 40 */
    enum log_level log_level;
    enum log_format log_format;
};

/* Reads argv (strings stay borrowed). On an error prints a sentence to stderr that names the argument and
 * says where help is, and returns STATUS_SYNTAX (exit code 2). */
enum status cli_parse(int argc, char **argv, struct cli *out) MUST_CHECK;
/* The text of --help on stdout. */
void cli_print_help(void);
/* The text of --version on stdout, in the form of Prometheus's programs. */
void cli_print_version(const char *version, const char *branch, const char *revision, const char *compiler,
                       const char *arch);

#endif
