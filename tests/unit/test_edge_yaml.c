/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc */
#include "edge/yaml.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long fail_at; /* which of our allocations fails; 0: none */
static long n_allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static bool must_fail(void) {
    return ++n_allocations == fail_at;
}

void *__wrap_malloc(size_t size) {
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return must_fail() ? NULL : __real_realloc(old, size);
}

static struct arena arena;
static struct problems problems;
static const struct node *root;

static int set_up(void **state) {
    arena_init(&arena);
    problems_init(&problems);
    root = NULL;
    return 0;
}

static int tear_down(void **state) {
    arena_release(&arena);
    problems_release(&problems);
    return 0;
}

static enum status parse_again(const char *text, size_t len) {
    tear_down(NULL);
    set_up(NULL);
    return yaml_parse(text, len, &arena, &problems, &root);
}

/* A tree as a line: {key:value,[item]}, each node with its place. */
static void describe(const struct node *node, char *out, size_t size) {
    char child_text[1024];
    if (node->type == NODE_SCALAR) {
        snprintf(out, size, "%s%s%s@%u:%u", node->quoted ? "'" : "", node->text, node->quoted ? "'" : "",
                 node->line, node->column);
        return;
    }
    snprintf(out, size, node->type == NODE_MAPPING ? "{" : "[");
    for (const struct node *child = node->first; child; child = child->next) {
        describe(child, child_text, sizeof child_text);
        size_t len = strlen(out);
        snprintf(out + len, size - len, "%s%s%s%s", child == node->first ? "" : ", ",
                 child->key ? child->key->text : "", child->key ? "=" : "", child_text);
    }
    size_t len = strlen(out);
    snprintf(out + len, size - len, node->type == NODE_MAPPING ? "}@%u:%u" : "]@%u:%u", node->line,
             node->column);
}

