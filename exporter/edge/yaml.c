/* SPDX-License-Identifier: Apache-2.0
 *
 * libyaml's loader would follow aliases without end, take the last of two equal keys and any number of
 * documents in silence; its events leave all of that to us. It also takes time that grows with the square of
 * the depth, so the depth is counted here and the parser stopped at the limit. The text is checked before
 * libyaml sees it, because libyaml knows the place of a bad character only as a number of bytes.
 */
#include "edge/yaml.h"

#include <yaml.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct frame {
    struct node *node;  /* the mapping or sequence that is open */
    struct node **tail; /* where its next child goes */
    struct node *key;   /* mapping: the key whose value comes next */
};

struct loader {
    yaml_parser_t parser;
    struct arena *arena;
    struct problems *problems;
    struct frame stack[YAML_DEPTH];
    size_t depth;
    size_t n_nodes;
    size_t n_documents;
    bool is_json; /* escapes may make control characters */
    struct node *root;
    enum status status; /* not OK: no tree can be made */
};

/* A place in a text; columns are characters. */
struct place {
    uint32_t line;
    uint32_t column;
};

/* The length of the UTF-8 character at text[0..len), 0 if it is none that a document may hold (YAML 1.1,
 * c-printable): no control characters but tab and line ends, no surrogates, no overlong forms. */
static size_t character_length(const unsigned char *text, size_t len) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = text[0];
    if (c < 0x80)
        return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0x7f);
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || n > len)
        return 0;
    uint32_t value = c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (text[i] & 0x3f);
    }
    bool printable = value == 0x85 || (value >= 0xa0 && value < 0xd800) ||
                     (value >= 0xe000 && value < 0xfffe && value != 0xfeff) ||
                     (value >= 0x10000 && value <= 0x10ffff);
    return printable && value >= smallest[n] ? n : 0;
}

/* Whether the whole text may be in a document; if not, `at` is the place of the first character that may not.
 */
static bool text_is_clean(const char *text, size_t len, struct place *at) {
    const unsigned char *bytes = (const unsigned char *)text;
    *at = (struct place){1, 1};
    for (size_t i = 0; i < len;) {
        size_t n = character_length(bytes + i, len - i);
        if (n == 0)
            return false;
        bool line_ends = bytes[i] == '\n' || (bytes[i] == '\r' && (i + 1 == len || bytes[i + 1] != '\n'));
        *at = line_ends ? (struct place){at->line + 1, 1} : (struct place){at->line, at->column + 1};
        i += n;
    }
    return true;
}

/* Notes why no tree can be made. */
PRINTF_LIKE(3, 4)
static void give_up(struct loader *l, const yaml_mark_t *mark, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    problems_error(l->problems, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1, "%s", text);
    l->status = STATUS_INVALID;
}

static struct node *make_node(struct loader *l, const yaml_event_t *event, enum node_type type) {
    if (++l->n_nodes > YAML_NODES) {
        give_up(l, &event->start_mark, "more than %d values in one document", YAML_NODES);
        return NULL;
    }
    struct node *node = arena_alloc(l->arena, sizeof *node);
    if (!node) {
        l->status = STATUS_NO_MEMORY;
        return NULL;
    }
    node->type = type;
    node->line = (uint32_t)event->start_mark.line + 1;
    node->column = (uint32_t)event->start_mark.column + 1;
    return node;
}

/* What stands behind the sign is not shown: it may be a password that should have been quoted. */
static void refuse_decoration(struct loader *l, const struct node *node, const void *anchor,
                              const void *tag) {
    static const char why[] = "%s are not supported; a text that begins with %c has to be quoted";
    if (anchor)
        problems_error(l->problems, node->line, node->column, why, "anchors (&)", '&');
    if (tag)
        problems_error(l->problems, node->line, node->column, why, "tags (!)", '!');
}

static bool is_merge_key(const struct node *node) {
    return !node->quoted && strcmp(node->text, "<<") == 0;
}

/* Hangs `node` into the collection that is open; in a mapping keys and values take turns. */
static void attach(struct loader *l, struct node *node, const yaml_mark_t *mark) {
    if (l->depth == 0) {
        l->root = node;
        return;
    }
    struct frame *frame = &l->stack[l->depth - 1];
    if (frame->node->type == NODE_MAPPING && !frame->key) {
        if (node->type != NODE_SCALAR)
            give_up(l, mark, "a key must be a word, found %s", node_type_text(node));
        else if (is_merge_key(node))
            give_up(l, mark, "merge keys (<<) are not supported");
        frame->key = node;
        return;
    }
    node->key = frame->key;
    frame->key = NULL;
    *frame->tail = node;
    frame->tail = &node->next;
    frame->node->n_children++;
}

