/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_internal: what the rows of the catalogue share while they are rendered.
 *
 * Label sets are written once per scrape and copied into each sample: thousands of samples differ in little
 * but the name of their family.
 */
#ifndef RBL_CORE_METRICS_INTERNAL_H
#define RBL_CORE_METRICS_INTERNAL_H

#include "core/metrics.h"

#include <stddef.h>
#include <stdint.h>

/* Labels as promtext_labelled() takes them; they live as long as the scrape. */
struct metrics_labels {
    const char *text;
    size_t len;
};

struct metrics_scrape {
    struct promtext text;
    const struct checker *checker;
    const struct settings *settings;
    const struct targets *targets;
    const struct registry *registry;
    const struct metrics_process *process;
    int64_t now_ns;
    int64_t wall_offset_ns;
    struct arena arena;               /* all that follows */
    struct metrics_labels *lists;     /* [n_lists]: list; of enabled lists */
    struct metrics_labels *groups;    /* [n_groups]: group */
    struct metrics_labels *ranges;    /* [n_ranges]: group, range */
    struct metrics_labels *safelists; /* [n_safelists of targets]: safelist, range */
    uint32_t *group_singles;          /* [n_groups + 1]: where each group's begin in what follows */
    struct metrics_labels *singles;   /* of all groups' single addresses in their order: group, ip */
    const uint32_t *
        *indexes;     /* [n_lists] of [n_singles]: target_index(); shared by lists with the same set */
    bool has_singles; /* `singles` and `indexes` have been made */
};

/* Makes what is needed for samples about single addresses, unless it has been made: there may be 100,000 of
 * them. False: no memory, which the rendering then ends with. */
bool metrics_need_singles(struct metrics_scrape *s) MUST_CHECK;

/* A sample with labels written before (`b` may be NULL); its value is to follow. */
void metrics_open(struct metrics_scrape *s, const struct metrics_labels *a, const struct metrics_labels *b);
/* Ends a sample with a moment of monotonic time, or of the registry, on the wall clock: whole seconds. */
void metrics_moment(struct metrics_scrape *s, int64_t monotonic_ns);
void metrics_stamp(struct metrics_scrape *s, uint32_t stamp);
/* Whether group's single addresses have one of a family that the list is asked about. */
bool metrics_covers_singles(struct metrics_scrape *s, uint32_t group, uint32_t list);

/* The rows' functions, in the order of the table. */
void metrics_build_info(struct metrics_scrape *s);
void metrics_reload_successful(struct metrics_scrape *s);
void metrics_reload_timestamp(struct metrics_scrape *s);
void metrics_ready(struct metrics_scrape *s);
void metrics_log_messages(struct metrics_scrape *s);

void metrics_list_info(struct metrics_scrape *s, uint32_t list);
void metrics_list_up(struct metrics_scrape *s, uint32_t list);
void metrics_list_state(struct metrics_scrape *s, uint32_t list);
void metrics_list_health_check(struct metrics_scrape *s, uint32_t list);
void metrics_list_queries(struct metrics_scrape *s, uint32_t list);
void metrics_list_failures(struct metrics_scrape *s, uint32_t list);
void metrics_list_retries(struct metrics_scrape *s, uint32_t list);
void metrics_list_duration(struct metrics_scrape *s, uint32_t list);
void metrics_list_quota_limit(struct metrics_scrape *s, uint32_t list);
void metrics_list_quota_used(struct metrics_scrape *s, uint32_t list);
void metrics_list_quota_reset(struct metrics_scrape *s, uint32_t list);
void metrics_list_quota_deferred(struct metrics_scrape *s, uint32_t list);
void metrics_list_interval(struct metrics_scrape *s, uint32_t group, uint32_t list);

void metrics_ip_listed(struct metrics_scrape *s, uint32_t group, uint32_t list);
void metrics_ip_code(struct metrics_scrape *s, uint32_t group, uint32_t list);
void metrics_ip_score(struct metrics_scrape *s, uint32_t group, uint32_t list);
void metrics_ip_last_check(struct metrics_scrape *s, uint32_t group, uint32_t list);
void metrics_ip_last_change(struct metrics_scrape *s, uint32_t group, uint32_t list);
void metrics_ip_listings(struct metrics_scrape *s, uint32_t group, uint32_t list);
void metrics_ip_delistings(struct metrics_scrape *s, uint32_t group, uint32_t list);

void metrics_range_addresses(struct metrics_scrape *s);
void metrics_range_senders(struct metrics_scrape *s);
void metrics_range_checked(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_listed(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_omitted(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_sample_checked(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_sample_listed(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_listings(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_delistings(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_reputation(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_oldest(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_last_change(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_sweep_completion(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_sweep_duration(struct metrics_scrape *s, uint32_t range, uint32_t list);
void metrics_range_ip_listed(struct metrics_scrape *s, uint32_t range, uint32_t list);

void metrics_group_ranges_changed(struct metrics_scrape *s);

void metrics_safelist_info(struct metrics_scrape *s);
void metrics_safelist_added(struct metrics_scrape *s);
void metrics_safelist_last_listed(struct metrics_scrape *s, uint32_t safelist, uint32_t list);
void metrics_safelist_coverage(struct metrics_scrape *s, uint32_t safelist, uint32_t list);

void metrics_bounces(struct metrics_scrape *s);

void metrics_storage_up(struct metrics_scrape *s);
void metrics_storage_errors(struct metrics_scrape *s);

void metrics_scheduler_lag(struct metrics_scrape *s);
void metrics_scheduler_overdue(struct metrics_scrape *s);
void metrics_scheduler_in_flight(struct metrics_scrape *s);
void metrics_scheduler_max_in_flight(struct metrics_scrape *s);

void metrics_process_cpu(struct metrics_scrape *s);
void metrics_process_open_fds(struct metrics_scrape *s);
void metrics_process_max_fds(struct metrics_scrape *s);
void metrics_process_virtual(struct metrics_scrape *s);
void metrics_process_virtual_max(struct metrics_scrape *s);
void metrics_process_resident(struct metrics_scrape *s);
void metrics_process_start(struct metrics_scrape *s);
void metrics_process_threads(struct metrics_scrape *s);

#endif
