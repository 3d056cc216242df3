/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that no program as it is now would put: from before a change of the configuration, damaged behind
 * their checksum, or in another order. And memory that runs out wherever some is needed.
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

enum { MANY = 40 };

static void forget(void) {
    kept_clear(&store);
    world_end(&first);
}

static enum status give(struct restore *r, enum record_kind kind, const char *list, uint32_t generation,
                        const struct buf *data) {
    const struct record record = {
        .kind = kind, .list = list, .generation = generation, .data = data->data, .len = data->len};
    return restore_record(r, &record);
}

static struct kept *find_stored(enum record_kind kind, const char *name) {
    for (size_t i = 0; i < store.n; i++)
        if (store.kept[i].record.kind == kind && strcmp(store.kept[i].name, name) == 0)
            return &store.kept[i];
    fail_msg("no record of kind %d for %s", (int)kind, name);
    return NULL;
}

static enum status give_stored(struct restore *r, enum record_kind kind, const char *name) {
    struct record record = find_stored(kind, name)->record;
    record.list = name;
    return restore_record(r, &record);
}

/* ---- LIST, as a whole ---- */

static enum status give_list_of(struct restore *r, const char *name, const char *zone, enum list_kind kind,
                                unsigned format) {
    struct buf data;
    buf_init(&data, 1 << 10);
    pack_u8(&data, format);
    pack_text(&data, zone);
    pack_u8(&data, kind);
    pack_text(&data, "");
    enum status status = give(r, RECORD_LIST, name, 0, &data);
    buf_release(&data);
    return status;
}

static enum status give_list(struct restore *r, const char *name, const char *zone, unsigned format) {
    return give_list_of(r, name, zone, LIST_BLOCK, format);
}

static void any_number_of_lists_is_taken_each_once(void **state) {
    live();
    struct checker *c = second_life(first.targets);
    struct restore *r = restore_new(c, LATER, LATER_OFFSET);
    char name[RECORD_NAME_SIZE];
    size_t n = 0;
    assert_int_equal(give_list(r, "none", "none.example", 0), STATUS_SYNTAX);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "list%d", i);
        assert_int_equal(give_list(r, name, "gone.example", RECORD_LIST_FORMAT), STATUS_OK);
        assert_int_equal(give_list(r, name, "gone.example", RECORD_LIST_FORMAT), STATUS_SYNTAX);
    }
    assert_int_equal(give_list(r, "off", "off.example.net", RECORD_LIST_FORMAT), STATUS_OK); /* as it is */
    assert_int_equal(restore_end(r, first.now_ns + WORLD_OFFSET, false), STATUS_OK);
    assert_int_equal(give_list(r, "late", "gone.example", RECORD_LIST_FORMAT), STATUS_SYNTAX);
    const struct save_known *known = restore_known(r, &n);
    assert_int_equal(n, MANY + 1);
    assert_string_equal(known[MANY - 1].name, "list39");
    restore_free(r);
    restore_free(NULL);
    checker_free(c);
    forget();
}

