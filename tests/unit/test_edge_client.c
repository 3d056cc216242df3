/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a server of a few lines, which does what the path of a request says.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/client.h"
#include "edge/clock.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS INT64_C(1000000)
enum { REQUEST = 1 << 18, MOST_AT_ONCE = 16 };

static struct {
    int listener;
    int port;
    pthread_t thread;
    pthread_mutex_t lock;
    char last[REQUEST]; /* request */
    unsigned n_requests;
    unsigned n_open;
    unsigned most_open;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct client *client;
static struct client_place place;

static void send_text(int fd, const char *text) {
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void answer(int fd, const char *path) {
    char filler[8192];
    if (strncmp(path, "/slow", 5) == 0)
        usleep(1500000);
    else if (strncmp(path, "/pause", 6) == 0)
        usleep(100000);
    pthread_mutex_lock(&server.lock);
    server.n_open--; /* before the client can see the end of it */
    pthread_mutex_unlock(&server.lock);
    if (strncmp(path, "/close", 6) == 0)
        return;
    if (strncmp(path, "/nonsense", 9) == 0) {
        send_text(fd, "this is no HTTP\r\n\r\n");
        return;
    }
    if (strncmp(path, "/busy", 5) == 0)
        send_text(
            fd, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy");
    else if (strncmp(path, "/moved", 6) == 0)
        send_text(
            fd,
            "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    else if (strncmp(path, "/large", 6) == 0)
        send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    else
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    memset(filler, 'x', sizeof filler);
    for (size_t sent = 0; strncmp(path, "/large", 6) == 0 && sent <= CLIENT_BODY; sent += sizeof filler)
        if (send(fd, filler, sizeof filler, MSG_NOSIGNAL) < 0)
            break;
}

/* Reads head and body. */
static void read_request(int fd, char *text) {
    size_t len = 0;
    size_t want = SIZE_MAX;
    ssize_t n;
    text[0] = '\0';
    while (len < want && len < REQUEST - 1 && (n = recv(fd, text + len, REQUEST - 1 - len, 0)) > 0) {
        len += (size_t)n;
        text[len] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "Content-Length:");
        if (end != NULL)
            want = (size_t)(end - text) + 4 +
                   (length != NULL && length < end ? strtoul(length + 15, NULL, 10) : 0);
    }
}

static void *serve(void *context) {
    int fd = (int)(intptr_t)context;
    static _Thread_local char text[REQUEST];
    char path[256] = "";
    read_request(fd, text);
    (void)sscanf(text, "%*s %255s", path);
    pthread_mutex_lock(&server.lock);
    memcpy(server.last, text, sizeof text);
    server.n_requests++;
    server.n_open++;
    server.most_open = server.n_open > server.most_open ? server.n_open : server.most_open;
    pthread_mutex_unlock(&server.lock);
    answer(fd, path);
    close(fd);
    return NULL;
}

static void *listen_on(void *context) {
    int fd;
    while ((fd = accept(server.listener, NULL, NULL)) >= 0) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd), 0);
        pthread_detach(thread);
    }
    return NULL;
}

static int set_up(void **state) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    char why[CLIENT_WHY];
    char url[64];
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (server.listener < 0 || bind(server.listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(server.listener, 64) != 0 || getsockname(server.listener, (struct sockaddr *)&at, &len) != 0)
        return -1;
    server.port = ntohs(at.sin_port);
    setenv("http_proxy", "http://127.0.0.1:9/", 1); /* it is not to be asked */
    if (pthread_create(&server.thread, NULL, listen_on, NULL) != 0)
        return -1;
    client = client_new(why, sizeof why);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
    if (client == NULL || !client_place_read(client, url, &place, why, sizeof why))
        return -1;
    place.direct = true;
    return 0;
}

static int tear_down(void **state) {
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    client_free(client);
    return 0;
}

static struct client_exchange make(const char *path) {
    return (struct client_exchange){
        .request = {.path = path, .connect_ns = 5000 * MS, .total_ns = 30000 * MS}};
}

static struct client_answer get(const char *path) {
    struct client_exchange exchange = make(path);
    client_run(client, &place, &exchange, 1, 1, NULL, NULL);
    return exchange.answer;
}

static const char *last(void) {
    static char text[REQUEST];
    pthread_mutex_lock(&server.lock);
    memcpy(text, server.last, sizeof text);
    pthread_mutex_unlock(&server.lock);
    return text;
}

