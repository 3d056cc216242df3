/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
#include "fixture.h"

#include "core/pack.h"
#include "core/senders.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define OUTLOOK "*.outbound.protection.outlook.com"
#define OTHER "mail*.example"
#define OFFSET (INT64_C(1767225600) * SECOND)

/* Which allocation from now on fails; 0: none. How many are in use. */
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

/* ---- patterns ---- */

static void a_pattern_matches_host_names(void **state) {
    static const struct {
        const char *pattern, *name;
        bool matches;
    } rows[] = {
        {OUTLOOK, "mail-mw2nam10on2080.outbound.protection.outlook.com", true},
        {OUTLOOK, "mail-mw2nam10on2080.outbound.protection.outlook.com.", true},
        {OUTLOOK ".", "Mail-X.OUTBOUND.protection.Outlook.Com", true},
        {OUTLOOK, ".outbound.protection.outlook.com", true},
        {OUTLOOK, "outbound.protection.outlook.com", false},
        {OUTLOOK, "a.outbound.protection.outlook.com.evil.example", false},
        {OUTLOOK, "a.inbound.protection.outlook.com", false},
        {OUTLOOK, "", false},
        {"*", "", true},
        {"*", "anything", true},
        {"", "", true},
        {".", "", true},
        {"", "a", false},
        {"a", "a", true},
        {"a", "A.", true},
        {"a", "aa", false},
        {"aa", "a", false},
        {"**", "a", true},
        {"a*b*c", "abc", true},
        {"a*b*c", "axxbxxc", true},
        {"a*b*c", "axxbxx", false},
        {"a*b*c", "abcbc", true},
        {"a*b*c", "abcbd", false},
        {"*ab", "aab", true},
        {"*aab", "aaaaab", true},
        {"*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"a?", "ab", false},
        {"a.b", "axb", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (senders_match(rows[i].pattern, rows[i].name, strlen(rows[i].name)) != rows[i].matches)
            fail_msg("\"%s\" and \"%s\" should%s match", rows[i].pattern, rows[i].name,
                     rows[i].matches ? "" : " not");
}

/* ---- worlds ---- */

struct world {
    struct fixture f;
    struct senders *senders;
};

static struct group *add_group(struct world *w, const char *name, const char *pattern, const char *range) {
    struct group *group = fixture_group(&w->f, name);
    group->only_ptr = pattern;
    fixture_range(&w->f, group, range);
    return group;
}

static void world_init(struct world *w) {
    *w = (struct world){.senders = NULL};
    fixture_init(&w->f);
    fixture_list(&w->f, "bl", "bl.test");
    fixture_list(&w->f, "other", "other.test");
}

static void world_start(struct world *w) {
    assert_int_equal(senders_new(fixture_targets(&w->f), &w->senders), STATUS_OK);
}

/* One group with a range of `range`, and all asked about. */
static void world_of(struct world *w, const char *range) {
    world_init(w);
    add_group(w, "g", OUTLOOK, range);
    world_start(w);
}

static void world_release(struct world *w) {
    senders_free(w->senders);
    fixture_release(&w->f);
}

/* The world: every third address is a sender, every seventh has no answer. */
enum truth { NAMES, NO_NAME, OTHER_NAME, FAILS };

static enum truth third_or_seventh(uint64_t number) {
    if (number % 7 == 0)
        return FAILS;
    if (number % 3 == 0)
        return NAMES;
    return number % 2 == 0 ? NO_NAME : OTHER_NAME;
}

static enum truth only_thirds(uint64_t number) {
    return number % 3 == 0 ? NAMES : NO_NAME;
}

static bool answered_with(struct senders *s, const struct senders_question *q, const char *const *names,
                          size_t n, int64_t now) {
    struct reply_texts texts;
    reply_texts_init(&texts);
    for (size_t i = 0; i < n; i++)
        reply_texts_add(&texts, names[i], strlen(names[i]));
    bool changed = senders_answered(s, q, SENDERS_NAMES, &texts, now);
    reply_texts_release(&texts);
    return changed;
}

static bool answer(struct senders *s, const struct senders_question *q, enum truth truth, int64_t now) {
    static const char *const names[] = {"a.example", "x.OUTBOUND.protection.outlook.com."};
    if (truth == NAMES || truth == OTHER_NAME)
        return answered_with(s, q, names, truth == NAMES ? 2 : 1, now);
    return senders_answered(s, q, truth == FAILS ? SENDERS_FAILED : SENDERS_NO_NAME, NULL, now);
}

/* Asks all that may be asked at `now`; counts by address in `times`; returns how many. */
static uint64_t ask_all(struct senders *s, enum truth (*truth)(uint64_t), uint8_t *times, uint64_t base,
                        int64_t now) {
    struct senders_question q;
    int64_t wake = 0;
    uint64_t n = 0;
    for (;;) {
        if (senders_next(s, now, &q, &wake)) {
            if (times != NULL)
                times[q.ip.lo - base]++;
            (void)answer(s, &q, truth(q.ip.lo - base), now);
            n++;
        } else if (wake > now) {
            return n;
        }
    }
}

static struct senders_count count_of(const struct world *w, uint32_t range) {
    struct senders_count count = {0, 0};
    assert_true(senders_count(w->senders, range, &count));
    return count;
}

/* ---- walks ---- */

static void a_walk_asks_about_each_address_once_and_again_after_a_week(void **state) {
    struct world w;
    uint8_t times[1024] = {0};
    (void)state;
    world_of(&w, "198.18.0.0/22");
    assert_true(senders_are_wanted(w.senders));
    assert_int_equal(ask_all(w.senders, only_thirds, times, 0xc6120000, HOUR), 1024);
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 1);
    struct senders_count count = count_of(&w, 0);
    assert_int_equal(count.known, 1024);
    assert_int_equal(count.senders, 342);
    assert_int_equal(ask_all(w.senders, only_thirds, times, 0xc6120000, HOUR + 7 * DAY - 1), 0);
    assert_int_equal(ask_all(w.senders, only_thirds, times, 0xc6120000, HOUR + 7 * DAY), 1024);
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 2);
    assert_int_equal(ask_all(w.senders, only_thirds, times, 0xc6120000, HOUR + 14 * DAY), 1024);
    const struct senders_pass *pass = senders_pass(w.senders, SENDERS_AGAIN);
    assert_false(pass->running);
    assert_int_equal(pass->wanted, 1024);
    assert_int_equal(pass->asked, 1024);
    assert_int_equal(pass->senders, 342);
    assert_int_equal(pass->failed, 0);
    assert_int_equal(pass->next_ns, HOUR + 21 * DAY);
    world_release(&w);
}

static void what_is_known_early_is_a_fair_sample_of_every_segment(void **state) {
    struct world w;
    (void)state;
    world_init(&w);
    struct group *group = add_group(&w, "g", OUTLOOK, "198.18.0.0/20");
    fixture_range(&w.f, group, "203.0.113.0/24");
    world_start(&w);
    for (int i = 0; i < 1000; i++) {
        struct senders_question q;
        int64_t wake = 0;
        assert_true(senders_next(w.senders, 0, &q, &wake));
        (void)answer(w.senders, &q, only_thirds(q.ip.lo), 0);
    }
    assert_in_range(count_of(&w, 0).known, 938, 944);
    assert_in_range(count_of(&w, 1).known, 56, 62);
    assert_in_range(count_of(&w, 0).senders, 270, 360);
    world_release(&w);
}

static void what_had_no_answer_is_asked_later_and_later(void **state) {
    static const int64_t pauses[] = {15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR,
                                     8 * HOUR,    16 * HOUR,   DAY,  DAY,      DAY};
    struct world w;
    uint8_t times[256] = {0};
    int64_t now = HOUR;
    (void)state;
    world_of(&w, "198.18.0.0/24");
    assert_int_equal(ask_all(w.senders, third_or_seventh, times, 0xc6120000, now), 256);
    assert_int_equal(count_of(&w, 0).known, 256 - 37);
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses && i < 8; i++) {
        now += pauses[i];
        assert_int_equal(ask_all(w.senders, third_or_seventh, times, 0xc6120000, now - 1), 0);
        assert_int_equal(ask_all(w.senders, third_or_seventh, times, 0xc6120000, now), 37);
    }
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(times[i], i % 7 == 0 ? 9 : 1);
    now += DAY;
    assert_int_equal(ask_all(w.senders, only_thirds, times, 0xc6120000, now), 37);
    assert_int_equal(count_of(&w, 0).known, 256);
    assert_int_equal(count_of(&w, 0).senders, 86);
    world_release(&w);
}

