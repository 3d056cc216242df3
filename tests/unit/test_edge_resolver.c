/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=calloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/clock.h"
#include "edge/loop.h"
#include "edge/resolver.h"

#include <ares.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t MS = 1000000;
static const uint32_t LOCALHOST = 0x7f000001;

/* --- Allocations that fail: ours (by the linker) and those of c-ares (by its own hook) --- */

static int fail_at = -1; /* counts down; at 0 and, if `fail_on`, from then on, allocations fail */
static bool fail_on;

static bool allocation_fails(void) {
    if (fail_at < 0)
        return false;
    if (fail_at > 0) {
        fail_at--;
        return false;
    }
    if (!fail_on)
        fail_at = -1;
    return true;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size) {
    return allocation_fails() ? NULL : __real_calloc(n, size);
}
static void *ares_test_malloc(size_t size) {
    return allocation_fails() ? NULL : malloc(size);
}
static void *ares_test_realloc(void *old, size_t size) {
    return allocation_fails() ? NULL : realloc(old, size);
}

/* --- A DNS server in a thread; the first letter of the name asked says what it does --- */

enum {
    ANSWER = 'a',
    SILENCE = 's',
    LATE = 'l',        /* answers after LATE_MS */
    WRONG_ID = 'w',    /* answers to somebody else's id, and not to ours */
    EMPTY_FIRST = 'e', /* an empty datagram, then the answer */
    TWICE = 'd',       /* the answer two times */
    TRUNCATED = 't',   /* UDP: TC; TCP: 4,000 bytes, in pieces */
    CLOSE = 'c',       /* TCP: closes the connection */
    LATE_MS = 120,
    PORTS_MAX = 64,
    PENDING_MAX = 64,
    CONNECTIONS_MAX = 16,
};

struct late {
    int64_t due_ns;
    struct sockaddr_in6 to;
    socklen_t to_len;
    size_t len;
    uint8_t bytes[512];
};

struct dns_server {
    pthread_t thread;
    int udp, tcp, stop[2];
    struct endpoint endpoint;
    atomic_int connections;
    struct {
        in_port_t port;
        unsigned queries;
    } ports[PORTS_MAX];
    size_t n_ports;
    struct late late[PENDING_MAX];
    size_t n_late;
    int conns[CONNECTIONS_MAX];
};

static void count_port(struct dns_server *s, in_port_t port) {
    for (size_t i = 0; i < s->n_ports; i++) {
        if (s->ports[i].port == port) {
            s->ports[i].queries++;
            return;
        }
    }
    if (s->n_ports < PORTS_MAX)
        s->ports[s->n_ports++].port = port, s->ports[s->n_ports - 1].queries = 1;
}

static void serve_udp(struct dns_server *s) {
    struct late q = {.to_len = sizeof q.to};
    ssize_t n = recvfrom(s->udp, q.bytes, sizeof q.bytes, MSG_DONTWAIT, (struct sockaddr *)&q.to, &q.to_len);
    if (n < 18)
        return;
    q.len = (size_t)n;
    count_port(s, q.to.sin6_port); /* at the same place in sockaddr_in */
    uint8_t what = q.bytes[13];
    q.bytes[2] |= 0x80;
    if (what == TRUNCATED)
        q.bytes[2] |= 0x02;
    if (what == WRONG_ID)
        q.bytes[0] ^= 0x40;
    if (what == SILENCE)
        return;
    if (what == LATE) {
        q.due_ns = clock_now_ns() + LATE_MS * MS;
        if (s->n_late < PENDING_MAX)
            s->late[s->n_late++] = q;
        return;
    }
    if (what == EMPTY_FIRST)
        sendto(s->udp, "", 0, 0, (struct sockaddr *)&q.to, q.to_len);
    for (int i = 0; i < (what == TWICE ? 2 : 1); i++)
        sendto(s->udp, q.bytes, q.len, 0, (struct sockaddr *)&q.to, q.to_len);
}

static void serve_late(struct dns_server *s) {
    for (size_t i = 0; i < s->n_late;) {
        struct late *l = &s->late[i];
        if (l->due_ns <= clock_now_ns()) {
            sendto(s->udp, l->bytes, l->len, 0, (struct sockaddr *)&l->to, l->to_len);
            *l = s->late[--s->n_late];
        } else {
            i++;
        }
    }
}

static void serve_tcp(int *connection) {
    uint8_t frame[2 + 4000] = {0}, prefix[2];
    ssize_t n = recv(*connection, prefix, 2, MSG_WAITALL);
    size_t len = n == 2 ? (size_t)(prefix[0] << 8 | prefix[1]) : 0;
    if (len < 18 || recv(*connection, frame + 2, len, MSG_WAITALL) != (ssize_t)len || frame[15] == CLOSE) {
        close(*connection);
        *connection = -1;
        return;
    }
    frame[4] |= 0x80;
    if (frame[15] == SILENCE)
        return;
    if (frame[15] == TRUNCATED)
        len = sizeof frame - 2;
    frame[0] = (uint8_t)(len >> 8);
    frame[1] = (uint8_t)len;
    for (size_t sent = 0, step; sent < len + 2; sent += step) {
        step = sent == 0 ? 1 : len + 2 - sent < 1500 ? len + 2 - sent : 1500;
        if (send(*connection, frame + sent, step, MSG_NOSIGNAL) < 0)
            break;
        usleep(1000);
    }
}

