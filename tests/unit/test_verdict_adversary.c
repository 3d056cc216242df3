/* SPDX-License-Identifier: Apache-2.0
 *
 * The adversary in small. A generator of its own makes a message of which the truth is known (an address is
 * listed, or it is not, or the answer says nothing), in one of the many spellings that servers and caches
 * have, and does to it one of these:
 * - nothing: the verdict must be the truth. The spelling varies in what must not matter: AA or RA; RD, AD,
 * CD; TTLs; owners spelt out, in other letters, or compressed; order and repetition of addresses; NS records
 * in the authority section; addresses of name servers, an unknown type and OPT in the additional one;
 * NXDOMAIN or NODATA.
 * - a spoiling (`spoilings` below, each a breach of the acceptance rule): the verdict must be "unknown".
 * - noise: bytes changed, taken out or put in anywhere but in the addresses themselves (an address that is
 * changed is another truth), or records counted into the next section: the verdict must be the truth or
 * "unknown". So "listed" of what is not, and "not listed" of what is, must never come out: both counts have
 * to be 0.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/verdict.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { ROUNDS = 200000, MAX_ADDRESSES = 6 };

static uint64_t random_state;

static uint64_t random_u64(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static unsigned below(unsigned n) {
    return (unsigned)((random_u64() >> 11) % n);
}

static bool one_in(unsigned n) {
    return below(n) == 0;
}

/* Lists with their answers by what they mean: no table, a table with entries of another kind, bits. */
static const struct list_answers refused[] = {{.lo = 0x7fffff00, .hi = 0x7fffffff}};
static const struct list_answers white[] = {{.lo = 0x7f000001, .hi = 0x7f000001},
                                            {.lo = 0x7f000005, .hi = 0x7f000005}};
static const struct list_answers table[] = {{.lo = 0x7f000002, .hi = 0x7f000004, .name = 0},
                                            {.lo = 0x7f00000a, .hi = 0x7f00000b, .name = 1}};
static const struct list_answers bits[] = {{.lo = 0x7f000001, .hi = 0x7f0000ff, .mask = 3, .name = 0},
                                           {.lo = 0x7f000001, .hi = 0x7f0000ff, .mask = 4, .name = 1}};
static const char *const names[] = {"first", "second"};

static const struct subject {
    struct list list;
    uint32_t listed[4];
    uint32_t worthless[4]; /* one of them spoils any answer */
} subjects[] = {
    {.list = {.refused = refused, .n_refused = 1},
     .listed = {0x7f000002, 0x7f000003, 0x7f010203, 0x7ffffffe - 0x1000},
     .worthless = {0x7f000001, 0x7f000000, 0x7ffffffe, 0x92703d6c}},
    {.list = {.codes = table,
              .n_codes = 2,
              .code_names = names,
              .n_code_names = 2,
              .ignored = white,
              .n_ignored = 2,
              .refused = refused,
              .n_refused = 1},
     .listed = {0x7f000002, 0x7f000003, 0x7f00000a, 0x7f00000b},
     .worthless = {0x00000000, 0x7f000000, 0x7fffffff, 0x0a000001}},
    {.list = {.codes = bits,
              .n_codes = 2,
              .code_names = names,
              .n_code_names = 2,
              .refused = refused,
              .n_refused = 1},
     .listed = {0x7f000001, 0x7f000002, 0x7f000007, 0x7f000016},
     .worthless = {0x7f000000, 0x80000001, 0x7effffff, 0x7fffff01}},
};

/* A message as a structure; make_message() spells it. */
struct model {
    const struct subject *subject;
    enum verdict_kind truth;
    uint32_t addresses[MAX_ADDRESSES];
    unsigned n_addresses;
    unsigned flags;
    bool soa;
    const char *soa_owner;
    unsigned n_second_soas; /* of another owner */
    unsigned n_ns, n_glue, n_unknown, n_opts;
    unsigned extended_rcode;
    const char *answer_owner; /* NULL: the question */
    unsigned answer_type, answer_class, answer_size;
    bool cname;
    bool without_soa; /* what the self-test has taught */
    const char *question;
    unsigned question_type, question_class;
};

static struct wire message;
static size_t address_at[MAX_ADDRESSES + 1]; /* where the addresses are in it */
static const char question_mixed[] = "2.0.0.127.bL.eXampLe.nEt";
static const char zone[] = "bl.example.net";

