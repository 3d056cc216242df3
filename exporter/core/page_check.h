/* SPDX-License-Identifier: Apache-2.0
 *
 * page_check: the page at `/check`: what every list says about one address, and what to do next. It shows
 * what is known when it is rendered: of a probe if there was one just now, else of the registry.
 */
#ifndef RBL_CORE_PAGE_CHECK_H
#define RBL_CORE_PAGE_CHECK_H

#include "core/page.h"
#include "core/settings.h"

#include <stdbool.h>
#include <stddef.h>

enum { PAGE_CHECK_TYPED = 128, PAGE_CHECK_ERROR = 640, PAGE_CHECK_EVENTS = 20 };

/* What is wanted, and what else is known about it. */
struct page_check {
    bool has_ip; /* else the page is the box, and what is wrong with what was typed */
    struct ip ip;
    bool asked;                   /* the lists have been asked because of this request */
    char typed[PAGE_CHECK_TYPED]; /* what was typed, for the box; cut if need be */
    char error[PAGE_CHECK_ERROR]; /* what is wrong, and what is allowed; "" if nothing is */
    /* History, the latest first: at most PAGE_CHECK_EVENTS. */
    const struct history_event *events;
    size_t n_events;
    bool more;                     /* there are older ones */
    const char *history_error;     /* why there is none to be had, a sentence; NULL: this is it */
    const struct group *microsoft; /* whose ranges are those that Microsoft publishes; NULL: not known */
};

/* Reads a query or a form: `ip=ADDRESS`, with spaces or the brackets of a bounce around it if need be. False:
 * it is none, or one that may not be asked about (checker_probe_refusal()), and `error` says so. Without any
 * parameter it is true, without an address, unless there has to be one. */
bool page_check_read(const struct checker *checker, const char *form, bool needs_ip, struct page_check *out);
/* Renders the page; `process` and times as for page_render(). */
void page_check_render(struct buf *out, const struct checker *checker, const struct page_process *process,
                       const struct page_check *check, int64_t now_ns, int64_t wall_offset_ns);

#endif
