/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json_node.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 18 }; /* that surely fit */

static bool is_plain(const char *name) {
    for (; *name != '\0'; name++)
        if (*name < ' ' || *name > '~' || *name == '"' || *name == '\\')
            return false;
    return true;
}

static bool is_number(const char *text) {
    return text[0] != '\0' && strspn(text, "0123456789+-.eE") == strlen(text);
}

static enum status write_number(struct json *j, const char *name, const char *text) {
    const char *digits = text + (text[0] == '-');
    char *end = NULL;
    if (strspn(digits, "0123456789") == strlen(digits) && digits[0] != '\0' && strlen(digits) <= DIGITS) {
        json_i64(j, name, strtoll(text, NULL, 10));
        return STATUS_OK;
    }
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return STATUS_SYNTAX;
    json_double(j, name, value);
    return STATUS_OK;
}

static enum status write_scalar(struct json *j, const char *name, const struct node *node) {
    if (node->quoted)
        json_string(j, name, node->text);
    else if (strcmp(node->text, "null") == 0)
        json_null(j, name);
    else if (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0)
        json_bool(j, name, node->text[0] == 't');
    else
        return is_number(node->text) ? write_number(j, name, node->text) : STATUS_SYNTAX;
    return STATUS_OK;
}

enum status json_node(struct json *j, const char *name, const struct node *node) {
    enum status status = name == NULL || is_plain(name) ? STATUS_OK : STATUS_SYNTAX;
    if (status != STATUS_OK || node->type == NODE_SCALAR)
        return status != STATUS_OK ? status : write_scalar(j, name, node);
    if (node->type == NODE_MAPPING)
        json_object(j, name);
    else
        json_array(j, name);
    for (const struct node *child = node->first; status == STATUS_OK && child != NULL; child = child->next)
        status = json_node(j, node->type == NODE_MAPPING ? child->key->text : NULL, child);
    json_close(j);
    return status;
}
