/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue itself, in the order of /metrics.
 */
#include "core/metrics.h"
#include "core/metrics_internal.h"

#include <string.h>

const struct metric metrics_table[] = {
    {"rbl_exporter_build_info", PROMTEXT_INFO_GAUGE, "version,revision,branch,compiler,arch",
     "Always 1; the labels say what is running.", .once = metrics_build_info},
    {"rbl_exporter_config_last_reload_successful", PROMTEXT_GAUGE, "",
     "1 if the last attempt to load the configuration succeeded.", .once = metrics_reload_successful},
    {"rbl_exporter_config_last_reload_success_timestamp_seconds", PROMTEXT_GAUGE, "",
     "When the configuration was last loaded with success.", .once = metrics_reload_timestamp},
    {"rbl_exporter_ready", PROMTEXT_GAUGE, "",
     "1 once the first round of self-tests is done, as /-/ready says.", .once = metrics_ready},
    {"rbl_exporter_log_messages_total", PROMTEXT_COUNTER, "level",
     "Messages logged, of the levels that are shown.", .once = metrics_log_messages},

    {"rbl_list_info", PROMTEXT_INFO_GAUGE, "list,dns_zone,kind,tier",
     "Always 1; the labels say what the list is.", .per_list = metrics_list_info},
    {"rbl_list_up", PROMTEXT_GAUGE, "list", "1 if the last self-test of the list passed.",
     .per_list = metrics_list_up},
    {"rbl_list_state", PROMTEXT_GAUGE, "list,state",
     "State of the list: 1 for the present one, 0 for the others.", .per_list = metrics_list_state},
    {"rbl_list_last_health_check_timestamp_seconds", PROMTEXT_GAUGE, "list",
     "When the last self-test ended; absent before the first.", .per_list = metrics_list_health_check},
    {"rbl_list_queries_total", PROMTEXT_COUNTER, "list", "Queries sent, retries and self-tests included.",
     .per_list = metrics_list_queries},
    {"rbl_list_query_failures_total", PROMTEXT_COUNTER, "list,reason",
     "Queries that gave no verdict, by reason.", .per_list = metrics_list_failures},
    {"rbl_list_query_retries_total", PROMTEXT_COUNTER, "list",
     "Queries that repeated one whose answer failed or was overdue.", .per_list = metrics_list_retries},
    {"rbl_list_query_duration_seconds", PROMTEXT_HISTOGRAM, "list",
     "Time from query to answer, of answered queries, NXDOMAIN included.", .per_list = metrics_list_duration},
    {"rbl_list_quota_limit_queries", PROMTEXT_GAUGE, "list",
     "Queries allowed in the rolling window of the list's budget; absent without a quota.",
     .per_list = metrics_list_quota_limit},
    {"rbl_list_quota_used_queries", PROMTEXT_GAUGE, "list",
     "Queries spent of it, by all lists that share the budget; absent without a quota.",
     .per_list = metrics_list_quota_used},
    {"rbl_list_quota_reset_timestamp_seconds", PROMTEXT_GAUGE, "list",
     "When the oldest spent queries leave the window; absent without a quota.",
     .per_list = metrics_list_quota_reset},
    {"rbl_list_quota_deferred_checks_total", PROMTEXT_COUNTER, "list",
     "Checks that were due and had to wait for the quota; absent without a quota.",
     .per_list = metrics_list_quota_deferred},
    {"rbl_list_recheck_interval_seconds", PROMTEXT_GAUGE, "list,group",
     "Interval between two checks of an address that is really achieved, of groups with only_ptr of a "
     "sender; "
     "absent until it is known.",
     .per_group = metrics_list_interval},

    {"rbl_ip_listed", PROMTEXT_GAUGE, "group,ip,list",
     "Block lists: 1 if the address is listed, 0 if not; absent while nothing conclusive is known.",
     .per_group = metrics_ip_listed},
    {"rbl_ip_return_code", PROMTEXT_GAUGE, "group,ip,list,code",
     "1 for each code that a list answers for a listed address.", .per_group = metrics_ip_code},
    {"rbl_ip_reputation_score", PROMTEXT_GAUGE, "group,ip,list",
     "Reputation lists: score from 0 (worst) to 100; absent without data.", .per_group = metrics_ip_score},
    {"rbl_ip_last_check_timestamp_seconds", PROMTEXT_GAUGE, "group,ip,list",
     "When the last conclusive check was made.", .per_group = metrics_ip_last_check},
    {"rbl_ip_last_change_timestamp_seconds", PROMTEXT_GAUGE, "group,ip,list",
     "When the address was last seen to be listed or delisted; absent if never.",
     .per_group = metrics_ip_last_change},
    {"rbl_ip_listings_total", PROMTEXT_COUNTER, "group,list",
     "Single addresses that went from not listed to listed on a block list.",
     .per_group = metrics_ip_listings},
    {"rbl_ip_delistings_total", PROMTEXT_COUNTER, "group,list",
     "Single addresses that went from listed to not listed on a block list.",
     .per_group = metrics_ip_delistings},

    {"rbl_range_addresses", PROMTEXT_GAUGE, "group,range", "Addresses of the range that are checked.",
     .once = metrics_range_addresses},
    {"rbl_range_sender_addresses", PROMTEXT_GAUGE, "group,range",
     "Of groups with only_ptr: addresses of the range that are known to send mail, by their host names.",
     .once = metrics_range_senders},
    {"rbl_range_checked_addresses", PROMTEXT_GAUGE, "group,range,list",
     "Addresses with a conclusive result that is not stale.", .per_range = metrics_range_checked},
    {"rbl_range_listed_addresses", PROMTEXT_GAUGE, "group,range,list",
     "Block lists: addresses that are listed now.", .per_range = metrics_range_listed},
    {"rbl_range_listed_addresses_omitted", PROMTEXT_GAUGE, "group,range,list",
     "Block lists: listed addresses without a series of rbl_range_ip_listed, being over series_limit.",
     .per_range = metrics_range_omitted},
    {"rbl_range_sample_checked_addresses", PROMTEXT_GAUGE, "group,range,list",
     "Addresses that the sweep had a first conclusive look at within 30 days: an unbiased sample, of groups "
     "with only_ptr of their senders first.",
     .per_range = metrics_range_sample_checked},
    {"rbl_range_sample_listed_addresses", PROMTEXT_GAUGE, "group,range,list",
     "Block lists: those of the sample that were listed.", .per_range = metrics_range_sample_listed},
    {"rbl_range_listings_total", PROMTEXT_COUNTER, "group,range,list",
     "Addresses of the range that went from not listed to listed on a block list.",
     .per_range = metrics_range_listings},
    {"rbl_range_delistings_total", PROMTEXT_COUNTER, "group,range,list",
     "Addresses of the range that went from listed to not listed on a block list.",
     .per_range = metrics_range_delistings},
    {"rbl_range_reputation_addresses", PROMTEXT_GAUGE, "group,range,list,band",
     "Reputation lists: addresses by score.", .per_range = metrics_range_reputation},
    {"rbl_range_oldest_result_timestamp_seconds", PROMTEXT_GAUGE, "group,range,list",
     "When the oldest result that still counts was got; absent while unknown.",
     .per_range = metrics_range_oldest},
    {"rbl_range_last_change_timestamp_seconds", PROMTEXT_GAUGE, "group,range,list",
     "When an address of the range was last seen to be listed or delisted; absent if never.",
     .per_range = metrics_range_last_change},
    {"rbl_range_sweep_last_completion_timestamp_seconds", PROMTEXT_GAUGE, "group,range,list",
     "When the list's last whole sweep ended; absent before the first.",
     .per_range = metrics_range_sweep_completion},
    {"rbl_range_sweep_last_duration_seconds", PROMTEXT_GAUGE, "group,range,list",
     "How long it took, from the first query to the last verdict; absent before the first.",
     .per_range = metrics_range_sweep_duration},
    {"rbl_range_ip_listed", PROMTEXT_GAUGE, "group,range,ip,list",
     "Block lists: 1 for each listed address of the range, lowest first, up to series_limit.",
     .per_range = metrics_range_ip_listed},

    {"rbl_group_ranges_last_change_timestamp_seconds", PROMTEXT_GAUGE, "group",
     "When files or an SPF record last changed what the group has; absent if they never have.",
     .once = metrics_group_ranges_changed},

    {"rbl_safelist_info", PROMTEXT_INFO_GAUGE, "safelist,range,notation,ticket",
     "Always 1; the labels say how a mail control panel writes the range, and which ticket it is of.",
     .once = metrics_safelist_info},
    {"rbl_safelist_added_timestamp_seconds", PROMTEXT_GAUGE, "safelist,range",
     "When the range was put into the safelist; absent if that is not configured.",
     .once = metrics_safelist_added},
    {"rbl_safelist_last_listed_timestamp_seconds", PROMTEXT_GAUGE, "safelist,range,list",
     "Until when an address of the range was known to be listed: now while one is, else when the last was "
     "proven gone; absent if none ever was.",
     .per_safelist = metrics_safelist_last_listed},
    {"rbl_safelist_coverage_ratio", PROMTEXT_GAUGE, "safelist,range,list",
     "Share of the range with a conclusive result that is not stale, on each block list that counts for it.",
     .per_safelist = metrics_safelist_coverage},

    {"rbl_bounces_total", PROMTEXT_COUNTER, "list,result",
     "Bounces that were posted, by the list that they name (empty: none that could be asked) and what a "
     "look-up of their address there found.",
     .once = metrics_bounces},

    {"rbl_storage_up", PROMTEXT_GAUGE, "", "1 if what is learnt and spent is being saved on disk.",
     .once = metrics_storage_up},
    {"rbl_storage_errors_total", PROMTEXT_COUNTER, "",
     "Reads and writes of the store that failed, damaged records and dropped events.",
     .once = metrics_storage_errors},

    {"rbl_scheduler_lag_seconds", PROMTEXT_GAUGE, "",
     "How long the check that is due longest has been waiting.", .once = metrics_scheduler_lag},
    {"rbl_scheduler_overdue_checks", PROMTEXT_GAUGE, "", "Checks that are due and have not been made.",
     .once = metrics_scheduler_overdue},
    {"rbl_scheduler_inflight_queries", PROMTEXT_GAUGE, "", "Queries sent and not yet answered.",
     .once = metrics_scheduler_in_flight},
    {"rbl_scheduler_max_inflight_queries", PROMTEXT_GAUGE, "",
     "How many queries may be open at present, over all nameservers.",
     .once = metrics_scheduler_max_in_flight},

    {"process_cpu_seconds_total", PROMTEXT_COUNTER, "", "User and system time spent.",
     .once = metrics_process_cpu},
    {"process_open_fds", PROMTEXT_GAUGE, "", "File descriptors that are open.",
     .once = metrics_process_open_fds},
    {"process_max_fds", PROMTEXT_GAUGE, "", "File descriptors that may be open.",
     .once = metrics_process_max_fds},
    {"process_virtual_memory_bytes", PROMTEXT_GAUGE, "", "Size of the address space.",
     .once = metrics_process_virtual},
    {"process_virtual_memory_max_bytes", PROMTEXT_GAUGE, "", "How large the address space may get.",
     .once = metrics_process_virtual_max},
    {"process_resident_memory_bytes", PROMTEXT_GAUGE, "", "Memory in use.", .once = metrics_process_resident},
    {"process_start_time_seconds", PROMTEXT_GAUGE, "", "When the process began.",
     .once = metrics_process_start},
    {"process_threads", PROMTEXT_GAUGE, "", "Threads of the process.", .once = metrics_process_threads},

    {"probe_success", PROMTEXT_GAUGE, "",
     "Only on /probe: 1 if every list that was asked gave a conclusive verdict, listed or not.",
     .once = NULL},
    {"probe_duration_seconds", PROMTEXT_GAUGE, "", "Only on /probe: how long the probe took.", .once = NULL},
};

