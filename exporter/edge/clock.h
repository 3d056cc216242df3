/* SPDX-License-Identifier: Apache-2.0
 *
 * clock: the only place that asks what time it is.
 *
 * Inside the program time is int64_t nanoseconds of CLOCK_MONOTONIC (so that it never jumps); wall time is
 * for what is shown or stored.
 */
#ifndef RBL_EDGE_CLOCK_H
#define RBL_EDGE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some fixed moment; never falls. */
int64_t clock_now_ns(void);
/* Nanoseconds since 1970-01-01T00:00:00Z as the system believes it. */
int64_t clock_wall_ns(void);

#endif
