/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* A byte in the first block of an arena, and whether it was not zero when its block was freed. */
static const unsigned char *secret;
static int secret_was_seen;
void __real_free(void *memory);
void __wrap_free(void *memory) {
    if (memory && secret && (const unsigned char *)memory < secret && secret < (unsigned char *)memory + 4096)
        secret_was_seen = *secret != 0;
    __real_free(memory);
}

/* Allocations that still succeed; below zero: all. */
static long allocations_left = -1;
static unsigned n_allocations;
static size_t largest_allocation;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static int allocation_fails(size_t size) {
    n_allocations++;
    if (size > largest_allocation)
        largest_allocation = size;
    if (allocations_left < 0)
        return 0;
    return allocations_left == 0 || allocations_left-- == 0;
}

void *__wrap_malloc(size_t size) {
    return allocation_fails(size) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return allocation_fails(n * size) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return allocation_fails(size) ? NULL : __real_realloc(old, size);
}

static void gives_zeroed_aligned_pieces_that_do_not_overlap(void **state) {
    enum { PIECES = 300 };
    unsigned char *pieces[PIECES];
    size_t sizes[PIECES];
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < PIECES; i++) {
        sizes[i] = i % 50 == 49 ? 300000 : i * 7 % 5000;
        pieces[i] = arena_alloc(&a, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t at = 0; at < sizes[i]; at++)
            assert_true(pieces[i][at] == 0);
        memset(pieces[i], (int)(i % 255) + 1, sizes[i]);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t at = 0; at < sizes[i]; at++)
            assert_true(pieces[i][at] == i % 255 + 1);
    }
    arena_release(&a);
}

static void gives_a_unique_pointer_for_no_bytes(void **state) {
    struct arena a;
    arena_init(&a);
    void *first = arena_alloc(&a, 0);
    void *second = arena_array(&a, 0, 8);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    arena_release(&a);
}

static void counts_what_it_handed_out(void **state) {
    struct arena a;
    arena_init(&a);
    assert_int_equal(a.used, 0);
    for (int i = 0; i < 1000; i++)
        assert_non_null(arena_alloc(&a, 100));
    assert_in_range(a.used, 100 * 1000, (100 + alignof(max_align_t)) * 1000);
    arena_release(&a);
    assert_int_equal(a.used, 0);
}

static void grows_its_blocks_from_4_to_256_kib(void **state) {
    struct arena a;
    arena_init(&a);
    largest_allocation = 0;
    assert_non_null(arena_alloc(&a, 16));
    assert_int_equal(largest_allocation, 4 << 10);
    n_allocations = 0;
    for (int i = 0; i < 1 << 16; i++)
        assert_non_null(arena_alloc(&a, 64));
    assert_int_equal(largest_allocation, 256 << 10);
    assert_in_range(n_allocations, 16, 24); /* 4 MiB of pieces */
    arena_release(&a);
}

static void makes_a_block_larger_at_once_for_a_piece_that_needs_it(void **state) {
    struct arena a;
    arena_init(&a);
    largest_allocation = 0;
    assert_non_null(arena_alloc(&a, 20000));
    assert_int_equal(largest_allocation, 32 << 10);
    n_allocations = 0;
    assert_non_null(arena_alloc(&a, 10000));
    assert_int_equal(n_allocations, 0);
    arena_release(&a);
}

static void goes_on_with_its_block_after_a_piece_with_one_of_its_own(void **state) {
    struct arena a;
    arena_init(&a);
    char *before = arena_alloc(&a, 16);
    assert_non_null(arena_alloc(&a, 1 << 20));
    char *after = arena_alloc(&a, 16);
    assert_ptr_equal(after, before + 16);
    arena_release(&a);
}

static void is_usable_again_after_release(void **state) {
    struct arena a;
    arena_init(&a);
    arena_release(&a);
    assert_non_null(arena_alloc(&a, 10));
    arena_release(&a);
    assert_string_equal(arena_copy(&a, "again", 5), "again");
    arena_release(&a);
    arena_release(&a);
}

static void refuses_sizes_that_overflow(void **state) {
    static const struct {
        size_t n, size;
    } rows[] = {
        {SIZE_MAX, 1},         {SIZE_MAX, 2},         {SIZE_MAX / 2, 2},
        {SIZE_MAX / 2 + 1, 2}, {SIZE_MAX / 8 + 2, 8}, {1, SIZE_MAX - 15},
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (arena_array(&a, rows[i].n, rows[i].size))
            fail_msg("%zu times %zu bytes", rows[i].n, rows[i].size);
    }
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_copy(&a, "x", SIZE_MAX));
    assert_int_equal(a.used, 0);
    assert_null(a.blocks);
    arena_release(&a);
}

static void copies_bytes_and_ends_them(void **state) {
    struct arena a;
    arena_init(&a);
    assert_string_equal(arena_copy(&a, "senderscore_bl: x", 14), "senderscore_bl");
    assert_string_equal(arena_copy(&a, NULL, 0), "");
    assert_memory_equal(arena_copy(&a, "a\0b", 3), "a\0b", 4);
    arena_release(&a);
}

static void prints_texts_of_any_length(void **state) {
    struct arena a;
    arena_init(&a);
    assert_string_equal(arena_printf(&a, "%s:%d", "file", 7), "file:7");
    assert_string_equal(arena_printf(&a, "%s", ""), "");
    const char *text = arena_printf(&a, "%0*d", 300000, 5);
    assert_non_null(text);
    assert_int_equal(strlen(text), 300000);
    assert_int_equal(text[299999], '5');
    arena_release(&a);
}

/* Everything that allocates, once; 0 as soon as something was NULL. */
static int use(struct arena *a) {
    return arena_alloc(a, 4000) && arena_array(a, 1000, 8) && arena_copy(a, "x", 1) &&
           arena_alloc(a, 1 << 20) && arena_printf(a, "%0*d", 20000, 5);
}

static void gives_null_and_stays_usable_when_any_allocation_fails(void **state) {
    long n = 0;
    int done = 0;
    for (; !done && n < 100; n++) {
        struct arena a;
        arena_init(&a);
        allocations_left = n;
        done = use(&a);
        allocations_left = -1;
        assert_string_equal(arena_copy(&a, "usable", 6), "usable");
        arena_release(&a);
    }
    assert_in_range(n, 4, 10);
}

static void overwrites_what_is_wiped(void **state) {
    struct arena a;
    arena_init(&a);
    secret = (const unsigned char *)arena_copy(&a, "s3cret", 6);
    assert_non_null(secret);
    secret_was_seen = -1;
    arena_wipe(&a);
    secret = NULL;
    assert_int_equal(secret_was_seen, 0);
    assert_null(a.blocks);
    assert_non_null(arena_alloc(&a, 1));
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_zeroed_aligned_pieces_that_do_not_overlap),
        cmocka_unit_test(gives_a_unique_pointer_for_no_bytes),
        cmocka_unit_test(counts_what_it_handed_out),
        cmocka_unit_test(grows_its_blocks_from_4_to_256_kib),
        cmocka_unit_test(makes_a_block_larger_at_once_for_a_piece_that_needs_it),
        cmocka_unit_test(goes_on_with_its_block_after_a_piece_with_one_of_its_own),
        cmocka_unit_test(is_usable_again_after_release),
        cmocka_unit_test(refuses_sizes_that_overflow),
        cmocka_unit_test(copies_bytes_and_ends_them),
        cmocka_unit_test(prints_texts_of_any_length),
        cmocka_unit_test(gives_null_and_stays_usable_when_any_allocation_fails),
        cmocka_unit_test(overwrites_what_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
