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
#include <stdlib.h>

static const struct api_history no_history;

static struct buf tell(const struct world *w, const char *ip, const struct api_history *history,
                       unsigned status) {
    const struct api api = {w->checker, w->now_ns, WORLD_OFFSET};
    const struct api_question question = {world_ip(ip), INT64_MAX, API_HISTORY_DEFAULT};
    struct buf out;
    buf_init(&out, SIZE_MAX);
    unsigned got = api_address(&out, &api, &question, history);
    assert_int_equal(buf_status(&out), STATUS_OK);
    if (got != status)
        fail_msg("%s: status %u: %s", ip, got, buf_text(&out));
    return out;
}

static void expect_whole(const struct world *w, const char *ip, const struct api_history *history,
                         unsigned status, const char *want) {
    struct buf out = tell(w, ip, history, status);
    if (strcmp(buf_text(&out), want) != 0)
        fail_msg("%s: wanted\n%s\ngot\n%s", ip, want, buf_text(&out));
    buf_release(&out);
}

/* What the row of a list must hold, in one piece. */
static void expect_row(const struct world *w, const char *ip, const char *list, const char *want) {
    struct buf out = tell(w, ip, &no_history, API_OK);
    char start[64];
    snprintf(start, sizeof start, "\n{\"list\":\"%s\",", list);
    const char *at = strstr(buf_text(&out), start);
    if (at == NULL)
        fail_msg("%s: no row of %s in %s", ip, list, buf_text(&out));
    char *row = strndup(at, 1 + strcspn(at + 1, "\n"));
    if (strstr(row, want) == NULL)
        fail_msg("%s: wanted %s in %s", ip, want, row);
    free(row);
    buf_release(&out);
}

/* --- What is asked --- */

static const struct {
    const char *path;
    const char *query;
    const char *ip; /* NULL: refused */
    int64_t before_ns;
    unsigned limit;
    const char *error;
} questions[] = {
    {"192.0.2.1", "", "192.0.2.1", INT64_MAX, API_HISTORY_DEFAULT, NULL},
    {"2001:DB8::1", "", "2001:db8::1", INT64_MAX, API_HISTORY_DEFAULT, NULL},
    {"2001%3adb8%3A%3A1", "limit=1000", "2001:db8::1", INT64_MAX, 1000, NULL},
    {"192.0.2.1", "limit=1&before=2025-01-01T00:00:00.000000007Z", "192.0.2.1", INT64_C(1735689600000000007),
     1, NULL},
    {"192.0.2.1", "before=2025-01-01T00%3A00%3A00Z", "192.0.2.1", INT64_C(1735689600000000000),
     API_HISTORY_DEFAULT, NULL},
    {"192.0.2", "", NULL, 0, 0, "'192.0.2' is no address: expected one such as 192.0.2.1 or 2001:db8::1"},
    {"192.0.2.1/", "", NULL, 0, 0,
     "'192.0.2.1/' is no address: expected one such as 192.0.2.1 or 2001:db8::1"},
    {"192.0.2.1/32", "", NULL, 0, 0,
     "'192.0.2.1/32' is no address: expected one such as 192.0.2.1 or 2001:db8::1"},
    {"192.0.2.1%20", "", NULL, 0, 0,
     "'192.0.2.1 ' is no address: expected one such as 192.0.2.1 or 2001:db8::1"},
    {"192.0.2.01", "", NULL, 0, 0,
     "'192.0.2.01' is no address: expected one such as 192.0.2.1 or 2001:db8::1"},
    {"fe80::1%25eth0", "", NULL, 0, 0,
     "'fe80::1%eth0' is no address: expected one such as 192.0.2.1 or 2001:db8::1"},
    {"%0a<b>", "", NULL, 0, 0, "'\\n<b>' is no address: expected one such as 192.0.2.1 or 2001:db8::1"},
    {"%00", "", NULL, 0, 0, "the address cannot be read: there must be no NUL (%00)"},
    {"1%2", "", NULL, 0, 0,
     "the address cannot be read: a % must be followed by two hexadecimal digits (% itself is written %25)"},
    {"192.0.2.1", "limit=1001", NULL, 0, 0, "limit must be a whole number from 1 to 1000, not '1001'"},
    {"192.0.2.1", "limit=0", NULL, 0, 0, "limit must be a whole number from 1 to 1000, not '0'"},
    {"192.0.2.1", "list=block", NULL, 0, 0, "there is no parameter 'list': there are limit before"},
    {"192.0.2.1", "before=yesterday", NULL, 0, 0,
     "before must be a time in UTC such as 2026-01-31T12:00:00Z or what `history_next` says, not "
     "'yesterday'"},
    {"192.0.2.1", "before=2025-02-29T00:00:00Z", NULL, 0, 0,
     "before must be a time in UTC such as 2026-01-31T12:00:00Z or what `history_next` says, not "
     "'2025-02-29T00:00:00Z'"},
};

