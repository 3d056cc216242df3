/* SPDX-License-Identifier: Apache-2.0
 *
 * The grammar is read as it stands in RFC 7208 section 12: what it does not allow is an error of the whole
 * record, however it was meant.
 */
#include "core/spf_internal.h"

#include <string.h>
#include <strings.h>

/* What is left to read. */
struct span {
    const char *at;
    const char *end;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t left(const struct span *s) {
    return (size_t)(s->end - s->at);
}

static bool begins_with(const struct span *s, char c) {
    return s->at < s->end && *s->at == c;
}

/* ---- domains ---- */

/* Behind `%{`: a letter, how many labels, reversed or not, what separates them, `}`. */
static const char *skip_macro_braces(struct span *s, const char *letters) {
    if (s->at == s->end || strchr(letters, *s->at | 0x20) == NULL || !is_letter(*s->at))
        return "has a macro with a letter that is none";
    s->at++;
    const char *digits = s->at;
    bool more_than_0 = false;
    for (; s->at < s->end && is_digit(*s->at); s->at++)
        more_than_0 = more_than_0 || *s->at != '0';
    if (s->at > digits && !more_than_0)
        return "has a macro that keeps no label";
    if (s->at < s->end && (*s->at | 0x20) == 'r')
        s->at++;
    while (s->at < s->end && strchr(".-+,/_=", *s->at) != NULL)
        s->at++;
    if (!begins_with(s, '}'))
        return "has a macro without its closing brace";
    s->at++;
    return NULL;
}

/* Behind `%`. */
static const char *skip_macro(struct span *s, const char *letters) {
    if (s->at == s->end || strchr("%_-{", *s->at) == NULL)
        return "has a % that begins no macro";
    return *s->at++ == '{' ? skip_macro_braces(s, letters) : NULL;
}

/* A macro-string; `*n_macros` is how many it holds, `*ends_in_one` whether nothing follows the last. */
static const char *check_macro_string(struct span s, const char *letters, unsigned *n_macros,
                                      bool *ends_in_one) {
    const char *why = NULL;
    *n_macros = 0;
    *ends_in_one = false;
    while (why == NULL && s.at < s.end) {
        *ends_in_one = *s.at == '%';
        *n_macros += *ends_in_one ? 1 : 0;
        if (*s.at++ == '%')
            why = skip_macro(&s, letters);
    }
    return why;
}

/* The last label: letters, digits and inner hyphens, not digits alone. */
static bool is_top_label(struct span s) {
    bool only_digits = true;
    if (s.at == s.end || *s.at == '-' || s.end[-1] == '-')
        return false;
    for (; s.at < s.end; s.at++) {
        if (!is_digit(*s.at) && !is_letter(*s.at) && *s.at != '-')
            return false;
        only_digits = only_digits && is_digit(*s.at);
    }
    return !only_digits;
}

static bool has_domain_end(struct span s) {
    if (s.at < s.end && s.end[-1] == '.')
        s.end--;
    const char *dot = memrchr(s.at, '.', left(&s));
    if (dot == NULL)
        return false;
    s.at = dot + 1;
    return is_top_label(s);
}

/* A domain-spec; its name, if it holds no macros and `out` wants one. */
static const char *parse_domain(struct span s, struct spf_term *out, bool wants_name) {
    unsigned n_macros = 0;
    bool ends_in_macro = false;
    if (s.at == s.end)
        return "lacks its domain";
    const char *why = check_macro_string(s, "slodiphv", &n_macros, &ends_in_macro);
    if (why != NULL)
        return why;
    if (!ends_in_macro && !has_domain_end(s))
        return "has a domain that does not end as one";
    out->has_macros = n_macros > 0;
    if (wants_name && n_macros == 0 && qname_from_zone(s.at, left(&s), &out->domain) != STATUS_OK)
        return "has a domain that is no DNS name";
    return NULL;
}

/* ---- mechanisms ---- */

/* Takes `/N` (or what `slashes` is) from the end; false: its number is not 0..max, or has leading zeros. */
static bool take_prefix_length(struct span *s, const char *slashes, unsigned max) {
    const char *digits = s->end;
    size_t n_slashes = strlen(slashes);
    while (digits > s->at && is_digit(digits[-1]))
        digits--;
    if (digits == s->end || (size_t)(digits - s->at) < n_slashes ||
        memcmp(digits - n_slashes, slashes, n_slashes) != 0)
        return true; /* there is none */
    size_t n = (size_t)(s->end - digits);
    unsigned value = 0;
    for (size_t i = 0; i < n && i < 3; i++)
        value = 10 * value + (unsigned)(digits[i] - '0');
    s->end = digits - n_slashes;
    return n <= 3 && value <= max && (n == 1 || *digits != '0');
}

/* Of `a` and `mx`: a domain or none, prefix lengths or none. */
static const char *parse_host(struct span s, struct spf_term *out) {
    bool good = take_prefix_length(&s, "//", 128);
    /* `a//64` has no IPv4 length; what is left of it ends in no slash. */
    good = good && take_prefix_length(&s, "/", 32);
    if (!good)
        return "has a prefix length out of range";
    if (s.at == s.end)
        return NULL;
    if (*s.at++ != ':')
        return "has a prefix length that is none";
    return parse_domain(s, out, false);
}

static const char *parse_domain_behind_colon(struct span s, struct spf_term *out, bool may_lack,
                                             bool wants_name) {
    if (s.at == s.end && may_lack)
        return NULL;
    if (!begins_with(&s, ':'))
        return "lacks its domain";
    s.at++;
    return parse_domain(s, out, wants_name);
}

/* Bits behind the prefix are legal, and mean nothing. */
static const char *parse_network(struct span s, enum ip_family family, struct spf_term *out) {
    if (!begins_with(&s, ':'))
        return "lacks its address";
    s.at++;
    size_t len = left(&s);
    if (memchr(s.at, '-', len) != NULL || memchr(s.at, '%', len) != NULL)
        return "has no address";
    enum ip_range_error error = ip_range_parse(s.at, len, &out->range);
    if (error == IP_RANGE_PREFIX)
        return "has a prefix length out of range";
    if (error != IP_RANGE_OK && error != IP_RANGE_HOST_BITS)
        return "has no address";
    return out->range.first.family == family ? NULL : "has an address of the other family";
}

static const char *parse_mechanism(enum spf_kind kind, struct span s, struct spf_term *out) {
    switch (kind) {
    case SPF_ALL: return s.at == s.end ? NULL : "has something behind it";
    case SPF_INCLUDE: return parse_domain_behind_colon(s, out, false, true);
    case SPF_A:
    case SPF_MX: return parse_host(s, out);
    case SPF_PTR: return parse_domain_behind_colon(s, out, true, false);
    case SPF_EXISTS: return parse_domain_behind_colon(s, out, false, false);
    case SPF_IP4: return parse_network(s, IP_V4, out);
    case SPF_IP6: return parse_network(s, IP_V6, out);
    case SPF_MECHANISMS:
    case SPF_EXP:
    case SPF_OTHER: break;
    }
    return "is no mechanism";
}

/* ---- terms ---- */

static bool is_word(const char *text, size_t len, const char *word) {
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static enum spf_kind mechanism_of(const char *name, size_t len) {
    static const char *const names[SPF_MECHANISMS] = {
        [SPF_ALL] = "all", [SPF_INCLUDE] = "include", [SPF_A] = "a",     [SPF_MX] = "mx",
        [SPF_PTR] = "ptr", [SPF_IP4] = "ip4",         [SPF_IP6] = "ip6", [SPF_EXISTS] = "exists",
    };
    for (int i = 0; i < SPF_MECHANISMS; i++)
        if (is_word(name, len, names[i]))
            return (enum spf_kind)i;
    return SPF_MECHANISMS;
}

static const char *parse_modifier(const char *name, size_t len, struct span value, struct spf_term *out) {
    unsigned n_macros = 0;
    bool ends_in_macro = false;
    out->kind = SPF_OTHER;
    if (is_word(name, len, "redirect"))
        out->kind = SPF_REDIRECT;
    else if (is_word(name, len, "exp"))
        out->kind = SPF_EXP;
    if (out->kind == SPF_OTHER)
        return check_macro_string(value, "slodiphvcrt", &n_macros, &ends_in_macro);
    return parse_domain(value, out, out->kind == SPF_REDIRECT);
}

static struct span skip_name(struct span s) {
    if (s.at < s.end && is_letter(*s.at))
        while (s.at < s.end && (is_letter(*s.at) || is_digit(*s.at) || strchr("-_.", *s.at) != NULL))
            s.at++;
    return s;
}

const char *spf_term_parse(const char *text, size_t len, struct spf_term *out) {
    struct span s = {.at = text, .end = text + len};
    *out = (struct spf_term){.passes = true};
    struct span rest = skip_name(s);
    if (rest.at > text && begins_with(&rest, '=')) {
        size_t name_len = (size_t)(rest.at - text);
        rest.at++;
        return parse_modifier(text, name_len, rest, out);
    }
    if (len > 0 && strchr("+-~?", *text) != NULL) {
        out->passes = *text == '+';
        s.at++;
        rest = skip_name(s);
    }
    out->kind = mechanism_of(s.at, (size_t)(rest.at - s.at));
    return parse_mechanism(out->kind, rest, out);
}
