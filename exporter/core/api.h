/* SPDX-License-Identifier: Apache-2.0
 *
 * api: the answers of /api/v1/listings, /api/v1/lists and /api/v1/addresses/IP, in JSON.
 *
 * POST to the latter has the lists asked (checker_probe()), whether the address is configured or not. The
 * others read what the checker knows and render at once; what an answer means is the same as on /metrics: a
 * verdict is shown while it is fresh (registry.h), frozen ones of a list that is not ok included. Whatever is
 * wrong with a question ends in status 400 and {"error": "..."}, which says what, and what would be allowed.
 *
 * Listings come in pages. Their order is that of the lists in the configuration, within a list addresses of
 * ranges first, each part by address. A page ends with a cursor that names the last listing shown, not its
 * place: what is listed, delisted or reconfigured between two pages neither shifts nor repeats the rest.
 */
#ifndef RBL_CORE_API_H
#define RBL_CORE_API_H

#include "core/buf.h"
#include "core/checker.h"
#include "core/history.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    API_LISTINGS_DEFAULT = 1000, /* listings in one page */
    API_LISTINGS_MAX = 10000,
    API_HISTORY_DEFAULT = 100, /* events in one answer */
    API_HISTORY_MAX = 1000,
};
enum { API_OK = 200, API_BAD_REQUEST = 400, API_NOT_FOUND = 404 };

/* What is known, and when. Times as in metrics_render(). */
struct api {
    const struct checker *checker;
    int64_t now_ns;
    int64_t wall_offset_ns;
};

/* Renders what is listed on block lists, as `query` (what is behind `?`) asks for it, into `out`; returns the
 * HTTP status, API_OK or API_BAD_REQUEST. Failure (memory, cap) is in buf_status(out). */
unsigned api_listings(struct buf *out, const struct api *api, const char *query);

/* Likewise what each list is, whether it can be believed, what it costs and how far it has come; disabled
 * ones too, in the order of the configuration. */
unsigned api_lists(struct buf *out, const struct api *api, const char *query);

/* A question about one address. */
struct api_question {
    struct ip ip;
    int64_t before_ns; /* wall clock; events older than this are wanted; INT64_MAX: all */
    unsigned limit;    /* at most that many: 1 .. API_HISTORY_MAX */
};
/* Reads a question from what is behind /api/v1/addresses/ and behind `?`. API_OK, or API_BAD_REQUEST with the
 * answer in `out`. */
unsigned api_question_read(struct buf *out, const char *path, const char *query,
                           struct api_question *question);

/* What the store said about the history of the address. */
struct api_history {
    const struct history_event *events; /* the latest first */
    size_t n;
    bool more;         /* there are older ones */
    const char *error; /* why there is none to be had, a sentence for people; NULL: this is it */
};
/* Renders all that is known about the address. API_NOT_FOUND if it is not among those configured and there is
 * no event of it either. */
unsigned api_address(struct buf *out, const struct api *api, const struct api_question *question,
                     const struct api_history *history);

/* Reads what POST wants: a question, and in `lists` [LIST_MAX] by index which lists are to be asked: those
 * that the query names with `list`, or all that are enabled. API_OK, or API_BAD_REQUEST with the answer in
 * `out`. */
unsigned api_check_read(struct buf *out, const struct api *api, const char *path, const char *query,
                        struct api_question *question, bool *lists) MUST_CHECK;
/* Renders what `lists` have said since they were asked, and the rest as api_address() does. */
void api_check(struct buf *out, const struct api *api, const struct api_question *question, const bool *lists,
               const struct api_history *history);

/* {"error": "..."}. Values of the client's belong in `%.100s`: they are cut, and escaped. */
void api_refuse(struct buf *out, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
