/* SPDX-License-Identifier: Apache-2.0
 *
 * app_sources: what the groups of the running configuration get from outside it. Who watches a source hands
 * over what it says now; when that is something new, the program goes over to settings that hold it as after
 * a reload, but without reading the configuration again.
 */
#ifndef RBL_APP_SOURCES_H
#define RBL_APP_SOURCES_H

#include "core/problem.h"
#include "core/settings.h"
#include "core/sources.h"

#include <stdbool.h>
#include <stdint.h>

struct app_sources {
    struct sources *now; /* of the running configuration; NULL: there is none yet */
    bool changed;        /* something new is in it, which the program does not run with yet */
    int64_t wait_ns;     /* not to go over to it before */
    int64_t pause_ns;    /* between the last two times */
};

/* What the groups of `base`, a configuration that is not in force yet, get: what they had, as far as it is
 * still asked for. STATUS_NO_MEMORY; `*out` is the caller's until app_sources_use(). */
enum status app_sources_begin(const struct app_sources *s, const struct settings *base, struct sources **out)
    MUST_CHECK;
/* The configuration with `*next` is in force; takes it over. */
void app_sources_use(struct app_sources *s, struct sources **next);
void app_sources_free(struct app_sources *s);

/* What a source says from now on, at this moment of the wall clock; see sources_put(). Without memory it is
 * told on the log, and things stay as they are: false. */
bool app_sources_put(struct app_sources *s, const char *group, enum source_kind kind, struct source_set *set,
                     int64_t wall_ns);
/* Whether it is time to go over to what is new. */
bool app_sources_are_due(const struct app_sources *s, int64_t now_ns);
/* When that will be; INT64_MAX: there is nothing new. */
int64_t app_sources_wake_ns(const struct app_sources *s);
/* The program went over to it, which took `took_ns`, or could not. Then it is let alone for a second, which
 * grows to a minute while there is always something new: what was under way is asked again, and what is known
 * of each address is written anew. */
void app_sources_settled(struct app_sources *s, bool ok, int64_t took_ns, int64_t now_ns);

#endif
