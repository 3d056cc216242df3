/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions about addresses that wait for a store, and for lists: whatever these do, each is answered once.
 */
/* LINK: -Wl,--wrap=calloc,--wrap=loop_now_ns */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_web_api.c"
#include "app_web_check.c"
#include "app_web_wait.c"

#include "world.h"

#include <stdio.h>

enum { MAX = 16, PLACES = 4 };

/* What was answered, by the number of the request, from 1. */
static struct {
    unsigned n_answers;
    unsigned status;
    char text[32768];
    const char *retry_after;
} answers[MAX];

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_calloc(n, size);
}

/* The time of answers is that of the world, however long this machine has been up. */
int64_t __wrap_loop_now_ns(const struct loop *loop) {
    return WORLD_START + SECOND;
}

/* The store: what it was asked, and how it behaves. */
static struct {
    struct ip ip;
    int64_t before_ns;
    unsigned limit;
    uint64_t tickets[MAX];
    unsigned n_asked;
    bool refuses;
    bool answers_at_once;
    const char *why;
} store;

static struct app_web web;
static struct cli cli;

static const struct history_event happened = {
    .wall_ns = INT64_C(1735689600000000000), .kind = HISTORY_LISTED, .list = "block", .detail = "other"};

void app_web_answer(const struct app_web *of, void *request, unsigned status, const char *type,
                    struct buf *body) {
    size_t number = (size_t)(uintptr_t)request;
    assert_true(number > 0 && number < MAX);
    answers[number].n_answers++;
    answers[number].status = status;
    snprintf(answers[number].text, sizeof answers[number].text, "%s", buf_text(body));
    buf_release(body);
}

void app_web_answer_later(const struct app_web *of, void *request, unsigned status, const char *retry_after,
                          const char *type, struct buf *body) {
    answers[(size_t)(uintptr_t)request].retry_after = retry_after;
    app_web_answer(of, request, status, type, body);
}

struct page_process app_web_page_process(const struct app_web *of) {
    return (struct page_process){
        .telemetry_path = "/metrics", .version = "0", .history = NULL, .storage_why = ""};
}

bool app_web_storage(const struct app_web *of, const char **why, uint64_t *errors) {
    *why = store.why;
    *errors = 0;
    return store.why[0] == '\0';
}

int64_t app_web_wall_offset(int64_t now_ns) {
    return WORLD_OFFSET;
}

void app_web_probes_look(struct app_web *of) {
    assert_ptr_equal(of, &web); /* who waits for a probe waits elsewhere */
}

static bool ask_history(void *context, const struct ip *ip, int64_t before_ns, unsigned limit,
                        uint64_t ticket) {
    assert_ptr_equal(context, &store);
    store.ip = *ip;
    store.before_ns = before_ns;
    store.limit = limit;
    assert_true(ticket != 0 && store.n_asked < MAX);
    store.tickets[store.n_asked++] = ticket;
    if (store.answers_at_once)
        app_web_history(&web, ticket, true, &happened, 1, false);
    return !store.refuses;
}

static int setup(void **state) {
    static struct world world;
    struct settings settings = world_settings();
    world_begin(&world, &settings);
    memset(answers, 0, sizeof answers);
    memset(&store, 0, sizeof store);
    store.why = "";
    cli = (struct cli){.max_requests = 2 * PLACES};
    web = (struct app_web){
        .options = {.loop = loop_new(), .cli = &cli, .ask_history = ask_history, .context = &store},
        .checker = world.checker};
    assert_non_null(web.options.loop);
    assert_true(app_web_wait_start(&web));
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    app_web_wait_stop(&web);
    loop_free(web.options.loop);
    world_end(*state);
    return 0;
}

static void request(unsigned number, const char *rest, const char *query, int64_t now_ns) {
    const struct httpd_request asked = {
        .path_rest = rest, .query = query, .ticket = (void *)(uintptr_t)number};
    app_web_api_address(&web, &asked, now_ns);
}

static void expect_answer(unsigned number, unsigned status, const char *text) {
    if (answers[number].n_answers != 1 || answers[number].status != status ||
        strstr(answers[number].text, text) == NULL)
        fail_msg("request %u: %u answers, status %u, wanted %s in %s", number, answers[number].n_answers,
                 answers[number].status, text, answers[number].text);
}

