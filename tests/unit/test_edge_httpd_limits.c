/* SPDX-License-Identifier: Apache-2.0
 *
 * The web server: time, limits, and the end.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "httpd_fixture.h"

#include <poll.h>

/* --- Time and limits --- */

/* Sends a byte every 20 ms until the server hangs up; false: it never does. */
static bool drip_until_cut(int fd, const char *bytes) {
    for (int i = 0; i < PATIENCE_S * 50; i++) {
        if (send(fd, &bytes[(size_t)i % strlen(bytes)], 1, MSG_NOSIGNAL) != 1)
            return true;
        struct pollfd hung_up = {.fd = fd, .events = POLLIN};
        char trash;
        if (poll(&hung_up, 1, 20) == 1 && recv(fd, &trash, 1, 0) <= 0)
            return true;
    }
    return false;
}

static void a_request_that_drips_in_is_cut_off(void **state) {
    static const char *const beginnings[] = {
        "", "GET / HTTP/1.1\r\nX: ", "POST /post " HOST "Content-Length: 60000\r\n\r\n"};
    struct fixture *f = start(with_limits(SHORT_MS, LONG_MS, LONG_MS));
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        const int fd = dial(f);
        send_text(fd, beginnings[i]);
        if (!drip_until_cut(fd, "aaaaaaaa"))
            fail_msg("row %zu is never cut off", i);
        close(fd);
    }
    assert_serves(f);
    stop(f);
}

static void a_client_that_says_nothing_is_cut_off(void **state) {
    struct fixture *f = start(with_limits(SHORT_MS, LONG_MS, LONG_MS));
    const int fd = dial(f);
    assert_true(is_ended(fd));
    close(fd);
    stop(f);
}

static void an_idle_connection_may_wait_longer_than_a_request_but_not_for_ever(void **state) {
    struct fixture *f = start(with_limits(SHORT_MS, 6 * SHORT_MS, LONG_MS));
    const int fd = dial(f);
    for (int i = 0; i < 2; i++) {
        send_text(fd, "GET / " HOST "\r\n");
        struct reply r = receive(fd, false);
        assert_int_equal(r.status, 200);
        reply_release(&r);
        if (i == 0)
            usleep(2 * SHORT_MS * 1000);
    }
    assert_true(is_ended(fd));
    close(fd);
    stop(f);
}

/* Its last request and its end come at once: libmicrohttpd sees the request only. */
static void who_has_no_more_to_say_does_not_keep_a_place(void **state) {
    struct fixture *f = start(with_limits(LONG_MS, LONG_MS, LONG_MS));
    for (int i = 0; i < 20; i++) {
        const int fd = dial(f);
        send_text(fd, "GET /nowhere " HOST "\r\n");
        shutdown(fd, SHUT_WR);
        struct reply r = receive(fd, false);
        assert_int_equal(r.status, 404);
        reply_release(&r);
        assert_true(is_ended(fd));
        close(fd);
    }
    stop(f);
}

