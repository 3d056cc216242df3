/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct world w;
static struct settings settings;
static struct kept_store store;
static struct save *save;

static int begin(void **state) {
    settings = world_settings();
    world_begin(&w, &settings);
    store = (struct kept_store){.room = KEPT_MAX};
    save = save_new(false, NULL, 0, kept_put, &store);
    assert_non_null(save);
    assert_int_equal(save_use(save, w.checker, w.now_ns), STATUS_OK);
    return 0;
}

static int end(void **state) {
    save_free(save);
    kept_clear(&store);
    world_end(&w);
    return 0;
}

/* Turns until nothing more is put at once; what is put is in the store. */
static void settle(void) {
    for (int i = 0; i < 20; i++) {
        w.now_ns += SECOND;
        save_turn(save, w.now_ns, WORLD_OFFSET);
    }
}

static size_t count_of(const char *list, enum record_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < store.n; i++)
        n += store.kept[i].record.kind == kind && strcmp(store.kept[i].name, list) == 0;
    return n;
}

static const struct record *last_of(const char *list, enum record_kind kind) {
    const struct record *found = NULL;
    for (size_t i = 0; i < store.n; i++)
        if (store.kept[i].record.kind == kind && strcmp(store.kept[i].name, list) == 0)
            found = &store.kept[i].record;
    assert_non_null(found);
    return found;
}

static void a_list_begins_with_a_whole_fold(void **state) {
    settle();
    assert_int_equal(count_of("block", RECORD_LIST), 1);
    assert_int_equal(count_of("block", RECORD_LAYOUT), 1);
    assert_int_equal(count_of("block", RECORD_FOLD), 1);
    assert_int_equal(count_of("block", RECORD_FOLDED), 1);
    assert_int_equal(count_of("block", RECORD_CELLS), 0); /* nothing is known yet */
    assert_int_equal(last_of("block", RECORD_LAYOUT)->generation, 1);
    assert_int_equal(count_of("off", RECORD_LIST), 0);
}

