/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/rfc3339.h"

#include <string.h>

#define SECOND INT64_C(1000000000)

static const struct {
    int64_t wall_ns;
    const char *seconds;
    const char *nanoseconds;
} times[] = {
    {0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000000Z"},
    {-1, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000000Z"},
    {INT64_MIN, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000000Z"},
    {1, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000001Z"},
    {951782400 * SECOND, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000000Z"},
    {951868800 * SECOND - 1, "2000-02-29T23:59:59Z", "2000-02-29T23:59:59.999999999Z"},
    {951868800 * SECOND, "2000-03-01T00:00:00Z", "2000-03-01T00:00:00.000000000Z"},
    {1735689600 * SECOND - SECOND / 2, "2024-12-31T23:59:59Z", "2024-12-31T23:59:59.500000000Z"},
    {1735689600 * SECOND, "2025-01-01T00:00:00Z", "2025-01-01T00:00:00.000000000Z"},
    {4107542400 * SECOND, "2100-03-01T00:00:00Z", "2100-03-01T00:00:00.000000000Z"},
    {INT64_MAX, "2262-04-11T23:47:16Z", "2262-04-11T23:47:16.854775807Z"},
};

static void writes_moments_in_utc(void **state) {
    char text[RFC3339_SIZE];
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_int_equal(rfc3339_format(times[i].wall_ns, text), 20);
        assert_string_equal(text, times[i].seconds);
        assert_int_equal(rfc3339_format_ns(times[i].wall_ns, text), 30);
        assert_string_equal(text, times[i].nanoseconds);
    }
}

static void reads_back_what_it_writes(void **state) {
    char text[RFC3339_SIZE];
    int64_t back = -1;
    /* Every day until 2261, at another time each. */
    for (int64_t day = 0; day < 106000; day++) {
        int64_t wall_ns = day * 86400 * SECOND + day * 7919 % 86400 * SECOND + day * 104729 % SECOND;
        rfc3339_format_ns(wall_ns, text);
        assert_int_equal(rfc3339_parse(text, &back), STATUS_OK);
        assert_int_equal(back, wall_ns);
    }
}

static const struct {
    const char *text;
    enum status status;
    int64_t wall_ns;
} texts[] = {
    {"1970-01-01T00:00:00Z", STATUS_OK, 0},
    {"2025-01-01T00:00:00.5Z", STATUS_OK, 1735689600 * SECOND + SECOND / 2},
    {"2025-01-01T00:00:00.000000001Z", STATUS_OK, 1735689600 * SECOND + 1},
    {"2024-02-29T23:59:59Z", STATUS_OK, INT64_C(1709251199) * SECOND},
    {"2261-12-31T23:59:59Z", STATUS_OK, INT64_C(9214646399) * SECOND},
    {"2023-02-29T00:00:00Z", STATUS_RANGE, 0},
    {"2100-02-29T00:00:00Z", STATUS_RANGE, 0},
    {"2025-04-31T00:00:00Z", STATUS_RANGE, 0},
    {"2025-01-00T00:00:00Z", STATUS_RANGE, 0},
    {"2025-00-01T00:00:00Z", STATUS_RANGE, 0},
    {"2025-13-01T00:00:00Z", STATUS_RANGE, 0},
    {"2025-01-32T00:00:00Z", STATUS_RANGE, 0},
    {"2025-01-01T24:00:00Z", STATUS_RANGE, 0},
    {"2025-01-01T00:60:00Z", STATUS_RANGE, 0},
    {"2025-01-01T00:00:60Z", STATUS_RANGE, 0},
    {"1969-12-31T23:59:59Z", STATUS_RANGE, 0},
    {"2262-01-01T00:00:00Z", STATUS_RANGE, 0},
    {"", STATUS_SYNTAX, 0},
    {"now", STATUS_SYNTAX, 0},
    {"1735689600", STATUS_SYNTAX, 0},
    {"2025-01-01", STATUS_SYNTAX, 0},
    {"2025-01-01T00:00:00", STATUS_SYNTAX, 0},
    {"2025-01-01T00:00Z", STATUS_SYNTAX, 0},
    {"2025-01-01 00:00:00Z", STATUS_SYNTAX, 0},
    {"2025-01-01t00:00:00z", STATUS_SYNTAX, 0},
    {"2025-01-01T00:00:00+00:00", STATUS_SYNTAX, 0},
    {"2025-01-01T00:00:00.Z", STATUS_SYNTAX, 0},
    {"2025-01-01T00:00:00.0000000000Z", STATUS_SYNTAX, 0},
    {"2025-01-01T00:00:00Z ", STATUS_SYNTAX, 0},
    {"2025-1-01T00:00:00Z", STATUS_SYNTAX, 0},
    {"-025-01-01T00:00:00Z", STATUS_SYNTAX, 0},
    {"2025-01-01T00:00:0", STATUS_SYNTAX, 0},
};

static void takes_utc_in_one_form_and_nothing_else(void **state) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t wall_ns = 7;
        enum status status = rfc3339_parse(texts[i].text, &wall_ns);
        if (status != texts[i].status || wall_ns != (status == STATUS_OK ? texts[i].wall_ns : 7))
            fail_msg("%s: status %d, %jd", texts[i].text, status, (intmax_t)wall_ns);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_moments_in_utc),
        cmocka_unit_test(reads_back_what_it_writes),
        cmocka_unit_test(takes_utc_in_one_form_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
