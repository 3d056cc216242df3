/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/reply.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct wire wire; /* 64 KB: not on the stack */
static struct reply reply;
static struct qname name; /* WIRE_NAME */
static const struct reply_question question = {.name = &name, .type = QUERY_A, .id = WIRE_ID};

static struct qname name_of(const char *text) {
    struct qname out;
    if (qname_from_zone(text, strlen(text), &out))
        fail_msg("%s: no name", text);
    return out;
}

static int set_up(void **state) {
    name = name_of(WIRE_NAME);
    return 0;
}

/* Reads from a block of just that size, so that the address sanitizer sees any look beyond it. */
static void read_exactly(const uint8_t *message, size_t len, const struct reply_question *asked,
                         const struct qname *suffix, struct reply *out) {
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, message, len);
    reply_read(copy, len, asked, suffix, out);
    free(copy);
}

static const char *const form_words[] = {
    [REPLY_SOUND] = "sound",          [REPLY_SHORT] = "short",           [REPLY_NOT_OURS] = "not ours",
    [REPLY_TRUNCATED] = "truncated",  [REPLY_NO_SERVICE] = "no service", [REPLY_BAD_NAME] = "bad name",
    [REPLY_BAD_RECORD] = "bad record"};

/* A sound reply: "[rcode N ][clean|unclean]( cname)( ADDRESS)*( soa NAME)( foreign soa)( contradictory)";
 * answers without records are " empty". Else the form. */
static void describe(const struct reply *r, char *out, size_t size) {
    char zone[4 * QNAME_MAX + 1];
    FILE *to = fmemopen(out, size, "w");
    assert_non_null(to);
    if (r->form != REPLY_SOUND) {
        fprintf(to, "%s", form_words[r->form]);
    } else {
        if (r->rcode != 0)
            fprintf(to, "rcode %u ", r->rcode);
        fprintf(to, "%s%s%s", r->answers_clean ? "clean" : "unclean", r->n_answer_records ? "" : " empty",
                r->cname_seen ? " cname" : "");
        for (unsigned i = 0; i < r->n_addresses; i++)
            fprintf(to, " %u.%u.%u.%u", r->addresses[i] >> 24, r->addresses[i] >> 16 & 255,
                    r->addresses[i] >> 8 & 255, r->addresses[i] & 255);
        if (r->has_soa) {
            qname_format(&r->soa_owner, zone);
            fprintf(to, " soa %s", zone);
        }
        fprintf(to, "%s%s", r->soa_foreign ? " foreign soa" : "", r->contradictory ? " contradictory" : "");
    }
    fclose(to);
}

struct row {
    const char *message; /* as wire.h says */
    const char *says;
};

static void check_rows(const struct row *rows, size_t n, bool exact_case, const struct qname *suffix) {
    const struct reply_question asked = {
        .name = &name, .type = QUERY_A, .id = WIRE_ID, .exact_case = exact_case};
    char says[600];
    for (size_t i = 0; i < n; i++) {
        wire_from_text(&wire, rows[i].message);
        read_exactly(wire.bytes, wire.len, &asked, suffix, &reply);
        describe(&reply, says, sizeof says);
        if (strcmp(says, rows[i].says) != 0)
            fail_msg("row %zu: %s\n  said \"%s\"\n  expected \"%s\"", i, rows[i].message, says, rows[i].says);
    }
}

