/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection over TLS: what it begins with, and what is looked at while GnuTLS shakes hands.
 *
 * libmicrohttpd makes the session, tells us of the connection before it has read a byte, and calls
 * gnutls_handshake(); if that fails it closes without a word. So whatever we can know beforehand is judged
 * here, with an alert that says why: no version in common, no cipher suite, no certificate of the client or a
 * bad one. Who speaks plain HTTP gets an answer in plain HTTP, the one that Go's server gives.
 *
 * Our part of a session is in `struct connection`, which GnuTLS hands us as the session's pointer:
 * libmicrohttpd puts one of its own there for pre-shared keys only, which we have not.
 */
#include "core/ip.h"
#include "edge/httpd_internal.h"
#include "edge/httpd_tls_internal.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum {
    EXTENSION_SUPPORTED_VERSIONS = 43,
    RANDOM_BYTES = 32,
    SAN_BYTES = 1024,
    UNHEARD_BYTES = 64 * 1024, /* from a client, without anything of a request among them */
};

/* Tells the client and whoever reads our log, and returns `code`, which ends the handshake. The client may
 * have sent more than has been read, so what follows is swallowed for a moment, like the rest of a refused
 * upload. */
static int refuse(struct connection *c, gnutls_session_t session, gnutls_alert_description_t alert, int code,
                  const char *why) {
    (void)gnutls_alert_send(session, GNUTLS_AL_FATAL, alert);
    shutdown(c->fd, SHUT_WR);
    c->upload_unread = true;
    httpd_say(c->server, "TLS handshake refused", why);
    return code;
}

/* --- Plain HTTP where TLS is spoken --- */

static bool is_plain_http(const char *bytes, size_t len) {
    static const char *const starts[] = {"GET /", "HEAD ", "POST ", "PUT /", "OPTIO"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (len >= 5 && memcmp(bytes, starts[i], 5) == 0)
            return true;
    }
    return false;
}

static void answer_plain_http(struct connection *c) {
    static const char text[] = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                               "Client sent an HTTP request to an HTTPS server.\n";
    (void)send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(c->fd, SHUT_WR);
    c->upload_unread = true;
}

/* GnuTLS keeps a handshake message until it is complete, and believes a client that announces 16 MiB. */
static bool is_too_much(struct connection *c, size_t got) {
    c->tls_unheard += got;
    if (c->tls_unheard <= UNHEARD_BYTES)
        return false;
    httpd_say(c->server, "TLS connection ended", "handshake messages that are too large");
    return true;
}

/* gnutls_pull_func: reading as GnuTLS does it itself, but for a look at the first bytes and at how many there
 * are. */
static ssize_t pull(gnutls_transport_ptr_t context, void *data, size_t size) {
    struct connection *c = context;
    const ssize_t got = recv(c->fd, data, size, 0);
    if (got <= 0)
        return got;
    const bool is_plain = !c->tls_heard && is_plain_http(data, (size_t)got);
    c->tls_heard = true;
    if (is_plain)
        answer_plain_http(c);
    if (is_plain || is_too_much(c, (size_t)got)) {
        errno = ECONNRESET;
        return -1;
    }
    return got;
}

/* --- What the client offers --- */

/* A message that is read from its start; a failed read leaves nothing to read. */
struct reader {
    const uint8_t *at;
    size_t left;
};

/* NULL: there are not as many. */
static const uint8_t *take(struct reader *r, size_t n) {
    const uint8_t *taken = n <= r->left ? r->at : NULL;
    const size_t step = taken ? n : r->left;
    r->at += step;
    r->left -= step;
    return taken;
}

