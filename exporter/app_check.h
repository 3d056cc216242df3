/* SPDX-License-Identifier: Apache-2.0
 *
 * app_check: `rbl_exporter check`: looks up addresses now, without a running daemon, within the same budgets.
 */
#ifndef RBL_APP_CHECK_H
#define RBL_APP_CHECK_H

#include "core/check.h"

#include "edge/cli.h"

/* Runs it; returns the exit code: enum check_outcome, or 2 for bad usage, a refusal, a configuration with
 * errors, or a result that could not be printed. */
int app_check_run(const struct cli *cli);

/* --- shared by its files --- */

enum { APP_CHECK_FAILED = 2 };
/* Prints the result; returns the exit code. `wall_offset_ns` as for check_text(). */
int app_check_print(const struct check_view *view, enum cli_output output, int64_t wall_offset_ns);
/* A family that no list is asked about has no result at all: says so of a range. */
void app_check_complain_of_family(const struct ip_range *range);

#endif
