/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples about bounces: rbl_bounces_total.
 */
#include "core/metrics_internal.h"

static void put(struct metrics_scrape *s, const char *list, const uint64_t *counts) {
    for (unsigned result = 0; result < METRICS_BOUNCE_RESULTS; result++) {
        promtext_sample(&s->text);
        promtext_label(&s->text, "list", list);
        promtext_label(&s->text, "result", s->process->bounce_results[result]);
        promtext_u64(&s->text, counts[result]);
    }
}

void metrics_bounces(struct metrics_scrape *s) {
    const struct metrics_bounces *bounces = s->process->bounces;
    for (uint32_t list = 0; list < s->settings->n_lists; list++)
        if (s->settings->lists[list].enabled)
            put(s, s->settings->lists[list].name, bounces->by_list[list]);
    put(s, "", bounces->of_none);
}
