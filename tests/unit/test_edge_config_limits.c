/* SPDX-License-Identifier: Apache-2.0
 *
 * Configurations that are too large for a row of a table: one more than each limit allows, each with the
 * place of the one too many; and files that change while they are read.
 */
/* LINK: -Wl,--wrap=read */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#define LISTS "lists: [{name: one, zone: one.example.net, families: [ipv4, ipv6]}]\n"
#define GROUPS "groups: [{name: g, addresses: [192.0.2.1]}]\n"

/* A document that begins with `head` and has `n` lines of `format`, in which %u is the number of the line. */
struct many {
    const char *head;
    const char *format;
    unsigned n;
    const char *tail;
    const char *place; /* of an error... */
    const char *piece; /* ...that holds this; NULL: all is well */
};

/* clang-format off */
static const struct many many[] = {
    {GROUPS "lists:\n", "- {name: l%u, zone: l%u.net}\n", LIST_MAX, "", NULL, NULL},
    {GROUPS "lists:\n", "- {name: l%u, zone: l%u.net}\n", LIST_MAX + 1, "", "253:3", "more than 250 lists"},
    {LISTS "groups:\n", "- {name: g%u, addresses: [192.0.2.1]}\n", SETTINGS_MAX_GROUPS, "", NULL, NULL},
    {LISTS "groups:\n", "- {name: g%u, addresses: [192.0.2.1]}\n", SETTINGS_MAX_GROUPS + 1, "", "1003:3", "more than 1000 groups"},
    {LISTS GROUPS "safelists:\n", "- {name: s%u, ranges: [192.0.2.1]}\n", SETTINGS_MAX_SAFELISTS, "", NULL, NULL},
    {LISTS GROUPS "safelists:\n", "- {name: s%u, ranges: [192.0.2.1]}\n", SETTINGS_MAX_SAFELISTS + 1, "", "1004:3", "more than 1000 safelists"},
    {GROUPS "lists:\n- name: a\n  zone: a.net\n  codes:\n", "    127.0.1.%u: c%u\n", LIST_MAX_CODES, "", NULL, NULL},
    {GROUPS "lists:\n- name: a\n  zone: a.net\n  codes:\n", "    127.0.1.%u: c%u\n", LIST_MAX_CODES + 1, "", "69:17", "more than 63 different names of answers"},
    {LISTS "groups:\n- name: g\n  files:\n", "  - f%u.txt\n", SETTINGS_MAX_FILES, "", NULL, NULL},
    {LISTS "groups:\n- name: g\n  files:\n", "  - f%u.txt\n", SETTINGS_MAX_FILES + 1, "", "5:3",
     "\"files\" has 101 entries; at most 100 are taken, each of which may stand for many files"},
    {LISTS GROUPS "safelists: [{name: s, ranges: [192.0.2.1], ticket: ", "x", SETTINGS_TICKET_MAX, "}]\n", NULL, NULL},
    {LISTS GROUPS "safelists: [{name: s, ranges: [192.0.2.1], ticket: ", "x", SETTINGS_TICKET_MAX + 1, "}]\n", "3:52",
     "\"ticket\" has 201 bytes; at most 200 are shown as a label"},
    /* 255 octets in all, of which an address takes 16 and an IPv6 address 64 */
    {GROUPS "lists: [{name: a, zone: a", ".bcdefgh", 23, "}]\n", NULL, NULL},
    {GROUPS "lists: [{name: a, families: [ipv6], zone: a", ".bcdefgh", 23, "}]\n", NULL, NULL},
    {GROUPS "lists: [{name: a, families: [ipv6], zone: a", ".bcdefgh", 24, "}]\n", "2:9", "is too long to ask about IPv6 addresses"},
    {GROUPS "lists: [{name: a, zone: a", ".bcdefgh", 30, "}]\n", "2:9", "is too long to ask about IPv4 addresses"},
    {GROUPS "lists: [{name: a, zone: a", ".bcdefgh", 32, "}]\n", "2:25", "\"zone\" expects a DNS name"},
    {LISTS "groups: [{name: g, spf: a", ".bcdefgh", 32, "}]\n", "2:25", "\"spf\" expects a DNS name"},
};
/* clang-format on */

