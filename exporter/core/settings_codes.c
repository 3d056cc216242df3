/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of answers: an address (127.0.0.2), the last octet as a range (127.0.0.[4..7]), CIDR
 * (127.0.1.0/24), or the bits of a mask in the last octet (127.0.0.&4).
 */
#include "core/settings_internal.h"

#include <stdio.h>
#include <string.h>

enum { OCTET_MAX = 255 };
static const uint32_t loopback_first = 0x7f000000;
static const uint32_t loopback_last = 0x7fffffff;

#define PATTERN_FORMS "an address, a range such as 127.0.0.[4..7], CIDR, or bits such as 127.0.0.&4"

/* "a.b.c." in front of `tail` as a number with a last octet of 0. */
static bool parse_three_octets(const char *text, const char *tail, uint32_t *out) {
    char whole[20];
    struct ip ip;
    size_t len = (size_t)(tail - text);
    if (len < 6 || len > sizeof whole - 2 || text[len - 1] != '.')
        return false;
    memcpy(whole, text, len);
    whole[len] = '0';
    if (ip_parse(whole, len + 1, &ip) || ip.family != IP_V4)
        return false;
    *out = (uint32_t)ip.lo;
    return true;
}

/* The number between `text` and `end`, at most 255. */
static bool parse_octet(const char *text, const char *end, uint32_t *out) {
    char digits[4] = {0};
    uint64_t value;
    if (end <= text || (size_t)(end - text) >= sizeof digits)
        return false;
    memcpy(digits, text, (size_t)(end - text));
    if (!settings_parse_number(digits, OCTET_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool parse_brackets(const char *text, const char *open, struct list_answers *out) {
    const char *dots = strstr(open, "..");
    const char *close = strchr(open, ']');
    uint32_t base;
    uint32_t lo;
    uint32_t hi;
    if (!dots || !close || close[1] != '\0' || !parse_three_octets(text, open, &base) ||
        !parse_octet(open + 1, dots, &lo) || !parse_octet(dots + 2, close, &hi) || lo > hi)
        return false;
    *out = (struct list_answers){.lo = base + lo, .hi = base + hi};
    return true;
}

static bool parse_mask(const char *text, const char *sign, struct list_answers *out) {
    uint32_t base;
    uint32_t mask;
    if (!parse_three_octets(text, sign, &base) || !parse_octet(sign + 1, sign + strlen(sign), &mask) ||
        mask == 0)
        return false;
    *out = (struct list_answers){.lo = base + 1, .hi = base + OCTET_MAX, .mask = mask};
    return true;
}

/* An address or CIDR; on host bits `meant` is set. */
static bool parse_block(const char *text, struct list_answers *out, bool *host_bits, struct ip_range *meant) {
    struct ip_range range;
    if (strpbrk(text, "-%"))
        return false;
    enum ip_range_error error = ip_range_parse(text, strlen(text), &range);
    *host_bits = error == IP_RANGE_HOST_BITS;
    if (*host_bits)
        *meant = range;
    if (error != IP_RANGE_OK || range.first.family != IP_V4)
        return false;
    *out = (struct list_answers){.lo = (uint32_t)range.first.lo, .hi = (uint32_t)range.last.lo};
    return true;
}

static bool parse_pattern(const char *text, struct list_answers *out, bool *host_bits,
                          struct ip_range *meant) {
    const char *open = strchr(text, '[');
    const char *sign = strchr(text, '&');
    *host_bits = false;
    if (open)
        return parse_brackets(text, open, out);
    if (sign)
        return parse_mask(text, sign, out);
    return parse_block(text, out, host_bits, meant);
}

/* Reads the pattern in `node`, or reports why it is none. */
static bool read_pattern(struct settings_reader *r, const struct node *node, struct list_answers *out) {
    char shown[SETTINGS_SHOWN_SIZE];
    char range[IP_RANGE_TEXT_SIZE];
    struct ip_range meant;
    bool host_bits = false;
    const char *what = settings_show(node, shown);
    if (node->type == NODE_SCALAR && parse_pattern(node->text, out, &host_bits, &meant)) {
        if (out->lo < loopback_first || out->hi > loopback_last)
            settings_error(r, node, "answer %s lies outside of 127.0.0.0/8", what);
        else if (out->hi == loopback_first)
            settings_error(r, node, "127.0.0.0 is never an answer of a list");
        else
            return true;
    } else if (host_bits) {
        ip_range_format(&meant, range);
        settings_error(r, node, "answer %s has bits set behind its prefix; %s is meant?", what, range);
    } else {
        settings_error(r, node, "answer %s is no pattern; expected " PATTERN_FORMS, what);
    }
    return false;
}

/* The index of `name` among the names so far, added if new; -1 (and reported) if it cannot be. */
static int name_index(struct settings_reader *r, const struct node *name, const char **names,
                      size_t *n_names) {
    char shown[SETTINGS_SHOWN_SIZE];
    if (name->type != NODE_SCALAR || name->len == 0 || !settings_is_name(name->text)) {
        settings_error(r, name, "%s is no name for an answer; expected 1 to 63 of letters, digits, _ . -",
                       settings_show(name, shown));
        return -1;
    }
    for (size_t i = 0; i < *n_names; i++)
        if (strcmp(names[i], name->text) == 0)
            return (int)i;
    if (*n_names == LIST_MAX_CODES) {
        settings_error(r, name, "more than %d different names of answers", LIST_MAX_CODES);
        return -1;
    }
    names[*n_names] = arena_copy(r->arena, name->text, name->len);
    if (!names[*n_names]) {
        r->problems->no_memory = true;
        return -1;
    }
    return (int)(*n_names)++;
}

void settings_read_codes(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                         void *target) {
    struct list *list = target;
    if (!settings_expect(r, key, value, NODE_MAPPING))
        return;
    struct list_answers *codes = settings_alloc(r, value->n_children, sizeof *codes);
    const char **names = settings_alloc(r, LIST_MAX_CODES, sizeof *names);
    if (!codes || !names)
        return;
    size_t n_codes = 0;
    size_t n_names = 0;
    for (const struct node *name = value->first; name; name = name->next) {
        bool good = read_pattern(r, name->key, &codes[n_codes]);
        int index = name_index(r, name, names, &n_names);
        if (good && index >= 0)
            codes[n_codes++].name = (uint8_t)index;
    }
    list->codes = codes;
    list->n_codes = n_codes;
    list->code_names = names;
    list->n_code_names = n_names;
}

/* A list of patterns; it may be empty: no such answers. */
static void read_patterns(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                          const struct list_answers **out, size_t *n_out) {
    if (value->type != NODE_SEQUENCE) {
        settings_wrong(r, key, value);
        return;
    }
    struct list_answers *patterns = settings_alloc(r, value->n_children, sizeof *patterns);
    if (!patterns)
        return;
    size_t n = 0;
    for (const struct node *item = value->first; item; item = item->next)
        n += read_pattern(r, item, &patterns[n]);
    *out = patterns;
    *n_out = n;
}

void settings_read_refused(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                           void *target) {
    struct list *list = target;
    read_patterns(r, key, value, &list->refused, &list->n_refused);
}

void settings_read_ignored(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                           void *target) {
    struct list *list = target;
    read_patterns(r, key, value, &list->ignored, &list->n_ignored);
}

void settings_default_codes(struct settings_reader *r, struct list *list) {
    enum { SCORES = 0x7f000400, SCORE_MAX = 100 };
    if (list->kind != LIST_REPUTATION || list->n_codes > 0)
        return;
    struct list_answers *codes = settings_alloc(r, 1, sizeof *codes);
    const char **names = settings_alloc(r, 1, sizeof *names);
    if (!codes || !names)
        return;
    codes[0] = (struct list_answers){.lo = SCORES, .hi = SCORES + SCORE_MAX};
    names[0] = "score";
    list->codes = codes;
    list->n_codes = 1;
    list->code_names = names;
    list->n_code_names = 1;
}

static bool matches(const struct list_answers *answers, uint32_t answer) {
    return answer >= answers->lo && answer <= answers->hi &&
           (answers->mask == 0 || (answer & answers->mask & OCTET_MAX));
}

/* The lowest answer that is in both, 0 if none. Masks reach over 255 answers at most. */
static uint32_t common_answer(const struct list_answers *a, const struct list_answers *b) {
    uint32_t lo = a->lo > b->lo ? a->lo : b->lo;
    uint32_t hi = a->hi < b->hi ? a->hi : b->hi;
    if (lo > hi)
        return 0;
    if (a->mask == 0 && b->mask == 0)
        return lo;
    for (uint32_t answer = lo; answer <= hi; answer++)
        if (matches(a, answer) && matches(b, answer))
            return answer;
    return 0;
}

static bool report_common(struct settings_reader *r, const struct node *node, const char *what_a,
                          const struct list_answers *a, size_t n_a, const char *what_b,
                          const struct list_answers *b, size_t n_b) {
    char text[IP_TEXT_SIZE];
    for (size_t i = 0; i < n_a; i++)
        for (size_t j = 0; j < n_b; j++) {
            uint32_t answer = common_answer(&a[i], &b[j]);
            if (answer == 0)
                continue;
            struct ip ip = ip_v4(answer);
            ip_format(&ip, text);
            settings_error(r, node, "answer %s is in \"%s\" and in \"%s\"", text, what_a, what_b);
            return true;
        }
    return false;
}

void settings_check_overlap(struct settings_reader *r, const struct node *node, const struct list *list) {
    const struct node *codes = node_find(node, "codes");
    const struct node *refused = node_find(node, "refused");
    const struct node *ignored = node_find(node, "ignored");
    report_common(r,
                  codes     ? codes->key
                  : refused ? refused->key
                            : node,
                  "codes", list->codes, list->n_codes, "refused", list->refused, list->n_refused);
    report_common(r,
                  ignored ? ignored->key
                  : codes ? codes->key
                          : node,
                  "codes", list->codes, list->n_codes, "ignored", list->ignored, list->n_ignored);
    report_common(r,
                  ignored   ? ignored->key
                  : refused ? refused->key
                            : node,
                  "ignored", list->ignored, list->n_ignored, "refused", list->refused, list->n_refused);
}
