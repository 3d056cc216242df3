/* SPDX-License-Identifier: Apache-2.0
 *
 * The web server: what is answered to what.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "httpd_fixture.h"

#include <zlib.h>

/* --- What is asked --- */

struct exchange {
    const char *request;
    int status;
    const char *header; /* "Name: value", or NULL */
    const char *body;   /* NULL: any */
};

static const struct exchange exchanges[] = {
    {"GET / " HOST "\r\n", 200, "Content-Type: text/plain; version=0.0.4", "small\n"},
    {"GET / " HOST "\r\n", 200, "X-Content-Type-Options: nosniff", NULL},
    {"GET / " HOST "\r\n", 200, "Cache-Control: no-store", NULL},
    {"GET / " HOST "\r\n", 200, "Vary: Accept, Accept-Encoding", NULL},
    {"GET / HTTP/1.0\r\n\r\n", 200, "Connection: close", "small\n"},
    {"GET http://example.net/ " HOST "\r\n", 200, NULL, "small\n"},
    {"GET http://example.net " HOST "\r\n", 200, NULL, "small\n"},
    {"GET https://example.net/ " HOST "\r\n", 200, NULL, "small\n"},
    {"GET HTTPS://example.net " HOST "\r\n", 200, NULL, "small\n"},
    {"GET ftp://example.net/ " HOST "\r\n", 404, NULL, NULL},
    {"GET /empty " HOST "\r\n", 200, "Content-Length: 0", ""},
    {"HEAD / " HOST "\r\n", 200, "Content-Length: 6", ""},
    {"HEAD /nowhere " HOST "\r\n", 404, NULL, ""},
    {"GET /echo?target=192.0.2.1&a=%41+b " HOST "Accept: x/y;q=1\r\n\r\n", 200, NULL,
     "query=target=192.0.2.1&a=%41+b accept=x/y;q=1 body="},
    {"GET /echo? " HOST "\r\n", 200, NULL, "query= accept= body="},
    {"POST /echo?q " HOST "Content-Length: 5\r\n\r\nhello", 200, NULL, "query=q accept= body=hello"},
    {"POST /echo " HOST "\r\n", 200, NULL, "query= accept= body="},
    {"POST /post " HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, NULL,
     "query= accept= body=abcde"},
    {"GET /post " HOST "\r\n", 405, "Allow: POST", "405 method not allowed\n"},
    {"HEAD /post " HOST "\r\n", 405, "Allow: POST", ""},
    {"POST /metrics " HOST "Content-Length: 5\r\n\r\nhello", 405, "Allow: GET, HEAD",
     "405 method not allowed\n"},
    {"POST /metrics " HOST "\r\n", 405, "Allow: GET, HEAD", NULL},
    {"DELETE /echo " HOST "\r\n", 405, "Allow: GET, HEAD, POST", NULL},
    {"PUT /metrics " HOST "Content-Length: 5\r\n\r\nhello", 405, "Allow: GET, HEAD", NULL},
    {"OPTIONS /metrics " HOST "\r\n", 405, "Allow: GET, HEAD", NULL},
    {"TRACE / " HOST "\r\n", 405, "Allow: GET, HEAD", NULL},
    {"OPTIONS * " HOST "\r\n", 404, NULL, NULL},
    {"CONNECT example.net:443 " HOST "\r\n", 501, NULL, "501 unknown method\n"},
    {"get / " HOST "\r\n", 501, NULL, NULL},
    {"BREW /metrics " HOST "\r\n", 501, NULL, NULL},
    {"GET /nowhere " HOST "\r\n", 404, "Content-Type: text/plain; charset=utf-8", "404 page not found\n"},
    {"GET /nowhere " HOST "\r\n", 404, "X-Content-Type-Options: nosniff", NULL},
    {"POST /nowhere " HOST "Content-Length: 3\r\n\r\nabc", 404, NULL, "404 page not found\n"},
    {"GET /metrics/ " HOST "\r\n", 404, NULL, NULL},
    {"GET //metrics " HOST "\r\n", 404, NULL, NULL},
    {"GET /metrics%00 " HOST "\r\n", 404, NULL, NULL},
    {"GET /metrics%00x " HOST "\r\n", 404, NULL, NULL},
    {"GET /%6detrics " HOST "\r\n", 404, NULL, NULL},
    {"GET %2fmetrics " HOST "\r\n", 404, NULL, NULL},
    {"GET /./metrics " HOST "\r\n", 404, NULL, NULL},
    {"GET /x/../metrics " HOST "\r\n", 404, NULL, NULL},
    {"GET /METRICS " HOST "\r\n", 404, NULL, NULL},
    {"GET /metrics;x " HOST "\r\n", 404, NULL, NULL},
    {"GET /metrics#x " HOST "\r\n", 404, NULL, NULL},
    {"GET /metrics  " HOST "\r\n", 404, NULL, NULL},
    {"GET metrics " HOST "\r\n", 404, NULL, NULL},
    {"GET /of/192.0.2.1 " HOST "\r\n", 200, NULL, "rest=192.0.2.1 query= accept="},
    {"GET /of/2001%3Adb8::1?a=b/c " HOST "Accept: x/y\r\n\r\n", 200, NULL,
     "rest=2001%3Adb8::1 query=a=b/c accept=x/y"},
    {"POST /of/posts/1 HTTP/1.1\r\nhost: a:1\r\nORIGIN: http://a:1\r\nsec-fetch-site: same-origin\r\n"
     "Content-type: a/b; c=d\r\nAccept: x\r\nContent-Length: 0\r\n\r\n",
     200, NULL, "rest=1 query= accept=x type=a/b; c=d host=a:1 origin=http://a:1 site=same-origin"},
    {"POST /of/posts/1 " HOST "Origin: a\r\nContent-Length: 0\r\n\r\n", 200, NULL,
     "rest=1 query= accept= type= host=x origin=a site="},
    {"GET /of/1 " HOST "x-prometheus-scrape-timeout-SECONDS: 9.5\r\n"
     "X-Prometheus-Scrape-Timeout-Seconds: 1\r\n\r\n",
     200, NULL, "rest=1 query= accept= limit=9.5"},
    {"GET http://example.net/of/x?y " HOST "\r\n", 200, NULL, "rest=x query=y accept="},
    {"GET /of//../x%00 " HOST "\r\n", 200, NULL, "rest=/../x%00 query= accept="},
    {"HEAD /of/x " HOST "\r\n", 200, "Content-Length: 21", ""},
    {"GET /of/itself " HOST "\r\n", 200, NULL, "small\n"},
    {"GET /of/itself2 " HOST "\r\n", 200, NULL, "rest=itself2 query= accept="},
    {"GET /of/ " HOST "\r\n", 404, NULL, "404 page not found\n"},
    {"GET /of/?x " HOST "\r\n", 404, NULL, NULL},
    {"POST /of/ " HOST "\r\n", 404, NULL, NULL},
    {"GET /of " HOST "\r\n", 404, NULL, NULL},
    {"GET /o%66/x " HOST "\r\n", 404, NULL, NULL},
    {"POST /of/x " HOST "\r\n", 405, "Allow: GET, HEAD", NULL},
    {"GET /of/post " HOST "\r\n", 405, "Allow: POST", NULL},
    {"GET /of/posts/1 " HOST "\r\n", 200, NULL, "rest=posts/1 query= accept="},
    {"POST /of/posts/1 " HOST "Content-Length: 1\r\n\r\nx", 200, NULL, "rest=1 query= accept="},
    {"GET / " HOST "Content-Length: 3\r\n\r\nabc", 400, NULL, "400 a body does not belong here\n"},
    {"GET / " HOST "Content-Length: 0\r\n\r\n", 200, NULL, NULL},
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL, "400 bad request\n"},
    {"GET / " HOST "Host: y\r\n\r\n", 400, NULL, NULL},
    {"GET / " HOST "Origin: y\r\norigin: y\r\n\r\n", 400, NULL, NULL},
    {"GET / " HOST "Sec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n\r\n", 400, NULL, NULL},
    {"GET / " HOST "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n", 400, NULL, NULL},
    {"POST /echo " HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, NULL, NULL},
    {"POST /echo " HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {"POST /echo " HOST "Content-Length : 3\r\n\r\nabc", 400, NULL, NULL},
    {"POST /echo " HOST "Transfer-Encoding: gzip\r\n\r\n", 501, NULL, "501 unknown transfer coding\n"},
    {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {"POST /echo " HOST "Content-Length: -3\r\n\r\nabc", 400, NULL, NULL},
    {"POST /echo " HOST "Content-Length: 3x\r\n\r\nabc", 400, NULL, NULL},
    {"POST /echo " HOST "Content-Length: 99999999999999999999999\r\n\r\n", 413, NULL, NULL},
    {"POST /echo " HOST "Content-Length: 65537\r\n\r\n", 413, NULL, "413 body too large\n"},
    {"POST /echo " HOST "Content-Length: 999999999999\r\nExpect: 100-continue\r\n\r\n", 413, NULL, NULL},
    {"POST /echo " HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, NULL, NULL},
    {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, NULL, NULL},
    {"GET / JUNK\r\n\r\n", 400, NULL, NULL},
    {"GET /\r\n\r\n", 400, NULL, NULL},
};

static void answers_by_path_method_and_form(void **state) {
    struct fixture *f = start(patient);
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
        const struct exchange *row = &exchanges[i];
        struct reply r = ask(f, row->request);
        char name[64] = "";
        char value[256] = "";
        if (row->header)
            snprintf(name, sizeof name, "%.*s", (int)strcspn(row->header, ":"), row->header);
        const char *got = row->header ? header_of(&r, name, value, sizeof value) : NULL;
        if (r.status != row->status || (row->body && (!r.body || strcmp(r.body, row->body) != 0)) ||
            (row->header && (!got || strcmp(got, row->header + strlen(name) + 2) != 0)))
            fail_msg("%s: wanted %d %s %s; got %d\n%s%s", row->request, row->status,
                     row->header ? row->header : "", row->body ? row->body : "", r.status,
                     r.text ? r.text : "", r.body ? r.body : "");
        reply_release(&r);
    }
    stop(f);
}

