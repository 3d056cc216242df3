/* SPDX-License-Identifier: Apache-2.0
 *
 * Passwords in the web server when many come at once: turns, places, time-outs, and the end. A hash is held
 * for as long as a test arranges what waits behind it.
 */
/* LINK: -Wl,--wrap=crypt_r */
#include "auth_fixture.h"

#include <sys/resource.h>

/* As in edge/httpd_guard.h, which is not for others to include. */
enum { IN_ALL = 64, PER_CLIENT = 4 };

static void knock_in_vain(const struct fixture *f, const char *source, const char *login, int wanted) {
    struct reply r;
    char value[32];
    const int fd = knock(f, source, login);
    r = receive(fd, false);
    close(fd);
    assert_int_equal(r.status, wanted);
    assert_non_null(header_of(&r, "Retry-After", value, sizeof value));
    reply_release(&r);
}

/* The server answers requests in the order in which they have come to one connection only; so each is given
 * the time to be put in line, which shows by what the next one finds. */
static void settle_down(const struct fixture *f) {
    struct reply r = get(f, "/"); /* no password: answered behind what came before */
    assert_int_equal(r.status, 401);
    reply_release(&r);
}

static struct fixture *start_held(struct httpd_options options, int *at_work) {
    struct fixture *f = start(options);
    atomic_store(&hold, true);
    *at_work = knock(f, "127.0.9.9", "alice:at work");
    wait_for_count(&n_tried, 1);
    return f;
}

static struct httpd_options guarded(void) {
    return guarded_by(security_of(config_of(users, N_USERS)));
}

/* --- Turns --- */

static void clients_take_turns(void **state) {
    static const struct {
        const char *source;
        const char *login;
    } order[] = {
        {"127.0.0.2", "alice:a1"}, {"127.0.0.2", "alice:a2"}, {"127.0.0.2", "alice:a3"},
        {"127.0.0.2", "alice:a4"}, {"127.0.0.3", "alice:b1"}, {"127.0.0.3", "alice:b2"},
        {"127.0.0.4", "alice:c1"},
    };
    enum { N = sizeof order / sizeof *order };
    static const char *const wanted[N] = {"a1", "b1", "c1", "a2", "b2", "a3", "a4"};
    int at_work;
    int fds[N];
    struct fixture *f = start_held(guarded(), &at_work);
    for (size_t i = 0; i < N; i++) {
        fds[i] = knock(f, order[i].source, order[i].login);
        settle_down(f);
    }
    atomic_store(&hold, false);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(status_of(fds[i]), 401);
    assert_int_equal(status_of(at_work), 401);
    for (size_t i = 0; i < N; i++)
        assert_string_equal(tried[1 + i], wanted[i]);
    stop(f);
}

static void a_client_has_a_few_places_and_is_told_when_they_are_taken(void **state) {
    int at_work;
    int fds[PER_CLIENT];
    struct fixture *f = start_held(guarded(), &at_work);
    for (int i = 0; i < PER_CLIENT; i++) {
        char login[32];
        snprintf(login, sizeof login, "alice:%d", i);
        fds[i] = knock(f, "127.0.0.2", login);
        settle_down(f);
    }
    knock_in_vain(f, "127.0.0.2", "alice:one more", 429);
    const int other = knock(f, "127.0.0.3", RIGHT);
    atomic_store(&hold, false);
    assert_int_equal(status_of(other), 200);
    assert_int_equal(status_of(at_work), 401);
    for (int i = 0; i < PER_CLIENT; i++)
        assert_int_equal(status_of(fds[i]), 401);
    assert_int_equal(atomic_load(&n_hashed), PER_CLIENT + 2);
    stop(f);
}

