/* SPDX-License-Identifier: Apache-2.0
 *
 * The status page: what is listed now, row by row.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "page_fixture.h"

#include <stdlib.h>
#include <time.h>

#define DELISTING                                                                                            \
    "<a href=\"https://example.net/remove?a=1&amp;b=&quot;2&quot;\">delisting page</a></td></tr>"

static void shows_each_listed_address_with_its_facts(void **state) {
    struct world *w = *state;
    fill(w);
    EXPECT(
        w,
        ROW(LINK("192.0.2.1")) "<td>outbound</td><td>block <small>page</small></td>"
                               "<td>spam-source, a&quot;b\\c</td><td>first seen " TIME(
                                   "2025-01-01", "00:00",
                                   "00") " (1 h 2 min ago)</td><td>" AGE("2025-01-01", "00:00:00",
                                                                         "1 h 2 min ago") "</td><td></"
                                                                                          "td><td>" DELISTING,
        ROW(LINK("192.0.2.2")) "<td>outbound</td><td>block <small>page</small></td><td>spam-source</td>"
                               "<td>" TIME("2025-01-01", "01:01", "01") " (1 min ago)</td>",
        ROW(LINK("198.51.100.9")) "<td>outbound, fleet, fleet 198.51.100.0/28, fleet "
                                  "198.51.100.8-198.51.100.20</td>",
        ROW(LINK("198.51.100.3")) "<td>fleet 198.51.100.0/28</td>",
        ROW(LINK("192.0.2.2")) "<td>outbound</td><td>keyed <small>page</small></td>",
        "<td>javascript:alert(1)</td>", "An address leads to what is known of it.",
        "!" ROW(LINK("198.51.100.10")));
}

static void says_nothing_of_addresses_where_there_are_none(void **state) {
    EXPECT(*state, "!id=\"listed\"", "!href=\"#listed\"");
}

/* Where each row begins that is for one of `n` texts must come behind the one before. */
static void expect_order(const struct world *w, const char *const *texts, size_t n) {
    struct buf out = render(w);
    const char *at = buf_text(&out);
    for (size_t i = 0; i < n; i++) {
        const char *next = strstr(at, texts[i]);
        if (next == NULL)
            fail_msg("not there, or too early: %s", texts[i]);
        assert_null(strstr(next + 1, texts[i]));
        at = next;
    }
    buf_release(&out);
}

static void shows_named_addresses_first_and_what_lists_one_together(void **state) {
    static const char *const rows[] = {
        ROW(LINK("192.0.2.1")),
        ROW(LINK("192.0.2.2")) "<td>outbound</td><td>block",
        ROW(LINK("192.0.2.2")) "<td>outbound</td><td>keyed",
        ROW(LINK("198.51.100.9")),
        ROW(LINK("198.51.100.3")),
    };
    struct world *w = *state;
    fill(w);
    expect_order(w, rows, sizeof rows / sizeof *rows);
}

static void marks_what_a_list_said_that_cannot_be_believed_now(void **state) {
    struct world *w = *state;
    fill(w);
    world_blind(w, KEYED, HEALTH_REFUSED);
    EXPECT(w,
           ROW(LINK("192.0.2.2")) "<td>outbound</td><td>keyed <small>page, <strong "
                                  "class=\"bad\">refused</strong></small>",
           "<td>block <small>page</small></td>");
}

/* --- More than a page holds --- */

enum { ALL = 8192 };

static const struct verdict listed = {.kind = VERDICT_LISTED, .reason = REASON_NONE, .codes = 1, .score = -1};

static void list_range(struct world *w, uint32_t list, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct ip ip = ip_v4(0x0a000000u + i);
        world_look(w, list, &ip, LOOK_SWEEP, &listed);
    }
}

static int begin_large(void **state) {
    static struct world w;
    static const bool lists[WORLD_LISTS] = {[BLOCK] = true, [KEYED] = true};
    static struct group_range range;
    static struct group group;
    (void)setup(state);
    (void)teardown(state);
    range = world_range("10.0.0.0/19");
    group = (struct group){.name = "g",
                           .ranges = &range,
                           .n_ranges = 1,
                           .lists = lists,
                           .interval_ns = HOUR,
                           .sweep_interval_ns = 24 * HOUR};
    struct settings settings = world_settings();
    settings.groups = &group;
    settings.n_groups = 1;
    world_begin(&w, &settings);
    *state = &w;
    return 0;
}

