/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/health.h"

#include <string.h>

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define INTERVAL (1800 * SECOND)

/* Every kind of answer that a question can end with. */
enum kind {
    LISTED,
    NOT_LISTED,
    TIMED_OUT,
    UNREACHABLE,
    SERVFAIL,
    REFUSED,
    BLOCKED,
    OUTSIDE,
    MALFORMED,
    UNKNOWN_CODE,
    NO_SOA,
    KINDS,
};

static const struct {
    const char *name;
    struct verdict verdict;
} kinds[KINDS] = {
    [LISTED] = {"listed", {.kind = VERDICT_LISTED, .reason = REASON_NONE, .codes = 1, .score = -1}},
    [NOT_LISTED] = {"not listed", {.kind = VERDICT_NOT_LISTED, .reason = REASON_NONE, .score = -1}},
    [TIMED_OUT] = {"timeout", {.kind = VERDICT_UNKNOWN, .reason = REASON_TIMEOUT}},
    [UNREACHABLE] = {"network", {.kind = VERDICT_UNKNOWN, .reason = REASON_NETWORK}},
    [SERVFAIL] = {"servfail", {.kind = VERDICT_UNKNOWN, .reason = REASON_SERVFAIL}},
    [REFUSED] = {"refused", {.kind = VERDICT_UNKNOWN, .reason = REASON_REFUSED}},
    [BLOCKED] = {"refusal code",
                 {.kind = VERDICT_UNKNOWN, .reason = REASON_BLOCKED_ANSWER, .culprit = 0x7ffffffe}},
    [OUTSIDE] = {"outside 127/8",
                 {.kind = VERDICT_UNKNOWN, .reason = REASON_INVALID_ANSWER, .detail = DETAIL_OUTSIDE_127}},
    [MALFORMED] = {"malformed",
                   {.kind = VERDICT_UNKNOWN, .reason = REASON_INVALID_ANSWER, .detail = DETAIL_MALFORMED}},
    [UNKNOWN_CODE] = {"unknown code",
                      {.kind = VERDICT_UNKNOWN,
                       .reason = REASON_INVALID_ANSWER,
                       .detail = DETAIL_UNKNOWN_CODE}},
    [NO_SOA] = {"no SOA",
                {.kind = VERDICT_UNKNOWN, .reason = REASON_INVALID_ANSWER, .detail = DETAIL_NO_SOA}},
};

/* What each answer says by itself, by entry. */
static const enum health_state alone[2][KINDS] = {
    {
        [LISTED] = HEALTH_OK,
        [NOT_LISTED] = HEALTH_SILENT,
        [TIMED_OUT] = HEALTH_TIMEOUT,
        [UNREACHABLE] = HEALTH_TIMEOUT,
        [SERVFAIL] = HEALTH_SERVFAIL,
        [REFUSED] = HEALTH_REFUSED,
        [BLOCKED] = HEALTH_REFUSED,
        [OUTSIDE] = HEALTH_WILDCARD,
        [MALFORMED] = HEALTH_UNKNOWN,
        [UNKNOWN_CODE] = HEALTH_UNKNOWN,
        [NO_SOA] = HEALTH_UNKNOWN,
    },
    {
        [LISTED] = HEALTH_WILDCARD,
        [NOT_LISTED] = HEALTH_OK,
        [TIMED_OUT] = HEALTH_TIMEOUT,
        [UNREACHABLE] = HEALTH_TIMEOUT,
        [SERVFAIL] = HEALTH_SERVFAIL,
        [REFUSED] = HEALTH_REFUSED,
        [BLOCKED] = HEALTH_REFUSED,
        [OUTSIDE] = HEALTH_WILDCARD,
        [MALFORMED] = HEALTH_UNKNOWN,
        [UNKNOWN_CODE] = HEALTH_UNKNOWN,
        [NO_SOA] = HEALTH_UNKNOWN,
    },
};

static const enum health_state precedence[] = {
    HEALTH_REFUSED, HEALTH_WILDCARD, HEALTH_SILENT, HEALTH_SERVFAIL,
    HEALTH_TIMEOUT, HEALTH_UNKNOWN,  HEALTH_OK,
};

static enum health_state first_of(enum health_state a, enum health_state b) {
    size_t i = 0;
    while (precedence[i] != a && precedence[i] != b)
        i++;
    return precedence[i];
}

