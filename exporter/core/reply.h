/* SPDX-License-Identifier: Apache-2.0
 *
 * reply: what came back for one question, read strictly from the raw DNS message.
 *
 * The walk is the acceptance rule's structural part: a message is either exactly a well-formed answer to our
 * question or it is worthless, with the reason named. Nothing is guessed, nothing is skipped: 12 bytes of
 * header, QR=1, opcode 0, RA or AA, one question that is ours (name, type, class; spelling as sent where 0x20
 * is on), names whose pointers only go backwards and not into the header (at most 128 hops, 255 octets, no
 * reserved label types), every counted record present, and the end of the message exactly there.
 */
#ifndef RBL_CORE_REPLY_H
#define RBL_CORE_REPLY_H

#include "core/buf.h"
#include "core/qname.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REPLY_MAX_ADDRESSES = 4096,
    REPLY_MAX_CNAMES = 8,
    REPLY_TEXTS_SIZE = 1 << 17, /* bytes of the texts of one answer */
};

enum reply_form {
    REPLY_SOUND,
    REPLY_SHORT,      /* under 12 bytes */
    REPLY_NOT_OURS,   /* QR=0, wrong opcode, id, question count, question, or spelling */
    REPLY_TRUNCATED,  /* TC=1: ask again over TCP; nothing in it counts */
    REPLY_NO_SERVICE, /* neither RA nor AA: nobody who answers for the zone */
    REPLY_BAD_NAME,   /* a name breaks the rules above */
    REPLY_BAD_RECORD, /* counts, lengths or the end of the message are wrong */
};

struct reply_question {
    const struct qname *name; /* as sent */
    enum query_type type;
    uint16_t id;
    bool exact_case; /* the question must come back letter by letter (0x20) */
};

struct reply {
    enum reply_form form;
    bool case_kept; /* the question came back with our spelling */
    unsigned rcode; /* extended by OPT if there is one */
    /* What the answer section holds, when sound: */
    bool answers_clean; /* every answer record is the question's (or, through allowed CNAMEs, its target's),
                           IN, A, 4 bytes */
    bool cname_seen;    /* a CNAME or DNAME is in it */
    unsigned n_answer_records;
    unsigned n_addresses;
    uint32_t addresses[REPLY_MAX_ADDRESSES]; /* host byte order, as they came */
    bool addresses_overflow;                 /* more than fit: the answer is not clean */
    bool has_soa;                            /* exactly one SOA owner in the authority section */
    struct qname soa_owner;                  /* lower case */
    /* An SOA that cannot count: not IN, not of a zone above the question, of a second owner, or in the
     * additional section (where response policy zones leave theirs). has_soa is false then, and yet this is
     * not an answer without SOA. */
    bool soa_foreign;
    /* A referral (NOERROR, no answer, NS without SOA: RFC 2308 section 2.2), or records that were asked for
     * are in a section other than the answer's: neither a positive nor a negative answer. */
    bool contradictory;
};

/* Reads `message` as the answer to `question` into `*out` (all of it is set). `cname_suffix` NULL: no CNAME
 * is allowed; else CNAMEs are followed inside the message, at most REPLY_MAX_CNAMES steps, to names under
 * that suffix. */
void reply_read(const uint8_t *message, size_t len, const struct reply_question *question,
                const struct qname *cname_suffix, struct reply *out);

/* The texts of the TXT records in a sound answer to a TXT question, joined by a space between records and by
 * nothing within one, as UTF-8 that is safe to print (control, NUL, bidi and invalid bytes replaced by '?'),
 * cut at `size`; false if the message is no such answer or holds none. */
bool reply_read_txt(const uint8_t *message, size_t len, const struct reply_question *question, char *out,
                    size_t size);
/* Whether a character could steer a terminal or turn the text around it: control, bidi, zero-width,
 * line-separating and tag characters. */
bool reply_is_unsafe(uint32_t point);

/* ---- general look-ups ---- */

/* What a message says to a question for TXT or PTR records. */
enum reply_says {
    REPLY_SAYS_RECORDS,
    REPLY_SAYS_NODATA,   /* the name exists, such records of it do not */
    REPLY_SAYS_NXDOMAIN, /* the name does not exist */
    REPLY_SAYS_SERVFAIL,
    REPLY_SAYS_REFUSED,
    REPLY_SAYS_NOTHING, /* another rcode, or no sound answer to the question */
};

/* The records of an answer, each for itself. */
struct reply_texts {
    size_t n;
    struct buf bytes; /* a length of two bytes in front of each: see reply_texts_next() */
};

void reply_texts_init(struct reply_texts *texts);
void reply_texts_release(struct reply_texts *texts);
/* Adds a record, of at most 65,535 bytes; as buf_add(). */
void reply_texts_add(struct reply_texts *texts, const char *bytes, size_t len);
/* The record at `*at` (0: the first), and steps over it; false: there is none. `*text` is borrowed, of `*len`
 * bytes, which may be any, and is not ended. */
bool reply_texts_next(const struct reply_texts *texts, size_t *at, const char **text, size_t *len);
/* Reads the records that were asked for: of TXT the strings of each joined by nothing (RFC 7208 section 3.3),
 * as they came; of PTR the names as qname_format() writes them. CNAMEs (with the DNAMEs that they were made
 * from) are followed inside the message wherever they lead, in whatever order the records are, at most
 * REPLY_MAX_CNAMES that are one chain without a loop. Any record that does not belong to that makes it
 * REPLY_SAYS_NOTHING, and so does want of memory or of room (see buf_status(&out->bytes)). `*out` is emptied
 * before. `*head` is what reply_read() says of the message: its form, rcode and spelling. */
enum reply_says reply_read_texts(const uint8_t *message, size_t len, const struct reply_question *question,
                                 struct reply *head, struct reply_texts *out) MUST_CHECK;

#endif