static void reads_a_question_or_says_what_is_wrong(void **state) {
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        struct api_question question;
        struct buf out;
        char want[512] = "";
        buf_init(&out, SIZE_MAX);
        unsigned status = api_question_read(&out, questions[i].path, questions[i].query, &question);
        if (questions[i].ip == NULL)
            snprintf(want, sizeof want, "{\"error\":\"%s\"}\n", questions[i].error);
        if (status != (questions[i].ip != NULL ? API_OK : API_BAD_REQUEST) ||
            strcmp(buf_text(&out), want) != 0)
            fail_msg("%s?%s: %u %s", questions[i].path, questions[i].query, status, buf_text(&out));
        buf_release(&out);
        if (questions[i].ip == NULL)
            continue;
        struct ip ip = world_ip(questions[i].ip);
        assert_true(ip_equal(&question.ip, &ip));
        assert_int_equal(question.before_ns, questions[i].before_ns);
        assert_int_equal(question.limit, questions[i].limit);
    }
}

/* --- What is known --- */

static void tells_all_that_is_known_of_an_address(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED, 3);
    world_not_listed(w, KEYED, "198.51.100.9", LOOK_WATCHED);
    world_score(w, "198.51.100.9", LOOK_WATCHED, 42);
    w->now_ns += HOUR;
    world_not_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED);
    w->now_ns += HOUR;
    const char *delist = "https://example.net/remove?a=1&b=\\\"2\\\"";
    char want[4096];
    snprintf(
        want, sizeof want,
        "{\"address\":\"198.51.100.9\",\"groups\":[\"outbound\",\"fleet\"],"
        "\"ranges\":[{\"group\":\"fleet\",\"range\":\"198.51.100.0/28\"},"
        "{\"group\":\"fleet\",\"range\":\"198.51.100.8-198.51.100.20\"}],\"watched\":true,\"lists\":[\n"
        "{\"list\":\"block\",\"zone\":\"bl.example.net\",\"kind\":\"blocklist\",\"tier\":\"page\","
        "\"state\":\"ok\",\"verdict\":\"not_listed\",\"reason\":null,\"fresh\":true,\"codes\":[],"
        "\"score\":null,\"since\":\"2025-01-01T01:00:00Z\",\"first_seen\":null,"
        "\"last_check\":\"2025-01-01T01:00:00Z\",\"last_change\":\"2025-01-01T01:00:00Z\",\"txt\":null,"
        "\"delisting_page\":\"%s\"},\n"
        "{\"list\":\"score\",\"zone\":\"score.example.net\",\"kind\":\"reputation\",\"tier\":\"warn\","
        "\"state\":\"ok\",\"verdict\":\"listed\",\"reason\":null,\"fresh\":true,\"codes\":[],\"score\":42,"
        "\"since\":null,\"first_seen\":null,\"last_check\":\"2025-01-01T00:00:00Z\",\"last_change\":null,"
        "\"txt\":null,\"delisting_page\":null},\n"
        "{\"list\":\"allow\",\"zone\":\"allow.example.net\",\"kind\":\"allowlist\",\"tier\":\"info\","
        "\"state\":\"ok\",\"verdict\":\"unknown\",\"reason\":\"not_checked\",\"fresh\":false,\"codes\":[],"
        "\"score\":null,\"since\":null,\"first_seen\":null,\"last_check\":null,\"last_change\":null,"
        "\"txt\":null,\"delisting_page\":null},\n"
        "{\"list\":\"keyed\",\"zone\":\"{key}.bl.example.org\",\"kind\":\"blocklist\",\"tier\":\"page\","
        "\"state\":\"ok\",\"verdict\":\"not_listed\",\"reason\":null,\"fresh\":true,\"codes\":[],"
        "\"score\":null,\"since\":null,\"first_seen\":\"2025-01-01T00:00:00Z\","
        "\"last_check\":\"2025-01-01T00:00:00Z\",\"last_change\":null,\"txt\":null,"
        "\"delisting_page\":\"javascript:alert(1)\"}\n"
        "],\"history\":[],\"history_next\":null,\"history_error\":null}\n",
        delist);
    expect_whole(w, "198.51.100.9", &no_history, API_OK, want);
}

