/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening on a path. A socket outlives the program that made it, when that is killed: so a path where
 * nobody listens any more is taken over, and nothing else is. Who may connect is decided by the permissions
 * of the file, which come of the umask, and of its folder.
 */
#include "edge/httpd_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool fail(const char *path, const char *what, char *error, size_t error_size) {
    snprintf(error, error_size, "cannot listen on unix:%s: %s", path, what);
    return false;
}

static bool fail_by(int cause, const char *path, char *error, size_t error_size) {
    char text[160];
    char reason[128];
    snprintf(text, sizeof text, "%s%s", strerror_r(cause, reason, sizeof reason),
             cause == ENOENT   ? ": its folder has to exist"
             : cause == EACCES ? ": the exporter has to be allowed to write into its folder"
                               : "");
    return fail(path, text, error, error_size);
}

/* 0: somebody listens at `address`; else errno. */
static int try_connecting(const struct sockaddr_un *address) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    const int cause = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
    close(fd);
    return cause;
}

/* Removes a socket that nobody listens on. What is at the path is looked at once more before it goes: another
 * exporter that starts at the same time may have put its own there. */
static bool make_way(const struct sockaddr_un *address, char *error, size_t error_size) {
    const char *path = address->sun_path;
    struct stat there;
    struct stat again;
    if (lstat(path, &there) != 0)
        return errno == ENOENT || fail_by(errno, path, error, error_size);
    if (!S_ISSOCK(there.st_mode))
        return fail(path, "there is a file of another kind, which is left alone: choose another path", error,
                    error_size);
    const int cause = try_connecting(address);
    if (cause == 0 || cause == EAGAIN)
        return fail(path, "another exporter is running there: stop it, or choose another path", error,
                    error_size);
    if (cause != ECONNREFUSED && cause != ENOENT)
        return fail_by(cause, path, error, error_size);
    if (lstat(path, &again) == 0 && again.st_dev == there.st_dev && again.st_ino == there.st_ino &&
        unlink(path) != 0 && errno != ENOENT)
        return fail_by(errno, path, error, error_size);
    return true;
}

static bool bind_there(struct httpd_listener *listener, const struct sockaddr_un *address, char *error,
                       size_t error_size) {
    struct stat ours;
    const char *path = address->sun_path;
    if (bind(listener->fd, (const struct sockaddr *)address, sizeof *address) != 0)
        return errno == EADDRINUSE
                   ? fail(path, "another exporter has just started there: stop it, or choose another path",
                          error, error_size)
                   : fail_by(errno, path, error, error_size);
    if (lstat(path, &ours) == 0) {
        listener->is_ours = true;
        listener->device = ours.st_dev;
        listener->inode = ours.st_ino;
        memcpy(listener->path, path, strlen(path) + 1);
    }
    return listen(listener->fd, SOMAXCONN) == 0 || fail_by(errno, path, error, error_size);
}

bool httpd_unix_open(struct httpd_listener *listener, const char *path, char *error, size_t error_size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strncmp(path, "///", 3) == 0)
        path += 2;
    const size_t len = strlen(path);
    if (len == 0 || (path[0] == '/' && path[1] == '/'))
        return fail(path, "expected unix:PATH or unix:///PATH, for example unix:/run/rbl_exporter/web.sock",
                    error, error_size);
    if (len >= sizeof address.sun_path)
        return fail(path, "the path is too long: choose one of at most 107 bytes", error, error_size);
    memcpy(address.sun_path, path, len + 1);
    if (!make_way(&address, error, error_size))
        return false;
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0)
        return fail_by(errno, path, error, error_size);
    if (bind_there(listener, &address, error, error_size))
        return true;
    httpd_unix_remove(listener);
    close(listener->fd);
    return false;
}

void httpd_unix_remove(const struct httpd_listener *listener) {
    struct stat there;
    if (listener->is_ours && lstat(listener->path, &there) == 0 && there.st_dev == listener->device &&
        there.st_ino == listener->inode)
        unlink(listener->path);
}
