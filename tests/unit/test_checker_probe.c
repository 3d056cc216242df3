/* SPDX-License-Identifier: Apache-2.0
 *
 * What the scenarios do not see of probes: answers that come when nobody waits for them any more, memory that
 * is not there, and who pays.
 */
/* LINK: -Wl,--wrap=calloc -Wl,--wrap=malloc */
#include "fixture.h"
#include "wire.h"

#include "core/checker_probe.h"
#include "core/checker_probe_internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_calloc(n, size);
}

void *__wrap_malloc(size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_malloc(size);
}

static void ignore_change(void *context, const struct registry_event *event) {
    (void)context;
    (void)event;
}

static void ignore_state(void *context, uint32_t list, enum health_state from, enum health_state to,
                         const struct verdict *because) {
    (void)context;
    (void)list;
    (void)from;
    (void)to;
    (void)because;
}

static void ignore_txt(void *context, uint32_t list, uint32_t index, const char *txt) {
    (void)context;
    (void)list;
    (void)index;
    (void)txt;
}

struct world {
    struct fixture f;
    struct checker *c;
    uint64_t random;
};

static enum status make(struct world *w, uint32_t generation, int64_t now, struct checker **out) {
    static const struct checker_watch watch = {
        .changed = ignore_change, .state = ignore_state, .txt = ignore_txt};
    const struct endpoint system = {.ip = ip_v4(0x7f000001), .port = 53};
    return checker_new(w->f.targets, &system, 1, registry_epoch(0), generation, &watch, now, out);
}

static void world_init(struct world *w, unsigned confirm) {
    memset(w, 0, sizeof *w);
    fails_at = 0;
    fixture_init(&w->f);
    fixture_list(&w->f, "a", "a.example.net")->confirm = confirm;
    fixture_address(&w->f, fixture_group(&w->f, "g"), "192.0.2.1");
    (void)fixture_targets(&w->f);
    assert_int_equal(make(w, 1, 0, &w->c), STATUS_OK);
}

static void world_with_quota(struct world *w, unsigned confirm) {
    memset(w, 0, sizeof *w);
    fails_at = 0;
    fixture_init(&w->f);
    struct list *list = fixture_list(&w->f, "a", "a.example.net");
    list->confirm = confirm;
    list->budget = (struct list_budget){.share = -1, .queries = 1000, .per_ns = DAY, .burst = 1};
    fixture_address(&w->f, fixture_group(&w->f, "g"), "192.0.2.1");
    (void)fixture_targets(&w->f);
    assert_int_equal(make(w, 1, 0, &w->c), STATUS_OK);
}

static void world_release(struct world *w) {
    fails_at = 0;
    checker_free(w->c);
    fixture_release(&w->f);
}

static bool next(struct world *w, int64_t now, struct checker_ask *ask) {
    w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return checker_next(w->c, w->random, now, ask);
}

/* 127.0.0.2 is listed, and with `lists` everything but 127.0.0.1. */
static void answer(struct world *w, const struct checker_ask *ask, bool lists, int64_t now) {
    static struct wire m;
    static const uint8_t test_entry[] = {1, '2', 1, '0', 1, '0', 3, '1', '2', '7'};
    static const uint8_t other_entry[] = {1, '1', 1, '0', 1, '0', 3, '1', '2', '7'};
    bool listed = memcmp(ask->message + 12, test_entry, sizeof test_entry) == 0 ||
                  (lists && memcmp(ask->message + 12, other_entry, sizeof other_entry) != 0);
    m.len = 0;
    wire_bytes(&m, ask->message, ask->len);
    m.bytes[2] = 0x85;
    m.bytes[3] = listed ? 0x80 : 0x83;
    size_t zone = 12;
    if (listed) {
        m.bytes[7] = 1;
        wire_u16(&m, 0xc00c);
        wire_a(&m, 0x7f000002);
    } else {
        for (int label = 0; label < 4; label++)
            zone += 1u + ask->message[zone];
        m.bytes[9] = 1;
        wire_u16(&m, 0xc000 | (unsigned)zone);
        wire_soa(&m);
    }
    checker_reply(w->c, ask->cookie, CHECKER_ANSWER, m.bytes, m.len, 1000000, now);
}

