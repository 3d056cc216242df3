/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/roundtrip.h"

#define MS INT64_C(1000000)

/* RFC 6298: the first sample R gives R and R/2; then 7/8 and 3/4 of the old ones. */
static const struct {
    int64_t took_ns;
    int64_t srtt_ns;
    int64_t rttvar_ns;
} samples[] = {
    {80 * MS, 80 * MS, 40 * MS},
    {80 * MS, 80 * MS, 30 * MS},
    {160 * MS, 90 * MS, 30 * MS + 12500000},
    {10 * MS, 80 * MS, 31875000 + 20 * MS},
};

static void smooths_the_round_trip_time(void **state) {
    struct roundtrip r = {0};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        roundtrip_answered(&r, samples[i].took_ns);
        if (r.srtt_ns != samples[i].srtt_ns || r.rttvar_ns != samples[i].rttvar_ns)
            fail_msg("sample %zu: srtt %jd, rttvar %jd", i, (intmax_t)r.srtt_ns, (intmax_t)r.rttvar_ns);
        assert_int_equal(roundtrip_patience_ns(&r), samples[i].srtt_ns + 4 * samples[i].rttvar_ns);
    }
}

static void has_endless_patience_before_the_first_answer(void **state) {
    struct roundtrip r = {0};
    assert_int_equal(roundtrip_patience_ns(&r), ROUNDTRIP_NEVER_NS);
    assert_false(roundtrip_give_up(&r));
    roundtrip_answered(&r, 0); /* an answer in no time is a measurement */
    assert_int_equal(roundtrip_patience_ns(&r), ROUNDTRIP_LEAST_NS);
}

static void waits_for_longer_than_the_latest_answer_that_came_late(void **state) {
    struct roundtrip r = {0};
    for (int i = 0; i < 100; i++)
        roundtrip_answered(&r, MS);
    assert_int_equal(roundtrip_patience_ns(&r), ROUNDTRIP_LEAST_NS);
    roundtrip_late(&r, 800 * MS);
    roundtrip_late(&r, 400 * MS);
    for (int i = 0; i < 1000; i++)
        roundtrip_answered(&r, MS); /* from the cache: they say nothing of the others */
    assert_int_equal(roundtrip_patience_ns(&r), 1000 * MS);
    for (int i = 0; i < 5; i++)
        roundtrip_lost(&r);
    assert_in_range(roundtrip_patience_ns(&r), 500 * MS, 530 * MS);
    for (int i = 0; i < 200; i++)
        roundtrip_lost(&r);
    assert_int_equal(roundtrip_patience_ns(&r), ROUNDTRIP_LEAST_NS);
}

static void gives_up_no_more_than_its_share(void **state) {
    struct roundtrip r = {0};
    unsigned n = 0;
    for (int i = 0; i < 800; i++) {
        roundtrip_answered(&r, MS);
        n += roundtrip_give_up(&r);
    }
    assert_int_equal(n, 800 / ROUNDTRIP_SHARE);
    for (int i = 0; i < 100000; i++)
        roundtrip_answered(&r, MS);
    for (n = 0; roundtrip_give_up(&r); n++)
        ;
    assert_int_equal(n, ROUNDTRIP_SAVED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smooths_the_round_trip_time),
        cmocka_unit_test(has_endless_patience_before_the_first_answer),
        cmocka_unit_test(waits_for_longer_than_the_latest_answer_that_came_late),
        cmocka_unit_test(gives_up_no_more_than_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
