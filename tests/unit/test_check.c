/* SPDX-License-Identifier: Apache-2.0
 *
 * When a check is over, and how it is told. That its verdicts are true is played in tests/e2e/test_check.py.
 */
/* LINK: -Wl,--wrap=malloc -Wl,--wrap=calloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/check.h"

#include "world.h"

#include <stdio.h>
#include <stdlib.h>

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

enum { RANGES = 3 };

struct scene {
    struct world w;
    struct check check;
    struct ip_range ranges[RANGES];
    bool unpaid[WORLD_LISTS];
};

static const struct verdict not_listed = {.kind = VERDICT_NOT_LISTED, .reason = REASON_NONE, .score = -1};
static const struct verdict timed_out = {.kind = VERDICT_UNKNOWN, .reason = REASON_TIMEOUT, .score = -1};

static struct ip_range range(const char *text) {
    struct ip_range out;
    assert_int_equal(ip_range_parse(text, strlen(text), &out), IP_RANGE_OK);
    return out;
}

/* All lists are ok and have been tested; nothing has been asked. */
static void begin(struct scene *s, size_t n, const char *const *ranges) {
    const struct settings settings = world_settings();
    *s = (struct scene){0};
    world_begin(&s->w, &settings);
    for (size_t i = 0; i < n; i++)
        s->ranges[i] = range(ranges[i]);
    const struct check_request request = {s->ranges, n, s->unpaid};
    assert_int_equal(check_init(&s->check, &request, s->w.checker, s->w.now_ns), STATUS_OK);
    (void)check_estimate(&s->check, s->w.now_ns);
}

static void end(struct scene *s) {
    check_release(&s->check);
    world_end(&s->w);
}

static uint32_t index_of(const struct scene *s, uint32_t list, const char *ip) {
    struct ip address = world_ip(ip);
    return target_index(s->w.targets->sets[list], &address);
}

static void looked(struct scene *s, uint32_t list, const char *ip, const struct verdict *verdict,
                   int64_t took_ns) {
    if (verdict->kind == VERDICT_NOT_LISTED)
        world_not_listed(&s->w, list, ip, LOOK_WATCHED);
    check_looked(&s->check, list, index_of(s, list, ip), verdict, took_ns);
}

static void published(struct scene *s, uint32_t list, const char *ip, uint64_t codes) {
    world_listed(&s->w, list, ip, LOOK_WATCHED, codes);
    const struct registry_event event = {.list = list, .index = index_of(s, list, ip)};
    check_changed(&s->check, &event);
}

static struct buf render(const struct scene *s, bool json) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    const struct check_view view = check_view(&s->check);
    (json ? check_json : check_text)(&out, &view, WORLD_OFFSET);
    assert_int_equal(buf_status(&out), STATUS_OK);
    return out;
}

static enum check_outcome outcome_of(const struct scene *s) {
    const struct check_view view = check_view(&s->check);
    return check_outcome(&view);
}

static void expect(const struct scene *s, bool json, const char *text) {
    struct buf out = render(s, json);
    if (strcmp(buf_text(&out), text) != 0)
        fail_msg("expected\n%s\nfound\n%s", text, buf_text(&out));
    buf_release(&out);
}

static void expect_part(const struct scene *s, bool json, const char *text) {
    struct buf out = render(s, json);
    if (strstr(buf_text(&out), text) == NULL)
        fail_msg("no\n%s\nin\n%s", text, buf_text(&out));
    buf_release(&out);
}

/* One address, with something different on each list. */
static void tell_all(struct scene *s) {
    static const char *const one[] = {"192.0.2.1"};
    begin(s, 1, one);
    looked(s, BLOCK, one[0], &(const struct verdict){.kind = VERDICT_LISTED, .score = -1}, 1500000);
    published(s, BLOCK, one[0], 3);
    struct registry_entry *entry =
        registry_entry_find(s->w.checker->registry, BLOCK, index_of(s, BLOCK, one[0]));
    entry->txt = strdup("a \"b\" \x1b[31m\xc2\x9b \xc3\xbc");
    world_score(&s->w, one[0], LOOK_WATCHED, 85);
    check_looked(&s->check, SCORE, index_of(s, SCORE, one[0]),
                 &(const struct verdict){.kind = VERDICT_LISTED, .score = 85}, 250000);
    looked(s, ALLOW, one[0], &not_listed, 12345678);
    looked(s, KEYED, one[0], &timed_out, -1);
}

