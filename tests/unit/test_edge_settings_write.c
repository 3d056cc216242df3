/* SPDX-License-Identifier: Apache-2.0
 *
 * What is written of settings reads back as the same settings, and tells no secret.
 */
/* LINK: -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/settings_write.h"

#include "config_fixture.h"

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_realloc(old, size);
}

#define KEY "S3cret-Key"

/* The key of every path is KEY, but that of "/short" is ab. */
static const char *give_key(void *context, const char *path, struct arena *arena, char *error, size_t size) {
    (void)context;
    (void)error;
    (void)size;
    const char *key = strcmp(path, "/short") == 0 ? "ab" : KEY;
    return arena_copy(arena, key, strlen(key));
}

static struct settings *settings_of(const char *text) {
    struct arena arena;
    const struct node *root = NULL;
    struct settings *settings = NULL;
    problems_release(&problems);
    problems_init(&problems);
    arena_init(&arena);
    enum status status = yaml_parse(text, strlen(text), &arena, &problems, &root);
    if (status == STATUS_OK)
        status = settings_read(root, catalog, give_key, NULL, &problems, &settings);
    arena_release(&arena);
    if (status != STATUS_OK) {
        print_problems(text);
        fail();
    }
    return settings;
}

static struct buf written(const struct settings *settings) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    settings_write(&out, settings);
    assert_int_equal(buf_status(&out), STATUS_OK);
    return out;
}

/* ---- whether two settings are the same ---- */

#define SAME(a, b, member)                                                                                   \
    do {                                                                                                     \
        if ((a)->member != (b)->member)                                                                      \
            fail_msg("%s differs", #member);                                                                 \
    } while (0)

static void same_text(const char *a, const char *b) {
    if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0))
        fail_msg("'%s' and '%s'", a ? a : "nothing", b ? b : "nothing");
}

static void same_endpoints(const struct endpoint *a, const struct endpoint *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_true(ip_equal(&a[i].ip, &b[i].ip) && a[i].port == b[i].port);
}

static void same_answers(const struct list_answers *a, const struct list_answers *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_true(a[i].lo == b[i].lo && a[i].hi == b[i].hi && a[i].mask == b[i].mask &&
                    a[i].name == b[i].name);
}

static void same_names(const char *const *a, const char *const *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        same_text(a[i], b[i]);
}

static void same_list_texts(const struct list *a, const struct list *b) {
    same_text(a->name, b->name);
    same_text(a->use, b->use);
    same_text(a->zone, b->zone);
    same_text(a->key_file, b->key_file);
    same_text(a->key, b->key);
    same_text(a->delist_url, b->delist_url);
    same_text(a->limits, b->limits);
    same_text(a->note, b->note);
    same_text(a->source, b->source);
}

static void same_list(const struct list *a, const struct list *b) {
    same_list_texts(a, b);
    SAME(a, b, kind);
    SAME(a, b, tier);
    SAME(a, b, enabled);
    SAME(a, b, builtin);
    SAME(a, b, n_codes);
    SAME(a, b, n_code_names);
    SAME(a, b, n_refused);
    SAME(a, b, n_ignored);
    SAME(a, b, cname_allowed);
    SAME(a, b, budget.share);
    SAME(a, b, budget.queries);
    SAME(a, b, budget.per_ns);
    SAME(a, b, budget.rate);
    SAME(a, b, budget.burst);
    SAME(a, b, n_nameservers);
    SAME(a, b, self_test.interval_ns);
    SAME(a, b, interval_ns);
    SAME(a, b, confirm);
    assert_true(qname_equal(&a->zone_name, &b->zone_name));
    assert_true(qname_equal(&a->cname_suffix, &b->cname_suffix));
    same_answers(a->codes, b->codes, a->n_codes);
    same_answers(a->refused, b->refused, a->n_refused);
    same_answers(a->ignored, b->ignored, a->n_ignored);
    same_names(a->code_names, b->code_names, a->n_code_names);
    same_endpoints(a->nameservers, b->nameservers, a->n_nameservers);
    for (size_t i = 0; i < IP_FAMILIES; i++) {
        SAME(a, b, families[i]);
        SAME(a, b, self_test.positive[i]);
        assert_true(ip_equal(&a->self_test.listed[i], &b->self_test.listed[i]));
        assert_true(ip_equal(&a->self_test.not_listed[i], &b->self_test.not_listed[i]));
    }
}