/* Lets the checker do what it wants at this moment; all of it is answered. */
static void settle(struct world *w, bool lists, int64_t now) {
    struct checker_ask ask;
    (void)checker_turn(w->c, now);
    while (next(w, now, &ask)) {
        answer(w, &ask, lists, now);
        (void)checker_turn(w->c, now);
    }
}

static struct probe_result read(const struct world *w, const char *ip, int64_t now) {
    struct probe_result result;
    struct ip address = fixture_ip(ip);
    assert_true(checker_probe_read(w->c, 0, &address, now, &result));
    return result;
}

/* Nothing is left of the budget but what is yet to come. */
static void empty(struct world *w, int64_t now) {
    struct quota *quota = checker_quota(w->c, 0);
    (void)quota_ready_ns(quota, BUDGET_URGENT, now);
    for (int class = 0; class < BUDGET_CLASSES; class ++)
        quota->tokens[class] = 0;
    quota->spare = 0;
}

static void an_answer_that_comes_when_its_time_is_over_changes_nothing(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    assert_int_equal(checker_probe(w.c, &ip, NULL, 2 * SECOND), STATUS_OK);
    assert_true(checker_turn(w.c, 2 * SECOND) <= 2 * SECOND + PROBE_NS);
    assert_true(next(&w, 2 * SECOND, &ask));
    assert_false(checker_probe_is_over(w.c, &ip));
    (void)checker_turn(w.c, 2 * SECOND + PROBE_NS - 1);
    assert_true(read(&w, "203.0.113.9", 2 * SECOND + PROBE_NS).open);
    (void)checker_turn(w.c, 2 * SECOND + PROBE_NS);
    assert_true(checker_probe_is_over(w.c, &ip));
    assert_string_equal(why_text(read(&w, "203.0.113.9", 40 * SECOND).why), "timeout");
    answer(&w, &ask, true, 40 * SECOND);
    settle(&w, true, 41 * SECOND);
    assert_string_equal(why_text(read(&w, "203.0.113.9", 42 * SECOND).why), "timeout");
    world_release(&w);
}

/* Its place is another one's by then. */
static void an_answer_for_a_probe_that_was_forgotten_is_nobodys(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip first = fixture_ip("203.0.113.9");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    assert_int_equal(checker_probe(w.c, &first, NULL, 2 * SECOND), STATUS_OK);
    assert_true(next(&w, 2 * SECOND, &ask));
    int64_t now = 3 * SECOND + PROBE_NS;
    (void)checker_turn(w.c, now);
    now += PROBE_KEPT_NS;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
    }
    struct probe_result result;
    assert_false(checker_probe_read(w.c, 0, &first, now, &result));
    assert_true(checker_probe_is_over(w.c, &first));
    answer(&w, &ask, true, now);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_true(checker_probe_read(w.c, 0, &ip, now, &result) && result.open);
        assert_int_equal(checker_probe_find(w.c, &ip)->pairs[0].looks, 0);
    }
    assert_int_equal(checker_probe(w.c, &first, NULL, now), STATUS_FULL);
    world_release(&w);
}

/* The one that has been over for longest makes room, but not while who asks again is to have its answer. */
static void the_oldest_makes_room_when_its_minute_is_over(void **state) {
    struct world w;
    struct probe_result result;
    struct ip last = fixture_ip("203.0.113.9");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        int64_t now = 2 * SECOND + i * (SECOND / 100);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
        settle(&w, false, now);
    }
    int64_t now = 2 * SECOND + PROBE_KEPT_NS;
    assert_int_equal(checker_probe(w.c, &last, NULL, now - 1), STATUS_FULL);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_true(checker_probe_read(w.c, 0, &ip, now - 1, &result));
    }
    assert_int_equal(checker_probe(w.c, &last, NULL, now), STATUS_OK);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_true(checker_probe_read(w.c, 0, &ip, now, &result) == (i > 0));
    }
    world_release(&w);
}

