/* SPDX-License-Identifier: Apache-2.0
 *
 * Posted bounces, from the request to the answer: whatever the process that reads them, the lists and the
 * memory do, each is answered once.
 */
/* LINK: -Wl,--wrap=calloc,--wrap=child_run,--wrap=child_turn,--wrap=loop_now_ns,--wrap=clock_wall_ns */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_bounced.c"
#include "app_sources.c"
#include "app_web_bounce.c"

#include "world.h"

#include <stdio.h>

enum { MAX = 64, PLACES = 3 };
#define WALL INT64_C(1800000000000000000)
#define START (WORLD_START + HOUR)

/* What was answered, by the number of the request, from 1. */
static struct {
    unsigned n_answers;
    unsigned status;
    char text[4096];
    const char *type;
    const char *retry_after;
} answers[MAX];

/* What was given to be read, and has not come back. */
static struct {
    child_done *done;
    void *context;
    bool message;
} reading[MAX];
static unsigned n_reading;
static enum status reading_status;

static struct {
    unsigned n_kept;
    bool refuses;
    struct app_store_kept kept;
    bool has_kept;
} store;

static int64_t now_ns;
static int64_t wall_ns;
static long fails_at; /* which allocation from now on fails; 0: none */
static struct world world;
static struct app_web web;
static struct app_bounced bounced;
static struct app_sources sources;
static struct cli cli;

void *__real_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_calloc(n, size);
}

int64_t __wrap_loop_now_ns(const struct loop *loop) {
    return now_ns;
}

int64_t __wrap_clock_wall_ns(void) {
    return wall_ns;
}

/* ---- the rest of the program ---- */

const char *const app_bounce_read_message[] = {"message", NULL};
const char *const app_bounce_read_any[] = {"any", NULL};

enum status __wrap_child_run(struct child_pool *pool, const char *const *argv, const void *input, size_t len,
                             child_done *done, void *context, int64_t at_ns) {
    if (reading_status != STATUS_OK)
        return reading_status;
    assert_true(n_reading < MAX);
    reading[n_reading].done = done;
    reading[n_reading].context = context;
    reading[n_reading++].message = argv == app_bounce_read_message;
    return STATUS_OK;
}

int64_t __wrap_child_turn(struct child_pool *pool, int64_t at_ns) {
    return INT64_MAX;
}

struct mirrors *app_mirrors(void) {
    return calloc(1, sizeof(struct mirrors));
}

void app_web_shared_renew(struct app_web_shared *of) {}

void app_web_answer(const struct app_web *of, void *request, unsigned status, const char *type,
                    struct buf *body) {
    size_t number = (size_t)(uintptr_t)request;
    assert_true(number > 0 && number < MAX);
    answers[number].n_answers++;
    answers[number].status = buf_status(body) == STATUS_OK ? status : 503;
    answers[number].type = type;
    (void)snprintf(answers[number].text, sizeof answers[number].text, "%s", buf_text(body));
    buf_release(body);
}

void app_web_answer_later(const struct app_web *of, void *request, unsigned status, const char *retry_after,
                          const char *type, struct buf *body) {
    answers[(size_t)(uintptr_t)request].retry_after = retry_after;
    app_web_answer(of, request, status, type, body);
}

bool app_store_keep(struct app_store *of, const char *name, enum record_kept which, const void *data,
                    size_t len) {
    assert_string_equal(name, "bounced");
    assert_int_equal(which, KEPT_BOUNCED);
    if (store.refuses)
        return false;
    free((void *)store.kept.data);
    store.kept.data = memcpy(malloc(len + 1), data, len);
    store.kept.len = len;
    store.has_kept = true;
    store.n_kept++;
    return true;
}

int64_t app_store_wall_ns(const struct app_store *of) {
    assert_ptr_equal(of, &store);
    return wall_ns;
}

const struct app_store_kept *app_store_kept_find(const struct app_store *of, const char *name,
                                                 enum record_kept which) {
    return store.has_kept ? &store.kept : NULL;
}

/* ---- beginning and end ---- */

static struct app_store *no_store(void) {
    return (struct app_store *)&store;
}

static void begin_bounced(void) {
    static const struct catalog no_catalog;
    const struct bounce_settings rules = {24 * HOUR, 5};
    struct sources *next = NULL;
    assert_true(app_bounced_start(&bounced, &no_catalog, &sources));
    assert_int_equal(app_sources_begin(&sources, &world.settings, &next), STATUS_OK);
    assert_int_equal(app_bounced_recall(&bounced, no_store(), &rules, next), STATUS_OK);
    app_sources_use(&sources, &next);
    app_bounced_use(&bounced, &world.settings, NULL);
}

