/* SPDX-License-Identifier: Apache-2.0
 *
 * settings: a validated configuration, and the table that is its schema.
 *
 * settings_read() turns a tree of nodes into one `struct settings`, or reports every error it finds, each
 * with its place and what was expected; nothing is half applied. Everything it points at lives in its arena.
 * The schema is one table (section, key, type, default, range, help) that drives the reading and prints the
 * reference in the README.
 */
#ifndef RBL_CORE_SETTINGS_H
#define RBL_CORE_SETTINGS_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/ip.h"
#include "core/list.h"
#include "core/node.h"
#include "core/problem.h"
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SETTINGS_MAX_NAMESERVERS = 4,
    SETTINGS_MAX_GROUPS = 1000,
    SETTINGS_MAX_SAFELISTS = 1000,
    SETTINGS_NAME_MAX = 63,
    SETTINGS_TICKET_MAX = 200,    /* bytes */
    SETTINGS_MAX_FILES = 100,     /* patterns in one group */
    SETTINGS_PATH_MAX = 4095,     /* bytes */
    SETTINGS_HOST_MAX = 253,      /* bytes of a host name in text */
    SETTINGS_MAX_RANGE = 1 << 24, /* addresses in one range */
    SETTINGS_MAX_TOTAL = 1 << 26, /* addresses in all ranges together, overlaps counted twice */
};

struct resolver_settings {
    struct endpoint nameservers[SETTINGS_MAX_NAMESERVERS];
    size_t n_nameservers; /* 0: the system's */
    int64_t timeout_ns;
    unsigned attempts;
    unsigned max_in_flight; /* 0: auto */
};

struct default_settings {
    int64_t interval_ns;
    int64_t sweep_interval_ns;
    int64_t stale_after_ns; /* 0: auto */
    unsigned confirm;
    unsigned series_limit;
};

struct budget_settings {
    const char *name;
    uint64_t queries;
    int64_t per_ns;
};

/* The group of addresses that bounces named; no other may have its name. */
#define SETTINGS_BOUNCED "bounced"

struct group_range {
    struct ip_range range;
    const char *label; /* canonical CIDR, else a-b */
};

struct group {
    const char *name;
    const struct ip *addresses; /* as configured, no duplicates */
    size_t n_addresses;
    const struct group_range *ranges; /* as configured, no duplicates */
    size_t n_ranges;
    const struct ip_range
        *recognised; /* of IPv6 and too large to be swept: addresses in them are the group's */
    size_t n_recognised;
    const bool
        *lists; /* by index of settings.lists: whether the group is checked on it (never a disabled one) */
    int64_t interval_ns;
    int64_t sweep_interval_ns;
    int64_t ranges_date_days; /* when the ranges were published, in days since 1970-01-01; -1: not said */
    const char *const *files; /* patterns of files with more addresses and ranges, as glob(7) has them */
    size_t n_files;
    int64_t sources_changed_ns; /* when files or an SPF record last changed what it has, on the wall clock; 0:
                                   never, as in a configuration as such */
    const char *spf;            /* the domain whose SPF record has more ranges; NULL: none */
    const char *only_ptr; /* senders are the addresses of the ranges whose host name is so; NULL: all are */
};

/* The share of a safelisted range that has to be known before it may go. */
#define SETTINGS_ENOUGH 0.99

/* What somebody has put into the safelist of a mail system, and wants to take out again. */
struct safelist {
    const char *name;
    const struct group_range *ranges; /* as configured, no duplicates; of any size */
    size_t n_ranges;
    int64_t added_days;                /* in days since 1970-01-01; -1: not said */
    uint32_t added_line, added_column; /* where that is said */
    const char *ticket;                /* "" if none */
    const bool *lists; /* by index of settings.lists: the block lists that count (never a disabled one); NULL:
                          those that are asked about any of it */
};

struct storage_settings {
    int64_t history_ns; /* how long events are kept */
};

struct bounce_settings {
    int64_t keep_ns; /* how long a bounced address stays watched after its last bounce */
    unsigned limit;  /* so many of them at most */
};

struct settings {
    struct arena arena;
    struct resolver_settings resolver;
    struct default_settings defaults;
    struct storage_settings storage;
    struct bounce_settings bounces;
    const struct budget_settings *budgets;
    size_t n_budgets;
    const struct list *lists; /* disabled ones too, in the order of the file */
    size_t n_lists;
    const struct group *groups;
    size_t n_groups;
    const struct safelist *safelists;
    size_t n_safelists;
};

struct catalog;
/* Reads a key file for a list whose zone holds {key}: the first line without white space, in `arena`. Given
 * by the edge; on failure NULL and a sentence in `error` (of `size` bytes). */
typedef const char *settings_key_reader(void *context, const char *path, struct arena *arena, char *error,
                                        size_t size);

/* Reads `root` (NULL: an empty document, an error). Built-in lists are looked up in `catalog`.
 * STATUS_INVALID: the reasons are in `problems`, sorted by place; warnings may be there on success as well.
 * An error that was in `problems` before (a duplicate key) counts like one of its own. `*out` is the caller's
 * to settings_free(). A disabled list whose zone holds {key} has no zone_name (its length is 0): its key is
 * not read. */
enum status settings_read(const struct node *root, const struct catalog *catalog,
                          settings_key_reader *key_reader, void *key_context, struct problems *problems,
                          struct settings **out) MUST_CHECK;
void settings_free(struct settings *settings); /* NULL allowed */
/* Warns of each safelist that was added in the future: `today_days` since 1970-01-01, in UTC. */
void settings_check_dates(const struct settings *settings, int64_t today_days, struct problems *problems);
/* Which list of `before` list `i` of `now` was (see list_before()); UINT32_MAX: none. */
uint32_t settings_list_before(const struct settings *now, uint32_t i, const struct settings *before);

/* --- a check on demand --- */
/* Which lists `names` are (n 0: every enabled one), in chosen[s->n_lists]. False: a name is unknown or of a
 * disabled list; the reasons are in `problems`. */
bool settings_choose_lists(const struct settings *s, const char *const *names, size_t n,
                           struct problems *problems, bool *chosen) MUST_CHECK;
struct settings_check {
    const struct ip_range *ranges;
    size_t n_ranges;
    const bool *asked;    /* by list: enabled ones only; the others become disabled */
    const bool *pairs;    /* [n_ranges][n_lists], which of them are asked about a range; NULL: all */
    const unsigned *seen; /* by list: agreeing looks that somebody else has had; NULL: none */
};
/* Settings that ask what is asked for and nothing else: one group, or one for each range if there are `pairs`
 * (then at most SETTINGS_MAX_GROUPS), in which a range of one address is an address, and what is given twice
 * is once. Every address comes up once, and no result grows stale. What was seen lets a list need fewer
 * confirmations of its own, but one. `*out` is the caller's to settings_free(), before `s`, from which it
 * borrows. STATUS_NO_MEMORY. */
enum status settings_for_check(const struct settings *s, const struct settings_check *wanted,
                               struct settings **out) MUST_CHECK;

/* The reference of all keys as Markdown (the README's table is this text). */
void settings_reference(struct buf *out);

#endif
