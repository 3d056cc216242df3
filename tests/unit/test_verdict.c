/* SPDX-License-Identifier: Apache-2.0 */
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

static struct wire wire;
static struct reply reply;

static const struct list_answers refused[] = {{.lo = 0x7fffff00, .hi = 0x7fffffff}};
static const struct list_answers ignored[] = {{.lo = 0x7f000003, .hi = 0x7f000003}};
static const struct list_answers codes[] = {{.lo = 0x7f000002, .hi = 0x7f000002, .name = 0},
                                            {.lo = 0x7f00000a, .hi = 0x7f00000b, .name = 1}};
static const char *const names[] = {"source", "dynamic"};
static const struct list table = {
    .name = "table",
    .codes = codes,
    .n_codes = COUNT(codes),
    .code_names = names,
    .n_code_names = COUNT(names),
    .refused = refused,
    .n_refused = COUNT(refused),
    .ignored = ignored,
    .n_ignored = COUNT(ignored),
};
static const struct list plain = {.name = "plain", .refused = refused, .n_refused = COUNT(refused)};
static const struct list score = {
    .name = "score", .kind = LIST_REPUTATION, .refused = refused, .n_refused = COUNT(refused)};

/* What the negative self-test has taught. */
enum lesson { SELF_TEST, NOTHING, OWNER, WITHOUT, OWNER_OR_WITHOUT };
static const char *const lesson_words[] = {"self-test", "nothing", "owner", "without", "owner or without"};

static struct qname name_of(const char *text) {
    struct qname name;
    if (qname_from_zone(text, strlen(text), &name))
        fail_msg("%s: no name", text);
    return name;
}

static const struct soa_lesson *make_lesson(enum lesson lesson, struct soa_lesson *out) {
    *out = (struct soa_lesson){.learnt = lesson != NOTHING,
                               .without_soa = lesson == WITHOUT || lesson == OWNER_OR_WITHOUT};
    if (lesson == OWNER || lesson == OWNER_OR_WITHOUT)
        out->owner = name_of("bl.example.net");
    return lesson == SELF_TEST ? NULL : out;
}

static struct verdict decide(const struct list *list, const char *message, enum lesson what) {
    struct soa_lesson lesson;
    struct qname name = name_of(WIRE_NAME);
    struct reply_question question = {.name = &name, .type = QUERY_A, .id = WIRE_ID};
    wire_from_text(&wire, message);
    reply_read(wire.bytes, wire.len, &question, NULL, &reply);
    return verdict_of_reply(list, &reply, make_lesson(what, &lesson));
}

/* "listed CODE... [score N]", "not listed[, nodata][, unmarked]" or "unknown: REASON[, DETAIL][, ADDRESS]".
 */
static void describe(const struct list *list, const struct verdict *v, char *out, size_t size) {
    FILE *to = fmemopen(out, size, "w");
    assert_non_null(to);
    switch (v->kind) {
    case VERDICT_LISTED:
        fprintf(to, "listed");
        for (unsigned bit = 0; bit < 64; bit++)
            if (v->codes >> bit & 1)
                fprintf(to, " %s", list_code_name(list, bit));
        if (v->score >= 0)
            fprintf(to, " score %d", v->score);
        break;
    case VERDICT_NOT_LISTED:
        fprintf(to, "not listed%s%s", v->nodata ? ", nodata" : "", v->unmarked ? ", unmarked" : "");
        break;
    case VERDICT_UNKNOWN:
        fprintf(to, "unknown: %s", verdict_reason_text[v->reason]);
        if (v->detail != DETAIL_NONE)
            fprintf(to, ", %s", verdict_detail_text[v->detail]);
        if (v->culprit != 0)
            fprintf(to, ", %u.%u.%u.%u", v->culprit >> 24, v->culprit >> 16 & 255, v->culprit >> 8 & 255,
                    v->culprit & 255);
        break;
    }
    fclose(to);
}

