/* SPDX-License-Identifier: Apache-2.0
 *
 * The acceptance rule, rules 1 to 4, as far as the message alone decides. The order of the checks is the
 * order of trust: a message that is not ours says nothing at all, one that is truncated says only that, and
 * no field of the result but form, rcode and case_kept is kept of a message that fails later.
 */
#include "core/reply_internal.h"

#include <string.h>

enum {
    TYPE_NS = 2,
    TYPE_SOA = 6,
    TYPE_OPT = 41,
    SOA_NUMBERS = 20, /* serial, refresh, retry, expire, minimum */
    ADDRESS_SIZE = 4,
};

/* Bytes 2 and 3 of the header. */
enum {
    FLAG_QR = 0x80,
    FLAG_OPCODE = 0x78,
    FLAG_AA = 0x04,
    FLAG_TC = 0x02,
    FLAG_RA = 0x80,
    FLAG_RCODE = 0x0f
};

enum section { ANSWER, AUTHORITY, ADDITIONAL, SECTIONS };

struct reading {
    struct reply_walk walk;
    const struct reply_question *question;
    const struct qname *cname_suffix;
    struct reply *out;
    struct qname chain[1 + REPLY_MAX_CNAMES]; /* the question and the targets of its CNAMEs so far */
    unsigned n_steps;                         /* the name that addresses must have is chain[n_steps] */
    bool ns_seen;
    bool opt_seen;
};

bool reply_is_under(const struct qname *name, const struct qname *zone) {
    struct qname tail;
    size_t at = 0;
    while (name->len - at > zone->len)
        at += 1 + (size_t)name->wire[at];
    tail.len = (uint8_t)(name->len - at);
    memcpy(tail.wire, name->wire + at, tail.len);
    return qname_equal(&tail, zone);
}

/* Sets `*out`, which is all zeros or an equal name, to `name` in lower case. Length octets are below 'A', so
 * all bytes can be treated alike. */
static void set_lower_case(struct qname *out, const struct qname *name) {
    out->len = name->len;
    for (size_t i = 0; i < name->len; i++) {
        uint8_t c = name->wire[i];
        out->wire[i] = c >= 'A' && c <= 'Z' ? c | ('a' ^ 'A') : c;
    }
}

static enum reply_form read_question(struct reading *r) {
    const struct reply_question *want = r->question;
    struct reply_record got;
    enum reply_form form = reply_next_question(&r->walk, &got);
    if (form != REPLY_SOUND)
        return form;
    if (got.type != want->type || got.class != REPLY_CLASS_IN || !qname_equal(&got.owner, want->name))
        return REPLY_NOT_OURS;
    r->out->case_kept = memcmp(got.owner.wire, want->name->wire, got.owner.len) == 0;
    return want->exact_case && !r->out->case_kept ? REPLY_NOT_OURS : REPLY_SOUND;
}

static enum reply_form read_head(struct reading *r) {
    const uint8_t *head = r->walk.message;
    if (r->walk.len < REPLY_HEADER_SIZE)
        return REPLY_SHORT;
    if (reply_u16(head) != r->question->id || (head[2] & (FLAG_QR | FLAG_OPCODE)) != FLAG_QR ||
        reply_u16(head + 4) != 1)
        return REPLY_NOT_OURS;
    enum reply_form form = read_question(r);
    if (form != REPLY_SOUND)
        return form;
    r->out->rcode = head[3] & FLAG_RCODE;
    if (head[2] & FLAG_TC)
        return REPLY_TRUNCATED;
    return (head[2] & FLAG_AA) || (head[3] & FLAG_RA) ? REPLY_SOUND : REPLY_NO_SERVICE;
}

/* The names within RDATA have to be names, too, and fill it as its type says. `*target` is the last of them.
 */
static enum reply_form check_rdata(const struct reading *r, const struct reply_record *record,
                                   struct qname *target) {
    bool soa = record->type == TYPE_SOA;
    if (!soa && record->type != TYPE_NS && record->type != REPLY_TYPE_CNAME &&
        record->type != REPLY_TYPE_DNAME)
        return REPLY_SOUND;
    size_t at = record->rdata;
    for (int names = soa ? 2 : 1; names > 0; names--) {
        enum reply_form form = reply_name(&r->walk, &at, target);
        if (form != REPLY_SOUND)
            return form;
    }
    return at + (soa ? SOA_NUMBERS : 0) == record->rdata + record->rdata_len ? REPLY_SOUND : REPLY_BAD_RECORD;
}

/* One step of a chain that the list allows: from the name we are at, before any address, to a new one. The
 * chain has to come in its order: who sorts records differently is not understood rather than guessed at. */
static bool follow_cname(struct reading *r, const struct reply_record *record, const struct qname *target) {
    if (r->cname_suffix == NULL || record->class != REPLY_CLASS_IN || r->out->n_addresses > 0 ||
        r->n_steps == REPLY_MAX_CNAMES || !qname_equal(&record->owner, &r->chain[r->n_steps]) ||
        !reply_is_under(target, r->cname_suffix))
        return false;
    for (unsigned i = 0; i <= r->n_steps; i++)
        if (qname_equal(target, &r->chain[i]))
            return false;
    r->chain[++r->n_steps] = *target;
    return true;
}