static void a_second_request_that_drips_in_is_cut_off_too(void **state) {
    struct fixture *f = start(with_limits(SHORT_MS, LONG_MS, LONG_MS));
    const int fd = dial(f);
    send_text(fd, "GET / " HOST "\r\n");
    struct reply r = receive(fd, false);
    assert_int_equal(r.status, 200);
    reply_release(&r);
    assert_true(drip_until_cut(fd, "GET / HTTP/1.1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    close(fd);
    stop(f);
}

static void who_never_reads_blocks_nobody_and_is_cut_off(void **state) {
    struct fixture *f = start(with_limits(SHORT_MS, LONG_MS, LONG_MS));
    int fds[10];
    for (int i = 0; i < 10; i++) {
        fds[i] = dial(f);
        const int small = 4096;
        setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        send_text(fds[i], "GET /huge " HOST "\r\n");
    }
    wait_for_count(&f->n_asked, 10);
    for (int i = 0; i < 10; i++)
        assert_serves(f);
    for (int i = 0; i < 10; i++) {
        struct pollfd hung_up = {.fd = fds[i], .events = POLLRDHUP};
        if (poll(&hung_up, 1, PATIENCE_S * 1000) != 1)
            fail_msg("reader %d is never cut off", i);
        close(fds[i]);
    }
    stop(f);
}

static void a_large_body_arrives_whole_at_a_slow_but_steady_reader(void **state) {
    struct fixture *f = start(with_limits(SHORT_MS, LONG_MS, LONG_MS));
    const int fd = dial(f);
    send_text(fd, "GET /huge " HOST "Connection: close\r\n\r\n");
    char piece[65536];
    size_t got = 0;
    ssize_t n;
    while ((n = recv(fd, piece, sizeof piece, 0)) > 0) {
        got += (size_t)n;
        usleep(4000);
    }
    assert_int_equal(n, 0);
    assert_true(got > HUGE_BYTES);
    close(fd);
    stop(f);
}

static void no_answer_in_time_is_503_and_a_late_one_harmless(void **state) {
    struct fixture *f = start(with_limits(LONG_MS, LONG_MS, SHORT_MS));
    const int fd = dial(f);
    char value[64];
    for (int i = 0; i < 3; i++) {
        send_text(fd, "GET /keep " HOST "\r\n");
        struct reply r = receive(fd, false);
        assert_int_equal(r.status, 503);
        assert_string_equal(r.body, "503 no answer in time\n");
        assert_non_null(header_of(&r, "Retry-After", value, sizeof value));
        reply_release(&r);
    }
    wait_for_count(&f->n_kept, 3);
    answer_what_was_kept(f);
    assert_serves(f);
    close(fd);
    stop(f);
}

/* It is asked before others whose time is over sooner. */
static void an_answer_may_take_longer_where_the_route_says_so(void **state) {
    struct fixture *f = start(with_limits(LONG_MS, LONG_MS, SHORT_MS));
    const int patient_fd = dial(f);
    send_text(patient_fd, "GET /keep/long " HOST "\r\n");
    wait_for_count(&f->n_kept, 1);
    for (int i = 0; i < 2; i++) {
        struct reply r = get(f, "/keep");
        assert_int_equal(r.status, 503);
        reply_release(&r);
    }
    wait_for_count(&f->n_kept, 3);
    answer_what_was_kept(f);
    struct reply r = receive(patient_fd, false);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "kept\n");
    reply_release(&r);
    close(patient_fd);
    stop(f);
}

static void a_loop_that_stands_still_delays_no_503(void **state) {
    struct fixture *f = start(with_limits(LONG_MS, LONG_MS, SHORT_MS));
    for (int i = 0; i < 3; i++) { /* the first is in the handler, the others are queued and withdrawn */
        struct reply r = get(f, i == 0 ? "/stuck" : "/");
        assert_int_equal(r.status, 503);
        reply_release(&r);
    }
    assert_int_equal(atomic_load(&f->n_asked), 1);
    struct reply r = get(f, "/nowhere");
    assert_int_equal(r.status, 404);
    reply_release(&r);
    answer_what_was_kept(f);
    assert_serves(f);
    assert_int_equal(atomic_load(&f->n_asked), 2);
    stop(f);
}

static void a_client_that_has_gone_is_answered_without_harm(void **state) {
    struct fixture *f = start(patient);
    for (int i = 0; i < 10; i++) {
        const int fd = dial(f);
        send_text(fd, i % 2 ? "GET /keep " HOST "\r\n" : "GET /huge " HOST "\r\n");
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        if (i % 3 == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        wait_for_count(&f->n_asked, (unsigned)i + 1);
        close(fd);
    }
    answer_what_was_kept(f);
    assert_serves(f);
    stop(f);
}

static void more_requests_than_allowed_get_503_and_when_to_come_back(void **state) {
    struct httpd_options options = patient;
    options.max_requests = 3;
    struct fixture *f = start(options);
    int fds[3];
    char value[64];
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(f);
        send_text(fds[i], "GET /keep " HOST "\r\n");
    }
    wait_for_count(&f->n_kept, 3);
    struct reply r = get(f, "/");
    assert_int_equal(r.status, 503);
    assert_non_null(header_of(&r, "Retry-After", value, sizeof value));
    assert_string_equal(value, "1");
    reply_release(&r);
    answer_what_was_kept(f);
    for (int i = 0; i < 3; i++) {
        r = receive(fds[i], false);
        assert_int_equal(r.status, 200);
        reply_release(&r);
        close(fds[i]);
    }
    assert_serves(f);
    stop(f);
}

static void one_address_cannot_take_all_connections(void **state) {
    struct fixture *f = start(patient);
    int fds[HTTPD_MAX_PER_ADDRESS + 20];
    unsigned served = 0;
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        fds[i] = dial_from(f, "127.0.0.2");
        send_text(fds[i], "GET / " HOST "\r\n");
        struct reply r = receive(fds[i], false);
        served += r.status == 200;
        reply_release(&r);
    }
    assert_int_equal(served, HTTPD_MAX_PER_ADDRESS);
    assert_serves(f);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        close(fds[i]);
    stop(f);
}