#define INVALID(detail) "unknown: invalid_answer, " detail
#define MALFORMED INVALID("malformed message")
#define FOREIGN INVALID("no answer to our question")
#define RCODE INVALID("unexpected response code")
#define UNCLEAN INVALID("records that do not belong in the answer")
#define NO_SOA INVALID("negative answer without SOA")
#define FOREIGN_SOA INVALID("negative answer with the SOA of another zone")
#define UNPROVEN INVALID("negative answer before the first self-test")

static const struct row {
    const struct list *list;
    const char *message;
    enum lesson lesson;
    const char *says;
} rows[] = {
    /* The table of answers on which other checkers fail (the two without an answer are below). */
    {&table, "h:8183:1:0:1:0 q @22 SOA", OWNER, "not listed"},
    {&table, "h:8180:1:1:0:0 q @12 A:127.0.0.2", OWNER, "listed source"},
    {&table, "h:8180:1:2:0:0 q @12 A:127.0.0.10 @12 A:127.0.0.2", OWNER, "listed source dynamic"},
    {&table, "h:8180:1:1:0:0 q @12 A:127.255.255.254", OWNER, "unknown: blocked_answer, 127.255.255.254"},
    {&table, "h:8180:1:1:0:0 q @12 A:146.112.61.108", OWNER,
     INVALID("address that no list gives, 146.112.61.108")},
    {&table, "h:8182:1:0:0:0 q", OWNER, "unknown: servfail"},
    {&table, "h:8185:1:0:0:0 q", OWNER, "unknown: refused"},
    {&table, "h:8180:1:0:1:0 q @22 SOA", OWNER, "not listed, nodata"},
    {&table, "h:8380:1:0:0:0 q", OWNER, INVALID("truncated even over TCP")},

    /* Positive answers */
    {&plain, "h:8180:1:1:0:0 q @12 A:127.0.0.2", NOTHING, "listed other"},
    {&plain, "h:8180:1:1:0:0 q @12 A:127.0.0.2", SELF_TEST, "listed other"},
    {&plain, "h:8180:1:1:0:0 q @12 A:127.0.0.1", OWNER, INVALID("address that no list gives, 127.0.0.1")},
    {&score, "h:8180:1:2:0:0 q @12 A:127.0.4.77 @12 A:127.0.4.30", OWNER, "listed other score 30"},
    {&score, "h:8180:1:1:0:0 q @12 A:127.0.4.200", OWNER,
     INVALID("code that is not in the list's table, 127.0.4.200")},
    {&table, "h:8180:1:1:0:0 q @12 A:127.0.0.3", OWNER, "not listed"},
    {&table, "h:8180:1:1:0:0 q @12 A:127.0.0.9", OWNER,
     INVALID("code that is not in the list's table, 127.0.0.9")},
    {&table, "h:8180:1:2:0:0 q @12 A:127.0.0.2 @12 A:10.0.0.1", OWNER,
     INVALID("address that no list gives, 10.0.0.1")},
    {&table, "h:8183:1:1:0:0 q @12 A:127.0.0.2", OWNER, UNCLEAN},
    {&table, "h:8183:1:1:1:0 q @12 A:127.0.0.2 @22 SOA", OWNER, UNCLEAN},
    {&table, "h:8180:1:2:0:0 q @12 A:127.0.0.2 @22 A:127.0.0.2", OWNER, UNCLEAN},
    {&table, "h:8180:1:2:0:0 q @12 CNAME:a.test =a.test A:127.0.0.2", OWNER, UNCLEAN},
    {&table, "h:8180:1:1:0:0 q @12 CNAME:a.test", OWNER_OR_WITHOUT, UNCLEAN},
    {&table, "h:8180:1:1:1:0 q @22 SOA @22 SOA", OWNER_OR_WITHOUT, UNCLEAN},

    /* Negative answers: which SOA, and what is known of it */
    {&table, "h:8183:1:0:1:0 q @22 SOA", SELF_TEST, "not listed"},
    {&table, "h:8183:1:0:1:0 q @22 SOA", NOTHING, UNPROVEN},
    {&table, "h:8183:1:0:1:0 q @22 SOA", WITHOUT, FOREIGN_SOA},
    {&table, "h:8183:1:0:1:0 q @22 SOA", OWNER_OR_WITHOUT, "not listed"},
    {&table, "h:8183:1:0:1:0 q =BL.example.NET SOA", OWNER, "not listed"},
    {&table, "h:8183:1:0:1:0 q @25 SOA", SELF_TEST, "not listed"},
    {&table, "h:8183:1:0:1:0 q @25 SOA", OWNER, FOREIGN_SOA},
    {&table, "h:8183:1:0:1:0 q @25 SOA", OWNER_OR_WITHOUT, FOREIGN_SOA},
    {&table, "h:8183:1:0:1:0 q =rpz.local SOA", SELF_TEST, FOREIGN_SOA},
    {&table, "h:8183:1:0:1:0 q =rpz.local SOA", NOTHING, UNPROVEN},
    {&table, "h:8183:1:0:1:0 q =rpz.local SOA", OWNER, FOREIGN_SOA},
    {&table, "h:8183:1:0:1:0 q =rpz.local SOA", OWNER_OR_WITHOUT, FOREIGN_SOA},
    {&table, "h:8183:1:0:0:1 q =rpz.local SOA", WITHOUT, FOREIGN_SOA},
    {&table, "h:8183:1:0:2:0 q @22 SOA @25 SOA", OWNER, FOREIGN_SOA},
    {&table, "h:8183:1:0:0:0 q", SELF_TEST, "not listed, unmarked"},
    {&table, "h:8183:1:0:0:0 q", NOTHING, UNPROVEN},
    {&table, "h:8183:1:0:0:0 q", OWNER, NO_SOA},
    {&table, "h:8183:1:0:0:0 q", WITHOUT, "not listed, unmarked"},
    {&table, "h:8180:1:0:0:0 q", OWNER_OR_WITHOUT, "not listed, nodata, unmarked"},
    {&table, "h:8180:1:0:0:0 q", OWNER, NO_SOA},

    /* Neither positive nor negative: a referral, and the record asked for in another section */
    {&table, "h:8180:1:0:1:0 q @22 NS", SELF_TEST, UNCLEAN},
    {&table, "h:8180:1:0:1:0 q @22 NS", WITHOUT, UNCLEAN},
    {&table, "h:8180:1:0:2:0 q @12 A:127.0.0.2 @22 SOA", OWNER, UNCLEAN},
    {&table, "h:8180:1:1:0:1 q @12 A:127.0.0.2 @12 A:127.255.255.254", OWNER, UNCLEAN},
    {&table, "h:8180:1:1:1:1 q @12 A:127.0.0.2 @22 NS @22 A:192.0.2.1", OWNER, "listed source"},

    /* Response codes, from whomever */
    {&table, "h:8181:1:0:0:0 q", OWNER, RCODE},
    {&table, "h:8184:1:0:0:0 q", OWNER, RCODE},
    {&table, "h:8186:1:1:0:0 q @12 A:127.0.0.2", OWNER, RCODE},
    {&table, "h:8180:1:0:0:1 q OPT:01", OWNER_OR_WITHOUT, RCODE},
    {&table, "h:8183:1:0:1:1 q @22 SOA OPT:01", OWNER, RCODE},
    {&table, "h:8182:1:1:0:0 q @12 A:127.0.0.2", OWNER, "unknown: servfail"},
    {&table, "h:8105:1:0:0:0 q", OWNER, "unknown: refused"},
    {&table, "h:8102:1:0:0:0 q", OWNER, "unknown: servfail"},
    {&table, "h:8101:1:0:0:0 q", OWNER, RCODE},
    {&table, "h:8100:1:1:0:0 q @12 A:127.0.0.2", OWNER, FOREIGN},
    {&table, "h:8103:1:0:1:0 q @22 SOA", OWNER, FOREIGN},

    /* Form */
    {&table, "1234 8180", OWNER, MALFORMED},
    {&table, "h:8180:1:1:0:0 q @12 A:127.0.0.2 00", OWNER, MALFORMED},
    {&table, "h:8180:1:1:0:0 q @42 A:127.0.0.2", OWNER, MALFORMED},
    {&table, "h:8185:1:1:0:0 q", OWNER, MALFORMED},
    {&table, "h:0180:1:1:0:0 q @12 A:127.0.0.2", OWNER, FOREIGN},
    {&table, "h:8380:1:1:0:0 q @12 A:127.0.0.2", OWNER, INVALID("truncated even over TCP")},
};

