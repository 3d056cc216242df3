/* SPDX-License-Identifier: Apache-2.0 */
#include "core/check_told.h"

#include "core/arena.h"
#include "core/rfc3339.h"
#include "core/why.h"

#include <stdlib.h>
#include <string.h>

struct told_result {
    bool told;
    struct check_result result;
};

struct check_told {
    struct arena arena; /* all text */
    const struct ip_range *ranges;
    size_t n_ranges;
    struct ip addresses[CHECK_TOLD_ADDRESSES];
    size_t n_addresses;
    struct list lists[LIST_MAX];
    enum health_state states[LIST_MAX];
    size_t n_lists;
    struct told_result results[CHECK_TOLD_ADDRESSES][LIST_MAX];
};

/* ---- addresses ---- */

static size_t find_address(const struct check_told *t, const struct ip *ip) {
    for (size_t i = 0; i < t->n_addresses; i++)
        if (ip_equal(&t->addresses[i], ip))
            return i;
    return SIZE_MAX;
}

static void add_addresses(struct check_told *t, const struct ip_range *range) {
    uint64_t n = ip_range_count(range);
    for (uint64_t i = 0; i < n && t->n_addresses < CHECK_TOLD_ADDRESSES; i++) {
        struct ip ip = ip_add(range->first, i);
        if (find_address(t, &ip) == SIZE_MAX)
            t->addresses[t->n_addresses++] = ip;
    }
}

struct check_told *check_told_new(const struct ip_range *ranges, size_t n) {
    struct check_told *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    arena_init(&t->arena);
    t->ranges = ranges;
    t->n_ranges = n;
    for (size_t i = 0; i < n; i++)
        add_addresses(t, &ranges[i]);
    return t;
}

void check_told_free(struct check_told *told) {
    if (told == NULL)
        return;
    arena_release(&told->arena);
    free(told);
}

const struct ip *check_told_addresses(const struct check_told *told, size_t *n) {
    *n = told->n_addresses;
    return told->addresses;
}

/* ---- values ---- */

/* The text of a value; NULL: it is not there, is null, or no scalar. */
static const char *text_of(const struct node *mapping, const char *key) {
    const struct node *node = node_find(mapping, key);
    return node != NULL && node->type == NODE_SCALAR && !node_is_null(node) ? node->text : NULL;
}

