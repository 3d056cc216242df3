/* SPDX-License-Identifier: Apache-2.0 */
#include "core/html.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

struct row {
    const char *html;
    const char *text;
};

static const struct row rows[] = {
    {"", ""},
    {"plain", "plain"},
    {"a  b\n\t c", "a b c"},
    {"<p>one</p><p>two</p>", "one\n\ntwo\n\n"},
    {"a<br>b<BR/>c", "a\nb\nc"},
    {"<td>a</td><td>b</td>", "a\nb\n"},
    {"4<b>0.1</b>07.1.2", "40.107.1.2"},
    {"a<span class=\"x > y\">b</span>", "ab"},
    {"&lt;a&gt; &amp;amp; &quot;&apos;&nbsp;x", "<a> &amp; \"' x"},
    {"&#60;&#x3E;&#8594;&#xe9;", "<>\xe2\x86\x92\xc3\xa9"},
    {"a&#160;b&#xA0;&nbsp;c", "a b c"},
    {"&#0;&#xD800;&#x110000;&#99999999999999999999;", "    "},
    {"& &; &unknown; &ltx &#; &#x; &#xg;", "& &; &unknown; &ltx &#; &#x; &#xg;"},
    {"a&rarr;b", "a->b"},
    {"x<script>if (a < b) '</p>'</script>y<style>p{}</STYLE >z", "xyz"},
    {"<title>t</title>u", "u"},
    {"<titlex>t", "t"},
    {"a<!-- b > c -->d<!doctype html>e<?xml f?>g", "adeg"},
    {"a < b and c<d1", "a < b and c"},
    {"1 <2 <- 3", "1 <2 <- 3"},
    {"<pre>a\rb\r\nc</pre>", "a\nb\nc\n\n"},
    {"<pre>a\n b\n\tc  d</pre>e", "a\n b\n\tc d\n\ne"},
    /* what has no end */
    {"a<b", "a"},
    {"a<b title=\"x", "a"},
    {"a<!-- b", "a"},
    {"a<script>b", "a"},
    {"a<", "a<"},
    {"a&", "a&"},
    {"a&#", "a&#"},
    {"</", ""},
    {"<p><p><div><br><p>", ""},
};

static void gives_the_words_of_a_document(void **state) {
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strlen(rows[i].html);
        char *exact = malloc(len + 1); /* the sanitizers then see a look behind it */
        struct buf out;
        assert_non_null(exact);
        memcpy(exact, rows[i].html, len);
        buf_init(&out, 1000);
        html_text(exact, len, &out);
        if (strcmp(buf_text(&out), rows[i].text) != 0) {
            print_message("\"%s\"\n  expected \"%s\"\n  found    \"%s\"\n", rows[i].html, rows[i].text,
                          buf_text(&out));
            failed++;
        }
        assert_true(out.len <= len + 2);
        buf_release(&out);
        free(exact);
    }
    assert_int_equal(failed, 0);
}

static void knows_a_document_by_how_it_begins(void **state) {
    static const struct {
        const char *text;
        bool is_document;
    } starts[] = {
        {"<html><body>", true},
        {"\xef\xbb\xbf\r\n <!DOCTYPE html>", true},
        {"<!-- saved -->", true},
        {"<P class=x>554", true},
        {"<user@example.org>: host mx.example.org said", false},
        {"<p@example.org>: host mx.example.org said", false},
        {"<html", false},
        {"554 5.7.1 <html>", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (html_is_document(starts[i].text, strlen(starts[i].text)) != starts[i].is_document)
            fail_msg("%s", starts[i].text);
}

/* Every loop goes forward: the worst pieces, a megabyte each. */
static void takes_time_by_length_alone(void **state) {
    static const char *const pieces[] = {"<",    "<p",   "<!--", "<script>", "&#",
                                         "&amp", "<a '", "</",   "<style><"};
    enum { SIZE = 1 << 20 };
    char *html = malloc(SIZE);
    assert_non_null(html);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct buf out;
        for (size_t n = 0; n < SIZE; n++)
            html[n] = pieces[i][n % strlen(pieces[i])];
        buf_init(&out, SIZE);
        html_text(html, SIZE, &out);
        assert_int_equal(buf_status(&out), STATUS_OK);
        buf_release(&out);
    }
    free(html);
}

static void stops_where_the_room_ends(void **state) {
    struct buf out;
    buf_init(&out, 5);
    html_text("abcdefgh", 8, &out);
    assert_string_equal(buf_text(&out), "abcde");
    assert_int_equal(buf_status(&out), STATUS_FULL);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_words_of_a_document),
        cmocka_unit_test(knows_a_document_by_how_it_begins),
        cmocka_unit_test(takes_time_by_length_alone),
        cmocka_unit_test(stops_where_the_room_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
