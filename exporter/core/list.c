/* SPDX-License-Identifier: Apache-2.0
 *
 * What an answer means is settled address by address, and the strictest meaning wins: one address that no
 * list gives (broken) or one refusal spoils the whole answer, whatever else is in it (DOMAIN facts, section
 * 4). Of two patterns of the code table that both have an address, the narrower one names it, so that a list
 * may name 127.0.0.2 and, differently, the rest of 127.0.0.0/24. Bit masks are looked at only where no such
 * pattern has it.
 */
#include "core/list.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static const uint32_t loopback_net = 0x7f000000; /* 127.0.0.0 */
static const uint32_t loopback_bits = 0xff000000;
static const uint32_t not_listed_entry = 0x7f000001; /* 127.0.0.1: an answer only where a table says so */
enum { LAST_OCTET = 0xff, SCORE_MAX = 100 };
#define OTHER_BIT (UINT64_C(1) << LIST_CODE_OTHER)

const char *const list_kind_text[LIST_KINDS] = {
    [LIST_BLOCK] = "blocklist",
    [LIST_REPUTATION] = "reputation",
    [LIST_ALLOW] = "allowlist",
};

const char *const list_tier_text[LIST_TIERS] = {
    [LIST_PAGE] = "page",
    [LIST_WARN] = "warn",
    [LIST_INFO] = "info",
};

/* What one address says, the strictest last. */
enum address_meaning {
    ADDRESS_IGNORED,
    ADDRESS_CODE,     /* in the table, or any where there is none */
    ADDRESS_UNNAMED,  /* there is a table, and it is not in it */
    ADDRESS_NO_SCORE, /* a reputation list's answer over 100 */
    ADDRESS_REFUSAL,
    ADDRESS_BROKEN,
    ADDRESS_MEANINGS,
};

static bool in_range(const struct list_answers *entry, uint32_t address) {
    return address >= entry->lo && address <= entry->hi;
}

static bool has_address(const struct list_answers *entry, uint32_t address) {
    return in_range(entry, address) && (entry->mask == 0 || (address & LAST_OCTET & entry->mask) != 0);
}

static bool any_has(const struct list_answers *entries, size_t n, uint32_t address) {
    for (size_t i = 0; i < n; i++)
        if (has_address(&entries[i], address))
            return true;
    return false;
}

static uint64_t name_bit(const struct list_answers *entry) {
    assert(entry->name < LIST_MAX_CODES);
    return UINT64_C(1) << entry->name;
}

/* The narrowest pattern without a mask that has the address, or NULL. */
static const struct list_answers *find_pattern(const struct list *list, uint32_t address) {
    const struct list_answers *best = NULL;
    for (size_t i = 0; i < list->n_codes; i++) {
        const struct list_answers *entry = &list->codes[i];
        if (entry->mask == 0 && in_range(entry, address) &&
            (best == NULL || entry->hi - entry->lo < best->hi - best->lo))
            best = entry;
    }
    return best;
}

/* The names of the bits of the last octet; 0 if none of them has one. */
static uint64_t masked_names(const struct list *list, uint32_t address) {
    uint64_t names = 0;
    uint32_t unnamed = address & LAST_OCTET;
    for (size_t i = 0; i < list->n_codes; i++) {
        const struct list_answers *entry = &list->codes[i];
        if (entry->mask == 0 || !has_address(entry, address))
            continue;
        names |= name_bit(entry);
        unnamed &= ~entry->mask;
    }
    return names != 0 && unnamed != 0 ? names | OTHER_BIT : names;
}

/* The names of an address in the code table; 0 if it is not in it. */
static uint64_t table_names(const struct list *list, uint32_t address) {
    const struct list_answers *pattern = find_pattern(list, address);
    return pattern != NULL ? name_bit(pattern) : masked_names(list, address);
}