static void *serve(void *context) {
    struct dns_server *s = context;
    for (;;) {
        struct pollfd fds[3 + CONNECTIONS_MAX] = {
            {s->stop[0], POLLIN, 0}, {s->udp, POLLIN, 0}, {s->tcp, POLLIN, 0}};
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            fds[3 + i] = (struct pollfd){s->conns[i], POLLIN, 0};
        poll(fds, 3 + CONNECTIONS_MAX, s->n_late > 0 ? 5 : 1000);
        if (fds[0].revents)
            return NULL;
        if (fds[1].revents) {
            for (int i = 0; i < 64; i++)
                serve_udp(s);
        }
        serve_late(s);
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
            if (fds[3 + i].revents)
                serve_tcp(&s->conns[i]);
        }
        if (fds[2].revents) {
            int i = 0;
            while (i < CONNECTIONS_MAX - 1 && s->conns[i] >= 0)
                i++;
            s->conns[i] = accept(s->tcp, NULL, NULL);
            s->connections++;
        }
    }
}

/* UDP and TCP on one port of the kernel's choice. */
static bool bind_both(struct dns_server *s, int family) {
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(LOCALHOST)};
    struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t len = family == AF_INET ? sizeof v4 : sizeof v6;
    const int size = 4 << 20, one = 1;
    s->udp = socket(family, SOCK_DGRAM, 0);
    s->tcp = socket(family, SOCK_STREAM, 0);
    setsockopt(s->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(s->tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (s->udp < 0 || s->tcp < 0 || bind(s->tcp, address, len) != 0 ||
        getsockname(s->tcp, address, &len) != 0 || bind(s->udp, address, len) != 0)
        return false;
    s->endpoint.port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
    s->endpoint.ip = family == AF_INET ? ip_v4(LOCALHOST) : ip_v6(v6.sin6_addr.s6_addr);
    return true;
}

/* What the thread has counted can be read from here on. */
static void join_server(struct dns_server *s) {
    if (s->thread) {
        assert_int_equal(write(s->stop[1], "x", 1), 1);
        pthread_join(s->thread, NULL);
        s->thread = 0;
    }
}

static void stop_server(struct dns_server *s) {
    join_server(s);
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (s->conns[i] >= 0)
            close(s->conns[i]);
    }
    close(s->stop[0]);
    close(s->stop[1]);
    close(s->udp);
    close(s->tcp);
    free(s);
}

/* A server whose ports are taken, and refuse: nobody listens, and the UDP socket hears only 127.0.0.2. A port
 * that is merely free could become our own source port, and we would hear ourselves. */
static struct dns_server *prepare_server(int family) {
    const struct sockaddr_in other = {
        .sin_family = AF_INET, .sin_port = 1, .sin_addr.s_addr = htonl(LOCALHOST + 1)};
    for (int i = 0; i < 20; i++) { /* the port of TCP may be taken for UDP */
        struct dns_server *s = calloc(1, sizeof *s);
        memset(s->conns, -1, sizeof s->conns);
        assert_int_equal(pipe(s->stop), 0);
        if (bind_both(s, family)) {
            if (family == AF_INET)
                assert_int_equal(connect(s->udp, (const struct sockaddr *)&other, sizeof other), 0);
            return s;
        }
        stop_server(s);
    }
    return NULL;
}

