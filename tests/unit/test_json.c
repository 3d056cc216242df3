/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void writes_every_kind_of_value(void **state) {
    struct buf out;
    struct json j;
    buf_init(&out, SIZE_MAX);
    json_begin(&j, &out);
    json_object(&j, NULL);
    json_string(&j, "text", "a");
    json_string(&j, "none", NULL);
    json_u64(&j, "big", UINT64_MAX);
    json_i64(&j, "small", INT64_MIN);
    json_double(&j, "half", 0.5);
    json_double(&j, "infinite", INFINITY);
    json_double(&j, "nan", NAN);
    json_bool(&j, "yes", true);
    json_bool(&j, "no", false);
    json_null(&j, "null");
    json_time(&j, "time", INT64_C(1735689600500000000));
    json_time_ns(&j, "moment", INT64_C(1735689600500000000));
    json_close(&j);
    assert_int_equal(buf_status(&out), STATUS_OK);
    assert_string_equal(buf_text(&out),
                        "{\"text\":\"a\",\"none\":null,\"big\":18446744073709551615,"
                        "\"small\":-9223372036854775808,\"half\":0.5,\"infinite\":null,\"nan\":null,"
                        "\"yes\":true,\"no\":false,\"null\":null,\"time\":\"2025-01-01T00:00:00Z\","
                        "\"moment\":\"2025-01-01T00:00:00.500000000Z\"}\n");
    buf_release(&out);
}

static void nests_and_begins_a_line_for_each_row(void **state) {
    struct buf out;
    struct json j;
    buf_init(&out, SIZE_MAX);
    json_begin(&j, &out);
    json_object(&j, NULL);
    json_rows(&j, "rows");
    for (int i = 0; i < 2; i++) {
        json_object(&j, NULL);
        json_array(&j, "codes");
        json_u64(&j, NULL, 1);
        json_u64(&j, NULL, 2);
        json_close(&j);
        json_object(&j, "empty");
        json_close(&j);
        json_close(&j);
    }
    json_close(&j);
    json_rows(&j, "no_rows");
    json_close(&j);
    json_array(&j, "nothing");
    json_close(&j);
    json_close(&j);
    assert_string_equal(buf_text(&out), "{\"rows\":[\n"
                                        "{\"codes\":[1,2],\"empty\":{}},\n"
                                        "{\"codes\":[1,2],\"empty\":{}}\n"
                                        "],\"no_rows\":[],\"nothing\":[]}\n");
    buf_release(&out);
}

static const struct {
    const char *text;
    const char *want;
} strings[] = {
    {"", "\"\"\n"},
    {"plain /text' <&>", "\"plain /text' <&>\"\n"},
    {"\"quoted\" \\ back", "\"\\\"quoted\\\" \\\\ back\"\n"},
    {"\n\r\t\b\f\x01\x1f\x7f", "\"\\n\\r\\t\\u0008\\u000c\\u0001\\u001f\\u007f\"\n"},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\n"},
    {"\xc2\x9b\x33\x31m\xc2\xa0", "\"\\u009b31m\xc2\xa0\"\n"},
    {"a\xff\xc3(\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"\n"},
    {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"},
    {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"\n"},
    {"\xef\xbb\xbf\xef\xbf\xbe\xef\xbf\xbf", "\"\\ufeff\\ufffe\\uffff\"\n"},
    {"\xef\xbb\xbe\xef\xbf\xbd", "\"\xef\xbb\xbe\xef\xbf\xbd\"\n"},
};

static void escapes_strings(void **state) {
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct buf out;
        struct json j;
        char want[128];
        buf_init(&out, SIZE_MAX);
        json_begin(&j, &out);
        json_array(&j, NULL);
        json_string(&j, NULL, strings[i].text);
        json_close(&j);
        snprintf(want, sizeof want, "[%.*s]\n", (int)strlen(strings[i].want) - 1, strings[i].want);
        if (strcmp(buf_text(&out), want) != 0)
            fail_msg("%s: %s", strings[i].text, buf_text(&out));
        buf_release(&out);
    }
}

static void says_so_when_there_is_no_room(void **state) {
    struct buf out;
    struct json j;
    buf_init(&out, 10);
    json_begin(&j, &out);
    json_object(&j, NULL);
    json_string(&j, "name", "a text that is longer");
    json_close(&j);
    assert_int_equal(buf_status(&out), STATUS_FULL);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_kind_of_value),
        cmocka_unit_test(nests_and_begins_a_line_for_each_row),
        cmocka_unit_test(escapes_strings),
        cmocka_unit_test(says_so_when_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
