/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/metrics.h"

#include "scraped.h"

#include <stdlib.h>

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static bool fails_now(void) {
    return fails_at > 0 && --fails_at == 0;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails_now() ? NULL : __real_realloc(old, size);
}

/* --- The table --- */

/* The contract's names, in its order, as far as this version has them. */
static const struct {
    const char *name;
    const char *type;
    const char *labels;
} contract[] = {
    {"rbl_exporter_build_info", "gauge", "version,revision,branch,compiler,arch"},
    {"rbl_exporter_config_last_reload_successful", "gauge", ""},
    {"rbl_exporter_config_last_reload_success_timestamp_seconds", "gauge", ""},
    {"rbl_exporter_ready", "gauge", ""},
    {"rbl_exporter_log_messages_total", "counter", "level"},
    {"rbl_list_info", "gauge", "list,dns_zone,kind,tier"},
    {"rbl_list_up", "gauge", "list"},
    {"rbl_list_state", "gauge", "list,state"},
    {"rbl_list_last_health_check_timestamp_seconds", "gauge", "list"},
    {"rbl_list_queries_total", "counter", "list"},
    {"rbl_list_query_failures_total", "counter", "list,reason"},
    {"rbl_list_query_retries_total", "counter", "list"},
    {"rbl_list_query_duration_seconds", "histogram", "list"},
    {"rbl_list_quota_limit_queries", "gauge", "list"},
    {"rbl_list_quota_used_queries", "gauge", "list"},
    {"rbl_list_quota_reset_timestamp_seconds", "gauge", "list"},
    {"rbl_list_quota_deferred_checks_total", "counter", "list"},
    {"rbl_list_recheck_interval_seconds", "gauge", "list,group"},
    {"rbl_ip_listed", "gauge", "group,ip,list"},
    {"rbl_ip_return_code", "gauge", "group,ip,list,code"},
    {"rbl_ip_reputation_score", "gauge", "group,ip,list"},
    {"rbl_ip_last_check_timestamp_seconds", "gauge", "group,ip,list"},
    {"rbl_ip_last_change_timestamp_seconds", "gauge", "group,ip,list"},
    {"rbl_ip_listings_total", "counter", "group,list"},
    {"rbl_ip_delistings_total", "counter", "group,list"},
    {"rbl_range_addresses", "gauge", "group,range"},
    {"rbl_range_sender_addresses", "gauge", "group,range"},
    {"rbl_range_checked_addresses", "gauge", "group,range,list"},
    {"rbl_range_listed_addresses", "gauge", "group,range,list"},
    {"rbl_range_listed_addresses_omitted", "gauge", "group,range,list"},
    {"rbl_range_sample_checked_addresses", "gauge", "group,range,list"},
    {"rbl_range_sample_listed_addresses", "gauge", "group,range,list"},
    {"rbl_range_listings_total", "counter", "group,range,list"},
    {"rbl_range_delistings_total", "counter", "group,range,list"},
    {"rbl_range_reputation_addresses", "gauge", "group,range,list,band"},
    {"rbl_range_oldest_result_timestamp_seconds", "gauge", "group,range,list"},
    {"rbl_range_last_change_timestamp_seconds", "gauge", "group,range,list"},
    {"rbl_range_sweep_last_completion_timestamp_seconds", "gauge", "group,range,list"},
    {"rbl_range_sweep_last_duration_seconds", "gauge", "group,range,list"},
    {"rbl_range_ip_listed", "gauge", "group,range,ip,list"},
    {"rbl_group_ranges_last_change_timestamp_seconds", "gauge", "group"},
    {"rbl_safelist_info", "gauge", "safelist,range,notation,ticket"},
    {"rbl_safelist_added_timestamp_seconds", "gauge", "safelist,range"},
    {"rbl_safelist_last_listed_timestamp_seconds", "gauge", "safelist,range,list"},
    {"rbl_safelist_coverage_ratio", "gauge", "safelist,range,list"},
    {"rbl_bounces_total", "counter", "list,result"},
    {"rbl_storage_up", "gauge", ""},
    {"rbl_storage_errors_total", "counter", ""},
    {"rbl_scheduler_lag_seconds", "gauge", ""},
    {"rbl_scheduler_overdue_checks", "gauge", ""},
    {"rbl_scheduler_inflight_queries", "gauge", ""},
    {"rbl_scheduler_max_inflight_queries", "gauge", ""},
    {"process_cpu_seconds_total", "counter", ""},
    {"process_open_fds", "gauge", ""},
    {"process_max_fds", "gauge", ""},
    {"process_virtual_memory_bytes", "gauge", ""},
    {"process_virtual_memory_max_bytes", "gauge", ""},
    {"process_resident_memory_bytes", "gauge", ""},
    {"process_start_time_seconds", "gauge", ""},
    {"process_threads", "gauge", ""},
    {"probe_success", "gauge", ""},
    {"probe_duration_seconds", "gauge", ""},
};

