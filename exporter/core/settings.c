/* SPDX-License-Identifier: Apache-2.0
 *
 * The schema: one table of all keys, by which files are read and from which the reference in the README is
 * printed. The order of keys within a section is that in which they are read.
 */
#include "core/settings_internal.h"

#include <stdlib.h>
#include <string.h>

#define MS (SETTINGS_SECOND_NS / 1000)
#define SECOND SETTINGS_SECOND_NS
#define YEAR (366 * SETTINGS_DAY_NS)
enum { MOST_QUERIES = 1000000000, MOST_BURST = 1000000, MOST_RATE = 1000000, URL_MAX = 1000 };

#define A_DURATION "a duration such as 30s, 15m, 24h or 30d"
#define A_NUMBER "a whole number"
#define A_NAME "1 to 63 of letters, digits, _ . -"
#define RANGES "a list of ranges: CIDR, a-b, 40.107.%.%, or an address"
#define SERVERS "a list of addresses, each with :PORT if need be"
#define PATTERNS "a list of answers: addresses, 127.0.0.[4..7], CIDR or bits 127.0.0.&4"

static const char *const kinds[] = {"blocklist", "reputation", "allowlist", NULL};
static const char *const tiers[] = {"page", "warn", "info", NULL};

#define IN(type, member) .offset = offsetof(struct type, member)
#define DURATION(function, low, high)                                                                        \
    .type = A_DURATION, .read = settings_read_##function, .min = (low), .max = (high), .range = NULL
#define COUNT(function, low, high)                                                                           \
    .type = A_NUMBER, .read = settings_read_##function, .min = (low), .max = (high), .range = NULL
#define SECTION_KEY(what, function)                                                                          \
    .type = (what), .read = settings_read_##function, .default_text = "", .range = ""
#define TEXT_KEY(member)                                                                                     \
    .type = "a text", .read = settings_read_text, .default_text = "", .range = "",                           \
    IN(settings_dead, member), .flags = SCHEMA_REQUIRED | SCHEMA_CATALOG