static void gets(void **state) {
    struct client_answer a = get("/there?x=1");
    assert_int_equal(a.result, CLIENT_ANSWERED);
    assert_int_equal(a.status, 200);
    assert_string_equal(buf_text(&a.body), "hello");
    assert_string_equal(a.why, "");
    assert_memory_equal(last(), "GET /there?x=1 HTTP/1.1\r\n", 25);
    assert_non_null(strstr(last(), "Accept: */*\r\n"));
    assert_null(strstr(last(), "Authorization"));
    buf_release(&a.body);
}

static void posts_all_bytes(void **state) {
    static char body[100000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)('a' + i * 31 % 26);
    struct client_exchange exchange = make("/take");
    exchange.request.post = true;
    exchange.request.body = body;
    exchange.request.body_len = sizeof body;
    exchange.request.content_type = "message/rfc822";
    exchange.request.accept = "application/json";
    client_run(client, &place, &exchange, 1, 1, NULL, NULL);
    assert_int_equal(exchange.answer.status, 200);
    assert_memory_equal(last(), "POST /take HTTP/1.1\r\n", 21);
    assert_non_null(strstr(last(), "\r\nContent-Type: message/rfc822\r\n"));
    assert_non_null(strstr(last(), "\r\nAccept: application/json\r\n"));
    assert_null(strstr(last(), "Expect"));
    const char *sent = strstr(last(), "\r\n\r\n");
    assert_non_null(sent);
    assert_int_equal(strlen(sent + 4), sizeof body);
    assert_memory_equal(sent + 4, body, sizeof body);
    buf_release(&exchange.answer.body);
}

static void a_post_may_have_no_body(void **state) {
    struct client_exchange exchange = make("/take");
    exchange.request.post = true;
    client_run(client, &place, &exchange, 1, 1, NULL, NULL);
    assert_int_equal(exchange.answer.status, 200);
    assert_non_null(strstr(last(), "Content-Length: 0\r\n"));
    assert_null(strstr(last(), "Content-Type"));
    buf_release(&exchange.answer.body);
}

static void sends_user_and_password_and_never_shows_them(void **state) {
    struct client_place with;
    char why[CLIENT_WHY];
    char url[128];
    char shown[128];
    snprintf(url, sizeof url, "http://me:s%%23cret@127.0.0.1:%d/prefix//", server.port);
    snprintf(shown, sizeof shown, "http://127.0.0.1:%d/prefix", server.port);
    assert_true(client_place_read(client, url, &with, why, sizeof why));
    assert_string_equal(with.shown, shown);
    with.direct = true;
    struct client_exchange exchange = make("/there");
    client_run(client, &with, &exchange, 1, 1, NULL, NULL);
    assert_int_equal(exchange.answer.status, 200);
    assert_memory_equal(last(), "GET /prefix/there ", 18);
    assert_non_null(strstr(last(), "Authorization: Basic bWU6cyNjcmV0\r\n")); /* me:s#cret */
    buf_release(&exchange.answer.body);
}