static void counts_the_addresses_that_it_does_not_show(void **state) {
    struct world *w = *state;
    list_range(w, BLOCK, ALL);
    EXPECT(w, "<title>8192 listed - rbl_exporter</title>", ">8,192 addresses are listed on 1 list</h1>",
           "Named one by one: <strong>0</strong>, only in ranges: 8,192.",
           "<p>3,192 more are listed and not shown: ", LINK("10.0.19.135"), "!" LINK("10.0.19.136"),
           "<td>8,192</td>");
    assert_int_equal(PAGE_MAX_LISTED, 5000);
}

static void does_not_say_how_many_addresses_where_it_has_not_compared_them(void **state) {
    struct world *w = *state;
    list_range(w, BLOCK, ALL);
    list_range(w, KEYED, 1);
    EXPECT(w, "<title>over 8191 listed - rbl_exporter</title>",
           ">At least 8,192 addresses are listed on 2 lists</h1>", "only in ranges: at least 8,192.",
           "<p>3,193 more are listed and not shown: ");
}

static void counts_an_address_once_that_is_on_two_lists(void **state) {
    struct world *w = *state;
    list_range(w, BLOCK, 2500);
    list_range(w, KEYED, 2500);
    EXPECT(w, "<title>2500 listed - rbl_exporter</title>", ">2,500 addresses are listed on 2 lists</h1>",
           "!not shown", LINK("10.0.9.195"));
}

static void does_not_say_how_many_are_named_where_it_has_not_kept_them(void **state) {
    struct world *w = *state;
    static struct ip addresses[PAGE_MAX_LISTED + 1];
    static struct group group;
    world_end(w);
    for (uint32_t i = 0; i <= PAGE_MAX_LISTED; i++)
        addresses[i] = ip_v4(0x0a000000u + i);
    group = w->settings.groups[0];
    group.addresses = addresses;
    group.n_addresses = PAGE_MAX_LISTED + 1;
    struct settings settings = w->settings;
    settings.groups = &group;
    world_begin(w, &settings);
    list_range(w, BLOCK, PAGE_MAX_LISTED + 1);
    EXPECT(w, ">5,001 addresses are listed on 1 list</h1>",
           ". Named one by one: at least <strong>5,000</strong>.</p>", "<p>1 more are listed");
}

/* --- Many ranges --- */

enum { MANY = 20000, CROSSING = 80, BLOCK_SIZE = 1024 };

/* Only `n` ranges, in one group. */
static void begin_with_ranges(struct world *w, const struct group_range *ranges, size_t n) {
    static const bool lists[WORLD_LISTS] = {[BLOCK] = true};
    static struct group group;
    group = (struct group){.name = "g",
                           .ranges = ranges,
                           .n_ranges = n,
                           .lists = lists,
                           .interval_ns = HOUR,
                           .sweep_interval_ns = 24 * HOUR};
    struct settings settings = world_settings();
    settings.groups = &group;
    settings.n_groups = 1;
    settings.n_safelists = 0;
    world_begin(w, &settings);
}

static struct group_range range_of(uint32_t first, uint32_t last, char label[IP_RANGE_TEXT_SIZE]) {
    struct group_range range = {.range = {.first = ip_v4(first), .last = ip_v4(last)}, .label = label};
    (void)ip_range_format(&range.range, label);
    return range;
}

/* The row of `ip`: the ranges that hold it by where they begin, then as configured. */
static void add_wanted_row(struct buf *out, const struct group_range *ranges, uint32_t ip) {
    const char *comma = "";
    char text[IP_TEXT_SIZE];
    struct ip address = ip_v4(ip);
    (void)ip_format(&address, text);
    buf_addf(out, "<tr><th scope=\"row\"><a href=\"check?ip=%s\">%s</a></th><td>", text, text);
    for (uint64_t first = ip - BLOCK_SIZE; first <= ip; first++)
        for (size_t i = 0; i < CROSSING; i++)
            if (ranges[i].range.first.lo == first && ranges[i].range.last.lo >= ip) {
                buf_addf(out, "%sg %s", comma, ranges[i].label);
                comma = ", ";
            }
    buf_add_text(out, "</td>");
}

