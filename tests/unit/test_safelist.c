/* SPDX-License-Identifier: Apache-2.0
 *
 * Safelisted ranges from the registry to /metrics and to the status page. What the world has of them:
 * 198.51.100.8/29 lies across two ranges that overlap, 192.0.2.0/24 holds two single addresses,
 * 2001:db8:1::/125 is half of a range, and nobody watches 203.0.113.0/24.
 */
/* LINK: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/page.h"

#include "scraped.h"

#include <stdlib.h>

#define LAST "rbl_safelist_last_listed_timestamp_seconds{safelist=\"safe\","
#define COVERAGE "rbl_safelist_coverage_ratio{safelist=\"safe\","
#define NET "range=\"198.51.100.8/29\",list="
#define NAMED "range=\"192.0.2.0/24\",list="
#define SIX "range=\"2001:db8:1::/125\",list="
#define TICKET "ticket=\"KH-\\\"1\\\" <b>\\\\\""

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static bool fails_now(void) {
    return fails_at > 0 && --fails_at == 0;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails_now() ? NULL : __real_realloc(old, size);
}

/* --- /metrics --- */

static void names_what_is_safelisted(void **state) {
    EXPECT(
        *state,
        "rbl_safelist_info{safelist=\"safe\",range=\"198.51.100.8/29\",notation=\"198.51.100.8/29\"," TICKET
        "} 1",
        "rbl_safelist_info{safelist=\"safe\",range=\"192.0.2.0/24\",notation=\"192.0.2.%\"," TICKET "} 1",
        "rbl_safelist_info{safelist=\"safe\",range=\"2001:db8:1::/125\",notation=\"2001:db8:1::/125\"," TICKET
        "} 1",
        "rbl_safelist_info{safelist=\"unwatched\",range=\"203.0.113.0/24\",notation=\"203.0.113.%\",ticket="
        "\"\"} 1",
        "rbl_safelist_added_timestamp_seconds{safelist=\"safe\",range=\"192.0.2.0/24\"} 1733097600",
        "!rbl_safelist_added_timestamp_seconds{safelist=\"unwatched\"");
}

static void has_a_series_for_each_block_list_that_is_asked_about_any_of_it(void **state) {
    EXPECT(*state, COVERAGE NET "\"block\"} 0", COVERAGE NET "\"keyed\"} 0", COVERAGE NAMED "\"block\"} 0",
           COVERAGE NAMED "\"keyed\"} 0", COVERAGE SIX "\"block\"} 0", "!" COVERAGE SIX "\"keyed\"",
           "!" COVERAGE NET "\"score\"", "!" COVERAGE NET "\"allow\"", "!" COVERAGE NET "\"off\"",
           /* nobody watches it: all of them say so */
           "rbl_safelist_coverage_ratio{safelist=\"unwatched\",range=\"203.0.113.0/24\",list=\"block\"} 0",
           "rbl_safelist_coverage_ratio{safelist=\"unwatched\",range=\"203.0.113.0/24\",list=\"keyed\"} 0",
           "!rbl_safelist_coverage_ratio{safelist=\"unwatched\",range=\"203.0.113.0/24\",list=\"allow\"",
           "!rbl_safelist_coverage_ratio{safelist=\"unwatched\",range=\"203.0.113.0/24\",list=\"off\"",
           "!rbl_safelist_last_listed_timestamp_seconds{");
}

static void tells_how_much_of_it_is_known(void **state) {
    struct world *w = *state;
    world_not_listed(w, BLOCK, "198.51.100.7", LOOK_SWEEP); /* beside it */
    world_not_listed(w, BLOCK, "198.51.100.16", LOOK_SWEEP);
    world_not_listed(w, BLOCK, "2001:db8:1::8", LOOK_SWEEP);
    world_not_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED);
    world_not_listed(w, BLOCK, "198.51.100.15", LOOK_SWEEP);
    world_not_listed(w, KEYED, "198.51.100.9", LOOK_WATCHED);
    world_not_listed(w, KEYED, "192.0.2.1", LOOK_WATCHED);
    world_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED, 1);
    world_not_listed(w, BLOCK, "2001:db8:1::7", LOOK_SWEEP);
    EXPECT(w, COVERAGE NET "\"block\"} 0.25", COVERAGE NET "\"keyed\"} 0.125",
           COVERAGE NAMED "\"block\"} 0.00390625", COVERAGE NAMED "\"keyed\"} 0.00390625",
           COVERAGE SIX "\"block\"} 0.125");
}

