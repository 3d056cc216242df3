/* SPDX-License-Identifier: Apache-2.0
 *
 * The headers of a request: which of them count, and which are wrong.
 */
#include "edge/httpd_internal.h"

#include <string.h>
#include <strings.h>

static bool is_token(const char *text, size_t len) {
    static const char special[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr(special, c))))
            return false;
    }
    return len > 0;
}

static bool is_named(const char *name, const char *wanted) {
    return strcasecmp(name, wanted) == 0;
}

static enum MHD_Result note_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                   const char *value, size_t value_len) {
    (void)kind;
    (void)value_len;
    struct httpd_headers *h = context;
    /* "Content-Length : 5" is none to us and one to others: whoever sends such things means no good. */
    if (!is_token(name, name_len))
        h->malformed = true;
    if (!value)
        value = "";
    if (is_named(name, MHD_HTTP_HEADER_HOST)) {
        h->n_host++;
        h->host = value;
    } else if (is_named(name, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
        h->n_length++;
        h->length = value;
    } else if (is_named(name, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        h->n_coding++;
        h->coding = value;
    } else if (is_named(name, MHD_HTTP_HEADER_CONTENT_TYPE)) {
        h->n_type++;
        h->type = value;
    } else if (is_named(name, MHD_HTTP_HEADER_ORIGIN)) {
        h->n_origin++;
        h->origin = value;
    } else if (is_named(name, "Sec-Fetch-Site")) {
        h->n_site++;
        h->site = value;
    } else if (is_named(name, MHD_HTTP_HEADER_AUTHORIZATION)) {
        h->n_authorization++;
        h->authorization = value;
    } else if (is_named(name, MHD_HTTP_HEADER_ACCEPT) && !h->accept) {
        h->accept = value;
    } else if (is_named(name, MHD_HTTP_HEADER_ACCEPT_ENCODING) && !h->encoding) {
        h->encoding = value;
    } else if (is_named(name, "X-Prometheus-Scrape-Timeout-Seconds") && !h->scrape_limit) {
        h->scrape_limit = value;
    }
    return MHD_YES;
}

void httpd_headers_read(struct MHD_Connection *mhd, struct httpd_headers *out) {
    *out = (struct httpd_headers){0};
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, note_header, out);
}

size_t httpd_headers_length(const struct httpd_headers *h) {
    size_t length = 0;
    const char *digits = h->length ? h->length : "";
    for (; *digits >= '0' && *digits <= '9' && length <= SIZE_MAX / 100; digits++)
        length = length * 10 + (size_t)(*digits - '0');
    return length;
}

enum httpd_refusal httpd_headers_judge(const struct httpd_headers *h, bool http_1_0) {
    if (h->malformed || h->n_host > 1 || (h->n_host == 0 && !http_1_0) || h->n_length > 1 || h->n_type > 1 ||
        h->n_origin > 1 || h->n_site > 1 || h->n_coding > 1 || h->n_authorization > 1 ||
        (h->n_coding > 0 && (h->n_length > 0 || http_1_0)))
        return HTTPD_MALFORMED;
    if (h->coding && strcasecmp(h->coding, "chunked") != 0)
        return HTTPD_CODING_UNKNOWN;
    return HTTPD_FINE;
}
