/* SPDX-License-Identifier: Apache-2.0
 *
 * app_config: from the file that was named (or the embedded default) to settings, with problems told to a
 * person.
 */
#ifndef RBL_APP_CONFIG_H
#define RBL_APP_CONFIG_H

#include "core/buf.h"
#include "core/catalog.h"
#include "core/mirror.h"
#include "core/settings.h"

#include <stdint.h>

/* The catalogue of built-in lists from the binary; NULL (told on the log) if it is broken, which is a bug. */
struct catalog *app_catalog(void) MUST_CHECK;
/* What is known of the names in bounces, likewise. */
struct mirrors *app_mirrors(void) MUST_CHECK;
/* How the configuration in `file` (NULL: the embedded default) is called in messages. */
const char *app_config_name(const char *file);
/* Reads the configuration in `file` (NULL: the embedded default). `problems` is initialised by the caller and
 * gets errors and warnings, sorted by place. */
enum status app_config_load(const char *file, const struct catalog *catalog, struct problems *problems,
                            struct settings **out) MUST_CHECK;
/* Appends every problem as `file:line:column: error|warning: text`, one a line. */
void app_problems_text(struct buf *out, const char *file, const struct problems *problems);
/* Writes every problem to the log. */
void app_problems_log(const char *file, const struct problems *problems);
/* Logs warnings that depend on today's date: ranges of a group older than 180 days. `wall_ns` is the wall
 * clock. */
void app_config_age(const struct settings *settings, int64_t wall_ns);

#endif
