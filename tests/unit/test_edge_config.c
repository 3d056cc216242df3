/* SPDX-License-Identifier: Apache-2.0
 *
 * What good configurations become, the files of config/, and what happens when memory runs out.
 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config_fixture.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* --- The allocation that fails (0: none), and whether all after it fail too --- */
static long fail_at;
static bool fail_for_ever;
static long n_allocations;

static bool must_fail(void) {
    n_allocations++;
    return fail_at > 0 && (fail_for_ever ? n_allocations >= fail_at : n_allocations == fail_at);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return must_fail() ? NULL : __real_realloc(old, size);
}

static struct settings *read_good(const char *text) {
    struct settings *settings = NULL;
    if (read_text(text, &settings) != STATUS_OK) {
        print_problems(text);
        fail();
    }
    return settings;
}

#define LISTS                                                                                                \
    "\nlists: [{name: one, zone: one.example.net}, {name: two, zone: two.example.net, enabled: false}]"
#define GROUPS "\ngroups: [{name: g, addresses: [192.0.2.1]}]"

static const struct list *list_named(const struct settings *settings, const char *name) {
    for (size_t i = 0; i < settings->n_lists; i++)
        if (strcmp(settings->lists[i].name, name) == 0)
            return &settings->lists[i];
    fail_msg("no list %s", name);
    return NULL;
}

static void fills_in_the_defaults(void **state) {
    struct settings *s = read_good(LISTS GROUPS);
    assert_int_equal(s->resolver.n_nameservers, 0);
    assert_int_equal(s->resolver.timeout_ns, 2 * SECOND);
    assert_int_equal(s->resolver.attempts, 3);
    assert_int_equal(s->resolver.max_in_flight, 0);
    assert_int_equal(s->defaults.interval_ns, 15 * MINUTE);
    assert_int_equal(s->defaults.sweep_interval_ns, DAY);
    assert_int_equal(s->defaults.stale_after_ns, 0);
    assert_int_equal(s->defaults.confirm, 2);
    assert_int_equal(s->defaults.series_limit, 5000);
    assert_int_equal(s->n_budgets, 0);
    const struct list *one = &s->lists[0];
    assert_string_equal(one->name, "one");
    assert_true(one->enabled && !one->builtin && one->families[IP_V4] && !one->families[IP_V6]);
    assert_int_equal(one->kind, LIST_BLOCK);
    assert_int_equal(one->tier, LIST_PAGE);
    assert_int_equal(one->n_codes, 0);
    assert_int_equal(one->n_refused, 1);
    assert_int_equal(one->refused[0].lo, 0x7fffff00);
    assert_int_equal(one->refused[0].hi, 0x7fffffff);
    assert_int_equal(one->budget.share, -1);
    assert_int_equal(one->budget.queries, 0);
    assert_true(one->budget.rate == 5 && one->budget.burst == 1);
    assert_true(one->self_test.positive[IP_V4]);
    assert_int_equal(one->self_test.interval_ns, 30 * MINUTE);
    assert_int_equal(one->confirm, 2);
    assert_int_equal(one->interval_ns, 0);
    assert_int_equal(one->zone_name.len, 17);
    const struct group *group = &s->groups[0];
    assert_true(group->lists[0] && !group->lists[1]);
    assert_int_equal(group->interval_ns, 15 * MINUTE);
    assert_int_equal(group->ranges_date_days, -1);
    settings_free(s);
}