static struct model make_model(void) {
    struct model m = {
        .subject = &subjects[below(COUNT(subjects))],
        .truth = (enum verdict_kind)below(3),
        .soa_owner = zone,
        .n_ns = below(3),
        .n_glue = below(3),
        .n_unknown = below(2),
        .n_opts = below(2),
        .answer_type = QUERY_A,
        .answer_class = 1,
        .answer_size = 4,
        .without_soa = one_in(4),
        .question = question_mixed,
        .question_type = QUERY_A,
        .question_class = 1,
    };
    static const unsigned services[] = {0x0400, 0x0080, 0x0480};
    m.flags = 0x8000 | services[below(3)] | below(2) << 8 | below(2) << 5 | below(2) << 4;
    if (m.truth == VERDICT_NOT_LISTED) {
        m.flags |= one_in(2) ? 3 : 0;
        m.soa = true;
        return m;
    }
    m.n_addresses = 1 + below(MAX_ADDRESSES);
    for (unsigned i = 0; i < m.n_addresses; i++)
        m.addresses[i] = m.subject->listed[below(4)];
    if (m.truth == VERDICT_UNKNOWN)
        m.addresses[below(m.n_addresses)] = m.subject->worthless[below(4)];
    m.soa = one_in(8);
    return m;
}

static void put_name_in_any_case(const char *text) {
    size_t start = message.len;
    wire_name(&message, text);
    for (size_t i = start; i < message.len; i++)
        if (message.bytes[i] >= 'a' && message.bytes[i] <= 'z' && one_in(3))
            message.bytes[i] ^= 0x20;
}

/* As the question or the zone in it where it can be, or in letters. */
static void put_owner(const char *name) {
    if ((name == NULL || name == zone) && !one_in(3))
        wire_u16(&message, 0xc000u | (name == NULL ? WIRE_QUESTION : WIRE_ZONE));
    else
        put_name_in_any_case(name == NULL ? question_mixed : name);
}

static void put_answers(const struct model *m) {
    if (m->cname) {
        put_owner(NULL);
        wire_named(&message, 5, "x.bl.example.net");
    }
    for (unsigned i = 0; i < m->n_addresses; i++) {
        put_owner(i + 1 == m->n_addresses ? m->answer_owner : NULL);
        size_t fixed = message.len;
        wire_a(&message, m->addresses[i]);
        if (i + 1 == m->n_addresses) {
            message.bytes[fixed + 1] = (uint8_t)m->answer_type;
            message.bytes[fixed + 3] = (uint8_t)m->answer_class;
            message.bytes[fixed + 9] = (uint8_t)m->answer_size;
            message.len = fixed + 10 + m->answer_size;
        }
        message.bytes[fixed + 6] = (uint8_t)random_u64();
        address_at[i] = fixed + 10;
    }
}

static void put_other_sections(const struct model *m) {
    for (unsigned i = 0; i < m->n_ns; i++) {
        put_owner(zone);
        wire_word(&message, "NS");
    }
    if (m->soa) {
        put_owner(m->soa_owner);
        wire_soa(&message);
    }
    for (unsigned i = 0; i < m->n_second_soas; i++) {
        put_owner("example.net");
        wire_soa(&message);
    }
    for (unsigned i = 0; i < m->n_glue; i++) {
        put_owner("ns.bl.example.net");
        wire_a(&message, (uint32_t)random_u64());
    }
    for (unsigned i = 0; i < m->n_unknown; i++)
        wire_add_text(&message, "= ff42 0001 00000000 0003 010203");
    for (unsigned i = 0; i < m->n_opts; i++)
        wire_opt(&message, m->extended_rcode);
}

static void make_message(const struct model *m) {
    message.len = 0;
    wire_header(&message, m->flags, 1, m->n_addresses + m->cname, m->n_ns + m->soa + m->n_second_soas,
                m->n_glue + m->n_unknown + m->n_opts);
    wire_name(&message, m->question);
    wire_u16(&message, m->question_type);
    wire_u16(&message, m->question_class);
    put_answers(m);
    put_other_sections(m);
}

static struct verdict decide(const struct model *m) {
    static struct reply reply;
    static struct qname sent;
    struct soa_lesson lesson = {.learnt = true, .without_soa = m->without_soa};
    if (qname_from_zone(question_mixed, strlen(question_mixed), &sent) ||
        qname_from_zone(zone, strlen(zone), &lesson.owner))
        fail();
    struct reply_question question = {.name = &sent, .type = QUERY_A, .id = WIRE_ID, .exact_case = true};
    reply_read(message.bytes, message.len, &question, NULL, &reply);
    return verdict_of_reply(&m->subject->list, &reply, &lesson);
}

/* --- Spoilings: each changes the model before the message is made, or the message --- */

#define FOR_MODEL(name, condition, change)                                                                   \
    static bool name(struct model *m) {                                                                      \
        if (!(condition))                                                                                    \
            return false;                                                                                    \
        change;                                                                                              \
        return true;                                                                                         \
    }

