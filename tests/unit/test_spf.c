/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=calloc,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/spf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define V "v=spf1 "

static int calls_left = -1; /* of calloc() and realloc() */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return calls_left > 0 && --calls_left == 0 ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return calls_left > 0 && --calls_left == 0 ? NULL : __real_realloc(old, size);
}

/* What DNS holds: the TXT records of a name (`txt` NULL: none), several rows for several; or a failure. */
struct published {
    const char *name;
    const char *txt;
    enum question_result failure;
};

static struct spf *spf;
static unsigned n_asked;

static int tear_down(void **state) {
    spf_free(spf);
    spf = NULL;
    calls_left = -1;
    return 0;
}

static void answer(const struct published *zone, size_t n) {
    char name[4 * QNAME_MAX + 1];
    struct reply_texts texts;
    struct question_end end = {.type = QUERY_TXT, .result = QUESTION_NXDOMAIN, .texts = &texts};
    reply_texts_init(&texts);
    qname_format(spf_question(spf), name);
    for (size_t i = 0; i < n && zone[i].name != NULL; i++) {
        if (strcasecmp(zone[i].name, name) != 0)
            continue;
        end.result = zone[i].failure != 0 ? zone[i].failure : QUESTION_NODATA;
        if (zone[i].txt != NULL)
            reply_texts_add(&texts, zone[i].txt, strlen(zone[i].txt));
    }
    if (texts.n > 0)
        end.result = QUESTION_ANSWERED;
    n_asked++;
    spf_answer(spf, &end);
    reply_texts_release(&texts);
}

static void resolve(const char *domain, const struct published *zone, size_t n) {
    spf_free(spf);
    spf = NULL;
    n_asked = 0;
    assert_int_equal(spf_new(domain, &spf), STATUS_OK);
    while (spf_state(spf) == SPF_ASKS)
        answer(zone, n);
}

/* The ranges in words, or the error. */
static void describe(char *out, size_t size) {
    size_t n;
    const struct ip_range *ranges = spf_ranges(spf, &n);
    size_t used = 0;
    *out = '\0';
    if (spf_state(spf) != SPF_GOOD) {
        snprintf(out, size, "%s", spf_error(spf));
        return;
    }
    assert_string_equal(spf_error(spf), "");
    for (size_t i = 0; i < n; i++) {
        char text[IP_RANGE_TEXT_SIZE];
        ip_range_format(&ranges[i], text);
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "", text);
    }
}

struct row {
    struct published zone[6];
    enum spf_state state;
    const char *says;         /* ranges or error */
    const char *not_followed; /* NULL: none */
};

static void check_rows(const struct row *rows, size_t n) {
    char says[2000];
    for (size_t i = 0; i < n; i++) {
        resolve("example.net", rows[i].zone, COUNT(rows[i].zone));
        describe(says, sizeof says);
        const char *not_followed = rows[i].not_followed != NULL ? rows[i].not_followed : "";
        if (spf_state(spf) != rows[i].state || strcmp(says, rows[i].says) != 0)
            fail_msg("row %zu: %s\n  said \"%s\"\n  expected \"%s\"", i, rows[i].zone[0].txt, says,
                     rows[i].says);
        if (strcmp(spf_not_followed(spf), not_followed) != 0)
            fail_msg("row %zu: %s\n  does not follow \"%s\"", i, rows[i].zone[0].txt, spf_not_followed(spf));
    }
}

/* One record of example.net, and what becomes of it. */
struct record_row {
    const char *txt;
    const char *says;
};

static void check_records(const struct record_row *rows, size_t n, enum spf_state state) {
    for (size_t i = 0; i < n; i++) {
        struct row row = {.zone = {{"example.net", rows[i].txt, 0}, {"x.test", V "ip4:9.9.9.9", 0}},
                          .state = state,
                          .says = rows[i].says};
        check_rows(&row, 1);
    }
}

