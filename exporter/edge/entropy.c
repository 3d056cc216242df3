/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/entropy.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

/* One system call for this many numbers; up to 256 bytes come whole or not at all. */
enum { WORDS = 32 };

static bool fill(void *bytes, size_t n) {
    ssize_t got;
    do
        got = getrandom(bytes, n, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)n;
}

enum status entropy_check(void) {
    uint64_t word;
    return fill(&word, sizeof word) ? STATUS_OK : STATUS_IO;
}

uint64_t entropy_u64(void) {
    static _Thread_local uint64_t words[WORDS];
    static _Thread_local unsigned left;
    if (left == 0) {
        bool filled = fill(words, sizeof words);
        assert(filled);
        left = WORDS;
    }
    uint64_t word = words[--left];
    words[left] = 0; /* a number already used cannot be read from memory later */
    return word;
}