/* --- The end --- */

static void what_waits_at_the_end_is_told_so(void **state) {
    struct fixture *f = start(patient);
    int fds[20];
    for (int i = 0; i < 20; i++) {
        fds[i] = dial(f);
        send_text(fds[i], "GET /keep " HOST "\r\n");
    }
    const int silent = dial(f);
    const int half = dial(f);
    send_text(half, "GET / HT");
    wait_for_count(&f->n_kept, 20);
    stop(f);
    for (int i = 0; i < 20; i++) {
        struct reply r = receive(fds[i], false);
        assert_int_equal(r.status, 503);
        assert_string_equal(r.body, "503 shutting down\n");
        reply_release(&r);
        close(fds[i]);
    }
    assert_true(is_ended(silent));
    assert_true(is_ended(half));
    close(silent);
    close(half);
}

static void ends_at_any_moment_while_clients_come_and_go(void **state) {
    for (int round = 0; round < 8; round++) {
        struct fixture *f = start(with_limits(SHORT_MS, SHORT_MS, (unsigned)round % 3 + 1));
        int fds[20];
        for (int i = 0; i < 20; i++) {
            static const char *const paths[] = {"/keep", "/metrics", "/huge", "/"};
            char request[64];
            snprintf(request, sizeof request, "GET %s " HOST "\r\n", paths[i % 4]);
            fds[i] = dial(f);
            send_text(fds[i], request);
        }
        usleep((unsigned)round * 700);
        stop(f);
        for (int i = 0; i < 20; i++)
            close(fds[i]);
    }
    httpd_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_drips_in_is_cut_off),
        cmocka_unit_test(a_client_that_says_nothing_is_cut_off),
        cmocka_unit_test(an_idle_connection_may_wait_longer_than_a_request_but_not_for_ever),
        cmocka_unit_test(who_has_no_more_to_say_does_not_keep_a_place),
        cmocka_unit_test(a_second_request_that_drips_in_is_cut_off_too),
        cmocka_unit_test(who_never_reads_blocks_nobody_and_is_cut_off),
        cmocka_unit_test(a_large_body_arrives_whole_at_a_slow_but_steady_reader),
        cmocka_unit_test(no_answer_in_time_is_503_and_a_late_one_harmless),
        cmocka_unit_test(an_answer_may_take_longer_where_the_route_says_so),
        cmocka_unit_test(a_loop_that_stands_still_delays_no_503),
        cmocka_unit_test(a_client_that_has_gone_is_answered_without_harm),
        cmocka_unit_test(more_requests_than_allowed_get_503_and_when_to_come_back),
        cmocka_unit_test(one_address_cannot_take_all_connections),
        cmocka_unit_test(what_waits_at_the_end_is_told_so),
        cmocka_unit_test(ends_at_any_moment_while_clients_come_and_go),
    };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