static void a_raw_nul_makes_another_path(void **state) {
    static const char with_nul[] = "GET /\0x HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char in_query[] = "GET /?a\0b HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture *f = start(patient);
    struct reply r = ask_bytes(f, with_nul, sizeof with_nul - 1);
    assert_int_equal(r.status, 400);
    reply_release(&r);
    r = ask_bytes(f, in_query, sizeof in_query - 1);
    assert_int_equal(r.status, 400);
    reply_release(&r);
    stop(f);
}

static void what_is_no_http_ends_only_its_own_connection(void **state) {
    static const char *const rubbish[] = {"\r\n\r\n\r\nX\r\n\r\n",
                                          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", "GET\r\n\r\n",
                                          " / HTTP/1.1\r\n\r\n", ": :\r\n\r\n\r\n"};
    struct fixture *f = start(with_limits(SHORT_MS, LONG_MS, LONG_MS));
    for (size_t i = 0; i < sizeof rubbish / sizeof rubbish[0]; i++) {
        const int fd = dial(f);
        send_text(fd, rubbish[i]);
        shutdown(fd, SHUT_WR);
        if (!is_ended(fd))
            fail_msg("row %zu is kept", i);
        close(fd);
    }
    assert_serves(f);
    assert_int_equal(atomic_load(&f->n_asked), 1);
    stop(f);
}

