/* SPDX-License-Identifier: Apache-2.0
 *
 * At each look all folders are named to inotify again, which gives the same number for the same folder and a
 * new one where another folder has taken its place: no map from numbers to paths can go stale here.
 */
#include "edge/files_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { LINKS_MOST = 40 }; /* on the way to a file, as for Linux */

static const uint32_t mask = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                             IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

static void go_blind(struct files *files, const char *what, const char *why) {
    if (files->blind[0] == '\0')
        (void)snprintf(files->blind, sizeof files->blind, "%.400s: %s", what, why);
}

/* The links of a folder mostly lead to one and the same. */
static bool is_watched(const struct files *files, const struct files_watch *watch) {
    for (size_t i = 0; i < files->n_watches; i++)
        if (files->watches[i].wd == watch->wd && files->watches[i].name == watch->name &&
            files->watches[i].hash == watch->hash)
            return true;
    return false;
}

/* Watches `folder`, of whose names those count that struct files_watch tells; its number, or -1. One that is
 * not there needs no watch: that it comes is seen in the folder above. One on the way that may not be looked
 * into is hardly ever replaced. */
static int watch_folder(struct files *files, const char *folder, const char *name, uint64_t hash) {
    if (files->inotify_fd < 0)
        return -1;
    if (files->n_watches == FILES_WATCHES) {
        go_blind(files, folder, "too many folders to watch");
        return -1;
    }
    const struct files_watch watch = {inotify_add_watch(files->inotify_fd, folder, mask), name, hash};
    if (watch.wd >= 0 && !is_watched(files, &watch))
        files->watches[files->n_watches++] = watch;
    else if (watch.wd < 0 && errno == ENOSPC)
        go_blind(files, folder, "inotify watches no more folders (fs.inotify.max_user_watches)");
    else if (watch.wd < 0 && errno != ENOENT && errno != ENOTDIR &&
             (errno != EACCES || (name == NULL && hash == 0)))
        go_blind(files, folder, strerror(errno));
    return watch.wd;
}

/* The number of a folder that is watched for its pattern; -1: it is not. */
static int number_of(struct files *files, const char *folder) {
    int wd = inotify_add_watch(files->inotify_fd, folder, mask);
    for (size_t i = 0; wd >= 0 && i < files->n_watches; i++)
        if (files->watches[i].wd == wd)
            return wd;
    if (wd >= 0)
        (void)inotify_rm_watch(files->inotify_fd, wd);
    return -1;
}

/* --- Symbolic links --- */

/* A path whose links are replaced one by one by what they lead to. */
struct walk {
    char path[PATH_MAX];
    size_t begin; /* of the name that is looked at; what is before has no link that is not watched */
    size_t end;
    unsigned n_links;
};

static const char *folder_of(struct walk *walk) {
    walk->path[walk->begin] = '\0';
    return walk->begin > 0 ? walk->path : ".";
}

/* Watches for the name in its folder. */
static void watch_name(struct files *files, const struct walk *walk) {
    struct walk copy = *walk;
    size_t len = walk->end - walk->begin;
    (void)watch_folder(files, folder_of(&copy), NULL, files_hash(walk->path + walk->begin, len));
}

/* Puts what the link leads to in its place; false: it cannot be known. */
static bool replace_link(struct walk *walk) {
    char target[PATH_MAX];
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%.*s", (int)walk->end, walk->path);
    ssize_t len = readlink(path, target, sizeof target);
    size_t rest = strlen(walk->path + walk->end) + 1;
    if (len <= 0 || ++walk->n_links > LINKS_MOST)
        return false;
    if (target[0] == '/')
        walk->begin = 0;
    if (walk->begin + (size_t)len + rest > sizeof walk->path)
        return false;
    memmove(walk->path + walk->begin + len, walk->path + walk->end, rest);
    memcpy(walk->path + walk->begin, target, (size_t)len);
    return true;
}

/* What the next name of the walk is; false: there is none. */
static bool next_name(struct walk *walk, struct stat *about, int *failure) {
    char path[PATH_MAX];
    walk->begin += strspn(walk->path + walk->begin, "/");
    walk->end = walk->begin + strcspn(walk->path + walk->begin, "/");
    (void)snprintf(path, sizeof path, "%.*s", (int)walk->end, walk->path);
    *failure = lstat(path, about) == 0 ? 0 : errno;
    return walk->end > walk->begin;
}

/* Follows the links from the last name of `path` on, which itself is watched already, and watches the folders
 * of all others and that in which a name is missing. False: it leads nowhere. */
static bool follow(struct files *files, const char *path, struct walk *walk) {
    struct stat about;
    int failure = 0;
    const char *slash = strrchr(path, '/');
    *walk = (struct walk){.begin = slash ? (size_t)(slash + 1 - path) : 0};
    if (strlen(path) >= sizeof walk->path)
        return false;
    memcpy(walk->path, path, strlen(path) + 1);
    while (next_name(walk, &about, &failure)) {
        bool is_link = failure == 0 && S_ISLNK(about.st_mode);
        if ((is_link || failure == ENOENT) && walk->n_links > 0)
            watch_name(files, walk);
        if (failure != 0 || (is_link && !replace_link(walk)))
            return false;
        if (!is_link && walk->path[walk->end] == '\0')
            return true;
        if (!is_link)
            walk->begin = walk->end;
    }
    return false;
}

void files_watch_entry(struct files *files, struct files_entry *entry) {
    struct walk walk;
    entry->name.wd = -1;
    if (files->inotify_fd < 0 || !follow(files, entry->path, &walk))
        return;
    const char *name = walk.path + walk.begin;
    entry->name.hash = files_hash(name, strlen(name));
    entry->name.wd = walk.n_links > 0 ? watch_folder(files, folder_of(&walk), NULL, 0)
                                      : number_of(files, folder_of(&walk));
}

/* --- Patterns --- */

/* The folders that the first `len` bytes of the pattern name. */
static enum status watch_prefix(struct files *files, const struct files_pattern *pattern, size_t len,
                                const char *name) {
    struct files_paths folders = {0};
    char *prefix = strndup(pattern->text, len);
    enum status status = prefix ? files_glob_folders(prefix, &folders) : STATUS_NO_MEMORY;
    for (size_t i = 0; status == STATUS_OK && i < folders.n; i++) {
        struct walk walk;
        (void)watch_folder(files, folders.items[i], name, 0);
        (void)follow(files, folders.items[i], &walk);
    }
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
        (void)watch_folder(files, ".", last ? pattern->pieces : NULL, 0);
    for (const char *slash = strchr(text, '/'); slash && status == STATUS_OK;
         slash = strchr(slash + 1, '/')) {
        const char *name = slash == last ? NULL : pattern->pieces + (slash + 1 - text);
        if (name != NULL && name[0] == '\0')
            continue; /* one of several slashes in a row */
        status = slash == text ? STATUS_OK : watch_prefix(files, pattern, (size_t)(slash - text), name);
        if (slash == text)
            (void)watch_folder(files, "/", name, 0);
    }
    return status;
}

void files_watch_begin(struct files *files) {
    const char *why = NULL;
    memcpy(files->before, files->watches, files->n_watches * sizeof files->watches[0]);
    files->n_before = files->n_watches;
    files->n_watches = 0;
    files->blind[0] = '\0';
    if (files->loop != NULL && files->inotify_fd < 0)
        files_told_open(files, &why);
    if (why != NULL)
        go_blind(files, "inotify", why);
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
