/* SPDX-License-Identifier: Apache-2.0 */
#include "core/web_config.h"

#include <stdlib.h>

void web_config_free(struct web_config *config) {
    if (!config)
        return;
    arena_release(&config->arena);
    free(config);
}
