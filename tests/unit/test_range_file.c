/* SPDX-License-Identifier: Apache-2.0 */
#include "core/range_file.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a text holds as one text: `line address`, `line range`, `line !` for a wrong line, each behind a
 * blank. The text gets memory of just its size, so that the sanitizers see a look behind it. */
static void read_all(const char *text, size_t len, char *out, size_t size) {
    struct range_file file;
    struct range_file_entry entry;
    char why[RANGE_FILE_WHY_SIZE];
    char *exact = malloc(len > 0 ? len : 1);
    size_t used = 0;
    assert_non_null(exact);
    memcpy(exact, text, len);
    out[0] = '\0';
    if (!range_file_open(&file, exact, len, why, sizeof why))
        (void)snprintf(out, size, "%s", why);
    else
        while (range_file_next(&file, &entry)) {
            char shown[IP_RANGE_TEXT_SIZE] = "!";
            if (entry.kind == RANGE_FILE_ADDRESS)
                (void)ip_format(&entry.range.first, shown);
            if (entry.kind == RANGE_FILE_RANGE)
                (void)ip_range_format(&entry.range, shown);
            if (entry.kind == RANGE_FILE_ADDRESS)
                assert_true(ip_equal(&entry.range.first, &entry.range.last));
            assert_int_equal(entry.line, file.line);
            used +=
                (size_t)snprintf(out + used, size - used, "%s%u %s", used > 0 ? " " : "", entry.line, shown);
        }
    free(exact);
}

static void takes_every_notation_one_a_line(void **state) {
    static const struct {
        const char *text;
        const char *entries;
    } rows[] = {
        {"", ""},
        {"\n", ""},
        {" \t\r\n\n# nothing\n   # here\n#", ""},
        {"40.107.130.132", "1 40.107.130.132"},
        {"40.107.130.132\n", "1 40.107.130.132"},
        {"\n\n40.107.130.132\n\n52.101.72.139\n", "3 40.107.130.132 5 52.101.72.139"},
        {"40.107.130.132/32\n", "1 40.107.130.132/32"},
        {"40.92.0.0/15\n", "1 40.92.0.0/15"},
        {"52.103.0.0-52.103.127.255\n", "1 52.103.0.0/17"},
        {"10.0.0.1-10.0.0.3\n", "1 10.0.0.1-10.0.0.3"},
        {"40.107.%.%\n", "1 40.107.0.0/16"},
        {"2a01:111:f403:c111::1\n", "1 2a01:111:f403:c111::1"},
        {"2A01:111:F403::/48\n", "1 2a01:111:f403::/48"},
        {"::1-::2\n", "1 ::1-::2"},
        {"  1.2.3.4\t\n\t5.6.7.8  \n", "1 1.2.3.4 2 5.6.7.8"},
        {"1.2.3.4 # mail-am6eur05\n5.6.7.8# seen\n", "1 1.2.3.4 2 5.6.7.8"},
        {"1.2.3.4 # M\xfcller \xe2\x80\x94 #\n", "1 1.2.3.4"},
        {"1.2.3.4\r\n\r\n# x\r\n5.6.7.8\r\n", "1 1.2.3.4 4 5.6.7.8"},
        {"\xef\xbb\xbf"
         "1.2.3.4\n",
         "1 1.2.3.4"},
        {"1.2.3.4\n1.2.3.4\n", "1 1.2.3.4 2 1.2.3.4"},
        {"0.0.0.0/0\n::/0\n", "1 0.0.0.0/0 2 ::/0"},
        /* the rest counts */
        {"1.2.3.4\nmail.example.com\n5.6.7.8\n", "1 1.2.3.4 2 ! 3 5.6.7.8"},
        {"1.2.3.4 5.6.7.8\n", "1 !"},
        {"1.2.3.4,\n", "1 !"},
        {"1.2.3.4\xa0\n", "1 !"},
        {"1.2.3.\n", "1 !"},
        {"1.2.3.4/33\n1.2.3.0/24\n", "1 ! 2 1.2.3.0/24"},
        {"1.2.3.4\r5.6.7.8\n", "1 !"},
        {"; 1.2.3.4\n// x\n", "1 ! 2 !"},
        {"1.2.3.4\n\xef\xbb\xbf"
         "1.2.3.4\n",
         "1 1.2.3.4 2 !"},
    };
    char out[512];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        read_all(rows[i].text, strlen(rows[i].text), out, sizeof out);
        if (strcmp(out, rows[i].entries) != 0)
            fail_msg("\"%s\" gave \"%s\", expected \"%s\"", rows[i].text, out, rows[i].entries);
    }
}

