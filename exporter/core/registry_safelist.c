/* SPDX-License-Identifier: Apache-2.0
 *
 * Safelisted ranges: when was something of them last listed, and would it have been seen?
 *
 * The present is in the cells: a listing lasts until a delisting is proven, however old its last look is and
 * whether its list is believed or not, because "could not ask" must not make a range look clean. The past is
 * one stamp, set when a delisting is published, so that it never goes back from what a scrape has shown. A
 * safelist that is configured later begins with what is in memory: the last flips of addresses that have an
 * entry, and of configured ranges within it. At a flip, either way, something was listed. It also takes over
 * the stamps of the safelisted ranges before it that it holds or, if the range is new, has addresses with in
 * common: nobody knows which of them was listed, and too late a stamp only keeps a safelist longer.
 *
 * That nothing was seen says something only of the time in which it would have been seen. Since when nearly
 * all of a range has been known is kept of that very range alone: what is known of a larger one does not tell
 * of its parts. Freezes do not end it, they are counted: one self-test without an answer, or a restart, is no
 * reason to begin anew.
 */
#include "core/registry.h"
#include "core/registry_internal.h"

static bool holds(const struct ip_range *outer, const struct ip_range *inner) {
    return ip_range_contains(outer, &inner->first) && ip_range_contains(outer, &inner->last);
}

static bool overlap(const struct ip_range *a, const struct ip_range *b) {
    return ip_range_contains(a, &b->first) || ip_range_contains(b, &a->first);
}

static bool is_same(const struct ip_range *a, const struct ip_range *b) {
    return ip_equal(&a->first, &b->first) && ip_equal(&a->last, &b->last);
}

static void raise(struct registry_safelist *s, uint32_t stamp) {
    if (stamp > s->listed)
        s->listed = stamp;
}

/* ---- the present ---- */

/* Counts of segments, and of single addresses outside all ranges cell by cell: these are few. */
struct registry_safelist_now registry_safelist_now(const struct registry *r, uint32_t list,
                                                   uint32_t safelist) {
    const struct target_safelist *s = &r->targets->safelists[safelist];
    const struct registry_list *l = &r->lists[list];
    struct registry_safelist_now now = {0};
    uint32_t from = 0;
    uint32_t to = 0;
    for (uint32_t i = s->first_segment; i < s->first_segment + s->n_segments; i++) {
        now.checked += l->counts[i].checked;
        now.listed += l->counts[i].known_listed;
    }
    target_singles_within(l->set, &s->range->range, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        now.checked += registry_is_fresh(l, i) ? 1 : 0;
        now.listed += registry_verdict_of(l, i) == REGISTRY_LISTED ? 1 : 0;
    }
    return now;
}

uint32_t registry_safelist_listed(const struct registry *r, uint32_t list, uint32_t safelist,
                                  int64_t now_ns) {
    if (registry_safelist_now(r, list, safelist).listed > 0)
        return registry_stamp(r, now_ns);
    return r->lists[list].safelists[safelist].listed;
}

/* ---- the past ---- */

void registry_safelists_note(struct registry *r, uint32_t list, int64_t now_ns) {
    struct registry_list *l = &r->lists[list];
    for (uint32_t i = 0; i < r->targets->n_safelists; i++) {
        double checked = (double)registry_safelist_now(r, list, i).checked;
        if (checked < SETTINGS_ENOUGH * r->targets->safelists[i].n_addresses)
            l->safelists[i].known = 0;
        else if (l->safelists[i].known == 0)
            l->safelists[i].known = registry_stamp(r, now_ns);
    }
}

/* How long the list could not be believed since `from_ns`. */
static int64_t frozen_ns(const struct registry_list *l, int64_t from_ns, int64_t now_ns) {
    int64_t sum = 0;
    for (uint32_t i = 0; i <= l->n_freezes; i++) {
        bool runs = i == l->n_freezes;
        if (runs && !l->frozen)
            break;
        int64_t start_ns = runs ? l->frozen_since_ns : l->freezes[i].start_ns;
        int64_t end_ns = runs ? now_ns : l->freezes[i].end_ns;
        start_ns = start_ns > from_ns ? start_ns : from_ns;
        sum += end_ns > start_ns ? end_ns - start_ns : 0;
    }
    return sum;
}

