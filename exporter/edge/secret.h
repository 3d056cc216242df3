/* SPDX-License-Identifier: Apache-2.0
 *
 * secret: a key from a file of its own, so that it need not stand in the configuration.
 */
#ifndef RBL_EDGE_SECRET_H
#define RBL_EDGE_SECRET_H

#include "core/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum { SECRET_MAX = 4096 };

/* The first line of the regular file `path` (at most SECRET_MAX bytes) without white space around it, in
 * `arena`. NULL and a sentence in `error` (of `size` bytes, without the contents) if it cannot be read or
 * holds none. */
const char *secret_read(const char *path, struct arena *arena, char *error, size_t size) MUST_CHECK;
/* Whether every user of the system may read the file; false also if that cannot be known. */
bool secret_is_public(const char *path);

#endif