static void decides_by_the_acceptance_rule(void **state) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        char says[200];
        struct verdict v = decide(rows[i].list, rows[i].message, rows[i].lesson);
        describe(rows[i].list, &v, says, sizeof says);
        if (strcmp(says, rows[i].says) != 0)
            fail_msg("%s: %s (lesson: %s)\n  said \"%s\"\n  expected \"%s\"", rows[i].list->name,
                     rows[i].message, lesson_words[rows[i].lesson], says, rows[i].says);
    }
}

static void fills_no_field_that_its_kind_does_not_have(void **state) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct verdict v = decide(rows[i].list, rows[i].message, rows[i].lesson);
        bool good = (v.kind == VERDICT_UNKNOWN) == (v.reason != REASON_NONE) &&
                    (v.kind == VERDICT_UNKNOWN || (v.detail == DETAIL_NONE && v.culprit == 0)) &&
                    (v.kind == VERDICT_LISTED) == (v.codes != 0) &&
                    (v.score >= 0) == (v.kind == VERDICT_LISTED && rows[i].list->kind == LIST_REPUTATION) &&
                    (v.kind == VERDICT_NOT_LISTED || (!v.nodata && !v.unmarked)) && v.score >= -1;
        if (!good)
            fail_msg("%s: %s", rows[i].list->name, rows[i].message);
    }
}