/* clang-format off */
const struct schema_key settings_schema[] = {
    {SECTION_TOP, "resolver", SECTION_KEY("a mapping", resolver),
     .help = "How names are looked up."},
    {SECTION_TOP, "defaults", SECTION_KEY("a mapping", defaults),
     .help = "What holds where a list or group says nothing else."},
    {SECTION_TOP, "budgets", SECTION_KEY("a mapping of names to budgets", mapping), IN(settings_top, budgets),
     .help = "Allowances that several lists share."},
    {SECTION_TOP, "lists", SECTION_KEY("a list of DNS lists", sequence), IN(settings_top, lists), .flags = SCHEMA_REQUIRED,
     .help = "The DNS lists that are asked."},
    {SECTION_TOP, "groups", SECTION_KEY("a list of groups", sequence), IN(settings_top, groups), .flags = SCHEMA_REQUIRED,
     .help = "The addresses that are watched."},
    {SECTION_TOP, "safelists", SECTION_KEY("a list of safelists", sequence), IN(settings_top, safelists),
     .help = "What has been put into the safelist of a mail system, to be told when it may go."},
    {SECTION_TOP, "bounces", SECTION_KEY("a mapping", bounces),
     .help = "How bounced addresses are watched (group `bounced`)."},
    {SECTION_TOP, "storage", SECTION_KEY("a mapping", storage),
     .help = "What is kept on disk, in the folder that `--storage.path` names."},

    {SECTION_RESOLVER, "nameservers", .type = SERVERS, .default_text = "those of /etc/resolv.conf",
     .range = "1 to 4", .read = settings_read_resolver_nameservers,
     .help = "Where queries go: `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`."},
    {SECTION_RESOLVER, "timeout", DURATION(duration, 10 * MS, 60 * SECOND), .default_text = "2s",
     IN(resolver_settings, timeout_ns), .help = "How long one query waits for its answer."},
    {SECTION_RESOLVER, "attempts", COUNT(count, 1, 10), .default_text = "3", IN(resolver_settings, attempts),
     .help = "How often a check is tried at most, the first time included; each waits for `timeout`."},
    {SECTION_RESOLVER, "max_in_flight", .type = "auto or a whole number", .default_text = "auto", .range = NULL,
     .read = settings_read_count_or_auto, .min = 1, .max = 65535, IN(resolver_settings, max_in_flight),
     .help = "Most queries at once to one nameserver; `auto` adapts to each, a number caps that."},

    {SECTION_DEFAULTS, "interval", DURATION(duration, SECOND, YEAR), .default_text = "15m",
     IN(default_settings, interval_ns), .help = "How often an address named one by one is checked."},
    {SECTION_DEFAULTS, "sweep_interval", DURATION(duration, SECOND, YEAR), .default_text = "24h",
     IN(default_settings, sweep_interval_ns), .help = "How often the ranges are swept, from start to start."},
    {SECTION_DEFAULTS, "stale_after", .type = "auto or " A_DURATION, .default_text = "auto", .range = NULL,
     .read = settings_read_duration_or_auto, .min = SECOND, .max = YEAR, IN(default_settings, stale_after_ns),
     .help = "When a result is too old to be shown; `auto` is three times the interval really achieved, at least 6h."},
    {SECTION_DEFAULTS, "confirm", COUNT(count, 1, 10), .default_text = "2", IN(default_settings, confirm),
     .help = "Agreeing looks needed before a listing or a change is published; 1 is no second look."},
    {SECTION_DEFAULTS, "series_limit", COUNT(count, 0, 1000000), .default_text = "5000", IN(default_settings, series_limit),
     .help = "Most series of listed addresses per group, range and list; the rest is only counted."},

    {SECTION_STORAGE, "history", DURATION(duration, SETTINGS_DAY_NS, 10 * YEAR), .default_text = "400d",
     IN(storage_settings, history_ns), .help = "How long events (listed, delisted, ...) are kept; at most 1,000,000 of them."},

    {SECTION_BOUNCES, "keep", DURATION(duration, SECOND, YEAR), .default_text = "7d", IN(bounce_settings, keep_ns),
     .help = "How long an address stays watched after its last bounce."},
    {SECTION_BOUNCES, "limit", COUNT(count, 1, 100000), .default_text = "1000", IN(bounce_settings, limit),
     .help = "Most bounced addresses watched at once; the one that bounced longest ago leaves."},

    {SECTION_BUDGET, "queries", COUNT(queries, 1, MOST_QUERIES), .default_text = "",
     .flags = SCHEMA_REQUIRED, IN(budget_settings, queries), .help = "Queries within any window of `per`."},
    {SECTION_BUDGET, "per", DURATION(duration, SECOND, YEAR), .default_text = "1d", IN(budget_settings, per_ns),
     .help = "The length of the rolling window."},

    {SECTION_LIST, "use", SECTION_KEY("the name of a built-in list", nothing), .flags = SCHEMA_USER,
     .help = "A built-in list (`rbl_exporter lists` shows them); every other key overrides what it says."},
    {SECTION_LIST, "name", .type = A_NAME, .default_text = "the name in `use`", .range = "", .read = settings_read_name,
     IN(list, name), .help = "The list's name in metrics; unique. Needed where there is no `use`."},
    {SECTION_LIST, "zone", .type = "a DNS name", .default_text = "that of `use`", .range = "",
     .read = settings_read_zone, .help = "The zone that is asked; may hold `{key}`, which is shown as that everywhere."},
    {SECTION_LIST, "key_file", SECTION_KEY("the path of a file", nothing), .flags = SCHEMA_USER,
     .help = "Its first line replaces `{key}` in the zone."},
    {SECTION_LIST, "enabled", .type = "true or false", .default_text = "true", .range = "", .read = settings_read_bool,
     IN(list, enabled), .help = "Whether the list is asked."},
    {SECTION_LIST, "kind", .type = "blocklist, reputation or allowlist", .default_text = "blocklist", .range = "",
     .read = settings_read_choice, .choices = kinds, IN(list, kind),
     .help = "What an answer means: bad, a score of 0 to 100 in 127.0.4.SCORE, or good."},
    {SECTION_LIST, "tier", .type = "page, warn or info", .default_text = "page", .range = "",
     .read = settings_read_choice, .choices = tiers, IN(list, tier), .help = "How severe an alert about a listing is."},
    {SECTION_LIST, "families", .type = "a list of ipv4 and ipv6", .default_text = "[ipv4]", .range = "",
     .read = settings_read_families, .help = "What addresses the list knows; each family has its own self-test."},
    {SECTION_LIST, "codes", .type = "a mapping of answers (127.0.0.2, 127.0.0.[4..7], CIDR, bits 127.0.0.&4) to names",
     .default_text = "any answer in 127.0.0.0/8 but 127.0.0.1; reputation: 127.0.4.[0..100]", .range = "63 names",
     .read = settings_read_codes, .help = "What the answers of the list are; with a table, others are unknown."},
    {SECTION_LIST, "refused", .type = PATTERNS, .default_text = "[127.255.255.0/24]", .range = "",
     .read = settings_read_refused, .help = "Answers that mean: you may not ask."},
    {SECTION_LIST, "ignored", .type = PATTERNS, .default_text = "[]", .range = "", .read = settings_read_ignored,
     .help = "Answers that are entries of another kind (white, neutral) and no listing."},
    {SECTION_LIST, "allow_cname", .type = "none or a DNS name", .default_text = "none", .range = "",
     .read = settings_read_cname, .help = "The suffix that an answer's CNAME may lead to."},
    {SECTION_LIST, "budget", SECTION_KEY("a mapping", list_budget),
     .help = "How many queries the list may be sent; of a built-in list, what is not said stays."},
    {SECTION_LIST, "nameservers", .type = SERVERS, .default_text = "those of `resolver`", .range = "1 to 4",
     .read = settings_read_list_nameservers, .help = "Where the queries of this list go."},
    {SECTION_LIST, "self_test", SECTION_KEY("a mapping", self_test),
     .help = "The entries that tell whether the list answers rightly (RFC 5782 section 5)."},
    {SECTION_LIST, "interval", DURATION(duration, SECOND, YEAR), .default_text = "the group's", IN(list, interval_ns),
     .help = "How often an address named one by one is checked on this list."},
    {SECTION_LIST, "confirm", COUNT(count, 1, 10), .default_text = "that of `defaults`", IN(list, confirm),
     .help = "As `confirm` of `defaults`."},
    {SECTION_LIST, "delist_url", .type = "an http or https URL", .default_text = "none", .range = "",
     .read = settings_read_url, .max = URL_MAX, IN(list, delist_url), .help = "The page about listings, for people."},
    {SECTION_LIST, "limits", SECTION_KEY("a text", text), .flags = SCHEMA_CATALOG, IN(list, limits),
     .help = "The limit that the operator has published, in words."},
    {SECTION_LIST, "note", SECTION_KEY("a text", text), .flags = SCHEMA_CATALOG, IN(list, note),
     .help = "What a user has to know."},
    {SECTION_LIST, "source", SECTION_KEY("a text", text), .flags = SCHEMA_CATALOG, IN(list, source),
     .help = "Where the facts are from."},

    {SECTION_LIST_BUDGET, "share", SECTION_KEY("the name of a budget", share),
     .help = "The shared budget that the queries count for; in place of `queries`."},
    {SECTION_LIST_BUDGET, "queries", .type = "unlimited or a whole number", .default_text = "unlimited", .range = NULL,
     .read = settings_read_queries_or_unlimited, .min = 1, .max = MOST_QUERIES, IN(list, budget.queries),
     .help = "Queries within any window of `per`, retries and self-tests included. Built-in lists have one."},
    {SECTION_LIST_BUDGET, "per", DURATION(duration, SECOND, YEAR), .default_text = "1d", IN(list, budget.per_ns),
     .help = "The length of the rolling window."},
    {SECTION_LIST_BUDGET, "rate", .type = "NUMBER/s, NUMBER/m, NUMBER/h or unlimited", .default_text = "5/s",
     .range = "1/h to 1000000/s", .read = settings_read_rate, .min = 1, .max = MOST_RATE, IN(list, budget.rate),
     .help = "Most queries in the long run."},
    {SECTION_LIST_BUDGET, "burst", COUNT(burst, 1, MOST_BURST),
     .default_text = "0.1 s of `rate`, at least 1", IN(list, budget.burst),
     .help = "Queries that may go at once after a pause."},

    {SECTION_SELF_TEST, "interval", DURATION(duration, SECOND, YEAR), .default_text = "30m",
     IN(list, self_test.interval_ns), .help = "How often it is run; less often where the budget is small."},
    {SECTION_SELF_TEST, "listed", .type = "an address, a list with one for each family, or none",
     .default_text = "127.0.0.2, ::ffff:7f00:2", .range = "", .read = settings_read_test_addresses,
     IN(list, self_test.listed), .help = "What must be listed. With `none`, results are marked unproven."},
    {SECTION_SELF_TEST, "not_listed", .type = "an address, or a list with one for each family",
     .default_text = "127.0.0.1, ::ffff:7f00:1", .range = "", .read = settings_read_test_addresses,
     IN(list, self_test.not_listed), .help = "What must not be listed."},

    {SECTION_GROUP, "name", SECTION_KEY(A_NAME, name), .flags = SCHEMA_REQUIRED, IN(group, name),
     .help = "The group's name in metrics; unique."},
    {SECTION_GROUP, "addresses", SECTION_KEY("a list of IPv4 and IPv6 addresses", addresses),
     .help = "Watched one by one, each with series of its own."},
    {SECTION_GROUP, "ranges", SECTION_KEY(RANGES, ranges),
     .help = "Swept; series are per range, whatever its size. At most 2^24 addresses in one, 2^26 in all; a larger one of IPv6 only recognises bounced addresses."},
    {SECTION_GROUP, "ranges_date", SECTION_KEY("a date such as 2026-11-01", date), IN(group, ranges_date_days),
     .help = "When the ranges were published; a warning says so when that is long ago."},
    {SECTION_GROUP, "lists", .type = "a list of names of lists", .default_text = "every enabled list", .range = "",
     .read = settings_read_group_lists, .help = "The lists that the group is checked on."},
    {SECTION_GROUP, "interval", DURATION(duration, SECOND, YEAR), .default_text = "that of `defaults`",
     IN(group, interval_ns), .help = "How often each of `addresses` is checked."},
    {SECTION_GROUP, "sweep_interval", DURATION(duration, SECOND, YEAR), .default_text = "that of `defaults`",
     IN(group, sweep_interval_ns), .help = "How often `ranges` are swept; as fast as the budgets allow."},
    {SECTION_GROUP, "files", .type = "a list of paths, with * ? [...] as in a shell", .default_text = "", .range = "1 to 100",
     .read = settings_read_files,
     .help = "Files with more of both: an address (watched one by one) or a range a line, `#` begins a comment. Watched for changes."},
    {SECTION_GROUP, "spf", .type = "a DNS name", .default_text = "", .range = "", .read = settings_read_spf,
     .help = "The domain whose SPF record names more ranges; looked up at start and daily."},
    {SECTION_GROUP, "only_ptr", .type = "a host name, * standing for anything", .default_text = "", .range = "",
     .read = settings_read_only_ptr,
     .help = "Addresses of the ranges with such a host name (PTR) are swept first, the rest with what is left."},

    {SECTION_SAFELIST, "name", SECTION_KEY(A_NAME, name), .flags = SCHEMA_REQUIRED, IN(safelist, name),
     .help = "The safelist's name in metrics; unique."},
    {SECTION_SAFELIST, "ranges", SECTION_KEY(RANGES, safelist_ranges), .flags = SCHEMA_REQUIRED,
     .help = "What is safelisted, of any size; a warning says what of it is in no group."},
    {SECTION_SAFELIST, "lists", .type = "a list of names of block lists",
     .default_text = "every block list that is asked about any of a range", .range = "",
     .read = settings_read_safelist_lists, .help = "The block lists that have to be clean before it may go."},
    {SECTION_SAFELIST, "added", SECTION_KEY("a date such as 2026-11-01", added), IN(safelist, added_days),
     .help = "When it was put there, in UTC."},
    {SECTION_SAFELIST, "ticket", .type = "a text without control characters", .default_text = "none",
     .range = "at most 200 bytes", .read = settings_read_ticket, IN(safelist, ticket),
     .help = "Where it was agreed upon: a label of `rbl_safelist_info`."},

    {SECTION_CATALOG, "budgets", SECTION_KEY("a mapping of names to budgets", mapping), IN(settings_top, budgets),
     .help = "", .flags = SCHEMA_CATALOG},
    {SECTION_CATALOG, "lists", SECTION_KEY("a list of DNS lists", sequence), IN(settings_top, lists),
     .help = "", .flags = SCHEMA_CATALOG | SCHEMA_REQUIRED},
    {SECTION_CATALOG, "dead", SECTION_KEY("a list of dead lists", sequence), IN(settings_top, dead),
     .help = "", .flags = SCHEMA_CATALOG},
    {SECTION_DEAD, "zone", TEXT_KEY(zone), .help = ""},
    {SECTION_DEAD, "since", TEXT_KEY(since), .help = ""},
    {SECTION_DEAD, "what", TEXT_KEY(what), .help = ""},
    {SECTION_DEAD, "source", TEXT_KEY(source), .help = ""},
};
/* clang-format on */
const size_t settings_schema_size = sizeof settings_schema / sizeof *settings_schema;

