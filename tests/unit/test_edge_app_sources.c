/* SPDX-License-Identifier: Apache-2.0 */
#include "app_sources.c"

#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* Says that the group has these many addresses of 192.0.2.0/24. */
static void say(struct app_sources *s, const char *group, enum source_kind kind, unsigned n) {
    struct source_set set;
    struct ip ip = fixture_ip("192.0.2.0");
    source_set_init(&set);
    for (unsigned i = 0; i < n; i++) {
        struct ip next = ip_add(ip, i);
        assert_int_equal(source_set_add_address(&set, &next), STATUS_OK);
    }
    source_set_finish(&set);
    assert_true(app_sources_put(s, group, kind, &set, 1));
}

static struct app_sources start(const struct fixture *f) {
    struct app_sources s = {.now = NULL};
    struct sources *next = NULL;
    assert_int_equal(app_sources_begin(&s, &f->settings, &next), STATUS_OK);
    app_sources_use(&s, &next);
    assert_null(next);
    return s;
}

static void what_is_new_is_used_at_once_and_what_follows_after_growing_pauses(void **state) {
    struct fixture f;
    fixture_init(&f);
    struct app_sources s = start(&f);
    int64_t now_ns = HOUR;
    assert_false(app_sources_are_due(&s, now_ns));
    assert_int_equal(app_sources_wake_ns(&s), INT64_MAX);
    int64_t last_pause_ns = 0;
    for (unsigned i = 1; i < 12; i++) {
        say(&s, "bounced", SOURCE_BOUNCED, i);
        int64_t pause_ns = app_sources_wake_ns(&s) - now_ns;
        assert_true(i == 1 ? app_sources_are_due(&s, now_ns)
                           : pause_ns >= last_pause_ns && pause_ns <= MINUTE);
        assert_true(i != 2 || pause_ns == SECOND);
        last_pause_ns = i == 1 ? 0 : pause_ns;
        now_ns = i == 1 ? now_ns : app_sources_wake_ns(&s);
        assert_true(app_sources_are_due(&s, now_ns));
        app_sources_settled(&s, true, 0, now_ns);
        assert_false(app_sources_are_due(&s, now_ns));
    }
    assert_int_equal(last_pause_ns, MINUTE);
    say(&s, "bounced", SOURCE_BOUNCED, 1);
    now_ns += HOUR;
    assert_true(app_sources_are_due(&s, now_ns));
    app_sources_settled(&s, true, 0, now_ns);
    say(&s, "bounced", SOURCE_BOUNCED, 2);
    assert_int_equal(app_sources_wake_ns(&s) - now_ns, SECOND); /* it was quiet in between */
    app_sources_free(&s);
    (void)state;
}

static void
at_most_a_twentieth_of_the_time_goes_into_changes_and_one_that_fails_is_tried_again(void **state) {
    struct fixture f;
    fixture_init(&f);
    struct app_sources s = start(&f);
    say(&s, "g", SOURCE_FILES, 1);
    app_sources_settled(&s, true, SECOND / 2, HOUR);
    say(&s, "g", SOURCE_FILES, 2);
    assert_int_equal(app_sources_wake_ns(&s), HOUR + 10 * SECOND);
    app_sources_settled(&s, false, 0, HOUR + 10 * SECOND);
    assert_int_equal(app_sources_wake_ns(&s), HOUR + 10 * SECOND + MINUTE);
    say(&s, "g", SOURCE_FILES, 2); /* nothing new, but what was new is not in use yet */
    assert_true(app_sources_are_due(&s, HOUR + 2 * MINUTE));
    app_sources_free(&s);
    (void)state;
}

static void a_reload_keeps_bounces_and_the_records_of_groups_that_still_name_one(void **state) {
    struct fixture f;
    fixture_init(&f);
    fixture_group(&f, "spf")->spf = "example.net";
    (void)fixture_group(&f, "plain");
    struct app_sources s = start(&f);
    say(&s, "spf", SOURCE_SPF, 1);
    say(&s, "plain", SOURCE_SPF, 1);
    say(&s, "plain", SOURCE_FILES, 1);
    say(&s, "bounced", SOURCE_BOUNCED, 1);
    struct sources *next = NULL;
    assert_int_equal(app_sources_begin(&s, &f.settings, &next), STATUS_OK);
    assert_non_null(sources_find(next, "spf", SOURCE_SPF));
    assert_null(sources_find(next, "plain", SOURCE_SPF));
    assert_null(sources_find(next, "plain", SOURCE_FILES)); /* files are read anew */
    assert_non_null(sources_find(next, "bounced", SOURCE_BOUNCED));
    app_sources_use(&s, &next);
    assert_false(app_sources_are_due(&s, INT64_MAX)); /* the reload has used them */
    app_sources_free(&s);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_is_used_at_once_and_what_follows_after_growing_pauses),
        cmocka_unit_test(at_most_a_twentieth_of_the_time_goes_into_changes_and_one_that_fails_is_tried_again),
        cmocka_unit_test(a_reload_keeps_bounces_and_the_records_of_groups_that_still_name_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
