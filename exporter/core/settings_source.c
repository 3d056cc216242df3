/* SPDX-License-Identifier: Apache-2.0 */
#include "core/settings_internal.h"

#include <string.h>

static const char *copy(struct settings_reader *r, const struct node *node, size_t len) {
    const char *text = arena_copy(r->arena, node->text, len);
    if (!text)
        r->problems->no_memory = true;
    return text;
}

/* ---- files ---- */

static bool read_pattern(struct settings_reader *r, const struct schema_key *key, const struct node *item,
                         const char **out) {
    char shown[SETTINGS_SHOWN_SIZE];
    bool good = item->type == NODE_SCALAR && item->len > 0 && item->len <= SETTINGS_PATH_MAX &&
                !settings_has_control(item->text);
    if (!good)
        settings_wrong(r, key, item);
    else if (item->text[item->len - 1] == '/')
        settings_error(r, item, "%s is a folder; name the files in it, such as %.*s*.txt",
                       settings_show(item, shown), 40, item->text);
    else
        *out = copy(r, item, item->len);
    return *out != NULL;
}

static void refuse_twice(struct settings_reader *r, const struct node *item, const char *const *files,
                         size_t n) {
    char shown[SETTINGS_SHOWN_SIZE];
    for (size_t i = 0; i < n; i++)
        if (strcmp(files[i], item->text) == 0) {
            settings_error(r, item, "path %s is given twice", settings_show(item, shown));
            return;
        }
}

void settings_read_files(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                         void *target) {
    struct group *group = target;
    if (!settings_expect(r, key, value, NODE_SEQUENCE))
        return;
    if (value->n_children > SETTINGS_MAX_FILES) {
        settings_error(
            r, value,
            "\"files\" has %zu entries; at most %d are taken, each of which may stand for many files",
            value->n_children, SETTINGS_MAX_FILES);
        return;
    }
    const char **files = settings_alloc(r, value->n_children, sizeof *files);
    size_t n = 0;
    for (const struct node *item = value->first; item && files; item = item->next)
        if (read_pattern(r, key, item, &files[n]))
            refuse_twice(r, item, files, n++);
    group->files = files;
    group->n_files = n;
}

/* ---- names ---- */

void settings_read_spf(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                       void *target) {
    struct group *group = target;
    struct qname name;
    bool good = value->type == NODE_SCALAR && value->len > 0 &&
                qname_from_zone(value->text, value->len, &name) == STATUS_OK && name.len > 1;
    if (!good)
        settings_wrong(r, key, value);
    else
        group->spf = copy(r, value, value->len - (value->text[value->len - 1] == '.'));
}

static bool is_host_pattern(const char *text) {
    return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.*")] == '\0' &&
           text[strspn(text, "*.")] != '\0';
}

void settings_read_only_ptr(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                            void *target) {
    struct group *group = target;
    bool good = value->type == NODE_SCALAR && value->len > 0 && value->len <= SETTINGS_HOST_MAX &&
                strlen(value->text) == value->len && is_host_pattern(value->text);
    if (!good)
        settings_wrong(r, key, value);
    else
        group->only_ptr = copy(r, value, value->len);
}