static enum truth nobody(uint64_t number) {
    (void)number;
    return FAILS;
}

static void a_failure_leaves_what_is_known(void **state) {
    struct world w;
    (void)state;
    world_of(&w, "198.18.0.0/24");
    (void)ask_all(w.senders, only_thirds, NULL, 0xc6120000, 0);
    assert_int_equal(ask_all(w.senders, nobody, NULL, 0xc6120000, 7 * DAY), 256);
    assert_int_equal(count_of(&w, 0).known, 256);
    assert_int_equal(count_of(&w, 0).senders, 86);
    assert_int_equal(senders_pass(w.senders, SENDERS_AGAIN)->failed, 256);
    world_release(&w);
}

static void a_walk_ends_with_its_last_answer(void **state) {
    struct world w;
    struct senders_question q[4];
    int64_t wake = 0;
    (void)state;
    world_of(&w, "198.18.0.0/30");
    for (int i = 0; i < 4; i++)
        assert_true(senders_next(w.senders, HOUR, &q[i], &wake));
    assert_false(senders_next(w.senders, HOUR, &q[0], &wake));
    assert_true(wake == INT64_MAX);
    for (int i = 0; i < 4; i++) {
        assert_true(senders_pass(w.senders, SENDERS_NEW)->running);
        assert_true(answer(w.senders, &q[i], NAMES, 2 * HOUR));
    }
    assert_false(senders_pass(w.senders, SENDERS_NEW)->running);
    assert_false(senders_next(w.senders, 2 * HOUR, &q[0], &wake));
    assert_int_equal(wake, 2 * HOUR + 7 * DAY);
    /* One that is late, or of a walk that is over, is learnt and counted nowhere. */
    assert_true(answer(w.senders, &q[1], OTHER_NAME, 3 * HOUR));
    assert_false(answer(w.senders, &q[1], NO_NAME, 3 * HOUR));
    assert_int_equal(count_of(&w, 0).senders, 3);
    q[1].ip = fixture_ip("198.18.0.4");
    assert_false(answer(w.senders, &q[1], NAMES, 3 * HOUR));
    q[1].ip = fixture_ip("::1");
    assert_false(answer(w.senders, &q[1], NAMES, 3 * HOUR));
    world_release(&w);
}