static void an_address_is_a_table(void **state) {
    struct scene s;
    tell_all(&s);
    expect(&s, false,
           "192.0.2.1: listed on 1 of 2 block lists, unknown on 1\n"
           "  LIST   VERDICT            CODES              SINCE                 LATENCY  DELISTING PAGE     "
           "     "
           "              REASON\n"
           "  block  LISTED             spam-source,a\"b\\c  2025-01-01T00:00:00Z  1.5 ms   "
           "https://example.net/remove?a=1&b=\"2\"  a \"b\" ?[31m? \xc3\xbc\n"
           "  score  score 85                                                    0.2 ms\n"
           "  allow  not on it                                                   12.3 ms\n"
           "  keyed  unknown (timeout)\n");
    end(&s);
}

/* What could steer a terminal, or make a text read as another one, is a question mark; the rest stays. */
static void no_text_steers_the_terminal(void **state) {
    static const struct {
        const char *text;
        const char *shown;
    } rows[] = {
        {"\x1b[2J\a\x7f", "?[2J??"},
        {"\xc2\x80 \xc2\x9f \xc2\xa0", "? ? \xc2\xa0"},
        {"\xd8\x9b \xd8\x9c", "\xd8\x9b ?"},
        {"\xe2\x80\x8e \xe2\x80\x8f \xe2\x80\x90", "? ? \xe2\x80\x90"},
        {"\xe2\x80\xaa \xe2\x80\xab \xe2\x80\xac \xe2\x80\xad \xe2\x80\xae \xe2\x80\xb0",
         "? ? ? ? ? \xe2\x80\xb0"},
        {"\xe2\x81\xa6 \xe2\x81\xa7 \xe2\x81\xa8 \xe2\x81\xa9 \xe2\x81\xb0", "? ? ? ? \xe2\x81\xb0"},
        {"\xe2\x80\x8b\xe2\x80\xa8\xef\xbb\xbf\xf3\xa0\x80\xa1", "????"},
        {"\xff \xe2\x80 \xed\xa0\x80 \xf0\x9f\x98\x80", "? ?? ??? \xf0\x9f\x98\x80"},
    };
    static const char *const one[] = {"192.0.2.1"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene s;
        char shown[64];
        begin(&s, 1, one);
        published(&s, BLOCK, one[0], 3);
        struct registry_entry *entry =
            registry_entry_find(s.w.checker->registry, BLOCK, index_of(&s, BLOCK, one[0]));
        entry->txt = strdup(rows[i].text);
        (void)snprintf(shown, sizeof shown, "  %s\n", rows[i].shown);
        expect_part(&s, false, shown);
        end(&s);
    }
}

static void an_address_is_json(void **state) {
    struct scene s;
    tell_all(&s);
    expect_part(
        &s, true,
        "{\"checks\":[\n{\"address\":\"192.0.2.1\",\"lists\":[\n"
        "{\"list\":\"block\",\"zone\":\"bl.example.net\",\"kind\":\"blocklist\",\"verdict\":\"listed\","
        "\"reason\":null,\"codes\":[\"spam-source\",\"a\\\"b\\\\c\"],\"score\":null,"
        "\"since\":\"2025-01-01T00:00:00Z\",\"txt\":\"a \\\"b\\\" \\u001b[31m\\u009b \xc3\xbc\","
        "\"latency_seconds\":0.0015,\"delisting_page\":\"https://example.net/remove?a=1&b=\\\"2\\\"\"},\n"
        "{\"list\":\"score\",\"zone\":\"score.example.net\",\"kind\":\"reputation\","
        "\"verdict\":\"listed\",\"reason\":null,\"codes\":[],\"score\":85,\"since\":null,\"txt\":null,"
        "\"latency_seconds\":0.00025,\"delisting_page\":null},\n");
    expect_part(&s, true,
                "{\"list\":\"keyed\",\"zone\":\"{key}.bl.example.org\",\"kind\":\"blocklist\","
                "\"verdict\":\"unknown\",\"reason\":\"timeout\",\"codes\":[],\"score\":null,\"since\":null,"
                "\"txt\":null,\"latency_seconds\":null,");
    expect_part(&s, true,
                "\"summary\":{\"addresses\":1,\"listed\":1,\"not_listed\":0,\"unknown\":0,\"lists\":[\n"
                "{\"list\":\"block\",\"kind\":\"blocklist\",\"state\":\"ok\",\"addresses\":1,\"listed\":1,"
                "\"not_listed\":0,\"unknown\":0},\n");
    expect_part(&s, true, "\"ranges\":[]}}\n");
    assert_int_equal(outcome_of(&s), CHECK_SOME_LISTED);
    end(&s);
}

