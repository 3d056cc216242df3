/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of general look-ups. An answer counts as a whole or not at all: it is looked through once, and
 * what was collected before a record that does not belong to it is thrown away.
 */
#include "core/reply_internal.h"

enum { RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5, LENGTH_SIZE = 2 };

/* ---- the collection ---- */

void reply_texts_init(struct reply_texts *texts) {
    texts->n = 0;
    buf_init(&texts->bytes, REPLY_TEXTS_SIZE);
}

void reply_texts_release(struct reply_texts *texts) {
    buf_release(&texts->bytes);
    texts->n = 0;
}

static void clear(struct reply_texts *texts) {
    buf_clear(&texts->bytes);
    texts->n = 0;
}

void reply_texts_add(struct reply_texts *texts, const char *bytes, size_t len) {
    const uint8_t length[LENGTH_SIZE] = {(uint8_t)(len >> 8), (uint8_t)len};
    buf_add(&texts->bytes, length, sizeof length);
    buf_add(&texts->bytes, bytes, len);
    texts->n++;
}

bool reply_texts_next(const struct reply_texts *texts, size_t *at, const char **text, size_t *len) {
    if (texts->n == 0 || *at >= texts->bytes.len)
        return false;
    const char *length = texts->bytes.data + *at;
    *len = reply_u16((const uint8_t *)length);
    *text = length + LENGTH_SIZE;
    *at += LENGTH_SIZE + *len;
    return true;
}

/* ---- reading ---- */

struct collecting {
    struct reply_walk walk;
    const struct reply_question *question;
    struct reply_texts *out;
    struct qname chain[1 + REPLY_MAX_CNAMES]; /* the question and the targets of its CNAMEs so far */
    unsigned n_steps;                         /* the name that records must have is chain[n_steps] */
};

/* The strings of a record in one piece; the length in front of it is known only behind them. */
static bool take_strings(struct collecting *c, const struct reply_record *record) {
    if (!reply_has_strings(&c->walk, record))
        return false;
    size_t begin = c->out->bytes.len;
    reply_texts_add(c->out, "", 0);
    for (size_t at = record->rdata; at < record->rdata + record->rdata_len;) {
        size_t size = c->walk.message[at];
        buf_add(&c->out->bytes, c->walk.message + at + 1, size);
        at += 1 + size;
    }
    if (buf_status(&c->out->bytes) != STATUS_OK)
        return false;
    size_t len = c->out->bytes.len - begin - LENGTH_SIZE;
    c->out->bytes.data[begin] = (char)(len >> 8);
    c->out->bytes.data[begin + 1] = (char)len;
    return true;
}

static bool take_name(struct collecting *c, const struct reply_record *record) {
    struct qname name;
    char text[4 * QNAME_MAX + 1];
    size_t at = record->rdata;
    if (reply_name(&c->walk, &at, &name) != REPLY_SOUND || at != record->rdata + record->rdata_len)
        return false;
    size_t len = qname_format(&name, text);
    reply_texts_add(c->out, text, len);
    return true;
}

static bool follow(struct collecting *c, const struct reply_record *record) {
    struct qname target;
    size_t at = record->rdata; /* reply_read() has looked at it */
    if (c->n_steps == REPLY_MAX_CNAMES || !qname_equal(&record->owner, &c->chain[c->n_steps]) ||
        reply_name(&c->walk, &at, &target) != REPLY_SOUND)
        return false;
    for (unsigned i = 0; i <= c->n_steps; i++)
        if (qname_equal(&target, &c->chain[i]))
            return false;
    c->chain[++c->n_steps] = target;
    return true;
}

static bool take(struct collecting *c, const struct reply_record *record) {
    if (record->class != REPLY_CLASS_IN)
        return false;
    if (record->type == REPLY_TYPE_CNAME)
        return c->out->n == 0 && follow(c, record);
    if (record->type == REPLY_TYPE_DNAME)
        return c->out->n == 0 && reply_is_under(&c->chain[c->n_steps], &record->owner);
    if (record->type != c->question->type || !qname_equal(&record->owner, &c->chain[c->n_steps]))
        return false;
    return record->type == QUERY_TXT ? take_strings(c, record) : take_name(c, record);
}

static bool take_all(struct collecting *c, unsigned n) {
    struct reply_record record;
    if (reply_next_question(&c->walk, &record) != REPLY_SOUND)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (reply_next_record(&c->walk, &record) != REPLY_SOUND || !take(c, &record))
            return false;
    return buf_status(&c->out->bytes) == STATUS_OK;
}

static enum reply_says of_failure(unsigned rcode) {
    if (rcode == RCODE_SERVFAIL)
        return REPLY_SAYS_SERVFAIL;
    return rcode == RCODE_REFUSED ? REPLY_SAYS_REFUSED : REPLY_SAYS_NOTHING;
}

/* Of a message all of whose answers belong to it. A name that does not exist has no records: NXDOMAIN with
 * some contradicts itself; with the CNAMEs that lead to the name it does not. */
static enum reply_says conclude(unsigned rcode, size_t n) {
    if (rcode == REPLY_RCODE_NOERROR)
        return n > 0 ? REPLY_SAYS_RECORDS : REPLY_SAYS_NODATA;
    if (rcode != RCODE_NXDOMAIN)
        return of_failure(rcode);
    return n > 0 ? REPLY_SAYS_NOTHING : REPLY_SAYS_NXDOMAIN;
}

enum reply_says reply_read_texts(const uint8_t *message, size_t len, const struct reply_question *question,
                                 struct reply *head, struct reply_texts *out) {
    struct collecting c = {
        .walk = {.message = message, .len = len, .at = REPLY_HEADER_SIZE}, .question = question, .out = out};
    c.chain[0] = *question->name;
    clear(out);
    reply_read(message, len, question, NULL, head);
    if (head->form == REPLY_NO_SERVICE) /* refusals often come with neither RA nor AA */
        return of_failure(head->rcode);
    if (head->form != REPLY_SOUND || head->contradictory)
        return REPLY_SAYS_NOTHING;
    bool all = take_all(&c, head->n_answer_records);
    enum reply_says says = all ? conclude(head->rcode, out->n) : REPLY_SAYS_NOTHING;
    if (says != REPLY_SAYS_RECORDS)
        out->n = 0;
    return says;
}
