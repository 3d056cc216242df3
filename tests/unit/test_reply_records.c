/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/reply.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct wire wire; /* 64 KB: not on the stack */
static struct reply head;
static struct reply_texts texts;
static bool no_memory;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size) {
    return no_memory ? NULL : __real_realloc(old, size);
}

static int set_up(void **state) {
    reply_texts_init(&texts);
    return 0;
}

static int tear_down(void **state) {
    reply_texts_release(&texts);
    return 0;
}

static const char *const words[] = {
    [REPLY_SAYS_RECORDS] = "records",   [REPLY_SAYS_NODATA] = "nodata",   [REPLY_SAYS_NXDOMAIN] = "nxdomain",
    [REPLY_SAYS_SERVFAIL] = "servfail", [REPLY_SAYS_REFUSED] = "refused", [REPLY_SAYS_NOTHING] = "nothing",
};

/* "nxdomain", or "records [first] [second]". */
static void describe(enum reply_says says, char *out, size_t size) {
    const char *text;
    size_t len;
    size_t at = 0;
    size_t used = (size_t)snprintf(out, size, "%s", words[says]);
    while (reply_texts_next(&texts, &at, &text, &len))
        used += (size_t)snprintf(out + used, size - used, " [%.*s]", (int)len, text);
}

/* A line as in wire.h, where Q is the question with its type. */
static enum reply_says read_line(const char *line, enum query_type type) {
    char text[1000];
    struct qname name;
    assert_int_equal(qname_from_zone(WIRE_NAME, strlen(WIRE_NAME), &name), STATUS_OK);
    const char *q = strchr(line, 'Q');
    if (q != NULL)
        snprintf(text, sizeof text, "%.*s=%s %04x 0001%s", (int)(q - line), line, WIRE_NAME, type, q + 1);
    else
        snprintf(text, sizeof text, "%s", line);
    wire_from_text(&wire, text);
    const struct reply_question question = {.name = &name, .type = type, .id = WIRE_ID};
    return reply_read_texts(wire.bytes, wire.len, &question, &head, &texts);
}

struct row {
    const char *line;
    const char *says;
};

static void check_rows(const struct row *rows, size_t n, enum query_type type) {
    char says[600];
    for (size_t i = 0; i < n; i++) {
        describe(read_line(rows[i].line, type), says, sizeof says);
        if (strcmp(says, rows[i].says) != 0)
            fail_msg("row %zu: %s\n  said \"%s\"\n  expected \"%s\"", i, rows[i].line, says, rows[i].says);
    }
}

static void reads_texts_record_by_record_with_their_strings_joined(void **state) {
    static const struct row rows[] = {
        {"h:8180:1:1:0:0 Q @12 TXT:6 s:hello", "records [hello]"},
        {"h:8180:1:1:0:0 Q @12 TXT:12 s:hello s:world", "records [helloworld]"},
        {"h:8180:1:2:0:0 Q @12 TXT:6 s:hello @12 TXT:12 s:world s:_wide", "records [hello] [world wide]"},
        {"h:8180:1:1:0:0 Q @12 TXT:1 00", "records []"},
        {"h:8180:1:1:0:0 Q @12 TXT:3 02 c3a4", "records [\xc3\xa4]"},
        {"h:8180:1:1:0:0 Q @12 TXT:0", "nothing"},
        {"h:8180:1:1:0:0 Q @12 TXT:3 01 61 01", "nothing"},
        {"h:8180:1:1:0:0 Q @12 TXT:2 02 61", "nothing"},
        {"h:8180:1:1:0:0 Q =other.test TXT:2 s:x", "nothing"},
        {"h:8180:1:2:0:0 Q @12 TXT:2 s:x @12 A:127.0.0.2", "nothing"},
        {"h:8180:1:1:0:0 Q @12 0010 0003 00000000 0002 s:x", "nothing"},
        {"h:8180:1:1:0:1 Q @12 TXT:2 s:x OPT:00", "records [x]"},
        {"h:8180:1:1:0:0 Q =2.0.0.127.BL.example.net TXT:2 s:x", "records [x]"},
    };
    check_rows(rows, COUNT(rows), QUERY_TXT);
}

static void tells_no_records_from_no_name_and_from_no_answer(void **state) {
    static const struct row rows[] = {
        {"h:8180:1:0:0:0 Q", "nodata"},
        {"h:8180:1:0:1:0 Q @22 SOA", "nodata"},
        {"h:8183:1:0:1:0 Q @22 SOA", "nxdomain"},
        {"h:8183:1:0:0:0 Q", "nxdomain"},
        {"h:8183:1:1:0:0 Q @12 TXT:2 s:x", "nothing"},
        {"h:8182:1:0:0:0 Q", "servfail"},
        {"h:8185:1:0:0:0 Q", "refused"},
        {"h:8105:1:0:0:0 Q", "refused"},
        {"h:8102:1:0:0:0 Q", "servfail"},
        {"h:8100:1:0:0:0 Q", "nothing"},
        {"h:8103:1:0:0:0 Q", "nothing"},
        {"h:8181:1:0:0:0 Q", "nothing"},
        {"h:8184:1:0:0:0 Q", "nothing"},
        {"h:8180:1:0:1:0 Q @22 NS", "nothing"},
        {"h:8180:1:0:1:0 Q @12 TXT:2 s:x", "nothing"},
        {"h:8380:1:0:0:0 Q", "nothing"},
        {"h:8180:1:0:0:0 q", "nothing"},
        {"1235 8180 0001 0000 0000 0000 Q", "nothing"},
        {"h:8182:1:1:0:0 Q @12 TXT:2 s:x", "servfail"},
        {"", "nothing"},
    };
    check_rows(rows, COUNT(rows), QUERY_TXT);
}