/* What one address says; its names are added to `*names` if it is a code. */
static enum address_meaning classify_address(const struct list *list, uint32_t address, uint64_t *names) {
    if ((address & loopback_bits) != loopback_net || address == loopback_net)
        return ADDRESS_BROKEN;
    if (any_has(list->refused, list->n_refused, address))
        return ADDRESS_REFUSAL;
    if (any_has(list->ignored, list->n_ignored, address))
        return ADDRESS_IGNORED;
    uint64_t found = table_names(list, address);
    if (found == 0 && address == not_listed_entry)
        return ADDRESS_BROKEN;
    if (list->kind == LIST_REPUTATION && (address & LAST_OCTET) > SCORE_MAX)
        return ADDRESS_NO_SCORE;
    if (found == 0 && list->n_codes > 0)
        return ADDRESS_UNNAMED;
    *names |= found != 0 ? found : OTHER_BIT;
    return ADDRESS_CODE;
}

/* How many addresses of an answer say what, the first of each kind, and the lowest score of the codes. */
struct tally {
    size_t count[ADDRESS_MEANINGS];
    uint32_t first[ADDRESS_MEANINGS];
    uint64_t names;
    int lowest;
};

static void tally_address(struct tally *tally, const struct list *list, uint32_t address) {
    enum address_meaning meaning = classify_address(list, address, &tally->names);
    if (tally->count[meaning]++ == 0)
        tally->first[meaning] = address;
    int octet = (int)(address & LAST_OCTET);
    if (meaning == ADDRESS_CODE && octet < tally->lowest)
        tally->lowest = octet;
}

static struct list_classified spoilt(enum list_meaning meaning, uint32_t culprit) {
    return (struct list_classified){.meaning = meaning, .score = -1, .culprit = culprit};
}

static struct list_classified listed(const struct list *list, const struct tally *tally) {
    return (struct list_classified){
        .meaning = LIST_SAYS_LISTED,
        .codes = tally->names | (tally->count[ADDRESS_UNNAMED] > 0 ? OTHER_BIT : 0),
        .score = list->kind == LIST_REPUTATION ? tally->lowest : -1,
    };
}

struct list_classified list_classify(const struct list *list, const uint32_t *addresses, size_t n) {
    assert(n >= 1);
    struct tally tally = {.lowest = LAST_OCTET};
    for (size_t i = 0; i < n; i++)
        tally_address(&tally, list, addresses[i]);
    if (tally.count[ADDRESS_BROKEN] > 0)
        return spoilt(LIST_SAYS_BROKEN, tally.first[ADDRESS_BROKEN]);
    if (tally.count[ADDRESS_REFUSAL] > 0)
        return spoilt(LIST_SAYS_REFUSED, tally.first[ADDRESS_REFUSAL]);
    if (tally.count[ADDRESS_NO_SCORE] > 0)
        return spoilt(LIST_SAYS_UNKNOWN_CODE, tally.first[ADDRESS_NO_SCORE]);
    if (tally.count[ADDRESS_CODE] > 0)
        return listed(list, &tally);
    if (tally.count[ADDRESS_UNNAMED] > 0)
        return spoilt(LIST_SAYS_UNKNOWN_CODE, tally.first[ADDRESS_UNNAMED]);
    return (struct list_classified){.meaning = LIST_SAYS_NOT_LISTED, .score = -1};
}

const char *list_code_name(const struct list *list, unsigned bit) {
    return bit < list->n_code_names ? list->code_names[bit] : "other";
}

static bool same_source(const struct list_identity *a, const struct list_identity *b) {
    return a->kind == b->kind && strcasecmp(a->zone, b->zone) == 0;
}

static size_t find_named(const struct list_identity *lists, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(lists[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

size_t list_before(const struct list_identity *now, size_t n_now, size_t i,
                   const struct list_identity *before, size_t n_before) {
    size_t named = find_named(before, n_before, now[i].name);
    if (named != SIZE_MAX)
        return same_source(&before[named], &now[i]) ? named : SIZE_MAX;
    size_t found = SIZE_MAX;
    for (size_t k = 0; k < n_before; k++) {
        if (!same_source(&before[k], &now[i]) || find_named(now, n_now, before[k].name) != SIZE_MAX)
            continue;
        if (found != SIZE_MAX)
            return SIZE_MAX;
        found = k;
    }
    return found;
}
