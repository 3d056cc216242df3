/* SPDX-License-Identifier: Apache-2.0
 *
 * settings_write_internal: what the files that write a configuration share.
 */
#ifndef RBL_CORE_SETTINGS_WRITE_INTERNAL_H
#define RBL_CORE_SETTINGS_WRITE_INTERNAL_H

#include "core/settings.h"
#include "core/yamltext.h"

void settings_write_duration(struct yamltext *y, const char *name, int64_t ns);
/* Nothing if there are none: then they are those of the system, or of `resolver`. */
void settings_write_nameservers(struct yamltext *y, const struct endpoint *servers, size_t n);
/* An entry of `lists`. */
void settings_write_list(struct yamltext *y, const struct settings *s, const struct list *list);

#endif
