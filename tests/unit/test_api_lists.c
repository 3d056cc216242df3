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

static struct buf ask(const struct world *w, const char *query, unsigned status) {
    const struct api api = {w->checker, w->now_ns, WORLD_OFFSET};
    struct buf out;
    buf_init(&out, SIZE_MAX);
    unsigned got = api_lists(&out, &api, query);
    assert_int_equal(buf_status(&out), STATUS_OK);
    if (got != status)
        fail_msg("?%s: status %u: %s", query, got, buf_text(&out));
    return out;
}

/* Texts that the answer holds, or with a `!` before them does not. */
static void expect(const struct world *w, const char *query, unsigned status, const char *const *texts,
                   size_t n) {
    struct buf out = ask(w, query, status);
    for (size_t i = 0; i < n; i++) {
        bool wanted = texts[i][0] != '!';
        if ((strstr(buf_text(&out), texts[i] + !wanted) != NULL) != wanted)
            fail_msg("?%s: %s: %s\n%s", query, wanted ? "not there" : "should not be there",
                     texts[i] + !wanted, buf_text(&out));
    }
    buf_release(&out);
}
#define EXPECT(w, query, status, ...)                                                                        \
    do {                                                                                                     \
        static const char *const texts_[] = {__VA_ARGS__};                                                   \
        expect(w, query, status, texts_, sizeof texts_ / sizeof *texts_);                                    \
    } while (0)

static void expect_text(const struct world *w, const char *query, unsigned status, const char *want) {
    struct buf out = ask(w, query, status);
    const char *got = buf_text(&out);
    size_t same = 0;
    while (want[same] != '\0' && want[same] == got[same])
        same++;
    if (strcmp(got, want) != 0)
        fail_msg("?%s: behind %.*s: wanted %s, got %s", query, (int)same, want, want + same, got + same);
    buf_release(&out);
}

static void tells_all_there_is_of_a_list(void **state) {
    struct world *w = *state;
    struct checker_list *l = &w->checker->lists[BLOCK];
    l->counters.queries = 7;
    l->counters.retries = 2;
    l->counters.failures[REASON_TIMEOUT] = 1;
    l->health_check_ns = w->now_ns + MINUTE;
    l->tracks[0].health[IP_V4].due_ns = w->now_ns + HOUR;
    l->tracks[0].health[IP_V6].due_ns = w->now_ns + 2 * HOUR;
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 3);
    world_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED, 1);
    world_listed(w, BLOCK, "198.51.100.3", LOOK_SWEEP, 1);
    world_not_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED);
    quota_take(checker_quota(w->checker, BLOCK), BUDGET_SWEEP, w->now_ns);
    expect_text(
        w, "list=block", API_OK,
        "{\"lists\":[\n"
        "{\"name\":\"block\",\"dns_zone\":\"bl.example.net\",\"kind\":\"blocklist\",\"tier\":\"page\","
        "\"enabled\":true,\"families\":[\"ipv4\",\"ipv6\"],\"codes\":[],"
        "\"delisting_page\":\"https://example.net/remove?a=1&b=\\\"2\\\"\",\"note\":null,"
        "\"state\":\"ok\",\"up\":true,\"why\":null,\"unproven\":false,\"last_failure\":null,"
        "\"last_health_check\":\"2025-01-01T00:01:00Z\",\"next_health_check\":\"2025-01-01T01:00:00Z\","
        "\"listed\":3,\"queries\":7,\"retries\":2,"
        "\"failures\":{\"timeout\":1,\"servfail\":0,\"refused\":0,\"network\":0,\"invalid_answer\":0,"
        "\"blocked_answer\":0},"
        "\"quota\":{\"budget\":null,\"limit\":300000,\"per_seconds\":86400,\"used\":1,"
        "\"reset\":\"2025-01-02T00:02:00Z\"},\"rate_per_second\":5,\"burst\":1,"
        "\"recheck_intervals\":[{\"group\":\"outbound\",\"seconds\":null},"
        "{\"group\":\"fleet\",\"seconds\":null}],"
        "\"sweep\":{\"addresses\":37,\"running\":false,\"checked\":0,\"started\":null,"
        "\"last_completion\":null,\"last_duration_seconds\":null}}\n],"
        "\"generated_at\":\"2025-01-01T00:00:00Z\"}\n");
}

