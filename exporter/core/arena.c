/* SPDX-License-Identifier: Apache-2.0 */
#include "core/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The first block of the chain is the one that pieces are cut from. */
struct arena_block {
    struct arena_block *next;
    size_t size; /* of `bytes` */
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

enum { ALIGNMENT = alignof(max_align_t) };

static const size_t block_min = (size_t)4 << 10; /* both with the header */
static const size_t block_max = (size_t)256 << 10;

void arena_init(struct arena *a) {
    *a = (struct arena){0};
}

void arena_release(struct arena *a) {
    struct arena_block *block = a->blocks;
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena_init(a);
}

void arena_wipe(struct arena *a) {
    for (struct arena_block *block = a->blocks; block; block = block->next)
        explicit_bzero(block->bytes, block->used);
    arena_release(a);
}

/* Bytes to allocate for the next block, so that `size` bytes fit behind its header: twice the first block of
 * the chain within the limits, or just enough for a larger piece. */
static size_t next_block_bytes(const struct arena *a, size_t size) {
    size_t need = sizeof(struct arena_block) + size;
    size_t bytes = a->blocks ? 2 * (sizeof(struct arena_block) + a->blocks->size) : block_min;
    while (bytes < need && bytes < block_max)
        bytes *= 2;
    if (bytes > block_max)
        bytes = block_max;
    return need > bytes ? need : bytes;
}

/* A new block with room for `size` bytes, in the chain; NULL if there is no memory. */
static struct arena_block *add_block(struct arena *a, size_t size) {
    size_t bytes = next_block_bytes(a, size);
    struct arena_block *block = calloc(1, bytes);
    if (!block)
        return NULL;
    block->size = bytes - sizeof *block;
    if (a->blocks && bytes > block_max) {
        /* It is full at once: the block in front still has room for small pieces. */
        block->next = a->blocks->next;
        a->blocks->next = block;
    } else {
        block->next = a->blocks;
        a->blocks = block;
    }
    return block;
}

void *arena_alloc(struct arena *a, size_t size) {
    if (size > SIZE_MAX / 2)
        return NULL;
    /* A multiple of the alignment, and never 0, keeps each piece aligned and unique. */
    size = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_block *block = a->blocks;
    if (!block || block->size - block->used < size)
        block = add_block(a, size);
    if (!block)
        return NULL;
    void *piece = block->bytes + block->used;
    block->used += size;
    a->used += size;
    return piece;
}

void *arena_array(struct arena *a, size_t n, size_t size) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return arena_alloc(a, bytes);
}

char *arena_copy(struct arena *a, const char *text, size_t n) {
    if (n == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(a, n + 1);
    if (copy && n > 0)
        memcpy(copy, text, n);
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : arena_alloc(a, (size_t)length + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}