static void takes_the_ranges_of_microsoft(void **state) {
    static const struct published zone[] = {
        {"spf.protection.outlook.com", "google-site-verification=x", 0},
        {"spf.protection.outlook.com",
         "v=spf1 ip4:40.92.0.0/15 ip4:40.107.0.0/16 ip4:52.100.0.0/15 ip4:52.102.0.0/16 ip4:52.103.0.0/17 "
         "ip4:104.47.0.0/17 ip6:2a01:111:f400::/48 ip6:2a01:111:f403::/49 ip6:2a01:111:f403:8000::/51 "
         "ip6:2a01:111:f403:c000::/51 ip6:2a01:111:f403:f000::/52 -all",
         0}};
    char says[2000];
    resolve("spf.protection.outlook.com", zone, COUNT(zone));
    describe(says, sizeof says);
    assert_string_equal(
        says, "40.92.0.0/15 40.107.0.0/16 52.100.0.0/15 52.102.0.0/16 52.103.0.0/17 104.47.0.0/17 "
              "2a01:111:f400::/48 2a01:111:f403::/49 2a01:111:f403:8000::/51 2a01:111:f403:c000::/51 "
              "2a01:111:f403:f000::/52");
    size_t n;
    uint64_t n_v4 = 0;
    const struct ip_range *ranges = spf_ranges(spf, &n);
    for (size_t i = 0; i < 6; i++)
        n_v4 += ip_range_count(&ranges[i]);
    assert_int_equal(n_v4, 458752);
    assert_int_equal(n_asked, 1);
}

static void takes_addresses_and_masks_what_lies_behind_their_prefix(void **state) {
    static const struct record_row rows[] = {
        {"v=spf1", ""},
        {"v=spf1  ", ""},
        {"V=SPF1 IP4:1.2.3.4 Ip6:2001:DB8::1", "1.2.3.4/32 2001:db8::1/128"},
        {V "  ip4:1.2.3.4   +ip4:5.6.7.8  ", "1.2.3.4/32 5.6.7.8/32"},
        {V "ip4:1.2.3.4/16", "1.2.0.0/16"},
        {V "ip4:1.2.3.4/32", "1.2.3.4/32"},
        {V "ip4:1.2.3.4/0", "0.0.0.0/0"},
        {V "ip6:2001:db8::ffff/64", "2001:db8::/64"},
        {V "ip6:::ffff:1.2.3.4", "::ffff:1.2.3.4/128"},
        {V "ip4:1.2.3.4 ip4:1.2.3.4", "1.2.3.4/32 1.2.3.4/32"},
        {V "-ip4:1.2.3.4 ~ip4:1.2.3.5 ?ip4:1.2.3.6 ip4:1.2.3.7", "1.2.3.7/32"},
        {V "ip4:1.2.3.4 -all ip4:5.6.7.8", "1.2.3.4/32"},
        {V "ip4:1.2.3.4 exp=%{ir}.e.test unknown=%{c}%%/:= x-y_z.1= ip4=1 v=spf1", "1.2.3.4/32"},
        {V "redirect=x.test", "9.9.9.9/32"},
        {V "REDIRECT=X.test ip4:1.2.3.4", "1.2.3.4/32 9.9.9.9/32"},
        {V "redirect=x.test ip4:1.2.3.4 ?all", "1.2.3.4/32"},
        {V "include:x.test.", "9.9.9.9/32"},
        {V "+include:x.test -include:gone.test", "9.9.9.9/32"},
    };
    check_records(rows, COUNT(rows), SPF_GOOD);
}

#define BAD(term, why)                                                                                       \
    { V term, "example.net: the term " term " " why }