static void takes_only_a_header_and_question_that_are_ours(void **state) {
    static const struct row rows[] = {
        {"", "short"},
        {"1234 8180 0001 0001 0000", "short"},
        {"h:8180:1:0:0:0 q", "clean empty"},
        {"h:8400:1:0:0:0 q", "clean empty"},
        {"h:8080:1:0:0:0 q", "clean empty"},
        {"h:85f0:1:0:0:0 q", "clean empty"},
        {"h:8100:1:0:0:0 q", "no service"},
        {"h:8380:1:0:0:0 q", "truncated"},
        {"h:8380:1:1:0:0 q @12 0001", "truncated"},
        {"h:0100:1:0:0:0 q", "not ours"},
        {"h:0180:1:1:0:0 q @12 A:127.0.0.2", "not ours"},
        {"h:8980:1:0:0:0 q", "not ours"},
        {"h:a980:1:0:0:0 q", "not ours"},
        {"1235 8180 0001 0000 0000 0000 q", "not ours"},
        {"h:8180:0:0:0:0", "not ours"},
        {"h:8180:0:0:0:0 q", "not ours"},
        {"h:8180:2:0:0:0 q q", "not ours"},
        {"h:8180:1:0:0:0", "bad record"},
        {"h:8180:1:0:0:0 =2.0.0.127.bl.example.net", "bad record"},
        {"h:8180:1:0:0:0 =2.0.0.127.bl.example.net 000100", "bad record"},
        {"h:8180:1:0:0:0 =3.0.0.127.bl.example.net 0001 0001", "not ours"},
        {"h:8180:1:0:0:0 =2.0.0.127.bl.example.org 0001 0001", "not ours"},
        {"h:8180:1:0:0:0 =2.0.0.127.bl.example 0001 0001", "not ours"},
        {"h:8180:1:0:0:0 = 0001 0001", "not ours"},
        {"h:8180:1:0:0:0 =2.0.0.127.bl.example.net 001c 0001", "not ours"},
        {"h:8180:1:0:0:0 =2.0.0.127.bl.example.net 00ff 0001", "not ours"},
        {"h:8180:1:0:0:0 =2.0.0.127.bl.example.net 0001 0003", "not ours"},
        {"h:8180:1:0:0:0 =2.0.0.127.bl.example.net 0001 8001", "not ours"},
        {"h:8180:1:0:0:0 @12 0001 0001", "bad name"},
        {"h:8180:1:0:0:0 @0 0001 0001", "bad name"},
        {"h:8180:1:0:0:0 0132 @12 0001 0001", "bad name"},
        {"h:8180:1:0:0:0 =2.0.0.127.BL.Example.net 0001 0001", "clean empty"},
    };
    check_rows(rows, COUNT(rows), false, NULL);
}

static void wants_our_spelling_only_where_it_was_mixed(void **state) {
    static const struct row rows[] = {
        {"h:8180:1:0:0:0 q", "clean empty"},
        {"h:8180:1:0:0:0 =2.0.0.127.bl.example.Net 0001 0001", "not ours"},
        {"h:8180:1:1:0:0 q =2.0.0.127.bl.EXAMPLE.net A:127.0.0.2", "clean 127.0.0.2"},
    };
    check_rows(rows, COUNT(rows), true, NULL);
    struct qname mixed = name_of("2.0.0.127.bL.eXample.nET");
    const struct reply_question asked = {.name = &mixed, .type = QUERY_A, .id = WIRE_ID};
    wire_from_text(&wire, "h:8180:1:0:0:0 q");
    reply_read(wire.bytes, wire.len, &asked, NULL, &reply);
    assert_int_equal(reply.form, REPLY_SOUND);
    assert_false(reply.case_kept);
    wire_from_text(&wire, "h:8380:1:0:0:0 =2.0.0.127.bL.eXample.nET 0001 0001");
    reply_read(wire.bytes, wire.len, &asked, NULL, &reply);
    assert_int_equal(reply.form, REPLY_TRUNCATED);
    assert_true(reply.case_kept);
}