/* Those that have made room are gone from among others of the same hash, and their places are new ones'. */
static void finds_the_others_when_some_have_made_room(void **state) {
    struct world w;
    int64_t now = 2 * SECOND;
    world_init(&w, 1);
    settle(&w, false, SECOND);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
    }
    settle(&w, false, now);
    for (uint32_t i = 0; i < PROBES; i++) { /* the last is the first to go */
        struct ip ip = ip_v4(0xc6336400 + i);
        checker_probe_find(w.c, &ip)->pairs[0].ended_ns = now + (PROBES - i) * (SECOND / 1000);
    }
    now += PROBE_KEPT_NS + PROBES / 2 * (SECOND / 1000);
    for (uint32_t i = 0; i < PROBES / 2; i++) {
        struct ip ip = ip_v4(0x08080000 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
    }
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        struct ip other = ip_v4(0x08080000 + i);
        assert_true((checker_probe_find(w.c, &ip) != NULL) == (i < PROBES / 2));
        assert_true((checker_probe_find(w.c, &other) != NULL) == (i < PROBES / 2));
    }
    assert_int_equal(checker_probes_live(w.c), PROBES / 2);
    settle(&w, false, now);
    (void)checker_turn(w.c, now);
    assert_int_equal(checker_probes_live(w.c), 0);
    world_release(&w);
}

/* The program stood still between the answer and its next turn. */
static void makes_room_before_it_has_come_to_rest(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    assert_int_equal(checker_probe(w.c, &ip, NULL, 2 * SECOND), STATUS_OK);
    assert_true(next(&w, 2 * SECOND, &ask));
    answer(&w, &ask, false, 2 * SECOND);
    assert_int_equal(checker_probes_live(w.c), 1);
    assert_int_equal(checker_probe(w.c, &ip, NULL, 3 * SECOND + PROBE_KEPT_NS), STATUS_OK);
    assert_int_equal(checker_probes_live(w.c), 1);
    assert_true(read(&w, "203.0.113.9", 3 * SECOND + PROBE_KEPT_NS).open);
    settle(&w, false, 3 * SECOND + PROBE_KEPT_NS);
    assert_int_equal(checker_probes_live(w.c), 0);
    world_release(&w);
}

static void begins_or_says_that_there_is_no_memory(void **state) {
    struct world w;
    struct ip ip = fixture_ip("203.0.113.9");
    world_init(&w, 2);
    settle(&w, false, SECOND);
    for (unsigned long n = 1;; n++) {
        fails_at = n;
        enum status status = checker_probe(w.c, &ip, NULL, 2 * SECOND);
        bool failed = fails_at == 0;
        fails_at = 0;
        if (!failed) {
            assert_int_equal(status, STATUS_OK);
            assert_true(n > 2);
            break;
        }
        assert_true(status == STATUS_NO_MEMORY || (status == STATUS_OK && checker_probe_is_over(w.c, &ip)));
        if (status == STATUS_OK)
            assert_string_equal(why_text(read(&w, "203.0.113.9", 2 * SECOND).why), "no_memory");
    }
    settle(&w, true, 2 * SECOND);
    settle(&w, true, 4 * SECOND);
    settle(&w, true, 6 * SECOND);
    assert_int_equal(read(&w, "203.0.113.9", 6 * SECOND).verdict, REGISTRY_LISTED);
    world_release(&w);
}

