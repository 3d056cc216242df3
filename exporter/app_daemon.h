/* SPDX-License-Identifier: Apache-2.0
 *
 * app_daemon: the exporter as a service: owns the loop and everything that lives in it.
 */
#ifndef RBL_APP_DAEMON_H
#define RBL_APP_DAEMON_H

#include "core/catalog.h"

#include "edge/cli.h"

#include <stdbool.h>

/* Runs until SIGTERM or SIGINT; false, with the reason in the log, if it could not start or go on. */
bool app_daemon_run(const struct cli *cli, const struct catalog *catalog);

#endif
