/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples about the lists: rbl_list_*.
 */
#include "core/metrics_internal.h"

static void number(struct metrics_scrape *s, uint32_t list, uint64_t value) {
    metrics_open(s, &s->lists[list], NULL);
    promtext_u64(&s->text, value);
}

void metrics_list_info(struct metrics_scrape *s, uint32_t list) {
    const struct list *l = &s->settings->lists[list];
    metrics_open(s, &s->lists[list], NULL);
    promtext_label(&s->text, "dns_zone", l->zone);
    promtext_label(&s->text, "kind", list_kind_text[l->kind]);
    promtext_label(&s->text, "tier", list_tier_text[l->tier]);
    promtext_u64(&s->text, 1);
}

void metrics_list_up(struct metrics_scrape *s, uint32_t list) {
    number(s, list, checker_is_up(s->checker, list));
}

void metrics_list_state(struct metrics_scrape *s, uint32_t list) {
    for (int state = 0; state < HEALTH_STATES; state++) {
        metrics_open(s, &s->lists[list], NULL);
        promtext_label(&s->text, "state", health_state_text[state]);
        promtext_u64(&s->text, s->checker->lists[list].state == (enum health_state)state);
    }
}

void metrics_list_health_check(struct metrics_scrape *s, uint32_t list) {
    int64_t ns = s->checker->lists[list].health_check_ns;
    if (ns == 0)
        return;
    metrics_open(s, &s->lists[list], NULL);
    metrics_moment(s, ns);
}

void metrics_list_queries(struct metrics_scrape *s, uint32_t list) {
    number(s, list, s->checker->lists[list].counters.queries);
}

void metrics_list_failures(struct metrics_scrape *s, uint32_t list) {
    for (int reason = 0; reason < REASON_LABELS; reason++) {
        metrics_open(s, &s->lists[list], NULL);
        promtext_label(&s->text, "reason", verdict_reason_text[reason]);
        promtext_u64(&s->text, s->checker->lists[list].counters.failures[reason]);
    }
}

void metrics_list_retries(struct metrics_scrape *s, uint32_t list) {
    number(s, list, s->checker->lists[list].counters.retries);
}

void metrics_list_duration(struct metrics_scrape *s, uint32_t list) {
    promtext_histogram(&s->text, "list", s->settings->lists[list].name,
                       &s->checker->lists[list].counters.duration);
}

/* The quota that pays for the list; NULL: it has none. */
static struct quota *quota_of(const struct metrics_scrape *s, uint32_t list) {
    struct quota *quota = checker_quota(s->checker, list);
    return quota->limit > 0 ? quota : NULL;
}

void metrics_list_quota_limit(struct metrics_scrape *s, uint32_t list) {
    const struct quota *quota = quota_of(s, list);
    if (quota != NULL)
        number(s, list, quota->limit);
}

void metrics_list_quota_used(struct metrics_scrape *s, uint32_t list) {
    struct quota *quota = quota_of(s, list);
    if (quota != NULL)
        number(s, list, quota_used(quota, s->now_ns));
}

void metrics_list_quota_reset(struct metrics_scrape *s, uint32_t list) {
    struct quota *quota = quota_of(s, list);
    if (quota == NULL)
        return;
    metrics_open(s, &s->lists[list], NULL);
    metrics_moment(s, quota_reset_ns(quota, s->now_ns));
}

void metrics_list_quota_deferred(struct metrics_scrape *s, uint32_t list) {
    if (quota_of(s, list) != NULL)
        number(s, list, s->checker->lists[list].plan.deferred);
}

void metrics_list_interval(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    int64_t interval_ns = checker_interval(s->checker, list, group, s->now_ns);
    if (interval_ns == 0)
        return;
    metrics_open(s, &s->lists[list], &s->groups[group]);
    promtext_seconds(&s->text, interval_ns);
}