static void start_prepared(struct dns_server *s) {
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    assert_int_equal(connect(s->udp, &nobody, sizeof nobody), 0);
    assert_int_equal(listen(s->tcp, 16), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static struct dns_server *start_server(int family) {
    struct dns_server *s = prepare_server(family);
    if (s)
        start_prepared(s);
    return s;
}

/* --- The world of a test: a loop, a resolver, two servers and a port where nobody is --- */

enum { COOKIES = 4096, SERVER_A = 0, SERVER_B = 1, NOBODY = 2, NO_ROUTE = 3, N_SERVERS = 4 };

struct world {
    struct loop *loop;
    struct resolver *resolver;
    struct dns_server *server[3];
    struct endpoint endpoints[N_SERVERS];
    int64_t until_ns;
    size_t wanted; /* stop when that many have ended */
    size_t ended;
    uint8_t outcomes[COOKIES]; /* by cookie: 1 + outcome; 0: none yet */
    int64_t took_ns[COOKIES];
    size_t order[COOKIES]; /* cookies as they ended */
    uint8_t message[COOKIES][16];
    size_t len[COOKIES];
    bool in_send;
    int depth;
    size_t resend;     /* so many times the handler sends again when a query fails ... */
    bool resend_fails; /* ... inside the call */
    size_t next_cookie;
};

static void send_one(struct world *w, size_t server, enum resolver_channel channel, uint8_t what,
                     int64_t timeout_ns, size_t cookie) {
    uint8_t query[64] = {(uint8_t)(cookie >> 8), (uint8_t)cookie, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    size_t len = 12;
    char label[16];
    int n = snprintf(label, sizeof label, "%c%zu", what, cookie);
    query[len++] = (uint8_t)n;
    memcpy(query + len, label, (size_t)n);
    len += (size_t)n;
    memcpy(query + len, "\4test\0\0\1\0\1", 10);
    len += 10;
    w->in_send = true;
    resolver_send(w->resolver, server, channel, query, len, timeout_ns, cookie, loop_now_ns(w->loop));
    w->in_send = false;
}

static void on_outcome(void *context, uint64_t cookie, enum resolver_outcome outcome, const uint8_t *message,
                       size_t len, int64_t took_ns) {
    struct world *w = context;
    assert_false(w->in_send);
    assert_int_equal(w->depth, 0);
    w->depth++;
    assert_in_range(cookie, 0, COOKIES - 1);
    if (w->outcomes[cookie] != 0)
        fail_msg("cookie %d ends twice", (int)cookie);
    assert_true((message != NULL) == (outcome == RESOLVER_ANSWER));
    assert_true(took_ns >= 0);
    w->outcomes[cookie] = (uint8_t)(1 + outcome);
    w->took_ns[cookie] = took_ns;
    w->order[w->ended++] = cookie;
    w->len[cookie] = len;
    if (message)
        memcpy(w->message[cookie], message, len < 16 ? len : 16);
    if (outcome == RESOLVER_NETWORK && w->resend > 0) {
        w->resend--;
        send_one(w, w->resend_fails ? N_SERVERS : NOBODY, RESOLVER_UDP, ANSWER, 1000 * MS, w->next_cookie++);
    }
    w->depth--;
}

static int64_t on_turn(void *context, int64_t now_ns) {
    struct world *w = context;
    int64_t next_ns = resolver_turn(w->resolver, now_ns);
    if (w->ended >= w->wanted || now_ns >= w->until_ns)
        loop_stop(w->loop);
    return next_ns < w->until_ns ? next_ns : w->until_ns;
}

/* Until `wanted` queries have ended in all, for at most `ms`. */
static void run(struct world *w, size_t wanted, int ms) {
    w->wanted = wanted;
    w->until_ns = clock_now_ns() + ms * MS;
    loop_wake(w->loop);
    assert_int_equal(loop_run(w->loop), STATUS_OK);
}

static void expect(const struct world *w, size_t first, size_t n, enum resolver_outcome outcome) {
    for (size_t i = first; i < first + n; i++) {
        if (w->outcomes[i] != 1 + outcome)
            fail_msg("query %zu: outcome %d, not %d", i, w->outcomes[i] - 1, (int)outcome);
    }
}

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    w->loop = loop_new();
    w->resolver = resolver_new(w->loop, on_outcome, w);
    for (int i = 0; i < 2; i++) {
        w->server[i] = start_server(AF_INET);
        w->endpoints[i] = w->server[i]->endpoint;
    }
    w->server[NOBODY] = prepare_server(AF_INET);
    w->endpoints[NOBODY] = w->server[NOBODY]->endpoint;
    w->endpoints[NO_ROUTE] = (struct endpoint){ip_v4(0xffffffff), 53}; /* connect(2) refuses broadcast */
    if (resolver_set_servers(w->resolver, w->endpoints, N_SERVERS) != STATUS_OK)
        return -1;
    loop_on_turn(w->loop, on_turn, w);
    alarm(60);
    run(w, 0, 0); /* a first turn, for loop_now_ns() */
    fail_on = false;
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    struct world *w = *state;
    fail_at = -1;
    resolver_free(w->resolver);
    loop_free(w->loop);
    for (int i = 0; i < 3; i++)
        stop_server(w->server[i]);
    free(w);
    alarm(0);
    return 0;
}

/* --- Outcomes --- */

static size_t open_files(void) {
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void brings_back_the_answer_to_each_query(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < 300; i++)
        send_one(w, i % 2, RESOLVER_UDP, ANSWER, 5000 * MS, i);
    assert_int_equal(resolver_in_flight(w->resolver), 300);
    run(w, 300, 10000);
    expect(w, 0, 300, RESOLVER_ANSWER);
    for (size_t i = 0; i < 300; i++) {
        const uint8_t *m = w->message[i];
        if ((size_t)(m[0] << 8 | m[1]) != i || (m[2] & 0x80) == 0 || m[13] != ANSWER)
            fail_msg("query %zu got another answer", i);
    }
    assert_int_equal(resolver_in_flight(w->resolver), 0);
}

static void asks_over_ipv6(void **state) {
    struct world *w = *state;
    struct dns_server *s = start_server(AF_INET6);
    if (!s)
        skip();
    assert_int_equal(resolver_set_servers(w->resolver, &s->endpoint, 1), STATUS_OK);
    send_one(w, 0, RESOLVER_UDP, ANSWER, 2000 * MS, 0);
    send_one(w, 0, RESOLVER_TCP, ANSWER, 2000 * MS, 1);
    run(w, 2, 5000);
    stop_server(s);
    expect(w, 0, 2, RESOLVER_ANSWER);
}

static void times_out_what_nobody_answers_once_and_in_time(void **state) {
    struct world *w = *state;
    send_one(w, SERVER_A, RESOLVER_UDP, SILENCE, 60 * MS, 0);
    send_one(w, SERVER_A, RESOLVER_UDP, WRONG_ID, 60 * MS, 1);
    send_one(w, SERVER_A, RESOLVER_TCP, SILENCE, 60 * MS, 2);
    run(w, 4, 150);
    expect(w, 0, 3, RESOLVER_TIMEOUT);
    assert_int_equal(w->ended, 3);
    for (size_t i = 0; i < 3; i++)
        assert_in_range(w->took_ns[i], 60 * MS, 140 * MS);
    assert_int_equal(resolver_in_flight(w->resolver), 0);
}

static void swallows_an_answer_after_the_time_out(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < 20; i++)
        send_one(w, SERVER_A, RESOLVER_UDP, LATE, 30 * MS, i);
    run(w, 21, 60);
    expect(w, 0, 20, RESOLVER_TIMEOUT);
    send_one(w, SERVER_A, RESOLVER_UDP, ANSWER, 1000 * MS, 20);
    run(w, 22, 2 * LATE_MS); /* the late ones come now */
    expect(w, 20, 1, RESOLVER_ANSWER);
    assert_int_equal(w->ended, 21);
}

static void reports_an_answer_that_comes_twice_once(void **state) {
    struct world *w = *state;
    send_one(w, SERVER_A, RESOLVER_UDP, TWICE, 30000 * MS, 0);
    send_one(w, SERVER_A, RESOLVER_UDP, LATE, 30000 * MS, 1); /* keeps the socket open */
    run(w, 2, 30000);
    run(w, 3, LATE_MS); /* a third report would come now */
    expect(w, 0, 2, RESOLVER_ANSWER);
    assert_int_equal(w->ended, 2);
}

static void passes_over_an_empty_datagram(void **state) {
    struct world *w = *state;
    send_one(w, SERVER_A, RESOLVER_UDP, LATE, 30000 * MS, 0);
    send_one(w, SERVER_A, RESOLVER_UDP, EMPTY_FIRST, 30000 * MS, 1);
    run(w, 2, 30000);
    expect(w, 0, 2, RESOLVER_ANSWER);
}

static void reports_a_refused_port_at_once_for_all_queries(void **state) {
    struct world *w = *state;
    int64_t start_ns = clock_now_ns();
    size_t before = open_files();
    for (size_t i = 0; i < 200; i++)
        send_one(w, NOBODY, RESOLVER_UDP, ANSWER, 5000 * MS, i);
    assert_in_range(open_files(), before, before + 1); /* one refusal is enough, no socket for each */
    send_one(w, NOBODY, RESOLVER_TCP, ANSWER, 5000 * MS, 200);
    send_one(w, SERVER_A, RESOLVER_UDP, LATE, 5000 * MS, 201); /* another server's query goes on */
    run(w, 201, 3000);
    expect(w, 0, 201, RESOLVER_NETWORK);
    assert_true(clock_now_ns() - start_ns < 500 * MS);
    run(w, 202, 3000);
    expect(w, 201, 1, RESOLVER_ANSWER);
}

static void recovers_when_a_refused_server_comes_back(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < 10; i++)
        send_one(w, NOBODY, RESOLVER_UDP, ANSWER, 5000 * MS, i);
    run(w, 10, 3000);
    start_prepared(w->server[NOBODY]);
    for (size_t i = 10; i < 20; i++)
        send_one(w, NOBODY, i % RESOLVER_CHANNELS, ANSWER, 5000 * MS, i);
    run(w, 20, 3000);
    expect(w, 0, 10, RESOLVER_NETWORK);
    expect(w, 10, 10, RESOLVER_ANSWER);
}

