/* SPDX-License-Identifier: Apache-2.0 */
#include "app_files_internal.h"

#include "edge/clock.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STALE_LEAST_NS (INT64_C(6) * 3600 * 1000000000)
#define RETRY_NS (INT64_C(10) * 1000000000)
enum { STALE_INTERVALS = 3 };

/* --- Telling --- */

void app_files_sayf(const struct app_files *f, enum log_level level, const struct file_group *g,
                    const char *file, uint32_t line, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    f->say(f->context, level, g->group->name, file, line, text);
}

void app_files_log(void *context, enum log_level level, const char *group, const char *file, uint32_t line,
                   const char *text) {
    char place[16];
    (void)context;
    (void)snprintf(place, sizeof place, "%u", line);
    log_write(level, text, "group", group, "file", file, "place", line > 0 ? place : NULL, NULL);
}

/* Tells what of the patterns has to be corrected. */
static void tell_patterns(const struct app_files *f, const struct file_group *g) {
    for (size_t i = 0; i < g->group->n_files; i++) {
        const char *trouble = files_trouble(f->files, g->set, i);
        bool any = files_matches(f->files, g->set, i) > 0;
        if (!any || trouble != NULL)
            app_files_sayf(f, LOG_WARN, g, g->group->files[i], 0, "%s%s%s",
                           any ? "there may be more such files" : "there is no such file",
                           trouble ? ": " : "", trouble ? trouble : "");
    }
}

static void tell_limits(struct app_files *f) {
    for (size_t i = 0; i < f->n_groups; i++) {
        struct file_group *g = &f->groups[i];
        size_t n = files_omitted(f->files, g->set);
        if (n > 0 && n != g->n_omitted)
            app_files_sayf(f, LOG_WARN, g, NULL, 0,
                           "the files of a group are more than %d: the last %zu, by name, are left out",
                           FILES_MAX, n);
        g->n_omitted = n;
    }
    const char *blind = files_blind(f->files);
    if (blind != NULL && strcmp(blind, f->blind) != 0)
        app_files_sayf(
            f, LOG_WARN, &f->groups[0], NULL, 0,
            "changes of files may be noticed only within a minute, for they cannot all be watched: %s",
            blind);
    (void)snprintf(f->blind, sizeof f->blind, "%s", blind != NULL ? blind : "");
}

/* --- What the files hold --- */

static bool on_read(struct app_files *f, struct file_group *g, const struct files_news *news) {
    struct file_refusal why;
    struct source_set set;
    const struct kept_file *old = app_files_find(g, news->path);
    const char *state = old == NULL ? "a new file was read" : "the file was read again";
    if (old != NULL && old->lost_ns != INT64_MAX)
        state = "the file is back and was read";
    enum status status = app_files_read(f, g, news, &set, &why);
    if (status == STATUS_INVALID)
        return app_files_lose(f, g, news->path, why.text) == STATUS_OK;
    size_t n_addresses = set.n_addresses;
    size_t n_ranges = set.n_ranges;
    if (status == STATUS_OK)
        status = app_files_hold(g, news->path, &set, news->modified_wall_ns, INT64_MAX);
    source_set_release(&set);
    if (status == STATUS_OK && !f->is_opening)
        app_files_sayf(f, LOG_INFO, g, news->path, 0, "%s: %zu addresses, %zu ranges", state, n_addresses,
                       n_ranges);
    if (status != STATUS_OK && !f->is_opening)
        app_files_sayf(f, LOG_ERROR, g, news->path, 0,
                       "not enough memory for what the file holds: it is read again in a second");
    return status == STATUS_OK;
}

static bool on_news(void *context, const struct files_news *news) {
    struct app_files *f = context;
    struct file_group *g = &f->groups[news->set];
    return news->what == FILES_READ ? on_read(f, g, news)
                                    : app_files_lose(f, g, news->path, news->why) == STATUS_OK;
}