void settings_free(struct settings *settings) {
    if (!settings)
        return;
    arena_release(&settings->arena);
    free(settings);
}

static void identify(const struct settings *settings, struct list_identity out[LIST_MAX]) {
    for (size_t i = 0; i < settings->n_lists; i++)
        out[i] =
            (struct list_identity){settings->lists[i].name, settings->lists[i].zone, settings->lists[i].kind};
}

uint32_t settings_list_before(const struct settings *now, uint32_t i, const struct settings *before) {
    struct list_identity new_lists[LIST_MAX];
    struct list_identity old_lists[LIST_MAX];
    identify(now, new_lists);
    identify(before, old_lists);
    size_t found = list_before(new_lists, now->n_lists, i, old_lists, before->n_lists);
    return found == SIZE_MAX ? UINT32_MAX : (uint32_t)found;
}

/* A cell of a table; a bar would end it, an underscore or asterisk is safe within words. */
static void add_cell(struct buf *out, const char *text) {
    buf_add_text(out, " ");
    for (; *text; text++) {
        if (*text == '|')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
    buf_add_text(out, " |");
}

static void add_row(struct buf *out, const struct schema_key *key) {
    char range[96];
    bool required = key->flags & SCHEMA_REQUIRED;
    buf_addf(out, "| `%s` |", key->name);
    add_cell(out, key->type);
    add_cell(out, required ? "(required)" : key->default_text);
    add_cell(out, settings_range_text(key, range, sizeof range));
    add_cell(out, key->help);
    buf_add_char(out, '\n');
}

void settings_reference(struct buf *out) {
    static const char *const titles[SECTIONS] = {
        [SECTION_TOP] = "The file",
        [SECTION_RESOLVER] = "`resolver`",
        [SECTION_DEFAULTS] = "`defaults`",
        [SECTION_STORAGE] = "`storage`",
        [SECTION_BOUNCES] = "`bounces`",
        [SECTION_BUDGET] = "Each of `budgets`",
        [SECTION_LIST] = "Each of `lists`",
        [SECTION_LIST_BUDGET] = "`budget` of a list",
        [SECTION_SELF_TEST] = "`self_test` of a list",
        [SECTION_GROUP] = "Each of `groups`",
        [SECTION_SAFELIST] = "Each of `safelists`",
    };
    for (size_t section = 0; section < SECTIONS; section++) {
        if (!titles[section])
            continue;
        buf_addf(out, "%s### %s\n\n| key | takes | default | range | what it does |\n|---|---|---|---|---|\n",
                 section > 0 ? "\n" : "", titles[section]);
        for (size_t i = 0; i < settings_schema_size; i++)
            if (settings_schema[i].section == section && !(settings_schema[i].flags & SCHEMA_CATALOG))
                add_row(out, &settings_schema[i]);
    }
}