static void takes_only_addresses_of_the_question_as_a_clean_answer(void **state) {
    static const struct row rows[] = {
        {"h:8180:1:1:0:0 q @12 A:127.0.0.2", "clean 127.0.0.2"},
        {"h:8180:1:1:0:0 q =2.0.0.127.bl.example.net A:127.0.0.2", "clean 127.0.0.2"},
        {"h:8180:1:1:0:0 q 0132 @14 A:127.0.0.2", "clean 127.0.0.2"},
        {"h:8180:1:1:0:0 q =2.0.0.127.BL.EXAMPLE.NET A:127.0.0.2", "clean 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 A:127.0.0.10 @12 A:127.0.0.2", "clean 127.0.0.10 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 A:127.0.0.2 @12 A:146.112.61.108", "clean 127.0.0.2 146.112.61.108"},
        {"h:8183:1:1:0:0 q @12 A:127.0.0.2", "rcode 3 clean 127.0.0.2"},
        {"h:8180:1:1:0:0 q @22 A:127.0.0.2", "unclean"},
        {"h:8180:1:2:0:0 q @12 A:127.0.0.2 @14 A:127.0.0.2", "unclean 127.0.0.2"},
        {"h:8180:1:2:0:0 q @14 A:127.0.0.2 @12 A:127.0.0.2", "unclean 127.0.0.2"},
        {"h:8180:1:1:0:0 q = A:127.0.0.2", "unclean"},
        {"h:8180:1:1:0:0 q @12 0001 0003 00000000 0004 7f000002", "unclean"},
        {"h:8180:1:1:0:0 q @12 001c 0001 00000000 0010 *16:00", "unclean"},
        {"h:8180:1:1:0:0 q @12 001c 0001 00000000 0004 7f000002", "unclean"},
        {"h:8180:1:1:0:0 q @12 0001 0001 00000000 0003 7f0000", "unclean"},
        {"h:8180:1:1:0:0 q @12 0001 0001 00000000 0005 7f00000200", "unclean"},
        {"h:8180:1:1:0:0 q @12 0001 0001 00000000 0000", "unclean"},
        {"h:8180:1:2:0:0 q @12 A:127.0.0.2 @12 TXT:3 s:hi", "unclean 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 SOA @12 A:127.0.0.2", "unclean 127.0.0.2"},
        {"h:8180:1:1:0:0 q @12 0001 0001 ffffffff 0004 7f000002", "clean 127.0.0.2"},
        {"h:8180:1:1:1:1 q @12 A:127.0.0.2 @22 NS @25 A:192.0.2.1", "clean 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 CNAME:x.example.org =x.example.org A:127.0.0.2", "unclean cname"},
        {"h:8180:1:2:0:0 q @12 A:127.0.0.2 @12 CNAME:x.example.org", "unclean cname 127.0.0.2"},
        {"h:8180:1:1:0:0 q @22 0027 0001 00000000 0001 00", "unclean cname"},
    };
    check_rows(rows, COUNT(rows), false, NULL);
}

