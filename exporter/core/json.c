/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json.h"

#include "core/promtext.h"
#include "core/rfc3339.h"

#include <assert.h>
#include <math.h>

enum { DELETE = 0x7f, C1_LEAD = 0xc2, C1_END = 0xa0 };

void json_begin(struct json *j, struct buf *out) {
    *j = (struct json){.out = out};
}

/* All that stands before a value. */
static void lead(struct json *j, const char *name) {
    if (j->depth > 0) {
        unsigned top = j->depth - 1;
        assert((name != NULL) == (j->open[top] == JSON_OBJECT));
        if (j->filled[top])
            buf_add_char(j->out, ',');
        if (j->open[top] == JSON_ROWS)
            buf_add_char(j->out, '\n');
        j->filled[top] = true;
    }
    if (name != NULL) {
        buf_add_char(j->out, '"');
        buf_add_text(j->out, name);
        buf_add(j->out, "\":", 2);
    }
}

static void open_as(struct json *j, const char *name, enum json_kind kind) {
    lead(j, name);
    assert(j->depth < JSON_DEPTH);
    j->open[j->depth] = kind;
    j->filled[j->depth++] = false;
    buf_add_char(j->out, kind == JSON_OBJECT ? '{' : '[');
}

void json_object(struct json *j, const char *name) {
    open_as(j, name, JSON_OBJECT);
}

void json_array(struct json *j, const char *name) {
    open_as(j, name, JSON_ARRAY);
}

void json_rows(struct json *j, const char *name) {
    open_as(j, name, JSON_ROWS);
}

void json_close(struct json *j) {
    assert(j->depth > 0);
    unsigned top = --j->depth;
    if (j->open[top] == JSON_ROWS && j->filled[top])
        buf_add_char(j->out, '\n');
    buf_add_char(j->out, j->open[top] == JSON_OBJECT ? '}' : ']');
    if (j->depth == 0)
        buf_add_char(j->out, '\n');
}

/* How many bytes from `text` on are ASCII that needs no escaping. */
static size_t plain_run(const char *text) {
    size_t n = 0;
    while ((signed char)text[n] >= ' ' && text[n] != DELETE && text[n] != '"' && text[n] != '\\')
        n++;
    return n;
}

static void add_escape(struct buf *out, unsigned character) {
    static const char digits[] = "0123456789abcdef";
    const char escape[6] = {'\\', 'u', '0', '0', digits[character >> 4 & 15], digits[character & 15]};
    switch (character) {
    case '"': buf_add(out, "\\\"", 2); return;
    case '\\': buf_add(out, "\\\\", 2); return;
    case '\n': buf_add(out, "\\n", 2); return;
    case '\r': buf_add(out, "\\r", 2); return;
    case '\t': buf_add(out, "\\t", 2); return;
    }
    buf_add(out, escape, sizeof escape);
}

/* U+FEFF, U+FFFE and U+FFFF: readers take them for something else than text, YAML's among them. */
static bool is_no_text(const unsigned char *utf8) {
    return utf8[0] == 0xef && ((utf8[1] == 0xbb && utf8[2] == 0xbf) || (utf8[1] == 0xbf && utf8[2] >= 0xbe));
}

static void add_escaped(struct buf *out, const char *text) {
    for (;;) {
        size_t plain = plain_run(text);
        buf_add(out, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        size_t n = promtext_utf8(text);
        const unsigned char *at = (const unsigned char *)text;
        if (n == 0)
            buf_add_text(out, "\xef\xbf\xbd");
        else if (n == 1)
            add_escape(out, at[0]);
        else if (at[0] == C1_LEAD && at[1] < C1_END)
            add_escape(out, at[1]);
        else if (n == 3 && is_no_text(at))
            buf_addf(out, "\\u%04x", (at[0] & 0xfu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu));
        else
            buf_add(out, text, n);
        text += n > 0 ? n : 1;
    }
}

void json_string(struct json *j, const char *name, const char *text) {
    if (text == NULL) {
        json_null(j, name);
        return;
    }
    lead(j, name);
    buf_add_char(j->out, '"');
    add_escaped(j->out, text);
    buf_add_char(j->out, '"');
}

void json_u64(struct json *j, const char *name, uint64_t value) {
    lead(j, name);
    buf_add_u64(j->out, value);
}

void json_i64(struct json *j, const char *name, int64_t value) {
    lead(j, name);
    buf_add_i64(j->out, value);
}

void json_double(struct json *j, const char *name, double value) {
    if (!isfinite(value)) {
        json_null(j, name);
        return;
    }
    lead(j, name);
    buf_add_double(j->out, value);
}

void json_bool(struct json *j, const char *name, bool value) {
    lead(j, name);
    buf_add_text(j->out, value ? "true" : "false");
}

void json_null(struct json *j, const char *name) {
    lead(j, name);
    buf_add(j->out, "null", 4);
}

static void add_time(struct json *j, const char *name, const char *text, size_t len) {
    lead(j, name);
    buf_add_char(j->out, '"');
    buf_add(j->out, text, len);
    buf_add_char(j->out, '"');
}

void json_time(struct json *j, const char *name, int64_t wall_ns) {
    char text[RFC3339_SIZE];
    size_t len = rfc3339_format(wall_ns, text);
    add_time(j, name, text, len);
}

void json_time_ns(struct json *j, const char *name, int64_t wall_ns) {
    char text[RFC3339_SIZE];
    size_t len = rfc3339_format_ns(wall_ns, text);
    add_time(j, name, text, len);
}