bool registry_safelist_watched(const struct registry *r, uint32_t list, uint32_t safelist, int64_t span_ns,
                               int64_t now_ns) {
    const struct registry_list *l = &r->lists[list];
    uint32_t known = l->safelists[safelist].known;
    return known != 0 && now_ns - registry_ns(r, known) >= span_ns &&
           frozen_ns(l, now_ns - span_ns, now_ns) <= span_ns / 10;
}

void registry_safelists_delisted(struct registry *r, uint32_t list, const struct ip *ip, uint32_t stamp) {
    const struct targets *t = r->targets;
    for (uint32_t i = 0; i < t->n_safelists; i++)
        if (ip_range_contains(&t->safelists[i].range->range, ip))
            raise(&r->lists[list].safelists[i], stamp);
}

/* What the entries of `from` tell; what is listed there is so until `now`. */
static void learn_of_entries(struct registry *r, uint32_t list, const struct registry_list *from,
                             uint32_t now) {
    for (uint32_t i = 0; i < from->n_entries; i++) {
        const struct registry_entry *entry = &from->entries[i];
        if (!entry->used)
            continue;
        bool listed = registry_verdict_of(from, entry->index) == REGISTRY_LISTED;
        struct ip ip = target_ip(from->set, entry->index);
        if (listed || entry->changed != 0)
            registry_safelists_delisted(r, list, &ip, listed ? now : entry->changed);
    }
}

/* What the flips of ranges tell, where all of a range is safelisted. */
static void learn_of_flips(struct registry *r, uint32_t list, const struct targets *targets,
                           const struct registry_list *from) {
    for (uint32_t i = 0; i < targets->n_ranges; i++)
        for (uint32_t k = 0; k < r->targets->n_safelists; k++)
            if (holds(&r->targets->safelists[k].range->range, &targets->ranges[i].range->range))
                raise(&r->lists[list].safelists[k], from->range_flips[i].changed);
}

void registry_safelists_learn(struct registry *r, uint32_t list) {
    const struct registry_list *l = &r->lists[list];
    if (l->scores != NULL || r->targets->n_safelists == 0)
        return;
    learn_of_entries(r, list, l, 0);
    learn_of_flips(r, list, r->targets, l);
}

void registry_safelists_name(struct registry *r, uint32_t list, const struct ip_range *range) {
    const struct targets *t = r->targets;
    for (uint32_t i = 0; i < t->n_safelists; i++)
        if (is_same(&t->safelists[i].range->range, range))
            r->lists[list].safelists[i].named = true;
}

void registry_safelists_inherit(struct registry *r, uint32_t list, const struct ip_range *range,
                                const struct registry_safelist *kept) {
    const struct targets *t = r->targets;
    for (uint32_t i = 0; i < t->n_safelists; i++) {
        struct registry_safelist *s = &r->lists[list].safelists[i];
        const struct ip_range *now = &t->safelists[i].range->range;
        if (!holds(now, range) && (s->named || !overlap(now, range)))
            continue;
        raise(s, kept->listed);
        s->open = s->open || kept->open;
        if (is_same(now, range))
            s->known = kept->known;
    }
}

/* What goes out of the targets while it is listed has its last moment now. */
void registry_safelists_carry(struct registry *r, uint32_t list, const struct registry *old,
                              uint32_t old_list, uint32_t now) {
    const struct targets *t = r->targets;
    const struct targets *u = old->targets;
    const struct registry_list *o = &old->lists[old_list];
    if (o->scores != NULL || t->n_safelists == 0)
        return;
    for (uint32_t k = 0; k < u->n_safelists; k++)
        registry_safelists_name(r, list, &u->safelists[k].range->range);
    for (uint32_t k = 0; k < u->n_safelists; k++)
        registry_safelists_inherit(r, list, &u->safelists[k].range->range, &o->safelists[k]);
    learn_of_entries(r, list, o, now);
    learn_of_flips(r, list, u, o);
}