static bool take_address(struct reading *r, const struct reply_record *record) {
    struct reply *out = r->out;
    if (record->type != QUERY_A || record->class != REPLY_CLASS_IN || record->rdata_len != ADDRESS_SIZE ||
        !qname_equal(&record->owner, &r->chain[r->n_steps]))
        return false;
    if (out->n_addresses == REPLY_MAX_ADDRESSES) {
        out->addresses_overflow = true;
        return false;
    }
    out->addresses[out->n_addresses++] = reply_u32(r->walk.message + record->rdata);
    return true;
}

static void take_answer(struct reading *r, const struct reply_record *record, const struct qname *target) {
    r->out->n_answer_records++;
    if (record->type == REPLY_TYPE_CNAME || record->type == REPLY_TYPE_DNAME)
        r->out->cname_seen = true;
    bool good = record->type == REPLY_TYPE_CNAME ? follow_cname(r, record, target) : take_address(r, record);
    r->out->answers_clean = r->out->answers_clean && good;
}

static void take_soa(struct reading *r, const struct reply_record *record, enum section section) {
    struct reply *out = r->out;
    if (section != AUTHORITY || record->class != REPLY_CLASS_IN ||
        !reply_is_under(r->question->name, &record->owner) ||
        (out->has_soa && !qname_equal(&out->soa_owner, &record->owner))) {
        out->soa_foreign = true;
    } else {
        out->has_soa = true;
        set_lower_case(&out->soa_owner, &record->owner);
    }
}

/* Authority and additional section: only what bears on a negative answer. */
static void take_other(struct reading *r, const struct reply_record *record, enum section section) {
    if (record->type == TYPE_SOA)
        take_soa(r, record, section);
    else if (record->type == TYPE_NS && section == AUTHORITY)
        r->ns_seen = true;
    else if (record->type == r->question->type && qname_equal(&record->owner, r->question->name))
        r->out->contradictory = true;
}

/* RFC 6891 section 6.1.1: at most one, in the additional section, owned by the root. */
static enum reply_form take_opt(struct reading *r, const struct reply_record *record, enum section section) {
    if (section != ADDITIONAL || r->opt_seen || record->owner.len != 1)
        return REPLY_BAD_RECORD;
    r->opt_seen = true;
    r->out->rcode |= record->ttl >> 24 << 4;
    return REPLY_SOUND;
}

static enum reply_form read_record(struct reading *r, enum section section) {
    struct reply_record record;
    struct qname target;
    enum reply_form form = reply_next_record(&r->walk, &record);
    if (form != REPLY_SOUND)
        return form;
    if (record.type == TYPE_OPT)
        return take_opt(r, &record, section);
    form = check_rdata(r, &record, &target);
    if (form != REPLY_SOUND)
        return form;
    if (section == ANSWER)
        take_answer(r, &record, &target);
    else
        take_other(r, &record, section);
    return REPLY_SOUND;
}

static enum reply_form read_sections(struct reading *r) {
    const uint8_t *counts = r->walk.message + 6;
    for (enum section section = ANSWER; section < SECTIONS; section++) {
        for (unsigned left = reply_u16(counts + 2 * (size_t)section); left > 0; left--) {
            enum reply_form form = read_record(r, section);
            if (form != REPLY_SOUND)
                return form;
        }
    }
    return r->walk.at == r->walk.len ? REPLY_SOUND : REPLY_BAD_RECORD;
}

/* What only the whole message tells. */
static void conclude(struct reading *r) {
    struct reply *out = r->out;
    if (out->n_answer_records > 0 && out->n_addresses == 0)
        out->answers_clean = false;
    if (out->soa_foreign) {
        out->has_soa = false;
        memset(&out->soa_owner, 0, sizeof out->soa_owner);
    } else if (r->ns_seen && !out->has_soa && out->n_answer_records == 0 &&
               out->rcode == REPLY_RCODE_NOERROR) {
        out->contradictory = true;
    }
}

static void reject(struct reply *out, enum reply_form form) {
    unsigned rcode = out->rcode;
    bool case_kept = out->case_kept;
    memset(out, 0, sizeof *out);
    out->form = form;
    out->rcode = rcode;
    out->case_kept = case_kept;
}

void reply_read(const uint8_t *message, size_t len, const struct reply_question *question,
                const struct qname *cname_suffix, struct reply *out) {
    struct reading r;
    r.walk = (struct reply_walk){.message = message, .len = len, .at = REPLY_HEADER_SIZE};
    r.question = question;
    r.cname_suffix = cname_suffix;
    r.out = out;
    r.chain[0] = *question->name;
    r.n_steps = 0;
    r.ns_seen = false;
    r.opt_seen = false;
    memset(out, 0, sizeof *out);
    out->answers_clean = true;
    enum reply_form form = read_head(&r);
    if (form == REPLY_SOUND)
        form = read_sections(&r);
    if (form == REPLY_SOUND)
        conclude(&r);
    else
        reject(out, form);
}