static void has_the_names_types_and_labels_of_the_contract(void **state) {
    assert_null(metrics_find("rbl_nothing"));
    assert_int_equal(metrics_all_count, sizeof contract / sizeof *contract);
    for (unsigned i = 0; i < metrics_all_count; i++) {
        const struct metric *m = &metrics_table[i];
        assert_string_equal(m->name, contract[i].name);
        assert_ptr_equal(metrics_find(m->name), m);
        if (strcmp(promtext_type_text(m->type), contract[i].type) != 0 ||
            strcmp(m->labels, contract[i].labels) != 0)
            fail_msg("%s: %s of %s", m->name, promtext_type_text(m->type), m->labels);
    }
}

static void gives_each_row_one_function_and_one_sentence(void **state) {
    for (unsigned i = 0; i < metrics_all_count; i++) {
        const struct metric *m = &metrics_table[i];
        int functions = (m->once != NULL) + (m->per_list != NULL) + (m->per_group != NULL) +
                        (m->per_range != NULL) + (m->per_safelist != NULL);
        size_t n = strlen(m->help);
        int wanted = strncmp(m->name, "probe_", strlen("probe_")) == 0 ? 0 : 1; /* those are of /probe */
        if (functions != wanted || (wanted == 1) != (i < metrics_count) || n == 0 || m->help[n - 1] != '.' ||
            strpbrk(m->help, "|\n\\\"") != NULL)
            fail_msg("%s: %d functions, help %s", m->name, functions, m->help);
    }
}

static void prints_the_table_as_markdown(void **state) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    metrics_reference(&out);
    expect_line(buf_text(&out),
                "| `rbl_list_up` | gauge | `list` | 1 if the last self-test of the list passed. |");
    expect_line(buf_text(&out),
                "| `rbl_range_addresses` | gauge | `group`, `range` | Addresses of the range that are "
                "checked. |");
    expect_line(buf_text(&out), "| `process_threads` | gauge | | Threads of the process. |");
    assert_int_equal(count_lines(buf_text(&out), "| `", false), metrics_all_count);
    buf_release(&out);
}

/* --- Form --- */

static bool is_sample_of(const char *line, const char *name, enum promtext_type type) {
    size_t n = strlen(name);
    if (strncmp(line, name, n) != 0)
        return false;
    line += n;
    if (type != PROMTEXT_HISTOGRAM)
        return *line == '{' || *line == ' ';
    return strncmp(line, "_bucket{", 8) == 0 || strncmp(line, "_sum{", 5) == 0 ||
           strncmp(line, "_count{", 7) == 0;
}

/* Checks that the labels of a sample line are those of the row, in its order; `le` may follow. */
static void check_labels(const struct metric *m, const char *line, const char *end) {
    const char *at = memchr(line, '{', (size_t)(end - line));
    for (const char *want = m->labels; *want != '\0';
         want += want[strcspn(want, ",")] == ',' ? strcspn(want, ",") + 1 : strcspn(want, ",")) {
        size_t n = strcspn(want, ",");
        if (at == NULL || strncmp(at + 1, want, n) != 0 || at[1 + n] != '=')
            fail_msg("%s: expected label %.*s in %.*s", m->name, (int)n, want, (int)(end - line), line);
        at += n + 3;
        while (*at != '"' || at[-1] == '\\')
            at++;
        at++;
    }
}

static const char *next_line(const char *line) {
    return strchr(line, '\n') + 1;
}

