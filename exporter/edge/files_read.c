/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/files_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct files_stamp files_stamp_of(const struct stat *about) {
    return (struct files_stamp){.device = about->st_dev,
                                .inode = about->st_ino,
                                .size = about->st_size,
                                .modified = about->st_mtim,
                                .changed = about->st_ctim};
}

static bool time_equal(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool files_stamp_equal(const struct files_stamp *a, const struct files_stamp *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           time_equal(&a->modified, &b->modified) && time_equal(&a->changed, &b->changed);
}

/* Up to `size` bytes into `text`; the number read, -1 with errno on failure. */
static ssize_t read_up_to(int fd, char *text, size_t size) {
    size_t have = 0;
    while (have < size) {
        ssize_t n = read(fd, text + have, size - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

/* The contents of a file whose stamp is `stamp` before and after; a byte more than there should be is asked
 * for. */
static int read_whole(int fd, const struct files_stamp *stamp, char *text) {
    struct stat about;
    ssize_t n = read_up_to(fd, text, (size_t)stamp->size + 1);
    if (n < 0 || fstat(fd, &about) != 0)
        return errno;
    struct files_stamp after = files_stamp_of(&about);
    if (n != stamp->size || !files_stamp_equal(stamp, &after))
        return FILES_LOST_TORN;
    text[n] = '\0';
    return 0;
}

static int read_open(int fd, char **text, size_t *len, struct files_stamp *stamp) {
    struct stat about;
    if (fstat(fd, &about) != 0)
        return errno;
    if (!S_ISREG(about.st_mode))
        return FILES_LOST_KIND;
    if (about.st_size > FILES_BYTES)
        return FILES_LOST_SIZE;
    struct files_stamp now = files_stamp_of(&about);
    char *memory = malloc((size_t)about.st_size + 1);
    int lost = memory ? read_whole(fd, &now, memory) : ENOMEM;
    if (lost != 0) {
        free(memory);
        return lost;
    }
    *text = memory;
    *len = (size_t)about.st_size;
    *stamp = now;
    return 0;
}

int files_read_one(const char *path, char **text, size_t *len, struct files_stamp *stamp) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? FILES_LOST_GONE : errno;
    int lost = read_open(fd, text, len, stamp);
    (void)close(fd);
    return lost;
}

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0xbf58476d1ce4e5b9;
    return hash ^ hash >> 31;
}

/* Eight bytes at a time. */
uint64_t files_hash(const char *text, size_t len) {
    uint64_t hash = 0x9e3779b97f4a7c15 ^ len;
    uint64_t word = 0;
    size_t i = 0;
    for (; i + sizeof word <= len; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, text + i, len - i);
    return mix(mix(hash, word), hash >> 27);
}

const char *files_lost_text(int lost, char out[FILES_WHY_SIZE]) {
    switch (lost) {
    case FILES_LOST_GONE: return "is gone";
    case FILES_LOST_KIND: return "is no regular file";
    case FILES_LOST_TORN: return "changes all the time while it is read";
    case FILES_LOST_WRITTEN: return "is being written";
    case FILES_LOST_SIZE:
        (void)snprintf(out, FILES_WHY_SIZE, "has more than %d bytes, which are the most that are read",
                       FILES_BYTES);
        return out;
    default: (void)snprintf(out, FILES_WHY_SIZE, "cannot be read: %s", strerror(lost)); return out;
    }
}
