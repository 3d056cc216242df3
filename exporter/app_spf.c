/* SPDX-License-Identifier: Apache-2.0 */
#include "app_spf.h"

#include "core/human.h"
#include "core/pack.h"
#include "core/rfc3339.h"
#include "core/spf.h"
#include "core/spf_set.h"

#include "edge/clock.h"
#include "edge/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)
#define RETRY_NS (600 * SECOND_NS)
#define RETRY_MOST_NS (21600 * SECOND_NS) /* six hours */
enum {
    RUNNING = 8,         /* records looked up at a time */
    KEPT_SIZE = 1 << 20, /* bytes of one that is kept */
    WHY_SIZE = SPF_TEXT_SIZE + SPF_SET_TEXT_SIZE + SPF_SET_WHY_SIZE,
};

struct app_spf_group {
    const char *name;           /* borrowed from the configuration, which is in force as long */
    struct spf_set_about about; /* good_ns 0: its record has never been seen */
    bool is_foreign;            /* the group has the ranges of another domain yet */
    struct spf *running;        /* NULL: not being looked up */
    uint64_t number;            /* of the question that it waits for; 0: it could not be asked yet */
    int64_t next_ns;
    int64_t pause_ns;    /* 0: the last time was good */
    enum spf_state told; /* the kind of failure that was told; SPF_GOOD: none */
    uint64_t unfollowed; /* hash of the terms that were told as not followed */
    uint64_t left_out;   /* likewise of the ranges that are not watched */
};

/* ---- configurations ---- */

void app_spf_groups_free(struct app_spf_groups *groups) {
    for (size_t i = 0; i < groups->n; i++)
        spf_free(groups->items[i].running);
    free(groups->items);
    *groups = (struct app_spf_groups){.items = NULL};
}

void app_spf_free(struct app_spf *spf) {
    app_spf_groups_free(&spf->now);
}

static const struct app_spf_group *find_group(const struct app_spf *spf, const char *name) {
    for (size_t i = 0; i < spf->now.n; i++)
        if (strcmp(spf->now.items[i].name, name) == 0)
            return &spf->now.items[i];
    return NULL;
}

static enum status use_kept(struct app_spf_group *group, struct source_set *set,
                            const struct spf_set_about *about, struct sources *sources) {
    char left_out[SPF_SET_TEXT_SIZE];
    char why[SPF_SET_WHY_SIZE];
    bool changed = false;
    if (strcasecmp(about->domain, group->about.domain) != 0)
        return STATUS_OK;
    if (!spf_set_bound(set, left_out, why)) {
        log_write(LOG_WARN, "what is kept of an SPF record is too much to be used: it is looked up anew",
                  "group", group->name, "domain", group->about.domain, "error", why, NULL);
        return STATUS_OK;
    }
    enum status status = sources_put(sources, group->name, SOURCE_SPF, set, about->changed_ns, &changed);
    if (status != STATUS_OK)
        return status;
    group->about = *about;
    group->is_foreign = false;
    return STATUS_OK;
}

/* What the store has of the same record; damaged bytes are none. */
static enum status read_kept(const struct app_spf *spf, struct app_spf_group *group,
                             struct sources *sources) {
    struct spf_set_about about;
    struct source_set set;
    const struct app_store_kept *kept = app_store_kept_find(spf->store, group->name, KEPT_SPF);
    if (kept == NULL)
        return STATUS_OK;
    source_set_init(&set);
    enum status status = spf_set_unpack(kept->data, kept->len, &about, &set);
    if (status == STATUS_SYNTAX) {
        log_write(LOG_WARN, "what is kept of an SPF record cannot be read: it is looked up anew", "group",
                  group->name, NULL);
        status = STATUS_OK;
    } else if (status == STATUS_OK) {
        status = use_kept(group, &set, &about, sources);
    }
    source_set_release(&set);
    return status;
}

/* A group whose ranges are those of this domain: the same one under its former name, or another one. */
static const struct app_spf_group *find_domain(const struct app_spf *spf, const char *domain) {
    for (size_t i = 0; i < spf->now.n; i++)
        if (spf->now.items[i].about.good_ns != 0 && strcasecmp(spf->now.items[i].about.domain, domain) == 0)
            return &spf->now.items[i];
    return NULL;
}

