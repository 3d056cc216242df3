/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "core/registry.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

enum { EVENTS = 64 };

/* One list, a /24 and two single addresses (one of them in the range), and what the registry publishes. */
struct world {
    struct fixture f;
    struct registry *r;
    int64_t now;
    struct registry_event events[EVENTS];
    size_t n_events;
};

static const struct verdict not_listed = {.kind = VERDICT_NOT_LISTED, .reason = REASON_NONE, .score = -1};
static const struct verdict listed = {.kind = VERDICT_LISTED, .reason = REASON_NONE, .codes = 1, .score = -1};

static void record(void *context, const struct registry_event *event) {
    struct world *w = context;
    assert_true(w->n_events < EVENTS);
    w->events[w->n_events++] = *event;
}

static void world_init(struct world *w, enum list_kind kind, unsigned confirm) {
    memset(w, 0, sizeof *w);
    fixture_init(&w->f);
    struct list *list = fixture_list(&w->f, "bl", "bl.test");
    list->kind = kind;
    list->confirm = confirm;
    struct group *g = fixture_group(&w->f, "g");
    fixture_range(&w->f, g, "10.0.0.0/24");
    fixture_address(&w->f, g, "10.0.0.9");
    fixture_address(&w->f, g, "192.0.2.1");
    w->now = HOUR;
    assert_int_equal(registry_new(fixture_targets(&w->f), registry_epoch(0), w->now, &w->r), STATUS_OK);
    registry_freeze(w->r, 0, false, w->now);
}

static void world_release(struct world *w) {
    registry_free(w->r);
    fixture_release(&w->f);
}

static uint32_t index_of(const struct world *w, const char *text) {
    struct ip ip = fixture_ip(text);
    return target_index(w->r->lists[0].set, &ip);
}

static enum look_follow look(struct world *w, const char *ip, enum look_source source,
                             const struct verdict *verdict) {
    enum look_follow follow = LOOK_DONE;
    uint16_t ring = source == LOOK_WATCHED ? 0 : REGISTRY_NO_RING;
    w->now += SECOND;
    assert_int_equal(
        registry_look(w->r, 0, index_of(w, ip), source, ring, 0, verdict, w->now, &follow, record, w),
        STATUS_OK);
    return follow;
}

/* A self-test that begins now and ends right at once. */
static void right(struct world *w) {
    uint32_t mark = registry_mark(w->r, 0);
    w->now += SECOND;
    registry_right(w->r, 0, 0, mark, w->now, w->now, record, w);
}

static void list_it(struct world *w, const char *ip, enum look_source source) {
    assert_int_equal(look(w, ip, source, &listed), LOOK_WANTS_CONFIRM);
    assert_int_equal(look(w, ip, LOOK_CONFIRM, &listed), LOOK_WANTS_TEST);
    right(w);
}

static int shown(const struct world *w, const char *ip) {
    const struct registry_list *l = &w->r->lists[0];
    uint32_t index = index_of(w, ip);
    return registry_is_fresh(l, index) ? (int)registry_verdict_of(l, index) : REGISTRY_UNKNOWN;
}

static const struct registry_count *counts(const struct world *w) {
    return &w->r->lists[0].counts[0];
}

static void a_listing_needs_its_looks_and_a_self_test_after_them(void **state) {
    (void)state;
    for (unsigned confirm = 1; confirm <= 4; confirm++) {
        struct world w;
        world_init(&w, LIST_BLOCK, confirm);
        right(&w);
        for (unsigned i = 1; i <= confirm; i++) {
            print_message("# confirm %u, look %u\n", confirm, i);
            assert_int_equal(look(&w, "192.0.2.1", i == 1 ? LOOK_WATCHED : LOOK_CONFIRM, &listed),
                             i < confirm ? LOOK_WANTS_CONFIRM : LOOK_WANTS_TEST);
            assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_UNKNOWN);
        }
        /* A test that began before the last look proves nothing about it. */
        registry_right(w.r, 0, 0, registry_mark(w.r, 0), w.now - 1, w.now, record, &w);
        assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_UNKNOWN);
        /* Nor does one of another nameserver. */
        registry_right(w.r, 0, 2, registry_mark(w.r, 0), w.now + 1, w.now + 1, record, &w);
        assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_UNKNOWN);
        right(&w);
        assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_LISTED);
        assert_int_equal(w.n_events, 1);
        assert_int_equal(w.events[0].change, CHANGE_FIRST_LISTED);
        assert_int_equal(w.r->lists[0].group_flips[0].listings, 0); /* the first sight is no flip */
        world_release(&w);
    }
}

