/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=calloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/question.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define TIMEOUT (2 * SECOND)

static struct wire wire; /* 64 KB: not on the stack */
static struct questions *q;
static int64_t now;
static struct question_ask ask;
static struct question_end end;
static uint64_t random_bits;
static int calls_left; /* of calloc() */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return calls_left-- == 0 ? NULL : __real_calloc(n, size);
}

static const struct endpoint servers[] = {
    {.ip = {.lo = 0x7f000001, .family = IP_V4}, .port = 53},
    {.ip = {.lo = 0x7f000002, .family = IP_V4}, .port = 53},
    {.ip = {.lo = 0x7f000003, .family = IP_V4}, .port = 53},
};

static void begin_with(const struct question_limits *limits, size_t n_servers, unsigned attempts) {
    question_free(q);
    now = 100 * SECOND;
    calls_left = -1;
    assert_int_equal(question_new(limits, now, &q), STATUS_OK);
    question_ask_through(q, servers, n_servers, TIMEOUT, attempts);
    now += 100 * SECOND; /* the burst may be used only later */
}

static void begin(size_t n_servers, unsigned attempts) {
    begin_with(&(struct question_limits){.rate = 1000, .burst = 100, .window = 10, .queue = 20}, n_servers,
               attempts);
}

static int tear_down(void **state) {
    question_free(q);
    q = NULL;
    return 0;
}

static struct qname name_of(const char *text) {
    struct qname name;
    if (qname_from_zone(text, strlen(text), &name) != STATUS_OK)
        fail_msg("%s: no name", text);
    return name;
}

static void put(uint64_t id, enum query_type type, const char *text) {
    struct qname name = name_of(text);
    assert_int_equal(question_put(q, id, type, &name, now), STATUS_OK);
}

static bool next(void) {
    random_bits = random_bits * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return question_next(q, random_bits ^ random_bits >> 29, now, &ask);
}

/* The message that was asked, as an answer: `flags`, `n` records, which `words` (see wire.h) holds. */
static void answer_to(const struct question_ask *to, unsigned flags, unsigned n, const char *words) {
    wire.len = 0;
    wire_bytes(&wire, to->message, to->len);
    wire.bytes[2] = (uint8_t)(flags >> 8);
    wire.bytes[3] = (uint8_t)flags;
    wire.bytes[7] = (uint8_t)n;
    wire_add_text(&wire, words);
}

static bool reply(const struct question_ask *to, unsigned flags, unsigned n, const char *words) {
    answer_to(to, flags, n, words);
    return question_reply(q, to->cookie, QUESTION_CAME, wire.bytes, wire.len, now, &end);
}

static bool reply_nothing(const struct question_ask *to, enum question_arrival arrival) {
    return question_reply(q, to->cookie, arrival, NULL, 0, now, &end);
}

static void assert_text(const char *expected) {
    const char *text = "";
    size_t len = 0;
    size_t at = 0;
    assert_int_equal(end.result, QUESTION_ANSWERED);
    assert_true(reply_texts_next(end.texts, &at, &text, &len));
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
    assert_false(reply_texts_next(end.texts, &at, &text, &len));
}

static void asks_and_brings_back_the_answer_under_the_callers_number(void **state) {
    begin(1, 3);
    assert_false(next());
    assert_int_equal(question_wake_ns(q), INT64_MAX);
    put(77, QUERY_TXT, "example.net");
    put(78, QUERY_PTR, "2.0.0.127.in-addr.arpa");
    assert_true(question_wake_ns(q) <= now);
    assert_true(next());
    assert_true(ask.cookie & QUESTION_COOKIE);
    assert_int_equal(ask.server, 0);
    assert_int_equal(ask.channel, QUESTION_UDP_TXT);
    assert_int_equal(ask.timeout_ns, TIMEOUT);
    const struct question_ask first = ask;
    assert_true(next());
    assert_int_equal(ask.channel, QUESTION_UDP);
    assert_true(ask.cookie != first.cookie);
    assert_false(next());
    assert_true(reply(&ask, 0x8180, 1, "@12 PTR:host.test"));
    assert_int_equal(end.id, 78);
    assert_int_equal(end.type, QUERY_PTR);
    assert_text("host.test");
    assert_true(reply(&first, 0x8180, 1, "@12 TXT:4 s:a s:b"));
    assert_int_equal(end.id, 77);
    assert_int_equal(end.type, QUERY_TXT);
    assert_text("ab");
    assert_int_equal(question_room(q), 20);
}

