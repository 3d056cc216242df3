/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "core/save.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

static bool same_addresses(const struct target_set *a, const struct target_set *b) {
    struct target_map map = {.n = 0};
    assert_int_equal(target_map_make(&map, a, b), STATUS_OK);
    bool same = target_map_is_same(&map);
    target_map_release(&map);
    return same;
}

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
    struct target_walk walk = target_walk_begin(set->spans, set->n_spans);
    const struct target_span *along = set->spans;
    for (uint32_t i = 0; i < set->n; i++) {
        struct ip ip = target_ip(set, i);
        struct ip same = target_next_ip(&along, i);
        assert_true(ip_equal(&ip, &same));
        assert_int_equal(target_index(set, &ip), i);
        uint32_t index = 0;
        uint32_t n = target_walk_run(&walk, &ip, 3, &index);
        assert_int_equal(index, i);
        assert_in_range(n, 1, 3);
        for (uint32_t k = 0; k < n; k++) {
            struct ip next = ip_add(ip, k);
            assert_int_equal(target_index(set, &next), i + k);
        }
        const struct target_span *span = target_span_of(set, i);
        assert_int_equal(n, span->count - (i - span->base) < 3 ? span->count - (i - span->base) : 3);
    }
    static const struct stranger {
        const char *text;
        uint32_t n; /* of three neighbours, how many the set does not hold before the first that it holds */
    } strangers[] = {{"10.0.0.16", 3},   {"9.255.255.255", 1},  {"9.255.255.254", 2}, {"10.1.0.4", 1},
                     {"10.1.0.2", 3},    {"192.0.2.9", 1},      {"192.0.2.6", 1},     {"192.0.2.11", 3},
                     {"2001:db8::4", 1}, {"2001:db8::fffd", 1}, {"2001:db8::3", 2},   {"2001:db8::1:4", 3},
                     {"::", 3},          {"255.255.255.255", 3}};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        struct ip ip = fixture_ip(strangers[i].text);
        print_message("# %s\n", strangers[i].text);
        uint32_t index = 0;
        assert_int_equal(target_index(set, &ip), UINT32_MAX);
        assert_int_equal(target_walk_run(&walk, &ip, 3, &index), strangers[i].n);
        assert_int_equal(index, UINT32_MAX);
    }
    fixture_release(&f);
}

static void a_range_is_found_by_its_label_wherever_it_was_thought_to_be(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "bl", "bl.test");
    struct group *a = fixture_group(&f, "a");
    struct group *b = fixture_group(&f, "b");
    (void)fixture_group(&f, "without any");
    static const char *const in_a[] = {"10.0.2.0/24", "10.0.0.0/24", "2001:db8::/120", "10.0.1.0/24"};
    static const char *const in_b[] = {"10.0.0.0/24", "10.0.9.0/24"};
    for (size_t i = 0; i < 4; i++)
        fixture_range(&f, a, in_a[i]);
    for (size_t i = 0; i < 2; i++)
        fixture_range(&f, b, in_b[i]);
    const struct targets *t = fixture_targets(&f);
    for (uint32_t hint = 0; hint < 8; hint++) {
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(target_range_find(t, 0, in_a[i], hint), i);
        for (uint32_t i = 0; i < 2; i++)
            assert_int_equal(target_range_find(t, 1, in_b[i], hint), 4 + i);
        assert_int_equal(target_range_find(t, 0, in_b[1], hint), UINT32_MAX);
        assert_int_equal(target_range_find(t, 1, in_a[0], hint), UINT32_MAX);
        assert_int_equal(target_range_find(t, 1, "", hint), UINT32_MAX);
        assert_int_equal(target_range_find(t, 2, in_b[0], hint), UINT32_MAX);
    }
    fixture_release(&f);
}