static void on_scalar(struct loader *l, const yaml_event_t *event) {
    const char *value = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    struct node *node = make_node(l, event, NODE_SCALAR);
    if (!node)
        return;
    struct place ignored;
    const bool fit = l->is_json ? memchr(value, '\0', len) == NULL : text_is_clean(value, len, &ignored);
    if (!fit) {
        give_up(l, &event->start_mark, "an escape makes a control character");
        return;
    }
    refuse_decoration(l, node, event->data.scalar.anchor, event->data.scalar.tag);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->len = len;
    node->text = arena_copy(l->arena, value, len);
    if (!node->text)
        l->status = STATUS_NO_MEMORY;
    else
        attach(l, node, &event->start_mark);
}

static void on_open(struct loader *l, const yaml_event_t *event, enum node_type type) {
    bool mapping = type == NODE_MAPPING;
    if (l->depth == YAML_DEPTH) {
        give_up(l, &event->start_mark, "more than %d levels", YAML_DEPTH);
        return;
    }
    struct node *node = make_node(l, event, type);
    if (!node)
        return;
    refuse_decoration(l, node, mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
                      mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    attach(l, node, &event->start_mark);
    l->stack[l->depth++] = (struct frame){.node = node, .tail = &node->first};
}

static int compare_keys(const void *a, const void *b) {
    const struct node *left = (*(struct node *const *)a)->key;
    const struct node *right = (*(struct node *const *)b)->key;
    int order = strcmp(left->text, right->text);
    if (order != 0)
        return order;
    if (left->line != right->line)
        return (left->line > right->line) - (left->line < right->line);
    return (left->column > right->column) - (left->column < right->column);
}

/* Takes the children that have no key any more out of the mapping. */
static void drop_keyless(struct node *mapping) {
    for (struct node **link = &mapping->first; *link;) {
        if ((*link)->key) {
            link = &(*link)->next;
        } else {
            *link = (*link)->next;
            mapping->n_children--;
        }
    }
}

/* Sorts the keys, so that a mapping of a million keys takes no longer than it should; of equal ones the first
 * stays. */
static void refuse_duplicates(struct loader *l, struct node *mapping) {
    size_t n = mapping->n_children;
    if (n < 2)
        return;
    struct node **sorted = calloc(n, sizeof(struct node *));
    if (!sorted) {
        l->status = STATUS_NO_MEMORY;
        return;
    }
    size_t i = 0;
    for (struct node *child = mapping->first; child; child = child->next)
        sorted[i++] = child;
    assert(i == n);
    qsort(sorted, n, sizeof(struct node *), compare_keys);
    size_t first = 0;
    for (i = 1; i < n; i++) {
        const struct node *key = sorted[i]->key;
        const struct node *original = sorted[first]->key;
        if (strcmp(key->text, original->text) != 0) {
            first = i;
            continue;
        }
        problems_error(l->problems, key->line, key->column,
                       "\"%.100s\" is given twice; the first is on line %u", key->text, original->line);
        sorted[i]->key = NULL;
    }
    free(sorted);
    drop_keyless(mapping);
}

static void on_close(struct loader *l) {
    assert(l->depth > 0);
    struct node *node = l->stack[--l->depth].node;
    if (node->type == NODE_MAPPING)
        refuse_duplicates(l, node);
}

static void on_document(struct loader *l, const yaml_event_t *event) {
    if (++l->n_documents > 1)
        give_up(l, &event->start_mark, "a second document begins here; a file must hold one");
}

static void on_event(struct loader *l, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: break;
    case YAML_DOCUMENT_START_EVENT: on_document(l, event); break;
    case YAML_ALIAS_EVENT:
        give_up(l, &event->start_mark,
                "aliases (*) are not supported; a text that begins with * has to be quoted");
        break;
    case YAML_SCALAR_EVENT: on_scalar(l, event); break;
    case YAML_SEQUENCE_START_EVENT: on_open(l, event, NODE_SEQUENCE); break;
    case YAML_MAPPING_START_EVENT: on_open(l, event, NODE_MAPPING); break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: on_close(l); break;
    }
}

