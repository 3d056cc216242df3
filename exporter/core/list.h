/* SPDX-License-Identifier: Apache-2.0
 *
 * list: one DNS list: its zone, what its answers mean, its limits and its self-test.
 *
 * A list is data; it never changes after the configuration was read. What an A record in it means is decided
 * by list_classify() and nowhere else.
 */
#ifndef RBL_CORE_LIST_H
#define RBL_CORE_LIST_H

#include "core/ip.h"
#include "core/qname.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum list_kind { LIST_BLOCK, LIST_REPUTATION, LIST_ALLOW, LIST_KINDS };
enum list_tier { LIST_PAGE, LIST_WARN, LIST_INFO, LIST_TIERS };
enum {
    LIST_MAX_CODES = 63,      /* names of answers in one list: bits 0..62 of a code set */
    LIST_CODE_OTHER = 63,     /* the bit of an answer that has no name */
    LIST_MAX = 250,           /* lists in one configuration */
    LIST_MAX_NAMESERVERS = 4, /* of one list */
};

/* "blocklist", "reputation", "allowlist"; "page", "warn", "info". */
extern const char *const list_kind_text[LIST_KINDS];
extern const char *const list_tier_text[LIST_TIERS];

struct endpoint {
    struct ip ip;
    uint16_t port;
};

/* Answers lo..hi (host byte order, inclusive); or, with `mask` not 0, answers in lo..hi that have one of its
 * bits. */
struct list_answers {
    uint32_t lo;
    uint32_t hi;
    uint32_t mask;
    uint8_t name; /* index into list.code_names; unused for refusals and ignored answers */
};

struct list_budget {
    int share;        /* index into settings.budgets, -1: a quota of its own or none */
    uint64_t queries; /* own quota; 0: none */
    int64_t per_ns;   /* its rolling window */
    double rate;      /* queries per second; 0: unlimited */
    double burst;     /* queries, at least 1 */
};

struct list_self_test {
    bool positive[IP_FAMILIES]; /* false: `listed: none` */
    struct ip listed[IP_FAMILIES];
    struct ip not_listed[IP_FAMILIES];
    int64_t interval_ns;
};

struct list {
    const char *name;
    const char *zone;       /* as shown: a key appears as {key} */
    struct qname zone_name; /* as asked: with the key */
    const char *use;        /* the built-in list that it starts from; NULL: none */
    const char *key_file;   /* where the key is read from; NULL: nowhere */
    const char *key;        /* what is in it, a secret; NULL: none was read */
    enum list_kind kind;
    enum list_tier tier;
    bool families[IP_FAMILIES];
    bool enabled;
    bool builtin;

    const struct list_answers
        *codes; /* empty: any 127/8 answer that is neither refused nor ignored nor 127.0.0.1 */
    size_t n_codes;
    const char *const *code_names;
    size_t n_code_names;
    const struct list_answers *refused; /* answers that say "you may not ask" */
    size_t n_refused;
    const struct list_answers
        *ignored; /* answers that are entries of another kind (white, neutral): not listed */
    size_t n_ignored;
    bool cname_allowed;
    struct qname cname_suffix; /* where the answer's CNAME may lead */

    struct list_budget budget;
    struct endpoint nameservers[LIST_MAX_NAMESERVERS]; /* n_nameservers 0: the resolver's */
    size_t n_nameservers;
    struct list_self_test self_test;
    int64_t interval_ns;    /* 0: the group's, else the default's */
    unsigned confirm;       /* agreeing looks, at least 1 */
    const char *delist_url; /* "" if none */

    const char *limits; /* built-in lists: published limit, in words; else "" */
    const char *note;   /* built-in lists: what a user must know; else "" */
    const char *source; /* built-in lists: where the facts are from; else "" */
};

/* By what a list is known again after its configuration, or the program, has changed. */
struct list_identity {
    const char *name;
    const char *zone; /* as shown: a new key does not make another list of it */
    enum list_kind kind;
};

/* What a set of A records says. Order of precedence: BROKEN, REFUSED, then the rest. */
enum list_meaning {
    LIST_SAYS_LISTED,
    LIST_SAYS_NOT_LISTED, /* only ignored answers */
    LIST_SAYS_REFUSED,    /* one of them is a refusal */
    LIST_SAYS_BROKEN, /* one of them is outside 127/8, or 127.0.0.0, or 127.0.0.1 that no table of this list
                         has */
    LIST_SAYS_UNKNOWN_CODE, /* the list has a table, and none of the answers is in it */
};

struct list_classified {
    enum list_meaning meaning;
    uint64_t codes;   /* LISTED: bits of the names, bit LIST_CODE_OTHER for answers without one */
    int score;        /* reputation lists, LISTED: 0..100 (the lowest of several); else -1 */
    uint32_t culprit; /* REFUSED, BROKEN, UNKNOWN_CODE: the answer that decided */
};

/* Reads `n` >= 1 addresses (host byte order) of one answer as the list means them (DOMAIN facts: exact codes,
 * ranges, CIDR, bit masks, scores, refusals). */
struct list_classified list_classify(const struct list *list, const uint32_t *addresses, size_t n);
/* Which of the `n_before` lists the `i`-th of the present ones was: that of its name, zone and kind; or, if
 * no list had its name, the only one of its zone and kind whose name is gone (it was renamed). SIZE_MAX: it
 * is new.
 */
size_t list_before(const struct list_identity *now, size_t n_now, size_t i,
                   const struct list_identity *before, size_t n_before);
/* The name of bit `bit` of a code set: configured, or "other". */
const char *list_code_name(const struct list *list, unsigned bit);

enum { LIST_ANSWERS_SIZE = IP_RANGE_TEXT_SIZE + 16 };
/* A pattern as the configuration writes it: 127.0.0.2, 127.0.0.[4..7], 127.0.1.0/24 or 127.0.0.&4. Several
 * spellings may stand for one, and as keys of a table each stands once: `spelling` 0 is the usual one, the
 * next follow. The last is that of all numbers above. */
void list_answers_format(const struct list_answers *answers, unsigned spelling, char out[LIST_ANSWERS_SIZE]);

#endif
