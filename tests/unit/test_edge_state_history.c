/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "state_fixture.h"

static const struct ip ask_ip = {.lo = 0xc0000201, .family = IP_V4}; /* 192.0.2.1 */

/* The answer to one question. */
static const struct answer *ask(struct world *w, const struct ip *ip, int64_t before_ns, unsigned limit) {
    static uint64_t ticket;
    w->n_answers = 0;
    assert_true(state_ask_history(w->s, ip, before_ns, limit, ++ticket));
    UNTIL(w->n_answers == 1);
    assert_int_equal(w->answers[0].ticket, ticket);
    return &w->answers[0];
}

static void gives_the_history_of_an_address_in_pages(void **state) {
    struct world *w = *state;
    const int64_t start_ns = clock_wall_ns();
    char detail[16];
    begin(w);
    for (int i = 0; i < 25; i++) {
        snprintf(detail, sizeof detail, "%d", i);
        put_event(w, start_ns + i, "192.0.2.1", detail);
        put_event(w, start_ns + i, "192.0.2.2", "other");
        put_event(w, start_ns + i, NULL, "1.0");
    }
    int64_t before_ns = INT64_MAX;
    int expected = 24;
    for (int page = 0; page < 3; page++) {
        const struct answer *a = ask(w, &ask_ip, before_ns, 10);
        assert_true(a->ok);
        assert_int_equal(a->n, page < 2 ? 10 : 5);
        assert_int_equal(a->more, page < 2);
        for (size_t i = 0; i < a->n; i++) {
            assert_int_equal(atoi(a->events[i].detail), expected--);
            assert_true(a->events[i].has_ip && ip_equal(&a->events[i].ip, &ask_ip));
            assert_int_equal(a->events[i].kind, HISTORY_LISTED);
            assert_string_equal(a->events[i].list, "zen");
        }
        before_ns = a->events[a->n - 1].wall_ns;
    }
    assert_int_equal(expected, -1);
    assert_int_equal(ask(w, &ask_ip, start_ns, 10)->n, 0);
    assert_true(w->answers[0].ok && !w->answers[0].more);
    assert_int_equal(ask(w, &ask_ip, INT64_MAX, 25)->n, 25);
    assert_false(w->answers[0].more);
    const struct ip nobody = ip_v4(1);
    assert_int_equal(ask(w, &nobody, INT64_MAX, STATE_HISTORY_PAGE)->n, 0);
    end(w);
}

static void tells_events_of_one_moment_apart(void **state) {
    struct world *w = *state;
    const int64_t now_ns = clock_wall_ns();
    begin(w);
    for (int i = 0; i < 5; i++)
        put_event(w, now_ns, "192.0.2.1", "code");
    int64_t before_ns = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        const struct answer *a = ask(w, &ask_ip, before_ns, 1);
        assert_int_equal(a->n, 1);
        assert_int_equal(a->more, i < 4);
        before_ns = a->events[0].wall_ns;
    }
    assert_int_equal(before_ns, now_ns);
    end(w);
}

static void keeps_every_kind_of_event(void **state) {
    struct world *w = *state;
    const int64_t now_ns = clock_wall_ns();
    begin(w);
    struct history_event e[HISTORY_KINDS];
    for (int i = 0; i < HISTORY_KINDS; i++) {
        e[i] = make_event(now_ns + i, (enum history_kind)i, i % 2 ? "bl" : "", i % 3 ? "2001:db8::1" : NULL,
                          i == 4 ? "" : "caf\xc3\xa9 \xff \"quoted\"");
        state_put_event(w->s, &e[i]);
    }
    memset(e[0].detail, 'd', sizeof e[0].detail - 1);
    memset(e[0].list, 'l', sizeof e[0].list - 1);
    state_put_event(w->s, &e[0]);
    again(w);
    assert_int_equal(w->n_events, HISTORY_KINDS + 1);
    for (int i = 1; i <= HISTORY_KINDS; i++) {
        const struct history_event *a = &w->events[i];
        const struct history_event *b = &e[i % HISTORY_KINDS];
        assert_true(a->wall_ns == b->wall_ns && a->kind == b->kind && a->has_ip == b->has_ip);
        assert_string_equal(a->list, b->list);
        assert_string_equal(a->detail, b->detail);
        assert_true(!a->has_ip || ip_equal(&a->ip, &b->ip));
    }
    assert_false(state_was_damaged(w->s));
    end(w);
}

