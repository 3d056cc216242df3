/* SPDX-License-Identifier: Apache-2.0
 *
 * The section tls_server_config. Beyond what exporter-toolkit refuses, that is refused which would be less
 * safe than it looks, or would serve nobody:
 * - a certificate (key, authorities) both as text and as a file: one of them would be ignored;
 * - keys of this section without a certificate: it would be plain HTTP;
 * - certificates of clients verified without authorities: any that the system trusts would do;
 * - names that clients need in a certificate that they are not asked for, or an empty list of them;
 * - a least version above the highest.
 */
#include "core/web_config_internal.h"

#include "core/settings_internal.h"
#include "core/web_cipher.h"

#include <stdio.h>
#include <string.h>

static const char *const auth_names[] = {
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
    "RequireClientCert", /* of old */
    NULL,
};
static const char *const version_names[] = {"TLS10", "TLS11", "TLS12", "TLS13", NULL};
static const char *const curve_names[] = {"CurveP256", "CurveP384", "CurveP521", "X25519", NULL};

/* --- Certificates, keys, authorities --- */

static void note_place(struct web_pem *pem, const struct node *value) {
    pem->line = value->line;
    pem->column = value->column;
}

/* Whether what should name a file is the text of one, perhaps a key: paths are shown where they are of no
 * use, and that must not be. */
static bool is_pem(const char *text) {
    return settings_has_control(text) || strstr(text, "-----BEGIN");
}

/* An empty text counts as none, as with exporter-toolkit. */
static void read_file(struct web_reader *r, const struct node *value, struct web_pem *pem) {
    bool below = r->folder[0] != '\0' && strcmp(r->folder, ".") != 0;
    const char *path = web_text(r, value);
    if (!path || path[0] == '\0')
        return;
    if (is_pem(path)) {
        const char *name = value->key->text;
        web_error(r, value, "\"%s\" expects the name of a file; a text itself is given as \"%.*s\"", name,
                  (int)(strlen(name) - strlen("_file")), name);
        return;
    }
    note_place(pem, value);
    pem->file = path[0] == '/' || !below ? path : arena_printf(&r->config->arena, "%s/%s", r->folder, path);
    if (!pem->file)
        r->problems->no_memory = true;
}

static void read_text(struct web_reader *r, const struct node *value, struct web_pem *pem) {
    const char *text = web_text(r, value);
    if (!text || text[0] == '\0')
        return;
    pem->text = text;
    if (!pem->file)
        note_place(pem, value);
}

static void read_cert_file(struct web_reader *r, const struct node *value) {
    read_file(r, value, &r->config->tls.cert);
}

static void read_key_file(struct web_reader *r, const struct node *value) {
    read_file(r, value, &r->config->tls.key);
}

static void read_client_ca_file(struct web_reader *r, const struct node *value) {
    read_file(r, value, &r->config->tls.client_ca);
}

static void read_cert(struct web_reader *r, const struct node *value) {
    read_text(r, value, &r->config->tls.cert);
}

static void read_key(struct web_reader *r, const struct node *value) {
    read_text(r, value, &r->config->tls.key);
}

static void read_client_ca(struct web_reader *r, const struct node *value) {
    read_text(r, value, &r->config->tls.client_ca);
}

/* --- Rules --- */

static void read_client_auth(struct web_reader *r, const struct node *value) {
    if (value->type == NODE_SCALAR && value->len == 0)
        return;
    int choice = web_choice(r, value, auth_names);
    if (choice >= 0)
        r->config->tls.client_auth = choice > WEB_REQUIRE_AND_VERIFY_CLIENT_CERT
                                         ? WEB_REQUIRE_ANY_CLIENT_CERT
                                         : (enum web_client_auth)choice;
}

static void read_min_version(struct web_reader *r, const struct node *value) {
    int choice = web_choice(r, value, version_names);
    if (choice >= 0)
        r->config->tls.min_version = (enum web_tls_version)choice;
}

static void read_max_version(struct web_reader *r, const struct node *value) {
    int choice = web_choice(r, value, version_names);
    if (choice >= 0)
        r->config->tls.max_version = (enum web_tls_version)choice;
}

/* Whether an entry of a list is a text that says something. */
static bool is_entry(struct web_reader *r, const struct node *list, const struct node *entry,
                     const char *what) {
    if (entry->type == NODE_SCALAR && entry->len > 0 && !node_is_null(entry))
        return true;
    web_error(r, entry, "\"%s\" expects %s, found %s", list->key->text, what,
              entry->type == NODE_SCALAR ? "an empty one" : node_type_text(entry));
    return false;
}

static void read_allowed_sans(struct web_reader *r, const struct node *value) {
    struct web_tls *tls = &r->config->tls;
    if (!web_is_list(r, value, "a list of names in certificates"))
        return;
    if (value->n_children == 0)
        web_error(r, value,
                  "\"client_allowed_sans\" is empty; expected names in certificates, or no such key");
    const char **names = web_alloc(r, value->n_children, sizeof *names);
    for (const struct node *entry = value->first; entry && names; entry = entry->next) {
        const char *name = is_entry(r, value, entry, "names in certificates") ? web_text(r, entry) : NULL;
        if (name)
            names[tls->n_allowed_sans++] = name;
    }
    tls->allowed_sans = names;
}