static void a_listing_lasts_until_it_is_proven_gone(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "198.51.100.12", LOOK_SWEEP, 1);
    world_listed(w, BLOCK, "198.51.100.16", LOOK_SWEEP, 1); /* beside it */
    world_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED, 1);
    w->now_ns += HOUR;
    EXPECT(w, LAST NET "\"block\"} 1735693200", LAST NAMED "\"block\"} 1735693200", "!" LAST SIX,
           "!" LAST NET "\"keyed\"");
    world_not_listed(w, BLOCK, "198.51.100.12", LOOK_RECHECK);
    world_not_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED);
    w->now_ns += HOUR;
    EXPECT(w, LAST NET "\"block\"} 1735693200", LAST NAMED "\"block\"} 1735693200", "!" LAST SIX);
    /* an earlier moment does not come back */
    world_listed(w, BLOCK, "198.51.100.13", LOOK_SWEEP, 1);
    world_listed(w, BLOCK, "198.51.100.14", LOOK_SWEEP, 1);
    world_not_listed(w, BLOCK, "198.51.100.13", LOOK_RECHECK);
    w->now_ns += HOUR;
    EXPECT(w, LAST NET "\"block\"} 1735700400");
    world_not_listed(w, BLOCK, "198.51.100.14", LOOK_RECHECK);
    w->now_ns += HOUR;
    EXPECT(w, LAST NET "\"block\"} 1735700400", LAST NAMED "\"block\"} 1735693200");
}

static const struct registry_stale stale = {.sweep_ns = 6 * HOUR, .ring_ns = NULL};

/* Lets all that is too old go. */
static void age(struct world *w) {
    registry_scan(w->checker->registry, BLOCK, &stale, UINT32_MAX, w->now_ns);
    registry_scan_watched(w->checker->registry, BLOCK, &stale, UINT32_MAX, w->now_ns);
}

static void what_is_stale_is_not_known_but_still_listed(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "198.51.100.12", LOOK_SWEEP, 1);
    world_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED, 1);
    world_not_listed(w, BLOCK, "198.51.100.13", LOOK_SWEEP);
    w->now_ns += 24 * HOUR;
    age(w);
    EXPECT(w, COVERAGE NET "\"block\"} 0", COVERAGE NAMED "\"block\"} 0", LAST NET "\"block\"} 1735776000",
           LAST NAMED "\"block\"} 1735776000");
    world_not_listed(w, BLOCK, "198.51.100.12", LOOK_SWEEP);
    world_not_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED);
    w->now_ns += HOUR;
    EXPECT(w, COVERAGE NET "\"block\"} 0.125", LAST NET "\"block\"} 1735776000",
           LAST NAMED "\"block\"} 1735776000");
}

static void a_blind_list_makes_nothing_look_clean(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "198.51.100.12", LOOK_SWEEP, 1);
    world_blind(w, BLOCK, HEALTH_REFUSED);
    w->now_ns += 24 * HOUR;
    age(w);
    EXPECT(w, COVERAGE NET "\"block\"} 0.125", LAST NET "\"block\"} 1735776000");
    w->now_ns += 30 * 24 * HOUR; /* nothing of it is shown any more */
    age(w);
    EXPECT(w, COVERAGE NET "\"block\"} 0", LAST NET "\"block\"} 1738368000",
           "rbl_range_listed_addresses{group=\"fleet\",range=\"198.51.100.0/28\",list=\"block\"} 0");
}

static void renders_without_lists_and_groups(void **state) {
    static struct world w;
    struct settings settings = world_settings();
    settings.n_groups = 0;
    settings.n_lists = 0;
    settings.n_budgets = 0;
    world_begin(&w, &settings);
    EXPECT(
        &w,
        "rbl_safelist_info{safelist=\"unwatched\",range=\"203.0.113.0/24\",notation=\"203.0.113.%\",ticket="
        "\"\"} 1",
        "!rbl_safelist_coverage_ratio{", "!rbl_safelist_last_listed_timestamp_seconds{");
    world_end(&w);
}

