/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies that responses share, and their compressed form.
 *
 * Level 1: 100,000 lines of metrics cost 15 ms at a tenth of their size; higher levels cost several times
 * that for a few per cent. It is made whole and kept, because the next scrape of the same body (Prometheus
 * comes in pairs) then costs nothing, and because libmicrohttpd serves a finished buffer fastest.
 */
#include "edge/httpd_internal.h"

#include "core/accept.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP_LEVEL = 1, GZIP_WINDOW = 15 + 16 /* with gzip's header */, GZIP_MEMORY = 9 };

struct httpd_body {
    atomic_uint refs;
    char *data;
    size_t len;
    pthread_mutex_t lock; /* for the rest */
    bool tried;
    char *gzip; /* NULL: not tried, or not worth it */
    size_t gzip_len;
};

struct httpd_body *httpd_body_new(struct buf *from) {
    struct httpd_body *body = calloc(1, sizeof *body);
    if (!body)
        return NULL;
    atomic_init(&body->refs, 1);
    pthread_mutex_init(&body->lock, NULL);
    body->data = from->data;
    body->len = from->len;
    buf_init(from, from->cap);
    return body;
}

struct httpd_body *httpd_body_ref(struct httpd_body *body) {
    atomic_fetch_add_explicit(&body->refs, 1, memory_order_relaxed);
    return body;
}

void httpd_body_unref(struct httpd_body *body) {
    if (!body || atomic_fetch_sub_explicit(&body->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&body->lock);
    free(body->data);
    free(body->gzip);
    free(body);
}

/* Without memory, or when it does not get smaller, there is no compressed form: the plain one does. */
static void compress_body(struct httpd_body *body) {
    body->tried = true;
    z_stream stream = {.next_in = (Bytef *)body->data, .avail_in = (uInt)body->len};
    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return;
    const size_t bound = body->len; /* what would be larger is not wanted */
    char *out = malloc(bound);
    if (!out)
        goto end;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)bound;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        goto end;
    body->gzip_len = stream.total_out;
    char *fitted = realloc(out, body->gzip_len);
    body->gzip = fitted ? fitted : out;
    out = NULL;
end:
    free(out);
    deflateEnd(&stream);
}

struct httpd_view httpd_body_view(struct httpd_body *body, bool want_gzip) {
    struct httpd_view view = {.data = body->data, .len = body->len, .gzip = false};
    if (!want_gzip || body->len < HTTPD_LEAST_GZIP || body->len > UINT_MAX)
        return view;
    pthread_mutex_lock(&body->lock);
    if (!body->tried)
        compress_body(body);
    if (body->gzip)
        view = (struct httpd_view){.data = body->gzip, .len = body->gzip_len, .gzip = true};
    pthread_mutex_unlock(&body->lock);
    return view;
}

/* --- Accept-Encoding --- */

/* A coding that is not named is worth what `*` is, and nothing without it; but plain is always allowed, as a
 * last resort. */
bool httpd_accepts_gzip(const char *accept_encoding) {
    int gzip = ACCEPT_UNREADABLE;
    int any = ACCEPT_UNREADABLE;
    int identity = ACCEPT_UNREADABLE;
    struct accept_element element;
    while (accept_next(&accept_encoding, &element)) {
        const int q = element.q != ACCEPT_UNREADABLE ? element.q : 0;
        if (accept_is(element.value, "gzip") || accept_is(element.value, "x-gzip"))
            gzip = q;
        else if (accept_is(element.value, "identity"))
            identity = q;
        else if (accept_is(element.value, "*"))
            any = q;
    }
    if (gzip == ACCEPT_UNREADABLE)
        gzip = any;
    return gzip > 0 && gzip >= identity;
}
