/* SPDX-License-Identifier: Apache-2.0
 *
 * api_internal: what the answers of the API share: parameters, refusals, and pieces of JSON.
 */
#ifndef RBL_CORE_API_INTERNAL_H
#define RBL_CORE_API_INTERNAL_H

#include "core/api.h"
#include "core/json.h"
#include "core/url.h"

/* Takes the query apart; each parameter must be one of `known`, names with spaces around and between them.
 * False: refused. */
bool api_read_query(struct buf *out, const char *text, const char *known, struct url_query *query) MUST_CHECK;
/* A whole number 1..max; `*value` stays as it is if the parameter is not there. False: refused. */
bool api_read_number(struct buf *out, const struct url_query *query, const char *name, unsigned max,
                     unsigned *value) MUST_CHECK;

enum { API_NAMES_SIZE = 1024 };
/* Adds a name to those told to somebody who has named another; false: no room, "..." stands there. */
bool api_add_name(char names[API_NAMES_SIZE], const char *name);

/* As api_question_read(), with the parameters that are there named by the caller. */
unsigned api_question_read_of(struct buf *out, const char *path, const char *query, const char *known,
                              struct api_question *question);
/* `lists`: what those of `lists` said when they were asked. */
void api_check_lists(struct json *j, const struct api *api, const struct ip *ip, const bool *lists);

/* A moment of the registry; 0 becomes null. */
void api_stamp(struct json *j, const struct api *api, const char *name, uint32_t stamp);
/* The names of a set of codes, each once. */
void api_codes(struct json *j, const struct list *list, uint64_t codes);
/* Since when what is shown holds: `since`, where the flip was seen, and else `first_seen`. `entry` NULL: both
 * null. */
void api_since(struct json *j, const struct api *api, const struct registry_entry *entry);
/* `{"group": ..., "range": ...}`. */
void api_range(struct json *j, const struct api *api, const struct target_range *range);
/* `txt` of an entry (NULL: null), and the list's `delisting_page`. */
void api_advice(struct json *j, const struct list *list, const struct registry_entry *entry);

#endif