static void nothing_is_put_when_nothing_changes(void **state) {
    world_not_listed(&w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    settle();
    size_t n = store.n;
    settle();
    assert_int_equal(store.n, n);
    w.now_ns += 25 * HOUR; /* but daily, so that the list is not forgotten */
    settle();
    assert_int_equal(count_of("block", RECORD_LIST), 2);
    assert_int_equal(store.n - n, 4);
}

/* While something of a safelist is listed its last listing is another one each second. */
static void a_safelist_that_is_listed_is_put_once(void **state) {
    settle();
    world_listed(&w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    settle();
    size_t n = count_of("block", RECORD_LIST);
    for (int i = 0; i < 10; i++)
        settle();
    assert_int_equal(count_of("block", RECORD_LIST), n);
    world_not_listed(&w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    settle();
    assert_int_equal(count_of("block", RECORD_LIST), n + 1);
}

static void a_change_is_put_once_and_soon(void **state) {
    settle();
    kept_clear(&store);
    world_listed(&w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    assert_int_equal(store.n, 0);
    save_hurry(save);
    save_turn(save, w.now_ns, WORLD_OFFSET);
    assert_int_equal(kept_count(&store, RECORD_LOOKS), 1);
    assert_int_equal(kept_count(&store, RECORD_ENTRY), 1);
    settle();
    assert_int_equal(kept_count(&store, RECORD_LOOKS), 1);
    assert_int_equal(kept_count(&store, RECORD_ENTRY), 1);
    world_not_listed(&w, BLOCK, "198.51.100.5", LOOK_SWEEP);
    settle();
    assert_int_equal(kept_count(&store, RECORD_LOOKS), 2);
    assert_int_equal(kept_count(&store, RECORD_ENTRY), 1);
}

static void an_entry_that_nothing_needs_any_more_is_taken_back(void **state) {
    world_listed(&w, BLOCK, "198.51.100.5", LOOK_SWEEP, 1);
    settle();
    assert_int_equal(kept_count(&store, RECORD_ENTRY), 1);
    world_not_listed(&w, BLOCK, "198.51.100.5", LOOK_SWEEP);
    settle();
    assert_int_equal(kept_count(&store, RECORD_ENTRY_GONE), 1);
}

static void what_is_refused_is_offered_again(void **state) {
    settle();
    kept_clear(&store);
    world_listed(&w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    world_not_listed(&w, KEYED, "192.0.2.1", LOOK_WATCHED);
    for (size_t room = 0; room < 2; room++) {
        store.room = room;
        settle();
    }
    size_t before = store.n;
    store.room = KEPT_MAX;
    settle();
    assert_true(store.n > before);
    assert_int_equal(count_of("block", RECORD_LOOKS), 1);
    assert_int_equal(count_of("keyed", RECORD_LOOKS), 1);
    assert_int_equal(count_of("block", RECORD_ENTRY), 1);
}

static void cells_are_written_anew_when_looks_have_grown(void **state) {
    settle();
    kept_clear(&store);
    for (int i = 0; i < 9000 && count_of("block", RECORD_CELLS) == 0; i++) {
        world_not_listed(&w, BLOCK, "198.51.100.3", LOOK_SWEEP);
        w.now_ns += SECOND;
        if (store.n > KEPT_MAX / 2)
            kept_clear(&store);
        store.room = KEPT_MAX;
        save_turn(save, w.now_ns, WORLD_OFFSET);
    }
    assert_int_equal(count_of("block", RECORD_CELLS), 1);
    settle();
    assert_int_equal(count_of("block", RECORD_FOLD), 1);
    assert_int_equal(count_of("block", RECORD_FOLDED), 1);
    assert_int_equal(last_of("block", RECORD_CELLS)->generation, 1);
}

static void after_a_reload_of_the_same_addresses_it_goes_on(void **state) {
    static const struct checker_watch watch = {.changed = world_ignore_change, .state = world_ignore_state};
    const struct endpoint resolver = {.ip = ip_v4(0x7f000001), .port = 53};
    struct checker *next = NULL;
    settle();
    kept_clear(&store);
    world_not_listed(&w, BLOCK, "192.0.2.1", LOOK_WATCHED); /* not yet put when the reload comes */
    assert_int_equal(
        checker_new(w.targets, &resolver, 1, registry_epoch(WORLD_START), 2, &watch, w.now_ns, &next),
        STATUS_OK);
    assert_int_equal(checker_carry(next, w.checker, w.now_ns), STATUS_OK);
    assert_int_equal(save_use(save, next, w.now_ns), STATUS_OK);
    checker_free(w.checker);
    w.checker = next;
    settle();
    assert_int_equal(kept_count(&store, RECORD_LAYOUT), 0);
    assert_int_equal(count_of("block", RECORD_LOOKS), 1);
    assert_int_equal(last_of("block", RECORD_LOOKS)->generation, 1);
}

static void when_the_store_has_lost_everything_all_of_it_is_put_again(void **state) {
    world_listed(&w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    world_not_listed(&w, BLOCK, "198.51.100.3", LOOK_SWEEP);
    settle();
    kept_clear(&store);
    save_all(save);
    settle();
    assert_int_equal(last_of("block", RECORD_LAYOUT)->generation, 2);
    assert_int_equal(count_of("block", RECORD_LIST), 1);
    assert_int_equal(count_of("block", RECORD_CELLS), 1);
    assert_int_equal(count_of("block", RECORD_ENTRY), 1);
    assert_int_equal(count_of("block", RECORD_FOLDED), 1);
}

static void queries_are_sent_only_after_their_reservation_is_written(void **state) {
    struct quota *quota = checker_quota(w.checker, BLOCK);
    save_reserve(save, true, w.now_ns);
    assert_false(quota_is_reserved(quota));
    save_turn(save, w.now_ns, WORLD_OFFSET);
    const struct kept *budget = NULL;
    for (size_t i = 0; i < store.n; i++)
        if (store.kept[i].record.kind == RECORD_BUDGET && strcmp(store.kept[i].name, "block") == 0)
            budget = &store.kept[i];
    assert_non_null(budget);
    assert_true(budget->ticket != 0);
    save_written(save, budget->ticket + (UINT64_C(1) << 32), w.now_ns); /* of another checker */
    assert_false(quota_is_reserved(quota));
    save_written(save, budget->ticket, w.now_ns);
    assert_true(quota_is_reserved(quota));
    save_reserve(save, false, w.now_ns); /* the store is down: from memory */
    assert_true(quota_is_reserved(quota));
    assert_int_equal(quota->reserved, 0);
}

static void what_was_spent_while_the_store_was_down_is_put_when_it_is_back(void **state) {
    struct quota *quota = checker_quota(w.checker, BLOCK);
    settle();
    kept_clear(&store);
    save_reserve(save, false, w.now_ns);
    quota_take(quota, BUDGET_WATCHED, w.now_ns);
    quota->limit = 1; /* nothing more can be reserved of it */
    settle();
    assert_int_equal(count_of("block", RECORD_BUDGET), 0);
    save_reserve(save, true, w.now_ns);
    settle();
    assert_int_equal(count_of("block", RECORD_BUDGET), 1);
    kept_clear(&store);
    save_all(save); /* the store has lost all of it */
    settle();
    assert_int_equal(count_of("block", RECORD_BUDGET), 1);
    assert_true(count_of("shared", RECORD_BUDGET) >= 1);
}

static void the_end_gives_back_what_was_reserved(void **state) {
    struct quota *quota = checker_quota(w.checker, BLOCK);
    save_reserve(save, true, w.now_ns);
    save_turn(save, w.now_ns, WORLD_OFFSET);
    for (size_t i = 0; i < store.n; i++)
        if (store.kept[i].ticket != 0)
            save_written(save, store.kept[i].ticket, w.now_ns);
    assert_true(quota->reserved > 0);
    assert_true(save_end(save, w.now_ns, WORLD_OFFSET));
    assert_int_equal(quota->reserved, 0);
    assert_int_equal(count_of("block", RECORD_BUDGET), 3); /* at first, reserved, at the end */
    assert_int_equal(count_of("shared", RECORD_BUDGET), 3);
}

static void a_command_keeps_nothing_but_what_it_spends(void **state) {
    save_free(save);
    save = save_new(true, NULL, 0, kept_put, &store);
    assert_int_equal(save_use(save, w.checker, w.now_ns), STATUS_OK);
    save_reserve(save, true, w.now_ns);
    world_listed(&w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    settle();
    assert_true(save_end(save, w.now_ns, WORLD_OFFSET));
    assert_true(store.n > 0);
    assert_int_equal(kept_count(&store, RECORD_BUDGET), store.n);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_list_begins_with_a_whole_fold),
        TEST(nothing_is_put_when_nothing_changes),
        TEST(a_safelist_that_is_listed_is_put_once),
        TEST(a_change_is_put_once_and_soon),
        TEST(an_entry_that_nothing_needs_any_more_is_taken_back),
        TEST(what_is_refused_is_offered_again),
        TEST(cells_are_written_anew_when_looks_have_grown),
        TEST(after_a_reload_of_the_same_addresses_it_goes_on),
        TEST(when_the_store_has_lost_everything_all_of_it_is_put_again),
        TEST(queries_are_sent_only_after_their_reservation_is_written),
        TEST(what_was_spent_while_the_store_was_down_is_put_when_it_is_back),
        TEST(the_end_gives_back_what_was_reserved),
        TEST(a_command_keeps_nothing_but_what_it_spends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
