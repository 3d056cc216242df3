/* SPDX-License-Identifier: Apache-2.0
 *
 * From the document to the table. It is a file of ours and no user's, so errors are short; that the embedded
 * one has none is tested.
 */
#include "core/mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct arena *arena;
    struct problems *problems;
    struct mirrors *out;
};

static void complain(struct reader *r, const struct node *node, const char *what) {
    problems_error(r->problems, node != NULL ? node->line : 0, node != NULL ? node->column : 0, "%s", what);
}

static void *alloc(struct reader *r, size_t n, size_t size) {
    void *memory = arena_array(r->arena, n + 1, size);
    if (memory == NULL)
        r->problems->no_memory = true;
    return memory;
}

static const char *copy(struct reader *r, const struct node *node) {
    if (node->type != NODE_SCALAR || node->len == 0) {
        complain(r, node, "expected a text");
        return "";
    }
    const char *text = arena_copy(r->arena, node->text, node->len);
    if (text == NULL)
        r->problems->no_memory = true;
    return text != NULL ? text : "";
}

/* The text of a key; "" if it is not there, which is an error if it must be. */
static const char *text_of(struct reader *r, const struct node *mapping, const char *key, bool required) {
    const struct node *value = node_find(mapping, key);
    if (value == NULL && required)
        complain(r, mapping, "a key is missing");
    return value != NULL ? copy(r, value) : "";
}

static void check_keys(struct reader *r, const struct node *mapping, const char *keys) {
    if (mapping->type != NODE_MAPPING)
        complain(r, mapping, "expected a mapping");
    for (const struct node *n = mapping->first; mapping->type == NODE_MAPPING && n != NULL; n = n->next) {
        char padded[64];
        int len = snprintf(padded, sizeof padded, " %s ", n->key->text);
        if (len >= (int)sizeof padded || strstr(keys, padded) == NULL)
            complain(r, n->key, "an unknown key");
    }
}

static struct mirror_texts texts_of(struct reader *r, const struct node *mapping, const char *key) {
    const struct node *list = node_find(mapping, key);
    struct mirror_texts texts = {NULL, 0};
    if (list == NULL)
        return texts;
    const char **items = alloc(r, list->n_children, sizeof *items);
    if (list->type != NODE_SEQUENCE)
        complain(r, list, "expected a list");
    for (const struct node *n = list->first; items != NULL && n != NULL; n = n->next)
        items[texts.n++] = copy(r, n);
    texts.items = items;
    return texts;
}

static const struct node *section(struct reader *r, const struct node *root, const char *key) {
    static const struct node empty = {.type = NODE_SEQUENCE};
    const struct node *node = node_find(root, key);
    if (node != NULL && node->type == NODE_SEQUENCE)
        return node;
    complain(r, node, "expected the lists names, mirrors and ranges");
    return &empty;
}

static void read_names(struct reader *r, const struct node *list) {
    struct mirror_name *names = alloc(r, list->n_children, sizeof *names);
    r->out->names = names;
    for (const struct node *n = list->first; names != NULL && n != NULL; n = n->next) {
        const struct node *domains = node_find(n, "domains");
        check_keys(r, n, " name also zones codes lists page domains source ");
        names[r->out->n_names++] = (struct mirror_name){
            .name = text_of(r, n, "name", true),
            .also = texts_of(r, n, "also"),
            .zones = texts_of(r, n, "zones"),
            .codes = texts_of(r, n, "codes"),
            .lists = texts_of(r, n, "lists"),
            .page = text_of(r, n, "page", false),
            .domains = domains != NULL && domains->type == NODE_SCALAR && strcmp(domains->text, "true") == 0,
        };
        (void)text_of(r, n, "source", true);
    }
}

static const struct mirror_name *name_called(const struct mirrors *mirrors, const char *name) {
    for (size_t i = 0; i < mirrors->n_names; i++)
        if (strcmp(mirrors->names[i].name, name) == 0)
            return &mirrors->names[i];
    return NULL;
}

static void read_codes(struct reader *r, const struct node *codes, struct mirror *out) {
    struct mirror_code *items = alloc(r, codes->n_children, sizeof *items);
    out->codes = items;
    for (const struct node *n = codes->first; items != NULL && n != NULL; n = n->next) {
        struct ip_range range;
        const struct mirror_name *means = name_called(r->out, copy(r, n));
        bool good = ip_range_parse(n->key->text, n->key->len, &range) == IP_RANGE_OK &&
                    range.first.family == IP_V4 && means != NULL;
        if (!good)
            complain(r, n, "expected an IPv4 address or range, and one of names");
        else
            items[out->n_codes++] =
                (struct mirror_code){(uint32_t)range.first.lo, (uint32_t)range.last.lo, means};
    }
}

static void read_mirrors(struct reader *r, const struct node *list) {
    struct mirror *items = alloc(r, list->n_children, sizeof *items);
    r->out->items = items;
    for (const struct node *n = list->first; items != NULL && n != NULL; n = n->next) {
        struct mirror *mirror = &items[r->out->n_items++];
        const struct node *codes = node_find(n, "codes");
        check_keys(r, n, " zone owner codes source ");
        mirror->zone = text_of(r, n, "zone", true);
        mirror->owner = text_of(r, n, "owner", true);
        (void)text_of(r, n, "source", true);
        if (codes != NULL && codes->type == NODE_MAPPING)
            read_codes(r, codes, mirror);
        else
            complain(r, n, "a mirror has codes");
    }
}

static void read_ranges(struct reader *r, const struct node *list) {
    struct ip_range *ranges = alloc(r, list->n_children, sizeof *ranges);
    r->out->ranges = ranges;
    for (const struct node *n = list->first; ranges != NULL && n != NULL; n = n->next) {
        const char *text = copy(r, n);
        if (ip_range_parse(text, strlen(text), &ranges[r->out->n_ranges]) == IP_RANGE_OK)
            r->out->n_ranges++;
        else
            complain(r, n, "expected a range");
    }
}

enum status mirrors_read(const struct node *root, struct problems *problems, struct mirrors **out) {
    struct mirrors *mirrors = calloc(1, sizeof *mirrors);
    if (mirrors == NULL)
        return STATUS_NO_MEMORY;
    arena_init(&mirrors->arena);
    struct reader r = {&mirrors->arena, problems, mirrors};
    if (root != NULL)
        check_keys(&r, root, " names mirrors ranges ");
    read_names(&r, section(&r, root, "names"));
    read_mirrors(&r, section(&r, root, "mirrors"));
    read_ranges(&r, section(&r, root, "ranges"));
    if (!problems_failed(problems)) {
        *out = mirrors;
        return STATUS_OK;
    }
    mirrors_free(mirrors);
    return problems->no_memory ? STATUS_NO_MEMORY : STATUS_INVALID;
}

void mirrors_free(struct mirrors *mirrors) {
    if (mirrors == NULL)
        return;
    arena_release(&mirrors->arena);
    free(mirrors);
}