static int begin(void **state) {
    struct settings settings = world_settings();
    world_begin(&world, &settings);
    memset(answers, 0, sizeof answers);
    memset(&store, 0, sizeof store);
    memset(&sources, 0, sizeof sources);
    n_reading = 0;
    reading_status = STATUS_OK;
    now_ns = START;
    wall_ns = WALL;
    fails_at = 0;
    begin_bounced();
    cli = (struct cli){.max_requests = 4 * PLACES};
    web = (struct app_web){.options = {.cli = &cli, .bounced = &bounced}, .checker = world.checker};
    assert_true(app_web_bounces_start(&web));
    return 0;
}

static int end(void **state) {
    app_web_bounces_stop(&web);
    app_bounced_stop(&bounced);
    app_sources_free(&sources);
    free((void *)store.kept.data);
    world_end(&world);
    return 0;
}

/* ---- what happens ---- */

static void post_as(unsigned number, const char *type, const char *accept) {
    const struct httpd_request request = {.method = HTTPD_POST,
                                          .content_type = type,
                                          .accept = accept,
                                          .body = "x",
                                          .body_len = 1,
                                          .ticket = (void *)(uintptr_t)number};
    app_web_bounce(&web, &request, now_ns);
}

static void post(unsigned number) {
    post_as(number, "text/plain", "");
}

/* A turn, in which what is new of the sources is used if it is time. */
static void turn(void) {
    if (app_sources_are_due(&sources, now_ns))
        app_sources_settled(&sources, true, 0, now_ns);
    (void)app_web_bounces_turn(&web, now_ns);
    (void)app_bounced_turn(&bounced, now_ns);
}

static void come_back(unsigned i, const struct child_end *end) {
    reading[i].done(reading[i].context, end);
}

static struct bounce listing(const char *ip) {
    return (struct bounce){.has_address = true,
                           .address = world_ip(ip),
                           .zone = "bl.example.net",
                           .list = "bl.example.net",
                           .kind = BOUNCE_LISTING};
}

static void find(unsigned i, const struct bounce *found, size_t n) {
    static struct bounces all;
    struct buf bytes;
    all.n = n;
    for (size_t k = 0; k < n; k++)
        all.items[k] = found[k];
    buf_init(&bytes, 1 << 20);
    bounces_encode(&all, bounced.mirrors, &bytes);
    const struct child_end good = {
        .outcome = CHILD_OK, .why = "", .output = buf_text(&bytes), .len = bytes.len};
    come_back(i, &good);
    buf_release(&bytes);
}

static void expect(unsigned number, unsigned status, const char *text) {
    if (answers[number].n_answers != 1 || answers[number].status != status ||
        strstr(answers[number].text, text) == NULL)
        fail_msg("request %u: %u answers, status %u, wanted %s in %s", number, answers[number].n_answers,
                 answers[number].status, text, answers[number].text);
}

static void a_post_is_read_joins_waits_for_its_list_and_is_answered(void **state) {
    const struct bounce found = listing("203.0.113.9");
    post(1);
    assert_int_equal(n_reading, 1);
    assert_false(reading[0].message);
    turn();
    find(0, &found, 1);
    assert_int_equal(bounced_count(bounced.table), 1);
    turn(); /* it has joined */
    assert_false(app_bounced_is_settled(&bounced));
    turn(); /* it is watched, and asked about */
    assert_true(app_bounced_is_settled(&bounced));
    struct probe_result result;
    assert_true(checker_probe_read(world.checker, BLOCK, &found.address, now_ns, &result));
    assert_false(checker_probe_read(world.checker, SCORE, &found.address, now_ns, &result));
    assert_false(checker_probe_read(world.checker, KEYED, &found.address, now_ns, &result));
    now_ns = START + ANSWER_NS - 1;
    turn();
    assert_int_equal(answers[1].n_answers, 0);
    now_ns = START + ANSWER_NS;
    turn();
    expect(1, 200, "\"address\":\"203.0.113.9\"");
    expect(1, 200, "\"result\":\"unknown\"");
    expect(1, 200, "(timeout)");
    assert_string_equal(answers[1].type, "application/json");
    assert_int_equal(bounced.n.by_list[BLOCK][ADVICE_UNKNOWN], 1);
}

static void what_is_new_may_wait_and_the_lists_are_asked_all_the_same(void **state) {
    const struct bounce found = listing("203.0.113.9");
    struct probe_result result;
    sources.wait_ns = now_ns + MINUTE; /* there has been much that was new */
    post(1);
    find(0, &found, 1);
    turn();
    turn();
    assert_false(checker_probe_read(world.checker, BLOCK, &found.address, now_ns, &result));
    now_ns += JOIN_NS;
    turn();
    assert_true(checker_probe_read(world.checker, BLOCK, &found.address, now_ns, &result));
}

