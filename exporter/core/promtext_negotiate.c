/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the formats an Accept header asks for, as clients know it from Prometheus' own library for Go
 * (prometheus/common, expfmt): the element with the highest q that names one of them, the first of equals,
 * and text 0.0.4 when there is none. It differs where HTTP does (RFC 9110, section 12.5.1): q=0 is a refusal,
 * and a wildcard that is worth more than what is named is taken at its word, as one for text. OpenMetrics
 * without a version is 1.0.0, as its standard says.
 *
 * `escaping` says how names that only newer clients can read are to be written. Ours all are of the old kind,
 * so the text is the same whatever it says, and who asked is told what they expect to be told. Who did not
 * ask is told nothing: older parsers see what they always saw.
 */
#include "core/accept.h"
#include "core/promtext.h"

#include <string.h>

enum version { TEXT_004, OPEN_100, OPEN_001, VERSIONS };
enum escaping { UNASKED, ALLOW_UTF8, UNDERSCORES, DOTS, VALUES, ESCAPINGS };

static const char *const escaping_texts[ESCAPINGS] = {
    [ALLOW_UTF8] = "allow-utf-8", [UNDERSCORES] = "underscores", [DOTS] = "dots", [VALUES] = "values"};

#define WITH_ESCAPINGS(type)                                                                                 \
    {                                                                                                        \
        type, type "; escaping=allow-utf-8", type "; escaping=underscores", type "; escaping=dots",          \
            type "; escaping=values"                                                                         \
    }
static const char *const content_types[VERSIONS][ESCAPINGS] = {
    [TEXT_004] = WITH_ESCAPINGS("text/plain; version=0.0.4; charset=utf-8"),
    [OPEN_100] = WITH_ESCAPINGS("application/openmetrics-text; version=1.0.0; charset=utf-8"),
    [OPEN_001] = WITH_ESCAPINGS("application/openmetrics-text; version=0.0.1; charset=utf-8"),
};

/* What the header says of one format. */
struct wish {
    int q; /* ACCEPT_UNREADABLE: no element speaks of it */
    int place;
    enum version version;
};

static void wish_more(struct wish *wish, int q, int place, enum version version) {
    if (q > wish->q)
        *wish = (struct wish){q, place, version};
}

struct wishes {
    struct wish open, text, any_text, any;
};

static void note(struct wishes *w, const struct accept_element *element, int place) {
    struct accept_text version = accept_parameter(element, "version");
    if (accept_is(element->value, "application/openmetrics-text")) {
        if (version.len == 0 || accept_is(version, "1.0.0"))
            wish_more(&w->open, element->q, place, OPEN_100);
        else if (accept_is(version, "0.0.1"))
            wish_more(&w->open, element->q, place, OPEN_001);
    } else if (accept_is(element->value, "text/plain")) {
        if (version.len == 0 || accept_is(version, "0.0.4"))
            wish_more(&w->text, element->q, place, TEXT_004);
    } else if (accept_is(element->value, "text/*")) {
        wish_more(&w->any_text, element->q, place, TEXT_004);
    } else if (accept_is(element->value, "*/*")) {
        wish_more(&w->any, element->q, place, TEXT_004);
    }
}

/* What is served. Its q is 0 when nothing in the header names it. */
static struct wish choose(const struct wishes *w) {
    bool named = w->text.q != ACCEPT_UNREADABLE;
    const struct wish *text = named ? &w->text : w->any_text.q != ACCEPT_UNREADABLE ? &w->any_text : &w->any;
    /* An element of its own says more than a wildcard that is worth the same. */
    bool first = w->open.q == text->q && (!named || w->open.place < text->place);
    if (w->open.q > 0 && (w->open.q > text->q || first))
        return w->open;
    return named && text->q > 0 ? *text : (struct wish){0, 0, TEXT_004};
}

static enum escaping escaping_of(const struct accept_element *element) {
    struct accept_text text = accept_parameter(element, "escaping");
    for (enum escaping e = ALLOW_UTF8; e < ESCAPINGS; e++)
        if (accept_is(text, escaping_texts[e]))
            return e;
    return UNASKED;
}

/* That of the element that is served; if it says nothing of it, of the last one that is liked better. */
static enum escaping find_escaping(const char *accept, const struct wish *served) {
    enum escaping found = UNASKED;
    int least_q = ACCEPT_Q_MOST + 1;
    struct accept_element element;
    for (int place = 0; accept_next(&accept, &element); place++) {
        bool before = element.q > served->q || (element.q == served->q && place <= served->place);
        enum escaping escaping = before && element.q > 0 ? escaping_of(&element) : UNASKED;
        if (escaping != UNASKED && element.q <= least_q) {
            found = escaping;
            least_q = element.q;
        }
    }
    return found;
}

enum promtext_format promtext_negotiate(const char *accept, const char **content_type) {
    const struct wish none = {.q = ACCEPT_UNREADABLE};
    struct wishes wishes = {none, none, none, none};
    struct accept_element element;
    const char *rest = accept;
    for (int place = 0; accept_next(&rest, &element); place++)
        note(&wishes, &element, place);
    struct wish served = choose(&wishes);
    *content_type = content_types[served.version][find_escaping(accept, &served)];
    return served.version == TEXT_004 ? PROMTEXT_004 : PROMTEXT_OPENMETRICS;
}
