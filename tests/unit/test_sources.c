/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=reallocarray */
#include "core/sources.h"

#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);

static bool fails(void) {
    return fails_at > 0 && --fails_at == 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
    return fails() ? NULL : __real_reallocarray(old, n, size);
}

static struct ip_range range(const char *text) {
    struct ip_range out;
    assert_int_equal(ip_range_parse(text, strlen(text), &out), IP_RANGE_OK);
    return out;
}

/* A set of these, up to NULL: addresses, and ranges with a `/` or `-` in them. */
static struct source_set set_of(const char *const *texts) {
    struct source_set set;
    source_set_init(&set);
    for (; *texts != NULL; texts++) {
        struct ip_range one = range(*texts);
        enum status status = strpbrk(*texts, "/-") != NULL ? source_set_add_range(&set, &one)
                                                           : source_set_add_address(&set, &one.first);
        assert_int_equal(status, STATUS_OK);
    }
    source_set_finish(&set);
    return set;
}
#define SET(...) set_of((const char *const[]){__VA_ARGS__, NULL})

static bool put(struct sources *s, const char *group, enum source_kind kind, struct source_set set,
                int64_t wall_ns) {
    bool changed = false;
    assert_int_equal(sources_put(s, group, kind, &set, wall_ns, &changed), STATUS_OK);
    assert_int_equal(set.n_addresses + set.n_ranges, 0); /* taken over */
    return changed;
}

static void a_finished_set_is_in_order_and_has_nothing_twice(void **state) {
    struct source_set set = SET("192.0.2.9", "192.0.2.1", "2001:db8::1", "192.0.2.9", "192.0.2.0/24",
                                "192.0.2.1/32", "192.0.2.0-192.0.2.255");
    assert_int_equal(set.n_addresses, 3);
    assert_int_equal(set.n_ranges, 2);
    for (size_t i = 1; i < set.n_addresses; i++)
        assert_true(ip_compare(&set.addresses[i - 1], &set.addresses[i]) < 0);
    source_set_release(&set);
    (void)state;
}

static void only_what_differs_is_a_change_and_is_dated(void **state) {
    struct sources *s = sources_new();
    assert_int_equal(sources_changed_ns(s, "g"), 0);
    assert_null(sources_find(s, "g", SOURCE_FILES));
    assert_true(put(s, "g", SOURCE_FILES, SET("192.0.2.1"), 100));
    assert_int_equal(sources_changed_ns(s, "g"), 100);
    assert_false(put(s, "g", SOURCE_FILES, SET("192.0.2.1"), 200));
    assert_int_equal(sources_changed_ns(s, "g"), 100);
    assert_true(put(s, "g", SOURCE_FILES, SET("192.0.2.1", "192.0.2.2"), 300));
    assert_true(put(s, "g", SOURCE_SPF, SET("192.0.2.0/24"), 250));
    assert_int_equal(sources_changed_ns(s, "g"), 300);
    assert_true(put(s, "h", SOURCE_BOUNCED, SET("192.0.2.1"), 900));
    assert_int_equal(sources_changed_ns(s, "h"), 0); /* bounces change no ranges */
    assert_int_equal(sources_find(s, "g", SOURCE_FILES)->n_addresses, 2);
    sources_free(s);
    (void)state;
}

static void a_copy_stands_by_itself_and_keeps_its_date(void **state) {
    struct sources *a = sources_new();
    struct sources *b = sources_new();
    (void)put(a, "g", SOURCE_SPF, SET("192.0.2.0/24"), 100);
    assert_int_equal(sources_copy(b, a, "g", SOURCE_SPF), STATUS_OK);
    assert_int_equal(sources_copy(b, a, "other", SOURCE_SPF), STATUS_OK);
    sources_free(a);
    assert_int_equal(sources_find(b, "g", SOURCE_SPF)->n_ranges, 1);
    assert_int_equal(sources_changed_ns(b, "g"), 100);
    assert_null(sources_find(b, "other", SOURCE_SPF));
    sources_free(b);
    (void)state;
}

static void configure(struct fixture *f) {
    fixture_init(f);
    (void)fixture_list(f, "zen", "zen.example.net");
    fixture_list(f, "off", "off.example.net")->enabled = false;
    struct group *group = fixture_group(f, "g");
    fixture_address(f, group, "203.0.113.9");
    fixture_address(f, group, "203.0.113.1");
    fixture_range(f, group, "203.0.113.0/24");
    (void)fixture_group(f, "h");
}

static struct settings *expand(const struct sources *s, const struct settings *base,
                               struct problems *problems) {
    struct settings *out = NULL;
    problems_init(problems);
    assert_int_equal(sources_expand(s, base, problems, &out), STATUS_OK);
    return out;
}