static void without_a_bounce_about_an_address_nothing_joins_or_waits(void **state) {
    struct bounce found[] = {listing("203.0.113.9"), listing("203.0.113.10"), {.kind = BOUNCE_OTHER}};
    found[0].kind = BOUNCE_GREYLISTING;
    found[1].kind = BOUNCE_DOMAIN;
    sources.changed = true;
    sources.wait_ns = now_ns + MINUTE;
    post(1);
    find(0, found, 3);
    turn();
    expect(1, 200, "\"result\":\"unparsed\"");
    assert_int_equal(bounced_count(bounced.table), 0);
    assert_int_equal(bounced.n.by_list[BLOCK][ADVICE_UNKNOWN], 2);
    assert_int_equal(bounced.n.of_none[ADVICE_UNPARSED], 1);
    post_as(2, "text/plain", "text/plain");
    find(1, NULL, 0);
    turn();
    expect(2, 200, "no bounce was found");
}

static void of_a_post_ten_addresses_join(void **state) {
    struct bounce found[30];
    for (unsigned i = 0; i < 30; i++) {
        char ip[IP_TEXT_SIZE];
        (void)snprintf(ip, sizeof ip, "203.0.113.%u", i / 2);
        found[i] = listing(ip);
    }
    app_bounced_set_rules(&bounced, &(struct bounce_settings){HOUR, 100});
    post(1);
    find(0, found, 30);
    assert_int_equal(bounced_count(bounced.table), 10);
    assert_int_equal(bounced_get(bounced.table, 9)->n, 2);
    assert_string_equal(bounced_get(bounced.table, 9)->list, "block");
}

static void types_say_how_it_is_read_and_who_gets_what(void **state) {
    post_as(1, "message/rfc822", "");
    post_as(2, "Text/Plain; charset=utf-8", "text/html, text/plain;q=0.5");
    post_as(3, "", "text/plain, application/json");
    assert_int_equal(n_reading, 3);
    assert_true(reading[0].message && !reading[1].message && !reading[2].message);
    for (unsigned i = 0; i < 3; i++)
        find(i, NULL, 0);
    turn();
    expect(1, 200, "{\"bounces\":[");
    expect(2, 200, "no bounce was found");
    expect(3, 200, "{\"bounces\":[");
    post_as(4, "application/json", "");
    expect(4, 415, "message/rfc822");
}

static void so_many_posts_are_taken_in_a_time(void **state) {
    for (unsigned i = 1; i <= POSTS_AT_ONCE; i++) {
        post(i);
        find(i - 1, NULL, 0);
        turn();
        expect(i, 200, "bounces");
    }
    post(POSTS_AT_ONCE + 1);
    expect(POSTS_AT_ONCE + 1, 429, "60");
    assert_string_equal(answers[POSTS_AT_ONCE + 1].retry_after, "1");
    now_ns += POST_NS;
    post(POSTS_AT_ONCE + 2);
    post(POSTS_AT_ONCE + 3);
    assert_int_equal(answers[POSTS_AT_ONCE + 2].n_answers, 0);
    expect(POSTS_AT_ONCE + 3, 429, "60");
}

static void so_many_posts_wait(void **state) {
    for (unsigned i = 1; i <= PLACES + 1; i++)
        post(i);
    expect(PLACES + 1, 503, "too many");
    assert_int_equal(n_reading, PLACES);
    find(1, NULL, 0);
    turn();
    post(PLACES + 2);
    assert_int_equal(n_reading, PLACES + 1);
    reading_status = STATUS_FULL;
    find(2, NULL, 0);
    turn();
    post(PLACES + 3);
    expect(PLACES + 3, 503, "no room");
    assert_string_equal(answers[PLACES + 3].retry_after, "5");
}

static void what_cannot_be_read_is_told(void **state) {
    static const struct {
        struct child_end end;
        unsigned status;
    } rows[] = {
        {{CHILD_FAILED, "ended by signal 11", "", 0}, 422},
        {{CHILD_TOO_MUCH, "put out more than is taken", "", 0}, 422},
        {{CHILD_NOT_NOW, "ended with code 75", "", 0}, 503},
        {{CHILD_TOO_LONG, "did not end in time", "", 0}, 503},
        {{CHILD_NO_START, "cannot be started: no", "", 0}, 503},
        {{CHILD_OK, "", "no bounces", 10}, 503},
        {{CHILD_OK, "", "", 0}, 503},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        post(i + 1);
        come_back(i, &rows[i].end);
        expect(i + 1, rows[i].status, "\"error\"");
        turn();
    }
}