static void a_call_takes_a_rest_from_passing_over_what_is_known(void **state) {
    struct world w;
    struct senders_question q;
    int64_t wake = 0;
    (void)state;
    world_of(&w, "198.18.0.0/15");
    (void)ask_all(w.senders, only_thirds, NULL, 0xc6120000, 0);
    struct world next;
    world_init(&next);
    add_group(&next, "g", OUTLOOK, "198.18.0.0/15");
    add_group(&next, "h", OTHER, "198.18.77.0/32");
    world_start(&next);
    senders_carry(next.senders, w.senders, HOUR);
    unsigned calls = 0;
    while (!senders_next(next.senders, HOUR, &q, &wake)) {
        assert_int_equal(wake, HOUR);
        calls++;
    }
    assert_int_equal(q.ip.lo, 0xc6124d00);
    assert_true(calls <= 2 * 131072 / SENDERS_STEPS);
    world_release(&next);
    world_release(&w);
}

/* ---- groups ---- */

static void groups_and_patterns_that_overlap_are_told_apart(void **state) {
    struct world w;
    (void)state;
    world_init(&w);
    add_group(&w, "outlook", OUTLOOK, "198.18.0.0/24");
    add_group(&w, "example", OTHER, "198.18.0.128/25");
    struct group *all = add_group(&w, "all", NULL, "198.18.0.192/26");
    add_group(&w, "beside", NULL, "203.0.113.0/24");
    ((bool *)all->lists)[1] = false;
    world_start(&w);
    struct senders_count count;
    assert_false(senders_count(w.senders, 2, &count));
    assert_false(senders_count(w.senders, 3, &count));
    struct senders_question q;
    int64_t wake = 0;
    while (senders_next(w.senders, 0, &q, &wake)) {
        static const char *const names[] = {"mail1.example", "b.outbound.protection.outlook.com"};
        unsigned n = q.ip.lo & 0xff;
        (void)answered_with(w.senders, &q, names + (n % 4 == 1), n % 4 == 2 ? 2 : n % 4 < 2, 0);
    }
    /* of four: example only, outlook only, both, none */
    assert_int_equal(count_of(&w, 0).senders, 128);
    assert_int_equal(count_of(&w, 1).senders, 64);
    static const struct {
        uint32_t segment, offset;
        bool first[2]; /* by list */
    } rows[] = {
        {0, 0, {false, false}}, {0, 1, {true, true}},  {0, 2, {true, true}}, {0, 3, {false, false}},
        {1, 0, {true, true}},   {1, 1, {true, true}},  {1, 2, {true, true}}, {1, 3, {false, false}},
        {2, 0, {true, true}},   {2, 3, {true, false}}, {3, 3, {true, true}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint32_t list = 0; list < 2; list++)
            if (senders_goes_first(w.senders, list, rows[i].segment, rows[i].offset) != rows[i].first[list])
                fail_msg("segment %u offset %u on list %u", rows[i].segment, rows[i].offset, list);
    assert_false(senders_all_first(w.senders, 0, 0));
    assert_true(senders_all_first(w.senders, 0, 2));
    assert_false(senders_all_first(w.senders, 1, 2));
    assert_true(senders_all_first(w.senders, 1, 3));
    world_release(&w);
}

static void without_a_pattern_nothing_is_asked(void **state) {
    struct world w;
    struct senders_question q;
    int64_t wake = 0;
    (void)state;
    world_init(&w);
    add_group(&w, "g", NULL, "198.18.0.0/24");
    fixture_address(&w.f, add_group(&w, "h", NULL, "2001:db8::/120"), "192.0.2.1");
    world_start(&w);
    assert_false(senders_are_wanted(w.senders));
    assert_false(senders_next(w.senders, 0, &q, &wake));
    assert_true(wake == INT64_MAX);
    assert_true(senders_all_first(w.senders, 0, 0));
    world_release(&w);
}

static void addresses_of_ipv6_are_asked_about_too(void **state) {
    struct world w;
    uint8_t times[256] = {0};
    (void)state;
    world_of(&w, "2001:db8::ff00/120");
    assert_int_equal(ask_all(w.senders, only_thirds, times, 0xff00, 0), 256);
    assert_int_equal(count_of(&w, 0).senders, 86);
    world_release(&w);
}

/* ---- reloads ---- */

static void a_reload_takes_over_by_address_and_asks_what_is_new(void **state) {
    struct world w;
    struct world next;
    uint8_t times[1024] = {0};
    (void)state;
    world_of(&w, "198.18.0.0/23");
    (void)ask_all(w.senders, third_or_seventh, NULL, 0xc6120000, HOUR);
    world_init(&next);
    add_group(&next, "g", OUTLOOK, "198.18.1.0-198.18.2.63");
    fixture_safe_range(&next.f, fixture_safelist(&next.f, "safe"), "198.18.1.32/27");
    world_start(&next);
    senders_carry(next.senders, w.senders, HOUR);
    /* of 198.18.1.0/24 those with a known name, of 198.18.2.0/26 nothing */
    assert_int_equal(count_of(&next, 0).known, 256 - 37);
    (void)ask_all(next.senders, only_thirds, times, 0xc6120000, HOUR + MINUTE);
    for (unsigned i = 0; i < 1024; i++) {
        bool unknown = i >= 512 && i < 576;
        bool failed = i >= 256 && i < 512 && i % 7 == 0;
        assert_int_equal(times[i], unknown || failed);
    }
    assert_int_equal(count_of(&next, 0).known, 256 + 64);
    /* The week goes on from where it was: of the other addresses nothing was asked. */
    assert_int_equal(senders_pass(next.senders, SENDERS_AGAIN)->next_ns, HOUR + 7 * DAY);
    world_release(&next);
    world_release(&w);
}

static void a_reload_that_brings_nothing_new_does_not_ask_again_what_failed(void **state) {
    struct world w;
    struct world next;
    (void)state;
    world_of(&w, "198.18.0.0/24");
    (void)ask_all(w.senders, third_or_seventh, NULL, 0xc6120000, HOUR);
    world_of(&next, "198.18.0.0/24");
    senders_carry(next.senders, w.senders, HOUR);
    assert_int_equal(ask_all(next.senders, only_thirds, NULL, 0xc6120000, HOUR + 15 * MINUTE - 1), 0);
    assert_int_equal(ask_all(next.senders, only_thirds, NULL, 0xc6120000, HOUR + 15 * MINUTE), 37);
    world_release(&next);
    world_release(&w);
}

/* The walk was under way, and what it had still to ask is gone. */
static void where_nothing_is_left_to_ask_nothing_is_woken_for(void **state) {
    struct world w;
    struct world next;
    struct senders_question q;
    int64_t wake = 0;
    (void)state;
    world_of(&w, "198.18.0.0/31");
    assert_true(senders_next(w.senders, HOUR, &q, &wake));
    (void)answer(w.senders, &q, NAMES, HOUR);
    const char *known = q.ip.lo % 2 == 0 ? "198.18.0.0/32" : "198.18.0.1/32";
    world_of(&next, known);
    senders_carry(next.senders, w.senders, HOUR);
    assert_int_equal(ask_all(next.senders, only_thirds, NULL, 0xc6120000, HOUR), 0);
    assert_false(senders_next(next.senders, 2 * HOUR, &q, &wake));
    assert_true(wake >= HOUR + 7 * DAY);
    assert_false(senders_pass(next.senders, SENDERS_NEW)->running);
    world_release(&next);
    /* The same of a start. */
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    senders_encode(w.senders, &bytes, OFFSET);
    world_of(&next, known);
    assert_int_equal(senders_decode(next.senders, bytes.data, bytes.len, HOUR, OFFSET), STATUS_OK);
    assert_false(senders_next(next.senders, HOUR, &q, &wake));
    assert_int_equal(wake, HOUR + 7 * DAY);
    buf_release(&bytes);
    world_release(&next);
    world_release(&w);
}

/* Or reloads that come often would have it ask about the same addresses for ever. */
static void the_first_walk_goes_on_after_a_reload(void **state) {
    struct world w;
    struct world next;
    uint8_t times[512] = {0};
    struct senders_question q;
    int64_t wake = 0;
    (void)state;
    world_of(&w, "198.18.0.0/24");
    for (int i = 0; i < 100; i++) {
        assert_true(senders_next(w.senders, HOUR, &q, &wake));
        times[q.ip.lo - 0xc6120000]++;
        (void)answer(w.senders, &q, FAILS, HOUR);
    }
    world_init(&next);
    add_group(&next, "g", OUTLOOK, "198.18.0.0/24");
    add_group(&next, "h", OUTLOOK, "198.18.1.0/24");
    world_start(&next);
    senders_carry(next.senders, w.senders, HOUR);
    assert_int_equal(ask_all(next.senders, only_thirds, times, 0xc6120000, HOUR + MINUTE), 412);
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 1);
    assert_int_equal(count_of(&next, 0).known, 156);
    assert_int_equal(ask_all(next.senders, only_thirds, times, 0xc6120000, HOUR + 16 * MINUTE), 100);
    world_release(&next);
    world_release(&w);
}