static void any_term_that_is_wrong_makes_all_wrong(void **state) {
    static const struct record_row rows[] = {
        BAD("ip4:1.2.3", "has no address"),
        BAD("ip4:1.2.3.256", "has no address"),
        BAD("ip4:01.2.3.4", "has no address"),
        BAD("ip4:1.2.3.0-1.2.3.9", "has no address"),
        BAD("ip4:1.2.%.%", "has no address"),
        BAD("ip4:1.2.3.4/", "has no address"),
        BAD("ip4:1.2.3.4/33", "has a prefix length out of range"),
        BAD("ip4:1.2.3.4/01", "has a prefix length out of range"),
        BAD("ip4:1.2.3.4/4294967312", "has a prefix length out of range"),
        BAD("ip4:1.2.3.4/-1", "has no address"),
        BAD("ip4:", "has no address"),
        BAD("ip4", "lacks its address"),
        BAD("ip4/24", "lacks its address"),
        BAD("ip4:2001:db8::", "has an address of the other family"),
        BAD("ip6:1.2.3.4", "has an address of the other family"),
        BAD("ip6:2001:db8::/129", "has a prefix length out of range"),
        BAD("ip6:2001:db8::%eth0", "has no address"),
        BAD("+", "is no mechanism"),
        BAD("++ip4:1.2.3.4", "is no mechanism"),
        BAD("ipv4:1.2.3.4", "is no mechanism"),
        BAD("ip4:1.2.3.4,ip4:1.2.3.5", "has no address"),
        BAD("1.2.3.4", "is no mechanism"),
        BAD("-redirect=x.test", "is no mechanism"),
        BAD("all:x.test", "has something behind it"),
        BAD("all/8", "has something behind it"),
        BAD("allow", "is no mechanism"),
        BAD("include", "lacks its domain"),
        BAD("include:", "lacks its domain"),
        BAD("include:x", "has a domain that does not end as one"),
        BAD("include:1.2.3.4", "has a domain that does not end as one"),
        BAD("include:x.test/24", "has a domain that does not end as one"),
        BAD("include:x..test", "has a domain that is no DNS name"),
        BAD("include:x!y.test", "has a domain that is no DNS name"),
        BAD("include:%{x}.test", "has a macro with a letter that is none"),
        BAD("include:%{c}.test", "has a macro with a letter that is none"),
        BAD("include:%{i.test", "has a macro without its closing brace"),
        BAD("include:%{i0}.test", "has a macro that keeps no label"),
        BAD("include:%{", "has a macro with a letter that is none"),
        BAD("include:%", "has a % that begins no macro"),
        BAD("include:%x.test", "has a % that begins no macro"),
        BAD("redirect=", "lacks its domain"),
        BAD("redirect=x", "has a domain that does not end as one"),
        BAD("exp=%{t}.x.test", "has a macro with a letter that is none"),
        BAD("unknown=%", "has a % that begins no macro"),
        BAD("a:", "lacks its domain"),
        BAD("a:x.test/", "has a domain that does not end as one"),
        BAD("a:x.test/33", "has a prefix length out of range"),
        BAD("a//129", "has a prefix length out of range"),
        BAD("a/24/64", "has a prefix length out of range"),
        BAD("a/24/24", "has a prefix length that is none"),
        BAD("mx/", "has a prefix length that is none"),
        BAD("mx/x", "has a prefix length that is none"),
        BAD("mx/00", "has a prefix length out of range"),
        BAD("ptr/24", "lacks its domain"),
        BAD("exists", "lacks its domain"),
        {V "ip4:1.2.3.4 -all bad", "example.net: the term bad is no mechanism"},
        {V "-include:x", "example.net: the term -include:x has a domain that does not end as one"},
        {V "redirect=x.test redirect=x.test", "example.net: the term redirect=x.test is there twice"},
        {V "exp=x.test exp=x.test", "example.net: the term exp=x.test is there twice"},
        {V "ip4:1.2.3.4\tip4:5.6.7.8",
         "example.net: byte 19 of its record is 0x09, which is no printable ASCII"},
        {V "ip4:1.2.3.4 \xc3\xa4", "example.net: byte 20 of its record is 0xc3, which is no printable ASCII"},
    };
    check_records(rows, COUNT(rows), SPF_PERMANENT);
}

static void a_long_term_is_cut_in_the_error(void **state) {
    char txt[400] = V "bad:";
    memset(txt + strlen(txt), 'x', 300);
    const struct published zone[] = {{"example.net", txt, 0}};
    resolve("example.net", zone, 1);
    assert_int_equal(spf_state(spf), SPF_PERMANENT);
    assert_int_equal(strlen(spf_error(spf)),
                     strlen("example.net: the term ") + 80 + strlen("... is no mechanism"));
}

