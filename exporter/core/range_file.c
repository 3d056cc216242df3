/* SPDX-License-Identifier: Apache-2.0 */
#include "core/range_file.h"

#include <stdio.h>
#include <string.h>

/* --- The text as a whole --- */

static bool starts_with(const char *text, size_t len, const char *prefix, size_t n) {
    return len >= n && memcmp(text, prefix, n) == 0;
}

static bool is_control(unsigned char c) {
    return (c < ' ' && (c < '\t' || c > '\r')) || c == 0x7f;
}

/* The number of lines; `*control` is the line of the first control character that is no white space, 0 if
 * there is none. */
static size_t count_lines(const char *text, size_t len, size_t *control) {
    size_t n = 1;
    *control = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            n++;
        else if (is_control((unsigned char)text[i]) && *control == 0)
            *control = n;
    }
    return len > 0 && text[len - 1] != '\n' ? n : n - 1;
}

bool range_file_open(struct range_file *file, const char *text, size_t len, char *why, size_t size) {
    size_t control = 0;
    if (len > RANGE_FILE_BYTES) {
        (void)snprintf(why, size, "has %zu bytes; at most %d are read", len, RANGE_FILE_BYTES);
        return false;
    }
    if (starts_with(text, len, "\xff\xfe", 2) || starts_with(text, len, "\xfe\xff", 2)) {
        (void)snprintf(why, size, "is UTF-16; expected UTF-8");
        return false;
    }
    size_t n_lines = count_lines(text, len, &control);
    if (control > 0) {
        (void)snprintf(why, size,
                       "is no text: line %zu has a control character; expected one address or range a line",
                       control);
        return false;
    }
    if (n_lines > RANGE_FILE_LINES) {
        (void)snprintf(why, size, "has %zu lines; at most %d are read", n_lines, RANGE_FILE_LINES);
        return false;
    }
    size_t mark = starts_with(text, len, "\xef\xbb\xbf", 3) ? 3 : 0;
    *file = (struct range_file){.at = text + mark, .end = text + len, .line = 0};
    return true;
}

/* --- A line --- */

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What is left of `*len` bytes without a remark and white space around. */
static const char *entry_of(const char *line, size_t *len) {
    const char *remark = memchr(line, '#', *len);
    const char *end = remark ? remark : line + *len;
    while (line < end && is_blank(*line))
        line++;
    while (end > line && is_blank(end[-1]))
        end--;
    *len = (size_t)(end - line);
    return line;
}

static const char many[] = "is no address or range that can be taken, like many lines before it";
_Static_assert(sizeof many <= RANGE_FILE_WHY_SIZE, "fits");

static bool has_blank(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (is_blank(text[i]))
            return true;
    return false;
}

static void explain(const struct range_file *file, enum ip_range_error error, const char *text, size_t len,
                    struct range_file_entry *out) {
    if (file->n_wrong > RANGE_FILE_EXPLAINED) {
        memcpy(out->why, many, sizeof many);
        return;
    }
    ip_range_explain(error, text, len, &out->range, out->why, sizeof out->why);
    size_t used = strlen(out->why);
    if (error == IP_RANGE_SYNTAX && has_blank(text, len))
        (void)snprintf(out->why + used, sizeof out->why - used,
                       ", one a line, without blanks inside, and remarks behind a #");
}

/* A text that is no address: a range, or what is wrong with it. */
static void read_range(struct range_file *file, const char *text, size_t len, struct range_file_entry *out) {
    enum ip_range_error error = ip_range_parse(text, len, &out->range);
    out->kind = error == IP_RANGE_OK ? RANGE_FILE_RANGE : RANGE_FILE_WRONG;
    if (error == IP_RANGE_OK)
        return;
    file->n_wrong++;
    explain(file, error, text, len, out);
}

static void read_entry(struct range_file *file, const char *text, size_t len, struct range_file_entry *out) {
    if (ip_parse(text, len, &out->range.first) != STATUS_OK) {
        read_range(file, text, len, out);
        return;
    }
    out->kind = RANGE_FILE_ADDRESS;
    out->range.last = out->range.first;
}

bool range_file_next(struct range_file *file, struct range_file_entry *out) {
    while (file->at < file->end) {
        const char *line = file->at;
        const char *newline = memchr(line, '\n', (size_t)(file->end - line));
        size_t len = (size_t)((newline ? newline : file->end) - line);
        file->at = newline ? newline + 1 : file->end;
        out->line = ++file->line;
        if (len > RANGE_FILE_LINE) {
            out->kind = RANGE_FILE_WRONG;
            (void)snprintf(out->why, sizeof out->why, "the line has %zu bytes; at most %d are read", len,
                           RANGE_FILE_LINE);
            return true;
        }
        const char *text = entry_of(line, &len);
        if (len > 0) {
            read_entry(file, text, len, out);
            return true;
        }
    }
    return false;
}
