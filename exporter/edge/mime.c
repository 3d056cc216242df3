/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/mime.h"

#include "core/html.h"

#include <gmime/gmime.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static volatile sig_atomic_t code_of_end; /* 0: as GLib has it */

struct walk {
    struct buf *out;
    unsigned n_parts;
};

/* ---- is it one? ---- */

static bool is_field_name(char c) {
    return c > 0x20 && c < 0x7f && c != ':';
}

static bool is_of_messages(const char *line, size_t len) {
    static const char *const names[] = {
        "received:", "return-path:", "from:",         "to:",           "subject:",
        "date:",     "message-id:",  "mime-version:", "delivered-to:", "content-type:"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (len >= strlen(names[i]) && strncasecmp(line, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* The line behind this one; `end` if there is none. */
static const char *next_line(const char *line, const char *end) {
    const char *lf = memchr(line, '\n', (size_t)(end - line));
    return lf != NULL ? lf + 1 : end;
}

static const char *behind_from(const char *bytes, const char *end) {
    return end - bytes > 5 && memcmp(bytes, "From ", 5) == 0 ? next_line(bytes, end) : bytes;
}

bool mime_is_message(const char *bytes, size_t len) {
    const char *end = bytes + len;
    unsigned n_known = 0;
    for (const char *line = behind_from(bytes, end); line < end;) {
        const char *next = next_line(line, end);
        size_t n = 0;
        if (*line == '\n' || (*line == '\r' && line + 1 < end && line[1] == '\n'))
            break;
        while (line + n < next && is_field_name(line[n]))
            n++;
        bool folded = (*line == ' ' || *line == '\t') && line != bytes;
        bool field = n > 0 && line + n < next && line[n] == ':';
        if (!folded && !field)
            return false;
        n_known += field && is_of_messages(line, (size_t)(next - line));
        line = next;
    }
    return n_known >= 2;
}

/* ---- the parts ---- */

static void separate(struct buf *out) {
    if (out->len > 0)
        buf_add_text(out, "\n\n");
}

/* As much as there is room for: buf_add() would refuse the whole. */
static void add_cut(struct buf *out, const char *text, size_t len) {
    size_t room = out->cap - out->len;
    buf_add(out, text, len < room ? len : room);
}

/* The content of a part, decoded, in UTF-8 if its charset is known; it may hold NULs. */
static GMimeStream *decoded(GMimePart *part) {
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    GMimeStream *memory = g_mime_stream_mem_new();
    GMimeStream *stream = g_mime_stream_filter_new(memory);
    const char *charset = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
    GMimeFilter *filter = charset != NULL ? g_mime_filter_charset_new(charset, "utf-8") : NULL;
    if (filter != NULL) {
        g_mime_stream_filter_add(GMIME_STREAM_FILTER(stream), filter);
        g_object_unref(filter);
    }
    if (content != NULL && g_mime_data_wrapper_write_to_stream(content, stream) >= 0)
        (void)g_mime_stream_flush(stream);
    g_object_unref(stream);
    return memory;
}

static void add_part(struct walk *w, GMimePart *part) {
    GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
    GMimeStream *stream = decoded(part);
    const GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    separate(w->out);
    if (bytes->len == 0) /* then its data is NULL, to which nothing may be added */
        ;
    else if (g_mime_content_type_is_type(type, "text", "html"))
        html_text((const char *)bytes->data, bytes->len, w->out);
    else
        add_cut(w->out, (const char *)bytes->data, bytes->len);
    g_object_unref(stream);
}

/* ---- the walk ---- */

static bool is_status(GMimeObject *part) {
    GMimeContentType *type = g_mime_object_get_content_type(part);
    return GMIME_IS_PART(part) && (g_mime_content_type_is_type(type, "message", "delivery-status") ||
                                   g_mime_content_type_is_type(type, "message", "global-delivery-status"));
}

/* A report of RFC 6522 by its type or by what it holds. */
static bool is_report(GMimeMultipart *parts) {
    GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(parts));
    bool report = g_mime_content_type_is_type(type, "multipart", "report");
    int n = g_mime_multipart_get_count(parts);
    for (int i = 0; i < n && !report; i++)
        report = is_status(g_mime_multipart_get_part(parts, i));
    return report;
}

static void walk(struct walk *w, GMimeObject *part, bool in_report, unsigned depth);

static void walk_parts(struct walk *w, GMimeMultipart *parts, bool in_report, unsigned depth) {
    bool report = in_report || is_report(parts);
    int n = g_mime_multipart_get_count(parts);
    for (int i = 0; i < n && w->n_parts < MIME_PARTS; i++)
        walk(w, g_mime_multipart_get_part(parts, i), report, depth + 1);
}

static void walk(struct walk *w, GMimeObject *part, bool in_report, unsigned depth) {
    if (part == NULL || depth > MIME_DEPTH || w->n_parts++ >= MIME_PARTS || buf_status(w->out) != STATUS_OK)
        return;
    GMimeContentType *type = g_mime_object_get_content_type(part);
    if (GMIME_IS_MULTIPART(part)) {
        walk_parts(w, GMIME_MULTIPART(part), in_report, depth);
    } else if (GMIME_IS_MESSAGE_PART(part)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
        if (inner != NULL && !in_report)
            walk(w, g_mime_message_get_mime_part(inner), false, depth + 1);
    } else if (is_status(part) ||
               (GMIME_IS_TEXT_PART(part) && !g_mime_content_type_is_type(type, "text", "rfc822-headers"))) {
        add_part(w, GMIME_PART(part));
    }
}

/* ---- the message ---- */

/* GMime descends into parts by recursion; none of them is without a boundary or the type of a message. */
static bool is_hostile(const char *bytes, size_t len) {
    unsigned n_nests = 0;
    unsigned n_parts = 0;
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        size_t left = len - i;
        n_parts += left > 2 && memcmp(bytes + i, "\n--", 3) == 0;
        n_nests += left >= 8 && (c == 'b' || c == 'B' || c == 'm' || c == 'M') &&
                   (strncasecmp(bytes + i, "boundary", 8) == 0 || strncasecmp(bytes + i, "message/", 8) == 0);
        if (n_nests > MIME_NESTS || n_parts > MIME_BOUNDARIES)
            return true;
    }
    return false;
}

/* Header fields that GMime would read and nobody here wants get another name. Its reader of addresses overran
 * the stack of version 3.2.13 on `From: a:a:a:...`, and took minutes for a megabyte of brackets. */
static void hide_fields(char *bytes, size_t len) {
    static const char *const names[] = {"from",
                                        "to",
                                        "cc",
                                        "bcc",
                                        "sender",
                                        "reply-to",
                                        "date",
                                        "message-id",
                                        "references",
                                        "in-reply-to",
                                        "subject",
                                        "resent-from",
                                        "resent-to",
                                        "resent-cc",
                                        "resent-bcc",
                                        "resent-sender",
                                        "resent-reply-to",
                                        "disposition-notification-to",
                                        "autocrypt"};
    for (size_t line = 0; line < len;) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            size_t n = strlen(names[i]);
            size_t colon = line + n;
            if (colon >= len || strncasecmp(bytes + line, names[i], n) != 0)
                continue;
            while (colon < len && (bytes[colon] == ' ' || bytes[colon] == '\t'))
                colon++;
            if (colon < len && bytes[colon] == ':')
                memcpy(bytes + line, "X-", 2); /* it stays a field to whoever reads it in a body */
        }
        line = (size_t)(next_line(bytes + line, bytes + len) - bytes);
    }
}

