/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=calloc,--wrap=malloc,--wrap=realloc */
#include "core/forecast.h"
#include "fixture.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* The n-th allocation from now on fails; 0: none does. */
static unsigned fail_at;

static bool fails(void) {
    return fail_at > 0 && --fail_at == 0;
}

void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails() ? NULL : __real_realloc(old, size);
}

static const struct budget_settings budgets[] = {{"validity", 10000, 30 * DAY}};

struct world {
    struct fixture f;
    struct forecast *forecast;
};

static void watch(struct world *w, struct group *g, const char *net, unsigned n) {
    for (unsigned i = 1; i <= n; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s.%u", net, i);
        fixture_address(&w->f, g, text);
    }
}

static void world_init(struct world *w) {
    *w = (struct world){.forecast = NULL};
    fixture_init(&w->f);
    w->f.settings.budgets = budgets;
    w->f.settings.n_budgets = 1;
}

static const struct forecast_list *world_forecast(struct world *w) {
    enum status status = forecast_new(fixture_targets(&w->f), &w->forecast);
    assert_int_equal(status, STATUS_OK);
    return w->forecast->lists;
}

static void world_release(struct world *w) {
    forecast_free(w->forecast);
    fixture_release(&w->f);
}

static const char *advice_of(const struct world *w, uint32_t i) {
    static char text[4096];
    struct buf out;
    buf_init(&out, sizeof text - 1);
    forecast_advise(w->forecast, &w->forecast->lists[i], &out);
    snprintf(text, sizeof text, "%s", buf_text(&out));
    buf_release(&out);
    return text;
}

static bool about(double value, double wanted) {
    bool close = fabs(value - wanted) <= 0.02 * wanted;
    if (!close)
        print_error("%g instead of about %g\n", value, wanted);
    return close;
}

static void senderscore(struct world *w) {
    world_init(w);
    struct list *list = fixture_list(&w->f, "ss", "ss.test");
    list->budget = (struct list_budget){.share = 0, .rate = 1, .burst = 1};
    watch(w, fixture_group(&w->f, "out"), "192.0.2", 40);
    fixture_range(&w->f, fixture_group(&w->f, "ms"), "40.92.0.0/14");
}

static void a_small_budget_is_divided_as_its_classes_are(void **state) {
    struct world w;
    senderscore(&w);
    const struct forecast_list *l = world_forecast(&w);
    assert_true(about(l->wanted.tests, 96));
    assert_true(about(l->wanted.watched, 40 * 96));
    assert_true(about(l->wanted.sweep, 262144));
    assert_true(l->by_quota && about(l->allowed, 10000 / 30.));
    assert_true(about(l->given.tests, 0.05 * 10000 / 30));
    assert_true(about(l->given.watched, 0.684 * 10000 / 30));
    assert_true(about(l->given.sweep, 0.2104 * 10000 / 30));
    assert_true(
        about((double)l->rings[0].achieved_ns / 1e9, 15160)); /* 14,260 to 16,010 in simulated months */
    assert_true(about((double)l->test_ns / 1e9, 30 * 60 * 5.76));
    assert_int_equal(l->sweep_ns, l->sweep_took_ns);
    assert_int_equal(forecast_interval(w.forecast, 0, 0), l->rings[0].achieved_ns);
    assert_int_equal(forecast_interval(w.forecast, 0, 1), l->sweep_ns);
    world_release(&w);
}

/* Of 11 listed ones of 1,100. */
static void the_bound_of_the_sample_is_wilsons(void **state) {
    struct world w;
    senderscore(&w);
    const struct forecast_list *l = world_forecast(&w);
    assert_true(about(l->sample, 0.2104 * 10000 / 2)); /* re-checks may take half of it */
    assert_true(about(l->low, 0.0056) || about(l->low, 0.0057));
    assert_true(about(l->high, 0.0178));
    world_release(&w);
}

static void advice_names_numbers_that_would_do(void **state) {
    struct world w;
    senderscore(&w);
    (void)world_forecast(&w);
    const char *text = advice_of(&w, 0);
    print_message("# %s\n", text);
    assert_non_null(strstr(text, "40 watched addresses are re-checked every 4h13m,"));
    assert_non_null(
        strstr(text, "set their interval to 4h15m, watch no more than 2, or allow 170,000 queries per 30d "
                     "in the budget validity"));
    assert_non_null(strstr(text, "One sweep of 262,144 addresses takes about 10 years, not 1d"));
    assert_non_null(strstr(text, "Self-tests run every 2h53m, not every 30m, for they get 5 % of a quota: "
                                 "set self_test.interval to 3h"));
    world_release(&w);
}

