/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_store_kept.c"

#include <stdio.h>

/* Allocations that still succeed; below zero: all. The compiler sees malloc() in this file, and knows that it
 * reads no variable of ours. */
static volatile long allocations_left = -1;

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);

static bool allocation_fails(void) {
    return allocations_left == 0 || (allocations_left > 0 && allocations_left-- == 0);
}

void *__wrap_malloc(size_t size) {
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size) {
    return allocation_fails() ? NULL : __real_realloc(old, size);
}

/* What the store was given, a line a record. */
static struct {
    char text[1024];
    size_t room; /* how many more it takes */
} given;

static bool take(void *context, const struct record *r, uint64_t ticket) {
    assert_int_equal(ticket, 0);
    if (given.room == 0)
        return false;
    given.room--;
    size_t len = strlen(given.text);
    snprintf(given.text + len, sizeof given.text - len, "%s %s %u %.*s\n",
             r->kind == RECORD_KEPT ? "put" : "gone", r->list, r->number, (int)r->len,
             r->len > 0 ? (const char *)r->data : "");
    return true;
}

static void offer(struct kept_items *kept, size_t room, bool all, const char *expected) {
    given.room = room;
    given.text[0] = '\0';
    assert_int_equal(kept_items_offer(kept, take, NULL), all);
    assert_string_equal(given.text, expected);
}

static void put_text(struct kept_items *kept, const char *name, enum record_kept which, const char *text) {
    assert_int_equal(kept_items_put(kept, name, which, text, strlen(text), true), STATUS_OK);
}

static void expect_text(const struct kept_items *kept, const char *name, enum record_kept which,
                        const char *text) {
    const struct app_store_kept *found = kept_items_find(kept, name, which);
    if (text == NULL) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_non_null(found->data);
    assert_int_equal(found->len, strlen(text));
    assert_memory_equal(found->data, text, found->len);
}

static void keeps_by_name_and_kind(void **state) {
    struct kept_items kept = {0};
    put_text(&kept, "out", KEPT_SPF, "one");
    put_text(&kept, "out", KEPT_SENDERS, "two");
    put_text(&kept, "in", KEPT_SPF, "");
    put_text(&kept, "out", KEPT_SPF, "three");
    expect_text(&kept, "out", KEPT_SPF, "three");
    expect_text(&kept, "out", KEPT_SENDERS, "two");
    expect_text(&kept, "in", KEPT_SPF, "");
    expect_text(&kept, "in", KEPT_SENDERS, NULL);
    expect_text(&kept, "ou", KEPT_SPF, NULL);
    offer(&kept, 9, true, "put out 0 three\nput out 1 two\nput in 0 \n");
    offer(&kept, 9, true, "");
    kept_items_release(&kept);
}

static void does_not_write_again_what_is_the_same(void **state) {
    struct kept_items kept = {0};
    put_text(&kept, "out", KEPT_SPF, "one");
    offer(&kept, 9, true, "put out 0 one\n");
    put_text(&kept, "out", KEPT_SPF, "one");
    offer(&kept, 9, true, "");
    put_text(&kept, "out", KEPT_SPF, "eno");
    offer(&kept, 9, true, "put out 0 eno\n");
    kept_items_release(&kept);
}

/* Nor what came from there. */
static void gives_the_store_only_what_it_does_not_have(void **state) {
    struct kept_items kept = {0};
    assert_int_equal(kept_items_put(&kept, "out", KEPT_SPF, "read", 4, false), STATUS_OK);
    offer(&kept, 9, true, "");
    put_text(&kept, "out", KEPT_SPF, "read");
    offer(&kept, 9, true, "");
    kept_items_all_wait(&kept);
    offer(&kept, 9, true, "put out 0 read\n");
    kept_items_release(&kept);
}

static void the_latest_of_what_is_refused_waits(void **state) {
    struct kept_items kept = {0};
    put_text(&kept, "a", KEPT_SPF, "1");
    put_text(&kept, "b", KEPT_SPF, "1");
    offer(&kept, 1, false, "put a 0 1\n");
    put_text(&kept, "b", KEPT_SPF, "2");
    put_text(&kept, "b", KEPT_SPF, "3");
    offer(&kept, 0, false, "");
    offer(&kept, 9, true, "put b 0 3\n");
    kept_items_release(&kept);
}

static void takes_back(void **state) {
    struct kept_items kept = {0};
    put_text(&kept, "a", KEPT_SPF, "1");
    put_text(&kept, "b", KEPT_SPF, "2");
    put_text(&kept, "c", KEPT_SPF, "3");
    kept_items_forget(&kept, "b", KEPT_SPF); /* before the store had it */
    kept_items_forget(&kept, "b", KEPT_SENDERS);
    expect_text(&kept, "b", KEPT_SPF, NULL);
    offer(&kept, 2, false, "put a 0 1\ngone b 0 \n");
    kept_items_forget(&kept, "a", KEPT_SPF);
    offer(&kept, 1, false, "gone a 0 \n");
    kept_items_forget(&kept, "a", KEPT_SPF); /* it is gone */
    offer(&kept, 9, true, "put c 0 3\n");
    put_text(&kept, "b", KEPT_SPF, "4");
    kept_items_forget(&kept, "b", KEPT_SPF);
    put_text(&kept, "b", KEPT_SPF, "5"); /* the store has not heard that it was gone */
    offer(&kept, 9, true, "put b 0 5\n");
    kept_items_release(&kept);
}

static void refuses_what_no_record_can_have(void **state) {
    struct kept_items kept = {0};
    char name[RECORD_NAME_SIZE + 1];
    memset(name, 'n', sizeof name);
    name[RECORD_NAME_SIZE] = '\0';
    assert_int_equal(kept_items_put(&kept, name, KEPT_SPF, "x", 1, true), STATUS_RANGE);
    assert_int_equal(kept_items_put(&kept, "a", KEPT_SPF, "x", RECORD_SIZE, true), STATUS_RANGE);
    name[RECORD_NAME_SIZE - 1] = '\0';
    put_text(&kept, name, KEPT_SPF, "x");
    expect_text(&kept, name, KEPT_SPF, "x");
    kept_items_release(&kept);
}

static void what_was_kept_stays_when_there_is_no_memory(void **state) {
    struct kept_items kept = {0};
    put_text(&kept, "a", KEPT_SPF, "old");
    offer(&kept, 9, true, "put a 0 old\n");
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        enum status status = STATUS_NO_MEMORY;
        for (long n = 0; status != STATUS_OK; n++) {
            allocations_left = n;
            status = kept_items_put(&kept, name, KEPT_SPF, "new", 3, true);
            allocations_left = -1;
            assert_true(n > 0 ? n < 3 : status == STATUS_NO_MEMORY);
            assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
            expect_text(&kept, name, KEPT_SPF, status == STATUS_OK ? "new" : NULL);
        }
    }
    allocations_left = 0;
    assert_int_equal(kept_items_put(&kept, "a", KEPT_SPF, "new", 3, true), STATUS_NO_MEMORY);
    allocations_left = -1;
    expect_text(&kept, "a", KEPT_SPF, "old");
    assert_int_equal(kept.n, 41);
    kept_items_release(&kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_by_name_and_kind),
        cmocka_unit_test(does_not_write_again_what_is_the_same),
        cmocka_unit_test(gives_the_store_only_what_it_does_not_have),
        cmocka_unit_test(the_latest_of_what_is_refused_waits),
        cmocka_unit_test(takes_back),
        cmocka_unit_test(refuses_what_no_record_can_have),
        cmocka_unit_test(what_was_kept_stays_when_there_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