static void on_parser_error(struct loader *l) {
    const yaml_parser_t *p = &l->parser;
    if (p->error == YAML_MEMORY_ERROR)
        l->status = STATUS_NO_MEMORY;
    else if (p->context && p->context_mark.line != p->problem_mark.line)
        give_up(l, &p->problem_mark, "not valid YAML: %s (%s that begins on line %zu)", p->problem,
                p->context, p->context_mark.line + 1);
    else
        give_up(l, &p->problem_mark, "not valid YAML: %s", p->problem ? p->problem : "unknown reason");
}

static void read_events(struct loader *l) {
    for (bool ended = false; !ended && l->status == STATUS_OK;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&l->parser, &event)) {
            on_parser_error(l);
            return;
        }
        on_event(l, &event);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
}

static bool starts_with(const char *text, size_t len, const char *prefix, size_t n) {
    return len >= n && memcmp(text, prefix, n) == 0;
}

/* The checks on the bytes as a whole; false if they say that this is no document. */
static bool bytes_are_fit(const char *text, size_t len, struct problems *problems) {
    struct place at;
    if (starts_with(text, len, "\xff\xfe", 2) || starts_with(text, len, "\xfe\xff", 2))
        problems_error(problems, 1, 1, "is UTF-16; expected UTF-8");
    else if (!text_is_clean(text, len, &at))
        problems_error(problems, at.line, at.column, "a control character, or not valid UTF-8");
    else
        return true;
    return false;
}

static enum status parse(const char *text, size_t len, bool is_json, struct arena *arena,
                         struct problems *problems, const struct node **root) {
    if (len > YAML_BYTES) {
        problems_error(problems, 0, 0, "has %zu bytes; at most %d can be read", len, YAML_BYTES);
        return STATUS_INVALID;
    }
    if (starts_with(text, len, "\xef\xbb\xbf", 3)) {
        text += 3;
        len -= 3;
    }
    if (!bytes_are_fit(text, len, problems))
        return STATUS_INVALID;
    struct loader l = {.arena = arena, .problems = problems, .is_json = is_json};
    if (!yaml_parser_initialize(&l.parser))
        return STATUS_NO_MEMORY;
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
    read_events(&l);
    yaml_parser_delete(&l.parser);
    if (l.status == STATUS_OK)
        *root = l.root && !node_is_null(l.root) ? l.root : NULL;
    return l.status;
}

enum status yaml_parse(const char *text, size_t len, struct arena *arena, struct problems *problems,
                       const struct node **root) {
    return parse(text, len, false, arena, problems, root);
}

enum status yaml_parse_json(const char *text, size_t len, struct arena *arena, struct problems *problems,
                            const struct node **root) {
    return parse(text, len, true, arena, problems, root);
}

/* Reads the `size` bytes that the file is said to have; a file that has more or fewer is being written to. */
static enum status read_exactly(int fd, char *text, size_t size) {
    size_t have = 0;
    while (have <= size) {
        ssize_t n = read(fd, text + have, size + 1 - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return STATUS_IO;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return have == size ? STATUS_OK : STATUS_RANGE;
}

static enum status load_open(int fd, struct arena *arena, struct problems *problems,
                             const struct node **root) {
    struct stat about;
    if (fstat(fd, &about) != 0) {
        problems_error(problems, 0, 0, "cannot be read: %s", strerror(errno));
        return STATUS_INVALID;
    }
    if (!S_ISREG(about.st_mode) || about.st_size > YAML_BYTES) {
        problems_error(problems, 0, 0,
                       S_ISREG(about.st_mode) ? "has more than %d bytes"
                                              : "is no regular file (of at most %d bytes)",
                       YAML_BYTES);
        return STATUS_INVALID;
    }
    size_t size = (size_t)about.st_size;
    char *text = malloc(size + 1);
    if (!text)
        return STATUS_NO_MEMORY;
    enum status status = read_exactly(fd, text, size);
    if (status == STATUS_OK) {
        status = yaml_parse(text, size, arena, problems, root);
    } else {
        problems_error(problems, 0, 0, "cannot be read: %s",
                       status == STATUS_IO ? strerror(errno) : "it changed while it was read");
        status = STATUS_INVALID;
    }
    free(text);
    return status;
}

enum status yaml_load(const char *path, struct arena *arena, struct problems *problems,
                      const struct node **root) {
    /* Without O_NONBLOCK the open of a FIFO would wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        problems_error(problems, 0, 0, "cannot be read: %s", strerror(errno));
        return STATUS_INVALID;
    }
    enum status status = load_open(fd, arena, problems, root);
    close(fd);
    return status;
}
