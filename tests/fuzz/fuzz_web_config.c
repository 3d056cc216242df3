/* SPDX-License-Identifier: Apache-2.0
 *
 * Any tree of nodes as a web configuration: web_config_read(). Each line of the input is a node: as many tabs
 * as it is deep, then `key:` (a mapping), `key[` (a list), `key=text`, `-text` (an entry of a list) or
 * `-:` and `-[`; a text that begins with `"` was in quotes. Beside what the sanitizers see: what is taken can
 * be served by as it stands, and what is not has an error with a place.
 */
/* FUZZ: -max_len=512 */
#include "core/web_cipher.h"
#include "core/web_config.h"

#include <assert.h>
#include <string.h>

enum { DEEPEST = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tree {
    struct arena arena;
    struct node *open[DEEPEST + 1]; /* the last collection of each depth; NULL: the last node was none */
    uint32_t line;
};

static struct node *make(struct tree *t, enum node_type type, const char *text, size_t len, size_t depth) {
    struct node *node = arena_alloc(&t->arena, sizeof *node);
    assert(node != NULL);
    node->type = type;
    node->line = t->line;
    node->column = (uint32_t)depth + 1;
    if (type != NODE_SCALAR)
        return node;
    node->quoted = len > 0 && text[0] == '"';
    node->len = len - node->quoted;
    node->text = arena_copy(&t->arena, text + node->quoted, node->len);
    assert(node->text != NULL);
    return node;
}

static enum node_type type_of(char mark) {
    return mark == ':' ? NODE_MAPPING : mark == '[' ? NODE_SEQUENCE : NODE_SCALAR;
}

/* The end of the key of a line: one of its marks. */
static size_t key_length(const char *line, size_t len) {
    size_t at = 0;
    while (at < len && memchr(":[=", line[at], 3) == NULL)
        at++;
    return at;
}

static void append(struct node *parent, struct node *node) {
    struct node **tail = &parent->first;
    while (*tail)
        tail = &(*tail)->next;
    *tail = node;
    parent->n_children++;
}

/* Passes over lines that make no node where they are. */
static void add_line(struct tree *t, const char *line, size_t len) {
    size_t depth = 0;
    t->line++;
    while (depth < len && depth < DEEPEST - 1 && line[depth] == '\t')
        depth++;
    line += depth;
    len -= depth;
    struct node *parent = t->open[depth];
    if (parent == NULL || len == 0 || memchr(line, '\0', len) != NULL)
        return;
    struct node *key = NULL;
    size_t at = 1;
    if (parent->type == NODE_MAPPING) {
        size_t n = key_length(line, len);
        key = make(t, NODE_SCALAR, line, n, depth);
        if (n == len || node_find(parent, key->text) != NULL)
            return;
        at = n + (line[n] == '=');
    }
    enum node_type type = at + 1 == len ? type_of(line[at]) : NODE_SCALAR;
    struct node *node = make(t, type, line + at, len - at, depth);
    node->key = key;
    append(parent, node);
    memset(&t->open[depth + 1], 0, (DEEPEST - depth) * sizeof t->open[0]);
    t->open[depth + 1] = type == NODE_SCALAR ? NULL : node;
}

static void check_pem(const struct web_pem *pem) {
    assert(pem->file == NULL || pem->text == NULL);
    assert((pem->file == NULL && pem->text == NULL) || pem->line > 0);
}

static void check_tls(const struct web_tls *tls) {
    check_pem(&tls->cert);
    check_pem(&tls->key);
    check_pem(&tls->client_ca);
    assert(tls->min_version <= tls->max_version);
    assert(!tls->used || tls->cert.file != NULL || tls->cert.text != NULL);
    assert(!tls->used || tls->key.file != NULL || tls->key.text != NULL);
    assert((tls->client_ca.line > 0) <= (tls->client_auth != WEB_NO_CLIENT_CERT));
    assert((tls->n_allowed_sans > 0) <= (tls->client_auth != WEB_NO_CLIENT_CERT));
    for (size_t i = 0; i < tls->n_cipher_suites; i++)
        assert(web_cipher_known(tls->cipher_suites[i]));
    for (size_t i = 0; i < tls->n_allowed_sans; i++)
        assert(tls->allowed_sans[i][0] != '\0');
    for (size_t i = 0; i < tls->n_curves; i++)
        assert(tls->curves[i] <= WEB_X25519);
}

static void check_config(const struct web_config *config) {
    check_tls(&config->tls);
    for (size_t i = 0; i < config->n_headers; i++)
        assert(config->headers[i].value[0] != '\0' && strpbrk(config->headers[i].value, "\r\n") == NULL);
    for (size_t i = 0; i < config->n_users; i++)
        assert(strlen(config->users[i].hash) == 60 && strchr(config->users[i].name, ':') == NULL);
    assert(config->rate_interval_ns >= 0 && (config->rate_interval_ns == 0 || config->rate_burst > 0));
}

static void check_problems(const struct problems *problems) {
    assert(problems->n_errors > 0);
    for (size_t i = 0; i < problems->n_shown; i++)
        assert(problems->shown[i].line > 0 && problems->shown[i].column > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct problems problems;
    struct tree t = {.line = 0};
    struct web_config *config = NULL;
    arena_init(&t.arena);
    problems_init(&problems);
    struct node *root = make(&t, NODE_MAPPING, "", 0, 0);
    root->line = 1;
    t.open[0] = root;
    const char *text = (const char *)data;
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t len = end != NULL ? (size_t)(end - text) : size;
        add_line(&t, text, len);
        len += end != NULL;
        text += len;
        size -= len;
    }
    if (web_config_read(root, "/etc", &problems, &config) == STATUS_OK)
        check_config(config);
    else
        check_problems(&problems);
    web_config_free(config);
    problems_release(&problems);
    arena_wipe(&t.arena);
    return 0;
}