/* A number of `size` bytes, most significant first; 0 if there are not as many. */
static size_t take_number(struct reader *r, size_t size) {
    const uint8_t *bytes = take(r, size);
    size_t number = 0;
    for (size_t i = 0; bytes && i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* What follows its own length, which takes `size` bytes. */
static struct reader take_vector(struct reader *r, size_t size) {
    const size_t len = take_number(r, size);
    const uint8_t *bytes = take(r, len);
    return (struct reader){.at = bytes ? bytes : r->at, .left = bytes ? len : 0};
}

static uint32_t offered_suites(const struct httpd_tls *tls, struct reader list) {
    uint32_t offered = 0;
    while (list.left >= 2) {
        const size_t number = take_number(&list, 2);
        for (size_t i = 0; i < tls->n_suites; i++)
            offered |= tls->suites[i].number == number ? UINT32_C(1) << i : 0;
    }
    return offered;
}

static bool is_allowed(const struct httpd_tls *tls, size_t version) {
    return version >= 0x0301u + (unsigned)tls->min_version && version <= 0x0301u + (unsigned)tls->max_version;
}

/* TLS 1.2 and older clients name the highest version that they know, newer ones all (RFC 8446, 4.2.1). */
static bool has_allowed_version(const struct httpd_tls *tls, size_t highest, struct reader extensions) {
    while (extensions.left > 0) {
        const size_t type = take_number(&extensions, 2);
        struct reader body = take_vector(&extensions, 2);
        if (type != EXTENSION_SUPPORTED_VERSIONS)
            continue;
        struct reader versions = take_vector(&body, 1);
        bool any = false;
        while (versions.left >= 2)
            any = is_allowed(tls, take_number(&versions, 2)) || any;
        return any;
    }
    return highest >= 0x0301u + (unsigned)tls->min_version && tls->min_version < WEB_TLS13;
}

/* ClientHello (RFC 5246, 7.4.1.2). What is malformed is GnuTLS's to refuse. */
static int judge_hello(struct connection *c, gnutls_session_t session, const gnutls_datum_t *message) {
    struct reader hello = {.at = message->data, .left = message->size};
    const size_t version = take_number(&hello, 2);
    take(&hello, RANDOM_BYTES);
    take_vector(&hello, 1); /* session */
    c->tls_offered = offered_suites(c->tls, take_vector(&hello, 2));
    take_vector(&hello, 1); /* compression */
    if (has_allowed_version(c->tls, version, take_vector(&hello, 2)))
        return 0;
    return refuse(c, session, GNUTLS_A_PROTOCOL_VERSION, GNUTLS_E_UNSUPPORTED_VERSION_PACKET,
                  "no version of TLS in common");
}

static bool is_required(const struct httpd_tls *tls) {
    return tls->client_auth == WEB_REQUIRE_ANY_CLIENT_CERT ||
           tls->client_auth == WEB_REQUIRE_AND_VERIFY_CLIENT_CERT;
}

static int refuse_nameless(struct connection *c, gnutls_session_t session) {
    const bool is_new = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
    return refuse(c, session, is_new ? GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE,
                  GNUTLS_E_NO_CERTIFICATE_FOUND, "the client has sent no certificate");
}

/* A message without certificates: nothing but lengths of zero (before TLS 1.3 one of three bytes, from it on
 * behind another of one byte). */
static bool is_empty_list(const gnutls_datum_t *message) {
    for (unsigned i = 0; i < message->size; i++) {
        if (message->data[i] != 0)
            return false;
    }
    return message->size <= 4;
}

/* gnutls_handshake_hook_func: before GnuTLS looks at a message. */
static int before_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                          const gnutls_datum_t *message) {
    struct connection *c = gnutls_session_get_ptr(session);
    (void)when;
    if (incoming && type == GNUTLS_HANDSHAKE_CLIENT_HELLO)
        return judge_hello(c, session, message);
    if (incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT && is_required(c->tls) && is_empty_list(message))
        return refuse_nameless(c, session);
    return 0;
}

/* --- The cipher suite --- */

/* gnutls_handshake_post_client_hello_func: the version has been agreed on, the cipher suite comes next. */
static int choose_suite(gnutls_session_t session) {
    struct connection *c = gnutls_session_get_ptr(session);
    const gnutls_protocol_t version = gnutls_protocol_get_version(session);
    if (!c->tls->chooses || version >= GNUTLS_TLS1_3)
        return 0;
    for (size_t i = 0; i < c->tls->n_suites; i++) {
        const struct httpd_tls_suite *suite = &c->tls->suites[i];
        if (((c->tls_offered >> i) & 1) != 0 && (version >= GNUTLS_TLS1_2 || !suite->from_tls12))
            return gnutls_priority_set(session, suite->priority);
    }
    return refuse(c, session, GNUTLS_A_HANDSHAKE_FAILURE, GNUTLS_E_NO_CIPHER_SUITES,
                  "no cipher suite in common");
}

/* --- The client's certificate --- */

/* As Go writes it: an IPv4 address as such, also where it is mapped. */
static size_t address_text(const uint8_t *bytes, size_t len, char out[IP_TEXT_SIZE]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (len == 16 && memcmp(bytes, mapped, sizeof mapped) == 0) {
        bytes += sizeof mapped;
        len = 4;
    }
    if (len != 4 && len != 16)
        return 0;
    const struct ip ip =
        len == 4
            ? ip_v4((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3])
            : ip_v6(bytes);
    return ip_format(&ip, out);
}

static bool is_san_allowed(const struct httpd_tls *tls, const char *name, size_t len) {
    for (size_t i = 0; i < tls->n_sans; i++) {
        if (strlen(tls->sans[i]) == len && memcmp(tls->sans[i], name, len) == 0)
            return true;
    }
    return false;
}

/* Names of hosts, of mail, addresses and URIs count; the rest has no text that could be compared. */
static bool is_allowed_name(const struct httpd_tls *tls, int type, const char *name, size_t len) {
    char address[IP_TEXT_SIZE];
    if (type == GNUTLS_SAN_IPADDRESS) {
        len = address_text((const uint8_t *)name, len, address);
        return len > 0 && is_san_allowed(tls, address, len);
    }
    return (type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME || type == GNUTLS_SAN_URI) &&
           is_san_allowed(tls, name, len);
}

/* A name longer than SAN_BYTES equals none that somebody wrote down. */
static bool has_allowed_name(const struct httpd_tls *tls, gnutls_x509_crt_t cert) {
    for (unsigned i = 0;; i++) {
        char name[SAN_BYTES];
        size_t len = sizeof name;
        const int type = gnutls_x509_crt_get_subject_alt_name(cert, i, name, &len, NULL);
        if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (type < 0)
            return false;
        if (is_allowed_name(tls, type, name, len))
            return true;
    }
}

static bool is_client_allowed(const struct httpd_tls *tls, const gnutls_datum_t *der) {
    gnutls_x509_crt_t cert = NULL;
    if (gnutls_x509_crt_init(&cert) < 0)
        return false;
    const bool allowed =
        gnutls_x509_crt_import(cert, der, GNUTLS_X509_FMT_DER) >= 0 && has_allowed_name(tls, cert);
    gnutls_x509_crt_deinit(cert);
    return allowed;
}

static gnutls_alert_description_t alert_of(unsigned status) {
    if (status & GNUTLS_CERT_SIGNER_NOT_FOUND)
        return GNUTLS_A_UNKNOWN_CA;
    return status & GNUTLS_CERT_EXPIRED ? GNUTLS_A_CERTIFICATE_EXPIRED : GNUTLS_A_BAD_CERTIFICATE;
}

/* Chain, time and purpose. 0: it is right. */
static int verify_client(struct connection *c, gnutls_session_t session) {
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = 0;
    const int code = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
    if (code >= 0 && status == 0)
        return 0;
    gnutls_datum_t why = {0};
    if (code < 0 || gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &why, 0) < 0)
        return refuse(c, session, GNUTLS_A_BAD_CERTIFICATE, GNUTLS_E_CERTIFICATE_ERROR,
                      "the client's certificate cannot be verified");
    if (why.size > 0 && why.data[why.size - 1] == ' ')
        why.data[why.size - 1] = '\0';
    const int end = refuse(c, session, alert_of(status), GNUTLS_E_CERTIFICATE_ERROR, (const char *)why.data);
    gnutls_free(why.data);
    return end;
}

