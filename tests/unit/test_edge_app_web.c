/* SPDX-License-Identifier: Apache-2.0
 *
 * /metrics and the status page: what is asked for, and how renderings are shared. Time stands still but while
 * something is rendered, which takes as long as the test says.
 */
/* LINK: -Wl,--wrap=page_render,--wrap=metrics_render,--wrap=httpd_answer,--wrap=httpd_turn */
/* LINK: -Wl,--wrap=loop_now_ns,--wrap=clock_now_ns,--wrap=calloc */
#include "web_fixture.h"

static void shows_the_page_and_metrics_each_with_its_headers(void **state) {
    unsigned page = ask_for(ROUTE_STATUS, "", "");
    turn();
    expect_answer(page, "page 1");
    assert_string_equal(answers[page].type, "text/html; charset=utf-8");
    assert_string_equal(answers[page].security_policy, PAGE_SECURITY_POLICY);
    assert_false(answers[page].vary_accept);
    seen.now_ns += SECOND;
    unsigned metrics = ask_for(ROUTE_METRICS, "", OPEN ";version=0.0.1;escaping=dots");
    turn();
    expect_answer(metrics, "scrape 1");
    assert_int_equal(seen.format, PROMTEXT_OPENMETRICS);
    assert_string_equal(answers[metrics].type, OPEN "; version=0.0.1; charset=utf-8; escaping=dots");
    assert_null(answers[metrics].security_policy);
    assert_true(answers[metrics].vary_accept);
}

#define NAME "name[]=rbl_list_up"
#define NAMES_4 NAME "&" NAME "&" NAME "&" NAME
#define NAMES_16 NAMES_4 "&" NAMES_4 "&" NAMES_4 "&" NAMES_4
#define NAMES_64 NAMES_16 "&" NAMES_16 "&" NAMES_16 "&" NAMES_16
#define NAMES_256 NAMES_64 "&" NAMES_64 "&" NAMES_64 "&" NAMES_64
#define LONG_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG_1024                                                                                            \
    LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64  \
        LONG_64 LONG_64 LONG_64

static const struct {
    const char *query;
    const char *wrong; /* NULL: it is answered */
    const char *rows;  /* NULL: all */
} queries[] = {
    {"", NULL, NULL},
    {"x=1&y", NULL, NULL},
    {"name=rbl_list_up", NULL, NULL},
    {"&&&", NULL, NULL},
    {"name[]=rbl_list_up", NULL, "rbl_list_up "},
    {"name%5B%5D=rbl_list_up", NULL, "rbl_list_up "},
    {"name%5b]=rbl%5Flist_up", NULL, "rbl_list_up "},
    {"name[]=rbl_list_up&name[]=process_threads", NULL, "rbl_list_up process_threads "},
    {"name[]=process_threads&name[]=rbl_list_up&name[]=rbl_list_up&&x=y", NULL,
     "rbl_list_up process_threads "},
    {"name[]=rbl_list_up&name[]=nothing", NULL, "rbl_list_up "},
    {"name[]=nothing", NULL, ""},
    {"name[]=", NULL, ""},
    {"name[]", NULL, ""},
    {"name[]=rbl_list_up+", NULL, ""},
    {"name[]=rbl_list_query_duration_seconds_sum&name[]=process_cpu_seconds", NULL,
     "rbl_list_query_duration_seconds process_cpu_seconds_total "},
    {NAMES_256, NULL, "rbl_list_up "},
    {NAMES_256 "&" NAME, "there are too many parameters", NULL},
    {"name[]=%", "a % must be followed by two hexadecimal digits", NULL},
    {"name[]=%5", "a % must be followed by two hexadecimal digits", NULL},
    {"x=%zz", "a % must be followed by two hexadecimal digits", NULL},
    {"name[]=rbl_list_up&x=%00", "there must be no NUL", NULL},
    {"name[]=" LONG_1024, "it is too long", NULL},
};

static void rows_of(const struct metrics_filter *filter, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < metrics_count; i++)
        if (filter->rows[i])
            used += (size_t)snprintf(out + used, size - used, "%s ", metrics_table[i].name);
}

