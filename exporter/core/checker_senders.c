/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses that are known to send mail go first in the sweeps of lists whose groups ask for that.
 */
#include "core/checker.h"

/* The segments of a list are looked at in the order of their addresses' indexes. */
struct lap {
    const struct senders *senders;
    const struct target_set *set;
    uint32_t list;
};

static bool is_first(const void *context, uint32_t index) {
    const struct lap *lap = context;
    const struct target_span *span = target_span_of(lap->set, index);
    return senders_goes_first(lap->senders, lap->list, (uint32_t)span->segment, index - span->base);
}

static bool is_first_there(const void *context, uint32_t index) {
    return plan_is_first(context, index);
}

static bool has_rest(const struct lap *lap) {
    for (uint32_t i = 0; i < lap->set->n_segment_spans; i++)
        if (!senders_all_first(lap->senders, lap->list, (uint32_t)lap->set->spans[i].segment))
            return true;
    return false;
}

/* The plan of an earlier list that checks the same groups, and so has the same laps; NULL: none. */
static const struct plan *same_laps(const struct checker *c, uint32_t list) {
    for (uint32_t i = 0; i < list; i++)
        if (c->registry->lists[i].set == c->registry->lists[list].set && c->lists[i].plan.sweep.laps != NULL)
            return &c->lists[i].plan;
    return NULL;
}

enum status checker_set_senders(struct checker *c, const struct senders *senders) {
    for (uint32_t i = 0; i < c->settings->n_lists; i++) {
        struct checker_list *l = &c->lists[i];
        const struct lap lap = {senders, c->registry->lists[i].set, i};
        if (l->list == NULL || !has_rest(&lap))
            continue;
        const struct plan *same = same_laps(c, i);
        enum status status = same != NULL ? plan_set_laps(&l->plan, is_first_there, same)
                                          : plan_set_laps(&l->plan, is_first, &lap);
        if (status != STATUS_OK)
            return status;
    }
    c->senders = senders;
    return STATUS_OK;
}

void checker_sender_changed(struct checker *c, const struct ip *ip) {
    for (uint32_t i = 0; c->senders != NULL && i < c->settings->n_lists; i++) {
        struct checker_list *l = &c->lists[i];
        const struct lap lap = {c->senders, c->registry->lists[i].set, i};
        uint32_t index = l->list != NULL ? target_index(lap.set, ip) : UINT32_MAX;
        if (index < l->plan.sweep.n)
            plan_lap_changed(&l->plan, index, is_first(&lap, index));
    }
}
