/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/api.h"

#include "api_fixture.h"

#include <stdio.h>

/* The answer to a query; the status must be `status`. */
static struct buf ask(const struct world *w, const char *query, unsigned status) {
    const struct api api = {w->checker, w->now_ns, WORLD_OFFSET};
    struct buf out;
    buf_init(&out, SIZE_MAX);
    unsigned got = api_listings(&out, &api, query);
    assert_int_equal(buf_status(&out), STATUS_OK);
    if (got != status)
        fail_msg("?%s: status %u: %s", query, got, buf_text(&out));
    return out;
}

static void expect_text(const struct world *w, const char *query, unsigned status, const char *want) {
    struct buf out = ask(w, query, status);
    if (strcmp(buf_text(&out), want) != 0)
        fail_msg("?%s: wanted\n%s\ngot\n%s", query, want, buf_text(&out));
    buf_release(&out);
}

/* The value of a member of an answer: a string without quotes, or what stands there. */
static char *member(const char *text, const char *name, char out[160]) {
    char pattern[32];
    snprintf(pattern, sizeof pattern, "\"%s\":", name);
    const char *at = strstr(text, pattern);
    if (at == NULL)
        fail_msg("no %s in %s", name, text);
    at += strlen(pattern);
    bool quoted = *at == '"';
    snprintf(out, 160, "%.*s", (int)strcspn(at + quoted, quoted ? "\"" : ",}"), at + quoted);
    return out;
}

/* Adds "LIST IP, " for each listing of an answer. */
static void add_found(const char *text, char *found, size_t size) {
    char ip[160];
    char list[160];
    for (const char *at = strstr(text, "\n{\"ip\":"); at != NULL; at = strstr(at + 1, "\n{\"ip\":")) {
        size_t len = strlen(found);
        snprintf(found + len, size - len, "%s %s, ", member(at, "list", list), member(at, "ip", ip));
    }
}

static void expect_found(const struct world *w, const char *query, unsigned total, const char *want) {
    struct buf out = ask(w, query, API_OK);
    char found[2048] = "";
    char number[160];
    add_found(buf_text(&out), found, sizeof found);
    if (strcmp(found, want) != 0)
        fail_msg("?%s: wanted %s\ngot %s", query, want, found);
    assert_int_equal(strtoul(member(buf_text(&out), "total", number), NULL, 10), total);
    buf_release(&out);
}

static void fill(struct world *w) {
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 3);
    world_not_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED);
    world_listed(w, KEYED, "192.0.2.2", LOOK_WATCHED, 1);
    world_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED, 1);
    world_listed(w, BLOCK, "198.51.100.3", LOOK_SWEEP, 1);
    world_listed(w, BLOCK, "2001:db8:1::a", LOOK_SWEEP, 1);
    world_listed(w, BLOCK, "2001:db8::1", LOOK_WATCHED, 1);
    world_listed(w, ALLOW, "192.0.2.1", LOOK_WATCHED, 1);
    world_score(w, "192.0.2.1", LOOK_WATCHED, 10);
    w->now_ns += HOUR + MINUTE + SECOND;
    world_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED, 1);
    w->now_ns += MINUTE;
}

static void says_when_nothing_is_listed(void **state) {
    struct world *w = *state;
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    expect_text(w, "", API_OK,
                "{\"listings\":[],\"total\":0,\"next\":null,\"generated_at\":\"2025-01-01T00:00:00Z\","
                "\"blind_lists\":[]}\n");
}