static void only_a_look_that_was_asked_for_confirms(void **state) {
    (void)state;
    static const enum look_source others[] = {LOOK_WATCHED, LOOK_SWEEP, LOOK_RECHECK, LOOK_ASKED};
    struct world w;
    world_init(&w, LIST_BLOCK, 3);
    right(&w);
    for (size_t i = 0; i < 2 * sizeof others / sizeof *others; i++) {
        print_message("# look %zu\n", i);
        assert_int_equal(look(&w, "10.0.0.9", others[i % 4], &listed), LOOK_WANTS_CONFIRM);
    }
    assert_int_equal(look(&w, "10.0.0.9", LOOK_CONFIRM, &listed), LOOK_WANTS_CONFIRM);
    right(&w);
    assert_int_equal(shown(&w, "10.0.0.9"), REGISTRY_UNKNOWN);
    assert_int_equal(look(&w, "10.0.0.9", LOOK_CONFIRM, &listed), LOOK_WANTS_TEST);
    /* Nor does it take anything back that agrees. */
    assert_int_equal(look(&w, "10.0.0.9", LOOK_WATCHED, &listed), LOOK_WANTS_TEST);
    right(&w);
    assert_int_equal(shown(&w, "10.0.0.9"), REGISTRY_LISTED);
    world_release(&w);
}

static void a_flip_that_nobody_confirms_begins_anew_once(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    right(&w);
    uint32_t index = index_of(&w, "10.0.0.9");
    assert_false(registry_put_back(w.r, 0, index));
    (void)look(&w, "10.0.0.9", LOOK_WATCHED, &listed);
    assert_true(registry_put_back(w.r, 0, index));
    assert_int_equal(look(&w, "10.0.0.9", LOOK_CONFIRM, &listed), LOOK_WANTS_CONFIRM);
    assert_false(registry_put_back(w.r, 0, index));
    registry_drop_pending(w.r, 0, index);
    /* The next one has not been put back yet. */
    (void)look(&w, "10.0.0.9", LOOK_WATCHED, &listed);
    (void)look(&w, "10.0.0.9", LOOK_CONFIRM, &listed);
    assert_true(registry_put_back(w.r, 0, index));
    right(&w);
    assert_int_equal(shown(&w, "10.0.0.9"), REGISTRY_UNKNOWN);
    world_release(&w);
}

static void looks_that_come_faster_than_tests_do_not_put_off_a_listing(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    right(&w);
    (void)look(&w, "192.0.2.1", LOOK_WATCHED, &listed);
    assert_int_equal(look(&w, "192.0.2.1", LOOK_CONFIRM, &listed), LOOK_WANTS_TEST);
    w.now += SECOND;
    int64_t began = w.now;
    uint32_t mark = registry_mark(w.r, 0);
    (void)look(&w, "192.0.2.1", LOOK_WATCHED, &listed); /* while the test is running */
    registry_right(w.r, 0, 0, mark, began, w.now, record, &w);
    assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_LISTED);
    assert_int_equal(w.n_events, 1);
    world_release(&w);
}

