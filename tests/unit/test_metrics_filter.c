/* SPDX-License-Identifier: Apache-2.0
 *
 * Some of the metrics, by name: they read as they do among all of them, and the others cost nothing.
 */
/* LINK: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/metrics.h"

#include "scraped.h"

#include <stdlib.h>

/* Which allocation from now on fails; 0: none. And how many bytes were asked for. */
static unsigned long fails_at;
static size_t n_bytes;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static bool fails_now(size_t bytes) {
    n_bytes += bytes;
    return fails_at > 0 && --fails_at == 0;
}

void *__wrap_malloc(size_t size) {
    return fails_now(size) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails_now(n * size) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails_now(size) ? NULL : __real_realloc(old, size);
}

static struct buf render_wanted(struct world *w, enum promtext_format format,
                                const struct metrics_filter *filter) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    metrics_render(&out, format, filter, w->checker, &scraped_process, w->now_ns, WORLD_OFFSET);
    return out;
}

static const struct {
    const char *name;
    const char *row; /* NULL: no such metric */
} names[] = {
    {"rbl_ip_listed", "rbl_ip_listed"},
    {"rbl_list_queries_total", "rbl_list_queries_total"},
    {"rbl_list_queries", "rbl_list_queries_total"},
    {"process_cpu_seconds", "process_cpu_seconds_total"},
    {"process_threads", "process_threads"},
    {"rbl_list_query_duration_seconds", "rbl_list_query_duration_seconds"},
    {"rbl_list_query_duration_seconds_bucket", "rbl_list_query_duration_seconds"},
    {"rbl_list_query_duration_seconds_sum", "rbl_list_query_duration_seconds"},
    {"rbl_list_query_duration_seconds_count", "rbl_list_query_duration_seconds"},
    {"rbl_list_query_duration_seconds_total", NULL},
    {"rbl_list_query_duration_seconds_", NULL},
    {"rbl_list_query_duration_seconds_bucket_sum", NULL},
    {"rbl_ip_listed_total", NULL},
    {"rbl_ip_listed_bucket", NULL},
    {"rbl_list_queries_total_sum", NULL},
    {"rbl_list_queries_", NULL},
    {"rbl_range_addresses", "rbl_range_addresses"},
    {"rbl_range_listed_addresses", "rbl_range_listed_addresses"}, /* and not ..._omitted */
    {"rbl_range_listed", NULL},
    {"rbl_ip_liste", NULL},
    {"RBL_IP_LISTED", NULL},
    {" rbl_ip_listed", NULL},
    {"rbl_ip_*", NULL},
    {"r", NULL},
    {"", NULL},
};

static void knows_families_by_their_names_and_those_of_their_samples(void **state) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct metrics_filter filter = {.is_set = false};
        metrics_want(&filter, names[i].name);
        assert_true(filter.is_set);
        for (unsigned row = 0; row < metrics_count; row++) {
            bool wanted = names[i].row != NULL && strcmp(metrics_table[row].name, names[i].row) == 0;
            if (filter.rows[row] != wanted)
                fail_msg("%s: %s", names[i].name, metrics_table[row].name);
        }
    }
}

/* Each family by itself, one behind the other, is the whole. */
static void renders_each_family_as_it_is_in_the_whole(void **state) {
    struct world *w = *state;
    fill(w);
    for (int format = 0; format < PROMTEXT_FORMATS; format++) {
        const char *end = format == PROMTEXT_OPENMETRICS ? "# EOF\n" : "";
        struct buf whole = render_as(w, (enum promtext_format)format);
        size_t at = 0;
        for (unsigned row = 0; row < metrics_count; row++) {
            struct metrics_filter filter = {.is_set = false};
            metrics_want(&filter, metrics_table[row].name);
            struct buf one = render_wanted(w, (enum promtext_format)format, &filter);
            size_t n = one.len - strlen(end);
            assert_string_equal(buf_text(&one) + n, end);
            assert_memory_equal(buf_text(&one), buf_text(&whole) + at, n);
            at += n;
            buf_release(&one);
        }
        assert_string_equal(buf_text(&whole) + at, end);
        buf_release(&whole);
    }
}