static void a_range_is_counts_and_what_is_listed(void **state) {
    static const char *const one[] = {"198.51.100.8/29"};
    struct scene s;
    begin(&s, 1, one);
    for (uint32_t list = BLOCK; list <= SCORE; list++) {
        for (uint32_t i = 8; i < 15; i++) {
            char ip[32];
            (void)snprintf(ip, sizeof ip, "198.51.100.%u", i);
            if (list == BLOCK && i == 9)
                published(&s, list, ip, 1);
            else
                looked(&s, list, ip, &not_listed, 1000);
        }
    }
    check_interrupt(&s.check);
    expect_part(&s, false,
                "198.51.100.8/29: 8 addresses, 1 listed, 6 not listed, 1 unknown\n"
                "  LIST   STATE  CHECKED  LISTED  UNKNOWN\n"
                "  block  ok     7        1       1\n"
                "  score  ok     7        0       1\n"
                "  allow  ok     0        0       1\n" /* 198.51.100.9 alone is checked there */
                "  keyed  ok     0        0       1\n"
                "\n"
                "  ADDRESS       LIST   VERDICT  CODES        SINCE                 LATENCY  DELISTING PAGE"
                "                        REASON\n"
                "  198.51.100.9  block  LISTED   spam-source  2025-01-01T00:00:00Z           https://");
    expect_part(&s, true, "{\"checks\":[\n{\"address\":\"198.51.100.9\",\"lists\":[");
    expect_part(&s, true,
                "\"ranges\":[\n{\"range\":\"198.51.100.8/29\",\"addresses\":8,\"listed\":1,\"not_listed\":6,"
                "\"unknown\":1,\"lists\":[\n{\"list\":\"block\",\"kind\":\"blocklist\",\"state\":\"ok\","
                "\"addresses\":8,\"listed\":1,\"not_listed\":6,\"unknown\":1},\n");
    end(&s);
}

static void lists_that_know_no_ipv6_are_named(void **state) {
    static const char *const one[] = {"2001:db8::1"};
    struct scene s;
    begin(&s, 1, one);
    looked(&s, BLOCK, one[0], &not_listed, 1000);
    expect_part(&s, false, "2001:db8::1: listed on 0 of 1 block lists\n");
    expect_part(&s, false, "\nNot asked about IPv6 addresses: score, allow, keyed\n");
    assert_int_equal(outcome_of(&s), CHECK_NONE_LISTED);
    end(&s);
}

static void a_list_that_cannot_be_paid_is_unknown_for_the_budget(void **state) {
    static const char *const one[] = {"192.0.2.1"};
    struct scene s;
    begin(&s, 1, one);
    s.unpaid[OFF] = true; /* wanted, and disabled in the settings */
    for (uint32_t list = 0; list < WORLD_LISTS; list++)
        if (list != OFF)
            looked(&s, list, one[0], &not_listed, 1000);
    expect_part(&s, false, "  off    unknown (budget)\n");
    assert_int_equal(outcome_of(&s), CHECK_UNKNOWN);
    end(&s);
}

static void a_state_of_a_list_is_told_with_advice(void **state) {
    static const char *const one[] = {"192.0.2.1"};
    struct scene s;
    begin(&s, 1, one);
    world_blind(&s.w, ALLOW, HEALTH_SILENT);
    world_blind(&s.w, KEYED, HEALTH_SILENT);
    expect_part(&s, false, "\nallow, keyed (silent): The list does not contain its own test entry");
    end(&s);
}

/* ---- when it is over ---- */

static void no_result_is_closed_twice(void **state) {
    static const char *const one[] = {"192.0.2.1"};
    struct scene s;
    begin(&s, 1, one);
    uint64_t before = s.check.n_closed;
    looked(&s, BLOCK, one[0], &timed_out, -1);
    looked(&s, BLOCK, one[0], &not_listed, 1000);
    looked(&s, BLOCK, one[0], &timed_out, -1);
    assert_int_equal(s.check.n_closed, before + 1);
    expect_part(&s, false, "block  unknown (timeout)");
    end(&s);
}

