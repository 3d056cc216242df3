/* SPDX-License-Identifier: Apache-2.0
 *
 * TXT records come from whoever runs the list, or took it over, and end on a terminal, in a log or on a page.
 * What could act there is replaced: control characters, invalid UTF-8, and the invisible characters that
 * reorder text. A character may be split between two strings of a record (they hold 255 bytes at most), so
 * bytes are decoded as a stream over all strings of a record.
 */
#include "core/reply_internal.h"

#include <string.h>

struct printer {
    char *out;
    size_t size;
    size_t used; /* without the NUL */
    bool full;   /* something did not fit: nothing after it is printed */
    uint8_t pending[4];
    unsigned n_pending;
    unsigned n_wanted; /* bytes of the character that is pending */
};

static void put(struct printer *p, const void *bytes, size_t n) {
    p->full = p->full || n >= p->size - p->used;
    if (p->full)
        return;
    memcpy(p->out + p->used, bytes, n);
    p->used += n;
}

static void put_pending_as_invalid(struct printer *p) {
    for (; p->n_pending > 0; p->n_pending--)
        put(p, "?", 1);
}

/* By its first byte; 0 if none begins with it (continuation bytes, overlong forms, above U+10FFFF). */
static unsigned utf8_size(uint8_t first) {
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Decodes a whole sequence whose bytes have the right form. */
static uint32_t utf8_decode(const uint8_t *bytes, unsigned n) {
    static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = bytes[0] & first_bits[n];
    for (unsigned i = 1; i < n; i++)
        point = point << 6 | (bytes[i] & 0x3f);
    return point;
}

/* Overlong, a surrogate, or above the last code point. */
static bool is_invalid(uint32_t point, unsigned n) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return point < least[n] || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff;
}

/* C0, DEL, C1, bidi marks and controls, zero-width and line-separating characters, tags. */
bool reply_is_unsafe(uint32_t point) {
    static const struct {
        uint32_t first;
        uint32_t last;
    } unsafe[] = {{0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
                  {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        if (point >= unsafe[i].first && point <= unsafe[i].last)
            return true;
    return false;
}

static void put_character(struct printer *p) {
    uint32_t point = utf8_decode(p->pending, p->n_pending);
    if (is_invalid(point, p->n_pending)) {
        put_pending_as_invalid(p);
    } else {
        if (reply_is_unsafe(point))
            put(p, "?", 1);
        else
            put(p, p->pending, p->n_pending);
        p->n_pending = 0;
    }
}

static void put_byte(struct printer *p, uint8_t byte) {
    if (p->n_pending > 0 && (byte & 0xc0) != 0x80)
        put_pending_as_invalid(p);
    if (p->n_pending == 0)
        p->n_wanted = utf8_size(byte);
    if (p->n_wanted == 0) {
        put(p, "?", 1);
        return;
    }
    p->pending[p->n_pending++] = byte;
    if (p->n_pending == p->n_wanted)
        put_character(p);
}

/* One record: its strings follow each other directly. */
static void put_record(struct printer *p, const struct reply_walk *walk, const struct reply_record *record) {
    size_t at = record->rdata;
    while (at < record->rdata + record->rdata_len) {
        size_t end = at + 1 + walk->message[at];
        while (++at < end)
            put_byte(p, walk->message[at]);
    }
    put_pending_as_invalid(p);
}

bool reply_has_strings(const struct reply_walk *walk, const struct reply_record *record) {
    size_t end = record->rdata + record->rdata_len;
    size_t at = record->rdata;
    while (at < end)
        at += 1 + (size_t)walk->message[at];
    return record->rdata_len > 0 && at == end;
}

static bool is_text(const struct reply_walk *walk, const struct reply_record *record,
                    const struct reply_question *question) {
    return record->type == QUERY_TXT && record->class == REPLY_CLASS_IN &&
           qname_equal(&record->owner, question->name) && reply_has_strings(walk, record);
}

/* Prints `n` answer records (`p` NULL: only looks); false at the first that is no text. Here and below the
 * message has been read by reply_read(): it is sound. */
static bool put_records(struct printer *p, struct reply_walk walk, unsigned n,
                        const struct reply_question *question) {
    struct reply_record record;
    for (unsigned i = 0; i < n; i++) {
        if (reply_next_record(&walk, &record) != REPLY_SOUND || /* GCOVR_EXCL_BR_LINE: it is */
            !is_text(&walk, &record, question))
            return false;
        if (p != NULL && i > 0)
            put(p, " ", 1);
        if (p != NULL)
            put_record(p, &walk, &record);
    }
    return true;
}

bool reply_read_txt(const uint8_t *message, size_t len, const struct reply_question *question, char *out,
                    size_t size) {
    struct reply reply;
    struct reply_record asked;
    struct reply_walk walk = {.message = message, .len = len, .at = REPLY_HEADER_SIZE};
    if (question->type != QUERY_TXT || size == 0)
        return false;
    reply_read(message, len, question, NULL, &reply);
    if (reply.form != REPLY_SOUND || reply.rcode != REPLY_RCODE_NOERROR || reply.n_answer_records == 0)
        return false;
    if (reply_next_question(&walk, &asked) != REPLY_SOUND || /* GCOVR_EXCL_BR_LINE: it is */
        !put_records(NULL, walk, reply.n_answer_records, question))
        return false;
    struct printer p = {.out = out, .size = size};
    (void)put_records(&p, walk, reply.n_answer_records, question);
    out[p.used] = '\0';
    return true;
}
