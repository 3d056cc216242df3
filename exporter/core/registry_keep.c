/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store on disk needs of the registry: marks on what it has not been told yet, and the way back.
 *
 * Marks are a bit in each cell and an array of indexes, so that a cell which changes a thousand times while
 * the disk stands still costs four bytes, and nothing has to be searched for.
 */
#include "core/registry.h"
#include "core/registry_internal.h"

#include <stdlib.h>

/* ---- marks ---- */

static void mark(struct registry_list *l, struct registry_marks *marks, uint32_t index, unsigned bit) {
    if (!l->keeps || (l->states[index] & bit) != 0)
        return;
    if (marks->n == marks->size) {
        uint32_t size = marks->size == 0 ? 256 : marks->size * 2;
        uint32_t *indexes = realloc(marks->indexes, size * sizeof *indexes);
        if (indexes == NULL) {
            l->marks_lost = true;
            return;
        }
        marks->indexes = indexes;
        marks->size = size;
    }
    l->states[index] |= (uint8_t)bit;
    marks->indexes[marks->n++] = index;
}

void registry_touch(struct registry_list *l, uint32_t index) {
    mark(l, &l->touched, index, CELL_TOUCHED);
}

void registry_touch_entry(struct registry_list *l, uint32_t index) {
    mark(l, &l->detailed, index, CELL_DETAILED);
}

uint32_t registry_take_mark(struct registry_list *l, struct registry_marks *marks, unsigned bit) {
    uint32_t index = marks->indexes[--marks->n];
    l->states[index] &= (uint8_t)~bit;
    return index;
}

void registry_keep(struct registry *r) {
    for (size_t i = 0; i < r->n_lists; i++)
        r->lists[i].keeps = r->lists[i].set != NULL;
}

/* ---- the way back ---- */

void registry_restore_cell(struct registry *r, uint32_t list, uint32_t index, unsigned state, uint8_t score,
                           uint32_t checked, uint32_t sampled) {
    struct registry_list *l = &r->lists[list];
    if (index >= l->set->n_swept)
        state &= ~(unsigned)(CELL_SAMPLED | CELL_SAMPLE_LISTED);
    registry_cell_put(l, index, state, l->scores != NULL ? score : (uint8_t)REGISTRY_NO_SCORE);
    l->stamps[index] = checked;
    struct registry_entry *entry = registry_entry_find(r, list, index);
    if (entry == NULL)
        return;
    entry->checked = checked;
    entry->sampled = sampled;
}

struct registry_entry *registry_restore_entry(struct registry *r, uint32_t list, uint32_t index) {
    return registry_entry_make(r, list, index);
}

enum status registry_restore_unproven(struct registry *r, uint32_t list, enum ip_family family,
                                      uint8_t server, uint32_t since) {
    struct registry_list *l = &r->lists[list];
    for (uint32_t s = 0; s < l->set->n_spans; s++) {
        const struct target_span *span = &l->set->spans[s];
        for (uint32_t i = 0; span->first.family == family && i < span->count; i++) {
            uint32_t index = span->base + i;
            unsigned verdict = l->states[index] & CELL_VERDICT;
            bool may_be_wrong = l->scores != NULL ? verdict != REGISTRY_UNKNOWN
                                                  : verdict == REGISTRY_NOT_LISTED; /* a listing was proven */
            if (may_be_wrong && registry_cell_stamp(r, list, index) >= since &&
                !registry_journal_add_unknown(r, list, index, server))
                return STATUS_NO_MEMORY;
        }
    }
    return STATUS_OK;
}
