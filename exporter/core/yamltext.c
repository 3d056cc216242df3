/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines are ended by what comes next, so that a comment can still be put behind a value.
 */
#include "core/yamltext.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

enum { SPACES = 2, C1_FIRST = 0xc2, C1_END = 0xa0, DELETE = 0x7f, OTHER_CASE = 'a' ^ 'A' };

void yamltext_begin(struct yamltext *y, struct buf *out) {
    *y = (struct yamltext){.out = out};
}

/* ---- texts ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void yamltext_hide(struct yamltext *y, const char *const *secrets, size_t n) {
    y->secrets = secrets;
    y->n_secrets = n;
    y->shortest = SIZE_MAX;
    memset(y->begins, 0, sizeof y->begins);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(secrets[i]);
        y->shortest = len < y->shortest ? len : y->shortest;
        char first = secrets[i][0];
        y->begins[(unsigned char)first] = true;
        y->begins[(unsigned char)(is_letter(first) ? first ^ OTHER_CASE : first)] = true;
    }
}

/* What YAML 1.1 takes for a boolean or for nothing (1.2 fewer of them). */
static bool is_reserved(const char *text) {
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* No number and no date has two points: an address or range of IPv4 may stand as it is. */
static bool is_plain(const char *text) {
    unsigned points = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (!is_digit(*at) && !is_letter(*at) && strchr("_-./", *at) == NULL)
            return false;
        points += *at == '.';
    }
    if (is_letter(text[0]))
        return !is_reserved(text);
    return text[0] == '/' || (is_digit(text[0]) && points > 1);
}

/* The length of the secret that begins at `at`; 0: none does. */
static size_t secret_at(const struct yamltext *y, const char *at) {
    size_t longest = 0;
    if (!y->begins[(unsigned char)*at])
        return 0;
    for (size_t i = 0; i < y->n_secrets; i++) {
        size_t len = strlen(y->secrets[i]);
        if (len > longest && strncasecmp(at, y->secrets[i], len) == 0)
            longest = len;
    }
    return longest;
}

/* A configuration may have 100,000 names and addresses, and 250 keys: most are done with at a glance. */
static bool has_secret(const struct yamltext *y, const char *text) {
    if (y->n_secrets == 0 || strlen(text) < y->shortest)
        return false;
    for (; *text != '\0'; text++)
        if (secret_at(y, text) > 0)
            return true;
    return false;
}

/* The three bytes of a character that readers take for the end of a line, for a byte order mark, or refuse.
 */
static const char *escape_of_three(const char *at) {
    static const struct {
        const char bytes[4];
        const char *escape;
    } rows[] = {
        {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"}, {"\xef\xbb\xbf", "\\uFEFF"},
        {"\xef\xbf\xbe", "\\uFFFE"}, {"\xef\xbf\xbf", "\\uFFFF"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(at, rows[i].bytes, 3) == 0)
            return rows[i].escape;
    return NULL;
}

/* Writes the character at `at`; returns its length (of other bytes of UTF-8: one at a time). */
static size_t add_character(struct yamltext *y, const char *at) {
    const unsigned char *bytes = (const unsigned char *)at;
    const char *escape = escape_of_three(at);
    if (escape != NULL) {
        buf_add_text(y->out, escape);
        return 3;
    }
    if (bytes[0] == C1_FIRST && bytes[1] < C1_END && bytes[1] != '\0') {
        buf_addf(y->out, "\\x%02X", bytes[1]);
        return 2;
    }
    if (bytes[0] < ' ' || bytes[0] == DELETE) {
        buf_addf(y->out, "\\x%02X", bytes[0]);
        return 1;
    }
    if (*at == '"' || *at == '\\')
        buf_add_char(y->out, '\\');
    buf_add_char(y->out, *at);
    return 1;
}

static void add_text(struct yamltext *y, const char *text) {
    if (is_plain(text) && !has_secret(y, text)) {
        buf_add_text(y->out, text);
        return;
    }
    buf_add_char(y->out, '"');
    while (*text != '\0') {
        size_t len = secret_at(y, text);
        if (len > 0)
            buf_add_text(y->out, YAMLTEXT_SECRET);
        text += len > 0 ? len : add_character(y, text);
    }
    buf_add_char(y->out, '"');
}

/* ---- lines ---- */

static void add_indent(struct yamltext *y, unsigned levels) {
    if (y->out->len > 0)
        buf_add_char(y->out, '\n');
    for (unsigned i = 0; i < levels * SPACES; i++)
        buf_add_char(y->out, ' ');
}

static void add_name(struct yamltext *y, const char *name) {
    add_indent(y, y->dash ? y->depth - 1 : y->depth);
    if (y->dash)
        buf_add_text(y->out, "- ");
    y->dash = false;
    add_text(y, name);
    buf_add_char(y->out, ':');
}

void yamltext_open(struct yamltext *y, const char *name) {
    add_name(y, name);
    y->depth++;
}

void yamltext_entry(struct yamltext *y) {
    y->depth++;
    y->dash = true;
}

/* The end of the whole is that of its last line. */
void yamltext_close(struct yamltext *y) {
    assert(y->depth > 0 && !y->dash);
    if (--y->depth == 0)
        buf_add_char(y->out, '\n');
}

void yamltext_entry_string(struct yamltext *y, const char *text) {
    add_indent(y, y->depth);
    buf_add_text(y->out, "- ");
    add_text(y, text);
}

void yamltext_string(struct yamltext *y, const char *name, const char *text) {
    add_name(y, name);
    buf_add_char(y->out, ' ');
    add_text(y, text);
}

void yamltext_word(struct yamltext *y, const char *name, const char *word) {
    add_name(y, name);
    buf_add_char(y->out, ' ');
    buf_add_text(y->out, word);
}

void yamltext_u64(struct yamltext *y, const char *name, uint64_t value) {
    add_name(y, name);
    buf_add_char(y->out, ' ');
    buf_add_u64(y->out, value);
}

void yamltext_comment(struct yamltext *y, const char *text) {
    buf_add_text(y->out, " # ");
    buf_add_text(y->out, text);
}

void yamltext_flow(struct yamltext *y, const char *name) {
    add_name(y, name);
    buf_add_text(y->out, " [");
    y->flow_filled = false;
}

void yamltext_element(struct yamltext *y, const char *text) {
    if (y->flow_filled)
        buf_add_text(y->out, ", ");
    y->flow_filled = true;
    add_text(y, text);
}

void yamltext_flow_end(struct yamltext *y) {
    buf_add_char(y->out, ']');
}
