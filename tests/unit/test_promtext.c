/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/promtext.h"

#include <math.h>
#include <string.h>

static struct buf out;
static struct promtext text;

static void begin(enum promtext_format format) {
    buf_release(&out);
    buf_init(&out, SIZE_MAX);
    promtext_begin(&text, &out, format);
}

static int teardown(void **state) {
    buf_release(&out);
    return 0;
}

static void expect(const char *want) {
    assert_int_equal(buf_status(&out), STATUS_OK);
    assert_string_equal(buf_text(&out), want);
}

/* --- Families and samples --- */

static const struct {
    enum promtext_format format;
    enum promtext_type type;
    const char *name;
    const char *help;
    const char *want;
} families[] = {
    {PROMTEXT_004, PROMTEXT_GAUGE, "a", "Help.", "# HELP a Help.\n# TYPE a gauge\n"},
    {PROMTEXT_004, PROMTEXT_COUNTER, "a_total", "Help.", "# HELP a_total Help.\n# TYPE a_total counter\n"},
    {PROMTEXT_OPENMETRICS, PROMTEXT_COUNTER, "a_total", "Help.", "# HELP a Help.\n# TYPE a counter\n# EOF\n"},
    {PROMTEXT_OPENMETRICS, PROMTEXT_GAUGE, "a_total", "Help.",
     "# HELP a_total Help.\n# TYPE a_total gauge\n# EOF\n"},
    {PROMTEXT_004, PROMTEXT_INFO_GAUGE, "a_info", "Help.", "# HELP a_info Help.\n# TYPE a_info gauge\n"},
    {PROMTEXT_OPENMETRICS, PROMTEXT_INFO_GAUGE, "a_info", "Help.",
     "# HELP a_info Help.\n# TYPE a_info gauge\n# EOF\n"},
    {PROMTEXT_OPENMETRICS, PROMTEXT_HISTOGRAM, "a", "Help.", "# HELP a Help.\n# TYPE a histogram\n# EOF\n"},
    {PROMTEXT_004, PROMTEXT_GAUGE, "a", "a\\b\n\"c\"", "# HELP a a\\\\b\\n\"c\"\n# TYPE a gauge\n"},
    {PROMTEXT_OPENMETRICS, PROMTEXT_GAUGE, "a", "a\\b\n\"c\"",
     "# HELP a a\\\\b\\n\\\"c\\\"\n# TYPE a gauge\n# EOF\n"},
};

static void opens_a_family_as_each_format_wants_it(void **state) {
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        begin(families[i].format);
        promtext_family(&text, families[i].name, families[i].type, families[i].help);
        promtext_end(&text);
        expect(families[i].want);
    }
}

static void writes_samples_with_and_without_labels(void **state) {
    begin(PROMTEXT_OPENMETRICS);
    promtext_family(&text, "n_total", PROMTEXT_COUNTER, "H.");
    promtext_sample(&text);
    promtext_u64(&text, 0);
    promtext_sample(&text);
    promtext_label(&text, "a", "1");
    promtext_plain_label(&text, "b", "2xx", 1);
    promtext_u64(&text, UINT64_MAX);
    promtext_labelled(&text, "a=\"x\"", 5, "", 0);
    promtext_u64(&text, 3);
    promtext_labelled(&text, "a=\"x\"", 5, "b=\"y\"", 5);
    promtext_label(&text, "c", "");
    promtext_double(&text, 0.5);
    promtext_sample(&text);
    promtext_double(&text, -INFINITY);
    promtext_end(&text);
    expect("# HELP n H.\n# TYPE n counter\nn_total 0\nn_total{a=\"1\",b=\"2\"} 18446744073709551615\n"
           "n_total{a=\"x\"} 3\nn_total{a=\"x\",b=\"y\",c=\"\"} 0.5\nn_total -Inf\n# EOF\n");
}

