/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics: the catalogue of metrics: one table of names, types, help and labels, and the rendering of all of
 * them.
 *
 * Everything is computed at scrape time from the checker and from what the caller adds in `struct
 * metrics_process`; all series of a counter or state exist from the start; names of later versions are not in
 * the table. /metrics is the table from top to bottom: each row says for which things its samples are
 * written, and by which function.
 *
 * Timestamps are wall-clock seconds: monotonic time plus `wall_offset_ns`, without a fraction, so that
 * reading two clocks does not make them tremble from scrape to scrape.
 */
#ifndef RBL_CORE_METRICS_H
#define RBL_CORE_METRICS_H

#include "core/buf.h"
#include "core/checker.h"
#include "core/list.h"
#include "core/promtext.h"

#include <stdbool.h>
#include <stdint.h>

struct metrics_scrape; /* one rendering, private to the functions that write samples */

/* One row of the catalogue. Exactly one of the functions is set; none in the rows of what /probe alone has.
 */
struct metric {
    const char *name; /* as samples spell it */
    enum promtext_type type;
    const char
        *labels; /* "list,group" in the order they are written; "" for none. A histogram has `le` as well */
    const char *help; /* one sentence */
    void (*once)(struct metrics_scrape *s);
    void (*per_list)(struct metrics_scrape *s, uint32_t list); /* each enabled list */
    void (*per_group)(struct metrics_scrape *s, uint32_t group,
                      uint32_t list); /* each that target_group_covers() */
    void (*per_range)(struct metrics_scrape *s, uint32_t range,
                      uint32_t list); /* each configured range, and each
         list of its group that is asked about the range's family */
    void (*per_safelist)(struct metrics_scrape *s, uint32_t safelist, uint32_t list); /* each safelisted
                                                      range, and each of the block lists that count for it */
};
extern const struct metric metrics_table[];
extern const unsigned metrics_count;     /* of /metrics, */
extern const unsigned metrics_all_count; /* and with those of /probe, which are the last */
/* The row of that name; NULL: there is none. */
const struct metric *metrics_find(const char *name);

enum { METRICS_LOG_LEVELS = 4, METRICS_BOUNCE_RESULTS = 4 };

/* Bounces by what came of them. */
struct metrics_bounces {
    uint64_t by_list[LIST_MAX][METRICS_BOUNCE_RESULTS]; /* by index of the settings' lists */
    uint64_t of_none[METRICS_BOUNCE_RESULTS];           /* that name no list which could be asked */
};

/* What the edges know. */
struct metrics_process {
    const char *version, *revision, *branch, *compiler, *arch;
    bool reload_ok;
    int64_t reload_ns; /* wall clock, of the last successful one */
    bool storage_up;
    uint64_t storage_errors;
    uint64_t log_messages[METRICS_LOG_LEVELS];
    const char *const *log_levels; /* label texts, [METRICS_LOG_LEVELS] */
    const struct metrics_bounces *bounces;
    const char *const *bounce_results; /* label texts, [METRICS_BOUNCE_RESULTS] */
    int64_t cpu_ns;
    uint64_t open_fds, max_fds;
    uint64_t virtual_bytes, virtual_max_bytes, resident_bytes;
    int64_t start_ns; /* wall clock */
    uint64_t threads;
};

enum { METRICS_MOST = 128 /* rows the catalogue may have */ };

/* Which families are wanted. Zeroed: all of them, until the first is asked for. */
struct metrics_filter {
    bool is_set;
    bool rows[METRICS_MOST]; /* of the catalogue */
};
/* Asks for the family that has this name in either format, or has samples of this name. A name that there is
 * not asks for nothing: if it is the only one, nothing is wanted. */
void metrics_want(struct metrics_filter *filter, const char *name);

/* Renders /metrics into `out`, or what `filter` leaves of it: what is not wanted costs nothing. `now_ns` is
 * monotonic, now + wall_offset_ns the wall clock. Nothing in the checker changes but the slots of its quotas
 * moving on. Failure (memory, cap) is in buf_status(out). */
void metrics_render(struct buf *out, enum promtext_format format, const struct metrics_filter *filter,
                    const struct checker *checker, const struct metrics_process *process, int64_t now_ns,
                    int64_t wall_offset_ns);
/* The catalogue as a Markdown table for the README. */
void metrics_reference(struct buf *out);

#endif