static void follows_aliases_only_below_the_suffix_in_order_and_to_an_address(void **state) {
    struct qname suffix = name_of("alias.test");
    static const struct row rows[] = {
        {"h:8180:1:1:0:0 q @12 A:127.0.0.2", "clean 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 CNAME:a.alias.test =a.alias.test A:127.0.0.2", "clean cname 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 CNAME:a.alias.test @54 A:127.0.0.2", "clean cname 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 CNAME:A.ALIAS.TEST =a.alias.test A:127.0.0.2", "clean cname 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 CNAME:alias.test =alias.test A:127.0.0.2", "clean cname 127.0.0.2"},
        {"h:8180:1:3:0:0 q @12 CNAME:a.alias.test =a.alias.test A:127.0.0.2 =a.alias.test A:127.0.0.3",
         "clean cname 127.0.0.2 127.0.0.3"},
        {"h:8180:1:3:0:0 q @12 CNAME:a.alias.test =a.alias.test CNAME:b.alias.test =b.alias.test A:127.0.0.2",
         "clean cname 127.0.0.2"},
        {"h:8180:1:9:0:0 q @12 CNAME:1.alias.test =1.alias.test CNAME:2.alias.test =2.alias.test "
         "CNAME:3.alias.test "
         "=3.alias.test CNAME:4.alias.test =4.alias.test CNAME:5.alias.test =5.alias.test CNAME:6.alias.test "
         "=6.alias.test CNAME:7.alias.test =7.alias.test CNAME:8.alias.test =8.alias.test A:127.0.0.2",
         "clean cname 127.0.0.2"},
        {"h:8180:1:10:0:0 q @12 CNAME:1.alias.test =1.alias.test CNAME:2.alias.test =2.alias.test "
         "CNAME:3.alias.test "
         "=3.alias.test CNAME:4.alias.test =4.alias.test CNAME:5.alias.test =5.alias.test CNAME:6.alias.test "
         "=6.alias.test CNAME:7.alias.test =7.alias.test CNAME:8.alias.test =8.alias.test CNAME:9.alias.test "
         "=9.alias.test A:127.0.0.2",
         "unclean cname"},
        {"h:8180:1:1:0:0 q @12 CNAME:a.alias.test", "unclean cname"},
        {"h:8180:1:2:0:0 q @12 CNAME:a.alias.test @12 A:127.0.0.2", "unclean cname"},
        {"h:8180:1:2:0:0 q @12 CNAME:a.alias.test =b.alias.test A:127.0.0.2", "unclean cname"},
        {"h:8180:1:2:0:0 q @12 CNAME:a.other.test =a.other.test A:127.0.0.2", "unclean cname"},
        {"h:8180:1:2:0:0 q @12 CNAME:notalias.test =notalias.test A:127.0.0.2", "unclean cname"},
        {"h:8180:1:2:0:0 q @12 CNAME:test =test A:127.0.0.2", "unclean cname"},
        {"h:8180:1:2:0:0 q =a.alias.test A:127.0.0.2 @12 CNAME:a.alias.test", "unclean cname"},
        {"h:8180:1:2:0:0 q @22 CNAME:a.alias.test =a.alias.test A:127.0.0.2", "unclean cname"},
        {"h:8180:1:2:0:0 q @12 A:127.0.0.2 @12 CNAME:a.alias.test", "unclean cname 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 CNAME:2.0.0.127.bl.example.net @12 A:127.0.0.2", "unclean cname 127.0.0.2"},
        {"h:8180:1:4:0:0 q @12 CNAME:a.alias.test =a.alias.test CNAME:b.alias.test =b.alias.test "
         "CNAME:a.alias.test "
         "=b.alias.test A:127.0.0.2",
         "unclean cname 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 0005 0003 00000000 000e =a.alias.test =a.alias.test A:127.0.0.2",
         "unclean cname"},
        {"h:8180:1:2:0:0 q @12 0027 0001 00000000 0001 00 @12 A:127.0.0.2", "unclean cname 127.0.0.2"},
    };
    check_rows(rows, COUNT(rows), false, &suffix);
    suffix = name_of("net");
    static const struct row loop[] = {
        {"h:8180:1:2:0:0 q @12 CNAME:2.0.0.127.BL.example.net @12 A:127.0.0.2", "unclean cname 127.0.0.2"},
        {"h:8180:1:2:0:0 q @12 CNAME:3.0.0.127.bl.example.net =3.0.0.127.bl.example.net A:127.0.0.2",
         "clean cname 127.0.0.2"},
    };
    check_rows(loop, COUNT(loop), false, &suffix);
}

