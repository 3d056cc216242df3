/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the answer to a question: reply_read(), reply_read_txt(), reply_read_texts() and the verdict.
 * The first byte of the input chooses what is asked and known (enum choice), the rest is the message. Beside
 * what the sanitizers see, what a verdict promises is checked against the bytes themselves:
 * - listed: QR, no TC, NOERROR, and as many answer records as addresses and aliases, all of the addresses in
 * 127/8;
 * - not listed by a negative answer: no answer record, NOERROR or NXDOMAIN, and the SOA that was learnt or,
 * where that was learnt, none;
 * - records of a general look-up: NOERROR, no TC, no more of them than answer records, and no more text than
 * the message (or, of names, what escaping may make of 255 octets) can hold.
 */
/* FUZZ: -max_len=1500 */
#include "core/verdict.h"

#include <assert.h>
#include <string.h>

enum choice {
    EXACT_CASE = 0x01,
    ALIASES = 0x02,
    WITHOUT_SOA = 0x04,
    SELF_TEST = 0x08,
    BITS = 0x10,  /* a list of bit masks instead of one without a table */
    SCORE = 0x20, /* a reputation list */
};
enum { ID = 0x1234 };

static const struct list_answers refused[] = {{.lo = 0x7fffff00, .hi = 0x7fffffff}};
static const struct list_answers bits[] = {{.lo = 0x7f000001, .hi = 0x7f0000ff, .mask = 1, .name = 0},
                                           {.lo = 0x7f000001, .hi = 0x7f0000ff, .mask = 6, .name = 1}};
static const char *const names[] = {"first", "second"};

static struct reply reply;
static struct reply again;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct qname name_of(const char *text) {
    struct qname name = {.len = 0};
    enum status status = qname_from_zone(text, strlen(text), &name);
    assert(status == STATUS_OK);
    return name;
}

static void check_listed(const uint8_t *message) {
    assert((message[2] & 0x82) == 0x80 && (message[3] & 0x0f) == 0 && reply.rcode == 0);
    assert(reply.n_addresses > 0 && reply.n_answer_records == (unsigned)(message[6] << 8 | message[7]));
    assert(reply.n_answer_records - reply.n_addresses <= REPLY_MAX_CNAMES);
    assert(reply.cname_seen || reply.n_answer_records == reply.n_addresses);
    for (unsigned i = 0; i < reply.n_addresses; i++)
        assert(reply.addresses[i] >> 24 == 127 && (reply.addresses[i] & 0xffffff) != 0);
}

static void check_not_listed(const uint8_t *message, const struct verdict *v,
                             const struct soa_lesson *lesson) {
    assert((message[2] & 0x82) == 0x80 && message[6] == 0 && message[7] == 0);
    assert(reply.rcode == (v->nodata ? 0 : 3));
    assert(v->unmarked == !reply.has_soa);
    if (lesson != NULL)
        assert(reply.has_soa ? qname_equal(&reply.soa_owner, &lesson->owner) : lesson->without_soa);
}

static void check_verdict(unsigned choices, const uint8_t *message) {
    const struct list list = {
        .kind = choices & SCORE ? LIST_REPUTATION : LIST_BLOCK,
        .codes = bits,
        .n_codes = choices & BITS ? 2 : 0,
        .code_names = names,
        .n_code_names = choices & BITS ? 2 : 0,
        .refused = refused,
        .n_refused = 1,
    };
    struct soa_lesson lesson = {
        .learnt = true, .without_soa = choices & WITHOUT_SOA, .owner = name_of("bl.example.net")};
    const struct soa_lesson *taught = choices & SELF_TEST ? NULL : &lesson;
    struct verdict v = verdict_of_reply(&list, &reply, taught);
    switch (v.kind) {
    case VERDICT_LISTED: check_listed(message); break;
    case VERDICT_NOT_LISTED: check_not_listed(message, &v, taught); break;
    case VERDICT_UNKNOWN: assert(v.reason < REASON_LABELS && v.detail < DETAILS); break;
    }
}

static void check_text(const uint8_t *message, size_t size, const struct reply_question *question) {
    char text[300];
    memset(text, 0x7f, sizeof text);
    if (!reply_read_txt(message, size, question, text, sizeof text - 1))
        return;
    assert(memchr(text, 0, sizeof text - 1) != NULL);
    assert(text[sizeof text - 1] == 0x7f);
    for (const char *c = text; *c != '\0'; c++)
        assert((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void check_records(const uint8_t *message, size_t size, const struct reply_question *question) {
    struct reply_texts texts;
    const char *text;
    size_t len;
    size_t at = 0;
    size_t n = 0;
    size_t total = 0;
    reply_texts_init(&texts);
    enum reply_says says = reply_read_texts(message, size, question, &again, &texts);
    for (; reply_texts_next(&texts, &at, &text, &len); n++) {
        total += len;
        assert(question->type == QUERY_TXT ||
               (len > 0 && len <= 4 * QNAME_MAX && memchr(text, 0, len) == NULL));
    }
    assert(n == texts.n && (says == REPLY_SAYS_RECORDS) == (n > 0));
    if (says == REPLY_SAYS_RECORDS)
        assert(again.form == REPLY_SOUND && again.rcode == 0 && n <= again.n_answer_records &&
               (message[2] & 0x82) == 0x80 && (question->type == QUERY_PTR || total < size));
    if (says == REPLY_SAYS_NODATA || says == REPLY_SAYS_NXDOMAIN)
        assert(again.form == REPLY_SOUND && again.rcode == (says == REPLY_SAYS_NODATA ? 0 : 3));
    reply_texts_release(&texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    unsigned choices = data[0];
    const uint8_t *message = data + 1;
    struct qname name = name_of("2.0.0.127.bl.example.net");
    struct qname suffix = name_of("alias.test");
    struct reply_question question = {
        .name = &name, .type = QUERY_A, .id = ID, .exact_case = choices & EXACT_CASE};
    memset(&again, 0xff, sizeof again);
    reply_read(message, size - 1, &question, choices & ALIASES ? &suffix : NULL, &reply);
    reply_read(message, size - 1, &question, choices & ALIASES ? &suffix : NULL, &again);
    assert(memcmp(&reply, &again, sizeof reply) == 0);
    check_verdict(choices, message);
    question.type = QUERY_TXT;
    check_text(message, size - 1, &question);
    check_records(message, size - 1, &question);
    question.type = QUERY_PTR;
    check_records(message, size - 1, &question);
    return 0;
}
