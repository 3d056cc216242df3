/* SPDX-License-Identifier: Apache-2.0
 *
 * event: what the checker tells (struct checker_watch), as events of the history.
 */
#ifndef RBL_CORE_EVENT_H
#define RBL_CORE_EVENT_H

#include "core/health.h"
#include "core/history.h"
#include "core/list.h"
#include "core/registry.h"

/* A change of a verdict on `list`; the detail names its codes, and those that find no room are left out.
 * wall_ns is left 0 for the caller to set. */
void event_of_change(const struct list *list, const struct registry_event *change, struct history_event *out);
/* A list's state; `because` may be NULL. wall_ns is left 0. */
void event_of_state(const struct list *list, enum health_state from, enum health_state to,
                    const struct verdict *because, struct history_event *out);
/* The program's own: started, stopped or reloaded, as `version`. wall_ns is left 0. */
void event_of_program(enum history_kind kind, const char *version, struct history_event *out);

#endif