static void reports_what_fails_inside_send_later(void **state) {
    struct world *w = *state;
    send_one(w, NO_ROUTE, RESOLVER_UDP, ANSWER, 1000 * MS, 0);
    send_one(w, NO_ROUTE, RESOLVER_TCP, ANSWER, 1000 * MS, 1);
    send_one(w, N_SERVERS, RESOLVER_UDP, ANSWER, 1000 * MS, 2); /* no such server */
    assert_int_equal(w->ended, 0);
    assert_int_equal(resolver_in_flight(w->resolver), 3);
    run(w, 3, 1000);
    expect(w, 0, 3, RESOLVER_NETWORK);
}

static void never_recurses_when_the_handler_sends_again(void **state) {
    struct world *w = *state;
    w->resend = 3000;
    w->next_cookie = 1;
    send_one(w, NOBODY, RESOLVER_UDP, ANSWER, 1000 * MS, 0);
    run(w, 3001, 20000); /* the handler looks at the depth */
    expect(w, 0, 3001, RESOLVER_NETWORK);
}

static void a_turn_reports_only_what_failed_before_it(void **state) {
    struct world *w = *state;
    w->resend = 10;
    w->resend_fails = true;
    w->next_cookie = 1;
    send_one(w, N_SERVERS, RESOLVER_UDP, ANSWER, 1000 * MS, 0);
    for (size_t turn = 1; turn <= 11; turn++) {
        int64_t now_ns = loop_now_ns(w->loop);
        int64_t next_ns = resolver_turn(w->resolver, now_ns);
        assert_int_equal(w->ended, turn);
        assert_true((next_ns <= now_ns) == (turn <= 10)); /* the next one is due at once */
    }
}

