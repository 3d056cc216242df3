/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients send as Accept, and what they get: the same as from prometheus/common v0.70.1
 * (NegotiateIncludingOpenMetrics with what is no text passed over), which was run over these rows, unless the
 * row says `differs`. Without `escaping` in the header that library says `escaping=underscores`, and we
 * nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/promtext.h"

#include <string.h>

#define OPEN "application/openmetrics-text"
#define PROTO "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#define T4 "text/plain; version=0.0.4; charset=utf-8"
#define O1 "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define O01 "application/openmetrics-text; version=0.0.1; charset=utf-8"

struct row {
    const char *accept;
    const char *type;
};

static const struct row clients[] = {
    /* Prometheus 1 and Telegraf, 2.22, 2.42, the same with native histograms */
    {PROTO ";q=0.7,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", T4},
    {OPEN "; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", O01},
    {OPEN ";version=1.0.0," OPEN ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", O1},
    {PROTO "," OPEN ";version=1.0.0;q=0.8," OPEN ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q="
           "0.1",
     O1},
    /* Prometheus 2.49 and later */
    {OPEN ";version=1.0.0;q=0.5," OPEN ";version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", O1},
    {PROTO ";q=0.5," OPEN ";version=1.0.0;q=0.4," OPEN ";version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,"
           "*/*;q=0.1",
     O1},
    /* Prometheus 3.3 and 3.15 as found in the field */
    {OPEN ";version=1.0.0;escaping=allow-utf-8;q=0.6," OPEN ";version=0.0.1;escaping=allow-utf-8;q=0.5,"
          "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
          "text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
     O1 "; escaping=allow-utf-8"},
    {PROTO ";q=0.7," OPEN ";version=1.0.0;escaping=allow-utf-8;q=0.6," OPEN ";version=0.0.1;q=0.5,"
           "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
     O1 "; escaping=allow-utf-8"},
    /* Prometheus 3: all names, only the old ones, protobuf first */
    {OPEN ";version=1.0.0;escaping=allow-utf-8;q=0.5," OPEN ";version=0.0.1;q=0.4,"
          "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
     O1 "; escaping=allow-utf-8"},
    {OPEN ";version=1.0.0;escaping=underscores;q=0.5," OPEN ";version=0.0.1;q=0.4,"
          "text/plain;version=1.0.0;escaping=underscores;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
     O1 "; escaping=underscores"},
    {PROTO ";q=0.6," OPEN ";version=1.0.0;escaping=allow-utf-8;q=0.5," OPEN ";version=0.0.1;q=0.4,"
           "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
     O1 "; escaping=allow-utf-8"},
    {PROTO ";escaping=values;q=0.6," OPEN ";version=1.0.0;q=0.5", O1 "; escaping=values"},
    /* ... with scrape_protocols: [PrometheusText1.0.0, PrometheusText0.0.4], and one of them alone */
    {"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
     T4 "; escaping=allow-utf-8"},
    {"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.4", T4 "; escaping=allow-utf-8"},
    {"text/plain;version=0.0.4;q=0.5,*/*;q=0.4", T4},
    {OPEN ";version=0.0.1;q=0.5,*/*;q=0.4", O01},
    /* Prometheus 2.2, VictoriaMetrics and netdata; Telegraf of old; curl; nothing; a browser */
    {"text/plain;version=0.0.4;q=1,*/*;q=0.1", T4},
    {"text/plain;version=0.0.4;q=0.3,*/*;q=0.1", T4},
    {"*/*", T4},
    {"", T4},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", T4},
    {"text/plain", T4},
};

static const struct row rows[] = {
    /* versions */
    {OPEN, O1}, /* differs: 0.0.1. The standard of OpenMetrics says 1.0.0 */
    {OPEN ";version=1.0.0", O1},
    {OPEN ";version=0.0.1", O01},
    {OPEN "; version=0.0.1; charset=utf-8", O01},
    {OPEN ";version=2.0.0", T4},
    {OPEN ";version=2.0.0," OPEN ";version=1.0.0;q=0.2", O1},
    {OPEN ";version=1.0.0;q=0.5," OPEN ";version=0.0.1", O01},
    {OPEN ";version=0.0.1," OPEN ";version=1.0.0", O01},
    {OPEN ";version=0.0.2," OPEN ";version=0.0.1;q=0.1", O01},
    {"text/plain;version=1.0.0", T4},
    {OPEN ";version=1.0.0;q=0.5,text/plain;version=1.0.0;q=0.9", O1},
    {OPEN ";version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.9", T4},
    {PROTO, T4},
    /* the higher q */
    {OPEN ";version=1.0.0;q=0.5,text/plain;q=0.6", T4},
    {OPEN ";version=1.0.0;q=0.6,text/plain;q=0.5", O1},
    {OPEN ";version=1.0.0;q=0.51,text/plain;q=0.509", O1},
    {OPEN ";version=1.0.0;q=0.33333333,text/plain;q=0.33333332", O1},
    {OPEN ";version=1.0.0;q=0.001", O1},
    /* the same q: the first */
    {OPEN ";version=1.0.0,text/plain", O1},
    {"text/plain," OPEN ";version=1.0.0", T4},
    {"text/plain;q=0.5,application/json," OPEN ";version=1.0.0;q=0.5", T4},
    /* q=0 is a refusal (differs: it is the least wish there) */
    {OPEN ";version=1.0.0;q=0", T4},
    {OPEN ";version=1.0.0;q=0.000,*/*", T4},
    {OPEN ";version=1.0.0;q=0.5,text/plain;q=0,*/*;q=0.8", O1},
    {"text/plain;q=0", T4},
    {"*/*;q=0", T4},
    /* wildcards: worth more than what is named (differs: they are no names there), or not */
    {OPEN ";version=1.0.0;q=0.5,*/*;q=0.8", T4},
    {OPEN ";version=1.0.0;q=0.5,text/*;q=0.6", T4},
    {OPEN ";version=1.0.0;q=0.5,text/*;q=0.1,*/*;q=0.8", O1},
    {OPEN ";version=1.0.0;q=0.5,text/plain;q=0.1,*/*;q=0.8", O1},
    {"*/*," OPEN ";version=1.0.0", O1},
    {"application/*", T4},
    {"text/*", T4},
    /* what names are like */
    {OPEN ";version=1.0.0;escaping=allow-utf-8", O1 "; escaping=allow-utf-8"},
    {OPEN ";version=1.0.0;escaping=underscores", O1 "; escaping=underscores"},
    {OPEN ";version=0.0.1;escaping=dots", O01 "; escaping=dots"},
    {"text/plain;escaping=values", T4 "; escaping=values"},
    {"text/plain;version=0.0.4; escaping = values ; q=0.5", T4 "; escaping=values"},
    {"text/plain;escaping=unknown", T4},
    {"text/plain;escaping=", T4},
    {"text/plain;version=1.0.0;escaping=dots", T4 "; escaping=dots"},
    {"text/html;escaping=dots", T4 "; escaping=dots"},
    /* ... of what is served before that of what is liked better, and never of what is liked less */
    {"text/plain;version=1.0.0;escaping=dots," OPEN ";version=1.0.0;escaping=values;q=0.5",
     O1 "; escaping=values"},
    {"text/plain;version=1.0.0;escaping=dots," OPEN ";version=1.0.0;q=0.5", O1 "; escaping=dots"},
    {"text/plain;version=1.0.0;escaping=dots;q=0.5," OPEN ";version=1.0.0;q=0.5", O1 "; escaping=dots"},
    {"text/x;escaping=dots;q=0.7,text/y;escaping=values;q=0.8," OPEN ";version=1.0.0;q=0.5",
     O1 "; escaping=dots"},
    {"text/x;escaping=dots;q=0.7,text/y;escaping=values;q=0.7," OPEN ";version=1.0.0;q=0.5",
     O1 "; escaping=values"},
    {OPEN ";version=1.0.0;q=0.5,text/plain;q=0.4;escaping=dots", O1},
    {OPEN ";version=1.0.0;q=0.5,text/plain;q=0.5;escaping=dots", O1},
    {"text/plain;version=1.0.0;escaping=allow-utf-8;q=0,text/plain", T4},
};

/* All are no headers in the letters of the standard. There, what is not in its exact form is not known. */
static const struct row odd[] = {
    {"APPLICATION/OpenMetrics-Text;Version=1.0.0;Q=1", O1},
    {OPEN ";version=\"1.0.0\";escaping=\"dots\"", O1 "; escaping=dots"},
    {" \t" OPEN " ; version = 1.0.0 ; q = 0.3 , text/plain ; q = 0.2", O1},
    {OPEN ";version=\"1.0.0", T4},
    {OPEN "s", T4},
    {OPEN "/", T4},
    {"openmetrics-text", T4},
    {OPEN ";x=\"a,b;q=0\";q=0.7,text/plain;q=0.6", O1},
    {"text/html;x=\"," OPEN ",\"", T4},
    {"text/html;x=\"\\\"," OPEN ",\"", T4},
    {OPEN ";q=2", T4},
    {OPEN ";q=1.5", T4},
    {OPEN ";q=-1", T4},
    {OPEN ";q=", T4},
    {OPEN ";q=high", T4},
    {OPEN ";q=nan", T4},
    {OPEN ";q=0x1", T4},
    {OPEN ";q=2,text/plain;q=high", T4},
    {OPEN ";q", O1},
    {OPEN ";;;,,,;,", O1},
    {",;=\"", T4},
    {";", T4},
    {"\"", T4},
    {"\xff\xfe/\x01;q=\x80", T4},
};

static void check(const struct row *table, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *type = NULL;
        enum promtext_format format = promtext_negotiate(table[i].accept, &type);
        enum promtext_format wanted = table[i].type[0] == 'a' ? PROMTEXT_OPENMETRICS : PROMTEXT_004;
        if (format != wanted || strcmp(type, table[i].type) != 0)
            fail_msg("%s: %s", table[i].accept, type);
    }
}

static void gives_the_clients_there_are_what_they_like_best(void **state) {
    check(clients, sizeof clients / sizeof *clients);
}

static void reads_versions_weights_and_escaping(void **state) {
    check(rows, sizeof rows / sizeof *rows);
}

static void takes_what_it_cannot_read_for_not_there(void **state) {
    check(odd, sizeof odd / sizeof *odd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_clients_there_are_what_they_like_best),
        cmocka_unit_test(reads_versions_weights_and_escaping),
        cmocka_unit_test(takes_what_it_cannot_read_for_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