static void tells_of_a_disabled_list_only_what_it_is(void **state) {
    EXPECT(*state, "list=off", API_OK, "{\"name\":\"off\",\"dns_zone\":\"off.example.net\"",
           "\"enabled\":false,", "\"delisting_page\":null,\"note\":null,\"state\":null,\"up\":null,",
           "\"why\":null,\"unproven\":false,\"last_failure\":null,\"last_health_check\":null,"
           "\"next_health_check\":null,\"listed\":null,\"queries\":0,",
           "\"quota\":null,", "\"recheck_intervals\":[],\"sweep\":null}");
}

static void shows_a_key_as_such_and_counts_only_on_block_lists(void **state) {
    EXPECT(*state, "list=keyed", API_OK, "\"dns_zone\":\"{key}.bl.example.org\"", "\"unproven\":true",
           "\"listed\":0,", "\"quota\":null,", "\"sweep\":null");
    EXPECT(
        *state, "list=score", API_OK, "\"kind\":\"reputation\",\"tier\":\"warn\"", "\"listed\":null,",
        "\"quota\":{\"budget\":\"shared\",\"limit\":10000,\"per_seconds\":86400,\"used\":0,\"reset\":null}");
    EXPECT(*state, "list=allow", API_OK, "\"kind\":\"allowlist\",\"tier\":\"info\"", "\"listed\":null,");
}

static void says_why_a_list_cannot_be_believed(void **state) {
    struct world *w = *state;
    struct checker_list *l = &w->checker->lists[BLOCK];
    world_blind(w, BLOCK, HEALTH_REFUSED);
    l->last_failure = (struct verdict){
        .kind = VERDICT_UNKNOWN, .reason = REASON_BLOCKED_ANSWER, .culprit = 0x7ffffffe, .score = -1};
    l->last_failure_ns = w->now_ns + SECOND;
    EXPECT(w, "list=block", API_OK, "\"state\":\"refused\",\"up\":false,\"why\":\"The list refuses to answer",
           "\"last_failure\":{\"time\":\"2025-01-01T00:00:01Z\",\"reason\":\"blocked_answer\","
           "\"text\":\"the list answered that it may not be asked (127.255.255.254)\"}",
           "\"last_health_check\":null");
    world_blind(w, BLOCK, HEALTH_QUOTA_EXHAUSTED);
    EXPECT(w, "list=block", API_OK, "\"state\":\"quota_exhausted\",\"up\":true,\"why\":\"All queries");
}

static void tells_when_it_is_tested_again(void **state) {
    struct world *w = *state;
    struct checker_list *l = &w->checker->lists[BLOCK];
    l->tracks[0].health[IP_V4].running = true;
    l->tracks[0].health[IP_V6].running = true;
    EXPECT(w, "list=block", API_OK, "\"next_health_check\":null");
}

static void tells_how_far_a_sweep_has_come(void **state) {
    struct world *w = *state;
    struct plan_sweep *sweep = &w->checker->lists[BLOCK].plan.sweep;
    sweep->running = true;
    sweep->position = 5;
    sweep->whole_ns = w->now_ns - MINUTE;
    EXPECT(w, "list=block", API_OK, "\"running\":true,\"checked\":5,\"started\":\"2024-12-31T23:59:00Z\",",
           "\"last_completion\":null,\"last_duration_seconds\":null");
    sweep->completed_ns = w->now_ns - SECOND;
    sweep->duration_ns = 59 * SECOND + SECOND / 2;
    EXPECT(w, "list=block", API_OK,
           "\"last_completion\":\"2024-12-31T23:59:59Z\",\"last_duration_seconds\":59.5");
    sweep->running = false;
    EXPECT(w, "list=block", API_OK, "\"addresses\":37,\"running\":false,\"checked\":37,");
}