/* An IPv4 address looks like another on a socket for both families. */
static void a_client_has_as_many_places_by_all_sockets_together(void **state) {
    static const char *const addresses[] = {"127.0.0.1:0", ":0"};
    struct httpd_options options = guarded();
    options.listen_addresses = addresses;
    options.n_listen_addresses = 2;
    int at_work;
    int fds[PER_CLIENT];
    char token[64];
    char request[256];
    struct fixture *f = start_held(options, &at_work);
    for (int i = 0; i < PER_CLIENT; i++) {
        char login[32];
        snprintf(login, sizeof login, "alice:%d", i);
        fds[i] = knock(f, "127.0.0.2", login);
        settle_down(f);
    }
    encode("alice:one more", strlen("alice:one more"), token);
    snprintf(request, sizeof request, "GET / " HOST "Authorization: Basic %s\r\n\r\n", token);
    const int other = dial_port(strrchr(httpd_addresses(f->server), ':') + 1, "127.0.0.2");
    assert_true(send_text(other, request));
    assert_int_equal(status_of(other), 429);
    atomic_store(&hold, false);
    assert_int_equal(status_of(at_work), 401);
    for (int i = 0; i < PER_CLIENT; i++)
        assert_int_equal(status_of(fds[i]), 401);
    stop(f);
}

static void the_same_password_is_tried_once_for_all_who_wait(void **state) {
    enum { N = 20 };
    int at_work;
    int right[N];
    struct fixture *f = start_held(guarded(), &at_work);
    for (int i = 0; i < N; i++)
        right[i] = knock(f, "127.0.0.2", RIGHT);
    const int same = knock(f, "127.0.0.3", "alice:at work"); /* as what is at work */
    settle_down(f);
    atomic_store(&hold, false);
    for (int i = 0; i < N; i++)
        assert_int_equal(status_of(right[i]), 200);
    assert_int_equal(status_of(same), 401);
    assert_int_equal(status_of(at_work), 401);
    assert_int_equal(atomic_load(&n_hashed), 2);
    stop(f);
}

/* --- Places --- */

static int knock_as(const struct fixture *f, unsigned client, unsigned nth) {
    char source[32];
    char login[32];
    snprintf(source, sizeof source, "127.0.1.%u", 1 + client);
    snprintf(login, sizeof login, "alice:%u-%u", client, nth);
    const int fd = knock(f, source, login);
    settle_down(f);
    return fd;
}

static void when_all_places_are_taken_the_next_is_told(void **state) {
    int at_work;
    int fds[IN_ALL];
    struct fixture *f = start_held(guarded(), &at_work);
    for (unsigned i = 0; i < IN_ALL; i++)
        fds[i] = knock_as(f, i, 0);
    knock_in_vain(f, "127.0.2.1", RIGHT, 503);
    knock_in_vain(f, "127.0.1.1", "alice:another", 503);
    atomic_store(&hold, false);
    for (unsigned i = 0; i < IN_ALL; i++)
        assert_int_equal(status_of(fds[i]), 401);
    assert_int_equal(status_of(at_work), 401);
    assert_int_equal(status_for(f, RIGHT), 200);
    stop(f);
}

/* Few clients cannot keep others out: who has most loses the last. */
static void a_newcomer_gets_the_place_of_who_has_most(void **state) {
    enum { CLIENTS = IN_ALL / PER_CLIENT };
    int at_work;
    int fds[CLIENTS][PER_CLIENT];
    unsigned n_lost = 0;
    struct fixture *f = start_held(guarded(), &at_work);
    for (unsigned i = 0; i < CLIENTS; i++) {
        for (unsigned nth = 0; nth < PER_CLIENT; nth++)
            fds[i][nth] = knock_as(f, i, nth);
    }
    const int newcomer = knock(f, "127.0.2.1", RIGHT);
    settle_down(f);
    atomic_store(&hold, false);
    assert_int_equal(status_of(newcomer), 200);
    for (unsigned i = 0; i < CLIENTS; i++) {
        for (unsigned nth = 0; nth < PER_CLIENT; nth++) {
            const int status = status_of(fds[i][nth]);
            assert_true(status == 401 || (status == 503 && nth == PER_CLIENT - 1));
            n_lost += status == 503 ? 1 : 0;
        }
    }
    assert_int_equal(n_lost, 1);
    assert_int_equal(status_of(at_work), 401);
    stop(f);
}

/* --- Who has been wrong --- */

