/* SPDX-License-Identifier: Apache-2.0
 *
 * Domains are asked one after the other in the order in which they were met, each record read whole before
 * the next is asked for: the set does not depend on the order, and no record has to be kept.
 */
#include "core/spf_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VERSION "v=spf1"
enum { VISITS = 1 + SPF_LOOK_UPS, NAME_SIZE = 4 * QNAME_MAX + 1, QUOTE_MAX = 80, NOBODY = VISITS };

/* A domain whose record is read. */
struct visit {
    struct qname name;
    unsigned from; /* the visit whose record names it; NOBODY: the first */
    bool redirect; /* by `redirect`, not `include` */
};

struct spf {
    enum spf_state state;
    struct visit visits[VISITS];
    unsigned n_visits;
    unsigned at; /* the one that is asked for */
    unsigned n_look_ups;
    unsigned n_terms;
    struct ip_range *ranges;
    size_t n_ranges;
    size_t ranges_size;
    unsigned n_unsaid; /* terms that are not followed, and not in the text */
    size_t others_len;
    char others[SPF_TEXT_SIZE];
    char error[SPF_TEXT_SIZE];
};

/* One record while it is read. */
struct record {
    const char *text; /* behind the version */
    size_t len;
    bool has_all;
    unsigned n_redirects;
    unsigned n_exps;
};

enum status spf_new(const char *domain, struct spf **out) {
    struct qname name;
    enum status status = qname_from_zone(domain, strlen(domain), &name);
    if (status != STATUS_OK)
        return status;
    struct spf *s = calloc(1, sizeof *s);
    if (s == NULL)
        return STATUS_NO_MEMORY;
    s->visits[s->n_visits++] = (struct visit){.name = name, .from = NOBODY};
    *out = s;
    return STATUS_OK;
}

void spf_free(struct spf *s) {
    if (s == NULL)
        return;
    free(s->ranges);
    free(s);
}

enum spf_state spf_state(const struct spf *s) {
    return s->state;
}

const struct qname *spf_question(const struct spf *s) {
    assert(s->state == SPF_ASKS);
    return &s->visits[s->at].name;
}

const struct ip_range *spf_ranges(const struct spf *s, size_t *n) {
    *n = s->n_ranges;
    return s->ranges;
}

const char *spf_error(const struct spf *s) {
    return s->error;
}

const char *spf_not_followed(const struct spf *s) {
    return s->others;
}

/* ---- what people are told ---- */

/* "example.net", or "include:example.net of example.org". */
static void describe_visit(const struct spf *s, unsigned number, char *out, size_t size) {
    char name[NAME_SIZE];
    char from[NAME_SIZE];
    const struct visit *v = &s->visits[number];
    qname_format(&v->name, name);
    if (v->from == NOBODY) {
        (void)snprintf(out, size, "%s", name);
        return;
    }
    qname_format(&s->visits[v->from].name, from);
    (void)snprintf(out, size, "%s%s of %s", v->redirect ? "redirect=" : "include:", name, from);
}

/* Ends it: "DOMAIN: what". */
static void fail(struct spf *s, enum spf_state state, const char *format, ...) PRINTF_LIKE(3, 4);
static void fail(struct spf *s, enum spf_state state, const char *format, ...) {
    char where[2 * NAME_SIZE + 16];
    char what[SPF_TEXT_SIZE];
    va_list args;
    describe_visit(s, s->at, where, sizeof where);
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    s->state = state;
    (void)snprintf(s->error, sizeof s->error, "%.700s: %.300s", where, what);
}

static int quoted(size_t len) {
    return len > QUOTE_MAX ? QUOTE_MAX : (int)len;
}

static void fail_term(struct spf *s, const char *term, size_t len, const char *why) {
    fail(s, SPF_PERMANENT, "the term %.*s%s %s", quoted(len), term, len > QUOTE_MAX ? "..." : "", why);
}

