/* SPDX-License-Identifier: Apache-2.0
 *
 * problem: the errors and warnings found in a configuration, all of them, each with its place.
 *
 * The file's name is the caller's business. At most PROBLEMS_SHOWN are kept; the rest is counted. A failure
 * to keep one for want of memory is an error of its own (problems_failed() is true then).
 */
#ifndef RBL_CORE_PROBLEM_H
#define RBL_CORE_PROBLEM_H

#include "core/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBLEMS_SHOWN = 200 };

struct problem {
    uint32_t line;   /* from 1; 0: the file as a whole */
    uint32_t column; /* from 1 */
    bool warning;
    const char *text; /* what is wrong, what was expected */
};

struct problems {
    struct arena arena;
    struct problem shown[PROBLEMS_SHOWN];
    size_t n_shown;
    size_t n_errors;
    size_t n_warnings;
    bool no_memory;
};

void problems_init(struct problems *p);
void problems_release(struct problems *p);
void problems_error(struct problems *p, uint32_t line, uint32_t column, const char *format, ...)
    PRINTF_LIKE(4, 5);
void problems_warn(struct problems *p, uint32_t line, uint32_t column, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* At least one error, or memory ran out. */
bool problems_failed(const struct problems *p);
/* Sorts what is shown by place (line, then column), keeping the order of equals. */
void problems_sort(struct problems *p);

#endif
