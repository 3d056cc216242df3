/* SPDX-License-Identifier: Apache-2.0
 *
 * checker_internal: what the checker's own files share.
 */
#ifndef RBL_CORE_CHECKER_INTERNAL_H
#define RBL_CORE_CHECKER_INTERNAL_H

#include "core/checker.h"

enum { CHECKER_NOBODY = 255 };

/* The registry knows a nameserver by one number: of the list's nameserver and the address family, because
 * each such pair is proven by self-tests of its own. */
static inline uint8_t checker_registry_server(uint32_t track, enum ip_family family) {
    return (uint8_t)(track * IP_FAMILIES + family);
}
/* Whether the list's own tests say that it can be believed; a spent quota does not spoil answers that were
 * paid for. */
static inline bool checker_is_believed(const struct checker_list *l) {
    return l->state == HEALTH_OK || l->state == HEALTH_QUOTA_EXHAUSTED;
}
/* Brings the state of the list up to date after one of its healths or its quota has changed; freezes and
 * tells. */
void checker_update_state(struct checker *c, uint32_t list, const struct verdict *because, int64_t now_ns);
/* Begins self-tests that are due or asked for; returns when to look again. */
int64_t checker_begin_tests(struct checker *c, uint32_t list, int64_t now_ns);
/* Whether the sweep of a list may start or go on, as far as proof is concerned. */
bool checker_sweep_proven(const struct checker *c, uint32_t list, int64_t now_ns);
/* Takes what the registry publishes: re-checks and TXT questions follow from it. `context` is the checker. */
void checker_changed(void *context, const struct registry_event *event);
/* Gives a slot back. */
void checker_slot_free(struct checker *c, struct checker_slot *slot);
/* How long results may be shown. */
struct registry_stale checker_stale(struct checker *c, uint32_t list, int64_t now_ns);

#endif
