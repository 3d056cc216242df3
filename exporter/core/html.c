/* SPDX-License-Identifier: Apache-2.0 */
#include "core/html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { TAG_NAME = 12, ENTITY_NAME = 12 };

struct html {
    const char *at;
    const char *end;
    struct buf *out;
    bool verbatim; /* inside <pre>: line ends are meant */
    bool blank;    /* a space is owed, if a word follows */
};

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* ---- what is put out ---- */

static bool at_line_start(const struct html *h) {
    return h->out->len == 0 || h->out->data[h->out->len - 1] == '\n';
}

static void put(struct html *h, const char *bytes, size_t n) {
    if (h->blank && !at_line_start(h))
        buf_add_char(h->out, ' ');
    h->blank = false;
    buf_add(h->out, bytes, n);
}

/* Ends the line, and leaves an empty one if `n` is 2. */
static void break_line(struct html *h, unsigned n) {
    h->blank = false;
    for (unsigned i = 0; i < n && h->out->len > 0; i++) {
        size_t len = h->out->len;
        bool empty = len > 1 && h->out->data[len - 1] == '\n' && h->out->data[len - 2] == '\n';
        bool ended = h->out->data[len - 1] == '\n';
        if (empty || (ended && n == 1))
            return;
        buf_add_char(h->out, '\n');
    }
}

/* ---- entities ---- */

static const struct {
    const char *name;
    const char *text;
} entities[] = {
    {"lt", "<"},    {"gt", ">"},     {"amp", "&"},    {"quot", "\""},  {"apos", "'"},   {"nbsp", " "},
    {"rarr", "->"}, {"lsquo", "'"},  {"rsquo", "'"},  {"ldquo", "\""}, {"rdquo", "\""}, {"ndash", "-"},
    {"mdash", "-"}, {"bull", "*"},   {"middot", "*"}, {"shy", ""},     {"zwnj", ""},    {"ensp", " "},
    {"emsp", " "},  {"thinsp", " "}, {"colon", ":"},  {"lsqb", "["},   {"rsqb", "]"},   {"period", "."},
};

static size_t utf8(uint32_t c, char out[4]) {
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        c = ' ';
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(leads[n] | c);
    return n;
}

static int digit(char c, bool hex) {
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return hex && lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* `&#8594;`, `&#x2192;`: true if it is one, and where it ends. */
static bool number(struct html *h) {
    const char *p = h->at + 2;
    bool hex = p < h->end && (*p == 'x' || *p == 'X');
    uint32_t value = 0;
    char bytes[4];
    p += hex;
    const char *digits = p;
    for (; p < h->end && digit(*p, hex) >= 0; p++)
        value = value > 0x10ffff ? value : value * (hex ? 16 : 10) + (uint32_t)digit(*p, hex);
    if (p == digits)
        return false;
    h->at = p + (p < h->end && *p == ';');
    if (value == 0xa0 || value == ' ')
        h->blank = true;
    else
        put(h, bytes, utf8(value, bytes));
    return true;
}

static void entity(struct html *h) {
    size_t n = 0;
    const char *name = h->at + 1;
    if (name < h->end && *name == '#' && number(h))
        return;
    while (n < ENTITY_NAME && name + n < h->end && is_name(name[n]))
        n++;
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        if (strlen(entities[i].name) != n || strncmp(entities[i].name, name, n) != 0)
            continue;
        h->at = name + n + (name + n < h->end && name[n] == ';');
        if (strcmp(entities[i].text, " ") == 0)
            h->blank = true;
        else
            put(h, entities[i].text, strlen(entities[i].text));
        return;
    }
    put(h, h->at++, 1);
}

/* ---- tags ---- */

static bool is_one_of(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}
#define ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof *(names))

/* The end of a tag: `>` outside of quotes. */
static const char *tag_end(const struct html *h, const char *p) {
    char quote = '\0';
    for (; p < h->end; p++) {
        if (quote != '\0')
            quote = *p == quote ? '\0' : quote;
        else if (*p == '"' || *p == '\'')
            quote = *p;
        else if (*p == '>')
            return p + 1;
    }
    return h->end;
}

