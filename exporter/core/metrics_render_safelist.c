/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples about safelists: rbl_safelist_*.
 */
#include "core/metrics_internal.h"

enum { DAY_SECONDS = 86400 };

static const struct safelist *safelist_of(const struct metrics_scrape *s, uint32_t safelist) {
    return &s->settings->safelists[s->targets->safelists[safelist].safelist];
}

void metrics_safelist_info(struct metrics_scrape *s) {
    for (uint32_t i = 0; i < s->targets->n_safelists; i++) {
        const struct group_range *range = s->targets->safelists[i].range;
        char percent[IP_RANGE_TEXT_SIZE];
        bool in_octets = ip_range_percent(&range->range, percent);
        metrics_open(s, &s->safelists[i], NULL);
        promtext_label(&s->text, "notation", in_octets ? percent : range->label);
        promtext_label(&s->text, "ticket", safelist_of(s, i)->ticket);
        promtext_u64(&s->text, 1);
    }
}

void metrics_safelist_added(struct metrics_scrape *s) {
    for (uint32_t i = 0; i < s->targets->n_safelists; i++) {
        int64_t days = safelist_of(s, i)->added_days;
        if (days < 0)
            continue;
        metrics_open(s, &s->safelists[i], NULL);
        promtext_u64(&s->text, (uint64_t)days * DAY_SECONDS);
    }
}

void metrics_safelist_last_listed(struct metrics_scrape *s, uint32_t safelist, uint32_t list) {
    uint32_t stamp = registry_safelist_listed(s->registry, list, safelist, s->now_ns);
    if (stamp == 0)
        return;
    metrics_open(s, &s->safelists[safelist], &s->lists[list]);
    metrics_stamp(s, stamp);
}

void metrics_safelist_coverage(struct metrics_scrape *s, uint32_t safelist, uint32_t list) {
    uint64_t checked = registry_safelist_now(s->registry, list, safelist).checked;
    metrics_open(s, &s->safelists[safelist], &s->lists[list]);
    promtext_double(&s->text, (double)checked / s->targets->safelists[safelist].n_addresses);
}
