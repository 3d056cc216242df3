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
/* The end of a month: counts whether the share that was true of it lies inside the bound of the sample. */
void expect_month(struct play *p);
/* Those that are in driver_expect_long.c: `plan`, `used`, `inside`, `decided`, `turns`, `page`; false if
 * it is none of them. */
bool expect_long(struct play *p, struct statement *s);
/* The sum of all series that match; fails if there is none. */
double expect_sum(struct play *p, const char *series);

#endif