/* All that the files of the group hold, sorted, each once. */
static enum status unite(const struct file_group *g, struct source_set *out) {
    enum status status = STATUS_OK;
    source_set_init(out);
    for (size_t i = 0; i < g->n_kept && status == STATUS_OK; i++) {
        const struct source_set *set = &g->kept[i].set;
        for (size_t k = 0; k < set->n_addresses && status == STATUS_OK; k++)
            status = source_set_add_address(out, &set->addresses[k]);
        for (size_t k = 0; k < set->n_ranges && status == STATUS_OK; k++)
            status = source_set_add_range(out, &set->ranges[k]);
    }
    if (status == STATUS_OK)
        source_set_finish(out);
    else
        source_set_release(out);
    return status;
}

/* --- Opening --- */

static const struct file_group *group_of(const struct app_files *f, const char *name) {
    for (size_t i = 0; f != NULL && i < f->n_groups; i++)
        if (strcmp(f->groups[i].group->name, name) == 0)
            return &f->groups[i];
    return NULL;
}

static enum status add_group(struct app_files *f, const struct settings *base, const struct group *group,
                             const struct app_files *before) {
    struct file_group *g = &f->groups[f->n_groups];
    int64_t auto_ns = STALE_INTERVALS * group->interval_ns;
    *g = (struct file_group){.group = group, .before = group_of(before, group->name)};
    g->stale_ns = auto_ns > STALE_LEAST_NS ? auto_ns : STALE_LEAST_NS;
    if (base->defaults.stale_after_ns > 0)
        g->stale_ns = base->defaults.stale_after_ns;
    if (g->before != NULL)
        g->changed_wall_ns = g->before->changed_wall_ns;
    enum status status = files_add(f->files, group->files, group->n_files, &g->set);
    if (status != STATUS_OK)
        return status;
    assert(g->set == f->n_groups);
    f->n_groups++;
    return STATUS_OK;
}

static enum status read_all(struct app_files *f) {
    enum status status = STATUS_OK;
    f->is_opening = true;
    (void)files_turn(f->files, f->now_ns);
    if (files_starved(f->files))
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < f->n_groups && status == STATUS_OK; i++) {
        status = app_files_carry(f, &f->groups[i]);
        f->groups[i].before = NULL;
        tell_patterns(f, &f->groups[i]);
    }
    f->is_opening = false;
    tell_limits(f);
    return status;
}

enum status app_files_open(const struct settings *base, struct loop *loop, const struct app_files *before,
                           app_files_say *say, void *context, int64_t now_ns, struct app_files **out) {
    size_t n = 0;
    for (size_t i = 0; i < base->n_groups; i++)
        n += base->groups[i].n_files > 0;
    *out = NULL;
    if (n == 0)
        return STATUS_OK;
    struct app_files *f = calloc(1, sizeof *f);
    enum status status = STATUS_NO_MEMORY;
    if (f == NULL)
        return status;
    *f = (struct app_files){
        .say = say, .context = context, .now_ns = now_ns, .wake_ns = INT64_MIN, .retry_ns = INT64_MIN};
    f->groups = calloc(n, sizeof *f->groups);
    f->files = files_new(loop, on_news, f);
    if (f->groups != NULL && f->files != NULL)
        status = STATUS_OK;
    if (status == STATUS_OK && before != NULL)
        files_succeed(f->files, before->files);
    for (size_t i = 0; i < base->n_groups && status == STATUS_OK; i++)
        if (base->groups[i].n_files > 0)
            status = add_group(f, base, &base->groups[i], before);
    if (status == STATUS_OK)
        status = read_all(f);
    if (status == STATUS_OK)
        *out = f;
    else
        app_files_free(f);
    return status;
}

void app_files_free(struct app_files *f) {
    if (f == NULL)
        return;
    files_free(f->files);
    for (size_t i = 0; i < f->n_groups; i++)
        app_files_release_group(&f->groups[i]);
    free(f->groups);
    free(f);
}

