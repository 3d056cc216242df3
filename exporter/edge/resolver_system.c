/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the resolver that reads resolv.conf(5). As glibc does: the keyword begins the line, an address
 * that cannot be used (a scope id, a host name) is passed over, the first three count. Unlike glibc, a file
 * that names only such addresses is an error: to ask 127.0.0.1 instead would hide it.
 */
#include "edge/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 * 1024, SERVERS_MAX = 3, DNS_PORT = 53 };
static const char keyword[] = "nameserver";
static const char blanks[] = " \t\r";

/* Reads at most `size` bytes of a regular file; -1 with errno set. */
static ssize_t read_file(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    if (fd < 0)
        return -1;
    struct stat info;
    size_t len = 0;
    ssize_t n = fstat(fd, &info);
    if (n == 0 && !S_ISREG(info.st_mode)) {
        errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
        n = -1;
    }
    while (n >= 0 && len < size && (n = read(fd, text + len, size - len)) > 0)
        len += (size_t)n;
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return n < 0 ? -1 : (ssize_t)len;
}

/* The address that the line [text, end) names as a nameserver; its length 0: it names none. */
static const char *find_value(const char *text, const char *end, size_t *len) {
    const char *p = text;
    size_t n_keyword = sizeof keyword - 1;
    *len = 0;
    if ((size_t)(end - p) <= n_keyword || memcmp(p, keyword, n_keyword) != 0 || !strchr(blanks, p[n_keyword]))
        return NULL;
    for (p += n_keyword; p < end && strchr(blanks, *p); p++)
        ;
    while (p + *len < end && !strchr(" \t\r#;", p[*len]))
        ++*len;
    return p;
}

enum status resolver_system_servers(const char *path, struct endpoint out[3], size_t *n) {
    char text[FILE_MAX + 1];
    ssize_t size = read_file(path, text, sizeof text);
    if (size < 0)
        return STATUS_IO;
    if (size > FILE_MAX || memchr(text, '\0', (size_t)size))
        return STATUS_SYNTAX;
    struct endpoint found[SERVERS_MAX];
    size_t n_found = 0, n_unusable = 0, line_len;
    for (const char *line = text, *end = text + size; line < end; line += line_len + 1) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        line_len = (size_t)((newline ? newline : end) - line);
        size_t len;
        const char *value = find_value(line, line + line_len, &len);
        if (len == 0 || n_found == SERVERS_MAX)
            continue;
        found[n_found].port = DNS_PORT;
        if (ip_parse(value, len, &found[n_found].ip) == STATUS_OK)
            n_found++;
        else
            n_unusable++;
    }
    if (n_found == 0 && n_unusable > 0)
        return STATUS_SYNTAX;
    if (n_found == 0)
        found[n_found++] = (struct endpoint){.ip = ip_v4(0x7f000001), .port = DNS_PORT};
    memcpy(out, found, n_found * sizeof found[0]);
    *n = n_found;
    return STATUS_OK;
}
