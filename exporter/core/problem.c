/* SPDX-License-Identifier: Apache-2.0 */
#include "core/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void problems_init(struct problems *p) {
    memset(p, 0, sizeof *p);
    arena_init(&p->arena);
}

void problems_release(struct problems *p) {
    arena_release(&p->arena);
}

/* Where to keep a new problem. Errors count for more than warnings: when all places are taken, an error takes
 * that of the last warning. NULL when there is no place. */
static struct problem *place_for(struct problems *p, bool warning) {
    if (p->n_shown < PROBLEMS_SHOWN)
        return &p->shown[p->n_shown++];
    for (size_t i = PROBLEMS_SHOWN; !warning && i-- > 0;)
        if (p->shown[i].warning) {
            memmove(&p->shown[i], &p->shown[i + 1], (PROBLEMS_SHOWN - i - 1) * sizeof p->shown[0]);
            return &p->shown[PROBLEMS_SHOWN - 1];
        }
    return NULL;
}

PRINTF_LIKE(2, 0) static char *format_text(struct arena *arena, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

PRINTF_LIKE(5, 0)
static void keep(struct problems *p, bool warning, uint32_t line, uint32_t column, const char *format,
                 va_list args) {
    *(warning ? &p->n_warnings : &p->n_errors) += 1;
    struct problem *place = place_for(p, warning);
    if (!place)
        return;
    const char *text = format_text(&p->arena, format, args);
    if (!text) {
        p->no_memory = true;
        text = "out of memory while saying what is wrong here";
    }
    *place = (struct problem){.line = line, .column = column, .warning = warning, .text = text};
}

void problems_error(struct problems *p, uint32_t line, uint32_t column, const char *format, ...) {
    va_list args;
    va_start(args, format);
    keep(p, false, line, column, format, args);
    va_end(args);
}

void problems_warn(struct problems *p, uint32_t line, uint32_t column, const char *format, ...) {
    va_list args;
    va_start(args, format);
    keep(p, true, line, column, format, args);
    va_end(args);
}

bool problems_failed(const struct problems *p) {
    return p->n_errors > 0 || p->no_memory;
}

static bool is_before(const struct problem *a, const struct problem *b) {
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* By insertion: stable, and there are few. */
void problems_sort(struct problems *p) {
    for (size_t i = 1; i < p->n_shown; i++) {
        struct problem moved = p->shown[i];
        size_t to = i;
        for (; to > 0 && is_before(&moved, &p->shown[to - 1]); to--)
            p->shown[to] = p->shown[to - 1];
        p->shown[to] = moved;
    }
}
