/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing. What an Accept header asks for is in promtext_negotiate.c.
 *
 * The end of a line (brace, value, newline) is put together backwards in a small array and appended at once:
 * appends cost more than digits.
 */
#include "core/promtext.h"

#include <assert.h>
#include <string.h>

enum {
    NANO_DIGITS = 9,
    VALUE_SIZE = 40, /* "} " + sign, 20 digits, point, 9 digits + newline */
};
#define SECOND_NS 1000000000u
#define TOTAL "_total"
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

const char *promtext_type_text(enum promtext_type type) {
    static const char *const texts[PROMTEXT_TYPES] = {
        [PROMTEXT_GAUGE] = "gauge",
        [PROMTEXT_COUNTER] = "counter",
        [PROMTEXT_HISTOGRAM] = "histogram",
        [PROMTEXT_INFO_GAUGE] = "gauge",
    };
    return texts[type];
}

void promtext_begin(struct promtext *p, struct buf *out, enum promtext_format format) {
    *p = (struct promtext){.out = out, .format = format, .name = ""};
}

void promtext_end(struct promtext *p) {
    if (p->format == PROMTEXT_OPENMETRICS)
        buf_add_text(p->out, "# EOF\n");
}

/* --- Families --- */

/* HELP escapes quotes in OpenMetrics only. */
static void add_help(struct promtext *p, const char *help) {
    for (; *help != '\0'; help++) {
        if (*help == '\n') {
            buf_add(p->out, "\\n", 2);
            continue;
        }
        if (*help == '\\' || (*help == '"' && p->format == PROMTEXT_OPENMETRICS))
            buf_add_char(p->out, '\\');
        buf_add_char(p->out, *help);
    }
}

static void add_comment(struct promtext *p, const char *word, size_t name_len) {
    buf_add_text(p->out, word);
    buf_add(p->out, p->name, name_len);
    buf_add_char(p->out, ' ');
}

void promtext_family(struct promtext *p, const char *name, enum promtext_type type, const char *help) {
    p->name = name;
    p->name_len = strlen(name);
    size_t family_len = p->name_len;
    if (type == PROMTEXT_COUNTER) {
        size_t total_len = strlen(TOTAL);
        assert(family_len > total_len && strcmp(name + family_len - total_len, TOTAL) == 0);
        if (p->format == PROMTEXT_OPENMETRICS)
            family_len -= total_len;
    }
    add_comment(p, "# HELP ", family_len);
    add_help(p, help);
    add_comment(p, "\n# TYPE ", family_len);
    buf_add_text(p->out, promtext_type_text(type));
    buf_add_char(p->out, '\n');
}

void promtext_sample(struct promtext *p) {
    buf_add(p->out, p->name, p->name_len);
    p->labelled = false;
}

void promtext_labelled(struct promtext *p, const char *a, size_t a_len, const char *b, size_t b_len) {
    char *to = buf_reserve(p->out, p->name_len + a_len + b_len + 2);
    p->labelled = true;
    if (to == NULL)
        return;
    char *at = mempcpy(to, p->name, p->name_len);
    *at++ = '{';
    at = mempcpy(at, a, a_len);
    if (b_len > 0) {
        *at++ = ',';
        at = mempcpy(at, b, b_len);
    }
    buf_commit(p->out, (size_t)(at - to));
}

/* --- Labels --- */

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xc0u) == 0x80;
}

size_t promtext_utf8(const char *text) {
    unsigned first = (unsigned char)text[0];
    if (first < 0x80)
        return first != 0;
    unsigned second = (unsigned char)text[1];
    if (first < 0xc2 || first > 0xf4 || !is_continuation(text[1]))
        return 0;
    if (first < 0xe0)
        return 2;
    bool long_form = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second > 0x9f;
    bool too_large = first == 0xf4 && second > 0x8f;
    if (long_form || surrogate || too_large || !is_continuation(text[2]))
        return 0;
    if (first < 0xf0)
        return 3;
    return is_continuation(text[3]) ? 4 : 0;
}

/* How many bytes from `value` on are ASCII that needs no escaping. */
static size_t plain_run(const char *value) {
    size_t n = 0;
    while ((signed char)value[n] > 0 && value[n] != '\n' && value[n] != '\\' && value[n] != '"')
        n++;
    return n;
}

