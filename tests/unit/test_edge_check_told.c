/* SPDX-License-Identifier: Apache-2.0
 *
 * What an exporter said, told as a check of one's own. Answers are text, read as the command reads them.
 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/check_told.h"

#include "edge/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_calloc(n, size);
}

static struct ip_range range(const char *text) {
    struct ip_range out;
    assert_int_equal(ip_range_parse(text, strlen(text), &out), IP_RANGE_OK);
    return out;
}

static enum status add(struct check_told *told, size_t i, const char *text, bool *open) {
    static struct problems problems;
    struct arena arena;
    const struct node *root = NULL;
    unsigned long at = fails_at;
    fails_at = 0;
    problems_init(&problems);
    arena_init(&arena);
    assert_int_equal(yaml_parse_json(text, strlen(text), &arena, &problems, &root), STATUS_OK);
    fails_at = at;
    enum status status = check_told_add(told, i, root, open);
    fails_at = 0;
    arena_release(&arena);
    problems_release(&problems);
    return status;
}

#define ROW(list, kind, state, verdict, reason, rest)                                                        \
    "{\"list\":\"" list "\",\"zone\":\"" list ".example.net\",\"kind\":\"" kind                              \
    "\",\"tier\":\"page\",\"state\":\"" state "\",\"verdict\":\"" verdict "\",\"reason\":" reason "," rest   \
    "}"
#define CLEAN                                                                                                \
    "\"open\":false,\"codes\":[],\"score\":null,\"since\":null,\"first_seen\":null,\"txt\":null,"            \
    "\"latency_seconds\":0.0015,\"delisting_page\":null,\"note\":null"
#define LISTED                                                                                               \
    "\"open\":false,\"codes\":[\"spam\",\"other\"],\"score\":null,\"since\":null,"                           \
    "\"first_seen\":\"2025-01-01T00:00:00Z\",\"txt\":\"why \\u001b[31m\",\"latency_seconds\":0.25,"          \
    "\"delisting_page\":\"https://example.net/out\",\"note\":null"
#define REFUSED                                                                                              \
    "\"open\":false,\"codes\":[],\"score\":null,\"since\":null,\"first_seen\":null,\"txt\":null,"            \
    "\"latency_seconds\":null,\"delisting_page\":null,\"note\":\"Register first.\""
#define SCORED                                                                                               \
    "\"open\":false,\"codes\":[],\"score\":17,\"since\":null,\"first_seen\":null,\"txt\":null,"              \
    "\"latency_seconds\":0.001,\"delisting_page\":null,\"note\":null"
#define OPEN                                                                                                 \
    "\"open\":true,\"codes\":[],\"score\":null,\"since\":null,\"first_seen\":null,\"txt\":null,"             \
    "\"latency_seconds\":null,\"delisting_page\":null,\"note\":null"

static const char answer_1[] =
    "{\"address\":\"192.0.2.1\",\"groups\":[],\"ranges\":[],\"watched\":false,\"lists\":[\n" ROW(
        "bl", "blocklist", "ok", "listed", "null",
        LISTED) ",\n" ROW("score", "reputation", "ok", "listed", "null",
                          SCORED) ",\n" ROW("zen", "blocklist", "refused", "unknown", "\"refused\"",
                                            REFUSED) "\n],\"history\":[],\"history_error\":null}\n";
static const char answer_2[] =
    "{\"lists\":[" ROW("bl", "blocklist", "ok", "not_listed", "null", CLEAN) "," ROW(
        "score", "reputation", "ok", "unknown", "\"timeout\"",
        OPEN) "," ROW("zen", "blocklist", "refused", "unknown", "\"refused\"", REFUSED) "]}";
static const char answer_6[] =
    "{\"lists\":[" ROW("bl", "blocklist", "ok", "not_listed", "null", CLEAN) "," ROW(
        "score", "reputation", "ok", "unknown", "\"family\"", OPEN) "," ROW("zen", "blocklist", "ok",
                                                                            "not_listed", "null", CLEAN) "]}";

static void expect(const struct check_told *told, bool json, const char *part) {
    const struct check_view view = check_told_view(told);
    struct buf out;
    buf_init(&out, 1 << 20);
    (json ? check_json : check_text)(&out, &view, 0);
    if (strstr(buf_text(&out), part) == NULL)
        fail_msg("expected %s\nin %s", part, buf_text(&out));
    buf_release(&out);
}

static enum check_outcome outcome(const struct check_told *told) {
    const struct check_view view = check_told_view(told);
    return check_outcome(&view);
}

static void tells_an_address_as_a_check_of_ones_own(void **state) {
    const struct ip_range one = range("192.0.2.1");
    struct check_told *told = check_told_new(&one, 1);
    bool open = true;
    size_t n;
    assert_true(ip_equal(&check_told_addresses(told, &n)[0], &one.first));
    assert_int_equal(n, 1);
    assert_int_equal(add(told, 0, answer_1, &open), STATUS_OK);
    assert_false(open);
    expect(told, false,
           "192.0.2.1: listed on 1 of 2 block lists, unknown on 1\n"
           "  LIST   VERDICT            CODES       SINCE                 LATENCY   DELISTING PAGE           "
           "REASON\n"
           "  bl     LISTED             spam,other  2025-01-01T00:00:00Z  250.0 ms  https://example.net/out  "
           "why ?[31m\n"
           "  score  score 17                                             1.0 ms\n"
           "  zen    unknown (refused)\n");
    expect(told, false, "zen (refused): ");
    expect(told, false, "Note on zen: Register first.\n");
    expect(told, true,
           "{\"list\":\"bl\",\"zone\":\"bl.example.net\",\"kind\":\"blocklist\",\"verdict\":\"listed\","
           "\"reason\":null,\"codes\":[\"spam\",\"other\"],\"score\":null,\"since\":\"2025-01-01T00:00:00Z\","
           "\"txt\":\"why \\u001b[31m\",\"latency_seconds\":0.25,\"delisting_page\":\"https://example.net/"
           "out\"}");
    expect(told, true, "\"summary\":{\"addresses\":1,\"listed\":1,");
    expect(told, true, "{\"list\":\"zen\",\"kind\":\"blocklist\",\"state\":\"refused\",\"addresses\":1,");
    assert_int_equal(outcome(told), CHECK_SOME_LISTED);
    assert_int_equal(check_told_listings(told), 1);
    check_told_free(told);
}

static void tells_a_range_and_each_address_once(void **state) {
    const struct ip_range ranges[] = {range("192.0.2.2"), range("192.0.2.0/30")};
    struct check_told *told = check_told_new(ranges, 2);
    bool open = false;
    size_t n;
    (void)check_told_addresses(told, &n);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(add(told, i, i == 2 ? answer_1 : answer_2, &open), STATUS_OK);
        assert_int_equal(open, i != 2);
    }
    expect(told, false, "192.0.2.2: listed on 0 of 2 block lists, unknown on 2\n");
    expect(told, false,
           "192.0.2.0/30: 4 addresses, 1 listed, 0 not listed, 3 unknown\n"
           "  LIST   STATE    CHECKED  LISTED  UNKNOWN\n"
           "  bl     ok       4        1       0\n"
           "  score  ok       1        1       3\n"
           "  zen    refused  0        0       4\n");
    check_told_free(told);
}

static void a_later_answer_takes_the_place_of_an_earlier_one(void **state) {
    const struct ip_range one = range("192.0.2.1");
    struct check_told *told = check_told_new(&one, 1);
    bool open = false;
    assert_int_equal(add(told, 0, answer_2, &open), STATUS_OK);
    assert_true(open);
    assert_int_equal(outcome(told), CHECK_UNKNOWN);
    assert_int_equal(add(told, 0, answer_1, &open), STATUS_OK);
    assert_false(open);
    expect(told, false, "score  score 17");
    check_told_free(told);
}

static void a_list_that_is_not_asked_about_a_family_is_named(void **state) {
    const struct ip_range ranges[] = {range("2001:db8::1"), range("192.0.2.2")};
    struct check_told *told = check_told_new(ranges, 2);
    bool open = true;
    assert_int_equal(add(told, 0, answer_6, &open), STATUS_OK);
    assert_false(open);
    assert_true(check_told_knows(told, IP_V6));
    assert_false(check_told_knows(told, IP_V4));
    assert_int_equal(add(told, 1, answer_2, &open), STATUS_OK);
    assert_true(check_told_knows(told, IP_V4));
    expect(told, false, "2001:db8::1: listed on 0 of 2 block lists\n");
    expect(told, false, "\nNot asked about IPv6 addresses: score\n");
    check_told_free(told);
}

static void what_was_not_told_is_unknown_when_interrupted(void **state) {
    const struct ip_range ranges[] = {range("192.0.2.1"), range("192.0.2.9")};
    struct check_told *told = check_told_new(ranges, 2);
    bool open = false;
    assert_int_equal(add(told, 0, answer_1, &open), STATUS_OK);
    check_told_interrupt(told);
    expect(told, false, "192.0.2.9: listed on 0 of 2 block lists, unknown on 3\n");
    expect(told, false, "bl     unknown (interrupted)\n");
    expect(told, false, "  bl     LISTED");
    check_told_free(told);
}

static void what_is_no_answer_changes_nothing(void **state) {
    static const char *const answers[] = {
        "",
        "[]",
        "{}",
        "{\"lists\":{}}",
        "{\"lists\":[1]}",
        "{\"lists\":[{}]}",
        "{\"lists\":[" ROW("bl", "blacklist", "ok", "not_listed", "null", CLEAN) "]}",
        "{\"lists\":[" ROW("bl", "blocklist", "ok", "perhaps", "null", CLEAN) "]}",
        "{\"lists\":[" ROW("bl", "blocklist", "ok", "unknown", "null", CLEAN) "]}",
        "{\"lists\":[" ROW("bl", "blocklist", "ok", "listed", "null", "\"codes\":1") "]}",
    };
    const struct ip_range one = range("192.0.2.1");
    struct check_told *told = check_told_new(&one, 1);
    bool open = false;
    assert_int_equal(add(told, 0, answer_1, &open), STATUS_OK);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (add(told, 0, answers[i], &open) != STATUS_SYNTAX)
            fail_msg("taken: %s", answers[i]);
        expect(told, false, "  bl     LISTED");
    }
    check_told_free(told);
}

/* More codes than a list can have are "other". */
static void takes_any_number_of_codes_and_lists(void **state) {
    const struct ip_range one = range("192.0.2.1");
    struct check_told *told = check_told_new(&one, 1);
    static char text[1 << 17];
    bool open = false;
    size_t len =
        (size_t)snprintf(text, sizeof text,
                         "{\"lists\":[{\"list\":\"bl\",\"kind\":\"blocklist\",\"verdict\":\"listed\","
                         "\"codes\":[");
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s\"c%d\"", i > 0 ? "," : "", i);
    snprintf(text + len, sizeof text - len, "]}]}");
    assert_int_equal(add(told, 0, text, &open), STATUS_OK);
    expect(told, false, "c61,c62,other");
    len = (size_t)snprintf(text, sizeof text, "{\"lists\":[");
    for (int i = 0; i <= LIST_MAX; i++)
        len += (size_t)snprintf(
            text + len, sizeof text - len,
            "%s{\"list\":\"l%d\",\"kind\":\"blocklist\",\"verdict\":\"not_listed\",\"codes\":"
            "[]}",
            i > 0 ? "," : "", i);
    snprintf(text + len, sizeof text - len, "]}");
    assert_int_equal(add(told, 0, text, &open), STATUS_SYNTAX);
    check_told_free(told);
}

static void without_memory_nothing_is_taken(void **state) {
    const struct ip_range one = range("192.0.2.1");
    fails_at = 1;
    assert_null(check_told_new(&one, 1));
    enum status status = STATUS_NO_MEMORY;
    for (unsigned long n = 1; status != STATUS_OK; n++) {
        struct check_told *told = check_told_new(&one, 1);
        bool open = false;
        assert_non_null(told);
        fails_at = n;
        status = add(told, 0, answer_1, &open);
        assert_true(status == STATUS_OK ? n > 1 : status == STATUS_NO_MEMORY);
        check_told_free(told);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_an_address_as_a_check_of_ones_own),
        cmocka_unit_test(tells_a_range_and_each_address_once),
        cmocka_unit_test(a_later_answer_takes_the_place_of_an_earlier_one),
        cmocka_unit_test(a_list_that_is_not_asked_about_a_family_is_named),
        cmocka_unit_test(what_was_not_told_is_unknown_when_interrupted),
        cmocka_unit_test(what_is_no_answer_changes_nothing),
        cmocka_unit_test(takes_any_number_of_codes_and_lists),
        cmocka_unit_test(without_memory_nothing_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