/* All or nothing, as any reload. */
static void a_reload_carries_all_or_fails(void **state) {
    struct world w;
    struct probe_result result;
    world_init(&w, 2);
    settle(&w, false, SECOND);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, 2 * SECOND), STATUS_OK);
        if (i < PROBES / 2)
            settle(&w, i % 2 != 0, 2 * SECOND);
    }
    struct checker *next_one = NULL;
    for (unsigned long n = 1; next_one == NULL; n++) {
        struct checker *c = NULL;
        assert_int_equal(make(&w, 2, 3 * SECOND, &c), STATUS_OK);
        fails_at = n;
        enum status status = checker_carry(c, w.c, 3 * SECOND);
        bool failed = fails_at == 0;
        fails_at = 0;
        if (status == STATUS_OK && !failed)
            next_one = c;
        else
            checker_free(c);
    }
    checker_free(w.c);
    w.c = next_one;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_true(checker_probe_read(w.c, 0, &ip, 3 * SECOND, &result));
        assert_int_equal(result.open, i >= PROBES / 2 || i % 2 != 0);
        assert_int_equal(result.asked_ns, 2 * SECOND);
    }
    settle(&w, false, 4 * SECOND);
    struct ip last = ip_v4(0xc6336400 + PROBES - 1);
    assert_true(checker_probe_read(w.c, 0, &last, 4 * SECOND, &result) && !result.open);
    assert_int_equal(result.verdict, REGISTRY_NOT_LISTED);
    world_release(&w);
}

/* The spare bucket first, and the list's rate. */
static void pays_for_what_it_asks(void **state) {
    struct world w;
    struct checker_ask ask;
    memset(&w, 0, sizeof w);
    fixture_init(&w.f);
    struct list *list = fixture_list(&w.f, "a", "a.example.net");
    list->budget = (struct list_budget){.share = -1, .queries = 1000, .per_ns = DAY, .rate = 2, .burst = 1};
    fixture_address(&w.f, fixture_group(&w.f, "g"), "192.0.2.1");
    (void)fixture_targets(&w.f);
    assert_int_equal(make(&w, 1, 0, &w.c), STATUS_OK);
    for (int64_t now = 0; now < 10 * SECOND; now += SECOND / 2)
        settle(&w, false, now);
    struct quota *quota = checker_quota(w.c, 0);
    uint64_t used = quota_used(quota, 10 * SECOND);
    double spare = quota->spare;
    double urgent = quota->tokens[BUDGET_URGENT];
    for (uint32_t i = 0; i < 4; i++) {
        struct ip ip = ip_v4(0xc6336400 + i);
        assert_int_equal(checker_probe(w.c, &ip, NULL, 10 * SECOND), STATUS_OK);
    }
    assert_true(next(&w, 10 * SECOND, &ask));
    assert_false(next(&w, 10 * SECOND, &ask)); /* the rate */
    assert_true(next(&w, 10 * SECOND + SECOND / 2, &ask));
    assert_int_equal(quota_used(quota, 11 * SECOND), used + 2);
    assert_true(quota->spare < spare && quota->tokens[BUDGET_URGENT] >= urgent);
    world_release(&w);
}

/* What has been paid for is waited for; what would have to be paid once more is not. */
static void waits_for_what_is_under_way(void **state) {
    static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
    for (size_t i = 0; i < 4; i++) {
        struct world w;
        struct checker_ask ask;
        struct ip ip = fixture_ip(ips[i % 2]);
        int64_t now = 725 * SECOND; /* far from where the pace may change */
        bool answers = i < 2;
        world_with_quota(&w, 2);
        settle(&w, false, 600 * SECOND);
        assert_int_equal(checker_probe(w.c, &ip, NULL, now), STATUS_OK);
        assert_true(next(&w, now, &ask));
        empty(&w, now);
        (void)checker_turn(w.c, now);
        assert_true(read(&w, ips[i % 2], now).open);
        if (answers)
            answer(&w, &ask, false, now + SECOND);
        else
            checker_reply(w.c, ask.cookie, CHECKER_TIMEOUT, NULL, 0, 0, now + SECOND);
        (void)checker_turn(w.c, now + SECOND);
        struct probe_result result = read(&w, ips[i % 2], now + SECOND);
        assert_false(result.open);
        if (answers)
            assert_int_equal(result.verdict, REGISTRY_NOT_LISTED);
        else
            assert_string_equal(why_text(result.why), "budget");
        world_release(&w);
    }
}