static void answers_when_the_history_has_come(void **state) {
    struct ip ip = world_ip("192.0.2.1");
    request(1, "192.0.2.1", "limit=7&before=2025-01-01T00:00:00Z", 0);
    assert_int_equal(store.n_asked, 1);
    assert_true(ip_equal(&store.ip, &ip));
    assert_int_equal(store.limit, 7);
    assert_int_equal(store.before_ns, INT64_C(1735689600000000000));
    assert_int_equal(answers[1].n_answers, 0);
    app_web_history(&web, store.tickets[0], true, &happened, 1, true);
    expect_answer(1, 200,
                  "{\"time\":\"2025-01-01T00:00:00Z\",\"event\":\"listed\",\"list\":\"block\","
                  "\"detail\":\"other\"}\n],\"history_next\":\"2025-01-01T00:00:00.000000000Z\","
                  "\"history_error\":null}");
    app_web_history(&web, store.tickets[0], true, &happened, 1, true);
    assert_int_equal(answers[1].n_answers, 1);
    assert_int_equal(app_web_wait_turn(&web, INT64_MAX), INT64_MAX);
    assert_int_equal(answers[1].n_answers, 1);
}

static void takes_an_answer_that_comes_while_it_asks(void **state) {
    store.answers_at_once = true;
    request(1, "192.0.2.1", "", 0);
    expect_answer(1, 200, "\"event\":\"listed\"");
    store.refuses = true;
    request(2, "192.0.2.1", "", 0);
    expect_answer(2, 200, "\"event\":\"listed\"");
}

static void answers_without_history_when_there_is_none_to_be_had(void **state) {
    store.refuses = true;
    request(1, "192.0.2.1", "", 0);
    expect_answer(1, 200,
                  "\"history\":[],\"history_next\":null,\"history_error\":\"the store cannot be read");
    store.why = "data/state.db: disk full";
    request(2, "192.0.2.1", "", 0);
    expect_answer(2, 200, "\"history_error\":\"data/state.db: disk full\"");
    request(3, "192.0.2.99", "", 0);
    expect_answer(3, 404, "of its history: data/state.db: disk full");
    store.refuses = false;
    request(4, "192.0.2.1", "", 0);
    app_web_history(&web, store.tickets[3], false, NULL, 0, false);
    expect_answer(4, 200, "\"history_error\":\"data/state.db: disk full\"");
    web.options.ask_history = NULL;
    request(5, "192.0.2.1", "", 0);
    expect_answer(5, 200, "\"history_error\":\"no history is kept: there is no store\"");
    assert_int_equal(store.n_asked, 4);
}

static void does_not_ask_for_what_is_no_question(void **state) {
    request(1, "192.0.2", "", 0);
    expect_answer(1, 400, "{\"error\":\"'192.0.2' is no address");
    request(2, "192.0.2.1", "x", 0);
    expect_answer(2, 400, "{\"error\":\"there is no parameter 'x'");
    assert_int_equal(store.n_asked, 0);
}

static void waits_for_a_while_and_no_longer(void **state) {
    request(1, "192.0.2.1", "", 1000);
    request(2, "192.0.2.2", "", 2000);
    assert_int_equal(app_web_wait_turn(&web, 3000), 1000 + APP_WEB_HISTORY_NS);
    assert_int_equal(app_web_wait_turn(&web, 1000 + APP_WEB_HISTORY_NS), 2000 + APP_WEB_HISTORY_NS);
    expect_answer(1, 200, "\"history_error\":\"the store did not answer in time\"");
    assert_int_equal(answers[2].n_answers, 0);
    app_web_history(&web, store.tickets[0], true, &happened, 1, false);
    expect_answer(1, 200, "\"history\":[]");
    app_web_history(&web, store.tickets[1], true, &happened, 1, false);
    expect_answer(2, 200, "\"event\":\"listed\"");
    assert_int_equal(app_web_wait_turn(&web, 5000), INT64_MAX);
}

