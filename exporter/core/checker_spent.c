/* SPDX-License-Identifier: Apache-2.0
 *
 * What allowances have spent, taken over by name: from the configuration before a reload, or from the store.
 * An allowance that has no name any more is kept aside, and counts again when it comes back.
 */
#include "core/checker.h"
#include "core/checker_internal.h"

#include <stdlib.h>
#include <string.h>

static const struct quota *find_spent(const struct checker_spent *spent, size_t n, const char *name,
                                      bool shared) {
    for (size_t i = 0; i < n; i++)
        if (spent[i].shared == shared && strcmp(spent[i].name, name) == 0)
            return spent[i].quota;
    return NULL;
}

/* A shared allowance that nobody had under its name: what the first list under it has spent, rather too much
 * than too little. */
static const struct quota *spent_by_members(const struct checker *c, size_t budget,
                                            const struct checker_spent *spent, size_t n) {
    const struct quota *most = NULL;
    for (size_t i = 0; i < c->settings->n_lists; i++) {
        const struct list *list = &c->settings->lists[i];
        const struct quota *one =
            list->budget.share == (int)budget ? find_spent(spent, n, list->name, false) : NULL;
        if (one != NULL && one->limit > 0 && (most == NULL || one->used > most->used))
            most = one;
    }
    return most;
}

static bool still_named(const struct checker *c, const char *name, bool shared) {
    for (size_t i = 0; shared && i < c->settings->n_budgets; i++)
        if (strcmp(c->settings->budgets[i].name, name) == 0)
            return true;
    for (size_t i = 0; !shared && i < c->settings->n_lists; i++)
        if (strcmp(c->settings->lists[i].name, name) == 0 && checker_quota(c, (uint32_t)i)->limit > 0)
            return true;
    return false;
}

static void retire(struct checker *c, const struct checker_spent *spent) {
    if (!spent->own || spent->quota->limit == 0 || spent->quota->used == 0 ||
        still_named(c, spent->name, spent->shared))
        return;
    struct checker_retired *retired = &c->retired[c->n_retired++];
    strncpy(retired->name, spent->name, sizeof retired->name - 1);
    retired->shared = spent->shared;
    retired->quota = *spent->quota;
    quota_reserve(&retired->quota, false);
}

enum status checker_take_spent(struct checker *c, const struct checker_spent *spent, size_t n,
                               int64_t now_ns) {
    const struct settings *s = c->settings;
    c->retired = calloc(n + 1, sizeof *c->retired);
    if (c->retired == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        retire(c, &spent[i]);
    for (size_t i = 0; i < s->n_budgets; i++) {
        const struct quota *from = find_spent(spent, n, s->budgets[i].name, true);
        if (from == NULL)
            from = spent_by_members(c, i, spent, n);
        if (from != NULL && from->limit > 0)
            quota_carry(&c->quotas[i], from, now_ns);
    }
    for (size_t i = 0; i < s->n_lists; i++) {
        const struct quota *from = find_spent(spent, n, s->lists[i].name, false);
        struct quota *own = &c->quotas[s->n_budgets + i];
        if (s->lists[i].budget.share < 0 && own->limit > 0 && from != NULL && from->limit > 0)
            quota_carry(own, from, now_ns);
    }
    return STATUS_OK;
}

/* ---- reservation ---- */

/* Lists that waited for it look again. */
static void wake_payers(struct checker *c, const struct quota *quota, int64_t now_ns) {
    for (uint32_t i = 0; i < c->settings->n_lists; i++)
        if (c->lists[i].list != NULL && checker_quota(c, i) == quota)
            c->lists[i].wake_ns = now_ns;
}

void checker_granted(struct checker *c, size_t number, int64_t now_ns) {
    quota_granted(&c->quotas[number]);
    wake_payers(c, &c->quotas[number], now_ns);
}

void checker_reserve(struct checker *c, bool reserves, int64_t now_ns) {
    for (size_t i = 0; i < c->settings->n_budgets + c->settings->n_lists; i++) {
        quota_reserve(&c->quotas[i], reserves);
        wake_payers(c, &c->quotas[i], now_ns);
    }
}
