/* SPDX-License-Identifier: Apache-2.0
 *
 * app_bounced: what the daemon knows of bounces: the addresses that they named, which are watched as group
 * `bounced` (app_sources) and kept in the store, and how many there were, by list and result.
 */
#ifndef RBL_APP_BOUNCED_H
#define RBL_APP_BOUNCED_H

#include "app_sources.h"
#include "app_store.h"

#include "core/advice.h"
#include "core/bounced.h"
#include "core/catalog.h"
#include "core/list.h"
#include "core/metrics.h"
#include "core/mirror.h"
#include "core/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct app_bounced {
    const struct catalog *catalog;
    struct mirrors *mirrors;
    struct bounced *table;
    struct app_sources *sources;
    struct app_store *store;  /* NULL: there is none yet */
    bool not_kept;            /* the store does not have the table as it is now */
    bool not_told;            /* nor have the sources */
    int64_t keep_ns;          /* not to be given to the store before */
    int64_t tell_ns;          /* nor told to the sources */
    int64_t look_ns;          /* when to look who has been here long enough */
    struct metrics_bounces n; /* by list of the running settings */
};

/* False: no memory, or a mistake in what the program knows of names (told on the log). */
bool app_bounced_start(struct app_bounced *b, const struct catalog *catalog, struct app_sources *sources);
/* Gives the store what it does not have yet. */
void app_bounced_stop(struct app_bounced *b);

/* With the first configuration: what the store has kept, as far as its `rules` allow, becomes a source in
 * `out`. What cannot be read is left out, and told on the log. STATUS_NO_MEMORY. */
enum status app_bounced_recall(struct app_bounced *b, struct app_store *store,
                               const struct bounce_settings *rules, struct sources *out) MUST_CHECK;
/* A configuration is in force. */
void app_bounced_set_rules(struct app_bounced *b, const struct bounce_settings *rules);
/* Settings are in force; `before`, which were (NULL: none), are about to go. */
void app_bounced_use(struct app_bounced *b, const struct settings *now, const struct settings *before);

/* A bounce of `ip`, now; `list`: what it calls the list. */
enum status app_bounced_add(struct app_bounced *b, const struct ip *ip, const char *list) MUST_CHECK;
/* Whether all addresses that were added are watched. */
bool app_bounced_is_settled(const struct app_bounced *b);
/* Counts a bounce whose list is `list` of the running settings, or ADVICE_NO_LIST. */
void app_bounced_count(struct app_bounced *b, uint32_t list, enum advice_result result);

/* Every turn, behind what may add any; returns when to be called next at the latest. */
int64_t app_bounced_turn(struct app_bounced *b, int64_t now_ns);

#endif
