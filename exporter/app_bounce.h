/* SPDX-License-Identifier: Apache-2.0
 *
 * app_bounce: `rbl_exporter bounce`: from bounces in files or on standard input to what they say and what to
 * do. It is made to stand behind a mail server's alias as well, which is why its exit codes are those of
 * sysexits.h, and why a message that is no bounce, or none that can be read, is no failure: the mail server
 * would bounce it.
 */
#ifndef RBL_APP_BOUNCE_H
#define RBL_APP_BOUNCE_H

#include "core/buf.h"

#include "edge/cli.h"

enum app_bounce_exit {
    BOUNCE_EXIT_OK = 0,        /* read, whatever it said */
    BOUNCE_EXIT_USAGE = 64,    /* EX_USAGE: the command line is wrong */
    BOUNCE_EXIT_DATA = 65,     /* EX_DATAERR: the exporter that was asked refuses what is in a file */
    BOUNCE_EXIT_NO_INPUT = 66, /* EX_NOINPUT: a file cannot be read */
    BOUNCE_EXIT_LATER = 75,    /* EX_TEMPFAIL: not the message's fault: configuration, memory, output, an
                                  exporter    that does not answer or has too much to do */
};

/* Runs it; returns the exit code. */
int app_bounce_run(const struct cli *cli);

/* --- shared by its files --- */

/* Appends what is in a file ("-": standard input) to `out`, as much as is read of a message. Returns an exit
 * code; what is wrong was complained of. */
int app_bounce_input(const char *name, struct buf *out);

#endif
