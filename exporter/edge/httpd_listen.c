/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket. It is made here and not by libmicrohttpd, so that errors can name their cause, a port
 * 0 can be asked for its number, and one socket takes both families.
 */
#include "edge/httpd_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t address_len(const union address *a) {
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

static bool parse_port(const char *text, in_port_t *out) {
    const size_t len = strlen(text);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
        return false;
    const unsigned long port = strtoul(text, NULL, 10);
    if (port > 65535)
        return false;
    *out = htons((uint16_t)port);
    return true;
}

/* ":PORT", "IPV4:PORT", "[IPV6]:PORT"; `*both` for the first. */
static bool parse_address(const char *text, union address *out, bool *both) {
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2];
    in_port_t port;
    if (!colon || (size_t)(colon - text) >= sizeof host || !parse_port(colon + 1, &port))
        return false;
    size_t len = (size_t)(colon - text);
    memcpy(host, text, len);
    host[len] = '\0';
    memset(out, 0, sizeof *out);
    *both = len == 0;
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = port;
        return inet_pton(AF_INET6, host + 1, &out->v6.sin6_addr) == 1;
    }
    if (*both) {
        out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = in6addr_any};
        return true;
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = port;
    return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1;
}

/* -1 with errno set on failure. */
static int open_listener(const union address *address, bool both) {
    const int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    const int on = 1;
    const int v6_only = both ? 0 : 1;
    /* REUSEADDR: connections of our predecessor in TIME_WAIT are no reason to refuse. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (address->any.sa_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only) == 0) &&
        bind(fd, &address->any, address_len(address)) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    const int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

static const char *advice(int cause) {
    switch (cause) {
    case EADDRINUSE: return ": is another exporter running? choose another with --web.listen-address";
    case EACCES: return ": ports below 1024 need a privilege; choose another with --web.listen-address";
    case EADDRNOTAVAIL:
        return ": this machine does not have that address; choose another with --web.listen-address";
    default: return "";
    }
}

int httpd_listen(const char *address, char *error, size_t error_size) {
    union address parsed;
    bool both;
    if (!parse_address(address, &parsed, &both)) {
        snprintf(error, error_size,
                 "cannot listen on \"%s\": expected :PORT, IPV4:PORT or [IPV6]:PORT, for example :10554",
                 address);
        return -1;
    }
    int fd = open_listener(&parsed, both);
    if (fd < 0 && both && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) { /* a machine without IPv6 */
        const in_port_t port = parsed.v6.sin6_port;
        parsed.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
        fd = open_listener(&parsed, false);
    }
    if (fd < 0) {
        const int cause = errno;
        char reason[128];
        snprintf(error, error_size, "cannot listen on %s: %s%s", address,
                 strerror_r(cause, reason, sizeof reason), advice(cause));
    }
    return fd;
}

void httpd_name(int fd, char out[HTTPD_ADDRESS_SIZE]) {
    union address bound = {0};
    socklen_t len = sizeof bound;
    char host[INET6_ADDRSTRLEN] = "";
    out[0] = '\0';
    if (getsockname(fd, &bound.any, &len) != 0)
        return;
    if (bound.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &bound.v6.sin6_addr, host, sizeof host);
        snprintf(out, HTTPD_ADDRESS_SIZE, "[%s]:%u", host, (unsigned)ntohs(bound.v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &bound.v4.sin_addr, host, sizeof host);
        snprintf(out, HTTPD_ADDRESS_SIZE, "%s:%u", host, (unsigned)ntohs(bound.v4.sin_port));
    }
}
