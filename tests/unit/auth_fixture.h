/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of passwords in the web server share: a configuration with users, clients that say who they
 * are, and a libcrypt that counts, remembers and can be held. Time is never measured: what costs is counted.
 * The test that includes this asks for -Wl,--wrap=crypt_r.
 */
#ifndef RBL_TESTS_AUTH_FIXTURE_H
#define RBL_TESTS_AUTH_FIXTURE_H

#include "httpd_fixture.h"

#include "core/web_config.h"

#include <crypt.h>

/* All of cost 4, but for the second. */
static const struct web_user users[] = {
    {"alice", "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"},  /* open sesame */
    {"bob", "$2b$05$abcdefghijklmnopqrstuuVQd15VhR/oN1H3pzUR5lME0fZO6.qRW"},    /* other */
    {"nobody", "$2y$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"}, /* nothing */
    {"colon", "$2a$04$abcdefghijklmnopqrstuuIQ9AyrP6qHpzJiEKQ5zxtEz3TPNwuMe"},  /* a:b */
    {"long", "$2y$04$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C"},   /* LONG_PASSWORD */
    {"high", "$2a$04$abcdefghijklmnopqrstuuMOaOTHB4gEm.rriBjXNwBNh.Oc4mKGG"},   /* ff ff a3 */
    {"", "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"},       /* open sesame */
};
enum { N_USERS = sizeof users / sizeof *users };
static const char RIGHT[] = "alice:open sesame";
#define LONG_PASSWORD "0123456789012345678901234567890123456789012345678901234567890123456789ab"

/* --- libcrypt --- */

enum { MAX_TRIED = 4096 };
static atomic_bool hold;          /* hashes take until it is false */
static atomic_uint n_tried;       /* begun */
static atomic_uint n_hashed;      /* done */
static char tried[MAX_TRIED][16]; /* the passwords, cut; of the hasher thread */
static char cost_tried[MAX_TRIED][3];

char *__real_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);

char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data) {
    const unsigned n = atomic_load(&n_tried) % MAX_TRIED;
    snprintf(tried[n], sizeof tried[n], "%s", phrase);
    snprintf(cost_tried[n], sizeof cost_tried[n], "%.2s", setting + 4);
    atomic_fetch_add(&n_tried, 1);
    while (atomic_load(&hold))
        usleep(1000);
    char *made = __real_crypt_r(phrase, setting, data);
    atomic_fetch_add(&n_hashed, 1);
    return made;
}

static inline int reset_counts(void **state) {
    atomic_store(&hold, false);
    atomic_store(&n_tried, 0);
    atomic_store(&n_hashed, 0);
    return 0;
}

/* --- Configurations --- */

static inline struct web_config *config_of(const struct web_user *list, size_t n) {
    struct web_config *config = calloc(1, sizeof *config);
    assert_non_null(config);
    arena_init(&config->arena);
    config->users = list;
    config->n_users = n;
    return config;
}

static inline struct httpd_security *security_of(struct web_config *config) {
    struct httpd_security *security = httpd_security_new(&config, NULL);
    assert_non_null(security);
    return security;
}

static inline struct httpd_options guarded_by(struct httpd_security *security) {
    struct httpd_options options = patient;
    options.security = security;
    return options;
}

static inline struct fixture *start_guarded(void) {
    return start(guarded_by(security_of(config_of(users, N_USERS))));
}

/* --- Clients that say who they are --- */

/* "user:password" in base64. */
static inline void encode(const char *text, size_t len, char *out) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        const size_t n = len - i < 3 ? len - i : 3;
        const uint8_t *from = (const uint8_t *)text + i;
        const uint32_t bits =
            (uint32_t)from[0] << 16 | (n > 1 ? (uint32_t)from[1] << 8 : 0) | (n > 2 ? (uint32_t)from[2] : 0);
        for (size_t at = 0; at < 4; at++)
            *out++ = at <= n ? alphabet[bits >> (18 - 6 * at) & 63] : '=';
    }
    *out = '\0';
}

/* "GET / " with what else there is, from `source`; the connection waits for its answer. */
static inline int call(const struct fixture *f, const char *source, const char *line, const char *login,
                       const char *rest) {
    char token[2048];
    char request[4096];
    encode(login, strlen(login), token);
    snprintf(request, sizeof request, "%s " HOST "Authorization: Basic %s\r\n%s", line, token, rest);
    const int fd = dial_from(f, source);
    assert_true(send_text(fd, request));
    return fd;
}

static inline int knock(const struct fixture *f, const char *source, const char *login) {
    return call(f, source, "GET /", login, "\r\n");
}

/* What the answer is, and the end of the connection. */
static inline int status_of(int fd) {
    struct reply r = receive(fd, false);
    const int status = r.status;
    reply_release(&r);
    close(fd);
    return status;
}

static inline int status_for(const struct fixture *f, const char *login) {
    return status_of(knock(f, "127.0.0.1", login));
}

#endif