/* Which of `n` words a value is; -1: none. */
static int word_of(const struct node *mapping, const char *key, const char *const *words, int n) {
    const char *text = text_of(mapping, key);
    for (int i = 0; text != NULL && i < n; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return -1;
}

/* Keeps a text; "" for one that is not there. False: no memory. */
static bool keep(struct check_told *t, const char *text, const char **out) {
    *out = text != NULL ? arena_copy(&t->arena, text, strlen(text)) : "";
    return *out != NULL;
}

static int64_t time_of(const struct node *mapping, const char *key) {
    const char *text = text_of(mapping, key);
    int64_t wall_ns = INT64_MIN;
    if (text == NULL || rfc3339_parse(text, &wall_ns) != STATUS_OK)
        return INT64_MIN;
    return wall_ns;
}

static int score_of(const struct node *row) {
    const char *text = text_of(row, "score");
    if (text == NULL || strspn(text, "0123456789") != strlen(text) || strlen(text) > 3)
        return -1;
    return (int)strtol(text, NULL, 10);
}

static uint32_t took_of(const struct node *row) {
    const char *text = text_of(row, "latency_seconds");
    double seconds = text != NULL ? strtod(text, NULL) : -1;
    return seconds >= 0 && seconds < 4000 ? (uint32_t)(seconds * 1e6 + 0.5) : UINT32_MAX;
}

/* ---- lists ---- */

static enum status new_list(struct check_told *t, const struct node *row, int kind, struct list *list) {
    *list = (struct list){.kind = (enum list_kind)kind, .enabled = true};
    list->code_names = arena_array(&t->arena, LIST_MAX_CODES, sizeof *list->code_names);
    bool kept = keep(t, text_of(row, "list"), &list->name) && keep(t, text_of(row, "zone"), &list->zone) &&
                keep(t, text_of(row, "delisting_page"), &list->delist_url) &&
                keep(t, text_of(row, "note"), &list->note);
    return kept && list->code_names != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The list that a row is about, which is new if no answer has named it. */
static enum status list_of(struct check_told *t, const struct node *row, size_t *out) {
    const char *name = text_of(row, "list");
    int kind = word_of(row, "kind", list_kind_text, LIST_KINDS);
    if (name == NULL || kind < 0)
        return STATUS_SYNTAX;
    for (size_t i = 0; i < t->n_lists; i++) {
        if (strcmp(t->lists[i].name, name) == 0) {
            *out = i;
            return STATUS_OK;
        }
    }
    if (t->n_lists == LIST_MAX)
        return STATUS_SYNTAX;
    enum status status = new_list(t, row, kind, &t->lists[t->n_lists]);
    if (status == STATUS_OK)
        *out = t->n_lists++;
    return status;
}

/* The bit of a code; one without a name, and what there is no bit for, is LIST_CODE_OTHER. */
static enum status bit_of(struct check_told *t, struct list *list, const char *name, unsigned *bit) {
    *bit = LIST_CODE_OTHER;
    if (strcmp(name, list_code_name(list, LIST_CODE_OTHER)) == 0)
        return STATUS_OK;
    for (size_t i = 0; i < list->n_code_names; i++)
        if (strcmp(list->code_names[i], name) == 0)
            *bit = (unsigned)i;
    if (*bit != LIST_CODE_OTHER || list->n_code_names == LIST_MAX_CODES)
        return STATUS_OK;
    const char **names = (const char **)list->code_names; /* ours */
    if (!keep(t, name, &names[list->n_code_names]))
        return STATUS_NO_MEMORY;
    *bit = (unsigned)list->n_code_names++;
    return STATUS_OK;
}

static enum status read_codes(struct check_told *t, struct list *list, const struct node *row,
                              uint64_t *codes) {
    const struct node *names = node_find(row, "codes");
    enum status status = STATUS_OK;
    *codes = 0;
    if (names == NULL || names->type != NODE_SEQUENCE)
        return STATUS_SYNTAX;
    for (const struct node *name = names->first; status == STATUS_OK && name != NULL; name = name->next) {
        unsigned bit = LIST_CODE_OTHER;
        if (name->type == NODE_SCALAR)
            status = bit_of(t, list, name->text, &bit);
        *codes |= UINT64_C(1) << bit;
    }
    return status;
}

/* ---- rows ---- */

static enum status read_result(struct check_told *t, struct list *list, const struct node *row,
                               struct check_result *out) {
    int verdict = word_of(row, "verdict", registry_verdict_text, REGISTRY_LISTED + 1);
    const char *reason = text_of(row, "reason");
    const char *txt = text_of(row, "txt");
    *out = (struct check_result){.verdict = (enum registry_verdict)verdict,
                                 .score = score_of(row),
                                 .since_ns = time_of(row, "since"),
                                 .took_us = took_of(row)};
    if (out->since_ns == INT64_MIN)
        out->since_ns = time_of(row, "first_seen");
    if (verdict < 0 || (verdict == REGISTRY_UNKNOWN && reason == NULL))
        return STATUS_SYNTAX;
    if ((reason != NULL && !keep(t, reason, &out->reason)) || (txt != NULL && !keep(t, txt, &out->txt)))
        return STATUS_NO_MEMORY;
    return read_codes(t, list, row, &out->codes);
}

/* What a row says; of a list that is not asked about such addresses: that there is such a list. */
static enum status read_row(struct check_told *t, enum ip_family family, const struct node *row,
                            struct told_result *results, bool *open) {
    size_t number = 0;
    const char *reason = text_of(row, "reason");
    const char *is_open = text_of(row, "open");
    int state = word_of(row, "state", health_state_text, HEALTH_STATES);
    enum status status = row->type == NODE_MAPPING ? list_of(t, row, &number) : STATUS_SYNTAX;
    if (status != STATUS_OK)
        return status;
    if (reason != NULL && strcmp(reason, "family") == 0)
        return STATUS_OK;
    struct list *list = &t->lists[number];
    status = read_result(t, list, row, &results[number].result);
    if (status != STATUS_OK)
        return status;
    results[number].told = true;
    list->families[family] = true;
    t->states[number] = state >= 0 ? (enum health_state)state : HEALTH_UNKNOWN;
    *open = *open || (is_open != NULL && strcmp(is_open, "true") == 0);
    return STATUS_OK;
}

enum status check_told_add(struct check_told *told, size_t i, const struct node *answer, bool *open) {
    const struct node *rows = node_find(answer, "lists");
    struct told_result *results = calloc(LIST_MAX, sizeof *results);
    enum status status = rows != NULL && rows->type == NODE_SEQUENCE ? STATUS_OK : STATUS_SYNTAX;
    *open = false;
    if (results == NULL)
        return STATUS_NO_MEMORY;
    for (const struct node *row = status == STATUS_OK ? rows->first : NULL;
         row != NULL && status == STATUS_OK; row = row->next)
        status = read_row(told, told->addresses[i].family, row, results, open);
    if (status == STATUS_OK)
        memcpy(told->results[i], results, LIST_MAX * sizeof *results);
    free(results);
    return status;
}

/* ---- as a check ---- */

void check_told_interrupt(struct check_told *told) {
    for (size_t i = 0; i < told->n_addresses; i++) {
        for (size_t list = 0; list < told->n_lists; list++) {
            struct told_result *of = &told->results[i][list];
            if (of->told || !told->lists[list].families[told->addresses[i].family])
                continue;
            *of = (struct told_result){.told = true,
                                       .result = {.verdict = REGISTRY_UNKNOWN,
                                                  .reason = why_text(WHY_INTERRUPTED),
                                                  .score = -1,
                                                  .since_ns = INT64_MIN,
                                                  .took_us = UINT32_MAX}};
        }
    }
}

bool check_told_knows(const struct check_told *told, enum ip_family family) {
    for (size_t i = 0; i < told->n_lists; i++)
        if (told->lists[i].families[family])
            return true;
    return false;
}

unsigned check_told_listings(const struct check_told *told) {
    unsigned n = 0;
    for (size_t i = 0; i < told->n_addresses; i++)
        for (size_t list = 0; list < told->n_lists; list++)
            n += told->results[i][list].told && told->lists[list].kind == LIST_BLOCK &&
                 told->results[i][list].result.verdict == REGISTRY_LISTED;
    return n;
}

static enum check_stand stand(const struct check_view *view, uint32_t list, enum health_state *state) {
    const struct check_told *t = view->of;
    *state = t->states[list];
    return CHECK_ASKED;
}

static bool result_of(const struct check_view *view, uint32_t list, const struct ip *ip,
                      struct check_result *out) {
    const struct check_told *t = view->of;
    size_t i = find_address(t, ip);
    if (i == SIZE_MAX || !t->results[i][list].told)
        return false;
    *out = t->results[i][list].result;
    return true;
}

struct check_view check_told_view(const struct check_told *told) {
    return (struct check_view){.lists = told->lists,
                               .n_lists = told->n_lists,
                               .ranges = told->ranges,
                               .n_ranges = told->n_ranges,
                               .stand = stand,
                               .result = result_of,
                               .of = told};
}