static void lets_half_of_the_requests_wait(void **state) {
    for (unsigned i = 1; i <= PLACES + 1; i++)
        request(i, "192.0.2.1", "", 0);
    assert_int_equal(store.n_asked, PLACES);
    expect_answer(PLACES + 1, 200, "\"history_error\":\"too many questions wait for the store");
    app_web_history(&web, store.tickets[1], true, &happened, 1, false);
    expect_answer(2, 200, "\"event\":\"listed\"");
    request(PLACES + 2, "192.0.2.1", "", 0);
    assert_int_equal(store.n_asked, PLACES + 1);
    for (unsigned i = 0; i <= PLACES; i++)
        app_web_history(&web, store.tickets[i], true, &happened, 1, false);
    for (unsigned i = 1; i <= PLACES + 2; i++)
        assert_int_equal(answers[i].n_answers, 1);
}

static void shows_the_checker_that_is_in_force_when_the_answer_comes(void **state) {
    static struct world other;
    struct settings settings = world_settings();
    settings.n_groups = 1;
    request(1, "203.0.113.1", "", 0);
    request(2, "203.0.113.1", "", 0);
    world_begin(&other, &settings);
    app_web_history(&web, store.tickets[0], true, NULL, 0, false);
    web.checker = other.checker;
    app_web_history(&web, store.tickets[1], true, NULL, 0, false);
    expect_answer(1, 200, "\"groups\":[\"nowhere\"]");
    expect_answer(2, 404, "not among the configured");
    world_end(&other);
}

static void forgets_who_waits_when_it_stops(void **state) {
    request(1, "192.0.2.1", "", 0);
    app_web_wait_stop(&web);
    app_web_history(&web, store.tickets[0], true, &happened, 1, false);
    app_web_history(&web, 0, true, &happened, 1, false);
    assert_int_equal(app_web_wait_turn(&web, INT64_MAX), INT64_MAX);
    assert_int_equal(answers[1].n_answers, 0);
}

/* ---- checks ---- */

static struct httpd_request check_request(unsigned number, const char *body) {
    return (struct httpd_request){.method = HTTPD_POST,
                                  .query = "",
                                  .content_type = "application/x-www-form-urlencoded",
                                  .host = "here",
                                  .origin = "",
                                  .fetch_site = "",
                                  .body = body,
                                  .body_len = strlen(body),
                                  .ticket = (void *)(uintptr_t)number};
}

static void post(unsigned number, const char *body, int64_t now_ns) {
    const struct httpd_request asked = check_request(number, body);
    app_web_check(&web, &asked, now_ns);
}

static void get(unsigned number, const char *query, int64_t now_ns) {
    struct httpd_request asked = check_request(number, "");
    asked.method = HTTPD_GET;
    asked.query = query;
    app_web_check(&web, &asked, now_ns);
}

static bool is_probed(const char *text) {
    struct probe_result result;
    struct ip ip = world_ip(text);
    return checker_probe_read(web.checker, BLOCK, &ip, WORLD_START, &result);
}

/* No list can be asked: a probe is over as soon as it has begun. */
static void blind_all(struct world *w) {
    for (uint32_t list = 0; list < w->settings.n_lists; list++)
        if (w->settings.lists[list].enabled)
            world_blind(w, list, HEALTH_REFUSED);
}

static void a_check_is_answered_when_lists_and_history_have_come(void **state) {
    struct world *w = *state;
    blind_all(w);
    post(1, "ip=192.0.2.1", WORLD_START);
    assert_int_equal(store.n_asked, 1);
    assert_int_equal(store.limit, PAGE_CHECK_EVENTS);
    app_web_probed(&web);
    assert_int_equal(answers[1].n_answers, 0);
    app_web_history(&web, store.tickets[0], true, &happened, 1, true);
    expect_answer(1, 200, "<strong>unknown</strong> (refused)");
    expect_answer(1, 200, "<strong class=\"bad\">listed</strong> (other)");
    expect_answer(1, 200, "There is more of it");
    assert_int_equal(app_web_wait_turn(&web, WORLD_START), INT64_MAX);
    assert_int_equal(answers[1].n_answers, 1);
}

static void a_check_waits_for_slow_lists_only_so_long(void **state) {
    post(1, "ip=203.0.113.77", WORLD_START);
    app_web_history(&web, store.tickets[0], true, NULL, 0, false);
    app_web_history(&web, store.tickets[0], true, &happened, 1, false);
    assert_int_equal(app_web_wait_turn(&web, WORLD_START + SECOND), WORLD_START + APP_WEB_CHECK_NS);
    assert_int_equal(answers[1].n_answers, 0);
    assert_int_equal(app_web_wait_turn(&web, WORLD_START + APP_WEB_CHECK_NS), INT64_MAX);
    expect_answer(1, 200, "no answer yet");
    expect_answer(1, 200, "<a href=\"check?ip=203.0.113.77\">Look again</a>");
    expect_answer(1, 200, "Nothing has been seen to happen to it.");
}

