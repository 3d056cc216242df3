/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/resolver_ares.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    RECEIVE_BUFFER = 4 << 20,     /* the kernel gives what net.core.rmem_max allows */
    SEND_BUFFER = 1 << 20,        /* a burst of a whole window without EAGAIN */
    ARES_TIMEOUT_MS = 600 * 1000, /* never comes: time-outs are ours */
    READS_PER_EVENT = 256,
    SHORTAGES_PER_MINUTE = 1,
};

static void tell_shortage(struct resolver_ares *channel, int cause) {
    if ((cause == EMFILE || cause == ENFILE) &&
        log_allowed(channel->shortages, SHORTAGES_PER_MINUTE, loop_now_ns(channel->loop)))
        log_write(LOG_WARN,
                  "DNS queries cannot be sent, and are counted as failed (network): no socket can be opened; "
                  "if it goes on, allow more open files (LimitNOFILE= of a systemd service, ulimit -n)",
                  "error", strerror(cause), NULL);
}

static ares_socket_t open_socket(int family, int type, int protocol, void *context) {
    struct resolver_ares *channel = context;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
        int cause = errno;
        tell_shortage(channel, cause);
        errno = cause;
        return ARES_SOCKET_BAD;
    }
    /* Buffers and delays are wishes: without them it is slower, not wrong. */
    const int one = 1, receive = RECEIVE_BUFFER, send_size = SEND_BUFFER;
    if (type == SOCK_STREAM) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    } else {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_size, sizeof send_size);
    }
    return fd;
}

static int close_socket(ares_socket_t fd, void *context) {
    (void)context;
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t len,
                          void *context) {
    (void)context;
    return connect(fd, address, len);
}

static ares_ssize_t read_socket(ares_socket_t fd, void *bytes, size_t size, int flags, struct sockaddr *from,
                                ares_socklen_t *from_len, void *context) {
    struct resolver_ares *channel = context;
    if (channel->kind == RESOLVER_TCP)
        return recvfrom(fd, bytes, size, flags, from, from_len);
    /* c-ares reads until there is nothing more; epoll will call again for what is left. */
    while (channel->reads_left > 0) {
        channel->reads_left--;
        ares_ssize_t n = recvfrom(fd, bytes, size, flags, from, from_len);
        if (n != 0)
            return n;
    }
    errno = EAGAIN;
    return -1;
}

static ares_ssize_t write_socket(ares_socket_t fd, const struct iovec *parts, int n_parts, void *context) {
    struct resolver_ares *channel = context;
    struct msghdr message = {.msg_iov = (struct iovec *)parts,
                             .msg_iovlen = (size_t)(n_parts < IOV_MAX ? n_parts : IOV_MAX)};
    ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
    /* The refusal of an earlier datagram, which c-ares would not hear of again: it holds for all of them. */
    if (n < 0 && channel->kind != RESOLVER_TCP && errno == ECONNREFUSED)
        channel->broken = true;
    return n;
}

static const struct ares_socket_functions socket_functions = {
    .asocket = open_socket,
    .aclose = close_socket,
    .aconnect = connect_socket,
    .arecvfrom = read_socket,
    .asendv = write_socket,
};

static void on_ready(void *context, int fd, unsigned events, int64_t now_ns) {
    (void)now_ns;
    struct resolver_ares *channel = context;
    channel->reads_left = READS_PER_EVENT;
    ares_process_fd(channel->ares, (events & LOOP_READ) ? fd : ARES_SOCKET_BAD,
                    (events & LOOP_WRITE) ? fd : ARES_SOCKET_BAD);
}

static void on_socket_state(void *context, ares_socket_t fd, int readable, int writable) {
    struct resolver_ares *channel = context;
    unsigned events = (readable ? LOOP_READ : 0U) | (writable ? LOOP_WRITE : 0U);
    if (loop_watch(channel->loop, fd, events, on_ready, channel) != STATUS_OK)
        channel->broken = true;
}

static int set_server(ares_channel ares, const struct endpoint *server) {
    struct ares_addr_port_node node = {.udp_port = server->port, .tcp_port = server->port};
    uint8_t bytes[16];
    size_t len = ip_bytes(&server->ip, bytes);
    node.family = server->ip.family == IP_V4 ? AF_INET : AF_INET6;
    static_assert(sizeof node.addr >= sizeof bytes, "addr is a union of both families");
    memcpy(&node.addr, bytes, len);
    return ares_set_servers_ports(ares, &node);
}

/* Everything that c-ares would otherwise look for in files is given, so it opens none; should a newer version
 * want one all the same, it finds /dev/null. */
static int init_ares(struct resolver_ares *channel) {
    struct in_addr placeholder = {.s_addr = htonl(INADDR_LOOPBACK)}; /* until set_server() */
    char lookups[] = "b", no_file[] = "/dev/null";
    struct ares_options options = {
        .flags = ARES_FLAG_IGNTC | ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
        .timeout = ARES_TIMEOUT_MS,
        .tries = 1,
        .ndots = 0,
        .servers = &placeholder,
        .nservers = 1,
        .lookups = lookups,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = channel,
        .resolvconf_path = no_file,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_SERVERS |
               ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
               ARES_OPT_RESOLVCONF | ARES_OPT_NOROTATE;
    if (channel->kind == RESOLVER_TCP)
        options.flags |= ARES_FLAG_USEVC;
#ifdef ARES_OPT_QUERY_CACHE
    mask |= ARES_OPT_QUERY_CACHE; /* a second look must reach the server: no cache (qcache_max_ttl 0) */
#endif
    return ares_init_options(&channel->ares, &options, mask);
}

struct resolver_ares *resolver_ares_new(struct loop *loop, struct log_limit *shortages,
                                        const struct endpoint *server, enum resolver_channel kind) {
    struct resolver_ares *channel = calloc(1, sizeof *channel);
    if (!channel)
        return NULL;
    channel->loop = loop;
    channel->shortages = shortages;
    channel->since_ns = loop_now_ns(loop);
    channel->server = *server;
    channel->kind = kind;
    if (init_ares(channel) != ARES_SUCCESS) {
        free(channel);
        return NULL;
    }
    ares_set_socket_functions(channel->ares, &socket_functions, channel);
    if (set_server(channel->ares, server) != ARES_SUCCESS) {
        resolver_ares_free(channel);
        return NULL;
    }
    return channel;
}

void resolver_ares_free(struct resolver_ares *channel) {
    ares_destroy(channel->ares);
    assert(channel->held == 0);
    free(channel);
}
