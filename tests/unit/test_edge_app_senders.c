/* SPDX-License-Identifier: Apache-2.0
 *
 * How host names are asked for: how many at once, when not, and what is kept. The questions themselves and
 * the store are played here.
 */
#include "app_senders.c"

#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* ---- the questions, and the store ---- */

static struct {
    app_question_handler *handler;
    void *context;
    uint64_t open[APP_QUESTION_QUEUE]; /* their numbers, oldest first */
    size_t n_open;
    size_t room;
    uint64_t n_put;
    bool no_memory;
    void *kept;
    size_t kept_len;
    unsigned n_kept;
    bool keeps_nothing;
} played;

void app_question_on_end(struct app_question *q, enum app_question_owner owner, app_question_handler *handler,
                         void *context) {
    assert_int_equal(owner, APP_QUESTION_SENDERS);
    played.handler = handler;
    played.context = context;
}

size_t app_question_room(const struct app_question *q, enum app_question_owner owner) {
    return played.room - played.n_open;
}

enum status app_question_put(struct app_question *q, enum app_question_owner owner, uint64_t number,
                             enum query_type type, const struct qname *name, int64_t now_ns) {
    assert_int_equal(type, QUERY_PTR);
    if (played.no_memory)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < played.n_open; i++)
        assert_int_not_equal(played.open[i], number);
    played.open[played.n_open++] = number;
    played.n_put++;
    return STATUS_OK;
}

static const struct app_store_kept *find_kept(void) {
    static struct app_store_kept kept;
    kept = (struct app_store_kept){played.kept, played.kept_len};
    return played.kept != NULL ? &kept : NULL;
}

const struct app_store_kept *app_store_kept_find(const struct app_store *store, const char *name,
                                                 enum record_kept which) {
    assert_int_equal(which, KEPT_SENDERS);
    return find_kept();
}

bool app_store_keep(struct app_store *store, const char *name, enum record_kept which, const void *data,
                    size_t len) {
    if (played.keeps_nothing)
        return false;
    free(played.kept);
    played.kept = malloc(len);
    memcpy(played.kept, data, len);
    played.kept_len = len;
    played.n_kept++;
    return true;
}

/* ---- the world ---- */

struct world {
    struct fixture f;
    struct app_senders s;
    struct checker *checker;
    struct senders *senders;
};

static void on_change(void *context, const struct registry_event *event) {}

static struct checker *make_checker(const struct targets *targets) {
    const struct checker_watch watch = {.changed = on_change};
    const struct endpoint system = {.ip = ip_v4(0x7f000001), .port = 53};
    struct checker *checker = NULL;
    assert_int_equal(checker_new(targets, &system, 1, registry_epoch(0), 1, &watch, 0, &checker), STATUS_OK);
    return checker;
}

static void world_start(struct world *w, const char *range, const char *pattern) {
    *w = (struct world){.checker = NULL};
    fixture_init(&w->f);
    fixture_list(&w->f, "bl", "bl.test");
    struct group *group = fixture_group(&w->f, "g");
    group->only_ptr = pattern;
    fixture_range(&w->f, group, range);
    w->checker = make_checker(fixture_targets(&w->f));
    app_senders_init(&w->s, NULL);
    assert_int_equal(app_senders_begin(&w->s, NULL, w->f.targets, w->checker, 0, &w->senders), STATUS_OK);
    app_senders_use(&w->s, NULL, w->senders, w->checker);
}

static void world_end(struct world *w) {
    checker_free(w->checker);
    senders_free(w->senders);
    fixture_release(&w->f);
    played.n_open = 0;
}

static int begin(void **state) {
    memset(&played, 0, sizeof played);
    played.room = APP_QUESTION_QUEUE;
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return 0;
}

static int end(void **state) {
    free(played.kept);
    return 0;
}

/* The oldest question ends so. */
static void end_one(enum question_result result, int64_t now_ns) {
    struct reply_texts texts;
    struct question_end end = {.type = QUERY_PTR, .result = result};
    reply_texts_init(&texts);
    if (result == QUESTION_ANSWERED) {
        reply_texts_add(&texts, "mail.example", strlen("mail.example"));
        end.texts = &texts;
    }
    assert_true(played.n_open > 0);
    uint64_t number = played.open[0];
    memmove(played.open, played.open + 1, --played.n_open * sizeof *played.open);
    played.handler(played.context, number, &end, now_ns);
    reply_texts_release(&texts);
}

/* All that is open ends so, and what follows, at one moment; how many. */
static uint64_t end_all(struct world *w, enum question_result result, int64_t now_ns) {
    uint64_t before = played.n_put;
    (void)app_senders_turn(&w->s, now_ns);
    while (played.n_open > 0) {
        end_one(result, now_ns);
        (void)app_senders_turn(&w->s, now_ns);
    }
    return played.n_put - before;
}

