/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_internal: the queues of a plan's lanes, in which a place counts from the front, which is 0; its rings;
 * and the two laps of a sweep.
 */
#ifndef RBL_CORE_PLAN_INTERNAL_H
#define RBL_CORE_PLAN_INTERNAL_H

#include "core/plan.h"

/* `place` is below q->n; the item is the queue's, until the queue is changed. */
struct plan_item *plan_queue_at(const struct plan_queue *q, uint32_t place);
/* A copy of the item at the end; STATUS_NO_MEMORY changes nothing. */
enum status plan_queue_push(struct plan_queue *q, const struct plan_item *item) MUST_CHECK;
/* The same, before all that are due later. */
enum status plan_queue_insert(struct plan_queue *q, const struct plan_item *item) MUST_CHECK;
/* The first of a purpose and index, and its place; NULL if there is none. */
struct plan_item *plan_queue_find(const struct plan_queue *q, enum plan_purpose purpose, uint32_t index,
                                  uint32_t *place);
/* NULL if the queue is empty. */
const struct plan_item *plan_queue_front(const struct plan_queue *q);
/* `place` is below q->n; the order of the others stays. */
void plan_queue_remove(struct plan_queue *q, uint32_t place);

/* Rings of p->set for `list`. */
enum status plan_rings_make(struct plan *p, const struct list *list, int64_t now_ns) MUST_CHECK;
void plan_rings_release(struct plan *p);
enum status plan_rings_carry(struct plan *p, const struct plan *old, const struct list *list,
                             const struct target_map *map, int64_t now_ns) MUST_CHECK;
void plan_rings_restart(struct plan *p, int64_t now_ns);
/* How much earlier than its place in the round an address may be asked. */
int64_t plan_ring_jitter(const struct plan_ring *ring);
/* When the ring's next address is due, newcomers left aside: its place in the round, less a jitter. */
int64_t plan_ring_due(const struct plan_ring *ring);
/* Whether a newcomer is next. */
bool plan_ring_welcomes(const struct plan_ring *ring, int64_t now_ns);
/* It, or else the next member, is being asked, or needs no query. */
void plan_ring_advance(struct plan_ring *ring, bool newcomer, int64_t now_ns);
/* A hash of a number. */
uint64_t plan_mix(uint64_t x);

enum { PLAN_LATE = 64 };

struct plan_laps {
    uint64_t *first;  /* bit by index: of the first lap */
    uint64_t *wanted; /* ... and not asked in it yet */
    uint64_t *done;   /* asked since the whole sweep began */
    uint32_t n_first;
    uint32_t n_wanted;
    uint32_t at[2];           /* of the order, by lap: nothing is left before it, but what came late */
    uint32_t late[PLAN_LATE]; /* indexes that joined the first lap behind its back; a ring buffer */
    uint32_t late_head, n_late;
    bool anew; /* the first lap is due again, and nothing of it has been asked */
};

/* The sweep's next address, of the first lap if that is due or not through; false: not found within a number
 * of steps, to be called again. There is one, and the sweep runs or is due. */
bool plan_laps_next(struct plan_sweep *s, int64_t now_ns, uint32_t *index);
/* The address is being asked, or needs no query. */
void plan_laps_leave(struct plan_sweep *s, uint32_t index, int64_t now_ns);
/* Nothing has been asked. */
void plan_laps_reset(struct plan_sweep *s);
void plan_laps_free(struct plan_laps *l); /* NULL allowed */
/* Whether the first lap is not through. */
static inline bool plan_laps_want(const struct plan_sweep *s) {
    return s->laps != NULL && s->laps->n_wanted > 0;
}

#endif
