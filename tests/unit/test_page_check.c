/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/checker_probe.h"
#include "core/page_check.h"
#include "core/page_internal.h"

#include "page_fixture.h"

#include <stdlib.h>

static struct group_range ranges[2];
static struct group microsoft;

static struct page_check question(const struct world *w, const char *form) {
    struct page_check check;
    if (!page_check_read(w->checker, form, true, &check))
        fail_msg("%s: %s", form, check.error);
    ranges[0] = world_range("198.51.100.0/24");
    ranges[1] = world_range("203.0.113.0/28");
    microsoft = (struct group){.name = "m", .ranges = ranges, .n_ranges = 2, .ranges_date_days = 20089};
    check.microsoft = &microsoft;
    return check;
}

/* Texts that the page holds, or with a `!` before them does not. */
static void expect_page(const struct world *w, const struct page_check *check, const char *const *texts,
                        size_t n) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    page_check_render(&out, w->checker, &process, check, w->now_ns, WORLD_OFFSET);
    assert_int_equal(buf_status(&out), STATUS_OK);
    for (size_t i = 0; i < n; i++) {
        bool wanted = texts[i][0] != '!';
        if ((strstr(buf_text(&out), texts[i] + !wanted) != NULL) != wanted)
            fail_msg("%s: %s\n%s", wanted ? "not there" : "should not be there", texts[i] + !wanted,
                     strstr(buf_text(&out), "<table"));
    }
    buf_release(&out);
}
#define EXPECT_PAGE(w, check, ...)                                                                           \
    do {                                                                                                     \
        static const char *const texts_[] = {__VA_ARGS__};                                                   \
        expect_page(w, check, texts_, sizeof texts_ / sizeof *texts_);                                       \
    } while (0)

static void reads_an_address_as_people_paste_it(void **state) {
    static const struct {
        const char *form, *ip;
    } rows[] = {
        {"ip=192.0.2.1", "192.0.2.1"},
        {"ip=+192.0.2.1%0d%0a", "192.0.2.1"},
        {"ip=[40.93.198.108]", "40.93.198.108"},
        {"ip=%5B40.93.198.108%5d+", "40.93.198.108"},
        {"&ip=2001:DB8:0::1&", "2001:db8::1"},
        {"ip=2001%3Adb8%3A%3A1", "2001:db8::1"},
        {"ip=[+203.0.113.1+]", "203.0.113.1"},
        {"ip=+[IPv6:2001:db8::1]", "2001:db8::1"},
        {"ip=[ipv6:2001:db8::1]", "2001:db8::1"},
        {"ip=[%09IPv6:2001:db8::1+]+", "2001:db8::1"},
        {"ip=[2001:db8::1]", "2001:db8::1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct page_check check = question(*state, rows[i].form);
        struct ip ip = world_ip(rows[i].ip);
        assert_true(check.has_ip && ip_equal(&check.ip, &ip));
        assert_string_equal(check.typed, rows[i].ip);
        assert_string_equal(check.error, "");
    }
}

static void refuses_what_is_none_and_says_what_is_allowed(void **state) {
    static const struct {
        const char *form, *error;
    } rows[] = {
        {"ip=", "'' is no address"},
        {"ip=[]", "'' is no address"},
        {"ip=[[192.0.2.1]]", "'[192.0.2.1]' is no address"},
        {"ip=[IPv6:]", "'IPv6:' is no address"},
        {"ip=[IPv6:192.0.2.1]", "'IPv6:192.0.2.1' is no address"},
        {"ip=[IPv6:+2001:db8::1]", "' 2001:db8::1' is no address"},
        {"ip=IPv6:2001:db8::1", "'IPv6:2001:db8::1' is no address"},
        {"ip=2002:cb00:7101::1", "2002:cb00:7101::1 is an IPv4 address written as IPv6"},
        {"ip=192.0.2", "'192.0.2' is no address"},
        {"ip=192.0.2.0/24", "is no address"},
        {"ip=%3Cb%3E", "'<b>' is no address"},
        {"ip=127.0.0.2", "127.0.0.2 is a loopback address"},
        {"ip=10.0.0.1", "10.0.0.1 is a private address"},
        {"ip=::FFFF:192.0.2.1", "::ffff:192.0.2.1 is an IPv4 address written as IPv6"},
        {"ip=%", "cannot be read"},
        {"ip=1%00", "cannot be read"},
        {"ip=192.0.2.1&ip=192.0.2.1", "cannot be read"},
        {"ip=192.0.2.1&list=a", "no field 'list'"},
        {"", "No address was given"},
    };
    const struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct page_check check;
        assert_false(page_check_read(w->checker, rows[i].form, true, &check));
        assert_false(check.has_ip);
        if (strstr(check.error, rows[i].error) == NULL || strstr(check.error, "Allowed is ") == NULL)
            fail_msg("%s: %s", rows[i].form, check.error);
        EXPECT_PAGE(w, &check, "<h1>Check an address</h1>", "<p class=\"bad\">", "<form method=\"post\"",
                    "!<b>", "!<table");
    }
    struct page_check none;
    assert_true(page_check_read(w->checker, "", false, &none));
    assert_false(none.has_ip);
    EXPECT_PAGE(w, &none, "<h1>Check an address</h1>", "!<p class=\"bad\">");
}

