/* SPDX-License-Identifier: Apache-2.0
 *
 * allocfail: memory that runs out on demand, in all libraries of a process that has this one preloaded.
 *
 * $ALLOCFAIL names a file, which is mapped: the test that wrote it reads how many allocations there were, and
 * writes which of them fail, while the process runs. Only one process counts: the first that finds no owner.
 * $ALLOCFAIL_SPARED holds names of libraries, with spaces between them, whose own allocations neither count
 * nor fail. The allocations that the C library makes inside itself by other ways (stacks of threads) are not
 * seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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

/* Where the code of a library lies. */
struct place {
    uintptr_t begin;
    uintptr_t end;
};

enum { PLACES = 32 };
static struct control *control;
static uint64_t self;
static struct place spared[PLACES];
static size_t n_spared;

static bool is_named(const char *names, const char *path) {
    const char *name = strrchr(path, '/');
    char word[64];
    if (name == NULL)
        return false;
    for (; *names != '\0'; names += strspn(names, " ")) {
        size_t n = strcspn(names, " ");
        if (n >= sizeof word)
            return false;
        memcpy(word, names, n);
        word[n] = '\0';
        if (strncmp(name + 1, word, n) == 0)
            return true;
        names += n;
    }
    return false;
}

static int look_at(struct dl_phdr_info *library, size_t size, void *names) {
    (void)size;
    for (int i = 0; is_named(names, library->dlpi_name) && i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        uintptr_t begin = library->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0 && n_spared < PLACES)
            spared[n_spared++] = (struct place){begin, begin + part->p_memsz};
    }
    return 0;
}

static bool is_spared(const void *caller) {
    uintptr_t at = (uintptr_t)caller;
    bool found = false;
    for (size_t i = 0; i < n_spared && !found; i++)
        found = at >= spared[i].begin && at < spared[i].end;
    return found;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("ALLOCFAIL");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    char *names = getenv("ALLOCFAIL_SPARED");
    uint64_t nobody = 0;
    if (fd < 0)
        return;
    long shared = syscall(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared == -1)
        return;
    struct control *mapped = (struct control *)shared;
    self = (uint64_t)getpid();
    if (names != NULL)
        (void)dl_iterate_phdr(look_at, names);
    (void)atomic_compare_exchange_strong(&mapped->owner, &nobody, self);
    control = mapped;
}

static bool must_fail(const void *caller) {
    if (control == NULL || atomic_load(&control->owner) != self || is_spared(caller))
        return false;
    uint64_t n = atomic_fetch_add(&control->count, 1) + 1;
    uint64_t first = atomic_load(&control->first);
    if (first == 0 || n < first || n > atomic_load(&control->last))
        return false;
    atomic_fetch_add(&control->failed, 1);
    errno = ENOMEM;
    return true;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) {
    return must_fail(CALLER) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
    return must_fail(CALLER) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
    bool frees = old != NULL && size == 0;
    return !frees && must_fail(CALLER) ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return must_fail(CALLER) ? NULL : __libc_realloc(old, bytes);
}

void *memalign(size_t alignment, size_t size) {
    return must_fail(CALLER) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return must_fail(CALLER) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    void *memory = must_fail(CALLER) ? NULL : __libc_memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *out = memory;
    return 0;
}

/* Memory, and not files: libmicrohttpd takes its larger pools so. */
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    if ((flags & MAP_ANONYMOUS) != 0 && must_fail(CALLER))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}
