/* SPDX-License-Identifier: Apache-2.0
 *
 * page_internal: what pages are made of: their frame, words, tables, and the sections of the status page.
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

/* --- The frame of any page; its links work from every path of one level (`/`, `/check`) --- */

extern const char page_style[];
struct page page_make(struct buf *out, const struct checker *checker, const struct page_process *process,
                      int64_t now_ns, int64_t wall_offset_ns);
/* From the doctype to the opening of <main>; `title` stands in the browser's tab before the program's name.
 * The page's <h1> is the next thing to write. */
void page_begin(struct page *p, const char *title);
/* The box to check an address, with `value` in it. */
void page_check_box(struct page *p, const char *value);
/* From the end of <main> to the end. */
void page_end(struct page *p);

/* --- Words --- */

/* Text that is no markup; characters that could change how others are read (controls, bytes that are no
 * UTF-8) become U+FFFD. Safe between tags and in quoted attributes. */
void page_text(struct page *p, const char *text);
/* A cell with a text. */
void page_cell(struct page *p, const char *text);
/* A moment of monotonic time as date, time and age: "2025-01-01 00:00 UTC (5 min ago)", to the second in the
 * element's attribute; it may lie ahead. */
void page_time(struct page *p, int64_t monotonic_ns);
/* The same as its age alone: "5 min ago", "in 5 min". */
void page_age(struct page *p, int64_t monotonic_ns);
/* "45 s", "12 min 5 s", "3 h 20 min", "2 d 4 h". */
void page_duration(struct page *p, int64_t ns);
/* "1,024". */
void page_number(struct page *p, uint64_t number);
/* `part` of `whole` as "3 of 16 (18.75 %)". */
void page_share(struct page *p, uint64_t part, uint64_t whole);
/* An address as a link to what is known of it. */
void page_ip(struct page *p, const struct ip *ip);
/* The names of a code set, with commas between them. */
void page_codes(struct page *p, const struct list *list, uint64_t codes);
/* Where to get off a list, as a link with the text "delisting page"; anything but a web address is shown, not
 * linked; nothing if there is none. */
void page_delisting(struct page *p, const struct list *list);
/* Opens a table of `n` columns up to its first row; `name` is its class, by which page_style knows its
 * columns. */
void page_table(struct page *p, const char *name, const char *caption, const char *const *heads, size_t n);
void page_table_end(struct page *p);

/* --- The sections of the status page --- */

void page_listed(struct page *p);
void page_changes(struct page *p);
void page_lists(struct page *p);
void page_ranges(struct page *p);

#endif
