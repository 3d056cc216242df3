/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc */
#include "core/endpoints.h"

#include "edge/yaml.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static struct endpoints endpoints;

static int set_up(void **state) {
    arena_init(&arena);
    problems_init(&problems);
    endpoints = (struct endpoints){0};
    return 0;
}

static int tear_down(void **state) {
    arena_release(&arena);
    problems_release(&problems);
    return 0;
}

static enum status read_json(const char *text, size_t len) {
    const struct node *root = NULL;
    tear_down(NULL);
    set_up(NULL);
    enum status status = yaml_parse(text, len, &arena, &problems, &root);
    return status == STATUS_OK ? endpoints_read(root, &arena, &problems, &endpoints) : status;
}

/* What was read, as one text: the ranges, or the problems with their places. */
static const char *outcome(const char *json) {
    static char out[2048];
    size_t used = 0;
    enum status status = read_json(json, strlen(json));
    out[0] = '\0';
    for (size_t i = 0; status == STATUS_OK && i < endpoints.n_ranges; i++) {
        char text[IP_RANGE_TEXT_SIZE];
        (void)ip_range_format(&endpoints.ranges[i], text);
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%s", used > 0 ? " " : "", text);
    }
    for (size_t i = 0; status != STATUS_OK && i < problems.n_shown; i++) {
        const struct problem *p = &problems.shown[i];
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%u:%u %s", used > 0 ? "\n" : "", p->line,
                                 p->column, p->text);
    }
    return out;
}

static void expect(const char *json, const char *expected) {
    const char *found = outcome(json);
    if (strcmp(found, expected) != 0)
        fail_msg("%s\ngave\n%s\nexpected\n%s", json, found, expected);
}

/* As the service answers, with what makes JSON differ from YAML as people write it. */
static const char published[] =
    "[\n"
    "  {\n"
    "    \"id\": 1,\n"
    "    \"serviceArea\": \"Exchange\",\n"
    "    \"serviceAreaDisplayName\": \"Exchange Online\",\n"
    "    \"urls\": [\"outlook.cloud.microsoft\", \"outlook.office365.com\"],\n"
    "    \"ips\": [\"13.107.6.152/31\", \"40.96.0.0/13\", \"52.96.0.0/14\", \"2603:1006::/40\"],\n"
    "    \"tcpPorts\": \"80,443\",\n"
    "    \"udpPorts\": \"443\",\n"
    "    \"expressRoute\": true,\n"
    "    \"category\": \"Optimize\",\n"
    "    \"required\": true\n"
    "  },\n"
    "  {\"id\": 8, \"serviceArea\": \"Exchange\", \"urls\": [\"*.outlook.com\", "
    "\"autodiscover.*.onmicrosoft.com\"],\n"
    "   \"required\": false, \"notes\": \"POP3\\/IMAP4 \\u2014 \\\"legacy\\\"\\nclients\"},\n"
    "\t{\"id\":9,\"serviceArea\":\"Exchange\",\"urls\":[\"*.protection.outlook.com\"],\"ips\":[\"40.92.0.0\\/"
    "15\","
    "\"40.107.0.0\\u002f16\",\"52.100.0.0/14\",\"52.238.78.88/32\",\"104.47.0.0/17\",\"2a01:111:f403::/48\"],"
    "\"tcpPorts\":\"443\",\"expressRoute\":true,\"category\":\"Allow\",\"required\":true},\r\n"
    "  {\"id\": 10, \"serviceArea\": \"Exchange\", \"urls\": [\"*.mail.protection.outlook.com\", "
    "\"*.mx.microsoft\"],\n"
    "   \"ips\": [\"40.92.0.0/15\", \"40.107.0.0/16\", \"52.100.0.0/14\", \"104.47.0.0/17\", "
    "\"2a01:111:f400::/48\",\n"
    "           \"2a01:111:f403::/48\"], \"tcpPorts\": \"25\"},\n"
    "  {\"id\": 31, \"serviceArea\": \"SharePoint\", \"urls\": [\"*.sharepoint.com\"], \"ips\": "
    "[\"13.107.136.0/22\"]},\n"
    "  {\"id\": 64, \"serviceArea\": \"Common\", \"urls\": [\"*.protection.outlook.com\"], \"ips\": "
    "[\"20.20.32.0/19\"]},\n"
    "  {\"id\": 147, \"serviceArea\": \"Common\", \"urls\": [\"*.office.com\"]}\n"
    "]\n";