/* At its end it is the budget that was missing, although the budget could have quickened before. */
static void says_that_the_budget_was_missing(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    world_with_quota(&w, 2);
    settle(&w, false, SECOND);
    empty(&w, 110 * SECOND);
    assert_int_equal(checker_probe(w.c, &ip, NULL, 110 * SECOND), STATUS_OK);
    (void)checker_turn(w.c, 110 * SECOND);
    assert_false(next(&w, 110 * SECOND, &ask));
    assert_true(read(&w, "203.0.113.9", 110 * SECOND).open);
    (void)checker_turn(w.c, 110 * SECOND + PROBE_NS);
    assert_string_equal(why_text(read(&w, "203.0.113.9", 111 * SECOND + PROBE_NS).why), "budget");
    world_release(&w);
}

/* A reason that cannot be paid for is not waited for. */
static void is_over_when_the_reason_cannot_be_paid(void **state) {
    static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        struct world w;
        struct ip ip = fixture_ip(ips[i]);
        world_with_quota(&w, 1);
        struct quota *quota = checker_quota(w.c, 0);
        settle(&w, false, SECOND);
        assert_int_equal(checker_probe(w.c, &ip, NULL, 125 * SECOND), STATUS_OK);
        for (int64_t now = 125 * SECOND; read(&w, ips[i], now).open; now += SECOND) {
            assert_true(now < 135 * SECOND);
            empty(&w, now);
            quota->spare = 3;
            settle(&w, true, now);
        }
        assert_int_equal(read(&w, ips[i], 135 * SECOND).verdict, REGISTRY_LISTED);
        empty(&w, 135 * SECOND);
        (void)checker_turn(w.c, 135 * SECOND);
        assert_true(checker_probe_is_over(w.c, &ip));
        world_release(&w);
    }
}

/* ---- asking again ---- */

static void look_at(struct world *w, const struct ip *ip, int64_t now) {
    assert_int_equal(checker_probe(w->c, ip, NULL, now), STATUS_OK);
    (void)checker_turn(w->c, now);
}

/* How many questions about what is no test entry are sent at this moment; they are not answered. */
static unsigned send_checks(struct world *w, int64_t now, struct checker_ask *last) {
    static const uint8_t entry[] = {1, '0', 1, '0', 3, '1', '2', '7'};
    struct checker_ask ask;
    unsigned n = 0;
    (void)checker_turn(w->c, now);
    while (next(w, now, &ask)) {
        if (memcmp(ask.message + 14, entry, sizeof entry) == 0) {
            answer(w, &ask, false, now);
            continue;
        }
        *last = ask;
        n++;
    }
    return n;
}

/* However often somebody loads the page again while the budget is spent. */
static void asking_again_while_it_cannot_be_paid_queues_one_question(void **state) {
    static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        struct world w;
        struct checker_ask ask;
        struct ip ip = fixture_ip(ips[i]);
        int64_t now = 725 * SECOND;
        world_with_quota(&w, 2);
        settle(&w, false, SECOND);
        settle(&w, false, 600 * SECOND);
        for (int k = 0; k < 100; k++, now += SECOND / 10) {
            empty(&w, now);
            look_at(&w, &ip, now);
            assert_string_equal(why_text(read(&w, ips[i], now).why), "budget");
        }
        assert_int_equal(w.c->lists[0].plan.lanes[LANE_LOOK].n, 0);
        assert_int_equal(w.c->lists[0].plan.lanes[LANE_PROBE].n, 1);
        checker_quota(w.c, 0)->spare = 30;
        look_at(&w, &ip, now);
        assert_int_equal(send_checks(&w, now, &ask), 1);
        answer(&w, &ask, true, now);
        assert_int_equal(send_checks(&w, now, &ask), 0); /* the agreeing look has its pause */
        assert_true(read(&w, ips[i], now).open);
        assert_int_equal(send_checks(&w, now + PLAN_CONFIRM_PAUSE_NS, &ask), 1);
        assert_int_equal(send_checks(&w, now + 2 * PLAN_CONFIRM_PAUSE_NS, &ask), 0);
        world_release(&w);
    }
}

