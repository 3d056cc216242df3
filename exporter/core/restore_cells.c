/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of single addresses. Indexes are those of the layout that was read last.
 */
#include "core/restore_internal.h"

#include <stdlib.h>
#include <string.h>

enum { SPAN_BYTES = 17 + 4 };

/* ---- LAYOUT ---- */

static bool read_spans(struct unpack *u, struct restore_layout *layout) {
    uint64_t base = 0;
    for (uint32_t i = 0; i < layout->n_spans; i++) {
        struct target_span *span = &layout->spans[i];
        unpack_ip(u, &span->first);
        span->count = unpack_u32(u);
        span->base = (uint32_t)base;
        base += span->count;
        if (u->bad || span->count == 0 || base > layout->n ||
            (span->first.family == IP_V4 && span->first.lo + span->count - 1 > UINT32_MAX))
            return false;
    }
    return unpack_is_done(u) && base == layout->n;
}

/* Who was not in the layout is new. */
static enum status welcome(const struct restore *r, const struct restore_list *list) {
    struct checker_list *l = &r->c->lists[list->index];
    struct target_set before = {.spans = r->layout.spans, .n_spans = r->layout.n_spans};
    struct target_map map = {.n = 0};
    enum status status = target_map_make(&map, l->plan.set, &before);
    if (status == STATUS_OK)
        status = plan_welcome(&l->plan, l->list, &map, NULL, r->now_ns);
    target_map_release(&map);
    return status;
}

enum status restore_layout_data(struct restore *r, struct restore_list *list, const struct record *record) {
    struct restore_layout *layout = &r->layout;
    struct unpack u = unpack_begin(record->data, record->len);
    unsigned format = unpack_u8(&u);
    layout->list = NULL;
    layout->n = unpack_u32(&u);
    (void)unpack_u32(&u); /* how many of them are swept: part of the hash, no more */
    layout->n_spans = unpack_u32(&u);
    if (u.bad || format != RECORD_FORMAT || layout->n_spans != u.left / SPAN_BYTES || layout->n > INT32_MAX)
        return STATUS_SYNTAX;
    free(layout->spans);
    layout->spans = calloc(layout->n_spans + 1, sizeof *layout->spans);
    if (layout->spans == NULL)
        return STATUS_NO_MEMORY;
    if (!read_spans(&u, layout))
        return STATUS_SYNTAX;
    list->n_generations++;
    list->known.generation = record->generation;
    list->known.layout_hash = pack_hash(record->data, record->len) | 1;
    list->known.looks_bytes = 0;
    list->same_addresses = false;
    layout->list = list;
    layout->generation = record->generation;
    layout->same = list->index != UINT32_MAX &&
                   save_layout_hash(r->c->registry->lists[list->index].set) == list->known.layout_hash;
    list->same_addresses = layout->same;
    if (list->index == UINT32_MAX)
        return STATUS_OK;
    return welcome(r, list);
}

/* The index now of what had `index` then; UINT32_MAX: it is no target any more. */
static uint32_t translate(const struct restore *r, uint32_t index) {
    const struct restore_layout *layout = &r->layout;
    if (layout->same)
        return index;
    const struct target_span *span = target_span_find(layout->spans, layout->n_spans, index);
    struct ip ip = ip_add(span->first, index - span->base);
    return target_index(r->c->registry->lists[layout->list->index].set, &ip);
}

/* ---- CELLS and LOOKS ---- */

struct look {
    uint32_t index;
    unsigned state;
    uint32_t checked;
    uint32_t sampled; /* if `apart` */
    uint8_t score;
    bool apart;
};

static bool is_sound(const struct look *look) {
    unsigned verdict = look->state & CELL_VERDICT;
    return verdict <= REGISTRY_LISTED && (verdict == REGISTRY_UNKNOWN || look->checked != 0) &&
           (look->score <= 100 || look->score == REGISTRY_NO_SCORE);
}

/* An address that was sampled at another time than it was checked; UINT32_MAX: it is no target any more. */
static enum status apply_sampled(struct restore *r, uint32_t index, uint32_t sampled) {
    if (index == UINT32_MAX)
        return STATUS_OK;
    struct registry_entry *entry = registry_restore_entry(r->c->registry, r->layout.list->index, index);
    if (entry == NULL)
        return STATUS_NO_MEMORY;
    entry->sampled = sampled;
    return STATUS_OK;
}

/* Returns its index now. */
static uint32_t apply(struct restore *r, const struct look *look) {
    uint32_t index = translate(r, look->index);
    if (index != UINT32_MAX)
        registry_restore_cell(r->c->registry, r->layout.list->index, index,
                              look->state & ~(unsigned)CELL_MARKS, look->score, look->checked, look->checked);
    return index;
}

/* Looks that stand apart at the end of a chunk: index and when it was sampled. */
static enum status read_sampled(struct restore *r, struct unpack *u) {
    uint32_t n = unpack_u32(u);
    for (uint32_t i = 0; !u->bad && i < n; i++) {
        uint32_t at = unpack_u32(u);
        uint32_t sampled = restore_stamp(r, u);
        if (u->bad || at >= r->layout.n)
            return STATUS_SYNTAX;
        enum status status = apply_sampled(r, translate(r, at), sampled);
        if (status != STATUS_OK)
            return status;
    }
    return unpack_is_done(u) ? STATUS_OK : STATUS_SYNTAX;
}