static void takes_the_sets_of_exchange_that_send_mail(void **state) {
    expect(published, "40.92.0.0/15 40.107.0.0/16 52.100.0.0/14 52.238.78.88/32 104.47.0.0/17 "
                      "2a01:111:f400::/48 2a01:111:f403::/48");
    assert_int_equal(endpoints.n_sets, 7);
    assert_int_equal(endpoints.n_sets_taken, 2);
}

static void goes_by_the_names_of_a_set(void **state) {
    static const struct {
        const char *url;
        bool taken;
    } rows[] = {
        {"*.protection.outlook.com", true},
        {"protection.outlook.com", true},
        {"*.Mail.Protection.Outlook.COM", true},
        {"*.mx.microsoft", true},
        {"mx.microsoft", true},
        {"*.outlook.com", false},
        {"outlook.com", false},
        {"dataprotection.outlook.com", false},
        {"protection.outlook.com.example", false},
        {"amx.microsoft", false},
        {"microsoft", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char json[512];
        (void)snprintf(
            json, sizeof json,
            "[{\"serviceArea\": \"Exchange\", \"urls\": [\"mx.microsoft\"], \"ips\": [\"1.0.0.0/8\"]},"
            "{\"serviceArea\": \"Exchange\", \"urls\": [\"a.example\", \"%s\"], \"ips\": "
            "[\"2.0.0.0/8\"]}]",
            rows[i].url);
        expect(json, rows[i].taken ? "1.0.0.0/8 2.0.0.0/8" : "1.0.0.0/8");
    }
}

#define NONE                                                                                                 \
    "none of its sets sends mail; expected at least one with the serviceArea \"Exchange\", a name under "    \
    "protection.outlook.com or mx.microsoft, and \"ips\", as in "                                            \
    "https://endpoints.office.com/endpoints/worldwide"
#define SET                                                                                                  \
    "expected a set of endpoints with a \"serviceArea\", as in "                                             \
    "https://endpoints.office.com/endpoints/worldwide"

static void says_what_is_wrong_and_takes_nothing(void **state) {
    static const struct {
        const char *json;
        const char *problems;
    } rows[] = {
        {"[]", "1:1 " NONE},
        {"[{\"serviceArea\": \"Exchange\", \"urls\": [\"mx.microsoft\"]}]", "1:1 " NONE},
        {"[{\"serviceArea\": \"Exchange\", \"urls\": [\"mx.microsoft\"], \"ips\": []}]", "1:1 " NONE},
        {"[{\"serviceArea\": \"Exchange\", \"ips\": [\"1.0.0.0/8\"]}]", "1:1 " NONE},
        {"[{\"serviceArea\": \"Teams\", \"urls\": [\"mx.microsoft\"], \"ips\": [\"1.0.0.0/8\"]}]",
         "1:1 " NONE},
        {"[\"1.0.0.0/8\", {\"id\": 1}]", "1:2 " SET "\n1:15 " SET},
        {"[{\"serviceArea\": [], \"urls\": [\"mx.microsoft\"], \"ips\": [\"1.0.0.0/8\"]}]", "1:1 " NONE},
        {"[{\"serviceArea\": \"Exchange\", \"urls\": [\"mx.microsoft\"], \"ips\": \"1.0.0.0/8\"}]",
         "1:63 expected a list of ranges under \"ips\""},
        {"[{\"serviceArea\": \"Exchange\", \"urls\": \"mx.microsoft\"}]",
         "1:38 expected a list of names under \"urls\""},
        {"[{\"serviceArea\": \"Exchange\", \"urls\": [[], \"mx.microsoft\"],\n\"ips\": [\"1.0.0.0/8\", [], "
         "\"2.0.0.1/8\"]}]",
         "2:22 expected a range, like \"40.92.0.0/15\"\n"
         "2:26 \"2.0.0.1/8\" has bits set behind the prefix; the range meant is probably 2.0.0.0/8"},
        {"[{\"serviceArea\": \"Exchange\", \"urls\": [\"mx.microsoft\"], \"ips\": [\"1.0.0.0/8\"",
         "2:1 not valid YAML: did not find expected ',' or ']' (while parsing a flow sequence that begins on "
         "line 1)"},
        {"{\"code\": 400, \"message\": \"clientrequestid is missing\"}",
         "1:1 is no list of endpoints; expected the JSON that "
         "https://endpoints.office.com/endpoints/worldwide "
         "answers, a list of sets"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(rows[i].json, rows[i].problems);
}

/* Appends a set as long as the longest of the published ones, twice over, on one line. */
static size_t add_set(char *to, size_t size, unsigned id, const char *area) {
    size_t n = (size_t)snprintf(to, size, "%s{\"id\":%u,\"serviceArea\":\"%s\",\"urls\":[",
                                id > 1 ? "," : "[", id, area);
    for (unsigned i = 0; i < 60; i++)
        n += (size_t)snprintf(to + n, size - n, "\"*.name-%u-%u.protection.outlook.com\",", id, i);
    n += (size_t)snprintf(to + n, size - n, "\"x\"],\"notes\":\"%01500u\",\"ips\":[", 0);
    for (unsigned i = 0; i < 100; i++)
        n += (size_t)snprintf(to + n, size - n, "\"10.%u.%u.0\\/24\",\"2a01:%x:%x::\\/48\"%s", id, i, id, i,
                              i < 99 ? "," : "]}");
    return n;
}

static void takes_a_list_of_many_sets_on_one_line(void **state) {
    enum { SETS = 200, SIZE = 4 * 1024 * 1024 };
    char *json = malloc(SIZE);
    size_t n = 0;
    assert_non_null(json);
    for (unsigned id = 1; id <= SETS; id++)
        n += add_set(json + n, SIZE - n, id, id % 2 ? "Exchange" : "SharePoint");
    n += (size_t)snprintf(json + n, SIZE - n, "]");
    assert_int_equal(read_json(json, n), STATUS_OK);
    assert_int_equal(endpoints.n_sets, SETS);
    assert_int_equal(endpoints.n_sets_taken, SETS / 2);
    assert_int_equal(endpoints.n_ranges, SETS / 2 * 200);
    free(json);
}

/* In an arena of its own, so that it has no room left from the parsing. */
static enum status read_tree(const struct node *root, long n) {
    arena_release(&arena);
    problems_release(&problems);
    problems_init(&problems);
    endpoints = (struct endpoints){0};
    n_allocations = 0;
    fail_at = n;
    enum status status = endpoints_read(root, &arena, &problems, &endpoints);
    fail_at = 0;
    return status;
}

static void survives_every_failing_allocation(void **state) {
    static const char wrong[] =
        "[{\"serviceArea\": \"Exchange\", \"urls\": [\"mx.microsoft\"], \"ips\": [\"x\"]}]";
    static const struct {
        const char *json;
        enum status last;
        long least;
    } rows[] = {{published, STATUS_OK, 1}, {wrong, STATUS_INVALID, 2}, {"x", STATUS_INVALID, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena tree;
        const struct node *root = NULL;
        long n = 1;
        arena_init(&tree);
        assert_int_equal(yaml_parse(rows[i].json, strlen(rows[i].json), &tree, &problems, &root), STATUS_OK);
        for (; read_tree(root, n) != rows[i].last; n++) {
            assert_true(problems.no_memory || problems.n_shown == 0);
            assert_int_equal(endpoints.n_sets, 0);
        }
        assert_true(n > rows[i].least);
        arena_release(&tree);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_the_sets_of_exchange_that_send_mail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_by_the_names_of_a_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_what_is_wrong_and_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_a_list_of_many_sets_on_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_every_failing_allocation, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