static void learns_one_soa_of_a_zone_above_the_question(void **state) {
    static const struct row rows[] = {
        {"h:8183:1:0:1:0 q @22 SOA", "rcode 3 clean empty soa bl.example.net"},
        {"h:8183:1:0:1:0 q =BL.EXAMPLE.NET SOA", "rcode 3 clean empty soa bl.example.net"},
        {"h:8183:1:0:1:0 q @12 SOA", "rcode 3 clean empty soa 2.0.0.127.bl.example.net"},
        {"h:8183:1:0:1:0 q @33 SOA", "rcode 3 clean empty soa net"},
        {"h:8183:1:0:2:0 q @22 SOA =Bl.example.net SOA", "rcode 3 clean empty soa bl.example.net"},
        {"h:8183:1:0:2:0 q @22 SOA @25 SOA", "rcode 3 clean empty foreign soa"},
        {"h:8183:1:0:1:0 q =example.org SOA", "rcode 3 clean empty foreign soa"},
        {"h:8183:1:0:1:0 q =l.example.net SOA", "rcode 3 clean empty foreign soa"},
        {"h:8183:1:0:1:0 q =1.2.0.0.127.bl.example.net SOA", "rcode 3 clean empty foreign soa"},
        {"h:8183:1:0:1:0 q @22 0006 0003 00000000 0016 *22:00", "rcode 3 clean empty foreign soa"},
        {"h:8183:1:0:1:1 q @22 SOA =rpz.local SOA", "rcode 3 clean empty foreign soa"},
        {"h:8183:1:0:0:1 q @22 SOA", "rcode 3 clean empty foreign soa"},
        {"h:8180:1:0:2:0 q @22 NS @22 SOA", "clean empty soa bl.example.net"},
        {"h:8180:1:0:2:0 q @22 NS =example.org SOA", "clean empty foreign soa"},
        {"h:8180:1:0:1:0 q @22 NS", "clean empty contradictory"},
        {"h:8183:1:0:1:0 q @22 NS", "rcode 3 clean empty"},
        {"h:8180:1:0:0:1 q @22 NS", "clean empty"},
        {"h:8180:1:0:2:0 q @12 A:127.0.0.2 @22 SOA", "clean empty soa bl.example.net contradictory"},
        {"h:8183:1:0:1:1 q @22 SOA @12 A:127.0.0.2", "rcode 3 clean empty soa bl.example.net contradictory"},
        {"h:8183:1:0:1:1 q @22 SOA @22 A:127.0.0.2", "rcode 3 clean empty soa bl.example.net"},
        {"h:8183:1:0:1:0 q @22 0006 0001 00000000 0015 *21:00", "bad record"},
        {"h:8183:1:0:1:0 q @22 0006 0001 00000000 0017 *23:00", "bad record"},
        {"h:8183:1:0:1:0 q @22 0006 0001 00000000 0000", "bad record"},
        {"h:8183:1:0:1:0 q @22 0006 0001 00000000 0016 40 *21:00", "bad name"},
        {"h:8183:1:0:1:0 q @22 0006 0001 00000000 0016 00 80 *20:00", "bad name"},
        {"h:8183:1:0:1:0 q @22 0006 0001 00000000 0018 @22 @25 *20:00",
         "rcode 3 clean empty soa bl.example.net"},
    };
    check_rows(rows, COUNT(rows), false, NULL);
}

static void wants_every_counted_record_and_nothing_behind_them(void **state) {
    static const struct row rows[] = {
        {"h:8180:1:0:0:0 q 00", "bad record"},
        {"h:8180:1:1:0:0 q", "bad record"},
        {"h:8180:1:2:0:0 q @12 A:127.0.0.2", "bad record"},
        {"h:8180:1:0:0:0 q @12 A:127.0.0.2", "bad record"},
        {"h:8180:1:65535:0:0 q @12 A:127.0.0.2", "bad record"},
        {"h:8180:1:0:65535:65535 q", "bad record"},
        {"h:8180:1:1:0:0 q @12", "bad record"},
        {"h:8180:1:1:0:0 q c0", "bad record"},
        {"h:8180:1:1:0:0 q 0132", "bad record"},
        {"h:8180:1:1:0:0 q 3f32", "bad record"},
        {"h:8180:1:1:0:0 q @12 0001 0001 00000000 00", "bad record"},
        {"h:8180:1:1:0:0 q @12 0001 0001 00000000 0004 7f0000", "bad record"},
        {"h:8180:1:1:0:0 q @12 0001 0001 00000000 ffff 7f000002", "bad record"},
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 @12 0010 0001 00000000 0009 00", "bad record"},
        {"h:8180:1:0:0:2 q @25 ff01 0001 00000000 0003 010203 = 0000 0000 00000000 0000", "clean empty"},
        {"h:8180:1:1:0:0 q @12 0005 0001 00000000 0002 00 00", "bad record"},
        {"h:8180:1:1:0:0 q @12 0005 0001 00000000 0002 =a", "bad record"},
        {"h:8180:1:0:1:0 q @22 0002 0001 00000000 0000", "bad record"},
        {"h:8180:1:0:1:0 q @22 0002 0001 00000000 0002 @54", "bad name"},
    };
    check_rows(rows, COUNT(rows), false, NULL);
}