static void same_ranges(const struct group_range *a, const struct group_range *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ip_range_compare(&a[i].range, &b[i].range), 0);
        same_text(a[i].label, b[i].label);
    }
}

static void same_group(const struct group *a, const struct group *b, size_t n_lists) {
    same_text(a->name, b->name);
    same_text(a->spf, b->spf);
    same_text(a->only_ptr, b->only_ptr);
    SAME(a, b, n_addresses);
    SAME(a, b, n_ranges);
    SAME(a, b, n_recognised);
    SAME(a, b, interval_ns);
    SAME(a, b, sweep_interval_ns);
    SAME(a, b, ranges_date_days);
    SAME(a, b, n_files);
    for (size_t i = 0; i < a->n_addresses; i++)
        assert_true(ip_equal(&a->addresses[i], &b->addresses[i]));
    for (size_t i = 0; i < a->n_recognised; i++)
        assert_int_equal(ip_range_compare(&a->recognised[i], &b->recognised[i]), 0);
    same_ranges(a->ranges, b->ranges, a->n_ranges);
    same_names(a->files, b->files, a->n_files);
    assert_memory_equal(a->lists, b->lists, n_lists * sizeof *a->lists);
}

static void same_safelist(const struct safelist *a, const struct safelist *b, size_t n_lists) {
    same_text(a->name, b->name);
    same_text(a->ticket, b->ticket);
    SAME(a, b, n_ranges);
    SAME(a, b, added_days);
    same_ranges(a->ranges, b->ranges, a->n_ranges);
    assert_true((a->lists == NULL) == (b->lists == NULL));
    if (a->lists != NULL)
        assert_memory_equal(a->lists, b->lists, n_lists * sizeof *a->lists);
}

static void same_settings(const struct settings *a, const struct settings *b) {
    SAME(a, b, resolver.n_nameservers);
    SAME(a, b, resolver.timeout_ns);
    SAME(a, b, resolver.attempts);
    SAME(a, b, resolver.max_in_flight);
    SAME(a, b, defaults.interval_ns);
    SAME(a, b, defaults.sweep_interval_ns);
    SAME(a, b, defaults.stale_after_ns);
    SAME(a, b, defaults.confirm);
    SAME(a, b, defaults.series_limit);
    SAME(a, b, storage.history_ns);
    SAME(a, b, bounces.keep_ns);
    SAME(a, b, bounces.limit);
    SAME(a, b, n_budgets);
    SAME(a, b, n_lists);
    SAME(a, b, n_groups);
    SAME(a, b, n_safelists);
    same_endpoints(a->resolver.nameservers, b->resolver.nameservers, a->resolver.n_nameservers);
    for (size_t i = 0; i < a->n_budgets; i++) {
        same_text(a->budgets[i].name, b->budgets[i].name);
        SAME(a, b, budgets[i].queries);
        SAME(a, b, budgets[i].per_ns);
    }
    for (size_t i = 0; i < a->n_lists; i++)
        same_list(&a->lists[i], &b->lists[i]);
    for (size_t i = 0; i < a->n_groups; i++)
        same_group(&a->groups[i], &b->groups[i], a->n_lists);
    for (size_t i = 0; i < a->n_safelists; i++)
        same_safelist(&a->safelists[i], &b->safelists[i], a->n_lists);
}

/* ---- round trips ---- */

