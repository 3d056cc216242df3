/* SPDX-License-Identifier: Apache-2.0
 *
 * The queues of the plan's lanes: ring buffers that grow.
 */
#include "core/plan_internal.h"

#include <assert.h>
#include <stdlib.h>

struct plan_item *plan_queue_at(const struct plan_queue *q, uint32_t place) {
    assert(q->size > 0 && place < q->n);
    return &q->items[(q->head + place) % q->size];
}

enum status plan_queue_push(struct plan_queue *q, const struct plan_item *item) {
    if (q->n == q->size) {
        uint32_t size = q->size == 0 ? 16 : q->size * 2;
        struct plan_item *items = malloc(size * sizeof *items);
        if (items == NULL)
            return STATUS_NO_MEMORY;
        for (uint32_t i = 0; i < q->n; i++)
            items[i] = q->items[(q->head + i) % q->size];
        free(q->items);
        *q = (struct plan_queue){.items = items, .n = q->n, .size = size};
    }
    q->n++;
    *plan_queue_at(q, q->n - 1) = *item;
    return STATUS_OK;
}

/* At its place by time. */
enum status plan_queue_insert(struct plan_queue *q, const struct plan_item *item) {
    enum status status = plan_queue_push(q, item);
    for (uint32_t place = q->n - 1; status == STATUS_OK && place > 0; place--) {
        struct plan_item *before = plan_queue_at(q, place - 1);
        if (before->due_ns <= item->due_ns)
            break;
        *plan_queue_at(q, place) = *before;
        *before = *item;
    }
    return status;
}

struct plan_item *plan_queue_find(const struct plan_queue *q, enum plan_purpose purpose, uint32_t index,
                                  uint32_t *place) {
    for (*place = 0; *place < q->n; ++*place)
        if (plan_queue_at(q, *place)->purpose == purpose && plan_queue_at(q, *place)->index == index)
            return plan_queue_at(q, *place);
    return NULL;
}

const struct plan_item *plan_queue_front(const struct plan_queue *q) {
    return q->n > 0 ? &q->items[q->head] : NULL;
}

/* Those before it move up; there are few of them. */
void plan_queue_remove(struct plan_queue *q, uint32_t place) {
    assert(place < q->n);
    for (; place > 0; place--)
        *plan_queue_at(q, place) = *plan_queue_at(q, place - 1);
    q->head = (q->head + 1) % q->size;
    q->n--;
}
