/* SPDX-License-Identifier: Apache-2.0
 *
 * A sweep in two laps.
 *
 * Two cursors go through the same order, one for each lap, past addresses that are of the other or done: some
 * nanoseconds each. What joins the first lap behind its cursor is remembered in a short queue, and when there
 * are too many of them, the first cursor goes round again: with that many to be found it has not far to go. A
 * search that finds nothing within STEPS gives the loop a rest.
 */
#include "core/plan.h"

#include "core/plan_internal.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 4096, WORD = 64 };

/* ---- bits ---- */

static size_t words_of(uint32_t n) {
    return n / WORD + 1;
}

static bool has(const uint64_t *bits, uint32_t index) {
    return (bits[index / WORD] >> index % WORD & 1) != 0;
}

static void put(uint64_t *bits, uint32_t index, bool value) {
    uint64_t bit = UINT64_C(1) << index % WORD;
    bits[index / WORD] = value ? bits[index / WORD] | bit : bits[index / WORD] & ~bit;
}

/* ---- birth ---- */

void plan_laps_free(struct plan_laps *l) {
    if (l == NULL)
        return;
    free(l->first);
    free(l->wanted);
    free(l->done);
    free(l);
}

static struct plan_laps *laps_new(uint32_t n) {
    struct plan_laps *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->first = calloc(words_of(n), sizeof *l->first);
    l->wanted = calloc(words_of(n), sizeof *l->wanted);
    l->done = calloc(words_of(n), sizeof *l->done);
    if (l->first != NULL && l->wanted != NULL && l->done != NULL)
        return l;
    plan_laps_free(l);
    return NULL;
}

/* The first lap from its beginning. */
static void want_first(struct plan_sweep *s) {
    struct plan_laps *l = s->laps;
    memcpy(l->wanted, l->first, words_of(s->n) * sizeof *l->wanted);
    l->n_wanted = l->n_first;
    l->at[0] = 0;
    l->n_late = 0;
}

void plan_laps_reset(struct plan_sweep *s) {
    if (s->laps == NULL)
        return;
    want_first(s);
    memset(s->laps->done, 0, words_of(s->n) * sizeof *s->laps->done);
    s->laps->at[1] = 0;
    s->laps->anew = false;
    s->rest_since_ns = INT64_MAX;
}

/* What was asked since the sweep began is for the caller to skip: nothing is known of it here. */
static void walk_again(struct plan_sweep *s) {
    if (!s->running)
        return;
    if (s->position > s->reached)
        s->reached = s->position;
    s->position = 0;
    if (s->skip_since_ns == INT64_MAX)
        s->skip_since_ns = s->started_ns;
    s->rest_since_ns = s->whole_ns;
}

enum status plan_set_laps(struct plan *p, plan_lap_of *is_first, const void *context) {
    struct plan_sweep *s = &p->sweep;
    struct plan_laps *l = laps_new(s->n);
    if (l == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t index = 0; index < s->n; index++) {
        if (!is_first(context, index))
            continue;
        put(l->first, index, true);
        l->n_first++;
    }
    plan_laps_free(s->laps);
    s->laps = l;
    plan_laps_reset(s);
    walk_again(s);
    return STATUS_OK;
}

/* ---- walking ---- */

static bool is_late_one(const struct plan_laps *l, uint32_t *index) {
    *index = l->late[l->late_head];
    return l->n_late > 0 && has(l->wanted, *index);
}

/* Moves a cursor on to the next address whose bit among `bits` is `value`; there is one. */
static bool walk(struct plan_sweep *s, unsigned lap, const uint64_t *bits, bool value, uint32_t *index) {
    uint32_t *at = &s->laps->at[lap];
    for (unsigned steps = 0; steps < STEPS; steps++) {
        if (*at == s->n)
            *at = 0;
        *index = permute_at(&s->order, *at);
        if (has(bits, *index) == value)
            return true;
        ++*at;
    }
    return false;
}

bool plan_laps_next(struct plan_sweep *s, int64_t now_ns, uint32_t *index) {
    struct plan_laps *l = s->laps;
    if (s->running && l->n_wanted == 0 && l->n_first > 0 && s->position < s->n &&
        now_ns - s->started_ns >= s->interval_ns) {
        want_first(s);
        l->anew = true;
    }
    for (; l->n_late > 0; l->n_late--) {
        if (is_late_one(l, index))
            return true;
        l->late_head = (l->late_head + 1) % PLAN_LATE;
    }
    if (l->n_wanted > 0)
        return walk(s, 0, l->wanted, true, index);
    return walk(s, 1, l->done, false, index);
}

void plan_laps_leave(struct plan_sweep *s, uint32_t index, int64_t now_ns) {
    struct plan_laps *l = s->laps;
    if (l->anew) {
        if (s->asked)
            s->last_interval_ns = now_ns - s->started_ns;
        s->started_ns = now_ns;
        s->skip_since_ns = INT64_MAX;
        s->reached = 0;
        l->anew = false;
    }
    l->n_wanted -= has(l->wanted, index);
    put(l->wanted, index, false);
    s->position += !has(l->done, index);
    put(l->done, index, true);
}

/* ---- changes ---- */

bool plan_is_first(const struct plan *p, uint32_t index) {
    return p->sweep.laps != NULL && has(p->sweep.laps->first, index);
}

void plan_lap_changed(struct plan *p, uint32_t index, bool is_first) {
    struct plan_laps *l = p->sweep.laps;
    if (l == NULL || index >= p->sweep.n || has(l->first, index) == is_first)
        return;
    put(l->first, index, is_first);
    l->n_first += is_first ? 1 : (uint32_t)-1;
    bool wanted = is_first && !has(l->done, index);
    if (wanted == has(l->wanted, index))
        return;
    put(l->wanted, index, wanted);
    l->n_wanted += wanted ? 1 : (uint32_t)-1;
    if (wanted && p->sweep.running && l->n_late < PLAN_LATE)
        l->late[(l->late_head + l->n_late++) % PLAN_LATE] = index;
}

int64_t plan_skip_since(const struct plan *p, uint32_t index) {
    const struct plan_sweep *s = &p->sweep;
    return s->laps != NULL && !has(s->laps->wanted, index) ? s->rest_since_ns : s->skip_since_ns;
}