FOR_MODEL(not_a_response, true, m->flags &= 0x7fffu)
FOR_MODEL(another_opcode, true, m->flags |= (1 + below(15)) << 11)
FOR_MODEL(truncated, true, m->flags |= 0x0200)
FOR_MODEL(no_service, true, m->flags &= ~0x0480u)
FOR_MODEL(another_rcode, true,
          m->flags = (m->flags & ~15u) | "\1\2\4\5\6\7\10\11\12\13\14\15\16\17"[below(14)])
FOR_MODEL(nxdomain_with_answers, m->n_addresses > 0, m->flags |= 3)
FOR_MODEL(an_extended_rcode, m->n_opts > 0, m->extended_rcode = 1 + below(255))
FOR_MODEL(a_second_opt, true, m->n_opts = 2 + below(2))
FOR_MODEL(another_name, true, m->question = "3.0.0.127.bL.eXampLe.nEt")
FOR_MODEL(another_spelling, true, m->question = "2.0.0.127.bl.example.net")
FOR_MODEL(another_question_type, true, m->question_type = 2 + below(40))
FOR_MODEL(another_question_class, true, m->question_class = 3 + below(250))
FOR_MODEL(a_worthless_address, m->n_addresses > 0,
          m->addresses[below(m->n_addresses)] = m->subject->worthless[below(4)])
FOR_MODEL(another_owner, m->n_addresses > 0, m->answer_owner = one_in(2) ? zone : "x.bl.example.net")
FOR_MODEL(another_type, m->n_addresses > 0, m->answer_type = 16 + below(20))
FOR_MODEL(another_class, m->n_addresses > 0, m->answer_class = 2 + below(250))
FOR_MODEL(an_address_too_short, m->n_addresses > 0, m->answer_size = below(4))
FOR_MODEL(an_alias, true, m->cname = true)
FOR_MODEL(a_foreign_soa, m->truth == VERDICT_NOT_LISTED,
          m->soa_owner = one_in(2) ? "example.net" : "rpz.local")
FOR_MODEL(a_second_soa, m->truth == VERDICT_NOT_LISTED, m->n_second_soas = 1)
FOR_MODEL(no_soa, m->truth == VERDICT_NOT_LISTED && !m->without_soa, m->soa = false)

static bool another_id(struct model *m) {
    message.bytes[below(2)] ^= (uint8_t)(1 + below(255));
    return true;
}

/* Any of the four counts, up or down: there is no record for it, or one too many. */
static bool a_wrong_count(struct model *m) {
    uint8_t *count = &message.bytes[5 + 2 * below(4)];
    *count = (uint8_t)(*count == 0 || one_in(2) ? *count + 1u + below(200) : *count - 1u);
    return true;
}

static bool a_cut(struct model *m) {
    message.len = below((unsigned)message.len);
    return true;
}

static bool bytes_behind(struct model *m) {
    for (unsigned n = 1 + below(40); n > 0; n--)
        wire_u8(&message, (unsigned)random_u64());
    return true;
}

/* The owner of the first record becomes a pointer to itself, ahead, into the header, or a reserved label. */
static bool a_bad_owner(struct model *m) {
    size_t first = WIRE_QUESTION + sizeof question_mixed + 1 + 4;
    static const unsigned reserved[] = {0x40, 0x7f, 0x80, 0xbf};
    if (message.len == first)
        return false;
    unsigned target = one_in(2) ? below(12) : (unsigned)first + below(400);
    unsigned word = one_in(4) ? reserved[below(4)] << 8 : 0xc000u | target;
    message.bytes[first] = (uint8_t)(word >> 8);
    message.bytes[first + 1] = (uint8_t)word;
    return true;
}

