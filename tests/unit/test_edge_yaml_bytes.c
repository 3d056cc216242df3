/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=read,--wrap=fstat,--wrap=malloc,--wrap=yaml_parser_initialize,--wrap=yaml_parser_parse */
/*
 * The bytes of a document: which characters it may hold, and what becomes of a file that cannot be read
 * whole, or is written to meanwhile.
 */
#include "edge/yaml.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

static struct arena arena;
static struct problems problems;
static const struct node *root;
static int fstat_errno;  /* 0: none */
static off_t fstat_size; /* instead of the true one; -1: none */
static int read_errno;   /* of every read(); 0: none */
static int interrupts;   /* so many times EINTR first */
static size_t refused;   /* a block of so many bytes cannot be had; 0: none */

ssize_t __real_read(int fd, void *to, size_t size);
int __real_fstat(int fd, struct stat *out);
void *__real_malloc(size_t size);

ssize_t __wrap_read(int fd, void *to, size_t size) {
    errno = interrupts > 0 ? EINTR : read_errno;
    if (interrupts > 0 ? interrupts-- : read_errno)
        return -1;
    return __real_read(fd, to, size < 3 ? size : 3); /* in small pieces */
}

int __wrap_fstat(int fd, struct stat *out) {
    errno = fstat_errno;
    int failed = fstat_errno ? -1 : __real_fstat(fd, out);
    if (!failed && fstat_size >= 0)
        out->st_size = fstat_size;
    return failed;
}

void *__wrap_malloc(size_t size) {
    return size == refused ? NULL : __real_malloc(size);
}

static bool no_parser; /* there is no memory for one */
static int parses;     /* so many events, and then there is no memory for another; 0: all */
static bool no_reason; /* ... or an error of which it does not say what it is */

int __real_yaml_parser_initialize(yaml_parser_t *parser);
int __real_yaml_parser_parse(yaml_parser_t *parser, yaml_event_t *event);

int __wrap_yaml_parser_initialize(yaml_parser_t *parser) {
    return no_parser ? 0 : __real_yaml_parser_initialize(parser);
}

int __wrap_yaml_parser_parse(yaml_parser_t *parser, yaml_event_t *event) {
    if (parses == 0 || --parses > 0)
        return __real_yaml_parser_parse(parser, event);
    parser->error = no_reason ? YAML_PARSER_ERROR : YAML_MEMORY_ERROR;
    return 0;
}

static int set_up(void **state) {
    arena_init(&arena);
    problems_init(&problems);
    root = NULL;
    fstat_errno = read_errno = interrupts = 0;
    fstat_size = -1;
    refused = 0;
    no_parser = false;
    parses = 0;
    no_reason = false;
    return 0;
}

static int tear_down(void **state) {
    arena_release(&arena);
    problems_release(&problems);
    return 0;
}

/* --- Characters --- */

static const struct {
    const char *bytes;
    bool good;
} characters[] = {
    {"\t", true},
    {"~", true},
    {"\x7f", false},
    {"\x1f", false},
    {"\x80", false},     /* a continuation without a beginning */
    {"\xc1\xbf", false}, /* overlong */
    {"\xc2", false},     /* cut */
    {"\xc2\x41", false}, /* no continuation */
    {"\xc2\x84", false}, /* C1 */
    {"\xc2\x85", true},  /* NEL */
    {"\xc2\x9f", false}, /* C1 */
    {"\xc2\xa0", true},
    {"\xdf\xbf", true},
    {"\xe0\x9f\xbf", false}, /* overlong */
    {"\xe0\xa0\x80", true},
    {"\xe2\x82", false}, /* cut */
    {"\xed\x9f\xbf", true},
    {"\xed\xa0\x80", false}, /* a surrogate */
    {"\xed\xbf\xbf", false},
    {"\xee\x80\x80", true},
    {"\xef\xbb\xbf", false}, /* a mark of the order of bytes, but not in front */
    {"\xef\xbf\xbd", true},
    {"\xef\xbf\xbe", false},
    {"\xef\xbf\xbf", false},
    {"\xf0\x8f\xbf\xbf", false}, /* overlong */
    {"\xf0\x90\x80\x80", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\xf4\x90\x80\x80", false}, /* above the last */
    {"\xf5\x80\x80\x80", false},
};

static void takes_the_characters_of_yaml_and_no_others(void **state) {
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
        char text[32];
        tear_down(NULL);
        set_up(NULL);
        int n = snprintf(text, sizeof text, "a: 'x%s'", characters[i].bytes);
        enum status status = yaml_parse(text, (size_t)n, &arena, &problems, &root);
        if ((status == STATUS_OK) != characters[i].good)
            fail_msg("row %zu: status %d", i, (int)status);
        if (characters[i].good)
            continue;
        assert_int_equal(problems.shown[0].line, 1);
        assert_int_equal(problems.shown[0].column, 6);
    }
}