static void a_flip_is_counted_where_the_address_belongs(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    assert_int_equal(look(&w, "10.0.0.9", LOOK_WATCHED, &not_listed), LOOK_DONE);
    assert_int_equal(look(&w, "10.0.0.77", LOOK_SWEEP, &not_listed), LOOK_DONE);
    list_it(&w, "10.0.0.9", LOOK_WATCHED); /* in the group by name and by range */
    list_it(&w, "10.0.0.77", LOOK_SWEEP);  /* by range only */
    assert_int_equal(w.r->lists[0].group_flips[0].listings, 1);
    assert_int_equal(w.r->lists[0].range_flips[0].listings, 2);
    assert_int_equal(counts(&w)->listed, 2);
    assert_int_equal(counts(&w)->checked, 2);
    assert_int_equal(look(&w, "10.0.0.77", LOOK_RECHECK, &not_listed), LOOK_WANTS_CONFIRM);
    assert_int_equal(look(&w, "10.0.0.77", LOOK_CONFIRM, &not_listed), LOOK_WANTS_TEST);
    assert_int_equal(shown(&w, "10.0.0.77"), REGISTRY_LISTED);
    right(&w);
    assert_int_equal(shown(&w, "10.0.0.77"), REGISTRY_NOT_LISTED);
    assert_int_equal(w.r->lists[0].range_flips[0].delistings, 1);
    assert_int_equal(w.events[w.n_events - 1].change, CHANGE_DELISTED);
    /* It needs its entry only as long as it is of the sample, by a look that was not the last. */
    assert_non_null(registry_entry_find(w.r, 0, index_of(&w, "10.0.0.77")));
    w.now += 31 * DAY;
    (void)look(&w, "10.0.0.77", LOOK_SWEEP, &not_listed);
    assert_null(registry_entry_find(w.r, 0, index_of(&w, "10.0.0.77")));
    assert_int_equal(counts(&w)->listed, 1);
    world_release(&w);
}

static void a_look_that_disagrees_ends_a_pending_flip(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    (void)look(&w, "10.0.0.5", LOOK_SWEEP, &not_listed);
    assert_int_equal(look(&w, "10.0.0.5", LOOK_SWEEP, &listed), LOOK_WANTS_CONFIRM);
    assert_int_equal(look(&w, "10.0.0.5", LOOK_CONFIRM, &not_listed), LOOK_DONE);
    right(&w);
    assert_int_equal(shown(&w, "10.0.0.5"), REGISTRY_NOT_LISTED);
    assert_int_equal(w.n_events, 0);
    assert_int_equal(registry_entry_find(w.r, 0, index_of(&w, "10.0.0.5"))->pending, REGISTRY_UNKNOWN);
    (void)look(&w, "10.0.0.5", LOOK_SWEEP, &not_listed);
    assert_null(registry_entry_find(w.r, 0, index_of(&w, "10.0.0.5")));
    world_release(&w);
}

/* Else what is delisted in between would count for longer than what never was listed: a month of listings
 * that last ten days would show a quarter too many. */
static void a_sample_is_as_old_as_the_look_of_the_sweep_whatever_came_later(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    const struct registry_stale stale = {.sweep_ns = 365 * DAY};
    int64_t start = w.now;
    (void)look(&w, "10.0.0.1", LOOK_SWEEP, &not_listed);
    (void)look(&w, "10.0.0.2", LOOK_SWEEP, &not_listed);
    list_it(&w, "10.0.0.3", LOOK_SWEEP);
    w.now = start + 10 * DAY;
    (void)look(&w, "10.0.0.2", LOOK_CONFIRM, &not_listed); /* somebody asked about it */
    (void)look(&w, "10.0.0.3", LOOK_RECHECK, &not_listed);
    (void)look(&w, "10.0.0.3", LOOK_CONFIRM, &not_listed);
    right(&w);
    assert_int_equal(shown(&w, "10.0.0.3"), REGISTRY_NOT_LISTED);
    registry_scan(w.r, 0, &stale, 1000, start + 29 * DAY);
    assert_int_equal(counts(&w)->sample_checked, 3);
    assert_int_equal(counts(&w)->sample_listed, 1);
    /* The sweep comes by: nothing keeps these two fresh, so they are asked. */
    assert_false(registry_sample(w.r, 0, index_of(&w, "10.0.0.2"), start + 29 * DAY));
    assert_false(registry_sample(w.r, 0, index_of(&w, "10.0.0.3"), start + 29 * DAY));
    registry_scan(w.r, 0, &stale, 1000, start + 31 * DAY);
    assert_int_equal(counts(&w)->sample_checked, 0);
    assert_int_equal(counts(&w)->sample_listed, 0);
    assert_int_equal(counts(&w)->checked, 3);
    assert_null(registry_entry_find(w.r, 0, index_of(&w, "10.0.0.2")));
    assert_null(registry_entry_find(w.r, 0, index_of(&w, "10.0.0.3")));
    world_release(&w);
}