/* Room is kept for the number of those that do not fit. */
static void note_not_followed(struct spf *s, const char *term, size_t len) {
    char name[NAME_SIZE];
    char note[NAME_SIZE + QUOTE_MAX + 16];
    qname_format(&s->visits[s->at].name, name);
    int n = snprintf(note, sizeof note, "%s%.*s%s of %s", s->others_len > 0 ? ", " : "", quoted(len), term,
                     len > QUOTE_MAX ? "..." : "", name);
    if (s->n_unsaid > 0 || s->others_len + (size_t)n + 32 > sizeof s->others) {
        s->n_unsaid++;
        return;
    }
    memcpy(s->others + s->others_len, note, (size_t)n + 1);
    s->others_len += (size_t)n;
}

/* ---- terms ---- */

/* The next term of the record behind `*at`; false: there is none. Only spaces separate terms. */
static bool next_term(const struct record *r, size_t *at, const char **term, size_t *len) {
    while (*at < r->len && r->text[*at] == ' ')
        ++*at;
    *term = r->text + *at;
    while (*at < r->len && r->text[*at] != ' ')
        ++*at;
    *len = (size_t)(r->text + *at - *term);
    return *len > 0;
}

static void add_range(struct spf *s, const struct ip_range *range) {
    if (s->n_ranges == s->ranges_size) {
        size_t size = s->ranges_size == 0 ? 16 : 2 * s->ranges_size;
        struct ip_range *ranges = realloc(s->ranges, size * sizeof *ranges);
        if (ranges == NULL) {
            fail(s, SPF_TEMPORARY, "not enough memory for its ranges");
            return;
        }
        s->ranges = ranges;
        s->ranges_size = size;
    }
    s->ranges[s->n_ranges++] = *range;
}

static bool leads_back(const struct spf *s, const struct qname *name) {
    for (unsigned i = s->at; i != NOBODY; i = s->visits[i].from)
        if (qname_equal(name, &s->visits[i].name))
            return true;
    return false;
}

static void count_look_up(struct spf *s, const char *term, size_t len) {
    if (++s->n_look_ups > SPF_LOOK_UPS)
        fail_term(s, term, len, "is one look-up too many: RFC 7208 section 4.6.4 allows 10 in all");
}

static void visit(struct spf *s, const struct spf_term *t, const char *term, size_t len) {
    if (t->has_macros) {
        note_not_followed(s, term, len);
        return;
    }
    if (leads_back(s, &t->domain)) {
        fail_term(s, term, len, "leads back to where it came from, a loop");
        return;
    }
    assert(s->n_visits < VISITS); /* each has been counted */
    s->visits[s->n_visits++] =
        (struct visit){.name = t->domain, .from = s->at, .redirect = t->kind == SPF_REDIRECT};
}

/* A term that comes before any `all`. */
static void take_mechanism(struct spf *s, const struct spf_term *t, const char *term, size_t len) {
    switch (t->kind) {
    case SPF_IP4:
    case SPF_IP6:
        if (t->passes)
            add_range(s, &t->range);
        return;
    case SPF_ALL:
        if (t->passes)
            note_not_followed(s, term, len);
        return;
    case SPF_INCLUDE:
        count_look_up(s, term, len);
        if (s->state == SPF_ASKS && t->passes)
            visit(s, t, term, len);
        return;
    case SPF_A:
    case SPF_MX:
    case SPF_PTR:
    case SPF_EXISTS:
        count_look_up(s, term, len);
        if (t->passes)
            note_not_followed(s, term, len);
        return;
    case SPF_MECHANISMS: /* redirect: when all else is done */
    case SPF_EXP:
    case SPF_OTHER: return;
    }
}

/* ---- records ---- */

/* Looks at every term, also at those that are not used: one error is an error of the record. */
static void check_terms(struct spf *s, struct record *r) {
    struct spf_term t;
    const char *term;
    size_t len;
    size_t at = 0;
    while (s->state == SPF_ASKS && next_term(r, &at, &term, &len)) {
        const char *why = spf_term_parse(term, len, &t);
        if (why != NULL)
            fail_term(s, term, len, why);
        else if (++s->n_terms > SPF_TERMS_MAX)
            fail(s, SPF_PERMANENT, "its records have more than %d terms", SPF_TERMS_MAX);
        else if ((t.kind == SPF_REDIRECT && ++r->n_redirects > 1) || (t.kind == SPF_EXP && ++r->n_exps > 1))
            fail_term(s, term, len, "is there twice");
        r->has_all = r->has_all || t.kind == SPF_ALL;
    }
}

