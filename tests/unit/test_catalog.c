/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking things up in a catalog. That config/lists.yml makes one is tested in test_edge_config.c.
 */
#include "core/catalog.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static const struct list lists[] = {
    {.name = "senderscore_bl"}, {.name = "senderscore_score"}, {.name = "psbl"}};
static const struct dead_list dead[] = {{.zone = "*.sorbs.example"}, {.zone = "ix.manitu.example"}};
static const struct catalog catalog = {.lists = lists, .n_lists = 3, .dead = dead, .n_dead = 2};

static void finds_a_list_by_its_exact_name(void **state) {
    assert_ptr_equal(catalog_find(&catalog, "psbl"), &lists[2]);
    assert_null(catalog_find(&catalog, "PSBL"));
    assert_null(catalog_find(&catalog, ""));
}

static void finds_the_name_that_was_meant(void **state) {
    static const struct {
        const char *text;
        const char *near;
    } rows[] = {{"sender_score_bl", "senderscore_bl"},
                {"senderscore-score", "senderscore_score"},
                {"pbsl", "psbl"},
                {"spamcop", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *near = catalog_nearest(&catalog, rows[i].text);
        if ((near == NULL) != (rows[i].near == NULL) || (near && strcmp(near, rows[i].near) != 0))
            fail_msg("\"%s\" gave \"%s\"", rows[i].text, near ? near : "nothing");
    }
}

static void knows_dead_zones_whatever_their_case(void **state) {
    static const struct {
        const char *zone;
        int index; /* -1: not dead */
    } rows[] = {
        {"ix.manitu.example", 1},
        {"IX.Manitu.Example", 1},
        {"ix.manitu.example.", 1},
        {"a.ix.manitu.example", -1},
        {"manitu.example", -1},
        {"xix.manitu.example", -1},
        {"sorbs.example", 0},
        {"dul.sorbs.example", 0},
        {"a.dul.SORBS.example.", 0},
        {"notsorbs.example", -1},
        {"example", -1},
        {"", -1},
        {".", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (catalog_dead(&catalog, rows[i].zone) != (rows[i].index < 0 ? NULL : &dead[rows[i].index]))
            fail_msg("%s", rows[i].zone);
}

static void refuses_an_empty_document(void **state) {
    static struct problems problems;
    struct catalog *none = NULL;
    problems_init(&problems);
    assert_int_equal(catalog_read(NULL, &problems, &none), STATUS_INVALID);
    assert_null(none);
    problems_release(&problems);
    catalog_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_list_by_its_exact_name),
        cmocka_unit_test(finds_the_name_that_was_meant),
        cmocka_unit_test(knows_dead_zones_whatever_their_case),
        cmocka_unit_test(refuses_an_empty_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