/* --- A reload --- */

static uint8_t same_server(void *context, uint32_t list, uint32_t old_list, uint8_t server) {
    (void)context;
    (void)list;
    (void)old_list;
    return server;
}

/* The stamp after a reload to `settings`, as wall clock seconds since the world began; -1: never seen. */
static int64_t after_reload(struct world *w, const struct settings *settings, uint32_t safelist) {
    struct targets *targets = NULL;
    struct registry *next = NULL;
    struct registry *r = w->checker->registry;
    assert_int_equal(targets_build(settings, &targets), STATUS_OK);
    assert_int_equal(registry_new(targets, r->epoch_ns, w->now_ns, &next), STATUS_OK);
    assert_int_equal(registry_carry(next, r, same_server, NULL, w->now_ns), STATUS_OK);
    uint32_t stamp = registry_safelist_listed(next, BLOCK, safelist, w->now_ns + HOUR);
    int64_t ns = stamp != 0 ? registry_ns(next, stamp) - WORLD_START : -SECOND;
    registry_free(next);
    targets_free(targets);
    return ns / SECOND;
}

static void a_reload_keeps_what_was_seen_and_learns_of_new_ranges(void **state) {
    struct world *w = *state;
    struct settings settings = world_settings();
    struct group_range ranges[5] = {world_range("198.51.100.8/29"), world_range("198.51.100.0/28"),
                                    world_range("198.51.100.12/32"), world_range("192.0.2.1"),
                                    world_range("198.51.100.2/31")};
    struct safelist safelist = {.name = "other", .ranges = ranges, .n_ranges = 5, .ticket = ""};
    settings.safelists = &safelist;
    settings.n_safelists = 1;
    world_listed(w, BLOCK, "198.51.100.12", LOOK_SWEEP, 1);
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    w->now_ns += 100 * SECOND;
    for (uint32_t i = 0; i < 3; i++) /* listed now, an hour after the reload as well */
        assert_int_equal(after_reload(w, &settings, i), 100 + 3600);
    assert_int_equal(after_reload(w, &settings, 3), -1);
    world_not_listed(w, BLOCK, "198.51.100.12", LOOK_SWEEP); /* keeps no entry */
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    w->now_ns += 100 * SECOND;
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    w->now_ns += 100 * SECOND;
    assert_int_equal(after_reload(w, &settings, 0), 100); /* was seen */
    assert_int_equal(after_reload(w, &settings, 1), 100); /* the last flip of a range within it */
    assert_int_equal(after_reload(w, &settings, 2), 100); /* was seen in a range around it: perhaps here */
    assert_int_equal(after_reload(w, &settings, 3), 200); /* its entry has it */
    assert_int_equal(after_reload(w, &settings, 4), -1);  /* nobody knows which of the range it was */
    /* Listed until its groups go. */
    world_listed(w, BLOCK, "198.51.100.12", LOOK_SWEEP, 1);
    settings.n_groups = 1;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(after_reload(w, &settings, i), 300);
}

static void a_reload_learns_of_a_listing_in_a_range_that_is_safelisted_whole(void **state) {
    struct world *w = *state;
    struct settings settings = world_settings();
    struct group_range range = world_range("2001:db8:1::/123");
    struct safelist safelist = {.name = "other", .ranges = &range, .n_ranges = 1, .ticket = ""};
    settings.safelists = &safelist;
    settings.n_safelists = 1;
    world_not_listed(w, BLOCK, "2001:db8:1::1", LOOK_SWEEP);
    assert_int_equal(after_reload(w, &settings, 0), -1);
    world_listed(w, BLOCK, "2001:db8:1::1", LOOK_SWEEP, 1);
    w->now_ns += HOUR;
    assert_int_equal(after_reload(w, &settings, 0), 7200);
}

/* --- The status page --- */

