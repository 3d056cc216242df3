/* SPDX-License-Identifier: Apache-2.0
 *
 * json_node: JSON that edge/yaml has read (which reads more than JSON), written again.
 */
#ifndef RBL_CORE_JSON_NODE_H
#define RBL_CORE_JSON_NODE_H

#include "core/json.h"
#include "core/node.h"
#include "core/status.h"

/* Writes a value with all that is in it, named as for json_string(). STATUS_SYNTAX: there is something in it
 * that JSON has no word for, or a name that needs escaping; what was written by then is of no use. */
enum status json_node(struct json *j, const char *name, const struct node *node) MUST_CHECK;

#endif