static enum health_outcome expected_outcome(enum health_state state) {
    if (state == HEALTH_OK)
        return HEALTH_RIGHT;
    return state == HEALTH_REFUSED || state == HEALTH_WILDCARD || state == HEALTH_SILENT ? HEALTH_WRONG
                                                                                         : HEALTH_UNANSWERED;
}

static struct reply *answer_with_soa(const char *owner) {
    static struct reply reply;
    memset(&reply, 0, sizeof reply);
    reply.rcode = 3;
    reply.has_soa = owner != NULL;
    if (owner != NULL) {
        reply.soa_owner.len = (uint8_t)(strlen(owner) + 1);
        memcpy(reply.soa_owner.wire, owner, strlen(owner) + 1);
    }
    return &reply;
}

static enum health_outcome answer(struct health *h, enum health_entry entry, enum kind kind, int64_t now) {
    bool came = kind != TIMED_OUT && kind != UNREACHABLE;
    return health_answer(h, entry, &kinds[kind].verdict, came ? answer_with_soa("\2bl\4test") : NULL,
                         INTERVAL, now);
}

/* A whole test at one moment. */
static enum health_outcome test_at(struct health *h, enum kind positive, enum kind negative, int64_t now) {
    health_begin(h, now);
    if (h->positive)
        assert_int_equal(answer(h, HEALTH_LISTED_ENTRY, positive, now), HEALTH_PENDING);
    return answer(h, HEALTH_NOT_LISTED_ENTRY, negative, now);
}

static struct health proven_at(int64_t now) {
    struct health h;
    health_init(&h, true, now);
    assert_int_equal(test_at(&h, LISTED, NOT_LISTED, now), HEALTH_RIGHT);
    return h;
}

static void is_unknown_and_due_at_once_before_the_first_test(void **state) {
    struct health h;
    health_init(&h, true, 5 * SECOND);
    assert_int_equal(h.state, HEALTH_UNKNOWN);
    assert_false(h.tested);
    assert_true(h.right_ns == INT64_MIN);
    assert_true(health_due(&h, 5 * SECOND));
    assert_false(health_due(&h, 5 * SECOND - 1));
    health_begin(&h, 6 * SECOND);
    assert_false(health_due(&h, 7 * SECOND)); /* one at a time */
    assert_int_equal(h.state, HEALTH_UNKNOWN);
}

static void judge_pair(enum kind positive, enum kind negative, bool negative_first) {
    struct health h;
    health_init(&h, true, 0);
    health_begin(&h, SECOND);
    enum health_entry first = negative_first ? HEALTH_NOT_LISTED_ENTRY : HEALTH_LISTED_ENTRY;
    enum health_entry second = negative_first ? HEALTH_LISTED_ENTRY : HEALTH_NOT_LISTED_ENTRY;
    enum health_outcome pending = answer(&h, first, negative_first ? negative : positive, 2 * SECOND);
    bool untouched = pending == HEALTH_PENDING && h.running && !h.tested && h.state == HEALTH_UNKNOWN;
    enum health_outcome outcome = answer(&h, second, negative_first ? positive : negative, 3 * SECOND);
    enum health_state want = first_of(alone[0][positive], alone[1][negative]);
    bool times = h.ended_ns == 3 * SECOND && h.right_ns == (want == HEALTH_OK ? SECOND : INT64_MIN);
    if (!untouched || h.state != want || outcome != expected_outcome(want) || h.running || !h.tested ||
        !times)
        fail_msg("%s + %s (%s first): state %s, outcome %d", kinds[positive].name, kinds[negative].name,
                 negative_first ? "negative" : "positive", health_state_text[h.state], outcome);
}

static void judges_every_pair_of_answers_in_either_order(void **state) {
    for (int positive = 0; positive < KINDS; positive++)
        for (int negative = 0; negative < KINDS; negative++) {
            judge_pair((enum kind)positive, (enum kind)negative, false);
            judge_pair((enum kind)positive, (enum kind)negative, true);
        }
}

static void judges_the_negative_entry_alone_where_there_is_no_positive_one(void **state) {
    for (int negative = 0; negative < KINDS; negative++) {
        struct health h;
        health_init(&h, false, 0);
        enum health_outcome outcome = test_at(&h, LISTED, (enum kind)negative, SECOND);
        enum health_state want = alone[1][negative];
        if (h.state != want || outcome != expected_outcome(want))
            fail_msg("%s: state %s, outcome %d", kinds[negative].name, health_state_text[h.state], outcome);
    }
}