static void reads_every_key(void **state) {
    struct settings *s = read_good(
        "resolver: {nameservers: [192.0.2.1, '192.0.2.1:5353', 2001:db8::53, '[2001:db8::53]:5300'], "
        "timeout: 10ms,\n"
        "           attempts: 10, max_in_flight: 65535}\n"
        "defaults: {interval: 1h30m, sweep_interval: 1w, stale_after: 1d12h, confirm: 1, series_limit: 0}\n"
        "budgets: {mine: {queries: 100, per: 1h}, other: {queries: 7}}\n"
        "lists:\n"
        "- name: a\n"
        "  zone: '{key}.Example.net.'\n"
        "  key_file: /good\n"
        "  kind: allowlist\n"
        "  tier: info\n"
        "  families: [ipv6, ipv4]\n"
        "  codes: {127.0.0.2: x, '127.0.0.[4..7]': y, 127.0.1.0/24: x, '127.0.2.&12': z}\n"
        "  refused: []\n"
        "  ignored: [127.0.0.9]\n"
        "  allow_cname: cdn.example.org\n"
        "  budget: {share: mine, rate: 90/m, burst: 3}\n"
        "  nameservers: ['192.0.2.7:54']\n"
        "  self_test: {interval: 1h, listed: [127.0.0.5, '::ffff:7f00:5'], not_listed: 127.0.0.6}\n"
        "  interval: 500s\n"
        "  confirm: 4\n"
        "  delist_url: https://example.net/remove\n"
        "- {name: b, zone: b.example.net, budget: {queries: 50, rate: unlimited}, self_test: {listed: "
        "none}}\n"
        "- {name: c, zone: score.example.net, kind: reputation, budget: {rate: 120/s}}\n"
        "groups:\n"
        "- {name: g.1, addresses: [192.0.2.1, 2a01:111:f403:c111::1], ranges: [40.107.%.%, "
        "192.0.2.1-192.0.2.3],\n"
        "   lists: [c, a], interval: 5m, sweep_interval: 366d, ranges_date: 2026-11-01}\n");
    assert_int_equal(s->resolver.n_nameservers, 4);
    assert_int_equal(s->resolver.nameservers[0].port, 53);
    assert_int_equal(s->resolver.nameservers[1].port, 5353);
    assert_int_equal(s->resolver.nameservers[2].ip.family, IP_V6);
    assert_int_equal(s->resolver.nameservers[3].port, 5300);
    assert_int_equal(s->resolver.timeout_ns, SECOND / 100);
    assert_int_equal(s->resolver.max_in_flight, 65535);
    assert_int_equal(s->defaults.interval_ns, 90 * MINUTE);
    assert_int_equal(s->defaults.stale_after_ns, 36 * HOUR);
    assert_int_equal(s->n_budgets, 2);
    assert_int_equal(s->budgets[0].per_ns, HOUR);
    assert_int_equal(s->budgets[1].per_ns, DAY);
    const struct list *a = list_named(s, "a");
    assert_string_equal(a->zone, "{key}.Example.net");
    assert_memory_equal(a->zone_name.wire, "\3abc\7Example\3net", 17);
    assert_true(a->families[IP_V4] && a->families[IP_V6] && a->cname_allowed);
    assert_int_equal(a->kind, LIST_ALLOW);
    assert_int_equal(a->tier, LIST_INFO);
    assert_int_equal(a->n_codes, 4);
    assert_int_equal(a->n_code_names, 3);
    assert_int_equal(a->codes[1].lo, 0x7f000004);
    assert_int_equal(a->codes[1].hi, 0x7f000007);
    assert_int_equal(a->codes[2].name, a->codes[0].name);
    assert_int_equal(a->codes[3].mask, 12);
    assert_string_equal(a->code_names[a->codes[3].name], "z");
    assert_int_equal(a->n_refused, 0);
    assert_int_equal(a->n_ignored, 1);
    assert_int_equal(a->budget.share, 0);
    assert_true(a->budget.rate == 1.5 && a->budget.burst == 3);
    assert_int_equal(a->self_test.listed[IP_V4].lo, 0x7f000005);
    assert_int_equal(a->self_test.listed[IP_V6].lo, 0xffff7f000005);
    assert_int_equal(a->self_test.not_listed[IP_V6].lo, 0xffff7f000001);
    assert_int_equal(a->interval_ns, 500 * SECOND);
    assert_int_equal(a->confirm, 4);
    const struct list *b = list_named(s, "b");
    assert_int_equal(b->budget.queries, 50);
    assert_int_equal(b->budget.per_ns, DAY);
    assert_true(b->budget.rate == 0 && b->budget.burst == 1);
    assert_false(b->self_test.positive[IP_V4]);
    assert_int_equal(b->confirm, 1);
    const struct list *c = list_named(s, "c");
    assert_int_equal(c->codes[0].lo, 0x7f000400);
    assert_int_equal(c->codes[0].hi, 0x7f000464);
    assert_true(c->budget.burst == 12);
    const struct group *g = &s->groups[0];
    assert_int_equal(g->n_addresses, 2);
    assert_string_equal(g->ranges[0].label, "40.107.0.0/16");
    assert_string_equal(g->ranges[1].label, "192.0.2.1-192.0.2.3");
    assert_true(g->lists[0] && !g->lists[1] && g->lists[2]);
    assert_int_equal(g->ranges_date_days, 20758);
    settings_free(s);
}