static void expect_round_trip(const char *text) {
    struct settings *first = settings_of(text);
    struct buf once = written(first);
    struct settings *second = settings_of(buf_text(&once));
    struct buf twice = written(second);
    same_settings(first, second);
    if (strcmp(buf_text(&once), buf_text(&twice)) != 0)
        fail_msg("written\n%s\nand again\n%s", buf_text(&once), buf_text(&twice));
    buf_release(&once);
    buf_release(&twice);
    settings_free(first);
    settings_free(second);
}

#define LIST "lists: [{name: one, zone: bl.example.net}]\n"
#define GROUP "groups: [{name: g, addresses: [192.0.2.1]}]\n"

static const char *const configurations[] = {
    LIST GROUP,
    /* Every key. */
    "resolver: {nameservers: [192.0.2.53, '192.0.2.54:5353', 2001:db8::53, '[2001:db8::54]:5353'], "
    "timeout: 1500ms, attempts: 10, max_in_flight: 77}\n"
    "defaults: {interval: 1m30s, sweep_interval: 1w1d, stale_after: 7h, confirm: 3, series_limit: 0}\n"
    "budgets: {mine: {queries: 1, per: 1s}, 'null': {queries: 5}, 1e3: {queries: 6}, unused: {queries: 7}}\n"
    "lists:\n"
    "- {name: one, zone: a.example.net, kind: reputation, tier: info, families: [ipv6, ipv4], refused: [], "
    "ignored: [127.0.0.9, 127.1.0.0/16, 127.0.5.&4], allow_cname: cname.example.net., "
    "budget: {share: 'null', rate: 100/s}, nameservers: ['[::1]:53'], confirm: 4, interval: 2d, "
    "self_test: {interval: 45s, listed: ['::ffff:7f00:2', 127.0.0.2], not_listed: [127.0.0.3, "
    "'2001:db8::1']}, "
    "delist_url: 'https://example.net/a?b=c#d'}\n"
    "- {name: 'true', zone: '{key}.b.example.net', key_file: /k, budget: {share: mine, rate: unlimited}, "
    "self_test: {listed: none}}\n"
    "- {name: '1.5', zone: c.example.net, kind: allowlist, budget: {queries: 5, per: 3h, rate: 1/h}}\n"
    "- {name: '-', zone: d.example.net, budget: {share: 1e3, rate: 25/s}, codes: {127.0.0.2: a, "
    "127.0.0.2/32: b, '127.0.0.[2..2]': c, '127.0.0.[4..7]': d, 127.0.0.4/30: e, '127.0.0.[4..6]': f, "
    "127.0.9.0/24: g, '127.0.9.[0..255]': h, 127.4.0.0/14: a, '127.0.0.&128': i, '127.0.0.&3': 'no'}}\n"
    "- {name: off, zone: '{key}.e.example.net', enabled: false, allow_cname: none.}\n"
    "groups:\n"
    "- {name: '2026-11-01', addresses: [192.0.2.1, '2001:db8::', '::'], interval: 1s}\n"
    "- {name: n, ranges: [198.51.100.%, 192.0.2.1-192.0.2.77, 192.0.2.9, '2001:db8::/64', "
    "'2001:db8:1::/120', "
    "'2001:db8:2::1-2001:db8:2::ff'], ranges_date: 2024-02-29, lists: ['1.5', one, off], sweep_interval: "
    "30d, "
    "only_ptr: '*.example.net'}\n"
    "- {name: blind, files: ['*.txt', '/etc/a b: #c.txt', \"/x/\\u00e9\\\"\\\\.txt\"], lists: [off]}\n"
    "- {name: s, spf: example.net.}\n"
    "safelists:\n"
    "- {name: sl, ranges: [0.0.0.0/0, 40.107.%.%, '::/0'], lists: ['-', 'true'], added: 1970-01-01, "
    "ticket: '  # \"x\": [é] \\ '}\n"
    "- {name: blind, ranges: [192.0.2.1], lists: [off], added: 9999-12-31, ticket: 'NULL'}\n"
    "- {name: b, ranges: [192.0.2.1], ticket: \"\\u2028\\u2029\\U0001F4E7-\"}\n"
    "bounces: {keep: 1s, limit: 100000}\n"
    "storage: {history: 3660d}\n",
    /* Built-in lists under other names, with other keys. */
    "lists:\n"
    "- {use: senderscore_bl, name: mine}\n"
    "- {use: senderscore_score, name: other, budget: {rate: 1/m}}\n"
    "- {use: senderscore_bl, name: alone, budget: {queries: unlimited}}\n"
    "- {use: spamhaus_zen, zone: '{key}.zen.dq.spamhaus.net', key_file: /k, families: [ipv4], tier: info}\n"
    "- {use: barracuda, enabled: false, kind: reputation}\n" GROUP,
    /* Rates that have no short form. */
    "lists:\n"
    "- {name: a, zone: a.example.net, budget: {rate: 0.333333333333/s}}\n"
    "- {name: b, zone: b.example.net, budget: {rate: 7/m}}\n"
    "- {name: c, zone: c.example.net, budget: {rate: 1.7/h}}\n"
    "- {name: d, zone: d.example.net, budget: {rate: 1000000/h}}\n"
    "- {name: e, zone: e.example.net, budget: {rate: 0.00027777777778/s}}\n"
    "- {name: f, zone: f.example.net, budget: {rate: 123.456/m, burst: 1000000}}\n" GROUP,
};

