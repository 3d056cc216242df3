/* SPDX-License-Identifier: Apache-2.0
 *
 * Which families are wanted, by the names that others know them by.
 */
#include "core/metrics.h"

#include <string.h>

#define TOTAL "_total"

static bool is_sample_suffix(const char *text) {
    return strcmp(text, "_bucket") == 0 || strcmp(text, "_sum") == 0 || strcmp(text, "_count") == 0;
}

static bool is_known_as(const struct metric *m, const char *name) {
    size_t len = strlen(m->name);
    if (m->type == PROMTEXT_COUNTER && strlen(name) == len - strlen(TOTAL))
        len -= strlen(TOTAL); /* the family's name in OpenMetrics */
    if (strncmp(name, m->name, len) != 0)
        return false;
    return name[len] == '\0' || (m->type == PROMTEXT_HISTOGRAM && is_sample_suffix(name + len));
}

void metrics_want(struct metrics_filter *filter, const char *name) {
    filter->is_set = true;
    for (unsigned i = 0; i < metrics_count; i++)
        if (is_known_as(&metrics_table[i], name))
            filter->rows[i] = true;
}
