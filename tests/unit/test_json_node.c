/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/json_node.h"

#include <string.h>

static struct node scalar(const char *text, bool quoted) {
    return (struct node){.type = NODE_SCALAR, .quoted = quoted, .text = text, .len = strlen(text)};
}

static const struct {
    const char *text;
    bool quoted;
    const char *written; /* NULL: it is refused */
} scalars[] = {
    {"a \"b\" \x1b", true, "\"a \\\"b\\\" \\u001b\"\n"},
    {"", true, "\"\"\n"},
    {"null", true, "\"null\"\n"},
    {"null", false, "null\n"},
    {"true", false, "true\n"},
    {"false", false, "false\n"},
    {"0", false, "0\n"},
    {"-12", false, "-12\n"},
    {"123456789012345678", false, "123456789012345678\n"},
    {"0.25", false, "0.25\n"},
    {"-1.5e3", false, "-1500\n"},
    {"", false, NULL},
    {"~", false, NULL},
    {"yes", false, NULL},
    {"-", false, NULL},
    {"1.2.3", false, NULL},
    {"0x10", false, NULL},
    {"inf", false, NULL},
    {"1e999", false, NULL},
};

static void writes_scalars_as_they_were(void **state) {
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        const struct node node = scalar(scalars[i].text, scalars[i].quoted);
        struct buf out;
        struct json j;
        buf_init(&out, 1000);
        json_begin(&j, &out);
        json_array(&j, NULL);
        enum status status = json_node(&j, NULL, &node);
        json_close(&j);
        if (status != (scalars[i].written != NULL ? STATUS_OK : STATUS_SYNTAX))
            fail_msg("%s: status %d", scalars[i].text, status);
        if (scalars[i].written != NULL) {
            const char *text = buf_text(&out);
            size_t len = strlen(scalars[i].written) - 1;
            if (text[0] != '[' || strncmp(text + 1, scalars[i].written, len) != 0 ||
                strcmp(text + 1 + len, "]\n") != 0)
                fail_msg("%s: written as %s", scalars[i].text, text);
        }
        buf_release(&out);
    }
}

/* {"a":[1,[],{}],"b":null} */
static struct node *make_tree(struct node nodes[9]) {
    enum { ROOT, A, ONE, EMPTY, NOTHING, B, KEY_A, KEY_B };
    nodes[KEY_A] = scalar("a", true);
    nodes[KEY_B] = scalar("b", true);
    nodes[ONE] = scalar("1", false);
    nodes[EMPTY] = (struct node){.type = NODE_SEQUENCE};
    nodes[NOTHING] = (struct node){.type = NODE_MAPPING};
    nodes[ONE].next = &nodes[EMPTY];
    nodes[EMPTY].next = &nodes[NOTHING];
    nodes[A] = (struct node){.type = NODE_SEQUENCE, .key = &nodes[KEY_A], .first = &nodes[ONE]};
    nodes[B] = scalar("null", false);
    nodes[B].key = &nodes[KEY_B];
    nodes[A].next = &nodes[B];
    nodes[ROOT] = (struct node){.type = NODE_MAPPING, .first = &nodes[A]};
    return nodes;
}

static void writes_what_is_within(void **state) {
    struct node nodes[9];
    struct buf out;
    struct json j;
    buf_init(&out, 1000);
    json_begin(&j, &out);
    assert_int_equal(json_node(&j, NULL, make_tree(nodes)), STATUS_OK);
    assert_string_equal(buf_text(&out), "{\"a\":[1,[],{}],\"b\":null}\n");
    buf_release(&out);
}

static void refuses_names_that_need_escaping(void **state) {
    static const char *const names[] = {"a\"b", "a\\b", "a\nb", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct node nodes[9];
        struct node *tree = make_tree(nodes);
        struct buf out;
        struct json j;
        tree->first->next->key->text = names[i];
        buf_init(&out, 1000);
        json_begin(&j, &out);
        assert_int_equal(json_node(&j, NULL, tree), STATUS_SYNTAX);
        buf_release(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_scalars_as_they_were),
        cmocka_unit_test(writes_what_is_within),
        cmocka_unit_test(refuses_names_that_need_escaping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