static void keeps_the_order_of_the_whole(void **state) {
    struct metrics_filter filter = {.is_set = false};
    metrics_want(&filter, "rbl_storage_up");
    metrics_want(&filter, "rbl_exporter_ready");
    metrics_want(&filter, "nothing");
    struct buf out = render_wanted(*state, PROMTEXT_OPENMETRICS, &filter);
    const char *ready = strstr(buf_text(&out), "\nrbl_exporter_ready 0\n");
    const char *up = strstr(buf_text(&out), "\nrbl_storage_up 1\n");
    assert_true(ready != NULL && up != NULL && ready < up);
    assert_int_equal(count_lines(buf_text(&out), "", false), 7);
    buf_release(&out);
}

static void renders_nothing_for_names_that_there_are_not(void **state) {
    struct metrics_filter filter = {.is_set = false};
    metrics_want(&filter, "nothing");
    struct buf out = render_wanted(*state, PROMTEXT_004, &filter);
    assert_string_equal(buf_text(&out), "");
    assert_int_equal(buf_status(&out), STATUS_OK);
    buf_release(&out);
    out = render_wanted(*state, PROMTEXT_OPENMETRICS, &filter);
    assert_string_equal(buf_text(&out), "# EOF\n");
    buf_release(&out);
}

static void does_not_touch_single_addresses_that_nobody_asks_for(void **state) {
    enum { MANY = 10000 };
    static struct ip many[MANY];
    static struct group group;
    static struct world w;
    struct settings settings = world_settings();
    struct ip first = world_ip("10.0.0.0");
    for (unsigned i = 0; i < MANY; i++)
        many[i] = ip_add(first, i);
    group = settings.groups[OUTBOUND];
    group.addresses = many;
    group.n_addresses = MANY;
    settings.groups = &group;
    settings.n_groups = 1;
    settings.n_safelists = 0;
    world_begin(&w, &settings);
    struct metrics_filter filter = {.is_set = false};
    metrics_want(&filter, "rbl_list_up");
    metrics_want(&filter, "rbl_list_recheck_interval_seconds");
    n_bytes = 0;
    struct buf out = render_wanted(&w, PROMTEXT_004, &filter);
    assert_true(n_bytes < MANY);
    buf_release(&out);
    metrics_want(&filter, "rbl_ip_listed");
    out = render_wanted(&w, PROMTEXT_004, &filter);
    assert_true(n_bytes > (size_t)MANY * sizeof(struct metrics_filter *));
    buf_release(&out);
    world_end(&w);
}

static void says_so_whichever_allocation_fails(void **state) {
    struct world *w = *state;
    static const char *const wanted[] = {"rbl_ip_listed", "rbl_ip_listings", "process_threads"};
    fill(w);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct metrics_filter filter = {.is_set = false};
        metrics_want(&filter, wanted[i]);
        unsigned long failed = 0;
        for (bool reached = true; reached; failed++) {
            fails_at = failed + 1;
            struct buf out = render_wanted(w, PROMTEXT_004, &filter);
            reached = fails_at == 0;
            fails_at = 0;
            if (buf_status(&out) != (reached ? STATUS_NO_MEMORY : STATUS_OK))
                fail_msg("%s, allocation %lu: status %d", wanted[i], failed + 1, buf_status(&out));
            buf_release(&out);
        }
        assert_true(failed > 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_families_by_their_names_and_those_of_their_samples),
        IN_WORLD(renders_each_family_as_it_is_in_the_whole),
        IN_WORLD(keeps_the_order_of_the_whole),
        IN_WORLD(renders_nothing_for_names_that_there_are_not),
        cmocka_unit_test(does_not_touch_single_addresses_that_nobody_asks_for),
        IN_WORLD(says_so_whichever_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