/* Lists "a", with a quota, and "b"; somebody has asked both about an address, "b" half a minute later, which
 * keeps what is known of it. "a" lists the world, "b" nothing. */
static const bool only_b[] = {false, true};

static void world_of_two(struct world *w) {
    memset(w, 0, sizeof *w);
    fails_at = 0;
    fixture_init(&w->f);
    fixture_list(&w->f, "a", "a.example.net")->budget =
        (struct list_budget){.share = -1, .queries = 1000, .per_ns = DAY, .burst = 1};
    (void)fixture_list(&w->f, "b", "b.example.net");
    fixture_address(&w->f, fixture_group(&w->f, "g"), "192.0.2.1");
    (void)fixture_targets(&w->f);
    assert_int_equal(make(w, 1, 0, &w->c), STATUS_OK);
    settle(w, false, SECOND);
    settle(w, false, 600 * SECOND);
}

/* A confirmation that could not be paid is none of the next time: that begins with a look. */
static void a_confirmation_of_the_last_time_counts_for_nothing(void **state) {
    struct world w;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    static const bool only_a[] = {true, false};
    int64_t now = 725 * SECOND;
    world_of_two(&w);
    assert_int_equal(checker_probe(w.c, &ip, only_a, now), STATUS_OK);
    assert_int_equal(send_checks(&w, now, &ask), 1);
    answer(&w, &ask, true, now);
    empty(&w, now);
    (void)checker_turn(w.c, now);
    assert_string_equal(why_text(read(&w, "203.0.113.9", now).why), "budget");
    assert_int_equal(w.c->lists[0].plan.lanes[LANE_PROBE_CONFIRM].n, 1);
    empty(&w, now + 30 * SECOND);
    assert_int_equal(checker_probe(w.c, &ip, only_b, now + 30 * SECOND), STATUS_OK);
    assert_int_equal(send_checks(&w, now + 30 * SECOND, &ask), 1);
    answer(&w, &ask, false, now + 30 * SECOND);
    now += PROBE_KEPT_NS;
    (void)quota_ready_ns(checker_quota(w.c, 0), BUDGET_URGENT, now);
    checker_quota(w.c, 0)->spare = 30;
    look_at(&w, &ip, now);
    assert_int_equal(send_checks(&w, now, &ask), 1);
    assert_int_equal(send_checks(&w, now + PLAN_CONFIRM_PAUSE_NS / 2, &ask), 0);
    world_release(&w);
}

/* One whose time was over while it was under way for long. */
static void a_late_answer_is_none_to_the_next_question(void **state) {
    struct world w;
    struct checker_ask late;
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    static const bool only_a[] = {true, false};
    int64_t now = 725 * SECOND;
    world_of_two(&w);
    assert_int_equal(checker_probe(w.c, &ip, only_a, now), STATUS_OK);
    assert_int_equal(send_checks(&w, now, &late), 1);
    now += PROBE_NS;
    (void)checker_turn(w.c, now);
    assert_string_equal(why_text(read(&w, "203.0.113.9", now).why), "timeout");
    assert_int_equal(checker_probe(w.c, &ip, only_b, now + 30 * SECOND), STATUS_OK);
    assert_int_equal(send_checks(&w, now + 30 * SECOND, &ask), 1);
    answer(&w, &ask, false, now + 30 * SECOND);
    now += PROBE_KEPT_NS;
    look_at(&w, &ip, now);
    assert_int_equal(send_checks(&w, now, &ask), 1);
    answer(&w, &late, true, now);
    (void)checker_turn(w.c, now);
    assert_int_equal(send_checks(&w, now + PLAN_CONFIRM_PAUSE_NS, &late), 0);
    assert_true(read(&w, "203.0.113.9", now).open);
    world_release(&w);
}