/* An SPF record or a file that names others than before. */
static void to_look_for_many_ranges_that_have_gone_takes_no_time(void **state) {
    (void)state;
    enum { MANY = 50000 };
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "bl", "bl.test");
    struct group *g = fixture_group(&f, "g");
    struct group_range *ranges = calloc(MANY, sizeof *ranges);
    char(*labels)[IP_RANGE_TEXT_SIZE] = calloc(MANY, sizeof *labels);
    assert_true(ranges != NULL && labels != NULL);
    for (uint32_t i = 0; i < MANY; i++) {
        ranges[i] = (struct group_range){{ip_v4(0x0a000000 + i), ip_v4(0x0a000000 + i)}, labels[i]};
        (void)ip_range_format(&ranges[i].range, labels[i]);
    }
    g->ranges = ranges;
    g->n_ranges = MANY;
    const struct targets *t = fixture_targets(&f);
    clock_t began = clock();
    for (uint32_t i = 0; i < MANY; i++) {
        char label[IP_RANGE_TEXT_SIZE];
        struct ip_range gone = {ip_v4(0x0b000000 + i), ip_v4(0x0b000000 + i)};
        (void)ip_range_format(&gone, label);
        assert_int_equal(target_range_find(t, 0, label, 0), UINT32_MAX);
    }
    /* One by one it would be more than a minute. */
    assert_true(clock() - began < 20 * CLOCKS_PER_SEC);
    fixture_release(&f);
    free(ranges);
    free(labels);
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

/* What of a safelisted range the segments and single addresses of a list's set hold. */
static uint64_t held_of(const struct targets *t, uint32_t safelist, uint32_t list) {
    const struct target_safelist *s = &t->safelists[safelist];
    uint32_t from = 0;
    uint32_t to = 0;
    uint64_t n = 0;
    for (uint32_t i = s->first_segment; i < s->first_segment + s->n_segments; i++) {
        assert_true(ip_range_contains(&s->range->range, &t->segments[i].first));
        assert_true(ip_range_contains(&s->range->range, &t->segments[i].last));
        for (uint32_t k = 0; k < t->sets[list]->n_segment_spans; k++)
            n += t->sets[list]->spans[k].segment == (int32_t)i ? t->sets[list]->spans[k].count : 0;
    }
    target_singles_within(t->sets[list], &s->range->range, &from, &to);
    assert_true(from <= to && to <= t->sets[list]->n);
    for (uint32_t i = from; i < to; i++) {
        struct ip ip = target_ip(t->sets[list], i);
        assert_true(i >= t->sets[list]->n_swept && ip_range_contains(&s->range->range, &ip));
    }
    return n + to - from;
}

/* Counted address by address, for ranges of which that can be done. */
static uint64_t counted(const struct targets *t, uint32_t safelist, uint32_t list) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < t->sets[list]->n; i++) {
        struct ip ip = target_ip(t->sets[list], i);
        n += ip_range_contains(&t->safelists[safelist].range->range, &ip);
    }
    return n;
}