/* What nobody needs any more: one by one, the rest stays. */
static void names_that_nobody_has_any_more_are_told_once(void **state) {
    live();
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    struct restore *r = restore_new(c, LATER, LATER_OFFSET);
    struct buf data;
    struct record gone;
    struct quota unspent;
    char name[RECORD_NAME_SIZE];
    buf_init(&data, 1 << 10);
    quota_init(&unspent, 100, HOUR, first.now_ns);
    save_encode_budget(&data, &unspent, 0, WORLD_OFFSET);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "budget%d", i);
        const struct record record = {.kind = RECORD_BUDGET,
                                      .list = i == 0   ? "shared"
                                              : i == 1 ? "allow"
                                                       : name,
                                      .number = i == 0 || i % 2,
                                      .data = data.data,
                                      .len = data.len};
        const struct record own = {RECORD_BUDGET, "allow", .data = data.data, .len = data.len};
        assert_int_equal(restore_record(r, i == 1 ? &own : &record), STATUS_OK);
    }
    struct record spent = find_stored(RECORD_BUDGET, "block")->record;
    spent.list = "spent";
    assert_int_equal(restore_record(r, &spent), STATUS_OK);
    spent.number = 1;
    assert_int_equal(restore_record(r, &spent), STATUS_OK);
    assert_int_equal(give_stored(r, RECORD_LIST, "block"), STATUS_OK);
    assert_int_equal(give_list(r, "former", "bl.EXAMPLE.net", RECORD_LIST_FORMAT), STATUS_OK);
    assert_int_equal(give_list(r, "off", "bl.example.net", RECORD_LIST_FORMAT), STATUS_OK);
    assert_int_equal(give_list_of(r, "kin", "bl.example.net", LIST_ALLOW, RECORD_LIST_FORMAT), STATUS_OK);
    assert_int_equal(give_list(r, "alien", "alien.example", RECORD_LIST_FORMAT), STATUS_OK);
    assert_int_equal(restore_end(r, first.now_ns + WORLD_OFFSET, false), STATUS_OK);
    for (int i = 2; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "budget%d", i);
        assert_true(restore_next_gone(r, &gone));
        assert_int_equal(gone.kind, RECORD_BUDGET_GONE);
        assert_string_equal(gone.list, name);
        assert_int_equal(gone.number, i % 2);
    }
    assert_true(restore_next_gone(r, &gone));
    assert_int_equal(gone.kind, RECORD_LIST_GONE);
    assert_string_equal(gone.list, "former");
    assert_false(restore_next_gone(r, &gone));
    assert_false(restore_next_gone(r, &gone));
    buf_release(&data);
    restore_free(r);
    checker_free(c);
    forget();
}

static void a_budget_without_its_times_is_refused(void **state) {
    live();
    struct checker *c = second_life(first.targets);
    struct restore *r = restore_new(c, LATER, LATER_OFFSET);
    struct buf data;
    buf_init(&data, 1 << 10);
    for (int i = 0; i < 4; i++) {
        struct quota quota;
        quota_init(&quota, 100, HOUR, first.now_ns);
        quota.filled_ns = i == 0 ? INT64_MIN : quota.filled_ns;
        quota.slot_start_ns = i == 1 ? INT64_MIN : quota.slot_start_ns;
        quota.per_ns = i == 2 ? INT64_MAX : quota.per_ns;
        buf_clear(&data);
        save_encode_budget(&data, &quota, 0, WORLD_OFFSET);
        assert_int_equal(give(r, RECORD_BUDGET, "block", 0, &data), i < 3 ? STATUS_SYNTAX : STATUS_OK);
    }
    buf_release(&data);
    restore_free(r);
    checker_free(c);
    forget();
}

/* ---- LAYOUT, and what is of one ---- */

struct span {
    const char *first;
    uint32_t count;
};

static void layout(struct buf *out, uint32_t n, const struct span *spans, uint32_t n_spans) {
    buf_clear(out);
    pack_u8(out, RECORD_FORMAT);
    pack_u32(out, n);
    pack_u32(out, 0);
    pack_u32(out, n_spans);
    for (uint32_t i = 0; i < n_spans; i++) {
        const struct ip ip = world_ip(spans[i].first);
        pack_ip(out, &ip);
        pack_u32(out, spans[i].count);
    }
}

static void a_layout_that_cannot_be_is_refused(void **state) {
    static const struct span good[] = {{"192.0.2.0", 2}, {"2001:db8::", 3}};
    static const struct span past_the_end[] = {{"255.255.255.255", 2}};
    static const struct span empty[] = {{"192.0.2.0", 0}};
    live();
    struct checker *c = second_life(first.targets);
    struct restore *r = restore_new(c, LATER, LATER_OFFSET);
    struct buf data;
    buf_init(&data, 1 << 10);
    assert_int_equal(give_list(r, "other", "other.example", RECORD_LIST_FORMAT), STATUS_OK);
    layout(&data, 5, good, 2);
    assert_int_equal(give(r, RECORD_LAYOUT, "none", 1, &data), STATUS_SYNTAX);
    assert_int_equal(give(r, RECORD_LAYOUT, "other", 1, &data), STATUS_OK);
    pack_u8(&data, 0); /* more than it says */
    assert_int_equal(give(r, RECORD_LAYOUT, "other", 1, &data), STATUS_SYNTAX);
    layout(&data, 5, good, 2);
    data.data[13] = 99; /* what family is that */
    assert_int_equal(give(r, RECORD_LAYOUT, "other", 1, &data), STATUS_SYNTAX);
    layout(&data, 6, good, 2);
    assert_int_equal(give(r, RECORD_LAYOUT, "other", 1, &data), STATUS_SYNTAX);
    layout(&data, 4, good, 2);
    assert_int_equal(give(r, RECORD_LAYOUT, "other", 1, &data), STATUS_SYNTAX);
    layout(&data, 2, past_the_end, 1);
    assert_int_equal(give(r, RECORD_LAYOUT, "other", 1, &data), STATUS_SYNTAX);
    layout(&data, 0, empty, 1);
    assert_int_equal(give(r, RECORD_LAYOUT, "other", 1, &data), STATUS_SYNTAX);
    buf_release(&data);
    restore_free(r);
    checker_free(c);
    forget();
}

