/* SPDX-License-Identifier: Apache-2.0 */
#include "core/human.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static void numbers_have_commas(void **state) {
    static const struct {
        uint64_t number;
        const char *text;
    } rows[] = {{0, "0"},
                {999, "999"},
                {1000, "1,000"},
                {262144, "262,144"},
                {1000000, "1,000,000"},
                {UINT64_MAX, "18,446,744,073,709,551,615"}};
    char out[HUMAN_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(human_number(rows[i].number, out), rows[i].text);
}

static void times_have_a_unit_of_which_there_are_at_least_two(void **state) {
    static const struct {
        double seconds;
        const char *text;
    } rows[] = {{0, "0 seconds"},
                {1.4, "1 seconds"},
                {119, "119 seconds"},
                {120, "2 minutes"},
                {7199, "120 minutes"},
                {7200, "2 hours"},
                {172799, "48 hours"},
                {172800, "2 days"},
                {786 * 86400., "786 days"},
                {3 * 365 * 86400., "3 years"},
                {1e300, "1,000,000,000,000,000,000 years"}};
    char out[HUMAN_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(human_time(rows[i].seconds, out), rows[i].text);
}

static void durations_are_written_as_in_the_configuration(void **state) {
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {{0, "0s"},
                {SECOND / 3, "0s"},
                {SECOND, "1s"},
                {90 * SECOND, "1m30s"},
                {900 * SECOND, "15m"},
                {3599 * SECOND + SECOND / 2, "1h"},
                {3600 * SECOND + 29 * SECOND, "1h"},
                {3600 * SECOND + 31 * SECOND, "1h1m"},
                {(24 * 3600 - 10) * SECOND, "1d"},
                {30 * 86400 * SECOND, "30d"},
                {(2 * 86400 + 12 * 3600 + 900) * SECOND, "2d12h"},
                {INT64_MAX, "106752d"}};
    char out[HUMAN_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("# %s\n", rows[i].text);
        assert_string_equal(human_duration(rows[i].ns < INT64_MAX ? rows[i].ns : INT64_MAX - SECOND, out),
                            rows[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_commas),
        cmocka_unit_test(times_have_a_unit_of_which_there_are_at_least_two),
        cmocka_unit_test(durations_are_written_as_in_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
