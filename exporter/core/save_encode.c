/* SPDX-License-Identifier: Apache-2.0
 *
 * How records are written. What is added to one of them needs another RECORD_FORMAT, and core/restore to read
 * both.
 */
#include "core/save_internal.h"

#include "core/checker_internal.h"
#include "core/pack.h"

#include <string.h>

/* Nobody knows of a moment before 1970: who reads one takes it for damage. What began "never", as far as a
 * store whose last write is not known can tell, would be such a one when the clocks differ by a little the
 * next time.
 */
static void pack_moment(struct buf *out, int64_t ns, int64_t offset_ns) {
    int64_t wall_ns = ns + offset_ns;
    pack_i64(out, ns == INT64_MIN ? INT64_MIN : wall_ns > 0 ? wall_ns : 0);
}

/* Where 0 stands for never. */
static void pack_moment_or_0(struct buf *out, int64_t ns, int64_t offset_ns) {
    pack_moment(out, ns == 0 ? INT64_MIN : ns, offset_ns);
}

static uint32_t unix_stamp(const struct registry *r, uint32_t stamp, int64_t offset_ns) {
    int64_t s = stamp == 0 ? 0 : save_base_s(r, offset_ns) + stamp;
    return s > 0 && s < UINT32_MAX ? (uint32_t)s : 0;
}

static void pack_stamp(struct buf *out, const struct registry *r, uint32_t stamp, int64_t offset_ns) {
    pack_u32(out, unix_stamp(r, stamp, offset_ns));
}

/* ---- LIST ---- */

static void encode_health(struct buf *out, const struct checker *c, const struct checker_list *l,
                          uint32_t track, int family, int64_t offset_ns) {
    const struct endpoint *at = &c->servers[l->servers[track]].endpoint;
    const struct list_self_test *test = &l->list->self_test;
    const struct health *h = &l->tracks[track].health[family];
    pack_ip(out, &at->ip);
    pack_u32(out, at->port);
    pack_u8(out, (unsigned)family);
    pack_u8(out, test->positive[family]);
    pack_ip(out, &test->listed[family]);
    pack_ip(out, &test->not_listed[family]);
    pack_u8(out, h->state);
    pack_u8(out, h->tested);
    pack_moment(out, h->started_ns, offset_ns);
    pack_moment(out, h->tested ? h->ended_ns : INT64_MIN, offset_ns);
    pack_moment(out, h->right_ns, offset_ns);
    pack_moment(out, h->running ? h->started_ns : h->due_ns, offset_ns); /* broken off: due again at once */
    pack_i64(out, h->back_off_ns);
    pack_i64(out, h->refused_ns);
    bool keyed = save_is_keyed(l->list); /* the owner of its SOA holds the key */
    pack_u8(out, h->lesson.learnt);
    pack_u8(out, h->lesson.without_soa);
    pack_moment(out, h->without_soa_ns, offset_ns);
    pack_u8(out, keyed ? 0 : h->lesson.owner.len);
    pack_bytes(out, h->lesson.owner.wire, keyed ? 0 : h->lesson.owner.len);
    pack_u8(out, l->tracks[track].case_kept[family]);
}

static void encode_healths(struct buf *out, const struct checker *c, const struct checker_list *l,
                           int64_t offset_ns) {
    uint32_t n = 0;
    for (int family = 0; family < IP_FAMILIES; family++)
        n += l->list->families[family] ? l->n_servers : 0;
    pack_u32(out, n);
    for (uint32_t t = 0; t < l->n_servers; t++)
        for (int family = 0; family < IP_FAMILIES; family++)
            if (l->list->families[family])
                encode_health(out, c, l, t, family, offset_ns);
}

static void encode_freezes(struct buf *out, const struct registry_list *r, int64_t offset_ns) {
    pack_u8(out, r->frozen);
    pack_moment(out, r->frozen_since_ns, offset_ns);
    pack_u32(out, r->n_freezes);
    for (uint32_t i = 0; i < r->n_freezes; i++) {
        pack_moment(out, r->freezes[i].start_ns, offset_ns);
        pack_moment(out, r->freezes[i].end_ns, offset_ns);
    }
}

static void encode_flips(struct buf *out, const struct registry *r, const char *group, const char *range,
                         const struct registry_flips *flips, int64_t offset_ns) {
    pack_text(out, group);
    pack_text(out, range);
    pack_u64(out, flips->listings);
    pack_u64(out, flips->delistings);
    pack_stamp(out, r, flips->changed, offset_ns);
}

static void encode_all_flips(struct buf *out, const struct registry *r, uint32_t list, int64_t offset_ns) {
    const struct settings *s = r->targets->settings;
    const struct registry_list *l = &r->lists[list];
    pack_u32(out, (uint32_t)s->n_groups + r->targets->n_ranges);
    for (size_t g = 0; g < s->n_groups; g++)
        encode_flips(out, r, s->groups[g].name, "", &l->group_flips[g], offset_ns);
    for (uint32_t i = 0; i < r->targets->n_ranges; i++)
        encode_flips(out, r, s->groups[r->targets->ranges[i].group].name, r->targets->ranges[i].range->label,
                     &l->range_flips[i], offset_ns);
}