static void a_check_shows_what_the_lists_say_without_a_store(void **state) {
    blind_all(*state);
    post(1, "ip=192.0.2.1", WORLD_START);
    assert_int_equal(app_web_wait_turn(&web, WORLD_START + APP_WEB_CHECK_NS), INT64_MAX);
    expect_answer(1, 200, "the store did not answer in time");
    store.refuses = true;
    store.why = "data/state.db: disk <full>";
    post(2, "ip=192.0.2.1", WORLD_START);
    expect_answer(2, 200, "data/state.db: disk &lt;full&gt;");
    web.options.ask_history = NULL;
    post(3, "ip=192.0.2.1", WORLD_START);
    expect_answer(3, 200, "there is no store");
}

static void what_is_known_is_shown_without_asking(void **state) {
    get(1, "ip=192.0.2.1", WORLD_START);
    app_web_history(&web, store.tickets[0], true, &happened, 1, false);
    expect_answer(1, 200, "Ask the lists now");
    assert_false(is_probed("192.0.2.1"));
    get(2, "", WORLD_START);
    expect_answer(2, 200, "<h1>Check an address</h1>");
    get(3, "ip=", WORLD_START);
    expect_answer(3, 400, "Allowed is one IPv4 or IPv6 address");
    assert_int_equal(store.n_asked, 1);
}

static void what_is_no_form_of_ours_is_refused(void **state) {
    static const struct {
        const char *type, *origin, *site, *body;
        unsigned status;
    } rows[] = {
        {"application/x-www-form-urlencoded", "http://there", "", "ip=192.0.2.1", 403},
        {"application/x-www-form-urlencoded", "", "cross-site", "ip=192.0.2.1", 403},
        {"application/x-www-form-urlencoded", "http://here", "same-site", "ip=192.0.2.1", 403},
        {"text/plain", "", "", "ip=192.0.2.1", 415},
        {"application/x-www-form-urlencoded2", "", "", "ip=192.0.2.1", 415},
        {"", "", "", "ip=192.0.2.1", 415},
        {"Application/X-WWW-form-urlencoded;charset=utf-8", "http://HERE", "same-origin", "ip=", 400},
        {"application/x-www-form-urlencoded", "", "", "", 400},
        {"application/x-www-form-urlencoded", "", "", "ip=192.0.2.1&list=block", 400},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct httpd_request asked = check_request(i + 1, rows[i].body);
        asked.content_type = rows[i].type;
        asked.origin = rows[i].origin;
        asked.fetch_site = rows[i].site;
        app_web_check(&web, &asked, WORLD_START);
        expect_answer(i + 1, rows[i].status, "<form method=\"post\" action=\"check\">");
    }
    static char much[URL_SIZE + 1];
    memset(much, '1', URL_SIZE);
    post(10, much, WORLD_START);
    expect_answer(10, 413, "<form");
    struct httpd_request asked = check_request(11, "ip=192.0.2.1");
    asked.body_len++;
    app_web_check(&web, &asked, WORLD_START);
    expect_answer(11, 400, "NUL");
    assert_false(is_probed("192.0.2.1"));
    assert_int_equal(store.n_asked, 0);
}

/* Lists may be slow; what the store knows is to be had meanwhile. */
static void half_of_those_who_wait_may_wait_for_lists(void **state) {
    static const char *const bodies[] = {"ip=192.0.2.10", "ip=192.0.2.11"};
    for (unsigned i = 0; i < PLACES / 2; i++)
        post(i + 1, bodies[i], WORLD_START);
    assert_true(is_probed("192.0.2.11"));
    post(PLACES, "ip=192.0.2.20", WORLD_START);
    expect_answer(PLACES, 503, "Too many checks wait");
    assert_string_equal(answers[PLACES].retry_after, "6");
    assert_false(is_probed("192.0.2.20"));
    for (unsigned i = 0; i < PLACES / 2; i++) {
        get(PLACES + 1 + i, "ip=192.0.2.20", WORLD_START);
        assert_int_equal(answers[PLACES + 1 + i].n_answers, 0);
    }
    get(2 * PLACES, "ip=192.0.2.20", WORLD_START);
    expect_answer(2 * PLACES, 200, "too many questions wait for the store");
    app_web_wait_stop(&web); /* forgets them, and what was kept for them */
    assert_int_equal(answers[1].n_answers, 0);
}

