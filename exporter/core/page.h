/* SPDX-License-Identifier: Apache-2.0
 *
 * page: the status page at `/`: plain HTML that works without JavaScript and asks nothing of other servers.
 *
 * What is listed now, what changed last, the state of each list and what to do about it, coverage of each
 * range, whether safelisted ranges may go, budget left, and a box to check an address.
 * Every value that comes from the configuration or from DNS is escaped. It has one style element and no other
 * style, no script, no image, and forms that are sent to where it comes from: PAGE_SECURITY_POLICY allows
 * that and nothing else. Of the address it is served from it knows nothing: its links are relative ones.
 */
#ifndef RBL_CORE_PAGE_H
#define RBL_CORE_PAGE_H

#include "core/buf.h"
#include "core/checker.h"
#include "core/history.h"

#include <stdbool.h>
#include <stdint.h>

enum { PAGE_MAX_LISTED = 5000, PAGE_MAX_RANGES = 2000, PAGE_MAX_CHANGES = 50 };

/* The Content-Security-Policy to send with it; it holds the SHA-256 of the style element's text. */
#define PAGE_SECURITY_POLICY                                                                                 \
    "default-src 'none'; style-src 'sha256-1M0hJUrWBdASYEjAS3sHAYdr0VqvZo6X28apVnA4JZw='; base-uri 'none'; " \
    "form-action 'self'; frame-ancestors 'none'"

/* What the edges know. */
struct page_process {
    const char *telemetry_path;
    const char *version;
    const struct history *history; /* NULL: none is kept */
    const char *storage_why;       /* why state is not being saved, a sentence; "" if it is */
    bool reload_failed;            /* the last attempt to load the configuration did */
};

/* Renders the page into `out`; times as in metrics_render(). At most PAGE_MAX_LISTED addresses,
 * PAGE_MAX_CHANGES events and PAGE_MAX_RANGES rows of ranges are shown, and it says so, and
 * how many more addresses and rows there are.
 * Failure (memory, cap) is in buf_status(out). */
void page_render(struct buf *out, const struct checker *checker, const struct page_process *process,
                 int64_t now_ns, int64_t wall_offset_ns);

#endif