static void names_every_range_that_holds_an_address(void **state) {
    (void)state;
    static struct group_range ranges[CROSSING];
    static char labels[CROSSING][IP_RANGE_TEXT_SIZE];
    uint32_t random = 1;
    for (size_t i = 0; i < CROSSING; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t first = random >> 8 & (BLOCK_SIZE - 1);
        uint32_t size = 1u << (random >> 20) % 10;
        uint32_t last = first + size < BLOCK_SIZE ? first + size : BLOCK_SIZE;
        ranges[i] = range_of(0x0a000000u + first, 0x0a000000u + last, labels[i]);
    }
    struct world w;
    begin_with_ranges(&w, ranges, CROSSING);
    const struct target_set *set = w.targets->sets[BLOCK];
    for (uint32_t i = 0; i < set->n; i++) {
        struct ip ip = target_ip(set, i);
        world_look(&w, BLOCK, &ip, LOOK_SWEEP, &listed);
    }
    struct buf out = render(&w);
    assert_true(set->n > BLOCK_SIZE / 2);
    for (uint32_t i = 0; i < set->n; i++) {
        struct buf want;
        buf_init(&want, SIZE_MAX);
        add_wanted_row(&want, ranges, (uint32_t)target_ip(set, i).lo);
        if (strstr(buf_text(&out), buf_text(&want)) == NULL)
            fail_msg("not there: %s", buf_text(&want));
        buf_release(&want);
    }
    buf_release(&out);
    world_end(&w);
}

/* Processor time of a page, the least of some: others use this machine too. */
static int64_t cost_ns(const struct group_range *ranges, size_t n_ranges, uint32_t n_listed, uint32_t step) {
    struct world w;
    int64_t least = INT64_MAX;
    begin_with_ranges(&w, ranges, n_ranges);
    for (uint32_t i = 0; i < n_listed; i++) {
        struct ip ip = ip_v4(0x0a000000u + i * step);
        world_look(&w, BLOCK, &ip, LOOK_SWEEP, &listed);
    }
    for (int i = 0; i < 5; i++) {
        struct timespec from;
        struct timespec to;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        struct buf out = render(&w);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        buf_release(&out);
        int64_t took = (to.tv_sec - from.tv_sec) * SECOND + to.tv_nsec - from.tv_nsec;
        least = took < least ? took : least;
    }
    world_end(&w);
    return least;
}

/* With each row looking at each range it were ten times what listings and ranges cost apart; it is not
 * twice that. */
static void costs_no_product_of_listings_and_ranges(void **state) {
    (void)state;
    static struct group_range ranges[MANY];
    static char labels[MANY][IP_RANGE_TEXT_SIZE];
    char label[IP_RANGE_TEXT_SIZE];
    for (uint32_t i = 0; i < MANY; i++)
        ranges[i] = range_of(0x0a000000u + 16 * i, 0x0a000007u + 16 * i, labels[i]);
    struct group_range one = range_of(0x0a000000u, 0x0a000000u + 16 * MANY, label);
    int64_t both = cost_ns(ranges, MANY, PAGE_MAX_LISTED, 64);
    int64_t apart = cost_ns(ranges, MANY, 0, 0) + cost_ns(&one, 1, PAGE_MAX_LISTED, 64);
    print_message("# %.2f ms, apart %.2f ms\n", (double)both / 1e6, (double)apart / 1e6);
    assert_true(both < 4 * apart);
}

#define IN_LARGE(test) cmocka_unit_test_setup_teardown(test, begin_large, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(shows_each_listed_address_with_its_facts),
        IN_WORLD(says_nothing_of_addresses_where_there_are_none),
        IN_WORLD(shows_named_addresses_first_and_what_lists_one_together),
        IN_WORLD(marks_what_a_list_said_that_cannot_be_believed_now),
        IN_LARGE(counts_the_addresses_that_it_does_not_show),
        IN_LARGE(does_not_say_how_many_addresses_where_it_has_not_compared_them),
        IN_LARGE(does_not_say_how_many_are_named_where_it_has_not_kept_them),
        IN_LARGE(counts_an_address_once_that_is_on_two_lists),
        cmocka_unit_test(names_every_range_that_holds_an_address),
        cmocka_unit_test(costs_no_product_of_listings_and_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
