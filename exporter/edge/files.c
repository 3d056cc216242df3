/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/files_internal.h"

#include "edge/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TORN_MOST = 25 };
#define RETRY_NS INT64_C(1000000000)

/* --- The sets --- */

struct files *files_new(struct loop *loop, files_handler *handler, void *context) {
    struct files *files = calloc(1, sizeof *files);
    if (!files)
        return NULL;
    files->loop = loop;
    files->handler = handler;
    files->context = context;
    files->due_ns = INT64_MIN;
    files->inotify_fd = -1;
    return files;
}

static void release_set(struct files_set *set) {
    for (size_t i = 0; i < set->n_patterns; i++) {
        free(set->patterns[i].text);
        free(set->patterns[i].pieces);
    }
    for (size_t i = 0; i < set->n_entries; i++)
        free(set->entries[i].path);
    free(set->patterns);
    free(set->entries);
}

void files_free(struct files *files) {
    if (!files)
        return;
    files_told_close(files);
    for (size_t i = 0; i < files->n_sets; i++)
        release_set(&files->sets[i]);
    free(files->sets);
    free(files);
}

void files_succeed(struct files *files, struct files *before) {
    files->predecessor = before;
}

static enum status copy_pattern(const char *text, struct files_pattern *out) {
    out->text = strdup(text);
    out->pieces = strdup(text);
    if (!out->text || !out->pieces)
        return STATUS_NO_MEMORY;
    for (char *slash = strchr(out->pieces, '/'); slash; slash = strchr(slash + 1, '/'))
        *slash = '\0';
    return STATUS_OK;
}

enum status files_add(struct files *files, const char *const *patterns, size_t n, size_t *set) {
    struct files_set *sets = realloc(files->sets, (files->n_sets + 1) * sizeof *sets);
    if (!sets)
        return STATUS_NO_MEMORY;
    files->sets = sets;
    struct files_set fresh = {.patterns = calloc(n + 1, sizeof *fresh.patterns)};
    enum status status = fresh.patterns ? STATUS_OK : STATUS_NO_MEMORY;
    for (; status == STATUS_OK && fresh.n_patterns < n; fresh.n_patterns++)
        status = copy_pattern(patterns[fresh.n_patterns], &fresh.patterns[fresh.n_patterns]);
    if (status != STATUS_OK) {
        release_set(&fresh);
        return status;
    }
    *set = files->n_sets;
    sets[files->n_sets++] = fresh;
    return STATUS_OK;
}

/* --- One file --- */

static void look_again(struct files *files, int64_t in_ns) {
    if (files->due_ns > files->now_ns + in_ns)
        files->due_ns = files->now_ns + in_ns;
}

static void starve(struct files *files) {
    files->starved = true;
    look_again(files, RETRY_NS);
}

/* Tells of a loss, of each reason once. */
static void lose(struct files *files, size_t set, struct files_entry *entry, int lost, const char *why) {
    char text[FILES_WHY_SIZE];
    if (entry->lost == lost)
        return;
    entry->lost = lost;
    entry->is_read = false;
    const struct files_news news = {
        .set = set, .what = FILES_LOST, .path = entry->path, .why = why ? why : files_lost_text(lost, text)};
    if (!files->handler(files->context, &news))
        starve(files);
}