static void tells_codes_and_reason_of_a_listing(void **state) {
    struct world *w = *state;
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    w->now_ns += HOUR;
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1 | 4 | UINT64_C(1) << LIST_CODE_OTHER);
    struct ip ip = world_ip("192.0.2.1");
    registry_entry_find(w->checker->registry, BLOCK, target_index(w->targets->sets[BLOCK], &ip))->txt =
        strdup("why\x1b");
    expect_row(w, "192.0.2.1", "block",
               "\"verdict\":\"listed\",\"reason\":null,\"fresh\":true,\"codes\":[\"spam-source\",\"other\"],"
               "\"score\":null,\"since\":\"2025-01-01T01:00:00Z\",\"first_seen\":null,"
               "\"last_check\":\"2025-01-01T01:00:00Z\",\"last_change\":\"2025-01-01T01:00:00Z\","
               "\"txt\":\"why\\u001b\"");
}

static void keeps_the_verdict_of_a_list_that_goes_blind_and_says_so(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    world_blind(w, BLOCK, HEALTH_REFUSED);
    expect_row(w, "192.0.2.1", "block",
               "\"state\":\"refused\",\"verdict\":\"listed\",\"reason\":null,\"fresh\":false");
    expect_row(w, "192.0.2.2", "block",
               "\"state\":\"refused\",\"verdict\":\"unknown\",\"reason\":\"refused\",\"fresh\":false");
}

static void says_why_a_verdict_is_unknown(void **state) {
    struct world *w = *state;
    struct registry *r = w->checker->registry;
    const struct registry_stale stale = {
        .sweep_ns = 6 * HOUR, .ring_ns = (const int64_t[]){6 * HOUR}, .n_rings = 1};
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    w->now_ns += 7 * HOUR;
    registry_scan(r, BLOCK, &stale, 1000, w->now_ns);
    expect_row(w, "192.0.2.1", "block",
               "\"verdict\":\"unknown\",\"reason\":\"stale\",\"fresh\":false,\"codes\":[],\"score\":null,"
               "\"since\":null,\"first_seen\":null,\"last_check\":\"2025-01-01T00:00:00Z\"");
    /* Seen, but no self-test has proven it. */
    const struct verdict listed = {.kind = VERDICT_LISTED, .reason = REASON_NONE, .codes = 1, .score = -1};
    enum look_follow follow;
    struct ip ip = world_ip("192.0.2.2");
    enum status status = registry_look(r, BLOCK, target_index(w->targets->sets[BLOCK], &ip), LOOK_WATCHED, 0,
                                       0, &listed, w->now_ns, &follow, world_ignore_change, NULL);
    assert_int_equal(status, STATUS_OK);
    expect_row(w, "192.0.2.2", "block", "\"verdict\":\"unknown\",\"reason\":\"unconfirmed\",\"fresh\":false");
    expect_row(w, "192.0.2.2", "keyed", "\"verdict\":\"unknown\",\"reason\":\"not_checked\",\"fresh\":false");
}

static void tells_only_of_lists_that_ask_about_the_address(void **state) {
    struct world *w = *state;
    /* Of a family that the list does not know; by a range alone; by a group without lists. */
    struct buf out = tell(w, "2001:db8::1", &no_history, API_OK);
    assert_non_null(strstr(buf_text(&out), "\"list\":\"block\""));
    assert_null(strstr(buf_text(&out), "\"list\":\"keyed\""));
    buf_release(&out);
    out = tell(w, "198.51.100.0", &no_history, API_OK);
    assert_non_null(strstr(buf_text(&out), "\"groups\":[],\"ranges\":[{\"group\":\"fleet\""));
    assert_non_null(strstr(buf_text(&out), "\"list\":\"score\""));
    assert_null(strstr(buf_text(&out), "\"list\":\"allow\""));
    buf_release(&out);
    expect_whole(w, "203.0.113.1", &no_history, API_OK,
                 "{\"address\":\"203.0.113.1\",\"groups\":[\"nowhere\"],\"ranges\":[],\"watched\":true,"
                 "\"lists\":[],\"history\":[],\"history_next\":null,\"history_error\":null}\n");
}

/* --- What happened --- */