static char *repeated(const char *head, char c, size_t n, const char *tail) {
    char *text = malloc(strlen(head) + n + strlen(tail) + 1);
    assert_non_null(text);
    strcpy(text, head);
    memset(text + strlen(head), c, n);
    strcpy(text + strlen(head) + n, tail);
    return text;
}

static void headers_over_the_limit_are_refused_and_those_within_are_not(void **state) {
    static const struct {
        const char *head;
        size_t n;
        const char *tail;
        int status;
    } rows[] = {
        {"GET /echo?", 12000, " HTTP/1.1\r\nHost: x\r\n\r\n", 200},
        {"GET / HTTP/1.1\r\nHost: x\r\nX: ", 16000, "\r\n\r\n", 200},
        {"GET / HTTP/1.1\r\nHost: x\r\nX: ", 16384, "\r\n\r\n", 431},
        {"GET / HTTP/1.1\r\nHost: x\r\nX: ", 200000, "\r\n\r\n", 431},
        {"GET /", 17000, " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
        {"GET /", 200000, " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
    };
    struct fixture *f = start(patient);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *request = repeated(rows[i].head, 'a', rows[i].n, rows[i].tail);
        struct reply r = ask(f, request);
        if (r.status != rows[i].status)
            fail_msg("%s + %zu: wanted %d, got %d", rows[i].head, rows[i].n, rows[i].status, r.status);
        reply_release(&r);
        free(request);
    }
    assert_serves(f);
    stop(f);
}

/* --- Bodies that are sent to us --- */

static void a_body_of_exactly_the_limit_arrives_whole(void **state) {
    struct fixture *f = start(patient);
    char *request =
        repeated("POST /post " HOST "Content-Length: 65536\r\n\r\n", 'z', HTTPD_MAX_BODY_BYTES, "");
    struct reply r = ask(f, request);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body_len, HTTPD_MAX_BODY_BYTES + strlen("query= accept= body="));
    reply_release(&r);
    free(request);
    stop(f);
}