static char *write_many(const struct many *row) {
    size_t size = strlen(row->head) + row->n * (strlen(row->format) + 16) + strlen(row->tail) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    char *to = stpcpy(text, row->head);
    for (unsigned i = 0; i < row->n; i++)
        for (const char *from = row->format; *from; from++)
            if (from[0] == '%' && from[1] == 'u') {
                to += sprintf(to, "%u", i + 1);
                from++;
            } else {
                *to++ = *from;
            }
    strcpy(to, row->tail);
    return text;
}

static void refuses_one_more_than_a_limit_and_takes_as_many_as_it_says(void **state) {
    size_t n_wrong = 0;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
        struct settings *settings = NULL;
        char *text = write_many(&many[i]);
        enum status status = read_text(text, &settings);
        bool right = many[i].piece ? status == STATUS_INVALID && !settings && problems.n_errors == 1 &&
                                         has_problem(many[i].place, many[i].piece, false)
                                   : status == STATUS_OK;
        if (!right) {
            print_problems(many[i].head);
            print_error("but with %u times \"%s\" this was expected: %s at %s\n", many[i].n, many[i].format,
                        many[i].piece ? many[i].piece : "no error", many[i].place ? many[i].place : "-");
            n_wrong++;
        }
        settings_free(settings);
        free(text);
    }
    assert_int_equal(n_wrong, 0);
}

static void a_catalog_without_lists_is_an_error(void **state) {
    struct catalog *none = NULL;
    problems_release(&problems);
    problems_init(&problems);
    assert_int_equal(catalog_read(NULL, &problems, &none), STATUS_INVALID);
    assert_null(none);
    assert_true(has_problem("0:0", "the catalog is empty", false));
}

/* --- Files --- */
static char file[64];
static int size_at_read =
    -1; /* what the file gets to have when it is read for the first time; -1: nothing happens */

ssize_t __real_read(int fd, void *buffer, size_t size);

ssize_t __wrap_read(int fd, void *buffer, size_t size) {
    if (size_at_read >= 0) {
        assert_int_equal(truncate(file, size_at_read), 0);
        size_at_read = -1;
    }
    return __real_read(fd, buffer, size);
}

static int make_file(void **state) {
    strcpy(file, "/tmp/test_edge_config_limits.XXXXXX");
    int fd = mkstemp(file);
    return fd < 0 || close(fd) != 0 ? -1 : 0;
}

static int remove_file(void **state) {
    size_at_read = -1;
    return unlink(file);
}

static enum status load(off_t size) {
    struct arena arena;
    const struct node *root = NULL;
    assert_int_equal(truncate(file, 0), 0);
    FILE *to = fopen(file, "w");
    assert_non_null(to);
    assert_true(fputs(LISTS GROUPS, to) >= 0);
    assert_int_equal(fclose(to), 0);
    if (size >= 0)
        assert_int_equal(truncate(file, size), 0);
    problems_release(&problems);
    problems_init(&problems);
    arena_init(&arena);
    enum status status = yaml_load(file, &arena, &problems, &root);
    arena_release(&arena);
    return status;
}

static void a_file_that_changes_while_it_is_read_is_not_believed(void **state) {
    static const int sizes[] = {0, 1, sizeof LISTS - 1, sizeof LISTS GROUPS - 2, sizeof LISTS GROUPS, 100000};
    assert_int_equal(load(-1), STATUS_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_at_read = sizes[i];
        assert_int_equal(load(-1), STATUS_INVALID);
        assert_int_equal(problems.n_errors, 1);
        assert_true(has_problem("0:0", "cannot be read: it changed while it was read", false));
    }
}

static void a_file_that_is_too_large_is_not_even_read(void **state) {
    size_at_read = 0; /* would make another error of it */
    assert_int_equal(load((off_t)YAML_BYTES + 1), STATUS_INVALID);
    assert_true(has_problem("0:0", "has more than 67108864 bytes", false));
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_one_more_than_a_limit_and_takes_as_many_as_it_says),
        cmocka_unit_test(a_catalog_without_lists_is_an_error),
        FILE_TEST(a_file_that_changes_while_it_is_read_is_not_believed),
        FILE_TEST(a_file_that_is_too_large_is_not_even_read),
    };
    return cmocka_run_group_tests(tests, read_catalog, free_catalog);
}
