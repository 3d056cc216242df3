/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as the value of a header Authorization. Beside what the sanitizers see: what is taken has a user
 * without a colon, no NUL, and is what its own base64, written again, says, letter for letter; what is
 * refused leaves nothing behind.
 */
#include "core/basic_auth.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode_group(const uint8_t *from, size_t n, char out[4]) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint32_t bits =
        (uint32_t)from[0] << 16 | (n > 1 ? (uint32_t)from[1] << 8 : 0) | (n > 2 ? (uint32_t)from[2] : 0);
    for (size_t i = 0; i < 4; i++)
        out[i] = i <= n ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
}

/* `token` is the base64 of `len` bytes, and nothing more. */
static void check_token(const char *token, const char *bytes, size_t len) {
    char group[4];
    assert(strlen(token) == (len + 2) / 3 * 4);
    for (size_t at = 0; at < len; at += 3, token += 4) {
        encode_group((const uint8_t *)bytes + at, len - at < 3 ? len - at : 3, group);
        assert(memcmp(token, group, 4) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct basic_auth nothing;
    struct basic_auth auth;
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    memset(&auth, 'x', sizeof auth);
    if (basic_auth_parse(text, &auth)) {
        assert(strlen(basic_auth_user(&auth)) == auth.user_len && !strchr(basic_auth_user(&auth), ':'));
        assert(strlen(basic_auth_password(&auth)) == auth.password_len);
        assert(auth.user_len + 1 + auth.password_len <= BASIC_AUTH_MOST);
        auth.text[auth.user_len] = ':';
        check_token(text + 5 + strspn(text + 5, " "), auth.text, auth.user_len + 1 + auth.password_len);
    } else {
        assert(memcmp(&auth, &nothing, sizeof auth) == 0);
    }
    free(text);
    return 0;
}