static void cells_and_looks_belong_to_the_last_layout(void **state) {
    size_t n = 0;
    live();
    save_free(save_first());
    struct checker *c = second_life(first.targets);
    struct restore *r = restore_new(c, LATER, LATER_OFFSET);
    const uint32_t generation = find_stored(RECORD_LAYOUT, "block")->record.generation;
    assert_int_equal(give_stored(r, RECORD_LIST, "block"), STATUS_OK);
    assert_int_equal(give_stored(r, RECORD_LIST, "score"), STATUS_OK);
    assert_int_equal(give_stored(r, RECORD_LAYOUT, "block"), STATUS_OK);
    struct record cells = find_stored(RECORD_CELLS, "block")->record;
    cells.list = "block";
    cells.generation++;
    assert_int_equal(restore_record(r, &cells), STATUS_SYNTAX);
    cells.generation--;
    assert_int_equal(restore_record(r, &cells), STATUS_OK);
    assert_int_equal(give_stored(r, RECORD_CELLS, "score"), STATUS_SYNTAX);
    struct record again = find_stored(RECORD_LAYOUT, "block")->record;
    again.list = "block";
    again.generation = generation + 1; /* a fold that was broken off */
    assert_int_equal(restore_record(r, &again), STATUS_OK);
    assert_int_equal(restore_record(r, &cells), STATUS_SYNTAX);
    assert_int_equal(restore_end(r, first.now_ns + WORLD_OFFSET, false), STATUS_OK);
    const struct save_known *known = restore_known(r, &n);
    assert_int_equal(n, 2);
    assert_int_equal(known[0].layout_hash, 0); /* so that another is begun */
    assert_int_equal(known[0].generation, generation + 1);
    restore_free(r);
    checker_free(c);
    forget();
}

/* ---- only some lists ---- */

static struct restore *recall(struct checker *c, const bool *chosen) {
    struct restore *r = restore_new_lists(c, chosen, LATER, LATER_OFFSET);
    if (r != NULL && (kept_load(&store, r) == STATUS_NO_MEMORY ||
                      restore_end(r, first.now_ns + WORLD_OFFSET, false) == STATUS_NO_MEMORY)) {
        restore_free(r);
        return NULL;
    }
    return r;
}

static unsigned verdict_of(const struct checker *c, uint32_t list, const char *ip) {
    const struct ip address = world_ip(ip);
    const struct registry_list *l = &c->registry->lists[list];
    return registry_verdict_of(l, target_index(l->set, &address));
}

static void only_lists_that_were_chosen_come_back(void **state) {
    static const bool chosen[WORLD_LISTS] = {[BLOCK] = true, [OFF] = true};
    live();
    save_free(save_first());
    strcpy(find_stored(RECORD_LIST, "keyed")->name, "off"); /* it is known by a name that is off now */
    struct checker *c = second_life(first.targets);
    struct restore *r = recall(c, chosen);
    assert_non_null(r);
    assert_int_equal(verdict_of(c, BLOCK, "192.0.2.1"), REGISTRY_LISTED);
    assert_int_equal(verdict_of(c, SCORE, "192.0.2.1"), REGISTRY_UNKNOWN);
    assert_int_equal(quota_used(checker_quota(c, BLOCK), LATER), 0); /* whoever runs knows better */
    /* Nothing was seen of it since it was last looked at, five seconds after the beginning. */
    const struct registry_list *l = &c->registry->lists[BLOCK];
    const int64_t since_ns = l->frozen ? l->frozen_since_ns : l->freezes[l->n_freezes - 1].start_ns;
    assert_int_equal((since_ns + LATER_OFFSET) / SECOND, (WORLD_START + WORLD_OFFSET) / SECOND + 5);
    restore_free(r);
    checker_free(c);
    forget();
}