/* What it advises: with it, there is nothing more to say. */
static void advice_that_is_followed_is_given_no_more(void **state) {
    struct world w;
    world_init(&w);
    struct list *list = fixture_list(&w.f, "bl", "bl.test");
    list->budget = (struct list_budget){.share = -1, .queries = 1000, .per_ns = DAY, .rate = 1, .burst = 1};
    struct group *g = fixture_group(&w.f, "out");
    watch(&w, g, "192.0.2", 20);
    (void)world_forecast(&w);
    assert_non_null(strstr(advice_of(&w, 0), "set their interval to 33m"));
    assert_non_null(strstr(advice_of(&w, 0), "watch no more than 9"));
    assert_non_null(strstr(advice_of(&w, 0), "allow 2,200 queries per 1d"));
    forecast_free(w.forecast);
    fixture_release(&w.f);
    list->budget.queries = 2200;
    (void)world_forecast(&w);
    assert_string_equal(advice_of(&w, 0), "");
    world_release(&w);
}

static void a_rate_alone_gives_watched_addresses_what_tests_and_a_fifth_for_the_sweep_leave(void **state) {
    struct world w;
    world_init(&w);
    fixture_list(&w.f, "bl", "bl.test")->budget.rate = 1.0 / 60;
    struct group *g = fixture_group(&w.f, "out");
    g->interval_ns = 5 * MINUTE;
    watch(&w, g, "192.0.2", 12);
    struct group *net = fixture_group(&w.f, "net");
    net->sweep_interval_ns = HOUR;
    fixture_range(&w.f, net, "198.18.0.0/22");
    const struct forecast_list *l = world_forecast(&w);
    assert_false(l->by_quota);
    assert_true(about(l->allowed, 1440));
    assert_true(about(l->given.sweep, 288));
    assert_true(about(l->given.tests, 144)); /* of a sweep whose tests take a minute */
    assert_true(about(l->given.watched, 1440 - 288 - 144));
    assert_non_null(strstr(advice_of(&w, 0), "or raise its rate to 1"));
    world_release(&w);
}

static void what_is_not_limited_gets_all(void **state) {
    struct world w;
    world_init(&w);
    (void)fixture_list(&w.f, "bl", "bl.test");
    watch(&w, fixture_group(&w.f, "out"), "192.0.2", 3);
    fixture_range(&w.f, fixture_group(&w.f, "net"), "198.18.0.0/22");
    const struct forecast_list *l = world_forecast(&w);
    assert_true(l->allowed <= 0);
    assert_int_equal(l->rings[0].achieved_ns, 15 * MINUTE);
    assert_int_equal(l->sweep_ns, DAY);
    assert_int_equal(l->sweep_took_ns, 0); /* as long as the nameservers need */
    assert_true(about(l->sample, 1024));
    assert_string_equal(advice_of(&w, 0), "");
    world_release(&w);
}

static void intervals_that_cannot_be_had_become_one(void **state) {
    struct world w;
    world_init(&w);
    struct list *list = fixture_list(&w.f, "bl", "bl.test");
    list->budget = (struct list_budget){.share = -1, .queries = 2000, .per_ns = DAY, .burst = 1};
    struct group *slow = fixture_group(&w.f, "slow");
    slow->interval_ns = 6 * HOUR;
    watch(&w, slow, "192.0.2", 10);
    struct group *fast = fixture_group(&w.f, "fast");
    fast->interval_ns = MINUTE;
    watch(&w, fast, "198.51.100", 10);
    struct group *middle = fixture_group(&w.f, "middle");
    middle->interval_ns = 5 * MINUTE;
    watch(&w, middle, "203.0.113", 10);
    const struct forecast_list *l = world_forecast(&w);
    assert_int_equal(l->n_rings, 3);
    assert_int_equal(l->rings[2].achieved_ns, 6 * HOUR);
    assert_int_equal(l->rings[0].achieved_ns, l->rings[1].achieved_ns);
    double a_day = 20 * 86400e9 / (double)l->rings[0].achieved_ns + 40;
    assert_true(about(a_day, l->given.watched));
    assert_int_equal(forecast_interval(w.forecast, 0, 0), 6 * HOUR);
    assert_int_equal(forecast_interval(w.forecast, 0, 1), l->rings[0].achieved_ns);
    assert_non_null(strstr(advice_of(&w, 0), "20 watched addresses"));
    world_release(&w);
}

