/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples about the exporter itself.
 */
#include "core/metrics_internal.h"

static void number(struct metrics_scrape *s, uint64_t value) {
    promtext_sample(&s->text);
    promtext_u64(&s->text, value);
}

static void seconds(struct metrics_scrape *s, int64_t ns) {
    promtext_sample(&s->text);
    promtext_seconds(&s->text, ns);
}

void metrics_build_info(struct metrics_scrape *s) {
    promtext_sample(&s->text);
    promtext_label(&s->text, "version", s->process->version);
    promtext_label(&s->text, "revision", s->process->revision);
    promtext_label(&s->text, "branch", s->process->branch);
    promtext_label(&s->text, "compiler", s->process->compiler);
    promtext_label(&s->text, "arch", s->process->arch);
    promtext_u64(&s->text, 1);
}

void metrics_reload_successful(struct metrics_scrape *s) {
    number(s, s->process->reload_ok);
}

void metrics_reload_timestamp(struct metrics_scrape *s) {
    seconds(s, s->process->reload_ns);
}

void metrics_ready(struct metrics_scrape *s) {
    number(s, checker_ready(s->checker));
}

void metrics_log_messages(struct metrics_scrape *s) {
    for (int level = 0; level < METRICS_LOG_LEVELS; level++) {
        promtext_sample(&s->text);
        promtext_label(&s->text, "level", s->process->log_levels[level]);
        promtext_u64(&s->text, s->process->log_messages[level]);
    }
}

void metrics_storage_up(struct metrics_scrape *s) {
    number(s, s->process->storage_up);
}

void metrics_storage_errors(struct metrics_scrape *s) {
    number(s, s->process->storage_errors);
}

void metrics_scheduler_lag(struct metrics_scrape *s) {
    uint64_t n_due = 0;
    seconds(s, checker_lag(s->checker, s->now_ns, &n_due));
}

void metrics_scheduler_overdue(struct metrics_scrape *s) {
    uint64_t n_due = 0;
    checker_lag(s->checker, s->now_ns, &n_due);
    number(s, n_due);
}

void metrics_scheduler_in_flight(struct metrics_scrape *s) {
    number(s, s->checker->in_flight);
}

void metrics_scheduler_max_in_flight(struct metrics_scrape *s) {
    number(s, checker_max_in_flight(s->checker));
}

void metrics_process_cpu(struct metrics_scrape *s) {
    seconds(s, s->process->cpu_ns);
}

void metrics_process_open_fds(struct metrics_scrape *s) {
    number(s, s->process->open_fds);
}

void metrics_process_max_fds(struct metrics_scrape *s) {
    number(s, s->process->max_fds);
}

void metrics_process_virtual(struct metrics_scrape *s) {
    number(s, s->process->virtual_bytes);
}

void metrics_process_virtual_max(struct metrics_scrape *s) {
    number(s, s->process->virtual_max_bytes);
}

void metrics_process_resident(struct metrics_scrape *s) {
    number(s, s->process->resident_bytes);
}

void metrics_process_start(struct metrics_scrape *s) {
    seconds(s, s->process->start_ns);
}

void metrics_process_threads(struct metrics_scrape *s) {
    number(s, s->process->threads);
}
