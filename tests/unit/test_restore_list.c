/* SPDX-License-Identifier: Apache-2.0
 *
 * What a LIST says of health, freezes and progress, where it is not what a program that runs well would put.
 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup */
#include "core/checker_internal.h"
#include "core/pack.h"
#include "core/save_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "restore_fixture.h"

/* What is different before the first life is saved. */
typedef void change(void);

static struct health *health_of(struct checker *c, uint32_t list, int family) {
    return &c->lists[list].tracks[0].health[family];
}

static struct plan *plan_of(struct checker *c) {
    return &c->lists[BLOCK].plan;
}

static struct checker *live_again(change *before, change *after_saving, enum status expected) {
    live();
    before();
    save_free(save_first());
    if (after_saving != NULL)
        after_saving();
    struct checker *c = second_life(first.targets);
    assert_int_equal(load(c, NULL), expected);
    return c;
}

static void end(struct checker *c) {
    checker_free(c);
    kept_clear(&store);
    world_end(&first);
}

/* ---- health ---- */

static void make_health_odd(void) {
    health_of(first.checker, BLOCK, IP_V4)->due_ns = INT64_MIN;
    health_of(first.checker, BLOCK, IP_V4)->without_soa_ns = INT64_MIN;
    health_of(first.checker, BLOCK, IP_V6)->started_ns = INT64_MIN;
    health_of(first.checker, SCORE, IP_V4)->tested = false;
    health_of(first.checker, SCORE, IP_V4)->state = HEALTH_QUOTA_EXHAUSTED;
    health_of(first.checker, ALLOW, IP_V4)->state = HEALTH_REFUSED;
    health_of(first.checker, ALLOW, IP_V4)->due_ns = WORLD_START - SECOND;
}

static void health_without_its_moments_has_to_be_tested_anew(void **state) {
    struct checker *c = live_again(make_health_odd, NULL, STATUS_OK);
    const struct health *never_due = health_of(c, BLOCK, IP_V4);
    assert_int_equal(never_due->due_ns, LATER);
    assert_int_equal(never_due->without_soa_ns, 0);
    assert_int_equal(never_due->state, HEALTH_UNKNOWN);
    assert_false(never_due->tested);
    const struct health *never_begun = health_of(c, BLOCK, IP_V6);
    assert_int_equal(never_begun->state, HEALTH_UNKNOWN);
    assert_false(never_begun->tested);
    assert_int_equal(never_begun->started_ns, 0);
    assert_int_equal(never_begun->ended_ns, 0);
    assert_int_equal(health_of(c, SCORE, IP_V4)->state, HEALTH_UNKNOWN);
    assert_false(health_of(c, SCORE, IP_V4)->tested);
    /* Nobody believed it anyway: it stays what it was until it is tested, at once. */
    assert_int_equal(health_of(c, ALLOW, IP_V4)->state, HEALTH_REFUSED);
    assert_true(health_of(c, ALLOW, IP_V4)->tested);
    assert_int_equal(health_of(c, ALLOW, IP_V4)->due_ns, LATER);
    end(c);
}

static void make_untested_and_refused(void) {
    struct health *h = health_of(first.checker, BLOCK, IP_V4);
    h->tested = false;
    h->state = HEALTH_REFUSED;
}

static void a_state_without_a_test_is_none(void **state) {
    struct checker *c = live_again(make_untested_and_refused, NULL, STATUS_OK);
    assert_int_equal(health_of(c, BLOCK, IP_V4)->state, HEALTH_UNKNOWN);
    assert_int_equal(health_of(c, BLOCK, IP_V6)->state, HEALTH_OK);
    end(c);
}

static void change_nothing(void) {}