static void makes_a_tree_with_places(void **state) {
    static const struct {
        const char *text;
        const char *tree;
    } rows[] = {
        {"a: 1", "{a=1@1:4}@1:1"},
        {"a: [1, \"2\"]\nb:\n  c: d\n", "{a=[1@1:5, '2'@1:8]@1:4, b={c=d@3:6}@3:3}@1:1"},
        {"- x\n- 'y'\n-\n", "[x@1:3, 'y'@2:3, @3:2]@1:1"},
        {"a: |\n  two\n  lines\n", "{a='two\nlines\n'@1:4}@1:1"},
        {"\xef\xbb\xbf"
         "a: b",
         "{a=b@1:4}@1:1"},
        {"a: b\r\nc: d\r\n", "{a=b@1:4, c=d@2:4}@1:1"},
        {"\xc3\xa4: b", "{\xc3\xa4=b@1:4}@1:1"},
        {"a: [40.107.%.%, 2a01:111:f403:c111::1]",
         "{a=[40.107.%.%@1:5, 2a01:111:f403:c111::1@1:17]@1:4}@1:1"},
        {"127.0.0.[4..7]: x\n127.0.0.&4: y", "{127.0.0.[4..7]=x@1:17, 127.0.0.&4=y@2:13}@1:1"},
        {"%YAML 1.1\n---\na: b\n...\n", "{a=b@3:4}@3:1"},
        {"5", "5@1:1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char tree[1024] = "nothing";
        enum status status = parse_again(rows[i].text, strlen(rows[i].text));
        if (status == STATUS_OK && root)
            describe(root, tree, sizeof tree);
        if (strcmp(tree, rows[i].tree) != 0)
            fail_msg("%s\ngave %s\nand not %s", rows[i].text, tree, rows[i].tree);
    }
}

static void takes_an_empty_document_for_none(void **state) {
    static const char *const texts[] = {"", "\n", "# comment\n", "---\n", "--- ~\n", "\xef\xbb\xbf", "null"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(parse_again(texts[i], strlen(texts[i])), STATUS_OK);
        assert_null(root);
        assert_false(problems_failed(&problems));
    }
}

#define TEXT(s) s, sizeof s - 1

struct bad {
    const char *text;
    size_t len;
    uint32_t line;
    uint32_t column;
    const char *piece;
};

static const struct bad no_tree[] = {
    {TEXT("a: [1"), 2, 1, "not valid YAML"},
    {TEXT("a: b: c"), 1, 5, "not valid YAML: mapping values are not allowed in this context"},
    {TEXT("a: 'x"), 1, 6, "not valid YAML"},
    {TEXT("a:\n\t- b"), 2, 1, "not valid YAML"},
    {TEXT("a: b\n c: d"), 2, 3, "not valid YAML"},
    {TEXT("a: 1\n---\nb: 2"), 2, 1, "a second document begins here"},
    {TEXT("a: 1\nb: *x"), 2, 4, "aliases (*) are not supported; a text that begins with * has to be quoted"},
    {TEXT("a: [*x]"), 1, 5, "aliases (*) are not supported; a text that begins with * has to be quoted"},
    {TEXT("<<: {a: b}"), 1, 1, "merge keys (<<) are not supported"},
    {TEXT("[a]: b"), 1, 1, "a key must be a word, found a list"},
    {TEXT("? {a: b}\n: c"), 1, 3, "a key must be a word, found a mapping"},
    {TEXT("\xff\xfe"
          "a\0"),
     1, 1, "is UTF-16; expected UTF-8"},
    {TEXT("\xfe\xff\0a"), 1, 1, "is UTF-16; expected UTF-8"},
    {TEXT("a: b\0c"), 1, 5, "a control character, or not valid UTF-8"},
    {TEXT("a: b\nc: \x07"), 2, 4, "a control character, or not valid UTF-8"},
    {TEXT("a: \x7f"), 1, 4, "a control character, or not valid UTF-8"},
    {TEXT("a: \x80"), 1, 4, "a control character, or not valid UTF-8"},
    {TEXT("a: \xc3"), 1, 4, "a control character, or not valid UTF-8"},
    {TEXT("a: \xc0\xaf"), 1, 4, "a control character, or not valid UTF-8"},
    {TEXT("a: \xe0\x80\xaf"), 1, 4, "a control character, or not valid UTF-8"},
    {TEXT("a: \xed\xa0\x80"), 1, 4, "a control character, or not valid UTF-8"},
    {TEXT("a: \xf4\x90\x80\x80"), 1, 4, "a control character, or not valid UTF-8"},
    {TEXT("a: \xc2\x81"), 1, 4, "a control character, or not valid UTF-8"},
    {TEXT("\xc3\xa4\xc3\xa4\r\xc3\xa4\xff"), 2, 2, "a control character, or not valid UTF-8"},
    {TEXT("a: \"\\0\""), 1, 4, "an escape makes a control character"},
    {TEXT("a: \"\\x1b[2J\""), 1, 4, "an escape makes a control character"},
    {TEXT("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"), 1, 17, "more than 16 levels"},
};

/* Errors with which a tree is made all the same, so that its own errors can be told as well. */
static const struct bad with_tree[] = {
    {TEXT("a: 1\nb: 2\na: 3"), 3, 1, "\"a\" is given twice; the first is on line 1"},
    {TEXT("x: {b: 1, c: 2, b: 3}"), 1, 17, "\"b\" is given twice; the first is on line 1"},
    {TEXT("a: 1\n'a': 2"), 2, 1, "\"a\" is given twice; the first is on line 1"},
    {TEXT("a: &x 1"), 1, 4, "anchors (&) are not supported; a text that begins with & has to be quoted"},
    {TEXT("a: &x [1]"), 1, 4, "anchors (&) are not supported; a text that begins with & has to be quoted"},
    {TEXT("a: !!str 1"), 1, 4, "tags (!) are not supported; a text that begins with ! has to be quoted"},
    {TEXT("a: !x {b: c}"), 1, 4, "tags (!) are not supported; a text that begins with ! has to be quoted"},
};

static void check_bad(const struct bad *rows, size_t n, enum status expected) {
    size_t n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        enum status status = parse_again(rows[i].text, rows[i].len);
        const struct problem *p = &problems.shown[0];
        if (status == expected && (root != NULL) == (expected == STATUS_OK) && problems.n_errors == 1 &&
            p->line == rows[i].line && p->column == rows[i].column && strstr(p->text, rows[i].piece))
            continue;
        print_error("%s\ngave status %d, %zu errors, %u:%u: %s\n", rows[i].text, status, problems.n_errors,
                    p->line, p->column, problems.n_errors ? p->text : "nothing");
        n_wrong++;
    }
    assert_int_equal(n_wrong, 0);
}

static void refuses_what_is_no_strict_yaml_at_its_place(void **state) {
    check_bad(no_tree, sizeof no_tree / sizeof *no_tree, STATUS_INVALID);
}

static void notes_what_is_not_supported_and_goes_on(void **state) {
    check_bad(with_tree, sizeof with_tree / sizeof *with_tree, STATUS_OK);
}

static void keeps_the_first_of_equal_keys(void **state) {
    assert_int_equal(parse_again(TEXT("a: 1\nb: 2\na: 3\na: 4\nc: 5")), STATUS_OK);
    assert_int_equal(problems.n_errors, 2);
    assert_int_equal(root->n_children, 3);
    assert_string_equal(node_find(root, "a")->text, "1");
    assert_string_equal(node_find(root, "c")->text, "5");
}

/* The bombs: what counts is how much is built, not how long it takes here. */
static void stops_at_the_first_level_too_many(void **state) {
    enum { N = 50000 };
    static const char *const shapes[] = {"[", "{a: ", "- ", "[{a: "};
    char *text = malloc(N + 1);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t step = strlen(shapes[i]);
        for (size_t at = 0; at < N; at++)
            text[at] = shapes[i][at % step];
        assert_int_equal(parse_again(text, N / step * step), STATUS_INVALID);
        assert_true(strstr(problems.shown[0].text, "more than 16 levels"));
        assert_true(arena.used < 16384);
    }
    free(text);
}

