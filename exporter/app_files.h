/* SPDX-License-Identifier: Apache-2.0
 *
 * app_files: the addresses and ranges that groups get from files (key `files`).
 *
 * What all files of a group hold together is its source SOURCE_FILES. Lines that are wrong are told with file
 * and line, APP_FILES_WRONG of each reading at most, and the rest counts; a file in which nothing is right
 * counts for one that cannot be read. A file that is lost (gone, not to be read, not to be understood) counts
 * with what it held last for `stale_after` (auto: three times the interval of the group, at least 6 h): that
 * it is lost and until when it counts, that it does not count any more, and that it is back, is told.
 *
 * A file of a million addresses takes about 0.2 s of the thread that calls: a tenth of that each for reading
 * and sorting, the rest for its lines.
 */
#ifndef RBL_APP_FILES_H
#define RBL_APP_FILES_H

#include "app_sources.h"

#include "core/problem.h"
#include "core/settings.h"
#include "core/sources.h"

#include "edge/log.h"
#include "edge/loop.h"

#include <stddef.h>
#include <stdint.h>

enum {
    APP_FILES_WRONG = 20,             /* wrong lines of one reading that are told one by one */
    APP_FILES_ENTRIES = 1000000,      /* addresses and ranges that a group gets from its files at most */
    APP_FILES_JSON = 8 * 1024 * 1024, /* bytes of a list of endpoints; libyaml reads about 20 MB a second */
};

/* What there is to tell of a group; `file` NULL: of no certain one; `line` 0: of the file as a whole. */
typedef void app_files_say(void *context, enum log_level level, const char *group, const char *file,
                           uint32_t line, const char *text);

struct app_files;

/* Reads the files of all groups of `base`, which is borrowed. `loop` NULL: for once, without watching.
 * `before` (NULL: nothing) is what the configuration had that is in force: what lost files held there goes on
 * counting. STATUS_NO_MEMORY; `*out` is NULL if no group has files. */
enum status app_files_open(const struct settings *base, struct loop *loop, const struct app_files *before,
                           app_files_say *say, void *context, int64_t now_ns, struct app_files **out)
    MUST_CHECK;
void app_files_free(struct app_files *f); /* NULL allowed */
/* Puts into `out` what all groups get; `before`: what they got so far (NULL: nothing). A change is dated now,
 * and what is read first by the youngest of the files. Nothing for `f` NULL. */
enum status app_files_fill(struct app_files *f, const struct sources *before, struct sources *out) MUST_CHECK;
/* Looks for changes and hands them over; returns when to call again (monotonic ns). `f` NULL: never. */
int64_t app_files_turn(struct app_files *f, struct app_sources *sources, int64_t now_ns);
/* Tells on the log. */
void app_files_log(void *context, enum log_level level, const char *group, const char *file, uint32_t line,
                   const char *text);
/* The settings that `base` and what its files hold now make, for commands. What there is to tell goes to
 * standard error, the number of warnings is added to `*n_warnings`; expansion tells `problems`. `*out`
 * borrows from `base`. */
enum status app_files_expand(const struct settings *base, struct problems *problems, size_t *n_warnings,
                             struct settings **out) MUST_CHECK;

#endif
