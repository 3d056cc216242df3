/* SPDX-License-Identifier: Apache-2.0
 *
 * app_bounce_send: bounces that a running exporter reads (POST /api/v1/bounces): it looks their addresses up,
 * and watches them from then on.
 *
 * A mail server that pipes messages to this command has to hear "later" (75) whenever it was not the
 * message's fault: nothing is lost while the exporter is restarted. A message that the exporter will never
 * take is no failure on standard input: the mail server would bounce a bounce.
 */
#ifndef RBL_APP_BOUNCE_SEND_H
#define RBL_APP_BOUNCE_SEND_H

#include "app_send.h"

#include "edge/cli.h"

#define APP_BOUNCE_PAGE "/api/v1/bounces"

/* Returns the exit code, one of enum app_bounce_exit. */
int app_bounce_send(const struct cli *cli, const struct app_send *send);

#endif
