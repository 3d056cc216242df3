/* SPDX-License-Identifier: Apache-2.0
 *
 * Which bytes are a message, which of its parts are read, and what limits hold. Whole messages are in
 * tests/e2e/bounces.
 */
#include "edge/mime.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "From: a@example.org\nTo: b@example.org\n"

static void tells_messages_from_text(void **state) {
    static const struct {
        const char *text;
        bool is_message;
    } rows[] = {
        {HEAD "\nbody", true},
        {"From mail@example.org Fri Nov 27\n" HEAD "\nbody", true},
        {"Received: from a\n\tby b\nSubject:\n\n", true},
        {"from: a\r\nTO: b\r\n\r\nbody", true},
        {"Received: from a\nX-Y: z\nReceived: from b", true},
        {"Subject: only one of them\n\nbody", false},
        {"554 5.7.1 Client host [192.0.2.1] blocked", false},
        {"Status: 5.7.1\nDiagnostic-Code: smtp; 554 5.7.1 blocked", false},
        {"Subject: a\nthis is no field\nTo: b\n", false},
        {" From: a\nTo: b\n", false},
        {"", false},
        {"\n" HEAD, false},
        {"From ", false},
    };
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (mime_is_message(rows[i].text, strlen(rows[i].text)) != rows[i].is_message) {
            print_message("%s\n", rows[i].text);
            failed++;
        }
    assert_int_equal(failed, 0);
}

/* Blanks and line ends as one space. */
static void expect(const char *message, size_t len, const char *words) {
    struct buf out;
    char found[4096];
    size_t n = 0;
    buf_init(&out, MIME_BYTES);
    assert_int_equal(mime_text(message, len, &out), STATUS_OK);
    for (const char *p = buf_text(&out); *p != '\0' && n + 1 < sizeof found; p++)
        if (strchr(" \n\r\t", *p) == NULL)
            found[n++] = *p;
        else if (n > 0 && found[n - 1] != ' ')
            found[n++] = ' ';
    while (n > 0 && found[n - 1] == ' ')
        n--;
    found[n] = '\0';
    assert_string_equal(found, words);
    buf_release(&out);
}

