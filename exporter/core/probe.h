/* SPDX-License-Identifier: Apache-2.0
 *
 * probe: what GET /probe is asked, and what it answers, as users of blackbox_exporter expect it.
 *
 * The checking itself is checker_probe()'s. An answer is made once, when all lists that were asked have ended
 * or the time is over; what is open then is unknown. It succeeds if every list gave a conclusive verdict,
 * listed or not. Results are shown with the group of each group that has the list asked about the address, as
 * /metrics does, and with an empty one where there is none. What a list that cannot be believed said before
 * is not shown: /metrics has it, with its age.
 */
#ifndef RBL_CORE_PROBE_H
#define RBL_CORE_PROBE_H

#include "core/buf.h"
#include "core/checker.h"
#include "core/promtext.h"

#include <stdbool.h>
#include <stdint.h>

/* The time for an answer: what Prometheus allows, less what it takes to get there and back. */
#define PROBE_LESS_NS (INT64_C(500) * 1000000)
#define PROBE_LEAST_NS (INT64_C(100) * 1000000)
#define PROBE_UNSAID_NS (INT64_C(9500) * 1000000) /* the default scrape_timeout is 10 s */
enum { PROBE_MOST_SECONDS = 60 };

struct probe_question {
    struct ip ip;
    bool lists[LIST_MAX]; /* by index: those that are asked, at least one */
    bool debug;
};

/* Reads what is behind `?`: `target`, and if they are there `list`, once or several times, and `debug`; other
 * parameters are passed over. Without `list` all are asked that are enabled and of the address's family.
 * False: refused, with a line for people in `out`. */
bool probe_read(struct buf *out, const struct checker *c, const char *query, struct probe_question *question)
    MUST_CHECK;
/* Reads the seconds of X-Prometheus-Scrape-Timeout-Seconds ("": it was not sent) into the time that there is
 * for the answer, PROBE_LEAST_NS .. PROBE_MOST_SECONDS. False: it is no positive number; a line in `out`. */
bool probe_read_time(struct buf *out, const char *seconds, int64_t *ns) MUST_CHECK;

/* A question that is answered at `now_ns`, after checker_probe() was asked at `began_ns`. */
struct probe_answer {
    const struct checker *checker;
    const struct probe_question *question;
    int64_t began_ns;
    int64_t allowed_ns; /* the time that there was */
    int64_t now_ns;
};

/* The metrics. Failure (memory, cap) is in buf_status(out). */
void probe_render(struct buf *out, enum promtext_format format, const struct probe_answer *answer);
/* For people: what was asked and said, the verdicts with their reasons, and the metrics in text 0.0.4. Zones
 * are shown with {key} for their keys. */
void probe_debug(struct buf *out, const struct probe_answer *answer);

#endif