static void more_addresses_than_are_checked_at_once_are_refused(void **state) {
    for (unsigned i = 0; i < PROBES; i++) {
        struct ip ip = ip_v4(0xcb007100 + i);
        assert_int_equal(checker_probe(web.checker, &ip, NULL, WORLD_START), STATUS_OK);
    }
    post(1, "ip=192.0.2.1", WORLD_START);
    expect_answer(1, 503, "Too many addresses have been checked within a minute");
    assert_string_equal(answers[1].retry_after, "30");
    assert_int_equal(store.n_asked, 0);
    post(2, "ip=203.0.113.1", WORLD_START); /* one of them: joins */
    assert_int_equal(answers[2].n_answers, 0);
}

static void says_that_it_is_memory_that_is_missing(void **state) {
    for (unsigned long n = 1; n <= 3; n++) { /* the place; the probes; one of them */
        fails_at = n;
        post((unsigned)n, "ip=192.0.2.1", WORLD_START);
        assert_int_equal(fails_at, 0);
        expect_answer((unsigned)n, 503, "There is not enough memory");
        assert_string_equal(answers[n].retry_after, "30");
        assert_int_equal(app_web_wait_turn(&web, WORLD_START), INT64_MAX);
    }
    fails_at = 1;
    get(4, "ip=192.0.2.1", WORLD_START);
    expect_answer(4, 200, "out of memory: ask again later");
}

/* ---- POST to the API ---- */

static void post_address(unsigned number, const char *rest, const char *query, int64_t now_ns) {
    const struct httpd_request asked = {
        .method = HTTPD_POST, .path_rest = rest, .query = query, .ticket = (void *)(uintptr_t)number};
    app_web_api_address(&web, &asked, now_ns);
}

static void an_address_is_answered_when_lists_and_then_history_have_come(void **state) {
    blind_all(*state);
    post_address(1, "203.0.113.77", "", WORLD_START);
    assert_int_equal(store.n_asked, 0);
    app_web_probed(&web);
    assert_int_equal(store.n_asked, 1);
    assert_int_equal(answers[1].n_answers, 0);
    app_web_probed(&web);
    app_web_history(&web, store.tickets[0], true, &happened, 1, false);
    expect_answer(1, 200, "\"address\":\"203.0.113.77\"");
    expect_answer(1, 200, "\"watched\":false");
    expect_answer(1, 200, "\"list\":\"block\",\"zone\":\"bl.example.net\",\"kind\":\"blocklist\"");
    expect_answer(1, 200, "\"verdict\":\"unknown\",\"reason\":\"refused\",\"open\":false");
    expect_answer(1, 200, "\"event\":\"listed\"");
    assert_null(strstr(answers[1].text, "\"list\":\"off\""));
    assert_int_equal(store.n_asked, 1);
}

static void an_address_waits_for_slow_lists_only_so_long(void **state) {
    post_address(1, "203.0.113.77", "list=block&limit=5&list=score", WORLD_START);
    app_web_probed(&web);
    assert_int_equal(app_web_wait_turn(&web, WORLD_START + SECOND), WORLD_START + APP_WEB_CHECK_NS);
    assert_int_equal(store.n_asked, 0);
    const int64_t late_ns = WORLD_START + APP_WEB_CHECK_NS;
    assert_int_equal(app_web_wait_turn(&web, late_ns), late_ns + APP_WEB_AFTER_NS);
    assert_int_equal(store.limit, 5);
    assert_int_equal(answers[1].n_answers, 0);
    assert_int_equal(app_web_wait_turn(&web, late_ns + APP_WEB_AFTER_NS), INT64_MAX);
    expect_answer(1, 200, "\"reason\":\"timeout\",\"open\":true");
    expect_answer(1, 200, "the store did not answer in time");
    expect_answer(1, 200, "\"list\":\"block\"");
    expect_answer(1, 200, "\"list\":\"score\"");
    assert_null(strstr(answers[1].text, "\"list\":\"allow\""));
    app_web_history(&web, store.tickets[0], true, &happened, 1, false); /* too late */
}

