/* SPDX-License-Identifier: Apache-2.0 */
#include "core/restore.h"

#include "core/checker_internal.h"
#include "core/restore_internal.h"
#include "core/save_internal.h"

#include <stdlib.h>
#include <string.h>

struct restore *restore_new(struct checker *c, int64_t now_ns, int64_t wall_offset_ns) {
    struct restore *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->c = c;
    r->now_ns = now_ns;
    r->offset_ns = wall_offset_ns;
    return r;
}

struct restore *restore_new_lists(struct checker *c, const bool *chosen, int64_t now_ns,
                                  int64_t wall_offset_ns) {
    struct restore *r = restore_new(c, now_ns, wall_offset_ns);
    if (r != NULL)
        r->chosen = chosen;
    return r;
}

void restore_free(struct restore *r) {
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n_lists; i++)
        free(r->lists[i].data);
    free(r->lists);
    free(r->layout.spans);
    free(r->budgets);
    free(r->known);
    free(r);
}

/* ---- time ---- */

int64_t restore_due(const struct restore *r, struct unpack *u, int64_t ahead_ns) {
    int64_t wall_ns = unpack_i64(u);
    if (wall_ns == INT64_MIN)
        return INT64_MIN;
    if (wall_ns < 0) {
        u->bad = true;
        return r->now_ns;
    }
    int64_t latest_ns = r->now_ns + r->offset_ns + ahead_ns;
    return (wall_ns < latest_ns ? wall_ns : latest_ns) - r->offset_ns;
}

int64_t restore_moment(const struct restore *r, struct unpack *u) {
    return restore_due(r, u, 0);
}

uint32_t restore_stamp(const struct restore *r, struct unpack *u) {
    uint32_t unix_s = unpack_u32(u);
    uint32_t now = registry_stamp(r->c->registry, r->now_ns);
    if (unix_s == 0)
        return 0;
    int64_t stamp = (int64_t)unix_s - save_base_s(r->c->registry, r->offset_ns);
    if (stamp < 1)
        return 1;
    return stamp < now ? (uint32_t)stamp : now;
}

/* ---- lists ---- */

static struct restore_list *find_list(const struct restore *r, const char *name) {
    for (size_t i = 0; i < r->n_lists; i++)
        if (strcmp(r->lists[i].known.name, name) == 0)
            return &r->lists[i];
    return NULL;
}

static enum status add_list(struct restore *r, const struct record *record) {
    if (r->n_lists == r->lists_size) {
        size_t size = r->lists_size == 0 ? 32 : r->lists_size * 2;
        struct restore_list *lists = realloc(r->lists, size * sizeof *lists);
        if (lists == NULL)
            return STATUS_NO_MEMORY;
        r->lists = lists;
        r->lists_size = size;
    }
    struct restore_list list = {.index = UINT32_MAX, .len = record->len};
    struct unpack u = unpack_begin(record->data, record->len);
    unsigned format = unpack_u8(&u);
    unpack_text(&u, list.zone, sizeof list.zone);
    list.kind = (enum list_kind)unpack_u8(&u);
    unpack_text(&u, list.share, sizeof list.share);
    if (u.bad || format == 0 || format > RECORD_LIST_FORMAT || list.kind >= LIST_KINDS ||
        find_list(r, record->list) != NULL)
        return STATUS_SYNTAX;
    strncpy(list.known.name, record->list, sizeof list.known.name - 1);
    list.data = malloc(record->len);
    if (list.data == NULL)
        return STATUS_NO_MEMORY;
    memcpy(list.data, record->data, record->len);
    r->lists[r->n_lists++] = list;
    return STATUS_OK;
}

/* Which list each of the stored ones is now, and what LIST says of it. */
static enum status match_lists(struct restore *r) {
    const struct settings *s = r->c->settings;
    struct list_identity *now = calloc(s->n_lists + r->n_lists + 1, sizeof *now);
    if (now == NULL)
        return STATUS_NO_MEMORY;
    struct list_identity *before = now + s->n_lists;
    for (size_t i = 0; i < s->n_lists; i++)
        now[i] = (struct list_identity){s->lists[i].name, s->lists[i].zone, s->lists[i].kind};
    for (size_t i = 0; i < r->n_lists; i++)
        before[i] = (struct list_identity){r->lists[i].known.name, r->lists[i].zone, r->lists[i].kind};
    for (size_t i = 0; i < s->n_lists; i++) {
        size_t from = list_before(now, s->n_lists, i, before, r->n_lists);
        bool chosen = r->chosen == NULL || r->chosen[i];
        if (from != SIZE_MAX && chosen && r->c->lists[i].list != NULL)
            r->lists[from].index = (uint32_t)i;
    }
    free(now);
    r->matched = true;
    return STATUS_OK;
}