static void brings_back_the_latest_events_the_oldest_first(void **state) {
    struct world *w = *state;
    const int64_t now_ns = clock_wall_ns();
    char detail[16];
    begin(w);
    for (int i = 0; i < HISTORY_SHOWN + 50; i++) {
        snprintf(detail, sizeof detail, "%d", i);
        put_event(w, now_ns + i, i % 2 ? "192.0.2.1" : NULL, detail);
    }
    again(w);
    assert_int_equal(w->n_events, HISTORY_SHOWN);
    for (int i = 0; i < HISTORY_SHOWN; i++)
        assert_int_equal(atoi(w->events[i].detail), i + 50);
    end(w);
}

static void drops_what_is_too_old(void **state) {
    struct world *w = *state;
    const int64_t now_ns = clock_wall_ns();
    begin(w);
    for (int i = 0; i < 3 * STATE_PRUNE_ROWS; i++) /* with some whose clock was wrong among them */
        put_event(w, i % 100 == 7 ? now_ns + DAY : now_ns - 300 * DAY + i, "192.0.2.1", "old");
    for (int i = 0; i < 100; i++)
        put_event(w, now_ns - 10 * DAY + i, "192.0.2.1", "new");
    settle(w);
    state_set_history(w->s, 200 * DAY);
    for (int64_t n = 1; n != 0; usleep(2000)) {
        const struct answer *a = ask(w, &ask_ip, now_ns - 200 * DAY, 1);
        n = (int64_t)a->n;
    }
    assert_int_equal(ask(w, &ask_ip, now_ns, 1000)->n, 100);
    end(w);
    assert_int_equal(ask_sql(w, "SELECT count(*) FROM history"), 130);
    /* At the start as well. */
    open_store(w);
    load_store(w);
    start_store(w, 5 * DAY);
    for (int64_t n = 1; n != 0; usleep(2000))
        n = (int64_t)ask(w, &ask_ip, now_ns, 1)->n;
    end(w);
    assert_int_equal(ask_sql(w, "SELECT count(*) FROM history"), 30);
}

static void drops_the_oldest_of_too_many(void **state) {
    struct world *w = *state;
    const int64_t now_ns = clock_wall_ns();
    w->pace.history_rows = 1500;
    w->pace.prune_ns = 10 * MS;
    begin(w);
    for (int i = 0; i < 4000; i++)
        put_event(w, now_ns + i, "192.0.2.1", "code");
    settle(w);
    for (size_t n = 1; n != 0; usleep(2000))
        n = ask(w, &ask_ip, now_ns + 2500, 1)->n;
    assert_int_equal(ask(w, &ask_ip, now_ns + 2501, 1)->n, 1);
    end(w);
    assert_int_equal(ask_sql(w, "SELECT count(*) FROM history"), 1500);
}

static void answers_while_it_cannot_write(void **state) {
    struct world *w = *state;
    begin(w);
    put_event(w, clock_wall_ns(), "192.0.2.1", "code");
    settle(w);
    disk.write_rc = SQLITE_FULL;
    put_event(w, clock_wall_ns(), "192.0.2.1", "waits");
    UNTIL(w->n_down == 1);
    assert_true(ask(w, &ask_ip, INT64_MAX, 10)->ok);
    assert_int_equal(w->answers[0].n, 1);
    disk.write_rc = 0;
    end(w);
}

