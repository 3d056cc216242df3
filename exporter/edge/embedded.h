/* SPDX-License-Identifier: Apache-2.0
 *
 * embedded: the files of config/ that are part of the binary: the built-in lists, the default configuration,
 * and what is known of the names in bounces.
 *
 * The bytes are those of the files at build time, followed by a NUL that the size does not count.
 */
#ifndef RBL_EDGE_EMBEDDED_H
#define RBL_EDGE_EMBEDDED_H

#include <stddef.h>

/* config/lists.yml */
extern const char embedded_lists_yml[];
extern const size_t embedded_lists_yml_size;
/* config/default.yml */
extern const char embedded_default_yml[];
extern const size_t embedded_default_yml_size;
/* config/mirrors.yml */
extern const char embedded_mirrors_yml[];
extern const size_t embedded_mirrors_yml_size;

#endif
