/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pack.h"

#include <string.h>

enum { TEXT_MAX = 0xffff };

static void pack_number(struct buf *out, uint64_t value, size_t n) {
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    buf_add(out, bytes, n);
}

void pack_u8(struct buf *out, unsigned value) {
    pack_number(out, value, 1);
}

void pack_u32(struct buf *out, uint32_t value) {
    pack_number(out, value, 4);
}

void pack_u64(struct buf *out, uint64_t value) {
    pack_number(out, value, 8);
}

void pack_i64(struct buf *out, int64_t value) {
    pack_number(out, (uint64_t)value, 8);
}

void pack_double(struct buf *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    pack_u64(out, bits);
}

void pack_text(struct buf *out, const char *text) {
    size_t n = strnlen(text, TEXT_MAX);
    pack_number(out, n, 2);
    buf_add(out, text, n);
}

void pack_bytes(struct buf *out, const void *bytes, size_t n) {
    buf_add(out, bytes, n);
}

void pack_ip(struct buf *out, const struct ip *ip) {
    pack_u8(out, ip->family);
    pack_u64(out, ip->hi);
    pack_u64(out, ip->lo);
}

struct unpack unpack_begin(const void *data, size_t len) {
    return (struct unpack){.at = data, .left = len};
}

bool unpack_is_done(const struct unpack *u) {
    return !u->bad && u->left == 0;
}

const uint8_t *unpack_bytes(struct unpack *u, size_t n) {
    if (u->bad || n > u->left) {
        u->bad = true;
        return NULL;
    }
    const uint8_t *bytes = u->at;
    u->at += n;
    u->left -= n;
    return bytes;
}

static uint64_t unpack_number(struct unpack *u, size_t n) {
    const uint8_t *bytes = unpack_bytes(u, n);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < n; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

unsigned unpack_u8(struct unpack *u) {
    return (unsigned)unpack_number(u, 1);
}

uint32_t unpack_u32(struct unpack *u) {
    return (uint32_t)unpack_number(u, 4);
}

uint64_t unpack_u64(struct unpack *u) {
    return unpack_number(u, 8);
}

int64_t unpack_i64(struct unpack *u) {
    return (int64_t)unpack_number(u, 8);
}

double unpack_double(struct unpack *u) {
    uint64_t bits = unpack_u64(u);
    double value;
    memcpy(&value, &bits, sizeof value);
    if (value - value == 0) /* neither infinite nor no number */
        return value;
    u->bad = true;
    return 0;
}

void unpack_text(struct unpack *u, char *out, size_t size) {
    size_t n = (size_t)unpack_number(u, 2);
    const uint8_t *bytes = unpack_bytes(u, n);
    out[0] = '\0';
    if (bytes == NULL || n >= size || memchr(bytes, '\0', n) != NULL) {
        u->bad = true;
        return;
    }
    memcpy(out, bytes, n);
    out[n] = '\0';
}

void unpack_ip(struct unpack *u, struct ip *out) {
    unsigned family = unpack_u8(u);
    struct ip ip = {.hi = unpack_u64(u)};
    ip.lo = unpack_u64(u);
    ip.family = family == IP_V6 ? IP_V6 : IP_V4;
    if (family > IP_V6 || (family == IP_V4 && (ip.hi != 0 || ip.lo > UINT32_MAX)))
        u->bad = true;
    *out = ip;
}

uint64_t pack_hash(const void *bytes, size_t n) {
    const uint8_t *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}