/* Of another pattern nothing is known: it asks from the beginning. */
static void a_reload_with_another_pattern_begins_anew(void **state) {
    struct world w;
    struct world next;
    struct senders_question q;
    int64_t wake = 0;
    (void)state;
    world_of(&w, "198.18.0.0/24");
    for (int i = 0; i < 100; i++) {
        assert_true(senders_next(w.senders, HOUR, &q, &wake));
        (void)answer(w.senders, &q, NAMES, HOUR);
    }
    world_init(&next);
    add_group(&next, "g", OUTLOOK, "198.18.0.0/24");
    add_group(&next, "h", OTHER, "198.18.0.0/24");
    world_start(&next);
    senders_carry(next.senders, w.senders, HOUR);
    assert_int_equal(ask_all(next.senders, only_thirds, NULL, 0xc6120000, HOUR), 256);
    assert_int_equal(count_of(&next, 1).known, 256);
    world_release(&next);
    world_release(&w);
}

static void the_second_walk_goes_on_after_a_reload(void **state) {
    struct world w;
    struct world next;
    uint8_t times[512] = {0};
    int64_t wake = 0;
    (void)state;
    world_of(&w, "198.18.0.0/24");
    (void)ask_all(w.senders, only_thirds, NULL, 0xc6120000, 0);
    struct senders_question q;
    for (int i = 0; i < 100; i++) {
        assert_true(senders_next(w.senders, 7 * DAY, &q, &wake));
        assert_int_equal(q.walk, SENDERS_AGAIN);
        times[q.ip.lo - 0xc6120000]++;
        if (i < 99)
            (void)answer(w.senders, &q, NO_NAME, 7 * DAY);
    }
    world_init(&next);
    add_group(&next, "g", OUTLOOK, "198.18.0.0/24");
    add_group(&next, "h", OUTLOOK, "198.18.1.0/24");
    world_start(&next);
    senders_carry(next.senders, w.senders, 7 * DAY);
    (void)answer(next.senders, &q, NAMES, 7 * DAY); /* of the one before */
    assert_int_equal(ask_all(next.senders, only_thirds, times, 0xc6120000, 7 * DAY), 412);
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 1);
    assert_int_equal(senders_pass(next.senders, SENDERS_AGAIN)->next_ns, 14 * DAY);
    world_release(&next);
    world_release(&w);
}

