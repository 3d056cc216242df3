/* SPDX-License-Identifier: Apache-2.0
 *
 * app_check: `rbl_exporter check`: looks up addresses now, without a running daemon, within the same budgets.
 */
#ifndef RBL_APP_CHECK_H
#define RBL_APP_CHECK_H

#include "edge/cli.h"

/* Runs it; returns the exit code: enum check_outcome, or 2 for bad usage, a refusal, a configuration with
 * errors, or a result that could not be printed. */
int app_check_run(const struct cli *cli);

#endif
