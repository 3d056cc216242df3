/* SPDX-License-Identifier: Apache-2.0
 *
 * Safelists in a configuration, as a user sees them: what is refused, what is warned of, and where.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config_fixture.h"

/* A list for IPv4, one for both families, one that is off, a score; on lines of their own behind what is
 * tested. */
#define LISTS                                                                                                \
    "\nlists: [{name: one, zone: one.net}, {name: both, zone: both.net, families: [ipv4, ipv6]},"            \
    " {name: off, zone: off.net, enabled: false}, {name: score, zone: score.net, kind: reputation}]"
#define GROUPS                                                                                               \
    "\ngroups: [{name: g, ranges: [40.107.%.%], lists: [one], sweep_interval: 30d},"                         \
    " {name: h, addresses: [192.0.2.1, 192.0.2.2, '2001:db8::1'], ranges: [192.0.2.0/30, 192.0.2.2/31],"     \
    " lists: [both]}, {name: s, ranges: [10.1.%.%], lists: [score], sweep_interval: 30d}]"
#define REST LISTS GROUPS
#define SAFELIST(text) "safelists: [{name: s, " text "}]" REST
#define TWO_LISTS                                                                                            \
    "\nlists: [{name: one, zone: one.net}, {name: both, zone: both.net}]"                                    \
    "\ngroups: [{name: g, ranges: [192.0.2.0/25], lists: [one]}, {name: h, addresses: [192.0.2.1], lists: "  \
    "[both]}]"
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

struct row {
    const char *text;
    const char *place;
    const char *piece;
};

/* clang-format off */
static const struct row bad_documents[] = {
    {"safelists: []" REST, "1:12", "\"safelists\" is empty; expected a list of safelists"},
    {"safelists: {name: s}" REST, "1:12", "\"safelists\" expects a list of safelists, found a mapping"},
    {"safelists: [s]" REST, "1:13", "a safelist must be a mapping of keys and values, found \"s\""},
    {"safelists: [{ranges: [192.0.2.1]}]" REST, "1:13", "\"name\" is missing in a safelist"},
    {"safelists: [{name: 'a b', ranges: [192.0.2.1]}]" REST, "1:20", "\"name\" expects 1 to 63 of letters, digits"},
    {"safelists:\n- {name: s, ranges: [192.0.2.1]}\n- {name: s, ranges: [192.0.2.2]}" REST, "3:3",
     "a second safelist is named \"s\"; the first is on line 2"},
    {"safelists: [{name: s}]" REST, "1:13", "\"ranges\" is missing in a safelist"},
    {SAFELIST("ranges: []"), "1:31", "\"ranges\" is empty; expected a list of ranges"},
    {SAFELIST("ranges: 192.0.2.1"), "1:31", "\"ranges\" expects a list of ranges: CIDR, a-b, 40.107.%.%, or an address"},
    {SAFELIST("ranges: [40.107.1.0/16]"), "1:32", "the range meant is probably 40.107.0.0/16"},
    {SAFELIST("ranges: [40.%.1.%]"), "1:32", "has a % in the wrong place"},
    {SAFELIST("ranges: [192.0.2.9-192.0.2.1]"), "1:32", "ends before it begins"},
    {SAFELIST("ranges: [192.0.2.0/24, 40.107.%.%, 192.0.2.%]"), "1:58", "range \"192.0.2.%\" is given twice"},
    {SAFELIST("ranges: [192.0.2.1], added: 2026-02-29"), "1:51", "\"added\" expects a date such as 2026-11-01, found \"2026-02-29\""},
    {SAFELIST("ranges: [192.0.2.1], added: yesterday"), "1:51", "\"added\" expects a date"},
    {SAFELIST("ranges: [192.0.2.1], added: "), "1:51", "\"added\" has no value"},
    {SAFELIST("ranges: [192.0.2.1], ticket: ''"), "1:52", "\"ticket\" expects a text without control characters"},
    {SAFELIST("ranges: [192.0.2.1], ticket: [a]"), "1:52", "found a list"},
    {SAFELIST("ranges: [192.0.2.1], ticket: \"a\\nb\""), "1:52", "\"ticket\" expects a text without control characters"},
    {SAFELIST("ranges: [192.0.2.1], ticket: \"a\\x7fb\""), "1:52", "an escape makes a control character"},
    {SAFELIST("ranges: [192.0.2.1], ticket: \"a\\tb\""), "1:52", "without control characters"},
    {SAFELIST("ranges: [192.0.2.1], ticket: \"a\\u0085b\""), "1:52", "without control characters"},
    {SAFELIST("ranges: [192.0.2.1], ticket: " X50 X50 X50 X50 "x"), "1:52", "\"ticket\" has 201 bytes; at most 200"},
    {SAFELIST("ranges: [192.0.2.1], lists: [ona]"), "1:52", "there is no list \"ona\" under \"lists\"; did you mean \"one\"?"},
    {SAFELIST("ranges: [192.0.2.1], lists: [one, one]"), "1:57", "list \"one\" is given twice"},
    {SAFELIST("ranges: [192.0.2.1], lists: one"), "1:51", "\"lists\" expects a list of names of block lists"},
    {SAFELIST("ranges: [192.0.2.1], lists: []"), "1:51", "\"lists\" is empty"},
    {SAFELIST("ranges: [192.0.2.1], lists: [score]"), "1:52", "list \"score\" is no block list: it tells of no listings"},
    {SAFELIST("ranges: [192.0.2.1], groups: [g]"), "1:44", "unknown key \"groups\" in a safelist"},
    {SAFELIST("range: [192.0.2.1], ranges: [192.0.2.2]"), "1:23", "did you mean \"ranges\"?"},
};