static void what_is_named_one_by_one_is_aged_by_itself(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    const struct registry_stale stale = {
        .sweep_ns = 365 * DAY, .ring_ns = (const int64_t[]){6 * HOUR}, .n_rings = 1};
    (void)look(&w, "10.0.0.1", LOOK_SWEEP, &not_listed);
    (void)look(&w, "10.0.0.9", LOOK_WATCHED, &not_listed);
    registry_scan_watched(w.r, 0, &stale, 100, w.now + 5 * HOUR);
    assert_true(registry_is_fresh(&w.r->lists[0], index_of(&w, "10.0.0.9")));
    registry_scan_watched(w.r, 0, &stale, 100, w.now + 7 * HOUR);
    assert_false(registry_is_fresh(&w.r->lists[0], index_of(&w, "10.0.0.9")));
    assert_true(registry_is_fresh(&w.r->lists[0], index_of(&w, "10.0.0.1")));
    world_release(&w);
}

static void a_wrong_self_test_withdraws_what_was_learnt_since_the_last_right_one(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    (void)look(&w, "10.0.0.1", LOOK_SWEEP, &not_listed);
    (void)look(&w, "192.0.2.1", LOOK_WATCHED, &not_listed);
    right(&w);
    uint32_t proven = registry_entry_find(w.r, 0, index_of(&w, "192.0.2.1"))->checked;
    w.now += HOUR;
    (void)look(&w, "10.0.0.1", LOOK_SWEEP, &not_listed);
    (void)look(&w, "10.0.0.2", LOOK_SWEEP, &not_listed);
    (void)look(&w, "192.0.2.1", LOOK_WATCHED, &not_listed);
    assert_int_equal(look(&w, "10.0.0.3", LOOK_SWEEP, &listed), LOOK_WANTS_CONFIRM);
    assert_int_equal(counts(&w)->checked, 2);
    assert_int_equal(counts(&w)->sample_checked, 2);
    registry_wrong(w.r, 0, 0);
    assert_int_equal(shown(&w, "10.0.0.1"), REGISTRY_NOT_LISTED); /* proven before */
    assert_int_equal(shown(&w, "10.0.0.2"), REGISTRY_UNKNOWN);
    assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_NOT_LISTED);
    assert_int_equal(registry_entry_find(w.r, 0, index_of(&w, "192.0.2.1"))->checked, proven);
    assert_int_equal(registry_entry_find(w.r, 0, index_of(&w, "10.0.0.3"))->looks, 0); /* begins anew */
    assert_int_equal(counts(&w)->checked, 1);
    assert_int_equal(counts(&w)->sample_checked, 1);
    assert_int_equal(w.n_events, 0);
    world_release(&w);
}

static void results_after_the_beginning_of_a_test_wait_for_the_next(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    (void)look(&w, "10.0.0.1", LOOK_SWEEP, &not_listed);
    uint32_t mark = registry_mark(w.r, 0);
    int64_t began = w.now;
    (void)look(&w, "10.0.0.2", LOOK_SWEEP, &not_listed);
    registry_right(w.r, 0, 0, mark, began, w.now, record, &w);
    registry_wrong(w.r, 0, 0);
    assert_int_equal(shown(&w, "10.0.0.1"), REGISTRY_NOT_LISTED);
    assert_int_equal(shown(&w, "10.0.0.2"), REGISTRY_UNKNOWN);
    world_release(&w);
}

