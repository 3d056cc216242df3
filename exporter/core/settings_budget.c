/* SPDX-License-Identifier: Apache-2.0 */
#include "core/settings_internal.h"

#include <string.h>

static int find_budget(const struct budget_settings *budgets, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(budgets[i].name, name) == 0)
            return (int)i;
    return -1;
}

static void read_budget(struct settings_reader *r, const struct node *node) {
    char shown[SETTINGS_SHOWN_SIZE];
    struct budget_settings budget = {.per_ns = SETTINGS_DAY_NS};
    if (!settings_is_name(node->key->text)) {
        settings_error(r, node->key, "%s is no name for a budget; expected 1 to 63 of letters, digits, _ . -",
                       settings_show(node->key, shown));
        return;
    }
    settings_read_section(r, SECTION_BUDGET, "a budget", node, &budget);
    budget.name = arena_copy(r->arena, node->key->text, node->key->len);
    if (budget.name)
        r->budgets[r->n_budgets++] = budget;
    else
        r->problems->no_memory = true;
}

void settings_read_budgets(struct settings_reader *r, const struct node *node) {
    size_t n = (node ? node->n_children : 0) + r->n_known_budgets;
    r->budgets = settings_alloc(r, n, sizeof *r->budgets);
    if (!r->budgets || !node)
        return;
    for (const struct node *child = node->first; child; child = child->next)
        read_budget(r, child);
}

int settings_budget_index(struct settings_reader *r, const char *name) {
    int index = find_budget(r->budgets, r->n_budgets, name);
    if (index >= 0)
        return index;
    int known = find_budget(r->known_budgets, r->n_known_budgets, name);
    if (known < 0)
        return -1;
    struct budget_settings *budget = &r->budgets[r->n_budgets];
    *budget = r->known_budgets[known];
    budget->name = arena_copy(r->arena, name, strlen(name));
    if (!budget->name) {
        r->problems->no_memory = true;
        return -1;
    }
    return (int)r->n_budgets++;
}

static void refuse_share(struct settings_reader *r, const struct node *value) {
    const char *near = NULL;
    for (size_t i = 0; i < r->n_budgets && settings_wants_suggestion(r); i++)
        near = settings_nearer(value->text, near, r->budgets[i].name);
    for (size_t i = 0; i < r->n_known_budgets && settings_wants_suggestion(r); i++)
        near = settings_nearer(value->text, near, r->known_budgets[i].name);
    char hint[96];
    char shown[SETTINGS_SHOWN_SIZE];
    settings_error(r, value, "there is no budget %s under \"budgets\", nor a built-in one%s",
                   settings_show(value, shown), settings_did_you_mean(near, hint, sizeof hint));
}

void settings_read_share(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                         void *target) {
    struct list *list = target;
    if (value->type != NODE_SCALAR || !settings_is_name(value->text)) {
        settings_wrong(r, key, value);
        return;
    }
    int index = settings_budget_index(r, value->text);
    if (index >= 0)
        list->budget.share = index;
    else if (!r->problems->no_memory)
        refuse_share(r, value);
}

/* The allowance: what is written replaces what was there of its kind, share or quota. */
static void settle_quota(struct settings_reader *r, const struct node *node, const struct list_budget *before,
                         struct list_budget *budget) {
    const struct node *share = node_find(node, "share");
    const struct node *queries = node_find(node, "queries");
    const struct node *per = node_find(node, "per");
    bool unlimited = queries && budget->queries == 0;
    if (share && (queries || per)) {
        const struct node *other = queries ? queries : per;
        settings_error(r, other->key, "\"share\" and \"%s\" exclude each other", other->key->text);
    } else if (share) {
        budget->queries = 0;
        budget->per_ns = 0;
    } else if (per && (unlimited || (!queries && before->queries == 0))) {
        settings_error(r, per->key, "\"per\" needs a number of \"queries\" beside it");
    } else if (queries) {
        budget->share = -1;
        if (!per)
            budget->per_ns = unlimited ? 0 : before->queries > 0 ? before->per_ns : SETTINGS_DAY_NS;
    }
}

void settings_read_list_budget(struct settings_reader *r, const struct schema_key *key,
                               const struct node *value, void *target) {
    struct list *list = target;
    struct list_budget before = list->budget;
    if (!settings_read_section(r, SECTION_LIST_BUDGET, key->name, value, list))
        return;
    settle_quota(r, value, &before, &list->budget);
    if (node_find(value, "rate") && !node_find(value, "burst"))
        list->budget.burst = list->budget.rate > 10 ? list->budget.rate / 10 : 1;
}