static const struct row warnings[] = {
    /* whole, by one range, by several that overlap, by addresses; of both families */
    {SAFELIST("ranges: [40.107.%.%, 40.107.7.0/24, 192.0.2.0/30, 192.0.2.2, '2001:db8::1']"), NULL, ""},
    {SAFELIST("ranges: [40.107.%.%, 198.51.100.%]"), "1:44",
     "nobody watches 198.51.100.0/24: no group that is checked on a block list has any of it, so it is never said "
     "that it may go; put all of it under \"ranges\" of a group"},
    {SAFELIST("ranges: [192.0.2.%]"), "1:32",
     "\"both\" is asked about only 4 of the 256 addresses of 192.0.2.0/24, so it is never said that it may go; put "
     "all of it under \"ranges\" of a group that is checked there, or name the lists that count under \"lists\""},
    {SAFELIST("ranges: [40.107.255.0-40.108.0.255]"), "1:32", "only 256 of the 512 addresses of 40.107.255.0-40.108.0.255"},
    {SAFELIST("ranges: [192.0.1.254-192.0.2.1]"), "1:32", "only 2 of the 4 addresses"},
    /* enough of it, but not all */
    {SAFELIST("ranges: [40.107.0.1-40.108.0.0]"), "1:32",
     "\"one\" is asked about only 65,535 of the 65,536 addresses of 40.107.0.1-40.108.0.0; put all of it"},
    /* too large to be swept */
    {SAFELIST("ranges: [10.0.0.0/7]"), "1:32", "it is too large to be swept, so name the part of it that your mail leaves from"},
    {SAFELIST("ranges: ['2001:db8::/48']"), "1:32", "\"both\" is asked about only 1 of the 2^80 addresses of 2001:db8::/48, so"},
    {SAFELIST("ranges: ['2001:db9::/32']"), "1:32", "nobody watches 2001:db9::/32"},
    {SAFELIST("ranges: [0.0.0.0/0]"), "1:32", "\"both\" is asked about only 4 of the 4,294,967,296 addresses of 0.0.0.0/0, and 1 more list about a part"},
    {SAFELIST("ranges: ['::/0']"), "1:32", "only 1 of the 2^128 addresses of ::/0"},
    /* a score says nothing about listings */
    {SAFELIST("ranges: [10.1.%.%]"), "1:32", "nobody watches 10.1.0.0/16"},
    /* whole on one list, an address on another: that it counts can be denied, or wished */
    {"safelists: [{name: s, ranges: [192.0.2.0/25]}]" TWO_LISTS, "1:32", "\"both\" is asked about only 1 of the 128 addresses"},
    {"safelists: [{name: s, ranges: [192.0.2.0/25], lists: [one]}]" TWO_LISTS, NULL, ""},
    {"safelists: [{name: s, ranges: [192.0.2.0/25], lists: [both]}]" TWO_LISTS, "1:32", "\"both\" is asked about only 1 of"},
    {"safelists: [{name: s, ranges: [192.0.2.16/28], lists: [both]}]" TWO_LISTS, "1:32",
     "nobody watches 192.0.2.16/28: no group that is checked on its \"lists\" has any of it"},
    {"safelists: [{name: s, ranges: [192.0.2.16/28], lists: [one, both]}]" TWO_LISTS, "1:32", "\"both\" is asked about only 0 of the 16 addresses"},
    {"safelists: [{name: s, ranges: [192.0.2.16/28]}]" TWO_LISTS, NULL, ""},
    /* files and an SPF record may have it */
    {"safelists: [{name: s, ranges: [198.51.100.0/24]}]" LISTS "\ngroups: [{name: g, files: [a.txt]}]", NULL, ""},
    {"safelists: [{name: s, ranges: [198.51.100.0/24]}]" LISTS "\ngroups: [{name: g, spf: example.net}]", NULL, ""},
    {SAFELIST("ranges: [40.107.%.%], lists: [one, off]"), "1:58", "list \"off\" is disabled; the safelist is not checked on it"},
};
/* clang-format on */

static void refuses_what_is_wrong_at_its_place(void **state) {
    for (size_t i = 0; i < sizeof bad_documents / sizeof *bad_documents; i++) {
        const struct row *row = &bad_documents[i];
        struct settings *settings = NULL;
        enum status status = read_text(row->text, &settings);
        if (status != STATUS_INVALID || problems.n_errors != 1 ||
            !has_problem(row->place, row->piece, false)) {
            print_problems(row->text);
            fail_msg("expected \"%s\" at %s", row->piece, row->place);
        }
    }
}