static void verdicts_become_stale_only_while_the_list_is_ok(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 1);
    const int64_t ring = 6 * HOUR;
    const struct registry_stale stale = {.sweep_ns = 12 * HOUR, .ring_ns = &ring, .n_rings = 1};
    (void)look(&w, "10.0.0.1", LOOK_SWEEP, &not_listed);
    (void)look(&w, "192.0.2.1", LOOK_WATCHED, &not_listed);
    right(&w);
    int64_t start = w.now;
    registry_scan(w.r, 0, &stale, 1000, start + 5 * HOUR);
    assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_NOT_LISTED);
    assert_true(counts(&w)->oldest != 0);
    registry_freeze(w.r, 0, true, start + 5 * HOUR);
    registry_scan(w.r, 0, &stale, 1000, start + 40 * HOUR);
    assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_NOT_LISTED);
    registry_freeze(w.r, 0, false, start + 50 * HOUR);
    registry_scan(w.r, 0, &stale, 1000, start + 50 * HOUR + 30 * MINUTE);
    assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_NOT_LISTED);
    registry_scan(w.r, 0, &stale, 1000, start + 52 * HOUR); /* 5 + 2 hours of an ok list */
    assert_int_equal(shown(&w, "192.0.2.1"), REGISTRY_UNKNOWN);
    assert_int_equal(shown(&w, "10.0.0.1"), REGISTRY_NOT_LISTED);
    registry_scan(w.r, 0, &stale, 1000, start + 58 * HOUR);
    assert_int_equal(shown(&w, "10.0.0.1"), REGISTRY_UNKNOWN);
    assert_int_equal(counts(&w)->checked, 0);
    /* What was known is remembered: the opposite look is a flip, not a first sight. */
    w.now = start + 60 * HOUR;
    assert_int_equal(look(&w, "192.0.2.1", LOOK_WATCHED, &listed), LOOK_WANTS_TEST);
    right(&w);
    assert_int_equal(w.events[0].change, CHANGE_LISTED);
    world_release(&w);
}

static void a_listing_is_kept_for_thirty_days_of_a_blind_list(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 1);
    const struct registry_stale stale = {.sweep_ns = 12 * HOUR};
    (void)look(&w, "10.0.0.1", LOOK_SWEEP, &listed);
    (void)look(&w, "10.0.0.2", LOOK_SWEEP, &not_listed);
    right(&w);
    registry_freeze(w.r, 0, true, w.now);
    registry_scan(w.r, 0, &stale, 1000, w.now + 29 * DAY);
    assert_int_equal(shown(&w, "10.0.0.1"), REGISTRY_LISTED);
    registry_scan(w.r, 0, &stale, 1000, w.now + 31 * DAY);
    assert_int_equal(shown(&w, "10.0.0.1"), REGISTRY_UNKNOWN);
    assert_int_equal(counts(&w)->listed, 0);
    world_release(&w);
}

static void scores_count_at_once_and_fill_the_bands(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_REPUTATION, 2);
    static const struct {
        const char *ip;
        int score;
        unsigned band;
    } rows[] = {{"10.0.0.1", 0, 0},  {"10.0.0.2", 9, 0},  {"10.0.0.3", 10, 1},
                {"10.0.0.4", 89, 8}, {"10.0.0.5", 90, 9}, {"10.0.0.6", 100, 9}};
    unsigned expected[REGISTRY_BANDS] = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct verdict v = listed;
        v.score = rows[i].score;
        print_message("# %s %d\n", rows[i].ip, rows[i].score);
        assert_int_equal(look(&w, rows[i].ip, LOOK_SWEEP, &v), LOOK_DONE);
        expected[rows[i].band]++;
    }
    for (unsigned b = 0; b < REGISTRY_BANDS; b++)
        assert_int_equal(counts(&w)->bands[b], expected[b]);
    right(&w);
    struct verdict v = listed;
    v.score = 50;
    (void)look(&w, "10.0.0.1", LOOK_SWEEP, &v);
    assert_int_equal(counts(&w)->bands[5], 1);
    registry_wrong(w.r, 0, 0);
    assert_int_equal(counts(&w)->bands[5], 0);
    assert_int_equal(counts(&w)->bands[0], 2);
    (void)look(&w, "10.0.0.1", LOOK_SWEEP, &not_listed); /* no data any more */
    assert_int_equal(counts(&w)->bands[0], 1);
    assert_int_equal(w.n_events, 0);
    world_release(&w);
}

