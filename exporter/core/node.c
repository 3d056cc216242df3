/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node.h"

#include <string.h>

const struct node *node_find(const struct node *mapping, const char *key) {
    if (!mapping || mapping->type != NODE_MAPPING)
        return NULL;
    for (const struct node *child = mapping->first; child; child = child->next)
        if (strcmp(child->key->text, key) == 0)
            return child;
    return NULL;
}

const char *node_type_text(const struct node *node) {
    switch (node->type) {
    case NODE_SCALAR: return "a value";
    case NODE_SEQUENCE: return "a list";
    case NODE_MAPPING: return "a mapping";
    }
    return "nothing";
}

bool node_is_null(const struct node *node) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    if (node->type != NODE_SCALAR || node->quoted)
        return false;
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        if (strcmp(node->text, nulls[i]) == 0)
            return true;
    return false;
}