static void a_flip_that_waits_keeps_a_result_open(void **state) {
    static const char *const one[] = {"192.0.2.1"};
    struct scene s;
    begin(&s, 1, one);
    uint32_t index = index_of(&s, BLOCK, one[0]);
    const struct verdict listed = {.kind = VERDICT_LISTED, .reason = REASON_NONE, .codes = 1, .score = -1};
    enum look_follow follow;
    assert_int_equal(registry_look(s.w.checker->registry, BLOCK, index, LOOK_WATCHED, 0, 0, &listed,
                                   s.w.now_ns, &follow, world_ignore_change, NULL),
                     STATUS_OK);
    check_looked(&s.check, BLOCK, index, &listed, 1000);
    assert_int_equal(s.check.n_closed, 0);
    registry_drop_pending(s.w.checker->registry, BLOCK, index);
    check_looked(&s.check, BLOCK, index, &timed_out, -1);
    assert_int_equal(s.check.n_closed, 1);
    end(&s);
}

static bool is_closed(const struct scene *s, uint32_t list, const char *ip) {
    return s->check.lists[list].pairs[index_of(s, list, ip)].closed;
}

static void a_list_that_fails_its_self_test_is_closed_at_once(void **state) {
    static const char *const one[] = {"192.0.2.1"};
    struct scene s;
    begin(&s, 1, one);
    for (uint32_t list = 0; list < WORLD_LISTS; list++)
        s.w.checker->lists[list].wake_ns = s.w.now_ns;
    struct health *lying = &s.w.checker->lists[KEYED].tracks[0].health[IP_V4];
    struct health *slow = &s.w.checker->lists[ALLOW].tracks[0].health[IP_V4];
    world_blind(&s.w, KEYED, HEALTH_WILDCARD);
    lying->state = HEALTH_WILDCARD;
    world_blind(&s.w, ALLOW, HEALTH_TIMEOUT);
    slow->state = HEALTH_TIMEOUT;
    slow->tested = true;
    slow->running = true;
    assert_false(check_turn(&s.check, s.w.now_ns));
    assert_true(is_closed(&s, KEYED, one[0]));
    assert_false(is_closed(&s, ALLOW, one[0])); /* it may come back */
    slow->running = false;
    slow->ended_ns = s.w.now_ns + SECOND;
    assert_false(check_turn(&s.check, s.w.now_ns + SECOND));
    assert_true(is_closed(&s, ALLOW, one[0]));
    assert_false(is_closed(&s, BLOCK, one[0]));
    expect_part(&s, false, "keyed  unknown (wildcard)\n");
    expect_part(&s, false, "allow  unknown (timeout)\n");
    end(&s);
}

static void what_cannot_be_sent_before_the_deadline_is_closed_at_once(void **state) {
    static const char *const one[] = {"192.0.2.1"};
    struct scene s;
    begin(&s, 1, one);
    struct quota *quota = checker_quota(s.w.checker, BLOCK);
    for (uint32_t list = 0; list < WORLD_LISTS; list++)
        s.w.checker->lists[list].wake_ns = INT64_MAX;
    (void)check_turn(&s.check, s.w.now_ns);
    assert_false(is_closed(&s, BLOCK, one[0])); /* there is room: it only waits to be written down */
    while (quota_room(quota, BUDGET_WATCHED, s.w.now_ns) > 0)
        quota_take(quota, BUDGET_WATCHED, s.w.now_ns);
    while (quota_room(quota, BUDGET_SWEEP, s.w.now_ns) > 0)
        quota_take(quota, BUDGET_SWEEP, s.w.now_ns);
    (void)check_turn(&s.check, s.w.now_ns);
    assert_true(is_closed(&s, BLOCK, one[0]));
    expect_part(&s, false, "block  unknown (budget)\n");
    end(&s);
}

static void it_ends_at_its_deadline(void **state) {
    static const char *const one[] = {"192.0.2.1"};
    struct scene s;
    begin(&s, 1, one);
    assert_int_equal(s.check.deadline_ns, s.w.now_ns + CHECK_LEAST_S * SECOND);
    assert_false(check_turn(&s.check, s.check.deadline_ns - 1));
    assert_true(check_turn(&s.check, s.check.deadline_ns));
    assert_int_equal(s.check.n_closed, s.check.n_pairs);
    expect_part(&s, false, "allow  unknown (timeout)\n");
    assert_int_equal(outcome_of(&s), CHECK_UNKNOWN);
    end(&s);
}