static void tells_the_facts_of_each_listing(void **state) {
    struct world *w = *state;
    fill(w);
    struct ip ip = world_ip("198.51.100.9");
    registry_entry_find(w->checker->registry, BLOCK, target_index(w->targets->sets[BLOCK], &ip))->txt =
        strdup("see \"https://example.net\"\n\xff");
    expect_text(
        w, "list=block&limit=4", API_OK,
        "{\"listings\":[\n"
        "{\"ip\":\"198.51.100.3\",\"list\":\"block\",\"zone\":\"bl.example.net\",\"tier\":\"page\","
        "\"groups\":[],\"ranges\":[{\"group\":\"fleet\",\"range\":\"198.51.100.0/28\"}],"
        "\"codes\":[\"spam-source\"],\"since\":null,\"first_seen\":\"2025-01-01T00:00:00Z\","
        "\"last_check\":\"2025-01-01T00:00:00Z\",\"txt\":null,"
        "\"delisting_page\":\"https://example.net/remove?a=1&b=\\\"2\\\"\"},\n"
        "{\"ip\":\"198.51.100.9\",\"list\":\"block\",\"zone\":\"bl.example.net\",\"tier\":\"page\","
        "\"groups\":[\"outbound\",\"fleet\"],\"ranges\":[{\"group\":\"fleet\",\"range\":\"198.51.100.0/28\"},"
        "{\"group\":\"fleet\",\"range\":\"198.51.100.8-198.51.100.20\"}],"
        "\"codes\":[\"spam-source\"],\"since\":null,\"first_seen\":\"2025-01-01T00:00:00Z\","
        "\"last_check\":\"2025-01-01T00:00:00Z\",\"txt\":\"see \\\"https://example.net\\\"\\n\xef\xbf\xbd\","
        "\"delisting_page\":\"https://example.net/remove?a=1&b=\\\"2\\\"\"},\n"
        "{\"ip\":\"2001:db8:1::a\",\"list\":\"block\",\"zone\":\"bl.example.net\",\"tier\":\"page\","
        "\"groups\":[],\"ranges\":[{\"group\":\"fleet\",\"range\":\"2001:db8:1::/124\"}],"
        "\"codes\":[\"spam-source\"],\"since\":null,\"first_seen\":\"2025-01-01T00:00:00Z\","
        "\"last_check\":\"2025-01-01T00:00:00Z\",\"txt\":null,"
        "\"delisting_page\":\"https://example.net/remove?a=1&b=\\\"2\\\"\"},\n"
        "{\"ip\":\"192.0.2.1\",\"list\":\"block\",\"zone\":\"bl.example.net\",\"tier\":\"page\","
        "\"groups\":[\"outbound\"],\"ranges\":[],"
        "\"codes\":[\"spam-source\",\"a\\\"b\\\\c\"],\"since\":null,\"first_seen\":\"2025-01-01T00:00:00Z\","
        "\"last_check\":\"2025-01-01T00:00:00Z\",\"txt\":null,"
        "\"delisting_page\":\"https://example.net/remove?a=1&b=\\\"2\\\"\"}\n"
        "],\"total\":6,\"next\":\"block~a~192.0.2.1\",\"generated_at\":\"2025-01-01T01:02:01Z\","
        "\"blind_lists\":[]}\n");
    expect_text(w, "list=block&page=block~a~192.0.2.1&limit=1", API_OK,
                "{\"listings\":[\n"
                "{\"ip\":\"192.0.2.2\",\"list\":\"block\",\"zone\":\"bl.example.net\",\"tier\":\"page\","
                "\"groups\":[\"outbound\"],\"ranges\":[],"
                "\"codes\":[\"spam-source\"],\"since\":\"2025-01-01T01:01:01Z\",\"first_seen\":null,"
                "\"last_check\":\"2025-01-01T01:01:01Z\",\"txt\":null,"
                "\"delisting_page\":\"https://example.net/remove?a=1&b=\\\"2\\\"\"}\n"
                "],\"total\":6,\"next\":\"block~a~192.0.2.2\",\"generated_at\":\"2025-01-01T01:02:01Z\","
                "\"blind_lists\":[]}\n");
}

static void keeps_keys_hidden_and_pages_that_are_no_web_address_as_they_are(void **state) {
    struct world *w = *state;
    fill(w);
    struct buf out = ask(w, "list=keyed", API_OK);
    assert_non_null(strstr(buf_text(&out), "\"zone\":\"{key}.bl.example.org\""));
    buf_release(&out);
}

