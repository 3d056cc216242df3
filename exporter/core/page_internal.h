/* SPDX-License-Identifier: Apache-2.0
 *
 * page_internal: what pages are made of: their frame, words, tables, and the sections of the status page.
 */
#ifndef RBL_CORE_PAGE_INTERNAL_H
#define RBL_CORE_PAGE_INTERNAL_H

#include "core/page.h"
#include "core/wilson.h"

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

/* Text that is no markup; characters that could change how others are read (controls, those of bidirectional
 * text too, and bytes that are no UTF-8) become U+FFFD. Safe between tags and in quoted attributes. */
void page_text(struct page *p, const char *text);
/* Text in the words of somebody else, whose direction of writing ends with it. */
void page_quote(struct page *p, const char *text);
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
/* 0 to 1 as "0.10 %". */
void page_percent(struct page *p, double share);
/* An address as a link to what is known of it. */
void page_ip(struct page *p, const struct ip *ip);
/* The names of a code set, with commas between them. */
void page_codes(struct page *p, const struct list *list, uint64_t codes);
/* Where to get off a list, as a link with the text "delisting page"; anything but a web address is shown, not
 * linked; nothing if there is none. */
void page_delisting(struct page *p, const struct list *list);
/* What happened, in words: "listed (spam)". */
void page_event_words(struct page *p, const struct history_event *event);
/* A paragraph that says so of `n` block lists without a test entry that must be listed; nothing for 0. */
void page_unproven(struct page *p, unsigned n);
/* Opens a table of `n` columns up to its first row; `name` is its class, by which page_style knows its
 * columns. */
void page_table(struct page *p, const char *name, const char *caption, const char *const *heads, size_t n);
void page_table_end(struct page *p);

/* --- The sections of the status page --- */

/* An address on a block list. */
struct page_pair {
    struct ip ip;
    uint32_t list;
    uint32_t index;
    bool named; /* one by one, not only as part of a range */
};

/* What is listed now on block lists, and how much of all has been looked at. */
struct page_found {
    struct buf kept;               /* the pairs, released by the caller */
    const struct page_pair *pairs; /* ... as such, in the order in which they are shown */
    uint32_t n;                    /* of them, at most PAGE_MAX_LISTED */
    uint64_t all;                  /* pairs, those that are not kept too */
    uint64_t by_list[LIST_MAX];
    unsigned n_lists;     /* that have any */
    uint64_t addresses;   /* different ones, ... */
    bool at_least;        /* ... or more: some pairs are not kept, and several lists have any */
    uint64_t named;       /* of those in `pairs` */
    uint64_t named_pairs; /* those that are not kept too */
    uint64_t unasked;     /* addresses that no block list is asked about */
    /* Every address is asked about, and has a verdict that is not stale on every block list that can be
     * believed. */
    bool complete;
    /* Over all block lists: addresses, and those of them with a verdict that is not stale. */
    uint64_t watched, fresh_watched, swept, fresh_swept;
};

/* How many lists are asked, and how many of them cannot be believed. */
struct page_lists_state {
    unsigned all, blind;
    unsigned block, blind_block; /* of them block lists */
    unsigned unproven_block;     /* without a test entry that must be listed */
};

/* What is known of a configured range on a list. */
struct page_coverage {
    bool is_block;
    uint64_t checked;
    uint64_t listed;
    uint64_t sample, sample_listed;
    uint32_t oldest;     /* stamp, 0: unknown */
    struct wilson bound; /* of the listed share, if there is a sample */
};

/* Whether the list is asked and a block list. */
bool page_is_block(const struct page *p, uint32_t list);
struct page_lists_state page_lists_state(const struct page *p);
/* Failure is in the status of p->out. */
void page_find(struct page *p, struct page_found *f);
/* Whether the list is asked about the range. */
bool page_range_has(const struct page *p, uint32_t range, uint32_t list);
struct page_coverage page_coverage(const struct page *p, uint32_t range, uint32_t list);
/* So much that people are paged: the lower bound is above 0.1 %. */
bool page_is_much(const struct page_coverage *c);

/* What stands in the browser's tab: "3 listed". */
void page_title(const struct page_found *f, const struct page_lists_state *lists, char *out, size_t size);
void page_answer(struct page *p, const struct page_found *found, const struct page_lists_state *lists);
void page_listed(struct page *p, const struct page_found *found);
void page_changes(struct page *p);
void page_blind(struct page *p, const struct page_lists_state *lists);
void page_lists(struct page *p);
/* Whether a list is asked about any range. */
bool page_has_ranges(const struct page *p);
void page_ranges(struct page *p);
void page_safelists(struct page *p);

#endif