static int64_t wall_of(const struct timespec *time) {
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* Whether the file was written to just now. A clock that stands before the file's time says nothing. */
static bool is_young(const struct files_stamp *stamp) {
    int64_t age_ns = clock_wall_ns() - wall_of(&stamp->modified);
    return age_ns >= 0 && age_ns < FILES_SETTLE_NS;
}

/* Whether so little is left of a file that its writer may just have begun. */
static bool is_doubtful(const struct files_entry *entry, const struct files_stamp *now) {
    return entry->is_read && now->size < entry->stamp.size && now->inode == entry->stamp.inode &&
           now->device == entry->stamp.device;
}

/* How long a file may be waited for that is not as it was read. */
static int64_t patience_for(const struct files *files, const struct files_entry *entry,
                            const struct files_stamp *now) {
    enum files_told told = files_told_of(files, entry);
    bool is_fresh = files->now_ns - entry->seen_ns < FILES_POLL_NS;
    if (told == FILES_TOLD_OPEN || (told == FILES_TOLD_MADE && now->size == 0))
        return FILES_WRITER_NS;
    if (told == FILES_TOLD_NOTHING && is_fresh && is_doubtful(entry, now))
        return FILES_WRITER_NS;
    return entry->is_read && is_young(now) ? FILES_PATIENCE_NS : 0;
}

static bool may_wait(struct files *files, struct files_entry *entry, const struct files_stamp *now) {
    if (!files_stamp_equal(now, &entry->seen)) {
        entry->seen = *now;
        entry->seen_ns = files->now_ns;
    }
    int64_t patience_ns = patience_for(files, entry, now);
    if (patience_ns == 0 || entry->restless_ns == 0)
        entry->restless_ns = patience_ns == 0 ? 0 : files->now_ns;
    if (patience_ns == FILES_PATIENCE_NS)
        look_again(files, FILES_SETTLE_NS); /* of the end of other waits an event tells */
    return files->now_ns - entry->restless_ns < patience_ns;
}

static void take(struct files *files, size_t set, struct files_entry *entry, const char *text, size_t len) {
    const struct files_news news = {.set = set,
                                    .what = FILES_READ,
                                    .path = entry->path,
                                    .text = text,
                                    .len = len,
                                    .modified_wall_ns = wall_of(&entry->stamp.modified)};
    uint64_t hash = files_hash(text, len);
    bool is_taken = (entry->is_read && hash == entry->hash) || files->handler(files->context, &news);
    entry->hash = hash;
    entry->is_read = is_taken;
    entry->lost = 0;
    entry->n_torn = 0;
    entry->restless_ns = 0;
    entry->again = !is_taken || is_young(&entry->stamp);
    if (!is_taken) {
        starve(files);
        return;
    }
    entry->read_look = files->n_looks;
    if (entry->again)
        look_again(files, FILES_SETTLE_NS);
}

static void read_entry(struct files *files, size_t set, struct files_entry *entry) {
    char *text = NULL;
    size_t len = 0;
    int lost = files_read_one(entry->path, &text, &len, &entry->stamp);
    entry->again = false;
    if (lost == 0) {
        take(files, set, entry, text, len);
    } else if (lost == ENOMEM) {
        entry->again = true;
        starve(files);
    } else if (lost == FILES_LOST_TORN && ++entry->n_torn < TORN_MOST) {
        entry->again = true;
        look_again(files, FILES_SETTLE_NS);
    } else {
        lose(files, set, entry, lost, NULL);
    }
    if (text)
        explicit_bzero(text, len); /* it may be a key */
    free(text);
}

static void look_at(struct files *files, size_t set, struct files_entry *entry) {
    struct stat about;
    files_watch_entry(files, entry);
    if (stat(entry->path, &about) != 0) {
        lose(files, set, entry, errno == ENOENT || errno == ENOTDIR ? FILES_LOST_GONE : errno, NULL);
        return;
    }
    if (!S_ISREG(about.st_mode)) {
        lose(files, set, entry, FILES_LOST_KIND, NULL); /* to open a device may do something */
        return;
    }
    struct files_stamp now = files_stamp_of(&about);
    if (entry->is_read && !entry->again && files_stamp_equal(&now, &entry->stamp))
        return;
    if (files->n_looks == 1 && files->predecessor && files_told_before(files, entry))
        lose(files, set, entry, FILES_LOST_WRITTEN, NULL);
    if (!may_wait(files, entry, &now))
        read_entry(files, set, entry);
}

/* --- All files --- */

/* Of a file that no pattern finds any more: perhaps because its folder cannot be looked into. */
static void drop_entry(struct files *files, size_t set, struct files_entry *entry) {
    const char *trouble = NULL;
    for (size_t i = 0; i < files->sets[set].n_patterns && !trouble; i++)
        trouble = files_trouble(files, set, i);
    if (entry->is_read || entry->lost != FILES_LOST_GONE) {
        char why[FILES_WHY_SIZE + 32];
        (void)snprintf(why, sizeof why, "cannot be found: %s", trouble ? trouble : "");
        lose(files, set, entry, FILES_LOST_GONE, trouble ? why : NULL);
    }
    free(entry->path);
}

/* Makes the entries those of `paths`, whose texts it takes over. */
static enum status match_entries(struct files *files, size_t s, struct files_paths *paths) {
    struct files_set *set = &files->sets[s];
    struct files_entry *fresh = calloc(paths->n + 1, sizeof *fresh);
    struct files_entry *old = set->entries;
    struct files_entry *end = old + set->n_entries;
    if (!fresh)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < paths->n; i++) {
        while (old < end && strcmp(old->path, paths->items[i]) < 0)
            drop_entry(files, s, old++);
        if (old < end && strcmp(old->path, paths->items[i]) == 0) {
            fresh[i] = *old++;
        } else {
            fresh[i].path = paths->items[i];
            paths->items[i] = NULL;
        }
    }
    while (old < end)
        drop_entry(files, s, old++);
    free(set->entries);
    set->entries = fresh;
    set->n_entries = paths->n;
    return STATUS_OK;
}

static enum status look_at_set(struct files *files, size_t s) {
    struct files_set *set = &files->sets[s];
    struct files_paths paths = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < set->n_patterns && status == STATUS_OK; i++)
        status = files_watch_pattern(files, &set->patterns[i]);
    if (status == STATUS_OK)
        status = files_glob_set(set, &paths);
    if (status == STATUS_OK)
        status = match_entries(files, s, &paths);
    files_paths_release(&paths);
    for (size_t i = 0; i < set->n_entries; i++)
        look_at(files, s, &set->entries[i]);
    return status;
}

int64_t files_turn(struct files *files, int64_t now_ns) {
    int64_t hear_ns = files_told_listen(files, now_ns);
    if (now_ns < files->due_ns)
        return files->due_ns < hear_ns ? files->due_ns : hear_ns;
    files_told_take(files, now_ns);
    if (files->predecessor)
        files_told_take(files->predecessor, now_ns);
    files->n_looks++;
    files->now_ns = now_ns;
    files->due_ns = now_ns + FILES_POLL_NS;
    files->starved = false;
    files_watch_begin(files);
    for (size_t i = 0; i < files->n_sets; i++)
        if (look_at_set(files, i) != STATUS_OK)
            starve(files);
    files_watch_end(files);
    files->predecessor = NULL;
    return files->due_ns < hear_ns ? files->due_ns : hear_ns;
}

void files_hurry(struct files *files) {
    files->due_ns = INT64_MIN;
}

int64_t files_due_ns(const struct files *files) {
    return files->is_deaf && files->deaf_until_ns < files->due_ns ? files->deaf_until_ns : files->due_ns;
}

bool files_starved(const struct files *files) {
    return files->starved;
}

size_t files_matches(const struct files *files, size_t set, size_t i) {
    return files->sets[set].patterns[i].n_matches;
}

const char *files_trouble(const struct files *files, size_t set, size_t i) {
    const char *text = files->sets[set].patterns[i].trouble;
    return text[0] != '\0' ? text : NULL;
}

size_t files_omitted(const struct files *files, size_t set) {
    return files->sets[set].n_omitted;
}

const char *files_blind(const struct files *files) {
    return files->blind[0] != '\0' ? files->blind : NULL;
}