static void refuses_names_that_break_the_rules(void **state) {
    static const struct row rows[] = {
        {"h:8180:1:1:0:0 q @42 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:0 q @11 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:0 q @0 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:0 q 0132 @42 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:0 q 0132 @44 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:0 q 03016100 @43 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:0 q 40 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:0 q 7f *127:61 00 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:0 q 80 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:0 q bf *191:61 00 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 @69 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:1:0 q @12 A:127.0.0.2 41 A:127.0.0.2", "bad name"},
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 3f *63:61 00 A:127.0.0.2", "clean 127.0.0.2"},
        /* 63 + 63 + 63 + 61 and the lengths: 254, 255 with the root; then one more */
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 3f *63:61 3f *63:61 3f *63:61 3d *61:61 00 A:127.0.0.2",
         "clean 127.0.0.2"},
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 3f *63:61 3f *63:61 3f *63:61 3e *62:61 00 A:127.0.0.2",
         "bad name"},
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 *127:0161 00 A:127.0.0.2", "clean 127.0.0.2"},
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 *128:0161 00 A:127.0.0.2", "bad name"},
        /* 115 labels in front of the zone's 10 + 4 + 12 octets fill 256; 114 leave 254 */
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 *114:0161 @12 A:127.0.0.2", "clean 127.0.0.2"},
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 *115:0161 @12 A:127.0.0.2", "bad name"},
    };
    check_rows(rows, COUNT(rows), false, NULL);
}

static void lets_opt_stand_once_with_the_root_in_the_additional_section(void **state) {
    static const struct row rows[] = {
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 OPT:00", "clean 127.0.0.2"},
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 OPT:01", "rcode 16 clean 127.0.0.2"},
        {"h:8183:1:0:0:1 q OPT:ff", "rcode 4083 clean empty"},
        {"h:8180:1:1:0:1 q @12 A:127.0.0.2 00 0029 04d0 00000000 0004 000a0000", "clean 127.0.0.2"},
        {"h:8180:1:1:0:2 q @12 A:127.0.0.2 OPT:00 OPT:00", "bad record"},
        {"h:8180:1:1:1:0 q @12 A:127.0.0.2 OPT:00", "bad record"},
        {"h:8180:1:2:0:0 q @12 A:127.0.0.2 OPT:00", "bad record"},
        {"h:8180:1:0:0:1 q @22 0029 04d0 00000000 0000", "bad record"},
    };
    check_rows(rows, COUNT(rows), false, NULL);
}

/* Position of the chain's n-th pointer, each to the one before, the first of them to the zone in the
 * question. */
static size_t put_chain(size_t n) {
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        size_t target = i == 0 ? WIRE_ZONE : last;
        last = wire.len;
        wire_u16(&wire, (unsigned)(0xc000 | target));
    }
    return last;
}

static void follows_at_most_128_pointers_for_a_name(void **state) {
    for (size_t hops = 126; hops <= 130; hops++) {
        wire_from_text(&wire, "h:8183:1:0:2:0 q = ff00 0001 00000000 00ff");
        size_t rdata = wire.len;
        size_t last = put_chain(hops - 1);
        while (wire.len < rdata + 255)
            wire_u8(&wire, 0);
        if (hops - 1 > 127) {
            wire.bytes[rdata - 2] = 1; /* a longer RDATA holds the longer chain */
            while (wire.len < rdata + 511)
                wire_u8(&wire, 0);
        }
        wire_u16(&wire, (unsigned)(0xc000 | last));
        wire_soa(&wire);
        read_exactly(wire.bytes, wire.len, &question, NULL, &reply);
        if (reply.form != (hops <= 128 ? REPLY_SOUND : REPLY_BAD_NAME) || reply.has_soa != (hops <= 128))
            fail_msg("%zu pointers: %s", hops, form_words[reply.form]);
    }
}