static void a_body_over_the_limit_is_refused_before_or_while_it_streams(void **state) {
    static const struct {
        const char *head;
        size_t n;
        const char *tail;
        int status; /* 0: the connection ends without an answer */
    } rows[] = {
        {"POST /post " HOST "Content-Length: 65537\r\n\r\n", 65537, "", 413},
        {"POST /post " HOST "Content-Length: 1000000\r\n\r\n", 1000000, "", 413},
        {"POST /metrics " HOST "Content-Length: 1000000\r\n\r\n", 1000000, "", 405},
        {"POST /post " HOST "Transfer-Encoding: chunked\r\n\r\n10001\r\n", 65537, "\r\n0\r\n\r\n", 413},
        {"POST /post " HOST "Transfer-Encoding: chunked\r\n\r\n200000\r\n", 0x200000, "\r\n0\r\n\r\n", 0},
    };
    struct fixture *f = start(patient);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *request = repeated(rows[i].head, 'z', rows[i].n, rows[i].tail);
        struct reply r = ask(f, request);
        if (r.status != rows[i].status)
            fail_msg("%s: wanted %d, got %d", rows[i].head, rows[i].status, r.status);
        reply_release(&r);
        free(request);
    }
    assert_int_equal(atomic_load(&f->n_asked), 0);
    stop(f);
}

static void a_route_may_take_more(void **state) {
    static const struct {
        const char *head;
        size_t n;
        const char *tail;
        int status;
    } rows[] = {
        {"POST /large " HOST "Content-Length: 307200\r\n\r\n", LARGE_BYTES, "", 200},
        {"POST /large " HOST "Content-Length: 307201\r\n\r\n", LARGE_BYTES + 1, "", 413},
        {"POST /large " HOST "Transfer-Encoding: chunked\r\n\r\n4b000\r\n", LARGE_BYTES, "\r\n0\r\n\r\n",
         200},
        {"POST /large " HOST "Transfer-Encoding: chunked\r\n\r\n4b001\r\n", LARGE_BYTES + 1, "\r\n0\r\n\r\n",
         413},
        {"POST /large " HOST "Content-Length: 18446744073709551615\r\n\r\n", 1, "", 413},
    };
    struct fixture *f = start(patient);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *request = repeated(rows[i].head, 'z', rows[i].n, rows[i].tail);
        struct reply r = ask(f, request);
        if (r.status != rows[i].status)
            fail_msg("%s: wanted %d, got %d", rows[i].head, rows[i].status, r.status);
        if (r.status == 200)
            assert_int_equal(r.body_len, LARGE_BYTES + strlen("query= accept= body="));
        reply_release(&r);
        free(request);
    }
    stop(f);
}