/* By range: a safelist may get another name. While something of it is listed its moment is not written, or
 * the record would be another each second: whoever reads it knows when the store was last written. */
static void encode_safelists(struct buf *out, const struct registry *r, uint32_t list, int64_t offset_ns) {
    const struct targets *t = r->targets;
    pack_u32(out, t->n_safelists);
    for (uint32_t i = 0; i < t->n_safelists; i++) {
        pack_text(out, t->safelists[i].range->label);
        pack_u8(out, registry_safelist_now(r, list, i).listed > 0);
        pack_stamp(out, r, r->lists[list].safelists[i].listed, offset_ns);
        pack_stamp(out, r, r->lists[list].safelists[i].known, offset_ns);
    }
}

void save_encode_list(struct buf *out, const struct checker *c, uint32_t list, int64_t offset_ns) {
    const struct checker_list *l = &c->lists[list];
    int share = l->list->budget.share;
    pack_u8(out, RECORD_LIST_FORMAT);
    pack_text(out, l->list->zone);
    pack_u8(out, l->list->kind);
    pack_text(out, share >= 0 ? c->settings->budgets[share].name : "");
    pack_moment_or_0(out, l->health_check_ns, offset_ns);
    encode_healths(out, c, l, offset_ns);
    encode_freezes(out, &c->registry->lists[list], offset_ns);
    encode_all_flips(out, c->registry, list, offset_ns);
    encode_safelists(out, c->registry, list, offset_ns);
}

/* ---- progress ---- */

static void encode_ring(struct buf *out, const struct plan *p, const struct plan_ring *ring,
                        int64_t offset_ns) {
    pack_u64(out, plan_ring_place(p, ring));
    pack_i64(out, ring->interval_ns);
    pack_u32(out, ring->n);
    pack_u32(out, ring->position);
    pack_moment(out, ring->start_ns, offset_ns);
    pack_i64(out, ring->last_ns);
    pack_u32(out, ring->round);
}

/* A change that is not proven is not kept; its address is, to be looked at again at once. */
static void encode_pending(struct buf *out, const struct registry *r, uint32_t list) {
    const struct registry_list *l = &r->lists[list];
    uint32_t n = l->n_pending < RECORD_PENDING ? l->n_pending : RECORD_PENDING;
    pack_u32(out, n);
    for (uint32_t i = 0; i < l->n_entries && n > 0; i++) {
        if (!l->entries[i].used || l->entries[i].pending == REGISTRY_UNKNOWN)
            continue;
        struct ip ip = target_ip(l->set, l->entries[i].index);
        pack_ip(out, &ip);
        n--;
    }
}

void save_encode_progress(struct buf *out, const struct checker *c, uint32_t list, int64_t offset_ns) {
    const struct plan *p = &c->lists[list].plan;
    const struct plan_sweep *s = &p->sweep;
    pack_moment(out, p->rate.tat_ns, offset_ns);
    pack_u64(out, s->order.seed);
    pack_u32(out, s->n);
    pack_u32(out, s->position > s->reached ? s->position : s->reached);
    pack_u8(out, s->running);
    pack_u8(out, s->asked);
    pack_moment(out, s->started_ns, offset_ns);
    pack_moment_or_0(out, s->completed_ns, offset_ns);
    pack_i64(out, s->duration_ns);
    pack_i64(out, s->last_interval_ns);
    pack_u32(out, p->n_rings);
    for (uint32_t i = 0; i < p->n_rings; i++)
        encode_ring(out, p, &p->rings[i], offset_ns);
    encode_pending(out, c->registry, list);
    pack_moment(out, s->whole_ns, offset_ns);
}

/* ---- addresses ---- */

/* Runs and not spans: where a safelist or another range cuts them changes nothing of what is kept. */
void save_encode_layout(struct buf *out, const struct target_set *set) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->n_spans; n++)
        (void)target_run(set, &i);
    pack_u8(out, RECORD_FORMAT);
    pack_u32(out, set->n);
    pack_u32(out, set->n_swept);
    pack_u32(out, n);
    for (uint32_t i = 0; i < set->n_spans;) {
        struct target_span run = target_run(set, &i);
        pack_ip(out, &run.first);
        pack_u32(out, run.count);
    }
}

static unsigned plain_state(const struct registry_list *l, uint32_t index) {
    return l->states[index] & ~(unsigned)CELL_MARKS;
}

