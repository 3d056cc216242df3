/* SPDX-License-Identifier: Apache-2.0
 *
 * files_fixture: a folder with files, and what is heard of them.
 */
#ifndef RBL_TESTS_FILES_FIXTURE_H
#define RBL_TESTS_FILES_FIXTURE_H

#include "edge/files_internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/clock.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t MS = 1000000;

/* `log` is what was heard, each news with a blank before it: `+path=contents`, `-path: why`; a set other than
 * the first has its number before the path. Paths are those below the folder. */
struct world {
    char folder[64];
    struct loop *loop;
    struct files *files;
    char log[16 * 1024];
    const char *awaited; /* NULL: nothing in particular */
    int64_t until_ns;
    int64_t modified_ns;
    int n_refused; /* so many contents are not taken at first */
};

static inline bool hear(void *context, const struct files_news *news) {
    struct world *w = context;
    if (w->n_refused > 0) {
        w->n_refused--;
        return false;
    }
    char number[24] = "";
    size_t used = strlen(w->log);
    size_t prefix = strlen(w->folder) + 1;
    if (news->set > 0)
        (void)snprintf(number, sizeof number, "%zu:", news->set);
    assert_memory_equal(news->path, w->folder, prefix - 1);
    if (news->what == FILES_READ) {
        assert_int_equal(news->text[news->len], 0);
        (void)snprintf(w->log + used, sizeof w->log - used, " +%s%s=%.100s", number, news->path + prefix,
                       news->text);
        w->modified_ns = news->modified_wall_ns;
    } else {
        (void)snprintf(w->log + used, sizeof w->log - used, " -%s%s: %s", number, news->path + prefix,
                       news->why);
    }
    return true;
}

static inline int64_t turn(void *context, int64_t now_ns) {
    struct world *w = context;
    int64_t due_ns = files_turn(w->files, now_ns);
    bool heard = w->awaited && strcmp(w->log, w->awaited) == 0;
    if (heard || now_ns >= w->until_ns)
        loop_stop(w->loop);
    return due_ns < w->until_ns ? due_ns : w->until_ns;
}

static inline int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    if (!w)
        return -1;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/test_files.XXXXXX");
    w->loop = loop_new();
    if (!w->loop || !mkdtemp(w->folder))
        return -1;
    loop_on_turn(w->loop, turn, w);
    w->files = files_new(w->loop, hear, w);
    alarm(120); /* a loop that hangs ends the test */
    return w->files ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *about, int type, struct FTW *where) {
    return remove(path);
}

static inline int tear_down(void **state) {
    struct world *w = *state;
    (void)chmod(w->folder, 0700);
    (void)nftw(w->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    files_free(w->files);
    loop_free(w->loop);
    free(w);
    alarm(0);
    return 0;
}

static inline const char *at(const struct world *w, const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", w->folder, name);
    return path;
}

static inline void write_file(const struct world *w, const char *name, const char *text) {
    int fd = open(at(w, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* As if it had been written a day ago. */
static inline void age_file(const struct world *w, const char *name) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = clock_wall_ns() / 1000000000 - 86400}};
    assert_int_equal(utimensat(AT_FDCWD, at(w, name), times, 0), 0);
}

static inline void make_folder(const struct world *w, const char *name) {
    assert_int_equal(mkdir(at(w, name), 0755), 0);
}

static inline void rename_to(const struct world *w, const char *from, const char *to) {
    assert_int_equal(rename(at(w, from), at(w, to)), 0);
}

static inline void link_to(const struct world *w, const char *target, const char *name) {
    assert_int_equal(symlink(target, at(w, name)), 0);
}

static inline size_t add(struct world *w, const char *pattern) {
    size_t set = 99;
    const char *const patterns[] = {at(w, pattern)};
    assert_int_equal(files_add(w->files, patterns, 1, &set), STATUS_OK);
    return set;
}

static inline void run(struct world *w, const char *awaited, int64_t ns) {
    w->awaited = awaited;
    w->until_ns = clock_now_ns() + ns;
    assert_int_equal(loop_run(w->loop), STATUS_OK);
}

/* Waits until just this is heard; then nothing was. */
static inline void expect(struct world *w, const char *heard) {
    bool any = heard[0] != '\0';
    run(w, any ? heard : NULL, any ? 10000 * MS : 450 * MS);
    if (strcmp(w->log, heard) != 0)
        fail_msg("heard \"%s\", expected \"%s\"", w->log, heard);
    w->log[0] = '\0';
}

static inline void skip_poll(struct world *w) {
    (void)files_turn(w->files, clock_now_ns() + FILES_POLL_NS + 1000 * MS);
}

#endif
