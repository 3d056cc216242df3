/* SPDX-License-Identifier: Apache-2.0
 *
 * app_text: what the sub-commands print: the lists the program knows, the configured ranges, the plan, the
 * reference.
 */
#ifndef RBL_APP_TEXT_H
#define RBL_APP_TEXT_H

#include "core/buf.h"
#include "core/catalog.h"
#include "core/settings.h"
#include "core/targets.h"

/* `rbl_exporter lists`: a table of all lists, configured and built-in, and of the dead ones. */
void app_text_lists(struct buf *out, const struct catalog *catalog, const struct settings *settings);
/* `rbl_exporter ranges`: every group expanded: range, number of addresses, `%` notation. */
void app_text_ranges(struct buf *out, const struct settings *settings);
/* `rbl_exporter plan`: what each list wants and gets, and what to change. On failure the reason is on stderr.
 */
enum status app_text_plan(struct buf *out, const struct settings *settings) MUST_CHECK;
/* The same in the log, a line for each list. */
void app_plan_log(const struct settings *settings, const struct targets *targets);
/* `rbl_exporter reference`: keys of the configuration and metrics, as Markdown. */
void app_text_reference(struct buf *out);

#endif