static void wants_exactly_one_record(void **state) {
    static const struct row rows[] = {
        {{{"other.net", V, 0}}, SPF_PERMANENT, "example.net: this name does not exist in DNS", NULL},
        {{{"example.net", NULL, 0}},
         SPF_PERMANENT,
         "example.net: it has no TXT record, and so none for SPF",
         NULL},
        {{{"example.net", "v=spf10 ip4:1.2.3.4", 0},
          {"example.net", " " V, 0},
          {"example.net", "spf2.0/pra", 0}},
         SPF_PERMANENT,
         "example.net: none of its TXT records begins with v=spf1",
         NULL},
        {{{"example.net", V "ip4:1.2.3.4", 0}, {"example.net", "v=spf1", 0}},
         SPF_PERMANENT,
         "example.net: 2 of its TXT records begin with v=spf1, and only one may",
         NULL},
        {{{"example.net", "v=spf1x", 0}, {"example.net", "V=spf1 ip4:1.2.3.4", 0}, {"example.net", "", 0}},
         SPF_GOOD,
         "1.2.3.4/32",
         NULL},
    };
    check_rows(rows, COUNT(rows));
}

static void follows_includes_and_redirects(void **state) {
    static const struct row rows[] = {
        {{{"example.net", V "include:a.test ip4:1.1.1.1 include:B.test -all", 0},
          {"a.test", V "ip4:2.2.2.2 redirect=c.test", 0},
          {"b.test", V "ip4:3.3.3.3 ~all", 0},
          {"c.test", V "ip6:2001:db8::/32", 0}},
         SPF_GOOD,
         "1.1.1.1/32 2.2.2.2/32 3.3.3.3/32 2001:db8::/32",
         NULL},
        /* Twice the same, on two ways: no loop. */
        {{{"example.net", V "include:a.test include:b.test", 0},
          {"a.test", V "include:c.test", 0},
          {"b.test", V "include:c.test", 0},
          {"c.test", V "ip4:4.4.4.4", 0}},
         SPF_GOOD,
         "4.4.4.4/32 4.4.4.4/32",
         NULL},
        {{{"example.net", V "include:a.test", 0}},
         SPF_PERMANENT,
         "include:a.test of example.net: this name does not exist in DNS",
         NULL},
        {{{"example.net", V "redirect=a.test", 0}, {"a.test", "x", 0}},
         SPF_PERMANENT,
         "redirect=a.test of example.net: none of its TXT records begins with v=spf1",
         NULL},
        {{{"example.net", V "include:a.test ip4:1.1.1.1", 0},
          {"a.test", V "include:b.test", 0},
          {"b.test", V "x", 0}},
         SPF_PERMANENT,
         "include:b.test of a.test: the term x is no mechanism",
         NULL},
    };
    check_rows(rows, COUNT(rows));
}

static void finds_loops(void **state) {
    static const struct row rows[] = {
        {{{"example.net", V "ip4:1.1.1.1 include:Example.NET", 0}},
         SPF_PERMANENT,
         "example.net: the term include:Example.NET leads back to where it came from, a loop",
         NULL},
        {{{"example.net", V "include:a.test", 0},
          {"a.test", V "include:b.test", 0},
          {"b.test", V "redirect=a.test", 0}},
         SPF_PERMANENT,
         "include:b.test of a.test: the term redirect=a.test leads back to where it came from, a loop",
         NULL},
        {{{"example.net", V "redirect=a.test", 0}, {"a.test", V "redirect=example.net", 0}},
         SPF_PERMANENT,
         "redirect=a.test of example.net: the term redirect=example.net leads back to where it came from, a "
         "loop",
         NULL},
    };
    check_rows(rows, COUNT(rows));
}