static void an_address_is_answered_without_a_store(void **state) {
    blind_all(*state);
    web.options.ask_history = NULL;
    post_address(1, "192.0.2.1", "", WORLD_START);
    app_web_probed(&web);
    expect_answer(1, 200, "there is no store");
    expect_answer(1, 200, "\"watched\":true");
}

static void what_is_no_question_to_lists_is_refused(void **state) {
    static const struct {
        const char *rest, *query, *why;
    } rows[] = {
        {"", "", "is no address"},
        {"192.0.2", "", "is no address"},
        {"192.0.2.1", "list=nowhere",
         "there is no list 'nowhere' that is asked: there are block, score, allow, keyed"},
        {"192.0.2.1", "list=off", "there is no list 'off' that is asked"},
        {"192.0.2.1", "list=block&list=%zz", "a % must be followed"},
        {"192.0.2.1", "list=block&lists=score", "there is no parameter 'lists': there are limit before list"},
        {"192.0.2.1", "limit=0", "limit must be a whole number"},
        {"192.0.2.1", "limit=1&limit=1", "a parameter is there twice"},
        {"10.0.0.1", "", "10.0.0.1 is "},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        post_address(i + 1, rows[i].rest, rows[i].query, WORLD_START);
        expect_answer(i + 1, 400, rows[i].why);
    }
    assert_false(is_probed("192.0.2.1"));
}

static void too_many_addresses_are_told_to_come_back(void **state) {
    for (unsigned i = 0; i < PLACES / 2; i++)
        post_address(i + 1, i == 0 ? "203.0.113.1" : "203.0.113.2", "", WORLD_START);
    post_address(PLACES, "203.0.113.3", "", WORLD_START);
    expect_answer(PLACES, 503, "too many checks wait for their lists");
    assert_string_equal(answers[PLACES].retry_after, "6");
    app_web_wait_stop(&web);
    assert_true(app_web_wait_start(&web));
    for (unsigned i = 0; i < PROBES - 2; i++) {
        struct ip ip = ip_v4(0xcb007110 + i);
        assert_int_equal(checker_probe(web.checker, &ip, NULL, WORLD_START), STATUS_OK);
    }
    post_address(7, "192.0.2.1", "", WORLD_START);
    expect_answer(7, 429, "too many addresses have been checked within a minute");
    assert_string_equal(answers[7].retry_after, "30");
    post_address(8, "203.0.113.1", "", WORLD_START); /* one of them: joins */
    assert_int_equal(answers[8].n_answers, 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(answers_when_the_history_has_come),
        IN_WORLD(takes_an_answer_that_comes_while_it_asks),
        IN_WORLD(answers_without_history_when_there_is_none_to_be_had),
        IN_WORLD(does_not_ask_for_what_is_no_question),
        IN_WORLD(waits_for_a_while_and_no_longer),
        IN_WORLD(lets_half_of_the_requests_wait),
        IN_WORLD(shows_the_checker_that_is_in_force_when_the_answer_comes),
        IN_WORLD(forgets_who_waits_when_it_stops),
        IN_WORLD(a_check_is_answered_when_lists_and_history_have_come),
        IN_WORLD(a_check_waits_for_slow_lists_only_so_long),
        IN_WORLD(a_check_shows_what_the_lists_say_without_a_store),
        IN_WORLD(what_is_known_is_shown_without_asking),
        IN_WORLD(what_is_no_form_of_ours_is_refused),
        IN_WORLD(half_of_those_who_wait_may_wait_for_lists),
        IN_WORLD(says_that_it_is_memory_that_is_missing),
        IN_WORLD(more_addresses_than_are_checked_at_once_are_refused),
        IN_WORLD(an_address_is_answered_when_lists_and_then_history_have_come),
        IN_WORLD(an_address_waits_for_slow_lists_only_so_long),
        IN_WORLD(an_address_is_answered_without_a_store),
        IN_WORLD(what_is_no_question_to_lists_is_refused),
        IN_WORLD(too_many_addresses_are_told_to_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
