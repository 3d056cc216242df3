/* SPDX-License-Identifier: Apache-2.0
 *
 * api_fixture: a world for each test of the API's answers, and allocations that fail. A test links with
 * -Wl,--wrap=realloc.
 */
#ifndef RBL_TESTS_API_FIXTURE_H
#define RBL_TESTS_API_FIXTURE_H

#include "world.h"

#include <stdlib.h>

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_realloc(old, size);
}

static int setup(void **state) {
    static struct world world;
    fails_at = 0;
    struct settings settings = world_settings();
    world_begin(&world, &settings);
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    world_end(*state);
    return 0;
}

#endif
