/* SPDX-License-Identifier: Apache-2.0 */
#include "core/web_cipher.h"

#include <stddef.h>
#include <string.h>

#define RSA "RSA"
#define ECDHE_RSA "ECDHE-RSA"
#define ECDHE_ECDSA "ECDHE-ECDSA"

/* name, number, TLS 1.3, key exchange, cipher, MAC */
static const struct web_cipher ciphers[] = {
    {"TLS_RSA_WITH_RC4_128_SHA", 0x0005, false, RSA, "ARCFOUR-128", "SHA1"},
    {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000a, false, RSA, "3DES-CBC", "SHA1"},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f, false, RSA, "AES-128-CBC", "SHA1"},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", 0x0035, false, RSA, "AES-256-CBC", "SHA1"},
    {"TLS_RSA_WITH_AES_128_CBC_SHA256", 0x003c, false, RSA, "AES-128-CBC", "SHA256"},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009c, false, RSA, "AES-128-GCM", "AEAD"},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", 0x009d, false, RSA, "AES-256-GCM", "AEAD"},
    {"TLS_AES_128_GCM_SHA256", 0x1301, true, NULL, NULL, NULL},
    {"TLS_AES_256_GCM_SHA384", 0x1302, true, NULL, NULL, NULL},
    {"TLS_CHACHA20_POLY1305_SHA256", 0x1303, true, NULL, NULL, NULL},
    {"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", 0xc007, false, ECDHE_ECDSA, "ARCFOUR-128", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc009, false, ECDHE_ECDSA, "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 0xc00a, false, ECDHE_ECDSA, "AES-256-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_RC4_128_SHA", 0xc011, false, ECDHE_RSA, "ARCFOUR-128", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", 0xc012, false, ECDHE_RSA, "3DES-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc013, false, ECDHE_RSA, "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xc014, false, ECDHE_RSA, "AES-256-CBC", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xc023, false, ECDHE_ECDSA, "AES-128-CBC", "SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xc027, false, ECDHE_RSA, "AES-128-CBC", "SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b, false, ECDHE_ECDSA, "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c, false, ECDHE_ECDSA, "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f, false, ECDHE_RSA, "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030, false, ECDHE_RSA, "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8, false, ECDHE_RSA, "CHACHA20-POLY1305", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9, false, ECDHE_ECDSA, "CHACHA20-POLY1305",
     "AEAD"},
};

const struct web_cipher *web_cipher_find(const char *name) {
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
        if (strcmp(ciphers[i].name, name) == 0)
            return &ciphers[i];
    }
    return NULL;
}

/* Those of InsecureCipherSuites: RC4, 3DES, and SHA-256 behind CBC. */
static bool is_insecure(const struct web_cipher *cipher) {
    return !cipher->tls13 && (strcmp(cipher->cipher, "ARCFOUR-128") == 0 ||
                              strcmp(cipher->cipher, "3DES-CBC") == 0 || strcmp(cipher->mac, "SHA256") == 0);
}

bool web_cipher_known(const char *name) {
    const struct web_cipher *cipher = web_cipher_find(name);
    return cipher != NULL && !is_insecure(cipher);
}
