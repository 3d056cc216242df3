/* SPDX-License-Identifier: Apache-2.0
 *
 * The status page: the first line, and what stands in the way of believing it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "page_fixture.h"

static void says_that_nothing_is_listed_only_when_all_has_been_looked_at(void **state) {
    struct world *w = *state;
    EXPECT(w, "<h1>Nothing is known to be listed</h1>", "<title>0 listed so far - rbl_exporter</title>",
           "of addresses named one by one 0 of 7 (0.00 %), of ranges 0 of 37 (0.00 %), each address once for "
           "each block list.");
    clean(w);
    world_ready(w);
    world_proven(w);
    EXPECT(w, "!asked of no block list", "!no test entry", "<h1 class=\"good\">Nothing is listed</h1>",
           "<title>nothing listed - rbl_exporter</title>", "All 4 lists pass their self-tests",
           "!looked at:", "!<p><strong class=\"bad\">");
}

static void does_not_call_clean_what_the_range_has_not_shown_yet(void **state) {
    struct world *w = *state;
    static const char *const watched[] = {"192.0.2.1", "192.0.2.2", "198.51.100.9"};
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        world_not_listed(w, BLOCK, watched[i], LOOK_WATCHED);
        world_not_listed(w, KEYED, watched[i], LOOK_WATCHED);
    }
    world_not_listed(w, BLOCK, "2001:db8::1", LOOK_WATCHED);
    EXPECT(w, "<h1>Nothing is known to be listed</h1>",
           "<p>Not everything has been looked at: of ranges 1 of 37 (2.70 %), each");
}

static void counts_addresses_and_lists_at_once(void **state) {
    struct world *w = *state;
    clean(w);
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    EXPECT(w, "<h1 class=\"bad\">1 address is listed on 1 list</h1>",
           "<title>1 listed - rbl_exporter</title>",
           "<p>block (page): 1. Named one by one: <strong>1</strong>, only in ranges: 0.</p>");
    fill(w);
    EXPECT(
        w, "<h1 class=\"bad\">4 addresses are listed on 2 lists</h1>",
        "<title>4 listed - rbl_exporter</title>",
        "<p>block (page): 4, keyed (page): 1. Named one by one: <strong>3</strong>, only in ranges: 1.</p>");
}

static void tells_what_a_blind_list_leaves_open(void **state) {
    struct world *w = *state;
    clean(w);
    world_blind(w, BLOCK, HEALTH_TIMEOUT);
    EXPECT(w, "<h1 class=\"bad\">Nothing is listed on 1 of 2 block lists; 1 cannot be believed</h1>",
           "<title>0 listed, 1 cannot tell - rbl_exporter</title>",
           "<strong class=\"bad\">1 of 4 lists cannot be believed:</strong> block (timeout). What was proven "
           "there is kept",
           "<a href=\"#blind\">");
    world_blind(w, KEYED, HEALTH_REFUSED);
    EXPECT(w, "<h1 class=\"bad\">Cannot be told: no block list can be believed</h1>",
           "<title>cannot tell - rbl_exporter</title>",
           "2 of 4 lists cannot be believed:</strong> block "
           "(timeout), keyed (refused).");
}

/* What has not been looked at is no less open because another list is blind. */
static void claims_no_more_of_the_other_lists_than_is_known(void **state) {
    struct world *w = *state;
    world_blind(w, KEYED, HEALTH_TIMEOUT);
    EXPECT(w, "<h1 class=\"bad\">Nothing is known to be listed; 1 of 2 block lists cannot be believed</h1>",
           "<title>0 listed, 1 cannot tell - rbl_exporter</title>");
}

static void does_not_hide_a_listing_behind_a_blind_list(void **state) {
    struct world *w = *state;
    fill(w);
    world_blind(w, BLOCK, HEALTH_WILDCARD);
    world_blind(w, KEYED, HEALTH_SILENT);
    EXPECT(w, "<h1 class=\"bad\">4 addresses are listed on 2 lists</h1>",
           "2 of 4 lists cannot be believed:</strong> block (wildcard), keyed (silent).");
}

