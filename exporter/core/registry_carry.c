/* SPDX-License-Identifier: Apache-2.0
 *
 * A reload: what a new configuration takes over from the old one.
 */
#include "core/registry.h"
#include "core/registry_internal.h"

#include <stdlib.h>
#include <string.h>

/* The list that list `i` was, if both are in use. */
static uint32_t find_list(const struct registry *r, uint32_t i, const struct registry *old) {
    if (r->lists[i].set == NULL)
        return UINT32_MAX;
    uint32_t from = settings_list_before(r->targets->settings, i, old->targets->settings);
    return from != UINT32_MAX && old->lists[from].set != NULL ? from : UINT32_MAX;
}

uint64_t registry_translate_codes(const struct list *from, const struct list *to, uint64_t codes) {
    uint64_t out = 0;
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER && codes >> bit != 0; bit++) {
        if ((codes >> bit & 1) == 0)
            continue;
        unsigned there = LIST_CODE_OTHER;
        for (unsigned k = 0; bit != LIST_CODE_OTHER && k < to->n_code_names; k++)
            if (strcmp(list_code_name(from, bit), to->code_names[k]) == 0)
                there = k;
        out |= UINT64_C(1) << there;
    }
    return out;
}

static void carry_entry(struct registry *r, uint32_t list, const struct list *old_list,
                        const struct registry_entry *from, struct registry_entry *to) {
    to->checked = from->checked;
    to->sampled = from->sampled;
    to->since = from->since;
    to->changed = from->changed;
    to->codes = registry_translate_codes(old_list, r->lists[list].list, from->codes);
    to->seen_codes = registry_translate_codes(old_list, r->lists[list].list, from->seen_codes);
    to->txt = from->txt != NULL ? strdup(from->txt) : NULL; /* a reason is worth no failure */
}

/* One list, as it was and as it is to be. */
struct carry {
    struct registry *r;
    uint32_t list;
    const struct registry *old;
    uint32_t old_list;
};

/* Pending flips are not carried: their looks were for the old codes and nameservers; the checker
 * has them looked at again. */
static void carry_cell(const struct carry *c, uint32_t from, uint32_t index, int32_t segment) {
    struct registry_list *l = &c->r->lists[c->list];
    const struct registry_list *o = &c->old->lists[c->old_list];
    unsigned state = o->states[from];
    if ((state & CELL_VERDICT) == REGISTRY_UNKNOWN)
        return;
    if (segment == TARGET_NO_SEGMENT)
        state &= ~(unsigned)(CELL_SAMPLED | CELL_SAMPLE_LISTED);
    registry_cell_put_at(l, index, segment, state, registry_cell_score(o, from));
    if ((state & CELL_TRACKED) == 0)
        l->stamps[index] = o->stamps[from];
}

/* `span`, of the set's spans, goes along. */
static void carry_run(const struct carry *c, const struct target_mapped *run,
                      const struct target_span **span) {
    const struct target_set *set = c->r->lists[c->list].set;
    for (uint32_t i = 0; i < run->count; i++) {
        uint32_t index = run->index + i;
        int32_t segment = TARGET_NO_SEGMENT;
        if (index < set->n_swept) {
            while (index - (*span)->base >= (*span)->count)
                ++*span;
            segment = (*span)->segment;
        }
        carry_cell(c, run->from + i, index, segment);
    }
}

/* One after another as they lie in memory, not as they would be found. */
static enum status carry_entries(const struct carry *c, const struct target_map *now) {
    struct registry_list *l = &c->r->lists[c->list];
    const struct registry_list *o = &c->old->lists[c->old_list];
    if (o->n_entries > 0 && !registry_entries_expect(l, o->n_entries))
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < o->n_entries; i++) {
        const struct registry_entry *entry = &o->entries[i];
        if (!entry->used || registry_verdict_of(o, entry->index) == REGISTRY_UNKNOWN)
            continue;
        uint32_t index = target_map_find(now, entry->index);
        if (index == UINT32_MAX)
            continue;
        struct registry_entry *copy = registry_entry_make(c->r, c->list, index);
        if (copy == NULL)
            return STATUS_NO_MEMORY;
        carry_entry(c->r, c->list, o->list, entry, copy);
    }
    return STATUS_OK;
}

