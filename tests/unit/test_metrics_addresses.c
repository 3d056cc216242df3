/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/metrics.h"

#include "scraped.h"

#include <stdlib.h>

/* --- Single addresses --- */

static void says_nothing_of_addresses_before_the_first_look(void **state) {
    EXPECT(*state, "!rbl_ip_listed{", "!rbl_ip_return_code{", "!rbl_ip_reputation_score{",
           "!rbl_ip_last_check_timestamp_seconds{", "!rbl_ip_last_change_timestamp_seconds{");
}

static void says_of_block_lists_listed_or_not(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    world_not_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED);
    world_listed(w, BLOCK, "2001:db8::1", LOOK_WATCHED, 1);
    world_not_listed(w, ALLOW, "192.0.2.1", LOOK_WATCHED);
    world_listed(w, ALLOW, "192.0.2.2", LOOK_WATCHED, 1);
    world_score(w, "192.0.2.1", LOOK_WATCHED, 0);
    EXPECT(
        w, "rbl_ip_listed{group=\"outbound\",ip=\"192.0.2.1\",list=\"block\"} 1",
        "rbl_ip_listed{group=\"outbound\",ip=\"192.0.2.2\",list=\"block\"} 0",
        "rbl_ip_listed{group=\"outbound\",ip=\"2001:db8::1\",list=\"block\"} 1",
        "!rbl_ip_listed{group=\"outbound\",ip=\"192.0.2.1\",list=\"keyed\"",
        "!rbl_ip_listed{group=\"outbound\",ip=\"192.0.2.1\",list=\"score\"",
        "!rbl_ip_listed{group=\"outbound\",ip=\"192.0.2.2\",list=\"allow\"",
        "rbl_ip_return_code{group=\"outbound\",ip=\"192.0.2.2\",list=\"allow\",code=\"other\"} 1",
        "rbl_ip_reputation_score{group=\"outbound\",ip=\"192.0.2.1\",list=\"score\"} 0",
        "!rbl_ip_reputation_score{group=\"outbound\",ip=\"192.0.2.2\"",
        "!rbl_ip_return_code{group=\"outbound\",ip=\"192.0.2.1\",list=\"score\"",
        "rbl_ip_last_check_timestamp_seconds{group=\"outbound\",ip=\"192.0.2.1\",list=\"score\"} 1735689600",
        "rbl_ip_last_check_timestamp_seconds{group=\"outbound\",ip=\"192.0.2.2\",list=\"block\"} 1735689600",
        "!rbl_ip_last_check_timestamp_seconds{group=\"outbound\",ip=\"192.0.2.2\",list=\"keyed\"",
        "!rbl_ip_last_change_timestamp_seconds{");
}

static void counts_an_address_in_each_group_that_names_it(void **state) {
    struct world *w = *state;
    world_not_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED);
    w->now_ns += MINUTE;
    world_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED, 1);
    EXPECT(
        w, "rbl_ip_listed{group=\"outbound\",ip=\"198.51.100.9\",list=\"block\"} 1",
        "rbl_ip_listed{group=\"fleet\",ip=\"198.51.100.9\",list=\"block\"} 1",
        "rbl_ip_last_change_timestamp_seconds{group=\"fleet\",ip=\"198.51.100.9\",list=\"block\"} 1735689660",
        "rbl_ip_listings_total{group=\"outbound\",list=\"block\"} 1",
        "rbl_ip_listings_total{group=\"fleet\",list=\"block\"} 1",
        "rbl_ip_delistings_total{group=\"fleet\",list=\"block\"} 0",
        "!rbl_ip_listings_total{group=\"fleet\",list=\"keyed\"",
        "!rbl_ip_listings_total{group=\"outbound\",list=\"score\"",
        "!rbl_ip_listings_total{group=\"nowhere\"", "!rbl_ip_listed{group=\"nowhere\"",
        "rbl_range_listings_total{group=\"fleet\",range=\"198.51.100.0/28\",list=\"block\"} 1",
        "rbl_range_listings_total{group=\"fleet\",range=\"198.51.100.8-198.51.100.20\",list=\"block\"} 1",
        "rbl_range_last_change_timestamp_seconds{group=\"fleet\",range=\"198.51.100.0/28\",list=\"block\"} "
        "1735689660",
        "!rbl_range_last_change_timestamp_seconds{group=\"fleet\",range=\"2001:db8:1::/124\"");
}