/* gnutls_certificate_verify_function: the client has sent its certificate, or that it has none (which GnuTLS
 * does not let through where one is required). */
static int judge_client(gnutls_session_t session) {
    struct connection *c = gnutls_session_get_ptr(session);
    unsigned n = 0;
    const gnutls_datum_t *certs = gnutls_certificate_get_peers(session, &n);
    if (!certs || n == 0)
        return c->tls->n_sans > 0 ? refuse_nameless(c, session) : 0;
    if (c->tls->client_auth >= WEB_VERIFY_CLIENT_CERT_IF_GIVEN) {
        const int code = verify_client(c, session);
        if (code != 0)
            return code;
    }
    if (c->tls->n_sans > 0 && !is_client_allowed(c->tls, &certs[0]))
        return refuse(c, session, GNUTLS_A_BAD_CERTIFICATE, GNUTLS_E_CERTIFICATE_ERROR,
                      "no name in the client's certificate is among client_allowed_sans");
    return 0;
}

/* --- The start --- */

static void ask_client(const struct httpd_tls *tls, gnutls_session_t session) {
    if (tls->client_auth == WEB_NO_CLIENT_CERT)
        return;
    gnutls_certificate_server_set_request(session,
                                          is_required(tls) ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST);
    gnutls_certificate_send_x509_rdn_sequence(session, tls->names_authorities ? 0 : 1);
    gnutls_session_set_verify_function(session, judge_client);
}

bool httpd_tls_begin(struct connection *c, gnutls_session_t session) {
    static const char http[] = "http/1.1";
    const gnutls_datum_t protocol = {.data = (unsigned char *)http, .size = sizeof http - 1};
    gnutls_transport_ptr_t from;
    gnutls_transport_ptr_t to;
    gnutls_session_set_ptr(session, c);
    gnutls_transport_get_ptr2(session, &from, &to);
    gnutls_transport_set_ptr2(session, c, to);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, before_message);
    gnutls_handshake_set_post_client_hello_function(session, choose_suite);
    ask_client(c->tls, session);
    return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, c->tls->credentials) >= 0 &&
           gnutls_priority_set(session, c->tls->priority) >= 0 &&
           gnutls_alpn_set_protocols(session, &protocol, 1, GNUTLS_ALPN_MANDATORY) >= 0;
}
