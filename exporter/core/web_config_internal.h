/* SPDX-License-Identifier: Apache-2.0
 *
 * web_config_internal: what the files that read a web configuration share.
 *
 * A section is a mapping with known keys, read by web_section() with the table of its keys. A key without a
 * value is as if it were not there, as with exporter-toolkit. A reader stores its value or reports what is
 * wrong; reading goes on after an error, so that all of them are found.
 *
 * Values may be secrets: messages show them only where a choice was expected.
 */
#ifndef RBL_CORE_WEB_CONFIG_INTERNAL_H
#define RBL_CORE_WEB_CONFIG_INTERNAL_H

#include "core/web_config.h"

struct web_reader {
    struct problems *problems;
    struct web_config *config; /* what is being made */
    const char *folder;        /* where relative paths begin; "": where the process is */
};

/* `value` is the child of a mapping: its key names it. */
typedef void web_read(struct web_reader *r, const struct node *value);

struct web_key {
    const char *name; /* NULL: the end of the table */
    web_read *read;
};

/* --- web_config.c --- */

/* An error at `node`. */
void web_error(struct web_reader *r, const struct node *node, const char *format, ...) PRINTF_LIKE(3, 4);
/* `"KEY" expects TYPE, found a list` at `value`; `shown`: with its text if it has one. */
void web_wrong(struct web_reader *r, const struct node *value, const char *type, bool shown);
/* Reads a mapping by the table; `what` names it in messages. Unknown keys are refused, with the known one
 * that may be meant. */
void web_section(struct web_reader *r, const struct node *mapping, const char *what,
                 const struct web_key *keys);
/* Zeroed memory in the arena of the configuration for `n` things of `size`; NULL, with problems.no_memory
 * set, when there is none. */
void *web_alloc(struct web_reader *r, size_t n, size_t size);

/* --- web_config_value.c: single values --- */

/* A scalar's text in the arena; NULL if it is none, which is reported, or there is no memory. */
const char *web_text(struct web_reader *r, const struct node *value);
/* Accepted for its form only. */
web_read web_read_ignored_bool;
/* The index of a scalar among the `names` up to NULL; -1, which is reported, if it is none of them. */
int web_choice(struct web_reader *r, const struct node *value, const char *const *names);
/* Whether it is a list, which is reported if not; `type` is what it should be. */
bool web_is_list(struct web_reader *r, const struct node *value, const char *type);
/* A duration as Go writes it: 1s, 100ms, 1m30s, 0.5s, 0; false if it is none or beyond 292 years. */
bool web_parse_duration(const char *text, int64_t *out_ns);

/* --- web_config_tls.c --- */
web_read web_read_tls;

/* --- web_config_http.c: headers, passwords, the rate --- */
web_read web_read_http, web_read_users, web_read_rate;

#endif