static void expect_page(struct world *w, const char *wanted, const char *unwanted) {
    static const struct page_process process = {
        .telemetry_path = "/metrics", .version = "", .history = NULL, .storage_why = ""};
    struct buf out;
    buf_init(&out, SIZE_MAX);
    page_render(&out, w->checker, &process, w->now_ns, WORLD_OFFSET);
    assert_int_equal(buf_status(&out), STATUS_OK);
    if (strstr(buf_text(&out), wanted) == NULL)
        fail_msg("not there: %s", wanted);
    if (unwanted != NULL && strstr(buf_text(&out), unwanted) != NULL)
        fail_msg("should not be there: %s", unwanted);
    buf_release(&out);
}

static void look_at_all_of_it(struct world *w) {
    for (unsigned i = 0; i < 8; i++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "2001:db8:1::%u", i);
        world_not_listed(w, BLOCK, ip, LOOK_SWEEP);
    }
}

static void note(struct world *w) {
    registry_safelists_note(w->checker->registry, BLOCK, w->now_ns);
}

static void the_page_says_whether_a_range_may_go(void **state) {
    struct world *w = *state;
    expect_page(w, "<h2 id=\"safelists\">Safelists</h2>", "may go</strong>");
    expect_page(w,
                "<td>KH-&quot;1&quot; &lt;b&gt;\\</td><td><time datetime=\"2024-12-02T00:00:00Z\">2024-12-02 "
                "00:00 UTC</time> "
                "(30 d ago)</td>",
                NULL);
    expect_page(w,
                "<th scope=\"row\">203.0.113.%</th><td>unwatched</td><td></td><td></td><td></td><td><strong "
                "class=\"bad\">nobody watches it</strong>",
                NULL);
    expect_page(w, "<th scope=\"row\">192.0.2.%</th>", NULL);
    expect_page(w, "block: never seen listed, checked 0 of 8 (0.00 %)<br>", NULL);
    expect_page(w, "<td>not to be told before nearly all of it is checked on block</td>", NULL);
    look_at_all_of_it(w);
    note(w);
    expect_page(w, "block: never seen listed, checked 8 of 8 (100.00 %)<br>", "may go</strong>");
    expect_page(w, "<td>not to be told before it has been watched for a day on block</td>", NULL);
    w->now_ns += 24 * HOUR - SECOND;
    expect_page(w, "<td>not to be told before it has been watched for a day on block</td>",
                "may go</strong>");
    w->now_ns += SECOND;
    expect_page(w, "<strong class=\"good\">may go</strong>", NULL);
    world_listed(w, BLOCK, "2001:db8:1::3", LOOK_SWEEP, 1);
    expect_page(w, "block: <strong class=\"bad\">1 listed now</strong>, checked 8 of 8 (100.00 %)<br>",
                "may go</strong>");
    expect_page(w, "<td>listed now on block</td>", NULL);
    w->now_ns += HOUR;
    world_not_listed(w, BLOCK, "2001:db8:1::3", LOOK_RECHECK);
    w->now_ns += 23 * HOUR;
    expect_page(w, "<td>wait for a whole day without a listing on block</td>", "may go</strong>");
    expect_page(w, "UTC</time> (23 h ago), checked 8 of 8", NULL);
    w->now_ns += HOUR;
    expect_page(w, "<strong class=\"good\">may go</strong>", NULL);
    world_blind(w, BLOCK, HEALTH_TIMEOUT);
    expect_page(w, "<td>not to be told while this list is not ok: block</td>", "may go</strong>");
}

static bool watched(struct world *w) {
    return registry_safelist_watched(w->checker->registry, BLOCK, 2, 24 * HOUR, w->now_ns);
}

static void a_day_of_watching_is_one_in_which_the_list_could_be_believed(void **state) {
    struct world *w = *state;
    struct registry *r = w->checker->registry;
    look_at_all_of_it(w);
    assert_false(watched(w));
    note(w);
    w->now_ns += 24 * HOUR;
    note(w); /* which changes nothing */
    assert_true(watched(w));
    registry_freeze(r, BLOCK, true, w->now_ns);
    w->now_ns += 23 * HOUR;
    assert_false(watched(w));
    registry_freeze(r, BLOCK, false, w->now_ns);
    assert_false(watched(w));
    w->now_ns += 24 * HOUR / 10 * 9 - SECOND;
    assert_false(watched(w));
    w->now_ns += SECOND;
    assert_true(watched(w));
    for (int i = 0; i < 4; i++) { /* half an hour four times: that is still nine tenths */
        registry_freeze(r, BLOCK, true, w->now_ns);
        w->now_ns += HOUR / 2;
        registry_freeze(r, BLOCK, false, w->now_ns);
        w->now_ns += 6 * HOUR;
        assert_true(watched(w));
    }
    registry_freeze(r, BLOCK, true, w->now_ns);
    w->now_ns += HOUR;
    assert_false(watched(w));
}