static void be_wrong(const struct fixture *f, unsigned first, unsigned n) {
    for (unsigned i = first; i < first + n; i++)
        assert_int_equal(status_of(knock_as(f, i, 99)), 401);
}

/* The place in which a password was tried, from 0; past all if it never was. */
static size_t turn_of(const char *password) {
    size_t at = 0;
    while (at < (size_t)atomic_load(&n_tried) && strncmp(tried[at], password, sizeof tried[at] - 1) != 0)
        at++;
    return at;
}

static void who_has_been_wrong_lets_others_go_first(void **state) {
    enum { GUESSERS = 10 };
    int at_work;
    int fds[GUESSERS];
    struct fixture *f = start(guarded());
    be_wrong(f, 0, GUESSERS);
    atomic_store(&hold, true);
    const int before = atomic_load(&n_tried);
    at_work = knock(f, "127.0.9.9", "alice:at work");
    wait_for_count(&n_tried, before + 1);
    for (unsigned i = 0; i < GUESSERS; i++)
        fds[i] = knock_as(f, i, 0);
    const int newcomer = knock(f, "127.0.2.1", RIGHT);
    settle_down(f);
    atomic_store(&hold, false);
    assert_int_equal(status_of(newcomer), 200);
    for (unsigned i = 0; i < GUESSERS; i++)
        assert_int_equal(status_of(fds[i]), 401);
    assert_int_equal(status_of(at_work), 401);
    const char *password = strchr(RIGHT, ':') + 1;
    assert_in_range(turn_of(password), (size_t)before + 1, (size_t)before + 2);
    stop(f);
}

static void who_has_been_wrong_has_every_other_turn(void **state) {
    enum { NEWCOMERS = 10 };
    int at_work;
    int fds[NEWCOMERS];
    struct fixture *f = start(guarded());
    be_wrong(f, 0, 1);
    atomic_store(&hold, true);
    const int before = atomic_load(&n_tried);
    at_work = knock(f, "127.0.9.9", "alice:at work");
    wait_for_count(&n_tried, before + 1);
    const int wrong_before = knock_as(f, 0, 0);
    for (unsigned i = 0; i < NEWCOMERS; i++)
        fds[i] = knock_as(f, 1 + i, 0);
    atomic_store(&hold, false);
    assert_int_equal(status_of(wrong_before), 401);
    for (unsigned i = 0; i < NEWCOMERS; i++)
        assert_int_equal(status_of(fds[i]), 401);
    assert_int_equal(status_of(at_work), 401);
    assert_in_range(turn_of("0-0"), (size_t)before + 1, (size_t)before + 2);
    stop(f);
}

static void who_has_been_wrong_loses_its_place_in_a_full_line(void **state) {
    int at_work;
    int fds[IN_ALL];
    unsigned n_lost = 0;
    struct fixture *f = start(guarded());
    be_wrong(f, 0, IN_ALL);
    atomic_store(&hold, true);
    const int before = atomic_load(&n_tried);
    at_work = knock(f, "127.0.9.9", "alice:at work");
    wait_for_count(&n_tried, before + 1);
    for (unsigned i = 0; i < IN_ALL; i++)
        fds[i] = knock_as(f, i, 0);
    const int newcomer = knock(f, "127.0.2.1", RIGHT);
    settle_down(f);
    atomic_store(&hold, false);
    assert_int_equal(status_of(newcomer), 200);
    for (unsigned i = 0; i < IN_ALL; i++)
        n_lost += status_of(fds[i]) == 503 ? 1 : 0;
    assert_int_equal(n_lost, 1);
    assert_int_equal(status_of(at_work), 401);
    stop(f);
}

/* All clients are in this process, and so are their servers. */
static int allow_descriptors(void **state) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

/* Any number may wait for one hash: who does so holds a connection, and loses it to newcomers like others.
 * More of them than may be cut off and not yet closed: so those that were cut off are closed while the hash
 * is at work. */
