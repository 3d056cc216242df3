/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening sockets. They are made here and not by libmicrohttpd, so that there can be several, errors
 * can name their cause, a port 0 can be asked for its number, and one socket takes both families.
 */
#include "edge/httpd_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char forms[] =
    "expected :PORT, IPV4:PORT, [IPV6]:PORT, HOSTNAME:PORT or unix:PATH, for example :10554";

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

enum { HOST_SIZE = 256 }; /* a name of the DNS has 253 bytes at most */

/* --- Reading an address --- */

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

/* "HOST:PORT" taken apart; the host may be empty. */
static bool split(const char *text, char host[HOST_SIZE], in_port_t *port) {
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= HOST_SIZE || !parse_port(colon + 1, port))
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    return true;
}

/* "fe80::1%eth0", without its brackets: NULL, or what is wrong with it. */
static const char *parse_v6(char *host, union address *out) {
    char *zone = strchr(host, '%');
    if (zone)
        *zone++ = '\0';
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) != 1)
        return forms;
    if (!zone)
        return NULL;
    out->v6.sin6_scope_id = if_nametoindex(zone);
    return out->v6.sin6_scope_id != 0 ? NULL : "this machine has no network interface of that name";
}

/* getaddrinfo() also takes "127.1" and "0x7f000001" for addresses: those are mistakes and no names. */
static bool is_name(const char *host) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET};
    struct addrinfo *found = NULL;
    if (host[0] == '\0' || host[strspn(host, allowed)] != '\0')
        return false;
    if (getaddrinfo(host, NULL, &numeric, &found) != 0)
        return true;
    freeaddrinfo(found);
    return false;
}

/* One address of the name, of IPv4 if it has any, as programs in Go do. */
static const char *look_up(const char *host, in_port_t port, union address *out) {
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int failed = getaddrinfo(host, NULL, &wanted, &found);
    if (failed != 0)
        return failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed);
    const struct addrinfo *best = found;
    while (best->ai_family != AF_INET && best->ai_next)
        best = best->ai_next;
    if (best->ai_family != AF_INET)
        best = found;
    memcpy(out, best->ai_addr, best->ai_addrlen);
    freeaddrinfo(found);
    if (out->any.sa_family == AF_INET)
        out->v4.sin_port = port;
    else
        out->v6.sin6_port = port;
    return NULL;
}

/* NULL, or why `text` is no address; `*both` is set for the form without a host. */
static const char *parse_address(const char *text, union address *out, bool *both) {
    char host[HOST_SIZE];
    in_port_t port;
    if (!split(text, host, &port))
        return forms;
    const size_t len = strlen(host);
    memset(out, 0, sizeof *out);
    *both = len == 0;
    if (*both || (host[0] == '[' && host[len - 1] == ']')) {
        out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = in6addr_any};
        if (*both)
            return NULL;
        host[len - 1] = '\0';
        return parse_v6(host + 1, out);
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = port;
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1)
        return NULL;
    return is_name(host) ? look_up(host, port, out) : forms;
}

/* --- Opening --- */

/* -1 with errno set on failure. */
static int open_listener(const union address *address, bool both) {
    const int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    const int on = 1;
    const int v6_only = both ? 0 : 1;
    const bool is_v6 = address->any.sa_family == AF_INET6;
    /* REUSEADDR: connections of our predecessor in TIME_WAIT are no reason to refuse. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (!is_v6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only) == 0) &&
        bind(fd, &address->any, is_v6 ? sizeof address->v6 : sizeof address->v4) == 0 &&
        listen(fd, SOMAXCONN) == 0)
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

static int listen_on_port(const char *address, char *error, size_t error_size) {
    union address parsed;
    bool both;
    const char *wrong = parse_address(address, &parsed, &both);
    if (wrong) {
        snprintf(error, error_size, "cannot listen on \"%s\": %s", address, wrong);
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

/* "127.0.0.1:43211", "[fe80::1%eth0]:10554", "unix:/run/rbl_exporter.sock". */
static void name(struct httpd_listener *listener) {
    union address bound = {0};
    socklen_t len = sizeof bound;
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1] = "";
    char port[8] = "";
    snprintf(listener->name, sizeof listener->name, "descriptor %d", listener->fd); /* of no family below */
    if (getsockname(listener->fd, &bound.any, &len) != 0)
        return;
    if (bound.any.sa_family == AF_UNIX) {
        const size_t path = len - offsetof(struct sockaddr_un, sun_path);
        snprintf(listener->name, sizeof listener->name, "unix:%.*s", (int)path, bound.local.sun_path);
    } else if (getnameinfo(&bound.any, len, host, sizeof host, port, sizeof port,
                           NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        const bool is_v6 = bound.any.sa_family == AF_INET6;
        snprintf(listener->name, sizeof listener->name, is_v6 ? "[%s]:%s" : "%s:%s", host, port);
    }
}

static bool open_one(struct httpd_listener *listener, const char *address, char *error, size_t error_size) {
    static const char prefix[] = "unix:";
    *listener = (struct httpd_listener){.fd = -1};
    if (strncmp(address, prefix, sizeof prefix - 1) == 0)
        return httpd_unix_open(listener, address + sizeof prefix - 1, error, error_size);
    listener->fd = listen_on_port(address, error, error_size);
    return listener->fd >= 0;
}

bool httpd_listen(const struct httpd_options *options, struct httpd_listeners *out, char *error,
                  size_t error_size) {
    bool ok = true;
    out->n = 0;
    if (options->systemd_socket)
        ok = httpd_systemd_take(out, error, error_size);
    for (size_t i = 0; ok && !options->systemd_socket && i < options->n_listen_addresses; i++) {
        ok = open_one(&out->at[i], options->listen_addresses[i], error, error_size);
        out->n += ok ? 1 : 0;
    }
    if (!ok)
        httpd_listeners_close(out);
    for (size_t i = 0; i < out->n; i++)
        name(&out->at[i]);
    return ok;
}

void httpd_listeners_close(struct httpd_listeners *listeners) {
    for (size_t i = 0; i < listeners->n; i++) {
        httpd_unix_remove(&listeners->at[i]);
        close(listeners->at[i].fd);
    }
    listeners->n = 0;
}