static void starts_from_a_built_in_list_and_overrides_key_by_key(void **state) {
    struct settings *s =
        read_good("lists:\n"
                  "- {use: senderscore_bl, budget: {rate: 2/s}}\n"
                  "- {use: senderscore_score, name: score, budget: {queries: 5, per: 1h}}\n"
                  "- {use: spamhaus_zen, families: [ipv4], tier: info, budget: {queries: 10}}\n"
                  "- {use: psbl, budget: {queries: unlimited}}\n"
                  "- {use: spamcop, budget: {share: validity}}\n"
                  "- {use: spamhaus_dqs, enabled: false}\n" GROUPS);
    assert_int_equal(s->n_budgets, 1);
    assert_string_equal(s->budgets[0].name, "validity");
    assert_int_equal(s->budgets[0].queries, 10000);
    assert_int_equal(s->budgets[0].per_ns, 30 * DAY);
    const struct list *bl = list_named(s, "senderscore_bl");
    assert_true(bl->builtin && bl->budget.share == 0 && bl->budget.rate == 2);
    assert_int_equal(bl->n_codes, 5);
    assert_int_equal(bl->codes[4].mask, 16);
    assert_string_equal(bl->zone, "bl.score.senderscore.com");
    const struct list *score = list_named(s, "score");
    assert_int_equal(score->budget.share, -1);
    assert_int_equal(score->budget.queries, 5);
    assert_int_equal(score->budget.per_ns, HOUR);
    assert_true(score->budget.rate == 1);
    const struct list *zen = list_named(s, "spamhaus_zen");
    assert_true(!zen->families[IP_V6] && zen->tier == LIST_INFO);
    assert_int_equal(zen->budget.queries, 10);
    assert_int_equal(zen->budget.per_ns, DAY);
    assert_int_equal(list_named(s, "psbl")->budget.queries, 0);
    assert_int_equal(list_named(s, "psbl")->budget.share, -1);
    assert_int_equal(list_named(s, "spamcop")->budget.share, 0);
    assert_int_equal(list_named(s, "spamcop")->budget.queries, 0);
    assert_int_equal(list_named(s, "spamhaus_dqs")->zone_name.len, 0);
    settings_free(s);
}

static void prefers_a_budget_of_the_file_to_a_built_in_one_of_that_name(void **state) {
    struct settings *s =
        read_good("budgets: {validity: {queries: 5, per: 1h}}\nlists: [{use: senderscore_bl}]" GROUPS);
    assert_int_equal(s->n_budgets, 1);
    assert_int_equal(s->budgets[s->lists[0].budget.share].queries, 5);
    settings_free(s);
}

/* The example that shows every section, as it stands: neither its key file nor its files of senders are
 * there. */
static void accepts_the_whole_example(void **state) {
    char path[512];
    struct settings *s = NULL;
    struct arena arena;
    const struct node *root = NULL;
    problems_release(&problems);
    problems_init(&problems);
    arena_init(&arena);
    enum status status = yaml_load(path_of("tests/e2e/whole.yml", path), &arena, &problems, &root);
    status = read_tree(status, root, &s);
    arena_release(&arena);
    if (status != STATUS_OK)
        print_problems(path);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(s->n_lists, 4);
    assert_int_equal(s->n_budgets, 1);
    assert_string_equal(s->lists[3].zone, "bl.example.net");
    assert_int_equal(s->n_groups, 4);
    assert_int_equal(s->groups[1].n_ranges, 6);
    assert_string_equal(s->groups[1].ranges[4].label, "52.103.0.0/17");
    assert_string_equal(s->groups[1].only_ptr, "*.outbound.protection.outlook.com");
    assert_int_equal(s->groups[2].n_files, 1);
    assert_string_equal(s->groups[2].files[0], "/etc/rbl_exporter/senders.d/*.txt");
    assert_string_equal(s->groups[3].spf, "spf.protection.outlook.com");
    assert_int_equal(s->n_safelists, 1);
    assert_string_equal(s->safelists[0].ranges[0].label, "40.107.0.0/16");
    assert_true(s->bounces.keep_ns == 7 * DAY && s->bounces.limit == 1000);
    assert_true(s->storage.history_ns == 400 * DAY);
    settings_free(s);
}

static void does_not_need_the_catalog_afterwards(void **state) {
    struct catalog *common = catalog;
    assert_int_equal(read_catalog(state), 0);
    struct settings *s = read_good("lists: [{use: senderscore_bl}, {use: hostkarma}]" GROUPS);
    catalog_free(catalog);
    catalog = common;
    assert_string_equal(s->budgets[0].name, "validity");
    assert_string_equal(s->lists[0].code_names[s->lists[0].codes[0].name], "bot");
    assert_string_equal(s->lists[1].zone, "hostkarma.junkemailfilter.com");
    assert_int_equal(s->lists[1].ignored[0].lo, 0x7f000001);
    assert_true(s->lists[1].note[0] && s->lists[1].limits[0] && s->lists[1].source[0] &&
                s->lists[1].delist_url[0]);
    settings_free(s);
}

