/* SPDX-License-Identifier: Apache-2.0 */
#include "core/buf.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIZE_FIRST = 64,  /* most texts fit; /metrics doubles from here */
    DIGITS_U64 = 20,  /* 18446744073709551615 */
    DOUBLE_TEXT = 32, /* -1.7976931348623157e+308 and a NUL fit */
};

/* Below it every whole number is a double of its own. */
#define EXACT_BELOW 9007199254740992.0
/* Below it a number of thousandths has at most 15 digits. */
#define THOUSANDTHS_BELOW 1e12

void buf_init(struct buf *b, size_t cap) {
    /* So that neither the NUL nor doubling can overflow. */
    *b = (struct buf){.cap = cap < SIZE_MAX / 2 ? cap : SIZE_MAX / 2 - 1};
}

void buf_release(struct buf *b) {
    free(b->data);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b) {
    b->len = 0;
    b->status = STATUS_OK;
    if (b->data)
        b->data[0] = '\0';
}

enum status buf_status(const struct buf *b) {
    return b->status;
}

const char *buf_text(const struct buf *b) {
    return b->data ? b->data : "";
}

/* Makes room for `n` bytes and the NUL, or sets the error. */
static char *grow(struct buf *b, size_t n) {
    if (n > b->cap - b->len) {
        b->status = STATUS_FULL;
        return NULL;
    }
    size_t need = b->len + n + 1;
    size_t size = b->size ? 2 * b->size : SIZE_FIRST;
    if (size > b->cap + 1)
        size = b->cap + 1;
    if (size < need)
        size = need;
    char *data = realloc(b->data, size);
    if (!data) {
        b->status = STATUS_NO_MEMORY;
        return NULL;
    }
    b->data = data;
    b->size = size;
    data[b->len] = '\0';
    return data + b->len;
}

/* As buf_reserve(); small, so that the compiler puts it into the appends. */
static inline char *reserve(struct buf *b, size_t n) {
    if (b->status != STATUS_OK)
        return NULL;
    /* size - len is at least 1 once there is data, for the NUL. */
    if (n < b->size - b->len)
        return b->data + b->len;
    return grow(b, n);
}

static inline void commit(struct buf *b, size_t n) {
    b->len += n;
    b->data[b->len] = '\0';
}

char *buf_reserve(struct buf *b, size_t n) {
    return reserve(b, n);
}

void buf_commit(struct buf *b, size_t n) {
    assert(b->status == STATUS_OK && n < b->size - b->len);
    commit(b, n);
}

void buf_add(struct buf *b, const void *bytes, size_t n) {
    if (n == 0)
        return;
    char *to = reserve(b, n);
    if (!to)
        return;
    memcpy(to, bytes, n);
    commit(b, n);
}

void buf_add_text(struct buf *b, const char *text) {
    buf_add(b, text, strlen(text));
}

void buf_add_char(struct buf *b, char c) {
    char *to = reserve(b, 1);
    if (!to)
        return;
    *to = c;
    commit(b, 1);
}

/* Writes `value` so that it ends just before `end`, and returns where it begins. */
static char *digits_before(char *end, uint64_t value) {
    static const char pairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243"
        "4445464748495051525354555657585960616263646566676869707172737475767778798081828384858687"
        "888990919293949596979899";
    while (value >= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, pairs + 2 * value, 2);
    } else {
        *--end = (char)('0' + value);
    }
    return end;
}

void buf_add_u64(struct buf *b, uint64_t value) {
    char text[DIGITS_U64];
    char *end = text + sizeof text;
    char *from = digits_before(end, value);
    buf_add(b, from, (size_t)(end - from));
}

void buf_add_i64(struct buf *b, int64_t value) {
    char text[DIGITS_U64 + 1];
    char *end = text + sizeof text;
    /* Negated as unsigned, where INT64_MIN has a positive counterpart. */
    char *from = digits_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0)
        *--from = '-';
    buf_add(b, from, (size_t)(end - from));
}

/* Appends a value that is a whole number of thousandths, as most timestamps are; false, and nothing, if it is
 * not. The text is what "%.15g" prints, as the digits are at most 15, for 17 ns instead of 400. */
static bool add_thousandths(struct buf *b, double value) {
    if (value <= -THOUSANDTHS_BELOW || value >= THOUSANDTHS_BELOW)
        return false;
    int64_t thousandths = (int64_t)(value * 1000 + (value < 0 ? -0.5 : 0.5));
    if ((double)thousandths / 1000 != value)
        return false;
    uint64_t size = (uint64_t)(thousandths < 0 ? -thousandths : thousandths);
    char text[DIGITS_U64 + 2]; /* with a sign and a point */
    char *end = text + sizeof text;
    /* The leading 1 keeps the zeros behind the point; the point takes its place. */
    char *from = digits_before(end, 1000 + size % 1000);
    *from = '.';
    from = digits_before(from, size / 1000);
    if (thousandths < 0)
        *--from = '-';
    while (end[-1] == '0')
        end--;
    buf_add(b, from, (size_t)(end - from));
    return true;
}

void buf_add_double(struct buf *b, double value) {
    if (isnan(value)) {
        buf_add(b, "NaN", 3);
        return;
    }
    if (isinf(value)) {
        buf_add(b, value > 0 ? "+Inf" : "-Inf", 4);
        return;
    }
    if (value > -EXACT_BELOW && value < EXACT_BELOW && value == (double)(int64_t)value) {
        buf_add_i64(b, (int64_t)value);
        return;
    }
    if (add_thousandths(b, value))
        return;
    char text[DOUBLE_TEXT];
    int length = 0;
    for (int precision = 15; precision <= 17; precision++) {
        length = snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add(b, text, (size_t)length);
}

void buf_addf(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vaddf(b, format, args);
    va_end(args);
}

void buf_vaddf(struct buf *b, const char *format, va_list args) {
    if (b->status != STATUS_OK)
        return;
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0) {
        /* The formats are ours and no wide characters are used: what is left is memory for huge widths. */
        b->status = STATUS_NO_MEMORY;
        goto out;
    }
    char *to = reserve(b, (size_t)length);
    if (!to)
        goto out;
    vsnprintf(to, (size_t)length + 1, format, again);
    b->len += (size_t)length;
out:
    va_end(again);
}