static void renders_what_the_names_ask_for_and_refuses_what_it_cannot_read(void **state) {
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char rows[400];
        setup(state);
        unsigned n = ask_for(ROUTE_METRICS, queries[i].query, "");
        turn();
        if (queries[i].wrong != NULL) {
            if (answers[n].status != 400 || strstr(answers[n].text, queries[i].wrong) == NULL)
                fail_msg("%.80s: %u %s", queries[i].query, answers[n].status, answers[n].text);
            assert_int_equal(seen.n_scrapes, 0);
            assert_non_null(strstr(answers[n].text, "/metrics?name[]=rbl_ip_listed"));
        } else {
            expect_answer(n, "scrape 1");
            assert_int_equal(seen.filter.is_set, queries[i].rows != NULL);
            rows_of(&seen.filter, rows, sizeof rows);
            if (queries[i].rows != NULL && strcmp(rows, queries[i].rows) != 0)
                fail_msg("%.80s: %s", queries[i].query, rows);
        }
        teardown(state);
    }
}

/* --- Sharing --- */

static void one_rendering_serves_nine_times_as_long_as_it_took(void **state) {
    unsigned first = scrape();
    turn();
    expect_answer(first, "scrape 1");
    int64_t end_ns = seen.now_ns;
    for (unsigned i = 0; i < 5; i++)
        expect_answer(scrape(), "scrape 1");
    seen.now_ns = end_ns + 9 * seen.cost_ns - 1;
    expect_answer(scrape(), "scrape 1");
    seen.now_ns++;
    unsigned next = scrape();
    expect_waiting(next);
    turn();
    expect_answer(next, "scrape 2");
}

static void but_no_longer_than_a_second(void **state) {
    seen.cost_ns = SECOND;
    unsigned first = scrape();
    turn();
    expect_answer(first, "scrape 1");
    seen.now_ns += SECOND - 1;
    expect_answer(scrape(), "scrape 1");
    seen.now_ns++;
    unsigned next = scrape();
    turn();
    expect_answer(next, "scrape 2");
}

static void all_who_ask_in_one_turn_get_one_rendering(void **state) {
    seen.cost_ns = 0;
    for (unsigned round = 1; round <= 3; round++) {
        unsigned pages[5], scrapes[5];
        char page[20], text[20];
        snprintf(page, sizeof page, "page %u", round);
        snprintf(text, sizeof text, "scrape %u", round);
        for (unsigned i = 0; i < 5; i++) {
            pages[i] = ask_for(ROUTE_STATUS, "", "");
            scrapes[i] = scrape();
        }
        turn();
        turn();
        for (unsigned i = 0; i < 5; i++) {
            expect_answer(pages[i], page);
            expect_answer(scrapes[i], text);
        }
    }
}

static void who_wants_something_else_waits_and_the_first_comes_first(void **state) {
    unsigned text = scrape();
    turn();
    expect_answer(text, "scrape 1");
    unsigned page = ask_for(ROUTE_STATUS, "", "");
    unsigned open = ask_for(ROUTE_METRICS, "", OPEN);
    unsigned names = ask_for(ROUTE_METRICS, NAME, "");
    unsigned page_too = ask_for(ROUTE_STATUS, "", "");
    int64_t due_ns = turn();
    assert_int_equal(due_ns, seen.now_ns + 9 * seen.cost_ns);
    expect_waiting(page);
    seen.now_ns = due_ns;
    due_ns = turn();
    expect_answer(page, "page 1");
    expect_answer(page_too, "page 1");
    expect_waiting(open);
    unsigned open_too = ask_for(ROUTE_METRICS, "", OPEN ";version=0.0.1");
    seen.now_ns = due_ns;
    due_ns = turn();
    expect_answer(open, "scrape 2");
    expect_answer(open_too, "scrape 2");
    assert_string_equal(answers[open].type, OPEN "; version=1.0.0; charset=utf-8");
    assert_string_equal(answers[open_too].type, OPEN "; version=0.0.1; charset=utf-8");
    expect_waiting(names);
    seen.now_ns = due_ns;
    assert_int_equal(turn(), INT64_MAX);
    expect_answer(names, "scrape 3");
    assert_int_equal(seen.n_pages, 1);
}

