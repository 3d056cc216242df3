/* SPDX-License-Identifier: Apache-2.0
 *
 * The web server: where it listens.
 */
/* LINK: -Wl,--wrap=getaddrinfo */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "httpd_fixture.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* No test may ask the DNS. */
int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out) {
    if (hints->ai_flags & AI_NUMERICHOST || strcmp(host, "localhost") == 0)
        return __real_getaddrinfo(host, port, hints, out);
    if (strcmp(host, "twice.example") != 0)
        return EAI_NONAME;
    struct addrinfo *v4;
    const int failed = __real_getaddrinfo("::1", port, hints, out);
    if (failed != 0)
        return failed;
    if (__real_getaddrinfo("127.0.0.9", port, hints, &v4) != 0)
        abort();
    (*out)->ai_next = v4; /* the family that is wanted comes last; glibc frees them one by one */
    return 0;
}

static struct httpd_options listening_on(const char *const *addresses, size_t n) {
    struct httpd_options options = patient;
    options.listen_addresses = addresses;
    options.n_listen_addresses = n;
    options.handler = handle;
    return options;
}

/* The sentence of a server that cannot start; NULL: it has started. */
static const char *refusal(struct httpd_options options) {
    static char error[512];
    struct loop *loop = loop_new();
    assert_non_null(loop);
    struct httpd *server = httpd_new(loop, &options, error, sizeof error);
    httpd_free(server);
    loop_free(loop);
    return server ? NULL : error;
}

/* --- Ports --- */

static void names_the_address_it_is_bound_to(void **state) {
    static const struct {
        const char *listen;
        const char *prefix;
    } rows[] = {{"127.0.0.1:0", "127.0.0.1:"},
                {"127.0.0.3:0", "127.0.0.3:"},
                {"0.0.0.0:0", "0.0.0.0:"},
                {"localhost:0", "127.0.0.1:"},
                {"twice.example:0", "127.0.0.9:"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture *f = start(listening_on(&rows[i].listen, 1));
        const char *bound = first_address(f);
        if (strncmp(bound, rows[i].prefix, strlen(rows[i].prefix)) != 0 || atoi(strrchr(bound, ':') + 1) == 0)
            fail_msg("%s: %s", rows[i].listen, bound);
        stop(f);
    }
}

static void serves_ipv6_where_there_is_any(void **state) {
    static const char *const addresses[] = {"[::1]:0", "[::1%lo]:0"};
    const int fd = socket(AF_INET6, SOCK_STREAM, 0);
    const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    const bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof any) == 0;
    close(fd);
    if (!has)
        skip();
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = start(listening_on(&addresses[i], 1));
        struct sockaddr_in6 to = any;
        to.sin6_port = htons((uint16_t)atoi(first_port(f)));
        const int client = socket(AF_INET6, SOCK_STREAM, 0);
        assert_int_equal(connect(client, (const struct sockaddr *)&to, sizeof to), 0);
        send_text(client, "GET / " HOST "\r\n");
        struct reply r = receive(client, false);
        assert_int_equal(r.status, 200);
        reply_release(&r);
        close(client);
        assert_memory_equal(first_address(f), "[::1", 4);
        stop(f);
    }
}

static void without_a_host_it_serves_ipv4_too(void **state) {
    static const char *const any = ":0";
    struct fixture *f = start(listening_on(&any, 1));
    assert_serves(f);
    stop(f);
}