static void the_first_walk_goes_on_with_its_numbers_after_a_reload(void **state) {
    struct world w;
    struct world next;
    int64_t wake = 0;
    (void)state;
    world_of(&w, "198.18.0.0/24");
    struct senders_question q;
    for (int i = 0; i < 100; i++) {
        assert_true(senders_next(w.senders, HOUR, &q, &wake));
        if (i < 99)
            (void)answer(w.senders, &q, i % 9 == 0 ? FAILS : NAMES, HOUR);
    }
    world_of(&next, "198.18.0.0/24");
    senders_carry(next.senders, w.senders, HOUR);
    const struct senders_pass *pass = senders_pass(next.senders, SENDERS_NEW);
    assert_true(pass->running);
    (void)answer(next.senders, &q, NAMES, HOUR); /* counted nowhere */
    assert_int_equal(ask_all(next.senders, only_thirds, NULL, 0xc6120000, 2 * HOUR), 256 - 100);
    assert_false(pass->running);
    assert_int_equal(pass->started_ns, HOUR);
    assert_int_equal(pass->wanted, 256);
    assert_int_equal(pass->asked, 256);
    assert_int_equal(pass->failed, 11);
    world_release(&next);
    world_release(&w);
}

/* ---- the store ---- */

static void what_is_kept_comes_back(void **state) {
    struct world w;
    struct world next;
    uint8_t times[512] = {0};
    struct buf bytes;
    struct buf same;
    (void)state;
    world_init(&w);
    add_group(&w, "g", OUTLOOK, "198.18.0.0/24");
    add_group(&w, "h", OTHER, "198.18.0.64/26");
    world_start(&w);
    (void)ask_all(w.senders, third_or_seventh, times, 0xc6120000, HOUR);
    buf_init(&bytes, 1 << 20);
    buf_init(&same, 1 << 20);
    senders_encode(w.senders, &bytes, OFFSET);
    assert_int_equal(buf_status(&bytes), STATUS_OK);
    world_init(&next);
    add_group(&next, "g", OUTLOOK, "198.18.0.0/24");
    add_group(&next, "h", OTHER, "198.18.0.64/26");
    world_start(&next);
    /* The program was started again, and its clock with it. */
    int64_t now = SECOND;
    int64_t offset = OFFSET + HOUR + MINUTE - SECOND;
    assert_int_equal(senders_decode(next.senders, bytes.data, bytes.len, now, offset), STATUS_OK);
    for (uint32_t range = 0; range < 2; range++) {
        assert_int_equal(count_of(&next, range).known, count_of(&w, range).known);
        assert_int_equal(count_of(&next, range).senders, count_of(&w, range).senders);
    }
    senders_encode(next.senders, &same, offset);
    assert_int_equal(bytes.len, same.len);
    assert_memory_equal(bytes.data, same.data, bytes.len);
    assert_int_equal(ask_all(next.senders, only_thirds, times, 0xc6120000, now + 14 * MINUTE - 1), 0);
    assert_int_equal(ask_all(next.senders, only_thirds, times, 0xc6120000, now + 14 * MINUTE), 37);
    assert_int_equal(ask_all(next.senders, only_thirds, times, 0xc6120000, now - MINUTE + 7 * DAY), 256);
    buf_release(&bytes);
    buf_release(&same);
    world_release(&next);
    world_release(&w);
}

