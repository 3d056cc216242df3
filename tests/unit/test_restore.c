/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup */
#include "core/checker_internal.h"
#include "core/metrics.h"
#include "core/save_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "restore_fixture.h"

/* What must be the same in both lives, as text. A list with a key has to pass a self-test again. */
static void render(struct buf *out, const struct checker *c, int64_t now_ns, int64_t offset_ns) {
    static const char *const levels[METRICS_LOG_LEVELS] = {"debug", "info", "warn", "error"};
    static const char *const results[METRICS_BOUNCE_RESULTS] = {"a", "b", "c", "d"};
    static const struct metrics_bounces bounces;
    static const struct metrics_process process = {.version = "",
                                                   .revision = "",
                                                   .branch = "",
                                                   .compiler = "",
                                                   .arch = "",
                                                   .log_levels = levels,
                                                   .bounces = &bounces,
                                                   .bounce_results = results};
    struct buf all;
    buf_init(&all, 1 << 20);
    metrics_render(&all, PROMTEXT_004, &(const struct metrics_filter){.is_set = false}, c, &process, now_ns,
                   offset_ns);
    assert_int_equal(buf_status(&all), STATUS_OK);
    for (char *line = strtok(all.data, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strncmp(line, "rbl_ip_", 7) == 0 || strncmp(line, "rbl_range_", 10) == 0 ||
            strncmp(line, "rbl_safelist_", 13) == 0 ||
            (strncmp(line, "rbl_list_state", 14) == 0 && strstr(line, "\"keyed\"") == NULL) ||
            strncmp(line, "rbl_list_quota_used", 19) == 0) {
            buf_add_text(out, line);
            buf_add_char(out, '\n');
        }
    buf_release(&all);
}

/* Line by line, because cmocka shows only the beginning of a text. */
static void assert_same_lines(const struct buf *before, const struct buf *after) {
    const char *a = buf_text(before);
    const char *b = buf_text(after);
    while (*a != '\0' || *b != '\0') {
        size_t n = strcspn(a, "\n") + 1;
        size_t m = strcspn(b, "\n") + 1;
        if (n != m || memcmp(a, b, n) != 0)
            fail_msg("before: %.*s\nafter: %.*s", (int)n, a, (int)m, b);
        a += n;
        b += m;
    }
}

static void what_was_known_counted_and_spent_is_the_same_after_a_start(void **state) {
    struct buf before;
    struct buf after;
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    live();
    for (uint32_t list = 0; list < WORLD_LISTS; list++) /* the oldest results are known after a whole scan */
        if (first.checker->lists[list].list != NULL)
            checker_age_all(first.checker, list, first.now_ns);
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    assert_non_null(c);
    assert_int_equal(load(c, NULL), STATUS_OK);
    render(&before, first.checker, LATER + LATER_OFFSET - WORLD_OFFSET, WORLD_OFFSET);
    render(&after, c, LATER, LATER_OFFSET);
    assert_same_lines(&before, &after);
    assert_non_null(strstr(buf_text(&before), "rbl_ip_listings_total{group=\"outbound\",list=\"block\"} 1"));
    assert_non_null(strstr(buf_text(&before), "rbl_range_ip_listed"));
    assert_non_null(strstr(buf_text(&before), "rbl_safelist_last_listed_timestamp_seconds{safelist=\"safe\","
                                              "range=\"2001:db8:1::/125\",list=\"block\"} 1735689604\n"));
    buf_release(&before);
    buf_release(&after);
    checker_free(c);
    kept_clear(&store);
    world_end(&first);
}

/* Whom the ring of single addresses asks next. */
static struct ip next_of_ring(const struct checker *c) {
    const struct plan *plan = &c->lists[BLOCK].plan;
    return target_ip(plan->set, plan->rings[0].members[plan->rings[0].position]);
}

static void a_ring_goes_on_where_it_was_after_a_start(void **state) {
    live();
    struct plan_ring *ring = &first.checker->lists[BLOCK].plan.rings[0];
    ring->round = 3;
    ring->position = ring->n - 1;
    const struct ip next = next_of_ring(first.checker);
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    const struct ip same = next_of_ring(c);
    assert_true(ip_equal(&same, &next));
    assert_int_equal(c->lists[BLOCK].plan.rings[0].n_newcomers, 0);
    checker_free(c);

    /* Whatever came and went meanwhile; and who is new is asked at once. */
    struct group groups[WORLD_GROUPS];
    struct ip ips[] = {world_ip("203.0.113.1"), next, world_ip("203.0.113.2")};
    memcpy(groups, settings.groups, sizeof groups);
    groups[OUTBOUND].addresses = ips;
    groups[OUTBOUND].n_addresses = 3;
    settings.groups = groups;
    struct targets *targets = NULL;
    assert_int_equal(targets_build(&settings, &targets), STATUS_OK);
    c = second_life(targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    const struct ip still = next_of_ring(c);
    assert_true(ip_equal(&still, &next));
    assert_int_equal(c->lists[BLOCK].plan.rings[0].round, 3);
    assert_int_equal(c->lists[BLOCK].plan.rings[0].n_newcomers, 2);
    checker_free(c);
    targets_free(targets);
    kept_clear(&store);
    world_end(&first);
    (void)state;
}

static void moments_do_not_wander_from_start_to_start(void **state) {
    struct buf before;
    struct buf after;
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    live();
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    render(&before, c, LATER, LATER_OFFSET);
    for (int i = 0; i < 5; i++) {
        struct save *save = save_new(false, NULL, 0, kept_put, &store);
        kept_clear(&store);
        store.room = KEPT_MAX;
        assert_int_equal(save_use(save, c, LATER), STATUS_OK);
        save_turn(save, LATER, LATER_OFFSET + 333333333);
        assert_true(save_end(save, LATER, LATER_OFFSET + 333333333));
        save_free(save);
        checker_free(c);
        c = second_life(first.targets);
        struct restore *restore = restore_new(c, LATER, LATER_OFFSET + 333333333);
        assert_int_equal(kept_load(&store, restore), STATUS_OK);
        assert_int_equal(restore_end(restore, LATER + LATER_OFFSET, false), STATUS_OK);
        restore_free(restore);
    }
    render(&after, c, LATER, LATER_OFFSET);
    assert_same_lines(&before, &after);
    buf_release(&before);
    buf_release(&after);
    checker_free(c);
    kept_clear(&store);
    world_end(&first);
}

static void a_clock_that_was_set_back_makes_nothing_younger_than_now(void **state) {
    live();
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    struct restore *restore = restore_new(c, LATER, LATER_OFFSET - 3600 * SECOND);
    assert_int_equal(kept_load(&store, restore), STATUS_OK);
    assert_int_equal(restore_end(restore, first.now_ns + WORLD_OFFSET, false), STATUS_OK);
    const struct registry_list *l = &c->registry->lists[BLOCK];
    struct ip ip = world_ip("192.0.2.1");
    uint32_t index = target_index(l->set, &ip);
    assert_int_equal(registry_verdict_of(l, index), REGISTRY_LISTED);
    assert_true(registry_cell_stamp(c->registry, BLOCK, index) <= registry_stamp(c->registry, LATER));
    assert_int_equal(quota_used(checker_quota(c, BLOCK), LATER), 7);
    assert_int_equal(quota_used(checker_quota(c, BLOCK), LATER + 23 * HOUR), 7);
    restore_free(restore);
    checker_free(c);
    kept_clear(&store);
    world_end(&first);
}

static void what_began_nobody_knows_when_is_no_damage(void **state) {
    live();
    /* As after a store whose last write was not known, by clocks that differ by some nanoseconds now. */
    first.checker->registry->lists[BLOCK].frozen_since_ns = -WORLD_OFFSET - 241;
    save_free(save_first());
    struct targets *targets = NULL;
    assert_int_equal(targets_build(&settings, &targets), STATUS_OK);
    struct checker *c = second_life(targets);
    assert_non_null(c);
    assert_int_equal(load(c, NULL), STATUS_OK);
    checker_free(c);
    targets_free(targets);
    kept_clear(&store);
    world_end(&first);
}

static void queries_that_were_reserved_count_as_spent_after_a_crash(void **state) {
    live();
    struct save *save = save_new(false, NULL, 0, kept_put, &store);
    assert_int_equal(save_use(save, first.checker, first.now_ns), STATUS_OK);
    save_reserve(save, true, first.now_ns);
    save_turn(save, first.now_ns, WORLD_OFFSET);
    size_t at = 0;
    while (store.kept[at].ticket == 0 || strcmp(store.kept[at].name, "block") != 0)
        at++;
    struct quota *quota = checker_quota(first.checker, BLOCK);
    assert_false(quota_is_reserved(quota));
    save_written(save, store.kept[at].ticket, first.now_ns);
    assert_true(quota_is_reserved(quota));
    uint64_t reserved = quota->reserved;
    assert_true(reserved >= 4);
    quota_take(quota, BUDGET_WATCHED, first.now_ns); /* and nobody writes that down */
    struct checker *c = second_life(first.targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    assert_int_equal(quota_used(checker_quota(c, BLOCK), LATER), 7 + reserved);
    checker_free(c);
    save_free(save);
    kept_clear(&store);
    world_end(&first);
}

/* Until when 192.0.2.0/24, of which something was listed at the end of the first life, was so for a second
 * one that asks nothing of it; wall clock seconds since the world began. */
static int64_t listed_until(int64_t alive_ns) {
    struct settings fewer = world_settings();
    struct targets *targets = NULL;
    fewer.groups = &world_groups()[FLEET];
    fewer.n_groups = 1;
    assert_int_equal(targets_build(&fewer, &targets), STATUS_OK);
    struct checker *c = second_life(targets);
    struct restore *restore = restore_new(c, LATER, LATER_OFFSET);
    assert_int_equal(kept_load(&store, restore), STATUS_OK);
    assert_int_equal(restore_end(restore, alive_ns, false), STATUS_OK);
    assert_string_equal(targets->safelists[1].range->label, "192.0.2.0/24");
    uint32_t stamp = registry_safelist_listed(c->registry, BLOCK, 1, LATER);
    int64_t ns = registry_ns(c->registry, stamp) + LATER_OFFSET - (WORLD_START + WORLD_OFFSET);
    restore_free(restore);
    checker_free(c);
    targets_free(targets);
    return ns / SECOND;
}

static void what_was_listed_and_is_asked_no_more_was_so_until_the_store_was_last_written(void **state) {
    live();
    save_free(save_first());
    assert_int_equal(listed_until(WORLD_START + WORLD_OFFSET + 7 * SECOND), 7);
    assert_int_equal(listed_until(WORLD_START + WORLD_OFFSET + 99 * SECOND), 10); /* ahead of the clock */
    assert_int_equal(listed_until(0), 10);                                        /* nobody knows: now */
    kept_clear(&store);
    world_end(&first);
}

static void a_day_of_watching_goes_on_after_a_start(void **state) {
    live();
    for (unsigned i = 0; i < 8; i++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "2001:db8:1::%u", i);
        world_not_listed(&first, BLOCK, ip, LOOK_SWEEP);
    }
    registry_safelists_note(first.checker->registry, BLOCK, first.now_ns);
    uint32_t known = first.checker->registry->lists[BLOCK].safelists[2].known;
    assert_int_not_equal(known, 0);
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    const struct registry_safelist *kept = c->registry->lists[BLOCK].safelists;
    assert_int_equal(registry_ns(c->registry, kept[2].known) + LATER_OFFSET,
                     registry_ns(first.checker->registry, known) + WORLD_OFFSET);
    assert_int_equal(kept[0].known, 0);
    checker_free(c);
    kept_clear(&store);
    world_end(&first);
}

/* Takes out of the record what an older format did not have yet: since when the whole sweep runs, which is
 * its end; since when safelisted ranges are known, or safelists altogether, which are its last part but for
 * the progress. */
static void make_older(struct kept *k, size_t head, uint8_t format) {
    static const uint32_t ranges = 4; /* of the world's safelists */
    uint8_t *data = (uint8_t *)(uintptr_t)k->record.data;
    size_t lens[4];
    size_t len = 0;
    for (uint32_t i = 0; i < ranges; i++) {
        lens[i] = 2 + strlen(first.targets->safelists[i].range->label) + 1 + 4;
        len += lens[i] + 4;
    }
    assert_true(head < k->record.len && data[0] == RECORD_LIST_FORMAT);
    data[0] = format;
    k->record.len -= sizeof(int64_t);
    if (format == 3)
        return;
    uint8_t *to = data + head - len;
    const uint8_t *from = to;
    for (uint32_t i = 0; format == 2 && i < ranges; i++) {
        memmove(to, from, lens[i]);
        to += lens[i];
        from += lens[i] + 4;
    }
    if (format == 1)
        to -= sizeof ranges;
    memmove(to, data + head, k->record.len - head);
    k->record.len -= (size_t)(data + head - to);
}

/* The same of a record of looks, which begins with the progress. */
static void make_older_looks(struct kept *k) {
    struct buf progress;
    uint8_t *data = (uint8_t *)(uintptr_t)k->record.data;
    buf_init(&progress, 1 << 20);
    save_encode_progress(&progress, first.checker, BLOCK, WORLD_OFFSET);
    size_t end = 1 + progress.len;
    assert_true(end <= k->record.len && data[0] == RECORD_LOOKS_FORMAT);
    data[0] = 1;
    memmove(data + end - sizeof(int64_t), data + end, k->record.len - end);
    k->record.len -= sizeof(int64_t);
    buf_release(&progress);
}

static void a_record_of_an_older_format_is_read(uint8_t format) {
    struct buf head;
    struct buf before;
    struct buf after;
    buf_init(&head, 1 << 20);
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    live();
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    render(&before, c, LATER, LATER_OFFSET);
    checker_free(c);
    unsigned n = 0;
    unsigned n_looks = 0;
    for (size_t i = 0; i < store.n; i++) {
        struct kept *k = &store.kept[i];
        if (k->record.kind == RECORD_LOOKS && strcmp(k->name, "block") == 0) {
            make_older_looks(k);
            n_looks++;
        }
        if (k->record.kind != RECORD_LIST || strcmp(k->name, "block") != 0)
            continue;
        buf_clear(&head);
        save_encode_list(&head, first.checker, BLOCK, WORLD_OFFSET);
        make_older(k, head.len, format);
        n++;
    }
    assert_true(n > 0 && n_looks > 0);
    c = second_life(first.targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    render(&after, c, LATER, LATER_OFFSET);
    assert_true(format == 3 || c->registry->lists[BLOCK].safelists[2].known == 0);
    /* Of the first: all but what was known of a range of which nothing is listed now, and which no entry
     * tells. */
    char *gone = strstr(buf_text(&before), "rbl_safelist_last_listed_timestamp_seconds{safelist=\"safe\","
                                           "range=\"2001:db8:1::/125\"");
    assert_non_null(gone);
    buf_clear(&head);
    buf_add(&head, before.data, (size_t)(gone - before.data));
    buf_add_text(&head, format == 1 ? strchr(gone, '\n') + 1 : gone);
    assert_same_lines(&head, &after);
    buf_release(&head);
    buf_release(&before);
    buf_release(&after);
    checker_free(c);
    kept_clear(&store);
    world_end(&first);
}

static void records_of_older_formats_are_read(void **state) {
    a_record_of_an_older_format_is_read(1);
    a_record_of_an_older_format_is_read(2);
    a_record_of_an_older_format_is_read(3);
}

static void what_a_record_says_falsely_is_refused_and_harms_nothing(void **state) {
    live();
    save_free(save_first());
    unsigned refused = 0;
    for (size_t i = 0; i < store.n; i++) {
        struct kept *k = &store.kept[i];
        uint8_t *data = (uint8_t *)(uintptr_t)k->record.data;
        size_t len = kept_is_replaced(&store, i) ? 0 : k->record.len;
        for (size_t at = 0; at < len; at += 1 + len / 200) {
            data[at] ^= 0x81;
            struct checker *c = second_life(first.targets);
            refused += load(c, NULL) == STATUS_SYNTAX;
            (void)checker_turn(c, LATER);
            checker_free(c);
            data[at] ^= 0x81;
            k->record.len = at; /* cut */
            c = second_life(first.targets);
            if (load(c, NULL) != STATUS_SYNTAX)
                fail_msg("kind %d of %s, cut at %zu of %zu", (int)k->record.kind, k->name, at, len);
            checker_free(c);
            k->record.len = len;
        }
    }
    assert_true(refused > 100);
    kept_clear(&store);
    world_end(&first);
}

static void without_memory_it_says_so_and_the_next_try_succeeds(void **state) {
    live();
    save_free(save_first());
    enum status status = STATUS_NO_MEMORY;
    for (unsigned long n = 1; status != STATUS_OK; n++) {
        struct checker *c = second_life(first.targets);
        assert_non_null(c);
        until_failure = n;
        status = load(c, NULL);
        bool failed = until_failure == 0;
        until_failure = 0;
        if (failed && status == STATUS_OK)
            status = STATUS_NO_MEMORY; /* a reason text is worth no failure: go on */
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        checker_free(c);
        assert_true(n < 10000);
    }
    kept_clear(&store);
    world_end(&first);
}

/* Three times as long is beyond what a number holds: it must not make young what is old. */
static void a_turn_of_centuries_is_one_of_ten_years(void **state) {
    live();
    struct plan *plan = &first.checker->lists[BLOCK].plan;
    plan->rings[0].round = 1;
    plan->rings[0].last_ns = INT64_MAX / 3 * 2;
    plan->sweep.last_interval_ns = plan->sweep.duration_ns = INT64_MAX / 3 * 2;
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    assert_int_equal(c->lists[BLOCK].plan.rings[0].last_ns, PLAN_LONGEST_NS);
    assert_int_equal(c->lists[BLOCK].plan.sweep.last_interval_ns, PLAN_LONGEST_NS);
    assert_int_equal(c->lists[BLOCK].plan.sweep.duration_ns, PLAN_LONGEST_NS);
    assert_int_equal(c->lists[BLOCK].ring_stale_ns[0], 3 * PLAN_LONGEST_NS);
    checker_free(c);
    kept_clear(&store);
    world_end(&first);
}

/* Nor is a list believed for long because its self-test began in 1970, or ended before it began. */
static void a_test_of_years_proves_a_sweep_for_a_minute(void **state) {
    live();
    struct checker *c = first.checker;
    struct health *h = &c->lists[ALLOW].tracks[0].health[IP_V4];
    h->ended_ns = first.now_ns - 61 * SECOND;
    c->lists[ALLOW].plan.sweep.running = false;
    assert_int_equal(checker_quota(c, ALLOW)->limit, 0);
    h->started_ns = h->ended_ns - 100 * SECOND;
    assert_true(checker_sweep_proven(c, ALLOW, first.now_ns));
    h->started_ns = h->ended_ns - 2 * 8760 * HOUR;
    assert_false(checker_sweep_proven(c, ALLOW, first.now_ns));
    h->started_ns = h->ended_ns + INT64_MAX / 4;
    assert_false(checker_sweep_proven(c, ALLOW, first.now_ns));
    world_end(&first);
}

static void records_out_of_order_are_refused(void **state) {
    live();
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    struct restore *restore = restore_new(c, LATER, LATER_OFFSET);
    for (size_t i = 0; i < store.n; i++) {
        const struct record record = kept_record(&store, i);
        if (record.kind == RECORD_CELLS || record.kind == RECORD_LOOKS || record.kind == RECORD_ENTRY)
            assert_int_equal(restore_record(restore, &record), STATUS_SYNTAX);
    }
    restore_free(restore);
    checker_free(c);
    kept_clear(&store);
    world_end(&first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_known_counted_and_spent_is_the_same_after_a_start),
        cmocka_unit_test(a_ring_goes_on_where_it_was_after_a_start),
        cmocka_unit_test(moments_do_not_wander_from_start_to_start),
        cmocka_unit_test(a_clock_that_was_set_back_makes_nothing_younger_than_now),
        cmocka_unit_test(what_began_nobody_knows_when_is_no_damage),
        cmocka_unit_test(queries_that_were_reserved_count_as_spent_after_a_crash),
        cmocka_unit_test(what_was_listed_and_is_asked_no_more_was_so_until_the_store_was_last_written),
        cmocka_unit_test(a_day_of_watching_goes_on_after_a_start),
        cmocka_unit_test(records_of_older_formats_are_read),
        cmocka_unit_test(what_a_record_says_falsely_is_refused_and_harms_nothing),
        cmocka_unit_test(without_memory_it_says_so_and_the_next_try_succeeds),
        cmocka_unit_test(a_turn_of_centuries_is_one_of_ten_years),
        cmocka_unit_test(a_test_of_years_proves_a_sweep_for_a_minute),
        cmocka_unit_test(records_out_of_order_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