static void lets_any_score_pass_the_positive_entry(void **state) {
    for (int score = 0; score <= 100; score += 50) {
        struct health h;
        health_init(&h, true, 0);
        health_begin(&h, 0);
        struct verdict verdict = {.kind = VERDICT_LISTED, .reason = REASON_NONE, .score = score};
        health_answer(&h, HEALTH_LISTED_ENTRY, &verdict, answer_with_soa(NULL), INTERVAL, 0);
        if (answer(&h, HEALTH_NOT_LISTED_ENTRY, NOT_LISTED, 0) != HEALTH_RIGHT)
            fail_msg("score %d does not pass", score);
    }
}

static const struct {
    enum kind positive;
    enum kind negative;
    int64_t pauses_s[10];
} back_offs[] = {
    {BLOCKED, BLOCKED, {300, 600, 1200, 2400, 4800, 9600, 19200, 21600, 21600, 21600}},
    {REFUSED, TIMED_OUT, {300, 600, 1200, 2400, 4800, 9600, 19200, 21600, 21600, 21600}},
    {LISTED, LISTED, {300, 600, 1200, 2400, 4800, 9600, 19200, 21600, 21600, 21600}},
    {NOT_LISTED, NOT_LISTED, {300, 600, 1200, 2400, 4800, 9600, 19200, 21600, 21600, 21600}},
    {TIMED_OUT, TIMED_OUT, {2, 4, 4, 4, 4, 4, 4, 4, 4, 4}},
    {LISTED, SERVFAIL, {2, 4, 4, 4, 4, 4, 4, 4, 4, 4}},
    {MALFORMED, NOT_LISTED, {2, 4, 4, 4, 4, 4, 4, 4, 4, 4}},
};

static void backs_off_from_refusals_for_hours_and_from_silence_for_seconds(void **state) {
    for (size_t i = 0; i < sizeof back_offs / sizeof *back_offs; i++) {
        struct health h = proven_at(0);
        int64_t now = INTERVAL;
        for (int n = 0; n < 10; n++) {
            test_at(&h, back_offs[i].positive, back_offs[i].negative, now);
            int64_t pause = back_offs[i].pauses_s[n] * SECOND;
            if (h.back_off_ns != pause || h.due_ns != now + pause || health_due(&h, h.due_ns - 1))
                fail_msg("row %zu, test %d: pause %jd s", i, n, (intmax_t)((h.due_ns - now) / SECOND));
            now = h.due_ns;
        }
        assert_true(h.right_ns == 0);
    }
}

static void starts_the_back_off_anew_after_a_right_test(void **state) {
    struct health h = proven_at(0);
    for (int n = 0; n < 5; n++)
        test_at(&h, BLOCKED, BLOCKED, n * HOUR);
    h.failures = 7;
    assert_int_equal(test_at(&h, LISTED, NOT_LISTED, 6 * HOUR), HEALTH_RIGHT);
    assert_int_equal(h.state, HEALTH_OK);
    assert_int_equal(h.failures, 0);
    assert_true(h.back_off_ns == 0 && h.due_ns == 6 * HOUR + INTERVAL && h.right_ns == 6 * HOUR);
    test_at(&h, BLOCKED, BLOCKED, 7 * HOUR);
    assert_true(h.back_off_ns == HEALTH_REFUSED_FIRST_NS);
    test_at(&h, LISTED, NOT_LISTED, 8 * HOUR);
    test_at(&h, TIMED_OUT, TIMED_OUT, 9 * HOUR);
    assert_true(h.back_off_ns == HEALTH_SILENT_FIRST_NS);
}

/* A lost packet between two refusals is no reason to come back sooner. */
static void goes_on_doubling_when_a_timeout_lies_between_refusals(void **state) {
    struct health h = proven_at(0);
    test_at(&h, BLOCKED, BLOCKED, HOUR);
    test_at(&h, BLOCKED, BLOCKED, 2 * HOUR);
    test_at(&h, TIMED_OUT, TIMED_OUT, 3 * HOUR);
    assert_int_equal(h.state, HEALTH_TIMEOUT);
    assert_true(h.due_ns == 3 * HOUR + 2 * SECOND);
    test_at(&h, BLOCKED, BLOCKED, 4 * HOUR);
    assert_true(h.due_ns == 4 * HOUR + 1200 * SECOND);
}

