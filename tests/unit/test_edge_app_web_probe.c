/* SPDX-License-Identifier: Apache-2.0
 *
 * Who waits for a probe: whatever the lists do, each is answered once, and in its time.
 */
/* LINK: -Wl,--wrap=calloc,--wrap=strdup,--wrap=loop_now_ns */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_web_probe.c"
#include "core/checker_probe_internal.h"

#include "world.h"

#include <stdio.h>

enum { MAX = 16, PLACES = 4 };

/* What was answered, by the number of the request, from 1. */
static struct {
    unsigned n_answers;
    unsigned status;
    char text[32768];
    const char *retry_after;
    const char *type;
} answers[MAX];

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;
static int64_t now_ns;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

void *__wrap_calloc(size_t n, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *text) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_strdup(text);
}

int64_t __wrap_loop_now_ns(const struct loop *loop) {
    return now_ns;
}

static struct app_web web;
static struct cli cli;

void app_web_answer(const struct app_web *of, void *request, unsigned status, const char *type,
                    struct buf *body) {
    size_t number = (size_t)(uintptr_t)request;
    assert_true(number > 0 && number < MAX);
    answers[number].n_answers++;
    answers[number].status = buf_status(body) == STATUS_OK ? status : 503;
    answers[number].type = type;
    snprintf(answers[number].text, sizeof answers[number].text, "%s", buf_text(body));
    buf_release(body);
}

void app_web_answer_later(const struct app_web *of, void *request, unsigned status, const char *retry_after,
                          const char *type, struct buf *body) {
    answers[(size_t)(uintptr_t)request].retry_after = retry_after;
    app_web_answer(of, request, status, type, body);
}

void app_web_answer_exposition(const struct app_web *w, void *request, const char *content_type,
                               struct buf *body) {
    app_web_answer(w, request, 200, content_type, body);
}

static int setup(void **state) {
    static struct world world;
    struct settings settings = world_settings();
    world_begin(&world, &settings);
    memset(answers, 0, sizeof answers);
    fails_at = 0;
    now_ns = WORLD_START;
    cli = (struct cli){.max_requests = 4 * PLACES};
    web = (struct app_web){.options = {.cli = &cli}, .checker = world.checker};
    app_web_probes_use(&web); /* as at a start, before the server */
    assert_true(app_web_probes_start(&web));
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    app_web_probes_stop(&web);
    world_end(*state);
    return 0;
}

static struct httpd_request request_of(unsigned number, const char *query) {
    return (struct httpd_request){.query = query,
                                  .accept = "",
                                  .host = "here",
                                  .origin = "",
                                  .fetch_site = "",
                                  .scrape_limit = "",
                                  .ticket = (void *)(uintptr_t)number};
}

static void get(unsigned number, const char *query) {
    struct httpd_request request = request_of(number, query);
    app_web_probe(&web, &request, now_ns);
}

static void expect_answer(unsigned number, unsigned status, const char *text) {
    if (answers[number].n_answers != 1 || answers[number].status != status ||
        strstr(answers[number].text, text) == NULL)
        fail_msg("request %u: %u answers, status %u, wanted %s in %s", number, answers[number].n_answers,
                 answers[number].status, text, answers[number].text);
}

static void expect_none(unsigned number) {
    assert_int_equal(answers[number].n_answers, 0);
}

static struct checker_pair *pair_of(uint32_t list, const char *ip) {
    struct ip address = world_ip(ip);
    struct checker_probe *probe = checker_probe_find(web.checker, &address);
    assert_non_null(probe);
    return &probe->pairs[list];
}

static void told(uint32_t list, const char *ip) {
    checker_pair_end(pair_of(list, ip), WHY_NONE, now_ns);
    pair_of(list, ip)->verdict = REGISTRY_NOT_LISTED;
}