static void says_what_is_wrong_with_a_line(void **state) {
    static const struct {
        const char *line;
        const char *why;
    } rows[] = {
        {"mail.example.com",
         "\"mail.example.com\" is no address or range; expected one like 40.107.130.132, 2a01:111:f403::1, "
         "40.92.0.0/15, 52.103.0.0-52.103.127.255 or 40.107.%.%"},
        {"1.2.3.4 5.6.7.8 # x",
         "\"1.2.3.4 5.6.7.8\" is no address or range; expected one like 40.107.130.132, 2a01:111:f403::1, "
         "40.92.0.0/15, 52.103.0.0-52.103.127.255 or 40.107.%.%, one a line, without blanks inside, and "
         "remarks behind a #"},
        {"  40.107.130.132/16\r",
         "\"40.107.130.132/16\" has bits set behind the prefix; the range meant is probably 40.107.0.0/16"},
        {"1.2.3.4-1.2.3.3", "\"1.2.3.4-1.2.3.3\" ends before it begins; expected the lower address first"},
        {"1.2.3.4/33", "\"1.2.3.4/33\" has a wrong prefix length; expected a number without leading zeros, 0 "
                       "to 32 for IPv4, "
                       "0 to 128 for IPv6"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct range_file file;
        struct range_file_entry entry;
        char why[RANGE_FILE_WHY_SIZE];
        assert_true(range_file_open(&file, rows[i].line, strlen(rows[i].line), why, sizeof why));
        assert_true(range_file_next(&file, &entry));
        assert_int_equal(entry.kind, RANGE_FILE_WRONG);
        assert_string_equal(entry.why, rows[i].why);
        assert_false(range_file_next(&file, &entry));
    }
}

static void explains_the_first_wrong_lines_and_tells_of_all(void **state) {
    enum { LINES = RANGE_FILE_EXPLAINED + 50 };
    static char text[2 * LINES + 16];
    struct range_file file;
    struct range_file_entry entry;
    char why[RANGE_FILE_WHY_SIZE];
    for (size_t i = 0; i < LINES; i++)
        memcpy(text + 2 * i, "x\n", 2);
    memcpy(text + sizeof text - 16, "192.0.2.1\n# end\n", 16);
    assert_true(range_file_open(&file, text, sizeof text, why, sizeof why));
    for (uint32_t i = 1; i <= LINES; i++) {
        assert_true(range_file_next(&file, &entry));
        assert_int_equal(entry.kind, RANGE_FILE_WRONG);
        assert_int_equal(entry.line, i);
        assert_string_equal(entry.why,
                            i <= RANGE_FILE_EXPLAINED
                                ? "\"x\" is no address or range; expected one like 40.107.130.132, "
                                  "2a01:111:f403::1, 40.92.0.0/15, 52.103.0.0-52.103.127.255 or "
                                  "40.107.%.%"
                                : "is no address or range that can be taken, like many lines before it");
    }
    assert_true(range_file_next(&file, &entry));
    assert_int_equal(entry.kind, RANGE_FILE_ADDRESS);
    assert_false(range_file_next(&file, &entry));
    (void)state;
}

static void refuses_as_a_whole_what_is_no_such_text(void **state) {
    static const struct {
        const char *text;
        size_t len;
        const char *why;
    } rows[] = {
        {"1.2.3.4\0\n", 9,
         "is no text: line 1 has a control character; expected one address or range a line"},
        {"1.2.3.4\n\n\x1f\x8b\x08", 12,
         "is no text: line 3 has a control character; expected one address or range a line"},
        {"# \x7f", 3, "is no text: line 1 has a control character; expected one address or range a line"},
        {"\x1b[31m1.2.3.4", 12,
         "is no text: line 1 has a control character; expected one address or range a line"},
        {"\xff\xfe"
         "1\0.",
         5, "is UTF-16; expected UTF-8"},
        {"\xfe\xff\0"
         "1",
         4, "is UTF-16; expected UTF-8"},
    };
    char out[512];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        read_all(rows[i].text, rows[i].len, out, sizeof out);
        assert_string_equal(out, rows[i].why);
    }
}

