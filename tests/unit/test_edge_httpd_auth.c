/* SPDX-License-Identifier: Apache-2.0
 *
 * Passwords in the web server: who gets in, what it costs, and what is remembered.
 */
/* LINK: -Wl,--wrap=crypt_r */
#include "auth_fixture.h"

/* --- Who gets in --- */

static const struct {
    const char *login; /* user:password */
    int status;
} logins[] = {
    {"alice:open sesame", 200},
    {"alice:open sesam", 401},
    {"alice:open sesame ", 401},
    {"alice:", 401},
    {"Alice:open sesame", 401},
    {"alic:open sesame", 401},
    {"alice2:open sesame", 401},
    {"bob:open sesame", 401},
    {"bob:other", 200},
    {"nobody:", 200},
    {"nobody:x", 401},
    {":open sesame", 200},
    {":", 401},
    {"colon:a:b", 200},
    {"colon:a", 401},
    {"mallory:open sesame", 401},
    /* bcrypt looks at 72 bytes, so do Go and htpasswd. */
    {"long:" LONG_PASSWORD, 200},
    {"long:" LONG_PASSWORD "and whatever follows", 200},
    {"long:0123456789012345678901234567890123456789012345678901234567890123456789a", 401},
    /* As $2b$, which is what $2a$ is to Go. */
    {"high:\xff\xff\xa3", 200},
    {"high:\xff\xa3", 401},
};

static void a_user_and_its_password_open_the_door(void **state) {
    struct fixture *f = start_guarded();
    for (int round = 0; round < 2; round++) { /* the second is answered from memory */
        for (size_t i = 0; i < sizeof logins / sizeof *logins; i++) {
            const int status = status_for(f, logins[i].login);
            if (status != logins[i].status)
                fail_msg("%s: %d in round %d", logins[i].login, status, round);
        }
    }
    assert_int_equal(atomic_load(&n_hashed), sizeof logins / sizeof *logins - 1); /* one is there twice */
    stop(f);
}

static const struct {
    const char *header;
    int status;
} headers[] = {
    {"", 401},
    {"Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n", 200},
    {"authorization: bAsIc YWxpY2U6b3BlbiBzZXNhbWU=\r\n", 200},
    {"Authorization: Basic\r\n", 401},
    {"Authorization:\r\n", 401},
    {"Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU\r\n", 401},
    {"Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWV=\r\n", 401},
    {"Authorization: Basic YWxpY2U=\r\n", 401},
    {"Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWUA\r\n", 401}, /* a NUL behind it */
    {"Authorization: Bearer YWxpY2U6b3BlbiBzZXNhbWU=\r\n", 401},
    {"Authorization: Digest username=\"alice\"\r\n", 401},
    {"Proxy-Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n", 401},
    {"Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\nAuthorization: Basic YWxpY2U6eA==\r\n", 400},
    {"Cookie: Authorization=Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n", 401},
};

static void the_header_is_read_strictly(void **state) {
    struct fixture *f = start_guarded();
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char request[512];
        char value[64];
        snprintf(request, sizeof request, "GET / " HOST "%s\r\n", headers[i].header);
        struct reply r = ask(f, request);
        const char *asks = header_of(&r, "WWW-Authenticate", value, sizeof value);
        if (r.status != headers[i].status || (asks != NULL) != (r.status == 401) ||
            (asks && strcmp(asks, "Basic") != 0))
            fail_msg("%s: %d, asks for %s", headers[i].header, r.status, asks ? asks : "nothing");
        reply_release(&r);
    }
    assert_int_equal(atomic_load(&n_hashed), 1); /* what is malformed costs nothing */
    stop(f);
}

/* Without a password and with one, right or wrong. */
static const struct {
    const char *line;
    const char *rest; /* headers, empty line, body */
    int with;
} requests[] = {
    {"GET /metrics", "\r\n", 200},
    {"GET /nowhere", "\r\n", 404},
    {"GET /post", "\r\n", 405},
    {"BREW /metrics", "\r\n", 501},
    {"DELETE /", "\r\n", 405},
    {"GET /", "Content-Length: 2\r\n\r\nab", 400},
    {"POST /post", "Content-Length: 5\r\n\r\nhello", 200},
    {"POST /post", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200},
    {"POST /post", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200},
    {"POST /nowhere", "Content-Length: 5\r\n\r\nhello", 404},
    {"POST /nowhere", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 404},
    {"POST /metrics", "Content-Length: 5\r\n\r\nhello", 405},
};