static void proves_what_was_learnt_before_the_test_began(void **state) {
    struct health h;
    health_init(&h, true, 0);
    health_begin(&h, 10 * SECOND);
    answer(&h, HEALTH_LISTED_ENTRY, LISTED, 11 * SECOND);
    answer(&h, HEALTH_NOT_LISTED_ENTRY, NOT_LISTED, 14 * SECOND);
    assert_true(h.right_ns == 10 * SECOND && h.ended_ns == 14 * SECOND && h.due_ns == 14 * SECOND + INTERVAL);
}

static void opens_the_breaker_after_ten_failures_in_a_row(void **state) {
    static const enum kind failing[] = {TIMED_OUT, UNREACHABLE, SERVFAIL, MALFORMED, NO_SOA};
    for (size_t i = 0; i < sizeof failing / sizeof *failing; i++) {
        const struct verdict *verdict = &kinds[failing[i]].verdict;
        struct health h = proven_at(0);
        for (int n = 1; n < HEALTH_BREAKER; n++)
            if (health_observe(&h, verdict, HOUR) || h.state != HEALTH_OK)
                fail_msg("%s: open after %d", kinds[failing[i]].name, n);
        bool opened = health_observe(&h, verdict, HOUR);
        if (!opened || h.state != alone[0][failing[i]] || h.due_ns != HOUR + HEALTH_SILENT_FIRST_NS)
            fail_msg("%s: not open after %d", kinds[failing[i]].name, HEALTH_BREAKER);
        if (health_observe(&h, verdict, HOUR + 1) || h.due_ns != HOUR + HEALTH_SILENT_FIRST_NS)
            fail_msg("%s: opened again", kinds[failing[i]].name);
        assert_int_equal(test_at(&h, LISTED, NOT_LISTED, h.due_ns), HEALTH_RIGHT);
        assert_int_equal(h.failures, 0);
    }
}

static void counts_failures_from_the_last_answer(void **state) {
    static const enum kind answers[] = {LISTED, NOT_LISTED, UNKNOWN_CODE};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct health h = proven_at(0);
        for (int n = 1; n < 4 * HEALTH_BREAKER; n++) {
            enum kind kind = n % HEALTH_BREAKER == 0 ? answers[i] : TIMED_OUT;
            if (health_observe(&h, &kinds[kind].verdict, n * SECOND) || h.state != HEALTH_OK)
                fail_msg("%s: opened at %d", kinds[answers[i]].name, n);
        }
    }
}

static void closes_the_list_at_the_first_refusal_of_an_ordinary_check(void **state) {
    static const enum kind refusals[] = {REFUSED, BLOCKED};
    for (size_t i = 0; i < 2; i++) {
        const struct verdict *verdict = &kinds[refusals[i]].verdict;
        struct health h = proven_at(0);
        assert_true(health_observe(&h, verdict, HOUR));
        assert_int_equal(h.state, HEALTH_REFUSED);
        assert_true(h.due_ns == HOUR + HEALTH_REFUSED_FIRST_NS && h.right_ns == 0);
        for (int n = 0; n < 100; n++) /* those that were under way */
            assert_false(health_observe(&h, verdict, HOUR + n * SECOND));
        assert_true(h.due_ns == HOUR + HEALTH_REFUSED_FIRST_NS);
        for (int n = 0; n < 100; n++)
            assert_false(health_observe(&h, &kinds[LISTED].verdict, HOUR + n * SECOND));
        assert_int_equal(h.state, HEALTH_REFUSED);
        test_at(&h, BLOCKED, BLOCKED, h.due_ns);
        assert_true(h.back_off_ns == 2 * HEALTH_REFUSED_FIRST_NS);
    }
}

static void does_not_end_a_test_right_when_a_check_was_refused_meanwhile(void **state) {
    struct health h = proven_at(0);
    health_begin(&h, HOUR);
    answer(&h, HEALTH_LISTED_ENTRY, LISTED, HOUR);
    assert_true(health_observe(&h, &kinds[BLOCKED].verdict, HOUR + SECOND));
    assert_int_equal(h.state, HEALTH_REFUSED);
    assert_int_equal(answer(&h, HEALTH_NOT_LISTED_ENTRY, NOT_LISTED, HOUR + 2 * SECOND), HEALTH_WRONG);
    assert_int_equal(h.state, HEALTH_REFUSED);
    assert_true(h.right_ns == 0 && h.due_ns == HOUR + 2 * SECOND + HEALTH_REFUSED_FIRST_NS);
    assert_int_equal(test_at(&h, LISTED, NOT_LISTED, h.due_ns), HEALTH_RIGHT); /* not for ever */
    assert_int_equal(h.state, HEALTH_OK);
}