static void check_families(const char *text, enum promtext_format format) {
    const char *line = text;
    for (unsigned i = 0; i < metrics_count; i++) {
        const struct metric *m = &metrics_table[i];
        int n = (int)strlen(m->name);
        if (format == PROMTEXT_OPENMETRICS && m->type == PROMTEXT_COUNTER)
            n -= (int)strlen("_total");
        char want[200];
        int length = snprintf(want, sizeof want, "# HELP %.*s ", n, m->name);
        if (strncmp(line, want, (size_t)length) != 0)
            fail_msg("expected %s, not %.60s", want, line);
        line = next_line(line);
        length = snprintf(want, sizeof want, "# TYPE %.*s %s\n", n, m->name, promtext_type_text(m->type));
        if (strncmp(line, want, (size_t)length) != 0)
            fail_msg("expected %s, not %.60s", want, line);
        for (line = next_line(line); is_sample_of(line, m->name, m->type); line = next_line(line))
            check_labels(m, line, next_line(line));
    }
    assert_string_equal(line, format == PROMTEXT_OPENMETRICS ? "# EOF\n" : "");
}

static void renders_the_whole_table_in_its_order_in_both_formats(void **state) {
    struct world *w = *state;
    fill(w);
    for (int format = 0; format < PROMTEXT_FORMATS; format++) {
        struct buf out = render_as(w, (enum promtext_format)format);
        check_families(buf_text(&out), (enum promtext_format)format);
        buf_release(&out);
    }
}

static void tells_of_the_exporter_and_its_process(void **state) {
    struct world *w = *state;
    w->checker->in_flight = 7;
    EXPECT(w,
           "rbl_exporter_build_info{version=\"0.1.0\",revision=\"abc\",branch=\"a\\\"branch\\\\\\n\","
           "compiler=\"gcc\","
           "arch=\"x86_64\"} 1",
           "rbl_exporter_config_last_reload_successful 1",
           "rbl_exporter_config_last_reload_success_timestamp_seconds 1735689600.5", "rbl_exporter_ready 0",
           "rbl_exporter_log_messages_total{level=\"debug\"} 1",
           "rbl_exporter_log_messages_total{level=\"error\"} 4", "rbl_storage_up 1",
           "rbl_bounces_total{list=\"block\",result=\"confirmed\"} 7",
           "rbl_bounces_total{list=\"block\",result=\"unparsed\"} 0",
           "rbl_bounces_total{list=\"score\",result=\"confirmed\"} 0",
           "rbl_bounces_total{list=\"\",result=\"unparsed\"} 4", "!rbl_bounces_total{list=\"off\"",
           "rbl_storage_errors_total 5", "rbl_scheduler_inflight_queries 7", "process_cpu_seconds_total 1.5",
           "process_open_fds 9", "process_max_fds 1024", "process_virtual_memory_bytes 1048576",
           "process_virtual_memory_max_bytes 18446744073709551615", "process_resident_memory_bytes 524288",
           "process_start_time_seconds 1735689590", "process_threads 3");
}

/* --- Lists --- */

static void tells_the_state_of_each_enabled_list(void **state) {
    struct world *w = *state;
    w->checker->lists[SCORE].state = HEALTH_QUOTA_EXHAUSTED;
    w->checker->lists[ALLOW].state = HEALTH_WILDCARD;
    w->checker->lists[KEYED].state = HEALTH_UNKNOWN;
    w->checker->lists[BLOCK].health_check_ns = WORLD_START + 90 * SECOND + SECOND / 2;
    EXPECT(
        w,
        "rbl_list_info{list=\"keyed\",dns_zone=\"{key}.bl.example.org\",kind=\"blocklist\",tier=\"page\"} 1",
        "rbl_list_info{list=\"score\",dns_zone=\"score.example.net\",kind=\"reputation\",tier=\"warn\"} 1",
        "!rbl_list_info{list=\"off\"", "!rbl_list_up{list=\"off\"", "rbl_list_up{list=\"block\"} 1",
        "rbl_list_up{list=\"score\"} 1", "rbl_list_up{list=\"allow\"} 0", "rbl_list_up{list=\"keyed\"} 0",
        "rbl_list_state{list=\"allow\",state=\"wildcard\"} 1",
        "rbl_list_state{list=\"allow\",state=\"ok\"} 0", "rbl_list_state{list=\"block\",state=\"ok\"} 1",
        "rbl_list_state{list=\"score\",state=\"quota_exhausted\"} 1",
        "rbl_list_last_health_check_timestamp_seconds{list=\"block\"} 1735689690",
        "!rbl_list_last_health_check_timestamp_seconds{list=\"score\"");
    struct buf out = render_as(w, PROMTEXT_004);
    assert_int_equal(count_lines(buf_text(&out), "rbl_list_state{", false), 4 * HEALTH_STATES);
    buf_release(&out);
}