static uint64_t n_senders(const struct world *w) {
    struct senders_count count;
    assert_true(senders_count(w->senders, 0, &count));
    return count.senders;
}

/* ---- what is asked ---- */

static void so_many_are_asked_at_once_and_no_more(void **state) {
    struct world w;
    world_start(&w, "198.18.0.0/24", "mail*");
    assert_true(app_senders_turn(&w.s, SECOND) == INT64_MAX); /* an answer makes room */
    assert_int_equal(played.n_open, APP_SENDERS_OPEN);
    end_one(QUESTION_ANSWERED, SECOND);
    end_one(QUESTION_NXDOMAIN, SECOND);
    end_one(QUESTION_NODATA, SECOND);
    assert_int_equal(n_senders(&w), 1);
    (void)app_senders_turn(&w.s, SECOND);
    assert_int_equal(played.n_open, APP_SENDERS_OPEN);
    played.room = played.n_open + 1; /* others ask too */
    end_one(QUESTION_ANSWERED, SECOND);
    end_one(QUESTION_ANSWERED, SECOND);
    played.room = played.n_open + 1;
    (void)app_senders_turn(&w.s, SECOND);
    assert_int_equal(played.n_open, APP_SENDERS_OPEN - 1);
    played.room = APP_QUESTION_QUEUE;
    (void)end_all(&w, QUESTION_ANSWERED, SECOND);
    assert_int_equal(played.n_put, 256);
    assert_int_equal(n_senders(&w), 254);
    world_end(&w);
}

static void without_a_filter_nothing_is_asked(void **state) {
    struct world w;
    world_start(&w, "198.18.0.0/24", NULL);
    assert_true(app_senders_turn(&w.s, SECOND) == INT64_MAX);
    app_senders_end(&w.s, SECOND);
    assert_int_equal(played.n_put + played.n_kept, 0);
    world_end(&w);
}

static void who_learns_goes_first_on_the_lists(void **state) {
    struct world w;
    struct plan_item item;
    int64_t wake = 0;
    const struct plan_gate gate = {.checks = true, .sweep = true};
    world_start(&w, "198.18.0.0/24", "mail*");
    (void)app_senders_turn(&w.s, SECOND);
    struct ip ip = w.s.slots[played.open[0]].question.ip;
    end_one(QUESTION_ANSWERED, SECOND);
    assert_true(plan_next(&w.checker->lists[0].plan, &gate, SECOND, &item, &wake));
    assert_int_equal(target_ip(w.f.targets->sets[0], item.index).lo, ip.lo);
    world_end(&w);
}

/* ---- when nothing is answered ---- */

static void a_resolver_that_does_not_answer_is_let_alone_for_longer_and_longer(void **state) {
    static const int64_t pauses[] = {MINUTE,      2 * MINUTE,  4 * MINUTE, 8 * MINUTE,
                                     16 * MINUTE, 32 * MINUTE, HOUR,       HOUR};
    struct world w;
    int64_t now = SECOND;
    world_start(&w, "198.18.0.0/20", "mail*");
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        uint64_t n = end_all(&w, QUESTION_TIMEOUT, now);
        assert_in_range(n, APP_SENDERS_DOUBT, APP_SENDERS_DOUBT + APP_SENDERS_OPEN - 1);
        assert_int_equal(w.s.resume_ns, now + pauses[i]);
        assert_true(app_senders_turn(&w.s, now) <= now + pauses[i]);
        now += pauses[i] - 1;
        assert_int_equal(end_all(&w, QUESTION_ANSWERED, now), 0);
        now++;
    }
    /* It is back: all is asked, and a new silence begins with a minute. */
    assert_true(end_all(&w, QUESTION_ANSWERED, now) > 3000);
    assert_false(w.s.silent);
    assert_int_equal(w.s.pause_ns, MINUTE);
    world_end(&w);
}

static void a_failure_now_and_then_is_none_of_the_resolver(void **state) {
    struct world w;
    world_start(&w, "198.18.0.0/22", "mail*");
    (void)app_senders_turn(&w.s, SECOND);
    for (int i = 0; played.n_open > 0; i++) {
        end_one(i % 10 == 0 ? QUESTION_NXDOMAIN : QUESTION_SERVFAIL, SECOND);
        (void)app_senders_turn(&w.s, SECOND);
    }
    assert_int_equal(played.n_put, 1024);
    assert_int_equal(w.s.resume_ns, 0);
    world_end(&w);
}

static void without_memory_the_next_is_asked_a_second_later(void **state) {
    struct world w;
    world_start(&w, "198.18.0.0/24", "mail*");
    played.no_memory = true;
    assert_int_equal(app_senders_turn(&w.s, SECOND), 2 * SECOND);
    assert_int_equal(played.n_put, 0);
    played.no_memory = false;
    (void)end_all(&w, QUESTION_ANSWERED, 2 * SECOND);
    assert_int_equal(n_senders(&w), 255);
    assert_int_equal(end_all(&w, QUESTION_ANSWERED, HOUR), 1);
    world_end(&w);
}

