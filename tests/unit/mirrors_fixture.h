/* SPDX-License-Identifier: Apache-2.0
 *
 * mirrors_fixture: what the program knows of names in bounces, read from the file that is part of it.
 */
#ifndef RBL_TESTS_MIRRORS_FIXTURE_H
#define RBL_TESTS_MIRRORS_FIXTURE_H

#include "core/mirror.h"
#include "edge/embedded.h"
#include "edge/yaml.h"

#include <assert.h>
#include <stdio.h>

/* To be freed with mirrors_free(). */
static inline struct mirrors *mirrors_fixture(void) {
    struct mirrors *mirrors = NULL;
    struct problems found;
    struct arena arena;
    const struct node *root = NULL;
    arena_init(&arena);
    problems_init(&found);
    enum status status = yaml_parse(embedded_mirrors_yml, embedded_mirrors_yml_size, &arena, &found, &root);
    if (status == STATUS_OK)
        status = mirrors_read(root, &found, &mirrors);
    for (size_t i = 0; i < found.n_shown; i++)
        printf("# mirrors.yml:%u:%u: %s\n", found.shown[i].line, found.shown[i].column, found.shown[i].text);
    assert(status == STATUS_OK);
    problems_release(&found);
    arena_release(&arena);
    return mirrors;
}

#endif
