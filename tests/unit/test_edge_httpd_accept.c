/* SPDX-License-Identifier: Apache-2.0
 *
 * The web server: who is let in when there is no room, and who goes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "httpd_fixture.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/un.h>

enum { ADDRESSES = HTTPD_MAX_CONNECTIONS / 2 }; /* with two connections each all places are taken */

/* All clients are in this process, and so are their servers. */
static int allow_descriptors(void **state) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static int dial_number(const struct fixture *f, unsigned number) {
    char source[24];
    snprintf(source, sizeof source, "127.1.%u.%u", number / 250, 1 + number % 250);
    return dial_from(f, source);
}

static void assert_answered(int fd) {
    send_text(fd, "GET / " HOST "\r\n");
    struct reply r = receive(fd, false);
    assert_int_equal(r.status, 200);
    reply_release(&r);
}

/* Not asked: the answer to a byte of a request would tell too, but it would wait no longer for its first. */
static bool is_open(int fd) {
    char trash;
    return recv(fd, &trash, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static void close_all(const int *fds, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
}

/* Two connections of each address, which have had an answer and wait: that each has been let in is certain.
 */
static void take_all_places(const struct fixture *f, int fds[HTTPD_MAX_CONNECTIONS]) {
    for (unsigned i = 0; i < HTTPD_MAX_CONNECTIONS; i++) {
        fds[i] = dial_number(f, i / 2);
        assert_answered(fds[i]);
    }
}

static void a_newcomer_takes_the_place_of_who_has_waited_longest(void **state) {
    struct fixture *f = start(patient);
    int fds[HTTPD_MAX_CONNECTIONS];
    take_all_places(f, fds);
    assert_answered(fds[0]); /* so it is the second that has waited longest */
    const int newcomer = dial_number(f, ADDRESSES);
    assert_answered(newcomer);
    assert_true(is_ended(fds[1]));
    for (unsigned i = 2; i < HTTPD_MAX_CONNECTIONS; i++)
        assert_true(is_open(fds[i]));
    assert_answered(fds[0]);
    close(newcomer);
    close_all(fds, HTTPD_MAX_CONNECTIONS);
    stop(f);
}

static void who_holds_most_loses_first(void **state) {
    struct fixture *f = start(patient);
    int fds[HTTPD_MAX_CONNECTIONS];
    for (unsigned i = 0; i < HTTPD_MAX_CONNECTIONS; i++) {
        fds[i] = dial_number(f, i < HTTPD_MAX_CONNECTIONS - 3 ? i : HTTPD_MAX_CONNECTIONS);
        assert_answered(fds[i]);
    }
    for (unsigned i = 0; i < 2; i++) { /* of the three of one address: no other has more than one */
        const int newcomer = dial_number(f, HTTPD_MAX_CONNECTIONS + 1 + i);
        assert_answered(newcomer);
        assert_true(is_ended(fds[HTTPD_MAX_CONNECTIONS - 3 + i]));
        close(fds[HTTPD_MAX_CONNECTIONS - 3 + i]);
        fds[HTTPD_MAX_CONNECTIONS - 3 + i] = newcomer;
    }
    for (unsigned i = 0; i < HTTPD_MAX_CONNECTIONS; i++)
        assert_true(is_open(fds[i]));
    close_all(fds, HTTPD_MAX_CONNECTIONS);
    stop(f);
}

static void who_holds_more_than_all_others_displaces_only_his_own(void **state) {
    struct fixture *f = start(patient);
    int fds[HTTPD_MAX_CONNECTIONS];
    int own[6];
    take_all_places(f, fds);
    for (unsigned i = 0; i < 6; i++) {
        own[i] = dial_number(f, ADDRESSES);
        assert_answered(own[i]);
    }
    unsigned n_open = 0;
    for (unsigned i = 0; i < HTTPD_MAX_CONNECTIONS; i++)
        n_open += is_open(fds[i]);
    assert_int_equal(n_open, HTTPD_MAX_CONNECTIONS - 3); /* the others have two each */
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(is_open(own[i]), i >= 3);
    close_all(own, 6);
    close_all(fds, HTTPD_MAX_CONNECTIONS);
    stop(f);
}

static void what_is_being_worked_on_is_never_cut_off(void **state) {
    struct httpd_options options = patient;
    options.max_requests = 50;
    struct fixture *f = start(options);
    int asking[40];
    int fds[HTTPD_MAX_CONNECTIONS];
    for (unsigned i = 0; i < 40; i++) { /* the oldest, and of the address that holds most */
        asking[i] = dial_from(f, "127.0.0.2");
        send_text(asking[i], "GET /keep " HOST "\r\n");
    }
    wait_for_count(&f->n_kept, 40);
    take_all_places(f, fds);
    const int newcomer = dial_number(f, ADDRESSES);
    assert_answered(newcomer);
    answer_what_was_kept(f);
    for (unsigned i = 0; i < 40; i++) {
        struct reply r = receive(asking[i], false);
        assert_int_equal(r.status, 200);
        reply_release(&r);
    }
    close(newcomer);
    close_all(asking, 40);
    close_all(fds, HTTPD_MAX_CONNECTIONS);
    stop(f);
}

/* All places are taken by slow readers, so many of each address: one of them goes for a newcomer. */
static void check_readers(unsigned per_address) {
    struct fixture *f = start(patient);
    int fds[HTTPD_MAX_CONNECTIONS];
    for (unsigned i = 0; i < HTTPD_MAX_CONNECTIONS; i++) {
        fds[i] = dial_number(f, i / per_address);
        send_text(fds[i], "GET /huge " HOST "\r\n");
        char first;
        assert_int_equal(recv(fds[i], &first, 1, 0), 1);
    }
    const int newcomer = dial_number(f, HTTPD_MAX_CONNECTIONS);
    assert_answered(newcomer);
    unsigned n_cut = 0;
    for (unsigned i = 0; i < HTTPD_MAX_CONNECTIONS; i++) {
        struct pollfd hung_up = {.fd = fds[i], .events = POLLRDHUP};
        n_cut += poll(&hung_up, 1, 0) == 1 && hung_up.revents & (POLLRDHUP | POLLHUP | POLLERR);
    }
    assert_int_equal(n_cut, 1);
    close(newcomer);
    close_all(fds, HTTPD_MAX_CONNECTIONS);
    stop(f);
}

static void readers_of_few_addresses_lock_nobody_out(void **state) {
    check_readers(HTTPD_MAX_PER_ADDRESS);
}

static void readers_of_as_many_addresses_as_there_are_places_lock_nobody_out(void **state) {
    check_readers(1);
}

static void a_flood_from_ever_new_addresses_locks_nobody_out(void **state) {
    struct fixture *f = start(patient);
    int fds[3000];
    for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        fds[i] = dial_number(f, i);
        if (i % 100 == 99)
            assert_serves(f);
    }
    const int last = dial_number(f, 5000);
    assert_answered(last);
    close(last);
    close_all(fds, sizeof fds / sizeof fds[0]);
    assert_serves(f);
    stop(f);
}

static int dial_v6(const struct fixture *f) {
    const struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                                    .sin6_addr = in6addr_loopback,
                                    .sin6_port = htons((uint16_t)atoi(first_port(f)))};
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval limit = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* On one socket for both families an IPv4 address arrives as one of IPv6. */
static void clients_of_both_families_count_by_their_own_address(void **state) {
    struct httpd_options options = patient;
    const char *const any = ":0";
    options.listen_addresses = &any;
    struct fixture *f = start(options);
    int fds[2][HTTPD_MAX_PER_ADDRESS];
    for (int family = 0; family < 2; family++) {
        for (unsigned i = 0; i < HTTPD_MAX_PER_ADDRESS; i++) {
            fds[family][i] = family == 0 ? dial_from(f, "127.0.0.2") : dial_v6(f);
            if (fds[family][i] < 0) { /* a machine without IPv6 */
                close_all(fds[0], HTTPD_MAX_PER_ADDRESS);
                stop(f);
                skip();
            }
            assert_answered(fds[family][i]);
        }
    }
    const int more[] = {dial_from(f, "127.0.0.2"), dial_v6(f), dial_from(f, "127.0.0.3")};
    assert_true(is_ended(more[0]));
    assert_true(is_ended(more[1]));
    assert_answered(more[2]);
    close_all(more, 3);
    close_all(fds[0], HTTPD_MAX_PER_ADDRESS);
    close_all(fds[1], HTTPD_MAX_PER_ADDRESS);
    stop(f);
}

static void local_clients_share_only_the_limit_of_all(void **state) {
    char path[] = "/tmp/rbl_exporter_accept_XXXXXX";
    char address[64];
    close(mkstemp(path));
    unlink(path);
    snprintf(address, sizeof address, "unix:%s", path);
    struct httpd_options options = patient;
    const char *const addresses[] = {"127.0.0.1:0", address};
    options.listen_addresses = addresses;
    options.n_listen_addresses = 2;
    struct fixture *f = start(options);
    int fds[HTTPD_MAX_CONNECTIONS];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    memcpy(to.sun_path, path, sizeof path);
    for (unsigned i = 0; i < HTTPD_MAX_CONNECTIONS; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (const struct sockaddr *)&to, sizeof to), 0);
        assert_answered(fds[i]);
    }
    assert_serves(f); /* of TCP, in the place of the first */
    assert_true(is_ended(fds[0]));
    close_all(fds, HTTPD_MAX_CONNECTIONS);
    stop(f);
}

