/* SPDX-License-Identifier: Apache-2.0
 *
 * The values that a configuration is made of, and the table that is its schema. Whole documents are in
 * test_edge_settings.c and test_edge_config.c.
 */
#include "core/settings_internal.h"

#include "core/catalog.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static void reads_durations_as_prometheus_writes_them(void **state) {
    static const struct {
        const char *text;
        int64_t ms; /* -1: none */
    } rows[] = {
        {"0", 0},
        {"0s", 0},
        {"1ms", 1},
        {"500ms", 500},
        {"30s", 30000},
        {"15m", 900000},
        {"24h", 86400000},
        {"30d", 2592000000},
        {"1w", 604800000},
        {"1y", 31536000000},
        {"1h30m", 5400000},
        {"1y2w3d4h5m6s7ms", 33019506007},
        {"1m1ms", 60001},
        {"090s", 90000},
        {"", -1},
        {"s", -1},
        {"1", -1},
        {"00", -1},
        {"1.5h", -1},
        {"-1s", -1},
        {"+1s", -1},
        {" 1s", -1},
        {"1s ", -1},
        {"1S", -1},
        {"1m1h", -1},
        {"1h1h", -1},
        {"1ms1s", -1},
        {"1us", -1},
        {"1mss", -1},
        {"293y", -1},
        {"9223372036854775808ms", -1},
        {"99999999999999999999s", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ns = -1;
        bool good = settings_parse_duration(rows[i].text, &ns);
        if (good != (rows[i].ms >= 0) || (good && ns != rows[i].ms * 1000000))
            fail_msg("\"%s\" gave %lld ns", rows[i].text, (long long)ns);
    }
}

static void writes_durations_that_read_back_alike(void **state) {
    static const char *const texts[] = {"0s", "1ms", "30s",  "1m",    "1h30m",
                                        "1d", "30d", "366d", "1d1ms", "2h3m4s5ms"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t ns;
        char out[48];
        assert_true(settings_parse_duration(texts[i], &ns));
        assert_string_equal(settings_format_duration(ns, out, sizeof out), texts[i]);
    }
}

