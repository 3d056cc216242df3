/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of general look-ups. An answer counts as a whole or not at all. It is looked through twice, for
 * the order of its records says nothing (RFC 1034 section 3.6): first for the aliases, which say whose the
 * records must be, then for these; what was collected before one that does not belong is thrown away.
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

/* A CNAME. */
struct alias {
    struct qname owner;
    struct qname target;
};

struct collecting {
    struct reply_walk walk;
    const struct reply_question *question;
    struct reply_texts *out;
    struct alias aliases[REPLY_MAX_CNAMES]; /* in the order of the chain, once that is known */
    unsigned n_aliases;
};

/* The question's name, and those that its aliases lead to; the records must have the last. */
static const struct qname *chain_name(const struct collecting *c, unsigned step) {
    return step == 0 ? c->question->name : &c->aliases[step - 1].target;
}

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

/* ---- aliases ---- */

static bool read_alias(struct collecting *c, const struct reply_record *record) {
    size_t at = record->rdata; /* reply_read() has looked at it */
    if (c->n_aliases == REPLY_MAX_CNAMES)
        return false;
    struct alias *alias = &c->aliases[c->n_aliases++];
    alias->owner = record->owner;
    return reply_name(&c->walk, &at, &alias->target) == REPLY_SOUND;
}

/* Here and in take_all() the message has been read by reply_read(): it is sound. */
static bool read_aliases(struct collecting *c, unsigned n) {
    struct reply_record record;
    if (reply_next_question(&c->walk, &record) != REPLY_SOUND) /* GCOVR_EXCL_BR_LINE: it is */
        return false;
    for (unsigned i = 0; i < n; i++)
        if (reply_next_record(&c->walk, &record) != REPLY_SOUND || /* GCOVR_EXCL_BR_LINE: it is */
            record.class != REPLY_CLASS_IN || (record.type == REPLY_TYPE_CNAME && !read_alias(c, &record)))
            return false;
    return true;
}

/* Brings the alias of the name at `step` to its place; false: there is none, or it leads back. */
static bool take_step(struct collecting *c, unsigned step) {
    unsigned i = step;
    while (i < c->n_aliases && !qname_equal(&c->aliases[i].owner, chain_name(c, step)))
        i++;
    if (i == c->n_aliases)
        return false;
    struct alias alias = c->aliases[i];
    c->aliases[i] = c->aliases[step];
    c->aliases[step] = alias;
    for (i = 0; i <= step; i++)
        if (qname_equal(&alias.target, chain_name(c, i)))
            return false;
    return true;
}

/* All of them are one chain from the question on. */
static bool order_aliases(struct collecting *c) {
    bool ok = true;
    for (unsigned step = 0; ok && step < c->n_aliases; step++)
        ok = take_step(c, step);
    return ok;
}

/* ---- records ---- */

/* A DNAME is what the CNAME of a name below it was made from. */
static bool is_on_the_way(const struct collecting *c, const struct qname *owner) {
    for (unsigned i = 0; i <= c->n_aliases; i++)
        if (reply_is_under(chain_name(c, i), owner))
            return true;
    return false;
}

static bool take(struct collecting *c, const struct reply_record *record) {
    if (record->type == REPLY_TYPE_CNAME)
        return true; /* it has its place */
    if (record->type == REPLY_TYPE_DNAME)
        return is_on_the_way(c, &record->owner);
    if (record->type != c->question->type || !qname_equal(&record->owner, chain_name(c, c->n_aliases)))
        return false;
    return record->type == QUERY_TXT ? take_strings(c, record) : take_name(c, record);
}

static bool take_all(struct collecting *c, unsigned n) {
    const struct reply_walk begin = c->walk;
    struct reply_record record;
    if (!read_aliases(c, n) || !order_aliases(c))
        return false;
    c->walk = begin;
    if (reply_next_question(&c->walk, &record) != REPLY_SOUND) /* GCOVR_EXCL_BR_LINE: it is */
        return false;
    for (unsigned i = 0; i < n; i++)
        if (reply_next_record(&c->walk, &record) != REPLY_SOUND || /* GCOVR_EXCL_BR_LINE: it is */
            !take(c, &record))
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
    struct collecting c; /* 4 KB of names, not to be cleared each time */
    c.walk = (struct reply_walk){.message = message, .len = len, .at = REPLY_HEADER_SIZE};
    c.question = question;
    c.out = out;
    c.n_aliases = 0;
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
