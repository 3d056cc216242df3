/* SPDX-License-Identifier: Apache-2.0
 *
 * Events say only that it is time to look: no map from watches to paths can go stale here. At each look all
 * folders are named to inotify again, which gives the same number for the same folder and a new one where
 * another folder has taken its place.
 */
#include "edge/files_internal.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Not IN_MODIFY: what is being written is looked at when it is closed. */
static const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

static void go_blind(struct files *files, const char *what, const char *why) {
    if (files->blind[0] == '\0')
        (void)snprintf(files->blind, sizeof files->blind, "%.400s: %s", what, why);
}

/* The links of a folder mostly lead to one and the same. */
static bool is_watched(const struct files *files, int wd, const char *name) {
    for (size_t i = 0; i < files->n_watches; i++)
        if (files->watches[i].wd == wd && files->watches[i].name == name)
            return true;
    return false;
}

/* Watches `folder`, of whose names those count that match `name` (NULL: all). One that is not there needs no
 * watch: that it comes is seen in the folder above. One on the way that may not be looked into is hardly ever
 * replaced. */
static void watch_folder(struct files *files, const char *folder, const char *name) {
    if (files->inotify_fd < 0)
        return;
    if (files->n_watches == FILES_WATCHES) {
        go_blind(files, folder, "too many folders to watch");
        return;
    }
    int wd = inotify_add_watch(files->inotify_fd, folder, mask);
    if (wd >= 0 && is_watched(files, wd, name))
        return;
    if (wd >= 0)
        files->watches[files->n_watches++] = (struct files_watch){wd, name};
    else if (errno == ENOSPC)
        go_blind(files, folder, "inotify watches no more folders (fs.inotify.max_user_watches)");
    else if (errno != ENOENT && errno != ENOTDIR && (errno != EACCES || name == NULL))
        go_blind(files, folder, strerror(errno));
}

/* The folders that the first `len` bytes of the pattern name. */
static enum status watch_prefix(struct files *files, const struct files_pattern *pattern, size_t len,
                                const char *name) {
    struct files_paths folders = {0};
    char *prefix = strndup(pattern->text, len);
    enum status status = prefix ? files_glob_folders(prefix, &folders) : STATUS_NO_MEMORY;
    for (size_t i = 0; status == STATUS_OK && i < folders.n; i++)
        watch_folder(files, folders.items[i], name);
    files_paths_release(&folders);
    free(prefix);
    return status;
}

enum status files_watch_pattern(struct files *files, const struct files_pattern *pattern) {
    enum status status = STATUS_OK;
    const char *text = pattern->text;
    if (files->inotify_fd < 0)
        return STATUS_OK;
    const char *last = strrchr(text, '/');
    if (text[0] != '/')
        watch_folder(files, ".", last ? pattern->pieces : NULL);
    for (const char *slash = strchr(text, '/'); slash && status == STATUS_OK;
         slash = strchr(slash + 1, '/')) {
        const char *name = slash == last ? NULL : pattern->pieces + (slash + 1 - text);
        if (name != NULL && name[0] == '\0')
            continue; /* one of several slashes in a row */
        status = slash == text ? STATUS_OK : watch_prefix(files, pattern, (size_t)(slash - text), name);
        if (slash == text)
            watch_folder(files, "/", name);
    }
    return status;
}

void files_watch_link(struct files *files, const char *path) {
    struct stat about;
    if (files->inotify_fd < 0 || lstat(path, &about) != 0 || !S_ISLNK(about.st_mode))
        return;
    char *target = realpath(path, NULL);
    char *slash = target ? strrchr(target, '/') : NULL;
    if (slash) {
        *slash = '\0';
        watch_folder(files, slash == target ? "/" : target, NULL);
    }
    free(target);
}

void files_watch_begin(struct files *files) {
    memcpy(files->before, files->watches, files->n_watches * sizeof files->watches[0]);
    files->n_before = files->n_watches;
    files->n_watches = 0;
    files->blind[0] = '\0';
    if (files->loop != NULL && files->inotify_fd < 0)
        files_watch_open(files);
}

static int compare_watches(const void *a, const void *b) {
    const struct files_watch *left = a;
    const struct files_watch *right = b;
    return (left->wd > right->wd) - (left->wd < right->wd);
}

void files_watch_end(struct files *files) {
    qsort(files->watches, files->n_watches, sizeof files->watches[0], compare_watches);
    for (size_t i = 0; i < files->n_before; i++)
        /* Of a folder that has gone the watch has gone too: nothing to report. */
        if (!bsearch(&files->before[i], files->watches, files->n_watches, sizeof files->watches[0],
                     compare_watches))
            (void)inotify_rm_watch(files->inotify_fd, files->before[i].wd);
}

/* Whether the event is about a name that counts. What has no name is about a folder itself or lost events. */
static bool counts(const struct files *files, const struct inotify_event *event) {
    bool is_ours = event->len == 0 && (event->mask & IN_IGNORED) == 0;
    for (size_t i = 0; !is_ours && event->len > 0 && i < files->n_watches; i++) {
        const struct files_watch *watch = &files->watches[i];
        is_ours = watch->wd == event->wd && (!watch->name || fnmatch(watch->name, event->name, 0) == 0);
    }
    return is_ours;
}

static void on_events(void *context, int fd, unsigned events, int64_t now_ns) {
    struct files *files = context;
    alignas(struct inotify_event) char bytes[16 * 1024];
    bool ours = false;
    (void)events;
    ssize_t n = read(fd, bytes, sizeof bytes);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const void *)(bytes + at);
        ours = ours || counts(files, event);
        at += (ssize_t)(sizeof *event + event->len);
    }
    if (ours && files->due_ns > now_ns + FILES_SETTLE_NS)
        files->due_ns = now_ns + FILES_SETTLE_NS;
}

void files_watch_open(struct files *files) {
    files->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (files->inotify_fd < 0) {
        go_blind(files, "inotify", strerror(errno));
        return;
    }
    if (loop_watch(files->loop, files->inotify_fd, LOOP_READ, on_events, files) != STATUS_OK) {
        go_blind(files, "inotify", "the loop takes no more");
        files_watch_close(files);
    }
}

void files_watch_close(struct files *files) {
    if (files->inotify_fd < 0)
        return;
    enum status stopped = loop_watch(files->loop, files->inotify_fd, 0, on_events, files);
    (void)stopped; /* to stop watching cannot fail */
    (void)close(files->inotify_fd);
    files->inotify_fd = -1;
}