static void take_terms(struct spf *s, const struct record *r) {
    struct spf_term t = {.kind = SPF_OTHER};
    const char *term;
    size_t len;
    size_t at = 0;
    while (s->state == SPF_ASKS && t.kind != SPF_ALL && next_term(r, &at, &term, &len))
        if (spf_term_parse(term, len, &t) == NULL)
            take_mechanism(s, &t, term, len);
}

static void take_redirect(struct spf *s, const struct record *r) {
    struct spf_term t;
    const char *term;
    size_t len;
    size_t at = 0;
    while (s->state == SPF_ASKS && !r->has_all && next_term(r, &at, &term, &len)) {
        if (spf_term_parse(term, len, &t) != NULL || t.kind != SPF_REDIRECT)
            continue;
        count_look_up(s, term, len);
        if (s->state == SPF_ASKS)
            visit(s, &t, term, len);
    }
}

/* Where in the record there is something else than printable ASCII; `len`: nowhere. */
static size_t find_odd_byte(const char *text, size_t len) {
    size_t i = 0;
    while (i < len && text[i] >= ' ' && text[i] <= '~')
        i++;
    return i;
}

static void take_record(struct spf *s, const char *text, size_t len) {
    size_t odd = find_odd_byte(text, len);
    if (odd < len) {
        fail(s, SPF_PERMANENT, "byte %zu of its record is 0x%02x, which is no printable ASCII", odd + 1,
             (unsigned)(unsigned char)text[odd]);
        return;
    }
    struct record r = {.text = text + strlen(VERSION), .len = len - strlen(VERSION)};
    check_terms(s, &r);
    take_terms(s, &r);
    take_redirect(s, &r);
}

/* ---- answers ---- */

/* The version is a whole word. */
static bool is_record(const char *text, size_t len) {
    size_t n = strlen(VERSION);
    return len >= n && strncasecmp(text, VERSION, n) == 0 && (len == n || text[n] == ' ');
}

static void take_texts(struct spf *s, const struct reply_texts *texts) {
    const char *record = NULL;
    size_t record_len = 0;
    size_t at = 0;
    size_t len;
    const char *text;
    unsigned n = 0;
    while (reply_texts_next(texts, &at, &text, &len)) {
        if (!is_record(text, len))
            continue;
        record = text;
        record_len = len;
        n++;
    }
    if (n == 1)
        take_record(s, record, record_len);
    else if (n == 0)
        fail(s, SPF_PERMANENT, "none of its TXT records begins with " VERSION);
    else
        fail(s, SPF_PERMANENT, "%u of its TXT records begin with " VERSION ", and only one may", n);
}

static void conclude(struct spf *s) {
    if (s->n_unsaid > 0)
        (void)snprintf(s->others + s->others_len, sizeof s->others - s->others_len, " and %u more",
                       s->n_unsaid);
    s->state = SPF_GOOD;
}

void spf_answer(struct spf *s, const struct question_end *end) {
    assert(s->state == SPF_ASKS);
    switch (end->result) {
    case QUESTION_ANSWERED: take_texts(s, end->texts); break;
    case QUESTION_NODATA: fail(s, SPF_PERMANENT, "it has no TXT record, and so none for SPF"); break;
    case QUESTION_NXDOMAIN: fail(s, SPF_PERMANENT, "this name does not exist in DNS"); break;
    case QUESTION_TIMEOUT:
    case QUESTION_NETWORK:
    case QUESTION_SERVFAIL:
    case QUESTION_REFUSED:
    case QUESTION_BAD_ANSWER:
    case QUESTION_RESULTS: fail(s, SPF_TEMPORARY, "%s", question_result_text(end->result)); break;
    }
    if (s->state == SPF_ASKS && ++s->at == s->n_visits)
        conclude(s);
}