/* --- TCP --- */

static void hands_over_a_truncated_answer_and_gets_all_of_it_by_tcp(void **state) {
    struct world *w = *state;
    send_one(w, SERVER_A, RESOLVER_UDP, TRUNCATED, 2000 * MS, 0);
    run(w, 1, 3000);
    expect(w, 0, 1, RESOLVER_ANSWER);
    assert_int_equal(w->message[0][2] & 0x02, 0x02);
    assert_int_equal(w->server[0]->connections, 0);
    send_one(w, SERVER_A, RESOLVER_TCP, TRUNCATED, 2000 * MS, 1);
    run(w, 2, 3000);
    expect(w, 1, 1, RESOLVER_ANSWER);
    assert_int_equal(w->len[1], 4000);
    assert_int_equal(w->server[0]->connections, 1);
}

static void a_closed_connection_is_the_network_and_leaves_udp_alone(void **state) {
    struct world *w = *state;
    send_one(w, SERVER_A, RESOLVER_UDP, LATE, 2000 * MS, 0);
    send_one(w, SERVER_A, RESOLVER_TCP, CLOSE, 2000 * MS, 1);
    run(w, 2, 3000);
    expect(w, 0, 1, RESOLVER_ANSWER);
    expect(w, 1, 1, RESOLVER_NETWORK);
}

static void leaves_a_connection_that_hangs(void **state) {
    struct world *w = *state;
    send_one(w, SERVER_A, RESOLVER_TCP, SILENCE, 50 * MS, 0);
    send_one(w, SERVER_A, RESOLVER_TCP, SILENCE, 150 * MS, 1); /* waits on */
    run(w, 1, 1000);
    send_one(w, SERVER_A, RESOLVER_TCP, ANSWER, 2000 * MS, 2);
    run(w, 3, 3000);
    expect(w, 0, 2, RESOLVER_TIMEOUT);
    expect(w, 2, 1, RESOLVER_ANSWER);
    assert_int_equal(w->server[0]->connections, 2);
}

/* --- Ports and channels --- */

/* The server closes its end of a connection when it sees that ours is closed. */
static size_t settled_files(size_t expected) {
    for (int i = 0; i < 1000 && open_files() != expected; i++)
        usleep(1000);
    return open_files();
}

static void takes_a_new_port_for_each_thousand_queries(void **state) {
    struct world *w = *state;
    const size_t all = 2500, window = 200;
    size_t sent = 0;
    while (w->ended < all) {
        for (; sent < all && sent < w->ended + window; sent++)
            send_one(w, SERVER_A, RESOLVER_UDP, ANSWER, 20000 * MS, sent);
        size_t before = w->ended;
        run(w, before + 1, 20000);
        assert_true(w->ended > before);
    }
    expect(w, 0, all, RESOLVER_ANSWER);
    struct dns_server *s = w->server[0];
    join_server(s);
    assert_in_range(s->n_ports, 3, PORTS_MAX);
    for (size_t i = 0; i < s->n_ports; i++)
        assert_in_range(s->ports[i].queries, 1, RESOLVER_QUERIES_PER_PORT);
}

/* What is never answered keeps the sockets open: else every query had a port of its own. */
static void a_confirmation_has_another_port_than_any_look_before_it(void **state) {
    struct world *w = *state;
    const int64_t start_ns = loop_now_ns(w->loop);
    send_one(w, SERVER_A, RESOLVER_UDP, SILENCE, 30000 * MS, 0);
    send_one(w, SERVER_A, RESOLVER_UDP_CONFIRM, SILENCE, 30000 * MS, 1);
    send_one(w, SERVER_A, RESOLVER_UDP_CONFIRM, ANSWER, 30000 * MS, 2);
    while (loop_now_ns(w->loop) < start_ns + RESOLVER_CONFIRM_PORT_NS)
        run(w, COOKIES, 20);
    send_one(w, SERVER_A, RESOLVER_UDP_CONFIRM, ANSWER, 30000 * MS, 3);
    send_one(w, SERVER_A, RESOLVER_UDP, ANSWER, 30000 * MS, 4);
    run(w, 3, 20000);
    expect(w, 2, 3, RESOLVER_ANSWER);
    struct dns_server *s = w->server[0];
    join_server(s);
    assert_int_equal(s->n_ports, 3);
    unsigned all[3] = {0};
    for (size_t i = 0; i < 3; i++)
        all[s->ports[i].queries - 1]++;
    assert_true(all[0] == 1 && all[1] == 2);
}

