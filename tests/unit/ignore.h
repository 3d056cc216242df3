/* SPDX-License-Identifier: Apache-2.0
 *
 * ignore: handlers for what a checker tells, of tests that do not look at it.
 */
#ifndef RBL_TESTS_IGNORE_H
#define RBL_TESTS_IGNORE_H

#include "core/checker.h"

static inline void ignore_change(void *context, const struct registry_event *event) {
    (void)context;
    (void)event;
}

static inline void ignore_state(void *context, uint32_t list, enum health_state from, enum health_state to,
                                const struct verdict *because) {
    (void)context;
    (void)list;
    (void)from;
    (void)to;
    (void)because;
}

static inline void ignore_txt(void *context, uint32_t list, uint32_t index, const char *txt) {
    (void)context;
    (void)list;
    (void)index;
    (void)txt;
}

#endif