static void a_start_in_the_middle_of_a_walk_asks_what_is_left(void **state) {
    struct world w;
    struct world next;
    uint8_t times[256] = {0};
    int64_t wake = 0;
    struct buf bytes;
    (void)state;
    world_of(&w, "198.18.0.0/24");
    for (int i = 0; i < 100; i++) {
        struct senders_question q;
        assert_true(senders_next(w.senders, 0, &q, &wake));
        times[q.ip.lo - 0xc6120000]++;
        (void)answer(w.senders, &q, NAMES, 0);
    }
    buf_init(&bytes, 1 << 20);
    senders_encode(w.senders, &bytes, OFFSET);
    world_of(&next, "198.18.0.0/24");
    assert_int_equal(senders_decode(next.senders, bytes.data, bytes.len, 0, OFFSET), STATUS_OK);
    assert_int_equal(ask_all(next.senders, only_thirds, times, 0xc6120000, 0), 156);
    for (size_t i = 0; i < sizeof times; i++)
        assert_int_equal(times[i], 1);
    buf_release(&bytes);
    world_release(&next);
    world_release(&w);
}

/* Makes the sum over bytes that somebody has changed right again. */
static void seal(uint8_t *data, size_t len) {
    uint64_t sum = pack_hash(data, len - 8);
    for (size_t i = 0; i < 8; i++)
        data[len - 8 + i] = (uint8_t)(sum >> 8 * i);
}

