/* SPDX-License-Identifier: Apache-2.0
 *
 * Rings: which addresses they hold, in which order they are asked and when, and how they go on when others
 * come or the program begins anew.
 *
 * The order is that of a hash of each address, so that neighbours are not asked in a row, and how far a ring
 * has come is a place in that order. It means the same in any ring: one that changes goes on where it was,
 * and what was not asked for the longest time is next. Were it begun anew, and this again and again before it
 * is through, the last would never be asked. Who comes anew is asked before, once, by turns with those whose
 * turn it is: so no address, answered or not, and however many come and go, keeps others from theirs.
 *
 * Rejected: the order of how old results are. An address that is never answered would come first each time.
 */
#include "core/plan_internal.h"

#include <assert.h>
#include <stdlib.h>

enum { JITTER_SHARE = 10 }; /* an address is asked at most a tenth of its interval early */

uint64_t plan_mix(uint64_t x) {
    x ^= x >> 31;
    x *= UINT64_C(0x7fb5d329728ea185);
    x ^= x >> 27;
    x *= UINT64_C(0x81dadef4bc2dd44d);
    return x ^ x >> 33;
}

/* ---- birth ---- */

static int64_t interval_of(const struct list *list, const struct target_watch *watch) {
    return list->interval_ns != 0 ? list->interval_ns : watch->interval_ns;
}

static struct plan_ring *find_ring(const struct plan *p, int64_t interval_ns) {
    for (uint32_t i = 0; i < p->n_rings; i++)
        if (p->rings[i].interval_ns == interval_ns)
            return &p->rings[i];
    return NULL;
}

/* That of one who has been put into a ring. */
static struct plan_ring *get_ring(const struct plan *p, const struct list *list,
                                  const struct target_watch *watch) {
    struct plan_ring *ring = find_ring(p, interval_of(list, watch));
    assert(ring != NULL);
    return ring;
}

static struct plan_ring *make_ring(struct plan *p, int64_t interval_ns, int64_t now_ns) {
    struct plan_ring *ring = find_ring(p, interval_ns);
    if (ring != NULL)
        return ring;
    struct plan_ring *rings = realloc(p->rings, (p->n_rings + 1) * sizeof *rings);
    if (rings == NULL)
        return NULL;
    p->rings = rings;
    rings[p->n_rings] = (struct plan_ring){.interval_ns = interval_ns, .start_ns = now_ns};
    return &rings[p->n_rings++];
}