/* It has been paid for, although nothing came of it. */
static void what_was_sent_in_vain_is_not_asked_again_at_once(void **state) {
    static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        struct world w;
        struct checker_ask ask;
        struct ip ip = fixture_ip(ips[i]);
        int64_t now = 725 * SECOND;
        world_with_quota(&w, 2);
        settle(&w, false, SECOND);
        settle(&w, false, 600 * SECOND);
        look_at(&w, &ip, now);
        assert_int_equal(send_checks(&w, now, &ask), 1);
        empty(&w, now);
        checker_reply(w.c, ask.cookie, CHECKER_TIMEOUT, NULL, 0, 0, now + 2 * SECOND);
        (void)checker_turn(w.c, now + 2 * SECOND);
        assert_string_equal(why_text(read(&w, ips[i], now + 2 * SECOND).why), "budget");
        checker_quota(w.c, 0)->spare = 30;
        for (int k = 2; k < 60; k++) {
            look_at(&w, &ip, now + k * SECOND);
            assert_int_equal(send_checks(&w, now + k * SECOND, &ask), 0);
        }
        look_at(&w, &ip, now + 63 * SECOND);
        assert_int_equal(send_checks(&w, now + 63 * SECOND, &ask), 1);
        world_release(&w);
    }
}

/* ---- reloads ---- */

static void reload(struct world *w, int64_t now) {
    struct checker *c = NULL;
    assert_int_equal(make(w, w->c->generation + 1, now, &c), STATUS_OK);
    assert_int_equal(checker_carry(c, w->c, now), STATUS_OK);
    checker_free(w->c);
    w->c = c;
}

/* Sixty of them at 50 ms each, while a list is silent, and while it answers in 10 ms that it lists. */
static void reloads_do_not_make_queries(void **state) {
    for (int i = 0; i < 4; i++) {
        static const char *const ips[] = {"203.0.113.9", "192.0.2.1"};
        struct world w;
        struct checker_ask ask;
        struct ip ip = fixture_ip(ips[i % 2]);
        bool answers = i >= 2;
        unsigned n = 0;
        world_init(&w, 2);
        settle(&w, false, SECOND);
        int64_t now = 100 * SECOND;
        settle(&w, false, now - 1);
        look_at(&w, &ip, now);
        for (int k = 0; k < 60; k++, now += SECOND / 20) {
            unsigned sent = send_checks(&w, now, &ask);
            assert_true(sent <= 1);
            n += sent;
            if (sent > 0 && answers && i % 2 == 0)
                answer(&w, &ask, true, now + SECOND / 100);
            reload(&w, now + SECOND / 50);
        }
        assert_in_range(n, 1, 4);
        world_release(&w);
    }
}

/* A key in the zone has changed: the list is the same by its name, and nothing it said is known to stand. Who
 * has been answered is not asked for again, as that would end at once as too late; who waits is. */
static void what_was_said_under_another_key_is_dropped(void **state) {
    struct world w;
    struct world next_one;
    struct probe_result result;
    struct checker_ask ask;
    struct ip ended = fixture_ip("203.0.113.9");
    struct ip open = fixture_ip("203.0.113.10");
    world_init(&w, 1);
    settle(&w, false, SECOND);
    look_at(&w, &ended, 2 * SECOND);
    settle(&w, false, 2 * SECOND);
    look_at(&w, &open, 35 * SECOND);
    assert_int_equal(send_checks(&w, 35 * SECOND, &ask), 1);
    memset(&next_one, 0, sizeof next_one);
    fixture_init(&next_one.f);
    fixture_list(&next_one.f, "a", "b.example.net")->zone = "a.example.net";
    fixture_address(&next_one.f, fixture_group(&next_one.f, "g"), "192.0.2.1");
    (void)fixture_targets(&next_one.f);
    assert_int_equal(make(&next_one, 2, 36 * SECOND, &next_one.c), STATUS_OK);
    assert_int_equal(checker_carry(next_one.c, w.c, 36 * SECOND), STATUS_OK);
    (void)checker_turn(next_one.c, 36 * SECOND);
    assert_false(checker_probe_read(next_one.c, 0, &ended, 36 * SECOND, &result));
    assert_true(checker_probe_read(next_one.c, 0, &open, 36 * SECOND, &result));
    world_release(&next_one);
    world_release(&w);
}