static void writes_dates(void **state) {
    static const struct {
        int64_t days;
        const char *text;
    } rows[] = {
        {0, "1970-01-01"},     {58, "1970-02-28"},    {59, "1970-03-01"},    {364, "1970-12-31"},
        {789, "1972-02-29"},   {10957, "2000-01-01"}, {11016, "2000-02-29"}, {11017, "2000-03-01"},
        {20758, "2026-11-01"}, {47540, "2100-02-28"}, {47541, "2100-03-01"}, {2932896, "9999-12-31"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[SETTINGS_DATE_SIZE];
        assert_string_equal(settings_format_date(rows[i].days, out), rows[i].text);
    }
}

static void writes_rates_that_read_back_alike(void **state) {
    static const char *const texts[] = {"1/s",    "5/s",  "0.5/s",    "1000000/s", "1/m",      "7/m",
                                        "0.25/m", "1/h",  "1000/h",   "1.7/h",     "3/m",      "123.456/m",
                                        "25/s",   "59/m", "0.0123/s", "100.5/h",   "0.33333/s"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double rate;
        double again;
        char out[SETTINGS_RATE_SIZE];
        assert_true(settings_parse_rate(texts[i], &rate));
        settings_format_rate(rate, out);
        if (!settings_parse_rate(out, &again) || again != rate || strlen(out) > strlen(texts[i]))
            fail_msg("\"%s\" became \"%s\"", texts[i], out);
    }
}

static void reads_numbers_strictly(void **state) {
    static const struct {
        const char *text;
        uint64_t max;
        bool good;
    } rows[] = {
        {"0", 0, true},
        {"1", 0, false},
        {"9", 9, true},
        {"10", 9, false},
        {"255", 255, true},
        {"256", 255, false},
        {"18446744073709551615", UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, false},
        {"", 9, false},
        {"00", 9, false},
        {"01", 9, false},
        {"+1", 9, false},
        {"-1", 9, false},
        {" 1", 9, false},
        {"1 ", 9, false},
        {"0x1", 9, false},
        {"1e1", 99, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value;
        if (settings_parse_number(rows[i].text, rows[i].max, &value) != rows[i].good)
            fail_msg("\"%s\" up to %llu", rows[i].text, (unsigned long long)rows[i].max);
    }
}

static void knows_a_name(void **state) {
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"a", true},
        {"A.b-c_9", true},
        {"-", true},
        {"", false},
        {"a b", false},
        {"a/b", false},
        {"\xc3\xa4", false},
        {"123456789012345678901234567890123456789012345678901234567890123", true},
        {"1234567890123456789012345678901234567890123456789012345678901234", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (settings_is_name(rows[i].text) != rows[i].good)
            fail_msg("\"%s\"", rows[i].text);
}

static void finds_the_nearest_spelling_or_none(void **state) {
    static const char *const words[] = {"interval", "sweep_interval", "name", "tier", "spamhaus_zen"};
    static const struct {
        const char *text;
        const char *near;
    } rows[] = {
        {"intervall", "interval"},
        {"intreval", "interval"},
        {"sweepinterval", "sweep_interval"},
        {"teir", "tier"},
        {"nam", "name"},
        {"spamhaus", "spamhaus_zen"},
        {"zone", NULL},
        {"x", NULL},
        {"", NULL},
        {"completely_else", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *near = NULL;
        for (size_t j = 0; j < 5; j++)
            near = settings_nearer(rows[i].text, near, words[j]);
        if ((near == NULL) != (rows[i].near == NULL) || (near && strcmp(near, rows[i].near) != 0))
            fail_msg("\"%s\" gave \"%s\"", rows[i].text, near ? near : "nothing");
    }
}

static void has_a_complete_table_without_doubles(void **state) {
    for (size_t i = 0; i < settings_schema_size; i++) {
        const struct schema_key *key = &settings_schema[i];
        assert_true(key->section < SECTIONS && key->name && key->type && key->default_text && key->help &&
                    key->read);
        bool shown = !(key->flags & SCHEMA_CATALOG);
        if (shown && (key->help[0] == '\0' || key->type[0] == '\0'))
            fail_msg("\"%s\" is not explained", key->name);
        if (!key->range && key->min >= key->max)
            fail_msg("\"%s\" has no range", key->name);
        for (size_t j = 0; j < i; j++)
            if (key->section == settings_schema[j].section && strcmp(key->name, settings_schema[j].name) == 0)
                fail_msg("\"%s\" is there twice", key->name);
    }
}

static void prints_a_reference_with_every_key_that_users_may_write(void **state) {
    struct buf out;
    buf_init(&out, 1 << 20);
    settings_reference(&out);
    assert_int_equal(buf_status(&out), STATUS_OK);
    assert_non_null(
        strstr(buf_text(&out), "| `timeout` | a duration such as 30s, 15m, 24h or 30d | 2s | 10ms to 1m |"));
    assert_non_null(strstr(buf_text(&out), "### `self_test` of a list\n"));
    assert_non_null(strstr(buf_text(&out), "`spf`"));
    assert_null(strstr(buf_text(&out), "`limits`"));
    size_t rows = 0;
    for (const char *at = buf_text(&out); (at = strstr(at, "\n| `")); at++)
        rows++;
    size_t keys = 0;
    for (size_t i = 0; i < settings_schema_size; i++)
        keys += !(settings_schema[i].flags & SCHEMA_CATALOG);
    assert_int_equal(rows, keys);
    buf_release(&out);
}

static void refuses_an_empty_document_and_an_earlier_error(void **state) {
    static struct problems problems;
    struct catalog catalog = {.n_lists = 0};
    struct settings *settings = NULL;
    struct node root = {.type = NODE_MAPPING, .line = 1, .column = 1};
    problems_init(&problems);
    assert_int_equal(settings_read(NULL, &catalog, NULL, NULL, &problems, &settings), STATUS_INVALID);
    problems_release(&problems);
    problems_init(&problems);
    problems_error(&problems, 7, 1, "from before");
    assert_int_equal(settings_read(&root, &catalog, NULL, NULL, &problems, &settings), STATUS_INVALID);
    assert_int_equal(problems.n_errors, 3);
    assert_null(settings);
    problems_release(&problems);
    settings_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_durations_as_prometheus_writes_them),
        cmocka_unit_test(writes_durations_that_read_back_alike),
        cmocka_unit_test(writes_dates),
        cmocka_unit_test(writes_rates_that_read_back_alike),
        cmocka_unit_test(reads_numbers_strictly),
        cmocka_unit_test(knows_a_name),
        cmocka_unit_test(finds_the_nearest_spelling_or_none),
        cmocka_unit_test(has_a_complete_table_without_doubles),
        cmocka_unit_test(prints_a_reference_with_every_key_that_users_may_write),
        cmocka_unit_test(refuses_an_empty_document_and_an_earlier_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