#define RANGES "block 198.51.100.3, block 198.51.100.9, block 2001:db8:1::a, "
#define SINGLES "block 192.0.2.1, block 192.0.2.2, block 2001:db8::1, "

static const struct {
    const char *query;
    unsigned total;
    const char *want;
} filters[] = {
    {"", 7, RANGES SINGLES "keyed 192.0.2.2, "},
    {"list=keyed", 1, "keyed 192.0.2.2, "},
    {"group=fleet", 3, RANGES},
    {"group=outbound", 5, "block 198.51.100.9, " SINGLES "keyed 192.0.2.2, "},
    {"group=outbound&list=keyed", 1, "keyed 192.0.2.2, "},
    {"group=nowhere", 0, ""},
    {"range=198.51.100.0/28", 2, "block 198.51.100.3, block 198.51.100.9, "},
    {"range=198.51.100.8-198.51.100.20", 1, "block 198.51.100.9, "},
    {"range=2001%3Adb8:1::%2F124", 1, "block 2001:db8:1::a, "},
    {"range=198.51.100.0/28&group=fleet&list=block", 2, "block 198.51.100.3, block 198.51.100.9, "},
    {"range=198.51.100.0/28&list=keyed", 0, ""},
    {"limit=2", 7, "block 198.51.100.3, block 198.51.100.9, "},
    {"limit=2&group=outbound", 5, "block 198.51.100.9, block 192.0.2.1, "},
    {"page=block~r~198.51.100.3&limit=1", 7, "block 198.51.100.9, "},
    {"page=block~r~2001:db8:1::ffff", 7, SINGLES "keyed 192.0.2.2, "},
    {"page=block~a~255.255.255.255", 7, "block 2001:db8::1, keyed 192.0.2.2, "},
    {"page=block~a~ffff::", 7, "keyed 192.0.2.2, "},
    {"page=keyed~a~192.0.2.1", 7, "keyed 192.0.2.2, "},
    {"page=keyed~a~192.0.2.2", 7, ""},
    {"page=keyed~r~10.0.0.0", 7, "keyed 192.0.2.2, "},
    {"page=block~r~0.0.0.0", 7, RANGES SINGLES "keyed 192.0.2.2, "},
    {"page=keyed~a~192.0.2.2&list=block", 6, ""},
};

static void shows_what_matches_and_counts_all_of_it(void **state) {
    struct world *w = *state;
    fill(w);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        expect_found(w, filters[i].query, filters[i].total, filters[i].want);
}

