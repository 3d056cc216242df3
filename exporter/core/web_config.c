/* SPDX-License-Identifier: Apache-2.0 */
#include "core/web_config_internal.h"

#include "core/settings_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct web_key top_keys[] = {
    {"tls_server_config", web_read_tls},
    {"http_server_config", web_read_http},
    {"basic_auth_users", web_read_users},
    {"rate_limit", web_read_rate},
    {NULL, NULL},
};

void web_error(struct web_reader *r, const struct node *node, const char *format, ...) {
    char text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    problems_error(r->problems, node->line, node->column, "%s", text);
}

void web_wrong(struct web_reader *r, const struct node *value, const char *type, bool shown) {
    char text[SETTINGS_SHOWN_SIZE];
    web_error(r, value, "\"%s\" expects %s, found %s", value->key->text, type,
              shown ? settings_show(value, text) : node_type_text(value));
}

void *web_alloc(struct web_reader *r, size_t n, size_t size) {
    void *memory = arena_array(&r->config->arena, n, size);
    if (!memory)
        r->problems->no_memory = true;
    return memory;
}

static const struct web_key *find_key(const struct web_key *keys, const char *name) {
    for (; keys->name; keys++)
        if (strcmp(keys->name, name) == 0)
            return keys;
    return NULL;
}

/* The known key that is meant: spelled nearly like it, or alike but for capital letters. */
static const char *nearest_key(const struct web_key *keys, const char *name) {
    const char *near = NULL;
    for (; keys->name; keys++) {
        if (strcasecmp(keys->name, name) == 0)
            return keys->name;
        near = settings_nearer(name, near, keys->name);
    }
    return near;
}

static void refuse_unknown(struct web_reader *r, const struct node *key, const char *what,
                           const struct web_key *keys) {
    char hint[96];
    char shown[SETTINGS_SHOWN_SIZE];
    web_error(r, key, "unknown key %s in %s%s", settings_show(key, shown), what,
              settings_did_you_mean(nearest_key(keys, key->text), hint, sizeof hint));
}

void web_section(struct web_reader *r, const struct node *mapping, const char *what,
                 const struct web_key *keys) {
    if (mapping->type != NODE_MAPPING) {
        web_error(r, mapping, "%s must be a mapping of keys and values, found %s", what,
                  node_type_text(mapping));
        return;
    }
    for (const struct node *child = mapping->first; child; child = child->next) {
        const struct web_key *key = find_key(keys, child->key->text);
        if (!key)
            refuse_unknown(r, child->key, what, keys);
        else if (!node_is_null(child))
            key->read(r, child);
    }
}

enum status web_config_read(const struct node *root, const char *folder, struct problems *problems,
                            struct web_config **out) {
    struct web_config *config = calloc(1, sizeof *config);
    if (!config)
        return STATUS_NO_MEMORY;
    arena_init(&config->arena);
    config->tls.min_version = WEB_TLS12;
    config->tls.max_version = WEB_TLS13;
    struct web_reader r = {.problems = problems, .config = config, .folder = folder};
    if (root)
        web_section(&r, root, "the web configuration", top_keys);
    problems_sort(problems);
    if (problems_failed(problems)) {
        web_config_free(config);
        return problems->no_memory ? STATUS_NO_MEMORY : STATUS_INVALID;
    }
    *out = config;
    return STATUS_OK;
}

void web_config_free(struct web_config *config) {
    if (!config)
        return;
    arena_wipe(&config->arena);
    free(config);
}