/* What the indexes of now were, and what those of before are; lists of the same addresses share them. */
struct maps {
    struct target_map before;
    struct target_map now;
};

/* There may be millions of cells. */
static enum status carry_cells(const struct carry *c, struct maps *maps) {
    const struct target_set *set = c->r->lists[c->list].set;
    const struct target_set *old_set = c->old->lists[c->old_list].set;
    const struct target_span *span = set->spans;
    enum status status = target_map_make(&maps->before, set, old_set);
    if (status == STATUS_OK)
        status = target_map_make(&maps->now, old_set, set);
    for (uint32_t i = 0; status == STATUS_OK && i < maps->before.n; i++)
        carry_run(c, &maps->before.runs[i], &span);
    return status == STATUS_OK ? carry_entries(c, &maps->now) : status;
}

static void carry_flips(struct registry *r, uint32_t list, const struct registry *old, uint32_t old_list) {
    const struct targets *t = r->targets;
    const struct targets *u = old->targets;
    for (uint32_t g = 0; g < t->settings->n_groups; g++) {
        for (uint32_t h = 0; h < u->settings->n_groups; h++) {
            if (strcmp(t->settings->groups[g].name, u->settings->groups[h].name) != 0)
                continue;
            r->lists[list].group_flips[g] = old->lists[old_list].group_flips[h];
            uint32_t hint = u->group_ranges[h];
            for (uint32_t a = t->group_ranges[g]; a < t->group_ranges[g + 1]; a++) {
                uint32_t b = target_range_find(u, h, t->ranges[a].range->label, hint);
                if (b == UINT32_MAX)
                    continue;
                r->lists[list].range_flips[a] = old->lists[old_list].range_flips[b];
                hint = b + 1;
            }
        }
    }
}

/* What the store was not told yet of the old one it has to be told of this one. */
static void carry_marks(struct registry_list *l, const struct registry_list *o) {
    l->keeps = o->keeps;
    l->marks_lost = o->marks_lost;
    for (uint32_t i = 0; i < o->touched.n; i++) {
        struct ip ip = target_ip(o->set, o->touched.indexes[i]);
        uint32_t index = target_index(l->set, &ip);
        if (index != UINT32_MAX)
            registry_touch(l, index);
    }
    for (uint32_t i = 0; i < o->detailed.n; i++) {
        struct ip ip = target_ip(o->set, o->detailed.indexes[i]);
        uint32_t index = target_index(l->set, &ip);
        if (index != UINT32_MAX)
            registry_touch_entry(l, index);
    }
}

enum status registry_carry(struct registry *r, const struct registry *old, registry_server_map *map,
                           void *context, int64_t now_ns) {
    struct maps maps = {.before = {.n = 0}};
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < r->n_lists; i++) {
        struct registry_list *l = &r->lists[i];
        uint32_t from = find_list(r, i, old);
        if (from == UINT32_MAX)
            continue;
        const struct registry_list *o = &old->lists[from];
        l->frozen = o->frozen;
        l->frozen_since_ns = o->frozen_since_ns;
        memcpy(l->freezes, o->freezes, sizeof l->freezes);
        l->n_freezes = o->n_freezes;
        carry_flips(r, i, old, from);
        registry_safelists_carry(r, i, old, from, registry_stamp(r, now_ns));
        status = carry_cells(&(struct carry){r, i, old, from}, &maps);
        carry_marks(l, o);
        if (status == STATUS_OK)
            status = registry_journal_carry(r, i, old, from, map, context);
    }
    target_map_release(&maps.before);
    target_map_release(&maps.now);
    return status;
}

void registry_prune(struct registry *r, uint32_t list) {
    struct registry_list *l = &r->lists[list];
    for (uint32_t i = 0; i < l->n_entries; i++) {
        struct registry_entry *entry = &l->entries[i];
        if (entry->used)
            registry_entry_tidy(r, list, entry);
    }
}
