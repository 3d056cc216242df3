/* SPDX-License-Identifier: Apache-2.0
 *
 * app_web_config: the file of --web.config.file and what it names, from their bytes to what the web server
 * asks of whoever comes; again whenever one of them changes.
 *
 * At start nothing may be wrong. Later nobody is served while something is: a change that cannot be used must
 * neither leave a door open that it was to close, nor go unnoticed. All requests then get 500, over the TLS
 * that was right last, until the files are right again. There is one exception: a certificate and its key are
 * renewed one after the other, so while the configuration itself is as it was, what was right last stays in
 * force for APP_WEB_CONFIG_GRACE_NS. Whether there is TLS at all is settled at start.
 *
 * What has changed is noticed as edge/files does: within half a second or so where the file system tells,
 * else within FILES_POLL_NS. Contents are copied while they may be needed to judge the whole anew, never
 * logged, and overwritten when they are not.
 */
#ifndef RBL_APP_WEB_CONFIG_H
#define RBL_APP_WEB_CONFIG_H

#include "core/problem.h"
#include "core/status.h"

#include "edge/httpd.h"
#include "edge/loop.h"

#include <stdint.h>

#define APP_WEB_CONFIG_GRACE_NS (INT64_C(10) * 1000000000)
/* Bytes that the file, and each of those that it names, may have. */
enum { APP_WEB_CONFIG_BYTES = 1 << 20 };

struct app_web_config;

/* Reads the file `path` (borrowed) and what it names. `loop` NULL: for once, without watching. `problems` is
 * initialised by the caller and gets errors and warnings, sorted by place; also those of the files it names,
 * at the place of their key. STATUS_INVALID if there is an error; STATUS_NO_MEMORY. */
enum status app_web_config_open(const char *path, struct loop *loop, int64_t now_ns,
                                struct problems *problems, struct app_web_config **out) MUST_CHECK;
/* Before the loop that it was opened with. NULL allowed. */
void app_web_config_free(struct app_web_config *c);
/* What it says, for httpd_new(); the caller's, and only once. NULL for `c` NULL: no file, plain HTTP. */
struct httpd_security *app_web_config_first(struct app_web_config *c);
/* To be called every turn. What is to be in force from now on (the caller's), NULL: what is. When to call
 * again is in `*wake_ns` (monotonic ns). All that happens is logged. Nothing, ever, for `c` NULL. */
struct httpd_security *app_web_config_turn(struct app_web_config *c, int64_t now_ns, int64_t *wake_ns);
/* Makes the next turn look at the files, whatever its time: somebody has asked for a reload. */
void app_web_config_hurry(struct app_web_config *c);

#endif
