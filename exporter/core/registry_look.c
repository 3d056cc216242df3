/* SPDX-License-Identifier: Apache-2.0
 *
 * What a look does, and how it is proven: results that count at once (see registry_journal.c), and flips that
 * wait for confirmation.
 */
#include "core/registry.h"
#include "core/registry_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct look {
    struct registry *r;
    uint32_t list;
    uint32_t index;
    enum look_source source;
    uint16_t ring;
    uint8_t server;
    const struct verdict *verdict;
    int64_t now_ns;
    registry_event_handler *handler;
    void *context;
};

/* ---- looks that count at once ---- */

static unsigned sample_bits(const struct look *k, bool listed, unsigned before) {
    if (k->index >= k->r->lists[k->list].set->n_swept)
        return 0;
    if (k->source != LOOK_SWEEP)
        return before & (CELL_SAMPLED | CELL_SAMPLE_LISTED);
    return CELL_SAMPLED | (listed ? CELL_SAMPLE_LISTED : 0u);
}

static void emit(const struct look *k, enum registry_change change, uint64_t codes) {
    const struct registry_entry *entry = registry_entry_find(k->r, k->list, k->index);
    const struct registry_event event = {
        .change = change,
        .list = k->list,
        .index = k->index,
        .ip = target_ip(k->r->lists[k->list].set, k->index),
        .named = entry != NULL && entry->ring != REGISTRY_NO_RING,
        .codes = codes,
        .at_ns = k->now_ns,
    };
    k->handler(k->context, &event);
}

/* The first result of a range since the last whole scan found none is its oldest. */
static void note_oldest(struct registry_list *l, uint32_t index, uint32_t stamp) {
    if (index >= l->set->n_swept)
        return;
    struct registry_count *c = &l->counts[target_span_of(l->set, index)->segment];
    if (c->oldest == 0)
        c->oldest = stamp;
}

/* A result that agrees with what is known, or the first that says "not listed", or a score. */
static enum status count_at_once(const struct look *k, enum registry_verdict said) {
    struct registry_list *l = &k->r->lists[k->list];
    struct registry_entry *entry = registry_entry_find(k->r, k->list, k->index);
    unsigned before = l->states[k->index];
    bool keeps_sample = k->source != LOOK_SWEEP && (before & CELL_SAMPLED) != 0;
    if (entry == NULL && (k->source == LOOK_WATCHED || keeps_sample)) {
        entry = registry_entry_make(k->r, k->list, k->index);
        if (entry == NULL)
            return STATUS_NO_MEMORY;
    }
    if (!registry_journal_add(k->r, k->list, k->index, k->server))
        return STATUS_NO_MEMORY;
    uint32_t stamp = registry_stamp(k->r, k->now_ns);
    bool first = (before & CELL_VERDICT) == REGISTRY_UNKNOWN;
    bool listed = said == REGISTRY_LISTED;
    uint8_t score = l->scores != NULL && listed ? (uint8_t)k->verdict->score : (uint8_t)REGISTRY_NO_SCORE;
    registry_cell_set(l, k->index, said | CELL_FRESH | sample_bits(k, listed, before), score);
    registry_cell_stamp_set(k->r, k->list, k->index, stamp);
    note_oldest(l, k->index, stamp);
    if (entry == NULL)
        return STATUS_OK;
    if (k->source == LOOK_WATCHED)
        entry->ring = k->ring;
    if (k->source == LOOK_SWEEP)
        entry->sampled = stamp;
    if (first) {
        entry->since = stamp;
        registry_touch_entry(l, k->index);
    }
    entry->seen_codes = k->verdict->codes;
    if (entry->pending != REGISTRY_UNKNOWN)
        registry_pending_clear(k->r, k->list, entry);
    else
        registry_entry_tidy(k->r, k->list, entry);
    return STATUS_OK;
}

/* ---- looks that open or support a flip ---- */

static void count_look(const struct look *k, struct registry_entry *entry) {
    /* A flip that only waits for its test keeps its time: looks that come faster than tests would put it off
     * for ever. */
    if (!entry->awaiting || entry->server != k->server) {
        entry->pending_codes = k->verdict->codes;
        entry->server = k->server;
        entry->look_ns = k->now_ns;
    }
    if (entry->looks < UINT8_MAX)
        entry->looks++;
}

/* The first look, and those that it asks for: whatever else comes meanwhile may be of the same nameserver and
 * port, and no second opinion. */
