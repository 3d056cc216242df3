/* SPDX-License-Identifier: Apache-2.0
 *
 * files: the contents of files that patterns name (glob(7)), read whole, and again when they change.
 *
 * Patterns are put together into sets; of each set the handler hears which files were read and which were
 * lost: gone, or not to be read any more, with the reason. Only regular files are read, also through symbolic
 * links, of at most FILES_BYTES; of a set at most FILES_MAX files, the first by name. A file whose device,
 * inode, size and times are as they were is not read again, and contents that are as they were are no news.
 *
 * Changes are noticed by inotify on the folders of the patterns, on those above them (so that a folder may
 * come, go and be replaced) and on those of all symbolic links on the way and where they lead (so that
 * Kubernetes may swap a ConfigMap); what has changed is looked at FILES_SETTLE_NS after the first event. All
 * is looked at every FILES_POLL_NS besides, for file systems and changes that tell nothing, and when events
 * were lost.
 *
 * A file that is being written is left alone: until its writer has closed it, for at most FILES_WRITER_NS
 * (`slow > x` truncates first and may think long); and until FILES_SETTLE_NS after it was last written to,
 * for at most FILES_PATIENCE_NS. One that has become smaller in place while no event told that a writer
 * closed it is believed when it has been the same for FILES_POLL_NS. The first look reads everything as it
 * stands, unless files_succeed() tells more. Replacing files by rename needs none of this care.
 *
 * Reading happens in the thread that calls files_turn(): 20 MB (a million lines) from the page cache take
 * about 10 ms. A file system that does not answer makes it wait.
 */
#ifndef RBL_EDGE_FILES_H
#define RBL_EDGE_FILES_H

#include "core/status.h"
#include "edge/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILES_BYTES = 64 * 1024 * 1024, FILES_MAX = 1000, FILES_WATCHES = 1000, FILES_WHY_SIZE = 512 };
#define FILES_SETTLE_NS INT64_C(200000000)
#define FILES_PATIENCE_NS INT64_C(10000000000)
#define FILES_WRITER_NS INT64_C(600000000000)
#define FILES_POLL_NS INT64_C(60000000000)

enum files_what { FILES_READ, FILES_LOST };

/* What the handler hears; all of it is the handler's until it returns. */
struct files_news {
    size_t set; /* as files_add() gave it */
    enum files_what what;
    const char *path;
    const char *text; /* FILES_READ: the contents, followed by a NUL that `len` does not count */
    size_t len;
    int64_t modified_wall_ns; /* FILES_READ */
    const char *why;          /* FILES_LOST: "is gone", "cannot be read: Permission denied" */
};

struct files;
/* It may not call a function of this module. False: it lacked memory; contents are told again a
 * second later. */
typedef bool files_handler(void *context, const struct files_news *news);

/* `loop` NULL: for one look, without watching. NULL when there is no memory. */
struct files *files_new(struct loop *loop, files_handler *handler, void *context) MUST_CHECK;
void files_free(struct files *files);
/* Before the first turn, until which `before` is there: a file that is being written, as `before` has heard,
 * is left alone by the first look too, and lost until it is closed. */
void files_succeed(struct files *files, struct files *before);
/* A set of files, before the first turn; the patterns are copied. Relative ones begin where the process is.
 * Sets are numbered from 0 in `*set`. */
enum status files_add(struct files *files, const char *const *patterns, size_t n, size_t *set) MUST_CHECK;
/* Looks at all that is to be looked at now, which the first time is everything; returns when to call again
 * (monotonic ns). What cannot be looked at for want of memory is tried again a second later. */
int64_t files_turn(struct files *files, int64_t now_ns);
/* Makes the next files_turn() look at all, whatever its time: somebody says that something has changed. */
void files_hurry(struct files *files);
/* When files_turn() has something to do, a look or to hear again; INT64_MIN before the first. */
int64_t files_due_ns(const struct files *files);
/* Whether at the last look something was left for later for want of memory. */
bool files_starved(const struct files *files);
/* How many files pattern `i` of a set matched at the last look, those beyond FILES_MAX too. */
size_t files_matches(const struct files *files, size_t set, size_t i);
/* Why it matched nothing or perhaps not all ("/etc/x: Permission denied"); NULL: for no reason but the names.
 */
const char *files_trouble(const struct files *files, size_t set, size_t i);
/* How many files of the set were not read because there are more than FILES_MAX. */
size_t files_omitted(const struct files *files, size_t set);
/* Why changes may be noticed only every FILES_POLL_NS; NULL: they are noticed at once, as far as the file
 * system tells. */
const char *files_blind(const struct files *files);

#endif