static void has_every_counter_of_a_list_from_the_start(void **state) {
    struct world *w = *state;
    EXPECT(w, "rbl_list_queries_total{list=\"block\"} 0", "rbl_list_query_retries_total{list=\"block\"} 0",
           "rbl_list_query_failures_total{list=\"block\",reason=\"timeout\"} 0",
           "rbl_list_query_failures_total{list=\"block\",reason=\"servfail\"} 0",
           "rbl_list_query_failures_total{list=\"block\",reason=\"refused\"} 0",
           "rbl_list_query_failures_total{list=\"block\",reason=\"network\"} 0",
           "rbl_list_query_failures_total{list=\"block\",reason=\"invalid_answer\"} 0",
           "rbl_list_query_failures_total{list=\"block\",reason=\"blocked_answer\"} 0",
           "rbl_list_query_duration_seconds_count{list=\"block\"} 0",
           "rbl_list_query_duration_seconds_bucket{list=\"block\",le=\"+Inf\"} 0",
           "rbl_ip_listings_total{group=\"outbound\",list=\"block\"} 0",
           "rbl_ip_delistings_total{group=\"outbound\",list=\"keyed\"} 0",
           "rbl_range_listings_total{group=\"fleet\",range=\"198.51.100.0/28\",list=\"block\"} 0",
           "rbl_range_delistings_total{group=\"fleet\",range=\"2001:db8:1::/124\",list=\"block\"} 0",
           "rbl_list_quota_deferred_checks_total{list=\"block\"} 0");
}

static void counts_what_was_asked(void **state) {
    struct world *w = *state;
    struct checker_counters *counters = &w->checker->lists[KEYED].counters;
    counters->queries = 12;
    counters->retries = 2;
    counters->failures[REASON_BLOCKED_ANSWER] = 3;
    hist_add(&counters->duration, SECOND / 2);
    hist_add(&counters->duration, SECOND);
    EXPECT(w, "rbl_list_queries_total{list=\"keyed\"} 12", "rbl_list_query_retries_total{list=\"keyed\"} 2",
           "rbl_list_query_failures_total{list=\"keyed\",reason=\"blocked_answer\"} 3",
           "rbl_list_query_duration_seconds_bucket{list=\"keyed\",le=\"0.5\"} 1",
           "rbl_list_query_duration_seconds_bucket{list=\"keyed\",le=\"1.0\"} 2",
           "rbl_list_query_duration_seconds_sum{list=\"keyed\"} 1.5");
}

static void tells_of_quotas_only_where_there_is_one(void **state) {
    struct world *w = *state;
    quota_take(checker_quota(w->checker, BLOCK), BUDGET_WATCHED, w->now_ns);
    w->checker->lists[BLOCK].plan.deferred = 4;
    EXPECT(w, "rbl_list_quota_limit_queries{list=\"block\"} 300000",
           "rbl_list_quota_used_queries{list=\"block\"} 1",
           "rbl_list_quota_deferred_checks_total{list=\"block\"} 4",
           "rbl_list_quota_limit_queries{list=\"score\"} 10000",
           "rbl_list_quota_used_queries{list=\"score\"} 0", "!rbl_list_quota_limit_queries{list=\"keyed\"",
           "!rbl_list_quota_used_queries{list=\"keyed\"",
           "!rbl_list_quota_reset_timestamp_seconds{list=\"keyed\"",
           "!rbl_list_quota_deferred_checks_total{list=\"keyed\"",
           "rbl_list_quota_reset_timestamp_seconds{list=\"score\"} 1735689600");
}