/* A large body that stands still, but for its end. */
static int begin_large(const struct fixture *f) {
    char *request = repeated("POST /large " HOST "Content-Length: 70001\r\n\r\n", 'z', 70000, "");
    const int fd = dial(f);
    assert_true(send_text(fd, request));
    free(request);
    return fd;
}

static struct reply send_large(const struct fixture *f) {
    char *request = repeated("POST /large " HOST "Content-Length: 70001\r\n\r\n", 'z', 70001, "");
    struct reply r = ask(f, request);
    free(request);
    return r;
}

static void only_a_few_large_bodies_are_taken_at_once(void **state) {
    struct fixture *f = start(patient);
    int fds[HTTPD_LARGE_BODIES];
    char value[16];
    int status = 0;
    for (size_t i = 0; i < HTTPD_LARGE_BODIES; i++)
        fds[i] = begin_large(f);
    for (int i = 0; i < PATIENCE_S * 100 && status != 503; i++) { /* until all of them have come so far */
        struct reply r = send_large(f);
        status = r.status;
        assert_true(status == 503 || status == 200);
        assert_true(status != 503 || header_of(&r, "Retry-After", value, sizeof value) != NULL);
        reply_release(&r);
        usleep(10000);
    }
    assert_int_equal(status, 503);
    struct reply r = ask(f, "POST /large " HOST "Content-Length: 3\r\n\r\nxyz");
    assert_int_equal(r.status, 200);
    reply_release(&r);
    assert_true(send_text(fds[0], "z"));
    r = receive(fds[0], false);
    assert_int_equal(r.status, 200);
    reply_release(&r);
    for (size_t i = 0; i < HTTPD_LARGE_BODIES; i++)
        close(fds[i]);
    for (int i = 0; i < PATIENCE_S * 100 && status != 200; i++) {
        r = send_large(f);
        status = r.status;
        reply_release(&r);
        usleep(10000);
    }
    assert_int_equal(status, 200);
    stop(f);
}

static void an_upload_that_is_refused_can_be_sent_to_its_end(void **state) {
    struct fixture *f = start(patient);
    char *request = repeated("POST /post " HOST "Content-Length: 500000\r\n\r\n", 'z', 500000, "");
    const int fd = dial(f);
    const int small = 8192;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    assert_true(send_text(fd, request));
    struct reply r = receive(fd, false);
    assert_int_equal(r.status, 413);
    reply_release(&r);
    close(fd);
    free(request);
    stop(f);
}

static void an_aborted_body_asks_nothing(void **state) {
    struct fixture *f = start(patient);
    for (int i = 0; i < 20; i++) {
        const int fd = dial(f);
        send_text(fd, "POST /post " HOST "Content-Length: 1000\r\n\r\nonly this");
        close(fd);
    }
    assert_serves(f);
    assert_int_equal(atomic_load(&f->n_asked), 1);
    stop(f);
}

/* --- Several requests --- */

static void pipelined_requests_are_answered_in_order(void **state) {
    static const char *const bodies[] = {"query=1 accept= body=", "404 page not found\n",
                                         "query=2 accept= body=xyz", "405 method not allowed\n", "small\n"};
    struct fixture *f = start(patient);
    const int fd = dial(f);
    send_text(fd, "GET /echo?1 " HOST "\r\nGET /nowhere " HOST "\r\nPOST /echo?2 " HOST
                  "Content-Length: 3\r\n\r\nxyzPOST /metrics " HOST "\r\nGET / " HOST "\r\n");
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct reply r = receive(fd, false);
        assert_non_null(r.body);
        assert_string_equal(r.body, bodies[i]);
        reply_release(&r);
    }
    close(fd);
    stop(f);
}