static enum status use_known(const struct app_spf *spf, struct app_spf_group *group,
                             struct sources *sources) {
    struct source_set set;
    const struct app_spf_group *other = find_domain(spf, group->about.domain);
    const struct source_set *known =
        other != NULL ? sources_find(spf->sources->now, other->name, SOURCE_SPF) : NULL;
    if (known == NULL)
        return STATUS_OK;
    source_set_init(&set);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < known->n_ranges && status == STATUS_OK; i++)
        status = source_set_add_range(&set, &known->ranges[i]);
    if (status == STATUS_OK)
        status = use_kept(group, &set, &other->about, sources);
    source_set_release(&set);
    return status;
}

static enum status begin_group(const struct app_spf *spf, const struct group *group, struct sources *sources,
                               struct app_spf_group *out) {
    *out = (struct app_spf_group){.name = group->name, .told = SPF_GOOD};
    memccpy(out->about.domain, group->spf, '\0', sizeof out->about.domain - 1);
    const struct app_spf_group *before = find_group(spf, group->name);
    bool is_same = before != NULL && strcasecmp(before->about.domain, out->about.domain) == 0;
    if (is_same) {
        out->about = before->about;
        out->is_foreign = before->is_foreign;
        out->unfollowed = before->unfollowed;
        out->left_out = before->left_out;
    } else {
        out->is_foreign = sources_find(sources, group->name, SOURCE_SPF) != NULL;
    }
    enum status status = STATUS_OK;
    if (out->about.good_ns == 0)
        status = use_known(spf, out, sources);
    if (status == STATUS_OK && out->about.good_ns == 0 && spf->store != NULL)
        status = read_kept(spf, out, sources);
    return status;
}

enum status app_spf_begin(const struct app_spf *spf, const struct settings *base, struct sources *sources,
                          struct app_spf_groups *out) {
    struct app_spf_groups groups = {.items = calloc(base->n_groups + 1, sizeof *groups.items)};
    enum status status = groups.items != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < base->n_groups && status == STATUS_OK; i++)
        if (base->groups[i].spf != NULL)
            status = begin_group(spf, &base->groups[i], sources, &groups.items[groups.n++]);
    if (status == STATUS_OK)
        *out = groups;
    else
        app_spf_groups_free(&groups);
    return status;
}

/* What is being asked for the old configuration ends unheard. */
void app_spf_use(struct app_spf *spf, struct app_spf_groups *next, int64_t now_ns) {
    app_spf_groups_free(&spf->now);
    spf->now = *next;
    spf->n_running = 0;
    spf->wake_ns = now_ns;
    for (size_t i = 0; i < spf->now.n; i++)
        spf->now.items[i].next_ns = now_ns;
    *next = (struct app_spf_groups){.items = NULL};
}

/* ---- what is told ---- */

static void log_ranges(const struct app_spf_group *group, const struct source_set *before,
                       const struct source_set *set) {
    char came[SPF_SET_TEXT_SIZE];
    char gone[SPF_SET_TEXT_SIZE];
    char ranges[HUMAN_SIZE];
    char ranges_before[HUMAN_SIZE];
    char count[HUMAN_SIZE];
    char count_before[HUMAN_SIZE];
    bool first = before == NULL;
    (void)spf_set_missing(set, before, came);
    (void)spf_set_missing(before, set, gone);
    (void)snprintf(ranges, sizeof ranges, "%zu", set->n_ranges);
    (void)snprintf(ranges_before, sizeof ranges_before, "%zu", first ? 0 : before->n_ranges);
    (void)snprintf(count, sizeof count, "%llu", (unsigned long long)spf_set_count_v4(set));
    (void)snprintf(count_before, sizeof count_before, "%llu", (unsigned long long)spf_set_count_v4(before));
    log_write(LOG_INFO,
              first ? "a group has its ranges out of an SPF record"
                    : "an SPF record has changed: so have the ranges of a group",
              "group", group->name, "domain", group->about.domain, "ranges", ranges, "ranges_before",
              first ? NULL : ranges_before, "ipv4_addresses", count, "ipv4_addresses_before",
              first ? NULL : count_before, "came", came[0] != '\0' ? came : NULL, "gone",
              gone[0] != '\0' ? gone : NULL, NULL);
}

static void log_unfollowed(struct app_spf_group *group, const char *terms) {
    uint64_t hash = terms[0] != '\0' ? pack_hash(terms, strlen(terms)) : 0;
    if (hash != 0 && hash != group->unfollowed)
        log_write(
            LOG_WARN,
            "an SPF record has terms that are not followed: senders that only they name are not watched",
            "group", group->name, "domain", group->about.domain, "terms", terms, NULL);
    group->unfollowed = hash;
}