static void interrupted_it_tells_what_is_known(void **state) {
    static const char *const one[] = {"192.0.2.1"};
    struct scene s;
    begin(&s, 1, one);
    looked(&s, BLOCK, one[0], &not_listed, 1000);
    check_interrupt(&s.check);
    expect_part(&s, false, "block  not listed");
    expect_part(&s, false, "allow  unknown (interrupted)\n");
    end(&s);
}

/* ---- before it begins ---- */

static void what_it_costs_is_known_before(void **state) {
    static const char *const one[] = {"198.51.100.0/28"};
    struct scene s;
    begin(&s, 1, one);
    struct check_cost cost = check_estimate(&s.check, s.w.now_ns);
    assert_false(cost.over_budget);
    /* The most addresses are those of `block`, which has both families. */
    assert_int_equal(cost.addresses, s.w.targets->sets[BLOCK]->n);
    assert_int_equal(cost.slowest, BLOCK);
    assert_true(cost.seconds > (double)cost.addresses / 5 - 0.01 &&
                cost.seconds < (double)cost.addresses / 5 + 0.01);
    struct quota *quota = checker_quota(s.w.checker, SCORE);
    while (quota_room(quota, BUDGET_SWEEP, s.w.now_ns) > 3)
        quota_take(quota, BUDGET_SWEEP, s.w.now_ns);
    cost = check_estimate(&s.check, s.w.now_ns);
    assert_true(cost.over_budget);
    assert_int_equal(cost.dearest, SCORE);
    assert_int_equal(cost.wanted, s.w.targets->sets[SCORE]->n);
    assert_int_equal(cost.room, 3);
    end(&s);
}

static void what_is_given_twice_is_once_and_the_order_stays(void **state) {
    struct ip_range ranges[] = {range("192.0.2.9"),   range("192.0.2.0/24"), range("192.0.2.9/32"),
                                range("2001:db8::1"), range("192.0.2.1"),    range("192.0.2.0-192.0.2.255"),
                                range("192.0.2.0/25")};
    static const char *const left[] = {"192.0.2.9", "192.0.2.0/24", "2001:db8::1", "192.0.2.1",
                                       "192.0.2.0/25"};
    assert_int_equal(check_unique(ranges, 7), 5);
    for (size_t i = 0; i < 5; i++) {
        struct ip_range wanted = range(left[i]);
        assert_true(ip_equal(&ranges[i].first, &wanted.first) && ip_equal(&ranges[i].last, &wanted.last));
    }
    assert_int_equal(check_unique(ranges, 0), 0);
    fails_at = 1;
    assert_true(check_unique(ranges, 5) == SIZE_MAX);
}

static void without_memory_it_does_not_begin(void **state) {
    static const char *const one[] = {"192.0.2.1"};
    struct scene s;
    begin(&s, 1, one);
    const struct check_request request = s.check.request;
    for (unsigned long n = 1; n <= 5; n++) {
        struct check other;
        fails_at = n;
        assert_int_equal(check_init(&other, &request, s.w.checker, s.w.now_ns), STATUS_NO_MEMORY);
        check_release(&other);
    }
    fails_at = 0;
    end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_a_table),
        cmocka_unit_test(no_text_steers_the_terminal),
        cmocka_unit_test(an_address_is_json),
        cmocka_unit_test(a_range_is_counts_and_what_is_listed),
        cmocka_unit_test(lists_that_know_no_ipv6_are_named),
        cmocka_unit_test(a_list_that_cannot_be_paid_is_unknown_for_the_budget),
        cmocka_unit_test(a_state_of_a_list_is_told_with_advice),
        cmocka_unit_test(no_result_is_closed_twice),
        cmocka_unit_test(a_flip_that_waits_keeps_a_result_open),
        cmocka_unit_test(a_list_that_fails_its_self_test_is_closed_at_once),
        cmocka_unit_test(what_cannot_be_sent_before_the_deadline_is_closed_at_once),
        cmocka_unit_test(it_ends_at_its_deadline),
        cmocka_unit_test(interrupted_it_tells_what_is_known),
        cmocka_unit_test(what_it_costs_is_known_before),
        cmocka_unit_test(what_is_given_twice_is_once_and_the_order_stays),
        cmocka_unit_test(without_memory_it_does_not_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
