/* SPDX-License-Identifier: Apache-2.0
 *
 * rfc3339: moments of the wall clock as text and back: "2026-11-27T11:50:06Z". Always UTC.
 */
#ifndef RBL_CORE_RFC3339_H
#define RBL_CORE_RFC3339_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

enum { RFC3339_SIZE = 31 }; /* with NUL */

/* `wall_ns` (since 1970; before that: 1970) in whole seconds, cut; returns the length, 20. */
size_t rfc3339_format(int64_t wall_ns, char out[RFC3339_SIZE]);
/* The same with nine places, 30 long: what rfc3339_parse() reads back exactly. */
size_t rfc3339_format_ns(int64_t wall_ns, char out[RFC3339_SIZE]);
/* Reads "2026-11-27T11:50:06Z" with up to nine places of seconds, from 1970 to 2261. No leap second, no other
 * offset than Z. STATUS_SYNTAX, STATUS_RANGE (no such day or time, or too far away). */
enum status rfc3339_parse(const char *text, int64_t *wall_ns) MUST_CHECK;

#endif