static void says_what_it_does_not_follow(void **state) {
    static const struct row rows[] = {
        {{{"example.net", V "a mx:m.test/24//64 +ptr exists:%{i}._e.test ip4:1.1.1.1 -a:b.test ~all", 0}},
         SPF_GOOD,
         "1.1.1.1/32",
         "a of example.net, mx:m.test/24//64 of example.net, +ptr of example.net, "
         "exists:%{i}._e.test of example.net"},
        {{{"example.net", V "include:%{ir}.%{v}._spf.%{d2} redirect=%{d}", 0}},
         SPF_GOOD,
         "",
         "include:%{ir}.%{v}._spf.%{d2} of example.net, redirect=%{d} of example.net"},
        {{{"example.net", V "include:a.test -all", 0}, {"a.test", V "a/0//0 +all a:never.test", 0}},
         SPF_GOOD,
         "",
         "a/0//0 of a.test, +all of a.test"},
    };
    check_rows(rows, COUNT(rows));
}

static void says_it_of_as_many_as_there_is_room_for(void **state) {
    char name[64];
    char txt[1000] = V;
    memset(name, 'n', 60);
    name[60] = '\0';
    for (int i = 0; i < 10; i++)
        snprintf(txt + strlen(txt), sizeof txt - strlen(txt), "a:%s.test ", name);
    struct published zone[] = {{"example.net", txt, 0}};
    resolve("example.net", zone, 1);
    assert_int_equal(spf_state(spf), SPF_GOOD);
    assert_null(strstr(spf_not_followed(spf), "more"));
    static char root[260];
    for (int i = 0; i < 4; i++)
        snprintf(root + strlen(root), sizeof root - strlen(root), "%.*s.%s", 60, name, i == 3 ? "net" : "");
    zone[0].name = root;
    resolve(root, zone, 1);
    assert_int_equal(spf_state(spf), SPF_GOOD);
    assert_non_null(strstr(spf_not_followed(spf), "nnn.net and 7 more"));
}

/* `n` domains that include each other in a chain, from d0 on; the last one names an address. */
static void make_chain(struct published *zone, char (*names)[24], char (*txts)[64], int n) {
    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "d%d.test", i);
        if (i + 1 < n)
            snprintf(txts[i], sizeof txts[i], V "include:d%d.test", i + 1);
        else
            snprintf(txts[i], sizeof txts[i], V "ip4:1.2.3.4");
        zone[i] = (struct published){names[i], txts[i], 0};
    }
}