static void shows_answers_as_the_configuration_writes_them(void **state) {
    static const struct list_answers codes[] = {
        {0x7f000002, 0x7f000002, 0, 0}, {0x7f000004, 0x7f000007, 0, 1}, {0x7f000100, 0x7f0001ff, 0, 2},
        {0x7f000201, 0x7f0002ff, 4, 0}, {0x7f000403, 0x7f000405, 0, 0}, {0x7f100000, 0x7f1fffff, 0, 0}};
    struct world *w = *state;
    static struct list lists[WORLD_LISTS];
    memcpy(lists, world_lists, sizeof lists);
    lists[ALLOW].codes = codes;
    lists[ALLOW].n_codes = 6;
    lists[ALLOW].code_names = world_codes;
    lists[ALLOW].n_code_names = 3;
    lists[ALLOW].budget.rate = 0;
    w->settings.lists = lists;
    EXPECT(w, "list=allow", API_OK,
           "\"codes\":[{\"answer\":\"127.0.0.2\",\"name\":\"spam-source\"},"
           "{\"answer\":\"127.0.0.[4..7]\",\"name\":\"a\\\"b\\\\c\"},"
           "{\"answer\":\"127.0.1.0/24\",\"name\":\"other\"},"
           "{\"answer\":\"127.0.2.&4\",\"name\":\"spam-source\"},"
           "{\"answer\":\"127.0.4.[3..5]\",\"name\":\"spam-source\"},"
           "{\"answer\":\"127.16.0.0/12\",\"name\":\"spam-source\"}]",
           "\"rate_per_second\":null");
}

/* The names of the lists of an answer, with spaces behind them. */
static void expect_names(const struct world *w, const char *query, const char *want) {
    struct buf out = ask(w, query, API_OK);
    char names[256] = "";
    for (const char *at = strstr(buf_text(&out), "\n{\"name\":\""); at != NULL;
         at = strstr(at + 1, "\n{\"name\":\"")) {
        size_t len = strlen(names);
        at += strlen("\n{\"name\":\"");
        (void)snprintf(names + len, sizeof names - len, "%.*s ", (int)strcspn(at, "\""), at);
    }
    if (strcmp(names, want) != 0)
        fail_msg("?%s: wanted %s, got %s", query, want, names);
    buf_release(&out);
}

static void shows_the_lists_that_are_asked_for_in_their_order(void **state) {
    static const struct {
        const char *query, *names;
    } rows[] = {
        {"", "block score allow off keyed "},
        {"&", "block score allow off keyed "},
        {"list=keyed&list=block", "block keyed "},
        {"list=off&&list=off", "off "},
        {"list=%62lock", "block "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_names(*state, rows[i].query, rows[i].names);
}

static void refuses_what_it_does_not_know(void **state) {
    static const struct {
        const char *query, *error;
    } rows[] = {
        {"list=none", "there is no list 'none': there are block, score, allow, off, keyed"},
        {"list=block&list=", "there is no list '': there are"},
        {"list", "there is no list '': there are"},
        {"limit=1", "there is no parameter 'limit': there is list"},
        {"list=block&state=ok", "there is no parameter 'state': there is list"},
        {"list=%", "cannot be read"},
        {"list=a%00", "cannot be read"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const texts[] = {"{\"error\":\"", rows[i].error, "!\"lists\""};
        expect(*state, rows[i].query, API_BAD_REQUEST, texts, 3);
    }
}

static void stops_where_memory_does(void **state) {
    const struct world *w = *state;
    const struct api api = {w->checker, w->now_ns, WORLD_OFFSET};
    unsigned long n = 0;
    for (bool failed = true; failed; n++) {
        struct buf out;
        buf_init(&out, SIZE_MAX);
        fails_at = n + 1;
        (void)api_lists(&out, &api, "");
        failed = fails_at == 0;
        fails_at = 0;
        assert_int_equal(buf_status(&out), failed ? STATUS_NO_MEMORY : STATUS_OK);
        buf_release(&out);
    }
    assert_true(n > 2);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(tells_all_there_is_of_a_list),
        IN_WORLD(tells_of_a_disabled_list_only_what_it_is),
        IN_WORLD(shows_a_key_as_such_and_counts_only_on_block_lists),
        IN_WORLD(says_why_a_list_cannot_be_believed),
        IN_WORLD(tells_when_it_is_tested_again),
        IN_WORLD(tells_how_far_a_sweep_has_come),
        IN_WORLD(shows_answers_as_the_configuration_writes_them),
        IN_WORLD(shows_the_lists_that_are_asked_for_in_their_order),
        IN_WORLD(refuses_what_it_does_not_know),
        IN_WORLD(stops_where_memory_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
