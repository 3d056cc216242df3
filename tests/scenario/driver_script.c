/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_script.h"

#include "driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *script_path = "";
unsigned script_line;

/* ---- statements ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes a line off *text; returns its end made a NUL. */
static char *take_line(char **text, unsigned *line) {
    char *start = *text;
    char *end = strchr(start, '\n');
    *text = end != NULL ? end + 1 : start + strlen(start);
    if (end != NULL)
        *end = '\0';
    ++*line;
    return start;
}

static void cut_words(char *text, struct statement *s) {
    for (;;) {
        while (is_blank(*text))
            text++;
        if (*text == '\0' || *text == '#')
            return;
        if (s->n_words == SCRIPT_WORDS - 1)
            driver_misread("more than %d words", SCRIPT_WORDS - 1);
        char quote = *text == '\'' ? *text++ : '\0';
        s->words[s->n_words++] = text;
        while (*text != '\0' && (quote != '\0' ? *text != quote : !is_blank(*text)))
            text++;
        if (quote != '\0' && *text == '\0')
            driver_misread("the quote is not closed");
        if (*text != '\0')
            *text++ = '\0';
    }
}

/* The length of the line at `text`, blanks at its end left out; *start is its first character that is no
 * blank. */
static size_t trimmed(const char *text, const char **start) {
    size_t len = strcspn(text, "\n");
    while (len > 0 && is_blank(*text)) {
        text++;
        len--;
    }
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    *start = text;
    return len;
}

/* Blocks within it (of `repeat`) are passed over. */
static void take_block(char **text, unsigned *line, struct statement *s) {
    s->block = *text;
    for (unsigned depth = 1; **text != '\0';) {
        const char *start = NULL;
        size_t len = trimmed(*text, &start);
        if (len == 1 && *start == '}' && --depth == 0) {
            s->block_len = (size_t)(*text - s->block);
            *text += strcspn(*text, "\n");
            *text += **text == '\n';
            ++*line;
            return;
        }
        depth += len > 0 && start[len - 1] == '{' && *start != '#';
        *text += strcspn(*text, "\n");
        *text += **text == '\n';
        ++*line;
    }
    driver_misread("the block is not closed by a line with }");
}

bool script_next(char **text, unsigned *line, struct statement *s) {
    while (**text != '\0') {
        char *start = take_line(text, line);
        *s = (struct statement){.line = *line};
        script_line = *line;
        cut_words(start, s);
        if (s->n_words == 0)
            continue;
        if (strcmp(s->words[s->n_words - 1], "{") == 0) {
            s->words[--s->n_words] = NULL;
            take_block(text, line, s);
        }
        return true;
    }
    return false;
}

/* ---- words ---- */

const char *script_word(struct statement *s, const char *what) {
    if (s->at == s->n_words)
        driver_misread("%s is missing at the end", what);
    return s->words[s->at++];
}

bool script_is(struct statement *s, const char *word) {
    if (s->at == s->n_words || strcmp(s->words[s->at], word) != 0)
        return false;
    s->at++;
    return true;
}

void script_end(const struct statement *s) {
    if (s->at < s->n_words)
        driver_misread("nothing is expected here: %s", s->words[s->at]);
}

struct ip script_ip(struct statement *s) {
    const char *word = script_word(s, "an address");
    struct ip ip;
    if (ip_parse(word, strlen(word), &ip) != STATUS_OK)
        driver_misread("no address: %s", word);
    return ip;
}

struct ip_range script_range(struct statement *s) {
    const char *word = script_word(s, "an address or range");
    struct ip_range range;
    if (ip_range_parse(word, strlen(word), &range) != IP_RANGE_OK)
        driver_misread("no address or range: %s", word);
    return range;
}

static double unit_seconds(const char **text) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t len = strlen(units[i].name);
        if (strncmp(*text, units[i].name, len) == 0) {
            *text += len;
            return units[i].seconds;
        }
    }
    return 0;
}

/* A number, or numbers with units of time behind each (`1h30m`), in seconds. NaN if it is none. */
static double parse_number(const char *word, bool *has_unit) {
    double sum = 0;
    *has_unit = false;
    do {
        char *end = NULL;
        double part = strtod(word, &end);
        if (end == word)
            return (double)NAN;
        word = end;
        if (word[0] == '%' && word[1] == '\0' && !*has_unit)
            return part / 100;
        double unit = unit_seconds(&word);
        if (unit <= 0)
            return *has_unit || *word != '\0' ? (double)NAN : part;
        *has_unit = true;
        sum += part * unit;
    } while (*word != '\0');
    return sum;
}

double script_number(struct statement *s) {
    const char *word = script_word(s, "a number");
    bool has_unit = false;
    double number = parse_number(word, &has_unit);
    if (isnan(number))
        driver_misread("no number: %s", word);
    return number;
}

int64_t script_time(struct statement *s) {
    const char *word = script_word(s, "a time");
    bool has_unit = false;
    double seconds = parse_number(word, &has_unit);
    if (isnan(seconds) || (!has_unit && seconds != 0) || seconds < 0)
        driver_misread("no time (like 250ms, 10s, 5m, 6h, 30d, 1h30m): %s", word);
    return (int64_t)(seconds * 1e9 + 0.5);
}

unsigned script_codes(struct statement *s, uint32_t codes[SCRIPT_CODES]) {
    const char *word = script_word(s, "an answer");
    unsigned n = 0;
    for (const char *at = word; *at != '\0' && n < SCRIPT_CODES;) {
        size_t len = strcspn(at, ",");
        struct ip ip;
        if (ip_parse(at, len, &ip) != STATUS_OK || ip.family != IP_V4)
            driver_misread("no answers (like 127.0.0.2,127.0.0.4): %s", word);
        codes[n++] = (uint32_t)ip.lo;
        at += len + (at[len] == ',');
    }
    return n;
}

/* ---- bounds ---- */

static void read_operator(struct statement *s, struct bounds *b) {
    static const char *const operators[] = {"=", "!=", "<", "<=", ">", ">="};
    unsigned op = 0;
    while (op < 6 && !script_is(s, operators[op]))
        op++;
    double value = script_number(s);
    *b = (struct bounds){
        .low = value, .high = value, .except = op == 1, .open_high = op == 2, .open_low = op == 4};
    if (op == 2 || op == 3)
        b->low = -(double)INFINITY;
    if (op == 4 || op == 5)
        b->high = (double)INFINITY;
}

struct bounds script_bounds(struct statement *s) {
    struct bounds b;
    unsigned from = s->at;
    read_operator(s, &b);
    if (script_is(s, "to"))
        b.high = script_number(s);
    size_t len = 0;
    for (unsigned i = from; i < s->at; i++)
        len +=
            (size_t)snprintf(b.text + len, sizeof b.text - len, "%s%.20s", i > from ? " " : "", s->words[i]);
    return b;
}

bool bounds_hold(const struct bounds *b, double value) {
    if (b->except)
        return value < b->low || value > b->high;
    bool low = b->open_low ? value > b->low : value >= b->low;
    bool high = b->open_high ? value < b->high : value <= b->high;
    return low && high;
}
