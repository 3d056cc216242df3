/* SPDX-License-Identifier: Apache-2.0
 *
 * allocations: memory that runs out on demand. Programs link with --wrap for each function here; those that
 * fail are counted over all of them.
 */
#ifndef RBL_TESTS_ALLOCATIONS_H
#define RBL_TESTS_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>

static long fail_at; /* which of our allocations fails; 0: none */
static long n_allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);

static inline bool must_fail(void) {
    return ++n_allocations == fail_at;
}

void *__wrap_malloc(size_t size) {
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return must_fail() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text) {
    return must_fail() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n) {
    return must_fail() ? NULL : __real_strndup(text, n);
}

#endif