static void reads_back_what_it_writes(void **state) {
    for (size_t i = 0; i < sizeof configurations / sizeof *configurations; i++)
        expect_round_trip(configurations[i]);
}

static char *load(const char *name) {
    char path[512];
    FILE *file = fopen(path_of(name, path), "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    (void)fclose(file);
    return text;
}

static void reads_back_what_it_writes_of_the_files_that_come_with_it(void **state) {
    static const char *const names[] = {"config/default.yml", "config/rbl_exporter.yml",
                                        "tests/e2e/whole.yml"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text = load(names[i]);
        expect_round_trip(text);
        free(text);
    }
}

/* A ticket has no control characters: each piece of UTF-8 but those, alone and between others. */
static void reads_back_every_character_that_a_text_may_have(void **state) {
    static const char *const pieces[] = {
        " ", "!",          "\\\"", "#",    "$",   "%",    "&",    "'",       "(",       ")",
        "*", "+",          ",",    "-",    ".",   "/",    "0",    ":",       ";",       "<",
        "=", ">",          "?",    "@",    "[",   "\\\\", "]",    "^",       "_",       "`",
        "{", "|",          "}",    "~",    "a",   ": ",   " #",   "\\u00a0", "\\u2028", "\\u2029",
        "é", "\U0001F4E7", "null", "0x1f", "1_0", "0o7",  ".inf", "12:30",   "<<",      "---"};
    enum { N = sizeof pieces / sizeof *pieces };
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++) {
            char text[512];
            (void)snprintf(text, sizeof text,
                           LIST GROUP "safelists: [{name: s, ranges: [192.0.2.1], ticket: \"%s%s%s\"}, "
                                      "{name: t, ranges: [192.0.2.1], ticket: \"%s\"}]\n",
                           pieces[i], pieces[k], pieces[i], pieces[k]);
            expect_round_trip(text);
        }
}

/* ---- secrets ---- */

static void expect_texts(const char *text, const char *const *wanted, size_t n) {
    struct settings *settings = settings_of(text);
    struct buf out = written(settings);
    for (size_t i = 0; i < n; i++) {
        bool there = wanted[i][0] != '!';
        if ((strcasestr(buf_text(&out), wanted[i] + !there) != NULL) != there)
            fail_msg("%s: %s\n%s", there ? "not there" : "should not be there", wanted[i] + !there,
                     buf_text(&out));
    }
    buf_release(&out);
    settings_free(settings);
}