struct warned {
    const char *text;
    const char *place; /* NULL: there must be no warning */
    const char *piece;
};

static void warns_of_what_may_not_be_meant(void **state) {
    static const struct warned rows[] = {
        {LISTS GROUPS, NULL, ""},
        {"lists: [{use: psbl, key_file: /missing}]" GROUPS, "1:21",
         "\"key_file\" is of no use: the zone psbl.surriel.com has no {key}"},
        {"lists: [{name: a, zone: DUL.dnsbl.sorbs.net}]" GROUPS, "1:25",
         "should not be asked: SORBS was decommissioned"},
        {"lists: [{name: a, zone: dnsbl.sorbs.net.}]" GROUPS, "1:25", "(2024-06-05)"},
        {"groups: [{name: g, addresses: [192.0.2.1], lists: [one, two]}]" LISTS, "1:57",
         "list \"two\" is disabled; the group is not checked on it"},
        {"groups: [{name: g, addresses: [192.0.2.1], lists: [two]}]" LISTS, "1:10",
         "group \"g\" is checked on no list"},
        {"groups: [{name: g, addresses: [192.0.2.1, 2001:db8::1]}]" LISTS, "1:43",
         "none of the lists of group \"g\" is asked about IPv6 addresses"},
        {"groups: [{name: g, ranges: [40.93.%.%, 40.107.%.%, 52.101.%.%, 52.103.%.%]}]\n"
         "lists: [{name: a, zone: a.net, budget: {queries: 10000, per: 30d}}]",
         "2:9", "a: one sweep of 262,144 addresses within 10,000 queries per 30d takes about 786 days"},
        {"groups: [{name: g, ranges: [40.92.0.0/15, 40.107.0.0/16, 40.107.0.0/17]}, {name: h, ranges: "
         "[40.93.0.0/16]}]\n"
         "lists: [{name: a, zone: a.net, budget: {rate: 1/s}}]",
         "2:9",
         "a: one sweep of 196,608 addresses at 1 queries a second takes about 2 days; the sweep_interval is "
         "1d"},
        {"groups: [{name: g, ranges: [40.93.%.%]}]\n"
         "lists: [{use: senderscore_bl}, {use: senderscore_score}]",
         "2:9",
         "senderscore_bl, senderscore_score: one sweep of 131,072 addresses in all within 10,000 queries per "
         "30d takes "
         "about 393 days"},
        {"groups: [{name: g, ranges: [40.93.%.%], sweep_interval: 60d}]\nlists: [{use: psbl}]", NULL, ""},
        {"groups: [{name: g, addresses: [192.0.2.1], lists: [a]}]\n"
         "lists: [{name: a, zone: a.net}, {name: b, zone: b.net}]",
         "2:33", "list \"b\" is used by no group"},
        {"groups: [{name: g, addresses: [192.0.2.1]}]\n"
         "lists: [{name: a, zone: a.net}, {name: b, zone: A.NET}]",
         "2:33", "lists \"a\" and \"b\" ask the same zone within budgets of their own"},
        {"groups: [{name: g, addresses: [192.0.2.1]}]\nbudgets: {x: {queries: 10}}\n"
         "lists: [{name: a, zone: a.net, budget: {share: x}}, {name: b, zone: a.net, budget: {share: x}}]",
         NULL, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct settings *s = read_good(rows[i].text);
        if (rows[i].place ? !has_problem(rows[i].place, rows[i].piece, true) : problems.n_warnings > 0) {
            print_problems(rows[i].text);
            fail_msg("expected \"%s\" at %s", rows[i].piece, rows[i].place);
        }
        settings_free(s);
    }
}

static void accepts_the_files_of_config(void **state) {
    static const struct {
        const char *name;
        size_t most_warnings;
        size_t fewest_enabled;
    } files[] = {{"config/default.yml", 3, 8}, {"config/rbl_exporter.yml", 0, 5}};
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        struct arena arena;
        const struct node *root = NULL;
        struct settings *s = NULL;
        problems_release(&problems);
        problems_init(&problems);
        arena_init(&arena);
        enum status status = yaml_load(path_of(files[i].name, path), &arena, &problems, &root);
        status = read_tree(status, root, &s);
        arena_release(&arena);
        if (status != STATUS_OK || problems.n_warnings > files[i].most_warnings)
            print_problems(path);
        assert_int_equal(status, STATUS_OK);
        assert_true(problems.n_warnings <= files[i].most_warnings);
        size_t n_enabled = 0;
        for (size_t j = 0; j < s->n_lists; j++)
            n_enabled += s->lists[j].enabled;
        assert_true(n_enabled >= files[i].fewest_enabled);
        settings_free(s);
    }
}

