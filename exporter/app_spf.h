/* SPDX-License-Identifier: Apache-2.0
 *
 * app_spf: the ranges of groups that name a domain (`spf`), out of its SPF record.
 *
 * Each record is looked up when a configuration comes into force, and daily from then on; when that fails,
 * after 10 minutes, doubling to 6 hours. What it leads to is handed to app_sources and kept in the store, so
 * that a start without DNS has it too. A failure leaves the last good ranges in place, and is told once, and
 * again when it becomes one of another kind; so is its end. A record that names no range is a failure: what
 * it publishes (`mx`, macros) is not what can be watched, or it is a mistake. So is one that names more than
 * is taken of somebody else's word, and what was kept of such a record is not used either. Ranges that no
 * mail comes from are left out, and told once for each content: see spf_set_bound().
 *
 * A set belongs to its domain. When the configuration names another domain for the group, the old set stays
 * until the new record has been read, and goes if it cannot be. A group of a domain that another one has the
 * ranges of begins with these, and so does one that was given another name.
 *
 * What is kept of groups that are configured no more stays in the store: some bytes for each range.
 */
#ifndef RBL_APP_SPF_H
#define RBL_APP_SPF_H

#include "app_question.h"
#include "app_sources.h"
#include "app_store.h"

#include "core/settings.h"
#include "core/sources.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app_spf_group;

/* The groups of one configuration. */
struct app_spf_groups {
    struct app_spf_group *items;
    size_t n;
};

struct app_spf {
    struct app_question *question;
    struct app_sources *sources;
    struct app_store *store; /* NULL: none yet */
    struct app_spf_groups now;
    size_t n_running;
    uint64_t last_number; /* of what was asked for */
    int64_t wake_ns;      /* nothing is due before */
};

void app_spf_init(struct app_spf *spf, struct app_question *question, struct app_sources *sources);
void app_spf_free(struct app_spf *spf);
/* For `base`, a configuration that is not in force yet: adds to `sources` what the store has of records that
 * have not been seen since the start. STATUS_NO_MEMORY. `*out` is the caller's until app_spf_use(), or to
 * app_spf_groups_free(). */
enum status app_spf_begin(const struct app_spf *spf, const struct settings *base, struct sources *sources,
                          struct app_spf_groups *out) MUST_CHECK;
void app_spf_groups_free(struct app_spf_groups *groups);
/* The configuration with `*next` is in force; takes it over, and looks everything up. */
void app_spf_use(struct app_spf *spf, struct app_spf_groups *next, int64_t now_ns);
/* Every turn: asks what is due. */
void app_spf_turn(struct app_spf *spf, int64_t now_ns);

#endif
