/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/yamltext.h"

#include <string.h>

static void puts_quotes_around_what_could_be_something_else(void **state) {
    static const struct {
        const char *text, *written;
    } rows[] = {
        {"a", "a"},
        {"a-b_c.d/e", "a-b_c.d/e"},
        {"/etc/x.key", "/etc/x.key"},
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.0/24", "192.0.2.0/24"},
        {"192.0.2.1-192.0.2.9", "192.0.2.1-192.0.2.9"},
        {"nul", "nul"},
        {"", "\"\""},
        {"null", "\"null\""},
        {"Yes", "\"Yes\""},
        {"OFF", "\"OFF\""},
        {"n", "\"n\""},
        {"1", "\"1\""},
        {"1.5", "\"1.5\""},
        {"1e3", "\"1e3\""},
        {"0x1f", "\"0x1f\""},
        {"2026-11-01", "\"2026-11-01\""},
        {"12:30:45", "\"12:30:45\""},
        {"2001:db8::", "\"2001:db8::\""},
        {"-", "\"-\""},
        {"---", "\"---\""},
        {"...", "\"...\""},
        {".inf", "\".inf\""},
        {"~", "\"~\""},
        {" a", "\" a\""},
        {"a b", "\"a b\""},
        {"a: b", "\"a: b\""},
        {"{key}", "\"{key}\""},
        {"*.txt", "\"*.txt\""},
        {"\"\\", "\"\\\"\\\\\""},
        {"\x01\t\x7f", "\"\\x01\\x09\\x7F\""},
        {"\xc2\x85", "\"\\x85\""},
        {"\xc2\xa0", "\"\xc2\xa0\""},
        {"\xc3\xa9", "\"\xc3\xa9\""},
        {"\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\""},
        {"\xef\xbb\xbf\xef\xbf\xbe\xef\xbf\xbf", "\"\\uFEFF\\uFFFE\\uFFFF\""},
        {"\xf0\x9f\x93\xa7", "\"\xf0\x9f\x93\xa7\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct yamltext y;
        struct buf out;
        buf_init(&out, SIZE_MAX);
        yamltext_begin(&y, &out);
        yamltext_string(&y, "k", rows[i].text);
        if (strncmp(buf_text(&out), "k: ", 3) != 0 || strcmp(buf_text(&out) + 3, rows[i].written) != 0)
            fail_msg("'%s' became '%s'", rows[i].text, buf_text(&out));
        buf_release(&out);
    }
}

static void writes_mappings_and_sequences_within_each_other(void **state) {
    struct yamltext y;
    struct buf out;
    buf_init(&out, SIZE_MAX);
    yamltext_begin(&y, &out);
    yamltext_open(&y, "a");
    yamltext_entry(&y);
    yamltext_string(&y, "on", "x");
    yamltext_comment(&y, "of x");
    yamltext_open(&y, "b");
    yamltext_entry_string(&y, "1");
    yamltext_entry_string(&y, "c");
    yamltext_close(&y);
    yamltext_flow(&y, "none");
    yamltext_flow_end(&y);
    yamltext_close(&y);
    yamltext_entry(&y);
    yamltext_flow(&y, "d");
    yamltext_element(&y, "e");
    yamltext_element(&y, "5");
    yamltext_flow_end(&y);
    yamltext_close(&y);
    yamltext_close(&y);
    yamltext_open(&y, "f");
    yamltext_word(&y, "g", "30s");
    yamltext_u64(&y, "h", UINT64_MAX);
    yamltext_close(&y);
    assert_string_equal(buf_text(&out), "a:\n"
                                        "  - \"on\": x # of x\n"
                                        "    b:\n"
                                        "      - \"1\"\n"
                                        "      - c\n"
                                        "    none: []\n"
                                        "  - d: [e, \"5\"]\n"
                                        "\n"
                                        "f:\n"
                                        "  g: 30s\n"
                                        "  h: 18446744073709551615\n");
    buf_release(&out);
}

static void writes_no_secret(void **state) {
    static const char *const secrets[] = {"key1", "key12"};
    static const struct {
        const char *text, *written;
    } rows[] = {
        {"key1", "\"<secret>\""},       {"KEY12", "\"<secret>\""}, /* the longer of both */
        {"xkey1y", "\"x<secret>y\""},   {"key1key1", "\"<secret><secret>\""},
        {"kkey1", "\"k<secret>\""},     {"key", "key"},
        {"\"key1", "\"\\\"<secret>\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct yamltext y;
        struct buf out;
        buf_init(&out, SIZE_MAX);
        yamltext_begin(&y, &out);
        yamltext_hide(&y, secrets, 2);
        yamltext_string(&y, rows[i].text, rows[i].text);
        size_t len = strlen(rows[i].written);
        if (strncmp(buf_text(&out), rows[i].written, len) != 0 ||
            strcmp(buf_text(&out) + len + 2, rows[i].written) != 0)
            fail_msg("'%s' became '%s'", rows[i].text, buf_text(&out));
        buf_release(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_quotes_around_what_could_be_something_else),
        cmocka_unit_test(writes_mappings_and_sequences_within_each_other),
        cmocka_unit_test(writes_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