/* What the caller builds by hand can be what reply_read() never gives. */
static void does_not_believe_a_reply_that_contradicts_itself(void **state) {
    reply = (struct reply){
        .form = REPLY_SOUND, .answers_clean = true, .n_answer_records = 5000, .n_addresses = 1};
    reply.addresses[0] = 0x7f000002;
    assert_int_equal(verdict_of_reply(&plain, &reply, NULL).kind, VERDICT_LISTED);
    reply.addresses_overflow = true;
    assert_int_equal(verdict_of_reply(&plain, &reply, NULL).detail, DETAIL_UNCLEAN);
    reply.addresses_overflow = false;
    reply.n_addresses = 0;
    assert_int_equal(verdict_of_reply(&plain, &reply, NULL).detail, DETAIL_UNCLEAN);
    reply.form = (enum reply_form)99;
    assert_int_equal(verdict_of_reply(&plain, &reply, NULL).detail, DETAIL_MALFORMED);
}

static void knows_two_kinds_of_silence(void **state) {
    struct verdict v = verdict_of_silence(REASON_TIMEOUT);
    char says[100];
    describe(&plain, &v, says, sizeof says);
    assert_string_equal(says, "unknown: timeout");
    v = verdict_of_silence(REASON_NETWORK);
    describe(&plain, &v, says, sizeof says);
    assert_string_equal(says, "unknown: network");
}

static void has_a_text_of_its_own_for_every_reason_and_detail(void **state) {
    for (int a = 0; a < REASON_LABELS; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(verdict_reason_text[a], verdict_reason_text[b]);
    for (int a = 0; a < DETAILS; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(verdict_detail_text[a], verdict_detail_text[b]);
    assert_string_equal(verdict_reason_text[REASON_BLOCKED_ANSWER], "blocked_answer");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_by_the_acceptance_rule),
        cmocka_unit_test(fills_no_field_that_its_kind_does_not_have),
        cmocka_unit_test(does_not_believe_a_reply_that_contradicts_itself),
        cmocka_unit_test(knows_two_kinds_of_silence),
        cmocka_unit_test(has_a_text_of_its_own_for_every_reason_and_detail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