static void without_memory_each_is_answered_once(void **state) {
    const struct bounce found[] = {listing("203.0.113.9"), listing("203.0.113.10")};
    unsigned n_good = 0;
    for (long n = 1; n_good < 3; n++) {
        assert_true(n < 60);
        memset(answers, 0, sizeof answers);
        n_reading = 0;
        now_ns += MINUTE;
        fails_at = n;
        post(1);
        if (answers[1].n_answers == 0)
            find(0, found, 2);
        for (unsigned i = 0; i < 4; i++, now_ns += 2 * SECOND)
            turn();
        n_good += fails_at > 0; /* it was not reached */
        fails_at = 0;
        assert_int_equal(answers[1].n_answers, 1);
        assert_true(answers[1].status == 200 || answers[1].status == 503);
    }
}

/* ---- what is kept ---- */

static void the_store_gets_the_table_at_most_twice_a_second(void **state) {
    const struct bounce found = listing("203.0.113.9");
    for (unsigned i = 0; i < 10; i++, now_ns += SECOND / 10) {
        post(1);
        find(i, &found, 1);
        turn();
        turn();
        now_ns += 0;
        web.bounces->posts[0].until_ns = now_ns;
        turn();
    }
    assert_int_equal(store.n_kept, 2);
    now_ns += SECOND;
    turn();
    assert_int_equal(store.n_kept, 3);
    now_ns += SECOND;
    turn();
    assert_int_equal(store.n_kept, 3);
    store.refuses = true;
    assert_int_equal(app_bounced_add(&bounced, &found.address, ""), STATUS_OK);
    turn();
    store.refuses = false;
    now_ns += SECOND;
    turn();
    assert_int_equal(store.n_kept, 4);
}

static void what_was_kept_is_watched_again_and_what_is_damaged_is_not(void **state) {
    const struct ip ip = world_ip("203.0.113.9");
    const struct bounce_settings rules = {24 * HOUR, 5};
    assert_int_equal(app_bounced_add(&bounced, &ip, "block"), STATUS_OK);
    turn();
    for (unsigned damaged = 0; damaged < 2; damaged++) {
        struct sources *next = sources_new();
        app_bounced_stop(&bounced);
        app_sources_free(&sources);
        begin_bounced();
        assert_int_equal(sources_find(sources.now, "bounced", SOURCE_BOUNCED)->n_addresses, 1 - damaged);
        assert_int_equal(bounced_count(bounced.table), 1 - damaged);
        assert_int_equal(app_bounced_recall(&bounced, no_store(), &rules, next), STATUS_OK);
        sources_free(next);
        store.kept.len--;
    }
}

static void who_is_here_long_enough_leaves_with_the_next_turn_that_is_due(void **state) {
    const struct ip ip = world_ip("203.0.113.9");
    assert_int_equal(app_bounced_add(&bounced, &ip, ""), STATUS_OK);
    turn();
    turn();
    assert_int_equal(sources_find(sources.now, "bounced", SOURCE_BOUNCED)->n_addresses, 1);
    wall_ns += 23 * HOUR + 30 * MINUTE;
    now_ns += 23 * HOUR + 30 * MINUTE;
    assert_int_equal(app_bounced_turn(&bounced, now_ns), now_ns + 30 * MINUTE);
    wall_ns += 30 * MINUTE;
    now_ns += 30 * MINUTE;
    turn();
    assert_int_equal(bounced_count(bounced.table), 0);
    assert_int_equal(sources_find(sources.now, "bounced", SOURCE_BOUNCED)->n_addresses, 0);
    now_ns += SECOND;
    turn();
    assert_int_equal(app_bounced_turn(&bounced, now_ns) - now_ns, HOUR - SECOND); /* the clock may be set */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_post_is_read_joins_waits_for_its_list_and_is_answered, begin, end),
        cmocka_unit_test_setup_teardown(what_is_new_may_wait_and_the_lists_are_asked_all_the_same, begin,
                                        end),
        cmocka_unit_test_setup_teardown(without_a_bounce_about_an_address_nothing_joins_or_waits, begin, end),
        cmocka_unit_test_setup_teardown(of_a_post_ten_addresses_join, begin, end),
        cmocka_unit_test_setup_teardown(types_say_how_it_is_read_and_who_gets_what, begin, end),
        cmocka_unit_test_setup_teardown(so_many_posts_are_taken_in_a_time, begin, end),
        cmocka_unit_test_setup_teardown(so_many_posts_wait, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_each_is_answered_once, begin, end),
        cmocka_unit_test_setup_teardown(the_store_gets_the_table_at_most_twice_a_second, begin, end),
        cmocka_unit_test_setup_teardown(what_was_kept_is_watched_again_and_what_is_damaged_is_not, begin,
                                        end),
        cmocka_unit_test_setup_teardown(who_is_here_long_enough_leaves_with_the_next_turn_that_is_due, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