static void nobody_learns_a_path_without_a_password(void **state) {
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        char request[512];
        struct fixture *f = start_guarded(); /* that remembers nothing */
        snprintf(request, sizeof request, "%s " HOST "%s", requests[i].line, requests[i].rest);
        struct reply r = ask(f, request);
        const int without = r.status;
        reply_release(&r);
        const int wrong = status_of(call(f, "127.0.0.1", requests[i].line, "alice:x", requests[i].rest));
        const int tried_now = status_of(call(f, "127.0.0.1", requests[i].line, RIGHT, requests[i].rest));
        const int remembered = status_of(call(f, "127.0.0.1", requests[i].line, RIGHT, requests[i].rest));
        const int wrong_again =
            status_of(call(f, "127.0.0.1", requests[i].line, "alice:x", requests[i].rest));
        if (without != 401 || wrong != 401 || wrong_again != 401 || tried_now != requests[i].with ||
            remembered != requests[i].with)
            fail_msg("%s: %d without, %d and %d with a wrong, %d and %d with a right password",
                     requests[i].line, without, wrong, wrong_again, tried_now, remembered);
        assert_int_equal(atomic_load(&f->n_asked), requests[i].with == 200 ? 2 : 0);
        stop(f);
    }
}

static void a_head_without_a_password_gets_401_and_no_body(void **state) {
    struct fixture *f = start_guarded();
    struct reply r = ask(f, "HEAD /metrics " HOST "\r\n");
    assert_int_equal(r.status, 401);
    assert_int_equal(r.body_len, 0);
    reply_release(&r);
    stop(f);
}

/* --- Bodies --- */

static void a_body_without_a_password_is_not_waited_for(void **state) {
    struct fixture *f = start_guarded();
    const int fd = dial(f);
    send_text(fd, "POST /large " HOST "Content-Length: 200000\r\n\r\n");
    assert_int_equal(status_of(fd), 401);
    stop(f);
}

/* Sends a body of `len` bytes, whole or in chunks of 10,000. */
static struct reply post_large(const struct fixture *f, const char *login, size_t len, bool chunked) {
    char rest[64];
    static char piece[10000];
    memset(piece, 'b', sizeof piece);
    snprintf(rest, sizeof rest,
             chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: %zu\r\n\r\n", len);
    const int fd = call(f, "127.0.0.1", "POST /large", login, rest);
    bool open = true;
    for (size_t at = 0; at < len && open; at += sizeof piece)
        open = (!chunked || send_text(fd, "2710\r\n")) && send_bytes(fd, piece, sizeof piece) &&
               (!chunked || send_text(fd, "\r\n"));
    if (chunked && open)
        send_text(fd, "0\r\n\r\n");
    struct reply r = receive(fd, false);
    close(fd);
    return r;
}

static void a_large_body_waits_for_its_password(void **state) {
    for (int chunked = 0; chunked < 2; chunked++) {
        struct fixture *f = start_guarded();
        for (int round = 0; round < 2; round++) {
            struct reply r = post_large(f, RIGHT, 200000, chunked);
            assert_int_equal(r.status, 200);
            assert_true(r.body_len > 200000);
            reply_release(&r);
            r = post_large(f, "alice:x", 200000, chunked);
            assert_true(r.status == 401 || (round > 0 && r.status == 0)); /* refused while it is sent */
            reply_release(&r);
            r = post_large(f, RIGHT, 310000, chunked);
            assert_true(r.status == 413 || (!chunked && r.status == 0));
            reply_release(&r);
        }
        stop(f);
    }
}

/* Who has nothing more to say still gets an answer. */
static void a_client_that_has_closed_its_half_gets_an_answer(void **state) {
    static const char *const rests[] = {"\r\n", "Content-Length: 5\r\n\r\nhello"};
    static const char *const lines[] = {"GET /", "POST /post"};
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = start_guarded();
        atomic_store(&hold, true);
        const int fd = call(f, "127.0.0.1", lines[i], RIGHT, rests[i]);
        shutdown(fd, SHUT_WR);
        wait_for_count(&n_tried, (unsigned)i + 1);
        atomic_store(&hold, false);
        assert_int_equal(status_of(fd), 200);
        stop(f);
    }
}

static void requests_of_one_connection_are_judged_each(void **state) {
    struct fixture *f = start_guarded();
    static const char pipeline[] = "GET / " HOST "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n\r\n"
                                   "GET / " HOST "\r\n"
                                   "GET / " HOST "Authorization: Basic YWxpY2U6eA==\r\n\r\n"
                                   "GET / " HOST "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n\r\n";
    static const int wanted[] = {200, 401, 401, 200};
    const int fd = dial(f);
    send_text(fd, pipeline);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct reply r = receive(fd, false);
        assert_int_equal(r.status, wanted[i]);
        reply_release(&r);
    }
    close(fd);
    stop(f);
}

/* --- What it costs --- */

/* The cost that hashing for this user takes, of which there is no other trace. */
static const char *cost_of(const struct fixture *f, const char *user) {
    char login[64];
    const unsigned before = atomic_load(&n_tried);
    snprintf(login, sizeof login, "%s:x", user);
    assert_int_equal(status_for(f, login), 401);
    assert_int_equal(atomic_load(&n_tried), before + 1);
    return cost_tried[before];
}

