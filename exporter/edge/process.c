/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t count_fds(void) {
    uint64_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        n++;
    (void)closedir(dir);
    return n >= 3 ? n - 3 : 0; /* without ".", ".." and the folder itself */
}

static uint64_t limit_of(int resource) {
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return 0;
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* Fields of /proc/self/stat behind the name, which may hold blanks: proc(5); num_threads is the 20th, vsize
 * the 23rd, rss the 24th. */
static void read_stat(struct process_usage *out) {
    char text[2048];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0)
        return;
    text[n] = '\0';
    char *at = strrchr(text, ')');
    uint64_t fields[25] = {0};
    for (int i = 3; at != NULL && i <= 24; i++) {
        at = strchr(at + 1, ' ');
        if (at != NULL)
            fields[i] = strtoull(at + 1, NULL, 10);
    }
    out->threads = fields[20];
    out->virtual_bytes = fields[23];
    out->resident_bytes = fields[24] * (uint64_t)sysconf(_SC_PAGESIZE);
}

void process_read(struct process_usage *out) {
    struct timespec cpu = {0, 0};
    *out = (struct process_usage){.open_fds = count_fds(),
                                  .max_fds = limit_of(RLIMIT_NOFILE),
                                  .virtual_max_bytes = limit_of(RLIMIT_AS)};
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        out->cpu_ns = (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec;
    read_stat(out);
}

bool process_keep_streams(void) {
    int fd = 0;
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR); /* kept, so without O_CLOEXEC; the lowest number that is free */
    if (fd < 0)
        return false;
    (void)close(fd);
    return true;
}

enum { NICE = 5 /* a third of what others get when processors are scarce */ };

static bool limit(int resource, uint64_t most) {
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
        return false;
    rlim_t value = now.rlim_max != RLIM_INFINITY && now.rlim_max < most ? now.rlim_max : most;
    const struct rlimit least = {value, value};
    return setrlimit((__rlimit_resource_t)resource, &least) == 0;
}

bool process_confine(uint64_t memory, unsigned cpu_seconds) {
#ifdef __SANITIZE_ADDRESS__
    memory = UINT64_MAX; /* its shadow alone is terabytes */
#endif
    errno = 0;
    if (nice(NICE) == -1 && errno != 0)
        return false;
    return (memory == UINT64_MAX || limit(RLIMIT_AS, memory)) && limit(RLIMIT_CPU, cpu_seconds) &&
           limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NPROC, 0);
}

void process_share_memory(void) {
    (void)mallopt(M_ARENA_MAX, 1);
}

void process_give_back(void) {
    (void)malloc_trim(0);
}
