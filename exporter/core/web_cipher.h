/* SPDX-License-Identifier: Apache-2.0
 *
 * web_cipher: the cipher suites that web-config.yml may name.
 *
 * Those that Go's crypto/tls implements (CipherSuites and InsecureCipherSuites), under the names of IANA
 * (https://www.iana.org/assignments/tls-parameters), each with its parts as GnuTLS calls them.
 */
#ifndef RBL_CORE_WEB_CIPHER_H
#define RBL_CORE_WEB_CIPHER_H

#include <stdbool.h>
#include <stdint.h>

struct web_cipher {
    const char *name;
    uint16_t number;
    bool tls13;         /* a suite of TLS 1.3: it may be named, but there is no choosing among those */
    const char *kx;     /* key exchange, as in a priority string of GnuTLS; NULL with `tls13` */
    const char *cipher; /* NULL with `tls13` */
    const char *mac;    /* NULL with `tls13` */
};

/* Names are compared exactly, as Go does. NULL: there is none of that name. */
const struct web_cipher *web_cipher_find(const char *name);
/* Whether a configuration may name it: those that exporter-toolkit takes, which are Go's CipherSuites. Of
 * InsecureCipherSuites some are not served at all, and who named one would not be told. */
bool web_cipher_known(const char *name);

#endif
