/* SPDX-License-Identifier: Apache-2.0
 *
 * probe_fixture: a checker with a list or two, whose probes a test asks and answers by hand, and allocations
 * that fail. A test links with -Wl,--wrap=calloc -Wl,--wrap=malloc.
 */
#ifndef RBL_TESTS_PROBE_FIXTURE_H
#define RBL_TESTS_PROBE_FIXTURE_H

#include "fixture.h"
#include "ignore.h"
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

struct world {
    struct fixture f;
    struct checker *c;
    uint64_t random;
};

static inline enum status make(struct world *w, uint32_t generation, int64_t now, struct checker **out) {
    static const struct checker_watch watch = {
        .changed = ignore_change, .state = ignore_state, .txt = ignore_txt};
    const struct endpoint system = {.ip = ip_v4(0x7f000001), .port = 53};
    return checker_new(w->f.targets, &system, 1, registry_epoch(0), generation, &watch, now, out);
}

static inline void world_init(struct world *w, unsigned confirm) {
    memset(w, 0, sizeof *w);
    fails_at = 0;
    fixture_init(&w->f);
    fixture_list(&w->f, "a", "a.example.net")->confirm = confirm;
    fixture_address(&w->f, fixture_group(&w->f, "g"), "192.0.2.1");
    (void)fixture_targets(&w->f);
    assert_int_equal(make(w, 1, 0, &w->c), STATUS_OK);
}

static inline void world_with_quota(struct world *w, unsigned confirm) {
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

static inline void world_release(struct world *w) {
    fails_at = 0;
    checker_free(w->c);
    fixture_release(&w->f);
}

static inline bool next(struct world *w, int64_t now, struct checker_ask *ask) {
    w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return checker_next(w->c, w->random, now, ask);
}

/* 127.0.0.2 is listed, and with `lists` everything but 127.0.0.1. */
static inline void answer(struct world *w, const struct checker_ask *ask, bool lists, int64_t now) {
    static struct wire m;
    static const uint8_t test_entry[] = {1, '2', 1, '0', 1, '0', 3, '1', '2', '7'};
    static const uint8_t other_entry[] = {1, '1', 1, '0', 1, '0', 3, '1', '2', '7'};
    bool listed = memcmp(ask->message + 12, test_entry, sizeof test_entry) == 0 ||
                  (lists && memcmp(ask->message + 12, other_entry, sizeof other_entry) != 0);
    wire_answer(&m, ask->message, ask->len, listed);
    checker_reply(w->c, ask->cookie, CHECKER_ANSWER, m.bytes, m.len, 1000000, now);
}

/* Lets the checker do what it wants at this moment; all of it is answered. */
static inline void settle(struct world *w, bool lists, int64_t now) {
    struct checker_ask ask;
    (void)checker_turn(w->c, now);
    while (next(w, now, &ask)) {
        answer(w, &ask, lists, now);
        (void)checker_turn(w->c, now);
    }
}

static inline struct probe_result read(const struct world *w, const char *ip, int64_t now) {
    struct probe_result result;
    struct ip address = fixture_ip(ip);
    assert_true(checker_probe_read(w->c, 0, &address, now, &result));
    return result;
}

/* Nothing is left of the budget but what is yet to come. */
static inline void empty(struct world *w, int64_t now) {
    struct quota *quota = checker_quota(w->c, 0);
    (void)quota_ready_ns(quota, BUDGET_URGENT, now);
    for (int class = 0; class < BUDGET_CLASSES; class ++)
        quota->tokens[class] = 0;
    quota->spare = 0;
}

#endif