static const struct {
    const char *query;
    const char *error;
} refusals[] = {
    {"limit=0", "limit must be a whole number from 1 to 10000, not '0'"},
    {"limit=10001", "limit must be a whole number from 1 to 10000, not '10001'"},
    {"limit=", "limit must be a whole number from 1 to 10000, not ''"},
    {"limit=-1", "limit must be a whole number from 1 to 10000, not '-1'"},
    {"limit=1x", "limit must be a whole number from 1 to 10000, not '1x'"},
    {"limit=18446744073709551617",
     "limit must be a whole number from 1 to 10000, not '18446744073709551617'"},
    {"Limit=1", "there is no parameter 'Limit': there are limit page list group range"},
    {"lim=1", "there is no parameter 'lim': there are limit page list group range"},
    {"limit%20page=1", "there is no parameter 'limit page': there are limit page list group range"},
    {"=", "there is no parameter '': there are limit page list group range"},
    {"limit=1&limit=1", "the text behind ? cannot be read: a parameter is there twice"},
    {"limit=%1",
     "the text behind ? cannot be read: a % must be followed by two hexadecimal digits (% itself is written "
     "%25)"},
    {"list=%00", "the text behind ? cannot be read: there must be no NUL (%00)"},
    {"list=", "there is no block list '' that is asked: there are block, keyed"},
    {"list=off", "there is no block list 'off' that is asked: there are block, keyed"},
    {"list=score", "there is no block list 'score' that is asked: there are block, keyed"},
    {"list=bloc", "there is no block list 'bloc' that is asked: there are block, keyed"},
    {"list=blocks", "there is no block list 'blocks' that is asked: there are block, keyed"},
    {"group=x", "there is no group 'x': there are outbound, fleet, nowhere"},
    {"range=198.51.100.0/29", "the configuration has no range '198.51.100.0/29': it is named as the label "
                              "`range` of the metrics names "
                              "it, such as 198.51.100.0/24 or 198.51.100.8-198.51.100.20"},
    {"range=198.51.100.0/28&group=outbound",
     "that group has no range '198.51.100.0/28': it is named as the label `range` of the metrics names it, "
     "such as 198.51.100.0/24 or 198.51.100.8-198.51.100.20"},
    {"page=", "page must be what `next` of the answer before this says, not ''"},
    {"page=block", "page must be what `next` of the answer before this says, not 'block'"},
    {"page=block~", "page must be what `next` of the answer before this says, not 'block~'"},
    {"page=block~r", "page must be what `next` of the answer before this says, not 'block~r'"},
    {"page=block~r~", "page must be what `next` of the answer before this says, not 'block~r~'"},
    {"page=block~x~192.0.2.1",
     "page must be what `next` of the answer before this says, not 'block~x~192.0.2.1'"},
    {"page=block~a~192.0.2",
     "page must be what `next` of the answer before this says, not 'block~a~192.0.2'"},
    {"page=gone~a~192.0.2.1",
     "page goes on behind a listing of 'gone', which is asked no longer: begin again without page"},
    {"page=score~a~192.0.2.1",
     "page goes on behind a listing of 'score', which is asked no longer: begin again without page"},
};

static void refuses_what_it_does_not_understand(void **state) {
    struct world *w = *state;
    fill(w);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char want[512];
        snprintf(want, sizeof want, "{\"error\":\"%s\"}\n", refusals[i].error);
        expect_text(w, refusals[i].query, API_BAD_REQUEST, want);
    }
}

static void cuts_and_escapes_what_it_quotes(void **state) {
    char query[600] = "group=%22%1b%ff";
    memset(query + strlen(query), 'x', 500);
    struct buf out = ask(*state, query, API_BAD_REQUEST);
    assert_non_null(strstr(buf_text(&out), "group '\\\"\\u001b\xef\xbf\xbdxxx"));
    assert_true(out.len < 300);
    buf_release(&out);
}

static void names_the_lists_that_are_blind_and_keeps_their_listings(void **state) {
    struct world *w = *state;
    fill(w);
    world_blind(w, KEYED, HEALTH_REFUSED);
    world_blind(w, SCORE, HEALTH_TIMEOUT);
    expect_found(w, "list=keyed", 1, "keyed 192.0.2.2, ");
    struct buf out = ask(w, "", API_OK);
    assert_non_null(strstr(buf_text(&out), "\"blind_lists\":[\"keyed\"]}"));
    buf_release(&out);
}

/* --- Pages --- */

static const char *const many_lists[] = {"block", "keyed"};

/* 300 addresses in two ranges that overlap, 100 single ones, on two lists; every third or so is listed. */
static void begin_many(struct world *w, struct settings *settings, unsigned salt) {
    static struct list lists[WORLD_LISTS];
    static struct group group = {.name = "many", .interval_ns = HOUR, .sweep_interval_ns = 24 * HOUR};
    static struct group_range ranges[2];
    static struct ip singles[100];
    memcpy(lists, world_lists, sizeof lists);
    ranges[0] = world_range("10.0.0.0-10.0.0.199");
    ranges[1] = world_range("10.0.0.100-10.0.1.43");
    for (unsigned i = 0; i < 100; i++)
        singles[i] = ip_v4(0x0a000080u + 5 * i);
    group.lists = world_everywhere;
    group.ranges = ranges;
    group.n_ranges = 2;
    group.addresses = singles;
    group.n_addresses = 100;
    *settings = world_settings();
    settings->groups = &group;
    settings->n_groups = 1;
    world_begin(w, settings);
    for (unsigned i = 0; i < 800; i++) {
        struct ip ip = ip_v4(0x0a000000u + i);
        for (int list = BLOCK; list <= KEYED; list += KEYED - BLOCK) {
            const struct verdict listed = {
                .kind = VERDICT_LISTED, .reason = REASON_NONE, .codes = 1, .score = -1};
            if (ip_hash(&ip, salt + (unsigned)list) % 3 == 0 &&
                target_index(w->targets->sets[list], &ip) != UINT32_MAX)
                world_look(w, (uint32_t)list, &ip, LOOK_SWEEP, &listed);
        }
    }
}