static void log_left_out(struct app_spf_group *group, const char *ranges) {
    uint64_t hash = ranges[0] != '\0' ? pack_hash(ranges, strlen(ranges)) : 0;
    if (hash != 0 && hash != group->left_out)
        log_write(
            LOG_WARN,
            "an SPF record names private or other special ranges: no mail comes from them, and they are "
            "not watched",
            "group", group->name, "domain", group->about.domain, "ranges", ranges, NULL);
    group->left_out = hash;
}

static void log_failure(const struct app_spf_group *group, bool has_set, const char *why) {
    char since[RFC3339_SIZE] = "";
    char age[HUMAN_SIZE] = "";
    char retry[HUMAN_SIZE];
    int64_t wall_ns = clock_wall_ns();
    if (has_set) {
        (void)rfc3339_format(group->about.good_ns, since);
        double seconds = (double)(wall_ns - group->about.good_ns) / (double)SECOND_NS;
        (void)human_time(seconds > 0 ? seconds : 0, age);
    }
    log_write(LOG_WARN,
              has_set ? "an SPF record cannot be used: its last good ranges are kept"
                      : "an SPF record cannot be used: its group has no ranges from it",
              "group", group->name, "domain", group->about.domain, "error", why, "last_good",
              has_set ? since : NULL, "age", has_set ? age : NULL, "retry_in",
              human_duration(group->pause_ns, retry), NULL);
}

/* ---- ends ---- */

static void end(struct app_spf *spf, struct app_spf_group *group, int64_t wait_ns, int64_t now_ns) {
    spf_free(group->running);
    group->running = NULL;
    group->number = 0;
    group->next_ns = now_ns + wait_ns;
    spf->n_running--;
    spf->wake_ns = now_ns;
}

/* The ranges of another domain are of no use any more when this one has failed. */
static void drop_foreign(const struct app_spf *spf, struct app_spf_group *group) {
    struct source_set none;
    if (!group->is_foreign)
        return;
    source_set_init(&none);
    group->is_foreign = !app_sources_put(spf->sources, group->name, SOURCE_SPF, &none, clock_wall_ns());
    if (spf->store != NULL)
        (void)app_store_forget_kept(spf->store, group->name, KEPT_SPF);
}

static void give_up(struct app_spf *spf, struct app_spf_group *group, enum spf_state kind, const char *why,
                    int64_t now_ns) {
    group->pause_ns = group->pause_ns == 0 ? RETRY_NS : 2 * group->pause_ns;
    if (group->pause_ns > RETRY_MOST_NS)
        group->pause_ns = RETRY_MOST_NS;
    drop_foreign(spf, group);
    if (group->told != kind)
        log_failure(group, group->about.good_ns != 0, why);
    group->told = kind;
    end(spf, group, group->pause_ns, now_ns);
}

static void keep(const struct app_spf *spf, const struct app_spf_group *group) {
    struct buf bytes;
    const struct source_set *set = sources_find(spf->sources->now, group->name, SOURCE_SPF);
    if (spf->store == NULL || set == NULL)
        return;
    buf_init(&bytes, KEPT_SIZE);
    spf_set_pack(&group->about, set, &bytes);
    if (buf_status(&bytes) != STATUS_OK ||
        !app_store_keep(spf->store, group->name, KEPT_SPF, bytes.data, bytes.len))
        log_write(LOG_ERROR, "not enough memory to keep the ranges of a group: the next start may lack them",
                  "group", group->name, NULL);
    buf_release(&bytes);
}

static enum status make_set(const struct spf *running, struct source_set *out) {
    size_t n = 0;
    enum status status = STATUS_OK;
    const struct ip_range *ranges = spf_ranges(running, &n);
    source_set_init(out);
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        status = source_set_add_range(out, &ranges[i]);
    if (status == STATUS_OK)
        source_set_finish(out);
    return status;
}

/* What of a record's set is watched: false: nothing, for `why`. */
static bool bound_set(const struct app_spf_group *group, struct source_set *set,
                      char left_out[SPF_SET_TEXT_SIZE], char why[WHY_SIZE]) {
    char reason[SPF_SET_WHY_SIZE];
    const char *unfollowed = spf_not_followed(group->running);
    bool is_bounded = spf_set_bound(set, left_out, reason);
    if (is_bounded && set->n_ranges > 0)
        return true;
    if (!is_bounded)
        (void)snprintf(why, WHY_SIZE, "%s: %s", group->about.domain, reason);
    else
        (void)snprintf(why, WHY_SIZE, "%s: its record names no addresses%s%s%s%s", group->about.domain,
                       left_out[0] != '\0' ? " that mail comes from, only " : "", left_out,
                       unfollowed[0] != '\0' ? ", and these terms are not followed: " : "", unfollowed);
    return false;
}

