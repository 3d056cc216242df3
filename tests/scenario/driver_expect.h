/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_expect: compares what a scenario expects with what happened.
 */
#ifndef RBL_SCENARIO_DRIVER_EXPECT_H
#define RBL_SCENARIO_DRIVER_EXPECT_H

#include "driver_play.h"
#include "driver_script.h"

/* The statement `expect`, after that word. */
void expect_do(struct play *p, struct statement *s);

#endif
