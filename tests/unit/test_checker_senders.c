/* SPDX-License-Identifier: Apache-2.0
 *
 * Which addresses go first on which list. What the sweeps make of it is played in tests/scenario.
 */
/* LINK: -Wl,--wrap=calloc */
#include "fixture.h"

#include "core/checker.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static unsigned long fails_at; /* which allocation from now on fails; 0: none */

void *__real_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_calloc(n, size);
}

enum { FILTERED, PLAIN, BOTH, NONE, TWIN, OFF, LISTS };

struct world {
    struct fixture f;
    struct checker *c;
    struct senders *senders;
};

static void on_change(void *context, const struct registry_event *event) {
    (void)context;
    (void)event;
}

/* Of 198.18.0.0/23 each list has one half or both, with or without a filter. */
static void world_init(struct world *w) {
    static const char *const names[LISTS] = {"filtered", "plain", "both", "none", "twin", "off"};
    const struct checker_watch watch = {.changed = on_change};
    const struct endpoint system = {.ip = ip_v4(0x7f000001), .port = 53};
    *w = (struct world){.c = NULL};
    fixture_init(&w->f);
    for (size_t i = 0; i < LISTS; i++)
        fixture_list(&w->f, names[i], "bl.test")->enabled = i != OFF;
    struct group *senders = fixture_group(&w->f, "senders");
    struct group *all = fixture_group(&w->f, "all");
    senders->only_ptr = "mail*";
    fixture_range(&w->f, senders, "198.18.0.0/24");
    fixture_range(&w->f, all, "198.18.0.128-198.18.1.255");
    fixture_address(&w->f, senders, "192.0.2.1");
    static const bool on[2][LISTS] = {{true, false, true, false, true, false},
                                      {false, true, true, false, false, false}};
    memcpy(w->f.on, on[0], sizeof on[0]);
    memcpy(w->f.on[1], on[1], sizeof on[1]);
    assert_int_equal(checker_new(fixture_targets(&w->f), &system, 1, registry_epoch(0), 1, &watch, 0, &w->c),
                     STATUS_OK);
    assert_int_equal(senders_new(w->f.targets, &w->senders), STATUS_OK);
}

static void world_release(struct world *w) {
    checker_free(w->c);
    senders_free(w->senders);
    fixture_release(&w->f);
}

/* The next address that the sweep of a list would ask about. */
static struct ip next(struct world *w, uint32_t list) {
    const struct plan_gate gate = {.checks = true, .sweep = true};
    struct plan *p = &w->c->lists[list].plan;
    struct plan_item item;
    int64_t wake = 0;
    do
        assert_true(plan_next(p, &gate, 0, &item, &wake));
    while (item.purpose == PLAN_WATCHED && (plan_skip(p, &item, 0), true));
    plan_skip(p, &item, 0);
    return target_ip(w->f.targets->sets[list], item.index);
}

static void learn(struct world *w, const char *text, const char *name) {
    const struct senders_question question = {.ip = fixture_ip(text)};
    struct reply_texts names;
    reply_texts_init(&names);
    reply_texts_add(&names, name, strlen(name));
    if (senders_answered(w->senders, &question, SENDERS_NAMES, &names, 0))
        checker_sender_changed(w->c, &question.ip);
    reply_texts_release(&names);
}

static void only_lists_of_groups_that_ask_for_senders_have_two_laps(void **state) {
    struct world w;
    (void)state;
    world_init(&w);
    learn(&w, "198.18.0.7", "mail.example");
    checker_sender_changed(w.c, &w.f.addresses[0][0]); /* before it is told of them: nothing */
    assert_int_equal(checker_set_senders(w.c, w.senders), STATUS_OK);
    for (uint32_t list = 0; list < LISTS; list++)
        assert_int_equal(w.c->lists[list].plan.sweep.laps != NULL,
                         list == FILTERED || list == BOTH || list == TWIN);
    assert_int_equal(next(&w, FILTERED).lo, 0xc6120007);
    assert_int_equal(next(&w, TWIN).lo, 0xc6120007); /* of the same groups */
    learn(&w, "198.18.0.200", "mail.example");
    learn(&w, "198.18.0.9", "www.example");
    learn(&w, "198.18.1.9", "mail.example"); /* nobody asks for senders there */
    assert_int_equal(next(&w, FILTERED).lo, 0xc61200c8);
    assert_int_equal(next(&w, TWIN).lo, 0xc61200c8);
    checker_sender_changed(w.c, &w.f.addresses[0][0]); /* named one by one */
    world_release(&w);
}

/* 198.18.0.128 and above belong to a group that wants all of them, and so does that one sender. */
static void what_another_group_wants_goes_first_too(void **state) {
    struct world w;
    (void)state;
    world_init(&w);
    assert_int_equal(checker_set_senders(w.c, w.senders), STATUS_OK);
    learn(&w, "198.18.0.7", "mail.example");
    unsigned senders = 0;
    for (unsigned i = 0; i < 384 + 1; i++) {
        struct ip ip = next(&w, BOTH);
        senders += ip.lo == 0xc6120007;
        assert_true(ip.lo == 0xc6120007 || ip.lo >= 0xc6120080);
    }
    assert_int_equal(senders, 1);
    assert_true(next(&w, BOTH).lo < 0xc6120080);
    world_release(&w);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    for (unsigned long n = 1; n <= 12; n++) {
        struct world w;
        world_init(&w);
        fails_at = n;
        assert_int_equal(checker_set_senders(w.c, w.senders), STATUS_NO_MEMORY);
        assert_int_equal(fails_at, 0);
        world_release(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_lists_of_groups_that_ask_for_senders_have_two_laps),
        cmocka_unit_test(what_another_group_wants_goes_first_too),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
