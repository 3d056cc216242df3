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
/* The state of a list as a whole, by its healths and its quota. */
enum health_state checker_state_of(const struct checker *c, uint32_t list, int64_t now_ns);
/* Entries that were carried over, or restored, get their place in the plan: a ring for what is named one by
 * one, re-checks for what a sweep found; what nothing needs is dropped. */
enum status checker_place_entries(struct checker *c, uint32_t list) MUST_CHECK;
/* After the addresses of a list have changed: a sweep that is over and not yet due again goes on with those
 * that it has not asked. */
void checker_sweep_rest(struct checker *c, uint32_t list, int64_t now_ns);
/* Ages all results of a list at once. */
void checker_age_all(struct checker *c, uint32_t list, int64_t now_ns);
/* Begins self-tests that are due or asked for; returns when to look again. */
int64_t checker_begin_tests(struct checker *c, uint32_t list, int64_t now_ns);
/* Takes out what has become stale, some of all addresses at a time; sets scan_ns, when to come back. */
void checker_age(struct checker *c, uint32_t list, int64_t now_ns);
/* Whether the sweep of a list may start or go on, as far as proof is concerned. */
bool checker_sweep_proven(const struct checker *c, uint32_t list, int64_t now_ns);
/* Takes what the registry publishes: re-checks and TXT questions follow from it. `context` is the checker. */
void checker_changed(void *context, const struct registry_event *event);
/* Puts a re-check of a listed address that a sweep found into the plan, in place of one that waits; false: no
 * memory. */
bool checker_add_recheck(struct checker *c, uint32_t list, uint32_t index, int64_t due_ns);
/* A confirmation has left the plan. */
void checker_confirmed(struct checker *c, uint32_t list, uint32_t index);
/* Flips that have lost their looks are asked about again (see registry_doubt_pending()). */
void checker_confirm_again(struct checker *c, uint32_t list, int64_t now_ns);
static inline bool checker_endpoint_equal(const struct endpoint *a, const struct endpoint *b) {
    return a->port == b->port && ip_equal(&a->ip, &b->ip);
}
/* What an allowance has spent. */
struct checker_spent {
    const char *name; /* of a shared budget, or of a list */
    bool shared;
    const struct quota *quota;
    bool own; /* not only another name of it */
};
/* Takes over what was spent, under the names that it has now. */
enum status checker_take_spent(struct checker *c, const struct checker_spent *spent, size_t n, int64_t now_ns)
    MUST_CHECK;
/* The nameserver that is asked first: the first that can be believed, else the first. */
uint32_t checker_active_track(const struct checker_list *l, enum ip_family family);
/* Gives a slot back. */
void checker_slot_free(struct checker *c, struct checker_slot *slot);
/* The query of `slot` is being sent, because that of `repeated` is overdue (NULL: for another reason). */
void checker_await(struct checker *c, struct checker_slot *slot, struct checker_slot *repeated);
/* ... has come to its end. Returns whether other queries of the same attempt are open; after an answer they
 * are moot. */
bool checker_await_end(struct checker *c, struct checker_slot *slot, enum checker_outcome outcome,
                       int64_t took_ns);
/* Takes what is overdue out of the window of its nameserver; returns when to look again. */
int64_t checker_overdue(struct checker *c, uint32_t list, int64_t now_ns);
/* The number of the slot whose question may be repeated now; CHECKER_NO_SLOT: none. */
uint32_t checker_again(const struct checker *c, uint32_t list);

#endif