static void warns_of_what_nobody_watches_and_says_how_much(void **state) {
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++) {
        const struct row *row = &warnings[i];
        struct settings *settings = NULL;
        assert_int_equal(read_text(row->text, &settings), STATUS_OK);
        if (row->place == NULL ? problems.n_warnings > 0
                               : problems.n_warnings != 1 || !has_problem(row->place, row->piece, true)) {
            print_problems(row->text);
            fail_msg("expected \"%s\" at %s", row->piece, row->place != NULL ? row->place : "no place");
        }
        settings_free(settings);
    }
}

static void reads_every_key_and_fills_in_the_rest(void **state) {
    struct settings *s = NULL;
    assert_int_equal(read_text("safelists:\n"
                               "  - {ticket: \"KH 4711 \\xe4\\u2028\", added: 2026-03-04, name: a.b-c_1,\n"
                               "     ranges: [192.0.2.2, '2001:db8::1', 40.107.%.%, 192.0.2.1-192.0.2.2]}\n"
                               "  - {name: two, ranges: [40.107.%.%], ticket: 4711, lists: [one]}\n"
                               "  - {name: three, ranges: [40.107.%.%], ticket: " X50 X50 X50 X50 "}" REST,
                               &s),
                     STATUS_OK);
    assert_int_equal(s->n_safelists, 3);
    const struct safelist *a = &s->safelists[0];
    assert_string_equal(a->name, "a.b-c_1");
    assert_string_equal(a->ticket, "KH 4711 \xc3\xa4\xe2\x80\xa8");
    assert_int_equal(a->added_days, 20516);
    assert_int_equal(a->n_ranges, 4);
    assert_string_equal(a->ranges[0].label, "192.0.2.2/32");
    assert_string_equal(a->ranges[1].label, "2001:db8::1/128");
    assert_string_equal(a->ranges[2].label, "40.107.0.0/16");
    assert_string_equal(a->ranges[3].label, "192.0.2.1-192.0.2.2");
    assert_string_equal(s->safelists[1].ticket, "4711");
    assert_int_equal(s->safelists[1].added_days, -1);
    assert_null(a->lists);
    const bool *lists = s->safelists[1].lists;
    assert_true(lists[0] && !lists[1] && !lists[2] && !lists[3]);
    settings_free(s);
    assert_int_equal(read_text("safelists: [{name: a, ranges: [40.107.%.%]}]" REST, &s), STATUS_OK);
    assert_string_equal(s->safelists[0].ticket, "");
    settings_free(s);
}

/* What is safelisted counts for none of the limits of what is swept. */
static void takes_ranges_of_any_size_and_refuses_the_1001st_safelist(void **state) {
    enum { LINE = 64 };
    char *text = malloc((size_t)(SETTINGS_MAX_SAFELISTS + 1) * LINE + 1000);
    struct settings *s = NULL;
    assert_non_null(text);
    char *to = text + sprintf(text, "safelists:\n");
    for (unsigned i = 0; i < SETTINGS_MAX_SAFELISTS; i++)
        to += sprintf(to, "  - {name: s%u, ranges: [%u.0.0.0/8]}\n", i, i % 200);
    strcpy(to, REST);
    assert_int_equal(read_text(text, &s), STATUS_OK);
    assert_int_equal(s->n_safelists, SETTINGS_MAX_SAFELISTS);
    assert_int_equal(problems.n_warnings, SETTINGS_MAX_SAFELISTS);
    settings_free(s);
    strcpy(to, "  - {name: more, ranges: [192.0.2.1]}" REST);
    assert_int_equal(read_text(text, &s), STATUS_INVALID);
    assert_true(has_problem("1002:5", "more than 1000 safelists", false));
    free(text);
}

static void warns_of_a_date_that_lies_ahead(void **state) {
    enum { TODAY = 20516 }; /* 2026-03-04 */
    struct settings *s = NULL;
    assert_int_equal(read_text("safelists:\n"
                               "  - {name: today, ranges: [40.107.%.%], added: 2026-03-04}\n"
                               "  - {name: east, ranges: [40.107.%.%], added: 2026-03-05}\n"
                               "  - {name: never, ranges: [40.107.%.%]}\n"
                               "  - {name: ahead, ranges: [40.107.%.%], added: 2027-03-04}" REST,
                               &s),
                     STATUS_OK);
    settings_check_dates(s, TODAY, &problems);
    assert_int_equal(problems.n_warnings, 1);
    assert_true(has_problem("5:48", "safelist \"ahead\" was added in 365 days, says \"added\"", true));
    settings_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_wrong_at_its_place),
        cmocka_unit_test(warns_of_what_nobody_watches_and_says_how_much),
        cmocka_unit_test(reads_every_key_and_fills_in_the_rest),
        cmocka_unit_test(takes_ranges_of_any_size_and_refuses_the_1001st_safelist),
        cmocka_unit_test(warns_of_a_date_that_lies_ahead),
    };
    return cmocka_run_group_tests(tests, read_catalog, free_catalog);
}