/* Behind the end of an element whose content is not shown. */
static const char *skip_element(const struct html *h, const char *name) {
    size_t n = strlen(name);
    for (const char *p = h->at; p + n + 2 <= h->end; p++) {
        p = memchr(p, '<', (size_t)(h->end - p));
        if (p == NULL || p + n + 2 > h->end)
            break;
        if (p[1] == '/' && strncasecmp(p + 2, name, n) == 0 && (p + n + 2 == h->end || !is_name(p[n + 2])))
            return tag_end(h, p);
    }
    return h->end;
}

static void tag(struct html *h) {
    static const char *const lines[] = {"br", "tr", "td", "th", "li", "dt", "dd", "option"};
    static const char *const blocks[] = {"p",  "div", "table", "ul", "ol", "dl",  "h1",      "h2",
                                         "h3", "h4",  "h5",    "h6", "hr", "pre", "section", "body"};
    static const char *const hidden[] = {"script", "style", "title"};
    bool closes = h->at[1] == '/';
    const char *p = h->at + 1 + closes;
    char name[TAG_NAME + 1];
    size_t n = 0;
    for (; n < TAG_NAME && p + n < h->end && is_name(p[n]); n++)
        name[n] = (char)(is_letter(p[n]) ? p[n] | 0x20 : p[n]);
    name[n] = '\0';
    h->at = tag_end(h, p + n);
    if (ONE_OF(name, lines))
        break_line(h, 1);
    else if (ONE_OF(name, blocks))
        break_line(h, 2);
    else if (!closes && ONE_OF(name, hidden))
        h->at = skip_element(h, name);
    if (strcmp(name, "pre") == 0)
        h->verbatim = !closes;
}

/* `<!-- ... -->`, `<!doctype ...>`, `<?xml ...>` */
static void declaration(struct html *h) {
    size_t left = (size_t)(h->end - h->at);
    if (left < 4 || memcmp(h->at, "<!--", 4) != 0) {
        h->at = tag_end(h, h->at);
        return;
    }
    const char *close = memmem(h->at + 4, left - 4, "-->", 3);
    h->at = close != NULL ? close + 3 : h->end;
}

/* ---- the whole ---- */

bool html_is_document(const char *bytes, size_t len) {
    static const char *const firsts[] = {"html",  "head", "body", "meta", "title",  "style", "div", "p",
                                         "table", "pre",  "span", "font", "center", "h1",    "h2",  "h3"};
    const char *end = bytes + len;
    while (bytes < end && (is_blank(*bytes) || (unsigned char)*bytes == 0xef ||
                           (unsigned char)*bytes == 0xbb || (unsigned char)*bytes == 0xbf))
        bytes++;
    size_t left = (size_t)(end - bytes);
    if (left > 9 && (strncasecmp(bytes, "<!doctype", 9) == 0 || memcmp(bytes, "<!--", 4) == 0))
        return true;
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        size_t n = strlen(firsts[i]);
        if (left > n + 1 && *bytes == '<' && strncasecmp(bytes + 1, firsts[i], n) == 0 &&
            (bytes[n + 1] == '>' || is_blank(bytes[n + 1])))
            return true;
    }
    return false;
}

static void character(struct html *h) {
    char c = *h->at++;
    if (c == '\r' && (h->at == h->end || *h->at != '\n')) /* a line end of its own */
        c = '\n';
    if (h->verbatim && (c == '\n' || (at_line_start(h) && (c == ' ' || c == '\t'))))
        buf_add_char(h->out, c); /* a folded header stays one */
    else if (is_blank(c))
        h->blank = true;
    else
        put(h, &c, 1);
}

void html_text(const char *html, size_t len, struct buf *out) {
    struct html h = {.at = html, .end = html + len, .out = out};
    while (h.at < h.end && buf_status(out) == STATUS_OK) {
        char next = h.at + 1 < h.end ? h.at[1] : '\0';
        if (*h.at == '<' && (is_letter(next) || next == '/'))
            tag(&h);
        else if (*h.at == '<' && (next == '!' || next == '?'))
            declaration(&h);
        else if (*h.at == '&')
            entity(&h);
        else
            character(&h);
    }
}