static bool told_a_shortage(const char *path) {
    char text[4096] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    const char *line = strstr(text, "DNS queries cannot be sent");
    return line != NULL && strstr(line, "LimitNOFILE=") != NULL && strstr(line + 1, "DNS queries") == NULL;
}

static void says_once_that_there_are_no_descriptors(void **state) {
    struct world *w = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    char path[] = "/tmp/test_edge_resolver.XXXXXX";
    const int log = mkstemp(path), stderr_before = dup(STDERR_FILENO);
    assert_true(log >= 0 && stderr_before >= 0);
    assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
    const int next = dup(log);
    close(next);
    const struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (size_t i = 0; i < 40; i++)
        send_one(w, i % 2, (enum resolver_channel)(i % RESOLVER_CHANNELS), ANSWER, 5000 * MS, i);
    run(w, 40, 3000);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(dup2(stderr_before, STDERR_FILENO), STDERR_FILENO);
    for (size_t i = 40; i < 80; i++)
        send_one(w, i % 2, (enum resolver_channel)(i % RESOLVER_CHANNELS), ANSWER, 5000 * MS, i);
    run(w, 80, 3000);
    bool told = told_a_shortage(path);
    close(log);
    close(stderr_before);
    unlink(path);
    expect(w, 0, 40, RESOLVER_NETWORK);
    expect(w, 40, 40, RESOLVER_ANSWER);
    assert_true(told);
}

static void closes_what_only_waits_for_late_answers(void **state) {
    struct world *w = *state;
    size_t before = open_files();
    for (size_t i = 0; i < 2100; i++)
        send_one(w, SERVER_A, RESOLVER_UDP, SILENCE, 10 * MS, i);
    send_one(w, SERVER_A, RESOLVER_TCP, SILENCE, 10 * MS, 2100);
    run(w, 2101, 3000);
    expect(w, 0, 2101, RESOLVER_TIMEOUT);
    assert_int_equal(settled_files(before + 3),
                     before + 3); /* the connection at once, the ports in a while */
    int64_t now_ns = loop_now_ns(w->loop), next_ns = resolver_turn(w->resolver, now_ns);
    assert_in_range(next_ns, now_ns + 1000 * MS, now_ns + 6000 * MS);
    assert_int_equal(resolver_turn(w->resolver, next_ns), INT64_MAX);
    assert_int_equal(settled_files(before), before);
}

/* With a server named twice each turn retires a channel that has one query open. */
static void gives_up_the_oldest_of_too_many_channels_that_drain(void **state) {
    struct world *w = *state;
    const size_t all = 200, most = 128, lost = all - 1 - most;
    const struct endpoint twice[] = {w->endpoints[SERVER_A], w->endpoints[SERVER_A]};
    size_t before = open_files();
    for (size_t i = 0; i < all; i++) {
        assert_int_equal(resolver_set_servers(w->resolver, twice, 2), STATUS_OK);
        send_one(w, 1, RESOLVER_UDP, SILENCE, 60000 * MS, i);
        assert_int_equal(resolver_set_servers(w->resolver, twice, 1), STATUS_OK);
    }
    run(w, all, 100);
    assert_int_equal(w->ended, lost);
    expect(w, 0, lost, RESOLVER_TIMEOUT);
    assert_int_equal(resolver_in_flight(w->resolver), all - lost);
    assert_int_equal(settled_files(before + most + 1), before + most + 1);
}

static void keeps_queries_to_servers_that_stay_and_fails_the_others(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < 10; i++) {
        send_one(w, SERVER_A, RESOLVER_UDP, SILENCE, 5000 * MS, i);
        send_one(w, SERVER_A, RESOLVER_TCP, SILENCE, 5000 * MS, 10 + i);
        send_one(w, SERVER_B, RESOLVER_UDP, LATE, 5000 * MS, 20 + i);
    }
    struct endpoint same_ip = {w->endpoints[0].ip, (uint16_t)(w->endpoints[0].port ^ 1)};
    const struct endpoint fresh[] = {w->endpoints[SERVER_B], same_ip, w->endpoints[SERVER_B]};
    assert_int_equal(resolver_set_servers(w->resolver, fresh, 3), STATUS_OK);
    assert_int_equal(w->ended, 0);
    for (size_t i = 30; i < 40; i++)
        send_one(w, i % 2 ? 0 : 2, RESOLVER_UDP, ANSWER, 5000 * MS, i);
    run(w, 40, 3000);
    expect(w, 0, 20, RESOLVER_NETWORK);
    expect(w, 20, 20, RESOLVER_ANSWER);
    assert_int_equal(resolver_set_servers(w->resolver, NULL, 0), STATUS_OK);
    send_one(w, 0, RESOLVER_UDP, ANSWER, 5000 * MS, 40);
    run(w, 41, 1000);
    expect(w, 40, 1, RESOLVER_NETWORK);
}

