/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *first_line(char *text, size_t *len) {
    char *end = strpbrk(text, "\r\n");
    if (end != NULL)
        *end = '\0';
    text += strspn(text, " \t");
    *len = strlen(text);
    while (*len > 0 && (text[*len - 1] == ' ' || text[*len - 1] == '\t'))
        (*len)--;
    return text;
}

const char *secret_read(const char *path, struct arena *arena, char *error, size_t size) {
    char text[SECRET_MAX + 2];
    struct stat about;
    const char *key = NULL;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        (void)snprintf(error, size, "cannot read the key file %s: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        (void)snprintf(error, size, "the key file %s is no regular file", path);
    else if ((n = read(fd, text, SECRET_MAX + 1)) < 0)
        (void)snprintf(error, size, "cannot read the key file %s: %s", path, strerror(errno));
    else if (n > SECRET_MAX)
        (void)snprintf(error, size, "the key file %s has more than %d bytes", path, SECRET_MAX);
    if (n >= 0 && n <= SECRET_MAX) {
        text[n] = '\0';
        size_t len = 0;
        const char *line = first_line(text, &len);
        if (len == 0)
            (void)snprintf(error, size, "the key file %s has no key on its first line", path);
        else if ((key = arena_copy(arena, line, len)) == NULL)
            (void)snprintf(error, size, "out of memory");
    }
    explicit_bzero(text, sizeof text);
    (void)close(fd);
    return key;
}

bool secret_is_public(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && (about.st_mode & S_IROTH) != 0;
}