/* What is configured may be asked about, whatever it is. */
static void takes_any_address_that_is_configured(void **state) {
    struct world w;
    struct settings settings = world_settings();
    struct group groups[WORLD_GROUPS];
    struct ip loopback = world_ip("127.0.0.9");
    memcpy(groups, settings.groups, sizeof groups);
    groups[NOWHERE].addresses = &loopback;
    settings.groups = groups;
    world_begin(&w, &settings);
    struct page_check check;
    assert_true(page_check_read(w.checker, "ip=127.0.0.9", true, &check));
    assert_false(page_check_read(w.checker, "ip=127.0.0.8", true, &check));
    world_end(&w);
}

static void shows_what_the_registry_knows(void **state) {
    struct world *w = *state;
    fill(w);
    struct registry_entry *entry = registry_entry_find(
        w->checker->registry, BLOCK, target_index(w->targets->sets[BLOCK], &(struct ip){.lo = 0xc0000202}));
    entry->txt = strdup("<script>\"'&\x1b[31m\xff");
    world_score(w, "192.0.2.2", LOOK_WATCHED, 35);
    struct page_check check = question(w, "ip=192.0.2.2");
    check.events = history.events;
    check.n_events = 1;
    check.more = true;
    EXPECT_PAGE(
        w, &check, "<title>192.0.2.2 - rbl_exporter</title>",
        "<h1 class=\"bad\">192.0.2.2 is listed on 2 block lists</h1>", "It is configured: in group outbound.",
        "It is in none of the ranges from where Microsoft 365 sends mail (as published on 2025-01-01).",
        ROW("block") "<td><strong class=\"bad\">listed</strong></td><td>spam-source: "
                     "<bdi>&lt;script&gt;&quot;&#39;&amp;"
                     "\xef\xbf\xbd[31m\xef\xbf\xbd</bdi></td><td>" TIME("2025-01-01", "01:01", "01"),
        ROW("keyed") "<td><strong class=\"bad\">listed</strong> (unproven: without a test entry that must be "
                     "listed)"
                     "</td><td>other</td><td>first seen ",
        "<td>javascript:alert(1)</td></tr>", "https://example.net/remove?a=1&amp;b=&quot;2&quot;",
        ROW("score") "<td>score 35</td><td></td><td></td>",
        ROW("allow") "<td><strong>unknown</strong> (not_checked)</td><td>Its turn has not come yet.",
        "<h2>History</h2>", "&lt;i&gt; <strong class=\"bad\">listed</strong> (a&quot;b&lt;)",
        "There is more of it in the JSON", "<a href=\"api/v1/addresses/192.0.2.2\">",
        "SPF, DKIM and DMARC do not mend it", "A list that could not say may list it", "!<script", "!<i>",
        "!off</th>", "!Look again", "<button>Ask the lists now</button>",
        "<input type=\"hidden\" name=\"ip\" value=\"192.0.2.2\">");
}

