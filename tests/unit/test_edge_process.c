/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process frees goes back to the kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/process.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECES = 16384, PIECE = 1000, EACH_KEPT = 64 };

/* A sanitizer has a heap of its own, which keeps what is freed. */
static void skip_with_a_sanitizer(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
}

static uint64_t resident(void) {
    struct process_usage usage;
    process_read(&usage);
    return usage.resident_bytes;
}

static void gives_back_what_is_free_between_what_is_in_use(void **state) {
    static char *pieces[PIECES];
    skip_with_a_sanitizer();
    const uint64_t before = resident();
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = malloc(PIECE);
        assert_non_null(pieces[i]);
        memset(pieces[i], 1, PIECE);
    }
    for (int i = 0; i < PIECES; i++) {
        if (i % EACH_KEPT != EACH_KEPT - 1)
            free(pieces[i]);
    }
    const uint64_t all = (uint64_t)PIECES * PIECE;
    assert_true(resident() > before + all * 3 / 4); /* else there is nothing to be shown */
    process_give_back();
    assert_true(resident() < before + all / 4);
    for (int i = EACH_KEPT - 1; i < PIECES; i += EACH_KEPT)
        free(pieces[i]);
}

static void *get_memory(void *context) {
    (void)context;
    return malloc(PIECE);
}

static void has_one_heap_for_all_threads(void **state) {
    skip_with_a_sanitizer();
    process_share_memory();
    pthread_t thread;
    void *piece = NULL;
    assert_int_equal(pthread_create(&thread, NULL, get_memory, NULL), 0);
    assert_int_equal(pthread_join(thread, &piece), 0);
    assert_non_null(piece);
    const uintptr_t end = (uintptr_t)sbrk(0);
    assert_true((uintptr_t)piece < end && end - (uintptr_t)piece < UINT64_C(1) << 30);
    free(piece);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_is_free_between_what_is_in_use),
        cmocka_unit_test(has_one_heap_for_all_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
