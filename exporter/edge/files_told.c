/* SPDX-License-Identifier: Apache-2.0
 *
 * An event says that it is time to look, and whether somebody is writing: IN_MODIFY without the
 * IN_CLOSE_WRITE that follows. The former comes with each write to any file of the folder, so it begins no
 * look, and after each reading of events the next waits for HUSH_NS.
 */
#include "edge/files_internal.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdalign.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define HUSH_NS (FILES_SETTLE_NS / 2)
enum { READS_MOST = 64 }; /* a megabyte, more than the kernel keeps */

/* --- What was told of names --- */

static struct files_event *find_event(const struct files *files, const struct files_name *name) {
    for (size_t i = 0; i < FILES_EVENTS; i++) {
        const struct files_event *event = &files->events[i];
        if (event->told != FILES_TOLD_NOTHING && event->name.wd == name->wd && event->name.hash == name->hash)
            return (struct files_event *)event;
    }
    return NULL;
}

static enum files_told meaning_of(uint32_t mask) {
    if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
        return FILES_TOLD_WHOLE;
    if (mask & IN_MODIFY)
        return FILES_TOLD_OPEN;
    return mask & IN_CREATE ? FILES_TOLD_MADE : FILES_TOLD_NOTHING;
}

/* Of those too many the oldest is forgotten. */
static void note(struct files *files, struct files_name name, enum files_told told) {
    struct files_event *about = find_event(files, &name);
    if (about == NULL)
        about = &files->events[files->next_event++ % FILES_EVENTS];
    *about = (struct files_event){name, told, files->n_looks};
}

enum files_told files_told_of(const struct files *files, const struct files_entry *entry) {
    const struct files_event *event = entry->name.wd >= 0 ? find_event(files, &entry->name) : NULL;
    return event != NULL && event->look >= entry->read_look ? event->told : FILES_TOLD_NOTHING;
}

static const struct files_entry *find_entry(const struct files_set *set, const char *path) {
    size_t from = 0;
    size_t to = set->n_entries;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = strcmp(set->entries[middle].path, path);
        if (order == 0)
            return &set->entries[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

bool files_told_before(struct files *files, const struct files_entry *entry) {
    bool is_open = false;
    for (size_t i = 0; !is_open && entry->name.wd >= 0 && i < files->predecessor->n_sets; i++) {
        const struct files_entry *old = find_entry(&files->predecessor->sets[i], entry->path);
        is_open = old != NULL && files_told_of(files->predecessor, old) == FILES_TOLD_OPEN;
    }
    if (is_open)
        note(files, entry->name, FILES_TOLD_OPEN);
    return is_open;
}

/* --- Events --- */

static bool is_about(const struct files_watch *watch, const struct inotify_event *event, uint64_t hash) {
    if (watch->wd != event->wd)
        return false;
    if (watch->hash != 0)
        return watch->hash == hash;
    return watch->name == NULL || fnmatch(watch->name, event->name, 0) == 0;
}

/* Takes an event; whether it is time to look. What has no name is about a folder itself or lost events. */
static bool take_event(struct files *files, const struct inotify_event *event) {
    if (event->mask & IN_Q_OVERFLOW)
        memset(files->events, 0, sizeof files->events);
    if (event->len == 0)
        return (event->mask & IN_IGNORED) == 0;
    uint64_t hash = files_hash(event->name, strlen(event->name));
    bool is_ours = false;
    for (size_t i = 0; !is_ours && i < files->n_watches; i++)
        is_ours = is_about(&files->watches[i], event, hash);
    if (is_ours && (event->mask & (IN_ATTRIB | IN_ISDIR)) == 0)
        note(files, (struct files_name){event->wd, hash}, meaning_of(event->mask));
    return is_ours && (event->mask & IN_MODIFY) == 0;
}

static bool take_events(struct files *files) {
    alignas(struct inotify_event) char bytes[16 * 1024];
    bool ours = false;
    for (int i = 0; i < READS_MOST; i++) {
        ssize_t n = read(files->inotify_fd, bytes, sizeof bytes);
        if (n <= 0)
            break;
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            ours = take_event(files, event) || ours;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    return ours;
}

void files_told_take(struct files *files, int64_t now_ns) {
    if (files->inotify_fd >= 0 && take_events(files) && files->due_ns > now_ns + FILES_SETTLE_NS)
        files->due_ns = now_ns + FILES_SETTLE_NS;
}

static void on_events(void *context, int fd, unsigned events, int64_t now_ns) {
    struct files *files = context;
    (void)events;
    files_told_take(files, now_ns);
    files->is_deaf = loop_watch(files->loop, fd, 0, on_events, files) == STATUS_OK;
    files->deaf_until_ns = now_ns + HUSH_NS;
}

int64_t files_told_listen(struct files *files, int64_t now_ns) {
    if (files->inotify_fd < 0 || !files->is_deaf)
        return INT64_MAX;
    if (now_ns < files->deaf_until_ns)
        return files->deaf_until_ns;
    files->is_deaf = loop_watch(files->loop, files->inotify_fd, LOOP_READ, on_events, files) != STATUS_OK;
    if (!files->is_deaf)
        return INT64_MAX;
    files->deaf_until_ns = now_ns + HUSH_NS;
    return files->deaf_until_ns;
}

void files_told_open(struct files *files, const char **why) {
    files->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    files->is_deaf = false;
    if (files->inotify_fd < 0) {
        *why = strerror(errno);
    } else if (loop_watch(files->loop, files->inotify_fd, LOOP_READ, on_events, files) != STATUS_OK) {
        *why = "the loop takes no more";
        files_told_close(files);
    }
}

void files_told_close(struct files *files) {
    if (files->inotify_fd < 0)
        return;
    enum status stopped = loop_watch(files->loop, files->inotify_fd, 0, on_events, files);
    (void)stopped; /* to stop watching cannot fail */
    (void)close(files->inotify_fd);
    files->inotify_fd = -1;
}
