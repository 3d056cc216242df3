/* SPDX-License-Identifier: Apache-2.0
 *
 * settings_internal: what the files that read a configuration share, and nobody else needs.
 *
 * A section of the configuration (a mapping with known keys) is read by settings_read_section(): it refuses
 * keys that the table does not have, then calls the reader of each key that is there, in the order of the
 * table and not of the file, so that what others depend on comes first. A reader stores its value into
 * `target`, the struct of the section (schema_target below), or reports what is wrong and leaves it as it
 * was. Reading goes on after an error, so that all of them are found; only want of memory
 * (problems.no_memory) makes the rest meaningless.
 */
#ifndef RBL_CORE_SETTINGS_INTERNAL_H
#define RBL_CORE_SETTINGS_INTERNAL_H

#include "core/settings.h"

enum schema_section {
    SECTION_TOP,         /* struct settings_top */
    SECTION_RESOLVER,    /* struct resolver_settings */
    SECTION_DEFAULTS,    /* struct default_settings */
    SECTION_STORAGE,     /* struct storage_settings */
    SECTION_BOUNCES,     /* struct bounce_settings */
    SECTION_BUDGET,      /* struct budget_settings */
    SECTION_LIST,        /* struct list */
    SECTION_LIST_BUDGET, /* struct list */
    SECTION_SELF_TEST,   /* struct list */
    SECTION_GROUP,       /* struct group */
    SECTION_SAFELIST,    /* struct safelist */
    SECTION_CATALOG,     /* struct settings_top: the top of config/lists.yml */
    SECTION_DEAD,        /* struct settings_dead */
    SECTIONS,
};

enum schema_flags {
    SCHEMA_REQUIRED = 1,
    SCHEMA_CATALOG = 2, /* only in config/lists.yml */
    SCHEMA_USER = 4,    /* not in config/lists.yml */
};

struct settings_reader;
struct schema_key;
typedef void schema_read(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                         void *target);

struct schema_key {
    enum schema_section section;
    const char *name;
    const char *type;         /* what it takes, after "expects": "a duration such as 30s, 15m, 24h or 30d" */
    const char *default_text; /* "" if none */
    const char *range;        /* "" where the type says it all; NULL: from min and max */
    const char *help;
    schema_read *read;
    const char *const *choices; /* settings_read_choice(): names by value, up to NULL */
    size_t offset;              /* of the value within the target */
    int64_t min;                /* durations in nanoseconds */
    int64_t max;
    unsigned flags;
};

struct settings_reader {
    struct problems *problems;
    struct arena *arena;
    bool in_catalog; /* config/lists.yml is read */
    struct default_settings defaults;
    /* The budgets so far, and those that are added to them once a list names one. */
    struct budget_settings *budgets;
    size_t n_budgets;
    const struct budget_settings *known_budgets;
    size_t n_known_budgets;
    /* While the groups are read: the lists. */
    const struct list *lists;
    size_t n_lists;
    uint64_t n_swept;                                /* addresses in all ranges so far */
    const struct node *first_of_family[IP_FAMILIES]; /* in the group that is read */
    settings_key_reader *key_reader;
    void *key_context;
};

/* The target of both tops: which of their sections are there. */
struct settings_top {
    struct resolver_settings resolver;
    struct storage_settings storage;
    struct bounce_settings bounces;
    const struct node *budgets;
    const struct node *lists;
    const struct node *groups;
    const struct node *safelists;
    const struct node *dead;
};

/* The target of an entry of `dead` (the public struct is core/catalog's, which stands above these files). */
struct settings_dead {
    const char *zone;
    const char *since;
    const char *what;
    const char *source;
};

enum { SETTINGS_SHOWN_SIZE = 72 };

/* --- settings.c: the table --- */
extern const struct schema_key settings_schema[];
extern const size_t settings_schema_size;