static void a_client_that_has_no_more_to_say_gets_its_answer(void **state) {
    struct fixture *f = start(patient);
    const int older = dial(f); /* libmicrohttpd treats its oldest connection in another way */
    send_text(older, "GET");
    for (int i = 0; i < 20; i++) {
        const int fd = dial(f);
        send_text(fd, i % 2 ? "GET /keep " HOST "\r\n" : "GET /huge " HOST "\r\n");
        shutdown(fd, SHUT_WR);
        if (i % 2) {
            wait_for_count(&f->n_kept, 1);
            answer_what_was_kept(f);
        }
        struct reply r = receive(fd, false);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.body_len, i % 2 ? 5 : HUGE_BYTES);
        reply_release(&r);
        close(fd);
    }
    close(older);
    stop(f);
}

static void a_hundred_requests_share_a_connection(void **state) {
    struct fixture *f = start(patient);
    const int fd = dial(f);
    for (int i = 0; i < 100; i++) {
        char request[64];
        char wanted[64];
        snprintf(request, sizeof request, "GET /echo?%d " HOST "\r\n", i);
        snprintf(wanted, sizeof wanted, "query=%d accept= body=", i);
        send_text(fd, request);
        struct reply r = receive(fd, false);
        assert_non_null(r.body);
        assert_string_equal(r.body, wanted);
        reply_release(&r);
    }
    close(fd);
    stop(f);
}

static void fifty_requests_wait_at_once_and_all_are_answered(void **state) {
    struct fixture *f = start(patient);
    int fds[50];
    for (int i = 0; i < 50; i++) {
        fds[i] = dial(f);
        send_text(fds[i], i % 2 ? "GET /keep " HOST "\r\n" : "GET /metrics " HOST "\r\n");
    }
    wait_for_count(&f->n_asked, 50);
    answer_what_was_kept(f);
    for (int i = 0; i < 50; i++) {
        struct reply r = receive(fds[i], false);
        assert_int_equal(r.status, 200);
        assert_true(i % 2 ? strcmp(r.body, "kept\n") == 0 : r.body_len > 100000);
        reply_release(&r);
        close(fds[i]);
    }
    stop(f);
}

/* --- gzip --- */

static const struct {
    const char *accept_encoding;
    bool gzip;
} codings[] = {
    {"gzip", true},
    {"GZIP", true},
    {"x-gzip", true},
    {"deflate, gzip;q=0.5, br", true},
    {"gzip ; q=1.000", true},
    {"*", true},
    {"*;q=0.1", true},
    {"identity;q=0.5, gzip;q=0.5", true},
    {"deflate, gzip;q=1.0, *;q=0.5", true},
    {"gzip, deflate, br, zstd", true},
    {"gzip, *;q=0", true},
    {"identity;q=0, *", true},
    {"gzip;q=0.333333333333333333333333", true},
    {"gzip;q=1.00000000000000000000000000", true},
    {"gzip;q=0.5;x=y", true},
    {",, gzip", true},
    {"", false},
    {"identity", false},
    {"deflate, br", false},
    {"gzip;q=0", false},
    {"gzip;q=0.000", false},
    {"gzip;q=0, *", false},
    {"*;q=0", false},
    {"identity;q=0", false},
    {"gzip;q=0.4999, identity;q=0.5", false},
    {"gzip;q=1.00000000000000000000000001", false},
    {"gzip;q=0.1, identity;q=0.9", false},
    {"gzip;q=2", false},
    {"gzip;q=", false},
    {"gzip;q=nan", false},
    {"gzipped", false},
    {"gzi", false},
};