static void what_sources_say_comes_behind_what_the_group_has_and_each_once(void **state) {
    struct fixture f;
    struct problems problems;
    struct sources *s = sources_new();
    configure(&f);
    (void)put(s, "g", SOURCE_FILES,
              SET("203.0.113.1", "198.51.100.2", "198.51.100.1", "203.0.113.0/24", "192.0.2.0/25"), 1);
    (void)put(s, "g", SOURCE_SPF, SET("192.0.2.0/25", "192.0.2.128/25"), 7);
    (void)put(s, "bounced", SOURCE_BOUNCED, SET("198.51.100.7"), 1);
    (void)put(s, "gone", SOURCE_FILES, SET("198.51.100.99"), 1);
    struct settings *out = expand(s, &f.settings, &problems);
    const struct group *g = &out->groups[0];
    assert_int_equal(out->n_groups, 3);
    assert_int_equal(g->n_addresses, 4);
    const char *const expected[] = {"203.0.113.9", "203.0.113.1", "198.51.100.1", "198.51.100.2"};
    for (size_t i = 0; i < 4; i++) {
        struct ip ip = fixture_ip(expected[i]);
        assert_true(ip_equal(&g->addresses[i], &ip));
    }
    assert_int_equal(g->n_ranges, 3);
    assert_string_equal(g->ranges[0].label, "203.0.113.0/24");
    assert_string_equal(g->ranges[1].label, "192.0.2.0/25");
    assert_string_equal(g->ranges[2].label, "192.0.2.128/25");
    assert_int_equal(g->sources_changed_ns, 7);
    assert_int_equal(out->groups[1].n_addresses + out->groups[1].n_ranges, 0);
    assert_int_equal(out->groups[1].sources_changed_ns, 0);
    assert_string_equal(out->groups[2].name, "bounced");
    assert_int_equal(out->groups[2].n_addresses, 1);
    assert_true(out->groups[2].lists[0]);
    assert_false(out->groups[2].lists[1]);                 /* disabled */
    assert_int_equal(f.settings.groups[0].n_addresses, 2); /* the base is as it was */
    assert_int_equal(problems.n_warnings, 0);
    settings_free(out);
    sources_free(s);
    problems_release(&problems);
    (void)state;
}

static void ranges_too_large_to_sweep_are_told_and_those_of_ipv6_recognise(void **state) {
    struct fixture f;
    struct problems problems;
    struct sources *s = sources_new();
    configure(&f);
    (void)put(s, "h", SOURCE_SPF, SET("2001:db8::/48", "10.0.0.0/7", "192.0.2.0/24"), 1);
    struct settings *out = expand(s, &f.settings, &problems);
    assert_int_equal(out->groups[1].n_ranges, 1);
    assert_int_equal(out->groups[1].n_recognised, 1);
    assert_int_equal(problems.n_warnings, 1);
    assert_non_null(
        strstr(problems.shown[0].text, "group \"h\": range 10.0.0.0/7 from its sources is left out"));
    settings_free(out);
    problems_release(&problems);

    (void)put(s, "h", SOURCE_SPF, SET("10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8", "14.0.0.0/8"),
              1);
    out = expand(s, &f.settings, &problems);
    assert_int_equal(out->groups[1].n_ranges, 3); /* with the group's own /24, four are too many */
    assert_int_equal(problems.n_warnings, 1);
    assert_non_null(strstr(problems.shown[0].text, "would have more than 67108864 addresses"));
    settings_free(out);
    problems_release(&problems);
    sources_free(s);
    (void)state;
}

static void of_an_spf_record_smaller_ranges_of_ipv6_only_recognise(void **state) {
    struct fixture f;
    struct problems problems;
    struct sources *s = sources_new();
    configure(&f);
    (void)put(s, "g", SOURCE_FILES, SET("2001:db8::/104", "2001:db8:1::/103"), 1);
    (void)put(s, "h", SOURCE_SPF, SET("2001:db8:2::/108", "2001:db8:3::/107", "2001:db8:4::/104"), 1);
    struct settings *out = expand(s, &f.settings, &problems);
    assert_int_equal(out->groups[0].n_ranges, 2); /* one is the group's own */
    assert_int_equal(out->groups[0].n_recognised, 1);
    assert_int_equal(out->groups[1].n_ranges, 1);
    assert_string_equal(out->groups[1].ranges[0].label, "2001:db8:2::/108");
    assert_int_equal(out->groups[1].n_recognised, 2);
    assert_int_equal(problems.n_warnings, 0);
    settings_free(out);
    problems_release(&problems);
    sources_free(s);
    (void)state;
}

/* Puts and expands; whatever allocation fails, nothing is lost or half done. */
static enum status do_all(struct sources *s, const struct settings *base, struct problems *problems) {
    struct source_set set;
    struct settings *out = NULL;
    const struct ip ip = fixture_ip("198.51.100.200");
    const struct ip_range more = range("192.0.2.0/26");
    bool changed = false;
    source_set_init(&set);
    enum status status = source_set_add_address(&set, &ip);
    if (status == STATUS_OK)
        status = source_set_add_range(&set, &more);
    if (status == STATUS_OK)
        status = sources_put(s, "h", SOURCE_FILES, &set, 1, &changed);
    if (status == STATUS_OK)
        status = sources_expand(s, base, problems, &out);
    source_set_release(&set);
    settings_free(out);
    return status;
}

static void survives_every_allocation_that_fails(void **state) {
    struct fixture f;
    configure(&f);
    bool through = false;
    for (unsigned long i = 1; i < 200 && !through; i++) {
        struct problems problems;
        struct sources *s = sources_new();
        assert_non_null(s);
        (void)put(s, "g", SOURCE_SPF, SET("192.0.2.0/24", "2001:db8::/48"), 1);
        problems_init(&problems);
        fails_at = i;
        enum status status = do_all(s, &f.settings, &problems);
        through = fails_at > 0;
        fails_at = 0;
        assert_int_equal(status, through ? STATUS_OK : STATUS_NO_MEMORY);
        assert_int_equal(sources_find(s, "g", SOURCE_SPF)->n_ranges, 2);
        problems_release(&problems);
        sources_free(s);
    }
    assert_true(through);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finished_set_is_in_order_and_has_nothing_twice),
        cmocka_unit_test(only_what_differs_is_a_change_and_is_dated),
        cmocka_unit_test(a_copy_stands_by_itself_and_keeps_its_date),
        cmocka_unit_test(what_sources_say_comes_behind_what_the_group_has_and_each_once),
        cmocka_unit_test(ranges_too_large_to_sweep_are_told_and_those_of_ipv6_recognise),
        cmocka_unit_test(of_an_spf_record_smaller_ranges_of_ipv6_only_recognise),
        cmocka_unit_test(survives_every_allocation_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
