/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets that systemd has opened for us (sd_listen_fds(3)): descriptors from 3 on, LISTEN_FDS of them, meant
 * for the process LISTEN_PID. By hand: libsystemd would be a dependency for these few lines.
 */
#include "edge/httpd_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_FD = 3 };

/* -1: not given, or no number. */
static long number_in(const char *name) {
    const char *text = getenv(name);
    if (!text || text[0] < '0' || text[0] > '9')
        return -1;
    char *end;
    errno = 0;
    const long number = strtol(text, &end, 10);
    return *end == '\0' && errno == 0 ? number : -1;
}

/* What the kernel says of `fd`; -1 on failure. */
static int option_of(int fd, int option) {
    int value = 0;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

/* Our children must not have it, and accepting must never block. */
static bool take(int fd) {
    const int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Nor must children take the sockets for theirs. */
static void forget_environment(void) {
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

bool httpd_systemd_take(struct httpd_listeners *out, char *error, size_t error_size) {
    const long n = number_in("LISTEN_PID") == (long)getpid() ? number_in("LISTEN_FDS") : 0;
    forget_environment();
    if (n <= 0) {
        snprintf(
            error, error_size,
            "--web.systemd-socket: systemd has handed over no socket: start and enable the .socket unit that "
            "belongs to this service, or use --web.listen-address");
        return false;
    }
    if (n > HTTPD_MAX_LISTENERS) {
        snprintf(error, error_size, "--web.systemd-socket: %ld sockets are handed over, %d is the most", n,
                 HTTPD_MAX_LISTENERS);
        return false;
    }
    for (int fd = FIRST_FD; fd < FIRST_FD + (int)n; fd++) {
        if (option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) != 1) {
            snprintf(
                error, error_size,
                "--web.systemd-socket: descriptor %d is no listening stream socket: the .socket unit needs "
                "ListenStream= and Accept=no",
                fd);
            return false;
        }
        if (!take(fd)) {
            snprintf(error, error_size, "--web.systemd-socket: descriptor %d: %s", fd, strerror(errno));
            return false;
        }
        out->at[out->n++] = (struct httpd_listener){.fd = fd};
    }
    return true;
}