static void encode_small(struct world *w, struct buf *bytes) {
    world_of(w, "198.18.0.0/28");
    (void)ask_all(w->senders, third_or_seventh, NULL, 0xc6120000, HOUR);
    buf_init(bytes, 1 << 20);
    senders_encode(w->senders, bytes, OFFSET);
}

static void damaged_bytes_are_refused_whole(void **state) {
    struct world w;
    struct buf bytes;
    (void)state;
    encode_small(&w, &bytes);
    struct senders *fresh = NULL;
    assert_int_equal(senders_new(w.f.targets, &fresh), STATUS_OK);
    struct senders_count count;
    uint8_t *copy = malloc(bytes.len + 1);
    assert_non_null(copy);
    for (size_t len = 0; len < bytes.len; len++) {
        memcpy(copy, bytes.data, len);
        assert_int_equal(senders_decode(fresh, copy, len, HOUR, OFFSET), STATUS_SYNTAX);
        if (len >= 8)
            seal(copy, len);
        assert_int_equal(senders_decode(fresh, copy, len, HOUR, OFFSET), STATUS_SYNTAX);
    }
    for (size_t at = 0; at < bytes.len; at++) {
        memcpy(copy, bytes.data, bytes.len);
        copy[at] ^= 0x40;
        assert_int_equal(senders_decode(fresh, copy, bytes.len, HOUR, OFFSET), STATUS_SYNTAX);
    }
    assert_true(senders_count(fresh, 0, &count));
    assert_int_equal(count.known, 0);
    free(copy);
    senders_free(fresh);
    buf_release(&bytes);
    world_release(&w);
}

/* What is sealed may say anything; the counts are right whatever is believed of it. */
static void whatever_sealed_bytes_say_the_counts_are_those_of_the_bits(void **state) {
    struct world w;
    struct buf bytes;
    (void)state;
    encode_small(&w, &bytes);
    uint8_t *copy = malloc(bytes.len);
    assert_non_null(copy);
    for (size_t at = 0; at < bytes.len - 8; at++) {
        for (unsigned value = 0; value < 256; value += 5) {
            struct senders *s = NULL;
            struct senders_count count;
            assert_int_equal(senders_new(w.f.targets, &s), STATUS_OK);
            memcpy(copy, bytes.data, bytes.len);
            copy[at] = (uint8_t)value;
            seal(copy, bytes.len);
            enum status status = senders_decode(s, copy, bytes.len, HOUR, OFFSET);
            assert_true(senders_count(s, 0, &count));
            assert_true(count.senders <= count.known && count.known <= 16);
            if (status != STATUS_OK)
                assert_int_equal(count.known, 0);
            struct senders_question q;
            int64_t wake = 0;
            for (int i = 0; i < 40 && senders_next(s, HOUR + 8 * DAY, &q, &wake); i++)
                (void)answer(s, &q, NAMES, HOUR + 8 * DAY);
            senders_free(s);
        }
    }
    free(copy);
    buf_release(&bytes);
    world_release(&w);
}

/* A clock that was far ahead when it was written must not silence the walks for years. */
static void a_clock_that_went_back_puts_nothing_off_by_more_than_its_pause(void **state) {
    struct world w;
    struct world next;
    struct buf bytes;
    (void)state;
    encode_small(&w, &bytes);
    world_of(&next, "198.18.0.0/28");
    assert_int_equal(senders_decode(next.senders, bytes.data, bytes.len, HOUR, OFFSET - 9000 * DAY),
                     STATUS_OK);
    assert_int_equal(senders_pass(next.senders, SENDERS_NEW)->next_ns, HOUR + DAY);
    assert_int_equal(senders_pass(next.senders, SENDERS_AGAIN)->next_ns, HOUR + 7 * DAY);
    buf_release(&bytes);
    world_release(&next);
    world_release(&w);
}

/* ---- size ---- */