static void tells_no_key_wherever_it_is_repeated(void **state) {
    static const char *const wanted[] = {
        "!" KEY,
        "zone: \"{key}.example.net\"\n    key_file: \"/k/<secret>.txt\" # the key: <secret>\n",
        "zone: \"<secret>.two.example.net\"",
        "delist_url: \"https://example.net/<secret>?k=<secret>\"",
        "allow_cname: \"x.<secret>.example.net\"",
        "ticket: \"a <secret>\"",
        "files:\n      - \"/f/<secret>\"",
        "name: ab\n",
    };
    expect_texts("lists:\n"
                 "- {name: one, zone: '{key}.example.net', key_file: /k/" KEY ".txt}\n"
                 "- {name: two, zone: s3cret-kEy.two.example.net, allow_cname: x." KEY ".example.net, "
                 "delist_url: 'https://example.net/" KEY "?k=s3CRET-KEY'}\n"
                 "- {name: ab, zone: '{key}.three.example.net', key_file: /short}\n"
                 "groups: [{name: g, files: [/f/" KEY "]}]\n"
                 "safelists: [{name: s, ranges: [192.0.2.1], ticket: 'a " KEY "'}]\n",
                 wanted, sizeof wanted / sizeof *wanted);
}

static void tells_no_password_of_a_url_and_takes_it_back_without(void **state) {
    static const struct {
        const char *url, *shown;
    } rows[] = {
        {"https://me:pa55@example.net/", "\"https://me:<secret>@example.net/\""},
        {"https://me:pa55:word@x@example.net", "\"https://me:<secret>@example.net\""},
        {"http://:pa55@example.net/a:b@c", "\"http://:<secret>@example.net/a:b@c\""},
        {"http://me@example.net/a:b@c", "\"http://me@example.net/a:b@c\""},
        {"http://example.net:80/?a:b@c", "\"http://example.net:80/?a:b@c\""},
        {"http://example.net?a:b@c", "\"http://example.net?a:b@c\""},
        {"http://me:@example.net", "\"http://me:<secret>@example.net\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "lists: [{name: one, zone: a.example.net, delist_url: '%s'}]\n" GROUP, rows[i].url);
        const char *const wanted[] = {"!pa55", rows[i].shown};
        expect_texts(text, wanted, 2);
        struct settings *settings = settings_of(text);
        bool is_told = has_problem("1:54", "the password in \"delist_url\" is shown to everybody", true);
        assert_int_equal(is_told, strstr(rows[i].url, "pa55") != NULL);
        struct buf out = written(settings);
        assert_int_equal(problems.n_warnings, is_told);
        settings_free(settings);
        settings = settings_of(buf_text(&out));
        assert_int_equal(problems.n_warnings, 0); /* of what only stands for a password */
        expect_round_trip(buf_text(&out));
        buf_release(&out);
        settings_free(settings);
    }
}

static void stops_where_memory_does(void **state) {
    struct settings *settings = settings_of(configurations[1]);
    unsigned long n = 0;
    for (bool failed = true; failed; n++) {
        struct buf out;
        buf_init(&out, SIZE_MAX);
        fails_at = n + 1;
        settings_write(&out, settings);
        failed = fails_at == 0;
        fails_at = 0;
        assert_int_equal(buf_status(&out), failed ? STATUS_NO_MEMORY : STATUS_OK);
        buf_release(&out);
    }
    assert_true(n > 2);
    settings_free(settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_it_writes),
        cmocka_unit_test(reads_back_what_it_writes_of_the_files_that_come_with_it),
        cmocka_unit_test(reads_back_every_character_that_a_text_may_have),
        cmocka_unit_test(tells_no_key_wherever_it_is_repeated),
        cmocka_unit_test(tells_no_password_of_a_url_and_takes_it_back_without),
        cmocka_unit_test(stops_where_memory_does),
    };
    return cmocka_run_group_tests(tests, read_catalog, free_catalog);
}