static void counts_no_flips_of_single_addresses_where_there_are_none(void **state) {
    static struct world w;
    struct settings settings = world_settings();
    struct group groups[WORLD_GROUPS];
    memcpy(groups, settings.groups, sizeof groups);
    groups[FLEET].n_addresses = 0;
    settings.groups = groups;
    world_begin(&w, &settings);
    EXPECT(&w, "!rbl_ip_listings_total{group=\"fleet\"", "!rbl_ip_delistings_total{group=\"fleet\"",
           "rbl_ip_listings_total{group=\"outbound\",list=\"block\"} 0");
    world_end(&w);
}

static void names_each_code_once_even_if_a_list_calls_one_other(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 7 | UINT64_C(1) << LIST_CODE_OTHER);
    EXPECT(w, "rbl_ip_return_code{group=\"outbound\",ip=\"192.0.2.1\",list=\"block\",code=\"spam-source\"} 1",
           "rbl_ip_return_code{group=\"outbound\",ip=\"192.0.2.1\",list=\"block\",code=\"a\\\"b\\\\c\"} 1",
           "rbl_ip_return_code{group=\"outbound\",ip=\"192.0.2.1\",list=\"block\",code=\"other\"} 1");
}

static void forgets_the_codes_of_a_delisted_address(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    w->now_ns += HOUR;
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    EXPECT(w, "rbl_ip_listed{group=\"outbound\",ip=\"192.0.2.1\",list=\"block\"} 0", "!rbl_ip_return_code{",
           "rbl_ip_delistings_total{group=\"outbound\",list=\"block\"} 1",
           "rbl_ip_last_change_timestamp_seconds{group=\"outbound\",ip=\"192.0.2.1\",list=\"block\"} "
           "1735693200");
}

static void keeps_the_verdicts_of_a_list_that_goes_blind(void **state) {
    struct world *w = *state;
    static const enum health_state blind[] = {HEALTH_WILDCARD, HEALTH_REFUSED, HEALTH_TIMEOUT};
    fill(w);
    struct buf before = render_as(w, PROMTEXT_004);
    for (size_t i = 0; i < sizeof blind / sizeof *blind; i++) {
        world_blind(w, BLOCK, blind[i]);
        w->now_ns += 9 * 24 * HOUR;
        struct registry_stale stale = {
            .sweep_ns = 6 * HOUR, .ring_ns = (const int64_t[]){6 * HOUR}, .n_rings = 1};
        registry_scan(w->checker->registry, BLOCK, &stale, 1000, w->now_ns);
        struct buf after = render_as(w, PROMTEXT_004);
        const char *from = strstr(buf_text(&before), "# HELP rbl_ip_listed ");
        const char *to = strstr(from, "# HELP rbl_range_oldest");
        if (strncmp(strstr(buf_text(&after), "# HELP rbl_ip_listed "), from, (size_t)(to - from)) != 0)
            fail_msg("%s: other series than before", health_state_text[blind[i]]);
        buf_release(&after);
        registry_freeze(w->checker->registry, BLOCK, false, w->now_ns);
    }
    buf_release(&before);
}

static void drops_what_is_stale_but_says_when_it_was_checked(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    w->now_ns += 7 * HOUR;
    struct registry_stale stale = {
        .sweep_ns = 6 * HOUR, .ring_ns = (const int64_t[]){6 * HOUR}, .n_rings = 1};
    registry_scan(w->checker->registry, BLOCK, &stale, 1000, w->now_ns);
    EXPECT(
        w, "!rbl_ip_listed{", "!rbl_ip_return_code{",
        "rbl_ip_last_check_timestamp_seconds{group=\"outbound\",ip=\"192.0.2.1\",list=\"block\"} 1735689600");
}

/* --- Ranges --- */

static void adds_up_the_segments_of_ranges_that_overlap(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "198.51.100.3", LOOK_SWEEP, 1);
    world_listed(w, BLOCK, "198.51.100.10", LOOK_SWEEP, 1);
    world_not_listed(w, BLOCK, "198.51.100.20", LOOK_SWEEP);
    world_not_listed(w, BLOCK, "198.51.100.11", LOOK_RECHECK);