/* ---- memory ---- */

static void keep_only(unsigned kinds) {
    size_t n = 0;
    for (size_t i = 0; i < store.n; i++)
        if ((kinds >> store.kept[i].record.kind & 1) != 0)
            store.kept[n++] = store.kept[i];
        else
            free((void *)(uintptr_t)store.kept[i].record.data);
    store.n = n;
}

/* Each allocation fails in turn until all are there. */
static void fail_each(const bool *chosen) {
    bool done = false;
    for (unsigned long n = 1; !done; n++) {
        struct checker *c = second_life(first.targets);
        assert_non_null(c);
        until_failure = n;
        struct restore *r = recall(c, chosen);
        done = until_failure != 0;
        until_failure = 0;
        assert_true(!done || r != NULL);
        restore_free(r);
        checker_free(c);
        assert_true(n < 10000);
    }
}

/* What CELLS say of addresses that were sampled apart, which get entries by that. */
static void strip_sampled(struct kept *k, bool scored) {
    uint8_t *data = (uint8_t *)(uintptr_t)k->record.data;
    const uint32_t n = data[2] | (uint32_t)data[3] << 8;
    k->record.len = 6 + n * (scored ? 6u : 5u) + 4;
    memset(data + k->record.len - 4, 0, 4);
}

static void without_memory_for_any_kind_of_record_it_says_so(void **state) {
    static const bool all[WORLD_LISTS] = {true, true, true, true, true};
    static const unsigned base = 1u << RECORD_LIST | 1u << RECORD_LAYOUT;
    static const unsigned kinds[] = {1u << RECORD_LIST, base | 1u << RECORD_ENTRY, base | 1u << RECORD_LOOKS,
                                     base | 1u << RECORD_CELLS, base | 1u << RECORD_CELLS};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        live();
        save_free(save_first());
        keep_only(kinds[i]);
        for (size_t k = 0; i == 4 && k < store.n; k++)
            if (store.kept[k].record.kind == RECORD_CELLS)
                strip_sampled(&store.kept[k], strcmp(store.kept[k].name, "score") == 0);
        fail_each(NULL);
        fail_each(all);
        forget();
    }
}

static void without_memory_for_what_waits_for_its_proof_it_says_so(void **state) {
    live();
    struct registry_list *l = &first.checker->registry->lists[BLOCK];
    for (uint32_t i = 0; i < l->n_entries; i++) {
        l->n_pending += l->entries[i].used;
        l->entries[i].pending = l->entries[i].used ? REGISTRY_LISTED : REGISTRY_UNKNOWN;
    }
    const uint32_t n_pending = l->n_pending;
    assert_true(n_pending > 2);
    save_free(save_first());
    keep_only(1u << RECORD_LIST);
    fail_each(NULL);
    /* Whom nobody watches any more is not looked at. */
    struct settings fewer = world_settings();
    struct targets *targets = NULL;
    fewer.groups = &world_groups()[FLEET];
    fewer.n_groups = 1;
    assert_int_equal(targets_build(&fewer, &targets), STATUS_OK);
    struct checker *c = second_life(targets);
    struct checker *whole = second_life(first.targets);
    assert_int_equal(load(c, NULL), STATUS_OK);
    assert_int_equal(load(whole, NULL), STATUS_OK);
    assert_true(c->lists[BLOCK].plan.lanes[LANE_LOOK].n < whole->lists[BLOCK].plan.lanes[LANE_LOOK].n);
    assert_int_equal(whole->lists[BLOCK].plan.lanes[LANE_LOOK].n, n_pending);
    checker_free(whole);
    checker_free(c);
    targets_free(targets);
    forget();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_lists_is_taken_each_once),
        cmocka_unit_test(names_that_nobody_has_any_more_are_told_once),
        cmocka_unit_test(a_budget_without_its_times_is_refused),
        cmocka_unit_test(a_layout_that_cannot_be_is_refused),
        cmocka_unit_test(cells_and_looks_belong_to_the_last_layout),
        cmocka_unit_test(only_lists_that_were_chosen_come_back),
        cmocka_unit_test(without_memory_for_any_kind_of_record_it_says_so),
        cmocka_unit_test(without_memory_for_what_waits_for_its_proof_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
