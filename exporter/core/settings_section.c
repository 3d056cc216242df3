/* SPDX-License-Identifier: Apache-2.0 */
#include "core/settings_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NEAR_MAX = 63 };

void settings_error(struct settings_reader *r, const struct node *node, const char *format, ...) {
    char text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    problems_error(r->problems, node->line, node->column, "%s", text);
}

const char *settings_show(const struct node *node, char out[SETTINGS_SHOWN_SIZE]) {
    enum { CUT = SETTINGS_SHOWN_SIZE - 8 };
    if (node->type != NODE_SCALAR)
        return node_type_text(node);
    size_t len = node->len > CUT ? CUT : node->len;
    while (len < node->len && len > 0 && ((unsigned char)node->text[len] & 0xc0) == 0x80)
        len--;
    snprintf(out, SETTINGS_SHOWN_SIZE, "\"%.*s%s\"", (int)len, node->text, len < node->len ? "..." : "");
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    return out;
}

void settings_wrong(struct settings_reader *r, const struct schema_key *key, const struct node *value) {
    char shown[SETTINGS_SHOWN_SIZE];
    settings_error(r, value, "\"%s\" expects %s, found %s", key->name, key->type,
                   settings_show(value, shown));
}

void *settings_alloc(struct settings_reader *r, size_t n, size_t size) {
    void *memory = arena_array(r->arena, n, size);
    if (!memory)
        r->problems->no_memory = true;
    return memory;
}

bool settings_expect(struct settings_reader *r, const struct schema_key *key, const struct node *node,
                     enum node_type type) {
    if (node->type != type)
        settings_wrong(r, key, node);
    else if (type != NODE_SCALAR && node->n_children == 0)
        settings_error(r, node, "\"%s\" is empty; expected %s", key->name, key->type);
    else
        return true;
    return false;
}

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* The number of letters to insert, delete, change or swap with their neighbour; NEAR_MAX for texts that are
 * too long. */
static unsigned distance(const char *a, const char *b) {
    size_t n_a = strlen(a);
    size_t n_b = strlen(b);
    unsigned rows[3][NEAR_MAX + 1]; /* for i - 2, i - 1 and i letters of a, in turn */
    if (n_a > NEAR_MAX || n_b > NEAR_MAX)
        return NEAR_MAX;
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n_b; j++) {
            unsigned changed = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(changed, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}

/* As distance(), but a beginning of four letters and more counts as near: "spamhaus" for "spamhaus_zen". */
static unsigned far_apart(const char *text, const char *candidate) {
    size_t len = strlen(text);
    unsigned letters = distance(text, candidate);
    return len >= 4 && letters > 2 && strncmp(text, candidate, len) == 0 ? 2 : letters;
}

const char *settings_nearer(const char *text, const char *best, const char *candidate) {
    size_t len = strlen(text);
    unsigned limit = len <= 2 ? 0 : len <= 4 ? 1 : len <= 9 ? 2 : 3;
    unsigned to_best = best ? far_apart(text, best) : NEAR_MAX;
    unsigned to_candidate = far_apart(text, candidate);
    if (to_candidate < to_best && to_candidate <= limit)
        return candidate;
    return best;
}

const char *settings_did_you_mean(const char *near, char *out, size_t size) {
    out[0] = '\0';
    if (near)
        snprintf(out, size, "; did you mean \"%s\"?", near);
    return out;
}

bool settings_wants_suggestion(const struct settings_reader *r) {
    return r->problems->n_errors < PROBLEMS_SHOWN;
}

const char *settings_range_text(const struct schema_key *key, char *out, size_t size) {
    if (key->range)
        return key->range;
    bool duration = key->read == settings_read_duration || key->read == settings_read_duration_or_auto;
    char low[32];
    char high[32];
    if (duration)
        snprintf(out, size, "%s to %s", settings_format_duration(key->min, low, sizeof low),
                 settings_format_duration(key->max, high, sizeof high));
    else
        snprintf(out, size, "%lld to %lld", (long long)key->min, (long long)key->max);
    return out;
}

/* Whether a key of the table may be used in the file that is read. */
static bool is_known_here(const struct settings_reader *r, const struct schema_key *key) {
    return !(key->flags & (r->in_catalog ? SCHEMA_USER : SCHEMA_CATALOG));
}

static const struct schema_key *find_key(const struct settings_reader *r, enum schema_section section,
                                         const char *name) {
    for (size_t i = 0; i < settings_schema_size; i++) {
        const struct schema_key *key = &settings_schema[i];
        if (key->section == section && is_known_here(r, key) && strcmp(key->name, name) == 0)
            return key;
    }
    return NULL;
}

static void refuse_unknown(struct settings_reader *r, enum schema_section section, const char *what,
                           const struct node *key) {
    const char *near = NULL;
    for (size_t i = 0; i < settings_schema_size && settings_wants_suggestion(r); i++) {
        const struct schema_key *known = &settings_schema[i];
        if (known->section == section && is_known_here(r, known))
            near = settings_nearer(key->text, near, known->name);
    }
    char hint[96];
    char shown[SETTINGS_SHOWN_SIZE];
    settings_error(r, key, "unknown key %s in %s%s", settings_show(key, shown), what,
                   settings_did_you_mean(near, hint, sizeof hint));
}

/* Whether the value of a known key can be given to its reader. */
static bool can_read(struct settings_reader *r, const struct schema_key *key, const struct node *value) {
    if (node_is_null(value))
        settings_error(r, value, "\"%s\" has no value; expected %s", key->name, key->type);
    return !node_is_null(value);
}

bool settings_read_section(struct settings_reader *r, enum schema_section section, const char *what,
                           const struct node *mapping, void *target) {
    char shown[SETTINGS_SHOWN_SIZE];
    if (mapping->type != NODE_MAPPING) {
        settings_error(r, mapping, "%s must be a mapping of keys and values, found %s", what,
                       settings_show(mapping, shown));
        return false;
    }
    for (const struct node *child = mapping->first; child; child = child->next)
        if (!find_key(r, section, child->key->text))
            refuse_unknown(r, section, what, child->key);
    for (size_t i = 0; i < settings_schema_size; i++) {
        const struct schema_key *key = &settings_schema[i];
        if (key->section != section || !is_known_here(r, key))
            continue;
        const struct node *value = node_find(mapping, key->name);
        if (value && can_read(r, key, value))
            key->read(r, key, value, target);
        else if (!value && (key->flags & SCHEMA_REQUIRED))
            settings_error(r, mapping, "\"%s\" is missing in %s", key->name, what);
    }
    return true;
}
