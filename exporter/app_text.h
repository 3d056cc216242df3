/* SPDX-License-Identifier: Apache-2.0
 *
 * app_text: what the sub-commands print: the lists the program knows, the configured ranges, the reference.
 */
#ifndef RBL_APP_TEXT_H
#define RBL_APP_TEXT_H

#include "core/buf.h"
#include "core/catalog.h"
#include "core/settings.h"

/* `rbl_exporter lists`: a table of all lists, configured and built-in, and of the dead ones. */
void app_text_lists(struct buf *out, const struct catalog *catalog, const struct settings *settings);
/* `rbl_exporter ranges`: every group expanded: range, number of addresses, `%` notation. */
void app_text_ranges(struct buf *out, const struct settings *settings);
/* `rbl_exporter reference`: keys of the configuration and metrics, as Markdown. */
void app_text_reference(struct buf *out);

#endif