/* Hands the set over; false: no memory. */
static bool use_set(const struct app_spf *spf, struct app_spf_group *group, struct source_set *set) {
    int64_t wall_ns = clock_wall_ns();
    const struct source_set *before = sources_find(spf->sources->now, group->name, SOURCE_SPF);
    bool differs = before == NULL || !source_set_equal(before, set);
    if (differs)
        log_ranges(group, before, set);
    if (!app_sources_put(spf->sources, group->name, SOURCE_SPF, set, wall_ns))
        return false;
    group->about.good_ns = wall_ns;
    if (differs || group->about.changed_ns == 0)
        group->about.changed_ns = wall_ns;
    group->is_foreign = false;
    return true;
}

static void succeed(struct app_spf *spf, struct app_spf_group *group, int64_t now_ns) {
    struct source_set set;
    char left_out[SPF_SET_TEXT_SIZE];
    char why[WHY_SIZE] = "not enough memory for its ranges";
    bool has_memory = make_set(group->running, &set) == STATUS_OK;
    bool is_usable = has_memory && bound_set(group, &set, left_out, why);
    bool ok = is_usable && use_set(spf, group, &set);
    source_set_release(&set);
    if (!ok) {
        give_up(spf, group, has_memory && !is_usable ? SPF_PERMANENT : SPF_TEMPORARY, why, now_ns);
        return;
    }
    log_unfollowed(group, spf_not_followed(group->running));
    log_left_out(group, left_out);
    if (group->told != SPF_GOOD)
        log_write(LOG_INFO, "an SPF record can be used again", "group", group->name, "domain",
                  group->about.domain, NULL);
    group->told = SPF_GOOD;
    group->pause_ns = 0;
    keep(spf, group);
    end(spf, group, DAY_NS, now_ns);
}

/* ---- asking ---- */

/* Goes on with what `running` needs, or ends it. */
static void go_on(struct app_spf *spf, struct app_spf_group *group, int64_t now_ns) {
    switch (spf_state(group->running)) {
    case SPF_GOOD: succeed(spf, group, now_ns); return;
    case SPF_PERMANENT:
    case SPF_TEMPORARY:
        give_up(spf, group, spf_state(group->running), spf_error(group->running), now_ns);
        return;
    case SPF_ASKS: break;
    }
    uint64_t number = ++spf->last_number;
    enum status status = app_question_put(spf->question, APP_QUESTION_SPF, number, QUERY_TXT,
                                          spf_question(group->running), now_ns);
    group->number = status == STATUS_OK ? number : 0;
}

static void on_end(void *context, uint64_t number, const struct question_end *question, int64_t now_ns) {
    struct app_spf *spf = context;
    for (size_t i = 0; i < spf->now.n; i++) {
        struct app_spf_group *group = &spf->now.items[i];
        if (group->running == NULL || group->number != number)
            continue;
        spf_answer(group->running, question);
        go_on(spf, group, now_ns);
        return;
    }
}

static void look_up(struct app_spf *spf, struct app_spf_group *group, int64_t now_ns) {
    enum status status = spf_new(group->about.domain, &group->running);
    spf->n_running++;
    if (status == STATUS_OK)
        go_on(spf, group, now_ns);
    else /* the configuration has made sure that it is a name */
        give_up(spf, group, SPF_TEMPORARY, "not enough memory to look it up", now_ns);
}

void app_spf_init(struct app_spf *spf, struct app_question *question, struct app_sources *sources) {
    *spf = (struct app_spf){.question = question, .sources = sources, .wake_ns = INT64_MAX};
    app_question_on_end(question, APP_QUESTION_SPF, on_end, spf);
}

void app_spf_turn(struct app_spf *spf, int64_t now_ns) {
    if (spf->wake_ns > now_ns)
        return;
    spf->wake_ns = INT64_MAX;
    for (size_t i = 0; i < spf->now.n; i++) {
        struct app_spf_group *group = &spf->now.items[i];
        if (group->running == NULL && group->next_ns <= now_ns && spf->n_running < RUNNING)
            look_up(spf, group, now_ns);
        else if (group->running != NULL && group->number == 0)
            go_on(spf, group, now_ns);
        int64_t next_ns = INT64_MAX;
        if (group->running != NULL && group->number == 0)
            next_ns = now_ns + SECOND_NS; /* there was no room */
        else if (group->running == NULL && group->next_ns > now_ns)
            next_ns = group->next_ns;
        if (next_ns < spf->wake_ns)
            spf->wake_ns = next_ns;
    }
}
