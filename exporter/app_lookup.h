/* SPDX-License-Identifier: Apache-2.0
 *
 * app_lookup: looks addresses up now, for commands that end: the machinery of the daemon with other settings,
 * those of the configuration, but with the addresses asked for in place of its groups. It spends from the
 * same budgets, kept in the same folder, and asks no list with a quota where what it spends cannot be written
 * down. What is asked and how it went is in core/check.
 *
 * What goes wrong is told on standard error.
 */
#ifndef RBL_APP_LOOKUP_H
#define RBL_APP_LOOKUP_H

#include "core/check.h"
#include "core/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app_lookup_request {
    const struct settings *configured;
    const char *config_file;  /* as named, for messages; NULL: the embedded default */
    const char *storage_path; /* where the budgets are kept */
    const bool *wanted;       /* by list of `configured`: to be asked, if it can be paid */
    const struct ip_range *ranges;
    size_t n_ranges;
    const bool *pairs; /* [n_ranges][lists]: which of them are asked about a range; NULL: all */
    const unsigned
        *seen;         /* by list: looks that somebody else has had, so many fewer are needed; NULL: none */
    int64_t wait_ns;   /* so long it is waited for another process that has the folder */
    bool is_brief;     /* reasons of listings are not waited for */
    bool has_progress; /* a line on standard error, if that is a terminal */
};

struct app_lookup;
/* All of `request` is borrowed until app_lookup_free(). NULL, and why on standard error, if it cannot be. */
struct app_lookup *app_lookup_new(const struct app_lookup_request *request) MUST_CHECK;
/* Its check: to be estimated before it runs, and read afterwards. */
struct check *app_lookup_check(struct app_lookup *lookup);
/* The settings that it is made with: lists as in `configured`. */
const struct settings *app_lookup_settings(const struct app_lookup *lookup);
/* Runs it to its end, or for `limit_ns` (INT64_MAX: as long as the estimate says); SIGINT and SIGTERM end it
 * as well. False: it could not. */
bool app_lookup_run(struct app_lookup *lookup, int64_t limit_ns) MUST_CHECK;
void app_lookup_free(struct app_lookup *lookup); /* NULL allowed */

#endif