static void lists_that_share_a_budget_take_turns(void **state) {
    struct world w;
    world_init(&w);
    for (unsigned i = 0; i < 3; i++)
        fixture_list(&w.f,
                     i == 0   ? "a"
                     : i == 1 ? "b"
                              : "c",
                     i == 0   ? "a.test"
                     : i == 1 ? "b.test"
                              : "c.test")
            ->budget.share = 0;
    watch(&w, fixture_group(&w.f, "out"), "192.0.2", 40);
    w.f.lists[0].interval_ns = DAY; /* modest */
    const struct forecast_list *l = world_forecast(&w);
    assert_int_equal(l[0].sharers, 3);
    assert_true(about(l[0].given.watched, 40));
    assert_true(about(l[1].given.watched, l[2].given.watched));
    assert_true(about(l[0].given.watched + l[1].given.watched + l[2].given.watched, 0.8944 * 10000 / 30));
    assert_int_equal(l[0].rings[0].achieved_ns, DAY);
    world_release(&w);
}

static void a_sweep_that_is_in_time_runs_on_what_was_saved_up(void **state) {
    struct world w;
    world_init(&w);
    struct list *list = fixture_list(&w.f, "bl", "bl.test");
    list->budget = (struct list_budget){.share = -1, .queries = 100000, .per_ns = DAY, .rate = 5, .burst = 1};
    fixture_range(&w.f, fixture_group(&w.f, "net"), "198.18.0.0/21");
    const struct forecast_list *l = world_forecast(&w);
    assert_int_equal(l->sweep_ns, DAY);
    /* 2,048 are less than a thirtieth of the quota: only the rate counts. */
    assert_true(about((double)l->sweep_took_ns / 1e9, 2048 / 5.));
    assert_true(about(l->sample, 2048));
    assert_string_equal(advice_of(&w, 0), "");
    world_release(&w);
}

static void a_list_of_no_group_is_pointed_out(void **state) {
    struct world w;
    world_init(&w);
    (void)fixture_group(&w.f, "none");
    (void)fixture_list(&w.f, "off", "off.test");
    w.f.lists[0].enabled = false;
    (void)fixture_list(&w.f, "bl", "bl.test");
    const struct forecast_list *l = world_forecast(&w);
    assert_int_equal(w.forecast->n_lists, 1);
    assert_int_equal(l->list, 1);
    assert_null(forecast_find(w.forecast, 0));
    assert_ptr_equal(forecast_find(w.forecast, 1), l);
    assert_int_equal(forecast_interval(w.forecast, 1, 0), 0);
    assert_non_null(strstr(advice_of(&w, 0), "No group is checked on it"));
    world_release(&w);
}

static void without_memory_there_is_no_forecast_and_no_leak(void **state) {
    struct world w;
    senderscore(&w);
    const struct targets *targets = fixture_targets(&w.f);
    enum status status = STATUS_NO_MEMORY;
    for (unsigned n = 1; status != STATUS_OK; n++) {
        fail_at = n;
        status = forecast_new(targets, &w.forecast);
        fail_at = 0;
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        assert_true(n < 100);
    }
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_budget_is_divided_as_its_classes_are),
        cmocka_unit_test(the_bound_of_the_sample_is_wilsons),
        cmocka_unit_test(advice_names_numbers_that_would_do),
        cmocka_unit_test(advice_that_is_followed_is_given_no_more),
        cmocka_unit_test(a_rate_alone_gives_watched_addresses_what_tests_and_a_fifth_for_the_sweep_leave),
        cmocka_unit_test(what_is_not_limited_gets_all),
        cmocka_unit_test(intervals_that_cannot_be_had_become_one),
        cmocka_unit_test(lists_that_share_a_budget_take_turns),
        cmocka_unit_test(a_sweep_that_is_in_time_runs_on_what_was_saved_up),
        cmocka_unit_test(a_list_of_no_group_is_pointed_out),
        cmocka_unit_test(without_memory_there_is_no_forecast_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