/* What such a list says is "not listed", whatever it would have to say. */
static void is_not_good_on_the_word_of_an_unproven_list(void **state) {
    struct world *w = *state;
    clean(w);
    EXPECT(w, "<h1>Nothing is listed</h1>",
           "<p>1 list has no test entry that must be listed: what it does not list is unproven.</p>");
    world_proven(w);
    w->checker->lists[ALLOW].unproven = true;
    EXPECT(w, "<h1 class=\"good\">Nothing is listed</h1>", "!has no test entry");
}

static void begin_with(struct world *w, const struct group *groups, size_t n) {
    struct settings settings = world_settings();
    settings.groups = groups;
    settings.n_groups = n;
    world_begin(w, &settings);
    world_proven(w);
}

/* What no list is asked about has no verdict that could be missing. */
static void does_not_call_clean_what_no_block_list_is_asked_about(void **state) {
    (void)state;
    const bool only_score[WORLD_LISTS] = {[SCORE] = true};
    const bool only_four[WORLD_LISTS] = {[KEYED] = true};
    struct group groups[WORLD_GROUPS];
    struct world w;
    memcpy(groups, world_groups(), sizeof groups);
    groups[NOWHERE].lists = only_score;
    begin_with(&w, groups, WORLD_GROUPS);
    clean(&w);
    EXPECT(&w, "<h1>Nothing is known to be listed</h1>", "<title>0 listed so far - rbl_exporter</title>",
           "<p><strong class=\"bad\">1 address is asked of no block list:</strong> nowhere.</p>",
           "!looked at:");
    world_end(&w);

    /* IPv6 on a list of IPv4, and nothing else: no set has anything to be looked at. */
    groups[FLEET].lists = only_four;
    groups[FLEET].ranges += 2;
    groups[FLEET].n_ranges = 1;
    groups[FLEET].n_addresses = 0;
    groups[FLEET].name = "<six>";
    begin_with(&w, groups + FLEET, 2);
    clean(&w);
    EXPECT(&w, "<h1>Nothing is known to be listed</h1>",
           "<p><strong class=\"bad\">17 addresses are asked of no block list:</strong> &lt;six&gt;, "
           "nowhere.</p>",
           "!ranges\"");
    world_end(&w);
}

/* The group of bounces may be empty. */
static void names_groups_that_found_no_address(void **state) {
    (void)state;
    const char *const files[] = {"*.txt"};
    enum { MORE = 4 };
    struct group groups[1 + MORE];
    struct world w;
    memcpy(groups, world_groups(), sizeof *groups);
    for (size_t i = 1; i <= MORE; i++) {
        groups[i] = groups[0];
        groups[i].addresses = NULL;
        groups[i].n_addresses = groups[i].n_ranges = groups[i].n_recognised = 0;
    }
    groups[1].name = SETTINGS_BOUNCED;
    groups[2].name = "<spf>";
    groups[2].spf = "example.net";
    groups[3].name = "seen";
    groups[3].files = files;
    groups[3].n_files = 1;
    groups[4].name = "both";
    groups[4].spf = "example.net";
    groups[4].files = files;
    groups[4].n_files = 1;
    begin_with(&w, groups, 2);
    clean(&w);
    EXPECT(&w, "<h1 class=\"good\">Nothing is listed</h1>", "!Without an address");
    world_end(&w);
    begin_with(&w, groups, 1 + MORE);
    clean(&w);
    EXPECT(&w, "<h1>Nothing is listed</h1>",
           "<p><strong>Without an address:</strong> &lt;spf&gt; (out of an SPF record), seen (out of files), "
           "both (out "
           "of files and an SPF record). Nothing was found there; the log says why.</p>");
    world_end(&w);
}

static void says_so_when_there_is_no_address(void **state) {
    (void)state;
    struct world w;
    begin_with(&w, NULL, 0);
    EXPECT(&w, "<h1>Cannot be told: no address is asked about</h1>",
           "<title>cannot tell - rbl_exporter</title>");
    world_end(&w);
}

