/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as resolv.conf: resolver_system_servers(). Beside what the sanitizers see: what is refused
 * changes nothing, a NUL or too much is always refused, there are one to three servers, and each stands in
 * the text or is this host, where the text names none.
 */
/* FUZZ: -max_len=1024 */
#include "edge/resolver.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory, by its name. */
static const char *put(const uint8_t *data, size_t size) {
    static char path[64];
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("resolv.conf", MFD_CLOEXEC);
    assert(fd >= 0);
    int failed = ftruncate(fd, 0);
    ssize_t n = pwrite(fd, data, size, 0);
    assert(!failed && n == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* Some piece of a line that begins as one with a server does is the address. */
static bool stands_in(const char *text, size_t len, const struct ip *wanted) {
    const char *at = text;
    const char *end = text + len;
    while ((at = memmem(at, (size_t)(end - at), "nameserver", 10)) != NULL) {
        struct ip ip;
        bool begins_line = at == text || at[-1] == '\n';
        at += 10;
        const char *value = at;
        while (value < end && strchr(" \t\r", *value))
            value++;
        for (size_t n = 1; begins_line && n <= 45 && value + n <= end; n++)
            if (ip_parse(value, n, &ip) == STATUS_OK && ip_equal(&ip, wanted))
                return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct endpoint servers[3];
    struct endpoint before[3];
    size_t n = 77;
    memset(servers, 0x55, sizeof servers);
    memcpy(before, servers, sizeof servers);
    enum status status = resolver_system_servers(put(data, size), servers, &n);
    if (status != STATUS_OK) {
        assert(status == STATUS_SYNTAX && n == 77 && memcmp(before, servers, sizeof servers) == 0);
        return 0;
    }
    assert(n >= 1 && n <= 3 && size <= 64 * 1024 && (size == 0 || memchr(data, '\0', size) == NULL));
    const struct ip here = ip_v4(0x7f000001);
    for (size_t i = 0; i < n; i++) {
        assert(servers[i].port == 53);
        assert(stands_in((const char *)data, size, &servers[i].ip) ||
               (n == 1 && ip_equal(&servers[i].ip, &here)));
    }
    return 0;
}