static enum status support_flip(const struct look *k, enum registry_verdict said, enum look_follow *follow) {
    struct registry_list *l = &k->r->lists[k->list];
    struct registry_entry *entry = registry_entry_make(k->r, k->list, k->index);
    if (entry == NULL)
        return STATUS_NO_MEMORY;
    if (k->source == LOOK_WATCHED)
        entry->ring = k->ring;
    if (entry->pending == REGISTRY_UNKNOWN)
        k->r->lists[k->list].n_pending++;
    if (entry->pending != said) {
        entry->pending = (uint8_t)said;
        entry->looks = 0;
        entry->pending_sample = false;
    }
    entry->pending_sample = entry->pending_sample || k->source == LOOK_SWEEP;
    if (entry->looks == 0 || k->source == LOOK_CONFIRM)
        count_look(k, entry);
    bool enough = entry->looks >= l->list->confirm;
    if (enough != entry->awaiting) {
        entry->awaiting = enough;
        l->n_awaiting += enough ? 1 : (uint32_t)-1;
    }
    *follow = enough ? LOOK_WANTS_TEST : LOOK_WANTS_CONFIRM;
    return STATUS_OK;
}

enum status registry_look(struct registry *r, uint32_t list, uint32_t index, enum look_source source,
                          uint16_t ring, uint8_t server, const struct verdict *verdict, int64_t now_ns,
                          enum look_follow *follow, registry_event_handler *handler, void *context) {
    assert(verdict->kind != VERDICT_UNKNOWN);
    const struct look k = {r, list, index, source, ring, server, verdict, now_ns, handler, context};
    const struct registry_list *l = &r->lists[list];
    enum registry_verdict said = verdict->kind == VERDICT_LISTED ? REGISTRY_LISTED : REGISTRY_NOT_LISTED;
    enum registry_verdict known = registry_verdict_of(l, index);
    bool at_once =
        l->scores != NULL || said == known || (known == REGISTRY_UNKNOWN && said == REGISTRY_NOT_LISTED);
    *follow = LOOK_DONE;
    return at_once ? count_at_once(&k, said) : support_flip(&k, said, follow);
}

bool registry_sample(struct registry *r, uint32_t list, uint32_t index, int64_t now_ns) {
    struct registry_list *l = &r->lists[list];
    unsigned state = l->states[index];
    if ((state & (CELL_TRACKED | CELL_FRESH)) != (CELL_TRACKED | CELL_FRESH))
        return false;
    struct registry_entry *entry = registry_entry_find(r, list, index);
    bool rechecked = l->scores == NULL && (state & CELL_VERDICT) == REGISTRY_LISTED;
    if (entry->ring == REGISTRY_NO_RING && !rechecked)
        return false;
    entry->sampled = registry_stamp(r, now_ns);
    state &= ~(unsigned)CELL_SAMPLE_LISTED;
    state |= CELL_SAMPLED | ((state & CELL_VERDICT) == REGISTRY_LISTED ? CELL_SAMPLE_LISTED : 0u);
    registry_cell_set(l, index, state, registry_cell_score(l, index));
    return true;
}

/* ---- proof ---- */

static void count_flip(struct registry *r, uint32_t list, uint32_t index, const struct ip *ip, bool listed,
                       uint32_t stamp) {
    const struct targets *t = r->targets;
    struct registry_list *l = &r->lists[list];
    for (uint32_t g = 0; g < t->settings->n_groups; g++) {
        if (!t->settings->groups[g].lists[list] || !target_group_names(t, g, ip))
            continue;
        *(listed ? &l->group_flips[g].listings : &l->group_flips[g].delistings) += 1;
        l->group_flips[g].changed = stamp;
    }
    if (index >= l->set->n_swept)
        return;
    uint32_t segment = (uint32_t)target_span_of(l->set, index)->segment;
    for (uint32_t i = 0; i < t->n_ranges; i++) {
        const struct target_range *range = &t->ranges[i];
        if (segment < range->first_segment || segment >= range->first_segment + range->n_segments ||
            !t->settings->groups[range->group].lists[list])
            continue;
        *(listed ? &l->range_flips[i].listings : &l->range_flips[i].delistings) += 1;
        l->range_flips[i].changed = stamp;
    }
}