static void says_when_nobody_has_been_asked_yet(void **state) {
    const struct world *w = *state;
    struct page_check check = question(w, "ip=203.0.113.9");
    check.history_error = "disk <full>";
    EXPECT_PAGE(w, &check, "!api/v1/addresses", "<h1>203.0.113.9 has not been asked about</h1>",
                "It is not configured",
                "It is Microsoft's: in 203.0.113.0/28, from where Microsoft 365 sends mail",
                ROW("block") "<td>not asked</td>", "There is none to be had: disk &lt;full&gt;.",
                "Ask the lists: that", "!A list that could not say");
    check = question(w, "ip=2001:db8:9::1");
    EXPECT_PAGE(w, &check, "no ranges of this kind are known", "Nothing has been seen to happen to it.",
                ROW("score") "<td>not asked</td><td></td>");
    check.microsoft = NULL;
    EXPECT_PAGE(w, &check, "no ranges of this kind are known");
}

static void says_good_only_when_every_list_has_said_so(void **state) {
    struct world *w = *state;
    world_proven(w);
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    world_not_listed(w, KEYED, "192.0.2.1", LOOK_WATCHED);
    struct page_check check = question(w, "ip=192.0.2.1");
    EXPECT_PAGE(w, &check, "<h1>192.0.2.1 is on none of the 2 block lists that could say</h1>",
                "A list that could not say", "the receiver uses one that is not asked here");
    world_not_listed(w, ALLOW, "192.0.2.1", LOOK_WATCHED);
    world_score(w, "192.0.2.1", LOOK_WATCHED, 99);
    EXPECT_PAGE(w, &check, "<h1 class=\"good\">192.0.2.1 is on none of the 2 block lists that could say</h1>",
                "!A list that could not say", "!no test entry", ROW("allow") "<td>not on it</td>",
                ROW("block") "<td><strong class=\"good\">not listed</strong></td><td></td><td></td><td>");
}

/* Of a list that is not asked about the group of an address, or whose answer has been forgotten, nothing is
 * known. */
static void counts_block_lists_that_were_not_asked(void **state) {
    struct world *w = *state;
    struct page_check check = question(w, "ip=198.51.100.3");
    world_proven(w);
    world_not_listed(w, BLOCK, "198.51.100.3", LOOK_SWEEP);
    world_score(w, "198.51.100.3", LOOK_SWEEP, 99);
    EXPECT_PAGE(w, &check,
                "<h1>198.51.100.3 is not on the one block list that could say; 1 list was not asked</h1>",
                ROW("keyed") "<td>not asked</td>");
    world_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED, 1);
    check = question(w, "ip=198.51.100.9");
    EXPECT_PAGE(w, &check, "<h1 class=\"bad\">198.51.100.9 is listed on 1 block list; 1 could not say</h1>");
    check = question(w, "ip=198.51.100.4");
    world_listed(w, BLOCK, "198.51.100.4", LOOK_SWEEP, 1);
    EXPECT_PAGE(w, &check,
                "<h1 class=\"bad\">198.51.100.4 is listed on 1 block list; 1 list was not asked</h1>");
    /* The other block list has no IPv6 addresses. */
    check = question(w, "ip=2001:db8::1");
    world_not_listed(w, BLOCK, "2001:db8::1", LOOK_WATCHED);
    EXPECT_PAGE(w, &check, "<h1 class=\"good\">2001:db8::1 is not on the one block list that could say</h1>");
}

/* What a list said before it went blind is told, but is no word about now. */
static void is_not_good_on_the_word_of_a_list_that_cannot_be_believed(void **state) {
    struct world *w = *state;
    struct page_check check = question(w, "ip=192.0.2.1");
    world_proven(w);
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    world_not_listed(w, KEYED, "192.0.2.1", LOOK_WATCHED);
    world_not_listed(w, ALLOW, "192.0.2.1", LOOK_WATCHED);
    world_score(w, "192.0.2.1", LOOK_WATCHED, 99);
    world_blind(w, BLOCK, HEALTH_TIMEOUT);
    EXPECT_PAGE(w, &check, "<h1>192.0.2.1 was on none of the 2 block lists when they could last say</h1>",
                ROW("block") "<td><strong>not listed</strong>, as of before: the list cannot be believed now "
                             "(timeout)</td>",
                ROW("keyed") "<td><strong class=\"good\">not listed</strong></td>",
                "A list that cannot be believed now may list it all the same");
}

