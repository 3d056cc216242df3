/* SPDX-License-Identifier: Apache-2.0
 *
 * human: numbers and times as people read them, in English.
 */
#ifndef RBL_CORE_HUMAN_H
#define RBL_CORE_HUMAN_H

#include <stddef.h>
#include <stdint.h>

enum { HUMAN_SIZE = 40 }; /* any of these texts, with its NUL */

/* 458752 as "458,752". Returns `out`. */
const char *human_number(uint64_t number, char out[HUMAN_SIZE]);
/* A length of time in the largest unit of which there are two (three years): "90 minutes", "26 days", "12
 * years". Returns `out`. */
const char *human_time(double seconds, char out[HUMAN_SIZE]);
/* The same as the configuration writes it, in its two largest units: "15m", "3h58m", "2d12h"; "0s". Returns
 * `out`.
 */
const char *human_duration(int64_t ns, char out[HUMAN_SIZE]);

#endif