static void keeps_deadlines_in_order_whatever_the_time_outs(void **state) {
    struct world *w = *state;
    const size_t n = 500;
    const int64_t base_ns = loop_now_ns(w->loop);
    for (size_t i = 0; i < n; i++) /* 500 different ones, in no order, far more than there are queues */
        send_one(w, SERVER_A, RESOLVER_UDP, SILENCE, MS + (int64_t)(i * 7919 % n) * MS, i);
    for (size_t ended = 0; ended < n; ended++) {
        int64_t next_ns = resolver_turn(w->resolver, base_ns + (int64_t)(ended + 1) * MS - 1);
        assert_int_equal(w->ended, ended);
        assert_int_equal(next_ns, base_ns + (int64_t)(ended + 1) * MS);
        resolver_turn(w->resolver, next_ns);
        assert_int_equal(w->ended, ended + 1);
        assert_int_equal(w->order[ended] * 7919 % n, ended);
    }
}

static void frees_with_queries_under_way(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < 1500; i++)
        send_one(w, i % N_SERVERS, i % 7 == 0 ? RESOLVER_TCP : RESOLVER_UDP, i % 2 ? SILENCE : LATE,
                 5000 * MS, i);
    send_one(w, SERVER_A, RESOLVER_UDP, SILENCE, 5 * MS, 1500);
    run(w, COOKIES, 30); /* some have failed, one is lost */
    size_t ended = w->ended;
    for (size_t i = 1501; i < 1600; i++)
        send_one(w, i % N_SERVERS, RESOLVER_UDP, SILENCE, 5000 * MS, i);
    resolver_free(w->resolver);
    w->resolver = NULL; /* NULL is allowed */
    assert_int_equal(w->ended, ended);
}

/* --- Memory --- */

static void reports_every_query_when_memory_fails(void **state) {
    int reached = 0;
    for (int on = 0; on < 2; on++) {
        bool through = false;
        for (int at = 0; !through && at < 200; at++) {
            void *fresh;
            assert_int_equal(set_up(&fresh), 0);
            struct world *w = fresh;
            fail_at = at;
            fail_on = on;
            for (size_t i = 0; i < 4; i++)
                send_one(w, i % 2, i >= 2 ? RESOLVER_TCP : RESOLVER_UDP, ANSWER, 1000 * MS, i);
            through = fail_at > 0;
            fail_at = -1;
            run(w, 4, 3000);
            assert_int_equal(w->ended, 4);
            send_one(w, SERVER_A, RESOLVER_UDP, ANSWER, 1000 * MS, 4);
            send_one(w, SERVER_A, RESOLVER_TCP, ANSWER, 1000 * MS, 5);
            run(w, 6, 3000);
            expect(w, 4, 2, RESOLVER_ANSWER);
            tear_down(&fresh);
            reached++;
        }
        assert_true(through);
    }
    assert_in_range(reached, 20, 400);
    (void)state;
}

static void keeps_the_old_servers_when_memory_fails(void **state) {
    struct world *w = *state;
    fail_at = 0;
    assert_int_equal(resolver_set_servers(w->resolver, w->endpoints + 1, 1), STATUS_NO_MEMORY);
    fail_at = 0;
    assert_null(resolver_new(w->loop, on_outcome, w));
    send_one(w, SERVER_A, RESOLVER_UDP, ANSWER, 1000 * MS, 0);
    run(w, 1, 3000);
    expect(w, 0, 1, RESOLVER_ANSWER);
}

/* --- resolv.conf --- */

#define NONE STATUS_OK, "127.0.0.1"

static const struct {
    const char *text;
    size_t len; /* 0: strlen */
    enum status status;
    const char *servers;
} files[] = {
    {"", 0, NONE},
    {"\n\n", 0, NONE},
    {"nameserver 192.0.2.1\n", 0, STATUS_OK, "192.0.2.1"},
    {"nameserver 192.0.2.1", 0, STATUS_OK, "192.0.2.1"},
    {"nameserver\t192.0.2.1 \t\r\n", 0, STATUS_OK, "192.0.2.1"},
    {"nameserver 192.0.2.1 # ours\nnameserver 192.0.2.2;x\n", 0, STATUS_OK, "192.0.2.1 192.0.2.2"},
    {"# c\n; c\nsearch example.net\noptions ndots:2\nnameserver 2001:db8::1\n", 0, STATUS_OK, "2001:db8::1"},
    {"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver ::1\nnameserver 192.0.2.4\n", 0, STATUS_OK,
     "192.0.2.1 192.0.2.2 ::1"},
    {"#nameserver 192.0.2.1\n", 0, NONE},
    {" nameserver 192.0.2.1\n", 0, NONE},
    {"nameservers 192.0.2.1\n", 0, NONE},
    {"nameserver192.0.2.1\n", 0, NONE},
    {"nameserver\n", 0, NONE},
    {"nameserver \n192.0.2.1\n", 0, NONE},
    {"nameserver fe80::1%eth0\nnameserver 192.0.2.1\n", 0, STATUS_OK, "192.0.2.1"},
    {"nameserver fe80::1%eth0\n", 0, STATUS_SYNTAX, ""},
    {"nameserver localhost\n", 0, STATUS_SYNTAX, ""},
    {"nameserver 192.0.2.1:53\n", 0, STATUS_SYNTAX, ""},
    {"nameserver 192.0.2.256\n", 0, STATUS_SYNTAX, ""},
    {"\0nameserver 192.0.2.1\n", 22, STATUS_SYNTAX, ""},
    {"nameserver 192.0.2.1\n\0", 22, STATUS_SYNTAX, ""},
};