/* Returns the number of bytes, which are compared with `wanted`. */
static void assert_unzips_to(const char *zipped, size_t zipped_len, const char *wanted, size_t wanted_len) {
    char *out = malloc(wanted_len + 1);
    assert_non_null(out);
    z_stream stream = {.next_in = (Bytef *)zipped,
                       .avail_in = (uInt)zipped_len,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)wanted_len + 1};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, wanted_len);
    assert_int_equal(stream.avail_in, 0);
    assert_memory_equal(out, wanted, wanted_len);
    inflateEnd(&stream);
    free(out);
}

static void compresses_for_those_who_want_it(void **state) {
    struct fixture *f = start(patient);
    char request[256];
    char value[64];
    struct reply plain = get(f, "/metrics");
    assert_int_equal(plain.status, 200);
    assert_null(header_of(&plain, "Content-Encoding", value, sizeof value));
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        snprintf(request, sizeof request, "GET /metrics " HOST "Accept-Encoding: %s\r\n\r\n",
                 codings[i].accept_encoding);
        struct reply r = ask(f, request);
        assert_int_equal(r.status, 200);
        const bool gzip = header_of(&r, "Content-Encoding", value, sizeof value) != NULL;
        if (gzip != codings[i].gzip)
            fail_msg("\"%s\": %s", codings[i].accept_encoding, gzip ? "compressed" : "not compressed");
        assert_non_null(header_of(&r, "Vary", value, sizeof value));
        if (gzip) {
            assert_true(r.body_len < plain.body_len / 5);
            assert_unzips_to(r.body, r.body_len, plain.body, plain.body_len);
        } else {
            assert_int_equal(r.body_len, plain.body_len);
        }
        reply_release(&r);
    }
    reply_release(&plain);
    stop(f);
}

static void small_bodies_are_not_compressed(void **state) {
    struct fixture *f = start(patient);
    char value[64];
    struct reply r = ask(f, "GET / " HOST "Accept-Encoding: gzip\r\n\r\n");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "small\n");
    assert_null(header_of(&r, "Content-Encoding", value, sizeof value));
    reply_release(&r);
    stop(f);
}

static void head_says_the_length_that_get_would_send(void **state) {
    struct fixture *f = start(patient);
    char value[64];
    struct reply whole = ask(f, "GET /metrics " HOST "Accept-Encoding: gzip\r\n\r\n");
    struct reply r = ask(f, "HEAD /metrics " HOST "Accept-Encoding: gzip\r\n\r\n");
    assert_int_equal(r.status, 200);
    assert_non_null(header_of(&r, "Content-Length", value, sizeof value));
    assert_int_equal(strtoul(value, NULL, 10), whole.body_len);
    assert_non_null(header_of(&r, "Content-Encoding", value, sizeof value));
    reply_release(&r);
    reply_release(&whole);
    stop(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_by_path_method_and_form),
        cmocka_unit_test(a_raw_nul_makes_another_path),
        cmocka_unit_test(what_is_no_http_ends_only_its_own_connection),
        cmocka_unit_test(headers_over_the_limit_are_refused_and_those_within_are_not),
        cmocka_unit_test(a_body_of_exactly_the_limit_arrives_whole),
        cmocka_unit_test(a_body_over_the_limit_is_refused_before_or_while_it_streams),
        cmocka_unit_test(a_route_may_take_more),
        cmocka_unit_test(only_a_few_large_bodies_are_taken_at_once),
        cmocka_unit_test(an_upload_that_is_refused_can_be_sent_to_its_end),
        cmocka_unit_test(an_aborted_body_asks_nothing),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_client_that_has_no_more_to_say_gets_its_answer),
        cmocka_unit_test(a_hundred_requests_share_a_connection),
        cmocka_unit_test(fifty_requests_wait_at_once_and_all_are_answered),
        cmocka_unit_test(compresses_for_those_who_want_it),
        cmocka_unit_test(small_bodies_are_not_compressed),
        cmocka_unit_test(head_says_the_length_that_get_would_send),
    };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
