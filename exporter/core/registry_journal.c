/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of results that count at once and are not proven yet: what was known before each of them, so
 * that a wrong self-test can take it back.
 */
#include "core/registry.h"
#include "core/registry_internal.h"

#include <stdlib.h>

static bool journal_push(struct registry_list *l, const struct registry_journal_entry *entry) {
    if (l->n_journal == l->journal_size) {
        uint32_t size = l->journal_size == 0 ? 256 : l->journal_size * 2;
        struct registry_journal_entry *journal = realloc(l->journal, size * sizeof *journal);
        if (journal == NULL)
            return false;
        l->journal = journal;
        l->journal_size = size;
    }
    l->journal[l->n_journal++] = *entry;
    l->unproven[entry->server]++;
    return true;
}

static bool add(struct registry_list *l, const struct registry_journal_entry *entry) {
    if (!journal_push(l, entry))
        return false;
    l->sequence++;
    return true;
}

bool registry_journal_add(struct registry *r, uint32_t list, uint32_t index, uint8_t server) {
    struct registry_list *l = &r->lists[list];
    const struct registry_journal_entry entry = {
        .index = index,
        .stamp = registry_cell_stamp(r, list, index),
        .sequence = l->sequence,
        .state = l->states[index],
        .score = registry_cell_score(l, index),
        .server = server,
    };
    return add(l, &entry);
}

bool registry_journal_add_unknown(struct registry *r, uint32_t list, uint32_t index, uint8_t server) {
    struct registry_list *l = &r->lists[list];
    const struct registry_journal_entry entry = {
        .index = index,
        .sequence = l->sequence,
        .state = REGISTRY_UNKNOWN,
        .score = REGISTRY_NO_SCORE,
        .server = server,
    };
    return add(l, &entry);
}

/* Puts a cell back to what was known before an unproven result. What a right self-test has published since
 * then stays: only a verdict that began with the withdrawn result goes. */
static void withdraw(struct registry *r, uint32_t list, const struct registry_journal_entry *j) {
    struct registry_list *l = &r->lists[list];
    unsigned now = l->states[j->index];
    unsigned verdict = now & CELL_VERDICT;
    uint8_t score = registry_cell_score(l, j->index);
    if (l->scores != NULL) {
        verdict = j->state & CELL_VERDICT;
        score = j->score;
    } else if (verdict == REGISTRY_NOT_LISTED && (j->state & CELL_VERDICT) == REGISTRY_UNKNOWN) {
        verdict = REGISTRY_UNKNOWN;
    }
    unsigned kept = now & j->state & (CELL_FRESH | CELL_SAMPLED | CELL_SAMPLE_LISTED);
    if (verdict == REGISTRY_LISTED && l->scores == NULL)
        kept = now & (CELL_FRESH | CELL_SAMPLED | CELL_SAMPLE_LISTED);
    registry_cell_set(l, j->index, verdict | kept, score);
    registry_cell_stamp_set(r, list, j->index, j->stamp);
    struct registry_entry *entry = registry_entry_find(r, list, j->index);
    if (entry != NULL)
        entry->seen_codes = entry->codes;
}

uint32_t registry_mark(const struct registry *r, uint32_t list) {
    return r->lists[list].sequence;
}

static bool is_before(uint32_t sequence, uint32_t mark) {
    return (int32_t)(sequence - mark) < 0;
}

static void drop(struct registry_list *l, uint8_t server, uint32_t mark) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n_journal; i++) {
        const struct registry_journal_entry *j = &l->journal[i];
        if (j->server == server && is_before(j->sequence, mark))
            l->unproven[server]--;
        else
            l->journal[kept++] = *j;
    }
    l->n_journal = kept;
}

void registry_journal_prove(struct registry *r, uint32_t list, uint8_t server, uint32_t mark,
                            registry_proven_handler *proven, void *context) {
    struct registry_list *l = &r->lists[list];
    for (uint32_t i = 0; i < l->n_journal; i++) {
        const struct registry_journal_entry *j = &l->journal[i];
        struct registry_entry *entry = NULL;
        if (j->server == server && is_before(j->sequence, mark) && (l->states[j->index] & CELL_TRACKED) != 0)
            entry = registry_entry_find(r, list, j->index);
        if (entry != NULL)
            proven(context, entry);
    }
    drop(l, server, mark);
}

void registry_journal_withdraw(struct registry *r, uint32_t list, uint8_t server) {
    struct registry_list *l = &r->lists[list];
    for (uint32_t i = l->n_journal; i > 0; i--)
        if (l->journal[i - 1].server == server)
            withdraw(r, list, &l->journal[i - 1]);
    drop(l, server, l->sequence);
}

enum status registry_journal_carry(struct registry *r, uint32_t list, const struct registry *old,
                                   uint32_t old_list, registry_server_map *map, void *context) {
    struct registry_list *l = &r->lists[list];
    const struct registry_list *o = &old->lists[old_list];
    for (uint32_t i = 0; i < o->n_journal; i++) {
        struct registry_journal_entry j = o->journal[i];
        struct ip ip = target_ip(o->set, j.index);
        j.index = target_index(l->set, &ip);
        j.server = map(context, list, old_list, j.server);
        if (j.index != UINT32_MAX && !journal_push(l, &j))
            return STATUS_NO_MEMORY;
    }
    l->sequence = o->sequence;
    registry_journal_withdraw(r, list, REGISTRY_NO_SERVER);
    return STATUS_OK;
}