static void asks_for_a_test_when_an_address_outside_127_comes(void **state) {
    struct health h = proven_at(0);
    assert_false(health_due(&h, HOUR / 4));
    assert_false(health_observe(&h, &kinds[OUTSIDE].verdict, HOUR / 4));
    assert_int_equal(h.state, HEALTH_OK);
    assert_true(health_due(&h, HOUR / 4));
    test_at(&h, OUTSIDE, OUTSIDE, HOUR / 4);
    assert_int_equal(h.state, HEALTH_WILDCARD);
    health_observe(&h, &kinds[OUTSIDE].verdict, HOUR / 4 + SECOND); /* its pause is kept */
    assert_true(h.due_ns == HOUR / 4 + HEALTH_REFUSED_FIRST_NS);
}

static void answer_negative_with(struct health *h, const char *owner, enum kind positive, int64_t now) {
    health_begin(h, now);
    health_answer(h, HEALTH_NOT_LISTED_ENTRY, &kinds[NOT_LISTED].verdict, answer_with_soa(owner), INTERVAL,
                  now);
    answer(h, HEALTH_LISTED_ENTRY, positive, now);
}

static bool owner_is(const struct soa_lesson *lesson, const char *owner) {
    return lesson->owner.len == strlen(owner) + 1 &&
           memcmp(lesson->owner.wire, owner, lesson->owner.len) == 0;
}

static void learns_the_soa_of_the_negative_answer(void **state) {
    struct health h;
    health_init(&h, true, 0);
    assert_false(health_lesson(&h, 0)->learnt);
    answer_negative_with(&h, "\2bl\4test", LISTED, 0);
    assert_true(health_lesson(&h, 0)->learnt && !health_lesson(&h, 0)->without_soa);
    assert_true(owner_is(health_lesson(&h, 0), "\2bl\4test"));
    answer_negative_with(&h, "\3new\4test", LISTED, HOUR);
    assert_true(owner_is(health_lesson(&h, HOUR), "\3new\4test"));
    test_at(&h, TIMED_OUT, TIMED_OUT, 2 * HOUR);
    test_at(&h, BLOCKED, BLOCKED, 3 * HOUR);
    assert_true(owner_is(health_lesson(&h, 100 * HOUR), "\3new\4test"));
}

static void learns_nothing_from_a_test_that_is_not_right(void **state) {
    for (int positive = 0; positive < KINDS; positive++) {
        if (positive == LISTED)
            continue;
        struct health h = proven_at(0);
        answer_negative_with(&h, "\4test", (enum kind)positive, HOUR);
        if (!owner_is(health_lesson(&h, HOUR), "\2bl\4test"))
            fail_msg("positive %s: an SOA was learnt", kinds[positive].name);
        answer_negative_with(&h, NULL, (enum kind)positive, 2 * HOUR);
        assert_false(health_lesson(&h, 2 * HOUR)->without_soa);
        answer_negative_with(&h, "\4test", (enum kind)positive, 3 * HOUR);
        health_begin(&h, 4 * HOUR); /* nor is it learnt later, from a test that teaches nothing */
        answer(&h, HEALTH_LISTED_ENTRY, LISTED, 4 * HOUR);
        health_answer(&h, HEALTH_NOT_LISTED_ENTRY, &kinds[NOT_LISTED].verdict, NULL, INTERVAL, 4 * HOUR);
        assert_true(owner_is(health_lesson(&h, 4 * HOUR), "\2bl\4test"));
    }
}

static void uses_a_new_lesson_only_once_the_positive_entry_was_right(void **state) {
    struct health h = proven_at(0);
    health_begin(&h, HOUR);
    health_answer(&h, HEALTH_NOT_LISTED_ENTRY, &kinds[NOT_LISTED].verdict, answer_with_soa("\4test"),
                  INTERVAL, HOUR);
    assert_true(owner_is(health_lesson(&h, HOUR), "\2bl\4test"));
    answer(&h, HEALTH_LISTED_ENTRY, LISTED, HOUR);
    assert_true(owner_is(health_lesson(&h, HOUR), "\4test"));
}

static void believes_answers_without_soa_for_a_day(void **state) {
    struct health h;
    health_init(&h, true, 0);
    answer_negative_with(&h, NULL, LISTED, 0);
    assert_true(health_lesson(&h, 0)->learnt);
    assert_int_equal(health_lesson(&h, 0)->owner.len, 0);
    assert_true(health_lesson(&h, 24 * HOUR)->without_soa);
    assert_false(health_lesson(&h, 24 * HOUR + 1)->without_soa);
    answer_negative_with(&h, NULL, LISTED, 30 * HOUR);
    assert_true(health_lesson(&h, 54 * HOUR)->without_soa);
    answer_negative_with(&h, NULL, LISTED, 53 * HOUR); /* another day from here */
    assert_true(health_lesson(&h, 70 * HOUR)->without_soa);
}