static void ends_at_once_when_something_is_known(void **state) {
    static const struct {
        unsigned flags;
        enum question_result result;
    } rows[] = {{0x8180, QUESTION_NODATA}, {0x8183, QUESTION_NXDOMAIN}, {0x8185, QUESTION_REFUSED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(1, 3);
        put(1, QUERY_TXT, "example.net");
        assert_true(next());
        assert_true(reply(&ask, rows[i].flags, 0, ""));
        assert_int_equal(end.result, rows[i].result);
        assert_null(end.texts);
        assert_true(strlen(question_result_text(end.result)) > 0);
    }
}

static void asks_another_nameserver_after_a_pause_until_its_attempts_are_used_up(void **state) {
    static const struct {
        enum question_arrival arrival;
        unsigned flags;
        enum question_result result;
    } rows[] = {
        {QUESTION_SILENCE, 0, QUESTION_TIMEOUT},      {QUESTION_UNREACHABLE, 0, QUESTION_NETWORK},
        {QUESTION_CAME, 0x8182, QUESTION_SERVFAIL},   {QUESTION_CAME, 0x8185, QUESTION_REFUSED},
        {QUESTION_CAME, 0x8181, QUESTION_BAD_ANSWER}, {QUESTION_CAME, 0x8100, QUESTION_BAD_ANSWER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(2, 3);
        put(5, QUERY_TXT, "example.net");
        for (unsigned attempt = 0; attempt < 3; attempt++) {
            assert_true(next());
            assert_int_equal(ask.server, attempt % 2);
            bool over = rows[i].arrival == QUESTION_CAME ? reply(&ask, rows[i].flags, 0, "")
                                                         : reply_nothing(&ask, rows[i].arrival);
            assert_int_equal(over, attempt == 2);
            if (over)
                break;
            assert_false(next());
            assert_int_equal(question_wake_ns(q), now + QUESTION_PAUSE_NS);
            now += QUESTION_PAUSE_NS;
        }
        assert_int_equal(end.id, 5);
        assert_int_equal(end.result, rows[i].result);
        assert_false(next());
    }
}

static void leaves_a_nameserver_that_failed_alone_for_a_while(void **state) {
    begin(3, 1);
    put(1, QUERY_TXT, "a.test");
    assert_true(next());
    assert_true(reply_nothing(&ask, QUESTION_SILENCE));
    for (int i = 0; i < 2; i++) {
        put(2, QUERY_TXT, "b.test");
        assert_true(next());
        assert_int_equal(ask.server, 1);
        assert_true(reply(&ask, 0x8183, 0, ""));
    }
    now += QUESTION_REST_NS;
    put(3, QUERY_TXT, "c.test");
    assert_true(next());
    assert_int_equal(ask.server, 0);
}

static void asks_over_tcp_what_is_truncated_at_no_cost_of_an_attempt(void **state) {
    begin(2, 1);
    put(1, QUERY_TXT, "example.net");
    assert_true(next());
    const struct question_ask first = ask;
    assert_false(reply(&ask, 0x8380, 1, "@12 TXT:2 s:x"));
    assert_true(next());
    assert_int_equal(ask.channel, QUESTION_TCP);
    assert_int_equal(ask.server, first.server);
    assert_true(reply(&ask, 0x8180, 1, "@12 TXT:4 s:abc"));
    assert_text("abc");
    put(2, QUERY_TXT, "example.net");
    assert_true(next());
    assert_false(reply(&ask, 0x8380, 0, ""));
    assert_true(next());
    assert_true(reply(&ask, 0x8380, 0, "")); /* cut even there */
    assert_int_equal(end.result, QUESTION_BAD_ANSWER);
}

/* The answer to a question whose letters were mixed, with those of `ask` in lower case. */
static void in_lower_case(struct question_ask *to) {
    for (size_t i = 12; i < to->len - 4; i++)
        if (to->message[i] >= 'A' && to->message[i] <= 'Z')
            to->message[i] |= 0x20;
}

static void an_answer_in_another_spelling_has_to_be_had_over_tcp(void **state) {
    begin(1, 1);
    put(1, QUERY_TXT, "a-long-name-with-letters.example.net");
    assert_true(next());
    struct question_ask lower = ask;
    in_lower_case(&lower);
    assert_memory_not_equal(lower.message, ask.message, ask.len);
    assert_false(reply(&lower, 0x8180, 1, "@12 TXT:4 s:bad"));
    assert_true(next());
    assert_int_equal(ask.channel, QUESTION_TCP);
    in_lower_case(&ask);
    assert_true(reply(&ask, 0x8180, 1, "@12 TXT:5 s:good"));
    assert_text("good");
}

static void without_tcp_another_spelling_is_taken_in_the_end(void **state) {
    begin(1, 1);
    put(1, QUERY_TXT, "a-long-name-with-letters.example.net");
    assert_true(next());
    in_lower_case(&ask);
    assert_false(reply(&ask, 0x8180, 1, "@12 TXT:2 s:x"));
    assert_true(next());
    assert_false(reply_nothing(&ask, QUESTION_UNREACHABLE));
    now += QUESTION_PAUSE_NS;
    assert_true(next());
    assert_int_equal(ask.channel, QUESTION_UDP_TXT);
    in_lower_case(&ask);
    assert_true(reply(&ask, 0x8180, 1, "@12 TXT:2 s:x"));
    assert_text("x");
}

static void takes_no_answer_to_another_question(void **state) {
    begin(1, 2);
    put(1, QUERY_TXT, "example.net");
    assert_true(next());
    struct question_ask other = ask;
    other.message[0] ^= 1;
    assert_false(reply(&other, 0x8180, 1, "@12 TXT:2 s:x"));
    now += QUESTION_PAUSE_NS;
    assert_true(next());
    other = ask;
    other.message[13] = 'z';
    assert_true(reply(&other, 0x8180, 1, "@12 TXT:2 s:x"));
    assert_int_equal(end.result, QUESTION_BAD_ANSWER);
}

static void passes_over_cookies_that_are_none_of_a_message_under_way(void **state) {
    begin(1, 1);
    put(1, QUERY_TXT, "example.net");
    assert_true(next());
    struct question_ask wrong = ask;
    wrong.cookie = ask.cookie & ~QUESTION_COOKIE;
    assert_false(reply(&wrong, 0x8183, 0, ""));
    wrong.cookie = ask.cookie + 1;
    assert_false(reply(&wrong, 0x8183, 0, ""));
    wrong.cookie = ask.cookie ^ UINT64_C(1) << 32;
    assert_false(reply(&wrong, 0x8183, 0, ""));
    wrong.cookie = ask.cookie | 0xffff;
    assert_false(reply(&wrong, 0x8183, 0, ""));
    assert_true(reply(&ask, 0x8183, 0, ""));
    assert_false(reply(&ask, 0x8183, 0, ""));
    put(2, QUERY_TXT, "example.net");
    assert_true(next());
    assert_false(reply(&wrong, 0x8183, 0, ""));
}

static void never_exceeds_its_rate(void **state) {
    begin_with(&(struct question_limits){.rate = 10, .burst = 2, .window = 100, .queue = 200}, 1, 1);
    for (int i = 0; i < 200; i++)
        put((uint64_t)i, QUERY_PTR, "example.net");
    unsigned n = 0;
    for (int64_t until = now + 10 * SECOND; now < until; now += SECOND / 100)
        while (next()) {
            n++;
            assert_true(reply(&ask, 0x8183, 0, ""));
        }
    assert_in_range(n, 99, 102);
    assert_in_range(question_wake_ns(q), now - SECOND / 100, now + SECOND / 10);
}

static void never_has_more_open_than_its_window(void **state) {
    begin_with(&(struct question_limits){.rate = 1e6, .burst = 100, .window = 3, .queue = 5}, 1, 1);
    for (int i = 0; i < 5; i++)
        put((uint64_t)i, QUERY_PTR, "example.net");
    struct qname name = name_of("example.net");
    assert_int_equal(question_put(q, 9, QUERY_PTR, &name, now), STATUS_FULL);
    assert_int_equal(question_room(q), 0);
    for (int i = 0; i < 3; i++)
        assert_true(next());
    assert_false(next());
    assert_int_equal(question_wake_ns(q), INT64_MAX);
    assert_true(reply(&ask, 0x8183, 0, ""));
    assert_int_equal(question_room(q), 1);
    assert_true(next());
    assert_false(next());
}

static void texts_go_before_hosts_and_the_first_before_the_last(void **state) {
    static const uint64_t order[] = {3, 4, 1, 2};
    begin_with(&(struct question_limits){.rate = 1e6, .burst = 100, .window = 1, .queue = 5}, 1, 1);
    put(1, QUERY_PTR, "a.test");
    put(2, QUERY_PTR, "b.test");
    put(3, QUERY_TXT, "c.test");
    put(4, QUERY_TXT, "d.test");
    for (size_t i = 0; i < 4; i++) {
        assert_true(next());
        assert_true(reply(&ask, 0x8183, 0, ""));
        assert_int_equal(end.id, order[i]);
    }
}

static void goes_on_with_other_nameservers_after_a_reload(void **state) {
    begin(2, 3);
    put(1, QUERY_TXT, "a.test");
    put(2, QUERY_TXT, "b.test");
    assert_true(next());
    const struct question_ask a = ask;
    assert_true(next());
    const struct question_ask b = ask;
    assert_false(reply(&b, 0x8380, 0, "")); /* would go over TCP */
    question_ask_through(q, servers + 2, 1, SECOND, 1);
    assert_true(next());
    assert_int_equal(ask.server, 0);
    assert_int_equal(ask.channel, QUESTION_UDP_TXT);
    assert_int_equal(ask.timeout_ns, SECOND);
    assert_true(reply(&ask, 0x8183, 0, ""));
    assert_int_equal(end.id, 2);
    assert_true(reply_nothing(&a, QUESTION_UNREACHABLE));
    assert_int_equal(end.id, 1);
    assert_int_equal(end.result, QUESTION_NETWORK);
}

static void keeps_what_it_knows_of_nameservers_that_stay(void **state) {
    begin(2, 3);
    put(1, QUERY_TXT, "a.test");
    assert_true(next());
    assert_false(reply_nothing(&ask, QUESTION_SILENCE));
    const struct endpoint turned[] = {servers[0], servers[2]};
    question_ask_through(q, turned, 2, TIMEOUT, 3);
    now += QUESTION_PAUSE_NS;
    put(2, QUERY_TXT, "b.test");
    for (int i = 0; i < 2; i++) {
        assert_true(next());
        assert_int_equal(ask.server, 1);
    }
}

static void waits_for_nameservers(void **state) {
    const struct question_limits limits = {.rate = 1, .burst = 1, .window = 1, .queue = 1};
    calls_left = -1;
    assert_int_equal(question_new(&limits, now, &q), STATUS_OK);
    put(1, QUERY_TXT, "a.test");
    assert_false(next());
    question_ask_through(q, servers, 1, TIMEOUT, 1);
    assert_true(next());
}

static void mixes_the_letters_anew_for_each_attempt(void **state) {
    begin(1, 2);
    put(1, QUERY_TXT, "a-long-name-with-letters.example.net");
    assert_true(next());
    const struct question_ask first = ask;
    assert_false(reply_nothing(&ask, QUESTION_SILENCE));
    now += QUESTION_PAUSE_NS;
    assert_true(next());
    assert_memory_not_equal(first.message, ask.message, 2);
    assert_memory_not_equal(first.message + 12, ask.message + 12, ask.len - 12);
}

static void needs_memory_only_at_its_birth(void **state) {
    const struct question_limits limits = {.rate = 1, .burst = 1, .window = 1, .queue = 1};
    enum status status = STATUS_NO_MEMORY;
    int n = 0;
    for (; status == STATUS_NO_MEMORY; n++) {
        calls_left = n;
        status = question_new(&limits, now, &q);
        assert_true(status == STATUS_OK || q == NULL);
    }
    assert_int_equal(n, 4);
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(asks_and_brings_back_the_answer_under_the_callers_number),
        TEST(ends_at_once_when_something_is_known),
        TEST(asks_another_nameserver_after_a_pause_until_its_attempts_are_used_up),
        TEST(leaves_a_nameserver_that_failed_alone_for_a_while),
        TEST(asks_over_tcp_what_is_truncated_at_no_cost_of_an_attempt),
        TEST(an_answer_in_another_spelling_has_to_be_had_over_tcp),
        TEST(without_tcp_another_spelling_is_taken_in_the_end),
        TEST(takes_no_answer_to_another_question),
        TEST(passes_over_cookies_that_are_none_of_a_message_under_way),
        TEST(never_exceeds_its_rate),
        TEST(never_has_more_open_than_its_window),
        TEST(texts_go_before_hosts_and_the_first_before_the_last),
        TEST(goes_on_with_other_nameservers_after_a_reload),
        TEST(keeps_what_it_knows_of_nameservers_that_stay),
        TEST(waits_for_nameservers),
        TEST(mixes_the_letters_anew_for_each_attempt),
        TEST(needs_memory_only_at_its_birth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