static void unknown_users_cost_what_known_ones_do(void **state) {
    struct fixture *f = start(guarded_by(security_of(config_of(users + 1, 1))));
    assert_string_equal(cost_of(f, "bob"), "05");
    assert_string_equal(cost_of(f, "mallory"), "05");
    assert_string_equal(cost_of(f, "alice"), "05");
    stop(f);
}

/* Both costs are there among unknown names, each name always has the same, after a restart too. */
static void unknown_users_are_spread_over_the_costs(void **state) {
    enum { NAMES = 40 };
    char costs[NAMES][3];
    bool seen[2] = {false, false};
    for (int round = 0; round < 2; round++) {
        struct fixture *f = start(guarded_by(security_of(config_of(users, 2))));
        for (unsigned i = 0; i < NAMES; i++) {
            char name[16];
            snprintf(name, sizeof name, "name%u", i);
            const char *cost = cost_of(f, name);
            seen[strcmp(cost, "05") == 0] = true;
            if (round == 0)
                snprintf(costs[i], sizeof costs[i], "%s", cost);
            assert_string_equal(costs[i], cost);
        }
        stop(f);
    }
    assert_true(seen[0] && seen[1]);
}

/* --- What is remembered --- */

static void wrong_passwords_push_no_right_one_out(void **state) {
    struct fixture *f = start_guarded();
    assert_int_equal(status_for(f, RIGHT), 200);
    for (unsigned i = 0; i < 250; i++) {
        char login[32];
        snprintf(login, sizeof login, "alice:%u", i);
        assert_int_equal(status_for(f, login), 401);
    }
    assert_int_equal(atomic_load(&n_hashed), 251);
    assert_int_equal(status_for(f, RIGHT), 200);
    assert_int_equal(status_for(f, "alice:249"), 401);
    assert_int_equal(atomic_load(&n_hashed), 251);
    assert_int_equal(status_for(f, "alice:0"), 401); /* forgotten since */
    assert_int_equal(atomic_load(&n_hashed), 252);
    stop(f);
}

/* Both users have the same hash, and both claims the same bytes one behind the other. */
static void no_two_claims_share_what_is_remembered(void **state) {
    struct fixture *f = start_guarded();
    assert_int_equal(status_for(f, RIGHT), 200);
    assert_int_equal(status_for(f, ":aliceopen sesame"), 401);
    assert_int_equal(status_for(f, ":open sesame"), 200);
    assert_int_equal(atomic_load(&n_hashed), 3);
    stop(f);
}

static void a_changed_password_holds_from_the_next_request_on(void **state) {
    static const struct web_user changed[] = {
        {"alice", "$2b$05$abcdefghijklmnopqrstuuVQd15VhR/oN1H3pzUR5lME0fZO6.qRW"}}; /* other */
    struct fixture *f = start_guarded();
    atomic_store(&hold, true);
    const int waiting = knock(f, "127.0.0.1", RIGHT);
    wait_for_count(&n_tried, 1);
    httpd_secure(f->server, security_of(config_of(changed, 1)));
    const int next = knock(f, "127.0.0.1", RIGHT);
    const int other = knock(f, "127.0.0.1", "alice:other");
    atomic_store(&hold, false);
    assert_int_equal(status_of(waiting), 200); /* began under the old one */
    assert_int_equal(status_of(next), 401);
    assert_int_equal(status_of(other), 200);
    httpd_secure(f->server, NULL);
    assert_serves(f);
    httpd_secure(f->server, security_of(config_of(users, N_USERS)));
    assert_int_equal(status_for(f, RIGHT), 200);
    assert_int_equal(status_for(f, "alice:other"), 401);
    stop(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_user_and_its_password_open_the_door, reset_counts),
        cmocka_unit_test_setup(the_header_is_read_strictly, reset_counts),
        cmocka_unit_test_setup(nobody_learns_a_path_without_a_password, reset_counts),
        cmocka_unit_test_setup(a_head_without_a_password_gets_401_and_no_body, reset_counts),
        cmocka_unit_test_setup(a_body_without_a_password_is_not_waited_for, reset_counts),
        cmocka_unit_test_setup(a_large_body_waits_for_its_password, reset_counts),
        cmocka_unit_test_setup(a_client_that_has_closed_its_half_gets_an_answer, reset_counts),
        cmocka_unit_test_setup(requests_of_one_connection_are_judged_each, reset_counts),
        cmocka_unit_test_setup(unknown_users_cost_what_known_ones_do, reset_counts),
        cmocka_unit_test_setup(unknown_users_are_spread_over_the_costs, reset_counts),
        cmocka_unit_test_setup(wrong_passwords_push_no_right_one_out, reset_counts),
        cmocka_unit_test_setup(no_two_claims_share_what_is_remembered, reset_counts),
        cmocka_unit_test_setup(a_changed_password_holds_from_the_next_request_on, reset_counts),
    };
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