static void follows_aliases_inside_the_message_only(void **state) {
    static const struct row rows[] = {
        {"h:8180:1:2:0:0 Q @12 CNAME:a.test =a.test TXT:2 s:x", "records [x]"},
        {"h:8180:1:3:0:0 Q @12 CNAME:a.test =A.test CNAME:b =b TXT:2 s:x", "records [x]"},
        {"h:8180:1:3:0:0 Q @22 DNAME:a.test @12 CNAME:2.0.0.127.a.test =2.0.0.127.a.test TXT:2 s:x",
         "records [x]"},
        {"h:8180:1:3:0:0 Q =other.net DNAME:a.test @12 CNAME:b =b TXT:2 s:x", "nothing"},
        {"h:8180:1:1:0:0 Q @12 CNAME:a.test", "nodata"},
        {"h:8183:1:1:1:0 Q @12 CNAME:a.test =test SOA", "nxdomain"},
        {"h:8180:1:1:1:0 Q @12 CNAME:a.test =test SOA", "nodata"},
        {"h:8180:1:2:0:0 Q =a.test TXT:2 s:x @12 CNAME:a.test", "records [x]"},
        {"h:8180:1:3:0:0 Q =b TXT:2 s:x =a CNAME:b @12 CNAME:a", "records [x]"},
        {"h:8180:1:4:0:0 Q =b TXT:2 s:x @12 CNAME:a =b TXT:2 s:y =a CNAME:b", "records [x] [y]"},
        {"h:8180:1:3:0:0 Q =2.0.0.127.a.test TXT:2 s:x @12 CNAME:2.0.0.127.a.test @22 DNAME:a.test",
         "records [x]"},
        {"h:8180:1:2:0:0 Q =a CNAME:b @12 CNAME:a", "nodata"},
        {"h:8183:1:2:0:0 Q =a CNAME:b @12 CNAME:a", "nxdomain"},
        {"h:8180:1:1:0:0 Q =a CNAME:b", "nothing"},
        {"h:8180:1:3:0:0 Q @12 CNAME:a =c CNAME:d =a TXT:2 s:x", "nothing"},
        {"h:8180:1:3:0:0 Q @12 CNAME:a @12 CNAME:a =a TXT:2 s:x", "nothing"},
        {"h:8180:1:3:0:0 Q @12 CNAME:a @12 CNAME:b =a TXT:2 s:x", "nothing"},
        {"h:8180:1:3:0:0 Q =a TXT:2 s:x =a CNAME:b @12 CNAME:a", "nothing"},
        {"h:8180:1:4:0:0 Q =a TXT:2 s:x =b TXT:2 s:y =a CNAME:b @12 CNAME:a", "nothing"},
        {"h:8180:1:3:0:0 Q =c TXT:2 s:x =a CNAME:b @12 CNAME:a", "nothing"},
        {"h:8180:1:3:0:0 Q =b CNAME:a =a CNAME:b @12 CNAME:a", "nothing"},
        {"h:8180:1:2:0:0 Q =a CNAME:a @12 CNAME:a", "nothing"},
        {"h:8180:1:3:0:0 Q =a TXT:2 s:x =other.net DNAME:a.test @12 CNAME:a", "nothing"},
        {"h:8180:1:2:0:0 Q =a 0010 0003 00000000 0002 s:x @12 CNAME:a", "nothing"},
        {"h:8180:1:2:0:0 Q @12 TXT:2 s:x @12 CNAME:a.test", "nothing"},
        {"h:8180:1:2:0:0 Q @12 CNAME:a.test @12 TXT:2 s:x", "nothing"},
        {"h:8180:1:1:0:0 Q @12 CNAME:" WIRE_NAME, "nothing"},
        {"h:8180:1:2:0:0 Q @12 CNAME:a =a CNAME:" WIRE_NAME, "nothing"},
        {"h:8180:1:9:0:0 Q @12 CNAME:a =a CNAME:b =b CNAME:c =c CNAME:d =d CNAME:e =e CNAME:f =f CNAME:g "
         "=g CNAME:h =h TXT:2 s:x",
         "records [x]"},
        {"h:8180:1:9:0:0 Q =h TXT:2 s:x =g CNAME:h =f CNAME:g =e CNAME:f =d CNAME:e =c CNAME:d =b CNAME:c =a "
         "CNAME:b @12 CNAME:a",
         "records [x]"},
        {"h:8180:1:9:0:0 Q @12 CNAME:a =a CNAME:b =b CNAME:c =c CNAME:d =d CNAME:e =e CNAME:f =f CNAME:g "
         "=g CNAME:h =h CNAME:i",
         "nothing"},
    };
    check_rows(rows, COUNT(rows), QUERY_TXT);
}

