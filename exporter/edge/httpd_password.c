/* SPDX-License-Identifier: Apache-2.0
 *
 * Claims: which hash a password is to be tried against, and whether it fits (libcrypt, GnuTLS).
 *
 * A user that does not exist costs what one costs that does: the password is hashed with a fixed salt, at the
 * cost of one of the configured users. Which one is drawn by the name, with a key that only the configuration
 * knows: so where costs differ an unknown name always takes the same time, as a known one does, also after
 * a restart, and unknown names are spread over the costs as known ones are.
 *
 * The password is cut at 72 bytes, as bcrypt means it and as Go's CompareHashAndPassword and htpasswd do;
 * crypt_r() would refuse more than 511. All hashes are computed as $2b$: to Go, too, $2a$ and $2y$ are other
 * names of it, while crypt_r() computes something else for $2a$ and a few passwords with bytes above 127.
 */
#include "edge/httpd_guard.h"

#include <assert.h>
#include <crypt.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

enum { COST_AT = 4, SUM_AT = 29, SUM_BYTES = HTTPD_HASH_BYTES - SUM_AT };

static_assert(RECENT_KEY_BYTES == 32, "the keys are those of SHA-256");

/* Whether two texts of this length are equal, in a time that depends on nothing else. */
static bool equal(const char *a, const char *b, size_t len) {
    unsigned difference = 0;
    for (size_t i = 0; i < len; i++)
        difference |= (unsigned char)a[i] ^ (unsigned char)b[i];
    return difference == 0;
}

/* The hash of the user, NULL if there is none; all are looked at. */
static const char *find_hash(const struct web_config *config, const struct basic_auth *auth) {
    const char *found = NULL;
    for (size_t i = 0; i < config->n_users; i++) {
        const char *name = config->users[i].name;
        if (strlen(name) == auth->user_len && equal(name, basic_auth_user(auth), auth->user_len))
            found = config->users[i].hash;
    }
    return found;
}

static bool digest(const void *secret, size_t secret_len, const void *text, size_t len,
                   uint8_t out[RECENT_KEY_BYTES]) {
    return gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, secret_len, text, len, out) == 0;
}

/* A hash for a user that does not exist: of nobody knows what. */
static bool make_decoy(const struct web_config *config, const struct basic_auth *auth, char *out) {
    static const char decoy[] = "$2b$10$Wq3kTq9vYz0cJb5rVn8GxuMZs7Lh2fQpXa6DeRi1Ky4ToNw0BvHmC";
    static_assert(sizeof decoy == HTTPD_HASH_BYTES + 1, "the form of a hash");
    uint8_t drawn[RECENT_KEY_BYTES];
    uint32_t number;
    if (!digest(config->users[0].hash, HTTPD_HASH_BYTES, basic_auth_user(auth), auth->user_len, drawn))
        return false;
    memcpy(&number, drawn, sizeof number);
    memcpy(out, decoy, sizeof decoy);
    memcpy(out + COST_AT, config->users[number % config->n_users].hash + COST_AT, 2);
    return true;
}

/* Lengths come first, so that no two claims are one text. */
static bool make_key(const struct basic_auth *auth, const uint8_t *secret, struct httpd_claim *claim) {
    char text[32 + HTTPD_HASH_BYTES + BASIC_AUTH_MOST];
    const size_t password_len = strlen(claim->password);
    size_t len = (size_t)snprintf(text, sizeof text, "%zu,%zu,%s", auth->user_len, password_len, claim->hash);
    memcpy(text + len, basic_auth_user(auth), auth->user_len);
    len += auth->user_len;
    memcpy(text + len, claim->password, password_len);
    len += password_len;
    const bool made = digest(secret, RECENT_KEY_BYTES, text, len, claim->key);
    explicit_bzero(text, sizeof text);
    return made;
}

enum status httpd_claim_make(const struct web_config *config, const struct basic_auth *auth,
                             const uint8_t secret[RECENT_KEY_BYTES], struct httpd_claim *out) {
    const char *hash = find_hash(config, auth);
    assert(!hash || strlen(hash) == HTTPD_HASH_BYTES);
    out->known = hash != NULL;
    if (!make_decoy(config, auth, out->hash)) /* also for a known user: that takes time, too */
        return STATUS_NO_MEMORY;
    if (hash)
        memcpy(out->hash, hash, sizeof out->hash);
    const size_t len = auth->password_len < HTTPD_PASSWORD_BYTES ? auth->password_len : HTTPD_PASSWORD_BYTES;
    memcpy(out->password, basic_auth_password(auth), len);
    out->password[len] = '\0';
    return make_key(auth, secret, out) ? STATUS_OK : STATUS_NO_MEMORY;
}

/* crypt_r() knows many methods, by the beginning of the setting: it is given bcrypt and nothing else. */
bool httpd_claim_holds(const struct httpd_claim *claim) {
    struct crypt_data data;
    char setting[HTTPD_HASH_BYTES + 1];
    assert(strlen(claim->hash) == HTTPD_HASH_BYTES && strncmp(claim->hash, "$2", 2) == 0);
    memcpy(setting, claim->hash, sizeof setting);
    setting[2] = 'b';
    memset(&data, 0, sizeof data);
    const char *made = crypt_r(claim->password, setting, &data);
    const bool fits =
        made && strlen(made) == HTTPD_HASH_BYTES && equal(made + SUM_AT, claim->hash + SUM_AT, SUM_BYTES);
    explicit_bzero(&data, sizeof data);
    return fits && claim->known;
}