static void what_a_list_watches_of_a_safelist_is_whole_segments_and_a_run_of_single_addresses(void **state) {
    static const char *const ranges[] = {"10.0.0.0/24", "10.0.0.64-10.0.1.63", "10.0.2.0/24",
                                         "2001:db8::/120", "255.255.255.0/24"};
    static const char *const singles[] = {"10.0.0.7",  "10.0.3.1",    "10.0.3.2",     "10.0.3.4",
                                          "192.0.2.1", "2001:db8::7", "2001:db8:1::1"};
    static const char *const safe[] = {
        "10.0.0.0/16", "10.0.0.32/27", "10.0.0.0/24",      "10.0.3.0-10.0.3.2",  "10.0.3.2-10.0.3.4",
        "10.0.3.3",    "10.0.1.0/24",  "10.0.1.64/26",     "9.0.0.0/8",          "11.0.0.0/8",
        "0.0.0.0/0",   "::/0",         "2001:db8::80/121", "2001:db8::/31",      "255.255.255.255",
        "192.0.2.1",   "192.0.2.0/31", "10.0.0.7",         "255.255.255.128/25", "2001:db8:1::1"};
    struct fixture f;
    fixture_init(&f);
    fixture_list(&f, "both", "both.test")->families[IP_V6] = true;
    (void)fixture_list(&f, "four", "four.test");
    (void)fixture_list(&f, "singles", "singles.test");
    fixture_list(&f, "score", "score.test")->kind = LIST_REPUTATION;
    fixture_list(&f, "off", "off.test")->enabled = false;
    struct group *swept = fixture_group(&f, "swept");
    struct group *named = fixture_group(&f, "named");
    f.on[0][2] = false;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        fixture_range(&f, swept, ranges[i]);
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        fixture_address(&f, named, singles[i]);
    struct safelist *s = fixture_safelist(&f, "s");
    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
        fixture_safe_range(&f, s, safe[i]);
    const struct targets *t = fixture_targets(&f);
    assert_int_equal(t->n_safelists, sizeof safe / sizeof *safe);
    for (uint32_t i = 0; i < t->n_safelists; i++) {
        bool watched = false;
        for (uint32_t list = 0; list < 3; list++) {
            print_message("# %s on %s\n", safe[i], f.lists[list].name);
            assert_int_equal(held_of(t, i, list), counted(t, i, list));
            assert_int_equal(t->safelists[i].lists[list],
                             counted(t, i, list) > 0 || !t->safelists[i].watched);
            watched = watched || counted(t, i, list) > 0;
        }
        assert_int_equal(t->safelists[i].watched, watched);
        assert_false(t->safelists[i].lists[3]);
        assert_false(t->safelists[i].lists[4]);
    }
    for (uint32_t i = 0; i < t->n_ranges; i++)
        assert_int_equal(addresses_of(t, i), ip_range_count(&t->ranges[i].range->range));
    assert_true(t->safelists[0].n_addresses == 65536);
    assert_true(t->safelists[12].n_addresses == 128);
    assert_true(t->safelists[11].n_addresses > 3.4e38 && t->safelists[11].n_addresses < 3.5e38); /* 2^128 */
    fixture_release(&f);
}

static void only_the_lists_that_a_safelist_names_count_for_it(void **state) {
    static const bool named[FIXTURE_LISTS] = {false, true, false};
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "one", "one.test");
    (void)fixture_list(&f, "two", "two.test");
    struct group *g = fixture_group(&f, "g");
    fixture_range(&f, g, "10.0.0.0/24");
    f.on[0][1] = false;
    struct safelist *s = fixture_safelist(&f, "s");
    fixture_safe_range(&f, s, "10.0.0.0/24");
    s->lists = named;
    const struct targets *t = fixture_targets(&f);
    assert_false(t->safelists[0].lists[0]);
    assert_true(t->safelists[0].lists[1]);
    assert_false(t->safelists[0].watched); /* not on what counts */
    fixture_release(&f);
}

static void a_safelist_changes_neither_an_index_nor_what_is_kept(void **state) {
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "bl", "bl.test");
    struct group *g = fixture_group(&f, "g");
    fixture_range(&f, g, "10.0.0.0/24");
    fixture_range(&f, g, "10.0.7.0/24");
    fixture_address(&f, g, "192.0.2.1");
    struct targets *plain = NULL;
    assert_int_equal(targets_build(&f.settings, &plain), STATUS_OK);
    struct safelist *s = fixture_safelist(&f, "s");
    fixture_safe_range(&f, s, "10.0.0.16/28");
    fixture_safe_range(&f, s, "10.0.0.128-10.0.7.127");
    const struct targets *cut = fixture_targets(&f);
    assert_int_equal(plain->n_segments, 2);
    assert_int_equal(cut->n_segments, 6);
    assert_true(same_addresses(plain->sets[0], cut->sets[0]));
    assert_true(same_addresses(cut->sets[0], plain->sets[0]));
    assert_int_equal(save_layout_hash(plain->sets[0]), save_layout_hash(cut->sets[0]));
    for (uint32_t i = 0; i < plain->sets[0]->n; i++) {
        struct ip a = target_ip(plain->sets[0], i);
        struct ip b = target_ip(cut->sets[0], i);
        assert_true(ip_equal(&a, &b));
    }
    targets_free(plain);
    fixture_release(&f);
}