/* --- Handing over --- */

static int64_t youngest(const struct file_group *g) {
    int64_t wall_ns = clock_wall_ns();
    int64_t latest_ns = 0;
    for (size_t i = 0; i < g->n_kept; i++)
        if (g->kept[i].modified_wall_ns > latest_ns)
            latest_ns = g->kept[i].modified_wall_ns;
    return latest_ns < wall_ns ? latest_ns : wall_ns;
}

static enum status fill_group(const struct app_files *f, struct file_group *g, const struct source_set *old,
                              struct sources *out) {
    struct source_set set;
    bool ignored;
    enum status status = unite(g, &set);
    if (status != STATUS_OK)
        return status;
    if (old == NULL)
        g->changed_wall_ns = youngest(g);
    else if (!source_set_equal(old, &set))
        g->changed_wall_ns = clock_wall_ns();
    app_files_sayf(f, LOG_INFO, g, NULL, 0, "%zu files were read: %zu addresses, %zu ranges", g->n_kept,
                   set.n_addresses, set.n_ranges);
    g->is_dirty = false;
    status = sources_put(out, g->group->name, SOURCE_FILES, &set, g->changed_wall_ns, &ignored);
    source_set_release(&set);
    return status;
}

enum status app_files_fill(struct app_files *f, const struct sources *before, struct sources *out) {
    enum status status = STATUS_OK;
    for (size_t i = 0; f != NULL && i < f->n_groups && status == STATUS_OK; i++) {
        struct file_group *g = &f->groups[i];
        const struct source_set *old =
            before != NULL ? sources_find(before, g->group->name, SOURCE_FILES) : NULL;
        status = fill_group(f, g, old, out);
    }
    return status;
}

static bool hand_over(struct file_group *g, struct app_sources *sources) {
    struct source_set set;
    const struct source_set *old = sources_find(sources->now, g->group->name, SOURCE_FILES);
    if (unite(g, &set) != STATUS_OK)
        return false;
    bool same = old != NULL && source_set_equal(old, &set);
    int64_t wall_ns = same ? g->changed_wall_ns : clock_wall_ns();
    bool ok = app_sources_put(sources, g->group->name, SOURCE_FILES, &set, wall_ns);
    source_set_release(&set);
    if (ok) {
        g->changed_wall_ns = wall_ns;
        g->is_dirty = false;
    }
    return ok;
}

/* Hands over what has changed; what cannot be for want of memory is left for later. */
static void hand_over_all(struct app_files *f, struct app_sources *sources) {
    bool all = true;
    if (f->now_ns < f->retry_ns)
        return;
    for (size_t i = 0; i < f->n_groups; i++)
        if (f->groups[i].is_dirty)
            all = hand_over(&f->groups[i], sources) && all;
    f->retry_ns = all ? INT64_MIN : f->now_ns + RETRY_NS;
}

int64_t app_files_turn(struct app_files *f, struct app_sources *sources, int64_t now_ns) {
    if (f == NULL)
        return INT64_MAX;
    int64_t due_ns = files_due_ns(f->files);
    if (now_ns < due_ns && now_ns < f->wake_ns)
        return due_ns < f->wake_ns ? due_ns : f->wake_ns;
    f->now_ns = now_ns;
    due_ns = files_turn(f->files, now_ns);
    tell_limits(f);
    for (size_t i = 0; i < f->n_groups; i++)
        app_files_expire(f, &f->groups[i]);
    hand_over_all(f, sources);
    f->wake_ns = f->retry_ns > now_ns ? f->retry_ns : INT64_MAX;
    for (size_t i = 0; i < f->n_groups; i++)
        if (app_files_expiry_ns(&f->groups[i]) < f->wake_ns)
            f->wake_ns = app_files_expiry_ns(&f->groups[i]);
    return due_ns < f->wake_ns ? due_ns : f->wake_ns;
}