static void the_sweep_takes_tracked_addresses_as_they_are(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    assert_false(registry_sample(w.r, 0, index_of(&w, "10.0.0.9"), w.now));
    (void)look(&w, "10.0.0.9", LOOK_WATCHED, &not_listed);
    assert_int_equal(counts(&w)->sample_checked, 0); /* only the sweep samples */
    assert_true(registry_sample(w.r, 0, index_of(&w, "10.0.0.9"), w.now));
    assert_int_equal(counts(&w)->sample_checked, 1);
    list_it(&w, "10.0.0.9", LOOK_WATCHED);
    assert_int_equal(counts(&w)->sample_listed, 0); /* of that look; a later one changes no sample */
    assert_true(registry_sample(w.r, 0, index_of(&w, "10.0.0.9"), w.now));
    assert_int_equal(counts(&w)->sample_listed, 1);
    const struct registry_stale stale = {.sweep_ns = 100 * DAY};
    registry_scan(w.r, 0, &stale, 1000, w.now + 31 * DAY);
    assert_int_equal(counts(&w)->sample_checked, 0);
    assert_int_equal(counts(&w)->sample_listed, 0);
    assert_int_equal(counts(&w)->listed, 1);
    world_release(&w);
}

static uint8_t same_server(void *context, uint32_t list, uint32_t old_list, uint8_t server) {
    (void)context;
    (void)list;
    (void)old_list;
    return server;
}

static uint8_t server_gone(void *context, uint32_t list, uint32_t old_list, uint8_t server) {
    (void)context;
    (void)list;
    (void)old_list;
    (void)server;
    return REGISTRY_NO_SERVER;
}

static void a_reload_keeps_what_is_unproven_unproven(void **state) {
    for (int gone = 0; gone < 2; gone++) {
        struct world w;
        world_init(&w, LIST_BLOCK, 2);
        (void)look(&w, "10.0.0.1", LOOK_SWEEP, &not_listed);
        right(&w);
        (void)look(&w, "10.0.0.2", LOOK_SWEEP, &not_listed);
        struct registry *next = NULL;
        assert_int_equal(registry_new(w.f.targets, w.r->epoch_ns, w.now, &next), STATUS_OK);
        assert_int_equal(registry_carry(next, w.r, gone ? server_gone : same_server, NULL, w.now), STATUS_OK);
        assert_int_equal(next->lists[0].counts[0].checked, gone ? 1 : 2);
        registry_wrong(next, 0, 0);
        assert_int_equal(next->lists[0].counts[0].checked, 1);
        assert_int_equal(w.r->lists[0].counts[0].checked, 2); /* the old one is as it was */
        registry_free(next);
        world_release(&w);
    }
}

static void new_codes_of_a_listing_wait_for_their_proof(void **state) {
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    list_it(&w, "10.0.0.9", LOOK_WATCHED);
    struct verdict other = listed;
    other.codes = 4;
    (void)look(&w, "10.0.0.9", LOOK_WATCHED, &other);
    const struct registry_entry *entry = registry_entry_find(w.r, 0, index_of(&w, "10.0.0.9"));
    assert_int_equal(entry->codes, 1);
    registry_wrong(w.r, 0, 0);
    right(&w);
    assert_int_equal(entry->codes, 1);
    assert_int_equal(w.n_events, 1);
    (void)look(&w, "10.0.0.9", LOOK_WATCHED, &other);
    right(&w);
    assert_int_equal(entry->codes, 4);
    assert_int_equal(w.n_events, 2);
    assert_int_equal(w.events[1].change, CHANGE_CODES);
    world_release(&w);
}