static char scratch[64];

static void write_scratch(const void *bytes, size_t len) {
    snprintf(scratch, sizeof scratch, "/tmp/test_edge_resolver.XXXXXX");
    int fd = mkstemp(scratch);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static void reads_resolv_conf_strictly(void **state) {
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct endpoint out[3];
        size_t n = 99;
        write_scratch(files[i].text, files[i].len ? files[i].len : strlen(files[i].text));
        enum status status = resolver_system_servers(scratch, out, &n);
        unlink(scratch);
        char got[256] = "";
        for (size_t j = 0; status == STATUS_OK && j < n; j++) {
            char text[IP_TEXT_SIZE];
            ip_format(&out[j].ip, text);
            strcat(strcat(got, j ? " " : ""), text);
            assert_int_equal(out[j].port, 53);
        }
        if (status != files[i].status || strcmp(got, files[i].servers) != 0 ||
            (status != STATUS_OK && n != 99))
            fail_msg("row %zu: status %d, servers %s\n%s", i, (int)status, got, files[i].text);
    }
}

static void refuses_a_resolv_conf_that_cannot_be_believed(void **state) {
    struct endpoint out[3];
    size_t n;
    static char big[64 * 1024 + 1];
    memset(big, '\n', sizeof big);
    write_scratch(big, sizeof big);
    assert_int_equal(resolver_system_servers(scratch, out, &n), STATUS_SYNTAX);
    unlink(scratch);
    write_scratch(big, sizeof big - 1);
    assert_int_equal(resolver_system_servers(scratch, out, &n), STATUS_OK);
    unlink(scratch);
    assert_int_equal(resolver_system_servers(scratch, out, &n), STATUS_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(resolver_system_servers("/tmp", out, &n), STATUS_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(mkfifo(scratch, 0600), 0);
    alarm(10);
    assert_int_equal(resolver_system_servers(scratch, out, &n), STATUS_IO);
    alarm(0);
    unlink(scratch);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(brings_back_the_answer_to_each_query),
        IN_A_WORLD(asks_over_ipv6),
        IN_A_WORLD(times_out_what_nobody_answers_once_and_in_time),
        IN_A_WORLD(swallows_an_answer_after_the_time_out),
        IN_A_WORLD(reports_an_answer_that_comes_twice_once),
        IN_A_WORLD(passes_over_an_empty_datagram),
        IN_A_WORLD(reports_a_refused_port_at_once_for_all_queries),
        IN_A_WORLD(recovers_when_a_refused_server_comes_back),
        IN_A_WORLD(reports_what_fails_inside_send_later),
        IN_A_WORLD(never_recurses_when_the_handler_sends_again),
        IN_A_WORLD(a_turn_reports_only_what_failed_before_it),
        IN_A_WORLD(hands_over_a_truncated_answer_and_gets_all_of_it_by_tcp),
        IN_A_WORLD(a_closed_connection_is_the_network_and_leaves_udp_alone),
        IN_A_WORLD(leaves_a_connection_that_hangs),
        IN_A_WORLD(takes_a_new_port_for_each_thousand_queries),
        IN_A_WORLD(a_confirmation_has_another_port_than_any_look_before_it),
        IN_A_WORLD(says_once_that_there_are_no_descriptors),
        IN_A_WORLD(closes_what_only_waits_for_late_answers),
        IN_A_WORLD(gives_up_the_oldest_of_too_many_channels_that_drain),
        IN_A_WORLD(keeps_queries_to_servers_that_stay_and_fails_the_others),
        IN_A_WORLD(keeps_deadlines_in_order_whatever_the_time_outs),
        IN_A_WORLD(frees_with_queries_under_way),
        cmocka_unit_test(reports_every_query_when_memory_fails),
        IN_A_WORLD(keeps_the_old_servers_when_memory_fails),
        cmocka_unit_test(reads_resolv_conf_strictly),
        cmocka_unit_test(refuses_a_resolv_conf_that_cannot_be_believed),
    };
    /* Before the resolver does it: the first one decides. */
    ares_library_init_mem(ARES_LIB_INIT_ALL, ares_test_malloc, free, ares_test_realloc);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
