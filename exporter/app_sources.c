/* SPDX-License-Identifier: Apache-2.0 */
#include "app_sources.h"

#include "edge/log.h"

#include <string.h>

#define PAUSE_NS (INT64_C(1000) * 1000000) /* between two changes at least */
#define MOST_NS (INT64_C(60) * 1000000000) /* when they do not end, and after one that could not be */
enum {
    SHARE = 20, /* of the time, one part at most goes into changes */
    QUIET = 4,  /* pauses without a change, and it is quiet again */
};

/* Files are read anew by who watches them. */
static enum status copy_group(const struct app_sources *s, const struct group *group, struct sources *out) {
    return group->spf != NULL ? sources_copy(out, s->now, group->name, SOURCE_SPF) : STATUS_OK;
}

enum status app_sources_begin(const struct app_sources *s, const struct settings *base,
                              struct sources **out) {
    struct sources *next = sources_new();
    if (next == NULL)
        return STATUS_NO_MEMORY;
    enum status status =
        s->now != NULL ? sources_copy(next, s->now, SETTINGS_BOUNCED, SOURCE_BOUNCED) : STATUS_OK;
    for (size_t i = 0; s->now != NULL && i < base->n_groups && status == STATUS_OK; i++)
        status = copy_group(s, &base->groups[i], next);
    if (status == STATUS_OK)
        *out = next;
    else
        sources_free(next);
    return status;
}

void app_sources_use(struct app_sources *s, struct sources **next) {
    sources_free(s->now);
    *s = (struct app_sources){.now = *next, .wait_ns = s->wait_ns, .pause_ns = s->pause_ns};
    *next = NULL;
}

void app_sources_free(struct app_sources *s) {
    sources_free(s->now);
    *s = (struct app_sources){.now = NULL};
}

bool app_sources_put(struct app_sources *s, const char *group, enum source_kind kind, struct source_set *set,
                     int64_t wall_ns) {
    bool changed = false;
    bool ok = sources_put(s->now, group, kind, set, wall_ns, &changed) == STATUS_OK;
    if (!ok)
        log_write(LOG_ERROR, "not enough memory for what a group gets from outside: it stays as it was",
                  "group", group, NULL);
    s->changed = s->changed || changed;
    return ok;
}

bool app_sources_are_due(const struct app_sources *s, int64_t now_ns) {
    return s->changed && now_ns >= s->wait_ns;
}

int64_t app_sources_wake_ns(const struct app_sources *s) {
    return s->changed ? s->wait_ns : INT64_MAX;
}

void app_sources_settled(struct app_sources *s, bool ok, int64_t took_ns, int64_t now_ns) {
    bool quiet = now_ns - s->wait_ns > QUIET * s->pause_ns;
    int64_t pause_ns = quiet ? PAUSE_NS : s->pause_ns * 2;
    if (pause_ns < took_ns * SHARE)
        pause_ns = took_ns * SHARE;
    s->pause_ns = ok && pause_ns < MOST_NS ? pause_ns : MOST_NS;
    s->wait_ns = now_ns + s->pause_ns;
    s->changed = !ok;
}