static void publish(struct registry *r, uint32_t list, struct registry_entry *entry, int64_t now_ns,
                    registry_event_handler *handler, void *context) {
    struct registry_list *l = &r->lists[list];
    const struct look k = {
        .r = r,
        .list = list,
        .index = entry->index,
        .source = entry->pending_sample ? LOOK_SWEEP : LOOK_CONFIRM,
        .now_ns = now_ns,
        .handler = handler,
        .context = context,
    };
    unsigned before = l->states[entry->index];
    bool first = (before & CELL_VERDICT) == REGISTRY_UNKNOWN;
    bool listed = entry->pending == REGISTRY_LISTED;
    uint32_t stamp = registry_stamp(r, entry->look_ns);
    registry_cell_set(l, entry->index, entry->pending | CELL_FRESH | sample_bits(&k, listed, before),
                      REGISTRY_NO_SCORE);
    entry->checked = stamp;
    entry->since = stamp;
    note_oldest(l, entry->index, stamp);
    if (entry->pending_sample)
        entry->sampled = stamp;
    entry->codes = listed ? entry->pending_codes : 0;
    entry->seen_codes = entry->codes;
    if (!first) {
        entry->changed = stamp;
        struct ip ip = target_ip(l->set, entry->index);
        count_flip(r, list, entry->index, &ip, listed, stamp);
        if (!listed)
            registry_safelists_delisted(r, list, &ip, registry_stamp(r, now_ns));
    }
    if (!listed) {
        free(entry->txt);
        entry->txt = NULL;
    }
    registry_touch_entry(l, entry->index);
    uint64_t codes = entry->codes;
    registry_pending_clear(r, list, entry); /* may drop the entry */
    emit(&k, !listed ? CHANGE_DELISTED : first ? CHANGE_FIRST_LISTED : CHANGE_LISTED, codes);
}

/* What a right self-test makes of an entry whose last look only agreed: its codes may be others now. */
static void prove_codes(void *context, struct registry_entry *entry) {
    const struct look *k = context;
    struct registry_list *l = &k->r->lists[k->list];
    if (l->scores != NULL || registry_verdict_of(l, entry->index) != REGISTRY_LISTED ||
        entry->seen_codes == entry->codes)
        return;
    struct look of_entry = *k;
    of_entry.index = entry->index;
    entry->codes = entry->seen_codes;
    registry_touch_entry(l, entry->index);
    emit(&of_entry, CHANGE_CODES, entry->codes);
}

void registry_right(struct registry *r, uint32_t list, uint8_t server, uint32_t mark, int64_t started_ns,
                    int64_t now_ns, registry_event_handler *handler, void *context) {
    struct registry_list *l = &r->lists[list];
    struct look k = {.r = r, .list = list, .now_ns = now_ns, .handler = handler, .context = context};
    registry_journal_prove(r, list, server, mark, prove_codes, &k);
    for (uint32_t i = 0; i < l->n_entries && l->n_awaiting > 0; i++) {
        struct registry_entry *entry = &l->entries[i];
        if (entry->used && entry->awaiting && entry->server == server && entry->look_ns <= started_ns)
            publish(r, list, entry, now_ns, handler, context);
    }
}

static void doubt(struct registry_list *l, struct registry_entry *entry) {
    if (entry->awaiting)
        l->n_awaiting--;
    entry->awaiting = false;
    entry->looks = 0;
}

bool registry_put_back(struct registry *r, uint32_t list, uint32_t index) {
    struct registry_entry *entry = registry_entry_find(r, list, index);
    if (entry == NULL || entry->pending == REGISTRY_UNKNOWN || entry->put_back)
        return false;
    doubt(&r->lists[list], entry);
    entry->put_back = true;
    return true;
}

void registry_doubt_pending(struct registry *r, uint32_t list, uint8_t server) {
    struct registry_list *l = &r->lists[list];
    for (uint32_t i = 0; i < l->n_entries; i++) {
        struct registry_entry *entry = &l->entries[i];
        if (!entry->used || entry->pending == REGISTRY_UNKNOWN ||
            (server != REGISTRY_NO_SERVER && entry->server != server))
            continue;
        doubt(l, entry);
    }
}

void registry_wrong(struct registry *r, uint32_t list, uint8_t server) {
    registry_doubt_pending(r, list, server);
    registry_journal_withdraw(r, list, server);
}

bool registry_awaits(const struct registry *r, uint32_t list, uint8_t server, int64_t *latest_ns) {
    const struct registry_list *l = &r->lists[list];
    bool any = false;
    for (uint32_t i = 0; i < l->n_entries && l->n_awaiting > 0; i++) {
        const struct registry_entry *entry = &l->entries[i];
        if (!entry->used || !entry->awaiting || entry->server != server)
            continue;
        if (!any || entry->look_ns > *latest_ns)
            *latest_ns = entry->look_ns;
        any = true;
    }
    return any;
}
