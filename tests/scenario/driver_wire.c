/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_wire.h"

#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 12, QR_RD = 0x81, TC = 0x02, RA = 0x80, TYPE_SOA = 6, CLASS_IN = 1, TTL = 300 };
enum { COUNT_QUESTIONS = 4, COUNT_ANSWERS = 6, COUNT_AUTHORITIES = 8 };

/* ---- queries ---- */

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

void wire_read(const uint8_t *bytes, size_t len, struct wire_query *out) {
    static const uint8_t counts[] = {0, 1, 0, 0, 0, 0, 0, 0};
    *out = (struct wire_query){.bytes = bytes, .len = len};
    if (len < HEADER || memcmp(bytes + COUNT_QUESTIONS, counts, sizeof counts) != 0 || bytes[2] != 1 ||
        bytes[3] != 0)
        driver_fail("the program sent something else than a query with one question and RD");
    size_t at = HEADER;
    size_t n = 0;
    while (at < len && bytes[at] != 0 && bytes[at] < 64 && at + bytes[at] + 1u < len &&
           n + 65 < sizeof out->name) {
        if (n > 0)
            out->name[n++] = '.';
        for (unsigned i = 1; i <= bytes[at]; i++)
            out->name[n++] = lower((char)bytes[at + i]);
        at += bytes[at] + 1u;
    }
    if (at + 5 != len || bytes[at] != 0 || bytes[at + 3] != 0 || bytes[at + 4] != CLASS_IN)
        driver_fail("the program sent a malformed question (about %s)", out->name);
    out->type = (unsigned)(bytes[at + 1] << 8 | bytes[at + 2]);
}

static bool v4_address(const char *prefix, size_t len, struct ip *out) {
    unsigned octets[4];
    int used = 0;
    char text[32];
    if (len >= sizeof text)
        return false;
    memcpy(text, prefix, len);
    text[len] = '\0';
    if (sscanf(text, "%3u.%3u.%3u.%3u%n", &octets[0], &octets[1], &octets[2], &octets[3], &used) != 4 ||
        (size_t)used != len)
        return false;
    uint32_t number = 0;
    for (int i = 3; i >= 0; i--)
        number = number << 8 | octets[i];
    *out = ip_v4(number);
    return octets[0] < 256 && octets[1] < 256 && octets[2] < 256 && octets[3] < 256;
}

static bool v6_address(const char *prefix, size_t len, struct ip *out) {
    uint8_t bytes[16] = {0};
    if (len != 63)
        return false;
    for (unsigned i = 0; i < 32; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, prefix[2 * i]);
        if (digit == NULL || (i < 31 && prefix[2 * i + 1] != '.'))
            return false;
        bytes[15 - i / 2] = (uint8_t)(bytes[15 - i / 2] | (digit - digits) << (i % 2 * 4));
    }
    *out = ip_v6(bytes);
    return true;
}

bool wire_address(const char *prefix, size_t len, struct ip *out) {
    return v4_address(prefix, len, out) || v6_address(prefix, len, out);
}

/* ---- answers ---- */

static void put(struct wire *w, const void *bytes, size_t n) {
    if (w->len + n > sizeof w->bytes)
        driver_misread("the answer is too long");
    memcpy(w->bytes + w->len, bytes, n);
    w->len += n;
}

static void put_number(struct wire *w, uint32_t value, unsigned n_bytes) {
    for (unsigned i = n_bytes; i > 0; i--)
        put(w, &(uint8_t){(uint8_t)(value >> (i - 1) * 8)}, 1);
}

void wire_begin(struct wire *w, const struct wire_query *q, unsigned rcode, bool truncated) {
    w->len = 0;
    put(w, q->bytes, q->len);
    w->bytes[2] = QR_RD | (truncated ? TC : 0);
    w->bytes[3] = (uint8_t)(RA | rcode);
}

void wire_lower_case(struct wire *w) {
    for (size_t at = HEADER; w->bytes[at] != 0; at += w->bytes[at] + 1u)
        for (unsigned i = 1; i <= w->bytes[at]; i++)
            w->bytes[at + i] = (uint8_t)lower((char)w->bytes[at + i]);
}

static void put_pointer(struct wire *w, size_t to) {
    put_number(w, 0xc000 | (uint32_t)to, 2);
}

static void put_head(struct wire *w, size_t owner, unsigned type, size_t data_len) {
    put_pointer(w, owner);
    put_number(w, type, 2);
    put_number(w, CLASS_IN, 2);
    put_number(w, TTL, 4);
    put_number(w, (uint32_t)data_len, 2);
}

void wire_a(struct wire *w, uint32_t address) {
    put_head(w, HEADER, WIRE_TYPE_A, 4);
    put_number(w, address, 4);
    w->bytes[COUNT_ANSWERS + 1]++;
}

void wire_txt(struct wire *w, const char *text) {
    size_t len = strlen(text) < 255 ? strlen(text) : 255;
    put_head(w, HEADER, WIRE_TYPE_TXT, len + 1);
    put_number(w, (uint32_t)len, 1);
    put(w, text, len);
    w->bytes[COUNT_ANSWERS + 1]++;
}

void wire_soa(struct wire *w, unsigned labels) {
    static const uint8_t primary[] = {2, 'n', 's'};
    static const uint8_t mailbox[] = {5, 'a', 'd', 'm', 'i', 'n'};
    size_t owner = HEADER;
    for (; labels > 0 && w->bytes[owner] != 0; labels--)
        owner += w->bytes[owner] + 1u;
    put_head(w, owner, TYPE_SOA, sizeof primary + 2 + sizeof mailbox + 2 + 20);
    put(w, primary, sizeof primary);
    put_pointer(w, owner);
    put(w, mailbox, sizeof mailbox);
    put_pointer(w, owner);
    for (uint32_t i = 0; i < 5; i++)
        put_number(w, 3600 + i, 4);
    w->bytes[COUNT_AUTHORITIES + 1]++;
}
