/* SPDX-License-Identifier: Apache-2.0
 *
 * bounce_fixture: rows of a text and what is read from it, every bounce as
 *     address receiver "list" zone=code smtp enhanced kind
 * with `-` for what is not said, and ` | ` between several.
 */
#ifndef RBL_TESTS_BOUNCE_FIXTURE_H
#define RBL_TESTS_BOUNCE_FIXTURE_H

#include "core/bounce.h"
#include "core/buf.h"

#include "mirrors_fixture.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const char *text;
    const char *says; /* "" for no bounce at all */
};

static struct mirrors *mirrors;
static struct bounces bounces;

static inline const char *or_dash(const char *text) {
    return text[0] != '\0' ? text : "-";
}

static inline void describe(const struct bounce *b, char *out, size_t size) {
    char address[IP_TEXT_SIZE] = "-";
    char code[IP_TEXT_SIZE] = "";
    char smtp[16] = "-";
    struct ip answer = ip_v4(b->code);
    if (b->has_address)
        (void)ip_format(&b->address, address);
    if (b->code != 0)
        (void)ip_format(&answer, code);
    if (b->smtp_status != 0)
        (void)snprintf(smtp, sizeof smtp, "%u", b->smtp_status);
    (void)snprintf(out, size, "%s %s \"%s\" %s%s%s %s %s %s", address, or_dash(b->receiver), b->list,
                   or_dash(b->zone), code[0] != '\0' ? "=" : "", code, smtp, or_dash(b->enhanced),
                   bounce_kind_text[b->kind]);
}

static inline const char *read_text(const char *text, size_t len, bool message) {
    static char out[8192];
    size_t n = 0;
    bounces.n = 0;
    bounces.n_omitted = 0;
    out[0] = '\0';
    assert_int_equal(bounces_read(text, len, mirrors, message, &bounces), STATUS_OK);
    for (size_t i = 0; i < bounces.n && n + 600 < sizeof out; i++) {
        n += (size_t)snprintf(out + n, sizeof out - n, "%s", i > 0 ? " | " : "");
        describe(&bounces.items[i], out + n, sizeof out - n);
        n += strlen(out + n);
    }
    return out;
}

static inline void check_rows(const struct row *rows, size_t n, bool message) {
    unsigned failed = 0;
    for (size_t i = 0; i < n; i++) {
        const char *says = read_text(rows[i].text, strlen(rows[i].text), message);
        if (strcmp(says, rows[i].says) == 0)
            continue;
        failed++;
        printf("# text:     %s\n# expected: %s\n# found:    %s\n", rows[i].text, rows[i].says, says);
    }
    assert_int_equal(failed, 0);
}

#define CHECK(rows, message) check_rows(rows, sizeof(rows) / sizeof *(rows), message)

#endif