/* PRODUCT: a list without a published limit gets 5/s and 10,000 a day; none is without a limit. */
static void knows_a_limit_a_source_and_a_use_of_every_built_in_list(void **state) {
    assert_true(catalog->n_lists > 50);
    for (size_t i = 0; i < catalog->n_lists; i++) {
        const struct list *list = &catalog->lists[i];
        bool limited =
            (list->budget.queries > 0 && list->budget.queries <= 100000) || list->budget.share >= 0;
        if (!list->builtin || !limited || list->budget.rate > 5 || !list->limits[0] || !list->source[0] ||
            !list->enabled || catalog_dead(catalog, list->zone))
            fail_msg("built-in list %s is not as it should be", list->name);
    }
    assert_int_equal(catalog_find(catalog, "hostkarma")->n_ignored, 5);
    assert_int_equal(catalog_find(catalog, "hostkarma")->self_test.not_listed[IP_V4].lo, 0xc0000201);
    assert_int_equal(catalog_find(catalog, "uceprotect_3")->tier, LIST_INFO);
    assert_int_equal(catalog_find(catalog, "dnswl")->kind, LIST_ALLOW);
}

static void survives_any_allocation_that_fails_and_leaks_nothing(void **state) {
    static const char text[] =
        "budgets: {b: {queries: 5}}\n"
        "lists: [{use: senderscore_bl}, {use: spamhaus_zen, budget: {share: b}},\n"
        "  {name: k, zone: '{key}.example.net', key_file: /good, codes: {127.0.0.2: x}}]\n"
        "groups: [{name: g, addresses: [192.0.2.1, 192.0.2.2], ranges: [40.93.%.%]}]\n"
        "safelists: [{name: s, ranges: [40.93.%.%, 10.0.0.0/7, 192.0.2.%], added: 2026-03-04, ticket: T}]\n";
    for (int for_ever = 0; for_ever <= 1; for_ever++) {
        enum status status = STATUS_NO_MEMORY;
        long n = 0;
        while (status != STATUS_OK) {
            struct settings *settings = NULL;
            fail_for_ever = for_ever;
            fail_at = ++n;
            n_allocations = 0;
            status = read_text(text, &settings);
            fail_at = 0;
            assert_true(status == STATUS_OK || (status == STATUS_NO_MEMORY && !settings));
            settings_free(settings);
        }
        assert_true(n > 5);
    }
}

static void survives_any_failing_allocation_while_it_reports_errors(void **state) {
    for (long n = 1; n < 40; n++) {
        struct settings *settings = NULL;
        fail_at = n;
        n_allocations = 0;
        enum status status =
            read_text("resolver: {timeout: 1}\nresolver: 5\nlists: [{use: x}]" GROUPS, &settings);
        fail_at = 0;
        assert_true(status == STATUS_NO_MEMORY || status == STATUS_INVALID);
        assert_null(settings);
    }
}

static void reads_600000_addresses(void **state) {
    enum { N = 600000, LINE = 32 };
    char *text = malloc(N * LINE + 200);
    assert_non_null(text);
    char *to = text + sprintf(text, "lists: [{name: a, zone: a.net}]\ngroups:\n- name: g\n  addresses:\n");
    for (unsigned i = 0; i < N; i++)
        to += sprintf(to, "  - 10.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
    struct settings *s = read_good(text);
    assert_int_equal(s->groups[0].n_addresses, N);
    settings_free(s);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_the_defaults),
        cmocka_unit_test(reads_every_key),
        cmocka_unit_test(starts_from_a_built_in_list_and_overrides_key_by_key),
        cmocka_unit_test(prefers_a_budget_of_the_file_to_a_built_in_one_of_that_name),
        cmocka_unit_test(accepts_the_whole_example),
        cmocka_unit_test(does_not_need_the_catalog_afterwards),
        cmocka_unit_test(warns_of_what_may_not_be_meant),
        cmocka_unit_test(accepts_the_files_of_config),
        cmocka_unit_test(knows_a_limit_a_source_and_a_use_of_every_built_in_list),
        cmocka_unit_test(survives_any_allocation_that_fails_and_leaks_nothing),
        cmocka_unit_test(survives_any_failing_allocation_while_it_reports_errors),
        cmocka_unit_test(reads_600000_addresses),
    };
    return cmocka_run_group_tests(tests, read_catalog, free_catalog);
}