/* The list that can be believed has not been asked about anything. */
static void claims_nothing_of_a_list_without_addresses(void **state) {
    (void)state;
    const bool only_block[WORLD_LISTS] = {[BLOCK] = true};
    struct group groups[WORLD_GROUPS];
    struct world w;
    memcpy(groups, world_groups(), sizeof groups);
    groups[OUTBOUND].lists = only_block;
    begin_with(&w, groups, 1);
    clean(&w);
    world_blind(&w, BLOCK, HEALTH_TIMEOUT);
    EXPECT(&w, "<h1 class=\"bad\">Nothing is known to be listed; 1 of 2 block lists cannot be believed</h1>");
    world_end(&w);
}

/* A list of scores has no say in whether anything is listed. */
static void is_not_put_off_by_a_list_that_lists_nothing(void **state) {
    struct world *w = *state;
    clean(w);
    world_proven(w);
    world_blind(w, SCORE, HEALTH_TIMEOUT);
    EXPECT(w, "<h1 class=\"good\">Nothing is listed</h1>",
           "1 of 4 lists cannot be believed:</strong> score (timeout)");
}

static void says_that_it_is_not_ready(void **state) {
    struct world *w = *state;
    EXPECT(w, "<strong class=\"bad\">Not ready:</strong>");
    world_ready(w);
    EXPECT(w, "!Not ready");
}

static void says_why_state_is_not_being_saved(void **state) {
    EXPECT(*state, "!State is not being saved");
    process.storage_why = "data/state.db cannot be written: <disk> full";
    EXPECT(*state,
           "<p><strong class=\"bad\">State is not being saved:</strong> data/state.db cannot be written: "
           "&lt;disk&gt; full</p>");
}

static void says_that_a_reload_failed(void **state) {
    EXPECT(*state, "!was not reloaded");
    process.reload_failed = true;
    EXPECT(*state, "<strong class=\"bad\">The configuration was not reloaded:</strong>");
}

/* RBLRangeListed goes by the same number. */
static void names_ranges_of_which_much_is_listed(void **state) {
    struct world *w = *state;
    struct registry_count *count =
        &w->checker->registry->lists[BLOCK].counts[w->targets->ranges[0].first_segment];
    EXPECT(w, "!Much of a range");
    count->sample_checked = 10000;
    count->sample_listed = 15;
    EXPECT(w, "!Much of a range", "<strong>0.15 %</strong> (0.09 % to 0.25 %) of 10,000");
    count->sample_listed = 20;
    EXPECT(w,
           "<strong class=\"bad\">Much of a range is listed:</strong> 198.51.100.0/28 on block at least "
           "0.13 %. <a href=\"#ranges\">",
           "<strong class=\"bad\">0.20 %</strong> (0.13 % to 0.31 %) of 10,000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(says_that_nothing_is_listed_only_when_all_has_been_looked_at),
        IN_WORLD(does_not_call_clean_what_the_range_has_not_shown_yet),
        IN_WORLD(counts_addresses_and_lists_at_once),
        IN_WORLD(tells_what_a_blind_list_leaves_open),
        IN_WORLD(claims_no_more_of_the_other_lists_than_is_known),
        IN_WORLD(does_not_hide_a_listing_behind_a_blind_list),
        IN_WORLD(is_not_good_on_the_word_of_an_unproven_list),
        IN_WORLD(does_not_call_clean_what_no_block_list_is_asked_about),
        cmocka_unit_test(names_groups_that_found_no_address),
        IN_WORLD(says_so_when_there_is_no_address),
        IN_WORLD(claims_nothing_of_a_list_without_addresses),
        IN_WORLD(is_not_put_off_by_a_list_that_lists_nothing),
        IN_WORLD(says_that_it_is_not_ready),
        IN_WORLD(says_why_state_is_not_being_saved),
        IN_WORLD(says_that_a_reload_failed),
        IN_WORLD(names_ranges_of_which_much_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