/* Whatever is asked, a tenth of the time goes into renderings, and nobody waits for ever. */
static void a_flood_of_all_kinds_takes_a_tenth_of_the_time(void **state) {
    static const char *const wanted[] = {"", "name[]=rbl_list_up", "name[]=process_threads", "name[]=x"};
    int64_t begin_ns = seen.now_ns;
    unsigned long n = 0;
    for (; seen.now_ns < begin_ns + 100 * SECOND; seen.now_ns += 7 * MS, n++) {
        memset(answers, 0, sizeof answers);
        n_asked = 0; /* numbers may be of several requests here: they are not looked at */
        seen.cost_ns = (1 + (int64_t)(n % 20)) * MS;
        for (unsigned i = 0; i < 4; i++)
            ask_for(ROUTE_METRICS, wanted[(n + i) % 4], n % 3 == 0 ? OPEN : "");
        ask_for(ROUTE_STATUS, "", "");
        if (n % 5 == 0)
            app_web_reloaded(&web, true, 0);
        turn();
    }
    assert_true(seen.n_scrapes > 100 && seen.n_pages > 10);
    assert_true(seen.spent_ns <= (seen.now_ns - begin_ns) / 10 + 20 * MS);
}

static void what_has_changed_is_seen_at_the_next_turn_that_may_render(void **state) {
    unsigned first = scrape();
    turn();
    expect_answer(first, "scrape 1");
    app_web_reloaded(&web, false, 0);
    unsigned second = scrape();
    expect_waiting(second);
    seen.now_ns = turn();
    turn();
    expect_answer(second, "scrape 2");
    app_web_use(&web, world.checker);
    unsigned third = scrape();
    seen.now_ns = turn();
    turn();
    expect_answer(third, "scrape 3");
    const struct httpd_request post = {.route = ROUTE_ADDRESS,
                                       .method = HTTPD_POST,
                                       .host = "h",
                                       .query = "",
                                       .origin = "",
                                       .fetch_site = ""};
    on_request(&web, &post);
    unsigned fourth = scrape();
    expect_waiting(fourth);
    seen.now_ns = turn();
    turn();
    expect_answer(fourth, "scrape 4");
}

static void without_memory_it_says_503_and_goes_on(void **state) {
    seen.fails = true;
    unsigned first = scrape();
    turn();
    assert_int_equal(answers[first].status, 503);
    unsigned page = ask_for(ROUTE_STATUS, "", "");
    expect_waiting(page);
    seen.fails = false;
    fails_at = 1; /* that of the body */
    seen.now_ns = turn();
    turn();
    assert_int_equal(answers[page].status, 503);
    unsigned again = scrape();
    seen.now_ns = turn();
    turn();
    expect_answer(again, "scrape 2");
    struct app_web_shared shared;
    fails_at = 1;
    assert_false(app_web_shared_start(&shared, 1));
}

static void more_than_there_is_room_for_are_told_to_come_later(void **state) {
    scrape();
    turn();
    for (unsigned i = 0; i < PLACES; i++)
        ask_for(ROUTE_STATUS, "", "");
    unsigned last = ask_for(ROUTE_STATUS, "", "");
    assert_int_equal(answers[last].status, 503);
    assert_string_equal(answers[last].text, "too many wait for what takes long to show\n");
    seen.now_ns = turn();
    turn();
    for (unsigned i = 2; i < last; i++)
        expect_answer(i, "page 1");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(shows_the_page_and_metrics_each_with_its_headers),
        cmocka_unit_test(renders_what_the_names_ask_for_and_refuses_what_it_cannot_read),
        IN_WORLD(one_rendering_serves_nine_times_as_long_as_it_took),
        IN_WORLD(but_no_longer_than_a_second),
        IN_WORLD(all_who_ask_in_one_turn_get_one_rendering),
        IN_WORLD(who_wants_something_else_waits_and_the_first_comes_first),
        IN_WORLD(a_flood_of_all_kinds_takes_a_tenth_of_the_time),
        IN_WORLD(what_has_changed_is_seen_at_the_next_turn_that_may_render),
        IN_WORLD(without_memory_it_says_503_and_goes_on),
        IN_WORLD(more_than_there_is_room_for_are_told_to_come_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