static void reads_the_names_of_a_host(void **state) {
    static const struct row rows[] = {
        {"h:8180:1:1:0:0 Q @12 PTR:mail-1.outbound.test", "records [mail-1.outbound.test]"},
        {"h:8180:1:2:0:0 Q @12 PTR:a.test @12 PTR:B.test", "records [a.test] [B.test]"},
        {"h:8180:1:1:0:0 Q @12 000c 0001 00000000 0002 @22", "records [bl.example.net]"},
        {"h:8180:1:1:0:0 Q @12 000c 0001 00000000 0005 02 2e07 @22", "records [\\046\\007.bl.example.net]"},
        {"h:8180:1:2:0:0 Q @12 CNAME:a.test =a.test PTR:host.test", "records [host.test]"},
        {"h:8180:1:1:0:0 Q @12 PTR:", "records [.]"},
        {"h:8180:1:1:0:0 Q @12 000c 0001 00000000 0003 @22 00", "nothing"},
        {"h:8180:1:1:0:0 Q @12 000c 0001 00000000 0001 02", "nothing"},
        {"h:8180:1:1:0:0 Q @12 000c 0001 00000000 0000", "nothing"},
        {"h:8180:1:1:0:0 Q @12 000c 0001 00000000 0002 ffff", "nothing"},
        {"h:8180:1:1:0:0 Q @12 TXT:2 s:x", "nothing"},
        {"h:8183:1:0:0:0 Q", "nxdomain"},
    };
    check_rows(rows, COUNT(rows), QUERY_PTR);
}

static void forgets_the_answer_before(void **state) {
    assert_int_equal(read_line("h:8180:1:1:0:0 Q @12 TXT:6 s:hello", QUERY_TXT), REPLY_SAYS_RECORDS);
    assert_int_equal(texts.n, 1);
    assert_int_equal(read_line("h:8180:1:2:0:0 Q @12 TXT:6 s:hello @12 A:1.2.3.4", QUERY_TXT),
                     REPLY_SAYS_NOTHING);
    const char *text;
    size_t len;
    size_t at = 0;
    assert_int_equal(texts.n, 0);
    assert_false(reply_texts_next(&texts, &at, &text, &len));
    assert_int_equal(head.form, REPLY_SOUND);
}

/* `n` PTR records that all have the same name of `n_labels` labels of 63 octets, each written as four
 * characters. */
static void make_long_names(unsigned n, int n_labels) {
    wire.len = 0;
    wire_header(&wire, 0x8180, 1, n, 0, 0);
    wire_name(&wire, WIRE_NAME);
    wire_u32(&wire, 0x000c0001);
    unsigned target = (unsigned)wire.len + 12;
    for (unsigned i = 0; i < n; i++) {
        wire_u16(&wire, 0xc000u | WIRE_QUESTION);
        wire_fixed(&wire, 12, i == 0 ? (size_t)n_labels * 64 + 1 : 2);
        if (i > 0) {
            wire_u16(&wire, 0xc000u | target);
            continue;
        }
        for (int at = 0; at < 64 * n_labels; at++)
            wire_u8(&wire, at % 64 == 0 ? 63 : 7);
        wire_u8(&wire, 0);
    }
}

static void an_answer_without_room_or_memory_is_none(void **state) {
    struct qname name;
    assert_int_equal(qname_from_zone(WIRE_NAME, strlen(WIRE_NAME), &name), STATUS_OK);
    const struct reply_question question = {.name = &name, .type = QUERY_PTR, .id = WIRE_ID};
    make_long_names(100, 3);
    assert_int_equal(reply_read_texts(wire.bytes, wire.len, &question, &head, &texts), REPLY_SAYS_RECORDS);
    assert_int_equal(texts.n, 100);
    make_long_names(300, 3);
    assert_int_equal(reply_read_texts(wire.bytes, wire.len, &question, &head, &texts), REPLY_SAYS_NOTHING);
    assert_int_equal(head.form, REPLY_SOUND);
    assert_int_equal(buf_status(&texts.bytes), STATUS_FULL);
    reply_texts_release(&texts);
    reply_texts_init(&texts);
    no_memory = true;
    enum reply_says says = read_line("h:8180:1:1:0:0 Q @12 TXT:6 s:hello", QUERY_TXT);
    no_memory = false;
    assert_int_equal(says, REPLY_SAYS_NOTHING);
    assert_int_equal(buf_status(&texts.bytes), STATUS_NO_MEMORY);
    assert_int_equal(read_line("h:8180:1:1:0:0 Q @12 TXT:6 s:hello", QUERY_TXT), REPLY_SAYS_RECORDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_texts_record_by_record_with_their_strings_joined, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tells_no_records_from_no_name_and_from_no_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follows_aliases_inside_the_message_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_the_names_of_a_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_the_answer_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_without_room_or_memory_is_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