#define RANGE(name, range, list) "rbl_range_" name "{group=\"fleet\",range=\"" range "\",list=\"" list "\"} "
    EXPECT(w, "rbl_range_addresses{group=\"fleet\",range=\"198.51.100.0/28\"} 16",
           "rbl_range_addresses{group=\"fleet\",range=\"198.51.100.8-198.51.100.20\"} 13",
           RANGE("checked_addresses", "198.51.100.0/28", "block") "3",
           RANGE("checked_addresses", "198.51.100.8-198.51.100.20", "block") "3",
           RANGE("checked_addresses", "2001:db8:1::/124", "block") "0",
           RANGE("checked_addresses", "198.51.100.0/28", "score") "0",
           RANGE("listed_addresses", "198.51.100.0/28", "block") "2",
           RANGE("listed_addresses", "198.51.100.8-198.51.100.20", "block") "1",
           RANGE("sample_checked_addresses", "198.51.100.0/28", "block") "2",
           RANGE("sample_checked_addresses", "198.51.100.8-198.51.100.20", "block") "2",
           RANGE("sample_listed_addresses", "198.51.100.0/28", "block") "2",
           "!rbl_range_listed_addresses{group=\"fleet\",range=\"198.51.100.0/28\",list=\"score\"",
           "!rbl_range_checked_addresses{group=\"fleet\",range=\"2001:db8:1::/124\",list=\"score\"",
           "!rbl_range_checked_addresses{group=\"fleet\",range=\"198.51.100.0/28\",list=\"keyed\"",
           "!rbl_range_reputation_addresses{group=\"fleet\",range=\"198.51.100.0/28\",list=\"block\"",
           RANGE("oldest_result_timestamp_seconds", "198.51.100.0/28", "block") "1735689600",
           "!rbl_range_oldest_result_timestamp_seconds{group=\"fleet\",range=\"2001:db8:1::/124\"",
           "!rbl_range_sweep_last_completion_timestamp_seconds{", "!rbl_range_sweep_last_duration_seconds{");
}

static void names_the_lowest_listed_addresses_and_counts_the_rest(void **state) {
    struct world *w = *state;
    static const char *const listed[] = {"198.51.100.15", "198.51.100.20", "198.51.100.9", "198.51.100.0",
                                         "2001:db8:1::f"};
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
        world_listed(w, BLOCK, listed[i], strcmp(listed[i], "198.51.100.9") == 0 ? LOOK_WATCHED : LOOK_SWEEP,
                     1);
#define LISTED(range, ip)                                                                                    \
    "rbl_range_ip_listed{group=\"fleet\",range=\"" range "\",ip=\"" ip "\",list=\"block\"} 1"
    EXPECT(w, LISTED("198.51.100.0/28", "198.51.100.0"), LISTED("198.51.100.0/28", "198.51.100.9"),
           "!" LISTED("198.51.100.0/28", "198.51.100.15"),
           LISTED("198.51.100.8-198.51.100.20", "198.51.100.9"),
           LISTED("198.51.100.8-198.51.100.20", "198.51.100.15"),
           "!" LISTED("198.51.100.8-198.51.100.20", "198.51.100.20"),
           LISTED("2001:db8:1::/124", "2001:db8:1::f"),
           RANGE("listed_addresses_omitted", "198.51.100.0/28", "block") "1",
           RANGE("listed_addresses_omitted", "198.51.100.8-198.51.100.20", "block") "1",
           RANGE("listed_addresses_omitted", "2001:db8:1::/124", "block") "0",
           "!rbl_range_listed_addresses_omitted{group=\"fleet\",range=\"198.51.100.0/28\",list=\"score\"");
}

static void sorts_scores_into_bands(void **state) {
    struct world *w = *state;
    static const int scores[] = {0, 9, 10, 89, 90, 99, 100};
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        char text[32];
        snprintf(text, sizeof text, "198.51.100.%zu", i);
        world_score(w, text, LOOK_SWEEP, scores[i]);
    }
#define BAND(band)                                                                                           \
    "rbl_range_reputation_addresses{group=\"fleet\",range=\"198.51.100.0/28\",list=\"score\",band=\"" band   \
    "\"} "
    EXPECT(w, BAND("0-9") "2", BAND("10-19") "1", BAND("20-29") "0", BAND("70-79") "0", BAND("80-89") "1",
           BAND("90-100") "3", RANGE("checked_addresses", "198.51.100.0/28", "score") "7",
           "!rbl_range_sample_listed_addresses{group=\"fleet\",range=\"198.51.100.0/28\",list=\"score\"");
}

static void tells_how_old_results_are_and_when_the_sweep_ended(void **state) {
    struct world *w = *state;
    w->now_ns += MINUTE;
    world_not_listed(w, BLOCK, "198.51.100.20", LOOK_SWEEP);
    w->now_ns += MINUTE;
    world_not_listed(w, BLOCK, "198.51.100.9", LOOK_SWEEP);
    struct registry_stale stale = {.sweep_ns = 6 * HOUR};
    registry_scan(w->checker->registry, BLOCK, &stale, 1000, w->now_ns);
    w->checker->lists[BLOCK].plan.sweep.completed_ns = w->now_ns;
    w->checker->lists[BLOCK].plan.sweep.duration_ns = 61 * SECOND + SECOND / 4;
    EXPECT(w, RANGE("oldest_result_timestamp_seconds", "198.51.100.0/28", "block") "1735689720",
           RANGE("oldest_result_timestamp_seconds", "198.51.100.8-198.51.100.20", "block") "1735689660",
           "!rbl_range_oldest_result_timestamp_seconds{group=\"fleet\",range=\"2001:db8:1::/124\"",
           RANGE("sweep_last_completion_timestamp_seconds", "2001:db8:1::/124", "block") "1735689720",
           RANGE("sweep_last_duration_seconds", "198.51.100.0/28", "block") "61.25",
           "!rbl_range_sweep_last_duration_seconds{group=\"fleet\",range=\"198.51.100.0/28\",list=\"score\"");
}