static void keeps_the_soa_when_a_later_answer_comes_without_one(void **state) {
    struct health h = proven_at(0);
    answer_negative_with(&h, NULL, LISTED, HOUR);
    assert_true(health_lesson(&h, HOUR)->without_soa);
    assert_true(owner_is(health_lesson(&h, HOUR), "\2bl\4test"));
    answer_negative_with(&h, "\2bl\4test", LISTED, 2 * HOUR); /* caches differ: both are seen within a day */
    assert_true(health_lesson(&h, 25 * HOUR)->without_soa);
    assert_false(health_lesson(&h, 25 * HOUR + 1)->without_soa);
    assert_true(owner_is(health_lesson(&h, 26 * HOUR), "\2bl\4test"));
}

static void finds_the_worst_of_several_states(void **state) {
    for (size_t i = 0; i < sizeof precedence / sizeof *precedence; i++)
        for (size_t k = i; k < sizeof precedence / sizeof *precedence; k++) {
            enum health_state worst = health_worst(precedence[i], precedence[k]);
            if (worst != precedence[i] || health_worst(precedence[k], precedence[i]) != worst)
                fail_msg("%s and %s", health_state_text[precedence[i]], health_state_text[precedence[k]]);
        }
    assert_int_equal(health_worst(HEALTH_QUOTA_EXHAUSTED, HEALTH_TIMEOUT), HEALTH_QUOTA_EXHAUSTED);
    assert_int_equal(health_worst(HEALTH_QUOTA_EXHAUSTED, HEALTH_REFUSED), HEALTH_REFUSED);
}

static void names_every_state_and_says_what_to_do(void **state) {
    static const char *const names[] = {"ok",      "refused",  "wildcard",        "silent",
                                        "timeout", "servfail", "quota_exhausted", "unknown"};
    for (int i = 0; i < HEALTH_STATES; i++) {
        assert_string_equal(health_state_text[i], names[i]);
        const char *advice = health_state_advice[i];
        if ((i == HEALTH_OK) != (*advice == '\0') || (i != HEALTH_OK && advice[strlen(advice) - 1] != '.'))
            fail_msg("%s: %s", names[i], advice);
    }
    assert_non_null(strstr(health_state_advice[HEALTH_SILENT], "rebind"));
    assert_non_null(strstr(health_state_advice[HEALTH_SILENT], "private-address"));
    assert_non_null(strstr(health_state_advice[HEALTH_REFUSED], "egress"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_unknown_and_due_at_once_before_the_first_test),
        cmocka_unit_test(judges_every_pair_of_answers_in_either_order),
        cmocka_unit_test(judges_the_negative_entry_alone_where_there_is_no_positive_one),
        cmocka_unit_test(lets_any_score_pass_the_positive_entry),
        cmocka_unit_test(backs_off_from_refusals_for_hours_and_from_silence_for_seconds),
        cmocka_unit_test(starts_the_back_off_anew_after_a_right_test),
        cmocka_unit_test(goes_on_doubling_when_a_timeout_lies_between_refusals),
        cmocka_unit_test(proves_what_was_learnt_before_the_test_began),
        cmocka_unit_test(opens_the_breaker_after_ten_failures_in_a_row),
        cmocka_unit_test(counts_failures_from_the_last_answer),
        cmocka_unit_test(closes_the_list_at_the_first_refusal_of_an_ordinary_check),
        cmocka_unit_test(does_not_end_a_test_right_when_a_check_was_refused_meanwhile),
        cmocka_unit_test(asks_for_a_test_when_an_address_outside_127_comes),
        cmocka_unit_test(learns_the_soa_of_the_negative_answer),
        cmocka_unit_test(learns_nothing_from_a_test_that_is_not_right),
        cmocka_unit_test(uses_a_new_lesson_only_once_the_positive_entry_was_right),
        cmocka_unit_test(believes_answers_without_soa_for_a_day),
        cmocka_unit_test(keeps_the_soa_when_a_later_answer_comes_without_one),
        cmocka_unit_test(finds_the_worst_of_several_states),
        cmocka_unit_test(names_every_state_and_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
