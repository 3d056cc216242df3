/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bounce.h"

#include "core/pack.h"

#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1 };
#define NOT_KNOWN UINT32_MAX

static void put(struct buf *out, const struct bounce *b, const struct mirrors *mirrors) {
    pack_u8(out, b->has_address);
    pack_ip(out, &b->address);
    pack_text(out, b->receiver);
    pack_text(out, b->list);
    pack_text(out, b->zone);
    pack_u32(out, b->code);
    pack_u32(out, b->known != NULL ? (uint32_t)(b->known - mirrors->names) : NOT_KNOWN);
    pack_u32(out, b->smtp_status);
    pack_text(out, b->enhanced);
    pack_u8(out, b->kind);
    pack_u8(out, b->high_risk_pool);
}

void bounces_encode(const struct bounces *bounces, const struct mirrors *mirrors, struct buf *out) {
    pack_u8(out, FORMAT);
    pack_u32(out, (uint32_t)bounces->n);
    pack_u64(out, bounces->n_omitted);
    for (size_t i = 0; i < bounces->n; i++)
        put(out, &bounces->items[i], mirrors);
}

/* As bounce_clean() leaves it. */
static bool is_clean(const char *text) {
    while ((unsigned char)*text >= ' ' && *text != 0x7f)
        text++;
    return *text == '\0';
}

static bool take_flag(struct unpack *in) {
    unsigned flag = unpack_u8(in);
    in->bad = in->bad || flag > 1;
    return flag == 1;
}

static const struct mirror_name *take_name(struct unpack *in, const struct mirrors *mirrors) {
    uint32_t i = unpack_u32(in);
    if (i == NOT_KNOWN)
        return NULL;
    in->bad = in->bad || i >= mirrors->n_names;
    return in->bad ? NULL : &mirrors->names[i];
}

/* What no reading can have found. */
static bool is_impossible(const struct bounce *b) {
    return (b->has_address && ip_special(&b->address) != NULL) || !is_clean(b->receiver) ||
           !is_clean(b->list) || !is_clean(b->zone) || !is_clean(b->enhanced) ||
           (b->code != 0 && b->code >> 24 != 127) ||
           (b->smtp_status != 0 && (b->smtp_status < 400 || b->smtp_status >= 600));
}

static bool take(struct unpack *in, const struct mirrors *mirrors, struct bounce *b) {
    memset(b, 0, sizeof *b);
    b->has_address = take_flag(in);
    unpack_ip(in, &b->address);
    unpack_text(in, b->receiver, sizeof b->receiver);
    unpack_text(in, b->list, sizeof b->list);
    unpack_text(in, b->zone, sizeof b->zone);
    b->code = unpack_u32(in);
    b->known = take_name(in, mirrors);
    b->smtp_status = unpack_u32(in);
    unpack_text(in, b->enhanced, sizeof b->enhanced);
    unsigned kind = unpack_u8(in);
    b->kind = kind < BOUNCE_KINDS ? (enum bounce_kind)kind : BOUNCE_OTHER;
    b->high_risk_pool = take_flag(in);
    return !in->bad && kind < BOUNCE_KINDS && !is_impossible(b);
}

enum status bounces_decode(const void *data, size_t len, const struct mirrors *mirrors, struct bounces *out) {
    struct unpack in = unpack_begin(data, len);
    unsigned format = unpack_u8(&in);
    size_t n = unpack_u32(&in);
    uint64_t n_omitted = unpack_u64(&in);
    if (in.bad || format != FORMAT || n > BOUNCES_MOST)
        return STATUS_SYNTAX;
    struct bounces *read = calloc(1, sizeof *read);
    if (read == NULL)
        return STATUS_NO_MEMORY;
    bool good = true;
    for (size_t i = 0; i < n && good; i++)
        good = take(&in, mirrors, &read->items[i]);
    good = good && unpack_is_done(&in);
    if (good) {
        read->n = n;
        read->n_omitted = n_omitted;
        *out = *read;
    }
    free(read);
    return good ? STATUS_OK : STATUS_SYNTAX;
}