static void it_takes_two_bits_for_each_address(void **state) {
    struct world w;
    struct buf bytes;
    (void)state;
    world_init(&w);
    struct group *group = add_group(&w, "g", OUTLOOK, "40.92.0.0/16");
    fixture_range(&w.f, group, "40.107.0.0/16");
    fixture_range(&w.f, group, "52.100.0.0/15");
    world_start(&w);
    buf_init(&bytes, 1 << 20);
    senders_encode(w.senders, &bytes, OFFSET);
    assert_in_range(bytes.len, 65536, 65536 + 200);
    buf_release(&bytes);
    world_release(&w);
}

static void changes_are_counted_for_who_stores_them(void **state) {
    struct world w;
    struct senders_question q;
    int64_t wake = 0;
    (void)state;
    world_of(&w, "198.18.0.0/30");
    uint64_t before = senders_changes(w.senders);
    assert_true(senders_next(w.senders, 0, &q, &wake));
    assert_true(senders_changes(w.senders) > before); /* a walk has begun */
    before = senders_changes(w.senders);
    (void)answer(w.senders, &q, FAILS, 0);
    assert_int_equal(senders_changes(w.senders), before);
    assert_true(senders_next(w.senders, 0, &q, &wake));
    (void)answer(w.senders, &q, NO_NAME, 0);
    assert_int_equal(senders_changes(w.senders), before + 1);
    (void)ask_all(w.senders, only_thirds, NULL, 0xc6120000, 0);
    (void)ask_all(w.senders, only_thirds, NULL, 0xc6120000, HOUR);
    assert_true(senders_next(w.senders, 7 * DAY, &q, &wake));
    before = senders_changes(w.senders);
    (void)answer(w.senders, &q, only_thirds(q.ip.lo - 0xc6120000), 7 * DAY);
    assert_int_equal(senders_changes(w.senders), before); /* it is as it was */
    world_release(&w);
}

static void without_memory_there_is_none(void **state) {
    struct world w;
    (void)state;
    world_init(&w);
    add_group(&w, "g", OUTLOOK, "198.18.0.0/24");
    add_group(&w, "h", OTHER, "198.18.0.64/26");
    (void)fixture_targets(&w.f);
    enum status status = STATUS_NO_MEMORY;
    unsigned long n = 1;
    for (; status != STATUS_OK; n++) {
        assert_in_range(n, 1, 40);
        fails_at = n;
        status = senders_new(w.f.targets, &w.senders);
        bool failed = fails_at == 0;
        fails_at = 0;
        assert_int_equal(status, failed ? STATUS_NO_MEMORY : STATUS_OK);
    }
    assert_in_range(n, 8, 40);
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_matches_host_names),
        cmocka_unit_test(a_walk_asks_about_each_address_once_and_again_after_a_week),
        cmocka_unit_test(what_is_known_early_is_a_fair_sample_of_every_segment),
        cmocka_unit_test(what_had_no_answer_is_asked_later_and_later),
        cmocka_unit_test(a_failure_leaves_what_is_known),
        cmocka_unit_test(a_walk_ends_with_its_last_answer),
        cmocka_unit_test(a_call_takes_a_rest_from_passing_over_what_is_known),
        cmocka_unit_test(groups_and_patterns_that_overlap_are_told_apart),
        cmocka_unit_test(without_a_pattern_nothing_is_asked),
        cmocka_unit_test(addresses_of_ipv6_are_asked_about_too),
        cmocka_unit_test(a_reload_takes_over_by_address_and_asks_what_is_new),
        cmocka_unit_test(a_reload_that_brings_nothing_new_does_not_ask_again_what_failed),
        cmocka_unit_test(where_nothing_is_left_to_ask_nothing_is_woken_for),
        cmocka_unit_test(the_first_walk_goes_on_after_a_reload),
        cmocka_unit_test(a_reload_with_another_pattern_begins_anew),
        cmocka_unit_test(the_second_walk_goes_on_after_a_reload),
        cmocka_unit_test(the_first_walk_goes_on_with_its_numbers_after_a_reload),
        cmocka_unit_test(what_is_kept_comes_back),
        cmocka_unit_test(a_start_in_the_middle_of_a_walk_asks_what_is_left),
        cmocka_unit_test(damaged_bytes_are_refused_whole),
        cmocka_unit_test(whatever_sealed_bytes_say_the_counts_are_those_of_the_bits),
        cmocka_unit_test(a_clock_that_went_back_puts_nothing_off_by_more_than_its_pause),
        cmocka_unit_test(it_takes_two_bits_for_each_address),
        cmocka_unit_test(changes_are_counted_for_who_stores_them),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