static const struct spoiling {
    const char *what;
    bool (*apply)(struct model *m); /* false: does not fit this message */
    bool on_message;                /* after it was made */
} spoilings[] = {
#define MODEL(name)                                                                                          \
    { #name, name, false }
#define BYTES(name)                                                                                          \
    { #name, name, true }
    MODEL(not_a_response),      MODEL(another_opcode),        MODEL(truncated),
    MODEL(no_service),          MODEL(another_rcode),         MODEL(nxdomain_with_answers),
    MODEL(an_extended_rcode),   MODEL(a_second_opt),          MODEL(another_name),
    MODEL(another_spelling),    MODEL(another_question_type), MODEL(another_question_class),
    MODEL(a_worthless_address), MODEL(another_owner),         MODEL(another_type),
    MODEL(another_class),       MODEL(an_address_too_short),  MODEL(an_alias),
    MODEL(a_foreign_soa),       MODEL(a_second_soa),          MODEL(no_soa),
    BYTES(another_id),          BYTES(a_wrong_count),         BYTES(a_cut),
    BYTES(bytes_behind),        BYTES(a_bad_owner),
};

/* --- Noise --- */

static bool is_address_byte(const struct model *m, size_t at) {
    for (unsigned i = 0; i < m->n_addresses; i++)
        if (at >= address_at[i] && at < address_at[i] + 4)
            return true;
    return false;
}

static void change_bytes(const struct model *m) {
    for (unsigned n = 1 + below(4); n > 0; n--) {
        size_t at = below((unsigned)message.len);
        if (!is_address_byte(m, at))
            message.bytes[at] ^= (uint8_t)(one_in(4) ? 1u << below(8) : 1 + below(255));
    }
}

static void move_tail(const struct model *m) {
    size_t at = below((unsigned)message.len);
    size_t n = 1 + below(20);
    if (one_in(2)) {
        n = n > message.len - at ? message.len - at : n;
        memmove(message.bytes + at, message.bytes + at + n, message.len - at - n);
        message.len -= n;
    } else {
        memmove(message.bytes + at + n, message.bytes + at, message.len - at);
        for (size_t i = 0; i < n; i++)
            message.bytes[at + i] = (uint8_t)random_u64();
        message.len += n;
    }
}

/* As many records as before, some of them in a section before or behind. */
static void move_counts(const struct model *m) {
    uint8_t *from = &message.bytes[7 + 2 * below(3)];
    uint8_t *to = &message.bytes[7 + 2 * below(3)];
    unsigned n = *from > 0 ? 1 + below(*from) : 0;
    *from = (uint8_t)(*from - n);
    *to = (uint8_t)(*to + n);
}

static void (*const noises[])(const struct model *m) = {change_bytes, move_tail, move_counts};

/* --- The count --- */

struct score {
    unsigned made, kept, spoilt, noisy_truth, noisy_unknown;
    unsigned false_listed, false_not_listed;
    unsigned spoilt_by[COUNT(spoilings)];
};

static void show(const struct model *m, const char *what, struct verdict v) {
    print_error("%s: truth %d, verdict %d (detail %d):", what, m->truth, v.kind, v.detail);
    for (size_t i = 0; i < message.len; i++)
        print_error(" %02x", message.bytes[i]);
    print_error("\n");
}

static void count(struct score *score, const struct model *m, const char *what, bool must_be_truth,
                  bool must_be_unknown) {
    struct verdict v = decide(m);
    bool is_false = v.kind != VERDICT_UNKNOWN && v.kind != m->truth;
    score->made++;
    score->false_listed += is_false && v.kind == VERDICT_LISTED;
    score->false_not_listed += is_false && v.kind == VERDICT_NOT_LISTED;
    if (is_false || (must_be_truth && v.kind != m->truth) || (must_be_unknown && v.kind != VERDICT_UNKNOWN)) {
        show(m, what, v);
        fail_msg("message %u", score->made);
    }
    score->kept += must_be_truth;
    score->spoilt += must_be_unknown;
    if (!must_be_truth && !must_be_unknown)
        *(v.kind == VERDICT_UNKNOWN ? &score->noisy_unknown : &score->noisy_truth) += 1;
}

static void play_spoiling(struct score *score, struct model *m, size_t which) {
    const struct spoiling *spoiling = &spoilings[which];
    if (!spoiling->on_message && !spoiling->apply(m))
        return;
    make_message(m);
    if (spoiling->on_message && !spoiling->apply(m))
        return;
    score->spoilt_by[which]++;
    count(score, m, spoiling->what, false, true);
}

static void never_calls_listed_what_is_not_nor_not_listed_what_is(void **state) {
    struct score score = {0};
    random_state = UINT64_C(0x9e3779b97f4a7c15);
    while (score.made < ROUNDS) {
        struct model m = make_model();
        unsigned play = below(10);
        if (play >= 7) {
            play_spoiling(&score, &m, below(COUNT(spoilings)));
            continue;
        }
        make_message(&m);
        if (play >= 2)
            noises[below(COUNT(noises))](&m);
        count(&score, &m, play < 2 ? "as it was" : "noise", play < 2, false);
    }
    for (size_t i = 0; i < COUNT(spoilings); i++)
        if (score.spoilt_by[i] < 100)
            fail_msg("%s was tried %u times only", spoilings[i].what, score.spoilt_by[i]);
    print_message("%u messages: %u kept, %u spoilt, %u noisy (%u still the truth)\n", score.made, score.kept,
                  score.spoilt, score.noisy_truth + score.noisy_unknown, score.noisy_truth);
    assert_int_equal(score.false_listed, 0);
    assert_int_equal(score.false_not_listed, 0);
    assert_true(score.noisy_truth > 1000 && score.noisy_unknown > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_calls_listed_what_is_not_nor_not_listed_what_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