static void reads_the_worst_64_kilobytes_within_milliseconds(void **state) {
    wire_from_text(&wire, "h:8180:1:1:0:0 q = ff00 0001 00000000 0200 *100:0161 @12 ");
    size_t labels = wire.len - 2 - 2 * (size_t)100;
    size_t last = labels;
    for (int i = 0; i < 126; i++) {
        size_t here = wire.len;
        wire_u16(&wire, (unsigned)(0xc000 | last));
        last = here;
    }
    while (wire.len < labels + 512)
        wire_u8(&wire, 0);
    unsigned records = 1;
    for (; wire.len + 12 <= WIRE_MAX; records++) {
        wire_u16(&wire, (unsigned)(0xc000 | last));
        wire_bytes(&wire, "\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10);
    }
    wire.bytes[6] = (uint8_t)(records >> 8);
    wire.bytes[7] = (uint8_t)records;
    clock_t start = clock();
    reply_read(wire.bytes, wire.len, &question, NULL, &reply);
    double took = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_int_equal(reply.form, REPLY_SOUND);
    assert_int_equal(reply.n_answer_records, records);
    print_message("%u records took %.1f ms\n", records, took * 1e3);
    assert_true(took < 0.5);
}

static void holds_all_addresses_that_64_kilobytes_can_carry(void **state) {
    wire_from_text(&wire, "h:8180:1:0:0:0 q");
    unsigned n = 0;
    for (; wire.len + 16 <= WIRE_MAX; n++) {
        wire_u16(&wire, 0xc000 | WIRE_QUESTION);
        wire_a(&wire, 0x7f000002 + n);
    }
    wire.bytes[6] = (uint8_t)(n >> 8);
    wire.bytes[7] = (uint8_t)n;
    read_exactly(wire.bytes, wire.len, &question, NULL, &reply);
    assert_true(reply.answers_clean && !reply.addresses_overflow);
    assert_int_equal(reply.n_addresses, n);
    assert_int_equal(reply.addresses[n - 1], 0x7f000002 + n - 1);
}

/* Only the root is short enough for more than REPLY_MAX_ADDRESSES; nobody asks for it. */
static void calls_more_addresses_than_it_holds_unclean(void **state) {
    struct qname root = {.wire = {0}, .len = 1};
    const struct reply_question asked = {.name = &root, .type = QUERY_A, .id = WIRE_ID};
    for (unsigned n = REPLY_MAX_ADDRESSES; n <= REPLY_MAX_ADDRESSES + 1; n++) {
        wire_from_text(&wire, "h:8180:1:0:0:0 = 0001 0001");
        for (unsigned i = 0; i < n; i++) {
            wire_name(&wire, "");
            wire_a(&wire, 0x7f000002);
        }
        wire.bytes[6] = (uint8_t)(n >> 8);
        wire.bytes[7] = (uint8_t)n;
        read_exactly(wire.bytes, wire.len, &asked, NULL, &reply);
        assert_int_equal(reply.form, REPLY_SOUND);
        assert_int_equal(reply.n_addresses, REPLY_MAX_ADDRESSES);
        assert_int_equal(reply.addresses_overflow, n > REPLY_MAX_ADDRESSES);
        assert_int_equal(reply.answers_clean, n == REPLY_MAX_ADDRESSES);
    }
}

static const char *const sound[] = {
    "h:8180:1:1:0:0 q @12 A:127.0.0.2",
    "h:8580:1:2:1:2 q @12 A:127.0.0.2 @12 A:127.0.0.3 @22 NS =ns.example.net A:192.0.2.1 OPT:00",
    "h:8183:1:0:1:0 q @22 SOA",
    "h:8183:1:0:2:1 q @22 0006 0001 00000000 0018 @22 @25 *20:01 @22 NS OPT:00",
};

static void is_unsound_when_cut_anywhere_or_continued(void **state) {
    for (size_t i = 0; i < COUNT(sound); i++) {
        wire_from_text(&wire, sound[i]);
        read_exactly(wire.bytes, wire.len, &question, NULL, &reply);
        assert_int_equal(reply.form, REPLY_SOUND);
        for (size_t len = 0; len < wire.len; len++) {
            read_exactly(wire.bytes, len, &question, NULL, &reply);
            if (reply.form == REPLY_SOUND)
                fail_msg("%s\n  is sound when cut to %zu bytes", sound[i], len);
            assert_int_equal(reply.n_addresses, 0);
        }
        for (int extra = 1; extra <= 20; extra++) {
            wire_u8(&wire, 0);
            read_exactly(wire.bytes, wire.len, &question, NULL, &reply);
            assert_int_equal(reply.form, REPLY_BAD_RECORD);
        }
    }
}

/* Nothing of what was in the struct shines through, nor of records read before the fault. */
static void sets_all_of_its_result(void **state) {
    static struct reply other;
    static const char *const faulty[] = {"", "h:8380:1:0:0:0 q",
                                         "h:8180:1:3:0:0 q @12 A:127.0.0.2 @12 A:127.0.0.3",
                                         "h:8180:1:0:2:0 q @22 SOA"};
    for (size_t i = 0; i < COUNT(sound) + COUNT(faulty); i++) {
        wire_from_text(&wire, i < COUNT(sound) ? sound[i] : faulty[i - COUNT(sound)]);
        memset(&reply, 0x00, sizeof reply);
        memset(&other, 0xff, sizeof other);
        reply_read(wire.bytes, wire.len, &question, NULL, &reply);
        reply_read(wire.bytes, wire.len, &question, NULL, &other);
        assert_memory_equal(&reply, &other, sizeof reply);
        for (size_t k = reply.soa_owner.len; k < QNAME_MAX; k++)
            assert_int_equal(reply.soa_owner.wire[k], 0);
        if (i >= COUNT(sound))
            assert_true(reply.form != REPLY_SOUND && reply.n_addresses == 0 && reply.n_answer_records == 0 &&
                        !reply.answers_clean && !reply.has_soa);
    }
}

static void keeps_the_rcode_of_a_server_that_refuses_without_ra_and_aa(void **state) {
    wire_from_text(&wire, "h:8105:1:0:0:0 q");
    reply_read(wire.bytes, wire.len, &question, NULL, &reply);
    assert_int_equal(reply.form, REPLY_NO_SERVICE);
    assert_int_equal(reply.rcode, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_only_a_header_and_question_that_are_ours),
        cmocka_unit_test(wants_our_spelling_only_where_it_was_mixed),
        cmocka_unit_test(takes_only_addresses_of_the_question_as_a_clean_answer),
        cmocka_unit_test(follows_aliases_only_below_the_suffix_in_order_and_to_an_address),
        cmocka_unit_test(learns_one_soa_of_a_zone_above_the_question),
        cmocka_unit_test(wants_every_counted_record_and_nothing_behind_them),
        cmocka_unit_test(refuses_names_that_break_the_rules),
        cmocka_unit_test(lets_opt_stand_once_with_the_root_in_the_additional_section),
        cmocka_unit_test(follows_at_most_128_pointers_for_a_name),
        cmocka_unit_test(reads_the_worst_64_kilobytes_within_milliseconds),
        cmocka_unit_test(holds_all_addresses_that_64_kilobytes_can_carry),
        cmocka_unit_test(calls_more_addresses_than_it_holds_unclean),
        cmocka_unit_test(is_unsound_when_cut_anywhere_or_continued),
        cmocka_unit_test(sets_all_of_its_result),
        cmocka_unit_test(keeps_the_rcode_of_a_server_that_refuses_without_ra_and_aa),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
