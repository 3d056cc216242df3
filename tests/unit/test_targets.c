/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* A range of the first group, counted by walking its segments. */
static uint64_t addresses_of(const struct targets *t, uint32_t range) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < t->ranges[range].n_segments; i++)
        n += ip_range_count(&t->segments[t->ranges[range].first_segment + i]);
    return n;
}

static void cuts_overlapping_ranges_so_that_each_is_a_run_of_segments(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "bl", "bl.test");
    struct group *a = fixture_group(&f, "a");
    struct group *b = fixture_group(&f, "b");
    static const char *const in_a[] = {"10.0.0.0/24", "10.0.0.64-10.0.1.63", "10.0.2.0/24",
                                       "255.255.255.0/24"};
    static const char *const in_b[] = {"10.0.0.0/16", "10.0.0.128/32", "2001:db8::/120", "255.255.255.255"};
    for (size_t i = 0; i < 4; i++) {
        fixture_range(&f, a, in_a[i]);
        fixture_range(&f, b, in_b[i]);
    }
    const struct targets *t = fixture_targets(&f);
    assert_int_equal(t->n_ranges, 8);
    for (uint32_t i = 0; i < t->n_ranges; i++) {
        print_message("# %s\n", t->ranges[i].range->label);
        assert_int_equal(addresses_of(t, i), ip_range_count(&t->ranges[i].range->range));
    }
    for (uint32_t i = 1; i < t->n_segments; i++)
        assert_true(ip_compare(&t->segments[i - 1].last, &t->segments[i].first) < 0);
    assert_int_equal(t->sets[0]->n_swept, 65536 + 256); /* IPv6 is not asked of an IPv4 list */
    fixture_release(&f);
}

static void index_and_address_are_inverse(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct list *list = fixture_list(&f, "bl", "bl.test");
    list->families[IP_V6] = true;
    struct group *g = fixture_group(&f, "g");
    fixture_range(&f, g, "10.0.0.0/28");
    fixture_range(&f, g, "10.1.0.5-10.1.0.20");
    fixture_range(&f, g, "2001:db8::fffe-2001:db8::1:3");
    fixture_address(&f, g, "10.0.0.3"); /* in a range */
    fixture_address(&f, g, "192.0.2.7");
    fixture_address(&f, g, "192.0.2.8");
    fixture_address(&f, g, "192.0.2.10");
    fixture_address(&f, g, "2001:db8::5");
    const struct target_set *set = fixture_targets(&f)->sets[0];
    assert_int_equal(set->n_swept, 16 + 16 + 6);
    assert_int_equal(set->n, 16 + 16 + 6 + 4);
    for (uint32_t i = 0; i < set->n; i++) {
        struct ip ip = target_ip(set, i);
        assert_int_equal(target_index(set, &ip), i);
    }
    static const char *const strangers[] = {
        "10.0.0.16",   "9.255.255.255", "10.1.0.4", "192.0.2.9", "192.0.2.11",
        "2001:db8::4", "2001:db8::1:4", "::",       "0.0.0.0"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        struct ip ip = fixture_ip(strangers[i]);
        print_message("# %s\n", strangers[i]);
        assert_int_equal(target_index(set, &ip), UINT32_MAX);
    }
    fixture_release(&f);
}

static void an_address_in_several_groups_is_watched_once_at_the_shortest_interval(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "bl", "bl.test");
    struct group *slow = fixture_group(&f, "slow");
    struct group *fast = fixture_group(&f, "fast");
    fast->interval_ns = MINUTE;
    fixture_address(&f, slow, "192.0.2.1");
    fixture_address(&f, slow, "192.0.2.2");
    fixture_address(&f, fast, "192.0.2.1");
    const struct target_set *set = fixture_targets(&f)->sets[0];
    assert_int_equal(set->n, 2);
    assert_int_equal(set->n_watched, 2);
    assert_int_equal(set->watched[0].interval_ns, MINUTE);
    assert_int_equal(set->watched[1].interval_ns, 15 * MINUTE);
    struct ip ip = fixture_ip("192.0.2.2");
    assert_true(target_group_names(f.targets, 0, &ip));
    assert_false(target_group_names(f.targets, 1, &ip));
    fixture_release(&f);
}

static void lists_that_check_the_same_share_one_set(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "one", "one.test");
    (void)fixture_list(&f, "two", "two.test");
    fixture_list(&f, "six", "six.test")->families[IP_V6] = true;
    fixture_list(&f, "off", "off.test")->enabled = false;
    struct group *all = fixture_group(&f, "all");
    fixture_range(&f, all, "10.0.0.0/24");
    struct group *some = fixture_group(&f, "some");
    fixture_range(&f, some, "10.0.1.0/24");
    f.on[1][2] = false;
    const struct targets *t = fixture_targets(&f);
    assert_ptr_equal(t->sets[0], t->sets[1]);
    assert_ptr_not_equal(t->sets[0], t->sets[2]);
    assert_int_equal(t->sets[0]->n, 512);
    assert_int_equal(t->sets[2]->n, 256);
    assert_null(t->sets[3]);
    assert_true(target_group_covers(t, 1, 0));
    assert_false(target_group_covers(t, 1, 2));
    fixture_release(&f);
}

static void nothing_to_check_is_no_error(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "bl", "bl.test");
    struct group *g = fixture_group(&f, "six");
    fixture_address(&f, g, "2001:db8::1");
    const struct target_set *set = fixture_targets(&f)->sets[0];
    struct ip ip = fixture_ip("2001:db8::1");
    assert_int_equal(set->n, 0);
    assert_int_equal(target_index(set, &ip), UINT32_MAX);
    fixture_release(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_overlapping_ranges_so_that_each_is_a_run_of_segments),
        cmocka_unit_test(index_and_address_are_inverse),
        cmocka_unit_test(an_address_in_several_groups_is_watched_once_at_the_shortest_interval),
        cmocka_unit_test(lists_that_check_the_same_share_one_set),
        cmocka_unit_test(nothing_to_check_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