/* After a probe as without one: it has ended, but the list has gone blind since. */
static void shows_a_frozen_verdict_as_an_old_one_after_a_probe(void **state) {
    struct world *w = *state;
    const bool only_block[WORLD_LISTS] = {[BLOCK] = true};
    struct page_check check = question(w, "ip=192.0.2.1");
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    w->now_ns += 20 * SECOND;
    assert_int_equal(checker_probe(w->checker, &check.ip, only_block, w->now_ns), STATUS_OK);
    w->now_ns += 30 * SECOND;
    EXPECT_PAGE(w, &check,
                ROW("block") "<td><strong class=\"good\">not listed</strong></td><td></td><td></td><td>" TIME(
                    "2025-01-01", "00:00", "00") " (50 s ago)</td>");
    world_blind(w, BLOCK, HEALTH_TIMEOUT);
    EXPECT_PAGE(w, &check,
                ROW("block") "<td><strong>not listed</strong>, as of before: the list cannot be believed now "
                             "(timeout)</td><td></td><td></td><td>" TIME("2025-01-01", "00:00",
                                                                         "00") " (50 s ago)</td>");
}

static void is_not_good_on_the_word_of_an_unproven_list(void **state) {
    struct world *w = *state;
    struct page_check check = question(w, "ip=192.0.2.1");
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    world_not_listed(w, KEYED, "192.0.2.1", LOOK_WATCHED);
    world_not_listed(w, ALLOW, "192.0.2.1", LOOK_WATCHED);
    world_score(w, "192.0.2.1", LOOK_WATCHED, 99);
    EXPECT_PAGE(w, &check, "<h1>192.0.2.1 is on none of the 2 block lists that could say</h1>",
                "<p>1 list has no test entry that must be listed: what it does not list is unproven.</p>",
                ROW("keyed") "<td><strong>not listed</strong> (unproven");
    w->checker->lists[BLOCK].unproven = true;
    EXPECT_PAGE(w, &check,
                "<p>2 lists have no test entry that must be listed: what they do not list is unproven.</p>");
}

/* Scores and allow lists say nothing of listings, but they have been asked. */
static void does_not_take_lists_of_other_kinds_for_block_lists(void **state) {
    struct world *w = *state;
    const bool only_score[WORLD_LISTS] = {[SCORE] = true};
    struct group groups[WORLD_GROUPS];
    struct settings settings = world_settings();
    struct world other;
    memcpy(groups, settings.groups, sizeof groups);
    groups[NOWHERE].lists = only_score;
    settings.groups = groups;
    world_begin(&other, &settings);
    struct page_check check = question(&other, "ip=203.0.113.1");
    EXPECT_PAGE(&other, &check, "<h1>203.0.113.1: no block list is asked</h1>");
    world_score(&other, "203.0.113.1", LOOK_WATCHED, 50);
    EXPECT_PAGE(&other, &check, "<h1>203.0.113.1: no block list is asked</h1>", "<td>score 50</td>",
                "<p>No block list has been asked. Ask them: that takes a few queries of each, and a few "
                "seconds.</p>",
                "!may be listed or not");
    world_end(&other);
    check = question(w, "ip=2001:db8:9::1");
    EXPECT_PAGE(w, &check, "<h1>2001:db8:9::1 has not been asked about</h1>");
    settings = world_settings();
    struct list lists[WORLD_LISTS];
    memcpy(lists, world_lists, sizeof lists);
    lists[BLOCK].families[IP_V6] = false;
    settings.lists = lists;
    world_begin(&other, &settings);
    check = question(&other, "ip=2001:db8:9::1");
    EXPECT_PAGE(&other, &check, "<h1>2001:db8:9::1: no block list is asked</h1>",
                "<p>No block list that is enabled is asked about such addresses: what is said here says "
                "nothing of listings.</p>",
                "!that takes a few queries");
    world_end(&other);
}

/* A listing that was proven before the list went blind is still told, though the list cannot be asked now. */
static void keeps_a_listing_in_sight_when_its_list_cannot_be_asked(void **state) {
    struct world *w = *state;
    const bool only_block[WORLD_LISTS] = {[BLOCK] = true};
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    world_blind(w, BLOCK, HEALTH_REFUSED);
    struct page_check check = question(w, "ip=192.0.2.1");
    EXPECT_PAGE(w, &check, "<h1 class=\"bad\">192.0.2.1 was listed on 1 block list when it could last say",
                "listed</strong>, as of before: the list cannot be believed now (refused)");
    assert_int_equal(checker_probe(w->checker, &check.ip, only_block, w->now_ns), STATUS_OK);
    EXPECT_PAGE(
        w, &check, "was listed on 1 block list when it could last say",
        "<strong>unknown</strong> (refused); <strong class=\"bad\">listed</strong> when it was last proven",
        "register its egress address", ">delisting page</a>");
}

