/* SPDX-License-Identifier: Apache-2.0
 *
 * app_bounce: `rbl_exporter bounce`: from bounces in files or on standard input to what they say and what to
 * do. It is made to stand behind a mail server's alias as well, which is why its exit codes are those of
 * sysexits.h, and why a message that is no bounce, or none that can be read, is no failure: the mail server
 * would bounce it.
 */
#ifndef RBL_APP_BOUNCE_H
#define RBL_APP_BOUNCE_H

#include "edge/cli.h"

enum app_bounce_exit {
    BOUNCE_EXIT_OK = 0,        /* read, whatever it said */
    BOUNCE_EXIT_USAGE = 64,    /* EX_USAGE: the command line is wrong */
    BOUNCE_EXIT_NO_INPUT = 66, /* EX_NOINPUT: a file cannot be read */
    BOUNCE_EXIT_LATER = 75,    /* EX_TEMPFAIL: not the message's fault: configuration, memory, output */
};

/* Runs it; returns the exit code. */
int app_bounce_run(const struct cli *cli);

#endif
