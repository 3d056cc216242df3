/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose address is which. Each address of a statement gets a claim to be the sender's from the words before
 * and behind it; the highest claim wins, and equal claims of different addresses are none. The receiver's
 * address is known by its words as well, and by where the statement ends: `host A[192.0.2.3] said: ...`.
 */
#include "core/bounce_internal.h"

#include <string.h>

/* ---- the choice ---- */

static bool is_receivers(const struct bounce_found *found, size_t n, const struct ip *ip) {
    for (size_t i = 0; i < n; i++)
        if (found[i].role == ROLE_RECEIVER && ip_equal(&found[i].ip, ip))
            return true;
    return false;
}

/* The one address with the highest claim of at least `least`; NULL if there is none, or two. */
static const struct bounce_found *choose(const struct bounce_found *found, size_t n, enum bounce_role least,
                                         bool in_link) {
    const struct bounce_found *best = NULL;
    bool torn = false;
    for (size_t i = 0; i < n; i++) {
        const struct bounce_found *f = &found[i];
        if (f->in_link != in_link || f->role < least || ip_special(&f->ip) != NULL ||
            is_receivers(found, n, &f->ip))
            continue;
        if (best == NULL || f->role > best->role) {
            best = f;
            torn = false;
        } else if (f->role == best->role && !ip_equal(&f->ip, &best->ip)) {
            torn = true;
        }
    }
    return torn ? NULL : best;
}

/* Where the words of whoever rejected begin: behind the last reply before which nothing of it can stand. */
static size_t reply_begin(const struct statement *s) {
    size_t words = bounce_words(s);
    for (size_t i = words; i < s->len; i++)
        if (bounce_reply_at(s->text, i) != 0 || bounce_enhanced_at(s->text, i) > 0)
            return i;
    return s->len;
}

/* Where the report of a filter begins: the addresses in it are those of the message's Received fields. */
static size_t analysis_begin(const struct statement *s) {
    static const char *const leads[] = {"content analysis details", "rcvd_in_", "received via a relay in"};
    size_t begin = s->len;
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        const char *p = strstr(s->lower, leads[i]);
        if (p != NULL && (size_t)(p - s->lower) < begin)
            begin = (size_t)(p - s->lower);
    }
    return begin;
}

/* "192.0.2.1, 192.0.2.2": what is said of one is said of the other. */
static bool goes_on(const struct statement *s, const struct bounce_found *from,
                    const struct bounce_found *to) {
    static const char *const ties[] = {", ", "; ", " and ", " or ", ", and ", ", or ", " / "};
    size_t len = to->begin - from->end;
    for (size_t i = 0; i < sizeof ties / sizeof *ties; i++)
        if (strlen(ties[i]) == len && memcmp(s->lower + from->end, ties[i], len) == 0)
            return true;
    return false;
}

static void read_roles(const struct statement *s, size_t words, struct bounce_found *found, size_t n) {
    size_t analysis = analysis_begin(s);
    for (size_t i = 0; i < n; i++) {
        struct bounce_found *f = &found[i];
        f->in_link = bounce_is_in_link(s, f->begin);
        if (f->begin >= analysis)
            f->role = ROLE_NONE;
        else if (f->in_link)
            f->role = bounce_is_looked_up(s, f->begin) ? ROLE_WEAK : ROLE_NONE;
        else
            f->role = bounce_role_of(s, f->begin, f->end, words);
        if (i > 0 && f->role == ROLE_NONE && goes_on(s, f - 1, f))
            f->role = f[-1].role;
    }
}

/* What the report and the words around say of the receiver may be an address too. */
static size_t add_receivers(const struct statement *s, const char *receiver,
                            struct bounce_found found[STATEMENT_ADDRESSES], size_t n) {
    size_t all = bounce_find_all(receiver, found, bounce_find_all(s->remote, found, n));
    for (; n < all; n++)
        found[n].role = ROLE_RECEIVER;
    return all;
}

/* Whether the words, not the links, hold an address with a claim of `least`, whatever it is worth. */
static bool names_one(const struct bounce_found *found, size_t n, enum bounce_role least, bool special) {
    for (size_t i = 0; i < n; i++)
        if (!found[i].in_link && found[i].role >= least &&
            (special ? found[i].ip.lo >> 24 != 127 : ip_special(&found[i].ip) == NULL))
            return true;
    return false;
}

/* A named client first; a claim by the words around if nobody else is named; then one by its place, and by
 * that in a link last. */
static const struct bounce_found *find_sender(const struct statement *s, size_t words,
                                              const struct bounce_found *found, size_t n) {
    if (n == STATEMENT_ADDRESSES) /* there may be more */
        return NULL;
    if (bounce_names_another(s, words, found, n))
        return choose(found, n, ROLE_CLIENT, false);
    if (names_one(found, n, ROLE_SENDER, true))
        return choose(found, n, ROLE_SENDER, false);
    if (!bounce_has_trigger(s->lower))
        return NULL;
    if (names_one(found, n, ROLE_WEAK, false))
        return choose(found, n, ROLE_WEAK, false);
    return choose(found, n, ROLE_WEAK, true);
}

void bounce_read_parties(const struct statement *s, struct bounce_parties *out) {
    struct bounce_found found[STATEMENT_ADDRESSES];
    size_t words = reply_begin(s);
    size_t n = bounce_find_all(s->text, found, 0);
    *out = (struct bounce_parties){.at = s->len};
    read_roles(s, words, found, n);
    bounce_read_receiver(s, out->receiver);
    n = add_receivers(s, out->receiver, found, n);
    const struct bounce_found *sender = find_sender(s, words, found, n);
    if (sender == NULL)
        return;
    out->has_sender = true;
    out->is_client = sender->role == ROLE_CLIENT;
    out->sender = sender->ip;
    out->at = sender->begin;
}
