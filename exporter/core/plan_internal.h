/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_internal: the queues of a plan's lanes; a place counts from the front, which is 0.
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

#endif