static void who_waits_for_a_password_locks_nobody_out(void **state) {
    enum { NEWCOMERS = 200 };
    int fds[HTTPD_MAX_CONNECTIONS];
    int newcomers[NEWCOMERS];
    char source[32];
    struct fixture *f = start(guarded());
    atomic_store(&hold, true);
    for (unsigned i = 0; i < HTTPD_MAX_CONNECTIONS; i++) {
        snprintf(source, sizeof source, "127.0.4.%u", 1 + i / HTTPD_MAX_PER_ADDRESS);
        fds[i] = knock(f, source, "alice:the same");
        if (i + 1 < HTTPD_MAX_CONNECTIONS)
            settle_down(f);
    }
    for (unsigned i = 0; i < NEWCOMERS; i++) {
        snprintf(source, sizeof source, "127.0.5.%u", 1 + i);
        newcomers[i] = dial_from(f, source);
        assert_true(send_text(newcomers[i], "GET / " HOST "\r\n"));
        struct reply r = receive(newcomers[i], false);
        assert_int_equal(r.status, 401);
        reply_release(&r);
    }
    for (unsigned i = 0; i < NEWCOMERS; i++) {
        char trash;
        assert_int_equal(recv(newcomers[i], &trash, 1, MSG_DONTWAIT), -1); /* none has displaced another */
        close(newcomers[i]);
    }
    assert_int_equal(atomic_load(&n_hashed), 0);
    atomic_store(&hold, false);
    unsigned n_answered = 0;
    for (unsigned i = 0; i < HTTPD_MAX_CONNECTIONS; i++)
        n_answered += status_of(fds[i]) == 401 ? 1 : 0;
    assert_int_equal(n_answered, HTTPD_MAX_CONNECTIONS - NEWCOMERS);
    stop(f);
}

/* A flood of newcomers is faster than a hash, and displaces the oldest. */
static void who_waits_for_a_password_outlasts_a_flood_from_ever_new_addresses(void **state) {
    enum { NEWCOMERS = HTTPD_MAX_CONNECTIONS + 100 };
    int newcomers[NEWCOMERS];
    char source[32];
    struct fixture *f = start(guarded());
    atomic_store(&hold, true);
    const int waiting = knock(f, "127.0.6.1", RIGHT);
    wait_for_count(&n_tried, 1);
    for (unsigned i = 0; i < NEWCOMERS; i++) {
        snprintf(source, sizeof source, "127.0.%u.%u", 7 + i / 250, 1 + i % 250);
        newcomers[i] = dial_from(f, source);
        assert_true(send_text(newcomers[i], "GET / " HOST "\r\n"));
        struct reply r = receive(newcomers[i], false);
        assert_int_equal(r.status, 401);
        reply_release(&r);
    }
    atomic_store(&hold, false);
    assert_int_equal(status_of(waiting), 200);
    for (unsigned i = 0; i < NEWCOMERS; i++)
        close(newcomers[i]);
    stop(f);
}

/* --- Too late --- */

static void who_waits_too_long_is_told_and_what_was_begun_is_remembered(void **state) {
    struct httpd_options options = guarded();
    options.answer_ms = SHORT_MS;
    struct fixture *f = start(options);
    atomic_store(&hold, true);
    const int first = knock(f, "127.0.0.2", RIGHT);
    wait_for_count(&n_tried, 1);
    const int second = knock(f, "127.0.0.2", "alice:x");
    assert_int_equal(status_of(first), 503);
    assert_int_equal(status_of(second), 503);
    atomic_store(&hold, false);
    wait_for_count(&n_hashed, 1);
    int status = 503;
    for (int i = 0; status == 503 && i < 100; i++) /* the limit is short for a busy machine */
        status = status_for(f, RIGHT);
    assert_int_equal(status, 200);
    assert_int_equal(atomic_load(&n_hashed), 1); /* nor has the second been tried for nobody */
    stop(f);
}

/* A client that has gone away while it waits harms nobody. */
static void a_client_may_leave_while_it_waits(void **state) {
    int at_work;
    struct fixture *f = start_held(guarded(), &at_work);
    close(at_work);
    for (unsigned i = 0; i < 10; i++)
        close(knock_as(f, i, 0));
    atomic_store(&hold, false);
    assert_int_equal(status_for(f, RIGHT), 200);
    stop(f);
}