static void expands_no_alias(void **state) {
    static const char laughs[] = "a: &a [x, x, x, x, x, x, x, x, x]\n"
                                 "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
                                 "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n";
    assert_int_equal(parse_again(TEXT(laughs)), STATUS_INVALID);
    assert_true(arena.used < 16384);
}

static void refuses_more_values_than_it_may_have(void **state) {
    size_t len = 2 * (size_t)(YAML_NODES + 2);
    char *text = malloc(len);
    assert_non_null(text);
    for (size_t i = 0; i < len; i += 2)
        memcpy(text + i, i == 0 ? "[x" : ",x", 2);
    assert_int_equal(parse_again(text, len), STATUS_INVALID);
    assert_true(strstr(problems.shown[0].text, "more than 1000000 values in one document"));
    free(text);
}

static void refuses_more_bytes_than_it_may_have(void **state) {
    assert_int_equal(parse_again("", (size_t)YAML_BYTES + 1), STATUS_INVALID);
    assert_true(strstr(problems.shown[0].text, "at most 67108864 can be read"));
}

static void survives_any_allocation_that_fails(void **state) {
    static const char begin[] = "a: [1, 2, {b: c}]\nd: {e: f, g: h, e: i}\n";
    static char text[100000]; /* its last text has a block of memory to itself */
    memcpy(text, begin, sizeof begin - 1);
    memset(text + sizeof begin - 1, 'x', sizeof text - sizeof begin);
    memcpy(text + sizeof begin - 1, "long: ", 6);
    enum status status = STATUS_NO_MEMORY;
    long n = 0;
    for (; status == STATUS_NO_MEMORY || problems.no_memory; n++) {
        fail_at = n + 1;
        n_allocations = 0;
        status = parse_again(TEXT(text));
        fail_at = 0;
        assert_true(status == STATUS_OK || (status == STATUS_NO_MEMORY && !root));
    }
    assert_true(n > 2);
}

static char folder[64];

static int make_folder(void **state) {
    strcpy(folder, "/tmp/test_edge_yaml.XXXXXX");
    return mkdtemp(folder) ? set_up(state) : -1;
}

static int remove_folder(void **state) {
    char path[128];
    snprintf(path, sizeof path, "%s/file", folder);
    unlink(path);
    rmdir(folder);
    return tear_down(state);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void loads_a_regular_file(void **state) {
    char path[128];
    snprintf(path, sizeof path, "%s/file", folder);
    write_file(path, "a: b\n");
    assert_int_equal(yaml_load(path, &arena, &problems, &root), STATUS_OK);
    assert_string_equal(node_find(root, "a")->text, "b");
}

static void refuses_what_is_no_file_that_can_be_read(void **state) {
    char fifo[128];
    snprintf(fifo, sizeof fifo, "%s/file", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const struct {
        const char *path;
        const char *piece;
    } rows[] = {
        {fifo, "is no regular file"},
        {folder, "is no regular file"},
        {"/dev/zero", "is no regular file"},
        {"/nonexistent/file", "cannot be read: No such file or directory"},
        {"", "cannot be read: No such file or directory"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tear_down(NULL);
        set_up(NULL);
        enum status status = yaml_load(rows[i].path, &arena, &problems, &root);
        if (status != STATUS_INVALID || problems.shown[0].line != 0 ||
            !strstr(problems.shown[0].text, rows[i].piece))
            fail_msg("%s: %s", rows[i].path, problems.n_errors ? problems.shown[0].text : "no problem");
    }
}

/* Programs escape what stands in texts of others. */
static void an_escape_in_json_may_make_a_control_character(void **state) {
    static const char text[] = "{\"a\":\"x\\u001b\\u009b\\ufeff\",\"b\":[1,null,true]}\n";
    assert_int_equal(yaml_parse_json(text, sizeof text - 1, &arena, &problems, &root), STATUS_OK);
    assert_string_equal(node_find(root, "a")->text, "x\x1b\xc2\x9b\xef\xbb\xbf");
    assert_int_equal(parse_again(text, sizeof text - 1), STATUS_INVALID);
    assert_int_equal(yaml_parse_json("{\"a\":\"\\u0000\"}", 14, &arena, &problems, &root), STATUS_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(makes_a_tree_with_places),
        TEST(takes_an_empty_document_for_none),
        TEST(refuses_what_is_no_strict_yaml_at_its_place),
        TEST(notes_what_is_not_supported_and_goes_on),
        TEST(keeps_the_first_of_equal_keys),
        TEST(stops_at_the_first_level_too_many),
        TEST(expands_no_alias),
        TEST(refuses_more_values_than_it_may_have),
        TEST(refuses_more_bytes_than_it_may_have),
        TEST(survives_any_allocation_that_fails),
        TEST(an_escape_in_json_may_make_a_control_character),
        FILE_TEST(loads_a_regular_file),
        FILE_TEST(refuses_what_is_no_file_that_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