static void tells_listings_of_now_from_those_of_before(void **state) {
    struct world *w = *state;
    struct page_check check = question(w, "ip=192.0.2.1");
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    world_listed(w, KEYED, "192.0.2.1", LOOK_WATCHED, 1);
    EXPECT_PAGE(w, &check, "<h1 class=\"bad\">192.0.2.1 is listed on 2 block lists</h1>");
    world_blind(w, KEYED, HEALTH_SILENT);
    EXPECT_PAGE(w, &check,
                "<h1 class=\"bad\">192.0.2.1 is listed on 2 block lists, as of before on 1 that cannot be "
                "believed now</h1>");
    world_blind(w, BLOCK, HEALTH_TIMEOUT);
    EXPECT_PAGE(w, &check,
                "<h1 class=\"bad\">192.0.2.1 was listed on 2 block lists when they could last say</h1>");
}

static void shows_lists_that_have_not_answered_yet(void **state) {
    struct world *w = *state;
    struct page_check check = question(w, "ip=203.0.113.9");
    assert_int_equal(checker_probe(w->checker, &check.ip, NULL, w->now_ns), STATUS_OK);
    EXPECT_PAGE(w, &check, "<h1>203.0.113.9 is being checked</h1>", "No answer yet from 4 lists.",
                "<a href=\"check?ip=203.0.113.9\">Look again</a>",
                ROW("block") "<td>no answer yet</td><td></td>");
    check = question(w, "ip=2001:db8:9::1");
    assert_int_equal(checker_probe(w->checker, &check.ip, NULL, w->now_ns), STATUS_OK);
    EXPECT_PAGE(w, &check, "No answer yet from 1 list.",
                ROW("score") "<td>not asked</td><td>The list is not asked about addresses of this kind.</td>"
                             "<td></td><td></td><td></td>");
}

/* On a narrow screen cells have their heads from the style. */
static void the_style_knows_the_columns(void **state) {
    static const char *const rules[] = {".checked td:nth-child(2)::before{content:'verdict'}",
                                        ".checked td:nth-child(3)::before{content:'reason'}",
                                        ".checked td:nth-child(4)::before{content:'since'}",
                                        ".checked td:nth-child(5)::before{content:'asked'}",
                                        ".checked td:nth-child(6)::before{content:'get off it'}"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strstr(page_style, rules[i]) == NULL)
            fail_msg("not in the style: %s", rules[i]);
    struct page_check check = question(*state, "ip=192.0.2.1");
    EXPECT_PAGE((const struct world *)*state, &check, "<table class=\"checked\">",
                "<th scope=\"col\">list</th><th scope=\"col\">verdict</th><th scope=\"col\">reason</th>"
                "<th scope=\"col\">since</th><th scope=\"col\">asked</th><th scope=\"col\">get off it</th>");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(reads_an_address_as_people_paste_it),
        IN_WORLD(refuses_what_is_none_and_says_what_is_allowed),
        cmocka_unit_test(takes_any_address_that_is_configured),
        IN_WORLD(shows_what_the_registry_knows),
        IN_WORLD(says_when_nobody_has_been_asked_yet),
        IN_WORLD(says_good_only_when_every_list_has_said_so),
        IN_WORLD(counts_block_lists_that_were_not_asked),
        IN_WORLD(is_not_good_on_the_word_of_a_list_that_cannot_be_believed),
        IN_WORLD(shows_a_frozen_verdict_as_an_old_one_after_a_probe),
        IN_WORLD(is_not_good_on_the_word_of_an_unproven_list),
        IN_WORLD(does_not_take_lists_of_other_kinds_for_block_lists),
        IN_WORLD(keeps_a_listing_in_sight_when_its_list_cannot_be_asked),
        IN_WORLD(tells_listings_of_now_from_those_of_before),
        IN_WORLD(shows_lists_that_have_not_answered_yet),
        IN_WORLD(the_style_knows_the_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