/* --- The end --- */

static void stopping_waits_for_no_hash(void **state) {
    int at_work;
    struct fixture *f = start_held(guarded(), &at_work);
    const int waiting = knock(f, "127.0.0.2", RIGHT);
    const int same = knock(f, "127.0.0.3", "alice:at work");
    settle_down(f);
    stop(f); /* with the hash still at work */
    assert_int_equal(status_of(at_work), 503);
    assert_int_equal(status_of(waiting), 503);
    assert_int_equal(status_of(same), 503);
    assert_int_equal(atomic_load(&n_hashed), 0);
    atomic_store(&hold, false);
    wait_for_count(&n_hashed, 1);
    assert_int_equal(atomic_load(&n_tried), 1);
}

static void stopping_after_a_hash_leaves_no_thread(void **state) {
    struct fixture *f = start(guarded());
    assert_int_equal(status_for(f, RIGHT), 200);
    stop(f);
}

/* Many clients, few passwords, all at once: everybody is answered. */
enum { STORM_CLIENTS = 24, STORM_ROUNDS = 12 };
struct storm {
    const struct fixture *f;
    unsigned client;
};

static void *storm(void *context) {
    const struct storm *s = context;
    char source[32];
    snprintf(source, sizeof source, "127.0.3.%u", 1 + s->client);
    for (unsigned i = 0; i < STORM_ROUNDS; i++) {
        char login[32];
        snprintf(login, sizeof login, "alice:%u", (s->client * 7 + i * 3) % 40);
        const int wrong = status_of(knock(s->f, source, login));
        const int right = status_of(knock(s->f, source, RIGHT));
        if (wrong != 401 || right != 200)
            abort();
    }
    return NULL;
}

static void a_storm_of_clients_is_answered(void **state) {
    pthread_t threads[STORM_CLIENTS];
    struct storm of[STORM_CLIENTS];
    struct fixture *f = start(guarded());
    for (unsigned i = 0; i < STORM_CLIENTS; i++) {
        of[i] = (struct storm){f, i};
        assert_int_equal(pthread_create(&threads[i], NULL, storm, &of[i]), 0);
    }
    for (unsigned i = 0; i < STORM_CLIENTS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&n_hashed), 41);
    stop(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(clients_take_turns, reset_counts),
        cmocka_unit_test_setup(a_client_has_a_few_places_and_is_told_when_they_are_taken, reset_counts),
        cmocka_unit_test_setup(a_client_has_as_many_places_by_all_sockets_together, reset_counts),
        cmocka_unit_test_setup(the_same_password_is_tried_once_for_all_who_wait, reset_counts),
        cmocka_unit_test_setup(when_all_places_are_taken_the_next_is_told, reset_counts),
        cmocka_unit_test_setup(a_newcomer_gets_the_place_of_who_has_most, reset_counts),
        cmocka_unit_test_setup(who_has_been_wrong_lets_others_go_first, reset_counts),
        cmocka_unit_test_setup(who_has_been_wrong_has_every_other_turn, reset_counts),
        cmocka_unit_test_setup(who_has_been_wrong_loses_its_place_in_a_full_line, reset_counts),
        cmocka_unit_test_setup(who_waits_for_a_password_locks_nobody_out, reset_counts),
        cmocka_unit_test_setup(who_waits_for_a_password_outlasts_a_flood_from_ever_new_addresses,
                               reset_counts),
        cmocka_unit_test_setup(who_waits_too_long_is_told_and_what_was_begun_is_remembered, reset_counts),
        cmocka_unit_test_setup(a_client_may_leave_while_it_waits, reset_counts),
        cmocka_unit_test_setup(stopping_waits_for_no_hash, reset_counts),
        cmocka_unit_test_setup(stopping_after_a_hash_leaves_no_thread, reset_counts),
        cmocka_unit_test_setup(a_storm_of_clients_is_answered, reset_counts),
    };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, allow_descriptors, NULL);
}
