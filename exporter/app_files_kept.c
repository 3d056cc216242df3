/* SPDX-License-Identifier: Apache-2.0 */
#include "app_files_internal.h"

#include "core/rfc3339.h"

#include "edge/clock.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

void app_files_release_group(struct file_group *g) {
    while (g->n_kept > 0)
        app_files_drop(g, &g->kept[g->n_kept - 1]);
    free(g->kept);
}

/* Where the file is, or would be. */
static size_t place_of(const struct file_group *g, const char *path) {
    size_t from = 0;
    size_t to = g->n_kept;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(g->kept[middle].path, path) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct kept_file *app_files_find(const struct file_group *g, const char *path) {
    size_t place = place_of(g, path);
    return place < g->n_kept && strcmp(g->kept[place].path, path) == 0 ? &g->kept[place] : NULL;
}

/* A new one that holds nothing yet. */
static struct kept_file *add_kept(struct file_group *g, const char *path) {
    size_t place = place_of(g, path);
    if (g->n_kept == g->kept_size) {
        size_t size = g->kept_size > 0 ? 2 * g->kept_size : 4;
        struct kept_file *kept = reallocarray(g->kept, size, sizeof *kept);
        if (kept == NULL)
            return NULL;
        g->kept = kept;
        g->kept_size = size;
    }
    char *copy = strdup(path);
    if (copy == NULL)
        return NULL;
    memmove(&g->kept[place + 1], &g->kept[place], (g->n_kept++ - place) * sizeof g->kept[0]);
    g->kept[place] = (struct kept_file){.path = copy};
    source_set_init(&g->kept[place].set);
    return &g->kept[place];
}

enum status app_files_hold(struct file_group *g, const char *path, struct source_set *set,
                           int64_t modified_wall_ns, int64_t lost_ns) {
    struct kept_file *kept = app_files_find(g, path);
    if (kept == NULL)
        kept = add_kept(g, path);
    if (kept == NULL)
        return STATUS_NO_MEMORY;
    source_set_release(&kept->set);
    kept->set = *set;
    source_set_init(set);
    kept->modified_wall_ns = modified_wall_ns;
    kept->lost_ns = lost_ns;
    g->is_dirty = true;
    return STATUS_OK;
}

void app_files_drop(struct file_group *g, struct kept_file *kept) {
    free(kept->path);
    source_set_release(&kept->set);
    size_t behind = g->n_kept - (size_t)(kept - g->kept) - 1;
    memmove(kept, kept + 1, behind * sizeof *kept);
    g->n_kept--;
    g->is_dirty = true;
}

size_t app_files_count(const struct file_group *g) {
    size_t n = 0;
    for (size_t i = 0; i < g->n_kept; i++)
        n += g->kept[i].set.n_addresses + g->kept[i].set.n_ranges;
    return n;
}

/* --- Lost files --- */

static enum status copy_set(const struct source_set *from, struct source_set *out) {
    enum status status = STATUS_OK;
    source_set_init(out);
    for (size_t i = 0; i < from->n_addresses && status == STATUS_OK; i++)
        status = source_set_add_address(out, &from->addresses[i]);
    for (size_t i = 0; i < from->n_ranges && status == STATUS_OK; i++)
        status = source_set_add_range(out, &from->ranges[i]);
    if (status != STATUS_OK)
        source_set_release(out);
    return status;
}

/* Holds what `old`, of the configuration in force, holds, unless that is too old. */
static enum status inherit(const struct app_files *f, struct file_group *g, const struct kept_file *old) {
    struct source_set set;
    int64_t lost_ns = old->lost_ns < f->now_ns ? old->lost_ns : f->now_ns;
    if (f->now_ns - lost_ns >= g->stale_ns)
        return STATUS_OK;
    enum status status = copy_set(&old->set, &set);
    if (status == STATUS_OK)
        status = app_files_hold(g, old->path, &set, old->modified_wall_ns, lost_ns);
    source_set_release(&set);
    return status;
}

static void tell_loss(const struct app_files *f, const struct file_group *g, const struct kept_file *kept,
                      const char *why) {
    char until[RFC3339_SIZE];
    (void)rfc3339_format(clock_wall_ns() + kept->lost_ns + g->stale_ns - f->now_ns, until);
    app_files_sayf(f, LOG_WARN, g, kept->path, 0,
                   "the file %s: what it held last (%zu addresses, %zu ranges) counts until %s", why,
                   kept->set.n_addresses, kept->set.n_ranges, until);
}

enum status app_files_lose(const struct app_files *f, struct file_group *g, const char *path,
                           const char *why) {
    struct kept_file *kept = app_files_find(g, path);
    if (kept == NULL && g->before != NULL) {
        const struct kept_file *old = app_files_find(g->before, path);
        enum status status = old != NULL ? inherit(f, g, old) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        kept = app_files_find(g, path);
    }
    if (kept == NULL) {
        app_files_sayf(f, LOG_WARN, g, path, 0, "the file %s: nothing of it counts", why);
        return STATUS_OK;
    }
    if (kept->lost_ns == INT64_MAX)
        kept->lost_ns = f->now_ns;
    tell_loss(f, g, kept, why);
    return STATUS_OK;
}

/* Whether the patterns of the group still name the file; `*` matches neither a slash nor a leading dot. */
static bool is_named(const struct file_group *g, const char *path) {
    for (size_t i = 0; i < g->group->n_files; i++)
        if (fnmatch(g->group->files[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
            return true;
    return false;
}

enum status app_files_carry(const struct app_files *f, struct file_group *g) {
    enum status status = STATUS_OK;
    for (size_t i = 0; g->before != NULL && i < g->before->n_kept && status == STATUS_OK; i++) {
        const struct kept_file *old = &g->before->kept[i];
        if (app_files_find(g, old->path) != NULL || !is_named(g, old->path))
            continue;
        status = inherit(f, g, old);
        const struct kept_file *kept = app_files_find(g, old->path);
        if (kept != NULL)
            tell_loss(f, g, kept, "is gone");
    }
    return status;
}

int64_t app_files_expiry_ns(const struct file_group *g) {
    int64_t lost_ns = INT64_MAX;
    for (size_t i = 0; i < g->n_kept; i++)
        if (g->kept[i].lost_ns < lost_ns)
            lost_ns = g->kept[i].lost_ns;
    return lost_ns == INT64_MAX ? INT64_MAX : lost_ns + g->stale_ns;
}

void app_files_expire(const struct app_files *f, struct file_group *g) {
    for (size_t i = g->n_kept; i-- > 0;) {
        struct kept_file *kept = &g->kept[i];
        if (kept->lost_ns == INT64_MAX || f->now_ns - kept->lost_ns < g->stale_ns)
            continue;
        char since[RFC3339_SIZE];
        (void)rfc3339_format(clock_wall_ns() - (f->now_ns - kept->lost_ns), since);
        app_files_sayf(f, LOG_WARN, g, kept->path, 0,
                       "the file has been lost since %s: what it held (%zu addresses, %zu ranges) counts no "
                       "longer",
                       since, kept->set.n_addresses, kept->set.n_ranges);
        app_files_drop(g, kept);
    }
}