static void a_day_of_watching_begins_anew_when_not_all_of_it_is_known(void **state) {
    struct world *w = *state;
    look_at_all_of_it(w);
    note(w);
    w->now_ns += 24 * HOUR;
    assert_true(watched(w));
    age(w); /* all of it is stale */
    note(w);
    assert_false(watched(w));
    look_at_all_of_it(w);
    note(w);
    w->now_ns += 24 * HOUR - SECOND;
    assert_false(watched(w));
    w->now_ns += SECOND;
    assert_true(watched(w));
}

static void a_day_of_watching_goes_on_over_a_reload_for_the_same_range_alone(void **state) {
    struct world *w = *state;
    struct settings settings = world_settings();
    struct group_range ranges[3] = {world_range("2001:db8:1::/126"), world_range("2001:db8:1::/125"),
                                    world_range("2001:db8:1::/124")};
    struct safelist safelist = {.name = "other", .ranges = ranges, .n_ranges = 3, .ticket = ""};
    struct targets *targets = NULL;
    struct registry *next = NULL;
    settings.safelists = &safelist;
    settings.n_safelists = 1;
    look_at_all_of_it(w);
    note(w);
    w->now_ns += 24 * HOUR;
    assert_int_equal(targets_build(&settings, &targets), STATUS_OK);
    assert_int_equal(registry_new(targets, w->checker->registry->epoch_ns, w->now_ns, &next), STATUS_OK);
    assert_int_equal(registry_carry(next, w->checker->registry, same_server, NULL, w->now_ns), STATUS_OK);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(registry_safelist_watched(next, BLOCK, i, 24 * HOUR, w->now_ns), i == 1);
    registry_free(next);
    targets_free(targets);
}

/* --- No memory --- */

static void building_and_carrying_say_so_whichever_allocation_fails(void **state) {
    struct world *w = *state;
    struct settings settings = world_settings();
    world_listed(w, BLOCK, "198.51.100.12", LOOK_SWEEP, 1);
    enum status status = STATUS_NO_MEMORY;
    unsigned long n = 0;
    for (; status != STATUS_OK; n++) {
        struct targets *targets = NULL;
        struct registry *next = NULL;
        fails_at = n + 1;
        status = targets_build(&settings, &targets);
        if (status == STATUS_OK)
            status = registry_new(targets, w->checker->registry->epoch_ns, w->now_ns, &next);
        if (status == STATUS_OK)
            status = registry_carry(next, w->checker->registry, same_server, NULL, w->now_ns);
        fails_at = 0;
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        registry_free(next);
        targets_free(targets);
    }
    assert_true(n > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(names_what_is_safelisted),
        IN_WORLD(has_a_series_for_each_block_list_that_is_asked_about_any_of_it),
        IN_WORLD(tells_how_much_of_it_is_known),
        IN_WORLD(a_listing_lasts_until_it_is_proven_gone),
        IN_WORLD(what_is_stale_is_not_known_but_still_listed),
        IN_WORLD(a_blind_list_makes_nothing_look_clean),
        cmocka_unit_test(renders_without_lists_and_groups),
        IN_WORLD(a_reload_keeps_what_was_seen_and_learns_of_new_ranges),
        IN_WORLD(a_reload_learns_of_a_listing_in_a_range_that_is_safelisted_whole),
        IN_WORLD(the_page_says_whether_a_range_may_go),
        IN_WORLD(a_day_of_watching_is_one_in_which_the_list_could_be_believed),
        IN_WORLD(a_day_of_watching_begins_anew_when_not_all_of_it_is_known),
        IN_WORLD(a_day_of_watching_goes_on_over_a_reload_for_the_same_range_alone),
        IN_WORLD(building_and_carrying_say_so_whichever_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