/* --- No descriptors --- */

/* From now on no descriptor can be had but one that is closed first. */
static rlim_t leave_no_descriptors(void) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlim_t before = limit.rlim_cur;
    const int next = dup(0);
    close(next);
    limit.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

static void allow_again(rlim_t before) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Connects a socket that was made while there were descriptors: the kernel does so before it is accepted. */
static void join_queue(const struct fixture *f, int newcomer) {
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)atoi(first_port(f)))};
    assert_int_equal(connect(newcomer, (const struct sockaddr *)&to, sizeof to), 0);
}

static void without_descriptors_an_idle_client_makes_room(void **state) {
    struct fixture *f = start(patient);
    int fds[3];
    for (unsigned i = 0; i < 3; i++) {
        fds[i] = dial_number(f, i);
        assert_answered(fds[i]);
    }
    const int newcomer = socket(AF_INET, SOCK_STREAM, 0);
    const struct timeval limit = {.tv_sec = PATIENCE_S};
    setsockopt(newcomer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const rlim_t before = leave_no_descriptors();
    join_queue(f, newcomer);
    assert_answered(newcomer);
    allow_again(before);
    assert_true(is_ended(fds[0]));
    close(newcomer);
    close_all(fds, 3);
    stop(f);
}

/* The last descriptor goes to a client, and nobody else waits for one. */
static void the_last_descriptor_costs_nobody_a_place(void **state) {
    struct fixture *f = start(patient);
    int fds[3];
    for (unsigned i = 0; i < 3; i++) {
        fds[i] = dial_number(f, i);
        assert_answered(fds[i]);
    }
    const int newcomer = socket(AF_INET, SOCK_STREAM, 0);
    const struct timeval limit = {.tv_sec = PATIENCE_S};
    setsockopt(newcomer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const int spare = dup(0);
    const rlim_t before = leave_no_descriptors();
    close(spare);
    join_queue(f, newcomer);
    assert_answered(newcomer);
    allow_again(before);
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_open(fds[i]));
    close(newcomer);
    close_all(fds, 3);
    stop(f);
}

static double cpu_seconds(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void without_descriptors_and_idle_clients_it_waits_and_does_not_spin(void **state) {
    struct fixture *f = start(patient);
    const int newcomer = socket(AF_INET, SOCK_STREAM, 0);
    const rlim_t before = leave_no_descriptors();
    join_queue(f, newcomer);
    const double spent = cpu_seconds();
    usleep(1000000);
    assert_true(cpu_seconds() - spent < 0.2); /* spinning takes all that the machine has to give */
    allow_again(before);
    assert_answered(newcomer);
    close(newcomer);
    stop(f);
}

static void ends_while_it_has_no_descriptors(void **state) {
    struct fixture *f = start(patient);
    const int newcomer = socket(AF_INET, SOCK_STREAM, 0);
    const rlim_t before = leave_no_descriptors();
    join_queue(f, newcomer);
    stop(f);
    allow_again(before);
    assert_true(is_ended(newcomer));
    close(newcomer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_takes_the_place_of_who_has_waited_longest),
        cmocka_unit_test(who_holds_most_loses_first),
        cmocka_unit_test(who_holds_more_than_all_others_displaces_only_his_own),
        cmocka_unit_test(what_is_being_worked_on_is_never_cut_off),
        cmocka_unit_test(readers_of_few_addresses_lock_nobody_out),
        cmocka_unit_test(readers_of_as_many_addresses_as_there_are_places_lock_nobody_out),
        cmocka_unit_test(a_flood_from_ever_new_addresses_locks_nobody_out),
        cmocka_unit_test(clients_of_both_families_count_by_their_own_address),
        cmocka_unit_test(local_clients_share_only_the_limit_of_all),
        cmocka_unit_test(without_descriptors_an_idle_client_makes_room),
        cmocka_unit_test(the_last_descriptor_costs_nobody_a_place),
        cmocka_unit_test(without_descriptors_and_idle_clients_it_waits_and_does_not_spin),
        cmocka_unit_test(ends_while_it_has_no_descriptors),
    };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, allow_descriptors, NULL);
}
