/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_probe: somebody checks an address now, and reads what came of it.
 */
#ifndef RBL_SCENARIO_DRIVER_PROBE_H
#define RBL_SCENARIO_DRIVER_PROBE_H

#include "driver_play.h"
#include "driver_script.h"

/* The statement `probe`, after that word. */
void probe_do(struct play *p, struct statement *s);
/* `expect probe`, after these words. */
void probe_expect(struct play *p, struct statement *s);
/* Nothing that was probed is said to be listed unless it is, or was within the last hour. */
void probe_guard(const struct play *p);

#endif