static void read_cipher_suites(struct web_reader *r, const struct node *value) {
    struct web_tls *tls = &r->config->tls;
    if (!web_is_list(r, value, "a list of cipher suites"))
        return;
    const char **names = web_alloc(r, value->n_children, sizeof *names);
    for (const struct node *entry = value->first; entry && names; entry = entry->next) {
        if (!is_entry(r, value, entry, "names of cipher suites"))
            continue;
        if (!web_cipher_known(entry->text))
            web_error(r, entry,
                      "unknown cipher suite \"%.64s\"; those of https://pkg.go.dev/crypto/tls#CipherSuites "
                      "are known, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                      entry->text);
        else
            names[tls->n_cipher_suites++] = web_text(r, entry);
    }
    tls->cipher_suites = names;
}

static int curve_of(const struct node *entry) {
    for (int i = 0; curve_names[i]; i++)
        if (strcmp(entry->text, curve_names[i]) == 0)
            return i;
    return -1;
}

static void read_curves(struct web_reader *r, const struct node *value) {
    struct web_tls *tls = &r->config->tls;
    if (!web_is_list(r, value, "a list of elliptic curves"))
        return;
    enum web_curve *curves = web_alloc(r, value->n_children, sizeof *curves);
    for (const struct node *entry = value->first; entry && curves; entry = entry->next) {
        if (!is_entry(r, value, entry, "names of elliptic curves"))
            continue;
        int curve = curve_of(entry);
        if (curve < 0)
            web_error(r, entry,
                      "unknown curve \"%.64s\"; expected one of CurveP256, CurveP384, CurveP521, X25519",
                      entry->text);
        else
            curves[tls->n_curves++] = (enum web_curve)curve;
    }
    tls->curves = curves;
}

static const struct web_key tls_keys[] = {
    {"cert_file", read_cert_file},
    {"key_file", read_key_file},
    {"client_ca_file", read_client_ca_file},
    {"cert", read_cert},
    {"key", read_key},
    {"client_ca", read_client_ca},
    {"client_auth_type", read_client_auth},
    {"client_allowed_sans", read_allowed_sans},
    {"min_version", read_min_version},
    {"max_version", read_max_version},
    {"cipher_suites", read_cipher_suites},
    {"prefer_server_cipher_suites", web_read_ignored_bool}, /* without effect in today's Go, too */
    {"curve_preferences", read_curves},
    {NULL, NULL},
};

/* --- What has to fit together --- */

static bool is_given(const struct web_pem *pem) {
    return pem->file || pem->text;
}

/* Whether a key has a value that says something. */
static bool says(const struct node *value) {
    return value && !node_is_null(value) && (value->type != NODE_SCALAR || value->len > 0);
}

static void refuse_both(struct web_reader *r, const struct node *section, const char *text,
                        const char *file) {
    const struct node *first = node_find(section, text);
    const struct node *second = node_find(section, file);
    if (!says(first) || !says(second))
        return;
    bool in_order =
        first->line < second->line || (first->line == second->line && first->column < second->column);
    web_error(r, (in_order ? second : first)->key, "\"%s\" and \"%s\" exclude each other; give one of them",
              text, file);
}

static void check_client(struct web_reader *r, const struct node *section) {
    const struct web_tls *tls = &r->config->tls;
    const struct node *auth = node_find(section, "client_auth_type");
    const struct node *sans = node_find(section, "client_allowed_sans");
    bool none = tls->client_auth == WEB_NO_CLIENT_CERT;
    bool verifies = tls->client_auth >= WEB_VERIFY_CLIENT_CERT_IF_GIVEN;
    if (verifies && !is_given(&tls->client_ca))
        web_error(r, auth,
                  "\"%s\" needs \"client_ca_file\" (or \"client_ca\"): the authorities whose certificates of "
                  "clients count",
                  auth->text);
    if (none && is_given(&tls->client_ca))
        problems_error(r->problems, tls->client_ca.line, tls->client_ca.column,
                       "authorities for certificates of clients without \"client_auth_type\": no client is "
                       "asked for one; expected RequireAndVerifyClientCert");
    if (none && says(sans))
        web_error(r, sans->key,
                  "\"client_allowed_sans\" without \"client_auth_type\": no client is asked for a "
                  "certificate; expected RequireAndVerifyClientCert");
}

static void check_versions(struct web_reader *r, const struct node *section) {
    const struct web_tls *tls = &r->config->tls;
    const struct node *least = node_find(section, "min_version");
    const struct node *highest = node_find(section, "max_version");
    if (tls->min_version > tls->max_version)
        web_error(r, says(least) ? least : highest,
                  "\"min_version\" (%s) is above \"max_version\" (%s): no client could connect",
                  version_names[tls->min_version], version_names[tls->max_version]);
}

/* The first key that has a value; NULL if none. */
static const struct node *first_said(const struct node *section) {
    for (const struct node *child = section->first; child; child = child->next)
        if (says(child))
            return child;
    return NULL;
}

static void check_used(struct web_reader *r, const struct node *section) {
    struct web_tls *tls = &r->config->tls;
    const struct node *said = first_said(section);
    tls->used = said != NULL;
    if (!said)
        return;
    if (!is_given(&tls->cert))
        web_error(r, section->key, "tls_server_config has no certificate: give \"cert_file\" (or \"cert\")");
    if (!is_given(&tls->key))
        web_error(r, section->key, "tls_server_config has no key: give \"key_file\" (or \"key\")");
}

void web_read_tls(struct web_reader *r, const struct node *value) {
    size_t n_errors = r->problems->n_errors;
    web_section(r, value, "tls_server_config", tls_keys);
    if (value->type != NODE_MAPPING)
        return;
    refuse_both(r, value, "cert", "cert_file");
    refuse_both(r, value, "key", "key_file");
    refuse_both(r, value, "client_ca", "client_ca_file");
    if (r->problems->n_errors > n_errors || r->problems->no_memory)
        return; /* what is missing may be what was wrong */
    check_used(r, value);
    check_client(r, value);
    check_versions(r, value);
}