static void gives_up_waiting_for_a_disk_that_stands_still(void **state) {
    struct world *w = *state;
    w->pace.ask_ns = 5000 * MS;
    begin(w);
    put_event(w, clock_wall_ns(), "192.0.2.1", "code");
    settle(w);
    disk.sync_ms = 2000;
    put_event(w, clock_wall_ns(), "192.0.2.1", "code");
    while (!disk.syncing)
        usleep(1000);
    const int64_t before_ns = clock_now_ns();
    assert_true(state_ask_history(w->s, &ask_ip, INT64_MAX, 10, 99));
    const int64_t next_ns = state_turn(w->s, before_ns);
    assert_true(next_ns >= before_ns + w->pace.ask_ns && next_ns <= clock_now_ns() + w->pace.ask_ns);
    assert_int_equal(w->n_answers, 0);
    state_turn(w->s, next_ns);
    assert_int_equal(w->n_answers, 1);
    assert_int_equal(w->answers[0].ticket, 99);
    assert_false(w->answers[0].ok);
    assert_int_equal(w->answers[0].n, 0);
    disk.sync_ms = 0;
    settle(w);
    assert_int_equal(w->n_answers, 1); /* and not once more when the thread comes to it */
    end(w);
}

static void closes_with_questions_open(void **state) {
    struct world *w = *state;
    begin(w);
    put_event(w, clock_wall_ns(), "192.0.2.1", "code");
    settle(w);
    for (uint64_t i = 0; i < 50; i++)
        assert_true(state_ask_history(w->s, &ask_ip, INT64_MAX, 1000, i));
    end(w);
    assert_int_equal(w->n_answers, 0);
}

static void leaves_out_a_row_that_was_changed(void **state) {
    struct world *w = *state;
    begin(w);
    put_event(w, clock_wall_ns(), "192.0.2.1", "first");
    put_event(w, clock_wall_ns(), "192.0.2.1", "second");
    end(w);
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    run_sql(w, "UPDATE history SET detail = 'worst' WHERE detail = 'first'");
    begin(w);
    log_setup(LOG_INFO, LOG_LOGFMT);
    assert_true(state_was_damaged(w->s));
    assert_int_equal(ask(w, &ask_ip, INT64_MAX, 10)->n, 1);
    assert_string_equal(w->answers[0].events[0].detail, "second");
    end(w);
}

static void gives_room_back_that_is_needed_no_more(void **state) {
    struct world *w = *state;
    static char data[1 << 20];
    memset(data, 'x', sizeof data);
    w->pace.prune_ns = 100 * MS;
    begin(w);
    struct record r = {.kind = RECORD_CELLS, .list = "a", .generation = 1, .data = data, .len = sizeof data};
    for (r.number = 0; r.number < 24; r.number++)
        UNTIL(state_put(w->s, &r, 0));
    UNTIL(state_queued(w->s) == 0);
    put(w, RECORD_FOLD, "a", 2, 0, NULL);
    put(w, RECORD_FOLDED, "a", 2, 0, NULL);
    settle(w);
    /* 24 MiB are empty; all but 16 MiB of them can go, once enough is written that the WAL goes into the
     * file. */
    const struct record much = {.kind = RECORD_LIST, .list = "a", .data = data, .len = 256 << 10};
    const int64_t give_up_ns = clock_now_ns() + PATIENCE_NS;
    struct stat found = {.st_size = INT64_MAX};
    while (found.st_size > 18 << 20 && clock_now_ns() < give_up_ns) {
        usleep(20000);
        UNTIL(state_put(w->s, &much, 0));
        assert_int_equal(stat(w->file, &found), 0);
    }
    assert_true(found.st_size <= 18 << 20);
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_the_history_of_an_address_in_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_events_of_one_moment_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_every_kind_of_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(brings_back_the_latest_events_the_oldest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_what_is_too_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_the_oldest_of_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_while_it_cannot_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_up_waiting_for_a_disk_that_stands_still, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closes_with_questions_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_out_a_row_that_was_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_room_back_that_is_needed_no_more, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
