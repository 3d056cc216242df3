/* SPDX-License-Identifier: Apache-2.0
 *
 * advice: what to make of a bounce: the public list behind it, whether the address is one of Microsoft's, how
 * it stands now, and what to do next, as text and as JSON.
 *
 * A bounce is no proof: a receiver may ask through a resolver that the list refuses, or keep an old copy. So
 * its claim is looked up, and the result is one of confirmed, not_listed and unknown: of the public list that
 * it names, and of no other. By whom it is looked up does not matter here.
 */
#ifndef RBL_CORE_ADVICE_H
#define RBL_CORE_ADVICE_H

#include "core/bounce.h"
#include "core/buf.h"
#include "core/catalog.h"
#include "core/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum advice_result {
    ADVICE_CONFIRMED,
    ADVICE_NOT_LISTED,
    ADVICE_UNKNOWN,
    ADVICE_UNPARSED, /* there is no address to look up */
    ADVICE_RESULTS,
};
/* "confirmed", "not_listed", "unknown", "unparsed". */
extern const char *const advice_result_text[ADVICE_RESULTS];

enum { ADVICE_NO_LIST = UINT32_MAX, ADVICE_OTHERS_SIZE = 256, ADVICE_AS_SIZE = 128 };

struct advice {
    const struct bounce *bounce;
    const char *public_list;          /* name of a built-in or configured list; NULL: none is known */
    uint32_t list;                    /* of the settings, enabled, that holds it; ADVICE_NO_LIST */
    const char *page;                 /* where its listings are removed; "" if not known */
    const struct ip_range *microsoft; /* of the ranges from which Microsoft 365 sends; NULL: in none */
    const struct group *group;        /* of the settings, to which the address belongs; NULL: to none */
    struct ip_range group_range;      /* that holds it there; one address: it is named one by one */
    enum advice_result result;
    const char *reason; /* why the result is unknown: as in core/check; NULL: not looked up */
    bool is_part;       /* the list lists it, but not by an answer that is known as what the bounce says */
    char as[ADVICE_AS_SIZE]; /* then: the answers that came, with commas between; "" if they have no names */
    char others[ADVICE_OTHERS_SIZE]; /* other lists that list it now, with commas between */
};

/* Only which list the bounce means: `public_list` and `list`. */
void advice_find_list(struct advice *a, const struct bounce *bounce, const struct catalog *catalog,
                      const struct settings *settings);
/* All that can be said without a look-up: the result is unknown, or unparsed. */
void advice_prepare(struct advice *a, const struct bounce *bounce, const struct mirrors *mirrors,
                    const struct catalog *catalog, const struct settings *settings);
/* Its list lists the address now, with these answers (bits of the names of `list`, its codes). */
void advice_listed(struct advice *a, const struct list *list, uint64_t codes);
/* Another list that lists the address now. */
void advice_add_other(struct advice *a, const char *name);

/* The sentences, each to one call of `say`. */
typedef void advice_say(void *context, const char *sentence);
void advice_tell(const struct advice *a, advice_say *say, void *context);

/* For people: a paragraph for each. */
void advice_text(struct buf *out, const struct advice *advice, size_t n);
/* {"bounces":[...]} */
void advice_json(struct buf *out, const struct advice *advice, size_t n);

#endif
