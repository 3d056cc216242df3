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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
