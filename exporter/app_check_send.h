/* SPDX-License-Identifier: Apache-2.0
 *
 * app_check_send: a check that a running exporter makes: it asks the lists, within its budgets, and this
 * command tells what it said as it tells its own checks.
 */
#ifndef RBL_APP_CHECK_SEND_H
#define RBL_APP_CHECK_SEND_H

#include "app_send.h"

#include "core/ip.h"

#include "edge/cli.h"

/* At most CHECK_TOLD_ADDRESSES addresses. Returns the exit code. */
int app_check_send(const struct cli *cli, const struct ip_range *ranges, size_t n,
                   const struct app_send *send);

#endif