static void takes_lines_up_to_the_longest_and_names_a_longer_one(void **state) {
    char *text = malloc(2 * (RANGE_FILE_LINE + 2) + 8);
    char out[512];
    struct range_file file;
    struct range_file_entry entry;
    assert_non_null(text);
    memset(text, ' ', RANGE_FILE_LINE);
    memcpy(text, "1.2.3.4 #", 9);
    memcpy(text + RANGE_FILE_LINE, "\n1.2.3.5\n", 9);
    read_all(text, RANGE_FILE_LINE + 9, out, sizeof out);
    assert_string_equal(out, "1 1.2.3.4 2 1.2.3.5");
    text[RANGE_FILE_LINE] = ' ';
    memcpy(text + RANGE_FILE_LINE + 1, "\n1.2.3.5\n", 9);
    read_all(text, RANGE_FILE_LINE + 10, out, sizeof out);
    assert_string_equal(out, "1 ! 2 1.2.3.5");
    assert_true(range_file_open(&file, text, RANGE_FILE_LINE + 10, out, sizeof out));
    assert_true(range_file_next(&file, &entry));
    assert_string_equal(entry.why, "the line has 4097 bytes; at most 4096 are read");
    free(text);
}

static void refuses_too_many_lines_and_bytes(void **state) {
    char why[RANGE_FILE_WHY_SIZE];
    struct range_file file;
    char *text = malloc(RANGE_FILE_BYTES + (size_t)1);
    assert_non_null(text);
    memset(text, '\n', RANGE_FILE_LINES + 1);
    assert_true(range_file_open(&file, text, RANGE_FILE_LINES, why, sizeof why));
    assert_false(range_file_open(&file, text, RANGE_FILE_LINES + 1, why, sizeof why));
    assert_string_equal(why, "has 4000001 lines; at most 4000000 are read");
    memset(text, ' ', RANGE_FILE_BYTES + (size_t)1);
    assert_true(range_file_open(&file, text, RANGE_FILE_BYTES, why, sizeof why));
    assert_false(range_file_open(&file, text, RANGE_FILE_BYTES + (size_t)1, why, sizeof why));
    assert_string_equal(why, "has 67108865 bytes; at most 67108864 are read");
    free(text);
}

/* A million lines of one notation; the sum of the addresses says that all were read. */
static void read_million(const char *notation) {
    enum { MILLION = 1000000, ROOM = 24 };
    char why[RANGE_FILE_WHY_SIZE];
    struct range_file file;
    struct range_file_entry entry;
    char *text = malloc((size_t)MILLION * ROOM);
    size_t len = 0;
    uint64_t expected = 0;
    uint64_t sum = 0;
    assert_non_null(text);
    for (unsigned i = 0; i < MILLION; i++) {
        struct ip ip = ip_v4(0x28400000 + i);
        len += ip_format(&ip, text + len);
        len += (size_t)snprintf(text + len, ROOM, "%s\n", notation);
        expected += ip.lo;
    }
    clock_t start = clock();
    assert_true(range_file_open(&file, text, len, why, sizeof why));
    while (range_file_next(&file, &entry))
        sum += entry.range.first.lo;
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    print_message("a million lines with \"%s\" behind the address: %.0f ms\n", notation, 1e3 * seconds);
    assert_int_equal(file.line, MILLION);
    assert_true(sum == expected);
    free(text);
}

static void reads_a_million_lines(void **state) {
    read_million("");
    read_million("/32");
    read_million(" # x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_notation_one_a_line),
        cmocka_unit_test(says_what_is_wrong_with_a_line),
        cmocka_unit_test(explains_the_first_wrong_lines_and_tells_of_all),
        cmocka_unit_test(refuses_as_a_whole_what_is_no_such_text),
        cmocka_unit_test(takes_lines_up_to_the_longest_and_names_a_longer_one),
        cmocka_unit_test(refuses_too_many_lines_and_bytes),
        cmocka_unit_test(reads_a_million_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