static void take_apart(char *bytes, size_t len, struct walk *w) {
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, len);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
    if (message != NULL) {
        walk(w, g_mime_message_get_mime_part(message), false, 0);
        g_object_unref(message);
    }
    g_object_unref(parser);
    g_object_unref(stream);
}

static void end(int number) {
    (void)number;
    _exit(code_of_end);
}

void mime_end_with(int code) {
    code_of_end = code;
}

/* While GLib is at work, and no longer: an assertion of ours is no lack of memory. */
static void take_apart_or_end(char *bytes, size_t len, struct walk *w) {
    static const int numbers[] = {SIGTRAP, SIGABRT};
    struct sigaction before[2];
    const struct sigaction ends = {.sa_handler = end};
    for (int i = 0; i < 2 && code_of_end != 0; i++)
        (void)sigaction(numbers[i], &ends, &before[i]);
    g_mime_init(); /* what it keeps is kept: it cannot begin anew after a shutdown */
    take_apart(bytes, len, w);
    for (int i = 0; i < 2 && code_of_end != 0; i++)
        (void)sigaction(numbers[i], &before[i], NULL);
}

enum status mime_text(const char *bytes, size_t len, struct buf *out) {
    const char *begin = behind_from(bytes, bytes + len);
    size_t n = (size_t)(bytes + len - begin);
    struct walk w = {.out = out};
    n = n < MIME_BYTES ? n : MIME_BYTES;
    if (is_hostile(begin, n))
        return STATUS_SYNTAX;
    char *copy = malloc(n + 1);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    memcpy(copy, begin, n);
    hide_fields(copy, n);
    take_apart_or_end(copy, n, &w);
    free(copy);
    return w.n_parts > 0 ? STATUS_OK : STATUS_SYNTAX;
}
