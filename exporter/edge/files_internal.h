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

/* A file by the folder that it really is in, through all links: inotify's number of it (-1: it is not
 * watched) and a hash of the name. */
struct files_name {
    int wd;
    uint64_t hash;
};

/* What the last event about a name means for the file. */
enum files_told {
    FILES_TOLD_NOTHING,
    FILES_TOLD_MADE,  /* it was made, perhaps by one who writes to it */
    FILES_TOLD_OPEN,  /* it was written to and not closed since */
    FILES_TOLD_WHOLE, /* it was closed by its writer, or came by rename */
};

struct files_event {
    struct files_name name;
    enum files_told told;
    uint64_t look; /* how many looks had begun */
};

enum { FILES_EVENTS = 1024 };

struct files_entry {
    char *path;
    struct files_name name;
    struct files_stamp stamp; /* of what was read last */
    uint64_t hash;            /* of its contents */
    bool is_read;             /* the handler has the contents and has heard of no loss since */
    bool again;               /* to be read whatever the stamp says: it was written to when it was read */
    unsigned n_torn;          /* readings in a row that met a writer */
    int64_t restless_ns;      /* since when it is waited for; 0: it is not */
    struct files_stamp seen;  /* at the last look that found it other than it was read */
    int64_t seen_ns;          /* since when it is like that */
    uint64_t read_look;       /* the look at which it was read last */
    int lost;                 /* why, as the handler heard: an errno or a FILES_LOST_... ; 0: not lost */
};

enum {
    FILES_LOST_GONE = -1,
    FILES_LOST_KIND = -2,
    FILES_LOST_SIZE = -3,
    FILES_LOST_TORN = -4,
    FILES_LOST_WRITTEN = -5
};

struct files_set {
    struct files_pattern *patterns;
    size_t n_patterns;
    struct files_entry *entries; /* in the order of their paths, each once */
    size_t n_entries;
    size_t n_omitted;
};

/* A folder that inotify watches, and the names in it that count: the one with this hash; or, with 0, those of
 * a pattern (NULL: all). */
struct files_watch {
    int wd;
    const char *name;
    uint64_t hash;
};

struct files {
    struct loop *loop;
    files_handler *handler;
    void *context;
    struct files_set *sets;
    size_t n_sets;
    struct files *predecessor; /* until the first look; NULL: none */
    int64_t now_ns;            /* of the look that is under way */
    int64_t due_ns;
    uint64_t n_looks; /* that have begun */
    bool starved;
    int inotify_fd; /* -1: none */
    struct files_watch watches[FILES_WATCHES];
    size_t n_watches;
    struct files_watch before[FILES_WATCHES]; /* those of the look before */
    size_t n_before;
    char blind[FILES_WHY_SIZE];
    bool is_deaf; /* events wait until `deaf_until_ns`, so that a busy folder does not keep the loop busy */
    int64_t deaf_until_ns;
    struct files_event events[FILES_EVENTS]; /* what was told last, of each name once; a ring */
    size_t next_event;
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
/* Finds out which file an entry really is; watches the folders of all links on the way and that of the file.
 */
void files_watch_entry(struct files *files, struct files_entry *entry);

/* --- files_told.c --- */

/* Begins to hear events; on failure `*why` and no descriptor. */
void files_told_open(struct files *files, const char **why);
void files_told_close(struct files *files);
/* Takes what events there are. */
void files_told_take(struct files *files, int64_t now_ns);
/* Hears again if it is time to; returns when it will be (INT64_MAX: it hears). */
int64_t files_told_listen(struct files *files, int64_t now_ns);
/* What was told of the file since it was read. */
enum files_told files_told_of(const struct files *files, const struct files_entry *entry);
/* Whether those before had heard that the file is being written; it is noted as if it had been told here. */
bool files_told_before(struct files *files, const struct files_entry *entry);

#endif
