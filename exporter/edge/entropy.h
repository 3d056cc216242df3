/* SPDX-License-Identifier: Apache-2.0
 *
 * entropy: random numbers of the kernel (getrandom(2)), for DNS ids, letter case and seeds.
 */
#ifndef RBL_EDGE_ENTROPY_H
#define RBL_EDGE_ENTROPY_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Whether the kernel gives random bytes at all; asked once at start: without them every verdict could be
 * forged, so the program refuses to run. STATUS_IO with errno set. */
enum status entropy_check(void) MUST_CHECK;
/* 64 random bits, from a buffer filled by getrandom(2). Aborts if the kernel stops giving any. */
uint64_t entropy_u64(void);

#endif