/* --- settings_section.c: mappings, and what all readers report --- */
/* An error at `node`. */
void settings_error(struct settings_reader *r, const struct node *node, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* `"KEY" expects TYPE, found ...` at `value`. */
void settings_wrong(struct settings_reader *r, const struct schema_key *key, const struct node *value);
/* A node for a message: its text in quotes, cut at a character and on one line, or "a list", "a mapping".
 * Returns `out`. */
const char *settings_show(const struct node *node, char out[SETTINGS_SHOWN_SIZE]);
/* Zeroed memory for `n` things of `size`; NULL, with problems.no_memory set, when there is none. */
void *settings_alloc(struct settings_reader *r, size_t n, size_t size);
/* Whether `node` is of `type` and, if a collection, not empty; reports it if not. */
bool settings_expect(struct settings_reader *r, const struct schema_key *key, const struct node *node,
                     enum node_type type);
/* Reads a mapping by the table; false (and reported) if `mapping` is none. `what` names it in messages: "a
 * list". */
bool settings_read_section(struct settings_reader *r, enum schema_section section, const char *what,
                           const struct node *mapping, void *target);
/* The range of a key as text, made from its limits where the table does not say it. */
const char *settings_range_text(const struct schema_key *key, char *out, size_t size);
/* The nearer of `best` (or NULL) and `candidate` to `text` by spelling; NULL if neither is near enough to be
 * meant. */
const char *settings_nearer(const char *text, const char *best, const char *candidate);
/* `; did you mean "x"?` in `out`, or nothing if `near` is NULL. Returns `out`. */
const char *settings_did_you_mean(const char *near, char *out, size_t size);
/* Whether a suggestion would still be shown: looking for one in vain costs time. */
bool settings_wants_suggestion(const struct settings_reader *r);

/* --- settings_value.c: single values --- */
#define SETTINGS_SECOND_NS INT64_C(1000000000)
#define SETTINGS_DAY_NS (86400 * SETTINGS_SECOND_NS)
/* Whether `text` may be the name of a list, group, budget or answer. */
bool settings_is_name(const char *text);
/* Whether C0, DEL or C1 is in it: a label, a page or a message must not be steered by it. */
bool settings_has_control(const char *text);
/* Decimal digits only, no leading zeros; false if it is none or above `max`. */
bool settings_parse_number(const char *text, uint64_t max, uint64_t *out);
/* A duration as Prometheus writes it (1h30m); false if it is none or beyond 292 years. */
bool settings_parse_duration(const char *text, int64_t *out_ns);
/* Such a text, days being its largest unit. Returns `out`. */
const char *settings_format_duration(int64_t ns, char *out, size_t size);
enum { SETTINGS_DATE_SIZE = 64 };
/* A date, of days since 1970-01-01 (none before that): 2026-11-01. Returns `out`. */
const char *settings_format_date(int64_t days, char out[SETTINGS_DATE_SIZE]);
/* NUMBER/(s|m|h) as queries per second; false if it is none. */
bool settings_parse_rate(const char *text, double *out);
enum { SETTINGS_RATE_SIZE = 64 };
/* The shortest such text that reads back as `rate` (more than 0). Returns `out`. */
const char *settings_format_rate(double rate, char out[SETTINGS_RATE_SIZE]);

schema_read settings_read_duration, settings_read_duration_or_auto, settings_read_count,
    settings_read_count_or_auto;
schema_read settings_read_queries, settings_read_queries_or_unlimited, settings_read_rate,
    settings_read_burst;
schema_read settings_read_bool, settings_read_choice, settings_read_name, settings_read_text,
    settings_read_url;
schema_read settings_read_date;
/* Keep the node, for whoever reads it when the rest is known. */
schema_read settings_read_mapping, settings_read_sequence;
/* Keeps nothing: the value is looked up in the node where it is needed. */
schema_read settings_read_nothing;

/* --- settings_server.c: nameservers, and the sections that hold little else --- */
schema_read settings_read_resolver_nameservers, settings_read_list_nameservers;
schema_read settings_read_resolver, settings_read_defaults, settings_read_storage, settings_read_bounces;

/* --- settings_codes.c: what answers mean --- */
schema_read settings_read_codes, settings_read_refused, settings_read_ignored;
/* Gives a reputation list without a table the scores 127.0.4.[0..100]. */
void settings_default_codes(struct settings_reader *r, struct list *list);
/* Reports answers that are in two of codes, refused and ignored; `node` is where the list is. */
void settings_check_overlap(struct settings_reader *r, const struct node *node, const struct list *list);

/* --- settings_budget.c: allowances --- */
schema_read settings_read_share, settings_read_list_budget;
/* Reads the mapping `node` (or NULL) of budgets into r->budgets, with room for those of r->known_budgets as
 * well. */
void settings_read_budgets(struct settings_reader *r, const struct node *node);
/* The index in r->budgets of the budget `name`, which is taken over from the known ones at first use; -1 if
 * there is none. */
int settings_budget_index(struct settings_reader *r, const char *name);

/* --- settings_list.c: one list --- */
schema_read settings_read_zone, settings_read_families, settings_read_self_test, settings_read_test_addresses;
schema_read settings_read_cname;
/* Reads one list. `base`: the built-in list that it starts from, or NULL. `out->name` is never NULL
 * afterwards, so that what follows can refer to a list that has errors. */
void settings_read_list(struct settings_reader *r, const struct node *node, const struct list *base,
                        struct list *out);
/* The password of `https://user:password@host/`: where it begins, and its length. NULL: it has none. */
const char *settings_url_password(const char *url, size_t *len);

/* --- settings_group.c: one group --- */
schema_read settings_read_addresses, settings_read_ranges, settings_read_group_lists;
void settings_read_group(struct settings_reader *r, const struct node *node, struct group *out);
/* Reads a sequence of ranges, and reports those that are given twice; `swept`: they count for the limits of
 * what can be swept. NULL: there is none, which is reported. */
struct group_range *settings_read_range_list(struct settings_reader *r, const struct schema_key *key,
                                             const struct node *value, bool swept, size_t *n_out);

/* Reads a sequence of names of lists, by index of r->lists: whether it is named, and enabled. `who` is not
 * checked on those that are not, which is warned of: "the group". NULL: there is none, which is reported. */
bool *settings_read_list_names(struct settings_reader *r, const struct schema_key *key,
                               const struct node *value, const char *who);

/* --- settings_source.c: where a group's addresses come from besides --- */
schema_read settings_read_files, settings_read_spf, settings_read_only_ptr;

/* --- settings_safelist.c: safelists --- */
schema_read settings_read_safelist_ranges, settings_read_safelist_lists, settings_read_added,
    settings_read_ticket;
void settings_read_safelists(struct settings_reader *r, const struct node *node, struct settings *out);
/* Warns of ranges that are not, or not whole, in groups that are checked on a block list, unless a group has
 * addresses from files or an SPF record. `node` is what was
 * read. */
void settings_warn_of_unwatched(struct settings_reader *r, const struct settings *settings,
                                const struct node *node);

/* --- settings_sweep.c --- */
struct settings_swept {
    struct ip_range range;
    size_t group;
};
/* The ranges of all groups, sorted by their beginnings; with `addresses` those named one by one as well.
 * NULL: no memory; else to be freed. */
struct settings_swept *settings_collect_ranges(const struct settings *settings, bool addresses,
                                               size_t *n_out);
/* Warns of each allowance that is too small for the ranges swept within it. `places`: the node of each list.
 */
void settings_warn_of_slow_sweeps(struct settings_reader *r, const struct settings *settings,
                                  const struct node *const *places);

#endif