static void reads_places(void **state) {
    static const struct {
        const char *url, *shown; /* NULL: it is refused, */
        const char *why;         /* for this */
    } rows[] = {
        {"http://rbl.example.net:10554", "http://rbl.example.net:10554", ""},
        {"https://rbl.example.net/", "https://rbl.example.net", ""},
        {"HTTP://[::1]:10554/a/b/", "http://[::1]:10554/a/b", ""},
        {"ftp://rbl.example.net/", NULL, "must begin with http:// or https://"},
        {"file:///etc/passwd", NULL, "must begin with http:// or https://"},
        {"rbl.example.net:10554", NULL, "must begin with http:// or https://"},
        {"127.0.0.1", NULL, "must begin with http:// or https://"},
        {"none ", NULL, ""},
        {"http://", NULL, ""},
        {"http://me:secret@host:port/", NULL, ""},
        {"http://host/?x=1", NULL, "no ? and no #"},
        {"http://host/#x", NULL, "no ? and no #"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client_place read;
        char why[CLIENT_WHY] = "";
        bool good = client_place_read(client, rows[i].url, &read, why, sizeof why);
        if (good != (rows[i].shown != NULL) || strstr(why, rows[i].why) == NULL ||
            strstr(why, "secret") != NULL || (!good && why[0] == '\0'))
            fail_msg("%s: %d, %s", rows[i].url, good, why);
        if (good)
            assert_string_equal(read.shown, rows[i].shown);
    }
    static char longest[2 * CLIENT_URL] = "http://host/";
    struct client_place read;
    char why[CLIENT_WHY];
    memset(longest + 12, 'x', sizeof longest - 13);
    assert_false(client_place_read(client, longest, &read, why, sizeof why));
}

static void follows_no_redirect(void **state) {
    unsigned before = server.n_requests;
    struct client_answer a = get("/moved");
    assert_int_equal(a.result, CLIENT_ANSWERED);
    assert_int_equal(a.status, 302);
    assert_int_equal(server.n_requests, before + 1);
    buf_release(&a.body);
}

static void says_when_to_come_back(void **state) {
    struct client_answer a = get("/busy");
    assert_int_equal(a.status, 503);
    assert_int_equal(a.retry_after_s, 7);
    assert_string_equal(buf_text(&a.body), "busy");
    buf_release(&a.body);
}

static void tells_failures_apart(void **state) {
    struct client_answer a = get("/close");
    assert_int_equal(a.result, CLIENT_UNREACHABLE);
    assert_string_not_equal(a.why, "");
    buf_release(&a.body);
    a = get("/nonsense");
    assert_int_equal(a.result, CLIENT_BROKEN);
    assert_string_not_equal(a.why, "");
    buf_release(&a.body);
    a = get("/large");
    assert_int_equal(a.result, CLIENT_BROKEN);
    assert_string_equal(a.why, "its answer is too large");
    buf_release(&a.body);
    int taken = socket(AF_INET, SOCK_STREAM, 0); /* nobody listens there */
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    assert_int_equal(bind(taken, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&at, &len), 0);
    struct client_place nobody = {.direct = true};
    snprintf(nobody.url, sizeof nobody.url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    struct client_exchange exchange = make("/");
    client_run(client, &nobody, &exchange, 1, 1, NULL, NULL);
    assert_int_equal(exchange.answer.result, CLIENT_UNREACHABLE);
    assert_non_null(strstr(exchange.answer.why, "onnect"));
    buf_release(&exchange.answer.body);
    close(taken);
}

static void waits_no_longer_than_it_may(void **state) {
    struct client_exchange exchange = make("/slow");
    exchange.request.total_ns = 200 * MS;
    int64_t begun_ns = clock_now_ns();
    client_run(client, &place, &exchange, 1, 1, NULL, NULL);
    assert_int_equal(exchange.answer.result, CLIENT_UNREACHABLE);
    assert_true(clock_now_ns() - begun_ns < 1400 * MS);
    buf_release(&exchange.answer.body);
}

static bool count(void *context, size_t n_ended) {
    size_t *seen = context;
    *seen = n_ended;
    return true;
}

static void runs_so_many_at_once_and_no_more(void **state) {
    struct client_exchange exchanges[MOST_AT_ONCE];
    size_t seen = 0;
    for (int i = 0; i < MOST_AT_ONCE; i++)
        exchanges[i] = make(i == 3 ? "/busy" : "/pause");
    pthread_mutex_lock(&server.lock);
    server.most_open = 0;
    pthread_mutex_unlock(&server.lock);
    client_run(client, &place, exchanges, MOST_AT_ONCE, 4, count, &seen);
    assert_int_equal(seen, MOST_AT_ONCE);
    assert_in_range(server.most_open, 2, 4);
    for (int i = 0; i < MOST_AT_ONCE; i++) {
        assert_int_equal(exchanges[i].answer.status, i == 3 ? 503 : 200);
        buf_release(&exchanges[i].answer.body);
    }
}

static bool stop(void *context, size_t n_ended) {
    return n_ended < 2;
}

static void stops_when_it_is_told_to(void **state) {
    struct client_exchange exchanges[] = {make("/a"), make("/b"), make("/slow"), make("/c")};
    int64_t begun_ns = clock_now_ns();
    client_run(client, &place, exchanges, 4, 1, stop, NULL);
    assert_true(clock_now_ns() - begun_ns < 1400 * MS);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(exchanges[i].answer.result, i < 2 ? CLIENT_ANSWERED : CLIENT_STOPPED);
        buf_release(&exchanges[i].answer.body);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_so_many_at_once_and_no_more), /* before those that leave requests behind */
        cmocka_unit_test(gets),
        cmocka_unit_test(posts_all_bytes),
        cmocka_unit_test(a_post_may_have_no_body),
        cmocka_unit_test(sends_user_and_password_and_never_shows_them),
        cmocka_unit_test(reads_places),
        cmocka_unit_test(follows_no_redirect),
        cmocka_unit_test(says_when_to_come_back),
        cmocka_unit_test(tells_failures_apart),
        cmocka_unit_test(waits_no_longer_than_it_may),
        cmocka_unit_test(stops_when_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
