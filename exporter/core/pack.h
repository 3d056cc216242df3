/* SPDX-License-Identifier: Apache-2.0
 *
 * pack: numbers and texts as bytes and back, for what is kept on disk.
 *
 * Little endian, without alignment or names. The reader never reads beyond its end: what is missing is 0 or
 * "", and `bad` stays set.
 */
#ifndef RBL_CORE_PACK_H
#define RBL_CORE_PACK_H

#include "core/buf.h"
#include "core/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void pack_u8(struct buf *out, unsigned value);
void pack_u32(struct buf *out, uint32_t value);
void pack_u64(struct buf *out, uint64_t value);
void pack_i64(struct buf *out, int64_t value);
void pack_double(struct buf *out, double value);
/* At most 65,535 bytes of it. */
void pack_text(struct buf *out, const char *text);
void pack_bytes(struct buf *out, const void *bytes, size_t n);
void pack_ip(struct buf *out, const struct ip *ip);

struct unpack {
    const uint8_t *at;
    size_t left;
    bool bad;
};

struct unpack unpack_begin(const void *data, size_t len);
/* Everything was read, and nothing was missing. */
bool unpack_is_done(const struct unpack *u);
unsigned unpack_u8(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
int64_t unpack_i64(struct unpack *u);
/* A finite number; anything else is bad, and 0. */
double unpack_double(struct unpack *u);
/* Into `out`, NUL-terminated; one with NUL in it, or too long for `size`, is bad. */
void unpack_text(struct unpack *u, char *out, size_t size);
/* `n` bytes, borrowed from the data; NULL if they are not there. */
const uint8_t *unpack_bytes(struct unpack *u, size_t n);
void unpack_ip(struct unpack *u, struct ip *out);

/* FNV-1a over bytes: tells whether something changed, nothing more. */
uint64_t pack_hash(const void *bytes, size_t n);

#endif
