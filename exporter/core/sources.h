/* SPDX-License-Identifier: Apache-2.0
 *
 * sources: what groups get from outside the configuration: their files, the SPF record they name, and, for
 * the group `bounced`, bounces. Who reads a source puts what it says here as a whole; what all of them say,
 * added to the configuration, gives the settings that the program runs with. A source that says nothing yet
 * adds nothing. How much an SPF record may say is looked at by who makes a set of it (spf_set_bound()).
 */
#ifndef RBL_CORE_SOURCES_H
#define RBL_CORE_SOURCES_H

#include "core/ip.h"
#include "core/problem.h"
#include "core/settings.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one SPF record, which is not the user's own, may bring: addresses in ranges to be swept, those that
 * are in two of them counted twice, and ranges of any kind. Its IPv6 ranges of more addresses recognise. */
enum { SOURCES_SPF_ADDRESSES = 1 << 20, SOURCES_SPF_RANGES = 1000 };

enum source_kind { SOURCE_FILES, SOURCE_SPF, SOURCE_BOUNCED, SOURCE_KINDS };

/* Addresses to watch one by one, and ranges of any size; owned. */
struct source_set {
    struct ip *addresses;
    size_t n_addresses, addresses_size;
    struct ip_range *ranges; /* one of a single address is a range all the same */
    size_t n_ranges, ranges_size;
};

void source_set_init(struct source_set *set);
void source_set_release(struct source_set *set);
enum status source_set_add_address(struct source_set *set, const struct ip *ip) MUST_CHECK;
enum status source_set_add_range(struct source_set *set, const struct ip_range *range) MUST_CHECK;
/* In order, each once: to be called when all is added. */
void source_set_finish(struct source_set *set);
/* Whether two finished sets hold the same. */
bool source_set_equal(const struct source_set *a, const struct source_set *b);

struct sources;
struct sources *sources_new(void) MUST_CHECK; /* NULL: no memory */
void sources_free(struct sources *s);         /* NULL allowed */
/* Takes the finished `*set` over, and leaves it empty: what the source says from now on. `*changed`: it is
 * not what it said before. `changed_wall_ns` is when that came to be, on the wall clock. STATUS_NO_MEMORY:
 * nothing has changed, and the set is still the caller's. */
enum status sources_put(struct sources *s, const char *group, enum source_kind kind, struct source_set *set,
                        int64_t changed_wall_ns, bool *changed) MUST_CHECK;
/* The same of another collection; nothing if it has none. */
enum status sources_copy(struct sources *s, const struct sources *from, const char *group,
                         enum source_kind kind) MUST_CHECK;
/* What a source says; NULL: nothing yet. Valid until the next sources_put(). */
const struct source_set *sources_find(const struct sources *s, const char *group, enum source_kind kind);
/* When files or an SPF record last changed what the group has, on the wall clock; 0: never. */
int64_t sources_changed_ns(const struct sources *s, const char *group);

/* The settings of `base` with what its groups' sources say added to them, what is said twice once, and since
 * when, and the group `bounced` as the last. Ranges that are too large to be swept (SETTINGS_MAX_RANGE; in an
 * SPF record SOURCES_SPF_ADDRESSES) only recognise addresses, if they are of IPv6, or are refused with a
 * warning, as are those beyond SETTINGS_MAX_TOTAL. `*out` is the
 * caller's to settings_free(), before `base`, from which it borrows. STATUS_NO_MEMORY. */
enum status sources_expand(const struct sources *s, const struct settings *base, struct problems *problems,
                           struct settings **out) MUST_CHECK;

#endif