static void reads_the_parts_that_servers_write(void **state) {
    static const struct {
        const char *message;
        const char *words;
    } rows[] = {
        {HEAD "\none\ntwo", "one two"},
        {HEAD "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
              "quoted-printable\n\n=E9=\nx=3D",
         "\xc3\xa9x="},
        {HEAD
         "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n--b\nContent-Type: "
         "text/plain\n\ntwo\n--b--\n",
         "two"}, /* nothing is added to the NULL that a part without content is */
        {HEAD "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\nPHA+b25lPC9wPjxwPnR3bzwvcD4=",
         "one two"},
        {HEAD "Content-Type: image/png\n\nnot shown", ""},
        {HEAD "Content-Type: multipart/mixed; boundary=b\n\nprologue\n--b\n\none\n--b\nContent-Type: "
              "text/html\n\n<b>two</b>\n"
              "--b\nContent-Type: message/rfc822\n\n" HEAD "\nthree\n--b--\nepilogue",
         "one two three"},
        /* the copy of the rejected message was said by nobody who rejects */
        {HEAD "Content-Type: multipart/report; boundary=b\n\n--b\n\none\n--b\nContent-Type: "
              "message/delivery-status\n\n"
              "Status: 5.7.1\n\nAction: failed\n--b\nContent-Type: message/rfc822\n\n" HEAD
              "\nthree\n--b--\n",
         "one Status: 5.7.1 Action: failed"},
        {HEAD "Content-Type: multipart/report; boundary=b\n\n--b\n\none\n--b\nContent-Type: "
              "text/rfc822-headers\n\n" HEAD "--b--\n",
         "one"},
        {HEAD "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: multipart/mixed; "
              "boundary=c\n\n--c\n\n"
              "one\n--c\nContent-Type: message/rfc822\n\n" HEAD "\nthree\n--c--\n--b--\n",
         "one"},
        {HEAD "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: "
              "message/delivery-status\n\n"
              "Status: 5.7.1\n--b\nContent-Type: message/rfc822\n\n" HEAD "\nthree\n--b--\n",
         "one Status: 5.7.1"},
        /* RFC 6533 */
        {HEAD
         "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/global-delivery-status\n"
         "Content-Transfer-Encoding: base64\n\nU3RhdHVzOiA1LjcuMQo=\n--b\nContent-Type: "
         "message/global-headers\n\n"
         "three\n--b\nContent-Type: message/global\n\n" HEAD "\nfour\n--b--\n",
         "Status: 5.7.1"},
        /* fields that stand in a body stay fields */
        {HEAD "\nFrom: one\nto : two", "X-om: one X- : two"},
        /* broken ones */
        {HEAD "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none", "one"},
        {HEAD "Content-Type: text/plain; charset=no-such-charset\n\none", "one"},
        {HEAD "Content-Transfer-Encoding: no-such-encoding\n\none", "one"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(rows[i].message, strlen(rows[i].message), rows[i].words);
}

static void reads_on_behind_a_nul(void **state) {
    static const char message[] =
        HEAD "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nb25lAHR3bw==";
    struct buf out;
    buf_init(&out, MIME_BYTES);
    assert_int_equal(mime_text(message, sizeof message - 1, &out), STATUS_OK);
    assert_int_equal(out.len, 7);
    assert_memory_equal(out.data, "one\0two", 7);
    buf_release(&out);
}

/* Repeats `piece` behind HEAD up to a megabyte, or `n` times. */
static char *repeated(const char *before, const char *piece, size_t n, const char *after, size_t *len) {
    size_t size = strlen(HEAD) + strlen(before) + n * strlen(piece) + strlen(after);
    char *text = malloc(size + 1);
    assert_non_null(text);
    char *p = text + sprintf(text, "%s%s", HEAD, before);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, piece);
    p = stpcpy(p, after);
    *len = (size_t)(p - text);
    return text;
}

static void takes_no_more_than_its_limits(void **state) {
    static const struct {
        const char *before;
        const char *piece;
        size_t n;
        const char *after;
        enum status status;
    } rows[] = {
        {"", "Content-Type: message/rfc822\n\n", MIME_NESTS - 1, "\nx", STATUS_OK},
        {"", "Content-Type: message/rfc822\n\n", MIME_NESTS + 1, "\nx", STATUS_SYNTAX},
        {"Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\n\n", MIME_BOUNDARIES, "", STATUS_OK},
        {"Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\n\n", MIME_BOUNDARIES + 1, "",
         STATUS_SYNTAX},
        {"Cc: ", "a:", 500000, "\n\nx", STATUS_OK},
        {"cc : ", "(", 1000000, "\n\nx", STATUS_OK},
        {"Sender: ", "a(", 500000, "\n\nx", STATUS_OK},
        {"Content-Type: text/plain; ", "a*0*=x; ", 120000, "\n\nx", STATUS_OK},
        {"", "X: y\n", 200000, "\nx", STATUS_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = 0;
        struct buf out;
        char *message = repeated(rows[i].before, rows[i].piece, rows[i].n, rows[i].after, &len);
        buf_init(&out, MIME_BYTES);
        enum status status = mime_text(message, len, &out);
        if (status != rows[i].status)
            fail_msg("%s: %s", rows[i].piece, status_text(status));
        buf_release(&out);
        free(message);
    }
}

static void puts_out_as_much_as_there_is_room_for(void **state) {
    struct buf out;
    buf_init(&out, 10);
    assert_int_equal(mime_text(HEAD "\n0123456789abcdef", strlen(HEAD) + 17, &out), STATUS_OK);
    assert_string_equal(buf_text(&out), "0123456789");
    buf_release(&out);
}

/* Not deeper than the limit, though the decoder would go on. */
static void looks_no_deeper_than_its_limit(void **state) {
    size_t len = 0;
    char *message = repeated("", "Content-Type: message/rfc822\n\n", MIME_DEPTH, "Subject: x\n\nwords", &len);
    expect(message, len, "words");
    free(message);
    message = repeated("", "Content-Type: message/rfc822\n\n", MIME_DEPTH + 1, "Subject: x\n\nwords", &len);
    expect(message, len, "");
    free(message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_messages_from_text),
        cmocka_unit_test(reads_the_parts_that_servers_write),
        cmocka_unit_test(reads_on_behind_a_nul),
        cmocka_unit_test(takes_no_more_than_its_limits),
        cmocka_unit_test(puts_out_as_much_as_there_is_room_for),
        cmocka_unit_test(looks_no_deeper_than_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
