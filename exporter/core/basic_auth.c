/* SPDX-License-Identifier: Apache-2.0 */
#include "core/basic_auth.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* --- Base64 --- */

/* The six bits that a character stands for, or -1. */
static int sextet(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* One to three bytes out of four characters, of which `n` are no padding; 0: malformed. */
static size_t decode_group(const char *text, size_t n, char out[3]) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        const int value = i < n ? sextet(text[i]) : 0;
        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
    }
    out[0] = (char)(bits >> 16 & 0xff);
    out[1] = (char)(bits >> 8 & 0xff);
    out[2] = (char)(bits & 0xff);
    const uint32_t left_over = n == 2 ? bits & 0xffff : n == 3 ? bits & 0xff : 0;
    return left_over == 0 ? n - 1 : 0;
}

static size_t padding(const char *text, size_t len) {
    if (text[len - 1] != '=')
        return 0;
    return text[len - 2] == '=' ? 2 : 1;
}

/* The number of bytes, at most BASIC_AUTH_MOST; 0: malformed, or nothing, or too long. */
static size_t decode(const char *text, char out[BASIC_AUTH_MOST]) {
    const size_t len = strlen(text);
    size_t n = 0;
    if (len == 0 || len % 4 != 0 || len / 4 * 3 > BASIC_AUTH_MOST + 2)
        return 0;
    for (size_t i = 0; i < len; i += 4) {
        char group[3];
        const size_t pad = i + 4 == len ? padding(text, len) : 0;
        const size_t got = decode_group(text + i, 4 - pad, group);
        if (got == 0 || n + got > BASIC_AUTH_MOST)
            return 0;
        memcpy(out + n, group, got);
        n += got;
    }
    return n;
}

/* --- The header --- */

/* What follows the scheme and its spaces; NULL: another scheme. */
static const char *token_of(const char *value) {
    static const char scheme[] = "Basic";
    const char *at = value + sizeof scheme - 1;
    if (strncasecmp(value, scheme, sizeof scheme - 1) != 0 || *at != ' ')
        return NULL;
    return at + strspn(at, " ");
}

static bool split(struct basic_auth *out, size_t len) {
    char *colon = memchr(out->text, ':', len);
    if (!colon || memchr(out->text, '\0', len))
        return false;
    *colon = '\0';
    out->text[len] = '\0';
    out->user_len = (size_t)(colon - out->text);
    out->password_len = len - out->user_len - 1;
    return true;
}

bool basic_auth_parse(const char *value, struct basic_auth *out) {
    const char *token = token_of(value);
    const size_t len = token ? decode(token, out->text) : 0;
    if (len > 0 && split(out, len))
        return true;
    memset(out, 0, sizeof *out);
    return false;
}
