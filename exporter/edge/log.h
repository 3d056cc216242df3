/* SPDX-License-Identifier: Apache-2.0
 *
 * log: lines on stderr in Prometheus's form, logfmt (`ts= level= msg= key=value`) or JSON.
 *
 * One line is one write(2). Thread-safe. A closed or full stderr never stops the program (a pipe that nobody
 * reads is written without blocking; what does not fit is lost and counted). Values are quoted and escaped,
 * control and non-UTF-8 bytes too: what comes from DNS or HTTP cannot forge a line.
 */
#ifndef RBL_EDGE_LOG_H
#define RBL_EDGE_LOG_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVELS };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* "debug", "info", "warn", "error". */
extern const char *const log_level_text[LOG_LEVELS];

/* Until this is called: info and logfmt. */
void log_setup(enum log_level least, enum log_format format);
/* Names to values; false if the text is none. */
bool log_level_parse(const char *text, enum log_level *out);
bool log_format_parse(const char *text, enum log_format *out);

/* Writes a line: `message`, then pairs of key and value (both const char *) up to a NULL key, e.g.
 * log_write(LOG_WARN, "list refuses us", "list", name, "answer", text, NULL). A NULL value is left out with
 * its key. */
void log_write(enum log_level level, const char *message, ...) __attribute__((sentinel));
/* The same in two steps: a line, as of now, that is written later, and freed then. NULL: its level is not
 * wanted; or there was no memory, and it has been written. */
struct log_line;
struct log_line *log_line_new(enum log_level level, const char *message, ...) __attribute__((sentinel))
__attribute__((warn_unused_result));
void log_line_write(struct log_line *kept);
/* Whether lines of `level` are written, for what costs something to format. */
bool log_wants(enum log_level level);
/* Lines of `level` since start, written or lost; lines below the least level do not count. */
uint64_t log_count(enum log_level level);

/* Limits a kind of line that the outside world can provoke: true at most `burst` times a minute per `limit`.
 */
struct log_limit {
    int64_t window_start_ns;
    unsigned seen;
    unsigned suppressed; /* since the last line; the caller may show and clear it */
};
bool log_allowed(struct log_limit *limit, unsigned burst, int64_t now_ns);

#endif