static void refuses_addresses_with_a_sentence(void **state) {
    static const struct {
        const char *listen;
        const char *says;
    } rows[] = {
        {"", "expected :PORT"},
        {"10554", "expected :PORT"},
        {":", "expected :PORT"},
        {":65536", "expected :PORT"},
        {":x", "expected :PORT"},
        {":-1", "expected :PORT"},
        {"::1:10554", "expected :PORT"},
        {"[::1]", "expected :PORT"},
        {"[]:0", "expected :PORT"},
        {"[127.0.0.1]:0", "expected :PORT"},
        {"[localhost]:0", "expected :PORT"},
        {"127.0.0.01:0", "expected :PORT"},
        {"127.1:0", "expected :PORT"},
        {"0x7f000001:0", "expected :PORT"},
        {"2130706433:0", "expected :PORT"},
        {"127.0.0.1:010554", "expected :PORT"},
        {"[::1:0", "expected :PORT"},
        {"a b:0", "expected :PORT"},
        {"http://localhost:0", "expected :PORT"},
        {"192.0.2.1:0", "does not have that address"},
        {"gone.example:0", "not known"},
        {"[fe80::1%nowhere0]:0", "no network interface of that name"},
        {"unix:", "expected unix:PATH"},
        {"unix://run/x", "expected unix:PATH"},
        {"unix:/nowhere/at/all/x", "its folder has to exist"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *says = refusal(listening_on(&rows[i].listen, 1));
        if (!says || !strstr(says, rows[i].says) || !strstr(says, rows[i].listen))
            fail_msg("%s: %s", rows[i].listen, says ? says : "accepted");
    }
}

static void an_address_in_use_is_named_with_what_to_do(void **state) {
    struct fixture *f = start(patient);
    const char *taken = first_address(f);
    const char *says = refusal(listening_on(&taken, 1));
    assert_non_null(says);
    assert_non_null(strstr(says, taken));
    assert_non_null(strstr(says, "another exporter"));
    assert_non_null(strstr(says, "--web.listen-address"));
    stop(f);
}

/* --- Paths --- */

static char folder[64];

static int make_folder(void **state) {
    snprintf(folder, sizeof folder, "/tmp/rbl_exporter_listen_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    return rmdir(folder); /* nothing may be left in it */
}

/* "unix:FOLDER/name" */
static const char *at(const char *name) {
    static char address[256];
    snprintf(address, sizeof address, "unix:%s/%s", folder, name);
    return address;
}

static int dial_path(const char *address) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    const struct timeval limit = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    memcpy(to.sun_path, address + 5, strlen(address + 5) + 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void assert_serves_at(const char *address) {
    const int fd = dial_path(address);
    send_text(fd, "GET / " HOST "\r\n");
    struct reply r = receive(fd, false);
    assert_int_equal(r.status, 200);
    reply_release(&r);
    close(fd);
}

static bool is_there(const char *address) {
    struct stat there;
    return lstat(address + 5, &there) == 0;
}

static void serves_on_all_addresses_at_once_and_lists_them(void **state) {
    const char *const addresses[] = {"127.0.0.1:0", "127.0.0.2:0", at("web")};
    struct fixture *f = start(listening_on(addresses, 3));
    char expected[512];
    assert_serves(f);
    assert_serves_at(at("web"));
    const char *all = httpd_addresses(f->server);
    assert_memory_equal(all, first_address(f), strlen(first_address(f)));
    const char *second = strchr(all, ' ') + 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("127.0.0.2")};
    to.sin_port = htons((uint16_t)atoi(strchr(second, ':') + 1));
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    close(fd);
    snprintf(expected, sizeof expected, "%s 127.0.0.2:%u %s", first_address(f), (unsigned)ntohs(to.sin_port),
             at("web"));
    assert_string_equal(all, expected);
    stop(f);
    assert_false(is_there(at("web")));
}

static void takes_a_path_as_a_url_too(void **state) {
    char url[160];
    snprintf(url, sizeof url, "unix://%s/web", folder);
    const char *address = url;
    struct fixture *f = start(listening_on(&address, 1));
    assert_serves_at(at("web"));
    assert_string_equal(first_address(f), at("web"));
    stop(f);
}

static void the_umask_decides_who_may_connect(void **state) {
    const char *address = at("web");
    const mode_t before = umask(0077);
    struct fixture *f = start(listening_on(&address, 1));
    umask(before);
    struct stat there;
    assert_int_equal(stat(address + 5, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0700);
    stop(f);
}

/* What a killed exporter leaves behind. */
static void leave_socket(const char *address) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(name.sun_path, address + 5, strlen(address + 5) + 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    assert_true(is_there(address));
}

static void a_socket_that_nobody_listens_on_is_replaced(void **state) {
    const char *address = at("web");
    leave_socket(address);
    struct fixture *f = start(listening_on(&address, 1));
    assert_serves_at(address);
    stop(f);
    assert_false(is_there(address));
}

static void a_socket_with_a_server_is_left_to_it(void **state) {
    const char *address = at("web");
    struct fixture *f = start(listening_on(&address, 1));
    const char *says = refusal(listening_on(&address, 1));
    assert_non_null(says);
    assert_non_null(strstr(says, address));
    assert_non_null(strstr(says, "another exporter is running"));
    assert_serves_at(address);
    stop(f);
}

static void a_file_of_another_kind_is_left_alone(void **state) {
    const char *address = at("web");
    const int fd = open(address + 5, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "mine", 4), 4);
    close(fd);
    const char *says = refusal(listening_on(&address, 1));
    assert_non_null(says);
    assert_non_null(strstr(says, "left alone"));
    struct stat there;
    assert_int_equal(stat(address + 5, &there), 0);
    assert_int_equal(there.st_size, 4);
    assert_int_equal(unlink(address + 5), 0);
}

static void the_socket_of_a_successor_is_not_removed(void **state) {
    const char *address = at("web");
    struct fixture *f = start(listening_on(&address, 1));
    assert_int_equal(unlink(address + 5), 0);
    struct fixture *next = start(listening_on(&address, 1));
    stop(f);
    assert_true(is_there(address));
    assert_serves_at(address);
    stop(next);
    assert_false(is_there(address));
}

static void a_path_that_is_too_long_is_refused(void **state) {
    char name[128];
    memset(name, 'x', sizeof name - 1);
    name[107 - strlen(folder) - 1] = '\0';
    const char *longest = at(name);
    struct fixture *f = start(listening_on(&longest, 1));
    assert_serves_at(longest);
    assert_string_equal(httpd_addresses(f->server), longest);
    stop(f);
    strcat(name, "x");
    const char *longer = at(name);
    const char *says = refusal(listening_on(&longer, 1));
    assert_non_null(says);
    assert_non_null(strstr(says, "too long"));
}

static void it_is_all_addresses_or_none(void **state) {
    struct fixture *f = start(patient);
    const char *const addresses[] = {at("web"), "127.0.0.2:0", first_address(f)};
    const char *says = refusal(listening_on(addresses, 3));
    assert_non_null(says);
    assert_non_null(strstr(says, addresses[2]));
    assert_false(is_there(at("web")));
    stop(f);
}

static void a_slow_but_steady_local_reader_gets_it_whole_and_one_that_stops_is_cut_off(void **state) {
    const char *address = at("web");
    struct httpd_options options = listening_on(&address, 1);
    options.request_ms = 5 * SHORT_MS; /* many looks, on a busy machine too */
    struct fixture *f = start(options);
    const int steady = dial_path(address);
    const int stopped = dial_path(address);
    send_text(steady, "GET /huge " HOST "Connection: close\r\n\r\n");
    send_text(stopped, "GET /huge " HOST "Connection: close\r\n\r\n");
    wait_for_count(&f->n_asked, 2);
    char piece[65536];
    size_t got = 0;
    ssize_t n;
    while ((n = recv(steady, piece, sizeof piece, 0)) > 0) {
        got += (size_t)n;
        usleep(4000);
    }
    assert_int_equal(n, 0);
    assert_true(got > HUGE_BYTES);
    close(steady);
    for (int i = 0; i < PATIENCE_S * 100 && send(stopped, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1; i++)
        usleep(10000);
    got = 0;
    while ((n = recv(stopped, piece, sizeof piece, 0)) > 0)
        got += (size_t)n;
    assert_true(got < HUGE_BYTES);
    close(stopped);
    stop(f);
}

/* --- Sockets of systemd --- */

/* Runs `body` in a process of its own that has `fds` as 3, 4, ... as systemd hands them over. */
static void assert_in_child(void (*body)(void), const int *fds, int n, long pid_offset) {
    const pid_t child = fork();
    if (child == 0) {
        char text[24];
        for (int i = 0; i < n; i++)
            (void)!fcntl(fds[i], F_DUPFD, 100 + i);
        for (int i = 0; i < n; i++)
            dup2(100 + i, 3 + i);
        snprintf(text, sizeof text, "%ld", (long)getpid() + pid_offset);
        setenv("LISTEN_PID", text, 1);
        snprintf(text, sizeof text, "%d", n);
        setenv("LISTEN_FDS", text, 1);
        setenv("LISTEN_FDNAMES", "web", 1);
        body();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int listening_socket(int type) {
    const int fd = socket(AF_INET, type, 0);
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof any), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 10), 0);
    return fd;
}

#define DEMAND(condition)                                                                                    \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                          \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

static struct httpd_options from_systemd(void) {
    struct httpd_options options = listening_on(NULL, 0);
    options.systemd_socket = true;
    return options;
}

static void two_are_served(void) {
    struct fixture *f = start(from_systemd());
    DEMAND(!getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES"));
    for (int fd = 3; fd < 5; fd++) {
        DEMAND(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        DEMAND(fcntl(fd, F_GETFL) & O_NONBLOCK);
    }
    assert_serves(f);
    assert_serves_at(at("web"));
    DEMAND(strstr(httpd_addresses(f->server), at("web")) != NULL);
    stop(f);
}

static void serves_on_the_sockets_of_systemd(void **state) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, at("web") + 5, strlen(at("web") + 5) + 1);
    const int local = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(local, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(local, 10), 0);
    const int fds[] = {listening_socket(SOCK_STREAM), local};
    assert_in_child(two_are_served, fds, 2, 0);
    assert_true(is_there(at("web"))); /* it is systemd's */
    assert_int_equal(unlink(at("web") + 5), 0);
    close(fds[0]);
    close(fds[1]);
}

static void none_for_us(void) {
    const char *says = refusal(from_systemd());
    DEMAND(says && strstr(says, "no socket") && strstr(says, ".socket unit"));
    DEMAND(!getenv("LISTEN_FDS"));
}

static void is_not_listening(void) {
    const char *says = refusal(from_systemd());
    DEMAND(says && strstr(says, "descriptor 4 is no listening stream socket") &&
           strstr(says, "ListenStream="));
}

static void a_socket_that_does_not_fit_is_an_error_that_says_what_to_do(void **state) {
    const int fds[] = {listening_socket(SOCK_STREAM), listening_socket(SOCK_DGRAM)};
    const int wrong[] = {fds[0], socket(AF_INET, SOCK_STREAM, 0)};
    assert_in_child(none_for_us, fds, 0, 0);
    assert_in_child(none_for_us, fds, 1, 1); /* meant for another process */
    assert_in_child(is_not_listening, fds, 2, 0);
    assert_in_child(is_not_listening, wrong, 2, 0);
    close(fds[0]);
    close(fds[1]);
    close(wrong[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_address_it_is_bound_to),
        cmocka_unit_test(serves_ipv6_where_there_is_any),
        cmocka_unit_test(without_a_host_it_serves_ipv4_too),
        cmocka_unit_test(refuses_addresses_with_a_sentence),
        cmocka_unit_test(an_address_in_use_is_named_with_what_to_do),
        cmocka_unit_test(serves_on_all_addresses_at_once_and_lists_them),
        cmocka_unit_test(takes_a_path_as_a_url_too),
        cmocka_unit_test(the_umask_decides_who_may_connect),
        cmocka_unit_test(a_socket_that_nobody_listens_on_is_replaced),
        cmocka_unit_test(a_socket_with_a_server_is_left_to_it),
        cmocka_unit_test(a_file_of_another_kind_is_left_alone),
        cmocka_unit_test(the_socket_of_a_successor_is_not_removed),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
        cmocka_unit_test(it_is_all_addresses_or_none),
        cmocka_unit_test(a_slow_but_steady_local_reader_gets_it_whole_and_one_that_stops_is_cut_off),
        cmocka_unit_test(serves_on_the_sockets_of_systemd),
        cmocka_unit_test(a_socket_that_does_not_fit_is_an_error_that_says_what_to_do),
    };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