static const struct history_event events[] = {
    {.wall_ns = INT64_C(1735689600999999999),
     .kind = HISTORY_DELISTED,
     .list = "block",
     .has_ip = true,
     .detail = ""},
    {.wall_ns = INT64_C(1735689500000000001),
     .kind = HISTORY_FIRST_LISTED,
     .list = "gone",
     .has_ip = true,
     .detail = "a,b\"\xff"},
};
#define EVENTS                                                                                               \
    "\"history\":[\n"                                                                                        \
    "{\"time\":\"2025-01-01T00:00:00Z\",\"event\":\"delisted\",\"list\":\"block\",\"detail\":\"\"},\n"       \
    "{\"time\":\"2024-12-31T23:58:20Z\",\"event\":\"first_listed\",\"list\":\"gone\","                       \
    "\"detail\":\"a,b\\\"\xef\xbf\xbd\"}\n"                                                                  \
    "],"

static void tells_what_happened_and_where_to_go_on(void **state) {
    struct world *w = *state;
    const struct api_history last = {.events = events, .n = 2};
    const struct api_history page = {.events = events, .n = 2, .more = true};
    expect_whole(w, "203.0.113.1", &last, API_OK,
                 "{\"address\":\"203.0.113.1\",\"groups\":[\"nowhere\"],\"ranges\":[],\"watched\":true,"
                 "\"lists\":[]," EVENTS "\"history_next\":null,\"history_error\":null}\n");
    expect_whole(w, "203.0.113.1", &page, API_OK,
                 "{\"address\":\"203.0.113.1\",\"groups\":[\"nowhere\"],\"ranges\":[],\"watched\":true,"
                 "\"lists\":[]," EVENTS
                 "\"history_next\":\"2024-12-31T23:58:20.000000001Z\",\"history_error\":null}\n");
}

static void says_why_there_is_no_history(void **state) {
    const struct api_history down = {.error = "data/state.db: \"disk full\""};
    expect_whole(*state, "203.0.113.1", &down, API_OK,
                 "{\"address\":\"203.0.113.1\",\"groups\":[\"nowhere\"],\"ranges\":[],\"watched\":true,"
                 "\"lists\":[],\"history\":[],\"history_next\":null,"
                 "\"history_error\":\"data/state.db: \\\"disk full\\\"\"}\n");
}

static void knows_an_address_that_is_configured_no_more_by_its_history(void **state) {
    struct world *w = *state;
    const struct api_history last = {.events = events, .n = 2};
    const struct api_history down = {.error = "it is down"};
    expect_whole(w, "203.0.113.99", &last, API_OK,
                 "{\"address\":\"203.0.113.99\",\"groups\":[],\"ranges\":[],\"watched\":false,"
                 "\"lists\":[]," EVENTS "\"history_next\":null,\"history_error\":null}\n");
    expect_whole(w, "203.0.113.99", &no_history, API_NOT_FOUND,
                 "{\"error\":\"203.0.113.99 is not among the configured addresses and ranges, so it is not "
                 "checked, and there is no history of it\"}\n");
    expect_whole(w, "::ffff:192.0.2.1", &down, API_NOT_FOUND,
                 "{\"error\":\"::ffff:192.0.2.1 is not among the configured addresses and ranges, so it is "
                 "not checked; of its history: it is down\"}\n");
}

static void says_so_whichever_allocation_fails(void **state) {
    const struct world *w = *state;
    const struct api api = {w->checker, w->now_ns, WORLD_OFFSET};
    const struct api_question question = {world_ip("198.51.100.9"), INT64_MAX, 1};
    const struct api_history history = {.events = events, .n = 2};
    unsigned long failed = 0;
    for (bool reached = true; reached; failed++) {
        struct buf out;
        buf_init(&out, SIZE_MAX);
        fails_at = failed + 1;
        assert_int_equal(api_address(&out, &api, &question, &history), API_OK);
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
        cmocka_unit_test(reads_a_question_or_says_what_is_wrong),
        IN_WORLD(tells_all_that_is_known_of_an_address),
        IN_WORLD(tells_codes_and_reason_of_a_listing),
        IN_WORLD(keeps_the_verdict_of_a_list_that_goes_blind_and_says_so),
        IN_WORLD(says_why_a_verdict_is_unknown),
        IN_WORLD(tells_only_of_lists_that_ask_about_the_address),
        IN_WORLD(tells_what_happened_and_where_to_go_on),
        IN_WORLD(says_why_there_is_no_history),
        IN_WORLD(knows_an_address_that_is_configured_no_more_by_its_history),
        IN_WORLD(says_so_whichever_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
