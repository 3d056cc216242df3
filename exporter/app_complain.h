/* SPDX-License-Identifier: Apache-2.0
 *
 * app_complain: what commands say on standard error.
 */
#ifndef RBL_APP_COMPLAIN_H
#define RBL_APP_COMPLAIN_H

#include "core/problem.h"

/* A sentence behind the program's name. Arguments are printed as they are, but they cannot steer the
 * terminal. */
void app_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Every problem of the configuration in `file` (NULL: the embedded default), a line each. */
void app_complain_of(const struct problems *problems, const char *file);

#endif