static enum status match_once(struct restore *r) {
    enum status worst = STATUS_OK;
    if (r->matched)
        return STATUS_OK;
    enum status status = match_lists(r);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < r->n_lists; i++) {
        if (r->lists[i].index == UINT32_MAX)
            continue;
        if (restore_list_data(r, &r->lists[i]) != STATUS_OK)
            worst = STATUS_SYNTAX;
    }
    return worst;
}

/* ---- records ---- */

static enum status address_record(struct restore *r, const struct record *record) {
    enum status matched = match_once(r);
    struct restore_list *list = find_list(r, record->list);
    if (matched == STATUS_NO_MEMORY)
        return matched;
    if (list == NULL)
        return STATUS_SYNTAX;
    enum status status = STATUS_SYNTAX;
    bool in_layout = r->layout.list == list && r->layout.generation == record->generation;
    if (record->kind == RECORD_LAYOUT)
        status = restore_layout_data(r, list, record);
    else if (record->kind == RECORD_CELLS && in_layout)
        status = restore_cells(r, record);
    else if (record->kind == RECORD_LOOKS && in_layout)
        status = restore_looks(r, record);
    else if (record->kind == RECORD_ENTRY)
        status = restore_entry(r, list, record);
    return status == STATUS_OK ? matched : status;
}

enum status restore_record(struct restore *r, const struct record *record) {
    switch (record->kind) {
    case RECORD_LIST: return r->matched ? STATUS_SYNTAX : add_list(r, record);
    case RECORD_BUDGET: return restore_budget_data(r, record);
    case RECORD_LAYOUT:
    case RECORD_CELLS:
    case RECORD_LOOKS:
    case RECORD_ENTRY: return address_record(r, record);
    case RECORD_FOLD:
    case RECORD_FOLDED:
    case RECORD_ENTRY_GONE:
    case RECORD_BUDGET_GONE:
    case RECORD_LIST_GONE:
    case RECORD_KEPT: /* not the checker's */
    case RECORD_KEPT_GONE:
    case RECORD_KINDS: break;
    }
    return STATUS_SYNTAX;
}

/* ---- the end ---- */

/* An entry for each address that needs one: it may not have got on the disk before a crash. */
static enum status make_entries(struct registry *registry, const struct checker_list *l, uint32_t list) {
    const struct registry_list *r = &registry->lists[list];
    for (uint32_t i = 0; r->scores == NULL && i < r->set->n; i++) {
        if (registry_verdict_of(r, i) != REGISTRY_LISTED || (r->states[i] & CELL_TRACKED) != 0)
            continue;
        struct registry_entry *entry = registry_restore_entry(registry, list, i);
        if (entry == NULL)
            return STATUS_NO_MEMORY;
        entry->since = entry->checked;
    }
    for (uint32_t i = 0; i < l->plan.n_rings; i++)
        for (uint32_t k = 0; k < l->plan.rings[i].n; k++)
            if (registry_verdict_of(r, l->plan.rings[i].members[k]) != REGISTRY_UNKNOWN &&
                registry_restore_entry(registry, list, l->plan.rings[i].members[k]) == NULL)
                return STATUS_NO_MEMORY;
    return STATUS_OK;
}

/* When the list was last looked at: for one that was away while the program ran. */
static int64_t last_look(const struct registry *r, uint32_t list) {
    uint32_t latest = 1;
    for (uint32_t i = 0; i < r->lists[list].set->n; i++) {
        uint32_t stamp = registry_cell_stamp(r, list, i);
        if (stamp > latest)
            latest = stamp;
    }
    return registry_ns(r, latest);
}

/* The time without the program is one in which the list could not be believed. */
static void settle_freezes(struct restore *r, const struct restore_list *stored, int64_t alive_ns) {
    struct registry_list *l = &r->c->registry->lists[stored->index];
    struct checker_list *list = &r->c->lists[stored->index];
    memcpy(l->freezes, stored->freezes, sizeof l->freezes);
    l->n_freezes = stored->n_freezes;
    l->frozen = true;
    l->frozen_since_ns = stored->frozen ? stored->frozen_since_ns : alive_ns;
    list->state = checker_state_of(r->c, stored->index, r->now_ns);
    registry_freeze(r->c->registry, stored->index, list->state != HEALTH_OK, r->now_ns);
}