static void is_answered_when_the_lists_that_were_asked_have_ended(void **state) {
    get(1, "target=203.0.113.77&list=block&list=keyed");
    get(2, "target=203.0.113.77&list=block");
    get(3, "target=203.0.113.77");
    now_ns += SECOND;
    app_web_probes_look(&web);
    expect_none(1);
    told(BLOCK, "203.0.113.77");
    app_web_probes_look(&web);
    expect_none(1);
    expect_answer(2, 200, "\nprobe_success 1\n");
    expect_answer(2, 200, "\nprobe_duration_seconds 1\n");
    expect_answer(2, 200, "\nrbl_ip_listed{group=\"\",ip=\"203.0.113.77\",list=\"block\"} 0\n");
    assert_string_equal(answers[2].type, "text/plain; version=0.0.4; charset=utf-8");
    told(KEYED, "203.0.113.77");
    app_web_probes_look(&web);
    app_web_probes_look(&web);
    expect_answer(1, 200, "\nprobe_success 1\n");
    expect_none(3);
    assert_int_equal(app_web_probes_turn(&web, now_ns), WORLD_START + PROBE_UNSAID_NS);
}

static void is_answered_with_what_is_known_when_its_time_is_over(void **state) {
    struct httpd_request request = request_of(1, "target=203.0.113.77");
    request.scrape_limit = "3";
    request.accept = "application/openmetrics-text";
    app_web_probe(&web, &request, now_ns);
    get(2, "target=203.0.113.77");
    told(BLOCK, "203.0.113.77");
    const int64_t over_ns = WORLD_START + 3 * SECOND - PROBE_LESS_NS;
    assert_int_equal(app_web_probes_turn(&web, over_ns - 1), over_ns);
    expect_none(1);
    now_ns = over_ns;
    assert_int_equal(app_web_probes_turn(&web, over_ns), WORLD_START + PROBE_UNSAID_NS);
    expect_answer(1, 200, "\nprobe_success 0\n");
    expect_answer(1, 200, "\nrbl_ip_listed{group=\"\",ip=\"203.0.113.77\",list=\"block\"} 0\n");
    expect_answer(1, 200, "# EOF\n");
    assert_null(strstr(answers[1].text, "list=\"keyed\""));
    assert_string_equal(answers[1].type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    now_ns = WORLD_START + PROBE_UNSAID_NS;
    assert_int_equal(app_web_probes_turn(&web, now_ns), INT64_MAX);
    expect_answer(2, 200, "\nprobe_success 0\n");
    assert_int_equal(answers[1].n_answers, 1);
}

/* People want to know the reason of a listing too. */
static void debug_waits_for_reasons(void **state) {
    get(1, "target=203.0.113.77&list=block&debug=true");
    get(2, "target=203.0.113.77&list=block");
    told(BLOCK, "203.0.113.77");
    struct checker_pair *pair = pair_of(BLOCK, "203.0.113.77");
    pair->verdict = REGISTRY_LISTED;
    pair->txt_wanted = true;
    app_web_probes_look(&web);
    expect_none(1);
    expect_answer(2, 200, "\nprobe_success 1\n");
    pair->txt_wanted = false;
    app_web_probes_look(&web);
    expect_answer(1, 200, "Logs for the probe:\ntarget 203.0.113.77: ");
    expect_answer(1, 200, "\nprobe_success 1\n");
    assert_string_equal(answers[1].type, "text/plain; charset=utf-8");
}

static void what_is_no_question_is_refused(void **state) {
    struct httpd_request request = request_of(1, "target=203.0.113.77");
    request.scrape_limit = "soon";
    app_web_probe(&web, &request, now_ns);
    expect_answer(1, 400, "must be a positive number, not 'soon'\n");
    get(2, "target=localhost");
    expect_answer(2, 400, "is no IP address");
    request = request_of(3, "target=203.0.113.77");
    request.fetch_site = "cross-site";
    app_web_probe(&web, &request, now_ns);
    expect_answer(3, 403, "a page of another site sent this");
    request = request_of(4, "target=203.0.113.77");
    request.origin = "http://elsewhere";
    app_web_probe(&web, &request, now_ns);
    expect_answer(4, 403, "a page of another site sent this");
    assert_null(web.checker->probes);
}

static void a_quarter_of_the_requests_may_wait(void **state) {
    for (unsigned i = 1; i <= PLACES; i++)
        get(i, "target=203.0.113.77");
    get(5, "target=203.0.113.78");
    expect_answer(5, 503, "too many probes wait for their lists");
    assert_string_equal(answers[5].retry_after, "6");
    struct ip ip = world_ip("203.0.113.78");
    assert_null(checker_probe_find(web.checker, &ip));
    for (uint32_t list = 0; list < WORLD_LISTS; list++)
        if (list != OFF)
            told(list, "203.0.113.77");
    app_web_probes_look(&web);
    expect_answer(PLACES, 200, "probe_success 1");
    get(6, "target=203.0.113.78");
    expect_none(6);
    app_web_probes_stop(&web);
    cli.max_requests = 1;
    assert_true(app_web_probes_start(&web));
    get(7, "target=203.0.113.79");
    expect_none(7);
    get(8, "target=203.0.113.79");
    expect_answer(8, 503, "too many probes");
}

static void more_addresses_than_there_is_room_for_are_put_off(void **state) {
    for (uint32_t i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0x08080000 + i);
        assert_int_equal(checker_probe(web.checker, &ip, NULL, now_ns), STATUS_OK);
    }
    get(1, "target=203.0.113.77");
    expect_answer(1, 503, "too many addresses have been probed within a minute");
    assert_string_equal(answers[1].retry_after, "30");
    get(2, "target=8.8.0.1"); /* one of them: joins */
    expect_none(2);
}