static void add_escaped(struct buf *out, const char *value) {
    for (;;) {
        size_t plain = plain_run(value);
        buf_add(out, value, plain);
        value += plain;
        if (*value == '\0')
            return;
        size_t n = promtext_utf8(value);
        if (n == 0)
            buf_add_text(out, REPLACEMENT);
        else if (*value == '\n')
            buf_add(out, "\\n", 2);
        else if (n == 1)
            buf_add(out, (const char[2]){'\\', *value}, 2);
        else
            buf_add(out, value, n);
        value += n > 0 ? n : 1;
    }
}

void promtext_format_label(struct buf *out, const char *name, const char *value) {
    buf_add_text(out, name);
    buf_add(out, "=\"", 2);
    add_escaped(out, value);
    buf_add_char(out, '"');
}

static char separator(struct promtext *p) {
    char c = p->labelled ? ',' : '{';
    p->labelled = true;
    return c;
}

void promtext_label(struct promtext *p, const char *name, const char *value) {
    buf_add_char(p->out, separator(p));
    promtext_format_label(p->out, name, value);
}

void promtext_plain_label(struct promtext *p, const char *name, const char *value, size_t len) {
    buf_add_char(p->out, separator(p));
    buf_add_text(p->out, name);
    buf_add(p->out, "=\"", 2);
    buf_add(p->out, value, len);
    buf_add_char(p->out, '"');
}

/* --- Values --- */

static char *digits_before(char *at, uint64_t value) {
    for (; value >= 100; value /= 100) {
        unsigned pair = (unsigned)(value % 100);
        *--at = (char)('0' + pair % 10);
        *--at = (char)('0' + pair / 10);
    }
    if (value >= 10)
        *--at = (char)('0' + value % 10);
    *--at = (char)('0' + (value >= 10 ? value / 10 : value));
    return at;
}

/* Puts what stands between labels and value before `at`, and appends all up to `end`. */
static void add_value(struct promtext *p, char *at, const char *end) {
    *--at = ' ';
    if (p->labelled)
        *--at = '}';
    buf_add(p->out, at, (size_t)(end - at));
}

void promtext_u64(struct promtext *p, uint64_t value) {
    char text[VALUE_SIZE];
    char *end = text + sizeof text;
    end[-1] = '\n';
    add_value(p, digits_before(end - 1, value), end);
}

void promtext_seconds(struct promtext *p, int64_t ns) {
    char text[VALUE_SIZE];
    char *end = text + sizeof text;
    /* Negated as unsigned, where INT64_MIN has a positive counterpart. */
    uint64_t size_ns = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint64_t fraction = size_ns % SECOND_NS;
    unsigned places = fraction > 0 ? NANO_DIGITS : 0;
    for (; places > 0 && fraction % 10 == 0; places--)
        fraction /= 10;
    char *at = end;
    *--at = '\n';
    for (unsigned i = 0; i < places; i++, fraction /= 10)
        *--at = (char)('0' + fraction % 10);
    if (places > 0)
        *--at = '.';
    at = digits_before(at, size_ns / SECOND_NS);
    if (ns < 0)
        *--at = '-';
    add_value(p, at, end);
}

void promtext_double(struct promtext *p, double value) {
    buf_add_text(p->out, p->labelled ? "} " : " ");
    buf_add_double(p->out, value);
    buf_add_char(p->out, '\n');
}

/* --- Histograms --- */

static void sample_with_suffix(struct promtext *p, const char *suffix, const char *name, const char *value) {
    promtext_sample(p);
    buf_add_text(p->out, suffix);
    promtext_label(p, name, value);
}

void promtext_histogram(struct promtext *p, const char *name, const char *value, const struct hist *h) {
    uint64_t so_far = 0;
    for (int i = 0; i <= HIST_BOUNDS; i++) {
        const char *bound = i < HIST_BOUNDS ? hist_bound_text[i] : "+Inf";
        so_far += h->buckets[i];
        sample_with_suffix(p, "_bucket", name, value);
        promtext_plain_label(p, "le", bound, strlen(bound));
        promtext_u64(p, so_far);
    }
    sample_with_suffix(p, "_sum", name, value);
    promtext_seconds(p, (int64_t)h->sum_ns);
    sample_with_suffix(p, "_count", name, value);
    promtext_u64(p, so_far);
}