enum status restore_cells(struct restore *r, const struct record *record) {
    struct unpack u = unpack_begin(record->data, record->len);
    uint64_t from = (uint64_t)record->number * RECORD_CHUNK;
    unsigned format = unpack_u8(&u);
    bool scored = unpack_u8(&u) != 0;
    uint32_t n = unpack_u32(&u);
    if (u.bad || format != RECORD_FORMAT || n > RECORD_CHUNK || from + n > r->layout.n)
        return STATUS_SYNTAX;
    if (r->layout.list->index == UINT32_MAX)
        return STATUS_OK;
    struct unpack states = unpack_begin(unpack_bytes(&u, n), n);
    struct unpack stamps = unpack_begin(unpack_bytes(&u, n * (size_t)4), n * (size_t)4);
    const uint8_t *scores = scored ? unpack_bytes(&u, n) : NULL;
    if (u.bad)
        return STATUS_SYNTAX;
    for (uint32_t i = 0; i < n; i++) {
        struct look look = {.index = (uint32_t)from + i, .state = unpack_u8(&states)};
        look.checked = restore_stamp(r, &stamps);
        look.score = scores != NULL ? scores[i] : (uint8_t)REGISTRY_NO_SCORE;
        if (!is_sound(&look))
            return STATUS_SYNTAX;
        (void)apply(r, &look);
    }
    return read_sampled(r, &u);
}

enum status restore_looks(struct restore *r, const struct record *record) {
    struct unpack u = unpack_begin(record->data, record->len);
    struct restore_list *list = r->layout.list;
    list->known.looks_bytes += record->len;
    unsigned format = unpack_u8(&u);
    if (format == 0 || format > RECORD_LOOKS_FORMAT)
        return STATUS_SYNTAX;
    if (list->index == UINT32_MAX)
        return STATUS_OK;
    restore_progress(r, list, &u, format > 1);
    uint32_t n = unpack_u32(&u);
    bool scored = list->kind == LIST_REPUTATION;
    for (uint32_t i = 0; i < n; i++) {
        struct look look = {.index = unpack_u32(&u), .score = REGISTRY_NO_SCORE};
        unsigned state = unpack_u8(&u);
        look.apart = (state & RECORD_SAMPLED) != 0;
        look.state = state & ~(unsigned)RECORD_SAMPLED;
        look.checked = restore_stamp(r, &u);
        if (scored)
            look.score = (uint8_t)unpack_u8(&u);
        if (look.apart)
            look.sampled = restore_stamp(r, &u);
        if (u.bad || look.index >= r->layout.n || !is_sound(&look))
            return STATUS_SYNTAX;
        uint32_t index = apply(r, &look);
        enum status status = look.apart ? apply_sampled(r, index, look.sampled) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
    }
    return unpack_is_done(&u) ? STATUS_OK : STATUS_SYNTAX;
}

/* ---- ENTRY ---- */

/* Codes that the configuration names no more are "other". */
static uint64_t read_codes(struct unpack *u, const struct list *list) {
    uint64_t codes = 0;
    unsigned n = unpack_u8(u);
    for (unsigned i = 0; i < n && !u->bad; i++) {
        char name[RECORD_NAME_SIZE];
        unsigned bit = LIST_CODE_OTHER;
        unpack_text(u, name, sizeof name);
        for (unsigned k = 0; k < list->n_code_names; k++)
            if (strcmp(list->code_names[k], name) == 0)
                bit = k;
        codes |= UINT64_C(1) << bit;
    }
    return codes;
}

enum status restore_entry(struct restore *r, const struct restore_list *list, const struct record *record) {
    struct unpack u = unpack_begin(record->data, record->len);
    char txt[CHECKER_TXT_SIZE];
    if (unpack_u8(&u) != RECORD_FORMAT)
        return STATUS_SYNTAX;
    if (list->index == UINT32_MAX)
        return STATUS_OK;
    const struct registry_list *l = &r->c->registry->lists[list->index];
    uint32_t since = restore_stamp(r, &u);
    uint32_t changed = restore_stamp(r, &u);
    uint64_t codes = read_codes(&u, l->list);
    unpack_text(&u, txt, sizeof txt);
    if (!unpack_is_done(&u))
        return STATUS_SYNTAX;
    uint32_t index = target_index(l->set, &record->ip);
    if (index == UINT32_MAX)
        return STATUS_OK;
    struct registry_entry *entry = registry_restore_entry(r->c->registry, list->index, index);
    if (entry == NULL)
        return STATUS_NO_MEMORY;
    entry->since = since;
    entry->changed = changed;
    entry->codes = codes;
    entry->seen_codes = codes;
    free(entry->txt);
    entry->txt = txt[0] != '\0' ? strdup(txt) : NULL; /* a reason is worth no failure */
    return STATUS_OK;
}