static void makes_ten_look_ups_and_no_eleventh(void **state) {
    static char names[13][24];
    static char txts[13][64];
    struct published zone[13];
    char says[200];
    make_chain(zone, names, txts, 11);
    resolve("d0.test", zone, 11);
    describe(says, sizeof says);
    assert_string_equal(says, "1.2.3.4/32");
    assert_int_equal(n_asked, 11);
    make_chain(zone, names, txts, 12);
    resolve("d0.test", zone, 12);
    assert_int_equal(spf_state(spf), SPF_PERMANENT);
    assert_string_equal(
        spf_error(spf),
        "include:d10.test of d9.test: the term include:d11.test is one look-up too many: RFC 7208 "
        "section 4.6.4 allows 10 in all");
    assert_int_equal(n_asked, 11);
    static const struct record_row rows[] = {
        {V "a mx ptr a a a a a -exists:x.test a ip4:1.1.1.1 a",
         "example.net: the term a is one look-up too many: RFC 7208 section 4.6.4 allows 10 in all"},
        {V "a a a a a a a a a a redirect=x.test", "example.net: the term redirect=x.test is one look-up too "
                                                  "many: RFC 7208 section 4.6.4 allows 10 in all"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct published one[] = {{"example.net", rows[i].txt, 0}};
        resolve("example.net", one, 1);
        assert_int_equal(spf_state(spf), SPF_PERMANENT);
        assert_string_equal(spf_error(spf), rows[i].says);
    }
}

static void failures_of_dns_are_temporary(void **state) {
    static const enum question_result failures[] = {QUESTION_TIMEOUT, QUESTION_NETWORK, QUESTION_SERVFAIL,
                                                    QUESTION_REFUSED, QUESTION_BAD_ANSWER};
    for (size_t i = 0; i < COUNT(failures); i++) {
        const struct published zone[] = {{"example.net", V "ip4:1.1.1.1 include:a.test", 0},
                                         {"a.test", NULL, failures[i]}};
        char expected[200];
        resolve("example.net", zone, 2);
        assert_int_equal(spf_state(spf), SPF_TEMPORARY);
        snprintf(expected, sizeof expected, "include:a.test of example.net: %s",
                 question_result_text(failures[i]));
        assert_string_equal(spf_error(spf), expected);
    }
}

static void takes_a_record_as_large_as_dns_allows_but_not_more_terms_than_the_limit(void **state) {
    enum { SIZE = 65000 };
    static char txt[SIZE + 1];
    static char more[SIZE + 1];
    strcpy(txt, "v=spf1");
    for (size_t at = strlen(txt); at + 9 < SIZE; at = strlen(txt))
        snprintf(txt + at, SIZE - at, " ip4:1.1.1.%zu", at % 10);
    strcpy(more, "v=spf1 include:a.test");
    for (size_t at = strlen(more); at + 9 < SIZE; at = strlen(more))
        snprintf(more + at, SIZE - at, " ip6:::%zu", at % 10);
    struct published zone[] = {{"example.net", txt, 0}, {"a.test", txt, 0}};
    resolve("example.net", zone, 2);
    size_t n;
    (void)spf_ranges(spf, &n);
    assert_int_equal(spf_state(spf), SPF_GOOD);
    assert_in_range(n, 4500, SPF_TERMS_MAX);
    zone[0].txt = more;
    resolve("example.net", zone, 2);
    assert_int_equal(spf_state(spf), SPF_PERMANENT);
    assert_string_equal(spf_error(spf),
                        "include:a.test of example.net: its records have more than 10000 terms");
}

static void is_begun_with_a_name_only(void **state) {
    static const char *const bad[] = {"", ".", "a..b", "a b", "%{i}.test"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(spf_new(bad[i], &spf), STATUS_SYNTAX);
    assert_null(spf);
}

static void want_of_memory_is_temporary(void **state) {
    static const struct published zone[] = {{"example.net", V "ip4:1.1.1.1 ip4:2.2.2.2 ip4:3.3.3.3", 0}};
    enum spf_state last = SPF_TEMPORARY;
    for (int n = 1; last != SPF_GOOD; n++) {
        assert_in_range(n, 1, 10);
        spf_free(spf);
        spf = NULL;
        calls_left = n;
        enum status status = spf_new("example.net", &spf);
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_NO_MEMORY);
            continue;
        }
        struct reply_texts texts;
        int left = calls_left; /* not for what the test itself needs */
        calls_left = -1;
        reply_texts_init(&texts);
        reply_texts_add(&texts, zone[0].txt, strlen(zone[0].txt));
        calls_left = left;
        spf_answer(spf, &(struct question_end){.result = QUESTION_ANSWERED, .texts = &texts});
        calls_left = -1;
        reply_texts_release(&texts);
        last = spf_state(spf);
        if (last != SPF_GOOD)
            assert_string_equal(spf_error(spf), "example.net: not enough memory for its ranges");
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(takes_the_ranges_of_microsoft),
        TEST(takes_addresses_and_masks_what_lies_behind_their_prefix),
        TEST(any_term_that_is_wrong_makes_all_wrong),
        TEST(a_long_term_is_cut_in_the_error),
        TEST(wants_exactly_one_record),
        TEST(follows_includes_and_redirects),
        TEST(finds_loops),
        TEST(says_what_it_does_not_follow),
        TEST(says_it_of_as_many_as_there_is_room_for),
        TEST(makes_ten_look_ups_and_no_eleventh),
        TEST(failures_of_dns_are_temporary),
        TEST(takes_a_record_as_large_as_dns_allows_but_not_more_terms_than_the_limit),
        TEST(is_begun_with_a_name_only),
        TEST(want_of_memory_is_temporary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