static void says_that_it_is_memory_that_is_missing(void **state) {
    for (unsigned n = 1; n <= 3; n++) { /* the query; the probes; one of them */
        fails_at = n;
        get(n, "target=203.0.113.77");
        assert_int_equal(fails_at, 0);
        expect_answer(n, 503, "there is not enough memory");
        assert_int_equal(app_web_probes_turn(&web, INT64_MAX), INT64_MAX);
    }
    get(4, "target=203.0.113.77");
    fails_at = 1; /* of the answer */
    assert_int_equal(app_web_probes_turn(&web, INT64_MAX), INT64_MAX);
    expect_answer(4, 503, "");
    app_web_probes_stop(&web);
    for (unsigned n = 1; n <= 2; n++) {
        fails_at = n;
        assert_false(app_web_probes_start(&web));
        app_web_probes_stop(&web);
    }
    assert_true(app_web_probes_start(&web));
}

/* The lists have other numbers, one has gone and one has come. */
static void a_reload_reads_the_question_again(void **state) {
    static struct world next;
    static struct list lists[WORLD_LISTS];
    struct settings settings = world_settings();
    memcpy(lists, world_lists, sizeof lists);
    lists[BLOCK] = world_lists[KEYED];
    lists[KEYED] = world_lists[BLOCK];
    lists[SCORE].enabled = false;
    lists[OFF].enabled = true;
    settings.lists = lists;
    settings.n_groups = 0;
    settings.n_safelists = 0;
    get(1, "target=203.0.113.77&list=block");
    get(2, "target=203.0.113.77&list=score");
    get(3, "target=203.0.113.77");
    world_begin(&next, &settings);
    assert_int_equal(checker_carry(next.checker, web.checker, now_ns), STATUS_OK);
    web.checker = next.checker;
    app_web_probes_use(&web);
    expect_answer(2, 400, "the list 'score' is disabled");
    expect_none(1);
    assert_true(checker_pair_is_open(pair_of(OFF, "203.0.113.77")));
    told(KEYED, "203.0.113.77"); /* it is `block` now */
    app_web_probes_look(&web);
    expect_answer(1, 200, "\nrbl_ip_listed{group=\"\",ip=\"203.0.113.77\",list=\"block\"} 0\n");
    expect_none(3);
    assert_int_equal(app_web_probes_turn(&web, WORLD_START + PROBE_UNSAID_NS), INT64_MAX);
    expect_answer(3, 200, "\nprobe_success 0\n");
    world_end(&next);
}

static void forgets_who_waits_when_it_stops(void **state) {
    get(1, "target=203.0.113.77");
    app_web_probes_stop(&web);
    app_web_probes_stop(&web);
    expect_none(1);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(is_answered_when_the_lists_that_were_asked_have_ended),
        IN_WORLD(is_answered_with_what_is_known_when_its_time_is_over),
        IN_WORLD(debug_waits_for_reasons),
        IN_WORLD(what_is_no_question_is_refused),
        IN_WORLD(a_quarter_of_the_requests_may_wait),
        IN_WORLD(more_addresses_than_there_is_room_for_are_put_off),
        IN_WORLD(says_that_it_is_memory_that_is_missing),
        IN_WORLD(a_reload_reads_the_question_again),
        IN_WORLD(forgets_who_waits_when_it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