/* ---- what is kept ---- */

static void it_is_kept_every_minute_while_it_changes_and_at_the_end(void **state) {
    struct world w;
    world_start(&w, "198.18.0.0/20", "mail*");
    int64_t now = SECOND;
    (void)app_senders_turn(&w.s, now);
    assert_int_equal(played.n_kept, 1); /* that it has begun */
    for (int i = 0; i < 600; i++) {     /* a minute and a bit */
        end_one(QUESTION_ANSWERED, now);
        now += SECOND / 10;
        assert_true(app_senders_turn(&w.s, now) <= w.s.keep_ns);
    }
    assert_int_equal(played.n_kept, 1);
    now += SECOND;
    (void)app_senders_turn(&w.s, now);
    assert_int_equal(played.n_kept, 2);
    end_one(QUESTION_ANSWERED, now);
    app_senders_end(&w.s, now);
    assert_int_equal(played.n_kept, 3);
    app_senders_end(&w.s, now);
    assert_int_equal(played.n_kept, 3);
    uint64_t known = n_senders(&w);
    world_end(&w);
    world_start(&w, "198.18.0.0/20", "mail*"); /* the program is started again */
    assert_int_equal(n_senders(&w), known);
    assert_int_equal(end_all(&w, QUESTION_ANSWERED, 0), 4096 - known);
    world_end(&w);
}

static void what_is_damaged_is_asked_again(void **state) {
    struct world w;
    world_start(&w, "198.18.0.0/24", "mail*");
    (void)end_all(&w, QUESTION_ANSWERED, SECOND);
    app_senders_end(&w.s, SECOND);
    world_end(&w);
    ((uint8_t *)played.kept)[played.kept_len / 2] ^= 1;
    log_setup(LOG_WARN, LOG_LOGFMT);
    uint64_t warnings = log_count(LOG_WARN);
    world_start(&w, "198.18.0.0/24", "mail*");
    assert_int_equal(n_senders(&w), 0);
    assert_int_equal(log_count(LOG_WARN), warnings + 1);
    assert_int_equal(end_all(&w, QUESTION_ANSWERED, SECOND), 256);
    world_end(&w);
}

static void what_cannot_be_kept_is_tried_again_a_minute_later(void **state) {
    struct world w;
    world_start(&w, "198.18.0.0/20", "mail*");
    played.keeps_nothing = true;
    (void)app_senders_turn(&w.s, SECOND);
    assert_true(w.s.keep_failed);
    played.keeps_nothing = false;
    end_one(QUESTION_ANSWERED, SECOND);
    (void)app_senders_turn(&w.s, 2 * MINUTE);
    assert_false(w.s.keep_failed);
    assert_int_equal(played.n_kept, 1);
    world_end(&w);
}

/* ---- reloads ---- */

static void what_was_asked_before_a_reload_is_learnt_after_it(void **state) {
    struct world w;
    struct senders *next = NULL;
    world_start(&w, "198.18.0.0/24", "mail*");
    (void)app_senders_turn(&w.s, SECOND);
    struct checker *checker = make_checker(w.f.targets);
    assert_int_equal(app_senders_begin(&w.s, NULL, w.f.targets, checker, SECOND, &next), STATUS_OK);
    app_senders_use(&w.s, NULL, next, checker);
    checker_free(w.checker);
    senders_free(w.senders);
    w.checker = checker;
    w.senders = next;
    for (int i = 0; i < APP_SENDERS_OPEN; i++)
        end_one(QUESTION_ANSWERED, SECOND);
    assert_int_equal(n_senders(&w), APP_SENDERS_OPEN);
    assert_int_equal(end_all(&w, QUESTION_ANSWERED, SECOND), 256 - APP_SENDERS_OPEN);
    world_end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(so_many_are_asked_at_once_and_no_more, begin, end),
        cmocka_unit_test_setup_teardown(without_a_filter_nothing_is_asked, begin, end),
        cmocka_unit_test_setup_teardown(who_learns_goes_first_on_the_lists, begin, end),
        cmocka_unit_test_setup_teardown(a_resolver_that_does_not_answer_is_let_alone_for_longer_and_longer,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_failure_now_and_then_is_none_of_the_resolver, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_the_next_is_asked_a_second_later, begin, end),
        cmocka_unit_test_setup_teardown(it_is_kept_every_minute_while_it_changes_and_at_the_end, begin, end),
        cmocka_unit_test_setup_teardown(what_is_damaged_is_asked_again, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_kept_is_tried_again_a_minute_later, begin, end),
        cmocka_unit_test_setup_teardown(what_was_asked_before_a_reload_is_learnt_after_it, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
