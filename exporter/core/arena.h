/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: memory that lives and dies together (one configuration, one parsed document).
 *
 * There is no freeing of single pieces. Memory comes zeroed and aligned for any type. Blocks grow from 4 KiB
 * to 256 KiB; a larger piece gets a block of its own.
 */
#ifndef RBL_CORE_ARENA_H
#define RBL_CORE_ARENA_H

#include "core/status.h"

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks;
    size_t used; /* bytes handed out, for accounting and caps */
};

void arena_init(struct arena *a);
/* Frees everything that was handed out; `a` is empty and usable afterwards. */
void arena_release(struct arena *a);
/* The same; what was in it is overwritten before: passwords and keys. */
void arena_wipe(struct arena *a);
/* `size` zeroed bytes, or NULL when there is no memory. A size of 0 gives a unique pointer. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
/* Like arena_alloc(n * size), NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size) MUST_CHECK;
/* A copy of `n` bytes followed by a NUL, or NULL. */
char *arena_copy(struct arena *a, const char *text, size_t n) MUST_CHECK;
/* A printf-like text in the arena, or NULL. */
char *arena_printf(struct arena *a, const char *format, ...) MUST_CHECK PRINTF_LIKE(2, 3);

#endif
