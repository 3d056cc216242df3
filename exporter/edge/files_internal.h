/* SPDX-License-Identifier: Apache-2.0
 *
 * files_internal: what the parts of edge/files share.
 */
#ifndef RBL_EDGE_FILES_INTERNAL_H
#define RBL_EDGE_FILES_INTERNAL_H

#include "edge/files.h"

#include <sys/stat.h>
#include <time.h>

struct files_pattern {
    char *text;
    char *pieces; /* `text` with a NUL for every slash */
    size_t n_matches;
    char trouble[FILES_WHY_SIZE]; /* "" if there was none at the last look */
};

/* What tells one state of a file from another without reading it. */
struct files_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

struct files_entry {
    char *path;
    struct files_stamp stamp; /* of what was read last */
    uint64_t hash;            /* of its contents */
    bool is_read;             /* the handler has the contents and has heard of no loss since */
    bool again;               /* to be read whatever the stamp says: it was written to when it was read */
    unsigned n_torn;          /* readings in a row that met a writer */
    int64_t restless_ns;      /* since when it does not rest; 0: it does */
    int lost;                 /* why, as the handler heard: an errno or a FILES_LOST_... ; 0: not lost */
};

enum { FILES_LOST_GONE = -1, FILES_LOST_KIND = -2, FILES_LOST_SIZE = -3, FILES_LOST_TORN = -4 };

struct files_set {
    struct files_pattern *patterns;
    size_t n_patterns;
    struct files_entry *entries; /* in the order of their paths, each once */
    size_t n_entries;
    size_t n_omitted;
};

/* A folder that inotify watches, and the names in it that count (a pattern; NULL: all). */
struct files_watch {
    int wd;
    const char *name;
};

struct files {
    struct loop *loop;
    files_handler *handler;
    void *context;
    struct files_set *sets;
    size_t n_sets;
    int64_t now_ns; /* of the look that is under way */
    int64_t due_ns;
    bool starved;
    int inotify_fd; /* -1: none */
    struct files_watch watches[FILES_WATCHES];
    size_t n_watches;
    struct files_watch before[FILES_WATCHES]; /* those of the look before */
    size_t n_before;
    char blind[FILES_WHY_SIZE];
};

/* Paths; of a whole set sorted, each once. */
struct files_paths {
    char **items;
    size_t n;
    size_t size;
};

/* --- files_glob.c --- */

void files_paths_release(struct files_paths *paths);
/* What the patterns of a set name; notes in each how many, and its trouble. */
enum status files_glob_set(struct files_set *set, struct files_paths *out) MUST_CHECK;
/* The folders that `prefix` names, added to `out`. */
enum status files_glob_folders(const char *prefix, struct files_paths *out) MUST_CHECK;

/* --- files_read.c --- */

struct files_stamp files_stamp_of(const struct stat *about);
bool files_stamp_equal(const struct files_stamp *a, const struct files_stamp *b);
/* Reads a file: 0 and its contents (free() them) and stamp; else a reason, errno or FILES_LOST_... . ENOMEM
 * may pass. */
int files_read_one(const char *path, char **text, size_t *len, struct files_stamp *stamp);
uint64_t files_hash(const char *text, size_t len);
/* The reason as a predicate: "is gone". */
const char *files_lost_text(int lost, char out[FILES_WHY_SIZE]);

/* --- files_watch.c --- */

/* Between the two, all folders are named again; those that are not any more are watched no longer. */
void files_watch_begin(struct files *files);
void files_watch_end(struct files *files);
/* Watches the folders that a pattern leads through. */
enum status files_watch_pattern(struct files *files, const struct files_pattern *pattern) MUST_CHECK;
/* If `path` is a symbolic link: watches the folder of what it leads to. */
void files_watch_link(struct files *files, const char *path);
void files_watch_open(struct files *files);
void files_watch_close(struct files *files);

#endif
