/* SPDX-License-Identifier: Apache-2.0
 *
 * app_files_internal: what the parts of app_files share.
 */
#ifndef RBL_APP_FILES_INTERNAL_H
#define RBL_APP_FILES_INTERNAL_H

#include "app_files.h"

#include "edge/files.h"

#include <stdbool.h>

/* A file and what it held when it was read last. */
struct kept_file {
    char *path;
    struct source_set set; /* as in the file, unsorted */
    int64_t modified_wall_ns;
    int64_t lost_ns; /* since when it is lost; INT64_MAX: it is not */
};

struct file_group {
    const struct group *group;
    size_t set; /* of `files` */
    int64_t stale_ns;
    struct kept_file *kept; /* in the order of their paths; only files that count */
    size_t n_kept;
    size_t kept_size;
    size_t n_omitted;                /* as it was told */
    int64_t changed_wall_ns;         /* 0: it never held anything */
    bool is_dirty;                   /* what counts is not what was handed over */
    const struct file_group *before; /* while opening: the same group of the configuration in force */
};

struct app_files {
    struct files *files;
    struct file_group *groups;
    size_t n_groups;
    app_files_say *say;
    void *context;
    int64_t now_ns;   /* of the turn */
    int64_t wake_ns;  /* what is to be done besides looking at files is due */
    int64_t retry_ns; /* not to hand over before */
    bool is_opening;
    char blind[FILES_WHY_SIZE]; /* as it was told */
};

__attribute__((format(printf, 6, 7))) void app_files_sayf(const struct app_files *f, enum log_level level,
                                                          const struct file_group *g, const char *file,
                                                          uint32_t line, const char *format, ...);
/* --- app_files_read.c --- */

/* Why nothing of a file is taken: a sentence without its subject. */
struct file_refusal {
    char text[FILES_WHY_SIZE];
};

/* What the text of a file holds. STATUS_INVALID, with the reason in `why`, if nothing of it is taken;
 * STATUS_NO_MEMORY. `out` is empty then. */
enum status app_files_read(const struct app_files *f, const struct file_group *g,
                           const struct files_news *news, struct source_set *out, struct file_refusal *why)
    MUST_CHECK;

/* --- app_files_kept.c --- */

void app_files_release_group(struct file_group *g);
struct kept_file *app_files_find(const struct file_group *g, const char *path);
/* What a file holds from now on, which is taken over. */
enum status app_files_hold(struct file_group *g, const char *path, struct source_set *set,
                           int64_t modified_wall_ns, int64_t lost_ns) MUST_CHECK;
/* The file counts no longer. */
void app_files_drop(struct file_group *g, struct kept_file *kept);
/* A file is lost; `why` is a sentence without a subject. */
enum status app_files_lose(const struct app_files *f, struct file_group *g, const char *path, const char *why)
    MUST_CHECK;
/* Holds what the configuration in force had of files that are not found any more. */
enum status app_files_carry(const struct app_files *f, struct file_group *g) MUST_CHECK;
/* Drops what was lost for too long. */
void app_files_expire(const struct app_files *f, struct file_group *g);
/* When that will be next; INT64_MAX: nothing is lost. */
int64_t app_files_expiry_ns(const struct file_group *g);
/* How many addresses and ranges are held. */
size_t app_files_count(const struct file_group *g);

#endif
