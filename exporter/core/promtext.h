/* SPDX-License-Identifier: Apache-2.0
 *
 * promtext: the two text formats of Prometheus: text 0.0.4 and OpenMetrics 1.0.0.
 *
 * Samples are written straight into a buffer, without snprintf: a line of /metrics costs some tens of
 * nanoseconds. The caller opens one family at a time and writes all of its samples before the next. A sample
 * is promtext_sample(), then its labels, then one value, which ends it. Differences between the formats are
 * kept here: counters (the family has no `_total` in OpenMetrics), `# EOF`, escaping of HELP, Content-Type.
 * No timestamps, no `_created`.
 */
#ifndef RBL_CORE_PROMTEXT_H
#define RBL_CORE_PROMTEXT_H

#include "core/buf.h"
#include "core/hist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum promtext_format { PROMTEXT_004, PROMTEXT_OPENMETRICS, PROMTEXT_FORMATS };
/* An info metric has the type of a gauge in both formats: as OpenMetrics' own type its name would have to end
 * in `_info`, and text 0.0.4 does not know it. */
enum promtext_type {
    PROMTEXT_GAUGE,
    PROMTEXT_COUNTER,
    PROMTEXT_HISTOGRAM,
    PROMTEXT_INFO_GAUGE,
    PROMTEXT_TYPES
};

struct promtext {
    struct buf *out;
    enum promtext_format format;
    const char *name; /* of the open family, as samples spell it (with _total); borrowed */
    size_t name_len;
    bool labelled; /* the open sample has a label already */
};

/* The format that an Accept header ("": there is none) asks for, and the Content-Type to send it with, a
 * static text. OpenMetrics needs an element of its own, with version 1.0.0, 0.0.1 or none, whose q is above
 * what the header gives to text (an element of its own before a wildcard of its type before the general
 * wildcard), or equal to it and first. Anything else is text 0.0.4. The Content-Type has the version that was
 * asked for, and `escaping` if the header names one that is known. (RFC 9110 section 12.5.1) */
enum promtext_format promtext_negotiate(const char *accept, const char **content_type);
/* "gauge", "counter" or "histogram". */
const char *promtext_type_text(enum promtext_type type);
/* The length of the UTF-8 character that `text` (NUL-terminated) begins with: 1 to 4; 0 if it begins with
 * none (RFC 3629: no surrogates, no long forms), or ends. */
size_t promtext_utf8(const char *text);

void promtext_begin(struct promtext *p, struct buf *out, enum promtext_format format);
/* Opens a family: HELP and TYPE lines. `name` as samples spell it: a counter ends in _total. */
void promtext_family(struct promtext *p, const char *name, enum promtext_type type, const char *help);
/* Opens a sample: the name, then labels follow. */
void promtext_sample(struct promtext *p);
/* The same with labels written before by promtext_format_label(), with commas between them, in two parts of
 * which the second may be empty: for thousands of samples whose labels are alike. More labels may follow. */
void promtext_labelled(struct promtext *p, const char *a, size_t a_len, const char *b, size_t b_len);
/* A label; the value is escaped (backslash, quote, newline), bytes that are no UTF-8 become U+FFFD. */
void promtext_label(struct promtext *p, const char *name, const char *value);
/* A label whose value needs no escaping (addresses, configured names). */
void promtext_plain_label(struct promtext *p, const char *name, const char *value, size_t len);
/* Appends `name="value"` to `out`, escaped as by promtext_label(). */
void promtext_format_label(struct buf *out, const char *name, const char *value);
/* The value, which ends the sample. */
void promtext_u64(struct promtext *p, uint64_t value);
void promtext_double(struct promtext *p, double value);
/* Seconds with at most nine places, from nanoseconds. */
void promtext_seconds(struct promtext *p, int64_t ns);
/* All samples of one histogram (buckets, sum, count) with the one label `name`="`value`". */
void promtext_histogram(struct promtext *p, const char *name, const char *value, const struct hist *h);
/* The end of the exposition. */
void promtext_end(struct promtext *p);

#endif
