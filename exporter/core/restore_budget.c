/* SPDX-License-Identifier: Apache-2.0
 *
 * What allowances have spent. It counts under the name that the list or budget has now; of one that has no
 * name any more it is kept aside, in case it comes back.
 */
#include "core/restore_internal.h"

#include "core/checker_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LONGEST_PER_NS (INT64_C(1000000000) * 86400 * 3660)

static void read_slots(struct unpack *u, struct quota *q) {
    uint32_t n = unpack_u32(u);
    for (uint32_t i = 0; i < n && !u->bad; i++) {
        uint32_t age = unpack_u32(u);
        uint32_t queries = unpack_u32(u);
        if (age >= QUOTA_SLOTS) {
            u->bad = true;
            return;
        }
        q->slots[(QUOTA_SLOTS - age) % QUOTA_SLOTS] = queries;
        q->used += queries;
    }
}

/* The rounding of many small fillings may have brought it a little below 0. */
static double read_tokens(struct unpack *u, uint64_t limit) {
    double tokens = unpack_double(u);
    if (tokens < -1)
        u->bad = true;
    if (tokens > (double)limit) /* the limit was lowered since */
        return (double)limit;
    return tokens > 0 ? tokens : 0;
}

static void read_quota(const struct restore *r, struct unpack *u, struct quota *q) {
    q->limit = unpack_u64(u);
    q->per_ns = unpack_i64(u);
    for (unsigned i = 0; i < BUDGET_CLASSES; i++)
        q->tokens[i] = read_tokens(u, q->limit);
    q->spare = read_tokens(u, q->limit);
    q->filled_ns = restore_moment(r, u);
    q->slot_start_ns = restore_moment(r, u);
    q->reserved = unpack_u64(u);
    if (q->limit == 0 || q->per_ns <= 0 || q->per_ns > LONGEST_PER_NS || q->filled_ns == INT64_MIN ||
        q->slot_start_ns == INT64_MIN || q->reserved > UINT32_MAX)
        u->bad = true;
    if (!u->bad)
        read_slots(u, q);
}

enum status restore_budget_data(struct restore *r, const struct record *record) {
    struct unpack u = unpack_begin(record->data, record->len);
    struct restore_budget budget = {.shared = record->number != 0};
    struct quota kept = {.limit = 0};
    unsigned format = unpack_u8(&u);
    read_quota(r, &u, &kept);
    if (format != RECORD_FORMAT || !unpack_is_done(&u))
        return STATUS_SYNTAX;
    if (r->n_budgets == r->budgets_size) {
        size_t size = r->budgets_size == 0 ? 16 : r->budgets_size * 2;
        struct restore_budget *budgets = realloc(r->budgets, size * sizeof *budgets);
        if (budgets == NULL)
            return STATUS_NO_MEMORY;
        r->budgets = budgets;
        r->budgets_size = size;
    }
    strncpy(budget.name, record->list, sizeof budget.name - 1);
    quota_init(&budget.quota, kept.limit, kept.per_ns, r->now_ns);
    quota_restore(&budget.quota, &kept, r->now_ns);
    r->budgets[r->n_budgets++] = budget;
    return STATUS_OK;
}

static const struct quota *find(const struct restore *r, const char *name, bool shared) {
    for (size_t i = 0; i < r->n_budgets; i++)
        if (r->budgets[i].shared == shared && strcmp(r->budgets[i].name, name) == 0)
            return &r->budgets[i].quota;
    return NULL;
}

/* Whether a list's own budget is that of a list which has another name now. */
static bool is_renamed(const struct restore *r, const struct restore_budget *budget) {
    for (size_t i = 0; !budget->shared && i < r->n_lists; i++)
        if (r->lists[i].index != UINT32_MAX && strcmp(r->lists[i].known.name, budget->name) == 0)
            return strcmp(r->c->settings->lists[r->lists[i].index].name, budget->name) != 0;
    return false;
}

/* What paid for a list then, under the name that it has now, comes first: what was kept aside under it is
 * older. */
static size_t collect(const struct restore *r, struct checker_spent *out) {
    size_t n = 0;
    for (size_t i = 0; i < r->n_lists; i++) {
        const struct restore_list *list = &r->lists[i];
        const struct quota *paid =
            list->share[0] != '\0' ? find(r, list->share, true) : find(r, list->known.name, false);
        if (list->index != UINT32_MAX && paid != NULL)
            out[n++] = (struct checker_spent){r->c->settings->lists[list->index].name, false, paid, false};
    }
    for (size_t i = 0; i < r->n_budgets; i++)
        out[n++] = (struct checker_spent){r->budgets[i].name, r->budgets[i].shared, &r->budgets[i].quota,
                                          !is_renamed(r, &r->budgets[i])};
    return n;
}

enum status restore_budgets(struct restore *r) {
    struct checker_spent *spent = calloc(r->n_budgets + r->n_lists + 1, sizeof *spent);
    if (spent == NULL)
        return STATUS_NO_MEMORY;
    enum status status = checker_take_spent(r->c, spent, collect(r, spent), r->now_ns);
    free(spent);
    return status;
}

/* ---- what nobody needs any more ---- */

static bool is_needed(const struct restore *r, const struct restore_budget *budget) {
    const struct settings *s = r->c->settings;
    bool needed = budget->quota.used > 0;
    for (size_t i = 0; budget->shared && i < s->n_budgets; i++)
        needed = needed || strcmp(s->budgets[i].name, budget->name) == 0;
    for (size_t i = 0; !budget->shared && i < s->n_lists; i++)
        needed = needed || strcmp(s->lists[i].name, budget->name) == 0;
    return needed;
}

/* Whether a list is kept under a name that it had before, and under that which it has now as well. */
static bool is_former_name(const struct restore *r, const struct restore_list *list) {
    const struct settings *s = r->c->settings;
    bool former = false;
    for (size_t i = 0; i < r->n_lists && list->index == UINT32_MAX; i++)
        former = former || (r->lists[i].index != UINT32_MAX && r->lists[i].kind == list->kind &&
                            strcasecmp(r->lists[i].zone, list->zone) == 0);
    for (size_t i = 0; i < s->n_lists; i++)
        former = former && strcmp(s->lists[i].name, list->known.name) != 0;
    return former;
}

bool restore_next_gone(struct restore *r, struct record *out) {
    while (r->next_gone < r->n_budgets + r->n_lists) {
        size_t at = r->next_gone++;
        const struct restore_budget *budget = at < r->n_budgets ? &r->budgets[at] : NULL;
        const struct restore_list *list = budget == NULL ? &r->lists[at - r->n_budgets] : NULL;
        if (budget != NULL && !is_needed(r, budget)) {
            *out =
                (struct record){.kind = RECORD_BUDGET_GONE, .list = budget->name, .number = budget->shared};
            return true;
        }
        if (list != NULL && is_former_name(r, list)) {
            *out = (struct record){.kind = RECORD_LIST_GONE, .list = list->known.name};
            return true;
        }
    }
    return false;
}