/* What was tested then is not what would be tested now. */
static void health_of_another_test_says_nothing(void **state) {
    end(live_again(change_nothing, NULL, STATUS_OK));
    live();
    save_free(save_first());
    struct list lists[WORLD_LISTS];
    memcpy(lists, world_lists, sizeof lists);
    lists[BLOCK].families[IP_V6] = false;
    lists[SCORE].self_test.positive[IP_V4] = false;
    lists[ALLOW].self_test.listed[IP_V4] = world_ip("127.0.0.9");
    settings.lists = lists;
    struct targets *targets = NULL;
    assert_int_equal(targets_build(&settings, &targets), STATUS_OK);
    struct checker *c = second_life(targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    assert_int_equal(health_of(c, BLOCK, IP_V4)->state, HEALTH_OK);
    assert_int_equal(health_of(c, SCORE, IP_V4)->state, HEALTH_UNKNOWN);
    assert_int_equal(health_of(c, ALLOW, IP_V4)->state, HEALTH_UNKNOWN);
    checker_free(c);
    targets_free(targets);
    kept_clear(&store);
    world_end(&first);
}

/* ---- freezes ---- */

static void fill_freezes(void) {
    struct registry_list *l = &first.checker->registry->lists[BLOCK];
    l->n_freezes = REGISTRY_FREEZES;
    for (int i = 0; i < REGISTRY_FREEZES; i++)
        l->freezes[i] = (struct registry_period){WORLD_START + i, WORLD_START + i};
    l->frozen = true;
    l->frozen_since_ns = INT64_MIN;
}

/* Where LIST tells of freezes: the first byte that is another when it says that it is frozen. */
static size_t find_freezes(void) {
    struct buf yes;
    struct buf no;
    struct registry_list *l = &first.checker->registry->lists[BLOCK];
    size_t at = 0;
    buf_init(&yes, 1 << 20);
    buf_init(&no, 1 << 20);
    save_encode_list(&yes, first.checker, BLOCK, WORLD_OFFSET);
    l->frozen = !l->frozen;
    save_encode_list(&no, first.checker, BLOCK, WORLD_OFFSET);
    l->frozen = !l->frozen;
    while (yes.data[at] == no.data[at])
        at++;
    buf_release(&yes);
    buf_release(&no);
    return at;
}

/* One more than it can have. */
static void add_freeze(void) {
    size_t i = 0;
    while (store.kept[i].record.kind != RECORD_LIST || strcmp(store.kept[i].name, "block") != 0 ||
           kept_is_replaced(&store, i))
        i++;
    struct record *r = &store.kept[i].record;
    const size_t n_at = find_freezes() + 1 + 8;
    const size_t first_at = n_at + 4;
    uint8_t *data = malloc(r->len + 16);
    memcpy(data, r->data, first_at + 16);
    memcpy(data + first_at + 16, (const uint8_t *)r->data + first_at, r->len - first_at);
    assert_int_equal(data[n_at], REGISTRY_FREEZES);
    data[n_at]++;
    free((void *)(uintptr_t)r->data);
    r->data = data;
    r->len += 16;
}

static void no_more_freezes_are_taken_than_there_can_be(void **state) {
    struct checker *c = live_again(fill_freezes, NULL, STATUS_OK);
    const struct registry_list *l = &c->registry->lists[BLOCK];
    /* Since when it was frozen is not known: since the store was last written. */
    const int64_t since_ns = l->frozen ? l->frozen_since_ns : l->freezes[l->n_freezes - 1].start_ns;
    assert_int_equal(since_ns + LATER_OFFSET, first.now_ns + WORLD_OFFSET);
    end(c);
    end(live_again(fill_freezes, add_freeze, STATUS_SYNTAX));
}

/* ---- progress ---- */

static void begin_sweep(void) {
    struct plan_sweep *s = &plan_of(first.checker)->sweep;
    s->running = s->asked = true;
    s->position = 0;
    s->reached = 5;
    s->started_ns = s->whole_ns = WORLD_START;
}

static void a_sweep_that_was_under_way_goes_on(void **state) {
    struct checker *c = live_again(begin_sweep, NULL, STATUS_OK);
    const struct plan_sweep *s = &plan_of(c)->sweep;
    assert_true(s->running);
    assert_int_equal(s->reached, 5);
    assert_int_equal(s->skip_since_ns + LATER_OFFSET, WORLD_START + WORLD_OFFSET);
    assert_int_equal(s->next_ns, LATER);
    end(c);
}

static void begin_sweep_of_more(void) {
    begin_sweep();
    plan_of(first.checker)->sweep.n++;
}

static void a_sweep_of_others_reached_nobody_of_these(void **state) {
    struct checker *c = live_again(begin_sweep_of_more, NULL, STATUS_OK);
    assert_true(plan_of(c)->sweep.running);
    assert_int_equal(plan_of(c)->sweep.reached, 0);
    end(c);
}

static void begin_without_asking(void) {
    begin_sweep();
    plan_of(first.checker)->sweep.asked = false;
}

static void a_sweep_that_asked_nobody_begins_anew(void **state) {
    struct checker *c = live_again(begin_without_asking, NULL, STATUS_OK);
    const struct plan_sweep *s = &plan_of(c)->sweep;
    assert_false(s->running);
    assert_int_equal(s->skip_since_ns, INT64_MAX);
    assert_int_equal(s->next_ns, LATER);
    end(c);
}

static void end_sweep(void) {
    begin_sweep();
    plan_of(first.checker)->sweep.running = false;
}

static void a_sweep_that_is_over_is_due_after_its_interval(void **state) {
    struct checker *c = live_again(end_sweep, NULL, STATUS_OK);
    const struct plan_sweep *s = &plan_of(c)->sweep;
    assert_false(s->running);
    assert_int_equal(s->next_ns + LATER_OFFSET, WORLD_START + WORLD_OFFSET + s->interval_ns);
    end(c);
}

static void sweep_nobody(void) {
    begin_sweep();
    plan_of(first.checker)->sweep.n = plan_of(first.checker)->sweep.reached = 0;
}

static void a_sweep_of_nobody_says_nothing(void **state) {
    struct checker *c = live_again(sweep_nobody, NULL, STATUS_OK);
    assert_false(plan_of(c)->sweep.running);
    assert_true(plan_of(c)->sweep.n > 0);
    end(c);
}

static void never_begin_sweep(void) {
    plan_of(first.checker)->sweep.started_ns = INT64_MIN;
}

static void never_begin_ring(void) {
    plan_of(first.checker)->rings[0].start_ns = INT64_MIN;
}

static void sweeps_and_rings_that_never_began_are_refused(void **state) {
    end(live_again(never_begin_sweep, NULL, STATUS_SYNTAX));
    end(live_again(never_begin_ring, NULL, STATUS_SYNTAX));
}

static void never_ask(void) {
    begin_sweep();
    plan_of(first.checker)->rate.tat_ns = INT64_MIN;
    plan_of(first.checker)->sweep.whole_ns = INT64_MIN;
}

/* Who has never asked owes nothing; since when a sweep of two laps runs is since it began. */
static void what_has_not_been_yet_limits_nothing(void **state) {
    struct checker *fresh = live_again(never_ask, NULL, STATUS_OK);
    const int64_t rested_ns = plan_of(fresh)->rate.tat_ns;
    assert_int_equal(plan_of(fresh)->sweep.whole_ns, plan_of(fresh)->sweep.started_ns);
    end(fresh);
    struct checker *c = live_again(change_nothing, NULL, STATUS_OK);
    assert_true(plan_of(c)->rate.tat_ns > rested_ns);
    checker_free(c);
    c = second_life(first.targets);
    plan_of(c)->rate.interval_ns = 0; /* without a limit */
    plan_of(c)->rate.tat_ns = 1;
    assert_int_equal(load(c, NULL), STATUS_OK);
    assert_int_equal(plan_of(c)->rate.tat_ns, 1);
    end(c);
}

/* ---- reasons ---- */

static void give_reason(void) {
    struct registry_list *l = &first.checker->registry->lists[BLOCK];
    const struct ip ip = world_ip("192.0.2.1");
    for (uint32_t i = 0; i < l->n_entries; i++)
        if (l->entries[i].used && l->entries[i].index == target_index(l->set, &ip))
            l->entries[i].txt = strdup("spam seen");
}

static void the_reason_of_a_listing_comes_back(void **state) {
    struct checker *c = live_again(give_reason, NULL, STATUS_OK);
    const struct registry_list *l = &c->registry->lists[BLOCK];
    const struct ip ip = world_ip("192.0.2.1");
    const struct registry_entry *entry = registry_entry_find(c->registry, BLOCK, target_index(l->set, &ip));
    assert_non_null(entry->txt);
    assert_string_equal(entry->txt, "spam seen");
    end(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_without_its_moments_has_to_be_tested_anew),
        cmocka_unit_test(a_state_without_a_test_is_none),
        cmocka_unit_test(health_of_another_test_says_nothing),
        cmocka_unit_test(no_more_freezes_are_taken_than_there_can_be),
        cmocka_unit_test(a_sweep_that_was_under_way_goes_on),
        cmocka_unit_test(a_sweep_of_others_reached_nobody_of_these),
        cmocka_unit_test(a_sweep_that_asked_nobody_begins_anew),
        cmocka_unit_test(a_sweep_that_is_over_is_due_after_its_interval),
        cmocka_unit_test(a_sweep_of_nobody_says_nothing),
        cmocka_unit_test(sweeps_and_rings_that_never_began_are_refused),
        cmocka_unit_test(what_has_not_been_yet_limits_nothing),
        cmocka_unit_test(the_reason_of_a_listing_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
