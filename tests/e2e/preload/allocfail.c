/* SPDX-License-Identifier: Apache-2.0
 *
 * allocfail: memory that runs out on demand, in all libraries of a process that has this one preloaded.
 *
 * $ALLOCFAIL names a file, which is mapped: the test that wrote it reads how many allocations there were, and
 * writes which of them fail, while the process runs. Only one process counts: the first that finds no owner.
 * The allocations that the C library makes inside itself by other ways (stacks of threads) are not seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in tests/e2e/allocations.py. */
struct control {
    _Atomic uint64_t owner; /* process number; 0: the next that starts */
    _Atomic uint64_t count; /* allocations of the owner since the test set it to 0 */
    _Atomic uint64_t first; /* the first that fails, from 1; 0: none */
    _Atomic uint64_t last;  /* and the last */
    _Atomic uint64_t failed;
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct control *control;
static uint64_t self;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("ALLOCFAIL");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    uint64_t nobody = 0;
    if (fd < 0)
        return;
    long shared = syscall(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared == -1)
        return;
    struct control *mapped = (struct control *)shared;
    self = (uint64_t)getpid();
    (void)atomic_compare_exchange_strong(&mapped->owner, &nobody, self);
    control = mapped;
}

static bool must_fail(void) {
    if (control == NULL || atomic_load(&control->owner) != self)
        return false;
    uint64_t n = atomic_fetch_add(&control->count, 1) + 1;
    uint64_t first = atomic_load(&control->first);
    if (first == 0 || n < first || n > atomic_load(&control->last))
        return false;
    atomic_fetch_add(&control->failed, 1);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) {
    return must_fail() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
    return must_fail() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
    bool frees = old != NULL && size == 0;
    return !frees && must_fail() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, bytes);
}

void *memalign(size_t alignment, size_t size) {
    return must_fail() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    void *memory = memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *out = memory;
    return 0;
}

/* Memory, and not files: libmicrohttpd takes its larger pools so. */
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    if ((flags & MAP_ANONYMOUS) != 0 && must_fail())
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}
