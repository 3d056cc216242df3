/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the value of Accept or Accept-Encoding: what is handed out lies within the header and in its
 * order, every element is taken once, weights are in range, and a Content-Type comes out that fits the
 * format.
 */
/* FUZZ: -max_len=512 */
#include "core/accept.h"
#include "core/promtext.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_elements(const char *header) {
    const char *end = header + strlen(header);
    const char *rest = header;
    struct accept_element element;
    while (accept_next(&rest, &element)) {
        assert(element.value.at >= header && element.value.at + element.value.len <= end);
        assert(element.value.at + element.value.len <= element.parameters.at + element.parameters.len);
        assert(element.parameters.at + element.parameters.len <= rest && rest <= end);
        assert(element.q >= ACCEPT_UNREADABLE && element.q <= ACCEPT_Q_MOST);
        struct accept_text version = accept_parameter(&element, "version");
        assert(version.len == 0 || (version.at > element.value.at && version.at + version.len <= rest));
    }
    assert(rest == end && !accept_next(&rest, &element));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *header = malloc(size + 1);
    const char *type = NULL;
    assert(header != NULL);
    memcpy(header, data, size);
    header[size] = '\0';
    check_elements(header);
    enum promtext_format format = promtext_negotiate(header, &type);
    assert((strncmp(type, "application/openmetrics-text; ", 30) == 0) == (format == PROMTEXT_OPENMETRICS));
    assert(strstr(type, "; charset=utf-8") != NULL);
    /* What names nothing is text. */
    assert(format == PROMTEXT_004 || strcasestr(header, "application/openmetrics-text") != NULL);
    free(header);
    return 0;
}