/* The entry of a cell that was sampled at another time than it was checked. */
static const struct registry_entry *sampled_apart(const struct registry *r, uint32_t list, uint32_t index) {
    const struct registry_list *l = &r->lists[list];
    if ((l->states[index] & CELL_TRACKED) == 0)
        return NULL;
    const struct registry_entry *entry = registry_entry_find(r, list, index);
    return entry->sampled != entry->checked ? entry : NULL;
}

static void encode_sampled(struct buf *out, const struct registry *r, uint32_t list, uint32_t from,
                           uint32_t to, int64_t offset_ns) {
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++)
        n += sampled_apart(r, list, i) != NULL;
    pack_u32(out, n);
    for (uint32_t i = from; n > 0 && i < to; i++) {
        const struct registry_entry *entry = sampled_apart(r, list, i);
        if (entry == NULL)
            continue;
        pack_u32(out, i);
        pack_stamp(out, r, entry->sampled, offset_ns);
    }
}

bool save_encode_cells(struct buf *out, const struct registry *r, uint32_t list, uint32_t chunk,
                       int64_t offset_ns) {
    const struct registry_list *l = &r->lists[list];
    uint32_t from = chunk * RECORD_CHUNK;
    uint32_t to = l->set->n - from < RECORD_CHUNK ? l->set->n : from + RECORD_CHUNK;
    uint32_t n = to - from;
    unsigned known = 0;
    pack_u8(out, RECORD_FORMAT);
    pack_u8(out, l->scores != NULL);
    pack_u32(out, n);
    char *at = buf_reserve(out, n * (size_t)5);
    for (uint32_t i = 0; at != NULL && i < n; i++) {
        uint32_t stamp = unix_stamp(r, registry_cell_stamp(r, list, from + i), offset_ns);
        known |= l->states[from + i];
        at[i] = (char)plain_state(l, from + i);
        for (uint32_t k = 0; k < 4; k++)
            at[n + i * 4 + k] = (char)(stamp >> 8 * k);
    }
    if (at != NULL)
        buf_commit(out, n * (size_t)5);
    if (l->scores != NULL)
        pack_bytes(out, l->scores + from, n);
    encode_sampled(out, r, list, from, to, offset_ns);
    return (known & CELL_VERDICT) != 0;
}

void save_encode_look(struct buf *out, const struct registry *r, uint32_t list, uint32_t index,
                      int64_t offset_ns) {
    const struct registry_list *l = &r->lists[list];
    const struct registry_entry *apart = sampled_apart(r, list, index);
    pack_u32(out, index);
    pack_u8(out, plain_state(l, index) | (apart != NULL ? RECORD_SAMPLED : 0u));
    pack_stamp(out, r, registry_cell_stamp(r, list, index), offset_ns);
    if (l->scores != NULL)
        pack_u8(out, l->scores[index]);
    if (apart != NULL)
        pack_stamp(out, r, apart->sampled, offset_ns);
}

/* Codes by their names, because bits follow the order of a configuration. */
static void encode_codes(struct buf *out, const struct list *list, uint64_t codes) {
    unsigned n = 0;
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++)
        n += (unsigned)(codes >> bit & 1);
    pack_u8(out, n);
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++)
        if ((codes >> bit & 1) != 0)
            pack_text(out, list_code_name(list, bit));
}

bool save_encode_entry(struct buf *out, const struct registry *r, uint32_t list,
                       const struct registry_entry *entry, int64_t offset_ns) {
    if (entry->since == 0 && entry->changed == 0 && entry->codes == 0 && entry->txt == NULL)
        return false;
    pack_u8(out, RECORD_FORMAT);
    pack_stamp(out, r, entry->since, offset_ns);
    pack_stamp(out, r, entry->changed, offset_ns);
    encode_codes(out, r->lists[list].list, entry->codes);
    pack_text(out, entry->txt != NULL ? entry->txt : "");
    return true;
}

/* ---- BUDGET ---- */

void save_encode_budget(struct buf *out, const struct quota *quota, uint64_t more, int64_t offset_ns) {
    uint32_t n = 0;
    pack_u8(out, RECORD_FORMAT);
    pack_u64(out, quota->limit);
    pack_i64(out, quota->per_ns);
    for (unsigned i = 0; i < BUDGET_CLASSES; i++)
        pack_double(out, quota->tokens[i]);
    pack_double(out, quota->spare);
    pack_moment(out, quota->filled_ns, offset_ns);
    pack_moment(out, quota->slot_start_ns, offset_ns);
    pack_u64(out, quota->reserved + more);
    for (unsigned age = 0; age < QUOTA_SLOTS; age++)
        n += quota->slots[(quota->newest + QUOTA_SLOTS - age) % QUOTA_SLOTS] > 0;
    pack_u32(out, n);
    for (unsigned age = 0; age < QUOTA_SLOTS; age++) {
        uint32_t queries = quota->slots[(quota->newest + QUOTA_SLOTS - age) % QUOTA_SLOTS];
        if (queries == 0)
            continue;
        pack_u32(out, age);
        pack_u32(out, queries);
    }
}