static void what_is_no_longer_named_needs_no_entry(void **state) {
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    (void)look(&w, "10.0.0.9", LOOK_WATCHED, &not_listed);
    list_it(&w, "10.0.0.10", LOOK_SWEEP);
    struct registry *next = NULL;
    assert_int_equal(registry_new(w.f.targets, w.r->epoch_ns, w.now, &next), STATUS_OK);
    assert_int_equal(registry_carry(next, w.r, same_server, NULL, w.now), STATUS_OK);
    registry_prune(next, 0);
    assert_null(registry_entry_find(next, 0, index_of(&w, "10.0.0.9")));
    assert_non_null(registry_entry_find(next, 0, index_of(&w, "10.0.0.10")));
    assert_int_equal(next->lists[0].counts[0].checked, 2);
    registry_free(next);
    world_release(&w);
}

/* It makes room for as many entries as there were; more come. */
static void there_is_room_for_new_entries_after_a_reload_with_a_single_one(void **state) {
    struct world w;
    struct registry *next = NULL;
    world_init(&w, LIST_BLOCK, 1);
    assert_non_null(registry_restore_entry(w.r, 0, index_of(&w, "10.0.0.1")));
    registry_restore_cell(w.r, 0, index_of(&w, "10.0.0.1"), REGISTRY_LISTED | CELL_FRESH, REGISTRY_NO_SCORE,
                          1, 1);
    assert_int_equal(registry_new(w.f.targets, registry_epoch(0), w.now, &next), STATUS_OK);
    assert_int_equal(registry_carry(next, w.r, same_server, NULL, w.now), STATUS_OK);
    assert_int_equal(next->lists[0].n_entries, 1);
    for (uint32_t i = 0; i < next->lists[0].set->n; i++) {
        assert_non_null(registry_restore_entry(next, 0, i));
        assert_in_range(next->lists[0].n_entries, 1, next->lists[0].entries_size);
    }
    registry_free(next);
    world_release(&w);
    (void)state;
}

static void a_reload_keeps_what_still_applies(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 1);
    (void)look(&w, "10.0.0.9", LOOK_WATCHED, &not_listed);
    (void)look(&w, "10.0.0.10", LOOK_SWEEP, &not_listed);
    (void)look(&w, "10.0.0.200", LOOK_SWEEP, &not_listed);
    right(&w);
    (void)look(&w, "10.0.0.9", LOOK_WATCHED, &listed);
    right(&w);
    struct fixture f;
    fixture_init(&f);
    (void)fixture_list(&f, "other", "other.test");
    (void)fixture_list(&f, "bl", "bl.test");
    struct group *g = fixture_group(&f, "g");
    fixture_range(&f, g, "10.0.0.0/25"); /* without .200 */
    fixture_range(&f, g, "10.0.7.0/24");
    fixture_address(&f, g, "10.0.0.9");
    struct registry *next = NULL;
    assert_int_equal(registry_new(fixture_targets(&f), w.r->epoch_ns, w.now, &next), STATUS_OK);
    assert_int_equal(registry_carry(next, w.r, same_server, NULL, w.now), STATUS_OK);
    const struct registry_list *l = &next->lists[1];
    assert_int_equal(l->counts[0].checked, 2);
    assert_int_equal(l->counts[0].listed, 1);
    assert_int_equal(l->counts[1].checked, 0);
    assert_int_equal(l->group_flips[0].listings, 1);
    assert_int_equal(next->lists[0].counts[0].checked, 0);
    struct ip ip = fixture_ip("10.0.0.9");
    const struct registry_entry *entry = registry_entry_find(next, 1, target_index(l->set, &ip));
    assert_non_null(entry);
    assert_true(entry->changed != 0);
    assert_int_equal(entry->codes, UINT64_C(1) << LIST_CODE_OTHER); /* neither table has a name for it */
    registry_free(next);
    fixture_release(&f);
    world_release(&w);
}

static void codes_without_a_name_stay_so_after_a_reload(void **state) {
    struct world w;
    const uint64_t other = UINT64_C(1) << LIST_CODE_OTHER;
    world_init(&w, LIST_BLOCK, 1);
    const struct list *list = w.r->lists[0].list; /* its codes have no names */
    assert_true(registry_translate_codes(list, list, 0) == 0);
    assert_true(registry_translate_codes(list, list, other) == other);
    assert_true(registry_translate_codes(list, list, other | 1) == other);
    world_release(&w);
}

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % n;
}