/* --- Many --- */

enum { MANY = 1000, MANY_LISTS = 3 };

static struct settings many_settings(void) {
    static struct ip addresses[MANY];
    static struct list lists[MANY_LISTS];
    static const bool everywhere[MANY_LISTS] = {true, true, true};
    static struct group group = {.name = "many", .interval_ns = 15 * MINUTE, .sweep_interval_ns = 24 * HOUR};
    static const char *const names[MANY_LISTS] = {"one", "two", "three"};
    for (uint32_t i = 0; i < MANY; i++)
        addresses[i] = ip_v4(0x0a000000u + i * 7);
    for (int i = 0; i < MANY_LISTS; i++) {
        lists[i] = world_lists[KEYED];
        lists[i].name = names[i];
    }
    group.addresses = addresses;
    group.n_addresses = MANY;
    group.lists = everywhere;
    struct settings settings = world_settings();
    settings.lists = lists;
    settings.n_lists = MANY_LISTS;
    settings.groups = &group;
    settings.n_groups = 1;
    return settings;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Cuts `len` bytes of `text` into lines and puts them in order. Not by strtok(): with the strict checks of
 * the address sanitizer it reads to the end for each line. */
static char **sorted_lines(char *text, size_t len, size_t *n) {
    char **lines = calloc(1000000, sizeof *lines);
    assert_non_null(lines);
    for (char *end = text + len, *line = text; line < end; *n += 1) {
        lines[*n] = line;
        line = memchr(line, '\n', (size_t)(end - line));
        assert_non_null(line);
        *line++ = '\0';
    }
    qsort(lines, *n, sizeof *lines, by_text);
    return lines;
}

static void writes_no_line_twice_for_many_addresses(void **state) {
    static struct world w;
    const struct settings settings = many_settings();
    const struct verdict verdicts[2] = {{.kind = VERDICT_NOT_LISTED}, {.kind = VERDICT_LISTED, .codes = 1}};
    world_begin(&w, &settings);
    for (uint32_t list = 0; list < MANY_LISTS; list++)
        for (uint32_t i = 0; i < MANY; i++)
            world_look(&w, list, &settings.groups[0].addresses[i], LOOK_WATCHED, &verdicts[i % 10 == list]);
    struct buf out = render_as(&w, PROMTEXT_OPENMETRICS);
    assert_int_equal(count_lines(buf_text(&out), "rbl_ip_listed{", false), MANY * MANY_LISTS);
    assert_int_equal(count_lines(buf_text(&out), "rbl_ip_return_code{", false), MANY * MANY_LISTS / 10);
    assert_int_equal(count_lines(buf_text(&out), "rbl_ip_last_check_timestamp_seconds{", false),
                     MANY * MANY_LISTS);
    size_t n = 0;
    char **lines = sorted_lines(out.data, out.len, &n);
    for (size_t i = 1; i < n; i++)
        assert_string_not_equal(lines[i - 1], lines[i]);
    free(lines);
    buf_release(&out);
    world_end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(says_nothing_of_addresses_before_the_first_look),
        IN_WORLD(says_of_block_lists_listed_or_not),
        IN_WORLD(counts_an_address_in_each_group_that_names_it),
        cmocka_unit_test(counts_no_flips_of_single_addresses_where_there_are_none),
        IN_WORLD(names_each_code_once_even_if_a_list_calls_one_other),
        IN_WORLD(forgets_the_codes_of_a_delisted_address),
        IN_WORLD(keeps_the_verdicts_of_a_list_that_goes_blind),
        IN_WORLD(drops_what_is_stale_but_says_when_it_was_checked),
        IN_WORLD(adds_up_the_segments_of_ranges_that_overlap),
        IN_WORLD(names_the_lowest_listed_addresses_and_counts_the_rest),
        IN_WORLD(sorts_scores_into_bands),
        IN_WORLD(tells_how_old_results_are_and_when_the_sweep_ended),
        cmocka_unit_test(writes_no_line_twice_for_many_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
