/* SPDX-License-Identifier: Apache-2.0
 *
 * app_bounce_read: from the bytes of a bounce, whatever they are (a text, an HTML document, a message), to
 * what it says.
 *
 * Strangers write bounces, and GLib, which takes messages apart, ends its process when memory runs out. So
 * the daemon reads none itself: it has the command `read-bounces` do it (edge/child), which confines itself.
 * It reads standard input and writes bounces_encode() to standard output.
 */
#ifndef RBL_APP_BOUNCE_READ_H
#define RBL_APP_BOUNCE_READ_H

#include "core/bounce.h"
#include "core/buf.h"
#include "core/mirror.h"
#include "core/status.h"

#include "edge/cli.h"

#include <stdbool.h>

/* Adds what `input` (which is changed) says to `out`. `message`: it was said to be one; else it has to look
 * like one. STATUS_NO_MEMORY. */
enum status app_bounce_read(struct buf *input, bool message, const struct mirrors *mirrors,
                            struct bounces *out) MUST_CHECK;

/* argv of the command, for a message and for anything else. */
extern const char *const app_bounce_read_message[];
extern const char *const app_bounce_read_any[];
/* What the command puts out at most, in bytes. */
enum { APP_BOUNCE_READ_OUTPUT = 1 << 20 };
/* Runs it; returns the exit code: 0, or 75 if it cannot be done now. */
int app_bounce_read_run(const struct cli *cli);

#endif