static void counts_always_agree_with_the_cells(void **state) {
    (void)state;
    struct world w;
    world_init(&w, LIST_BLOCK, 2);
    const int64_t ring = HOUR;
    const struct registry_stale stale = {.sweep_ns = 2 * HOUR, .ring_ns = &ring, .n_rings = 1};
    for (int step = 0; step < 20000; step++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "10.0.0.%u", random_below(256));
        w.n_events = 0;
        switch (random_below(40)) {
        case 0: right(&w); break;
        case 1: registry_wrong(w.r, 0, 0); break;
        case 2: registry_scan(w.r, 0, &stale, 100, w.now); break;
        case 3: (void)registry_sample(w.r, 0, index_of(&w, ip), w.now); break;
        case 4: registry_drop_pending(w.r, 0, index_of(&w, ip)); break;
        default:
            (void)look(&w, ip, random_below(2) ? LOOK_SWEEP : LOOK_CONFIRM,
                       random_below(3) ? &not_listed : &listed);
        }
        const struct registry_list *l = &w.r->lists[0];
        uint32_t checked = 0;
        uint32_t on = 0;
        uint32_t sampled = 0;
        uint32_t tracked = 0;
        uint32_t awaiting = 0;
        for (uint32_t i = 0; i < l->set->n_swept; i++) {
            checked += registry_is_fresh(l, i);
            on += registry_is_fresh(l, i) && registry_verdict_of(l, i) == REGISTRY_LISTED;
            sampled += (l->states[i] & CELL_SAMPLED) != 0;
            tracked += (l->states[i] & CELL_TRACKED) != 0;
            assert_int_equal((l->states[i] & CELL_TRACKED) != 0, registry_entry_find(w.r, 0, i) != NULL);
        }
        uint32_t used = 0;
        for (uint32_t i = 0; i < l->n_entries; i++) {
            used += l->entries[i].used;
            awaiting += l->entries[i].used && l->entries[i].awaiting;
        }
        assert_int_equal(l->counts[0].checked, checked);
        assert_int_equal(l->counts[0].listed, on);
        assert_int_equal(l->counts[0].sample_checked, sampled);
        assert_int_equal(tracked, used);
        assert_int_equal(l->n_awaiting, awaiting);
    }
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_needs_its_looks_and_a_self_test_after_them),
        cmocka_unit_test(looks_that_come_faster_than_tests_do_not_put_off_a_listing),
        cmocka_unit_test(only_a_look_that_was_asked_for_confirms),
        cmocka_unit_test(a_flip_that_nobody_confirms_begins_anew_once),
        cmocka_unit_test(a_flip_is_counted_where_the_address_belongs),
        cmocka_unit_test(a_look_that_disagrees_ends_a_pending_flip),
        cmocka_unit_test(a_sample_is_as_old_as_the_look_of_the_sweep_whatever_came_later),
        cmocka_unit_test(what_is_named_one_by_one_is_aged_by_itself),
        cmocka_unit_test(a_wrong_self_test_withdraws_what_was_learnt_since_the_last_right_one),
        cmocka_unit_test(results_after_the_beginning_of_a_test_wait_for_the_next),
        cmocka_unit_test(verdicts_become_stale_only_while_the_list_is_ok),
        cmocka_unit_test(a_listing_is_kept_for_thirty_days_of_a_blind_list),
        cmocka_unit_test(scores_count_at_once_and_fill_the_bands),
        cmocka_unit_test(the_sweep_takes_tracked_addresses_as_they_are),
        cmocka_unit_test(a_reload_keeps_what_is_unproven_unproven),
        cmocka_unit_test(new_codes_of_a_listing_wait_for_their_proof),
        cmocka_unit_test(what_is_no_longer_named_needs_no_entry),
        cmocka_unit_test(there_is_room_for_new_entries_after_a_reload_with_a_single_one),
        cmocka_unit_test(a_reload_keeps_what_still_applies),
        cmocka_unit_test(codes_without_a_name_stay_so_after_a_reload),
        cmocka_unit_test(counts_always_agree_with_the_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