/* Several rings share the order of the set. */
static enum status part_members(struct plan *p, const struct list *list) {
    uint32_t *next = p->members = calloc((size_t)p->set->n_watched + 1, sizeof *p->members);
    uint32_t **ends = calloc((size_t)p->n_rings + 1, sizeof *ends);
    if (next != NULL && ends != NULL) {
        for (uint32_t r = 0; r < p->n_rings; r++) {
            p->rings[r].members = ends[r] = next;
            next += p->rings[r].n;
        }
        for (uint32_t i = 0; i < p->set->n_watched; i++) {
            const struct target_watch *watch = &p->set->watched[p->set->turns[i]];
            *ends[get_ring(p, list, watch) - p->rings]++ = watch->index;
        }
    }
    bool has_memory = p->members != NULL && ends != NULL;
    free(ends);
    return has_memory ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status plan_rings_make(struct plan *p, const struct list *list, int64_t now_ns) {
    for (uint32_t i = 0; i < p->set->n_watched; i++) {
        struct plan_ring *ring = make_ring(p, interval_of(list, &p->set->watched[i]), now_ns);
        if (ring == NULL)
            return STATUS_NO_MEMORY;
        ring->n++;
    }
    if (p->n_rings > 1)
        return part_members(p, list);
    if (p->n_rings == 1)
        p->rings[0].members = p->set->turn_indexes;
    return STATUS_OK;
}

uint32_t plan_ring_of(const struct plan *p, const struct list *list, uint32_t index) {
    if (p->n_rings == 1 && index >= p->set->n_swept)
        return 0;
    uint32_t number = target_watched_find(p->set, index);
    if (number == UINT32_MAX)
        return UINT32_MAX;
    return (uint32_t)(get_ring(p, list, &p->set->watched[number]) - p->rings);
}

void plan_rings_release(struct plan *p) {
    for (uint32_t i = 0; i < p->n_rings; i++)
        free(p->rings[i].newcomers);
    free(p->rings);
    free(p->members);
}

/* ---- going round ---- */

int64_t plan_ring_jitter(const struct plan_ring *ring) {
    return ring->interval_ns / (ring->n > JITTER_SHARE ? ring->n : JITTER_SHARE);
}

int64_t plan_ring_due(const struct plan_ring *ring) {
    if (ring->round == 0)
        return ring->start_ns;
    int64_t place = (int64_t)((__int128)ring->interval_ns * (ring->position + 1) / ring->n);
    int64_t step = plan_ring_jitter(ring);
    uint64_t random = plan_mix(((uint64_t)ring->round << 32) | ring->members[ring->position]);
    return ring->start_ns + place - (int64_t)((__int128)step * (random >> 40) >> 24);
}

static void end_round(struct plan_ring *ring, int64_t now_ns) {
    ring->position = 0;
    if (ring->round > 0) {
        /* Rounds overlap a little when one is late; what an address sees is from end to end. A single round
         * says little when it is short of addresses or two rings take turns: of each, an eighth counts. */
        int64_t took_ns = now_ns - (ring->ended_ns != 0 ? ring->ended_ns : ring->start_ns);
        ring->last_ns += ring->last_ns == 0 ? took_ns : (took_ns - ring->last_ns) / 8;
        /* A round that took longer than its interval does not make the next one hurry. */
        bool late = now_ns - ring->start_ns > ring->interval_ns + ring->interval_ns / 4;
        ring->start_ns = late ? now_ns : ring->start_ns + ring->interval_ns;
    } else {
        ring->start_ns = now_ns;
    }
    ring->ended_ns = now_ns;
    ring->round++;
}

bool plan_ring_welcomes(const struct plan_ring *ring, int64_t now_ns) {
    return ring->n_newcomers > 0 && (!ring->members_turn || plan_ring_due(ring) > now_ns);
}

void plan_ring_advance(struct plan_ring *ring, bool newcomer, int64_t now_ns) {
    ring->members_turn = newcomer;
    if (newcomer)
        ring->n_newcomers--;
    else if (++ring->position == ring->n)
        end_round(ring, now_ns);
}

void plan_rings_restart(struct plan *p, int64_t now_ns) {
    for (uint32_t i = 0; i < p->n_rings; i++) {
        struct plan_ring *ring = &p->rings[i];
        ring->n_newcomers = 0;
        ring->position = 0;
        ring->round = 0;
        ring->start_ns = now_ns;
        ring->ended_ns = 0;
        ring->last_ns = 0;
    }
}

/* ---- going on ---- */

uint32_t plan_ring_place(const struct plan *p, const struct plan_ring *ring) {
    return target_place(p->set, ring->members[ring->position]);
}

/* The first member at `place` or behind it; ring->n: there is none. */
static uint32_t position_of(const struct plan *p, const struct plan_ring *ring, uint32_t place) {
    uint32_t from = 0;
    uint32_t to = ring->n;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (target_place(p->set, ring->members[mid]) < place)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

void plan_ring_resume(struct plan *p, const struct plan_ring *kept, uint32_t place, int64_t now_ns) {
    struct plan_ring *ring = find_ring(p, kept->interval_ns);
    if (ring == NULL)
        return;
    ring->position = position_of(p, ring, place);
    ring->start_ns = kept->start_ns;
    ring->ended_ns = kept->ended_ns;
    ring->last_ns = kept->last_ns;
    ring->round = kept->round;
    if (ring->position == ring->n)
        end_round(ring, now_ns);
}

/* By their numbers among the watched. */
static void find_strangers(const struct plan *p, const struct target_map *map, bool *is_new) {
    uint32_t run = 0;
    for (uint32_t i = 0; i < p->set->n_watched; i++) {
        uint32_t index = p->set->watched[i].index;
        while (run < map->n && map->runs[run].index + map->runs[run].count <= index)
            run++;
        is_new[i] = run == map->n || map->runs[run].index > index;
    }
}

/* Those of before whose turn has not come. */
static void find_waiting(const struct plan *p, const struct plan *old, bool *is_new) {
    for (uint32_t r = 0; r < old->n_rings; r++)
        for (uint32_t i = 0; i < old->rings[r].n_newcomers; i++) {
            struct ip ip = target_ip(old->set, old->rings[r].newcomers[i]);
            uint32_t number = target_watched_find(p->set, target_index(p->set, &ip));
            if (number != UINT32_MAX)
                is_new[number] = true;
        }
}

static void forget_newcomers(struct plan *p, int64_t now_ns) {
    for (uint32_t r = 0; r < p->n_rings; r++) {
        free(p->rings[r].newcomers);
        p->rings[r].newcomers = NULL;
        p->rings[r].n_newcomers = 0;
        p->rings[r].newcomers_ns = now_ns;
    }
}

/* In the order of the rings. */
static enum status welcome(struct plan *p, const struct list *list, const bool *is_new, int64_t now_ns) {
    bool any = false;
    forget_newcomers(p, now_ns);
    for (uint32_t i = 0; i < p->set->n_watched; i++) {
        if (is_new[i])
            get_ring(p, list, &p->set->watched[i])->n_newcomers++;
        any = any || is_new[i];
    }
    for (uint32_t r = 0; r < p->n_rings; r++) {
        struct plan_ring *ring = &p->rings[r];
        if (ring->n_newcomers > 0)
            ring->newcomers = calloc(ring->n_newcomers, sizeof *ring->newcomers);
        bool has_memory = ring->n_newcomers == 0 || ring->newcomers != NULL;
        ring->n_newcomers = 0;
        if (!has_memory) {
            forget_newcomers(p, now_ns);
            return STATUS_NO_MEMORY;
        }
    }
    for (uint32_t i = p->set->n_watched; any && i > 0; i--) { /* the last is the next */
        uint32_t number = p->set->turns[i - 1];
        if (!is_new[number])
            continue;
        struct plan_ring *ring = get_ring(p, list, &p->set->watched[number]);
        ring->newcomers[ring->n_newcomers++] = p->set->watched[number].index;
    }
    return STATUS_OK;
}

enum status plan_welcome(struct plan *p, const struct list *list, const struct target_map *map,
                         const struct plan *old, int64_t now_ns) {
    bool *is_new = calloc((size_t)p->set->n_watched + 1, sizeof *is_new);
    if (is_new == NULL)
        return STATUS_NO_MEMORY;
    find_strangers(p, map, is_new);
    if (old != NULL)
        find_waiting(p, old, is_new);
    enum status status = welcome(p, list, is_new, now_ns);
    free(is_new);
    return status;
}

enum status plan_rings_carry(struct plan *p, const struct plan *old, const struct list *list,
                             const struct target_map *map, int64_t now_ns) {
    for (uint32_t i = 0; i < old->n_rings; i++)
        plan_ring_resume(p, &old->rings[i], plan_ring_place(old, &old->rings[i]), now_ns);
    return plan_welcome(p, list, map, old, now_ns);
}
