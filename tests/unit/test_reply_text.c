/* SPDX-License-Identifier: Apache-2.0 */
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

static struct qname name_of(const char *text) {
    struct qname name;
    if (qname_from_zone(text, strlen(text), &name))
        fail_msg("%s: no name", text);
    return name;
}

/* Messages as in wire.h, where Q is the question for TXT. `text` NULL: no text. */
static const struct text_row {
    const char *message;
    const char *text;
} text_rows[] = {
    {"h:8180:1:1:0:0 Q @12 TXT:6 s:hello", "hello"},
    {"h:8180:1:1:0:0 Q @12 TXT:12 s:hello s:world", "helloworld"},
    {"h:8180:1:2:0:0 Q @12 TXT:6 s:hello @12 TXT:6 s:world", "hello world"},
    {"h:8180:1:1:0:0 Q @12 TXT:1 00", ""},
    {"h:8180:1:2:0:0 Q @12 TXT:1 00 @12 TXT:2 s:x", " x"},
    {"h:8180:1:1:0:0 Q @12 TXT:6 05 61000a1b62", "a???b"},
    {"h:8180:1:1:0:0 Q @12 TXT:4 03 7fc285", "??"},
    {"h:8180:1:1:0:0 Q @12 TXT:6 05 c3a4e282ac", "\xc3\xa4\xe2\x82\xac"},
    {"h:8180:1:1:0:0 Q @12 TXT:7 02 c3a4 03 e282ac", "\xc3\xa4\xe2\x82\xac"},
    {"h:8180:1:1:0:0 Q @12 TXT:5 01 c3 02 a421", "\xc3\xa4!"},
    {"h:8180:1:1:0:0 Q @12 TXT:5 04 f09f9880", "\xf0\x9f\x98\x80"},
    {"h:8180:1:2:0:0 Q @12 TXT:2 01 c3 @12 TXT:2 01 a4", "? ?"},
    {"h:8180:1:1:0:0 Q @12 TXT:5 04 c3282162", "?(!b"},
    {"h:8180:1:1:0:0 Q @12 TXT:6 05 e282c3a441", "??\xc3\xa4"
                                                 "A"},
    {"h:8180:1:1:0:0 Q @12 TXT:3 02 c0af", "??"},
    {"h:8180:1:1:0:0 Q @12 TXT:4 03 e080af", "???"},
    {"h:8180:1:1:0:0 Q @12 TXT:4 03 eda080", "???"},
    {"h:8180:1:1:0:0 Q @12 TXT:5 04 f0808080", "????"},
    {"h:8180:1:1:0:0 Q @12 TXT:5 04 f4908080", "????"},
    {"h:8180:1:1:0:0 Q @12 TXT:5 04 f5808080", "????"},
    {"h:8180:1:1:0:0 Q @12 TXT:5 04 61 e280ae", "a?"},
    {"h:8180:1:1:0:0 Q @12 TXT:12 0b e281a6e280a8d89cefbbbf", "????"},
    {"h:8180:1:1:0:0 Q @12 TXT:5 04 f3a08081", "?"},
    {"h:8180:1:1:0:0 Q @12 TXT:7 06 225c0d0a253c", "\"\\??%<"},
    {"h:8180:1:0:0:0 Q", NULL},
    {"h:8183:1:1:0:0 Q @12 TXT:2 s:x", NULL},
    {"h:8180:1:1:0:1 Q @12 TXT:2 s:x OPT:01", NULL},
    {"h:8380:1:1:0:0 Q @12 TXT:2 s:x", NULL},
    {"h:8180:1:1:0:0 Q @12 TXT:0", NULL},
    {"h:8180:1:1:0:0 Q @12 TXT:2 02 61", NULL},
    {"h:8180:1:1:0:0 Q @12 TXT:3 01 61 01", NULL},
    {"h:8180:1:1:0:0 Q @14 TXT:2 s:x", NULL},
    {"h:8180:1:1:0:0 Q @12 0010 0003 00000000 0002 s:x", NULL},
    {"h:8180:1:2:0:0 Q @12 TXT:2 s:x @12 A:127.0.0.2", NULL},
    {"h:8180:1:2:0:0 Q @12 TXT:2 s:x @12 CNAME:a", NULL},
    {"h:8180:1:1:0:0 q @12 TXT:2 s:x", NULL},
};

static void wire_from_text_question(const char *message) {
    char text[400];
    const char *q = strchr(message, 'Q');
    if (q)
        snprintf(text, sizeof text, "%.*s=%s 0010 0001%s", (int)(q - message), message, WIRE_NAME, q + 1);
    else
        snprintf(text, sizeof text, "%s", message);
    wire_from_text(&wire, text);
}

static void makes_the_texts_of_a_list_safe_to_print(void **state) {
    struct qname name = name_of(WIRE_NAME);
    struct reply_question question = {.name = &name, .type = QUERY_TXT, .id = WIRE_ID};
    for (size_t i = 0; i < COUNT(text_rows); i++) {
        const struct text_row *row = &text_rows[i];
        char text[100] = "untouched";
        wire_from_text_question(row->message);
        bool found = reply_read_txt(wire.bytes, wire.len, &question, text, sizeof text);
        if (found != (row->text != NULL) || strcmp(text, row->text ? row->text : "untouched") != 0)
            fail_msg("%s: read \"%s\"", row->message, text);
    }
    question.type = QUERY_A;
    char text[10];
    wire_from_text(&wire, "h:8180:1:1:0:0 q @12 A:127.0.0.2");
    assert_false(reply_read_txt(wire.bytes, wire.len, &question, text, sizeof text));
}

static void cuts_texts_to_whole_characters(void **state) {
    struct qname name = name_of(WIRE_NAME);
    struct reply_question question = {.name = &name, .type = QUERY_TXT, .id = WIRE_ID};
    static const char *const cuts[] = {"",
                                       "a",
                                       "a",
                                       "a\xc3\xa4",
                                       "a\xc3\xa4"
                                       "b",
                                       "a\xc3\xa4"
                                       "b"};
    wire_from_text_question("h:8180:1:1:0:0 Q @12 TXT:5 04 61c3a462");
    char text[8];
    assert_false(reply_read_txt(wire.bytes, wire.len, &question, text, 0));
    for (size_t i = 0; i < COUNT(cuts); i++) {
        memset(text, '#', sizeof text);
        assert_true(reply_read_txt(wire.bytes, wire.len, &question, text, i + 1));
        assert_string_equal(text, cuts[i]);
        assert_int_equal(text[i + 1], '#');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_texts_of_a_list_safe_to_print),
        cmocka_unit_test(cuts_texts_to_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