/* All pages of `limit`, one after the other; `between` may change the world after each. */
static unsigned read_pages(struct world *w, const char *filter, unsigned limit, char *found, size_t size,
                           void (*between)(struct world *w)) {
    char query[400];
    char next[160] = "";
    unsigned pages = 0;
    do {
        snprintf(query, sizeof query, "%slimit=%u%s%s", filter, limit, next[0] != '\0' ? "&page=" : "", next);
        struct buf out = ask(w, query, API_OK);
        add_found(buf_text(&out), found, size);
        member(buf_text(&out), "next", next);
        buf_release(&out);
        if (between != NULL)
            between(w);
        assert_true(++pages < 2000);
    } while (strcmp(next, "null") != 0);
    return pages;
}

static void pages_of_any_size_hold_each_listing_once_and_in_order(void **state) {
    static char whole[65536];
    static char paged[65536];
    static const char *const queries[] = {"", "list=keyed&", "group=many&", "range=10.0.0.100-10.0.1.43&"};
    static const unsigned limits[] = {1, 2, 7, 50, 9999};
    static struct world w;
    struct settings settings;
    begin_many(&w, &settings, 0);
    for (size_t q = 0; q < sizeof queries / sizeof *queries; q++) {
        whole[0] = '\0';
        assert_int_equal(read_pages(&w, queries[q], 10000, whole, sizeof whole, NULL), 1);
        assert_true(strlen(whole) > 1000);
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
            paged[0] = '\0';
            read_pages(&w, queries[q], limits[i], paged, sizeof paged, NULL);
            assert_string_equal(paged, whole);
        }
    }
    world_end(&w);
}

static unsigned n_changes;

/* Whatever was there is unlisted or listed anew. */
static void change(struct world *w) {
    unsigned salt = ++n_changes;
    for (unsigned i = 0; i < 800; i += 1 + salt % 7) {
        struct ip ip = ip_v4(0x0a000000u + i);
        struct verdict v = {.reason = REASON_NONE, .codes = 1, .score = -1};
        v.kind = ip_hash(&ip, salt) % 3 == 0 ? VERDICT_LISTED : VERDICT_NOT_LISTED;
        if (i != 3 && i != 131 && i != 623 && target_index(w->targets->sets[BLOCK], &ip) != UINT32_MAX)
            world_look(w, BLOCK, &ip, LOOK_SWEEP, &v);
    }
}

static void what_changes_between_pages_neither_shifts_nor_repeats_the_rest(void **state) {
    static char found[262144];
    static struct world w;
    struct settings settings;
    begin_many(&w, &settings, 0);
    for (int i = 0; i < 3; i++) {
        static const char *const always[] = {"10.0.0.3", "10.0.0.131", "10.0.2.111"};
        world_listed(&w, BLOCK, always[i], LOOK_SWEEP, 1);
    }
    read_pages(&w, "list=block&", 5, found, sizeof found, change);
    /* What is listed all the time is there, once; and nothing is there twice. */
    assert_non_null(strstr(found, "block 10.0.0.3, "));
    assert_non_null(strstr(found, "block 10.0.0.131, "));
    assert_non_null(strstr(found, "block 10.0.2.111, "));
    for (char *at = found; *at != '\0'; at = strchr(at, ',') + 2) {
        char one[64];
        snprintf(one, sizeof one, "%.*s, ", (int)strcspn(at, ","), at);
        if (strstr(at + 1, one) != NULL)
            fail_msg("%sis there twice", one);
    }
    world_end(&w);
}