_Static_assert(sizeof metrics_table / sizeof *metrics_table <= METRICS_MOST,
               "a filter has a place for every row");

enum { OF_PROBES = 2 };
const unsigned metrics_all_count = sizeof metrics_table / sizeof *metrics_table;
const unsigned metrics_count = sizeof metrics_table / sizeof *metrics_table - OF_PROBES;

const struct metric *metrics_find(const char *name) {
    for (unsigned i = 0; i < metrics_all_count; i++)
        if (strcmp(metrics_table[i].name, name) == 0)
            return &metrics_table[i];
    return NULL;
}

static void reference_row(struct buf *out, const struct metric *m) {
    buf_addf(out, "| `%s` | %s | ", m->name, promtext_type_text(m->type));
    for (const char *at = m->labels; *at != '\0';) {
        size_t n = strcspn(at, ",");
        buf_add_text(out, at == m->labels ? "`" : ", `");
        buf_add(out, at, n);
        buf_add_char(out, '`');
        at += n + (at[n] == ',');
    }
    buf_addf(out, "%s| %s |\n", m->labels[0] != '\0' ? " " : "", m->help);
}

void metrics_reference(struct buf *out) {
    buf_add_text(out, "| name | type | labels | meaning |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < metrics_all_count; i++)
        reference_row(out, &metrics_table[i]);
}