static void counts_lines_by_any_of_their_ends(void **state) {
    static const char text[] = "a: 1\r\nb: 2\rc: 3\nd: \x01";
    assert_int_equal(yaml_parse(text, sizeof text - 1, &arena, &problems, &root), STATUS_INVALID);
    assert_int_equal(problems.shown[0].line, 4);
    assert_int_equal(problems.shown[0].column, 4);
}

static void a_carriage_return_may_end_the_text(void **state) {
    static const char text[] = "a: 1\r";
    assert_int_equal(yaml_parse(text, sizeof text - 1, &arena, &problems, &root), STATUS_OK);
}

/* --- Keys --- */

static void of_three_equal_keys_on_one_line_the_first_stays(void **state) {
    static const char text[] = "{b: 0, a: 1, a: 2, a: 3}";
    assert_int_equal(yaml_parse(text, sizeof text - 1, &arena, &problems, &root), STATUS_OK);
    assert_int_equal(problems.n_errors, 2);
    assert_int_equal(problems.shown[0].column, 14);
    assert_int_equal(problems.shown[1].column, 20);
    assert_string_equal(node_find(root, "a")->text, "1");
}

static void an_error_tells_where_what_is_open_began(void **state) {
    static const char text[] = "a: [1,\n2\n";
    assert_int_equal(yaml_parse(text, sizeof text - 1, &arena, &problems, &root), STATUS_INVALID);
    assert_non_null(strstr(problems.shown[0].text, "begins on line 1"));
}

/* --- Files --- */

static enum status load(const char *text) {
    char path[] = "/tmp/test_edge_yaml_bytes.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    enum status status = yaml_load(path, &arena, &problems, &root);
    unlink(path);
    return status;
}

static void reads_a_file_in_pieces_and_when_interrupted(void **state) {
    interrupts = 2;
    assert_int_equal(load("abc: def\n"), STATUS_OK);
    assert_string_equal(node_find(root, "abc")->text, "def");
}

static void assert_unread(const char *why) {
    assert_int_equal(load("a: b\n"), STATUS_INVALID);
    assert_int_equal(problems.n_errors, 1);
    if (!strstr(problems.shown[0].text, why))
        fail_msg("%s", problems.shown[0].text);
}

static void a_file_that_grows_is_not_read(void **state) {
    fstat_size = 4;
    assert_unread("it changed while it was read");
}

static void a_file_that_shrinks_is_not_read(void **state) {
    fstat_size = 6;
    assert_unread("it changed while it was read");
}

static void a_disk_that_fails_is_named(void **state) {
    read_errno = EIO;
    assert_unread("Input/output error");
}

static void a_file_of_which_nothing_is_told_is_not_read(void **state) {
    fstat_errno = EIO;
    assert_unread("Input/output error");
}

static void a_file_that_is_too_large_is_not_read(void **state) {
    fstat_size = (off_t)YAML_BYTES + 1;
    assert_unread("more than 67108864 bytes");
}

static void a_file_needs_memory(void **state) {
    refused = 6; /* its five bytes and one more, to see that they are all */
    assert_int_equal(load("a: b\n"), STATUS_NO_MEMORY);
}

static void the_parser_needs_memory(void **state) {
    no_parser = true;
    assert_int_equal(load("a: b\n"), STATUS_NO_MEMORY);
    for (int n = 1; n <= 6; n++) {
        no_parser = false;
        parses = n;
        assert_int_equal(load("a: b\n"), STATUS_NO_MEMORY);
        assert_null(root);
        assert_int_equal(problems.n_errors, 0);
    }
}

static void an_error_without_a_reason_is_one(void **state) {
    no_reason = true;
    parses = 3;
    assert_int_equal(load("a: b\n"), STATUS_INVALID);
    assert_null(root);
    assert_string_equal(problems.shown[0].text, "not valid YAML: unknown reason");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(takes_the_characters_of_yaml_and_no_others),
        TEST(counts_lines_by_any_of_their_ends),
        TEST(a_carriage_return_may_end_the_text),
        TEST(of_three_equal_keys_on_one_line_the_first_stays),
        TEST(an_error_tells_where_what_is_open_began),
        TEST(reads_a_file_in_pieces_and_when_interrupted),
        TEST(a_file_that_grows_is_not_read),
        TEST(a_file_that_shrinks_is_not_read),
        TEST(a_disk_that_fails_is_named),
        TEST(a_file_of_which_nothing_is_told_is_not_read),
        TEST(a_file_that_is_too_large_is_not_read),
        TEST(a_file_needs_memory),
        TEST(the_parser_needs_memory),
        TEST(an_error_without_a_reason_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
