/* SPDX-License-Identifier: Apache-2.0
 *
 * json: writes JSON (RFC 8259) into a buffer.
 *
 * Values are written one after the other; inside an object each has a name, elsewhere `name` is NULL. Commas,
 * and which bracket closes, are kept here. It is compact, but that each element of a `rows` array begins a
 * line, and the whole ends with a newline: one line for each thing, for people who read what curl prints.
 *
 * Strings stay UTF-8; `"`, `\`, control characters (those of C1 too) and U+FEFF, U+FFFE, U+FFFF are escaped,
 * bytes that are no UTF-8 become U+FFFD. Names are the program's own and need no escaping. Failure (memory,
 * cap) is in buf_status().
 */
#ifndef RBL_CORE_JSON_H
#define RBL_CORE_JSON_H

#include "core/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { JSON_DEPTH = 16 };
enum json_kind { JSON_OBJECT, JSON_ARRAY, JSON_ROWS };

struct json {
    struct buf *out;
    unsigned depth;
    enum json_kind open[JSON_DEPTH];
    bool filled[JSON_DEPTH]; /* has an element already */
};

void json_begin(struct json *j, struct buf *out);
/* Opens an object or array; json_close() closes the one opened last. At most JSON_DEPTH are open at once. */
void json_object(struct json *j, const char *name);
void json_array(struct json *j, const char *name);
void json_rows(struct json *j, const char *name);
void json_close(struct json *j);

/* NULL becomes null. */
void json_string(struct json *j, const char *name, const char *text);
void json_u64(struct json *j, const char *name, uint64_t value);
void json_i64(struct json *j, const char *name, int64_t value);
/* What JSON has no number for (infinite, not a number) becomes null. */
void json_double(struct json *j, const char *name, double value);
void json_bool(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);
/* A moment of the wall clock as RFC 3339 in whole seconds of UTC. */
void json_time(struct json *j, const char *name, int64_t wall_ns);
/* The same with nanoseconds, for what is to be handed back. */
void json_time_ns(struct json *j, const char *name, int64_t wall_ns);

#endif
