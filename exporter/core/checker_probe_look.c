/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of a probe's queries, for people.
 */
#include "core/checker_probe.h"
#include "core/checker_probe_internal.h"

#include <stdlib.h>

void checker_pair_forget_looks(const struct checker *c, struct checker_pair *pair) {
    c->probes->n_looks -= pair->n_seen;
    free(pair->seen);
    pair->seen = NULL;
    pair->n_seen = pair->seen_size = 0;
}

static bool has_room(const struct checker *c, struct checker_pair *pair) {
    if (pair->n_seen == PROBE_LOOKS || c->probes->n_looks == PROBE_LOOKS_ALL)
        return false;
    if (pair->n_seen < pair->seen_size)
        return true;
    uint8_t size =
        pair->seen_size == 0 ? 1 : (uint8_t)(pair->seen_size * 2); /* PROBE_LOOKS is one of these */
    struct probe_look *seen = realloc(pair->seen, size * sizeof *seen);
    if (seen == NULL)
        return false;
    pair->seen = seen;
    pair->seen_size = size;
    return true;
}

static void keep(struct checker *c, struct checker_pair *pair, const struct probe_look *look) {
    if (!has_room(c, pair)) {
        pair->unseen = true;
        return;
    }
    pair->seen[pair->n_seen++] = *look;
    c->probes->n_looks++;
}

void checker_probe_saw(struct checker *c, uint32_t list, const struct plan_item *item,
                       const struct probe_look *look) {
    bool is_probe = item->purpose == PLAN_PROBE || item->purpose == PLAN_PROBE_TXT;
    struct checker_pair *own = is_probe ? checker_pair_of_item(c, list, item) : NULL;
    if (own != NULL)
        keep(c, own, look);
    for (uint32_t i = 0; plan_is_of_target(item) && i < checker_probes_live(c); i++) {
        struct checker_pair *pair = &checker_probe_live(c, i)->pairs[list];
        bool waits = look->is_txt ? pair->txt_wanted : checker_pair_is_open(pair);
        if (waits && pair->is_target && pair->index == item->index)
            keep(c, pair, look);
    }
}

size_t checker_probe_looks(const struct checker *c, uint32_t list, const struct ip *ip,
                           const struct probe_look **looks, bool *more) {
    const struct checker_probe *probe = checker_probe_find(c, ip);
    const struct checker_pair *pair = probe != NULL ? &probe->pairs[list] : NULL;
    *looks = pair != NULL ? pair->seen : NULL;
    *more = pair != NULL && pair->unseen;
    return pair != NULL ? pair->n_seen : 0;
}
