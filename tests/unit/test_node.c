/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void finds_a_value_by_its_key_in_mappings_only(void **state) {
    struct node keys[] = {{.type = NODE_SCALAR, .text = "one"}, {.type = NODE_SCALAR, .text = "two"}};
    struct node second = {.type = NODE_SCALAR, .text = "2", .key = &keys[1]};
    struct node first = {.type = NODE_SCALAR, .text = "1", .key = &keys[0], .next = &second};
    struct node mapping = {.type = NODE_MAPPING, .first = &first, .n_children = 2};
    assert_ptr_equal(node_find(&mapping, "one"), &first);
    assert_ptr_equal(node_find(&mapping, "two"), &second);
    assert_null(node_find(&mapping, "three"));
    assert_null(node_find(&first, "one"));
    assert_null(node_find(NULL, "one"));
}

static void takes_only_unquoted_words_for_no_value(void **state) {
    static const struct {
        const char *text;
        bool quoted;
        bool is_null;
    } rows[] = {{"", false, true},     {"~", false, true},     {"null", false, true},
                {"NULL", false, true}, {"", true, false},      {"null", true, false},
                {"nul", false, false}, {"none", false, false}, {"0", false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct node node = {.type = NODE_SCALAR, .text = rows[i].text, .quoted = rows[i].quoted};
        if (node_is_null(&node) != rows[i].is_null)
            fail_msg("\"%s\", quoted %d", rows[i].text, rows[i].quoted);
    }
    struct node sequence = {.type = NODE_SEQUENCE};
    assert_false(node_is_null(&sequence));
}

static void names_the_types_for_messages(void **state) {
    struct node node = {.type = NODE_SCALAR};
    assert_string_equal(node_type_text(&node), "a value");
    node.type = NODE_SEQUENCE;
    assert_string_equal(node_type_text(&node), "a list");
    node.type = NODE_MAPPING;
    assert_string_equal(node_type_text(&node), "a mapping");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_value_by_its_key_in_mappings_only),
        cmocka_unit_test(takes_only_unquoted_words_for_no_value),
        cmocka_unit_test(names_the_types_for_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
