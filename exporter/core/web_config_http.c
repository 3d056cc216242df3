/* SPDX-License-Identifier: Apache-2.0
 *
 * The sections http_server_config, basic_auth_users and rate_limit. The form of a hash is looked at more
 * closely than exporter-toolkit does, which takes what can match no password; so are names with a colon,
 * which no client can send (RFC 7617, section 2), and a rate that answers nobody.
 */
#include "core/web_config_internal.h"

#include "core/settings_internal.h"

#include <stdio.h>
#include <string.h>

enum { HASH_LEN = 60, SALT_AND_SUM = 53, COST_LEAST = 4, COST_MOST = 31, BURST_MOST = 100000 };
#define INTERVAL_MOST_NS (INT64_C(24) * 3600 * 1000000000)

/* --- Headers --- */

static const char *const nosniff[] = {"nosniff", NULL};
static const char *const frame_options[] = {"deny", "sameorigin", NULL};

/* A text without the white space around it, as a header has it: a block in YAML ends with a line feed. */
static const char *trim(char *text) {
    text += strspn(text, " \t\r\n");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

static void add_header(struct web_reader *r, const struct node *value) {
    struct web_config *config = r->config;
    char *copy = (char *)web_text(r, value);
    const char *text = copy ? trim(copy) : "";
    if (settings_has_control(text)) {
        web_error(r, value, "the header \"%s\" holds a line feed or another control character",
                  value->key->text);
        return;
    }
    const char *name = arena_copy(&config->arena, value->key->text, value->key->len);
    if (!name)
        r->problems->no_memory = true;
    else if (text[0] != '\0')
        ((struct web_header *)config->headers)[config->n_headers++] =
            (struct web_header){.name = name, .value = text};
}

static void read_nosniff(struct web_reader *r, const struct node *value) {
    if (web_choice(r, value, nosniff) >= 0)
        add_header(r, value);
}

static void read_frame_options(struct web_reader *r, const struct node *value) {
    if (web_choice(r, value, frame_options) >= 0)
        add_header(r, value);
}

static const struct web_key header_keys[] = {
    {"Content-Security-Policy", add_header},   {"X-Frame-Options", read_frame_options},
    {"X-Content-Type-Options", read_nosniff},  {"X-XSS-Protection", add_header},
    {"Strict-Transport-Security", add_header}, {NULL, NULL},
};
enum { N_HEADERS = sizeof header_keys / sizeof *header_keys - 1 };

static void read_headers(struct web_reader *r, const struct node *value) {
    r->config->headers = web_alloc(r, N_HEADERS, sizeof *r->config->headers);
    if (r->config->headers)
        web_section(r, value, "the headers that can be set", header_keys);
}

static const struct web_key http_keys[] = {
    {"http2", web_read_ignored_bool}, /* HTTP/2 is not served */
    {"headers", read_headers},
    {NULL, NULL},
};

void web_read_http(struct web_reader *r, const struct node *value) {
    web_section(r, value, "http_server_config", http_keys);
}

/* --- Passwords --- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Why a text is no hash that bcrypt made; NULL if it may be one. The text itself is a secret. */
static const char *fault_of_hash(const char *hash, size_t len) {
    static const char alphabet[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    bool has_version = len > 3 && memcmp(hash, "$2", 2) == 0 && strchr("aby", hash[2]) && hash[3] == '$';
    if (!has_version)
        return "it does not begin with $2a$, $2b$ or $2y$: passwords are not written down themselves";
    if (len < 7 || !is_digit(hash[4]) || !is_digit(hash[5]) || hash[6] != '$')
        return "two digits for the cost and a $ are expected behind the version";
    int cost = (hash[4] - '0') * 10 + hash[5] - '0';
    if (cost < COST_LEAST || cost > COST_MOST)
        return "its cost is not 04 to 31";
    if (len != HASH_LEN)
        return len < HASH_LEN ? "it is too short; 60 characters are expected"
                              : "it is too long; 60 characters are expected";
    if (strspn(hash + 7, alphabet) != SALT_AND_SUM)
        return "it holds a character that no hash has";
    return NULL;
}

/* Without the line feed that a block in YAML ends with: exporter-toolkit looks at the first 60 characters
 * only. What else stands behind those was not meant to be there. */
static size_t hash_len(const struct node *node) {
    size_t len = node->type == NODE_SCALAR ? node->len : 0;
    while (len > 0 && node->text[len - 1] == '\n')
        len--;
    return len;
}

static const char *fault_of_name(const struct node *name) {
    if (strchr(name->text, ':'))
        return "holds a colon, with which no client can send it";
    return settings_has_control(name->text) ? "holds a control character" : NULL;
}

static void read_user(struct web_reader *r, const struct node *entry, struct web_user *out) {
    char shown[SETTINGS_SHOWN_SIZE];
    const char *fault = fault_of_name(entry->key);
    if (strncmp(entry->key->text, "$2", 2) == 0) { /* not to be shown */
        web_error(r, entry->key, "a hash stands where a user name is expected: the name comes first");
        return;
    }
    settings_show(entry->key, shown);
    if (fault)
        web_error(r, entry->key, "the user name %s %s", shown, fault);
    fault = entry->type != NODE_SCALAR ? "it is no text" : fault_of_hash(entry->text, hash_len(entry));
    if (fault)
        web_error(r, entry,
                  "the password of %s is no bcrypt hash: %s. To make one: htpasswd -nBC 10 \"\" | tr -d "
                  "':\\n'",
                  shown, fault);
    else
        *out = (struct web_user){
            .name = arena_copy(&r->config->arena, entry->key->text, entry->key->len),
            .hash = arena_copy(&r->config->arena, entry->text, hash_len(entry)),
        };
    if (!fault && (!out->name || !out->hash))
        r->problems->no_memory = true;
}

void web_read_users(struct web_reader *r, const struct node *value) {
    struct web_config *config = r->config;
    if (value->type != NODE_MAPPING) {
        web_wrong(r, value, "a mapping of user names and bcrypt hashes", false);
        return;
    }
    struct web_user *users = web_alloc(r, value->n_children, sizeof *users);
    for (const struct node *entry = value->first; entry && users; entry = entry->next)
        read_user(r, entry, &users[config->n_users++]);
    config->users = users;
}

/* --- The rate --- */

static void read_interval(struct web_reader *r, const struct node *value) {
    int64_t ns;
    if (value->type != NODE_SCALAR || !web_parse_duration(value->text, &ns))
        web_wrong(r, value, "a duration such as 100ms, 1s or 1m30s, or 0 for no limit", true);
    else if (ns > INTERVAL_MOST_NS)
        web_error(r, value, "\"interval\" is %.32s; it must be 0 to 24h", value->text);
    else
        r->config->rate_interval_ns = ns;
}

static void read_burst(struct web_reader *r, const struct node *value) {
    uint64_t number;
    if (value->type != NODE_SCALAR || value->quoted ||
        !settings_parse_number(value->text, INT64_MAX, &number))
        web_wrong(r, value, "a whole number", true);
    else if (number > BURST_MOST)
        web_error(r, value, "\"burst\" is %.32s; it must be 1 to %d", value->text, BURST_MOST);
    else
        r->config->rate_burst = (unsigned)number;
}

static const struct web_key rate_keys[] = {
    {"interval", read_interval},
    {"burst", read_burst},
    {NULL, NULL},
};

void web_read_rate(struct web_reader *r, const struct node *value) {
    size_t n_errors = r->problems->n_errors;
    web_section(r, value, "rate_limit", rate_keys);
    if (r->problems->n_errors == n_errors && r->config->rate_interval_ns > 0 && r->config->rate_burst == 0)
        web_error(r, value->key,
                  "rate_limit needs a \"burst\" of at least 1: without it no request is ever answered");
}