/* ---- self-tests that probes want ---- */

/* A probe has been told something, and the self-test that is to prove it cannot be paid. */
static void want_test(struct world *w, int64_t now) {
    struct checker_ask ask;
    struct ip ip = fixture_ip("203.0.113.9");
    look_at(w, &ip, now);
    assert_int_equal(send_checks(w, now, &ask), 1);
    answer(w, &ask, true, now);
    (void)checker_turn(w->c, now);
    empty(w, now);
    assert_int_equal(w->c->lists[0].plan.lanes[LANE_PROBE_TEST].n, 2);
}

/* It is due by the list's own schedule meanwhile, and paid by that. */
static void a_probe_that_cannot_pay_does_not_leave_the_list_untested(void **state) {
    struct world w;
    world_with_quota(&w, 1);
    settle(&w, false, SECOND);
    settle(&w, false, 600 * SECOND);
    want_test(&w, 725 * SECOND);
    int64_t due = w.c->lists[0].tracks[0].health[IP_V4].due_ns;
    int64_t ended = w.c->lists[0].tracks[0].health[IP_V4].ended_ns;
    empty(&w, due - 1);
    (void)checker_turn(w.c, due - 1);
    empty(&w, due);
    checker_quota(w.c, 0)->tokens[BUDGET_SELF_TEST] = 2;
    assert_true(checker_turn(w.c, due - 1) <= due);
    settle(&w, false, due);
    assert_true(w.c->lists[0].tracks[0].health[IP_V4].ended_ns > ended);
    world_release(&w);
}

/* A flip that is seen before it was sent pays for it from what probes leave. */
static void a_flip_does_not_wait_for_the_test_of_a_probe_that_cannot_pay(void **state) {
    struct world w;
    struct ip watched = fixture_ip("192.0.2.1");
    world_with_quota(&w, 1);
    settle(&w, false, SECOND);
    settle(&w, false, 600 * SECOND);
    want_test(&w, 725 * SECOND);
    int64_t now = 730 * SECOND;
    empty(&w, now);
    checker_quota(w.c, 0)->tokens[BUDGET_URGENT] = 3.5;
    assert_int_equal(checker_look_now(w.c, &watched, now), 1);
    settle(&w, true, now);
    uint32_t index = target_index(w.c->registry->lists[0].set, &watched);
    assert_int_equal(registry_verdict_of(&w.c->registry->lists[0], index), REGISTRY_LISTED);
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_comes_when_its_time_is_over_changes_nothing),
        cmocka_unit_test(an_answer_for_a_probe_that_was_forgotten_is_nobodys),
        cmocka_unit_test(the_oldest_makes_room_when_its_minute_is_over),
        cmocka_unit_test(finds_the_others_when_some_have_made_room),
        cmocka_unit_test(makes_room_before_it_has_come_to_rest),
        cmocka_unit_test(begins_or_says_that_there_is_no_memory),
        cmocka_unit_test(a_reload_carries_all_or_fails),
        cmocka_unit_test(pays_for_what_it_asks),
        cmocka_unit_test(is_over_when_the_reason_cannot_be_paid),
        cmocka_unit_test(says_that_the_budget_was_missing),
        cmocka_unit_test(waits_for_what_is_under_way),
        cmocka_unit_test(asking_again_while_it_cannot_be_paid_queues_one_question),
        cmocka_unit_test(a_confirmation_of_the_last_time_counts_for_nothing),
        cmocka_unit_test(a_late_answer_is_none_to_the_next_question),
        cmocka_unit_test(what_was_sent_in_vain_is_not_asked_again_at_once),
        cmocka_unit_test(reloads_do_not_make_queries),
        cmocka_unit_test(what_was_said_under_another_key_is_dropped),
        cmocka_unit_test(a_probe_that_cannot_pay_does_not_leave_the_list_untested),
        cmocka_unit_test(a_flip_does_not_wait_for_the_test_of_a_probe_that_cannot_pay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