static void sets_of_other_addresses_are_not_the_same(void **state) {
    static const char *const ranges[] = {"10.0.0.0/25", "10.0.0.0-10.0.0.126", "10.0.1.0/25", "10.0.0.0/26"};
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < 4; i++)
        (void)fixture_list(&f, ranges[i], "bl.test");
    for (size_t i = 0; i < 4; i++) {
        struct group *g = fixture_group(&f, ranges[i]);
        fixture_range(&f, g, ranges[i]);
        for (size_t l = 0; l < 4; l++)
            f.on[i][l] = l == i;
    }
    fixture_address(&f, &f.groups[1], "10.0.0.127"); /* of as many, and in the same run, but not swept */
    const struct targets *t = fixture_targets(&f);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(same_addresses(t->sets[i], t->sets[k]), i == k);
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

/* Each address once, however many groups have it; another group may have it asked. */
static void knows_what_no_block_list_is_asked_about(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "block", "bl.test");
    fixture_list(&f, "score", "score.test")->kind = LIST_REPUTATION;
    fixture_list(&f, "off", "off.test")->enabled = false;
    struct group *asked = fixture_group(&f, "asked");
    fixture_range(&f, asked, "10.0.0.0/28");
    fixture_address(&f, asked, "192.0.2.1");
    fixture_range(&f, asked, "2001:db8::/126"); /* its list is one of IPv4 */
    struct group *saved = fixture_group(&f, "saved");
    fixture_address(&f, saved, "192.0.2.1");
    fixture_address(&f, saved, "10.0.0.3");
    fixture_range(&f, saved, "10.0.0.4/30");
    struct group *open = fixture_group(&f, "open");
    fixture_range(&f, open, "10.0.0.8-10.0.0.18");
    fixture_address(&f, open, "10.0.0.17"); /* of its own range */
    fixture_address(&f, open, "192.0.2.9");
    struct group *again = fixture_group(&f, "again");
    fixture_address(&f, again, "192.0.2.9");
    fixture_address(&f, again, "2001:db8::2");
    for (size_t g = 1; g < 4; g++)
        f.on[g][0] = false;
    const struct targets *t = fixture_targets(&f);
    assert_int_equal(t->n_unasked, 4 + 3 + 1);
    static const bool want[] = {true, false, true, true};
    for (size_t g = 0; g < 4; g++)
        assert_int_equal(t->unasked_groups[g], want[g]);
    fixture_release(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_overlapping_ranges_so_that_each_is_a_run_of_segments),
        cmocka_unit_test(index_and_address_are_inverse),
        cmocka_unit_test(a_range_is_found_by_its_label_wherever_it_was_thought_to_be),
        cmocka_unit_test(to_look_for_many_ranges_that_have_gone_takes_no_time),
        cmocka_unit_test(an_address_in_several_groups_is_watched_once_at_the_shortest_interval),
        cmocka_unit_test(lists_that_check_the_same_share_one_set),
        cmocka_unit_test(what_a_list_watches_of_a_safelist_is_whole_segments_and_a_run_of_single_addresses),
        cmocka_unit_test(only_the_lists_that_a_safelist_names_count_for_it),
        cmocka_unit_test(a_safelist_changes_neither_an_index_nor_what_is_kept),
        cmocka_unit_test(sets_of_other_addresses_are_not_the_same),
        cmocka_unit_test(nothing_to_check_is_no_error),
        cmocka_unit_test(knows_what_no_block_list_is_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