static void a_reload_between_pages_ends_nothing_and_repeats_nothing_for_ever(void **state) {
    static struct world many;
    struct world *w = *state;
    struct settings settings;
    fill(w);
    begin_many(&many, &settings, 1);
    /* Cursors of one configuration, in the other: addresses, ranges and even parts are not there. */
    for (size_t i = 0; i < sizeof many_lists / sizeof *many_lists; i++) {
        for (unsigned k = 0; k < 800; k += 13) {
            for (int part = 0; part < 2; part++) {
                char query[100];
                snprintf(query, sizeof query, "page=%s~%c~10.0.%u.%u", many_lists[i], part ? 'a' : 'r',
                         k / 256, k % 256);
                struct buf out = ask(w, query, API_OK);
                buf_release(&out);
            }
        }
    }
    static const char *const foreign[] = {"block~r~2001:db8:1::a", "keyed~a~192.0.2.2", "block~a~0.0.0.0"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        char query[100];
        snprintf(query, sizeof query, "page=%s", foreign[i]);
        struct buf out = ask(&many, query, API_OK);
        buf_release(&out);
    }
    world_end(&many);
}

static void names_only_some_lists_to_who_has_named_another(void **state) {
    enum { MANY = 60 };
    static struct list lists[MANY];
    static char names[MANY][64];
    static bool on[MANY];
    static struct world w;
    struct settings settings = world_settings();
    struct group group = world_groups()[OUTBOUND];
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "a-list-with-a-name-of-more-than-thirty-characters-%02d", i);
        lists[i] = world_lists[BLOCK];
        lists[i].name = names[i];
        on[i] = true;
    }
    group.lists = on;
    settings.lists = lists;
    settings.n_lists = MANY;
    settings.groups = &group;
    settings.n_groups = 1;
    world_begin(&w, &settings);
    struct buf out = ask(&w, "list=other", API_BAD_REQUEST);
    assert_non_null(strstr(buf_text(&out), "-00, a-list"));
    assert_non_null(strstr(buf_text(&out), ", ...\"}\n"));
    assert_true(out.len < 1200);
    buf_release(&out);
    world_end(&w);
}

static void says_so_whichever_allocation_fails(void **state) {
    struct world *w = *state;
    fill(w);
    const struct api api = {w->checker, w->now_ns, WORLD_OFFSET};
    unsigned long failed = 0;
    for (bool reached = true; reached; failed++) {
        struct buf out;
        buf_init(&out, SIZE_MAX);
        fails_at = failed + 1;
        assert_int_equal(api_listings(&out, &api, ""), API_OK);
        reached = fails_at == 0;
        fails_at = 0;
        assert_int_equal(buf_status(&out), reached ? STATUS_NO_MEMORY : STATUS_OK);
        buf_release(&out);
    }
    assert_true(failed > 2);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(says_when_nothing_is_listed),
        IN_WORLD(tells_the_facts_of_each_listing),
        IN_WORLD(keeps_keys_hidden_and_pages_that_are_no_web_address_as_they_are),
        IN_WORLD(shows_what_matches_and_counts_all_of_it),
        IN_WORLD(refuses_what_it_does_not_understand),
        IN_WORLD(cuts_and_escapes_what_it_quotes),
        IN_WORLD(names_the_lists_that_are_blind_and_keeps_their_listings),
        cmocka_unit_test(pages_of_any_size_hold_each_listing_once_and_in_order),
        cmocka_unit_test(what_changes_between_pages_neither_shifts_nor_repeats_the_rest),
        IN_WORLD(a_reload_between_pages_ends_nothing_and_repeats_nothing_for_ever),
        cmocka_unit_test(names_only_some_lists_to_who_has_named_another),
        IN_WORLD(says_so_whichever_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