static void tells_the_interval_once_it_is_known(void **state) {
    struct world *w = *state;
    EXPECT(w, "!rbl_list_recheck_interval_seconds{");
    w->checker->lists[KEYED].plan.rings[0].round = 2;
    w->checker->lists[KEYED].plan.rings[0].last_ns = 15 * MINUTE;
    EXPECT(w, "rbl_list_recheck_interval_seconds{list=\"keyed\",group=\"outbound\"} 900",
           "!rbl_list_recheck_interval_seconds{list=\"keyed\",group=\"fleet\"",
           "!rbl_list_recheck_interval_seconds{list=\"block\"");
}

static void dates_what_groups_have_from_outside(void **state) {
    struct world *w = *state;
    struct settings settings = *w->checker->settings;
    struct group groups[WORLD_GROUPS];
    EXPECT(w, "!rbl_group_ranges_last_change_timestamp_seconds{");
    memcpy(groups, settings.groups, sizeof groups);
    groups[FLEET].sources_changed_ns = INT64_C(1735689600999999999);
    settings.groups = groups;
    const struct settings *own = w->checker->settings;
    w->checker->settings = &settings;
    EXPECT(w, "rbl_group_ranges_last_change_timestamp_seconds{group=\"fleet\"} 1735689600",
           "!rbl_group_ranges_last_change_timestamp_seconds{group=\"outbound\"");
    w->checker->settings = own;
}

/* --- Nothing --- */

static void renders_a_configuration_of_nothing(void **state) {
    static struct world w;
    struct settings settings = world_settings();
    settings.n_groups = 0;
    settings.n_lists = 0;
    settings.n_budgets = 0;
    world_begin(&w, &settings);
    struct buf out = render_as(&w, PROMTEXT_004);
    check_families(buf_text(&out), PROMTEXT_004);
    buf_release(&out);
    world_end(&w);
}

/* --- No memory, no room --- */

static void says_so_whichever_allocation_fails(void **state) {
    struct world *w = *state;
    fill(w);
    struct buf whole = render_as(w, PROMTEXT_004);
    unsigned long failed = 0;
    for (;; failed++) {
        struct buf out;
        buf_init(&out, SIZE_MAX);
        fails_at = failed + 1;
        metrics_render(&out, PROMTEXT_004, &scraped_all, w->checker, &scraped_process, w->now_ns,
                       WORLD_OFFSET);
        bool reached = fails_at == 0;
        fails_at = 0;
        if (!reached)
            assert_string_equal(buf_text(&out), buf_text(&whole));
        if (reached && buf_status(&out) != STATUS_NO_MEMORY)
            fail_msg("allocation %lu: status %d", failed + 1, buf_status(&out));
        buf_release(&out);
        if (!reached)
            break;
    }
    assert_true(failed > 10);
    buf_release(&whole);
}

static void says_so_when_the_buffer_is_full(void **state) {
    struct world *w = *state;
    struct buf out;
    buf_init(&out, 1000);
    metrics_render(&out, PROMTEXT_004, &scraped_all, w->checker, &scraped_process, w->now_ns, WORLD_OFFSET);
    assert_int_equal(buf_status(&out), STATUS_FULL);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_names_types_and_labels_of_the_contract),
        cmocka_unit_test(gives_each_row_one_function_and_one_sentence),
        cmocka_unit_test(prints_the_table_as_markdown),
        IN_WORLD(renders_the_whole_table_in_its_order_in_both_formats),
        IN_WORLD(tells_of_the_exporter_and_its_process),
        IN_WORLD(tells_the_state_of_each_enabled_list),
        IN_WORLD(has_every_counter_of_a_list_from_the_start),
        IN_WORLD(counts_what_was_asked),
        IN_WORLD(tells_of_quotas_only_where_there_is_one),
        IN_WORLD(tells_the_interval_once_it_is_known),
        IN_WORLD(dates_what_groups_have_from_outside),
        cmocka_unit_test(renders_a_configuration_of_nothing),
        IN_WORLD(says_so_whichever_allocation_fails),
        IN_WORLD(says_so_when_the_buffer_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