/* What was listed when the store was last written was so until then; whether it still is, its cells say. If
 * nobody knows when that was, nobody knows of an end either. */
static void settle_safelists(const struct restore *r, uint32_t list, int64_t alive_ns) {
    struct registry *registry = r->c->registry;
    struct registry_list *l = &registry->lists[list];
    uint32_t alive = registry_stamp(registry, alive_ns > registry_ns(registry, 1) ? alive_ns : r->now_ns);
    for (uint32_t i = 0; i < r->c->targets->n_safelists; i++) {
        struct registry_safelist *s = &l->safelists[i];
        if (s->open && s->listed < alive)
            s->listed = alive;
        s->open = false;
    }
    registry_safelists_learn(registry, list);
}

/* Rings begin anew, and pass over what was asked within their interval. */
static void distrust_progress(struct plan *p, int64_t now_ns) {
    for (uint32_t i = 0; i < p->n_rings; i++) {
        p->rings[i].position = 0;
        p->rings[i].round = 0;
        p->rings[i].start_ns = now_ns;
        p->rings[i].ended_ns = 0;
    }
}

static enum status settle_list(struct restore *r, const struct restore_list *stored, int64_t alive_ns,
                               bool damaged) {
    struct checker *c = r->c;
    uint32_t list = stored->index;
    memcpy(c->lists[list].kept_as, stored->known.name, sizeof c->lists[list].kept_as);
    enum status status = make_entries(c->registry, &c->lists[list], list);
    if (r->chosen != NULL)
        alive_ns = last_look(c->registry, list);
    settle_safelists(r, list, alive_ns); /* some entries go when they have their places */
    if (status == STATUS_OK)
        status = checker_place_entries(c, list);
    settle_freezes(r, stored, alive_ns);
    for (int family = 0; status == STATUS_OK && family < IP_FAMILIES; family++) {
        uint32_t track = checker_active_track(&c->lists[list], (enum ip_family)family);
        int64_t right_ns = c->lists[list].tracks[track].health[family].right_ns;
        if (right_ns == INT64_MIN) /* another nameserver now: what the best of the old ones had proven */
            right_ns = stored->right_ns[family];
        if (right_ns == INT64_MIN)
            continue;
        status = registry_restore_unproven(c->registry, list, (enum ip_family)family,
                                           checker_registry_server(track, (enum ip_family)family),
                                           registry_stamp(c->registry, right_ns));
    }
    if (status != STATUS_OK)
        return status;
    checker_age_all(c, list, r->now_ns);
    if (damaged)
        distrust_progress(&c->lists[list].plan, r->now_ns);
    if (damaged || !stored->same_addresses)
        checker_sweep_rest(c, list, r->now_ns);
    return STATUS_OK;
}

/* What had been said of them once is not known, and nobody else would ask before their next turn. */
static enum status look_at_pending(struct restore *r, const struct restore_list *stored) {
    uint32_t list = stored->index;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < stored->n_pending && status != STATUS_NO_MEMORY; i++) {
        uint32_t index = target_index(r->c->registry->lists[list].set, &stored->pending[i]);
        if (index != UINT32_MAX)
            status = plan_add_look(&r->c->lists[list].plan, index, BUDGET_URGENT, r->now_ns);
    }
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

static enum status remember_known(struct restore *r) {
    r->known = calloc(r->n_lists + 1, sizeof *r->known);
    if (r->known == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < r->n_lists; i++) {
        r->known[i] = r->lists[i].known;
        if (r->lists[i].n_generations > 1) /* a fold was broken off: begin another */
            r->known[i].layout_hash = 0;
    }
    return STATUS_OK;
}

enum status restore_end(struct restore *r, int64_t alive_ns, bool damaged) {
    int64_t alive = alive_ns - r->offset_ns < r->now_ns ? alive_ns - r->offset_ns : r->now_ns;
    enum status status = match_once(r) == STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK && r->chosen == NULL)
        status = restore_budgets(r);
    for (size_t i = 0; status == STATUS_OK && i < r->n_lists; i++)
        if (r->lists[i].index != UINT32_MAX)
            status = settle_list(r, &r->lists[i], alive, damaged);
    for (size_t i = 0; status == STATUS_OK && i < r->n_lists; i++)
        if (r->lists[i].index != UINT32_MAX)
            status = look_at_pending(r, &r->lists[i]);
    if (status == STATUS_OK)
        status = remember_known(r);
    return status;
}

const struct save_known *restore_known(const struct restore *r, size_t *n) {
    *n = r->n_lists;
    return r->known;
}
