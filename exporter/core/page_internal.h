/* SPDX-License-Identifier: Apache-2.0
 *
 * page_internal: what the sections of the status page share.
 */
#ifndef RBL_CORE_PAGE_INTERNAL_H
#define RBL_CORE_PAGE_INTERNAL_H

#include "core/page.h"

struct page {
    struct buf *out;
    const struct checker *checker;
    const struct settings *settings;
    const struct targets *targets;
    const struct registry *registry;
    const struct page_process *process;
    int64_t now_ns;
    int64_t wall_offset_ns;
};

/* Text that is no markup; characters that could change how others are read (controls, bytes that are no
 * UTF-8) become U+FFFD. Safe between tags and in quoted attributes. */
void page_text(struct page *p, const char *text);
/* A cell with a text. */
void page_cell(struct page *p, const char *text);
/* A moment of monotonic time as date, time and age: "2025-01-01 00:00:00 UTC (5 min ago)"; it may lie ahead.
 */
void page_time(struct page *p, int64_t monotonic_ns);
/* "45 s", "12 min 5 s", "3 h 20 min", "2 d 4 h". */
void page_duration(struct page *p, int64_t ns);
/* `part` of `whole` as "3 of 16 (18.75 %)". */
void page_share(struct page *p, uint64_t part, uint64_t whole);

/* The sections. */
void page_listed(struct page *p);
void page_changes(struct page *p);
void page_lists(struct page *p);
void page_ranges(struct page *p);

#endif
