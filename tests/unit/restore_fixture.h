/* SPDX-License-Identifier: Apache-2.0
 *
 * restore_fixture: a first life of a checker that is saved, a second one into which it is brought back, and
 * memory that runs out. Included after cmocka.h; programs link with --wrap for the functions here.
 */
#ifndef RBL_TESTS_RESTORE_FIXTURE_H
#define RBL_TESTS_RESTORE_FIXTURE_H

#include "store_fixture.h"
#include "world.h"

/* The second life begins elsewhere on the monotonic clock, ten seconds later on the wall. */
#define LATER (90000 * SECOND)
#define LATER_OFFSET (WORLD_OFFSET + WORLD_START + 10 * SECOND - LATER)

static unsigned long until_failure; /* 0: none */
static bool may_allocate(void) {
    return until_failure == 0 || --until_failure > 0;
}
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size) {
    return may_allocate() ? __real_malloc(size) : NULL;
}
void *__wrap_calloc(size_t n, size_t size) {
    return may_allocate() ? __real_calloc(n, size) : NULL;
}
void *__wrap_realloc(void *old, size_t size) {
    return may_allocate() ? __real_realloc(old, size) : NULL;
}
char *__wrap_strdup(const char *text) {
    return may_allocate() ? __real_strdup(text) : NULL;
}

static struct world first;
static struct kept_store store;
static struct settings settings;

/* A world in which everything that can be kept has happened. */
static void live(void) {
    settings = world_settings();
    world_begin(&first, &settings);
    struct checker *c = first.checker;
    store = (struct kept_store){.room = KEPT_MAX};
    for (uint32_t list = 0; list < WORLD_LISTS; list++)
        for (int family = 0; c->lists[list].list != NULL && family < IP_FAMILIES; family++) {
            struct health *h = &c->lists[list].tracks[0].health[family];
            h->state = HEALTH_OK;
            h->tested = true;
            h->started_ns = h->ended_ns = h->right_ns = WORLD_START;
            h->due_ns = WORLD_START + HOUR;
        }
    registry_keep(c->registry);
    world_not_listed(&first, BLOCK, "192.0.2.1", LOOK_WATCHED);
    world_not_listed(&first, BLOCK, "198.51.100.3", LOOK_SWEEP);
    world_listed(&first, BLOCK, "198.51.100.5", LOOK_SWEEP, 1);
    world_listed(&first, BLOCK, "192.0.2.2", LOOK_WATCHED, 3);
    world_score(&first, "192.0.2.1", LOOK_WATCHED, 71);
    world_score(&first, "198.51.100.9", LOOK_SWEEP, 5);
    first.now_ns += 5 * SECOND;
    world_listed(&first, BLOCK, "192.0.2.1", LOOK_WATCHED, UINT64_C(1) << LIST_CODE_OTHER);
    world_not_listed(&first, BLOCK, "198.51.100.5", LOOK_SWEEP);
    world_listed(&first, BLOCK, "2001:db8:1::7", LOOK_SWEEP, 2);
    first.now_ns -= SECOND;
    world_not_listed(&first, BLOCK, "2001:db8:1::7", LOOK_SWEEP);
    first.now_ns += SECOND;
    world_listed(&first, BLOCK, "2001:db8:1::8", LOOK_SWEEP, 2);
    for (int i = 0; i < 7; i++)
        quota_take(checker_quota(c, BLOCK), BUDGET_WATCHED, first.now_ns);
}

static struct save *save_first(void) {
    struct save *save = save_new(false, NULL, 0, kept_put, &store);
    assert_non_null(save);
    assert_int_equal(save_use(save, first.checker, first.now_ns), STATUS_OK);
    save_turn(save, first.now_ns, WORLD_OFFSET);
    assert_true(save_end(save, first.now_ns, WORLD_OFFSET));
    return save;
}

static struct checker *second_life(struct targets *targets) {
    static const struct checker_watch watch = {.changed = world_ignore_change, .state = world_ignore_state};
    const struct endpoint resolver = {.ip = ip_v4(0x7f000001), .port = 53};
    struct checker *c = NULL;
    enum status status = checker_new(targets, &resolver, 1, registry_epoch(LATER), 1, &watch, LATER, &c);
    return status == STATUS_OK ? c : NULL;
}

static enum status load(struct checker *c, struct restore **out) {
    struct restore *restore = restore_new(c, LATER, LATER_OFFSET);
    if (restore == NULL)
        return STATUS_NO_MEMORY;
    enum status status = kept_load(&store, restore);
    if (status != STATUS_NO_MEMORY) {
        enum status end = restore_end(restore, first.now_ns + WORLD_OFFSET, false);
        status = end != STATUS_OK ? end : status;
    }
    if (out != NULL)
        *out = restore;
    else
        restore_free(restore);
    return status;
}

#endif