static const struct {
    const char *value;
    const char *want;
} labels[] = {
    {"", ""},
    {"plain {text}, with 'marks'=\t", "plain {text}, with 'marks'=\t"},
    {"\\", "\\\\"},
    {"\"", "\\\""},
    {"\n", "\\n"},
    {"a\\n\nb\"c", "a\\\\n\\nb\\\"c"},
    {"\x01\x7f", "\x01\x7f"},
    /* UTF-8: two, three, four bytes, the ends of each */
    {"\xc2\x80\xdf\xbf", "\xc2\x80\xdf\xbf"},
    {"\xe0\xa0\x80\xef\xbf\xbf", "\xe0\xa0\x80\xef\xbf\xbf"},
    {"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"},
    {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
    /* no UTF-8: each byte becomes U+FFFD, and what follows is read again */
    {"\x80", "\xef\xbf\xbd"},
    {"\xc1\xbf", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xe0\x9f\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xf0\x8f\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xf5\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xc3", "\xef\xbf\xbd"},
    {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xf0\x9f\x98", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xc3\"\xe2\\", "\xef\xbf\xbd\\\"\xef\xbf\xbd\\\\"},
};

static void escapes_label_values_and_mends_what_is_no_utf8(void **state) {
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        struct buf want;
        buf_init(&want, SIZE_MAX);
        buf_addf(&want, "a{l=\"%s\"} 1\n", labels[i].want);
        begin(PROMTEXT_004);
        text.name = "a";
        text.name_len = 1;
        promtext_sample(&text);
        promtext_label(&text, "l", labels[i].value);
        promtext_u64(&text, 1);
        if (strcmp(buf_text(&out), buf_text(&want)) != 0)
            fail_msg("row %zu: %s instead of %s", i, buf_text(&out), buf_text(&want));
        buf_release(&want);
    }
}

static const struct {
    int64_t ns;
    const char *want;
} seconds[] = {
    {0, " 0\n"},
    {1, " 0.000000001\n"},
    {10, " 0.00000001\n"},
    {999999999, " 0.999999999\n"},
    {1000000000, " 1\n"},
    {1500000000, " 1.5\n"},
    {1000000001, " 1.000000001\n"},
    {-1, " -0.000000001\n"},
    {-2500000000, " -2.5\n"},
    {INT64_C(1735689600123000000), " 1735689600.123\n"},
    {INT64_MAX, " 9223372036.854775807\n"},
    {INT64_MIN, " -9223372036.854775808\n"},
};

static void writes_nanoseconds_as_seconds_without_a_digit_too_many(void **state) {
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        begin(PROMTEXT_004);
        promtext_seconds(&text, seconds[i].ns);
        if (strcmp(buf_text(&out), seconds[i].want) != 0)
            fail_msg("%jd ns: %s", (intmax_t)seconds[i].ns, buf_text(&out));
    }
}

static void writes_whole_numbers_of_every_length(void **state) {
    for (uint64_t value = 1;; value = value * 10 + value % 9 + 1) {
        struct buf want;
        buf_init(&want, SIZE_MAX);
        buf_addf(&want, " %ju\n", (uintmax_t)value);
        begin(PROMTEXT_004);
        promtext_u64(&text, value);
        expect(buf_text(&want));
        buf_release(&want);
        if (value > UINT64_MAX / 11)
            break;
    }
}

static void writes_cumulative_buckets_that_end_with_the_count(void **state) {
    static const char *const bounds[] = {"0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
                                         "0.25",  "0.5",    "1.0",   "2.5",  "5.0",   "+Inf"};
    struct hist h = {.sum_ns = 0};
    hist_add(&h, 0);
    hist_add(&h, INT64_C(1000000000));
    hist_add(&h, INT64_C(7250000000));
    for (int format = 0; format < PROMTEXT_FORMATS; format++) {
        begin((enum promtext_format)format);
        text.name = "d";
        text.name_len = 1;
        promtext_histogram(&text, "list", "a\"b", &h);
        struct buf want;
        buf_init(&want, SIZE_MAX);
        for (int i = 0; i <= HIST_BOUNDS; i++)
            buf_addf(&want, "d_bucket{list=\"a\\\"b\",le=\"%s\"} %d\n", bounds[i],
                     i < 9    ? 1
                     : i < 12 ? 2
                              : 3);
        buf_add_text(&want, "d_sum{list=\"a\\\"b\"} 8.25\nd_count{list=\"a\\\"b\"} 3\n");
        expect(buf_text(&want));
        buf_release(&want);
    }
}

static void leaves_a_full_buffer_alone(void **state) {
    buf_release(&out);
    buf_init(&out, 8);
    promtext_begin(&text, &out, PROMTEXT_004);
    text.name = "abc";
    text.name_len = 3;
    promtext_labelled(&text, "a=\"x\"", 5, "b=\"y\"", 5);
    promtext_label(&text, "c", "d");
    promtext_u64(&text, 1);
    promtext_end(&text);
    assert_int_equal(buf_status(&out), STATUS_FULL);
    assert_string_equal(buf_text(&out), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_a_family_as_each_format_wants_it),
        cmocka_unit_test(writes_samples_with_and_without_labels),
        cmocka_unit_test(escapes_label_values_and_mends_what_is_no_utf8),
        cmocka_unit_test(writes_nanoseconds_as_seconds_without_a_digit_too_many),
        cmocka_unit_test(writes_whole_numbers_of_every_length),
        cmocka_unit_test(writes_cumulative_buckets_that_end_with_the_count),
        cmocka_unit_test(leaves_a_full_buffer_alone),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
