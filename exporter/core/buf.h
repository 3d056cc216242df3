/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: bytes that grow, up to a cap given at birth.
 *
 * The error is sticky: once an append fails (no memory, or the cap), the buffer stays as it is, every later
 * append does nothing, and buf_status() says why. So a builder appends freely and checks once, at the end.
 * The contents are always followed by a NUL that does not count, so text can be handed to C functions.
 */
#ifndef RBL_CORE_BUF_H
#define RBL_CORE_BUF_H

#include "core/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;  /* NULL until the first append */
    size_t len;  /* bytes in use, without the NUL */
    size_t size; /* bytes allocated */
    size_t cap;  /* len never exceeds it */
    enum status status;
};

/* Makes `b` empty; allocates nothing. `cap` is in bytes. */
void buf_init(struct buf *b, size_t cap);
/* Frees the contents; `b` must be initialised again before use. */
void buf_release(struct buf *b);
/* Empties `b` and forgets its error, keeping the allocation. */
void buf_clear(struct buf *b);
/* STATUS_OK, STATUS_NO_MEMORY or STATUS_FULL: the first failure since birth or buf_clear(). */
enum status buf_status(const struct buf *b) MUST_CHECK;
/* The contents as a string: never NULL, valid until the next append. */
const char *buf_text(const struct buf *b);
/* Room for `n` more bytes at the end: where to write them (call buf_commit() after), or NULL on failure. */
char *buf_reserve(struct buf *b, size_t n);
/* Declares that `n` bytes were written where buf_reserve() said; n is at most what was reserved. */
void buf_commit(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_text(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
/* Decimal, without snprintf: these are on the path of every line of /metrics. */
void buf_add_u64(struct buf *b, uint64_t value);
void buf_add_i64(struct buf *b, int64_t value);
/* The shortest of "%.15g" .. "%.17g" that reads back as `value`; "+Inf", "-Inf", "NaN" as Prometheus writes
 * them; whole numbers below 2^53 without a point. */
void buf_add_double(struct buf *b, double value);
/* printf-like; for texts to people, not for the hot path. */
void buf_addf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vaddf(struct buf *b, const char *format, va_list args) PRINTF_LIKE(2, 0);

#endif
